//! `[io]` `ldapgate unshield`: gives an account its failure budget back.

use crate::admin::budgets::Unshielded;

use super::arguments::UnshieldArguments;
use super::client::{ControlClient, query_value};
use super::exit::{CommandError, Done};
use super::{output, render};

/// Runs the command.
///
/// # Errors
/// Nothing runs, there is no such user, or there are several.
pub async fn run(
    client: &ControlClient,
    arguments: &UnshieldArguments,
) -> Result<Done, CommandError> {
    let mut path = format!("/v1/unshield?name={}", query_value(&arguments.name));
    if let Some(directory) = &arguments.directory {
        path.push_str(&format!("&directory={}", query_value(directory)));
    }
    let done: Unshielded = client.post_and_wait(&path).await?.document()?;
    output::print(&if arguments.json { render::json(&done)? } else { page(&done) })?;
    Ok(Done::Well)
}

fn page(done: &Unshielded) -> String {
    let lines = done.accounts.iter().map(|account| {
        let count = usize::try_from(account.forgotten).unwrap_or(usize::MAX);
        let failures = match count {
            0 => "had no failures".to_owned(),
            count => format!("{} forgotten", render::count(count, "failure", "failures")),
        };
        format!("{}: {}: {failures}\n", account.directory, render::printable(&account.dn))
    });
    lines.collect()
}
