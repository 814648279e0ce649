//! Permits: from an admission and a proof, and never older than what they rest on (invariants 1 and 12).

use super::*;
use crate::policy::{Identity, Permit};
use crate::upstream::accepted_for_tests;

fn permit(world: &World, application: &Application, name: &str) -> Permit {
    let name = BindName::read(name.as_bytes()).unwrap();
    let admission = judge(world, &Arc::new(application.clone()), &name, noon()).unwrap();
    admission.confirm(accepted_for_tests())
}

fn crm() -> Application {
    Application {
        bases: vec![base(&format!("OU=People,{CORP}"))],
        required_groups: names(&["crm"]),
        service_accounts: names(&["svc-crm"]),
        ..application()
    }
}

/// What a permit of `name` is worth after a change.
fn after(
    application: &Application,
    name: &str,
    change: impl FnOnce(&mut Vec<Entry>),
) -> Result<Permit, Refusal> {
    let permit = permit(&corp(1, company()), application, name);
    let mut entries = company();
    change(&mut entries);
    let later = corp(2, entries);
    assert!(!permit.is_current(&later, noon()), "a new view makes every permit old");
    permit.renewed(&later, noon())
}

fn refusal(renewed: Result<Permit, Refusal>) -> Option<Refusal> {
    renewed.err()
}

#[test]
fn a_permit_is_lost_with_what_it_rests_on() {
    let kept = after(&crm(), "alice", |_| ()).unwrap();
    assert!(kept.is_current(&corp(2, company()), noon()));
    let disabled = after(&crm(), "alice", |entries| {
        set(entry_of(entries, ALICE), "userAccountControl", &["514"]);
    });
    assert_eq!(refusal(disabled), Some(Refusal::Disabled));
    let moved = after(&crm(), "alice", |entries| {
        entry_of(entries, ALICE).dn = format!("CN=alice,OU=Service,{CORP}");
    });
    assert_eq!(refusal(moved), Some(Refusal::OutOfScope));
    let left_group = after(&crm(), "bob", |entries| {
        set(entry_of(entries, 22), "member", &[&in_groups("crm-loop")]);
    });
    assert_eq!(refusal(left_group), Some(Refusal::NotInRequiredGroup));
    let deleted = after(&crm(), "alice", |entries| {
        entries.retain(|entry| entry.dn != people("alice"));
    });
    assert_eq!(refusal(deleted), Some(Refusal::Unknown));
    let unreadable = after(&crm(), "alice", |entries| {
        set(entry_of(entries, ALICE), "userAccountControl", &[]);
    });
    assert_eq!(refusal(unreadable), Some(Refusal::AccountStateUnreadable));
}

/// A deleted account and a new one of the same name are two accounts.
#[test]
fn a_name_given_to_somebody_else() {
    let replaced = after(&application(), "alice", |entries| {
        entries.retain(|entry| entry.dn != people("alice"));
        entries.push(user(70, "alice", &format!("OU=People,{CORP}")));
    });
    assert_eq!(refusal(replaced), Some(Refusal::Unknown));
    let renamed = after(&application(), "alice", |entries| {
        let alice = entry_of(entries, ALICE);
        set(alice, "sAMAccountName", &["alicia"]);
        alice.dn = people("Alicia");
    });
    let renamed = renamed.unwrap();
    let Identity::Directory(account) = renamed.identity() else { panic!("not of the directory") };
    assert_eq!(*account.dn, people("Alicia"));
    assert_eq!(&*account.authorization_name, "CORP\\alicia");
}

/// accountExpires passes without any change of the view.
#[test]
fn a_permit_ends_by_the_clock_alone() {
    let hour = Duration::from_secs(3600);
    let mut entries = company();
    set(entry_of(&mut entries, ALICE), "accountExpires", &[&filetime(noon().wall + hour)]);
    let world = corp(1, entries);
    let permit = permit(&world, &application(), "alice");
    assert_eq!(permit.expires(), Some(noon().wall + hour));
    let before = noon().later(hour - Duration::from_secs(1));
    assert!(permit.is_current(&world, before));
    assert!(!permit.is_current(&world, noon().later(hour)));
    assert_eq!(refusal(permit.renewed(&world, noon().later(hour))), Some(Refusal::Expired));
}

#[test]
fn who_may_search() {
    let world = corp(1, company());
    let users = Application { searchers: Searchers::PermittedUsers, ..crm() };
    assert!(!permit(&world, &crm(), "alice").may_search());
    assert!(permit(&world, &users, "alice").may_search());
    assert!(permit(&world, &crm(), "svc-crm").may_search());
    assert!(Permit::of_anonymous(&Arc::new(crm()), &world, noon()).is_none());
    let open = Application { anonymous: AnonymousAccess::Search, ..crm() };
    assert!(
        Permit::of_anonymous(&Arc::new(open), &world, noon()).is_some_and(|one| one.may_search())
    );
}

/// A service account that loses its role is an ordinary user from then on: refused where it is out of
/// scope, no searcher where it is not.
#[test]
fn a_service_account_that_becomes_a_user() {
    let lost_name = |entries: &mut Vec<Entry>| {
        set(entry_of(entries, SERVICE), "sAMAccountName", &["ordinary"]);
    };
    assert_eq!(refusal(after(&crm(), "svc-crm", lost_name)), Some(Refusal::OutOfScope));
    let everywhere = Application { bases: Vec::new(), required_groups: Vec::new(), ..crm() };
    let permit = after(&everywhere, "svc-crm", lost_name).unwrap();
    assert!(!permit.may_search());
}

/// Before its directory has been synced nobody is anybody.
#[test]
fn nothing_without_a_view() {
    let world = both(None, None);
    assert_eq!(judged(&world, &application(), "alice"), Err(Refusal::ViewNotReady));
    let id = guid(ALICE).to_string();
    assert_eq!(judged(&world, &application(), &id), Err(Refusal::ViewNotReady));
}
