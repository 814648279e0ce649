//! `[io]` What all sessions share: the views, the way to the controllers, and what has been learned. Live handles,
//! nothing is decided here.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::directory::PublishedView;
use crate::ldap::schema::DirectoryKind;
use crate::policy::local_account::VerifiedSecrets;
use crate::policy::visibility::VisibilityCache;
use crate::policy::{DirectoryState, World};
use crate::upstream::Upstream;

use super::audit::NameHash;
use super::dialect::Dialect;

/// One directory as sessions use it.
pub struct DirectoryGate {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Its schema and account semantics.
    pub kind: DirectoryKind,
    /// Its current view.
    pub published: Arc<PublishedView>,
    /// The way to its controllers.
    pub upstream: Arc<Upstream>,
    /// How it words a wrong password.
    pub dialect: ArcSwap<Dialect>,
    /// Asks for a sync pass soon; many calls make one pass.
    pub refresh: Box<dyn Fn() + Send + Sync>,
}

/// What all sessions share.
pub struct Gate {
    /// All directories.
    pub directories: Vec<DirectoryGate>,
    /// Which users each application is shown.
    pub visibility: VisibilityCache,
    /// Secrets of local accounts that have been verified slowly once.
    pub secrets: VerifiedSecrets,
    /// Bounds how many slow secrets are checked at a time.
    pub slow_checks: Arc<tokio::sync::Semaphore>,
    /// How names that resolve to nobody appear in the audit.
    pub unknown_names: NameHash,
    /// The host name this program goes by.
    pub host: String,
}

impl Gate {
    /// A snapshot for one decision.
    #[must_use]
    pub fn world(&self) -> World {
        let directories: Vec<DirectoryState> = self
            .directories
            .iter()
            .map(|directory| DirectoryState {
                name: directory.name.clone(),
                view: directory.published.load(),
            })
            .collect();
        // Generations only grow, so their sum moves whenever any view does.
        let epoch = directories
            .iter()
            .filter_map(|state| state.view.as_ref())
            .map(|view| view.generation())
            .sum();
        World { epoch, directories }
    }

    /// The directory called `name`.
    #[must_use]
    pub fn directory(&self, name: &str) -> Option<&DirectoryGate> {
        self.directories.iter().find(|directory| &*directory.name == name)
    }
}
