//! What remains of removed entries: enough for applications that ask which entries are gone
//! (MS-ADTS §3.1.1.5.5.1.3), for a configured time. Active Directory only: other servers have none.

use std::time::{Duration, SystemTime};

use imbl::{OrdMap, Vector};
use roaring::RoaringBitmap;
use sha2::{Digest, Sha256};

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::{DistinguishedName, NormalizedDn};
use crate::ldap::entry::{Entry, EntryAttribute};
use crate::ldap::schema::DirectoryKind;

use super::apply::Work;
use super::domain::{Domain, EntryKind};
use super::intake::Content;
use super::stamps::derived_guid;
use super::stored::{References, Stored};

/// What a tombstone keeps of the attributes of its entry, besides its stamps (MS-ADTS §3.1.1.5.5.1.1).
const KEPT: [&str; 9] = [
    "objectClass",
    "objectGUID",
    "objectSid",
    "sAMAccountName",
    "userAccountControl",
    "groupType",
    "instanceType",
    "whenCreated",
    "createTimeStamp",
];

/// How long and how many removed entries are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Since their removal.
    pub time: Duration,
    /// Most of them; the oldest go first.
    pub most: usize,
}

impl Default for Retention {
    /// 60 days, the shortest lifetime of tombstones that Active Directory was ever shipped with, and
    /// 100 000.
    fn default() -> Self {
        Self { time: Duration::from_secs(60 * 24 * 3600), most: 100_000 }
    }
}

/// Tombstones.
#[derive(Clone, Debug, Default)]
pub(super) struct Graves {
    /// In the order of their making, those included that are none any more.
    order: Vector<(SystemTime, u32)>,
    /// Since when each entry is one.
    since: OrdMap<u32, SystemTime>,
}

impl Graves {
    /// Those of an earlier run, oldest first.
    pub(super) fn of(mut graves: Vec<(SystemTime, u32)>) -> Self {
        graves.sort_unstable();
        let since = graves.iter().map(|(since, slot)| (*slot, *since)).collect();
        Self { order: graves.into_iter().collect(), since }
    }

    /// Since when the entry is a tombstone.
    pub(super) fn since(&self, slot: u32) -> Option<SystemTime> {
        self.since.get(&slot).copied()
    }

    fn dig(&mut self, slot: u32, now: SystemTime) {
        self.order.push_back((now, slot));
        self.since.insert(slot, now);
    }

    /// Notes that an entry has come back to life.
    pub(super) fn leave(&mut self, slot: u32) {
        self.since.remove(&slot);
    }

    /// Takes out the oldest one if its time is over, or if there are too many.
    fn outdated(&mut self, retention: Retention, now: SystemTime) -> Option<u32> {
        while let Some((since, slot)) = self.order.front().copied() {
            if self.since.get(&slot) != Some(&since) {
                self.order.pop_front();
                continue;
            }
            let age = now.duration_since(since).unwrap_or_default();
            if age < retention.time && self.since.len() <= retention.most {
                return None;
            }
            self.order.pop_front();
            self.since.remove(&slot);
            return Some(slot);
        }
        None
    }
}

/// The container below which tombstones are, by the name that clients look for.
fn container_name(domain: &Domain) -> String {
    format!("CN=Deleted Objects,{}", domain.naming_context)
}

/// The container of the tombstones. It is hidden like them.
pub(super) fn container(domain: &Domain) -> Entry {
    let dn = container_name(domain);
    let guid = derived_guid(&Sha256::digest(format!("ldapgate\0{}", dn.to_lowercase())));
    let attribute = |name: &str, values: &[&[u8]]| EntryAttribute {
        description: name.to_owned(),
        values: values.iter().map(|value| value.to_vec()).collect(),
    };
    let attributes = vec![
        attribute("objectClass", &[b"top", b"container"]),
        attribute("cn", &[b"Deleted Objects"]),
        attribute("name", &[b"Deleted Objects"]),
        attribute("description", &[b"Default container for deleted objects"]),
        attribute("isDeleted", &[b"TRUE"]),
        attribute("objectGUID", &[&guid.ad_octets()]),
    ];
    Entry { dn, attributes }
}

