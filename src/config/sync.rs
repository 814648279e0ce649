//! `[directory.sync]` and `[directory.guard]`: how changes are looked for, when everything is read, and which
//! changes wait for an operator.

use std::time::{Duration, SystemTime};

use super::error::{Fault, Findings};
use super::raw::{RawDirectory, RawGuard, RawSync};
use super::resolve::SyncSettings;
use super::value;
use crate::directory::Retention;
use crate::ldap::schema::DirectoryKind;
use crate::sync::{CronSchedule, GuardConfig, Strategy};

/// The time zone of `cron`: without summer time, so that no run is skipped or doubled.
const TIME_ZONE: &str = "UTC";

/// Entries of one page: the most that Active Directory gives by default (MaxPageSize).
const PAGE_SIZE: u32 = 1000;

/// Between two looks for changes where nothing announces them.
const POLL: Duration = Duration::from_secs(2);

/// Between two comparisons of the identities.
const RECONCILE: Duration = Duration::from_secs(15 * 60);

/// From when on a copy is too old.
const MAX_AGE: Duration = Duration::from_secs(15 * 60);

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The word for the best strategy that works.
const AUTO: &str = "auto";

/// How far ahead a schedule is looked at for its longest pause: a week and the days at its ends.
const LOOKED_AT: Duration = Duration::from_secs(9 * 24 * 3600);
/// Runs that are looked at; in a schedule with more of them in that time, no pause is left out for long.
const RUNS_LOOKED_AT: usize = 4000;

pub(super) fn resolve(
    raw: &RawDirectory,
    kind: DirectoryKind,
    at: &str,
    findings: &mut Findings,
) -> SyncSettings {
    let given = &raw.sync;
    let key = |key: &str| format!("{at}.{key}");
    let strategy = strategy(given.strategy.as_deref(), kind, &key("strategy"), findings);
    let time = |findings: &mut Findings, name: &str, text: &Option<String>, default, bounds| {
        value::bounded_duration(findings, &key(name), text.as_deref(), default, bounds)
    };
    let poll = time(findings, "poll", &given.poll, POLL, (Duration::from_millis(500), HOUR));
    let reconcile =
        time(findings, "reconcile", &given.reconcile, RECONCILE, (Duration::from_secs(10), DAY));
    let max_age = time(findings, "max_age", &given.max_age, MAX_AGE, (MINUTE, DAY * 30));
    let retention = (Duration::ZERO, DAY * 3650);
    let remember_removed = time(
        findings,
        "remember_removed",
        &given.remember_removed,
        Retention::default().time,
        retention,
    );
    if let Some(cron) = &given.cron {
        findings.take(&key("cron"), check_cron(cron));
    }
    let time_zone = given.time_zone.as_deref().unwrap_or(TIME_ZONE);
    findings.take(&key("time_zone"), check_time_zone(time_zone));
    if let Some(base) = &given.base {
        copied_base(raw, base, &key("base"), findings);
    }
    let settings = SyncSettings {
        strategy,
        follow: given.follow.unwrap_or(true),
        poll,
        notify: given.notify.unwrap_or(true),
        cron: given.cron.clone(),
        time_zone: time_zone.to_owned(),
        reconcile,
        max_age,
        page_size: page_size(given, kind, &key("page_size"), findings),
        base: given.base.clone(),
        remember_removed,
    };
    second_looks(given, &settings, at, findings);
    settings
}

fn strategy(
    text: Option<&str>,
    kind: DirectoryKind,
    key: &str,
    findings: &mut Findings,
) -> Option<Strategy> {
    let text = text.filter(|text| *text != AUTO)?;
    let fitting = Strategy::of(kind);
    let found = fitting.iter().copied().find(|strategy| strategy.name() == text);
    if found.is_none() {
        let elsewhere = [DirectoryKind::ActiveDirectory, DirectoryKind::OpenLdap].into_iter();
        let elsewhere = elsewhere.flat_map(Strategy::of).any(|strategy| strategy.name() == text);
        let reason = if elsewhere {
            format!("{text:?} is no strategy for this kind of directory")
        } else {
            format!("{text:?} is not known here")
        };
        let words: Vec<_> =
            fitting.iter().map(|strategy| format!("{:?}", strategy.name())).collect();
        findings.problem(key, reason, format!("write {AUTO:?} or {}", words.join(" or ")));
    }
    found
}

