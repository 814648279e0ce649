//! What is kept of entries that were read: their attributes in the view's own form, and what they name. Nothing
//! is changed here, so runs of entries can be read beside each other.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use imbl::OrdMap;

use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::AttributeValues;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::schema::Syntax;

use super::attributes::{AttributeId, Attributes};
use super::intake::Content;
use super::spellings::Vocabulary;
use super::stored::{OutsideName, References};

/// Values that refer to nothing in the view, each kept once.
pub(super) type OutsideNames = HashMap<Box<[u8]>, Arc<OutsideName>>;

/// What entries are read with. Names are final by now.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'s> {
    pub(super) attributes: &'s Attributes,
    /// The slots of entries by name.
    pub(super) slot: &'s (dyn Fn(&NormalizedDn) -> Option<u32> + Sync),
    /// The same by names as they are spelled, where that is at hand: most values spell a name as its entry does,
    /// and need not be parsed then.
    pub(super) spelled: Option<&'s HashMap<Arc<str>, u32>>,
    /// The names outside that are known from before.
    pub(super) outside: &'s OrdMap<Box<[u8]>, Arc<OutsideName>>,
}

/// Turns the attributes of entries into what is kept of them.
pub(super) struct Contents<'s> {
    around: Surroundings<'s>,
    vocabulary: Vocabulary,
    /// Names outside that were met and are new.
    pub(super) outside: OutsideNames,
    seen: Vec<AttributeId>,
    inside: Vec<u32>,
    /// Groups that values of memberOf have named: many name the same.
    groups: HashSet<Box<[u8]>>,
}

impl<'s> Contents<'s> {
    pub(super) fn new(around: Surroundings<'s>, vocabulary: &Vocabulary) -> Self {
        let vocabulary = vocabulary.clone();
        let (seen, inside, groups) = (Vec::new(), Vec::new(), HashSet::new());
        Self { around, vocabulary, outside: HashMap::new(), seen, inside, groups }
    }

    /// Adds to `content` what is kept of `entry`. memberOf has only the names outside the view: the others
    /// follow from the groups.
    pub(super) fn read(&mut self, entry: &PackedEntry, content: &mut Content) {
        self.seen.clear();
        for attribute in entry.attributes() {
            let Some(id) = self.vocabulary.find(attribute.description()) else { continue };
            let values = attribute.values();
            if values.clone().next().is_none() {
                continue;
            }
            if self.seen.contains(&id) {
                // The same description in two spellings, which hardly ever comes.
                content.clear();
                return self.read_merged(entry, content);
            }
            self.seen.push(id);
            self.keep(content, id, values);
        }
        let created = self.vocabulary.created.filter(|id| !self.seen.contains(id));
        if let Some(id) = created
            && let Some(created) = entry.first_of("whenCreated")
        {
            self.keep(content, id, std::iter::once(created));
        }
    }

    /// The same, with the values of one attribute put together.
    fn read_merged(&mut self, entry: &PackedEntry, content: &mut Content) {
        let mut merged: Vec<(AttributeId, Vec<&[u8]>)> = Vec::new();
        for attribute in entry.attributes() {
            let Some(id) = self.vocabulary.find(attribute.description()) else { continue };
            match merged.iter_mut().find(|(found, _)| *found == id) {
                Some((_, list)) => list.extend(attribute.values()),
                None => merged.push((id, attribute.values().collect())),
            }
        }
        let created = self.vocabulary.created;
        let created = created.filter(|id| merged.iter().all(|(found, _)| found != id));
        if let (Some(id), Some(created)) = (created, entry.first_of("whenCreated")) {
            merged.push((id, vec![created]));
        }
        for (id, values) in merged.iter().filter(|(_, values)| !values.is_empty()) {
            self.keep(content, *id, values.iter().copied());
        }
    }

    fn keep<'v>(
        &mut self,
        content: &mut Content,
        id: AttributeId,
        values: impl Iterator<Item = &'v [u8]> + Clone,
    ) {
        let Some(info) = self.around.attributes.info(id) else { return };
        if info.syntax == Syntax::DistinguishedName {
            let derived = info.type_name.eq_ignore_ascii_case("memberOf");
            content.references.extend(self.references(id, values, derived));
        } else {
            content.push(self.around.attributes, id, values);
        }
    }

    fn references<'v>(
        &mut self,
        attribute: AttributeId,
        values: impl Iterator<Item = &'v [u8]>,
        derived: bool,
    ) -> Option<References> {
        self.inside.clear();
        let mut outside = Vec::new();
        for value in values {
            if derived && self.groups.contains(value) {
                continue;
            }
            match self.reference(value) {
                Ok(_) if derived => _ = self.groups.insert(value.into()),
                Ok(slot) => self.inside.push(slot),
                Err(name) => outside.push(name),
            }
        }
        References::new(attribute, self.inside.iter().copied().collect(), outside)
    }

    /// What a value of DN syntax refers to: an entry, or a name outside.
    fn reference(&mut self, value: &[u8]) -> Result<u32, Arc<OutsideName>> {
        if let Some(known) = self.outside.get(value) {
            return Err(known.clone());
        }
        let text = std::str::from_utf8(value).ok();
        let spelled = self.around.spelled.and_then(|spelled| spelled.get(text?));
        if let Some(slot) = spelled {
            return Ok(*slot);
        }
        let name = text.and_then(|text| NormalizedDn::parse(text).ok());
        if let Some(slot) = name.as_ref().and_then(self.around.slot) {
            return Ok(slot);
        }
        let known = self.around.outside.get(value).cloned();
        let outside = known.unwrap_or_else(|| Arc::new(OutsideName { octets: value.into(), name }));
        self.outside.insert(value.into(), outside.clone());
        Err(outside)
    }
}
