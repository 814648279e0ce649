//! The mass-change guard: a change that would take the account from too many at once, or push them out of an
//! application, or let them in, is held back until an operator has looked at it. Small changes add up over a
//! sliding window, so that nothing comes in slices.
//!
//! Each of these counts for itself, against the users there were: those removed or deactivated in the directory,
//! those who leave an application, those who come to one that had users.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::directory::{ApplicationImpact, Impact};
use crate::time::Now;

/// Into how many parts the window is cut: what went through within one of them is forgotten together.
const PARTS: u32 = 60;

/// What is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardConfig {
    /// More than this share of the users there were, in percent; from 100 on nothing is ever held …
    pub share_percent: u8,
    /// … and at least so many of them.
    pub least: usize,
    /// How long what went through is counted together with what comes.
    pub window: Duration,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self { share_percent: 10, least: 20, window: Duration::from_secs(3600) }
    }
}

/// What becomes of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It may be published.
    Pass,
    /// It has to wait for an operator.
    Hold(Vec<HoldReason>),
}

/// One reason to hold a change; written out, a sentence for its operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldReason {
    /// Too many of the same sort.
    TooMany {
        /// What happens to them.
        what: Counted,
        /// How many by this change.
        count: usize,
        /// How many together with what went through before, in `window_seconds`.
        total: usize,
        /// Of how many.
        users: usize,
        /// The length of the window, in seconds.
        window_seconds: u64,
    },
    /// A directory that had users would have none.
    NoUsers {
        /// How many it had.
        before: usize,
    },
    /// A directory that had groups would have none of them.
    NoGroups {
        /// How many it had.
        before: usize,
    },
}

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Counted {
    /// Users of the directory who are removed or deactivated.
    Removed,
    /// Users who leave the application of this name.
    Lost(Arc<str>),
    /// Users who come to it.
    Gained(Arc<str>),
}

/// Holds back what is too much. It decides nothing about a change that an operator has accepted.
#[derive(Clone, Debug)]
pub struct Guard {
    config: GuardConfig,
    passed: BTreeMap<Counted, VecDeque<Part>>,
}

/// What went through within one part of the window.
#[derive(Clone, Copy, Debug)]
struct Part {
    first: Instant,
    last: Instant,
    count: usize,
    /// The most users there were.
    before: usize,
}

/// [`Part`] as it is stored: with times of the wall clock, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Serialize, Deserialize)]
struct StoredPart {
    what: Counted,
    first: u64,
    last: u64,
    count: usize,
    before: usize,
}

impl Guard {
    /// Nothing has gone through yet.
    #[must_use]
    pub const fn new(config: GuardConfig) -> Self {
        Self { config, passed: BTreeMap::new() }
    }

    /// Judges a change before it is published.
    pub fn judge(&self, impact: &Impact, now: Now) -> Verdict {
        if self.is_off() {
            return Verdict::Pass;
        }
        let (users, groups) = (impact.users_before, impact.groups_before);
        let no_users =
            (users > 0 && impact.users_after == 0).then_some(HoldReason::NoUsers { before: users });
        let no_groups = (groups > 0 && impact.groups_removed >= groups)
            .then_some(HoldReason::NoGroups { before: groups });
        let empty = no_users.into_iter().chain(no_groups);
        let counted = counted(impact);
        let too_many = counted.iter().filter_map(|(what, part)| self.too_many(what, *part, now));
        let reasons: Vec<HoldReason> = empty.chain(too_many).collect();
        if reasons.is_empty() { Verdict::Pass } else { Verdict::Hold(reasons) }
    }

    /// Notes a change that has been published. What would have been held has been accepted by somebody who knew
    /// what went before, so the count begins anew for it.
    pub fn passed(&mut self, impact: &Impact, now: Now) {
        self.forget(now);
        for (what, part) in counted(impact) {
            if self.too_many(&what, part, now).is_some() {
                self.passed.remove(&what);
            } else {
                let parts = self.passed.entry(what).or_default();
                note(parts, part, now.monotonic, self.config.window / PARTS);
            }
        }
    }

    /// The window for the store; see [`Guard::read`].
    ///
    /// # Errors
    /// None that depends on its contents.
    pub fn write(&self, now: Now) -> Result<Vec<u8>, serde_json::Error> {
        let stored = self.passed.iter().flat_map(|(what, parts)| {
            parts.iter().map(|part| StoredPart {
                what: what.clone(),
                first: milliseconds(now, part.first),
                last: milliseconds(now, part.last),
                count: part.count,
                before: part.before,
            })
        });
        serde_json::to_vec(&stored.collect::<Vec<_>>())
    }

