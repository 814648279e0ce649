//! Being told of changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::time::timeout;

use super::script::{Act, Asked, Script, Seen, sane};
use super::upstream;
use crate::ldap::control::{Control, oid};
use crate::ldap::controls::sync_request::{SyncMode, SyncRequest};
use crate::ldap::controls::sync_state::{SyncState, SyncStateValue};
use crate::ldap::filter::Filter;
use crate::ldap::identifier::Guid;
use crate::ldap::message::operation_tag;
use crate::ldap::request::{SearchRequest, SearchScope};
use crate::ldap::sync_info::{SYNC_INFO, SyncInfo};
use crate::upstream::{FetchError, Noticed, Step, Watch, WatchKind};

const BASE: &str = "DC=corp,DC=test";

fn notification() -> WatchKind {
    WatchKind::Notification { base: BASE.to_owned() }
}

fn persist(cookie: Option<&[u8]>) -> WatchKind {
    let filter = Filter::parse("(objectClass=person)").unwrap();
    WatchKind::Persist { base: BASE.to_owned(), filter, cookie: cookie.map(<[u8]>::to_vec) }
}

/// A script whose watch behaves so; everything else is sane.
async fn script(act: impl Fn(&Seen, &SearchRequest) -> Vec<Act> + Send + 'static) -> Script {
    Script::run(move |seen| match &seen.asked {
        Asked::Search(search) if search.scope == SearchScope::WholeSubtree => act(seen, search),
        Asked::Search(_) | Asked::Bind { .. } | Asked::StartTls | Asked::Other => sane(seen),
    })
    .await
}

async fn watch(dc: &Script, kind: WatchKind) -> Result<Watch, FetchError> {
    upstream(&[dc]).watch("dc1.corp.test", kind).await
}

/// Everything the watch tells until it ends.
async fn told(mut watch: Watch) -> (Vec<Noticed>, Step) {
    let mut told = Vec::new();
    loop {
        match timeout(Duration::from_secs(5), watch.next()).await.unwrap() {
            Ok(noticed) => told.push(noticed),
            Err(error) => return (told, error.step),
        }
    }
}

fn entry(seen: &Seen) -> Act {
    seen.entry("CN=x", &[("objectGUID", vec![vec![7; 16]])])
}

fn wait(milliseconds: u64) -> Act {
    Act::Wait(Duration::from_millis(milliseconds))
}

/// MS-ADTS 3.1.1.3.4.1.9.
#[tokio::test]
async fn a_notification_is_asked_for_as_active_directory_takes_it() {
    let dc = script(|seen, search| {
        assert_eq!(
            (search.base.as_str(), search.filter.to_string().as_str()),
            (BASE, "(objectClass=*)")
        );
        assert_eq!(search.attributes.iter().collect::<Vec<_>>(), ["objectGUID"]);
        let expected =
            [Control::new(oid::NOTIFICATION, true), Control::new(oid::SHOW_DELETED, true)];
        assert_eq!(seen.controls, expected);
        vec![wait(400), entry(seen), wait(50), entry(seen), seen.searched(11, "Max")]
    })
    .await;
    let watch = watch(&dc, notification()).await.unwrap();
    assert_eq!(&**watch.controller(), "dc1.corp.test");
    let socket = SockRef::from(watch.socket());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(20));
    let (told, end) = told(watch).await;
    assert_eq!(told, [Noticed::Ready, Noticed::Change, Noticed::Change]);
    assert_eq!(end, Step::Limit);
}

/// What changes while it is not known yet whether the watch is registered is not lost.
#[tokio::test]
async fn a_change_right_after_the_request_is_told() {
    let dc = script(|seen, _| vec![entry(seen), Act::Close]).await;
    let (told, end) = told(watch(&dc, notification()).await.unwrap()).await;
    assert_eq!(
        (told.as_slice(), end),
        ([Noticed::Ready, Noticed::Change].as_slice(), Step::Connect)
    );
}

