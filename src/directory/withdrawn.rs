//! Accounts that are out although the current view still has them: a pass that is held back changes nothing
//! that is shown, but whom the directory has disabled or deleted must not get in meanwhile.

use std::collections::HashSet;

use crate::ldap::identifier::Guid;

/// The accounts of one directory that a held pass disables or deletes. Empty nearly always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Withdrawn {
    /// Disabled by an administrator.
    pub disabled: HashSet<Guid>,
    /// Deleted, and known to be: what a reading merely has not found is not among them.
    pub deleted: HashSet<Guid>,
}

impl Withdrawn {
    /// Whether nobody is out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.disabled.is_empty() && self.deleted.is_empty()
    }

    /// Those who are out here, and were not out for the same reason in `before`.
    #[must_use]
    pub fn beyond(&self, before: &Self) -> Vec<Guid> {
        let disabled = self.disabled.difference(&before.disabled);
        disabled.chain(self.deleted.difference(&before.deleted)).copied().collect()
    }
}
