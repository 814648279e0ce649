//! Searches and compares: what is out of scope is not there, by whatever door.

use super::*;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::request::CompareRequest;
use crate::policy::tests::{
    ANNA, CORP, EVE, both, company, corp_view, guid, in_groups, lab_view, names, on_both, people,
    person,
};

/// An entry that the application is not shown is answered like one that does not exist, to the octet:
/// as a base in every form, in compares, in filters.
#[test]
fn hidden_entries_are_like_no_entries() {
    let mut client = searching();
    let eve = format!("CN=eve,OU=Service,{CORP}");
    let nil = format!("CN=nil,OU=Service,{CORP}");
    let pairs = [
        (eve.clone(), nil.clone()),
        (format!("<GUID={}>", guid(EVE)), format!("<GUID={}>", guid(99))),
        ("<SID=S-1-5-21-1-2-3-1015>".to_owned(), "<SID=S-1-5-21-1-2-3-1099>".to_owned()),
    ];
    for (hidden, missing) in pairs {
        for scope in [SearchScope::BaseObject, SearchScope::WholeSubtree, SearchScope::SingleLevel]
        {
            let mut result = |dn: &str| {
                let answers = client.send(search(dn, scope, "(objectClass=*)"), Vec::new());
                assert!(answers.entries().is_empty());
                let mut result = answers.result().clone();
                let text = String::from_utf8(result.diagnostic_message).unwrap();
                result.diagnostic_message = text.replace(dn, "").into_bytes();
                result
            };
            assert_eq!(result(&hidden), result(&missing), "{hidden}");
        }
    }
    let mut compare = |dn: &str, attribute: &str| {
        let request = CompareRequest {
            entry: dn.to_owned(),
            attribute: AttributeDescription::new(attribute),
            value: b"eve".to_vec(),
        };
        client.send(Operation::Compare(request), Vec::new()).code()
    };
    assert_eq!(compare(&eve, "cn"), compare(&nil, "cn"));
    assert_eq!(compare(&people("alice"), "cn"), 5);
    assert_eq!(compare(&people("alice"), "unicodePwd"), 16, "never shown, never compared");
}

#[test]
fn filters_find_nobody_hidden() {
    let mut client = searching();
    for filter in [
        "(sAMAccountName=eve)",
        "(|(sAMAccountName=eve)(sAMAccountName=alice))",
        "(objectSid=S-1-5-21-1-2-3-1015)",
        "(!(sAMAccountName=bob))",
        "(primaryGroupID=513)",
        &format!("(memberOf:1.2.840.113556.1.4.1941:={})", in_groups("crm")),
    ] {
        for base in [CORP, "", &format!("OU=Service,{CORP}")] {
            let answers = client.search(base, filter);
            assert_eq!(answers.code(), 0, "{filter}");
            let hidden = answers.entries().iter().any(|dn| dn.starts_with("CN=eve"));
            assert!(!hidden, "{filter} under {base:?}");
        }
    }
    assert_eq!(client.search(CORP, "(sAMAccountName=alice)").entries(), [people("alice")]);
    assert_eq!(client.search(CORP, "(unicodePwd=*)").entries(), Vec::<&str>::new());
}

/// MS-ADTS leaves the primary group out of memberOf; by option an application has it there, in filters as
/// in values.
#[test]
fn the_primary_group_counts_by_option() {
    let found = |primary_group_in_member_of| {
        let application = Application {
            service_accounts: names(&["svc-crm"]),
            primary_group_in_member_of,
            ..application()
        };
        let mut client = Client::new(application, corp(1, company()));
        assert_eq!(client.bind("svc-crm"), 0);
        let answers = client.search(CORP, &format!("(memberOf={})", in_groups("Domain Users")));
        answers.entries().iter().any(|dn| *dn == people("alice"))
    };
    assert!(!found(false) && found(true));
}

/// A directory that has not been synced is never answered as one that holds nothing.
#[test]
fn half_a_world_is_unavailable() {
    let application = Application { service_accounts: names(&["CORP\\svc-crm"]), ..on_both() };
    let mut client = Client::new(application, both(Some(corp_view(1, company())), None));
    assert_eq!(client.bind("CORP\\svc-crm"), 0);
    assert_eq!(client.search("", "(cn=alice)").code(), 52);
    assert_eq!(client.search("dc=lab,dc=example", "(cn=anna)").code(), 52);
    assert_eq!(client.search(CORP, "(cn=alice)").entries().len(), 1);
    let compare = |dn: &str| {
        let attribute = AttributeDescription::new("cn");
        let value = b"anna".to_vec();
        Operation::Compare(CompareRequest { entry: dn.to_owned(), attribute, value })
    };
    let anna = "uid=anna,ou=people,dc=lab,dc=example";
    assert_eq!(client.send(compare(anna), Vec::new()).code(), 52);
    let lab = lab_view(2, vec![person(ANNA, "anna")]);
    client.world = both(Some(corp_view(1, company())), Some(lab));
    assert_eq!(client.search("", "(|(cn=anna)(cn=alice))").entries().len(), 2);
    assert_eq!(client.send(compare(anna), Vec::new()).code(), 6);
    assert_eq!(client.search("dc=nowhere", "(cn=*)").code(), 32);
}

/// Local accounts may search, so they wait for every directory.
#[test]
fn local_accounts_wait_for_the_first_sync() {
    use crate::policy::application::{LocalAccount, LocalSecret};
    use sha2::{Digest, Sha256};
    let secret = LocalSecret::Sha256(Sha256::digest(b"secret").into());
    let local_accounts = vec![LocalAccount { name: "crm".to_owned(), secret }];
    let application = Application { local_accounts, ..on_both() };
    let mut client = Client::new(application, both(Some(corp_view(1, company())), None));
    assert_eq!(client.bind("crm"), 52);
    let lab = lab_view(2, vec![person(ANNA, "anna")]);
    client.world = both(Some(corp_view(1, company())), Some(lab));
    assert_eq!(client.bind("crm"), 0);
    assert!(client.search("", "(cn=*)").entries().len() > 5);
    assert_eq!(client.send(simple("crm", "wrong"), Vec::new()).code(), 49);
    assert_eq!(client.search("", "(cn=*)").code(), 1);
}
