//! Which slots have which key, in the order of the keys. Copies share all but the few thousand octets
//! around a change.
//!
//! A run of up to [`MOST`] keys is one block: their octets one after another, and a slot for each, so
//! that a key that one entry has costs its own length and six octets more. Up to [`MOST_BLOCKS`] blocks are one
//! page. To find a key takes three binary searches, each in one piece of memory.

use std::mem;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::super::posting::{Posting, Slots};
use super::key::{Key, KeyRange};

/// Most keys of a block; one that outgrows it is halved.
const MOST: usize = 128;
/// A block with fewer keys is joined with the next one where both fit into one.
const LEAST: usize = MOST / 4;
/// Most blocks of a page; one that outgrows it is halved.
const MOST_BLOCKS: usize = 64;
/// With so many pages there are few keys.
const FEW_PAGES: usize = 1;
/// With so many blocks of a page there are few keys.
const FEW_BLOCKS: usize = 16;
/// Marks a slot number as the place of a set.
const SET: u32 = 1 << 31;

/// Slots by key.
#[derive(Clone, Debug, Default)]
pub(super) struct Postings {
    pages: Arc<Vec<(Key, Arc<Page>)>>,
}

/// Some blocks, each with a key that is not above any in it and above all in the one before. What is below
/// all such keys is in the first block.
#[derive(Clone, Debug, Default)]
struct Page {
    blocks: Vec<(Key, Arc<Block>)>,
}

/// The slots that have a key; at least one.
#[derive(Clone, Copy, Debug)]
pub(in crate::directory) enum Hits<'v> {
    /// One entry has it, as with most values.
    One(u32),
    Set(&'v Posting),
}

#[derive(Clone, Debug, Default)]
struct Block {
    /// The octets of all keys.
    octets: Vec<u8>,
    /// For each key, where it ends.
    ends: Vec<u16>,
    /// For each key, the slot that has it, or the place of the slots in `sets`.
    slots: Vec<u32>,
    sets: Vec<Posting>,
}

impl Postings {
    /// Of keys in ascending order, each once, with the slots that have it. Blocks and pages are left with
    /// some room.
    pub(super) fn of_sorted<K: AsRef<[u8]>>(keys: impl Iterator<Item = (K, Posting)>) -> Self {
        let mut pages: Vec<(Key, Arc<Page>)> = Vec::new();
        let (mut page, mut block) = (Page::default(), Block::default());
        for (key, slots) in keys {
            if block.len() >= MOST * 3 / 4 {
                page.push(mem::take(&mut block));
            }
            if page.blocks.len() >= MOST_BLOCKS * 3 / 4 {
                push_page(&mut pages, mem::take(&mut page));
            }
            block.push_slots(key.as_ref(), slots);
        }
        page.push(block);
        push_page(&mut pages, page);
        pages.shrink_to_fit();
        Self { pages: Arc::new(pages) }
    }

