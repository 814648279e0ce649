//! `[io]` What a session has to hear while it waits for its client: the end of the program, views that have
//! moved for all or for its account, and an alarm.
//!
//! Everything is armed once for a connection and stays armed from request to request. Each source has the
//! waker of one [`Bell`], which notes that something rang before it wakes the task; so as long as nothing
//! has, looking costs one read of a flag, and a ring is not lost where octets come with it.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use tokio::sync::watch;
use tokio::time::{Sleep, sleep_until};

/// What rang.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The program is to stop. Comes once; see [`Signals::draining`].
    Draining,
    /// Views have moved, or the session has been called; see [`Signals::take_seen`].
    WorldMoved,
    /// The moment of the alarm has come.
    Alarm,
}

/// The signals of one connection.
pub struct Signals {
    bell: Arc<Bell>,
    /// Wakes by way of the bell.
    waker: Waker,
    /// The waker that the bell has.
    task: Option<Waker>,
    draining: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    moved: Pin<Box<dyn Future<Output = watch::Receiver<u64>> + Send>>,
    alarm: Pin<Box<Sleep>>,
    /// When the change was seen that the session has been called for.
    seen: Option<Instant>,
}

/// Notes a wake-up, then passes it on.
#[derive(Debug)]
struct Bell {
    rang: AtomicBool,
    task: Mutex<Option<Waker>>,
    call: Mutex<Option<Call>>,
}

/// That the session has been called, because something has moved that concerns its account.
#[derive(Clone, Copy, Debug)]
struct Call {
    seen: Option<Instant>,
}

/// Calls one session.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Bell>);

impl Caller {
    /// Has the session judge its permit again. `seen` is when the change was noticed; of several calls that wait,
    /// the earliest time counts.
    pub fn call(&self, seen: Option<Instant>) {
        let mut call = self.0.call();
        let before = call.and_then(|call| call.seen);
        *call = Some(Call { seen: before.into_iter().chain(seen).min() });
        drop(call);
        self.0.wake_by_ref();
    }

    /// Whether both call the same session.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Bell {
    fn call(&self) -> MutexGuard<'_, Option<Call>> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rang.store(true, Ordering::Release);
        // Not taken out: the session leaves its waker here for as long as it has the same one.
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl Signals {
    /// Arms everything. Of `epoch`, moves from now on count.
    #[must_use]
    pub fn new(
        epoch: &watch::Receiver<u64>,
        draining: &watch::Receiver<bool>,
        alarm: Instant,
    ) -> Self {
        // Everything is polled, and so armed, when the session first waits.
        let bell = Arc::new(Bell {
            rang: AtomicBool::new(true),
            task: Mutex::new(None),
            call: Mutex::new(None),
        });
        let (mut epoch, mut draining) = (epoch.clone(), draining.clone());
        epoch.mark_unchanged();
        Self {
            waker: Waker::from(bell.clone()),
            bell,
            task: None,
            draining: Some(Box::pin(async move {
                let _ = draining.wait_for(|stop| *stop).await;
            })),
            moved: Box::pin(moved(epoch)),
            alarm: Box::pin(sleep_until(alarm.into())),
            seen: None,
        }
    }

    /// Calls this session, from wherever it is kept.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller(self.bell.clone())
    }

    /// When the change was seen that the session has been called for, if it has been and that is known. Asked
    /// when a permit is lost.
    #[must_use]
    pub fn take_seen(&mut self) -> Option<Instant> {
        let waiting = self.bell.call().take().and_then(|call| call.seen);
        self.seen.take().into_iter().chain(waiting).min()
    }

    /// The permit outlived what the session was called for. A call that has come since is still heard.
    pub const fn forget_seen(&mut self) {
        self.seen = None;
    }

    /// Whether [`Signal::Draining`] has come.
    #[must_use]
    pub const fn draining(&self) -> bool {
        self.draining.is_none()
    }

    /// When the alarm goes off, or went off.
    #[must_use]
    pub fn alarm(&self) -> Instant {
        self.alarm.deadline().into_std()
    }

    /// Sets the alarm. After [`Signal::Alarm`] it has to be set again.
    pub fn set_alarm(&mut self, at: Instant) {
        self.alarm.as_mut().reset(at.into());
        // A timer that has been set anew is armed when it is polled.
        self.bell.rang.store(true, Ordering::Release);
    }

    /// The next signal. Once it has been polled, the task is woken for every later one.
    pub fn poll(&mut self, cx: &Context<'_>) -> Poll<Signal> {
        self.lead_to(cx.waker());
        if !self.bell.rang.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        self.bell.rang.store(false, Ordering::Release);
        match self.look() {
            Some(signal) => {
                // The others have not been looked at.
                self.bell.rang.store(true, Ordering::Release);
                Poll::Ready(signal)
            }
            None => Poll::Pending,
        }
    }

    /// Has the bell wake this task.
    fn lead_to(&mut self, waker: &Waker) {
        if self.task.as_ref().is_some_and(|task| task.will_wake(waker)) {
            return;
        }
        self.task = Some(waker.clone());
        *self.bell.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }

    fn look(&mut self) -> Option<Signal> {
        let mut cx = Context::from_waker(&self.waker);
        if let Some(draining) = &mut self.draining
            && draining.as_mut().poll(&mut cx).is_ready()
        {
            self.draining = None;
            return Some(Signal::Draining);
        }
        if let Some(call) = self.bell.call().take() {
            self.seen = call.seen;
            return Some(Signal::WorldMoved);
        }
        if let Poll::Ready(epoch) = self.moved.as_mut().poll(&mut cx) {
            self.moved = Box::pin(moved(epoch));
            return Some(Signal::WorldMoved);
        }
        self.alarm.as_mut().poll(&mut cx).is_ready().then_some(Signal::Alarm)
    }
}

async fn moved(mut epoch: watch::Receiver<u64>) -> watch::Receiver<u64> {
    if epoch.changed().await.is_err() {
        // Nobody is left to move it.
        pending::<()>().await;
    }
    epoch
}