fn page_size(raw: &RawSync, kind: DirectoryKind, key: &str, findings: &mut Findings) -> u32 {
    let page_size = value::bounded_count(findings, key, raw.page_size, PAGE_SIZE, (10, 100_000));
    if page_size > PAGE_SIZE && kind == DirectoryKind::ActiveDirectory {
        findings.warn(key, "Active Directory gives pages of 1000 entries unless told otherwise");
    }
    page_size
}

/// What is allowed and rarely meant.
fn second_looks(raw: &RawSync, settings: &SyncSettings, at: &str, findings: &mut Findings) {
    let full_only = settings.strategy == Some(Strategy::Full);
    if full_only && raw.follow == Some(true) {
        let text =
            "means nothing with strategy = \"full\": changes are seen when everything is read";
        findings.warn(format!("{at}.follow"), text);
    }
    if !settings.follow || full_only {
        let given = [("poll", raw.poll.is_some()), ("notify", raw.notify == Some(true))];
        for (key, _) in given.iter().filter(|(_, given)| *given) {
            findings.warn(format!("{at}.{key}"), "means nothing where changes are not followed");
        }
        if let Some(pause) = pause_beyond(settings, settings.max_age) {
            let text = format!(
                "is shorter than the longest pause of cron, {}: the copy is too old in between, and \
                 applications with freshness = \"strict\" are refused then",
                value::duration_text(pause)
            );
            findings.warn(format!("{at}.max_age"), text);
        }
    } else if settings.max_age < settings.poll * 2 {
        let text =
            "is less than two looks for changes (poll): one that fails makes the copy too old";
        findings.warn(format!("{at}.max_age"), text);
    }
}

/// A pause between two runs that is longer than `limit`, if there is one. The moment that is started from is
/// fixed, so that the same file always means the same.
fn pause_beyond(settings: &SyncSettings, limit: Duration) -> Option<Duration> {
    let schedule = settings.schedule(Strategy::Full).ok()?;
    let first = schedule.next(SystemTime::UNIX_EPOCH)?;
    let mut last = first;
    for _ in 0..RUNS_LOOKED_AT {
        let next = schedule.next(last)?;
        let pause = next.duration_since(last).unwrap_or_default();
        if pause > limit {
            return Some(pause);
        }
        if next.duration_since(first).unwrap_or_default() > LOOKED_AT {
            return None;
        }
        last = next;
    }
    None
}

fn copied_base(raw: &RawDirectory, base: &str, key: &str, findings: &mut Findings) {
    let Some(base) = findings.take(key, value::dn(base)) else { return };
    let naming_context = raw.base_dn.as_deref().and_then(|text| value::dn(text).ok());
    if naming_context.is_some_and(|context| !base.is_within(&context)) {
        findings.problem(key, "lies outside base_dn", "choose a part of the naming context");
    }
    findings.warn(
        key,
        "what lies outside is unknown, not out of scope: memberships through groups there are lost, \
         and who moves there counts as deleted",
    );
}

fn check_cron(text: &str) -> Result<(), Fault> {
    let instead = "write five fields: minute hour day month weekday, for example \"*/5 * * * *\"";
    if text.split_whitespace().count() != 5 {
        return Err(Fault::new(format!("{text:?} has not five fields"), instead));
    }
    CronSchedule::parse(text, "UTC")
        .map(|_| ())
        .map_err(|error| Fault::new(format!("{text:?} is no schedule: {error}"), instead))
}

fn check_time_zone(text: &str) -> Result<(), Fault> {
    CronSchedule::parse("* * * * *", text).map(|_| ()).map_err(|error| {
        Fault::new(
            error.to_string(),
            "write an IANA name such as \"Europe/Berlin\", or \"UTC\"; a container may need tzdata",
        )
    })
}

pub(super) fn guard(raw: &RawGuard, at: &str, findings: &mut Findings) -> GuardConfig {
    let key = |key: &str| format!("{at}.{key}");
    let default = GuardConfig::default();
    let (share, least) =
        (u32::from(default.share_percent), u32::try_from(default.least).unwrap_or(u32::MAX));
    let share = value::bounded_count(findings, &key("share"), raw.share, share, (1, 100));
    let least = value::bounded_count(findings, &key("least"), raw.least, least, (1, 1_000_000));
    let window = raw.window.as_deref();
    let bounds = (MINUTE, DAY);
    let window = value::bounded_duration(findings, &key("window"), window, default.window, bounds);
    if share == 100 {
        findings
            .warn(key("share"), "no mass change is ever held, not even one that removes everybody");
    }
    GuardConfig {
        share_percent: u8::try_from(share).unwrap_or(100),
        least: usize::try_from(least).unwrap_or(usize::MAX),
        window,
    }
}
