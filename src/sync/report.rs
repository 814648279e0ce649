//! What a pass leaves behind: for the log, the control socket and the command line.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::directory::{ChangeSummary, Counts};
use crate::upstream::FetchError;

/// Why a pass ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// The program has started.
    Start,
    /// The schedule.
    Schedule,
    /// An operator.
    Demand,
    /// A login was refused for what the view says.
    Refusal,
    /// The pass before failed.
    Retry,
}

impl Trigger {
    /// The word in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Schedule => "schedule",
            Self::Demand => "demand",
            Self::Refusal => "refusal",
            Self::Retry => "retry",
        }
    }
}

/// One pass.
#[derive(Clone, Debug)]
pub struct PassReport {
    /// The directory.
    pub directory: Arc<str>,
    /// Why it ran.
    pub trigger: Trigger,
    /// The controller it read, or the last one that failed it; none if none could be asked.
    pub controller: Option<Arc<str>>,
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// What came of it; a failure names the step: network, TLS, credentials, base DN, rights, limit …
    pub outcome: Result<Pass, FetchError>,
}

/// A pass that succeeded.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The generation of the view that is published now.
    pub generation: u64,
    /// What is in it.
    pub counts: Counts,
    /// What has changed against the one before.
    pub changes: ChangeSummary,
    /// Users whose state cannot be read; they are refused.
    pub unreadable: usize,
    /// Entries that were left out: without identity, or with a name that is none. The log names them.
    pub left_out: usize,
    /// Entries that were moved or renamed while they were read.
    pub moved: usize,
}

/// How the copying goes.
#[derive(Clone, Debug, Default)]
pub struct SyncStatus {
    /// Whether a pass is under way.
    pub running: bool,
    /// The last pass.
    pub last: Option<PassReport>,
    /// Passes that have failed since the last success.
    pub failures: u32,
    /// When the next one is due, if nothing asks for one sooner.
    pub next: Option<SystemTime>,
}
