//! `[io]` `ldapgate status`: what the running program does, as a page for people or as JSON.

use std::fmt::Write;

use crate::admin::budgets::Shield;
use crate::admin::document::{
    Capability, Controller, Directory, PassOutcome, Revocations, Status, Transition,
};
use crate::admin::reload_document::LoadedConfiguration;
use crate::time::{Now, unix_seconds};

use super::arguments::StatusArguments;
use super::client::ControlClient;
use super::exit::{CommandError, Done};
use super::output;
use super::render::{self, Table};
use super::sync::text::held_text;

/// Changes of state that are shown, over all controllers of a directory.
const SHOWN_CHANGES: usize = 8;

/// Runs the command.
///
/// # Errors
/// Nothing runs.
pub async fn run(
    client: &ControlClient,
    arguments: &StatusArguments,
) -> Result<Done, CommandError> {
    let status: Status = client.get("/v1/status").await?.document()?;
    let text = if arguments.json {
        render::json(&status)?
    } else {
        page(&status, Now::read().unix_seconds())
    };
    output::print(&text)?;
    Ok(Done::Well)
}

/// The page for people, as of a moment in seconds since 1970.
#[must_use]
pub fn page(status: &Status, now_unix: i64) -> String {
    let state = match (status.draining, status.ready) {
        (true, _) => "on its way out",
        (false, true) => "ready",
        (false, false) => "NOT READY",
    };
    let mut out = format!(
        "ldapgate {}: {state}, up {} (since {}), process {}, log level {}\n\n",
        status.version,
        render::duration(status.uptime_seconds),
        render::moment(status.started_unix),
        status.pid,
        status.log_level,
    );
    let mut table = Table::default();
    for listener in &status.listeners {
        table.row([
            format!("listener {}", listener.name),
            listener.address.clone(),
            listener.security.clone(),
        ]);
    }
    out.push_str(&table.render(0));
    let sessions = render::count(status.sessions_open, "session", "sessions");
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{sessions} open");
    out.push_str(&revocations_text(status.revocations));
    out.push_str(&blocks_text(status.blocks));
    out.push_str(&configuration_text(&status.configuration, now_unix));
    for directory in &status.directories {
        out.push('\n');
        directory_text(&mut out, directory, now_unix);
    }
    out
}

/// Nothing, if there were none.
fn revocations_text(revocations: Revocations) -> String {
    if revocations.count == 0 {
        return String::new();
    }
    let ended = render::count(
        usize::try_from(revocations.count).unwrap_or(usize::MAX),
        "session was",
        "sessions were",
    );
    let longest = revocations.longest_ms;
    format!("{ended} ended as accounts were taken away, each within {longest} ms\n")
}

/// Nothing, if there are none.
fn blocks_text(blocks: usize) -> String {
    if blocks == 0 {
        return String::new();
    }
    let blocks = render::count(blocks, "block of an operator is", "blocks of operators are");
    format!("{blocks} in force (ldapgate blocks)\n")
}

/// Nothing, where it comes from no file.
fn configuration_text(configuration: &LoadedConfiguration, now_unix: i64) -> String {
    let Some(file) = &configuration.file else { return String::new() };
    let ago = render::span(configuration.loaded_unix, now_unix);
    let mut out = format!("configuration {} loaded {ago} ago\n", render::printable(file));
    if let Some(held) = &configuration.held {
        let since = render::span(held.since_unix, now_unix);
        out.push_str(&format!("  a changed one is HELD for {since}\n"));
        for reason in &held.reasons {
            out.push_str(&format!("  {}\n", render::printable(reason)));
        }
        out.push_str(
            "  look at it (ldapgate reload --dry-run), then accept it: ldapgate reload --accept\n",
        );
    }
    out
}

fn directory_text(out: &mut String, directory: &Directory, now_unix: i64) {
    let _ = writeln!(out, "directory {}", directory.name);
    let _ = match &directory.view {
        None => writeln!(out, "  copy         NONE YET: logins are answered \"unavailable\""),
        Some(view) => writeln!(
            out,
            "  copy         {} old, generation {}: {}, {}, {} of {}",
            render::duration(view.age_seconds),
            view.generation,
            render::count(view.users, "user", "users"),
            render::count(view.groups, "group", "groups"),
            render::count(view.containers, "container", "containers"),
            view.naming_context,
        ),
    };
    if let Some(view) = &directory.view {
        let relayed = view.subschema.as_deref().map(render::printable);
        let relayed = relayed.unwrap_or_else(|| "none: it cannot be read whole".to_owned());
        let _ = writeln!(out, "  schema       {relayed}");
    }
    sync_text(out, directory, now_unix);
    out.push_str(&shield_text(&directory.shield));
    out.push_str(&controllers(&directory.controllers, now_unix));
    out.push_str(&changes(&directory.controllers, now_unix));
}

