//! The configuration while the program runs: what counts at once and for whom, what is refused, what is held.

use std::fs;
use std::thread;
use std::time::Duration;

use ldapgate::ldap::ber::Writer;
use ldapgate::ldap::control::Control;
use ldapgate::ldap::controls::paged_results::PagedResults;
use ldapgate::ldap::request::SearchScope::WholeSubtree;
use ldapgate::ldap::request::write_search;
use rustls::version::TLS13;
use serde_json::Value;

use crate::world::client::{Client, search};
use crate::world::company::{ALICE, APPLICATION, Company, LOCAL_SECRET, PLAIN_LISTENER};
use crate::world::gate::Gate;
use crate::world::stream::tls_client;

const PEOPLE: &str = "OU=People,DC=corp,DC=example";
const STAFF: &str = "OU=Staff,OU=People,DC=corp,DC=example";
const USERS: &str = "CN=crm-users,OU=Groups,DC=corp,DC=example";
/// In `crm-nested`, which is in `crm-users`.
const MUELLER: (&str, &str) = ("CORP\\müller", "Müller-Pass-1");
const LOCAL: (&str, &str) = ("crm", LOCAL_SECRET);
const NOT_ALICE: &str = "user_filter = \"(!(sAMAccountName=alice))\"\n";
const LOADED: &str = "the configuration is loaded anew";

const HELD: i32 = 4;

/// Three hundred people of the application, and sixty in a group of their own.
fn crowd() -> Company {
    Company::with(|directory| {
        directory.add(STAFF, &[("objectClass", "organizationalUnit")]).unwrap();
        let (old, new): (Vec<String>, Vec<String>) =
            ((0..300).map(dn).collect(), (300..360).map(dn).collect());
        for number in 0..360 {
            let account = account(number);
            let attributes =
                [("objectClass", "user"), ("sAMAccountName", &account), ("demoPassword", "Pass-1")];
            directory.add(&dn(number), &attributes).unwrap();
        }
        for (name, members) in [("staff", old), ("newcomers", new)] {
            let mut attributes = vec![("objectClass", "group"), ("sAMAccountName", name)];
            attributes.extend(members.iter().map(|dn| ("member", dn.as_str())));
            let group = format!("CN={name},OU=Groups,DC=corp,DC=example");
            directory.add(&group, &attributes).unwrap();
        }
        directory.add_member(USERS, "CN=staff,OU=Groups,DC=corp,DC=example").unwrap();
    })
}

fn account(number: u32) -> String {
    format!("u{number:03}")
}

fn dn(number: u32) -> String {
    format!("CN=U{number:03},{STAFF}")
}

fn bind(gate: &Gate, (name, password): (&str, &str)) -> u32 {
    Client::connect(gate.address("plain")).bind(name, password).code()
}

fn bind_one(gate: &Gate, number: u32) -> u32 {
    bind(gate, (&format!("CORP\\{}", account(number)), "Pass-1"))
}

fn session(gate: &Gate, listener: &str, (name, password): (&str, &str)) -> Client {
    let mut client = Client::connect(gate.address(listener));
    assert_eq!(client.bind(name, password).code(), 0, "{name}");
    client
}

/// Who am I (RFC 4532) of a session that is still there.
fn is_open(client: &mut Client) -> bool {
    client.extended("1.3.6.1.4.1.4203.1.11.3", None).code() == 0
}

/// How many people the session is shown whose account names begin so.
fn found(client: &mut Client, name: &str) -> usize {
    let filter = format!("(sAMAccountName={name}*)");
    let (found, answer) = client.search(PEOPLE, WholeSubtree, &filter, &["1.1"]);
    assert_eq!(answer.code(), 0);
    found.len()
}

/// The file as it was at the start.
fn text(gate: &Gate) -> String {
    fs::read_to_string(gate.folder.path().join("ldapgate.toml")).unwrap()
}

fn write(gate: &Gate, text: &str) {
    gate.folder.write("ldapgate.toml", text);
}

/// Puts lines into the section of the application `crm`.
fn with(text: &str, lines: &str) -> String {
    text.replacen("name = \"crm\"\n", &format!("name = \"crm\"\n{lines}"), 1)
}

