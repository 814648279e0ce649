//! Whether somebody who measures can tell by its speed why a login was refused: the area under the curve of telling
//! two kinds of refusal apart (AUC: the chance that one of the first kind is slower than one of the second, 0.5
//! for nothing to tell).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::world::client::Client;
use crate::world::company::{ALICE, Company};
use crate::world::gate::Gate;

/// What is refused: a name that nobody has, a user outside the bases, a disabled one, and a wrong password.
const KINDS: [(&str, &str); 4] = [
    ("unknown", "CORP\\nobody"),
    ("out of scope", "CORP\\ivan"),
    ("disabled", "CORP\\bob"),
    ("wrong password", ALICE.0),
];

/// Samples of each kind.
const SAMPLES: usize = 2000;
/// Connections that measure side by side.
const CONNECTIONS: usize = 50;
/// How far from 0.5 the area may be.
const BOUND: f64 = 0.1;

/// So many wrong passwords from one place are a flood, which is answered otherwise.
const REST: &str = r#"
[shield]
application_failures = 0
client_failures = 0
[[application]]
name = "crm"
bases = ["OU=People,DC=corp,DC=example"]
[[listener]]
name = "plain"
url = "ldap://127.0.0.1:0"
limits.pre_bind_timeout = "10m"
"#;

/// The times of every kind, in microseconds; the kinds take turns on every connection.
fn measure(gate: &Gate) -> BTreeMap<&'static str, Vec<u64>> {
    let address = gate.address("plain");
    let rounds = SAMPLES / CONNECTIONS;
    let one = move |number: usize| {
        let mut client = Client::connect(address);
        let mut times = Vec::new();
        for round in 0..rounds * KINDS.len() {
            let (kind, name) = KINDS[(round + number) % KINDS.len()];
            let password = format!("wrong-{number}-{round}");
            let begun = Instant::now();
            assert_eq!(client.bind(name, password).code(), 49, "{kind}");
            times.push((kind, u64::try_from(begun.elapsed().as_micros()).unwrap()));
        }
        times
    };
    let workers: Vec<_> =
        (0..CONNECTIONS).map(|number| std::thread::spawn(move || one(number))).collect();
    let mut all: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for worker in workers {
        for (kind, time) in worker.join().unwrap() {
            all.entry(kind).or_default().push(time);
        }
    }
    all.values_mut().for_each(|times| times.sort_unstable());
    all
}

/// The chance that one of `left` is slower than one of `right`; ties count half. Both are sorted.
fn area(left: &[u64], right: &[u64]) -> f64 {
    let below = |time: u64| {
        let less = right.partition_point(|other| *other < time);
        let up_to = right.partition_point(|other| *other <= time);
        (less + up_to) as f64 / 2.0
    };
    let sum: f64 = left.iter().map(|time| below(*time)).sum();
    sum / (left.len() as f64 * right.len() as f64)
}

/// Prints the distributions and the worst area.
fn worst(what: &str, times: &BTreeMap<&str, Vec<u64>>) -> f64 {
    for (kind, times) in times {
        assert_eq!(times.len(), SAMPLES, "{kind}");
        let at = |part: usize| times[(times.len() - 1) * part / 100] as f64 / 1000.0;
        println!("{what}: {kind:15} 5% {:.1} ms, half {:.1}, 95% {:.1}", at(5), at(50), at(95));
    }
    let kinds: Vec<_> = times.iter().collect();
    let pairs = kinds
        .iter()
        .enumerate()
        .flat_map(|(position, left)| kinds[position + 1..].iter().map(move |right| (left, right)));
    let mut worst: f64 = 0.0;
    for ((left, some), (right, others)) in pairs {
        let area = area(some, others);
        println!("{what}: {left} slower than {right}: {area:.3}");
        worst = worst.max((area - 0.5).abs());
    }
    worst
}

/// Controllers that answer well within the floor, and controllers that take longer than it; the floor is the
/// default.
#[test]
#[ignore = "takes a minute"]
fn the_speed_of_a_refusal_tells_nothing() {
    let company = Company::with(|directory| {
        directory.set("DC=corp,DC=example", "lockoutThreshold", &["0"]).unwrap();
    });
    let gate = company.gate_of("latency", REST);
    for (what, delay) in [("fast controllers", 20), ("slow controllers", 220)] {
        company.quirks(|quirks| quirks.answer_delay = Duration::from_millis(delay));
        // What these controllers take has to be seen a few times.
        let mut client = Client::connect(gate.address("plain"));
        for number in 0..64 {
            client.bind(ALICE.0, format!("warming {number}"));
        }
        let worst = worst(what, &measure(&gate));
        assert!(worst <= BOUND, "{what}: {worst}");
    }
}

#[test]
fn areas() {
    assert_eq!(area(&[1, 2, 3], &[1, 2, 3]), 0.5);
    assert_eq!(area(&[4, 5], &[1, 2, 3]), 1.0);
    assert_eq!(area(&[1], &[2, 3]), 0.0);
}
