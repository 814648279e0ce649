//! What an application is shown.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::directory::{Audience, EntryKind, EntryRef, Slot};
use crate::policy::presentation::{DisabledAccounts, Presentation};
use crate::policy::rules::{self, RULES, Subject};
use crate::policy::visibility::{Kept, Shown, Viewer, VisibilityCache};

#[test]
fn its_own_users_and_all_groups() {
    let world = corp(1, company());
    let view = world.view("corp").unwrap();
    let limited = Application { bases: vec![base(&format!("OU=People,{CORP}"))], ..application() };
    let cache = VisibilityCache::default();
    let users = cache.users(&limited, &Arc::from("corp"), view);
    let viewer = Viewer::new(users.clone(), Some(guid(SERVICE)));
    let sees = |number| viewer.sees(view.find_guid(&guid(number)).unwrap());
    assert!(sees(ALICE) && sees(JUERGEN) && sees(21) && sees(2));
    assert!(sees(SERVICE), "its own entry");
    assert!(!sees(EVE), "beside it, out of scope");
    assert!(!Viewer::new(users, None).sees(view.find_guid(&guid(SERVICE)).unwrap()));
    assert!(viewer.shows("mail") && !viewer.shows("unicodePwd") && !viewer.shows("userPassword"));
}

/// A disabled account is shown with its flag, as the directory itself shows it.
#[test]
fn disabled_accounts_are_shown() {
    let mut entries = company();
    set(entry_of(&mut entries, ALICE), "userAccountControl", &["514"]);
    let view = corp_view(1, entries);
    let cache = VisibilityCache::default();
    let users = cache.users(&application(), &Arc::from("corp"), &view);
    assert!(Viewer::new(users, None).sees(view.find_guid(&guid(ALICE)).unwrap()));
}

/// The cache follows the view (where no entry has changed its place), keeps applications apart, and keeps no view alive.
#[test]
fn the_cache_is_about_one_view() {
    let cache = VisibilityCache::default();
    let directory: Arc<str> = Arc::from("corp");
    let only = Application { required_groups: names(&["crm"]), ..application() };
    let none =
        Application { name: Arc::from("none"), bases: vec![base(&people("x"))], ..application() };
    let sees = |application: &Application, view: &Arc<View>, number| {
        let users = cache.users(application, &directory, view);
        Viewer::new(users, None).sees(view.find_guid(&guid(number)).unwrap())
    };
    let first = corp_view(1, company());
    assert!(sees(&only, &first, ALICE) && !sees(&none, &first, ALICE));
    let mut changed = company();
    set(entry_of(&mut changed, 21), "member", &[]);
    let second = corp_view(2, changed);
    assert!(!sees(&only, &second, ALICE));
    let weak = Arc::downgrade(&first);
    drop(first);
    assert_eq!(weak.strong_count(), 0);
}

/// What a session keeps is replaced with the view it is about, and keeps no view alive.
#[test]
fn a_session_follows_the_views() {
    let cache = VisibilityCache::default();
    let directory: Arc<str> = Arc::from("corp");
    let only = Application { required_groups: names(&["crm"]), ..application() };
    let mut kept = Kept::default();
    let mut sees = |world: &World| {
        kept.follow(&cache, &only, world);
        let view = world.view("corp").unwrap();
        let users = Shown { cache: &cache, kept: &kept }.users(&only, &directory, view);
        Viewer::new(users, None).sees(view.find_guid(&guid(ALICE)).unwrap())
    };
    let first = corp(1, company());
    assert!(sees(&first) && sees(&first));
    let mut changed = company();
    set(entry_of(&mut changed, 21), "member", &[]);
    // Of the same generation even: it is the view that counts.
    let second = corp(1, changed);
    assert!(!sees(&second));
    assert!(sees(&first), "a bind that took its time may hold an older world");
    let weak = Arc::downgrade(first.view("corp").unwrap());
    drop(first);
    assert_eq!(weak.strong_count(), 0);
}

