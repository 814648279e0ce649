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
    Begin { right: bool, controller: usize },
    /// An attempt asks to be sent again.
    Retry(usize),
    /// The controller that was sent an attempt judges it, or the one that was sent it before.
    Judge { attempt: usize, late: bool },
    /// The answer to an attempt arrives, or does not.
    End { attempt: usize, lost: bool },
    /// Time passes, in hundredths of the window.
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let attempt = || 0..8_usize;
    prop_oneof![
        4 => (prop::bool::weighted(0.3), 0..2_usize)
            .prop_map(|(right, controller)| Event::Begin { right, controller }),
        1 => attempt().prop_map(Event::Retry),
        4 => (attempt(), prop::bool::weighted(0.3))
            .prop_map(|(attempt, late)| Event::Judge { attempt, late }),
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
    /// Where it was sent first, and where it was sent again.
    sent: Vec<usize>,
    /// Which of them have judged it.
    judged: Vec<usize>,
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
    let name = |at: &usize| Arc::from(NAMES[*at]);
    let (last, before) = attempt.sent.split_last().unwrap();
    if lost || !attempt.judged.contains(last) {
        return Conclusion::Unjudged(attempt.sent.iter().map(name).collect());
    }
    let controller = Some(name(last));
    if attempt.right {
        Conclusion::Accepted { controller, begun: attempt.begun }
    } else {
        let unjudged = before.iter().map(name).collect();
        Conclusion::Rejected { controller, unjudged, remembered: None }
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
        let say = |_| known(budget, 1, "1");
        let mut directory = Directory::default();
        let mut under_way: Vec<UnderWay> = Vec::new();
        let mut passed = 0;
        for event in events {
            let now = at(passed);
            let count = under_way.len().max(1);
            match event {
                Event::Begin { right, controller } => {
                    let attempt = accounts.reserve(ALICE, say, || None, now);
                    if matches!(attempt, Attempt::Granted) {
                        let (begun, sent, judged) = (now, vec![controller], Vec::new());
                        under_way.push(UnderWay { begun, held: 1, right, sent, judged });
                    }
                }
                Event::Retry(which) => {
                    if let Some(one) = under_way.get_mut(which % count)
                        && one.sent.len() == 1
                        && accounts.extend(ALICE, say)
                    {
                        one.held = 2;
                        one.sent.push(1 - one.sent[0]);
                    }
                }
                Event::Judge { attempt, late } => {
                    if let Some(one) = under_way.get_mut(attempt % count) {
                        let at = if late { one.sent[0] } else { *one.sent.last().unwrap() };
                        if !one.judged.contains(&at) {
                            directory.judge(at, one.right, now);
                            one.judged.push(at);
                        }
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
