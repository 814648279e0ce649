//! Blocks: whom they keep out, from when and until when; and that they never let anybody in.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::policy::name::{self, Resolved};
use crate::policy::{Block, BlockTarget, Blocks, Permit};
use crate::upstream::accepted_for_tests;

const HOUR: Duration = Duration::from_secs(3600);

fn account(number: u8) -> BlockTarget {
    BlockTarget::Account { directory: Arc::from("corp"), guid: guid(number) }
}

fn members_of(number: u8) -> BlockTarget {
    BlockTarget::Group { directory: Arc::from("corp"), guid: guid(number) }
}

fn everybody_of(application: &str) -> BlockTarget {
    BlockTarget::Application(Arc::from(application))
}

fn block(target: BlockTarget, until: Option<SystemTime>) -> Block {
    Block {
        target,
        name: "as typed".to_owned(),
        until,
        reason: "left with a laptop".to_owned(),
        set_by: "root (uid 0)".to_owned(),
        set_at: noon().wall,
    }
}

fn blocked(world: World, targets: impl IntoIterator<Item = BlockTarget>) -> World {
    let mut blocks = Blocks::default();
    for target in targets {
        blocks = blocks.with(block(target, None), noon().wall);
    }
    let epoch = world.epoch + blocks.version();
    World { epoch, blocks: Arc::new(blocks), ..world }
}

fn with(targets: impl IntoIterator<Item = BlockTarget>) -> World {
    blocked(corp(1, company()), targets)
}

#[test]
fn a_blocked_account_is_out_by_any_name() {
    let world = with([account(ALICE)]);
    let id = guid(ALICE).to_string();
    for name in ["alice", "CORP\\alice", "alice@corp.example", &people("alice"), &id] {
        assert_eq!(judged(&world, &application(), name), Err(Refusal::Blocked), "{name}");
    }
    assert_eq!(judged(&world, &application(), "bob"), Ok(BOB));
    let elsewhere = BlockTarget::Account { directory: Arc::from("lab"), guid: guid(ALICE) };
    assert_eq!(judged(&with([elsewhere]), &application(), "alice"), Ok(ALICE));
}

/// Service accounts too, which are outside all the rules about scope.
#[test]
fn service_accounts_are_blocked_like_anybody() {
    let crm = Application {
        bases: vec![base(&format!("OU=People,{CORP}"))],
        service_accounts: names(&["svc-crm"]),
        ..application()
    };
    assert_eq!(judged(&with([]), &crm, "svc-crm"), Ok(SERVICE));
    assert_eq!(judged(&with([account(SERVICE)]), &crm, "svc-crm"), Err(Refusal::Blocked));
}

/// Direct, nested (22 in 21, in a circle with 23) and by primary group.
#[test]
fn all_members_of_a_group_are_out() {
    let who = |group: u8| {
        let world = with([members_of(group)]);
        ["alice", "bob", "eve"].map(|name| judged(&world, &application(), name).is_err())
    };
    assert_eq!(who(21), [true, true, false]);
    assert_eq!(who(22), [false, true, false]);
    assert_eq!(who(20), [true, true, true], "everybody's primary group");
    assert_eq!(who(24), [false, false, false]);
    assert_eq!(who(99), [false, false, false], "a group that is gone has no members");
}

/// The reason is the operator's, whatever else speaks against the account; but who is nobody stays nobody.
#[test]
fn a_block_comes_before_all_other_rules() {
    let mut entries = company();
    set(entry_of(&mut entries, ALICE), "userAccountControl", &["514"]);
    let world = blocked(corp(1, entries), [account(ALICE)]);
    assert_eq!(judged(&world, &application(), "alice"), Err(Refusal::Blocked));
    let mut entries = company();
    set(entry_of(&mut entries, ALICE), "userAccountControl", &[]);
    let world = blocked(corp(1, entries), [account(ALICE)]);
    assert_eq!(judged(&world, &application(), "alice"), Err(Refusal::AccountStateUnreadable));
    assert_eq!(judged(&with([account(ALICE)]), &application(), "nobody"), Err(Refusal::Unknown));
}

