//! Keeping the copy: nothing half-read is ever published, what fails heals by itself, and every kind of change
//! in the directory is followed.

use std::time::{Duration, Instant};

use ldapgate::demo::Quirks;
use ldapgate::ldap::control::{Control, oid};
use ldapgate::ldap::controls::paged_results::PagedResults;
use ldapgate::ldap::request::SearchScope::{BaseObject, WholeSubtree};
use serde_json::Value;

use crate::world::client::{Answer, Client, search};
use crate::world::company::{ALICE, APPLICATION, Company, LOCAL_SECRET, PLAIN_LISTENER, SERVICE};
use crate::world::gate::Gate;

const BASE: &str = "DC=corp,DC=example";
const FAILED: &str = "sync pass failed, the view stays as it was";
const DONE: &str = "sync pass done";

fn bind(gate: &Gate, name: &str, password: &str) -> u32 {
    Client::connect(gate.address("plain")).bind(name, password).code()
}

/// A refused bind, with the reason in its audit line. All binds of the gate are to be counted in `known`.
fn reason(gate: &Gate, known: &mut usize, name: &str, password: &str) -> (u32, String) {
    let code = bind(gate, name, password);
    *known += 1;
    let reason = gate.bind_after(*known - 1)["reason"].as_str().unwrap().to_owned();
    (code, reason)
}

fn service(gate: &Gate) -> Client {
    let mut client = Client::connect(gate.address("plain"));
    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    client
}

fn generation(gate: &Gate, directory: usize) -> Value {
    gate.status()["directories"][directory]["view"]["generation"].clone()
}

/// The failures of passes that an operator asked for.
fn failures_on_demand(gate: &Gate) -> Vec<Value> {
    gate.events(FAILED).into_iter().filter(|event| event["trigger"] == "demand").collect()
}

fn paged(gate_pages: &str) -> String {
    format!("sync.{gate_pages}\n{APPLICATION}{PLAIN_LISTENER}")
}

/// What a controller does wrong.
type Fault = fn(&mut Quirks);

/// DESIGN promise 5: whatever goes wrong in the middle of a pass, the view is the one before, one line says so
/// with reason and controller, and users go on logging in.
#[test]
fn a_pass_that_fails_changes_nothing() {
    let company = Company::new();
    let mut gate = company.gate_of("sync-fails", &paged("page_size = 10"));
    let everybody = |gate: &Gate| {
        let (entries, answer) = service(gate).search(BASE, WholeSubtree, "(objectClass=*)", &[]);
        assert_eq!(answer.code(), 0);
        entries
    };
    let (before, view) = (generation(&gate, 0), everybody(&gate));
    // What would be published if half a pass counted.
    company.change("kate", |directory, dn| directory.remove(dn));
    let faults: [(&str, Fault, bool); 8] = [
        ("connection", |quirks| quirks.cut_search_after = Some(15), true),
        ("connection", |quirks| quirks.cut_search_after = Some(0), true),
        ("limit", |quirks| quirks.search_answer = Some((4, "size".to_owned())), true),
        ("limit", |quirks| quirks.search_answer = Some((11, "admin".to_owned())), true),
        ("rights", |quirks| quirks.search_answer = Some((50, "no".to_owned())), true),
        ("server", |quirks| quirks.search_answer = Some((80, "broken".to_owned())), true),
        ("", |quirks| quirks.garbage_answer = true, false),
        ("", |quirks| quirks.close_after_request = true, false),
    ];
    for (number, (step, fault, logins_work)) in faults.into_iter().enumerate() {
        company.quirks(fault);
        let (well, printed) = gate.sync();
        assert!(!well && printed.contains("stays as it was"), "{number}: {printed}");
        let failures = failures_on_demand(&gate);
        assert_eq!(failures.len(), number + 1, "one line for each pass");
        let last = failures.last().unwrap();
        assert_eq!(last["level"], "WARN");
        let (reason, controller) = (last["reason"].as_str().unwrap(), last["controller"].as_str());
        assert!(!reason.is_empty());
        if logins_work {
            assert_eq!(last["step"], step, "{reason}");
            assert!(controller.is_some_and(|name| name.ends_with(".corp.example")), "{last}");
            assert_eq!(bind(&gate, ALICE.0, ALICE.1), 0, "{reason}");
        }
        assert_eq!(generation(&gate, 0), before, "{reason}");
        assert_eq!(everybody(&gate), view, "{reason}");
        company.quirks(|quirks| *quirks = Quirks::default());
    }
    // It recovers by itself: the pause after so many failures is 60 s at most, an operator may ask sooner.
    let (well, printed) = gate.sync();
    assert!(well && printed.contains("users removed"), "{printed}");
    assert_eq!(generation(&gate, 0).as_u64(), Some(before.as_u64().unwrap() + 1));
    gate.wait_for("logins", |gate| bind(gate, ALICE.0, ALICE.1) == 0);
}

