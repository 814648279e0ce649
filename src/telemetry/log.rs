//! The log's level and format; the level can be changed while the program runs.
//!
//! Lines go to standard error. Passwords never reach a line: `ldap3_proto` prints raw binds at TRACE,
//! so its target stays off at every level, and release builds have no TRACE at all.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::{Registry, reload};

use super::line::{LineLog, Shape, Taker};
use super::queue::{AtOnce, Queue};

/// Longest wait at the end for a reader of the log that does not read.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// Targets that stay off because they print what must not be printed.
const SILENT: [&str; 1] = ["ldap3_proto"];

/// Targets of libraries whose debug lines help nobody here.
const QUIET: [&str; 4] = ["hyper", "hyper_util", "rustls", "tokio_rustls"];

/// How logs are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogConfig {
    /// What is written.
    pub level: LogLevel,
    /// In which form.
    pub format: LogFormat,
}

/// The least severe line that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Somebody must act now.
    Error,
    /// Somebody should look at it by day.
    Warn,
    /// What happened: logins, controller changes, sync runs.
    #[default]
    Info,
    /// Why it happened: for a search after a cause.
    Debug,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For reading.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Why logging cannot be set up or changed.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The process has a log already.
    #[error("logging is set up already")]
    AlreadySet,
    /// The thread that writes the log cannot be started.
    #[error("the thread that writes the log cannot be started: {0}")]
    Thread(#[from] io::Error),
    /// The level cannot be changed any more.
    #[error("the log level cannot be changed: {0}")]
    Reload(#[from] reload::Error),
}

/// A running log: changes its level, and takes lines made by hand.
#[derive(Clone, Debug)]
pub struct LogHandle {
    filter: reload::Handle<Targets, Registry>,
    lines: LineLog,
}

impl LogHandle {
    /// The level now.
    ///
    /// # Errors
    /// The log is gone.
    pub fn level(&self) -> Result<LogLevel, TelemetryError> {
        let filter = self.filter.with_current(Targets::default_level)?;
        Ok(filter.and_then(|filter| filter.into_level()).map_or(LogLevel::Error, LogLevel::from))
    }

    /// Sets the level from the next line on.
    ///
    /// # Errors
    /// The log is gone.
    pub fn set_level(&self, level: LogLevel) -> Result<(), TelemetryError> {
        Ok(self.filter.reload(filter(level))?)
    }

    /// The log for lines made by hand.
    #[must_use]
    pub const fn lines(&self) -> &LineLog {
        &self.lines
    }
}

/// Writes what still waits for standard error when it is dropped, for two seconds at most.
#[must_use]
pub struct LogEnd(Arc<Queue>);

impl Drop for LogEnd {
    fn drop(&mut self) {
        self.0.flush(LAST_WAIT);
    }
}

/// Starts the process's log on standard error. Colours only where a terminal shows them and
/// `NO_COLOR` is not set. What comes second is to be kept until the program's end.
///
/// # Errors
/// The process has a log already, or cannot have another thread.
pub fn init(config: LogConfig) -> Result<(LogHandle, LogEnd), TelemetryError> {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = io::stderr().is_terminal() && !no_color;
    let shape = Shape { format: config.format, colours };
    let queue = Queue::start(shape, Box::new(io::stderr()))?;
    let later = Arc::clone(&queue);
    let taker = Arc::new(move |line: &[u8]| later.leave(line));
    let (subscriber, handle) = assemble(config, AtOnce(Arc::clone(&queue)), colours, taker);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::AlreadySet)?;
    Ok((handle, LogEnd(queue)))
}

/// A log on any writer, for tests: all lines are written as they come.
pub fn subscriber<W>(
    config: LogConfig,
    writer: W,
    colours: bool,
) -> (impl Subscriber + Send + Sync, LogHandle)
where
    W: for<'a> MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    let own = writer.clone();
    let taker = Arc::new(move |line: &[u8]| {
        let _ = own.make_writer().write_all(line);
    });
    assemble(config, writer, colours, taker)
}

fn assemble<W>(
    config: LogConfig,
    writer: W,
    colours: bool,
    taker: Taker,
) -> (impl Subscriber + Send + Sync, LogHandle)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(filter(config.level));
    // Reporting its own write errors to a closed standard error would be a panic.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colours)
        .log_internal_errors(false);
    let lines = match config.format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let shape = Shape { format: config.format, colours };
    let handle = LogHandle { filter: handle, lines: LineLog::new(shape, taker) };
    (tracing_subscriber::registry().with(filter).with(lines), handle)
}

fn filter(level: LogLevel) -> Targets {
    let most = LevelFilter::from(level);
    Targets::new()
        .with_default(most)
        .with_targets(QUIET.map(|target| (target, most.min(LevelFilter::INFO))))
        .with_targets(SILENT.map(|target| (target, LevelFilter::OFF)))
}

impl LogLevel {
    /// All levels, the most severe first.
    pub const ALL: [Self; 4] = [Self::Error, Self::Warn, Self::Info, Self::Debug];

    /// The word for it in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not one of the words for a level.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("there is no log level {0:?}; write error, warn, info or debug")]
pub struct UnknownLevel(pub String);

impl FromStr for LogLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(text));
        known.ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

impl From<tracing::Level> for LogLevel {
    fn from(level: tracing::Level) -> Self {
        match level {
            tracing::Level::ERROR => Self::Error,
            tracing::Level::WARN => Self::Warn,
            tracing::Level::INFO => Self::Info,
            tracing::Level::DEBUG | tracing::Level::TRACE => Self::Debug,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lines;

    #[test]
    fn the_level_changes_while_it_runs_and_the_wire_library_stays_silent() {
        let lines = Lines::default();
        let (subscriber, handle) = subscriber(LogConfig::default(), lines.clone(), false);
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("hidden");
            tracing::info!(user = "a\u{1b}[31mb", "shown");
            tracing::error!(target: "ldap3_proto", "secret");
            tracing::error!(target: "ldap3_proto::proto", "secret");
            let text = lines.take();
            assert!(text.contains("shown") && !text.contains("hidden"), "{text}");
            assert!(!text.contains("secret") && !text.contains('\u{1b}'), "{text}");

            assert_eq!(handle.level().unwrap(), LogLevel::Info);
            handle.set_level(LogLevel::Debug).unwrap();
            assert_eq!(handle.level().unwrap(), LogLevel::Debug);
            tracing::debug!("now");
            tracing::debug!(target: "hyper::proto", "chatter");
            tracing::error!(target: "ldap3_proto", "secret");
            let text = lines.take();
            assert!(text.contains("now"), "{text}");
            assert!(!text.contains("chatter") && !text.contains("secret"), "{text}");
        });
    }

    #[test]
    fn json_is_one_flat_object_a_line() {
        let lines = Lines::default();
        let config = LogConfig { level: LogLevel::Info, format: LogFormat::Json };
        let (subscriber, _handle) = subscriber(config, lines.clone(), false);
        tracing::subscriber::with_default(subscriber, || tracing::warn!(code = 49, "refused"));
        let line: serde_json::Value = serde_json::from_str(lines.take().trim_end()).unwrap();
        assert_eq!((&line["level"], &line["code"]), (&"WARN".into(), &49.into()));
        assert_eq!(line["message"], "refused");
    }

    #[test]
    fn levels_have_one_word_each() {
        for level in LogLevel::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
        }
        assert!("trace".parse::<LogLevel>().unwrap_err().to_string().contains("debug"));
    }
}
