//! Logins that race at the shield of a directory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::gatekeeper::{Origin, Reservation, Shield, Turned};
use super::super::limit::ShieldConfig;
use super::super::sources::{SourceLimits, Sources};
use super::view;
use crate::directory::PublishedView;
use crate::ldap::identifier::Guid;
use crate::ldap::result::{LdapResult, ResultCode};
use crate::ldap::secret::Password;
use crate::policy::tests::{CORP, set};
use crate::time::Now;
use crate::upstream::{BindOutcome, Charge, Unavailable, Verification, accepted_for_tests};

struct World {
    shield: Arc<Shield>,
    published: Arc<PublishedView>,
    alice: Guid,
    sent: AtomicU32,
    now: AtomicU32,
}

/// A domain that locks accounts after five wrong passwords, so three are let through.
fn world() -> World {
    let published = PublishedView::empty();
    published.publish(view(1, |entry| {
        if entry.dn == CORP {
            set(entry, "lockoutThreshold", &["5"]);
            set(entry, "lockOutObservationWindow", &["-18000000000"]);
        }
    }));
    let view = published.load().unwrap();
    let alice = view.users_with("sAMAccountName", "alice")[0].guid();
    let sources = Arc::new(Sources::new(SourceLimits::default()));
    let config = ShieldConfig::default();
    let shield = Shield::new("corp".into(), config, published.clone(), sources, &[3; 32]);
    let (sent, now) = (AtomicU32::new(0), AtomicU32::new(0));
    World { shield, published, alice, sent, now }
}

fn password(text: &str) -> Password {
    Password::copy_from(text.as_bytes())
}

impl World {
    async fn admit(&self, secret: &str, patience: u64) -> Result<Reservation, Turned> {
        let origin = Origin { application: "crm".into(), client: [10, 0, 0, 1].into() };
        let now = Now::read().monotonic;
        let deadline = now + Duration::from_millis(patience);
        self.shield.admit(self.alice, &password(secret), origin, now, deadline).await
    }

    fn charged(&self) -> u32 {
        self.shield.state_of(self.alice, Now::read().monotonic).charged
    }
}

fn verification(outcome: BindOutcome, charged: u32) -> Verification {
    let unjudged = vec!["dc1".into(); charged as usize];
    Verification { outcome, controller: None, attempts: 1, charged, unjudged }
}

fn rejected(text: &str) -> Verification {
    let result = LdapResult::new(ResultCode::INVALID_CREDENTIALS, text);
    let outcome = BindOutcome::Rejected { result, controls: Vec::new() };
    Verification {
        controller: Some("dc1".into()),
        charged: 1,
        unjudged: Vec::new(),
        ..verification(outcome, 0)
    }
}

fn accepted() -> Verification {
    let evidence = accepted_for_tests();
    let outcome = BindOutcome::Accepted { evidence, controls: Vec::new() };
    Verification { controller: Some("dc1".into()), ..verification(outcome, 0) }
}

const WRONG: &str = "data 52e, v1db1";

/// So many logins at once, each a task of its own. `answer` is what the controller says after a while; `meanwhile`
/// is told when one is with it, and when it is not any more.
async fn race(
    world: &Arc<World>,
    count: usize,
    secret: impl Fn(usize) -> String,
    answer: fn() -> Verification,
    meanwhile: fn(&World, bool),
) -> Vec<Result<(), Turned>> {
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (world, secret) = (world.clone(), secret(number));
        tasks.spawn(async move {
            let reservation = world.admit(&secret, 10_000).await?;
            meanwhile(&world, true);
            sleep(Duration::from_millis(5)).await;
            meanwhile(&world, false);
            reservation.conclude(&answer(), &password(&secret));
            Ok(())
        });
    }
    tasks.join_all().await
}

fn count_sent(world: &World, begins: bool) {
    world.sent.fetch_add(u32::from(begins), Ordering::SeqCst);
}

fn count_most(world: &World, begins: bool) {
    if begins {
        let now = world.now.fetch_add(1, Ordering::SeqCst) + 1;
        world.sent.fetch_max(now, Ordering::SeqCst);
    } else {
        world.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// However many come at once, the controller sees no more than the budget; the rest are told without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_wrong_passwords_at_once_cost_three() {
    let world = Arc::new(world());
    let wrong = || rejected(WRONG);
    let ended = race(&world, 100, |number| format!("wrong {number}"), wrong, count_sent).await;
    assert_eq!(world.sent.load(Ordering::SeqCst), 3);
    let turned = ended.iter().filter(|one| **one == Err(Turned::Exhausted)).count();
    assert_eq!((turned, world.charged()), (97, 3));
    assert_eq!((world.shield.counts().exhausted, world.shield.counts().waiting), (97, 0));
}

/// The same password over and over costs no more than those that were sent before the first answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_wrong_password_many_times_costs_no_more_than_what_raced() {
    let world = Arc::new(world());
    let wrong = || rejected(WRONG);
    let ended = race(&world, 50, |_| "wrong".to_owned(), wrong, count_sent).await;
    let sent = world.sent.load(Ordering::SeqCst);
    assert!((1..=3).contains(&sent) && world.charged() == sent, "{sent}");
    let repeated = ended.iter().filter(|one| matches!(one, Err(Turned::Repeated(_)))).count();
    assert_eq!(repeated, 50 - sent as usize);
}

