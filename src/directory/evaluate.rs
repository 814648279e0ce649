//! Whether a filter holds for an entry (RFC 4511 §4.5.1.7).
//!
//! Filters are three-valued. A known attribute without a value makes an assertion False; only an attribute
//! that neither the schema nor any entry knows, or an assertion value that its syntax does not allow, makes it
//! Undefined. So `(!(isDeleted=TRUE))` holds for every entry that has no isDeleted.
//!
//! A filter made ready has no Undefined any more: negations are moved down to the assertions (De Morgan's laws
//! hold in three-valued logic), and an Undefined that nothing negates can as well be False, since only
//! what is True is found.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::fmt;

use roaring::RoaringBitmap;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::DistinguishedName;
use crate::ldap::matching_rule::prepare;
use crate::ldap::schema::Syntax;

use super::attributes::{AttributeId, key};
use super::index::{AttributeIndex, Gram, Hits, Key, KeyRange};
use super::posting::Posting;
use super::search::Audience;
use super::stored::{Stored, values};
use super::view::View;
use super::wording::{Asserted, Wording};

/// A filter made ready for one view: names looked up, values prepared, indices found.
#[derive(Debug)]
pub(super) enum Node<'v> {
    Constant(bool),
    And(Vec<Self>),
    Or(Vec<Self>),
    Leaf(Leaf<'v>),
    /// True where the assertion is False.
    Not(Leaf<'v>),
}

/// An assertion.
#[derive(Debug)]
pub(super) enum Leaf<'v> {
    /// True for exactly these.
    Hits(Hits<'v>),
    /// True for exactly these, worked out when the filter was made ready.
    Set(RoaringBitmap),
    /// Has to be looked up in the values of an attribute.
    Values(Box<Values<'v>>),
    /// A chain of references.
    Chain(Box<Chain<'v>>),
    /// The entry's own name has a part of this type and value (`:dn:`).
    NamePart(Box<NamePart<'v>>),
    /// Some value of an attribute of DN syntax may be shown.
    Names(Box<ShownNames<'v>>),
    /// An assertion on an attribute that is worked out for whoever asks.
    Added(Box<Asserted<'v>>),
}

/// A test of the values of an attribute.
#[derive(Debug)]
pub(super) struct Values<'v> {
    pub(super) attribute: AttributeId,
    pub(super) index: &'v AttributeIndex,
    pub(super) test: Test,
    pub(super) lookup: Lookup,
}

/// Where entries that may pass a test are found.
#[derive(Debug)]
pub(super) enum Lookup {
    /// Among those that have the attribute.
    Presence,
    /// Under a key that stands for other values too.
    Key(Key),
    /// Under these keys.
    Range(KeyRange),
    /// Where all of these are.
    Grams(Vec<Gram>),
    /// Under those keys that pass the test themselves.
    Keys,
}

/// What a value is tested for.
#[derive(Debug)]
pub(super) enum Test {
    Equal(Syntax, Vec<u8>),
    Substrings(Syntax, Pieces),
    /// Of a syntax whose prepared values sort as the values do.
    AtLeast(Syntax, Vec<u8>),
    AtMost(Syntax, Vec<u8>),
    /// MS-ADTS §3.1.1.3.4.4.1, LDAP_MATCHING_RULE_BIT_AND.
    AllBits(Syntax, i64),
    /// MS-ADTS §3.1.1.3.4.4.2, LDAP_MATCHING_RULE_BIT_OR.
    AnyBits(Syntax, i64),
}

/// The parts of a substrings assertion, prepared.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) initial: Vec<u8>,
    pub(super) any: Vec<Vec<u8>>,
    pub(super) last: Vec<u8>,
}

/// Entries from which references of one attribute lead, step by step, to a certain name
/// (MS-ADTS §3.1.1.3.4.4.3).
#[derive(Debug)]
pub(super) struct Chain<'v> {
    pub(super) attribute: AttributeId,
    pub(super) index: &'v AttributeIndex,
    /// Those that refer to the name itself.
    pub(super) first: RoaringBitmap,
    /// Whether an account's primary group is one more of its groups.
    pub(super) primary: bool,
    /// All of them, once worked out.
    set: OnceCell<RoaringBitmap>,
    /// How many entries were walked through to answer for single ones.
    walked: Cell<u64>,
}

/// Values that name entries, and who may not be told all of them.
pub(super) struct ShownNames<'v> {
    pub(super) attribute: AttributeId,
    /// The entries that have values.
    pub(super) present: &'v Posting,
    pub(super) audience: &'v dyn Audience,
}

impl fmt::Debug for ShownNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShownNames").field("attribute", &self.attribute).finish_non_exhaustive()
    }
}

