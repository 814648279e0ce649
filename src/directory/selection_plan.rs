//! Entries written out for one search: what is returned is decided once for each attribute of the view,
//! so that writing an entry is one walk over what it stores.

use std::borrow::Cow;
use std::time::SystemTime;

use crate::ldap::entry_writer::EntryWriter;
use crate::ldap::message::MessageId;
use crate::ldap::schema::Syntax;

use super::attributes::{AttributeId, AttributeInfo};
use super::constructed::{self, Asked, Constructed};
use super::entry_ref::EntryRef;
use super::search::Audience;
use super::selection::{Named, Selection, ValueRange};
use super::stored::values;
use super::view::{Slot, View};
use super::wording::{Addition, Additions};

/// A [`Selection`] made ready for one view and one audience. It holds no part of the view, so a session
/// may keep it for the next search; with another view it means nothing.
#[derive(Debug, Default)]
pub struct SelectionPlan {
    /// By the number of the attribute.
    columns: Vec<Column>,
    special: Vec<Special>,
    /// memberOf, where primary groups are to be among its values.
    member_of: Option<Special>,
    constructed: Vec<Wanted>,
    /// By what they are shown as.
    added: Vec<(String, Addition)>,
    /// memberOf has nested groups too.
    nested: bool,
    /// … and the primary group.
    primary: bool,
    types_only: bool,
    /// Nothing that entries store is asked for.
    names_only: bool,
    /// By the number of the attribute: values that name entries are looked at one by one.
    guarded: Vec<bool>,
}

/// Whether and how an attribute that entries store is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Out,
    /// As it is stored.
    Ready,
    /// Encoded anew: the place in [`SelectionPlan::special`].
    Special(usize),
    /// With the primary group.
    MemberOf,
}

/// An attribute whose answer is not simply what is stored.
#[derive(Clone, Debug, Default)]
struct Special {
    /// As written in the answer, a range left out.
    description: String,
    range: Option<ValueRange>,
    /// It is here only because values are left out or worded anew; a form that was asked for takes its place.
    plain: bool,
    /// The attribute, if its values are shown otherwise than they are stored.
    rewritten: Option<Box<str>>,
}

/// A constructed attribute that is asked for.
#[derive(Debug)]
struct Wanted {
    attribute: &'static Constructed,
    /// The number under which entries may store it; what is stored goes first.
    stored: Option<AttributeId>,
}

impl View {
    /// Makes a selection ready for the entries of this view. With `primary_groups`, an account's primary
    /// group is among its memberOf values, where Active Directory leaves it out (MS-ADTS §3.1.1.4.5.21
    /// has member and memberOf only).
    #[must_use]
    pub fn plan(
        &self,
        selection: &Selection,
        audience: &dyn Audience,
        primary_groups: bool,
    ) -> SelectionPlan {
        let mut plan = SelectionPlan {
            types_only: selection.types_only,
            names_only: selection.is_empty(),
            ..SelectionPlan::default()
        };
        if !plan.names_only {
            Planner { view: self, selection, audience, primary_groups }.fill(&mut plan);
        }
        plan
    }

    /// Appends one SearchResultEntry for `slot`, with the attributes and in the spelling that `plan`,
    /// made from this view, has decided. `now` is the time that constructed attributes speak of.
    pub fn write_planned(
        &self,
        out: &mut Vec<u8>,
        id: MessageId,
        slot: Slot,
        plan: &SelectionPlan,
        audience: &dyn Audience,
        now: SystemTime,
    ) {
        let Some(entry) = self.entry(slot) else { return };
        let Some(name) = shown_name(entry.dn(), audience) else { return };
        let mut writer = EntryWriter::begin(out, id, name.as_bytes());
        if !plan.names_only {
            plan.write_stored(&mut writer, entry, audience);
            plan.write_added(&mut writer, entry);
            plan.write_constructed(
                &mut writer,
                entry,
                Asked { audience: Some(audience), now: Some(now) },
            );
        }
        writer.end();
    }

    /// As [`View::write_planned`], for a single entry.
    pub fn write_entry(
        &self,
        out: &mut Vec<u8>,
        id: MessageId,
        slot: Slot,
        selection: &Selection,
        audience: &dyn Audience,
    ) {
        let plan = self.plan(selection, audience, false);
        self.write_planned(out, id, slot, &plan, audience, self.built_at());
    }
}

