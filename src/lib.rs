//! An LDAP authentication proxy with a synced view of the directory.
#![doc = include_str!("../ARCHITECTURE.md")]

pub mod admin;
pub mod app;
pub mod certificate;
pub mod cli;
pub mod config;
pub mod demo;
pub mod directory;
pub mod hexadecimal;
pub mod ldap;
pub mod policy;
pub mod private_file;
pub mod server;
pub mod session;
pub mod shield;
pub mod store;
pub mod sync;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod time;
pub mod trail;
pub mod upstream;
