//! Passes as they are remembered: one job for each that did something, was asked for, or failed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::directory::ChangeSummary;

use super::report::{Effect, PassKind, PassReport, Trigger};
use super::strategy::Strategy;

/// Jobs that are kept.
pub const MOST_JOBS: usize = 1000;

/// One pass in the history. The same document goes into the store and over the control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its number. Later jobs have higher ones, over all directories and restarts.
    pub id: u64,
    /// The directory.
    pub directory: Arc<str>,
    /// Why it ran.
    pub trigger: Trigger,
    /// How changes were looked for.
    pub strategy: Strategy,
    /// What it read.
    pub kind: PassKind,
    /// The controller it read, or the last one that failed it.
    pub controller: Option<Arc<str>>,
    /// When it began.
    #[serde(rename = "started_unix_ms", with = "unix_milliseconds")]
    pub started: SystemTime,
    /// When it ended; of a job with repetitions, when the last of them did.
    #[serde(rename = "finished_unix_ms", with = "unix_milliseconds")]
    pub finished: SystemTime,
    /// What it changed, or would have changed.
    #[serde(flatten)]
    pub changes: JobChanges,
    /// What came of it.
    pub outcome: JobOutcome,
    /// Why it failed or was held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How often the same came again, one pass after the other, without anybody asking.
    #[serde(default)]
    pub repetitions: u64,
}

/// What a job changed. Each user and each group counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobChanges {
    /// Users that were new.
    pub users_created: usize,
    /// Users with another name or another attribute.
    pub users_updated: usize,
    /// Users whom the directory had disabled.
    pub users_deactivated: usize,
    /// Users whom the directory had enabled.
    pub users_reactivated: usize,
    /// Users that were gone.
    pub users_removed: usize,
    /// Groups that were new.
    pub groups_created: usize,
    /// Groups with another name, another attribute, or other members.
    pub groups_updated: usize,
    /// Groups that were gone.
    pub groups_removed: usize,
    /// Direct memberships that were new.
    pub memberships_added: usize,
    /// Direct memberships that were gone.
    pub memberships_removed: usize,
}

/// What came of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobOutcome {
    /// What it found is published.
    Applied,
    /// There was nothing new.
    Nothing,
    /// What it found waits for an operator.
    Held,
    /// It failed; the view stays as it was.
    Failed,
    /// It only told what it would have changed.
    DryRun,
}

impl JobOutcome {
    /// The word for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Nothing => "nothing new",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::DryRun => "dry run",
        }
    }
}

impl Job {
    /// The job of a pass, without a number as yet.
    #[must_use]
    pub fn of(report: &PassReport) -> Self {
        let (changes, outcome, error) = match &report.outcome {
            Err(error) => {
                let error = format!("{}: {}", error.step, error.reason);
                (JobChanges::default(), JobOutcome::Failed, Some(error))
            }
            Ok(pass) => {
                let (outcome, error) = match &pass.effect {
                    Effect::Applied => (JobOutcome::Applied, None),
                    Effect::Nothing => (JobOutcome::Nothing, None),
                    Effect::Held(held) => (JobOutcome::Held, Some(held.reasons.join("; "))),
                    Effect::DryRun(_) => (JobOutcome::DryRun, None),
                };
                (JobChanges::from(&pass.changes), outcome, error)
            }
        };
        Self {
            id: 0,
            directory: report.directory.clone(),
            trigger: report.trigger,
            strategy: report.strategy,
            kind: report.kind,
            controller: report.controller.clone(),
            started: report.started,
            finished: report.started + report.duration,
            changes,
            outcome,
            error,
            repetitions: 0,
        }
    }

    /// Whether `later` says what this one says already.
    fn says_the_same_as(&self, later: &Self) -> bool {
        self.outcome == later.outcome
            && self.error == later.error
            && self.changes == later.changes
            && self.controller == later.controller
    }
}

impl From<&ChangeSummary> for JobChanges {
    fn from(summary: &ChangeSummary) -> Self {
        Self {
            users_created: summary.users_created,
            users_updated: summary.users_changed,
            users_deactivated: summary.users_deactivated,
            users_reactivated: summary.users_reactivated,
            users_removed: summary.users_removed,
            groups_created: summary.groups_created,
            groups_updated: summary.groups_changed,
            groups_removed: summary.groups_removed,
            memberships_added: summary.memberships_added,
            memberships_removed: summary.memberships_removed,
        }
    }
}

