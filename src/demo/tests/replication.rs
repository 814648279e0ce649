//! Controllers that number changes their own way, and that lag behind.

use super::follow::{ALL, OBJECT_SECURITY, ask, bound, dir_sync, values};
use super::*;

async fn highest(client: &mut Ldap) -> i64 {
    let (entries, _, _) =
        search(client, "", Scope::Base, ALL, &["highestCommittedUSN", "dsServiceName"]).await;
    let dse = entries.first().unwrap();
    dse.attrs.get("highestCommittedUSN").unwrap().first().unwrap().parse().unwrap()
}

async fn invocation_id(client: &mut Ldap) -> Vec<String> {
    let (entries, _, _) = search(client, "", Scope::Base, ALL, &["dsServiceName"]).await;
    let service = entries.first().unwrap().attrs.get("dsServiceName").unwrap().first().unwrap();
    let (entries, _, _) = search(client, service, Scope::Base, ALL, &["invocationId"]).await;
    values(entries.first().unwrap(), "invocationId").unwrap()
}

async fn usn_of(client: &mut Ldap, account: &str) -> i64 {
    let filter = format!("(sAMAccountName={account})");
    let (entries, _, _) = search(client, BASE, Scope::Subtree, &filter, &["uSNChanged"]).await;
    values(entries.first().unwrap(), "uSNChanged").unwrap().first().unwrap().parse().unwrap()
}

/// MS-ADTS 3.1.1.1.8, 3.1.1.1.9.
#[tokio::test]
async fn numbers_are_each_controllers_own() {
    let world = World::company();
    let dc2 = start("dc2", &world.directory, &world.authority);
    let dc3 = start("dc3", &world.directory, &world.authority);
    let mut clients = [bound(&world.dc1).await, bound(&dc2).await, bound(&dc3).await];
    let mut seen = std::collections::HashSet::new();
    for client in &mut clients {
        assert!(seen.insert(invocation_id(client).await));
        let (before, alice) = (highest(client).await, usn_of(client, "alice").await);
        assert!(seen.insert(vec![alice.to_string()]) && alice <= before);
        world.directory.with(|directory| {
            directory.set(&dn_in(directory, "bob"), "title", &[&before.to_string()]).unwrap();
        });
        let since = format!("(&(uSNChanged>={})(sAMAccountName=*))", before + 1);
        assert_eq!(accounts_found(client, &since).await, ["bob"]);
        assert_eq!(usn_of(client, "alice").await, alice);
        let bob = usn_of(client, "bob").await;
        assert_eq!(bob, highest(client).await);
        // A write that changes nothing is no change.
        world.directory.with(|directory| {
            directory.set(&dn_in(directory, "bob"), "title", &[&before.to_string()]).unwrap();
        });
        assert_eq!((usn_of(client, "bob").await, highest(client).await), (bob, bob));
    }
}

/// Searches, numbers and DirSync show the state of one moment; binds are judged on the present.
#[tokio::test]
async fn a_controller_that_lags_shows_one_state() {
    let world = World::company();
    let dc2 = start("dc2", &world.directory, &world.authority);
    let mut client = bound(&dc2).await;
    let control = |cookie: &[u8]| dir_sync(OBJECT_SECURITY, 0, cookie);
    let answer = ask(&mut client, control(b""), BASE, ALL, &[]).await;
    let (_, cookie) = answer.dir_sync();
    let before = (highest(&mut client).await, usn_of(&mut client, "alice").await);
    dc2.hold_back();
    let alice = world.directory.with(|directory| {
        let alice = dn_in(directory, "alice");
        directory.disable(&alice).unwrap();
        directory.remove(&dn_in(directory, "bob")).unwrap();
        alice
    });
    assert_eq!(bind(&mut plain(&dc2).await.unwrap(), &alice, "Alice-Pass-1").await.1, data("533"));
    assert_eq!((highest(&mut client).await, usn_of(&mut client, "alice").await), before);
    assert_eq!(accounts_found(&mut client, "(sAMAccountName=bob)").await, ["bob"]);
    let answer = ask(&mut client, control(&cookie), BASE, ALL, &[]).await;
    assert_eq!(answer.names().len(), 0);
    let mut other = bound(&world.dc1).await;
    assert_eq!(accounts_found(&mut other, "(sAMAccountName=bob)").await, Vec::<String>::new());
    // A cookie of a controller that knows more loses nothing at one that knows less.
    let (_, newer) = ask(&mut other, control(&cookie), BASE, ALL, &[]).await.dir_sync();
    let answer = ask(&mut client, control(&newer), BASE, ALL, &[]).await;
    assert_eq!(answer.names().len(), 0);
    let (_, cookie) = answer.dir_sync();
    dc2.catch_up();
    assert!(highest(&mut client).await > before.0);
    assert_eq!(accounts_found(&mut client, "(sAMAccountName=bob)").await, Vec::<String>::new());
    let answer = ask(&mut client, control(&cookie), BASE, "(objectClass=user)", &[]).await;
    let [first, second] = &answer.names()[..] else { panic!("{:?}", answer.names()) };
    assert_eq!(*first, alice);
    assert!(second.contains("\\0ADEL:"), "{second}");
}

/// What a controller has not heard of is told later than its own changes, and these are told again.
#[tokio::test]
async fn what_a_controller_lacks_comes_after_what_it_has() {
    let world = World::company();
    let dc2 = start("dc2", &world.directory, &world.authority);
    let control = |cookie: &[u8]| dir_sync(OBJECT_SECURITY, 0, cookie);
    let (mut first, mut second) = (bound(&world.dc1).await, bound(&dc2).await);
    let people = "(objectClass=user)";
    dc2.hold_back();
    let (alice, bob) = world.directory.with(|directory| {
        let [alice, bob] = ["alice", "bob"].map(|name| dn_in(directory, name));
        directory.disable(&alice).unwrap();
        (alice, bob)
    });
    let (_, cookie) = ask(&mut first, control(b""), BASE, people, &[]).await.dir_sync();
    dc2.change_here(|directory| directory.set(&bob, "title", &["later"]).unwrap());
    let answer = ask(&mut second, control(&cookie), BASE, people, &[]).await;
    assert_eq!(answer.names(), [bob.as_str()]);
    let answer_of_first = ask(&mut first, control(&cookie), BASE, people, &[]).await;
    assert_eq!(answer_of_first.names(), [bob.as_str()], "the others have heard of it");
    dc2.catch_up();
    let (_, cookie) = answer.dir_sync();
    let answer = ask(&mut second, control(&cookie), BASE, people, &[]).await;
    assert_eq!(answer.names(), [alice.as_str(), bob.as_str()]);
}
