//! The file as it is written, made into each part's own configuration: pure, given what files contain.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::error::{ConfigErrors, Fault, Findings, Warning};
use super::fingerprint::Fingerprint;
use super::raw::{RawConfig, RawLog};
use super::{application, audit, directory, listener, shield, value};
use crate::directory::{AttributeMapping, IndexPlan};
use crate::policy::application::Application;
use crate::policy::offline::OfflineConfig;
use crate::server::ListenerConfig;
use crate::shield::{ShieldConfig, SourceLimits};
use crate::sync::{CronSchedule, GuardConfig, ScheduleError, Strategy};
use crate::telemetry::{LogConfig, LogFormat, LogLevel};
use crate::trail::TrailConfig;
use crate::upstream::UpstreamConfig;

/// Time for what is in flight when the program ends.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);

/// Longest path of a Unix socket on Linux (`sun_path` without its NUL).
const MAX_SOCKET_PATH: usize = 107;

/// When everything is read anew where changes are followed besides.
const NIGHTLY: &str = "30 2 * * *";

/// When everything is read where that is the only way to see a change.
const OFTEN: &str = "*/5 * * * *";

/// The word that switches the control socket or the store off.
const OFF: &str = "off";

/// Everything that the program is told, checked as a whole.
pub struct Config {
    /// `[[directory]]`: at least one.
    pub directories: Vec<DirectorySettings>,
    /// `[[application]]`: at least one; no two are chosen for the same listener and client.
    pub applications: Vec<Arc<Application>>,
    /// `[[listener]]`: at least one.
    pub listeners: Vec<ListenerConfig>,
    /// `[log]`
    pub log: LogConfig,
    /// What the audit lines hold.
    pub audit: AuditSettings,
    /// `[audit]`: the audit trail; `None` where there is to be none.
    pub trail: Option<TrailConfig>,
    /// SHA-256 of the text of the file, as hexadecimal digits: tells whether two configurations were the same. What
    /// the environment changes is not in it.
    pub digest: String,
    /// What it says, key by key.
    pub fingerprint: Fingerprint,
    /// The file it was read from, which may be read again; `None` where it came from nowhere else.
    pub file: Option<PathBuf>,
    /// How many wrong passwords may come from one place.
    pub sources: SourceLimits,
    /// The control socket; `None` when it is switched off.
    pub control: Option<PathBuf>,
    /// What outlives a restart; `None` when nothing is to.
    pub store: Option<PathBuf>,
    /// Longest time that what is in flight gets at the end.
    pub shutdown_grace: Duration,
    warnings: Vec<Warning>,
}

/// One `[[directory]]`.
pub struct DirectorySettings {
    /// Its name in the configuration, the logs and the metrics.
    pub name: Arc<str>,
    /// Its controllers and how they are used.
    pub upstream: UpstreamConfig,
    /// How it is copied.
    pub sync: SyncSettings,
    /// Which changes wait for an operator.
    pub guard: GuardConfig,
    /// How its accounts are kept from being locked.
    pub shield: ShieldConfig,
    /// Who may log in while no controller can be asked; `None`: nobody.
    pub offline: Option<OfflineConfig>,
    /// Which attribute says what about a person.
    pub attributes: AttributeMapping,
    /// Which attributes of the copy have which index.
    pub indices: IndexPlan,
}

/// How one directory is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncSettings {
    /// How changes are looked for; `None`: in the best way that the controllers offer and the account may use.
    pub strategy: Option<Strategy>,
    /// Whether changes are looked for all the time.
    pub follow: bool,
    /// Time between two looks for changes where nothing announces them.
    pub poll: Duration,
    /// Whether the directory is to announce changes.
    pub notify: bool,
    /// When everything is read anew: five fields, minute first. `None`: see [`SyncSettings::schedule`].
    pub cron: Option<String>,
    /// IANA name of the time zone of `cron`.
    pub time_zone: String,
    /// Time between two comparisons of the identities: rights can hide a deletion.
    pub reconcile: Duration,
    /// The copy is too old when it has not been confirmed for so long.
    pub max_age: Duration,
    /// Entries of one page.
    pub page_size: u32,
    /// What is copied, where that is less than the naming context.
    pub base: Option<String>,
    /// How long removed entries are shown to applications that ask for them.
    pub remember_removed: Duration,
}

impl SyncSettings {
    /// When everything is read anew: as configured, or else once a night with a strategy that follows
    /// changes, and every five minutes where reading everything is the only way to see any.
    ///
    /// # Errors
    /// None with settings that were resolved; the schedule was checked.
    pub fn schedule(&self, strategy: Strategy) -> Result<CronSchedule, ScheduleError> {
        let follows = self.follow && strategy != Strategy::Full;
        let default = if follows { NIGHTLY } else { OFTEN };
        CronSchedule::parse(self.cron.as_deref().unwrap_or(default), &self.time_zone)
    }
}

/// What the audit lines hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditSettings {
    /// Names that resolve to nobody are written as a keyed hash, since people type passwords there.
    pub hash_unknown_names: bool,
}

impl Config {
    /// What is allowed but not what most want. To be logged at start.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

/// What a configuration depends on besides its text.
pub struct Surroundings<'a> {
    /// The directory that relative paths start from.
    pub directory: &'a Path,
    /// Whether only its owner may read the text; without that, it may hold no secrets.
    pub private: bool,
    /// The control socket where none is configured.
    pub control: PathBuf,
    /// The store where none is configured.
    pub store: PathBuf,
    /// The files that it names.
    pub files: &'a dyn Files,
}