    /// The slots that have the key.
    pub(super) fn get(&self, key: &Key) -> Option<Hits<'_>> {
        let (_, page) = self.pages.get(floor(&self.pages, key))?;
        let (_, block) = page.blocks.get(floor(&page.blocks, key))?;
        block.find(key.as_slice()).ok().and_then(|place| block.hits(place))
    }

    /// Adds a slot to those that have the key.
    pub(super) fn insert(&mut self, key: &Key, slot: u32) {
        let place = floor(&self.pages, key);
        let pages = Arc::make_mut(&mut self.pages);
        if pages.is_empty() {
            pages.push((*key, Arc::default()));
        }
        let Some((_, page)) = pages.get_mut(place) else { return };
        let page = Arc::make_mut(page);
        page.insert(key, slot);
        if page.blocks.len() > MOST_BLOCKS {
            let upper = Page { blocks: page.blocks.split_off(MOST_BLOCKS / 2) };
            if let Some((bound, _)) = upper.blocks.first() {
                pages.insert(place + 1, (*bound, Arc::new(upper)));
            }
        }
    }

    /// Takes a slot from those that have the key.
    pub(super) fn remove(&mut self, key: &Key, slot: u32) {
        if self.get(key).is_none_or(|hits| !hits.contains(slot)) {
            return;
        }
        let place = floor(&self.pages, key);
        let pages = Arc::make_mut(&mut self.pages);
        let Some((_, page)) = pages.get_mut(place) else { return };
        let page = Arc::make_mut(page);
        page.remove(key, slot);
        let blocks = page.blocks.len();
        if blocks == 0 {
            pages.remove(place);
        } else if blocks < MOST_BLOCKS / 4 {
            let fits =
                |next: &(Key, Arc<Page>)| blocks + next.1.blocks.len() <= MOST_BLOCKS * 3 / 4;
            if pages.get(place + 1).is_some_and(fits) {
                let (_, next) = pages.remove(place + 1);
                if let Some((_, page)) = pages.get_mut(place) {
                    Arc::make_mut(page).blocks.extend(next.blocks.iter().cloned());
                }
            }
        }
    }

    /// The slots of each key of the range, in the order of the keys.
    pub(super) fn range<'p>(&'p self, range: &'p KeyRange) -> impl Iterator<Item = Hits<'p>> {
        let from = range.from();
        let first = floor(&self.pages, from);
        let pages = self.pages.iter().enumerate().skip(first);
        let blocks = pages.flat_map(move |(place, (_, page))| {
            let skipped = if place == first { floor(&page.blocks, from) } else { 0 };
            page.blocks.iter().skip(skipped)
        });
        let start = |block: &Block| block.find(from.as_slice()).unwrap_or_else(|place| place);
        blocks
            .flat_map(move |(_, block)| (start(block)..block.len()).map(move |at| (block, at)))
            .take_while(|(block, place)| !range.is_past(block.key(*place)))
            .filter_map(|(block, place)| block.hits(place))
    }

    /// All keys, with the slots that have them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Hits<'_>)> {
        self.blocks().flat_map(|block| {
            (0..block.len()).filter_map(|place| Some((block.key(place), block.hits(place)?)))
        })
    }

    /// Whether walking through all keys is little work.
    pub(super) fn has_few_keys(&self) -> bool {
        let pages = self.pages.as_slice();
        pages.len() <= FEW_PAGES && pages.iter().all(|(_, page)| page.blocks.len() <= FEW_BLOCKS)
    }

    /// How many keys there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.blocks().map(Block::len).sum()
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.pages.iter().flat_map(|(_, page)| page.blocks.iter().map(|(_, block)| block.as_ref()))
    }
}

/// Adds a page above all others; an empty one is none.
fn push_page(pages: &mut Vec<(Key, Arc<Page>)>, mut page: Page) {
    page.blocks.shrink_to_fit();
    if let Some((bound, _)) = page.blocks.first() {
        pages.push((*bound, Arc::new(page)));
    }
}

/// The place of the last item whose key is not above `key`; the first one, if all are.
fn floor<T>(items: &[(Key, T)], key: &Key) -> usize {
    items.partition_point(|(bound, _)| bound <= key).saturating_sub(1)
}

impl Page {
    /// Adds a block above all others; an empty one is none.
    fn push(&mut self, mut block: Block) {
        if block.len() > 0 {
            block.shrink();
            self.blocks.push((Key::holding(block.key(0)), Arc::new(block)));
        }
    }

    fn insert(&mut self, key: &Key, slot: u32) {
        let place = floor(&self.blocks, key);
        if self.blocks.is_empty() {
            self.blocks.push((*key, Arc::default()));
        }
        let Some((_, block)) = self.blocks.get_mut(place) else { return };
        let block = Arc::make_mut(block);
        block.insert(key.as_slice(), slot);
        if block.len() > MOST {
            let upper = block.split_off(MOST / 2);
            self.blocks.insert(place + 1, (Key::holding(upper.key(0)), Arc::new(upper)));
        }
    }

