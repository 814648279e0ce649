//! `[io]` The controllers of one directory, and what is known of them while the process runs.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::board::{Board, Refusal};
use super::controller::{ControllerConfig, Security, UpstreamConfig};
use super::dial::Dialer;
use super::error::UpstreamError;
use super::health::{Capability, Observation, Source, State, StateChange};
use super::pool::Pool;
use super::roster::{self, Candidate};
use super::status::{CapabilityStatus, ControllerStatus, HistoryRecord};
use crate::certificate::CertificateFacts;
use crate::ldap::dn::NormalizedDn;
use crate::time::Now;

/// The authority over passwords and the source of the copy: one directory's controllers.
pub struct Upstream {
    pub(super) shared: Arc<Shared>,
}

impl Upstream {
    /// Prepares the controllers; nothing is connected yet.
    ///
    /// # Errors
    /// No controller, two of one name, a base DN or a server name that is none, trust that holds no
    /// certificate, a service account without name or password.
    pub fn new(config: UpstreamConfig, now: Now) -> Result<Arc<Self>, UpstreamError> {
        let base = config.validate()?;
        let mut members = Vec::with_capacity(config.controllers.len());
        for (position, controller) in config.controllers.iter().enumerate() {
            if controller.security == Security::Plain {
                tracing::warn!(
                    directory = %config.directory,
                    controller = %controller.name,
                    "passwords go to this controller in clear (no TLS)"
                );
            }
            members.push(Arc::new(Member::new(position, controller.clone(), &config)?));
        }
        let names = config.controllers.iter().map(|controller| Arc::clone(&controller.name));
        let board = Mutex::new(Board::new(names, now));
        let shared = Shared {
            config,
            base,
            members,
            board,
            turn: AtomicUsize::new(0),
            service_gate: tokio::sync::Mutex::new(()),
        };
        Ok(Arc::new(Self { shared: Arc::new(shared) }))
    }

    /// The configuration it was made from.
    #[must_use]
    pub fn config(&self) -> &UpstreamConfig {
        &self.shared.config
    }

    /// Every controller as it is now, in the order of the configuration.
    #[must_use]
    pub fn status(&self) -> Vec<ControllerStatus> {
        let board = self.shared.board();
        let pairs = self.shared.members.iter().zip(board.controllers());
        let status = pairs.map(|(member, health)| {
            let controller = member.config();
            ControllerStatus {
                name: Arc::clone(&controller.name),
                address: controller.endpoint(),
                tier: controller.tier,
                verify: CapabilityStatus::of(&health.verify),
                sync: CapabilityStatus::of(&health.sync),
                links_idle: member.pool.idle_count(),
                links_busy: member.pool.busy(),
                binds: member.binds.load(Ordering::Relaxed),
                failures: member.failures.load(Ordering::Relaxed),
                certificate: member.certificate().clone(),
            }
        });
        status.collect()
    }

    /// The controller that a login would be sent to first now. Nothing is sent, and nobody's turn is used up.
    #[must_use]
    pub fn first_to_verify(&self, now: Now) -> Option<Arc<str>> {
        let candidates = self.shared.candidates(Capability::Verify, &[], now.monotonic);
        let turn = self.shared.turn.load(Ordering::Relaxed);
        let member = self.shared.members.get(roster::next(&candidates, turn)?)?;
        Some(Arc::clone(&member.config().name))
    }

    /// The latest changes of state, oldest first; at most 256.
    #[must_use]
    pub fn history(&self) -> Vec<HistoryRecord> {
        self.shared.board().history()
    }

    /// Lets the service account be tried again after a refusal, for instance when an operator has
    /// unlocked it. Never to be called by a timer: it could lock the account.
    pub fn allow_service_bind(&self) {
        let changes = {
            let config = &self.shared.config.health;
            self.shared.board().allow_service(config, Now::read())
        };
        for (controller, change) in changes {
            self.shared.log(&controller, Capability::Sync, &change);
        }
        for member in &self.shared.members {
            member.service_known.store(false, Ordering::Release);
        }
    }
}

/// What all tasks of one directory share.
pub(super) struct Shared {
    pub(super) config: UpstreamConfig,
    /// The configured naming context, for comparing.
    pub(super) base: Option<NormalizedDn>,
    pub(super) members: Vec<Arc<Member>>,
    board: Mutex<Board>,
    turn: AtomicUsize,
    /// Held during a service bind, so that a wrong password is sent once and not once per task.
    pub(super) service_gate: tokio::sync::Mutex<()>,
}

/// Who is left beside the controllers that were tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// At least one that is not down.
    Usable,
    /// Only such as are down.
    Down,
    /// Nobody.
    None,
}

impl Shared {
    /// The controller to ask next, of those not tried.
    pub(super) fn choose(&self, capability: Capability, tried: &[usize]) -> Option<Arc<Member>> {
        let now = Now::read().monotonic;
        let position = self.next(&self.candidates(capability, tried, now))?;
        self.members.get(position).map(Arc::clone)
    }

    /// The controller to ask for a verdict, of those not tried, and who is left beside it.
    pub(super) fn choose_to_verify(
        &self,
        tried: &[usize],
        now: Instant,
    ) -> Option<(&Member, Others)> {
        let candidates = self.candidates(Capability::Verify, tried, now);
        let position = self.next(&candidates)?;
        let left = candidates.iter().enumerate();
        let left = left.filter(|(other, candidate)| *other != position && !candidate.tried);
        let others = left.fold(Others::None, |others, (_, candidate)| match candidate.state {
            State::Up | State::Degraded => Others::Usable,
            State::Down if others == Others::Usable => Others::Usable,
            State::Down => Others::Down,
        });
        Some((self.members.get(position)?, others))
    }

