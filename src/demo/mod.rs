//! A directory to try the gate on: controllers in this process that imitate Active Directory or
//! OpenLDAP on loopback, for `ldapgate demo` and for the integration tests.
//!
//! What lives here: reading LDIF ([`ldif`]); the shared directory ([`directory`], completed by
//! [`complete`], reading bind names in `resolve`, judging binds in [`verify`], searched by [`search`]
//! and [`evaluate`]); one connection's requests and answers ([`conversation`], `paging`, `root_dse`);
//! habits and faults ([`quirks`]); and the servers themselves ([`controller`] and `connection`, the
//! two files that do I/O, with `wire` and [`certificates`]).
//! [`company()`] is the shipped directory `config/demo.ldif`.
//!
//! What does not: anything the gate runs on. The controllers speak through `ldap3_proto`'s codec and
//! names are read by [`name`], not by `crate::ldap`, so that both sides cannot share a mistake.
//!
//! Invariants: a wrong password hides every account state but a lock
//! (`tests::a_wrong_password_hides_the_state`); a killed controller refuses connections and keeps its
//! ports (`tests::killed_and_revived`); a hanging one accepts and never answers
//! (`tests::hangs_and_resumes`); every bind read is counted once (`tests::every_bind_is_counted`).

pub mod certificates;
pub mod company;
pub mod complete;
mod connection;
pub mod controller;
pub mod conversation;
pub mod directory;
pub mod entry;
pub mod evaluate;
pub mod ldif;
pub mod name;
mod paging;
pub mod quirks;
mod resolve;
mod root_dse;
pub mod search;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod wire;

pub use certificates::{Authority, CertificateError};
pub use company::{Account, Expectation, accounts, company, openldap_company};
pub use controller::{Controller, ControllerError, Options, SharedDirectory};
pub use directory::{Directory, DirectoryError, Domain, Kind};
pub use entry::Entry;
pub use quirks::Quirks;
pub use verify::{Outcome, Reason, SeenBind};
