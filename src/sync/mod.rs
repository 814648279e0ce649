//! Keeping the copy: what is read, when, and that it is whole before it counts. No policy: who was copied
//! may still be refused.
//!
//! What lives here: what a full pass asks ([`full`]), pages put together and checked ([`assemble`]), what
//! stands above them ([`ancestors`]), one pass over one controller ([`read`], which `check` uses too), when the next one is due ([`schedule`],
//! [`cron`]), what a pass leaves behind ([`report`]), and the loop that does it all ([`driver`]).
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
//! - computers, trusts, krbtgt and Guest are never copied (`assemble::tests::who_is_copied`).

pub mod ancestors;
pub mod assemble;
pub mod cron;
pub mod driver;
pub mod full;
pub mod read;
pub mod report;
pub mod schedule;
#[cfg(test)]
mod tests;

pub use cron::{CronSchedule, ScheduleError};
pub use driver::{SyncDriver, SyncHandle};
pub use read::{Copy, Wanted, whole_copy};
pub use report::{Pass, PassReport, SyncStatus, Trigger};

use std::sync::Arc;
use std::time::Duration;

use crate::directory::ViewConfig;

/// How one directory is copied.
#[derive(Clone, Debug)]
pub struct SyncConfig {
    /// When a pass runs by itself.
    pub schedule: CronSchedule,
    /// Entries of one page.
    pub page_size: u32,
    /// What is copied, where that is less than the naming context.
    pub base: Option<String>,
    /// Least time between the end of a pass and one that a refusal asks for.
    pub after_refusal: Duration,
    /// How the copy is kept.
    pub view: Arc<ViewConfig>,
}
