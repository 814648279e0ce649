//! Changes arrive while the program follows a directory, whatever their kind, wherever they are made, and by each
//! strategy; and what it then shows is what a fresh reading of everything shows.
//!
//! What lives here: what is expected of one change ([`Step`], [`Walk`]), the walks over all kinds of them
//! ([`active_directory`], [`openldap`]), how fast they arrive ([`latency`]), and controllers that die meanwhile
//! ([`failover`]).

mod active_directory;
mod failover;
mod latency;
mod openldap;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use ldapgate::ldap::request::SearchScope::{BaseObject, WholeSubtree};
use serde_json::Value;

use crate::world::client::Client;
use crate::world::corp::{LOCAL_SECRET, sha256};
use crate::world::gate::Gate;
use crate::world::lab::PASSWORD;

/// How long a change may take to arrive, replication included.
const PATIENCE: Duration = Duration::from_secs(10);

/// Two applications: `crm` has rules, so that logins tell something, and `all` is shown everything.
fn applications(crm: &str) -> String {
    format!(
        r#"
[[application]]
name = "crm"
listeners = ["crm"]
negative_latency = "10ms"
{crm}

[[application]]
name = "all"
listeners = ["all"]
local_accounts = [{{ name = "reader", secret = "sha256:{digest}" }}]

[[listener]]
name = "crm"
url = "ldap://127.0.0.1:0"

[[listener]]
name = "all"
url = "ldap://127.0.0.1:0"
"#,
        digest = sha256(LOCAL_SECRET)
    )
}

/// One change, and what comes of it by itself.
struct Step {
    kind: &'static str,
    ldif: String,
    then: Vec<Then>,
}

/// What can be seen through the program.
enum Then {
    /// A login with the right password ends so, by the reason in the log: a controller that refuses by itself
    /// says nothing of what the program knows.
    Login(String, &'static str),
    /// A search below this base finds so many entries.
    Found(String, String, usize),
}

fn step(kind: &'static str, ldif: impl Into<String>, then: Vec<Then>) -> Step {
    Step { kind, ldif: ldif.into(), then }
}

fn login(name: impl Into<String>, reason: &'static str) -> Then {
    Then::Login(name.into(), reason)
}

fn found(base: impl Into<String>, filter: impl Into<String>, count: usize) -> Then {
    Then::Found(base.into(), filter.into(), count)
}

fn replaced(dn: &str, attribute: &str, value: &str) -> String {
    format!("dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n\n")
}

fn cleared(dn: &str, attribute: &str) -> String {
    format!("dn: {dn}\nchangetype: modify\nreplace: {attribute}\n\n")
}

fn membership(group: &str, verb: &str, member: &str) -> String {
    format!("dn: {group}\nchangetype: modify\n{verb}: member\nmember: {member}\n\n")
}

fn renamed(dn: &str, rdn: &str, superior: &str) -> String {
    format!(
        "dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\nnewsuperior: {superior}\n\n"
    )
}

fn deleted(dn: &str) -> String {
    format!("dn: {dn}\nchangetype: delete\n\n")
}

/// Takes steps one after another.
struct Walk<'w> {
    gate: &'w Gate,
    /// Makes a change at the server of this number.
    change: &'w dyn Fn(u32, &str),
    /// Waits until all servers say the same.
    settle: &'w dyn Fn(),
    /// How long a change may take.
    patience: Duration,
    /// How names are written in logins.
    prefix: &'w str,
}

impl Walk<'_> {
    /// The same kinds of steps at each server, each of them with objects of its own.
    fn take(&self, at_each: &[Vec<Step>]) {
        for number in 0..at_each[0].len() {
            let mut kind = "";
            for (server, steps) in (1..).zip(at_each) {
                let step = &steps[number];
                kind = step.kind;
                (self.change)(server, &step.ldif);
                step.then.iter().for_each(|then| self.wait(&format!("{kind} at {server}"), then));
            }
            (self.settle)();
            assert_is_as_if_read_anew(self.gate, kind);
        }
    }

    fn wait(&self, kind: &str, then: &Then) {
        let begun = Instant::now();
        loop {
            let (holds, seen) = match then {
                Then::Login(name, reason) => {
                    let bind = log_in(self.gate, &format!("{}{name}", self.prefix));
                    (bind["reason"] == *reason, format!("{name}: {bind}, not {reason}"))
                }
                Then::Found(base, filter, count) => {
                    let there = entries(self.gate, base, filter).len();
                    (there == *count, format!("{there} of {filter} below {base}, not {count}"))
                }
            };
            if holds {
                return;
            }
            assert!(begun.elapsed() < self.patience, "{kind}: {seen}");
        }
    }
}

