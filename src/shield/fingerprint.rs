//! Telling a password that was refused a moment ago without keeping it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::ldap::identifier::Guid;
use crate::ldap::secret::Password;

/// A digest of account and password under a key that lives only in this process. Not `Debug`: it is in no log.
#[derive(Clone)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Whether both are of the same password, in a time that tells nothing about them.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Makes fingerprints.
pub(super) struct Fingerprints(Option<Hmac<Sha256>>);

impl Fingerprints {
    /// Under `key`, which must be random.
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).ok())
    }

    /// The fingerprint of an account's password.
    pub(super) fn of(&self, guid: Guid, password: &Password) -> Option<Fingerprint> {
        let mut mac = self.0.clone()?;
        mac.update(&guid.0);
        mac.update(password.expose());
        Some(Fingerprint(mac.finalize().into_bytes().into()))
    }
}
