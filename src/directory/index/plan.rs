//! Which attributes get which index.

use std::collections::BTreeSet;

use crate::ldap::schema;

/// Attributes whose values are looked up by equality and order, unless configured otherwise.
const EQUALITY: [&str; 29] = [
    "cn",
    "createTimeStamp",
    "department",
    "displayName",
    "employeeID",
    "employeeNumber",
    "employeeType",
    "entryCSN",
    "gidNumber",
    "givenName",
    "groupType",
    "l",
    "mail",
    "mailNickname",
    "modifyTimeStamp",
    "name",
    "ou",
    "physicalDeliveryOfficeName",
    "proxyAddresses",
    "sAMAccountType",
    "servicePrincipalName",
    "sn",
    "telephoneNumber",
    "uidNumber",
    "userAccountControl",
    "uSNChanged",
    "uSNCreated",
    "whenChanged",
    "whenCreated",
];

/// Attributes that always have an equality index: accounts are found by them at every login,
/// memberships are worked out by them, and every search names objectClass.
const ALWAYS: [&str; 9] = [
    "entryUUID",
    "memberUid",
    "objectClass",
    "objectGUID",
    "objectSid",
    "primaryGroupID",
    "sAMAccountName",
    "uid",
    "userPrincipalName",
];

/// Attributes whose values are looked up by parts, unless configured otherwise.
const SUBSTRING: [&str; 8] =
    ["cn", "displayName", "givenName", "mail", "name", "sAMAccountName", "sn", "uid"];

/// Which attributes get an equality (and ordering) index, and which a substring index. The presence of
/// every attribute and every reference from entry to entry are indexed in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPlan {
    equality: BTreeSet<String>,
    substring: BTreeSet<String>,
}

impl Default for IndexPlan {
    fn default() -> Self {
        Self::new(&EQUALITY, &SUBSTRING)
    }
}

impl IndexPlan {
    /// Indices for these attributes, by name in any case, alias or object identifier. Those by which
    /// accounts and memberships are found, and objectClass, have an equality index even if they are not
    /// named.
    #[must_use]
    pub fn new(equality: &[impl AsRef<str>], substring: &[impl AsRef<str>]) -> Self {
        let always = ALWAYS.iter().map(|name| canonical(name));
        Self {
            equality: equality.iter().map(|name| canonical(name.as_ref())).chain(always).collect(),
            substring: substring.iter().map(|name| canonical(name.as_ref())).collect(),
        }
    }

    /// The attributes that have an equality index unless configured otherwise.
    #[must_use]
    pub fn default_equality() -> &'static [&'static str] {
        &EQUALITY
    }

    /// The attributes that have a substring index unless configured otherwise.
    #[must_use]
    pub fn default_substring() -> &'static [&'static str] {
        &SUBSTRING
    }

    pub(super) fn has_equality(&self, name: &str) -> bool {
        self.equality.contains(&canonical(name))
    }

    pub(super) fn has_substring(&self, name: &str) -> bool {
        self.substring.contains(&canonical(name))
    }
}

fn canonical(name: &str) -> String {
    schema::attribute_type(name).map_or(name, |known| known.name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_the_schema_says() {
        let plan = IndexPlan::new(&["SURNAME", "fooBar"], &["commonName"]);
        assert!(plan.has_equality("sn") && plan.has_equality("FOOBAR"));
        assert!(plan.has_substring("cn") && !plan.has_equality("cn"));
        assert!(plan.has_equality("objectclass"), "always");
    }
}
