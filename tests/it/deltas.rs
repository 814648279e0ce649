//! Applications that ask what has changed since (Jira and Crowd, sssd, Bitrix24, Creatio) lose nothing, also where
//! the copy is read from another controller each time: change numbers and times are ldapgate's own.

use std::collections::{BTreeMap, BTreeSet};

use ldapgate::ldap::control::{Control, oid};
use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::request::SearchScope::{BaseObject, WholeSubtree};

use crate::world::client::{Client, search};
use crate::world::corp;
use crate::world::gate::Gate;
use crate::world::lab::{Ad, PASSWORD};

const PEOPLE: &str = "OU=People,DC=corp,DC=test";
const GROUPS: &str = "OU=Groups,DC=corp,DC=test";

/// One application that keeps a user directory in step, as Crowd does.
struct Application {
    /// The listener of the application of ldapgate that it is.
    listener: &'static str,
    /// `highestCommittedUSN` when it last asked.
    highest: u64,
    /// The latest time of change that it has seen, with that of modification.
    latest: [String; 2],
    /// What it knows of each user: number and time of change.
    known: BTreeMap<String, (u64, String)>,
}

/// What a delta brings, by account name.
#[derive(Debug, PartialEq, Eq)]
struct Delta {
    changed: BTreeSet<String>,
    removed: BTreeSet<String>,
}

fn delta(changed: &[&str], removed: &[&str]) -> Delta {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Delta { changed: set(changed), removed: set(removed) }
}

fn text(entry: &Entry, name: &str) -> String {
    String::from_utf8(entry.first(name).unwrap_or_else(|| panic!("no {name}")).to_vec()).unwrap()
}

fn connect(gate: &Gate, listener: &str) -> Client {
    let mut client = Client::connect(gate.address(listener));
    // A local account costs no controller anything; the other application has none.
    let (name, password) = match listener {
        "plain" => ("crm", corp::LOCAL_SECRET),
        _ => ("CORP\\svc-crm", PASSWORD),
    };
    assert_eq!(client.bind(name, password).code(), 0);
    client
}

/// The root DSE without a list of attributes.
fn root(gate: &Gate, listener: &str) -> Entry {
    let (mut root, answer) = connect(gate, listener).search("", BaseObject, "(objectClass=*)", &[]);
    assert_eq!((answer.code(), root.len()), (0, 1));
    root.remove(0)
}

/// invocationId, the way that Crowd finds it.
fn invocation(gate: &Gate) -> Vec<u8> {
    let name = text(&root(gate, "plain"), "dsServiceName");
    let mut client = connect(gate, "plain");
    let (found, answer) = client.search(&name, BaseObject, "(objectClass=*)", &["invocationId"]);
    assert_eq!((answer.code(), found.len()), (0, 1), "{name}");
    let octets = found[0].first("invocationId").unwrap().to_vec();
    assert_eq!(octets.len(), 16);
    octets
}

impl Application {
    /// Reads everything.
    fn new(gate: &Gate, listener: &'static str) -> Self {
        let latest = [String::new(), String::new()];
        let mut new = Self { listener, highest: 0, latest, known: BTreeMap::new() };
        let all = new.read(gate, "");
        new.note(gate, &all);
        new
    }

    fn read(&self, gate: &Gate, condition: &str) -> Vec<Entry> {
        let filter = format!("(&(objectCategory=person)(objectClass=user){condition})");
        let wanted = ["sAMAccountName", "uSNChanged", "whenChanged", "modifyTimestamp"];
        let mut client = connect(gate, self.listener);
        let (found, answer) = client.search(PEOPLE, WholeSubtree, &filter, &wanted);
        assert_eq!(answer.code(), 0, "{filter}");
        found
    }

    /// Keeps what was told. Nothing has ever run backwards.
    fn note(&mut self, gate: &Gate, entries: &[Entry]) {
        for entry in entries {
            let number = text(entry, "uSNChanged").parse().unwrap();
            let times = [text(entry, "whenChanged"), text(entry, "modifyTimestamp")];
            let now = (number, times[0].clone());
            let before = self.known.insert(text(entry, "sAMAccountName"), now.clone());
            assert!(before.is_none_or(|before| before <= now), "{} runs backwards", entry.dn);
            for (latest, time) in self.latest.iter_mut().zip(times) {
                *latest = latest.clone().max(time);
            }
        }
        let highest = text(&root(gate, self.listener), "highestCommittedUSN").parse().unwrap();
        assert!(highest >= self.highest);
        self.highest = highest;
    }

