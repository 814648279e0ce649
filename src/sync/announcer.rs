//! `[io]` Keeps a link on which the directory announces changes, beside the passes that read them. Without it
//! changes are found later, never not at all.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::select_all;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use crate::ldap::filter::Filter;
use crate::time::Now;
use crate::upstream::{FetchError, Noticed, Step, Upstream, WatchKind};

use super::report::Announcements;

/// First pause after a watch that was lost; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Who is to announce, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// The controller that the passes read: another one hears of a change at another time.
    pub(super) controller: Arc<str>,
    /// The naming context.
    pub(super) base: String,
    /// By which means, all at once.
    pub(super) means: Vec<Means>,
}

/// How changes are announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// Active Directory's change notification.
    Notification,
    /// RFC 4533, refreshAndPersist.
    Persist(Filter),
    /// Asking for the controller's highest number every so often.
    Numbering(Duration),
}

impl Means {
    const fn name(&self) -> &'static str {
        match self {
            Self::Notification => "change notification",
            Self::Persist(_) => "refreshAndPersist",
            Self::Numbering(_) => "highestCommittedUSN",
        }
    }
}

/// What has been announced and not been read yet.
#[derive(Default)]
struct Heard {
    notify: Arc<Notify>,
    since: Mutex<Option<Instant>>,
}

/// The end of the loop at which announcements come out.
pub(super) struct Announcer {
    source: watch::Sender<Option<Source>>,
    cookie: Arc<Mutex<Option<Vec<u8>>>>,
    state: watch::Receiver<Announcements>,
    heard: Arc<Heard>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Announcer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Announcer {
    /// Listens to nobody yet.
    pub(super) fn new(upstream: Arc<Upstream>) -> Self {
        let (source, sources) = watch::channel(None);
        let (states, state) = watch::channel(Announcements::Unknown);
        let (heard, cookie) = (Arc::new(Heard::default()), Arc::new(Mutex::default()));
        let listening = Listening {
            upstream,
            sources,
            states,
            heard: heard.clone(),
            cookie: Arc::clone(&cookie),
        };
        let task = tokio::spawn(listening.run());
        Self { source, cookie, state, heard, task }
    }

    /// Listens to this source from now on, or to nobody because of `reason`.
    pub(super) fn listen(&self, source: Option<Source>, cookie: Option<&[u8]>) {
        *self.cookie.lock().unwrap_or_else(PoisonError::into_inner) = cookie.map(<[u8]>::to_vec);
        self.source.send_if_modified(|current| {
            let differs = *current != source;
            *current = source;
            differs
        });
    }

    /// Is notified whenever something is announced; announcements that nobody waits for count as one.
    pub(super) fn heard(&self) -> Arc<Notify> {
        self.heard.notify.clone()
    }

    /// Since when something has been announced that no pass has read; the next announcement counts anew.
    pub(super) fn take(&self) -> Option<Instant> {
        self.heard.since.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes back what was taken: no pass has read it after all.
    pub(super) fn give_back(&self, heard: Instant) {
        let mut since = self.heard.since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = Some(since.map_or(heard, |later| later.min(heard)));
    }

    /// Whether changes are announced.
    pub(super) fn state(&self) -> watch::Receiver<Announcements> {
        self.state.clone()
    }
}

/// The task.
struct Listening {
    upstream: Arc<Upstream>,
    sources: watch::Receiver<Option<Source>>,
    states: watch::Sender<Announcements>,
    heard: Arc<Heard>,
    cookie: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Listening {
    async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let source = self.sources.borrow_and_update().clone();
            let Some(source) = source else {
                if self.sources.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let mut sources = self.sources.clone();
            let began = Now::read().monotonic;
            let error = tokio::select! {
                changed = sources.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    continue;
                }
                error = self.listen(&source) => error,
            };
            let lasted = Now::read().monotonic.saturating_duration_since(began);
            pause = if lasted > LONGEST_PAUSE { FIRST_PAUSE } else { pause };
            self.lost(&source, &error);
            // One that is not offered today may be tomorrow, but not in a second.
            let wait = if error.step == Step::Control { LONGEST_PAUSE } else { pause };
            pause = (pause * 2).min(LONGEST_PAUSE);
            tokio::select! {
                changed = sources.changed() => if changed.is_err() { return },
                () = sleep(wait) => {}
            }
        }
    }

    /// Tells what a source announces until it is lost.
    async fn listen(&self, source: &Source) -> FetchError {
        let mut watches = Vec::new();
        let mut means = Vec::new();
        let mut refused = None;
        for one in &source.means {
            match self.upstream.watch(&source.controller, self.kind(source, one)).await {
                Ok(watch) => {
                    watches.push(watch);
                    means.push(one.name());
                }
                Err(error) if error.step == Step::Control => refused = Some(error),
                Err(error) => return error,
            }
        }
        if let (true, Some(refused)) = (watches.is_empty(), refused) {
            return refused;
        }
        let mut waiting = watches.len();
        loop {
            let noticed = select_all(watches.iter_mut().map(|watch| Box::pin(watch.next()))).await;
            match noticed.0 {
                Ok(Noticed::Ready) => {
                    waiting = waiting.saturating_sub(1);
                    if waiting == 0 {
                        self.announced(source, &means.join(" and "));
                    }
                    // What happened before was perhaps not told.
                    self.hear();
                }
                Ok(Noticed::Change) => self.hear(),
                Err(error) => return error,
            }
        }
    }

    fn kind(&self, source: &Source, means: &Means) -> WatchKind {
        let base = source.base.clone();
        match means {
            Means::Notification => WatchKind::Notification { base },
            Means::Persist(filter) => WatchKind::Persist {
                base,
                filter: filter.clone(),
                cookie: self.cookie.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            },
            Means::Numbering(every) => WatchKind::Numbering { every: *every },
        }
    }

    fn announced(&self, source: &Source, means: &str) {
        let controller = &*source.controller;
        let directory = &*self.upstream.config().directory;
        tracing::info!(directory, controller, means, "changes are announced");
        self.states.send_replace(Announcements::By(format!("{means} at {controller}")));
    }

    fn hear(&self) {
        let mut since = self.heard.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.get_or_insert_with(|| Now::read().monotonic);
        drop(since);
        self.heard.notify.notify_one();
    }

    fn lost(&self, source: &Source, error: &FetchError) {
        let directory = &*self.upstream.config().directory;
        let controller = &*source.controller;
        let reason = error.to_string();
        let was_announced = matches!(*self.states.borrow(), Announcements::By(_));
        if was_announced {
            tracing::warn!(directory, controller, reason, "changes are not announced any more");
        } else {
            tracing::debug!(directory, controller, reason, "changes are not announced");
        }
        self.states.send_replace(Announcements::Nobody(reason));
    }
}