/// Right passwords wait for each other and all get in, also in numbers beyond the budget.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn right_passwords_queue_and_all_pass() {
    let world = Arc::new(world());
    let ended = race(&world, 60, |_| "right".to_owned(), accepted, count_most).await;
    assert!(ended.iter().all(Result::is_ok), "{ended:?}");
    assert_eq!((world.sent.load(Ordering::SeqCst), world.charged()), (3, 0));
    assert_eq!(world.shield.counts().accounts, 0);
}

#[tokio::test]
async fn who_waits_too_long_is_told_to_come_again() {
    let world = world();
    let held = [world.admit("a", 0).await, world.admit("b", 0).await, world.admit("c", 0).await];
    assert!(held.iter().all(Result::is_ok));
    assert_eq!(world.admit("d", 20).await.err(), Some(Turned::Busy));
    // What was let through and never reported is counted: it may have been sent.
    drop(held);
    assert_eq!((world.charged(), world.shield.counts().timed_out), (3, 1));
    assert_eq!(world.admit("d", 20).await.err(), Some(Turned::Exhausted));
    assert_eq!(world.shield.clear(world.alice), 3);
    assert!(world.admit("d", 0).await.is_ok());
}

/// Only what the directory counts is charged (and what it may have counted unseen).
#[tokio::test]
async fn what_an_answer_costs() {
    for (text, costs) in [
        (WRONG, 1),
        ("", 1),
        ("data 530, v1", 0),
        ("data 531, v1", 0),
        ("data 532, v1", 0),
        ("data 533, v1", 0),
        ("data 701, v1", 0),
        ("data 773, v1", 0),
        ("data 775, v1", 0),
        ("data 57, v1", 1),
    ] {
        let world = world();
        world.admit("x", 0).await.unwrap().conclude(&rejected(text), &password("x"));
        assert_eq!(world.charged(), costs, "{text}");
        let again = world.admit("x", 0).await;
        assert_eq!(matches!(again, Err(Turned::Repeated(_))), costs == 1, "{text}");
    }
    let world = world();
    let lost = || BindOutcome::Unavailable(Unavailable("lost".to_owned()));
    world.admit("x", 0).await.unwrap().conclude(&verification(lost(), 0), &password("x"));
    assert_eq!(world.charged(), 0);
    let mut twice = world.admit("x", 0).await.unwrap();
    assert!(twice.allows_retry());
    twice.conclude(&verification(lost(), 2), &password("x"));
    assert_eq!(world.charged(), 2);
    let mut last = world.admit("x", 0).await.unwrap();
    assert!(!last.allows_retry(), "a retry would cost the fourth");
    last.conclude(&accepted(), &password("x"));
}

/// A password that was refused while the view moved may be right by now.
#[tokio::test]
async fn nothing_is_remembered_across_a_change() {
    let world = world();
    let reservation = world.admit("new", 0).await.unwrap();
    world.published.publish(view(2, |_| ()));
    reservation.conclude(&rejected(WRONG), &password("new"));
    assert!(world.admit("new", 0).await.is_ok());
}

/// A reset of the password is seen with the view that brings it.
#[tokio::test]
async fn a_reset_password_works_at_once() {
    let world = world();
    for secret in ["a", "b", "c"] {
        world.admit(secret, 0).await.unwrap().conclude(&rejected(WRONG), &password(secret));
    }
    assert_eq!(world.admit("new", 0).await.err(), Some(Turned::Exhausted));
    world.published.publish(view(2, |entry| {
        if entry.dn.starts_with("CN=Alice") {
            set(entry, "pwdLastSet", &["133485408000000000"]);
        }
    }));
    assert!(world.admit("new", 0).await.is_ok());
}

#[tokio::test]
async fn a_flood_from_one_place_is_stopped() {
    let world = world();
    let limits = SourceLimits { client: 2, ..SourceLimits::default() };
    let sources = Arc::new(Sources::new(limits));
    let config = ShieldConfig { enabled: false, ..ShieldConfig::default() };
    let shield = Shield::new("corp".into(), config, world.published.clone(), sources, &[3; 32]);
    let world = World { shield, ..world };
    for secret in ["a", "a"] {
        world.admit(secret, 0).await.unwrap().conclude(&rejected(WRONG), &password(secret));
    }
    assert!(matches!(world.admit("b", 0).await.err(), Some(Turned::Source(_))));
}
