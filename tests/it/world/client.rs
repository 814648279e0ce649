//! A client that sees every octet, for exact comparisons. The independent client library is used beside it
//! wherever octets do not matter.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use ldapgate::ldap::ber::Writer;
use ldapgate::ldap::control::Control;
use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::filter::Filter;
use ldapgate::ldap::frame;
use ldapgate::ldap::message::{MessageId, write_message};
use ldapgate::ldap::request::{self, SearchRequest, SearchScope};
use ldapgate::ldap::response::{Response, ResponseOperation};
use ldapgate::ldap::result::LdapResult;
use ldapgate::ldap::secret::Password;
use rustls::ClientConfig;

use super::stream::Stream;

/// One connection.
pub(crate) struct Client {
    stream: Stream,
    buffer: Vec<u8>,
    last_id: u32,
}

/// A terminal answer with its response controls, still encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) tag: u8,
    pub(crate) result: LdapResult,
    pub(crate) controls: Vec<u8>,
    pub(crate) name: Option<String>,
}

impl Answer {
    pub(crate) fn code(&self) -> u32 {
        self.result.code.0
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.result.diagnostic_message).into_owned()
    }
}

impl Client {
    pub(crate) fn connect(address: impl ToSocketAddrs) -> Self {
        let address: SocketAddr = address.to_socket_addrs().unwrap().next().unwrap();
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
        Self::over(stream)
    }

