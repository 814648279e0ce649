//! What an application is served, on real connections.

use crate::world::client::Client;
use crate::world::company::{ALICE, APPLICATION, Company, PLAIN_LISTENER};
use crate::world::gate::Gate;

fn gate(company: &Company, name: &str, more: &str) -> Gate {
    company.gate_of(name, &format!("{APPLICATION}{more}{PLAIN_LISTENER}"))
}

/// One connection too many is told so and closed, and has its place when another has gone.
#[test]
fn connections_of_an_application() {
    let company = Company::new();
    let mut gate = gate(&company, "limits-connections", "limits.connections = 2\n");
    let connect = |gate: &Gate| Client::connect(gate.address("plain"));
    let (mut first, mut second) = (connect(&gate), connect(&gate));
    for client in [&mut first, &mut second] {
        assert_eq!(client.bind(ALICE.0, ALICE.1).code(), 0);
    }
    assert_eq!(connect(&gate).disconnection().code(), 51);
    assert_eq!(gate.logged("too many connections of the application, closing", 1), 1);
    drop(first);
    gate.wait_for("the end of a session", |gate| gate.status()["sessions_open"] == 1);
    assert_eq!(connect(&gate).bind(ALICE.0, ALICE.1).code(), 0);
}

/// A login beyond the rate is in the audit with its reason and reaches no controller; floods are in the log
/// once.
#[test]
fn logins_a_second() {
    let company = Company::new();
    let gate = gate(&company, "limits-binds", "limits.binds_per_second = 1\n");
    let mut client = Client::connect(gate.address("plain"));
    let codes: Vec<u32> = (0..20).map(|_| client.bind(ALICE.0, ALICE.1).code()).collect();
    assert_eq!((codes[0], codes[1]), (0, 51), "{codes:?}");
    let accepted = codes.iter().filter(|code| **code == 0).count();
    assert_eq!(company.binds_of("alice"), accepted, "{codes:?}");
    assert_eq!(gate.bind_after(1)["reason"], "rate_limit");
    assert_eq!(gate.bind_after(1)["outcome"], "unavailable");
    let warned = gate.logged("an application asks too often", 1);
    assert!((1..=accepted).contains(&warned), "{warned}");
}

/// Other operations than the application's are refused with the reason in the log.
#[test]
fn operations_of_an_application() {
    let company = Company::new();
    let gate = gate(&company, "limits-operations", "operations = [\"search\"]\n");
    let mut client = Client::connect(gate.address("plain"));
    assert_eq!(client.bind(ALICE.0, ALICE.1).code(), 53);
    assert_eq!(gate.bind_after(0)["reason"], "operation_not_served");
    assert_eq!(company.binds_of("alice"), 0);
    assert_eq!(client.extended(ldapgate::ldap::request::WHO_AM_I, None).code(), 53);
    assert_eq!(gate.logged("operation refused", 2), 2);
    let explained = gate.command(&["explain", "bind", "alice"]);
    let page = String::from_utf8(explained.stdout).unwrap();
    assert!(page.contains("refused here, operation_not_served"), "{page}");
}
