//! Searches from the view: which entries match, and their octets in bounded batches.

use std::sync::Arc;
use std::time::Instant;

use crate::directory::{Audience, BaseError, NoSuchObject, Selection, Slot, View};
use crate::ldap::ber::Writer;
use crate::ldap::control::{Control, oid};
use crate::ldap::controls::paged_results::PagedResults;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::identifier::Guid;
use crate::ldap::message::MessageId;
use crate::ldap::request::SearchRequest;
use crate::ldap::result::{LdapResult, ResultCode};
use crate::policy::visibility::{Viewer, VisibilityCache, VisibleUsers};
use crate::policy::{Identity, Permit, World};
use crate::time::Now;

use super::cursor::{self, CookieFault, Cursors};
use super::responder;

/// Octets after which a batch of entries is handed to the writer.
pub const BATCH_OCTETS: usize = 64 * 1024;

/// The entries a search found, pinned with the views they are in.
#[derive(Clone)]
pub struct Matches(Arc<Vec<Found>>);

/// What one view holds of them. The users its application is shown are kept with it: working them out
/// for an old view again on every page would cost as much as the search.
struct Found {
    directory: Arc<str>,
    view: Arc<View>,
    users: VisibleUsers,
    slots: Vec<Slot>,
}

impl Matches {
    /// How many entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|found| found.slots.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn at(&self, mut position: usize) -> Option<(usize, &Found, Slot)> {
        for (index, found) in self.0.iter().enumerate() {
            if let Some(slot) = found.slots.get(position) {
                return Some((index, found, *slot));
            }
            position -= found.slots.len();
        }
        None
    }
}

/// What a session knows when it searches.
pub struct SearchContext<'a> {
    /// The current views.
    pub world: &'a World,
    /// Which users each application is shown.
    pub visibility: &'a VisibilityCache,
    /// The permit, judged on this very world.
    pub permit: &'a Permit,
    /// The time of the request.
    pub now: Now,
}

/// Starts a search; what comes back hands out its entries and its final answer.
///
/// # Errors
/// The answer to a search that cannot be done.
pub fn start(
    context: &SearchContext<'_>,
    cursors: &mut Cursors,
    id: MessageId,
    request: &SearchRequest,
    controls: &[Control],
) -> Result<SearchRun, LdapResult> {
    let paged = paged_results(controls)?;
    let limits = context.permit.application().limits;
    let (cursor, matches, position) = match &paged {
        Some(paged) if !paged.cookie.is_empty() => {
            if paged.size == 0 {
                cursors.abandon(&paged.cookie);
                return Ok(SearchRun::given_up(id, context.now));
            }
            let (number, matches, position) = cursors
                .resume(&paged.cookie, request, context.now.monotonic)
                .map_err(cookie_fault)?;
            (Some(number), matches, position)
        }
        _ => (None, find(context, request)?, 0),
    };
    let page = Page::plan(matches.len(), position, paged.as_ref(), request.size_limit, limits);
    let cursor = match (cursor, page.more) {
        (None, true) => Some(cursors.open(request, matches.clone(), context.now.monotonic)),
        (cursor, _) => cursor,
    };
    Ok(SearchRun {
        id,
        viewers: viewers(context, &matches),
        total: u32::try_from(matches.len()).unwrap_or(u32::MAX),
        matches,
        selection: Selection::parse(&request.attributes, request.types_only),
        position,
        end: page.end,
        code: page.code,
        paged: paged.is_some(),
        cookie: cursor.filter(|_| page.more).map(|number| cursor::cookie(number, page.end)),
        deadline: deadline(context, request),
    })
}

fn paged_results(controls: &[Control]) -> Result<Option<PagedResults>, LdapResult> {
    let Some(control) = controls.iter().find(|control| control.oid == oid::PAGED_RESULTS) else {
        return Ok(None);
    };
    PagedResults::read(control).map(Some).map_err(|error| {
        LdapResult::new(ResultCode::PROTOCOL_ERROR, format!("paged results control: {error}"))
    })
}

fn cookie_fault(fault: CookieFault) -> LdapResult {
    let text = match fault {
        CookieFault::Unknown => "the paging cookie is not of this session or is too old",
        CookieFault::OtherSearch => "the paging cookie belongs to another search",
    };
    LdapResult::new(ResultCode::UNWILLING_TO_PERFORM, text)
}

/// Which positions one answer covers, and how it ends.
struct Page {
    end: usize,
    more: bool,
    code: ResultCode,
}

