//! Answers: encoded for clients, decoded from controllers (RFC 4511 §4.1.9, §4.2.2, §4.5.2, §4.12).
//!
//! Entries are written from values that are already encoded, so an entry costs one copy.

use super::ber::{self, BerError, Element, Reader, Writer, tag};
use super::control::Control;
use super::entry::Entry;
use super::message::{Envelope, MessageId, operation_tag, write_message};
use super::packed_entry::PackedEntry;
use super::result::{LdapResult, ResultCode};

/// The response name of a notice of disconnection (RFC 4511 §4.4.1).
pub const NOTICE_OF_DISCONNECTION: &str = "1.3.6.1.4.1.1466.20036";

/// The components a response may carry besides its LDAPResult.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'a> {
    /// The response name of an extended response.
    pub name: Option<&'a str>,
    /// The response value of an extended response.
    pub value: Option<&'a [u8]>,
    /// The content of the `[0] Controls` element, encoded; empty for none.
    pub controls: &'a [u8],
}

/// Appends a terminal answer with the application tag `response_tag`.
pub fn write_result(
    writer: &mut Writer,
    id: MessageId,
    response_tag: u8,
    result: &LdapResult,
    extras: Extras<'_>,
) {
    let body = |w: &mut Writer| {
        w.constructed(response_tag, |w| {
            w.enumerated(i64::from(result.code.0));
            w.octet_string(&result.matched_dn);
            w.octet_string(&result.diagnostic_message);
            if let Some(name) = extras.name {
                w.element(0x8a, name.as_bytes());
            }
            if let Some(value) = extras.value {
                w.element(0x8b, value);
            }
        });
    };
    write_message(writer, id, body, extras.controls);
}

/// Appends a notice of disconnection (RFC 4511 §4.4.1).
pub fn write_notice_of_disconnection(writer: &mut Writer, code: ResultCode, text: &str) {
    write_result(
        writer,
        MessageId::UNSOLICITED,
        operation_tag::EXTENDED_RESPONSE,
        &LdapResult::new(code, text),
        Extras { name: Some(NOTICE_OF_DISCONNECTION), ..Extras::default() },
    );
}

/// Appends a search result entry. Each item of `attributes` is one PartialAttribute, encoded
/// (see [`encode_attribute`]).
pub fn write_entry<'a>(
    octets: &mut Vec<u8>,
    id: MessageId,
    dn: &[u8],
    attributes: impl Iterator<Item = &'a [u8]> + Clone,
) {
    let list: usize = attributes.clone().map(<[u8]>::len).sum();
    let list_element = 1 + ber::length_of_length(list) + list;
    let dn_element = 1 + ber::length_of_length(dn.len()) + dn.len();
    let operation = dn_element + list_element;
    let mut id_writer = Writer::new();
    id_writer.integer(i64::from(id.get()));
    let id = id_writer.octets();
    let message = id.len() + 1 + ber::length_of_length(operation) + operation;

    octets.reserve(message + 6);
    octets.push(tag::SEQUENCE);
    ber::write_length(octets, message);
    octets.extend_from_slice(id);
    octets.push(operation_tag::SEARCH_RESULT_ENTRY);
    ber::write_length(octets, operation);
    octets.push(tag::OCTET_STRING);
    ber::write_length(octets, dn.len());
    octets.extend_from_slice(dn);
    octets.push(tag::SEQUENCE);
    ber::write_length(octets, list);
    for attribute in attributes {
        octets.extend_from_slice(attribute);
    }
}

/// Appends one PartialAttribute: the description and the set of values (RFC 4511 §4.1.7).
pub fn encode_attribute<'a>(
    octets: &mut Vec<u8>,
    description: &str,
    values: impl Iterator<Item = &'a [u8]> + Clone,
) {
    let element = |length: usize| 1 + ber::length_of_length(length) + length;
    let set: usize = values.clone().map(|value| element(value.len())).sum();
    let total = element(description.len()) + element(set);
    octets.reserve(element(total));
    octets.push(tag::SEQUENCE);
    ber::write_length(octets, total);
    octets.push(tag::OCTET_STRING);
    ber::write_length(octets, description.len());
    octets.extend_from_slice(description.as_bytes());
    octets.push(tag::SET);
    ber::write_length(octets, set);
    for value in values {
        octets.push(tag::OCTET_STRING);
        ber::write_length(octets, value.len());
        octets.extend_from_slice(value);
    }
}

/// What a controller answered to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The request's message id; 0 for an unsolicited notification.
    pub id: MessageId,
    /// What was answered.
    pub operation: ResponseOperation,
    /// The content of the `[0] Controls` element, still encoded; empty if there was none.
    pub controls: Vec<u8>,
}

/// The kinds of answer a controller sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseOperation {
    /// A search result entry.
    Entry(Entry),
    /// A search result reference: recognised so that it can be dropped.
    Reference,
    /// An intermediate response (RFC 4511 §4.13), undecoded.
    Intermediate,
    /// A terminal answer.
    Done {
        /// The application tag of the answer.
        tag: u8,
        /// Code and texts.
        result: LdapResult,
        /// Whether a referral came with it (it is never followed).
        has_referral: bool,
        /// The response name of an extended response.
        name: Option<String>,
    },
}

