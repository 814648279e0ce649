//! memberOf, worked out from the groups: member and uniqueMember by name, memberUid by a user's only uid.
//! So both ends of a membership agree, whatever a controller says of the members.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::matching_rule::prepare;
use crate::ldap::schema::Syntax;

use super::apply::{BuildError, Work};
use super::domain::EntryKind;
use super::index::Hits;
use super::intake::Content;
use super::posting::Posting;
use super::stored::{References, Stored, values};

/// How the groups of one entry change.
#[derive(Default)]
struct Shift {
    gained: Vec<u32>,
    lost: Vec<u32>,
}

impl Work<'_> {
    /// Brings memberOf of all members in step with the groups that were written or removed.
    pub(super) fn derive_memberships(&mut self, removed: &RoaringBitmap) -> Result<(), BuildError> {
        let groups = self.groups_to_look_at();
        if groups.is_empty() && removed.is_empty() {
            return Ok(());
        }
        let member_of = self.parts.intern(&AttributeDescription::new("memberOf"))?;
        self.ids.member_of = Some(member_of);
        let mut shifts: BTreeMap<u32, Shift> = BTreeMap::new();
        for group in groups | removed {
            let has = self.members(group);
            let index = self.parts.index.attribute(member_of);
            let had = index.and_then(|index| index.target(group)).map(Hits::to_bitmap);
            let had = had.unwrap_or_default();
            for member in &has - &had {
                shifts.entry(member).or_default().gained.push(group);
            }
            for member in had - has {
                shifts.entry(member).or_default().lost.push(group);
            }
        }
        for (member, shift) in shifts {
            self.shift(member, &shift);
        }
        Ok(())
    }

    /// Groups that may have other members than before: those written, and those that list a uid that
    /// somebody has or had.
    fn groups_to_look_at(&self) -> RoaringBitmap {
        let mut groups = RoaringBitmap::new();
        let mut uids = HashSet::new();
        for (slot, before) in &self.written {
            let now = self.parts.stored(*slot);
            let lists = |stored: Option<&Arc<Stored>>| {
                stored.is_some_and(|stored| self.ids.lists_members(stored))
            };
            if lists(before.as_ref()) || lists(now) {
                groups.insert(*slot);
            }
            let (had, has) = (self.uids(before.as_ref()), self.uids(now));
            if had != has || before.is_none() != now.is_none() {
                uids.extend(had);
                uids.extend(has);
            }
        }
        groups | self.groups_listing(&uids)
    }

    /// The direct members of a group, as it is now.
    fn members(&self, group: u32) -> RoaringBitmap {
        let mut members = RoaringBitmap::new();
        let Some(stored) = self.parts.stored(group) else { return members };
        if stored.kind == EntryKind::Deleted {
            return members;
        }
        for list in stored.references.iter() {
            if self.ids.names_members(list.attribute) {
                list.inside.add_to(&mut members);
            }
        }
        let element = self.ids.member_uid.and_then(|id| stored.fields.element(id));
        let uids = element.into_iter().flat_map(values);
        members.extend(uids.filter_map(|uid| self.only_one_with(uid)));
        members
    }

    /// The entry with this uid, if exactly one has it.
    fn only_one_with(&self, uid: &[u8]) -> Option<u32> {
        let id = self.ids.uid?;
        let wanted = prepare(Syntax::CaseIgnore, uid)?;
        let mut found = None;
        for slot in self.parts.index.attribute(id)?.candidates(&wanted).iter() {
            let has = self.uids(self.parts.stored(slot)).contains(&wanted);
            if has && found.replace(slot).is_some() {
                return None;
            }
        }
        found
    }

    /// The groups that list one of these uids. All that list any are read: uids are equal in any case,
    /// and the index of memberUid tells the cases apart.
    fn groups_listing(&self, uids: &HashSet<Vec<u8>>) -> RoaringBitmap {
        let Some(id) = self.ids.member_uid.filter(|_| !uids.is_empty()) else {
            return RoaringBitmap::new();
        };
        let lists = |slot: &u32| {
            let element = self.parts.stored(*slot).and_then(|stored| stored.fields.element(id));
            let mut listed = element.into_iter().flat_map(values);
            listed
                .any(|uid| prepare(Syntax::CaseIgnore, uid).is_some_and(|uid| uids.contains(&uid)))
        };
        let index = self.parts.index.attribute(id);
        index.into_iter().flat_map(|index| index.present().iter()).filter(lists).collect()
    }

    fn uids(&self, stored: Option<&Arc<Stored>>) -> Vec<Vec<u8>> {
        let element = stored.and_then(|stored| stored.fields.element(self.ids.uid?));
        let prepared = element.into_iter().flat_map(values);
        prepared.filter_map(|value| prepare(Syntax::CaseIgnore, value)).collect()
    }

    fn shift(&mut self, member: u32, shift: &Shift) {
        let Some(member_of) = self.ids.member_of else { return };
        let Some(stored) = self.parts.stored(member).cloned() else { return };
        if stored.kind == EntryKind::Deleted {
            return;
        }
        let list = stored.list(member_of);
        let mut inside = list.map(|list| list.inside.clone()).unwrap_or_default();
        shift.lost.iter().for_each(|group| _ = inside.remove(*group));
        shift.gained.iter().for_each(|group| _ = inside.insert(*group));
        let outside = list.map(|list| list.outside.to_vec()).unwrap_or_default();
        let others = stored.references.iter().filter(|list| list.attribute != member_of).cloned();
        let references = others.chain(References::new(member_of, inside, outside)).collect();
        self.write(member, Some(Stored { references, ..(*stored).clone() }));
    }

    /// The groups an entry is in according to the view so far.
    pub(super) fn derived_groups(&self, stored: &Stored) -> Option<Posting> {
        Some(stored.list(self.ids.member_of?)?.inside.clone())
    }

    /// Gives an entry that was read anew the groups that it was in.
    pub(super) fn keep_derived(&self, content: &mut Content, groups: Posting) {
        let Some(member_of) = self.ids.member_of else { return };
        match content.references.iter_mut().find(|list| list.attribute == member_of) {
            Some(list) => list.inside = groups,
            None => content.references.extend(References::new(member_of, groups, Vec::new())),
        }
    }
}
