//! Service accounts that only this program knows: names and secrets, checked without any directory.

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::ldap::dn::{DistinguishedName, NormalizedDn};
use crate::ldap::matching_rule::prepare_case_ignore;
use crate::ldap::secret::Password;

use super::application::{Application, LocalAccount, LocalSecret};
use super::name::BindName;

/// The naming context of what only this program knows.
pub const LOCAL_CONTEXT: &str = "cn=ldapgate";

/// Proof that a local account's secret was given; [`verify`] is its only constructor.
#[derive(Debug)]
#[must_use]
pub struct LocalSecretAccepted {
    name: String,
}

impl LocalSecretAccepted {
    /// The account it was given for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The local account of the application that `name` stands for: its plain name, compared without case,
/// or `cn=<name>,cn=ldapgate` for applications that insist on a distinguished name.
#[must_use]
pub fn find<'a>(application: &'a Application, name: &BindName) -> Option<&'a LocalAccount> {
    if application.local_accounts.is_empty() {
        return None;
    }
    let text = prepare_case_ignore(name.as_str());
    let dn = name.as_str().contains('=').then(|| NormalizedDn::parse(name.as_str()).ok()).flatten();
    application.local_accounts.iter().find(|account| {
        prepare_case_ignore(&account.name) == text
            || (dn.is_some() && dn == NormalizedDn::parse(&distinguished_name(&account.name)).ok())
    })
}

/// The distinguished name of a local account.
#[must_use]
pub fn distinguished_name(name: &str) -> String {
    use crate::ldap::dn::{Ava, Rdn};
    let rdn = |value: &str| Rdn(vec![Ava::new("cn", value.as_bytes())]);
    DistinguishedName(vec![rdn(name), rdn("ldapgate")]).to_string()
}

/// Whether checking the secret is slow on purpose, so that it belongs on a thread of its own.
#[must_use]
pub const fn is_slow(account: &LocalAccount) -> bool {
    matches!(account.secret, LocalSecret::Argon2id(_))
}

/// Checks a secret; `None` if it is wrong.
pub fn verify(account: &LocalAccount, password: &Password) -> Option<LocalSecretAccepted> {
    let matches = match &account.secret {
        LocalSecret::Sha256(expected) => {
            let given: [u8; 32] = Sha256::digest(password.expose()).into();
            bool::from(given.ct_eq(expected))
        }
        LocalSecret::Argon2id(text) => is_hash_of(text, password),
    };
    matches.then(|| LocalSecretAccepted { name: account.name.clone() })
}

/// Whether `text`, in PHC form, is an Argon2 hash of the password. Slow on purpose, some 20 MiB for some 20 ms.
pub(super) fn is_hash_of(text: &str, password: &Password) -> bool {
    PasswordHash::new(text)
        .is_ok_and(|hash| Argon2::default().verify_password(password.expose(), &hash).is_ok())
}

/// Remembers that a slow secret was right, as a digest under a key that lives only in this process, so
/// that a pooled application does not pay Argon2id for every bind.
pub struct VerifiedSecrets {
    key: [u8; 32],
    digests: dashmap::DashMap<String, [u8; 32]>,
}

impl VerifiedSecrets {
    /// An empty memory under `key`, which must be random.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, digests: dashmap::DashMap::new() }
    }

    /// As [`verify`], from memory where the same secret has been verified for the account before.
    pub fn recall(
        &self,
        account: &LocalAccount,
        password: &Password,
    ) -> Option<LocalSecretAccepted> {
        let digest = self.digest(account, password)?;
        let known = self.digests.get(&account.name)?;
        bool::from(known.ct_eq(&digest)).then(|| LocalSecretAccepted { name: account.name.clone() })
    }

    /// Notes a success.
    pub fn remember(&self, account: &LocalAccount, password: &Password) {
        if let Some(digest) = self.digest(account, password) {
            self.digests.insert(account.name.clone(), digest);
        }
    }

    /// The secret's stored form goes in as well, so that a changed configuration forgets.
    fn digest(&self, account: &LocalAccount, password: &Password) -> Option<[u8; 32]> {
        let LocalSecret::Argon2id(stored) = &account.secret else { return None };
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        for part in [account.name.as_bytes(), stored.as_bytes(), password.expose()] {
            mac.update(&part.len().to_be_bytes());
            mac.update(part);
        }
        Some(mac.finalize().into_bytes().into())
    }
}
