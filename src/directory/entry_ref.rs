//! One entry of a view, read.

use std::borrow::Cow;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::filter::Filter;
use crate::ldap::identifier::{Guid, Sid};
use crate::ldap::matching_rule::prepare;
use crate::ldap::schema::{self, DirectoryKind, Syntax};

use super::constructed;
use super::domain::EntryKind;
use super::search::Audience;
use super::stored::{References, Stored, values};
use super::view::{Slot, View};

/// The flag of userAccountControl that disables an account (MS-ADTS §2.2.16, ADS_UF_ACCOUNTDISABLE).
const ACCOUNT_DISABLED: i64 = 0x2;

/// An entry of a view.
#[derive(Clone, Copy, Debug)]
pub struct EntryRef<'a> {
    view: &'a View,
    slot: Slot,
    stored: &'a Stored,
}

impl<'a> EntryRef<'a> {
    pub(super) fn new(view: &'a View, slot: Slot) -> Option<Self> {
        view.stored(slot.0).map(|stored| Self { view, slot, stored })
    }

    /// Its number within the view.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// The view it is an entry of.
    #[must_use]
    pub fn view(&self) -> &'a View {
        self.view
    }

    /// The identity that survives moves and renames.
    #[must_use]
    pub fn guid(&self) -> Guid {
        self.stored.guid
    }

    /// Its objectSid.
    #[must_use]
    pub fn sid(&self) -> Option<&'a Sid> {
        self.stored.sid.as_ref()
    }

    /// Its distinguished name as the directory spells it.
    #[must_use]
    pub fn dn(&self) -> &'a str {
        &self.stored.dn
    }

    /// Its distinguished name for comparing.
    #[must_use]
    pub fn normalized_dn(&self) -> &'a NormalizedDn {
        &self.stored.name
    }

    /// What sort of entry it is.
    #[must_use]
    pub fn kind(&self) -> EntryKind {
        self.stored.kind
    }

    /// The entry directly above, if it was copied.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.view.parent_slot(self.slot.0).and_then(|slot| self.view.entry(Slot(slot)))
    }

    /// The first value of the attribute.
    #[must_use]
    pub fn first(&self, attribute: &str) -> Option<Cow<'a, [u8]>> {
        self.collect(attribute, 1).into_iter().next()
    }

    /// The first value of the attribute, if it is text.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<Cow<'a, str>> {
        match self.first(attribute)? {
            Cow::Borrowed(octets) => std::str::from_utf8(octets).ok().map(Cow::Borrowed),
            Cow::Owned(octets) => String::from_utf8(octets).ok().map(Cow::Owned),
        }
    }

    /// The values of the attribute, those of its descriptions with options included: stored ones,
    /// names written out as their entries are called now, and constructed ones. Never a forbidden
    /// attribute.
    #[must_use]
    pub fn values(&self, attribute: &str) -> Vec<Cow<'a, [u8]>> {
        self.collect(attribute, usize::MAX)
    }

    fn collect(&self, attribute: &str, most: usize) -> Vec<Cow<'a, [u8]>> {
        let attributes = self.view.attributes();
        let Some(family) = attributes.find_name(attribute) else {
            return constructed::values(*self, attribute);
        };
        let stored: &'a Stored = self.stored;
        let mut found: Vec<Cow<'a, [u8]>> = Vec::new();
        for (id, element) in stored.fields.iter() {
            if attributes.belongs(id, family) {
                found.extend(values(element).take(most).map(Cow::Borrowed));
            }
        }
        for list in stored.references.iter() {
            if attributes.belongs(list.attribute, family) {
                found.extend(self.view.names(list).take(most).map(Cow::Borrowed));
            }
        }
        if found.is_empty() { constructed::values(*self, attribute) } else { found }
    }

    /// Whether some value equals `value` under the attribute's matching rule, for Compare (RFC 4511
    /// §4.10), as `audience` may be told. `None`: the entry has no such attribute.
    #[must_use]
    pub(super) fn compare(
        &self,
        attribute: &str,
        value: &[u8],
        audience: Option<&dyn Audience>,
    ) -> Option<bool> {
        let description = AttributeDescription::parse(attribute)?;
        let own = self.values(attribute);
        if own.is_empty() {
            return None;
        }
        if self.view.attributes().find(&description).is_none() {
            let syntax = schema::attribute_type(attribute).map_or(Syntax::CaseIgnore, |t| t.syntax);
            let wanted = prepare(syntax, value);
            return Some(wanted.is_some() && own.iter().any(|own| prepare(syntax, own) == wanted));
        }
        let filter = Filter::Equality { attribute: description, value: value.to_vec() };
        let node = match audience {
            Some(audience) => self.view.compile_for(&filter, audience),
            None => self.view.compile(&filter),
        };
        Some(node.holds(self.view, self.slot.0))
    }

    /// Whether the directory itself says the account is disabled: the flag of userAccountControl, or
    /// `pwdAccountLockedTime`. Used to count what changed; who may log in is decided by
    /// `policy::account`.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        match self.view.domain().kind {
            DirectoryKind::ActiveDirectory => self
                .text("userAccountControl")
                .and_then(|flags| flags.parse::<i64>().ok())
                .is_some_and(|flags| flags & ACCOUNT_DISABLED != 0),
            DirectoryKind::OpenLdap => self.first("pwdAccountLockedTime").is_some(),
        }
    }

    pub(super) fn stored(&self) -> &'a Stored {
        self.stored
    }
}

impl View {
    /// The values of an attribute of DN syntax, written out.
    pub(super) fn names<'v>(
        &'v self,
        list: &'v References,
    ) -> impl Iterator<Item = &'v [u8]> + Clone + 'v {
        self.names_for(list, None)
    }

    /// The same without those that name entries which `guard` says may not be named.
    pub(super) fn names_for<'v>(
        &'v self,
        list: &'v References,
        guard: Option<&'v dyn Audience>,
    ) -> impl Iterator<Item = &'v [u8]> + Clone + 'v {
        let may_be_told = move |slot: &u32| match guard {
            None => true,
            Some(audience) => self.entry(Slot(*slot)).is_some_and(|entry| audience.may_name(entry)),
        };
        let names = list
            .inside
            .iter()
            .filter(may_be_told)
            .map(|slot| self.stored(slot).map_or(&[][..], |stored| stored.dn.as_bytes()));
        names.chain(list.outside.iter().map(|outside| &*outside.octets))
    }
}
