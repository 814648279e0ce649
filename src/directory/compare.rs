//! Comparisons (RFC 4511 §4.10) on what entries store and on what is worked out.

use std::time::SystemTime;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::matching_rule::prepare;
use crate::ldap::schema::{self, Syntax};

use super::constructed::{self, Asked};
use super::entry_ref::EntryRef;
use super::search::Audience;
use super::selection_plan::primary_group_name;
use super::view::Slot;
use super::wording::Addition;

impl EntryRef<'_> {
    /// Whether some value equals `value` under the attribute's matching rule, as `audience` is shown the
    /// entry at `now`. `None`: the entry has no such attribute, or not for this audience. With
    /// `primary_groups`, the primary group is among the values of memberOf.
    #[must_use]
    pub fn compare_as(
        &self,
        attribute: &AttributeDescription,
        value: &[u8],
        audience: &dyn Audience,
        now: SystemTime,
        primary_groups: bool,
    ) -> Option<bool> {
        let name =
            schema::attribute_type(&attribute.name).map_or(&*attribute.name, |known| known.name);
        if !audience.shows(name) {
            return None;
        }
        if let Some(addition) = audience.wording().and_then(|wording| wording.additions.of(name)) {
            return self.compare_added(name, addition, value, audience);
        }
        let primary = if primary_groups && name == "memberOf" {
            primary_group_name(*self, Some(audience))
        } else {
            None
        };
        let asked = Asked { audience: Some(audience), now: Some(now) };
        let stored = match constructed::find(self.view().domain().kind, name) {
            Some(found) if self.view().attributes().find_name(name).is_none() => {
                equals_any(name, &(found.values)(*self, asked), value)
            }
            _ if audience.keeps_names_back(name) && self.names_kept_back(attribute, audience) => {
                None
            }
            _ => self.compare(&attribute.to_string(), value, Some(audience)),
        };
        match primary {
            None => stored,
            Some(primary) => Some(stored == Some(true) || names_same(primary, value)),
        }
    }
}

impl EntryRef<'_> {
    /// As [`EntryRef::compare_as`], with values that are worked out for whoever asks.
    fn compare_added(
        &self,
        attribute: &str,
        addition: &Addition,
        value: &[u8],
        audience: &dyn Audience,
    ) -> Option<bool> {
        if *addition != Addition::NestedGroups {
            let values = addition.values(*self).into_iter();
            let values: Vec<Vec<u8>> = values.map(|own| own.as_bytes().to_vec()).collect();
            return equals_any(attribute, &values, value);
        }
        let view = self.view();
        let groups = view.nested_groups(*self, audience);
        let mut groups = groups.iter().filter_map(|group| view.entry(Slot(group))).peekable();
        groups.peek()?;
        Some(groups.any(|group| names_same(group.dn().as_bytes(), value)))
    }

    /// Whether the entry has values of the attribute that name entries, and all of them are kept back.
    fn names_kept_back(&self, attribute: &AttributeDescription, audience: &dyn Audience) -> bool {
        let attributes = self.view().attributes();
        let Some(family) = attributes.find(attribute) else { return false };
        let mut lists = self
            .stored()
            .references
            .iter()
            .filter(|list| attributes.belongs(list.attribute, family))
            .peekable();
        lists.peek().is_some()
            && lists.all(|list| self.view().names_for(list, Some(audience)).next().is_none())
    }
}

fn equals_any(attribute: &str, values: &[Vec<u8>], asserted: &[u8]) -> Option<bool> {
    if values.is_empty() {
        return None;
    }
    let syntax = schema::attribute_type(attribute).map_or(Syntax::CaseIgnore, |known| known.syntax);
    let asserted = prepare(syntax, asserted);
    Some(asserted.is_some() && values.iter().any(|value| prepare(syntax, value) == asserted))
}

fn names_same(one: &[u8], other: &[u8]) -> bool {
    let name = |octets| NormalizedDn::parse(std::str::from_utf8(octets).ok()?).ok();
    name(one).is_some_and(|one| Some(one) == name(other))
}
