//! What a pass leaves behind: for the log, the control socket and the command line.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::directory::{ChangeSummary, Counts, EntryKind, EntryRef, MissingRequired, View};
use crate::ldap::identifier::Guid;
use crate::upstream::FetchError;

use super::job::{Job, JobOutcome, unix_milliseconds};
use super::strategy::Strategy;

/// Why a pass ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// The program has started.
    Start,
    /// The schedule, or the interval of the comparison of identities.
    Schedule,
    /// An operator.
    Demand,
    /// A login was refused for what the view says.
    Refusal,
    /// The pass before failed.
    Retry,
    /// It was time to look for changes again.
    Poll,
    /// The directory has announced a change.
    Notification,
}

impl Trigger {
    /// The word in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Schedule => "schedule",
            Self::Demand => "demand",
            Self::Refusal => "refusal",
            Self::Retry => "retry",
            Self::Poll => "poll",
            Self::Notification => "notification",
        }
    }
}

/// What a pass reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassKind {
    /// Everything.
    Full,
    /// What has changed since the pass before.
    Changes,
    /// The identities, held against those of the view: rights can hide a deletion.
    Reconcile,
    /// What would be applied is only told.
    DryRun,
}

impl PassKind {
    /// The word for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Changes => "changes",
            Self::Reconcile => "reconcile",
            Self::DryRun => "dry run",
        }
    }
}

/// One pass.
#[derive(Clone, Debug)]
pub struct PassReport {
    /// The directory.
    pub directory: Arc<str>,
    /// Why it ran.
    pub trigger: Trigger,
    /// How changes were looked for.
    pub strategy: Strategy,
    /// What it read.
    pub kind: PassKind,
    /// Its number in the history; none where it was only counted there.
    pub job: Option<u64>,
    /// The controller it read, or the last one that failed it; none if none could be asked.
    pub controller: Option<Arc<str>>,
    /// When it began.
    pub started: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// What came of it; a failure names the step: network, TLS, credentials, base DN, rights, limit …
    pub outcome: Result<Pass, FetchError>,
}

/// A pass that read all it wanted.
#[derive(Clone, Debug)]
pub struct Pass {
    /// What was done with what it found.
    pub effect: Effect,
    /// The generation of the view that is published now.
    pub generation: u64,
    /// What is in the view that it made, published or not.
    pub counts: Counts,
    /// What differs in it from the one before.
    pub changes: ChangeSummary,
    /// Users whose state cannot be read; they are refused.
    pub unreadable: usize,
    /// Entries that were left out: without identity, or with a name that is none. The log names them.
    pub left_out: usize,
    /// Entries that were moved or renamed while they were read.
    pub moved: usize,
    /// Users that it read and that lack an attribute which the configuration requires.
    pub missing_required: MissingRequired,
}

/// What was done with what a pass found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is published.
    Applied,
    /// There was nothing new; the view is confirmed.
    Nothing,
    /// It waits for an operator; the view stays as it was.
    Held(Held),
    /// It was only to be told.
    DryRun(Preview),
}

/// A mass change that waits for an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Since when.
    #[serde(rename = "since_unix_ms", with = "unix_milliseconds")]
    pub since: SystemTime,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// The job of the pass that was held first.
    pub job: u64,
    /// The accounts that would be lost or come in.
    pub accounts: NameList,
}

/// What a dry run would have changed, by distinguished names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Users that would be new.
    pub created: NameList,
    /// Users that would count as disabled.
    pub deactivated: NameList,
    /// Users that would no longer count as disabled.
    pub reactivated: NameList,
    /// Users that would be gone.
    pub removed: NameList,
    /// Users that applications would no longer let in, by application. Those that are removed count too.
    pub leaving: Vec<Leaving>,
    /// Why it would be held; empty where it would not.
    pub would_be_held: Vec<String>,
}

/// Users that one application would no longer let in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// The application.
    pub application: String,
    /// The users.
    pub users: NameList,
}

impl Preview {
    /// What becomes of users from one view to the next; `changes` is what differs between the two. What that
    /// means for applications is left to whoever knows their rules.
    #[must_use]
    pub fn between(old: Option<&View>, new: &View, changes: &ChangeSummary) -> Self {
        let mut preview = Self::default();
        for guid in &changes.affected_users {
            let (before, now) = (old.and_then(|old| user(old, guid)), user(new, guid));
            let list = match (before, now) {
                (None, Some(_)) => &mut preview.created,
                (Some(_), None) => &mut preview.removed,
                (Some(before), Some(now)) => match (before.is_disabled(), now.is_disabled()) {
                    (false, true) => &mut preview.deactivated,
                    (true, false) => &mut preview.reactivated,
                    (false, false) | (true, true) => continue,
                },
                (None, None) => continue,
            };
            if let Some(entry) = now.or(before) {
                list.push(entry.dn());
            }
        }
        preview
    }
}

