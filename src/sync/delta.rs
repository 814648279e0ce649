//! What a pass over changes has found: entries whole as they are now, and identities that are gone.

use std::collections::BTreeSet;

use crate::directory::{Changes, EntryKind, View, identity};
use crate::ldap::identifier::Guid;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::schema::DirectoryKind;

use super::position::Position;

/// What differs from a view, as far as a strategy can tell.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    /// Entries created or changed, each whole.
    pub entries: Vec<PackedEntry>,
    /// Identities that the directory said were deleted.
    pub deleted: BTreeSet<Guid>,
    /// Identities that are simply not found any more: moved out of what is copied, or hidden by rights.
    pub vanished: BTreeSet<Guid>,
    /// Where the next pass begins; `None`: where this one began.
    pub position: Option<Position>,
}

impl Delta {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.deleted.is_empty() && self.vanished.is_empty()
    }

    /// What a view is changed by.
    #[must_use]
    pub fn changes(self) -> Changes {
        let removed = self.deleted.into_iter().chain(self.vanished).collect();
        Changes { upserts: self.entries, removed }
    }
}

/// The identities of entries; one without is passed over.
pub fn identities(entries: &[PackedEntry], kind: DirectoryKind) -> impl Iterator<Item = Guid> {
    entries.iter().filter_map(move |entry| identity(entry, kind))
}

/// The identities of all that a pass over identities compares: people and groups. What stands above them is
/// read by other ways, too, and comes and goes with reading everything.
#[must_use]
pub fn compared(view: &View) -> BTreeSet<Guid> {
    view.users().chain(view.groups()).map(|entry| entry.guid()).collect()
}

/// Whether an identity is one of those.
#[must_use]
pub fn is_compared(view: &View, guid: &Guid) -> bool {
    let kind = view.find_guid(guid).map(|entry| entry.kind());
    matches!(kind, Some(EntryKind::User | EntryKind::Group))
}
