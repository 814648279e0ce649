//! Whether a filter holds for an entry (RFC 4511 §4.5.1.7): True, False or Undefined.
//!
//! A known attribute without a value makes an assertion False; only an attribute that neither the
//! schema nor any entry knows, or an assertion value that its syntax does not allow, makes it
//! Undefined. So `(!(isDeleted=TRUE))` holds for every entry that has no isDeleted.

use roaring::RoaringBitmap;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::{DistinguishedName, NormalizedDn};
use crate::ldap::matching_rule::prepare;
use crate::ldap::schema::{DirectoryKind, Syntax};

use super::attributes::{AttributeId, AttributeInfo, key};
use super::index::Posting;
use super::stored::{Stored, values};
use super::tree::index;
use super::view::View;

/// The value of a filter for an entry, in the order in which And takes the least and Or the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    False,
    Undefined,
    True,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Undefined => Self::Undefined,
            Self::True => Self::False,
        }
    }
}

/// A filter made ready for one view: names looked up, values prepared, indices found.
#[derive(Debug)]
pub(super) enum Node<'v> {
    Constant(Truth),
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    /// True for exactly these.
    Posting(&'v Posting),
    /// True for exactly the entries that have the attribute.
    Present(&'v RoaringBitmap),
    /// True for exactly these, worked out when the filter was made ready.
    Set(RoaringBitmap),
    /// Has to be looked up in the values of the attribute.
    Values {
        attribute: AttributeId,
        present: &'v RoaringBitmap,
        test: Test,
    },
    /// The entry's own name has a part of this type and value (`:dn:`).
    NamePart {
        type_key: String,
        syntax: Syntax,
        key: Vec<u8>,
    },
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
    AllBits(i64),
    /// MS-ADTS §3.1.1.3.4.4.2, LDAP_MATCHING_RULE_BIT_OR.
    AnyBits(i64),
}

/// The parts of a substrings assertion, prepared.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) initial: Vec<u8>,
    pub(super) any: Vec<Vec<u8>>,
    pub(super) last: Vec<u8>,
}

impl Node<'_> {
    /// The value of the filter for the entry in `slot`.
    pub(super) fn truth(&self, view: &View, slot: u32) -> Truth {
        match self {
            Self::Constant(truth) => *truth,
            Self::And(nodes) => {
                let mut least = Truth::True;
                for node in nodes {
                    least = least.min(node.truth(view, slot));
                    if least == Truth::False {
                        break;
                    }
                }
                least
            }
            Self::Or(nodes) => {
                let mut most = Truth::False;
                for node in nodes {
                    most = most.max(node.truth(view, slot));
                    if most == Truth::True {
                        break;
                    }
                }
                most
            }
            Self::Not(node) => !node.truth(view, slot),
            Self::Posting(posting) => posting.contains(slot).into(),
            Self::Present(present) => present.contains(slot).into(),
            Self::Set(set) => set.contains(slot).into(),
            Self::Values { attribute, present, test } => (present.contains(slot)
                && view.any_value(slot, *attribute, |value| test.holds(value)))
            .into(),
            Self::NamePart { type_key, syntax, key } => view
                .stored(slot)
                .is_some_and(|stored| has_name_part(stored, type_key, *syntax, key))
                .into(),
        }
    }
}

impl Test {
    fn holds(&self, value: &[u8]) -> bool {
        match self {
            Self::Equal(syntax, key) => prepare(*syntax, value).is_some_and(|found| found == *key),
            Self::Substrings(syntax, pieces) => {
                prepare(*syntax, value).is_some_and(|found| pieces.match_in(&found))
            }
            Self::AtLeast(syntax, key) => {
                prepare(*syntax, value).is_some_and(|found| found >= *key)
            }
            Self::AtMost(syntax, key) => prepare(*syntax, value).is_some_and(|found| found <= *key),
            Self::AllBits(bits) => number(value).is_some_and(|found| found & bits == *bits),
            Self::AnyBits(bits) => number(value).is_some_and(|found| found & bits != 0),
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

/// A value of an integer syntax.
pub(super) fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// The key under which a name outside the view is indexed.
pub(super) fn name_key(name: &NormalizedDn) -> &[u8] {
    name.as_str().as_bytes()
}

/// Calls `each` with every key under which a stored value is found: the value prepared and, for
/// object classes of servers that list the structural class only, its superclasses.
pub(super) fn for_each_key(
    kind: DirectoryKind,
    info: &AttributeInfo,
    value: &[u8],
    mut each: impl FnMut(&[u8]),
) {
    let Some(key) = prepare(info.syntax, value) else { return };
    each(&key);
    if kind == DirectoryKind::OpenLdap && info.type_name.eq_ignore_ascii_case("objectClass") {
        for class in superclasses(&key) {
            if let Some(key) = prepare(info.syntax, class.as_bytes()) {
                each(&key);
            }
        }
    }
}

/// The classes above the common structural classes (RFC 4519 §3, RFC 2798 §3).
fn superclasses(class: &[u8]) -> &'static [&'static str] {
    match class.to_ascii_lowercase().as_slice() {
        b"inetorgperson" => &["organizationalPerson", "person", "top"],
        b"organizationalperson" | b"residentialperson" => &["person", "top"],
        _ => &["top"],
    }
}

fn has_name_part(stored: &Stored, type_key: &str, syntax: Syntax, wanted: &[u8]) -> bool {
    let Ok(name) = DistinguishedName::parse(&stored.dn) else { return false };
    name.rdns().iter().flat_map(|rdn| &rdn.0).any(|part| {
        key(&AttributeDescription::new(part.attribute())) == type_key
            && prepare(syntax, part.value()).is_some_and(|found| found == wanted)
    })
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

    /// The stored entry in `slot`.
    pub(super) fn stored(&self, slot: u32) -> Option<&Stored> {
        self.entries().get(index(slot))
    }
}
