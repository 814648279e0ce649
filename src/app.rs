//! `[io]` The one place where the parts meet: configuration → bind → run → drain. Everything that can fail at
//! start fails in [`App::bind`], with the key or the address that is to blame. What
//! of the configuration changes later comes in through `app/reload`.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::admin::reload_document::ReloadQuestion;
use crate::admin::{self, ControlSocket, ControlState, ListenerFacts, Reload};
use crate::config::Config;
use crate::policy::Applications;
use crate::policy::local_account::VerifiedSecrets;
use crate::policy::name_memo::NameMemo;
use crate::policy::visibility::VisibilityCache;
use crate::server::tls::{ServerCertificate, server_config};
use crate::server::{BoundListener, Drain, ListenerConfig, ListenerSecurity};
use crate::session::audit::NameHash;
use crate::session::configured::Configured;
use crate::session::gate::Gate;
use crate::session::kill_switch::KillSwitch;
use crate::session::offline;
use crate::session::registry::Registry;
use crate::session::waking;
use crate::shield::Sources;
use crate::store::{MOST_JOBS, SetAside, Store};
use crate::sync::{Job, JobHistory, SharedJobs};
use crate::telemetry::LogHandle;
use crate::time::Now;
use crate::trail::event::Value;
use crate::trail::{Event, Trail};

mod directory;
mod reload;

use directory::Directory;
use reload::{Beginning, Certificates, Reloader};

/// How many slow secrets are checked at a time: each takes a core and some 20 MiB for a while.
const SLOW_CHECKS: usize = 2;

/// The program, with every address taken and nothing running yet.
pub struct App {
    directories: Vec<Directory>,
    listeners: Vec<BoundListener>,
    gate: Arc<Gate>,
    reloader: Arc<Reloader>,
    /// SIGHUP, where there is a file to read again.
    hangups: Option<Signal>,
    /// Wakes all sessions when it moves.
    epoch: watch::Sender<u64>,
    sources: Arc<Sources>,
    control: Option<ControlSocket>,
    log: LogHandle,
    drain: Drain,
    grace: Duration,
    started: SystemTime,
}

impl App {
    /// Takes every address and reads every certificate.
    ///
    /// # Errors
    /// What is in the way: an address that is taken, a certificate that cannot be used, a control socket that
    /// another instance serves.
    pub async fn bind(config: Config, log: LogHandle) -> anyhow::Result<Self> {
        let started = Now::read().wall;
        let beginning = Beginning::of(&config);
        // Before anything listens: from then on the signal does not end the program.
        let hangups = config.file.is_some().then(|| signal(SignalKind::hangup())).transpose();
        let hangups = hangups.context("cannot listen for SIGHUP")?;
        let control = config.control.as_deref().map(ControlSocket::bind).transpose()?;
        let (registry, epoch): (Arc<Registry>, _) = (Arc::default(), watch::Sender::new(0));
        let applications = Applications::new(config.applications);
        let applications = Arc::new(Configured::new(applications, registry.clone(), epoch.clone()));
        let (mut listeners, mut certificates) = (Vec::new(), Vec::new());
        for listener in config.listeners {
            listeners.push(bind_listener(listener, &mut certificates).await?);
        }
        let store = config.store.as_deref().map(open_store).transpose()?;
        let trail = config.trail.map(|trail| Trail::open(trail, Now::read())).transpose();
        let trail = trail.context("audit.file")?.map(Arc::new);
        if let Some(trail) = &trail {
            begin(trail, &config.digest);
        }
        let names: Vec<&str> = config.directories.iter().map(|one| &*one.name).collect();
        let jobs = kept_jobs(store.as_ref(), &names);
        let sources = Arc::new(Sources::new(config.sources));
        let slow_checks = Arc::new(Semaphore::new(SLOW_CHECKS));
        let around = directory::Around {
            applications: &applications,
            store: store.as_ref(),
            jobs: &jobs,
            sources: &sources,
            trail: trail.as_ref(),
            slow_checks: &slow_checks,
        };
        let of = |settings| Directory::new(settings, &around, &random_key()?);
        let directories: Vec<Directory> =
            config.directories.into_iter().map(of).collect::<anyhow::Result<_>>()?;
        let kill_switch =
            KillSwitch::open(store.clone(), registry.clone(), epoch.clone(), started)?;
        let gate = Gate {
            directories: directories.iter().map(|one| Arc::new(one.gate())).collect(),
            names: NameMemo::default(),
            applications,
            visibility: VisibilityCache::with(
                directories.iter().map(Directory::departures).collect(),
            ),
            registry,
            kill_switch: Arc::new(kill_switch),
            revocations: Arc::default(),
            pins: Arc::default(),
            secrets: VerifiedSecrets::new(random_key()?),
            slow_checks,
            heavy_searches: Arc::new(Semaphore::new(heavy_searches())),
            log: log.lines().clone(),
            trail,
            unknown_names: if config.audit.hash_unknown_names {
                NameHash::keyed(random_key()?)
            } else {
                NameHash::off()
            },
            host: host_name(),
        };
        let gate = Arc::new(gate);
        let reloader = Arc::new(Reloader::new(beginning, certificates, gate.clone(), started));
        Ok(Self {
            directories,
            listeners,
            gate,
            reloader,
            hangups,
            epoch,
            sources,
            control,
            log,
            drain: Drain::default(),
            grace: config.shutdown_grace,
            started,
        })
    }

