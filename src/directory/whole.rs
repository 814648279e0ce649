//! All that is looked up in a view, made of its entries at once. What an entry is found under is sorted and put
//! together on all processors, which takes a small part of the time that one entry after another takes. So
//! first views are made, and views that were stored.

use std::sync::Arc;

use imbl::{OrdMap, Vector};

use crate::ldap::dn::NormalizedDn;
use crate::ldap::identifier::{Guid, Sid};

use super::index::{AttributeIndex, Found, Index};
use super::kinds::Kinds;
use super::parallel::in_parallel;
use super::stored::Stored;
use super::tree::Tree;

/// Why entries do not make a view. Text for a person, of the entries: "two of its entries …".
#[derive(Debug)]
pub(super) struct Inconsistent(pub(super) String);

impl Inconsistent {
    fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn stopped() -> Self {
        Self::new("reading it has stopped halfway")
    }
}

/// What is looked up.
#[derive(Default)]
pub(super) struct Whole {
    pub(super) by_dn: OrdMap<NormalizedDn, u32>,
    pub(super) by_guid: OrdMap<Guid, u32>,
    pub(super) by_sid: OrdMap<Sid, u32>,
    pub(super) tree: Tree,
    pub(super) kinds: Kinds,
    pub(super) index: Index,
}

impl Whole {
    /// Of entries in ascending order of their slots, and of what runs of them are found under, by attribute.
    /// `empty` has the indices that are wanted.
    ///
    /// # Errors
    /// Two entries with one name, identity or SID; one that hangs on what is not above it, or refers to an
    /// empty slot.
    pub(super) fn of(
        empty: &Index,
        entries: &[(u32, Arc<Stored>)],
        slots: &Vector<Option<Arc<Stored>>>,
        found: Vec<Vec<Found>>,
    ) -> Result<Self, Inconsistent> {
        let mut jobs = vec![Job::Names, Job::Identities, Job::Sids, Job::Tree];
        jobs.extend(found.into_iter().enumerate().map(|(number, found)| Job::Index(number, found)));
        let work = |job| -> Result<Done, Inconsistent> {
            Ok(match job {
                Job::Names => Done::Names(by_name(entries)?),
                Job::Identities => Done::Identities(by_identity(entries)?),
                Job::Sids => Done::Sids(by_sid(entries)?),
                Job::Tree => Done::Tree(tree(entries, slots)?),
                Job::Index(number, found) => Done::Index(indexed(empty, slots, number, found)?),
            })
        };
        let mut whole = Self::default();
        let mut indices = Vec::new();
        for done in in_parallel(jobs, work).ok_or_else(Inconsistent::stopped)? {
            match done? {
                Done::Names(names) => whole.by_dn = names,
                Done::Identities(identities) => whole.by_guid = identities,
                Done::Sids(sids) => whole.by_sid = sids,
                Done::Tree(tree) => whole.tree = tree,
                Done::Index(index) => indices.push(index),
            }
        }
        whole.index = empty.clone().filled(indices);
        entries
            .iter()
            .for_each(|(slot, stored)| whole.kinds.change(*slot, None, Some(stored.kind)));
        Ok(whole)
    }
}

enum Job {
    Names,
    Identities,
    Sids,
    Tree,
    Index(usize, Vec<Found>),
}

enum Done {
    Names(OrdMap<NormalizedDn, u32>),
    Identities(OrdMap<Guid, u32>),
    Sids(OrdMap<Sid, u32>),
    Tree(Tree),
    Index(AttributeIndex),
}

fn by_name(entries: &[(u32, Arc<Stored>)]) -> Result<OrdMap<NormalizedDn, u32>, Inconsistent> {
    let mut names: Vec<(u128, &Stored, u32)> = entries
        .iter()
        .map(|(slot, stored)| (first_octets(stored.name.as_str()), &**stored, *slot))
        .collect();
    names.sort_unstable_by(|one, other| {
        one.0.cmp(&other.0).then_with(|| one.1.name.cmp(&other.1.name))
    });
    let pairs = names.iter().map(|(_, stored, slot)| (stored.name.clone(), *slot));
    map_of(pairs, names.len()).ok_or_else(|| Inconsistent::new("two of its entries have one name"))
}

/// Sorts as the text does, as far as it reaches.
fn first_octets(text: &str) -> u128 {
    let mut first = [0; 16];
    first.iter_mut().zip(text.as_bytes()).for_each(|(to, from)| *to = *from);
    u128::from_be_bytes(first)
}

fn by_identity(entries: &[(u32, Arc<Stored>)]) -> Result<OrdMap<Guid, u32>, Inconsistent> {
    let mut pairs: Vec<(Guid, u32)> =
        entries.iter().map(|(slot, stored)| (stored.guid, *slot)).collect();
    pairs.sort_unstable();
    let count = pairs.len();
    map_of(pairs.into_iter(), count)
        .ok_or_else(|| Inconsistent::new("two of its entries have one identity"))
}

fn by_sid(entries: &[(u32, Arc<Stored>)]) -> Result<OrdMap<Sid, u32>, Inconsistent> {
    let with_sid = |(slot, stored): &(u32, Arc<Stored>)| Some((stored.sid.clone()?, *slot));
    let mut pairs: Vec<(Sid, u32)> = entries.iter().filter_map(with_sid).collect();
    pairs.sort_unstable();
    let count = pairs.len();
    map_of(pairs.into_iter(), count)
        .ok_or_else(|| Inconsistent::new("two of its entries have one SID"))
}

/// A map of so many pairs; `None` if two have one key. Keys in order are found quickly.
fn map_of<K: Ord + Clone>(
    pairs: impl Iterator<Item = (K, u32)>,
    count: usize,
) -> Option<OrdMap<K, u32>> {
    let map: OrdMap<K, u32> = pairs.collect();
    (map.len() == count).then_some(map)
}

/// What hangs where: each entry below one whose name its own ends with, so there are no cycles.
fn tree(
    entries: &[(u32, Arc<Stored>)],
    slots: &Vector<Option<Arc<Stored>>>,
) -> Result<Tree, Inconsistent> {
    let mut links = Vec::with_capacity(entries.len());
    for (slot, stored) in entries {
        let Some(above) = stored.above else {
            links.push((*slot, None, false));
            continue;
        };
        let name = at(slots, above).map(|above| &above.name);
        let parent = name.filter(|name| stored.name.is_within(name) && **name != stored.name);
        let Some(parent) = parent.filter(|parent| !parent.is_root()) else {
            let text = format!("its record of slot {slot} hangs on what is not above it");
            return Err(Inconsistent(text));
        };
        let direct = stored.name.ancestors().nth(1) == Some(parent.as_str());
        links.push((*slot, Some(above), direct));
    }
    Ok(Tree::of(links.into_iter()))
}

fn at(slots: &Vector<Option<Arc<Stored>>>, slot: u32) -> Option<&Arc<Stored>> {
    slots.get(usize::try_from(slot).ok()?)?.as_ref()
}

fn indexed(
    index: &Index,
    slots: &Vector<Option<Arc<Stored>>>,
    number: usize,
    found: Vec<Found>,
) -> Result<AttributeIndex, Inconsistent> {
    let dangling = |target: &u32| at(slots, *target).is_none();
    if let Some(target) = found.iter().flat_map(Found::targets).find(dangling) {
        return Err(Inconsistent(format!("it refers to slot {target}, which is empty")));
    }
    let empty = index.at(number).ok_or_else(Inconsistent::stopped)?;
    Ok(AttributeIndex::of_found(empty, found))
}