    /// What has changed since the last time, by number and by both times.
    fn ask(&mut self, gate: &Gate) -> Delta {
        let names = |entries: &[Entry]| -> BTreeSet<String> {
            entries.iter().map(|entry| text(entry, "sAMAccountName")).collect()
        };
        let by_number = self.read(gate, &format!("(uSNChanged>={})", self.highest + 1));
        let [changed, modified] = &self.latest;
        for condition in
            [format!("(whenChanged>={changed})"), format!("(modifyTimestamp>={modified})")]
        {
            let by_time = names(&self.read(gate, &condition));
            let missing: Vec<_> = names(&by_number).difference(&by_time).cloned().collect();
            assert!(missing.is_empty(), "{condition} misses {missing:?}");
        }
        let removed = names(&self.tombstones(gate));
        self.note(gate, &by_number);
        Delta { changed: names(&by_number), removed }
    }

    /// Users that are gone since, as Crowd asks for them.
    fn tombstones(&self, gate: &Gate) -> Vec<Entry> {
        let context = text(&root(gate, self.listener), "rootDomainNamingContext");
        let base = format!("CN=Deleted Objects,{context}");
        let filter =
            format!("(&(isDeleted=TRUE)(objectClass=user)(uSNChanged>={}))", self.highest + 1);
        let request = search(&base, WholeSubtree, &filter, &[]);
        let mut client = connect(gate, self.listener);
        let control = Control { oid: oid::SHOW_DELETED.to_owned(), criticality: true, value: None };
        let (found, answer) = client.search_with(&request, &[control]);
        assert_eq!(answer.code(), 0);
        assert!(found.iter().all(|entry| text(entry, "isDeleted") == "TRUE"));
        let (_, without) = client.search_with(&request, &[]);
        assert_eq!(without.code(), 32, "hidden without the control");
        found
    }
}

/// The change that `ldif` makes at the first controller. It reaches the second before the pass, which may
/// read either.
fn change_both(ad: &Ad, gate: &Gate, ldif: &str) {
    ad.modify_at(1, ldif);
    ad.control("sync", &[]);
    let (well, printed) = gate.sync();
    assert!(well, "{printed}");
}

/// The change that `ldif` makes at controller `at`, the only one, followed with a pass.
fn change(ad: &Ad, gate: &Gate, at: u32, ldif: &str) {
    ad.modify_at(at, ldif);
    let (well, printed) = gate.sync();
    assert!(well, "{printed}");
}

fn member(group: &str, verb: &str, member: &str) -> String {
    format!("dn: CN={group},{GROUPS}\nchangetype: modify\n{verb}: member\nmember: {member}\n")
}

fn renamed(from: &str, rdn: &str, superior: &str) -> String {
    format!(
        "dn: {from}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\nnewsuperior: {superior}\n"
    )
}

