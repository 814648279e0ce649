//! An entry as a controller sent it (RFC 4511 §4.5.2).

use super::attribute::AttributeDescription;

/// What is read of an entry, however it is held ([`Entry`],
/// [`PackedEntry`](super::packed_entry::PackedEntry)).
pub trait AttributeValues {
    /// The distinguished name as sent.
    fn dn(&self) -> &str;

    /// The values of the attribute called `name` (without options), compared without case.
    fn values_of(&self, name: &str) -> impl Iterator<Item = &[u8]> + Clone;

    /// The first value of `name`.
    fn first_of(&self, name: &str) -> Option<&[u8]> {
        self.values_of(name).next()
    }

    /// The first value of `name` as text.
    fn text_of(&self, name: &str) -> Option<&str> {
        self.first_of(name).and_then(|value| std::str::from_utf8(value).ok())
    }
}

impl AttributeValues for Entry {
    fn dn(&self) -> &str {
        &self.dn
    }

    fn values_of(&self, name: &str) -> impl Iterator<Item = &[u8]> + Clone {
        self.values(name).iter().map(Vec::as_slice)
    }
}

/// One attribute with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryAttribute {
    /// The attribute description as sent, options included.
    pub description: String,
    /// The values, octets as sent.
    pub values: Vec<Vec<u8>>,
}

/// A name and its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The distinguished name as sent.
    pub dn: String,
    /// The attributes in the order they came.
    pub attributes: Vec<EntryAttribute>,
}

impl Entry {
    /// The values of the attribute called `name` (without options), compared without case.
    #[must_use]
    pub fn values(&self, name: &str) -> &[Vec<u8>] {
        self.attributes
            .iter()
            .find(|attribute| attribute.description.eq_ignore_ascii_case(name))
            .map_or(&[], |attribute| attribute.values.as_slice())
    }

    /// The first value of `name`.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.values(name).first().map(Vec::as_slice)
    }

    /// The first value of `name` as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.first(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The attributes whose description is `name` with some option (`member;range=0-1499`).
    pub fn with_options<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (AttributeDescription, &'a EntryAttribute)> {
        self.attributes.iter().filter_map(move |attribute| {
            let description = AttributeDescription::parse(&attribute.description)?;
            (!description.options.is_empty() && description.name.eq_ignore_ascii_case(name))
                .then_some((description, attribute))
        })
    }
}
