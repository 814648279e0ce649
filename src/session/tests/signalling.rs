//! Signals stay armed from request to request, and none is lost.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use super::*;
use crate::session::signals::{Signal, Signals};

struct Sources {
    epoch: watch::Sender<u64>,
    draining: watch::Sender<bool>,
}

fn armed(alarm: Duration) -> (Signals, Sources) {
    let sources = Sources { epoch: watch::Sender::new(0), draining: watch::Sender::new(false) };
    let (epoch, draining) = (sources.epoch.subscribe(), sources.draining.subscribe());
    (Signals::new(&epoch, &draining, in_a(alarm)), sources)
}

fn in_a(while_: Duration) -> Instant {
    Now::read().monotonic + while_
}

const HOUR: Duration = Duration::from_secs(3600);

async fn next(signals: &mut Signals) -> Signal {
    timeout(Duration::from_secs(5), poll_fn(|cx| signals.poll(cx))).await.unwrap()
}

#[derive(Default)]
struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Each signal wakes whoever waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_signal_wakes_a_waiting_session() {
    let send: [fn(&Sources); 2] = [
        |sources| sources.epoch.send_modify(|epoch| *epoch += 1),
        |sources| {
            sources.draining.send_replace(true);
        },
    ];
    for (send, expected) in send.into_iter().zip([Signal::WorldMoved, Signal::Draining]) {
        let (mut signals, sources) = armed(HOUR);
        let waiting = tokio::spawn(async move { next(&mut signals).await });
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(!waiting.is_finished());
        send(&sources);
        assert_eq!(waiting.await.unwrap(), expected);
    }
    let (mut signals, _sources) = armed(Duration::from_millis(30));
    assert_eq!(next(&mut signals).await, Signal::Alarm);
}

/// A session that looks only in passing, and that another task takes over, still hears everything.
#[tokio::test]
async fn signals_stay_armed() {
    let (mut signals, sources) = armed(HOUR);
    let wakers: [Arc<Counted>; 2] = [Arc::default(), Arc::default()];
    let count = |at: usize| wakers[at].0.load(Ordering::SeqCst);
    let poll = |signals: &mut Signals, at: usize| {
        signals.poll(&Context::from_waker(&Waker::from(wakers[at].clone())))
    };
    for _ in 0..3 {
        assert_eq!(poll(&mut signals, 0), Poll::Pending);
    }
    assert_eq!(poll(&mut signals, 1), Poll::Pending);
    for round in 1..=3 {
        sources.epoch.send_modify(|epoch| *epoch += 1);
        assert_eq!((count(0), count(1)), (0, round), "the task that looked last is woken");
        // The same wake-up brought octets; the ring is there when the session looks next.
        assert_eq!(poll(&mut signals, 1), Poll::Ready(Signal::WorldMoved));
        assert_eq!(poll(&mut signals, 1), Poll::Pending);
    }
    sources.epoch.send_modify(|epoch| *epoch += 1);
    sources.draining.send_replace(true);
    assert_eq!(poll(&mut signals, 1), Poll::Ready(Signal::Draining), "the end comes first");
    assert!(signals.draining());
    assert_eq!(poll(&mut signals, 1), Poll::Ready(Signal::WorldMoved), "the other is not lost");
    assert_eq!(poll(&mut signals, 1), Poll::Pending, "the end is told once");
}

/// What moved before the connection is no news, and without anybody left to move it there is none.
#[tokio::test]
async fn only_moves_count() {
    let epoch = watch::Sender::new(0_u64);
    let receiver = epoch.subscribe();
    epoch.send_replace(7);
    let draining = watch::Sender::new(false);
    let mut signals = Signals::new(&receiver, &draining.subscribe(), in_a(HOUR));
    let waker = Waker::noop();
    assert_eq!(signals.poll(&Context::from_waker(waker)), Poll::Pending);
    drop(epoch);
    assert_eq!(signals.poll(&Context::from_waker(waker)), Poll::Pending);
    drop(draining);
    assert_eq!(signals.poll(&Context::from_waker(waker)), Poll::Ready(Signal::Draining));
}

/// The alarm can be set for an earlier moment while it is armed, and again after it went off.
#[tokio::test]
async fn the_alarm_can_be_moved() {
    let (mut signals, _sources) = armed(HOUR);
    assert!(signals.poll(&Context::from_waker(Waker::noop())).is_pending());
    for _ in 0..3 {
        let at = in_a(Duration::from_millis(20));
        signals.set_alarm(at);
        assert_eq!(signals.alarm(), at);
        assert_eq!(next(&mut signals).await, Signal::Alarm);
        assert!(Now::read().monotonic >= at);
    }
    signals.set_alarm(in_a(HOUR));
    assert!(signals.poll(&Context::from_waker(Waker::noop())).is_pending());
}