/// Deletions are told where the controller lets us, and the rest in any case.
#[tokio::test]
async fn a_controller_that_does_not_show_deletions() {
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let dc = script(move |seen, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        match seen.control(oid::SHOW_DELETED) {
            Some(_) => vec![seen.done(operation_tag::EXTENDED_RESPONSE, 12, "", &[])],
            None => vec![wait(400), entry(seen), Act::Close],
        }
    })
    .await;
    let (told_first, _) = told(watch(&dc, notification()).await.unwrap()).await;
    assert_eq!(told_first, [Noticed::Ready, Noticed::Change]);
    assert_eq!(requests.load(Ordering::SeqCst), 2);
    // The root DSE says it before.
    dc.change_one("", |seen| {
        let controls = ("supportedControl", vec![oid::NOTIFICATION.as_bytes().to_vec()]);
        let context = ("namingContexts", vec![BASE.as_bytes().to_vec()]);
        vec![seen.entry("", &[controls, context]), seen.searched(0, "")]
    });
    let (told_again, _) = told(watch(&dc, notification()).await.unwrap()).await;
    assert_eq!(told_again, [Noticed::Ready, Noticed::Change]);
    assert_eq!(requests.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_notification_that_is_refused() {
    for (code, step) in [
        (11, Step::Limit),
        (12, Step::Control),
        (53, Step::Protocol),
        (50, Step::Rights),
        (0, Step::Server),
    ] {
        let dc = script(move |seen, _| vec![seen.searched(code, "")]).await;
        let Err(error) = watch(&dc, notification()).await else { panic!("{code}") };
        assert_eq!(error.step, step, "{code}: {error}");
        // Too late for the settling time: it is an error all the same.
        let dc = script(move |seen, _| vec![wait(400), seen.searched(code, "")]).await;
        let watch = watch(&dc, notification()).await.unwrap();
        assert_eq!(told(watch).await, (vec![Noticed::Ready], step), "{code}");
    }
    let dc = script(|_, _| vec![Act::Close]).await;
    assert_eq!(watch(&dc, notification()).await.err().unwrap().step, Step::Connect);
    let nowhere = upstream(&[&dc]).watch("dc7.corp.test", notification()).await;
    assert_eq!(nowhere.err().unwrap().step, Step::NoController);
}

fn info(seen: &Seen, info: &SyncInfo) -> Act {
    seen.intermediate(SYNC_INFO, &info.encode())
}

fn changed(seen: &Seen, state: SyncState) -> Act {
    let value = SyncStateValue { state, entry_uuid: Guid([7; 16]), cookie: None };
    seen.controlled("cn=x", &[], &[value.to_control()])
}

fn refreshed(seen: &Seen, present: bool) -> Act {
    let (cookie, refresh_done) = (Some(b"c".to_vec()), true);
    info(
        seen,
        &match present {
            true => SyncInfo::RefreshPresent { cookie, refresh_done },
            false => SyncInfo::RefreshDelete { cookie, refresh_done },
        },
    )
}

/// RFC 4533 §3.4.
#[tokio::test]
async fn what_comes_after_the_refresh_is_a_change() {
    for present in [true, false] {
        let dc = script(move |seen, search| {
            assert_eq!(search.filter.to_string(), "(objectClass=person)");
            assert_eq!(search.attributes.iter().collect::<Vec<_>>(), ["1.1"]);
            let request = SyncRequest::read(seen.control(oid::SYNC_REQUEST).unwrap()).unwrap();
            assert_eq!(request.mode, SyncMode::RefreshAndPersist);
            assert_eq!(request.cookie.as_deref(), Some(b"old".as_slice()));
            let ids = SyncInfo::SyncIdSet {
                cookie: None,
                refresh_deletes: true,
                sync_uuids: vec![Guid([1; 16])],
            };
            let half = SyncInfo::RefreshPresent { cookie: None, refresh_done: false };
            vec![
                changed(seen, SyncState::Add),
                info(seen, &ids),
                info(seen, &half),
                info(seen, &SyncInfo::NewCookie(b"a".to_vec())),
                refreshed(seen, present),
                seen.intermediate("1.2.3", b""),
                changed(seen, SyncState::Modify),
                changed(seen, SyncState::Delete),
                info(seen, &ids),
                info(seen, &SyncInfo::NewCookie(b"b".to_vec())),
                seen.searched(4096, "search base has changed"),
            ]
        })
        .await;
        let (told, end) = told(watch(&dc, persist(Some(b"old"))).await.unwrap()).await;
        let mut expected = vec![Noticed::Change; 5];
        expected[0] = Noticed::Ready;
        assert_eq!((told, end), (expected, Step::Position));
    }
}

#[tokio::test]
async fn a_persistent_search_that_does_not_go_well() {
    type Acts = Box<dyn Fn(&Seen, &SearchRequest) -> Vec<Act> + Send>;
    type End = (&'static [Noticed], Step);
    let cases: Vec<(Option<&[u8]>, End, Acts)> = vec![
        (Some(b"c"), (&[], Step::Position), Box::new(|seen, _| vec![seen.searched(4096, "")])),
        (Some(b"c"), (&[], Step::Position), Box::new(|seen, _| vec![seen.searched(2, "")])),
        (None, (&[], Step::Protocol), Box::new(|seen, _| vec![seen.searched(2, "")])),
        (None, (&[], Step::Control), Box::new(|seen, _| vec![seen.searched(12, "")])),
        // The control is passed over: an ordinary search's answer.
        (None, (&[], Step::Server), Box::new(|seen, _| vec![entry(seen), seen.searched(0, "")])),
        (None, (&[], Step::Protocol), Box::new(|seen, _| vec![seen.intermediate(SYNC_INFO, b"x")])),
        // The refresh stands still.
        (
            None,
            (&[], Step::Timeout),
            Box::new(|seen, _| vec![changed(seen, SyncState::Add), Act::Hang]),
        ),
        (
            Some(b"c"),
            (&[Noticed::Ready], Step::Protocol),
            Box::new(|seen, _| vec![refreshed(seen, true), seen.searched(53, "")]),
        ),
        (
            None,
            (&[Noticed::Ready], Step::Connect),
            Box::new(|s, _| vec![refreshed(s, true), Act::Reset]),
        ),
    ];
    for (number, (cookie, expected, act)) in cases.into_iter().enumerate() {
        let dc = script(act).await;
        let (told, end) = told(watch(&dc, persist(cookie)).await.unwrap()).await;
        assert_eq!((told.as_slice(), end), expected, "{number}");
    }
}

/// Waiting may be given up at any time, in the middle of a message too, and for longer than any timeout.
#[tokio::test]
async fn a_wait_that_is_given_up_loses_nothing() {
    let dc = script(|seen, _| {
        let Act::Answer(octets) = changed(seen, SyncState::Modify) else { panic!() };
        let trickle = octets.chunks(7).flat_map(|part| [Act::Answer(part.to_vec()), wait(15)]);
        let mut acts = vec![refreshed(seen, false), wait(700)];
        acts.extend(trickle);
        acts.push(Act::Close);
        acts
    })
    .await;
    let mut watch = watch(&dc, persist(None)).await.unwrap();
    let (mut told, mut given_up) = (Vec::new(), 0);
    let end = loop {
        match timeout(Duration::from_millis(4), watch.next()).await {
            Err(_) => given_up += 1,
            Ok(Ok(noticed)) => told.push(noticed),
            Ok(Err(error)) => break error.step,
        }
    };
    assert_eq!(
        (told.as_slice(), end),
        ([Noticed::Ready, Noticed::Change].as_slice(), Step::Connect)
    );
    assert!(given_up > 50, "{given_up}");
}

/// A watch that is lost says nothing against the controller's answers to searches.
#[tokio::test]
async fn a_lost_watch_is_not_held_against_the_controller() {
    let dc = script(|seen, _| vec![refreshed(seen, true), Act::Close]).await;
    let upstream = upstream(&[&dc]);
    let watch = upstream.watch("dc1.corp.test", persist(None)).await.unwrap();
    assert_eq!(told(watch).await, (vec![Noticed::Ready], Step::Connect));
    assert_eq!(upstream.status()[0].sync.state, "up");
    let watch = upstream.watch("dc1.corp.test", persist(None)).await.unwrap();
    watch.close().await;
}

/// A controller whose root DSE shows this number.
fn show_number(dc: &Script, number: &'static str) {
    dc.change_one("", move |seen| {
        let context = ("namingContexts", vec![BASE.as_bytes().to_vec()]);
        let number = ("highestCommittedUSN", vec![number.as_bytes().to_vec()]);
        vec![seen.entry("", &[context, number]), seen.searched(0, "")]
    });
}

const fn numbering() -> WatchKind {
    WatchKind::Numbering { every: Duration::from_millis(20) }
}

/// A number that moves is a change, down as well as up, and many moves are one until somebody looks.
#[tokio::test]
async fn a_number_that_moves_is_a_change() {
    let dc = Script::run(sane).await;
    assert_eq!(watch(&dc, numbering()).await.err().unwrap().step, Step::RootDse);
    show_number(&dc, "7");
    let mut watch = watch(&dc, numbering()).await.unwrap();
    assert_eq!(watch.next().await.unwrap(), Noticed::Ready);
    assert!(timeout(Duration::from_millis(100), watch.next()).await.is_err());
    for number in ["8", "3", "18446744073709551615"] {
        show_number(&dc, number);
        let noticed = timeout(Duration::from_secs(2), watch.next()).await.unwrap();
        assert_eq!(noticed.unwrap(), Noticed::Change, "{number}");
    }
    for number in ["4", "5", "6"] {
        show_number(&dc, number);
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(watch.next().await.unwrap(), Noticed::Change);
    assert!(timeout(Duration::from_millis(100), watch.next()).await.is_err());
    watch.close().await;
}

/// A controller that hangs is found out, which no silent search would do.
#[tokio::test]
async fn asking_for_a_number_ends_when_the_controller_does_not_answer() {
    for (act, step) in [
        (Act::Hang, Step::Timeout),
        (Act::Close, Step::Connect),
        (Act::Answer(b"x".to_vec()), Step::Protocol),
    ] {
        let dc = Script::run(sane).await;
        show_number(&dc, "7");
        let upstream = upstream(&[&dc]);
        let watch = upstream.watch("dc1.corp.test", numbering()).await.unwrap();
        dc.change(move |_| vec![act.clone()]);
        assert_eq!(told(watch).await, (vec![Noticed::Ready], step));
        assert_eq!(upstream.status()[0].sync.state, "up");
    }
    let dc = Script::run(sane).await;
    show_number(&dc, "7");
    let watch = watch(&dc, numbering()).await.unwrap();
    show_number(&dc, "seven");
    assert_eq!(told(watch).await, (vec![Noticed::Ready], Step::RootDse));
}
