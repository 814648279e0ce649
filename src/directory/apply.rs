//! From one view to the next: entries created, changed and removed, and what follows from it. What comes of many
//! small changes is what comes of reading everything again, and what a first view of the same is (`first`).
//!
//! The steps: names (`naming`), contents (`contents`), references to what has come or gone (`references`),
//! memberships (`back_links`), stamps. A pass that cannot be trusted is an error and leaves the old view as it
//! was; an entry that cannot be kept alone is left out and listed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use imbl::{OrdMap, Vector};
use roaring::RoaringBitmap;

use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::AttributeValues;
use crate::ldap::identifier::Guid;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::schema::DirectoryKind;

use super::attributes::{Attributes, TooManyAttributes};
use super::changeset::ChangeSummary;
use super::contents::{Contents, Surroundings};
use super::domain::Domain;
use super::first;
use super::index::Index;
use super::intake::{self, Content, Ids, Known, same_fields, unstamped};
use super::kinds::Kinds;
use super::naming::{Moved, Naming, Placed};
use super::own::own_entries;
use super::parallel::{in_parallel, run_length, runs_of};
use super::spellings::{Spellings, Vocabulary};
use super::stamps::{Stamp, StampWriter, Stamps};
use super::stored::Stored;
use super::tombstones::Graves;
use super::tree::Tree;
use super::view::{Parts, Rejected, View, ViewConfig};

/// Why entries do not make a view. The text says which entry and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);

/// What two entries must not have in common.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shared {
    /// objectGUID or entryUUID.
    Identity,
    /// The distinguished name.
    Name,
    /// objectSid.
    Sid,
}

impl BuildError {
    /// The entry called `dn` has something in common with another.
    pub(super) fn twice(shared: Shared, dn: &str) -> Self {
        let what = match shared {
            Shared::Identity => "have the identity of",
            Shared::Name => "are called",
            Shared::Sid => "have the SID of",
        };
        Self(format!("two entries {what} {dn}"))
    }
}

impl From<TooManyAttributes> for BuildError {
    fn from(_: TooManyAttributes) -> Self {
        Self("the entries have more than 65536 different attribute descriptions".to_owned())
    }
}

/// The moments of a change.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When the directory was read: what the view says was true then.
    pub read_at: SystemTime,
    /// The present, for which what is new counts as changed.
    pub now: SystemTime,
}

/// Entries that differ from the view, each whole as it is now, and identities that are gone.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Entries created or changed. One that says isDeleted counts as removed.
    pub upserts: Vec<PackedEntry>,
    /// Entries removed.
    pub removed: Vec<Guid>,
}

/// A thread among those that shared the work has ended before its time.
pub(super) fn stopped() -> BuildError {
    BuildError("making the view has stopped halfway".to_owned())
}

/// How many entries are read beside each other before they are written one after another.
const BATCH: usize = 8192;

/// How many generations back a view knows what was touched.
const REMEMBERED: usize = 64;

/// See [`View::first`].
pub(super) fn first(
    config: Arc<ViewConfig>,
    generation: u64,
    domain: Domain,
    mut entries: Vec<PackedEntry>,
    times: Times,
) -> Result<(View, ChangeSummary), BuildError> {
    let domain = Arc::new(domain);
    let parts = Parts::empty(config, &domain, times.now);
    entries.retain(|entry| !is_deleted(entry));
    entries.extend(served(&domain, parts.stamps.invocation(), &entries));
    let parts = first::fill(parts, &domain, entries, times.now)?;
    let view = View::assemble(generation, domain, times.read_at, parts);
    let summary = ChangeSummary::of_first(&view);
    Ok((view, summary))
}

/// See [`View::refreshed`].
pub(super) fn refreshed(
    old: &View,
    domain: Domain,
    mut entries: Vec<PackedEntry>,
    times: Times,
) -> Result<(View, ChangeSummary), BuildError> {
    if !old.domain().heads().eq(domain.heads()) || old.domain().kind != domain.kind {
        // Another directory under the same name: nothing of the old one can be compared.
        let config = old.parts().config.clone();
        return first(config, old.generation() + 1, domain, entries, times);
    }
    entries.retain(|entry| !is_deleted(entry));
    entries.extend(served(&domain, old.invocation(), &entries));
    let (known, rejected) = identified(entries, domain.kind)?;
    let mut removed = old.kinds().live();
    for found in &known {
        if let Some(slot) = old.parts().by_guid.get(&found.guid) {
            removed.remove(*slot);
        }
    }
    advance(old, Arc::new(domain), known, &removed, Some(rejected), times)
}

