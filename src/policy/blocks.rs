//! Blocks: who is out because an operator said so, whatever the directory says.
//!
//! A block is about an account or a group of one directory, by identity, or about a whole application. It counts
//! for service accounts too, and one on an application for its local accounts and for clients without identity.
//! It ends by the clock: nothing has to happen for that.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use crate::directory::{EntryRef, View};
use crate::ldap::identifier::Guid;

use super::refusal::Refusal;

/// Most blocks there can be. Each one is looked at by whoever is judged.
pub const MOST_BLOCKS: usize = 10_000;

/// Who or what is blocked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BlockTarget {
    /// One account, wherever it logs in.
    Account {
        /// The directory's name in the configuration.
        directory: Arc<str>,
        /// The account's identity there.
        guid: Guid,
    },
    /// All members of a group, nested ones and those by primary group included, as the copy has them at the
    /// moment of the decision.
    Group {
        /// The directory's name in the configuration.
        directory: Arc<str>,
        /// The group's identity there.
        guid: Guid,
    },
    /// Everybody, in one application.
    Application(Arc<str>),
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whom it is about.
    pub target: BlockTarget,
    /// The name as the operator typed it; it says nothing about whom the block is about.
    pub name: String,
    /// When it ends; `None`: when an operator lifts it.
    pub until: Option<SystemTime>,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
    /// Who set it, as the system tells it: `root (uid 0)`.
    pub set_by: String,
    /// When it was set.
    pub set_at: SystemTime,
}

impl Block {
    /// Whether it counts at `wall`.
    #[must_use]
    pub fn is_in_force(&self, wall: SystemTime) -> bool {
        self.until.is_none_or(|until| wall < until)
    }

    /// Whether it is about this account of a directory: by itself, by a group, or with the whole application.
    #[must_use]
    pub fn concerns(
        &self,
        application: &str,
        directory: &str,
        view: &View,
        entry: EntryRef<'_>,
    ) -> bool {
        match &self.target {
            BlockTarget::Account { directory: of, guid } => {
                *guid == entry.guid() && **of == *directory
            }
            BlockTarget::Group { directory: of, guid } => {
                let group = (**of == *directory).then(|| view.find_guid(guid)).flatten();
                group.is_some_and(|group| view.is_member(entry, group))
            }
            BlockTarget::Application(name) => **name == *application,
        }
    }
}

/// All blocks, as they were at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// Grows with every change, so that permits from before are judged again.
    version: u64,
    /// In the order they were set; at most one for each target.
    list: Vec<Block>,
    /// The identities of all blocked accounts: nearly everybody is in none of the blocks, and told so by this.
    accounts: HashSet<Guid>,
    /// Whether any block is about something else than an account.
    wider: bool,
}

impl Blocks {
    /// These blocks, as the first version. Of several about one target the last counts.
    #[must_use]
    pub fn of(list: impl IntoIterator<Item = Block>) -> Self {
        let mut blocks = Self::default();
        for block in list {
            blocks.list.retain(|other| other.target != block.target);
            blocks.list.push(block);
        }
        blocks.indexed()
    }

    /// These blocks and one more, without those that have ended. It replaces one about the same target, but never ends
    /// sooner: whoever wants that has to lift it, so that setting a block lets nobody in.
    #[must_use]
    pub fn with(&self, mut block: Block, wall: SystemTime) -> Self {
        if let Some(before) = self.about(&block.target, wall) {
            block.until = before.until.zip(block.until).map(|(one, other)| one.max(other));
        }
        let mut next = self.without(&block.target, wall);
        next.list.push(block);
        next.indexed()
    }

    /// The block about `target` that counts at `wall`.
    #[must_use]
    pub fn about(&self, target: &BlockTarget, wall: SystemTime) -> Option<&Block> {
        self.in_force(wall).find(|block| block.target == *target)
    }

    /// These blocks without the one about `target`, and without those that have ended.
    #[must_use]
    pub fn without(&self, target: &BlockTarget, wall: SystemTime) -> Self {
        let stay = |block: &&Block| block.is_in_force(wall) && block.target != *target;
        let list = self.list.iter().filter(stay).cloned().collect();
        Self { version: self.version + 1, list, ..Self::default() }.indexed()
    }

    fn indexed(mut self) -> Self {
        self.accounts = self.list.iter().filter_map(|block| block.target.account()).collect();
        self.wider = self.list.iter().any(|block| block.target.account().is_none());
        self
    }

    /// Grows with every change.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The blocks that count at `wall`, in the order they were set.
    pub fn in_force(&self, wall: SystemTime) -> impl Iterator<Item = &Block> {
        self.list.iter().filter(move |block| block.is_in_force(wall))
    }

    /// Says no to an account of a directory that is blocked itself, by a group, or with the whole application.
    ///
    /// # Errors
    /// [`Refusal::Blocked`].
    pub fn check(
        &self,
        application: &str,
        directory: &str,
        view: &View,
        entry: EntryRef<'_>,
        wall: SystemTime,
    ) -> Result<(), Refusal> {
        let guid = entry.guid();
        if !self.wider && !self.accounts.contains(&guid) {
            return Ok(());
        }
        let concerns = |block: &Block| block.concerns(application, directory, view, entry);
        if self.in_force(wall).any(concerns) { Err(Refusal::Blocked) } else { Ok(()) }
    }

    /// Says no to whoever has no entry in a directory, where the whole application is blocked.
    ///
    /// # Errors
    /// [`Refusal::Blocked`].
    pub fn check_application(&self, application: &str, wall: SystemTime) -> Result<(), Refusal> {
        let concerns = |block: &Block| matches!(&block.target, BlockTarget::Application(name) if **name == *application);
        if self.wider && self.in_force(wall).any(concerns) { Err(Refusal::Blocked) } else { Ok(()) }
    }
}

impl BlockTarget {
    /// The account's identity, where it is about one account.
    const fn account(&self) -> Option<Guid> {
        match self {
            Self::Account { guid, .. } => Some(*guid),
            Self::Group { .. } | Self::Application(_) => None,
        }
    }
}
