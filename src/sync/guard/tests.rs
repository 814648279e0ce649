//! What is held, and what never is.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn removing(removed: usize, users_before: usize) -> Impact {
    Impact {
        users_before,
        users_after: users_before - removed,
        removed,
        groups_before: 5,
        groups_after: 5,
        ..Impact::default()
    }
}

fn of_application(before: usize, lost: usize, gained: usize) -> Impact {
    let name = Arc::from("crm");
    Impact {
        applications: vec![ApplicationImpact { name, before, lost, gained }],
        ..removing(0, 1000)
    }
}

fn sentences(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Pass => Vec::new(),
        Verdict::Hold(reasons) => reasons.iter().map(ToString::to_string).collect(),
    }
}

fn judged(impact: &Impact) -> Vec<String> {
    sentences(&Guard::new(GuardConfig::default()).judge(impact, Now::read()))
}

/// More than a tenth, and twenty at least; each for itself.
#[test]
fn both_limits_count() {
    assert_eq!(judged(&removing(45, 300)), ["would remove or deactivate 45 of 300 users"]);
    let mixed = Impact { deactivated: 11, ..removing(10, 209) };
    assert_eq!(judged(&mixed), ["would remove or deactivate 21 of 209 users"]);
    assert_eq!(judged(&removing(19, 100)), [""; 0], "too few to matter");
    assert_eq!(judged(&removing(20, 200)), [""; 0], "a tenth is no more than a tenth");
    assert_eq!(judged(&removing(20, 199)).len(), 1);
    assert_eq!(
        judged(&of_application(120, 45, 0)),
        ["45 of 120 users would leave application \"crm\""]
    );
    assert_eq!(
        judged(&of_application(120, 0, 45)),
        ["45 users would come to the 120 of application \"crm\""]
    );
    assert_eq!(judged(&of_application(0, 0, 4500)), [""; 0], "its first users");
    let all = Impact { removed: 45, users_after: 955, ..of_application(120, 45, 45) };
    assert_eq!(judged(&all).len(), 2, "45 of 1000 are few");
}

#[test]
fn suddenly_nothing() {
    assert_eq!(judged(&removing(3, 3)), ["none of 3 users would be left"]);
    let no_groups = Impact { groups_removed: 5, groups_after: 0, ..removing(0, 3) };
    assert_eq!(judged(&no_groups), ["none of 5 groups would be left"]);
    assert_eq!(judged(&Impact { users_after: 5, groups_after: 9, ..Impact::default() }), [""; 0]);
}

/// Five each minute are too many together; an hour later they are forgotten.
#[test]
fn what_went_before_counts() {
    let (mut guard, start) = (Guard::new(GuardConfig::default()), Now::read());
    let mut at = start;
    for _ in 0..6 {
        assert_eq!(guard.judge(&removing(5, 300), at), Verdict::Pass);
        guard.passed(&removing(5, 300), at);
        at = at.later(MINUTE);
    }
    let verdict = guard.judge(&removing(5, 270), at);
    let expected =
        "would remove or deactivate 5 of 300 users, 35 with those of the last 60 minutes";
    assert_eq!(sentences(&verdict), [expected]);
    assert_eq!(guard.judge(&removing(0, 270), at), Verdict::Pass, "nothing adds up with nothing");
    assert_eq!(guard.judge(&of_application(120, 10, 0), at), Verdict::Pass, "another count");
    let first_forgotten = start.later(60 * MINUTE);
    assert_eq!(guard.judge(&removing(5, 270), first_forgotten), Verdict::Pass);
}

/// Whoever accepts a change knows what went before it.
#[test]
fn the_count_begins_anew_with_what_was_accepted() {
    let (mut guard, now) = (Guard::new(GuardConfig::default()), Now::read());
    guard.passed(&removing(15, 300), now);
    assert_ne!(guard.judge(&removing(45, 285), now), Verdict::Pass);
    guard.passed(&removing(45, 285), now);
    assert_eq!(guard.judge(&removing(24, 240), now), Verdict::Pass);
    assert_ne!(guard.judge(&removing(25, 240), now), Verdict::Pass);
}

/// A change each second for an hour takes no more room than its minutes.
#[test]
fn the_window_is_bounded() {
    let (mut guard, mut at) = (Guard::new(GuardConfig::default()), Now::read());
    for _ in 0..2 * 3600 {
        guard.passed(&removing(1, 1_000_000), at);
        at = at.later(Duration::from_secs(1));
    }
    let parts = &guard.passed[&Counted::Removed];
    assert!((60..=61).contains(&parts.len()), "{}", parts.len());
    let count: usize = parts.iter().map(|part| part.count).sum();
    assert!((3600..=3660).contains(&count), "{count}");
}