/// A pass that failed is tried again by itself, after 1 s, 2 s …
#[test]
fn it_recovers_by_itself() {
    let company = Company::new();
    let mut gate = company.gate("sync-recovers", "");
    company.quirks(|quirks| quirks.search_answer = Some((51, "busy".to_owned())));
    assert!(!gate.sync().0);
    gate.wait_for("two retries", |gate| gate.events(FAILED).len() >= 3);
    let triggers: Vec<Value> =
        gate.events(FAILED).into_iter().map(|event| event["trigger"].clone()).collect();
    assert_eq!(triggers[..3], ["demand", "retry", "retry"]);
    assert_eq!(gate.status()["directories"][0]["sync"]["failures"], triggers.len());
    company.change("alice", |directory, dn| directory.disable(dn));
    company.quirks(|quirks| *quirks = Quirks::default());
    gate.wait_for("a retry that succeeds", |gate| {
        gate.events(DONE).iter().any(|event| event["trigger"] == "retry")
    });
    assert_eq!(gate.status()["directories"][0]["sync"]["failures"], 0);
    assert_eq!(bind(&gate, ALICE.0, ALICE.1), 49);
}

/// A directory in which suddenly nobody is: that is a mistake of somebody's, not a change.
#[test]
fn a_directory_that_is_suddenly_empty() {
    let company = Company::new();
    let mut gate = company.gate_of(
        "sync-empty",
        &paged("base = \"OU=People,DC=corp,DC=example\"")
            .replace("required_groups = [\"crm-users\"]\ndenied_groups = [\"crm-denied\"]\n", ""),
    );
    let before = generation(&gate, 0);
    let people = |directory: &mut ldapgate::demo::Directory, value: &str| {
        for account in ldapgate::demo::accounts() {
            if let Some(dn) = directory.dn_of(account.name).filter(|dn| dn.contains("OU=People")) {
                directory.set(&dn, "sAMAccountType", &[value]).unwrap();
            }
        }
    };
    company.directory.with(|directory| people(directory, "805306369"));
    let (well, printed) = gate.sync();
    assert!(!well && printed.contains("stays as it was"), "{printed}");
    gate.wait_for("its line in the log", |gate| failures_on_demand(gate).len() == 1);
    assert_eq!(generation(&gate, 0), before);
    assert_eq!(bind(&gate, ALICE.0, ALICE.1), 0);
    company.directory.with(|directory| people(directory, "805306368"));
    gate.wait_for("the next pass", |gate| gate.events(DONE).len() == 2);
    assert_eq!(generation(&gate, 0), before, "and nothing has changed");
}

