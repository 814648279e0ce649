//! `[io]` Runs the passes of one directory, one after another.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use crate::directory::PublishedView;
use crate::time::Now;
use crate::upstream::{FetchError, Upstream};

use super::SyncConfig;
use super::announcer::{Announcer, Means, Source};
use super::consequences::Consequences;
use super::copier::{Copier, Order};
use super::freshness::{FreshnessWatch, Transition};
use super::handle::{self, Command, SharedJobs, SyncHandle, SyncPort, SyncRequest};
use super::job::{Job, Recorded};
use super::keeping::Keeping;
use super::position::Position;
use super::report::{Announcements, Effect, Held, Pass, PassKind, PassReport, SyncStatus, Trigger};
use super::schedule::{Due, Schedule};
use super::strategy::Strategy;

/// Longest single sleep: the wall clock may be set while we wait for a moment of it.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// Longer than any schedule needs, and safe to add to a clock.
const FAR: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// A controller that notifies late is asked for its highest number as well: 0.15 ms of its time.
const SAMBA_ASKED: Duration = Duration::from_millis(100);
/// The same of one that does not notify at all. In a large directory the number moves all the time.
const OTHERS_ASKED: Duration = Duration::from_secs(1);

/// The loop of one directory.
pub struct SyncDriver {
    name: Arc<str>,
    copier: Copier,
    port: SyncPort,
    freshness: FreshnessWatch,
}

/// What a pass is made for.
struct Demand {
    due: Due,
    dry: bool,
    waiting: Vec<oneshot::Sender<PassReport>>,
}

impl Demand {
    fn of(due: Due) -> Self {
        Self { due, dry: false, waiting: Vec::new() }
    }

    fn add(&mut self, request: &SyncRequest, reply: oneshot::Sender<PassReport>) {
        if request.full {
            self.due.kind = PassKind::Full;
        }
        self.waiting.push(reply);
    }
}

impl SyncDriver {
    /// A driver that has not begun, and the handle to it. What was kept from before is published at once.
    #[must_use]
    pub fn new(
        upstream: Arc<Upstream>,
        published: Arc<PublishedView>,
        config: SyncConfig,
        consequences: Consequences,
        keeping: Keeping,
        jobs: SharedJobs,
    ) -> (Self, SyncHandle) {
        let name = upstream.config().directory.clone();
        let (handle, port) = handle::channel(name.clone(), jobs);
        let freshness = FreshnessWatch::new(config.max_age);
        let mut copier = Copier::new(upstream, published, config, consequences, keeping);
        copier.resume(Now::read());
        (Self { name, copier, port, freshness }, handle)
    }

