//! `[io]` One pass from its first question to what comes of it: whole or not at all.
//!
//! What a pass reads becomes a candidate: the next view, and the position that goes with it. A candidate is
//! published, or held where the guard says so; it is thrown away with the pass that failed. The position moves
//! with the view and never before it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::directory::{
    BuildError, ChangeSummary, MissingRequired, OnMissing, PublishedView, Times, View,
};
use crate::ldap::identifier::Guid;
use crate::ldap::schema::DirectoryKind;
use crate::time::Now;
use crate::upstream::{FetchError, FetchSession, KeptSession, Step, Upstream};

use super::changes::Following;
use super::consequences::Consequences;
use super::delta::Delta;
use super::full::FullPass;
use super::hold::Hold;
use super::keeping::Keeping;
use super::lagging::{PATIENCE, Told};
use super::names::other_names;
use super::position::Position;
use super::read::{Copy, Wanted, plan, whole_copy};
use super::referrers::Referrers;
use super::report::PassKind;
use super::strategy::{Choice, Experience, Offer, Strategy, choose};
use super::{SyncConfig, timestamps};

/// A session is not kept for longer than this without use: Active Directory cuts at 15 minutes.
const KEPT: Duration = Duration::from_secs(5 * 60);

/// What keeps the copy of one directory, from one pass to the next.
pub(super) struct Copier {
    pub(super) upstream: Arc<Upstream>,
    pub(super) published: Arc<PublishedView>,
    pub(super) config: SyncConfig,
    pub(super) consequences: Consequences,
    pub(super) keeping: Keeping,
    pub(super) hold: Hold,
    /// Where the view that is published, or held, was read to.
    pub(super) position: Option<Position>,
    /// Users whose state could not be read when everything was read last.
    pub(super) unreadable: usize,
    session: Option<KeptSession>,
    controller: Option<Arc<str>>,
    /// Where the position was read.
    source: Option<Arc<str>>,
    /// Who told the last changes.
    pub(super) told: Told,
    /// How long another controller is waited for to hear of them.
    pub(super) patience: Duration,
    experience: Experience,
    choice: Option<Choice>,
    offer: Offer,
    plan: Option<FullPass>,
    /// The container of deleted objects, if the account may not look into it.
    hidden: Option<String>,
    referrers: Referrers,
}

/// A pass that is to be made.
#[derive(Clone, Copy)]
pub(super) struct Order<'p> {
    /// What is to be read at least.
    pub(super) kind: PassKind,
    /// Whether what it finds is only to be told.
    pub(super) dry: bool,
    /// When it was noticed that there is something to read.
    pub(super) seen: Instant,
    /// Told how many entries have been read.
    pub(super) progress: &'p (dyn Fn(usize) + Send + Sync),
}

/// What a pass has read: all that is needed to replace the view.
pub(super) struct Candidate {
    /// What was read in the end.
    pub(super) kind: PassKind,
    pub(super) view: Arc<View>,
    /// What differs from the view it goes on from, published or held.
    pub(super) changes: ChangeSummary,
    pub(super) deleted: BTreeSet<Guid>,
    pub(super) position: Option<Position>,
    pub(super) unreadable: usize,
    pub(super) moved: usize,
    pub(super) missing_required: MissingRequired,
    /// When its first octet was read.
    pub(super) read_at: SystemTime,
}

impl Copier {
    pub(super) fn new(
        upstream: Arc<Upstream>,
        published: Arc<PublishedView>,
        config: SyncConfig,
        consequences: Consequences,
        keeping: Keeping,
    ) -> Self {
        let hold = Hold::new(config.guard);
        Self {
            upstream,
            published,
            config,
            consequences,
            keeping,
            hold,
            position: None,
            unreadable: 0,
            session: None,
            controller: None,
            source: None,
            told: Told::default(),
            patience: PATIENCE,
            experience: Experience::default(),
            choice: None,
            offer: Offer::default(),
            plan: None,
            hidden: None,
            referrers: Referrers::default(),
        }
    }

