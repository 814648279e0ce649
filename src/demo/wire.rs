//! Octets that the codec cannot make: its own output in other length forms, open result codes, and
//! nonsense.

use ldap3_proto::proto::LdapMsg;

/// What is sent when garbage is asked for: an octet string that claims to be long.
pub(super) const GARBAGE: [u8; 16] = [
    0x04, 0x0e, 0xde, 0xad, 0xbe, 0xef, 0xff, 0x00, 0x30, 0x84, 0x0d, 0x0a, 0x0d, 0x0a, 0x7f, 0x80,
];

/// One answer on its way out.
#[derive(Clone, Debug, PartialEq)]
pub enum Outgoing {
    /// Written by the codec.
    Message(LdapMsg),
    /// Written as it is.
    Octets(Vec<u8>),
}

/// A bind response with any result code; the codec knows only some.
pub(super) fn bind_response(message_id: i32, code: u32, text: &str) -> Vec<u8> {
    let mut result = element(0x0a, &integer(code));
    result.extend(element(0x04, b""));
    result.extend(element(0x04, text.as_bytes()));
    message(message_id, &element(0x61, &result))
}

/// A SearchResultDone with any result code.
pub(super) fn search_done(message_id: i32, code: u32, text: &str) -> Vec<u8> {
    let mut result = element(0x0a, &integer(code));
    result.extend(element(0x04, b""));
    result.extend(element(0x04, text.as_bytes()));
    message(message_id, &element(0x65, &result))
}

/// Active Directory's notice of disconnection (RFC 4511 §4.4.1), with the name where it belongs.
pub(super) fn notice_of_disconnection(code: u32, text: &str) -> Vec<u8> {
    let mut response = element(0x0a, &integer(code));
    response.extend(element(0x04, b""));
    response.extend(element(0x04, text.as_bytes()));
    response.extend(element(0x8a, b"1.3.6.1.4.1.1466.20036"));
    message(0, &element(0x78, &response))
}

fn message(message_id: i32, operation: &[u8]) -> Vec<u8> {
    let mut inner = element(0x02, &integer(message_id.unsigned_abs()));
    inner.extend(operation);
    element(0x30, &inner)
}

fn integer(number: u32) -> Vec<u8> {
    let octets = number.to_be_bytes();
    let mut significant: Vec<u8> = octets.into_iter().skip_while(|octet| *octet == 0).collect();
    if significant.first().is_none_or(|first| first & 0x80 != 0) {
        significant.insert(0, 0);
    }
    significant
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut octets = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short @ 0..0x80) => octets.push(short),
        Ok(_) | Err(_) => octets.extend(long_length(content.len())),
    }
    octets.extend(content);
    octets
}

fn long_length(length: usize) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    [0x84, a, b, c, d]
}

/// Writes every constructed element with a five-octet length, as Active Directory does. `None` when
/// the input is not a row of definite BER elements with one-octet tags.
pub(super) fn widen(mut input: &[u8]) -> Option<Vec<u8>> {
    let mut output = Vec::new();
    while let Some((&tag, rest)) = input.split_first() {
        let (length, rest) = read_length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        if tag & 0x20 == 0 {
            output.extend(element(tag, content));
        } else {
            let inner = widen(content)?;
            output.push(tag);
            output.extend(long_length(inner.len()));
            output.extend(inner);
        }
        input = rest;
    }
    Some(output)
}

fn read_length(input: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = input.split_first()?;
    if first < 0x80 {
        return Some((usize::from(first), rest));
    }
    let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
    let length = octets.iter().try_fold(0_usize, |sum, octet| {
        sum.checked_mul(256).map(|sum| sum | usize::from(*octet))
    })?;
    Some((length, rest))
}
