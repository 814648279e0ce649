//! Whether a controller can be used, as a state machine per capability: observations in, state
//! changes out. Time is an argument; logging is the driver's.
//!
//! - *up*: answers as it should.
//! - *degraded*: usable, but others are asked first: it was not probed yet, its clock is off, or its
//!   last answer to a bind was no verdict.
//! - *down*: could not be reached or did not answer. One good trial brings it back, one more for
//!   every earlier time it went down within the flap window.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::controller::HealthConfig;
use crate::time::Now;

/// Most good trials that a flapping controller has to pass.
const MAX_TRIALS: u32 = 6;
/// Doublings of the fault memory.
const MAX_DOUBLINGS: u32 = 4;

/// The states of a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// Answers as it should.
    Up,
    /// Usable, but others are asked first.
    Degraded,
    /// Not usable, as far as is known.
    Down,
}

impl State {
    /// The state in one word.
    #[must_use]
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// What a controller is used for; each is healthy or not on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capability {
    /// Judging passwords.
    Verify,
    /// Being read by the service account.
    Sync,
}

impl Capability {
    /// The capability in one word.
    #[must_use]
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Sync => "sync",
        }
    }
}

/// Who saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Our own probe.
    Probe,
    /// A login or a fetch.
    Traffic,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Observation {
    /// An answer that makes sense, in time.
    Good,
    /// An answer, but something is not as it should be (clock, replication).
    Impaired(String),
    /// An answer that was no verdict, or a link that broke.
    Fault(String),
    /// Not reachable, or no answer in time.
    Lost(String),
}

/// One change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StateChange {
    /// The state before.
    pub(super) from: State,
    /// The state from now on.
    pub(super) to: State,
    /// Why.
    pub(super) cause: String,
    /// How long the old state lasted.
    pub(super) after: Duration,
}

/// The health of one capability of one controller.
#[derive(Clone, Debug)]
pub(super) struct CapabilityHealth {
    state: State,
    cause: Option<String>,
    since: Now,
    /// Whether the present stay in `Up` began as a return.
    returned: bool,
    unproven: bool,
    refused: Option<String>,
    impairment: Option<String>,
    fault: Option<Fault>,
    outage: Option<Outage>,
    /// When it went down, newest last, within the flap window.
    downs: VecDeque<Instant>,
}

#[derive(Clone, Debug)]
struct Fault {
    cause: String,
    at: Instant,
    /// How often it came back and failed again.
    times: u32,
}

impl Fault {
    fn memory(&self, config: &HealthConfig) -> Duration {
        let doublings = self.times.saturating_sub(1).min(MAX_DOUBLINGS);
        config.fault_memory.saturating_mul(1 << doublings)
    }
}

#[derive(Clone, Debug)]
struct Outage {
    cause: String,
    good_trials: u32,
    failed_trials: u32,
}

