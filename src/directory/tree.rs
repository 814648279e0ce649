//! Who is above whom. The links themselves are in the entries ([`Stored::above`]); here is what is
//! below each of them, and what a search reaches.

use imbl::OrdMap;
use roaring::RoaringBitmap;

use crate::ldap::request::SearchScope;

use super::posting::Posting;
use super::stored::Stored;
use super::view::View;

/// The tree over all slots.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// By entry, those for which it is the nearest entry above.
    children: OrdMap<u32, Posting>,
    /// Entries with nothing above them in their naming context.
    roots: Posting,
    /// Entries whose direct superior is not in the view.
    gaps: Posting,
}

/// Slots in reach of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Nothing,
    One(u32),
    /// The entries directly below one.
    Children(u32),
    /// The heads of all trees.
    Roots,
    /// Everything below one; the first field is that one, the second whether it counts.
    Below(u32, bool),
    Everything,
}

impl Extent {
    /// What a search with this base and scope reaches; `None` as base is the root of all names.
    pub(super) const fn of(base: Option<u32>, scope: SearchScope) -> Self {
        match (base, scope) {
            // The entry with the empty name is the root DSE, which is not in the view.
            (None, SearchScope::BaseObject) => Self::Nothing,
            (None, SearchScope::SingleLevel) => Self::Roots,
            (None, SearchScope::WholeSubtree | SearchScope::SubordinateSubtree) => Self::Everything,
            (Some(base), SearchScope::BaseObject) => Self::One(base),
            (Some(base), SearchScope::SingleLevel) => Self::Children(base),
            (Some(base), SearchScope::WholeSubtree) => Self::Below(base, true),
            (Some(base), SearchScope::SubordinateSubtree) => Self::Below(base, false),
        }
    }
}

impl Tree {
    /// The tree of entries, given in ascending order with the one above each and whether that is its direct
    /// superior.
    pub(super) fn of(links: impl Iterator<Item = (u32, Option<u32>, bool)>) -> Self {
        let (mut below, mut roots, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
        for (slot, above, direct) in links {
            match above {
                Some(above) => below.push((above, slot)),
                None => roots.push(slot),
            }
            if !direct {
                gaps.push(slot);
            }
        }
        below.sort_unstable();
        let children = below.chunk_by(|(one, _), (other, _)| one == other).filter_map(|run| {
            let children: Vec<u32> = run.iter().map(|(_, slot)| *slot).collect();
            Some((run.first()?.0, Posting::complete(&children)))
        });
        Self {
            children: children.collect(),
            roots: Posting::complete(&roots),
            gaps: Posting::complete(&gaps),
        }
    }

    /// Notes where an entry hangs.
    pub(super) fn link(&mut self, slot: u32, above: Option<u32>, direct: bool) {
        match above {
            Some(above) => match self.children.get_mut(&above) {
                Some(children) => _ = children.insert(slot),
                None => _ = self.children.insert(above, Posting::One(slot)),
            },
            None => _ = self.roots.insert(slot),
        }
        if !direct {
            self.gaps.insert(slot);
        }
    }

    /// Forgets where an entry hung.
    pub(super) fn unlink(&mut self, slot: u32, above: Option<u32>) {
        self.gaps.remove(slot);
        let Some(above) = above else {
            self.roots.remove(slot);
            return;
        };
        if let Some(children) = self.children.get_mut(&above) {
            children.remove(slot);
            if children.is_empty() {
                self.children.remove(&above);
            }
        }
    }

    /// The entries that hang on `slot`, those whose direct superior is missing included.
    pub(super) fn linked(&self, slot: u32) -> impl Iterator<Item = u32> + '_ {
        self.children.get(&slot).into_iter().flat_map(Posting::iter)
    }

    /// The entries directly below `slot`.
    pub(super) fn children(&self, slot: u32) -> impl Iterator<Item = u32> + '_ {
        self.linked(slot).filter(|child| !self.gaps.contains(*child))
    }

    /// Entries whose direct superior is not in the view, or that are the head of a tree.
    pub(super) const fn gaps(&self) -> &Posting {
        &self.gaps
    }

    /// Whether the entry above `slot` is its direct superior.
    pub(super) fn is_direct(&self, slot: u32) -> bool {
        !self.gaps.contains(slot)
    }

    /// Everything below `slot`, without itself.
    pub(super) fn below(&self, slot: u32) -> RoaringBitmap {
        let mut found = RoaringBitmap::new();
        let mut open: Vec<&Posting> = self.children.get(&slot).into_iter().collect();
        while let Some(children) = open.pop() {
            children.add_to(&mut found);
            // Most entries have nothing below: look at whichever there are fewer of.
            if children.len() > self.children.len() as u64 {
                let parents =
                    self.children.iter().filter(|(parent, _)| children.contains(**parent));
                open.extend(parents.map(|(_, below)| below));
            } else {
                open.extend(children.iter().filter_map(|child| self.children.get(&child)));
            }
        }
        found
    }
}

impl View {
    /// The entry directly above.
    pub(super) fn parent_slot(&self, slot: u32) -> Option<u32> {
        self.stored(slot)?.above.filter(|_| self.tree().is_direct(slot))
    }

    /// Whether `slot` is within the extent.
    pub(super) fn reaches(&self, extent: Extent, slot: u32) -> bool {
        match extent {
            Extent::Nothing => false,
            Extent::One(one) => slot == one,
            Extent::Children(of) => self.parent_slot(slot) == Some(of),
            Extent::Roots => self.tree().roots.contains(slot),
            Extent::Below(base, itself) if slot == base => itself,
            Extent::Below(base, _) => self.superiors(slot).any(|above| above == base),
            Extent::Everything => true,
        }
    }

    /// All slots of the extent.
    pub(super) fn slots(&self, extent: Extent) -> RoaringBitmap {
        match extent {
            Extent::Nothing => RoaringBitmap::new(),
            Extent::One(one) => std::iter::once(one).collect(),
            Extent::Children(of) => self.tree().children(of).collect(),
            Extent::Roots => self.tree().roots.to_bitmap(),
            Extent::Below(base, itself) => {
                let mut below = self.tree().below(base);
                if itself {
                    below.insert(base);
                }
                below
            }
            Extent::Everything => self.kinds().all(),
        }
    }

    /// The linked entries above, nearest first.
    fn superiors(&self, slot: u32) -> impl Iterator<Item = u32> + '_ {
        let above = |slot: &u32| self.stored(*slot).and_then(|stored: &Stored| stored.above);
        std::iter::successors(above(&slot), above)
    }
}
