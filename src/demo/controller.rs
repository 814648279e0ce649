//! `[io]` A controller: two listeners (plain with StartTLS, and ldaps), its connections, and the ways
//! in which controllers die.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;
use socket2::{Domain as SocketDomain, Socket, Type};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::certificates::{Authority, CertificateError};
use super::connection::serve;
use super::conversation::Facts;
use super::directory::{Directory, Kind};
use super::faults::SearchFault;
use super::quirks::Quirks;
use super::view::{Numbering, Replica};
use crate::time::Now;

/// Waiting connections that the system keeps while a controller hangs.
const BACKLOG: i32 = 128;

/// One directory shared by all controllers of a domain: what one writes, the others show at once,
/// unless they are held back.
#[derive(Clone)]
pub struct SharedDirectory(Arc<Shared>);

struct Shared {
    directory: Mutex<Directory>,
    /// Moves with every change.
    changed: watch::Sender<i64>,
}

impl SharedDirectory {
    /// Shares a directory.
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        let changed = watch::Sender::new(directory.sequence());
        Self(Arc::new(Shared { directory: Mutex::new(directory), changed }))
    }

    /// Reads or changes the directory; its clock is set to now first. All controllers wait meanwhile,
    /// and a call within a call waits for ever.
    pub fn with<R>(&self, work: impl FnOnce(&mut Directory) -> R) -> R {
        let mut directory = lock(&self.0.directory);
        directory.advance(Now::read().wall);
        let done = work(&mut directory);
        let sequence = directory.sequence();
        self.0.changed.send_if_modified(|told| std::mem::replace(told, sequence) != sequence);
        done
    }

    /// Tells of changes, and sometimes without any.
    pub(super) fn changes(&self) -> watch::Receiver<i64> {
        self.0.changed.subscribe()
    }
}

/// How a controller is started.
#[derive(Clone)]
pub struct Options {
    /// Short name, as in logs and in the directory's list of binds.
    pub name: String,
    /// Signs the controller's certificate.
    pub authority: Arc<Authority>,
    /// DNS names and addresses in the certificate; the first is the host name in the root DSE.
    pub certificate_names: Vec<String>,
    /// The certificate ended yesterday.
    pub certificate_expired: bool,
    /// Port for ldaps; 0: any free one.
    pub ldaps_port: u16,
    /// Habits and faults at the start.
    pub quirks: Quirks,
}

impl Options {
    /// A controller of this name for the directory's domain, with the habits of the directory's kind
    /// and a certificate for `name.domain`, `localhost` and `address`.
    #[must_use]
    pub fn new(
        name: &str,
        directory: &SharedDirectory,
        authority: &Arc<Authority>,
        address: IpAddr,
    ) -> Self {
        let (dns, kind) = directory.with(|d| (d.domain().dns.clone(), d.kind()));
        Self {
            name: name.to_owned(),
            authority: Arc::clone(authority),
            certificate_names: vec![
                format!("{name}.{dns}"),
                "localhost".to_owned(),
                address.to_string(),
            ],
            certificate_expired: false,
            ldaps_port: 0,
            quirks: match kind {
                Kind::ActiveDirectory => Quirks::default(),
                Kind::OpenLdap => Quirks::openldap(),
            },
        }
    }
}

/// Why a controller does not start or come back.
#[derive(Debug, Error)]
pub enum ControllerError {
    /// No certificate.
    #[error("certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// A port cannot be had.
    #[error("{address}: {cause}")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// Why it cannot.
        cause: io::Error,
    },
}

/// A running (or killed, or hanging) controller. Dropping it ends it.
pub struct Controller {
    inner: Arc<Inner>,
    ports: [SocketAddr; 2],
    life: Mutex<Life>,
}

/// What a controller's connections share.
pub(super) struct Inner {
    pub(super) directory: SharedDirectory,
    quirks: Mutex<Quirks>,
    pub(super) facts: Facts,
    pub(super) tls: TlsAcceptor,
    hung: watch::Sender<bool>,
    /// The state of the directory that searches are answered from while the controller lags behind.
    held_back: Mutex<Option<Directory>>,
    between_pages: Mutex<Option<Happening>>,
    connections: TaskTracker,
}

/// Something that happens to the directory.
type Happening = Box<dyn FnMut(&mut Directory) + Send>;

/// Killed controllers keep their ports without listening: connections are refused, and nobody else
/// gets the port.
enum Life {
    Running(CancellationToken),
    Killed(Option<[Socket; 2]>),
}

