//! Every kind of change at two Samba controllers, but undelete, which is broken in Samba.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{
    PATIENCE, Step, Walk, applications, cleared, deleted, found, login, membership, renamed,
    replaced, step,
};
use crate::world::gate::{Folder, Gate};
use crate::world::lab::{Ad, PASSWORD};
use crate::world::sections;

const BASE: &str = "DC=corp,DC=test";
const PEOPLE: &str = "OU=People,DC=corp,DC=test";
const GROUPS: &str = "OU=Groups,DC=corp,DC=test";
const CRM_USERS: &str = "CN=crm-users,OU=Groups,DC=corp,DC=test";

/// The program following both controllers as `account`; `sync` are further keys of the directory.
pub(super) fn gate(name: &str, ad: &Ad, account: &str, sync: &str) -> Gate {
    let folder = Folder::new(name);
    folder.write("service.password", PASSWORD);
    let configuration = format!(
        "{}{}",
        sections::active_directory(
            ad,
            "ldaps",
            &[1, 2],
            account,
            &format!("sync.cron = \"0 3 1 1 *\"\n{sync}")
        ),
        applications(
            r#"bases = ["OU=People,DC=corp,DC=test"]
required_groups = ["crm-users", "crm-extra"]"#
        )
    );
    Gate::start_in(folder, &configuration).synced(1)
}

fn added(dn: &str, class: &str, attributes: &str) -> String {
    format!("dn: {dn}\nchangetype: add\nobjectClass: {class}\n{attributes}\n")
}

fn user(dn: &str, name: &str) -> String {
    let quoted: Vec<u8> =
        format!("\"{PASSWORD}\"").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let password = STANDARD.encode(quoted);
    let attributes =
        format!("sAMAccountName: {name}\nuserAccountControl: 512\nunicodePwd:: {password}\n");
    added(dn, "user", &attributes)
}

fn group(name: &str) -> String {
    let attributes = format!("sAMAccountName: {name}\n");
    added(&format!("CN={name},{GROUPS}"), "group", &attributes)
}

/// A moment as accountExpires says it (MS-ADTS §2.2.9 FILETIME): 100 ns since 1601.
fn file_time(moment: SystemTime) -> u128 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(11_644_473_600);
    since.as_nanos() / 100
}

/// What one round is about: one of these for each controller that changes are made at.
struct Names {
    walker: String,
    mate: String,
    unit: String,
    inner: String,
    /// Group of the walker, and one that is put between.
    walkers: String,
    around: String,
    main: String,
}

impl Names {
    fn of(at: u32) -> Self {
        let unit = format!("OU=Walk{at},{PEOPLE}");
        Self {
            walker: format!("walker{at}"),
            mate: format!("mate{at}"),
            inner: format!("OU=Inner,{unit}"),
            unit,
            walkers: format!("CN=walkers{at},{GROUPS}"),
            around: format!("CN=around{at},{GROUPS}"),
            main: format!("CN=main{at},{GROUPS}"),
        }
    }

    fn at(&self, container: &str) -> String {
        format!("CN={},{container}", self.walker)
    }
}

fn creation(names: &Names, at: u32) -> Vec<Step> {
    let Names { walker, mate, unit, inner, walkers, .. } = names;
    let me = names.at(inner);
    let made = [
        added(unit, "organizationalUnit", ""),
        added(inner, "organizationalUnit", ""),
        user(&me, walker),
        user(&format!("CN={mate},{unit}"), mate),
        group(&format!("walkers{at}")),
        group(&format!("around{at}")),
        group(&format!("main{at}")),
        membership(walkers, "add", &format!("CN={mate},{unit}")),
    ];
    let enter = membership(CRM_USERS, "add", walkers) + &membership(walkers, "add", &me);
    vec![
        step("created", made.concat(), vec![login(walker, "not_in_required_group")]),
        step("member added", enter, vec![login(walker, "accepted"), login(mate, "accepted")]),
    ]
}

