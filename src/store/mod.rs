//! What outlives a restart: one file, held by one process.
//!
//! What lives here: opening the file, and setting aside one that cannot be used (`open`); the store with
//! the values that belong to no directory and the history of jobs ([`Store`], in `global`); what is kept of one
//! directory, changed in transactions ([`DirectoryStore`], [`Commit`]), and by identity of its accounts
//! ([`IdentityStore`]); and what can go wrong ([`StoreError`]).
//!
//! What does not: what the octets mean. A view writes and reads itself (`directory`), sync its cookies.
//!
//! Invariants:
//! - a transaction is there whole or not at all, also when the process is killed or the disk is full
//!   (`tests::trouble::a_full_disk_loses_nothing_that_was_there`);
//! - a damaged file is set aside, or gives what was committed, never anything else, and never a panic
//!   (`tests::damage`);
//! - what the system does not let us read or write is no damage: the file stays where it is
//!   (`tests::trouble::what_cannot_be_read_is_left_alone`).

mod by_identity;
mod database;
mod directory;
mod error;
mod global;
mod open;
#[cfg(test)]
mod tests;

pub use by_identity::{Identity, IdentityStore};
pub use directory::{Commit, DirectoryStore, Values};
pub use error::StoreError;
pub use global::{MOST_JOBS, Store};
pub use open::{Opened, SetAside};
