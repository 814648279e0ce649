//! What is remembered of names is what resolving them gives.

use super::*;
use crate::policy::name::resolve;
use crate::policy::name_memo::NameMemo;

fn found(
    names: &NameMemo,
    world: &World,
    application: &Application,
    name: &str,
) -> Result<u8, Refusal> {
    let name = BindName::read(name.as_bytes()).unwrap();
    let remembered = names.resolve(world, application, &name);
    assert_eq!(remembered, resolve(world, application, &name), "{name:?}");
    remembered.map(|resolved| resolved.guid.0[0])
}

/// One place: every name takes that of the one before, so what is found there is nearly always another's.
#[test]
fn names_share_a_place_and_nothing_else() {
    let (names, world) = (NameMemo::with_places(1), corp(1, company()));
    for name in ["alice", "alice", "ALICE", "bob", "nobody", "nobody", "alice", "CORP\\bob", "bob"]
    {
        let _ = found(&names, &world, &application(), name);
    }
    assert_eq!(found(&names, &world, &application(), "alice"), Ok(ALICE));
}

/// A name may be somebody else's in the next world, or nobody's.
#[test]
fn a_world_that_has_moved_is_asked_anew() {
    let names = NameMemo::default();
    let ask = |world: &World| found(&names, world, &application(), "alice@corp.example");
    let before = corp(1, company());
    assert_eq!((ask(&before), ask(&before)), (Ok(ALICE), Ok(ALICE)));

    let mut people = company();
    set(entry_of(&mut people, ALICE), "userPrincipalName", &["alice.a@corp.example"]);
    set(entry_of(&mut people, ALICE), "sAMAccountName", &["alice.a"]);
    set(entry_of(&mut people, BOB), "userPrincipalName", &["alice@corp.example"]);
    assert_eq!(ask(&corp(2, people.clone())), Ok(BOB));

    people.retain(|entry| !entry.dn.starts_with("CN=bob,"));
    assert_eq!(ask(&corp(3, people)), Err(Refusal::Unknown));
}

/// What a name says in one application says nothing in another.
#[test]
fn applications_have_their_own_directories() {
    let world = both(Some(corp_view(1, company())), Some(lab_view(1, vec![person(99, "alice")])));
    let names = NameMemo::default();
    let one = application();
    let two = Application { name: "two".into(), directories: vec!["lab".into()], ..application() };
    let both = Application { name: "both".into(), ..on_both() };
    for _ in 0..2 {
        assert_eq!(found(&names, &world, &one, "alice"), Ok(ALICE));
        assert_eq!(found(&names, &world, &two, "alice"), Ok(99));
        assert_eq!(found(&names, &world, &both, "alice"), Err(Refusal::Ambiguous));
    }
}
