//! The audit trail of the running program, and the command that checks it.

use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::world::client::Client;
use crate::world::company::{ALICE, APPLICATION, Company, LOCAL_SECRET, PLAIN_LISTENER, SERVICE};
use crate::world::gate::Gate;

fn start(company: &Company, name: &str, audit: &str) -> Gate {
    let directory = company.directory_section();
    let audit = format!("[audit]\nfile = \"audit.jsonl\"\n{audit}");
    let text = format!("{audit}{directory}{APPLICATION}{PLAIN_LISTENER}");
    Gate::start_in(company.folder(name), &text).synced(1)
}

fn bind(gate: &Gate, (name, password): (&str, &str)) -> u32 {
    Client::connect(gate.address("plain")).bind(name, password).code()
}

fn file(gate: &Gate) -> PathBuf {
    gate.folder.path().join("audit.jsonl")
}

fn lines(gate: &Gate) -> Vec<Value> {
    let text = fs::read_to_string(file(gate)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn verify(gate: &Gate, more: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = gate.command(&[&["audit", "verify"], more].concat());
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.code(), text)
}

/// The heads in the log, oldest first.
fn heads(gate: &Gate) -> Vec<String> {
    let events = gate.events("where the audit trail stands");
    events.iter().map(|event| event["head"].as_str().unwrap().to_owned()).collect()
}

/// Everything that is to be in it, in the order it happened; what was changed is named with its line.
#[test]
fn what_happens_is_in_it_and_a_change_is_found() {
    let company = Company::new();
    let mut gate = start(&company, "trail", "");
    assert_eq!(bind(&gate, ALICE), 0);
    assert_eq!(bind(&gate, (ALICE.0, "wrong")), 49);
    assert_eq!(bind(&gate, ("hunter2", "x")), 49);
    assert!(gate.command(&["block", "alice", "--reason", "left"]).status.success());
    assert_eq!(bind(&gate, ALICE), 49);
    assert!(gate.command(&["unblock", "alice"]).status.success());
    assert!(gate.terminate().success());

    let told = lines(&gate);
    let kinds: Vec<&str> = told.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "start",
            "configuration_loaded",
            "bind",
            "bind",
            "bind",
            "blocked",
            "bind",
            "unblocked",
            "stop"
        ]
    );
    let reasons: Vec<&str> = told.iter().filter_map(|line| line["reason"].as_str()).collect();
    assert_eq!(reasons, ["accepted", "rejected_by_controller", "unknown_name", "blocked"]);
    let (logged, line) = (&gate.events("bind")[0], &told[2]);
    for field in ["guid", "dn", "directory", "client", "application", "name", "controller"] {
        assert_eq!(line[field], logged[field], "{field}");
    }
    assert_eq!((&told[5]["why"], &told[5]["guid"]), (&Value::from("left"), &line["guid"]));
    assert!(told[5]["by"].as_str().unwrap().contains("uid "));
    assert_eq!(told[1]["sha256"].as_str().unwrap().len(), 64);

    let (code, text) = verify(&gate, &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("good: 9 lines in 1 file\n"), "{text}");
    let head = heads(&gate).pop().unwrap();
    assert!(text.contains(&head) && head.starts_with("9:"), "{text} {head}");
    assert_eq!(verify(&gate, &["--head", &head]).0, Some(0));

    let whole = fs::read_to_string(file(&gate)).unwrap();
    let change = |text: String, expected: &str, more: &[&str]| {
        fs::write(file(&gate), text).unwrap();
        let (code, said) = verify(&gate, more);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(expected), "{said}");
    };
    let edited = whole.replacen("rejected_by_controller", "accepted", 1);
    change(edited, "audit.jsonl:4: this line was changed", &[]);
    let all: Vec<&str> = whole.lines().collect();
    let without = |gone: usize| -> String {
        let kept = all.iter().enumerate().filter(|(at, _)| *at != gone);
        kept.map(|(_, line)| format!("{line}\n")).collect()
    };
    change(without(5), "audit.jsonl:6: number 6 is missing before this line (7)", &[]);
    change(without(8), "the end was cut off: the last line is 8", &["--head", &head]);
    let (code, _) = verify(&gate, &["--head", "nonsense"]);
    assert_eq!(code, Some(2));
    fs::remove_file(file(&gate).with_extension("jsonl.key")).unwrap();
    assert_eq!(verify(&gate, &[]).0, Some(1));
}

/// SIGKILL under load, again and again: whatever it leaves, the chain goes on and is whole.
#[test]
fn the_chain_survives_any_end() {
    let company = Company::new();
    let mut gate = start(&company, "trail-kill", "rotate_size = \"64KiB\"\n");
    for _ in 0..3 {
        let address = gate.address("plain");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(move || {
                    for _ in 0..60 {
                        Client::connect(address).bind("nobody at all", "x");
                    }
                });
            }
        });
        thread::sleep(Duration::from_millis(60));
        gate = gate.again("-KILL").synced(1);
        let (code, text) = verify(&gate, &[]);
        assert_eq!(code, Some(0), "{text}");
    }
    assert!(gate.terminate().success());
    let (code, text) = verify(&gate, &["--json"]);
    assert_eq!(code, Some(0), "{text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    assert!(report["files"].as_array().unwrap().len() > 1, "{report}");
    assert!(report["lines"].as_u64().unwrap() > 3 * 240, "{report}");
    assert_eq!(heads(&gate).pop().as_deref(), report["head"].as_str());
}

