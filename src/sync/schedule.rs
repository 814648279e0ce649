//! When the next pass is due, which one, and why.

use std::time::{Duration, Instant, SystemTime};

use crate::time::Now;

use super::cron::CronSchedule;
use super::report::{PassKind, Trigger};

/// First pause after a pass that failed; it doubles up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Pause after a pass before one that is not announced, in lengths of the last pass: strangers who type names at
/// random, and looking for changes, must not keep the controllers busy with being read.
const QUIET_SHARE: u32 = 9;
/// Least pause between two passes over announced changes: what is written together is read together.
const GATHERING: Duration = Duration::from_millis(50);
/// However long the last pass took, announced changes wait no longer.
const LONGEST_GATHERING: Duration = Duration::from_millis(500);
/// Identities are compared at least so often where deletions leave no trace for us.
const BLIND_RECONCILE: Duration = Duration::from_secs(120);
/// Changes are looked for so often where they are announced: an announcement may be lost without a trace.
const ANNOUNCED_POLL: Duration = Duration::from_secs(30);

/// How often what is read.
#[derive(Clone, Debug)]
pub struct Timing {
    /// When everything is read.
    pub full: CronSchedule,
    /// The same where changes cannot be followed, so that this is the only way to hear of them.
    pub alone: CronSchedule,
    /// How changes are followed in between; `None`: not at all.
    pub follow: Option<Follow>,
    /// Least time between the end of a pass and one that a refusal asks for.
    pub after_refusal: Duration,
}

impl Timing {
    /// Everything is read when `cron` says so, and changes are not followed.
    #[must_use]
    pub fn of(cron: CronSchedule, after_refusal: Duration) -> Self {
        Self { alone: cron.clone(), full: cron, follow: None, after_refusal }
    }
}

/// How changes are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follow {
    /// Between two looks for changes where nothing announces them.
    pub poll: Duration,
    /// Between two comparisons of identities.
    pub reconcile: Duration,
}

impl Default for Follow {
    fn default() -> Self {
        Self { poll: Duration::from_secs(2), reconcile: Duration::from_secs(15 * 60) }
    }
}

/// The next pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// How long from now.
    pub wait: Duration,
    /// Why.
    pub trigger: Trigger,
    /// Over what.
    pub kind: PassKind,
}

/// Decides when to run, from what has happened.
#[derive(Debug)]
pub struct Schedule {
    timing: Timing,
    /// Whether there is a position from which changes can be read.
    can_follow: bool,
    /// Whether something announces changes.
    announced: bool,
    /// Whether deletions leave no trace for us.
    blind: bool,
    begun: Option<Instant>,
    last: Option<PassKind>,
    finished: Option<Instant>,
    took: Duration,
    /// How long the last pass over changes took: one over everything says nothing of what the next look costs.
    took_changes: Duration,
    failures: u32,
    refused: bool,
    noticed: bool,
    compared: Option<Instant>,
    planned: Option<SystemTime>,
}

impl Schedule {
    /// A schedule before its first pass, which is due at once: over what has changed if there is a copy
    /// already (`can_follow`), over everything if not.
    #[must_use]
    pub const fn new(timing: Timing, can_follow: bool) -> Self {
        Self {
            timing,
            can_follow,
            announced: false,
            blind: false,
            begun: None,
            last: None,
            finished: None,
            took: Duration::ZERO,
            took_changes: Duration::ZERO,
            failures: 0,
            refused: false,
            noticed: false,
            compared: None,
            planned: None,
        }
    }

    /// A login was refused for what the view says. Any number of them makes one pass.
    pub const fn refused(&mut self) {
        self.refused = true;
    }

    /// The directory has announced a change.
    pub const fn noticed(&mut self) {
        self.noticed = true;
    }

    /// Whether changes are announced from now on. If not any more, something may have changed unheard.
    pub const fn announced(&mut self, announced: bool) {
        self.noticed |= self.announced && !announced;
        self.announced = announced;
    }

    /// Whether deletions leave no trace for the account: then identities are compared more often.
    pub const fn blind(&mut self, blind: bool) {
        self.blind = blind;
    }

    /// A pass is beginning: it answers every refusal and announcement so far. Later ones ask for another,
    /// because what this pass has read by then may be older than the change that they wait for.
    pub const fn started(&mut self, kind: PassKind, now: Now) {
        self.refused = false;
        self.noticed = false;
        self.last = Some(kind);
        self.begun = Some(now.monotonic);
    }

