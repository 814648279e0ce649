//! Searches over two directories of one application: from the root, from a name above both, and from the name of
//! one that is above the other.

use std::collections::BTreeSet;

use super::*;
use crate::directory::View;
use crate::policy::application::AnonymousAccess;
use crate::policy::tests::{
    ANNA, LAB, both, company, corp_view, lab_view, on_both, people, person,
};

const PARENT: &str = "dc=Example";

fn on(world: World) -> Client {
    Client::new(Application { anonymous: AnonymousAccess::Search, ..on_both() }, world)
}

fn world() -> World {
    both(Some(corp_view(1, company())), Some(lab_view(2, vec![person(ANNA, "anna")])))
}

fn found(client: &mut Client, base: &str, scope: SearchScope, filter: &str) -> BTreeSet<String> {
    let answers = client.send(search(base, scope, filter), Vec::new());
    let what = String::from_utf8_lossy(&answers.result().diagnostic_message).into_owned();
    assert_eq!(answers.code(), 0, "{base:?} {scope:?}: {what}");
    let entries = answers.entries();
    let names: BTreeSet<String> = entries.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names.len(), entries.len(), "an entry twice");
    names
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_common_parent_is_both_directories() {
    let mut client = on(world());
    let anna = format!("uid=anna,ou=people,{LAB}");
    let persons = "(|(sAMAccountName=alice)(uid=anna))";
    for scope in [SearchScope::WholeSubtree, SearchScope::SubordinateSubtree] {
        assert_eq!(found(&mut client, PARENT, scope, persons), set(&[&people("alice"), &anna]));
        assert_eq!(found(&mut client, "", scope, persons).len(), 2);
        // The heads are below the parent, whatever the scope.
        let heads = "(|(objectClass=domainDNS)(objectClass=organization))";
        assert_eq!(found(&mut client, PARENT, scope, heads), set(&[CORP, LAB]));
    }
    let one = found(&mut client, PARENT, SearchScope::SingleLevel, "(objectClass=*)");
    assert_eq!(one, set(&[CORP, LAB]));
    let base = client.send(search(PARENT, SearchScope::BaseObject, "(objectClass=*)"), Vec::new());
    assert_eq!(base.code(), 32, "there is no such entry");
    for beside in ["dc=elsewhere", "ou=x,dc=example", "dc=ample"] {
        assert_eq!(client.search(beside, persons).code(), 32, "{beside}");
    }
    // One directory alone says what it is.
    assert_eq!(found(&mut client, CORP, SearchScope::WholeSubtree, persons).len(), 1);
    assert_eq!(found(&mut client, LAB, SearchScope::WholeSubtree, persons), set(&[&anna]));
}

/// Pages and order go over both.
#[test]
fn pages_go_over_both() {
    let mut client = on(world());
    let all = || {
        search(
            PARENT,
            SearchScope::WholeSubtree,
            "(|(objectClass=user)(objectClass=person)(uid=*))",
        )
    };
    let whole = client.send(all(), Vec::new()).entries().len();
    let (mut cookie, mut count, mut pages) = (Vec::new(), 0, 0);
    loop {
        let page = client.page(&all(), 2, &cookie);
        count += page.entries().len();
        pages += 1;
        cookie = page.cookie();
        if cookie.is_empty() {
            break;
        }
    }
    assert_eq!((count, pages), (whole, whole.div_ceil(2)));
    assert_eq!(whole, 6);
}

/// A domain and a directory below its name: the search of the upper one goes on in the lower one.
#[test]
fn the_name_of_one_may_be_above_the_other() {
    let mut domain = lab_view(2, Vec::new()).domain().clone();
    domain.naming_context = format!("dc=lab,{CORP}");
    let mut anna = person(ANNA, "anna");
    anna.dn = format!("uid=anna,{}", domain.naming_context);
    let mut head = person(41, "lab");
    head.dn.clone_from(&domain.naming_context);
    let entries = vec![head, anna];
    let below = View::build(2, domain, entries, crate::policy::tests::noon().wall);
    let world = both(Some(corp_view(1, company())), Some(Arc::new(below.unwrap())));
    let mut client = on(world);
    let persons = "(|(sAMAccountName=alice)(uid=anna))";
    assert_eq!(found(&mut client, CORP, SearchScope::WholeSubtree, persons).len(), 2);
    let lower = format!("dc=lab,{CORP}");
    let one = found(&mut client, CORP, SearchScope::SingleLevel, "(objectClass=*)");
    assert!(one.contains(&lower) && one.contains(&format!("OU=People,{CORP}")), "{one:?}");
    assert_eq!(found(&mut client, &lower, SearchScope::WholeSubtree, persons).len(), 1);
}

/// What is above several directories needs all of them.
#[test]
fn half_of_what_is_below_is_unavailable() {
    let mut client = on(both(Some(corp_view(1, company())), None));
    assert_eq!(client.search(PARENT, "(objectClass=user)").code(), 52);
    assert_eq!(client.search(CORP, "(sAMAccountName=alice)").code(), 0);
}

/// In an application with one directory a name above it is no entry, as the directory itself says.
#[test]
fn one_directory_has_nothing_above_it() {
    let application = Application { anonymous: AnonymousAccess::Search, ..application() };
    let mut client = Client::new(application, corp(1, company()));
    assert_eq!(client.search(PARENT, "(objectClass=*)").code(), 32);
}
