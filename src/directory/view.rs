//! One immutable generation of the copy.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use imbl::{OrdMap, Vector};
use roaring::RoaringBitmap;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::Entry;
use crate::ldap::filter::Filter;
use crate::ldap::identifier::{Guid, Sid};
use crate::ldap::packed_entry::PackedEntry;

use super::apply::{self, BuildError, Changes, Times};
use super::attributes::Attributes;
use super::changeset::ChangeSummary;
use super::domain::{Domain, DomainNames, EntryKind};
use super::entry_ref::EntryRef;
use super::index::{Index, IndexPlan};
use super::kinds::Kinds;
use super::stamps::Stamps;
use super::stored::{OutsideName, Stored};
use super::tombstones::{Graves, Retention};
use super::tree::Tree;

/// The number of an entry. It keeps it in all views that come from one first view, and no other entry
/// ever gets it there.
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

/// An entry that could not be kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Rejected {
    /// Its name as the controller sent it.
    pub dn: String,
    /// Why, for a person.
    pub reason: String,
}

/// One immutable generation of the copy. Views share what they have in common: one that differs in one
/// entry costs a few nodes of its maps. Only the time of the last confirmation moves: a pass that finds
/// nothing changed confirms the view instead of making another.
#[derive(Debug)]
pub struct View {
    generation: u64,
    domain: Arc<Domain>,
    built_at: SystemTime,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    confirmed_at: AtomicI64,
    parts: Parts,
}

/// How views are kept.
#[derive(Clone, Debug, Default)]
pub struct ViewConfig {
    /// How long and how many removed entries are remembered.
    pub retention: Retention,
    /// Which attributes have which index.
    pub indices: Arc<IndexPlan>,
}

/// What a view is made of. A copy shares everything until one of the two is changed.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) config: Arc<ViewConfig>,
    pub(super) attributes: Arc<Attributes>,
    pub(super) entries: Vector<Option<Arc<Stored>>>,
    pub(super) by_dn: OrdMap<NormalizedDn, u32>,
    pub(super) by_guid: OrdMap<Guid, u32>,
    pub(super) by_sid: OrdMap<Sid, u32>,
    pub(super) tree: Tree,
    pub(super) kinds: Kinds,
    pub(super) index: Index,
    /// One object for each value of DN syntax that refers to nothing in the view.
    pub(super) outside: OrdMap<Box<[u8]>, Arc<OutsideName>>,
    pub(super) rejected: Arc<[Rejected]>,
    pub(super) stamps: Stamps,
    pub(super) graves: Graves,
    /// Which slots the last generations touched, oldest first.
    pub(super) touched: Vector<(u64, Arc<RoaringBitmap>)>,
}

impl View {
    /// Makes the first view of a directory from the entries of one complete pass, with the default
    /// configuration. See [`View::first`].
    ///
    /// # Errors
    /// See there.
    pub fn build(
        generation: u64,
        domain: Domain,
        entries: Vec<Entry>,
        built_at: SystemTime,
    ) -> Result<Self, BuildError> {
        let times = Times { read_at: built_at, now: built_at };
        let entries = entries.into_iter().map(|entry| PackedEntry::pack(&entry)).collect();
        Self::first(Arc::new(ViewConfig::default()), generation, domain, entries, times)
            .map(|(view, _)| view)
    }

    /// Makes the first view of a directory from the entries of one complete pass, and says what is in it.
    ///
    /// Entries without a readable identity (objectGUID, entryUUID) or with a name that is none are
    /// left out and listed in [`View::rejected`]. Forbidden attributes
    /// ([`is_forbidden`](crate::ldap::schema::is_forbidden)) are dropped. memberOf is worked out from
    /// the groups (member, uniqueMember and, where exactly one entry has the uid, memberUid); of the
    /// memberOf values that came, those that name groups outside the view are kept. Change numbers
    /// (uSNChanged, uSNCreated) are the view's own and start anew, so [`View::invocation`] is new too.
    ///
    /// # Errors
    /// Two entries with one name, identity or SID; an attribute that came as a range (the rest of
    /// its values would be missing).
    pub fn first(
        config: Arc<ViewConfig>,
        generation: u64,
        domain: Domain,
        entries: Vec<PackedEntry>,
        times: Times,
    ) -> Result<(Self, ChangeSummary), BuildError> {
        apply::first(config, generation, domain, entries, times)
    }

    /// The next view from the entries of another complete pass. What both have in common is shared;
    /// entries that the pass has not found are gone. If nothing differs the summary is empty, and the
    /// new view says what this one says.
    ///
    /// # Errors
    /// As for [`View::first`].
    pub fn refreshed(
        &self,
        domain: Domain,
        entries: Vec<PackedEntry>,
        times: Times,
    ) -> Result<(Self, ChangeSummary), BuildError> {
        apply::refreshed(self, domain, entries, times)
    }

    /// The next view with some entries created, changed or removed, each given whole. What is below a
    /// renamed entry is renamed with it. References follow entries in Active Directory; elsewhere they
    /// keep the name, so that what refers to a renamed entry counts only once it is given itself.
    ///
    /// # Errors
    /// As for [`View::first`].
    pub fn changed(
        &self,
        changes: Changes,
        times: Times,
    ) -> Result<(Self, ChangeSummary), BuildError> {
        apply::changed(self, changes, times)
    }

    /// The same view of a domain that is called otherwise. It is to be published as another one: what names in
    /// logins mean may differ.
    #[must_use]
    pub fn called(mut self, names: DomainNames) -> Self {
        self.domain = Arc::new(self.domain.called(names));
        self
    }

