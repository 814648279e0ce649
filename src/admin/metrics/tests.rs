//! What is written is OpenMetrics, and says what the status says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::budgets::{Shield, Sources};
use super::super::document::{Revocations as Summary, Sync};
use super::super::reload_document::{HeldConfiguration, LoadedConfiguration, ReloadCounts};
use super::*;
use crate::session::revocations::Revocations;
use crate::sync::{Held, NameList, PassCounts};

/// One family as it was read back.
#[derive(Debug, Default)]
struct Read {
    help: String,
    kind: String,
    unit: Option<String>,
    /// By name and labels: `ldapgate_view_users{directory="corp"}`.
    samples: BTreeMap<String, f64>,
    labels: BTreeSet<(String, String)>,
}

/// Reads the text format of OpenMetrics 1.0, as far as it is written here, and refuses everything else: what has
/// no help or type, stands outside its family, or comes twice.
fn parse(text: &str) -> BTreeMap<String, Read> {
    let body = text.strip_suffix("# EOF\n").expect("ends with the mark");
    let mut families: BTreeMap<String, Read> = BTreeMap::new();
    let mut current = String::new();
    for line in body.lines() {
        if let Some(meta) = line.strip_prefix("# ") {
            let (word, rest) = meta.split_once(' ').unwrap();
            let (name, value) = rest.split_once(' ').unwrap();
            assert!(!value.is_empty(), "{line}");
            if word == "HELP" {
                current = name.to_owned();
                let family = Read { help: value.to_owned(), ..Read::default() };
                assert!(families.insert(current.clone(), family).is_none(), "twice: {line}");
            }
            assert_eq!(name, current, "{line}");
            let family = families.get_mut(&current).unwrap();
            assert!(family.samples.is_empty(), "after samples: {line}");
            match word {
                "HELP" => {}
                "TYPE" => family.kind = value.to_owned(),
                "UNIT" => family.unit = Some(value.to_owned()),
                other => panic!("{other}: {line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let family = families.get_mut(&current).unwrap();
        let suffixes: &[&str] = match family.kind.as_str() {
            "gauge" => &[""],
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_count", "_sum"],
            other => panic!("the textfile collector refuses {other:?}: {line}"),
        };
        assert!(suffixes.iter().any(|suffix| name == format!("{current}{suffix}")), "{line}");
        family.labels.extend(labels(series.strip_prefix(name).unwrap()));
        let value = value.parse().unwrap();
        assert!(family.samples.insert(series.to_owned(), value).is_none(), "twice: {line}");
    }
    for (name, family) in &families {
        assert!(name.starts_with("ldapgate_"), "{name}");
        assert!(!family.help.is_empty() && !family.kind.is_empty(), "{name}: {family:?}");
        if let Some(unit) = &family.unit {
            assert!(name.ends_with(&format!("_{unit}")), "{name}");
        }
    }
    families
}

/// `{name="value",…}`, or nothing.
fn labels(written: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let Some(mut rest) = written.strip_prefix('{') else {
        assert_eq!(written, "");
        return found;
    };
    while rest != "}" {
        rest = rest.strip_prefix(',').unwrap_or(rest);
        let (name, after) = rest.split_once("=\"").unwrap();
        let mut value = String::new();
        let mut characters = after.chars();
        loop {
            match characters.next().unwrap() {
                '"' => break,
                '\\' => match characters.next().unwrap() {
                    'n' => value.push('\n'),
                    escaped @ ('"' | '\\') => value.push(escaped),
                    other => panic!("escaped {other:?}: {written}"),
                },
                plain => value.push(plain),
            }
        }
        found.push((name.to_owned(), value));
        rest = characters.as_str();
    }
    found
}

fn controller(name: &str, verify: &str, sync: &str) -> Controller {
    let capability = |state: &str| Capability {
        state: state.to_owned(),
        cause: Some("no route".to_owned()),
        since_unix: 0,
    };
    Controller {
        name: name.to_owned(),
        address: format!("{name}:636"),
        tier: 0,
        verify: capability(verify),
        sync: capability(sync),
        links_idle: 1,
        links_busy: 2,
        binds: 70,
        failures: 7,
        history: Vec::new(),
    }
}

/// One directory that is followed, and one that could not be read yet.
fn status() -> Status {
    let view = View {
        generation: 12,
        naming_context: "DC=corp,DC=example".to_owned(),
        built_unix: 900,
        age_seconds: 4,
        users: 300,
        groups: 20,
        containers: 5,
        subschema: None,
    };
    let held = Held {
        since: std::time::UNIX_EPOCH,
        reasons: vec!["would remove 45 of 300 users".to_owned()],
        job: 9,
        accounts: NameList { total: 1, names: vec!["CN=alice,DC=corp,DC=example".to_owned()] },
    };
    let followed = Sync {
        strategy: Some("usn".to_owned()),
        announced_by: Some("dc1".to_owned()),
        held: Some(held),
        passes: PassCounts { applied: 3, nothing: 900, held: 2, failed: 1, dry_run: 0 },
        last_success_unix: Some(996),
        ..Sync::default()
    };
    let failing = Sync { failures: 4, stale: true, ..Sync::default() };
    Status {
        version: "1.2.3".to_owned(),
        pid: 5,
        started_unix: 500,
        uptime_seconds: 500,
        ready: false,
        draining: false,
        configuration: LoadedConfiguration {
            loaded_unix: 900,
            held: Some(HeldConfiguration::default()),
            reloads: ReloadCounts {
                applied: 71,
                unchanged: 72,
                held: 73,
                needs_restart: 74,
                faulty: 75,
            },
            ..LoadedConfiguration::default()
        },
        directories: vec![
            Directory {
                name: "corp".to_owned(),
                controllers: vec![controller("dc1", "up", "degraded")],
                view: Some(view),
                sync: followed,
                shield: Shield {
                    accounts: 6,
                    exhausted: 41,
                    repeated: 42,
                    timed_out: 43,
                    ..Shield::default()
                },
                offline: Some(Offline {
                    verifiers: 7,
                    accepted: 44,
                    wrong_password: 45,
                    withheld: 46,
                    remembered: 47,
                    not_remembered: 48,
                }),
            },
            Directory {
                name: "labs".to_owned(),
                controllers: vec![controller("dc1", "down", "down")],
                view: None,
                sync: failing,
                shield: Shield::default(),
                offline: None,
            },
        ],
        sessions_open: 3,
        revocations: Summary::default(),
        blocks: 2,
        sources: Sources { application_refused: 51, client_refused: 52 },
        listeners: Vec::new(),
        log_level: "info".to_owned(),
    }
}

fn read(status: Status) -> BTreeMap<String, Read> {
    parse(&text(status, Revocations::default().read()).unwrap())
}

#[test]
fn values_follow_the_state() {
    let families = read(status());
    for (name, expected) in [
        ("build_info", vec![(r#"{version="1.2.3"}"#, 1.0)]),
        ("start_time_seconds", vec![("", 500.0)]),
        ("ready", vec![("", 0.0)]),
        ("sessions_open", vec![("", 3.0)]),
        ("blocks", vec![("", 2.0)]),
        ("view_age_seconds", vec![(r#"{directory="corp"}"#, 4.0)]),
        ("view_generation", vec![(r#"{directory="corp"}"#, 12.0)]),
        ("view_users", vec![(r#"{directory="corp"}"#, 300.0)]),
        ("view_groups", vec![(r#"{directory="corp"}"#, 20.0)]),
        ("view_stale", vec![(r#"{directory="corp"}"#, 0.0), (r#"{directory="labs"}"#, 1.0)]),
        (
            "sync_passes",
            vec![
                (r#"_total{directory="corp",outcome="applied"}"#, 3.0),
                (r#"_total{directory="corp",outcome="nothing"}"#, 900.0),
                (r#"_total{directory="corp",outcome="held"}"#, 2.0),
                (r#"_total{directory="corp",outcome="failed"}"#, 1.0),
                (r#"_total{directory="corp",outcome="dry_run"}"#, 0.0),
                (r#"_total{directory="labs",outcome="applied"}"#, 0.0),
                (r#"_total{directory="labs",outcome="nothing"}"#, 0.0),
                (r#"_total{directory="labs",outcome="held"}"#, 0.0),
                (r#"_total{directory="labs",outcome="failed"}"#, 0.0),
                (r#"_total{directory="labs",outcome="dry_run"}"#, 0.0),
            ],
        ),
        (
            "sync_consecutive_failures",
            vec![(r#"{directory="corp"}"#, 0.0), (r#"{directory="labs"}"#, 4.0)],
        ),
        ("sync_last_success_timestamp_seconds", vec![(r#"{directory="corp"}"#, 996.0)]),
        ("sync_held", vec![(r#"{directory="corp"}"#, 1.0), (r#"{directory="labs"}"#, 0.0)]),
        ("sync_strategy_info", vec![(r#"{directory="corp",strategy="usn"}"#, 1.0)]),
        ("sync_announced", vec![(r#"{directory="corp"}"#, 1.0), (r#"{directory="labs"}"#, 0.0)]),
        ("shield_accounts", vec![(r#"{directory="corp"}"#, 6.0), (r#"{directory="labs"}"#, 0.0)]),
        (
            "shield_turned_away",
            vec![
                (r#"_total{directory="corp",why="budget"}"#, 41.0),
                (r#"_total{directory="corp",why="repeated_password"}"#, 42.0),
                (r#"_total{directory="corp",why="waited_too_long"}"#, 43.0),
                (r#"_total{directory="labs",why="budget"}"#, 0.0),
                (r#"_total{directory="labs",why="repeated_password"}"#, 0.0),
                (r#"_total{directory="labs",why="waited_too_long"}"#, 0.0),
            ],
        ),
        (
            "shield_sources_turned_away",
            vec![(r#"_total{source="application"}"#, 51.0), (r#"_total{source="client"}"#, 52.0)],
        ),
        ("offline_verifiers", vec![(r#"{directory="corp"}"#, 7.0)]),
        (
            "offline_logins",
            vec![
                (r#"_total{directory="corp",outcome="accepted"}"#, 44.0),
                (r#"_total{directory="corp",outcome="wrong_password"}"#, 45.0),
                (r#"_total{directory="corp",outcome="withheld"}"#, 46.0),
            ],
        ),
        (
            "controller_up",
            vec![
                (r#"{directory="corp",controller="dc1",capability="verify"}"#, 1.0),
                (r#"{directory="corp",controller="dc1",capability="sync"}"#, 0.0),
                (r#"{directory="labs",controller="dc1",capability="verify"}"#, 0.0),
                (r#"{directory="labs",controller="dc1",capability="sync"}"#, 0.0),
            ],
        ),
        (
            "controller_usable",
            vec![
                (r#"{directory="corp",controller="dc1",capability="verify"}"#, 1.0),
                (r#"{directory="corp",controller="dc1",capability="sync"}"#, 1.0),
                (r#"{directory="labs",controller="dc1",capability="verify"}"#, 0.0),
                (r#"{directory="labs",controller="dc1",capability="sync"}"#, 0.0),
            ],
        ),
        (
            "controller_binds",
            vec![
                (r#"_total{directory="corp",controller="dc1"}"#, 70.0),
                (r#"_total{directory="labs",controller="dc1"}"#, 70.0),
            ],
        ),
        (
            "controller_bind_failures",
            vec![
                (r#"_total{directory="corp",controller="dc1"}"#, 7.0),
                (r#"_total{directory="labs",controller="dc1"}"#, 7.0),
            ],
        ),
    ] {
        let name = format!("ldapgate_{name}");
        let expected: BTreeMap<String, f64> =
            expected.into_iter().map(|(rest, value)| (format!("{name}{rest}"), value)).collect();
        assert_eq!(families[&name].samples, expected, "{name}");
    }
    assert_eq!(families.len(), 29, "{:?}", families.keys());
}

#[test]
fn the_configuration_is_told() {
    let families = read(status());
    for (name, expected) in [
        (
            "configuration_reloads",
            vec![
                (r#"_total{outcome="applied"}"#, 71.0),
                (r#"_total{outcome="unchanged"}"#, 72.0),
                (r#"_total{outcome="held"}"#, 73.0),
                (r#"_total{outcome="needs_restart"}"#, 74.0),
                (r#"_total{outcome="faulty"}"#, 75.0),
            ],
        ),
        ("configuration_held", vec![("", 1.0)]),
        ("configuration_loaded_timestamp_seconds", vec![("", 900.0)]),
    ] {
        let name = format!("ldapgate_{name}");
        let expected: BTreeMap<String, f64> = expected
            .into_iter()
            .map(|(series, value): (&str, f64)| (format!("{name}{series}"), value))
            .collect();
        assert_eq!(families[&name].samples, expected, "{name}");
    }
}

#[test]
fn revocations_are_a_histogram() {
    let revocations = Revocations::default();
    for millis in [3, 10, 40, 600, 20_000] {
        revocations.observe(Duration::from_millis(millis));
    }
    let families = parse(&text(status(), revocations.read()).unwrap());
    let samples = &families["ldapgate_revocation_seconds"].samples;
    let of = |rest: &str| samples[&format!("ldapgate_revocation_seconds{rest}")];
    for (bound, within) in
        [("0.01", 2.0), ("0.025", 2.0), ("0.05", 3.0), ("1.0", 4.0), ("10.0", 4.0), ("+Inf", 5.0)]
    {
        assert_eq!(of(&format!("_bucket{{le=\"{bound}\"}}")), within, "{bound}");
    }
    assert_eq!((of("_count"), samples.len()), (5.0, 13));
    assert!((of("_sum") - 20.653).abs() < 1e-9, "{samples:?}");
}

/// A time that was put into its bucket and not yet counted makes no bucket larger than all.
#[test]
fn a_histogram_that_is_read_while_it_is_written_adds_up() {
    let read = RevocationSeconds {
        count: 4,
        sum: 1.0,
        max: 0.5,
        buckets: vec![(0.1, 3), (0.5, 5), (1.0, 5)],
    };
    assert_eq!(apart(&read), (5, vec![(0.1, 3), (0.5, 2), (1.0, 0), (f64::INFINITY, 0)]));
}

#[test]
fn labels_name_directories_and_controllers_only() {
    let odd = "a \"b\" \\ c\nd";
    let mut status = status();
    status.directories[0].name = odd.to_owned();
    let families = read(status);
    let all: BTreeSet<&(String, String)> =
        families.values().flat_map(|family| &family.labels).collect();
    let names: BTreeSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    let known = [
        "capability",
        "controller",
        "directory",
        "le",
        "outcome",
        "source",
        "strategy",
        "version",
        "why",
    ];
    assert_eq!(names, known.into());
    assert!(all.contains(&("directory".to_owned(), odd.to_owned())), "{all:?}");
    assert!(all.iter().all(|(_, value)| !value.contains("alice")), "{all:?}");
}

#[test]
fn every_metric_is_documented() {
    let page = include_str!("../../../docs/operations.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| metric |")).skip(2);
    let rows = rows.take_while(|line| line.starts_with("| `"));
    let documented: BTreeSet<&str> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    let families = read(status());
    let written: BTreeSet<String> = families
        .into_iter()
        .map(|(name, family)| if family.kind == "counter" { name + "_total" } else { name })
        .collect();
    assert_eq!(documented, written.iter().map(String::as_str).collect());
}