fn sync_text(out: &mut String, directory: &Directory, now_unix: i64) {
    let sync = &directory.sync;
    if let Some(held) = &sync.held {
        let since = unix_seconds(held.since);
        let _ = writeln!(
            out,
            "  ATTENTION    A CHANGE IS HELD for {} (since {})",
            render::span(since, now_unix),
            render::moment(since)
        );
        out.push_str(&held_text(held, &directory.name));
    }
    if sync.stale {
        let _ = writeln!(
            out,
            "  ATTENTION    THE COPY IS TOO OLD (max_age {}): strict applications are refused",
            render::duration(sync.max_age_seconds)
        );
    }
    let strategy = sync.strategy.as_deref().unwrap_or("not known yet");
    let announced = match (&sync.announced_by, &sync.not_announced_because) {
        (Some(what), _) => format!(", announced by {}", render::printable(what)),
        (None, Some(why)) => format!(", not announced: {}", render::printable(why)),
        (None, None) => String::new(),
    };
    let _ = writeln!(out, "  changes      {strategy}{announced}");
    for reason in &sync.why_not_better {
        let _ = writeln!(out, "               not {}", render::printable(reason));
    }
    let _ = writeln!(out, "  last sync    {}", last_sync(directory, now_unix));
    let ago = |unix: Option<i64>| {
        unix.map_or_else(
            || "not yet".to_owned(),
            |unix| format!("{} ago", render::span(unix, now_unix)),
        )
    };
    let _ = writeln!(
        out,
        "  read whole   {}; identities compared {}",
        ago(sync.last_full_unix),
        ago(sync.last_reconcile_unix)
    );
    let next = match (sync.running, sync.next_unix) {
        (true, _) => match sync.progress_entries {
            Some(entries) => {
                format!("running now, {} read", render::count(entries, "entry", "entries"))
            }
            None => "running now".to_owned(),
        },
        (false, Some(next)) => {
            format!("{} (in {})", render::moment(next), render::span(now_unix, next))
        }
        (false, None) => "not scheduled".to_owned(),
    };
    let _ = writeln!(out, "  next sync    {next}");
}

fn shield_text(shield: &Shield) -> String {
    if !shield.enabled {
        return "  shield       OFF: accounts can be locked through every application\n".to_owned();
    }
    let budget = match (shield.failures, shield.window_seconds) {
        (Some(failures), Some(window)) => {
            let failures = usize::try_from(failures).unwrap_or(usize::MAX);
            let failures = render::count(failures, "wrong password", "wrong passwords");
            format!("{failures} within {}", render::duration(window))
        }
        _ => "no bound: the directory locks nobody".to_owned(),
    };
    let policies = |count: usize, what: &str| match count {
        0 => String::new(),
        count => {
            format!(", {}{what}", render::count(count, "finer policy", "finer policies"))
        }
    };
    let policies = policies(shield.fine_grained_policies, "")
        + &policies(shield.hidden_policies, " THAT CANNOT BE READ");
    let failing = render::count(shield.accounts, "account has", "accounts have");
    let Shield { exhausted, repeated, .. } = shield;
    format!(
        "  shield       {budget}{policies}; {failing} failures\n               {exhausted} logins \
         refused, {repeated} answered from memory since the start\n"
    )
}

fn last_sync(directory: &Directory, now_unix: i64) -> String {
    let Some(pass) = &directory.sync.last else { return "none yet".to_owned() };
    let ago = render::span(pass.started_unix, now_unix);
    match &pass.outcome {
        PassOutcome::Succeeded { .. } => {
            let at = pass.controller.as_deref().unwrap_or("no controller");
            format!("{ago} ago from {at} in {} ms ({})", pass.duration_ms, pass.trigger)
        }
        PassOutcome::DryRun { .. } => format!("{ago} ago, a dry run that changed nothing"),
        PassOutcome::Held { .. } => format!("HELD, {ago} ago: see above"),
        PassOutcome::Failed { .. } => {
            let times = render::count(directory.sync.failures as usize, "time", "times in a row");
            let why = pass.failure().unwrap_or_default();
            format!("FAILED {times}, {ago} ago: {}", render::printable(&why))
        }
    }
}

