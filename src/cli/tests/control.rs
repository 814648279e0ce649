//! The control socket and its clients, end to end.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use crate::admin::document::{Failure, Health, Level, PassOutcome, Status, SyncAnswer};
use crate::admin::{self, ControlSocket, ControlState, ControlledDirectory, ListenerFacts};
use crate::cli::client::ControlClient;
use crate::cli::exit;
use crate::cli::status::page;
use crate::directory::PublishedView;
use crate::sync::{CronSchedule, SyncConfig, SyncDriver};
use crate::telemetry::{LogConfig, subscriber};
use crate::time::Now;
use crate::upstream::Upstream;

use super::world::World;

/// A running control socket with a real upstream and a real sync behind it.
struct Running {
    client: ControlClient,
    stop: watch::Sender<bool>,
    ended: tokio::task::JoinHandle<()>,
    world: World,
    _log: Box<dyn std::any::Any + Send>,
}

fn start() -> Running {
    let world = World::new();
    let mut config = world.config(&world.text());
    let settings = config.directories.remove(0);
    let upstream = Upstream::new(settings.upstream, Now::read()).unwrap();
    let published = PublishedView::empty();
    let (driver, sync) = SyncDriver::new(
        upstream.clone(),
        published.clone(),
        SyncConfig {
            // Never by itself within a test.
            schedule: CronSchedule::parse("0 0 29 2 *", "UTC").unwrap(),
            page_size: 100,
            base: None,
            after_refusal: Duration::from_secs(3600),
            view: Arc::default(),
        },
    );
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(driver.run(stopped.clone()));
    tokio::spawn(upstream.clone().maintain());
    let (subscriber, log) = subscriber(LogConfig::default(), std::io::sink, false);
    let name = settings.name;
    let state = ControlState {
        directories: vec![ControlledDirectory { name, upstream, published, sync }],
        open_sessions: Arc::new(AtomicUsize::new(3)),
        listeners: vec![ListenerFacts {
            name: "applications".into(),
            address: "127.0.0.1:389".to_owned(),
            security: "ldap".to_owned(),
        }],
        started: Now::read().wall,
        draining: stopped.clone(),
        log,
        applications: Vec::new(),
    };
    let socket = ControlSocket::bind(&world.socket()).unwrap();
    let mut told = stopped;
    let ended = tokio::spawn(admin::serve(socket, Arc::new(state), async move {
        told.wait_for(|stop| *stop).await.unwrap();
    }));
    let client = ControlClient::new(&world.socket());
    Running { client, stop, ended, world, _log: Box::new(subscriber) }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_before_and_after_a_sync() {
    let running = start();
    let client = &running.client;
    let synced: SyncAnswer =
        client.post_and_wait("/v1/sync?directory=corp").await.unwrap().document().unwrap();
    let [pass] = synced.passes.as_slice() else { panic!("{synced:?}") };
    let PassOutcome::Succeeded { users, .. } = &pass.outcome else { panic!("{pass:?}") };
    assert!(*users > 10, "{pass:?}");

    let status: Status = client.get("/v1/status").await.unwrap().document().unwrap();
    assert_eq!((status.sessions_open, status.draining), (3, false));
    let [directory] = status.directories.as_slice() else { panic!("{status:?}") };
    assert_eq!(directory.view.as_ref().unwrap().users, *users);
    assert!(directory.sync.last.is_some());
    assert_eq!(directory.controllers.len(), 2);
    let page = page(&status, Now::read().unix_seconds());
    for shown in ["dc1.corp.example", "dc2.corp.example", "3 sessions open", "127.0.0.1:389"] {
        assert!(page.contains(shown), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sync_says_why_and_comes_as_a_failure() {
    let running = start();
    running.client.post_and_wait("/v1/sync").await.unwrap();
    for controller in &running.world.controllers {
        controller.kill().await.unwrap();
    }
    let answer = running.client.post_and_wait("/v1/sync").await.unwrap();
    assert!(!answer.succeeded());
    let failure: Failure = answer.any_document().unwrap();
    assert_eq!(failure.culprit, "directory corp");
    assert!(failure.error.contains("connection"), "{failure:?}");
    let answer: SyncAnswer = answer.any_document().unwrap();
    assert!(matches!(answer.passes[0].outcome, PassOutcome::Failed { .. }));

    // The probes find out within their interval.
    let mut health = running.client.get("/v1/health").await.unwrap();
    for _ in 0..100 {
        if !health.succeeded() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        health = running.client.get("/v1/health").await.unwrap();
    }
    let health: Health = health.any_document().unwrap();
    assert_eq!(health.problems, ["directory corp has no controller that is up"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_ready_with_a_copy_and_a_controller() {
    let running = start();
    let before: Health = running.client.get("/v1/health").await.unwrap().any_document().unwrap();
    assert!(!before.ready, "no copy yet");
    running.client.post_and_wait("/v1/sync").await.unwrap();
    let after = running.client.get("/v1/health").await.unwrap();
    assert!(after.succeeded());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_level_is_shown_and_set() {
    let running = start();
    let client = &running.client;
    let level: Level = client.get("/v1/log-level").await.unwrap().document().unwrap();
    assert_eq!(level.level, "info");
    let debug = Level { level: "debug".to_owned() };
    let set: Level = client.put("/v1/log-level", &debug).await.unwrap().document().unwrap();
    assert_eq!(set, debug);
    let now: Level = client.get("/v1/log-level").await.unwrap().document().unwrap();
    assert_eq!(now, debug);
    let wrong = client.put("/v1/log-level", &Level { level: "loud".to_owned() }).await.unwrap();
    let error = wrong.document::<Level>().unwrap_err();
    assert_eq!(error.code(), exit::FAILED);
    assert!(error.to_string().contains("loud"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_with_its_culprit() {
    let running = start();
    let client = &running.client;
    for (answer, culprit, hint) in [
        (client.post_and_wait("/v1/sync?directory=cork").await, "directory \"cork\"", "corp"),
        (client.post_and_wait("/v1/sync?directori=corp").await, "query", "directori"),
        (client.post_and_wait("/v1/status").await, "/v1/status", "POST"),
        (client.get("/v2/status").await, "/v2/status", "/v1/status"),
        (client.put("/v1/log-level", &Value::Null).await, "body", "expected"),
    ] {
        let answer = answer.unwrap();
        assert!(!answer.succeeded());
        let failure: Failure = answer.any_document().unwrap();
        assert_eq!(failure.culprit, culprit);
        assert!(failure.error.contains(hint), "{failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_end_nothing_runs() {
    let running = start();
    running.stop.send_replace(true);
    running.ended.await.unwrap();
    let Err(error) = running.client.get("/v1/status").await else { panic!("still there") };
    assert_eq!(error.code(), exit::NOT_RUNNING);
    assert!(!running.world.socket().exists());
}
