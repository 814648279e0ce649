//! What changed between two views, by identity.

use std::collections::{BTreeSet, HashSet};

use crate::ldap::identifier::Guid;
use crate::ldap::schema::NOT_REPLICATED;

use super::attributes::AttributeId;
use super::domain::EntryKind;
use super::entry_ref::EntryRef;
use super::stored::{Reference, values};
use super::view::{Slot, View};

/// Attributes that follow those that each controller keeps for itself: they differ after a failover
/// although nothing has happened.
const FOLLOWING: [&str; 4] = ["modifyTimeStamp", "uSNChanged", "uSNCreated", "whenChanged"];

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
    /// Compares two views; without an old one, everything is new.
    #[must_use]
    pub fn between(old: Option<&View>, new: &View) -> Self {
        match old {
            Some(old) => Comparison::new(old, new).run(),
            None => Self {
                users_created: new.counts().users,
                groups_created: new.counts().groups,
                others_changed: new.counts().containers + new.counts().others,
                memberships_added: new.groups().map(|group| edges(group).len()).sum(),
                domain_changed: true,
                affected_users: ordered(new.users().map(|user| user.guid())),
                ..Self::default()
            },
        }
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

/// One end of a membership: an entry of the view, or a name outside.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Member<'v> {
    Entry(Guid),
    Outside(&'v [u8]),
}

/// The direct members of a group.
fn edges(group: EntryRef<'_>) -> HashSet<Member<'_>> {
    let view = group.view();
    let attributes = view.attributes();
    let index = attributes.find_name("memberOf").and_then(|id| view.index().attribute(id));
    let posting = index.and_then(|index| index.target(group.slot().0));
    let inside = posting.into_iter().flat_map(|posting| posting.iter());
    let mut members: HashSet<Member<'_>> =
        inside.filter_map(|slot| Some(Member::Entry(view.entry(Slot(slot))?.guid()))).collect();
    let lists = [attributes.find_name("member"), attributes.find_name("uniqueMember")];
    for list in &group.stored().references {
        if lists.contains(&Some(list.attribute)) {
            members.extend(list.values.iter().filter_map(|value| match value {
                Reference::Entry(_) => None,
                Reference::Outside(outside) => Some(Member::Outside(&outside.octets)),
            }));
        }
    }
    members
}

struct Comparison<'v> {
    old: &'v View,
    new: &'v View,
    /// For each attribute of the old view, its number in the new one.
    renumbered: Vec<Option<AttributeId>>,
    /// Attributes of the new view that are not compared.
    ignored: Vec<AttributeId>,
    summary: ChangeSummary,
    affected: BTreeSet<Guid>,
    /// Members whose groups changed, and groups whose members all count as changed: by identity.
    stirred_members: HashSet<Guid>,
    stirred_groups: HashSet<Guid>,
}

impl<'v> Comparison<'v> {
    fn new(old: &'v View, new: &'v View) -> Self {
        let find = |name: &&str| new.attributes().find_name(name);
        let local = NOT_REPLICATED.iter().chain(&FOLLOWING);
        let mut ignored: Vec<AttributeId> = local.filter_map(&find).collect();
        // Compared as memberships, from the side of the groups.
        ignored.extend(find(&"memberOf"));
        Self {
            old,
            new,
            renumbered: old.attributes().renumbered(new.attributes()),
            ignored,
            summary: ChangeSummary::default(),
            affected: BTreeSet::new(),
            stirred_members: HashSet::new(),
            stirred_groups: HashSet::new(),
        }
    }

    fn run(mut self) -> ChangeSummary {
        self.summary.domain_changed = !self.old.domain().same_names(self.new.domain());
        for entry in self.new.iter() {
            match self.old.find_guid(&entry.guid()).filter(|before| before.kind() == entry.kind()) {
                Some(before) => self.compare(before, entry),
                None => self.created(entry),
            }
        }
        for entry in self.old.iter() {
            let now = self.new.find_guid(&entry.guid());
            if now.is_none_or(|now| now.kind() != entry.kind()) {
                self.removed(entry);
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
                self.members_changed(&HashSet::new(), &edges(entry));
            }
            EntryKind::Container | EntryKind::Other => self.summary.others_changed += 1,
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
                self.members_changed(&edges(entry), &HashSet::new());
            }
            EntryKind::Container | EntryKind::Other => self.summary.others_changed += 1,
        }
    }

    fn compare(&mut self, before: EntryRef<'v>, now: EntryRef<'v>) {
        let differs = before.dn() != now.dn() || !self.same_attributes(before, now);
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
                let (had, has) = (edges(before), edges(now));
                let members = self.members_changed(&had, &has);
                if differs || members {
                    self.summary.groups_changed += 1;
                }
                // A group may be required by name, so a new name can change who is let in.
                let names = ["sAMAccountName", "cn", "groupType", "objectSid"];
                if before.dn() != now.dn()
                    || names.iter().any(|name| before.values(name) != now.values(name))
                {
                    self.stirred_groups.insert(now.guid());
                }
            }
            EntryKind::Container | EntryKind::Other if differs => self.summary.others_changed += 1,
            EntryKind::Container | EntryKind::Other => {}
        }
    }

    fn members_changed(&mut self, had: &HashSet<Member<'_>>, has: &HashSet<Member<'_>>) -> bool {
        let mut changed = false;
        for (gone, member) in had
            .difference(has)
            .map(|member| (true, member))
            .chain(has.difference(had).map(|member| (false, member)))
        {
            changed = true;
            if gone {
                self.summary.memberships_removed += 1;
            } else {
                self.summary.memberships_added += 1;
            }
            if let Member::Entry(guid) = member {
                self.stirred_members.insert(*guid);
            }
        }
        changed
    }

    /// From the entries whose groups changed to all users below them.
    fn spread(&mut self) {
        for view in [self.old, self.new] {
            let slots = |guids: &HashSet<Guid>| -> Vec<u32> {
                guids
                    .iter()
                    .filter_map(|guid| view.find_guid(guid))
                    .map(|entry| entry.slot().0)
                    .collect()
            };
            let members = slots(&self.stirred_members);
            let groups = slots(&self.stirred_groups);
            let mut reached = view.members_below(members.iter().copied().chain(groups));
            reached.extend(members);
            let users = reached
                .into_iter()
                .filter_map(|slot| view.entry(Slot(slot)))
                .filter(|entry| entry.kind() == EntryKind::User);
            self.affected.extend(users.map(|user| user.guid()));
        }
    }

    fn same_attributes(&self, before: EntryRef<'_>, now: EntryRef<'_>) -> bool {
        let (old, new) = (before.stored(), now.stored());
        let mut had: Vec<(AttributeId, &[u8])> = Vec::new();
        for (id, element) in old.fields.iter() {
            let Some(id) = self.renumber(id) else { return false };
            if !self.ignored.contains(&id) {
                had.push((id, element));
            }
        }
        let mut has: Vec<(AttributeId, &[u8])> =
            new.fields.iter().filter(|(id, _)| !self.ignored.contains(id)).collect();
        had.sort_unstable_by_key(|(id, _)| *id);
        has.sort_unstable_by_key(|(id, _)| *id);
        had.len() == has.len()
            && had.iter().zip(&has).all(|((old_id, old), (new_id, new))| {
                old_id == new_id && (old == new || same_values(old, new))
            })
            && self.same_references(before, now)
    }

    fn same_references(&self, before: EntryRef<'_>, now: EntryRef<'_>) -> bool {
        let mut had = BTreeSet::new();
        for list in &before.stored().references {
            let Some(id) = self.renumber(list.attribute) else { return false };
            if !self.ignored.contains(&id) {
                had.extend(list.values.iter().map(|value| (id, identity(self.old, value))));
            }
        }
        let lists = now.stored().references.iter();
        let compared = lists.filter(|list| !self.ignored.contains(&list.attribute));
        let has: BTreeSet<_> = compared
            .flat_map(|list| {
                list.values.iter().map(|value| (list.attribute, identity(self.new, value)))
            })
            .collect();
        had == has
    }

    /// The number in the new view. An attribute that only the old one has is a difference, unless
    /// it is not compared.
    fn renumber(&self, id: AttributeId) -> Option<AttributeId> {
        self.renumbered.get(id.index()).copied().flatten()
    }
}

/// What a reference refers to, whatever it is called now.
fn identity<'v>(view: &'v View, reference: &'v Reference) -> (Option<Guid>, &'v [u8]) {
    match reference {
        Reference::Entry(slot) => (view.stored(*slot).map(|stored| stored.guid), &[]),
        Reference::Outside(outside) => (None, &outside.octets),
    }
}

/// Whether two PartialAttribute elements hold the same values; their order means nothing (RFC 4511
/// §4.1.7), and controllers differ in it.
fn same_values(old: &[u8], new: &[u8]) -> bool {
    let ordered = |element| {
        let mut list: Vec<Vec<u8>> = values(element).map(<[u8]>::to_vec).collect();
        list.sort_unstable();
        list
    };
    ordered(old) == ordered(new)
}
