//! `[io]` `ldapgate run`: serves until told to stop.

use std::future::Future;
use std::io;
use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::App;
use crate::config::{self, Config};
use crate::telemetry;

use super::exit::{self, CommandError, Done};

/// Runs the command with the configuration at `path`.
///
/// # Errors
/// The configuration is wrong, or what it names cannot be had.
pub async fn run(path: &Path) -> Result<Done, CommandError> {
    let config = config::load(path).map_err(|errors| CommandError::Usage(errors.to_string()))?;
    let stop = stop_signal().map_err(|error| {
        CommandError::Failed(format!("cannot listen for the signals that end it: {error}"))
    })?;
    serve(config, stop).await?;
    Ok(Done::Well)
}

/// Starts the log and the program, and runs it until `stop`.
///
/// # Errors
/// Something of what the configuration names cannot be had.
pub async fn serve(config: Config, stop: impl Future<Output = ()>) -> Result<(), CommandError> {
    let failed = |error: anyhow::Error| CommandError::Failed(format!("{error:#}"));
    let (log, _log_end) = telemetry::init(config.log)
        .map_err(|error| CommandError::Failed(format!("cannot start the log: {error}")))?;
    for warning in config.warnings() {
        tracing::warn!(key = %warning.key, "{}", warning.text);
    }
    let app = App::bind(config, log).await.map_err(failed)?;
    app.run(stop).await.map_err(failed)
}

/// Ends with the first SIGTERM or SIGINT. A second one, or one that comes while everything is being
/// finished, ends the process at once.
///
/// # Errors
/// The signals cannot be listened for.
pub fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let name = either(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name, "stopping; a second signal ends it at once");
        tokio::spawn(async move {
            let name = either(&mut terminate, &mut interrupt).await;
            tracing::warn!(signal = name, "ended at once");
            std::process::exit(exit::FAILED.into());
        });
    })
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