/// Reads the files that a configuration names.
pub trait Files {
    /// A file that only its owner may read.
    ///
    /// # Errors
    /// Why it cannot be used, for a person.
    fn private(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String>;

    /// A file that anybody may read.
    ///
    /// # Errors
    /// Why it cannot be used, for a person.
    fn public(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String>;
}

impl Surroundings<'_> {
    /// A path of the file as a path of the process.
    pub(super) fn path(&self, text: &str) -> Result<PathBuf, Fault> {
        if text.is_empty() {
            return Err(Fault::new("is empty", "write the path of a file"));
        }
        Ok(self.directory.join(text))
    }

    pub(super) fn private(&self, text: &str) -> Result<Zeroizing<Vec<u8>>, Fault> {
        self.files.private(&self.path(text)?).map_err(|reason| unusable(text, reason))
    }

    pub(super) fn public(&self, text: &str) -> Result<Zeroizing<Vec<u8>>, Fault> {
        self.files.public(&self.path(text)?).map_err(|reason| unusable(text, reason))
    }
}

/// Most files that are not found were looked for from another directory.
fn unusable(text: &str, reason: String) -> Fault {
    let is_missing = reason.contains(" cannot be read: ");
    let instead = match (is_missing, Path::new(text).is_relative()) {
        (true, true) => "put it there; relative paths start from the configuration's directory",
        (true, false) => "put it there, or correct the path",
        (false, _) => "",
    };
    Fault::new(reason, instead)
}

/// Makes sense of the whole, or says everything that stands against it.
pub(super) fn resolve(
    raw: Option<RawConfig>,
    surroundings: &Surroundings<'_>,
    mut findings: Findings,
) -> Result<Config, ConfigErrors> {
    findings.begin_meaning();
    let config = raw.map(|raw| sections(raw, surroundings, &mut findings));
    match config {
        Some(config) if findings.problems.is_empty() => {
            Ok(Config { warnings: findings.warnings, ..config })
        }
        Some(_) | None => Err(ConfigErrors { file: None, problems: findings.problems }),
    }
}

fn sections(raw: RawConfig, surroundings: &Surroundings<'_>, findings: &mut Findings) -> Config {
    let control = control(raw.control.as_deref(), surroundings, findings);
    let store = store(raw.store.as_deref(), surroundings, findings);
    let shutdown_grace = value::bounded_duration(
        findings,
        "shutdown_grace",
        raw.shutdown_grace.as_deref(),
        SHUTDOWN_GRACE,
        (Duration::ZERO, Duration::from_secs(600)),
    );
    let (log, audit) = logging(&raw.log, findings);
    let trail = audit::resolve(&raw.audit, surroundings, findings);
    let sources = shield::sources(&raw.shield, findings);
    require(findings, "directory", raw.directory.is_empty());
    require(findings, "application", raw.application.is_empty());
    require(findings, "listener", raw.listener.is_empty());

    let directories = directory::resolve(raw.directory, surroundings, findings);
    let listeners = listener::resolve(raw.listener, surroundings, findings);
    let known = application::Known { directories: &directories, listeners: &listeners };
    let applications = application::resolve(&raw.application, &known, findings);
    Config {
        directories,
        applications,
        listeners,
        log,
        audit,
        trail,
        digest: String::new(),
        fingerprint: Fingerprint::default(),
        file: None,
        sources,
        control,
        store,
        shutdown_grace,
        warnings: Vec::new(),
    }
}

fn require(findings: &mut Findings, section: &str, is_empty: bool) {
    if is_empty {
        findings.problem(
            section,
            "there is none",
            format!("write at least one [[{section}]] section, as in config/minimal.toml"),
        );
    }
}

/// The control socket of a configuration whose other parts need not be right.
pub(super) fn control(
    text: Option<&str>,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Option<PathBuf> {
    let path = match text {
        None => surroundings.control.clone(),
        Some(OFF) => return None,
        Some(text) => findings.take("control", surroundings.path(text))?,
    };
    if path.as_os_str().len() > MAX_SOCKET_PATH {
        findings.problem(
            "control",
            format!("{} is longer than {MAX_SOCKET_PATH} octets", path.display()),
            "choose a shorter path; the system allows no longer one for a socket",
        );
    }
    Some(path)
}

fn store(
    text: Option<&str>,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Option<PathBuf> {
    match text {
        None => Some(surroundings.store.clone()),
        Some(OFF) => None,
        Some(text) => findings.take("store", surroundings.path(text)),
    }
}

fn logging(raw: &RawLog, findings: &mut Findings) -> (LogConfig, AuditSettings) {
    let levels = LogLevel::ALL.map(|level| (level.as_str(), level));
    let formats = [("human", LogFormat::Human), ("json", LogFormat::Json)];
    let default = LogConfig::default();
    let log = LogConfig {
        level: value::word(findings, "log.level", raw.level.as_deref(), &levels, default.level),
        format: value::word(
            findings,
            "log.format",
            raw.format.as_deref(),
            &formats,
            default.format,
        ),
    };
    let hash_unknown_names = raw.hash_unknown_names.unwrap_or_default();
    (log, AuditSettings { hash_unknown_names })
}
