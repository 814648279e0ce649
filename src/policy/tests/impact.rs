//! What a change does to people: the count from the affected is the count of everybody.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::visible::{any_application, any_company};
use super::*;
use crate::directory::{ApplicationImpact, ChangeSummary, EntryKind, Impact, Times, Withdrawn};
use crate::ldap::packed_entry::PackedEntry;
use crate::policy::account::AccountState;
use crate::policy::impact::{impact, impact_of_configuration, withdrawn};
use crate::policy::rules::{self, Subject};

/// The next view of the same line.
fn next(old: &View, entries: &[Entry]) -> (View, ChangeSummary) {
    let times = Times { read_at: noon().wall, now: noon().wall };
    let packed = entries.iter().map(PackedEntry::pack).collect();
    old.refreshed(old.domain().clone(), packed, times).unwrap()
}

fn counted(application: Application, change: impl FnOnce(&mut Vec<Entry>)) -> Impact {
    let old = corp_view(1, company());
    let mut entries = company();
    change(&mut entries);
    let (new, summary) = next(&old, &entries);
    let applications = [Arc::new(application)];
    impact(&applications, "corp", Some(&old), &new, &summary.affected_users, noon().wall)
}

fn drop_entry(entries: &mut Vec<Entry>, dn: &str) {
    entries.retain(|entry| entry.dn != dn);
}

fn crm(lost: usize, gained: usize, before: usize) -> Vec<ApplicationImpact> {
    vec![ApplicationImpact { name: Arc::from("crm"), before, lost, gained }]
}

#[test]
fn users_who_lose_their_account() {
    let expired = filetime(noon().wall - Duration::from_secs(1));
    let impact = counted(application(), |entries| {
        set(entry_of(entries, ALICE), "userAccountControl", &["514"]);
        set(entry_of(entries, BOB), "userAccountControl", &[]);
        set(entry_of(entries, EVE), "accountExpires", &[&expired]);
        drop_entry(entries, &format!("CN=svc-crm,OU=Service,{CORP}"));
        drop_entry(entries, &in_groups("empty"));
        set(entry_of(entries, JUERGEN), "mail", &["j@corp.example"]);
    });
    let expected = Impact {
        users_before: 5,
        users_after: 4,
        deactivated: 3,
        removed: 1,
        groups_before: 5,
        groups_after: 4,
        groups_removed: 1,
        applications: crm(1, 0, 5),
    };
    assert_eq!(impact, expected, "a disabled account stays in scope");
}

/// The clock alone takes accounts away without any change.
#[test]
fn expiry_by_the_clock_does_not_count() {
    let mut entries = company();
    set(entry_of(&mut entries, ALICE), "accountExpires", &[&filetime(noon().wall)]);
    let old = corp_view(1, entries.clone());
    set(entry_of(&mut entries, ALICE), "mail", &["a@corp.example"]);
    let (new, summary) = next(&old, &entries);
    assert_eq!(summary.affected_users, [guid(ALICE)]);
    let deactivated =
        |wall| impact(&[], "corp", Some(&old), &new, &summary.affected_users, wall).deactivated;
    assert_eq!(deactivated(noon().wall), 0);
    assert_eq!(deactivated(noon().wall - Duration::from_secs(1)), 0);
}

#[test]
fn who_leaves_an_application_and_who_comes() {
    let only = |groups: &[&str]| Application { required_groups: names(groups), ..application() };
    let emptied = counted(only(&["crm"]), |entries| set(entry_of(entries, 22), "member", &[]));
    assert_eq!(emptied.applications, crm(1, 0, 2), "bob, by way of the nested group");
    let joined = counted(only(&["crm"]), |entries| {
        set(entry_of(entries, 23), "member", &[&people("j"), &in_groups("empty")]);
        set(entry_of(entries, 24), "member", &[&format!("CN=eve,OU=Service,{CORP}")]);
    });
    assert_eq!(joined.applications, crm(0, 1, 2));
    let nobody = counted(only(&["crm"]), |entries| {
        set(entry_of(entries, ALICE), "mail", &["a@corp.example"]);
    });
    assert_eq!(nobody.applications, []);
    let elsewhere = Application { directories: vec![Arc::from("lab")], ..only(&["crm"]) };
    let elsewhere = counted(elsewhere, |entries| set(entry_of(entries, 21), "member", &[]));
    assert_eq!(elsewhere.applications, []);
}

