//! `[io]` What the control socket knows of the running program, and how it is written down. Reads live
//! state through shared handles; decides nothing.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use crate::directory::{AttributeMapping, ChangeSummary, View};
use crate::session::gate::{DirectoryGate, Gate};
use crate::session::offline::Offline;
use crate::session::revocations::RevocationSeconds;
use crate::shield::Sources;
use crate::sync::{Announcements, Effect, Pass, PassReport, SyncHandle, SyncRequest, Trigger};
use crate::telemetry::LogHandle;
use crate::time::{Now, unix_seconds};
use crate::trail::Event;
use crate::upstream::{CapabilityStatus, ControllerStatus, HistoryRecord};

use super::reload::Reload;
use super::{budgets, document, metrics, shield};

/// Changes of state that are shown of one controller.
const SHOWN_HISTORY: usize = 32;

/// Everything the control socket can look at or act on. Built by `app`.
pub struct ControlState {
    /// The directories in the order of the configuration.
    pub directories: Vec<ControlledDirectory>,
    /// How many connections of applications are open.
    pub open_sessions: Arc<AtomicUsize>,
    /// Where applications connect.
    pub listeners: Vec<ListenerFacts>,
    /// When the program started.
    pub started: SystemTime,
    /// Becomes true when the program is to stop.
    pub draining: watch::Receiver<bool>,
    /// What is logged.
    pub log: LogHandle,
    /// What sessions decide on, with the blocks, the audit trail and the times of revocations.
    pub gate: Arc<Gate>,
    /// Reads the configuration again.
    pub reload: Arc<dyn Reload>,
    /// How many wrong passwords came from where.
    pub sources: Arc<Sources>,
}

/// One directory as the control socket sees it.
pub struct ControlledDirectory {
    /// The same as sessions use it.
    pub gate: Arc<DirectoryGate>,
    /// Its sync.
    pub sync: SyncHandle,
    /// Which attribute says what about a person.
    pub attributes: AttributeMapping,
}

/// One listener as the control socket shows it.
#[derive(Clone, Debug)]
pub struct ListenerFacts {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The address it really has.
    pub address: String,
    /// How its connections are protected, in words: `ldaps`, `ldap with StartTLS`, `ldap in clear`.
    pub security: String,
}

impl ControlState {
    /// The whole status.
    #[must_use]
    pub fn status(&self, now: Now) -> document::Status {
        let started_unix = unix_seconds(self.started);
        document::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_unix,
            uptime_seconds: seconds_between(started_unix, now),
            ready: self.health().ready,
            draining: *self.draining.borrow(),
            configuration: self.reload.loaded(),
            directories: self.directories.iter().map(|one| one.document(now)).collect(),
            sessions_open: self.open_sessions.load(Ordering::Relaxed),
            revocations: revocations(&self.gate.revocations.read()),
            blocks: self.gate.kill_switch.current().in_force(now.wall).count(),
            sources: sources(&self.sources),
            listeners: self.listeners.iter().map(ListenerFacts::document).collect(),
            log_level: self.log_level(),
        }
    }

    /// The metrics in OpenMetrics text.
    ///
    /// # Errors
    /// Never: text can always be put together in memory.
    pub fn metrics(&self, now: Now) -> Result<String, fmt::Error> {
        metrics::text(self.status(now), self.gate.revocations.read())
    }

    /// Leaves something in the audit trail, where there is one.
    pub(super) fn note(&self, event: impl FnOnce() -> Event) {
        if let Some(trail) = &self.gate.trail {
            trail.leave(event());
        }
    }

    /// Whether applications can be served.
    #[must_use]
    pub fn health(&self) -> document::Health {
        let mut problems: Vec<String> =
            self.directories.iter().flat_map(ControlledDirectory::problems).collect();
        if *self.draining.borrow() {
            problems.push("the program is on its way out".to_owned());
        }
        document::Health { ready: problems.is_empty(), problems }
    }

    /// The level of the log, in a word.
    #[must_use]
    pub fn log_level(&self) -> String {
        self.log.level().map_or_else(|error| error.to_string(), |level| level.to_string())
    }

    /// The directories that `name` stands for: one, or all where no name is given.
    ///
    /// # Errors
    /// There is no such directory; the failure lists those that there are.
    pub fn select(
        &self,
        name: Option<&str>,
    ) -> Result<Vec<&ControlledDirectory>, document::Failure> {
        let Some(name) = name else { return Ok(self.directories.iter().collect()) };
        if let Some(found) = self.directories.iter().find(|directory| &*directory.gate.name == name)
        {
            return Ok(vec![found]);
        }
        let known: Vec<&str> =
            self.directories.iter().map(|directory| &*directory.gate.name).collect();
        Err(document::Failure {
            error: format!("there is no such directory; there is: {}", known.join(", ")),
            culprit: format!("directory {name:?}"),
        })
    }
}

