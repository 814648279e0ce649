//! Makes local service accounts: names and secrets that only this program knows, so that an
//! application needs no account of its own in the directory.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, phc::PasswordHash};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::local_account_name;
use crate::hexadecimal;
use crate::ldap::secret::Password;

/// Octets of a generated secret: nothing to gain by guessing, nor by a slow hash.
const SECRET_LENGTH: usize = 32;

/// Fewest octets of a secret that a person chooses.
pub const MIN_CHOSEN_LENGTH: usize = 12;

/// Why no account was made.
#[derive(Debug, Error)]
pub enum ServiceAccountError {
    /// The name cannot be told from an account of the directory, or cannot be written down.
    #[error("{0:?} cannot be the name of a local account: {1}")]
    Name(String, String),
    /// The chosen secret is too short or has an octet that clients cannot send.
    #[error("this secret cannot be used: {0}")]
    Secret(&'static str),
    /// The system has no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// The secret cannot be hashed.
    #[error("the secret cannot be hashed: {0}")]
    Hash(argon2::password_hash::Error),
}

/// A new account.
pub struct NewServiceAccount {
    /// The secret for the application's settings; shown once and stored nowhere.
    pub secret: Zeroizing<String>,
    /// The line for the `[[application]]` section.
    pub toml_line: String,
}

/// Makes an account with a random secret, whose SHA-256 is what the configuration keeps.
///
/// # Errors
/// The name cannot be used, or there are no random numbers.
pub fn generate(name: &str) -> Result<NewServiceAccount, ServiceAccountError> {
    check_name(name)?;
    let mut octets = Zeroizing::new([0_u8; SECRET_LENGTH]);
    getrandom::fill(octets.as_mut_slice())?;
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(octets.as_slice()));
    let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    let toml_line = toml_line(name, &format!("sha256:{}", hexadecimal::digits(&digest)));
    Ok(NewServiceAccount { secret, toml_line })
}

/// The configuration line for a secret that a person chose, kept as Argon2id.
///
/// # Errors
/// The name or the secret cannot be used, or there are no random numbers.
pub fn from_chosen(name: &str, secret: &Password) -> Result<String, ServiceAccountError> {
    check_name(name)?;
    if secret.expose().len() < MIN_CHOSEN_LENGTH {
        return Err(ServiceAccountError::Secret("it has fewer than 12 octets"));
    }
    if secret.contains_nul() {
        return Err(ServiceAccountError::Secret("it contains a NUL"));
    }
    let mut salt = [0_u8; 16];
    getrandom::fill(&mut salt)?;
    let hash: PasswordHash = Argon2::default()
        .hash_password_with_salt(secret.expose(), &salt)
        .map_err(ServiceAccountError::Hash)?;
    Ok(toml_line(name, &hash.to_string()))
}

fn check_name(name: &str) -> Result<(), ServiceAccountError> {
    local_account_name(name)
        .map_err(|reason| ServiceAccountError::Name(name.to_owned(), reason.to_owned()))
}

/// Neither names that passed `check_name` nor the stored forms hold a quote of this kind.
fn toml_line(name: &str, secret: &str) -> String {
    format!("local_accounts = [{{ name = '{name}', secret = '{secret}' }}]")
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier;

    use super::*;
    use crate::policy::application::LocalSecret;

    fn stored(line: &str) -> (String, LocalSecret) {
        crate::config::tests::local_account(line)
    }

    #[test]
    fn a_generated_line_stands_for_its_secret() {
        let account = generate("crm").unwrap();
        assert_eq!(account.secret.len(), 43);
        let (name, secret) = stored(&account.toml_line);
        let digest: [u8; 32] = Sha256::digest(account.secret.as_bytes()).into();
        assert_eq!((name.as_str(), secret), ("crm", LocalSecret::Sha256(digest)));
        assert_ne!(generate("crm").unwrap().secret, account.secret);
    }

    #[test]
    fn a_chosen_secret_is_kept_as_argon2id() {
        let password = Password::copy_from(b"correct horse battery");
        let (name, secret) = stored(&from_chosen("Rechnungs-Büro", &password).unwrap());
        assert_eq!(name, "Rechnungs-Büro");
        let LocalSecret::Argon2id(text) = secret else { panic!("{secret:?}") };
        let hash = PasswordHash::new(&text).unwrap();
        assert!(Argon2::default().verify_password(password.expose(), &hash).is_ok());
        assert!(Argon2::default().verify_password(b"correct horse", &hash).is_err());
    }

    #[test]
    fn names_and_secrets_that_cannot_work_are_refused() {
        for name in ["", "a@b", "CORP\\svc", "a/b", "cn=x", "a'b", "a\nb", " crm"] {
            assert!(matches!(generate(name), Err(ServiceAccountError::Name(..))), "{name:?}");
        }
        for secret in [b"short".as_slice(), b"long enough \0 but cut"] {
            let refused = from_chosen("crm", &Password::copy_from(secret));
            assert!(matches!(refused, Err(ServiceAccountError::Secret(_))), "{secret:?}");
        }
    }
}
