//! Logging in while no controller can be asked: plain data, decided on a snapshot.
//!
//! What lives here: what the configuration allows ([`OfflineConfig`]), who may at all by the groups and the state
//! that the view shows (`account`), and what is kept of a password that a controller has accepted, with its bounds
//! (`verifier`), from which the one piece of evidence comes ([`OfflineVerified`]), and the same shown to an operator
//! step by step (`explain`).
//!
//! What does not: keeping verifiers, and when they are asked (`session::offline`).
//!
//! Invariants (tests in `policy::tests::offline`): no order of attempts passes the budget of wrong passwords or of
//! uses, and only a controller's own word gives them back; nothing is taken that is too old or of another password.

mod account;
mod config;
mod explain;
mod verifier;
mod withheld;

pub use account::{PasswordStamp, may_enter};
pub use config::OfflineConfig;
pub use explain::{OfflineStep, explain};
pub use verifier::{
    Attempt, Checked, Conclusion, OfflineVerified, Standing, Verifier, VerifierRecord,
};
pub use withheld::{NotVerified, Withheld};
