//! The lists that paged searches go on in, of all sessions together. A list pins the views it was found
//! in; here is the bound on how many old views that keeps alive, and for how long.
//!
//! The oldest list gives way. Its client finds out with its next page, and then its session ends (see
//! `machine`): any code at the end of a list is success to some client.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::directory::View;
use crate::policy::World;

use super::matches::Matches;

/// Most views that are pinned although a newer one is published. Views share what did not change, so a
/// generation costs its changes; but after a rebuild an old one is a whole copy.
pub const MAX_OLD_VIEWS: usize = 64;
/// How long a view may be pinned after a newer one was published: longer than anybody pages, and short
/// enough that what was deleted does not stay readable.
pub const MAX_OLD_AGE: Duration = Duration::from_secs(30 * 60);
/// Most positions in all lists together; one takes 4 octets, 16 in a sorted list.
pub const MAX_POSITIONS: usize = 32 * 1024 * 1024;

/// The lists of all sessions.
pub struct Pins {
    /// No two lists of this process have one number, and the first is nobody's guess, so that a cookie
    /// of another session or of the process before leads nowhere.
    next: AtomicU64,
    limits: PinLimits,
    kept: Mutex<Kept>,
}

/// The bounds of [`Pins`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinLimits {
    /// See [`MAX_OLD_VIEWS`].
    pub old_views: usize,
    /// See [`MAX_OLD_AGE`].
    pub old_age: Duration,
    /// See [`MAX_POSITIONS`].
    pub positions: usize,
}

impl Default for PinLimits {
    fn default() -> Self {
        Self { old_views: MAX_OLD_VIEWS, old_age: MAX_OLD_AGE, positions: MAX_POSITIONS }
    }
}

/// A list that a session may go on in, as long as it is not let go.
pub struct Pin {
    number: u64,
    matches: Mutex<Option<Matches>>,
}

#[derive(Default)]
struct Kept {
    /// In the order of opening.
    pins: VecDeque<Weak<Pin>>,
    /// No fewer than there are.
    positions: usize,
    /// Views that are not the published ones any more, oldest first, and since when that is known.
    old: Vec<(Weak<View>, Instant)>,
    /// The world that was looked at last, and when to look again even if it has not moved.
    looked_at: Option<(u64, Instant)>,
}

/// How often ages are looked at while no view is published.
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl Default for Pins {
    fn default() -> Self {
        Self::new(PinLimits::default())
    }
}

impl Pins {
    /// No lists yet.
    #[must_use]
    pub fn new(limits: PinLimits) -> Self {
        let first = RandomState::new().hash_one(0) >> 24;
        Self { next: AtomicU64::new(first), limits, kept: Mutex::default() }
    }

    /// Keeps a list for as long as the session holds the pin.
    #[must_use]
    pub fn open(&self, matches: Matches) -> Arc<Pin> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let length = matches.len();
        let pin = Arc::new(Pin { number, matches: Mutex::new(Some(matches)) });
        let mut kept = self.kept();
        kept.pins.push_back(Arc::downgrade(&pin));
        kept.positions = kept.positions.saturating_add(length);
        if kept.positions > self.limits.positions {
            kept.bound_positions(self.limits.positions, number);
        }
        pin
    }

    /// Lets go of lists on views that were superseded too long ago, or are too many. Called whenever
    /// somebody pages; cheap unless the world has moved.
    pub fn enforce(&self, world: &World, now: Instant) {
        let mut kept = self.kept();
        let due = kept.looked_at.is_none_or(|(epoch, at)| {
            epoch != world.epoch || now.saturating_duration_since(at) >= LOOK_EVERY
        });
        if due {
            kept.looked_at = Some((world.epoch, now));
            kept.bound_old_views(self.limits, world, now);
        }
    }

    /// How many superseded views the lists pin, as of the last look.
    #[must_use]
    pub fn old_views(&self) -> usize {
        self.kept().old.iter().filter(|(view, _)| view.strong_count() > 0).count()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// What is still held, oldest first; forgets the rest.
    fn live(&mut self) -> Vec<(Arc<Pin>, Matches)> {
        let live: Vec<(Arc<Pin>, Matches)> = self
            .pins
            .iter()
            .filter_map(|pin| {
                let pin = pin.upgrade()?;
                let matches = pin.matches()?;
                Some((pin, matches))
            })
            .collect();
        self.pins = live.iter().map(|(pin, _)| Arc::downgrade(pin)).collect();
        self.positions = live.iter().map(|(_, matches)| matches.len()).sum();
        live
    }

    /// The newest list stays, however long it is.
    fn bound_positions(&mut self, most: usize, newest: u64) {
        for (pin, matches) in self.live() {
            if self.positions <= most || pin.number == newest {
                break;
            }
            self.positions -= matches.len();
            pin.let_go();
        }
    }

    fn bound_old_views(&mut self, limits: PinLimits, world: &World, now: Instant) {
        let live = self.live();
        let mut old: Vec<(Weak<View>, Instant)> = Vec::new();
        for part in live.iter().flat_map(|(_, matches)| matches.parts()) {
            let current = world.view(&part.directory);
            let same = |view: &Weak<View>| std::ptr::eq(view.as_ptr(), Arc::as_ptr(&part.view));
            let is_current = current.is_some_and(|current| Arc::ptr_eq(current, &part.view));
            if is_current || old.iter().any(|(view, _)| same(view)) {
                continue;
            }
            let known = self.old.iter().find(|(view, _)| same(view));
            old.push((Arc::downgrade(&part.view), known.map_or(now, |(_, since)| *since)));
        }
        let generation = |view: &Weak<View>| view.upgrade().map(|view| view.generation());
        old.sort_by_key(|(view, since)| (*since, generation(view)));
        let surplus = old.len().saturating_sub(limits.old_views);
        let aged = old
            .iter()
            .take_while(|(_, since)| now.saturating_duration_since(*since) >= limits.old_age)
            .count();
        let gone: Vec<_> = old.drain(..surplus.max(aged)).collect();
        self.old = old;
        for (pin, matches) in live {
            let on = |part: &super::matches::Part| {
                gone.iter().any(|(view, _)| std::ptr::eq(view.as_ptr(), Arc::as_ptr(&part.view)))
            };
            if matches.parts().iter().any(on) {
                pin.let_go();
            }
        }
    }
}

impl Pin {
    /// The number that cookies carry.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The list; `None` once it was let go.
    #[must_use]
    pub fn matches(&self) -> Option<Matches> {
        self.matches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn let_go(&self) {
        *self.matches.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
