//! DirSync (MS-ADTS 3.1.1.3.4.1.3), as measured and as documented.

use super::follow::{
    ALL, Answer, INCREMENTAL_VALUES, OBJECT_SECURITY, ask, attribute_names, bound, dir_sync, values,
};
use super::*;

struct Follower {
    client: Ldap,
    flags: i64,
    cookie: Vec<u8>,
}

impl Follower {
    /// Knows all that is there.
    async fn new(world: &World, flags: i64) -> Self {
        let flags = flags | OBJECT_SECURITY;
        let mut follower = Self { client: world.client().await, flags, cookie: Vec::new() };
        follower.changes(&[]).await;
        follower
    }

    async fn changes(&mut self, attributes: &[&str]) -> Answer {
        let control = dir_sync(self.flags, 0, &self.cookie);
        let answer = ask(&mut self.client, control, BASE, ALL, attributes).await;
        let (has_more, cookie) = answer.dir_sync();
        assert_eq!((answer.result.rc, has_more), (0, false));
        self.cookie = cookie;
        answer
    }

    /// What is told of a change: each object with the names of its attributes but the two that are
    /// always there.
    async fn after(
        &mut self,
        world: &World,
        change: impl FnOnce(&mut Directory),
    ) -> Vec<(String, Vec<String>)> {
        world.directory.with(change);
        let answer = self.changes(&[]).await;
        let described = answer.entries().map(|entry| {
            let mut names = attribute_names(entry);
            names.retain(|name| !["objectGUID", "instanceType"].contains(name));
            assert_eq!(names.len() + 2, attribute_names(entry).len());
            (entry.dn.clone(), names.into_iter().map(str::to_owned).collect())
        });
        described.collect()
    }
}

fn told(objects: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    objects.iter().map(|(dn, names)| ((*dn).to_owned(), owned(names))).collect()
}

#[tokio::test]
async fn who_may_ask_for_what() {
    let world = World::company();
    let mut client = world.client().await;
    let people = format!("OU=People,{BASE}");
    let configuration = format!("CN=Configuration,{BASE}");
    let mut answer = async |flags, base: &str, cookie: &[u8]| {
        let answer = ask(&mut client, dir_sync(flags, 0, cookie), base, ALL, &["cn"]).await;
        (answer.result.rc, answer.result.text)
    };
    assert_eq!(answer(0, BASE, b"").await.0, 50);
    assert_eq!(answer(OBJECT_SECURITY, BASE, b"").await.0, 0);
    assert_eq!(answer(OBJECT_SECURITY, &configuration, b"").await.0, 0);
    assert_eq!(answer(OBJECT_SECURITY, &people, b"").await.0, 50);
    let garbage = answer(OBJECT_SECURITY, BASE, b"MSDSnonsense").await;
    assert_eq!(garbage, (12, "0000202C: Unable to unmarshall cookie\0".to_owned()));
    world.dc1.quirks(|quirks| quirks.replication_right = true);
    assert_eq!(answer(0, BASE, b"").await.0, 0);
    world.dc1.quirks(|quirks| quirks.dir_sync = false);
    assert_eq!(answer(0, BASE, b"").await.0, 12);
    let controls = async |quirk: fn(&mut Quirks)| {
        world.dc1.quirks(quirk);
        let mut client = plain(&world.dc1).await.unwrap();
        let (dse, _, _) = search(&mut client, "", Scope::Base, ALL, &["supportedControl"]).await;
        values(dse.first().unwrap(), "supportedControl").unwrap()
    };
    let [dir_sync, notification] = ["841", "528"].map(|end| format!("1.2.840.113556.1.4.{end}"));
    let without = controls(|_| ()).await;
    assert!(!without.contains(&dir_sync) && without.contains(&notification));
    let without = controls(|q| (q.dir_sync, q.notification) = (true, false)).await;
    assert!(without.contains(&dir_sync) && !without.contains(&notification));
}

