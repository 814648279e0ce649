//! What outlives the program: the copy, its numbers, the guard and the jobs, whatever ends the program and whatever
//! happens to the file; and what an old copy is good for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ldapgate::demo::Directory;
use ldapgate::ldap::control::{Control, oid};
use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::request::SearchScope::{BaseObject, WholeSubtree};
use redb::{Database, TableDefinition};
use serde_json::Value;

use crate::world::client::{Client, search};
use crate::world::company::{ALICE, APPLICATION, Company, LOCAL_SECRET, PLAIN_LISTENER};
use crate::world::gate::{Gate, ON_DEMAND};

const BASE: &str = "DC=corp,DC=example";
const SET_ASIDE: &str = "the store could not be used and was set aside: everything is read anew";
const WARM: &str = "the copy of an earlier run is in use";
const DONE: &str = "sync pass done";

/// Changes are read when a test asks for it.
const FOLLOW: &str = "sync.cron = \"0 3 1 1 *\"\nsync.follow = true\nsync.notify = false\n\
                      sync.poll = \"1h\"\nsync.reconcile = \"12h\"";

fn configuration(company: &Company, sync: &str) -> String {
    let section = company.directory_section().replace(ON_DEMAND, sync);
    format!("{section}{APPLICATION}{PLAIN_LISTENER}")
}

fn start(company: &Company, name: &str) -> Gate {
    Gate::start_in(company.folder(name), &configuration(company, FOLLOW)).synced(1)
}

fn bind(gate: &Gate, (name, password): (&str, &str)) -> u32 {
    Client::connect(gate.address("plain")).bind(name, password).code()
}

fn service(gate: &Gate) -> Client {
    let mut client = Client::connect(gate.address("plain"));
    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    client
}

/// Everything that the application is shown, to the last octet.
fn everything(gate: &Gate) -> Vec<Entry> {
    let (mut found, answer) =
        service(gate).search(BASE, WholeSubtree, "(objectClass=*)", &["*", "+"]);
    assert_eq!(answer.code(), 0, "{}", answer.text());
    found.sort_by(|one, other| one.dn.cmp(&other.dn));
    found
}

/// What a view says whichever way it came about: without its own numbers and times.
fn said(gate: &Gate) -> BTreeMap<String, BTreeMap<String, Vec<Vec<u8>>>> {
    const STAMPS: [&str; 5] =
        ["usnchanged", "usncreated", "whenchanged", "modifytimestamp", "invocationid"];
    let attributes = |entry: Entry| {
        let each = entry.attributes.into_iter().map(|mut one| {
            one.values.sort();
            (one.description, one.values)
        });
        each.filter(|(name, _)| !STAMPS.contains(&name.to_lowercase().as_str())).collect()
    };
    everything(gate).into_iter().map(|entry| (entry.dn.clone(), attributes(entry))).collect()
}

/// What was deleted and the application is told of, as it asks for it, with the numbers.
fn tombstones(gate: &Gate) -> Vec<Entry> {
    let base = format!("CN=Deleted Objects,{BASE}");
    let control = Control { oid: oid::SHOW_DELETED.to_owned(), criticality: true, value: None };
    let request = search(&base, WholeSubtree, "(isDeleted=TRUE)", &[]);
    let (found, answer) = service(gate).search_with(&request, &[control]);
    assert_eq!(answer.code(), 0);
    found.into_iter().filter(|entry| entry.dn.contains("ADEL:")).collect()
}

/// The identity of the numbering, and the highest number.
fn numbering(gate: &Gate) -> (Vec<u8>, u64) {
    let mut client = service(gate);
    let (root, _) = client.search("", BaseObject, "(objectClass=*)", &["+", "*"]);
    let highest = root[0].text("highestCommittedUSN").unwrap().parse().unwrap();
    let service = root[0].text("dsServiceName").unwrap();
    let (found, _) = client.search(service, BaseObject, "(objectClass=*)", &["invocationId"]);
    (found[0].first("invocationId").unwrap().to_vec(), highest)
}

