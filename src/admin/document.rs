//! The JSON documents of the control socket. The command line reads what the socket writes through the
//! same types. Times are whole seconds since 1970-01-01T00:00:00Z.

use serde::{Deserialize, Serialize};

use crate::directory::{Explanation, Lacking, MissingRequired};
use crate::sync::{Held, Job, PassCounts, Preview};

use super::budgets::{Offline, Shield, Sources};
use super::reload_document::LoadedConfiguration;

/// `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub started_unix: i64,
    /// For how many seconds it has been running.
    pub uptime_seconds: u64,
    /// Whether it is ready, as `GET /v1/health` says it.
    pub ready: bool,
    /// Whether it is on its way out: no new connections, open ones are finished.
    pub draining: bool,
    /// The configuration in force.
    #[serde(default)]
    pub configuration: LoadedConfiguration,
    /// The directories in the order of the configuration.
    pub directories: Vec<Directory>,
    /// Connections of applications that are open now.
    pub sessions_open: usize,
    /// Sessions that were ended because their accounts were taken away.
    #[serde(default)]
    pub revocations: Revocations,
    /// Blocks of operators that are in force.
    #[serde(default)]
    pub blocks: usize,
    /// Floods of wrong passwords from one place.
    #[serde(default)]
    pub sources: Sources,
    /// Where applications connect.
    pub listeners: Vec<Listener>,
    /// What is logged.
    pub log_level: String,
}

/// Sessions since the start that were ended by a change whose time is known. From seeing the change to the
/// notice that ends the session; the metrics have the distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocations {
    /// How many.
    pub count: u64,
    /// How many milliseconds the slowest took.
    pub longest_ms: u64,
}

/// The question of `GET /v1/explain/search`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchQuestion {
    /// The filter (RFC 4515).
    pub filter: String,
    /// The directory; may be left out if there is only one.
    pub directory: Option<String>,
    /// The base, as an application may write it; by default everything.
    pub base: Option<String>,
    /// `base`, `one`, `sub` (the default) or `children`.
    pub scope: Option<String>,
    /// The application for which the search is done; by default nobody's users are hidden.
    pub application: Option<String>,
}

/// `GET /v1/explain/search`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedSearch {
    /// The directory that was searched.
    pub directory: String,
    /// The generation of its copy.
    pub generation: u64,
    /// The application for which it was done.
    pub application: Option<String>,
    /// How it was answered.
    pub explanation: Explanation,
}

/// One directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Its name in the configuration.
    pub name: String,
    /// Its controllers in the order of the configuration.
    pub controllers: Vec<Controller>,
    /// The copy that searches and decisions use; absent until the first whole sync.
    pub view: Option<View>,
    /// How the copy is kept.
    pub sync: Sync,
    /// What keeps its accounts from being locked.
    #[serde(default)]
    pub shield: Shield,
    /// Logins without a controller; absent where nobody may.
    #[serde(default)]
    pub offline: Option<Offline>,
}

/// One controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controller {
    /// The name its certificate is checked against.
    pub name: String,
    /// Where it is reached.
    pub address: String,
    /// Lower is preferred.
    pub tier: u8,
    /// Whether it can judge passwords.
    pub verify: Capability,
    /// Whether the service account can read it.
    pub sync: Capability,
    /// Links ready for a login.
    pub links_idle: usize,
    /// Links that carry a login now.
    pub links_busy: usize,
    /// Logins sent to it since the start.
    pub binds: u64,
    /// Of those, how many got no verdict.
    pub failures: u64,
    /// Its latest changes of state, newest first.
    pub history: Vec<Transition>,
}

/// One capability of a controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capability {
    /// `up`, `degraded` or `down`.
    pub state: String,
    /// Why it is not up.
    pub cause: Option<String>,
    /// Since when.
    pub since_unix: i64,
}

/// One change of a capability's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When it changed.
    pub at_unix: i64,
    /// `verify` or `sync`.
    pub capability: String,
    /// The state before.
    pub from: String,
    /// The state after.
    pub to: String,
    /// Why.
    pub cause: String,
    /// For how many milliseconds the state before had lasted.
    pub after_ms: u64,
}

/// The copy of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Grows with every published copy.
    pub generation: u64,
    /// The naming context.
    pub naming_context: String,
    /// When it was built.
    pub built_unix: i64,
    /// How many seconds ago it was last known to be right: built, or confirmed by a later pass.
    pub age_seconds: u64,
    /// Users in it.
    pub users: usize,
    /// Groups in it.
    pub groups: usize,
    /// Containers in it.
    pub containers: usize,
    /// The name of the subschema that is relayed from a controller; absent where none could be read whole.
    #[serde(default)]
    pub subschema: Option<String>,
}