/// What became of a job in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is kept under this number.
    Kept(u64),
    /// It says what the last one says, which is kept under this number and counts it.
    Repeated(u64),
    /// It found nothing and nobody had asked: it is only counted.
    Counted,
}

impl Recorded {
    /// The number it can be looked up by.
    #[must_use]
    pub const fn id(self) -> Option<u64> {
        match self {
            Self::Kept(id) | Self::Repeated(id) => Some(id),
            Self::Counted => None,
        }
    }
}

/// Passes of one directory that found nothing while nobody had asked, since the program started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Idle {
    /// How many.
    pub passes: u64,
    /// When the last one ended.
    pub last: SystemTime,
}

/// The last jobs of all directories.
///
/// A directory is looked at every few seconds, and mostly nothing has changed. Kept one by one, such passes
/// would push everything else out within the hour; so would the attempts while no controller answers. The
/// former are counted, the latter are one job that counts its repetitions.
#[derive(Debug, Default)]
pub struct JobHistory {
    /// Oldest first, with rising numbers.
    jobs: VecDeque<Job>,
    last_id: u64,
    idle: BTreeMap<Arc<str>, Idle>,
}

impl JobHistory {
    /// The history as it was stored, in any order. Numbers go on after the highest of it.
    #[must_use]
    pub fn restored(jobs: impl IntoIterator<Item = Job>) -> Self {
        let by_id: BTreeMap<u64, Job> = jobs.into_iter().map(|job| (job.id, job)).collect();
        let last_id = by_id.keys().next_back().copied().unwrap_or(0);
        let mut history =
            Self { jobs: by_id.into_values().collect(), last_id, idle: BTreeMap::new() };
        history.shorten();
        history
    }

    /// Takes a job that has ended; its number is given here. What is [`Recorded::Kept`] is to be stored.
    pub fn record(&mut self, mut job: Job) -> Recorded {
        let asked = job.trigger == Trigger::Demand;
        if job.outcome == JobOutcome::Nothing && !asked {
            let new = Idle { passes: 0, last: job.finished };
            let idle = self.idle.entry(job.directory).or_insert(new);
            *idle = Idle { passes: idle.passes.saturating_add(1), last: job.finished };
            return Recorded::Counted;
        }
        let lasting = matches!(job.outcome, JobOutcome::Failed | JobOutcome::Held);
        if lasting
            && !asked
            && let Some(last) = self.last_of(&job.directory)
            && last.says_the_same_as(&job)
        {
            last.repetitions = last.repetitions.saturating_add(1);
            last.finished = job.finished;
            return Recorded::Repeated(last.id);
        }
        self.last_id = self.last_id.saturating_add(1);
        job.id = self.last_id;
        self.jobs.push_back(job);
        self.shorten();
        Recorded::Kept(self.last_id)
    }

    /// The newest jobs of one directory, or of all, newest first.
    #[must_use]
    pub fn newest(&self, directory: Option<&str>, most: usize) -> Vec<Job> {
        let wanted = |job: &&Job| directory.is_none_or(|name| *job.directory == *name);
        self.jobs.iter().rev().filter(wanted).take(most).cloned().collect()
    }

    /// The passes of a directory that were only counted.
    #[must_use]
    pub fn idle(&self, directory: &str) -> Option<Idle> {
        self.idle.get(directory).copied()
    }

    /// The last job of the directory, if no idle pass came after it.
    fn last_of(&mut self, directory: &str) -> Option<&mut Job> {
        let idle = self.idle.get(directory).map(|idle| idle.last);
        let last = self.jobs.iter_mut().rev().find(|job| *job.directory == *directory)?;
        idle.is_none_or(|idle| idle < last.started).then_some(last)
    }

    fn shorten(&mut self) {
        let excess = self.jobs.len().saturating_sub(MOST_JOBS);
        self.jobs.drain(..excess);
    }
}

