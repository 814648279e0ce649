//! Content synchronisation as slapd does it (RFC 4533).

use ldap3::SearchStream;
use ldap3::controls::{
    EntryState, MakeCritical as _, RawControl, RefreshMode, SyncDone, SyncInfo, SyncRequest,
};

use super::follow::{ALL, Answer, Told, ask};
use super::*;

const SUFFIX: &str = "dc=example,dc=org";
const ALICE: &str = "uid=alice,ou=people,dc=example,dc=org";
const BOB: &str = "uid=bob,ou=people,dc=example,dc=org";
const KATE: &str = "uid=kate,ou=people,dc=example,dc=org";
const PEOPLE: &str = "(objectClass=inetOrgPerson)";

fn request(mode: RefreshMode, cookie: &[u8]) -> RawControl {
    let cookie = (!cookie.is_empty()).then(|| cookie.to_vec());
    SyncRequest { mode, cookie, reload_hint: false }.critical().into()
}

async fn refresh(client: &mut Ldap, cookie: &[u8]) -> Answer {
    ask(client, request(RefreshMode::RefreshOnly, cookie), SUFFIX, PEOPLE, &["mail"]).await
}

/// The cookie at the end, and refreshDeletes.
fn end(answer: &Answer) -> (Vec<u8>, bool) {
    let done: SyncDone = answer.control("1.3.6.1.4.1.4203.1.9.1.3").parse();
    (done.cookie.unwrap(), done.refresh_deletes)
}

fn identity(world: &World, dn: &str) -> Vec<u8> {
    world.directory.with(|directory| directory.entry(dn).unwrap().identity().unwrap().to_vec())
}

async fn anonymous(world: &World) -> Ldap {
    plain(&world.dc1).await.unwrap()
}

#[tokio::test]
async fn the_first_refresh_has_everything() {
    let world = World::openldap();
    let mut client = anonymous(&world).await;
    let answer = refresh(&mut client, b"").await;
    let (entries, _, _) = search(&mut client, SUFFIX, Scope::Subtree, PEOPLE, &["1.1"]).await;
    let plain: Vec<&str> = entries.iter().map(|entry| entry.dn.as_str()).collect();
    assert_eq!(answer.names(), plain);
    for told in &answer.told {
        let Told::Entry(entry, Some(state)) = told else { panic!() };
        assert!(matches!(state.state, EntryState::Add) && state.cookie.is_none());
        assert_eq!(state.entry_uuid, identity(&world, &entry.dn));
    }
    let (cookie, _) = end(&answer);
    let (suffix, _, _) = search(&mut client, SUFFIX, Scope::Base, ALL, &["contextCSN"]).await;
    let csn = suffix.first().unwrap().attrs.get("contextCSN").unwrap().first().unwrap();
    assert_eq!(cookie, format!("rid=000,csn={csn}").into_bytes());
    let answer = refresh(&mut client, &cookie).await;
    assert_eq!((answer.told.len(), end(&answer)), (0, (cookie, true)));
}

/// Deletions as a set while the session log reaches back, else the identities of all that stayed.
#[tokio::test]
async fn what_changed_since_a_cookie() {
    let world = World::openldap();
    let mut client = anonymous(&world).await;
    let (cookie, _) = end(&refresh(&mut client, b"").await);
    let (bob, kate) = (identity(&world, BOB), identity(&world, KATE));
    world.directory.with(|directory| {
        directory.set(ALICE, "mail", &["new@example.org"]).unwrap();
        directory.remove(BOB).unwrap();
        // Still there, but not in the content any more.
        directory.set(KATE, "objectClass", &["account"]).unwrap();
    });
    let answer = refresh(&mut client, &cookie).await;
    assert_eq!(answer.names(), [ALICE]);
    let [SyncInfo::SyncIdSet { refresh_deletes: true, sync_uuids, cookie: None }] =
        &answer.infos()[..]
    else {
        panic!("{:?}", answer.infos())
    };
    assert_eq!(*sync_uuids, [bob.clone(), kate.clone()].into());
    let (latest, refresh_deletes) = end(&answer);
    assert!(refresh_deletes && latest > cookie);

    for session_log in [0, 2] {
        world.dc1.quirks(|quirks| quirks.session_log = session_log);
        let answer = refresh(&mut client, &cookie).await;
        assert_eq!(answer.names(), [ALICE]);
        let [SyncInfo::SyncIdSet { refresh_deletes: false, sync_uuids, cookie: None }] =
            &answer.infos()[..]
        else {
            panic!("{:?}", answer.infos())
        };
        assert_eq!(sync_uuids.len(), refresh(&mut client, b"").await.told.len() - 1);
        assert!(!sync_uuids.contains(&bob) && !sync_uuids.contains(&kate));
        assert_eq!(end(&answer), (latest.clone(), false));
    }
    world.dc1.quirks(|quirks| quirks.session_log = 3);
    assert!(end(&refresh(&mut client, &cookie).await).1);
}

