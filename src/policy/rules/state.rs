//! Disabled, expired, or unreadable.

use crate::policy::account::AccountState;
use crate::policy::refusal::Refusal;

use super::Subject;

pub(super) fn check(subject: Subject<'_>) -> Result<(), Refusal> {
    let read = || AccountState::read(subject.entry, subject.view.domain().kind);
    subject.state.map_or_else(read, Ok)?.check(subject.wall)
}
