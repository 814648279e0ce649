//! `[io]` The current view of one directory: one writer (sync), many readers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::{broadcast, watch};

use crate::ldap::identifier::Guid;

use super::changeset::ChangeSummary;
use super::view::View;
use super::withdrawn::Withdrawn;

/// Moves that wait for somebody who follows them. Who comes later than that hears that he missed some, and
/// has to take everybody for affected.
const MOVES: usize = 256;

/// The current view of one directory. Reading never waits for the writer, and a reader keeps the
/// generation it has loaded for as long as it likes.
#[derive(Debug)]
pub struct PublishedView {
    state: ArcSwap<PublishedState>,
    /// The epoch of `state`, for those who only ask whether it has moved.
    latest: AtomicU64,
    /// One writer at a time, so that moves are told in the order they happened.
    writing: Mutex<()>,
    generation: watch::Sender<u64>,
    moves: broadcast::Sender<Move>,
}

/// What decisions about one directory rest on, as it was at one moment.
#[derive(Clone, Debug, Default)]
pub struct PublishedState {
    /// The current view; `None` until the first complete pass.
    pub view: Option<Arc<View>>,
    /// Who is out although the view has them.
    pub withdrawn: Arc<Withdrawn>,
    /// How often anything here has been replaced.
    pub epoch: u64,
}

/// One replacement, for those who act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Whose rights it may change.
    pub affected: Affected,
    /// When the change was noticed: a notification came, or a poll that found it began. `None`: not known, or
    /// nothing whose delay means anything.
    pub seen: Option<Instant>,
}

/// Whose rights may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Affected {
    /// It is not known whose, or everybody's: a first view, other names of the domain.
    Everybody,
    /// These users', by objectGUID or entryUUID.
    These(Arc<[Guid]>),
}

impl Affected {
    /// Whom a change may concern that was put together from one view to the next. A group that comes or goes can
    /// change what a name in the rules stands for, and so concern users that have nothing to do with it.
    #[must_use]
    pub fn by(changes: &ChangeSummary) -> Self {
        let groups = changes.groups_created + changes.groups_removed;
        if changes.domain_changed || groups > 0 {
            Self::Everybody
        } else {
            Self::These(changes.affected_users.as_slice().into())
        }
    }
}

impl Move {
    /// Everybody may be affected, and nobody counts the time.
    #[must_use]
    pub const fn of_everybody() -> Self {
        Self { affected: Affected::Everybody, seen: None }
    }
}

impl PublishedView {
    /// No view yet: searches and binds that need one are answered "unavailable".
    #[must_use]
    pub fn empty() -> Arc<Self> {
        Arc::new(Self {
            state: ArcSwap::default(),
            latest: AtomicU64::new(0),
            writing: Mutex::new(()),
            generation: watch::Sender::new(0),
            moves: broadcast::Sender::new(MOVES),
        })
    }

    /// The current view; `None` until the first complete pass.
    #[must_use]
    pub fn load(&self) -> Option<Arc<View>> {
        self.state.load().view.clone()
    }

    /// The current view with all that belongs to it, of one moment.
    #[must_use]
    pub fn state(&self) -> Arc<PublishedState> {
        self.state.load_full()
    }

    /// Makes `view` the current one, whole, for everybody. See [`PublishedView::publish_change`].
    pub fn publish(&self, view: Arc<View>) {
        self.publish_change(view, Move::of_everybody());
    }

    /// Makes `view` the current one, whole. Nobody is withdrawn from then on: the view says it itself. Those who
    /// follow are told what moved.
    pub fn publish_change(&self, view: Arc<View>, moved: Move) {
        let writing = self.writing();
        let generation = view.generation();
        self.replace(Some(view), Arc::default());
        self.generation.send_replace(generation);
        self.tell(moved);
        drop(writing);
    }

    /// Has these accounts, and no others, out although the current view has them; see [`Withdrawn`]. It lasts
    /// until the next view is published. `seen` is as in [`Move`]. The same again moves nothing.
    pub fn withdraw(&self, withdrawn: Arc<Withdrawn>, seen: Option<Instant>) {
        let writing = self.writing();
        let now = self.state();
        if *now.withdrawn != *withdrawn {
            let affected = withdrawn.beyond(&now.withdrawn).into();
            self.replace(now.view.clone(), withdrawn);
            self.tell(Move { affected: Affected::These(affected), seen });
        }
        drop(writing);
    }

    /// Who is out although the view has them.
    #[must_use]
    pub fn withdrawn(&self) -> Arc<Withdrawn> {
        self.state.load().withdrawn.clone()
    }

    /// How often the state has been replaced, as far as that is done. A state that is loaded after this was
    /// read is of that epoch or a later one.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    /// Notes that a complete pass at `at` found what the current view says. Nobody is told: nothing
    /// changed but the view's age.
    pub fn confirm(&self, at: SystemTime) {
        if let Some(view) = &self.state.load().view {
            view.confirm(at);
        }
    }

    /// A receiver of generation numbers (0: none yet), for status.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// All moves from now on.
    #[must_use]
    pub fn moves(&self) -> broadcast::Receiver<Move> {
        self.moves.subscribe()
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, view: Option<Arc<View>>, withdrawn: Arc<Withdrawn>) {
        let epoch = self.state.load().epoch + 1;
        self.state.store(Arc::new(PublishedState { view, withdrawn, epoch }));
        // After the state: whoever reads the number first loads a state that is at least as new.
        self.latest.store(epoch, Ordering::Release);
    }

    fn tell(&self, moved: Move) {
        // Without anybody who follows there is nobody to tell.
        let _ = self.moves.send(moved);
    }
}
