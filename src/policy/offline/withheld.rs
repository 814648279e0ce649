//! Why somebody does not get in without a controller.

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
