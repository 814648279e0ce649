//! Text and environment to [`RawConfig`]: what is no TOML, what has the wrong type and which keys
//! nobody knows, all of it at once.

use std::collections::BTreeMap;

use config::{Config, ConfigError, Environment, File, FileFormat, Value, ValueKind};

use super::error::Findings;
use super::raw::RawConfig;

/// What the names of overriding environment variables begin with.
pub const ENVIRONMENT_PREFIX: &str = "LDAPGATE__";

/// Sections that are lists, which the environment cannot reach into.
const LISTS: [&str; 3] = ["directory", "application", "listener"];

/// Reads the text and lays the environment over it. `None` if nothing can be made of it; with faults
/// noted and `Some`, the faulty values are left out so that the rest can be looked at too.
pub(super) fn parse(
    text: &str,
    environment: &BTreeMap<String, String>,
    findings: &mut Findings,
) -> Option<RawConfig> {
    let overrides = overrides(environment, findings);
    match tree(text, overrides) {
        Ok(tree) => read(tree, findings),
        Err(error) => {
            findings.problem("", syntax(&error), "");
            None
        }
    }
}

/// The values of a text that [`parse`] has accepted, under their keys.
pub(super) fn values(text: &str, environment: &BTreeMap<String, String>) -> Option<Value> {
    tree(text, overrides(environment, &mut Findings::default())).ok()
}

fn tree(text: &str, overrides: BTreeMap<String, String>) -> Result<Value, ConfigError> {
    // Values stay text: "00123" in a variable must not become a number on its way to a text key.
    let environment = Environment::with_prefix(ENVIRONMENT_PREFIX.trim_end_matches('_'))
        .prefix_separator("__")
        .separator("__")
        .try_parsing(false)
        .source(Some(overrides.into_iter().collect()));
    let built = Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .add_source(environment)
        .build();
    built.map(|built| built.cache)
}

/// The overriding variables that can be honoured.
fn overrides(
    environment: &BTreeMap<String, String>,
    findings: &mut Findings,
) -> BTreeMap<String, String> {
    let mut overrides = BTreeMap::new();
    for (name, value) in environment {
        let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
        let section = key.split("__").next().unwrap_or_default().to_lowercase();
        if LISTS.contains(&section.as_str()) {
            findings.problem(
                section,
                format!("the variable {name} reaches into a list, which cannot be overridden"),
                "set it in the file; secrets go into files of their own (…_file keys)",
            );
        } else {
            overrides.insert(name.clone(), value.clone());
        }
    }
    overrides
}

/// Takes one faulty value out after the other, until the rest can be read.
fn read(mut tree: Value, findings: &mut Findings) -> Option<RawConfig> {
    loop {
        let error = match tree.clone().try_deserialize::<RawConfig>() {
            Ok(raw) => return Some(raw),
            Err(error) => error,
        };
        let (key, reason, instead) = describe(&error);
        let removed = remove(&mut tree, &key);
        let variable = removed.as_ref().and_then(Value::origin).is_some();
        let origin = if variable { " (from the environment)" } else { "" };
        if !findings.has(&key) {
            findings.problem(&key, format!("{reason}{origin}"), instead);
        }
        removed?;
    }
}

/// Key, reason, and what to write instead.
fn describe(error: &ConfigError) -> (String, String, String) {
    let (key, inner) = located(error);
    if let ConfigError::Type { unexpected, expected, .. } = inner {
        let found = plain(&unexpected.to_string());
        return (key, format!("is {found}"), format!("write {}", plain(expected)));
    }
    let text = inner.to_string();
    if let Some((unknown, known)) = unknown_field(&text) {
        let key = if key.is_empty() { unknown.clone() } else { format!("{key}.{unknown}") };
        let instead = match nearest(&unknown, &known) {
            Some(name) => format!("did you mean {name}?"),
            None => format!("known here: {}", known.join(", ")),
        };
        return (key, "there is no such key".to_owned(), instead);
    }
    // serde's own wording: "invalid type: integer `1`, expected a string or a table"
    let text = text.strip_prefix("invalid type: ").unwrap_or(&text);
    match text.split_once(", expected ") {
        Some((found, expected)) => {
            (key, format!("is {}", plain(found)), format!("write {}", plain(expected)))
        }
        None => (key, text.to_owned(), String::new()),
    }
}

