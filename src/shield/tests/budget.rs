//! The promise of the room, for any order of things: a directory never counts more than the budget.

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::super::account::{Attempt, Conclusion};
use super::super::accounts::Accounts;
use super::{ALICE, REMEMBER, WINDOW, clock, known};

/// What may happen. Numbers of attempts are taken modulo those under way.
#[derive(Clone, Debug)]
enum Event {
    /// Somebody logs in. All controllers know the same password: what one of them counted as wrong before another
    /// accepts it, while a new one is on its way from the one to the other, is not held against anybody.
    Begin { right: bool },
    /// An attempt asks to be sent again.
    Retry(usize),
    /// A controller judges an attempt.
    Judge { attempt: usize, controller: usize },
    /// The answer to an attempt arrives, or does not.
    End { attempt: usize, lost: bool },
    /// Time passes, in hundredths of the window.
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let attempt = || 0..8_usize;
    prop_oneof![
        4 => prop::bool::weighted(0.3).prop_map(|right| Event::Begin { right }),
        1 => attempt().prop_map(Event::Retry),
        4 => (attempt(), 0..2_usize)
            .prop_map(|(attempt, controller)| Event::Judge { attempt, controller }),
        4 => (attempt(), prop::bool::weighted(0.2))
            .prop_map(|(attempt, lost)| Event::End { attempt, lost }),
        2 => prop_oneof![1..20_u64, 80..120_u64].prop_map(Event::Pass),
    ]
}

/// A counter of wrong passwords as directories have it.
#[derive(Clone, Copy, Default)]
struct Counter {
    count: u32,
    last: Option<Instant>,
}

impl Counter {
    fn wrong(&mut self, now: Instant) {
        self.count = self.at(now) + 1;
        self.last = Some(now);
    }

    fn at(&self, now: Instant) -> u32 {
        let forgotten = self.last.is_none_or(|last| now - last >= WINDOW);
        if forgotten { 0 } else { self.count }
    }
}

/// An attempt under way.
struct UnderWay {
    begun: Instant,
    held: u32,
    right: bool,
    /// The controller of the last verdict.
    judged: Option<usize>,
    sent: u32,
    verdicts: u32,
}

const NAMES: [&str; 2] = ["dc1", "dc2"];

/// Two controllers that count for themselves, and one that counts what both see.
#[derive(Default)]
struct Directory {
    own: [Counter; 2],
    first: Counter,
}

impl Directory {
    fn judge(&mut self, controller: usize, right: bool, now: Instant) {
        let own = &mut self.own[controller];
        if right {
            *own = Counter::default();
            self.first = Counter::default();
        } else {
            own.wrong(now);
            self.first.wrong(now);
        }
    }

    fn counted(&self, now: Instant) -> u32 {
        let own: u32 = self.own.iter().map(|one| one.at(now)).sum();
        own.max(self.first.at(now))
    }
}

fn conclusion(attempt: &UnderWay, lost: bool) -> Conclusion {
    let controller = |at: usize| Some(Arc::from(NAMES[at]));
    match attempt.judged {
        Some(at) if attempt.right && !lost => {
            Conclusion::Accepted { controller: controller(at), begun: attempt.begun }
        }
        Some(at) if !lost => Conclusion::Rejected {
            controller: controller(at),
            unjudged: attempt.sent - 1,
            remembered: None,
        },
        Some(_) | None => Conclusion::Unjudged(attempt.sent),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_order_of_attempts_passes_the_budget(
        budget in 1..5_u32,
        events in prop::collection::vec(event(), 1..120),
    ) {
        let at = clock();
        let accounts = Accounts::new(100, REMEMBER);
        let say = || known(budget, 1, "1");
        let mut directory = Directory::default();
        let mut under_way: Vec<UnderWay> = Vec::new();
        let mut passed = 0;
        for event in events {
            let now = at(passed);
            let count = under_way.len().max(1);
            match event {
                Event::Begin { right } => {
                    let attempt = accounts.reserve(ALICE, say, || None, now);
                    if matches!(attempt, Attempt::Granted) {
                        let begun = now;
                        let one =
                            UnderWay { begun, held: 1, right, judged: None, sent: 1, verdicts: 0 };
                        under_way.push(one);
                    }
                }
                Event::Retry(which) => {
                    if let Some(one) = under_way.get_mut(which % count)
                        && one.sent == 1
                        && accounts.extend(ALICE, say)
                    {
                        (one.held, one.sent) = (2, 2);
                        // The answer to the first try is not waited for any more.
                        one.judged = None;
                    }
                }
                Event::Judge { attempt, controller } => {
                    if let Some(one) = under_way.get_mut(attempt % count)
                        && one.verdicts < one.sent
                    {
                        directory.judge(controller, one.right, now);
                        one.verdicts += 1;
                        one.judged = Some(controller);
                    }
                }
                Event::End { attempt, lost } if !under_way.is_empty() => {
                    let one = under_way.swap_remove(attempt % count);
                    let conclusion = conclusion(&one, lost);
                    accounts.conclude(ALICE, one.held, conclusion, say, now);
                }
                Event::End { .. } => {}
                Event::Pass(share) => passed += share * 1000,
            }
            let counted = directory.counted(at(passed));
            prop_assert!(counted <= budget, "{counted} counted, {budget} allowed");
        }
        // What is left over does not stay for ever.
        for one in under_way.drain(..) {
            accounts.conclude(ALICE, one.held, conclusion(&one, true), say, at(passed));
        }
        let later = at(passed) + WINDOW;
        prop_assert!(matches!(accounts.reserve(ALICE, say, || None, later), Attempt::Granted));
    }
}
