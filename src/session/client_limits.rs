//! How large and how slow a client may be.

use std::time::Duration;

use crate::ldap::frame;

/// How large and how slow a client may be.
#[derive(Clone, Debug)]
pub struct SessionLimits {
    /// From accepting to the first successful bind.
    pub pre_bind_timeout: Duration,
    /// Between the end of one request and the next after that.
    pub idle_timeout: Duration,
    /// Largest message before a successful bind, in octets.
    pub message_before_bind: usize,
    /// Largest message after one, in octets.
    pub message_after_bind: usize,
    /// Longest wait for a client to take an answer.
    pub write_timeout: Duration,
    /// Longest TLS handshake.
    pub tls_handshake_timeout: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            pre_bind_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(4 * 3600),
            message_before_bind: frame::DEFAULT_LIMIT_BEFORE_BIND,
            message_after_bind: frame::DEFAULT_LIMIT_AFTER_BIND,
            write_timeout: Duration::from_secs(30),
            tls_handshake_timeout: Duration::from_secs(10),
        }
    }
}
