//! The one table from the true reason to what the client is told (DESIGN §5). The log has the reason,
//! the client has the code; nothing else in the program chooses a code for a bind.

use std::fmt;

use crate::ldap::result::{LdapResult, ResultCode};
use crate::ldap::schema::DirectoryKind;
use crate::policy::application::RefusalStyle;
use crate::policy::{Application, Refusal};

use super::allowed::Barred;
use super::bind::Verdict;
use super::dialect::{Dialect, SubCode};

/// How a bind ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A controller accepted the password and the rules still let the account pass.
    Accepted,
    /// A local service account gave its secret.
    AcceptedLocally,
    /// No controller could be asked; the password is the one that a controller has accepted before.
    AcceptedOffline,
    /// No controller could be asked; the password is not the one that a controller has accepted before.
    OfflinePasswordWrong,
    /// Neither name nor password: the session is anonymous.
    Anonymous,
    /// Refused here by a rule; no controller was asked, or it was asked before the rule changed.
    Refused(Refusal),
    /// A controller refused; its answer is relayed.
    Rejected,
    /// The same password was refused for the same account a moment ago; the controller's answer is said again.
    RepeatedPassword,
    /// The account's failure budget is used up; no controller was asked.
    Shielded,
    /// Too many wrong passwords have come from the application; no controller was asked.
    ShieldedApplication,
    /// Too many wrong passwords have come from the client's address; no controller was asked.
    ShieldedClient,
    /// A local service account's secret was wrong.
    LocalSecretWrong,
    /// A name with an empty password (RFC 4513 §5.1.2).
    EmptyPassword,
    /// The password holds a NUL, where some controllers stop reading.
    PasswordContainsNul,
    /// A password in clear on a listener that refuses that.
    CleartextRefused,
    /// No controller could be asked.
    Unavailable,
    /// Too many binds are waiting.
    Busy,
    /// A protocol version other than 2 and 3.
    UnsupportedVersion,
    /// A SASL mechanism, or another authentication choice than simple.
    UnsupportedMechanism,
    /// A critical control that binds do not serve.
    CriticalControl,
    /// The application is not served this.
    Barred(Barred),
}

impl Reason {
    /// Every reason but the refusals by rule and what an application is not served, for documentation tests.
    pub const ALL_OTHERS: [Self; 19] = [
        Self::Accepted,
        Self::AcceptedLocally,
        Self::AcceptedOffline,
        Self::OfflinePasswordWrong,
        Self::Anonymous,
        Self::Rejected,
        Self::RepeatedPassword,
        Self::Shielded,
        Self::ShieldedApplication,
        Self::ShieldedClient,
        Self::LocalSecretWrong,
        Self::EmptyPassword,
        Self::PasswordContainsNul,
        Self::CleartextRefused,
        Self::Unavailable,
        Self::Busy,
        Self::UnsupportedVersion,
        Self::UnsupportedMechanism,
        Self::CriticalControl,
    ];

