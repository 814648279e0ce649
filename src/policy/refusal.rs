//! Why a login is refused here: one stable code per reason, for logs, audit and documentation.

use std::fmt;

/// The true reason of a refusal. What the client is told is another matter (`session::answer`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The account's state could not be read from the directory; never taken for enabled.
    AccountStateUnreadable,
    /// More than one account answers to the name.
    Ambiguous,
    /// An operator has blocked the account, a group it is in, or the application.
    Blocked,
    /// The account is disabled.
    Disabled,
    /// The account's expiry lies in the past.
    Expired,
    /// The application's user filter does not match.
    FilteredOut,
    /// A denied group of the application is not in the view, so membership cannot be ruled out.
    GroupUnresolved,
    /// The account is in a denied group.
    InDeniedGroup,
    /// The name holds a NUL or another control character.
    NameMalformed,
    /// The configuration has changed since: it has no such application any more, or no such local account in it.
    NotConfigured,
    /// The account is in none of the required groups.
    NotInRequiredGroup,
    /// The account is outside the application's bases.
    OutOfScope,
    /// No account answers to the name: never there, deleted, or not a user.
    Unknown,
    /// The directory has not been synced yet.
    ViewNotReady,
    /// The copy is older than its directory's `max_age`, and the application insists on a fresh one.
    ViewStale,
}

impl Refusal {
    /// Every reason, for documentation tests.
    pub const ALL: [Self; 15] = [
        Self::AccountStateUnreadable,
        Self::Ambiguous,
        Self::Blocked,
        Self::Disabled,
        Self::Expired,
        Self::FilteredOut,
        Self::GroupUnresolved,
        Self::InDeniedGroup,
        Self::NameMalformed,
        Self::NotConfigured,
        Self::NotInRequiredGroup,
        Self::OutOfScope,
        Self::Unknown,
        Self::ViewNotReady,
        Self::ViewStale,
    ];

    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AccountStateUnreadable => "account_state_unreadable",
            Self::Ambiguous => "ambiguous_name",
            Self::Blocked => "blocked",
            Self::Disabled => "account_disabled",
            Self::Expired => "account_expired",
            Self::FilteredOut => "filtered_out",
            Self::GroupUnresolved => "group_unresolved",
            Self::InDeniedGroup => "in_denied_group",
            Self::NameMalformed => "name_malformed",
            Self::NotConfigured => "not_configured",
            Self::NotInRequiredGroup => "not_in_required_group",
            Self::OutOfScope => "out_of_scope",
            Self::Unknown => "unknown_name",
            Self::ViewNotReady => "view_not_ready",
            Self::ViewStale => "view_stale",
        }
    }

    /// Whether it rests on the view, so that a fresh sync may change it.
    #[must_use]
    pub const fn rests_on_view(self) -> bool {
        !matches!(self, Self::Blocked | Self::NameMalformed | Self::NotConfigured)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
