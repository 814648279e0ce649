//! `[io]` The bind links of one controller: exclusive, bounded, a few kept ready.
//!
//! A bind replaces a link's identity, so a link may carry the binds of many users one after another;
//! it never carries anything else. A link comes back only after an answer that left no doubt.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::alarm::Alarm;
use super::controller::PoolConfig;
use super::dial::Dialer;
use super::error::LinkError;
use super::link::Link;

/// A link that answered so short a time ago is trusted to be open without asking the kernel once more for each login.
/// Whoever closes it within this time costs a login its one retry, as one does who closes it while it is in use.
const JUST_USED: Duration = Duration::from_millis(5);

/// Why no link could be had. Nothing was sent.
#[derive(Debug)]
pub(super) enum CheckoutError {
    /// All links are taken, and so is the queue or the time to wait in it.
    Full,
    /// A new link could not be made.
    Dial(LinkError),
}

/// A link for one bind. Dropping it closes it; [`Pool::put_back`] keeps it.
pub(super) struct Checkout {
    /// In one place on the heap: it is large, and handed to and fro with every login.
    pub(super) link: Box<Link>,
    /// Whether it was made for this bind. One from the pool may be stale.
    pub(super) fresh: bool,
    /// When it could be had.
    pub(super) at: Instant,
    permit: OwnedSemaphorePermit,
}

/// The links of one controller.
pub(super) struct Pool {
    dialer: Arc<Dialer>,
    config: PoolConfig,
    /// Used last at the end.
    idle: Mutex<Vec<(Box<Link>, Instant)>>,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Of waits that are over, for those to come.
    alarms: Mutex<Vec<Alarm>>,
}

impl Pool {
    pub(super) fn new(dialer: Arc<Dialer>, config: PoolConfig) -> Self {
        let permits = Arc::new(Semaphore::new(config.max_links.min(Semaphore::MAX_PERMITS)));
        let (idle, waiting, alarms) = Default::default();
        Self { dialer, config, idle, permits, waiting, alarms }
    }

    /// A link that is ready, or a new one. `now` is the present time.
    pub(super) async fn checkout(
        &self,
        now: Instant,
        deadline: Instant,
    ) -> Result<Checkout, CheckoutError> {
        let (permit, at) = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => (permit, now),
            Err(_) => (self.queue(deadline).await.ok_or(CheckoutError::Full)?, Instant::now()),
        };
        while let Some((mut link, since)) = self.pop() {
            let just_used = at.saturating_duration_since(since) < JUST_USED;
            if link.heard_nothing() && (just_used || link.is_open()) {
                return Ok(Checkout { link, fresh: false, at, permit });
            }
        }
        // Set aside: it is large, seldom, and part of what is moved with every login.
        match Box::pin(self.dialer.dial(deadline)).await {
            Ok(link) => {
                Ok(Checkout { link: Box::new(link), fresh: true, at: Instant::now(), permit })
            }
            Err(error) => Err(CheckoutError::Dial(error)),
        }
    }

    /// Keeps a link for the next bind, which looks first whether it is still good.
    pub(super) fn put_back(&self, checkout: Checkout) {
        let Checkout { link, permit, at, .. } = checkout;
        let mut idle = self.idle();
        if idle.len() < self.config.max_links {
            // A bind is short beside the time after which an unused link is closed.
            idle.push((link, at));
        }
        drop(idle);
        drop(permit);
    }

    /// Links in use.
    pub(super) fn busy(&self) -> usize {
        self.config.max_links.saturating_sub(self.permits.available_permits())
    }

    /// Links waiting for use.
    pub(super) fn idle_count(&self) -> usize {
        self.idle().len()
    }

    /// Drops all links that are not in use: the controller went down, they may hang.
    pub(super) fn clear(&self) {
        self.idle().clear();
    }

    /// Closes links that are stale or unused for too long, and makes new ones until enough are
    /// ready. Gives up at the first failure; the probe says why.
    pub(super) async fn maintain(&self, deadline: Instant) {
        for link in self.take_old() {
            link.close(deadline).await;
        }
        while self.idle_count() < self.config.warm {
            let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else { return };
            let Ok(link) = self.dialer.dial(deadline).await else { return };
            let link = Box::new(link);
            self.put_back(Checkout { link, fresh: true, at: Instant::now(), permit });
            if Instant::now() >= deadline {
                return;
            }
        }
    }

    async fn queue(&self, deadline: Instant) -> Option<OwnedSemaphorePermit> {
        let _place = Place::take(&self.waiting, self.config.queue)?;
        let mut alarm = lock(&self.alarms).pop().unwrap_or_default();
        let waited = alarm.within(deadline, Arc::clone(&self.permits).acquire_owned()).await;
        lock(&self.alarms).push(alarm);
        waited?.ok()
    }

    fn pop(&self) -> Option<(Box<Link>, Instant)> {
        self.idle().pop()
    }

    fn take_old(&self) -> Vec<Link> {
        let now = Instant::now();
        let mut idle = self.idle();
        let (keep, old) = std::mem::take(&mut *idle)
            .into_iter()
            .partition(|(_, since)| now.saturating_duration_since(*since) < self.config.idle);
        *idle = keep;
        idle.retain_mut(|(link, _)| link.is_quiet());
        drop(idle);
        let old: Vec<(Box<Link>, Instant)> = old;
        old.into_iter().map(|(link, _)| *link).collect()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Box<Link>, Instant)>> {
        lock(&self.idle)
    }
}

fn lock<T>(list: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place in the queue, given up when dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, limit: usize) -> Option<Self> {
        let grow = |count: usize| (count < limit).then_some(count + 1);
        waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, grow).ok()?;
        Some(Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
