//! Service accounts that only this program knows.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use sha2::{Digest, Sha256};

use super::*;
use crate::ldap::secret::Password;
use crate::policy::application::LocalSecret;
use crate::policy::local_account::{VerifiedSecrets, distinguished_name, find, is_slow, verify};

fn password(text: &str) -> Password {
    Password::copy_from(text.as_bytes())
}

fn fast(name: &str, secret: &str) -> LocalAccount {
    let digest = Sha256::digest(secret.as_bytes()).into();
    LocalAccount { name: name.to_owned(), secret: LocalSecret::Sha256(digest) }
}

/// The least memory and time that Argon2id can do with.
fn slow(name: &str, secret: &str, salt: &[u8]) -> LocalAccount {
    let params = Params::new(8, 1, 1, None).unwrap();
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon.hash_password_with_salt(secret.as_bytes(), salt).unwrap();
    LocalAccount { name: name.to_owned(), secret: LocalSecret::Argon2id(hash.to_string()) }
}

#[test]
fn names() {
    let application = Application {
        local_accounts: vec![fast("crm", "x"), fast("odd, name", "x")],
        ..application()
    };
    let name = |text: &str| {
        let name = BindName::read(text.as_bytes()).unwrap();
        find(&application, &name).map(|account| account.name.clone())
    };
    for spelling in ["crm", "CRM", " crm ", "cn=crm,cn=ldapgate", "CN = Crm , CN=LDAPgate"] {
        assert_eq!(name(spelling).as_deref(), Some("crm"), "{spelling:?}");
    }
    assert_eq!(distinguished_name("odd, name"), "cn=odd\\, name,cn=ldapgate");
    assert_eq!(name("cn=odd\\, name,cn=ldapgate").as_deref(), Some("odd, name"));
    for other in [
        "cr",
        "crm2",
        "cn=crm",
        "cn=crm,cn=other",
        "cn=x,cn=crm,cn=ldapgate",
        "uid=crm,cn=ldapgate",
        "*",
    ] {
        assert_eq!(name(other), None, "{other:?}");
    }
}

#[test]
fn secrets() {
    for account in [fast("crm", "right"), slow("crm", "right", b"some salt octets")] {
        assert_eq!(verify(&account, &password("right")).unwrap().name(), "crm");
        for wrong in ["", "wrong", "right ", "Right", "righ"] {
            assert!(verify(&account, &password(wrong)).is_none(), "{wrong:?}");
        }
    }
    let unreadable = LocalSecret::Argon2id("$argon2id$nonsense".to_owned());
    let broken = LocalAccount { name: "crm".to_owned(), secret: unreadable };
    assert!(verify(&broken, &password("$argon2id$nonsense")).is_none());
    assert!(is_slow(&broken) && !is_slow(&fast("crm", "x")));
}

/// What was verified is known again for the same account, secret and stored hash, and for nothing else.
#[test]
fn verified_secrets() {
    let account = slow("crm", "right", b"some salt octets");
    let memory = VerifiedSecrets::new([7; 32]);
    assert!(memory.recall(&account, &password("right")).is_none(), "nothing was verified");
    memory.remember(&account, &password("right"));
    assert_eq!(memory.recall(&account, &password("right")).unwrap().name(), "crm");
    assert!(memory.recall(&account, &password("wrong")).is_none());
    let changed = slow("crm", "right", b"other salt octet");
    assert!(memory.recall(&changed, &password("right")).is_none(), "another stored hash");
    let other = LocalAccount { name: "erp".to_owned(), ..account.clone() };
    assert!(memory.recall(&other, &password("right")).is_none(), "another account");
    // A fast secret is never kept: it costs nothing to check.
    let fast = fast("fast", "right");
    memory.remember(&fast, &password("right"));
    assert!(memory.recall(&fast, &password("right")).is_none());
}
