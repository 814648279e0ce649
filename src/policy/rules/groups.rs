//! Required and denied groups: nested membership, the primary group included.

use crate::directory::EntryRef;
use crate::policy::refusal::Refusal;

use super::Subject;

/// What denied groups say against an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Denied {
    /// A group that is not in the view: membership cannot be ruled out.
    Unresolved,
    /// It is in one of them.
    Member,
}

pub(super) fn required(subject: Subject<'_>) -> Result<(), Refusal> {
    let required = &subject.application.required_groups;
    if required.is_empty() || is_in_one(subject.entry, required) {
        Ok(())
    } else {
        Err(Refusal::NotInRequiredGroup)
    }
}

/// A denied group that is not in this view is no reason for a refusal if another directory of the
/// application holds it; whether any does is checked when the configuration meets the views.
pub(super) fn not_denied(subject: Subject<'_>) -> Result<(), Refusal> {
    let application = subject.application;
    let must_be_here = application.directories.len() == 1;
    is_in_none(subject.entry, &application.denied_groups, must_be_here).map_err(|why| match why {
        Denied::Unresolved => Refusal::GroupUnresolved,
        Denied::Member => Refusal::InDeniedGroup,
    })
}

/// Whether the account is in one of the groups called so. An ambiguous name grants nothing.
pub(in crate::policy) fn is_in_one(entry: EntryRef<'_>, names: &[String]) -> bool {
    let view = entry.view();
    let is_in = |name: &String| match view.groups_named(name).as_slice() {
        [group] => view.is_member(entry, *group),
        _ => false,
    };
    names.iter().any(is_in)
}

/// Says no to who is in one of the groups called so, and, where they must be in this view, to everybody if one is
/// not. A name that stands for several groups denies by each of them.
pub(in crate::policy) fn is_in_none(
    entry: EntryRef<'_>,
    names: &[String],
    must_be_here: bool,
) -> Result<(), Denied> {
    let view = entry.view();
    for name in names {
        let groups = view.groups_named(name);
        if groups.is_empty() && must_be_here {
            return Err(Denied::Unresolved);
        }
        if groups.into_iter().any(|group| view.is_member(entry, group)) {
            return Err(Denied::Member);
        }
    }
    Ok(())
}
