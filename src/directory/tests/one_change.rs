//! What one change means for the view: names below a renamed unit, tombstones, memberships, and times of change.

use std::time::Duration;

use super::steps::equality;
use super::*;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::filter::Filter;

fn after(view: &View, upserts: Vec<Entry>, removed: Vec<Guid>) -> (View, ChangeSummary) {
    view.changed(Changes { upserts: packed(upserts), removed }, times()).unwrap()
}

fn usn(view: &View, dn: &str) -> u64 {
    view.find_dn(&super::dn(dn)).unwrap().text("uSNChanged").unwrap().parse().unwrap()
}

#[test]
fn what_is_below_a_renamed_unit_is_renamed_with_it() {
    let view = company_view();
    let mut unit = company()[PEOPLE].clone();
    let old = unit.dn.clone();
    unit.dn = format!("OU=Humans,{DOMAIN}");
    let dn_text = unit.dn.clone();
    set(&mut unit, "distinguishedName", &[&dn_text]);
    let below = view.iter().filter(|entry| entry.dn().ends_with(&format!(",{old}"))).count();
    assert!(below > 0);
    let (renamed, summary) = after(&view, vec![unit], Vec::new());
    assert!(renamed.find_dn(&dn(&old)).is_none());
    let moved: Vec<_> = renamed
        .iter()
        .filter(|entry| entry.dn().ends_with(&format!(",OU=Humans,{DOMAIN}")))
        .collect();
    assert_eq!(moved.len(), below);
    for entry in moved {
        let usn: u64 = entry.text("uSNChanged").unwrap().parse().unwrap();
        assert!(usn > view.highest_usn(), "{} counts as changed", entry.dn());
        assert_eq!(entry.text("distinguishedName").unwrap(), entry.dn());
    }
    assert!(summary.users_changed > 0);
}

const PEOPLE: usize = 11;

/// MS-ADTS §3.1.1.5.5.1.1: tombstones.
#[test]
fn removed_entries_are_remembered_for_a_while() {
    struct Deleted;
    impl Audience for Deleted {
        fn sees(&self, _: EntryRef<'_>) -> bool {
            true
        }
        fn shows(&self, _: &str) -> bool {
            true
        }
        fn sees_deleted(&self) -> bool {
            true
        }
    }
    let view = company_view();
    let alice = guid(11);
    let (gone, summary) = after(&view, Vec::new(), vec![alice]);
    assert_eq!(summary.users_removed, 1);
    assert!(gone.find_guid(&alice).is_none());
    let deleted = Filter::And(vec![
        equality("isDeleted", "TRUE"),
        equality("objectClass", "user"),
        Filter::GreaterOrEqual {
            attribute: AttributeDescription::new("uSNChanged"),
            value: (view.highest_usn() + 1).to_string().into_bytes(),
        },
    ]);
    let base = dn(&format!("CN=Deleted Objects,{DOMAIN}"));
    let scope = SearchScope::WholeSubtree;
    let found = gone.search(&base, scope, &deleted, &Deleted).unwrap();
    assert_eq!(found.len(), 1);
    let tombstone = gone.entry(found[0]).unwrap();
    assert!(tombstone.dn().starts_with("CN=alice\\0ADEL:"), "{}", tombstone.dn());
    assert_eq!(tombstone.first("objectGUID").unwrap().as_ref(), alice.ad_octets());
    assert_eq!(tombstone.text("sAMAccountName").unwrap(), "alice");
    assert_eq!(tombstone.text("userAccountControl").unwrap(), "512");
    assert!(tombstone.text("mail").is_none());
    assert!(gone.search(&base, scope, &deleted, &Everyone).is_err(), "hidden without the control");
    assert!(gone.matching(&deleted).is_empty());

    // Back to life under the same identity.
    let (back, summary) = next(&gone, company());
    assert_eq!((summary.users_created, summary.users_removed), (1, 0));
    assert!(back.find_guid(&alice).is_some());
    assert!(usn(&back, back.find_guid(&alice).unwrap().dn()) > gone.highest_usn());
    assert!(back.search(&base, scope, &deleted, &Deleted).unwrap().is_empty());

    // Removed once more: remembered from then on.
    let half = moment() + Duration::from_secs(40 * 24 * 3600);
    let half = Times { read_at: half, now: half };
    let removal = || Changes { upserts: Vec::new(), removed: vec![alice] };
    let (again, _) = back.changed(removal(), half).unwrap();
    let later = moment() + Duration::from_secs(61 * 24 * 3600);
    let changes = Changes { upserts: Vec::new(), removed: vec![guid(12)] };
    let (kept, _) = again.changed(changes, Times { read_at: later, now: later }).unwrap();
    assert_eq!(kept.search(&base, scope, &deleted, &Deleted).unwrap().len(), 2);

    // Cleared away when its time is over.
    let times = Times { read_at: later, now: later };
    let changes = Changes { upserts: Vec::new(), removed: vec![guid(12)] };
    let (cleared, _) = gone.changed(changes, times).unwrap();
    let found = cleared.search(&base, scope, &deleted, &Deleted).unwrap();
    let names: Vec<&str> = found.iter().map(|slot| cleared.entry(*slot).unwrap().dn()).collect();
    assert_eq!(names.len(), 1);
    assert!(!names[0].contains("alice"));
}

