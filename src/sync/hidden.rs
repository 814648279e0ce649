//! `[io]` Who is out of sight for a while, and comes back: hidden by rights, or outside of what is copied. Active
//! Directory changes nothing where others name it, so nobody tells of them; but the view cannot keep a value that
//! refers to an entry which it has not. What names those who vanish and those who are new is read again.

use std::collections::BTreeSet;

use crate::directory::{View, identity};
use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::AttributeValues;
use crate::ldap::identifier::Guid;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::schema::DirectoryKind;
use crate::upstream::FetchError;

use super::changes::Following;
use super::delta::{Delta, identities};

/// What Active Directory tells with an entry of those that name it (MS-ADTS §3.1.1.1.6).
const BACK_LINKS: [&str; 3] = ["memberOf", "directReports", "managedObjects"];

impl Following<'_> {
    /// With those read that name who vanished or is new.
    pub(super) async fn with_who_names_them(
        &mut self,
        mut delta: Delta,
        view: &View,
    ) -> Result<Delta, FetchError> {
        let kind = self.plan.kind();
        // OpenLDAP's values are names, which the view keeps whether they refer to something or not.
        if kind == DirectoryKind::OpenLdap {
            return Ok(delta);
        }
        let read: BTreeSet<Guid> = identities(&delta.entries, kind).collect();
        let mut known = view.referrers(&delta.vanished);
        let mut unknown = BTreeSet::new();
        for text in delta.entries.iter().flat_map(|entry| back_links_if_new(entry, view)) {
            let Ok(name) = NormalizedDn::parse(text) else { continue };
            if let Some(entry) = view.find_dn(&name) {
                known.insert(entry.guid());
            } else if self.plan.contexts.covers(text) {
                // Called otherwise since the view was made.
                unknown.insert(text.to_owned());
            }
        }
        let is_new = |guid: &Guid| !read.contains(guid) && !delta.vanished.contains(guid);
        let known = known.into_iter().filter(is_new).collect();
        let mut found = self.whole(&known).await?;
        found.extend(self.readable(unknown).await?);
        let mut seen = read;
        found.retain(|entry| identity(entry, kind).is_some_and(|guid| seen.insert(guid)));
        delta.entries.extend(found);
        Ok(delta)
    }
}

/// The names of those that name an entry; none if the view has the entry already.
fn back_links_if_new<'e>(entry: &'e PackedEntry, view: &View) -> impl Iterator<Item = &'e str> {
    let guid = identity(entry, DirectoryKind::ActiveDirectory);
    let is_new = guid.is_some_and(|guid| view.find_guid(&guid).is_none());
    let links = if is_new { &BACK_LINKS[..] } else { &[] };
    let values = links.iter().flat_map(move |name| entry.values_of(name));
    values.filter_map(|value| std::str::from_utf8(value).ok())
}