fn attributes(names: &Names, soon: u128) -> Vec<Step> {
    let walker = &names.walker;
    let me = names.at(&names.inner);
    let mine = |condition: &str| format!("(&(sAMAccountName={walker}){condition})");
    let set = |name: &str, value: &str| replaced(&me, name, value);
    let soon = soon.to_string();
    let expiring = vec![
        found(PEOPLE, mine(&format!("(accountExpires={soon})")), 1),
        login(walker, "account_expired"),
    ];
    vec![
        step("expiry that comes", set("accountExpires", &soon), expiring),
        step("expiry put off", set("accountExpires", "0"), vec![login(walker, "accepted")]),
        step("attribute", set("title", "Walker"), vec![found(PEOPLE, mine("(title=walker)"), 1)]),
        step("attribute cleared", cleared(&me, "title"), vec![found(PEOPLE, mine("(title=*)"), 0)]),
        step("disabled", set("userAccountControl", "514"), vec![login(walker, "account_disabled")]),
        step("enabled", set("userAccountControl", "512"), vec![login(walker, "accepted")]),
    ]
}

/// Renames and moves; all is as it was in the end.
fn places(names: &Names, at: u32) -> Vec<Step> {
    let Names { walker, unit, inner, .. } = names;
    let me = names.at(inner);
    let other = format!("CN=Wanderer,{inner}");
    let (left, outside) = (format!("OU=Left,{BASE}"), format!("OU=Outside,{BASE}"));
    let unit_rdn = format!("OU=Walk{at}");
    let (ran, gone) = (format!("OU=Ran{at},{PEOPLE}"), format!("OU=Ran{at},{outside}"));
    let inside = || vec![found(&me, "(objectClass=user)", 1), login(walker, "accepted")];
    let out = || login(walker, "out_of_scope");
    let ran_inside = vec![
        found(names.at(&format!("OU=Inner,{ran}")), "(objectClass=user)", 1),
        found(unit, "(objectClass=*)", 0),
        login(walker, "accepted"),
    ];
    let own = format!("CN={walker}");
    vec![
        step(
            "renamed",
            renamed(&me, "CN=Wanderer", inner),
            vec![found(&other, "(objectClass=user)", 1), login(walker, "accepted")],
        ),
        step("renamed back", renamed(&other, &own, inner), inside()),
        step("moved out of scope", renamed(&me, &own, &left), vec![out()]),
        step("moved into scope", renamed(&names.at(&left), &own, inner), inside()),
        step("unit renamed", renamed(unit, &format!("OU=Ran{at}"), PEOPLE), ran_inside),
        step("unit moved", renamed(&ran, &format!("OU=Ran{at}"), &outside), vec![out()]),
        step("unit moved back", renamed(&gone, &unit_rdn, PEOPLE), inside()),
    ]
}

fn members(names: &Names) -> Vec<Step> {
    let Names { walker, mate, unit, inner, walkers, around, .. } = names;
    let me = names.at(inner);
    let (before, after) = (format!("CN={mate},{unit}"), format!("CN=Companion,{unit}"));
    let of_walkers = |member: &str| format!("(&(cn=walkers*)(member={member}))");
    let between = membership(around, "add", &me)
        + &membership(walkers, "delete", &me)
        + &membership(walkers, "add", around);
    let direct = |count| found(walkers, of_walkers(&me), count);
    let round = |count| found(around, format!("(member={walkers})"), count);
    let accepted = || login(walker, "accepted");
    let refused = || login(walker, "not_in_required_group");
    vec![
        step(
            "member renamed",
            renamed(&before, "CN=Companion", unit),
            vec![found(GROUPS, of_walkers(&after), 1), found(GROUPS, of_walkers(&before), 0)],
        ),
        step(
            "member deleted",
            deleted(&after),
            vec![login(mate, "unknown_name"), found(GROUPS, of_walkers(&after), 0)],
        ),
        step("member removed", membership(walkers, "delete", &me), vec![refused()]),
        step("member added", membership(walkers, "add", &me), vec![accepted()]),
        step("nested", between, vec![direct(0), accepted()]),
        step("cycle", membership(around, "add", walkers), vec![round(1), accepted()]),
        step("cycle cut off", membership(CRM_USERS, "delete", walkers), vec![refused()]),
        step("cycle put back", membership(CRM_USERS, "add", around), vec![accepted()]),
        step("cycle opened", membership(around, "delete", walkers), vec![round(0), accepted()]),
    ]
}

