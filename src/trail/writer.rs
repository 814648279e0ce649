//! `[io]` The trail as others use it, and the thread that writes it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crate::time::Now;

use super::chain::{self, Head};
use super::event::{Event, Names, Value};
use super::files::{Files, Found, TrailError};
use super::key::Key;
use super::queue::Queue;

/// Events that may wait, a few MiB.
const MOST: usize = 16 * 1024;
/// Longest time that lines wait for more before they are written.
const PAUSE: Duration = Duration::from_millis(50);
/// Octets that are written at once.
const BATCH: usize = 256 * 1024;
/// Time between two times that the disk is told to take what was written.
const SYNC: Duration = Duration::from_secs(1);
/// Time between two tries where the file cannot be written.
const RETRY: Duration = Duration::from_millis(500);
/// Time between two complaints about that.
const COMPLAINT: Duration = Duration::from_secs(60);
/// Time between two lines of the log that tell where the chain stands.
const HEAD: Duration = Duration::from_secs(600);
/// Longest wait of a login for room.
const PATIENCE: Duration = Duration::from_millis(500);
/// Longest time for what waits when the program ends.
const LAST_LINES: Duration = Duration::from_secs(5);

/// How a trail is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrailConfig {
    /// The file that is written.
    pub file: PathBuf,
    /// The file with the key; a random key is made where it is missing.
    pub key_file: PathBuf,
    /// A new file is begun before this one gets larger, octets.
    pub rotate_size: u64,
    /// A new file is begun when the first line of this one is so old.
    pub rotate_age: Duration,
    /// How many old files stay.
    pub keep: usize,
    /// What happens when lines come faster than they can be written.
    pub when_full: WhenFull,
    /// Whether names of persons are hashed.
    pub hash_names: bool,
}

/// What happens when lines come faster than they can be written: a slow disk, or a full one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Lines are lost, and a line says how many. Logins go on.
    #[default]
    Drop,
    /// Logins wait for room, a short time, and are refused then: no login goes on without its line.
    Wait,
}