#[tokio::test]
async fn cookies_that_say_nothing() {
    let world = World::openldap();
    let mut client = anonymous(&world).await;
    let first = refresh(&mut client, b"").await;
    for cookie in [&b"nonsense"[..], b"rid=000,csn=20200101000000.000001Z#000000#000#000000"] {
        world.dc1.quirks(|quirks| quirks.refresh_required = false);
        assert_eq!(refresh(&mut client, cookie).await.names(), first.names());
        world.dc1.quirks(|quirks| quirks.refresh_required = true);
        let answer = refresh(&mut client, cookie).await;
        assert_eq!((answer.told.len(), answer.result.rc), (0, 4096));
    }
    world.dc1.hold_back();
    world.directory.with(|directory| directory.disable(ALICE)).unwrap();
    let dc2 = start("dc2", &world.directory, &world.authority);
    let newer = end(&refresh(&mut plain(&dc2).await.unwrap(), b"").await).0;
    let answer = refresh(&mut client, &newer).await;
    let text = "consumer state is newer than provider!".to_owned();
    assert_eq!((answer.result.rc, answer.result.text), (53, text));
    world.dc1.catch_up();
    assert_eq!(refresh(&mut client, &newer).await.result.rc, 0);
}

#[tokio::test]
async fn without_syncprov() {
    let world = World::openldap();
    let mut client = anonymous(&world).await;
    let supported = async |client: &mut Ldap| {
        let (dse, _, _) = search(client, "", Scope::Base, ALL, &["supportedControl"]).await;
        let controls = dse.first().unwrap().attrs.get("supportedControl").unwrap().clone();
        controls.contains(&"1.3.6.1.4.1.4203.1.9.1.1".to_owned())
    };
    assert!(supported(&mut client).await);
    world.dc1.quirks(|quirks| quirks.syncprov = false);
    assert!(!supported(&mut client).await);
    assert_eq!(refresh(&mut client, b"").await.result.rc, 12);
    let (suffix, _, _) = search(&mut client, SUFFIX, Scope::Base, ALL, &["contextCSN"]).await;
    assert!(suffix.first().unwrap().attrs.is_empty());
    let other = World::company();
    let mut client = other.client().await;
    let control = request(RefreshMode::RefreshOnly, b"");
    assert_eq!(ask(&mut client, control, BASE, ALL, &[]).await.result.rc, 12);
}

/// The times and numbers that polling goes by.
#[tokio::test]
async fn what_polling_sees() {
    let world = World::openldap();
    let mut client = anonymous(&world).await;
    let wanted = ["modifyTimestamp", "entryCSN", "entryUUID"];
    let read = async |client: &mut Ldap, dn: &str| {
        let (entries, _, _) = search(client, dn, Scope::Base, ALL, &wanted).await;
        let attributes = &entries.first().unwrap().attrs;
        wanted.map(|name| attributes.get(name).unwrap().first().unwrap().clone())
    };
    let before = read(&mut client, ALICE).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let moved = "uid=alice,ou=outside,dc=example,dc=org";
    world.directory.with(|d| d.move_to(ALICE, "ou=outside,dc=example,dc=org")).unwrap();
    let after = read(&mut client, moved).await;
    let [before_time, before_csn, before_uuid] = before;
    let [after_time, after_csn, after_uuid] = after;
    assert!(after_time > before_time && after_csn > before_csn);
    assert_eq!(after_uuid, before_uuid);
    let since = format!("(modifyTimestamp>={after_time})");
    let (entries, _, _) = search(&mut client, SUFFIX, Scope::Subtree, &since, &["1.1"]).await;
    assert_eq!(entries.first().map(|entry| entry.dn.as_str()), Some(moved));
    assert_eq!(entries.len(), 1);
    // An entry that takes a name again is another one.
    world.directory.with(|directory| {
        directory.remove(moved).unwrap();
        directory.add(moved, &[("objectClass", "inetOrgPerson"), ("sn", "x")]).unwrap();
    });
    assert_ne!(read(&mut client, moved).await[2], after_uuid);
}

