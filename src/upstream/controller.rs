//! What the configuration says about a directory and its controllers.

use std::sync::Arc;
use std::time::Duration;

use super::error::UpstreamError;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::schema::DirectoryKind;
use crate::ldap::secret::Password;

/// One directory and the controllers that serve it.
pub struct UpstreamConfig {
    /// The name of the `[[directory]]`, for logs.
    pub directory: Arc<str>,
    /// Which account semantics the controllers follow.
    pub kind: DirectoryKind,
    /// The controllers; at least one, names unique.
    pub controllers: Vec<ControllerConfig>,
    /// Bind name of the sync account, sent as written.
    pub service_name: String,
    /// The sync account's password.
    pub service_password: Password,
    /// The naming context; `None` for the controller's `defaultNamingContext`, else its first one.
    pub base_dn: Option<String>,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// The links kept for logins, per controller.
    pub pool: PoolConfig,
    /// Largest message read from a controller, octets.
    pub max_message: usize,
    /// When a controller counts as up.
    pub health: HealthConfig,
}

/// How long to wait for a controller (DESIGN §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a usable link: queue, name resolution, TCP, StartTLS and TLS together.
    pub connect: Duration,
    /// From a request to its answer: binds and probes.
    pub attempt: Duration,
    /// For one login over all controllers.
    pub total: Duration,
    /// For one search or one page of it.
    pub search: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(800),
            attempt: Duration::from_millis(1200),
            total: Duration::from_millis(2700),
            search: Duration::from_secs(60),
        }
    }
}

/// The exclusive bind links of one controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// Links kept ready.
    pub warm: usize,
    /// Most links at once; each carries one bind at a time.
    pub max_links: usize,
    /// Most logins that wait for a link; one more is answered "busy".
    pub queue: usize,
    /// An unused link is closed after this time. Active Directory cuts at 900 s.
    pub idle: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { warm: 2, max_links: 32, queue: 256, idle: Duration::from_secs(300) }
    }
}

/// When a controller counts as up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthConfig {
    /// Time between two probes of a controller; one that is down is tried sooner at first.
    pub probe_interval: Duration,
    /// Largest difference between a controller's clock and ours.
    pub max_clock_skew: Duration,
    /// How long a controller that came back has to stay up before logins leave a less preferred
    /// tier for it.
    pub return_after: Duration,
    /// How long a controller stays degraded after an answer that was no verdict; doubled each time
    /// it comes back and fails again, up to 16 times.
    pub fault_memory: Duration,
    /// A controller that goes down repeatedly within this time needs one more good trial for each
    /// earlier time.
    pub flap_window: Duration,
}

impl Default for HealthConfig {
    fn default() -> Self {
        Self {
            probe_interval: Duration::from_secs(5),
            max_clock_skew: Duration::from_secs(300),
            return_after: Duration::from_secs(30),
            fault_memory: Duration::from_secs(30),
            flap_window: Duration::from_secs(600),
        }
    }
}

/// One controller.
#[derive(Clone, Debug)]
pub struct ControllerConfig {
    /// The name its certificate is checked against and that logs show.
    pub name: Arc<str>,
    /// The host to connect to where it differs from the name; a DNS name or an IP address.
    pub address: Option<String>,
    /// The TCP port.
    pub port: u16,
    /// How the link is protected.
    pub security: Security,
    /// Which certificates are believed.
    pub trust: Trust,
    /// Lower is preferred; equals share the load.
    pub tier: u8,
}

impl ControllerConfig {
    /// Host and port for people; an IPv6 address in brackets.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let host = self.host();
        if host.contains(':') {
            format!("[{host}]:{}", self.port)
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// The host to connect to, without brackets around an IPv6 address.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.address.as_deref().unwrap_or(&self.name);
        host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
    }
}

/// How a link is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first octet.
    Ldaps,
    /// StartTLS before anything else (RFC 4511 §4.14).
    StartTls,
    /// No protection: passwords travel in clear.
    Plain,
}

/// Which certificates are believed.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Those issued by one of these authorities (PEM), for the controller's name.
    CaPem(Arc<[u8]>),
    /// Those whose SubjectPublicKeyInfo has one of these SHA-256 digests, whatever name, issuer and
    /// dates they show.
    SpkiPins(Vec<[u8; 32]>),
    /// Those issued by an authority of the system's store, for the controller's name.
    System,
}

impl UpstreamConfig {
    /// Checks what no controller has to be asked for, and gives the naming context for comparing.
    pub(super) fn validate(&self) -> Result<Option<NormalizedDn>, UpstreamError> {
        let refuse = |reason: String| Err(UpstreamError(format!("{}: {reason}", self.directory)));
        if self.controllers.is_empty() {
            return refuse("no controller is configured".into());
        }
        for (position, controller) in self.controllers.iter().enumerate() {
            if self.controllers.iter().take(position).any(|other| other.name == controller.name) {
                return refuse(format!("controller {} is configured twice", controller.name));
            }
        }
        if self.service_name.is_empty() || self.service_password.is_empty() {
            return refuse("the service account needs a name and a password".into());
        }
        if self.service_name.contains('\0') || self.service_password.contains_nul() {
            return refuse("the service account's name or password contains a NUL".into());
        }
        if self.pool.max_links == 0 {
            return refuse("max_links must be at least 1".into());
        }
        let waits = [
            ("connect", self.timeouts.connect),
            ("attempt", self.timeouts.attempt),
            ("total", self.timeouts.total),
            ("search", self.timeouts.search),
            ("probe_interval", self.health.probe_interval),
        ];
        if let Some((name, _)) = waits.iter().find(|(_, wait)| wait.is_zero()) {
            return refuse(format!("{name} must not be zero"));
        }
        match &self.base_dn {
            None => Ok(None),
            Some(base) => match NormalizedDn::parse(base) {
                Ok(base) => Ok(Some(base)),
                Err(error) => refuse(format!("base DN {base:?}: {error}")),
            },
        }
    }
}
