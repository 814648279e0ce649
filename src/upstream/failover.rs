//! The failover rule of one login (DESIGN §4) as a value: reports of attempts in, what to do next out.
//!
//! A controller is asked at most once per login, so the rule needs no names: whoever drives it asks
//! the roster for the next controller that was not tried yet. The invariants are held by the
//! property test `the_rule_holds_for_any_behaviour`.

use super::error::{LinkError, Step, Unavailable};
use super::health::Observation;
use super::outcome::{Accepted, Verdict};
use crate::ldap::result::LdapResult;

/// Most times a password is sent without being judged: once, and one retry elsewhere.
const MAX_UNJUDGED: u32 = 2;

/// What the directory decided.
#[derive(Debug)]
pub enum BindOutcome {
    /// A controller accepted the password.
    Accepted {
        /// The proof.
        evidence: Accepted,
        /// The response controls to relay: content of the `[0] Controls` element, may be empty.
        controls: Vec<u8>,
    },
    /// A controller refused: to be relayed as it is. The referral is stripped, a code outside the
    /// table is already replaced by 49.
    Rejected {
        /// Code and texts.
        result: LdapResult,
        /// The response controls to relay: content of the `[0] Controls` element, may be empty.
        controls: Vec<u8>,
    },
    /// Nobody gave a verdict: the client gets code 52.
    Unavailable(Unavailable),
    /// Every link is taken and the queue is full: the client gets code 51.
    Busy,
}

/// What became of the attempt at one controller.
#[derive(Debug)]
pub(super) enum Report {
    /// The queue for a link was full; nothing was sent.
    QueueFull,
    /// No octet of the request left.
    NotSent(LinkError),
    /// The request, or part of it, left and no answer came.
    Unanswered(LinkError),
    /// An answer came.
    Answered(Verdict),
}

impl Report {
    /// Whether the controller had the password, wholly or in part, and it is not known what it makes of it.
    pub(super) fn is_unjudged(&self) -> bool {
        matches!(self, Self::Unanswered(_) | Self::Answered(Verdict::NotJudged(_)))
    }

    /// What the attempt tells about the controller's ability to verify.
    pub(super) fn observation(&self) -> Option<Observation> {
        match self {
            Self::QueueFull => None,
            Self::NotSent(error) => Some(Observation::Lost(error.to_string())),
            // A hung controller must not cost the next login its time as well; a link that broke
            // can be that link's own fault.
            Self::Unanswered(error) if error.step == Step::Timeout => {
                Some(Observation::Lost(error.to_string()))
            }
            Self::Unanswered(error) => Some(Observation::Fault(error.to_string())),
            Self::Answered(verdict) => Some(match verdict {
                Verdict::Accepted { .. } | Verdict::Rejected { .. } | Verdict::Referral(_) => {
                    Observation::Good
                }
                Verdict::NotJudged(cause)
                | Verdict::NextController(cause)
                | Verdict::Misconfigured(cause) => Observation::Fault(cause.clone()),
            }),
        }
    }
}

/// What to do after a report.
#[derive(Debug)]
pub(super) enum Course {
    /// Ask the next controller that was not tried.
    Next,
    /// The same, with a password that was sent and not judged.
    Retry,
    /// The login is decided.
    Stop(BindOutcome),
}

/// The progress of one login.
#[derive(Debug, Default)]
pub(super) struct Failover {
    /// Binds put on the wire, wholly or in part.
    pub(super) attempts: u32,
    /// How many of them may count as a wrong password.
    pub(super) charged: u32,
    unjudged: u32,
    queue_full: bool,
    last: Option<String>,
}

impl Failover {
    /// Takes the report of one controller.
    pub(super) fn after(&mut self, report: Report) -> Course {
        match report {
            Report::QueueFull => {
                self.queue_full = true;
                Course::Next
            }
            Report::NotSent(error) => {
                self.last = Some(error.to_string());
                Course::Next
            }
            Report::Unanswered(error) => {
                self.attempts += 1;
                self.unjudged(error.to_string())
            }
            Report::Answered(verdict) => {
                self.attempts += 1;
                self.answered(verdict)
            }
        }
    }

    fn answered(&mut self, verdict: Verdict) -> Course {
        match verdict {
            Verdict::Accepted { evidence, controls } => {
                Course::Stop(BindOutcome::Accepted { evidence, controls })
            }
            Verdict::Rejected { result, controls, .. } => {
                self.charged += 1;
                Course::Stop(BindOutcome::Rejected { result, controls })
            }
            Verdict::NotJudged(cause) => self.unjudged(cause),
            Verdict::NextController(cause) | Verdict::Misconfigured(cause) => {
                self.last = Some(cause);
                Course::Next
            }
            Verdict::Referral(cause) => Course::Stop(BindOutcome::Unavailable(Unavailable(cause))),
        }
    }

    fn unjudged(&mut self, cause: String) -> Course {
        self.charged += 1;
        self.unjudged += 1;
        if self.unjudged < MAX_UNJUDGED {
            self.last = Some(cause);
            Course::Retry
        } else {
            Course::Stop(BindOutcome::Unavailable(Unavailable(cause)))
        }
    }

    /// The outcome when there is no controller left to ask, or no time.
    pub(super) fn exhausted(&self, reason: &str) -> BindOutcome {
        if self.queue_full && self.unjudged == 0 {
            return BindOutcome::Busy;
        }
        BindOutcome::Unavailable(Unavailable(match &self.last {
            Some(last) => format!("{reason}; last: {last}"),
            None => reason.to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests;
