//! Octets that the codec cannot make, or makes wrongly: its own output in other length forms, open
//! result codes, the values of controls and of sync info, and nonsense.

use ldap3_proto::proto::LdapMsg;

use crate::hexadecimal;

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

/// The value of a DirSync response control (MS-ADTS 3.1.1.3.4.1.3).
pub(super) fn dir_sync_value(has_more: bool, cookie: &[u8]) -> Vec<u8> {
    let mut value = element(0x02, &[u8::from(has_more)]);
    value.extend(element(0x02, &[0]));
    value.extend(element(0x04, cookie));
    element(0x30, &value)
}

/// What a SyncState control says of its entry (RFC 4533 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyncState {
    Add = 1,
    Modify = 2,
    Delete = 3,
}

/// The value of a SyncState control (RFC 4533 §2.3).
pub(super) fn sync_state_value(
    state: SyncState,
    identity: &[u8; 16],
    cookie: Option<&[u8]>,
) -> Vec<u8> {
    let mut value = element(0x0a, &[state as u8]);
    value.extend(element(0x04, identity));
    value.extend(optional(cookie));
    element(0x30, &value)
}

/// The value of a SyncDone control (RFC 4533 §2.4): a refreshDeletes of FALSE is left out.
pub(super) fn sync_done_value(cookie: &[u8], refresh_deletes: bool) -> Vec<u8> {
    let mut value = element(0x04, cookie);
    if refresh_deletes {
        value.extend(element(0x01, &[0xff]));
    }
    element(0x30, &value)
}

/// The value of a Sync Info message (RFC 4533 §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyncInfo<'a> {
    /// `newcookie`, an octet string with an implicit tag, so primitive.
    NewCookie(&'a [u8]),
    /// `refreshDelete`; refreshDone is TRUE and left out, as slapd does.
    RefreshDelete(&'a [u8]),
    /// `refreshPresent`; refreshDone is TRUE and left out.
    RefreshPresent(&'a [u8]),
    /// `syncIdSet` without a cookie; a refreshDeletes of FALSE is left out.
    IdSet { refresh_deletes: bool, identities: &'a [[u8; 16]] },
}

impl SyncInfo<'_> {
    pub(super) fn value(self) -> Vec<u8> {
        match self {
            Self::NewCookie(cookie) => element(0x80, cookie),
            Self::RefreshDelete(cookie) => element(0xa1, &element(0x04, cookie)),
            Self::RefreshPresent(cookie) => element(0xa2, &element(0x04, cookie)),
            Self::IdSet { refresh_deletes, identities } => {
                let set = identities.iter().flat_map(|identity| element(0x04, identity));
                let set: Vec<u8> = set.collect();
                let flag = if refresh_deletes { element(0x01, &[0xff]) } else { Vec::new() };
                element(0xa3, &[flag, element(0x31, &set)].concat())
            }
        }
    }
}

fn optional(octets: Option<&[u8]>) -> Vec<u8> {
    octets.map(|octets| element(0x04, octets)).unwrap_or_default()
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

/// Levels of elements within elements that a request is looked through.
const DEPTH: usize = 64;

/// The request with the values that equality filters ask of objectGUID (MS-ADTS 3.1.1.3.1.3) as hexadecimal
/// digits: the codec holds values as text and ends the connection on others. `None` when the input is not a row of
/// definite BER elements with one-octet tags, or deeper than any filter that makes sense.
pub(super) fn with_identities_as_text(input: &[u8]) -> Option<Vec<u8>> {
    rewritten(input, DEPTH)
}

fn rewritten(mut input: &[u8], depth: usize) -> Option<Vec<u8>> {
    let deeper = depth.checked_sub(1)?;
    let mut output = Vec::new();
    while let Some((&tag, rest)) = input.split_first() {
        let (length, rest) = read_length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        let identity = (tag == EQUALITY).then(|| identity(content)).flatten();
        match identity {
            Some(text) => output.extend(element(tag, &text)),
            None if tag & 0x20 == 0 => output.extend(element(tag, content)),
            None => output.extend(element(tag, &rewritten(content, deeper)?)),
        }
        input = rest;
    }
    Some(output)
}

/// `[3] AttributeValueAssertion` of a filter (RFC 4511 §4.5.1).
const EQUALITY: u8 = 0xa3;

/// An assertion about objectGUID with its value as digits; `None`: it is about something else.
fn identity(assertion: &[u8]) -> Option<Vec<u8>> {
    let (name, rest) = octet_string(assertion)?;
    let (value, rest) = octet_string(rest)?;
    if !name.eq_ignore_ascii_case(b"objectGUID") || value.len() != 16 || !rest.is_empty() {
        return None;
    }
    let mut text = element(0x04, name);
    text.extend(element(0x04, hexadecimal::digits(value).as_bytes()));
    Some(text)
}

fn octet_string(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = read_length(input.strip_prefix(&[0x04])?)?;
    rest.split_at_checked(length)
}

/// The length of the first message, once all of it is there.
pub(super) fn complete_length(input: &[u8]) -> Option<usize> {
    let (_, rest) = input.split_first()?;
    let (length, content) = read_length(rest)?;
    let whole = (input.len() - content.len()).checked_add(length)?;
    (whole <= input.len()).then_some(whole)
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
