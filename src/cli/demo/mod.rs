//! `ldapgate demo`: the whole thing on this machine, with nothing to install.
//!
//! What lives here: starting two controllers and the gate in front of them ([`mod@run`]), the configuration
//! the gate gets ([`configuration`]), what is printed ([`guide`]), and the failovers ([`failover`]).
//!
//! What does not: the controllers and the company they serve (`crate::demo`).

pub mod configuration;
pub mod failover;
pub mod guide;
pub mod run;

pub use run::run;
