//! One assertion of a filter: the attribute that it names, its value prepared for the attribute's matching rule, where
//! entries are found for which it may hold, and what it comes to.

use crate::ldap::identifier::Guid;
use crate::ldap::matching_rule::{is_ordered, prepare};
use crate::ldap::schema::{self, Syntax};

use super::attributes::AttributeId;
use super::evaluate::{Leaf, Lookup, Node, Pieces, Test, Values};
use super::index::{AttributeIndex, Hits, KeyRange, of_pieces};

/// An attribute that a filter names.
#[derive(Clone, Copy)]
pub(super) enum Named<'v> {
    /// Some entry has it, or had it.
    Here(Here<'v>),
    /// The schema knows it; no entry has it.
    Absent { name: &'static str, syntax: Syntax },
    /// Unknown, or not to be looked at.
    Undefined,
}

#[derive(Clone, Copy)]
pub(super) struct Here<'v> {
    pub(super) id: AttributeId,
    pub(super) name: &'v str,
    pub(super) syntax: Syntax,
    pub(super) index: &'v AttributeIndex,
}

/// What an assertion comes to.
pub(super) enum Assertion<'v> {
    Leaf(Leaf<'v>),
    /// For no entry True, whether negated or not.
    Undefined,
    False,
}

impl Named<'_> {
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Here(here) => Some(here.name),
            Self::Absent { name, .. } => Some(name),
            Self::Undefined => None,
        }
    }
}

impl<'v> Assertion<'v> {
    pub(super) fn hits(hits: Option<Hits<'v>>) -> Self {
        match hits {
            Some(hits) if hits.len() > 0 => Self::Leaf(Leaf::Hits(hits)),
            Some(_) | None => Self::False,
        }
    }

    pub(super) fn values(here: Here<'v>, test: Test, lookup: Lookup) -> Self {
        let Here { id: attribute, index, .. } = here;
        let lookup = match &lookup {
            Lookup::Key(_) | Lookup::Range(_) | Lookup::Keys if !index.has_values() => {
                Lookup::Presence
            }
            Lookup::Presence
            | Lookup::Key(_)
            | Lookup::Range(_)
            | Lookup::Grams(_)
            | Lookup::Keys => lookup,
        };
        Self::Leaf(Leaf::Values(Box::new(Values { attribute, index, test, lookup })))
    }

    pub(super) fn signed(self, sign: bool) -> Node<'v> {
        match self {
            Self::Leaf(leaf) if sign => Node::Leaf(leaf),
            Self::Leaf(leaf) => Node::Not(leaf),
            Self::Undefined => Node::Constant(false),
            Self::False => Node::Constant(!sign),
        }
    }
}

/// The name of the category of a class (MS-ADTS §3.1.1.3.1.3.5).
pub(super) fn category_name(class: &str) -> Option<&'static str> {
    schema::object_class(class.trim())?.category
}

/// Where entries are found that may hold the pieces.
pub(super) fn by_pieces(pieces: &Pieces, index: &AttributeIndex) -> Lookup {
    let Pieces { initial, any, last } = pieces;
    let start_alone = any.is_empty() && last.is_empty();
    if index.has_grams() && !(start_alone && index.has_values()) {
        let grams = of_pieces(initial, any, last);
        if !grams.is_empty() {
            return Lookup::Grams(grams);
        }
    }
    if initial.is_empty() { Lookup::Presence } else { Lookup::Range(KeyRange::beginning(initial)) }
}

/// An assertion value prepared for ordering; `None` if the syntax has no ordering rule.
pub(super) fn ordered(syntax: Syntax, value: &[u8]) -> Option<Vec<u8>> {
    if is_ordered(syntax) { prepare(syntax, value) } else { None }
}

/// An assertion value prepared; `None` if the syntax does not allow it.
pub(super) fn value_of(attribute: &str, syntax: Syntax, value: &[u8]) -> Option<Vec<u8>> {
    if attribute.eq_ignore_ascii_case("objectGUID")
        && let Some(guid) = std::str::from_utf8(value).ok().and_then(Guid::parse)
    {
        return Some(guid.ad_octets().to_vec());
    }
    prepare(syntax, value)
}