    /// The addresses that were taken, by listener.
    ///
    /// # Errors
    /// A socket is gone.
    pub fn addresses(&self) -> anyhow::Result<Vec<(Arc<str>, SocketAddr)>> {
        self.listeners
            .iter()
            .map(|listener| Ok((listener.config().name.clone(), listener.address()?)))
            .collect()
    }

    /// Serves until `shutdown` is done, then finishes what is under way.
    ///
    /// # Errors
    /// A part that must not end has ended.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let mut parts: JoinSet<&'static str> = JoinSet::new();
        let control = ControlTask::start(self.control()?);
        if let Some(hangups) = self.hangups.take() {
            parts.spawn(reload_on(hangups, self.reloader.clone()));
        }
        for directory in self.directories {
            let name = directory.name.clone();
            tracing::info!(directory = &*name, "following");
            let upstream = directory.upstream.clone();
            parts.spawn(async move {
                upstream.maintain().await;
                "the probes of a directory"
            });
            let following = waking::follow(
                directory.published.moves(),
                self.gate.registry.clone(),
                self.epoch.clone(),
                waking::ROUND,
            );
            parts.spawn(async move {
                following.await;
                "the views of a directory"
            });
            let (shield, upstream) = (directory.shield.clone(), directory.upstream.clone());
            parts.spawn(async move {
                shield.maintain(&upstream).await;
                "the shield of a directory"
            });
            if let Some(offline) = directory.offline {
                let following = offline::follow(self.gate.clone(), offline);
                parts.spawn(async move {
                    following.await;
                    "the logins without a controller"
                });
            }
            let stop = self.drain.watch();
            let driver = directory.driver;
            parts.spawn(async move {
                driver.run(stop).await;
                "the sync of a directory"
            });
        }
        for listener in self.listeners {
            tracing::info!(
                listener = &*listener.config().name,
                address = %listener.address()?,
                security = security(listener.config()),
                "listening"
            );
            let (gate, epoch, drain) =
                (self.gate.clone(), self.epoch.subscribe(), self.drain.clone());
            parts.spawn(async move {
                listener.run(gate, epoch, drain).await;
                "a listener"
            });
        }
        let ended = tokio::select! {
            () = shutdown => None,
            ended = parts.join_next() => ended,
        };
        tracing::info!("shutting down");
        self.drain.stop(self.grace).await;
        parts.abort_all();
        control.stop().await;
        if let Some(trail) = &self.gate.trail {
            let by_itself =
                Value::Word(if ended.is_none() { "asked to" } else { "a part has failed" });
            trail.leave(Event::new("stop", Now::read().wall).field("why", by_itself));
            trail.stop();
        }
        match ended {
            None => {
                tracing::info!("stopped");
                Ok(())
            }
            Some(Ok(part)) => Err(anyhow!("{part} has ended by itself")),
            Some(Err(error)) => Err(anyhow!("a part has failed: {error}")),
        }
    }

    /// The control socket with all it may look at.
    fn control(&mut self) -> anyhow::Result<Option<(ControlSocket, ControlState)>> {
        let Some(socket) = self.control.take() else { return Ok(None) };
        let listeners: anyhow::Result<Vec<_>> = self.listeners.iter().map(facts).collect();
        let directories = self.directories.iter().zip(&self.gate.directories);
        let state = ControlState {
            directories: directories.map(|(one, gate)| one.controlled(gate.clone())).collect(),
            open_sessions: self.drain.open_sessions(),
            listeners: listeners?,
            started: self.started,
            draining: self.drain.watch(),
            log: self.log.clone(),
            gate: self.gate.clone(),
            reload: self.reloader.clone(),
            sources: self.sources.clone(),
        };
        Ok(Some((socket, state)))
    }
}

