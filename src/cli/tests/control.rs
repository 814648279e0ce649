//! The control socket and its clients, end to end.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, watch};

use crate::admin::budgets::Unshielded;
use crate::admin::document::{Failure, Health, Level, PassOutcome, Status, SyncAnswer};
use crate::admin::reload_document::{
    LoadedConfiguration, ReloadAnswer, ReloadOutcome, ReloadQuestion,
};
use crate::admin::{self, ControlSocket, ControlState, ControlledDirectory, ListenerFacts};
use crate::cli::client::ControlClient;
use crate::cli::exit;
use crate::cli::status::page;
use crate::directory::PublishedView;
use crate::ldap::schema::DirectoryKind;
use crate::ldap::secret::Password;
use crate::policy::local_account::VerifiedSecrets;
use crate::policy::name_memo::NameMemo;
use crate::policy::visibility::VisibilityCache;
use crate::policy::{Application, Applications};
use crate::session::audit::NameHash;
use crate::session::configured::Configured;
use crate::session::gate::{DirectoryGate, Gate};
use crate::session::kill_switch::KillSwitch;
use crate::session::learned::LearnedDialect;
use crate::session::revocations::Revocations;
use crate::shield::{Origin, Shield, SourceLimits, Sources};
use crate::sync::{
    Consequences, CronSchedule, Keeping, SharedJobs, SyncConfig, SyncDriver, SyncHandle, Timing,
};
use crate::telemetry::{LineLog, LogConfig, subscriber};
use crate::time::Now;
use crate::upstream::Upstream;

use super::world::World;

/// A running control socket with a real upstream and a real sync behind it.
pub(super) struct Running {
    pub(super) client: ControlClient,
    stop: watch::Sender<bool>,
    ended: tokio::task::JoinHandle<()>,
    pub(super) world: World,
    pub(super) published: Arc<PublishedView>,
    pub(super) revocations: Arc<Revocations>,
    shield: Arc<Shield>,
    _log: Box<dyn std::any::Any + Send>,
}

pub(super) fn start() -> Running {
    start_with(|sync| sync)
}

/// The same with another sync in the place of the real one.
pub(super) fn start_with(exchange: impl FnOnce(SyncHandle) -> SyncHandle) -> Running {
    let world = World::new();
    let mut config = world.config(&world.text());
    let settings = config.directories.remove(0);
    let upstream = Upstream::new(settings.upstream, Now::read()).unwrap();
    let published = PublishedView::empty();
    let (driver, sync) = SyncDriver::new(
        upstream.clone(),
        published.clone(),
        // Never by itself within a test.
        SyncConfig::with(
            Timing::of(
                CronSchedule::parse("0 0 29 2 *", "UTC").unwrap(),
                Duration::from_secs(3600),
            ),
            DirectoryKind::ActiveDirectory,
        ),
        Consequences::without_applications(),
        Keeping::default(),
        SharedJobs::default(),
    );
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(driver.run(stopped.clone()));
    tokio::spawn(upstream.clone().maintain());
    let (subscriber, log) = subscriber(LogConfig::default(), std::io::sink, false);
    let name = settings.name;
    let (attributes, max_age) = (settings.attributes, settings.sync.max_age);
    let sources = Arc::new(Sources::new(SourceLimits::default()));
    let shield =
        Shield::new(name.clone(), settings.shield, published.clone(), sources.clone(), &[7; 32]);
    let gate = gate(&name, &upstream, &published, &shield, max_age, config.applications);
    let revocations = gate.revocations.clone();
    let directory =
        ControlledDirectory { gate: gate.directories[0].clone(), sync: exchange(sync), attributes };
    let state = ControlState {
        gate: Arc::new(gate),
        directories: vec![directory],
        open_sessions: Arc::new(AtomicUsize::new(3)),
        listeners: vec![ListenerFacts {
            name: "applications".into(),
            address: "127.0.0.1:389".to_owned(),
            security: "ldap".to_owned(),
        }],
        started: Now::read().wall,
        draining: stopped.clone(),
        reload: Arc::new(NoFile),
        log,
        sources,
    };
    let socket = ControlSocket::bind(&world.socket()).unwrap();
    let mut told = stopped;
    let ended = tokio::spawn(admin::serve(socket, Arc::new(state), async move {
        told.wait_for(|stop| *stop).await.unwrap();
    }));
    let client = ControlClient::new(&world.socket());
    Running {
        client,
        stop,
        ended,
        world,
        published,
        revocations,
        shield,
        _log: Box::new(subscriber),
    }
}

/// A configuration that comes from no file.
struct NoFile;

impl admin::Reload for NoFile {
    fn reload(&self, _: ReloadQuestion, _: &str) -> ReloadAnswer {
        ReloadAnswer { outcome: ReloadOutcome::Faulty, ..ReloadAnswer::default() }
    }

    fn loaded(&self) -> LoadedConfiguration {
        LoadedConfiguration::default()
    }
}

