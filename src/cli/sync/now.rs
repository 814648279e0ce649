//! `[io]` Asks for a pass, shows how far it is while waiting, and prints what came of it.

use std::time::Duration;

use crate::admin::document::{Progress, SyncAnswer};
use crate::cli::arguments::SyncArguments;
use crate::cli::client::{Answer, ControlClient, query_value};
use crate::cli::exit::{CommandError, Done};
use crate::cli::{output, render};

use super::text;

/// Between two looks at how far the passes are.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs the command.
///
/// # Errors
/// Nothing runs, or there is no such directory.
pub async fn run(client: &ControlClient, arguments: &SyncArguments) -> Result<Done, CommandError> {
    let answer = ask(client, &path(arguments)).await?;
    let document: SyncAnswer = match answer.any_document() {
        Ok(document) => document,
        // No passes in it: a plain failure.
        Err(_) => answer.document()?,
    };
    let text = if arguments.json { render::json(&document)? } else { text::answer(&document) };
    output::print(&text)?;
    Ok(if answer.succeeded() { Done::Well } else { Done::WithProblems })
}

/// Waits for the answer; meanwhile the entries read so far stand on standard error, if that is a terminal.
async fn ask(client: &ControlClient, path: &str) -> Result<Answer, CommandError> {
    let shown = output::Progress::new();
    let answer = client.post_and_wait(path);
    tokio::pin!(answer);
    loop {
        let answer = tokio::time::timeout(LOOK_EVERY, &mut answer).await;
        if let Ok(answer) = answer {
            shown.clear();
            return answer;
        }
        if let Ok(progress) = client.get("/v1/sync/progress").await
            && let Ok(progress) = progress.document::<Vec<Progress>>()
        {
            shown.say(&text::progress(&progress));
        }
    }
}

fn path(arguments: &SyncArguments) -> String {
    let SyncArguments { directory, full, dry_run, user, .. } = arguments;
    let mut parts = Vec::new();
    if let Some(name) = directory {
        parts.push(format!("directory={}", query_value(name)));
    }
    if *full {
        parts.push("full=true".to_owned());
    }
    if *dry_run {
        parts.push("dry_run=true".to_owned());
    }
    if let Some(name) = user {
        parts.push(format!("user={}", query_value(name)));
    }
    if parts.is_empty() { "/v1/sync".to_owned() } else { format!("/v1/sync?{}", parts.join("&")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::arguments::{Arguments, Command};

    #[test]
    fn what_is_typed_is_what_is_asked() {
        for (typed, asked) in [
            ("", "/v1/sync"),
            ("--directory corp", "/v1/sync?directory=corp"),
            ("--full", "/v1/sync?full=true"),
            (
                "--dry-run --full --directory a.b --user CORP\\alice",
                "/v1/sync?directory=a.b&full=true&dry_run=true&user=CORP%5Calice",
            ),
        ] {
            let words = ["ldapgate", "sync"].into_iter().chain(typed.split_whitespace());
            let Command::Sync(sync) = Arguments::parse_from(words).command else { panic!() };
            assert_eq!(path(&sync.now), asked, "{typed}");
        }
    }
}