/// How a copy is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// Whether a pass is under way.
    pub running: bool,
    /// Passes that have failed since the last success.
    pub failures: u32,
    /// The last pass that ended.
    pub last: Option<Pass>,
    /// When the next pass is due.
    pub next_unix: Option<i64>,
    /// How changes are looked for: `dirsync`, `usn`, `syncrepl`, `timestamps` or `full`; absent until a
    /// controller was asked.
    #[serde(default)]
    pub strategy: Option<String>,
    /// Why not in a better way: one sentence for each.
    #[serde(default)]
    pub why_not_better: Vec<String>,
    /// What announces changes; absent where nothing does.
    #[serde(default)]
    pub announced_by: Option<String>,
    /// Why nothing announces changes; absent where something does, and until that was tried.
    #[serde(default)]
    pub not_announced_because: Option<String>,
    /// The mass change that waits for an operator.
    #[serde(default)]
    pub held: Option<Held>,
    /// When everything was last read to its end.
    #[serde(default)]
    pub last_full_unix: Option<i64>,
    /// When the identities were last compared.
    #[serde(default)]
    pub last_reconcile_unix: Option<i64>,
    /// Entries that the pass under way has read.
    #[serde(default)]
    pub progress_entries: Option<usize>,
    /// From how many seconds on the copy is too old (`max_age`).
    #[serde(default)]
    pub max_age_seconds: u64,
    /// Whether the copy is too old: applications with `freshness = "strict"` are refused.
    #[serde(default)]
    pub stale: bool,
    /// Passes since the start that found nothing and that nobody had asked for.
    #[serde(default)]
    pub idle_passes: u64,
    /// All passes since the start, by what came of them.
    #[serde(default)]
    pub passes: PassCounts,
    /// When a pass last ended after which the copy said what the directory says.
    #[serde(default)]
    pub last_success_unix: Option<i64>,
}

/// One pass of the sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// The directory.
    pub directory: String,
    /// What asked for it.
    pub trigger: String,
    /// How changes were looked for.
    #[serde(default)]
    pub strategy: Option<String>,
    /// What it read: `full`, `changes`, `reconcile` or `dry run`.
    #[serde(default)]
    pub kind: Option<String>,
    /// Its number among the jobs; absent where it was only counted.
    #[serde(default)]
    pub job: Option<u64>,
    /// When it began.
    pub started_unix: i64,
    /// How many milliseconds it took.
    pub duration_ms: u64,
    /// The controller it read, or the last one that failed it; absent where none could be asked.
    pub controller: Option<String>,
    /// What it found, or why it failed.
    #[serde(flatten)]
    pub outcome: PassOutcome,
}

/// What came of a pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum PassOutcome {
    /// The copy is whole and in use.
    Succeeded {
        /// The generation in use since.
        generation: u64,
        /// Users in it.
        users: usize,
        /// Groups in it.
        groups: usize,
        /// Users whose account state cannot be read; they are refused.
        unreadable: usize,
        /// Entries that could not be kept; the log names them.
        left_out: usize,
        /// What differs from the copy before.
        changes: Changes,
        /// Users that were read and lack an attribute which the configuration requires.
        #[serde(default)]
        missing_required: MissingRequired,
    },
    /// It would change too much at once and waits for an operator; the copy in use is the one before.
    Held {
        /// Users that there would be.
        users: usize,
        /// Groups that there would be.
        groups: usize,
        /// What would differ from the copy in use.
        changes: Changes,
        /// Why it is held, and whom it would affect.
        held: Held,
    },
    /// It was only to be told what would change; the copy in use is the one before.
    DryRun {
        /// Users that there would be.
        users: usize,
        /// Groups that there would be.
        groups: usize,
        /// Users whose account state cannot be read.
        unreadable: usize,
        /// Entries that could not be kept.
        left_out: usize,
        /// What would differ from the copy in use.
        changes: Changes,
        /// Whom it would affect.
        preview: Preview,
        /// Users that were read and lack an attribute which the configuration requires.
        #[serde(default)]
        missing_required: MissingRequired,
    },
    /// The copy in use is the one before.
    Failed {
        /// What failed: `name resolution`, `connection`, `TLS`, `StartTLS`, `root DSE`, `credentials`,
        /// `base DN`, `filter`, `rights`, `limit`, `protocol`, `timeout`, `server`, `no controller`.
        /// Absent where no pass was made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// What is wrong.
        reason: String,
    },
}

impl Pass {
    /// Why nothing came of it, in one line: controller, step and reason, or why it is held; `None` if something
    /// did.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        if let PassOutcome::Held { held, .. } = &self.outcome {
            return Some(format!("held: {}", held.reasons.join("; ")));
        }
        let PassOutcome::Failed { step, reason } = &self.outcome else { return None };
        let parts = [self.controller.as_deref(), step.as_deref(), Some(reason.as_str())];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join(": "))
    }
}