    /// A pass has ended. Runs that fell due while it was under way are not made up for. `read` is what it has
    /// read in the end, which may be more than was asked for; `can_follow`: whether changes can be read from
    /// where it ended.
    pub fn finished(&mut self, read: Option<PassKind>, can_follow: bool, now: Now) {
        self.finished = Some(now.monotonic);
        self.took = self
            .begun
            .map_or(Duration::ZERO, |begun| now.monotonic.saturating_duration_since(begun));
        if read == Some(PassKind::Changes) {
            self.took_changes = self.took;
        }
        self.failures = if read.is_some() { 0 } else { self.failures.saturating_add(1) };
        self.can_follow = can_follow;
        if matches!(read, Some(PassKind::Full | PassKind::Reconcile)) || self.compared.is_none() {
            self.compared = Some(now.monotonic);
        }
        // A run that is planned comes even if passes of other kinds end all the time before it.
        if self.planned.is_none_or(|planned| planned <= now.wall) || read == Some(PassKind::Full) {
            self.planned = self.cron().next(now.wall);
        }
    }

    /// Passes that have failed since the last success.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// The next pass. To be asked again at least every minute: the wall clock may be set meanwhile.
    #[must_use]
    pub fn next(&self, now: Now) -> Due {
        let Some(finished) = self.finished else {
            let kind = self.readable(PassKind::Changes);
            return Due { wait: Duration::ZERO, trigger: Trigger::Start, kind };
        };
        let since = now.monotonic.saturating_duration_since(finished);
        if self.failures > 0 {
            // Refusals wait too: nobody is helped by asking a directory that is out of reach once per login.
            let kind = self.readable(self.last.unwrap_or(PassKind::Full));
            return Due { wait: self.retry().saturating_sub(since), trigger: Trigger::Retry, kind };
        }
        let full = self.until_planned(now.wall);
        let mut due = Due { wait: full, trigger: Trigger::Schedule, kind: PassKind::Full };
        // What reads more comes first where several are due.
        for other in [self.comparison(now), self.look(since), self.asked_for(since)] {
            due = other.filter(|other| other.wait < due.wait).unwrap_or(due);
        }
        due
    }

    const fn cron(&self) -> &CronSchedule {
        let follows = self.can_follow && self.timing.follow.is_some();
        if follows { &self.timing.full } else { &self.timing.alone }
    }

    fn readable(&self, kind: PassKind) -> PassKind {
        if self.can_follow { kind } else { PassKind::Full }
    }

    fn follow(&self) -> Option<Follow> {
        self.timing.follow.filter(|_| self.can_follow)
    }

    fn comparison(&self, now: Now) -> Option<Due> {
        let since = now.monotonic.saturating_duration_since(self.compared?);
        let reconcile = self.follow()?.reconcile;
        let pause = if self.blind { reconcile.min(BLIND_RECONCILE) } else { reconcile };
        let wait = pause.max(self.took * QUIET_SHARE).saturating_sub(since);
        Some(Due { wait, trigger: Trigger::Schedule, kind: PassKind::Reconcile })
    }

    fn look(&self, since: Duration) -> Option<Due> {
        let follow = self.follow()?;
        let kind = PassKind::Changes;
        if self.noticed {
            // A directory where something changes all the time is read half of the time at most.
            let pause = GATHERING.max(self.took_changes.min(LONGEST_GATHERING));
            let wait = pause.saturating_sub(since);
            return Some(Due { wait, trigger: Trigger::Notification, kind });
        }
        let pause = if self.announced { follow.poll.max(ANNOUNCED_POLL) } else { follow.poll };
        // A server without an index for it looks through everything.
        let wait = pause.max(self.took_changes * QUIET_SHARE).saturating_sub(since);
        Some(Due { wait, trigger: Trigger::Poll, kind })
    }

    fn asked_for(&self, since: Duration) -> Option<Due> {
        let share = self.timing.after_refusal.max(self.took * QUIET_SHARE);
        self.refused.then(|| Due {
            wait: share.saturating_sub(since),
            trigger: Trigger::Refusal,
            kind: self.readable(PassKind::Changes),
        })
    }

