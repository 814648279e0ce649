//! An application that calls attributes and entries otherwise than the directory.

use super::showing::{asking, compare, showing};
use super::*;
use crate::directory::Wording;
use crate::ldap::controls::server_side_sort::{self, SortKey, SortOutcome};
use crate::ldap::dn::DistinguishedName;
use crate::ldap::request::ExtendedRequest;
use crate::policy::presentation::Presentation;
use crate::policy::tests::{ALICE, JUERGEN, entry_of, guid, in_groups, people, set};

const LEGACY: &str = "dc=legacy,dc=\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}";

fn wording(renames: &[(&str, &str)], bases: &[(&str, &str)]) -> Presentation {
    let mut wording = Wording::default();
    for (own, shown) in renames {
        wording.renames.add(own, shown).unwrap();
    }
    for (from, to) in bases {
        let name = |text: &str| DistinguishedName::parse(text).unwrap();
        wording.bases.add(name(from), name(to)).unwrap();
    }
    Presentation { wording: Some(wording), ..Presentation::default() }
}

fn renamed() -> Client {
    let mut entries = company();
    let alice = entry_of(&mut entries, ALICE);
    set(alice, "uid", &["shadowed"]);
    set(alice, "mail", &["alice@corp.example"]);
    let renames = [("sAMAccountName", "uid"), ("memberOf", "groups")];
    showing(wording(&renames, &[]), entries)
}

/// RFC 4511 §4.5.1.8: an attribute goes by one name in every part of a search.
#[test]
fn a_renamed_attribute_has_one_name() {
    let mut client = renamed();
    let all = client.attributes_of(&people("alice"), &["*"]);
    assert!(all.contains(&"uid".to_owned()) && all.contains(&"groups".to_owned()), "{all:?}");
    assert!(!all.iter().any(|name| name == "sAMAccountName" || name == "memberOf"), "{all:?}");
    assert_eq!(client.values_of(&people("alice"), "uid"), ["alice"]);
    assert_eq!(client.values_of(&people("alice"), "0.9.2342.19200300.100.1.1"), ["alice"]);
    assert_eq!(client.values_of(&people("alice"), "groups"), [in_groups("crm")]);
    let asked = ["sAMAccountName", "memberof", "UID;range=0-0"];
    assert_eq!(client.attributes_of(&people("alice"), &asked), ["uid;range=0-*"]);
    assert!(client.attributes_of(&people("alice"), &["sAMAccountName"]).is_empty());
    assert_eq!(client.found("(UID=Alice)"), ["CN=alice"]);
    assert_eq!(client.found(&format!("(groups={})", in_groups("crm"))).len(), 2);
    for nothing in
        ["(uid=shadowed)", "(sAMAccountName=alice)", "(!(sAMAccountName=x))", "(memberOf=*)"]
    {
        assert!(client.found(nothing).is_empty(), "{nothing}");
    }
    let mut code = |attribute: &str, value: &str| {
        client.send(compare(&people("alice"), attribute, value), Vec::new()).code()
    };
    assert_eq!((code("uid", "ALICE"), code("uid", "bob")), (6, 5));
    assert_eq!((code("sAMAccountName", "alice"), code("groups", &in_groups("crm"))), (16, 6));
    assert_eq!(client.send(compare(&people("nobody"), "memberOf", "x"), Vec::new()).code(), 32);
}

#[test]
fn sort_keys_go_by_the_shown_name() {
    let mut client = renamed();
    let mut sorted = |attribute: &str| {
        let keys = [SortKey { attribute: attribute.to_owned(), rule: None, reverse: true }];
        let control = server_side_sort::request(&keys, false);
        let operation = asking(CORP, "(|(uid=alice)(uid=bob))", &["1.1"]);
        let answers = client.send(operation, vec![control]);
        let control =
            answers.control(crate::ldap::control::oid::SERVER_SIDE_SORT_RESPONSE).unwrap();
        let outcome = SortOutcome::read(&control).unwrap();
        (answers.entries()[0].to_owned(), outcome.result.0, outcome.attribute)
    };
    assert_eq!(sorted("uid"), (people("bob"), 0, None));
    let own = "sAMAccountName".to_owned();
    assert_eq!(sorted(&own), (people("alice"), 16, Some(own.clone())));
}

fn moved() -> Client {
    let mut entries = company();
    let boss = format!("CN=J\u{fc}rgen A/B,OU=Sales,OU=People,{CORP}");
    let alice = entry_of(&mut entries, ALICE);
    set(alice, "manager", &[&boss]);
    set(
        alice,
        "secretary",
        &[
            "CN=else,DC=other,DC=example",
            "CN=x,dc=legacy,dc=\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}",
        ],
    );
    set(alice, "description", &[CORP]);
    showing(wording(&[], &[(CORP, LEGACY)]), entries)
}

fn there(name: &str) -> String {
    name.replace(CORP, LEGACY)
}

