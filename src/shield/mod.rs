//! The lockout shield: no application can lock an account of the directory through this program.
//!
//! What lives here: how many failures an account may have ([`limit`]), which policy of the directory says so
//! ([`policy`]), one account's budget (`account`) and those of a whole directory (`accounts`), the memory of
//! repeated passwords (`fingerprint`), the budgets of applications and client addresses ([`sources`]), and the
//! [`Shield`] of one directory, at which a login waits for its turn ([`gatekeeper`], `queue`) and gets a [`Reservation`].
//!
//! What does not: whether a password is right (`upstream::verify`), who may pass (`policy`), what a client is told
//! (`session::answer`).
//!
//! An account is its identity in its directory, objectGUID or entryUUID. Names are resolved before anything
//! here is asked, so no spelling, application or address can split a budget.
//!
//! Invariants (tests in `shield::tests`): what a controller counts never exceeds the budget, however attempts
//! run beside each other; a password is kept only as a digest under a key that lives in this process, and no
//! longer than a minute.

mod account;
mod accounts;
mod fingerprint;
pub mod gatekeeper;
pub mod limit;
pub mod policy;
mod queue;
mod reading;
pub mod sources;
#[cfg(test)]
mod tests;

pub use account::Answer;
pub use gatekeeper::{AccountState, Counts, Origin, Reservation, Shield, Turned};
pub use limit::{Limit, ShieldConfig};
pub use sources::{SourceLimits, Sources};
