//! Protocol operations that clients send (RFC 4511 §4.2 to §4.14), decoded for the session and encoded
//! for the upstream link.

use std::sync::Arc;

use thiserror::Error;

use super::attribute::AttributeDescription;
use super::attribute_list::AttributeList;
use super::ber::{self, BerError, Element, Reader, Writer, tag};
use super::control::{Control, ControlFault};
use super::filter::{Filter, FilterError};
use super::message::{Envelope, MessageId, operation_tag, write_message};
use super::secret::Password;

/// The object identifier of StartTLS (RFC 4511 §4.14).
pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// The object identifier of Who Am I (RFC 4532).
pub const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";
/// The object identifier of Password Modify (RFC 3062).
pub const PASSWORD_MODIFY: &str = "1.3.6.1.4.1.4203.1.11.1";
/// The object identifier of Cancel (RFC 3909).
pub const CANCEL: &str = "1.3.6.1.1.8";

/// Most attribute descriptions read from one search request.
pub const MAX_REQUESTED_ATTRIBUTES: usize = 1024;

/// Which request an operation is; the answer must be of the matching type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// Bind (§4.2).
    Bind,
    /// Unbind (§4.3), never answered.
    Unbind,
    /// Search (§4.5).
    Search,
    /// Modify (§4.6).
    Modify,
    /// Add (§4.7).
    Add,
    /// Delete (§4.8).
    Delete,
    /// Modify DN (§4.9).
    ModifyDn,
    /// Compare (§4.10).
    Compare,
    /// Abandon (§4.11), never answered.
    Abandon,
    /// Extended (§4.12).
    Extended,
}

impl OperationKind {
    /// The request whose application tag this is.
    #[must_use]
    pub const fn of_request_tag(tag: u8) -> Option<Self> {
        Some(match tag {
            operation_tag::BIND_REQUEST => Self::Bind,
            operation_tag::UNBIND_REQUEST => Self::Unbind,
            operation_tag::SEARCH_REQUEST => Self::Search,
            operation_tag::MODIFY_REQUEST => Self::Modify,
            operation_tag::ADD_REQUEST => Self::Add,
            operation_tag::DELETE_REQUEST => Self::Delete,
            operation_tag::MODIFY_DN_REQUEST => Self::ModifyDn,
            operation_tag::COMPARE_REQUEST => Self::Compare,
            operation_tag::ABANDON_REQUEST => Self::Abandon,
            operation_tag::EXTENDED_REQUEST => Self::Extended,
            _ => return None,
        })
    }

    /// The application tag of the one terminal answer; `None` for requests that have none.
    #[must_use]
    pub const fn response_tag(self) -> Option<u8> {
        Some(match self {
            Self::Bind => operation_tag::BIND_RESPONSE,
            Self::Search => operation_tag::SEARCH_RESULT_DONE,
            Self::Modify => operation_tag::MODIFY_RESPONSE,
            Self::Add => operation_tag::ADD_RESPONSE,
            Self::Delete => operation_tag::DELETE_RESPONSE,
            Self::ModifyDn => operation_tag::MODIFY_DN_RESPONSE,
            Self::Compare => operation_tag::COMPARE_RESPONSE,
            Self::Extended => operation_tag::EXTENDED_RESPONSE,
            Self::Unbind | Self::Abandon => return None,
        })
    }

    /// The name for logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Unbind => "unbind",
            Self::Search => "search",
            Self::Modify => "modify",
            Self::Add => "add",
            Self::Delete => "delete",
            Self::ModifyDn => "modifyDN",
            Self::Compare => "compare",
            Self::Abandon => "abandon",
            Self::Extended => "extended",
        }
    }
}

/// A bind (RFC 4511 §4.2). Not `Debug`: it holds a password.
pub struct BindRequest {
    /// The protocol version; 2 and 3 are served.
    pub version: i64,
    /// The name, octets as sent.
    pub name: Vec<u8>,
    /// How the client authenticates.
    pub authentication: Authentication,
}

/// The authentication choice of a bind.
pub enum Authentication {
    /// A name and a password in clear.
    Simple(Password),
    /// A SASL exchange.
    Sasl {
        /// The mechanism's name.
        mechanism: String,
    },
    /// A choice outside RFC 4511; Windows' Sicily binds use tags 0x89 to 0x8b.
    Other(u8),
}

