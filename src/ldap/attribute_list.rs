//! The attribute descriptions that a search asks for (RFC 4511 §4.5.1.8). Most applications name ten and more
//! in every search, so the list is one piece of memory and compared as such.

use std::fmt;

use super::ber::{Reader, Writer, tag};

/// Texts in the order in which they came, as sent; whether each is a description is for whoever reads it.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct AttributeList {
    /// OCTET STRINGs one after another, lengths in their shortest form. Their contents are UTF-8.
    octets: Vec<u8>,
}

impl AttributeList {
    /// Room for texts that take up to `octets` octets when they are encoded.
    #[must_use]
    pub fn with_room(octets: usize) -> Self {
        Self { octets: Vec::with_capacity(octets) }
    }

    /// Appends a text.
    pub fn push(&mut self, text: &str) {
        let mut writer = Writer::append_to(std::mem::take(&mut self.octets));
        writer.octet_string(text.as_bytes());
        self.octets = writer.into_octets();
    }

    /// Whether nothing is named, which asks for all user attributes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// The texts.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut texts = Reader::new(&self.octets);
        std::iter::from_fn(move || std::str::from_utf8(texts.octet_string().ok()?).ok())
    }

    /// Appends the list as one element.
    pub fn write(&self, writer: &mut Writer) {
        writer.element(tag::SEQUENCE, &self.octets);
    }
}

impl<T: AsRef<str>> FromIterator<T> for AttributeList {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut list = Self::default();
        texts.into_iter().for_each(|text| list.push(text.as_ref()));
        list
    }
}

impl fmt::Debug for AttributeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing is taken for something else, whatever the texts hold and however long they are.
    #[test]
    fn texts_come_back_as_they_were() {
        let long = "x".repeat(70_000);
        for texts in
            [vec![], vec![""], vec!["cn", "", "cn;lang-ru", "\0", "日本"], vec![&long, "*"]]
        {
            let list: AttributeList = texts.iter().collect();
            assert_eq!(list.iter().collect::<Vec<_>>(), texts);
            assert_eq!(list.is_empty(), texts.is_empty());
        }
        let list = |texts: &[&str]| texts.iter().collect::<AttributeList>();
        assert_ne!(list(&["cn", "sn"]), list(&["sn", "cn"]));
        assert_ne!(list(&["cnsn"]), list(&["cn", "sn"]));
        assert_eq!(format!("{:?}", list(&["cn", "+"])), r#"["cn", "+"]"#);
    }
}
