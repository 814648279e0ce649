//! Keeping the copy: what is read, when, and that it is whole before it counts. No policy: who was copied
//! may still be refused.
//!
//! What lives here: in which way changes are followed ([`strategy`], `changes`, [`timestamps`]; `referrers` and `hidden`: who names what was renamed, is gone, or is back) and from where ([`position`], [`delta`]),
//! tried without following in [`examine`]; what a full pass asks ([`full`]), pages put together and checked ([`assemble`]), what
//! stands above them ([`ancestors`]), everything read at once ([`read`]), and what the domain is called by it (`names`); one pass to its end (`copier`), at a controller that has heard of the last one (`lagging`), and what becomes of it
//! (`settle`): what it means ([`consequences`]), whether it is too large to be believed ([`guard`], `hold`), and how it is kept
//! ([`keeping`]); when the next one is due ([`schedule`], [`cron`]) or announced (`announcer`); when a copy is too old ([`freshness`]);
//! what a pass leaves behind ([`report`], [`job`]); the loop that does it all ([`driver`]), and how others reach it ([`handle`]).
//!
//! What does not: links and paging (`upstream`), what the copy is (`directory`), and what a change means
//! for anybody's rights (`policy`).
//!
//! Invariants:
//! - an interrupted, cut, suddenly empty or unreadable pass leaves the view as it was
//!   (`assemble::tests::what_cannot_be_right_is_thrown_away`, `tests::passes::a_failed_pass_leaves_the_view`);
//! - pages in any split give the same entries (`assemble::tests::pages_do_not_matter`);
//! - what is renamed while it is read is neither lost nor there twice (`tests::copies`);
//! - above every entry is an entry, up to the head of its naming context, unless it cannot be read
//!   (`tests::copies::nothing_is_missing_above_an_entry`);
//! - the subschema is whole or absent (`tests::copies::the_subschema_is_relayed_whole_or_not_at_all`), and
//!   no pass fails for it (`tests::copies::a_subschema_that_cannot_be_read_fails_no_pass`);
//! - a pass that finds nothing new keeps the view and confirms it
//!   (`tests::passes::the_same_again_confirms_the_view`);
//! - a position moves with the view and never before it; what is held moves neither the published view nor what is stored
//!   (`settle`, `keeping`);
//! - passes that find nothing push none out of the history that did
//!   (`job::tests::passes_that_find_nothing_are_counted_unless_somebody_asked`), and numbers of jobs rise over restarts
//!   (`job::tests::numbers_go_on`);
//! - whatever changes, fails, lags or is repeated: in the end following changes comes to what reading everything
//!   comes to, and a pass that fails moves neither view nor position (`tests::random`);
//! - nothing is lost by reading a controller that lags behind, and it is waited for before anything is read whole there,
//!   after a restart too (`tests::lagging`);
//! - the domain is called what its entries say, and those are read with the identities (`tests::renaming`);
//! - computers, trusts, krbtgt and Guest are never copied (`assemble::tests::who_is_copied`).

pub mod ancestors;
mod announcer;
pub mod assemble;
mod changes;
pub mod consequences;
mod copier;
pub mod cron;
pub mod delta;
pub mod driver;
pub mod examine;
pub mod freshness;
pub mod full;
pub mod guard;
pub mod handle;
mod hidden;
mod hold;
pub mod job;
pub mod keeping;
mod lagging;
mod names;
pub mod position;
pub mod read;
mod referrers;
pub mod report;
pub mod schedule;
mod settle;
pub mod strategy;
#[cfg(test)]
mod tests;
pub mod timestamps;

pub use consequences::Consequences;
pub use cron::{CronSchedule, ScheduleError};
pub use driver::SyncDriver;
pub use freshness::{FreshnessWatch, Transition};
pub use guard::{Guard, GuardConfig, HoldReason, Verdict};
pub use handle::{Command, SharedJobs, SyncHandle, SyncPort, SyncRequest};
pub use job::{Idle, Job, JobChanges, JobHistory, JobOutcome, Recorded};
pub use keeping::Keeping;
pub use read::{Copy, Wanted, whole_copy};
pub use report::{
    Announcements, Effect, Held, Leaving, NameList, Pass, PassCounts, PassKind, PassReport,
    Preview, SyncStatus, Trigger,
};
pub use schedule::{Follow, Timing};
pub use strategy::Strategy;

use std::sync::Arc;
use std::time::Duration;

use crate::directory::{AttributeMapping, ViewConfig};
use crate::ldap::schema::DirectoryKind;

/// How one directory is copied.
#[derive(Clone, Debug)]
pub struct SyncConfig {
    /// When a pass runs by itself, and over what.
    pub timing: Timing,
    /// The one strategy that is to be used; `None`: the best there is.
    pub strategy: Option<Strategy>,
    /// Whether the directory is asked to announce its changes.
    pub notify: bool,
    /// Entries of one page.
    pub page_size: u32,
    /// What is copied, where that is less than the naming context.
    pub base: Option<String>,
    /// How the copy is kept.
    pub view: Arc<ViewConfig>,
    /// The age up to which the copy counts as fresh.
    pub max_age: Duration,
    /// What is too much of a change.
    pub guard: GuardConfig,
    /// Which attribute says what about people, what is required of them, and what becomes of a pass over
    /// everything that finds people without it.
    pub mapping: Arc<AttributeMapping>,
}

impl SyncConfig {
    /// A copy that is made as `timing` says, and all else as it is where nothing is configured.
    #[must_use]
    pub fn with(timing: Timing, kind: DirectoryKind) -> Self {
        Self {
            timing,
            strategy: None,
            notify: true,
            page_size: 1000,
            base: None,
            view: Arc::default(),
            max_age: Duration::from_secs(15 * 60),
            guard: GuardConfig::default(),
            mapping: Arc::new(AttributeMapping::default_for(kind)),
        }
    }
}
