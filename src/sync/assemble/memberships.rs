//! Whether the two ends of the memberships fit: what members say of their groups (memberOf) and what groups say of
//! their members.

use std::collections::BTreeSet;
use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::AttributeValues;
use crate::ldap::identifier::Guid;
use crate::ldap::packed_entry::PackedEntry;

/// How the two ends of the memberships fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memberships {
    /// Memberships that members name, in groups that were copied.
    pub claimed: usize,
    /// Of those, how many the group does not name.
    pub unconfirmed: usize,
    /// The groups of those.
    pub groups: BTreeSet<Guid>,
    /// The members of those.
    pub members: BTreeSet<Guid>,
}

impl Memberships {
    /// Whether so many are missing that the members of groups cannot be read at all.
    #[must_use]
    pub const fn are_hidden(&self) -> bool {
        self.unconfirmed * 2 > self.claimed
    }
}

/// An entry that was read.
#[derive(Clone, Copy)]
pub(super) struct Read<'e> {
    pub(super) entry: &'e PackedEntry,
    pub(super) guid: Option<Guid>,
    /// The identity of a group.
    pub(super) group: Option<Guid>,
}

/// Holds the memberships that members name against those that groups name.
pub(super) fn compare<'e>(all: impl Iterator<Item = Read<'e>> + Clone) -> Memberships {
    match agreed(all.clone()) {
        Some(claimed) => Memberships { claimed, ..Memberships::default() },
        None => told_apart(all),
    }
}

/// Memberships of one side: how many, and the sum of their hashes, whatever their order.
#[derive(Default, PartialEq, Eq)]
struct Side {
    count: usize,
    sum: u64,
}

impl Side {
    const fn add(&mut self, hash: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(hash);
    }
}

/// How many memberships members name, if they are the very same that groups name of those who were read. Two sums under
/// a random key tell it in a small part of the time that looking for each takes; two different sides with one
/// sum are as likely as a key guessed at the first attempt.
fn agreed<'e>(all: impl Iterator<Item = Read<'e>> + Clone) -> Option<usize> {
    let hasher = RandomState::default();
    let hash = |octets: &[u8]| hasher.hash_one(octets);
    let (mut names, mut groups) = (HashSet::new(), HashSet::new());
    for Read { entry, group, .. } in all.clone() {
        let name = hash(entry.dn().as_bytes());
        names.insert(name);
        if group.is_some() {
            groups.insert(name);
        }
    }
    let (mut claims, mut lists) = (Side::default(), Side::default());
    for Read { entry, group, .. } in all {
        let own = hash(entry.dn().as_bytes());
        for group in entry.values_of("memberOf").map(hash).filter(|one| groups.contains(one)) {
            claims.add(hasher.hash_one((own, group)));
        }
        if group.is_some() {
            for member in members(entry).map(hash).filter(|one| names.contains(one)) {
                lists.add(hasher.hash_one((member, own)));
            }
        }
    }
    (claims.count == 0 || claims == lists).then_some(claims.count)
}

/// The same membership by membership, by name in any spelling.
fn told_apart<'e>(all: impl Iterator<Item = Read<'e>> + Clone) -> Memberships {
    let mut groups: HashMap<&[u8], Members<'_>> = HashMap::new();
    for Read { entry, group, .. } in all.clone() {
        if let Some(guid) = group {
            groups.insert(entry.dn().as_bytes(), Members::of(guid, entry));
        }
    }
    let mut found = Memberships::default();
    for Read { entry, guid, .. } in all {
        for group in entry.values_of("memberOf") {
            let Some(group) = groups.get_mut(group) else { continue };
            found.claimed += 1;
            if !group.has(entry.dn()) {
                found.unconfirmed += 1;
                found.groups.insert(group.guid);
                found.members.extend(guid);
            }
        }
    }
    found
}

fn members(group: &PackedEntry) -> impl Iterator<Item = &[u8]> + Clone {
    group.values_of("member").chain(group.values_of("uniqueMember"))
}

/// The members that a group names.
struct Members<'e> {
    guid: Guid,
    spelled: HashSet<&'e [u8]>,
    /// Worked out when a spelling is not among `spelled`.
    normalized: Option<HashSet<NormalizedDn>>,
}

impl<'e> Members<'e> {
    fn of(guid: Guid, group: &'e PackedEntry) -> Self {
        // A group of everybody would grow seventeen times otherwise.
        let mut spelled = HashSet::with_capacity(members(group).count());
        spelled.extend(members(group));
        Self { guid, spelled, normalized: None }
    }

    fn has(&mut self, member: &str) -> bool {
        if self.spelled.contains(member.as_bytes()) {
            return true;
        }
        let spelled = &self.spelled;
        let parse = |octets: &&[u8]| NormalizedDn::parse(std::str::from_utf8(octets).ok()?).ok();
        let normalized =
            self.normalized.get_or_insert_with(|| spelled.iter().filter_map(parse).collect());
        NormalizedDn::parse(member).is_ok_and(|name| normalized.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::ldap::entry::{Entry, EntryAttribute};

    fn entry(number: u8, list: &str, others: &[String]) -> PackedEntry {
        let values = others.iter().map(|name| name.clone().into_bytes()).collect();
        let attributes = vec![EntryAttribute { description: list.to_owned(), values }];
        PackedEntry::pack(&Entry { dn: dn(number), attributes })
    }

    fn dn(number: u8) -> String {
        format!("cn={number},dc=corp,dc=example")
    }

    /// Members with their groups, as both ends should have them.
    fn pairs() -> impl Strategy<Value = Vec<(u8, u8)>> {
        vec((0_u8..8, 10_u8..13), 0..12)
    }

    /// What is wrong with an end: left out, added, spelled in another way, of somebody who was not read.
    fn changes() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
        vec((0_u8..5, 0_u8..10, 10_u8..14), 0..3)
    }

    proptest! {
        /// The quick way and the thorough one say the same.
        #[test]
        fn both_ways_say_the_same(pairs in pairs(), changes in changes()) {
            let pairs: BTreeSet<(u8, u8)> = pairs.into_iter().collect();
            let named = |(member, group): (u8, u8)| (dn(member), dn(group));
            let mut claims: Vec<_> = pairs.iter().copied().map(named).collect();
            let mut lists = claims.clone();
            for (kind, member, group) in changes {
                match kind {
                    0 => _ = claims.pop(),
                    1 => _ = lists.pop(),
                    2 => claims.push(named((member, group))),
                    3 => lists.push(named((member, group))),
                    _ => lists.iter_mut().for_each(|(member, _)| *member = member.to_uppercase()),
                }
            }
            let of = |pairs: &[(String, String)], own: &str, group: bool| -> Vec<String> {
                let mine = |(one, two): &&(String, String)| if group { two == own } else { one == own };
                let other = |(one, two): &(String, String)| if group { one } else { two }.clone();
                pairs.iter().filter(mine).map(other).collect()
            };
            let people = (0..8).map(|one| (one, false, entry(one, "memberOf", &of(&claims, &dn(one), false))));
            let groups = (10..13).map(|one| (one, true, entry(one, "member", &of(&lists, &dn(one), true))));
            let all: Vec<(u8, bool, PackedEntry)> = people.chain(groups).collect();
            let reads = all.iter().map(|(number, is_group, entry)| {
                let guid = Guid([*number; 16]);
                Read { entry, guid: Some(guid), group: is_group.then_some(guid) }
            });
            prop_assert_eq!(compare(reads.clone()), told_apart(reads));
        }
    }
}