/// Active Directory gives 1000 entries a page and 1500 values a slice, whatever is asked for (MS-ADTS
/// 3.1.1.3.4.6, 3.1.1.3.1.3.3); references come in between.
#[test]
fn more_than_one_page_and_one_slice() {
    const MANY: usize = 1700;
    let company = Company::with(|directory| {
        let big = "CN=big,OU=Groups,DC=corp,DC=example";
        let names: Vec<String> = (0..MANY)
            .map(|n| format!("CN=U {n:04},OU=Sales,OU=People,DC=corp,DC=example"))
            .collect();
        for (number, dn) in names.iter().enumerate() {
            let account = format!("u{number:04}");
            let attributes =
                [("objectClass", "user"), ("sAMAccountName", &account), ("demoPassword", "Pass-1")];
            directory.add(dn, &attributes).unwrap();
        }
        let mut group = vec![("objectClass", "group"), ("sAMAccountName", "big")];
        group.extend(names.iter().map(|dn| ("member", dn.as_str())));
        directory.add(big, &group).unwrap();
        directory.add_member("CN=crm-users,OU=Groups,DC=corp,DC=example", big).unwrap();
    });
    let gate = company.gate("sync-large", "");
    let view = &gate.status()["directories"][0]["view"];
    assert!(view["users"].as_u64().unwrap() > MANY as u64, "{view}");
    let mut client = service(&gate);
    let (users, answer) = client.search(BASE, WholeSubtree, "(sAMAccountName=u*)", &["memberOf"]);
    assert_eq!((users.len(), answer.code()), (MANY, 0));
    assert!(users.iter().all(|user| user.values("memberOf").len() == 1));
    let (groups, _) = client.search(BASE, WholeSubtree, "(cn=big)", &["member"]);
    let names: Vec<&str> =
        groups[0].attributes.iter().map(|attribute| attribute.description.as_str()).collect();
    assert_eq!(names, ["member"], "whole, without a range");
    assert_eq!(groups[0].values("member").len(), MANY);
    // The first, the last of the first slice, the first of the second, and the last.
    for number in [0, 1499, 1500, MANY - 1] {
        assert_eq!(bind(&gate, &format!("CORP\\u{number:04}"), "Pass-1"), 0, "{number}");
    }
    // One of the second slice leaves.
    company.directory.with(|directory| {
        let group = "CN=big,OU=Groups,DC=corp,DC=example";
        let member = "CN=U 1600,OU=Sales,OU=People,DC=corp,DC=example";
        directory.remove_member(group, member).unwrap();
    });
    let (well, printed) = gate.sync();
    assert!(well, "{printed}");
    assert_eq!(table(&printed), ["groups changed 1", "memberships removed 1"]);
    assert_eq!(bind(&gate, "CORP\\u1600", "Pass-1"), 49);
}

/// The lines below the first, with one space between word and number.
fn table(printed: &str) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    printed.lines().skip(1).map(words).collect()
}

const ALICE_DN: &str = "CN=Alice Example,OU=Sales,OU=People,DC=corp,DC=example";
const USERS: &str = "CN=crm-users,OU=Groups,DC=corp,DC=example";

/// `ldapgate sync` prints what has changed, and nothing else.
#[test]
fn what_sync_prints() {
    let company = Company::new();
    let gate = company.gate("sync-prints", "");
    let synced = |change: &dyn Fn(&mut ldapgate::demo::Directory)| {
        company.directory.with(change);
        let (well, printed) = gate.sync();
        assert!(well && printed.starts_with("corp: synced from dc"), "{printed}");
        table(&printed)
    };
    assert_eq!(synced(&|_| ()), ["nothing changed"]);
    assert_eq!(synced(&|d| d.disable(ALICE_DN).unwrap()), ["users deactivated 1"]);
    assert_eq!(synced(&|d| d.enable(ALICE_DN).unwrap()), ["users reactivated 1"]);
    assert_eq!(
        synced(&|d| d.set(ALICE_DN, "mail", &["a@corp.example"]).unwrap()),
        ["users changed 1"]
    );
    assert_eq!(
        synced(&|d| d.remove_member(USERS, ALICE_DN).unwrap()),
        ["groups changed 1", "memberships removed 1"]
    );
    assert_eq!(
        synced(&|d| d.add_member(USERS, ALICE_DN).unwrap()),
        ["groups changed 1", "memberships added 1"]
    );
    let new = "CN=Nora Example,OU=Sales,OU=People,DC=corp,DC=example";
    let attributes = [("objectClass", "user"), ("sAMAccountName", "nora")];
    assert_eq!(synced(&|d| d.add(new, &attributes).unwrap()), ["users created 1"]);
    assert_eq!(synced(&|d| d.remove(new).unwrap()), ["users removed 1"]);
    let group = "CN=team,OU=Groups,DC=corp,DC=example";
    let attributes = [("objectClass", "group"), ("sAMAccountName", "team")];
    assert_eq!(synced(&|d| d.add(group, &attributes).unwrap()), ["groups created 1"]);
    assert_eq!(synced(&|d| d.remove(group).unwrap()), ["groups removed 1"]);
}

