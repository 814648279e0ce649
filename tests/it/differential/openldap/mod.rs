//! Against OpenLDAP: slapd with the schemas cosine, inetOrgPerson and nis.

mod differences;
mod rows;

use ldapgate::directory::{OPENLDAP_CONTAINERS, OPENLDAP_GROUPS, OPENLDAP_USERS};
use ldapgate::ldap::dn::NormalizedDn;
use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::schema::NOT_REPLICATED;

use super::compare::{Gaps, Pair};
use super::row::Row;
use super::{generate, judge, read};
use crate::world::client::Client;
use crate::world::gate::{Folder, Gate, ON_DEMAND};
use crate::world::lab::{PASSWORD, Slapd};
use crate::world::sections;

const SUFFIX: &str = "dc=example,dc=org";
/// Holds the entries of `tests/data/differential/openldap.ldif`.
const UNIT: &str = "ou=differential,dc=example,dc=org";
const ACCOUNT: &str = "cn=svc-crm,ou=service,dc=example,dc=org";

/// Never compared: the view's own time of change, what tells of the server instead of the entry, memberOf,
/// which the view derives from groups of all kinds and returns unasked, and an account's own password, which
/// is never copied.
const OWN: [&str; 5] =
    ["modifyTimestamp", "contextCSN", "subschemaSubentry", "memberOf", "userPassword"];

/// slapd compares sounds where an approximate match is asked for.
const GAPS: Gaps = Gaps {
    matched_name: false,
    types_only: false,
    subordinates: false,
    approximate: true,
    rule_less_octets: false,
};

/// The identifiers of all differences, those among them that [`GAPS`] and [`OWN`] stand for.
pub(super) fn reasons() -> Vec<&'static str> {
    let rows = differences::known().into_iter().map(|(_, why)| why);
    rows.chain(["approximate", "own-numbers", "derived-memberships"]).collect()
}

fn configuration(slapd: &Slapd) -> String {
    let url = format!("ldap://{}", slapd.plain());
    let directory = sections::openldap(slapd, &url, ON_DEMAND);
    format!(
        r#"{directory}
[[application]]
name = "all"
bases = ["dc=example,dc=org"]
service_accounts = ["{ACCOUNT}"]

[[listener]]
name = "plain"
url = "ldap://127.0.0.1:0"
"#
    )
}

fn bound(address: impl std::net::ToSocketAddrs) -> Client {
    let mut client = Client::connect(address);
    assert_eq!(client.bind(ACCOUNT, PASSWORD).code(), 0);
    client
}

fn corpus(entries: &[Entry]) -> Vec<Row> {
    // Identities and times are others in every run; hasSubordinates is no value of an entry.
    let others = ["entryUUID", "entryCSN", "createTimestamp", "hasSubordinates"];
    let skipped: Vec<&str> = NOT_REPLICATED.into_iter().chain(OWN).chain(others).collect();
    let extent = generate::Extent { values: 2, text: 1 };
    let mut rows = generate::rows(UNIT, entries, &skipped, &extent);
    // slapd knows no chains, and one row is enough to say so.
    rows.retain(|row| !row.id.contains("-chain-"));
    rows.extend(rows::rows(entries));
    differences::marked(rows)
}

#[test]
#[ignore = "lab"]
fn openldap() {
    let slapd = Slapd::own("differential-slapd", 31);
    slapd.modify(include_str!("../../../data/differential/openldap.ldif"));
    let folder = Folder::new("differential-slapd");
    folder.write("service.password", PASSWORD);
    let gate = Gate::start_in(folder, &configuration(&slapd)).synced(1);

    let mut directory = bound(slapd.plain());
    let classes = OPENLDAP_USERS.iter().chain(&OPENLDAP_GROUPS).chain(&OPENLDAP_CONTAINERS);
    let classes: String = classes.map(|class| format!("(objectClass={class})")).collect();
    let name = |entry: Entry| NormalizedDn::parse(&entry.dn).unwrap().as_str().to_owned();
    let copied = read(&mut directory, SUFFIX, &format!("(|{classes})"), &["1.1"]);
    let entries = read(&mut directory, UNIT, "(objectClass=*)", &["*", "+"]);
    let mut pair = Pair {
        directory,
        gate: bound(gate.address("plain")),
        copied: copied.into_iter().map(name).collect(),
        own: NOT_REPLICATED.into_iter().chain(OWN).map(str::to_lowercase).collect(),
        gaps: GAPS,
    };
    judge(&mut pair, &corpus(&entries));
}