impl Work<'_> {
    /// Makes tombstones of removed entries, and clears away those whose time is over.
    pub(super) fn bury(&mut self, removed: &RoaringBitmap) {
        for slot in removed {
            let Some(stored) = self.parts.stored(slot).cloned() else { continue };
            match self.tombstone(&stored) {
                Some(tombstone) if self.domain.kind == DirectoryKind::ActiveDirectory => {
                    self.parts.by_dn.insert(tombstone.name.clone(), slot);
                    let above = self.parts.hang_new(slot, &tombstone.name);
                    self.write(slot, Some(Stored { above, ..tombstone }));
                    self.parts.graves.dig(slot, self.now);
                }
                Some(_) | None => {
                    self.parts.by_guid.remove(&stored.guid);
                    self.write(slot, None);
                }
            }
        }
        self.clear_graves();
    }

    fn clear_graves(&mut self) {
        let retention = self.parts.config.retention;
        while let Some(slot) = self.parts.graves.outdated(retention, self.now) {
            if let Some(stored) = self.parts.stored(slot).cloned() {
                self.parts.by_dn.remove(&stored.name);
                self.parts.by_guid.remove(&stored.guid);
                self.parts.tree.unlink(slot, stored.above);
                self.write(slot, None);
            }
        }
    }

    /// The tombstone of an entry: `CN=Alice\0ADEL:<guid>,CN=Deleted Objects,<naming context>`
    /// (MS-ADTS §3.1.1.5.5.1.1).
    fn tombstone(&mut self, stored: &Stored) -> Option<Stored> {
        let container = container_name(self.domain);
        let parsed = DistinguishedName::parse(&stored.dn).ok()?;
        let first = parsed.rdns().first()?.0.first()?;
        let own = String::from_utf8_lossy(first.value()).into_owned();
        let mangled = format!("{own}\nDEL:{}", stored.guid);
        let rdn =
            format!("{}={}\\0ADEL:{},{container}", first.attribute(), escaped(&own), stored.guid);
        let name = NormalizedDn::parse(&rdn).ok()?;
        let mut content = Content::default();
        for name in KEPT {
            let id = self.parts.attributes.find_name(name);
            if let Some((id, element)) = id.and_then(|id| Some((id, stored.fields.element(id)?))) {
                content.copy(&self.parts.attributes, id, element);
            }
        }
        for (name, value) in [
            (first.attribute(), mangled.as_bytes()),
            ("name", mangled.as_bytes()),
            ("isDeleted", b"TRUE"),
        ] {
            if let Ok(id) = self.parts.intern(&AttributeDescription::new(name)) {
                content.push(&self.parts.attributes, id, std::iter::once(value));
            }
        }
        // What says when it was created stays; the rest is stamped anew.
        let id = self.parts.attributes.find_name("uSNCreated");
        if let Some((id, element)) = id.and_then(|id| Some((id, stored.fields.element(id)?))) {
            content.copy(&self.parts.attributes, id, element);
        }
        let parent = parsed.parent().map(|parent| parent.to_string());
        Some(Stored {
            guid: stored.guid,
            sid: None,
            kind: EntryKind::Deleted,
            dn: rdn.into(),
            name,
            above: stored.above,
            fields: content.fields(),
            references: self.last_known_parent(parent.as_deref()).into_iter().collect(),
        })
    }

    fn last_known_parent(&mut self, parent: Option<&str>) -> Option<References> {
        let id = self.parts.intern(&AttributeDescription::new("lastKnownParent")).ok()?;
        let name = NormalizedDn::parse(parent?).ok()?;
        match self.parts.by_dn.get(&name) {
            Some(slot) => References::new(id, [*slot].into_iter().collect(), Vec::new()),
            None => {
                let outside = self.parts.outside_name(parent?.as_bytes(), Some(name));
                References::new(id, Default::default(), vec![outside])
            }
        }
    }
}

/// A value as it stands in a name (RFC 4514 §2.4).
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for (position, character) in value.char_indices() {
        let last = position + character.len_utf8() == value.len();
        match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' => text.extend(['\\', character]),
            '#' | ' ' if position == 0 => text.extend(['\\', character]),
            ' ' if last => text.extend(['\\', character]),
            '\0' => text.push_str("\\00"),
            '\n' => text.push_str("\\0A"),
            other => text.push(other),
        }
    }
    text
}