/// Who the entries are, and those that cannot be kept.
fn identified(
    entries: Vec<PackedEntry>,
    kind: DirectoryKind,
) -> Result<(Vec<Known>, Vec<Rejected>), BuildError> {
    let identify = |run| intake::identify(run, kind);
    let runs = in_parallel(runs_of(entries), identify).ok_or_else(stopped)?;
    let (known, rejected): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
    Ok((known.into_iter().flatten().collect(), rejected.concat()))
}

/// See [`View::changed`].
pub(super) fn changed(
    old: &View,
    changes: Changes,
    times: Times,
) -> Result<(View, ChangeSummary), BuildError> {
    let domain = old.domain_shared();
    let (deleted, upserts) = changes.upserts.into_iter().partition::<Vec<_>, _>(is_deleted);
    let (known, rejected) = intake::identify(upserts, domain.kind);
    let slot = |guid: &Guid| old.find_guid(guid).map(|entry| entry.slot().0);
    let deleted = deleted.iter().filter_map(|entry| intake::identity(entry, domain.kind));
    let gone = changes.removed.into_iter().chain(deleted);
    let mut removed: RoaringBitmap = gone.filter_map(|guid| slot(&guid)).collect();
    for slot in known.iter().filter_map(|found| slot(&found.guid)) {
        removed.remove(slot);
    }
    let rejected = (!rejected.is_empty()).then(|| {
        let kept = old.rejected().iter().filter(|known| !rejected.contains(known));
        kept.cloned().chain(rejected.iter().cloned()).collect()
    });
    advance(old, domain, known, &removed, rejected, times)
}

/// Whether it is the directory's own tombstone: the view makes those that it shows.
fn is_deleted(entry: &PackedEntry) -> bool {
    entry.text_of("isDeleted") == Some("TRUE")
}

fn advance(
    old: &View,
    domain: Arc<Domain>,
    known: Vec<Known>,
    removed: &RoaringBitmap,
    rejected: Option<Vec<Rejected>>,
    times: Times,
) -> Result<(View, ChangeSummary), BuildError> {
    let mut work = Work::new(&domain, old.parts().clone(), times.now);
    work.run(known, removed)?;
    let Work { mut parts, written, stamped, .. } = work;
    if let Some(rejected) = rejected {
        parts.rejected = rejected.into();
    }
    let slots: RoaringBitmap = written.keys().copied().collect();
    let middle = View::assemble(old.generation() + 1, domain, times.read_at, parts);
    let summary = ChangeSummary::between(old, &middle, &slots);
    if slots.is_empty() {
        return Ok((middle, summary));
    }
    Ok((finish(middle, &summary, &slots, stamped, times), summary))
}

/// Stamps the users whose groups changed above them, and notes what was touched.
fn finish(
    view: View,
    summary: &ChangeSummary,
    written: &RoaringBitmap,
    stamped: RoaringBitmap,
    times: Times,
) -> View {
    let affected = summary.affected_users.iter().filter_map(|guid| view.find_guid(guid));
    let affected: RoaringBitmap = affected.map(|entry| entry.slot().0).collect();
    let (generation, domain, parts) = view.into_parts();
    let mut work = Work::new(&domain, parts, times.now);
    work.stamped = stamped;
    for slot in &affected {
        work.stamp(slot);
    }
    let mut parts = work.parts;
    parts.touched.push_back((generation, Arc::new(affected | written)));
    if parts.touched.len() > REMEMBERED {
        parts.touched.pop_front();
    }
    View::assemble(generation, domain, times.read_at, parts)
}

/// A view under construction.
pub(super) struct Work<'d> {
    pub(super) domain: &'d Domain,
    pub(super) parts: Parts,
    pub(super) ids: Ids,
    pub(super) now: SystemTime,
    writer: StampWriter,
    /// What each written slot held before.
    pub(super) written: BTreeMap<u32, Option<Arc<Stored>>>,
    stamped: RoaringBitmap,
}

impl<'d> Work<'d> {
    fn new(domain: &'d Domain, parts: Parts, now: SystemTime) -> Self {
        let ids = Ids::of(&parts.attributes);
        let writer = StampWriter::of(&parts.attributes, domain.kind);
        let (written, stamped) = (BTreeMap::new(), RoaringBitmap::new());
        Self { domain, parts, ids, now, writer, written, stamped }
    }

