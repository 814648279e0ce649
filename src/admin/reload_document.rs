//! What is asked and told about the configuration. Times are whole seconds since 1970-01-01T00:00:00Z.

use serde::{Deserialize, Serialize};

/// The question of `POST /v1/reload`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReloadQuestion {
    /// Only say what would become of it.
    pub dry_run: bool,
    /// Take over what was held before, if the file is still the same.
    pub accept: bool,
}

/// The answer of `POST /v1/reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadAnswer {
    /// What became of it.
    pub outcome: ReloadOutcome,
    /// What is wrong with the file, each with its key.
    #[serde(default)]
    pub faults: Vec<String>,
    /// Keys that differ and that only a restart takes over.
    #[serde(default)]
    pub needs_restart: Vec<String>,
    /// Why it is held.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Applications that come, by name.
    #[serde(default)]
    pub added: Vec<String>,
    /// Applications that go.
    #[serde(default)]
    pub removed: Vec<String>,
    /// Applications that stay and are configured in another way.
    #[serde(default)]
    pub changed: Vec<String>,
    /// Listeners whose certificate is a new one.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Who leaves and comes to which application.
    #[serde(default)]
    pub impacts: Vec<ReloadImpact>,
    /// Allowed, but not what most want.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What became of a reload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReloadOutcome {
    /// It is in force.
    Applied,
    /// The file says what is in force.
    #[default]
    Unchanged,
    /// It concerns too many and waits for an operator; what was in force still is.
    Held,
    /// A dry run: it would be in force.
    WouldApply,
    /// A dry run: it would be held.
    WouldHold,
    /// Something differs that only a restart takes over; nothing was.
    NeedsRestart,
    /// The file cannot be used; nothing was taken over.
    Faulty,
}

/// What a configuration does to the users of one application in one directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadImpact {
    /// The application.
    pub application: String,
    /// The directory.
    pub directory: String,
    /// Users in its scope before.
    pub before: usize,
    /// How many leave it.
    pub lost: usize,
    /// How many come to it.
    pub gained: usize,
    /// Some of those who leave, by distinguished name.
    pub leaving: Vec<String>,
    /// Some of those who come.
    pub coming: Vec<String>,
}

/// The configuration in force.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedConfiguration {
    /// The file it comes from; absent where it comes from none.
    pub file: Option<String>,
    /// When it was loaded.
    pub loaded_unix: i64,
    /// SHA-256 of the text of the file, as hexadecimal digits.
    pub sha256: String,
    /// What waits for an operator.
    pub held: Option<HeldConfiguration>,
    /// How reloads ended since the start.
    pub reloads: ReloadCounts,
}

/// A configuration that waits for an operator.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldConfiguration {
    /// Since when.
    pub since_unix: i64,
    /// SHA-256 of the text of the file.
    pub sha256: String,
    /// Why.
    pub reasons: Vec<String>,
}

/// How reloads ended since the start. Dry runs are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadCounts {
    /// Taken over.
    pub applied: u64,
    /// Nothing to take over.
    pub unchanged: u64,
    /// Held.
    pub held: u64,
    /// A restart was needed.
    pub needs_restart: u64,
    /// The file could not be used.
    pub faulty: u64,
}
