//! Tombstones and what comes back (MS-ADTS 3.1.1.5.5, 3.1.1.5.3.7).

use super::follow::{ALL, ask, attribute_names, critical, values, with_deleted};
use super::*;

const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
const SHOW_RECYCLED: &str = "1.2.840.113556.1.4.2064";
const TOMBSTONES: &str = "(&(isDeleted=TRUE)(lastKnownParent=*))";

fn guid_of(directory: &Directory, account: &str) -> String {
    let entry = directory.entry(&dn_in(directory, account)).unwrap();
    name::guid_text(entry.values("objectGUID").first().unwrap()).unwrap()
}

#[tokio::test]
async fn deleted_entries_are_shown_to_those_who_ask() {
    let world = World::company();
    let guid = world.directory.with(|directory| guid_of(directory, "alice"));
    let octets = world.directory.with(|directory| {
        let alice = dn_in(directory, "alice");
        let guid = directory.entry(&alice).unwrap().values("objectGUID").to_vec();
        directory.remove(&alice).unwrap();
        guid
    });
    let mut client = world.client().await;
    assert_eq!(accounts_found(&mut client, "(sAMAccountName=alice)").await, Vec::<String>::new());
    assert_eq!(bind(&mut client, "CORP\\alice", "Alice-Pass-1").await, (49, data("525")));
    let mut client = world.client().await;
    let name = format!("CN=Alice Example\\0ADEL:{guid},CN=Deleted Objects,{BASE}");
    for oid in [SHOW_DELETED, SHOW_RECYCLED] {
        let answer = with_deleted(&mut client, oid, TOMBSTONES).await;
        assert_eq!(answer.names(), [&name], "{oid}");
    }
    let answer = with_deleted(&mut client, SHOW_DELETED, TOMBSTONES).await;
    let tombstone = answer.entries().next().unwrap();
    let kept = [
        "cn",
        "distinguishedName",
        "instanceType",
        "isDeleted",
        "lastKnownParent",
        "name",
        "objectClass",
        "objectGUID",
        "objectSid",
        "sAMAccountName",
        "uSNChanged",
        "uSNCreated",
        "userAccountControl",
        "whenChanged",
        "whenCreated",
    ];
    assert_eq!(attribute_names(tombstone), kept);
    let expected = Some(vec![format!("OU=Sales,OU=People,{BASE}")]);
    assert_eq!(values(tombstone, "lastKnownParent"), expected);
    assert_eq!(tombstone.bin_attrs.get("objectGUID"), Some(&octets));
    assert_eq!(values(tombstone, "name"), Some(vec![format!("Alice Example\nDEL:{guid}")]));

    let (_, _, rc) = search(&mut client, &name, Scope::Base, ALL, &["cn"]).await;
    assert_eq!(rc, 32);
    let by_guid = format!("<GUID={guid}>");
    assert_eq!(search(&mut client, &by_guid, Scope::Base, ALL, &["cn"]).await.2, 32);
    let answer = ask(&mut client, critical(SHOW_DELETED), &by_guid, ALL, &["cn"]).await;
    assert_eq!(answer.names(), [&name]);
    world.dc1.quirks(|quirks| quirks.hide_deleted = true);
    let answer = with_deleted(&mut client, SHOW_DELETED, TOMBSTONES).await;
    assert_eq!((answer.names().len(), answer.result.rc), (0, 0));
}

#[test]
fn what_was_below_is_deleted_first_and_keeps_naming_its_parent() {
    let mut directory = company(Now::read().wall).unwrap();
    let sales = format!("OU=Sales,OU=People,{BASE}");
    let alice = guid_of(&directory, "alice");
    let before = directory.entry(CRM_USERS).unwrap().number("uSNChanged");
    directory.remove(&format!("OU=People,{BASE}")).unwrap();
    assert_eq!(directory.entry(CRM_USERS).unwrap().number("uSNChanged"), before);
    assert_eq!(directory.dn_of("alice"), None);
    let tombstone = |start: &str| {
        let mut below = directory.entries.values().filter(|entry| entry.is_deleted());
        below.find(|entry| entry.dn.starts_with(start)).unwrap()
    };
    let (below, above) =
        (tombstone(&format!("CN=Alice Example\\0ADEL:{alice},")), tombstone("OU=Sales"));
    assert_eq!(below.text("lastKnownParent"), Some(above.dn.as_str()));
    assert!(below.number("uSNChanged") < above.number("uSNChanged"));
    assert!(above.text("lastKnownParent").unwrap().starts_with("OU=People\\0ADEL:"));
    assert_eq!(
        directory.undelete(&alice),
        Err(DirectoryError::NoParent(format!("CN=Alice Example,{}", below_name(&directory))))
    );
    assert!(directory.entry(&sales).is_none());
}

fn below_name(directory: &Directory) -> String {
    let mut deleted = directory.entries.values().filter(|entry| entry.is_deleted());
    deleted.find(|entry| entry.dn.starts_with("OU=Sales")).unwrap().dn.clone()
}

/// Without the recycle bin only what the tombstone kept comes back.
#[test]
fn undeleted() {
    let mut directory = company(Now::read().wall).unwrap();
    let alice = dn_in(&directory, "alice");
    let guid = guid_of(&directory, "alice");
    let before = directory.entry(&alice).unwrap().clone();
    directory.disable(&alice).unwrap();
    directory.remove(&alice).unwrap();
    assert_eq!(directory.undelete(&guid), Ok(alice.clone()));
    let after = directory.entry(&alice).unwrap();
    for name in ["objectGUID", "objectSid", "sAMAccountName", "cn", "name", "objectCategory"] {
        assert_eq!(after.values(name), before.values(name), "{name}");
    }
    assert_eq!(after.text("userAccountControl"), Some("514"));
    for name in ["mail", "isDeleted", "lastKnownParent"] {
        assert_eq!(after.get(name), None, "{name}");
    }
    assert_eq!(directory.dn_of("alice"), Some(alice.clone()));
    let group = directory.entry(CRM_USERS).unwrap();
    assert!(!group.has("member", &alice));
    assert_eq!(directory.undelete(&guid), Err(DirectoryError::NoSuchEntry(guid.clone())));
    // Another one took the place meanwhile.
    directory.remove(&alice).unwrap();
    directory.add(&alice, &[("objectClass", "user"), ("sAMAccountName", "alice")]).unwrap();
    assert_eq!(directory.undelete(&guid), Err(DirectoryError::Exists(alice.clone())));
    assert_ne!(guid_of(&directory, "alice"), guid, "an identity is never used again");
    let sid = directory.entry(&alice).unwrap().values("objectSid");
    assert_ne!(sid, before.values("objectSid"));
    let tombstones = |directory: &Directory| {
        let deleted = directory.entries.values().filter(|entry| entry.is_deleted());
        deleted.map(|entry| entry.dn.clone()).collect::<Vec<_>>()
    };
    // The container and the tombstone; garbage collection takes the latter.
    let [container, tombstone] = &tombstones(&directory)[..] else { panic!() };
    directory.remove(tombstone).unwrap();
    assert_eq!(tombstones(&directory), [container.as_str()]);
}
