//! A change that waits for an operator, and the guard that made it wait.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::directory::{Impact, View};
use crate::ldap::identifier::Guid;
use crate::time::Now;

use super::guard::{Guard, GuardConfig, Verdict};
use super::report::{Held, NameList};

/// The guard of one directory with what it holds.
pub(super) struct Hold {
    guard: Guard,
    waiting: Option<Waiting>,
}

/// What waits. Later passes go on from its view, so that what is accepted is what the directory says then.
pub(super) struct Waiting {
    /// The view that is not published.
    pub(super) view: Arc<View>,
    /// The users for whom it differs from the published one.
    pub(super) affected: BTreeSet<Guid>,
    /// Of the users that it lacks, those whose end the directory has told.
    pub(super) deleted: BTreeSet<Guid>,
    /// Whether it may differ for everybody.
    pub(super) everybody: bool,
    /// How much it changes.
    pub(super) impact: Impact,
    /// What operators are told of it.
    pub(super) told: Held,
}

impl Hold {
    pub(super) const fn new(config: GuardConfig) -> Self {
        Self { guard: Guard::new(config), waiting: None }
    }

    /// With what went through before the program was started.
    pub(super) fn resume(&mut self, guard: Guard) {
        self.guard = guard;
    }

    pub(super) const fn guard(&self) -> &Guard {
        &self.guard
    }

    pub(super) const fn waiting(&self) -> Option<&Waiting> {
        self.waiting.as_ref()
    }

    /// What operators are told of what waits.
    pub(super) fn told(&self) -> Option<Held> {
        self.waiting.as_ref().map(|waiting| waiting.told.clone())
    }

    /// The sentences of the guard about a change; none if it may be published.
    pub(super) fn objections(&self, impact: &Impact, now: Now) -> Vec<String> {
        match self.guard.judge(impact, now) {
            Verdict::Pass => Vec::new(),
            Verdict::Hold(reasons) => reasons.iter().map(ToString::to_string).collect(),
        }
    }

    /// Notes that a change is published; nothing waits then.
    pub(super) fn published(&mut self, impact: &Impact, now: Now) {
        self.guard.passed(impact, now);
        self.waiting = None;
    }

    /// Keeps a change back. One that takes the place of another goes on waiting since the first, under the first
    /// one's job; true if operators do not know of it yet.
    pub(super) fn keep_back(&mut self, mut waiting: Waiting) -> bool {
        let known = self.waiting.take();
        let is_news = known.as_ref().is_none_or(|known| known.told.reasons != waiting.told.reasons);
        if let Some(known) = known {
            (waiting.told.since, waiting.told.job) = (known.told.since, known.told.job);
        }
        self.waiting = Some(waiting);
        is_news
    }

    /// The number of the job that was held first.
    pub(super) fn number(&mut self, job: u64) {
        if let Some(waiting) = &mut self.waiting
            && waiting.told.job == 0
        {
            waiting.told.job = job;
        }
    }

    /// Takes out what waits.
    pub(super) const fn release(&mut self) -> Option<Waiting> {
        self.waiting.take()
    }
}

impl Waiting {
    /// The names of the users who would be lost, or who are new to the view.
    pub(super) fn names(old: Option<&View>, new: &View, affected: &BTreeSet<Guid>) -> NameList {
        let mut names = NameList::default();
        for guid in affected {
            let (before, now) = (old.and_then(|old| old.find_guid(guid)), new.find_guid(guid));
            if let Some(entry) = before.or(now) {
                names.push(entry.dn());
            }
        }
        names
    }
}
