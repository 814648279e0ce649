//! What counts before all that a view says: who is out while a pass is held, and how old the view is.

use super::*;
use crate::directory::Withdrawn;
use crate::policy::application::Freshness;
use crate::policy::{Identity, Permit};
use crate::upstream::accepted_for_tests;

fn with(withdrawn: Withdrawn) -> World {
    let mut world = corp(1, company());
    world.directories[0].withdrawn = Arc::new(withdrawn);
    world.epoch += 1;
    world
}

fn disabled(number: u8) -> World {
    with(Withdrawn { disabled: [guid(number)].into(), ..Withdrawn::default() })
}

fn deleted(number: u8) -> World {
    with(Withdrawn { deleted: [guid(number)].into(), ..Withdrawn::default() })
}

/// By any name, service accounts too, and before any rule; nobody else is.
#[test]
fn the_withdrawn_are_refused() {
    let crm = || Application {
        bases: vec![base(&format!("OU=People,{CORP}"))],
        service_accounts: names(&["svc-crm"]),
        ..application()
    };
    for name in ["alice", "CORP\\alice", "alice@corp.example", &people("alice")] {
        assert_eq!(judged(&disabled(ALICE), &crm(), name), Err(Refusal::Disabled), "{name}");
        assert_eq!(judged(&deleted(ALICE), &crm(), name), Err(Refusal::Unknown), "{name}");
        assert_eq!(judged(&disabled(BOB), &crm(), name), Ok(ALICE));
    }
    assert_eq!(judged(&disabled(SERVICE), &crm(), "svc-crm"), Err(Refusal::Disabled));
    assert_eq!(judged(&disabled(EVE), &crm(), "eve"), Err(Refusal::Disabled), "out of scope too");
}

#[test]
fn a_withdrawal_takes_a_permit_away() {
    let application = Arc::new(application());
    let name = BindName::read(b"alice").unwrap();
    let world = corp(1, company());
    let admission = || judge(&world, &application, &name, noon()).unwrap();
    let permit = admission().confirm(accepted_for_tests());
    let later = disabled(ALICE);
    assert!(!permit.is_current(&later, noon()));
    assert_eq!(permit.renewed(&later, noon()).err(), Some(Refusal::Disabled));
    assert_eq!(admission().renewed(&deleted(ALICE), noon()).err(), Some(Refusal::Unknown));
    assert!(admission().renewed(&disabled(BOB), noon()).is_ok());
}

const HOUR: Duration = Duration::from_secs(3600);

fn strict() -> Application {
    Application { freshness: Freshness::Strict, ..application() }
}

fn ageing(mut world: World) -> World {
    world.directories[0].max_age = HOUR;
    world
}

fn judged_at(world: &World, application: Application, name: &str, now: Now) -> Option<Refusal> {
    let name = BindName::read(name.as_bytes()).unwrap();
    judge(world, &Arc::new(application), &name, now).err()
}

#[test]
fn an_old_view_is_refused_where_that_is_wanted() {
    let world = ageing(corp(1, company()));
    let too_late = noon().later(HOUR + Duration::from_millis(1));
    assert_eq!(judged_at(&world, strict(), "alice", noon().later(HOUR)), None);
    assert_eq!(judged_at(&world, strict(), "alice", too_late), Some(Refusal::ViewStale));
    assert_eq!(judged_at(&world, application(), "alice", too_late), None);
    world.view("corp").unwrap().confirm(too_late.wall);
    assert_eq!(judged_at(&world, strict(), "alice", too_late), None, "confirmed");
    let mut withdrawn = ageing(disabled(ALICE));
    withdrawn.directories[0].max_age = HOUR;
    assert_eq!(judged_at(&withdrawn, strict(), "alice", too_late), Some(Refusal::Disabled));
}

/// A permit becomes old with its view, comes back with it, and is not moved to an old world meanwhile.
#[test]
fn a_permit_follows_the_age_of_its_view() {
    let world = ageing(corp(1, company()));
    let too_late = noon().later(2 * HOUR);
    let name = BindName::read(b"alice").unwrap();
    let mut permit =
        judge(&world, &Arc::new(strict()), &name, noon()).unwrap().confirm(accepted_for_tests());
    assert!(permit.is_current(&world, noon()));
    assert!(!permit.is_current(&world, too_late));
    assert_eq!(permit.renew(&world, too_late), Err(Refusal::ViewStale));
    let Identity::Directory(account) = permit.identity() else { panic!("nobody") };
    assert_eq!(account.guid, guid(ALICE));
    world.view("corp").unwrap().confirm(too_late.wall);
    assert!(permit.is_current(&world, too_late));
}

/// Clients without an account of the directory are served its data, too.
#[test]
fn an_old_view_is_nobodys() {
    let open = Application { anonymous: AnonymousAccess::Search, ..strict() };
    let world = ageing(corp(1, company()));
    let mut permit = Permit::of_anonymous(&Arc::new(open), &world, noon()).unwrap();
    assert_eq!(permit.renew(&world, noon()), Ok(()));
    let too_late = noon().later(2 * HOUR);
    assert!(!permit.is_current(&world, too_late));
    assert_eq!(permit.renew(&world, too_late), Err(Refusal::ViewStale));
}

/// Of two directories an old one does not keep the accounts of the other out.
#[test]
fn an_old_directory_beside_a_fresh_one() {
    let mut world =
        ageing(both(Some(corp_view(1, company())), Some(lab_view(2, vec![person(ANNA, "anna")]))));
    let two = || Application { freshness: Freshness::Strict, ..on_both() };
    let late = noon().later(2 * HOUR);
    assert_eq!(judged_at(&world, two(), "anna", late), None);
    assert_eq!(judged_at(&world, two(), "CORP\\alice", late), Some(Refusal::ViewStale));
    assert!(world.is_stale_for(&two(), late.wall), "a search would be partly old");
    world.directories[0].max_age = 3 * HOUR;
    assert!(!world.is_stale_for(&two(), late.wall));
}
