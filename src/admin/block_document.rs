//! The documents about blocks. Times are whole seconds since 1970-01-01T00:00:00Z.

use serde::{Deserialize, Serialize};

/// What a block is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// One account.
    Account,
    /// All members of a group.
    Group,
    /// Everybody in one application.
    Application,
}

impl BlockKind {
    /// The word in documents, in the log and on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Group => "group",
            Self::Application => "application",
        }
    }
}

/// Whom an operator means: the body of `POST /v1/blocks/lift`, and a part of that of `POST /v1/blocks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whom {
    /// What the name stands for.
    pub kind: BlockKind,
    /// An account's name in any form that binds take, a group's name, or an application's.
    pub name: String,
    /// The only directory that is looked in; by default all.
    #[serde(default)]
    pub directory: Option<String>,
}

/// The body of `POST /v1/blocks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRequest {
    /// Whom to block.
    #[serde(flatten)]
    pub whom: Whom,
    /// For how many seconds; by default until it is lifted.
    #[serde(default)]
    pub for_seconds: Option<u64>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// One block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockDocument {
    /// What it is about.
    pub kind: BlockKind,
    /// The name as it was typed.
    pub name: String,
    /// The directory; absent for an application.
    pub directory: Option<String>,
    /// The objectGUID or entryUUID; absent for an application.
    pub guid: Option<String>,
    /// The distinguished name as it is now; absent for an application, and for what the copy does not have.
    pub dn: Option<String>,
    /// When it ends; absent: when it is lifted.
    pub until_unix: Option<i64>,
    /// Why it was set.
    pub reason: String,
    /// Who set it.
    pub set_by: String,
    /// When it was set.
    pub set_at_unix: i64,
}

/// The answer to `POST /v1/blocks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockAnswer {
    /// The block, which is in force.
    pub block: BlockDocument,
    /// How many open sessions acted for the blocked and end; absent for an application.
    pub sessions: Option<usize>,
    /// Why it will not outlive the program; absent where it will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_kept: Option<String>,
}

/// `GET /v1/blocks`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockList {
    /// The blocks in force, in the order they were set.
    pub blocks: Vec<BlockDocument>,
}
