//! Change notification (MS-ADTS 3.1.1.3.4.1.9).

use ldap3::SearchStream;
use ldap3::controls::RawControl;

use super::follow::{ALL, ask, critical};
use super::*;

const NOTIFICATION: &str = "1.2.840.113556.1.4.528";
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
const SOON: Duration = Duration::from_secs(5);
const NEVER: Duration = Duration::from_millis(60);

type Stream = SearchStream<'static, &'static str, Vec<&'static str>>;

async fn watch(client: &mut Ldap, base: &str, scope: Scope, controls: Vec<RawControl>) -> Stream {
    let attributes = vec!["sAMAccountName"];
    client.with_controls(controls).streaming_search(base, scope, ALL, attributes).await.unwrap()
}

/// The name of the next entry; `None` when nothing comes for a while.
async fn next(stream: &mut Stream, wait: Duration) -> Option<String> {
    let entry = tokio::time::timeout(wait, stream.next()).await.ok()?.unwrap();
    Some(SearchEntry::construct(entry.unwrap()).dn)
}

#[tokio::test]
async fn changes_are_told_as_they_come() {
    let world = World::company();
    let mut client = world.client().await;
    let people = format!("OU=People,{BASE}");
    let change = |change: &dyn Fn(&mut Directory)| world.directory.with(change);
    let (alice, bob) = change_names(&world);
    let controls = || vec![critical(NOTIFICATION)];
    let mut all = watch(&mut client, BASE, Scope::Subtree, controls()).await;
    let mut below = watch(&mut client, &people, Scope::OneLevel, controls()).await;
    let mut one = watch(&mut client, &bob, Scope::Base, controls()).await;
    let deleted = vec![critical(NOTIFICATION), critical(SHOW_DELETED)];
    let mut deleted = watch(&mut client, BASE, Scope::Subtree, deleted).await;
    // The connection goes on answering.
    assert_eq!(accounts_found(&mut client, "(sAMAccountName=bob)").await, ["bob"]);

    change(&|d| d.set(&alice, "title", &["x"]).unwrap());
    change(&|d| d.set(&bob, "title", &["x"]).unwrap());
    for stream in [&mut all, &mut deleted] {
        assert_eq!(next(stream, SOON).await.as_ref(), Some(&alice));
        assert_eq!(next(stream, SOON).await.as_ref(), Some(&bob));
    }
    assert_eq!(next(&mut one, SOON).await.as_ref(), Some(&bob));
    // Out of the scope of one, silently, into that of another.
    change(&|d| d.move_to(&alice, &people).unwrap());
    let moved = format!("CN=Alice Example,{people}");
    assert_eq!(next(&mut below, SOON).await.as_ref(), Some(&moved));
    assert_eq!(next(&mut all, SOON).await.as_ref(), Some(&moved));
    change(&|d| d.move_to(&moved, BASE).unwrap());
    assert_eq!(next(&mut below, NEVER).await, None);
    assert_eq!(next(&mut all, SOON).await, Some(format!("CN=Alice Example,{BASE}")));
    // Deletions for those who may see them.
    change(&|d| d.remove(&bob).unwrap());
    assert_eq!(next(&mut all, NEVER).await, None);
    let mut told = Vec::new();
    while !told.last().is_some_and(|name: &String| name.starts_with("CN=Bob")) {
        told.push(next(&mut deleted, SOON).await.unwrap());
    }
    assert!(told.last().unwrap().contains("\\0ADEL:"), "{told:?}");
    assert_eq!(next(&mut one, NEVER).await, None);
}

fn change_names(world: &World) -> (String, String) {
    world.directory.with(|directory| (dn_in(directory, "alice"), dn_in(directory, "bob")))
}

/// One that is held back tells when it catches up, one that hangs when it goes on.
#[tokio::test]
async fn told_when_the_controller_knows() {
    let world = World::company();
    let mut client = world.client().await;
    let (alice, bob) = change_names(&world);
    let mut all = watch(&mut client, BASE, Scope::Subtree, vec![critical(NOTIFICATION)]).await;
    assert_eq!(next(&mut all, NEVER).await, None);
    world.dc1.hold_back();
    world.directory.with(|d| d.disable(&alice)).unwrap();
    assert_eq!(next(&mut all, NEVER).await, None);
    world.dc1.catch_up();
    assert_eq!(next(&mut all, SOON).await, Some(alice));
    world.dc1.hang();
    world.directory.with(|d| d.enable(&bob)).unwrap();
    assert_eq!(next(&mut all, NEVER).await, None);
    world.dc1.resume();
    assert_eq!(next(&mut all, SOON).await, Some(bob));
    world.dc1.kill().await.unwrap();
    assert!(all.next().await.is_err());
}

#[tokio::test]
async fn limits() {
    let world = World::company();
    let mut client = world.client().await;
    let answer = ask(&mut client, critical(NOTIFICATION), BASE, "(cn=*)", &[]).await;
    let text = "000020B9: Search filter too complex\0".to_owned();
    assert_eq!((answer.result.rc, answer.result.text), (53, text));
    let (alice, bob) = change_names(&world);
    let mut streams = Vec::new();
    for _ in 0..5 {
        let scope = Scope::Subtree;
        streams.push(watch(&mut client, BASE, scope, vec![critical(NOTIFICATION)]).await);
    }
    let answer = ask(&mut client, critical(NOTIFICATION), BASE, ALL, &[]).await;
    let text = "00002024: MaxNotificationPerConn reached\0".to_owned();
    assert_eq!((answer.result.rc, answer.result.text), (11, text));
    world.directory.with(|d| d.disable(&alice)).unwrap();
    for stream in &mut streams {
        assert_eq!(next(stream, SOON).await.as_ref(), Some(&alice));
    }
    // One that is abandoned makes room for another.
    let mut abandoned = streams.pop().unwrap();
    let message_id = abandoned.ldap_handle().last_id();
    client.abandon(message_id).await.unwrap();
    let mut another = watch(&mut client, BASE, Scope::Subtree, vec![critical(NOTIFICATION)]).await;
    assert_eq!(accounts_found(&mut client, "(sAMAccountName=bob)").await, ["bob"]);
    world.directory.with(|d| d.enable(&bob)).unwrap();
    assert_eq!(next(&mut another, SOON).await.as_ref(), Some(&bob));
    // A bind ends them all (RFC 4511 §4.2.1).
    bind(&mut client, SYNC.0, SYNC.1).await;
    world.directory.with(|d| d.disable(&bob)).unwrap();
    assert_eq!(next(&mut another, NEVER).await, None);
    world.dc1.quirks(|quirks| quirks.notification = false);
    assert_eq!(ask(&mut client, critical(NOTIFICATION), BASE, ALL, &[]).await.result.rc, 12);
}
