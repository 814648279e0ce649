//! Which controller is asked next. Pure: what is known of each controller in, one position out.
//!
//! Order: controllers that are up, then those that are up but came back to a preferred tier only
//! just now, then degraded ones, then those that are down. So when none is up all are tried. Within
//! one of these classes the lower tier wins, then the smaller load; `turn` spreads equals evenly.

use super::health::State;

/// What the choice rests on, for one controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Lower is preferred.
    pub(super) tier: u8,
    /// The state of the capability that is needed.
    pub(super) state: State,
    /// Whether it is up and has been for long enough (see `CapabilityHealth::settled`).
    pub(super) settled: bool,
    /// Requests it has in hand for us.
    pub(super) in_flight: usize,
    /// Whether this login asked it already.
    pub(super) tried: bool,
}

/// The position of the controller to ask, or `None` when all have been tried.
pub(super) fn next(candidates: &[Candidate], turn: usize) -> Option<usize> {
    let settled_tier = candidates.iter().filter(|c| c.settled).map(|c| c.tier).min();
    let count = candidates.len().max(1);
    candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| !candidate.tried)
        .min_by_key(|(position, candidate)| {
            let distance = (position + count - turn % count) % count;
            (class(candidate, settled_tier), candidate.tier, candidate.in_flight, distance)
        })
        .map(|(position, _)| position)
}

fn class(candidate: &Candidate, settled_tier: Option<u8>) -> u8 {
    match candidate.state {
        // Back in a better tier than the one that serves: logins stay where they are for a while.
        State::Up if !candidate.settled && settled_tier.is_some_and(|t| candidate.tier < t) => 1,
        State::Up => 0,
        State::Degraded => 2,
        State::Down => 3,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UP: Candidate =
        Candidate { tier: 0, state: State::Up, settled: true, in_flight: 0, tried: false };
    const BACK: Candidate = Candidate { settled: false, ..UP };
    const DEGRADED: Candidate = Candidate { state: State::Degraded, ..BACK };
    const DOWN: Candidate = Candidate { state: State::Down, ..BACK };

    fn tier(tier: u8, candidate: Candidate) -> Candidate {
        Candidate { tier, ..candidate }
    }

    fn tried(candidate: Candidate) -> Candidate {
        Candidate { tried: true, ..candidate }
    }

    #[test]
    fn the_choice_by_class_tier_and_load() {
        let busy = Candidate { in_flight: 3, ..UP };
        for (what, candidates, expected) in [
            ("nobody", vec![], None),
            ("preferred tier", vec![tier(1, UP), UP], Some(1)),
            ("less load", vec![busy, UP], Some(1)),
            ("tier before load", vec![busy, tier(1, UP)], Some(0)),
            ("up before degraded, whatever the tier", vec![DEGRADED, tier(3, UP)], Some(1)),
            ("degraded before down", vec![DOWN, tier(3, DEGRADED)], Some(1)),
            ("just back in a preferred tier: wait", vec![BACK, tier(1, UP)], Some(1)),
            ("just back in the same tier: welcome", vec![busy, BACK], Some(1)),
            ("just back is better than degraded", vec![BACK, tier(1, tried(UP))], Some(0)),
            ("just back, nobody settled", vec![tier(1, BACK), BACK], Some(1)),
            ("none up: the preferred one first", vec![tier(1, DOWN), DOWN], Some(1)),
            ("none up: then the others", vec![tier(1, DOWN), tried(DOWN)], Some(0)),
            ("all tried", vec![tried(UP), tried(DOWN)], None),
        ] {
            assert_eq!(next(&candidates, 0), expected, "{what}");
        }
    }

    #[test]
    fn equals_take_turns() {
        let candidates = [UP, UP, tier(1, UP), UP];
        let chosen: Vec<_> = (0..6).map(|turn| next(&candidates, turn)).collect();
        assert_eq!(chosen, [Some(0), Some(1), Some(3), Some(3), Some(0), Some(1)]);
    }

    fn candidate() -> impl Strategy<Value = Candidate> {
        let state = prop_oneof![Just(State::Up), Just(State::Degraded), Just(State::Down)];
        (0..3_u8, state, any::<bool>(), 0..4_usize, any::<bool>()).prop_map(
            |(tier, state, settled, in_flight, tried)| Candidate {
                tier,
                state,
                settled: settled && state == State::Up,
                in_flight,
                tried,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Asking again and again reaches every controller once, and no worse state before a better.
        #[test]
        fn everyone_is_reached_once_in_order_of_state(
            mut candidates in prop::collection::vec(candidate(), 0..6),
            turn in any::<usize>(),
        ) {
            let left = candidates.iter().filter(|c| !c.tried).count();
            let mut order = Vec::new();
            while let Some(position) = next(&candidates, turn) {
                prop_assert!(!candidates[position].tried);
                candidates[position].tried = true;
                order.push(candidates[position].state);
            }
            prop_assert_eq!(order.len(), left);
            prop_assert!(order.is_sorted());
        }
    }
}
