//! Basic Encoding Rules as LDAP restricts them (RFC 4511 §5.1): definite lengths only, single-octet
//! tags, primitive octet strings. Readers borrow; nothing is copied or built as a tree, so a message
//! costs no more memory than its own octets.
//!
//! Long-form lengths need not be minimal: Active Directory writes every length in four octets.

use thiserror::Error;

/// Universal and application tags as they appear on the wire.
pub mod tag {
    /// Universal BOOLEAN.
    pub const BOOLEAN: u8 = 0x01;
    /// Universal INTEGER.
    pub const INTEGER: u8 = 0x02;
    /// Universal OCTET STRING.
    pub const OCTET_STRING: u8 = 0x04;
    /// Universal ENUMERATED.
    pub const ENUMERATED: u8 = 0x0a;
    /// Universal SEQUENCE, constructed.
    pub const SEQUENCE: u8 = 0x30;
    /// Universal SET, constructed.
    pub const SET: u8 = 0x31;
}

/// Why octets are not the BER that LDAP allows.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BerError {
    /// A boolean is not exactly one octet.
    #[error("a BOOLEAN must be one octet long")]
    Boolean,
    /// The indefinite form, forbidden by RFC 4511 §5.1.
    #[error("indefinite lengths are not allowed in LDAP")]
    IndefiniteLength,
    /// An integer is empty or outside the range its field allows.
    #[error("an INTEGER is empty or out of range")]
    IntegerRange,
    /// More than four length octets, or a length beyond the address range.
    #[error("a length is too large")]
    LengthTooLarge,
    /// A tag number above 30, which LDAP never uses.
    #[error("multi-octet tags are not used in LDAP")]
    MultiOctetTag,
    /// Octets are left over inside an element.
    #[error("unexpected octets after the last field")]
    TrailingData,
    /// An element ends before its length says so.
    #[error("an element is cut short")]
    Truncated,
    /// Another element than the one the field must be.
    #[error("expected tag 0x{expected:02x}, found 0x{found:02x}")]
    UnexpectedTag {
        /// The tag this field must have.
        expected: u8,
        /// The tag that is there.
        found: u8,
    },
}

/// The header of an element: its tag, the octets the header takes, and the octets of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The identifier octet.
    pub tag: u8,
    /// Octets of identifier and length together.
    pub header_length: usize,
    /// Octets of content that follow.
    pub content_length: usize,
}

impl Header {
    /// Reads a header from the start of `octets`; `None` while it is still incomplete.
    ///
    /// # Errors
    /// A multi-octet tag, the indefinite form, or more than four length octets.
    pub fn read(octets: &[u8]) -> Result<Option<Self>, BerError> {
        let Some((&tag, rest)) = octets.split_first() else { return Ok(None) };
        if tag & 0x1f == 0x1f {
            return Err(BerError::MultiOctetTag);
        }
        let Some((&first, rest)) = rest.split_first() else { return Ok(None) };
        match first {
            0..=0x7f => {
                Ok(Some(Self { tag, header_length: 2, content_length: usize::from(first) }))
            }
            0x80 => Err(BerError::IndefiniteLength),
            0x81..=0x84 => {
                let count = usize::from(first & 0x7f);
                let Some(length) = rest.get(..count) else { return Ok(None) };
                let content_length =
                    length.iter().fold(0_usize, |sum, &octet| (sum << 8) | usize::from(octet));
                Ok(Some(Self { tag, header_length: 2 + count, content_length }))
            }
            0x85..=0xff => Err(BerError::LengthTooLarge),
        }
    }
}

/// One element: its tag, its content, and all its octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet.
    pub tag: u8,
    /// The content octets.
    pub content: &'a [u8],
    /// Identifier, length and content as they stood on the wire.
    pub whole: &'a [u8],
}