impl Controller {
    /// Starts a controller on `address` (plain and StartTLS; port 0: any free one) and on the ldaps
    /// port of the options at the same IP address.
    ///
    /// # Errors
    /// No certificate, or a port that cannot be had.
    pub fn start(
        address: SocketAddr,
        directory: &SharedDirectory,
        options: Options,
    ) -> Result<Self, ControllerError> {
        let config: Arc<ServerConfig> = options.authority.server(
            &options.certificate_names,
            options.certificate_expired,
            Now::read().wall,
        )?;
        let plain = reserve(address)?;
        let secure = reserve(SocketAddr::new(address.ip(), options.ldaps_port))?;
        let ports = [local(&plain, address)?, local(&secure, address)?];
        let host_name = options.certificate_names.first().unwrap_or(&options.name).clone();
        directory.with(|directory| directory.enroll(&options.name));
        let numbering = Numbering::of(&options.name);
        let inner = Arc::new(Inner {
            directory: directory.clone(),
            quirks: Mutex::new(options.quirks),
            facts: Facts { controller: options.name, host_name, tls: false, numbering },
            tls: TlsAcceptor::from(config),
            hung: watch::Sender::new(false),
            held_back: Mutex::new(None),
            between_pages: Mutex::new(None),
            connections: TaskTracker::new(),
        });
        let controller =
            Self { inner, ports, life: Mutex::new(Life::Killed(Some([plain, secure]))) };
        controller.revive()?;
        Ok(controller)
    }

    /// Short name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.facts.controller
    }

    /// Full name, as in the certificate and the root DSE.
    #[must_use]
    pub fn host_name(&self) -> &str {
        &self.inner.facts.host_name
    }

    /// Where `ldap://` and StartTLS are answered.
    #[must_use]
    pub fn ldap_address(&self) -> SocketAddr {
        let [plain, _] = self.ports;
        plain
    }

    /// Where `ldaps://` is answered.
    #[must_use]
    pub fn ldaps_address(&self) -> SocketAddr {
        let [_, secure] = self.ports;
        secure
    }

    /// The shared directory.
    #[must_use]
    pub fn directory(&self) -> &SharedDirectory {
        &self.inner.directory
    }

    /// Reads or changes the shared directory.
    pub fn with_directory<R>(&self, work: impl FnOnce(&mut Directory) -> R) -> R {
        self.inner.directory.with(work)
    }

    /// Changes habits and faults; requests read from now on see it.
    pub fn quirks<R>(&self, change: impl FnOnce(&mut Quirks) -> R) -> R {
        change(&mut lock(&self.inner.quirks))
    }

    /// Ends the controller as SIGKILL ends a process: connections close without a word, new ones are
    /// refused. Returns when all of them are closed; does nothing when killed already.
    ///
    /// # Errors
    /// The ports cannot be kept; the controller is killed all the same.
    pub async fn kill(&self) -> Result<(), ControllerError> {
        let token = match &*lock(&self.life) {
            Life::Running(token) => token.clone(),
            Life::Killed(_) => return Ok(()),
        };
        token.cancel();
        self.inner.connections.close();
        self.inner.connections.wait().await;
        self.inner.connections.reopen();
        let [plain, secure] = self.ports;
        *lock(&self.life) = Life::Killed(None);
        let kept = [reserve(plain)?, reserve(secure)?];
        *lock(&self.life) = Life::Killed(Some(kept));
        Ok(())
    }

    /// Brings a killed controller back on its ports; does nothing while it runs.
    ///
    /// # Errors
    /// The ports cannot be had.
    pub fn revive(&self) -> Result<(), ControllerError> {
        let mut life = lock(&self.life);
        let Life::Killed(kept) = &mut *life else { return Ok(()) };
        let sockets = match kept.take() {
            Some(sockets) => sockets,
            None => {
                let [plain, secure] = self.ports;
                [reserve(plain)?, reserve(secure)?]
            }
        };
        let token = CancellationToken::new();
        for ((socket, address), implicit_tls) in sockets.iter().zip(self.ports).zip([false, true]) {
            let listener =
                listen(socket).map_err(|cause| ControllerError::Listen { address, cause })?;
            let accepting = accept(Arc::clone(&self.inner), listener, implicit_tls, token.clone());
            let token = token.clone();
            self.inner
                .connections
                .spawn(async move { token.run_until_cancelled_owned(accepting).await });
        }
        *life = Life::Running(token);
        Ok(())
    }

    /// Whether the controller is killed.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        matches!(&*lock(&self.life), Life::Killed(_))
    }

    /// Stops it as SIGSTOP stops a process: the system still accepts connections, nothing is read or
    /// answered.
    pub fn hang(&self) {
        self.inner.hung.send_replace(true);
    }

    /// Goes on as SIGCONT does: what has arrived meanwhile is answered.
    pub fn resume(&self) {
        self.inner.hung.send_replace(false);
    }

    /// Holds its replication back: from now on searches are answered from the directory as it is now,
    /// whatever is changed. Binds are judged on the directory as it is then.
    pub fn hold_back(&self) {
        self.with_directory(|directory| {
            *lock(&self.inner.held_back) = Some(directory.clone());
        });
    }

    /// A change that is made at this controller while it is held back: it knows it at once, like everybody else, and
    /// goes on not knowing what was changed elsewhere before. `change` is made in both states. By the numbers of a
    /// controller (uSNChanged) what arrives later looks older than it, so this is for DirSync only.
    pub fn change_here(&self, change: impl Fn(&mut Directory)) {
        self.with_directory(|directory| {
            let mut held_back = lock(&self.inner.held_back);
            if let Some(state) = held_back.as_mut() {
                state.lacks_what_is_before(directory.sequence());
                change(state);
            }
            change(directory);
        });
    }

    /// Ends [`Controller::hold_back`]: all changes since arrive at once, and those who wait for changes
    /// are told.
    pub fn catch_up(&self) {
        lock(&self.inner.held_back).take();
        self.inner.directory.0.changed.send_modify(|_| ());
    }

    /// Lets something happen to the directory each time that an answer with another one behind it was
    /// sent: a page of a paged search, or a DirSync answer with `more`.
    pub fn between_pages(&self, happening: impl FnMut(&mut Directory) + Send + 'static) {
        *lock(&self.inner.between_pages) = Some(Box::new(happening));
    }

    /// Ends [`Controller::between_pages`].
    pub fn quiet_between_pages(&self) {
        lock(&self.inner.between_pages).take();
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        if let Life::Running(token) = &*lock(&self.life) {
            token.cancel();
        }
    }
}

