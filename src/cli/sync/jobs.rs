//! `[io]` `sync jobs`, `sync accept` and `sync reject`.

use crate::admin::document::{Decided, Jobs};
use crate::cli::arguments::{DecisionArguments, JobsArguments};
use crate::cli::client::{ControlClient, query_value};
use crate::cli::exit::{CommandError, Done};
use crate::cli::output;
use crate::cli::render::{self, Table};
use crate::sync::{Job, JobChanges};
use crate::time::unix_seconds;

/// Lists the newest jobs.
///
/// # Errors
/// Nothing runs, or there is no such directory.
pub async fn list(client: &ControlClient, arguments: &JobsArguments) -> Result<Done, CommandError> {
    let mut path = format!("/v1/sync/jobs?newest={}", arguments.newest);
    if let Some(name) = &arguments.directory {
        path.push_str(&format!("&directory={}", query_value(name)));
    }
    let jobs: Jobs = client.get(&path).await?.document()?;
    let text = if arguments.json { render::json(&jobs)? } else { page(&jobs) };
    output::print(&text)?;
    Ok(Done::Well)
}

/// Accepts or rejects what is held.
///
/// # Errors
/// Nothing runs, nothing is held, or several directories hold something and none is named.
pub async fn decide(
    client: &ControlClient,
    decision: &str,
    arguments: &DecisionArguments,
) -> Result<Done, CommandError> {
    let mut path = format!("/v1/sync/{decision}");
    if let Some(name) = &arguments.directory {
        path.push_str(&format!("?directory={}", query_value(name)));
    }
    let decided: Decided = client.post_and_wait(&path).await?.document()?;
    let text = if arguments.json {
        render::json(&decided)?
    } else {
        format!("{}: {}\n", decided.directory, render::printable(&decided.done))
    };
    output::print(&text)?;
    Ok(Done::Well)
}

/// The page for people.
#[must_use]
pub fn page(jobs: &Jobs) -> String {
    if jobs.jobs.is_empty() && jobs.idle.is_empty() {
        return "no jobs yet\n".to_owned();
    }
    let mut table = Table::default();
    let head = ["job", "started", "took", "directory", "trigger", "read", "controller", "outcome"];
    table.row(head);
    for job in &jobs.jobs {
        table.row(cells(job));
    }
    let mut out = if jobs.jobs.is_empty() { String::new() } else { table.render(0) };
    for idle in &jobs.idle {
        let passes = usize::try_from(idle.passes).unwrap_or(usize::MAX);
        out.push_str(&format!(
            "{}: {} found nothing new, the last one at {}\n",
            idle.directory,
            render::count(passes, "pass", "passes"),
            render::moment(idle.last_unix),
        ));
    }
    out
}

fn cells(job: &Job) -> [String; 8] {
    let took = job.finished.duration_since(job.started).unwrap_or_default();
    let took = match took.as_secs() {
        0..10 => format!("{} ms", took.as_millis()),
        seconds => render::duration(seconds),
    };
    [
        job.id.to_string(),
        render::moment(unix_seconds(job.started)),
        took,
        job.directory.to_string(),
        job.trigger.name().to_owned(),
        format!("{} by {}", job.kind.name(), job.strategy),
        job.controller.as_deref().unwrap_or("none").to_owned(),
        outcome(job),
    ]
}

fn outcome(job: &Job) -> String {
    let mut text = job.outcome.name().to_owned();
    let changes = changes(&job.changes);
    if !changes.is_empty() {
        text.push_str(&format!(": {changes}"));
    }
    if let Some(error) = &job.error {
        text.push_str(&format!(": {}", render::printable(error)));
    }
    if job.repetitions > 0 {
        text.push_str(&format!(" (and {} times more)", job.repetitions));
    }
    text
}

fn changes(changes: &JobChanges) -> String {
    let counted = [
        (changes.users_created, "users created"),
        (changes.users_updated, "users updated"),
        (changes.users_deactivated, "users deactivated"),
        (changes.users_reactivated, "users reactivated"),
        (changes.users_removed, "users removed"),
        (changes.groups_created, "groups created"),
        (changes.groups_updated, "groups updated"),
        (changes.groups_removed, "groups removed"),
        (changes.memberships_added, "memberships added"),
        (changes.memberships_removed, "memberships removed"),
    ];
    let told = counted.into_iter().filter(|(count, _)| *count > 0);
    told.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::admin::document::IdlePasses;
    use crate::sync::{JobOutcome, PassKind, Strategy, Trigger};

    #[test]
    fn a_job_is_a_line() {
        let started = UNIX_EPOCH + Duration::from_secs(1_795_245_031);
        let job = Job {
            id: 17,
            directory: "corp".into(),
            trigger: Trigger::Notification,
            strategy: Strategy::Usn,
            kind: PassKind::Changes,
            controller: Some("dc1".into()),
            started,
            finished: started + Duration::from_millis(45),
            changes: JobChanges { users_deactivated: 2, ..JobChanges::default() },
            outcome: JobOutcome::Applied,
            error: None,
            repetitions: 0,
        };
        let failed = Job {
            id: 16,
            changes: JobChanges::default(),
            controller: None,
            outcome: JobOutcome::Failed,
            error: Some("connection: refused\u{1b}".to_owned()),
            repetitions: 3,
            finished: started + Duration::from_secs(75),
            ..job.clone()
        };
        let idle = IdlePasses { directory: "corp".to_owned(), passes: 1, last_unix: 1_795_245_031 };
        let page = page(&Jobs { jobs: vec![job, failed], idle: vec![idle] });
        let lines: Vec<&str> = page.lines().collect();
        assert_eq!(lines.len(), 4, "{page}");
        for part in ["17 ", "2026-11-21 07:10:31Z", "45 ms", "changes by usn", "dc1"] {
            assert!(lines[1].contains(part), "{part}: {page}");
        }
        assert!(lines[1].ends_with("applied: 2 users deactivated"), "{page}");
        let told = "failed: connection: refused\\u{1b} (and 3 times more)";
        assert!(lines[2].ends_with(told) && lines[2].contains("1 min 15 s"), "{page}");
        assert_eq!(
            lines[3],
            "corp: 1 pass found nothing new, the last one at 2026-11-21 07:10:31Z"
        );
        assert_eq!(super::page(&Jobs::default()), "no jobs yet\n");
    }
}
