//! Searches from the view.
//!
//! A search has two halves. [`prepare`] looks at the request on the session's own state; what it gives may
//! be run anywhere ([`Finding::run`]), because it holds all it needs. What was found is complete before the
//! first entry is written.

use std::sync::Arc;

use crate::directory::{Audience, BaseError, NoSuchObject, View, Wording, identity_attribute};
use crate::ldap::control::Control;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::identifier::Guid;
use crate::ldap::message::MessageId;
use crate::ldap::request::SearchRequest;
use crate::ldap::result::{LdapResult, ResultCode};
use crate::policy::visibility::{Shown, Viewer, VisibleUsers};
use crate::policy::{Identity, Permit, World};
use crate::time::Now;

use super::cursor::{self, Cursors};
use super::extensions::Extensions;
use super::finding::{Answer, seen_in_order, targets_of_list};
use super::heavy::{Heavy, Started};
use super::limits::Clock;
use super::matches::Matches;
use super::page::Page;
use super::pins::Pins;
use super::plans::Plans;

pub use super::finding::Finding;
pub use super::search_run::{BATCH_OCTETS, SearchRun};

/// What a session knows when it searches.
#[derive(Clone, Copy)]
pub struct SearchContext<'a> {
    /// The current views.
    pub world: &'a World,
    /// Which users each application is shown.
    pub visibility: Shown<'a>,
    /// The lists that paged searches of all sessions go on in.
    pub pins: &'a Arc<Pins>,
    /// The permit, judged on this very world.
    pub permit: &'a Permit,
    /// The time of the request.
    pub now: Now,
    /// Tells how late it has become since.
    pub clock: Clock,
}

/// What a session remembers from one search to the next.
#[derive(Default)]
pub struct Memory {
    /// Searches that may go on.
    pub cursors: Cursors,
    /// What was asked to be returned.
    pub plans: Plans,
}

/// A search after the first look at it.
pub enum Prepared {
    /// It goes on in a list that is there: to be handed out.
    Run(SearchRun),
    /// Entries have to be found first.
    Find(Box<Finding>),
}

/// Starts a search. Most find their entries here and now, and what comes back hands them out; those that
/// would hold up other sessions come back as a job.
///
/// # Errors
/// The answer to a search that cannot be done.
pub fn start(
    context: &SearchContext<'_>,
    memory: &mut Memory,
    id: MessageId,
    request: &Arc<SearchRequest>,
    controls: &[Control],
) -> Result<Started, LdapResult> {
    let finding = match prepare(context, memory, id, request, controls)? {
        Prepared::Run(run) => return Ok(run.into()),
        Prepared::Find(finding) => finding,
    };
    match finding.run_if_light() {
        Ok(run) => {
            let mut run = run?;
            run.keep(&mut memory.cursors);
            Ok(run.into())
        }
        Err(finding) => Ok(Started::Heavy(Heavy {
            id,
            run: Box::new(move |cursors| {
                let mut run = finding.run()?;
                run.keep(cursors);
                Ok(run)
            }),
        })),
    }
}

/// The first look at a search: its controls, the list it goes on in, or else what has to be found. After
/// [`Finding::run`], wherever it ran, the session is to [keep](SearchRun::keep) the cursor.
///
/// # Errors
/// The answer to a search that cannot be done.
pub fn prepare(
    context: &SearchContext<'_>,
    memory: &mut Memory,
    id: MessageId,
    request: &Arc<SearchRequest>,
    controls: &[Control],
) -> Result<Prepared, LdapResult> {
    let extensions = Extensions::read(controls)?;
    if extensions.paged.is_some() || extensions.list_view.is_some() {
        context.pins.enforce(context.world, context.now.monotonic);
    }
    if let Some(paged) = extensions.paged.as_ref().filter(|paged| !paged.cookie.is_empty()) {
        if paged.size == 0 {
            memory.cursors.abandon(&paged.cookie);
            return Ok(Prepared::Run(SearchRun::given_up(id, context.now)));
        }
        let now = context.now.monotonic;
        let (number, matches, position) =
            memory.cursors.resume(&paged.cookie, request, now).map_err(|fault| {
                LdapResult::new(ResultCode::UNWILLING_TO_PERFORM, fault.to_string())
            })?;
        return Ok(Prepared::Run(next_page(
            context,
            memory,
            id,
            request,
            &extensions,
            (number, matches, position),
        )));
    }
    let known = known_list(context, &mut memory.cursors, request, &extensions);
    let finding = Finding::new(context, &mut memory.plans, id, request, extensions, known);
    Ok(Prepared::Find(Box::new(finding)))
}

/// The list that a virtual list view goes on in. One that is gone is found anew: a window stands for
/// itself, so nothing is cut.
fn known_list(
    context: &SearchContext<'_>,
    cursors: &mut Cursors,
    request: &SearchRequest,
    extensions: &Extensions,
) -> Option<(u64, Matches)> {
    let view = extensions.list_view.as_ref()?;
    let keys = &extensions.sort.as_ref()?.keys;
    let known = view.window.context.as_ref()?;
    cursors.list(known, request, keys, context.now.monotonic)
}