impl Page {
    fn plan(
        total: usize,
        position: usize,
        paged: Option<&PagedResults>,
        size_limit: u32,
        limits: crate::policy::application::SearchLimits,
    ) -> Self {
        let bound = |limit: u32| if limit == 0 { usize::MAX } else { limit as usize };
        // A page that is not smaller than the size limit asks for one page only (RFC 2696 §3).
        let paged = paged
            .filter(|paged| paged.size > 0)
            .filter(|paged| size_limit == 0 || paged.size < size_limit || position > 0);
        let most = match paged {
            Some(_) => bound(size_limit),
            None => bound(size_limit).min(bound(limits.size)),
        };
        let reachable = total.min(most);
        let end = match paged {
            Some(paged) => {
                let size = (paged.size as usize).min(bound(limits.page));
                reachable.min(position.saturating_add(size))
            }
            None => reachable,
        };
        let more = paged.is_some() && end < reachable;
        let cut = !more && reachable < total;
        let code = if cut { ResultCode::SIZE_LIMIT_EXCEEDED } else { ResultCode::SUCCESS };
        Self { end, more, code }
    }
}

fn deadline(context: &SearchContext<'_>, request: &SearchRequest) -> Instant {
    let own = context.permit.application().limits.time;
    let asked = match request.time_limit {
        0 => own,
        seconds => own.min(std::time::Duration::from_secs(u64::from(seconds))),
    };
    context.now.monotonic + asked
}

/// All entries of the application's views that match and that it is shown.
fn find(context: &SearchContext<'_>, request: &SearchRequest) -> Result<Matches, LdapResult> {
    let mut found = Vec::new();
    let mut nearest: Option<NoSuchObject> = None;
    let mut unready = false;
    for state in context.world.of(context.permit.application()) {
        let Some(view) = &state.view else {
            unready = true;
            continue;
        };
        let users = visible_users(context, &state.name, view);
        let viewer = Viewer::new(users.clone(), own_entry(context, &state.name));
        let base = match base_in(view, &request.base, &viewer)? {
            Ok(base) => base,
            Err(missing) => {
                keep_longer(&mut nearest, missing);
                continue;
            }
        };
        match view.search(&base, request.scope, &request.filter, &viewer) {
            Ok(slots) => {
                let (directory, view) = (state.name.clone(), view.clone());
                found.push(Found { directory, view, users, slots });
            }
            Err(missing) => keep_longer(&mut nearest, missing),
        }
    }
    // A view that is not there yet must not look like one that holds nothing. A base that one view has
    // is answered from that view alone, whatever the others do.
    if unready && (found.is_empty() || request.base.trim().is_empty()) {
        return Err(not_ready());
    }
    if !found.is_empty() {
        return Ok(Matches(Arc::new(found)));
    }
    let matched = nearest.map(|missing| missing.matched).unwrap_or_default();
    Err(LdapResult::new(ResultCode::NO_SUCH_OBJECT, format!("no such object: {}", request.base))
        .with_matched_dn(matched))
}

/// The answer where a directory has not been synced.
pub(super) fn not_ready() -> LdapResult {
    LdapResult::new(ResultCode::UNAVAILABLE, "the directory has not been synchronised yet")
}

fn keep_longer(nearest: &mut Option<NoSuchObject>, missing: NoSuchObject) {
    if nearest.as_ref().is_none_or(|known| known.matched.len() < missing.matched.len()) {
        *nearest = Some(missing);
    }
}

/// The base as a name in this view; the outer error ends the search, the inner one only this view.
///
/// An identity (`<GUID=…>`, `<SID=…>`) of an entry that the viewer does not see is answered like one of
/// no entry: the names above it would tell where the entry is.
fn base_in(
    view: &View,
    base: &str,
    viewer: &Viewer,
) -> Result<Result<NormalizedDn, NoSuchObject>, LdapResult> {
    let unknown = || Ok(Err(NoSuchObject { matched: String::new() }));
    let by_identity = base.trim_start().starts_with('<');
    match view.resolve_base(base) {
        Ok(dn) if by_identity && !view.find_dn(&dn).is_some_and(|entry| viewer.sees(entry)) => {
            unknown()
        }
        Ok(dn) => Ok(Ok(dn)),
        Err(BaseError::Unknown) => unknown(),
        Err(BaseError::Syntax(error)) => Err(LdapResult::new(
            ResultCode::INVALID_DN_SYNTAX,
            format!("search base {base:?}: {error}"),
        )),
    }
}

fn viewers(context: &SearchContext<'_>, matches: &Matches) -> Vec<Viewer> {
    let viewer =
        |found: &Found| Viewer::new(found.users.clone(), own_entry(context, &found.directory));
    matches.0.iter().map(viewer).collect()
}