fn controllers(controllers: &[Controller], now_unix: i64) -> String {
    let mut table = Table::default();
    table.row(["controller", "tier", "logins", "", "sync", "", "links", "binds", "failed"]);
    for controller in controllers {
        table.row([
            controller.name.clone(),
            controller.tier.to_string(),
            controller.verify.state.clone(),
            since(&controller.verify, now_unix),
            controller.sync.state.clone(),
            since(&controller.sync, now_unix),
            format!("{} idle, {} busy", controller.links_idle, controller.links_busy),
            controller.binds.to_string(),
            controller.failures.to_string(),
        ]);
    }
    let causes: String = controllers.iter().map(causes).collect();
    format!("\n{}{causes}", table.render(2))
}

/// Why a controller is not up, once where both capabilities have the same cause.
fn causes(controller: &Controller) -> String {
    let line = |what: &str, capability: &Capability| match &capability.cause {
        Some(cause) => {
            let cause = render::printable(cause);
            format!("  {}: {what} {}: {cause}\n", controller.name, capability.state)
        }
        None => String::new(),
    };
    let Controller { verify, sync, .. } = controller;
    if verify.cause == sync.cause && verify.state == sync.state {
        return line("logins and sync", verify);
    }
    line("logins", verify) + &line("sync", sync)
}

fn since(capability: &Capability, now_unix: i64) -> String {
    format!("for {}", render::span(capability.since_unix, now_unix))
}

fn changes(controllers: &[Controller], now_unix: i64) -> String {
    let mut all: Vec<Change<'_>> = controllers.iter().flat_map(changes_of).collect();
    all.sort_by_key(|change| std::cmp::Reverse(change.transition.at_unix));
    if all.is_empty() {
        return String::new();
    }
    let mut table = Table::default();
    for Change { controller, what, transition } in all.into_iter().take(SHOWN_CHANGES) {
        table.row([
            format!("{} ago", render::span(transition.at_unix, now_unix)),
            render::moment(transition.at_unix),
            controller.to_owned(),
            what.to_owned(),
            format!("{} -> {}", transition.from, transition.to),
            format!("after {}", render::duration(transition.after_ms / 1000)),
            render::printable(&transition.cause),
        ]);
    }
    format!("\n  last changes of state\n{}", table.render(2))
}

/// A change of state of one or both capabilities of a controller.
struct Change<'a> {
    controller: &'a str,
    what: &'static str,
    transition: &'a Transition,
}