/// A page that goes on where the last one ended.
fn next_page(
    context: &SearchContext<'_>,
    memory: &mut Memory,
    id: MessageId,
    request: &SearchRequest,
    extensions: &Extensions,
    (number, matches, position): (u64, Matches, usize),
) -> SearchRun {
    let limits = context.permit.application().limits;
    let paged = extensions.paged.as_ref();
    let page = Page::plan(matches.len(), position, paged, request.size_limit, limits);
    let cookie = if page.more { cursor::cookie(number, page.end) } else { Vec::new() };
    let mut answer = Answer::default();
    answer.paged(matches.len(), cookie);
    // It was sorted when the cursor was opened, or it would not go on.
    if extensions.sort.is_some() {
        answer.sorted();
    }
    let targets = targets_of_list(context, &mut memory.plans, request, extensions, &matches);
    SearchRun {
        id,
        seen: seen_in_order(targets, &matches),
        matches,
        position,
        end: page.end,
        code: page.code,
        controls: answer.controls.into_octets(),
        look_again: true,
        now: context.now.wall,
        cursor: None,
    }
}

/// The answer where a directory has not been synced.
pub(super) fn not_ready() -> LdapResult {
    LdapResult::new(ResultCode::UNAVAILABLE, "the directory has not been synchronised yet")
}

/// The answer where no view has the entry; `nearest` is what comes closest.
pub(super) fn no_such_object(name: &str, nearest: Option<NoSuchObject>) -> LdapResult {
    let matched = nearest.map(|missing| missing.matched).unwrap_or_default();
    LdapResult::new(ResultCode::NO_SUCH_OBJECT, format!("no such object: {name}"))
        .with_matched_dn(matched)
}

/// An answer about the entry that was `asked` for, in the terms in which it was: what the application calls things
/// is `wording`.
pub(super) fn told(wording: Option<&Wording>, result: LdapResult, asked: &str) -> LdapResult {
    let Some(wording) = wording else { return result };
    if result.code == ResultCode::INVALID_DN_SYNTAX {
        return LdapResult::new(result.code, format!("{asked:?} is no name"));
    }
    if result.code != ResultCode::NO_SUCH_OBJECT {
        return result;
    }
    let matched = std::str::from_utf8(&result.matched_dn).unwrap_or_default();
    let matched = wording.bases.outward(matched).unwrap_or_default().into_owned();
    no_such_object(asked, Some(NoSuchObject { matched }))
}

pub(super) fn keep_longer(nearest: &mut Option<NoSuchObject>, missing: NoSuchObject) {
    if nearest.as_ref().is_none_or(|known| known.matched.len() < missing.matched.len()) {
        *nearest = Some(missing);
    }
}

/// The base as a name in this view; the outer error ends the search, the inner one only this view.
///
/// An identity (`<GUID=…>`, `<SID=…>`) of an entry that the viewer does not see, or that is in an attribute it does
/// not see, is answered like one of no entry: the names above it would tell where the entry is.
pub(super) fn base_in(
    view: &View,
    base: &str,
    viewer: &Viewer,
) -> Result<Result<NormalizedDn, NoSuchObject>, LdapResult> {
    let unknown = || Ok(Err(NoSuchObject { matched: String::new() }));
    let told = |dn: &NormalizedDn, identity: &str| {
        viewer.filters_by(identity) && view.find_dn(dn).is_some_and(|entry| viewer.sees(entry))
    };
    match view.resolve_base(base) {
        Ok(dn) if identity_attribute(base).is_some_and(|identity| !told(&dn, identity)) => {
            unknown()
        }
        Ok(dn) => Ok(Ok(dn)),
        Err(BaseError::Unknown) => unknown(),
        Err(error @ (BaseError::Syntax(_) | BaseError::Identity)) => {
            Err(LdapResult::new(ResultCode::INVALID_DN_SYNTAX, format!("name {base:?}: {error}")))
        }
    }
}

/// The application's eyes on one view.
pub(super) fn viewer(
    context: &SearchContext<'_>,
    directory: &Arc<str>,
    view: &Arc<View>,
) -> Viewer {
    Viewer::new(visible_users(context, directory, view), own_entry(context, directory))
}

pub(super) fn visible_users(
    context: &SearchContext<'_>,
    directory: &Arc<str>,
    view: &Arc<View>,
) -> VisibleUsers {
    let application = context.permit.application();
    context.visibility.users(application, directory, view)
}

/// The entry of whoever searches, if it is in the directory.
pub(super) fn own_entry(context: &SearchContext<'_>, directory: &Arc<str>) -> Option<Guid> {
    match context.permit.identity() {
        Identity::Directory(account) if account.directory == *directory => Some(account.guid),
        Identity::Directory(_) | Identity::Local { .. } | Identity::Anonymous => None,
    }
}
