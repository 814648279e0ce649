//! When what of an entry was last changed: what Active Directory keeps as replPropertyMetaData and
//! msDS-ReplValueMetaData (MS-ADTS 3.1.1.1.9), with the directory's own sequence numbers.

use std::collections::{BTreeMap, HashSet};

use super::directory::{LINKS, link};
use super::entry::Entry;

/// Attributes that each controller has its own values of, and names that follow from the position in
/// the tree. A change of them is told to nobody (MS-ADTS 2.2.10, FLAG_ATTR_NOT_REPLICATED).
const NOT_REPLICATED: [&str; 8] = [
    "usnchanged",
    "usncreated",
    "whenchanged",
    "distinguishedname",
    "badpwdcount",
    "badpasswordtime",
    "lastlogon",
    "logoncount",
];

/// The stamps of one entry.
#[derive(Clone, Default)]
pub(super) struct Metadata {
    /// The last change of any kind.
    pub(super) changed: i64,
    attributes: BTreeMap<String, Stamp>,
    links: Vec<LinkStamp>,
}

/// The last change of an attribute that is no link; it may be gone.
#[derive(Clone)]
pub(super) struct Stamp {
    /// In the spelling of the schema.
    pub(super) name: String,
    pub(super) at: i64,
}

/// The last change of one value of a link attribute.
#[derive(Clone)]
pub(super) struct LinkStamp {
    /// In the spelling of the schema.
    pub(super) name: String,
    pub(super) value: Vec<u8>,
    pub(super) at: i64,
    /// Added; otherwise removed.
    pub(super) is_present: bool,
}

impl Metadata {
    /// Attributes that are no links, with those that are gone, in the order of their names.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &Stamp> {
        self.attributes.values()
    }

    /// Values of links, with those that are gone, in the order of their first appearance.
    pub(super) fn links(&self) -> &[LinkStamp] {
        &self.links
    }

    /// Stamps an attribute whose value is the same as before: a moved entry's `name`.
    pub(super) fn stamp(&mut self, name: &str, at: i64) {
        let stamp = Stamp { name: name.to_owned(), at };
        self.attributes.insert(name.to_ascii_lowercase(), stamp);
    }

    /// Changes values that name a renamed or removed entry, without a stamp: the value is a reference
    /// and not a text (MS-ADTS 3.1.1.1.6).
    pub(super) fn relink(&mut self, change: impl Fn(&[u8]) -> Option<Option<Vec<u8>>>) {
        self.links.retain_mut(|stamp| match change(&stamp.value) {
            None => true,
            Some(None) => false,
            Some(Some(value)) => {
                stamp.value = value;
                true
            }
        });
    }

    /// Stamps the values of one link attribute that were added and removed.
    fn stamp_links(&mut self, name: &str, added: Vec<&Vec<u8>>, removed: Vec<&Vec<u8>>, at: i64) {
        let touched: HashSet<_> = added.iter().chain(&removed).map(|value| link(value)).collect();
        self.links.retain(|stamp| {
            !(stamp.name.eq_ignore_ascii_case(name) && touched.contains(&link(&stamp.value)))
        });
        let stamp = |is_present| {
            move |value: &Vec<u8>| LinkStamp {
                name: name.to_owned(),
                value: value.clone(),
                at,
                is_present,
            }
        };
        self.links.extend(removed.into_iter().map(stamp(false)));
        self.links.extend(added.into_iter().map(stamp(true)));
    }
}

impl Entry {
    /// Stamps all in which this entry differs from `before`.
    pub(super) fn stamp_changes(&mut self, before: &Self, at: i64) {
        let mut metadata = std::mem::take(&mut self.metadata);
        metadata.changed = at;
        for (lower, attribute) in self.attributes().chain(before.attributes()) {
            let (old, new) = (before.values(lower), self.values(lower));
            if old == new || NOT_REPLICATED.contains(&lower.as_str()) {
                continue;
            }
            if !LINKS.iter().any(|name| name.eq_ignore_ascii_case(lower)) {
                metadata.stamp(&attribute.name, at);
                continue;
            }
            let (added, removed) = (missing(new, old), missing(old, new));
            metadata.stamp_links(&attribute.name, added, removed, at);
        }
        self.metadata = metadata;
    }
}

/// The values of `of` whose entries `from` does not name.
fn missing<'a>(of: &'a [Vec<u8>], from: &[Vec<u8>]) -> Vec<&'a Vec<u8>> {
    // Names are read only where the octets differ: a group may have many thousands.
    let same: HashSet<&Vec<u8>> = from.iter().collect();
    let mut missing: Vec<&Vec<u8>> = of.iter().filter(|value| !same.contains(value)).collect();
    if !missing.is_empty() {
        let known: HashSet<&Vec<u8>> = of.iter().collect();
        let other = from.iter().filter(|value| !known.contains(value));
        let named: HashSet<_> = other.map(|value| link(value)).collect();
        missing.retain(|value| !named.contains(&link(value)));
    }
    missing
}
