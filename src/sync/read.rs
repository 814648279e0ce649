//! `[io]` One pass over one controller: a whole copy, or why there is none. The only way in which a
//! directory is read: for the running program and for `check` alike.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::directory::{
    ChangeSummary, Domain, SUBSCHEMA_ATTRIBUTES, Subschema, Times, View, ViewConfig, identity,
};
use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::{AttributeValues, Entry};
use crate::ldap::identifier::Guid;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::schema::DirectoryKind;
use crate::time::Now;
use crate::upstream::{FetchError, FetchSession, Step};

use super::ancestors::{self, MOST_ANCESTORS};
use super::assemble::{AssembleError, Assembly, Memberships};
use super::full::{self, ByIdentity, Contexts, FullPass};
use super::timestamps;

/// Entries that are read again one by one where both ends of a membership do not fit. A change between
/// two pages touches few; where more do not fit, it has another cause, and reading again does not mend it.
const MOST_READ_AGAIN: usize = 1000;

/// The subschema is read whole at least so often, whatever its `modifyTimeStamp` says: Samba gives none.
const SUBSCHEMA_REFRESH: Duration = Duration::from_secs(24 * 3600);

/// What is to be copied through a session.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The part that is copied, where that is less than the naming context.
    pub base: Option<&'a str>,
    /// Entries of one page; 0 counts as 1.
    pub page_size: u32,
    /// How the copy is kept; by default if it is not said.
    pub config: Option<&'a Arc<ViewConfig>>,
    /// The copy so far, which tells what has changed and what has suddenly vanished.
    pub last: Option<&'a Arc<View>>,
}

/// A whole copy.
#[derive(Debug)]
pub struct Copy {
    /// The entries, one generation after the last.
    pub view: View,
    /// What differs from the last copy.
    pub changes: ChangeSummary,
    /// Users whose account state cannot be read; they are refused.
    pub unreadable: usize,
    /// Entries that were moved or renamed while they were read.
    pub moved: usize,
    /// The latest modifyTimestamp that the directory told, where it tells any.
    pub latest_modification: Option<String>,
}

/// Reads everything that is copied of the session's directory. `progress` is told after every page how
/// many entries there are.
///
/// What changes while it is read is read again: entries that came twice, groups and members that do not
/// fit together, groups that went before all their members were read.
///
/// # Errors
/// What failed, at which step; nothing is kept then.
pub async fn whole_copy(
    session: &mut FetchSession,
    wanted: Wanted<'_>,
    progress: &mut (dyn FnMut(usize) + Send),
) -> Result<Copy, FetchError> {
    // A view is as old as the first octet that was read for it.
    let read_at = Now::read().wall;
    let (directory, kind) = (session.config().directory.clone(), session.config().kind);
    let root_dse = session.root_dse().clone();
    let pass = plan(session, wanted.base)?;
    let mut reading = Reading { session, pass, kind };
    let mut assembly = reading.pages(wanted.page_size.max(1), progress).await?;
    reading.complete(&mut assembly).await?;
    let assembly = reading.settle(assembly).await?;
    let assembly = reading.ancestors(assembly).await?;
    // Last: a link that is lost over it has nothing else to do.
    let last_subschema = wanted.last.and_then(|view| view.domain().subschema.clone());
    let subschema = reading.subschema(&root_dse, last_subschema).await;

    let last = wanted.last.cloned();
    let config = wanted.config.cloned().unwrap_or_default();
    let Reading { session, pass: FullPass { contexts, .. }, .. } = reading;
    let controller = session.controller().clone();
    let error = |step, reason: String| FetchError { controller: controller.clone(), step, reason };
    // Building a large view takes seconds: not on a thread that serves logins.
    let built = tokio::task::spawn_blocking(move || {
        let assembled = assembly
            .finish(&contexts.copied, last.as_deref())
            .map_err(|error| (step(&error), error.to_string()))?;
        let latest_modification = timestamps::latest(&assembled.entries);
        let domain = full::domain(&directory, kind, contexts, root_dse, &assembled.entries);
        let domain = Domain { subschema, ..domain };
        let times = Times { read_at, now: Now::read().wall };
        let next = match &last {
            Some(last) => last.refreshed(domain, assembled.entries, times),
            None => View::first(config, 1, domain, assembled.entries, times),
        };
        let (view, changes) = next.map_err(|error| (Step::Protocol, error.to_string()))?;
        let (unreadable, moved) = (assembled.unreadable, assembled.moved);
        Ok(Copy { view, changes, unreadable, moved, latest_modification })
    });
    match built.await {
        Ok(built) => built.map_err(|(step, reason)| error(step, reason)),
        Err(panic) => Err(error(Step::Protocol, format!("building the copy failed: {panic}"))),
    }
}

/// What is read of a session's directory; `narrowed` is the part that is copied, where that is less than the
/// naming context.
///
/// # Errors
/// [`Step::Base`]: the base of the copy is none.
pub(super) fn plan(session: &FetchSession, narrowed: Option<&str>) -> Result<FullPass, FetchError> {
    let (kind, base) = (session.config().kind, session.config().base_dn.as_deref());
    let contexts = Contexts::read(kind, session.root_dse(), base, narrowed)
        .map_err(|error| failed(session, Step::Base, &error))?;
    Ok(FullPass::plan(kind, contexts))
}

