//! What changed from one view to the next, by identity.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;

use crate::ldap::identifier::Guid;

use super::domain::EntryKind;
use super::entry_ref::EntryRef;
use super::index::Hits;
use super::intake::{Ids, same_fields, unstamped};
use super::stored::{References, Stored};
use super::view::{Slot, View};

/// What changed between two views: for logs, for the jobs of later passes, and for the sessions that
/// must be judged again. Each user and each group is counted once.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ChangeSummary {
    /// Users that were not there before.
    pub users_created: usize,
    /// Users with another name or another attribute, not counting memberships.
    pub users_changed: usize,
    /// Users whom the directory has disabled since.
    pub users_deactivated: usize,
    /// Users whom the directory has enabled since.
    pub users_reactivated: usize,
    /// Users that are gone.
    pub users_removed: usize,
    /// Groups that were not there before.
    pub groups_created: usize,
    /// Groups with another name, another attribute, or other members.
    pub groups_changed: usize,
    /// Groups that are gone.
    pub groups_removed: usize,
    /// Direct memberships that were not there before.
    pub memberships_added: usize,
    /// Direct memberships that are gone.
    pub memberships_removed: usize,
    /// Containers and other entries that were created, changed or removed.
    pub others_changed: usize,
    /// Whether the names of the domain itself changed (NetBIOS name, UPN suffixes, contexts).
    pub domain_changed: bool,
    /// Every user of either view who was created, changed, removed, or whose groups changed,
    /// directly or through other groups. In order of identity.
    #[serde(skip)]
    pub affected_users: Vec<Guid>,
}

impl ChangeSummary {
    /// All that is in the first view of a directory.
    pub(super) fn of_first(view: &View) -> Self {
        let ids = Ids::of(view.attributes());
        Self {
            users_created: view.counts().users,
            groups_created: view.counts().groups,
            others_changed: view.counts().containers + view.counts().others,
            memberships_added: view.groups().map(|group| count(&members(&ids, group))).sum(),
            domain_changed: true,
            affected_users: ordered(view.users().map(|user| user.guid())),
            ..Self::default()
        }
    }

    /// Compares a view with the one made from it by writing `slots`.
    pub(super) fn between(old: &View, new: &View, slots: &RoaringBitmap) -> Self {
        let ids = Ids::of(new.attributes());
        let (summary, affected) = (Self::default(), BTreeSet::new());
        let stirred = RoaringBitmap::new();
        Comparison { old, new, ids, summary, affected, stirred }.run(slots)
    }

    /// Whether both views say the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn ordered(guids: impl Iterator<Item = Guid>) -> Vec<Guid> {
    guids.collect::<BTreeSet<Guid>>().into_iter().collect()
}

/// The direct members of a group: entries, and names outside.
fn members<'v>(ids: &Ids, group: EntryRef<'v>) -> (RoaringBitmap, BTreeSet<&'v [u8]>) {
    let view = group.view();
    let index = ids.member_of.and_then(|id| view.index().attribute(id));
    let inside = index.and_then(|index| index.target(group.slot().0)).map(Hits::to_bitmap);
    let lists = group.stored().references.iter();
    let by_name = lists.filter(|list| ids.names_members(list.attribute));
    let outside = by_name.flat_map(|list| list.outside.iter().map(|outside| &*outside.octets));
    (inside.unwrap_or_default(), outside.collect())
}

fn count((inside, outside): &(RoaringBitmap, BTreeSet<&[u8]>)) -> usize {
    usize::try_from(inside.len()).unwrap_or(usize::MAX) + outside.len()
}

struct Comparison<'v> {
    old: &'v View,
    new: &'v View,
    ids: Ids,
    summary: ChangeSummary,
    affected: BTreeSet<Guid>,
    /// Entries whose groups changed, and groups whose members all count as changed.
    stirred: RoaringBitmap,
}

/// An entry, unless it is a tombstone.
fn live(view: &View, slot: u32) -> Option<EntryRef<'_>> {
    view.entry(Slot(slot)).filter(|entry| entry.kind() != EntryKind::Deleted)
}

impl<'v> Comparison<'v> {
    fn run(mut self, slots: &RoaringBitmap) -> ChangeSummary {
        self.summary.domain_changed = !self.old.domain().same_names(self.new.domain());
        for slot in slots {
            let (before, now) = (live(self.old, slot), live(self.new, slot));
            match (before, now) {
                (Some(before), Some(now)) if before.kind() == now.kind() => {
                    self.compare(before, now);
                }
                (before, now) => {
                    before.into_iter().for_each(|entry| self.removed(entry));
                    now.into_iter().for_each(|entry| self.created(entry));
                }
            }
        }
        self.spread();
        self.summary.affected_users = self.affected.into_iter().collect();
        self.summary
    }

