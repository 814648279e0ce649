//! The metrics in OpenMetrics text. They are made of the status at the moment somebody asks, so nothing is counted
//! twice and the two never disagree.
//!
//! No family has the type `info`, although two are that: the textfile collector of Prometheus' node exporter
//! refuses a whole file for a type that the older text format does not have. Everything else that is new in
//! OpenMetrics it takes for a comment.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use crate::session::revocations::RevocationSeconds;

use super::budgets::{Offline, Sources};
use super::document::{Capability, Controller, Directory, Status, View};
use super::reload_document::ReloadCounts;

/// The media type of OpenMetrics text.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What every name begins with.
const PREFIX: &str = "ldapgate";

/// The document.
///
/// # Errors
/// Never: text can always be put together in memory.
pub fn text(status: Status, revocations: RevocationSeconds) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Snapshot { status, revocations }));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

/// What is told, as it was at one moment.
#[derive(Debug)]
struct Snapshot {
    status: Status,
    revocations: RevocationSeconds,
}

/// The names and values of the labels of one sample.
type Labels<'s, const N: usize> = [(&'static str, &'s str); N];

/// One kind of number.
#[derive(Clone, Copy)]
struct Family {
    /// Without prefix and unit.
    name: &'static str,
    help: &'static str,
    unit: Option<&'static Unit>,
}

impl Family {
    const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, unit: None }
    }

    const fn seconds(name: &'static str, help: &'static str) -> Self {
        Self { name, help, unit: Some(&Unit::Seconds) }
    }

    /// Numbers that go up and down.
    fn gauges<'s, const N: usize>(
        self,
        out: &mut DescriptorEncoder<'_>,
        samples: impl IntoIterator<Item = (Labels<'s, N>, u64)>,
    ) -> fmt::Result {
        self.write(out, MetricType::Gauge, samples, |sample, value| sample.encode_gauge(&value))
    }

    /// Numbers that only go up while the program runs.
    fn counters<'s, const N: usize>(
        self,
        out: &mut DescriptorEncoder<'_>,
        samples: impl IntoIterator<Item = (Labels<'s, N>, u64)>,
    ) -> fmt::Result {
        self.write(out, MetricType::Counter, samples, |sample, value| {
            sample.encode_counter::<NoLabelSet, u64, u64>(&value, None)
        })
    }

    fn write<'s, const N: usize>(
        self,
        out: &mut DescriptorEncoder<'_>,
        kind: MetricType,
        samples: impl IntoIterator<Item = (Labels<'s, N>, u64)>,
        mut one: impl FnMut(&mut MetricEncoder<'_>, u64) -> fmt::Result,
    ) -> fmt::Result {
        let mut family = out.encode_descriptor(self.name, self.help, self.unit, kind)?;
        for (labels, value) in samples {
            if labels.is_empty() {
                one(&mut family, value)?;
            } else {
                one(&mut family.encode_family(&labels)?, value)?;
            }
        }
        Ok(())
    }

    /// One distribution.
    fn histogram(self, out: &mut DescriptorEncoder<'_>, read: &RevocationSeconds) -> fmt::Result {
        let mut family =
            out.encode_descriptor(self.name, self.help, self.unit, MetricType::Histogram)?;
        let (count, buckets) = apart(read);
        family.encode_histogram::<NoLabelSet>(read.sum, count, &buckets, None)
    }
}

/// The buckets, each without what the narrower ones hold, closed by one without a bound; and what is in all of
/// them. The counts are read while others count, so the sum of the buckets is taken where it is higher.
fn apart(read: &RevocationSeconds) -> (u64, Vec<(f64, u64)>) {
    let mut before = 0;
    let mut buckets: Vec<(f64, u64)> = Vec::with_capacity(read.buckets.len() + 1);
    for (bound, within) in &read.buckets {
        buckets.push((*bound, within.saturating_sub(before)));
        before = *within;
    }
    let count = read.count.max(before);
    buckets.push((f64::INFINITY, count - before));
    (count, buckets)
}

impl Collector for Snapshot {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        self.program(&mut out)?;
        self.views(&mut out)?;
        self.passes(&mut out)?;
        self.following(&mut out)?;
        self.shields(&mut out)?;
        self.offline(&mut out)?;
        self.controllers(&mut out)
    }
}

