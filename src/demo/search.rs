//! Which entries a search finds and what it shows of them.

use std::borrow::Cow;
use std::ops::ControlFlow;

use ldap3_proto::proto::{
    LdapFilter, LdapPartialAttribute, LdapSearchResultEntry, LdapSearchScope,
};

use super::directory::Kind;
use super::entry::Entry;
use super::name::{DnKey, canonical_name, parent_text, sid_text};
use super::quirks::Quirks;
use super::resolve::{bracketed, has_guid, has_sid};
use super::view::View;

/// OpenLDAP keeps these for those who ask by name or with `+` (RFC 3673).
const OPERATIONAL: [&str; 9] = [
    "entryuuid",
    "entrydn",
    "entrycsn",
    "createtimestamp",
    "modifytimestamp",
    "structuralobjectclass",
    "pwdaccountlockedtime",
    "pwdchangedtime",
    "memberof",
];

/// The schema itself is for those who ask by name, at OpenLDAP also with `+` (RFC 4512 §4.2).
const SCHEMA: [&str; 10] = [
    "attributetypes",
    "objectclasses",
    "ditcontentrules",
    "ditstructurerules",
    "nameforms",
    "matchingrules",
    "matchingruleuse",
    "ldapsyntaxes",
    "extendedattributeinfo",
    "extendedclassinfo",
];

/// Active Directory computes these only for those who ask by name (MS-ADTS 3.1.1.4.5).
const CONSTRUCTED: [&str; 3] =
    ["canonicalname", "primarygrouptoken", "msds-user-account-control-computed"];

/// Each controller has its own values of these (MS-ADTS 3.1.1.1.8).
const NUMBERS: [&str; 2] = ["usnchanged", "usncreated"];

/// Why a search has no base; both carry what the server puts into matchedDN and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoBase {
    /// Code 34.
    NotAName {
        /// Diagnostic text.
        text: String,
    },
    /// Code 32.
    NoSuchObject {
        /// The nearest entry above that exists.
        matched: String,
        /// Diagnostic text.
        text: String,
    },
}

