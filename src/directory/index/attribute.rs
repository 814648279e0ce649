//! The indices of one attribute.

use imbl::OrdMap;

use crate::ldap::dn::NormalizedDn;

use super::super::posting::Posting;
use super::grams::{self, Gram, GramHits, Grams};
use super::key::{Key, KeyRange};
use super::postings::{Hits, Postings};

/// The indices of one attribute. Copies share what has not changed.
#[derive(Clone, Debug, Default)]
pub(in crate::directory) struct AttributeIndex {
    /// Entries with at least one value.
    present: Posting,
    /// By value.
    values: Option<Postings>,
    /// By three characters of a value.
    grams: Option<Grams>,
    /// By the entry referred to.
    targets: Postings,
    /// By a name that is not in the view.
    outside: OrdMap<NormalizedDn, Posting>,
}

/// What an entry's values of an attribute are found under.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entries {
    keys: Vec<Key>,
    grams: Vec<Gram>,
}

/// What an entry's values of an attribute refer to.
#[derive(Debug, Default)]
pub(super) struct Links<'s> {
    pub(super) inside: Vec<&'s Posting>,
    pub(super) outside: Vec<&'s NormalizedDn>,
}

impl AttributeIndex {
    pub(super) fn new(values: bool, grams: bool) -> Self {
        Self {
            values: values.then(Postings::default),
            grams: grams.then(Grams::default),
            ..Self::default()
        }
    }

    pub(super) const fn of_indices(
        present: Posting,
        values: Option<Postings>,
        grams: Option<Grams>,
        targets: Postings,
        outside: OrdMap<NormalizedDn, Posting>,
    ) -> Self {
        Self { present, values, grams, targets, outside }
    }

    /// Entries that have a value.
    pub(in crate::directory) const fn present(&self) -> &Posting {
        &self.present
    }

    /// Whether values are found by equality and order.
    pub(in crate::directory) const fn has_values(&self) -> bool {
        self.values.is_some()
    }

    /// Entries with a value of this key. They have the value itself if the key
    /// [is exact](Key::is_exact).
    pub(in crate::directory) fn equal(&self, key: &Key) -> Option<Hits<'_>> {
        self.values.as_ref()?.get(key)
    }

    /// Entries that may have a prepared value; exactly those that do, if it is short.
    pub(in crate::directory) fn candidates(&self, prepared: &[u8]) -> Posting {
        self.equal(&Key::of(prepared)).map(Hits::to_posting).unwrap_or_default()
    }

    /// Entries with a value in the range, once for each such value.
    pub(in crate::directory) fn range<'i>(
        &'i self,
        range: &'i KeyRange,
    ) -> impl Iterator<Item = Hits<'i>> {
        self.values.iter().flat_map(|values| values.range(range))
    }

    /// How many entries have a value in the range, at most; counted until there are more than `limit`.
    pub(in crate::directory) fn count(&self, range: &KeyRange, limit: u64) -> u64 {
        let mut count = 0;
        for hits in self.range(range) {
            count += hits.len();
            if count > limit {
                break;
            }
        }
        count.min(self.present.len())
    }

    /// How many entries may hold the pieces whose grams these are; `None`: there is no index of parts, or
    /// the pieces are too short for it.
    pub(in crate::directory) fn count_with_grams(&self, grams: &[Gram]) -> Option<u64> {
        self.grams.as_ref()?.estimate(grams)
    }

    /// The entries counted by [`AttributeIndex::count_with_grams`], or fewer.
    pub(in crate::directory) fn with_grams(&self, grams: &[Gram]) -> GramHits<'_> {
        self.grams.as_ref().map_or(GramHits::Nothing, |index| index.find(grams))
    }

    /// Entries that refer to the one in slot `target`.
    pub(in crate::directory) fn target(&self, target: u32) -> Option<Hits<'_>> {
        self.targets.get(&Key::holding(&target.to_be_bytes()))
    }

    /// Entries that refer to a name outside the view, given as
    /// [`NormalizedDn::as_str`](crate::ldap::dn::NormalizedDn::as_str).
    pub(in crate::directory) fn outside(&self, name: &str) -> Option<&Posting> {
        self.outside.get(name)
    }

    /// Whether values are found by their parts.
    pub(in crate::directory) const fn has_grams(&self) -> bool {
        self.grams.is_some()
    }

    /// All keys and the entries that have them; `None` if that is not cheaper than to look at entries.
    pub(in crate::directory) fn keys(&self) -> Option<impl Iterator<Item = (&[u8], Hits<'_>)>> {
        self.values.as_ref().filter(|values| values.has_few_keys()).map(Postings::iter)
    }

    pub(super) fn indexes_values(&self) -> (bool, bool) {
        (self.values.is_some(), self.grams.is_some())
    }

    pub(super) fn set_present(&mut self, slot: u32, present: bool) {
        if present {
            self.present.insert(slot);
        } else {
            self.present.remove(slot);
        }
    }

    /// What `slot` was found under, and is found under now.
    pub(super) fn change(&mut self, slot: u32, old: &Entries, new: &Entries) {
        if let Some(values) = &mut self.values {
            difference(&old.keys, &new.keys, |key| values.remove(key, slot));
            difference(&new.keys, &old.keys, |key| values.insert(key, slot));
        }
        if let Some(index) = &mut self.grams {
            difference(&old.grams, &new.grams, |gram| index.remove(*gram, slot));
            difference(&new.grams, &old.grams, |gram| index.insert(*gram, slot));
        }
    }

    /// What `slot` referred to, and refers to now.
    pub(super) fn relink(&mut self, slot: u32, old: &Links<'_>, new: &Links<'_>) {
        let key = |target: u32| Key::holding(&target.to_be_bytes());
        inside_difference(old, new, |target| self.targets.remove(&key(target), slot));
        inside_difference(new, old, |target| self.targets.insert(&key(target), slot));
        for name in &old.outside {
            if !new.outside.contains(name)
                && let Some(posting) = self.outside.get_mut(*name)
            {
                posting.remove(slot);
                if posting.is_empty() {
                    self.outside.remove(*name);
                }
            }
        }
        for name in &new.outside {
            match self.outside.get_mut(*name) {
                Some(posting) => {
                    posting.insert(slot);
                }
                None => {
                    self.outside.insert((*name).clone(), Posting::One(slot));
                }
            }
        }
    }

    /// Everything that is in it, as text.
    #[cfg(test)]
    pub(in crate::directory) fn content(&self) -> String {
        let slots = |hits: Hits<'_>| hits.iter().collect::<Vec<u32>>();
        let list = |postings: &Postings| -> Vec<_> {
            postings.iter().map(|(key, hits)| (key.to_vec(), slots(hits))).collect()
        };
        let names = self.outside.iter().map(|(name, set)| (name, set.iter().collect::<Vec<u32>>()));
        format!(
            "{:?} {:?} {:?} {:?} {:?}",
            self.present.iter().collect::<Vec<u32>>(),
            self.values.as_ref().map(list),
            self.grams.as_ref().map(Grams::content),
            list(&self.targets),
            names.collect::<Vec<_>>(),
        )
    }

    pub(super) fn forget_values(&mut self) {
        self.values = None;
        self.grams = None;
    }
}

