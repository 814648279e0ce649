//! Who may pass, decided on snapshots. Plain data in, a verdict out: no I/O, no clock, no async.
//!
//! What lives here: from a bind name to one account ([`name`], and [`name_memo`] for what was
//! found lately), from an entry to the account's state
//! ([`account`]), whom an operator has blocked ([`blocks`]), the rules ([`rules`]), the decision and the permit
//! ([`mod@judge`], and [`mod@candidate`] for a bind), the decision step by step for an operator ([`explain`]), what an
//! application is shown ([`visibility`], as its [`presentation`] has it) and was shown before it left
//! ([`departures`]), what a new view does to all of them ([`mod@impact`]), accounts only this program knows
//! ([`local_account`]), who may log in while no controller can be asked ([`offline`]), how much traffic an application may make ([`traffic`]), and how long a refusal waits
//! ([`pace`]). All [`applications`] of one configuration are one value, in which a connection's own is found.
//!
//! What does not: what a refused client is told (`session::answer`), and whether a password is right
//! (`upstream::verify`).
//!
//! Invariants, each with its test in `policy::tests` or `tests/it`: a [`Permit`] comes only from an
//! [`Admission`] and one piece of evidence; adding a rule never permits more; a name is resolved to one
//! account before any rule looks at it.

pub mod account;
pub mod application;
pub mod applications;
pub mod blocks;
pub mod candidate;
pub mod departures;
pub mod explain;
pub mod impact;
pub mod judge;
pub mod local_account;
pub mod name;
pub mod name_memo;
pub mod offline;
mod others;
pub mod pace;
pub mod presentation;
pub mod refusal;
pub mod rules;
pub mod service_account;
#[cfg(test)]
pub(crate) mod tests;
pub mod traffic;
pub mod visibility;
pub mod world;

pub use application::Application;
pub use applications::Applications;
pub use blocks::{Block, BlockTarget, Blocks};
pub use judge::{Account, Admission, Identity, Permit, judge};
pub use name::BindName;
pub use refusal::Refusal;
pub use world::{DirectoryState, World};
