//! Which slots hold entries, by sort.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::domain::EntryKind;
use super::view::Counts;

/// The slots in use.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    users: Arc<RoaringBitmap>,
    groups: Arc<RoaringBitmap>,
    containers: Arc<RoaringBitmap>,
    others: Arc<RoaringBitmap>,
    deleted: Arc<RoaringBitmap>,
}

impl Kinds {
    pub(super) const fn of(&self, kind: EntryKind) -> &Arc<RoaringBitmap> {
        match kind {
            EntryKind::User => &self.users,
            EntryKind::Group => &self.groups,
            EntryKind::Container => &self.containers,
            EntryKind::Other => &self.others,
            EntryKind::Deleted => &self.deleted,
        }
    }

    const fn of_mut(&mut self, kind: EntryKind) -> &mut Arc<RoaringBitmap> {
        match kind {
            EntryKind::User => &mut self.users,
            EntryKind::Group => &mut self.groups,
            EntryKind::Container => &mut self.containers,
            EntryKind::Other => &mut self.others,
            EntryKind::Deleted => &mut self.deleted,
        }
    }

    /// Notes what a slot held and what it holds now.
    pub(super) fn change(&mut self, slot: u32, old: Option<EntryKind>, new: Option<EntryKind>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            Arc::make_mut(self.of_mut(old)).remove(slot);
        }
        if let Some(new) = new {
            Arc::make_mut(self.of_mut(new)).insert(slot);
        }
    }

    /// Every entry that is not deleted.
    pub(super) fn live(&self) -> RoaringBitmap {
        let mut all = self.users.as_ref() | self.groups.as_ref();
        all |= self.containers.as_ref();
        all |= self.others.as_ref();
        all
    }

    /// Every entry, tombstones included.
    pub(super) fn all(&self) -> RoaringBitmap {
        self.live() | self.deleted.as_ref()
    }

    pub(super) fn counts(&self) -> Counts {
        let size = |set: &RoaringBitmap| usize::try_from(set.len()).unwrap_or(usize::MAX);
        Counts {
            users: size(&self.users),
            groups: size(&self.groups),
            containers: size(&self.containers),
            others: size(&self.others),
        }
    }
}