/// The changes of one controller; those that both capabilities go through together count as one.
fn changes_of(controller: &Controller) -> Vec<Change<'_>> {
    let same = |one: &Transition, other: &Transition| {
        one.at_unix == other.at_unix && one.from == other.from && one.to == other.to
    };
    let mut changes: Vec<Change<'_>> = Vec::new();
    for transition in &controller.history {
        match changes.last_mut() {
            Some(last)
                if same(last.transition, transition)
                    && last.transition.capability != transition.capability =>
            {
                last.what = "logins, sync";
            }
            _ => changes.push(Change {
                controller: &controller.name,
                what: if transition.capability == "sync" { "sync" } else { "logins" },
                transition,
            }),
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::budgets::Sources;
    use crate::admin::document::Sync;
    use crate::sync::{Held, NameList};

    fn transition(at_unix: i64, capability: &str, from: &str, to: &str) -> Transition {
        Transition {
            at_unix,
            capability: capability.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            cause: "refused\u{1b}".to_owned(),
            after_ms: 61_000,
        }
    }

    fn capability(state: &str, cause: Option<&str>) -> Capability {
        Capability { state: state.to_owned(), cause: cause.map(str::to_owned), since_unix: 940 }
    }

    fn controller(verify: Capability, sync: Capability, history: Vec<Transition>) -> Controller {
        Controller {
            name: "dc1".to_owned(),
            address: "dc1:636".to_owned(),
            tier: 0,
            verify,
            sync,
            links_idle: 2,
            links_busy: 0,
            binds: 7,
            failures: 1,
            history,
        }
    }

    #[test]
    fn what_both_capabilities_share_is_said_once() {
        let down = || capability("down", Some("no route"));
        let both = controller(down(), down(), Vec::new());
        assert_eq!(causes(&both), "  dc1: logins and sync down: no route\n");
        let one = controller(capability("up", None), down(), Vec::new());
        assert_eq!(causes(&one), "  dc1: sync down: no route\n");

        let history = vec![
            transition(1000, "sync", "up", "down"),
            transition(1000, "verify", "up", "down"),
            transition(900, "verify", "down", "up"),
        ];
        let told = controller(down(), down(), history);
        let text = changes(&[told], 1060);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.contains("1 min ago") && text.contains("logins, sync"), "{text}");
        assert!(text.contains("after 1 min 1 s  refused\\u{1b}"), "{text}");
    }

    #[test]
    fn without_a_copy_the_page_says_what_follows_from_it() {
        let status = Status {
            version: "1".to_owned(),
            pid: 5,
            started_unix: 0,
            uptime_seconds: 60,
            ready: false,
            draining: false,
            configuration: LoadedConfiguration::default(),
            directories: vec![Directory {
                name: "corp".to_owned(),
                controllers: Vec::new(),
                view: None,
                sync: Sync { running: true, progress_entries: Some(3000), ..Sync::default() },
                shield: Shield::default(),
                offline: None,
            }],
            sessions_open: 1,
            revocations: Revocations::default(),
            blocks: 0,
            sources: Sources::default(),
            listeners: Vec::new(),
            log_level: "info".to_owned(),
        };
        let page = page(&status, 60);
        for shown in [
            "NOT READY",
            "NONE YET",
            "running now, 3000 entries read",
            "none yet",
            "not known yet",
            "1 session open",
        ] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
        assert!(!page.contains("ATTENTION") && !page.contains("taken away"), "{page}");
        let revocations = Revocations { count: 2, longest_ms: 310 };
        assert!(!page.contains("in force"), "{page}");
        let page = super::page(&Status { revocations, blocks: 1, ..status }, 60);
        assert!(page.contains("1 block of an operator is in force"), "{page}");
        let line = "2 sessions were ended as accounts were taken away, each within 310 ms\n";
        assert!(page.contains(line), "{page}");
    }

    #[test]
    fn the_shield_in_two_lines() {
        let shield = Shield {
            enabled: true,
            failures: Some(3),
            window_seconds: Some(1981),
            fine_grained_policies: 1,
            hidden_policies: 2,
            accounts: 2,
            exhausted: 40,
            repeated: 900,
            ..Shield::default()
        };
        assert_eq!(
            shield_text(&shield),
            "  shield       3 wrong passwords within 33 min 1 s, 1 finer policy, 2 finer policies \
             THAT CANNOT BE READ; 2 accounts have failures\n               40 logins refused, 900 answered from memory since the start\n"
        );
        let unbound = Shield { failures: None, ..shield };
        assert!(shield_text(&unbound).contains("no bound"));
        assert!(shield_text(&Shield::default()).contains("OFF"));
    }

    #[test]
    fn what_needs_somebody_is_loud() {
        let held = Held {
            since: std::time::UNIX_EPOCH,
            reasons: vec!["would remove 45 of 300 users".to_owned()],
            job: 9,
            accounts: NameList::default(),
        };
        let directory = Directory {
            name: "corp".to_owned(),
            controllers: Vec::new(),
            view: None,
            sync: Sync {
                held: Some(held),
                stale: true,
                max_age_seconds: 900,
                strategy: Some("usn".to_owned()),
                why_not_better: vec!["dirsync: refused".to_owned()],
                not_announced_because: Some("notify = false".to_owned()),
                last_full_unix: Some(0),
                ..Sync::default()
            },
            shield: Shield::default(),
            offline: None,
        };
        let mut page = String::new();
        sync_text(&mut page, &directory, 120);
        for shown in [
            "ATTENTION    A CHANGE IS HELD for 2 min",
            "\n  would remove 45 of 300 users\n",
            "ldapgate sync accept --directory corp",
            "ATTENTION    THE COPY IS TOO OLD (max_age 15 min)",
            "changes      usn, not announced: notify = false",
            "not dirsync: refused",
            "read whole   2 min ago; identities compared not yet",
        ] {
            assert!(page.contains(shown), "{shown}: {page}");
        }
    }
}