    fn candidates(&self, capability: Capability, tried: &[usize], now: Instant) -> Vec<Candidate> {
        let board = self.board();
        let pairs = self.members.iter().zip(board.controllers());
        let candidates = pairs.map(|(member, health)| Candidate {
            tier: member.config().tier,
            state: health.of(capability).state(),
            settled: health.of(capability).settled(&self.config.health, now),
            in_flight: member.in_flight.load(Ordering::Relaxed),
            tried: tried.contains(&member.position),
        });
        candidates.collect()
    }

    fn next(&self, candidates: &[Candidate]) -> Option<usize> {
        roster::next(candidates, self.turn.fetch_add(1, Ordering::Relaxed))
    }

    /// The controller called `name`.
    pub(super) fn member(&self, name: &str) -> Option<Arc<Member>> {
        self.members.iter().find(|member| &*member.config().name == name).map(Arc::clone)
    }

    /// Takes an observation, logs the change of state if there is one, and acts on it.
    pub(super) fn observe(
        &self,
        member: &Member,
        capability: Capability,
        source: Source,
        observation: Observation,
    ) {
        if capability == Capability::Verify
            && (source, &observation) == (Source::Traffic, &Observation::Good)
            && member.verifies_well.load(Ordering::Acquire)
        {
            return;
        }
        let change = {
            let (config, now) = (&self.config.health, Now::read());
            let mut board = self.board();
            let seen = (source, observation);
            let change = board.observe(member.position, capability, seen, config, now);
            if let Some(health) = board.controllers().get(member.position) {
                member.verifies_well.store(health.verify.is_spotless(), Ordering::Release);
            }
            change
        };
        let Some(change) = change else { return };
        self.log(&member.config().name, capability, &change);
        if capability == Capability::Verify && change.to == State::Down {
            // Links that wait would hang or fail like the one that showed it.
            member.pool.clear();
        }
        if capability == Capability::Verify && change.to != State::Up && source == Source::Traffic {
            member.wake.notify_one();
        }
    }

    /// Notes that the service account was refused; sync stops at all controllers.
    pub(super) fn refuse_service(&self, member: &Member, reason: &str) {
        let controller = Arc::clone(&member.config().name);
        let changes = {
            let refusal =
                Refusal { controller: Arc::clone(&controller), reason: reason.to_owned() };
            self.board().refuse_service(refusal, &self.config.health, Now::read())
        };
        if changes.is_empty() {
            return;
        }
        tracing::error!(
            directory = %self.config.directory,
            %controller,
            account = self.config.service_name,
            reason,
            "the service account is refused: no sync until its password is corrected in the \
             configuration; logins go on"
        );
        for (controller, change) in changes {
            self.log(&controller, Capability::Sync, &change);
        }
    }

    /// The refusal that stops service binds, if there was one.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.board().refusal().cloned()
    }

    pub(super) fn state(&self, member: &Member, capability: Capability) -> State {
        let board = self.board();
        let health = board.controllers().get(member.position);
        health.map_or(State::Down, |health| health.of(capability).state())
    }

    pub(super) fn probe_delay(&self, member: &Member) -> Duration {
        let config = &self.config.health;
        let board = self.board();
        let health = board.controllers().get(member.position);
        health.map_or(config.probe_interval, |health| health.verify.probe_delay(config))
    }

    /// The one line per change of state.
    fn log(&self, controller: &str, capability: Capability, change: &StateChange) {
        let directory = &*self.config.directory;
        let (from, to) = (change.from.name(), change.to.name());
        let (capability, cause) = (capability.name(), change.cause.as_str());
        let lasted_ms = change.after.as_millis();
        match change.to {
            State::Up => tracing::info!(
                directory,
                controller,
                capability,
                from,
                to,
                cause,
                lasted_ms,
                "controller changed state"
            ),
            State::Degraded | State::Down => tracing::warn!(
                directory,
                controller,
                capability,
                from,
                to,
                cause,
                lasted_ms,
                "controller changed state"
            ),
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One controller at work.
pub(super) struct Member {
    /// Its place in the configuration.
    pub(super) position: usize,
    pub(super) dialer: Arc<Dialer>,
    pub(super) pool: Pool,
    pub(super) in_flight: AtomicUsize,
    pub(super) binds: AtomicU64,
    pub(super) failures: AtomicU64,
    /// Wakes the prober when a login found the controller wanting.
    pub(super) wake: Notify,
    /// Whether another good verdict would tell nothing new, so that it need not be noted.
    verifies_well: AtomicBool,
    /// Whether this controller has accepted the service account and shown it the base DN.
    pub(super) service_known: AtomicBool,
    /// What the controller's certificate said at the last probe that connected.
    certificate: Mutex<Option<CertificateFacts>>,
}

impl Member {
    fn new(
        position: usize,
        controller: ControllerConfig,
        config: &UpstreamConfig,
    ) -> Result<Self, UpstreamError> {
        let dialer = Arc::new(Dialer::new(controller, config.max_message)?);
        Ok(Self {
            position,
            pool: Pool::new(Arc::clone(&dialer), config.pool.clone()),
            dialer,
            in_flight: AtomicUsize::new(0),
            binds: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            wake: Notify::new(),
            verifies_well: AtomicBool::new(false),
            service_known: AtomicBool::new(false),
            certificate: Mutex::new(None),
        })
    }

    pub(super) fn config(&self) -> &ControllerConfig {
        self.dialer.controller()
    }

    pub(super) fn certificate(&self) -> MutexGuard<'_, Option<CertificateFacts>> {
        self.certificate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.config().name
    }
}