/// Moments as milliseconds since 1970-01-01T00:00:00Z.
pub(super) mod unix_milliseconds {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::sync) fn serialize<S: Serializer>(
        moment: &SystemTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        serializer.serialize_u64(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    pub(in crate::sync) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SystemTime, D::Error> {
        let milliseconds = u64::deserialize(deserializer)?;
        let moment = UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
        moment.ok_or_else(|| serde::de::Error::custom("a moment beyond the clock"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    use super::*;

    fn job(directory: &str, at: u64, trigger: Trigger, outcome: JobOutcome) -> Job {
        let started = UNIX_EPOCH + Duration::from_secs(at);
        let error = (outcome == JobOutcome::Failed).then(|| "connection: refused".to_owned());
        Job {
            id: 0,
            directory: directory.into(),
            trigger,
            strategy: Strategy::Usn,
            kind: PassKind::Changes,
            controller: Some("dc1".into()),
            started,
            finished: started + Duration::from_millis(20),
            changes: JobChanges::default(),
            outcome,
            error,
            repetitions: 0,
        }
    }

    #[test]
    fn passes_that_find_nothing_are_counted_unless_somebody_asked() {
        use JobOutcome::{Applied, Nothing};
        let mut history = JobHistory::default();
        assert_eq!(history.record(job("a", 1, Trigger::Start, Applied)), Recorded::Kept(1));
        for at in 2..100_002 {
            let recorded = history.record(job("a", at, Trigger::Poll, Nothing));
            assert_eq!((recorded, recorded.id()), (Recorded::Counted, None));
        }
        assert_eq!(history.record(job("a", 200_000, Trigger::Demand, Nothing)), Recorded::Kept(2));
        assert_eq!(history.newest(None, 10).len(), 2);
        let idle = history.idle("a").unwrap();
        let last = UNIX_EPOCH + Duration::from_millis(100_001_020);
        assert_eq!((idle.passes, idle.last), (100_000, last));
        assert_eq!(history.idle("b"), None);
    }

    #[test]
    fn one_outage_is_one_job() {
        use JobOutcome::{Failed, Held, Nothing};
        let mut history = JobHistory::default();
        let failed = |at| job("a", at, Trigger::Retry, Failed);
        assert_eq!(history.record(failed(1)), Recorded::Kept(1));
        assert_eq!(history.record(job("b", 2, Trigger::Retry, Failed)), Recorded::Kept(2));
        assert_eq!(history.record(failed(3)), Recorded::Repeated(1));
        let newest = history.newest(Some("a"), 10);
        assert_eq!((newest.len(), newest[0].repetitions), (1, 1));
        assert_eq!(newest[0].started, UNIX_EPOCH + Duration::from_secs(1));
        assert_eq!(newest[0].finished, UNIX_EPOCH + Duration::from_millis(3020));
        // Another reason, somebody who asks, and a success between are told apart.
        let other = Job { error: Some("timeout".to_owned()), ..failed(4) };
        assert_eq!(history.record(other), Recorded::Kept(3));
        assert_eq!(history.record(job("a", 5, Trigger::Demand, Failed)), Recorded::Kept(4));
        assert_eq!(history.record(job("a", 6, Trigger::Poll, Nothing)), Recorded::Counted);
        assert_eq!(history.record(failed(7)), Recorded::Kept(5));
        // What is held is found again by every pass until somebody decides.
        let held =
            |at| Job { error: Some("45 of 300".to_owned()), ..job("a", at, Trigger::Poll, Held) };
        assert_eq!(history.record(held(8)), Recorded::Kept(6));
        assert_eq!(history.record(held(9)), Recorded::Repeated(6));
    }

    #[test]
    fn a_job_comes_back_from_its_document() {
        let mut written = job("corp", 7, Trigger::Notification, JobOutcome::Applied);
        written.id = 12;
        written.changes.users_deactivated = 3;
        let json = serde_json::to_value(&written).unwrap();
        assert_eq!(json["started_unix_ms"], 7000);
        assert_eq!(json["users_deactivated"], 3);
        assert_eq!(
            (&json["trigger"], &json["outcome"]),
            (&"notification".into(), &"applied".into())
        );
        assert_eq!((&json["kind"], &json["strategy"]), (&"changes".into(), &"usn".into()));
        assert_eq!(serde_json::from_value::<Job>(json).unwrap(), written);
    }

    proptest! {
        /// Numbers rise over restarts and over what is forgotten, and the history has its bound.
        #[test]
        fn numbers_go_on(rounds in prop::collection::vec((0..1500_usize, any::<bool>()), 1..4)) {
            let mut history = JobHistory::default();
            let mut last = 0;
            let mut kept = 0;
            for (jobs, reversed) in rounds {
                for _ in 0..jobs {
                    let recorded =
                        history.record(job("a", 1, Trigger::Demand, JobOutcome::Applied));
                    prop_assert_eq!(recorded, Recorded::Kept(last + 1));
                    last += 1;
                    kept = (kept + 1).min(MOST_JOBS);
                }
                let mut stored = history.newest(None, usize::MAX);
                prop_assert_eq!(stored.len(), kept);
                prop_assert_eq!(stored.first().map_or(0, |job| job.id), last);
                if reversed {
                    stored.reverse();
                }
                history = JobHistory::restored(stored);
            }
        }
    }
}