    fn run(&mut self, known: Vec<Known>, removed: &RoaringBitmap) -> Result<(), BuildError> {
        let Naming { placed, moved, relinked, named, renamed, given } =
            self.name(known, removed)?;
        self.fill(placed)?;
        for moved in moved {
            self.rename(moved);
        }
        for (slot, above) in relinked {
            self.hang(slot, above);
        }
        self.bury(removed);
        self.ids = Ids::of(&self.parts.attributes);
        self.follow_arrivals(&named);
        self.follow_departures(removed, &renamed, &given);
        self.derive_memberships(removed)?;
        self.stamp_changed();
        Ok(())
    }

    /// Writes the entries that differ from what their slots hold.
    fn fill(&mut self, placed: Vec<Placed>) -> Result<(), BuildError> {
        let kind = self.domain.kind;
        let spellings =
            |run: &[Placed]| Spellings::of(run.iter().map(|placed| &placed.known.entry));
        let runs = placed.chunks(run_length(placed.len())).collect();
        let spellings = in_parallel(runs, spellings).ok_or_else(stopped)?;
        let vocabulary = Vocabulary::learn(&mut self.parts, kind, &spellings)?;
        // Known before anything is compared, so that comparing leaves out the stamps.
        self.writer = StampWriter::prepare(&mut self.parts, kind)?;
        self.ids = Ids::of(&self.parts.attributes);
        let mut placed = placed.into_iter().peekable();
        while placed.peek().is_some() {
            let batch: Vec<Placed> = placed.by_ref().take(BATCH).collect();
            let contents = self.contents(&batch, &vocabulary)?;
            for (placed, content) in batch.into_iter().zip(contents) {
                self.place(placed, content);
            }
        }
        Ok(())
    }

    /// What is kept of the entries of a batch.
    fn contents(
        &mut self,
        batch: &[Placed],
        vocabulary: &Vocabulary,
    ) -> Result<Vec<Content>, BuildError> {
        let parts = &self.parts;
        let slot = |name: &NormalizedDn| parts.by_dn.get(name).copied();
        let (attributes, outside) = (&*parts.attributes, &parts.outside);
        let around = Surroundings { attributes, slot: &slot, spelled: None, outside };
        let read = |run: &[Placed]| {
            let mut contents = Contents::new(around, vocabulary);
            let mut read = Vec::with_capacity(run.len());
            for placed in run {
                let mut content = Content::default();
                contents.read(&placed.known.entry, &mut content);
                read.push(content);
            }
            (read, contents.outside)
        };
        let runs = batch.chunks(run_length(batch.len())).collect();
        let mut all = Vec::with_capacity(batch.len());
        for (read, outside) in in_parallel(runs, read).ok_or_else(stopped)? {
            all.extend(read);
            for (octets, name) in outside {
                self.parts.outside.entry(octets).or_insert(name);
            }
        }
        Ok(all)
    }

    fn place(&mut self, placed: Placed, mut content: Content) {
        let Placed { slot, known, above } = placed;
        let Known { dn, name, guid, sid, kind, .. } = known;
        let old = self.parts.stored(slot).cloned();
        let same = |old: &&Arc<Stored>| {
            old.kind == kind
                && old.dn == dn
                && old.sid == sid
                && content.is_content_of(old, &self.ids)
        };
        if let Some(old) = old.as_ref().filter(same) {
            if old.above != above {
                self.hang(slot, above);
            }
            return;
        }
        self.parts.graves.leave(slot);
        let derived = old.as_ref().and_then(|old| self.derived_groups(old));
        if let Some(groups) = derived {
            self.keep_derived(&mut content, groups);
        }
        let created = old.as_ref().and_then(|old| self.number_created(old));
        let stamp = self.parts.stamps.next(self.now);
        self.stamped.insert(slot);
        self.push_stamps(&mut content, stamp, created);
        let stored = Stored {
            guid,
            sid,
            kind,
            dn,
            name,
            above,
            fields: content.fields(),
            references: content.references.into(),
        };
        self.write(slot, Some(stored));
    }

    /// A new name for an entry that is otherwise as it was.
    fn rename(&mut self, moved: Moved) {
        let Some(old) = self.parts.stored(moved.slot) else { return };
        let stored =
            Stored { dn: moved.dn, name: moved.name, above: moved.above, ..(**old).clone() };
        self.write(moved.slot, Some(stored));
    }

