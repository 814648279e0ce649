//! `ldapgate check`: tests a configuration the way `run` will use it, and says of every failure which
//! part it is and what to do.
//!
//! What lives here: the findings and their summary ([`report`]), how they are printed ([`page`]), what is
//! tried at one controller ([`controller`]) and what its failures mean ([`explain`]), what is looked for
//! in the copy that was read ([`entries`], [`application`], [`offline`], by [`groups`]), what is tried on this machine
//! ([`listener`]), and the order of all that ([`mod@run`]).
//!
//! What does not: reading the configuration (`config`), talking to controllers (`upstream`), copying a
//! directory (`sync`). The checks go through the same code as the running program.
//!
//! Invariants: a password that one controller refused is never sent to another
//! (`cli::tests::check::a_refused_password_is_tried_once`), every failure names what to do
//! (`cli::tests::check::every_failure_says_what_to_do`), and nothing is changed anywhere.

pub mod application;
pub mod controller;
pub mod entries;
pub mod explain;
pub mod groups;
pub mod listener;
pub mod offline;
pub mod page;
pub mod report;
pub mod run;

pub use run::run;
