//! `[io]` One directory with the parts that keep it, put together: controllers, copy, sync and store.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::Semaphore;

use crate::admin::ControlledDirectory;
use crate::config::{DirectorySettings, SyncSettings};
use crate::directory::{AttributeMapping, PublishedView, Retention, View, ViewConfig, Withdrawn};
use crate::policy::departures::Departures;
use crate::policy::impact::{impact, leaving, withdrawn};
use crate::session::configured::Configured;
use crate::session::gate::DirectoryGate;
use crate::session::learned::LearnedDialect;
use crate::session::offline::Offline;
use crate::shield::{Shield, Sources};
use crate::store::Store;
use crate::sync::consequences::Step;
use crate::sync::{
    Consequences, Follow, Held, Keeping, Leaving, SharedJobs, Strategy, SyncConfig, SyncDriver,
    SyncHandle, Timing,
};
use crate::time::Now;
use crate::trail::event::Value;
use crate::trail::{Event, Trail};
use crate::upstream::Upstream;

/// Least time between a pass and one that a refused login asks for.
const AFTER_REFUSAL: Duration = Duration::from_secs(2);

/// One directory with the tasks that keep it.
pub(super) struct Directory {
    pub(super) name: Arc<str>,
    pub(super) upstream: Arc<Upstream>,
    pub(super) published: Arc<PublishedView>,
    pub(super) driver: SyncDriver,
    pub(super) shield: Arc<Shield>,
    pub(super) offline: Option<Arc<Offline>>,
    dialect: Arc<LearnedDialect>,
    sync: SyncHandle,
    attributes: AttributeMapping,
    max_age: Duration,
    departures: Arc<Departures>,
}

/// What all directories share.
pub(super) struct Around<'a> {
    pub(super) applications: &'a Arc<Configured>,
    pub(super) store: Option<&'a Store>,
    pub(super) jobs: &'a SharedJobs,
    pub(super) sources: &'a Arc<Sources>,
    pub(super) trail: Option<&'a Arc<Trail>>,
    /// Bounds how many passwords and secrets are hashed at a time.
    pub(super) slow_checks: &'a Arc<Semaphore>,
}

impl Directory {
    /// What was kept of it is in use when this returns. Blocks meanwhile. `key` must be random.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub(super) fn new(
        settings: DirectorySettings,
        around: &Around<'_>,
        key: &[u8; 32],
    ) -> anyhow::Result<Self> {
        let Around { applications, store, jobs, sources, trail, slow_checks } = around;
        let (name, max_age) = (settings.name.clone(), settings.sync.max_age);
        let attributes = settings.attributes;
        let of_directory = || format!("directory {name:?}");
        let timing = timing(&settings.sync).with_context(of_directory)?;
        let config = SyncConfig {
            timing,
            strategy: settings.sync.strategy,
            notify: settings.sync.notify,
            page_size: settings.sync.page_size,
            base: settings.sync.base,
            view: Arc::new(ViewConfig {
                indices: Arc::new(settings.indices),
                retention: Retention {
                    time: settings.sync.remember_removed,
                    ..Retention::default()
                },
            }),
            max_age,
            guard: settings.guard,
            mapping: Arc::new(attributes.clone()),
        };
        let upstream = Upstream::new(settings.upstream, Now::read()).with_context(of_directory)?;
        let published = PublishedView::empty();
        let shield =
            Shield::new(name.clone(), settings.shield, published.clone(), (*sources).clone(), key);
        let kept = store.map(|store| store.by_identity(&name));
        let offline = match settings.offline {
            Some(config) => {
                let (published, places) = (published.clone(), (*slow_checks).clone());
                let wall = Now::read().wall;
                Some(Offline::open(name.clone(), config, published, kept, places, wall))
            }
            None => {
                kept.map_or(Ok(()), |kept| kept.clear())
                    .context("what was kept for logins without a controller cannot be deleted")?;
                None
            }
        };
        let keeping =
            store.map_or_else(Keeping::default, |store| Keeping::new(store.clone(), name.clone()));
        let kind = upstream.config().kind;
        let dialect = match store {
            Some(store) => LearnedDialect::kept(kind, store, &name).with_context(of_directory)?,
            None => LearnedDialect::new(kind),
        };
        let departures = Arc::new(Departures::new(name.clone()));
        let (driver, sync) = SyncDriver::new(
            upstream.clone(),
            published.clone(),
            config,
            consequences(&departures, applications, *trail),
            keeping,
            (*jobs).clone(),
        );
        Ok(Self {
            name,
            upstream,
            published,
            driver,
            shield,
            offline,
            dialect: Arc::new(dialect),
            sync,
            attributes,
            max_age,
            departures,
        })
    }

    /// Whom its applications were shown before.
    pub(super) fn departures(&self) -> Arc<Departures> {
        self.departures.clone()
    }

    pub(super) fn gate(&self) -> DirectoryGate {
        let sync = self.sync.clone();
        DirectoryGate {
            name: self.name.clone(),
            published: self.published.clone(),
            max_age: self.max_age,
            upstream: self.upstream.clone(),
            shield: self.shield.clone(),
            offline: self.offline.clone(),
            dialect: self.dialect.clone(),
            refresh: Box::new(move || sync.refused()),
        }
    }

    /// What the control socket sees of it; `gate` is its own.
    pub(super) fn controlled(&self, gate: Arc<DirectoryGate>) -> ControlledDirectory {
        ControlledDirectory { gate, sync: self.sync.clone(), attributes: self.attributes.clone() }
    }
}

