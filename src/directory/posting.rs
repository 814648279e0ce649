//! A set of slots. Most values are had by one entry only, most groups have few members; copies share
//! what is large, so a set in an old view costs nothing.

use std::sync::Arc;

use roaring::RoaringBitmap;

/// Up to so many slots are kept as a sorted list: smaller than a bitmap, and as fast.
const FEW: usize = 16;

/// A set of slots that is not empty, or was.
#[derive(Clone, Debug)]
pub(super) enum Posting {
    /// One slot.
    One(u32),
    /// Sorted, each once.
    Few(Arc<[u32]>),
    /// More than [`FEW`].
    Many(Arc<RoaringBitmap>),
}

impl Default for Posting {
    fn default() -> Self {
        Self::Few(Arc::from([]))
    }
}

impl PartialEq for Posting {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Posting {}

impl FromIterator<u32> for Posting {
    fn from_iter<I: IntoIterator<Item = u32>>(slots: I) -> Self {
        let mut list: Vec<u32> = slots.into_iter().collect();
        list.sort_unstable();
        list.dedup();
        Self::of_sorted(&list)
    }
}

impl Posting {
    /// Slots in ascending order, each once.
    pub(super) fn of_sorted(list: &[u32]) -> Self {
        match list {
            [one] => Self::One(*one),
            few if few.len() <= FEW => Self::Few(few.into()),
            many => {
                let set = RoaringBitmap::from_sorted_iter(many.iter().copied())
                    .unwrap_or_else(|_| many.iter().copied().collect());
                Self::Many(Arc::new(set))
            }
        }
    }

    /// The same in the smallest form, for a set that is complete: to add to it costs more.
    pub(super) fn complete(list: &[u32]) -> Self {
        let mut posting = Self::of_sorted(list);
        posting.shrink();
        posting
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Few(few) => few.len() as u64,
            Self::Many(many) => many.len(),
        }
    }

    pub(super) fn contains(&self, slot: u32) -> bool {
        match self {
            Self::One(one) => *one == slot,
            Self::Few(few) => few.binary_search(&slot).is_ok(),
            Self::Many(many) => many.contains(slot),
        }
    }

    /// The slots in ascending order.
    pub(super) fn iter(&self) -> Slots<'_> {
        match self {
            Self::One(one) => Slots::One(Some(*one)),
            Self::Few(few) => Slots::Few(few.iter()),
            Self::Many(many) => Slots::Many(Box::new(many.iter())),
        }
    }

    /// Adds the slots to `set`.
    pub(super) fn add_to(&self, set: &mut RoaringBitmap) {
        match self {
            Self::One(one) => {
                set.insert(*one);
            }
            Self::Few(few) => set.extend(few.iter().copied()),
            Self::Many(many) => *set |= many.as_ref(),
        }
    }

    /// As a bitmap.
    pub(super) fn to_bitmap(&self) -> RoaringBitmap {
        match self {
            Self::Many(many) => many.as_ref().clone(),
            Self::One(_) | Self::Few(_) => self.iter().collect(),
        }
    }

    /// Adds a slot; tells whether it was not there.
    pub(super) fn insert(&mut self, slot: u32) -> bool {
        match self {
            Self::One(one) if *one == slot => false,
            Self::One(one) => {
                let list = if *one < slot { [*one, slot] } else { [slot, *one] };
                *self = Self::Few(Arc::new(list));
                true
            }
            Self::Few(few) => {
                let Err(place) = few.binary_search(&slot) else { return false };
                let (before, after) = few.split_at_checked(place).unwrap_or((few, &[]));
                let list: Vec<u32> = before.iter().chain(&[slot]).chain(after).copied().collect();
                *self = Self::of_sorted(&list);
                true
            }
            Self::Many(many) => match Arc::get_mut(many) {
                // A first pass brings slots in ascending order.
                Some(alone) => alone.try_push(slot).is_ok() || alone.insert(slot),
                // Nothing is copied where nothing changes.
                None => !many.contains(slot) && Arc::make_mut(many).insert(slot),
            },
        }
    }

    /// Takes a slot out; tells whether it was there.
    pub(super) fn remove(&mut self, slot: u32) -> bool {
        match self {
            Self::One(one) if *one == slot => {
                *self = Self::default();
                true
            }
            Self::One(_) => false,
            Self::Few(few) => {
                let Ok(place) = few.binary_search(&slot) else { return false };
                let kept = few.iter().enumerate().filter(|(at, _)| *at != place);
                let list: Vec<u32> = kept.map(|(_, slot)| *slot).collect();
                *self = Self::of_sorted(&list);
                true
            }
            Self::Many(many) => {
                let there = many.contains(slot) && Arc::make_mut(many).remove(slot);
                // Half of the bound, so that a set at the bound does not change its form each time.
                if many.len() <= FEW as u64 / 2 {
                    *self = many.iter().collect();
                }
                there
            }
        }
    }

    /// Gives back what growing left over.
    pub(super) fn shrink(&mut self) {
        if let Self::Many(many) = self
            && let Some(many) = Arc::get_mut(many)
        {
            many.optimize();
        }
    }
}

/// The slots of a [`Posting`] in ascending order.
#[derive(Clone)]
pub(super) enum Slots<'p> {
    One(Option<u32>),
    Few(std::slice::Iter<'p, u32>),
    Many(Box<roaring::bitmap::Iter<'p>>),
}

impl Iterator for Slots<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        match self {
            Self::One(one) => one.take(),
            Self::Few(few) => few.next().copied(),
            Self::Many(many) => many.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_posting_is_a_set(steps in proptest::collection::vec((any::<bool>(), 0_u32..40), 0..200)) {
            let mut model = BTreeSet::new();
            let mut posting = Posting::default();
            for (add, slot) in steps {
                let before = posting.clone();
                let held = model.clone();
                if add {
                    prop_assert_eq!(posting.insert(slot), model.insert(slot));
                } else {
                    prop_assert_eq!(posting.remove(slot), model.remove(&slot));
                }
                prop_assert!(posting.iter().eq(model.iter().copied()));
                prop_assert_eq!(posting.len(), model.len() as u64);
                prop_assert!((0..40).all(|slot| posting.contains(slot) == model.contains(&slot)));
                prop_assert!(before.iter().eq(held.iter().copied()), "a copy has changed");
            }
        }
    }
}