/// One function for every name: what is shown can be asked for, and nothing shows the directory's own base.
#[test]
fn every_name_is_under_the_shown_base() {
    let mut client = moved();
    let alice = there(&people("alice"));
    let boss = there(&format!("CN=J\u{fc}rgen A/B,OU=Sales,OU=People,{CORP}"));
    let all = client.send(
        asking(LEGACY, "(objectClass=*)", &["*", "+", "distinguishedName", "tokenGroups"]),
        Vec::new(),
    );
    let text = String::from_utf8_lossy(&all.octets).to_lowercase();
    let description = text.matches("dc=corp").count();
    assert_eq!(description, 1, "in the text of a description alone: {text}");
    assert!(!text.contains("corp.example/"), "canonicalName");
    assert_eq!(all.entries().len(), company().len());
    for name in all.entries() {
        assert_eq!(
            client.send(asking(name, "(objectClass=*)", &["1.1"]), Vec::new()).code(),
            0,
            "{name}"
        );
    }
    assert_eq!(client.values_of(&alice, "distinguishedName"), [&*alice]);
    assert_eq!(client.values_of(&alice, "manager"), [&*boss]);
    assert_eq!(
        client.values_of(&alice, "secretary"),
        ["CN=else,DC=other,DC=example"],
        "not one that would be another"
    );
    assert_eq!(client.values_of(&alice, "memberOf"), [there(&in_groups("crm"))]);
    assert_eq!(client.values_of(&alice, "memberOf;range=0-*"), [there(&in_groups("crm"))]);
    assert_eq!(
        client.values_of(&alice, "canonicalName"),
        ["legacy.\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}/People/alice"]
    );
    let moved = |client: &mut Client, filter: &str| {
        let answers = client.search(LEGACY, filter);
        assert_eq!(answers.code(), 0, "{filter}");
        answers.entries().len()
    };
    assert_eq!(moved(&mut client, &format!("(manager={boss})")), 1);
    assert_eq!(moved(&mut client, &format!("(member:1.2.840.113556.1.4.1941:={alice})")), 1);
    assert_eq!(moved(&mut client, "(dc:dn:=legacy)"), company().len());
    assert_eq!(moved(&mut client, "(dc:dn:=corp)"), 0);
    assert_eq!(moved(&mut client, "(secretary=CN=else,DC=other,DC=example)"), 1);
    assert_eq!(moved(&mut client, &format!("(manager={})", boss.replace(LEGACY, CORP))), 0);
    let mut code = |entry: &str, attribute: &str, value: &str| {
        client.send(compare(entry, attribute, value), Vec::new()).code()
    };
    assert_eq!(code(&alice, "manager", &boss.to_uppercase()), 6);
    assert_eq!(code(&alice, "distinguishedName", &alice), 6);
    assert_eq!(code(&alice, "manager", &boss.replace(LEGACY, CORP)), 5);
    assert_eq!(code(&people("alice"), "cn", "alice"), 32);
}

/// RFC 4511 §4.1.9: what is matched is told under the shown base, and what is not there is named as it was asked for.
#[test]
fn what_is_not_there() {
    let mut client = moved();
    let missing = there("CN=x,CN=y,OU=People,DC=corp,DC=example");
    let answers = client.search(&missing, "(objectClass=*)");
    let result = answers.result();
    assert_eq!(
        (result.code.0, &*result.matched_dn),
        (32, there(&format!("OU=People,{CORP}")).as_bytes())
    );
    assert!(String::from_utf8_lossy(&result.diagnostic_message).contains(&missing));
    let own = client.search(&people("x"), "(objectClass=*)");
    assert_eq!((own.code(), own.result().matched_dn.len()), (32, 0));
    let broken = client.search(&format!("<NAME=x,{LEGACY}>"), "(objectClass=*)");
    assert_eq!(broken.code(), 34);
    assert!(!String::from_utf8_lossy(&broken.octets).to_lowercase().contains("dc=corp"));
    let known = format!("<GUID={}>", guid(JUERGEN));
    assert!(client.search(&known, "(objectClass=*)").entries()[0].ends_with(LEGACY));
}

/// A bind by distinguished name, what Who am I says, and the root DSE.
#[test]
fn binds_and_the_root_dse() {
    let mut client = moved();
    assert_eq!(client.bind(&there(&people("alice"))), 0);
    assert_eq!(client.bind(&people("alice")), 49, "there is no such name here");
    assert_eq!(client.bind("alice@corp.example"), 0);
    let who = ExtendedRequest { name: crate::ldap::request::WHO_AM_I.to_owned(), value: None };
    let answers = client.send(Operation::Extended(who), Vec::new());
    assert_eq!(answers.code(), 0);
    let operation =
        search("", SearchScope::BaseObject, &format!("(defaultNamingContext={LEGACY})"));
    let Operation::Search(request) = operation else { panic!("not a search") };
    let all = Operation::Search(Arc::new(SearchRequest {
        attributes: ["*"].into_iter().collect(),
        ..(*request).clone()
    }));
    let root = client.send(all, Vec::new());
    assert_eq!(root.entries(), [""]);
    assert!(!String::from_utf8_lossy(&root.octets).to_lowercase().contains("dc=corp"));
}

/// An entry that the directory has where another one is shown is in nobody's way.
#[test]
fn what_is_in_the_way_is_not_shown() {
    let (groups, people) = (format!("OU=Groups,{CORP}"), format!("OU=People,{CORP}"));
    let mut client = showing(wording(&[], &[(&people, &groups)]), company());
    let answers = client.send(asking(CORP, "(objectClass=*)", &["1.1"]), Vec::new());
    let shown: Vec<&str> =
        answers.entries().into_iter().filter(|name| name.contains("Groups")).collect();
    assert_eq!(shown.len(), 5, "{shown:?}");
    assert!(
        shown.iter().any(|name| name.starts_with("CN=alice,"))
            && !shown.iter().any(|name| name.starts_with("CN=crm"))
    );
    assert!(client.values_of(&format!("CN=alice,{groups}"), "memberOf").is_empty());
    let counted = client.page(&search(CORP, SearchScope::WholeSubtree, "(cn=crm)"), 10, b"");
    let control = counted.control(crate::ldap::control::oid::PAGED_RESULTS).unwrap();
    assert_eq!(PagedResults::read(&control).unwrap().size, 0, "not even counted");
}
