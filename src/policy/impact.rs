//! What a change does to people, in numbers: how many lose their account, how many leave or come to the scope of
//! an application. The cost goes with the users whom the change affects, not with the size of the directory, as
//! long as an application's rules look at nothing else.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use roaring::RoaringBitmap;

use crate::directory::{ApplicationImpact, EntryKind, EntryRef, Impact, Slot, View, Withdrawn};
use crate::ldap::identifier::Guid;

use super::account::AccountState;
use super::application::Application;
use super::rules::{self, Subject};
use super::visibility::{in_scope, is_hidden, looks_elsewhere, shown_users};

/// From one user in so many on, the scope as a whole is cheaper than asking the rules about each of the affected …
const WHOLE_FROM: usize = 16;
/// … unless they are few.
const FEW: usize = 64;

/// What publishing `new` in the place of `old` does, at `wall`. `affected` has every user of either view who was
/// created, changed or removed, or whose groups changed ([`ChangeSummary::affected_users`]); between views of
/// different lines everybody is looked at, whatever it says. A first view takes nothing from anybody.
///
/// An account that has expired in both views has not been deactivated: the clock alone is no change. One whose
/// state can no longer be read has been, for nobody gets in whose state is not known.
///
/// [`ChangeSummary::affected_users`]: crate::directory::ChangeSummary::affected_users
#[must_use]
pub fn impact(
    applications: &[Arc<Application>],
    directory: &str,
    old: Option<&View>,
    new: &View,
    affected: &[Guid],
    wall: SystemTime,
) -> Impact {
    let Some(old) = old else {
        let counts = new.counts();
        return Impact {
            users_after: counts.users,
            groups_after: counts.groups,
            ..Impact::default()
        };
    };
    let change = Change::new(old, new, affected, directory, wall);
    let mut impact = change.of_directory();
    impact.applications =
        applications.iter().filter_map(|application| change.of_application(application)).collect();
    impact
}

/// Some of those whom another configuration moves, by distinguished name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Who would leave the application.
    pub leaving: Vec<String>,
    /// Who would come to it.
    pub coming: Vec<String>,
}

/// What another configuration does to the scopes of the applications on a view that stays, and at most `most` names
/// on each side of those whom it moves, for each of the applications that are told of. Applications are the
/// same by name; one that comes or goes as a whole is what its operator wrote.
#[must_use]
pub fn impact_of_configuration(
    directory: &str,
    view: &View,
    old: &[Arc<Application>],
    new: &[Arc<Application>],
    most: usize,
) -> (Impact, Vec<Moved>) {
    let names = |slots: RoaringBitmap| -> Vec<String> {
        let entries = slots.iter().filter_map(|slot| view.entry(Slot(slot)));
        entries.map(|entry| entry.dn().to_owned()).take(most).collect()
    };
    let of = |(name, before, after): (&Arc<str>, RoaringBitmap, RoaringBitmap)| {
        let counted = between(name, &before, &after)?;
        let moved = Moved { leaving: names(&before - &after), coming: names(&after - &before) };
        Some((counted, moved))
    };
    let (applications, moved) = scopes(directory, view, old, new).filter_map(of).unzip();
    let counts = view.counts();
    let impact = Impact {
        users_before: counts.users,
        users_after: counts.users,
        groups_before: counts.groups,
        groups_after: counts.groups,
        applications,
        ..Impact::default()
    };
    (impact, moved)
}

/// The users in the scope of each application that both configurations have, and that is not the very same in both.
fn scopes<'p>(
    directory: &'p str,
    view: &'p View,
    old: &'p [Arc<Application>],
    new: &'p [Arc<Application>],
) -> impl Iterator<Item = (&'p Arc<str>, RoaringBitmap, RoaringBitmap)> {
    let shown = move |application: &Application| {
        if knows(application, directory) {
            in_scope(application, directory, view)
        } else {
            RoaringBitmap::new()
        }
    };
    old.iter().filter_map(move |before| {
        let after = new.iter().find(|after| after.name == before.name)?;
        let differs = !Arc::ptr_eq(before, after);
        differs.then(|| (&before.name, shown(before), shown(after)))
    })
}

