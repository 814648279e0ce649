//! Logins while no controller can be asked: who gets in, who does not, and what is kept of it. The whole story on real
//! controllers is in [`samba`].

mod samba;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ldapgate::store::{IdentityStore, Store};
use serde_json::{Value, json};

use crate::world::client::{Answer, Client};
use crate::world::company::{ALICE, APPLICATION, Company, PLAIN_LISTENER, SERVICE};
use crate::world::gate::Gate;

/// Zhang is in `crm-asia`, which is in `crm-nested`; Müller is in `crm-nested`, and Alice in neither.
const OFFLINE: &str =
    "[directory.offline]\ngroups = [\"crm-nested\"]\ndenied_groups = [\"crm-asia\"]\n";
const MUELLER: (&str, &str) = ("CORP\\müller", "Müller-Pass-1");
const ZHANG: (&str, &str) = ("CORP\\zhang", "张伟-Pass-1");
const WRONG: (&str, &str) = (MUELLER.0, "Sommer-2019");
const HOUR: u64 = 3600;
const HASH: &[u8] = b"$argon2id$";

fn gate(company: &Company, name: &str) -> Gate {
    company.gate_of(name, &format!("{OFFLINE}{APPLICATION}{PLAIN_LISTENER}"))
}

fn bind(gate: &Gate, (name, password): (&str, &str)) -> Answer {
    Client::connect(gate.address("plain")).bind(name, password)
}

/// The code that the client got, and the reason in the log.
fn login(gate: &Gate, account: (&str, &str)) -> (u32, String) {
    let known = gate.binds().len();
    let code = bind(gate, account).code();
    (code, gate.bind_after(known)["reason"].as_str().unwrap().to_owned())
}

fn told(code: u32, reason: &str) -> (u32, String) {
    (code, reason.to_owned())
}

fn counts(gate: &Gate) -> Value {
    gate.status()["directories"][0]["offline"].clone()
}

fn wait_for_verifiers(gate: &mut Gate, count: u64) {
    gate.wait_for("the verifiers", |gate| counts(gate)["verifiers"] == count);
}

/// Müller has logged in, and that is remembered.
fn remembered(company: &Company, name: &str) -> Gate {
    let mut gate = gate(company, name);
    assert_eq!(login(&gate, MUELLER), told(0, "accepted"));
    wait_for_verifiers(&mut gate, 1);
    gate
}

fn sync(gate: &Gate) {
    let (done, text) = gate.sync();
    assert!(done, "{text}");
}

fn store_file(gate: &Gate) -> PathBuf {
    gate.folder.path().join("store.redb")
}

/// What the store has of the accounts, once the program is gone.
fn kept(path: &Path) -> IdentityStore {
    Store::open(path).unwrap().store.by_identity("corp")
}

fn contains(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}

#[test]
fn the_allowed_get_in_and_nobody_else() {
    let company = Company::new();
    let gate = remembered(&company, "offline");
    for account in [ALICE, ZHANG, SERVICE] {
        assert_eq!(login(&gate, account), told(0, "accepted"));
    }
    company.kill();
    assert_eq!(login(&gate, MUELLER), told(0, "accepted_offline"));
    assert_eq!(login(&gate, ("müller@corp.example", MUELLER.1)), told(0, "accepted_offline"));
    for account in [ALICE, ZHANG, SERVICE, ("CORP\\alice", "wrong")] {
        assert_eq!(login(&gate, account), told(52, "directory_unavailable"), "{}", account.0);
    }
    let lines = gate
        .events("a login without a controller: the password is the one that was accepted before");
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["level"], &lines[0]["application"]), (&json!("WARN"), &json!("crm")));
    let why: Vec<Value> = gate
        .events("no login without a controller")
        .iter()
        .map(|event| event["why"].clone())
        .collect();
    assert_eq!(why, ["not_in_group", "in_denied_group", "not_in_group", "not_in_group"]);
    let counts = counts(&gate);
    assert_eq!((&counts["verifiers"], &counts["accepted"]), (&json!(1), &json!(2)));
    assert!(!gate.log_text().contains("$argon2"));

    // What such a login may do is what any login may do.
    let mut client = Client::connect(gate.address("plain"));
    assert_eq!(client.bind(MUELLER.0, MUELLER.1).code(), 0);
    assert_eq!(client.extended("1.3.6.1.4.1.4203.1.11.3", None).code(), 0);
}

