//! Asking what has changed: DirSync, content synchronization, identities, numbering.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::script::{Act, Asked, Script, Seen, sane};
use super::{config, in_order, upstream};
use crate::ldap::control::{Control, oid};
use crate::ldap::controls::dir_sync::{DirSyncFlags, DirSyncRequest, DirSyncResponse};
use crate::ldap::controls::paged_results::PagedResults;
use crate::ldap::controls::sync_done::SyncDone;
use crate::ldap::controls::sync_request::{SyncMode, SyncRequest};
use crate::ldap::controls::sync_state::{SyncState, SyncStateValue};
use crate::ldap::entry::AttributeValues;
use crate::ldap::filter::Filter;
use crate::ldap::identifier::Guid;
use crate::ldap::message::operation_tag;
use crate::ldap::request::{SearchRequest, SearchScope};
use crate::ldap::schema::DirectoryKind;
use crate::ldap::sync_info::{SYNC_INFO, SyncInfo};
use crate::time::Now;
use crate::upstream::{
    Content, DirSyncPage, FetchError, FetchSession, Numbering, Step, SyncEnd, SyncEvent, Upstream,
};

type Acts = Box<dyn Fn(&Seen) -> Vec<Act> + Send>;

/// A script whose subtree searches behave so; everything else is sane.
fn searches(
    act: impl Fn(&Seen, &SearchRequest) -> Vec<Act> + Send + 'static,
) -> impl Fn(&Seen) -> Vec<Act> + Send + 'static {
    move |seen| match &seen.asked {
        Asked::Search(search) if search.scope == SearchScope::WholeSubtree => act(seen, search),
        Asked::Search(_) | Asked::Bind { .. } | Asked::StartTls | Asked::Other => sane(seen),
    }
}

async fn session(act: impl Fn(&Seen) -> Vec<Act> + Send + 'static) -> (Script, FetchSession) {
    let dc = Script::run(searches(move |seen, _| act(seen))).await;
    let session = upstream(&[&dc]).fetch_session().await.unwrap();
    (dc, session)
}

async fn dir_sync(
    session: &mut FetchSession,
    cookie: &[u8],
) -> (Result<DirSyncPage, FetchError>, Vec<String>) {
    let filter = Filter::parse("(objectClass=*)").unwrap();
    let content = Content { base: "DC=corp,DC=test", filter: &filter, attributes: &["member"] };
    let flags = DirSyncFlags::OBJECT_SECURITY;
    let request = DirSyncRequest { flags, max_bytes: 9, cookie: cookie.to_vec() };
    let mut names = Vec::new();
    let end = session
        .dir_sync(content, &request, &mut |page| {
            names.extend(page.iter().map(|entry| entry.dn().to_owned()));
        })
        .await;
    (end, names)
}

fn dir_sync_end(seen: &Seen, more: bool, cookie: &[u8]) -> Act {
    seen.searched_with(0, &[DirSyncResponse { more, cookie: cookie.to_vec() }.to_control()])
}

/// MS-ADTS 3.1.1.3.4.1.3.
#[tokio::test]
async fn a_page_of_dir_sync() {
    let (_dc, mut session) = session(|seen| {
        let control = seen.control(oid::DIR_SYNC).unwrap();
        assert!(control.criticality);
        let request = DirSyncRequest::read(control).unwrap();
        assert_eq!((request.flags, request.max_bytes), (DirSyncFlags::OBJECT_SECURITY, 9));
        let entry = |dn| seen.entry(dn, &[("member;range=1-1", vec![b"CN=x".to_vec()])]);
        match request.cookie.as_slice() {
            b"" => vec![entry("CN=a"), entry("CN=b"), dir_sync_end(seen, true, b"one")],
            b"one" => vec![entry("CN=c"), dir_sync_end(seen, false, b"two")],
            // Nothing has changed, so the cookie may stay.
            same => vec![dir_sync_end(seen, false, same)],
        }
    })
    .await;
    for (sent, more, cookie, expected) in [
        (b"".as_slice(), true, b"one".as_slice(), vec!["CN=a", "CN=b"]),
        (b"one", false, b"two", vec!["CN=c"]),
        (b"two", false, b"two", vec![]),
    ] {
        let (end, names) = dir_sync(&mut session, sent).await;
        assert_eq!(end.unwrap(), DirSyncPage { more, cookie: cookie.to_vec() });
        assert_eq!(names, expected);
    }
    session.max_entries = 1;
    let (end, names) = dir_sync(&mut session, b"").await;
    assert_eq!((end.unwrap_err().step, names), (Step::Limit, vec![]));
    // In the middle of an answer, so of no use any more.
    assert!(session.keep().is_none());
}

