//! Walks over the whole table in some world: every form of every name at both applications, and what the client is
//! told, what the audit and `explain` say, and whom the controllers themselves have seen.

use std::time::{Duration, Instant};

use ldapgate::directory::{View, ViewConfig};
use ldapgate::store::{Commit, Store};
use serde_json::{Value, json};

use super::table::{Application, Copy, Field, Form, Identity, ROWS, Row, forms};
use crate::world::client::Client;
use crate::world::gate::Gate;

/// Directories in which the accounts are in the states of the table.
pub(super) trait World {
    /// The DNS name of the domain; its NetBIOS name is CORP.
    fn domain(&self) -> &'static str;

    /// What its controllers say to a wrong password.
    fn wording(&self) -> &'static str;

    /// What the directory has of an account; of one that is not there, as if it were.
    fn identity(&self, account: &str) -> Identity;

    /// The right password.
    fn password(&self, account: &str) -> &'static str;

    /// What a controller says to a login, asked directly; nothing of that is told by [`World::asked`].
    fn said(&mut self, account: &str) -> (u32, String);

    /// The logins that controllers of any directory have seen since this was last asked, by their own account. Not
    /// the gate's own.
    fn asked(&mut self) -> Vec<Asked>;
}

/// A login that a controller has seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Its host name.
    pub(super) controller: String,
    /// The account by its sAMAccountName.
    pub(super) account: String,
}

/// The gate's configuration behind the directories: the two applications, and one that takes an old copy.
pub(super) fn applications(base: &str) -> String {
    let application = |name: &str, more: &str| {
        format!(
            "[[application]]\nname = \"{name}\"\nlisteners = [\"{name}\"]\nbases = [\"OU=People,{base}\"]\n\
             user_filter = \"(!(title=Contractor))\"\nrequired_groups = [\"crm-users\"]\n\
             denied_groups = [\"crm-denied\"]\nnegative_latency = \"0ms\"\n{more}\n\
             [[listener]]\nname = \"{name}\"\nurl = \"ldap://127.0.0.1:0\"\n"
        )
    };
    let frank = application("frank", "refusals = \"subcodes\"");
    format!("{}{frank}{}", application("crm", ""), application(LENIENT, ""))
}

const LENIENT: &str = "lenient";

/// The whole table, on a fresh copy and then on an old one. Returns how many logins it took.
pub(super) fn over_everything(world: &mut impl World, gate: Gate, directories: &[&str]) -> usize {
    let fresh = walk(world, &gate, Copy::Fresh);
    let gate = with_old_copies(gate, directories);
    let stale = walk(world, &gate, Copy::Stale);
    fresh + stale
}

fn walk(world: &mut impl World, gate: &Gate, copy: Copy) -> usize {
    let known = learn(world, gate);
    world.asked();
    let mut audited = Vec::new();
    let mut fields = 0;
    for row in ROWS {
        (row.prepare)(gate);
        for at in Application::BOTH {
            fields += log_in(world, gate, row, (at, copy), &mut audited);
        }
    }
    assert_eq!(world.asked(), [], "asked later");
    gate.bind_after(known + audited.len() - 1);
    let lines = gate.events("bind");
    assert_eq!(lines.len(), known + audited.len());
    for (line, expected) in lines.iter().skip(known).zip(&audited) {
        let keys = expected.as_object().unwrap();
        assert!(keys.iter().all(|(key, value)| line[key] == *value), "{line}: {expected}");
    }
    fields
}

/// Has the gate hear how the controllers word a wrong password, which it forgets at a restart; and shows that they
/// can be asked, whatever the copy is like. How many lines of the audit it takes.
fn learn(world: &mut impl World, gate: &Gate) -> usize {
    let (account, address) = (ROWS[0].account, gate.address(LENIENT));
    let name = format!("CORP\\{account}");
    let answer = Client::connect(address).bind(&name, "not this one");
    assert_eq!(answer.text(), world.wording());
    assert_eq!(gate.bind_after(0)["reason"], "rejected_by_controller");
    assert_eq!(Client::connect(address).bind(&name, world.password(account)).code(), 0);
    assert_eq!(gate.bind_after(1)["reason"], "accepted");
    2
}

