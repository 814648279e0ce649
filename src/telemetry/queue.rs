//! `[io]` Where log lines wait for standard error.
//!
//! Lines of the library are written at once by whoever logs them, together with what was waiting before; where
//! somebody else is writing just then, that is waited for, but not for long. Lines made by hand are only left
//! here; a thread writes them, many at a time. So the order is that of coming, a quiet log is written as it
//! comes, and a busy one costs a system call for many lines. A program that is killed outright may lose the
//! lines made by hand of its last 50 ms; one that ends by itself loses none.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

use super::line::{Line, Shape};
use super::log::LogLevel;
use crate::time::Now;

/// Least time between two writes of lines made by hand.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest wait of a line of the library for a write that is under way.
const OWN_TURN: Duration = Duration::from_millis(200);
/// Octets that are written without waiting for more.
const BATCH: usize = 64 * 1024;
/// Octets that may wait, some ten thousand lines; a line for which there is no room is counted as lost.
const MOST: usize = 4 * 1024 * 1024;
/// An empty buffer larger than this is given back.
const LARGEST_IDLE: usize = 4 * BATCH;

/// The lines that wait.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    shape: Shape,
}

struct State {
    waiting: Vec<u8>,
    /// Lines for which there was no room.
    lost: u64,
    /// Whether what waits must not wait for more.
    urgent: bool,
    /// `None` while somebody writes.
    out: Option<Out>,
    written_at: Option<Instant>,
}

struct Out {
    writer: Box<dyn Write + Send>,
    /// The other buffer, empty.
    spare: Vec<u8>,
}