fn user<'v>(view: &'v View, guid: &Guid) -> Option<EntryRef<'v>> {
    view.find_guid(guid).filter(|entry| entry.kind() == EntryKind::User)
}

/// The first few names of a list, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameList {
    /// How many there are.
    pub total: usize,
    /// The first of them, [`NameList::SHOWN`] at most.
    pub names: Vec<String>,
}

impl NameList {
    /// Most names that are kept.
    pub const SHOWN: usize = 20;

    /// One more; its name is kept while there is room.
    pub fn push(&mut self, name: &str) {
        self.total += 1;
        if self.names.len() < Self::SHOWN {
            self.names.push(name.to_owned());
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }
}

impl<S: AsRef<str>> FromIterator<S> for NameList {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut list = Self::default();
        names.into_iter().for_each(|name| list.push(name.as_ref()));
        list
    }
}

/// Whether the directory says when something changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Announcements {
    /// Not found out yet.
    #[default]
    Unknown,
    /// It does; how, and which controller, in words.
    By(String),
    /// It does not, so it is asked every now and then; why, in words.
    Nobody(String),
}

/// Passes since the program started, by what came of them. In contrast to the history these never shrink and
/// begin anew with the program, as counters of metrics do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassCounts {
    /// What they found was published.
    pub applied: u64,
    /// There was nothing new.
    pub nothing: u64,
    /// What they found waits, or waited, for an operator.
    pub held: u64,
    /// They failed.
    pub failed: u64,
    /// They only told what they would have changed.
    pub dry_run: u64,
}

impl PassCounts {
    const fn add(&mut self, outcome: JobOutcome) {
        let count = match outcome {
            JobOutcome::Applied => &mut self.applied,
            JobOutcome::Nothing => &mut self.nothing,
            JobOutcome::Held => &mut self.held,
            JobOutcome::Failed => &mut self.failed,
            JobOutcome::DryRun => &mut self.dry_run,
        };
        *count += 1;
    }
}

/// How the copying goes.
#[derive(Clone, Debug, Default)]
pub struct SyncStatus {
    /// Whether a pass is under way.
    pub running: bool,
    /// The last pass.
    pub last: Option<PassReport>,
    /// Passes that have failed since the last success.
    pub failures: u32,
    /// When the next one is due, if nothing asks for one sooner.
    pub next: Option<SystemTime>,
    /// How changes are looked for; none until a controller was asked.
    pub strategy: Option<Strategy>,
    /// Why not in a better way: one sentence for each, with what would have to be done.
    pub why_not_better: Vec<String>,
    /// Whether the directory announces changes.
    pub announcements: Announcements,
    /// The mass change that waits for an operator.
    pub held: Option<Held>,
    /// When everything was last read to its end.
    pub last_full: Option<SystemTime>,
    /// When the identities were last compared.
    pub last_reconcile: Option<SystemTime>,
    /// Entries that the pass under way has read; none outside a pass.
    pub progress: Option<usize>,
    /// Passes since the program started.
    pub passes: PassCounts,
    /// When the last pass ended after which the view said what the directory says. One that is held is none.
    pub last_success: Option<SystemTime>,
}

impl SyncStatus {
    /// Counts a pass that has ended.
    pub(super) fn count(&mut self, job: &Job) {
        self.passes.add(job.outcome);
        if matches!(job.outcome, JobOutcome::Applied | JobOutcome::Nothing) {
            self.last_success = Some(job.finished);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_list_counts_all_and_names_the_first() {
        let list: NameList = (0..25).map(|number| format!("cn={number}")).collect();
        assert_eq!((list.total, list.names.len()), (25, NameList::SHOWN));
        assert_eq!(list.names.last().map(String::as_str), Some("cn=19"));
        assert!(!list.is_empty() && NameList::default().is_empty());
    }

    /// What is stored is read back by another build: the words are part of the format.
    #[test]
    fn words_are_what_is_written() {
        let all = [
            Trigger::Start,
            Trigger::Schedule,
            Trigger::Demand,
            Trigger::Refusal,
            Trigger::Retry,
            Trigger::Poll,
            Trigger::Notification,
        ];
        let words: BTreeSet<&str> = all.iter().map(|trigger| trigger.name()).collect();
        assert_eq!(words.len(), all.len());
        for trigger in all {
            assert_eq!(serde_json::to_value(trigger).unwrap(), trigger.name());
        }
    }
}
