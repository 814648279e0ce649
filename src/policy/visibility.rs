//! What an application is shown: its own users, the groups and containers that it may see, and never a secret.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use roaring::RoaringBitmap;

use crate::directory::{Audience, EntryKind, EntryRef, Slot, View, Wording};
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::filter::Filter;
use crate::ldap::identifier::Guid;
use crate::ldap::matching_rule::MatchingRule;
use crate::ldap::schema::{self, DirectoryKind, Syntax};

use super::account::AccountState;
use super::application::{Application, ScopeBase};
use super::departures::Departures;
use super::others;
use super::presentation::{DisabledAccounts, Presentation};
use super::rules::{self, Subject};
use super::world::World;

/// The users of one view that one application is shown, worked out once per view.
///
/// Cloned with every search, so each session has a count of its own: sessions on different cores would
/// otherwise pass the one count to and fro.
#[derive(Clone)]
pub struct VisibleUsers(Arc<Slots>);

/// Shared by all sessions of an application.
struct Slots(Arc<Scope>);

/// What is known of an application's users in one line of views. Slots mean the same entries in all of it.
struct Scope {
    shown: Arc<RoaringBitmap>,
    /// Groups, containers and other entries that it is shown; `None`: all.
    others: Option<Arc<RoaringBitmap>>,
    /// Whether there are users whom it is not shown.
    limited: bool,
    /// Users that it was shown once and is not any more: of what is removed it may be told these.
    departed: Arc<RoaringBitmap>,
    /// The same of other entries, where it is not shown all of them; since the start of the program.
    departed_others: RoaringBitmap,
    generation: u64,
    line: Guid,
    /// How the application is shown them.
    presentation: Option<Arc<Presentation>>,
}

impl VisibleUsers {
    fn scope(&self) -> &Scope {
        &self.0.0
    }

    /// The same users under a count of their own.
    fn for_one_session(&self) -> Self {
        Self(Arc::new(Slots(self.0.0.clone())))
    }
}

/// Keeps the last answer for each application and directory.
#[derive(Default)]
pub struct VisibilityCache {
    entries: Mutex<HashMap<Place, Known>>,
    departures: Vec<Arc<Departures>>,
}

/// An application and a directory, by name.
type Place = (Arc<str>, Arc<str>);

/// An answer and the view it is about, which it does not keep alive: an application that nobody uses
/// must not pin an old copy of the directory.
struct Known {
    /// The revision of the application, see [`Application::revision`].
    revision: u64,
    view: Weak<View>,
    users: Arc<OnceLock<VisibleUsers>>,
    /// What was known before, if that was worked out.
    before: Option<VisibleUsers>,
}

impl VisibilityCache {
    /// A cache for directories of which it is known who has departed. Of the others no removed user is shown.
    #[must_use]
    pub fn with(departures: Vec<Arc<Departures>>) -> Self {
        Self { entries: Mutex::default(), departures }
    }

    /// The users of `view` that `application` is shown. Scope does not depend on the time, so an answer
    /// holds as long as the view does.
    #[must_use]
    pub fn users(
        &self,
        application: &Application,
        directory: &Arc<str>,
        view: &Arc<View>,
    ) -> VisibleUsers {
        // Worked out without the lock: applications do not wait for each other, and of the sessions of
        // one application, all searching after a new view, one does the work.
        let (place, before) = self.place(application, directory, view);
        let work = || {
            let before = before.as_ref().map(|before| &*before.0.0);
            let departed = self.departed(application, directory, view);
            let scope = Scope::next(before, application, directory, view, departed);
            VisibleUsers(Arc::new(Slots(Arc::new(scope))))
        };
        place.get_or_init(work).clone()
    }

    fn departed(
        &self,
        application: &Application,
        directory: &str,
        view: &View,
    ) -> Arc<RoaringBitmap> {
        let of = self.departures.iter().find(|departures| **departures.directory() == *directory);
        of.map(|departures| departures.of(application, view)).unwrap_or_default()
    }

    fn place(
        &self,
        application: &Application,
        directory: &Arc<str>,
        view: &Arc<View>,
    ) -> (Arc<OnceLock<VisibleUsers>>, Option<VisibleUsers>) {
        let key = (application.name.clone(), directory.clone());
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let revision = application.revision;
        let known = entries.get(&key).filter(|known| known.revision == revision);
        if let Some(known) = known.filter(|known| is(&known.view, view)) {
            return (known.users.clone(), known.before.clone());
        }
        let before = known.and_then(|known| known.users.get().cloned().or(known.before.clone()));
        let users = Arc::new(OnceLock::new());
        let (view, known_users) = (Arc::downgrade(view), users.clone());
        let known = Known { revision, view, users: known_users, before: before.clone() };
        entries.insert(key, known);
        (users, before)
    }
}