/// What is told of each kind of change, as measured at Samba.
#[tokio::test]
async fn what_changes_look_like() {
    let world = World::company();
    let mut follower = Follower::new(&world, 0).await;
    let alice = world.directory.with(|directory| dn_in(directory, "alice"));
    let people = format!("OU=People,{BASE}");
    assert_eq!(follower.after(&world, |_| ()).await, told(&[]));
    let title = follower.after(&world, |d| d.set(&alice, "title", &["x"]).unwrap()).await;
    assert_eq!(title, told(&[(&alice, &["title"])]));
    // A cleared attribute is there without a value.
    world.directory.with(|d| d.set(&alice, "title", &[]).unwrap());
    let answer = follower.changes(&["title", "mail"]).await;
    assert_eq!(values(answer.entries().next().unwrap(), "title"), Some(Vec::new()));
    let disabled = follower.after(&world, |d| d.disable(&alice).unwrap()).await;
    assert_eq!(disabled, told(&[(&alice, &["userAccountControl"])]));
    let expired = |d: &mut Directory| d.set_account_expires(&alice, Some(d.now)).unwrap();
    assert_eq!(follower.after(&world, expired).await, told(&[(&alice, &["accountExpires"])]));
    let primary = |d: &mut Directory| d.set_primary_group(&alice, CRM_USERS).unwrap();
    assert_eq!(follower.after(&world, primary).await, told(&[(&alice, &["primaryGroupID"])]));

    // A renamed member leaves its groups as they are, in name and in number.
    let renamed = format!("CN=Alice Other,OU=Sales,{people}");
    let rename = |d: &mut Directory| d.set_rdn(&alice, "CN=Alice Other").unwrap();
    let expected = told(&[(&renamed, &["cn", "name", "parentGUID"])]);
    assert_eq!(follower.after(&world, rename).await, expected);
    let moved = format!("CN=Alice Other,{people}");
    let change = |d: &mut Directory| d.move_to(&renamed, &people).unwrap();
    assert_eq!(follower.after(&world, change).await, told(&[(&moved, &["name", "parentGUID"])]));
    let group = world.directory.with(|d| d.entry(CRM_USERS).unwrap().values("member").to_vec());
    assert!(group.contains(&moved.clone().into_bytes()));
    // A renamed OU is told of alone.
    let company = format!("OU=Staff,{BASE}");
    let change = |d: &mut Directory| d.set_rdn(&people, "OU=Staff").unwrap();
    let expected = told(&[(&company, &["name", "ou", "parentGUID"])]);
    assert_eq!(follower.after(&world, change).await, expected);
    let moved = format!("CN=Alice Other,{company}");
    let member = |d: &mut Directory| d.remove_member(CRM_USERS, &moved).unwrap();
    assert_eq!(follower.after(&world, member).await, told(&[(CRM_USERS, &["member"])]));
    let member = |d: &mut Directory| d.add_member(CRM_USERS, &moved).unwrap();
    assert_eq!(follower.after(&world, member).await, told(&[(CRM_USERS, &["member"])]));

    world.directory.with(|d| d.remove(&moved).unwrap());
    let answer = follower.changes(&[]).await;
    let [container, gone] = &answer.entries().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(container.dn, format!("CN=Deleted Objects,{BASE}"));
    assert_eq!(values(gone, "isDeleted"), Some(vec!["TRUE".to_owned()]));
    assert_eq!(values(gone, "lastKnownParent"), Some(vec![company]));
    assert_eq!(values(gone, "mail"), Some(Vec::new()));
    assert_eq!(values(gone, "objectSid"), None, "kept, so not changed");
}

/// A place or a deletion is not told to those who did not ask for its attributes.
#[tokio::test]
async fn the_list_of_attributes_hides_changes() {
    let world = World::company();
    let mut follower = Follower::new(&world, 0).await;
    let alice = world.directory.with(|directory| dn_in(directory, "alice"));
    world.directory.with(|d| d.move_to(&alice, BASE)).unwrap();
    let listed = follower.cookie.clone();
    assert_eq!(follower.changes(&["mail"]).await.names(), Vec::<&str>::new());
    follower.cookie = listed;
    let moved = format!("CN=Alice Example,{BASE}");
    assert_eq!(follower.changes(&["mail", "name"]).await.names(), [&moved]);
    world.directory.with(|d| d.remove(&moved)).unwrap();
    let before = follower.cookie.clone();
    world.dc1.quirks(|quirks| quirks.hide_deleted = true);
    assert_eq!(follower.changes(&[]).await.names(), Vec::<&str>::new());
    follower.cookie = before;
    world.dc1.quirks(|quirks| quirks.hide_deleted = false);
    let answer = follower.changes(&["isDeleted"]).await;
    assert_eq!(answer.names().len(), 2);
    for entry in answer.entries() {
        assert_eq!(attribute_names(entry), ["instanceType", "isDeleted", "objectGUID"]);
    }
    // Who knows nothing is told of tombstones too, but of nothing that was cleared.
    follower.cookie.clear();
    let answer = follower.changes(&[]).await;
    let gone = answer.entries().find(|entry| entry.dn.contains("\\0ADEL:")).unwrap();
    assert_eq!((values(gone, "mail"), values(gone, "objectSid").map(|v| v.len())), (None, Some(1)));
}

