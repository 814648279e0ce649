//! Who may pass, decided on snapshots. Plain data in, a verdict out: no I/O, no clock, no async.
//!
//! What lives here: from a bind name to one account ([`name`]), from an entry to the account's state
//! ([`account`]), the rules ([`rules`]), the decision and the permit ([`mod@judge`]), what an application is
//! shown ([`visibility`], as its [`presentation`] has it), what a new view does to all of them ([`mod@impact`]), and accounts only this program knows ([`local_account`]).
//!
//! What does not: what a refused client is told (`session::answer`), and whether a password is right
//! (`upstream::verify`).
//!
//! Invariants, each with its test in `policy::tests` or `tests/it`: a [`Permit`] comes only from an
//! [`Admission`] and one piece of evidence; adding a rule never permits more; a name is resolved to one
//! account before any rule looks at it.

pub mod account;
pub mod application;
pub mod impact;
pub mod judge;
pub mod local_account;
pub mod name;
mod others;
pub mod presentation;
pub mod refusal;
pub mod rules;
pub mod service_account;
#[cfg(test)]
pub(crate) mod tests;
pub mod visibility;
pub mod world;

pub use application::Application;
pub use judge::{Account, Admission, Identity, Permit, judge};
pub use name::BindName;
pub use refusal::Refusal;
pub use world::{DirectoryState, World};
