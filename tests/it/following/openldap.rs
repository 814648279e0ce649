//! Every kind of change at an OpenLDAP server, with content synchronization (RFC 4533) and without. An expiry
//! that comes by itself is left out: shadowExpire counts days.

use std::time::Duration;

use super::{
    PATIENCE, Step, Walk, applications, cleared, deleted, found, login, membership, renamed,
    replaced, step,
};
use crate::world::gate::{Folder, Gate};
use crate::world::lab::{PASSWORD, Slapd};
use crate::world::sections;

const PEOPLE: &str = "ou=people,dc=example,dc=org";
const OUTSIDE: &str = "ou=outside,dc=example,dc=org";
const GROUPS: &str = "ou=groups,dc=example,dc=org";
const CRM_USERS: &str = "cn=crm-users,ou=groups,dc=example,dc=org";
const ANCHOR: &str = "uid=p00,ou=people,dc=example,dc=org";

const UNIT: &str = "ou=walk,ou=people,dc=example,dc=org";
const INNER: &str = "ou=inner,ou=walk,ou=people,dc=example,dc=org";
const WALKER: &str = "cn=walker,ou=inner,ou=walk,ou=people,dc=example,dc=org";
const MATE: &str = "cn=mate,ou=walk,ou=people,dc=example,dc=org";
const WALKERS: &str = "cn=walkers,ou=groups,dc=example,dc=org";
const AROUND: &str = "cn=around,ou=groups,dc=example,dc=org";

fn gate(name: &str, slapd: &Slapd, sync: &str) -> Gate {
    let folder = Folder::new(name);
    folder.write("service.password", PASSWORD);
    let configuration = format!(
        "{}{}",
        sections::openldap(
            slapd,
            &format!("ldap://{}", slapd.plain()),
            &format!("sync.cron = \"0 3 1 1 *\"\n{sync}")
        ),
        applications(
            r#"bases = ["ou=people,dc=example,dc=org"]
required_groups = ["crm-users"]"#
        )
    );
    Gate::start_in(folder, &configuration).synced(1)
}

fn unit(dn: &str) -> String {
    format!("dn: {dn}\nchangetype: add\nobjectClass: organizationalUnit\n\n")
}

fn user(dn: &str, name: &str) -> String {
    format!(
        "dn: {dn}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: {name}\nsn: {name}\n\
         userPassword: {PASSWORD}\n\n"
    )
}

fn group(dn: &str, member: &str) -> String {
    format!("dn: {dn}\nchangetype: add\nobjectClass: groupOfNames\nmember: {member}\n\n")
}

fn accounts() -> Vec<Step> {
    let made = [
        unit(UNIT),
        unit(INNER),
        user(WALKER, "walker"),
        user(MATE, "mate"),
        group(WALKERS, MATE),
        group(AROUND, ANCHOR),
    ];
    let enter = membership(CRM_USERS, "add", WALKERS) + &membership(WALKERS, "add", WALKER);
    let lock = replaced(WALKER, "pwdAccountLockedTime", "000001010000Z");
    let expired = format!(
        "dn: {WALKER}\nchangetype: modify\nadd: objectClass\nobjectClass: shadowAccount\n-\n\
         replace: shadowExpire\nshadowExpire: 10957\n\n"
    );
    let accepted = || login("walker", "accepted");
    let titled = |count| vec![found(PEOPLE, "(&(uid=walker)(title=*))", count)];
    vec![
        step("created", made.concat(), vec![login("walker", "not_in_required_group")]),
        step("member added", enter, vec![accepted(), login("mate", "accepted")]),
        step("attribute", replaced(WALKER, "title", "Walker"), titled(1)),
        step("attribute cleared", cleared(WALKER, "title"), titled(0)),
        step("locked", lock, vec![login("walker", "account_disabled")]),
        step("unlocked", cleared(WALKER, "pwdAccountLockedTime"), vec![accepted()]),
        step("expired", expired, vec![login("walker", "account_expired")]),
        step("not expired", cleared(WALKER, "shadowExpire"), vec![accepted()]),
    ]
}

