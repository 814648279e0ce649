//! Which attributes a search returns (RFC 4511 §4.5.1.8), as it asks for them.

use std::ops::Range;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::entry::Entry;
use crate::ldap::message::MessageId;
use crate::ldap::response;
use crate::ldap::schema::{self, Syntax};

use super::attributes::key;
use super::view::View;

/// The attributes a search asks for, read once from its list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pub(super) all_user: bool,
    pub(super) all_operational: bool,
    pub(super) named: Vec<Named>,
    pub(super) types_only: bool,
}

/// One attribute description of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// What different spellings of it have in common.
    pub(super) key: String,
    pub(super) name: String,
    pub(super) binary: bool,
    pub(super) range: Option<ValueRange>,
}

/// A slice of values (MS-ADTS §3.1.1.3.1.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ValueRange {
    first: usize,
    /// Included; `None` for `*`.
    last: Option<usize>,
}

impl Selection {
    /// Reads the list of a search request. An empty list and `*` mean all user attributes (memberOf
    /// among them), `+` all operational ones (RFC 3673), `1.1` none. What is no attribute description
    /// is passed over.
    #[must_use]
    pub fn parse<T: AsRef<str>>(requested: impl IntoIterator<Item = T>, types_only: bool) -> Self {
        let mut requested = requested.into_iter().peekable();
        let all_user = requested.peek().is_none();
        let mut selection = Self { types_only, all_user, ..Self::default() };
        for text in requested {
            match text.as_ref() {
                "*" => selection.all_user = true,
                "+" => selection.all_operational = true,
                // RFC 4511 §4.5.1.8: only means anything when it stands alone.
                "1.1" => {}
                text => selection.named.extend(Named::parse(text)),
            }
        }
        selection
    }

    /// Whether an attribute that is called so and has no options is asked for.
    pub(super) fn takes(&self, name: &str, operational: bool) -> bool {
        let general = if operational { self.all_operational } else { self.all_user };
        general || {
            let key = key(&AttributeDescription::new(name));
            self.named.iter().any(|named| named.key == key)
        }
    }

    /// Whether descriptions are asked for without their values.
    pub(super) const fn is_types_only(&self) -> bool {
        self.types_only
    }

    /// Whether nothing but the name of entries is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.all_user && !self.all_operational && self.named.is_empty()
    }
}

impl Named {
    fn parse(text: &str) -> Option<Self> {
        let description = AttributeDescription::parse(text)?;
        let range = description.options.iter().find_map(|option| {
            let (name, bounds) = option.split_once('=')?;
            name.eq_ignore_ascii_case("range").then(|| ValueRange::parse(bounds))
        });
        Some(Self {
            key: key(&description),
            binary: description.has_option("binary"),
            range: match range {
                Some(range) => Some(range?),
                None => None,
            },
            name: description.name,
        })
    }

    /// Whether the description in the answer is not simply that of the attribute.
    pub(super) fn is_special(&self) -> bool {
        self.binary || self.range.is_some()
    }

    /// Whether it is this type, without options that tell values apart.
    pub(super) fn is_type(&self, name: &str) -> bool {
        self.key.eq_ignore_ascii_case(name)
    }
}

impl ValueRange {
    fn parse(bounds: &str) -> Option<Self> {
        let (first, last) = bounds.split_once('-')?;
        let first = first.parse().ok()?;
        let last = if last == "*" { None } else { Some(last.parse().ok()?) };
        last.is_none_or(|last| first <= last).then_some(Self { first, last })
    }

    /// The positions it covers of `count` values, and the option that says so: the last slice ends
    /// in `*`.
    pub(super) fn of(self, count: usize) -> (Range<usize>, String) {
        let end = self.last.map_or(count, |last| last.saturating_add(1).min(count));
        let start = self.first.min(end);
        if end >= count {
            (start..end, format!("range={}-*", self.first))
        } else {
            (start..end, format!("range={}-{}", self.first, end.saturating_sub(1)))
        }
    }
}

impl View {
    /// How values of the attribute compare; `None` if neither the schema nor any entry of this view knows
    /// it, or if it is never shown to anyone.
    #[must_use]
    pub fn syntax_of(&self, description: &AttributeDescription) -> Option<Syntax> {
        if schema::is_forbidden(&description.name) {
            return None;
        }
        let attributes = self.attributes();
        let here = attributes.find(description).and_then(|id| attributes.info(id));
        let known = || schema::attribute_type(&description.name).map(|known| known.syntax);
        here.map(|info| info.syntax).or_else(known)
    }
}

/// Appends one SearchResultEntry for an entry that is in no view: the root DSE. An empty list, `*`
/// and `+` all mean all of its attributes, as Active Directory answers (RFC 4512 §5.1 would call them
/// operational, and clients that name none would get none).
pub fn write_root_dse(out: &mut Vec<u8>, id: MessageId, root_dse: &Entry, selection: &Selection) {
    let wanted = |name: &str| {
        selection.all_user
            || selection.all_operational
            || selection.named.iter().any(|named| named.name.eq_ignore_ascii_case(name))
    };
    let mut encoded = Vec::new();
    for attribute in root_dse.attributes.iter().filter(|found| wanted(&found.description)) {
        let most = if selection.types_only { 0 } else { attribute.values.len() };
        let values = attribute.values.iter().take(most).map(Vec::as_slice);
        response::encode_attribute(&mut encoded, &attribute.description, values);
    }
    let pieces = (!encoded.is_empty()).then_some(encoded.as_slice()).into_iter();
    response::write_entry(out, id, root_dse.dn.as_bytes(), pieces);
}
