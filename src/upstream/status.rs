//! What an operator is shown about controllers.

use std::sync::Arc;
use std::time::SystemTime;

use super::health::{CapabilityHealth, State};
use crate::certificate::CertificateFacts;
use crate::time::unix_seconds;

/// One controller as it is now.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ControllerStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Host and port that are connected to.
    pub address: String,
    /// Lower is preferred.
    pub tier: u8,
    /// Judging passwords.
    pub verify: CapabilityStatus,
    /// Being read by the service account.
    pub sync: CapabilityStatus,
    /// Bind links that wait for use.
    pub links_idle: usize,
    /// Bind links in use.
    pub links_busy: usize,
    /// Binds of users put on the wire since start.
    pub binds: u64,
    /// Attempts for users that got no verdict since start.
    pub failures: u64,
    /// The certificate it showed at the last probe that connected; `None` without TLS.
    pub certificate: Option<CertificateFacts>,
}

/// One capability as it is now.
#[derive(Clone, Debug, serde::Serialize)]
pub struct CapabilityStatus {
    /// `up`, `degraded` or `down`.
    pub state: &'static str,
    /// Why it is not up.
    pub cause: Option<String>,
    /// When the state began.
    #[serde(skip)]
    pub since: SystemTime,
    /// When the state began, seconds since 1970.
    pub since_unix: i64,
}

impl CapabilityStatus {
    pub(super) fn of(health: &CapabilityHealth) -> Self {
        let since = health.since().wall;
        Self {
            state: health.state().name(),
            cause: health.cause().map(str::to_owned),
            since,
            since_unix: unix_seconds(since),
        }
    }

    /// Whether it is not down.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.state != State::Down.name()
    }
}

/// One change of state, kept in memory.
#[derive(Clone, Debug, serde::Serialize)]
pub struct HistoryRecord {
    /// When, seconds since 1970.
    pub at_unix: i64,
    /// The controller's name.
    pub controller: Arc<str>,
    /// `verify` or `sync`.
    pub capability: &'static str,
    /// The state before: `up`, `degraded` or `down`.
    pub from: &'static str,
    /// The state from then on.
    pub to: &'static str,
    /// Why.
    pub cause: String,
    /// How long the old state had lasted, milliseconds.
    pub lasted_ms: u64,
}