fn timing(sync: &SyncSettings) -> anyhow::Result<Timing> {
    let alone = sync.schedule(Strategy::Full)?;
    let follows = sync.follow && sync.strategy != Some(Strategy::Full);
    // Any strategy that follows changes has the same schedule.
    let full = if follows { sync.schedule(Strategy::Usn)? } else { alone.clone() };
    let follow = follows.then_some(Follow { poll: sync.poll, reconcile: sync.reconcile });
    Ok(Timing { full, alone, follow, after_refusal: AFTER_REFUSAL })
}

/// What a change of the directory means for the applications, as they are configured when it comes.
fn consequences(
    departures: &Arc<Departures>,
    applications: &Arc<Configured>,
    trail: Option<&Arc<Trail>>,
) -> Consequences {
    let known = || (departures.directory().clone(), applications.clone());
    let (counting, naming) = (known(), known());
    let (noted, resumed) = ((departures.clone(), applications.clone()), departures.clone());
    let (holding, trail) = (departures.directory().clone(), trail.cloned());
    Consequences {
        impact: Arc::new(move |step: Step<'_>| {
            let (directory, applications) = &counting;
            let applications = applications.current();
            impact(applications.all(), directory, step.old, step.new, step.affected, step.wall)
        }),
        withdrawn: Arc::new(|step: Step<'_>| match step.old {
            Some(old) => withdrawn(old, step.new, step.affected, step.deleted),
            None => Withdrawn::default(),
        }),
        leaving: Arc::new(move |step: Step<'_>| {
            let (directory, applications) = &naming;
            let Some(old) = step.old else { return Vec::new() };
            let applications = applications.current();
            leaving(applications.all(), directory, old, step.new, step.affected, step.wall)
                .into_iter()
                .map(|(application, users)| Leaving {
                    application: application.to_string(),
                    users: users.into_iter().collect(),
                })
                .collect()
        }),
        noted: Arc::new(move |step: Step<'_>| {
            let (departures, applications) = &noted;
            let applications = applications.current();
            departures.note(applications.all(), step.old, step.new, step.affected, step.wall)
        }),
        resumed: Arc::new(move |view: &View, octets: &[u8]| resumed.resume(octets, view)),
        held: Arc::new(move |held: &Held| {
            if let Some(trail) = &trail {
                trail.leave(
                    Event::new("guard_held", Now::read().wall)
                        .field("directory", Value::Shared(holding.clone()))
                        .field("reasons", Value::text(held.reasons.join("; ")))
                        .field("job", Value::Number(held.job)),
                );
            }
        }),
    }
}
