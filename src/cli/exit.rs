//! Exit codes: the same for every command.

use std::process::ExitCode;

use thiserror::Error;

/// It worked; a check found no failure.
pub const OK: u8 = 0;
/// It was tried and failed; a check found a failure.
pub const FAILED: u8 = 1;
/// The arguments or the configuration are wrong; nothing was tried.
pub const USAGE: u8 = 2;
/// No ldapgate is running where it was looked for.
pub const NOT_RUNNING: u8 = 3;
/// A configuration concerns too many and waits for an operator.
pub const HELD: u8 = 4;

/// Why a command ends early. The text is for the operator and says what to do.
#[derive(Debug, Error)]
pub enum CommandError {
    /// It was tried and failed.
    #[error("{0}")]
    Failed(String),
    /// The arguments or the configuration are wrong.
    #[error("{0}")]
    Usage(String),
    /// Nobody answers on the control socket.
    #[error("{0}")]
    NotRunning(String),
}

impl CommandError {
    /// The exit code it ends with.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => FAILED,
            Self::Usage(_) => USAGE,
            Self::NotRunning(_) => NOT_RUNNING,
        }
    }
}

/// How a command that ran to its end went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Done {
    /// All is well.
    Well,
    /// It ran, and what it found or did is not well; it has said so.
    WithProblems,
    /// It is held until an operator accepts it.
    Held,
}

impl From<Done> for ExitCode {
    fn from(done: Done) -> Self {
        match done {
            Done::Well => Self::from(OK),
            Done::WithProblems => Self::from(FAILED),
            Done::Held => Self::from(HELD),
        }
    }
}