#[tokio::test]
async fn dir_sync_that_does_not_end_well() {
    let garbage = |seen: &Seen| {
        let value = Some(vec![0x30, 3, 0x04, 1, b'x']);
        seen.searched_with(0, &[Control { value, ..Control::new(oid::DIR_SYNC, false) }])
    };
    let refused = |code| move |seen: &Seen| vec![seen.entry("CN=x", &[]), seen.searched(code, "")];
    let extended = |seen: &Seen| vec![seen.done(operation_tag::EXTENDED_RESPONSE, 12, "", &[])];
    let cases: Vec<(&[u8], Step, Acts)> = vec![
        (b"", Step::Control, Box::new(refused(12))),
        (b"", Step::Control, Box::new(extended)),
        (b"c", Step::Position, Box::new(refused(12))),
        (b"c", Step::Position, Box::new(extended)),
        (b"c", Step::Position, Box::new(refused(2))),
        (b"c", Step::Position, Box::new(refused(53))),
        (b"", Step::Protocol, Box::new(refused(53))),
        (b"c", Step::Rights, Box::new(refused(50))),
        (b"c", Step::Server, Box::new(refused(51))),
        (b"c", Step::Base, Box::new(refused(10))),
        (b"c", Step::Limit, Box::new(refused(4))),
        // No control, no cookie, no progress, no DirSync value.
        (b"c", Step::Protocol, Box::new(refused(0))),
        (b"c", Step::Protocol, Box::new(|seen| vec![dir_sync_end(seen, false, b"")])),
        (b"c", Step::Protocol, Box::new(|seen| vec![dir_sync_end(seen, true, b"c")])),
        (b"c", Step::Protocol, Box::new(move |seen| vec![garbage(seen)])),
        (b"c", Step::Connect, Box::new(|seen| vec![seen.entry("CN=x", &[]), Act::Close])),
        (b"c", Step::Timeout, Box::new(|seen| vec![seen.entry("CN=x", &[]), Act::Hang])),
    ];
    for (number, (cookie, step, act)) in cases.into_iter().enumerate() {
        let (_dc, mut session) = session(act).await;
        let (end, names) = dir_sync(&mut session, cookie).await;
        let error = end.unwrap_err();
        assert_eq!(error.step, step, "{number}: {error}");
        assert!(names.is_empty(), "{number}: a page that was cut short was given out");
        assert_eq!(&*error.controller, "dc1.corp.test");
    }
}

const UUID: [u8; 16] = [7; 16];

fn state(state: SyncState, cookie: Option<&[u8]>) -> Control {
    let cookie = cookie.map(<[u8]>::to_vec);
    SyncStateValue { state, entry_uuid: Guid(UUID), cookie }.to_control()
}

fn info(seen: &Seen, info: &SyncInfo) -> Act {
    seen.intermediate(SYNC_INFO, &info.encode())
}

fn sync_end(seen: &Seen, cookie: Option<&[u8]>, refresh_deletes: bool) -> Act {
    let cookie = cookie.map(<[u8]>::to_vec);
    seen.searched_with(0, &[SyncDone { cookie, refresh_deletes }.to_control()])
}

async fn sync_content(
    session: &mut FetchSession,
    cookie: Option<&[u8]>,
) -> (Result<SyncEnd, FetchError>, Vec<SyncEvent>) {
    let filter = Filter::parse("(objectClass=*)").unwrap();
    let content = Content { base: "DC=corp,DC=test", filter: &filter, attributes: &["*"] };
    let mut events = Vec::new();
    let end = session.sync_content(content, cookie, &mut |event| events.push(event)).await;
    (end, events)
}

