//! Which entries have an attribute, a value of it, or a reference to another entry. Postings are
//! exact: a slot is in a posting if and only if evaluating the assertion on its values says True.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::attributes::AttributeId;

/// The attributes whose values get an equality index. References (DN syntax) are always indexed.
const INDEXED: [&str; 26] = [
    "cn",
    "department",
    "displayName",
    "employeeID",
    "employeeNumber",
    "entryUUID",
    "gidNumber",
    "givenName",
    "groupType",
    "mail",
    "memberUid",
    "name",
    "objectClass",
    "objectGUID",
    "objectSid",
    "ou",
    "primaryGroupID",
    "proxyAddresses",
    "sAMAccountName",
    "sAMAccountType",
    "servicePrincipalName",
    "sn",
    "telephoneNumber",
    "uid",
    "uidNumber",
    "userPrincipalName",
];

/// Whether values of the attribute get an equality index.
pub(super) fn is_indexed(name: &str) -> bool {
    INDEXED.iter().any(|indexed| indexed.eq_ignore_ascii_case(name))
}

/// A set of slots; most values are had by one entry only.
#[derive(Clone, Debug)]
pub(super) enum Posting {
    One(u32),
    Many(Box<RoaringBitmap>),
}

impl Posting {
    pub(super) fn contains(&self, slot: u32) -> bool {
        match self {
            Self::One(one) => *one == slot,
            Self::Many(many) => many.contains(slot),
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Many(many) => many.len(),
        }
    }

    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = u32> + '_> {
        match self {
            Self::One(one) => Box::new(std::iter::once(*one)),
            Self::Many(many) => Box::new(many.iter()),
        }
    }

    pub(super) fn add_to(&self, set: &mut RoaringBitmap) {
        match self {
            Self::One(one) => {
                set.insert(*one);
            }
            Self::Many(many) => *set |= many.as_ref(),
        }
    }

    fn insert(&mut self, slot: u32) {
        match self {
            Self::One(one) if *one == slot => {}
            Self::One(one) => *self = Self::Many(Box::new([*one, slot].into_iter().collect())),
            Self::Many(many) => {
                many.insert(slot);
            }
        }
    }
}

/// The index of one attribute.
#[derive(Debug, Default)]
pub(super) struct AttributeIndex {
    /// Entries with at least one value.
    pub(super) present: RoaringBitmap,
    /// By prepared value; filled for indexed attributes, and for references to names outside.
    values: HashMap<Box<[u8]>, Posting>,
    /// By the entry referred to.
    targets: HashMap<u32, Posting>,
}

/// The indices of all attributes.
#[derive(Debug, Default)]
pub(super) struct Index {
    attributes: Vec<AttributeIndex>,
}

impl Index {
    pub(super) fn with_attributes(count: usize) -> Self {
        let mut attributes = Vec::new();
        attributes.resize_with(count, AttributeIndex::default);
        Self { attributes }
    }

    pub(super) fn attribute(&self, id: AttributeId) -> Option<&AttributeIndex> {
        self.attributes.get(id.index())
    }

    pub(super) fn add_presence(&mut self, id: AttributeId, slot: u32) {
        if let Some(attribute) = self.attributes.get_mut(id.index()) {
            attribute.present.insert(slot);
        }
    }

    pub(super) fn add_value(&mut self, id: AttributeId, key: &[u8], slot: u32) {
        let Some(attribute) = self.attributes.get_mut(id.index()) else { return };
        match attribute.values.get_mut(key) {
            Some(posting) => posting.insert(slot),
            None => {
                attribute.values.insert(key.into(), Posting::One(slot));
            }
        }
    }

    pub(super) fn add_target(&mut self, id: AttributeId, target: u32, slot: u32) {
        if let Some(attribute) = self.attributes.get_mut(id.index()) {
            attribute
                .targets
                .entry(target)
                .and_modify(|posting| posting.insert(slot))
                .or_insert(Posting::One(slot));
        }
    }

    /// Gives back what growing left over.
    pub(super) fn shrink(&mut self) {
        for attribute in &mut self.attributes {
            attribute.present.optimize();
            attribute.values.shrink_to_fit();
            attribute.targets.shrink_to_fit();
            let postings = attribute.values.values_mut().chain(attribute.targets.values_mut());
            for posting in postings {
                if let Posting::Many(many) = posting {
                    many.optimize();
                }
            }
        }
    }
}

impl AttributeIndex {
    /// Entries with the prepared value.
    pub(super) fn value(&self, key: &[u8]) -> Option<&Posting> {
        self.values.get(key)
    }

    /// Entries that refer to `target`.
    pub(super) fn target(&self, target: u32) -> Option<&Posting> {
        self.targets.get(&target)
    }
}