/// A user whose group joins another group counts as changed: applications that ask what has changed see
/// it as a member then.
#[test]
fn nested_memberships_count_as_a_change_of_the_user() {
    let view = company_view();
    let staff = company().into_iter().find(|entry| !entry.values("member").is_empty()).unwrap();
    let member = staff.text("member").unwrap().to_owned();
    let mut upper = group(70, "Upper", &[&staff.dn]);
    upper.dn = format!("CN=Upper,{DOMAIN}");
    let (next, _) = after(&view, vec![upper], Vec::new());
    assert!(usn(&next, &member) > view.highest_usn());
}

/// So are those whose primary group joins one.
#[test]
fn memberships_by_primary_group_count_as_a_change_of_the_user() {
    let view = company_view();
    let everybody = format!("CN=Domain Users,OU=Groups,{DOMAIN}");
    let (next, summary) = after(&view, vec![group(70, "Upper", &[&everybody])], Vec::new());
    assert_eq!(summary.affected_users.len(), view.counts().users);
    assert!(next.users().all(|user| usn(&next, user.dn()) > view.highest_usn()));
}

/// The directory's own tombstone, as a search with the control for deleted entries returns it.
#[test]
fn an_entry_that_says_it_is_deleted_is_gone() {
    let view = company_view();
    let mut alice = company().into_iter().find(|entry| entry.dn == ALICE).unwrap();
    alice.dn = format!("CN=alice\\0ADEL:x,CN=Deleted Objects,{DOMAIN}");
    set(&mut alice, "isDeleted", &["TRUE"]);
    let (gone, summary) = after(&view, vec![alice.clone()], Vec::new());
    assert_eq!(summary.users_removed, 1);
    let mut entries = company();
    entries.retain(|entry| entry.dn != ALICE);
    entries.push(alice);
    let (also, _) = next(&view, entries);
    for view in [&gone, &also] {
        assert!(view.find_sid(&sid(1011)).is_none() && view.find_dn(&dn(ALICE)).is_none());
        assert_eq!(view.kinds().of(EntryKind::Deleted).len(), 2, "the container and alice");
    }
}

/// An application that has been told of a moment later than the change is told of the change.
#[test]
fn times_of_change_are_not_before_the_change_can_be_seen() {
    let mut alice = company().into_iter().find(|entry| entry.dn == ALICE).unwrap();
    set(&mut alice, "mail", &["new@corp.example"]);
    let (next, _) = after(&company_view(), vec![alice], Vec::new());
    let changed = at(&next, ALICE).text("whenChanged").unwrap().into_owned();
    assert_eq!(changed, "20231114221325.0Z", "five seconds after the moment");
}

#[test]
fn each_first_view_has_a_numbering_of_its_own() {
    let one = company_view();
    let later = Times { now: moment() + Duration::from_nanos(1), ..times() };
    let other = View::first(Arc::default(), 1, domain(), packed(company()), later).unwrap().0;
    assert_ne!(one.invocation(), other.invocation());
    assert_eq!(next(&one, company()).0.invocation(), one.invocation());
}