/// Every way of losing and getting back the right to log in, seen at the next pass, and by open sessions.
#[test]
fn every_change_is_followed() {
    let company = Company::new();
    let mut gate = company.gate("sync-follows", "");
    let moved = "CN=Alice Example,OU=Outside,DC=corp,DC=example";
    let renamed = "CN=Alicia\\, Example,OU=Sales,OU=People,DC=corp,DC=example";
    let nested = "CN=crm-nested,OU=Groups,DC=corp,DC=example";
    let denied = "CN=crm-denied,OU=Groups,DC=corp,DC=example";
    let asia = "CN=crm-asia,OU=Groups,DC=corp,DC=example";
    let zhang = ("CORP\\zhang", "张伟-Pass-1");
    let people = "OU=Sales,OU=People,DC=corp,DC=example";
    let elsewhere = "OU=Trade,OU=Outside,DC=corp,DC=example";
    type Change<'a> = &'a dyn Fn(&mut ldapgate::demo::Directory);
    let steps: [(&str, Change<'_>, Change<'_>, (&str, &str)); 7] = [
        (
            "account_disabled",
            &|d| d.disable(ALICE_DN).unwrap(),
            &|d| d.enable(ALICE_DN).unwrap(),
            ALICE,
        ),
        (
            "out_of_scope",
            &|d| d.rename(ALICE_DN, moved).unwrap(),
            &|d| d.rename(moved, ALICE_DN).unwrap(),
            ALICE,
        ),
        (
            "out_of_scope",
            &|d| d.rename(people, elsewhere).unwrap(),
            &|d| d.rename(elsewhere, people).unwrap(),
            zhang,
        ),
        (
            "not_in_required_group",
            &|d| d.remove_member(USERS, ALICE_DN).unwrap(),
            &|d| d.add_member(USERS, ALICE_DN).unwrap(),
            ALICE,
        ),
        (
            "not_in_required_group",
            &|d| d.remove_member(nested, asia).unwrap(),
            &|d| d.add_member(nested, asia).unwrap(),
            zhang,
        ),
        (
            "in_denied_group",
            &|d| d.add_member(denied, ALICE_DN).unwrap(),
            &|d| d.remove_member(denied, ALICE_DN).unwrap(),
            ALICE,
        ),
        (
            "account_expired",
            &|d| d.set(ALICE_DN, "accountExpires", &["132223104000000000"]).unwrap(),
            &|d| d.set(ALICE_DN, "accountExpires", &["0"]).unwrap(),
            ALICE,
        ),
    ];
    let mut known = 0;
    for (why, take, give, (name, password)) in steps {
        let mut open = Client::connect(gate.address("plain"));
        assert_eq!(open.bind(name, password).code(), 0, "before {why}");
        company.directory.with(take);
        assert!(gate.sync().0);
        assert_eq!(open.disconnection().code(), 52, "{why}: an open session");
        let account = name.rsplit('\\').next().unwrap();
        let asked = company.binds_of(account);
        known += 1;
        assert_eq!(reason(&gate, &mut known, name, password), (49, why.to_owned()));
        assert_eq!(company.binds_of(account), asked, "{why}: no controller is asked");
        company.directory.with(give);
        assert!(gate.sync().0);
        assert_eq!(reason(&gate, &mut known, name, password).0, 0, "after {why}");
    }
    // A new name: the old one is unknown, the new one and the account name work.
    let mut open = Client::connect(gate.address("plain"));
    assert_eq!(open.bind(ALICE_DN, ALICE.1).code(), 0);
    known += 1;
    company.directory.with(|d| d.rename(ALICE_DN, renamed)).unwrap();
    assert!(gate.sync().0);
    let unknown = (49, "unknown_name".to_owned());
    assert_eq!(reason(&gate, &mut known, ALICE_DN, ALICE.1), unknown);
    assert_eq!(bind(&gate, renamed, ALICE.1), 0);
    assert_eq!(bind(&gate, ALICE.0, ALICE.1), 0);
    known += 2;
    assert_eq!(open.extended("1.3.6.1.4.1.4203.1.11.3", None).code(), 0, "the same account");
    // Gone, for its name and for its open session.
    company.directory.with(|d| d.remove(renamed)).unwrap();
    assert!(gate.sync().0);
    assert_eq!(open.disconnection().code(), 52);
    assert_eq!(reason(&gate, &mut known, ALICE.0, ALICE.1), unknown);
    gate.wait_for("the passes that refusals ask for", |gate| {
        gate.events(DONE).iter().any(|event| event["trigger"] == "refusal")
    });
}

