//! Against Active Directory: a Samba controller.

mod bases;
mod deleted;
mod differences;
mod filters;
mod matching;
mod schema;
mod selections;
mod sorting;

use std::collections::BTreeSet;

use ldapgate::ldap::dn::NormalizedDn;
use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::schema::NOT_REPLICATED;

use super::compare::{Gaps, Pair};
use super::row::Row;
use super::{generate, judge, read};
use crate::world::client::Client;
use crate::world::gate::{Folder, Gate, ON_DEMAND};
use crate::world::lab::{Ad, PASSWORD};
use crate::world::sections;

const DOMAIN: &str = "DC=corp,DC=test";
/// Holds the entries of `tests/data/differential/active-directory.ldif`.
const UNIT: &str = "OU=Differential,DC=corp,DC=test";
const ACCOUNT: &str = "CORP\\svc-crm";

/// Never compared: the view's own numbers, and what each controller keeps for itself.
const OWN: [&str; 5] =
    ["uSNChanged", "uSNCreated", "whenChanged", "modifyTimeStamp", "lastLogonTimestamp"];

const GAPS: Gaps = Gaps {
    matched_name: true,
    types_only: true,
    subordinates: true,
    approximate: true,
    rule_less_octets: true,
};

/// The identifiers of all differences, those among them that [`GAPS`] and [`OWN`] stand for.
pub(super) fn reasons() -> Vec<&'static str> {
    let rows = differences::known().into_iter().map(|(_, why)| why);
    rows.chain([
        "matched-name",
        "types-only",
        "subordinate-scope",
        "approximate",
        "octets",
        "own-numbers",
        "order-of-values",
    ])
    .collect()
}

fn configuration(ad: &Ad) -> String {
    let directory = sections::active_directory(ad, "ldaps", &[1], "svc-proxy", ON_DEMAND);
    format!(
        r#"{directory}
[[application]]
name = "all"
bases = ["DC=corp,DC=test"]
service_accounts = ['CORP\svc-crm']

[[listener]]
name = "plain"
url = "ldap://127.0.0.1:0"
"#
    )
}

/// The directory's entries that belong into the copy.
const COPIED: &str = "(&(|(sAMAccountType=805306368)(objectCategory=group)(objectCategory=organizationalUnit)\
    (objectCategory=container)(objectClass=domainDNS)(objectClass=builtinDomain))\
    (!(sAMAccountName=krbtgt))(!(sAMAccountName=Guest)))";

fn bound(address: impl std::net::ToSocketAddrs) -> Client {
    let mut client = Client::connect(address);
    assert_eq!(client.bind(ACCOUNT, PASSWORD).code(), 0);
    client
}

/// The corpus that is made of the entries themselves, and what people wrote.
fn corpus(entries: &[Entry]) -> Vec<Row> {
    // objectGUID is another one in every run; `matching` asks for it.
    let skipped: Vec<&str> = NOT_REPLICATED.into_iter().chain(OWN).chain(["objectGUID"]).collect();
    let extent = generate::Extent { values: 1, text: 3 };
    let mut rows = generate::rows(UNIT, entries, &skipped, &extent);
    rows.extend(filters::rows());
    rows.extend(matching::rows(entries));
    rows.extend(bases::rows(entries));
    rows.extend(selections::rows());
    rows.extend(sorting::rows());
    differences::marked(rows)
}

/// The same with the entries above, whatever they are: those are copied for the tree.
fn with_ancestors(copied: &BTreeSet<String>) -> BTreeSet<String> {
    let domain = NormalizedDn::parse(DOMAIN).unwrap();
    let mut all = BTreeSet::new();
    for name in copied {
        let mut name = Some(NormalizedDn::parse(name).unwrap());
        while let Some(found) = name.filter(|found| found.is_within(&domain)) {
            name = found.parent();
            all.insert(found.as_str().to_owned());
        }
    }
    all
}

#[test]
#[ignore = "lab"]
fn active_directory() {
    let ad = Ad::own("differential", 30);
    ad.modify(include_str!("../../../data/differential/active-directory.ldif"));
    let folder = Folder::new("differential");
    folder.write("service.password", PASSWORD);
    let mut gate = Gate::start_in(folder, &configuration(&ad)).synced(1);

    let mut directory = bound((ad.address(1), 389));
    schema::check(&mut directory, UNIT);
    let name = |entry: Entry| NormalizedDn::parse(&entry.dn).unwrap().as_str().to_owned();
    let copied = read(&mut directory, DOMAIN, COPIED, &["1.1"]).into_iter().map(name);
    let copied = with_ancestors(&copied.collect());
    let entries = read(&mut directory, UNIT, "(objectClass=*)", &["*"]);
    let own = NOT_REPLICATED.into_iter().chain(OWN).map(str::to_lowercase).collect();
    let mut pair = Pair { directory, gate: bound(gate.address("plain")), copied, own, gaps: GAPS };
    judge(&mut pair, &corpus(&entries));

    // Only administrators may read what was removed.
    let mut administrator = Client::connect((ad.address(1), 389));
    let name = "CN=Administrator,CN=Users,DC=corp,DC=test";
    assert_eq!(administrator.bind(name, "Passw0rd!adm").code(), 0);
    deleted::check(&ad, &mut gate, &mut administrator, &mut pair.gate);
}
