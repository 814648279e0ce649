//! `[io]` One connection to a controller: one request at a time, under message ids of our own.
//!
//! A link never recovers: after any error it is dropped. Whether a request may have reached the
//! controller is known exactly, because the octets that the kernel took are counted below TLS.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::FutureExt;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use zeroize::{Zeroize, Zeroizing};

use super::alarm::Alarm;
use super::error::{LinkError, Step};
use super::outcome::{self, Verdict, describe};
use super::stream::{CountedStream, Stream};
use crate::certificate::CertificateFacts;
use crate::ldap::ber::{BerError, Writer};
use crate::ldap::control::Control;
use crate::ldap::frame::complete_length;
use crate::ldap::message::{MessageId, operation_tag};
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::request::{
    START_TLS, SearchRequest, write_extended, write_search, write_simple_bind, write_unbind,
};
use crate::ldap::response::{
    IntermediateResponse, NOTICE_OF_DISCONNECTION, Response, ResponseOperation, SearchMessage,
};
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

/// One part of the answer to a search; references are dropped.
#[derive(Debug)]
pub(super) enum SearchPart {
    /// An entry, with the content of its own `[0] Controls` element; empty if there was none.
    Entry { entry: PackedEntry, controls: Vec<u8> },
    /// An intermediate response.
    Intermediate(IntermediateResponse),
    /// The end.
    Done(SearchDone),
}

/// One connection.
pub(super) struct Link {
    stream: Stream,
    received: BytesMut,
    /// Binds are encoded here; empty and overwritten between them.
    bind_request: Zeroizing<Vec<u8>>,
    alarm: Alarm,
    max_message: usize,
    last_id: MessageId,
}

impl Link {
    pub(super) fn new(stream: Stream, max_message: usize) -> Self {
        Self {
            stream,
            received: BytesMut::new(),
            bind_request: Zeroizing::default(),
            alarm: Alarm::default(),
            max_message,
            last_id: MessageId::UNSOLICITED,
        }
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
        let mut request = std::mem::take(&mut *self.bind_request);
        // Room enough that the buffer is never moved and so leaves no copy of the password.
        let mut room = 128 + name.len() + password.expose().len();
        room += controls.iter().map(control_room).sum::<usize>();
        request.reserve(room);
        let mut writer = Writer::append_to(request);
        write_simple_bind(&mut writer, id, name, password, controls);
        *self.bind_request = writer.into_octets();
        let sent = send(&mut self.stream, &mut self.alarm, &self.bind_request, deadline).await;
        self.bind_request.as_mut_slice().zeroize();
        self.bind_request.clear();
        sent?;
        let length = match self.receive(deadline).await {
            Ok(length) => length,
            Err(error) => return Err(Unanswered { sent: true, error }),
        };
        let verdict = outcome::judge(id, self.received.get(..length).unwrap_or_default());
        self.received.advance(length);
        Ok(verdict)
    }

    /// Runs one search; `each` gets every entry as it comes, references are dropped.
    pub(super) async fn search(
        &mut self,
        search: &SearchRequest,
        controls: &[Control],
        deadline: Instant,
        mut each: impl FnMut(PackedEntry) + Send,
    ) -> Result<SearchDone, LinkError> {
        let id = self.begin_search(search, controls, deadline).await?;
        loop {
            match self.next_part(id, deadline).await? {
                SearchPart::Entry { entry, .. } => each(entry),
                SearchPart::Intermediate(_) => {}
                SearchPart::Done(done) => return Ok(done),
            }
        }
    }

    /// Sends a search whose answer [`Link::next_part`] reads.
    pub(super) async fn begin_search(
        &mut self,
        search: &SearchRequest,
        controls: &[Control],
        deadline: Instant,
    ) -> Result<MessageId, LinkError> {
        let id = self.next_id();
        let mut writer = Writer::new();
        write_search(&mut writer, id, search, controls);
        let request = writer.into_octets();
        self.send(&request, deadline).await.map_err(|unanswered| unanswered.error)?;
        Ok(id)
    }