/// Users whom nothing has happened to come and go with groups that rules name.
#[test]
fn a_group_that_rules_name() {
    let required = || Application { required_groups: names(&["crm"]), ..application() };
    let twin = counted(required(), |entries| {
        let mut twin = group(60, "other", &[]);
        set(&mut twin, "sAMAccountName", &["crm"]);
        entries.push(twin);
    });
    assert_eq!(twin.applications, crm(2, 0, 2), "a name of two groups grants nothing");
    let denied = |directories: &[&str]| Application {
        denied_groups: names(&["empty"]),
        directories: directories.iter().map(|name| Arc::from(*name)).collect(),
        ..application()
    };
    for directories in [&["corp"][..], &["corp", "lab"]] {
        let gone = counted(denied(directories), |entries| drop_entry(entries, &in_groups("empty")));
        assert_eq!(gone.applications, crm(5, 0, 5), "{directories:?}: nobody can be cleared");
    }
}

/// Alice is found by the name of her manager, who alone is renamed.
#[test]
fn a_filter_that_names_another_entry() {
    let managed_by = |name: &str| {
        let mut entries = company();
        entry_of(&mut entries, BOB).dn = people(name);
        set(entry_of(&mut entries, ALICE), "manager", &[&people(name)]);
        entries
    };
    let of = |rule: &str| {
        let old = corp_view(1, managed_by("bob"));
        let (new, summary) = next(&old, &managed_by("robert"));
        assert_eq!(summary.affected_users, [guid(BOB)]);
        let user_filter = filter(&format!("(|(cn=eve)(manager{rule}={}))", people("bob")));
        let applications = [Arc::new(Application { user_filter, ..application() })];
        impact(&applications, "corp", Some(&old), &new, &summary.affected_users, noon().wall)
    };
    assert_eq!(of("").applications, crm(1, 0, 2));
    assert_eq!(of(":1.2.840.113556.1.4.1941:").applications, crm(1, 0, 2));
}

/// A group that comes or goes brings or takes those whose primary group it is.
#[test]
fn members_by_primary_group_of_a_group_that_goes() {
    let required =
        Application { required_groups: names(&["Domain Users", "crm"]), ..application() };
    let gone = counted(required, |entries| drop_entry(entries, &in_groups("Domain Users")));
    assert_eq!(gone.applications, crm(3, 0, 5));
}

#[test]
fn a_first_view_takes_nothing() {
    let new = corp_view(1, company());
    let applications = [Arc::new(application())];
    let first = impact(&applications, "corp", None, &new, &[], noon().wall);
    assert_eq!(first, Impact { users_after: 5, groups_after: 5, ..Impact::default() });
}

/// Without a common line, who is affected is not known.
#[test]
fn views_of_different_lines() {
    let old = corp_view(1, company());
    let mut entries = company();
    drop_entry(&mut entries, &people("alice"));
    drop_entry(&mut entries, &in_groups("empty"));
    let corp = domain("corp", DirectoryKind::ActiveDirectory, CORP);
    let new = View::build(1, corp, entries, noon().later(Duration::from_secs(1)).wall).unwrap();
    assert_ne!(old.invocation(), new.invocation());
    let applications = [Arc::new(application())];
    let impact = impact(&applications, "corp", Some(&old), &new, &[], noon().wall);
    assert_eq!((impact.removed, impact.groups_removed), (1, 1));
    assert_eq!(impact.applications, crm(1, 0, 5));
}

