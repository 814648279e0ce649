//! What becomes of pages.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use proptest::prelude::*;

use super::*;
use crate::directory::Domain;
use crate::ldap::entry::{Entry, EntryAttribute};

const AD: DirectoryKind = DirectoryKind::ActiveDirectory;
const BASE: &str = "DC=corp,DC=example";

fn push(entry: &mut Entry, name: &str, values: Vec<Vec<u8>>) {
    entry.attributes.push(EntryAttribute { description: name.to_owned(), values });
}

fn object(number: u8, dn: &str, class: &str, attributes: &[(&str, &[&str])]) -> Entry {
    let mut entry = Entry { dn: dn.to_owned(), attributes: Vec::new() };
    push(&mut entry, "objectGUID", vec![vec![number; 16]]);
    push(&mut entry, "objectClass", vec![b"top".to_vec(), class.as_bytes().to_vec()]);
    for (name, values) in attributes {
        let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        push(&mut entry, name, values);
    }
    entry
}

fn user(number: u8) -> Entry {
    let dn = format!("CN=u{number},{BASE}");
    object(number, &dn, "user", &[("userAccountControl", &["512"])])
}

fn guid(number: u8) -> Guid {
    Guid::from_ad_octets(&[number; 16]).unwrap()
}

fn packed(page: &[Entry]) -> Vec<PackedEntry> {
    page.iter().map(PackedEntry::pack).collect()
}

fn assembly(pages: Vec<Vec<Entry>>) -> Assembly {
    let mut assembly = Assembly::new(AD);
    pages.into_iter().for_each(|page| assembly.add(packed(&page)));
    assembly
}

fn assembled(pages: Vec<Vec<Entry>>) -> Result<Assembled, AssembleError> {
    assembly(pages).finish(BASE, None)
}

fn names(entries: &[PackedEntry]) -> Vec<&str> {
    entries.iter().map(PackedEntry::dn).collect()
}

/// A view with so many users and groups.
fn view(users: u8, groups: u8) -> View {
    let domain = Domain {
        directory: Arc::from("corp"),
        kind: AD,
        naming_context: BASE.to_owned(),
        configuration_context: None,
        schema_context: None,
        dns_name: None,
        netbios_name: None,
        sid: None,
        upn_suffixes: Vec::new(),
        root_dse: Entry { dn: String::new(), attributes: Vec::new() },
        subschema: None,
    };
    let groups =
        (0..groups).map(|number| object(100 + number, &format!("CN=g{number}"), "group", &[]));
    let entries = (0..users).map(user).chain(groups).collect();
    View::build(1, domain, entries, UNIX_EPOCH).unwrap()
}

/// Nobody logs in with these, and applications would count them as people.
#[test]
fn who_is_copied() {
    let class = |class: &str| object(9, "CN=x", class, &[]);
    let with_sid = |mut entry: Entry, sid: &str| {
        push(&mut entry, "objectSid", vec![Sid::parse(sid).unwrap().octets().to_vec()]);
        entry
    };
    let computer = {
        let mut computer = class("user");
        computer.attributes[1].values.push(b"computer".to_vec());
        computer
    };
    let trust = object(9, "CN=x", "user", &[("sAMAccountType", &["805306370"])]);
    let read_only = object(9, "CN=x", "user", &[("msDS-SecondaryKrbTgtNumber", &["4711"])]);
    let krbtgt = with_sid(class("user"), "S-1-5-21-1-2-3-502");
    let guest = with_sid(class("user"), "S-1-5-21-1-2-3-501");
    for dropped in [computer, trust, read_only, krbtgt, guest] {
        assert!(!is_copied(AD, &dropped), "{dropped:?}");
    }
    let administrator = with_sid(class("user"), "S-1-5-21-1-2-3-500");
    let domain_users = with_sid(class("group"), "S-1-5-21-1-2-3-502");
    for copied in [administrator, domain_users, class("organizationalUnit"), class("user")] {
        assert!(is_copied(AD, &copied), "{copied:?}");
    }
    assert!(is_copied(DirectoryKind::OpenLdap, &class("device")));
}

#[test]
fn forbidden_and_local_attributes_are_dropped() {
    let mut entry = user(1);
    for name in ["unicodePwd", "userPassword;x", "BADPWDCOUNT", "nTSecurityDescriptor", "mail"] {
        push(&mut entry, name, vec![b"x".to_vec()]);
    }
    let kept = assembled(vec![vec![entry]]).unwrap();
    let names: Vec<&str> = kept.entries[0].attributes().map(|kept| kept.description()).collect();
    assert_eq!(names, ["objectGUID", "objectClass", "userAccountControl", "mail"]);
}

/// Of an object that is moved while the pages come, the later reading counts.
#[test]
fn a_moved_entry_is_there_once() {
    let mut moved = user(1);
    moved.dn = format!("CN=u1,OU=Left,{BASE}");
    let both = assembled(vec![vec![user(1), user(2)], vec![moved]]).unwrap();
    assert_eq!(
        names(&both.entries),
        ["CN=u1,OU=Left,DC=corp,DC=example", "CN=u2,DC=corp,DC=example"]
    );
    assert_eq!(both.moved, 1);
    let twice = assembled(vec![vec![user(1)], vec![user(1)]]).unwrap();
    assert_eq!((twice.entries.len(), twice.moved), (1, 0));
}

