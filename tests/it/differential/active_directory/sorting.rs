//! In which order entries come: RFC 2891, MS-ADTS §3.1.1.3.4.1.13.

use super::super::row::Row;
use super::{DOMAIN, UNIT};

/// Users with plain names, whom every server puts in the same order.
const PLAIN: &str = "OU=Values,OU=Differential,DC=corp,DC=test";
const USERS: &str = "(objectCategory=person)";

pub(super) fn rows() -> Vec<Row> {
    let rows = SORTED.iter().map(|(id, base, filter, keys)| {
        let row = Row::new(*id, base, filter).sorted_by(keys);
        if id.ends_with("-paged") { row.pages_of(3) } else { row }
    });
    rows.collect()
}

const SORTED: &[(&str, &str, &str, &str)] = &[
    ("sort-name", PLAIN, USERS, "cn"),
    ("sort-name-down", PLAIN, USERS, "-cn"),
    ("sort-name-paged", PLAIN, USERS, "cn"),
    ("sort-name-down-paged", PLAIN, USERS, "-cn"),
    ("sort-account", UNIT, USERS, "sAMAccountName"),
    ("sort-account-down", UNIT, USERS, "-sAMAccountName"),
    ("sort-account-upper", UNIT, USERS, "SAMACCOUNTNAME"),
    ("sort-account-number", UNIT, USERS, "1.2.840.113556.1.4.221"),
    ("sort-account-rule", UNIT, USERS, "sAMAccountName:2.5.13.3"),
    ("sort-account-rule-name", UNIT, USERS, "sAMAccountName:caseIgnoreOrderingMatch"),
    ("sort-account-rule-unknown", UNIT, USERS, "sAMAccountName:1.2.3.4"),
    ("sort-surname", PLAIN, "(sn=*)", "sn"),
    ("sort-all-names", UNIT, "(objectClass=*)", "name"),
    ("sort-all-names-down", UNIT, "(objectClass=*)", "-name"),
    ("sort-absent", UNIT, "(objectClass=*)", "sAMAccountName"),
    ("sort-absent-down", UNIT, "(objectClass=*)", "-sAMAccountName"),
    ("sort-absent-everywhere", UNIT, USERS, "employeeNumber"),
    ("sort-integer", UNIT, USERS, "userAccountControl"),
    ("sort-integer-down", UNIT, USERS, "-userAccountControl"),
    ("sort-large-integer", UNIT, USERS, "accountExpires"),
    ("sort-time", DOMAIN, "(&(objectCategory=group)(whenCreated=*))", "whenCreated"),
    ("sort-time-down", DOMAIN, "(&(objectCategory=group)(whenCreated=*))", "-whenCreated"),
    ("sort-boolean", DOMAIN, "(isCriticalSystemObject=*)", "isCriticalSystemObject"),
    ("sort-octets", UNIT, USERS, "objectSid"),
    ("sort-names-of-entries", UNIT, "(manager=*)", "manager"),
    ("sort-unknown", UNIT, USERS, "noSuchAttribute"),
    ("sort-secret", UNIT, USERS, "unicodePwd"),
    ("sort-nothing-found", UNIT, "(cn=nobody at all)", "cn"),
    ("sort-missing-base", "OU=Nowhere,DC=corp,DC=test", USERS, "cn"),
    ("sort-many", DOMAIN, "(&(objectCategory=person)(sAMAccountName=*))", "sAMAccountName"),
];