    /// The stable code for logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::AcceptedLocally => "accepted_locally",
            Self::AcceptedOffline => "accepted_offline",
            Self::OfflinePasswordWrong => "offline_password_wrong",
            Self::Anonymous => "anonymous",
            Self::Refused(refusal) => refusal.code(),
            Self::Rejected => "rejected_by_controller",
            Self::RepeatedPassword => "repeated_password",
            Self::Shielded => "shielded",
            Self::ShieldedApplication => "shielded_application",
            Self::ShieldedClient => "shielded_client",
            Self::LocalSecretWrong => "local_secret_wrong",
            Self::EmptyPassword => "empty_password",
            Self::PasswordContainsNul => "password_contains_nul",
            Self::CleartextRefused => "cleartext_refused",
            Self::Unavailable => "directory_unavailable",
            Self::Busy => "busy",
            Self::UnsupportedVersion => "unsupported_version",
            Self::UnsupportedMechanism => "unsupported_mechanism",
            Self::CriticalControl => "critical_control",
            Self::Barred(barred) => barred.code(),
        }
    }

    /// The outcome for logs and metrics.
    #[must_use]
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Accepted | Self::AcceptedLocally | Self::AcceptedOffline | Self::Anonymous => {
                "accepted"
            }
            Self::Rejected
            | Self::RepeatedPassword
            | Self::LocalSecretWrong
            | Self::OfflinePasswordWrong => "rejected",
            Self::Unavailable | Self::Busy | Self::Barred(Barred::TooFast) => "unavailable",
            Self::Refused(Refusal::ViewNotReady | Refusal::ViewStale | Refusal::NotConfigured) => {
                "unavailable"
            }
            Self::Refused(_)
            | Self::Shielded
            | Self::ShieldedApplication
            | Self::ShieldedClient
            | Self::EmptyPassword
            | Self::PasswordContainsNul
            | Self::CleartextRefused
            | Self::UnsupportedVersion
            | Self::UnsupportedMechanism
            | Self::CriticalControl
            | Self::Barred(Barred::TlsRequired | Barred::NotServed) => "refused",
        }
    }

    /// Whether the answer must not leave before the application's latency floor: whatever could tell
    /// by its speed whether a controller was asked.
    #[must_use]
    pub const fn waits_for_floor(self) -> bool {
        match self {
            Self::Refused(Refusal::ViewNotReady | Refusal::ViewStale) => false,
            Self::Refused(_)
            | Self::Rejected
            | Self::RepeatedPassword
            | Self::Shielded
            | Self::LocalSecretWrong
            | Self::OfflinePasswordWrong
            | Self::PasswordContainsNul => true,
            Self::Accepted
            | Self::AcceptedLocally
            | Self::AcceptedOffline
            | Self::Anonymous
            | Self::EmptyPassword
            | Self::CleartextRefused
            | Self::ShieldedApplication
            | Self::ShieldedClient
            | Self::Unavailable
            | Self::Busy
            | Self::UnsupportedVersion
            | Self::UnsupportedMechanism
            | Self::CriticalControl
            | Self::Barred(_) => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// What the client is told about a verdict: the controller's own words where it refused, our table else.
///
/// An application with several directories that keeps account states private hears one wording for a wrong
/// password, that of `dialect`: with two, a name that nobody has would differ from one that the second
/// directory knows.
#[must_use]
pub fn told(application: &Application, verdict: &Verdict, dialect: &Dialect) -> LdapResult {
    let one_wording =
        application.refusals == RefusalStyle::Uniform && application.directories.len() > 1;
    match &verdict.relayed {
        Some(result) if one_wording && is_wrong_password(result) => {
            dialect.refusal(SubCode::LogonFailure)
        }
        Some(result) => result.clone(),
        None => bind_result(verdict.reason, application.refusals, dialect),
    }
}

fn is_wrong_password(result: &LdapResult) -> bool {
    let kinds = [DirectoryKind::ActiveDirectory, DirectoryKind::OpenLdap];
    kinds.into_iter().any(|kind| Dialect::learn(kind, result).is_some())
}

/// What the client is told. [`Reason::Rejected`] and [`Reason::RepeatedPassword`] have the controller's own answer
/// instead; what stands here for them is only used when that answer is missing.
#[must_use]
pub fn bind_result(reason: Reason, style: RefusalStyle, dialect: &Dialect) -> LdapResult {
    let plain = |code, text: &str| LdapResult::new(code, text);
    match reason {
        Reason::Accepted
        | Reason::AcceptedLocally
        | Reason::AcceptedOffline
        | Reason::Anonymous => LdapResult::success(),
        Reason::Refused(Refusal::ViewNotReady) => plain(
            ResultCode::UNAVAILABLE,
            "the directory has not been synchronised yet, try again shortly",
        ),
        Reason::Refused(Refusal::ViewStale) => view_stale(),
        Reason::Refused(Refusal::NotConfigured) => plain(ResultCode::UNAVAILABLE, NOT_CONFIGURED),
        Reason::Refused(refusal) => dialect.refusal(sub_code(refusal, style)),
        Reason::Rejected
        | Reason::RepeatedPassword
        | Reason::LocalSecretWrong
        | Reason::OfflinePasswordWrong
        | Reason::PasswordContainsNul => dialect.refusal(SubCode::LogonFailure),
        // What the directory would say, had it counted as many: in either style, as its own 775 is relayed.
        Reason::Shielded => dialect.refusal(SubCode::LockedOut),
        Reason::ShieldedApplication | Reason::ShieldedClient => {
            plain(ResultCode::BUSY, "too many refused logins have come from here, try again later")
        }
        Reason::EmptyPassword => plain(
            ResultCode::UNWILLING_TO_PERFORM,
            "a name with an empty password is not accepted (unauthenticated bind)",
        ),
        Reason::CleartextRefused => plain(
            ResultCode::CONFIDENTIALITY_REQUIRED,
            "this listener accepts passwords only over TLS: use StartTLS or ldaps",
        ),
        Reason::Unavailable => {
            plain(ResultCode::UNAVAILABLE, "no directory controller could be asked")
        }
        Reason::Busy => plain(ResultCode::BUSY, "too many logins are waiting"),
        Reason::UnsupportedVersion => {
            plain(ResultCode::PROTOCOL_ERROR, "only protocol versions 2 and 3 are supported")
        }
        Reason::UnsupportedMechanism => plain(
            ResultCode::AUTH_METHOD_NOT_SUPPORTED,
            "only simple binds are supported: use a name and a password over TLS",
        ),
        Reason::CriticalControl => plain(
            ResultCode::UNAVAILABLE_CRITICAL_EXTENSION,
            "a critical control is not supported for this operation",
        ),
        Reason::Barred(reason) => barred(reason),
    }
}

/// What a session is told whose application is not configured any more, or not for its client.
pub const NOT_CONFIGURED: &str = "this application is not configured any more";

/// What is said to any operation that an application is not served, whoever asks.
#[must_use]
pub fn barred(reason: Barred) -> LdapResult {
    let (code, text) = match reason {
        Barred::TlsRequired => (
            ResultCode::CONFIDENTIALITY_REQUIRED,
            "this application is served only over TLS: use StartTLS or ldaps",
        ),
        Barred::NotServed => {
            (ResultCode::UNWILLING_TO_PERFORM, "this operation is not served to this application")
        }
        Barred::TooFast => (ResultCode::BUSY, "too many requests a second, try again shortly"),
    };
    LdapResult::new(code, text)
}

/// What a bind, search or compare of an application that insists on a fresh copy gets while there is none.
#[must_use]
pub fn view_stale() -> LdapResult {
    let text = "the copy of the directory has not been confirmed for too long, try again shortly";
    LdapResult::new(ResultCode::UNAVAILABLE, text)
}

/// `uniform` tells nothing about the account; `subcodes` says what the directory would have said.
const fn sub_code(refusal: Refusal, style: RefusalStyle) -> SubCode {
    match style {
        RefusalStyle::Uniform => SubCode::LogonFailure,
        RefusalStyle::Subcodes => match refusal {
            Refusal::Blocked
            | Refusal::Disabled
            | Refusal::OutOfScope
            | Refusal::FilteredOut
            | Refusal::InDeniedGroup
            | Refusal::NotInRequiredGroup
            | Refusal::GroupUnresolved
            | Refusal::AccountStateUnreadable => SubCode::Disabled,
            Refusal::Expired => SubCode::Expired,
            Refusal::Unknown | Refusal::Ambiguous => SubCode::NoSuchUser,
            Refusal::NameMalformed
            | Refusal::NotConfigured
            | Refusal::ViewNotReady
            | Refusal::ViewStale => SubCode::LogonFailure,
        },
    }
}
