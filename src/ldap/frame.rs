//! Finds the end of one LDAP message in a stream of octets (RFC 4511 §5.2).
//!
//! The size limit is applied to the header, before any content is awaited, so a claimed length can
//! never make the reader buffer more than the limit.

use thiserror::Error;

use super::ber::{BerError, Header, tag};

/// Largest message accepted before a connection has bound, in octets.
pub const DEFAULT_LIMIT_BEFORE_BIND: usize = 64 * 1024;
/// Largest message accepted after a successful bind, in octets.
pub const DEFAULT_LIMIT_AFTER_BIND: usize = 4 * 1024 * 1024;

/// Why a stream cannot be cut into messages; nothing after this point can be trusted.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FrameError {
    /// The header is not allowed in LDAP.
    #[error("broken message header: {0}")]
    Header(#[from] BerError),
    /// The stream does not continue with a SEQUENCE; a TLS handshake on a plain port looks so.
    #[error("not an LDAP message: it starts with octet 0x{0:02x}{hint}", hint = hint(*.0))]
    NotAMessage(u8),
    /// The message claims more octets than the limit.
    #[error("a message of {length} octets is over the limit of {limit}")]
    TooLarge {
        /// Octets of the whole message as claimed by its header.
        length: usize,
        /// The limit in force.
        limit: usize,
    },
}

const fn hint(first: u8) -> &'static str {
    match first {
        0x16 => " (a TLS handshake: is the client using ldaps on an ldap port?)",
        b'A'..=b'Z' => " (text: is an HTTP or PROXY-protocol client connecting here?)",
        _ => "",
    }
}

/// The length in octets of the first message in `buffer`, or `None` while it is incomplete.
///
/// # Errors
/// The stream is not LDAP, or the message is over `limit`.
pub fn complete_length(buffer: &[u8], limit: usize) -> Result<Option<usize>, FrameError> {
    match buffer.first() {
        None => return Ok(None),
        Some(&tag::SEQUENCE) => {}
        Some(&other) => return Err(FrameError::NotAMessage(other)),
    }
    let Some(header) = Header::read(buffer)? else { return Ok(None) };
    let length = header.header_length.saturating_add(header.content_length);
    if length > limit {
        return Err(FrameError::TooLarge { length, limit });
    }
    Ok((buffer.len() >= length).then_some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_at_the_header() {
        let header = [0x30, 0x84, 0x7f, 0xff, 0xff, 0xff];
        assert_eq!(
            complete_length(&header, 1024),
            Err(FrameError::TooLarge { length: 0x7fff_ffff + 6, limit: 1024 })
        );
    }

    #[test]
    fn a_message_is_complete_only_with_its_last_octet() {
        let message = [0x30, 0x05, 0x02, 0x01, 0x01, 0x42, 0x00];
        for end in 0..message.len() {
            assert_eq!(complete_length(&message[..end], 100), Ok(None), "{end}");
        }
        assert_eq!(complete_length(&message, 100), Ok(Some(7)));
    }

    #[test]
    fn other_protocols_are_named() {
        let error = complete_length(&[0x16, 0x03, 0x01], 100).unwrap_err();
        assert!(error.to_string().contains("TLS handshake"));
        let error = complete_length(b"GET / HTTP/1.1", 100).unwrap_err();
        assert!(error.to_string().contains("HTTP"));
    }
}
