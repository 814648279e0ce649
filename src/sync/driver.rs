//! `[io]` Runs the passes of one directory, one after another, and publishes what is whole.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::sleep;

use crate::directory::{PublishedView, View};
use crate::time::Now;
use crate::upstream::{FetchError, Upstream};

use super::SyncConfig;
use super::read::{Copy, Wanted, whole_copy};
use super::report::{Pass, PassReport, SyncStatus, Trigger};
use super::schedule::Schedule;

/// Longest single sleep: the wall clock may be set while we wait for a moment of it.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// Longer than any schedule needs, and safe to add to a clock.
const FAR: Duration = Duration::from_secs(10 * 366 * 24 * 3600);
/// Demands that wait for one pass; more wait to be heard.
const DEMANDS: usize = 64;

/// Asks for passes and knows how they went.
#[derive(Clone)]
pub struct SyncHandle {
    refused: Arc<Notify>,
    demands: mpsc::Sender<oneshot::Sender<PassReport>>,
    status: Arc<Mutex<SyncStatus>>,
}

impl SyncHandle {
    /// A login was refused for what the view says: a pass soon, one for any number of calls.
    pub fn refused(&self) {
        self.refused.notify_one();
    }

    /// Runs a pass now and waits for it; `None` if the program is ending.
    pub async fn request_and_wait(&self) -> Option<PassReport> {
        let (reply, report) = oneshot::channel();
        self.demands.send(reply).await.ok()?;
        report.await.ok()
    }

    /// How the copying goes.
    #[must_use]
    pub fn status(&self) -> SyncStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The loop of one directory.
pub struct SyncDriver {
    name: Arc<str>,
    upstream: Arc<Upstream>,
    published: Arc<PublishedView>,
    config: SyncConfig,
    refused: Arc<Notify>,
    demands: mpsc::Receiver<oneshot::Sender<PassReport>>,
    status: Arc<Mutex<SyncStatus>>,
}

impl SyncDriver {
    /// A driver that has not begun, and the handle to it.
    #[must_use]
    pub fn new(
        upstream: Arc<Upstream>,
        published: Arc<PublishedView>,
        config: SyncConfig,
    ) -> (Self, SyncHandle) {
        let refused = Arc::new(Notify::new());
        let status = Arc::new(Mutex::new(SyncStatus::default()));
        let (sender, demands) = mpsc::channel(DEMANDS);
        let name = upstream.config().directory.clone();
        let handle =
            SyncHandle { refused: refused.clone(), demands: sender, status: status.clone() };
        (Self { name, upstream, published, config, refused, demands, status }, handle)
    }

    /// Runs passes until `stop` becomes true.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let config = &self.config;
        let mut schedule = Schedule::new(config.schedule.clone(), config.after_refusal);
        loop {
            let (wait, trigger) = schedule.wait(Now::read());
            self.note(|status| status.next = Some(Now::read().wall + wait.min(FAR)));
            let mut waiting = Vec::new();
            let trigger = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                demand = self.demands.recv() => {
                    let Some(demand) = demand else { return };
                    waiting.push(demand);
                    Trigger::Demand
                }
                () = self.refused.notified() => { schedule.refused(); continue }
                () = sleep(wait.min(LONGEST_SLEEP)) => {
                    if wait > LONGEST_SLEEP {
                        continue;
                    }
                    trigger
                }
            };
            while let Ok(demand) = self.demands.try_recv() {
                waiting.push(demand);
            }
            schedule.started(Now::read());
            let report = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                report = self.pass(trigger) => report,
            };
            schedule.finished(report.outcome.is_ok(), Now::read());
            self.note(|status| {
                status.failures = schedule.failures();
                status.last = Some(report.clone());
            });
            for reply in waiting {
                // Whoever asked may have gone.
                let _ = reply.send(report.clone());
            }
        }
    }

    async fn pass(&self, trigger: Trigger) -> PassReport {
        self.note(|status| status.running = true);
        let begun = Now::read();
        let mut controller = None;
        let outcome = self.read_and_publish(&mut controller).await;
        if let Err(error) = &outcome {
            controller = Some(error.controller.clone()).filter(|name| !name.is_empty());
        }
        let ended = Now::read();
        self.note(|status| status.running = false);
        let report = PassReport {
            directory: self.name.clone(),
            trigger,
            controller,
            started: begun.wall,
            duration: ended.monotonic.saturating_duration_since(begun.monotonic),
            outcome,
        };
        self.log(&report, ended.wall);
        report
    }

    async fn read_and_publish(
        &self,
        controller: &mut Option<Arc<str>>,
    ) -> Result<Pass, FetchError> {
        let mut session = self.upstream.fetch_session().await?;
        *controller = Some(session.controller().clone());
        let last = self.published.load();
        let wanted = Wanted {
            base: self.config.base.as_deref(),
            page_size: self.config.page_size,
            config: Some(&self.config.view),
            last: last.as_ref(),
        };
        let copy = whole_copy(&mut session, wanted, &mut |_| {}).await;
        session.close().await;
        Ok(self.publish(copy?, last.as_deref()))
    }

    /// Publishes the copy, or confirms the view that says the same: then no session has to be judged
    /// again for nothing.
    fn publish(&self, copy: Copy, last: Option<&View>) -> Pass {
        let Copy { view, changes, unreadable, moved } = copy;
        let (counts, left_out) = (view.counts(), view.rejected().len());
        let same_left_out = last.is_some_and(|last| last.rejected() == view.rejected());
        if !same_left_out {
            for rejected in view.rejected() {
                let (dn, reason) = (&rejected.dn, &rejected.reason);
                tracing::warn!(directory = &*self.name, ?dn, reason, "entry left out of the view");
            }
        }
        let generation = match last {
            Some(last) if changes.is_empty() && view.is_as_before() && same_left_out => {
                self.published.confirm(view.built_at());
                last.generation()
            }
            Some(_) | None => {
                let generation = view.generation();
                self.published.publish(Arc::new(view));
                generation
            }
        };
        Pass { generation, counts, changes, unreadable, left_out, moved }
    }

    fn log(&self, report: &PassReport, wall: SystemTime) {
        let duration_ms = u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX);
        let (directory, trigger) = (&*report.directory, report.trigger.name());
        let controller = report.controller.as_deref();
        match &report.outcome {
            Ok(pass) => {
                let changes = &pass.changes;
                tracing::info!(
                    directory,
                    trigger,
                    controller,
                    duration_ms,
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
                    "sync pass done"
                );
            }
            Err(error) => {
                let view = self.published.load();
                let view_age_s = view.map(|view| view.age(wall).as_secs());
                let (step, reason) = (error.step.name(), &error.reason);
                tracing::warn!(
                    directory,
                    trigger,
                    controller,
                    duration_ms,
                    step,
                    reason,
                    view_age_s,
                    "sync pass failed, the view stays as it was"
                );
            }
        }
    }

    fn note(&self, change: impl FnOnce(&mut SyncStatus)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
