//! One conversation with one client.
//!
//! What lives here: the session's state and what a request means for it ([`machine`]), binds ([`bind`]),
//! what an application is served at all ([`allowed`]),
//! searches ([`search`]: their controls [`extensions`], bounds [`limits`], order [`sort`], bases above several directories `spanning`, pages [`cursor`] with
//! what they pin [`pins`], [`matches`], and what they return [`plans`]), compare, the permit that both need
//! (`reading_permit`), extended operations, which controls are served
//! ([`critical`]), the one table from reason to result code ([`answer`]), and the loop that moves octets
//! ([`driver`]) with what has come in ([`inbox`]), what goes out (`outbox`), its limits (`client_limits`), what else wakes it
//! ([`signals`]: the end, an alarm, and changes, which [`waking`] brings to those whom the [`registry`] knows,
//! and [`revocations`] times and `ended` writes down; blocks, which the [`kill_switch`] sets; other applications, which [`configured`] publishes), the searches that are matched beside it ([`heavy`]), and logins while no controller can be asked ([`offline`]).
//!
//! What does not: sockets and TLS (`server`), who may pass (`policy`), what matches (`directory`).
//!
//! Invariants (tests in `tests/it`): a failed bind leaves the session anonymous and open; a bind is a
//! barrier; every answerable request gets exactly one terminal answer of its own type; a critical control
//! that is not served gets code 12.

pub mod allowed;
pub mod answer;
pub mod audit;
pub mod bind;
mod client_limits;
pub mod compare;
pub mod configured;
pub mod critical;
pub mod cursor;
pub mod dialect;
pub mod driver;
mod ended;
pub mod extended;
pub mod extensions;
mod finding;
pub mod gate;
pub mod heavy;
pub mod inbox;
pub mod kill_switch;
pub mod learned;
pub mod limits;
mod list_view;
pub mod machine;
pub mod matches;
pub mod offline;
mod outbox;
mod page;
pub mod password_check;
pub mod pins;
pub mod plans;
mod reading_permit;
pub mod registry;
pub mod responder;
pub mod revocations;
pub mod root_dse;
pub mod search;
mod search_run;
pub mod signals;
pub mod sort;
mod spanning;
#[cfg(test)]
mod tests;
pub mod waking;