/// A part of a name.
#[derive(Debug)]
pub(super) struct NamePart<'v> {
    pub(super) type_key: String,
    pub(super) syntax: Syntax,
    pub(super) value: Vec<u8>,
    /// What whoever asks calls entries.
    pub(super) wording: Option<&'v Wording>,
}

impl Node<'_> {
    /// Whether the filter is True for the entry in `slot`.
    pub(super) fn holds(&self, view: &View, slot: u32) -> bool {
        match self {
            Self::Constant(holds) => *holds,
            Self::And(nodes) => nodes.iter().all(|node| node.holds(view, slot)),
            Self::Or(nodes) => nodes.iter().any(|node| node.holds(view, slot)),
            Self::Leaf(leaf) => leaf.holds(view, slot),
            Self::Not(leaf) => !leaf.holds(view, slot),
        }
    }
}

impl Leaf<'_> {
    pub(super) fn holds(&self, view: &View, slot: u32) -> bool {
        match self {
            Self::Hits(hits) => hits.contains(slot),
            Self::Set(set) => set.contains(slot),
            Self::Values(values) => values.hold(view, slot),
            Self::Chain(chain) => chain.holds(view, slot),
            Self::NamePart(part) => view.stored(slot).is_some_and(|stored| part.is_in(stored)),
            Self::Names(names) => names.any(view, slot),
            Self::Added(asserted) => asserted.holds(view, slot),
        }
    }
}

impl Values<'_> {
    pub(super) fn hold(&self, view: &View, slot: u32) -> bool {
        view.any_value(slot, self.attribute, |value| self.test.holds(value))
    }
}

impl Test {
    fn holds(&self, value: &[u8]) -> bool {
        prepare(self.syntax(), value).is_some_and(|prepared| self.holds_prepared(&prepared))
    }

    const fn syntax(&self) -> Syntax {
        match self {
            Self::Equal(syntax, _)
            | Self::Substrings(syntax, _)
            | Self::AtLeast(syntax, _)
            | Self::AtMost(syntax, _)
            | Self::AllBits(syntax, _)
            | Self::AnyBits(syntax, _) => *syntax,
        }
    }

    /// For a value prepared under [`Test::syntax`].
    pub(super) fn holds_prepared(&self, value: &[u8]) -> bool {
        match self {
            Self::Equal(_, wanted) => value == wanted,
            Self::Substrings(_, pieces) => pieces.match_in(value),
            Self::AtLeast(_, bound) => value >= bound.as_slice(),
            Self::AtMost(_, bound) => value <= bound.as_slice(),
            Self::AllBits(_, bits) => unsorted(value).is_some_and(|found| found & bits == *bits),
            Self::AnyBits(_, bits) => unsorted(value).is_some_and(|found| found & bits != 0),
        }
    }
}

impl Pieces {
    /// Whether the parts occur in `value` in order and without overlap (RFC 4517 §4.2.6).
    fn match_in(&self, value: &[u8]) -> bool {
        let Some(rest) = value.strip_prefix(self.initial.as_slice()) else { return false };
        let Some(mut rest) = rest.strip_suffix(self.last.as_slice()) else { return false };
        for piece in &self.any {
            let Some(after) = after(rest, piece) else { return false };
            rest = after;
        }
        true
    }
}

/// What follows the first occurrence of `piece`.
fn after<'a>(octets: &'a [u8], piece: &[u8]) -> Option<&'a [u8]> {
    if piece.is_empty() {
        return Some(octets);
    }
    let position = octets.windows(piece.len()).position(|window| window == piece)?;
    octets.get(position + piece.len()..)
}