/// `ldapgate reload`: its exit code and what it printed.
fn reload(gate: &Gate, arguments: &[&str]) -> (i32, String) {
    let output = gate.command(&[&["reload"], arguments].concat());
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), text)
}

fn assert_loads(gate: &Gate, text: &str) {
    write(gate, text);
    let (code, told) = reload(gate, &[]);
    assert_eq!(code, 0, "{told}");
}

fn configuration(gate: &Gate) -> Value {
    gate.status()["configuration"].clone()
}

/// A rule tightened for one user: that user's session ends, nobody else's, the next login is refused, and searches of
/// others do not show the user any more. Loosened again, all is as it was.
#[test]
fn a_rule_counts_at_once_and_for_whom_it_concerns() {
    let company = Company::new();
    let gate = company.gate("reload-rule", "");
    let original = text(&gate);
    let mut alice = session(&gate, "plain", ALICE);
    let mut mueller = session(&gate, "plain", MUELLER);
    let mut local = session(&gate, "plain", LOCAL);
    let mut nobody = Client::connect(gate.address("plain"));
    assert_eq!(found(&mut local, "alice"), 1);

    write(&gate, &with(&original, NOT_ALICE));
    let (code, told) = reload(&gate, &["--dry-run"]);
    assert!(code == 0 && told.contains("1 leave, 0 come") && told.contains("- CN=Alice"), "{told}");
    assert!(is_open(&mut alice), "a dry run changes nothing");
    let (code, told) = reload(&gate, &[]);
    assert!(code == 0 && told.contains("application crm: changed"), "{told}");
    assert_eq!(alice.disconnection().code(), 52);
    assert!(is_open(&mut mueller) && is_open(&mut local));
    assert_eq!(found(&mut local, "alice"), 0, "the copy is the same, the scope is not");
    let known = (gate.binds().len(), company.binds_of("alice"));
    assert_eq!(bind(&gate, ALICE), 49);
    assert_eq!(gate.bind_after(known.0)["reason"], "filtered_out");
    assert_eq!(company.binds_of("alice"), known.1, "no controller is asked");
    assert_eq!(nobody.bind(ALICE.0, ALICE.1).code(), 49, "on a connection from before");
    assert_eq!(gate.status()["revocations"]["count"], 1);

    let (code, told) = reload(&gate, &[]);
    assert!(code == 0 && told.contains("is that of the file"), "{told}");
    assert!(is_open(&mut mueller));
    assert_loads(&gate, &original);
    assert_eq!((bind(&gate, ALICE), found(&mut local, "alice")), (0, 1));
    let told = configuration(&gate);
    assert_eq!(
        told["reloads"],
        serde_json::json!({"applied": 2, "unchanged": 1, "held": 0, "needs_restart": 0, "faulty": 0})
    );
}

/// A list that was found under the earlier configuration is not gone on with, and a login under way is judged by the
/// later one.
#[test]
fn what_is_under_way_ends_by_the_later_configuration() {
    let company = Company::new();
    let gate = company.gate("reload-under-way", "");
    let original = text(&gate);
    let mut local = session(&gate, "plain", LOCAL);
    let everybody = search(PEOPLE, WholeSubtree, "(objectClass=user)", &["mail"]);
    let page = |cookie| PagedResults { size: 1, cookie }.to_control(true);
    let (found, answer) = local.search_with(&everybody, &[page(Vec::new())]);
    let cookie =
        PagedResults::read(&Control::read_all(&answer.controls).unwrap()[0]).unwrap().cookie;
    assert!(found.len() == 1 && !cookie.is_empty());
    let address = gate.address("plain");
    company.quirks(|quirks| quirks.answer_delay = Duration::from_secs(1));
    let login = thread::spawn(move || Client::connect(address).bind(ALICE.0, ALICE.1).code());
    thread::sleep(Duration::from_millis(300));
    assert_loads(&gate, &with(&original, NOT_ALICE));
    assert_eq!(login.join().unwrap(), 49);
    assert_eq!(gate.bind_after(1)["reason"], "filtered_out");
    let mut next = Writer::new();
    write_search(&mut next, local.next_id(), &everybody, &[page(cookie)]);
    local.send_octets(next.octets());
    assert_eq!(local.disconnection().code(), 52);
}