impl View<'_> {
    /// The entry that a search base names: a DN, or for Active Directory `<GUID=…>`, `<SID=…>`.
    ///
    /// # Errors
    /// Not a name, or nobody has it.
    pub fn locate(&self, base: &str) -> Result<DnKey, NoBase> {
        if let Some(guid) = bracketed(base, "<GUID=") {
            return self.locate_by(base, |entry| has_guid(entry, guid));
        }
        if let Some(sid) = bracketed(base, "<SID=") {
            return self.locate_by(base, |entry| has_sid(entry, sid));
        }
        match DnKey::parse(base) {
            Some(key) if self.get(&key).is_some() => Ok(key),
            Some(_) => Err(self.no_such_object(base)),
            None => Err(NoBase::NotAName { text: self.bad_name(base) }),
        }
    }

    fn locate_by(&self, base: &str, is_wanted: impl Fn(&Entry) -> bool) -> Result<DnKey, NoBase> {
        let found = self.below(&DnKey::default()).find(|(_, entry)| is_wanted(entry));
        found.map(|(key, _)| key.clone()).ok_or_else(|| self.no_such_object(base))
    }

    fn no_such_object(&self, base: &str) -> NoBase {
        let mut above = parent_text(base);
        let named = |name: &String| self.get(&DnKey::parse(name)?);
        while let Some(name) = above.take_if(|name| named(name).is_none()) {
            above = parent_text(&name);
        }
        let entry = above.and_then(|name| named(&name));
        let matched = entry.map(|entry| entry.dn.clone()).unwrap_or_default();
        let text = match self.directory.kind {
            Kind::OpenLdap => String::new(),
            Kind::ActiveDirectory => self.diagnostic(&format!(
                "0000208D: NameErr: DSID-0310028D, problem 2001 (NO_OBJECT), data 0, \
                 best match of:\n\t'{matched}'\n"
            )),
        };
        NoBase::NoSuchObject { matched, text }
    }

    fn bad_name(&self, base: &str) -> String {
        match self.directory.kind {
            Kind::OpenLdap => "invalid DN".to_owned(),
            Kind::ActiveDirectory => self.diagnostic(&format!(
                "0000208F: NameErr: DSID-031001F7, problem 2006 (BAD_NAME), data 8350, \
                 best match of:\n\t'{base}'\n"
            )),
        }
    }

    /// The entries of a search in the order of the directory. A search stays within the naming
    /// context of its base, as Active Directory's do.
    #[must_use]
    pub fn matching(
        &self,
        base: &DnKey,
        scope: &LdapSearchScope,
        filter: &LdapFilter,
    ) -> Vec<DnKey> {
        let context = self.directory.context_of(base);
        let found = self.below(base).filter(|(key, entry)| {
            in_scope(base, scope, key)
                && self.directory.context_of(key) == context
                && self.holds(key, entry, filter) == Some(true)
        });
        found.map(|(key, _)| key.clone()).collect()
    }

    /// The entry with the attributes that were asked for; `None` when it is gone.
    #[must_use]
    pub fn shown(
        &self,
        key: &DnKey,
        wanted: &[String],
        types_only: bool,
    ) -> Option<LdapSearchResultEntry> {
        let entry = self.get(key)?;
        let mut attributes = Vec::new();
        for (name, range) in self.selection(key, entry, wanted) {
            let values = self.shown_values(key, entry, &name);
            if values.is_empty() {
                continue;
            }
            attributes.extend(slices(&name, range, values.into_owned(), self.quirks));
        }
        if types_only {
            attributes.iter_mut().for_each(|attribute| attribute.vals.clear());
        }
        Some(LdapSearchResultEntry { dn: entry.dn.clone(), attributes })
    }

    /// Names in schema spelling, each once, with the slice asked for.
    fn selection(
        &self,
        key: &DnKey,
        entry: &Entry,
        wanted: &[String],
    ) -> Vec<(String, Option<Range>)> {
        let mut selection: Vec<(String, Option<Range>)> = Vec::new();
        let mut select = |name: String, range: Option<Range>| {
            if !selection.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                selection.push((name, range));
            }
        };
        if wanted.is_empty() || wanted.iter().any(|name| name == "*") {
            self.names(key, entry, false).into_iter().for_each(|name| select(name, None));
        }
        if wanted.iter().any(|name| name == "+") {
            self.names(key, entry, true).into_iter().for_each(|name| select(name, None));
        }
        for name in wanted {
            let (name, range) = match name.split_once(';') {
                Some((name, option)) => (name, Range::parse(option)),
                None => (name.as_str(), None),
            };
            let spelling = entry.get(name).map(|attribute| attribute.name.clone());
            let spelling = spelling.or_else(|| computed_spelling(name).map(str::to_owned));
            if let Some(spelling) = spelling {
                select(spelling, range);
            }
        }
        selection
    }

    /// The names behind `*`, or behind `+`.
    fn names(&self, key: &DnKey, entry: &Entry, operational: bool) -> Vec<String> {
        let kind = self.directory.kind;
        let is_operational = |lower: &str| {
            kind == Kind::OpenLdap && OPERATIONAL.contains(&lower) || SCHEMA.contains(&lower)
        };
        if kind == Kind::ActiveDirectory && operational {
            return Vec::new();
        }
        let stored = entry.attributes().filter(|(lower, _)| is_operational(lower) == operational);
        let mut names: Vec<String> = stored.map(|(_, attribute)| attribute.name.clone()).collect();
        if !self.directory.groups_of(key).is_empty() && is_operational("memberof") == operational {
            names.push("memberOf".to_owned());
        }
        names
    }

    /// The values as a search sees them, computed ones included.
    pub(super) fn shown_values<'a>(
        &'a self,
        key: &DnKey,
        entry: &'a Entry,
        name: &str,
    ) -> Cow<'a, [Vec<u8>]> {
        let lower = name.to_ascii_lowercase();
        if lower == "memberof" {
            let groups = self.directory.groups_of(key).iter();
            let groups = groups.filter_map(|group| self.directory.entries.get(group));
            return Cow::Owned(groups.map(|group| group.dn.clone().into_bytes()).collect());
        }
        if NUMBERS.contains(&lower.as_str()) {
            let number = entry.number(&lower).map(|n| self.facts.numbering.number(n).to_string());
            return Cow::Owned(number.map(String::into_bytes).into_iter().collect());
        }
        if lower == "contextcsn" {
            return Cow::Owned(self.context_csn(key).into_iter().collect());
        }
        if self.directory.kind == Kind::ActiveDirectory && CONSTRUCTED.contains(&lower.as_str()) {
            let value = self.constructed(entry, &lower);
            return Cow::Owned(value.map(String::into_bytes).into_iter().collect());
        }
        Cow::Borrowed(entry.values(&lower))
    }

    /// The state of the whole directory, kept at its suffix by slapd's syncprov.
    fn context_csn(&self, key: &DnKey) -> Option<Vec<u8>> {
        let is_served = self.directory.kind == Kind::OpenLdap && self.quirks.syncprov;
        let is_suffix = *key == self.directory.domain.key;
        (is_served && is_suffix).then(|| self.directory.context_csn.clone().into_bytes())
    }

    fn constructed(&self, entry: &Entry, lower: &str) -> Option<String> {
        match lower {
            "canonicalname" => canonical_name(&entry.dn),
            "primarygrouptoken" if entry.has("objectClass", "group") => {
                let sid = sid_text(entry.values("objectSid").first()?)?;
                sid.rsplit('-').next().map(str::to_owned)
            }
            "msds-user-account-control-computed" if entry.has("objectClass", "user") => {
                Some(if self.directory.is_locked(entry) { "16" } else { "0" }.to_owned())
            }
            _ => None,
        }
    }
}