impl Entries {
    /// Adds what a prepared value is found under; its grams only if it is text.
    pub(super) fn push(&mut self, prepared: &[u8], (keys, grams): (bool, bool)) {
        if keys {
            self.keys.push(Key::of(prepared));
        }
        if grams {
            grams::of_value(prepared, |gram| self.grams.push(gram));
        }
    }

    /// Each once, in order.
    pub(super) fn sort(&mut self) {
        self.keys.sort_unstable();
        self.keys.dedup();
        self.grams.sort_unstable();
        self.grams.dedup();
    }
}

/// Calls `each` with what of the first sorted list is not in the second.
fn difference<T: Ord>(of: &[T], without: &[T], mut each: impl FnMut(&T)) {
    for item in of {
        if without.is_empty() || without.binary_search(item).is_err() {
            each(item);
        }
    }
}

/// Calls `each` with the entries that only the first refers to.
fn inside_difference(of: &Links<'_>, without: &Links<'_>, mut each: impl FnMut(u32)) {
    for posting in &of.inside {
        match (posting, without.inside.as_slice()) {
            (Posting::Many(many), [Posting::Many(other)]) => {
                (many.as_ref() - other.as_ref()).iter().for_each(&mut each);
            }
            (_, others) => {
                let kept = |slot: &u32| others.iter().any(|other| other.contains(*slot));
                posting.iter().filter(|slot| !kept(slot)).for_each(&mut each);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(values: &[&str]) -> Entries {
        let mut entries = Entries::default();
        values.iter().for_each(|value| entries.push(value.as_bytes(), (true, true)));
        entries.sort();
        entries
    }

    fn slots(hits: Option<Hits<'_>>) -> Vec<u32> {
        hits.into_iter().flat_map(Hits::iter).collect()
    }

    #[test]
    fn what_changes_moves_and_the_rest_stays() {
        let mut index = AttributeIndex::new(true, true);
        let none = Entries::default();
        index.change(1, &none, &entries(&["alice", "lice"]));
        index.change(2, &none, &entries(&["bob"]));
        let before = index.clone();
        index.change(1, &entries(&["alice", "lice"]), &entries(&["lice", "bob"]));
        assert_eq!(slots(index.equal(&Key::of(b"bob"))), [1, 2]);
        assert_eq!(slots(index.equal(&Key::of(b"lice"))), [1]);
        assert!(index.equal(&Key::of(b"alice")).is_none());
        assert_eq!(
            index.count_with_grams(&grams::of_pieces(b"", &[b"lic".to_vec()], b"")),
            Some(1)
        );
        assert_eq!(index.count_with_grams(&grams::of_pieces(b"al", &[], b"")), Some(0));
        assert_eq!(slots(before.equal(&Key::of(b"bob"))), [2], "a copy has changed");
    }

    #[test]
    fn references_move() {
        let mut index = AttributeIndex::new(false, false);
        let (few, many) = (Posting::from_iter([3, 4]), Posting::from_iter(0..100));
        let name = NormalizedDn::parse("cn=x").unwrap();
        let links = |inside| Links { inside, outside: vec![&name] };
        index.relink(7, &Links::default(), &links(vec![&few]));
        index.relink(8, &Links::default(), &links(vec![&many]));
        assert_eq!(slots(index.target(3)), [7, 8]);
        assert_eq!(index.outside("cn=x").map(Posting::len), Some(2));
        let fewer = Posting::from_iter(3..100);
        index.relink(8, &links(vec![&many]), &Links { inside: vec![&fewer], outside: vec![] });
        assert_eq!((slots(index.target(2)), slots(index.target(3))), (vec![], vec![7, 8]));
        index.relink(7, &links(vec![&few]), &Links::default());
        assert_eq!(slots(index.target(4)), [8]);
        assert!(index.outside("cn=x").is_none());
    }
}