    /// Runs passes until `stop` becomes true.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let announcer = Announcer::new(self.copier.upstream.clone());
        let (heard, mut announced) = (announcer.heard(), announcer.state());
        let timing = self.copier.config.timing.clone();
        let mut schedule = Schedule::new(timing, self.copier.can_follow());
        let refusals = self.port.refusals();
        // What was asked for while a pass was under way that did not answer it.
        let mut later: Vec<Command> = Vec::new();
        loop {
            self.watch_freshness();
            let due = schedule.next(Now::read());
            self.port.note(|status| status.next = Some(Now::read().wall + due.wait.min(FAR)));
            let wait = due.wait.min(LONGEST_SLEEP);
            let mut demand = tokio::select! {
                biased;
                () = stopped(&mut stop) => return,
                command = next(&mut later, &mut self.port) => {
                    let Some(command) = command else { return };
                    let Some(demand) = self.take(command).await else { continue };
                    demand
                }
                () = refusals.notified() => { schedule.refused(); continue }
                () = heard.notified() => { schedule.noticed(); continue }
                state = state_of(&mut announced) => {
                    schedule.announced(matches!(state, Announcements::By(_)));
                    self.port.note(|status| status.announcements = state);
                    continue;
                }
                () = sleep(wait) => {
                    if wait < due.wait {
                        continue;
                    }
                    Demand::of(due)
                }
            };
            if !demand.dry {
                self.gather(&mut demand, &mut later);
                schedule.started(demand.due.kind, Now::read());
            }
            let seen = announcer.take();
            let report = tokio::select! {
                biased;
                () = stopped(&mut stop) => return,
                report = self.pass(&demand, seen) => report,
            };
            if let Some(seen) = seen.filter(|_| demand.dry || report.outcome.is_err()) {
                announcer.give_back(seen);
            }
            if !demand.dry {
                let read = report.outcome.is_ok().then_some(report.kind);
                schedule.finished(read, self.copier.can_follow(), Now::read());
                schedule.blind(self.copier.is_blind());
                self.listen(&announcer);
            }
            self.note(&report, &schedule);
            for reply in demand.waiting {
                // Whoever asked may have gone.
                let _ = reply.send(report.clone());
            }
        }
    }

    /// Does what a command says; a pass is to be made for some.
    async fn take(&mut self, command: Command) -> Option<Demand> {
        match command {
            Command::Pass { request, reply } => {
                let due =
                    Due { wait: Duration::ZERO, trigger: Trigger::Demand, kind: PassKind::Changes };
                let mut demand = Demand { due, dry: request.dry_run, waiting: Vec::new() };
                demand.add(&request, reply);
                Some(demand)
            }
            Command::Accept { reply } => {
                let accepted = self.copier.accept().await;
                let said = accepted.map(|held| {
                    let reasons = self.decided(&held, "a held change was accepted");
                    format!("published, although: {reasons}")
                });
                self.port.note(|status| status.held = None);
                let _ = reply.send(said);
                None
            }
            Command::Reject { reply } => {
                let said = self.copier.reject().map(|held| {
                    let reasons = self.decided(&held, "a held change was rejected");
                    format!("thrown away: {reasons}; everything is read anew")
                });
                let is_rejected = said.is_ok();
                self.port.note(|status| status.held = None);
                let _ = reply.send(said);
                let due =
                    Due { wait: Duration::ZERO, trigger: Trigger::Demand, kind: PassKind::Full };
                is_rejected.then(|| Demand::of(due))
            }
        }
    }

    /// Logs what an operator has decided; the reasons why it was held, in one line.
    fn decided(&self, held: &Held, decision: &'static str) -> String {
        let reasons = held.reasons.join("; ");
        tracing::warn!(directory = &*self.name, job = held.job, reasons, "{decision}");
        reasons
    }

    /// One pass for all who wait for the same.
    fn gather(&mut self, demand: &mut Demand, later: &mut Vec<Command>) {
        while let Some(command) = self.port.waiting() {
            match command {
                Command::Pass { request, reply } if !request.dry_run => {
                    demand.due.trigger = Trigger::Demand;
                    demand.add(&request, reply);
                }
                other
                @ (Command::Pass { .. } | Command::Accept { .. } | Command::Reject { .. }) => {
                    later.push(other);
                }
            }
        }
    }

    async fn pass(&mut self, demand: &Demand, seen: Option<Instant>) -> PassReport {
        self.port.note(|status| status.running = true);
        let begun = Now::read();
        let Due { trigger, kind, .. } = demand.due;
        let port = &self.port;
        let progress = |entries| port.note(|status| status.progress = Some(entries));
        let seen = seen.unwrap_or(begun.monotonic);
        let order = Order { kind, dry: demand.dry, seen, progress: &progress };
        let read = self.copier.read(order).await;
        let read_kind = read.as_ref().map_or(kind, |candidate| candidate.kind);
        let outcome = match read {
            Ok(candidate) => Ok(self.copier.settle(candidate, order).await),
            Err(error) => Err(error),
        };
        let controller = match &outcome {
            Ok(_) => self.copier.controller().cloned(),
            Err(error) => Some(error.controller.clone()).filter(|name| !name.is_empty()),
        };
        let ended = Now::read();
        self.port.note(|status| (status.running, status.progress) = (false, None));
        let mut report = PassReport {
            directory: self.name.clone(),
            trigger,
            strategy: self.copier.choice().map_or(Strategy::Full, |choice| choice.strategy),
            kind: if demand.dry { PassKind::DryRun } else { read_kind },
            job: None,
            controller,
            started: begun.wall,
            duration: ended.monotonic.saturating_duration_since(begun.monotonic),
            outcome,
        };
        report.job = self.record(&report).await;
        self.log(&report, ended.wall);
        report
    }

    /// Puts the pass into the history, and the history into the store.
    async fn record(&mut self, report: &PassReport) -> Option<u64> {
        let job = Job::of(report);
        let recorded = self.port.record(job.clone());
        let id = recorded.id()?;
        self.copier.hold.number(id);
        if let Recorded::Kept(id) = recorded {
            self.copier.keeping.save_job(&Job { id, ..job }).await;
        }
        Some(id)
    }

    /// The directory is to announce its changes where the passes read it.
    fn listen(&self, announcer: &Announcer) {
        let copier = &self.copier;
        let source = self.means().and_then(|means| {
            let contexts = &copier.plan()?.contexts;
            let base = match means.first()? {
                Means::Persist(_) => contexts.copied.clone(),
                Means::Notification | Means::Numbering(_) => contexts.naming.clone(),
            };
            Some(Source { controller: copier.controller()?.clone(), base, means })
        });
        if source.is_none() {
            let reason = if copier.config.notify {
                "the directory offers nothing of the kind"
            } else {
                "notify is off in the configuration"
            };
            self.port.note(|status| status.announcements = Announcements::Nobody(reason.into()));
        }
        let cookie = match &copier.position {
            Some(Position::Content { cookie }) => Some(cookie.as_slice()),
            _ => None,
        };
        announcer.listen(source, cookie);
    }

    /// How changes can be announced; `None`: not at all, or it is not wanted.
    fn means(&self) -> Option<Vec<Means>> {
        let copier = &self.copier;
        if !copier.config.notify || copier.config.timing.follow.is_none() {
            return None;
        }
        let offer = copier.offer();
        match copier.choice()?.strategy {
            Strategy::DirSync | Strategy::Usn => {
                let asking = match (offer.notification, offer.is_samba) {
                    (_, true) => Some(SAMBA_ASKED),
                    (false, false) => Some(OTHERS_ASKED),
                    (true, false) => None,
                };
                let told = offer.notification.then_some(Means::Notification);
                Some(told.into_iter().chain(asking.map(Means::Numbering)).collect())
            }
            Strategy::SyncRepl => Some(vec![Means::Persist(copier.plan()?.copy.filter.clone())]),
            Strategy::Timestamps | Strategy::Full => None,
        }
    }

    fn note(&self, report: &PassReport, schedule: &Schedule) {
        let choice = self.copier.choice();
        let held = self.copier.hold.told();
        self.port.note(|status: &mut SyncStatus| {
            status.failures = schedule.failures();
            status.last = Some(report.clone());
            status.held = held;
            if let Some(choice) = choice {
                status.strategy = Some(choice.strategy);
                status.why_not_better.clone_from(&choice.why_not);
            }
            match (report.outcome.is_ok(), report.kind) {
                (true, PassKind::Full) => status.last_full = Some(report.started),
                (true, PassKind::Reconcile) => status.last_reconcile = Some(report.started),
                (true, PassKind::Changes | PassKind::DryRun) | (false, _) => {}
            }
        });
    }

    fn watch_freshness(&mut self) {
        let view = self.copier.published.load();
        let age = view.map(|view| view.age(Now::read().wall));
        let max_age_s = self.copier.config.max_age.as_secs();
        let directory = &*self.name;
        match self.freshness.observe(age) {
            Some(Transition::WentStale { age }) => {
                let age_s = age.as_secs();
                tracing::warn!(
                    directory,
                    age_s,
                    max_age_s,
                    "the copy is too old: applications whose freshness is strict are refused"
                );
            }
            Some(Transition::FreshAgain) => {
                tracing::info!(directory, max_age_s, "the copy is fresh again");
            }
            None => {}
        }
    }

    fn log(&self, report: &PassReport, wall: SystemTime) {
        match &report.outcome {
            Ok(pass) if pass.effect == Effect::Nothing && is_routine(report) => {
                let (trigger, kind) = (report.trigger.name(), report.kind.name());
                tracing::debug!(
                    directory = &*report.directory,
                    trigger,
                    kind,
                    "nothing has changed"
                );
            }
            Ok(pass) => log_success(report, pass),
            Err(error) => self.log_failure(report, error, wall),
        }
    }

    fn log_failure(&self, report: &PassReport, error: &FetchError, wall: SystemTime) {
        let view_age_s = self.copier.published.load().map(|view| view.age(wall).as_secs());
        tracing::warn!(
            directory = &*report.directory,
            trigger = report.trigger.name(),
            kind = report.kind.name(),
            strategy = report.strategy.name(),
            controller = report.controller.as_deref(),
            duration_ms = milliseconds(report.duration),
            step = error.step.name(),
            reason = error.reason,
            view_age_s,
            "sync pass failed, the view stays as it was"
        );
    }
}

