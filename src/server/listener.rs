//! `[io]` Sockets: accepting connections, TLS handshakes, and one task for each session.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::ldap::result::ResultCode;
use crate::policy::Application;
use crate::policy::traffic::ConnectionPlace;
use crate::session::driver::{self, Ended, SessionLimits, Surroundings};
use crate::session::gate::Gate;
use crate::session::machine::{Session, Terms};
use crate::session::responder;
use crate::time::Now;

use super::drain::Drain;
use super::proxied;
use super::strangers::{Stranger, Warnings, Watched};

/// Pause after an accept error: out of file descriptors does not pass by trying faster.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One listener of the configuration.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// Its name in applications and logs.
    pub name: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether TLS begins with the connection.
    pub security: ListenerSecurity,
    /// The certificate for ldaps or StartTLS.
    pub certificate: Option<CertificateFiles>,
    /// Whether passwords may come in clear; by default only on a loopback address.
    pub allow_cleartext_bind: bool,
    /// Peers that have to say in a PROXY header for whom they connect. Nobody else may.
    pub proxies: Vec<IpNet>,
    /// Most connections at a time.
    pub max_connections: usize,
    /// How large and how slow a client may be.
    pub limits: SessionLimits,
}

/// Whether TLS begins with the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerSecurity {
    /// `ldap://`; StartTLS is offered where there is a certificate.
    Plain,
    /// `ldaps://`.
    Tls,
}

/// Where a listener's certificate is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertificateFiles {
    /// The chain in PEM, the server's own certificate first.
    pub chain: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// A listener that has its socket.
pub struct BoundListener {
    config: Arc<ListenerConfig>,
    socket: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    warnings: Arc<Warnings>,
}

impl BoundListener {
    /// Takes the address.
    ///
    /// # Errors
    /// The address is taken, not local, or needs a privilege.
    pub async fn bind(
        config: ListenerConfig,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(config.address).await?;
        let warnings = Arc::default();
        Ok(Self { config: Arc::new(config), socket, tls, warnings })
    }

    /// The address it really has (the port may have been left to the system).
    ///
    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The configuration it was bound with.
    #[must_use]
    pub fn config(&self) -> &ListenerConfig {
        &self.config
    }

