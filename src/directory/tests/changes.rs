//! What changed between two views.

use super::*;

fn changed(change: impl Fn(&mut Vec<Entry>)) -> ChangeSummary {
    let mut entries = company();
    change(&mut entries);
    next(&company_view(), entries).1
}

fn guids(numbers: &[u8]) -> Vec<Guid> {
    numbers.iter().map(|number| guid(*number)).collect()
}

const STAFF_AT: usize = 0;
const VPN_AT: usize = 1;
const NESTED_A_AT: usize = 2;
const ALICE_AT: usize = 8;
const BOB_AT: usize = 9;
const PEOPLE_AT: usize = 11;

#[test]
fn everything_is_new_at_first() {
    let summary = first(company());
    assert_eq!((summary.users_created, summary.groups_created), (3, 8));
    assert_eq!(summary.memberships_added, 11);
    assert_eq!(summary.affected_users, guids(&[11, 12, 13]));
    assert!(!summary.is_empty());
}

/// What only this controller says, the order of values and of entries, is no change.
#[test]
fn another_controller_says_the_same() {
    let summary = changed(|entries| {
        entries.reverse();
        for entry in entries.iter_mut() {
            set(entry, "uSNChanged", &["4711"]);
            set(entry, "whenChanged", &["20250101000000.0Z"]);
            set(entry, "badPwdCount", &["2"]);
            set(entry, "repsFrom", &["dc2"]);
            entry.attributes.reverse();
            for attribute in &mut entry.attributes {
                attribute.values.reverse();
            }
        }
    });
    assert_eq!(summary, ChangeSummary::default());
    assert!(summary.is_empty());
}

#[test]
fn users_are_counted_once_each() {
    let summary = changed(|entries| {
        set(&mut entries[ALICE_AT], "userAccountControl", &["514"]);
        set(&mut entries[ALICE_AT], "mail", &["a@corp.example"]);
        set(&mut entries[BOB_AT], "userAccountControl", &["512"]);
        set(&mut entries[BOB_AT + 1], "mail", &["jm@corp.example"]);
        entries.push(user(60, "new", DOMAIN));
    });
    let expected = ChangeSummary {
        users_created: 1,
        users_changed: 1,
        users_deactivated: 1,
        users_reactivated: 1,
        affected_users: guids(&[11, 12, 13, 60]),
        ..ChangeSummary::default()
    };
    assert_eq!(summary, expected);
}

#[test]
fn a_removed_user_takes_the_memberships_along() {
    let summary = changed(|entries| {
        entries.remove(ALICE_AT);
        set(&mut entries[STAFF_AT], "member", &[BOB, JM, OUTSIDER]);
        set(&mut entries[VPN_AT], "member", &[]);
        let news = entries.iter_mut().find(|entry| entry.dn.starts_with("CN=news")).unwrap();
        set(news, "member", &[]);
    });
    assert_eq!((summary.users_removed, summary.groups_changed), (1, 3));
    assert_eq!((summary.memberships_added, summary.memberships_removed), (0, 3));
    assert_eq!(summary.affected_users, guids(&[11]));
}

/// A user deep below a group is affected when the group joins or leaves another.
#[test]
fn nested_memberships_affect_the_users_below() {
    let summary = changed(|entries| set(&mut entries[NESTED_A_AT], "member", &[]));
    let expected = ChangeSummary {
        groups_changed: 1,
        memberships_removed: 1,
        affected_users: guids(&[11]),
        ..ChangeSummary::default()
    };
    assert_eq!(summary, expected);
}

#[test]
fn a_renamed_group_affects_its_members() {
    let summary = changed(|entries| set(&mut entries[STAFF_AT], "sAMAccountName", &["crew"]));
    assert_eq!(summary.groups_changed, 1);
    assert_eq!((summary.memberships_added, summary.memberships_removed), (0, 0));
    assert_eq!(summary.affected_users, guids(&[11, 12, 13]));
    let summary = changed(|entries| push(&mut entries[STAFF_AT], "description", b"all"));
    assert_eq!((summary.groups_changed, summary.affected_users.len()), (1, 0));
}

/// Those whose primary group it is are affected when a group comes or goes, and by what it is in.
#[test]
fn members_by_primary_group() {
    let without = || {
        let mut entries = company();
        entries.retain(|entry| !entry.dn.starts_with("CN=Domain Users,"));
        entries
    };
    let gone = changed(|entries| *entries = without());
    assert_eq!((gone.groups_removed, gone.affected_users), (1, guids(&[11, 12, 13])));
    let come = next(&view_of(without()), company()).1;
    assert_eq!((come.groups_created, come.affected_users), (1, guids(&[11, 12, 13])));
}

/// A member that is no copied entry counts as well.
#[test]
fn outside_members() {
    let summary = changed(|entries| set(&mut entries[STAFF_AT], "member", &[ALICE, BOB, JM]));
    assert_eq!((summary.groups_changed, summary.memberships_removed), (1, 1));
    assert!(summary.affected_users.is_empty());
}

/// Renaming the manager changes the manager, not those who refer to them.
#[test]
fn a_reference_follows_its_target() {
    let summary = changed(|entries| {
        let renamed = "CN=robert,OU=Sales,OU=People,DC=corp,DC=example";
        renamed.clone_into(&mut entries[BOB_AT].dn);
        set(&mut entries[BOB_AT], "distinguishedName", &[renamed]);
        set(&mut entries[ALICE_AT], "manager", &[renamed]);
        for group in [STAFF_AT, 4] {
            for value in entries[group].attributes.iter_mut().flat_map(|found| &mut found.values) {
                if value == BOB.as_bytes() {
                    *value = renamed.as_bytes().to_vec();
                }
            }
        }
    });
    let expected = ChangeSummary {
        users_changed: 1,
        affected_users: guids(&[12]),
        ..ChangeSummary::default()
    };
    assert_eq!(summary, expected);
}

#[test]
fn containers_and_the_domain() {
    let summary = changed(|entries| push(&mut entries[PEOPLE_AT], "description", b"all people"));
    assert_eq!(summary, ChangeSummary { others_changed: 1, ..ChangeSummary::default() });
    let mut renamed = domain();
    renamed.netbios_name = Some("CORPORATION".to_owned());
    renamed.root_dse = entry("", &[]);
    let (view, summary) = company_view().refreshed(renamed, packed(company()), times()).unwrap();
    assert_eq!(view.domain().netbios_name.as_deref(), Some("CORPORATION"));
    assert_eq!(summary, ChangeSummary { domain_changed: true, ..ChangeSummary::default() });
}

/// An attribute that only one of the views has at all.
#[test]
fn an_attribute_appears_and_disappears() {
    let with = || {
        let mut entries = company();
        set(&mut entries[ALICE_AT], "title", &["x"]);
        entries
    };
    let expected = ChangeSummary {
        users_changed: 1,
        affected_users: guids(&[11]),
        ..ChangeSummary::default()
    };
    let (titled, summary) = next(&company_view(), with());
    assert_eq!(summary, expected);
    assert_eq!(next(&titled, company()).1, expected);
    assert!(next(&titled, with()).1.is_empty());
}
