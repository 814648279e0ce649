//! Which open sessions act for whom, so that a change of one account wakes its sessions and no others.
//!
//! Waking is a courtesy: every operation judges a permit again that is older than the world it is used in. But a
//! session that asks for nothing would not find out.

use std::sync::Arc;
use std::time::Instant;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::fast::RandomState;

use crate::directory::{Affected, Move};
use crate::ldap::identifier::Guid;

use super::signals::Caller;

/// The sessions that hold or are about to get the permit of a directory account, by its objectGUID or entryUUID.
#[derive(Debug, Default)]
pub struct Registry {
    sessions: DashMap<Guid, Vec<Caller>, RandomState>,
}

/// A session's place in the registry; it is left when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Registration {
    registry: Arc<Registry>,
    guid: Guid,
    caller: Caller,
}

impl Registry {
    /// Has `caller` called whenever the account is affected. Whoever registers first and looks at the world then
    /// misses nothing.
    pub fn register(self: &Arc<Self>, guid: Guid, caller: Caller) -> Registration {
        self.sessions.entry(guid).or_default().push(caller.clone());
        Registration { registry: self.clone(), guid, caller }
    }

    /// Calls all whom a move may concern, and says how many that are.
    pub fn call(&self, moved: &Move) -> usize {
        match &moved.affected {
            Affected::Everybody => {
                self.sessions.iter().map(|callers| call_all(&callers, moved.seen)).sum()
            }
            Affected::These(guids) => {
                let callers = guids.iter().filter_map(|guid| self.sessions.get(guid));
                callers.map(|callers| call_all(&callers, moved.seen)).sum()
            }
        }
    }

    /// How many accounts have sessions.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.sessions.len()
    }

    fn leave(&self, guid: Guid, caller: &Caller) {
        let Entry::Occupied(mut callers) = self.sessions.entry(guid) else { return };
        if let Some(at) = callers.get().iter().position(|other| other.is(caller)) {
            callers.get_mut().swap_remove(at);
        }
        if callers.get().is_empty() {
            callers.remove();
        }
    }
}

fn call_all(callers: &[Caller], seen: Option<Instant>) -> usize {
    callers.iter().for_each(|caller| caller.call(seen));
    callers.len()
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.leave(self.guid, &self.caller);
    }
}