fn log_success(report: &PassReport, pass: &Pass) {
    let changes = &pass.changes;
    tracing::info!(
        directory = &*report.directory,
        trigger = report.trigger.name(),
        kind = report.kind.name(),
        strategy = report.strategy.name(),
        job = report.job,
        effect = effect_name(&pass.effect),
        controller = report.controller.as_deref(),
        duration_ms = milliseconds(report.duration),
        generation = pass.generation,
        users = pass.counts.users,
        groups = pass.counts.groups,
        users_created = changes.users_created,
        users_changed = changes.users_changed,
        users_deactivated = changes.users_deactivated,
        users_reactivated = changes.users_reactivated,
        users_removed = changes.users_removed,
        groups_created = changes.groups_created,
        groups_changed = changes.groups_changed,
        groups_removed = changes.groups_removed,
        memberships_added = changes.memberships_added,
        memberships_removed = changes.memberships_removed,
        unreadable = pass.unreadable,
        left_out = pass.left_out,
        moved = pass.moved,
        missing_required = pass.missing_required.users,
        "sync pass done"
    );
}

/// Whether nobody asked for it and nothing called for it: there are thousands of them a day.
const fn is_routine(report: &PassReport) -> bool {
    matches!(report.trigger, Trigger::Poll | Trigger::Notification)
        || matches!(report.kind, PassKind::Reconcile)
}

const fn effect_name(effect: &Effect) -> &'static str {
    match effect {
        Effect::Applied => "applied",
        Effect::Nothing => "nothing",
        Effect::Held(_) => "held",
        Effect::DryRun(_) => "dry run",
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Whoever could say it being gone is the end as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Waits until it is another matter whether changes are announced, and tells it.
async fn state_of(announced: &mut watch::Receiver<Announcements>) -> Announcements {
    match announced.changed().await {
        Ok(()) => announced.borrow_and_update().clone(),
        // Whoever tells ends with the loop.
        Err(_) => std::future::pending().await,
    }
}

async fn next(later: &mut Vec<Command>, port: &mut SyncPort) -> Option<Command> {
    match later.pop() {
        Some(command) => Some(command),
        None => port.command().await,
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
