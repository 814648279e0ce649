//! What is known of all controllers of a directory: their health, the refusal of the service account
//! if there was one, and the latest changes. Plain data; the driver logs what comes out.

use std::collections::VecDeque;
use std::sync::Arc;

use super::controller::HealthConfig;
use super::health::{Capability, CapabilityHealth, Observation, Source, StateChange};
use super::status::HistoryRecord;
use crate::time::{Now, unix_seconds};

/// Changes kept; older ones are forgotten.
const MAX_HISTORY: usize = 256;

/// The controller that refused the service account, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) controller: Arc<str>,
    pub(super) reason: String,
}

/// The health of one controller.
#[derive(Debug)]
pub(super) struct ControllerHealth {
    pub(super) name: Arc<str>,
    pub(super) verify: CapabilityHealth,
    pub(super) sync: CapabilityHealth,
}

impl ControllerHealth {
    pub(super) const fn of(&self, capability: Capability) -> &CapabilityHealth {
        match capability {
            Capability::Verify => &self.verify,
            Capability::Sync => &self.sync,
        }
    }

    const fn of_mut(&mut self, capability: Capability) -> &mut CapabilityHealth {
        match capability {
            Capability::Verify => &mut self.verify,
            Capability::Sync => &mut self.sync,
        }
    }
}

/// All controllers of one directory.
#[derive(Debug)]
pub(super) struct Board {
    controllers: Vec<ControllerHealth>,
    history: VecDeque<HistoryRecord>,
    refusal: Option<Refusal>,
}

impl Board {
    pub(super) fn new(names: impl Iterator<Item = Arc<str>>, now: Now) -> Self {
        let controllers = names.map(|name| ControllerHealth {
            name,
            verify: CapabilityHealth::new(now),
            sync: CapabilityHealth::new(now),
        });
        Self { controllers: controllers.collect(), history: VecDeque::new(), refusal: None }
    }

    pub(super) fn controllers(&self) -> &[ControllerHealth] {
        &self.controllers
    }

    /// The latest changes, oldest first.
    pub(super) fn history(&self) -> Vec<HistoryRecord> {
        self.history.iter().cloned().collect()
    }

    pub(super) const fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// Takes one observation of one controller.
    pub(super) fn observe(
        &mut self,
        position: usize,
        capability: Capability,
        seen: (Source, Observation),
        config: &HealthConfig,
        now: Now,
    ) -> Option<StateChange> {
        let controller = self.controllers.get_mut(position)?;
        let (source, observation) = seen;
        let change = controller.of_mut(capability).observe(source, observation, config, now)?;
        let name = Arc::clone(&controller.name);
        self.record(name, capability, &change, now);
        Some(change)
    }

    /// Takes *sync* away from every controller: the password is wrong, not the controller. Only the
    /// first refusal counts; later ones change nothing.
    pub(super) fn refuse_service(
        &mut self,
        refusal: Refusal,
        config: &HealthConfig,
        now: Now,
    ) -> Vec<(Arc<str>, StateChange)> {
        if self.refusal.is_some() {
            return Vec::new();
        }
        let cause = format!(
            "service account refused by {}: {}; not tried again with this password",
            refusal.controller, refusal.reason
        );
        self.refusal = Some(refusal);
        self.change_sync(now, |health| health.refuse(&cause, config, now))
    }

    /// Forgets the refusal.
    pub(super) fn allow_service(
        &mut self,
        config: &HealthConfig,
        now: Now,
    ) -> Vec<(Arc<str>, StateChange)> {
        self.refusal = None;
        self.change_sync(now, |health| health.allow(config, now))
    }

    fn change_sync(
        &mut self,
        now: Now,
        mut change: impl FnMut(&mut CapabilityHealth) -> Option<StateChange>,
    ) -> Vec<(Arc<str>, StateChange)> {
        let mut changes = Vec::new();
        for controller in &mut self.controllers {
            if let Some(change) = change(&mut controller.sync) {
                changes.push((Arc::clone(&controller.name), change));
            }
        }
        for (name, change) in &changes {
            self.record(Arc::clone(name), Capability::Sync, change, now);
        }
        changes
    }

    fn record(
        &mut self,
        controller: Arc<str>,
        capability: Capability,
        change: &StateChange,
        now: Now,
    ) {
        if self.history.len() == MAX_HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(HistoryRecord {
            at_unix: unix_seconds(now.wall),
            controller,
            capability: capability.name(),
            from: change.from.name(),
            to: change.to.name(),
            cause: change.cause.clone(),
            lasted_ms: u64::try_from(change.after.as_millis()).unwrap_or(u64::MAX),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::upstream::health::State;

    fn board(names: &[&str]) -> Board {
        Board::new(names.iter().map(|name| Arc::from(*name)), Now::read())
    }

    #[test]
    fn the_history_is_bounded_and_keeps_the_newest() {
        let mut board = board(&["dc1"]);
        let config = HealthConfig::default();
        let start = Now::read();
        for second in 0..600 {
            let now = start.later(Duration::from_secs(second * 3600));
            let observation = if second % 2 == 0 {
                Observation::Lost(format!("outage {second}"))
            } else {
                Observation::Good
            };
            board.observe(0, Capability::Verify, (Source::Probe, observation), &config, now);
        }
        let history = board.history();
        assert_eq!(history.len(), MAX_HISTORY);
        let last_two: Vec<_> = history.iter().rev().take(2).map(|r| (r.from, r.to)).collect();
        assert_eq!(last_two, [("down", "up"), ("up", "down")]);
        assert_eq!(history.last().unwrap().lasted_ms, 3_600_000);
        assert_eq!(history.last().unwrap().cause, "answers probes");
    }

    #[test]
    fn a_refused_service_account_takes_only_sync_and_everywhere() {
        let mut board = board(&["dc1", "dc2"]);
        let config = HealthConfig::default();
        let now = Now::read();
        for position in 0..2 {
            for capability in [Capability::Verify, Capability::Sync] {
                board.observe(
                    position,
                    capability,
                    (Source::Probe, Observation::Good),
                    &config,
                    now,
                );
            }
        }
        let refusal = Refusal { controller: Arc::from("dc1"), reason: "49".to_owned() };
        let changes = board.refuse_service(refusal.clone(), &config, now);
        assert_eq!(changes.len(), 2);
        let again = Refusal { controller: Arc::from("dc2"), reason: "775".to_owned() };
        assert!(board.refuse_service(again, &config, now).is_empty());
        assert_eq!(board.refusal(), Some(&refusal));
        // A good probe does not bring it back.
        board.observe(0, Capability::Sync, (Source::Probe, Observation::Good), &config, now);
        for controller in board.controllers() {
            assert_eq!(controller.verify.state(), State::Up);
            assert_eq!(controller.sync.state(), State::Down);
        }
        assert_eq!(board.allow_service(&config, now).len(), 2);
        assert!(board.refusal().is_none());
    }
}