fn jobs(gate: &Gate) -> Vec<Value> {
    let output = gate.command(&["sync", "jobs", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document["jobs"].as_array().unwrap().clone()
}

/// Issue 4, part 5: with every controller down the gate serves what it had, number for number; with one back it goes on
/// from where it was.
#[test]
fn a_warm_start() {
    let company = Company::new();
    let gate = start(&company, "store-warm");
    company.directory.with(|directory| {
        let group = "CN=gone,OU=Groups,DC=corp,DC=example";
        directory.add(group, &[("objectClass", "group"), ("sAMAccountName", "gone")]).unwrap();
    });
    assert!(gate.sync().0);
    company.directory.with(|directory| {
        directory.remove("CN=gone,OU=Groups,DC=corp,DC=example").unwrap();
        let alice = directory.dn_of("alice").unwrap();
        directory.set(&alice, "title", &["head of everything"]).unwrap();
    });
    assert!(gate.sync().0);
    let (before, deleted, known) = (everything(&gate), tombstones(&gate), jobs(&gate));
    let (invocation, highest) = numbering(&gate);
    assert_eq!((deleted.len(), known.len()), (1, 3));
    for signal in ["-TERM", "-KILL"] {
        company.kill();
        let mut warm = gate_again(&company, &gate, signal);
        warm.wait_for("the stored view", |gate| !gate.events(WARM).is_empty());
        assert_eq!(everything(&warm), before, "numbers and times included");
        assert_eq!(tombstones(&warm), deleted);
        let (again, now) = numbering(&warm);
        assert!(again == invocation && now >= highest, "{highest}, then {now}");
        assert_eq!(bind(&warm, ALICE), 52, "nobody can be asked");
        let view = &warm.status()["directories"][0]["view"];
        assert!(view["age_seconds"].as_u64().is_some() && view["users"].as_u64() > Some(10));
        let later = jobs(&warm);
        assert_eq!(later[later.len() - known.len()..], known, "the history");
        // Refused on the strength of what was stored, without a controller.
        assert_eq!(bind(&warm, ("CORP\\bob", "Bob-Pass-1")), 49);

        company.directory.with(|directory| {
            let bob = directory.dn_of("bob").unwrap();
            directory.enable(&bob).unwrap();
        });
        company.revive();
        warm.wait_for("a pass over what has changed", |gate| {
            gate.events(DONE).iter().any(|event| event["kind"] == "changes")
        });
        assert!(warm.events(DONE).iter().all(|event| event["kind"] != "full"), "not everything");
        warm.wait_for("logins", |gate| bind(gate, ALICE) == 0);
        assert_eq!(bind(&warm, ("CORP\\bob", "Bob-Pass-1")), 0);
        company.directory.with(|directory| {
            let bob = directory.dn_of("bob").unwrap();
            directory.disable(&bob).unwrap();
        });
    }
}

/// The same gate after another end, on a copy of its folder as it is then.
fn gate_again(company: &Company, gate: &Gate, signal: &str) -> Gate {
    gate.signal("-STOP");
    let folder = company.folder(&format!("store-warm{signal}"));
    for name in ["store.redb", "ldapgate.toml"] {
        fs::copy(gate.folder.path().join(name), folder.path().join(name)).unwrap();
    }
    gate.signal("-CONT");
    let text = configuration(company, FOLLOW);
    let copied = Gate::start_in(folder, &text);
    copied.again(signal)
}

/// Issue 4: an application is told of the users whom it was shown, whether they were deleted while the gate ran or while
/// it did not, and whenever it asks; of nobody else, and of nobody once its scope is another one.
#[test]
fn whom_an_application_was_shown_it_is_told_of_after_a_restart() {
    let told = |gate: &Gate| -> Vec<String> {
        let account = |entry: &Entry| entry.text("sAMAccountName").unwrap().to_owned();
        let mut names: Vec<String> = tombstones(gate).iter().map(account).collect();
        names.sort();
        names
    };
    let company = Company::new();
    let gate = start(&company, "store-departed");
    company.directory.with(|directory| {
        let nested = "CN=crm-nested,OU=Groups,DC=corp,DC=example";
        for account in ["alice", "kate"] {
            directory.remove(&directory.dn_of(account).unwrap()).unwrap();
        }
        let dn = directory.dn_of("müller").unwrap();
        directory.remove_member(nested, &dn).unwrap();
    });
    assert!(gate.sync().0);
    let mut gate = gate.again_with("-KILL", |text| {
        company.change("zhang", |directory, dn| directory.remove(dn));
        company.change("müller", |directory, dn| directory.remove(dn));
        text
    });
    // The first pass over changes may come before or after the first question.
    let all = ["alice", "müller", "zhang"];
    gate.wait_for("the pass after the restart", |gate| told(gate).len() == all.len());
    assert_eq!(told(&gate), all);
    let mut gate = gate.again("-TERM");
    gate.wait_for("the stored view", |gate| !gate.events(WARM).is_empty());
    assert_eq!(told(&gate), all);
    let mut gate =
        gate.again_with("-TERM", |text| text.replace("denied_groups = [\"crm-denied\"]", ""));
    gate.wait_for("the stored view", |gate| !gate.events(WARM).is_empty());
    assert!(told(&gate).is_empty(), "another scope");
}

/// A dry run tells and changes nothing; a person is shown as the copy has it.
#[test]
fn a_dry_run_changes_nothing() {
    let company = Company::new();
    let gate = start(&company, "store-dry");
    let (before, view) = (everything(&gate), gate.status()["directories"][0]["view"].clone());
    let (alice, zhang) = (company.dn_of("alice"), company.dn_of("zhang"));
    company.directory.with(|directory| {
        directory.disable(&alice).unwrap();
        directory.remove_member("CN=crm-asia,OU=Groups,DC=corp,DC=example", &zhang).unwrap();
    });
    for words in [&["sync", "--dry-run"][..], &["sync", "--dry-run", "--full"]] {
        let output = gate.command(words);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("dry run"), "{text}");
        assert!(text.contains("deactivated:\n    CN=Alice Example"), "{text}");
        assert!(text.contains("leaving application crm:\n    CN=张伟"), "{text}");
        assert_eq!(everything(&gate), before);
        let after = gate.status()["directories"][0]["view"].clone();
        assert_eq!(after["generation"], view["generation"]);
        assert_eq!(bind(&gate, ("crm", LOCAL_SECRET)), 0);
    }
    let person = |more: &[&str]| {
        let words: Vec<&str> = ["sync", "--user", "alice"].iter().chain(more).copied().collect();
        String::from_utf8(gate.command(&words).stdout).unwrap()
    };
    let text = person(&["--dry-run"]);
    assert!(text.contains("alice@corp.example") && text.contains("enabled"), "{text}");
    let text = person(&[]);
    assert!(text.contains("users deactivated") && text.contains("DISABLED"), "{text}");
    let output = gate.command(&["sync", "--user", "nobody"]);
    assert!(!output.status.success());
}

/// Changes of the company while the program is killed again and again.
fn unrest(directory: &mut Directory, number: u32) {
    let alice = directory.dn_of("alice").unwrap();
    let name = format!("unrest{number}");
    let dn = format!("CN={name},OU=People,{BASE}");
    directory.set(&alice, "title", &[&name]).unwrap();
    directory.add(&dn, &[("objectClass", "user"), ("sAMAccountName", &name)]).unwrap();
    let users = format!("CN=crm-users,OU=Groups,{BASE}");
    directory.add_member(&users, &dn).unwrap();
    // Most of it stays, so that what is lost once is missing in the end.
    if number.is_multiple_of(3) && number >= 6 {
        let old = directory.dn_of(&format!("unrest{}", number - 6)).unwrap();
        directory.remove(&old).unwrap();
    }
    if number % 7 == 3 {
        let moved = format!("CN={name} moved,OU=Sales,OU=People,{BASE}");
        directory.rename(&dn, &moved).unwrap();
    }
}

/// Issue 4: SIGKILL at any moment of a pass. The store always opens, and the next pass ends in the right view.
#[test]
fn killed_at_any_moment() {
    const KILLS: u32 = 50;
    let company = Arc::new(Company::new());
    // So many changes of people would be held, and that is not what is looked at here.
    let lively = format!("{}\nguard.share = 100", FOLLOW.replace("1h", "500ms"));
    let folder = company.folder("store-killed");
    let mut gate = Gate::start_in(folder, &configuration(&company, &lively)).synced(1);
    let over = Arc::new(AtomicBool::new(false));
    let (changed, stop) = (company.clone(), over.clone());
    let changing = thread::spawn(move || {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            changed.directory.with(|directory| unrest(directory, number));
            number += 1;
            thread::sleep(Duration::from_millis(25));
        }
        number
    });
    let (mut warm, mut spread) = (0, 7_u64);
    for kill in 0..KILLS {
        spread = spread.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
        // Half of the time in the first pass, otherwise in one of the following ones.
        let most = if kill.is_multiple_of(2) { 60 } else { 900 };
        thread::sleep(Duration::from_millis((spread >> 33) % most));
        gate = gate.again("-KILL");
        assert!(gate.events(SET_ASIDE).is_empty(), "kill {kill}: {}", gate.log_text());
        assert!(!gate.log_text().contains("cannot be used"), "kill {kill}: {}", gate.log_text());
        warm += gate.events(WARM).len();
    }
    assert_eq!(warm, KILLS as usize, "each began with what was stored");
    over.store(true, Ordering::Relaxed);
    assert!(changing.join().unwrap() > 100);
    let (well, printed) = gate.sync();
    assert!(well, "{printed}");
    let fresh = start(&company, "store-killed-fresh");
    let (own, fresh) = (said(&gate), said(&fresh));
    assert!(own.keys().any(|dn| dn.contains("unrest")));
    for (dn, entry) in &fresh {
        assert_eq!(own.get(dn), Some(entry), "{dn}");
    }
    assert_eq!(own.len(), fresh.len());
}