/// The application's eyes on one view.
pub(super) fn viewer(
    context: &SearchContext<'_>,
    directory: &Arc<str>,
    view: &Arc<View>,
) -> Viewer {
    Viewer::new(visible_users(context, directory, view), own_entry(context, directory))
}

fn visible_users(
    context: &SearchContext<'_>,
    directory: &Arc<str>,
    view: &Arc<View>,
) -> VisibleUsers {
    let application = context.permit.application();
    context.visibility.users(application, directory, view, context.now.wall)
}

/// The entry of whoever searches, if it is in the directory.
fn own_entry(context: &SearchContext<'_>, directory: &Arc<str>) -> Option<Guid> {
    match context.permit.identity() {
        Identity::Directory(account) if account.directory == *directory => Some(account.guid),
        Identity::Directory(_) | Identity::Local { .. } | Identity::Anonymous => None,
    }
}

/// A search that is being answered.
pub struct SearchRun {
    id: MessageId,
    viewers: Vec<Viewer>,
    matches: Matches,
    selection: Selection,
    position: usize,
    end: usize,
    code: ResultCode,
    total: u32,
    paged: bool,
    cookie: Option<Vec<u8>>,
    deadline: Instant,
}

impl SearchRun {
    fn given_up(id: MessageId, now: Now) -> Self {
        Self {
            id,
            viewers: Vec::new(),
            matches: Matches(Arc::new(Vec::new())),
            selection: Selection::parse(&[], false),
            position: 0,
            end: 0,
            code: ResultCode::SUCCESS,
            total: 0,
            paged: true,
            cookie: None,
            deadline: now.monotonic,
        }
    }

    /// The request that is being answered.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        self.id
    }

    /// Appends the next batch of entries, and after the last one the final answer. Gives whether the
    /// search is done.
    pub fn fill(&mut self, octets: &mut Vec<u8>, now: Instant) -> bool {
        let full = octets.len() + BATCH_OCTETS;
        while self.position < self.end {
            if octets.len() >= full {
                return false;
            }
            if now > self.deadline {
                self.code = ResultCode::TIME_LIMIT_EXCEEDED;
                self.cookie = None;
                break;
            }
            self.write_one(octets);
            self.position += 1;
        }
        self.finish(octets);
        true
    }

    fn write_one(&self, octets: &mut Vec<u8>) {
        let Some((index, found, slot)) = self.matches.at(self.position) else { return };
        // Asked again: the page of a cursor may be for another identity than the one that opened it.
        if let Some(viewer) = self.viewers.get(index)
            && found.view.entry(slot).is_some_and(|entry| viewer.sees(entry))
        {
            found.view.write_entry(octets, self.id, slot, &self.selection, viewer);
        }
    }

    fn finish(&self, octets: &mut Vec<u8>) {
        let mut controls = Writer::new();
        if self.paged {
            let cookie = self.cookie.clone().unwrap_or_default();
            PagedResults { size: self.total, cookie }.to_control(false).write(&mut controls);
        }
        responder::search_done(octets, self.id, &LdapResult::new(self.code, ""), controls.octets());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::application::SearchLimits;

    fn plan(total: usize, position: usize, page: Option<u32>, size: u32) -> (usize, bool, u32) {
        let paged = page.map(|size| PagedResults { size, cookie: Vec::new() });
        let limits = SearchLimits { size: 50, page: 20, ..SearchLimits::default() };
        let page = Page::plan(total, position, paged.as_ref(), size, limits);
        (page.end, page.more, page.code.0)
    }

    /// RFC 4511 §4.5.1.4 (sizeLimit) and RFC 2696 §3 (pages).
    #[test]
    fn how_far_one_answer_goes() {
        assert_eq!(plan(10, 0, None, 0), (10, false, 0), "all of it");
        assert_eq!(plan(10, 0, None, 4), (4, false, 4), "the client's limit");
        assert_eq!(plan(10, 0, None, 10), (10, false, 0), "the limit just reached is no excess");
        assert_eq!(plan(100, 0, None, 0), (50, false, 4), "the application's limit");
        assert_eq!(plan(100, 0, Some(7), 0), (7, true, 0), "a page");
        assert_eq!(plan(100, 98, Some(7), 0), (100, false, 0), "the last page");
        assert_eq!(plan(100, 0, Some(1000), 0), (20, true, 0), "pages have a bound of their own");
        assert_eq!(plan(100, 0, Some(10), 15), (10, true, 0), "pages below the size limit");
        assert_eq!(plan(100, 10, Some(10), 15), (15, false, 4), "the size limit ends the pages");
        assert_eq!(plan(5, 0, Some(126), 5), (5, false, 0), "a page as large as the limit");
        assert_eq!(plan(0, 0, Some(10), 0), (0, false, 0), "nothing");
    }
}
