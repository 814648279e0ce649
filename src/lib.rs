//! An LDAP authentication proxy with a synced view of the directory.
#![doc = include_str!("../ARCHITECTURE.md")]

pub mod certificate;
pub mod demo;
pub mod directory;
pub mod hexadecimal;
pub mod ldap;
pub mod policy;
pub mod session;
pub mod sync;
#[cfg(test)]
mod testing;
pub mod time;
pub mod upstream;
