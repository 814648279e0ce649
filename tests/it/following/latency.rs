//! How long a disabled account still gets in, from the moment that the followed controller has said it is disabled.

use std::thread;
use std::time::{Duration, Instant};

use super::active_directory::gate;
use crate::world::client::Client;
use crate::world::gate::Gate;
use crate::world::lab::{Ad, PASSWORD};

/// Disables that are measured.
const DISABLES: usize = 60;
/// DESIGN promise 4, the hard bound.
const LONGEST: Duration = Duration::from_secs(5);
const ENABLED: &str = "512";
const DISABLED: &str = "514";

/// What one disable took.
struct Took {
    /// Until a bind with the right password was refused by whatever says so.
    refused: Duration,
    /// Until one was refused without asking a controller, which refuses by itself.
    known: Duration,
    /// Until a session that was open and idle got its notice of disconnection.
    noticed: Duration,
}

/// The controller that the passes read, once there is one that announces if one should.
fn followed(gate: &mut Gate, announced: bool) -> u32 {
    gate.wait_for("followed changes", |gate| {
        let status = &gate.status()["directories"][0]["sync"];
        status["announced_by"].is_string() == announced && status["last"]["controller"].is_string()
    });
    let status = gate.status();
    let controller = &status["directories"][0]["sync"]["last"]["controller"];
    if controller == "dc1.corp.test" { 1 } else { 2 }
}

fn dn(number: usize) -> String {
    let units = ["", "OU=Sales,", "OU=Engineering,"];
    format!("CN=p{number:02},{}OU=People,DC=corp,DC=test", units[number % 3])
}

fn enter(gate: &Gate, name: &str) -> Client {
    let begun = Instant::now();
    loop {
        let mut client = Client::connect(gate.address("crm"));
        if client.bind(name, PASSWORD).code() == 0 {
            return client;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{name} does not get in");
        thread::sleep(Duration::from_millis(20));
    }
}

fn disable(gate: &Gate, administrator: &mut Client, number: usize) -> Took {
    let name = format!("CORP\\p{number:02}");
    let mut idle = enter(gate, &name);
    let known_binds = gate.binds().len();
    let address = gate.address("crm");
    let answer = administrator.replace(&dn(number), "userAccountControl", DISABLED);
    assert_eq!(answer.code(), 0, "{answer:?}");
    let disabled = Instant::now();
    let idle = thread::spawn(move || {
        idle.disconnection();
        disabled.elapsed()
    });
    let mut refused = None;
    let mut answers = Vec::new();
    let known = loop {
        // A session that has been let in would be ended, too.
        let code = Client::connect(address).bind(&name, PASSWORD).code();
        let at = disabled.elapsed();
        if code != 0 {
            refused.get_or_insert(at);
        }
        answers.push(at);
        // The log has the reasons in the order of the answers, a moment later.
        let seen = gate.events("bind");
        let told = seen.iter().skip(known_binds).zip(&answers);
        let mut local = told.filter(|(bind, _)| bind["reason"] == "account_disabled");
        if let Some((_, at)) = local.next() {
            break *at;
        }
        assert!(at < LONGEST + Duration::from_secs(1), "{name} is not known to be disabled");
    };
    let noticed = idle.join().unwrap();
    assert_eq!(administrator.replace(&dn(number), "userAccountControl", ENABLED).code(), 0);
    Took { refused: refused.unwrap(), known, noticed }
}

/// One line of the table: `following: <what>: median 1.0 ms, p99 …`.
fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times[(times.len() * share).div_ceil(100) - 1].as_secs_f64() * 1000.0;
    println!(
        "following: {what}: median {:.1} ms, p99 {:.1} ms, worst {:.1} ms",
        at(50),
        at(99),
        at(100)
    );
    assert!(times.iter().all(|time| *time < LONGEST), "{what}: {times:?}");
}

fn measure(what: &str, ad: &Ad, gate: &mut Gate, announced: bool) {
    let mut administrator = ad.administrator(followed(gate, announced));
    let took: Vec<Took> =
        (0..DISABLES).map(|number| disable(gate, &mut administrator, number % 20)).collect();
    let of = |time: fn(&Took) -> Duration| took.iter().map(time).collect::<Vec<_>>();
    tell(&format!("{what}, refused"), of(|took| took.refused));
    tell(&format!("{what}, refused by what is known here"), of(|took| took.known));
    tell(&format!("{what}, open session ended"), of(|took| took.noticed));
}

/// DESIGN promise 4: with announcements, and with a look every two seconds alone.
#[test]
#[ignore = "lab"]
fn a_disable_counts_at_once() {
    let ad = Ad::own("flatency", 85);
    let mut gate_announced = gate("following-announced", &ad, "svc-proxy", "");
    measure("announced", &ad, &mut gate_announced, true);
    drop(gate_announced);
    let polled = "sync.notify = false\nsync.poll = \"2s\"";
    let mut gate_polled = gate("following-polled", &ad, "svc-proxy", polled);
    measure("polled every 2 s", &ad, &mut gate_polled, false);
}
