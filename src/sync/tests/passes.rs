//! The loop: what starts a pass, what it publishes, and what a failed one leaves behind.

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::*;
use crate::demo::Quirks;
use crate::directory::PublishedView;
use crate::sync::{Consequences, Keeping, SharedJobs, SyncDriver, SyncHandle, SyncStatus, Trigger};
use crate::upstream::Step;

type Fault = fn(&mut Quirks);

pub(super) struct Running {
    pub(super) company: Company,
    pub(super) published: Arc<PublishedView>,
    pub(super) sync: SyncHandle,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

pub(super) fn start(company: Company, config: SyncConfig) -> Running {
    let published = PublishedView::empty();
    let (driver, sync) = SyncDriver::new(
        company.upstream(),
        published.clone(),
        config,
        Consequences::without_applications(),
        Keeping::default(),
        SharedJobs::default(),
    );
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(driver.run(stopped));
    Running { company, published, sync, stop, task }
}

impl Running {
    /// Waits until the status is as wanted.
    pub(super) async fn until(&self, wanted: impl Fn(&SyncStatus) -> bool) -> SyncStatus {
        for _ in 0..1000 {
            let status = self.sync.status();
            if wanted(&status) {
                return status;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("not reached: {:?}", self.sync.status());
    }

    pub(super) async fn first_pass(&self) -> SyncStatus {
        self.until(|status| status.last.is_some()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_pass_publishes() {
    let running = start(Company::new(), on_demand());
    let mut generations = running.published.subscribe();
    let report = running.first_pass().await.last.unwrap();
    assert_eq!(report.trigger, Trigger::Start);
    assert_eq!(report.controller.as_deref(), Some("dc1.corp.example"));
    let pass = report.outcome.unwrap();
    assert_eq!((pass.generation, pass.changes.users_created), (1, pass.counts.users));
    assert_eq!(*generations.borrow_and_update(), 1);
    assert_eq!(running.published.load().unwrap().counts(), pass.counts);
    assert!(running.sync.status().next.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_confirms_the_view() {
    let running = start(Company::new(), on_demand());
    running.first_pass().await;
    let first = running.published.load().unwrap();
    let confirmed = first.confirmed_at();
    let pass = running.sync.request_and_wait().await.unwrap().outcome.unwrap();
    assert!(pass.changes.is_empty() && pass.generation == 1, "{pass:?}");
    let second = running.published.load().unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert!(second.confirmed_at() > confirmed && second.confirmed_at() > second.built_at());

    let bob = running.company.dn("bob");
    running.company.directory.with(|directory| directory.enable(&bob).unwrap());
    let report = running.sync.request_and_wait().await.unwrap();
    assert_eq!(report.trigger, Trigger::Demand);
    let pass = report.outcome.unwrap();
    assert_eq!((pass.generation, pass.changes.users_reactivated), (2, 1));
}

/// Invariant 10 of the design: whatever goes wrong, the view stays, and it grows older.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_pass_leaves_the_view() {
    let running = start(Company::new(), on_demand());
    running.first_pass().await;
    let view = running.published.load().unwrap();
    let confirmed = view.confirmed_at();
    let quirks = |change: Fault| {
        running.company.controllers.iter().for_each(|controller| controller.quirks(change));
    };
    let alice = running.company.dn("alice");
    running.company.directory.with(|directory| directory.remove(&alice).unwrap());
    let faults: [(Fault, Step); 4] = [
        (|quirks| quirks.cut_search_after = Some(3), Step::Connect),
        (|quirks| quirks.search_answer = Some((4, String::new())), Step::Limit),
        (|quirks| quirks.search_answer = Some((11, String::new())), Step::Limit),
        (|quirks| quirks.search_answer = Some((51, String::new())), Step::Server),
    ];
    for (fault, step) in faults {
        quirks(fault);
        let report = running.sync.request_and_wait().await.unwrap();
        let error = report.outcome.unwrap_err();
        assert_eq!(error.step, step, "{error}");
        assert_eq!(report.controller.unwrap(), error.controller);
        assert!(Arc::ptr_eq(&view, &running.published.load().unwrap()));
        assert_eq!(view.confirmed_at(), confirmed);
        quirks(|quirks| {
            quirks.cut_search_after = None;
            quirks.search_answer = None;
        });
    }
    assert!(running.sync.status().failures > 0);
    let pass = running.sync.request_and_wait().await.unwrap().outcome.unwrap();
    assert_eq!(pass.changes.users_removed, 1);
    assert_eq!(running.sync.status().failures, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_controller_it_keeps_trying() {
    let company = Company::new();
    for controller in &company.controllers {
        controller.kill().await.unwrap();
    }
    let running = start(company, on_demand());
    let status = running.until(|status| status.failures > 0).await;
    assert_eq!(status.last.unwrap().outcome.unwrap_err().step, Step::Connect);
    assert!(running.published.load().is_none());
    running.company.controllers[1].revive().unwrap();
    let status = running.until(has_succeeded).await;
    let report = status.last.unwrap();
    assert_eq!(report.trigger, Trigger::Retry);
    assert_eq!(report.controller.as_deref(), Some("dc2.corp.example"));
    assert!(running.published.load().is_some());
}

fn has_succeeded(status: &SyncStatus) -> bool {
    status.last.as_ref().is_some_and(|report| report.outcome.is_ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_share_a_pass() {
    let running = start(Company::new(), on_demand());
    let started = running.first_pass().await.last.unwrap().started;
    for _ in 0..1000 {
        running.sync.refused();
    }
    let next = |after| {
        move |status: &SyncStatus| status.last.as_ref().is_some_and(|report| report.started > after)
    };
    let report = running.until(next(started)).await.last.unwrap();
    assert_eq!(report.trigger, Trigger::Refusal);
    sleep(Duration::from_millis(300)).await;
    let after = running.sync.status().last.unwrap();
    assert_eq!(after.started, report.started, "a thousand refusals made one pass");
}

/// Whoever asks while a pass runs gets the next one: what this one has read may be older than the wish.
#[tokio::test(flavor = "multi_thread")]
async fn a_demand_gets_a_pass_that_begins_after_it() {
    let running = start(Company::new(), on_demand());
    running.first_pass().await;
    for controller in &running.company.controllers {
        controller.quirks(|quirks| quirks.answer_delay = Duration::from_millis(40));
    }
    let ask = || {
        let sync = running.sync.clone();
        tokio::spawn(async move { sync.request_and_wait().await.unwrap() })
    };
    let first = ask();
    running.until(|status| status.running).await;
    let asked = Now::read().wall;
    let (second, third) = (ask(), ask());
    let (first, second, third) =
        (first.await.unwrap(), second.await.unwrap(), third.await.unwrap());
    assert!(first.started < asked && second.started > asked);
    assert_eq!(second.started, third.started, "one pass for both");
}

/// A pass that hangs is dropped at the end, and whoever waits is told.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_drops_the_pass() {
    let company = Company::new();
    company.controllers.iter().for_each(Controller::hang);
    let running = start(company, on_demand());
    running.until(|status| status.running).await;
    let sync = running.sync.clone();
    let waiting = tokio::spawn(async move { sync.request_and_wait().await.is_none() });
    running.stop.send_replace(true);
    timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
    assert!(waiting.await.unwrap());
    assert!(running.published.load().is_none());
}
