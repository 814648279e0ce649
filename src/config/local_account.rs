//! `local_accounts` of an application: names and stored secrets that need no directory.

use argon2::password_hash::phc::PasswordHash;

use super::application::not_empty;
use super::error::{Fault, Findings};
use super::raw::{RawApplication, RawLocalAccount, RawSecret};
use crate::hexadecimal;
use crate::policy::application::{LocalAccount, LocalSecret};

/// Memory that one Argon2id secret may ask for, KiB.
const MAX_ARGON2_MEMORY: u32 = 256 * 1024;

/// Passes that one Argon2id secret may ask for.
const MAX_ARGON2_PASSES: u32 = 20;

pub(super) fn resolve(
    raw: &RawApplication,
    at: &str,
    findings: &mut Findings,
) -> Vec<LocalAccount> {
    let key = format!("{at}.local_accounts");
    let Some(list) = raw.local_accounts.as_deref() else { return Vec::new() };
    not_empty(list, &key, findings);
    let names = list.iter().map(|raw| raw.name.clone().unwrap_or_default().to_lowercase());
    findings.duplicates(|index| format!("{key}[{index}].name"), names, "local account");
    let taken = raw.service_accounts.as_deref().unwrap_or_default();
    let accounts = list.iter().enumerate();
    accounts
        .filter_map(|(index, raw)| {
            let at = format!("{key}[{index}]");
            let account = one(raw, &at, findings)?;
            let is_same = |other: &String| other.to_lowercase() == account.name.to_lowercase();
            if taken.iter().any(is_same) {
                findings.problem(
                    format!("{at}.name"),
                    format!("{:?} is among service_accounts too", account.name),
                    "choose another name: one name must stand for one account",
                );
            }
            Some(account)
        })
        .collect()
}

fn one(raw: &RawLocalAccount, at: &str, findings: &mut Findings) -> Option<LocalAccount> {
    let make = "ldapgate service-account new NAME makes both";
    let name = raw.name.as_deref().ok_or_else(|| Fault::new("is missing", make)).and_then(|name| {
        local_account_name(name)
            .map(|()| name.to_owned())
            .map_err(|reason| Fault::new(format!("{name:?} cannot be used"), reason))
    });
    let name = findings.take(&format!("{at}.name"), name);
    let secret = raw.secret.as_ref().map(RawSecret::expose);
    let secret = secret.ok_or_else(|| Fault::new("is missing", make)).and_then(local_secret);
    let secret = findings.take(&format!("{at}.secret"), secret);
    Some(LocalAccount { name: name?, secret: secret? })
}

/// Whether a local account can have this name: one that is no form of a directory's bind names, so
/// that the two cannot be confused.
///
/// # Errors
/// What to do instead.
pub fn local_account_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > 64 {
        return Err("write 1 to 64 octets");
    }
    if name.trim() != name || name.chars().any(char::is_control) {
        return Err("write it without control characters and without blanks at its ends");
    }
    if name.contains(['@', '\\', '/', '=', ',', ';', '+', '<', '>', '#', '"', '\'']) {
        return Err(
            "write it without @ \\ / = , ; + < > # and quotes, which belong to other forms of names",
        );
    }
    Ok(())
}

fn local_secret(text: &str) -> Result<LocalSecret, Fault> {
    let make = "make it with ldapgate service-account; the secret itself does not belong here";
    if let Some(digits) = text.strip_prefix("sha256:") {
        let fault = || Fault::new("is no SHA-256 (64 hexadecimal digits)", make);
        let digest = hexadecimal::octets(digits).and_then(|octets| octets.try_into().ok());
        return digest.map(LocalSecret::Sha256).ok_or_else(fault);
    }
    if !text.starts_with("$argon2id$") {
        return Err(Fault::new("is neither sha256:… nor $argon2id$…", make));
    }
    let hash = PasswordHash::new(text)
        .map_err(|error| Fault::new(format!("is no Argon2id string: {error}"), make))?;
    let cost = argon2::Params::try_from(&hash).map_err(|error| {
        Fault::new(format!("has no parameters that can be used: {error}"), make)
    })?;
    if hash.hash.is_none() || hash.salt.is_none() {
        return Err(Fault::new("has no salt or no hash", make));
    }
    if cost.m_cost() > MAX_ARGON2_MEMORY || cost.t_cost() > MAX_ARGON2_PASSES {
        let reason = format!(
            "asks for more than {} MiB or {MAX_ARGON2_PASSES} passes per login",
            MAX_ARGON2_MEMORY / 1024
        );
        return Err(Fault::new(reason, "hash it with smaller parameters"));
    }
    Ok(LocalSecret::Argon2id(text.to_owned()))
}
