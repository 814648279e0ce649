//! `[io]` One pass over what has changed, by each strategy. All of them end in the same: identities that the
//! directory names as changed are read whole, on the link that named them, so that what is kept is
//! never older than the position that goes with it.

use std::collections::BTreeSet;

use crate::directory::{View, identity};
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::controls::dir_sync::{DirSyncFlags, DirSyncRequest};
use crate::ldap::controls::sync_state::SyncState;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::AttributeValues;
use crate::ldap::filter::Filter;
use crate::ldap::identifier::Guid;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::request::SearchScope;
use crate::ldap::schema::DirectoryKind;
use crate::upstream::{Content, FetchError, FetchSession, Numbering, Step, SyncEvent};

use super::ancestors;
use super::assemble::Assembly;
use super::delta::{Delta, compared, identities, is_compared};
use super::full::{FullPass, equality, subtree};
use super::position::Position;
use super::read;
use super::strategy::{Offer, Strategy};
use super::timestamps;

/// Octets that DirSync is to put into one answer; a controller may give more.
const DIR_SYNC_OCTETS: u32 = 1 << 20;
/// Answers of one pass over DirSync. A controller that always says "more" must not hold us for ever.
const MOST_ANSWERS: usize = 100_000;
/// The attributes whose changes DirSync tells of: all. Of the rest it would say nothing, and of names and
/// deletions only if they are asked for.
const EVERYTHING: &[&str] = &[];

/// What a pass over changes works with.
pub(super) struct Following<'a> {
    pub(super) session: &'a mut FetchSession,
    pub(super) plan: &'a FullPass,
    pub(super) page_size: u32,
}

