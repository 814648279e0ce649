//! The JSON documents about the lockout shield, and about logins without a controller.

use serde::{Deserialize, Serialize};

/// The shield of one directory, in `GET /v1/status`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shield {
    /// Whether it is switched on.
    pub enabled: bool,
    /// Failures that an account without a policy of its own may have; absent for no bound.
    #[serde(default)]
    pub failures: Option<u32>,
    /// For how many seconds they count after the last of them.
    #[serde(default)]
    pub window_seconds: Option<u64>,
    /// Fine-grained policies that are followed.
    #[serde(default)]
    pub fine_grained_policies: usize,
    /// Fine-grained policies that may not be read.
    #[serde(default)]
    pub hidden_policies: usize,
    /// Accounts with failures that still count.
    pub accounts: usize,
    /// Logins that wait for others on the same account.
    pub waiting: usize,
    /// Logins since the start that were refused because the account's budget was used up.
    pub exhausted: u64,
    /// Logins since the start with a wrong password that had just been refused.
    pub repeated: u64,
    /// Logins since the start that had to wait.
    pub waited: u64,
    /// Of those, how many were answered "busy".
    pub timed_out: u64,
}

/// Logins without a controller of one directory that lets some in, in `GET /v1/status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offline {
    /// Accounts of which a verifier is kept.
    pub verifiers: usize,
    /// Such logins since the start with the right password.
    pub accepted: u64,
    /// Such logins since the start with a wrong password.
    pub wrong_password: u64,
    /// Such logins since the start whose password was not looked at, or whose result was not told.
    pub withheld: u64,
    /// Verifiers made since the start.
    pub remembered: u64,
    /// Accepted passwords that were not remembered because too many waited.
    pub not_remembered: u64,
}

/// Floods of wrong passwords from one place, in `GET /v1/status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// Logins since the start that were refused for their application's failures.
    pub application_refused: u64,
    /// Logins since the start that were refused for their client address' failures.
    pub client_refused: u64,
}

/// `POST /v1/unshield`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unshielded {
    /// The account in every directory that has it.
    pub accounts: Vec<UnshieldedAccount>,
}

/// One account whose failures were forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnshieldedAccount {
    /// The directory.
    pub directory: String,
    /// Its distinguished name.
    pub dn: String,
    /// How many failures were charged.
    pub forgotten: u32,
}
