//! The PROXY protocol, versions 1 and 2: the header with which a load balancer says for whom it connects. Octets
//! in, an address out.
//!
//! What lives here: the header of either version (`header`), and the checksum that one of version 2 may have (`crc32c`).
//!
//! What does not: who is believed (`server::listener`), the reading off a connection (`server::proxied`), and the
//! noticing of headers that nobody asked for (`server::strangers`).
//!
//! After the specification of HAProxy ("The PROXY protocol, Versions 1 & 2", §2): version 1 is a line of text of
//! at most 107 octets, version 2 begins with a signature that is the start of no LDAP message and no TLS
//! record. Nothing behind the header is ever asked for, so that what follows it stays where it is.

mod crc32c;
mod header;

pub use header::{Header, HeaderError, Progress, begins_a_header, holds_when_cut, parse};

#[cfg(test)]
mod tests;
