//! One immutable generation of the copy.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::Entry;
use crate::ldap::filter::Filter;
use crate::ldap::identifier::{Guid, Sid};

use super::attributes::Attributes;
use super::build::{self, BuildError};
use super::domain::{Domain, EntryKind};
use super::entry_ref::EntryRef;
use super::index::Index;
use super::stored::Stored;
use super::tree::Tree;

/// The number of an entry within one view. In another view it means another entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// How many entries of each sort a view has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Persons' accounts.
    pub users: usize,
    /// Groups.
    pub groups: usize,
    /// Organizational units, containers and heads of naming contexts.
    pub containers: usize,
    /// Everything else.
    pub others: usize,
}

impl Counts {
    pub(super) fn add(&mut self, kind: EntryKind) {
        match kind {
            EntryKind::User => self.users += 1,
            EntryKind::Group => self.groups += 1,
            EntryKind::Container => self.containers += 1,
            EntryKind::Other => self.others += 1,
        }
    }
}

/// An entry that could not be kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rejected {
    /// Its name as the controller sent it.
    pub dn: String,
    /// Why, for a person.
    pub reason: String,
}

/// One immutable generation of the copy. Only the time of its last confirmation moves: a pass that
/// finds nothing changed confirms the view instead of building another.
#[derive(Debug)]
pub struct View {
    generation: u64,
    domain: Domain,
    built_at: SystemTime,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    confirmed_at: AtomicI64,
    parts: Parts,
}

/// What a view is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) attributes: Attributes,
    pub(super) entries: Vec<Stored>,
    pub(super) by_dn: HashMap<NormalizedDn, u32>,
    pub(super) by_guid: HashMap<Guid, u32>,
    pub(super) by_sid: HashMap<Sid, u32>,
    pub(super) tree: Tree,
    pub(super) index: Index,
    pub(super) counts: Counts,
    pub(super) rejected: Vec<Rejected>,
}

impl View {
    /// Builds a whole view from the entries of one complete pass.
    ///
    /// Entries without a readable identity (objectGUID, entryUUID) or with a name that is none are
    /// left out and listed in [`View::rejected`]. Forbidden attributes
    /// ([`is_forbidden`](crate::ldap::schema::is_forbidden)) are dropped. memberOf is worked out from
    /// the groups (member, uniqueMember and, where exactly one entry has the uid, memberUid); of the
    /// memberOf values that came, those that name groups outside the view are kept.
    ///
    /// # Errors
    /// Two entries with one name, identity or SID; an attribute that came as a range (the rest of
    /// its values would be missing).
    pub fn build(
        generation: u64,
        domain: Domain,
        entries: Vec<Entry>,
        built_at: SystemTime,
    ) -> Result<Self, BuildError> {
        build::build(generation, domain, entries, built_at)
    }

    pub(super) fn assemble(
        generation: u64,
        domain: Domain,
        built_at: SystemTime,
        parts: Parts,
    ) -> Self {
        let confirmed_at = AtomicI64::new(milliseconds(built_at));
        Self { generation, domain, built_at, confirmed_at, parts }
    }

    /// The number of this generation; later ones have higher numbers.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The directory the entries are from.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// When the pass that built it read the directory.
    #[must_use]
    pub fn built_at(&self) -> SystemTime {
        self.built_at
    }

    /// When a complete pass last said what this view says.
    #[must_use]
    pub fn confirmed_at(&self) -> SystemTime {
        let milliseconds = self.confirmed_at.load(Ordering::Relaxed);
        let distance = Duration::from_millis(milliseconds.unsigned_abs());
        let moment = if milliseconds < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        moment.unwrap_or(self.built_at)
    }

    /// Notes that a complete pass at `at` found nothing else.
    pub fn confirm(&self, at: SystemTime) {
        self.confirmed_at.store(milliseconds(at), Ordering::Relaxed);
    }

