//! Nested groups, cycles, primary groups.

use proptest::prelude::*;

use super::*;

fn group_dn(name: &str) -> String {
    format!("CN={name},OU=Groups,{DOMAIN}")
}

#[test]
fn nested_and_primary_groups_count() {
    let view = company_view();
    let cases = [
        (ALICE, "staff", true),
        (ALICE, "nested-b", true),
        (BOB, "nested-b", false),
        (BOB, "loop-y", true),
        (ALICE, "Domain Users", true),
        (JM, "news", false),
    ];
    for (member, group, expected) in cases {
        let (member, group) = (at(&view, member), at(&view, &group_dn(group)));
        assert_eq!(view.is_member(member, group), expected, "{} in {}", member.dn(), group.dn());
        assert_eq!(view.groups_of(member).contains(group.slot().0), expected);
    }
    let vpn = at(&view, &group_dn("vpn"));
    assert!(!view.is_member(vpn, vpn), "a group is no member of itself");
    let looping = at(&view, &group_dn("loop-x"));
    assert!(view.is_member(looping, looping), "unless a chain leads back to it");
}

#[test]
fn paths_name_every_group_between() {
    let view = company_view();
    let path = |member: &str, group: &str| {
        let path = view.membership_path(at(&view, member), at(&view, &group_dn(group)))?;
        Some(path.into_iter().map(|slot| short(view.entry(slot).unwrap())).collect::<Vec<_>>())
    };
    let names =
        |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(path(ALICE, "nested-b"), names(&["alice", "vpn", "nested-a", "nested-b"]));
    assert_eq!(path(ALICE, "Domain Users"), names(&["alice", "Domain Users"]));
    assert_eq!(path(BOB, "loop-y"), names(&["bob", "loop-x", "loop-y"]));
    assert_eq!(path(&group_dn("loop-x"), "loop-x"), names(&["loop-x", "loop-y", "loop-x"]));
    assert_eq!(path(BOB, "nested-b"), None);
}

/// OpenLDAP: member, uniqueMember and memberUid all make memberships, and memberOf names them all.
#[test]
fn every_sort_of_openldap_group() {
    let view = openldap_view();
    let anna = at(&view, "uid=anna,ou=people,dc=example,dc=org");
    let boris = at(&view, "uid=boris,ou=people,dc=example,dc=org");
    let both = at(&view, "cn=both,dc=example,dc=org");
    let unix = at(&view, "cn=unix,dc=example,dc=org");
    assert!(view.is_member(anna, both) && view.is_member(boris, both));
    assert!(view.is_member(boris, unix) && !view.is_member(anna, unix));
    assert_eq!(boris.text("memberOf").as_deref(), Some("cn=unix,dc=example,dc=org"));
    assert_eq!(found(&view, "(memberOf=cn=staff,dc=example,dc=org)"), ["anna"]);
}

/// A uid that two entries have is nobody's membership.
#[test]
fn an_ambiguous_member_uid_counts_for_nobody() {
    let mut entries = Vec::new();
    for (number, dn) in [(1, "uid=x,ou=a,dc=example"), (2, "uid=x,ou=b,dc=example")] {
        let mut found = entry(dn, &[("objectClass", &["account"]), ("uid", &["x"])]);
        push(&mut found, "entryUUID", guid(number).to_string().as_bytes());
        entries.push(found);
    }
    let mut group =
        entry("cn=g,dc=example", &[("objectClass", &["posixGroup"]), ("memberUid", &["x"])]);
    push(&mut group, "entryUUID", guid(3).to_string().as_bytes());
    entries.push(group);
    let mut domain = domain();
    domain.kind = DirectoryKind::OpenLdap;
    let view = View::build(1, domain, entries, moment()).unwrap();
    assert_eq!(found(&view, "(memberOf=*)"), Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Against the transitive closure of the direct memberships, worked out on a matrix.
    #[test]
    fn cycles_end(edges in proptest::collection::vec((0_usize..8, 0_usize..8), 0..24)) {
        let entries: Vec<Entry> = (0..8).map(|number| {
            let members: Vec<String> = edges
                .iter()
                .filter(|(group, _)| *group == number)
                .map(|(_, member)| group_dn(&format!("g{member}")))
                .collect();
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            group(100 + u8::try_from(number).unwrap(), &format!("g{number}"), &members)
        }).collect();
        let view = view_of(entries);
        let mut closure: std::collections::BTreeSet<(usize, usize)> =
            edges.iter().map(|(group, member)| (*member, *group)).collect();
        for through in 0..8 {
            for from in 0..8 {
                for to in 0..8 {
                    if closure.contains(&(from, through)) && closure.contains(&(through, to)) {
                        closure.insert((from, to));
                    }
                }
            }
        }
        for from in 0..8 {
            for to in 0..8 {
                let member = at(&view, &group_dn(&format!("g{from}")));
                let group = at(&view, &group_dn(&format!("g{to}")));
                prop_assert_eq!(view.is_member(member, group), closure.contains(&(from, to)));
                let path = view.membership_path(member, group);
                prop_assert_eq!(path.is_some(), closure.contains(&(from, to)));
                for step in path.iter().flat_map(|path| path.windows(2)) {
                    let (below, above) = (view.entry(step[0]).unwrap(), view.entry(step[1]).unwrap());
                    let groups = below.values("memberOf");
                    prop_assert!(groups.iter().any(|group| group.as_ref() == above.dn().as_bytes()));
                }
            }
        }
    }
}

/// Also of what stands below a container, and whatever the attribute; not the groups that memberOf names, nor
/// an entry's own name.
#[test]
fn those_who_name_an_entry_are_found() {
    let view = openldap_view();
    let referrers = |numbers: &[u8]| -> Vec<u8> {
        let found = view.referrers(&numbers.iter().map(|number| guid(*number)).collect());
        (1..=9).filter(|number| found.contains(&guid(*number))).collect()
    };
    assert_eq!(referrers(&[3]), [5], "anna is in staff");
    assert_eq!(referrers(&[2]), [5], "and below people");
    assert_eq!(referrers(&[5, 6]), [7]);
    assert_eq!(referrers(&[4, 7, 99]), [0; 0]);
}
