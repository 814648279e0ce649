//! Who was shown once: what is noted step by step, and kept, is what looking at everybody gives.

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::visible::{any_application, any_company};
use super::*;
use crate::directory::{Audience, ChangeSummary, EntryKind, Retention, Slot, Times, ViewConfig};
use crate::ldap::packed_entry::PackedEntry;
use crate::policy::departures::Departures;
use crate::policy::rules::{self, Subject};
use crate::policy::visibility::{Viewer, VisibilityCache};

const HOUR: Duration = Duration::from_secs(3600);

fn first(entries: &[Entry]) -> Arc<View> {
    first_at(entries, noon().wall)
}

/// The line of views is that of its first moment.
fn first_at(entries: &[Entry], now: SystemTime) -> Arc<View> {
    let config =
        ViewConfig { retention: Retention { time: HOUR, most: 100 }, ..ViewConfig::default() };
    let domain = domain("corp", DirectoryKind::ActiveDirectory, CORP);
    let packed = entries.iter().map(PackedEntry::pack).collect();
    let times = Times { read_at: now, now };
    Arc::new(View::first(Arc::new(config), 1, domain, packed, times).unwrap().0)
}

fn next(old: &View, entries: &[Entry], now: SystemTime) -> (Arc<View>, ChangeSummary) {
    let packed = entries.iter().map(PackedEntry::pack).collect();
    let times = Times { read_at: now, now };
    let (view, summary) = old.refreshed(old.domain().clone(), packed, times).unwrap();
    (Arc::new(view), summary)
}

/// Notes, as publishing does, and gives what is kept.
fn note(
    departures: &Departures,
    applications: &[Arc<Application>],
    old: &View,
    (new, summary): &(Arc<View>, ChangeSummary),
) -> Vec<u8> {
    departures.note(applications, Some(old), new, &summary.affected_users, noon().wall)
}

/// The tombstones of users that an application is shown, by the number of the account.
fn told(departures: &Arc<Departures>, application: &Application, view: &Arc<View>) -> Vec<u8> {
    let cache = VisibilityCache::with(vec![departures.clone()]);
    let users = cache.users(application, &Arc::from("corp"), view);
    let viewer = Viewer::new(users, None).showing_deleted(true);
    let tombstones = view.slots_of_kind(EntryKind::Deleted).iter();
    let shown = tombstones.filter_map(|slot| view.entry(Slot(slot)));
    let users = shown.filter(|entry| entry.values("sAMAccountName").len() == 1);
    users.filter(|entry| viewer.sees(*entry)).map(|entry| entry.guid().0[0]).collect()
}

fn empty() -> Arc<Departures> {
    Arc::new(Departures::new(Arc::from("corp")))
}

fn without(entries: &[Entry], gone: &[u8]) -> Vec<Entry> {
    let is_gone = |entry: &Entry| {
        let guid = &entry.values("objectGUID")[0];
        gone.iter().any(|number| *guid == guid_octets(*number))
    };
    entries.iter().filter(|entry| !is_gone(entry)).cloned().collect()
}

fn guid_octets(number: u8) -> Vec<u8> {
    guid(number).ad_octets().to_vec()
}