    /// A guard with the window that was written. A clock that has been set since makes no part younger than now.
    ///
    /// # Errors
    /// The octets are not what [`Guard::write`] makes.
    pub fn read(config: GuardConfig, octets: &[u8], now: Now) -> Result<Self, serde_json::Error> {
        let stored: Vec<StoredPart> = serde_json::from_slice(octets)?;
        let mut guard = Self::new(config);
        for StoredPart { what, first, last, count, before } in stored {
            let last = instant(now, last);
            // What lies before the clock's beginning is long over.
            let Some(last) = last else { continue };
            let first = instant(now, first).unwrap_or(last);
            guard.passed.entry(what).or_default().push_back(Part { first, last, count, before });
        }
        guard.forget(now);
        Ok(guard)
    }

    fn too_many(&self, what: &Counted, part: Tally, now: Now) -> Option<HoldReason> {
        let earlier = self.passed.get(what).into_iter().flatten();
        let earlier = earlier.filter(|part| !self.is_over(part, now));
        let (total, users) = earlier.fold((part.count, part.before), |(total, users), part| {
            (total.saturating_add(part.count), users.max(part.before))
        });
        let share = usize::from(self.config.share_percent).saturating_mul(users);
        let is_too_many = !self.is_off()
            && total >= self.config.least
            && total.saturating_mul(100) > share
            && part.count > 0;
        is_too_many.then(|| HoldReason::TooMany {
            what: what.clone(),
            count: part.count,
            total,
            users,
            window_seconds: self.config.window.as_secs(),
        })
    }

    const fn is_off(&self) -> bool {
        self.config.share_percent >= 100
    }

    fn is_over(&self, part: &Part, now: Now) -> bool {
        now.monotonic.saturating_duration_since(part.last) >= self.config.window
    }

    fn forget(&mut self, now: Now) {
        let window = self.config.window;
        self.passed.retain(|_, parts| {
            parts.retain(|part| now.monotonic.saturating_duration_since(part.last) < window);
            !parts.is_empty()
        });
    }
}

/// How many of one sort, and of how many.
#[derive(Clone, Copy)]
struct Tally {
    count: usize,
    before: usize,
}

/// All that is not zero.
fn counted(impact: &Impact) -> Vec<(Counted, Tally)> {
    let removed = impact.deactivated.saturating_add(impact.removed);
    let of_directory = (Counted::Removed, Tally { count: removed, before: impact.users_before });
    let of_application = |application: &ApplicationImpact| {
        let ApplicationImpact { name, before, lost, gained } = application;
        // The first users of an application come all at once.
        let gained = if *before == 0 { 0 } else { *gained };
        [
            (Counted::Lost(name.clone()), Tally { count: *lost, before: *before }),
            (Counted::Gained(name.clone()), Tally { count: gained, before: *before }),
        ]
    };
    let all =
        std::iter::once(of_directory).chain(impact.applications.iter().flat_map(of_application));
    all.filter(|(_, tally)| tally.count > 0).collect()
}

/// Adds to the last part, or begins another one where that is old enough.
fn note(parts: &mut VecDeque<Part>, tally: Tally, now: Instant, length: Duration) {
    let Tally { count, before } = tally;
    match parts.back_mut() {
        Some(part) if now.saturating_duration_since(part.first) < length => {
            part.last = now;
            part.count = part.count.saturating_add(count);
            part.before = part.before.max(before);
        }
        Some(_) | None => parts.push_back(Part { first: now, last: now, count, before }),
    }
}

fn milliseconds(now: Now, moment: Instant) -> u64 {
    let ago = now.monotonic.saturating_duration_since(moment);
    let since = now.wall.checked_sub(ago).and_then(|wall| wall.duration_since(UNIX_EPOCH).ok());
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

/// `None`: further back than this clock goes.
fn instant(now: Now, milliseconds: u64) -> Option<Instant> {
    let wall: SystemTime = UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds))?;
    let ago = now.wall.duration_since(wall).unwrap_or_default();
    now.monotonic.checked_sub(ago)
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { what, count, total, users, window_seconds } => {
                match what {
                    Counted::Removed => {
                        write!(f, "would remove or deactivate {count} of {users} users")?;
                    }
                    Counted::Lost(name) => {
                        write!(f, "{count} of {users} users would leave application {name:?}")?;
                    }
                    Counted::Gained(name) => {
                        write!(
                            f,
                            "{count} users would come to the {users} of application {name:?}"
                        )?;
                    }
                }
                if total > count {
                    let minutes = window_seconds.div_ceil(60);
                    write!(f, ", {total} with those of the last {minutes} minutes")?;
                }
                Ok(())
            }
            Self::NoUsers { before } => write!(f, "none of {before} users would be left"),
            Self::NoGroups { before } => write!(f, "none of {before} groups would be left"),
        }
    }
}

#[cfg(test)]
mod tests;
