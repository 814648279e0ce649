//! What a change of the copy means to applications. Sync knows no policy: whoever does hands these in.

use std::sync::Arc;
use std::time::SystemTime;

use crate::directory::{EntryKind, EntryRef, Impact, View, Withdrawn};
use crate::ldap::identifier::Guid;

use super::report::{Held, Leaving};

/// A view, and the one that is to replace it.
#[derive(Clone, Copy)]
pub struct Step<'v> {
    /// What is published; `None` before the first view.
    pub old: Option<&'v View>,
    /// What is to be.
    pub new: &'v View,
    /// The users for whom the two may differ.
    pub affected: &'v [Guid],
    /// Of the users that are gone, those whose end the directory has told.
    pub deleted: &'v [Guid],
    /// The time of the decision.
    pub wall: SystemTime,
}

/// Counts whom a step takes the account from, pushes out of an application, or lets in.
pub type ImpactOf = dyn Fn(Step<'_>) -> Impact + Send + Sync;
/// Who has to be out at once although the step is held.
pub type WithdrawnBy = dyn Fn(Step<'_>) -> Withdrawn + Send + Sync;
/// Who would leave which application.
pub type LeavingBy = dyn Fn(Step<'_>) -> Vec<Leaving> + Send + Sync;
/// Notes a step that is about to be published, and gives what is to be kept in the store with it.
pub type Noted = dyn Fn(Step<'_>) -> Vec<u8> + Send + Sync;
/// Takes up what an earlier run has kept with the view that is about to be published.
pub type Resumed = dyn Fn(&View, &[u8]) + Send + Sync;

/// Is told what the guard holds.
pub type ToldOfHold = dyn Fn(&Held) + Send + Sync;

/// What a change means.
#[derive(Clone)]
pub struct Consequences {
    /// See [`ImpactOf`].
    pub impact: Arc<ImpactOf>,
    /// See [`WithdrawnBy`].
    pub withdrawn: Arc<WithdrawnBy>,
    /// See [`LeavingBy`].
    pub leaving: Arc<LeavingBy>,
    /// See [`Noted`].
    pub noted: Arc<Noted>,
    /// See [`Resumed`].
    pub resumed: Arc<Resumed>,
    /// See [`ToldOfHold`].
    pub held: Arc<ToldOfHold>,
}

impl Consequences {
    /// What a change means where there are no applications.
    #[must_use]
    pub fn without_applications() -> Self {
        Self {
            impact: Arc::new(of_the_directory),
            withdrawn: Arc::new(|_| Withdrawn::default()),
            leaving: Arc::new(|_| Vec::new()),
            noted: Arc::new(|_| Vec::new()),
            resumed: Arc::new(|_, _| ()),
            held: Arc::new(|_| ()),
        }
    }
}

fn of_the_directory(step: Step<'_>) -> Impact {
    let (before, after) = (step.old.map(View::counts).unwrap_or_default(), step.new.counts());
    let mut impact = Impact {
        users_before: before.users,
        users_after: after.users,
        groups_before: before.groups,
        groups_after: after.groups,
        ..Impact::default()
    };
    for guid in step.affected {
        let old = step.old.and_then(|old| user(old, guid));
        match (old, user(step.new, guid)) {
            (Some(_), None) => impact.removed += 1,
            (Some(old), Some(new)) if new.is_disabled() && !old.is_disabled() => {
                impact.deactivated += 1;
            }
            (Some(_) | None, _) => {}
        }
    }
    impact
}

fn user<'v>(view: &'v View, guid: &Guid) -> Option<EntryRef<'v>> {
    view.find_guid(guid).filter(|entry| entry.kind() == EntryKind::User)
}
