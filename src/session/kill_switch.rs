//! `[io]` The kill switch: the blocks in force, for all sessions; kept over a restart, and felt at once by the
//! sessions they concern.
//!
//! A block counts from the moment it is in memory, and is written to the store before anybody is told that it is
//! set: the store may be busy with a large pass, and whoever is to be shut out must not stay for that long. Lifting
//! goes the other way, so that what could not be taken out of the store does not come back by a restart.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::sync::watch;

use crate::directory::{Affected, EntryKind, Move, Slot, View};
use crate::ldap::identifier::Guid;
use crate::policy::blocks::MOST_BLOCKS;
use crate::policy::{Block, BlockTarget, Blocks, World};
use crate::store::{Store, StoreError};

use super::registry::Registry;

mod stored;

/// The name of the blocks among the values of the store.
const STORED: &str = "blocks";

/// Why a block is not set, or the blocks of an earlier run are not known.
#[derive(Debug, Error)]
pub enum KillSwitchError {
    /// There are as many blocks as there can be.
    #[error("there are {MOST_BLOCKS} blocks; lift some, or block a group")]
    TooMany,
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the store has was not written by this version. Starting without would let the blocked in.
    #[error(
        "the blocks in the store cannot be read ({0}): start the version of ldapgate that wrote them, or move the \
         store away, which forgets the blocks"
    )]
    Unreadable(#[source] serde_json::Error),
    /// A time before 1970.
    #[error("the blocks cannot be written down: {0}")]
    Unwritable(#[source] serde_json::Error),
}

/// Whether what was done outlives the program.
#[derive(Debug)]
pub enum Kept {
    /// It is on the disk.
    Durably,
    /// There is no store: it ends with the program.
    UntilTheEnd,
    /// It could not be written: it ends with the program, unless a later change is written.
    NotWritten(KillSwitchError),
}

/// What came of setting a block.
#[derive(Debug)]
pub struct Set {
    /// The block as it is in force: one that was there before is not cut short.
    pub block: Block,
    /// How many open sessions acted for the blocked and were woken; `None` where all were.
    pub sessions: Option<usize>,
    /// Whether it outlives the program.
    pub kept: Kept,
}

/// The blocks in force.
pub struct KillSwitch {
    current: ArcSwap<Blocks>,
    /// The version of `current`, for those who only ask whether it has moved.
    latest: AtomicU64,
    changing: Mutex<()>,
    /// Held while the store is written, which may take long; never taken by whoever holds `changing`.
    writing: Mutex<()>,
    store: Option<Store>,
    registry: Arc<Registry>,
    /// Wakes all sessions.
    everybody: watch::Sender<u64>,
}

impl KillSwitch {
    /// The blocks of an earlier run that still count at `wall`, or none. Blocks on the disk.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn open(
        store: Option<Store>,
        registry: Arc<Registry>,
        everybody: watch::Sender<u64>,
        wall: SystemTime,
    ) -> Result<Self, KillSwitchError> {
        let octets = store.as_ref().map(|store| store.value(STORED)).transpose()?.flatten();
        let list = octets.map(|octets| stored::read(&octets)).transpose();
        let list = list.map_err(KillSwitchError::Unreadable)?.unwrap_or_default();
        let count = list.len();
        let blocks = Blocks::of(list.into_iter().filter(|block| block.is_in_force(wall)));
        let in_force = blocks.in_force(wall).count();
        let switch = Self {
            current: ArcSwap::from_pointee(blocks),
            latest: AtomicU64::new(0),
            changing: Mutex::default(),
            writing: Mutex::default(),
            store,
            registry,
            everybody,
        };
        if in_force > 0 {
            tracing::info!(blocks = in_force, "the blocks of an earlier run are in force");
        }
        if in_force < count {
            let blocks = switch.current();
            let _ = switch.write(&blocks, wall);
        }
        Ok(switch)
    }

    /// No blocks and no store; sessions are not woken.
    #[must_use]
    pub fn idle() -> Self {
        Self {
            current: ArcSwap::default(),
            latest: AtomicU64::new(0),
            changing: Mutex::default(),
            writing: Mutex::default(),
            store: None,
            registry: Arc::default(),
            everybody: watch::Sender::new(0),
        }
    }

    /// The blocks, those that have ended among them.
    #[must_use]
    pub fn current(&self) -> Arc<Blocks> {
        self.current.load_full()
    }

    /// Moves with every change. Blocks that are loaded after this was read are of that version or a later one.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    /// Sets a block, or replaces the one about the same target. It counts at once; when this returns, the sessions
    /// it concerns have been woken, and it is on the disk unless the answer says otherwise. `world` is asked for
    /// the members of a blocked group; `seen` is when the block was asked for. Blocks on the disk.
    ///
    /// # Errors
    /// [`KillSwitchError::TooMany`]: nothing has changed.
    pub fn block(
        &self,
        block: Block,
        world: impl FnOnce() -> World,
        seen: Instant,
    ) -> Result<Set, KillSwitchError> {
        let (target, wall) = (block.target.clone(), block.set_at);
        let block = {
            let _changing = lock(&self.changing);
            let next = self.current().with(block.clone(), wall);
            if next.in_force(wall).count() > MOST_BLOCKS {
                return Err(KillSwitchError::TooMany);
            }
            let block = next.about(&target, wall).cloned().unwrap_or(block);
            self.replace(next);
            block
        };
        // The members are looked up afterwards: who joins the group from now on is judged with the block.
        let affected = affected(&target, &world());
        let everybody = affected == Affected::Everybody;
        let sessions = self.registry.call(&Move { affected, seen: Some(seen) });
        if everybody {
            self.everybody.send_modify(|epoch| *epoch = epoch.wrapping_add(1));
        }
        let _writing = lock(&self.writing);
        let kept = self.write(&self.current(), wall);
        Ok(Set { block, sessions: (!everybody).then_some(sessions), kept })
    }

    /// Lifts the block about `target` at `wall`; `None`: there is none in force. Blocks on the disk.
    ///
    /// # Errors
    /// It could not be taken out of the store, and stays.
    pub fn lift(
        &self,
        target: &BlockTarget,
        wall: SystemTime,
    ) -> Result<Option<Block>, KillSwitchError> {
        let _writing = lock(&self.writing);
        let current = self.current();
        let Some(block) = current.about(target, wall) else { return Ok(None) };
        if let Kept::NotWritten(error) = self.write(&current.without(target, wall), wall) {
            return Err(error);
        }
        let _changing = lock(&self.changing);
        self.replace(self.current().without(target, wall));
        Ok(Some(block.clone()))
    }

    fn replace(&self, blocks: Blocks) {
        let version = blocks.version();
        self.current.store(Arc::new(blocks));
        // After the blocks: whoever reads the number first loads blocks that are at least as new.
        self.latest.store(version, Ordering::Release);
    }

    fn write(&self, blocks: &Blocks, wall: SystemTime) -> Kept {
        let Some(store) = &self.store else { return Kept::UntilTheEnd };
        let octets = stored::write(blocks.in_force(wall)).map_err(KillSwitchError::Unwritable);
        let written = octets.and_then(|octets| Ok(store.set_value(STORED, octets.as_deref())?));
        match written {
            Ok(()) => Kept::Durably,
            Err(error) => {
                tracing::error!(%error, "the blocks cannot be written: a restart would go on from what the file has");
                Kept::NotWritten(error)
            }
        }
    }
}

fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whose sessions a block concerns. Local accounts and clients without identity are in no directory, so with an
/// application everybody is meant.
fn affected(target: &BlockTarget, world: &World) -> Affected {
    match target {
        BlockTarget::Account { guid, .. } => Affected::These([*guid].into()),
        BlockTarget::Group { directory, guid } => {
            let members = world.view(directory).map(|view| members(view, guid));
            Affected::These(members.unwrap_or_default().into())
        }
        BlockTarget::Application(_) => Affected::Everybody,
    }
}

/// The users in a group, as identities.
fn members(view: &View, group: &Guid) -> Vec<Guid> {
    let Some(group) = view.find_guid(group) else { return Vec::new() };
    let members = view.members_of(group).into_iter().filter_map(|slot| view.entry(Slot(slot)));
    let users = members.filter(|entry| entry.kind() == EntryKind::User);
    let users: HashSet<Guid> = users.map(|entry| entry.guid()).collect();
    users.into_iter().collect()
}
