//! The requests that are sent and the answers to them (RFC 4511, paging by RFC 2696).

use crate::ber::{self, BerError, Reader, element, put, put_number};

pub(crate) const BIND_REQUEST: u8 = 0x60;
pub(crate) const BIND_RESPONSE: u8 = 0x61;
pub(crate) const UNBIND_REQUEST: u8 = 0x42;
pub(crate) const SEARCH_REQUEST: u8 = 0x63;
pub(crate) const SEARCH_ENTRY: u8 = 0x64;
pub(crate) const SEARCH_DONE: u8 = 0x65;
const CONTROLS: u8 = 0xa0;
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// `(attribute=value)`, encoded.
pub(crate) fn equality(attribute: &str, value: &str) -> Vec<u8> {
    element(0xa3, |out| {
        put(out, ber::OCTET_STRING, attribute.as_bytes());
        put(out, ber::OCTET_STRING, value.as_bytes());
    })
}

/// `(attribute=*part*)`, encoded.
pub(crate) fn containing(attribute: &str, part: &str) -> Vec<u8> {
    element(0xa4, |out| {
        put(out, ber::OCTET_STRING, attribute.as_bytes());
        put(out, ber::SEQUENCE, &element(0x81, |out| out.extend_from_slice(part.as_bytes())));
    })
}

/// `(&…)` of encoded filters.
pub(crate) fn both(one: &[u8], other: &[u8]) -> Vec<u8> {
    element(0xa0, |out| {
        out.extend_from_slice(one);
        out.extend_from_slice(other);
    })
}

/// A SearchRequest below `base`, without limits.
pub(crate) fn search(base: &str, filter: &[u8], attributes: &[&str]) -> Vec<u8> {
    const WHOLE_SUBTREE: u32 = 2;
    const NEVER_DEREF: u32 = 0;
    element(SEARCH_REQUEST, |out| {
        put(out, ber::OCTET_STRING, base.as_bytes());
        put_number(out, ber::ENUMERATED, WHOLE_SUBTREE);
        put_number(out, ber::ENUMERATED, NEVER_DEREF);
        put_number(out, ber::INTEGER, 0);
        put_number(out, ber::INTEGER, 0);
        put(out, ber::BOOLEAN, &[0]);
        out.extend_from_slice(filter);
        let list = element(ber::SEQUENCE, |out| {
            attributes.iter().for_each(|name| put(out, ber::OCTET_STRING, name.as_bytes()));
        });
        out.extend(list);
    })
}

/// A simple BindRequest.
pub(crate) fn bind(dn: &str, password: &str) -> Vec<u8> {
    element(BIND_REQUEST, |out| {
        put_number(out, ber::INTEGER, 3);
        put(out, ber::OCTET_STRING, dn.as_bytes());
        put(out, 0x80, password.as_bytes());
    })
}

/// An UnbindRequest.
pub(crate) fn unbind() -> Vec<u8> {
    vec![UNBIND_REQUEST, 0]
}

/// The controls of a request for a page.
pub(crate) fn paged_control(size: u32, cookie: &[u8]) -> Vec<u8> {
    let value = element(ber::SEQUENCE, |out| {
        put_number(out, ber::INTEGER, size);
        put(out, ber::OCTET_STRING, cookie);
    });
    let control = element(ber::SEQUENCE, |out| {
        put(out, ber::OCTET_STRING, PAGED_RESULTS.as_bytes());
        put(out, ber::BOOLEAN, &[0xff]);
        put(out, ber::OCTET_STRING, &value);
    });
    element(CONTROLS, |out| out.extend(control))
}

/// Appends a message of an encoded operation and encoded controls, or none.
pub(crate) fn put_message(out: &mut Vec<u8>, id: u32, operation: &[u8], controls: &[u8]) {
    let length = ber::number_length(id) + operation.len() + controls.len();
    out.push(ber::SEQUENCE);
    ber::put_length(out, length);
    put_number(out, ber::INTEGER, id);
    out.extend_from_slice(operation);
    out.extend_from_slice(controls);
}

/// A message that was received.
pub(crate) struct Message<'a> {
    pub(crate) id: u32,
    /// The tag of the operation.
    pub(crate) tag: u8,
    /// The content of the operation.
    pub(crate) body: &'a [u8],
    controls: &'a [u8],
}