    fn remove(&mut self, key: &Key, slot: u32) {
        let place = floor(&self.blocks, key);
        let Some((_, block)) = self.blocks.get_mut(place) else { return };
        let block = Arc::make_mut(block);
        block.remove(key.as_slice(), slot);
        let keys = block.len();
        if keys == 0 {
            self.blocks.remove(place);
        } else if keys < LEAST {
            let fits = |next: &(Key, Arc<Block>)| keys + next.1.len() <= MOST * 3 / 4;
            if self.blocks.get(place + 1).is_some_and(fits) {
                let (_, next) = self.blocks.remove(place + 1);
                if let Some((_, block)) = self.blocks.get_mut(place) {
                    Arc::make_mut(block).append(&next);
                }
            }
        }
    }
}

impl Block {
    fn len(&self) -> usize {
        self.slots.len()
    }

    fn key(&self, place: usize) -> &[u8] {
        self.octets.get(self.start(place)..self.start(place + 1)).unwrap_or_default()
    }

    /// The first octet of the key in `place`, which is where the one before ends.
    fn start(&self, place: usize) -> usize {
        let before = place.checked_sub(1).and_then(|before| self.ends.get(before));
        before.copied().map_or(0, usize::from)
    }

    /// The place of the key, or the one where it would have to be.
    fn find(&self, key: &[u8]) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.key(middle).cmp(key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(middle),
            }
        }
        Err(low)
    }

    fn hits(&self, place: usize) -> Option<Hits<'_>> {
        let slot = *self.slots.get(place)?;
        if slot & SET == 0 {
            return Some(Hits::One(slot));
        }
        self.set(slot).map(Hits::Set)
    }

    fn set(&self, slot: u32) -> Option<&Posting> {
        self.sets.get(place_of_set(slot))
    }

    fn insert(&mut self, key: &[u8], slot: u32) {
        let place = match self.find(key) {
            Ok(place) => return self.insert_at(place, slot),
            Err(place) => place,
        };
        let start = self.start(place);
        self.octets.splice(start..start, key.iter().copied());
        // A block's keys have 128 times 47 octets at most.
        let length = key.len() as u16;
        self.ends.insert(place, start as u16);
        self.ends.iter_mut().skip(place).for_each(|end| *end += length);
        if slot & SET == 0 {
            self.slots.insert(place, slot);
        } else {
            let set = self.push_set(Posting::One(slot));
            self.slots.insert(place, set);
        }
    }

    fn insert_at(&mut self, place: usize, slot: u32) {
        let Some(held) = self.slots.get(place).copied() else { return };
        if held & SET != 0 {
            if let Some(set) = self.sets.get_mut(place_of_set(held)) {
                set.insert(slot);
            }
        } else if held != slot {
            let set = self.push_set([held, slot].into_iter().collect());
            if let Some(held) = self.slots.get_mut(place) {
                *held = set;
            }
        }
    }

    fn remove(&mut self, key: &[u8], slot: u32) {
        let Ok(place) = self.find(key) else { return };
        let Some(held) = self.slots.get(place).copied() else { return };
        if held & SET == 0 {
            if held == slot {
                self.remove_key(place);
            }
            return;
        }
        let Some(set) = self.sets.get_mut(place_of_set(held)) else { return };
        set.remove(slot);
        let left = match set {
            Posting::One(one) if *one & SET == 0 => Some(*one),
            Posting::One(_) | Posting::Few(_) | Posting::Many(_) if set.is_empty() => None,
            Posting::One(_) | Posting::Few(_) | Posting::Many(_) => return,
        };
        self.drop_set(held);
        match (left, self.slots.get_mut(place)) {
            (Some(one), Some(held)) => *held = one,
            _ => self.remove_key(place),
        }
    }

    fn remove_key(&mut self, place: usize) {
        let (start, end) = (self.start(place), self.start(place + 1));
        self.octets.drain(start..end);
        self.slots.remove(place);
        self.ends.remove(place);
        let length = (end - start) as u16;
        self.ends.iter_mut().skip(place).for_each(|end| *end -= length);
    }

    fn push_set(&mut self, set: Posting) -> u32 {
        self.sets.push(set);
        // There are no more sets than keys.
        (self.sets.len() - 1) as u32 | SET
    }

    /// The last set moves to the place of the one dropped.
    fn drop_set(&mut self, dropped: u32) {
        let last = (self.sets.len().saturating_sub(1)) as u32 | SET;
        self.sets.swap_remove(place_of_set(dropped));
        if let Some(moved) = self.slots.iter_mut().find(|slot| **slot == last) {
            *moved = dropped;
        }
    }

    fn split_off(&mut self, place: usize) -> Self {
        let mut upper = Self::default();
        for at in place..self.len() {
            upper.push(self.key(at), self.slots.get(at).copied().unwrap_or_default(), self);
        }
        let mut lower = Self::default();
        for at in 0..place {
            lower.push(self.key(at), self.slots.get(at).copied().unwrap_or_default(), self);
        }
        *self = lower;
        upper
    }

    fn append(&mut self, upper: &Self) {
        for at in 0..upper.len() {
            self.push(upper.key(at), upper.slots.get(at).copied().unwrap_or_default(), upper);
        }
    }

    /// Adds a key above all others, with what it has in `from`.
    fn push(&mut self, key: &[u8], slot: u32, from: &Self) {
        self.octets.extend_from_slice(key);
        self.ends.push(self.octets.len() as u16);
        let slot = match from.set(slot).filter(|_| slot & SET != 0) {
            Some(set) => self.push_set(set.clone()),
            None => slot,
        };
        self.slots.push(slot);
    }

    /// Adds a key above all others.
    fn push_slots(&mut self, key: &[u8], slots: Posting) {
        self.octets.extend_from_slice(key);
        self.ends.push(self.octets.len() as u16);
        let slot = match slots {
            Posting::One(one) if one & SET == 0 => one,
            set @ (Posting::One(_) | Posting::Few(_) | Posting::Many(_)) => self.push_set(set),
        };
        self.slots.push(slot);
    }

    fn shrink(&mut self) {
        self.octets.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.slots.shrink_to_fit();
        self.sets.shrink_to_fit();
        self.sets.iter_mut().for_each(Posting::shrink);
    }
}

