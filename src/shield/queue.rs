//! `[io]` Attempts that wait until it is known what others have cost.
//!
//! One that has ended without a failure lets one other go on, which passes the word on; one that has failed
//! wakes all, because its answer may be theirs too.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use tokio::sync::Notify;

use crate::ldap::identifier::Guid;

/// Who waits, by account.
#[derive(Default)]
pub(super) struct Queue {
    waiting: DashMap<Guid, Line>,
    /// How many wait in all: nobody is looked for where nobody waits.
    count: AtomicUsize,
}

struct Line {
    notify: Arc<Notify>,
    length: usize,
}

/// Who is to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// Whoever has waited longest.
    One,
    /// Everybody.
    All,
}

impl Queue {
    /// Takes a place. What moves after this call wakes whoever listens to the place.
    pub(super) fn join(self: &Arc<Self>, guid: Guid) -> Place {
        // Before the caller looks at the budget again: who changes it later sees that somebody waits.
        self.count.fetch_add(1, Ordering::SeqCst);
        let mut line =
            self.waiting.entry(guid).or_insert_with(|| Line { notify: Arc::default(), length: 0 });
        line.length += 1;
        Place { queue: self.clone(), guid, notify: line.notify.clone() }
    }

    /// Wakes those who wait for an account.
    pub(super) fn wake(&self, guid: Guid, wake: Wake) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let line = self.waiting.get(&guid).map(|line| line.notify.clone());
        match (line, wake) {
            (Some(line), Wake::One) => line.notify_one(),
            (Some(line), Wake::All) => line.notify_waiters(),
            (None, _) => {}
        }
    }

    /// How many wait.
    pub(super) fn length(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// A place among those who wait for one account. Who leaves it wakes the next.
pub(super) struct Place {
    queue: Arc<Queue>,
    guid: Guid,
    notify: Arc<Notify>,
}

impl Place {
    /// What wakes it.
    pub(super) fn notify(&self) -> &Notify {
        &self.notify
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut line) = self.queue.waiting.get_mut(&self.guid) {
            line.length = line.length.saturating_sub(1);
        }
        self.queue.waiting.remove_if(&self.guid, |_, line| line.length == 0);
        self.queue.count.fetch_sub(1, Ordering::SeqCst);
        self.notify.notify_one();
    }
}
