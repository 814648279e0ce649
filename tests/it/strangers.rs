//! Clients that are not who they should be: what they leave in the log, and how long they may stay.

use std::time::{Duration, Instant};

use ldapgate::ldap::ber::Writer;
use ldapgate::ldap::message::{operation_tag, write_message};
use ldapgate::ldap::request::{PASSWORD_MODIFY, SearchScope::BaseObject};

use crate::world::client::Client;
use crate::world::company::{ALICE, Company, LOCAL_SECRET};

/// Invariant 14: a password is in no line of the log, at the most talkative level, whatever became of the
/// request that brought it.
#[test]
fn no_line_of_the_log_has_a_password() {
    const MARK: &str = "Hush-Hush-4711";
    let company = Company::new();
    let mut gate = company.gate("secrets", "");
    let connect = || Client::connect(gate.address("plain"));
    let mut client = connect();
    assert_eq!(client.bind(ALICE.0, ALICE.1).code(), 0);
    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    for name in ["alice", "nobody", "bob", "crm", "a\0b", "", "CN=x,DC=corp,DC=example"] {
        assert_ne!(client.bind(name, MARK).code(), 0, "{name:?}");
    }
    assert_eq!(client.bind("alice", format!("{MARK}\0")).code(), 49);
    assert_eq!(client.extended(PASSWORD_MODIFY, Some(MARK.as_bytes())).code(), 2);
    // A bind that does not decode, a write with a password, and half a bind before the end.
    let mut broken = |operation: u8, octets: &[u8]| {
        let id = client.next_id();
        let mut writer = Writer::new();
        write_message(&mut writer, id, |w| w.element(operation, octets), &[]);
        client.send_octets(writer.octets());
        client.answer(id).code()
    };
    assert_eq!(broken(operation_tag::BIND_REQUEST, MARK.as_bytes()), 2);
    assert_eq!(broken(operation_tag::ADD_REQUEST, &[&[4, 0][..], MARK.as_bytes()].concat()), 53);
    client.send_octets(&[&[0x30, 0x60, 2, 1, 99, 0x60][..], MARK.as_bytes()].concat());
    drop(client);
    let mut stranger = connect();
    stranger.send_octets(MARK.as_bytes());
    assert!(stranger.receive().is_some(), "a notice of disconnection");
    gate.wait_for("the audit", |gate| gate.binds().len() >= 10);
    let log = gate.log_text();
    for secret in [MARK, ALICE.1, LOCAL_SECRET, "Sync-Service-1"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
    assert!(log.contains("unknown_name") && log.contains("account_disabled"));
    let refused =
        gate.binds().into_iter().find(|bind| bind["reason"] == "account_disabled").unwrap();
    assert!(
        refused["dn"].as_str().is_some_and(|dn| dn.to_lowercase().contains("bob")),
        "{refused}"
    );
    assert!(refused["guid"].is_string() && refused["directory"] == "corp", "{refused}");
}

/// The time for a first bind is up for clients that never stop talking, too.
#[test]
fn a_busy_stranger_does_not_outlive_the_deadline() {
    let company = Company::new();
    let gate = company.gate("busy", "[listener.limits]\npre_bind_timeout = \"1s\"\n");
    let mut client = Client::connect(gate.address("plain"));
    let mut bound = Client::connect(gate.address("plain"));
    assert_eq!(bound.bind(ALICE.0, ALICE.1).code(), 0);
    let mut writer = Writer::new();
    for id in 1..=200 {
        let search = crate::world::client::search("", BaseObject, "(objectClass=*)", &["1.1"]);
        let id = ldapgate::ldap::message::MessageId::new(id).unwrap();
        ldapgate::ldap::request::write_search(&mut writer, id, &search, &[]);
    }
    let begun = Instant::now();
    use std::io::Write as _;
    let mut sending = client.stream().tcp().try_clone().unwrap();
    let flood = writer.into_octets();
    let sender = std::thread::spawn(move || while sending.write_all(&flood).is_ok() {});
    let mut end = None;
    while let Some(octets) = client.receive_octets() {
        end = Some(octets);
        assert!(begun.elapsed() < Duration::from_secs(8), "still served");
    }
    assert!(end.is_some() && begun.elapsed() > Duration::from_millis(500));
    sender.join().unwrap();
    assert!(bound.bind(ALICE.0, ALICE.1).code() == 0, "who has bound stays");
}