/// A value of an integer syntax as a number.
pub(super) fn number(syntax: Syntax, value: &[u8]) -> Option<i64> {
    match syntax {
        Syntax::Integer | Syntax::LargeInteger => unsorted(&prepare(syntax, value)?),
        Syntax::CaseIgnore
        | Syntax::TelephoneNumber
        | Syntax::CaseExact
        | Syntax::Boolean
        | Syntax::GeneralizedTime
        | Syntax::DistinguishedName
        | Syntax::OctetString
        | Syntax::ObjectIdentifier
        | Syntax::Sid => None,
    }
}

/// The number that was [prepared](prepare) to sort.
fn unsorted(prepared: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(prepared.try_into().ok()?) ^ i64::MIN)
}

/// After so many entries walked through for single answers, all answers are worked out at once.
const WALK: u64 = 256;

impl<'v> Chain<'v> {
    pub(super) fn new(
        attribute: AttributeId,
        index: &'v AttributeIndex,
        first: RoaringBitmap,
        primary: bool,
    ) -> Self {
        Self { attribute, index, first, primary, set: OnceCell::new(), walked: Cell::new(0) }
    }

    /// For a few entries the way up from each is shorter than the way down to all.
    fn holds(&self, view: &View, slot: u32) -> bool {
        if self.set.get().is_none() && self.walked.get() < WALK {
            let mut seen = RoaringBitmap::new();
            let mut open = vec![slot];
            while let Some(at) = open.pop() {
                if self.first.contains(at) {
                    return true;
                }
                self.walked.set(self.walked.get() + 1);
                if self.walked.get() > WALK {
                    return self.all(view).contains(slot);
                }
                self.each_above(view, at, |above| {
                    if seen.insert(above) {
                        open.push(above);
                    }
                });
            }
            return false;
        }
        self.all(view).contains(slot)
    }

    /// All entries from which the chain leads to the name.
    pub(super) fn all(&self, view: &View) -> &RoaringBitmap {
        self.set.get_or_init(|| {
            let mut found = RoaringBitmap::new();
            let mut open = self.first.clone();
            while !open.is_empty() {
                let mut reached = RoaringBitmap::new();
                for slot in &open {
                    if let Some(hits) = self.index.target(slot) {
                        hits.add_to(&mut reached);
                    }
                    if self.primary {
                        reached |= view.primary_members(slot);
                    }
                }
                found |= open;
                open = reached - &found;
            }
            found
        })
    }

    fn each_above(&self, view: &View, slot: u32, mut each: impl FnMut(u32)) {
        let Some(stored) = view.stored(slot) else { return };
        for list in stored.references.iter() {
            if view.attributes().belongs(list.attribute, self.attribute) {
                list.inside.iter().for_each(&mut each);
            }
        }
        if self.primary {
            view.primary_group(slot).into_iter().for_each(each);
        }
    }
}

impl ShownNames<'_> {
    fn any(&self, view: &View, slot: u32) -> bool {
        let Some(stored) = view.stored(slot) else { return false };
        let mut lists = stored
            .references
            .iter()
            .filter(|list| view.attributes().belongs(list.attribute, self.attribute));
        lists.any(|list| view.names_for(list, Some(self.audience)).next().is_some())
    }
}

impl NamePart<'_> {
    fn is_in(&self, stored: &Stored) -> bool {
        let name = match self.wording {
            Some(wording) => wording.bases.outward(&stored.dn),
            None => Some(Cow::Borrowed(&*stored.dn)),
        };
        let name = name.and_then(|name| DistinguishedName::parse(&name).ok());
        let Some(name) = name else { return false };
        name.rdns().iter().flat_map(|rdn| &rdn.0).any(|part| {
            key(&AttributeDescription::new(part.attribute())) == self.type_key
                && prepare(self.syntax, part.value()).is_some_and(|found| found == self.value)
        })
    }
}

impl View {
    /// Whether some value of the attribute (or of a description of it with options) passes `test`.
    fn any_value(&self, slot: u32, family: AttributeId, test: impl Fn(&[u8]) -> bool) -> bool {
        self.stored(slot).is_some_and(|stored| {
            stored
                .fields
                .iter()
                .filter(|(id, _)| self.attributes().belongs(*id, family))
                .any(|(_, element)| values(element).any(&test))
        })
    }
}