impl ControlledDirectory {
    fn document(&self, now: Now) -> document::Directory {
        let view_now = self.gate.published.load();
        let age = view_now.as_ref().map(|view| view.age(now.wall));
        document::Directory {
            name: self.gate.name.to_string(),
            controllers: self.controllers(),
            view: view_now.map(|copy| view(&copy, now)),
            sync: self.sync_document(age),
            shield: shield::document(&self.gate.shield),
            offline: self.gate.offline.as_deref().map(offline),
        }
    }

    fn sync_document(&self, age: Option<Duration>) -> document::Sync {
        let sync = self.sync.status();
        let (announced_by, not_announced_because) = match sync.announcements {
            Announcements::Unknown => (None, None),
            Announcements::By(what) => (Some(what), None),
            Announcements::Nobody(why) => (None, Some(why)),
        };
        document::Sync {
            running: sync.running,
            failures: sync.failures,
            last: sync.last.as_ref().map(pass),
            next_unix: sync.next.map(unix_seconds),
            strategy: sync.strategy.map(|strategy| strategy.name().to_owned()),
            why_not_better: sync.why_not_better,
            announced_by,
            not_announced_because,
            last_full_unix: sync.last_full.map(unix_seconds),
            last_reconcile_unix: sync.last_reconcile.map(unix_seconds),
            progress_entries: sync.progress,
            max_age_seconds: self.gate.max_age.as_secs(),
            // What is held is held against the present state of the directory.
            stale: sync.held.is_none() && age.is_some_and(|age| age > self.gate.max_age),
            held: sync.held,
            idle_passes: self.sync.idle().map_or(0, |idle| idle.passes),
            passes: sync.passes,
            last_success_unix: sync.last_success.map(unix_seconds),
        }
    }

    /// Runs a pass now and waits for it.
    pub async fn sync_now(&self, request: SyncRequest) -> document::Pass {
        match self.sync.request(request).await {
            Some(report) => pass(&report),
            None => document::Pass {
                directory: self.gate.name.to_string(),
                trigger: Trigger::Demand.name().to_owned(),
                strategy: None,
                kind: None,
                job: None,
                started_unix: Now::read().unix_seconds(),
                duration_ms: 0,
                controller: None,
                outcome: document::PassOutcome::Failed {
                    step: None,
                    reason: "the program is on its way out".to_owned(),
                },
            },
        }
    }

    fn controllers(&self) -> Vec<document::Controller> {
        let history = self.gate.upstream.history();
        self.gate.upstream.status().into_iter().map(|status| controller(status, &history)).collect()
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.gate.published.load().is_none() {
            problems.push(format!("directory {} has not been synced yet", self.gate.name));
        }
        if self.gate.is_cut_off() {
            problems.push(format!("directory {} has no controller that is up", self.gate.name));
        }
        problems
    }
}

impl ListenerFacts {
    fn document(&self) -> document::Listener {
        document::Listener {
            name: self.name.to_string(),
            address: self.address.clone(),
            security: self.security.clone(),
        }
    }
}

fn sources(sources: &Sources) -> budgets::Sources {
    let (application_refused, client_refused) = sources.refused();
    budgets::Sources { application_refused, client_refused }
}

fn revocations(read: &RevocationSeconds) -> document::Revocations {
    let longest = Duration::try_from_secs_f64(read.max).unwrap_or_default();
    document::Revocations {
        count: read.count,
        // Upwards: it is said that none took longer.
        longest_ms: u64::try_from(longest.as_micros().div_ceil(1000)).unwrap_or(u64::MAX),
    }
}

