//! `[io]` From a configured controller to a link that is ready for a request: name resolution, TCP,
//! StartTLS, TLS.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::controller::{ControllerConfig, Security};
use super::error::{LinkError, Step, UpstreamError};
use super::link::Link;
use super::stream::{CountedStream, Stream};
use super::tls::{TlsClient, explain};

/// How long an address is used without asking the resolver again.
const ADDRESS_LIFE: Duration = Duration::from_secs(30);
/// Silence after which the kernel asks whether the other side is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);

/// Makes links to one controller.
pub(super) struct Dialer {
    controller: ControllerConfig,
    tls: Option<TlsClient>,
    max_message: usize,
    /// The last answer of the resolver; used beyond its life when the resolver fails, so that an
    /// outage of the name service does not become an outage of logins.
    addresses: Mutex<Option<(Instant, Vec<SocketAddr>)>>,
}

impl Dialer {
    pub(super) fn new(
        controller: ControllerConfig,
        max_message: usize,
    ) -> Result<Self, UpstreamError> {
        let tls = match controller.security {
            Security::Plain => None,
            Security::Ldaps | Security::StartTls => Some(TlsClient::new(&controller)?),
        };
        Ok(Self { controller, tls, max_message, addresses: Mutex::new(None) })
    }

    pub(super) const fn controller(&self) -> &ControllerConfig {
        &self.controller
    }

    /// A link on which nothing has been sent yet but what it took to make it.
    pub(super) async fn dial(&self, deadline: Instant) -> Result<Link, LinkError> {
        let addresses = self.resolve(deadline).await?;
        let stream = CountedStream::new(connect(&addresses, deadline).await?);
        let Some(tls) = &self.tls else {
            return Ok(Link::new(Stream::Plain(stream), self.max_message));
        };
        let stream = if self.controller.security == Security::StartTls {
            let mut plain = Link::new(Stream::Plain(stream), self.max_message);
            plain.start_tls(deadline).await?;
            plain.into_unread_stream()?
        } else {
            stream
        };
        let stream = handshake(tls, stream, deadline).await?;
        Ok(Link::new(Stream::Tls(Box::new(stream)), self.max_message))
    }

    async fn resolve(&self, deadline: Instant) -> Result<Vec<SocketAddr>, LinkError> {
        let host = self.controller.host();
        let port = self.controller.port;
        if let Ok(literal) = host.parse() {
            return Ok(vec![SocketAddr::new(literal, port)]);
        }
        let known = self.known_addresses();
        let asked_at = Instant::now();
        let patience = match &known {
            Some((at, addresses)) if asked_at.duration_since(*at) < ADDRESS_LIFE => {
                return Ok(addresses.clone());
            }
            // Leaves time for connecting to what is known from before.
            Some(_) => asked_at + deadline.saturating_duration_since(asked_at) / 2,
            None => deadline,
        };
        let failure = match timeout_at(patience, lookup_host((host, port))).await {
            Ok(Ok(found)) => {
                let addresses: Vec<_> = found.collect();
                if !addresses.is_empty() {
                    self.remember(asked_at, addresses.clone());
                    return Ok(addresses);
                }
                format!("{host} has no address")
            }
            Ok(Err(error)) => format!("{host}: {error}"),
            Err(_) => format!("{host}: no answer from the name service in time"),
        };
        match known {
            Some((_, addresses)) => Ok(addresses),
            None => Err(LinkError::new(Step::Resolve, failure)),
        }
    }

    fn known_addresses(&self) -> Option<(Instant, Vec<SocketAddr>)> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, at: Instant, addresses: Vec<SocketAddr>) {
        *self.addresses.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, addresses));
    }
}

/// Tries every address; an unresponsive one gets only its share of the time.
async fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, LinkError> {
    let mut failure = LinkError::new(Step::Connect, "there is no address to connect to");
    for (position, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - position).unwrap_or(u32::MAX);
        let begin = Instant::now();
        let share = begin + deadline.saturating_duration_since(begin) / left;
        let reason = match timeout_at(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => match prepare(&stream) {
                Ok(()) => return Ok(stream),
                Err(error) => format!("{address}: {error}"),
            },
            Ok(Err(error)) => format!("{address}: {error}"),
            Err(_) => format!("{address}: no connection in time"),
        };
        failure = LinkError::new(Step::Connect, reason);
    }
    Err(failure)
}

fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(3);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

async fn handshake(
    tls: &TlsClient,
    stream: CountedStream,
    deadline: Instant,
) -> Result<TlsStream<CountedStream>, LinkError> {
    let handshake = tls.connector.connect(tls.server_name.clone(), stream);
    match timeout_at(deadline, handshake).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(LinkError::new(Step::Tls, explain(&error))),
        Err(_) => Err(LinkError::new(
            Step::Tls,
            "the controller accepted the connection but did not finish the TLS handshake in time",
        )),
    }
}