/// What becomes of the store's file while the program does not run.
type Damage = fn(&Path);

const DAMAGE: [(&str, Damage); 5] = [
    ("truncated", |store| {
        let file = fs::OpenOptions::new().write(true).open(store).unwrap();
        file.set_len(fs::metadata(store).unwrap().len() / 2).unwrap();
    }),
    ("overwritten", |store| {
        let mut octets = fs::read(store).unwrap();
        let half = octets.len() / 2;
        octets[8192..].iter_mut().step_by(97).for_each(|octet| *octet ^= 0xff);
        assert!(half > 8192);
        fs::write(store, octets).unwrap();
    }),
    ("foreign", |store| fs::write(store, "This is a shopping list.\n".repeat(1000)).unwrap()),
    ("foreign-database", |store| {
        fs::remove_file(store).unwrap();
        let database = Database::create(store).unwrap();
        let write = database.begin_write().unwrap();
        let table = TableDefinition::<&str, u64>::new("shopping");
        write.open_table(table).unwrap().insert("milk", 2).unwrap();
        write.commit().unwrap();
    }),
    ("newer", |store| {
        let database = Database::create(store).unwrap();
        let write = database.begin_write().unwrap();
        let table = TableDefinition::<&str, u64>::new("ldapgate");
        write.open_table(table).unwrap().insert("format", 1_000_000).unwrap();
        write.commit().unwrap();
    }),
];

