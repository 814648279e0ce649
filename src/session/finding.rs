//! Finding the entries of a search, in order and in part, within its bounds. All that is needed is owned, so
//! that it can happen on any thread.

use std::sync::Arc;

use crate::directory::{NoSuchObject, View};
use crate::ldap::ber::Writer;
use crate::ldap::control::Control;
use crate::ldap::controls::paged_results::PagedResults;
use crate::ldap::controls::server_side_sort::SortOutcome;
use crate::ldap::controls::virtual_list_view::ListViewOutcome;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::message::MessageId;
use crate::ldap::request::{SearchRequest, SearchScope};
use crate::ldap::result::{LdapResult, ResultCode};
use crate::policy::application::SearchLimits;
use crate::policy::visibility::{Viewer, VisibleUsers};
use crate::time::Now;

use super::cursor::{self, Cursor};
use super::extensions::Extensions;
use super::limits::{self, Fault, Watch};
use super::list_view;
use super::matches::{Matches, Part};
use super::page::Page;
use super::pins::Pins;
use super::plans::Plans;
use super::search::{
    SearchContext, base_in, keep_longer, no_such_object, not_ready, own_entry, visible_users,
};
use super::search_run::{SearchRun, Seen};
use super::sort::Order;
use super::spanning;

/// A search whose entries have to be found: all it needs, owned, so that it can run on any thread.
pub struct Finding {
    id: MessageId,
    request: Arc<SearchRequest>,
    /// The base, if it is known to be a name.
    base: Option<NormalizedDn>,
    extensions: Extensions,
    targets: Vec<Target>,
    /// Some directory of the application has not been synced.
    unready: bool,
    /// The list of an earlier virtual list view of the same search.
    known: Option<(u64, Matches)>,
    limits: SearchLimits,
    watch: Watch,
    pins: Arc<Pins>,
    now: Now,
}

/// A view that is searched, through the application's eyes.
pub(super) struct Target {
    directory: Arc<str>,
    users: VisibleUsers,
    seen: Seen,
}

/// The views of the application as they are now, and whether one is not there yet.
fn targets_of_world(
    context: &SearchContext<'_>,
    plans: &mut Plans,
    request: &SearchRequest,
    extensions: &Extensions,
) -> (Vec<Target>, bool) {
    let mut targets = Vec::new();
    let mut unready = false;
    for state in context.world.of(context.permit.application()) {
        let Some(view) = &state.view else {
            unready = true;
            continue;
        };
        let users = visible_users(context, &state.name, view);
        let place = (&state.name, view, &users);
        targets.push(target(context, plans, request, extensions, place));
    }
    (targets, unready)
}

/// The views a list was found in.
pub(super) fn targets_of_list(
    context: &SearchContext<'_>,
    plans: &mut Plans,
    request: &SearchRequest,
    extensions: &Extensions,
    matches: &Matches,
) -> Vec<Target> {
    let parts = matches.parts().iter();
    parts
        .map(|part| {
            let place = (&part.directory, &part.view, &part.users);
            target(context, plans, request, extensions, place)
        })
        .collect()
}

fn target(
    context: &SearchContext<'_>,
    plans: &mut Plans,
    request: &SearchRequest,
    extensions: &Extensions,
    (directory, view, users): (&Arc<str>, &Arc<View>, &VisibleUsers),
) -> Target {
    let viewer = Viewer::new(users.clone(), own_entry(context, directory))
        .showing_deleted(extensions.show_deleted)
        .counting_primary_groups(context.permit.application().primary_group_in_member_of);
    let seen = Seen::new(context, plans, request, view, viewer);
    Target { directory: directory.clone(), users: users.clone(), seen }
}

impl Finding {
    pub(super) fn new(
        context: &SearchContext<'_>,
        plans: &mut Plans,
        id: MessageId,
        request: &Arc<SearchRequest>,
        extensions: Extensions,
        known: Option<(u64, Matches)>,
    ) -> Self {
        let limits = context.permit.application().limits;
        let (targets, unready) = match &known {
            Some((_, matches)) => {
                (targets_of_list(context, plans, request, &extensions, matches), false)
            }
            None => targets_of_world(context, plans, request, &extensions),
        };
        Self {
            id,
            request: request.clone(),
            base: plans.base(&request.base),
            extensions,
            targets,
            unready,
            known,
            limits,
            watch: Watch::new(limits, request, context.now, context.clock),
            pins: context.pins.clone(),
            now: context.now,
        }
    }

