//! Integration tests, one binary. `cargo test` runs what needs nothing but Rust; `scripts/test` prepares real
//! servers and runs everything.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on fails, and tests count real time"
)]

mod ad;
mod applications;
mod audit_trail;
mod bad_input;
mod bad_searches;
mod blocking;
mod browsers;
mod check;
mod clients;
mod codec;
mod controls;
mod corpus;
mod decisions;
mod deltas;
mod differential;
mod docs;
mod failover;
mod following;
mod guard;
mod latency;
mod layering;
mod limits;
mod listeners;
mod offline;
mod openldap;
mod proxied;
mod reload;
mod schema;
mod session;
mod shield;
mod shutdown;
mod store;
mod strangers;
mod sync;
mod two_directories;
mod world;
