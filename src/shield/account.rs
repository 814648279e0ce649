//! The budget of one account, as a value: attempts reserve what they may cost before they are sent, and say
//! afterwards what they have cost.
//!
//! Three things make it hold against a directory with several controllers that each count for themselves:
//! an attempt under way counts as a failure until it is known to be none; nothing is forgotten while an attempt is
//! under way; and a success takes away only what its own controller had counted before it was asked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ldap::result::LdapResult;

use super::fingerprint::Fingerprint;
use super::limit::Limit;

/// Wrong passwords of one account that are remembered.
const MOST_ANSWERS: usize = 8;
/// Failures of one account that are kept apart; more than any budget has.
const MOST_CHARGES: usize = 256;

/// What a controller said to a wrong password, kept to be said again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Code and texts.
    pub result: LdapResult,
    /// The response controls, encoded.
    pub controls: Vec<u8>,
    /// The controller that said it.
    pub controller: Option<Arc<str>>,
}

/// When an account's password was last set, as one generation of the view says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PasswordStamp {
    /// The generation, so that an older view does not overrule a newer one.
    pub(super) generation: u64,
    /// The value of `pwdLastSet` or `pwdChangedTime`.
    pub(super) set: Option<Box<[u8]>>,
}

/// What the directory says of an account at the moment it is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Its budget; `None` for no bound.
    pub(super) limit: Option<Limit>,
    /// When its password was set; `None` if the view does not have the account.
    pub(super) stamp: Option<PasswordStamp>,
    /// Whether its entry has changed since the generation that was asked about.
    pub(super) has_changed: bool,
}

/// What becomes of an attempt.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It may be sent.
    Granted,
    /// The same password was refused a moment ago.
    Repeated(Arc<Answer>),
    /// What is under way has to be known first.
    Wait,
    /// The budget is used up.
    Exhausted,
}

/// What an attempt has cost.
pub(super) enum Conclusion {
    /// A controller accepted the password; it was asked no earlier than `begun`.
    Accepted {
        /// Whose count of wrong passwords is set back.
        controller: Option<Arc<str>>,
        /// When the attempt was let through.
        begun: Instant,
    },
    /// A controller counted it.
    Rejected {
        /// Which one.
        controller: Option<Arc<str>>,
        /// Those that it was sent to before and that did not judge it.
        unjudged: Vec<Arc<str>>,
        /// What is said if the same password comes again.
        remembered: Option<(Fingerprint, Arc<Answer>)>,
    },
    /// Nobody judged it, and these may have counted it; nobody if it cost nothing.
    Unjudged(Vec<Arc<str>>),
    /// It is not known what became of it: any controller may have counted it so often.
    Unknown(u32),
}

impl Conclusion {
    /// Whether failures have to be charged for it.
    pub(super) fn costs(&self) -> bool {
        match self {
            Self::Accepted { .. } => false,
            Self::Rejected { .. } => true,
            Self::Unjudged(controllers) => !controllers.is_empty(),
            Self::Unknown(times) => *times > 0,
        }
    }
}

/// One account with attempts under way or failures.
#[derive(Default)]
pub(super) struct Account {
    in_flight: u32,
    failures: Option<Box<Failures>>,
}

/// What is kept of an account that has failed.
struct Failures {
    charges: Vec<Charged>,
    answers: VecDeque<Remembered>,
    stamp: Option<PasswordStamp>,
    /// The window when it last failed, for those who tidy up.
    window: Duration,
}

struct Charged {
    /// `None`: any controller may have counted it.
    controller: Option<Arc<str>>,
    at: Instant,
}

struct Remembered {
    fingerprint: Fingerprint,
    answer: Arc<Answer>,
    at: Instant,
}

impl Account {
    /// An account with one attempt under way.
    pub(super) fn asked() -> Self {
        Self { in_flight: 1, failures: None }
    }