/// RFC 4533 §3.3.
#[tokio::test]
async fn a_refresh_tells_what_became_of_the_content() {
    let uuids = || vec![Guid([1; 16]), Guid([2; 16])];
    let (_dc, mut session) = session(move |seen| {
        let control = seen.control(oid::SYNC_REQUEST).unwrap();
        assert!(control.criticality);
        let request = SyncRequest::read(control).unwrap();
        assert_eq!((request.mode, request.reload_hint), (SyncMode::RefreshOnly, false));
        assert_eq!(request.cookie.as_deref(), Some(b"old".as_slice()));
        let ids = |refresh_deletes| SyncInfo::SyncIdSet {
            cookie: None,
            refresh_deletes,
            sync_uuids: uuids(),
        };
        let present = SyncInfo::RefreshPresent { cookie: Some(b"b".to_vec()), refresh_done: false };
        let all = [SyncState::Add, SyncState::Modify, SyncState::Present, SyncState::Delete];
        let mut acts =
            vec![info(seen, &SyncInfo::NewCookie(b"a".to_vec())), info(seen, &ids(false))];
        acts.push(seen.intermediate("1.2.3", b"\xff"));
        acts.push(info(seen, &present));
        acts.extend(all.map(|s| seen.controlled("cn=x", &[], &[state(s, None)])));
        acts.extend([info(seen, &ids(true)), sync_end(seen, Some(b"new"), true)]);
        acts
    })
    .await;
    let (end, events) = sync_content(&mut session, Some(b"old")).await;
    assert_eq!(end.unwrap(), SyncEnd { cookie: b"new".to_vec(), refresh_deletes: true });
    let seen: Vec<String> = events
        .iter()
        .map(|event| match event {
            SyncEvent::Entry { state, uuid, entry } => {
                assert_eq!((uuid, entry.dn()), (&Guid(UUID), "cn=x"));
                format!("{state:?}")
            }
            SyncEvent::Ids { deleted, uuids: found } => {
                assert_eq!(found, &[Guid([1; 16]), Guid([2; 16])]);
                format!("deleted {deleted}")
            }
            SyncEvent::PresentPhaseEnded => "ended".to_owned(),
        })
        .collect();
    let expected = ["deleted false", "ended", "Add", "Modify", "Present", "Delete", "deleted true"];
    assert_eq!(seen, expected);
}

