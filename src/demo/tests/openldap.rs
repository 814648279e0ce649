//! What slapd does differently.

use super::*;

/// slapd's answers: no texts for wrong passwords, DN names only, operational attributes on request.
#[tokio::test]
async fn openldap() {
    let world = World::openldap();
    let mut client = plain(&world.dc1).await.unwrap();
    let alice = "uid=alice,ou=people,dc=example,dc=org";
    for (name, password, answer) in [
        (alice, "Alice-Pass-1", (0, "")),
        ("UID=Alice, ou=people,dc=example,dc=org", "Alice-Pass-1", (0, "")),
        (alice, "wrong", (49, "")),
        ("uid=no,dc=example,dc=org", "wrong", (49, "")),
        ("uid=bob,ou=people,dc=example,dc=org", "Bob-Pass-1", (49, "")),
        ("alice", "Alice-Pass-1", (34, "invalid DN")),
        (alice, "", (53, "unauthenticated bind (DN with no password) disallowed")),
        ("", "", (0, "")),
        ("cn=svc-sync,dc=example,dc=org", SYNC_ACCOUNT.password, (0, "")),
    ] {
        let (code, text) = answer;
        assert_eq!(bind(&mut client, name, password).await, (code, text.to_owned()), "{name}");
    }
    assert_eq!(world.directory.with(|directory| directory.binds_of("alice")), 4);
    let base = "dc=example,dc=org";
    let (entries, references, _) = search(
        &mut client,
        base,
        Scope::Subtree,
        "(&(objectClass=inetOrgPerson)(memberOf=cn=crm-nested,ou=groups,dc=example,dc=org))",
        &["*", "entryUUID"],
    )
    .await;
    let entry = entries.first().unwrap();
    assert_eq!(
        (entries.len(), references, entry.dn.as_str()),
        (1, 0, "uid=müller,ou=people,dc=example,dc=org")
    );
    assert_eq!(entry.attrs.get("entryUUID").unwrap().first().unwrap().len(), 36);
    assert!(!entry.attrs.contains_key("memberOf") && !entry.attrs.contains_key("modifyTimestamp"));
    let (entries, _, _) = search(&mut client, "", Scope::Base, "(objectClass=*)", &["+"]).await;
    assert_eq!(entries.first().unwrap().attrs.get("namingContexts").unwrap(), &[base]);
}

/// The numbers of changes grow even when the clock goes back.
#[test]
fn change_sequence_numbers_grow() {
    let mut now = Now::read().wall;
    let mut directory = openldap_company(now).unwrap();
    let alice = dn_in(&directory, "alice");
    let csn = |directory: &Directory| {
        directory.entry(&alice).unwrap().text("entryCSN").unwrap().to_owned()
    };
    let mut last = csn(&directory);
    for _ in 0..3 {
        now -= Duration::from_secs(3600);
        directory.advance(now);
        directory.disable(&alice).unwrap();
        assert!(csn(&directory) > last);
        last = csn(&directory);
        assert_eq!(directory.context_csn, last);
    }
}
