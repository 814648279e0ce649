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
    /// Telephone number: text without case, blanks and hyphens (RFC 4517 §4.2.29).
    TelephoneNumber,
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
    /// How values compare in most directories; [`AttributeType::syntax_in`] is how they do in one.
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

impl AttributeType {
    /// How values compare in a directory of this kind. Active Directory has names, addresses of machines and
    /// serial numbers in IA5 and printable strings, whose case counts (MS-ADTS §3.1.1.2.2.4.11), and telephone
    /// numbers in plain text; elsewhere they are as RFC 4519, RFC 4524, RFC 2307 and RFC 2079 have them.
    #[must_use]
    pub fn syntax_in(&self, kind: DirectoryKind) -> Syntax {
        match (kind, self.name) {
            (
                DirectoryKind::ActiveDirectory,
                "associatedDomain"
                | "destinationIndicator"
                | "gecos"
                | "ipHostNumber"
                | "macAddress"
                | "serialNumber",
            )
            | (DirectoryKind::OpenLdap, "homeDirectory" | "labeledURI") => Syntax::CaseExact,
            (DirectoryKind::OpenLdap, "homePhone" | "mobile" | "pager" | "telephoneNumber") => {
                Syntax::TelephoneNumber
            }
            (DirectoryKind::ActiveDirectory | DirectoryKind::OpenLdap, _) => self.syntax,
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
