//! From a filter made ready to the entries it holds for, by the cheapest way that the indices offer.
//!
//! Where one leg leads to few entries, each of them is looked at. Where all lead to many, whole sets are put
//! together: assertions that an index answers exactly cost no look at any entry, the others are tested on what
//! the exact ones have left. The way decides the cost and never the answer.

use roaring::RoaringBitmap;

use super::budget::{Meter, Stop};
use super::evaluate::{Leaf, Lookup, Node, Test, Values};
use super::index::{GramHits, Hits};
use super::tree::Extent;
use super::view::View;

/// Up to so many entries are looked at one by one.
pub(super) const FEW: u64 = 64;
/// The entries that a filter holds for.
pub(super) enum Found<'v> {
    Hits(Hits<'v>),
    Set(RoaringBitmap),
}

impl Found<'_> {
    fn into_set(self) -> RoaringBitmap {
        match self {
            Self::Hits(hits) => hits.to_bitmap(),
            Self::Set(set) => set,
        }
    }
}

impl<'v> Node<'v> {
    /// Rank by what a look at one entry costs.
    pub(super) fn cost(&self) -> u8 {
        match self {
            Self::Constant(_) => 0,
            Self::Leaf(Leaf::Hits(Hits::One(_))) => 1,
            Self::Leaf(Leaf::Hits(_) | Leaf::Set(_)) | Self::Not(Leaf::Hits(_) | Leaf::Set(_)) => 2,
            Self::Leaf(Leaf::Values(values)) | Self::Not(Leaf::Values(values)) => {
                if matches!(values.test, Test::Substrings(..)) { 4 } else { 3 }
            }
            Self::Leaf(Leaf::Chain(_) | Leaf::Names(_))
            | Self::Not(Leaf::Chain(_) | Leaf::Names(_)) => 5,
            Self::Leaf(Leaf::NamePart(_) | Leaf::Added(_))
            | Self::Not(Leaf::NamePart(_) | Leaf::Added(_)) => 6,
            Self::And(nodes) | Self::Or(nodes) => {
                nodes.iter().map(Node::cost).max().unwrap_or_default()
            }
        }
    }

    /// How many entries an index leads to at most; `None`: no index leads to fewer than all. Counted
    /// up to `limit`; more than that is told as some number above it.
    pub(super) fn estimate(&self, limit: u64) -> Option<u64> {
        match self {
            Self::Constant(false) => Some(0),
            Self::Constant(true) | Self::Not(_) => None,
            Self::Leaf(leaf) => leaf.estimate(limit),
            Self::And(nodes) => {
                let mut least = None;
                for node in nodes {
                    let estimate = node.estimate(least.unwrap_or(limit));
                    least = match (least, estimate) {
                        (Some(least), Some(estimate)) => Some(estimate.min(least)),
                        (one, other) => one.or(other),
                    };
                    if least == Some(0) {
                        break;
                    }
                }
                least
            }
            Self::Or(nodes) => {
                let mut sum = 0_u64;
                for node in nodes {
                    sum = sum.saturating_add(node.estimate(limit)?);
                }
                Some(sum)
            }
        }
    }

    /// How many looks at values one entry may take.
    fn weight(&self) -> u64 {
        match self {
            Self::Constant(_) => 0,
            Self::Leaf(leaf) | Self::Not(leaf) => leaf.weight(),
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().map(Node::weight).sum(),
        }
    }
}

impl<'v> Leaf<'v> {
    fn weight(&self) -> u64 {
        match self {
            Self::Hits(_) | Self::Set(_) => 0,
            Self::Values(_)
            | Self::Chain(_)
            | Self::NamePart(_)
            | Self::Names(_)
            | Self::Added(_) => 1,
        }
    }

    fn estimate(&self, limit: u64) -> Option<u64> {
        match self {
            Self::Hits(hits) => Some(hits.len()),
            Self::Set(set) => Some(set.len()),
            Self::Values(values) => Some(values.estimate(limit)),
            Self::Chain(chain) => Some(chain.index.present().len().max(chain.first.len())),
            Self::NamePart(_) | Self::Added(_) => None,
            Self::Names(names) => Some(names.present.len()),
        }
    }
}

