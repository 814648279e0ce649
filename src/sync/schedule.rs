//! When the next pass is due, and why: start, schedule, refusal, or another try.

use std::time::{Duration, Instant, SystemTime};

use crate::time::Now;

use super::cron::CronSchedule;
use super::report::Trigger;

/// First pause after a pass that failed; it doubles up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Pause after a pass that a refusal asks for, in lengths of the last pass: strangers who type names at
/// random must not keep the controllers busy with being read.
const REFUSALS_SHARE: u32 = 9;

/// Decides when to run, from what has happened.
#[derive(Debug)]
pub struct Schedule {
    cron: CronSchedule,
    after_refusal: Duration,
    begun: Option<Instant>,
    finished: Option<Instant>,
    took: Duration,
    failures: u32,
    refused: bool,
    planned: Option<SystemTime>,
}

impl Schedule {
    /// A schedule before its first pass, which is due at once.
    #[must_use]
    pub const fn new(cron: CronSchedule, after_refusal: Duration) -> Self {
        Self {
            cron,
            after_refusal,
            begun: None,
            finished: None,
            took: Duration::ZERO,
            failures: 0,
            refused: false,
            planned: None,
        }
    }

    /// A login was refused for what the view says. Any number of them makes one pass.
    pub const fn refused(&mut self) {
        self.refused = true;
    }

    /// A pass is beginning: it answers every refusal so far. Later ones ask for another, because what
    /// this pass has read by then may be older than the change that they wait for.
    pub const fn started(&mut self, now: Now) {
        self.refused = false;
        self.begun = Some(now.monotonic);
    }

    /// A pass has ended. Runs that fell due while it was under way are not made up for.
    pub fn finished(&mut self, succeeded: bool, now: Now) {
        self.finished = Some(now.monotonic);
        self.took = self
            .begun
            .map_or(Duration::ZERO, |begun| now.monotonic.saturating_duration_since(begun));
        self.failures = if succeeded { 0 } else { self.failures.saturating_add(1) };
        self.planned = self.cron.next(now.wall);
    }

    /// Passes that have failed since the last success.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// How long to wait for the next pass, and why it will run. To be asked again at least every minute:
    /// the wall clock may be set meanwhile.
    #[must_use]
    pub fn wait(&self, now: Now) -> (Duration, Trigger) {
        let Some(finished) = self.finished else { return (Duration::ZERO, Trigger::Start) };
        let since = now.monotonic.saturating_duration_since(finished);
        if self.failures > 0 {
            // Refusals wait too: nobody is helped by asking a directory that is out of reach once per login.
            return (self.retry().saturating_sub(since), Trigger::Retry);
        }
        let planned = self.until_planned(now.wall);
        if self.refused {
            let wait = self.after_refusal.max(self.took * REFUSALS_SHARE).saturating_sub(since);
            if wait < planned {
                return (wait, Trigger::Refusal);
            }
        }
        (planned, Trigger::Schedule)
    }

    /// A moment planned under a clock that has been set back since would be too far away, so the
    /// schedule is asked again.
    fn until_planned(&self, wall: SystemTime) -> Duration {
        let moments = self.planned.into_iter().chain(self.cron.next(wall));
        let wait = |moment: SystemTime| moment.duration_since(wall).unwrap_or_default();
        moments.map(wait).min().unwrap_or(Duration::MAX)
    }

    fn retry(&self) -> Duration {
        let doubled = FIRST_RETRY.saturating_mul(1 << self.failures.saturating_sub(1).min(16));
        doubled.min(LONGEST_RETRY)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[expect(clippy::disallowed_methods, reason = "a moment to count from")]
    fn moment(unix: u64) -> Now {
        Now { monotonic: Instant::now(), wall: UNIX_EPOCH + Duration::from_secs(unix) }
    }

    /// Every five minutes; its first pass has ended 10 s after one of them.
    fn running() -> (Schedule, Now) {
        let now = moment(1_700_000_110);
        let cron = CronSchedule::parse("*/5 * * * *", "UTC").unwrap();
        let mut schedule = Schedule::new(cron, 2 * SECOND);
        assert_eq!(schedule.wait(now), (Duration::ZERO, Trigger::Start));
        schedule.started(now);
        schedule.finished(true, now);
        (schedule, now)
    }

    #[test]
    fn by_the_clock() {
        let (mut schedule, now) = running();
        assert_eq!(schedule.wait(now), (290 * SECOND, Trigger::Schedule));
        let due = now.later(290 * SECOND);
        assert_eq!(schedule.wait(due), (Duration::ZERO, Trigger::Schedule));
        schedule.started(due);
        // A pass longer than the interval: the runs that it slept through are not made up for.
        let end = due.later(700 * SECOND);
        schedule.finished(true, end);
        assert_eq!(schedule.wait(end), (200 * SECOND, Trigger::Schedule));
    }

    #[test]
    fn failures_are_tried_again_ever_later() {
        let (mut schedule, now) = running();
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            schedule.started(now);
            schedule.finished(false, now);
            schedule.refused();
            assert_eq!(schedule.wait(now), (pause * SECOND, Trigger::Retry));
            assert_eq!(schedule.wait(now.later(pause * SECOND)).0, Duration::ZERO);
        }
        assert_eq!(schedule.failures(), 8);
        schedule.started(now);
        schedule.finished(true, now);
        assert_eq!(schedule.failures(), 0);
        assert_eq!(schedule.wait(now), (290 * SECOND, Trigger::Schedule));
    }

    #[test]
    fn refusals_share_a_pass() {
        let (mut schedule, now) = running();
        for _ in 0..100 {
            schedule.refused();
        }
        assert_eq!(schedule.wait(now), (2 * SECOND, Trigger::Refusal));
        assert_eq!(schedule.wait(now.later(5 * SECOND)), (Duration::ZERO, Trigger::Refusal));
        schedule.started(now);
        // One more while the pass runs: it is for the next.
        schedule.refused();
        schedule.finished(true, now);
        assert_eq!(schedule.wait(now), (2 * SECOND, Trigger::Refusal));
        schedule.started(now);
        schedule.finished(true, now);
        assert_eq!(schedule.wait(now), (290 * SECOND, Trigger::Schedule));
    }

    /// A stranger's wrong names must not have a large directory read all the time.
    #[test]
    fn refusals_leave_most_of_the_time_to_others() {
        let (mut schedule, now) = running();
        schedule.started(now);
        let end = now.later(20 * SECOND);
        schedule.finished(true, end);
        schedule.refused();
        assert_eq!(schedule.wait(end), (180 * SECOND, Trigger::Refusal));
    }

    /// A clock that is set back must not stop the schedule, nor one set forward make it run amok.
    #[test]
    fn a_clock_that_jumps() {
        const DAY: Duration = Duration::from_secs(86_400);
        let (mut schedule, now) = running();
        let forward = Now { wall: now.wall + DAY, ..now };
        assert_eq!(schedule.wait(forward), (Duration::ZERO, Trigger::Schedule));
        schedule.started(now);
        schedule.finished(true, forward);
        assert_eq!(schedule.wait(forward), (290 * SECOND, Trigger::Schedule));
        assert_eq!(schedule.wait(now), (290 * SECOND, Trigger::Schedule), "set back again");
    }
}