/// LDAP_DIRSYNC_INCREMENTAL_VALUES.
#[tokio::test]
async fn incremental_values() {
    let world = World::company();
    let dn = |name: &str| world.directory.with(|directory| dn_in(directory, name));
    let (alice, kate, crm) = (dn("alice"), dn("kate"), dn("svc-crm"));
    let count = world.directory.with(|d| d.entry(CRM_USERS).unwrap().values("member").len());
    let mut follower = Follower::new(&world, INCREMENTAL_VALUES).await;
    world.directory.with(|directory| {
        directory.remove_member(CRM_USERS, &alice).unwrap();
        directory.add_member(CRM_USERS, &kate).unwrap();
        directory.add_member(CRM_USERS, &crm).unwrap();
        directory.add_member(CRM_USERS, &crm.to_uppercase()).unwrap();
        directory.remove_member(CRM_USERS, &crm).unwrap();
        // The value that was added says the new name, without another change.
        directory.set_rdn(&kate, "CN=Käthe").unwrap();
    });
    let answer = follower.changes(&["member"]).await;
    let [group] = &answer.entries().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(values(group, "member;range=1-1"), Some(vec![dn("kate")]));
    assert_eq!(values(group, "member;range=0-0"), Some(vec![alice, crm]));
    assert_eq!(values(group, "member"), None);
    follower.cookie.clear();
    let answer = follower.changes(&["member"]).await;
    let group = answer.entries().find(|entry| entry.dn == CRM_USERS).unwrap();
    assert_eq!(values(group, "member;range=1-1").unwrap().len(), count);
    assert_eq!(values(group, "member;range=0-0"), None);
}

/// Pages by number and by size; what changes meanwhile comes again, and nothing is lost when another
/// controller goes on that gives objects in an order of its own.
#[tokio::test]
async fn pages() {
    let world = World::company();
    world.add_users(20);
    let dc2 = start("dc2", &world.directory, &world.authority);
    let mut client = world.client().await;
    let mut other = bound(&dc2).await;
    let filter = "(sAMAccountName=u0*)";
    let control = |max_bytes, cookie: &[u8]| dir_sync(OBJECT_SECURITY, max_bytes, cookie);
    world.dc1.quirks(|quirks| quirks.dir_sync_page = Some(8));
    let (mut cookie, mut sizes, mut names) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let answer = ask(&mut client, control(0, &cookie), BASE, filter, &[]).await;
        names.extend(answer.names().into_iter().map(str::to_owned));
        sizes.push(answer.names().len());
        let (has_more, next) = answer.dir_sync();
        if sizes.len() == 1 {
            let first = names.first().unwrap().clone();
            world.directory.with(|d| d.set(&first, "title", &["again"])).unwrap();
        }
        cookie = next;
        if !has_more {
            break;
        }
    }
    assert_eq!(sizes, [8, 8, 5]);
    assert_eq!(names.first(), names.last());
    assert_eq!(ask(&mut client, control(0, &cookie), BASE, filter, &[]).await.names().len(), 0);

    world.dc1.quirks(|quirks| quirks.dir_sync_page = None);
    let by_size = ask(&mut client, control(5000, b""), BASE, filter, &[]).await;
    let (has_more, half) = by_size.dir_sync();
    assert!(has_more && (2..20).contains(&by_size.names().len()), "{}", by_size.names().len());
    let rest = ask(&mut client, control(0, &half), BASE, filter, &[]).await;
    assert_eq!(by_size.names().len() + rest.names().len(), 20);
    let elsewhere = ask(&mut other, control(0, &half), BASE, filter, &[]).await;
    assert_eq!((elsewhere.names().len(), elsewhere.dir_sync().0), (20, false));
}
