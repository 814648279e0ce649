//! One stored entry of the imitated directory.

use std::collections::BTreeMap;

use super::metadata::Metadata;
use super::name::uuid_octets;

/// An entry: a name, attributes, and the password that binds to it.
///
/// The password is not an attribute, so no search can show it; there is no `Debug`.
#[derive(Clone)]
pub struct Entry {
    /// The distinguished name as the directory writes it.
    pub dn: String,
    /// The clear password; `None`: nobody can bind as this entry.
    pub(super) password: Option<String>,
    /// When what was last changed.
    pub(super) metadata: Metadata,
    attributes: BTreeMap<String, Attribute>,
}

/// An attribute in the spelling of the schema and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The description as it was first written.
    pub name: String,
    /// The values; never empty.
    pub values: Vec<Vec<u8>>,
}

impl Entry {
    /// An entry without attributes.
    #[must_use]
    pub fn new(dn: &str) -> Self {
        Self {
            dn: dn.to_owned(),
            password: None,
            metadata: Metadata::default(),
            attributes: BTreeMap::new(),
        }
    }

    /// Whether it is a tombstone, or the container of tombstones (MS-ADTS 3.1.1.5.5).
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.has("isDeleted", "TRUE")
    }

    /// The objectGUID, or the octets of the entryUUID, sixteen of them.
    #[must_use]
    pub fn identity(&self) -> Option<[u8; 16]> {
        match self.values("objectGUID").first() {
            Some(octets) => octets.as_slice().try_into().ok(),
            None => uuid_octets(self.text("entryUUID")?),
        }
    }

    /// Whether attributes and password are the same; the name and the times of change do not matter.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.attributes == other.attributes && self.password == other.password
    }

    /// The attribute of that name in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Attribute> {
        self.attributes.get(&name.to_ascii_lowercase())
    }

    /// All attributes, by lower-case name.
    pub fn attributes(&self) -> impl Iterator<Item = (&String, &Attribute)> {
        self.attributes.iter()
    }

    /// The values; empty when the attribute is absent.
    #[must_use]
    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        self.get(name).map_or(&[], |attribute| &attribute.values)
    }

    /// The first value as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values(name).first().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The first value as a whole number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// Whether one of the values is this text, in any case.
    #[must_use]
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.values(name).iter().any(|v| v.eq_ignore_ascii_case(value.as_bytes()))
    }

    /// Replaces all values; no values removes the attribute. A spelling already there stays.
    pub fn set(&mut self, name: &str, values: Vec<Vec<u8>>) {
        let key = name.to_ascii_lowercase();
        if values.is_empty() {
            self.attributes.remove(&key);
            return;
        }
        let attribute = self
            .attributes
            .entry(key)
            .or_insert_with(|| Attribute { name: name.to_owned(), values: Vec::new() });
        attribute.values = values;
    }

    /// Replaces all values by one text.
    pub fn set_text(&mut self, name: &str, value: &str) {
        self.set(name, vec![value.as_bytes().to_vec()]);
    }

    /// Sets the text where the attribute is absent.
    pub fn default_text(&mut self, name: &str, value: &str) {
        if self.get(name).is_none() {
            self.set_text(name, value);
        }
    }

    /// Adds one value behind those that are there.
    pub fn push(&mut self, name: &str, value: Vec<u8>) {
        let mut values = self.values(name).to_vec();
        values.push(value);
        self.set(name, values);
    }

    /// Changes values in place: `None` keeps a value, `Some(None)` removes it, `Some(Some(..))`
    /// replaces it. Returns whether anything changed.
    pub fn map_values(
        &mut self,
        name: &str,
        change: impl Fn(&[u8]) -> Option<Option<Vec<u8>>>,
    ) -> bool {
        let mut changed = false;
        let values: Vec<Vec<u8>> = self
            .values(name)
            .iter()
            .filter_map(|value| match change(value) {
                None => Some(value.clone()),
                Some(replacement) => {
                    changed = true;
                    replacement
                }
            })
            .collect();
        if changed {
            self.set(name, values);
        }
        changed
    }
}