    /// Whether there is nothing to keep.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.failures.is_none()
    }

    /// Whether it has failures.
    pub(super) fn has_failed(&self) -> bool {
        self.failures.is_some()
    }

    /// Whether an attempt is under way.
    pub(super) fn is_asked(&self) -> bool {
        self.in_flight > 0
    }

    /// Takes one more failure from the budget for an attempt, if it may be sent.
    pub(super) fn reserve(
        &mut self,
        known: &Known,
        remember: Duration,
        fingerprint: impl FnOnce() -> Option<Fingerprint>,
        now: Instant,
    ) -> Attempt {
        self.follow(known);
        self.forget_answers(remember, now);
        if let Some(limit) = known.limit {
            self.forget_charges(limit.window, now);
        }
        if let Some(answer) = self.recall(fingerprint) {
            return Attempt::Repeated(answer);
        }
        let Some(limit) = known.limit else {
            self.in_flight += 1;
            return Attempt::Granted;
        };
        if self.charged() >= limit.failures.get() {
            Attempt::Exhausted
        } else if self.charged() + self.in_flight >= limit.failures.get() {
            Attempt::Wait
        } else {
            self.in_flight += 1;
            Attempt::Granted
        }
    }

    /// Takes one more failure from the budget for an attempt that is sent again.
    pub(super) fn extend(&mut self, known: &Known) -> bool {
        let left =
            known.limit.is_none_or(|limit| self.charged() + self.in_flight < limit.failures.get());
        self.in_flight += u32::from(left);
        left
    }

    /// Gives back the `held` failures of an attempt and charges what it has cost. Says whether the budget is
    /// used up by that.
    pub(super) fn conclude(
        &mut self,
        held: u32,
        conclusion: Conclusion,
        known: impl FnOnce(Option<u64>) -> Known,
        remember: Duration,
        now: Instant,
    ) -> bool {
        self.in_flight = self.in_flight.saturating_sub(held);
        if conclusion.costs() {
            let known = known(self.generation());
            return self.charge(conclusion, &known, remember, now);
        }
        if let (Conclusion::Accepted { controller, begun }, Some(failures)) =
            (conclusion, &mut self.failures)
        {
            // What was counted while the right password was being judged may have been counted after it; at one moment
            // nobody can tell.
            failures.charges.retain(|one| {
                one.controller.is_none() || one.controller != controller || one.at >= begun
            });
            self.drop_empty();
        }
        false
    }

    fn charge(
        &mut self,
        conclusion: Conclusion,
        known: &Known,
        remember: Duration,
        now: Instant,
    ) -> bool {
        let limit = known.limit.map_or(u32::MAX, |limit| limit.failures.get());
        self.follow(known);
        let was_used_up = self.charged() >= limit;
        let window = known.limit.map_or(remember, |limit| limit.window);
        let failures = self.failures.get_or_insert_with(|| {
            let stamp = known.stamp.clone();
            Box::new(Failures { charges: Vec::new(), answers: VecDeque::new(), stamp, window })
        });
        failures.window = window;
        match conclusion {
            Conclusion::Accepted { .. } => {}
            Conclusion::Unknown(times) => (0..times).for_each(|_| failures.add(None, now)),
            Conclusion::Unjudged(controllers) => {
                controllers.into_iter().for_each(|one| failures.add(Some(one), now));
            }
            Conclusion::Rejected { controller, unjudged, remembered } => {
                unjudged.into_iter().for_each(|one| failures.add(Some(one), now));
                failures.add(controller, now);
                if let Some((fingerprint, answer)) = remembered {
                    failures.remember(Remembered { fingerprint, answer, at: now });
                }
            }
        }
        !was_used_up && self.charged() >= limit
    }

    /// How many failures are charged.
    pub(super) fn charged(&self) -> u32 {
        let count = self.failures.as_ref().map_or(0, |failures| failures.charges.len());
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The last failure.
    pub(super) fn last_charge(&self) -> Option<Instant> {
        self.failures.as_ref()?.charges.iter().map(|one| one.at).max()
    }

    /// How many wrong passwords are remembered.
    pub(super) fn remembered(&self) -> usize {
        self.failures.as_ref().map_or(0, |failures| failures.answers.len())
    }

    /// Forgets all failures. What is under way still counts.
    pub(super) fn clear(&mut self) {
        self.failures = None;
    }

    /// Forgets what time has taken care of.
    pub(super) fn tidy(&mut self, remember: Duration, now: Instant) {
        if let Some(failures) = &self.failures {
            let window = failures.window;
            self.forget_answers(remember, now);
            self.forget_charges(window, now);
        }
    }

    /// The generation of the view that its failures were last held against.
    pub(super) fn generation(&self) -> Option<u64> {
        self.failures.as_ref()?.stamp.as_ref().map(|stamp| stamp.generation)
    }

    /// Draws the consequences of what has changed at the directory.
    fn follow(&mut self, known: &Known) {
        let (Some(failures), Some(stamp)) = (&mut self.failures, &known.stamp) else { return };
        match &failures.stamp {
            Some(own) if stamp.generation <= own.generation => return,
            Some(own) if stamp.set != own.set => failures.begin_with_another_password(known.limit),
            // OpenLDAP says the same of a locked account as of a wrong password, and may say something else now.
            Some(_) if known.has_changed => failures.answers.clear(),
            Some(_) | None => {}
        }
        failures.stamp = Some(stamp.clone());
    }

    fn forget_answers(&mut self, remember: Duration, now: Instant) {
        if let Some(failures) = &mut self.failures {
            failures.answers.retain(|one| now.saturating_duration_since(one.at) < remember);
        }
        self.drop_empty();
    }

    /// What is under way may have been counted before the window was over, and then the directory has not
    /// forgotten the others either.
    fn forget_charges(&mut self, window: Duration, now: Instant) {
        let Some(last) = self.last_charge().filter(|_| self.in_flight == 0) else { return };
        if now.saturating_duration_since(last) >= window
            && let Some(failures) = &mut self.failures
        {
            failures.charges.clear();
        }
        self.drop_empty();
    }

    fn drop_empty(&mut self) {
        let is_empty = |one: &Failures| one.charges.is_empty() && one.answers.is_empty();
        if self.failures.as_deref().is_some_and(is_empty) {
            self.failures = None;
        }
    }

    fn recall(&self, fingerprint: impl FnOnce() -> Option<Fingerprint>) -> Option<Arc<Answer>> {
        let answers = &self.failures.as_ref()?.answers;
        if answers.is_empty() {
            return None;
        }
        let fingerprint = fingerprint()?;
        let known = answers.iter().find(|one| one.fingerprint.is(&fingerprint))?;
        Some(known.answer.clone())
    }
}

impl Failures {
    fn add(&mut self, controller: Option<Arc<str>>, at: Instant) {
        if self.charges.len() >= MOST_CHARGES {
            self.charges.remove(0);
        }
        self.charges.push(Charged { controller, at });
    }

    /// What was wrong may be right now, so there is room for one attempt. More would be too much: a directory
    /// does not set its count back when an administrator sets a password, only when it is used (measured with Samba).
    fn begin_with_another_password(&mut self, limit: Option<Limit>) {
        self.answers.clear();
        if let Some(limit) = limit {
            let kept = usize::try_from(limit.failures.get()).unwrap_or(usize::MAX) - 1;
            self.charges.drain(..self.charges.len().saturating_sub(kept));
        }
    }

    fn remember(&mut self, new: Remembered) {
        self.answers.retain(|one| !one.fingerprint.is(&new.fingerprint));
        if self.answers.len() >= MOST_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back(new);
    }
}
