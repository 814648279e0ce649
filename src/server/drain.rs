//! `[io]` The orderly stop: no new connections, what is under way is finished within a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Follows every session until it ends.
#[derive(Clone)]
pub struct Drain {
    stop: Arc<watch::Sender<bool>>,
    sessions: TaskTracker,
    open: Arc<AtomicUsize>,
}

/// Counts one open session for as long as it lives.
pub struct OpenSession(Arc<AtomicUsize>);

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            stop: Arc::new(watch::channel(false).0),
            sessions: TaskTracker::new(),
            open: Arc::default(),
        }
    }
}

impl Drain {
    /// Becomes true when everything is to stop.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Counts a session from here on.
    #[must_use]
    pub fn open_session(&self) -> OpenSession {
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenSession(self.open.clone())
    }

    /// The counter of open sessions.
    #[must_use]
    pub fn open_sessions(&self) -> Arc<AtomicUsize> {
        self.open.clone()
    }

    /// Runs a session under the drain.
    pub fn spawn(&self, session: impl Future<Output = ()> + Send + 'static) {
        self.sessions.spawn(session);
    }

    /// Tells everything to stop and waits at most `grace` for the sessions to end.
    pub async fn stop(&self, grace: Duration) {
        self.stop.send_replace(true);
        self.sessions.close();
        if tokio::time::timeout(grace, self.sessions.wait()).await.is_err() {
            tracing::warn!(
                sessions = self.open.load(Ordering::Relaxed),
                grace_s = grace.as_secs(),
                "sessions did not end in time, closing them"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session that panics ends only itself, is no longer counted, and does not hold up the end.
    #[tokio::test]
    async fn a_panicked_session_ends_only_itself() {
        let drain = Drain::default();
        let counted = drain.open_session();
        drain.spawn(async move {
            let _counted = counted;
            panic!("as a test");
        });
        let (mut stop, counted) = (drain.watch(), drain.open_session());
        let (tell, told) = tokio::sync::oneshot::channel();
        drain.spawn(async move {
            let _counted = counted;
            stop.wait_for(|stop| *stop).await.unwrap();
            tell.send(()).unwrap();
        });
        while drain.open_sessions().load(Ordering::Relaxed) > 1 {
            tokio::task::yield_now().await;
        }
        drain.stop(Duration::from_secs(5)).await;
        told.await.unwrap();
        assert_eq!(drain.open_sessions().load(Ordering::Relaxed), 0);
    }
}