/// One login with the right password, as the log tells it.
fn log_in(gate: &Gate, name: &str) -> Value {
    let known = gate.binds().len();
    Client::connect(gate.address("crm")).bind(name, PASSWORD);
    gate.bind_after(known)
}

/// All attributes of the entries that `all` is shown, values in order.
type Shown = BTreeMap<String, BTreeMap<String, Vec<Vec<u8>>>>;

fn entries(gate: &Gate, base: &str, filter: &str) -> Shown {
    let mut client = Client::connect(gate.address("all"));
    assert_eq!(client.bind("reader", LOCAL_SECRET).code(), 0);
    let (found, answer) = client.search(base, WholeSubtree, filter, &["*", "+"]);
    assert!(matches!(answer.code(), 0 | 32), "{answer:?}");
    let told = found.into_iter().map(|entry| {
        let attributes = entry.attributes.into_iter().map(|attribute| {
            let mut values = attribute.values;
            values.sort();
            (attribute.description, values)
        });
        (entry.dn.clone(), attributes.collect())
    });
    told.collect()
}

/// The naming contexts, and the highest change number of the view.
fn root(gate: &Gate) -> (Vec<String>, String) {
    let mut client = Client::connect(gate.address("all"));
    assert_eq!(client.bind("reader", LOCAL_SECRET).code(), 0);
    let (root, _) = client.search("", BaseObject, "(objectClass=*)", &["*", "+"]);
    let contexts = root[0].values("namingContexts").iter();
    let contexts = contexts.map(|name| String::from_utf8(name.clone()).unwrap()).collect();
    (contexts, root[0].text("highestCommittedUSN").unwrap_or_default().to_owned())
}

fn everything(gate: &Gate, contexts: &[String]) -> Shown {
    contexts.iter().flat_map(|context| entries(gate, context, "(objectClass=*)")).collect()
}

/// Everything that has happened is read as a change, and then everything is read anew: that finds nothing.
fn assert_is_as_if_read_anew(gate: &Gate, when: &str) {
    let changes = passed(gate, &["sync", "--json"], when);
    assert_eq!(changes["kind"], "changes", "{when}: {changes}");
    let (contexts, highest) = root(gate);
    let before = everything(gate, &contexts);
    assert!(before.len() > 40, "{} entries of {contexts:?}", before.len());
    let full = passed(gate, &["sync", "--full", "--json"], when);
    assert_eq!(full["kind"], "full", "{when}: {full}");
    let after = everything(gate, &contexts);
    let differing = differences(&before, &after);
    assert!(differing.is_empty(), "{when}: a full pass finds more\n{differing}{full}");
    let counts = full["changes"].as_object().unwrap();
    assert!(counts.len() >= 10 && counts.values().all(|count| count == 0), "{when}: {full}");
    assert_eq!(root(gate).1, highest, "{when}: a number was given to nothing");
}

/// One pass that went well.
fn passed(gate: &Gate, arguments: &[&str], when: &str) -> Value {
    let output = gate.command(arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("{when}: {error}: {text}{}", String::from_utf8_lossy(&output.stderr))
    });
    let pass = answer["passes"][0].clone();
    assert_eq!(pass["outcome"], "succeeded", "{when}: {answer}");
    pass
}

fn differences(before: &Shown, after: &Shown) -> String {
    let mut text = String::new();
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    let nothing = BTreeMap::new();
    for name in names {
        let old = before.get(name).unwrap_or(&nothing);
        let new = after.get(name).unwrap_or(&nothing);
        let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
        for key in keys.filter(|key| old.get(*key) != new.get(*key)) {
            let show = |values: Option<&Vec<Vec<u8>>>| {
                let values = values.map(Vec::as_slice).unwrap_or_default();
                let shown = values.iter().map(|value| String::from_utf8_lossy(value));
                shown.collect::<Vec<_>>().join(" | ")
            };
            let (old, new) = (show(old.get(key)), show(new.get(key)));
            writeln!(text, "{name}: {key}: {old} -> {new}").unwrap();
        }
    }
    text
}