/// Renames and moves; all is as it was in the end. The server does not correct the names of members whose
/// container is renamed: they are members no more until it has its name again.
fn places() -> Vec<Step> {
    let wanderer = format!("cn=wanderer,{INNER}");
    let ran = format!("ou=ran,{PEOPLE}");
    let outside = format!("cn=walker,{OUTSIDE}");
    let inside = || vec![found(WALKER, "(objectClass=person)", 1), login("walker", "accepted")];
    let out = || vec![login("walker", "out_of_scope")];
    vec![
        step(
            "renamed",
            renamed(WALKER, "cn=wanderer", INNER),
            vec![found(&wanderer, "(objectClass=person)", 1), login("walker", "accepted")],
        ),
        step("renamed back", renamed(&wanderer, "cn=walker", INNER), inside()),
        step("moved out of scope", renamed(WALKER, "cn=walker", OUTSIDE), out()),
        step("moved into scope", renamed(&outside, "cn=walker", INNER), inside()),
        step(
            "unit renamed",
            renamed(UNIT, "ou=ran", PEOPLE),
            vec![
                found(format!("cn=walker,ou=inner,{ran}"), "(objectClass=person)", 1),
                found(UNIT, "(objectClass=*)", 0),
                login("walker", "not_in_required_group"),
            ],
        ),
        step("unit moved", renamed(&ran, "ou=ran", OUTSIDE), out()),
        step("unit moved back", renamed(&format!("ou=ran,{OUTSIDE}"), "ou=walk", PEOPLE), inside()),
    ]
}

fn groups() -> Vec<Step> {
    let companion = format!("cn=companion,{UNIT}");
    let member =
        |member: &str, count| found(GROUPS, format!("(&(cn=walkers)(member={member}))"), count);
    let between = membership(AROUND, "add", WALKER)
        + &membership(WALKERS, "add", AROUND)
        + &membership(WALKERS, "delete", WALKER);
    let round = |count| found(AROUND, format!("(member={WALKERS})"), count);
    let moved = format!("cn=walkers,{OUTSIDE}");
    let accepted = || login("walker", "accepted");
    let refused = || login("walker", "not_in_required_group");
    vec![
        step(
            "member renamed",
            renamed(MATE, "cn=companion", UNIT),
            vec![member(&companion, 1), member(MATE, 0)],
        ),
        step(
            "member deleted",
            deleted(&companion),
            vec![login("mate", "unknown_name"), member(&companion, 0)],
        ),
        step("nested", between, vec![member(WALKER, 0), accepted()]),
        step("member removed", membership(AROUND, "delete", WALKER), vec![refused()]),
        step("member added", membership(AROUND, "add", WALKER), vec![accepted()]),
        step("cycle", membership(AROUND, "add", WALKERS), vec![round(1), accepted()]),
        step("cycle cut off", membership(CRM_USERS, "delete", WALKERS), vec![refused()]),
        step("cycle put back", membership(CRM_USERS, "add", AROUND), vec![accepted()]),
        step("cycle opened", membership(AROUND, "delete", WALKERS), vec![round(0), accepted()]),
        step(
            "group moved",
            renamed(WALKERS, "cn=walkers", OUTSIDE),
            vec![found(&moved, "(objectClass=groupOfNames)", 1), accepted()],
        ),
        step("group deleted", deleted(AROUND), vec![refused(), found(GROUPS, "(cn=around)", 0)]),
        step("deleted", deleted(WALKER), vec![login("walker", "unknown_name")]),
    ]
}

fn all_kinds(slapd: &Slapd, gate: &Gate, patience: Duration) {
    let change = |_: u32, ldif: &str| slapd.modify(ldif);
    let walk = Walk { gate, change: &change, settle: &|| (), patience, prefix: "" };
    walk.take(&[accounts()]);
    walk.take(&[places()]);
    walk.take(&[groups()]);
}

fn strategy(gate: &Gate) -> String {
    gate.status()["directories"][0]["sync"]["strategy"].as_str().unwrap().to_owned()
}

/// RFC 4533.
#[test]
#[ignore = "lab"]
fn all_kinds_by_content_synchronization() {
    let slapd = Slapd::own("fsyncrepl", 83);
    let gate = gate("following-syncrepl", &slapd, "sync.reconcile = \"1h\"");
    all_kinds(&slapd, &gate, PATIENCE);
    assert_eq!(strategy(&gate), "syncrepl");
}

/// A server that does not remember what was deleted names what is there.
#[test]
#[ignore = "lab"]
fn all_kinds_by_presence() {
    let slapd = Slapd::with_syncprov("fpresent", 88, "plain");
    let gate = gate("following-presence", &slapd, "sync.reconcile = \"1h\"");
    all_kinds(&slapd, &gate, PATIENCE);
    assert_eq!(strategy(&gate), "syncrepl");
}

/// Without the overlay syncprov: what is gone shows when identities are compared.
#[test]
#[ignore = "lab"]
fn all_kinds_by_timestamps() {
    let slapd = Slapd::with_syncprov("ftimes", 84, "no");
    let gate = gate("following-timestamps", &slapd, "sync.reconcile = \"10s\"");
    all_kinds(&slapd, &gate, PATIENCE * 2);
    assert_eq!(strategy(&gate), "timestamps");
}