/// Both kinds of directory behind one gate.
struct Two {
    corp: Company,
    org: Company,
    gate: Gate,
}

const BOTH: &str = r#"
[[application]]
name = "both"
bases = ["OU=People,DC=corp,DC=example", { directory = "org", dn = "ou=people,dc=example,dc=org" }]
service_accounts = ['CORP\svc-crm', 'cn=svc-crm,dc=example,dc=org']
local_accounts = [{ name = "crm", secret = "sha256:@" }]
"#;
const ALICE_ORG: &str = "uid=alice,ou=people,dc=example,dc=org";

impl Two {
    fn new(name: &str, with_org: bool) -> Self {
        let (corp, org) = (Company::new(), Company::openldap());
        let folder = corp.folder(name);
        org.write_files(&folder);
        if !with_org {
            org.kill();
        }
        let digest = crate::world::corp::sha256(LOCAL_SECRET);
        let (one, two) = (corp.directory_section(), org.directory_section());
        let text = format!("{one}{two}{}{PLAIN_LISTENER}", BOTH.replace('@', &digest));
        let gate = Gate::start_in(folder, &text).synced(if with_org { 2 } else { 1 });
        Self { corp, org, gate }
    }
}

/// Two directories on one gate sync on their own, and one that fails does not touch the other.
#[test]
fn two_directories() {
    let Two { corp, org, mut gate } = Two::new("sync-two", true);
    assert_eq!(bind(&gate, ALICE.0, ALICE.1), 0);
    assert_eq!(bind(&gate, ALICE_ORG, ALICE.1), 0);
    let ambiguous = (49, "ambiguous_name".to_owned());
    assert_eq!(reason(&gate, &mut 2, "alice", ALICE.1), ambiguous);
    let count = |gate: &Gate, base: &str| {
        let mut client = Client::connect(gate.address("plain"));
        assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
        let (entries, answer) = client.search(base, WholeSubtree, "(givenName=Alice)", &["cn"]);
        (entries.len(), answer.code())
    };
    assert_eq!((count(&gate, BASE), count(&gate, "dc=example,dc=org")), ((1, 0), (1, 0)));

    let before = (generation(&gate, 0), generation(&gate, 1));
    org.kill();
    corp.change("alice", |directory, dn| directory.set(dn, "title", &["Dr"]));
    let (well, printed) = gate.sync();
    assert!(!well, "{printed}");
    assert!(printed.contains("corp: synced from dc"), "{printed}");
    assert!(printed.contains("org: failed after"), "{printed}");
    assert_eq!(generation(&gate, 0).as_u64(), Some(before.0.as_u64().unwrap() + 1));
    assert_eq!(generation(&gate, 1), before.1);
    assert!(failures_on_demand(&gate).iter().all(|event| event["directory"] == "org"));
    let output = gate.command(&["sync", "--directory", "corp"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    assert_eq!(bind(&gate, ALICE.0, ALICE.1), 0);
    assert_eq!(bind(&gate, ALICE_ORG, ALICE.1), 52, "nobody can be asked");
    assert_eq!(count(&gate, "dc=example,dc=org"), (1, 0), "the copy is still there");
    org.revive();
    gate.wait_for("its users again", |gate| bind(gate, ALICE_ORG, ALICE.1) == 0);
}

/// DESIGN promise 5: what lies in a directory that was never read is "unavailable", not "does not exist".
#[test]
fn a_directory_that_was_never_read() {
    let Two { corp: _corp, org, mut gate } = Two::new("sync-never", false);
    assert_eq!(bind(&gate, ALICE.0, ALICE.1), 0);
    assert_eq!(bind(&gate, ALICE_ORG, ALICE.1), 52);
    assert_eq!(bind(&gate, "crm", LOCAL_SECRET), 52, "it would see half of what it is to see");
    let mut client = Client::connect(gate.address("plain"));
    assert_eq!(client.bind(SERVICE.0, SERVICE.1).code(), 0);
    let (entries, answer) = client.search(BASE, WholeSubtree, "(givenName=Alice)", &["cn"]);
    assert_eq!((entries.len(), answer.code()), (1, 0), "this one has been read");
    for base in ["dc=example,dc=org", ALICE_ORG, "OU=Nowhere,DC=elsewhere"] {
        assert_eq!(client.search(base, BaseObject, "(objectClass=*)", &[]).1.code(), 52, "{base}");
    }
    let compare = ldapgate_compare(ALICE_ORG);
    let id = client.send_operation(0x6e, &compare, &[]);
    assert_eq!(client.answer(id).code(), 52);
    org.revive();
    gate.wait_for("the second directory", |gate| bind(gate, ALICE_ORG, ALICE.1) == 0);
    let found = client.search(ALICE_ORG, BaseObject, "(objectClass=*)", &["cn"]);
    assert_eq!((found.0.len(), found.1.code()), (1, 0));
    assert_eq!(client.search("OU=Nowhere,DC=elsewhere", BaseObject, "(cn=*)", &[]).1.code(), 32);
}

fn ldapgate_compare(entry: &str) -> Vec<u8> {
    let mut writer = ldapgate::ldap::ber::Writer::new();
    writer.octet_string(entry.as_bytes());
    writer.constructed(0x30, |w| {
        w.octet_string(b"cn");
        w.octet_string(b"Alice Example");
    });
    writer.into_octets()
}

fn cookie(answer: &Answer) -> Vec<u8> {
    let controls = Control::read_all(&answer.controls).unwrap();
    let control = controls.iter().find(|control| control.oid == oid::PAGED_RESULTS).unwrap();
    PagedResults::read(control).unwrap().cookie
}

/// RFC 2696 over a directory that moves: the pages are those of the view that the search began on, without
/// gaps and repetitions; the next search sees the new one.
#[test]
fn a_cursor_survives_new_views() {
    let company = Company::new();
    let gate = company.gate("sync-cursor", "");
    let mut client = service(&gate);
    let wanted = search(BASE, WholeSubtree, "(objectClass=*)", &["cn", "mail"]);
    let (whole, _) = client.search_with(&wanted, &[]);
    let mut pages = Vec::new();
    let mut next = Vec::new();
    let changes: [&dyn Fn(&mut ldapgate::demo::Directory); 4] = [
        &|d| d.set(ALICE_DN, "mail", &["new@corp.example"]).unwrap(),
        &|d| {
            let dn = d.dn_of("frank").unwrap();
            d.remove(&dn).unwrap();
        },
        &|d| d.rename("OU=Groups,DC=corp,DC=example", "OU=Teams,DC=corp,DC=example").unwrap(),
        &|d| {
            let attributes = [("objectClass", "group"), ("sAMAccountName", "aaa")];
            d.add("CN=aaa,OU=Teams,DC=corp,DC=example", &attributes).unwrap();
        },
    ];
    let mut changes = changes.into_iter();
    loop {
        let control = PagedResults { size: 4, cookie: next }.to_control(true);
        let (page, answer) = client.search_with(&wanted, &[control]);
        assert_eq!(answer.code(), 0, "{}", answer.text());
        pages.extend(page);
        next = cookie(&answer);
        if next.is_empty() {
            break;
        }
        if let Some(change) = changes.next() {
            company.directory.with(change);
            assert!(gate.sync().0);
        }
    }
    assert!(changes.next().is_none(), "every change fell between two pages");
    assert_eq!(pages, whole);
    let (now, _) = client.search_with(&wanted, &[]);
    let mail =
        |entry: &&ldapgate::ldap::entry::Entry| entry.text("mail") == Some("new@corp.example");
    assert_eq!(now.iter().filter(mail).count(), 1);
    assert!(!now.iter().any(|entry| entry.dn.contains("Frank")));
    assert!(now.iter().any(|entry| entry.dn.starts_with("CN=aaa,OU=Teams")));
}

/// A refusal that rests on the view asks for one pass, however many clients are refused.
#[test]
fn refusals_are_coalesced() {
    let company = Company::new();
    let mut gate = company.gate("sync-coalesced", "");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1500) {
        assert_eq!(bind(&gate, "CORP\\bob", "Bob-Pass-1"), 49);
    }
    let refused = gate.binds().len();
    let passes = |gate: &Gate| {
        gate.events(DONE).iter().filter(|event| event["trigger"] == "refusal").count()
    };
    gate.wait_for("a pass", |gate| passes(gate) > 0);
    assert!(refused > 10 && passes(&gate) <= 2, "{refused} refusals, {} passes", passes(&gate));
}
