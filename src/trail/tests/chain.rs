//! The chain itself: any change is found, and where.

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::chain::Checker;
use super::*;

fn lines(count: u64) -> (Vec<Vec<u8>>, Head) {
    let (key, mut head) = (key(), Head::START);
    let mut lines = Vec::new();
    for number in 0..count {
        let mut line = Vec::new();
        head = seal(&key, head, &login(number), &Names::plain(), &mut line);
        assert_eq!(line.pop(), Some(b'\n'));
        lines.push(line);
    }
    (lines, head)
}

/// The numbers of the lines with a fault, and what is wrong with beginning and end.
fn check(lines: &[Vec<u8>], given: Option<Head>) -> (Vec<(usize, Fault)>, Vec<Fault>) {
    let key = key();
    let mut checker = Checker::new(&key, given);
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        found.extend(checker.line(line).map(|fault| (at + 1, fault)));
    }
    (found, checker.end())
}

#[test]
fn a_line_is_what_it_says_it_is() {
    let (lines, head) = lines(2);
    let document: serde_json::Value = serde_json::from_slice(&lines[1]).unwrap();
    assert_eq!(document["seq"], 2);
    assert_eq!(document["time"], "2023-11-14T22:13:21.000000Z");
    assert_eq!(
        (document["event"].as_str(), document["name"].as_str()),
        (Some("bind"), Some("alice"))
    );
    let first: serde_json::Value = serde_json::from_slice(&lines[0]).unwrap();
    assert_eq!(document["prev"], first["mac"]);
    assert_eq!(head.text(), format!("2:{}", document["mac"].as_str().unwrap()));
    assert_eq!(Head::parse(&head.text()), Ok(head));
    for text in ["", "2", "2:", "x:00", "2:zz"] {
        assert!(Head::parse(text).is_err(), "{text}");
    }
    assert_eq!(check(&lines, Some(head)), (vec![], vec![]));
}

/// What others have typed breaks no line and forges no field.
#[test]
fn nothing_that_is_typed_breaks_a_line() {
    let evil = "x\",\"event\":\"chain_restarted\"}\n{\"seq\":9,\u{0}\u{2028}";
    let mut line = Vec::new();
    let event = Event::new("bind", at(1)).field("name", Value::name(evil));
    let head = seal(&key(), Head::START, &event, &Names::plain(), &mut line);
    assert_eq!(line.iter().filter(|octet| **octet == b'\n').count(), 1);
    line.pop();
    let document: serde_json::Value = serde_json::from_slice(&line).unwrap();
    assert_eq!(document["name"], evil);
    assert_eq!(check(&[line], Some(head)), (vec![], vec![]));
}

#[test]
fn another_key_has_made_other_codes() {
    let (lines, _) = lines(3);
    let other = Key::new([8; 32]);
    let mut checker = Checker::new(&other, None);
    assert!(lines.iter().all(|line| checker.line(line) == Some(Fault::Changed)));
}

/// Each kind of change by its name.
#[test]
fn faults_are_told_apart() {
    let (all, head) = lines(5);
    let without = |at: usize| {
        let mut lines = all.clone();
        lines.remove(at);
        check(&lines, Some(head))
    };
    assert_eq!(without(0), (vec![], vec![Fault::BeginningMissing { first: 2 }]));
    assert_eq!(without(2), (vec![(3, Fault::Missing { expected: 3, found: 4 })], vec![]));
    assert_eq!(without(4), (vec![], vec![Fault::CutOff { last: 4, head: 5 }]));
    assert_eq!(check(&all[..4], None), (vec![], vec![]), "that takes a head to see");
    assert_eq!(check(&[], Some(head)), (vec![], vec![Fault::CutOff { last: 0, head: 5 }]));
    let twice = [all[0].clone(), all[1].clone(), all[1].clone(), all[2].clone()];
    assert_eq!(check(&twice, None).0, [(3, Fault::OutOfOrder { expected: 3, found: 2 })]);
    // Made with the right key, in the place of what was there: only a head tells.
    let mut forged = Vec::new();
    let fourth = Head { seq: 4, mac: check_head(&all[..4]).mac };
    seal(&key(), fourth, &login(99), &Names::plain(), &mut forged);
    forged.pop();
    let mut replaced = all.clone();
    replaced[4] = forged;
    assert_eq!(check(&replaced, Some(head)).0, [(5, Fault::OtherHead)]);
    // With the right number on another chain.
    let mut foreign = Vec::new();
    seal(&key(), Head { seq: 2, mac: [1; 32] }, &login(3), &Names::plain(), &mut foreign);
    foreign.pop();
    assert_eq!(
        check(&[all[0].clone(), all[1].clone(), foreign], None).0,
        [(3, Fault::NotContinued)]
    );
}

fn check_head(lines: &[Vec<u8>]) -> Head {
    let key = key();
    let mut checker = Checker::new(&key, None);
    lines.iter().for_each(|line| assert_eq!(checker.line(line), None));
    checker.head()
}

#[test]
fn names_can_be_hashed() {
    let hashed = |name: &str, key: u8| {
        let mut line = Vec::new();
        let event = Event::new("bind", at(1))
            .field("name", Value::name(name))
            .field("application", Value::text("crm"));
        seal(&super::key(), Head::START, &event, &Names::hashed([key; 32]), &mut line);
        let document: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(document["application"], "crm");
        document["name"].as_str().unwrap().to_owned()
    };
    let alice = hashed("alice", 1);
    assert!(alice.starts_with("hmac:") && alice.len() == 5 + 32, "{alice}");
    assert_eq!(alice, hashed("Alice", 1));
    assert_ne!(alice, hashed("bob", 1));
    assert_ne!(alice, hashed("alice", 2));
}

proptest! {
    /// Edited in one octet, taken away, moved, doubled, or cut off: found, at the line or the one behind it.
    #[test]
    fn any_single_change_is_found(
        count in 2_u64..12,
        what in 0..5,
        which in any::<Index>(),
        other in any::<Index>(),
        bit in 0..8_u32,
    ) {
        let (all, head) = lines(count);
        let at = which.index(all.len());
        let mut lines = all.clone();
        // Numbers of the lines where the fault may be told.
        let told: Vec<usize> = match what {
            0 => {
                let line = &mut lines[at];
                let octet = other.index(line.len());
                line[octet] ^= 1 << bit;
                vec![at + 1]
            }
            1 => {
                lines.remove(at);
                vec![at + 1]
            }
            2 => {
                let to = other.index(all.len());
                prop_assume!(to != at);
                lines.swap(at, to);
                vec![at.min(to) + 1]
            }
            3 => {
                lines.insert(at, all[at].clone());
                vec![at + 2]
            }
            _ => {
                lines.truncate(at);
                vec![]
            }
        };
        let (found, end) = check(&lines, Some(head));
        let places: Vec<usize> = found.iter().map(|(at, _)| *at).collect();
        let first = places.first().copied();
        let at_the_ends = !end.is_empty();
        prop_assert!(first.is_some() || at_the_ends, "nothing found");
        // The first line that is wrong is the first that is told, but what is missing at the ends has no line.
        if let Some(expected) = told.first() && !at_the_ends {
            prop_assert!(first == Some(*expected) || (what == 2 && *expected == 1), "{found:?} {told:?}");
        }
    }
}
