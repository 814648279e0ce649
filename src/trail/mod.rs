//! The audit trail: who logged in or was refused, whom an operator blocked, what the guard held and who let it go,
//! and with which configuration, in a file of its own whose lines are chained, so that nobody changes them unseen.
//!
//! What lives here: what a line says ([`event`]), how lines are chained and checked ([`chain`]), checking a whole
//! trail ([`verify`]), the key (`key`), the files (`files`), the lines that wait (`queue`), and the thread that writes
//! them ([`Trail`], in `writer`).
//!
//! What does not: the log (`telemetry`), and when something is worth a line; each room leaves its own.
//!
//! Invariants, with the test that holds each:
//! - Any line edited, taken away, moved or cut off is found: `tests::chain::any_single_change_is_found`.
//! - The chain goes on over rotation, restart and a line cut short: `tests::files`.
//! - A disk that is full holds up nobody beyond what is configured, and what is lost is told:
//!   `tests::writing::a_full_disk_loses_lines_and_says_so`.

pub mod chain;
pub mod event;
mod files;
mod key;
mod queue;
#[cfg(test)]
mod tests;
pub mod verify;
mod writer;

pub use event::Event;
pub use files::TrailError;
pub use key::Key;
pub use writer::{Trail, TrailConfig, WhenFull};