/// Logs in by every form of the account's name; what the audit has to say of each goes into `audited`. How many
/// forms these were.
fn log_in(
    world: &mut impl World,
    gate: &Gate,
    row: &Row,
    (at, copy): (Application, Copy),
    audited: &mut Vec<Value>,
) -> usize {
    let identity = world.identity(row.account);
    let password = world.password(row.account);
    let names = forms(world.domain(), row.account, &identity);
    for (form, name) in &names {
        let what = format!("{} ({}) as {name:?} in {at:?}, {copy:?}", row.account, row.state);
        let field = row.field(*form, at, copy, world.wording());
        let answer = Client::connect(gate.address(at.name())).bind(name, password);
        assert_eq!((answer.code(), answer.text()), (field.code, field.text.clone()), "{what}");
        let asked = asked(world, field.asked);
        let accounts: Vec<&str> = asked.iter().map(|asked| &*asked.account).collect();
        let expected: &[&str] = if field.asked { &[row.account] } else { &[] };
        assert_eq!(accounts, expected, "{what}");
        audited.push(audit_line(at, &field, &asked));
        if field.asked && *form == Form::Dn && at == Application::Crm {
            assert_eq!(world.said(row.account), (field.code, field.text), "{what}");
        }
    }
    let refused = names.iter().find(|(form, _)| !row.field(*form, at, copy, "").asked);
    if let Some((form, name)) = refused {
        // Refused before anybody looks at the password.
        let field = row.field(*form, at, copy, world.wording());
        let answer = Client::connect(gate.address(at.name())).bind(name, "not this one");
        assert_eq!((answer.code(), answer.text()), (field.code, field.text.clone()), "{name:?}");
        audited.push(audit_line(at, &field, &[]));
    }
    let (form, name) = refused.unwrap_or(&names[0]);
    let field = row.field(*form, at, copy, world.wording());
    assert_eq!(explained(gate, name, at), (!field.asked).then(|| field.reason.to_owned()));
    names.len()
}

/// What the controllers have seen, which is waited for where they must have.
fn asked(world: &mut impl World, some: bool) -> Vec<Asked> {
    let begun = Instant::now();
    loop {
        let asked = world.asked();
        if !some || !asked.is_empty() || begun.elapsed() > Duration::from_secs(2) {
            return asked;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn audit_line(at: Application, field: &Field, asked: &[Asked]) -> Value {
    let controller = asked.first().map(|asked| asked.controller.clone());
    json!({
        "application": at.name(),
        "reason": field.reason,
        "code": field.code,
        "attempts": u32::from(field.asked),
        "controller": controller,
    })
}

/// The reason that `explain` gives; none: a controller would be asked.
fn explained(gate: &Gate, name: &str, at: Application) -> Option<String> {
    let explained = gate.command(&["explain", "bind", name, "--app", at.name(), "--json"]);
    let explained: Value = serde_json::from_slice(&explained.stdout).unwrap();
    explained["reason"].as_str().map(ToOwned::to_owned)
}

/// Starts the gate again with both applications strict, its copies an hour old, and passwords of its own that the
/// directories refuse: nothing can make the copies fresh, and logins could be judged as ever.
fn with_old_copies(gate: Gate, directories: &[&str]) -> Gate {
    let folder = gate.folder.path().to_owned();
    gate.again_with("-TERM", |text| {
        directories.iter().for_each(|name| age(&folder.join("store.redb"), name));
        for file in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            if file.path().extension().is_some_and(|extension| extension == "password") {
                std::fs::write(file.path(), "no longer this one").unwrap();
            }
        }
        let strict = "negative_latency = \"0ms\"\nfreshness = \"strict\"";
        text.replacen("negative_latency = \"0ms\"", strict, Application::BOTH.len())
    })
}

/// Makes the copy in the store an hour older.
fn age(path: &std::path::Path, directory: &str) {
    const HOUR: Duration = Duration::from_secs(3600);
    let store = Store::open(path).unwrap().store.directory(directory);
    let mut records = Vec::new();
    let mut each = |slot, octets: &[u8]| records.push((slot, octets.to_vec()));
    let values = store.load(&mut each).unwrap().unwrap();
    let (head, subschema) = (values.get("head").unwrap(), values.get("subschema"));
    let config = std::sync::Arc::new(ViewConfig::default());
    let view = View::restore(config, head, subschema, records).unwrap();
    view.confirm(view.confirmed_at() - HOUR);
    let values = vec![("head".to_owned(), Some(view.head()))];
    store.commit(&Commit { values, ..Commit::default() }).unwrap();
}