fn place_of_set(slot: u32) -> usize {
    (slot & !SET) as usize
}

impl<'v> Hits<'v> {
    pub(in crate::directory) fn contains(self, slot: u32) -> bool {
        match self {
            Self::One(one) => one == slot,
            Self::Set(set) => set.contains(slot),
        }
    }

    pub(in crate::directory) fn len(self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Set(set) => set.len(),
        }
    }

    /// In ascending order.
    pub(in crate::directory) fn iter(self) -> Slots<'v> {
        match self {
            Self::One(one) => Slots::One(Some(one)),
            Self::Set(set) => set.iter(),
        }
    }

    /// Adds the slots to `set`.
    pub(in crate::directory) fn add_to(self, set: &mut RoaringBitmap) {
        match self {
            Self::One(one) => _ = set.insert(one),
            Self::Set(posting) => posting.add_to(set),
        }
    }

    pub(in crate::directory) fn to_bitmap(self) -> RoaringBitmap {
        match self {
            Self::One(one) => [one].into_iter().collect(),
            Self::Set(set) => set.to_bitmap(),
        }
    }

    /// The slots of `set` that are also here.
    pub(in crate::directory) fn intersection(self, set: &RoaringBitmap) -> RoaringBitmap {
        match self {
            Self::Set(Posting::Many(many)) => set & many.as_ref(),
            Self::One(_) | Self::Set(_) => self.iter().filter(|slot| set.contains(*slot)).collect(),
        }
    }

    /// Takes the slots from `set`.
    pub(in crate::directory) fn remove_from(self, set: &mut RoaringBitmap) {
        match self {
            Self::Set(Posting::Many(many)) => *set -= many.as_ref(),
            Self::One(_) | Self::Set(_) => self.iter().for_each(|slot| _ = set.remove(slot)),
        }
    }

    pub(in crate::directory) fn to_posting(self) -> Posting {
        match self {
            Self::One(one) => Posting::One(one),
            Self::Set(set) => set.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    type Model = BTreeMap<Vec<u8>, BTreeSet<u32>>;

    fn content(postings: &Postings) -> Model {
        let mut found = Model::new();
        for block in postings.blocks() {
            for place in 0..block.len() {
                let slots = block.hits(place).unwrap().iter().collect();
                assert!(found.insert(block.key(place).to_vec(), slots).is_none());
            }
        }
        found
    }

    /// Few slots for many keys, or many for few; some slots beyond the mark.
    fn step() -> impl Strategy<Value = (bool, u16, u32)> {
        (
            prop::bool::weighted(0.6),
            prop_oneof![0_u16..4, 0_u16..600, 0_u16..60_000],
            prop_oneof![0_u32..3, 0_u32..40, SET..SET + 3],
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn postings_are_a_map(steps in proptest::collection::vec(step(), 0..1500), ascending: bool) {
            let mut model = Model::new();
            let mut postings = Postings::default();
            let mut kept = Vec::new();
            for (number, (add, key, slot)) in steps.into_iter().enumerate() {
                if number % 300 == 0 {
                    kept.push((postings.clone(), model.clone()));
                }
                let octets = if ascending { format!("{key:05}") } else { key.to_string() };
                let key = Key::of(octets.as_bytes());
                if add {
                    postings.insert(&key, slot);
                    model.entry(octets.into_bytes()).or_default().insert(slot);
                } else {
                    postings.remove(&key, slot);
                    if let Some(slots) = model.get_mut(octets.as_bytes()) {
                        slots.remove(&slot);
                        if slots.is_empty() {
                            model.remove(octets.as_bytes());
                        }
                    }
                }
            }
            prop_assert_eq!(content(&postings), model.clone());
            prop_assert_eq!(postings.len(), model.len());
            for (postings, model) in kept {
                prop_assert_eq!(content(&postings), model, "a copy has changed");
            }
            for (octets, slots) in &model {
                let hits = postings.get(&Key::of(octets)).unwrap();
                prop_assert!(hits.iter().eq(slots.iter().copied()));
                prop_assert_eq!(hits.len(), slots.len() as u64);
            }
            prop_assert!(postings.get(&Key::of(b"nothing")).is_none());
            for bound in ["", "1", "3", "300", "00300", "42", "9"] {
                let range = KeyRange::at_least(bound.as_bytes());
                let expected = model.range(bound.as_bytes().to_vec()..);
                prop_assert!(same(&postings, &range, expected.map(|(_, slots)| slots)));
                let range = KeyRange::at_most(bound.as_bytes());
                let expected = model.range(..=bound.as_bytes().to_vec());
                prop_assert!(same(&postings, &range, expected.map(|(_, slots)| slots)));
                let range = KeyRange::beginning(bound.as_bytes());
                let expected = model.iter().filter(|(key, _)| key.starts_with(bound.as_bytes()));
                prop_assert!(same(&postings, &range, expected.map(|(_, slots)| slots)));
            }
        }
    }

    fn same<'m>(
        postings: &Postings,
        range: &KeyRange,
        expected: impl Iterator<Item = &'m BTreeSet<u32>>,
    ) -> bool {
        let found: Vec<BTreeSet<u32>> =
            postings.range(range).map(|hits| hits.iter().collect()).collect();
        found.iter().eq(expected)
    }

    /// Numbers that only grow leave no trail of nearly empty blocks.
    #[test]
    fn values_that_move_on_leave_no_empty_blocks() {
        let mut postings = Postings::default();
        let key = |number: u64| Key::of(&number.to_be_bytes());
        for number in 0..2000 {
            postings.insert(&key(number), 1);
        }
        for number in 0..20_000 {
            postings.insert(&key(number + 2000), 1);
            postings.remove(&key(number * 7919 % 2000 + number / 2000 * 2000), 1);
        }
        let (keys, blocks) = (postings.len(), postings.blocks().count());
        assert!(blocks < keys / 20, "{keys} keys in {blocks} blocks");
    }
}
