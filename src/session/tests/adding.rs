//! Attributes that an application is given besides, or with other values.

use super::showing::{asking, compare};
use super::*;
use crate::directory::{Addition, Wording};
use crate::ldap::controls::server_side_sort::{self, SortKey};
use crate::policy::presentation::{AttributeSet, Presentation, ShownAttributes};
use crate::policy::tests::{ALICE, BOB, entry_of, in_groups, people, set};

fn wording() -> Wording {
    let mut wording = Wording::default();
    let company = Addition::Constant(vec!["Example Ltd".into(), "Example Group".into()]);
    assert!(wording.additions.add("company", company));
    assert!(wording.additions.add("department", Addition::OrganizationalUnit(2)));
    assert!(wording.additions.add("memberOf", Addition::NestedGroups));
    wording
}

fn client(presentation: Presentation, primary: bool) -> Client {
    let mut entries = company();
    set(entry_of(&mut entries, ALICE), "department", &["stored"]);
    set(entry_of(&mut entries, BOB), "company", &["stored"]);
    let crm = Application {
        service_accounts: names(&["svc-crm"]),
        presentation: Some(Arc::new(presentation)),
        primary_group_in_member_of: primary,
        ..application()
    };
    let mut client = Client::new(crm, corp(1, entries));
    assert_eq!(client.bind("svc-crm"), 0);
    client
}

fn given(primary: bool) -> Client {
    client(Presentation { wording: Some(wording()), ..Presentation::default() }, primary)
}

fn juergen() -> String {
    format!("CN=J\u{fc}rgen A/B,OU=Sales,OU=People,{CORP}")
}

/// Users have what is given to them, in answers, filters, comparisons and orders; what is stored is not there.
#[test]
fn users_have_what_they_are_given() {
    let mut client = given(false);
    assert_eq!(client.values_of(&people("bob"), "company"), ["Example Ltd", "Example Group"]);
    assert_eq!(client.values_of(&juergen(), "DEPARTMENT"), ["Sales"]);
    assert!(client.values_of(&people("alice"), "department").is_empty());
    assert!(client.values_of(&in_groups("crm"), "company").is_empty(), "no user");
    assert!(client.attributes_of(&juergen(), &[]).contains(&"department".to_owned()));
    let users = client.found("(company=*)").len();
    assert_eq!(users, 5);
    for (filter, count) in [
        ("(company=example group)", 5),
        ("(company=Ex*Ltd)", 5),
        ("(!(company=example ltd))", 10),
        ("(company=stored)", 0),
        ("(company;lang-de=Example Ltd)", 0),
        ("(department=sales)", 1),
        ("(department:dn:=sales)", 1),
        ("(department=stored)", 0),
        ("(department=*)", 1),
        ("(&(cn=alice)(!(department=*)))", 1),
        ("(&(objectClass=user)(|(department=Sales)(cn=bob)))", 2),
        ("(department>=T)", 0),
    ] {
        assert_eq!(client.found(filter).len(), count, "{filter}");
    }
    let mut code = |entry: &str, attribute: &str, value: &str| {
        client.send(compare(entry, attribute, value), Vec::new()).code()
    };
    assert_eq!(code(&people("bob"), "company", "EXAMPLE LTD"), 6);
    assert_eq!(code(&people("bob"), "company", "stored"), 5);
    assert_eq!(code(&people("alice"), "department", "stored"), 16);
    let keys = [SortKey { attribute: "department".to_owned(), rule: None, reverse: false }];
    let control = server_side_sort::request(&keys, true);
    let sorted = client.send(asking(CORP, "(company=*)", &["1.1"]), vec![control]);
    assert_eq!(sorted.entries()[0], juergen(), "before those who have none");
}

/// memberOf has every group that a filter along the chain finds, and nothing else.
#[test]
fn nested_groups() {
    let all = |client: &mut Client, name: &str| {
        let mut groups = client.values_of(name, "memberOf");
        groups.sort_unstable();
        groups
    };
    let mut client = given(false);
    let crm = [in_groups("crm"), in_groups("crm-loop"), in_groups("crm-nested")];
    assert_eq!(all(&mut client, &people("bob")), crm);
    assert_eq!(all(&mut client, &people("alice")), crm[..1]);
    assert!(all(&mut client, &juergen()).is_empty());
    let mut with_primary = given(true);
    assert_eq!(all(&mut with_primary, &juergen()), [in_groups("Domain Users")]);
    for client in [&mut client, &mut with_primary] {
        for group in ["crm", "crm-nested", "crm-loop", "Domain Users", "empty"] {
            let group = in_groups(group);
            for user in ["alice", "bob"] {
                let has = client.values_of(&people(user), "memberOf").contains(&group);
                let found = client.found(&format!("(&(cn={user})(memberOf={group}))"));
                assert_eq!(found.len(), usize::from(has), "{user} {group}");
                let code = client.send(compare(&people(user), "memberOf", &group), Vec::new());
                assert_eq!(code.code(), if has { 6 } else { 5 }, "{user} {group}");
            }
        }
    }
    assert_eq!(client.send(compare(&juergen(), "memberOf", &crm[0]), Vec::new()).code(), 16);
    let range = client.attributes_of(&people("bob"), &["memberOf;range=0-1"]);
    assert_eq!(range, ["memberOf;range=0-1"]);
}

/// Of nested groups those are told that are shown, whatever is between.
#[test]
fn nested_groups_that_are_hidden() {
    let presentation = Presentation {
        group_filter: Some(Filter::parse("(cn=crm)").unwrap()),
        wording: Some(wording()),
        ..Presentation::default()
    };
    let mut client = client(presentation, false);
    assert_eq!(client.values_of(&people("bob"), "memberOf"), [in_groups("crm")]);
    assert_eq!(client.found("(&(objectClass=user)(memberOf=*))"), ["CN=alice", "CN=bob"]);
    assert_eq!(client.found(&format!("(memberOf={})", in_groups("crm-nested"))).len(), 0);
}

/// What is given is shown, whatever list of attributes there is, under the name that it is given.
#[test]
fn what_is_given_is_shown() {
    let mut wording = wording();
    wording.renames.add("company", "o").unwrap();
    let presentation = Presentation {
        attributes: ShownAttributes::Only(AttributeSet::of(&["mail"])),
        wording: Some(wording),
        ..Presentation::default()
    };
    let mut client = client(presentation, false);
    let shown = client.attributes_of(&juergen(), &["*"]);
    assert_eq!(shown, ["cn", "department", "o", "objectClass"]);
    assert_eq!(client.found("(o=Example Ltd)").len(), 5);
    assert!(client.found("(company=*)").is_empty());
}