    /// Publishes what was kept from an earlier run. Blocks for as long as reading it takes.
    pub(super) fn resume(&mut self, now: Now) {
        let config = self.config.view.clone();
        let (base, guard) = (self.config.base.as_deref(), self.config.guard);
        let Some(resumed) = self.keeping.load(base, config, guard, now) else { return };
        let view = resumed.view;
        tracing::info!(
            directory = &*self.upstream.config().directory,
            age_s = view.age(now.wall).as_secs(),
            users = view.counts().users,
            groups = view.counts().groups,
            took_ms = u64::try_from(now.monotonic.elapsed().as_millis()).unwrap_or(u64::MAX),
            "the copy of an earlier run is in use"
        );
        if let Some(guard) = resumed.guard {
            self.hold.resume(guard);
        }
        self.position = resumed.position;
        self.told = resumed.told;
        if let Some(departed) = &resumed.departed {
            (self.consequences.resumed)(&view, departed);
        }
        self.published.publish(view);
    }

    /// What is used and why nothing better; none before a controller was asked.
    pub(super) const fn choice(&self) -> Option<&Choice> {
        self.choice.as_ref()
    }

    pub(super) const fn controller(&self) -> Option<&Arc<str>> {
        self.controller.as_ref()
    }

    pub(super) const fn offer(&self) -> Offer {
        self.offer
    }

    pub(super) const fn plan(&self) -> Option<&FullPass> {
        self.plan.as_ref()
    }

    /// Whether deletions leave no trace for the account.
    pub(super) const fn is_blind(&self) -> bool {
        self.hidden.is_some()
    }

    fn deletions_are_hidden(&mut self, hidden: Option<String>) {
        if let Some(container) = hidden.as_ref().filter(|_| self.hidden.is_none()) {
            tracing::warn!(
                directory = &*self.upstream.config().directory,
                container,
                "the sync account may not see deleted objects: deletions are found only by comparing \
                 identities; grant it List Contents and Read Property there"
            );
        }
        self.hidden = hidden;
    }

    /// Whether the next pass can be one over changes.
    pub(super) fn can_follow(&self) -> bool {
        self.config.timing.follow.is_some() && self.position.is_some() && self.tip().is_some()
    }

    /// The view that the next pass goes on from: what is held, if something is.
    pub(super) fn tip(&self) -> Option<Arc<View>> {
        self.hold.waiting().map(|waiting| waiting.view.clone()).or_else(|| self.published.load())
    }

    /// Reads what is ordered, or more where that is not possible.
    pub(super) async fn read(&mut self, order: Order<'_>) -> Result<Candidate, FetchError> {
        if order.kind == PassKind::Full {
            // What was refused once may have been granted.
            self.experience = Experience::default();
        }
        if let Some(kept) = self.session.take().filter(|kept| kept.unused_for() < KEPT)
            && let Ok(session) = kept.resume().await
        {
            return self.read_through(session, order).await;
        }
        // The controller of the last pass first: another one may not have heard of what that one told.
        let last = self.controller.as_deref();
        let session = self.upstream.fetch_session_preferring(last).await?;
        self.read_through(session, order).await
    }

    async fn read_through(
        &mut self,
        mut session: FetchSession,
        order: Order<'_>,
    ) -> Result<Candidate, FetchError> {
        self.controller = Some(session.controller().clone());
        let read = self.best(&mut session, order).await;
        if !order.dry && read.as_ref().is_ok_and(|read| read.kind != PassKind::Reconcile) {
            self.source = self.controller.clone();
        }
        if let Some(read) = read.as_ref().ok().filter(|_| !order.dry) {
            self.note_told(&mut session, read).await;
        }
        match &read {
            Ok(_) if self.config.timing.follow.is_some() => self.session = session.keep(),
            Ok(_) => session.close().await,
            Err(_) => {}
        }
        read
    }

