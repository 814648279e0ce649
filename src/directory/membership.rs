//! Who is in which group: nested, cycle-safe, primary group included.
//!
//! The direct memberships are those of memberOf, which is worked out from the groups when a view is
//! built. The primary group of an Active Directory account is in none of its attributes but
//! primaryGroupID, and AD leaves it out of memberOf; here it counts wherever membership decides.

use std::collections::{HashMap, VecDeque};

use roaring::RoaringBitmap;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::filter::Filter;

use super::domain::EntryKind;
use super::entry_ref::EntryRef;
use super::view::{Slot, View};

impl View {
    /// Whether `member` is in `group`, directly, through other groups, or by its primary group.
    #[must_use]
    pub fn is_member(&self, member: EntryRef<'_>, group: EntryRef<'_>) -> bool {
        let mut seen = RoaringBitmap::new();
        let mut open = self.direct_groups(member.slot().0);
        while let Some(slot) = open.pop() {
            if slot == group.slot().0 {
                return true;
            }
            if seen.insert(slot) {
                open.extend(self.direct_groups(slot));
            }
        }
        false
    }

    /// One shortest way from `member` to `group`, both included: the member, the groups between, the
    /// group. `None`: it is no member.
    #[must_use]
    pub fn membership_path(&self, member: EntryRef<'_>, group: EntryRef<'_>) -> Option<Vec<Slot>> {
        let (start, goal) = (member.slot().0, group.slot().0);
        let mut reached_from: HashMap<u32, u32> = HashMap::new();
        let mut open = VecDeque::from([start]);
        while let Some(slot) = open.pop_front() {
            for above in self.direct_groups(slot) {
                if reached_from.contains_key(&above) {
                    continue;
                }
                reached_from.insert(above, slot);
                if above == goal {
                    return Some(trace(start, goal, &reached_from));
                }
                open.push_back(above);
            }
        }
        None
    }

    /// All groups `member` is in, nested and by primary group.
    #[must_use]
    pub fn groups_of(&self, member: EntryRef<'_>) -> RoaringBitmap {
        self.climb(member, |_| true)
    }

    /// The same, through and to groups only that `counts` accepts.
    pub(super) fn climb(
        &self,
        member: EntryRef<'_>,
        counts: impl Fn(EntryRef<'_>) -> bool,
    ) -> RoaringBitmap {
        let mut found = RoaringBitmap::new();
        let mut open = self.direct_groups(member.slot().0);
        while let Some(slot) = open.pop() {
            if self.entry(Slot(slot)).is_some_and(&counts) && found.insert(slot) {
                open.extend(self.direct_groups(slot));
            }
        }
        found
    }

    /// Everything that is in one of `groups`, nested; without primary-group members.
    pub(super) fn members_below(&self, groups: &RoaringBitmap) -> RoaringBitmap {
        let mut found = RoaringBitmap::new();
        let member_of = self.attributes().find_name("memberOf");
        let Some(index) = member_of.and_then(|id| self.index().attribute(id)) else {
            return found;
        };
        let mut open = groups.clone();
        while !open.is_empty() {
            let mut reached = RoaringBitmap::new();
            for group in &open {
                if let Some(members) = index.target(group) {
                    members.add_to(&mut reached);
                }
            }
            open = reached - &found;
            found |= &open;
        }
        found
    }

    /// Everything that is in `group`: nested, and by primary group.
    #[must_use]
    pub fn members_of(&self, group: EntryRef<'_>) -> RoaringBitmap {
        let mut groups = RoaringBitmap::from([group.slot().0]);
        let mut members = self.members_below(&groups);
        // Members by primary group may be groups' only members, and the groups may be nested.
        groups |= &members & self.slots_of_kind(EntryKind::Group).as_ref();
        for group in &groups {
            members |= self.primary_members(group);
        }
        members
    }

    /// The accounts whose primary group this is.
    pub(super) fn primary_members(&self, group: u32) -> RoaringBitmap {
        let relative_id = self.entry(Slot(group)).and_then(|group| group.sid()?.relative_id());
        let Some(relative_id) = relative_id else { return RoaringBitmap::new() };
        let filter = Filter::Equality {
            attribute: AttributeDescription::new("primaryGroupID"),
            value: relative_id.to_string().into_bytes(),
        };
        let accounts = self.matching(&filter).into_iter();
        accounts.filter(|account| self.primary_group(*account) == Some(group)).collect()
    }

    /// The groups that list `slot` as a member, and its primary group.
    fn direct_groups(&self, slot: u32) -> Vec<u32> {
        let Some(stored) = self.stored(slot) else { return Vec::new() };
        let member_of = self.attributes().find_name("memberOf");
        let list = member_of.and_then(|id| stored.list(id));
        let mut groups: Vec<u32> = list.into_iter().flat_map(|list| list.inside.iter()).collect();
        groups.extend(self.primary_group(slot));
        groups
    }

    /// The primary group (MS-SAMR §3.1.1.8.2): primaryGroupID is its relative id in the account's
    /// own domain.
    pub(super) fn primary_group(&self, slot: u32) -> Option<u32> {
        let entry = self.entry(Slot(slot))?;
        let sid = entry.sid()?;
        let relative_id = entry.text("primaryGroupID")?.parse().ok()?;
        self.find_sid(&sid.with_relative_id(relative_id)).map(|group| group.slot().0)
    }
}

fn trace(start: u32, goal: u32, reached_from: &HashMap<u32, u32>) -> Vec<Slot> {
    let mut path = vec![Slot(goal)];
    let mut slot = goal;
    while let Some(below) = reached_from.get(&slot) {
        path.push(Slot(*below));
        slot = *below;
        if slot == start {
            break;
        }
    }
    path.reverse();
    path
}