    /// A moment planned under a clock that has been set back since would be too far away, so the
    /// schedule is asked again.
    fn until_planned(&self, wall: SystemTime) -> Duration {
        let moments = self.planned.into_iter().chain(self.cron().next(wall));
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

    fn every_five_minutes(follow: Option<Follow>) -> Timing {
        let full = CronSchedule::parse("*/5 * * * *", "UTC").unwrap();
        Timing { alone: full.clone(), full, follow, after_refusal: 2 * SECOND }
    }

    fn run(schedule: &mut Schedule, kind: PassKind, begin: Now, end: Now) {
        schedule.started(kind, begin);
        schedule.finished(Some(kind), true, end);
    }

    /// Its first pass has ended 10 s after one of the moments of its cron.
    fn running() -> (Schedule, Now) {
        let now = moment(3_000_010);
        let mut schedule = Schedule::new(every_five_minutes(None), false);
        assert_eq!(schedule.next(now), due(0, Trigger::Start, PassKind::Full));
        run(&mut schedule, PassKind::Full, now, now);
        (schedule, now)
    }

    /// The same, where changes are followed: every 2 s, identities compared every 60 s.
    fn following() -> (Schedule, Now) {
        let now = moment(3_000_010);
        let follow = Follow { poll: 2 * SECOND, reconcile: 60 * SECOND };
        let mut schedule = Schedule::new(every_five_minutes(Some(follow)), false);
        run(&mut schedule, PassKind::Full, now, now);
        (schedule, now)
    }

    fn due(seconds: u32, trigger: Trigger, kind: PassKind) -> Due {
        Due { wait: seconds * SECOND, trigger, kind }
    }

    #[test]
    fn passes_come_by_the_clock() {
        let (mut schedule, now) = running();
        let full = |seconds| due(seconds, Trigger::Schedule, PassKind::Full);
        assert_eq!(schedule.next(now), full(290));
        let later = now.later(290 * SECOND);
        assert_eq!(schedule.next(later), full(0));
        // A pass longer than the interval: the runs that it slept through are not made up for.
        let end = later.later(700 * SECOND);
        run(&mut schedule, PassKind::Full, later, end);
        assert_eq!(schedule.next(end), full(200));
    }

    #[test]
    fn changes_are_looked_for_in_between() {
        let (mut schedule, mut now) = following();
        let mut seen = Vec::new();
        while now.wall < UNIX_EPOCH + Duration::from_secs(3_000_400) {
            let Due { wait, trigger, kind } = schedule.next(now);
            now = now.later(wait);
            run(&mut schedule, kind, now, now);
            if kind != PassKind::Changes {
                assert_eq!(trigger, Trigger::Schedule);
                seen.push((now.unix_seconds() - 3_000_010, kind));
            }
        }
        let identities = |seconds| (seconds, PassKind::Reconcile);
        assert_eq!(
            seen,
            [
                identities(60),
                identities(120),
                identities(180),
                identities(240),
                (290, PassKind::Full),
                identities(350)
            ]
        );
    }

    /// The rights of the account can hide every deletion.
    #[test]
    fn who_sees_no_deletions_compares_more_often() {
        let now = moment(3_000_010);
        let follow = Follow { poll: 3600 * SECOND, reconcile: 900 * SECOND };
        let nightly = CronSchedule::parse("30 2 * * *", "UTC").unwrap();
        let timing = Timing {
            alone: nightly.clone(),
            full: nightly,
            follow: Some(follow),
            after_refusal: SECOND,
        };
        let mut schedule = Schedule::new(timing, false);
        run(&mut schedule, PassKind::Full, now, now);
        assert_eq!(schedule.next(now), due(900, Trigger::Schedule, PassKind::Reconcile));
        schedule.blind(true);
        assert_eq!(schedule.next(now), due(120, Trigger::Schedule, PassKind::Reconcile));
    }

    #[test]
    fn announced_changes_are_read_at_once() {
        let (mut schedule, now) = following();
        assert_eq!(schedule.next(now), due(2, Trigger::Poll, PassKind::Changes));
        schedule.announced(true);
        assert_eq!(schedule.next(now), due(30, Trigger::Poll, PassKind::Changes));
        schedule.noticed();
        let later = now.later(10 * SECOND);
        assert_eq!(schedule.next(later), due(0, Trigger::Notification, PassKind::Changes));
        // What is announced while a pass runs is for the next, after a pause as long as the pass.
        schedule.started(PassKind::Changes, later);
        schedule.noticed();
        let end = later.later(SECOND);
        schedule.finished(Some(PassKind::Changes), true, end);
        let half = Due { wait: SECOND / 2, ..due(0, Trigger::Notification, PassKind::Changes) };
        assert_eq!(schedule.next(end), half);
        run(&mut schedule, PassKind::Changes, end, end);
        // Nothing announces changes any more: one may have been missed.
        schedule.announced(false);
        assert_eq!(schedule.next(end).trigger, Trigger::Notification);
    }

    /// How long everything took says nothing of what a look for changes costs.
    #[test]
    fn changes_do_not_wait_for_as_long_as_a_full_pass_took() {
        let (mut schedule, now) = following();
        let end = now.later(50 * SECOND);
        run(&mut schedule, PassKind::Full, now, end);
        assert_eq!(schedule.next(end), due(2, Trigger::Poll, PassKind::Changes));
        let later = end.later(5 * SECOND);
        run(&mut schedule, PassKind::Changes, end, later);
        assert_eq!(
            schedule.next(later),
            due(45, Trigger::Poll, PassKind::Changes),
            "a tenth of the time"
        );
    }

    #[test]
    fn without_a_position_everything_is_read() {
        let (mut schedule, now) = following();
        schedule.started(PassKind::Changes, now);
        schedule.finished(Some(PassKind::Full), false, now);
        schedule.noticed();
        assert_eq!(schedule.next(now), due(290, Trigger::Schedule, PassKind::Full));
        schedule.refused();
        assert_eq!(schedule.next(now), due(2, Trigger::Refusal, PassKind::Full));
    }

    #[test]
    fn a_copy_that_is_there_is_brought_up_to_date() {
        let schedule = Schedule::new(every_five_minutes(Some(Follow::default())), true);
        assert_eq!(schedule.next(moment(0)), due(0, Trigger::Start, PassKind::Changes));
    }

    #[test]
    fn failures_are_tried_again_ever_later() {
        let (mut schedule, now) = running();
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            schedule.started(PassKind::Full, now);
            schedule.finished(None, true, now);
            schedule.refused();
            assert_eq!(schedule.next(now), due(pause, Trigger::Retry, PassKind::Full));
            assert_eq!(schedule.next(now.later(pause * SECOND)).wait, Duration::ZERO);
        }
        assert_eq!(schedule.failures(), 8);
        run(&mut schedule, PassKind::Full, now, now);
        assert_eq!(schedule.failures(), 0);
        assert_eq!(schedule.next(now), due(290, Trigger::Schedule, PassKind::Full));
    }

