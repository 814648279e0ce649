//! Which entries have which three characters next to each other in a value: candidates for substrings.

use imbl::OrdMap;
use roaring::RoaringBitmap;

use super::super::posting::Posting;

/// Three characters, and the two ends of a value as characters that no text has.
pub(in crate::directory) type Gram = u64;

const START: u64 = 0x11_0000;
const END: u64 = 0x11_0001;
const BITS: u32 = 21;

/// With so few candidates left, looking at their values costs less than more postings.
const FEW: u64 = 24;

/// Slots by gram.
#[derive(Clone, Debug, Default)]
pub(super) struct Grams(OrdMap<Gram, Posting>);

/// Every entry that may hold the pieces of a substrings assertion.
#[derive(Debug)]
pub(in crate::directory) enum GramHits<'v> {
    Nothing,
    Posting(&'v Posting),
    Set(RoaringBitmap),
}

impl Grams {
    /// Of grams in ascending order, each once.
    pub(super) fn of_sorted(grams: impl Iterator<Item = (Gram, Posting)>) -> Self {
        Self(grams.collect())
    }

    pub(super) fn insert(&mut self, gram: Gram, slot: u32) {
        match self.0.get_mut(&gram) {
            Some(posting) => {
                posting.insert(slot);
            }
            None => {
                self.0.insert(gram, Posting::One(slot));
            }
        }
    }

    pub(super) fn remove(&mut self, gram: Gram, slot: u32) {
        let Some(posting) = self.0.get_mut(&gram) else { return };
        posting.remove(slot);
        if posting.is_empty() {
            self.0.remove(&gram);
        }
    }

    /// No more entries than this hold the pieces; `None`: the pieces are too short to tell.
    pub(super) fn estimate(&self, grams: &[Gram]) -> Option<u64> {
        grams.iter().map(|gram| self.0.get(gram).map_or(0, Posting::len)).min()
    }

    /// The entries that have all of the grams, and perhaps others when only few are left.
    pub(super) fn find(&self, grams: &[Gram]) -> GramHits<'_> {
        let mut postings = Vec::with_capacity(grams.len());
        for gram in grams {
            match self.0.get(gram) {
                Some(posting) => postings.push(posting),
                None => return GramHits::Nothing,
            }
        }
        postings.sort_unstable_by_key(|posting| posting.len());
        let Some((first, rest)) = postings.split_first() else { return GramHits::Nothing };
        if first.len() <= FEW || rest.is_empty() {
            return GramHits::Posting(first);
        }
        let mut set = first.to_bitmap();
        for posting in rest {
            set = intersection(set, posting);
            if set.len() <= FEW {
                break;
            }
        }
        GramHits::Set(set)
    }

    #[cfg(test)]
    pub(super) fn content(&self) -> Vec<(Gram, Vec<u32>)> {
        self.0.iter().map(|(gram, slots)| (*gram, slots.iter().collect())).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn intersection(mut set: RoaringBitmap, posting: &Posting) -> RoaringBitmap {
    match posting {
        Posting::Many(many) => {
            set &= many.as_ref();
            set
        }
        Posting::One(_) | Posting::Few(_) => {
            posting.iter().filter(|slot| set.contains(*slot)).collect()
        }
    }
}

/// The grams of a prepared value, in no order, some perhaps twice.
pub(super) fn of_value(prepared: &[u8], each: impl FnMut(Gram)) {
    if let Ok(text) = std::str::from_utf8(prepared) {
        windows([START].into_iter().chain(characters(text)).chain([END]), each);
    }
}

/// The grams that a value must have to match the prepared pieces of an assertion, each once.
pub(in crate::directory) fn of_pieces(initial: &[u8], any: &[Vec<u8>], last: &[u8]) -> Vec<Gram> {
    let text = |piece| std::str::from_utf8(piece).unwrap_or_default();
    let mut grams = Vec::new();
    if !initial.is_empty() {
        windows([START].into_iter().chain(characters(text(initial))), |gram| grams.push(gram));
    }
    for piece in any {
        windows(characters(text(piece)), |gram| grams.push(gram));
    }
    if !last.is_empty() {
        windows(characters(text(last)).chain([END]), |gram| grams.push(gram));
    }
    grams.sort_unstable();
    grams.dedup();
    grams
}

fn characters(text: &str) -> impl Iterator<Item = u64> + '_ {
    text.chars().map(|character| u64::from(u32::from(character)))
}