    fn hang(&mut self, slot: u32, above: Option<u32>) {
        if let Some(old) = self.parts.stored(slot) {
            let stored = Stored { above, ..(**old).clone() };
            self.write(slot, Some(stored));
        }
    }

    /// Puts an entry into a slot, or empties it, and keeps the indices in step.
    pub(super) fn write(&mut self, slot: u32, stored: Option<Stored>) {
        let new = stored.map(Arc::new);
        let Ok(place) = usize::try_from(slot) else { return };
        let old = self.parts.entries.get(place).cloned().flatten();
        let kind = |stored: &Option<Arc<Stored>>| stored.as_ref().map(|stored| stored.kind);
        self.parts.kinds.change(slot, kind(&old), kind(&new));
        let attributes = self.parts.attributes.clone();
        self.parts.index.change(
            self.domain.kind,
            &attributes,
            slot,
            old.as_deref(),
            new.as_deref(),
        );
        self.written.entry(slot).or_insert(old);
        if place < self.parts.entries.len() {
            self.parts.entries.set(place, new);
        }
    }

    /// Stamps what has been written and looks different now.
    fn stamp_changed(&mut self) {
        let slots: Vec<u32> = self.written.keys().copied().collect();
        for slot in slots {
            let before = self.written.get(&slot).and_then(Option::as_ref);
            let now = self.parts.stored(slot);
            let differs = match (before, now) {
                (Some(before), Some(now)) => {
                    before.dn != now.dn
                        || before.references != now.references
                        || !same_fields(
                            unstamped(&before.fields, &self.ids).collect(),
                            unstamped(&now.fields, &self.ids).collect(),
                        )
                }
                (None, Some(_)) => true,
                (Some(_) | None, None) => false,
            };
            if differs {
                self.stamp(slot);
            }
        }
    }

    /// Gives the entry the next change number and time, once.
    fn stamp(&mut self, slot: u32) {
        let Some(stored) = self.parts.stored(slot).cloned() else { return };
        if !self.stamped.insert(slot) {
            return;
        }
        let stamp = self.parts.stamps.next(self.now);
        let mut content = Content::default();
        for (id, element) in unstamped(&stored.fields, &self.ids) {
            content.copy(&self.parts.attributes, id, element);
        }
        let created = self.number_created(&stored);
        self.push_stamps(&mut content, stamp, created);
        let stored = Stored { fields: content.fields(), ..(*stored).clone() };
        self.write(slot, Some(stored));
    }

    fn push_stamps(&mut self, content: &mut Content, stamp: Stamp, created: Option<u64>) {
        self.writer.push(content, &self.parts.attributes, stamp, created);
    }

    fn number_created(&self, stored: &Stored) -> Option<u64> {
        let id = self.parts.attributes.find_name("uSNCreated")?;
        let value = super::stored::values(stored.fields.element(id)?).next()?;
        std::str::from_utf8(value).ok()?.parse().ok()
    }
}

impl Parts {
    fn empty(config: Arc<ViewConfig>, domain: &Domain, now: SystemTime) -> Self {
        Self {
            index: Index::new(config.indices.clone(), domain),
            config,
            attributes: Arc::new(Attributes::new(domain.kind)),
            entries: Vector::new(),
            by_dn: OrdMap::new(),
            by_guid: OrdMap::new(),
            by_sid: OrdMap::new(),
            tree: Tree::default(),
            kinds: Kinds::default(),
            outside: OrdMap::new(),
            rejected: Arc::from([]),
            stamps: Stamps::begin(domain, now),
            graves: Graves::default(),
            touched: Vector::new(),
        }
    }
}

/// Entries that the program serves beside those it has read. Those below the configuration context only
/// where that is there: they would hang anywhere else.
fn served(domain: &Domain, invocation: Guid, read: &[PackedEntry]) -> Vec<PackedEntry> {
    let is_head = |entry: &PackedEntry| {
        let head = domain.configuration_context.as_deref();
        head.is_some_and(|head| head.eq_ignore_ascii_case(entry.dn()))
    };
    let own = match domain.kind {
        DirectoryKind::ActiveDirectory if !read.iter().any(is_head) => Vec::new(),
        DirectoryKind::ActiveDirectory | DirectoryKind::OpenLdap => {
            own_entries(domain, None, invocation)
        }
    };
    let container = (domain.kind == DirectoryKind::ActiveDirectory)
        .then(|| super::tombstones::container(domain));
    own.iter().chain(&container).map(PackedEntry::pack).collect()
}