    fn created(&mut self, entry: EntryRef<'v>) {
        match entry.kind() {
            EntryKind::User => {
                self.summary.users_created += 1;
                self.affected.insert(entry.guid());
            }
            EntryKind::Group => {
                self.summary.groups_created += 1;
                self.stirred.insert(entry.slot().0);
                self.members_changed(&Default::default(), &members(&self.ids, entry));
            }
            EntryKind::Container | EntryKind::Other => self.summary.others_changed += 1,
            EntryKind::Deleted => {}
        }
    }

    fn removed(&mut self, entry: EntryRef<'v>) {
        match entry.kind() {
            EntryKind::User => {
                self.summary.users_removed += 1;
                self.affected.insert(entry.guid());
            }
            EntryKind::Group => {
                self.summary.groups_removed += 1;
                self.stirred.insert(entry.slot().0);
                self.members_changed(&members(&self.ids, entry), &Default::default());
            }
            EntryKind::Container | EntryKind::Other => self.summary.others_changed += 1,
            EntryKind::Deleted => {}
        }
    }

    fn compare(&mut self, before: EntryRef<'v>, now: EntryRef<'v>) {
        let differs =
            before.dn() != now.dn() || !self.same_attributes(before.stored(), now.stored());
        match now.kind() {
            EntryKind::User => {
                match (before.is_disabled(), now.is_disabled()) {
                    (false, true) => self.summary.users_deactivated += 1,
                    (true, false) => self.summary.users_reactivated += 1,
                    (false, false) | (true, true) if differs => self.summary.users_changed += 1,
                    (false, false) | (true, true) => return,
                }
                self.affected.insert(now.guid());
            }
            EntryKind::Group => {
                let changed =
                    self.members_changed(&members(&self.ids, before), &members(&self.ids, now));
                if differs || changed {
                    self.summary.groups_changed += 1;
                }
                // A group may be required by name, so a new name can change who is let in.
                let names = ["sAMAccountName", "cn", "groupType", "objectSid"];
                if before.dn() != now.dn()
                    || names.iter().any(|name| before.values(name) != now.values(name))
                {
                    self.stirred.insert(now.slot().0);
                }
            }
            EntryKind::Container | EntryKind::Other if differs => self.summary.others_changed += 1,
            EntryKind::Container | EntryKind::Other | EntryKind::Deleted => {}
        }
    }

    fn members_changed(
        &mut self,
        had: &(RoaringBitmap, BTreeSet<&[u8]>),
        has: &(RoaringBitmap, BTreeSet<&[u8]>),
    ) -> bool {
        let size = |set: &RoaringBitmap| usize::try_from(set.len()).unwrap_or(usize::MAX);
        let (gone, come) = (&had.0 - &has.0, &has.0 - &had.0);
        let removed = size(&gone) + had.1.difference(&has.1).count();
        let added = size(&come) + has.1.difference(&had.1).count();
        self.summary.memberships_removed += removed;
        self.summary.memberships_added += added;
        self.stirred |= gone | come;
        removed + added > 0
    }

    /// From the entries whose groups changed to all users below them.
    fn spread(&mut self) {
        for view in [self.old, self.new] {
            let mut reached = view.members_below(&self.stirred) | &self.stirred;
            // A group's members by primary group are in all that it is in.
            for group in &reached & view.slots_of_kind(EntryKind::Group).as_ref() {
                reached |= view.primary_members(group);
            }
            let users = reached.into_iter().filter_map(|slot| live(view, slot));
            let users = users.filter(|entry| entry.kind() == EntryKind::User);
            self.affected.extend(users.map(|user| user.guid()));
        }
    }

    fn same_attributes(&self, before: &Stored, now: &Stored) -> bool {
        let same_references = || {
            let compared = |stored: &'_ Stored| {
                // Compared as memberships, from the side of the groups.
                let plain = |list: &&References| Some(list.attribute) != self.ids.member_of;
                let mut lists: Vec<References> =
                    stored.references.iter().filter(plain).cloned().collect();
                lists.sort_unstable_by_key(|list| list.attribute);
                lists
            };
            compared(before) == compared(now)
        };
        let fields = |stored| unstamped(stored, &self.ids).collect();
        same_fields(fields(&before.fields), fields(&now.fields)) && same_references()
    }
}
