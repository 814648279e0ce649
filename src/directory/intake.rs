//! What a controller sent, read for the view: who an entry is, and what is kept of it.

use std::sync::Arc;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::AttributeValues;
use crate::ldap::identifier::{Guid, Sid};
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::response::encode_attribute;
use crate::ldap::schema::DirectoryKind;

use super::apply::BuildError;
use super::attributes::{AttributeId, Attributes};
use super::domain::EntryKind;
use super::stamps::STAMPED;
use super::stored::{Fields, OutsideName, References, Stored, values};
use super::view::{Parts, Rejected};

/// An entry whose name and identity are known.
pub(super) struct Known {
    pub(super) entry: PackedEntry,
    /// As the controller spells it.
    pub(super) dn: Arc<str>,
    pub(super) name: NormalizedDn,
    pub(super) guid: Guid,
    pub(super) sid: Option<Sid>,
    pub(super) kind: EntryKind,
}

/// Reads names and identities; what has none is listed.
pub(super) fn identify(
    entries: Vec<PackedEntry>,
    kind: DirectoryKind,
) -> (Vec<Known>, Vec<Rejected>) {
    let mut known = Vec::with_capacity(entries.len());
    let mut rejected = Vec::new();
    for entry in entries {
        let name = match NormalizedDn::parse(entry.dn()) {
            Ok(name) => name,
            Err(error) => {
                let reason = format!("its name is not a distinguished name: {error}");
                rejected.push(Rejected { dn: entry.dn().to_owned(), reason });
                continue;
            }
        };
        let Some(guid) = identity(&entry, kind) else {
            let missing = match kind {
                DirectoryKind::ActiveDirectory => "it has no readable objectGUID",
                DirectoryKind::OpenLdap => "it has no readable entryUUID",
            };
            rejected.push(Rejected { dn: entry.dn().to_owned(), reason: missing.to_owned() });
            continue;
        };
        let sid = entry.first_of("objectSid").and_then(Sid::from_octets);
        let kind = EntryKind::of(&entry, kind);
        let dn = entry.dn().into();
        known.push(Known { entry, dn, name, guid, sid, kind });
    }
    (known, rejected)
}

/// The identity that survives moves and renames.
#[must_use]
pub fn identity(entry: &impl AttributeValues, kind: DirectoryKind) -> Option<Guid> {
    match kind {
        DirectoryKind::ActiveDirectory => {
            entry.first_of("objectGUID").and_then(Guid::from_ad_octets)
        }
        DirectoryKind::OpenLdap => entry.text_of("entryUUID").and_then(Guid::parse),
    }
}

/// What is kept of one entry, without its stamps.
#[derive(Default)]
pub(super) struct Content {
    places: Vec<Place>,
    octets: Vec<u8>,
    pub(super) references: Vec<References>,
}

struct Place {
    attribute: AttributeId,
    /// Operational attributes come last, so that answers have them last.
    operational: bool,
    end: usize,
}

impl Content {
    /// Adds an attribute; one that it already has stays as it is.
    pub(super) fn push<'v>(
        &mut self,
        attributes: &Attributes,
        id: AttributeId,
        values: impl Iterator<Item = &'v [u8]> + Clone,
    ) {
        let Some(info) = attributes.info(id) else { return };
        encode_attribute(&mut self.octets, &info.spelling, values);
        let (operational, end) = (info.operational, self.octets.len());
        self.places.push(Place { attribute: id, operational, end });
    }

    /// Adds an element that was encoded before.
    pub(super) fn copy(&mut self, attributes: &Attributes, id: AttributeId, element: &[u8]) {
        let operational = attributes.info(id).is_some_and(|info| info.operational);
        self.octets.extend_from_slice(element);
        self.places.push(Place { attribute: id, operational, end: self.octets.len() });
    }

    /// Empties it, to be filled again.
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.octets.clear();
        self.references.clear();
    }

    fn elements(&self) -> impl Iterator<Item = (&Place, &[u8])> + Clone {
        self.places.iter().enumerate().map(|(position, place)| {
            let start = position.checked_sub(1).and_then(|before| self.places.get(before));
            let start = start.map_or(0, |place| place.end);
            (place, self.octets.get(start..place.end).unwrap_or_default())
        })
    }

    pub(super) fn fields(&self) -> Fields {
        self.fields_in(&mut Vec::new())
    }

    /// The same, with memory to work in.
    pub(super) fn fields_in(&self, block: &mut Vec<u8>) -> Fields {
        let of = |operational| {
            let chosen = self.elements().filter(move |(place, _)| place.operational == operational);
            chosen.map(|(place, element)| (place.attribute, element))
        };
        Fields::pack(block, of(false).chain(of(true)))
    }

    /// Whether `stored` says the same, apart from its stamps and from derived memberships.
    pub(super) fn is_content_of(&self, stored: &Stored, ids: &Ids) -> bool {
        let has: Vec<(AttributeId, &[u8])> =
            self.elements().map(|(place, element)| (place.attribute, element)).collect();
        same_fields(has, unstamped(&stored.fields, ids).collect())
            && self.has_references_of(stored, ids)
    }

    fn has_references_of(&self, stored: &Stored, ids: &Ids) -> bool {
        let outside = |list: &References| list.outside.clone();
        let derived = |lists: &[References]| {
            lists.iter().find(|list| Some(list.attribute) == ids.member_of).map(outside)
        };
        let plain = |lists: &[References]| {
            let mut plain: Vec<References> = lists
                .iter()
                .filter(|list| Some(list.attribute) != ids.member_of)
                .cloned()
                .collect();
            plain.sort_unstable_by_key(|list| list.attribute);
            plain
        };
        let empty = |names: &Option<Box<[Arc<OutsideName>]>>| {
            names.as_ref().is_none_or(|names| names.is_empty())
        };
        let (had, has) = (derived(&stored.references), derived(&self.references));
        (had == has || (empty(&had) && empty(&has)))
            && plain(&stored.references) == plain(&self.references)
    }
}