/// The trail, for those who leave something in it. When it is dropped, what waits is written.
pub struct Trail {
    queue: Arc<Queue>,
    when_full: WhenFull,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Trail {
    /// Opens the files and starts the thread that writes them.
    ///
    /// # Errors
    /// Key or file cannot be used, or another process writes the trail.
    pub fn open(config: TrailConfig, now: Now) -> Result<Self, TrailError> {
        Self::with_room_for(MOST, config, now)
    }

    pub(super) fn with_room_for(
        most: usize,
        config: TrailConfig,
        now: Now,
    ) -> Result<Self, TrailError> {
        let (key, made) = Key::read_or_make(&config.key_file)?;
        if made {
            tracing::warn!(
                key_file = %config.key_file.display(),
                "a new key of the audit trail was made: keep a copy elsewhere"
            );
        }
        let Found { files, head, notes } = Files::open(&config.file, &key, now.wall)?;
        let queue = Arc::new(Queue::new(most));
        let path = config.file.clone();
        let when_full = config.when_full;
        let names = if config.hash_names { Names::hashed(key.of_names()) } else { Names::plain() };
        let mut writer = Writer {
            queue: queue.clone(),
            config,
            key,
            names,
            files,
            head,
            pending: Vec::new(),
            pending_since: now.wall,
            failing: None,
            rotate_failed: None,
            synced: now.monotonic,
            unsynced: false,
            told: None,
            told_at: now.monotonic,
        };
        notes.iter().for_each(|note| writer.seal(note));
        let thread = thread::Builder::new().name("audit trail".to_owned());
        let thread =
            thread.spawn(move || writer.run()).map_err(|source| TrailError::io(&path, source))?;
        Ok(Self { queue, when_full, thread: Mutex::new(Some(thread)) })
    }

    /// A trail that has no room for anything, and no file.
    #[cfg(test)]
    pub(crate) fn without_room(when_full: WhenFull) -> Self {
        Self { queue: Arc::new(Queue::new(0)), when_full, thread: Mutex::default() }
    }

    /// Leaves an event. Never waits.
    pub fn leave(&self, event: Event) {
        self.queue.leave(event, self.when_full == WhenFull::Wait);
    }

    /// Whether a login may go on: at once, unless nothing is to be lost and there is no room; then that is waited
    /// for, a short time.
    pub async fn has_room(&self) -> bool {
        match self.when_full {
            WhenFull::Drop => true,
            WhenFull::Wait => self.queue.has_room(PATIENCE).await,
        }
    }

    /// Has everything that waits written, and ends the thread. Waits for that a few seconds at most.
    pub fn stop(&self) {
        self.queue.stop();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let begun = Now::read().monotonic;
        while !thread.is_finished() {
            if Now::read().monotonic.saturating_duration_since(begun) > LAST_LINES {
                tracing::error!("the last lines of the audit trail could not be written in time");
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        let _ = thread.join();
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Writer {
    queue: Arc<Queue>,
    config: TrailConfig,
    key: Key,
    names: Names,
    files: Files,
    /// Where the chain stands, with what is pending.
    head: Head,
    /// Lines that are not in the file yet.
    pending: Vec<u8>,
    /// The time of the first of them.
    pending_since: SystemTime,
    /// When it was last complained that the file cannot be written.
    failing: Option<Instant>,
    /// When a new file could last not be begun.
    rotate_failed: Option<Instant>,
    synced: Instant,
    unsynced: bool,
    /// The head that the log has.
    told: Option<Head>,
    told_at: Instant,
}

impl Writer {
    fn run(&mut self) {
        loop {
            self.queue.wait(if self.unsynced { SYNC } else { HEAD });
            self.queue.pause(PAUSE);
            let taken = self.queue.take();
            for event in &taken.events {
                self.take(event);
            }
            if taken.lost > 0 {
                let lost = Event::new("lines_lost", Now::read().wall);
                self.seal(&lost.field("lost", Value::Number(taken.lost)));
                tracing::error!(
                    lost = taken.lost,
                    "lines of the audit trail were lost: they came faster than they are written"
                );
            }
            let written = self.flush();
            self.sync(taken.stopping);
            if taken.stopping {
                self.tell_head(written);
                return;
            }
            if Now::read().monotonic.saturating_duration_since(self.told_at) >= HEAD {
                self.tell_head(written);
            }
        }
    }

    fn seal(&mut self, event: &Event) {
        if self.pending.is_empty() {
            self.pending_since = Now::read().wall;
        }
        self.head = chain::seal(&self.key, self.head, event, &self.names, &mut self.pending);
    }

    /// Takes an event; begins a new file before its line where the time for that has come, and writes what has
    /// gathered.
    fn take(&mut self, event: &Event) {
        let (gathered, head) = (self.pending.len(), self.head);
        self.seal(event);
        let TrailConfig { rotate_size, rotate_age, .. } = self.config;
        let now = Now::read().wall;
        let full = self.files.is_full(gathered, self.pending.len(), rotate_size, rotate_age, now);
        if full && self.may_rotate() {
            let line = self.pending.split_off(gathered);
            let rotated = self.flush() && self.rotate(head.seq);
            self.pending.extend_from_slice(&line);
            self.pending_since = now;
            if rotated && let Err(error) = self.remove_surplus() {
                tracing::error!(%error, "old files of the audit trail cannot be removed");
            }
        } else if self.pending.len() >= BATCH {
            self.flush();
        }
    }

    /// Begins a new file behind the line with the number `last`.
    fn rotate(&mut self, last: u64) -> bool {
        let rotated = self.files.rotate(last);
        if let Err(error) = &rotated {
            tracing::error!(%error, "no new file of the audit trail can be begun; the present one grows on");
            self.rotate_failed = Some(Now::read().monotonic);
        }
        rotated.is_ok()
    }

    /// Removes the oldest files. It is told before, on the disk: what is missing without being told is a fault.
    fn remove_surplus(&mut self) -> std::io::Result<()> {
        let surplus = self.files.surplus(self.config.keep)?;
        let Some((through, _)) = surplus.last() else { return Ok(()) };
        let removed = Event::new(chain::REMOVED, Now::read().wall);
        self.seal(&removed.field(chain::THROUGH, Value::Number(*through)));
        if self.flush() {
            self.files.sync()?;
            for (_, path) in &surplus {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Whether a new file may be begun: where that has failed, it is tried again after a while.
    fn may_rotate(&self) -> bool {
        let now = Now::read().monotonic;
        self.rotate_failed.is_none_or(|at| now.saturating_duration_since(at) >= COMPLAINT)
    }

    /// Writes what is pending, again and again where that fails, until the end.
    fn flush(&mut self) -> bool {
        while !self.pending.is_empty() {
            match self.files.append(&self.pending, self.pending_since) {
                Ok(()) => {
                    self.pending.clear();
                    self.pending.shrink_to(2 * BATCH);
                    self.unsynced = true;
                    if self.failing.take().is_some() {
                        tracing::warn!("the audit trail is written again");
                    }
                }
                Err(error) => {
                    self.complain(&error);
                    if self.queue.is_stopping() {
                        tracing::error!("the last lines of the audit trail are lost");
                        return false;
                    }
                    self.queue.pause(RETRY);
                }
            }
        }
        true
    }

    fn complain(&mut self, error: &std::io::Error) {
        let now = Now::read().monotonic;
        if self.failing.is_none_or(|last| now.saturating_duration_since(last) >= COMPLAINT) {
            self.failing = Some(now);
            let file = self.config.file.display();
            tracing::error!(%file, %error, "the audit trail cannot be written");
        }
    }

    fn sync(&mut self, at_once: bool) {
        let now = Now::read().monotonic;
        if self.unsynced && (at_once || now.saturating_duration_since(self.synced) >= SYNC) {
            if let Err(error) = self.files.sync() {
                self.complain(&error);
            }
            (self.unsynced, self.synced) = (false, now);
        }
    }

    /// Who reads the log elsewhere can tell by it whether the end of the trail was cut off.
    fn tell_head(&mut self, written: bool) {
        if written && self.told != Some(self.head) {
            tracing::info!(head = self.head.text(), "where the audit trail stands");
            self.told = Some(self.head);
        }
        self.told_at = Now::read().monotonic;
    }
}
