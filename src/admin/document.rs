//! The JSON documents of the control socket. The command line reads what the socket writes through the
//! same types. Times are whole seconds since 1970-01-01T00:00:00Z.

use serde::{Deserialize, Serialize};

use crate::directory::Explanation;

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
    /// The directories in the order of the configuration.
    pub directories: Vec<Directory>,
    /// Connections of applications that are open now.
    pub sessions_open: usize,
    /// Where applications connect.
    pub listeners: Vec<Listener>,
    /// What is logged.
    pub log_level: String,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sync {
    /// Whether a pass is under way.
    pub running: bool,
    /// Passes that have failed since the last success.
    pub failures: u32,
    /// The last pass that ended.
    pub last: Option<Pass>,
    /// When the next pass is due.
    pub next_unix: Option<i64>,
}

/// One pass of the sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// The directory.
    pub directory: String,
    /// What asked for it.
    pub trigger: String,
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
    /// Why it failed, in one line: controller, step and reason; `None` if it did not.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
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

/// `POST /v1/sync`. With a failed pass it comes with the status 502 and with `error` and `culprit`, so
/// that it reads like any [`Failure`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncAnswer {
    /// The passes that were waited for, one for each directory asked.
    pub passes: Vec<Pass>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub culprit: Option<String>,
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
