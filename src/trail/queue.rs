//! `[io]` The events that wait to be written.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::event::Event;

/// Events beyond what there should be that are still taken: of those who found room at the same moment, and of
/// operators.
const SLACK: usize = 4096;

/// The events that wait, bounded.
pub(super) struct Queue {
    most: usize,
    state: Mutex<State>,
    /// How many wait, for those who only ask whether there is room.
    waiting: AtomicUsize,
    arrived: Condvar,
    room: Notify,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    lost: u64,
    stopping: bool,
    asleep: bool,
}

/// What the writer has taken.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) events: Vec<Event>,
    /// Events for which there was no room.
    pub(super) lost: u64,
    pub(super) stopping: bool,
}

impl Queue {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            state: Mutex::default(),
            waiting: AtomicUsize::new(0),
            arrived: Condvar::new(),
            room: Notify::new(),
        }
    }

    /// Leaves an event; never waits. Where `keeps` says that nothing is to be lost, some more are taken than
    /// there should be.
    pub(super) fn leave(&self, event: Event, keeps: bool) {
        let most = if keeps { self.most + SLACK } else { self.most };
        let mut state = self.state();
        if state.events.len() < most {
            state.events.push(event);
            self.waiting.store(state.events.len(), Ordering::Relaxed);
        } else {
            state.lost += 1;
        }
        let wake = std::mem::take(&mut state.asleep);
        drop(state);
        if wake {
            self.arrived.notify_all();
        }
    }

    /// Waits until there is room, at most for `patience`; `false`: there is none.
    pub(super) async fn has_room(&self, patience: Duration) -> bool {
        if self.waiting.load(Ordering::Relaxed) < self.most {
            return true;
        }
        let room = async {
            loop {
                let notified = self.room.notified();
                if self.waiting.load(Ordering::Relaxed) < self.most {
                    return;
                }
                notified.await;
            }
        };
        timeout(patience, room).await.is_ok()
    }

    /// Waits until something is there, at most for `limit`.
    pub(super) fn wait(&self, limit: Duration) {
        let mut state = self.state();
        if state.events.is_empty() && !state.stopping {
            state.asleep = true;
            let waited = self.arrived.wait_timeout_while(state, limit, |state| state.asleep);
            waited.unwrap_or_else(PoisonError::into_inner).0.asleep = false;
        }
    }

    /// Waits for `limit`, unless the end comes before.
    pub(super) fn pause(&self, limit: Duration) {
        let state = self.state();
        let waited = self.arrived.wait_timeout_while(state, limit, |state| !state.stopping);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Everything that waits.
    pub(super) fn take(&self) -> Taken {
        let mut state = self.state();
        let taken = Taken {
            events: std::mem::take(&mut state.events),
            lost: std::mem::take(&mut state.lost),
            stopping: state.stopping,
        };
        self.waiting.store(0, Ordering::Relaxed);
        drop(state);
        self.room.notify_waiters();
        taken
    }

    /// Whether the writer is to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.state().stopping
    }

    /// Has the writer write what waits, and end.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.stopping = true;
        state.asleep = false;
        drop(state);
        self.arrived.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
