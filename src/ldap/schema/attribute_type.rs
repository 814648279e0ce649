//! Attribute types and how they are found.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::kind::DirectoryKind;
use super::{active_directory, microsoft, standard};

/// How values of an attribute compare (RFC 4517).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// Text compared without case.
    CaseIgnore,
    /// Text compared with case.
    CaseExact,
    /// TRUE / FALSE.
    Boolean,
    /// Signed 32-bit integer.
    Integer,
    /// Signed 64-bit integer (AD large integer).
    LargeInteger,
    /// GeneralizedTime.
    GeneralizedTime,
    /// Distinguished name.
    DistinguishedName,
    /// Octets.
    OctetString,
    /// Object identifier or class name.
    ObjectIdentifier,
    /// SID octets, asserted as octets or S-1-…
    Sid,
}

/// One attribute type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeType {
    /// The name as Active Directory spells it, or as the standard does if Active Directory has no such
    /// attribute; [`AttributeType::name_in`] is the name to show.
    pub name: &'static str,
    /// The object identifier, where it is well known.
    pub oid: Option<&'static str>,
    /// How values compare.
    pub syntax: Syntax,
    /// Returned only when asked for by name or `+` (constructed or operational).
    pub operational: bool,
}

impl AttributeType {
    /// The name as a directory of this kind spells it.
    #[must_use]
    pub fn name_in(&self, kind: DirectoryKind) -> &'static str {
        match (kind, self.name) {
            (DirectoryKind::OpenLdap, "createTimeStamp") => "createTimestamp",
            (DirectoryKind::OpenLdap, "modifyTimeStamp") => "modifyTimestamp",
            (DirectoryKind::OpenLdap, "subSchemaSubEntry") => "subschemaSubentry",
            (DirectoryKind::OpenLdap, "x500uniqueIdentifier") => "x500UniqueIdentifier",
            (DirectoryKind::ActiveDirectory | DirectoryKind::OpenLdap, name) => name,
        }
    }
}

/// The type called `name`: short name in any case, alias, or dotted object identifier; without options.
#[must_use]
pub fn attribute_type(name: &str) -> Option<&'static AttributeType> {
    let mut buffer = [0; LONGEST_NAME];
    INDEX.get(folded(name, &mut buffer)?).copied()
}

/// No name or identifier in the tables is longer.
pub(super) const LONGEST_NAME: usize = 96;

/// `name` in lower case, without an allocation; `None` if it is too long to be in a table.
pub(super) fn folded<'a>(name: &str, buffer: &'a mut [u8; LONGEST_NAME]) -> Option<&'a str> {
    let folded = buffer.get_mut(..name.len())?;
    folded.copy_from_slice(name.as_bytes());
    folded.make_ascii_lowercase();
    std::str::from_utf8(folded).ok()
}

pub(super) const fn stored(name: &'static str, oid: &'static str, syntax: Syntax) -> AttributeType {
    AttributeType { name, oid: Some(oid), syntax, operational: false }
}

pub(super) const fn operational(
    name: &'static str,
    oid: &'static str,
    syntax: Syntax,
) -> AttributeType {
    AttributeType { name, oid: Some(oid), syntax, operational: true }
}

pub(super) const fn unnumbered(name: &'static str, syntax: Syntax) -> AttributeType {
    AttributeType { name, oid: None, syntax, operational: false }
}

pub(super) fn all() -> impl Iterator<Item = &'static AttributeType> {
    [active_directory::TYPES, microsoft::TYPES, standard::TYPES].into_iter().flatten()
}

/// By name and alias in lower case and by object identifier.
static INDEX: LazyLock<HashMap<Box<str>, &'static AttributeType>> = LazyLock::new(|| {
    let mut index = HashMap::new();
    for known in all() {
        index.insert(Box::from(known.name.to_ascii_lowercase()), known);
        if let Some(oid) = known.oid {
            index.insert(Box::from(oid), known);
        }
    }
    for (alias, name) in standard::ALIASES {
        if let Some(&known) = index.get(name.to_ascii_lowercase().as_str()) {
            index.insert(Box::from(*alias), known);
        }
    }
    index
});