/// The last cookie of the answer is the one to go on from, ours if nothing has changed.
#[tokio::test]
async fn the_cookie_of_a_refresh() {
    let entry =
        |seen: &Seen, cookie| seen.controlled("cn=x", &[], &[state(SyncState::Add, cookie)]);
    type End = Result<(&'static [u8], bool), Step>;
    let cases: Vec<(Option<&[u8]>, End, Acts)> = vec![
        // OpenLDAP says so of the first refresh too, and all there is was named.
        (None, Ok((b"done", false)), Box::new(|seen| vec![sync_end(seen, Some(b"done"), true)])),
        (
            Some(b""),
            Ok((b"done", false)),
            Box::new(|seen| vec![sync_end(seen, Some(b"done"), true)]),
        ),
        (
            Some(b"old"),
            Ok((b"new", true)),
            Box::new(|seen| vec![sync_end(seen, Some(b"new"), true)]),
        ),
        (
            Some(b"old"),
            Ok((b"new", false)),
            Box::new(|seen| vec![sync_end(seen, Some(b"new"), false)]),
        ),
        // OpenLDAP when nothing has changed.
        (Some(b"old"), Ok((b"old", true)), Box::new(|seen| vec![sync_end(seen, None, true)])),
        (Some(b"old"), Ok((b"old", true)), Box::new(|seen| vec![sync_end(seen, Some(b""), true)])),
        // Everything is gone, without a word how far we are.
        (Some(b"old"), Err(Step::Position), Box::new(|seen| vec![sync_end(seen, None, false)])),
        // OpenLDAP when it cannot read the cookie: all entries, and nothing of those that are gone.
        (
            Some(b"garbage"),
            Err(Step::Position),
            Box::new(move |seen| vec![entry(seen, None), sync_end(seen, None, true)]),
        ),
        (
            Some(b"old"),
            Err(Step::Position),
            Box::new(|seen| {
                let sync_uuids = vec![Guid(UUID)];
                let ids = SyncInfo::SyncIdSet { cookie: None, refresh_deletes: true, sync_uuids };
                vec![info(seen, &ids), sync_end(seen, None, true)]
            }),
        ),
        (
            None,
            Ok((b"state", false)),
            Box::new(move |seen| vec![entry(seen, Some(b"state")), sync_end(seen, None, false)]),
        ),
        (
            Some(b"old"),
            Ok((b"info", true)),
            Box::new(move |seen| {
                let info = info(seen, &SyncInfo::NewCookie(b"info".to_vec()));
                vec![entry(seen, Some(b"state")), info, sync_end(seen, None, true)]
            }),
        ),
    ];
    for (number, (sent, expected, act)) in cases.into_iter().enumerate() {
        let (_dc, mut session) = session(act).await;
        let end = sync_content(&mut session, sent).await.0;
        let end = end.map(|end| (end.cookie, end.refresh_deletes)).map_err(|error| error.step);
        let expected = expected.map(|(cookie, deletes)| (cookie.to_vec(), deletes));
        assert_eq!(end, expected, "{number}");
    }
}

#[tokio::test]
async fn a_refresh_that_does_not_end_well() {
    let with_state = |octets: &[u8]| {
        let value = Some(octets.to_vec());
        Control { value, ..Control::new(oid::SYNC_STATE, false) }
    };
    let short = with_state(&[0x30, 6, 0x0a, 1, 1, 0x04, 1, b'x']);
    let fifth = with_state(&[&[0x30, 21, 0x0a, 1, 4, 0x04, 16][..], &UUID].concat());
    let entry = |seen: &Seen| seen.controlled("cn=x", &[], &[state(SyncState::Add, None)]);
    let good = |seen: &Seen| sync_end(seen, Some(b"c"), false);
    let refused = |code| move |seen: &Seen| vec![seen.searched(code, "")];
    let with = |control: Control| {
        move |seen: &Seen| {
            let control = std::slice::from_ref(&control);
            vec![seen.controlled("cn=x", &[], control), good(seen)]
        }
    };
    let told = |octets: &'static [u8]| {
        move |seen: &Seen| vec![seen.intermediate(SYNC_INFO, octets), good(seen)]
    };
    let cases: Vec<(Option<&[u8]>, Step, Acts)> = vec![
        (Some(b"c"), Step::Position, Box::new(refused(4096))),
        (None, Step::Position, Box::new(refused(4096))),
        (Some(b"c"), Step::Position, Box::new(refused(2))),
        (None, Step::Protocol, Box::new(refused(2))),
        (None, Step::Control, Box::new(refused(12))),
        (None, Step::Rights, Box::new(refused(50))),
        (None, Step::Limit, Box::new(refused(4))),
        // An ordinary search's answer: neither entries nor the end have their controls.
        (None, Step::Protocol, Box::new(refused(0))),
        (None, Step::Protocol, Box::new(move |seen| vec![seen.entry("cn=x", &[]), good(seen)])),
        (None, Step::Protocol, Box::new(move |seen| vec![entry(seen), seen.searched(0, "")])),
        (None, Step::Protocol, Box::new(|seen| vec![sync_end(seen, None, false)])),
        (None, Step::Protocol, Box::new(with(short))),
        (None, Step::Protocol, Box::new(with(fifth))),
        (None, Step::Protocol, Box::new(with(Control::new(oid::SYNC_STATE, false)))),
        (None, Step::Protocol, Box::new(told(&[0x30, 0]))),
        (None, Step::Protocol, Box::new(told(&[]))),
        (None, Step::Protocol, Box::new(told(&[0xa3, 5, 0x31, 3, 0x04, 1, b'x']))),
        (None, Step::Connect, Box::new(move |seen| vec![entry(seen), Act::Close])),
        (None, Step::Timeout, Box::new(move |seen| vec![entry(seen), Act::Hang])),
    ];
    for (number, (cookie, step, act)) in cases.into_iter().enumerate() {
        let (_dc, mut session) = session(act).await;
        let error = sync_content(&mut session, cookie).await.0.unwrap_err();
        assert_eq!(error.step, step, "{number}: {error}");
    }
}

/// Entries and identities count alike, and a long answer may last as long as it moves on.
#[tokio::test]
async fn a_refresh_is_bounded_by_its_entries_and_not_by_its_time() {
    let (_dc, mut session) = session(|seen| {
        let entry = || seen.controlled("cn=x", &[], &[state(SyncState::Add, None)]);
        let wait = || Act::Wait(std::time::Duration::from_millis(300));
        let sync_uuids = vec![Guid([1; 16]); 3];
        let ids = SyncInfo::SyncIdSet { cookie: None, refresh_deletes: false, sync_uuids };
        let end = sync_end(seen, Some(b"c"), false);
        vec![entry(), wait(), entry(), wait(), info(seen, &ids), wait(), end]
    })
    .await;
    session.max_entries = 5;
    let (end, events) = sync_content(&mut session, None).await;
    assert_eq!((end.unwrap().cookie.as_slice(), events.len()), (b"c".as_slice(), 3));
    session.max_entries = 4;
    let (end, events) = sync_content(&mut session, None).await;
    assert_eq!((end.unwrap_err().step, events.len()), (Step::Limit, 2));
}

