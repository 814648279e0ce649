//! How a search finds its entries, for people: which index answers which part, which part leads, and
//! what it cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ldap::dn::NormalizedDn;
use crate::ldap::filter::Filter;
use crate::ldap::request::SearchScope;
use crate::ldap::schema::Syntax;

use super::budget::{Budget, Meter};
use super::evaluate::{Leaf, Lookup, Node, Test};
use super::plan::{FEW, cheapest};
use super::search::{Audience, SearchError};
use super::tree::Extent;
use super::view::View;

/// How a search was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The parts of the filter that are looked up separately.
    pub legs: Vec<ExplainedLeg>,
    /// How the parts were put together, in words.
    pub way: String,
    /// Looks at the values of entries, as [`Budget::candidates`] counts them.
    pub looks: u64,
    /// Entries found and shown.
    pub entries: usize,
    /// Making the filter ready, in nanoseconds.
    pub prepare_ns: u64,
    /// Finding the entries, in nanoseconds.
    pub find_ns: u64,
}

/// A part of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedLeg {
    /// The part.
    pub filter: String,
    /// What leads to its entries.
    pub index: IndexUsed,
    /// To how many at most; absent where no index leads to fewer than all.
    pub candidates: Option<u64>,
    /// Whether entries were looked for here first.
    pub chosen: bool,
}

/// What leads to the entries of a part of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexUsed {
    /// The index of values.
    Equality,
    /// The entries that have the attribute at all.
    Presence,
    /// A run of values in the index of values.
    Ordering,
    /// All values in the index of values, of which there are few.
    AllValues,
    /// The index of parts of values.
    Substring,
    /// The index of references from entry to entry.
    Reference,
    /// References, step by step.
    Chain,
    /// Several, one for each part.
    Several,
    /// None is needed: the part holds for all entries or for none.
    Decided,
    /// None leads there: the part is tested on what the others leave.
    None,
}

impl IndexUsed {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Equality => "equality",
            Self::Presence => "presence",
            Self::Ordering => "ordering",
            Self::AllValues => "all values",
            Self::Substring => "substring",
            Self::Reference => "reference",
            Self::Chain => "reference chain",
            Self::Several => "several",
            Self::Decided => "not needed",
            Self::None => "none",
        }
    }
}

impl View {
    /// Carries a search out and says how. `clock` tells the time since any fixed moment.
    ///
    /// # Errors
    /// As for [`View::search_within`].
    pub fn explain(
        &self,
        base: &NormalizedDn,
        scope: SearchScope,
        filter: &Filter,
        audience: &dyn Audience,
        budget: &Budget<'_>,
        clock: &dyn Fn() -> Duration,
    ) -> Result<Explanation, SearchError> {
        let extent = self.extent(base, scope, audience)?;
        let start = clock();
        let node = self.compile_for(filter, audience);
        let ready = clock();
        let mut meter = Meter::new(Some(*budget));
        let entries = self.collect(&node, extent, audience, &mut meter)?.len();
        let end = clock();
        Ok(Explanation {
            legs: self.explained_legs(filter, audience),
            way: way(&node, extent).to_owned(),
            looks: meter.spent(),
            entries,
            prepare_ns: nanoseconds(ready.saturating_sub(start)),
            find_ns: nanoseconds(end.saturating_sub(ready)),
        })
    }

    fn explained_legs(&self, filter: &Filter, audience: &dyn Audience) -> Vec<ExplainedLeg> {
        let mut legs = Vec::new();
        split(filter, &mut legs);
        let nodes: Vec<Node<'_>> = legs.iter().map(|leg| self.compile_for(leg, audience)).collect();
        let chosen = cheapest(&nodes, u64::MAX).map(|(place, _)| place);
        let explained =
            legs.iter().zip(&nodes).enumerate().map(|(place, (leg, node))| ExplainedLeg {
                filter: leg.to_string(),
                index: self.index_used(leg, node),
                candidates: node.estimate(u64::MAX),
                chosen: chosen == Some(place),
            });
        explained.collect()
    }

    fn index_used(&self, filter: &Filter, node: &Node<'_>) -> IndexUsed {
        let leaf = match node {
            Node::Constant(_) => return IndexUsed::Decided,
            Node::And(_) | Node::Or(_) => return IndexUsed::Several,
            Node::Leaf(leaf) | Node::Not(leaf) => leaf,
        };
        match leaf {
            Leaf::Hits(_) | Leaf::Set(_) => self.exact_index(filter),
            Leaf::Chain(_) => IndexUsed::Chain,
            Leaf::NamePart(_) | Leaf::Added(_) => IndexUsed::None,
            Leaf::Names(_) => IndexUsed::Presence,
            Leaf::Values(values) => match (&values.lookup, &values.test) {
                (Lookup::Presence, _) => IndexUsed::Presence,
                (Lookup::Key(_), _) => IndexUsed::Equality,
                (Lookup::Range(_), Test::Substrings(..)) => IndexUsed::Equality,
                (Lookup::Range(_), _) => IndexUsed::Ordering,
                (Lookup::Grams(_), _) => IndexUsed::Substring,
                (Lookup::Keys, _) => IndexUsed::AllValues,
            },
        }
    }

    /// Which index knew the answer by itself.
    fn exact_index(&self, filter: &Filter) -> IndexUsed {
        match filter {
            Filter::Not(inner) => self.exact_index(inner),
            Filter::Present(_) => IndexUsed::Presence,
            Filter::Equality { attribute, .. }
            | Filter::Approx { attribute, .. }
            | Filter::Extensible { attribute: Some(attribute), .. } => {
                let info = self.attributes().find(attribute);
                let info = info.and_then(|id| self.attributes().info(id));
                match info.map(|info| info.syntax) {
                    Some(Syntax::DistinguishedName) => IndexUsed::Reference,
                    Some(_) | None => IndexUsed::Equality,
                }
            }
            Filter::And(filters) | Filter::Or(filters) => match filters.as_slice() {
                [only] => self.exact_index(only),
                _ => IndexUsed::Several,
            },
            Filter::Substrings { .. }
            | Filter::GreaterOrEqual { .. }
            | Filter::LessOrEqual { .. }
            | Filter::Extensible { attribute: None, .. } => IndexUsed::Equality,
        }
    }
}

/// The legs of an And, also of one in another; any other filter is one leg.
fn split<'f>(filter: &'f Filter, legs: &mut Vec<&'f Filter>) {
    match filter {
        Filter::And(filters) if !filters.is_empty() => {
            filters.iter().for_each(|filter| split(filter, legs));
        }
        Filter::And(_)
        | Filter::Or(_)
        | Filter::Not(_)
        | Filter::Equality { .. }
        | Filter::Substrings { .. }
        | Filter::GreaterOrEqual { .. }
        | Filter::LessOrEqual { .. }
        | Filter::Present(_)
        | Filter::Approx { .. }
        | Filter::Extensible { .. } => legs.push(filter),
    }
}

fn way(node: &Node<'_>, extent: Extent) -> &'static str {
    match (extent, node.estimate(FEW)) {
        (Extent::Nothing, _) => "the base is the root DSE, which is not in the copy",
        (Extent::One(_), _) => "the base entry is looked at",
        (_, Some(0)) => "the index says that there is nothing",
        (_, Some(count)) if count <= FEW => "the chosen part's entries are looked at one by one",
        (_, Some(_) | None) => {
            "sets of entries are put together, the rest is tested on what is left"
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