impl Snapshot {
    fn program(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let status = &self.status;
        Family::new("build_info", "The program that runs: always 1, its version is a label")
            .gauges(out, [([("version", status.version.as_str())], 1)])?;
        Family::seconds("start_time", "When the program started, since 1970-01-01T00:00:00Z")
            .gauges(out, [([], moment(status.started_unix))])?;
        Family::new("ready", "1 if every directory has a copy and a controller for logins")
            .gauges(out, [([], status.ready.into())])?;
        Family::new("sessions_open", "Connections of applications that are open")
            .gauges(out, [([], wide(status.sessions_open))])?;
        Family::new("blocks", "Blocks of operators that are in force")
            .gauges(out, [([], wide(status.blocks))])?;
        self.reloads(out)?;
        let help =
            "From seeing a change that takes an account away to the notice that ends its session";
        Family::seconds("revocation", help).histogram(out, &self.revocations)
    }

    /// Every outcome has a sample from the start, so that the first one is an increase.
    fn reloads(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let configuration = &self.status.configuration;
        let ReloadCounts { applied, unchanged, held, needs_restart, faulty } =
            configuration.reloads;
        let outcomes = [
            ("applied", applied),
            ("unchanged", unchanged),
            ("held", held),
            ("needs_restart", needs_restart),
            ("faulty", faulty),
        ];
        let help = "Times the configuration was read again, by what came of it";
        Family::new("configuration_reloads", help)
            .counters(out, outcomes.map(|(outcome, count)| ([("outcome", outcome)], count)))?;
        Family::new("configuration_held", "1 if a changed configuration waits for an operator")
            .gauges(out, [([], configuration.held.is_some().into())])?;
        let help = "When the configuration in force was loaded, since 1970-01-01T00:00:00Z";
        Family::seconds("configuration_loaded_timestamp", help)
            .gauges(out, [([], moment(configuration.loaded_unix))])
    }

    /// A directory without a copy has no samples here: there is nothing that a number could be of.
    fn views(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Time since the copy was last known to be what the directory says";
        Family::seconds("view_age", help).gauges(out, self.of_views(|view| view.age_seconds))?;
        Family::new("view_generation", "Grows with every published copy")
            .gauges(out, self.of_views(|view| view.generation))?;
        Family::new("view_users", "Users in the copy")
            .gauges(out, self.of_views(|view| wide(view.users)))?;
        Family::new("view_groups", "Groups in the copy")
            .gauges(out, self.of_views(|view| wide(view.groups)))?;
        Family::new("view_stale", "1 if the copy is older than max_age")
            .gauges(out, self.of_directories(|one| one.sync.stale.into()))
    }

    fn passes(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        Family::new("sync_passes", "Sync passes since the start, by what came of them")
            .counters(out, self.directories().flat_map(outcomes))?;
        let help = "Sync passes that have failed since the last one that did not";
        Family::new("sync_consecutive_failures", help)
            .gauges(out, self.of_directories(|one| one.sync.failures.into()))?;
        let help = "When a pass last ended after which the copy said what the directory says, since \
                    1970-01-01T00:00:00Z";
        let successes = self.directories().filter_map(|one| {
            let at = one.sync.last_success_unix?;
            Some((named(one), moment(at)))
        });
        Family::seconds("sync_last_success_timestamp", help).gauges(out, successes)?;
        Family::new("sync_held", "1 if a mass change waits for an operator")
            .gauges(out, self.of_directories(|one| one.sync.held.is_some().into()))
    }

    fn following(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let strategies = self.directories().filter_map(|one| {
            let strategy = one.sync.strategy.as_deref()?;
            Some(([("directory", one.name.as_str()), ("strategy", strategy)], 1))
        });
        Family::new(
            "sync_strategy_info",
            "How changes are looked for: always 1, the way is a label",
        )
        .gauges(out, strategies)?;
        Family::new("sync_announced", "1 if the directory announces its changes")
            .gauges(out, self.of_directories(|one| one.sync.announced_by.is_some().into()))
    }

    fn shields(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        Family::new("shield_accounts", "Accounts with wrong passwords that still count")
            .gauges(out, self.of_directories(|one| wide(one.shield.accounts)))?;
        Family::new("shield_turned_away", "Logins not sent to a controller, by why")
            .counters(out, self.directories().flat_map(turned_away))?;
        let Sources { application_refused, client_refused } = self.status.sources;
        let help = "Logins refused after too many wrong passwords from one place";
        Family::new("shield_sources_turned_away", help).counters(
            out,
            [
                ([("source", "application")], application_refused),
                ([("source", "client")], client_refused),
            ],
        )
    }