/// Reads elements one after another from borrowed octets.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader over the content of one constructed element (or over a whole buffer).
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The tag of the next element, if there is one.
    #[must_use]
    pub fn peek_tag(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The octets that have not been read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads the next element whatever its tag.
    ///
    /// # Errors
    /// No complete element is left, or its header is not allowed.
    pub fn element(&mut self) -> Result<Element<'a>, BerError> {
        let header = Header::read(self.rest)?.ok_or(BerError::Truncated)?;
        let end = header
            .header_length
            .checked_add(header.content_length)
            .ok_or(BerError::LengthTooLarge)?;
        let whole = self.rest.get(..end).ok_or(BerError::Truncated)?;
        let content = whole.get(header.header_length..).ok_or(BerError::Truncated)?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok(Element { tag: header.tag, content, whole })
    }

    /// Reads the content of the next element, which must have `expected` as its tag.
    ///
    /// # Errors
    /// Another tag, or a broken element.
    pub fn expect(&mut self, expected: u8) -> Result<&'a [u8], BerError> {
        match self.peek_tag() {
            Some(found) if found == expected => Ok(self.element()?.content),
            Some(found) => Err(BerError::UnexpectedTag { expected, found }),
            None => Err(BerError::Truncated),
        }
    }

    /// Reads the content of the next element if it has `wanted` as its tag.
    ///
    /// # Errors
    /// The element has that tag but is broken.
    pub fn optional(&mut self, wanted: u8) -> Result<Option<&'a [u8]>, BerError> {
        if self.peek_tag() == Some(wanted) { Ok(Some(self.element()?.content)) } else { Ok(None) }
    }

    /// A reader over the content of the next element, which must have `expected` as its tag.
    ///
    /// # Errors
    /// As [`Reader::expect`].
    pub fn nested(&mut self, expected: u8) -> Result<Reader<'a>, BerError> {
        Ok(Reader::new(self.expect(expected)?))
    }

    /// Reads an OCTET STRING.
    ///
    /// # Errors
    /// As [`Reader::expect`].
    pub fn octet_string(&mut self) -> Result<&'a [u8], BerError> {
        self.expect(tag::OCTET_STRING)
    }

    /// Reads an INTEGER.
    ///
    /// # Errors
    /// As [`Reader::expect`], or the value does not fit.
    pub fn integer(&mut self) -> Result<i64, BerError> {
        integer(self.expect(tag::INTEGER)?)
    }

    /// Reads an ENUMERATED.
    ///
    /// # Errors
    /// As [`Reader::expect`], or the value does not fit.
    pub fn enumerated(&mut self) -> Result<i64, BerError> {
        integer(self.expect(tag::ENUMERATED)?)
    }

    /// Reads a BOOLEAN; any non-zero octet is TRUE.
    ///
    /// # Errors
    /// As [`Reader::expect`], or the content is not one octet.
    pub fn boolean(&mut self) -> Result<bool, BerError> {
        boolean(self.expect(tag::BOOLEAN)?)
    }

    /// Ends the reading: nothing may be left.
    ///
    /// # Errors
    /// [`BerError::TrailingData`].
    pub const fn finish(&self) -> Result<(), BerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(BerError::TrailingData) }
    }
}

/// The value of BOOLEAN content octets.
///
/// # Errors
/// Not exactly one octet.
pub fn boolean(content: &[u8]) -> Result<bool, BerError> {
    match content {
        [octet] => Ok(*octet != 0),
        _ => Err(BerError::Boolean),
    }
}

/// The value of INTEGER or ENUMERATED content octets, sign-extended.
///
/// # Errors
/// Empty content or more than eight octets.
pub fn integer(content: &[u8]) -> Result<i64, BerError> {
    let Some(&first) = content.first() else { return Err(BerError::IntegerRange) };
    if content.len() > 8 {
        return Err(BerError::IntegerRange);
    }
    let start = if first & 0x80 == 0 { 0_i64 } else { -1_i64 };
    Ok(content.iter().fold(start, |sum, &octet| (sum << 8) | i64::from(octet)))
}

/// Appends elements to a growing buffer; lengths are written in the shortest form.
#[derive(Debug, Default)]
pub struct Writer {
    octets: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    #[must_use]
    pub const fn new() -> Self {
        Self { octets: Vec::new() }
    }

    /// A writer that appends to `octets`; [`Writer::into_octets`] gives the buffer back.
    #[must_use]
    pub const fn append_to(octets: Vec<u8>) -> Self {
        Self { octets }
    }

    /// What has been written.
    #[must_use]
    pub fn into_octets(self) -> Vec<u8> {
        self.octets
    }

    /// What has been written so far.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Appends octets that are already encoded.
    pub fn raw(&mut self, encoded: &[u8]) {
        self.octets.extend_from_slice(encoded);
    }

    /// Appends an element with `content` as it is.
    pub fn element(&mut self, tag: u8, content: &[u8]) {
        self.octets.push(tag);
        write_length(&mut self.octets, content.len());
        self.octets.extend_from_slice(content);
    }

