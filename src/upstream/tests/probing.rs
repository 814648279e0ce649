//! Probes, and what they make of controllers while logins go on.

use std::time::Duration;

use super::script::{Act, Asked, RIGHT, Script, binds, nobody, sane};
use super::{all_up, config, in_order, password, probed, sync_up, until};
use crate::testing::Lines;
use crate::upstream::{BindOutcome, PoolConfig, Upstream};

async fn login(upstream: &Upstream, secret: &str) -> BindOutcome {
    upstream.verify(b"CORP\\alice", &password(secret), &[]).await.outcome
}

async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

#[tokio::test]
async fn a_start_proves_every_controller_and_keeps_links_ready() {
    let (dc1, dc2) = (Script::run(sane).await, Script::run(sane).await);
    let (upstream, _probes) = probed(config(in_order(&[&dc1, &dc2])));
    until(&upstream, sync_up).await;
    until(&upstream, |status| status.iter().all(|controller| controller.links_idle == 2)).await;
    pause(300).await;
    // The service account was tried once per controller, and never again by probes.
    for dc in [&dc1, &dc2] {
        assert_eq!(dc.seen_binds(), [("CORP\\svc".to_owned(), RIGHT.to_owned())]);
    }
    let changes: Vec<_> = upstream.history().iter().map(|r| (r.capability, r.from, r.to)).collect();
    assert_eq!(changes.len(), 4, "{changes:?}");
    assert!(changes.iter().all(|change| (change.1, change.2) == ("degraded", "up")));
}

/// A stopped process still accepts connections: only an answer counts.
#[tokio::test]
async fn a_hung_controller_is_found_by_the_probe_and_found_again_when_it_answers() {
    let dc = Script::run(sane).await;
    let (upstream, _probes) = probed(config(in_order(&[&dc])));
    until(&upstream, sync_up).await;
    dc.change(|_| vec![Act::Hang]);
    until(&upstream, |status| status[0].verify.state == "down" && status[0].sync.state == "down")
        .await;
    assert_eq!(upstream.status()[0].links_idle, 0, "links that wait may hang too");
    pause(100).await;
    dc.change(sane);
    until(&upstream, sync_up).await;
}

#[tokio::test]
async fn a_killed_controller_is_down_and_logins_do_not_try_it() {
    let (dc1, dc2) = (Script::run(sane).await, Script::run(sane).await);
    let (upstream, _probes) = probed(config(in_order(&[&dc1, &dc2])));
    until(&upstream, sync_up).await;
    drop(dc1);
    until(&upstream, |status| status[0].verify.state == "down").await;
    let attempts_at_first = upstream.status()[0].failures;
    for _ in 0..10 {
        assert!(matches!(login(&upstream, RIGHT).await, BindOutcome::Accepted { .. }));
    }
    assert_eq!(upstream.status()[0].failures, attempts_at_first);
    assert_eq!(dc2.bind_count(), 11);
}

#[tokio::test]
async fn the_trial_of_a_controller_is_a_probe_and_not_a_login() {
    let (dc1, dc2) = (Script::run(sane).await, Script::run(sane).await);
    let mut slow = config(in_order(&[&dc1, &dc2]));
    slow.health.probe_interval = Duration::from_secs(60);
    let (upstream, _probes) = probed(slow);
    until(&upstream, sync_up).await;
    dc1.change(|_| vec![Act::Hang]);
    assert!(matches!(login(&upstream, RIGHT).await, BindOutcome::Accepted { .. }));
    dc1.change(sane);
    let before = dc1.bind_count();
    for _ in 0..5 {
        assert!(matches!(login(&upstream, RIGHT).await, BindOutcome::Accepted { .. }));
    }
    assert_eq!(dc1.bind_count(), before, "answers again, but no probe has seen it yet");
    assert_eq!(upstream.status()[0].verify.state, "down");
}

#[tokio::test]
async fn a_controller_that_is_down_has_to_take_new_connections() {
    let (dc1, dc2) = (Script::run(sane).await, Script::run(sane).await);
    let (upstream, _probes) = probed(config(in_order(&[&dc1, &dc2])));
    until(&upstream, |status| sync_up(status) && status[0].links_idle == 2).await;
    dc1.change(binds(|_| vec![Act::Hang]));
    dc1.take_no_more();
    assert!(matches!(login(&upstream, RIGHT).await, BindOutcome::Accepted { .. }));
    pause(300).await;
    assert_eq!(upstream.status()[0].verify.state, "down");
}

