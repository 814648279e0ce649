//! What is wrong with a configuration: all of it at once, each fault with its key, the reason, and what
//! to write instead. What is allowed but worth a second look comes as warnings.

use std::fmt;
use std::path::PathBuf;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `directory[0].controllers[1].url`; empty for the file as a whole.
    pub key: String,
    /// What is wrong there.
    pub reason: String,
    /// What to write or do instead.
    pub instead: String,
}

/// Everything that is wrong with one configuration; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file, if it came from one.
    pub file: Option<PathBuf>,
    /// The faults: first what cannot be read at all, then what makes no sense.
    pub problems: Vec<Problem>,
}

/// Allowed, but not what most want. Logged at start and shown by `ldapgate check`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// Where: `directory[0].controllers[1].plaintext`.
    pub key: String,
    /// What follows from it.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)?;
        if self.instead.is_empty() { Ok(()) } else { write!(f, "; {}", self.instead) }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}: ", file.display())?,
            None => f.write_str("configuration: ")?,
        }
        match self.problems.len() {
            1 => f.write_str("1 problem")?,
            count => write!(f, "{count} problems")?,
        }
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// Why one value cannot be used; becomes a [`Problem`] where its key is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) reason: String,
    pub(super) instead: String,
}

impl Fault {
    pub(super) fn new(reason: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { reason: reason.into(), instead: instead.into() }
    }
}

/// Collects what is found on the way through a configuration.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Warning>,
    unreadable: Vec<String>,
}

impl Findings {
    /// From here on, what is missing because it could not even be read is no second fault.
    pub(super) fn begin_meaning(&mut self) {
        self.unreadable = self.problems.iter().map(|problem| problem.key.clone()).collect();
    }

    /// Whether this key has a fault already.
    pub(super) fn has(&self, key: &str) -> bool {
        self.problems.iter().any(|problem| problem.key == key)
    }

    /// Notes a fault.
    pub(super) fn problem(
        &mut self,
        key: impl Into<String>,
        reason: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let problem = Problem { key: key.into(), reason: reason.into(), instead: instead.into() };
        let unreadable = self.unreadable.iter().any(|key| is_within(&problem.key, key));
        if !unreadable && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The value, or its fault noted.
    pub(super) fn take<T>(&mut self, key: &str, value: Result<T, Fault>) -> Option<T> {
        value.map_err(|fault| self.problem(key, fault.reason, fault.instead)).ok()
    }

    /// The values of a list, each fault noted under its own index.
    pub(super) fn take_each<R, T>(
        &mut self,
        key: &str,
        values: &[R],
        parse: impl Fn(&R) -> Result<T, Fault>,
    ) -> Vec<T> {
        let parsed = values.iter().enumerate();
        parsed
            .filter_map(|(index, value)| self.take(&format!("{key}[{index}]"), parse(value)))
            .collect()
    }

    /// Notes what deserves a second look.
    pub(super) fn warn(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.warnings.push(Warning { key: key.into(), text: text.into() });
    }

    /// Notes every text that occurs again.
    pub(super) fn duplicates(
        &mut self,
        at: impl Fn(usize) -> String,
        texts: impl IntoIterator<Item = String>,
        what: &str,
    ) {
        let mut seen: Vec<String> = Vec::new();
        for (index, text) in texts.into_iter().enumerate() {
            if let Some(first) = seen.iter().position(|other| *other == text) {
                self.problem(
                    at(index),
                    format!("{what} {text:?} is at {} already", at(first)),
                    "remove one of them or give it another value",
                );
            }
            seen.push(text);
        }
    }
}

/// Whether `key` is `outer` or inside it.
fn is_within(key: &str, outer: &str) -> bool {
    key.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
