//! The entries a search found, pinned with the views they are in.

use std::sync::Arc;

use crate::directory::{EntryRef, Slot, View};
use crate::policy::visibility::VisibleUsers;

/// What a search found: a list that never changes, shared by the answers that show parts of it.
#[derive(Clone, Default)]
pub struct Matches(Arc<List>);

#[derive(Default)]
struct List {
    parts: Vec<Part>,
    /// The place in `parts` and the slot, where the list is sorted; otherwise part by part.
    order: Option<Vec<(usize, Slot)>>,
}

/// What one search of one view found. The users its application is shown are kept with it: working them
/// out for an old view again on every page would cost as much as the search.
pub struct Part {
    /// The name of the directory.
    pub directory: Arc<str>,
    /// The view.
    pub view: Arc<View>,
    /// The users the application is shown of it.
    pub users: VisibleUsers,
    /// The entries, in the order of the view.
    pub slots: Vec<Slot>,
}

impl Matches {
    /// Part by part, in the order of the views.
    #[must_use]
    pub fn new(parts: Vec<Part>) -> Self {
        Self(Arc::new(List { parts, order: None }))
    }

    /// In an order of its own: each the number of a part and a slot of its view.
    #[must_use]
    pub fn sorted(parts: Vec<Part>, order: Vec<(usize, Slot)>) -> Self {
        Self(Arc::new(List { parts, order: Some(order) }))
    }

    /// The parts it is made of.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0.parts
    }

    /// How many entries.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0.order {
            Some(order) => order.len(),
            None => self.0.parts.iter().map(|part| part.slots.len()).sum(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the part, and the slot, of the entry at `position`.
    #[must_use]
    pub fn at(&self, mut position: usize) -> Option<(usize, Slot)> {
        if let Some(order) = &self.0.order {
            return order.get(position).copied();
        }
        for (number, part) in self.0.parts.iter().enumerate() {
            if let Some(slot) = part.slots.get(position) {
                return Some((number, *slot));
            }
            position -= part.slots.len();
        }
        None
    }

    /// The entry at `position`.
    #[must_use]
    pub fn entry(&self, position: usize) -> Option<EntryRef<'_>> {
        let (part, slot) = self.at(position)?;
        self.0.parts.get(part)?.view.entry(slot)
    }
}