/// Alice leaves the group and is deleted later, Bob is deleted, Eve was never in it. Another run knows the same;
/// an application that is new, or has another scope since, is told of nobody.
#[test]
fn who_was_shown_is_told_of_after_a_restart_too() {
    let crm = Application { required_groups: names(&["crm"]), ..application() };
    let wiki = Application { name: Arc::from("wiki"), ..application() };
    let applications = [Arc::new(crm.clone()), Arc::new(wiki.clone())];
    let departures = empty();
    let start = first(&company());
    departures.note(&applications, None, &start, &[], noon().wall);
    let mut entries = company();
    set(entry_of(&mut entries, 21), "member", &[&in_groups("crm-nested")]);
    let outside = next(&start, &entries, noon().wall);
    note(&departures, &applications, &start, &outside);
    let entries = without(&entries, &[ALICE, BOB, EVE]);
    let gone = next(&outside.0, &entries, noon().wall);
    let kept = note(&departures, &applications, &outside.0, &gone);
    let view = &gone.0;
    assert_eq!(told(&departures, &crm, view), [ALICE, BOB]);
    assert_eq!(told(&departures, &wiki, view), [ALICE, BOB, EVE]);

    let resumed = |octets: &[u8], view: &View| {
        let departures = empty();
        departures.resume(octets, view);
        departures
    };
    let later = resumed(&kept, view);
    assert_eq!(told(&later, &crm, view), [ALICE, BOB]);
    assert_eq!(told(&later, &wiki, view), [ALICE, BOB, EVE]);
    let narrower = Application { bases: vec![base(&people("x"))], ..crm.clone() };
    assert!(told(&later, &narrower, view).is_empty(), "another scope");
    let new = Application { name: Arc::from("new"), ..crm.clone() };
    assert!(told(&later, &new, view).is_empty(), "a new application");
    // Another line, in which somebody else has alice's slot.
    let mut more = company();
    more.push(user(61, "aaron", &format!("OU=People,{CORP}")));
    let other_line = first_at(&more, noon().wall + HOUR);
    let there = other_line.entry(start.find_guid(&guid(ALICE)).unwrap().slot()).unwrap();
    let somebody = there.guid().0[0];
    assert!(somebody != ALICE && there.kind() == EntryKind::User);
    let (other_line, _) = next(&other_line, &without(&more, &[somebody]), noon().wall);
    assert!(told(&resumed(&kept, &other_line), &crm, &other_line).is_empty());
    for broken in [&b""[..], b"{}", &kept[..kept.len() - 3]] {
        assert!(told(&resumed(broken, view), &crm, view).is_empty());
    }
    assert!(told(&empty(), &crm, view).is_empty(), "nothing kept");
}

/// Slots are never used again, so a list that only grows would be no mistake, but it would grow for ever.
#[test]
fn who_has_no_tombstone_any_more_is_forgotten() {
    let applications = [Arc::new(application())];
    let departures = empty();
    let start = first(&company());
    let entries = without(&company(), &[BOB]);
    let gone = next(&start, &entries, noon().wall);
    let with_bob = note(&departures, &applications, &start, &gone).len();
    let entries = without(&entries, &[EVE]);
    let later = next(&gone.0, &entries, noon().wall + HOUR);
    let kept = note(&departures, &applications, &gone.0, &later);
    assert_eq!(kept.len(), with_bob, "eve in the place of bob");
    assert_eq!(told(&departures, &application(), &later.0), [EVE]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn step_by_step_is_everybody_who_ever_left(
        application in any_application(),
        steps in proptest::collection::vec(
            (any_company(), subsequence(vec![ALICE, BOB, JUERGEN, EVE, SERVICE, 21, 22], 0..=3)),
            2..=5,
        ),
    ) {
        let applications = [Arc::new(application.clone())];
        let departures = empty();
        let in_scope = |view: &View| -> Vec<u8> {
            let holds = |entry: &crate::directory::EntryRef<'_>| rules::in_scope(Subject::of_scope(&application, "corp", view, *entry, noon().wall));
            view.users().filter(holds).map(|entry| entry.guid().0[0]).collect()
        };
        let mut steps = steps.into_iter();
        let (entries, _) = steps.next().unwrap();
        let mut view = first(&entries);
        let mut kept = departures.note(&applications, None, &view, &[], noon().wall);
        let mut ever = in_scope(&view);
        for (entries, gone) in steps {
            let step = next(&view, &without(&entries, &gone), noon().wall);
            kept = note(&departures, &applications, &view, &step);
            view = step.0;
            ever.extend(in_scope(&view));
        }
        let tombstones = view.slots_of_kind(EntryKind::Deleted).iter();
        let gone = tombstones.filter_map(|slot| view.entry(Slot(slot)));
        let expected: Vec<u8> =
            gone.map(|entry| entry.guid().0[0]).filter(|number| ever.contains(number)).collect();
        let only_users = |departures: &Arc<Departures>| -> Vec<u8> {
            let told = told(departures, &application, &view);
            told.into_iter().filter(|number| !matches!(number, 20..=26)).collect()
        };
        prop_assert_eq!(only_users(&departures), expected.clone());
        let resumed = empty();
        resumed.resume(&kept, &view);
        prop_assert_eq!(only_users(&resumed), expected);
    }
}
