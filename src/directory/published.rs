//! `[io]` The current view of one directory: one writer (sync), many readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::view::View;

/// The current view of one directory. Reading never waits for the writer, and a reader keeps the
/// generation it has loaded for as long as it likes.
#[derive(Debug)]
pub struct PublishedView {
    current: ArcSwapOption<View>,
    /// The generation of `current`, for those who only ask whether it has moved.
    latest: AtomicU64,
    generation: watch::Sender<u64>,
}

impl PublishedView {
    /// No view yet: searches and binds that need one are answered "unavailable".
    #[must_use]
    pub fn empty() -> Arc<Self> {
        Arc::new(Self {
            current: ArcSwapOption::empty(),
            latest: AtomicU64::new(0),
            generation: watch::Sender::new(0),
        })
    }

    /// The current view; `None` until the first complete pass.
    #[must_use]
    pub fn load(&self) -> Option<Arc<View>> {
        self.current.load_full()
    }

    /// Makes `view` the current one, whole, and tells the subscribers its generation.
    pub fn publish(&self, view: Arc<View>) {
        let generation = view.generation();
        self.current.store(Some(view));
        // After the view: whoever reads the number first loads a view that is at least as new.
        self.latest.store(generation, Ordering::Release);
        self.generation.send_replace(generation);
    }

    /// The generation of the last view whose publishing is done; 0: none yet. A view that is loaded after
    /// this was read is of that generation or a later one.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    /// Notes that a complete pass at `at` found what the current view says. Nobody is told: nothing
    /// changed but the view's age.
    pub fn confirm(&self, at: SystemTime) {
        if let Some(view) = self.current.load().as_ref() {
            view.confirm(at);
        }
    }

    /// A receiver of generation numbers (0: none yet), for sessions and status.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }
}
