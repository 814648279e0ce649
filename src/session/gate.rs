//! `[io]` What all sessions share: the views, the way to the controllers, and what has been learned. Live handles,
//! nothing is decided here.

use std::sync::Arc;
use std::time::Duration;

use crate::directory::PublishedView;
use crate::policy::local_account::VerifiedSecrets;
use crate::policy::name_memo::NameMemo;
use crate::policy::visibility::VisibilityCache;
use crate::policy::{DirectoryState, World};
use crate::shield::Shield;
use crate::telemetry::LineLog;
use crate::trail::Trail;
use crate::upstream::Upstream;

use super::audit::NameHash;
use super::configured::Configured;
use super::kill_switch::KillSwitch;
use super::learned::LearnedDialect;
use super::offline::Offline;
use super::pins::Pins;
use super::registry::Registry;
use super::revocations::Revocations;

/// One directory as sessions use it.
pub struct DirectoryGate {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Its current view.
    pub published: Arc<PublishedView>,
    /// The age from which on its view is too old for applications that insist on a fresh one.
    pub max_age: Duration,
    /// The way to its controllers.
    pub upstream: Arc<Upstream>,
    /// What keeps its accounts from being locked.
    pub shield: Arc<Shield>,
    /// Who may log in while no controller can be asked; `None`: nobody, and nothing is kept of passwords.
    pub offline: Option<Arc<Offline>>,
    /// How it words a wrong password.
    pub dialect: Arc<LearnedDialect>,
    /// Asks for a sync pass soon; many calls make one pass.
    pub refresh: Box<dyn Fn() + Send + Sync>,
}

impl DirectoryGate {
    /// Whether no controller can judge a password, as far as is known. Each of them would still be tried, since one
    /// may have come back unnoticed.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.upstream.status().iter().all(|controller| controller.verify.state == "down")
    }
}

/// What all sessions share.
pub struct Gate {
    /// All directories.
    pub directories: Vec<Arc<DirectoryGate>>,
    /// Whom names stood for when they were last resolved.
    pub names: NameMemo,
    /// The applications as they are configured now.
    pub applications: Arc<Configured>,
    /// Which users each application is shown.
    pub visibility: VisibilityCache,
    /// Which sessions act for whom.
    pub registry: Arc<Registry>,
    /// Whom an operator has blocked.
    pub kill_switch: Arc<KillSwitch>,
    /// How long it took to end sessions whose accounts were taken away.
    pub revocations: Arc<Revocations>,
    /// The lists that paged searches of all sessions go on in.
    pub pins: Arc<Pins>,
    /// Secrets of local accounts that have been verified slowly once.
    pub secrets: VerifiedSecrets,
    /// Bounds how many slow secrets are checked at a time.
    pub slow_checks: Arc<tokio::sync::Semaphore>,
    /// Bounds how many searches that take long match at a time.
    pub heavy_searches: Arc<tokio::sync::Semaphore>,
    /// Where the audit goes.
    pub log: LineLog,
    /// The audit trail, where there is one.
    pub trail: Option<Arc<Trail>>,
    /// How names that resolve to nobody appear in the audit.
    pub unknown_names: NameHash,
    /// The host name this program goes by.
    pub host: String,
}

/// The world as a session saw it last, kept for as long as nothing in it moves. It keeps its views alive, so who
/// waits for long lets it follow.
pub struct Snapshot {
    published: u64,
    world: World,
}

impl Snapshot {
    /// The views.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }
}

impl Gate {
    /// A snapshot for one decision.
    #[must_use]
    pub fn world(&self) -> World {
        let blocks = self.kill_switch.current();
        let applications = self.applications.current();
        let mut epoch = blocks.version() + applications.version();
        let states = self.directories.iter().map(|directory| {
            let state = directory.published.state();
            // Epochs only grow, so their sum moves whenever any state does.
            epoch += state.epoch;
            DirectoryState::published(directory.name.clone(), &state, directory.max_age)
        });
        let directories = states.collect();
        World { epoch, blocks, applications, directories }
    }

    /// A snapshot to keep.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        // Read before the states: one that is published in between shows as a difference later.
        let published = self.published();
        Snapshot { published, world: self.world() }
    }

    /// Replaces `snapshot` if any view has been published, anybody withdrawn or blocked or the applications changed
    /// since it was taken. What was
    /// done before the call is in it afterwards.
    pub fn refresh(&self, snapshot: &mut Snapshot) {
        if snapshot.published != self.published() {
            *snapshot = self.snapshot();
        }
    }

    /// Moves whenever any state does.
    fn published(&self) -> u64 {
        let views = self.directories.iter().map(|directory| directory.published.epoch());
        views.sum::<u64>() + self.kill_switch.version() + self.applications.version()
    }

    /// The directory called `name`.
    #[must_use]
    pub fn directory(&self, name: &str) -> Option<&DirectoryGate> {
        self.directories.iter().find(|directory| &*directory.name == name).map(|found| &**found)
    }
}
