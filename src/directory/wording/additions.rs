//! Attributes that the directory does not have, or not so.

use std::borrow::Cow;
use std::collections::HashMap;

use roaring::RoaringBitmap;

use crate::ldap::entry::{Entry, EntryAttribute};
use crate::ldap::filter::Filter;
use crate::ldap::schema;

use super::super::domain::EntryKind;
use super::super::entry_ref::EntryRef;
use super::super::lone;
use super::super::mapping::organizational_unit;
use super::super::search::Audience;
use super::super::view::{Slot, View};
use super::attributes::key;

/// The attribute that [`Addition::NestedGroups`] is about.
const MEMBER_OF: &str = "memberOf";

/// Attributes with values of another origin, by the name that the directory would have for them. What the directory
/// stores there is not shown.
#[derive(Clone, Debug, Default)]
pub struct Additions(HashMap<Box<str>, (Box<str>, Addition)>);

/// Where the values come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addition {
    /// Every user has these.
    Constant(Vec<Box<str>>),
    /// A user has the name of this organizational unit, counted from 1 at the top below the naming context; none if
    /// the user is not so deep.
    OrganizationalUnit(usize),
    /// An entry has all groups that it is in, nested ones too. It is an addition to memberOf alone.
    NestedGroups,
}

impl Additions {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds an attribute, in the place of one that was added before. Gives whether there was none.
    pub fn add(&mut self, attribute: &str, addition: Addition) -> bool {
        let name = schema::attribute_type(attribute).map_or(attribute, |known| known.name);
        self.0.insert(key(name).into(), (name.into(), addition)).is_none()
    }

    /// Where the values of the attribute (its type) come from; `None`: from the directory.
    #[must_use]
    pub fn of(&self, attribute: &str) -> Option<&Addition> {
        if self.is_empty() {
            return None;
        }
        self.0.get(key(attribute).as_str()).map(|(_, addition)| addition)
    }

    /// Whether memberOf has nested groups too.
    #[must_use]
    pub fn nest_groups(&self) -> bool {
        self.of(MEMBER_OF) == Some(&Addition::NestedGroups)
    }

    /// Those that users alone have, as they are written.
    pub(in super::super) fn of_users(&self) -> impl Iterator<Item = (&str, &Addition)> {
        let all = self.0.values().map(|(name, addition)| (&**name, addition));
        all.filter(|(_, addition)| **addition != Addition::NestedGroups)
    }
}

impl Addition {
    /// The values for an entry. [`Addition::NestedGroups`] has none here: they depend on who asks.
    #[must_use]
    pub fn values<'a>(&'a self, entry: EntryRef<'_>) -> Vec<Cow<'a, str>> {
        if entry.kind() != EntryKind::User {
            return Vec::new();
        }
        match self {
            Self::Constant(values) => values.iter().map(|value| Cow::Borrowed(&**value)).collect(),
            Self::OrganizationalUnit(place) => {
                organizational_unit(entry, *place).map(Cow::Owned).into_iter().collect()
            }
            Self::NestedGroups => Vec::new(),
        }
    }
}

/// An assertion on an attribute that was added.
#[derive(Debug)]
pub(in super::super) struct Asserted<'v> {
    attribute: &'v str,
    addition: &'v Addition,
    filter: Filter,
}

impl<'v> Asserted<'v> {
    /// `None`: Undefined, whatever the values.
    pub(in super::super) fn new(
        attribute: &'v str,
        addition: &'v Addition,
        filter: &Filter,
    ) -> Option<Self> {
        let asserted = Self { attribute, addition, filter: filter.clone() };
        asserted.truth(&[Cow::Borrowed("")]).map(|_| asserted)
    }

    /// Whether it is True for the entry.
    pub(in super::super) fn holds(&self, view: &View, slot: u32) -> bool {
        view.entry(Slot(slot)).is_some_and(|entry| {
            let values = self.addition.values(entry);
            !values.is_empty() && self.truth(&values) == Some(true)
        })
    }

    fn truth(&self, values: &[Cow<'_, str>]) -> Option<bool> {
        let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        let attribute = EntryAttribute { description: self.attribute.to_owned(), values };
        let entry = Entry { dn: String::new(), attributes: vec![attribute] };
        lone::holds_or_not(&self.filter, &entry)
    }
}

impl View {
    /// All groups that an entry is in, nested ones too, that the audience may be told. They are those that a filter
    /// along the chain finds it in: with the primary group only where that counts.
    pub(in super::super) fn nested_groups(
        &self,
        entry: EntryRef<'_>,
        audience: &dyn Audience,
    ) -> RoaringBitmap {
        let Some(member_of) = self.attributes().find_name(MEMBER_OF) else {
            return self.told_primary(entry, audience);
        };
        let mut found = RoaringBitmap::new();
        let mut open = vec![entry.slot().0];
        while let Some(slot) = open.pop() {
            let list = self.stored(slot).and_then(|stored| stored.list(member_of));
            let above = list.into_iter().flat_map(|list| list.inside.iter());
            let primary = audience.counts_primary_groups().then(|| self.primary_group(slot));
            open.extend(above.chain(primary.flatten()).filter(|group| found.insert(*group)));
        }
        let told =
            |slot: &u32| self.entry(Slot(*slot)).is_some_and(|group| audience.may_name(group));
        found.into_iter().filter(told).collect()
    }

    fn told_primary(&self, entry: EntryRef<'_>, audience: &dyn Audience) -> RoaringBitmap {
        let primary = audience.counts_primary_groups().then(|| self.primary_group(entry.slot().0));
        let group = primary.flatten().and_then(|group| self.entry(Slot(group)));
        group
            .filter(|group| audience.may_name(*group))
            .map(|group| group.slot().0)
            .into_iter()
            .collect()
    }
}
