//! Search result entries written in one walk, straight into the buffer that goes out (RFC 4511 §4.5.2).
//!
//! The lengths of what is still open are not known while it is written, so they get four octets, which are
//! filled in at the end: BER allows that (X.690 §8.1.3.5), and Active Directory writes every length so.

use super::ber::{self, Writer, tag};
use super::message::{MessageId, operation_tag};

/// One SearchResultEntry under way; [`EntryWriter::end`] completes it.
pub struct EntryWriter<'o> {
    octets: &'o mut Vec<u8>,
    message: Open,
    operation: Open,
    list: Open,
}

/// Where the length of an open element stands.
#[derive(Clone, Copy)]
struct Open(usize);

/// Octets of a length that is filled in later, without the one that says so.
const LENGTH_OCTETS: usize = 4;

impl<'o> EntryWriter<'o> {
    /// Begins an entry called `dn`.
    pub fn begin(octets: &'o mut Vec<u8>, id: MessageId, dn: &[u8]) -> Self {
        let message = open(octets, tag::SEQUENCE);
        let mut writer = Writer::append_to(std::mem::take(octets));
        writer.integer(i64::from(id.get()));
        *octets = writer.into_octets();
        let operation = open(octets, operation_tag::SEARCH_RESULT_ENTRY);
        octet_string(octets, dn);
        let list = open(octets, tag::SEQUENCE);
        Self { octets, message, operation, list }
    }

    /// Appends a PartialAttribute that is encoded already.
    #[inline]
    pub fn ready(&mut self, element: &[u8]) {
        self.octets.extend_from_slice(element);
    }

    /// Appends an attribute with these values; without any, its name alone.
    pub fn attribute<'v>(&mut self, description: &str, values: impl Iterator<Item = &'v [u8]>) {
        let attribute = open(self.octets, tag::SEQUENCE);
        octet_string(self.octets, description.as_bytes());
        let set = open(self.octets, tag::SET);
        for value in values {
            octet_string(self.octets, value);
        }
        close(self.octets, set);
        close(self.octets, attribute);
    }

    /// Completes the message.
    pub fn end(self) {
        close(self.octets, self.list);
        close(self.octets, self.operation);
        close(self.octets, self.message);
    }
}

fn octet_string(octets: &mut Vec<u8>, content: &[u8]) {
    octets.push(tag::OCTET_STRING);
    ber::write_length(octets, content.len());
    octets.extend_from_slice(content);
}

fn open(octets: &mut Vec<u8>, tag: u8) -> Open {
    octets.extend_from_slice(&[tag, 0x84, 0, 0, 0, 0]);
    Open(octets.len())
}

fn close(octets: &mut [u8], open: Open) {
    // No message comes near 4 GiB: an entry is no larger than what a controller sent in one message.
    let length = u32::try_from(octets.len() - open.0).unwrap_or(u32::MAX);
    if let Some(place) = octets.get_mut(open.0 - LENGTH_OCTETS..open.0) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::response::{Response, ResponseOperation, encode_attribute};

    /// RFC 4511 §4.5.2: what is written is what a client reads, whatever stands before it in the buffer.
    #[test]
    fn entries_are_read_as_they_were_written() {
        let mut ready = Vec::new();
        encode_attribute(&mut ready, "cn", [b"alice".as_slice()].into_iter());
        let long = vec![b'x'; 70_000];
        let mut octets = b"before".to_vec();
        let mut writer =
            EntryWriter::begin(&mut octets, MessageId::new(0x7fff_ffff).unwrap(), b"cn=a");
        writer.ready(&ready);
        writer.attribute("member", [b"cn=b".as_slice(), &long, b""].into_iter());
        writer.attribute("mail", std::iter::empty());
        writer.end();
        let response = Response::decode(octets.strip_prefix(b"before").unwrap()).unwrap();
        assert_eq!(response.id.get(), 0x7fff_ffff);
        let ResponseOperation::Entry(entry) = response.operation else { panic!("no entry") };
        assert_eq!(entry.dn, "cn=a");
        assert_eq!(entry.values("cn"), [b"alice".to_vec()]);
        assert_eq!(entry.values("member"), [b"cn=b".to_vec(), long, Vec::new()]);
        assert_eq!(entry.attributes[2].description, "mail");
        assert!(entry.attributes[2].values.is_empty());
    }
}
