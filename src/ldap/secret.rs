//! The one type that holds a password.

use zeroize::Zeroizing;

/// A password as octets. It cannot be cloned, printed, hashed or compared by accident, and its
/// memory is overwritten when it is dropped.
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// Takes a copy of `octets`; the caller wipes its own.
    #[must_use]
    pub fn copy_from(octets: &[u8]) -> Self {
        Self(Zeroizing::new(octets.to_vec()))
    }

    /// The octets, for the one place that puts them on the wire or checks them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether it has no octets at all (an unauthenticated bind, RFC 4513 §5.1.2).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it contains a NUL octet. Some controllers stop reading there and accept the rest.
    #[must_use]
    pub fn contains_nul(&self) -> bool {
        self.0.contains(&0)
    }
}
