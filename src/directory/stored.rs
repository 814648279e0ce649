//! One entry as the view keeps it: names, ready-made BER for ordinary attributes, references for
//! attributes of DN syntax. Views share entries; an entry that changes is replaced.

use std::sync::Arc;

use crate::ldap::ber::{Reader, tag};
use crate::ldap::dn::NormalizedDn;
use crate::ldap::identifier::{Guid, Sid};

use super::attributes::AttributeId;
use super::domain::EntryKind;
use super::posting::Posting;

/// An entry.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) guid: Guid,
    pub(super) sid: Option<Sid>,
    pub(super) kind: EntryKind,
    /// As the controller spells it.
    pub(super) dn: Arc<str>,
    pub(super) name: NormalizedDn,
    /// The nearest entry above in the same naming context.
    pub(super) above: Option<u32>,
    pub(super) fields: Fields,
    pub(super) references: Arc<[References]>,
}

/// Attributes as PartialAttribute elements, one after another, in one shared block: how many there are,
/// for each its attribute and where it ends, then the elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields(Arc<[u8]>);

/// Octets of the count.
const COUNT: usize = 2;
/// Octets for one attribute: its number and the end of its element, counted from the first element.
const PLACE: usize = 2 + 4;

/// The values of one attribute of DN syntax. Their order means nothing (RFC 4511 §4.1.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct References {
    pub(super) attribute: AttributeId,
    /// Entries of the view; written out with those entries' own names.
    pub(super) inside: Posting,
    /// Names that are not in the view, or no names at all; written out as they came. Sorted by octets.
    pub(super) outside: Box<[Arc<OutsideName>]>,
}

/// A value of DN syntax that refers to nothing in the view.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OutsideName {
    pub(super) octets: Box<[u8]>,
    /// `None` if it is not a distinguished name.
    pub(super) name: Option<NormalizedDn>,
}

impl Fields {
    /// Packs elements. What does not fit the block's numbers (65 535 attributes, 4 GiB) is left out;
    /// frames are smaller by far. `block` is memory to work in: what comes of it takes
    /// no more than it needs.
    pub(super) fn pack<'e>(
        block: &mut Vec<u8>,
        elements: impl Iterator<Item = (AttributeId, &'e [u8])> + Clone,
    ) -> Self {
        block.clear();
        let count = elements.clone().count();
        block.extend(u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes());
        let mut end = 0_u32;
        for (attribute, element) in elements.clone() {
            end = end.saturating_add(u32::try_from(element.len()).unwrap_or(u32::MAX));
            block.extend(attribute.number().to_le_bytes());
            block.extend(end.to_le_bytes());
        }
        for (_, element) in elements {
            block.extend_from_slice(element);
        }
        Self(block.as_slice().into())
    }

    /// The whole block.
    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }

    /// A block that was written before. `None` if its elements are not where it says.
    pub(super) fn of_octets(block: &[u8]) -> Option<Self> {
        let fields = Self(block.into());
        let count = usize::from(u16::from_le_bytes(*block.first_chunk::<COUNT>()?));
        let (places, elements) = block.get(COUNT..)?.split_at_checked(count * PLACE)?;
        let mut last = 0;
        for place in places.as_chunks::<PLACE>().0 {
            let [_, _, end @ ..] = *place;
            let end = usize::try_from(u32::from_le_bytes(end)).ok()?;
            if end < last {
                return None;
            }
            last = end;
        }
        (last == elements.len()).then_some(fields)
    }

    /// Each attribute with its PartialAttribute element.
    pub(super) fn iter(&self) -> FieldIter<'_> {
        let count = self.0.first_chunk::<COUNT>().map_or(0, |count| u16::from_le_bytes(*count));
        let places = usize::from(count) * PLACE;
        let rest = self.0.get(COUNT..).unwrap_or_default();
        let (places, elements) = rest.split_at_checked(places).unwrap_or_default();
        FieldIter { places, elements, start: 0 }
    }

    /// The PartialAttribute element of an attribute.
    pub(super) fn element(&self, attribute: AttributeId) -> Option<&[u8]> {
        self.iter().find(|(found, _)| *found == attribute).map(|(_, element)| element)
    }
}

/// The attributes of one entry.
#[derive(Clone)]
pub(super) struct FieldIter<'f> {
    places: &'f [u8],
    elements: &'f [u8],
    start: usize,
}

impl<'f> Iterator for FieldIter<'f> {
    type Item = (AttributeId, &'f [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let ([low, high, end @ ..], rest) = self.places.split_first_chunk::<PLACE>()?;
        let attribute = AttributeId::of_number(u16::from_le_bytes([*low, *high]));
        let end = usize::try_from(u32::from_le_bytes(*end)).unwrap_or(usize::MAX);
        let element = self.elements.get(self.start..end).unwrap_or_default();
        self.places = rest;
        self.start = end;
        Some((attribute, element))
    }
}

/// The values in a PartialAttribute element that this program wrote.
pub(super) fn values(element: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let mut set = open(element).map_or(Reader::new(&[]), |(_, set)| set);
    std::iter::from_fn(move || set.octet_string().ok())
}

/// Whether this is one PartialAttribute with this description and some values.
pub(super) fn is_attribute(element: &[u8], description: &str) -> bool {
    let mut whole = Reader::new(element);
    let Ok(mut fields) = whole.nested(tag::SEQUENCE) else { return false };
    let is_described = fields.octet_string() == Ok(description.as_bytes());
    let Ok(mut set) = fields.nested(tag::SET) else { return false };
    let mut is_whole = whole.is_empty() && fields.is_empty() && !set.is_empty();
    while is_whole && !set.is_empty() {
        is_whole = set.octet_string().is_ok();
    }
    is_described && is_whole
}

fn open(element: &[u8]) -> Option<(&[u8], Reader<'_>)> {
    let mut fields = Reader::new(element).nested(tag::SEQUENCE).ok()?;
    let description = fields.octet_string().ok()?;
    Some((description, fields.nested(tag::SET).ok()?))
}

impl Stored {
    /// The values of one attribute of DN syntax.
    pub(super) fn list(&self, attribute: AttributeId) -> Option<&References> {
        self.references.iter().find(|list| list.attribute == attribute)
    }
}

impl References {
    /// The values of an attribute; `None` if there are none.
    pub(super) fn new(
        attribute: AttributeId,
        inside: Posting,
        mut outside: Vec<Arc<OutsideName>>,
    ) -> Option<Self> {
        outside.sort_unstable_by(|one, other| one.octets.cmp(&other.octets));
        outside.dedup();
        (!inside.is_empty() || !outside.is_empty()).then(|| Self {
            attribute,
            inside,
            outside: outside.into(),
        })
    }
}
