//! One line for each bind: who, from where, what came of it, and the true reason. Never a password.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::answer::Reason;
use super::bind::Verdict;
use crate::hexadecimal;
use crate::ldap::result::ResultCode;
use crate::telemetry::{LineLog, LogLevel};
use crate::time::Now;
use crate::trail::Event;
use crate::trail::event::Value;

/// Where these lines come from, for whoever filters the log.
const TARGET: &str = "ldapgate::audit";

/// Most fields of a bind in the audit trail.
const FIELDS: usize = 12;

/// Longest name written out, in characters.
const MAX_NAME: usize = 256;

/// Whether names that resolve to nobody are written out or hashed: people type passwords there.
pub struct NameHash(Option<[u8; 32]>);

impl NameHash {
    /// Written out.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Hashed under `key`, so that equal names can be told within one run and nothing else.
    #[must_use]
    pub const fn keyed(key: [u8; 32]) -> Self {
        Self(Some(key))
    }

    fn show<'n>(&self, name: &'n [u8], resolved: bool) -> Cow<'n, str> {
        match self.0 {
            Some(key) if !resolved => hashed(&key, name).into(),
            _ => escaped(name),
        }
    }
}

fn hashed(key: &[u8], name: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return "hmac:-".to_owned() };
    mac.update(name);
    let digest = mac.finalize().into_bytes();
    format!("hmac:{}", hexadecimal::digits(digest.get(..12).unwrap_or_default()))
}

/// The name as one line of at most [`MAX_NAME`] characters, escapes counted; `…` in place of the rest.
fn escaped(name: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(name);
    if text.len() <= MAX_NAME && text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return text;
    }
    let mut line = String::new();
    let mut written = 0;
    for character in text.chars() {
        let shown = visible(character);
        written += shown.chars().count();
        if written > MAX_NAME {
            line.push('…');
            break;
        }
        line.push_str(&shown);
    }
    line.into()
}

/// Control and other invisible characters as escapes. Quotes and backslashes stay as they are: the log's
/// own format takes care of them, and `CORP\sam` stays readable.
fn visible(character: char) -> String {
    match character {
        '\\' | '\'' | '"' => character.to_string(),
        other => other.escape_debug().to_string(),
    }
}

/// What one bind leaves in the log.
pub struct BindRecord<'a> {
    /// The application.
    pub application: &'a str,
    /// The client's address.
    pub client: IpAddr,
    /// The name as it was typed.
    pub name: &'a [u8],
    /// How it ended.
    pub verdict: &'a Verdict,
    /// What the client was told.
    pub code: ResultCode,
    /// The controller whose answer counts.
    pub controller: Option<&'a str>,
    /// Binds put on the wire.
    pub attempts: u32,
    /// From request to answer, without the latency floor.
    pub latency: Duration,
    /// The time of the answer.
    pub now: Now,
}

impl BindRecord<'_> {
    /// Leaves the line in `log`, if the level lets it through.
    pub fn log(&self, log: &LineLog, names: &NameHash) {
        if !tracing::enabled!(target: TARGET, tracing::Level::INFO) {
            return;
        }
        let mut line = log.line(self.now.wall, LogLevel::Info, TARGET, "bind");
        line.text("application", self.application);
        line.plain("client", self.client);
        let account = self.verdict.account.as_ref();
        line.text("name", &names.show(self.name, self.is_resolved()));
        if let Some(account) = account {
            line.quoted("guid", account.guid);
            line.text("dn", &account.dn);
            line.text("directory", &account.directory);
        }
        if let Some(controller) = self.controller {
            line.text("controller", controller);
        }
        line.number("attempts", self.attempts.into());
        line.text("outcome", self.verdict.reason.outcome());
        line.text("reason", self.verdict.reason.code());
        line.number("code", self.code.0.into());
        if let Some(said) = self.said() {
            line.text("said", &said);
        }
        line.number("latency_ms", u64::try_from(self.latency.as_millis()).unwrap_or(u64::MAX));
        log.leave(line);
    }

    /// What it leaves in the audit trail: the same, without the controller's words.
    #[must_use]
    pub fn event(&self, names: &NameHash) -> Event {
        let Verdict { reason, account, .. } = self.verdict;
        let account = account.as_ref();
        let mut event = Event::with_room("bind", self.now.wall, FIELDS);
        event.add("application", Value::text(self.application));
        event.add("client", Value::Address(self.client));
        event.add("name", Value::name(&*names.show(self.name, self.is_resolved())));
        if let Some(account) = account {
            event.add("guid", Value::Guid(account.guid.0));
            event.add("dn", Value::Person(account.dn.clone()));
            event.add("directory", Value::Shared(account.directory.clone()));
        }
        event.add_some("controller", self.controller.map(Value::text));
        event.add("attempts", Value::Number(self.attempts.into()));
        event.add("outcome", Value::Word(reason.outcome()));
        event.add("reason", Value::Word(reason.code()));
        event.add("code", Value::Number(self.code.0.into()));
        let latency = u64::try_from(self.latency.as_millis()).unwrap_or(u64::MAX);
        event.add("latency_ms", Value::Number(latency));
        event
    }

    /// Whether the name stands for somebody.
    fn is_resolved(&self) -> bool {
        self.verdict.account.is_some()
            || matches!(self.verdict.reason, Reason::AcceptedLocally | Reason::LocalSecretWrong)
    }

    /// The controller's own words, where it refused.
    fn said(&self) -> Option<Cow<'_, str>> {
        self.verdict.relayed.as_ref().map(|result| escaped(&result.diagnostic_message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_bounded_line() {
        assert_eq!(escaped(b"alice\nadmin\0"), "alice\\nadmin\\0");
        assert_eq!(escaped("müller".as_bytes()), "müller");
        assert_eq!(escaped(&[b'x'; MAX_NAME]), "x".repeat(MAX_NAME));
        assert_eq!(escaped(&[b'x'; 1000]), "x".repeat(MAX_NAME) + "…");
        assert_eq!(escaped(&[b'\n'; 1000]), "\\n".repeat(MAX_NAME / 2) + "…");
    }

    #[test]
    fn names_of_nobody_can_be_hashed() {
        let names = NameHash::keyed([7; 32]);
        let shown = names.show(b"hunter2", false);
        assert!(shown.starts_with("hmac:") && !shown.contains("hunter2"));
        assert_eq!(shown, names.show(b"hunter2", false));
        assert_ne!(shown, NameHash::keyed([8; 32]).show(b"hunter2", false));
        assert_eq!(names.show(b"alice", true), "alice");
        assert_eq!(NameHash::off().show(b"nobody", false), "nobody");
    }
}
