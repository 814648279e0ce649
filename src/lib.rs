//! An LDAP authentication proxy with a synced view of the directory.
#![doc = include_str!("../ARCHITECTURE.md")]

pub mod directory;
pub mod hexadecimal;
pub mod ldap;
#[cfg(test)]
mod testing;
pub mod time;
