//! The followed controller dies while changes are made at the other one, and comes back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ldapgate::ldap::request::SearchScope::BaseObject;

use super::active_directory::gate;
use super::{assert_is_as_if_read_anew, entries};
use crate::world::gate::Gate;
use crate::world::lab::Ad;

const PEOPLE: &str = "OU=People,DC=corp,DC=test";
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(30);

fn followed(gate: &Gate) -> u32 {
    let status = gate.status();
    let controller = &status["directories"][0]["sync"]["last"]["controller"];
    if controller == "dc1.corp.test" { 1 } else { 2 }
}

/// Gives one user after another the next title, until told to stop; the number of titles given.
fn stream(ad: &Ad, at: u32, from: usize, stop: &AtomicBool) -> usize {
    let mut administrator = ad.administrator(at);
    let mut number = from;
    while !stop.load(Ordering::Relaxed) {
        let units = ["", "OU=Sales,", "OU=Engineering,"];
        let user = number % 20;
        let dn = format!("CN=p{user:02},{}{PEOPLE}", units[user % 3]);
        let answer = administrator.replace(&dn, "title", &format!("title {number}"));
        assert_eq!(answer.code(), 0, "{answer:?}");
        number += 1;
        thread::sleep(PAUSE);
    }
    number
}

/// Waits until the last title of each user is there.
fn assert_arrives(gate: &Gate, given: usize) {
    let begun = Instant::now();
    for number in given - 20..given {
        let filter = format!("(&(sAMAccountName=p{:02})(title=title {number}))", number % 20);
        while entries(gate, PEOPLE, &filter).is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{filter} does not arrive");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Changes go on at `other` while something happens to the followed controller.
fn meanwhile(ad: &Ad, other: u32, from: usize, happening: impl FnOnce()) -> usize {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let given = scope.spawn(|| stream(ad, other, from, &stop));
        thread::sleep(Duration::from_secs(2));
        happening();
        thread::sleep(Duration::from_secs(4));
        stop.store(true, Ordering::Relaxed);
        given.join().unwrap()
    })
}

fn nothing_is_lost(name: &str, network: u8, strategy: &str) {
    let ad = Ad::own(name, network);
    let strategy = format!("sync.strategy = \"{strategy}\"");
    let gate = gate(name, &ad, "svc-proxy", &strategy);
    let (first, other) = if followed(&gate) == 1 { ("1", 2) } else { ("2", 1) };

    let given = meanwhile(&ad, other, 0, || ad.control("kill", &[first]));
    assert!(given > 40, "{given} changes");
    assert_arrives(&gate, given);
    assert_eq!(followed(&gate), other);
    assert_is_as_if_read_anew(&gate, "after the loss");

    let given = meanwhile(&ad, other, given, || ad.control("startdc", &[first]));
    ad.control("sync", &[]);
    assert_arrives(&gate, given);
    assert_is_as_if_read_anew(&gate, "after the return");

    // Back to the first one, whose numbers are others.
    let second = other.to_string();
    let at = first.parse().unwrap();
    let given = meanwhile(&ad, at, given, || ad.control("kill", &[&second]));
    assert_arrives(&gate, given);
    assert_eq!(followed(&gate), at);
    assert_is_as_if_read_anew(&gate, "after going back");
}

#[test]
#[ignore = "lab"]
fn nothing_is_lost_by_dir_sync() {
    nothing_is_lost("fdeathdir", 86, "dirsync");
}

#[test]
#[ignore = "lab"]
fn nothing_is_lost_by_numbers() {
    nothing_is_lost("fdeathusn", 87, "usn");
}

/// Who is disabled at the one controller, and changed at the other one before that has heard of it, while it can be
/// read there alone.
#[test]
#[ignore = "lab"]
fn who_was_disabled_elsewhere_stays_disabled() {
    let ad = Ad::own("fdeathlag", 79);
    let gate = gate("fdeathlag", &ad, "svc-proxy", "sync.strategy = \"dirsync\"");
    let (first, other) = if followed(&gate) == 1 { (1, 2) } else { (2, 1) };
    let [first_name, other_name] = [first, other].map(|number: u32| number.to_string());
    let dn = format!("CN=p00,{PEOPLE}");
    let is_shown = |filter: &str| {
        let filter = format!("(&(sAMAccountName=p00){filter})");
        !entries(&gate, PEOPLE, &filter).is_empty()
    };
    let until = |what: &str, happened: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !happened() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
            thread::sleep(Duration::from_millis(20));
        }
    };
    let mut other_administrator = ad.administrator(other);
    ad.control("pause", &[&other_name]);
    let answer = ad.administrator(first).replace(&dn, "userAccountControl", "514");
    assert_eq!(answer.code(), 0, "{answer:?}");
    until("disabled", &|| is_shown("(userAccountControl=514)"));
    ad.control("pause", &[&first_name]);
    ad.control("resume", &[&other_name]);
    until("the other controller is followed", &|| followed(&gate) == other);
    let answer = other_administrator.replace(&dn, "title", "changed here");
    assert_eq!(answer.code(), 0, "{answer:?}");
    let (still, _) =
        other_administrator.search(&dn, BaseObject, "(userAccountControl=512)", &["1.1"]);
    assert_eq!(still.len(), 1, "the other controller has heard of it");
    thread::sleep(Duration::from_secs(1));
    ad.control("resume", &[&first_name]);
    until("title", &|| {
        assert!(is_shown("(userAccountControl=514)"), "enabled again");
        is_shown("(title=changed here)")
    });
    assert!(is_shown("(userAccountControl=514)"), "enabled again");
    ad.control("sync", &[]);
    assert_is_as_if_read_anew(&gate, "in the end");
}
