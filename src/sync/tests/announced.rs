//! From when on the time counts that a change takes to be followed: from the announcement, whatever comes between.

use std::time::Instant;

use tokio::time::{sleep, timeout};

use super::passes::{Running, start};
use super::*;
use crate::demo::Quirks;
use crate::directory::Move;
use crate::sync::{Announcements, Follow, SyncRequest, SyncStatus};

const HOUR: Duration = Duration::from_secs(3600);

/// Changes are followed when they are announced, and not by the clock; nothing is left to follow.
async fn listening() -> Running {
    let config = on_demand();
    let follow = Some(Follow { poll: HOUR, reconcile: HOUR });
    let timing = Timing { follow, ..config.timing.clone() };
    let running = start(Company::new(), SyncConfig { timing, ..config });
    let announced = |status: &SyncStatus| matches!(status.announcements, Announcements::By(_));
    running.until(announced).await;
    // The pass over what may have happened before anybody listened.
    sleep(Duration::from_millis(300)).await;
    running.until(|status| !status.running).await;
    running
}

fn quirks(running: &Running, change: fn(&mut Quirks)) {
    running.company.controllers.iter().for_each(|controller| controller.quirks(change));
}

fn disable_alice(running: &Running) {
    let alice = running.company.dn("alice");
    running.company.directory.with(|directory| directory.disable(&alice).unwrap());
}

fn now() -> Instant {
    Now::read().monotonic
}

async fn next(moves: &mut tokio::sync::broadcast::Receiver<Move>) -> Instant {
    let moved = timeout(Duration::from_secs(10), moves.recv()).await.unwrap().unwrap();
    moved.seen.unwrap()
}

/// An operator looks twice what would change, and it changes between the two looks.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_takes_no_announcement_away() {
    let running = listening().await;
    let mut moves = running.published.moves();
    let dry_run = || {
        let (sync, request) =
            (running.sync.clone(), SyncRequest { dry_run: true, ..SyncRequest::default() });
        tokio::spawn(async move { sync.request(request).await.unwrap() })
    };
    quirks(&running, |quirks| quirks.answer_delay = Duration::from_millis(150));
    let first = dry_run();
    running.until(|status| status.running).await;
    disable_alice(&running);
    sleep(Duration::from_millis(150)).await;
    assert!(!first.is_finished(), "it is announced during the first");
    let second = dry_run();
    let between = now();
    quirks(&running, |quirks| quirks.answer_delay = Duration::from_millis(20));
    assert!(first.await.unwrap().outcome.is_ok() && second.await.unwrap().outcome.is_ok());
    assert!(next(&mut moves).await < between, "it counts since it was announced");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_fails_takes_no_announcement_away() {
    let running = listening().await;
    let mut moves = running.published.moves();
    quirks(&running, |quirks| quirks.search_answer = Some((51, String::new())));
    disable_alice(&running);
    running.until(|status| status.failures > 0).await;
    let failed = now();
    quirks(&running, |quirks| quirks.search_answer = None);
    assert!(next(&mut moves).await < failed, "it counts since it was announced");
}