/// Whether an entry at or below the base is in the scope (RFC 4511 §4.5.1.2).
pub(super) fn in_scope(base: &DnKey, scope: &LdapSearchScope, key: &DnKey) -> bool {
    match scope {
        LdapSearchScope::Base => key == base,
        LdapSearchScope::OneLevel => key.depth() == base.depth() + 1,
        LdapSearchScope::Subtree => true,
        LdapSearchScope::Children => key != base,
    }
}

fn computed_spelling(name: &str) -> Option<&'static str> {
    let spellings = [
        "memberOf",
        "canonicalName",
        "primaryGroupToken",
        "msDS-User-Account-Control-Computed",
        "contextCSN",
    ];
    spellings.into_iter().find(|spelling| spelling.eq_ignore_ascii_case(name))
}

/// A `range=` option (MS-ADTS 3.1.1.3.1.3.3): first and last index, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: usize,
    last: Option<usize>,
}

impl Range {
    fn parse(option: &str) -> Option<Self> {
        let (key, bounds) = option.split_once('=')?;
        let (first, last) = bounds.split_once('-')?;
        let last = match last {
            "*" => None,
            number => Some(number.parse().ok()?),
        };
        let range = Self { first: first.parse().ok()?, last };
        key.eq_ignore_ascii_case("range").then_some(range)
    }
}

/// The attribute whole, or its slice. A large attribute asked for without a range comes empty under
/// its plain name, followed by its first slice.
fn slices(
    name: &str,
    range: Option<Range>,
    values: Vec<Vec<u8>>,
    quirks: &Quirks,
) -> Vec<LdapPartialAttribute> {
    let most = quirks.value_range.unwrap_or(usize::MAX);
    let plain = |vals| LdapPartialAttribute { atype: name.to_owned(), vals };
    let slice = |range: Range| {
        let end = range.last.map_or(usize::MAX, |last| last.saturating_add(1));
        let end = end.min(range.first.saturating_add(most));
        let total = values.len();
        let vals: Vec<Vec<u8>> = values.iter().take(end).skip(range.first).cloned().collect();
        let upper = if end >= total { "*".to_owned() } else { (end - 1).to_string() };
        LdapPartialAttribute { atype: format!("{name};range={}-{upper}", range.first), vals }
    };
    match range {
        Some(range)
            if range.first >= values.len() || range.last.is_some_and(|l| l < range.first) =>
        {
            Vec::new()
        }
        Some(range) => vec![slice(range)],
        None if values.len() > most => {
            vec![plain(Vec::new()), slice(Range { first: 0, last: None })]
        }
        None => vec![plain(values)],
    }
}

/// Splits off what fits on one page; `Break` when nothing is left behind it.
pub(super) fn page<T>(mut rest: Vec<T>, size: usize) -> (Vec<T>, ControlFlow<(), Vec<T>>) {
    if rest.len() <= size {
        return (rest, ControlFlow::Break(()));
    }
    let behind = rest.split_off(size);
    (rest, ControlFlow::Continue(behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(range: Option<&str>, count: usize) -> Vec<(String, usize)> {
        let values = (0..count).map(|n| n.to_string().into_bytes()).collect();
        let range = range.map(|option| Range::parse(option).unwrap());
        slices("member", range, values, &Quirks::default())
            .into_iter()
            .map(|attribute| (attribute.atype, attribute.vals.len()))
            .collect()
    }

    /// MS-ADTS 3.1.1.3.1.3.3.
    #[test]
    fn large_attributes_come_in_slices() {
        let one = |name: &str, count| vec![(name.to_owned(), count)];
        assert_eq!(described(None, 1500), one("member", 1500));
        assert_eq!(
            described(None, 1501),
            [("member".to_owned(), 0), ("member;range=0-1499".to_owned(), 1500)]
        );
        assert_eq!(described(Some("range=0-*"), 3001), one("member;range=0-1499", 1500));
        assert_eq!(described(Some("range=1500-*"), 3001), one("member;range=1500-2999", 1500));
        assert_eq!(described(Some("range=3000-*"), 3001), one("member;range=3000-*", 1));
        assert_eq!(described(Some("Range=0-9"), 10), one("member;range=0-*", 10));
        assert_eq!(described(Some("range=0-8"), 10), one("member;range=0-8", 9));
        assert_eq!(described(Some("range=10-*"), 10), []);
        assert_eq!(described(Some("range=5-4"), 10), []);
    }
}
