//! Budgets by example.

use std::sync::Arc;
use std::time::Duration;

use super::super::account::{Answer, Attempt, Conclusion};
use super::super::accounts::Accounts;
use super::super::fingerprint::{Fingerprint, Fingerprints};
use super::{ALICE, BOB, REMEMBER, WINDOW, clock, known};
use crate::ldap::identifier::Guid;
use crate::ldap::result::{LdapResult, ResultCode};
use crate::ldap::secret::Password;

fn word(attempt: &Attempt) -> &'static str {
    match attempt {
        Attempt::Granted => "granted",
        Attempt::Repeated(_) => "repeated",
        Attempt::Wait => "wait",
        Attempt::Exhausted => "exhausted",
    }
}

fn answer(text: &str) -> Arc<Answer> {
    let result = LdapResult::new(ResultCode::INVALID_CREDENTIALS, text);
    Arc::new(Answer { result, controls: vec![1, 2], controller: Some("dc1".into()) })
}

fn fingerprint(guid: Guid, password: &str) -> Option<Fingerprint> {
    Fingerprints::new(&[9; 32]).of(guid, &Password::copy_from(password.as_bytes()))
}

/// Accounts with a budget of 3 and one password each time.
struct World {
    accounts: Accounts,
    generation: u64,
    set: &'static str,
    changed: bool,
}

impl World {
    fn new() -> Self {
        Self { accounts: Accounts::new(100, REMEMBER), generation: 1, set: "1", changed: false }
    }

    fn known(&self) -> super::Known {
        super::Known { has_changed: self.changed, ..known(3, self.generation, self.set) }
    }

    fn begin(&self, guid: Guid, password: &str, now: std::time::Instant) -> &'static str {
        let print = || fingerprint(guid, password);
        word(&self.accounts.reserve(guid, |_| self.known(), print, now))
    }

    fn reject(
        &self,
        guid: Guid,
        controller: &str,
        password: &str,
        now: std::time::Instant,
    ) -> bool {
        let remembered = fingerprint(guid, password).map(|print| (print, answer(password)));
        let controller = Some(controller.into());
        let conclusion = Conclusion::Rejected { controller, unjudged: Vec::new(), remembered };
        self.accounts.conclude(guid, 1, conclusion, |_| self.known(), now)
    }

    fn accept(&self, guid: Guid, controller: &str, begun: std::time::Instant) {
        let conclusion = Conclusion::Accepted { controller: Some(controller.into()), begun };
        self.accounts.conclude(guid, 1, conclusion, |_| self.known(), begun);
    }

    fn charged(&self, guid: Guid, now: std::time::Instant) -> u32 {
        self.accounts.look(guid, now).0
    }
}

#[test]
fn a_budget_is_spent_and_comes_back_with_the_window() {
    let (world, at) = (World::new(), clock());
    for (turn, password) in ["a", "b", "c"].into_iter().enumerate() {
        assert_eq!(world.begin(ALICE, password, at(0)), "granted");
        assert_eq!(world.reject(ALICE, "dc1", password, at(turn as u64)), turn == 2);
    }
    assert_eq!(world.begin(ALICE, "d", at(3)), "exhausted");
    assert_eq!(world.begin(BOB, "d", at(3)), "granted", "another account");
    let window = u64::try_from(WINDOW.as_millis()).unwrap();
    // From the last failure on, not from the first.
    assert_eq!(world.begin(ALICE, "d", at(window + 1)), "exhausted");
    assert_eq!(world.begin(ALICE, "d", at(window + 2)), "granted");
}

/// Failures at intervals just below the window add up at the directory, so they do here.
#[test]
fn slow_failures_add_up() {
    let (world, at) = (World::new(), clock());
    for turn in 0..3 {
        assert_eq!(world.begin(ALICE, &turn.to_string(), at(turn * 99_000)), "granted");
        world.reject(ALICE, "dc1", &turn.to_string(), at(turn * 99_000));
    }
    assert_eq!(world.begin(ALICE, "x", at(297_000)), "exhausted");
}