/// A file that cannot be used is set aside, the log says so, and everything is read anew.
#[test]
fn a_store_that_cannot_be_used() {
    let company = Company::new();
    let mut gate = start(&company, "store-damaged");
    let right = said(&gate);
    for (name, damage) in DAMAGE {
        gate.terminate();
        let folder = gate.take_folder();
        let (path, store) = (folder.path().to_owned(), folder.path().join("store.redb"));
        damage(&store);
        fs::set_permissions(&store, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        gate = Gate::start_in(folder, &configuration(&company, FOLLOW)).synced(1);
        let told = gate.events(SET_ASIDE);
        assert_eq!(told.len(), 1, "{name}: {}", gate.log_text());
        assert_eq!(told[0]["level"], "ERROR");
        let aside = PathBuf::from(told[0]["set_aside"].as_str().unwrap());
        assert!(path.join(&aside).exists(), "{name}: {}", aside.display());
        assert!(!told[0]["reason"].as_str().unwrap().is_empty());
        assert_eq!(said(&gate), right, "{name}");
        // The new file is a good one.
        gate = gate.again("-KILL");
        assert_eq!(gate.events(WARM).len(), 1, "{name}: {}", gate.log_text());
    }
}

/// Two processes on one store would each undo what the other one keeps.
#[test]
fn a_second_process() {
    let company = Company::new();
    let gate = start(&company, "store-second");
    let text = fs::read_to_string(gate.folder.path().join("ldapgate.toml")).unwrap();
    let file = gate.folder.write("second.toml", &text.replace("control.sock", "second.sock"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_ldapgate"));
    let output = command.arg("run").arg("--config").arg(file).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("store.redb") && error.contains("another process"), "{error}");
    assert!(gate.sync().0, "the first one is as it was");
    assert_eq!(bind(&gate, ALICE), 0);
}

/// A small file system of a test's own.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` if this process may not mount anything.
    fn new(path: PathBuf) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=12m,mode=0700", "tmpfs"]).arg(&path);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(path))
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("filling")).unwrap();
        while std::io::Write::write_all(&mut file, &[7; 4096]).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        // The folder around it could not be removed with the gate.
        let _ = self.0.parent().map(fs::remove_dir_all);
    }
}