    /// A client over a connection that was made with a source address or options of the test's.
    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { stream: Stream::Plain(stream), buffer: Vec::new(), last_id: 0 }
    }

    /// ldaps: the handshake is done when this returns.
    pub(crate) fn connect_tls(
        address: impl ToSocketAddrs,
        config: &Arc<ClientConfig>,
        name: &str,
    ) -> std::io::Result<Self> {
        Self::connect(address).with_tls(config, name)
    }

    /// StartTLS (RFC 4511 §4.14), and the handshake behind it.
    pub(crate) fn start_tls(mut self, config: &Arc<ClientConfig>, name: &str) -> Self {
        assert_eq!(self.extended(request::START_TLS, None).code(), 0);
        self.with_tls(config, name).unwrap()
    }

    /// The handshake on what is in clear so far.
    pub(crate) fn with_tls(self, config: &Arc<ClientConfig>, name: &str) -> std::io::Result<Self> {
        assert!(self.buffer.is_empty(), "octets in clear before the handshake");
        Ok(Self { stream: self.stream.with_tls(config, name)?, ..self })
    }

    pub(crate) fn next_id(&mut self) -> MessageId {
        self.last_id += 1;
        MessageId::new(self.last_id).unwrap()
    }

    pub(crate) fn send_octets(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).unwrap();
    }

    pub(crate) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Sends one operation with a new id, whatever it is.
    pub(crate) fn send_operation(&mut self, tag: u8, content: &[u8], controls: &[u8]) -> MessageId {
        let id = self.next_id();
        let mut writer = Writer::new();
        write_message(&mut writer, id, |w| w.element(tag, content), controls);
        self.send_octets(writer.octets());
        id
    }

    /// The next message, which must be a notice of disconnection (RFC 4511 §4.4.1) and the last one.
    pub(crate) fn disconnection(&mut self) -> Answer {
        let response = self.receive().expect("closed without a notice of disconnection");
        assert_eq!(response.id, MessageId::UNSOLICITED);
        let ResponseOperation::Done { tag, result, name, .. } = response.operation else {
            panic!("not a notice: {:?}", response.operation);
        };
        assert_eq!((tag, name.as_deref()), (0x78, Some("1.3.6.1.4.1.1466.20036")));
        assert!(self.is_closed(), "a notice of disconnection, and the connection stays");
        Answer { tag, result, controls: response.controls, name }
    }

    /// The next message; `None` at the end of the stream.
    pub(crate) fn receive(&mut self) -> Option<Response> {
        self.receive_octets().map(|message| Response::decode(&message).unwrap())
    }

    /// The octets of the next message; `None` at the end of the stream.
    pub(crate) fn receive_octets(&mut self) -> Option<Vec<u8>> {
        loop {
            let length = frame::complete_length(&self.buffer, usize::MAX).unwrap();
            if let Some(length) = length {
                return Some(self.buffer.drain(..length).collect());
            }
            let mut part = [0; 65536];
            match self.stream.read(&mut part) {
                Ok(0) => return None,
                Ok(count) => self.buffer.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no answer: {error}"),
            }
        }
    }

    /// The next terminal answer, which must be for `id`.
    pub(crate) fn answer(&mut self, id: MessageId) -> Answer {
        let response = self.receive().expect("the connection was closed instead of an answer");
        assert_eq!(response.id, id);
        match response.operation {
            ResponseOperation::Done { tag, result, name, .. } => {
                Answer { tag, result, controls: response.controls, name }
            }
            other => panic!("not a terminal answer: {other:?}"),
        }
    }

    pub(crate) fn bind(&mut self, name: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Answer {
        self.bind_with(name, password, &[])
    }

    pub(crate) fn bind_with(
        &mut self,
        name: impl AsRef<[u8]>,
        password: impl AsRef<[u8]>,
        controls: &[Control],
    ) -> Answer {
        let id = self.next_id();
        let password = Password::copy_from(password.as_ref());
        let mut writer = Writer::new();
        request::write_simple_bind(&mut writer, id, name.as_ref(), &password, controls);
        self.send_octets(writer.octets());
        self.answer(id)
    }

    pub(crate) fn search(
        &mut self,
        base: &str,
        scope: SearchScope,
        filter: &str,
        attributes: &[&str],
    ) -> (Vec<Entry>, Answer) {
        self.search_with(&search(base, scope, filter, attributes), &[])
    }

    pub(crate) fn search_with(
        &mut self,
        search: &SearchRequest,
        controls: &[Control],
    ) -> (Vec<Entry>, Answer) {
        let (entries, references, answer) = self.search_past_references(search, controls);
        assert_eq!(references, 0, "references");
        (entries, answer)
    }

    /// A search at a server that also sends references, which are counted.
    pub(crate) fn search_past_references(
        &mut self,
        search: &SearchRequest,
        controls: &[Control],
    ) -> (Vec<Entry>, usize, Answer) {
        let id = self.next_id();
        let mut writer = Writer::new();
        request::write_search(&mut writer, id, search, controls);
        self.send_octets(writer.octets());
        let (mut entries, mut references) = (Vec::new(), 0);
        loop {
            let response = self.receive().expect("the connection was closed during a search");
            assert_eq!(response.id, id);
            match response.operation {
                ResponseOperation::Entry(entry) => entries.push(entry),
                ResponseOperation::Reference => references += 1,
                ResponseOperation::Done { tag, result, name, .. } => {
                    let controls = response.controls;
                    return (entries, references, Answer { tag, result, controls, name });
                }
                other => panic!("neither entry nor end: {other:?}"),
            }
        }
    }

    pub(crate) fn extended(&mut self, name: &str, value: Option<&[u8]>) -> Answer {
        let id = self.next_id();
        let mut writer = Writer::new();
        request::write_extended(&mut writer, id, name, value);
        self.send_octets(writer.octets());
        self.answer(id)
    }

    /// Replaces all values of one attribute (RFC 4511 §4.6).
    pub(crate) fn replace(&mut self, dn: &str, attribute: &str, value: &str) -> Answer {
        const REPLACE: i64 = 2;
        let mut request = Writer::new();
        request.octet_string(dn.as_bytes());
        request.constructed(0x30, |changes| {
            changes.constructed(0x30, |change| {
                change.enumerated(REPLACE);
                change.constructed(0x30, |modification| {
                    modification.octet_string(attribute.as_bytes());
                    modification.constructed(0x31, |set| set.octet_string(value.as_bytes()));
                });
            });
        });
        let id = self.send_operation(0x66, request.octets(), &[]);
        self.answer(id)
    }

    /// Whether the other side has closed the connection, waiting a moment for it.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.receive().is_none()
    }
}

/// A search request without limits.
pub(crate) fn search(
    base: &str,
    scope: SearchScope,
    filter: &str,
    attributes: &[&str],
) -> SearchRequest {
    SearchRequest {
        base: base.to_owned(),
        scope,
        deref_aliases: 0,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter: Filter::parse(filter).unwrap(),
        attributes: attributes.iter().collect(),
    }
}
