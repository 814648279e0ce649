//! `[io]` Keeps knowing how the controllers are: probes each in its own rhythm, keeps links ready, and
//! tries the service account once per controller.
//!
//! A probe is an answered read of the root DSE; a stopped controller still accepts connections.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep_until};

use super::controllers::{Member, Shared, Upstream};
use super::error::Step;
use super::fetch::{open, read_root_dse};
use super::fitness;
use super::health::{Capability, Observation, Source, State};
use super::link::Link;
use crate::time::Now;

/// Longest wait before the service account is tried again where a controller could not judge it.
const MAX_TRIAL_WAIT: Duration = Duration::from_secs(300);

impl Upstream {
    /// Probes the controllers, keeps links ready and logs every change of state, until it is
    /// dropped. Its own errors never end it.
    pub async fn maintain(self: Arc<Self>) {
        let watches = self.shared.members.iter().map(|member| watch(&self.shared, member));
        join_all(watches).await;
    }
}

async fn watch(shared: &Arc<Shared>, member: &Arc<Member>) {
    let mut kept = None;
    let mut trial = ServiceTrial::new(Instant::now());
    loop {
        // What is down has to show that it takes new connections, not only that an old one lives.
        if shared.state(member, Capability::Verify) == State::Down {
            kept = None;
        }
        let observation = probe(shared, member, &mut kept).await;
        let answered = !matches!(observation, Observation::Lost(_));
        shared.observe(member, Capability::Verify, Source::Probe, observation.clone());
        if !answered || member.service_known.load(Ordering::Acquire) {
            shared.observe(member, Capability::Sync, Source::Probe, observation);
        } else if shared.refusal().is_none() && trial.is_due() {
            trial.note(try_service(shared, member).await, shared.config.health.probe_interval);
        }
        if answered {
            member.pool.maintain(Instant::now() + shared.config.timeouts.connect).await;
        }
        pause(shared, member).await;
    }
}

/// Waits for the next probe. One that a login finds wanting meanwhile is probed at once, and after
/// its short grace if it did not answer at all.
async fn pause(shared: &Shared, member: &Member) {
    let mut since = Instant::now();
    loop {
        let due = since + shared.probe_delay(member);
        tokio::select! {
            () = sleep_until(due) => return,
            () = member.wake.notified() => {
                if shared.state(member, Capability::Verify) != State::Down {
                    return;
                }
                since = Instant::now();
            }
        }
    }
}

/// Reads the root DSE over the link kept from the last probe, or over a new one.
async fn probe(shared: &Shared, member: &Member, kept: &mut Option<Link>) -> Observation {
    let timeouts = &shared.config.timeouts;
    let old = kept.take().and_then(|mut link| link.is_quiet().then_some(link));
    let (mut link, fresh) = match old {
        Some(link) => (link, false),
        None => match member.dialer.dial(Instant::now() + timeouts.connect).await {
            Ok(link) => {
                *member.certificate() = link.peer_certificate();
                (link, true)
            }
            Err(error) => return Observation::Lost(error.to_string()),
        },
    };
    match read_root_dse(&mut link, &fitness::ATTRIBUTES, Instant::now() + timeouts.attempt).await {
        Ok(root_dse) => {
            *kept = Some(link);
            let max_skew = shared.config.health.max_clock_skew;
            fitness::assess(&root_dse, shared.base.as_ref(), max_skew, Now::read())
        }
        // An old link that breaks says nothing about the controller.
        Err(error) if error.step == Step::Connect && !fresh => {
            Box::pin(probe(shared, member, kept)).await
        }
        Err(error) if error.step == Step::RootDse => Observation::Fault(error.reason),
        Err(error) => Observation::Lost(error.to_string()),
    }
}

/// Binds as the service account and reads the base DN; true when both went well.
async fn try_service(shared: &Arc<Shared>, member: &Arc<Member>) -> bool {
    // A failure has been noted where it happened.
    let Ok(mut session) = open(shared, member).await else { return false };
    let base = session.base_dn().map(str::to_owned);
    let canary = match base {
        Some(base) => match session.read(&base, &["1.1"]).await {
            Ok(Some(_)) => Observation::Good,
            Ok(None) => Observation::Impaired(format!(
                "base DN {base:?} does not exist, or may not be read"
            )),
            Err(error) => Observation::Impaired(format!("base DN: {}", error.reason)),
        },
        None => Observation::Impaired("the root DSE shows no naming context".to_owned()),
    };
    session.close().await;
    let good = canary == Observation::Good;
    member.service_known.store(good, Ordering::Release);
    shared.observe(member, Capability::Sync, Source::Probe, canary);
    good
}

/// When to try the service account at a controller that has not accepted it yet.
struct ServiceTrial {
    due: Instant,
    failures: u32,
}

impl ServiceTrial {
    const fn new(now: Instant) -> Self {
        Self { due: now, failures: 0 }
    }

    fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }

    fn note(&mut self, good: bool, interval: Duration) {
        self.failures = if good { 0 } else { self.failures.saturating_add(1) };
        let wait = interval.saturating_mul(1 << self.failures.min(8)).min(MAX_TRIAL_WAIT);
        self.due = Instant::now() + wait;
    }
}