#[test]
fn what_is_taken_out_is_found_no_more() {
    let mut assembly = assembly(vec![vec![user(1), user(2), user(3)]]);
    assembly.remove(guid(1));
    assembly.remove(guid(9));
    let mut renamed = user(3);
    renamed.dn = "CN=renamed".to_owned();
    // The last entry has taken the free place, and is still found by its identity.
    assembly.add(packed(&[renamed, user(1)]));
    let left = assembly.finish(BASE, None).unwrap();
    assert_eq!(
        names(&left.entries),
        ["CN=renamed", "CN=u2,DC=corp,DC=example", "CN=u1,DC=corp,DC=example"]
    );
}

/// Invariant 10 of the design: what may not become a view does not.
#[test]
fn what_cannot_be_right_is_thrown_away() {
    let group = || object(50, "CN=g", "group", &[]);
    let without = |number, name: &str| {
        let mut user = user(number);
        user.attributes.retain(|attribute| attribute.description != name);
        user
    };
    let (stateless, nameless) = ("userAccountControl", "objectGUID");
    let error = |page| assembled(vec![page]).unwrap_err();
    let empty = AssembleError::Empty { base: BASE.to_owned() };
    assert_eq!(error(vec![]), empty);
    assert_eq!(error(vec![group()]), empty);
    assert_eq!(
        error(vec![user(1), without(2, stateless), without(3, stateless)]),
        AssembleError::StateUnreadable { unreadable: 2, users: 3 }
    );
    assert_eq!(
        error(vec![user(1), without(2, nameless), without(3, nameless)]),
        AssembleError::IdentityUnreadable { unreadable: 2, users: 3 }
    );
    let page = vec![user(1), user(2), without(3, stateless), without(4, nameless), group()];
    let some = assembled(vec![page]).unwrap();
    assert_eq!((some.entries.len(), some.unreadable), (5, 1), "those few are refused one by one");
}

#[test]
fn what_was_there_does_not_vanish_at_once() {
    let after = |before: &View, page| assembly(vec![page]).finish(BASE, Some(before)).err();
    let no_users = AssembleError::NoUsersLeft { before: 2 };
    assert_eq!(after(&view(2, 0), vec![]), Some(no_users));
    let no_groups = AssembleError::NoGroupsLeft { before: 10 };
    assert_eq!(after(&view(1, 10), vec![user(1)]), Some(no_groups));
    assert_eq!(after(&view(1, 9), vec![user(1)]), None, "a few may be removed");
    assert_eq!(after(&view(1, 10), vec![user(1), object(50, "CN=g", "group", &[])]), None);
}

#[test]
fn memberships_that_only_one_end_names() {
    let member = |number, groups: &[&str]| {
        let mut user = user(number);
        push(&mut user, "memberOf", groups.iter().map(|group| group.as_bytes().to_vec()).collect());
        user
    };
    let group = |number, dn, members: &[&str]| object(number, dn, "group", &[("member", members)]);
    let mut assembly = assembly(vec![vec![
        group(50, "CN=fits", &["cn=U1, dc=corp,dc=example", "CN=u2,DC=corp,DC=example", "CN=pc"]),
        group(51, "CN=old member", &["CN=old name,DC=corp,DC=example"]),
        group(52, "CN=left", &[]),
        member(1, &["CN=fits", "CN=old member", "CN=elsewhere"]),
        member(2, &["CN=fits", "CN=left"]),
    ]]);
    let found = assembly.memberships();
    assert_eq!((found.claimed, found.unconfirmed, found.are_hidden()), (4, 2, false));
    assert_eq!(found.groups, BTreeSet::from([guid(51), guid(52)]));
    assert_eq!(found.members, BTreeSet::from([guid(1), guid(2)]));
    let group_now = group(51, "CN=old member", &["CN=u1,DC=corp,DC=example"]);
    assembly.add(packed(&[group_now]));
    assert_eq!(assembly.memberships().groups, BTreeSet::from([guid(52)]));
    assembly.add(packed(&[group(50, "CN=fits", &[]), group(51, "CN=old member", &[])]));
    assert!(assembly.memberships().are_hidden());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Invariant 10 of the design: however the controller cuts the pages, the entries are the same.
    #[test]
    fn pages_do_not_matter(
        numbers in proptest::collection::vec(0_u8..20, 1..40),
        cuts in proptest::collection::vec(0_usize..40, 0..6),
    ) {
        let entries: Vec<Entry> = numbers.iter().enumerate().map(|(at, number)| {
            let mut user = user(*number);
            user.dn = format!("CN=u{number},OU=o{at},{BASE}");
            user
        }).collect();
        let mut pages = vec![Vec::new()];
        for (at, entry) in entries.iter().enumerate() {
            if cuts.contains(&at) {
                pages.push(Vec::new());
            }
            pages.last_mut().unwrap().push(entry.clone());
        }
        let cut = assembled(pages).unwrap();
        let whole = assembled(vec![entries]).unwrap();
        prop_assert_eq!(cut.entries, whole.entries);
    }
}