    /// How long ago the view was last confirmed; zero if the clock was set back since.
    #[must_use]
    pub fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.confirmed_at()).unwrap_or_default()
    }

    /// How many entries there are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.parts.counts
    }

    /// Entries that could not be kept, and why.
    #[must_use]
    pub fn rejected(&self) -> &[Rejected] {
        &self.parts.rejected
    }

    /// The entry called `dn`.
    #[must_use]
    pub fn find_dn(&self, dn: &NormalizedDn) -> Option<EntryRef<'_>> {
        self.slot_of(dn).and_then(|slot| self.entry(Slot(slot)))
    }

    /// The entry with this objectGUID or entryUUID.
    #[must_use]
    pub fn find_guid(&self, guid: &Guid) -> Option<EntryRef<'_>> {
        self.parts.by_guid.get(guid).and_then(|slot| self.entry(Slot(*slot)))
    }

    /// The entry with this objectSid.
    #[must_use]
    pub fn find_sid(&self, sid: &Sid) -> Option<EntryRef<'_>> {
        self.parts.by_sid.get(sid).and_then(|slot| self.entry(Slot(*slot)))
    }

    /// The users whose `attribute` equals `value` under the attribute's matching rule, in slot order.
    #[must_use]
    pub fn users_with(&self, attribute: &str, value: &str) -> Vec<EntryRef<'_>> {
        self.of_kind_with(EntryKind::User, attribute, value)
    }

    /// The groups called `name`: by distinguished name, or else by sAMAccountName or cn. More than
    /// one: the name is ambiguous.
    #[must_use]
    pub fn groups_named(&self, name: &str) -> Vec<EntryRef<'_>> {
        if name.contains('=')
            && let Ok(dn) = NormalizedDn::parse(name)
        {
            let found = self.find_dn(&dn).filter(|entry| entry.kind() == EntryKind::Group);
            return found.into_iter().collect();
        }
        let mut groups = self.of_kind_with(EntryKind::Group, "sAMAccountName", name);
        groups.extend(self.of_kind_with(EntryKind::Group, "cn", name));
        groups.sort_by_key(EntryRef::slot);
        groups.dedup_by_key(|group| group.slot());
        groups
    }

    fn of_kind_with(&self, kind: EntryKind, attribute: &str, value: &str) -> Vec<EntryRef<'_>> {
        let Some(attribute) = AttributeDescription::parse(attribute) else { return Vec::new() };
        let filter = Filter::Equality { attribute, value: value.as_bytes().to_vec() };
        let found = self.matching(&filter);
        found
            .into_iter()
            .filter_map(|slot| self.entry(Slot(slot)))
            .filter(|entry| entry.kind() == kind)
            .collect()
    }

    /// The entry in `slot`.
    #[must_use]
    pub fn entry(&self, slot: Slot) -> Option<EntryRef<'_>> {
        EntryRef::new(self, slot)
    }

    /// All entries in slot order, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        (0_u32..).map_while(|slot| self.entry(Slot(slot)))
    }

    /// All users in slot order.
    pub fn users(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.iter().filter(|entry| entry.kind() == EntryKind::User)
    }

    /// All groups in slot order.
    pub fn groups(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.iter().filter(|entry| entry.kind() == EntryKind::Group)
    }

    pub(super) fn slot_of(&self, dn: &NormalizedDn) -> Option<u32> {
        self.parts.by_dn.get(dn).copied()
    }

    pub(super) fn attributes(&self) -> &Attributes {
        &self.parts.attributes
    }

    pub(super) fn entries(&self) -> &[Stored] {
        &self.parts.entries
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.parts.tree
    }

    pub(super) fn index(&self) -> &Index {
        &self.parts.index
    }
}

fn milliseconds(moment: SystemTime) -> i64 {
    let clamp = |distance: Duration| i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
    match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => clamp(after),
        Err(before) => -clamp(before.duration()),
    }
}
