//! What came of passes, and what is known of a person, in lines for people.

use crate::admin::document::{Changes, Pass, PassOutcome, PersonInView, Progress, SyncAnswer};
use crate::cli::render;
use crate::directory::{Lacking, MissingRequired};
use crate::sync::{Held, NameList, Preview};

/// The whole answer.
#[must_use]
pub fn answer(answer: &SyncAnswer) -> String {
    let mut out: String = answer.passes.iter().map(pass_text).collect();
    for person in &answer.people {
        out.push('\n');
        out.push_str(&person_text(person));
    }
    let told = answer.passes.iter().any(|pass| pass.failure().is_some());
    if let (Some(error), false) = (&answer.error, told) {
        let culprit = answer.culprit.as_deref().unwrap_or_default();
        out.push_str(&format!("{}: {}\n", render::printable(culprit), render::printable(error)));
    }
    out
}

/// How far the passes under way are, in one line.
#[must_use]
pub fn progress(progress: &[Progress]) -> String {
    let running = progress.iter().filter(|one| one.running).map(|one| {
        let read = one.entries.map_or_else(
            || "connecting".to_owned(),
            |entries| format!("{} read", render::count(entries, "entry", "entries")),
        );
        format!("{}: {read}", one.directory)
    });
    let running: Vec<String> = running.collect();
    if running.is_empty() { "waiting".to_owned() } else { running.join(", ") }
}

/// One pass in lines.
#[must_use]
pub fn pass_text(pass: &Pass) -> String {
    let (directory, at) = (&pass.directory, pass.controller.as_deref().unwrap_or("no controller"));
    let took = format!("{} ms", pass.duration_ms);
    let contents = |users: usize, groups: usize| {
        let users = render::count(users, "user", "users");
        format!("{users}, {}", render::count(groups, "group", "groups"))
    };
    match &pass.outcome {
        PassOutcome::Failed { .. } => format!(
            "{directory}: failed after {took}: {}\n  the copy in use stays as it was\n",
            render::printable(&pass.failure().unwrap_or_default())
        ),
        PassOutcome::Succeeded {
            generation,
            users,
            groups,
            unreadable,
            left_out,
            changes,
            missing_required,
        } => {
            let contents = contents(*users, *groups);
            format!(
                "{directory}: synced from {at} in {took}: {contents} (generation {generation})\n{}{}{}",
                changes_text(changes, "nothing changed"),
                flaws_text(*unreadable, *left_out),
                missing_text(missing_required),
            )
        }
        PassOutcome::Held { changes, held, .. } => format!(
            "{directory}: HELD after {took} at {at}: it would change too much at once\n{}{}",
            changes_text(changes, "nothing"),
            held_text(held, directory),
        ),
        PassOutcome::DryRun {
            users,
            groups,
            unreadable,
            left_out,
            changes,
            preview,
            missing_required,
        } => {
            let contents = contents(*users, *groups);
            format!(
                "{directory}: dry run at {at} in {took}: there would be {contents}\n{}{}{}{}",
                changes_text(changes, "nothing would change"),
                preview_text(preview),
                flaws_text(*unreadable, *left_out),
                missing_text(missing_required),
            )
        }
    }
}

/// Why something is held, and what to do about it.
#[must_use]
pub fn held_text(held: &Held, directory: &str) -> String {
    let mut out = String::new();
    for reason in &held.reasons {
        out.push_str(&format!("  {}\n", render::printable(reason)));
    }
    out.push_str(&names_text("affected", &held.accounts));
    out.push_str(&format!(
        "  the copy in use stays as it was (job {}); look at it, then\n    \
         ldapgate sync accept --directory {directory}    to apply it\n    \
         ldapgate sync reject --directory {directory}    to drop it; found again, it is held again\n",
        held.job
    ));
    out
}

fn changes_text(changes: &Changes, nothing: &str) -> String {
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
    if text.is_empty() { format!("  {nothing}\n") } else { text }
}

fn preview_text(preview: &Preview) -> String {
    let mut out = names_text("created", &preview.created);
    out.push_str(&names_text("deactivated", &preview.deactivated));
    out.push_str(&names_text("reactivated", &preview.reactivated));
    out.push_str(&names_text("removed", &preview.removed));
    for leaving in &preview.leaving {
        let what = format!("leaving application {}", leaving.application);
        out.push_str(&names_text(&what, &leaving.users));
    }
    for reason in &preview.would_be_held {
        out.push_str(&format!("  WOULD BE HELD: {}\n", render::printable(reason)));
    }
    out
}