impl<'v> Values<'v> {
    pub(super) fn estimate(&self, limit: u64) -> u64 {
        let present = self.index.present().len();
        match &self.lookup {
            Lookup::Presence | Lookup::Keys => present,
            Lookup::Key(key) => self.index.equal(key).map_or(0, Hits::len),
            Lookup::Range(range) => self.index.count(range, limit),
            Lookup::Grams(grams) => self.index.count_with_grams(grams).unwrap_or(present),
        }
    }

    /// Whether every entry that the lookup leads to passes the test.
    pub(super) fn is_exact(&self) -> bool {
        match (&self.lookup, &self.test) {
            (Lookup::Range(range), Test::AtLeast(..) | Test::AtMost(..)) => range.is_exact(),
            (Lookup::Range(range), Test::Substrings(_, pieces)) => {
                range.is_exact() && pieces.any.is_empty() && pieces.last.is_empty()
            }
            (Lookup::Keys, _) => true,
            _ => false,
        }
    }

    /// The entries that the lookup leads to, and whether that is exact.
    fn candidates(&self) -> (Found<'v>, bool) {
        let present = || (Found::Hits(Hits::Set(self.index.present())), false);
        match &self.lookup {
            Lookup::Presence => present(),
            Lookup::Key(key) => {
                let hits = self.index.equal(key);
                (hits.map_or(Found::Set(RoaringBitmap::new()), Found::Hits), false)
            }
            Lookup::Range(range) => {
                let mut set = RoaringBitmap::new();
                self.index.range(range).for_each(|hits| hits.add_to(&mut set));
                (Found::Set(set), self.is_exact())
            }
            Lookup::Grams(grams) => match self.index.with_grams(grams) {
                GramHits::Nothing => (Found::Set(RoaringBitmap::new()), true),
                GramHits::Posting(posting) => (Found::Hits(Hits::Set(posting)), false),
                GramHits::Set(set) => (Found::Set(set), false),
            },
            Lookup::Keys => match self.index.keys() {
                Some(keys) => {
                    let mut set = RoaringBitmap::new();
                    keys.filter(|(key, _)| self.test.holds_prepared(key))
                        .for_each(|(_, hits)| hits.add_to(&mut set));
                    (Found::Set(set), true)
                }
                None => present(),
            },
        }
    }
}

/// Finds entries in one view.
pub(super) struct Planner<'v, 'm, 'b> {
    pub(super) view: &'v View,
    pub(super) meter: &'m mut Meter<'b>,
    /// Up to so many entries are looked at one by one.
    pub(super) few: u64,
}

impl<'v, 'm, 'b> Planner<'v, 'm, 'b> {
    pub(super) const fn new(view: &'v View, meter: &'m mut Meter<'b>) -> Self {
        Self { view, meter, few: FEW }
    }

    /// Calls `each` with every entry of the extent for which the filter holds, in slot order.
    pub(super) fn run(
        &mut self,
        node: &Node<'v>,
        extent: Extent,
        mut each: impl FnMut(u32),
    ) -> Result<(), Stop> {
        if let Extent::One(slot) = extent {
            self.meter.spend(node.weight())?;
            if node.holds(self.view, slot) {
                each(slot);
            }
            return Ok(());
        }
        if node.estimate(self.few).is_some_and(|count| count <= self.few) {
            let view = self.view;
            return self.few(node, |slot| {
                if view.reaches(extent, slot) {
                    each(slot);
                }
            });
        }
        let scope = (extent != Extent::Everything).then(|| self.view.slots(extent));
        match self.solve(node, scope.as_ref())? {
            Found::Hits(hits) => hits.iter().for_each(each),
            Found::Set(set) => set.iter().for_each(each),
        }
        Ok(())
    }

    /// Looks at each entry that the cheapest leg leads to.
    fn few(&mut self, node: &Node<'v>, mut each: impl FnMut(u32)) -> Result<(), Stop> {
        if let Node::Leaf(Leaf::Hits(hits)) = node {
            hits.iter().for_each(each);
            return Ok(());
        }
        let (leg, rest) = match node {
            Node::And(nodes) => match cheapest(nodes, self.few) {
                Some((place, _)) => (nodes.get(place).unwrap_or(node), true),
                None => (node, true),
            },
            Node::Constant(_) | Node::Or(_) | Node::Leaf(_) | Node::Not(_) => (node, false),
        };
        let weight = node.weight();
        if let (Node::Leaf(Leaf::Hits(hits)), true) = (leg, rest) {
            for slot in hits.iter() {
                self.meter.spend(weight)?;
                if node.holds(self.view, slot) {
                    each(slot);
                }
            }
            return Ok(());
        }
        for slot in self.solve(leg, None)?.into_set() {
            self.meter.spend(weight)?;
            if !rest || node.holds(self.view, slot) {
                each(slot);
            }
        }
        Ok(())
    }

