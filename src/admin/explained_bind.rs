//! The JSON documents of `GET /v1/explain/bind`. Times are whole seconds.

use serde::{Deserialize, Serialize};

/// The question of `GET /v1/explain/bind`. There is no field for a password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BindQuestion {
    /// The name, in any form a client may send.
    pub name: String,
    /// The application; may be left out if there is only one, or if the address tells.
    pub application: Option<String>,
    /// The address of the client, which chooses the application where none is named.
    pub from: Option<String>,
    /// The listener; needed with an address that belongs to several applications.
    pub listener: Option<String>,
}

/// `GET /v1/explain/bind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedBind {
    /// The name as it was asked.
    pub name: String,
    /// The application.
    pub application: String,
    /// What comes next: `ask_controller`, `check_local_secret`, `refuse`, or `no_controller`: none can be asked,
    /// and the account's failure budget is used up, so none is tried.
    pub next: String,
    /// The reason code of a refusal.
    pub reason: Option<String>,
    /// The form of the name that found an account; absent where none did.
    pub form: Option<String>,
    /// The accounts that the name finds: several if it is ambiguous.
    pub accounts: Vec<ExplainedAccount>,
    /// The copies that the application's directories are judged on.
    pub copies: Vec<ExplainedCopy>,
    /// The steps of the decision in their order.
    pub steps: Vec<ExplainedStep>,
    /// The name that goes to the controller.
    pub sent_as: Option<String>,
    /// Whether the account may search once its password was right; absent after a refusal.
    pub may_search: Option<bool>,
    /// The controllers of the account's directory, if one would be asked.
    pub controllers: Vec<ExplainedController>,
    /// What the client is told.
    pub told: Vec<ExplainedAnswer>,
}

/// An account that a name finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedAccount {
    /// The directory.
    pub directory: String,
    /// The distinguished name.
    pub dn: String,
    /// Its identity there: objectGUID or entryUUID.
    pub guid: String,
}

/// The copy of one directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedCopy {
    /// The directory.
    pub directory: String,
    /// The generation; absent if there is no copy yet.
    pub generation: Option<u64>,
    /// How many seconds ago the directory last confirmed it.
    pub age_seconds: Option<u64>,
}

/// One step of the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedStep {
    /// Its name.
    pub step: String,
    /// `passes`, `refuses` (the one that decides), `would_pass`, `would_refuse` (behind it, or where no
    /// controller can be asked) or `not_asked`.
    pub verdict: String,
    /// The reason code where it refuses or would.
    pub reason: Option<String>,
    /// What it looks at, in words.
    pub input: String,
    /// The groups it looks at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<ExplainedGroup>,
}

/// A configured group, looked at for one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedGroup {
    /// As it is configured.
    pub configured: String,
    /// The groups of the directory that it names.
    pub found: Vec<String>,
    /// A shortest way from the account into it; absent if the account is not in it.
    pub path: Option<Vec<String>>,
}

/// A controller that could judge the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedController {
    /// Its name.
    pub name: String,
    /// `up`, `degraded` or `down`.
    pub state: String,
    /// Why it is not up.
    pub cause: Option<String>,
    /// Whether it is the one that would be asked first now.
    pub first: bool,
}

/// An answer to the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedAnswer {
    /// When it is given: `always`, `right_password`, `wrong_password`, `no_controller` (where the account may
    /// log in without one, `no_controller_right_password` and `no_controller_wrong_password`) or `in_clear` (without TLS).
    pub when: String,
    /// The result code (RFC 4511 §4.1.9).
    pub code: u32,
    /// The diagnostic message.
    pub text: String,
}
