//! What one line of the trail says. It is put together where it happens, as cheaply as can be, and written down by the
//! trail's own thread.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::hexadecimal;

/// Digest octets of a name that is hashed.
const HASH_OCTETS: usize = 16;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    kind: &'static str,
    at: SystemTime,
    fields: Vec<(&'static str, Value)>,
}

/// What a field says.
#[derive(Clone, Debug)]
pub enum Value {
    /// One of a few words.
    Word(&'static str),
    /// A name from the configuration.
    Shared(Arc<str>),
    /// A text.
    Text(Box<str>),
    /// What names a person: hashed where names are.
    Name(Box<str>),
    /// The same, shared.
    Person(Arc<str>),
    /// An identity, in the order of its digits.
    Guid([u8; 16]),
    /// A number.
    Number(u64),
    /// An address.
    Address(IpAddr),
}

/// How names are written.
#[derive(Clone)]
pub struct Names(Option<[u8; 32]>);

impl Names {
    /// As they are.
    #[must_use]
    pub const fn plain() -> Self {
        Self(None)
    }

    /// Hashed under this key: equal names can be told, and nothing else.
    #[must_use]
    pub const fn hashed(key: [u8; 32]) -> Self {
        Self(Some(key))
    }
}

impl Event {
    /// Something of this kind, at this time.
    #[must_use]
    pub const fn new(kind: &'static str, at: SystemTime) -> Self {
        Self { kind, at, fields: Vec::new() }
    }

    /// The same with room for so many fields.
    #[must_use]
    pub fn with_room(kind: &'static str, at: SystemTime, fields: usize) -> Self {
        Self { fields: Vec::with_capacity(fields), ..Self::new(kind, at) }
    }

    /// Adds a field. Its name is not `seq`, `time`, `event`, `prev` or `mac`.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: Value) -> Self {
        self.add(name, value);
        self
    }

    /// Adds a field, if there is something to say.
    pub fn add_some(&mut self, name: &'static str, value: Option<Value>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    /// Adds a field.
    pub fn add(&mut self, name: &'static str, value: Value) {
        self.fields.push((name, value));
    }

    /// Writes `"time":…,"event":…` and the fields, as members of a JSON object.
    pub(super) fn write(&self, octets: &mut Vec<u8>, names: &Names) {
        octets.extend_from_slice(b"\"time\":");
        text(octets, &time(self.at));
        octets.extend_from_slice(b",\"event\":");
        text(octets, self.kind);
        for (name, value) in &self.fields {
            octets.push(b',');
            text(octets, name);
            octets.push(b':');
            match value {
                Value::Word(word) => text(octets, word),
                Value::Shared(shared) => text(octets, shared),
                Value::Text(owned) => text(octets, owned),
                Value::Name(name) => text(octets, &named(name, names)),
                Value::Person(name) => text(octets, &named(name, names)),
                Value::Guid(guid) => text(octets, &identity(guid)),
                Value::Number(number) => octets.extend_from_slice(number.to_string().as_bytes()),
                Value::Address(address) => text(octets, &address.to_string()),
            }
        }
    }
}

impl Value {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<Box<str>>) -> Self {
        Self::Text(text.into())
    }

    /// What names a person.
    #[must_use]
    pub fn name(name: impl Into<Box<str>>) -> Self {
        Self::Name(name.into())
    }
}

fn named<'n>(name: &'n str, names: &Names) -> std::borrow::Cow<'n, str> {
    let Names(Some(key)) = names else { return name.into() };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return "hmac:-".into() };
    // Spellings of one name that differ in case only are one name to every directory.
    mac.update(name.to_lowercase().as_bytes());
    let digest = mac.finalize().into_bytes();
    format!("hmac:{}", hexadecimal::digits(digest.get(..HASH_OCTETS).unwrap_or_default())).into()
}

/// Digits in five groups (RFC 9562 §4), as the log has it.
fn identity(guid: &[u8; 16]) -> String {
    let mut digits = hexadecimal::digits(guid);
    for at in [20, 16, 12, 8] {
        digits.insert(at, '-');
    }
    digits
}

/// RFC 3339, in UTC, to the microsecond.
fn time(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(|_| "-".to_owned(), |at| format!("{at:.6}"))
}

fn text(octets: &mut Vec<u8>, text: &str) {
    // Writing a text into memory cannot fail.
    if serde_json::to_writer(&mut *octets, text).is_err() {
        octets.extend_from_slice(b"\"\"");
    }
}