/// Local accounts are in no directory: they go by what is written of them.
#[test]
fn a_local_account_with_another_secret_is_out() {
    let company = Company::new();
    let gate = company.gate("reload-local", "");
    let original = text(&gate);
    let (mut local, mut alice) = (session(&gate, "plain", LOCAL), session(&gate, "plain", ALICE));
    assert_loads(&gate, &with(&original, "limits.size = 500\n"));
    assert!(is_open(&mut local), "nothing that it rests on has changed");
    assert_loads(&gate, &original.replace("sha256:5f8a", "sha256:ffff"));
    assert_eq!(local.disconnection().code(), 52);
    assert!(is_open(&mut alice));
    assert_eq!(bind(&gate, LOCAL), 49);
}

/// Whatever is wrong with the file, and whoever asks, what is in force stays.
#[test]
fn a_faulty_file_changes_nothing() {
    let company = Company::new();
    let mut gate = company.gate("reload-faulty", "");
    let original = text(&gate);
    let mut alice = session(&gate, "plain", ALICE);
    let faulty = with(&original, "freshness = \"maybe\"\nrequired_groups = [\"nobody\"]\n");
    write(&gate, &faulty.replacen("required_groups = [\"crm-users\"]\n", "", 1));
    for arguments in [&["--dry-run"] as &[&str], &[], &["--accept"]] {
        let (code, told) = reload(&gate, arguments);
        assert!(code == 2 && told.contains("application[0].freshness"), "{code} {told}");
    }
    gate.signal("-HUP");
    let refused = "the configuration is not loaded: it is faulty";
    gate.wait_for("the signal", |gate| gate.events(refused).len() == 3);
    assert_eq!(gate.events(refused)[2]["by"], "SIGHUP");
    assert!(is_open(&mut alice));
    assert_eq!(
        (bind(&gate, ALICE), configuration(&gate)["reloads"]["faulty"].as_u64()),
        (0, Some(3))
    );
}

/// Everything that needs a restart is named at once, and what does not is not taken over either.
#[test]
fn what_needs_a_restart_is_named() {
    let company = Company::new();
    let gate = company.gate("reload-restart", "");
    let original = text(&gate);
    let mut alice = session(&gate, "plain", ALICE);
    let changed = with(&original, NOT_ALICE)
        .replacen("url = \"ldap://127.0.0.1:0\"", "url = \"ldap://127.0.0.2:0\"", 1)
        .replacen("sync.follow = false", "sync.follow = true", 1);
    write(&gate, &changed);
    for arguments in [&["--dry-run"] as &[&str], &[]] {
        let (code, told) = reload(&gate, arguments);
        assert_eq!(code, 1);
        assert!(told.contains("directory[0].sync.follow\n  listener[0].url"), "{told}");
        assert!(!told.contains("application"), "{told}");
    }
    assert!(is_open(&mut alice));
    assert_eq!(bind(&gate, ALICE), 0);
    gate.folder.write("service.password", "Sync-Service-2\n");
    write(&gate, &original);
    let (code, told) = reload(&gate, &[]);
    assert!(code == 1 && told.contains("directory[0].bind_password_file"), "{told}");
}