fn explained(gate: &Gate, name: &str) -> Value {
    let output = gate.command(&["explain", "bind", name, "--app", "crm", "--json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Before an outage, when something can still be done about it.
#[test]
fn an_operator_is_told_who_could_get_in() {
    let company = Company::new();
    let gate = remembered(&company, "offline-explained");
    let missing = |name: &str| -> Vec<Value> {
        let steps = explained(&gate, name)["steps"].as_array().unwrap().clone();
        let of_offline = |step: &Value| step["step"].as_str().unwrap().starts_with("offline ");
        let steps: Vec<Value> = steps.into_iter().filter(of_offline).collect();
        assert_eq!(steps.len(), 4, "{name}: {steps:#?}");
        steps.iter().map(|step| step["reason"].clone()).filter(|one| !one.is_null()).collect()
    };
    assert_eq!(missing(MUELLER.0), [json!(null); 0]);
    assert_eq!(missing(ZHANG.0), ["in_denied_group", "never_verified"]);
    assert_eq!(missing(ALICE.0), ["not_in_group", "never_verified"]);
    let told = |name: &str| explained(&gate, name)["told"].clone();
    let when =
        |name: &str, at: usize| (told(name)[at]["when"].clone(), told(name)[at]["code"].clone());
    assert_eq!(when(MUELLER.0, 2), (json!("no_controller_right_password"), json!(0)));
    assert_eq!(when(MUELLER.0, 3), (json!("no_controller_wrong_password"), json!(49)));
    assert_eq!(when(ALICE.0, 2), (json!("no_controller"), json!(52)));
    let page = String::from_utf8(gate.command(&["explain", "bind", ZHANG.0]).stdout).unwrap();
    assert!(page.contains("offline denied groups  would refuse: in_denied_group"), "{page}");
}

/// The right password does not give back what wrong ones have cost; a controller's word does.
#[test]
fn wrong_passwords_have_a_hard_end() {
    let company = Company::new();
    let mut gate = remembered(&company, "offline-wrong");
    company.kill();
    for _ in 0..2 {
        let answer = bind(&gate, WRONG);
        assert_eq!((answer.code(), answer.text().contains("data 52e")), (49, true), "{answer:?}");
    }
    assert_eq!(login(&gate, MUELLER), told(0, "accepted_offline"));
    assert_eq!(login(&gate, WRONG), told(49, "offline_password_wrong"));
    for account in [MUELLER, WRONG, MUELLER] {
        assert_eq!(login(&gate, account), told(52, "directory_unavailable"));
    }
    let counts = counts(&gate);
    assert_eq!((&counts["wrong_password"], &counts["withheld"]), (&json!(3), &json!(3)));
    assert_eq!(company.binds_of("müller"), 1, "none of them went anywhere");

    company.revive();
    gate.wait_for("the controllers", |gate| bind(gate, MUELLER).code() == 0);
    gate.wait_for("another verifier", |gate| self::counts(gate)["remembered"] == 2);
    company.kill();
    assert_eq!(login(&gate, WRONG), told(49, "offline_password_wrong"));
    assert_eq!(login(&gate, MUELLER), told(0, "accepted_offline"));
}

/// Attempts that nobody answered may have counted, so they use up the shield's budget. That is no lockout to anybody:
/// what is told is the outage, or what is kept here.
#[test]
fn an_outage_that_begins_with_hanging_controllers_locks_nobody_out() {
    let company = Company::new();
    let mut gate = remembered(&company, "offline-hanging");
    company.quirks(|quirks| quirks.answer_delay = Duration::from_secs(20));
    let all_down = |gate: &Gate| {
        let status = gate.status();
        let controllers = status["directories"][0]["controllers"].as_array().unwrap();
        controllers.iter().all(|controller| controller["verify"]["state"] == "down")
    };
    let exhausted =
        |gate: &Gate| gate.status()["directories"][0]["shield"]["exhausted"].as_u64().unwrap();
    for _ in 0..2 {
        assert_eq!(login(&gate, MUELLER), told(0, "accepted_offline"));
        assert_eq!(login(&gate, ALICE), told(52, "directory_unavailable"));
    }
    gate.wait_for("the outage", all_down);
    let sent = company.binds_of("müller");
    assert_eq!(login(&gate, MUELLER), told(0, "accepted_offline"));
    assert_eq!(login(&gate, WRONG), told(49, "offline_password_wrong"));
    assert_eq!(login(&gate, ALICE), told(52, "directory_unavailable"));
    assert!(exhausted(&gate) >= 3, "the budget is used up all the same");
    assert_eq!(company.binds_of("müller"), sent, "and holds");
    let muller = explained(&gate, MUELLER.0);
    assert_eq!((&muller["next"], &muller["reason"]), (&json!("no_controller"), &Value::Null));
    assert_eq!(muller["told"][0]["when"], "no_controller_right_password");

    company.quirks(|quirks| quirks.answer_delay = Duration::ZERO);
    gate.wait_for("the controllers", |gate| !all_down(gate));
    assert_eq!(login(&gate, MUELLER), told(49, "shielded"), "the controllers may have counted");
}

#[test]
fn what_the_directory_took_away_is_gone() {
    let company = Company::new();
    let mut gate = remembered(&company, "offline-disabled");
    company.change("müller", |directory, dn| directory.disable(dn));
    sync(&gate);
    wait_for_verifiers(&mut gate, 0);
    company.change("müller", |directory, dn| directory.enable(dn));
    sync(&gate);
    company.kill();
    assert_eq!(login(&gate, MUELLER), told(52, "directory_unavailable"), "dropped for good");

    company.revive();
    gate.wait_for("the controllers", |gate| bind(gate, MUELLER).code() == 0);
    wait_for_verifiers(&mut gate, 1);
    company.change("müller", |directory, dn| directory.disable(dn));
    sync(&gate);
    company.kill();
    assert_eq!(login(&gate, MUELLER), told(49, "account_disabled"));
}

#[test]
fn a_password_that_was_changed_is_dead_after_a_pass() {
    let company = Company::new();
    let mut gate = remembered(&company, "offline-changed");
    company.change("müller", |directory, dn| directory.set_password(dn, "Neu-Pass-2"));
    sync(&gate);
    company.kill();
    assert_eq!(login(&gate, MUELLER), told(52, "directory_unavailable"));
    assert_eq!(login(&gate, (MUELLER.0, "Neu-Pass-2")), told(52, "directory_unavailable"));
    wait_for_verifiers(&mut gate, 0);
}

#[test]
fn a_block_counts_and_takes_the_verifier_away() {
    let company = Company::new();
    let mut gate = remembered(&company, "offline-blocked");
    company.kill();
    assert!(gate.command(&["block", "müller"]).status.success());
    assert_eq!(login(&gate, MUELLER), told(49, "blocked"));
    wait_for_verifiers(&mut gate, 0);
    assert!(gate.command(&["unblock", "müller"]).status.success());
    assert_eq!(login(&gate, MUELLER), told(52, "directory_unavailable"));
}

/// A verifier is for those who may enter some application, as they are configured now.
#[test]
fn a_changed_configuration_takes_the_verifier_away() {
    let company = Company::new();
    let mut gate = remembered(&company, "offline-reload");
    company.kill();
    let file = gate.folder.path().join("ldapgate.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let filter = "name = \"crm\"\nuser_filter = \"(!(sAMAccountName=müller))\"\n";
    gate.folder.write("ldapgate.toml", &text.replacen("name = \"crm\"\n", filter, 1));
    assert!(gate.command(&["reload"]).status.success());
    assert_eq!(login(&gate, MUELLER), told(49, "filtered_out"));
    wait_for_verifiers(&mut gate, 0);
    gate.folder.write("ldapgate.toml", &text);
    assert!(gate.command(&["reload"]).status.success());
    assert_eq!(login(&gate, MUELLER), told(52, "directory_unavailable"));
}

#[test]
fn a_restart_gives_nothing_back() {
    let company = Company::new();
    let gate = remembered(&company, "offline-restart");
    company.kill();
    let gate = gate.again("-KILL");
    assert_eq!(login(&gate, MUELLER), told(0, "accepted_offline"));
    for _ in 0..2 {
        assert_eq!(login(&gate, WRONG), told(49, "offline_password_wrong"));
    }
    let gate = gate.again("-KILL");
    assert_eq!(login(&gate, WRONG), told(49, "offline_password_wrong"));
    let gate = gate.again("-KILL");
    assert_eq!(login(&gate, MUELLER), told(52, "directory_unavailable"));
}

/// Thirteen hours pass by making what is stored older.
#[test]
fn what_is_too_old_lets_nobody_in() {
    let company = Company::new();
    let gate = remembered(&company, "offline-old");
    company.kill();
    let gate = older(gate, 11 * HOUR);
    assert_eq!(login(&gate, MUELLER), told(0, "accepted_offline"));
    let gate = older(gate, 2 * HOUR);
    assert_eq!(counts(&gate)["verifiers"], 0);
    assert_eq!(login(&gate, MUELLER), told(52, "directory_unavailable"));
}

/// The gate started again, with everything that was accepted so much longer ago.
fn older(gate: Gate, seconds: u64) -> Gate {
    let path = store_file(&gate);
    gate.again_with("-TERM", |configuration| {
        let store = kept(&path);
        for (identity, octets) in store.load().unwrap() {
            let mut record: Value = serde_json::from_slice(&octets).unwrap();
            let at = record["verified_at"]["secs_since_epoch"].as_u64().unwrap();
            record["verified_at"]["secs_since_epoch"] = (at - seconds).into();
            store.set(&[(identity, Some(serde_json::to_vec(&record).unwrap()))]).unwrap();
        }
        configuration
    })
}

#[test]
fn nothing_of_passwords_is_stored_unless_it_is_switched_on() {
    let company = Company::new();
    let mut off = company.gate_of("offline-off", &format!("{APPLICATION}{PLAIN_LISTENER}"));
    assert_eq!(login(&off, MUELLER), told(0, "accepted"));
    sync(&off);
    std::thread::sleep(Duration::from_millis(300));
    assert!(counts(&off).is_null());
    off.signal("-TERM");
    off.end();
    let octets = std::fs::read(store_file(&off)).unwrap();
    assert!(contains(&octets, "müller".as_bytes()), "the copy is there");
    assert!(!contains(&octets, HASH));
    assert!(kept(&store_file(&off)).load().unwrap().is_empty());

    // The same look finds it where it is on, and switching off takes it away.
    let gate = remembered(&company, "offline-on");
    let path = store_file(&gate);
    let found = contains(&std::fs::read(&path).unwrap(), HASH);
    assert!(found);
    let mut gate = gate.again_with("-TERM", |text| text.replace(OFFLINE, ""));
    gate.signal("-TERM");
    gate.end();
    assert!(kept(&path).load().unwrap().is_empty());
}
