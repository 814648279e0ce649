//! The command line: what an operator types, what they read, and the exit code they get.
//!
//! What lives here: the arguments ([`arguments`]), one file for each command, the client of the control
//! socket ([`client`]), and how things are written for people ([`render`]). [`check`] tests a
//! configuration against the real controllers.
//!
//! What does not: anything that the running program does (`app`), and what it says on its socket
//! (`admin`).
//!
//! Invariants: results go to standard output, everything else to standard error; the exit codes are
//! those of [`exit`] (`arguments::tests::help_names_every_exit_code`); no command but `run` and `demo`
//! changes anything in the running system except what it was asked for; every command's help has
//! examples (`arguments::tests::every_command_has_examples`).

pub mod arguments;
pub mod audit;
pub mod block;
pub mod certs;
pub mod check;
pub mod client;
pub mod demo;
pub mod entry;
mod examples;
pub mod exit;
pub mod explain;
pub mod explain_bind;
pub mod log_level;
pub mod metrics;
pub mod output;
pub mod reload;
pub mod render;
pub mod run;
pub mod service_account;
pub mod status;
pub mod sync;
#[cfg(test)]
mod tests;
pub mod unshield;

pub use entry::main;
