//! A name as values: what was written, part by part.

use std::fmt;

use super::normalized::{NormalizedDn, Normalizer};
use super::scan::{DnError, ScannedAva, Scanner};

/// One attribute type and value of an RDN.
///
/// Equal are two of them with the same type and the same value octets; how the value was escaped does
/// not count. Whether two spellings name the same thing is asked of [`NormalizedDn`].
#[derive(Clone, Debug)]
pub struct Ava {
    attribute: String,
    value: Vec<u8>,
    encoded: bool,
    /// How the value was written, where RFC 4514 still has that way of writing.
    spelling: Option<Box<str>>,
}

impl Ava {
    /// A type and a value. The type is taken as it is: callers have one that is a type.
    #[must_use]
    pub fn new(attribute: &str, value: &[u8]) -> Self {
        Self {
            attribute: attribute.to_owned(),
            value: value.to_vec(),
            encoded: false,
            spelling: None,
        }
    }

    /// The attribute type as written.
    #[must_use]
    pub fn attribute(&self) -> &str {
        &self.attribute
    }

    /// The value's octets without escapes. Of a value given as `#` and digits that is not a string,
    /// these are the octets of its BER.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    fn of(scanned: ScannedAva<'_>) -> Self {
        Self {
            attribute: scanned.attribute.to_owned(),
            value: scanned.value.into_owned(),
            encoded: scanned.encoded,
            spelling: scanned.spelling.map(Box::from),
        }
    }
}

impl PartialEq for Ava {
    fn eq(&self, other: &Self) -> bool {
        self.attribute == other.attribute
            && self.value == other.value
            && self.encoded == other.encoded
    }
}

impl Eq for Ava {}

impl fmt::Display for Ava {
    /// The value as it was written, or else escaped as Active Directory escapes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.attribute)?;
        if let Some(spelling) = &self.spelling {
            return f.write_str(spelling);
        }
        if self.encoded {
            f.write_str("#")?;
            return self.value.iter().try_for_each(|octet| write!(f, "{octet:02X}"));
        }
        let last = self.value.len().saturating_sub(1);
        let mut offset = 0;
        for chunk in self.value.utf8_chunks() {
            for character in chunk.valid().chars() {
                let at_edge = offset == 0 || offset == last;
                write_escaped(f, character, offset == 0, at_edge)?;
                offset += character.len_utf8();
            }
            for octet in chunk.invalid() {
                write!(f, "\\{octet:02X}")?;
            }
            offset += chunk.invalid().len();
        }
        Ok(())
    }
}

fn write_escaped(
    f: &mut fmt::Formatter<'_>,
    character: char,
    is_first: bool,
    at_edge: bool,
) -> fmt::Result {
    match character {
        ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => write!(f, "\\{character}"),
        '#' if is_first => f.write_str("\\#"),
        ' ' if at_edge => f.write_str("\\ "),
        '\0'..='\u{1f}' | '\u{7f}' => write!(f, "\\{:02X}", u32::from(character)),
        other => write!(f, "{other}"),
    }
}

/// A relative distinguished name: one or more types with their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rdn(pub Vec<Ava>);

impl fmt::Display for Rdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_joined(f, &self.0, "+")
    }
}

/// A distinguished name, leaf first; empty is the root.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DistinguishedName(pub Vec<Rdn>);

impl DistinguishedName {
    /// Reads RFC 4514 text. Accepted besides: blanks around `,` `+` `=`, and of RFC 2253 §4 quoted
    /// values, `;` as separator and `OID.` before a dotted type.
    ///
    /// # Errors
    /// Not a name, longer than [`MAX_LENGTH`](super::MAX_LENGTH) octets, or of more than
    /// [`MAX_AVAS`](super::MAX_AVAS) values.
    pub fn parse(text: &str) -> Result<Self, DnError> {
        let mut scanner = Scanner::new(text)?;
        let mut rdns = Vec::new();
        let mut rdn = Vec::new();
        while let Some(scanned) = scanner.next()? {
            let continues = scanned.continues;
            rdn.push(Ava::of(scanned));
            if !continues {
                rdns.push(Rdn(std::mem::take(&mut rdn)));
            }
        }
        Ok(Self(rdns))
    }

    /// The form for comparing.
    #[must_use]
    pub fn normalized(&self) -> NormalizedDn {
        let mut normalizer = Normalizer::default();
        for Rdn(avas) in &self.0 {
            for ava in avas {
                normalizer.push(&ava.attribute, &ava.value, ava.encoded);
            }
            normalizer.end_rdn();
        }
        normalizer.finish()
    }

    /// Whether this is the root, the name without parts.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The entry's own part of the name; `None` for the root.
    #[must_use]
    pub fn rdn(&self) -> Option<&Rdn> {
        self.0.first()
    }

    /// All parts, leaf first.
    #[must_use]
    pub fn rdns(&self) -> &[Rdn] {
        &self.0
    }

    /// The name of the entry above; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.get(1..).map(|above| Self(above.to_vec()))
    }
}

impl fmt::Display for DistinguishedName {
    /// The text that a directory wrote is given back as it was, blanks around separators aside.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_joined(f, &self.0, ",")
    }
}

fn write_joined(
    f: &mut fmt::Formatter<'_>,
    parts: &[impl fmt::Display],
    separator: &str,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{part}")?;
    }
    Ok(())
}
