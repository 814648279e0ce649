//! A client that asks for changes, through the controls and parsers of `ldap3`.

use ldap3::controls::{Control, RawControl, SyncInfo, SyncState, parse_syncinfo};
use ldap3::{Ldap, LdapResult, ResultEntry, Scope, SearchEntry};

use super::*;

pub(super) const ALL: &str = "(objectClass=*)";
pub(super) const OBJECT_SECURITY: i64 = 1;
pub(super) const INCREMENTAL_VALUES: i64 = -0x8000_0000;

/// An answer to its end.
pub(super) struct Answer {
    pub(super) told: Vec<Told>,
    pub(super) result: LdapResult,
}

/// One message of an answer.
pub(super) enum Told {
    Entry(SearchEntry, Option<SyncState>),
    Info(SyncInfo),
}

impl Told {
    pub(super) fn of(message: ResultEntry) -> Self {
        if message.is_intermediate() {
            return Self::Info(parse_syncinfo(message));
        }
        let state = message.1.iter().find(|control| control.1.ctype == "1.3.6.1.4.1.4203.1.9.1.2");
        let state = state.map(|control| control.1.parse());
        Self::Entry(SearchEntry::construct(message), state)
    }

    pub(super) fn dn(&self) -> &str {
        match self {
            Self::Entry(entry, _) => &entry.dn,
            Self::Info(info) => panic!("{info:?}"),
        }
    }
}

impl Answer {
    /// Names of the entries.
    pub(super) fn names(&self) -> Vec<&str> {
        let entries = self.told.iter().filter(|told| matches!(told, Told::Entry(..)));
        entries.map(Told::dn).collect()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &SearchEntry> {
        self.told.iter().filter_map(|told| match told {
            Told::Entry(entry, _) => Some(entry),
            Told::Info(_) => None,
        })
    }

    pub(super) fn infos(&self) -> Vec<&SyncInfo> {
        let infos = self.told.iter().filter_map(|told| match told {
            Told::Info(info) => Some(info),
            Told::Entry(..) => None,
        });
        infos.collect()
    }

    pub(super) fn control(&self, oid: &str) -> &RawControl {
        &self.result.ctrls.iter().find(|Control(_, raw)| raw.ctype == oid).unwrap().1
    }

    /// `more` and the cookie of a DirSync answer.
    pub(super) fn dir_sync(&self) -> (bool, Vec<u8>) {
        let value = self.control("1.2.840.113556.1.4.841").val.as_deref().unwrap();
        let [0x30, _, 2, 1, more, 2, 1, 0, 4, length, cookie @ ..] = value else {
            panic!("{value:?}")
        };
        assert_eq!(cookie.len(), usize::from(*length));
        (*more == 1, cookie.to_vec())
    }
}

/// A search with one control, read to its end.
pub(super) async fn ask(
    client: &mut Ldap,
    control: RawControl,
    base: &str,
    filter: &str,
    attributes: &[&str],
) -> Answer {
    let scope = Scope::Subtree;
    let mut stream = client
        .with_controls(control)
        .streaming_search(base, scope, filter, attributes.to_vec())
        .await
        .unwrap();
    let mut told = Vec::new();
    let wait = Duration::from_secs(5);
    while let Some(message) = tokio::time::timeout(wait, stream.next()).await.unwrap().unwrap() {
        if !message.is_ref() {
            told.push(Told::of(message));
        }
    }
    Answer { told, result: stream.finish().await }
}

pub(super) fn critical(oid: &str) -> RawControl {
    RawControl { ctype: oid.to_owned(), crit: true, val: None }
}

/// The request's control (MS-ADTS 3.1.1.3.4.1.3), octet by octet.
pub(super) fn dir_sync(flags: i64, max_bytes: u32, cookie: &[u8]) -> RawControl {
    let [.., a, b, c, d] = flags.to_be_bytes();
    let [e, f, g, h] = max_bytes.to_be_bytes();
    let length = u8::try_from(cookie.len()).unwrap();
    let head = [0x30, 14 + length, 2, 4, a, b, c, d, 2, 4, e, f, g, h, 4, length];
    let val = Some([&head[..], cookie].concat());
    RawControl { val, ..critical("1.2.840.113556.1.4.841") }
}

/// The values of an attribute, text or not, in order.
pub(super) fn values(entry: &SearchEntry, name: &str) -> Option<Vec<String>> {
    let text = entry.attrs.get(name).cloned();
    let octets = || {
        let values = entry.bin_attrs.get(name)?.iter();
        Some(values.map(|octets| String::from_utf8_lossy(octets).into_owned()).collect())
    };
    let mut values: Vec<String> = text.or_else(octets)?;
    values.sort();
    Some(values)
}

/// Names of all attributes, in order.
pub(super) fn attribute_names(entry: &SearchEntry) -> Vec<&str> {
    let mut names: Vec<&str> =
        entry.attrs.keys().chain(entry.bin_attrs.keys()).map(String::as_str).collect();
    names.sort_unstable();
    names
}

pub(super) async fn bound(controller: &Controller) -> Ldap {
    let mut client = plain(controller).await.unwrap();
    client.simple_bind(SYNC.0, SYNC.1).await.unwrap().success().unwrap();
    client
}

/// Searches the way that shows deleted entries.
pub(super) async fn with_deleted(client: &mut Ldap, oid: &str, filter: &str) -> Answer {
    ask(client, critical(oid), BASE, filter, &["*"]).await
}
