//! Indices made of all entries at once: what each entry is found under is collected first, then sorted and
//! put together attribute by attribute. Both steps can be shared out over threads, and nothing is moved to make
//! room, so it takes a small part of the time that one entry after another takes.

use std::mem;

use foldhash::HashMap;
use imbl::OrdMap;

use crate::ldap::dn::NormalizedDn;
use crate::ldap::schema::DirectoryKind;

use super::super::attributes::{AttributeId, AttributeInfo, Attributes};
use super::super::posting::Posting;
use super::super::stored::{References, Stored, values};
use super::Index;
use super::attribute::AttributeIndex;
use super::change::each_key;
use super::grams::{self, Gram, Grams};
use super::key::Key;
use super::postings::Postings;

/// What the entries of a run of slots are found under by one attribute.
#[derive(Debug, Default)]
pub(in crate::directory) struct Found {
    present: Vec<u32>,
    /// The keys one after another.
    octets: Vec<u8>,
    keys: Vec<Place>,
    /// In ascending order for each gram.
    grams: HashMap<Gram, Vec<u32>>,
    /// Slots referred to, each with the slot that refers.
    targets: Vec<(u32, u32)>,
    outside: HashMap<NormalizedDn, Vec<u32>>,
}

/// A key of an entry.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The first octets of the key, which mostly tell two keys apart.
    head: u64,
    /// Where it begins.
    start: usize,
    slot: u32,
    length: u8,
    /// In which [`Found`] its octets are.
    part: u8,
}

/// Collects what entries are found under. They must come in ascending order of their slots.
pub(in crate::directory) struct Collector<'a> {
    kind: DirectoryKind,
    attributes: &'a Attributes,
    /// Of each attribute, whether it has an index of values and one of parts.
    wanted: Vec<(bool, bool)>,
    found: Vec<Found>,
    entries: usize,
}

impl<'a> Collector<'a> {
    /// Nothing yet of about so many entries; `empty` has the indices that are wanted.
    pub(in crate::directory) fn new(
        empty: &Index,
        kind: DirectoryKind,
        attributes: &'a Attributes,
        entries: usize,
    ) -> Self {
        let wanted = empty.attributes.iter().map(|index| index.indexes_values()).collect();
        let found = empty.attributes.iter().map(|_| Found::default()).collect();
        Self { kind, attributes, wanted, found, entries }
    }

    /// Notes what an entry is found under: each attribute with options also by its type.
    pub(in crate::directory) fn add(&mut self, slot: u32, stored: &Stored) {
        let attributes = self.attributes;
        let with_family = |id: AttributeId| {
            let family = attributes.info(id).map(|info| info.family);
            [Some(id), family.filter(|family| *family != id)].into_iter().flatten()
        };
        for (id, element) in stored.fields.iter() {
            with_family(id).for_each(|id| self.add_values(id, slot, element));
        }
        for list in stored.references.iter() {
            with_family(list.attribute).for_each(|id| self.add_links(id, slot, list));
        }
    }

    /// What was collected, by the number of the attribute.
    pub(in crate::directory) fn into_found(self) -> Vec<Found> {
        self.found
    }

    fn add_values(&mut self, id: AttributeId, slot: u32, element: &[u8]) {
        let info = self.attributes.info(id);
        let wanted = self.wanted.get(id.index());
        let found = self.found.get_mut(id.index());
        let (Some(info), Some(wanted), Some(found)) = (info, wanted, found) else { return };
        if found.present.is_empty() {
            found.make_room(*wanted, self.entries);
        }
        push_once(&mut found.present, slot);
        if *wanted != (false, false) {
            found.add_values((self.kind, info), *wanted, slot, element);
        }
    }

    fn add_links(&mut self, id: AttributeId, slot: u32, list: &References) {
        let Some(found) = self.found.get_mut(id.index()) else { return };
        push_once(&mut found.present, slot);
        found.targets.extend(list.inside.iter().map(|target| (target, slot)));
        for name in list.outside.iter().filter_map(|outside| outside.name.as_ref()) {
            match found.outside.get_mut(name) {
                Some(slots) => push_once(slots, slot),
                None => _ = found.outside.insert(name.clone(), vec![slot]),
            }
        }
    }
}

fn push_once(slots: &mut Vec<u32>, slot: u32) {
    if slots.last() != Some(&slot) {
        slots.push(slot);
    }
}

/// Octets of a key, about.
const KEY: usize = 20;

impl Found {
    /// Most attributes are had by nearly every entry or by few: room that is not used is never touched.
    fn make_room(&mut self, (keys, _): (bool, bool), entries: usize) {
        self.present.reserve(entries);
        if keys {
            self.keys.reserve(entries);
            self.octets.reserve(entries * KEY);
        }
    }