impl Response {
    /// Decodes one complete message from a controller.
    ///
    /// # Errors
    /// Broken BER, or an operation that is not a response.
    pub fn decode(message: &[u8]) -> Result<Self, BerError> {
        let envelope = Envelope::open_lenient(message)?;
        let operation = match envelope.operation.tag {
            operation_tag::SEARCH_RESULT_ENTRY => {
                ResponseOperation::Entry(PackedEntry::read(envelope.operation.content)?.unpack())
            }
            operation_tag::SEARCH_RESULT_REFERENCE => ResponseOperation::Reference,
            operation_tag::INTERMEDIATE_RESPONSE => ResponseOperation::Intermediate,
            operation_tag::BIND_RESPONSE
            | operation_tag::SEARCH_RESULT_DONE
            | operation_tag::MODIFY_RESPONSE
            | operation_tag::ADD_RESPONSE
            | operation_tag::DELETE_RESPONSE
            | operation_tag::MODIFY_DN_RESPONSE
            | operation_tag::COMPARE_RESPONSE
            | operation_tag::EXTENDED_RESPONSE => read_done(envelope.operation)?,
            found => {
                return Err(BerError::UnexpectedTag {
                    expected: operation_tag::SEARCH_RESULT_DONE,
                    found,
                });
            }
        };
        let controls = envelope.controls.unwrap_or_default().to_vec();
        Ok(Self { id: envelope.id, operation, controls })
    }
}

/// One message of the answer to a search. Entries are many, so they stay in the octets they came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchMessage {
    /// A search result entry.
    Entry {
        /// The entry.
        entry: PackedEntry,
        /// The content of the `[0] Controls` element, still encoded; empty if there was none.
        controls: Vec<u8>,
    },
    /// An intermediate response (RFC 4511 §4.13).
    Intermediate(IntermediateResponse),
    /// A search result reference, the end, or an answer to something else.
    Other(ResponseOperation, Vec<u8>),
}

/// An intermediate response (RFC 4511 §4.13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntermediateResponse {
    /// The response name, an object identifier.
    pub name: Option<String>,
    /// The response value, undecoded.
    pub value: Option<Vec<u8>>,
}

impl SearchMessage {
    /// Decodes one complete message from a controller, with its message id.
    ///
    /// # Errors
    /// Broken BER, or an operation that is not a response.
    pub fn decode(message: &[u8]) -> Result<(MessageId, Self), BerError> {
        let envelope = Envelope::open_lenient(message)?;
        let content = envelope.operation.content;
        let decoded = match envelope.operation.tag {
            operation_tag::SEARCH_RESULT_ENTRY => Self::Entry {
                entry: PackedEntry::read(content)?,
                controls: envelope.controls.unwrap_or_default().to_vec(),
            },
            operation_tag::INTERMEDIATE_RESPONSE => Self::Intermediate(read_intermediate(content)?),
            _ => {
                let response = Response::decode(message)?;
                Self::Other(response.operation, response.controls)
            }
        };
        Ok((envelope.id, decoded))
    }
}

fn read_intermediate(content: &[u8]) -> Result<IntermediateResponse, BerError> {
    let mut fields = Reader::new(content);
    let name = fields.optional(0x80)?;
    let value = fields.optional(0x81)?;
    fields.finish()?;
    Ok(IntermediateResponse {
        name: name.map(|name| String::from_utf8_lossy(name).into_owned()),
        value: value.map(<[u8]>::to_vec),
    })
}

/// Appends an intermediate response.
pub fn write_intermediate(writer: &mut Writer, id: MessageId, response: &IntermediateResponse) {
    let body = |w: &mut Writer| {
        w.constructed(operation_tag::INTERMEDIATE_RESPONSE, |w| {
            if let Some(name) = &response.name {
                w.element(0x80, name.as_bytes());
            }
            if let Some(value) = &response.value {
                w.element(0x81, value);
            }
        });
    };
    write_message(writer, id, body, &[]);
}

/// Appends a search result entry with response controls of its own.
pub fn write_controlled_entry(
    writer: &mut Writer,
    id: MessageId,
    entry: &PackedEntry,
    controls: &[Control],
) {
    let mut encoded = Writer::new();
    controls.iter().for_each(|control| control.write(&mut encoded));
    let body = |w: &mut Writer| w.element(operation_tag::SEARCH_RESULT_ENTRY, entry.octets());
    write_message(writer, id, body, encoded.octets());
}

fn read_done(element: Element<'_>) -> Result<ResponseOperation, BerError> {
    let mut fields = Reader::new(element.content);
    let code = super::request::result_code(fields.expect(tag::ENUMERATED)?)?;
    let matched_dn = fields.octet_string()?.to_vec();
    let diagnostic_message = fields.octet_string()?.to_vec();
    let mut has_referral = false;
    let mut name = None;
    while !fields.is_empty() {
        let part = fields.element()?;
        match part.tag {
            0xa3 => has_referral = true,
            0x8a => name = Some(String::from_utf8_lossy(part.content).into_owned()),
            // Server SASL credentials (0x87), response values (0x8b) and later additions.
            _ => {}
        }
    }
    Ok(ResponseOperation::Done {
        tag: element.tag,
        result: LdapResult { code: ResultCode(code), matched_dn, diagnostic_message },
        has_referral,
        name,
    })
}
