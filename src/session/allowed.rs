//! What an application is served at all, before it is looked at who asks for what: over TLS where it insists on
//! that, the operations that it is meant to use, and as many as it may.

use crate::ldap::control::Control;
use crate::ldap::request::{Operation, START_TLS, SearchRequest, SearchScope, WHO_AM_I};
use crate::ldap::result::LdapResult;
use crate::policy::application::ServedOperation;
use crate::time::Now;

use super::answer::barred;
use super::extensions::continues_a_list;
use super::machine::Terms;

/// Why an operation is not served, whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Barred {
    /// It came in clear, and the application is served over TLS alone.
    TlsRequired,
    /// It is none of the application's operations.
    NotServed,
    /// The application asks more often than it may.
    TooFast,
}

impl Barred {
    /// Every reason, for documentation tests.
    pub const ALL: [Self; 3] = [Self::TlsRequired, Self::NotServed, Self::TooFast];

    /// The stable code for logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TlsRequired => "tls_required",
            Self::NotServed => "operation_not_served",
            Self::TooFast => "rate_limit",
        }
    }
}

/// Whether the search is for the root DSE, which everybody may read at any time (RFC 4512 §5.1).
#[must_use]
pub fn is_for_root_dse(request: &SearchRequest) -> bool {
    request.base.is_empty() && request.scope == SearchScope::BaseObject
}

/// Whether the operation may go on. One that may counts.
///
/// # Errors
/// Why not.
pub fn check(
    terms: &Terms,
    operation: &Operation,
    controls: &[Control],
    now: Now,
) -> Result<(), Barred> {
    if is_free(operation) {
        return Ok(());
    }
    let application = &terms.application;
    if application.require_tls && !terms.tls_active {
        return Err(Barred::TlsRequired);
    }
    let Some(served) = served(operation) else { return Ok(()) };
    if !application.operations.contains(&served) {
        return Err(Barred::NotServed);
    }
    let traffic = &application.traffic;
    let within = match served {
        ServedOperation::Bind => traffic.takes_bind(now.monotonic),
        // A list that has begun is one search: cut off, it would be a whole one to many clients.
        ServedOperation::Search if continues_a_list(controls) => true,
        ServedOperation::Search | ServedOperation::Compare => traffic.takes_search(now.monotonic),
        ServedOperation::WhoAmI => true,
    };
    if within { Ok(()) } else { Err(Barred::TooFast) }
}

/// What is open to everybody, or ends something.
fn is_free(operation: &Operation) -> bool {
    match operation {
        Operation::Unbind | Operation::Abandon(_) => true,
        Operation::Search(request) => is_for_root_dse(request),
        Operation::Extended(request) => request.name == START_TLS,
        Operation::Bind(_) | Operation::Compare(_) | Operation::Write { .. } => false,
    }
}

/// The operation in the words of the configuration; `None` for what is never served anyway.
fn served(operation: &Operation) -> Option<ServedOperation> {
    match operation {
        Operation::Bind(_) => Some(ServedOperation::Bind),
        Operation::Search(_) => Some(ServedOperation::Search),
        Operation::Compare(_) => Some(ServedOperation::Compare),
        Operation::Extended(request) if request.name == WHO_AM_I => Some(ServedOperation::WhoAmI),
        Operation::Extended(_)
        | Operation::Write { .. }
        | Operation::Unbind
        | Operation::Abandon(_) => None,
    }
}

/// Leaves the reason in the log and gives the answer. Binds have a line of their own for each; floods have one
/// line a second.
pub(super) fn refuse(terms: &Terms, operation: &Operation, reason: Barred, now: Now) -> LdapResult {
    let application = &terms.application;
    let name = &*application.name;
    let operation = operation.kind().name();
    if reason != Barred::TooFast {
        tracing::info!(application = name, operation, reason = reason.code(), "operation refused");
    } else if application.traffic.warns(now.monotonic) {
        tracing::warn!(application = name, operation, "an application asks too often");
    }
    barred(reason)
}
