//! One conversation with one client.
//!
//! What lives here: the session's state and what a request means for it ([`machine`]), binds ([`bind`]),
//! searches ([`search`], [`cursor`]), compare, extended operations, which controls are served
//! ([`critical`]), the one table from reason to result code ([`answer`]), and the loop that moves octets
//! ([`driver`], the only file that waits).
//!
//! What does not: sockets and TLS (`server`), who may pass (`policy`), what matches (`directory`).
//!
//! Invariants (tests in `tests/it`): a failed bind leaves the session anonymous and open; a bind is a
//! barrier; every answerable request gets exactly one terminal answer of its own type; a critical control
//! that is not served gets code 12.

pub mod answer;
pub mod audit;
pub mod bind;
pub mod compare;
pub mod critical;
pub mod cursor;
pub mod dialect;
pub mod driver;
pub mod extended;
pub mod gate;
pub mod machine;
pub mod password_check;
pub mod responder;
pub mod root_dse;
pub mod search;
#[cfg(test)]
mod tests;