impl Following<'_> {
    /// Where the next pass over changes begins if everything is read from now on: taken before the reading,
    /// so that it is never newer than what was read. `None`: by this strategy that shows only in what was read.
    ///
    /// # Errors
    /// The strategy is not to be had ([`Step::Rights`], [`Step::Control`]), or what failed.
    pub(super) async fn begin(
        &mut self,
        strategy: Strategy,
    ) -> Result<Option<Position>, FetchError> {
        match strategy {
            Strategy::DirSync => self.first_cookie().await.map(Some),
            Strategy::Usn => {
                let Numbering { invocation, highest } = self.session.numbering().await?;
                Ok(Some(Position::Usn { invocation, highest }))
            }
            Strategy::SyncRepl => {
                // What is asked for is nothing, but the answer tells where the server stands.
                let nothing = Filter::Not(Box::new(present("objectClass")));
                let naming = &self.plan.contexts.naming;
                let content = Content { base: naming, filter: &nothing, attributes: &["1.1"] };
                let end = self.session.sync_content(content, None, &mut |_| ()).await?;
                Ok(Some(Position::Content { cookie: end.cookie }))
            }
            Strategy::Timestamps | Strategy::Full => Ok(None),
        }
    }

    /// What has changed since `position`.
    ///
    /// # Errors
    /// [`Step::Position`]: everything has to be read. Others: what failed; nothing is kept then.
    pub(super) async fn changes(
        &mut self,
        position: &Position,
        view: &View,
    ) -> Result<Delta, FetchError> {
        let delta = match position {
            Position::DirSync { cookie, object_security } => {
                self.dir_sync(cookie.clone(), *object_security, view).await
            }
            Position::Usn { .. } => self.numbered(position, view).await,
            Position::Content { cookie } => self.content(cookie, view).await,
            Position::Timestamps { latest } => self.stamped(latest).await,
        };
        let delta = self.with_who_names_them(delta?, view).await?;
        self.with_ancestors(delta, view).await
    }

    /// Compares the identities of everything with those of the view, and reads what is new.
    pub(super) async fn identities(&mut self, view: &View) -> Result<Delta, FetchError> {
        let mut search = self.plan.copy.clone();
        search.attributes = [identity_attribute(self.plan.kind())].into_iter().collect();
        let kind = self.plan.kind();
        let mut found = BTreeSet::new();
        let mut each = |page: Vec<PackedEntry>| found.extend(identities(&page, kind));
        self.session.search_paged(search, self.page_size, &mut each).await?;
        let vanished = compared(view).difference(&found).copied().collect();
        let new = found.into_iter().filter(|guid| view.find_guid(guid).is_none()).collect();
        let entries = self.whole(&new).await?;
        let delta = Delta { entries, vanished, ..Delta::default() };
        let delta = self.with_who_names_them(delta, view).await?;
        self.with_ancestors(delta, view).await
    }

    /// What the names of the domain are read from, whole: no strategy follows the configuration context. Nothing where
    /// it may not be read.
    pub(super) async fn names(&mut self) -> Result<Vec<PackedEntry>, FetchError> {
        let Some(search) = self.plan.partitions.clone() else { return Ok(Vec::new()) };
        let mut assembly = Assembly::new(self.plan.kind());
        let mut each = |page| assembly.add(page);
        match self.session.search_paged(search, self.page_size, &mut each).await {
            Err(error) if is_hidden(&error) => return Ok(Vec::new()),
            other => other?,
        }
        self.complete(assembly).await
    }

    /// DirSync answers for the whole naming context; what is not copied is asked about as seldom as possible.
    /// The first cookie comes with an answer that has hardly any entry in it.
    async fn first_cookie(&mut self) -> Result<Position, FetchError> {
        let head = equality("objectClass", "domainDNS");
        let everything = self.all_answers(Vec::new(), false, head.clone(), &mut |_| ()).await;
        let (cookie, object_security) = match everything {
            Err(error) if error.step == Step::Rights => {
                (self.all_answers(Vec::new(), true, head, &mut |_| ()).await?, true)
            }
            other => (other?, false),
        };
        Ok(Position::DirSync { cookie, object_security })
    }

    async fn dir_sync(
        &mut self,
        cookie: Vec<u8>,
        object_security: bool,
        view: &View,
    ) -> Result<Delta, FetchError> {
        let mut named = Named::default();
        let mut each = |page: Vec<PackedEntry>| page.iter().for_each(|entry| named.note(entry));
        let classes = copied_classes();
        let cookie = self.all_answers(cookie, object_security, classes, &mut each).await?;
        if let Some(hidden) = self.hidden_number() {
            let deleted = self.tombstones(hidden).await?;
            named.changed.retain(|guid| !deleted.contains(guid));
            named.deleted.extend(deleted);
        }
        let mut delta = self.named(named, view).await?;
        delta.position = Some(Position::DirSync { cookie, object_security });
        Ok(delta)
    }

    async fn all_answers(
        &mut self,
        mut cookie: Vec<u8>,
        object_security: bool,
        filter: Filter,
        each: &mut (dyn FnMut(Vec<PackedEntry>) + Send),
    ) -> Result<Vec<u8>, FetchError> {
        let mut flags = DirSyncFlags::INCREMENTAL_VALUES;
        if object_security {
            flags = flags.with(DirSyncFlags::OBJECT_SECURITY);
        }
        let base = &self.plan.contexts.naming;
        let content = Content { base, filter: &filter, attributes: EVERYTHING };
        for _ in 0..MOST_ANSWERS {
            let request = DirSyncRequest { flags, max_bytes: DIR_SYNC_OCTETS, cookie };
            let answer = self.session.dir_sync(content, &request, each).await?;
            cookie = answer.cookie;
            if !answer.more {
                return Ok(cookie);
            }
        }
        Err(self.failed(Step::Protocol, "DirSync makes no end"))
    }

    /// MS-ADTS §3.1.1.1.9: whatever is written at a controller, by whom and wherever first, gets the next
    /// number there.
    async fn numbered(&mut self, position: &Position, view: &View) -> Result<Delta, FetchError> {
        let Numbering { invocation, highest } = self.session.numbering().await?;
        let Some(read) = position.watermark(&invocation) else {
            return Err(self.failed(Step::Position, "another controller was read last"));
        };
        if highest < read {
            let reason = "the controller counts from an earlier state: it was restored";
            return Err(self.failed(Step::Position, reason));
        }
        let moved = Position::Usn { invocation, highest };
        let mut delta = Delta { position: Some(moved), ..Delta::default() };
        if highest == read {
            return Ok(delta);
        }
        let later = Filter::GreaterOrEqual {
            attribute: AttributeDescription::new("uSNChanged"),
            value: (read + 1).to_string().into_bytes(),
        };
        delta.entries = self.matching(later.clone()).await?;
        let new = [later].into_iter().chain(self.hidden_number()).collect();
        let deleted = self.tombstones(Filter::Or(new)).await?;
        delta.deleted = deleted.into_iter().filter(|guid| view.find_guid(guid).is_some()).collect();
        Ok(delta)
    }

    /// The container of deleted objects, if the account may not look into it: deletions then leave no trace for
    /// it (MS-ADTS §3.1.1.3.4.1.14), by whatever strategy.
    pub(super) async fn hidden_container(&mut self) -> Result<Option<String>, FetchError> {
        let container = format!("CN=Deleted Objects,{}", self.plan.contexts.naming);
        let mut search = subtree(self.plan.kind(), &container, present("objectClass"));
        search.scope = SearchScope::BaseObject;
        search.attributes = ["objectGUID"].into_iter().collect();
        let mut found = 0;
        let mut each = |page: Vec<PackedEntry>| found += page.len();
        match self.session.search_deleted(search, self.page_size, &mut each).await {
            Ok(()) => Ok((found == 0).then_some(container)),
            Err(error) if is_hidden(&error) => Ok(Some(container)),
            Err(error) => Err(error),
        }
    }

    /// Finds the tombstones that Samba has been told of by another controller: they have the rights of their
    /// container, and their number is hidden, to filters and to DirSync as well. Samba takes a hidden value for
    /// none. `None`: a server that does not (RFC 4511 §4.5.1.7).
    fn hidden_number(&self) -> Option<Filter> {
        let is_samba = Offer::read(self.session.root_dse()).is_samba;
        is_samba.then(|| Filter::Not(Box::new(present("uSNChanged"))))
    }

    /// Identities of what was deleted. An account that may not look into the container of deleted objects
    /// sees none: comparing identities finds them later.
    async fn tombstones(&mut self, condition: Filter) -> Result<BTreeSet<Guid>, FetchError> {
        let deleted = Filter::And(vec![equality("isDeleted", "TRUE"), condition]);
        let container = format!("CN=Deleted Objects,{}", self.plan.contexts.naming);
        let mut search = subtree(self.plan.kind(), &container, deleted);
        search.attributes = ["objectGUID"].into_iter().collect();
        let mut found = BTreeSet::new();
        let kind = self.plan.kind();
        let mut each = |page: Vec<PackedEntry>| found.extend(identities(&page, kind));
        match self.session.search_deleted(search, self.page_size, &mut each).await {
            Err(error) if is_hidden(&error) => {
                tracing::debug!(%error, "deleted objects cannot be seen");
            }
            other => other?,
        }
        Ok(found)
    }

    /// RFC 4533 §3.3: what was added or changed comes whole; what is gone is named, or what is there is.
    async fn content(&mut self, cookie: &[u8], view: &View) -> Result<Delta, FetchError> {
        let mut delta = Delta::default();
        let mut present = BTreeSet::new();
        let mut vanished = None;
        let mut assembly = Assembly::new(self.plan.kind());
        let mut each = |event: SyncEvent| match event {
            SyncEvent::Entry { state: SyncState::Delete, uuid, .. } => {
                delta.deleted.insert(uuid);
            }
            SyncEvent::Entry { state: SyncState::Present, uuid, .. } => {
                present.insert(uuid);
            }
            SyncEvent::Entry { uuid, entry, .. } => {
                delta.deleted.remove(&uuid);
                present.insert(uuid);
                assembly.add(vec![entry]);
            }
            SyncEvent::Ids { deleted: true, uuids } => delta.deleted.extend(uuids),
            SyncEvent::Ids { deleted: false, uuids } => present.extend(uuids),
            SyncEvent::PresentPhaseEnded => vanished = Some(absent(view, &present)),
        };
        let (base, filter) = (&self.plan.copy.base, &self.plan.copy.filter);
        let attributes = FullPass::attributes(self.plan.kind());
        let content = Content { base, filter, attributes };
        let end = self.session.sync_content(content, Some(cookie), &mut each).await?;
        if !end.refresh_deletes {
            vanished = Some(absent(view, &present));
        }
        delta.vanished = vanished.unwrap_or_default();
        delta.vanished.retain(|guid| !present.contains(guid));
        delta.deleted.retain(|guid| view.find_guid(guid).is_some());
        delta.entries = assembly.into_entries();
        delta.position = Some(Position::Content { cookie: end.cookie });
        Ok(delta)
    }

    /// What was modified at `latest` or later. Deletions leave no trace here.
    async fn stamped(&mut self, latest: &str) -> Result<Delta, FetchError> {
        let Some(since) = timestamps::with_overlap(latest) else {
            return Err(self.failed(Step::Position, "the time of the last pass cannot be read"));
        };
        let later = Filter::GreaterOrEqual {
            attribute: AttributeDescription::new("modifyTimestamp"),
            value: since.into_bytes(),
        };
        let entries = self.matching(later).await?;
        let newest = timestamps::latest(&entries).filter(|newest| newest.as_str() > latest);
        let latest = newest.unwrap_or_else(|| latest.to_owned());
        Ok(Delta { entries, position: Some(Position::Timestamps { latest }), ..Delta::default() })
    }

    /// What is copied and matches `condition`, whole.
    async fn matching(&mut self, condition: Filter) -> Result<Vec<PackedEntry>, FetchError> {
        let mut search = self.plan.copy.clone();
        search.filter = Filter::And(vec![condition, search.filter]);
        let mut assembly = Assembly::new(self.plan.kind());
        let mut each = |page| assembly.add(page);
        self.session.search_paged(search, self.page_size, &mut each).await?;
        self.complete(assembly).await
    }

    /// The entries with all values of their attributes.
    async fn complete(&mut self, mut assembly: Assembly) -> Result<Vec<PackedEntry>, FetchError> {
        for place in assembly.partial() {
            let Some(mut entry) = assembly.entry(place).cloned() else { continue };
            self.session.complete_ranges(&mut entry).await?;
            assembly.complete(place, entry);
        }
        Ok(assembly.into_entries())
    }

    /// Reads what was named as changed, and tells what is there no more.
    async fn named(&mut self, named: Named, view: &View) -> Result<Delta, FetchError> {
        let entries = self.whole(&named.changed).await?;
        let found: BTreeSet<Guid> = identities(&entries, self.plan.kind()).collect();
        let absent = named.changed.difference(&found);
        let vanished = absent.filter(|guid| is_compared(view, guid)).copied().collect();
        let known = |guid: &Guid| view.find_guid(guid).is_some();
        let deleted = named.deleted.into_iter().filter(known).collect();
        Ok(Delta { entries, deleted, vanished, position: None })
    }

    /// Those of the identities that are copied, whole.
    pub(super) async fn whole(
        &mut self,
        guids: &BTreeSet<Guid>,
    ) -> Result<Vec<PackedEntry>, FetchError> {
        let guids: Vec<Guid> = guids.iter().copied().collect();
        let attributes = FullPass::attributes(self.plan.kind());
        let filter = self.plan.copy.filter.clone();
        let mut found = self.session.read_by_identity(&guids, Some(&filter), attributes).await?;
        found.retain(|entry| self.plan.contexts.covers(entry.dn()));
        let mut assembly = Assembly::new(self.plan.kind());
        assembly.add(found);
        Ok(assembly.into_entries())
    }

    /// Reads what stands above new entries and was never copied.
    async fn with_ancestors(&mut self, mut delta: Delta, view: &View) -> Result<Delta, FetchError> {
        let contexts = self.plan.contexts.heads();
        let names = delta.entries.iter().map(PackedEntry::dn);
        let mut missing = ancestors::missing(&names, &contexts);
        missing.retain(|name| {
            NormalizedDn::parse(name).is_ok_and(|name| view.find_dn(&name).is_none())
        });
        delta.entries.extend(self.readable(missing).await?);
        Ok(delta)
    }

    /// Entries by name, whole, those of them that are there and may be read.
    pub(super) async fn readable(
        &mut self,
        names: impl IntoIterator<Item = String>,
    ) -> Result<Vec<PackedEntry>, FetchError> {
        let attributes = FullPass::attributes(self.plan.kind());
        let mut found = Vec::new();
        for name in names {
            match self.session.read(&name, attributes).await {
                Ok(Some(mut entry)) => {
                    self.session.complete_ranges(&mut entry).await?;
                    found.push(entry);
                }
                Ok(None) => {}
                Err(error) if is_hidden(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn failed(&self, step: Step, reason: &str) -> FetchError {
        read::failed(self.session, step, &reason)
    }
}

/// Not there, or not for the sync account, or not to be asked for.
fn is_hidden(error: &FetchError) -> bool {
    matches!(error.step, Step::Base | Step::Rights | Step::Control)
}

/// Whom nothing was said of although all that is there was named.
fn absent(view: &View, present: &BTreeSet<Guid>) -> BTreeSet<Guid> {
    compared(view).difference(present).copied().collect()
}

/// What DirSync has named.
#[derive(Default)]
struct Named {
    changed: BTreeSet<Guid>,
    deleted: BTreeSet<Guid>,
}

impl Named {
    fn note(&mut self, entry: &PackedEntry) {
        let Some(guid) = identity(entry, DirectoryKind::ActiveDirectory) else { return };
        let is_deleted = entry.first_of("isDeleted").is_some_and(|value| value == b"TRUE");
        let (into, out_of) = if is_deleted {
            (&mut self.deleted, &mut self.changed)
        } else {
            (&mut self.changed, &mut self.deleted)
        };
        into.insert(guid);
        out_of.remove(&guid);
    }
}

/// What is copied, by class: the rest of the filter is not there on what was deleted.
fn copied_classes() -> Filter {
    let classes =
        ["user", "group", "organizationalUnit", "container", "domainDNS", "builtinDomain"];
    Filter::Or(classes.iter().map(|class| equality("objectClass", class)).collect())
}

fn present(attribute: &str) -> Filter {
    Filter::Present(AttributeDescription::new(attribute))
}

const fn identity_attribute(kind: DirectoryKind) -> &'static str {
    match kind {
        DirectoryKind::ActiveDirectory => "objectGUID",
        DirectoryKind::OpenLdap => "entryUUID",
    }
}
