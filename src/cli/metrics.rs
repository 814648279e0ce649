//! `[io]` `ldapgate metrics`: prints the metrics of the running program.

use super::client::ControlClient;
use super::exit::{CommandError, Done};
use super::output;

/// Runs the command.
///
/// # Errors
/// Nothing runs.
pub async fn run(client: &ControlClient) -> Result<Done, CommandError> {
    output::print(client.get("/v1/metrics").await?.text()?)?;
    Ok(Done::Well)
}