    /// Keeps in mind who told the last changes: who is read whole says all there is to be heard of from then on.
    async fn note_told(&mut self, session: &mut FetchSession, read: &Candidate) {
        let whole = read.kind == PassKind::Full;
        let is_news = !read.changes.is_empty() || (whole && self.told.is_of_another(session));
        if is_news && session.config().kind == DirectoryKind::ActiveDirectory {
            self.told.note(session, whole).await;
        }
    }

    /// By the best strategy that is not refused.
    async fn best(
        &mut self,
        session: &mut FetchSession,
        order: Order<'_>,
    ) -> Result<Candidate, FetchError> {
        let kind = session.config().kind;
        let plan = plan(session, self.config.base.as_deref())?;
        self.plan = Some(plan.clone());
        self.offer = Offer::read(session.root_dse());
        loop {
            let wanted = match self.config.timing.follow {
                Some(_) => self.config.strategy,
                None => Some(Strategy::Full),
            };
            let choice = choose(kind, wanted, self.offer, &self.experience);
            let strategy = choice.strategy;
            self.choice = Some(choice);
            let page_size = self.config.page_size.max(1);
            let following = Following { session: &mut *session, plan: &plan, page_size };
            match self.by(strategy, following, order).await {
                Err(error) if self.experience.note(strategy, &error) => {
                    tracing::info!(
                        directory = &*self.upstream.config().directory,
                        %strategy,
                        reason = %error,
                        "changes cannot be followed this way"
                    );
                }
                other => return other,
            }
        }
    }

    async fn by(
        &mut self,
        strategy: Strategy,
        mut following: Following<'_>,
        order: Order<'_>,
    ) -> Result<Candidate, FetchError> {
        let usable = self.position.clone().filter(|position| position.strategy() == strategy);
        let tip = self.tip().filter(|tip| following.plan.contexts.are_those_of(tip));
        let (Some(position), Some(tip), false) = (usable, tip, order.kind == PassKind::Full) else {
            return self.full(strategy, following, order).await;
        };
        let read_at = Now::read().wall;
        let read = match order.kind {
            PassKind::Reconcile => {
                let delta = following.identities(&tip).await;
                delta.and_then(|delta| self.known_by_source(delta, following.session.controller()))
            }
            PassKind::Full | PassKind::Changes | PassKind::DryRun => {
                self.changes(&mut following, &position, &tip, order.dry).await
            }
        };
        match read {
            Err(error) if error.step == Step::Position => {
                tracing::info!(
                    directory = &*self.upstream.config().directory,
                    controller = &*error.controller,
                    reason = error.reason,
                    "everything is read: changes cannot be followed from where they were"
                );
                self.full(strategy, following, order).await
            }
            Err(error) => Err(error),
            Ok(delta) => {
                let mut delta = following.with_referrers(delta, &tip, &mut self.referrers).await?;
                let controller = following.session.controller().clone();
                // Another controller may not have heard yet what they are.
                if order.kind == PassKind::Reconcile && self.source.as_ref() == Some(&controller) {
                    delta.entries.extend(following.names().await?);
                }
                let kind = if order.kind == PassKind::Reconcile {
                    PassKind::Reconcile
                } else {
                    PassKind::Changes
                };
                self.candidate(kind, tip, delta, position, read_at, controller).await
            }
        }
    }

    /// What has changed. Where a controller names something that has not heard of all that was told before, it is waited
    /// for and asked again: what it names is read whole, and would be set back to what it was before that.
    async fn changes(
        &mut self,
        following: &mut Following<'_>,
        position: &Position,
        tip: &View,
        dry: bool,
    ) -> Result<Delta, FetchError> {
        let mut told = self.told.clone();
        let naming = following.plan.contexts.naming.clone();
        let lags = told.lags_at(following.session, &naming).await?;
        let mut delta = following.changes(position, tip).await?;
        if lags && !delta.is_empty() {
            told.wait_at(following.session, &naming, self.patience).await?;
            delta = following.changes(position, tip).await?;
        }
        if !dry {
            self.told = told;
        }
        Ok(delta)
    }