impl Scope {
    /// From what was known of an earlier view of the same line, where there is one, to this one.
    fn next(
        before: Option<&Self>,
        application: &Application,
        name: &str,
        view: &View,
        departed: Arc<RoaringBitmap>,
    ) -> Self {
        let before = before.filter(|before| before.line == view.invocation());
        let since = before.filter(|before| before.generation <= view.generation());
        let touched = since.and_then(|before| view.touched_since(before.generation));
        let shown = match (before, touched) {
            (Some(before), Some(touched)) if follows_touches(application) => {
                before.after(&touched, application, name, view)
            }
            _ => Arc::new(shown_users(application, name, view)),
        };
        let mut others = others::shown(application, name, view).map(Arc::new);
        let taken = others::taken(application, view);
        let shown = if taken.is_empty() {
            shown
        } else {
            let all = others.map_or_else(|| others::all(view), |others| (*others).clone());
            others = Some(Arc::new(all - &taken));
            Arc::new(&*shown - &taken)
        };
        let departed_others = before.map_or_else(RoaringBitmap::new, |before| {
            let all = |others: &Option<Arc<RoaringBitmap>>| {
                others.as_deref().cloned().unwrap_or_default()
            };
            (&before.departed_others | all(&before.others)) - all(&others)
        });
        Self {
            limited: shown.len() < view.slots_of_kind(EntryKind::User).len(),
            shown,
            others,
            departed,
            departed_others,
            generation: view.generation(),
            line: view.invocation(),
            presentation: application.presentation.clone(),
        }
    }

    /// The users shown after only `touched` slots have changed.
    fn after(
        &self,
        touched: &RoaringBitmap,
        application: &Application,
        directory: &str,
        view: &View,
    ) -> Arc<RoaringBitmap> {
        // Scope does not depend on the time.
        let wall = view.built_at();
        let holds = |slot: &u32| {
            let user = view.entry(Slot(*slot)).filter(|entry| entry.kind() == EntryKind::User);
            user.is_some_and(|entry| {
                let subject = Subject::of_scope(application, directory, view, entry, wall);
                rules::in_scope(subject) && !is_hidden(application, entry)
            })
        };
        let now: RoaringBitmap = touched.iter().filter(holds).collect();
        if &*self.shown & touched == now {
            return self.shown.clone();
        }
        Arc::new((&*self.shown - touched) | now)
    }
}

/// Whether a user comes into scope or leaves it only when its own slot is touched. That is so for names,
/// values and memberships; what other references name may be renamed, a chain of them can change anywhere
/// along it, and groups that rules name may come and go.
fn follows_touches(application: &Application) -> bool {
    application.required_groups.is_empty()
        && application.denied_groups.is_empty()
        && application.user_filter.as_ref().is_none_or(|filter| !looks_elsewhere(filter, true))
}

/// Whether the filter's answer for a user depends on entries that it only names. `chains`: whether matching along a
/// chain does so, too. It does not for whoever looks at all users whose groups change anywhere above them.
pub(super) fn looks_elsewhere(filter: &Filter, chains: bool) -> bool {
    match filter {
        Filter::And(all) | Filter::Or(all) => {
            all.iter().any(|filter| looks_elsewhere(filter, chains))
        }
        Filter::Not(inner) => looks_elsewhere(inner, chains),
        Filter::Extensible { rule, attribute, .. } => {
            let rule = rule.as_deref().and_then(MatchingRule::find);
            (chains && rule == Some(MatchingRule::InChain))
                || attribute.as_ref().is_none_or(names_others)
        }
        Filter::Equality { attribute, .. }
        | Filter::Substrings { attribute, .. }
        | Filter::GreaterOrEqual { attribute, .. }
        | Filter::LessOrEqual { attribute, .. }
        | Filter::Approx { attribute, .. } => names_others(attribute),
        Filter::Present(_) => false,
    }
}

/// Whether values of the attribute change with the names of other entries, without the user being touched.
/// Users are touched with their groups; what categories are called does not change.
fn names_others(attribute: &AttributeDescription) -> bool {
    const TOUCHED: [&str; 4] = ["memberOf", "objectCategory", "distinguishedName", "entryDN"];
    schema::attribute_type(&attribute.name).is_some_and(|known| {
        known.syntax == Syntax::DistinguishedName
            && !TOUCHED.iter().any(|name| known.name.eq_ignore_ascii_case(name))
    })
}

