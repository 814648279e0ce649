//! What changes move, and changes that cannot be.

use super::*;

#[test]
fn the_company_loads() {
    let directory = company(Now::read().wall).unwrap();
    assert_eq!(directory.domain().netbios, "CORP");
    assert_eq!(directory.domain().dns, "corp.example");
    let alice = directory.dn_of("alice").unwrap();
    assert!(directory.entry(&alice).unwrap().get("demoPassword").is_none());
    assert_eq!(openldap_company(Now::read().wall).unwrap().kind(), Kind::OpenLdap);
}

/// Changes show at every controller at once, and move what a directory moves.
#[tokio::test]
async fn changes() {
    let world = World::company();
    let dc2 = start("dc2", &world.directory, &world.authority);
    let mut client = plain(&dc2).await.unwrap();
    bind(&mut client, SYNC.0, SYNC.1).await;
    let dn = |name: &str| world.directory.with(|directory| directory.dn_of(name).unwrap());
    let usn = |dn: &str| {
        let number = |d: &mut Directory| d.entry(dn).unwrap().number("uSNChanged").unwrap();
        world.directory.with(number)
    };
    let (alice, group) = (dn("alice"), usn(CRM_USERS));
    let before = usn(&alice);
    world.directory.with(|directory| directory.disable(&alice)).unwrap();
    assert!(usn(&alice) > before);
    assert_eq!(bind(&mut plain(&dc2).await.unwrap(), &alice, "Alice-Pass-1").await.1, data("533"));
    world.directory.with(|directory| directory.enable(&alice)).unwrap();
    world.directory.with(|directory| directory.set_password(&alice, "New-Pass-1")).unwrap();
    assert_eq!(bind(&mut plain(&dc2).await.unwrap(), &alice, "New-Pass-1").await.0, 0);

    // A renamed OU takes its people and their links with it; the group itself does not change.
    let (old, new) = (format!("OU=Sales,OU=People,{BASE}"), format!("OU=Verkauf,{BASE}"));
    world.directory.with(|directory| directory.rename(&old, &new)).unwrap();
    assert_eq!(dn("alice"), format!("CN=Alice Example,{new}"));
    let filter = format!("(member=CN=Alice Example,{new})");
    assert_eq!(accounts_found(&mut client, &filter).await, ["crm-users"]);
    assert_eq!(accounts_found(&mut client, &format!("(memberOf={CRM_USERS})")).await.len(), 11);
    assert_eq!(usn(CRM_USERS), group);
    let (entries, _, _) = search(&mut client, &new, Scope::Base, "(objectClass=*)", &["ou"]).await;
    assert_eq!(entries.first().unwrap().attrs.get("ou").unwrap(), &["Verkauf"]);

    world.directory.with(|directory| directory.remove(&dn_in(directory, "alice"))).unwrap();
    assert_eq!(accounts_found(&mut client, &filter).await, Vec::<String>::new());
    let bob = dn("bob");
    world.directory.with(|directory| directory.remove_member(CRM_USERS, &bob)).unwrap();
    assert_eq!(accounts_found(&mut client, &format!("(memberOf={CRM_USERS})")).await.len(), 9);
    world.directory.with(|directory| directory.add_member(CRM_USERS, &bob)).unwrap();
    assert_eq!(accounts_found(&mut client, &format!("(memberOf={CRM_USERS})")).await.len(), 10);
}

#[test]
fn changes_that_cannot_be() {
    let mut directory = company(Now::read().wall).unwrap();
    let people = format!("OU=People,{BASE}");
    assert_eq!(
        directory.remove("CN=no,DC=corp"),
        Err(DirectoryError::NoSuchEntry("CN=no,DC=corp".to_owned()))
    );
    assert_eq!(directory.add(&people, &[]), Err(DirectoryError::Exists(people.clone())));
    let orphan = format!("CN=a,OU=No,{BASE}");
    assert_eq!(directory.add(&orphan, &[]), Err(DirectoryError::NoParent(orphan.clone())));
    assert_eq!(directory.add("a", &[]), Err(DirectoryError::NotAName("a".to_owned())));
    let below = format!("OU=Deep,OU=Sales,{people}");
    assert_eq!(directory.rename(&people, &below), Err(DirectoryError::NoParent(below.clone())));
    let text = "dn: DC=a\nobjectClass: domainDNS\n\ndn: CN=b,OU=c,DC=a\nobjectClass: user\n";
    let error = Directory::from_ldif(text, Now::read().wall).err().unwrap();
    assert_eq!(error.to_string(), "line 4: \"CN=b,OU=c,DC=a\" has no entry above it");
}

/// The same text makes the same identifiers, and no two accounts share one.
#[test]
fn identifiers_are_stable_and_unique() {
    let now = Now::read().wall;
    let (one, two) = (company(now).unwrap(), company(now + Duration::from_secs(9)).unwrap());
    let mut seen = std::collections::HashSet::new();
    for account in accounts() {
        let [one, two] = [&one, &two].map(|d| d.entry(&dn_in(d, account.name)).unwrap());
        for name in ["objectGUID", "objectSid"] {
            assert_eq!(one.values(name), two.values(name), "{account:?}");
            assert!(seen.insert(one.values(name).to_vec()), "{account:?}");
        }
    }
    assert_eq!(SERVICE_ACCOUNT.expectation, Expectation::Accepted);
}
