//! `[io]` `ldapgate reload`: has the running program take its configuration over again.

use crate::admin::reload_document::{ReloadAnswer, ReloadImpact, ReloadOutcome};

use super::arguments::ReloadArguments;
use super::client::ControlClient;
use super::exit::{CommandError, Done};
use super::{output, render};

/// Runs the command.
///
/// # Errors
/// Nothing runs, the file cannot be used, or it needs a restart.
pub async fn run(
    client: &ControlClient,
    arguments: &ReloadArguments,
) -> Result<Done, CommandError> {
    let ReloadArguments { dry_run, accept, json, .. } = arguments;
    let path = format!("/v1/reload?dry_run={dry_run}&accept={accept}");
    let asked = client.post_and_wait(&path).await?;
    let answer: ReloadAnswer = match asked.any_document() {
        Ok(answer) => answer,
        // Not the answer of a reload: a plain failure.
        Err(_) => asked.document()?,
    };
    if *json {
        output::print(&render::json(&answer)?)?;
    }
    let done = match answer.outcome {
        ReloadOutcome::Faulty => {
            let headline = "the configuration is not loaded: it is faulty";
            return Err(CommandError::Usage(listed(headline, &answer.faults)));
        }
        ReloadOutcome::NeedsRestart => {
            let headline = "the configuration is not loaded: these keys differ and need a restart";
            return Err(CommandError::Failed(listed(headline, &answer.needs_restart)));
        }
        ReloadOutcome::Held | ReloadOutcome::WouldHold => Done::Held,
        ReloadOutcome::Applied | ReloadOutcome::Unchanged | ReloadOutcome::WouldApply => Done::Well,
    };
    if !json {
        output::print(&page(&answer))?;
    }
    Ok(done)
}

fn listed(headline: &str, lines: &[String]) -> String {
    let lines: String =
        lines.iter().map(|line| format!("\n  {}", render::printable(line))).collect();
    format!("{headline}{lines}")
}

/// The page for people.
fn page(answer: &ReloadAnswer) -> String {
    let headline = match answer.outcome {
        ReloadOutcome::Applied => "the configuration is in force",
        ReloadOutcome::WouldApply => "the configuration would be in force (dry run)",
        ReloadOutcome::Held => "HELD: what was in force still is",
        ReloadOutcome::WouldHold => "would be HELD (dry run)",
        ReloadOutcome::Unchanged | ReloadOutcome::NeedsRestart | ReloadOutcome::Faulty => {
            "the configuration in force is that of the file"
        }
    };
    let mut out = listed(headline, &answer.reasons);
    out.push('\n');
    for (what, names) in
        [("added", &answer.added), ("removed", &answer.removed), ("changed", &answer.changed)]
    {
        for name in names {
            out.push_str(&format!("application {}: {what}\n", render::printable(name)));
        }
    }
    for name in &answer.certificates {
        out.push_str(&format!("listener {}: a new certificate\n", render::printable(name)));
    }
    answer.impacts.iter().for_each(|impact| out.push_str(&impact_text(impact)));
    for warning in &answer.warnings {
        out.push_str(&format!("warning: {}\n", render::printable(warning)));
    }
    if answer.outcome == ReloadOutcome::Held {
        out.push_str(
            "look at it, then\n  ldapgate reload --accept     to take the file over as it is now\n",
        );
    }
    out
}

fn impact_text(impact: &ReloadImpact) -> String {
    let ReloadImpact { application, directory, before, lost, gained, leaving, coming } = impact;
    let users = render::count(*before, "user", "users");
    let mut out = format!(
        "application {application}, directory {directory}: of {users} {lost} leave, {gained} come\n"
    );
    for (sign, names, count) in [("-", leaving, lost), ("+", coming, gained)] {
        for name in names {
            out.push_str(&format!("  {sign} {}\n", render::printable(name)));
        }
        let more = count.saturating_sub(names.len());
        if more > 0 {
            out.push_str(&format!("  {sign} and {more} more\n"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_told_with_names_and_the_way_out() {
        let impact = ReloadImpact {
            application: "crm".to_owned(),
            directory: "corp".to_owned(),
            before: 50,
            lost: 3,
            gained: 0,
            leaving: vec!["CN=a\u{1b},DC=x".to_owned(), "CN=b,DC=x".to_owned()],
            coming: Vec::new(),
        };
        let answer = ReloadAnswer {
            outcome: ReloadOutcome::Held,
            reasons: vec!["too many".to_owned()],
            changed: vec!["crm".to_owned()],
            impacts: vec![impact],
            ..ReloadAnswer::default()
        };
        assert_eq!(
            page(&answer),
            "HELD: what was in force still is\n  too many\napplication crm: changed\n\
             application crm, directory corp: of 50 users 3 leave, 0 come\n  - CN=a\\u{1b},DC=x\n  \
             - CN=b,DC=x\n  - and 1 more\nlook at it, then\n  ldapgate reload --accept     to take \
             the file over as it is now\n"
        );
    }
}