/// A list of names under its heading; nothing if it is empty.
fn names_text(what: &str, list: &NameList) -> String {
    if list.is_empty() {
        return String::new();
    }
    let mut out = format!("  {what}:\n");
    for name in &list.names {
        out.push_str(&format!("    {}\n", render::printable(name)));
    }
    let more = list.total.saturating_sub(list.names.len());
    if more > 0 {
        out.push_str(&format!("    and {more} more\n"));
    }
    out
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

fn missing_text(missing: &MissingRequired) -> String {
    if missing.is_empty() {
        return String::new();
    }
    let users = render::count(missing.users, "user lacks", "users lack");
    let mut out = format!("  {users} what directory.attributes requires:\n");
    for Lacking { dn, fields } in &missing.first {
        out.push_str(&format!("    {}: {}\n", render::printable(dn), fields.join(", ")));
    }
    let more = missing.users.saturating_sub(missing.first.len());
    if more > 0 {
        out.push_str(&format!("    and {more} more\n"));
    }
    out
}

fn person_text(person: &PersonInView) -> String {
    let mut out = format!("{}: {}\n", person.directory, render::printable(&person.dn));
    let mut table = render::Table::default();
    for field in &person.fields {
        let value = field.value.as_deref().map_or_else(|| "-".to_owned(), render::printable);
        table.row([field.key.clone(), value, format!("({})", field.source)]);
    }
    let state = match (person.state.as_str(), person.expires_unix) {
        ("unreadable", _) => "the state cannot be read, so it is refused".to_owned(),
        ("enabled", Some(end)) => format!("enabled until {}", render::moment(end)),
        ("expired", Some(end)) => format!("EXPIRED at {}", render::moment(end)),
        ("enabled", None) => "enabled".to_owned(),
        (other, _) => other.to_uppercase(),
    };
    table.row(["account".to_owned(), state]);
    out.push_str(&table.render(2));
    if let Some(lacking) = &person.lacking {
        out.push_str(&format!("  lacks what is required: {}\n", lacking.fields.join(", ")));
    }
    let groups = render::count(person.groups.len(), "group", "groups");
    out.push_str(&format!("  {groups}, nested and primary ones included\n"));
    for group in &person.groups {
        out.push_str(&format!("    {}\n", render::printable(group)));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::admin::document::PersonFieldValue;
    use crate::sync::Leaving;

    fn pass(outcome: PassOutcome) -> Pass {
        Pass {
            directory: "corp".to_owned(),
            trigger: "demand".to_owned(),
            strategy: Some("full".to_owned()),
            kind: Some("full".to_owned()),
            job: Some(1),
            started_unix: 0,
            duration_ms: 42,
            controller: Some("dc1".to_owned()),
            outcome,
        }
    }

    #[test]
    fn only_what_changed_is_listed() {
        let changes = Changes { users_deactivated: 2, users_changed: 3, ..Changes::default() };
        let succeeded = |changes, missing_required| {
            pass_text(&pass(PassOutcome::Succeeded {
                generation: 7,
                users: 1,
                groups: 2,
                unreadable: 1,
                left_out: 0,
                changes,
                missing_required,
            }))
        };
        assert_eq!(
            succeeded(changes, MissingRequired::default()),
            "corp: synced from dc1 in 42 ms: 1 user, 2 groups (generation 7)\n  \
             users changed      3\n  users deactivated  2\n  \
             1 user is refused: the account state cannot be read\n"
        );
        let lacking = Lacking { dn: "CN=a\n".to_owned(), fields: vec!["mail (mail)".to_owned()] };
        let missing = MissingRequired { users: 2, first: vec![lacking] };
        let text = succeeded(Changes::default(), missing);
        assert!(text.contains("\n  nothing changed\n"), "{text}");
        let told = "  2 users lack what directory.attributes requires:\n    CN=a\\n: mail (mail)\n    \
                    and 1 more\n";
        assert!(text.ends_with(told), "{text}");
    }

    #[test]
    fn a_failure_says_that_nothing_is_lost() {
        let step = Some("TLS".to_owned());
        let text = pass_text(&pass(PassOutcome::Failed { step, reason: "expired".to_owned() }));
        assert!(text.contains("dc1: TLS: expired") && text.contains("stays as it was"), "{text}");
    }

    #[test]
    fn what_is_held_says_how_to_go_on() {
        let held = Held {
            since: UNIX_EPOCH,
            reasons: vec!["would remove or deactivate 45 of 300 users".to_owned()],
            job: 9,
            accounts: (0..45).map(|number| format!("CN=u{number}")).collect(),
        };
        let changes = Changes { users_removed: 45, ..Changes::default() };
        let outcome = PassOutcome::Held { users: 255, groups: 1, changes, held };
        let text = pass_text(&pass(outcome.clone()));
        for part in [
            "HELD",
            "\n  would remove or deactivate 45 of 300 users\n",
            "    CN=u19\n    and 25 more\n",
            "ldapgate sync accept --directory corp",
            "ldapgate sync reject --directory corp",
            "job 9",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(pass(outcome).failure().unwrap().starts_with("held: would remove"));
    }

    #[test]
    fn a_dry_run_names_who_would_be_affected() {
        let list = |names: &[&str]| names.iter().collect::<NameList>();
        let preview = Preview {
            created: list(&["CN=new"]),
            deactivated: list(&["CN=left"]),
            removed: list(&["CN=gone"]),
            leaving: vec![Leaving { application: "crm".to_owned(), users: list(&["CN=gone"]) }],
            would_be_held: vec!["would remove 1 of 2 users".to_owned()],
            ..Preview::default()
        };
        let text = pass_text(&pass(PassOutcome::DryRun {
            users: 3,
            groups: 1,
            unreadable: 0,
            left_out: 0,
            changes: Changes { users_created: 1, ..Changes::default() },
            preview,
            missing_required: MissingRequired::default(),
        }));
        assert_eq!(
            text,
            "corp: dry run at dc1 in 42 ms: there would be 3 users, 1 group\n  users created  1\n  \
             created:\n    CN=new\n  deactivated:\n    CN=left\n  removed:\n    CN=gone\n  \
             leaving application crm:\n    CN=gone\n  \
             WOULD BE HELD: would remove 1 of 2 users\n"
        );
    }

    #[test]
    fn a_person_is_told_in_full() {
        let field = |key: &str, value: Option<&str>| PersonFieldValue {
            key: key.to_owned(),
            source: format!("{key}-attribute"),
            value: value.map(str::to_owned),
        };
        let person = PersonInView {
            directory: "corp".to_owned(),
            dn: "CN=alice".to_owned(),
            fields: vec![field("login", Some("alice")), field("mail", None)],
            state: "disabled".to_owned(),
            expires_unix: None,
            groups: vec!["CN=staff".to_owned()],
            lacking: Some(Lacking {
                dn: "CN=alice".to_owned(),
                fields: vec!["mail (mail-attribute)".to_owned()],
            }),
        };
        assert_eq!(
            person_text(&person),
            "corp: CN=alice\n  login    alice     (login-attribute)\n  mail     -         \
             (mail-attribute)\n  account  DISABLED\n  lacks what is required: mail \
             (mail-attribute)\n  1 group, nested and primary ones included\n    CN=staff\n"
        );
        let until = |state: &str| PersonInView {
            state: state.to_owned(),
            expires_unix: Some(0),
            ..person.clone()
        };
        assert!(person_text(&until("enabled")).contains("enabled until 1970-01-01 00:00:00Z"));
        assert!(person_text(&until("expired")).contains("EXPIRED at 1970-01-01 00:00:00Z"));
    }

    #[test]
    fn progress_is_one_line() {
        let one = |directory: &str, running, entries| Progress {
            directory: directory.to_owned(),
            running,
            entries,
        };
        let all = [one("a", true, Some(1000)), one("b", false, None), one("c", true, None)];
        assert_eq!(progress(&all), "a: 1000 entries read, c: connecting");
        assert_eq!(progress(&all[1..2]), "waiting");
    }

    #[test]
    fn nobody_found_is_said() {
        let document = SyncAnswer {
            error: Some("there is no such user".to_owned()),
            culprit: Some("user \"x\"".to_owned()),
            ..SyncAnswer::default()
        };
        assert_eq!(answer(&document), "user \"x\": there is no such user\n");
    }
}