/// The fields of an entry that say something about it, and not about when it changed.
pub(super) fn unstamped<'f>(
    fields: &'f Fields,
    ids: &'f Ids,
) -> impl Iterator<Item = (AttributeId, &'f [u8])> + Clone {
    fields.iter().filter(|(id, _)| !ids.stamped.contains(id))
}

/// Whether two lists of fields say the same; the order of attributes and of values means nothing
/// (RFC 4511 §4.1.7), and controllers differ in it.
pub(super) fn same_fields(
    mut one: Vec<(AttributeId, &[u8])>,
    mut other: Vec<(AttributeId, &[u8])>,
) -> bool {
    one.sort_unstable_by_key(|(id, _)| *id);
    other.sort_unstable_by_key(|(id, _)| *id);
    one.len() == other.len()
        && one.iter().zip(&other).all(|((one_id, one), (other_id, other))| {
            one_id == other_id && (one == other || same_values(one, other))
        })
}

fn same_values(one: &[u8], other: &[u8]) -> bool {
    let ordered = |element| {
        let mut list: Vec<&[u8]> = values(element).collect();
        list.sort_unstable();
        list
    };
    ordered(one) == ordered(other)
}

/// The numbers of attributes that the view treats in a way of their own; `None` where no entry has one.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids {
    pub(super) stamped: Vec<AttributeId>,
    pub(super) member_of: Option<AttributeId>,
    pub(super) member: Option<AttributeId>,
    pub(super) unique_member: Option<AttributeId>,
    pub(super) member_uid: Option<AttributeId>,
    pub(super) uid: Option<AttributeId>,
}

impl Ids {
    /// Whether groups list their members by name under this attribute.
    pub(super) fn names_members(&self, attribute: AttributeId) -> bool {
        [self.member, self.unique_member].contains(&Some(attribute))
    }

    /// Whether it is a group that lists members.
    pub(super) fn lists_members(&self, stored: &Stored) -> bool {
        stored.references.iter().any(|list| self.names_members(list.attribute))
            || self.member_uid.is_some_and(|id| stored.fields.element(id).is_some())
    }

    pub(super) fn of(attributes: &Attributes) -> Self {
        let find = |name: &str| attributes.find_name(name);
        Self {
            stamped: STAMPED.iter().filter_map(|name| find(name)).collect(),
            member_of: find("memberOf"),
            member: find("member"),
            unique_member: find("uniqueMember"),
            member_uid: find("memberUid"),
            uid: find("uid"),
        }
    }
}

impl Parts {
    /// The number of a description.
    pub(super) fn intern(
        &mut self,
        description: &AttributeDescription,
    ) -> Result<AttributeId, BuildError> {
        match self.attributes.find(description) {
            Some(id) => Ok(id),
            None => Ok(Arc::make_mut(&mut self.attributes).intern(description)?),
        }
    }

    /// The one object for a value of DN syntax that refers to nothing here.
    pub(super) fn outside_name(
        &mut self,
        octets: &[u8],
        name: Option<NormalizedDn>,
    ) -> Arc<OutsideName> {
        if let Some(known) = self.outside.get(octets) {
            return known.clone();
        }
        let outside = Arc::new(OutsideName { octets: octets.into(), name });
        self.outside.insert(octets.into(), outside.clone());
        outside
    }
}
