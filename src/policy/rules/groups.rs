//! Required and denied groups: nested membership, the primary group included.

use crate::directory::EntryRef;
use crate::policy::refusal::Refusal;

use super::Subject;

pub(super) fn required(subject: Subject<'_>) -> Result<(), Refusal> {
    let required = &subject.application.required_groups;
    let is_in = |name: &String| match one_group(subject, name) {
        Some(group) => subject.view.is_member(subject.entry, group),
        None => false,
    };
    if required.is_empty() || required.iter().any(is_in) {
        Ok(())
    } else {
        Err(Refusal::NotInRequiredGroup)
    }
}

/// A denied group that is not in this view is no reason for a refusal if another directory of the
/// application holds it; whether any does is checked when the configuration meets the views. Within one
/// view, a name that stands for several groups denies by each of them.
pub(super) fn not_denied(subject: Subject<'_>) -> Result<(), Refusal> {
    for name in &subject.application.denied_groups {
        let groups = subject.view.groups_named(name);
        if groups.is_empty() && subject.application.directories.len() == 1 {
            return Err(Refusal::GroupUnresolved);
        }
        if groups.into_iter().any(|group| subject.view.is_member(subject.entry, group)) {
            return Err(Refusal::InDeniedGroup);
        }
    }
    Ok(())
}

/// The one group called `name`. An ambiguous name grants nothing.
fn one_group<'a>(subject: Subject<'a>, name: &str) -> Option<EntryRef<'a>> {
    match subject.view.groups_named(name).as_slice() {
        [group] => Some(*group),
        _ => None,
    }
}