    /// Finds the entries, if that does not take long. Nothing is written, no cursor kept.
    ///
    /// The outer error is the search as it was, to be run elsewhere; the inner one is the answer to a search
    /// that cannot be done, or not within its bounds.
    pub fn run_if_light(mut self: Box<Self>) -> Result<Result<SearchRun, LdapResult>, Box<Self>> {
        if self.known.is_some() {
            return Ok(self.run());
        }
        let bounds = self.watch;
        self.watch = bounds.lightly();
        let found = self.find();
        self.watch = bounds;
        match found {
            Err(Unfound::Heavy) => Err(self),
            Err(Unfound::Answer(answer)) => Ok(Err(answer)),
            Ok(parts) if self.extensions.sort.is_some() && limits::is_long(&parts) => Err(self),
            Ok(parts) => Ok(self.arrange(parts)),
        }
    }

    /// Finds the entries, however long that takes within its bounds. Nothing is written, no cursor kept.
    ///
    /// # Errors
    /// The answer to a search that cannot be done, or not within its bounds.
    pub fn run(mut self: Box<Self>) -> Result<SearchRun, LdapResult> {
        if let Some((number, matches)) = self.known.take() {
            let mut run = self.window_of(matches, Some(number));
            run.look_again = true;
            return Ok(run);
        }
        match self.find() {
            Ok(parts) => self.arrange(parts),
            Err(Unfound::Answer(answer)) => Err(answer),
            // Only a light search is given up for being heavy.
            Err(Unfound::Heavy) => Err(limits::Exceeded::Time.answer()),
        }
    }

    /// Puts what was found in order, and cuts it into what is asked for.
    fn arrange(self: Box<Self>, parts: Vec<Part>) -> Result<SearchRun, LdapResult> {
        let matches = match self.order(&parts) {
            None => Matches::new(parts),
            Some(Ok(order)) => order.sort(parts, &self.watch).map_err(limits::Exceeded::answer)?,
            Some(Err(outcome)) => return Ok(self.unsorted(Matches::new(parts), &outcome)),
        };
        match (&self.extensions.list_view, &self.extensions.sort) {
            (Some(_), Some(_)) => Ok(self.window_of(matches, None)),
            (Some(view), None) => {
                let critical = view.critical;
                Ok(self.windowless(matches, ResultCode::SORT_CONTROL_MISSING, critical))
            }
            (None, _) => Ok(self.first_page(matches, Answer::default())),
        }
    }

    /// The order the entries are wanted in; `None`: as they come.
    fn order(&self, parts: &[Part]) -> Option<Result<Order, SortOutcome>> {
        let sort = self.extensions.sort.as_ref()?;
        let viewer = self.targets.first().map(|target| &target.seen.viewer)?;
        Some(Order::new(&sort.keys, parts, viewer))
    }

    /// All entries of the application's views that match and that it is shown.
    fn find(&self) -> Result<Vec<Part>, Unfound> {
        let mut found = Vec::new();
        let mut nearest: Option<NoSuchObject> = None;
        for target in &self.targets {
            if let Err(missing) = self.find_in(target, &mut found)? {
                keep_longer(&mut nearest, missing);
            }
        }
        // A view that is not there yet must not look like one that holds nothing. A base that one view
        // has is answered from that view alone, whatever the others do.
        let of_many = self.request.base.trim().is_empty()
            || self.base.as_ref().is_some_and(|base| self.spans(base));
        if self.unready && (found.is_empty() || of_many) {
            return Err(not_ready().into());
        }
        if found.is_empty() {
            return Err(no_such_object(&self.request.base, nearest).into());
        }
        Ok(found)
    }