impl<'a> Message<'a> {
    pub(crate) fn read(octets: &'a [u8]) -> Result<Self, BerError> {
        let mut message = Reader(Reader(octets).expect(ber::SEQUENCE)?);
        let id = message.number(ber::INTEGER)?;
        let (tag, body) = message.next()?;
        let controls = if message.is_empty() { &[] } else { message.expect(CONTROLS)? };
        Ok(Self { id, tag, body, controls })
    }

    /// The result code, of a terminal answer.
    pub(crate) fn code(&self) -> Result<u32, BerError> {
        Reader(self.body).number(ber::ENUMERATED)
    }

    /// Where the next page begins; empty or none at the end.
    pub(crate) fn cookie(&self) -> Result<Option<&'a [u8]>, BerError> {
        let mut controls = Reader(self.controls);
        while !controls.is_empty() {
            let mut control = Reader(controls.expect(ber::SEQUENCE)?);
            if control.expect(ber::OCTET_STRING)? != PAGED_RESULTS.as_bytes() {
                continue;
            }
            while !control.is_empty() {
                if let (ber::OCTET_STRING, value) = control.next()? {
                    let mut value = Reader(Reader(value).expect(ber::SEQUENCE)?);
                    value.number(ber::INTEGER)?;
                    return Ok(Some(value.expect(ber::OCTET_STRING)?));
                }
            }
        }
        Ok(None)
    }
}

/// Calls `each` with attribute and value of every value of a SearchResultEntry; gives its name.
pub(crate) fn read_entry<'a>(
    body: &'a [u8],
    mut each: impl FnMut(&'a [u8], &'a [u8]),
) -> Result<&'a [u8], BerError> {
    let mut entry = Reader(body);
    let dn = entry.expect(ber::OCTET_STRING)?;
    let mut attributes = Reader(entry.expect(ber::SEQUENCE)?);
    while !attributes.is_empty() {
        let mut attribute = Reader(attributes.expect(ber::SEQUENCE)?);
        let name = attribute.expect(ber::OCTET_STRING)?;
        let mut values = Reader(attribute.expect(ber::SET)?);
        while !values.is_empty() {
            each(name, values.expect(ber::OCTET_STRING)?);
        }
    }
    Ok(dn)
}

/// A SearchResultEntry.
pub(crate) fn entry(dn: &str, attributes: &[(&str, String)]) -> Vec<u8> {
    let list = element(ber::SEQUENCE, |out| {
        for (name, value) in attributes {
            let attribute = element(ber::SEQUENCE, |out| {
                put(out, ber::OCTET_STRING, name.as_bytes());
                put(out, ber::SET, &element(ber::OCTET_STRING, |out| out.extend(value.as_bytes())));
            });
            out.extend(attribute);
        }
    });
    element(SEARCH_ENTRY, |out| {
        put(out, ber::OCTET_STRING, dn.as_bytes());
        out.extend(list);
    })
}

/// A terminal answer that says success.
pub(crate) fn success(tag: u8) -> Vec<u8> {
    element(tag, |out| {
        put_number(out, ber::ENUMERATED, 0);
        put(out, ber::OCTET_STRING, b"");
        put(out, ber::OCTET_STRING, b"");
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_asked_for_and_its_cookie_read() {
        let operation = search("dc=x", &equality("uid", "a"), &["cn", "sn"]);
        let mut out = Vec::new();
        put_message(&mut out, 300, &operation, &paged_control(500, b"cookie"));
        assert_eq!(ber::message_length(&out), Ok(Some(out.len())));
        let message = Message::read(&out).unwrap();
        assert_eq!((message.id, message.tag), (300, SEARCH_REQUEST));
        assert_eq!(message.cookie(), Ok(Some(b"cookie".as_slice())));
    }

    #[test]
    fn an_entry_is_read_value_by_value() {
        let octets = entry("cn=a", &[("cn", "a".to_owned()), ("sn", "b".to_owned())]);
        let mut values = Vec::new();
        let body = Reader(&octets).expect(SEARCH_ENTRY).unwrap();
        let dn = read_entry(body, |name, value| values.push((name, value)));
        assert_eq!(dn, Ok(b"cn=a".as_slice()));
        assert_eq!(values, [(b"cn".as_slice(), b"a".as_slice()), (b"sn", b"b")]);
    }
}