/// What a session of one application got from the cache, kept for as long as its views stay the same.
#[derive(Default)]
pub struct Kept {
    /// See [`Application::revision`].
    revision: u64,
    users: Vec<(Weak<View>, VisibleUsers)>,
}

impl Kept {
    /// Asks the cache about those views of `world` that have come since the last time.
    pub fn follow(&mut self, cache: &VisibilityCache, application: &Application, world: &World) {
        let known = |kept: &[(Weak<View>, VisibleUsers)], view: &Arc<View>| {
            kept.iter().any(|(of, _)| is(of, view))
        };
        let states = world.of(application);
        let mut views = states.clone().filter_map(|state| state.view.as_ref());
        let is_same = self.revision == application.revision;
        if is_same && views.all(|view| known(&self.users, view)) {
            return;
        }
        self.revision = application.revision;
        self.users = states
            .filter_map(|state| {
                let view = state.view.as_ref()?;
                let users = cache.users(application, &state.name, view).for_one_session();
                Some((Arc::downgrade(view), users))
            })
            .collect();
    }
}

/// The cache as one session asks it.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// What all sessions share.
    pub cache: &'a VisibilityCache,
    /// What this one has.
    pub kept: &'a Kept,
}

impl Shown<'_> {
    /// See [`VisibilityCache::users`].
    #[must_use]
    pub fn users(
        &self,
        application: &Application,
        directory: &Arc<str>,
        view: &Arc<View>,
    ) -> VisibleUsers {
        match self.kept.users.iter().find(|(of, _)| is(of, view)) {
            Some((_, users)) => users.clone(),
            None => self.cache.users(application, directory, view),
        }
    }
}

/// Whether it is this very view. The weak reference keeps the address from being used again.
fn is(one: &Weak<View>, other: &Arc<View>) -> bool {
    std::ptr::eq(one.as_ptr(), Arc::as_ptr(other))
}

/// An application looking at one view, through one identity.
#[derive(Clone)]
pub struct Viewer {
    users: VisibleUsers,
    own: Option<Guid>,
    deleted: bool,
    primary_groups: bool,
}

impl Viewer {
    /// Shows `users`, and to an account its own entry.
    #[must_use]
    pub const fn new(users: VisibleUsers, own: Option<Guid>) -> Self {
        Self { users, own, deleted: false, primary_groups: false }
    }

    /// The same, shown what was removed as well or not (MS-ADTS §3.1.1.3.4.1.14).
    #[must_use]
    pub fn showing_deleted(self, deleted: bool) -> Self {
        Self { deleted, ..self }
    }

    /// The same, whose filters on memberOf count an account's primary group as one of its groups, or not.
    #[must_use]
    pub fn counting_primary_groups(self, primary_groups: bool) -> Self {
        Self { primary_groups, ..self }
    }

    fn presentation(&self) -> Option<&Presentation> {
        self.users.scope().presentation.as_deref()
    }

    /// Whether it is shown what was removed.
    #[must_use]
    pub const fn shows_deleted(&self) -> bool {
        self.deleted
    }
}

impl Audience for Viewer {
    fn sees(&self, entry: EntryRef<'_>) -> bool {
        match entry.kind() {
            EntryKind::User => {
                self.users.scope().shown.contains(entry.slot().0) || self.own == Some(entry.guid())
            }
            EntryKind::Group | EntryKind::Container | EntryKind::Other => {
                let others = self.users.scope().others.as_ref();
                others.is_none_or(|others| others.contains(entry.slot().0))
            }
            EntryKind::Deleted => {
                let scope = self.users.scope();
                let shown = match &scope.others {
                    None => !was_user(entry),
                    Some(others) => others.contains(entry.slot().0),
                };
                let departed = [&*scope.departed, &scope.departed_others];
                shown || departed.iter().any(|departed| departed.contains(entry.slot().0))
            }
        }
    }

    fn keeps_names_back(&self, attribute: &str) -> bool {
        let scope = self.users.scope();
        let is = |name: &str| attribute.eq_ignore_ascii_case(name);
        if is("distinguishedName") || is("entryDN") {
            // They name the entry itself.
            return false;
        }
        // memberOf names groups alone: it is worked out from them.
        scope.others.is_some() || (scope.limited && !is("memberOf"))
    }

    fn may_name(&self, entry: EntryRef<'_>) -> bool {
        self.sees(entry)
    }

    fn sees_deleted(&self) -> bool {
        self.deleted
    }