/// The bulk form knows these rules. A new one has to be added there and to the strategy below.
#[test]
fn every_rule_about_scope_has_a_bulk_form() {
    let scope: Vec<_> =
        RULES.iter().filter(|rule| !rule.binds_service_accounts).map(|rule| rule.name).collect();
    assert_eq!(scope, ["bases", "user filter", "denied groups", "required groups"]);
}

fn any_base() -> impl Strategy<Value = ScopeBase> {
    let names = [
        CORP.to_owned(),
        format!("OU=People,{CORP}"),
        format!("ou=sales, OU=people,{CORP}"),
        format!("OU=Service,{CORP}"),
        people("alice"),
        format!("OU=Nowhere,{CORP}"),
        LAB.to_owned(),
    ];
    let directories = [None, Some("corp"), Some("lab")];
    (select(names.to_vec()), select(directories.to_vec()))
        .prop_map(|(dn, directory)| ScopeBase { directory: directory.map(Arc::from), ..base(&dn) })
}

fn any_groups() -> impl Strategy<Value = Vec<String>> {
    let names = ["crm", "crm-nested", "crm-loop", "empty", "Domain Users", "twice", "nobody knows"];
    let mut names: Vec<String> = names.map(str::to_owned).to_vec();
    names.push(in_groups("crm-nested"));
    subsequence(names, 0..=2)
}

pub(super) fn any_application() -> impl Strategy<Value = Application> {
    let bases = || proptest::collection::vec(any_base(), 0..=2);
    let filters = [
        None,
        Some("(sAMAccountName=a*)"),
        Some("(!(userAccountControl:1.2.840.113556.1.4.803:=2))"),
        Some("(|(cn=bob)(department=*))"),
        Some("(unheardOf=1)"),
    ];
    let directories = [vec!["corp"], vec!["corp", "lab"]];
    let groups = (any_groups(), prop_oneof![2 => Just(Vec::new()), 1 => any_groups()]);
    (bases(), bases(), select(filters.to_vec()), groups, select(directories.to_vec())).prop_map(
        |(bases, excluded_bases, filter, (required_groups, denied_groups), directories)| {
            Application {
                bases,
                excluded_bases,
                user_filter: filter.map(|text| Filter::parse(text).unwrap()),
                required_groups,
                denied_groups,
                directories: directories.into_iter().map(Arc::from).collect(),
                ..application()
            }
        },
    )
}

/// The company with other members, primary groups and states, and two groups of one name.
pub(super) fn any_company() -> impl Strategy<Value = Vec<Entry>> {
    let members = vec![
        people("alice"),
        people("bob"),
        format!("CN=eve,OU=Service,{CORP}"),
        in_groups("crm"),
        in_groups("crm-nested"),
        in_groups("crm-loop"),
        in_groups("empty"),
    ];
    let lists = proptest::collection::vec(subsequence(members, 0..=3), 4);
    let primary = proptest::collection::vec(select(vec!["513", "1021", "1022", "9"]), 4);
    let disabled = subsequence(vec![ALICE, BOB, EVE], 0..=1);
    (lists, primary, disabled).prop_map(|(lists, primary, disabled)| {
        let mut entries = company();
        for (number, members) in (21..).zip(&lists) {
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            set(entry_of(&mut entries, number), "member", &members);
        }
        for (number, primary) in [ALICE, BOB, JUERGEN, EVE].into_iter().zip(primary) {
            set(entry_of(&mut entries, number), "primaryGroupID", &[primary]);
        }
        for number in disabled {
            set(entry_of(&mut entries, number), "userAccountControl", &["514"]);
        }
        for (number, unit) in [(25, "People"), (26, "Service")] {
            let mut twin = group(number, "twice", &[&people("alice")]);
            twin.dn = format!("CN=twice,OU={unit},{CORP}");
            set(&mut twin, "sAMAccountName", &[&format!("twice-{number}")]);
            entries.push(twin);
        }
        entries
    })
}

