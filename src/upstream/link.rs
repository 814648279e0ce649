//! `[io]` One connection to a controller: one request at a time, under message ids of our own.
//!
//! A link never recovers: after any error it is dropped. Whether a request may have reached the
//! controller is known exactly, because the octets that the kernel took are counted below TLS.

use std::io;
use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::error::{LinkError, Step};
use super::outcome::{self, Verdict, describe};
use super::stream::{CountedStream, Stream};
use crate::certificate::CertificateFacts;
use crate::ldap::ber::Writer;
use crate::ldap::control::Control;
use crate::ldap::entry::Entry;
use crate::ldap::frame::complete_length;
use crate::ldap::message::{MessageId, operation_tag};
use crate::ldap::request::{
    START_TLS, SearchRequest, write_extended, write_search, write_simple_bind, write_unbind,
};
use crate::ldap::response::{NOTICE_OF_DISCONNECTION, Response, ResponseOperation};
use crate::ldap::result::{LdapResult, ResultCode};
use crate::ldap::secret::Password;

/// Octets asked of the socket at a time.
const READ_CHUNK: usize = 16 * 1024;
/// Unsolicited notifications of other kinds passed over during one search (RFC 4511 §4.4).
const MAX_UNSOLICITED: u32 = 16;

/// A request that got no usable answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// Whether the kernel took any octet of it. If not, the controller cannot have seen it.
    pub(super) sent: bool,
    pub(super) error: LinkError,
}

/// The end of a search.
#[derive(Debug)]
pub(super) struct SearchDone {
    pub(super) result: LdapResult,
    /// Content of the `[0] Controls` element; empty if there was none.
    pub(super) controls: Vec<u8>,
}

/// One connection.
pub(super) struct Link {
    stream: Stream,
    received: BytesMut,
    max_message: usize,
    last_id: MessageId,
}

impl Link {
    pub(super) fn new(stream: Stream, max_message: usize) -> Self {
        Self { stream, received: BytesMut::new(), max_message, last_id: MessageId::UNSOLICITED }
    }

    /// Sends a simple bind and reads what it means. `Err` is an answer that never came.
    pub(super) async fn bind(
        &mut self,
        name: &[u8],
        password: &Password,
        controls: &[Control],
        deadline: Instant,
    ) -> Result<Verdict, Unanswered> {
        let id = self.next_id();
        // Room enough that the buffer is never moved and so leaves no copy of the password.
        let mut room = 128 + name.len() + password.expose().len();
        room += controls.iter().map(control_room).sum::<usize>();
        let mut writer = Writer::append_to(Vec::with_capacity(room));
        write_simple_bind(&mut writer, id, name, password, controls);
        let request = Zeroizing::new(writer.into_octets());
        self.send(&request, deadline).await?;
        match self.receive(deadline).await {
            Ok(message) => Ok(outcome::judge(id, &message)),
            Err(error) => Err(Unanswered { sent: true, error }),
        }
    }

    /// Runs one search; `each` gets every entry as it comes, references are dropped.
    pub(super) async fn search(
        &mut self,
        search: &SearchRequest,
        controls: &[Control],
        deadline: Instant,
        mut each: impl FnMut(Entry) + Send,
    ) -> Result<SearchDone, LinkError> {
        let id = self.next_id();
        let mut writer = Writer::new();
        write_search(&mut writer, id, search, controls);
        let request = writer.into_octets();
        self.send(&request, deadline).await.map_err(|unanswered| unanswered.error)?;
        let mut unsolicited = 0;
        loop {
            let response = decode(&self.receive(deadline).await?)?;
            if response.id == MessageId::UNSOLICITED {
                pass_over(response, &mut unsolicited)?;
                continue;
            }
            if response.id != id {
                return Err(protocol(format!("an answer to message {}, not ours", response.id)));
            }
            match response.operation {
                ResponseOperation::Entry(entry) => each(entry),
                ResponseOperation::Reference | ResponseOperation::Intermediate => {}
                ResponseOperation::Done { tag, result, .. } => {
                    let right_type = tag == operation_tag::SEARCH_RESULT_DONE;
                    // Samba refuses a critical control in an extended response.
                    if !right_type && result.code == ResultCode::SUCCESS {
                        return Err(protocol(format!("an answer of type 0x{tag:02x} to a search")));
                    }
                    return Ok(SearchDone { result, controls: response.controls });
                }
            }
        }
    }

    /// Asks for TLS (RFC 4511 §4.14). Nothing may come between the answer and the handshake.
    pub(super) async fn start_tls(&mut self, deadline: Instant) -> Result<(), LinkError> {
        let refuse = |reason: String| LinkError::new(Step::StartTls, reason);
        let id = self.next_id();
        let mut writer = Writer::new();
        write_extended(&mut writer, id, START_TLS, None);
        let request = writer.into_octets();
        self.send(&request, deadline)
            .await
            .map_err(|unanswered| refuse(unanswered.error.reason))?;
        let message = self.receive(deadline).await.map_err(|error| refuse(error.reason))?;
        let response = decode(&message).map_err(|error| refuse(error.reason))?;
        let ResponseOperation::Done { tag, result, .. } = response.operation else {
            return Err(refuse("not an answer to StartTLS".to_owned()));
        };
        if response.id != id || tag != operation_tag::EXTENDED_RESPONSE {
            return Err(refuse("not an answer to StartTLS".to_owned()));
        }
        if result.code != ResultCode::SUCCESS {
            return Err(refuse(format!("the controller refuses it: {}", describe(&result))));
        }
        Ok(())
    }