/// What is under way may have been counted before the window was over, and then the directory has not forgotten.
#[test]
fn nothing_is_forgotten_while_an_attempt_is_under_way() {
    let (world, at) = (World::new(), clock());
    for password in ["a", "b"] {
        assert_eq!(world.begin(ALICE, password, at(0)), "granted");
        world.reject(ALICE, "dc1", password, at(0));
    }
    assert_eq!(world.begin(ALICE, "c", at(99_000)), "granted");
    assert_eq!(world.begin(ALICE, "d", at(101_000)), "wait");
    world.reject(ALICE, "dc1", "c", at(101_500));
    assert_eq!(world.begin(ALICE, "d", at(102_000)), "exhausted");
}

#[test]
fn what_is_under_way_counts_and_is_waited_for() {
    let (world, at) = (World::new(), clock());
    for _ in 0..3 {
        assert_eq!(world.begin(ALICE, "a", at(0)), "granted");
    }
    assert_eq!(world.begin(ALICE, "a", at(0)), "wait");
    assert!(!world.accounts.extend(ALICE, |_| world.known()), "nor is one sent again");
    world.accept(ALICE, "dc1", at(1));
    assert!(world.accounts.extend(ALICE, |_| world.known()));
    assert_eq!(world.begin(ALICE, "a", at(1)), "wait");
    // The one that was sent twice has cost two.
    let twice = Conclusion::Unjudged(vec!["dc1".into(), "dc2".into()]);
    world.accounts.conclude(ALICE, 2, twice, |_| world.known(), at(2));
    assert_eq!((world.charged(ALICE, at(2)), world.begin(ALICE, "a", at(2))), (2, "wait"));
    world.reject(ALICE, "dc1", "a", at(3));
    assert_eq!(world.begin(ALICE, "b", at(3)), "exhausted");
}

/// A success sets back what its own controller had counted before it was asked, and nothing else.
#[test]
fn a_success_clears_what_it_can_vouch_for() {
    let (world, at) = (World::new(), clock());
    for (controller, moment) in [("dc1", 10), ("dc2", 20)] {
        assert_eq!(world.begin(ALICE, controller, at(moment)), "granted");
        world.reject(ALICE, controller, controller, at(moment));
    }
    assert_eq!(world.begin(ALICE, "right", at(30)), "granted");
    world.accept(ALICE, "dc1", at(30));
    assert_eq!(world.charged(ALICE, at(30)), 1);
    assert_eq!(world.begin(ALICE, "right", at(31)), "granted");
    world.accept(ALICE, "dc2", at(15));
    assert_eq!(world.charged(ALICE, at(31)), 1, "it began before the failure was known");
    assert_eq!(world.begin(ALICE, "right", at(32)), "granted");
    world.accept(ALICE, "dc2", at(32));
    assert_eq!(world.charged(ALICE, at(32)), 0);
}

/// Counted at the very moment at which the right password was let through, it may have been counted after that one was
/// judged, and then no success has taken it away.
#[test]
fn a_failure_of_the_same_moment_stays() {
    let (world, at) = (World::new(), clock());
    let now = at(0);
    assert_eq!(world.begin(ALICE, "right", now), "granted");
    assert_eq!(world.begin(ALICE, "wrong", now), "granted");
    world.reject(ALICE, "dc1", "wrong", now);
    world.accept(ALICE, "dc1", now);
    assert_eq!(world.charged(ALICE, now), 1);
}

#[test]
fn a_repeated_password_gets_the_same_answer_and_costs_nothing() {
    let (world, at) = (World::new(), clock());
    assert_eq!(world.begin(ALICE, "old", at(0)), "granted");
    world.reject(ALICE, "dc1", "old", at(0));
    for moment in [1, 29_999] {
        let print = || fingerprint(ALICE, "old");
        let attempt = world.accounts.reserve(ALICE, |_| world.known(), print, at(moment));
        let Attempt::Repeated(repeated) = attempt else { panic!("{attempt:?}") };
        assert_eq!(repeated, answer("old"));
    }
    assert_eq!(world.charged(ALICE, at(29_999)), 1);
    assert_eq!(world.begin(ALICE, "other", at(29_999)), "granted");
    assert_eq!(world.begin(BOB, "old", at(29_999)), "granted", "another account's password");
    assert_eq!(world.begin(ALICE, "old", at(30_000)), "granted", "it was kept long enough");
}

