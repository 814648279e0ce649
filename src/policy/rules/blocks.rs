//! Blocked by an operator.

use crate::policy::refusal::Refusal;

use super::Subject;

pub(super) fn check(subject: Subject<'_>) -> Result<(), Refusal> {
    let Subject { application, directory, view, entry, wall, .. } = subject;
    subject
        .blocks
        .map_or(Ok(()), |blocks| blocks.check(&application.name, directory, view, entry, wall))
}