    /// The outer error ends the search, the inner one only this view.
    fn find_in(
        &self,
        target: &Target,
        found: &mut Vec<Part>,
    ) -> Result<Result<(), NoSuchObject>, Unfound> {
        let Target { directory, users, seen: Seen { view, viewer, .. } } = target;
        let base = match &self.base {
            Some(base) => Ok(base.clone()),
            None => base_in(view, &self.request.base, viewer)?,
        };
        let base = match base {
            Ok(base) => base,
            Err(missing) => return Ok(Err(missing)),
        };
        let before = found.len();
        for (base, scope) in self.places(view, &base) {
            let place = (&base, scope);
            let slots = match limits::look(view, place, &self.request, viewer, &self.watch) {
                Ok(slots) => slots,
                Err(Fault::NoSuchObject(missing)) if found.len() == before => {
                    return Ok(Err(missing));
                }
                Err(Fault::NoSuchObject(_)) => continue,
                Err(Fault::Exceeded(limits::Exceeded::Light)) => return Err(Unfound::Heavy),
                Err(Fault::Exceeded(bound)) => return Err(bound.answer().into()),
            };
            let (directory, view, users) = (directory.clone(), view.clone(), users.clone());
            found.push(Part { directory, view, users, slots });
        }
        Ok(Ok(()))
    }

    /// Where in a view the search looks: at its base; or, where the base is above several directories, at
    /// the heads of those; and on request in other contexts below.
    fn places(&self, view: &View, base: &NormalizedDn) -> Vec<(NormalizedDn, SearchScope)> {
        let scope = self.request.scope;
        if self.targets.len() > 1 && self.spans(base) {
            let heads = spanning::heads_below(view, base, scope);
            if !heads.is_empty() {
                return heads;
            }
        }
        let mut places = vec![(base.clone(), scope)];
        places.extend(self.contexts_below(view, base).map(|head| (head, scope)));
        places
    }

    fn spans(&self, base: &NormalizedDn) -> bool {
        spanning::spans(self.targets.iter().map(|target| &*target.seen.view), base)
    }

    /// The heads of other naming contexts below the base, if the search is to go on in them.
    fn contexts_below(&self, view: &View, base: &NormalizedDn) -> Option<NormalizedDn> {
        let scope = self.request.scope;
        let deep = matches!(scope, SearchScope::WholeSubtree | SearchScope::SubordinateSubtree);
        // From the root a search reaches every context as it is.
        if !self.extensions.phantom_root || !deep || base.is_root() {
            return None;
        }
        let head = NormalizedDn::parse(view.domain().configuration_context.as_deref()?).ok()?;
        (head != *base && head.is_within(base)).then_some(head)
    }

    /// An answer in pages or whole, from the start.
    fn first_page(self: Box<Self>, matches: Matches, mut answer: Answer) -> SearchRun {
        let paged = self.extensions.paged.as_ref();
        let page = Page::plan(matches.len(), 0, paged, self.request.size_limit, self.limits);
        let cursor = page.more.then(|| self.cursor(&matches));
        if paged.is_some() {
            let cookie = cursor.as_ref().map(|open| cursor::cookie(open.pin.number(), page.end));
            answer.paged(matches.len(), cookie.unwrap_or_default());
        }
        if self.extensions.sort.is_some() && !answer.sort_told {
            answer.sorted();
        }
        self.answered(matches, 0, page.end, page.code, answer, cursor)
    }

    /// RFC 2891 §2: what cannot be sorted is unavailableCriticalExtension where it must be, and comes as
    /// it is where it need not.
    fn unsorted(self: Box<Self>, matches: Matches, outcome: &SortOutcome) -> SearchRun {
        let mut answer = Answer::default();
        answer.add(&outcome.to_control());
        answer.sort_told = true;
        let critical = self.extensions.sort.as_ref().is_some_and(|sort| sort.critical);
        if critical {
            let code = ResultCode::UNAVAILABLE_CRITICAL_EXTENSION;
            return self.answered(Matches::default(), 0, 0, code, answer, None);
        }
        if let Some(view) = &self.extensions.list_view {
            let outcome = ListViewOutcome {
                position: 0,
                count: count(&matches),
                result: outcome.result,
                context: None,
            };
            answer.add(&outcome.to_control());
            if view.critical {
                let code = ResultCode::VIRTUAL_LIST_VIEW_ERROR;
                return self.answered(Matches::default(), 0, 0, code, answer, None);
            }
        }
        self.first_page(matches, answer)
    }