#[tokio::test]
async fn a_wrong_clock_degrades_and_a_foreign_directory_is_down() {
    let root_dse = |name: &'static str, value: &'static str| {
        move |seen: &super::script::Seen| match &seen.asked {
            Asked::Search(search) if search.base.is_empty() => {
                let attribute = (name, vec![value.as_bytes().to_vec()]);
                vec![seen.entry("", &[attribute]), seen.searched(0, "")]
            }
            Asked::Search(_) | Asked::Bind { .. } | Asked::StartTls | Asked::Other => sane(seen),
        }
    };
    let late = Script::run(root_dse("currentTime", "20010101000000.0Z")).await;
    let foreign = Script::run(root_dse("namingContexts", "DC=other,DC=test")).await;
    let (upstream, _probes) = probed(config(in_order(&[&late, &foreign])));
    until(&upstream, |status| {
        status[0].verify.state == "degraded" && status[1].verify.state == "down"
    })
    .await;
    let cause = |position: usize| upstream.status()[position].verify.cause.clone().unwrap();
    until(&upstream, |s| s[0].verify.cause.as_deref().is_some_and(|c| c.contains("clock"))).await;
    assert!(cause(1).contains("DC=other,DC=test"), "{}", cause(1));
    assert!(matches!(login(&upstream, RIGHT).await, BindOutcome::Accepted { .. }));
    assert_eq!(foreign.bind_count(), 0);
}

#[tokio::test]
async fn a_refused_service_account_takes_only_sync_and_is_sent_once() {
    let refuse = || {
        binds(|seen| match &seen.asked {
            Asked::Bind { name, .. } if name == "CORP\\svc" => seen.bound(49, "data 52e, v1db1"),
            Asked::Search(_) | Asked::Bind { .. } | Asked::StartTls | Asked::Other => sane(seen),
        })
    };
    let (dc1, dc2) = (Script::run(refuse()).await, Script::run(refuse()).await);
    let (upstream, _probes) = probed(config(in_order(&[&dc1, &dc2])));
    let wanted = |status: &[super::ControllerStatus]| {
        all_up(status) && status.iter().all(|controller| controller.sync.state == "down")
    };
    until(&upstream, wanted).await;
    pause(300).await;
    until(&upstream, wanted).await;
    assert_eq!(dc1.bind_count() + dc2.bind_count(), 1);
    assert!(matches!(login(&upstream, RIGHT).await, BindOutcome::Accepted { .. }));
    // An operator has unlocked the account.
    dc1.change(sane);
    dc2.change(sane);
    upstream.allow_service_bind();
    until(&upstream, sync_up).await;
}

#[tokio::test]
async fn an_outage_is_not_a_refusal_of_the_service_account() {
    let dc = Script::binds(|seen| seen.bound(49, "data 51f, v1db1")).await;
    let (upstream, _probes) = probed(config(in_order(&[&dc])));
    until(&upstream, |status| status[0].sync.cause.as_deref().is_some_and(|c| c.contains("51f")))
        .await;
    assert_eq!(upstream.status()[0].sync.state, "degraded");
    dc.change(sane);
    until(&upstream, sync_up).await;
}

#[tokio::test]
async fn idle_links_are_closed_and_renewed() {
    let dc = Script::run(sane).await;
    let mut short = config(in_order(&[&dc]));
    short.pool = PoolConfig { warm: 1, idle: Duration::from_millis(100), ..PoolConfig::default() };
    let (upstream, _probes) = probed(short);
    until(&upstream, sync_up).await;
    let before = dc.connections();
    pause(500).await;
    assert!(dc.connections() > before + 1);
    assert!(upstream.status()[0].links_idle <= 1);
}

#[tokio::test]
async fn each_change_is_one_line_and_no_line_has_a_password() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let (dc1, dc2) = (Script::run(sane).await, nobody().await);
    let (upstream, _probes) = probed(config(in_order(&[&dc1, &dc2])));
    until(&upstream, |status| status[0].sync.state == "up" && status[1].sync.state == "down").await;
    dc1.change(|_| vec![Act::Hang]);
    login(&upstream, "a-secret-of-alice").await;
    until(&upstream, |status| status[0].sync.state == "down").await;
    dc1.change(sane);
    until(&upstream, |status| status[0].sync.state == "up").await;
    let text = lines.take();
    let changes = text.lines().filter(|line| line.contains("controller changed state")).count();
    assert_eq!(changes, upstream.history().len(), "{text}");
    let down = text.lines().find(|l| l.contains("dc1.corp.test") && l.contains("to=\"down\""));
    let down = down.unwrap();
    for field in ["WARN", "capability=\"verify\"", "from=\"up\"", "cause=", "lasted_ms="] {
        assert!(down.contains(field), "{field}: {down}");
    }
    assert!(!text.contains("a-secret-of-alice") && !text.contains(RIGHT), "{text}");
}