impl CapabilityHealth {
    /// A controller that nothing is known about yet.
    pub(super) fn new(now: Now) -> Self {
        Self {
            state: State::Degraded,
            cause: Some("not probed yet".to_owned()),
            since: now,
            returned: false,
            unproven: true,
            refused: None,
            impairment: None,
            fault: None,
            outage: None,
            downs: VecDeque::new(),
        }
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    /// Why it is not up.
    pub(super) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// When the present state began.
    pub(super) const fn since(&self) -> Now {
        self.since
    }

    /// Whether it is up and has either never been away or been back long enough.
    pub(super) fn settled(&self, config: &HealthConfig, now: Instant) -> bool {
        let back_for = || now.saturating_duration_since(self.since.monotonic);
        self.state == State::Up && (!self.returned || back_for() >= config.return_after)
    }

    /// Whether it is up and nothing is held against it: another good answer to a request changes nothing.
    pub(super) const fn is_spotless(&self) -> bool {
        matches!(self.state, State::Up)
            && self.fault.is_none()
            && self.outage.is_none()
            && self.impairment.is_none()
    }

    /// Takes one observation.
    pub(super) fn observe(
        &mut self,
        source: Source,
        observation: Observation,
        config: &HealthConfig,
        now: Now,
    ) -> Option<StateChange> {
        match observation {
            Observation::Good => {
                if source == Source::Probe {
                    self.impairment = None;
                } else {
                    self.fault = None;
                }
                self.trial_passed(config, now);
            }
            Observation::Impaired(cause) => {
                self.impairment = Some(cause);
                self.trial_passed(config, now);
            }
            Observation::Fault(cause) => self.faulted(cause, config, now),
            Observation::Lost(cause) => self.lost(cause, config, now),
        }
        let good = match source {
            Source::Probe => "answers probes",
            Source::Traffic => "answers requests",
        };
        self.settle(good, config, now)
    }

    /// The service account was refused: down until [`CapabilityHealth::allow`], whatever is seen.
    pub(super) fn refuse(
        &mut self,
        cause: &str,
        config: &HealthConfig,
        now: Now,
    ) -> Option<StateChange> {
        self.refused = Some(cause.to_owned());
        self.settle("", config, now)
    }

    /// Forgets the refusal.
    pub(super) fn allow(&mut self, config: &HealthConfig, now: Now) -> Option<StateChange> {
        self.refused = None;
        self.unproven = true;
        self.settle("service account may be tried again", config, now)
    }

    /// How long to wait for the next probe: a controller that went down is tried soon at first.
    pub(super) fn probe_delay(&self, config: &HealthConfig) -> Duration {
        match &self.outage {
            Some(outage) if outage.good_trials == 0 => {
                let soon = config.probe_interval / 8;
                soon.saturating_mul(1 << outage.failed_trials.min(3)).min(config.probe_interval)
            }
            _ => config.probe_interval,
        }
    }

    fn trial_passed(&mut self, config: &HealthConfig, now: Now) {
        self.unproven = false;
        self.forget_old_downs(config, now);
        let earlier = u32::try_from(self.downs.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let needed = earlier.saturating_add(1).min(MAX_TRIALS);
        if let Some(outage) = &mut self.outage {
            outage.good_trials += 1;
            if outage.good_trials >= needed {
                self.outage = None;
            } else {
                outage.cause =
                    format!("went down repeatedly: good trial {} of {needed}", outage.good_trials);
            }
        }
    }

    fn faulted(&mut self, cause: String, config: &HealthConfig, now: Now) {
        // Links that break late are part of the outage.
        if let Some(outage) = &mut self.outage {
            outage.good_trials = 0;
            return;
        }
        // Faults that come together are one; one that comes after a return counts up.
        let times = match &self.fault {
            Some(fault) if elapsed(fault.at, now) < fault.memory(config) => fault.times,
            Some(fault) if elapsed(fault.at, now) < config.flap_window => {
                fault.times.saturating_add(1)
            }
            Some(_) | None => 1,
        };
        self.fault = Some(Fault { cause, at: now.monotonic, times });
    }

    fn lost(&mut self, cause: String, config: &HealthConfig, now: Now) {
        let failed_trials = match &self.outage {
            Some(outage) => outage.failed_trials.saturating_add(1),
            None => {
                // What came before was its beginning.
                self.fault = None;
                self.forget_old_downs(config, now);
                if self.downs.len() >= usize::try_from(MAX_TRIALS).unwrap_or(usize::MAX) {
                    self.downs.pop_front();
                }
                self.downs.push_back(now.monotonic);
                0
            }
        };
        self.outage = Some(Outage { cause, good_trials: 0, failed_trials });
    }

    fn forget_old_downs(&mut self, config: &HealthConfig, now: Now) {
        while let Some(first) = self.downs.front()
            && elapsed(*first, now) > config.flap_window
        {
            self.downs.pop_front();
        }
    }

    /// Works out the state from what is known and says so if it is another than before.
    fn settle(&mut self, good: &str, config: &HealthConfig, now: Now) -> Option<StateChange> {
        let (to, cause) = self.judge(config, now);
        self.cause.clone_from(&cause);
        if to == self.state {
            return None;
        }
        let change = StateChange {
            from: self.state,
            to,
            cause: cause.unwrap_or_else(|| good.to_owned()),
            after: elapsed(self.since.monotonic, now),
        };
        // The first time up is no return.
        self.returned = !self.downs.is_empty() || self.fault.is_some();
        self.state = to;
        self.since = now;
        Some(change)
    }

    fn judge(&self, config: &HealthConfig, now: Now) -> (State, Option<String>) {
        if let Some(cause) = &self.refused {
            return (State::Down, Some(cause.clone()));
        }
        if let Some(outage) = &self.outage {
            return (State::Down, Some(outage.cause.clone()));
        }
        if let Some(cause) = &self.impairment {
            return (State::Degraded, Some(cause.clone()));
        }
        if let Some(fault) = &self.fault
            && elapsed(fault.at, now) < fault.memory(config)
        {
            return (State::Degraded, Some(fault.cause.clone()));
        }
        if self.unproven {
            return (State::Degraded, Some("not probed yet".to_owned()));
        }
        (State::Up, None)
    }
}

fn elapsed(since: Instant, now: Now) -> Duration {
    now.monotonic.saturating_duration_since(since)
}

#[cfg(test)]
mod tests;