struct Planner<'a> {
    view: &'a View,
    selection: &'a Selection,
    audience: &'a dyn Audience,
    primary_groups: bool,
}

impl Planner<'_> {
    fn fill(&self, plan: &mut SelectionPlan) {
        let attributes = self.view.attributes();
        plan.columns = vec![Column::Out; attributes.len()];
        if self.selection.all_user || self.selection.all_operational {
            self.general(plan);
        }
        for named in &self.selection.named {
            if let Some(family) = attributes.find_key(&named.key) {
                self.family(plan, family, named);
            }
        }
        let additions = self.audience.wording().map(|wording| &wording.additions);
        plan.nested = additions.is_some_and(Additions::nest_groups);
        plan.primary = self.primary_groups;
        if self.primary_groups || plan.nested {
            self.primary_groups(plan);
        }
        if let Some(additions) = additions {
            self.add(plan, additions);
        }
        self.constructed(plan);
        let guarded = |info: &AttributeInfo| {
            info.syntax == Syntax::DistinguishedName
                && self.audience.keeps_names_back(&info.type_name)
        };
        plan.guarded = attributes.iter().map(|(_, info)| guarded(info)).collect();
    }

    /// `*` and `+`.
    fn general(&self, plan: &mut SelectionPlan) {
        for (id, info) in self.view.attributes().iter() {
            let wanted = if info.operational {
                self.selection.all_operational
            } else {
                self.selection.all_user
            };
            if wanted && self.audience.shows(&info.type_name) {
                self.choose(plan, id, None);
            }
        }
    }

    /// An attribute that is named, and its descriptions with options (RFC 4512 §2.5.2.1).
    fn family(&self, plan: &mut SelectionPlan, family: AttributeId, named: &Named) {
        let attributes = self.view.attributes();
        let shown =
            attributes.info(family).is_some_and(|info| self.audience.shows(&info.type_name));
        if !shown {
            return;
        }
        self.choose(plan, family, Some(named));
        if attributes.has_options() {
            for (id, info) in attributes.iter() {
                if info.family == family && id != family {
                    self.choose(plan, id, Some(named));
                }
            }
        }
    }

    fn choose(&self, plan: &mut SelectionPlan, id: AttributeId, named: Option<&Named>) {
        let special = named.is_some_and(Named::is_special);
        let Some(column) = plan.columns.get_mut(id.index()) else { return };
        // Asked for twice, the first special form decides: a client that names a range wants no more.
        let decided = match *column {
            Column::Out => false,
            Column::Special(place) => {
                !special || plan.special.get(place).is_some_and(|chosen| !chosen.plain)
            }
            Column::Ready | Column::MemberOf => !special,
        };
        if decided {
            return;
        }
        let Some(info) = self.view.attributes().info(id) else { return };
        let reworded = self.audience.wording().filter(|wording| wording.rewords(&info.type_name));
        if !special && !plan.types_only && reworded.is_none() {
            *column = Column::Ready;
            return;
        }
        let mut description = match reworded {
            Some(wording) => wording.description(&info.type_name, &info.spelling),
            None => info.spelling.clone(),
        };
        if named.is_some_and(|named| named.binary) && !description.ends_with(";binary") {
            description.push_str(";binary");
        }
        *column = Column::Special(plan.special.len());
        let range = named.and_then(|named| named.range);
        let rewritten = self.rewritten(&info.type_name);
        plan.special.push(Special { description, range, plain: !special, rewritten });
    }

    /// Attributes that are worked out for whoever asks, in the place of what is stored.
    fn add(&self, plan: &mut SelectionPlan, additions: &Additions) {
        let attributes = self.view.attributes();
        for (name, addition) in additions.of_users() {
            let stored = attributes.find_name(name);
            for (id, info) in attributes.iter() {
                if stored == Some(info.family)
                    && let Some(column) = plan.columns.get_mut(id.index())
                {
                    *column = Column::Out;
                }
            }
            if self.selection.takes(name, false) && self.audience.shows(name) {
                let shown = self.audience.wording().map(|wording| wording.description(name, name));
                plan.added.push((shown.unwrap_or_default(), addition.clone()));
            }
        }
    }

    fn is_added(&self, attribute: &str) -> bool {
        let wording = self.audience.wording();
        wording.is_some_and(|wording| wording.additions.of(attribute).is_some())
    }

    /// The attribute, if its values are shown otherwise than they are stored.
    fn rewritten(&self, attribute: &str) -> Option<Box<str>> {
        let wording = self.audience.wording()?;
        wording.rewrites(attribute).then(|| attribute.into())
    }

    fn primary_groups(&self, plan: &mut SelectionPlan) {
        if !self.audience.shows(MEMBER_OF) {
            return;
        }
        let named = self.selection.named.iter().find(|named| named.is_type(MEMBER_OF));
        let plain = || Special {
            description: match self.audience.wording() {
                Some(wording) => wording.description(MEMBER_OF, MEMBER_OF),
                None => MEMBER_OF.to_owned(),
            },
            range: named.and_then(|named| named.range),
            plain: true,
            rewritten: self.rewritten(MEMBER_OF),
        };
        let found = self.view.attributes().find_name(MEMBER_OF);
        plan.member_of = match found.and_then(|id| plan.columns.get_mut(id.index())) {
            Some(Column::Out) => None,
            Some(column) => {
                let special = match *column {
                    Column::Special(place) => plan.special.get(place).cloned(),
                    Column::Out | Column::Ready | Column::MemberOf => None,
                };
                *column = Column::MemberOf;
                Some(special.unwrap_or_else(plain))
            }
            // No group of this view lists anybody; there may be primary groups all the same.
            None => (self.selection.all_user || named.is_some()).then(plain),
        };
    }

    fn constructed(&self, plan: &mut SelectionPlan) {
        let kind = self.view.domain().kind;
        let by_name =
            self.selection.named.iter().filter_map(|named| constructed::find(kind, &named.name));
        let by_plus = self.selection.all_operational.then(|| constructed::operational(kind));
        for attribute in by_name.chain(by_plus.into_iter().flatten()) {
            let spelling = attribute.spelling;
            if plan.constructed.iter().any(|wanted| wanted.attribute.spelling == spelling)
                || !self.audience.shows(spelling)
                || self.is_added(spelling)
            {
                continue;
            }
            let stored = self.view.attributes().find_name(spelling);
            plan.constructed.push(Wanted { attribute, stored });
        }
    }
}

