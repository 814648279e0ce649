//! The table of decisions: every form of a name × every state of an account × two applications × the age of the copy →
//! what the client is told, the reason in the audit, and whether a controller was asked.
//!
//! What lives here: the table itself ([`table`]), how it is gone through ([`walk`]), and the two worlds that it is
//! true of: in-process controllers that count ([`in_process`]), and Samba with its audit files as the witness
//! ([`samba`]). A new state is a row; what is in it is made in both worlds.

mod in_process;
mod samba;
mod table;
mod walk;

use in_process::{WRONG_PASSWORD, company, identity, password};

use crate::world::client::Client;
use crate::world::company::{Company, PLAIN_LISTENER};
use crate::world::gate::Gate;

const APPLICATION: &str = r#"
[[application]]
name = "crm"
bases = ["OU=People,DC=corp,DC=example"]
required_groups = ["crm-users"]
denied_groups = ["crm-denied"]
negative_latency = "0ms"
"#;

/// Has the gate hear how the controllers word a wrong password: one line of the audit.
fn learn(gate: &Gate) {
    let answer = Client::connect(gate.address("plain")).bind("alice", "wrong");
    assert_eq!(answer.text(), WRONG_PASSWORD);
    assert_eq!(gate.bind_after(0)["reason"], "rejected_by_controller");
}

/// Every form of the account's name; of one that is not there, as if it were.
fn names(company: &Company, account: &str) -> Vec<String> {
    let forms = table::forms("corp.example", account, &identity(company, account));
    forms.into_iter().map(|(_, name)| name).collect()
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
    let gate = company.gate_of("ambiguous", &format!("{APPLICATION}{PLAIN_LISTENER}"));
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
    // One account of the two: a controller is asked about it, or a rule says no. Controllers let nobody in whose account
    // name somebody else has too: Samba refuses that name (52e) and the distinguished name (54e) alike.
    let (answer, audit) = told("CN=张伟,OU=Sales,OU=People,DC=corp,DC=example");
    assert_eq!((answer.0, &audit["attempts"]), (49, &1.into()), "{audit}");
    assert_eq!(audit["reason"], "rejected_by_controller");
    assert_eq!(told("kate@corp.example").1["reason"], "not_in_required_group");
}

/// No copy yet, and no controller any more: unavailable, and never a wrong password; but who is refused here is
/// refused without a controller as with one.
#[test]
fn without_a_copy_and_without_controllers() {
    let company = company();
    let gate = company.gate_of("decisions-dark", &format!("{APPLICATION}{PLAIN_LISTENER}"));
    company.kill();
    let told = |name: &str, account: &str| {
        Client::connect(gate.address("plain")).bind(name, password(account)).code()
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
    let text = format!("{}{APPLICATION}{PLAIN_LISTENER}", company.directory_section());
    let gate = Gate::start_in(company.folder("decisions-empty"), &text);
    let accounts = ["alice", "bob", "nobody"];
    let names = accounts.iter().flat_map(|account| names(&company, account));
    for (known, name) in names.enumerate() {
        let answer = Client::connect(gate.address("plain")).bind(&name, "x");
        assert_eq!(answer.code(), 52, "{name}");
        assert_eq!(gate.bind_after(known)["reason"], "view_not_ready", "{name}");
    }
}