/// Reads `(|(name=value)…)`, alone or before something else in an And.
fn asked_identities(search: &SearchRequest) -> Vec<Vec<u8>> {
    let any = if let Filter::And(parts) = &search.filter { &parts[0] } else { &search.filter };
    let Filter::Or(parts) = any else { panic!("{any:?}") };
    let value = |part: &Filter| {
        let Filter::Equality { value, .. } = part else { panic!("{part:?}") };
        value.clone()
    };
    parts.iter().map(value).collect()
}

fn numbered(number: u8) -> Guid {
    Guid([number; 16])
}

#[tokio::test]
async fn entries_are_read_by_identity_in_batches() {
    let searches_seen = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&searches_seen);
    let dc = Script::run(searches(move |seen, search| {
        assert_eq!(search.base, "DC=corp,DC=test");
        let asked = asked_identities(search);
        assert!(asked.len() <= 64);
        counted.fetch_add(1, Ordering::SeqCst);
        // Number 3 is not there; number 5 has its values in slices.
        let found = asked.iter().filter(|guid| guid[0] != 3);
        let entries = found.map(|guid| {
            let slice = ("member;range=0-0", vec![b"zero".to_vec()]);
            let identity = ("objectGUID", vec![guid.clone()]);
            let attributes = if guid[0] == 5 { vec![identity, slice] } else { vec![identity] };
            seen.entry(&format!("CN={}", guid[0]), &attributes)
        });
        entries.chain([seen.page_end("")]).collect()
    }))
    .await;
    dc.change_one("CN=5", |seen| {
        let rest = ("member;range=1-*", vec![b"one".to_vec()]);
        vec![seen.entry("CN=5", &[rest]), seen.searched(0, "")]
    });
    let mut session = upstream(&[&dc]).fetch_session().await.unwrap();
    let guids: Vec<Guid> = (0..150).map(numbered).collect();
    let extra = Filter::parse("(objectClass=user)").unwrap();
    let found = session.read_by_identity(&guids, Some(&extra), &["member"]).await.unwrap();
    assert_eq!((found.len(), searches_seen.load(Ordering::SeqCst)), (149, 3));
    let five = found.iter().find(|entry| entry.dn() == "CN=5").unwrap();
    let members: Vec<&[u8]> = five.values_of("member").collect();
    assert_eq!(members, [b"zero".as_slice(), b"one"]);
    assert!(session.read_by_identity(&[], None, &[]).await.unwrap().is_empty());
    assert_eq!(searches_seen.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn identities_that_cannot_be_read() {
    let endless = |seen: &Seen| vec![seen.page_end("same")];
    let too_many =
        |seen: &Seen| vec![seen.entry("CN=a", &[]), seen.entry("CN=b", &[]), seen.page_end("")];
    // The entry is renamed before the rest of its values is read: not to be taken for gone.
    let moved = |seen: &Seen| {
        let slice = ("member;range=0-0", vec![b"zero".to_vec()]);
        vec![seen.entry("CN=moved", &[slice]), seen.page_end("")]
    };
    let cases: Vec<(Step, Acts)> = vec![
        (Step::Protocol, Box::new(endless)),
        (Step::Protocol, Box::new(too_many)),
        (Step::Base, Box::new(moved)),
        (Step::Limit, Box::new(|seen| vec![seen.entry("CN=a", &[]), seen.searched(4, "")])),
    ];
    for (step, act) in cases {
        let (dc, mut session) = session(act).await;
        dc.change_one("CN=moved", |seen| vec![seen.searched(32, "")]);
        let error = session.read_by_identity(&[numbered(1)], None, &["member"]).await.unwrap_err();
        assert_eq!(error.step, step, "{error}");
    }
}

#[tokio::test]
async fn open_ldap_is_asked_by_entry_uuid() {
    let dc = Script::run(searches(|seen, search| {
        let asked = asked_identities(search);
        assert_eq!(asked, [numbered(1).to_string().into_bytes()]);
        let paged = PagedResults::read(seen.control(oid::PAGED_RESULTS).unwrap()).unwrap();
        assert!(paged.size >= 64);
        vec![seen.entry("cn=a", &[]), seen.page_end("")]
    }))
    .await;
    let mut config = config(in_order(&[&dc]));
    config.kind = DirectoryKind::OpenLdap;
    let upstream = Upstream::new(config, Now::read()).unwrap();
    let mut session = upstream.fetch_session().await.unwrap();
    let found = session.read_by_identity(&[numbered(1)], None, &["*"]).await.unwrap();
    assert_eq!(found.len(), 1);
}

/// The number is read each time, whose it is once.
#[tokio::test]
async fn the_numbering_of_a_controller() {
    let identity = Guid::parse("6f9619ff-8b86-d011-b42d-00c04fc964ff").unwrap();
    let highest = Arc::new(AtomicUsize::new(41));
    let (counted, lookups) = (Arc::clone(&highest), Arc::new(AtomicUsize::new(0)));
    let looked_up = Arc::clone(&lookups);
    let dc = Script::run(move |seen| match &seen.asked {
        Asked::Search(search) if search.base == "CN=NTDS" => {
            looked_up.fetch_add(1, Ordering::SeqCst);
            let invocation = ("invocationId", vec![identity.ad_octets().to_vec()]);
            vec![seen.entry("CN=NTDS", &[invocation]), seen.searched(0, "")]
        }
        Asked::Search(search) if search.attributes.iter().any(|a| a == "highestCommittedUSN") => {
            let number = (counted.fetch_add(1, Ordering::SeqCst) + 1).to_string().into_bytes();
            let service = ("dsServiceName", vec![b"CN=NTDS".to_vec()]);
            let number = ("highestCommittedUSN", vec![number]);
            vec![seen.entry("", &[number, service]), seen.searched(0, "")]
        }
        Asked::Search(_) | Asked::Bind { .. } | Asked::StartTls | Asked::Other => sane(seen),
    })
    .await;
    let mut session = upstream(&[&dc]).fetch_session().await.unwrap();
    for highest in [42, 43] {
        let expected = Numbering { invocation: identity, highest };
        assert_eq!(session.numbering().await.unwrap(), expected);
    }
    assert_eq!(lookups.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_numbering_that_is_not_shown() {
    let service = || ("dsServiceName", vec![b"CN=NTDS".to_vec()]);
    let number = |text: &str| ("highestCommittedUSN", vec![text.as_bytes().to_vec()]);
    let id = |octets: &[u8]| ("invocationId", vec![octets.to_vec()]);
    for (root_dse, settings, step) in [
        (vec![service()], vec![id(&UUID)], Step::RootDse),
        (vec![service(), number("-1")], vec![id(&UUID)], Step::RootDse),
        (vec![service(), number("99999999999999999999")], vec![id(&UUID)], Step::RootDse),
        (vec![number("7")], vec![id(&UUID)], Step::RootDse),
        (vec![service(), number("7")], vec![], Step::Rights),
        (vec![service(), number("7")], vec![id(&UUID[1..])], Step::Rights),
    ] {
        let dc = Script::run(sane).await;
        let mut session = upstream(&[&dc]).fetch_session().await.unwrap();
        dc.change(move |seen| {
            let Asked::Search(search) = &seen.asked else { return sane(seen) };
            let attributes = if search.base.is_empty() { &root_dse } else { &settings };
            vec![seen.entry(&search.base, attributes), seen.searched(0, "")]
        });
        assert_eq!(session.numbering().await.unwrap_err().step, step);
    }
}

/// What is said of an entry in controls does not disturb an ordinary search.
#[tokio::test]
async fn an_ordinary_search_passes_over_what_it_did_not_ask_for() {
    let (_dc, mut session) = session(|seen| {
        let entry = seen.controlled("cn=x", &[], &[state(SyncState::Add, None)]);
        vec![info(seen, &SyncInfo::NewCookie(vec![1])), entry, seen.page_end("")]
    })
    .await;
    let filter = Filter::parse("(objectClass=*)").unwrap();
    let search = Content { base: "DC=corp,DC=test", filter: &filter, attributes: &[] }.search();
    let mut names = Vec::new();
    let each = &mut |page: Vec<_>| names.extend(page);
    session.search_paged(search, 10, each).await.unwrap();
    assert_eq!(names.len(), 1);
}
