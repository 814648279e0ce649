//! The edge towards applications: sockets, TLS, limits, and the end.
//!
//! What lives here: listeners and their accept loops ([`listener`]), for whom a load balancer
//! connects ([`proxy_protocol`], read by `proxied`; `strangers` notices who says it unasked), certificates ([`tls`]), and the orderly stop ([`drain`]).
//!
//! What does not: what is said on a connection (`session`).
//!
//! Invariants: an accept error ends nothing, a panicked session ends only itself, and nothing listens on
//! an address that the configuration does not name.

pub mod drain;
pub mod listener;
mod proxied;
pub mod proxy_protocol;
mod strangers;
pub mod tls;

pub use crate::session::driver::SessionLimits;
pub use drain::Drain;
pub use listener::{BoundListener, CertificateFiles, ListenerConfig, ListenerSecurity};
