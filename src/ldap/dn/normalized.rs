//! The form in which names are compared.
//!
//! It is RFC 4514 text again, so it can be logged and read back: types in lower case and under their short
//! name, values prepared as caseIgnoreMatch prepares them (RFC 4518), the values of a multi-valued RDN in
//! order, no blanks around separators. Within a value `,` and `+` are always written `\2c` and `\2b`, so
//! every bare one is a separator and questions about ancestry are questions about the string.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use super::scan::{DnError, Scanner};
use crate::ldap::matching_rule::prepare_case_ignore;
use crate::ldap::schema;

/// A name prepared for comparing: two spellings of one name are equal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NormalizedDn(Arc<str>);

impl NormalizedDn {
    /// Parses and normalises.
    ///
    /// # Errors
    /// As [`DistinguishedName::parse`](super::DistinguishedName::parse).
    pub fn parse(text: &str) -> Result<Self, DnError> {
        let mut scanner = Scanner::new(text)?;
        let mut normalizer = Normalizer::default();
        normalizer.text.reserve(text.len());
        while let Some(ava) = scanner.next()? {
            normalizer.push(ava.attribute, &ava.value, ava.encoded);
            if !ava.continues {
                normalizer.end_rdn();
            }
        }
        Ok(normalizer.finish())
    }

    /// The root, the name without parts.
    #[must_use]
    pub fn root() -> Self {
        Self(Arc::from(""))
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The text; equal names have equal text, and it is a key for maps keyed by names.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many RDNs the name has; 0 for the root.
    #[must_use]
    pub fn depth(&self) -> usize {
        if self.is_root() { 0 } else { 1 + self.0.bytes().filter(|&octet| octet == b',').count() }
    }

    /// Whether this name is `base` or below it. Everything is within the root.
    #[must_use]
    pub fn is_within(&self, base: &Self) -> bool {
        let Some(above) = self.0.strip_suffix(&*base.0) else { return false };
        base.is_root() || above.is_empty() || above.ends_with(',')
    }

    /// The name above; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        parent_of(&self.0).map(|above| Self(Arc::from(above)))
    }

    /// The text of this name, of the name above it, and so on; the root comes last.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(&*self.0), |name| parent_of(name))
    }
}

/// A bare comma is always a separator here.
fn parent_of(name: &str) -> Option<&str> {
    if name.is_empty() { None } else { Some(name.split_once(',').map_or("", |(_, above)| above)) }
}

impl Borrow<str> for NormalizedDn {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NormalizedDn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NormalizedDn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Builds the text part by part, leaf first.
#[derive(Default)]
pub(super) struct Normalizer {
    text: String,
    /// Where the RDN that is being built starts.
    rdn_start: usize,
    /// How many values it has so far.
    values: usize,
}

impl Normalizer {
    pub(super) fn push(&mut self, attribute: &str, value: &[u8], encoded: bool) {
        if self.values > 0 {
            self.text.push('+');
        } else if self.rdn_start > 0 {
            self.text.push(',');
            self.rdn_start += 1;
        }
        self.values += 1;
        self.text.push_str(&short_type(attribute));
        self.text.push('=');
        if encoded {
            self.text.push('#');
            push_octets(&mut self.text, "", value);
        } else if let Ok(text) = std::str::from_utf8(value) {
            push_prepared(&mut self.text, &prepare_case_ignore(text));
        } else {
            push_octets(&mut self.text, "\\", value);
        }
    }

    pub(super) fn end_rdn(&mut self) {
        if self.values > 1 {
            let rdn = self.text.split_off(self.rdn_start);
            // A bare plus is always a separator here.
            let mut avas: Vec<&str> = rdn.split('+').collect();
            avas.sort_unstable();
            self.text.push_str(&avas.join("+"));
        }
        self.rdn_start = self.text.len();
        self.values = 0;
    }

    pub(super) fn finish(self) -> NormalizedDn {
        NormalizedDn(Arc::from(self.text))
    }
}

fn push_prepared(out: &mut String, prepared: &str) {
    for (index, character) in prepared.char_indices() {
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => push_escaped(out, character),
            // A space survives preparation at the start only under a combining mark.
            '#' | ' ' if index == 0 => push_escaped(out, character),
            other => out.push(other),
        }
    }
}

fn push_escaped(out: &mut String, character: char) {
    let mut octets = [0; 4];
    push_octets(out, "\\", character.encode_utf8(&mut octets).as_bytes());
}

fn push_octets(out: &mut String, before: &str, octets: &[u8]) {
    for octet in octets {
        // Writing to a String cannot fail.
        let _ = write!(out, "{before}{octet:02x}");
    }
}

/// The one spelling of an attribute type: its short name in lower case where it has one.
fn short_type(attribute: &str) -> Cow<'_, str> {
    let bare = match attribute.get(..4) {
        Some(prefix) if prefix.eq_ignore_ascii_case("oid.") => {
            attribute.get(4..).unwrap_or_default()
        }
        _ => attribute,
    };
    let short = schema::attribute_type(bare).map_or(bare, |known| known.name);
    if short.bytes().any(|octet| octet.is_ascii_uppercase()) {
        Cow::Owned(short.to_ascii_lowercase())
    } else {
        Cow::Borrowed(short)
    }
}