/// The libraries' words for kinds of values, in those of TOML.
fn plain(text: &str) -> String {
    const WORDS: [(&str, &str); 7] = [
        ("an unsigned", "a positive"),
        ("an signed", "a"),
        ("a boolean", "true or false"),
        ("a sequence", "a list"),
        ("sequence", "a list"),
        ("a map", "a table"),
        ("map", "a table"),
    ];
    let word = WORDS.iter().find(|(theirs, _)| text.starts_with(theirs));
    word.map_or_else(|| text.to_owned(), |(theirs, ours)| text.replacen(theirs, ours, 1))
}

/// The key path of an error, in the usual spelling, and what is beneath.
fn located(error: &ConfigError) -> (String, &ConfigError) {
    if let ConfigError::At { error, key, .. } = error {
        return (spelled(key.as_deref().unwrap_or_default()), error.as_ref());
    }
    let ConfigError::Type { key, .. } = error else { return (String::new(), error) };
    (spelled(key.as_deref().unwrap_or_default()), error)
}

/// The library writes `directory[0]name`; everybody else writes `directory[0].name`.
fn spelled(key: &str) -> String {
    let mut spelled = String::with_capacity(key.len() + 4);
    for (index, part) in key.split(']').enumerate() {
        if index > 0 {
            spelled.push(']');
            if !part.is_empty() && !part.starts_with(['.', '[']) {
                spelled.push('.');
            }
        }
        spelled.push_str(part);
    }
    spelled
}

/// Name and known names out of serde's sentence about an unknown field.
fn unknown_field(text: &str) -> Option<(String, Vec<String>)> {
    let mut words = text.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = words.next()?.to_owned();
    Some((unknown, words.map(str::to_owned).collect()))
}

/// The known name that differs from the unknown one by the fewest letters, if by no more than two.
fn nearest<'a>(unknown: &str, known: &'a [String]) -> Option<&'a str> {
    let distances = known.iter().map(|name| (distance(unknown, name), name.as_str()));
    distances.filter(|(distance, _)| *distance <= 2).min().map(|(_, name)| name)
}

/// Levenshtein distance.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (index, a) in left.chars().enumerate() {
        let mut next = vec![index + 1];
        for ((b, above), diagonal) in right.chars().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            next.push((above + 1).min(left + 1).min(diagonal + usize::from(a != b)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// Takes the value at a key path out of the tree; `None` if that changes nothing.
fn remove(tree: &mut Value, key: &str) -> Option<Value> {
    let mut path = key.replace(']', "").replace('[', ".");
    let mut at = tree;
    while let Some((head, tail)) = path.split_once('.') {
        at = child(at, head)?;
        path = tail.to_owned();
    }
    if let ValueKind::Table(table) = &mut at.kind {
        return table.remove(&path);
    }
    let element = child(at, &path)?;
    // Emptied rather than removed, so that the others keep their index in messages.
    let is_empty_table = matches!(&element.kind, ValueKind::Table(table) if table.is_empty());
    let is_empty_text = matches!(&element.kind, ValueKind::String(text) if text.is_empty());
    let empty = match (is_empty_table, is_empty_text) {
        (true, _) => return None,
        (false, true) => ValueKind::Table(config::Map::new()),
        (false, false) => ValueKind::String(String::new()),
    };
    Some(std::mem::replace(element, Value::new(None, empty)))
}

fn child<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    if matches!(value.kind, ValueKind::Table(_)) {
        let ValueKind::Table(table) = &mut value.kind else { return None };
        return table.get_mut(name);
    }
    let ValueKind::Array(values) = &mut value.kind else { return None };
    values.get_mut(name.parse::<usize>().ok()?)
}

/// The parser's message without the line it shows: that line may hold a secret.
fn syntax(error: &ConfigError) -> String {
    let cause = if let ConfigError::FileParse { cause, .. } = error { Some(cause) } else { None };
    let text = cause.map_or_else(|| error.to_string(), ToString::to_string);
    let shown = |line: &&str| {
        !line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with('|')
    };
    text.lines().filter(shown).collect::<Vec<_>>().join(": ")
}