    fn add_values(
        &mut self,
        (kind, info): (DirectoryKind, &AttributeInfo),
        (keys, parts): (bool, bool),
        slot: u32,
        element: &[u8],
    ) {
        for value in values(element) {
            each_key(kind, info, value, |prepared| {
                if keys {
                    self.add_key(&Key::of(prepared), slot);
                }
                if parts {
                    grams::of_value(prepared, |gram| {
                        push_once(self.grams.entry(gram).or_default(), slot);
                    });
                }
            });
        }
    }

    fn add_key(&mut self, key: &Key, slot: u32) {
        let octets = key.as_slice();
        let mut head = [0; 8];
        head.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        let head = u64::from_be_bytes(head);
        // A key has 47 octets at most.
        let length = octets.len() as u8;
        self.keys.push(Place { head, start: self.octets.len(), slot, length, part: 0 });
        self.octets.extend_from_slice(octets);
    }

    /// The slots that are referred to.
    pub(in crate::directory) fn targets(&self) -> impl Iterator<Item = u32> + '_ {
        self.targets.iter().map(|(target, _)| *target)
    }

    fn key(&self, place: &Place) -> &[u8] {
        let end = place.start + usize::from(place.length);
        self.octets.get(place.start..end).unwrap_or_default()
    }
}

impl AttributeIndex {
    /// The index of one attribute, of what was collected over all slots in ascending order, a part for each
    /// run of slots. No more than 256 runs. Has the indices that `empty` has.
    pub(in crate::directory) fn of_found(empty: &Self, mut parts: Vec<Found>) -> Self {
        let (has_values, has_grams) = empty.indexes_values();
        let present: Vec<u32> = parts.iter().flat_map(|part| &part.present).copied().collect();
        let grams = has_grams.then(|| merged_grams(&mut parts));
        let targets = merged_targets(&mut parts);
        let outside = merged_names(&mut parts);
        let values = has_values.then(|| merged_keys(&mut parts));
        let present = Posting::complete(&present);
        Self::of_indices(present, values, grams, targets, outside)
    }
}

fn merged_keys(parts: &mut [Found]) -> Postings {
    let mut keys: Vec<Place> = Vec::with_capacity(parts.iter().map(|part| part.keys.len()).sum());
    for (number, part) in parts.iter_mut().enumerate() {
        let places = mem::take(&mut part.keys);
        keys.extend(places.into_iter().map(|place| Place { part: number as u8, ..place }));
    }
    let octets =
        |place: &Place| parts.get(usize::from(place.part)).map_or(&[][..], |part| part.key(place));
    let same = |one: &Place, other: &Place| one.head == other.head && octets(one) == octets(other);
    // Stable: the slots of a key stay in order.
    keys.sort_by(|one, other| {
        one.head.cmp(&other.head).then_with(|| octets(one).cmp(octets(other)))
    });
    let mut slots = Vec::new();
    Postings::of_sorted(keys.chunk_by(same).filter_map(|run| {
        slots.clear();
        run.iter().for_each(|place| push_once(&mut slots, place.slot));
        Some((octets(run.first()?), Posting::complete(&slots)))
    }))
}

fn merged_grams(parts: &mut [Found]) -> Grams {
    let mut all = HashMap::default();
    for part in parts {
        let grams = mem::take(&mut part.grams);
        if all.is_empty() {
            all = grams;
            continue;
        }
        for (gram, slots) in grams {
            all.entry(gram).or_insert_with(Vec::new).extend(slots);
        }
    }
    let mut all: Vec<(Gram, Vec<u32>)> = all.into_iter().collect();
    all.sort_unstable_by_key(|(gram, _)| *gram);
    Grams::of_sorted(all.into_iter().map(|(gram, slots)| (gram, Posting::complete(&slots))))
}

fn merged_targets(parts: &mut [Found]) -> Postings {
    let mut targets: Vec<(u32, u32)> =
        parts.iter_mut().flat_map(|part| mem::take(&mut part.targets)).collect();
    targets.sort_unstable();
    targets.dedup();
    let mut slots = Vec::new();
    Postings::of_sorted(targets.chunk_by(|(one, _), (other, _)| one == other).filter_map(|run| {
        slots.clear();
        slots.extend(run.iter().map(|(_, slot)| *slot));
        Some((run.first()?.0.to_be_bytes(), Posting::complete(&slots)))
    }))
}

fn merged_names(parts: &mut [Found]) -> OrdMap<NormalizedDn, Posting> {
    let mut all: HashMap<NormalizedDn, Vec<u32>> = HashMap::default();
    for part in parts {
        for (name, slots) in mem::take(&mut part.outside) {
            all.entry(name).or_default().extend(slots);
        }
    }
    all.into_iter().map(|(name, slots)| (name, Posting::complete(&slots))).collect()
}