    /// Appends a constructed element whose content `body` writes.
    pub fn constructed(&mut self, tag: u8, body: impl FnOnce(&mut Self)) {
        self.octets.push(tag);
        // Room for a short length; a longer one moves what comes behind it.
        let place = self.octets.len();
        self.octets.push(0);
        body(self);
        let length = self.octets.len() - place - 1;
        if length_of_length(length) > 1 {
            let mut longer = Vec::with_capacity(5);
            write_length(&mut longer, length);
            self.octets.splice(place..=place, longer);
        } else if let (Some(octet), Ok(length)) = (self.octets.get_mut(place), length.try_into()) {
            *octet = length;
        }
    }

    /// Appends an OCTET STRING.
    pub fn octet_string(&mut self, content: &[u8]) {
        self.element(tag::OCTET_STRING, content);
    }

    /// Appends a BOOLEAN.
    pub fn boolean(&mut self, value: bool) {
        self.element(tag::BOOLEAN, &[if value { 0xff } else { 0 }]);
    }

    /// Appends an INTEGER.
    pub fn integer(&mut self, value: i64) {
        self.tagged_integer(tag::INTEGER, value);
    }

    /// Appends an ENUMERATED.
    pub fn enumerated(&mut self, value: i64) {
        self.tagged_integer(tag::ENUMERATED, value);
    }

    fn tagged_integer(&mut self, tag: u8, value: i64) {
        let octets = value.to_be_bytes();
        let sign = if value < 0 { 0xff } else { 0 };
        let mut content = octets.as_slice();
        while let [first, rest @ ..] = content {
            let keeps_sign = rest.first().is_some_and(|next| (next ^ sign) & 0x80 == 0);
            if *first != sign || !keeps_sign {
                break;
            }
            content = rest;
        }
        self.element(tag, content);
    }
}

/// Octets that a length of `length` takes in the shortest form.
#[must_use]
pub const fn length_of_length(length: usize) -> usize {
    match length {
        0..=0x7f => 1,
        0x80..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xff_ffff => 4,
        _ => 5,
    }
}

/// Appends `length` in the shortest form.
pub fn write_length(octets: &mut Vec<u8>, length: usize) {
    if let Ok(short) = u8::try_from(length)
        && short < 0x80
    {
        octets.push(short);
        return;
    }
    let count = length_of_length(length) - 1;
    octets.push(0x80 | u8::try_from(count).unwrap_or(4));
    let bytes = length.to_be_bytes();
    octets.extend_from_slice(bytes.get(bytes.len() - count..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_round_trip_in_the_shortest_form() {
        for (value, content) in [
            (0, vec![0]),
            (127, vec![0x7f]),
            (128, vec![0, 0x80]),
            (-1, vec![0xff]),
            (-128, vec![0x80]),
            (-129, vec![0xff, 0x7f]),
            (-2_147_483_648, vec![0x80, 0, 0, 0]),
            (2_147_483_647, vec![0x7f, 0xff, 0xff, 0xff]),
            (i64::MIN, i64::MIN.to_be_bytes().to_vec()),
        ] {
            let mut writer = Writer::new();
            writer.integer(value);
            let octets = writer.into_octets();
            assert_eq!(octets[2..], content, "{value}");
            assert_eq!(Reader::new(&octets).integer(), Ok(value));
        }
    }

    #[test]
    fn long_form_lengths_need_not_be_minimal() {
        let octets = [0x04, 0x84, 0, 0, 0, 1, b'x'];
        assert_eq!(Reader::new(&octets).octet_string(), Ok(b"x".as_slice()));
    }

    #[test]
    fn what_ldap_forbids_is_refused() {
        let cases: [(&[u8], BerError); 6] = [
            (&[0x30, 0x80, 0, 0], BerError::IndefiniteLength),
            (&[0x30, 0x85, 0, 0, 0, 0, 1], BerError::LengthTooLarge),
            (&[0x3f, 0x81, 0x01], BerError::MultiOctetTag),
            (&[0x04, 0x05, b'x'], BerError::Truncated),
            (&[0x04], BerError::Truncated),
            (&[], BerError::Truncated),
        ];
        for (octets, error) in cases {
            assert_eq!(Reader::new(octets).element().unwrap_err(), error, "{octets:02x?}");
        }
    }

    #[test]
    fn constructed_elements_get_their_length_afterwards() {
        for length in [0_usize, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let mut writer = Writer::new();
            writer.constructed(tag::SEQUENCE, |w| w.raw(&vec![0; length]));
            let octets = writer.into_octets();
            assert_eq!(octets.len(), 1 + length_of_length(length) + length);
            assert_eq!(Reader::new(&octets).expect(tag::SEQUENCE).unwrap().len(), length);
        }
    }
}
