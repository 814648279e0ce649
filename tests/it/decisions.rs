//! The table of decisions: every form of a name × every state of an account × two applications → what the client is
//! told, the reason in the audit, and whether a controller was asked. The controllers are in-process and count; the
//! same on Samba, with its audit files as the witness, is in `ad`.
//!
//! A new state is a row; what has to be done first for it (a block, a used-up budget) goes into `prepare`.

use ldapgate::demo::{Directory, Entry};
use ldapgate::ldap::identifier::{Guid, Sid};
use serde_json::{Value, json};

use crate::ad::forms;
use crate::world::client::Client;
use crate::world::company::{Company, PLAIN_LISTENER};
use crate::world::gate::Gate;

const APPLICATIONS: &str = r#"
[[application]]
name = "crm"
listeners = ["plain"]
bases = ["OU=People,DC=corp,DC=example"]
user_filter = "(!(title=Contractor))"
required_groups = ["crm-users"]
denied_groups = ["crm-denied"]
negative_latency = "0ms"
[[application]]
name = "frank"
listeners = ["frank"]
bases = ["OU=People,DC=corp,DC=example"]
user_filter = "(!(title=Contractor))"
required_groups = ["crm-users"]
denied_groups = ["crm-denied"]
negative_latency = "0ms"
refusals = "subcodes"
[[listener]]
name = "frank"
url = "ldap://127.0.0.1:0"
"#;

/// What the controllers say to a wrong password, and `uniform` to every refusal once it has heard them.
const WRONG_PASSWORD: &str =
    "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v4563\0";

/// A state of an account and what comes of a login with the right password.
struct Row {
    account: &'static str,
    reason: &'static str,
    /// The sub-code that `subcodes` tells; none: as the controller, or success.
    subcode: Told,
    /// What has to be so first.
    prepare: fn(&Gate),
}

