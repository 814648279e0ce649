//! The files that come with the program are held to the code.

use super::*;

const SHIPPED: &str = include_str!("../../../config/ldapgate.toml");
const DOCUMENTED: &str = include_str!("../../../docs/configuration.md");

/// The shipped file with every key in force.
fn uncommented() -> String {
    let lines = SHIPPED.lines().map(|line| {
        let bare = line.trim_start();
        match bare.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '{') => rest,
            Some(_) | None => line,
        }
    });
    lines.map(|line| format!("{line}\n")).collect()
}

/// Every key path of the raw configuration; list elements without their index.
fn keys() -> Vec<String> {
    let mut findings = Findings::default();
    let raw = parse(&uncommented(), &BTreeMap::new(), &mut findings);
    assert_eq!(findings.problems, []);
    let tree = serde_json::to_value(raw.unwrap()).unwrap();
    let mut keys = BTreeMap::new();
    walk("", &tree, &mut keys);
    let missing: Vec<_> = keys.iter().filter(|(_, shown)| !**shown).map(|(key, _)| key).collect();
    assert!(missing.is_empty(), "not shown in config/ldapgate.toml: {missing:?}");
    keys.into_keys().collect()
}

/// Notes each key and whether any element of its list has a value for it.
fn walk(at: &str, value: &serde_json::Value, keys: &mut BTreeMap<String, bool>) {
    for value in value.as_array().into_iter().flatten() {
        walk(at, value, keys);
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let key = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        if !value.is_object() {
            *keys.entry(key.clone()).or_default() |= !value.is_null();
        }
        walk(&key, value, keys);
    }
}

#[test]
fn the_minimal_configuration_fits_on_a_card() {
    assert!(MINIMAL.lines().count() <= 15);
}

#[test]
fn the_shipped_configuration_loads_without_a_warning() {
    let config = good(SHIPPED);
    assert_eq!(config.warnings(), []);
    assert_eq!(
        (config.directories.len(), config.applications.len(), config.listeners.len()),
        (1, 1, 1)
    );
}

#[test]
fn every_key_is_shown() {
    let keys = keys();
    for key in ["directory.controllers.tier", "application.local_accounts.secret", "log.level"] {
        assert!(keys.iter().any(|other| other == key), "{key}: {keys:?}");
    }
    assert!(keys.len() > 60, "{}", keys.len());
}

/// The rows of the documentation: key path and the default column.
fn documented() -> BTreeMap<String, String> {
    let mut section = String::new();
    let mut rows = BTreeMap::new();
    for line in DOCUMENTED.lines() {
        if line.starts_with("## ") || line.starts_with("### ") {
            let name = line.trim_start_matches('#').trim();
            let is_section = name.starts_with('[');
            section = if is_section { name.replace(['[', ']'], "") + "." } else { String::new() };
        }
        let Some((key, rest)) = line.strip_prefix("| `").and_then(|row| row.split_once("` | "))
        else {
            continue;
        };
        let default = rest.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        rows.insert(format!("{section}{key}"), default.to_owned());
    }
    rows
}

#[test]
fn every_key_is_documented() {
    let sections = ["directory", "application", "listener"];
    // Documented once for both lists.
    let shared = ["application.excluded_bases.", "application.visible_bases."];
    let expected: Vec<String> = keys()
        .into_iter()
        .filter(|key| !sections.contains(&key.as_str()))
        .map(|key| shared.iter().fold(key, |key, of| key.replace(of, "application.bases.")))
        .collect();
    let expected: Vec<_> = std::collections::BTreeSet::from_iter(expected).into_iter().collect();
    let documented: Vec<_> = documented().into_keys().collect();
    assert_eq!(documented, expected);
}

#[test]
fn documented_defaults_are_the_shown_ones() {
    let mut compared = 0;
    for (key, default) in documented() {
        let Some(value) = default.strip_prefix('`').and_then(|rest| rest.split('`').next()) else {
            continue;
        };
        if value.starts_with(|c: char| c == '"' || c.is_ascii_digit()) || value == "false" {
            let name = key.rsplit('.').next().unwrap();
            let line = format!("\n#{name} = {value}\n");
            assert!(SHIPPED.contains(&line), "{key}: {line}");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
}

/// What the comments call a default is the default.
#[test]
fn shown_defaults_are_the_defaults() {
    let uncommented = uncommented();
    // Examples that exclude each other in one configuration, and a default that depends on others.
    let text: String = uncommented
        .lines()
        .filter(|line| {
            let left_out = [
                "spki_pins = [",
                "bind_password = ",
                "base = ",
                "cron = ",
                "department_from_path = ",
                "hidden_attributes = ",
            ];
            !left_out.iter().any(|no| line.starts_with(no))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let text = text.replace("\"../certs/branch-ca.pem\"", "\"../certs/corp-ca.pem\"");
    let (shown, default) = (
        good(&text.replace("listeners = [\"ldap://127.0.0.1:3389\"]", "listeners = [\"inside\"]")),
        good(MINIMAL),
    );
    let directory = |config: &Config| {
        let upstream = &config.directories[0].upstream;
        let settings = (
            &upstream.timeouts,
            &upstream.pool,
            &upstream.health,
            upstream.max_message,
            upstream.kind,
        );
        let DirectorySettings { sync, guard, shield, attributes, .. } = &config.directories[0];
        format!("{settings:?} {sync:?} {guard:?} {shield:?} {attributes:?}")
    };
    assert_eq!(directory(&shown), directory(&default));
    let application = |config: &Config| {
        let one = &config.applications[0];
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            one.searchers,
            one.anonymous,
            one.refusals,
            one.freshness,
            one.negative_latency,
            one.limits
        )
    };
    assert_eq!(application(&shown), application(&default));
    let listener = |config: &Config| {
        let one = &config.listeners[0];
        format!("{:?} {} {}", one.limits, one.max_connections, one.allow_cleartext_bind)
    };
    assert_eq!(listener(&shown), listener(&default));
    assert_eq!(shown.log, default.log);
    assert_eq!(shown.audit, default.audit);
    assert_eq!(shown.sources, default.sources);
    assert_eq!((shown.control, shown.shutdown_grace), (default.control, default.shutdown_grace));
    assert_eq!(shown.store, default.store);
}