/// The directory goes on counting after a reset, so there is room for one try, and a success does the rest.
#[test]
fn a_new_password_can_be_tried_and_an_older_view_says_nothing() {
    let (mut world, at) = (World::new(), clock());
    (world.generation, world.set) = (7, "old");
    for password in ["a", "b", "c"] {
        assert_eq!(world.begin(ALICE, password, at(0)), "granted");
        world.reject(ALICE, "dc1", password, at(0));
    }
    (world.generation, world.set) = (6, "older");
    assert_eq!(world.begin(ALICE, "d", at(1)), "exhausted");
    (world.generation, world.set) = (8, "old");
    assert_eq!(world.begin(ALICE, "a", at(1)), "repeated");
    (world.generation, world.set) = (9, "new");
    assert_eq!(world.begin(ALICE, "a", at(1)), "granted");
    assert_eq!(world.charged(ALICE, at(1)), 2);
    assert_eq!(world.begin(ALICE, "b", at(1)), "wait");
    world.accept(ALICE, "dc1", at(2));
    assert_eq!(world.charged(ALICE, at(2)), 0);
}

/// What a directory says of a locked account may read like a wrong password: it counts for the entry as it was.
#[test]
fn an_answer_is_about_the_entry_as_it_was() {
    let (mut world, at) = (World::new(), clock());
    assert_eq!(world.begin(ALICE, "a", at(0)), "granted");
    world.reject(ALICE, "dc1", "a", at(0));
    world.generation = 2;
    assert_eq!(world.begin(ALICE, "a", at(1)), "repeated", "another entry has changed");
    (world.generation, world.changed) = (3, true);
    assert_eq!(world.begin(ALICE, "a", at(1)), "granted");
    assert_eq!(world.charged(ALICE, at(1)), 1, "the failure counts on");
}

#[test]
fn who_has_not_failed_leaves_nothing_behind() {
    let (world, at) = (World::new(), clock());
    assert_eq!(world.begin(ALICE, "right", at(0)), "granted");
    world.accept(ALICE, "dc1", at(0));
    assert_eq!(world.begin(BOB, "wrong", at(0)), "granted");
    world.reject(BOB, "dc1", "wrong", at(0));
    assert_eq!((world.accounts.failing(), world.charged(BOB, at(0))), (1, 1));
    assert_eq!(world.accounts.clear(BOB), 1);
    assert_eq!(world.accounts.failing(), 0);
    // Passwords are forgotten before the failures.
    assert_eq!(world.begin(BOB, "wrong", at(0)), "granted");
    world.reject(BOB, "dc1", "wrong", at(0));
    world.accounts.sweep(at(25_000), Duration::from_secs(5));
    assert_eq!(world.accounts.look(BOB, at(25_000)).2, 0);
    assert_eq!(world.charged(BOB, at(25_000)), 1);
    world.accounts.sweep(at(100_000), Duration::from_secs(5));
    assert_eq!(world.accounts.failing(), 0);
}

/// When there are too many, those go that would be forgotten next.
#[test]
fn the_oldest_failures_go_first() {
    let (mut world, at) = (World::new(), clock());
    world.accounts = Accounts::new(3, REMEMBER);
    let guid = |number| Guid([number; 16]);
    for number in 0..5 {
        let now = at(u64::from(number));
        assert_eq!(world.begin(guid(number), "x", now), "granted");
        world.reject(guid(number), "dc1", "x", now);
    }
    // One that is under way is not forgotten, however old its failures.
    assert_eq!(world.begin(guid(0), "y", at(5)), "granted");
    assert_eq!(world.accounts.make_room(at(5)), 2);
    let left: Vec<u32> = (0..5).map(|number| world.charged(guid(number), at(5))).collect();
    assert_eq!(left, [1, 0, 0, 1, 1]);
    assert_eq!(world.accounts.make_room(at(5)), 0);
}