/// `main_id` is the last part of the SID of the group that becomes the primary one.
fn groups(names: &Names, at: u32, main_id: u32) -> Vec<Step> {
    let Names { walker, inner, walkers, around, main, .. } = names;
    let me = names.at(inner);
    let outside = format!("OU=Outside,{BASE}");
    let moved = format!("CN=walkers{at},{outside}");
    let into_main = membership(main, "add", &me) + &membership(around, "delete", &me);
    let primary = |id: u32| replaced(&me, "primaryGroupID", &id.to_string());
    let in_main = |count| found(GROUPS, format!("(&(cn=main{at})(member={me}))"), count);
    let accepted = || login(walker, "accepted");
    let refused = || login(walker, "not_in_required_group");
    vec![
        step(
            "group moved",
            renamed(walkers, &format!("CN=walkers{at}"), &outside),
            vec![found(&moved, "(objectClass=group)", 1), accepted()],
        ),
        step("into another group", into_main, vec![in_main(1), refused()]),
        step("primary group", primary(main_id), vec![in_main(0), refused()]),
        step("by primary group", membership(CRM_USERS, "add", main), vec![accepted()]),
        step("by it no more", primary(513) + &membership(main, "delete", &me), vec![refused()]),
        step("back into a group", membership(around, "add", &me), vec![accepted()]),
        step("group deleted", deleted(around), vec![refused()]),
        step("deleted", deleted(&me), vec![login(walker, "unknown_name")]),
    ]
}

/// What stands above people is not compared, so this is for those who are told of deletions.
fn end(names: &Names) -> Vec<Step> {
    let Names { unit, inner, .. } = names;
    let gone = vec![found(unit, "(objectClass=*)", 0)];
    vec![step("unit deleted", deleted(inner) + &deleted(unit), gone)]
}

/// Every kind of change at each controller.
fn all_kinds(ad: &Ad, gate: &Gate, tells_of_deletions: bool) {
    let walk = Walk {
        gate,
        change: &|at, ldif| ad.modify_at(at, ldif),
        settle: &|| ad.control("sync", &[]),
        patience: if tells_of_deletions { PATIENCE } else { PATIENCE * 2 },
        prefix: "CORP\\",
    };
    let at_each = |steps: &dyn Fn(u32, &Names) -> Vec<Step>| {
        walk.take(&[1, 2].map(|at| steps(at, &Names::of(at))));
    };
    at_each(&|at, names| creation(names, at));
    let soon = SystemTime::now() + Duration::from_secs(8);
    at_each(&|_, names| attributes(names, file_time(soon)));
    at_each(&|at, names| places(names, at));
    at_each(&|_, names| members(names));
    at_each(&|at, names| groups(names, at, ad.relative_id(at, &names.main)));
    if tells_of_deletions {
        at_each(&|_, names| end(names));
    }
}

fn strategy(gate: &Gate) -> String {
    gate.status()["directories"][0]["sync"]["strategy"].as_str().unwrap().to_owned()
}

/// MS-ADTS §3.1.1.3.4.1.3, with the right to replicate.
#[test]
#[ignore = "lab"]
fn all_kinds_by_dir_sync() {
    let ad = Ad::own("fdirsync", 80);
    let gate = gate(
        "following-dirsync",
        &ad,
        "svc-proxy",
        "sync.strategy = \"dirsync\"\nsync.reconcile = \"1h\"",
    );
    all_kinds(&ad, &gate, true);
    assert_eq!(strategy(&gate), "dirsync");
}

/// The same without that right, nor that to see what was deleted: comparing identities finds that.
#[test]
#[ignore = "lab"]
fn all_kinds_by_dir_sync_of_what_is_visible() {
    let ad = Ad::own("fvisible", 81);
    let gate = gate(
        "following-visible",
        &ad,
        "svc-noperm",
        "sync.strategy = \"dirsync\"\nsync.reconcile = \"10s\"",
    );
    all_kinds(&ad, &gate, false);
    assert_eq!(strategy(&gate), "dirsync");
}

/// MS-ADTS §3.1.1.1.9.
#[test]
#[ignore = "lab"]
fn all_kinds_by_numbers() {
    let ad = Ad::own("fusn", 82);
    let gate =
        gate("following-usn", &ad, "svc-proxy", "sync.strategy = \"usn\"\nsync.reconcile = \"1h\"");
    all_kinds(&ad, &gate, true);
    assert_eq!(strategy(&gate), "usn");
}
