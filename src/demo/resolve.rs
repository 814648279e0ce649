//! Which entry a bind name means (MS-ADTS 5.1.1.1.1).

use std::collections::HashMap;

use super::directory::{Directory, Kind};
use super::entry::Entry;
use super::name::{DnKey, canonical_name, fold, guid_text, sid_text};

/// Folded names of accounts. Made when first asked for, dropped by every change.
#[derive(Clone, Default)]
pub(super) struct AccountIndex {
    by_account: HashMap<String, Vec<DnKey>>,
    by_principal: HashMap<String, Vec<DnKey>>,
}

impl Directory {
    /// The entry that a bind name means: forms in the order of MS-ADTS 5.1.1.1.1, the first that
    /// matches decides, more than one match is none. OpenLDAP knows distinguished names only.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<DnKey> {
        let named = DnKey::parse(name);
        if let Some(key) = named.filter(|key| self.entries.get(key).is_some_and(is_living)) {
            return Some(key);
        }
        if self.kind == Kind::OpenLdap || name.is_empty() {
            return None;
        }
        let name = name.trim();
        let folded = fold(name);
        let forms: [&dyn Fn() -> Vec<DnKey>; 7] = [
            &|| found(&self.account_index().by_principal, &folded),
            &|| self.by_implicit_principal(&folded),
            &|| self.by_down_level_name(&folded),
            &|| self.scan(|entry| canonical_name(&entry.dn).is_some_and(|c| fold(&c) == folded)),
            &|| self.scan(|entry| is_guid(entry, name)),
            &|| self.scan(|entry| entry.text("displayName").is_some_and(|n| fold(n) == folded)),
            &|| self.scan(|entry| is_sid(entry, name)),
        ];
        let matches = forms.iter().map(|form| form()).find(|matches| !matches.is_empty())?;
        match matches.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    /// `sAMAccountName@` the DNS or NetBIOS name of the domain, whatever userPrincipalName says.
    fn by_implicit_principal(&self, folded: &str) -> Vec<DnKey> {
        let own = [fold(&self.domain.dns), fold(&self.domain.netbios)];
        match folded.rsplit_once('@') {
            Some((account, suffix)) if own.iter().any(|own| own == suffix) => {
                found(&self.account_index().by_account, account)
            }
            Some(_) | None => Vec::new(),
        }
    }

    fn by_down_level_name(&self, folded: &str) -> Vec<DnKey> {
        match folded.split_once('\\') {
            Some((domain, account)) if domain == fold(&self.domain.netbios) => {
                found(&self.account_index().by_account, account)
            }
            Some(_) | None => Vec::new(),
        }
    }

    fn scan(&self, is_meant: impl Fn(&Entry) -> bool) -> Vec<DnKey> {
        let living = self.entries.iter().filter(|(_, entry)| is_living(entry));
        let accounts = living.filter(|(_, entry)| entry.get("objectSid").is_some());
        accounts.filter(|(_, entry)| is_meant(entry)).map(|(key, _)| key.clone()).collect()
    }

    fn account_index(&self) -> &AccountIndex {
        self.account_index.get_or_init(|| {
            let mut index = AccountIndex::default();
            for (key, entry) in self.entries.iter().filter(|(_, entry)| is_living(entry)) {
                if let Some(name) = entry.text("sAMAccountName") {
                    index.by_account.entry(fold(name)).or_default().push(key.clone());
                }
                if let Some(name) = entry.text("userPrincipalName") {
                    index.by_principal.entry(fold(name)).or_default().push(key.clone());
                }
            }
            index
        })
    }
}

fn found(index: &HashMap<String, Vec<DnKey>>, name: &str) -> Vec<DnKey> {
    index.get(name).cloned().unwrap_or_default()
}

/// Tombstones keep sAMAccountName and objectSid, but nobody logs in as one.
fn is_living(entry: &Entry) -> bool {
    !entry.is_deleted()
}

fn is_guid(entry: &Entry, name: &str) -> bool {
    let inner = name
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .or_else(|| bracketed(name, "<GUID="));
    inner.is_some_and(|text| has_guid(entry, text))
}

fn is_sid(entry: &Entry, name: &str) -> bool {
    has_sid(entry, bracketed(name, "<SID=").unwrap_or(name))
}

/// Whether the entry's objectGUID is this text, with or without hyphens (then in stored order).
pub(super) fn has_guid(entry: &Entry, text: &str) -> bool {
    entry.values("objectGUID").first().is_some_and(|octets| {
        let stored: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        guid_text(octets).is_some_and(|guid| guid.eq_ignore_ascii_case(text))
            || stored.eq_ignore_ascii_case(text)
    })
}

/// Whether the entry's objectSid is this text.
pub(super) fn has_sid(entry: &Entry, text: &str) -> bool {
    let sid = entry.values("objectSid").first().and_then(|octets| sid_text(octets));
    sid.is_some_and(|sid| sid.eq_ignore_ascii_case(text))
}

/// The inside of `<GUID=…>` and the like.
pub(super) fn bracketed<'a>(name: &'a str, start: &str) -> Option<&'a str> {
    let (head, rest) = name.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then(|| rest.strip_suffix('>')).flatten()
}