const MEMBER_OF: &str = "memberOf";

impl SelectionPlan {
    fn column(&self, id: AttributeId) -> Column {
        self.columns.get(id.index()).copied().unwrap_or(Column::Out)
    }

    fn write_stored(
        &self,
        writer: &mut EntryWriter<'_>,
        entry: EntryRef<'_>,
        audience: &dyn Audience,
    ) {
        for (id, element) in entry.stored().fields.iter() {
            match self.column(id) {
                Column::Ready => writer.ready(element),
                Column::Out => {}
                Column::Special(place) => {
                    if let Some(special) = self.special.get(place) {
                        special.write(writer, values(element), self.types_only, audience);
                    }
                }
                Column::MemberOf => self.write_member_of(writer, entry, values(element), audience),
            }
        }
        let mut member_of_written = false;
        for list in entry.stored().references.iter() {
            let id = list.attribute;
            let guarded = self.guarded.get(id.index()).copied().unwrap_or(false);
            let guard = guarded.then_some(audience);
            let names = entry.view().names_for(list, guard);
            if guard.is_some() && names.clone().next().is_none() {
                continue;
            }
            match self.column(id) {
                Column::Ready => {
                    let info = entry.view().attributes().info(id);
                    writer.attribute(info.map_or("", |info| &info.spelling), names);
                }
                Column::Out => {}
                Column::Special(place) => {
                    if let Some(special) = self.special.get(place) {
                        special.write(writer, names, self.types_only, audience);
                    }
                }
                Column::MemberOf => {
                    self.write_member_of(writer, entry, names, audience);
                    member_of_written = true;
                }
            }
        }
        if self.member_of.is_some() && !member_of_written {
            self.write_member_of(writer, entry, std::iter::empty(), audience);
        }
    }

    fn write_added(&self, writer: &mut EntryWriter<'_>, entry: EntryRef<'_>) {
        for (description, addition) in &self.added {
            let values = addition.values(entry);
            if !values.is_empty() {
                let most = if self.types_only { 0 } else { values.len() };
                let values = values.iter().take(most).map(|value| value.as_bytes());
                writer.attribute(description, values);
            }
        }
    }