/// The scope of a search (RFC 4511 §4.5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchScope {
    /// The base entry alone.
    BaseObject,
    /// The entries directly below the base.
    SingleLevel,
    /// The base and everything below.
    WholeSubtree,
    /// Everything below the base without the base (draft-sermersheim-ldap-subordinate-scope).
    SubordinateSubtree,
}

impl SearchScope {
    const fn number(self) -> i64 {
        match self {
            Self::BaseObject => 0,
            Self::SingleLevel => 1,
            Self::WholeSubtree => 2,
            Self::SubordinateSubtree => 3,
        }
    }
}

/// A search (RFC 4511 §4.5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRequest {
    /// The base object, text as sent.
    pub base: String,
    /// The scope.
    pub scope: SearchScope,
    /// Alias handling, 0 to 3; there are no aliases, so every value means the same.
    pub deref_aliases: u8,
    /// Most entries wanted; 0 for no limit of the client's.
    pub size_limit: u32,
    /// Most seconds wanted; 0 for no limit of the client's.
    pub time_limit: u32,
    /// Names without values.
    pub types_only: bool,
    /// The filter.
    pub filter: Filter,
    /// The attribute descriptions asked for, as sent; empty for all user attributes.
    pub attributes: AttributeList,
}

/// A comparison (RFC 4511 §4.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompareRequest {
    /// The entry's name, text as sent.
    pub entry: String,
    /// The attribute to look at.
    pub attribute: AttributeDescription,
    /// The asserted value.
    pub value: Vec<u8>,
}

/// An extended request (RFC 4511 §4.12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedRequest {
    /// The object identifier of the operation.
    pub name: String,
    /// The value, undecoded.
    pub value: Option<Vec<u8>>,
}

/// A decoded operation.
pub enum Operation {
    /// Bind.
    Bind(BindRequest),
    /// Unbind.
    Unbind,
    /// Search; shared with the work and the cursor that come of it.
    Search(Arc<SearchRequest>),
    /// Compare.
    Compare(CompareRequest),
    /// Abandon of an earlier request.
    Abandon(MessageId),
    /// Extended.
    Extended(ExtendedRequest),
    /// Modify, Add, Delete or Modify DN of the named entry: recognised, refused, logged.
    Write {
        /// Which of the four.
        kind: OperationKind,
        /// The entry's name, text as sent.
        entry: String,
    },
}

impl Operation {
    /// Which request it is.
    #[must_use]
    pub const fn kind(&self) -> OperationKind {
        match self {
            Self::Bind(_) => OperationKind::Bind,
            Self::Unbind => OperationKind::Unbind,
            Self::Search(_) => OperationKind::Search,
            Self::Compare(_) => OperationKind::Compare,
            Self::Abandon(_) => OperationKind::Abandon,
            Self::Extended(_) => OperationKind::Extended,
            Self::Write { kind, .. } => *kind,
        }
    }
}

/// A decoded request.
pub struct Request {
    /// Its message id, never 0.
    pub id: MessageId,
    /// What is asked.
    pub operation: Operation,
    /// The request controls.
    pub controls: Vec<Control>,
}

/// Why octets are not a request, and what RFC 4511 §4.1.1 wants done about it.
#[derive(Debug, Error)]
pub enum RequestError {
    /// The envelope is broken or the operation is not a request: notice of disconnection.
    #[error("not an LDAP request: {0}")]
    Session(SessionFault),
    /// The operation is broken: `protocolError` in an answer of its own type.
    #[error("malformed {} request: {fault}", kind.name())]
    Operation {
        /// The request's message id.
        id: MessageId,
        /// The request's type.
        kind: OperationKind,
        /// What is wrong with it.
        fault: OperationFault,
    },
}

/// What ends a session.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SessionFault {
    /// The envelope cannot be opened.
    #[error("{0}")]
    Envelope(#[from] BerError),
    /// Message id 0 in a request (RFC 4511 §4.1.1.1 reserves it).
    #[error("message id 0 is reserved for the server")]
    MessageIdZero,
    /// The operation's tag is not that of a request.
    #[error("operation tag 0x{0:02x} is not a request")]
    UnknownOperation(u8),
}