/// What is stored goes on where it was, by the wall clock, also where that was set back.
#[test]
fn the_window_outlives_a_restart() {
    let (mut guard, now) = (Guard::new(GuardConfig::default()), Now::read());
    guard.passed(&removing(15, 300), now);
    guard.passed(&of_application(300, 15, 15), now);
    let octets = guard.write(now.later(10 * MINUTE)).unwrap();
    let read = |at: Now| Guard::read(GuardConfig::default(), &octets, at).unwrap();
    for (minutes, held) in [(20, true), (59, true), (61, false)] {
        let at = now.later(minutes * MINUTE);
        for impact in [removing(20, 285), of_application(285, 20, 0), of_application(285, 0, 20)] {
            assert_eq!(read(at).judge(&impact, at) != Verdict::Pass, held, "{minutes} {impact:?}");
        }
    }
    let set_back = Now { wall: now.wall - 100 * MINUTE, ..now };
    assert_ne!(read(set_back).judge(&removing(20, 285), set_back), Verdict::Pass);
    let later = set_back.later(61 * MINUTE);
    assert_eq!(read(set_back).judge(&removing(20, 285), later), Verdict::Pass);
    assert!(Guard::read(GuardConfig::default(), b"{", now).is_err());
}

#[test]
fn a_guard_that_is_off_holds_nothing() {
    let now = Now::read();
    let off = Guard::new(GuardConfig { share_percent: 100, ..GuardConfig::default() });
    for impact in [removing(300, 300), of_application(15, 0, 60)] {
        assert_eq!(off.judge(&impact, now), Verdict::Pass);
        assert_ne!(Guard::new(GuardConfig::default()).judge(&impact, now), Verdict::Pass);
    }
}

fn any_config() -> impl Strategy<Value = GuardConfig> {
    (0_u8..=100, 0_usize..40, 1_u32..120).prop_map(|(share_percent, least, minutes)| GuardConfig {
        share_percent,
        least,
        window: minutes * MINUTE,
    })
}

/// A sort of counting, and a change of so many.
fn change(sort: u8, count: usize, before: usize) -> Impact {
    match sort {
        0 => Impact { users_after: 1, ..removing(count.min(before), before) },
        1 => Impact { deactivated: count, ..removing(0, before) },
        2 => of_application(before, count, 0),
        _ => of_application(before, 0, count),
    }
}

/// Both limits, as they are meant.
fn is_too_many(config: GuardConfig, count: usize, users: usize) -> bool {
    let share = usize::from(config.share_percent);
    share < 100 && count >= config.least && count * 100 > share * users
}

proptest! {
    /// As long as all that has ever been asked for is not too much, nothing is held.
    #[test]
    fn what_is_not_too_much_is_never_held(
        config in any_config(),
        sort in 0_u8..4,
        before in 1_usize..1000,
        steps in vec((0_usize..30, 0_u64..4000), 1..20),
    ) {
        let (mut guard, mut at, mut sum) = (Guard::new(config), Now::read(), 0);
        for (count, seconds) in steps {
            sum += count;
            if is_too_many(config, sum, before) {
                break;
            }
            let impact = change(sort, count, before);
            prop_assert_eq!(guard.judge(&impact, at), Verdict::Pass);
            guard.passed(&impact, at);
            at = at.later(Duration::from_secs(seconds));
        }
    }

    /// Cut into whatever slices within the window, no more goes through than may at once.
    #[test]
    fn slices_add_up(
        config in any_config(),
        sort in 0_u8..4,
        before in 1_usize..1000,
        slices in vec(1_usize..30, 1..40),
    ) {
        let (mut guard, start) = (Guard::new(config), Now::read());
        let step = config.window / 41;
        let (mut through, mut held) = (0, false);
        let all: usize = slices.iter().sum();
        for (number, count) in (0_u32..).zip(slices) {
            let at = start.later(step * number);
            // The number of those who are there goes down with each slice.
            let impact = change(sort, count, before.saturating_sub(through).max(1));
            match guard.judge(&impact, at) {
                Verdict::Pass => {
                    guard.passed(&impact, at);
                    through += if sort == 0 { impact.removed } else { count };
                }
                Verdict::Hold(_) => held = true,
            }
        }
        prop_assert!(!is_too_many(config, through, before) || through == 0, "{} through", through);
        if sort != 0 && is_too_many(config, all, before) {
            prop_assert!(held);
        }
    }

    /// A window that is over counts no more, however much went through in all.
    #[test]
    fn a_window_that_is_over_is_forgotten(
        config in any_config(),
        sort in 0_u8..4,
        before in 1_usize..1000,
        counts in vec(0_usize..30, 2..20),
    ) {
        let (mut guard, mut at) = (Guard::new(config), Now::read());
        for count in counts {
            let count = count.min(before);
            let impact = change(sort, count, before);
            let too_many = is_too_many(config, count, before) && count > 0;
            prop_assert_eq!(guard.judge(&impact, at) != Verdict::Pass, too_many);
            guard.passed(&impact, at);
            at = at.later(config.window);
        }
    }
}