#[test]
fn another_configuration() {
    let view = corp_view(1, company());
    let of = |old: Application, new: Application| {
        let (old, new) = ([Arc::new(old)], [Arc::new(new)]);
        impact_of_configuration("corp", &view, &old, &new, 0).0.applications
    };
    let narrow = || Application { required_groups: names(&["crm"]), ..application() };
    assert_eq!(of(application(), narrow()), crm(3, 0, 5));
    assert_eq!(of(narrow(), application()), crm(0, 3, 2));
    assert_eq!(of(narrow(), narrow()), []);
    let moved = Application { directories: vec![Arc::from("lab")], ..application() };
    assert_eq!(of(application(), moved), crm(5, 0, 5));
    let renamed = Application { name: Arc::from("other"), ..narrow() };
    assert_eq!(of(application(), renamed), []);
}

/// Those who are named are among those who are counted, application by application, and no more than are wanted.
#[test]
fn whom_another_configuration_moves() {
    let view = corp_view(1, company());
    let named = |name: &str, group: &str| {
        let (name, required_groups) = (Arc::from(name), names(&[group]));
        Arc::new(Application { name, required_groups, ..application() })
    };
    let open = |name: &str| Arc::new(Application { name: Arc::from(name), ..application() });
    let (old, new) = (
        [open("same"), open("narrow"), named("wide", "crm")],
        [open("same"), named("narrow", "crm"), open("wide")],
    );
    let moved = |most| impact_of_configuration("corp", &view, &old, &new, most);
    let (impact, all) = moved(10);
    let count: Vec<(usize, usize)> =
        impact.applications.iter().map(|one| (one.lost, one.gained)).collect();
    let lengths: Vec<(usize, usize)> =
        all.iter().map(|one| (one.leaving.len(), one.coming.len())).collect();
    assert_eq!((&count, &lengths), (&vec![(3, 0), (0, 3)], &count));
    assert_eq!(all[0].leaving, all[1].coming);
    assert!(!all[0].leaving.contains(&people("alice")), "she is in the group: {all:?}");
    assert_eq!(moved(2).1[0].leaving, all[0].leaving[..2]);
}

/// Only what the directory has said: who is merely not found, or cannot be read, is not withdrawn.
#[test]
fn who_is_withdrawn() {
    let mut entries = company();
    set(entry_of(&mut entries, EVE), "userAccountControl", &["514"]);
    let old = corp_view(1, entries.clone());
    set(entry_of(&mut entries, ALICE), "userAccountControl", &["514"]);
    set(entry_of(&mut entries, SERVICE), "userAccountControl", &[]);
    drop_entry(&mut entries, &people("bob"));
    entries.retain(|entry| !entry.dn.starts_with("CN=J"));
    let (held, summary) = next(&old, &entries);
    let found = withdrawn(&old, &held, &summary.affected_users, &[guid(BOB), guid(77), guid(21)]);
    let expected = Withdrawn { disabled: [guid(ALICE)].into(), deleted: [guid(BOB)].into() };
    assert_eq!(found, expected);
}

/// The company again, with groups and users gone, renamed and moved.
fn any_next_company() -> impl Strategy<Value = Vec<Entry>> {
    let gone = subsequence(vec![ALICE, BOB, EVE, 20, 21, 22, 24, 25], 0..=2);
    let renamed = subsequence(vec![20_u8, 21, 22, 24, 25], 0..=1);
    let moved = subsequence(vec![ALICE, BOB, EVE], 0..=1);
    (any_company(), gone, renamed, moved, select(vec![false, true])).prop_map(
        |(mut entries, gone, renamed, moved, another)| {
            for number in renamed {
                let group = entry_of(&mut entries, number);
                set(group, "sAMAccountName", &["renamed"]);
                set(group, "cn", &["renamed"]);
                group.dn = in_groups("renamed");
            }
            for number in moved {
                entry_of(&mut entries, number).dn = format!("CN=moved,OU=Sales,OU=People,{CORP}");
            }
            for number in gone {
                let id = guid(number).ad_octets();
                entries.retain(|entry| entry.values("objectGUID")[0] != id);
            }
            if another {
                let mut twin = group(60, "twin", &[]);
                set(&mut twin, "sAMAccountName", &["crm-nested"]);
                entries.push(twin);
            }
            entries
        },
    )
}

