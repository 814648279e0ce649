//! `[io]` `ldapgate log-level`: shows or sets what the running program logs.

use crate::admin::document::Level;

use super::arguments::LogLevelArguments;
use super::client::ControlClient;
use super::exit::{CommandError, Done};
use super::output;

const PATH: &str = "/v1/log-level";

/// Runs the command.
///
/// # Errors
/// Nothing runs, or it does not know the level.
pub async fn run(
    client: &ControlClient,
    arguments: &LogLevelArguments,
) -> Result<Done, CommandError> {
    let answer = match &arguments.level {
        None => client.get(PATH).await?,
        Some(level) => client.put(PATH, &Level { level: level.clone() }).await?,
    };
    let level: Level = answer.document()?;
    output::print(&format!("{}\n", level.level))?;
    Ok(Done::Well)
}