impl Inner {
    pub(super) fn quirks(&self) -> Quirks {
        lock(&self.quirks).clone()
    }

    /// The controller as it is at this moment. Nobody changes the directory meanwhile.
    pub(super) fn with_replica<R>(
        &self,
        facts: &Facts,
        quirks: &Quirks,
        work: impl FnOnce(&mut Replica<'_>) -> R,
    ) -> R {
        self.directory.with(|directory| {
            let mut state = lock(&self.held_back);
            if let Some(state) = state.as_mut() {
                state.advance(directory.now);
            }
            work(&mut Replica { directory, held_back: state.as_ref(), facts, quirks })
        })
    }

    pub(super) fn next_fault(&self) -> Option<SearchFault> {
        lock(&self.quirks).next_fault()
    }

    pub(super) fn happen_between_pages(&self) {
        if let Some(happening) = lock(&self.between_pages).as_mut() {
            self.directory.with(happening);
        }
    }

    pub(super) async fn until_not_hung(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.hung.subscribe().wait_for(|hung| !hung).await;
    }
}

async fn accept(
    inner: Arc<Inner>,
    listener: TcpListener,
    implicit_tls: bool,
    token: CancellationToken,
) {
    loop {
        inner.until_not_hung().await;
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: trying again at once would not help.
            sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        let connection = serve(Arc::clone(&inner), stream, implicit_tls);
        let token = token.clone();
        inner.connections.spawn(async move {
            if let Some(Err(error)) = token.run_until_cancelled_owned(connection).await {
                tracing::debug!(%error, "demo controller: connection ended");
            }
        });
    }
}

fn reserve(address: SocketAddr) -> Result<Socket, ControllerError> {
    let bind = || {
        let socket = Socket::new(SocketDomain::for_address(address), Type::STREAM, None)?;
        // Connections of the life before linger in TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        Ok(socket)
    };
    bind().map_err(|cause| ControllerError::Listen { address, cause })
}

fn local(socket: &Socket, address: SocketAddr) -> Result<SocketAddr, ControllerError> {
    let bound = socket.local_addr().and_then(|bound| {
        bound.as_socket().ok_or_else(|| io::Error::other("not an internet address"))
    });
    bound.map_err(|cause| ControllerError::Listen { address, cause })
}

fn listen(socket: &Socket) -> io::Result<TcpListener> {
    let socket = socket.try_clone()?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