    /// All entries for which the filter holds, of those in `within`.
    pub(super) fn solve(
        &mut self,
        node: &Node<'v>,
        within: Option<&RoaringBitmap>,
    ) -> Result<Found<'v>, Stop> {
        Ok(match node {
            Node::Constant(false) => Found::Set(RoaringBitmap::new()),
            Node::Constant(true) => Found::Set(self.universe(within)),
            Node::Leaf(leaf) => self.leaf(leaf, within)?,
            Node::Not(leaf) => {
                let mut set = self.universe(within);
                self.subtract(&mut set, leaf)?;
                Found::Set(set)
            }
            Node::And(nodes) => Found::Set(self.all_of(nodes, within)?),
            Node::Or(nodes) => {
                let mut set = RoaringBitmap::new();
                for node in nodes {
                    match self.solve(node, within)? {
                        Found::Hits(hits) => {
                            self.meter.spend_on_set(hits.len())?;
                            hits.add_to(&mut set);
                        }
                        Found::Set(more) => {
                            self.meter.spend_on_set(more.len())?;
                            set |= more;
                        }
                    }
                }
                Found::Set(set)
            }
        })
    }

    fn universe(&self, within: Option<&RoaringBitmap>) -> RoaringBitmap {
        within.map_or_else(|| self.view.slots(Extent::Everything), RoaringBitmap::clone)
    }

    fn leaf(&mut self, leaf: &Leaf<'v>, within: Option<&RoaringBitmap>) -> Result<Found<'v>, Stop> {
        match leaf {
            Leaf::Hits(hits) => self.restricted(Found::Hits(*hits), within),
            Leaf::Set(set) => self.both(set, within),
            Leaf::Chain(chain) => {
                self.meter.spend(chain.first.len() / 16)?;
                self.both(chain.all(self.view), within)
            }
            Leaf::Values(values) => self.values(values, within),
            Leaf::NamePart(_) | Leaf::Added(_) => {
                let all = self.universe(within);
                Ok(Found::Set(self.tested(all, leaf)?))
            }
            Leaf::Names(names) => {
                let present = Found::Hits(Hits::Set(names.present));
                let found = self.restricted(present, within)?.into_set();
                Ok(Found::Set(self.tested(found, leaf)?))
            }
        }
    }

    fn values(
        &mut self,
        values: &Values<'v>,
        within: Option<&RoaringBitmap>,
    ) -> Result<Found<'v>, Stop> {
        let limit = within.map_or(u64::MAX, RoaringBitmap::len);
        // A range that holds more than are asked about is not worth adding up.
        let (found, exact) = match (&values.lookup, within) {
            (Lookup::Range(range), Some(within)) if values.index.count(range, limit) >= limit => {
                (Found::Set(within.clone()), false)
            }
            _ => values.candidates(),
        };
        let found = self.restricted(found, within)?;
        if exact {
            return Ok(found);
        }
        let (view, mut set) = (self.view, RoaringBitmap::new());
        let mut look = |slot: u32| {
            self.meter.spend(1)?;
            if values.hold(view, slot) {
                set.insert(slot);
            }
            Ok(())
        };
        match found {
            Found::Hits(hits) => hits.iter().try_for_each(&mut look)?,
            Found::Set(found) => found.iter().try_for_each(&mut look)?,
        }
        Ok(Found::Set(set))
    }

    /// What of `found` is within.
    fn restricted(
        &mut self,
        found: Found<'v>,
        within: Option<&RoaringBitmap>,
    ) -> Result<Found<'v>, Stop> {
        let Some(within) = within else { return Ok(found) };
        self.meter.spend_on_set(within.len())?;
        Ok(Found::Set(match found {
            Found::Hits(hits) => hits.intersection(within),
            Found::Set(set) => set & within,
        }))
    }

    fn both(
        &mut self,
        set: &RoaringBitmap,
        within: Option<&RoaringBitmap>,
    ) -> Result<Found<'v>, Stop> {
        self.meter.spend_on_set(set.len())?;
        Ok(Found::Set(within.map_or_else(|| set.clone(), |within| set & within)))
    }

    fn all_of(
        &mut self,
        nodes: &[Node<'v>],
        within: Option<&RoaringBitmap>,
    ) -> Result<RoaringBitmap, Stop> {
        let most = within.map_or(u64::MAX, RoaringBitmap::len);
        let best = cheapest(nodes, most).filter(|(_, count)| *count <= most);
        let first = best.and_then(|(place, _)| nodes.get(place));
        let mut set = match first {
            Some(node) => self.solve(node, within)?.into_set(),
            None => self.universe(within),
        };
        for (place, node) in nodes.iter().enumerate() {
            if set.is_empty() {
                break;
            }
            if best.is_none_or(|(best, _)| best != place) {
                set = self.narrowed(set, node)?;
            }
        }
        Ok(set)
    }

    /// The entries of a set for which the filter holds too.
    fn narrowed(&mut self, mut set: RoaringBitmap, node: &Node<'v>) -> Result<RoaringBitmap, Stop> {
        match node {
            Node::Leaf(leaf) if self.is_worth_solving(leaf, set.len()) => {
                Ok(self.leaf(leaf, Some(&set))?.into_set())
            }
            Node::Not(leaf) if self.is_worth_solving(leaf, set.len()) => {
                self.subtract(&mut set, leaf)?;
                Ok(set)
            }
            Node::And(_) | Node::Or(_) if set.len() > self.few => {
                Ok(self.solve(node, Some(&set))?.into_set())
            }
            Node::Constant(_) | Node::Leaf(_) | Node::Not(_) | Node::And(_) | Node::Or(_) => {
                let (view, weight) = (self.view, node.weight());
                let mut kept = RoaringBitmap::new();
                for slot in set {
                    self.meter.spend(weight)?;
                    if node.holds(view, slot) {
                        kept.insert(slot);
                    }
                }
                Ok(kept)
            }
        }
    }

    /// Whether to ask an index for all rather than to look at so many entries.
    fn is_worth_solving(&self, leaf: &Leaf<'v>, slots: u64) -> bool {
        match leaf {
            Leaf::Hits(_) | Leaf::Set(_) => true,
            Leaf::Chain(_) => slots > self.few,
            Leaf::Values(values) => match values.lookup {
                Lookup::Keys => slots > self.few && values.index.keys().is_some(),
                Lookup::Presence | Lookup::Key(_) | Lookup::Range(_) | Lookup::Grams(_) => {
                    values.estimate(slots) < slots
                }
            },
            Leaf::Names(names) => names.present.len() < slots,
            Leaf::NamePart(_) | Leaf::Added(_) => false,
        }
    }

    fn subtract(&mut self, set: &mut RoaringBitmap, leaf: &Leaf<'v>) -> Result<(), Stop> {
        if let Leaf::Hits(hits) = leaf {
            self.meter.spend_on_set(set.len())?;
            hits.remove_from(set);
            return Ok(());
        }
        match self.leaf(leaf, Some(set))? {
            Found::Hits(hits) => hits.remove_from(set),
            Found::Set(found) => *set -= found,
        }
        Ok(())
    }

    fn tested(&mut self, set: RoaringBitmap, leaf: &Leaf<'v>) -> Result<RoaringBitmap, Stop> {
        let mut kept = RoaringBitmap::new();
        for slot in set {
            self.meter.spend(1)?;
            if leaf.holds(self.view, slot) {
                kept.insert(slot);
            }
        }
        Ok(kept)
    }
}

/// The leg that leads to the fewest entries, and to how many.
pub(super) fn cheapest(nodes: &[Node<'_>], limit: u64) -> Option<(usize, u64)> {
    let mut best: Option<(usize, u64)> = None;
    for (place, node) in nodes.iter().enumerate() {
        let least = best.map_or(limit, |(_, count)| count);
        if let Some(estimate) = node.estimate(least)
            && best.is_none_or(|(_, count)| estimate < count)
        {
            best = Some((place, estimate));
        }
    }
    best
}
