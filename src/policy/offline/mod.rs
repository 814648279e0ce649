//! Logging in while no controller can be asked: plain data, decided on a snapshot.
//!
//! What lives here: what the configuration allows ([`OfflineConfig`]), who may at all by the groups and the state
//! that the view shows (`account`), and what is kept of a password that a controller has accepted, with its bounds
//! (`verifier`), from which the one piece of evidence comes ([`OfflineVerified`]).
//!
//! What does not: keeping verifiers, and when they are asked (`session::offline`).
//!
//! Invariants (tests in `policy::tests::offline`): no order of attempts passes the budget of wrong passwords or of
//! uses, and only a controller's own word gives them back; nothing is taken that is too old or of another password.

use std::time::Duration;

mod account;
mod verifier;

pub use account::{PasswordStamp, may_enter};
pub use verifier::{Attempt, Checked, Conclusion, OfflineVerified, Verifier, VerifierRecord};

/// `[directory.offline]`: who may log in while no controller can be asked, and how often. There is none where
/// the feature is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineConfig {
    /// Names of groups; who is in one of them, nested or by primary group, may. Never empty.
    pub groups: Vec<String>,
    /// Names of groups; who is in one of them may not.
    pub denied_groups: Vec<String>,
    /// How long ago a controller may have accepted the password.
    pub max_age: Duration,
    /// Wrong passwords that an account may have between two words of a controller.
    pub failures: u32,
    /// Logins that an account may have between two words of a controller.
    pub uses: u32,
}

impl OfflineConfig {
    /// What holds unless something else is configured; it lets nobody in, as it has no groups.
    #[must_use]
    pub const fn without_groups() -> Self {
        Self {
            groups: Vec::new(),
            denied_groups: Vec::new(),
            max_age: Duration::from_secs(12 * 3600),
            failures: 3,
            uses: 50,
        }
    }
}

/// Why an account is not let in without a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Withheld {
    /// The view does not have it.
    Unknown,
    /// It is in none of the groups.
    NotInGroup,
    /// It is in a denied group.
    InDeniedGroup,
    /// A denied group is not in the view, so membership cannot be ruled out.
    GroupUnresolved,
    /// The attributes that tell its state cannot be read.
    StateUnreadable,
    /// The view shows a lockout.
    Locked,
    /// Its password has to be changed first.
    MustChange,
    /// Its password has expired.
    PasswordExpired,
    /// No controller has accepted a password of it that is still known.
    NoVerifier,
    /// A controller's word is too long ago, or in the future of this clock.
    TooOld,
    /// The password has been changed since.
    PasswordChanged,
    /// Its logins are used up.
    UsesUsedUp,
    /// Its wrong passwords are used up.
    FailuresUsedUp,
    /// Others that are being checked have taken what there is; it may come back.
    UnderWay,
    /// Too many passwords are being checked.
    Busy,
    /// What it costs could not be written down.
    NotWritten,
}

impl Withheld {
    /// The stable code for logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotInGroup => "not_in_group",
            Self::InDeniedGroup => "in_denied_group",
            Self::GroupUnresolved => "group_unresolved",
            Self::StateUnreadable => "state_unreadable",
            Self::Locked => "locked",
            Self::MustChange => "must_change_password",
            Self::PasswordExpired => "password_expired",
            Self::NoVerifier => "never_verified",
            Self::TooOld => "too_old",
            Self::PasswordChanged => "password_changed",
            Self::UsesUsedUp => "uses_used_up",
            Self::FailuresUsedUp => "failures_used_up",
            Self::UnderWay | Self::Busy => "busy",
            Self::NotWritten => "not_written",
        }
    }
}

/// Why a password did not open an account without a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotVerified {
    /// It is not the one that a controller has accepted.
    WrongPassword,
    /// It was not looked at, or its result must not be told.
    Withheld(Withheld),
}

impl From<Withheld> for NotVerified {
    fn from(why: Withheld) -> Self {
        Self::Withheld(why)
    }
}
