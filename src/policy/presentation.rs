//! How an application is shown a directory: which attributes, which groups and containers, whether disabled
//! accounts. Whom it is shown else is its scope (`application`, `rules`).

use std::collections::HashSet;

use crate::directory::Wording;
use crate::ldap::filter::Filter;
use crate::ldap::schema;

use super::application::ScopeBase;

/// What an application is shown otherwise than the directory has it. An application without one is shown
/// everything but what nobody is shown.
#[derive(Clone, Debug, Default)]
pub struct Presentation {
    /// The attributes it may see.
    pub attributes: ShownAttributes,
    /// The sub-trees that it sees groups, containers and other entries of; empty for all.
    pub visible_bases: Vec<ScopeBase>,
    /// What else must hold for the groups that it sees.
    pub group_filter: Option<Filter>,
    /// Whether it is shown accounts that are disabled.
    pub disabled_accounts: DisabledAccounts,
    /// What it calls attributes and entries; `None`: what the directories call them.
    pub wording: Option<Wording>,
}

impl Presentation {
    /// Whether anything is shown otherwise than without it.
    #[must_use]
    pub fn changes_anything(&self) -> bool {
        !matches!(self.attributes, ShownAttributes::All)
            || self.limits_groups()
            || self.disabled_accounts == DisabledAccounts::Hidden
            || self.wording.is_some()
    }

    /// Whether the attribute (its type, in the directory's terms) is shown.
    #[must_use]
    pub fn shows(&self, attribute: &str) -> bool {
        let named = |wording: &Wording| wording.renames.outward(attribute).is_some();
        let added = |wording: &Wording| wording.additions.of(attribute).is_some();
        let wording = self.wording.as_ref();
        (self.attributes.has(attribute) || wording.is_some_and(added)) && wording.is_none_or(named)
    }

    /// Whether there are groups, containers or other entries that it keeps back.
    #[must_use]
    pub fn limits_groups(&self) -> bool {
        !self.visible_bases.is_empty() || self.group_filter.is_some()
    }
}

/// Whether accounts that are disabled are shown, with the flag that says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DisabledAccounts {
    /// They are: an application that reads the flag deactivates its user by it.
    #[default]
    Shown,
    /// They are not: an application deactivates whom it does not find.
    Hidden,
}

/// The attributes that an application may see.
#[derive(Clone, Debug, Default)]
pub enum ShownAttributes {
    /// All that are copied.
    #[default]
    All,
    /// These, and what the name of an entry tells anyhow.
    Only(AttributeSet),
    /// All but these, and but what is worked out from one of these alone.
    AllBut(AttributeSet),
}

/// Attribute types, whatever they are spelled like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributeSet(HashSet<Box<str>>);

/// What every application is shown: the classes, which every search names, and what is part of each name.
pub const ALWAYS_SHOWN: [&str; 6] =
    ["objectClass", "distinguishedName", "entryDN", "cn", "ou", "dc"];

/// Constructed attributes, and those that tell the same.
const WORKED_OUT: [(&str, &[&str]); 7] = [
    ("msDS-PrincipalName", &["sAMAccountName", "objectSid"]),
    ("msDS-User-Account-Control-Computed", &["userAccountControl"]),
    ("parentGUID", &["objectGUID"]),
    ("primaryGroupToken", &["objectSid"]),
    ("tokenGroups", &["memberOf", "objectSid"]),
    ("tokenGroupsGlobalAndUniversal", &["memberOf", "objectSid"]),
    ("tokenGroupsNoGCAcceptable", &["memberOf", "objectSid"]),
];

impl AttributeSet {
    /// The types of these names or object identifiers.
    #[must_use]
    pub fn of<T: AsRef<str>>(names: &[T]) -> Self {
        Self(names.iter().map(|name| key(name.as_ref()).into()).collect())
    }

    /// Whether the type is one of them.
    #[must_use]
    pub fn has(&self, attribute: &str) -> bool {
        self.0.contains(key(attribute).as_str())
    }
}

impl ShownAttributes {
    /// Whether the attribute (its type, in any spelling) is shown, as far as this is what decides.
    #[must_use]
    pub fn has(&self, attribute: &str) -> bool {
        let tells = |hidden: &AttributeSet, of: &str| {
            let known = WORKED_OUT.iter().find(|(name, _)| name.eq_ignore_ascii_case(of));
            known.is_some_and(|(_, from)| from.iter().any(|source| hidden.has(source)))
        };
        match self {
            Self::All => true,
            Self::Only(shown) => is_always_shown(attribute) || shown.has(attribute),
            Self::AllBut(hidden) => !hidden.has(attribute) && !tells(hidden, attribute),
        }
    }
}

/// Whether every application is shown the attribute.
#[must_use]
pub fn is_always_shown(attribute: &str) -> bool {
    let name = schema::attribute_type(attribute).map_or(attribute, |known| known.name);
    ALWAYS_SHOWN.iter().any(|always| always.eq_ignore_ascii_case(name))
}

/// What the spellings of a type have in common.
fn key(attribute: &str) -> String {
    let name = schema::attribute_type(attribute).map_or(attribute, |known| known.name);
    name.to_ascii_lowercase()
}