/// MS-ADTS §3.1.1.1.9, §3.1.1.3.2 and §3.1.1.5.5: what Crowd, sssd, Bitrix24 and Creatio rest on.
#[test]
#[ignore = "lab"]
fn deltas_lose_nothing_whichever_controller_is_read() {
    let ad = Ad::own("deltas", 70);
    let mut gate = corp::gate("deltas", &ad);
    // The listener `plain` requires crm-users or crm-extra; so does `frank`, crm-users alone.
    let mut crowd = Application::new(&gate, "plain");
    let mut other = Application::new(&gate, "frank");
    let identity = invocation(&gate);
    assert!(crowd.known.contains_key("alice") && !crowd.known.contains_key("luke"));
    let nothing = delta(&[], &[]);
    assert!(gate.sync().0);
    assert_eq!(crowd.ask(&gate), nothing, "nothing has happened");

    let alice = format!("CN=Alice Ångström,{PEOPLE}");
    let luke = format!("CN=luke,{PEOPLE}");
    let set = |dn: &str, name: &str, value: &str| {
        format!("dn: {dn}\nchangetype: modify\nreplace: {name}\n{name}: {value}\n")
    };
    change_both(&ad, &gate, &set(&alice, "title", "Boss"));
    assert_eq!(crowd.ask(&gate), delta(&["alice"], &[]), "an attribute");
    change_both(&ad, &gate, &member("crm-users", "add", &luke));
    assert_eq!(crowd.ask(&gate), delta(&["luke"], &[]), "comes into scope");
    assert!(other.ask(&gate).changed.contains("luke"));

    // dc1 is killed; dc2 counts its changes in numbers of its own.
    ad.control("sync", &[]);
    ad.control("kill", &["1"]);
    change(&ad, &gate, 2, &set(&alice, "userAccountControl", "514"));
    assert_eq!(crowd.ask(&gate), delta(&["alice"], &[]), "disabled, and nobody else");
    change(&ad, &gate, 2, &renamed(&luke, "CN=lucas", &format!("OU=Sales,{PEOPLE}")));
    assert_eq!(crowd.ask(&gate), delta(&["luke"], &[]), "moved and renamed");
    let lucas = format!("CN=lucas,OU=Sales,{PEOPLE}");
    change(&ad, &gate, 2, &member("crm-users", "delete", &lucas));
    assert_eq!(crowd.ask(&gate), nothing, "out of scope is like gone, and no tombstone");

    // Nested: staff comes to crm-extra with everybody in it, and leaves again.
    let staff = format!("CN=staff,{GROUPS}");
    change(&ad, &gate, 2, &member("crm-extra", "add", &staff));
    let nested = crowd.ask(&gate).changed;
    assert!(["alice", "bob", "judy"].iter().all(|name| nested.contains(*name)), "{nested:?}");
    assert!(!nested.contains("luke") && !nested.contains("neverexp"), "{nested:?}");
    change(&ad, &gate, 2, &member("crm-extra", "delete", &staff));
    assert!(crowd.ask(&gate).changed.is_subset(&nested));

    // A unit gets another name: everybody in it has another name.
    let sales = format!("OU=Sales,{PEOPLE}");
    change(&ad, &gate, 2, &renamed(&sales, "OU=Vertrieb", PEOPLE));
    let moved = crowd.ask(&gate).changed;
    let below = format!("OU=Vertrieb,{PEOPLE}");
    let (there, _) =
        connect(&gate, "plain").search(&below, WholeSubtree, "(objectClass=user)", &[]);
    assert_eq!(moved, there.iter().map(|entry| text(entry, "sAMAccountName")).collect());
    assert!(!moved.is_empty());

    // Deleted: those are told of that were shown.
    assert!(crowd.known.contains_key("p00") && !crowd.known.contains_key("neverexp"));
    change(&ad, &gate, 2, &format!("dn: CN=p00,{PEOPLE}\nchangetype: delete\n"));
    assert_eq!(crowd.ask(&gate), delta(&[], &["p00"]));
    change(&ad, &gate, 2, &format!("dn: CN=neverexp,{PEOPLE}\nchangetype: delete\n"));
    assert_eq!(crowd.ask(&gate), nothing, "never shown");
    change(
        &ad,
        &gate,
        2,
        &format!("dn: {lucas}\nchangetype: delete\n").replace("Sales", "Vertrieb"),
    );
    assert_eq!(crowd.ask(&gate), delta(&[], &["luke"]), "shown once");

    // Back to dc1, which has other numbers for the same entries.
    ad.control("startdc", &["1"]);
    ad.control("sync", &[]);
    ad.control("kill", &["2"]);
    change(&ad, &gate, 1, &set(&alice, "title", "Chief"));
    assert_eq!(crowd.ask(&gate), delta(&["alice"], &[]), "and nobody else");

    assert_eq!(invocation(&gate), identity, "one numbering all along");
    gate.terminate();
    let gate = corp::gate("deltas-again", &ad);
    assert_ne!(invocation(&gate), identity, "another one");
    let again = Application::new(&gate, "plain");
    assert!(again.known.iter().all(|(name, (number, time))| {
        crowd.known.get(name).is_none_or(|(before, at)| before < number && at <= time)
    }));
}