/// An application whose users, groups and containers are all in one sub-tree, whatever else holds for them.
fn any_application_in(unit: &'static str) -> impl Strategy<Value = Application> {
    let filters =
        || select(vec![None, Some("(cn=*e*)"), Some("(!(cn=alice))"), Some("(objectClass=*)")]);
    let read = |text: Option<&str>| text.map(|text| Filter::parse(text).unwrap());
    let disabled = select(vec![DisabledAccounts::Shown, DisabledAccounts::Hidden]);
    (any_application(), filters(), filters(), disabled).prop_map(
        move |(application, user_filter, group_filter, disabled_accounts)| {
            let place = vec![base(&format!("{unit},{CORP}"))];
            let presentation = Presentation {
                visible_bases: place.clone(),
                group_filter: read(group_filter),
                disabled_accounts,
                ..Presentation::default()
            };
            Application {
                bases: place,
                user_filter: read(user_filter),
                presentation: Some(Arc::new(presentation)),
                ..application
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Two applications on disjoint sub-trees share what is above both, and no value of an entry that one of them
    /// is shown names anything that only the other is shown.
    #[test]
    fn disjoint_scopes_are_disjoint_views(
        one in any_application_in("OU=People"),
        other in any_application_in("OU=Service"),
        groups in any_application_in("OU=Groups"),
        entries in any_company(),
    ) {
        let view = corp_view(1, entries);
        let directory: Arc<str> = Arc::from("corp");
        let seen = |application: &Application| {
            let users = VisibilityCache::default().users(application, &directory, &view);
            Viewer::new(users, None)
        };
        let all: Vec<EntryRef<'_>> = (0..64).filter_map(|slot| view.entry(Slot(slot))).collect();
        for (one, other) in [(&one, &other), (&other, &groups), (&groups, &one)] {
            let (one, other) = (seen(one), seen(other));
            for entry in &all {
                let shared = one.sees(*entry) && other.sees(*entry);
                let above_both = entry.dn() == CORP || entry.kind() == EntryKind::Deleted;
                prop_assert!(!shared || above_both, "{}", entry.dn());
                prop_assert_eq!(one.may_name(*entry), one.sees(*entry));
            }
        }
    }

    /// Whoever is disabled is hidden where that is wanted, and nobody else.
    #[test]
    fn disabled_accounts_are_hidden_where_that_is_wanted(
        application in any_application(),
        entries in any_company(),
    ) {
        let view = corp_view(1, entries);
        let directory: Arc<str> = Arc::from("corp");
        let hiding = Presentation {
            disabled_accounts: DisabledAccounts::Hidden,
            ..Presentation::default()
        };
        let hiding = Application { presentation: Some(Arc::new(hiding)), ..application.clone() };
        let viewer = |application: &Application| {
            Viewer::new(VisibilityCache::default().users(application, &directory, &view), None)
        };
        let (all, enabled) = (viewer(&application), viewer(&hiding));
        for user in view.users() {
            prop_assert_eq!(enabled.sees(user), all.sees(user) && !user.is_disabled(), "{}", user.dn());
        }
    }

    /// A user is shown exactly where every rule about scope, asked for it alone, has no objection.
    #[test]
    fn all_at_once_is_one_by_one(application in any_application(), entries in any_company()) {
        let view = corp_view(1, entries);
        let directory: Arc<str> = Arc::from("corp");
        let users = VisibilityCache::default().users(&application, &directory, &view);
        let viewer = Viewer::new(users, None);
        for entry in view.users() {
            let subject = Subject::of_scope(&application, &directory, &view, entry, noon().wall);
            prop_assert_eq!(viewer.sees(entry), rules::in_scope(subject), "{}", entry.dn());
        }
    }
}