/// A full disk loses nothing that was there, and nobody notices but the log.
#[test]
fn a_full_disk() {
    let company = Company::new();
    let folder = company.folder("store-full");
    let Some(disk) = SmallDisk::new(folder.path().join("small")) else {
        eprintln!("skipped: mounting a small file system takes root");
        return;
    };
    let text = format!("store = \"small/store.redb\"\n{}", configuration(&company, FOLLOW));
    let mut gate = Gate::start_in(folder, &text).synced(1);
    let stored = everything(&gate);
    disk.fill();
    let alice = company.dn_of("alice");
    let big = "x".repeat(400_000);
    company.directory.with(|directory| {
        directory.disable(&alice).unwrap();
        for account in ["kate", "judy", "frank", "erin", "dave"] {
            let dn = directory.dn_of(account).unwrap();
            directory.set(&dn, "description", &[&big]).unwrap();
        }
    });
    let (well, printed) = gate.sync();
    assert!(well, "{printed}");
    gate.wait_for("a word about it", |gate| {
        gate.log_text().contains("the store cannot be written: a restart will go on from")
    });
    let asked = company.binds_of("alice");
    assert_eq!(bind(&gate, ALICE), 49, "out is out");
    assert_eq!(company.binds_of("alice"), asked, "and no controller is asked");
    assert_eq!(bind(&gate, ("CORP\\zhang", "张伟-Pass-1")), 0, "logins go on");

    company.kill();
    let mut gate = gate.again("-KILL");
    assert!(gate.events(SET_ASIDE).is_empty(), "{}", gate.log_text());
    assert_eq!(everything(&gate), stored, "all that was there is there");
    fs::remove_file(disk.0.join("filling")).unwrap();
    company.revive();
    gate.wait_for("the change", |gate| bind(gate, ALICE) == 49);
    let changed = everything(&gate);
    company.kill();
    let gate = gate.again("-KILL");
    assert_eq!(everything(&gate), changed, "it was stored as soon as there was room");
    drop(gate);
    drop(disk);
}

/// A copy that nothing has confirmed for too long: applications that insist get nothing, the others everything
/// and the log a warning. It takes the shortest `max_age` there is: a minute.
#[test]
fn a_copy_that_is_too_old() {
    let company = Company::new();
    let sync = format!("{ON_DEMAND}\nsync.max_age = \"1m\"");
    let section = company.directory_section().replace(ON_DEMAND, &sync);
    let lenient = APPLICATION.replace("\"crm\"\nbases", "\"crm\"\nlisteners = [\"plain\"]\nbases");
    let strict = APPLICATION.replace(
        "\"crm\"\nbases",
        "\"strict\"\nfreshness = \"strict\"\nlisteners = [\"strict\"]\nbases",
    );
    let listener = PLAIN_LISTENER.replace("\"plain\"", "\"strict\"");
    let text = format!("{section}{lenient}{strict}{PLAIN_LISTENER}{listener}");
    let mut gate = Gate::start_in(company.folder("store-old"), &text).synced(1);
    let codes = |gate: &Gate, listener: &str| {
        let bound = Client::connect(gate.address(listener)).bind(ALICE.0, ALICE.1).code();
        let mut client = Client::connect(gate.address(listener));
        let service = client.bind("crm", LOCAL_SECRET).code();
        let answer = client.search(BASE, WholeSubtree, "(cn=Alice Example)", &["cn"]);
        (bound, service, answer.1.code(), answer.0.len())
    };
    let mut open = Client::connect(gate.address("strict"));
    assert_eq!(open.bind("crm", LOCAL_SECRET).code(), 0);
    assert_eq!(codes(&gate, "strict"), (0, 0, 0, 1));
    // Logins can be judged, but nothing can be read.
    company.quirks(|quirks| quirks.search_answer = Some((51, "busy".to_owned())));
    assert!(!gate.sync().0);
    let begun = Instant::now();
    while gate.status()["directories"][0]["sync"]["stale"] == false {
        assert!(begun.elapsed() < Duration::from_secs(75), "it does not get old");
        thread::sleep(Duration::from_millis(500));
    }
    assert!(begun.elapsed() > Duration::from_secs(50), "{:?}", begun.elapsed());
    let (bound, service, _, found) = codes(&gate, "strict");
    assert_eq!((bound, service, found), (52, 52, 0));
    let (found, answer) = open.search(BASE, WholeSubtree, "(cn=Alice Example)", &["cn"]);
    assert_eq!((found.len(), answer.code()), (0, 52), "a session that was open before");
    assert_eq!(codes(&gate, "plain"), (0, 0, 0, 1));
    let warning = "the copy is too old: applications whose freshness is strict are refused";
    // The loop looks at least every 30 s.
    let begun = Instant::now();
    while gate.events(warning).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(40), "no warning");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(gate.events(warning)[0]["level"], "WARN");

    company.quirks(|quirks| quirks.search_answer = None);
    assert!(gate.sync().0);
    assert_eq!(codes(&gate, "strict"), (0, 0, 0, 1));
    let (found, answer) = open.search(BASE, WholeSubtree, "(cn=Alice Example)", &["cn"]);
    assert_eq!((found.len(), answer.code()), (1, 0), "it goes on");
    gate.wait_for("the all-clear", |gate| !gate.events("the copy is fresh again").is_empty());
}