    /// memberOf with the primary group behind the other groups, unless it is among them.
    fn write_member_of<'v>(
        &self,
        writer: &mut EntryWriter<'_>,
        entry: EntryRef<'v>,
        names: impl Iterator<Item = &'v [u8]> + Clone,
        audience: &dyn Audience,
    ) {
        let Some(special) = &self.member_of else { return };
        if self.nested {
            let view = entry.view();
            let groups = view.nested_groups(entry, audience);
            let groups = groups.iter().filter_map(|group| view.entry(Slot(group)));
            let names: Vec<&[u8]> = groups.map(|group| group.dn().as_bytes()).collect();
            if !names.is_empty() {
                special.write(writer, names.iter().copied(), self.types_only, audience);
            }
            return;
        }
        let primary = if self.primary { primary_group_name(entry, Some(audience)) } else { None };
        let primary = primary.filter(|primary| !names.clone().any(|name| name == *primary));
        let names = names.chain(primary);
        if names.clone().next().is_some() {
            special.write(writer, names, self.types_only, audience);
        }
    }

    fn write_constructed(
        &self,
        writer: &mut EntryWriter<'_>,
        entry: EntryRef<'_>,
        asked: Asked<'_>,
    ) {
        for wanted in &self.constructed {
            if wanted.stored.is_some_and(|id| stores(entry, id)) {
                continue;
            }
            let mut values = (wanted.attribute.values)(entry, asked);
            let mut description = Cow::Borrowed(wanted.attribute.spelling);
            if let Some(wording) = asked.audience.and_then(Audience::wording) {
                let shown = |value: Vec<u8>| {
                    wording.value(wanted.attribute.spelling, &value).map(Cow::into_owned)
                };
                values = values.into_iter().filter_map(shown).collect();
                description = Cow::Owned(wording.description(&description, &description));
            }
            if !values.is_empty() {
                let most = if self.types_only { 0 } else { values.len() };
                let values = values.iter().take(most).map(Vec::as_slice);
                writer.attribute(&description, values);
            }
        }
    }
}

impl Special {
    fn write<'v>(
        &self,
        writer: &mut EntryWriter<'_>,
        values: impl Iterator<Item = &'v [u8]> + Clone,
        types_only: bool,
        audience: &dyn Audience,
    ) {
        let (Some(attribute), Some(wording)) = (&self.rewritten, audience.wording()) else {
            return self.write_slice(writer, values, types_only);
        };
        let values: Vec<Cow<'v, [u8]>> =
            values.filter_map(|value| wording.value(attribute, value)).collect();
        if !values.is_empty() {
            self.write_slice(writer, values.iter().map(AsRef::as_ref), types_only);
        }
    }

    fn write_slice<'v>(
        &self,
        writer: &mut EntryWriter<'_>,
        values: impl Iterator<Item = &'v [u8]> + Clone,
        types_only: bool,
    ) {
        let mut description = Cow::Borrowed(self.description.as_str());
        let mut positions = 0..usize::MAX;
        if let Some(range) = self.range {
            let (slice, option) = range.of(values.clone().count());
            description = Cow::Owned(format!("{description};{option}"));
            positions = slice;
        }
        let most = if types_only { 0 } else { positions.len() };
        writer.attribute(&description, values.skip(positions.start).take(most));
    }
}

/// Whether the entry stores values of the attribute.
fn stores(entry: EntryRef<'_>, id: AttributeId) -> bool {
    let stored = entry.stored();
    stored.references.iter().any(|list| list.attribute == id) || stored.fields.element(id).is_some()
}

/// What the audience calls an entry of this name; `None`: it has no name for it.
fn shown_name<'n>(name: &'n str, audience: &dyn Audience) -> Option<Cow<'n, str>> {
    match audience.wording() {
        None => Some(Cow::Borrowed(name)),
        Some(wording) => wording.bases.outward(name),
    }
}

/// What an account's primary group is called, if that may be told.
pub(super) fn primary_group_name<'v>(
    entry: EntryRef<'v>,
    guard: Option<&dyn Audience>,
) -> Option<&'v [u8]> {
    let view = entry.view();
    let group = view.entry(Slot(view.primary_group(entry.slot().0)?))?;
    let told = guard.is_none_or(|audience| audience.may_name(group));
    told.then(|| group.dn().as_bytes())
}
