//! Sessions kept between passes, and the controller that is preferred.

use std::time::Duration;

use super::script::{Act, Asked, Script, binds, sane};
use super::{Upstream, config, in_order, probed, sync_up, until, upstream};
use crate::time::Now;
use crate::upstream::{FetchSession, Step};

async fn kept(dc: &Script) -> (std::sync::Arc<Upstream>, crate::upstream::KeptSession) {
    let upstream = upstream(&[dc]);
    let session = upstream.fetch_session().await.unwrap();
    (upstream, session.keep().unwrap())
}

fn sync_state(upstream: &Upstream) -> &'static str {
    upstream.status()[0].sync.state
}

#[tokio::test]
async fn a_kept_session_goes_on_without_another_bind() {
    let dc = Script::run(sane).await;
    let (_upstream, mut kept) = kept(&dc).await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(kept.is_open() && kept.unused_for() >= Duration::from_millis(30));
    assert_eq!(&**kept.controller(), "dc1.corp.test");
    let mut session: FetchSession = kept.resume().await.unwrap();
    assert!(session.unused_for() < Duration::from_millis(30));
    assert!(session.read("CN=x", &["cn"]).await.unwrap().is_some());
    assert_eq!((dc.bind_count(), dc.connections()), (1, 1));
    session.keep().unwrap().close().await;
}

/// Closed, reset, hung, or closed at the very moment it is used again.
#[tokio::test]
async fn a_kept_link_that_died_is_nobodys_fault() {
    for act in [Act::Close, Act::Reset, Act::Hang] {
        let dc = Script::run(sane).await;
        let (upstream, kept) = kept(&dc).await;
        dc.change(move |_| vec![act.clone()]);
        let Err(error) = kept.resume().await else { panic!() };
        assert_eq!(error.step, Step::Stale, "{error}");
        assert_eq!(sync_state(&upstream), "up");
    }
    let dc = Script::run(sane).await;
    let (upstream, mut kept) = kept(&dc).await;
    drop(dc);
    for _ in 0..100 {
        if !kept.is_open() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!kept.is_open());
    let Err(error) = kept.resume().await else { panic!() };
    assert_eq!((error.step, sync_state(&upstream)), (Step::Stale, "up"));
}

/// Once it has answered again, what fails is the controller's.
#[tokio::test]
async fn what_fails_after_a_session_is_resumed_counts() {
    let dc = Script::run(sane).await;
    let (upstream, kept) = kept(&dc).await;
    let mut session = kept.resume().await.unwrap();
    dc.change(|_| vec![Act::Close]);
    assert_eq!(session.read("CN=x", &["cn"]).await.unwrap_err().step, Step::Connect);
    assert_eq!(sync_state(&upstream), "degraded");
    assert!(session.keep().is_none(), "a lost link is not kept");
}

#[tokio::test]
async fn a_session_is_not_resumed_into_another_directory_nor_after_a_refusal() {
    let dc = Script::run(sane).await;
    let (_upstream, kept_one) = kept(&dc).await;
    dc.change_one("", |seen| {
        let context = ("namingContexts", vec![b"DC=other".to_vec()]);
        vec![seen.entry("", &[context]), seen.searched(0, "")]
    });
    assert_eq!(kept_one.resume().await.err().unwrap().step, Step::RootDse);

    let dc = Script::run(sane).await;
    let (upstream, kept_one) = kept(&dc).await;
    dc.change(binds(|seen| seen.bound(49, "data 533, v1db1")));
    assert!(upstream.fetch_session().await.is_err());
    assert_eq!(kept_one.resume().await.err().unwrap().step, Step::Credentials);
}

#[tokio::test]
async fn a_preferred_controller_comes_first_where_it_is_usable() {
    let (dc1, dc2) = (Script::run(sane).await, Script::run(sane).await);
    let foreign = Script::run(sane).await;
    foreign.change_one("", |seen| {
        let context = ("namingContexts", vec![b"DC=other".to_vec()]);
        vec![seen.entry("", &[context]), seen.searched(0, "")]
    });
    let (upstream, _probes) = probed(config(in_order(&[&dc1, &dc2, &foreign])));
    until(&upstream, |status| sync_up(&status[..2]) && status[2].sync.state == "down").await;
    let binds = foreign.bind_count();
    for (preferred, expected) in [
        (None, "dc1.corp.test"),
        (Some("dc1.corp.test"), "dc1.corp.test"),
        (Some("dc2.corp.test"), "dc2.corp.test"),
        (Some("dc3.corp.test"), "dc1.corp.test"),
        (Some("unknown"), "dc1.corp.test"),
    ] {
        let session = upstream.fetch_session_preferring(preferred).await.unwrap();
        assert_eq!(&**session.controller(), expected, "{preferred:?}");
    }
    assert_eq!(foreign.bind_count(), binds, "one that is down was asked");
}

/// Usable as far as is known, and then not.
#[tokio::test]
async fn a_preferred_controller_that_fails_is_left_for_the_others() {
    let dc1 = Script::run(sane).await;
    let busy = Script::run(|seen| match seen.asked {
        Asked::Bind { .. } => seen.bound(51, ""),
        Asked::Search(_) | Asked::StartTls | Asked::Other => sane(seen),
    })
    .await;
    let upstream = Upstream::new(config(in_order(&[&dc1, &busy])), Now::read()).unwrap();
    let session = upstream.fetch_session_preferring(Some("dc2.corp.test")).await.unwrap();
    assert_eq!((&**session.controller(), busy.bind_count()), ("dc1.corp.test", 1));
}
