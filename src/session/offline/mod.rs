//! Logins while no controller can be asked: the verifiers of one directory, for all sessions, kept over a restart.
//!
//! What lives here: the verifiers with their budgets and their place in the store ([`Offline`], in `book`), a login
//! that is tried on them (`login`), and what takes them away again (`following`).
//!
//! What does not: who may, and what a verifier is worth (`policy::offline`).
//!
//! Everything slow, hashing and writing, runs on threads that may block, few at a time. What an attempt cost is on
//! the disk before its answer leaves: where it cannot be written, nothing is told that a guess could use.

mod book;
mod following;
pub(super) mod login;

pub use book::{Counts, Offline};
pub use following::follow;
