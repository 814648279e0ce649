//! The LDAPMessage envelope (RFC 4511 §4.1.1): message id, one operation, controls.
//!
//! The envelope is opened before the operation is looked at, so that a broken operation can still be
//! answered under its own message id.

use std::fmt;

use super::ber::{self, BerError, Element, Reader, Writer, tag};
use super::control::CONTROLS_TAG;

/// A message id, `0..=2^31-1`; clients use 1 and above, 0 is the server's own (unsolicited).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(u32);

impl MessageId {
    /// The id of unsolicited notifications (RFC 4511 §4.4).
    pub const UNSOLICITED: Self = Self(0);

    /// An id, if it is in range.
    #[must_use]
    pub const fn new(id: u32) -> Option<Self> {
        if id <= i32::MAX as u32 { Some(Self(id)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Reads the content octets of an INTEGER as an id.
    ///
    /// # Errors
    /// Negative or above 2^31-1.
    pub fn read(content: &[u8]) -> Result<Self, BerError> {
        let id = u32::try_from(ber::integer(content)?).map_err(|_| BerError::IntegerRange)?;
        Self::new(id).ok_or(BerError::IntegerRange)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Application tags of the protocol operations (RFC 4511 §4.2 to §4.14).
pub mod operation_tag {
    /// BindRequest.
    pub const BIND_REQUEST: u8 = 0x60;
    /// BindResponse.
    pub const BIND_RESPONSE: u8 = 0x61;
    /// UnbindRequest.
    pub const UNBIND_REQUEST: u8 = 0x42;
    /// SearchRequest.
    pub const SEARCH_REQUEST: u8 = 0x63;
    /// SearchResultEntry.
    pub const SEARCH_RESULT_ENTRY: u8 = 0x64;
    /// SearchResultDone.
    pub const SEARCH_RESULT_DONE: u8 = 0x65;
    /// SearchResultReference.
    pub const SEARCH_RESULT_REFERENCE: u8 = 0x73;
    /// ModifyRequest.
    pub const MODIFY_REQUEST: u8 = 0x66;
    /// ModifyResponse.
    pub const MODIFY_RESPONSE: u8 = 0x67;
    /// AddRequest.
    pub const ADD_REQUEST: u8 = 0x68;
    /// AddResponse.
    pub const ADD_RESPONSE: u8 = 0x69;
    /// DelRequest.
    pub const DELETE_REQUEST: u8 = 0x4a;
    /// DelResponse.
    pub const DELETE_RESPONSE: u8 = 0x6b;
    /// ModifyDNRequest.
    pub const MODIFY_DN_REQUEST: u8 = 0x6c;
    /// ModifyDNResponse.
    pub const MODIFY_DN_RESPONSE: u8 = 0x6d;
    /// CompareRequest.
    pub const COMPARE_REQUEST: u8 = 0x6e;
    /// CompareResponse.
    pub const COMPARE_RESPONSE: u8 = 0x6f;
    /// AbandonRequest.
    pub const ABANDON_REQUEST: u8 = 0x50;
    /// ExtendedRequest.
    pub const EXTENDED_REQUEST: u8 = 0x77;
    /// ExtendedResponse.
    pub const EXTENDED_RESPONSE: u8 = 0x78;
    /// IntermediateResponse.
    pub const INTERMEDIATE_RESPONSE: u8 = 0x79;
}

/// An opened message: its parts still encoded.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// The message id.
    pub id: MessageId,
    /// The operation with its application tag.
    pub operation: Element<'a>,
    /// The content of the `[0] Controls` element, if there is one.
    pub controls: Option<&'a [u8]>,
}

impl<'a> Envelope<'a> {
    /// Opens one complete message.
    ///
    /// # Errors
    /// The SEQUENCE, the message id or the outer structure is broken: RFC 4511 §4.1.1 asks for a
    /// notice of disconnection then.
    pub fn open(message: &'a [u8]) -> Result<Self, BerError> {
        let mut outer = Reader::new(message);
        let mut fields = outer.nested(tag::SEQUENCE)?;
        outer.finish()?;
        let id = MessageId::read(fields.expect(tag::INTEGER)?)?;
        let operation = fields.element()?;
        let controls = fields.optional(CONTROLS_TAG)?;
        fields.finish()?;
        Ok(Self { id, operation, controls })
    }

    /// Opens one complete message from a controller. Active Directory writes a notice of
    /// disconnection with its response name outside the operation; what follows the operation and
    /// is not the controls is passed over here.
    ///
    /// # Errors
    /// As [`Envelope::open`], without the complaint about trailing elements.
    pub fn open_lenient(message: &'a [u8]) -> Result<Self, BerError> {
        let mut outer = Reader::new(message);
        let mut fields = outer.nested(tag::SEQUENCE)?;
        outer.finish()?;
        let id = MessageId::read(fields.expect(tag::INTEGER)?)?;
        let operation = fields.element()?;
        let mut controls = None;
        while !fields.is_empty() {
            let element = fields.element()?;
            if element.tag == CONTROLS_TAG {
                controls = Some(element.content);
            }
        }
        Ok(Self { id, operation, controls })
    }
}

/// Appends a whole message: `operation` writes the protocol operation, `controls` is the content of
/// the `[0] Controls` element (empty: none).
pub fn write_message(
    writer: &mut Writer,
    id: MessageId,
    operation: impl FnOnce(&mut Writer),
    controls: &[u8],
) {
    writer.constructed(tag::SEQUENCE, |w| {
        w.integer(i64::from(id.get()));
        operation(w);
        if !controls.is_empty() {
            w.element(CONTROLS_TAG, controls);
        }
    });
}
