//! `ldapgate sync`: has the running program sync now, shows what was synced when, and decides on what is held.
//!
//! What lives here: asking for a pass and waiting for it ([`now`]), the jobs and the decisions ([`jobs`]), and
//! how passes and people are written ([`text`]).

pub mod jobs;
pub mod now;
pub mod text;

pub use jobs::{decide, list};
pub use now::run;
