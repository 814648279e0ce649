//! Who is above whom. Slots are numbered so that parents come before children and a subtree is one
//! run of slots; only this file knows that, the others ask for an [`Extent`].

use std::collections::HashMap;
use std::ops::Range;

use crate::ldap::dn::NormalizedDn;
use crate::ldap::request::SearchScope;

/// The tree over all slots.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// For each slot, the slot after the last one of its subtree.
    end: Vec<u32>,
    /// For each slot, the entry directly above, if that entry exists.
    parent: Vec<Option<u32>>,
    /// Slots without any ancestor in their naming context.
    roots: Vec<u32>,
}

/// Slots in reach of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The run of slots.
    Run(Range<u32>),
    /// The entries directly below one.
    Children(u32),
    /// The heads of all trees.
    Roots,
}

impl Tree {
    /// Arranges names into trees. Returns, slot by slot, which of `names` the slot holds, and the
    /// tree. A name in `heads` begins a tree of its own wherever it lies.
    pub(super) fn arrange(names: &[NormalizedDn], heads: &[NormalizedDn]) -> (Vec<usize>, Self) {
        let places: HashMap<&NormalizedDn, usize> =
            names.iter().enumerate().map(|(place, name)| (name, place)).collect();
        let mut above = Vec::with_capacity(names.len());
        let mut below: Vec<Vec<usize>> = vec![Vec::new(); names.len()];
        let mut tops = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let link = if heads.contains(name) { None } else { nearest(name, &places) };
            match link.and_then(|(found, _)| below.get_mut(found)) {
                Some(children) => children.push(place),
                None => tops.push(place),
            }
            above.push(link);
        }
        let rank = |place: &usize| {
            let name = names.get(*place);
            let head = heads.iter().position(|head| Some(head) == name).unwrap_or(heads.len());
            (head, name)
        };
        tops.sort_by(|left, right| rank(left).cmp(&rank(right)));
        for children in &mut below {
            children.sort_by(|left, right| names.get(*left).cmp(&names.get(*right)));
        }
        let order = depth_first(&tops, &below);
        let tree = Self::number(&order, &above, tops.len());
        (order, tree)
    }

    fn number(order: &[usize], above: &[Option<(usize, bool)>], tops: usize) -> Self {
        let mut slots = vec![0_u32; order.len()];
        for (slot, place) in (0_u32..).zip(order) {
            if let Some(entry) = slots.get_mut(*place) {
                *entry = slot;
            }
        }
        let link = |place: &usize| {
            let (found, direct) = above.get(*place).copied().flatten()?;
            Some((slots.get(found).copied()?, direct))
        };
        let links: Vec<Option<(u32, bool)>> = order.iter().map(link).collect();
        let mut end: Vec<u32> = (1_u32..).take(order.len()).collect();
        for (slot, link) in links.iter().enumerate().rev() {
            let last = end.get(slot).copied().unwrap_or_default();
            if let Some((ancestor, _)) = link
                && let Some(entry) = end.get_mut(index(*ancestor))
            {
                *entry = (*entry).max(last);
            }
        }
        let mut roots = Vec::with_capacity(tops);
        roots
            .extend((0_u32..).zip(&links).filter(|(_, link)| link.is_none()).map(|(slot, _)| slot));
        let parent =
            links.into_iter().map(|link| link.and_then(|(slot, direct)| direct.then_some(slot)));
        Self { end, parent: parent.collect(), roots }
    }

    /// What a search with this base and scope reaches; `None` as base is the root of all names.
    pub(super) fn extent(&self, base: Option<u32>, scope: SearchScope) -> Extent {
        let Some(base) = base else {
            return match scope {
                // The entry with the empty name is the root DSE, which is not in the view.
                SearchScope::BaseObject => Extent::Run(0..0),
                SearchScope::SingleLevel => Extent::Roots,
                SearchScope::WholeSubtree | SearchScope::SubordinateSubtree => {
                    Extent::Run(0..u32::try_from(self.end.len()).unwrap_or(u32::MAX))
                }
            };
        };
        match scope {
            SearchScope::BaseObject => Extent::Run(base..base + 1),
            SearchScope::SingleLevel => Extent::Children(base),
            SearchScope::WholeSubtree => Extent::Run(base..self.end(base)),
            SearchScope::SubordinateSubtree => Extent::Run(base + 1..self.end(base)),
        }
    }

    /// Whether `slot` is within the extent.
    pub(super) fn reaches(&self, extent: &Extent, slot: u32) -> bool {
        match extent {
            Extent::Run(run) => run.contains(&slot),
            Extent::Children(of) => self.parent(slot) == Some(*of),
            Extent::Roots => self.roots.contains(&slot),
        }
    }

    /// All slots of the extent, in order.
    pub(super) fn slots<'t>(&'t self, extent: &'t Extent) -> Box<dyn Iterator<Item = u32> + 't> {
        match extent {
            Extent::Run(run) => Box::new(run.clone()),
            Extent::Children(of) => Box::new(self.children(*of)),
            Extent::Roots => Box::new(self.roots.iter().copied()),
        }
    }

    /// No extent holds more slots than this.
    pub(super) fn size(&self, extent: &Extent) -> u64 {
        match extent {
            Extent::Run(run) => u64::from(run.end.saturating_sub(run.start)),
            Extent::Children(of) => u64::from(self.end(*of) - of),
            Extent::Roots => self.roots.len() as u64,
        }
    }

    /// The entries directly below `slot`.
    pub(super) fn children(&self, slot: u32) -> impl Iterator<Item = u32> + '_ {
        let end = self.end(slot);
        let first = Some(slot + 1).filter(|child| *child < end);
        std::iter::successors(first, move |child| Some(self.end(*child)).filter(|next| *next < end))
            .filter(move |child| self.parent(*child) == Some(slot))
    }

    /// The entry directly above.
    pub(super) fn parent(&self, slot: u32) -> Option<u32> {
        self.parent.get(index(slot)).copied().flatten()
    }

    fn end(&self, slot: u32) -> u32 {
        self.end.get(index(slot)).copied().unwrap_or(slot + 1)
    }
}

/// A slot number as a position in a vector.
pub(super) fn index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}

/// The nearest ancestor among `places`, and whether it is the entry directly above.
fn nearest(name: &NormalizedDn, places: &HashMap<&NormalizedDn, usize>) -> Option<(usize, bool)> {
    let mut ancestor = name.parent();
    let mut direct = true;
    while let Some(current) = ancestor.filter(|current| !current.is_root()) {
        if let Some(place) = places.get(&current) {
            return Some((*place, direct));
        }
        ancestor = current.parent();
        direct = false;
    }
    None
}

fn depth_first(tops: &[usize], below: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(below.len());
    let mut stack: Vec<usize> = tops.iter().rev().copied().collect();
    while let Some(place) = stack.pop() {
        order.push(place);
        stack.extend(below.get(place).into_iter().flatten().rev());
    }
    order
}