/// Everybody of one application: accounts, clients without identity; nobody of another.
#[test]
fn a_blocked_application_lets_nobody_in() {
    let world = with([everybody_of("crm")]);
    let open = Application { anonymous: AnonymousAccess::Search, ..application() };
    let other = Application { name: Arc::from("erp"), ..open.clone() };
    assert_eq!(judged(&world, &open, "alice"), Err(Refusal::Blocked));
    assert_eq!(judged(&world, &other, "alice"), Ok(ALICE));
    assert!(Permit::of_anonymous(&Arc::new(open.clone()), &world, noon()).is_none());
    let before = Permit::of_anonymous(&Arc::new(open), &with([]), noon()).unwrap();
    assert!(!before.is_current(&world, noon()));
    assert_eq!(before.renewed(&world, noon()).err(), Some(Refusal::Blocked));
    let elsewhere = Permit::of_anonymous(&Arc::new(other), &with([]), noon()).unwrap();
    assert!(elsewhere.renewed(&world, noon()).is_ok());
}

#[test]
fn a_block_takes_a_permit_away() {
    let application = Arc::new(application());
    let name = BindName::read(b"alice").unwrap();
    let world = with([]);
    let admission = || judge(&world, &application, &name, noon()).unwrap();
    let permit = admission().confirm(accepted_for_tests());
    let later = with([account(ALICE)]);
    assert!(!permit.is_current(&later, noon()));
    assert_eq!(admission().renewed(&later, noon()).err(), Some(Refusal::Blocked));
    assert_eq!(permit.renewed(&later, noon()).err(), Some(Refusal::Blocked));
}

/// A copy that is too old keeps a session waiting; a block ends it all the same.
#[test]
fn a_block_does_not_wait_for_a_fresh_copy() {
    let strict = Application { freshness: Freshness::Strict, ..application() };
    let mut world = with([account(ALICE)]);
    world.directories[0].max_age = HOUR;
    let late = noon().later(2 * HOUR);
    let judged = |name: &str| {
        let name = BindName::read(name.as_bytes()).unwrap();
        judge(&world, &Arc::new(strict.clone()), &name, late).err()
    };
    assert_eq!(judged("alice"), Some(Refusal::Blocked));
    assert_eq!(judged("bob"), Some(Refusal::ViewStale));
}

/// By the clock alone, to the moment.
#[test]
fn a_block_ends_by_itself() {
    let blocks = Blocks::of([block(account(ALICE), Some(noon().wall + HOUR))]);
    let world = World { blocks: Arc::new(blocks.clone()), ..corp(1, company()) };
    let at = |now: Now| {
        judge(&world, &Arc::new(application()), &BindName::read(b"alice").unwrap(), now).is_ok()
    };
    assert!(!at(noon().later(HOUR - Duration::from_nanos(1))));
    assert!(at(noon().later(HOUR)));
    assert_eq!(blocks.in_force(noon().wall + HOUR).count(), 0);
    let next = blocks.with(block(account(BOB), None), noon().wall + HOUR);
    assert_eq!(next.in_force(noon().wall).count(), 1, "one that has ended goes for good");
}

#[test]
fn one_block_for_each_target() {
    let hour = block(account(ALICE), Some(noon().wall + HOUR));
    let first = Blocks::of([hour.clone()]);
    for (until, after) in [
        (Some(noon().wall + 2 * HOUR), Some(noon().wall + 2 * HOUR)),
        (Some(noon().wall), hour.until),
        (None, None),
    ] {
        let next =
            first.with(Block { until, name: "again".to_owned(), ..hour.clone() }, noon().wall);
        let [found] = next.in_force(noon().wall).collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!((found.until, found.name.as_str()), (after, "again"));
    }
    let late = noon().wall + 3 * HOUR;
    let anew = first.with(block(account(ALICE), Some(late + HOUR)), late);
    assert_eq!(anew.about(&account(ALICE), late).unwrap().until, Some(late + HOUR));
    let shorter = first.with(hour, noon().wall);
    assert!(shorter.version() > first.version());
    let lifted = shorter.without(&account(ALICE), noon().wall);
    assert_eq!(lifted.in_force(noon().wall).count(), 0);
    assert!(lifted.version() > shorter.version());
}