    /// Identities that differ at another controller than the one the position is from are no reconciliation:
    /// whichever of the two lags behind, what is added or taken away by that would not be told again.
    fn known_by_source(&self, delta: Delta, controller: &Arc<str>) -> Result<Delta, FetchError> {
        if delta.is_empty() || self.source.as_ref() == Some(controller) {
            return Ok(delta);
        }
        let reason = "it differs from the controller that was read last".to_owned();
        Err(FetchError { controller: controller.clone(), step: Step::Position, reason })
    }

    async fn candidate(
        &self,
        kind: PassKind,
        tip: Arc<View>,
        delta: Delta,
        position: Position,
        read_at: SystemTime,
        controller: Arc<str>,
    ) -> Result<Candidate, FetchError> {
        let deleted = delta.deleted.clone();
        let position = delta.position.clone().unwrap_or(position);
        let (unreadable, mapping) = (self.unreadable, self.config.mapping.clone());
        let built = tokio::task::spawn_blocking(move || {
            if delta.is_empty() {
                return Ok((tip, ChangeSummary::default(), MissingRequired::default()));
            }
            let times = Times { read_at, now: Now::read().wall };
            let (mut view, mut changes) = tip.changed(delta.changes(), times)?;
            if let Some(names) = other_names(&view) {
                view = view.called(names);
                changes.domain_changed = true;
            }
            let affected = changes.affected_users.iter();
            let missing_required = mapping.survey(affected.filter_map(|guid| view.find_guid(guid)));
            Ok((Arc::new(view), changes, missing_required))
        });
        let built: Result<_, BuildError> = built
            .await
            .unwrap_or_else(|panic| Err(BuildError(format!("building the copy failed: {panic}"))));
        let (view, changes, missing_required) = built.map_err(|error| {
            let reason = error.to_string();
            FetchError { controller, step: Step::Protocol, reason }
        })?;
        let candidate = Candidate {
            kind,
            view,
            changes,
            deleted,
            position: Some(position),
            unreadable,
            moved: 0,
            missing_required,
            read_at,
        };
        Ok(candidate)
    }

    async fn full(
        &mut self,
        strategy: Strategy,
        mut following: Following<'_>,
        order: Order<'_>,
    ) -> Result<Candidate, FetchError> {
        // What is of other names cannot be set back.
        if self.tip().is_some_and(|tip| following.plan.contexts.are_those_of(&tip)) {
            let (mut told, naming) = (self.told.clone(), &following.plan.contexts.naming);
            told.wait_at(following.session, naming, self.patience).await?;
        }
        let begun = Now::read();
        let position = following.begin(strategy).await?;
        if matches!(strategy, Strategy::DirSync | Strategy::Usn) {
            let hidden = following.hidden_container().await?;
            self.deletions_are_hidden(hidden);
        }
        let tip = self.tip();
        let wanted = Wanted {
            base: self.config.base.as_deref(),
            page_size: self.config.page_size,
            config: Some(&self.config.view),
            last: tip.as_ref(),
        };
        let mut progress = |entries| (order.progress)(entries);
        let copy = whole_copy(following.session, wanted, &mut progress).await?;
        let Copy { view, changes, unreadable, moved, latest_modification } = copy;
        let took = Now::read().monotonic.saturating_duration_since(begun.monotonic);
        let position = position.or_else(|| {
            let latest = latest_modification.filter(|_| strategy == Strategy::Timestamps)?;
            // What was modified while the pages came may be older than what came last.
            let latest = timestamps::earlier(&latest, took)?;
            Some(Position::Timestamps { latest })
        });
        let missing_required = self.config.mapping.survey(view.users());
        if self.config.mapping.on_missing == OnMissing::Fail
            && let Some(reason) = missing_required.failure()
        {
            let controller = following.session.controller().clone();
            return Err(FetchError { controller, step: Step::Protocol, reason });
        }
        let read_at = view.built_at();
        Ok(Candidate {
            kind: PassKind::Full,
            view: Arc::new(view),
            changes,
            deleted: BTreeSet::new(),
            position,
            unreadable,
            moved,
            missing_required,
            read_at,
        })
    }
}