/// What differs between two copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Users that are new.
    pub users_created: usize,
    /// Users with another name or another attribute.
    pub users_changed: usize,
    /// Users that were enabled and no longer are.
    pub users_deactivated: usize,
    /// Users that were disabled and no longer are.
    pub users_reactivated: usize,
    /// Users that are gone.
    pub users_removed: usize,
    /// Groups that are new.
    pub groups_created: usize,
    /// Groups with another name, another attribute, or other members.
    pub groups_changed: usize,
    /// Groups that are gone.
    pub groups_removed: usize,
    /// Direct memberships that are new.
    pub memberships_added: usize,
    /// Direct memberships that are gone.
    pub memberships_removed: usize,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Its name in the configuration.
    pub name: String,
    /// Where it listens.
    pub address: String,
    /// How connections are protected, in words.
    pub security: String,
}

/// `POST /v1/sync`. With a failed pass it comes with the status 502, with one that is held with 409, and where
/// there is no such user with 404; then with `error` and `culprit`, so that it reads like any [`Failure`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncAnswer {
    /// The passes that were waited for, one for each directory asked.
    pub passes: Vec<Pass>,
    /// The user who was asked for, in every directory that has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<PersonInView>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub culprit: Option<String>,
}

/// One person as a copy has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonInView {
    /// The directory.
    pub directory: String,
    /// The distinguished name.
    pub dn: String,
    /// What the entry says, by the keys of `[directory.attributes]`, with the attribute that says it.
    pub fields: Vec<PersonFieldValue>,
    /// The account: `enabled`, `disabled`, `expired` or `unreadable`; the last three are refused.
    pub state: String,
    /// When the account expires or expired; absent for never.
    pub expires_unix: Option<i64>,
    /// The groups, nested and primary ones included, by distinguished name.
    pub groups: Vec<String>,
    /// What is required and not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacking: Option<Lacking>,
}

/// What an entry says about a person under one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonFieldValue {
    /// The key: `display_name`.
    pub key: String,
    /// The attribute that says it, or the place in the name.
    pub source: String,
    /// The value; absent where the entry has none.
    pub value: Option<String>,
}

/// `POST /v1/sync/accept` and `POST /v1/sync/reject`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The directory.
    pub directory: String,
    /// What was done, in words.
    pub done: String,
}

/// `GET /v1/sync/jobs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    /// The newest jobs, newest first.
    pub jobs: Vec<Job>,
    /// The passes that are only counted.
    pub idle: Vec<IdlePasses>,
}

/// Passes of one directory since the start that found nothing and that nobody had asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdlePasses {
    /// The directory.
    pub directory: String,
    /// How many.
    pub passes: u64,
    /// When the last one ended.
    pub last_unix: i64,
}

/// `GET /v1/sync/progress`: one for each directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The directory.
    pub directory: String,
    /// Whether a pass is under way.
    pub running: bool,
    /// Entries that it has read.
    pub entries: Option<usize>,
}

/// `GET` and `PUT /v1/log-level`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// A level (`info`) or directives (`info,ldapgate::upstream=debug`).
    pub level: String,
}

/// `GET /v1/health`: status 200 when ready, 503 when not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Every directory has a copy and a controller that judges passwords.
    pub ready: bool,
    /// What is missing.
    pub problems: Vec<String>,
}

/// Any answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What went wrong and what to do.
    pub error: String,
    /// What was wrong: a parameter, a directory, a route.
    pub culprit: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_tells_its_outcome_beside_its_other_fields() {
        let pass = Pass {
            directory: "corp".to_owned(),
            trigger: "schedule".to_owned(),
            strategy: None,
            kind: None,
            job: None,
            started_unix: 1_795_245_031,
            duration_ms: 12,
            controller: Some("dc1".to_owned()),
            outcome: PassOutcome::Failed {
                step: Some("TLS".to_owned()),
                reason: "expired".to_owned(),
            },
        };
        let json = serde_json::to_value(&pass).unwrap();
        assert_eq!(json.get("outcome").unwrap(), "failed");
        assert_eq!(json.get("step").unwrap(), "TLS");
        assert_eq!(pass.failure().unwrap(), "dc1: TLS: expired");
        assert_eq!(serde_json::from_value::<Pass>(json).unwrap(), pass);
    }

    #[test]
    fn a_failed_sync_reads_as_a_failure() {
        let answer = SyncAnswer {
            error: Some("no controller".to_owned()),
            culprit: Some("directory corp".to_owned()),
            ..SyncAnswer::default()
        };
        let text = serde_json::to_string(&answer).unwrap();
        let failure: Failure = serde_json::from_str(&text).unwrap();
        assert_eq!(failure.culprit, "directory corp");
    }
}