/// The control socket while it is served. It outlives the drain, so that an operator can see who is being
/// waited for; its end is waited for, so that its name is gone with the process.
struct ControlTask {
    ending: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

impl ControlTask {
    fn start(control: Option<(ControlSocket, ControlState)>) -> Self {
        let ending = CancellationToken::new();
        let serving = control.map(|(socket, state)| {
            let ending = ending.clone().cancelled_owned();
            tokio::spawn(admin::serve(socket, Arc::new(state), ending))
        });
        Self { ending, serving }
    }

    async fn stop(self) {
        self.ending.cancel();
        if let Some(Err(error)) = futures_util::future::OptionFuture::from(self.serving).await {
            tracing::warn!(%error, "the control socket has failed");
        }
    }
}

/// Reads the configuration again with every signal. Nobody is there to accept anything.
async fn reload_on(mut hangups: Signal, reloader: Arc<Reloader>) -> &'static str {
    while hangups.recv().await.is_some() {
        let reloader = reloader.clone();
        let reloading = tokio::task::spawn_blocking(move || {
            reloader.reload(ReloadQuestion::default(), "SIGHUP");
        });
        if let Err(error) = reloading.await {
            tracing::error!(%error, "the configuration could not be read again");
        }
    }
    "the reading of signals"
}

/// The first lines of a run.
fn begin(trail: &Trail, configuration: &str) {
    let wall = Now::read().wall;
    trail.leave(
        Event::new("start", wall)
            .field("version", Value::Word(env!("CARGO_PKG_VERSION")))
            .field("pid", Value::Number(std::process::id().into())),
    );
    trail.leave(
        Event::new("configuration_loaded", wall).field("sha256", Value::text(configuration)),
    );
}

/// Opens what outlives a restart. Something is set aside rather than trusted where it is not what it should be.
fn open_store(path: &Path) -> anyhow::Result<Store> {
    let opened = Store::open(path).context("store")?;
    if let Some(SetAside { path: aside, reason }) = opened.set_aside {
        tracing::error!(
            store = %path.display(),
            set_aside = %aside.display(),
            reason,
            "the store could not be used and was set aside: everything is read anew"
        );
        tracing::error!("blocks of earlier runs are lost with the store: set them again");
    }
    Ok(opened.store)
}

/// The history of earlier runs. What is kept of directories that are no longer configured goes.
fn kept_jobs(store: Option<&Store>, directories: &[&str]) -> SharedJobs {
    let Some(store) = store else { return SharedJobs::default() };
    if let Err(error) = store.forget_others(directories) {
        tracing::warn!(%error, "what is kept of directories that are gone stays");
    }
    let kept = store.jobs(MOST_JOBS).unwrap_or_else(|error| {
        tracing::warn!(%error, "the history of earlier passes cannot be read");
        Vec::new()
    });
    let jobs = kept.iter().filter_map(|octets| serde_json::from_slice::<Job>(octets).ok());
    Arc::new(Mutex::new(JobHistory::restored(jobs)))
}

async fn bind_listener(
    config: ListenerConfig,
    certificates: &mut Certificates,
) -> anyhow::Result<BoundListener> {
    let name = config.name.clone();
    let tls = match &config.certificate {
        Some(files) => {
            let certificate = ServerCertificate::load(files.clone())
                .with_context(|| format!("listener {name:?}"))?;
            certificates.push((name.clone(), certificate.clone()));
            Some(server_config(certificate).with_context(|| format!("listener {name:?}"))?)
        }
        None => None,
    };
    let address = config.address;
    BoundListener::bind(config, tls)
        .await
        .with_context(|| format!("listener {name:?} cannot listen on {address}"))
}

fn facts(listener: &BoundListener) -> anyhow::Result<ListenerFacts> {
    Ok(ListenerFacts {
        name: listener.config().name.clone(),
        address: listener.address()?.to_string(),
        security: security(listener.config()).to_owned(),
    })
}

const fn security(config: &ListenerConfig) -> &'static str {
    match (config.security, config.certificate.is_some()) {
        (ListenerSecurity::Tls, _) => "ldaps",
        (ListenerSecurity::Plain, true) => "ldap with StartTLS",
        (ListenerSecurity::Plain, false) => "ldap in clear",
    }
}

fn random_key() -> anyhow::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow!("no random numbers: {error}"))?;
    Ok(key)
}

/// How many searches that take long are matched at a time: half the cores stay with everybody else.
fn heavy_searches() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

/// The name of this machine, for the root DSE.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}
