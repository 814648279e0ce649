//! Which entries name others in their values.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;

use crate::ldap::identifier::Guid;
use crate::ldap::schema::Syntax;

use super::index::Hits;
use super::{Slot, View};

impl View {
    /// The entries with a value that names one of these entries, or one below them. memberOf does not count,
    /// which follows from the groups, nor does an entry's own name.
    #[must_use]
    pub fn referrers(&self, of: &BTreeSet<Guid>) -> BTreeSet<Guid> {
        let mut named = RoaringBitmap::new();
        for entry in of.iter().filter_map(|guid| self.find_guid(guid)) {
            named |= self.slots_within(entry.normalized_dn());
        }
        let attributes = self.attributes();
        let other = ["memberOf", "entryDN"].map(|name| attributes.find_name(name));
        let mut referring = RoaringBitmap::new();
        for (id, info) in attributes.iter() {
            if info.syntax != Syntax::DistinguishedName || other.contains(&Some(id)) {
                continue;
            }
            let Some(index) = self.index().attribute(id) else { continue };
            for slot in &named {
                referring |= index.target(slot).map(Hits::to_bitmap).unwrap_or_default();
            }
        }
        referring
            .iter()
            .filter_map(|slot| self.entry(Slot(slot)))
            .map(|entry| entry.guid())
            .collect()
    }
}