/// An operator's name hits one account or is answered with all that it might be.
#[test]
fn an_operator_s_name_means_everybody_who_answers_to_it() {
    let mut entries = company();
    set(entry_of(&mut entries, EVE), "userPrincipalName", &["alice"]);
    let world = corp(1, entries);
    let states: Vec<&DirectoryState> = world.directories.iter().collect();
    let accounts = |name: &str| -> Vec<u8> {
        let name = BindName::read(name.as_bytes()).unwrap();
        let found = name::accounts(&states, &name);
        found.iter().map(|one: &Resolved| one.guid.0[0]).collect()
    };
    assert_eq!(accounts("alice"), [EVE, ALICE], "the first form alone would hit eve");
    assert_eq!(accounts("CORP\\alice"), [ALICE]);
    assert_eq!(accounts(&guid(ALICE).to_string()), [ALICE]);
    assert!(accounts("crm").is_empty(), "a group is no account");
    let groups = |name: &str| -> Vec<u8> {
        let found = name::groups(&states, name);
        found.iter().map(|one| one.guid.0[0]).collect()
    };
    let id = guid(21).to_string();
    for name in ["crm", "CORP\\CRM", "corp.example\\crm", &in_groups("crm"), &id] {
        assert_eq!(groups(name), [21], "{name}");
    }
    assert!(groups("OTHER\\crm").is_empty() && groups("alice").is_empty());
}

fn targets() -> Vec<BlockTarget> {
    let accounts = [ALICE, BOB, JUERGEN, SERVICE, EVE, 99].map(account);
    let groups = [20, 21, 22, 23, 24, 99].map(members_of);
    let applications = ["crm", "erp"].map(everybody_of);
    accounts.into_iter().chain(groups).chain(applications).collect()
}

/// What an application asks of its users, by a number.
fn restricted(by: usize) -> Application {
    let any = application();
    match by {
        0 => any,
        1 => Application { required_groups: names(&["crm"]), ..any },
        2 => Application { denied_groups: names(&["crm-nested"]), ..any },
        3 => Application { service_accounts: names(&["svc-crm", "eve"]), ..restricted(1) },
        _ => Application { bases: vec![base(&format!("OU=People,{CORP}"))], ..restricted(3) },
    }
}

proptest! {
    /// Invariant 11 for blocks: whatever is blocked already, one more never turns a refusal into a permit.
    #[test]
    fn one_more_block_never_permits_more(
        some in subsequence(targets(), 0..=6),
        more in select(targets()),
        by in 0..5_usize,
        ends in proptest::option::of(0..3_u64),
        disabled in any::<bool>(),
    ) {
        let mut entries = company();
        if disabled {
            set(entry_of(&mut entries, BOB), "userAccountControl", &["514"]);
        }
        let before = blocked(corp(1, entries), some);
        let until = ends.map(|hours| noon().wall + HOUR * u32::try_from(hours).unwrap());
        let blocks = before.blocks.with(block(more.clone(), until), noon().wall);
        let after = World { blocks: Arc::new(blocks), ..before.clone() };
        let application = restricted(by);
        for name in ["alice", "bob", "j\u{fc}rgen", "svc-crm", "eve", "nobody"] {
            let (was, is) = (judged(&before, &application, name), judged(&after, &application, name));
            prop_assert!(was.is_ok() || is.is_err(), "{name}: {was:?} became {is:?} by {more:?}");
            prop_assert!(is == was || is == Err(Refusal::Blocked));
        }
    }
}
