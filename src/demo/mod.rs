//! A directory to try the gate on: controllers in this process that imitate Active Directory or
//! OpenLDAP on loopback, for `ldapgate demo` and for the integration tests.
//!
//! What lives here: reading LDIF ([`ldif`]); the shared directory ([`directory`], completed by
//! [`complete`], changed by `changes` and `tombstones`, which leave their stamps in `metadata`, reading
//! bind names in `resolve`, judging binds in [`verify`]); what one request sees of it ([`view`],
//! searched by [`search`] and [`evaluate`]); one connection's requests and answers ([`conversation`],
//! `paging`, `root_dse`) with the ways of asking for changes (`dir_sync`, `content_sync`, and
//! `standing` for what does not end); habits and faults ([`quirks`], [`faults`]); and the servers
//! themselves ([`controller`] and `connection`, the two files that do I/O, with `wire` and
//! [`certificates`]). [`company()`] is the shipped directory `config/demo.ldif`.
//!
//! What does not: anything the gate runs on. The controllers speak through `ldap3_proto`'s codec and
//! names are read by [`name`], not by `crate::ldap`, so that both sides cannot share a mistake.
//!
//! Invariants: a wrong password hides every account state but a lock
//! (`tests::binds::a_wrong_password_hides_the_state`); a killed controller refuses connections and keeps its
//! ports (`tests::servers::killed_and_revived`); a hanging one accepts and never answers
//! (`tests::servers::hangs_and_resumes`); every bind read is counted once
//! (`tests::binds::every_bind_is_counted`); a controller that is held back shows one state, whichever
//! way it is asked (`tests::replication::a_controller_that_lags_shows_one_state`).

pub mod certificates;
mod changes;
pub mod company;
pub mod complete;
mod connection;
mod content_sync;
pub mod controller;
pub mod conversation;
mod dir_sync;
pub mod directory;
pub mod entry;
pub mod evaluate;
pub mod faults;
pub mod ldif;
mod metadata;
pub mod name;
mod paging;
pub mod quirks;
mod resolve;
mod root_dse;
pub mod search;
mod standing;
#[cfg(test)]
mod tests;
mod tombstones;
pub mod verify;
pub mod view;
pub mod wire;

pub use certificates::{Authority, CertificateError};
pub use company::{Account, Expectation, accounts, company, openldap_company};
pub use controller::{Controller, ControllerError, Options, SharedDirectory};
pub use directory::{Directory, DirectoryError, Domain, Kind};
pub use entry::Entry;
pub use faults::{Ending, SearchFault};
pub use quirks::Quirks;
pub use verify::{Outcome, Reason, SeenBind};