const fn step(error: &AssembleError) -> Step {
    match error {
        AssembleError::Empty { .. } => Step::Base,
        AssembleError::NoUsersLeft { .. }
        | AssembleError::NoGroupsLeft { .. }
        | AssembleError::IdentityUnreadable { .. }
        | AssembleError::StateUnreadable { .. } => Step::Rights,
    }
}

pub(super) fn failed(session: &FetchSession, step: Step, reason: &impl ToString) -> FetchError {
    let controller = session.controller().clone();
    FetchError { controller, step, reason: reason.to_string() }
}

/// Not there, or not for the sync account.
fn is_absent(error: &FetchError) -> bool {
    matches!(error.step, Step::Base | Step::Rights)
}

/// A pass under way.
struct Reading<'s> {
    session: &'s mut FetchSession,
    pass: FullPass,
    kind: DirectoryKind,
}

impl Reading<'_> {
    /// Runs every search to its end.
    async fn pages(
        &mut self,
        page_size: u32,
        progress: &mut (dyn FnMut(usize) + Send),
    ) -> Result<Assembly, FetchError> {
        let mut assembly = Assembly::new(self.kind);
        let mut each = |page| {
            assembly.add(page);
            progress(assembly.len());
        };
        self.session.search_paged(self.pass.copy.clone(), page_size, &mut each).await?;
        if let Some(partitions) = self.pass.partitions.clone() {
            match self.session.search_paged(partitions, page_size, &mut each).await {
                // Names sent to the controllers then are distinguished names.
                Err(error) if is_absent(&error) => {
                    tracing::warn!(%error, "the domain's NetBIOS name and UPN suffixes cannot be read");
                }
                done => done?,
            }
        }
        for head in self.pass.heads.clone() {
            if let Some(entry) = self.read_if_there(&head).await? {
                assembly.add(vec![entry]);
                progress(assembly.len());
            }
        }
        Ok(assembly)
    }

    /// Reads what stands above the entries and was not among them.
    async fn ancestors(&mut self, assembly: Assembly) -> Result<Assembly, FetchError> {
        let contexts = self.pass.contexts.heads();
        let found = tokio::task::spawn_blocking(move || {
            let missing = ancestors::missing(&assembly.names(), &contexts);
            (assembly, missing)
        });
        let (mut assembly, missing) =
            found.await.map_err(|panic| failed(self.session, Step::Protocol, &panic))?;
        if missing.len() >= MOST_ANCESTORS {
            tracing::warn!(read = missing.len(), "too many containers are missing above entries");
        }
        for name in missing {
            if let Some(mut entry) = self.read_if_there(&name).await? {
                self.session.complete_ranges(&mut entry).await?;
                assembly.add(vec![entry]);
            }
        }
        Ok(assembly)
    }

    /// The subschema that the controller names, whole, or none. Not reading it is no reason to give up a pass:
    /// the view is as good without it, and then nothing names it.
    async fn subschema(
        &mut self,
        root_dse: &Entry,
        last: Option<Arc<Subschema>>,
    ) -> Option<Arc<Subschema>> {
        let dn = root_dse.text("subschemaSubentry")?;
        let name = NormalizedDn::parse(dn).ok()?;
        let last = last.filter(|last| *last.name() == name);
        match self.changed_subschema(dn, last.as_deref()).await {
            Ok(Found::Same) => last,
            Ok(Found::Whole(new)) => Some(Arc::new(new)),
            Ok(Found::Nothing) => {
                tracing::debug!(dn, "the subschema is not relayed: it cannot be read whole");
                None
            }
            // The link is lost, not the schema.
            Err(error) => {
                tracing::warn!(dn, %error, kept = last.is_some(), "the subschema cannot be read");
                last
            }
        }
    }

    async fn changed_subschema(
        &mut self,
        dn: &str,
        last: Option<&Subschema>,
    ) -> Result<Found, FetchError> {
        if let Some(last) = last
            && last.age(Now::read().wall) < SUBSCHEMA_REFRESH
            && let Some(stamp) = self.read_part(dn, &["modifyTimeStamp"]).await?
            && stamp.first_of("modifyTimeStamp") == last.modified()
        {
            return Ok(Found::Same);
        }
        let read_at = Now::read().wall;
        let entry = self.read_part(dn, &SUBSCHEMA_ATTRIBUTES).await?;
        let whole = entry.and_then(|entry| Subschema::read(entry, read_at));
        Ok(match (whole, last) {
            (Some(whole), Some(last)) if whole.same_as(last) => {
                last.confirm(read_at);
                Found::Same
            }
            (Some(whole), _) => Found::Whole(whole),
            (None, _) => Found::Nothing,
        })
    }

    /// Some attributes of an entry, with all their values; `None` if it is not there or may not be read.
    async fn read_part(
        &mut self,
        dn: &str,
        attributes: &[&str],
    ) -> Result<Option<PackedEntry>, FetchError> {
        let read = match self.session.read(dn, attributes).await {
            Ok(Some(mut entry)) => {
                self.session.complete_ranges(&mut entry).await.map(|()| Some(entry))
            }
            other => other,
        };
        match read {
            Err(error) if is_absent(&error) => Ok(None),
            other => other,
        }
    }

    /// One entry that the tree should have; one that is gone or may not be read is left out.
    async fn read_if_there(&mut self, dn: &str) -> Result<Option<PackedEntry>, FetchError> {
        match self.session.read(dn, FullPass::attributes(self.kind)).await {
            Ok(Some(entry)) => Ok(Some(entry)),
            Ok(None) => {
                tracing::debug!(dn, "entry left out: it is not there");
                Ok(None)
            }
            // The account may read below an entry that it may not read itself.
            Err(error) if is_absent(&error) => {
                tracing::debug!(dn, %error, "entry left out");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Puts whole attributes in the place of ranges.
    async fn complete(&mut self, assembly: &mut Assembly) -> Result<(), FetchError> {
        let mut gone = BTreeSet::new();
        for place in assembly.partial() {
            let Some(mut entry) = assembly.entry(place).cloned() else { continue };
            match self.session.complete_ranges(&mut entry).await {
                Ok(()) => assembly.complete(place, entry),
                // Renamed or removed since its page.
                Err(error) if is_absent(&error) => match identity(&entry, self.kind) {
                    Some(guid) => _ = gone.insert(guid),
                    None => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
        self.read_again(&gone, assembly).await
    }

    /// Makes both ends of the memberships fit: a group that is older than its member's new name would
    /// lack the member, and whoever is denied by that group would pass. Members first: once they have
    /// their present names, the groups that still do not fit are those that are old.
    async fn settle(&mut self, assembly: Assembly) -> Result<Assembly, FetchError> {
        let (mut assembly, mut found) = self.memberships(assembly).await?;
        for side in [Side::Members, Side::Groups] {
            let unfit = side.of(&found);
            if unfit.is_empty() || unfit.len() > MOST_READ_AGAIN {
                continue;
            }
            self.read_again(unfit, &mut assembly).await?;
            (assembly, found) = self.memberships(assembly).await?;
        }
        if found.unconfirmed == 0 {
            return Ok(assembly);
        }
        let (missing, claimed) = (found.unconfirmed, found.claimed);
        // OpenLDAP's memberOf may be stale by itself; Active Directory's cannot (MS-ADTS 3.1.1.1.6).
        if self.kind == DirectoryKind::ActiveDirectory && found.are_hidden() {
            let reason = format!(
                "{missing} of {claimed} memberships are missing from the groups' member: grant the \
                 sync account read access to it"
            );
            return Err(failed(self.session, Step::Rights, &reason));
        }
        tracing::debug!(missing, claimed, "memberOf names memberships that the groups do not");
        Ok(assembly)
    }

    async fn memberships(&self, assembly: Assembly) -> Result<(Assembly, Memberships), FetchError> {
        let held = tokio::task::spawn_blocking(move || {
            let found = assembly.memberships();
            (assembly, found)
        });
        held.await.map_err(|panic| failed(self.session, Step::Protocol, &panic))
    }

    /// Replaces entries by what they are now, under whatever name; takes out those that are gone.
    async fn read_again(
        &mut self,
        guids: &BTreeSet<Guid>,
        assembly: &mut Assembly,
    ) -> Result<(), FetchError> {
        for &guid in guids {
            match self.find(guid).await? {
                Some(mut entry) if self.pass.contexts.covers(entry.dn()) => {
                    self.session.complete_ranges(&mut entry).await?;
                    assembly.add(vec![entry]);
                }
                Some(_) | None => assembly.remove(guid),
            }
        }
        Ok(())
    }

    async fn find(&mut self, guid: Guid) -> Result<Option<PackedEntry>, FetchError> {
        let mut found = None;
        let read = match self.pass.by_identity(guid) {
            ByIdentity::Name(name) => {
                let read = self.session.read(&name, FullPass::attributes(self.kind)).await;
                read.map(|entry| found = entry)
            }
            ByIdentity::Search(search) => {
                let mut each =
                    |page: Vec<PackedEntry>| found = found.take().or(page.into_iter().next());
                self.session.search_paged(search, 1, &mut each).await
            }
        };
        match read {
            Err(error) if !is_absent(&error) => Err(error),
            Ok(()) | Err(_) => Ok(found),
        }
    }
}

/// What became of reading the subschema.
enum Found {
    /// It says what the last one said.
    Same,
    /// Another one.
    Whole(Subschema),
    /// There is none, or not all of it.
    Nothing,
}

/// An end of memberships.
#[derive(Clone, Copy)]
enum Side {
    Members,
    Groups,
}

impl Side {
    const fn of(self, found: &Memberships) -> &BTreeSet<Guid> {
        match self {
            Self::Groups => &found.groups,
            Self::Members => &found.members,
        }
    }
}
