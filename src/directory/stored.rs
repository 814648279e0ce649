//! One entry as the view keeps it: names, ready-made BER for ordinary attributes, references for
//! attributes of DN syntax.

use std::sync::Arc;

use crate::ldap::ber::{Reader, tag};
use crate::ldap::dn::NormalizedDn;
use crate::ldap::identifier::{Guid, Sid};

use super::attributes::AttributeId;
use super::domain::EntryKind;

/// An entry.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) guid: Guid,
    pub(super) sid: Option<Sid>,
    pub(super) kind: EntryKind,
    /// As the controller spells it.
    pub(super) dn: Box<str>,
    pub(super) name: NormalizedDn,
    pub(super) fields: Fields,
    pub(super) references: Box<[References]>,
}

/// Attributes as PartialAttribute elements, one after another.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// Attribute and first octet of each element, in order.
    places: Box<[(AttributeId, u32)]>,
    encoded: Box<[u8]>,
}

/// The values of one attribute of DN syntax.
#[derive(Debug)]
pub(super) struct References {
    pub(super) attribute: AttributeId,
    pub(super) values: Box<[Reference]>,
}

/// One value of DN syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// An entry of the view; written out with that entry's own name.
    Entry(u32),
    /// A name that is not in the view, or no name at all; written out as it came.
    Outside(Arc<OutsideName>),
}

/// A value of DN syntax that refers to nothing in the view.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OutsideName {
    pub(super) octets: Box<[u8]>,
    /// `None` if it is not a distinguished name.
    pub(super) name: Option<NormalizedDn>,
}

impl Fields {
    pub(super) fn new(places: Vec<(AttributeId, u32)>, encoded: Vec<u8>) -> Self {
        Self { places: places.into(), encoded: encoded.into() }
    }

    /// Each attribute with its PartialAttribute element.
    pub(super) fn iter(&self) -> impl Iterator<Item = (AttributeId, &[u8])> + '_ {
        self.places.iter().enumerate().map(|(position, (attribute, start))| {
            let end =
                self.places.get(position + 1).map_or(self.encoded.len(), |(_, next)| offset(*next));
            (*attribute, self.encoded.get(offset(*start)..end).unwrap_or_default())
        })
    }

    /// The PartialAttribute element of an attribute.
    pub(super) fn element(&self, attribute: AttributeId) -> Option<&[u8]> {
        self.iter().find(|(found, _)| *found == attribute).map(|(_, element)| element)
    }
}

fn offset(start: u32) -> usize {
    usize::try_from(start).unwrap_or(usize::MAX)
}

/// The values in a PartialAttribute element that this program wrote.
pub(super) fn values(element: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let mut set = open(element).map_or(Reader::new(&[]), |(_, set)| set);
    std::iter::from_fn(move || set.octet_string().ok())
}

fn open(element: &[u8]) -> Option<(&[u8], Reader<'_>)> {
    let mut fields = Reader::new(element).nested(tag::SEQUENCE).ok()?;
    let description = fields.octet_string().ok()?;
    Some((description, fields.nested(tag::SET).ok()?))
}
