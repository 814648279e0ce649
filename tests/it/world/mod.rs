//! The worlds that tests run in: real controllers, a real slapd, the program as a process, and clients.
//!
//! Tests that need the lab are marked `#[ignore = "lab"]`; `scripts/test` prepares it and runs them all.

pub(crate) mod checkout;
pub(crate) mod client;
pub(crate) mod company;
pub(crate) mod corp;
pub(crate) mod gate;
pub(crate) mod lab;
pub(crate) mod sections;
pub(crate) mod stream;
