//! Who is in which group: nested, cycle-safe, primary group included.
//!
//! The direct memberships are those of memberOf, which is worked out from the groups when a view is
//! built. The primary group of an Active Directory account is in none of its attributes but
//! primaryGroupID, and AD leaves it out of memberOf; here it counts wherever membership decides.

use std::collections::{HashMap, VecDeque};

use roaring::RoaringBitmap;

use super::entry_ref::EntryRef;
use super::stored::Reference;
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
    pub(super) fn members_below(&self, groups: impl IntoIterator<Item = u32>) -> RoaringBitmap {
        let mut found = RoaringBitmap::new();
        let mut open: Vec<u32> = groups.into_iter().collect();
        let index =
            self.attributes().find_name("memberOf").and_then(|id| self.index().attribute(id));
        let Some(index) = index else { return found };
        while let Some(slot) = open.pop() {
            for member in index.target(slot).into_iter().flat_map(|posting| posting.iter()) {
                if found.insert(member) {
                    open.push(member);
                }
            }
        }
        found
    }

    /// The groups that list `slot` as a member, and its primary group.
    fn direct_groups(&self, slot: u32) -> Vec<u32> {
        let Some(stored) = self.stored(slot) else { return Vec::new() };
        let member_of = self.attributes().find_name("memberOf");
        let lists = stored.references.iter().filter(|list| Some(list.attribute) == member_of);
        let mut groups: Vec<u32> = lists
            .flat_map(|list| &list.values)
            .filter_map(|value| match value {
                Reference::Entry(group) => Some(*group),
                Reference::Outside(_) => None,
            })
            .collect();
        groups.extend(self.primary_group(slot));
        groups
    }

    /// The primary group (MS-SAMR §3.1.1.8.2): primaryGroupID is its relative id in the account's
    /// own domain.
    fn primary_group(&self, slot: u32) -> Option<u32> {
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