    fn counts_primary_groups(&self) -> bool {
        self.primary_groups
    }

    fn wording(&self) -> Option<&Wording> {
        self.presentation()?.wording.as_ref()
    }

    fn shows(&self, attribute: &str) -> bool {
        !schema::is_forbidden(attribute)
            && self.presentation().is_none_or(|shown| shown.shows(attribute))
    }
}

/// Whether a tombstone is that of a user.
fn was_user(tombstone: EntryRef<'_>) -> bool {
    tombstone.values("objectClass").iter().any(|class| class.eq_ignore_ascii_case(b"user"))
}

/// The users of its scope whom the application is shown.
pub(super) fn shown_users(
    application: &Application,
    directory: &str,
    view: &View,
) -> RoaringBitmap {
    let mut shown = in_scope(application, directory, view);
    if hides_disabled(application) {
        let flag = match view.domain().kind {
            DirectoryKind::ActiveDirectory => "userAccountControl",
            DirectoryKind::OpenLdap => "pwdAccountLockedTime",
        };
        let flagged =
            matching(view, &Filter::Present(AttributeDescription::new(flag)), shown.clone());
        let disabled = |slot: &u32| view.entry(Slot(*slot)).is_some_and(is_disabled);
        shown -= flagged.into_iter().filter(disabled).collect::<RoaringBitmap>();
    }
    shown
}

pub(super) fn hides_disabled(application: &Application) -> bool {
    let presentation = application.presentation.as_deref();
    presentation.is_some_and(|shown| shown.disabled_accounts == DisabledAccounts::Hidden)
}

/// Whether the user is kept from the application for being disabled.
pub(super) fn is_hidden(application: &Application, user: EntryRef<'_>) -> bool {
    hides_disabled(application) && is_disabled(user)
}

/// Whether an administrator has disabled the account. Who has expired is another matter: that comes with the time,
/// and what an application is shown does not.
fn is_disabled(user: EntryRef<'_>) -> bool {
    AccountState::read(user, user.view().domain().kind).is_ok_and(|state| state.disabled)
}

/// The users that pass every rule about scope, all at once: what [`rules::in_scope`](super::rules::in_scope)
/// says of each (`policy::tests::visible` holds the two together).
pub(super) fn in_scope(application: &Application, directory: &str, view: &View) -> RoaringBitmap {
    let mut shown = view.slots_of_kind(EntryKind::User).as_ref().clone();
    if let Some(filter) = &application.user_filter {
        shown = matching(view, filter, shown);
    }
    if !application.bases.is_empty() {
        shown &= below(view, &names(&application.bases, directory), &shown);
    }
    shown -= below(view, &names(&application.excluded_bases, directory), &shown);
    for name in &application.denied_groups {
        let groups = view.groups_named(name);
        // Nobody can be cleared of a group that is not known, unless another directory knows it.
        if groups.is_empty() && application.directories.len() == 1 {
            return RoaringBitmap::new();
        }
        for group in groups {
            shown -= view.members_of(group);
        }
    }
    if !application.required_groups.is_empty() {
        let mut required = RoaringBitmap::new();
        for name in &application.required_groups {
            // A name that stands for several groups grants nothing.
            if let [group] = view.groups_named(name).as_slice() {
                required |= view.members_of(*group);
            }
        }
        shown &= required;
    }
    shown
}

/// Those of `among` for which the filter is True. The one part of a scope that looks at the users' own
/// values; the others are sets.
fn matching(view: &View, filter: &Filter, among: RoaringBitmap) -> RoaringBitmap {
    among & view.matching(filter)
}

/// The bases that mean this directory.
pub(super) fn names<'b>(bases: &'b [ScopeBase], directory: &str) -> Vec<&'b NormalizedDn> {
    let here = |base: &&ScopeBase| base.directory.as_deref().is_none_or(|name| name == directory);
    bases.iter().filter(here).map(|base| &base.dn).collect()
}

/// Those of `among` in one of the sub-trees, whether an entry has the name of the base or not.
fn below(view: &View, bases: &[&NormalizedDn], among: &RoaringBitmap) -> RoaringBitmap {
    let mut found = RoaringBitmap::new();
    for base in bases {
        if view.find_dn(base).is_some() {
            found |= view.slots_within(base);
        } else {
            let within = |slot: &u32| {
                let user = view.entry(Slot(*slot));
                user.is_some_and(|user| user.normalized_dn().is_within(base))
            };
            found.extend(among.iter().filter(within));
        }
    }
    found & among
}
