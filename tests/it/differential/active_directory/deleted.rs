//! What remains of removed entries: MS-ADTS §3.1.1.3.4.1.14 and §3.1.1.5.5.1.1.

use std::collections::BTreeMap;

use ldapgate::ldap::control::{Control, oid};
use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::request::SearchScope::WholeSubtree;

use super::{DOMAIN, UNIT};
use crate::world::client::{Client, search};
use crate::world::gate::Gate;
use crate::world::lab::Ad;

/// Entries of every sort, none above another.
const REMOVED: [&str; 5] = [
    "CN=John Smith,OU=Values",
    "CN=O'Neil \\, Sean,OU=Names",
    "CN=chain-b,OU=Circles",
    "CN=many,OU=Circles",
    "OU=Empty",
];

/// What applications read of a tombstone.
const COMPARED: [&str; 16] = [
    "objectGUID",
    "objectSid",
    "objectClass",
    "sAMAccountName",
    "isDeleted",
    "lastKnownParent",
    "distinguishedName",
    "name",
    "cn",
    "ou",
    "mail",
    "objectCategory",
    "instanceType",
    "userAccountControl",
    "groupType",
    "memberOf",
];

type Found = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Removes entries and asks both what remains of them. `directory` may read the container of removed entries.
pub(super) fn check(ad: &Ad, gate: &mut Gate, directory: &mut Client, client: &mut Client) {
    let passes = gate.events("sync pass done").len();
    for entry in REMOVED {
        ad.modify(&format!("dn: {entry},{UNIT}\nchangetype: delete\n"));
    }
    assert!(gate.sync().0);
    gate.wait_for("a pass", |gate| gate.events("sync pass done").len() > passes);
    for filter in ["(isDeleted=TRUE)", "(&(isDeleted=TRUE)(sAMAccountName=jsmith))"] {
        let there = tombstones(directory, filter);
        assert_eq!(there.len(), if filter.contains('&') { 1 } else { REMOVED.len() });
        let here = tombstones(client, filter);
        assert!(here.keys().eq(there.keys()), "{filter}: {:?}", here.keys());
        for (dn, attributes) in &there {
            assert_eq!(here.get(dn), Some(attributes), "{filter}: {dn}");
        }
    }
    // Without the control they are not there.
    let plain = search(DOMAIN, WholeSubtree, "(isDeleted=TRUE)", &["1.1"]);
    let (entries, _, answer) = client.search_past_references(&plain, &[]);
    assert_eq!((entries.len(), answer.code()), (0, 0));
}

fn tombstones(client: &mut Client, filter: &str) -> Found {
    let search = search(DOMAIN, WholeSubtree, filter, &COMPARED);
    let shown = [Control::new(oid::SHOW_DELETED, true)];
    let (entries, _, answer) = client.search_past_references(&search, &shown);
    assert_eq!(answer.code(), 0, "{}", answer.text());
    // Entries of the seed that were removed before anybody was connected, and the container itself.
    let of_unit =
        |entry: &Entry| entry.text("lastKnownParent").is_some_and(|parent| parent.ends_with(UNIT));
    let entries = entries.into_iter().filter(of_unit);
    let compared = |entry: Entry| {
        let mut attributes = BTreeMap::new();
        for attribute in entry.attributes {
            let values = attribute.values.iter().map(|value| value.escape_ascii().to_string());
            let mut values: Vec<String> = values.collect();
            values.sort();
            attributes.insert(attribute.description, values);
        }
        (entry.dn, attributes)
    };
    entries.map(compared).collect()
}
