//! The configuration: a TOML file, the environment over it, and secrets from files of their own, made
//! into each part's own configuration.
//!
//! What lives here: the file as it is written (`raw`), reading it ([`load()`]), text to `RawConfig` with
//! all faults at once (`parse`), what single values mean (`value`, `filter`), and the sections (`directory`
//! with `sync` and `attributes`, `application` with `served`, `presentation` and `wording`, `local_account`,
//! `listener`, `audit`, put together in [`resolve`]), and what differs between two readings (`fingerprint`).
//!
//! What does not: whether a controller answers or a certificate is valid (`ldapgate check`), and what
//! the parts do with their settings.
//!
//! Invariants, with their tests in `config::tests`: a [`Config`] exists only without faults
//! (`each_fault_is_named`); every key of the file is named in `config/ldapgate.toml` and in
//! `docs/configuration.md` (`every_key_is_shown`, `every_key_is_documented`); no message shows a
//! secret (`no_message_shows_a_secret`); what is proposed in the place of a wrong filter is a filter
//! (`filter::tests::proposals_are_taken`).

mod application;
mod attributes;
mod audit;
mod directory;
mod error;
mod filter;
mod fingerprint;
mod listener;
pub mod load;
mod local_account;
mod offline;
mod parse;
mod presentation;
mod raw;
pub mod resolve;
mod served;
mod shield;
mod sync;
mod value;
mod wording;

#[cfg(test)]
pub(crate) mod tests;

pub use error::{ConfigErrors, Problem, Warning};
pub use fingerprint::Fingerprint;
pub use load::{audit_trail, control_socket, load, load_text};
pub use local_account::local_account_name;
pub use parse::ENVIRONMENT_PREFIX;
pub use resolve::{AuditSettings, Config, DirectorySettings, SyncSettings};
pub use value::duration_argument as duration;
