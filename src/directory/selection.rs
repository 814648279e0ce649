//! Which attributes a search returns (RFC 4511 §4.5.1.8), and entries written that way.

use std::ops::Range;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::entry::Entry;
use crate::ldap::message::MessageId;
use crate::ldap::response;

use super::attributes::{AttributeId, key};
use super::constructed;
use super::entry_ref::EntryRef;
use super::search::Audience;
use super::stored::values;
use super::view::{Slot, View};

/// The attributes a search asks for, read once from its list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    all_user: bool,
    all_operational: bool,
    named: Vec<Named>,
    types_only: bool,
}

/// One attribute description of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    /// What different spellings of it have in common.
    key: String,
    name: String,
    binary: bool,
    range: Option<ValueRange>,
}

/// A slice of values (MS-ADTS §3.1.1.3.1.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ValueRange {
    first: usize,
    /// Included; `None` for `*`.
    last: Option<usize>,
}

impl Selection {
    /// Reads the list of a search request. An empty list and `*` mean all user attributes (memberOf
    /// among them), `+` all operational ones (RFC 3673), `1.1` none. What is no attribute description
    /// is passed over.
    #[must_use]
    pub fn parse(requested: &[String], types_only: bool) -> Self {
        let mut selection = Self { types_only, all_user: requested.is_empty(), ..Self::default() };
        for text in requested {
            match text.as_str() {
                "*" => selection.all_user = true,
                "+" => selection.all_operational = true,
                // RFC 4511 §4.5.1.8: only means anything when it stands alone.
                "1.1" => {}
                text => selection.named.extend(Named::parse(text)),
            }
        }
        selection
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
    fn is_special(&self) -> bool {
        self.binary || self.range.is_some()
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
    fn of(self, count: usize) -> (Range<usize>, String) {
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
    /// Appends one SearchResultEntry for `slot`: the selected attributes that `audience` shows, in
    /// the directory's spelling, whatever case was asked for.
    pub fn write_entry(
        &self,
        out: &mut Vec<u8>,
        id: MessageId,
        slot: Slot,
        selection: &Selection,
        audience: &dyn Audience,
    ) {
        let Some(entry) = self.entry(slot) else { return };
        let mut answer = Answer::new(entry, selection, audience);
        answer.stored();
        answer.constructed();
        answer.write(out, id);
    }
}

/// An entry of a result while it is put together.
struct Answer<'a> {
    entry: EntryRef<'a>,
    selection: &'a Selection,
    audience: &'a dyn Audience,
    /// The attributes asked for by name that some entry has.
    named: Vec<(AttributeId, &'a Named)>,
    pieces: Vec<Piece<'a>>,
    /// What had to be encoded for this answer.
    scratch: Vec<u8>,
}

enum Piece<'a> {
    Ready(&'a [u8]),
    Scratch(Range<usize>),
}

impl<'a> Answer<'a> {
    fn new(entry: EntryRef<'a>, selection: &'a Selection, audience: &'a dyn Audience) -> Self {
        let attributes = entry.view().attributes();
        let find = |named: &'a Named| attributes.find_key(&named.key).map(|id| (id, named));
        Self {
            entry,
            selection,
            audience,
            named: selection.named.iter().filter_map(find).collect(),
            pieces: Vec::new(),
            scratch: Vec::new(),
        }
    }

    fn stored(&mut self) {
        if self.selection.is_empty() {
            return;
        }
        let view = self.entry.view();
        let stored = self.entry.stored();
        for (id, element) in stored.fields.iter() {
            match self.choice(id) {
                Choice::Out => {}
                Choice::Plain if !self.selection.types_only => {
                    self.pieces.push(Piece::Ready(element))
                }
                Choice::Plain => self.encode(id, None, std::iter::empty()),
                Choice::Special(named) => self.encode(id, Some(named), values(element)),
            }
        }
        for list in &stored.references {
            let names = list.values.iter().map(|value| view.name(value));
            match self.choice(list.attribute) {
                Choice::Out => {}
                Choice::Plain => self.encode(list.attribute, None, names),
                Choice::Special(named) => self.encode(list.attribute, Some(named), names),
            }
        }
    }

    fn choice(&self, id: AttributeId) -> Choice<'a> {
        let attributes = self.entry.view().attributes();
        let Some(info) = attributes.info(id) else { return Choice::Out };
        let mut by_name = self.named.iter().filter(|(wanted, _)| attributes.belongs(id, *wanted));
        let special = by_name.clone().find(|(_, named)| named.is_special());
        let general =
            if info.operational { self.selection.all_operational } else { self.selection.all_user };
        if !(general || by_name.next().is_some()) || !self.audience.shows(&info.type_name) {
            return Choice::Out;
        }
        special.map_or(Choice::Plain, |(_, named)| Choice::Special(named))
    }

    fn encode<'v>(
        &mut self,
        id: AttributeId,
        named: Option<&Named>,
        values: impl Iterator<Item = &'v [u8]> + Clone,
    ) {
        let Some(info) = self.entry.view().attributes().info(id) else { return };
        let mut description = info.spelling.clone();
        if named.is_some_and(|named| named.binary) && !description.ends_with(";binary") {
            description.push_str(";binary");
        }
        let mut positions = 0..usize::MAX;
        if let Some(range) = named.and_then(|named| named.range) {
            let (slice, option) = range.of(values.clone().count());
            description.push(';');
            description.push_str(&option);
            positions = slice;
        }
        let most = if self.selection.types_only { 0 } else { positions.len() };
        self.encode_as(&description, values.skip(positions.start).take(most));
    }

    fn encode_as<'v>(&mut self, description: &str, values: impl Iterator<Item = &'v [u8]> + Clone) {
        let start = self.scratch.len();
        response::encode_attribute(&mut self.scratch, description, values);
        self.pieces.push(Piece::Scratch(start..self.scratch.len()));
    }

    /// What is asked for and worked out: by name if the entry does not store it, and by `+`.
    fn constructed(&mut self) {
        let selection = self.selection;
        let mut wanted: Vec<&'static str> = Vec::new();
        let by_name = selection.named.iter().map(|named| named.name.as_str());
        let by_plus: Vec<&str> = if selection.all_operational {
            constructed::operational(self.entry).collect()
        } else {
            Vec::new()
        };
        for name in by_name.chain(by_plus) {
            if let Some(spelling) = constructed::spelling(self.entry, name)
                && !wanted.contains(&spelling)
                && !self.is_stored(spelling)
                && self.audience.shows(spelling)
            {
                wanted.push(spelling);
            }
        }
        for spelling in wanted {
            let values = constructed::values(self.entry, spelling);
            if !values.is_empty() {
                let most = if selection.types_only { 0 } else { values.len() };
                self.encode_as(spelling, values.iter().take(most).map(AsRef::as_ref));
            }
        }
    }

    fn is_stored(&self, spelling: &str) -> bool {
        let stored = self.entry.stored();
        self.entry.view().attributes().find_name(spelling).is_some_and(|id| {
            stored.references.iter().any(|list| list.attribute == id)
                || stored.fields.element(id).is_some()
        })
    }

    fn write(&self, out: &mut Vec<u8>, id: MessageId) {
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Ready(element) => element,
            Piece::Scratch(range) => self.scratch.get(range.clone()).unwrap_or_default(),
        });
        response::write_entry(out, id, self.entry.dn().as_bytes(), pieces);
    }
}

/// Whether and how an attribute is returned.
enum Choice<'a> {
    Out,
    Plain,
    Special(&'a Named),
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