/// A change that would shut out too many waits for an operator, and only the very file that was held is accepted.
#[test]
fn too_many_who_leave_are_held_until_accepted() {
    let company = crowd();
    let mut gate = company.gate("reload-held", "[audit]\nfile = \"audit.jsonl\"\n");
    let original = text(&gate);
    let mut alice = session(&gate, "plain", ALICE);
    let (mut one, mut local) =
        (session(&gate, "plain", ("CORP\\u007", "Pass-1")), session(&gate, "plain", LOCAL));
    let shut = original.replacen("[\"crm-denied\"]", "[\"crm-denied\", \"staff\"]", 1);
    write(&gate, &shut);
    let (code, told) = reload(&gate, &["--dry-run"]);
    assert!(code == HELD && told.contains("would be HELD"), "{code} {told}");
    assert!(configuration(&gate)["held"].is_null(), "a dry run holds nothing");
    let (code, told) = reload(&gate, &["--accept"]);
    assert_eq!(code, HELD, "nothing was held that could be accepted: {told}");
    let words = "300 of 310 users would leave application \"crm\"";
    assert!(told.contains(words) && told.contains("- CN=U000"), "{told}");
    assert!(told.contains("and 290 more"), "{told}");
    let held = configuration(&gate)["held"].clone();
    assert!(held["reasons"].to_string().contains("300 of"), "{held}");
    let status = String::from_utf8(gate.command(&["status"]).stdout).unwrap();
    assert!(status.contains("a changed one is HELD") && status.contains("300 of"), "{status}");
    let alarm = "the configuration is held, what was in force still is: see ldapgate reload \
                 --dry-run, then accept with ldapgate reload --accept";
    gate.wait_for("the alarm", |gate| !gate.events(alarm).is_empty());
    assert_eq!(gate.events(alarm)[0]["level"], "WARN");
    assert!(is_open(&mut one) && is_open(&mut alice));
    assert_eq!((bind_one(&gate, 8), found(&mut local, "u")), (0, 300));

    // Another file than the one that was looked at.
    write(&gate, &with(&shut, "limits.size = 5000\n"));
    assert_eq!(reload(&gate, &["--accept"]).0, HELD);
    write(&gate, &shut);
    assert_eq!(reload(&gate, &["--accept"]).0, HELD, "what is held is the other file");
    gate.signal("-HUP");
    gate.wait_for("the signal", |gate| gate.events(alarm).len() == 4);
    assert_eq!(bind_one(&gate, 8), 0, "a signal accepts nothing");
    let (code, told) = reload(&gate, &["--accept"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(one.disconnection().code(), 52);
    assert!(is_open(&mut alice));
    assert_eq!((bind_one(&gate, 8), found(&mut local, "u")), (49, 0));
    assert!(configuration(&gate)["held"].is_null());

    assert!(gate.terminate().success());
    let trail = fs::read_to_string(gate.folder.path().join("audit.jsonl")).unwrap();
    let events: Vec<Value> =
        trail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
    assert_eq!((of("configuration_held").len(), of("configuration_loaded").len()), (4, 2));
    assert_eq!(of("configuration_held")[3]["by"], "SIGHUP");
    assert_eq!(of("configuration_loaded")[1]["accepted"], "yes");
    assert!(of("configuration_held")[0]["reasons"].as_str().unwrap().contains("300 of"));
}

/// Who is newly let in is looked at as well: a group too many is as bad as one too few.
#[test]
fn too_many_who_come_are_held_until_accepted() {
    let company = crowd();
    let gate = company.gate("reload-newcomers", "");
    let open = text(&gate).replacen("[\"crm-users\"]", "[\"crm-users\", \"newcomers\"]", 1);
    write(&gate, &open);
    let (code, told) = reload(&gate, &[]);
    assert!(code == HELD && told.contains("60 users would come"), "{code} {told}");
    assert!(told.contains("+ CN=U300") && told.contains("+ and 50 more"), "{told}");
    assert_eq!(bind_one(&gate, 310), 49);
    assert_eq!(reload(&gate, &["--accept"]).0, 0);
    assert_eq!(bind_one(&gate, 310), 0);
}

/// Small changes add up, so that nothing comes in slices.
#[test]
fn slices_add_up() {
    let company = crowd();
    let gate = company.gate("reload-slices", "");
    let original = text(&gate);
    let without = |tens: u32| {
        let each: String = (0..tens).map(|ten| format!("(sAMAccountName=u{ten:02}*)")).collect();
        with(&original, &format!("user_filter = \"(!(|{each}))\"\n"))
    };
    assert_loads(&gate, &without(2));
    assert_eq!((bind_one(&gate, 19), bind_one(&gate, 20)), (49, 0));
    write(&gate, &without(4));
    let (code, told) = reload(&gate, &[]);
    assert!(code == HELD && told.contains("40 with those of the last 60 minutes"), "{told}");
    assert_eq!(bind_one(&gate, 20), 0);
    // What was held is given up by loading what is in force.
    assert_loads(&gate, &without(2));
    assert!(configuration(&gate)["held"].is_null());
}

/// SIGHUP does what the command does.
#[test]
fn a_signal_reloads() {
    let company = Company::new();
    let mut gate = company.gate("reload-signal", "");
    let mut alice = session(&gate, "plain", ALICE);
    write(&gate, &with(&text(&gate), NOT_ALICE));
    gate.signal("-HUP");
    gate.wait_for("the reload", |gate| gate.events(LOADED).len() == 1);
    assert_eq!(alice.disconnection().code(), 52);
    assert_eq!(bind(&gate, ALICE), 49);
    assert_eq!(gate.events(LOADED)[0]["by"], "SIGHUP");
}

/// Applications come, go, and change their clients; sessions follow.
#[test]
fn applications_come_and_go() {
    let company = Company::new();
    let more = "[[listener]]\nname = \"more\"\nurl = \"ldap://127.0.0.1:0\"\n";
    let crm =
        APPLICATION.replacen("name = \"crm\"\n", "name = \"crm\"\nlisteners = [\"plain\"]\n", 1);
    let wiki = crm.replacen("\"crm\"\n", "\"wiki\"\n", 1).replacen("[\"plain\"]", "[\"more\"]", 1);
    let gate = company.gate_of("reload-applications", &format!("{crm}{PLAIN_LISTENER}{more}"));
    let original = text(&gate);
    let mut alice = session(&gate, "plain", ALICE);
    assert!(Client::connect(gate.address("more")).is_closed());

    assert_loads(&gate, &format!("{original}{wiki}"));
    let mut of_wiki = session(&gate, "more", ALICE);
    let mut anonymous = Client::connect(gate.address("more"));
    assert!(is_open(&mut anonymous) && is_open(&mut alice));
    assert_loads(&gate, &original);
    assert_eq!(of_wiki.disconnection().code(), 52);
    assert_eq!(anonymous.disconnection().code(), 52);
    assert!(Client::connect(gate.address("more")).is_closed());
    assert!(is_open(&mut alice));

    // The same names and listeners, the other way round.
    let swapped = format!("{original}{wiki}")
        .replace("listeners = [\"plain\"]", "listeners = [\"x\"]")
        .replace("listeners = [\"more\"]", "listeners = [\"plain\"]")
        .replace("listeners = [\"x\"]", "listeners = [\"more\"]");
    assert_loads(&gate, &swapped);
    assert_eq!(alice.disconnection().code(), 52);
    let known = gate.binds().len();
    assert_eq!(bind(&gate, ALICE), 0);
    assert_eq!(gate.bind_after(known)["application"], "wiki");
}

/// A renewed certificate is served to whoever connects from then on; one that cannot be used changes nothing.
#[test]
fn certificates_are_read_again() {
    let company = Company::new();
    let folder = company.folder("reload-certificate");
    folder.make_certificates();
    let encrypted = "[[listener]]\nname = \"encrypted\"\nurl = \"ldaps://127.0.0.1:0\"\n\
                     certificate = \"server.pem\"\nkey = \"server.key\"\n";
    let section = company.directory_section();
    let text = format!("{section}{APPLICATION}{PLAIN_LISTENER}{encrypted}");
    let gate = Gate::start_in(folder, &text).synced(1);
    // New each time: a session that is resumed is shown no certificate.
    let trusting = |authority: &str| tls_client(&gate.folder.path().join(authority), &[&TLS13]);
    let served = |authority: &str| {
        let client = Client::connect(gate.address("encrypted"));
        let client = client.with_tls(&trusting(authority), "localhost");
        client.is_ok_and(|mut client| client.bind(ALICE.0, ALICE.1).code() == 0)
    };
    fs::copy(gate.folder.path().join("ca.pem"), gate.folder.path().join("earlier.pem")).unwrap();
    let (earlier, later) = ("earlier.pem", "ca.pem");
    assert!(served(earlier));
    for name in ["ca.pem", "ca.key", "server.pem", "server.key"] {
        fs::remove_file(gate.folder.path().join(name)).unwrap();
    }
    let (code, told) = reload(&gate, &[]);
    assert!(
        code == 2 && told.contains("listener \"encrypted\"") && told.contains("server.pem"),
        "{told}"
    );
    assert!(served(earlier));
    gate.folder.make_certificates();
    assert!(served(earlier) && !served(later));
    let (code, told) = reload(&gate, &["--dry-run"]);
    assert!(code == 0 && told.contains("listener encrypted: a new certificate"), "{told}");
    assert!(served(earlier));
    assert_eq!(reload(&gate, &[]).0, 0);
    assert!(served(later) && !served(earlier));
    let (code, told) = reload(&gate, &[]);
    assert!(code == 0 && told.contains("is that of the file"), "{told}");
}