    #[test]
    fn refusals_share_a_pass() {
        let (mut schedule, now) = running();
        for _ in 0..100 {
            schedule.refused();
        }
        assert_eq!(schedule.next(now), due(2, Trigger::Refusal, PassKind::Changes));
        assert_eq!(schedule.next(now.later(5 * SECOND)).wait, Duration::ZERO);
        schedule.started(PassKind::Changes, now);
        // One more while the pass runs: it is for the next.
        schedule.refused();
        schedule.finished(Some(PassKind::Changes), true, now);
        assert_eq!(schedule.next(now), due(2, Trigger::Refusal, PassKind::Changes));
        run(&mut schedule, PassKind::Changes, now, now);
        assert_eq!(schedule.next(now), due(290, Trigger::Schedule, PassKind::Full));
    }

    /// A stranger's wrong names must not have a large directory read all the time.
    #[test]
    fn refusals_leave_most_of_the_time_to_others() {
        let (mut schedule, now) = running();
        let end = now.later(20 * SECOND);
        run(&mut schedule, PassKind::Full, now, end);
        schedule.refused();
        assert_eq!(schedule.next(end), due(180, Trigger::Refusal, PassKind::Changes));
    }

    /// A clock that is set back must not stop the schedule, nor one set forward make it run amok.
    #[test]
    fn a_clock_that_jumps() {
        const DAY: Duration = Duration::from_secs(86_400);
        let (mut schedule, now) = running();
        let forward = Now { wall: now.wall + DAY, ..now };
        assert_eq!(schedule.next(forward), due(0, Trigger::Schedule, PassKind::Full));
        run(&mut schedule, PassKind::Full, now, forward);
        assert_eq!(schedule.next(forward), due(290, Trigger::Schedule, PassKind::Full));
        assert_eq!(
            schedule.next(now),
            due(290, Trigger::Schedule, PassKind::Full),
            "set back again"
        );
    }
}