    pub(super) fn assemble(
        generation: u64,
        domain: Arc<Domain>,
        built_at: SystemTime,
        parts: Parts,
    ) -> Self {
        let confirmed_at = AtomicI64::new(milliseconds(built_at));
        Self { generation, domain, built_at, confirmed_at, parts }
    }

    pub(super) fn raise_numbers(&mut self, now: SystemTime) {
        self.parts.stamps.raise(now);
    }

    pub(super) fn into_parts(self) -> (u64, Arc<Domain>, Parts) {
        (self.generation, self.domain, self.parts)
    }

    pub(super) fn domain_shared(&self) -> Arc<Domain> {
        self.domain.clone()
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
        self.parts.kinds.counts()
    }

    /// Entries that could not be kept, and why.
    #[must_use]
    pub fn rejected(&self) -> &[Rejected] {
        &self.parts.rejected
    }

    /// The highest change number that any entry has (uSNChanged).
    #[must_use]
    pub const fn highest_usn(&self) -> u64 {
        self.parts.stamps.highest_usn()
    }

    /// The identity of the numbering: change numbers can be compared between views with the same one
    /// (MS-ADTS §3.1.1.1.9, invocationId).
    #[must_use]
    pub const fn invocation(&self) -> Guid {
        self.parts.stamps.invocation()
    }

    /// Whether it is the view before in other words: nothing was written.
    #[must_use]
    pub fn is_as_before(&self) -> bool {
        self.parts.touched.back().is_none_or(|(touched, _)| *touched < self.generation)
    }

    /// The slots whose entries were created, changed or removed since `generation`, users whose groups
    /// changed included. `None`: not known any more, or not a generation of this line of views.
    #[must_use]
    pub fn touched_since(&self, generation: u64) -> Option<RoaringBitmap> {
        if generation >= self.generation {
            return (generation == self.generation).then(RoaringBitmap::new);
        }
        let (oldest, _) = self.parts.touched.front()?;
        // The first view of a line touches everything, so it is not on the list.
        (*oldest <= generation + 1).then(|| {
            let later = self.parts.touched.iter().filter(|(number, _)| *number > generation);
            later.fold(RoaringBitmap::new(), |all, (_, touched)| all | touched.as_ref())
        })
    }

    /// The entry called `dn`.
    #[must_use]
    pub fn find_dn(&self, dn: &NormalizedDn) -> Option<EntryRef<'_>> {
        self.slot_of(dn).and_then(|slot| self.entry(Slot(slot)))
    }

    /// The entry with this objectGUID or entryUUID.
    #[must_use]
    pub fn find_guid(&self, guid: &Guid) -> Option<EntryRef<'_>> {
        let found = self.parts.by_guid.get(guid).and_then(|slot| self.entry(Slot(*slot)));
        found.filter(|entry| entry.kind() != EntryKind::Deleted)
    }

    /// The same, looked for first in the slot where it was a short while ago.
    #[must_use]
    pub fn find_again(&self, guid: &Guid, slot: Slot) -> Option<EntryRef<'_>> {
        let there = self.entry(slot).filter(|entry| entry.guid() == *guid);
        there.filter(|entry| entry.kind() != EntryKind::Deleted).or_else(|| self.find_guid(guid))
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

    /// All entries in slot order, without tombstones.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.parts.kinds.live().into_iter().filter_map(|slot| self.entry(Slot(slot)))
    }

    /// All users in slot order.
    pub fn users(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.of_kind(EntryKind::User)
    }

    /// All groups in slot order.
    pub fn groups(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.of_kind(EntryKind::Group)
    }

    /// The slots of all entries of a sort.
    #[must_use]
    pub fn slots_of_kind(&self, kind: EntryKind) -> &Arc<RoaringBitmap> {
        self.parts.kinds.of(kind)
    }

    /// The slots of `base` and of everything below it; empty if it is not there.
    #[must_use]
    pub fn slots_within(&self, base: &NormalizedDn) -> RoaringBitmap {
        if base.is_root() {
            return self.parts.kinds.live();
        }
        self.slot_of(base).map_or_else(RoaringBitmap::new, |slot| {
            let mut slots = self.parts.tree.below(slot);
            slots.insert(slot);
            slots
        })
    }

    fn of_kind(&self, kind: EntryKind) -> impl Iterator<Item = EntryRef<'_>> {
        self.parts.kinds.of(kind).iter().filter_map(|slot| self.entry(Slot(slot)))
    }

    pub(super) fn slot_of(&self, dn: &NormalizedDn) -> Option<u32> {
        self.parts.by_dn.get(dn).copied()
    }

    /// The stored entry in `slot`.
    pub(super) fn stored(&self, slot: u32) -> Option<&Stored> {
        self.parts.stored(slot).map(Arc::as_ref)
    }

    pub(super) const fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(super) fn attributes(&self) -> &Attributes {
        &self.parts.attributes
    }

    pub(super) const fn kinds(&self) -> &Kinds {
        &self.parts.kinds
    }

    pub(super) const fn tree(&self) -> &Tree {
        &self.parts.tree
    }

    pub(super) const fn index(&self) -> &Index {
        &self.parts.index
    }
}

impl Parts {
    /// The stored entry in `slot`.
    pub(super) fn stored(&self, slot: u32) -> Option<&Arc<Stored>> {
        self.entries.get(usize::try_from(slot).ok()?)?.as_ref()
    }
}

fn milliseconds(moment: SystemTime) -> i64 {
    let clamp = |distance: Duration| i64::try_from(distance.as_millis()).unwrap_or(i64::MAX);
    match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => clamp(after),
        Err(before) => -clamp(before.duration()),
    }
}