/// Who would leave which application, by distinguished name; see [`impact`]. Looks at each of the affected.
#[must_use]
pub fn leaving(
    applications: &[Arc<Application>],
    directory: &str,
    old: &View,
    new: &View,
    affected: &[Guid],
    wall: SystemTime,
) -> Vec<(Arc<str>, Vec<String>)> {
    let change = Change::new(old, new, affected, directory, wall);
    let of_application = |application: &Arc<Application>| {
        let leaves = |guid: &&Guid| {
            change.holds(application, old, guid) && !change.holds(application, new, guid)
        };
        let name = |guid: &Guid| Some(old.find_guid(guid)?.dn().to_owned());
        let users: Vec<String> = change.affected.iter().filter(leaves).filter_map(name).collect();
        (!users.is_empty()).then(|| (application.name.clone(), users))
    };
    let knowing = applications.iter().filter(|application| knows(application, directory));
    knowing.filter_map(of_application).collect()
}

/// The users, by slot, who leave which application's scope when `new` takes the place of `old`; see [`impact`]. Nobody
/// where the two are of different lines: slots of the one say nothing in the other.
pub(super) fn departing<'p>(
    applications: &'p [Arc<Application>],
    directory: &str,
    old: &View,
    new: &View,
    affected: &[Guid],
    wall: SystemTime,
) -> Vec<(&'p Application, RoaringBitmap)> {
    let change = Change::new(old, new, affected, directory, wall);
    if !change.one_line {
        return Vec::new();
    }
    let of_application = |application: &'p Arc<Application>| {
        let slots = change.departing(application);
        (!slots.is_empty()).then_some((&**application, slots))
    };
    let knowing = applications.iter().filter(|application| knows(application, directory));
    knowing.filter_map(of_application).collect()
}

/// Whom `held`, a view that is not published yet, has disabled or deleted of those in `old`. An account may be
/// missing for many reasons; deleted are only those of `deleted`, whose end the directory itself has told.
#[must_use]
pub fn withdrawn(old: &View, held: &View, affected: &[Guid], deleted: &[Guid]) -> Withdrawn {
    let is_disabled = |view: &View, guid: &Guid| {
        user(view, guid).map(|entry| state(entry).is_ok_and(|state| state.disabled))
    };
    let disabled = |guid: &&Guid| {
        (is_disabled(old, guid), is_disabled(held, guid)) == (Some(false), Some(true))
    };
    let gone = |guid: &&Guid| user(old, guid).is_some() && user(held, guid).is_none();
    Withdrawn {
        disabled: affected.iter().filter(disabled).copied().collect(),
        deleted: deleted.iter().filter(gone).copied().collect(),
    }
}

/// One view in the place of another.
struct Change<'a> {
    old: &'a View,
    new: &'a View,
    /// Whether slots mean the same entries in both.
    one_line: bool,
    affected: Cow<'a, [Guid]>,
    directory: &'a str,
    wall: SystemTime,
}

impl<'a> Change<'a> {
    fn new(
        old: &'a View,
        new: &'a View,
        affected: &'a [Guid],
        directory: &'a str,
        wall: SystemTime,
    ) -> Self {
        let one_line = old.invocation() == new.invocation();
        let affected = if one_line {
            Cow::Borrowed(affected)
        } else {
            let everybody = old.users().chain(new.users()).map(|user| user.guid());
            Cow::Owned(everybody.collect::<BTreeSet<Guid>>().into_iter().collect())
        };
        Self { old, new, one_line, affected, directory, wall }
    }

    fn of_directory(&self) -> Impact {
        let (before, after) = (self.old.counts(), self.new.counts());
        let mut impact = Impact {
            users_before: before.users,
            users_after: after.users,
            groups_before: before.groups,
            groups_after: after.groups,
            groups_removed: self.groups_removed(),
            ..Impact::default()
        };
        let usable = |entry| state(entry).is_ok_and(|state| state.check(self.wall).is_ok());
        for guid in &*self.affected {
            match (user(self.old, guid), user(self.new, guid)) {
                (Some(_), None) => impact.removed += 1,
                (Some(before), Some(after)) if usable(before) && !usable(after) => {
                    impact.deactivated += 1;
                }
                (Some(_) | None, _) => {}
            }
        }
        impact
    }

    fn groups_removed(&self) -> usize {
        if self.one_line {
            let groups = |view: &'a View| view.slots_of_kind(EntryKind::Group).as_ref();
            return length(&(groups(self.old) - groups(self.new)));
        }
        let is_group = |entry: EntryRef<'_>| entry.kind() == EntryKind::Group;
        let gone = |group: &EntryRef<'_>| !self.new.find_guid(&group.guid()).is_some_and(is_group);
        self.old.groups().filter(gone).count()
    }

