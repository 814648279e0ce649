//! The failover rule by example and by property.

use proptest::prelude::*;

use super::*;
use crate::ldap::ber::Writer;
use crate::ldap::message::{MessageId, operation_tag};
use crate::ldap::response::{Extras, write_result};
use crate::ldap::result::ResultCode;
use crate::upstream::outcome::judge;

/// How a controller may behave towards one login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behaviour {
    Full,
    Unreachable,
    Silent,
    Resets,
    Answers(u32, &'static str),
}

use Behaviour::{Answers, Full, Resets, Silent, Unreachable};

const ACCEPT: Behaviour = Answers(0, "");
const WRONG: Behaviour = Answers(49, "data 52e, v1db1");
const NO_LOGON_SERVERS: Behaviour = Answers(49, "data 51f, v1db1");
const BUSY: Behaviour = Answers(51, "");
const OTHER: Behaviour = Answers(80, "");
const STRONGER: Behaviour = Answers(8, "");
const REFERRAL: Behaviour = Answers(10, "");
const ODD: Behaviour = Answers(53, "");

fn report(behaviour: Behaviour) -> Report {
    let error = |step| LinkError::new(step, "reason");
    match behaviour {
        Full => Report::QueueFull,
        Unreachable => Report::NotSent(error(Step::Connect)),
        Silent => Report::Unanswered(error(Step::Timeout)),
        Resets => Report::Unanswered(error(Step::Connect)),
        Answers(code, text) => {
            let id = MessageId::new(1).unwrap();
            let mut writer = Writer::new();
            let result = LdapResult::new(ResultCode(code), text);
            let tag = operation_tag::BIND_RESPONSE;
            write_result(&mut writer, id, tag, &result, Extras::default());
            Report::Answered(judge(id, writer.octets()))
        }
    }
}

/// Plays a login against controllers that are asked in this order.
fn play(controllers: &[Behaviour]) -> (BindOutcome, Failover, usize) {
    let mut failover = Failover::default();
    for (position, behaviour) in controllers.iter().enumerate() {
        if let Course::Stop(outcome) = failover.after(report(*behaviour)) {
            return (outcome, failover, position + 1);
        }
    }
    (failover.exhausted("nobody left"), failover, controllers.len())
}

fn word(outcome: &BindOutcome) -> &'static str {
    match outcome {
        BindOutcome::Accepted { .. } => "accepted",
        BindOutcome::Rejected { .. } => "rejected",
        BindOutcome::Unavailable(_) => "unavailable",
        BindOutcome::Busy => "busy",
    }
}

#[test]
fn the_rule_by_example() {
    for (controllers, expected) in [
        // Outcome, controllers asked, attempts, charged.
        (vec![], ("unavailable", 0, 0, 0)),
        (vec![ACCEPT, WRONG], ("accepted", 1, 1, 0)),
        (vec![WRONG, ACCEPT], ("rejected", 1, 1, 1)),
        (vec![ODD, ACCEPT], ("rejected", 1, 1, 1)),
        (vec![Unreachable, Unreachable, ACCEPT], ("accepted", 3, 1, 0)),
        (vec![Unreachable, Unreachable], ("unavailable", 2, 0, 0)),
        (vec![Silent, ACCEPT], ("accepted", 2, 2, 1)),
        (vec![Silent, WRONG], ("rejected", 2, 2, 2)),
        (vec![Silent, Resets, ACCEPT], ("unavailable", 2, 2, 2)),
        (vec![Silent, Unreachable, ACCEPT], ("accepted", 3, 2, 1)),
        (vec![NO_LOGON_SERVERS, ACCEPT], ("accepted", 2, 2, 1)),
        (vec![OTHER, NO_LOGON_SERVERS, ACCEPT], ("unavailable", 2, 2, 2)),
        (vec![BUSY, BUSY, BUSY, ACCEPT], ("accepted", 4, 4, 0)),
        (vec![BUSY], ("unavailable", 1, 1, 0)),
        (vec![STRONGER, ACCEPT], ("accepted", 2, 2, 0)),
        (vec![STRONGER], ("unavailable", 1, 1, 0)),
        (vec![REFERRAL, ACCEPT], ("unavailable", 1, 1, 0)),
        (vec![Full, ACCEPT], ("accepted", 2, 1, 0)),
        (vec![Full, Unreachable], ("busy", 2, 0, 0)),
        (vec![Silent, Full], ("unavailable", 2, 1, 1)),
    ] {
        let (outcome, failover, asked) = play(&controllers);
        let found = (word(&outcome), asked, failover.attempts, failover.charged);
        assert_eq!(found, expected, "{controllers:?}");
    }
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    prop::sample::select(vec![
        Full,
        Unreachable,
        Silent,
        Resets,
        ACCEPT,
        WRONG,
        NO_LOGON_SERVERS,
        BUSY,
        OTHER,
        STRONGER,
        REFERRAL,
        ODD,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_rule_holds_for_any_behaviour(
        controllers in prop::collection::vec(behaviour(), 0..8),
    ) {
        let (outcome, failover, asked) = play(&controllers);
        let asked = &controllers[..asked];
        let unjudged = |b: &Behaviour| {
            matches!(b, Silent | Resets) || [NO_LOGON_SERVERS, OTHER].contains(b)
        };
        let judged = |b: &Behaviour| [ACCEPT, WRONG, ODD].contains(b);
        // Sent and not judged: one retry at most.
        prop_assert!(asked.iter().filter(|b| unjudged(b)).count() <= 2);
        // Judged: nobody else is asked.
        let first = asked.iter().position(judged);
        prop_assert!(first.is_none_or(|position| position + 1 == asked.len()));
        // A verdict comes from a controller that gave it, an outage never looks like one.
        let last = asked.last();
        match outcome {
            BindOutcome::Accepted { .. } => prop_assert_eq!(last, Some(&ACCEPT)),
            BindOutcome::Rejected { .. } => {
                prop_assert!(last.is_some_and(|b| [WRONG, ODD].contains(b)));
            }
            BindOutcome::Unavailable(_) | BindOutcome::Busy => {
                prop_assert!(!asked.iter().any(judged));
            }
        }
        let may_count = asked.iter().filter(|b| unjudged(b) || [WRONG, ODD].contains(b)).count();
        prop_assert_eq!(failover.charged as usize, may_count);
        let unsent = |b: &&Behaviour| matches!(b, Full | Unreachable);
        prop_assert_eq!(failover.attempts as usize, asked.len() - asked.iter().filter(unsent).count());
    }
}