#[derive(Clone, Copy, PartialEq)]
enum Told {
    /// Success, and a controller was asked.
    Success,
    /// The controller's own sub-code, in both applications.
    ByController(&'static str),
    /// Refused here: the sub-code in one application, a wrong password in the other.
    Here(&'static str),
}

const fn row(account: &'static str, reason: &'static str, subcode: Told) -> Row {
    Row { account, reason, subcode, prepare: |_| () }
}

const ROWS: &[Row] = &[
    row("alice", "accepted", Told::Success),
    row("zhang", "accepted", Told::Success),
    row("dave", "rejected_by_controller", Told::ByController("532")),
    row("erin", "rejected_by_controller", Told::ByController("773")),
    row("frank", "rejected_by_controller", Told::ByController("775")),
    row("grace", "rejected_by_controller", Told::ByController("530")),
    row("heidi", "rejected_by_controller", Told::ByController("531")),
    row("bob", "account_disabled", Told::Here("533")),
    row("carol", "account_expired", Told::Here("701")),
    row("ivan", "out_of_scope", Told::Here("533")),
    row("judy", "in_denied_group", Told::Here("533")),
    row("kate", "not_in_required_group", Told::Here("533")),
    row("müller", "filtered_out", Told::Here("533")),
    row("nobody", "unknown_name", Told::Here("525")),
    Row { prepare: block_zhang, ..row("zhang", "blocked", Told::Here("533")) },
];

/// Comes last: who is blocked stays so.
fn block_zhang(gate: &Gate) {
    let done = gate.command(&["block", "zhang"]);
    assert!(done.status.success(), "{done:?}");
}

/// Everything as it is in the demonstration, and a contractor.
fn company() -> Company {
    Company::with(|directory| {
        let dn = directory.dn_of("müller").unwrap();
        directory.set(&dn, "title", &["Contractor"]).unwrap();
        directory.set("DC=corp,DC=example", "lockoutThreshold", &["0"]).unwrap();
    })
}

fn password(account: &str) -> &'static str {
    let known = ldapgate::demo::accounts().iter().find(|known| known.name == account);
    known.map_or("Nobody-Pass-1", |known| known.password)
}

/// Every form of the account's name; of one that is not there, as if it were.
fn names(company: &Company, account: &str) -> Vec<String> {
    company.directory.with(|directory: &mut Directory| {
        let dn = directory.dn_of(account);
        let entry = dn.as_deref().and_then(|dn| directory.entry(dn));
        let octets = |name: &str| {
            let values = entry.map(|entry: &Entry| entry.values(name).to_vec());
            values.and_then(|values| values.into_iter().next())
        };
        let guid = octets("objectGUID").and_then(|octets| Guid::from_ad_octets(&octets));
        let sid = octets("objectSid").and_then(|octets| Sid::from_octets(&octets));
        let guid = guid.unwrap_or(Guid([7; 16])).to_string();
        let sid = sid.map_or_else(|| "S-1-5-21-1-2-3-9999".to_owned(), |sid| sid.to_string());
        let dn = dn.unwrap_or_else(|| format!("CN={account},OU=People,DC=corp,DC=example"));
        forms("corp.example", account, &dn, &guid, &sid)
    })
}

fn told(row: &Row, application: &str) -> (u32, String) {
    let sub_code = match (row.subcode, application) {
        (Told::Success, _) => return (0, String::new()),
        (Told::ByController(code), _) | (Told::Here(code), "frank") => code,
        (Told::Here(_), _) => "52e",
    };
    (49, WRONG_PASSWORD.replace("52e", sub_code))
}

/// Has the gate hear how the controllers word a wrong password: one line of the audit.
fn learn(gate: &Gate) {
    let answer = Client::connect(gate.address("plain")).bind("alice", "wrong");
    assert_eq!(answer.text(), WRONG_PASSWORD);
    assert_eq!(gate.bind_after(0)["reason"], "rejected_by_controller");
}

/// Logs in by every form of the account's name; what the audit has to say of each.
fn log_in(company: &Company, gate: &Gate, row: &Row, place: (&str, &str)) -> Vec<Value> {
    let (application, listener) = place;
    let names = names(company, row.account);
    assert_eq!(names.len(), 17, "{names:?}");
    let attempts = u64::from(!matches!(row.subcode, Told::Here(_)));
    let audited = names.iter().map(|name| {
        let what = format!("{} as {name:?} in {application}", row.account);
        let before = company.binds_of(row.account);
        let answer = Client::connect(gate.address(listener)).bind(name, password(row.account));
        assert_eq!((answer.code(), answer.text()), told(row, application), "{what}");
        let asked = company.binds_of(row.account) - before;
        assert_eq!(asked as u64, attempts, "{what}: controllers asked");
        json!({ "application": application, "reason": row.reason, "attempts": attempts, "code": answer.code() })
    });
    let audited = audited.collect();
    // What explain says of it is what was done.
    let explained = gate.command(&["explain", "bind", &names[0], "--app", application, "--json"]);
    let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
    let reason = (attempts == 0).then_some(row.reason);
    assert_eq!(explained["reason"].as_str(), reason, "{explained}");
    audited
}

#[test]
fn every_form_every_state_two_applications() {
    let company = company();
    let gate = company.gate_of("decisions", &format!("{APPLICATIONS}{PLAIN_LISTENER}"));
    learn(&gate);
    let mut expected = Vec::new();
    for row in ROWS {
        (row.prepare)(&gate);
        for place in [("crm", "plain"), ("frank", "frank")] {
            expected.extend(log_in(&company, &gate, row, place));
        }
    }
    assert_eq!(expected.len(), ROWS.len() * 17 * 2);
    gate.bind_after(expected.len());
    let audit = gate.events("bind");
    assert_eq!(audit.len(), expected.len() + 1);
    for (line, expected) in audit.iter().skip(1).zip(&expected) {
        let keys = expected.as_object().unwrap();
        assert!(keys.iter().all(|(key, value)| line[key] == *value), "{line}: {expected}");
    }
}

/// A name that two accounts have is refused in the forms that both have; what says which one is meant is not.
#[test]
fn ambiguous_names() {
    let company = company();
    company.directory.with(|directory| {
        let kate = directory.dn_of("kate").unwrap();
        directory.set(&kate, "sAMAccountName", &["zhang"]).unwrap();
        directory.set(&kate, "userPrincipalName", &["kate@corp.example"]).unwrap();
        let zhang = "CN=张伟,OU=Sales,OU=People,DC=corp,DC=example";
        directory.set(zhang, "userPrincipalName", &["wei@corp.example"]).unwrap();
    });
    let gate = company.gate_of("ambiguous", &format!("{APPLICATIONS}{PLAIN_LISTENER}"));
    let logins = || company.directory.with(|directory| directory.binds_of("zhang"));
    learn(&gate);
    let mut known = 1;
    let mut told = |name: &str| {
        let answer = Client::connect(gate.address("plain")).bind(name, password("zhang"));
        known += 1;
        ((answer.code(), answer.text()), gate.bind_after(known - 1))
    };
    for name in ["zhang", "CORP\\zhang", "corp.example\\ZHANG", "zhang@corp.example", " Zhang "] {
        let before = logins();
        let (answer, audit) = told(name);
        assert_eq!(answer, (49, WRONG_PASSWORD.to_owned()), "{name}");
        assert_eq!(audit["reason"], "ambiguous_name", "{name}");
        assert_eq!((logins() - before, &audit["attempts"]), (0, &0.into()), "{name}");
    }
    // One account of the two: a controller is asked about it, or a rule says no.
    assert_eq!(told("CN=张伟,OU=Sales,OU=People,DC=corp,DC=example").1["attempts"], 1);
    assert_eq!(told("kate@corp.example").1["reason"], "not_in_required_group");
}

/// No copy yet, and no controller any more: unavailable, and never a wrong password; but who is refused here is
/// refused without a controller as with one.
#[test]
fn without_a_copy_and_without_controllers() {
    let company = company();
    let gate = company.gate_of("decisions-dark", &format!("{APPLICATIONS}{PLAIN_LISTENER}"));
    company.kill();
    let told = |name: &str, account: &str| {
        Client::connect(gate.address("frank")).bind(name, password(account)).code()
    };
    for (known, (account, code, reason)) in [
        ("alice", 52, "directory_unavailable"),
        ("bob", 49, "account_disabled"),
        ("nobody", 49, "unknown_name"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(told(account, account), code, "{account}");
        assert_eq!(gate.bind_after(known)["reason"], reason);
    }
    let text = format!("{}{APPLICATIONS}{PLAIN_LISTENER}", company.directory_section());
    let gate = Gate::start_in(company.folder("decisions-empty"), &text);
    let accounts = ["alice", "bob", "nobody"];
    let names = accounts.iter().flat_map(|account| names(&company, account));
    for (known, name) in names.enumerate() {
        let answer = Client::connect(gate.address("plain")).bind(&name, "x");
        assert_eq!(answer.code(), 52, "{name}");
        assert_eq!(gate.bind_after(known)["reason"], "view_not_ready", "{name}");
    }
}
