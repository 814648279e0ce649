//! As much of BER as LDAP needs: definite lengths, tags of one octet.

/// Why octets are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BerError {
    /// An element reaches beyond its container.
    Truncated,
    /// The length cannot be read.
    Length,
    /// The number cannot be read.
    Number,
    /// Another element was expected.
    Tag(u8),
}

impl std::fmt::Display for BerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("truncated element"),
            Self::Length => f.write_str("bad length"),
            Self::Number => f.write_str("bad number"),
            Self::Tag(tag) => write!(f, "unexpected tag 0x{tag:02x}"),
        }
    }
}

pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const BOOLEAN: u8 = 0x01;

/// An element with the content that `content` writes.
pub(crate) fn element(tag: u8, content: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut body = Vec::new();
    content(&mut body);
    let mut out = Vec::with_capacity(body.len() + 6);
    put(&mut out, tag, &body);
    out
}

/// Appends an element.
pub(crate) fn put(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    put_length(out, content.len());
    out.extend_from_slice(content);
}

/// Appends a number that is not negative, in the shortest form.
pub(crate) fn put_number(out: &mut Vec<u8>, tag: u8, number: u32) {
    let octets = u64::from(number).to_be_bytes();
    let skipped = octets.len() + 2 - number_length(number);
    put(out, tag, octets.get(skipped..).unwrap_or_default());
}

/// Octets of such a number with its header. The first bit is the sign, so a zero octet stays in front of a
/// set bit.
pub(crate) fn number_length(number: u32) -> usize {
    let bits = 33 - number.leading_zeros() as usize;
    2 + bits.div_ceil(8)
}

/// Appends a length.
pub(crate) fn put_length(out: &mut Vec<u8>, length: usize) {
    if length < 0x80 {
        out.push(length as u8);
        return;
    }
    let octets = (length as u64).to_be_bytes();
    let significant = 8 - length.leading_zeros() as usize / 8;
    out.push(0x80 | significant as u8);
    out.extend_from_slice(octets.get(8 - significant..).unwrap_or_default());
}

/// The length of the first message in `octets` with its header, as soon as the header is there.
pub(crate) fn message_length(octets: &[u8]) -> Result<Option<usize>, BerError> {
    match header(octets)? {
        None => Ok(None),
        Some((SEQUENCE, head, length)) => Ok(Some(head + length)),
        Some((tag, ..)) => Err(BerError::Tag(tag)),
    }
}

/// Tag, length of the header, length of the content.
fn header(octets: &[u8]) -> Result<Option<(u8, usize, usize)>, BerError> {
    let [tag, first, rest @ ..] = octets else { return Ok(None) };
    if *first < 0x80 {
        return Ok(Some((*tag, 2, usize::from(*first))));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return Err(BerError::Length);
    }
    let Some(length) = rest.get(..count) else { return Ok(None) };
    let length = length.iter().fold(0, |sum, octet| (sum << 8) | usize::from(*octet));
    Ok(Some((*tag, 2 + count, length)))
}

/// Elements one after another.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element: tag and content.
    pub(crate) fn next(&mut self) -> Result<(u8, &'a [u8]), BerError> {
        let (tag, head, length) = header(self.0)?.ok_or(BerError::Truncated)?;
        let (element, rest) = self.0.split_at_checked(head + length).ok_or(BerError::Truncated)?;
        self.0 = rest;
        Ok((tag, element.get(head..).unwrap_or_default()))
    }

    /// The content of the next element, which has this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<&'a [u8], BerError> {
        match self.next()? {
            (found, content) if found == tag => Ok(content),
            (found, _) => Err(BerError::Tag(found)),
        }
    }

    /// The number in the next element, which has this tag.
    pub(crate) fn number(&mut self, tag: u8) -> Result<u32, BerError> {
        let content = self.expect(tag)?;
        if !(1..=5).contains(&content.len()) {
            return Err(BerError::Number);
        }
        let number = content.iter().fold(0, |sum, octet| (sum << 8) | u64::from(*octet));
        u32::try_from(number).map_err(|_| BerError::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_in_the_shortest_form() {
        for (number, length) in [
            (0, 1),
            (1, 1),
            (127, 1),
            (128, 2),
            (255, 2),
            (256, 2),
            (32_767, 2),
            (32_768, 3),
            (8_388_607, 3),
            (8_388_608, 4),
            (0x7fff_ffff, 4),
            (u32::MAX, 5),
        ] {
            let mut out = Vec::new();
            put_number(&mut out, INTEGER, number);
            assert_eq!(out.len(), 2 + length, "{number}");
            assert_eq!(Reader(&out).number(INTEGER), Ok(number));
        }
    }

    #[test]
    fn lengths_round_trip() {
        for length in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; length];
            let out = element(SEQUENCE, |out| out.extend(&content));
            assert_eq!(message_length(&out), Ok(Some(out.len())));
            assert_eq!(Reader(&out).expect(SEQUENCE), Ok(content.as_slice()));
        }
    }

    #[test]
    fn what_is_no_message() {
        assert_eq!(message_length(&[0x30]), Ok(None));
        assert_eq!(message_length(&[0x30, 0x82, 1]), Ok(None));
        assert_eq!(message_length(&[0x30, 0x80]), Err(BerError::Length));
        assert_eq!(message_length(&[0x15, 3]), Err(BerError::Tag(0x15)));
        assert_eq!(Reader(&[4, 5, 1]).next(), Err(BerError::Truncated));
    }
}
