//! Why something could not be done, with the step at which it failed.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

/// The step of talking to a controller that failed. It decides what an operator has to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The controller's name has no address.
    Resolve,
    /// No connection, or the connection was lost.
    Connect,
    /// The TLS handshake: certificate, name, versions, or no TLS at all.
    Tls,
    /// The StartTLS operation before the handshake (RFC 4511 §4.14).
    StartTls,
    /// Reading the root DSE, or it shows another directory.
    RootDse,
    /// The bind of the service account.
    Credentials,
    /// The search base does not exist or is not held by the controller.
    Base,
    /// The controller does not take the filter.
    Filter,
    /// The controller does not offer a control that the request cannot do without (RFC 4511 §4.1.11).
    Control,
    /// The controller does not know how far we are any more, or not in this form: everything has to be read
    /// anew. Says nothing against the controller.
    Position,
    /// A link kept from earlier is no good any more: the same can be asked over a new one. Says nothing
    /// against the controller.
    Stale,
    /// The service account may not read this.
    Rights,
    /// A size, time or administrative limit cut the answer short.
    Limit,
    /// The answer is not what LDAP allows here.
    Protocol,
    /// No answer in time.
    Timeout,
    /// The controller answered that it is busy, unavailable or broken.
    Server,
    /// There is no controller to ask.
    NoController,
}

impl Step {
    /// The step in words, for messages and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "name resolution",
            Self::Connect => "connection",
            Self::Tls => "TLS",
            Self::StartTls => "StartTLS",
            Self::RootDse => "root DSE",
            Self::Credentials => "credentials",
            Self::Base => "base DN",
            Self::Filter => "filter",
            Self::Control => "control",
            Self::Position => "position",
            Self::Stale => "stale link",
            Self::Rights => "rights",
            Self::Limit => "limit",
            Self::Protocol => "protocol",
            Self::Timeout => "timeout",
            Self::Server => "server",
            Self::NoController => "no controller",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a fetch failed, at which controller and which step.
#[derive(Clone, Debug, Error)]
#[error("{}{step}: {reason}", at(controller))]
pub struct FetchError {
    /// The controller's name; empty when none was asked.
    pub controller: Arc<str>,
    /// What failed.
    pub step: Step,
    /// The reason in words.
    pub reason: String,
}

fn at(controller: &str) -> String {
    if controller.is_empty() { String::new() } else { format!("{controller}: ") }
}

/// Why nobody could give a verdict.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Why a configuration cannot be used.
#[derive(Clone, Debug, Error)]
#[error("{0}")]
pub struct UpstreamError(pub String);

/// Why one link could not be made or has to be given up.
#[derive(Clone, Debug, Error)]
#[error("{step}: {reason}")]
pub(super) struct LinkError {
    /// What failed.
    pub(super) step: Step,
    /// The reason in words.
    pub(super) reason: String,
}

impl LinkError {
    pub(super) fn new(step: Step, reason: impl Into<String>) -> Self {
        Self { step, reason: reason.into() }
    }

    /// The same failure, said of a controller.
    pub(super) fn at(self, controller: &Arc<str>) -> FetchError {
        FetchError { controller: Arc::clone(controller), step: self.step, reason: self.reason }
    }
}