    /// Accepts until the drain stops it.
    pub async fn run(self, gate: Arc<Gate>, epoch: watch::Receiver<u64>, drain: Drain) {
        let places = Arc::new(Semaphore::new(self.config.max_connections));
        let mut stop = drain.watch();
        loop {
            let accepted = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.admit(stream, peer, &places, &gate, &epoch, &drain);
                }
                Err(error) => {
                    tracing::warn!(listener = &*self.config.name, %error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn admit(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        places: &Arc<Semaphore>,
        gate: &Arc<Gate>,
        epoch: &watch::Receiver<u64>,
        drain: &Drain,
    ) {
        let peer = peer.ip().to_canonical();
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!(
                listener = &*self.config.name, client = %peer,
                limit = self.config.max_connections, "too many connections, closing"
            );
            drain.spawn(turn_away(stream, self.config.security));
            return;
        };
        let admitted = Admitted {
            config: self.config.clone(),
            tls: self.tls.clone(),
            warnings: self.warnings.clone(),
        };
        let surroundings = Surroundings {
            gate: gate.clone(),
            listener: self.config.name.clone(),
            configured: 0,
            client: peer,
            limits: self.config.limits.clone(),
            epoch: epoch.clone(),
            draining: drain.watch(),
            accepted: Now::read().monotonic,
        };
        let counted = drain.open_session();
        drain.spawn(async move {
            admitted.serve(stream, surroundings).await;
            drop((place, counted));
        });
    }
}

/// A connection that has a place and no application yet.
struct Admitted {
    config: Arc<ListenerConfig>,
    tls: Option<Arc<rustls::ServerConfig>>,
    warnings: Arc<Warnings>,
}

impl Admitted {
    async fn serve(self, mut stream: TcpStream, mut surroundings: Surroundings) {
        let Self { config, tls, warnings } = self;
        let peer = surroundings.client;
        let is_trusted = config.proxies.iter().any(|network| network.contains(&peer));
        if is_trusted {
            match client(&config, &mut stream, &mut surroundings).await {
                Ok(client) => surroundings.client = client,
                Err(error) => return warnings.tell(&config.name, peer, &error),
            }
        }
        let client = surroundings.client;
        let applications = surroundings.gate.applications.current();
        let Some(application) = applications.select(&config.name, client).cloned() else {
            tracing::warn!(
                listener = &*config.name, %client,
                "no application is configured for this client, closing"
            );
            return;
        };
        surroundings.configured = applications.version();
        let Some(_place) = ConnectionPlace::take(&application) else {
            tracing::warn!(
                listener = &*config.name, %client, application = &*application.name,
                "too many connections of the application, closing"
            );
            return turn_away(stream, config.security).await;
        };
        let listener = config.name.clone();
        let stranger = (!is_trusted).then_some(Stranger { listener, peer, warnings });
        let connection = Connection { config, tls, application };
        connection.serve(stream, stranger, surroundings).await;
    }
}

/// For whom a trusted peer connects; it may be itself.
async fn client(
    config: &ListenerConfig,
    stream: &mut TcpStream,
    surroundings: &mut Surroundings,
) -> io::Result<IpAddr> {
    let deadline = surroundings.accepted + config.limits.pre_bind_timeout;
    let header = tokio::time::timeout_at(deadline.into(), proxied::read_header(stream));
    let read = tokio::select! {
        read = header => read,
        _ = surroundings.draining.wait_for(|stop| *stop) => {
            return Err(io::Error::other("the server is shutting down"));
        }
    };
    let source = read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(source.map_or(surroundings.client, |source| source.to_canonical()))
}

/// Says that there is no place, where that can be said without a handshake.
async fn turn_away(mut stream: TcpStream, security: ListenerSecurity) {
    if security == ListenerSecurity::Plain {
        let mut notice = Vec::new();
        responder::notice_of_disconnection(&mut notice, ResultCode::BUSY, "too many connections");
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(&notice)).await;
    }
}

/// What a connection's task needs to know.
struct Connection {
    config: Arc<ListenerConfig>,
    tls: Option<Arc<rustls::ServerConfig>>,
    application: Arc<Application>,
}

impl Connection {
    async fn serve(
        &self,
        stream: TcpStream,
        stranger: Option<Stranger>,
        mut surroundings: Surroundings,
    ) {
        let client = surroundings.client;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%client, %error, "TCP_NODELAY");
        }
        let stream = Watched::new(stream, stranger);
        let served = match self.config.security {
            ListenerSecurity::Plain => self.plain(stream, &mut surroundings).await,
            ListenerSecurity::Tls => {
                let mut session = Session::new(self.terms(true));
                self.encrypted(stream, &mut session, &mut surroundings).await
            }
        };
        if let Err(error) = served {
            tracing::debug!(listener = &*self.config.name, %client, %error, "connection ended");
        }
    }

    fn terms(&self, tls_active: bool) -> Terms {
        Terms {
            application: self.application.clone(),
            tls_active,
            tls_available: self.tls.is_some(),
            allow_cleartext_bind: self.config.allow_cleartext_bind,
        }
    }

    async fn plain(
        &self,
        mut stream: Watched<TcpStream>,
        surroundings: &mut Surroundings,
    ) -> io::Result<()> {
        let mut session = Session::new(self.terms(false));
        match driver::serve(&mut session, &mut stream, surroundings).await? {
            Ended::Closed => close(stream).await,
            Ended::StartTls => self.encrypted(stream, &mut session, surroundings).await,
        }
    }

    async fn encrypted(
        &self,
        stream: Watched<TcpStream>,
        session: &mut Session,
        surroundings: &mut Surroundings,
    ) -> io::Result<()> {
        let Some(tls) = &self.tls else {
            return Err(io::Error::other("no certificate is configured"));
        };
        let handshake = TlsAcceptor::from(tls.clone()).accept(stream);
        let limit = self.config.limits.tls_handshake_timeout;
        let handshake = tokio::time::timeout(limit, handshake);
        let finished = tokio::select! {
            finished = handshake => finished,
            // Nothing has been asked yet: a client that says nothing must not hold up the end.
            _ = surroundings.draining.wait_for(|stop| *stop) => return Ok(()),
        };
        let mut stream = match finished {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                self.log_handshake(surroundings.client, &error.to_string());
                return Err(error);
            }
            Err(_) => {
                self.log_handshake(surroundings.client, "not finished in time");
                return Err(io::ErrorKind::TimedOut.into());
            }
        };
        session.tls_started();
        driver::serve(session, &mut stream, surroundings).await?;
        close(stream).await
    }

    fn log_handshake(&self, client: IpAddr, error: &str) {
        tracing::warn!(
            listener = &*self.config.name, %client, error,
            "TLS handshake with a client failed (does it trust our authority, and is it \
             using the right port?)"
        );
    }
}

async fn close(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    match tokio::time::timeout(Duration::from_secs(5), stream.shutdown()).await {
        Ok(closed) => closed,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
