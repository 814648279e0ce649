//! How long a disabled account still gets in, from the moment that the followed controller has said it is disabled: that
//! is the answer to the change, or, of one made at the other controller, the end of its replication.

use std::thread;
use std::time::{Duration, Instant};

use ldapgate::ldap::request::SearchScope::BaseObject;

use super::active_directory::gate;
use crate::world::client::Client;
use crate::world::gate::Gate;
use crate::world::lab::{Ad, PASSWORD};

/// Disables that are measured.
const DISABLES: usize = 50;
/// People, each of whom is disabled at the other controller once.
const PEOPLE: usize = 20;
/// DESIGN promise 4, the hard bound.
const LONGEST: Duration = Duration::from_secs(5);
/// So long replication may take.
const REPLICATION: Duration = Duration::from_secs(60);
/// Between two looks whether a change has been replicated.
const LOOK: Duration = Duration::from_millis(2);
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

/// Logs in with the right password until the program refuses that by what it knows itself, `patience` at most; when
/// anybody refused it first, and when that was known.
fn until_refused(gate: &Gate, name: &str, known_binds: usize, patience: Duration) -> [Instant; 2] {
    let (address, begun) = (gate.address("crm"), Instant::now());
    let mut refused = None;
    let mut answers = Vec::new();
    loop {
        // A session that has been let in would be ended, too.
        let code = Client::connect(address).bind(name, PASSWORD).code();
        let at = Instant::now();
        if code != 0 {
            refused.get_or_insert(at);
        }
        answers.push(at);
        // The log has the reasons in the order of the answers, a moment later.
        let seen = gate.events("bind");
        let told = seen.iter().skip(known_binds).zip(&answers);
        let mut local = told.filter(|(bind, _)| bind["reason"] == "account_disabled");
        if let Some((_, known)) = local.next() {
            return [refused.unwrap(), *known];
        }
        assert!(at < begun + patience, "{name} is not known to be disabled");
    }
}

/// When the session gets its notice of disconnection.
fn noticed(mut idle: Client) -> thread::JoinHandle<Instant> {
    idle.stream().tcp().set_read_timeout(Some(REPLICATION)).unwrap();
    thread::spawn(move || {
        idle.disconnection();
        Instant::now()
    })
}

fn disable(gate: &Gate, administrator: &mut Client, number: usize) -> Took {
    let name = format!("CORP\\p{number:02}");
    let idle = enter(gate, &name);
    let known_binds = gate.binds().len();
    let answer = administrator.replace(&dn(number), "userAccountControl", DISABLED);
    assert_eq!(answer.code(), 0, "{answer:?}");
    let disabled = Instant::now();
    let noticed = noticed(idle);
    let patience = LONGEST + Duration::from_secs(1);
    let [refused, known] = until_refused(gate, &name, known_binds, patience);
    let noticed = noticed.join().unwrap();
    assert_eq!(administrator.replace(&dn(number), "userAccountControl", ENABLED).code(), 0);
    Took {
        refused: refused - disabled,
        known: known - disabled,
        noticed: noticed.saturating_duration_since(disabled),
    }
}

/// What one disable at the other controller took.
struct TookElsewhere {
    /// Until the followed controller had heard of it.
    replicated: Duration,
    /// From then on until a bind was refused without asking a controller.
    known: Duration,
    /// From then on until a session that was open and idle got its notice of disconnection.
    noticed: Duration,
}

/// When the controller behind `client` shows that a person is disabled, by looks of its own.
fn visible(mut client: Client, number: usize) -> thread::JoinHandle<Instant> {
    let filter = format!("(userAccountControl={DISABLED})");
    let begun = Instant::now();
    thread::spawn(move || {
        while client.search(&dn(number), BaseObject, &filter, &["1.1"]).0.is_empty() {
            assert!(begun.elapsed() < REPLICATION, "p{number:02} is not replicated");
            thread::sleep(LOOK);
        }
        Instant::now()
    })
}

fn disable_elsewhere(gate: &Gate, ad: &Ad, followed: u32, number: usize) -> TookElsewhere {
    let name = format!("CORP\\p{number:02}");
    let (looking, mut administrator) = (ad.administrator(followed), ad.administrator(3 - followed));
    let idle = enter(gate, &name);
    let known_binds = gate.binds().len();
    let answer = administrator.replace(&dn(number), "userAccountControl", DISABLED);
    assert_eq!(answer.code(), 0, "{answer:?}");
    let disabled = Instant::now();
    let (visible, noticed) = (visible(looking, number), noticed(idle));
    let [_, known] = until_refused(gate, &name, known_binds, REPLICATION);
    let (visible, noticed) = (visible.join().unwrap(), noticed.join().unwrap());
    TookElsewhere {
        replicated: visible - disabled,
        known: known.saturating_duration_since(visible),
        noticed: noticed.saturating_duration_since(visible),
    }
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
}

/// The same of what is promised.
fn tell_promised(what: &str, times: Vec<Duration>) {
    assert!(times.iter().all(|time| *time < LONGEST), "{what}: {times:?}");
    tell(what, times);
}

fn measure(what: &str, ad: &Ad, gate: &mut Gate, announced: bool) {
    let mut administrator = ad.administrator(followed(gate, announced));
    let took: Vec<Took> =
        (0..DISABLES).map(|number| disable(gate, &mut administrator, number % PEOPLE)).collect();
    let of = |time: fn(&Took) -> Duration| took.iter().map(time).collect::<Vec<_>>();
    tell_promised(&format!("{what}, refused"), of(|took| took.refused));
    tell_promised(&format!("{what}, refused by what is known here"), of(|took| took.known));
    tell_promised(&format!("{what}, open session ended"), of(|took| took.noticed));
}

/// Replication is the controllers' own and promised by nobody; all else counts from its end.
fn measure_elsewhere(what: &str, ad: &Ad, gate: &mut Gate, announced: bool) {
    // Of an account that was changed here and there at once, the one change would be lost.
    ad.control("sync", &[]);
    let followed = followed(gate, announced);
    let took: Vec<TookElsewhere> =
        (0..PEOPLE).map(|number| disable_elsewhere(gate, ad, followed, number)).collect();
    let of = |time: fn(&TookElsewhere) -> Duration| took.iter().map(time).collect::<Vec<_>>();
    tell(&format!("{what}, made elsewhere, replicated"), of(|took| took.replicated));
    let known = format!("{what}, made elsewhere, then refused by what is known here");
    tell_promised(&known, of(|took| took.known));
    tell_promised(
        &format!("{what}, made elsewhere, then open session ended"),
        of(|took| took.noticed),
    );
}

/// DESIGN promise 4 with announcements.
#[test]
#[ignore = "lab"]
fn a_disable_counts_at_once() {
    let ad = Ad::own("flatency", 85);
    let mut gate = gate("following-announced", &ad, "svc-proxy", "");
    measure("announced", &ad, &mut gate, true);
    measure_elsewhere("announced", &ad, &mut gate, true);
}

/// DESIGN promise 4 with a look every two seconds alone.
#[test]
#[ignore = "lab"]
fn a_disable_counts_at_the_next_look() {
    let ad = Ad::own("fpolled", 78);
    let polled = "sync.notify = false\nsync.poll = \"2s\"";
    let mut gate = gate("following-polled", &ad, "svc-proxy", polled);
    measure("polled every 2 s", &ad, &mut gate, false);
}