type Stream = SearchStream<'static, &'static str, Vec<&'static str>>;

async fn told(stream: &mut Stream) -> Told {
    let next = tokio::time::timeout(Duration::from_secs(5), stream.next()).await;
    Told::of(next.unwrap().unwrap().unwrap())
}

/// What comes next is an entry in this state; returns its cookie.
async fn stated(stream: &mut Stream, dn: &str, wanted: &str) -> Vec<u8> {
    let Told::Entry(entry, Some(state)) = told(stream).await else { panic!("{dn}") };
    assert_eq!((entry.dn.as_str(), format!("{:?}", state.state).as_str()), (dn, wanted));
    assert_eq!(entry.attrs.is_empty(), wanted == "Delete");
    state.cookie.unwrap()
}

#[tokio::test]
async fn changes_are_told_as_they_come() {
    let world = World::openldap();
    let mut client = anonymous(&world).await;
    let change = |change: &dyn Fn(&mut Directory)| world.directory.with(change);
    let start = async |client: &mut Ldap, cookie: &[u8]| -> Stream {
        let control = request(RefreshMode::RefreshAndPersist, cookie);
        let base = "ou=people,dc=example,dc=org";
        client
            .with_controls(control)
            .streaming_search(base, Scope::Subtree, PEOPLE, vec!["sn"])
            .await
            .unwrap()
    };
    let mut stream = start(&mut client, b"").await;
    let cookie = loop {
        match told(&mut stream).await {
            Told::Entry(_, Some(state)) => assert!(matches!(state.state, EntryState::Add)),
            Told::Info(SyncInfo::RefreshDelete { cookie, refresh_done: true }) => {
                break cookie.unwrap();
            }
            Told::Entry(_, None) => panic!("without a state"),
            Told::Info(info) => panic!("{info:?}"),
        }
    };
    change(&|d| d.disable(ALICE).unwrap());
    let after = stated(&mut stream, ALICE, "Modify").await;
    assert!(after > cookie);
    change(&|d| d.rename(KATE, "uid=kate,ou=outside,dc=example,dc=org").unwrap());
    stated(&mut stream, "uid=kate,ou=outside,dc=example,dc=org", "Delete").await;
    change(&|d| {
        d.move_to("uid=kate,ou=outside,dc=example,dc=org", "ou=people,dc=example,dc=org").unwrap()
    });
    stated(&mut stream, KATE, "Add").await;
    let renamed = "uid=katherine,ou=people,dc=example,dc=org";
    change(&|d| d.rename(KATE, renamed).unwrap());
    stated(&mut stream, renamed, "Modify").await;
    change(&|d| d.remove(BOB).unwrap());
    let cookie = stated(&mut stream, BOB, "Delete").await;
    // Nothing of this content: only the cookie moves.
    change(&|d| d.set("ou=groups,dc=example,dc=org", "description", &["x"]).unwrap());
    let Told::Info(SyncInfo::NewCookie(latest)) = told(&mut stream).await else { panic!() };
    assert!(latest > cookie);

    // The present phase ends in a message of its own.
    world.dc1.quirks(|quirks| quirks.session_log = 0);
    let mut second = start(&mut client, &cookie).await;
    let Told::Info(SyncInfo::SyncIdSet { refresh_deletes: false, .. }) = told(&mut second).await
    else {
        panic!()
    };
    let Told::Info(SyncInfo::RefreshPresent { cookie: Some(end), refresh_done: true }) =
        told(&mut second).await
    else {
        panic!()
    };
    assert_eq!(end, latest);
    // Two stand on one connection, and both are told.
    change(&|d| d.enable(ALICE).unwrap());
    for stream in [&mut stream, &mut second] {
        stated(stream, ALICE, "Modify").await;
    }
}