fn view(view: &View, now: Now) -> document::View {
    let counts = view.counts();
    let built_unix = unix_seconds(view.built_at());
    document::View {
        generation: view.generation(),
        naming_context: view.domain().naming_context.clone(),
        built_unix,
        age_seconds: view.age(now.wall).as_secs(),
        users: counts.users,
        groups: counts.groups,
        containers: counts.containers,
        subschema: view.domain().subschema.as_deref().map(|relayed| relayed.dn().to_owned()),
    }
}

fn pass(report: &PassReport) -> document::Pass {
    document::Pass {
        directory: report.directory.to_string(),
        trigger: report.trigger.name().to_owned(),
        strategy: Some(report.strategy.name().to_owned()),
        kind: Some(report.kind.name().to_owned()),
        job: report.job,
        started_unix: unix_seconds(report.started),
        duration_ms: u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX),
        controller: report.controller.as_deref().map(str::to_owned),
        outcome: match &report.outcome {
            Err(error) => document::PassOutcome::Failed {
                step: Some(error.step.name().to_owned()),
                reason: error.reason.clone(),
            },
            Ok(pass) => outcome(pass),
        },
    }
}

fn outcome(pass: &Pass) -> document::PassOutcome {
    let (users, groups) = (pass.counts.users, pass.counts.groups);
    let (unreadable, left_out) = (pass.unreadable, pass.left_out);
    let changes = changes(&pass.changes);
    let missing_required = pass.missing_required.clone();
    match &pass.effect {
        Effect::Applied | Effect::Nothing => document::PassOutcome::Succeeded {
            generation: pass.generation,
            users,
            groups,
            unreadable,
            left_out,
            changes,
            missing_required,
        },
        Effect::Held(held) => {
            document::PassOutcome::Held { users, groups, changes, held: held.clone() }
        }
        Effect::DryRun(preview) => document::PassOutcome::DryRun {
            users,
            groups,
            unreadable,
            left_out,
            changes,
            preview: preview.clone(),
            missing_required,
        },
    }
}

fn changes(summary: &ChangeSummary) -> document::Changes {
    document::Changes {
        users_created: summary.users_created,
        users_changed: summary.users_changed,
        users_deactivated: summary.users_deactivated,
        users_reactivated: summary.users_reactivated,
        users_removed: summary.users_removed,
        groups_created: summary.groups_created,
        groups_changed: summary.groups_changed,
        groups_removed: summary.groups_removed,
        memberships_added: summary.memberships_added,
        memberships_removed: summary.memberships_removed,
    }
}

fn controller(status: ControllerStatus, history: &[HistoryRecord]) -> document::Controller {
    let own = history.iter().rev().filter(|record| record.controller == status.name);
    document::Controller {
        history: own.take(SHOWN_HISTORY).map(transition).collect(),
        name: status.name.to_string(),
        address: status.address,
        tier: status.tier,
        verify: capability(status.verify),
        sync: capability(status.sync),
        links_idle: status.links_idle,
        links_busy: status.links_busy,
        binds: status.binds,
        failures: status.failures,
    }
}

fn capability(status: CapabilityStatus) -> document::Capability {
    document::Capability {
        state: status.state.to_owned(),
        cause: status.cause,
        since_unix: status.since_unix,
    }
}

fn transition(record: &HistoryRecord) -> document::Transition {
    document::Transition {
        at_unix: record.at_unix,
        capability: record.capability.to_owned(),
        from: record.from.to_owned(),
        to: record.to.to_owned(),
        cause: record.cause.clone(),
        after_ms: record.lasted_ms,
    }
}

/// The seconds from a moment to now; none if the moment is to come (somebody set the clock).
fn seconds_between(since_unix: i64, now: Now) -> u64 {
    u64::try_from(now.unix_seconds() - since_unix).unwrap_or(0)
}

fn offline(offline: &Offline) -> budgets::Offline {
    let counts = offline.counts();
    budgets::Offline {
        verifiers: counts.verifiers,
        accepted: counts.accepted,
        wrong_password: counts.wrong,
        withheld: counts.withheld,
        remembered: counts.remembered,
        not_remembered: counts.not_remembered,
    }
}