impl Queue {
    /// A queue before `writer`, with the thread that empties it. The thread lives as long as the process.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn start(shape: Shape, writer: Box<dyn Write + Send>) -> io::Result<Arc<Self>> {
        let state = State {
            waiting: Vec::new(),
            lost: 0,
            urgent: false,
            out: Some(Out { writer, spare: Vec::new() }),
            written_at: None,
        };
        let queue = Arc::new(Self { state: Mutex::new(state), changed: Condvar::new(), shape });
        let own = Arc::clone(&queue);
        thread::Builder::new().name("log".to_owned()).spawn(move || own.run())?;
        Ok(queue)
    }

    /// Leaves a line for the thread; never waits for the reader.
    pub(super) fn leave(&self, line: &[u8]) {
        let mut state = self.state();
        let before = state.waiting.len();
        state.add(line);
        let after = state.waiting.len();
        drop(state);
        // A wake is a system call: for the first line, and once when there are enough.
        if before == 0 || (before < BATCH && after >= BATCH) {
            self.changed.notify_all();
        }
    }

    /// Writes everything that waits. Gives up after `limit` if somebody else is writing and gets no further.
    pub(super) fn flush(&self, limit: Duration) {
        self.state().urgent = true;
        self.write_out();
        let state = self.state();
        let busy = |state: &mut State| state.out.is_none();
        let waited = self.changed.wait_timeout_while(state, limit, busy);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn write_now(&self, line: &[u8]) {
        let mut state = self.state();
        state.add(line);
        drop(state);
        // Whoever is writing takes it along; it is out when this returns, unless nobody reads.
        self.flush(OWN_TURN);
    }

    fn run(&self) {
        loop {
            self.wait_for_lines();
            self.write_out();
        }
    }

    fn wait_for_lines(&self) {
        let mut state = self.state();
        loop {
            let left = state.pause_left(Now::read().monotonic);
            state = match left {
                Some(Duration::ZERO) => return,
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Writes what waits, unless somebody does already: then that one goes on with what is urgent.
    fn write_out(&self) {
        let mut state = self.state();
        let Some(mut out) = state.out.take() else { return };
        loop {
            let mut batch = std::mem::replace(&mut state.waiting, std::mem::take(&mut out.spare));
            let lost = std::mem::take(&mut state.lost);
            state.urgent = false;
            drop(state);
            if lost > 0 {
                batch.extend_from_slice(&self.loss(lost));
            }
            // A log that nobody takes any more must not end the program.
            let _ = out.writer.write_all(&batch);
            let _ = out.writer.flush();
            batch.clear();
            batch.shrink_to(LARGEST_IDLE);
            out.spare = batch;
            state = self.state();
            if !state.urgent {
                break;
            }
        }
        state.out = Some(out);
        state.written_at = Some(Now::read().monotonic);
        drop(state);
        self.changed.notify_all();
    }

    fn loss(&self, lost: u64) -> Vec<u8> {
        let message = "log lines were lost: they came faster than the log is read";
        let wall = Now::read().wall;
        let mut line =
            Line::begin(self.shape, wall, LogLevel::Warn, "ldapgate::telemetry", message);
        line.number("lost", lost);
        line.finish()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, line: &[u8]) {
        // What comes after a loss would hide where the gap is.
        if self.lost > 0 || self.waiting.len() + line.len() > MOST {
            self.lost += 1;
        } else {
            self.waiting.extend_from_slice(line);
        }
    }

    /// How long the thread has to wait before it writes; `None` while there is nothing for it to do.
    fn pause_left(&self, now: Instant) -> Option<Duration> {
        if self.out.is_none() || (self.waiting.is_empty() && self.lost == 0) {
            return None;
        }
        let enough = self.urgent || self.waiting.len() >= BATCH;
        let since = self.written_at.map(|at| now.saturating_duration_since(at));
        Some(since.filter(|_| !enough).map_or(Duration::ZERO, |since| PAUSE.saturating_sub(since)))
    }
}

/// The queue as the library writes to it: at once.
#[derive(Clone)]
pub(super) struct AtOnce(pub(super) Arc<Queue>);

impl Write for AtOnce {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_now(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for AtOnce {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::testing::Lines;

    fn start(writer: impl Write + Send + 'static) -> Arc<Queue> {
        Queue::start(Shape::default(), Box::new(writer)).unwrap()
    }

    #[test]
    fn lines_leave_in_order_and_whole() {
        let lines = Lines::default();
        let queue = start(lines.clone());
        let mut expected = String::new();
        for number in 0..5000 {
            let line = format!("line {number}\n");
            expected.push_str(&line);
            if number % 7 == 0 {
                AtOnce(Arc::clone(&queue)).write_all(line.as_bytes()).unwrap();
            } else {
                queue.leave(line.as_bytes());
            }
        }
        queue.flush(Duration::from_secs(5));
        assert_eq!(lines.take(), expected);
    }

    #[test]
    fn a_line_does_not_wait_for_another() {
        let lines = Lines::default();
        let queue = start(lines.clone());
        for round in 0..3 {
            queue.leave(b"one\n");
            let begun = Now::read().monotonic;
            while lines.take().is_empty() {
                assert!(Now::read().monotonic - begun < PAUSE * 20, "round {round}");
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    #[test]
    fn many_threads_lose_nothing() {
        let lines = Lines::default();
        let queue = start(lines.clone());
        thread::scope(|scope| {
            for name in ["a", "b", "c"] {
                let queue = &queue;
                scope.spawn(move || {
                    for number in 0..2000 {
                        queue.leave(format!("{name} {number}\n").as_bytes());
                        if number % 500 == 0 {
                            queue.write_now(format!("{name} now\n").as_bytes());
                        }
                    }
                });
            }
        });
        queue.flush(Duration::from_secs(5));
        let text = lines.take();
        assert_eq!(text.lines().count(), 3 * 2004);
        for name in ["a", "b", "c"] {
            let own = text.lines().filter_map(|line| line.strip_prefix(name)?.trim().parse().ok());
            assert_eq!(own.collect::<Vec<u32>>(), (0..2000).collect::<Vec<_>>());
        }
    }

    /// A writer that takes nothing until it is let go.
    struct Stuck(mpsc::Receiver<()>, Lines);

    impl Write for Stuck {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_reader_holds_up_nobody_and_the_loss_is_told() {
        let (release, held) = mpsc::channel();
        let lines = Lines::default();
        let queue = start(Stuck(held, lines.clone()));
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        queue.leave(&line);
        // The thread is in its write now.
        while queue.state().out.is_some() {
            thread::sleep(Duration::from_millis(1));
        }
        for _ in 0..MOST / line.len() + 10 {
            queue.leave(&line);
        }
        queue.write_now(b"an important line\n");
        queue.flush(Duration::from_millis(20));
        drop(release);
        queue.flush(Duration::from_secs(5));
        let text = lines.take();
        assert!(text.contains("log lines were lost"), "the loss is told");
        assert!(text.ends_with("lost=11\n"), "{}", &text[text.len() - 100..]);
        assert_eq!(text.matches('x').count(), 1023 * (1 + MOST / line.len()));
        queue.leave(b"after\n");
        queue.flush(Duration::from_secs(5));
        assert_eq!(lines.take(), "after\n");
    }
}