/// Names are hashed, identities stay; the log is as it was.
#[test]
fn names_can_be_hashed() {
    let company = Company::new();
    let mut gate = start(&company, "trail-names", "hash_names = true\nwhen_full = \"wait\"\n");
    assert_eq!(bind(&gate, SERVICE), 0);
    assert_eq!(bind(&gate, SERVICE), 0);
    assert!(gate.terminate().success());
    let told = lines(&gate);
    let binds: Vec<&Value> = told.iter().filter(|line| line["event"] == "bind").collect();
    let name = binds[0]["name"].as_str().unwrap();
    assert!(name.starts_with("hmac:"), "{name}");
    assert_eq!(binds[1]["name"], name);
    assert!(binds[0]["dn"].as_str().unwrap().starts_with("hmac:"));
    assert_eq!(gate.events("bind")[0]["name"], SERVICE.0);
    assert_eq!(gate.events("bind")[0]["guid"], binds[0]["guid"]);
    assert!(!fs::read_to_string(file(&gate)).unwrap().contains("svc-crm"));
    assert_eq!(verify(&gate, &[]).0, Some(0));
}

/// By an operator, by the directory, and of a local account: who it was, where, and why.
#[test]
fn the_end_of_an_open_session_is_in_it() {
    let company = Company::new();
    let mut gate = start(&company, "trail-ended", "");
    let open = |(name, password): (&str, &str)| {
        let mut client = Client::connect(gate.address("plain"));
        assert_eq!(client.bind(name, password).code(), 0, "{name}");
        client
    };
    let (mut alice, mut service) = (open(ALICE), open(SERVICE));
    let mut local = open(("crm", LOCAL_SECRET));
    assert!(gate.command(&["block", "alice"]).status.success());
    assert_eq!(alice.disconnection().code(), 52);
    company.directory.with(|directory| {
        let dn = directory.dn_of("svc-crm").unwrap();
        directory.disable(&dn).unwrap();
    });
    assert!(gate.sync().0);
    assert_eq!(service.disconnection().code(), 52);
    assert!(gate.command(&["block", "--application", "crm"]).status.success());
    assert_eq!(local.disconnection().code(), 52);
    assert!(gate.terminate().success());

    let told = lines(&gate);
    let of =
        |kind: &str| -> Vec<&Value> { told.iter().filter(|line| line["event"] == kind).collect() };
    let (binds, ended) = (of("bind"), of("session_ended"));
    let reasons: Vec<&Value> = ended.iter().map(|line| &line["reason"]).collect();
    assert_eq!(reasons, ["blocked", "account_disabled", "blocked"]);
    for (bind, end) in binds.iter().zip(&ended).take(2) {
        for field in ["application", "client", "guid", "dn", "directory"] {
            assert!(!end[field].is_null() && end[field] == bind[field], "{field}: {end}");
        }
        assert!(end["took_ms"].as_u64().unwrap() < 5000, "{end}");
    }
    assert_eq!((&ended[2]["name"], &ended[2]["guid"]), (&Value::from("crm"), &Value::Null));
    assert_eq!(verify(&gate, &[]).0, Some(0));
}

/// What the guard holds, and who let it go.
#[test]
fn decisions_of_the_guard_are_in_it() {
    let company = Company::with(|directory| {
        for number in 0..60 {
            let dn = format!("CN=p{number},OU=People,DC=corp,DC=example");
            let name = format!("p{number}");
            let attributes = [("objectClass", "user"), ("sAMAccountName", name.as_str())];
            directory.add(&dn, &attributes).unwrap();
        }
    });
    let mut gate = start(&company, "trail-guard", "");
    company.directory.with(|directory| {
        for number in 0..60 {
            directory.disable(&format!("CN=p{number},OU=People,DC=corp,DC=example")).unwrap();
        }
    });
    assert!(!gate.sync().0, "it is held");
    assert!(gate.command(&["sync", "reject"]).status.success());
    assert!(!gate.sync().0, "it is held again");
    assert!(gate.command(&["sync", "accept"]).status.success());
    assert!(gate.terminate().success());
    let told = lines(&gate);
    let guard: Vec<&Value> =
        told.iter().filter(|line| line["event"].as_str().unwrap().starts_with("guard_")).collect();
    let kinds: Vec<&str> = guard.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["guard_held", "guard_rejected", "guard_held", "guard_accepted"]);
    assert!(guard.iter().all(|line| line["directory"] == "corp"));
    assert!(!guard[0]["reasons"].as_str().unwrap().is_empty());
    assert!(guard[3]["by"].as_str().unwrap().contains("uid "));
}