    /// Only of directories that let somebody in without a controller.
    fn offline(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let kept = || self.directories().filter_map(|one| Some((one, one.offline?)));
        let verifiers = kept().map(|(one, offline)| (named(one), wide(offline.verifiers)));
        Family::new("offline_verifiers", "Accounts whose password could be checked here")
            .gauges(out, verifiers)?;
        Family::new("offline_logins", "Logins while no controller could be asked")
            .counters(out, kept().flat_map(|(one, offline)| without_controller(one, offline)))
    }

    fn controllers(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let up = |capability: &Capability| capability.state == "up";
        Family::new("controller_up", "1 if the controller answers as it should")
            .gauges(out, self.of_capabilities(up))?;
        let usable = |capability: &Capability| capability.state != "down";
        Family::new("controller_usable", "1 if the controller is used: up, or degraded")
            .gauges(out, self.of_capabilities(usable))?;
        Family::new("controller_binds", "Logins sent to the controller")
            .counters(out, self.of_controllers(|one| one.binds))?;
        Family::new("controller_bind_failures", "Logins to which the controller gave no verdict")
            .counters(out, self.of_controllers(|one| one.failures))
    }

    fn directories(&self) -> impl Iterator<Item = &Directory> {
        self.status.directories.iter()
    }

    fn of_directories<'s>(
        &'s self,
        value: impl Fn(&Directory) -> u64 + 's,
    ) -> impl Iterator<Item = (Labels<'s, 1>, u64)> {
        self.directories().map(move |one| (named(one), value(one)))
    }

    fn of_views<'s>(
        &'s self,
        value: impl Fn(&View) -> u64 + 's,
    ) -> impl Iterator<Item = (Labels<'s, 1>, u64)> {
        self.directories().filter_map(move |one| Some((named(one), value(one.view.as_ref()?))))
    }

    fn members(&self) -> impl Iterator<Item = (&str, &Controller)> {
        self.directories().flat_map(|one| {
            one.controllers.iter().map(|controller| (one.name.as_str(), controller))
        })
    }

    fn of_controllers<'s>(
        &'s self,
        value: impl Fn(&Controller) -> u64 + 's,
    ) -> impl Iterator<Item = (Labels<'s, 2>, u64)> {
        self.members().map(move |(directory, controller)| {
            (
                [("directory", directory), ("controller", controller.name.as_str())],
                value(controller),
            )
        })
    }

    fn of_capabilities<'s>(
        &'s self,
        holds: impl Fn(&Capability) -> bool + 's,
    ) -> impl Iterator<Item = (Labels<'s, 3>, u64)> {
        self.members().flat_map(move |(directory, controller)| {
            let Controller { name, verify, sync, .. } = controller;
            [("verify", verify), ("sync", sync)].map(|(word, capability)| {
                let labels =
                    [("directory", directory), ("controller", name.as_str()), ("capability", word)];
                (labels, holds(capability).into())
            })
        })
    }
}

fn named(directory: &Directory) -> Labels<'_, 1> {
    [("directory", &directory.name)]
}

/// Every outcome has a sample from the start, so that the first failure is an increase.
fn outcomes(directory: &Directory) -> [(Labels<'_, 2>, u64); 5] {
    let passes = &directory.sync.passes;
    [
        ("applied", passes.applied),
        ("nothing", passes.nothing),
        ("held", passes.held),
        ("failed", passes.failed),
        ("dry_run", passes.dry_run),
    ]
    .map(|(outcome, count)| ([("directory", directory.name.as_str()), ("outcome", outcome)], count))
}

fn turned_away(directory: &Directory) -> [(Labels<'_, 2>, u64); 3] {
    let shield = &directory.shield;
    [
        ("budget", shield.exhausted),
        ("repeated_password", shield.repeated),
        ("waited_too_long", shield.timed_out),
    ]
    .map(|(why, count)| ([("directory", directory.name.as_str()), ("why", why)], count))
}

fn without_controller(directory: &Directory, counts: Offline) -> [(Labels<'_, 2>, u64); 3] {
    [
        ("accepted", counts.accepted),
        ("wrong_password", counts.wrong_password),
        ("withheld", counts.withheld),
    ]
    .map(|(outcome, count)| ([("directory", directory.name.as_str()), ("outcome", outcome)], count))
}

/// A moment before 1970 can only come from a clock that is wrong.
fn moment(unix_seconds: i64) -> u64 {
    u64::try_from(unix_seconds).unwrap_or(0)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