    /// The stream below, for a handshake. Octets that came in clear before it would be taken for
    /// protected ones, so they are refused.
    pub(super) fn into_unread_stream(self) -> Result<CountedStream, LinkError> {
        match self.stream {
            Stream::Plain(stream) if self.received.is_empty() => Ok(stream),
            Stream::Plain(_) | Stream::Tls(_) => Err(LinkError::new(
                Step::StartTls,
                "the controller sent more in clear before the handshake",
            )),
        }
    }

    /// Whether the link can carry another request: still open, and nothing came that was not asked
    /// for. More than one answer to one request is a reason not to trust it.
    pub(super) fn is_quiet(&mut self) -> bool {
        if !self.received.is_empty() {
            return false;
        }
        // TLS messages that need no attention (session tickets) are taken in by this read.
        let mut octet = [0_u8; 1];
        if self.stream.read(&mut octet).now_or_never().is_some() {
            return false;
        }
        // The runtime may not have heard yet what the kernel knows.
        let mut octet = [MaybeUninit::uninit(); 1];
        match SockRef::from(self.stream.socket()).peek(&mut octet) {
            Ok(_) => false,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// What the controller's certificate says; `None` without TLS.
    pub(super) fn peer_certificate(&self) -> Option<CertificateFacts> {
        CertificateFacts::read(&self.stream.peer_certificate()?).ok()
    }

    /// Says goodbye (RFC 4511 §4.3); the controller may be gone already.
    pub(super) async fn close(mut self, deadline: Instant) {
        let mut writer = Writer::new();
        write_unbind(&mut writer, self.next_id());
        let request = writer.into_octets();
        if self.send(&request, deadline).await.is_ok() {
            let _ = timeout_at(deadline, self.stream.shutdown()).await;
        }
    }

    fn next_id(&mut self) -> MessageId {
        let next = MessageId::new(self.last_id.get() + 1).or(MessageId::new(1));
        self.last_id = next.unwrap_or(self.last_id);
        self.last_id
    }

    async fn send(&mut self, request: &[u8], deadline: Instant) -> Result<(), Unanswered> {
        let before = self.stream.octets_taken();
        let sending = async {
            self.stream.write_all(request).await?;
            self.stream.flush().await
        };
        let error = match timeout_at(deadline, sending).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => lost(&error),
            Err(_) => timed_out(),
        };
        Err(Unanswered { sent: self.stream.octets_taken() != before, error })
    }

    async fn receive(&mut self, deadline: Instant) -> Result<Bytes, LinkError> {
        loop {
            match complete_length(&self.received, self.max_message) {
                Ok(Some(length)) => return Ok(self.received.split_to(length).freeze()),
                Ok(None) => {}
                Err(error) => return Err(protocol(error.to_string())),
            }
            self.received.reserve(READ_CHUNK);
            match timeout_at(deadline, self.stream.read_buf(&mut self.received)).await {
                Ok(Ok(0)) => return Err(lost(&io::ErrorKind::UnexpectedEof.into())),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(lost(&error)),
                Err(_) => return Err(timed_out()),
            }
        }
    }
}

fn control_room(control: &Control) -> usize {
    32 + control.oid.len() + control.value.as_ref().map_or(0, Vec::len)
}

fn decode(message: &[u8]) -> Result<Response, LinkError> {
    Response::decode(message).map_err(|error| protocol(format!("malformed answer: {error}")))
}

/// Other notifications than the notice of disconnection are to be ignored (RFC 4511 §4.4). Active
/// Directory's notice may come without its name.
fn pass_over(response: Response, count: &mut u32) -> Result<(), LinkError> {
    let ResponseOperation::Done { result, name, .. } = response.operation else {
        return Err(protocol("search data under message id 0".to_owned()));
    };
    if name.is_none_or(|name| name == NOTICE_OF_DISCONNECTION) {
        let text = describe(&result);
        let reason = format!("the controller ends the connection: {text}");
        return Err(LinkError::new(Step::Connect, reason));
    }
    *count += 1;
    if *count > MAX_UNSOLICITED {
        return Err(protocol("too many unsolicited notifications".to_owned()));
    }
    Ok(())
}

fn protocol(reason: String) -> LinkError {
    LinkError::new(Step::Protocol, reason)
}

fn lost(error: &io::Error) -> LinkError {
    // Under TLS an end without goodbye is an error of its own, with a lengthy text.
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return LinkError::new(Step::Connect, "the controller closed the connection");
    }
    LinkError::new(Step::Connect, format!("connection lost: {error}"))
}

fn timed_out() -> LinkError {
    LinkError::new(Step::Timeout, "no answer in time")
}
