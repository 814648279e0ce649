//! The authority: the directory's own controllers, which alone judge passwords, and which the copy
//! is read from.
//!
//! What lives here: what is configured (`controller`), the parts at work together (`controllers`),
//! what an answer means (`outcome`), the failover rule (`failover`), which controller is asked
//! (`roster`), whether it is healthy (`health`, `board`, `fitness`), links and pools (`stream`,
//! `dial`, `link`, `pool`, `tls`, `certificate`), logins (`verify`, `relay`), reading (`fetch`,
//! `paging`, `range`, `service`, `kept`), asking for changes (`change_source` with `content`, `dir_sync`,
//! `content_sync`; `up_to_dateness`: what a controller has heard of others), noticing them (`watch`, `asking`), the probes (`probe`), and what operators are told
//! (`status`, `error`).
//!
//! What does not: who may log in (`policy`), what the client is told (`session::answer`), and what
//! is kept of what was read (`sync`, `directory`).
//!
//! Invariants, with the test that holds each:
//! - Only code 0 in a BindResponse under our own message id is success:
//!   `outcome::tests::only_code_zero_under_our_id_is_success`.
//! - A password that a controller judged is not sent again, one that was sent and not judged is
//!   sent at most once more, and an outage never becomes a refusal:
//!   `failover::tests::the_rule_holds_for_any_behaviour`.
//! - A request counts as not sent only if the kernel took no octet of it: `tests::linking`.
//! - A refused service password is sent once:
//!   `tests::fetching::a_refused_service_account_is_sent_once`.
//! - An incomplete answer is an error: `paging::tests::what_is_cut_short_is_an_error`,
//!   `tests::changing`.
//! - A link that was kept and died is not held against its controller:
//!   `tests::keeping::a_kept_link_that_died_is_nobodys_fault`.

mod alarm;
mod asking;
mod board;
mod certificate;
mod change_source;
mod content;
mod content_sync;
mod controller;
mod controllers;
mod dial;
mod dir_sync;
mod error;
mod failover;
mod fetch;
mod fitness;
mod health;
mod kept;
mod link;
mod outcome;
mod paging;
mod pool;
mod probe;
mod range;
mod relay;
mod roster;
mod service;
mod status;
mod stream;
mod tls;
mod up_to_dateness;
mod verify;
mod watch;

#[cfg(test)]
mod tests;

pub use change_source::Numbering;
pub use content::Content;
pub use content_sync::{SyncEnd, SyncEvent};
pub use controller::{
    ControllerConfig, HealthConfig, PoolConfig, Security, Timeouts, Trust, UpstreamConfig,
};
pub use controllers::Upstream;
pub use dir_sync::DirSyncPage;
pub use error::{FetchError, Step, Unavailable, UpstreamError};
pub use failover::BindOutcome;
pub use fetch::FetchSession;
pub use kept::KeptSession;
#[cfg(test)]
pub use outcome::accepted_for_tests;
pub use outcome::{Accepted, REFUSED_TEXT, may_count};
pub use status::{CapabilityStatus, ControllerStatus, HistoryRecord};
pub use verify::{Charge, Times, Verification};
pub use watch::{Noticed, Watch, WatchKind};