    /// The next part of the answer to the search `id`. Nothing is lost when the returned future is dropped
    /// before it is done, nor when the deadline passes.
    pub(super) async fn next_part(
        &mut self,
        id: MessageId,
        deadline: Instant,
    ) -> Result<SearchPart, LinkError> {
        let mut unsolicited = 0;
        loop {
            let message = self.message(deadline).await?;
            let (found, message) = SearchMessage::decode(&message).map_err(malformed)?;
            let (operation, controls) = match message {
                SearchMessage::Entry { entry, controls } => {
                    is_ours(found, id)?;
                    return Ok(SearchPart::Entry { entry, controls });
                }
                SearchMessage::Intermediate(response) => {
                    is_ours(found, id)?;
                    return Ok(SearchPart::Intermediate(response));
                }
                SearchMessage::Other(operation, controls) => (operation, controls),
            };
            if found == MessageId::UNSOLICITED {
                pass_over(operation, &mut unsolicited)?;
                continue;
            }
            is_ours(found, id)?;
            if let ResponseOperation::Done { tag, result, .. } = operation {
                let right_type = tag == operation_tag::SEARCH_RESULT_DONE;
                // Samba refuses a critical control in an extended response.
                if !right_type && result.code == ResultCode::SUCCESS {
                    return Err(protocol(format!("an answer of type 0x{tag:02x} to a search")));
                }
                return Ok(SearchPart::Done(SearchDone { result, controls }));
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
        let message = self.message(deadline).await.map_err(|error| refuse(error.reason))?;
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

    /// Whether the link can carry another request, as far as runtime and kernel know.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.heard_nothing() && self.is_open()
    }

    /// Whether, as far as the runtime knows, the link is open and nothing came that was not asked for. More than
    /// one answer to one request is a reason not to trust it.
    pub(super) fn heard_nothing(&mut self) -> bool {
        // TLS messages that need no attention (session tickets) are taken in by this read.
        let mut octet = [0_u8; 1];
        self.received.is_empty() && self.stream.read(&mut octet).now_or_never().is_none()
    }

    /// The same as far as the kernel knows, of which the runtime may not have heard yet.
    pub(super) fn is_open(&self) -> bool {
        let mut octet = [MaybeUninit::uninit(); 1];
        match SockRef::from(self.stream.socket()).peek(&mut octet) {
            Ok(_) => false,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    /// The socket, for tests of what is set on it.
    #[cfg(test)]
    pub(super) fn socket(&self) -> &tokio::net::TcpStream {
        self.stream.socket()
    }

    /// Has the kernel ask after `silence` whether the other side is still there, and give the link up when
    /// three questions `silence / 4` apart stay without answer.
    pub(super) fn watch_silence(&self, silence: Duration) -> io::Result<()> {
        let keepalive =
            TcpKeepalive::new().with_time(silence).with_interval(silence / 4).with_retries(3);
        SockRef::from(self.stream.socket()).set_tcp_keepalive(&keepalive)
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
            let _ = self.alarm.within(deadline, self.stream.shutdown()).await;
        }
    }

    fn next_id(&mut self) -> MessageId {
        let next = MessageId::new(self.last_id.get() + 1).or(MessageId::new(1));
        self.last_id = next.unwrap_or(self.last_id);
        self.last_id
    }

    async fn send(&mut self, request: &[u8], deadline: Instant) -> Result<(), Unanswered> {
        send(&mut self.stream, &mut self.alarm, request, deadline).await
    }

    /// Reads one message and takes it out of the buffer.
    async fn message(&mut self, deadline: Instant) -> Result<Bytes, LinkError> {
        let length = self.receive(deadline).await?;
        Ok(self.received.split_to(length).freeze())
    }

    /// Reads until a whole message stands at the beginning of the buffer, and gives its length.
    async fn receive(&mut self, deadline: Instant) -> Result<usize, LinkError> {
        loop {
            match complete_length(&self.received, self.max_message) {
                Ok(Some(length)) => return Ok(length),
                Ok(None) => {}
                Err(error) => return Err(protocol(error.to_string())),
            }
            self.received.reserve(READ_CHUNK);
            let read = self.stream.read_buf(&mut self.received);
            match self.alarm.within(deadline, read).await {
                Some(Ok(0)) => return Err(lost(&io::ErrorKind::UnexpectedEof.into())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(lost(&error)),
                None => return Err(timed_out()),
            }
        }
    }
}

async fn send(
    stream: &mut Stream,
    alarm: &mut Alarm,
    request: &[u8],
    deadline: Instant,
) -> Result<(), Unanswered> {
    let before = stream.octets_taken();
    let sending = async {
        stream.write_all(request).await?;
        stream.flush().await
    };
    let error = match alarm.within(deadline, sending).await {
        Some(Ok(())) => return Ok(()),
        Some(Err(error)) => lost(&error),
        None => timed_out(),
    };
    Err(Unanswered { sent: stream.octets_taken() != before, error })
}

fn control_room(control: &Control) -> usize {
    32 + control.oid.len() + control.value.as_ref().map_or(0, Vec::len)
}

fn decode(message: &[u8]) -> Result<Response, LinkError> {
    Response::decode(message).map_err(malformed)
}

fn malformed(error: BerError) -> LinkError {
    protocol(format!("malformed answer: {error}"))
}

fn is_ours(found: MessageId, id: MessageId) -> Result<(), LinkError> {
    if found == id {
        return Ok(());
    }
    Err(protocol(format!("an answer to message {found}, not ours")))
}

/// Other notifications than the notice of disconnection are to be ignored (RFC 4511 §4.4). Active
/// Directory's notice may come without its name.
fn pass_over(operation: ResponseOperation, count: &mut u32) -> Result<(), LinkError> {
    let ResponseOperation::Done { result, name, .. } = operation else {
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
