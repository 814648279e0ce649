//! Values that name entries, when those come or go.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::ldap::dn::NormalizedDn;
use crate::ldap::schema::{DirectoryKind, Syntax};

use super::apply::Work;
use super::attributes::AttributeId;
use super::index::Hits;
use super::posting::Posting;
use super::stored::{OutsideName, References, Stored};

impl Work<'_> {
    /// Names that were outside of the view and are in it now.
    pub(super) fn follow_arrivals(&mut self, named: &[(NormalizedDn, u32)]) {
        let slots: BTreeMap<&NormalizedDn, u32> =
            named.iter().map(|(name, slot)| (name, *slot)).collect();
        for id in self.naming_attributes() {
            // Which groups an entry is in follows from the groups.
            let derived = Some(id) == self.ids.member_of;
            for referrer in self.referring_to_names(id, named) {
                self.edit(referrer, id, |list| {
                    let mut inside = list.inside.to_bitmap();
                    let mut outside = Vec::with_capacity(list.outside.len());
                    for known in list.outside.iter() {
                        match known.name.as_ref().and_then(|name| slots.get(name)) {
                            Some(_) if derived => {}
                            Some(slot) => _ = inside.insert(*slot),
                            None => outside.push(known.clone()),
                        }
                    }
                    (inside.iter().collect(), outside)
                });
            }
        }
    }

    /// Entries that are gone: Active Directory takes values that name them away. Other servers keep the
    /// name, also of an entry that was renamed, whoever has it now. What the batch says of referrers
    /// (`given`) stands.
    pub(super) fn follow_departures(
        &mut self,
        removed: &RoaringBitmap,
        renamed: &RoaringBitmap,
        given: &RoaringBitmap,
    ) {
        let keeps_names = self.domain.kind == DirectoryKind::OpenLdap;
        let departed = if keeps_names { removed | renamed } else { removed.clone() };
        let own_name = self.parts.attributes.find_name("entryDN");
        for id in self.naming_attributes() {
            if Some(id) == self.ids.member_of || Some(id) == own_name {
                continue;
            }
            for (referrer, gone) in self.referring_to_slots(id, &departed, given) {
                let (held, names) =
                    if keeps_names { self.former(&gone) } else { Default::default() };
                self.edit(referrer, id, |list| {
                    let inside = (list.inside.to_bitmap() - gone) | held;
                    let outside = list.outside.iter().cloned().chain(names);
                    (inside.iter().collect(), outside.collect())
                });
            }
        }
    }

    /// Entries with a value of the attribute that is one of the names.
    fn referring_to_names(
        &self,
        attribute: AttributeId,
        named: &[(NormalizedDn, u32)],
    ) -> RoaringBitmap {
        let mut referring = RoaringBitmap::new();
        let Some(index) = self.parts.index.attribute(attribute) else { return referring };
        let found = named.iter().filter_map(|(name, _)| index.outside(name.as_str()));
        found.for_each(|referrers| referrers.add_to(&mut referring));
        referring
    }

    /// Entries with a value of the attribute that refers to one of `departed`, and to which; without
    /// those that were given whole.
    fn referring_to_slots(
        &self,
        attribute: AttributeId,
        departed: &RoaringBitmap,
        given: &RoaringBitmap,
    ) -> BTreeMap<u32, RoaringBitmap> {
        let mut referring: BTreeMap<u32, RoaringBitmap> = BTreeMap::new();
        let Some(index) = self.parts.index.attribute(attribute) else { return referring };
        for gone in departed {
            let referrers = index.target(gone).map(Hits::to_posting).unwrap_or_default();
            for referrer in referrers.iter().filter(|referrer| !given.contains(*referrer)) {
                referring.entry(referrer).or_default().insert(gone);
            }
        }
        referring
    }

    /// What the names mean now that entries had before: other entries, or nothing in the view.
    fn former(&mut self, gone: &RoaringBitmap) -> (RoaringBitmap, Vec<Arc<OutsideName>>) {
        let (mut held, mut names) = (RoaringBitmap::new(), Vec::new());
        for slot in gone {
            let Some(stored) = self.written.get(&slot).and_then(Option::as_ref).cloned() else {
                continue;
            };
            match self.parts.by_dn.get(&stored.name) {
                Some(holder) => _ = held.insert(*holder),
                None => {
                    let name = Some(stored.name.clone());
                    names.push(self.parts.outside_name(stored.dn.as_bytes(), name));
                }
            }
        }
        (held, names)
    }

    /// The attributes of DN syntax that some entry has.
    fn naming_attributes(&self) -> Vec<AttributeId> {
        let attributes = &self.parts.attributes;
        attributes
            .iter()
            .filter(|(_, info)| info.syntax == Syntax::DistinguishedName)
            .map(|(id, _)| id)
            .collect()
    }

    /// Replaces the values that one attribute of an entry has.
    fn edit(
        &mut self,
        slot: u32,
        attribute: AttributeId,
        change: impl FnOnce(&References) -> (Posting, Vec<Arc<OutsideName>>),
    ) {
        let Some(stored) = self.parts.stored(slot).cloned() else { return };
        let mut references = Vec::with_capacity(stored.references.len());
        let mut change = Some(change);
        for list in stored.references.iter() {
            match change.take_if(|_| list.attribute == attribute) {
                Some(change) => {
                    let (inside, outside) = change(list);
                    references.extend(References::new(attribute, inside, outside));
                }
                None => references.push(list.clone()),
            }
        }
        self.write(slot, Some(Stored { references: references.into(), ..(*stored).clone() }));
    }
}
