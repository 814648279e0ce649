//! Names, passwords, and what is said of accounts.

use super::*;

/// The table that the demonstration prints, held against the directory.
#[test]
fn accounts_are_as_the_table_says() {
    let mut directory = company(Now::read().wall).unwrap();
    for account in accounts() {
        let quirks = Quirks::default();
        let name = format!("CORP\\{}", account.name);
        let answer = directory.bind("dc1", &name, account.password, &quirks);
        let outcome = directory.binds().last().unwrap().outcome;
        match account.expectation {
            Expectation::RefusedByController(reason) => {
                assert_eq!(outcome, Outcome::Refused(reason), "{account:?}");
            }
            Expectation::Accepted => {
                assert_eq!(answer.code, 0, "{account:?}");
            }
            Expectation::RefusedByGate => assert!(
                answer.code == 0
                    || matches!(
                        outcome,
                        Outcome::Refused(Reason::Disabled | Reason::AccountExpired)
                    ),
                "{account:?}"
            ),
        }
    }
}

/// adlab.md §5; texts as Active Directory writes them, with the NUL.
#[tokio::test]
async fn states_are_told_with_the_right_password() {
    let world = World::company();
    let mut client = plain(&world.dc1).await.unwrap();
    for (name, password, reason) in [
        ("bob", "Bob-Pass-1", "533"),
        ("carol", "Carol-Pass-1", "701"),
        ("dave", "Dave-Pass-1", "532"),
        ("erin", "Erin-Pass-1", "773"),
        ("grace", "Grace-Pass-1", "530"),
        ("heidi", "Heidi-Pass-1", "531"),
        ("frank", "Frank-Pass-1", "775"),
        ("frank", "wrong", "775"),
        ("nobody", "wrong", "525"),
    ] {
        let answer = bind(&mut client, &format!("CORP\\{name}"), password).await;
        assert_eq!(answer, (49, data(reason)), "{name}");
    }
    assert_eq!(bind(&mut client, "CORP\\alice", "Alice-Pass-1").await, (0, String::new()));
}

#[tokio::test]
async fn a_wrong_password_hides_the_state() {
    let world = World::company();
    let mut client = plain(&world.dc1).await.unwrap();
    for name in ["alice", "bob", "carol", "dave", "erin", "grace", "heidi"] {
        let answer = bind(&mut client, &format!("CORP\\{name}"), "wrong").await;
        assert_eq!(answer, (49, data("52e")), "{name}");
    }
}

/// MS-ADTS 5.1.1.1.1.
#[tokio::test]
async fn name_forms() {
    let world = World::company();
    let (sid, guid) = world.directory.with(|directory| {
        let entry = directory.entry(&directory.dn_of("alice").unwrap()).unwrap();
        let octets = |name| entry.values(name).first().unwrap().clone();
        (
            name::sid_text(&octets("objectSid")).unwrap(),
            name::guid_text(&octets("objectGUID")).unwrap(),
        )
    });
    let mut client = plain(&world.dc1).await.unwrap();
    for name in [
        "CN=Alice Example,OU=Sales,OU=People,DC=corp,DC=example".to_owned(),
        "cn = alice example , ou=sales,OU=people,dc=CORP,dc=example".to_owned(),
        "alice@corp.example".to_owned(),
        " Alice@CORP.EXAMPLE".to_owned(),
        "alice@CORP".to_owned(),
        "CORP\\ALICE".to_owned(),
        "corp.example/People/Sales/Alice Example".to_owned(),
        "Alice Example".to_owned(),
        sid.clone(),
        format!("<SID={sid}>"),
        format!("{{{guid}}}"),
    ] {
        assert_eq!(bind(&mut client, &name, "Alice-Pass-1").await.0, 0, "{name}");
    }
    for name in ["alice", "OTHER\\alice", "alice@other.example", "CN=Alice Example,DC=corp"] {
        assert_eq!(bind(&mut client, name, "Alice-Pass-1").await, (49, data("525")), "{name}");
    }
    // An explicit userPrincipalName with a foreign suffix, and the implicit one beside it.
    for name in ["ivan@partner.example", "ivan@corp.example"] {
        assert_eq!(bind(&mut client, name, "Ivan-Pass-1").await.0, 0, "{name}");
    }
    for name in ["CORP\\MÜLLER", "müller@corp.example", "mu\u{308}ller@corp.example"] {
        assert_eq!(bind(&mut client, name, "Müller-Pass-1").await.0, 0, "{name}");
    }
}