/// What sessions on the directory would share.
fn gate(
    name: &Arc<str>,
    upstream: &Arc<Upstream>,
    published: &Arc<PublishedView>,
    shield: &Arc<Shield>,
    max_age: Duration,
    applications: Vec<Arc<Application>>,
) -> Gate {
    let directory = DirectoryGate {
        name: name.clone(),
        offline: None,
        published: published.clone(),
        max_age,
        upstream: upstream.clone(),
        shield: shield.clone(),
        dialect: Arc::new(LearnedDialect::new(DirectoryKind::ActiveDirectory)),
        refresh: Box::new(|| ()),
    };
    Gate {
        directories: vec![Arc::new(directory)],
        names: NameMemo::default(),
        applications: Arc::new(Configured::idle(Applications::new(applications))),
        visibility: VisibilityCache::default(),
        registry: Arc::default(),
        kill_switch: Arc::new(KillSwitch::idle()),
        trail: None,
        revocations: Arc::default(),
        pins: Arc::default(),
        secrets: VerifiedSecrets::new([1; 32]),
        slow_checks: Arc::new(Semaphore::new(1)),
        heavy_searches: Arc::new(Semaphore::new(1)),
        log: LineLog::nowhere(),
        unknown_names: NameHash::off(),
        host: "gate.example".to_owned(),
    }
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

/// An account is found by any of its names, and gets its budget back.
#[tokio::test(flavor = "multi_thread")]
async fn unshield_forgets_the_failures_of_an_account() {
    let running = start();
    let client = &running.client;
    client.post_and_wait("/v1/sync").await.unwrap();
    let view = running.published.load().unwrap();
    let alice = view.users_with("sAMAccountName", "alice")[0].guid();
    let shield = &running.shield;
    let password = Password::copy_from(b"x");
    let origin = Origin { application: "crm".into(), client: [127, 0, 0, 1].into() };
    // Let through and never reported: it counts.
    let now = Now::read().monotonic;
    drop(shield.admit(alice, &password, origin, now, now).await.unwrap());
    let status: Status = client.get("/v1/status").await.unwrap().document().unwrap();
    assert_eq!(status.directories[0].shield.accounts, 1);
    assert!(page(&status, 0).contains("3 wrong passwords within"), "{}", page(&status, 0));

    for (name, forgotten) in [("CORP%5Calice", 1), ("alice@corp.example", 0)] {
        let path = format!("/v1/unshield?name={name}");
        let done: Unshielded = client.post_and_wait(&path).await.unwrap().document().unwrap();
        let [account] = done.accounts.as_slice() else { panic!("{done:?}") };
        assert_eq!((account.directory.as_str(), account.forgotten), ("corp", forgotten));
    }
    assert_eq!(shield.state_of(alice, Now::read().monotonic).charged, 0);
    let nobody = client.post_and_wait("/v1/unshield?name=nobody").await.unwrap();
    assert!(!nobody.succeeded());
    let failure: Failure = nobody.any_document().unwrap();
    assert_eq!(failure.culprit, "user \"nobody\"");
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
async fn metrics_are_read_from_what_runs() {
    let running = start();
    let read = async || running.client.get("/v1/metrics").await.unwrap().text().unwrap().to_owned();
    let nothing = |metrics: &str| {
        let series = "ldapgate_sync_passes_total{directory=\"corp\",outcome=\"nothing\"} ";
        let count = metrics.lines().find_map(|line| line.strip_prefix(series));
        count.unwrap().parse::<u64>().unwrap()
    };
    running.client.post_and_wait("/v1/sync").await.unwrap();
    let before = read().await;
    assert!(before.contains("\nldapgate_revocation_seconds_count 0\n"), "{before}");
    running.client.post_and_wait("/v1/sync").await.unwrap();
    running.revocations.observe(Duration::from_millis(310));
    let after = read().await;
    let users = running.published.load().unwrap().counts().users;
    for line in [
        "ldapgate_sessions_open 3".to_owned(),
        format!("ldapgate_view_users{{directory=\"corp\"}} {users}"),
        "ldapgate_sync_passes_total{directory=\"corp\",outcome=\"applied\"} 1".to_owned(),
        "ldapgate_revocation_seconds_count 1".to_owned(),
    ] {
        assert!(after.lines().any(|written| written == line), "{line}: {after}");
    }
    assert_eq!(nothing(&after), nothing(&before) + 1);
    assert!(after.contains("ldapgate_sync_last_success_timestamp_seconds{directory=\"corp\"} "));
    assert!(!after.contains("alice"), "{after}");

    let status: Status = running.client.get("/v1/status").await.unwrap().document().unwrap();
    assert_eq!((status.revocations.count, status.revocations.longest_ms), (1, 310));
    let page = page(&status, Now::read().unix_seconds());
    assert!(page.contains("each within 310 ms"), "{page}");
}

/// What a scraper sends and gets.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_say_what_format_they_have() {
    let running = start();
    let mut socket = UnixStream::connect(running.world.socket()).await.unwrap();
    let request = b"GET /v1/metrics HTTP/1.1\r\nHost: localhost:9389\r\nConnection: close\r\n\r\n";
    socket.write_all(request).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let format = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(head.lines().any(|line| line == format), "{head}");
    assert!(body.starts_with("# HELP ldapgate_") && body.ends_with("\n# EOF\n"), "{body}");
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
