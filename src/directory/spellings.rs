//! The attribute descriptions that a batch of entries has, as they are spelled there. They are made out before
//! anything is kept, so that entries can be read beside each other without a table that grows.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::schema::{self, DirectoryKind};

use super::apply::BuildError;
use super::attributes::AttributeId;
use super::stamps::STAMPED;
use super::view::Parts;

/// Attributes that would tell something untrue about this copy: whether there are entries below is
/// answered from the view, and so is where the subschema is.
const NOT_KEPT: [&str; 2] = ["hasSubordinates", "subschemaSubentry"];

/// Descriptions in the order they were met. Entries of one sort have theirs in one order, so the place of
/// the next one is mostly known before it is looked up.
#[derive(Clone, Debug, Default)]
pub(super) struct Spellings {
    places: HashMap<Box<str>, usize>,
    list: Vec<Spelling>,
    last: usize,
}

#[derive(Clone, Debug)]
struct Spelling {
    text: Box<str>,
    /// What came after it the last time.
    next: usize,
    /// The schema does not say what its values are.
    unknown: bool,
    /// A value of it is no text.
    binary: bool,
    /// The entry it was first met in, if it came as a range: the rest of its values is missing.
    partial: Option<String>,
}

impl Spellings {
    /// Those of the entries.
    pub(super) fn of<'e>(entries: impl Iterator<Item = &'e PackedEntry>) -> Self {
        let mut spellings = Self::default();
        for entry in entries {
            for attribute in entry.attributes() {
                let text = attribute.description();
                let place = match spellings.find(text) {
                    Some(place) => place,
                    None => spellings.add(text, entry.dn()),
                };
                let Some(spelling) = spellings.list.get_mut(place) else { continue };
                if spelling.unknown && !spelling.binary {
                    let is_text = |value| std::str::from_utf8(value).is_ok();
                    spelling.binary = !attribute.values().all(is_text);
                }
            }
        }
        spellings
    }

    /// The place of a description, if it is on the list.
    fn find(&mut self, text: &str) -> Option<usize> {
        let expected = self.list.get(self.last).map_or(0, |last| last.next);
        let place = match self.list.get(expected) {
            Some(spelling) if *spelling.text == *text => expected,
            Some(_) | None => *self.places.get(text)?,
        };
        if let Some(last) = self.list.get_mut(self.last) {
            last.next = place;
        }
        self.last = place;
        Some(place)
    }

    fn add(&mut self, text: &str, dn: &str) -> usize {
        let place = self.list.len();
        let description = AttributeDescription::parse(text);
        let is_range = |option: &String| option.to_lowercase().starts_with("range=");
        let partial = description.as_ref().is_some_and(|found| found.options.iter().any(is_range));
        let type_name = description.map_or_else(|| text.to_owned(), |found| found.name);
        self.list.push(Spelling {
            text: text.into(),
            next: place + 1,
            unknown: schema::attribute_type(&type_name).is_none(),
            binary: false,
            partial: partial.then(|| dn.to_owned()),
        });
        self.places.insert(text.into(), place);
        self.last = place;
        place
    }

    /// Takes over what another run of entries has.
    fn join(&mut self, other: Self) {
        for spelling in other.list {
            match self.places.get(&spelling.text).and_then(|place| self.list.get_mut(*place)) {
                Some(known) => known.binary |= spelling.binary,
                None => {
                    let place = self.list.len();
                    self.places.insert(spelling.text.clone(), place);
                    self.list.push(Spelling { next: place + 1, ..spelling });
                }
            }
        }
    }
}

/// Descriptions as they are spelled, each with the number of its attribute.
#[derive(Clone, Debug)]
pub(super) struct Vocabulary {
    spellings: Spellings,
    /// By the place of the spelling; `None` for what is not kept.
    ids: Vec<Option<AttributeId>>,
    /// createTimeStamp, where it has to be made of whenCreated.
    pub(super) created: Option<AttributeId>,
}

impl Vocabulary {
    /// Gives numbers to the attributes that are kept of runs of entries.
    ///
    /// # Errors
    /// An attribute that came as a range; more descriptions than there are numbers.
    pub(super) fn learn(
        parts: &mut Parts,
        kind: DirectoryKind,
        runs: Vec<Spellings>,
    ) -> Result<Self, BuildError> {
        let mut spellings = Spellings::default();
        runs.into_iter().for_each(|run| spellings.join(run));
        let mut ids = Vec::with_capacity(spellings.list.len());
        for spelling in &spellings.list {
            ids.push(learn(parts, spelling)?);
        }
        // createTimeStamp is constructed from whenCreated (MS-ADTS §3.1.1.4.5.15); applications filter
        // by it.
        let is_created = |spelling: &Spelling| spelling.text.eq_ignore_ascii_case("whenCreated");
        let has_created =
            kind == DirectoryKind::ActiveDirectory && spellings.list.iter().any(is_created);
        let created = has_created.then(|| AttributeDescription::new("createTimeStamp"));
        let created = created.map(|created| parts.intern(&created)).transpose()?;
        Ok(Self { spellings, ids, created })
    }

    /// The number of an attribute, if it is kept.
    pub(super) fn find(&mut self, text: &str) -> Option<AttributeId> {
        let place = self.spellings.find(text)?;
        self.ids.get(place).copied().flatten()
    }
}

fn learn(parts: &mut Parts, spelling: &Spelling) -> Result<Option<AttributeId>, BuildError> {
    let description = AttributeDescription::parse(&spelling.text);
    if let (Some(dn), Some(description)) = (&spelling.partial, &description) {
        return Err(BuildError(format!("{dn} has only a part of its {description}")));
    }
    let Some(description) = description.filter(|found| is_kept(&found.name)) else {
        return Ok(None);
    };
    let id = parts.intern(&description)?;
    if spelling.binary {
        Arc::make_mut(&mut parts.attributes).mark_binary(id);
        parts.index.forget_values(id);
    }
    Ok(Some(id))
}

/// Whether entries of a view have such an attribute at all.
pub(super) fn is_stored(name: &str) -> bool {
    is_kept(name) || STAMPED.iter().any(|stamp| is_type(name, stamp))
}

fn is_kept(name: &str) -> bool {
    // What each controller counts for itself would change with every pass, and never be the truth.
    !schema::is_forbidden(name)
        && schema::is_replicated(name)
        && !NOT_KEPT.iter().chain(&STAMPED).any(|not| is_type(name, not))
}

fn is_type(name: &str, wanted: &str) -> bool {
    schema::attribute_type(name).map_or(name, |known| known.name).eq_ignore_ascii_case(wanted)
}
