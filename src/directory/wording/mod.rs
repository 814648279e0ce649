//! What an application calls attributes and entries, where that is not what the directory calls them.
//!
//! What lives here: names under another base ([`Bases`]), attributes under another name ([`Renames`]) or with
//! other values ([`Additions`]), and requests in the directory's own terms (`requests`). There is one function for each direction, and all that goes in or out
//! passes through it: entry names, search bases, filter and compare values, sort keys, bind names, matched names, the
//! root DSE.
//!
//! What does not: which attributes and entries are shown at all (`policy::presentation`).
//!
//! Invariants: what goes out and comes back is the same name (`tests::names_come_back`) and the same attribute
//! (`tests::attributes_come_back`); what the directory calls something means nothing to an application that calls
//! it otherwise (`tests::the_directorys_own_names_lead_nowhere`).

use std::borrow::Cow;

use crate::ldap::schema::{self, Syntax};

mod additions;
mod attributes;
mod names;
mod requests;
#[cfg(test)]
mod tests;

pub(super) use additions::Asserted;
pub use additions::{Addition, Additions};
pub use attributes::{RenameFault, Renames};
pub use names::{BaseFault, Bases};

/// Attributes whose values are a name behind a number and octets (MS-ADTS §3.1.1.1.6, Object(DN-Binary)).
const NAMES_WITH_OCTETS: [&str; 2] = ["wellKnownObjects", "otherWellKnownObjects"];

/// What one application calls things.
#[derive(Clone, Debug, Default)]
pub struct Wording {
    /// Attributes under another name.
    pub renames: Renames,
    /// Entries under another base.
    pub bases: Bases,
    /// Attributes that have other values, or more, than in the directory.
    pub additions: Additions,
}

impl Wording {
    /// Whether nothing is called otherwise than in the directory.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.renames.is_empty() && self.bases.is_empty() && self.additions.is_empty()
    }

    /// A value of an attribute (its type, in the directory's terms) as it is shown; `None`: not at all, because the
    /// application would take it for another name.
    #[must_use]
    pub(super) fn value<'v>(&self, attribute: &str, value: &'v [u8]) -> Option<Cow<'v, [u8]>> {
        if !self.rewrites(attribute) {
            return Some(Cow::Borrowed(value));
        }
        let Ok(text) = std::str::from_utf8(value) else { return Some(Cow::Borrowed(value)) };
        let (before, name) = split(attribute, text);
        Some(match self.bases.outward(name)? {
            Cow::Borrowed(_) => Cow::Borrowed(value),
            Cow::Owned(name) => Cow::Owned(format!("{before}{name}").into_bytes()),
        })
    }

    /// Whether the attribute (its type, in the directory's terms) or its values are shown otherwise.
    pub(super) fn rewords(&self, attribute: &str) -> bool {
        self.rewrites(attribute) || self.renames.outward(attribute) != Some(attribute)
    }

    /// The description of an attribute as it is shown: its type and the options of how the directory spells it.
    pub(super) fn description(&self, attribute: &str, spelling: &str) -> String {
        let options =
            spelling.find(';').and_then(|place| spelling.get(place..)).unwrap_or_default();
        format!("{}{options}", self.renames.outward(attribute).unwrap_or(attribute))
    }

    /// Whether values of the attribute may be shown otherwise than they are stored.
    pub(super) fn rewrites(&self, attribute: &str) -> bool {
        !self.bases.is_empty()
            && (is_name_with_octets(attribute)
                || schema::attribute_type(attribute)
                    .is_some_and(|known| known.syntax == Syntax::DistinguishedName))
    }
}

fn is_name_with_octets(attribute: &str) -> bool {
    NAMES_WITH_OCTETS.iter().any(|known| known.eq_ignore_ascii_case(attribute))
}

/// The name in a value and what stands before it: of `B:32:<octets>:<name>`, all up to the last colon of three.
fn split<'v>(attribute: &str, value: &'v str) -> (&'v str, &'v str) {
    if !is_name_with_octets(attribute) {
        return ("", value);
    }
    let end = value.match_indices(':').nth(2).map_or(0, |(place, _)| place + 1);
    value.split_at_checked(end).unwrap_or(("", value))
}