/// What is wrong with one operation.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum OperationFault {
    /// Broken BER inside the operation or its controls.
    #[error("{0}")]
    Ber(#[from] BerError),
    /// Broken controls.
    #[error("{0}")]
    Controls(#[from] ControlFault),
    /// An enumerated or limited field is outside its range.
    #[error("{0} is out of range")]
    Range(&'static str),
    /// The filter is broken.
    #[error("filter: {0}")]
    Filter(#[from] FilterError),
    /// A text field is not UTF-8.
    #[error("{0} is not UTF-8")]
    NotUtf8(&'static str),
    /// An attribute description is not one.
    #[error("{0:?} is not an attribute description")]
    AttributeDescription(String),
}

impl Request {
    /// Decodes one complete message.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn decode(message: &[u8]) -> Result<Self, RequestError> {
        let session = |fault| RequestError::Session(fault);
        let envelope = Envelope::open(message).map_err(|e| session(e.into()))?;
        let tag = envelope.operation.tag;
        let kind = OperationKind::of_request_tag(tag)
            .ok_or_else(|| session(SessionFault::UnknownOperation(tag)))?;
        let id = envelope.id;
        if id == MessageId::UNSOLICITED {
            return Err(session(SessionFault::MessageIdZero));
        }
        let broken = |fault| RequestError::Operation { id, kind, fault };
        let operation = decode_operation(kind, envelope.operation).map_err(broken)?;
        let controls = match envelope.controls {
            Some(content) => Control::read_all(content).map_err(|e| broken(e.into()))?,
            None => Vec::new(),
        };
        Ok(Self { id, operation, controls })
    }
}

fn decode_operation(
    kind: OperationKind,
    element: Element<'_>,
) -> Result<Operation, OperationFault> {
    let fields = Reader::new(element.content);
    Ok(match kind {
        OperationKind::Bind => Operation::Bind(decode_bind(fields)?),
        OperationKind::Unbind => Operation::Unbind,
        OperationKind::Search => Operation::Search(Arc::new(decode_search(fields)?)),
        OperationKind::Compare => Operation::Compare(decode_compare(fields)?),
        OperationKind::Abandon => Operation::Abandon(MessageId::read(element.content)?),
        OperationKind::Extended => Operation::Extended(decode_extended(fields)?),
        OperationKind::Delete => Operation::Write { kind, entry: text(element.content, "entry")? },
        OperationKind::Modify | OperationKind::Add | OperationKind::ModifyDn => {
            let mut fields = fields;
            Operation::Write { kind, entry: text(fields.octet_string()?, "entry")? }
        }
    })
}

fn decode_bind(mut fields: Reader<'_>) -> Result<BindRequest, OperationFault> {
    let version = fields.integer()?;
    let name = fields.octet_string()?.to_vec();
    let choice = fields.element()?;
    fields.finish()?;
    let authentication = match choice.tag {
        0x80 => Authentication::Simple(Password::copy_from(choice.content)),
        0xa3 => {
            let mut sasl = Reader::new(choice.content);
            let mechanism = text(sasl.octet_string()?, "SASL mechanism")?;
            sasl.optional(tag::OCTET_STRING)?;
            sasl.finish()?;
            Authentication::Sasl { mechanism }
        }
        other => Authentication::Other(other),
    };
    Ok(BindRequest { version, name, authentication })
}

fn decode_search(mut fields: Reader<'_>) -> Result<SearchRequest, OperationFault> {
    let base = text(fields.octet_string()?, "base object")?;
    let scope = match fields.enumerated()? {
        0 => SearchScope::BaseObject,
        1 => SearchScope::SingleLevel,
        2 => SearchScope::WholeSubtree,
        3 => SearchScope::SubordinateSubtree,
        _ => return Err(OperationFault::Range("scope")),
    };
    let deref_aliases = match u8::try_from(fields.enumerated()?) {
        Ok(value @ 0..=3) => value,
        _ => return Err(OperationFault::Range("derefAliases")),
    };
    let size_limit = limit(fields.integer()?, "sizeLimit")?;
    let time_limit = limit(fields.integer()?, "timeLimit")?;
    let types_only = fields.boolean()?;
    let filter = Filter::read(&mut fields)?;
    let attributes = decode_attributes(fields.nested(tag::SEQUENCE)?)?;
    fields.finish()?;
    Ok(SearchRequest {
        base,
        scope,
        deref_aliases,
        size_limit,
        time_limit,
        types_only,
        filter,
        attributes,
    })
}

fn decode_attributes(mut list: Reader<'_>) -> Result<AttributeList, OperationFault> {
    let mut attributes = AttributeList::with_room(list.rest().len());
    let mut left = MAX_REQUESTED_ATTRIBUTES;
    while !list.is_empty() {
        left = left.checked_sub(1).ok_or(OperationFault::Range("number of attributes"))?;
        attributes.push(utf8(list.octet_string()?, "attribute description")?);
    }
    Ok(attributes)
}

fn decode_compare(mut fields: Reader<'_>) -> Result<CompareRequest, OperationFault> {
    let entry = text(fields.octet_string()?, "entry")?;
    let mut assertion = fields.nested(tag::SEQUENCE)?;
    fields.finish()?;
    let description = text(assertion.octet_string()?, "attribute description")?;
    let value = assertion.octet_string()?.to_vec();
    assertion.finish()?;
    let attribute = AttributeDescription::parse(&description)
        .ok_or(OperationFault::AttributeDescription(description))?;
    Ok(CompareRequest { entry, attribute, value })
}

fn decode_extended(mut fields: Reader<'_>) -> Result<ExtendedRequest, OperationFault> {
    let name = text(fields.expect(0x80)?, "request name")?;
    let value = fields.optional(0x81)?.map(<[u8]>::to_vec);
    fields.finish()?;
    Ok(ExtendedRequest { name, value })
}

fn text(octets: &[u8], field: &'static str) -> Result<String, OperationFault> {
    utf8(octets, field).map(str::to_owned)
}

fn utf8<'a>(octets: &'a [u8], field: &'static str) -> Result<&'a str, OperationFault> {
    std::str::from_utf8(octets).map_err(|_| OperationFault::NotUtf8(field))
}

fn limit(value: i64, field: &'static str) -> Result<u32, OperationFault> {
    i32::try_from(value)
        .ok()
        .and_then(|value| u32::try_from(value).ok())
        .ok_or(OperationFault::Range(field))
}

/// Encodes a simple bind with version 3.
pub fn write_simple_bind(
    writer: &mut Writer,
    id: MessageId,
    name: &[u8],
    password: &Password,
    controls: &[Control],
) {
    write_with_controls(writer, id, controls, |w| {
        w.constructed(operation_tag::BIND_REQUEST, |w| {
            w.integer(3);
            w.octet_string(name);
            w.element(0x80, password.expose());
        });
    });
}

/// Encodes a search.
pub fn write_search(
    writer: &mut Writer,
    id: MessageId,
    search: &SearchRequest,
    controls: &[Control],
) {
    write_with_controls(writer, id, controls, |w| {
        w.constructed(operation_tag::SEARCH_REQUEST, |w| {
            w.octet_string(search.base.as_bytes());
            w.enumerated(search.scope.number());
            w.enumerated(i64::from(search.deref_aliases));
            w.integer(i64::from(search.size_limit));
            w.integer(i64::from(search.time_limit));
            w.boolean(search.types_only);
            search.filter.write(w);
            search.attributes.write(w);
        });
    });
}

/// Encodes an extended request.
pub fn write_extended(writer: &mut Writer, id: MessageId, name: &str, value: Option<&[u8]>) {
    write_with_controls(writer, id, &[], |w| {
        w.constructed(operation_tag::EXTENDED_REQUEST, |w| {
            w.element(0x80, name.as_bytes());
            if let Some(value) = value {
                w.element(0x81, value);
            }
        });
    });
}

/// Encodes an unbind.
pub fn write_unbind(writer: &mut Writer, id: MessageId) {
    write_with_controls(writer, id, &[], |w| w.element(operation_tag::UNBIND_REQUEST, &[]));
}

fn write_with_controls(
    writer: &mut Writer,
    id: MessageId,
    controls: &[Control],
    operation: impl FnOnce(&mut Writer),
) {
    let mut encoded = Writer::new();
    for control in controls {
        control.write(&mut encoded);
    }
    write_message(writer, id, operation, encoded.octets());
}

/// Reads a result code number, which must not be negative.
///
/// # Errors
/// Negative or beyond 32 bits.
pub fn result_code(content: &[u8]) -> Result<u32, BerError> {
    u32::try_from(ber::integer(content)?).map_err(|_| BerError::IntegerRange)
}