fn windows(characters: impl Iterator<Item = u64>, mut each: impl FnMut(Gram)) {
    let mut gram = 0;
    for (number, character) in characters.enumerate() {
        gram = (gram << BITS | character) & ((1 << (3 * BITS)) - 1);
        if number >= 2 {
            each(gram);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grams_of(value: &str) -> Vec<Gram> {
        let mut grams = Vec::new();
        of_value(value.as_bytes(), |gram| grams.push(gram));
        grams
    }

    #[test]
    fn ends_of_a_value_count_as_characters() {
        assert_eq!(grams_of("").len(), 0);
        assert_eq!(grams_of("a").len(), 1);
        assert_eq!(grams_of("\u{10ffff}\u{10ffff}").len(), 2);
        assert_eq!(of_pieces(b"al", &[], b"").len(), 1);
        assert_eq!(of_pieces(b"", &[], b"ce").len(), 1);
        assert_eq!(of_pieces(b"a", &[b"ce".to_vec()], b"e").len(), 0);
        assert_eq!(of_pieces(b"", &["\u{e9}t\u{e9}".into()], b"").len(), 1);
        assert_ne!(of_pieces(b"al", &[], b""), of_pieces(b"", &[], b"al"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn whoever_has_the_pieces_is_found(
            values in proptest::collection::vec("[ab\u{e9}]{0,6}", 1..60),
            (initial, any, last) in
                ("[ab\u{e9}]{0,3}", proptest::collection::vec("[ab\u{e9}]{1,4}", 0..2), "[ab\u{e9}]{0,3}"),
            gone in proptest::collection::vec(0_usize..60, 0..20),
        ) {
            let mut index = Grams::default();
            for (slot, value) in (0..).zip(&values) {
                grams_of(value).into_iter().for_each(|gram| index.insert(gram, slot));
            }
            let left = |slot: &u32| !gone.contains(&(*slot as usize));
            for (slot, value) in (0..).zip(&values) {
                if !left(&slot) {
                    grams_of(value).into_iter().for_each(|gram| index.remove(gram, slot));
                }
            }
            let pieces: Vec<Vec<u8>> = any.iter().map(|piece| piece.clone().into_bytes()).collect();
            let grams = of_pieces(initial.as_bytes(), &pieces, last.as_bytes());
            if let Some(estimate) = index.estimate(&grams) {
                let found: Vec<u32> = match index.find(&grams) {
                    GramHits::Nothing => Vec::new(),
                    GramHits::Posting(posting) => posting.iter().collect(),
                    GramHits::Set(set) => set.iter().collect(),
                };
                prop_assert!(found.len() as u64 <= estimate);
                for (slot, value) in (0..).zip(&values).filter(|(slot, _)| left(slot)) {
                    let middle = value.strip_prefix(initial.as_str());
                    let middle = middle.and_then(|rest| rest.strip_suffix(last.as_str()));
                    let holds = middle.is_some_and(|middle| match any.as_slice() {
                        [] => true,
                        [piece, ..] => middle.contains(piece.as_str()),
                    });
                    // Of several pieces only the first is asked for here.
                    if holds && any.len() < 2 {
                        prop_assert!(found.contains(&slot), "{} {}*{:?}*{}", value, initial, any, last);
                    }
                }
                prop_assert!(found.iter().all(left), "a slot that is gone");
            }
            for (slot, value) in (0..).zip(&values).filter(|(slot, _)| left(slot)) {
                grams_of(value).into_iter().for_each(|gram| index.remove(gram, slot));
            }
            prop_assert_eq!(index.len(), 0);
        }
    }
}
