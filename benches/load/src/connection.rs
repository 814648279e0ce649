//! A connection that never waits: plain or TLS, told by the edge, with whole messages taken out of it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore};

use crate::ber;

/// Octets read at once.
const CHUNK: usize = 64 * 1024;

/// A server.
#[derive(Clone)]
pub(crate) struct Address {
    socket: SocketAddr,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Address {
    /// Reads `ldap://host:port` or `ldaps://host:port`; the second is trusted by the authority in a file.
    /// Without `resume` every handshake is a full one.
    pub(crate) fn parse(url: &str, authority: Option<&Path>, resume: bool) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| format!("{url} is no URL"))?;
        let mut sockets = rest.to_socket_addrs().map_err(|error| format!("{url}: {error}"))?;
        let socket = sockets.next().ok_or_else(|| format!("{url} has no address"))?;
        let tls = if scheme == "ldaps" {
            let authority = authority.ok_or("ldaps:// needs --authority FILE")?;
            let config =
                client_config(authority, resume).map_err(|error| format!("TLS: {error}"))?;
            Some((Arc::new(config), ServerName::IpAddress(socket.ip().into())))
        } else {
            None
        };
        Ok(Self { socket, tls })
    }
}

fn client_config(
    authority: &Path,
    resume: bool,
) -> Result<ClientConfig, Box<dyn std::error::Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    if !resume {
        config.resumption = rustls::client::Resumption::disabled();
    }
    Ok(config)
}

/// See the module.
pub(crate) struct Connection {
    stream: TcpStream,
    tls: Option<ClientConnection>,
    incoming: Vec<u8>,
    /// What of `incoming` has been taken.
    taken: usize,
    outgoing: Vec<u8>,
    /// What of `outgoing` has been sent.
    sent: usize,
    closed: bool,
}

impl Connection {
    pub(crate) fn open(address: &Address, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address.socket)?;
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let tls = match &address.tls {
            Some((config, name)) => {
                let tls = ClientConnection::new(config.clone(), name.clone());
                Some(tls.map_err(io::Error::other)?)
            }
            None => None,
        };
        let (incoming, outgoing) = (Vec::new(), Vec::new());
        Ok(Self { stream, tls, incoming, taken: 0, outgoing, sent: 0, closed: false })
    }

    /// Where messages to be sent are put.
    pub(crate) fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.outgoing
    }

    /// Whether the server has closed the connection.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the TLS handshake is done and was a resumption.
    pub(crate) fn is_resumed(&self) -> bool {
        let kind = self.tls.as_ref().and_then(|tls| tls.handshake_kind());
        kind == Some(HandshakeKind::Resumed)
    }

    /// Sends what can be sent now.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            while let Some(rest) = self.outgoing.get(self.sent..).filter(|rest| !rest.is_empty()) {
                match self.stream.write(rest) {
                    Ok(count) => self.sent += count,
                    Err(error) if is_not_now(&error) => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
            self.outgoing.clear();
            self.sent = 0;
            return Ok(());
        };
        tls.writer().write_all(&self.outgoing)?;
        self.outgoing.clear();
        while tls.wants_write() {
            match tls.write_tls(&mut self.stream) {
                Ok(_) => {}
                Err(error) if is_not_now(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads all that is there.
    pub(crate) fn fill(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        self.incoming.drain(..self.taken);
        self.taken = 0;
        loop {
            let read = match &mut self.tls {
                None => self.stream.read(&mut chunk.0),
                Some(tls) => tls.read_tls(&mut self.stream),
            };
            let count = match read {
                Ok(count) => count,
                Err(error) if is_not_now(&error) => return Ok(()),
                Err(error) => return Err(error),
            };
            self.closed |= count == 0;
            if let Some(tls) = &mut self.tls {
                let state = tls.process_new_packets().map_err(io::Error::other)?;
                let plain = state.plaintext_bytes_to_read() as u64;
                tls.reader().take(plain).read_to_end(&mut self.incoming)?;
                if tls.wants_write() {
                    self.flush()?;
                }
            } else {
                self.incoming.extend_from_slice(chunk.0.get(..count).unwrap_or_default());
                // A short read has taken all that there was.
                if count < CHUNK {
                    return Ok(());
                }
            }
            if self.closed {
                return Ok(());
            }
        }
    }

    /// Takes the next whole message; its octets are at [`Connection::message`].
    pub(crate) fn next_message(&mut self) -> Result<Option<Range<usize>>, String> {
        let rest = self.incoming.get(self.taken..).unwrap_or_default();
        match ber::message_length(rest).map_err(|error| error.to_string())? {
            Some(length) if rest.len() >= length => {
                let range = self.taken..self.taken + length;
                self.taken = range.end;
                Ok(Some(range))
            }
            _ => Ok(None),
        }
    }

    pub(crate) fn message(&self, range: Range<usize>) -> &[u8] {
        self.incoming.get(range).unwrap_or_default()
    }

    /// Sends what is left to send and closes.
    pub(crate) fn close(mut self, registry: &Registry) {
        let _ = self.flush();
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = self.flush();
        }
        let _ = registry.deregister(&mut self.stream);
    }
}

/// Room for one read.
pub(crate) struct Chunk(Box<[u8]>);

impl Default for Chunk {
    fn default() -> Self {
        Self(vec![0; CHUNK].into_boxed_slice())
    }
}

/// Before the connection stands, it is not connected.
fn is_not_now(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected | io::ErrorKind::Interrupted
    )
}