    /// `None`: nobody leaves and nobody comes.
    fn of_application(&self, application: &Application) -> Option<ApplicationImpact> {
        if !knows(application, self.directory) {
            return None;
        }
        if self.one_line && self.goes_by_scope(application) {
            return self.by_scope(application);
        }
        let (mut lost, mut gained) = (0, 0);
        for guid in &*self.affected {
            let holds = |view| self.holds(application, view, guid);
            match (holds(self.old), holds(self.new)) {
                (true, false) => lost += 1,
                (false, true) => gained += 1,
                (true, true) | (false, false) => {}
            }
        }
        let before = || length(&in_scope(application, self.directory, self.old));
        let name = application.name.clone();
        (lost + gained > 0).then(|| ApplicationImpact { name, before: before(), lost, gained })
    }

    /// See [`departing`].
    fn departing(&self, application: &Application) -> RoaringBitmap {
        if self.goes_by_scope(application) {
            let shown = |view| shown_users(application, self.directory, view);
            return shown(self.old) - shown(self.new);
        }
        let shows = |view: &View, guid: &Guid| {
            let user = user(view, guid).filter(|user| !is_hidden(application, *user));
            user.is_some() && self.holds(application, view, guid)
        };
        let leaves = |guid: &&Guid| shows(self.old, guid) && !shows(self.new, guid);
        let slot = |guid: &Guid| Some(user(self.old, guid)?.slot().0);
        self.affected.iter().filter(leaves).filter_map(slot).collect()
    }

    /// Whether the scope as a whole has to be looked at, or is cheaper.
    fn goes_by_scope(&self, application: &Application) -> bool {
        let many = self.affected.len() > FEW.max(self.old.counts().users / WHOLE_FROM);
        many || self.concerns_others(application)
    }

    fn by_scope(&self, application: &Application) -> Option<ApplicationImpact> {
        let before = in_scope(application, self.directory, self.old);
        let after = if self.loses_a_denied_group(application) {
            RoaringBitmap::new()
        } else {
            in_scope(application, self.directory, self.new)
        };
        between(&application.name, &before, &after)
    }

    fn holds(&self, application: &Application, view: &View, guid: &Guid) -> bool {
        let (directory, wall) = (self.directory, self.wall);
        user(view, guid).is_some_and(|entry| {
            rules::in_scope(Subject::of_scope(application, directory, view, entry, wall))
        })
    }

    /// Whether users may come or go who are not affected themselves: a group's name stands for another group, or
    /// for none, or for two; or the filter looks at entries that others name.
    fn concerns_others(&self, application: &Application) -> bool {
        let names = application.required_groups.iter().chain(&application.denied_groups);
        names.into_iter().any(|name| self.means_another(name))
            || application.user_filter.as_ref().is_some_and(|filter| looks_elsewhere(filter, false))
    }

    fn means_another(&self, group: &str) -> bool {
        named(self.old, group) != named(self.new, group)
    }

    /// With several directories one of them may still have the group; but where it was here and is not any more,
    /// it is safer to ask than to refuse everybody.
    fn loses_a_denied_group(&self, application: &Application) -> bool {
        application
            .denied_groups
            .iter()
            .any(|name| !named(self.old, name).is_empty() && named(self.new, name).is_empty())
    }
}

/// The groups that a name stands for.
fn named(view: &View, group: &str) -> BTreeSet<Guid> {
    view.groups_named(group).iter().map(EntryRef::guid).collect()
}

fn knows(application: &Application, directory: &str) -> bool {
    application.directories.iter().any(|name| **name == *directory)
}

fn user<'v>(view: &'v View, guid: &Guid) -> Option<EntryRef<'v>> {
    view.find_guid(guid).filter(|entry| entry.kind() == EntryKind::User)
}

fn state(entry: EntryRef<'_>) -> Result<AccountState, super::Refusal> {
    AccountState::read(entry, entry.view().domain().kind)
}

fn between(
    name: &Arc<str>,
    before: &RoaringBitmap,
    after: &RoaringBitmap,
) -> Option<ApplicationImpact> {
    let (lost, gained) = (length(&(before - after)), length(&(after - before)));
    let name = name.clone();
    (lost + gained > 0).then(|| ApplicationImpact { name, before: length(before), lost, gained })
}

fn length(slots: &RoaringBitmap) -> usize {
    usize::try_from(slots.len()).unwrap_or(usize::MAX)
}