#[tokio::test]
async fn every_bind_is_counted() {
    let world = World::company();
    let dc2 = start("dc2", &world.directory, &world.authority);
    let mut client = plain(&world.dc1).await.unwrap();
    bind(&mut client, "CORP\\alice", "wrong").await;
    bind(&mut plain(&dc2).await.unwrap(), "alice@corp.example", "Alice-Pass-1").await;
    bind(&mut client, "who?", "x").await;
    bind(&mut client, "CORP\\alice", "").await;
    let seen = |controller: &str, name: &str, account: Option<&str>, outcome| SeenBind {
        controller: controller.to_owned(),
        name: name.to_owned(),
        account: account.map(str::to_owned),
        outcome,
    };
    world.directory.with(|directory| {
        assert_eq!(
            directory.binds(),
            [
                seen("dc1", "CORP\\alice", Some("alice"), Outcome::Refused(Reason::WrongPassword)),
                seen("dc2", "alice@corp.example", Some("alice"), Outcome::Accepted),
                seen("dc1", "who?", None, Outcome::Refused(Reason::Unknown)),
                seen("dc1", "CORP\\alice", Some("alice"), Outcome::Anonymous),
            ]
        );
        assert_eq!(directory.binds_of("alice"), 3);
    });
}

/// The fifth wrong password still gets 52e; the lock shows from the sixth bind, at every controller.
#[tokio::test]
async fn wrong_passwords_lock() {
    let world = World::company();
    let dc2 = start("dc2", &world.directory, &world.authority);
    let mut client = plain(&world.dc1).await.unwrap();
    for _ in 0..5 {
        assert_eq!(bind(&mut client, "CORP\\alice", "wrong").await.1, data("52e"));
    }
    let mut other = plain(&dc2).await.unwrap();
    assert_eq!(bind(&mut other, "CORP\\alice", "Alice-Pass-1").await.1, data("775"));
    let alice = world.directory.with(|directory| directory.dn_of("alice").unwrap());
    world.directory.with(|directory| directory.set(&alice, "lockoutTime", &["0"])).unwrap();
    assert_eq!(bind(&mut other, "CORP\\alice", "Alice-Pass-1").await.0, 0);
}

#[tokio::test]
async fn empty_passwords_and_nul() {
    let world = World::company();
    let mut client = plain(&world.dc1).await.unwrap();
    assert_eq!(bind(&mut client, "CORP\\alice", "").await.0, 0);
    assert_eq!(bind(&mut client, "CORP\\alice", "\0x").await.0, 0);
    assert_eq!(bind(&mut client, "CORP\\alice\0x", "Alice-Pass-1\0y").await.0, 0);
    world.dc1.quirks(|quirks| {
        *quirks = Quirks { trailing_nul: true, ..Quirks::samba() };
        quirks.cut_at_nul = false;
    });
    assert_eq!(bind(&mut client, "CORP\\alice", "").await, (49, data("52e")));
    assert_eq!(bind(&mut client, "CORP\\alice", "\0x").await, (49, data("52e")));
    assert_eq!(bind(&mut client, "CORP\\nobody", "x").await, (49, data("52e")));
    world.dc1.quirks(|quirks| quirks.trailing_nul = false);
    let (_, text) = bind(&mut client, "CORP\\nobody", "x").await;
    assert!(text.ends_with("v4563"), "{text:?}");
}

/// RFC 4511 §4.2.1: a failed bind leaves nobody.
#[tokio::test]
async fn a_failed_bind_leaves_the_connection_anonymous() {
    let world = World::company();
    let mut client = world.client().await;
    let (entries, _, rc) = search(&mut client, BASE, Scope::Base, "(objectClass=*)", &[]).await;
    assert_eq!((entries.len(), rc), (1, 0));
    world.dc1.quirks(|quirks| quirks.strong_auth_required = true);
    assert_eq!(bind(&mut client, SYNC.0, SYNC.1).await.0, 8);
    let (entries, _, rc) = search(&mut client, BASE, Scope::Base, "(objectClass=*)", &[]).await;
    assert_eq!((entries.len(), rc), (0, 1));
    world.dc1.quirks(|quirks| quirks.strong_auth_required = false);
    bind(&mut client, SYNC.0, SYNC.1).await;
    bind(&mut client, "CORP\\alice", "wrong").await;
    let (entries, _, rc) = search(&mut client, BASE, Scope::Base, "(objectClass=*)", &[]).await;
    assert_eq!((entries.len(), rc), (0, 1));
    let (entries, _, rc) = search(&mut client, "", Scope::Base, "(objectClass=*)", &[]).await;
    assert_eq!((entries.len(), rc), (1, 0));
}

#[tokio::test]
async fn who_am_i() {
    let world = World::company();
    let mut client = world.client().await;
    let who = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap()).unwrap();
    assert_eq!(who(client.extended(WhoAmI).await.unwrap().0.val), "u:CORP\\svc-sync");
    world.dc1.quirks(|quirks| quirks.whoami = false);
    assert_eq!(client.extended(WhoAmI).await.unwrap().1.rc, 2);
}
