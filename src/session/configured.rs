//! `[io]` The applications as they are configured now, for all sessions: one place that everybody looks at who needs
//! them, so that a changed configuration counts everywhere from one moment on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::directory::{Affected, Move};
use crate::policy::Applications;

use super::registry::Registry;

/// The applications in force.
pub struct Configured {
    current: ArcSwap<Applications>,
    /// The version of `current`, for those who only ask whether it has moved.
    latest: AtomicU64,
    registry: Arc<Registry>,
    /// Wakes all sessions.
    everybody: watch::Sender<u64>,
}

impl Configured {
    /// The applications that the program starts with.
    #[must_use]
    pub fn new(
        applications: Applications,
        registry: Arc<Registry>,
        everybody: watch::Sender<u64>,
    ) -> Self {
        let latest = AtomicU64::new(applications.version());
        Self { current: ArcSwap::from_pointee(applications), latest, registry, everybody }
    }

    /// Applications that no session is woken for.
    #[must_use]
    pub fn idle(applications: Applications) -> Self {
        Self::new(applications, Arc::default(), watch::Sender::new(0))
    }

    /// The applications.
    #[must_use]
    pub fn current(&self) -> Arc<Applications> {
        self.current.load_full()
    }

    /// Moves with every change. Applications that are loaded after this was read are of that version or a later one.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    /// Puts other applications in the place of these, at the wish of somebody who asked at `seen`. They count at once;
    /// when this returns all sessions have been woken. Of several callers at a time the last one wins, so there is
    /// to be one.
    pub fn publish(&self, applications: Applications, seen: Instant) {
        let version = applications.version();
        self.current.store(Arc::new(applications));
        // After the applications: whoever reads the number first loads some that are at least as new.
        self.latest.store(version, Ordering::Release);
        self.registry.call(&Move { affected: Affected::Everybody, seen: Some(seen) });
        self.everybody.send_modify(|epoch| *epoch = epoch.wrapping_add(1));
    }
}