fn any_filter() -> impl Strategy<Value = Option<Filter>> {
    let filters = [
        None,
        Some("(manager=CN=moved,OU=Sales,OU=People,DC=corp,DC=example)".to_owned()),
        Some(format!("(memberOf={})", in_groups("crm"))),
        Some(format!("(memberOf:1.2.840.113556.1.4.1941:={})", in_groups("crm"))),
        Some(format!("(memberOf:1.2.840.113556.1.4.1941:={})", in_groups("renamed"))),
        Some(format!("(manager:1.2.840.113556.1.4.1941:={})", people("bob"))),
    ];
    select(filters.to_vec()).prop_map(|text| text.map(|text| Filter::parse(&text).unwrap()))
}

fn managed(mut entries: Vec<Entry>) -> Vec<Entry> {
    for (number, by) in [(ALICE, BOB), (BOB, EVE), (JUERGEN, ALICE)] {
        let manager = entries.iter().find(|entry| {
            entry.values("objectGUID").first().is_some_and(|id| **id == guid(by).ad_octets())
        });
        let manager = manager.map(|manager| manager.dn.clone());
        let managed = entries.iter_mut().find(|entry| {
            entry.values("objectGUID").first().is_some_and(|id| **id == guid(number).ad_octets())
        });
        if let (Some(manager), Some(managed)) = (manager, managed) {
            set(managed, "manager", &[&manager]);
        }
    }
    entries
}

/// The same by looking at everybody, one by one.
fn of_everybody(application: &Application, old: &View, new: &View) -> Impact {
    let everybody: BTreeSet<Guid> =
        old.users().chain(new.users()).map(|user| user.guid()).collect();
    let user = |view: &'_ View, guid: &Guid| {
        view.find_guid(guid).is_some_and(|entry| entry.kind() == EntryKind::User)
    };
    let usable = |view: &'_ View, guid: &Guid| {
        let state = AccountState::read(view.find_guid(guid).unwrap(), view.domain().kind);
        state.is_ok_and(|state| state.check(noon().wall).is_ok())
    };
    let holds = |view: &'_ View, guid: &Guid| {
        view.find_guid(guid).filter(|entry| entry.kind() == EntryKind::User).is_some_and(|entry| {
            let (directory, wall) = ("corp", noon().wall);
            rules::in_scope(Subject::of_scope(application, directory, view, entry, wall))
        })
    };
    let count = |what: &dyn Fn(&Guid) -> bool| everybody.iter().filter(|guid| what(guid)).count();
    let lost = count(&|guid| holds(old, guid) && !holds(new, guid));
    let gained = count(&|guid| !holds(old, guid) && holds(new, guid));
    let both = |guid: &Guid| user(old, guid) && user(new, guid);
    let is_group =
        |guid: &Guid| new.find_guid(guid).is_some_and(|entry| entry.kind() == EntryKind::Group);
    Impact {
        users_before: old.users().count(),
        users_after: new.users().count(),
        deactivated: count(&|guid| both(guid) && usable(old, guid) && !usable(new, guid)),
        removed: count(&|guid| user(old, guid) && !user(new, guid)),
        groups_before: old.groups().count(),
        groups_after: new.groups().count(),
        groups_removed: old.groups().filter(|group| !is_group(&group.guid())).count(),
        applications: if lost + gained > 0 {
            crm(lost, gained, count(&|guid| holds(old, guid)))
        } else {
            Vec::new()
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whoever is not among the affected keeps account and scope, whatever the rules look at.
    #[test]
    fn counting_the_affected_is_counting_everybody(
        application in any_application(),
        filter in any_filter(),
        before in any_company(),
        after in any_next_company(),
    ) {
        let directories = vec![Arc::from("corp")];
        let user_filter = filter.or(application.user_filter.clone());
        let application = Arc::new(Application { directories, user_filter, ..application });
        let old = corp_view(1, managed(before));
        let (new, summary) = next(&old, &managed(after));
        let affected = &summary.affected_users;
        let applications = [application.clone()];
        let found = impact(&applications, "corp", Some(&old), &new, affected, noon().wall);
        prop_assert_eq!(found, of_everybody(&application, &old, &new));
    }
}