    /// A window of a sorted list; the list is kept for the next window.
    fn window_of(self: Box<Self>, matches: Matches, number: Option<u64>) -> SearchRun {
        let found =
            match (&self.extensions.list_view, &self.extensions.paged, self.order(matches.parts()))
            {
                // The draft has no answer for both at once (§3).
                (Some(_), Some(_), _) => Err(ResultCode::UNWILLING_TO_PERFORM),
                (Some(view), None, Some(Ok(order))) => {
                    list_view::window(&view.window, &matches, &order)
                }
                _ => Err(ResultCode::SORT_CONTROL_MISSING),
            };
        let window = match found {
            Ok(window) => window,
            Err(code) => {
                let critical = self.extensions.list_view.as_ref().is_some_and(|view| view.critical);
                return self.windowless(matches, code, critical);
            }
        };
        let cursor = number.is_none().then(|| self.cursor(&matches));
        let number = number.or_else(|| cursor.as_ref().map(|open| open.pin.number()));
        let mut answer = Answer::default();
        answer.sorted();
        let outcome = ListViewOutcome {
            position: u32::try_from(window.target).unwrap_or(u32::MAX),
            count: count(&matches),
            result: ResultCode::SUCCESS,
            context: number.map(|number| cursor::cookie(number, 0)),
        };
        answer.add(&outcome.to_control());
        let positions = window.positions;
        self.answered(matches, positions.start, positions.end, ResultCode::SUCCESS, answer, cursor)
    }

    /// No window: an error where there must be one, the whole list where there need not.
    fn windowless(self: Box<Self>, matches: Matches, why: ResultCode, critical: bool) -> SearchRun {
        let mut answer = Answer::default();
        let outcome =
            ListViewOutcome { position: 0, count: count(&matches), result: why, context: None };
        answer.add(&outcome.to_control());
        if critical {
            let code = ResultCode::VIRTUAL_LIST_VIEW_ERROR;
            return self.answered(Matches::default(), 0, 0, code, answer, None);
        }
        self.first_page(matches, answer)
    }

    fn cursor(&self, matches: &Matches) -> Cursor {
        Cursor {
            request: self.request.clone(),
            sort: self.extensions.sort.as_ref().map(|sort| sort.keys.clone()).unwrap_or_default(),
            pin: self.pins.open(matches.clone()),
            touched: self.now.monotonic,
        }
    }

    fn answered(
        self: Box<Self>,
        matches: Matches,
        position: usize,
        end: usize,
        code: ResultCode,
        answer: Answer,
        cursor: Option<Cursor>,
    ) -> SearchRun {
        let Self { id, targets, now, .. } = *self;
        SearchRun {
            id,
            seen: seen_in_order(targets, &matches),
            matches,
            position,
            end,
            code,
            controls: answer.controls.into_octets(),
            look_again: false,
            now: now.wall,
            cursor,
        }
    }
}

/// Why there are no entries.
enum Unfound {
    /// It was to be light, and is not.
    Heavy,
    /// The final answer.
    Answer(LdapResult),
}

impl From<LdapResult> for Unfound {
    fn from(answer: LdapResult) -> Self {
        Self::Answer(answer)
    }
}

pub(super) fn seen_in_order(targets: Vec<Target>, matches: &Matches) -> Vec<Seen> {
    // Nearly always there is one of each, and views that all sessions count are not counted once more.
    if let ([target], [part]) = (targets.as_slice(), matches.parts())
        && Arc::ptr_eq(&target.seen.view, &part.view)
    {
        return targets.into_iter().map(|target| target.seen).collect();
    }
    let of = |part: &Part| targets.iter().find(|target| Arc::ptr_eq(&target.seen.view, &part.view));
    matches.parts().iter().filter_map(|part| of(part).map(|target| target.seen.clone())).collect()
}

fn count(matches: &Matches) -> u32 {
    u32::try_from(matches.len()).unwrap_or(u32::MAX)
}

/// The response controls of an answer under way.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) controls: Writer,
    /// What became of the sorting has been said.
    sort_told: bool,
}

impl Answer {
    fn add(&mut self, control: &Control) {
        control.write(&mut self.controls);
    }

    pub(super) fn paged(&mut self, total: usize, cookie: Vec<u8>) {
        let size = u32::try_from(total).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs());
        self.add(&PagedResults { size, cookie }.to_control(false));
    }

    pub(super) fn sorted(&mut self) {
        self.add(&SortOutcome { result: ResultCode::SUCCESS, attribute: None }.to_control());
        self.sort_told = true;
    }
}
