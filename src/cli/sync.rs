//! `[io]` `ldapgate sync`: has the running program sync now, waits, and prints what changed.

use crate::admin::document::{Changes, Pass, PassOutcome, SyncAnswer};

use super::arguments::SyncArguments;
use super::client::{ControlClient, query_value};
use super::exit::{CommandError, Done};
use super::{output, render};

/// Runs the command.
///
/// # Errors
/// Nothing runs, or there is no such directory.
pub async fn run(client: &ControlClient, arguments: &SyncArguments) -> Result<Done, CommandError> {
    let path = match &arguments.directory {
        None => "/v1/sync".to_owned(),
        Some(name) => format!("/v1/sync?directory={}", query_value(name)),
    };
    let answer = client.post_and_wait(&path).await?;
    let document: SyncAnswer = match answer.any_document() {
        Ok(document) => document,
        // No passes in it: a plain failure.
        Err(_) => answer.document()?,
    };
    let text = if arguments.json {
        render::json(&document)?
    } else {
        document.passes.iter().map(pass_text).collect()
    };
    output::print(&text)?;
    Ok(if answer.succeeded() { Done::Well } else { Done::WithProblems })
}

/// One pass in lines.
#[must_use]
pub fn pass_text(pass: &Pass) -> String {
    let at = pass.controller.as_deref().unwrap_or("no controller");
    let took = format!("{} ms", pass.duration_ms);
    match &pass.outcome {
        PassOutcome::Failed { .. } => format!(
            "{}: failed after {took}: {}\n  the copy in use stays as it was\n",
            pass.directory,
            render::printable(&pass.failure().unwrap_or_default())
        ),
        PassOutcome::Succeeded { generation, users, groups, unreadable, left_out, changes } => {
            let users = render::count(*users, "user", "users");
            let groups = render::count(*groups, "group", "groups");
            format!(
                "{}: synced from {at} in {took}: {users}, {groups} (generation {generation})\n{}{}",
                pass.directory,
                changes_text(changes),
                flaws_text(*unreadable, *left_out)
            )
        }
    }
}

fn changes_text(changes: &Changes) -> String {
    let counted = [
        ("users created", changes.users_created),
        ("users changed", changes.users_changed),
        ("users deactivated", changes.users_deactivated),
        ("users reactivated", changes.users_reactivated),
        ("users removed", changes.users_removed),
        ("groups created", changes.groups_created),
        ("groups changed", changes.groups_changed),
        ("groups removed", changes.groups_removed),
        ("memberships added", changes.memberships_added),
        ("memberships removed", changes.memberships_removed),
    ];
    let mut table = render::Table::default();
    for (what, count) in counted.into_iter().filter(|(_, count)| *count > 0) {
        table.row([what.to_owned(), count.to_string()]);
    }
    let text = table.render(2);
    if text.is_empty() { "  nothing changed\n".to_owned() } else { text }
}

fn flaws_text(unreadable: usize, left_out: usize) -> String {
    let mut text = String::new();
    if unreadable > 0 {
        let users = render::count(unreadable, "user is", "users are");
        text.push_str(&format!("  {users} refused: the account state cannot be read\n"));
    }
    if left_out > 0 {
        let entries = render::count(left_out, "entry was", "entries were");
        text.push_str(&format!("  {entries} left out; the log names them, and so does check\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(outcome: PassOutcome) -> Pass {
        Pass {
            directory: "corp".to_owned(),
            trigger: "demand".to_owned(),
            started_unix: 0,
            duration_ms: 42,
            controller: Some("dc1".to_owned()),
            outcome,
        }
    }

    #[test]
    fn only_what_changed_is_listed() {
        let changes = Changes { users_deactivated: 2, users_changed: 3, ..Changes::default() };
        let succeeded = |changes| {
            let (generation, users, groups, unreadable, left_out) = (7, 1, 2, 1, 0);
            let outcome =
                PassOutcome::Succeeded { generation, users, groups, unreadable, left_out, changes };
            pass_text(&pass(outcome))
        };
        assert_eq!(
            succeeded(changes),
            "corp: synced from dc1 in 42 ms: 1 user, 2 groups (generation 7)\n  \
             users changed      3\n  users deactivated  2\n  \
             1 user is refused: the account state cannot be read\n"
        );
        assert!(succeeded(Changes::default()).contains("\n  nothing changed\n"));
    }

    #[test]
    fn a_failure_says_that_nothing_is_lost() {
        let step = Some("TLS".to_owned());
        let text = pass_text(&pass(PassOutcome::Failed { step, reason: "expired".to_owned() }));
        assert!(text.contains("dc1: TLS: expired") && text.contains("stays as it was"), "{text}");
    }
}
