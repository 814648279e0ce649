//! Cuts the text of a name into its attribute types and values, without copying what needs no change.

use std::borrow::Cow;

use thiserror::Error;

use crate::hexadecimal;
use crate::ldap::attribute;
use crate::ldap::ber::Reader;

/// Longest text that is read as a name, in octets.
pub const MAX_LENGTH: usize = 16 * 1024;
/// Most attribute values in one name; a name cannot have more RDNs than that either.
pub const MAX_AVAS: usize = 256;

/// Why text is not a distinguished name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{reason} at position {offset}")]
pub struct DnError {
    /// Octets from the start.
    pub offset: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// One attribute type and value as it stands in the text.
pub(super) struct ScannedAva<'a> {
    pub(super) attribute: &'a str,
    /// The value's octets, escapes taken out.
    pub(super) value: Cow<'a, [u8]>,
    /// Whether the value is BER that is not a string, given as `#` and digits.
    pub(super) encoded: bool,
    /// The value as written; `None` for the quoted form, which RFC 4514 no longer has.
    pub(super) spelling: Option<&'a str>,
    /// Where the value ends in the text.
    pub(super) end: usize,
    /// Whether a `+` follows, so that the next value belongs to the same RDN.
    pub(super) continues: bool,
}

/// Reads one name from start to end.
pub(super) struct Scanner<'a> {
    text: &'a str,
    position: usize,
    count: usize,
    /// Whether a separator was read that something must follow.
    expects_more: bool,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(text: &'a str) -> Result<Self, DnError> {
        if text.len() > MAX_LENGTH {
            return Err(DnError { offset: MAX_LENGTH, reason: "a name is too long" });
        }
        Ok(Self { text, position: 0, count: 0, expects_more: !text.is_empty() })
    }

    /// The next attribute type and value; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<ScannedAva<'a>>, DnError> {
        if !self.expects_more {
            return Ok(None);
        }
        if self.count == MAX_AVAS {
            return Err(self.error("a name has too many parts"));
        }
        self.count += 1;
        let attribute = self.attribute_type()?;
        self.skip_blanks();
        let start = self.position;
        let (value, encoded, quoted) = match self.peek() {
            Some(b'#') => self.hexadecimal_value()?,
            Some(b'"') => (self.quoted_value()?, false, true),
            _ => (self.plain_value()?, false, false),
        };
        let end = self.position;
        let spelling = if quoted { None } else { self.text.get(start..end) };
        let continues = self.separator()?;
        Ok(Some(ScannedAva { attribute, value, encoded, spelling, end, continues }))
    }

    fn attribute_type(&mut self) -> Result<&'a str, DnError> {
        self.skip_blanks();
        let start = self.position;
        while self.peek().is_some_and(|octet| octet.is_ascii_alphanumeric() || is_joint(octet)) {
            self.position += 1;
        }
        let name = self.text.get(start..self.position).unwrap_or_default();
        let bare = match name.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("oid.") => {
                name.get(4..).unwrap_or_default()
            }
            _ => name,
        };
        if !attribute::is_type(bare) {
            let reason = if name.is_empty() {
                "an attribute type is missing"
            } else {
                "this is not an attribute type"
            };
            return Err(DnError { offset: start, reason });
        }
        self.skip_blanks();
        if self.peek() != Some(b'=') {
            return Err(self.error("`=` is missing after the attribute type"));
        }
        self.position += 1;
        Ok(name)
    }

    fn plain_value(&mut self) -> Result<Cow<'a, [u8]>, DnError> {
        let start = self.position;
        let mut unescaped: Option<Vec<u8>> = None;
        // Blanks before a separator do not count unless escaped: where the value proper ends, in the
        // text and among the unescaped octets.
        let mut end = (start, 0);
        while let Some(octet) = self.peek() {
            let value = match octet {
                b',' | b';' | b'+' => break,
                b'\\' => {
                    let before = self.text.as_bytes().get(start..self.position).unwrap_or_default();
                    let value = self.escape()?;
                    unescaped.get_or_insert_with(|| before.to_vec()).push(value);
                    end = (self.position, unescaped.as_ref().map_or(0, Vec::len));
                    continue;
                }
                b'"' | b'<' | b'>' | 0 => {
                    return Err(self.error("this character must be escaped with a backslash"));
                }
                other => other,
            };
            self.position += 1;
            if let Some(unescaped) = &mut unescaped {
                unescaped.push(value);
            }
            if value != b' ' {
                end = (self.position, unescaped.as_ref().map_or(0, Vec::len));
            }
        }
        self.position = end.0;
        Ok(match unescaped {
            Some(mut value) => {
                value.truncate(end.1);
                Cow::Owned(value)
            }
            None => Cow::Borrowed(self.text.as_bytes().get(start..end.0).unwrap_or_default()),
        })
    }

    /// RFC 4514 §2.4 `\20` and `\,`. A backslash before any other ASCII punctuation is let through:
    /// Samba writes `\?`.
    fn escape(&mut self) -> Result<u8, DnError> {
        let octets = self.text.as_bytes().get(self.position + 1..).unwrap_or_default();
        if let [first, ..] = octets
            && (first.is_ascii_punctuation() || *first == b' ')
        {
            self.position += 2;
            return Ok(*first);
        }
        let value = octets.first_chunk().and_then(|pair| hexadecimal::octet(*pair));
        let value = value.ok_or_else(|| {
            self.error(
                "a backslash must be followed by two hexadecimal digits or a special character",
            )
        })?;
        self.position += 3;
        Ok(value)
    }

    /// RFC 2253 §4: `"…"` stands for its content, separators included.
    fn quoted_value(&mut self) -> Result<Cow<'a, [u8]>, DnError> {
        let opening = self.position;
        self.position += 1;
        let mut value = Vec::new();
        loop {
            match self.peek() {
                None => {
                    return Err(DnError {
                        offset: opening,
                        reason: "this quotation mark is not closed",
                    });
                }
                Some(b'"') => break,
                Some(b'\\') => value.push(self.escape()?),
                Some(0) => {
                    return Err(self.error("this character must be escaped with a backslash"));
                }
                Some(other) => {
                    value.push(other);
                    self.position += 1;
                }
            }
        }
        self.position += 1;
        Ok(Cow::Owned(value))
    }

    /// RFC 4514 §2.4 `#` and the BER of the value in hexadecimal digits. A string gives its characters,
    /// so that it equals the same string written out.
    fn hexadecimal_value(&mut self) -> Result<(Cow<'a, [u8]>, bool, bool), DnError> {
        let start = self.position;
        self.position += 1;
        let mut octets = Vec::new();
        let rest = self.text.as_bytes().get(self.position..).unwrap_or_default();
        for pair in rest.as_chunks().0 {
            let Some(octet) = hexadecimal::octet(*pair) else { break };
            octets.push(octet);
            self.position += 2;
        }
        let mut reader = Reader::new(&octets);
        match reader.element() {
            Ok(element) if reader.is_empty() => Ok(match element.tag {
                string_tag::OCTET | string_tag::UTF8 | string_tag::PRINTABLE | string_tag::IA5 => {
                    (Cow::Owned(element.content.to_vec()), false, false)
                }
                _ => (Cow::Owned(octets), true, false),
            }),
            _ => Err(DnError {
                offset: start,
                reason: "a value after `#` must be BER in hexadecimal digits; write `\\#` for the character",
            }),
        }
    }

    /// Whether a `+` follows; also reads past the separator.
    fn separator(&mut self) -> Result<bool, DnError> {
        self.skip_blanks();
        self.expects_more = true;
        match self.peek() {
            None => {
                self.expects_more = false;
                return Ok(false);
            }
            Some(b',' | b';' | b'+') => {}
            Some(_) => return Err(self.error("a separator is missing after the value")),
        }
        self.position += 1;
        Ok(self.text.as_bytes().get(self.position - 1) == Some(&b'+'))
    }

    fn skip_blanks(&mut self) {
        while self.peek() == Some(b' ') {
            self.position += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    const fn error(&self, reason: &'static str) -> DnError {
        DnError { offset: self.position, reason }
    }
}

/// BER tags of the string types that names are made of.
mod string_tag {
    pub(super) const OCTET: u8 = 0x04;
    pub(super) const UTF8: u8 = 0x0c;
    pub(super) const PRINTABLE: u8 = 0x13;
    pub(super) const IA5: u8 = 0x16;
}

const fn is_joint(octet: u8) -> bool {
    matches!(octet, b'-' | b'.' | b'_')
}
