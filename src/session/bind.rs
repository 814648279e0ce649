//! Binds: everything about them that is decided before and after a password is checked.
//!
//! The check itself happens between [`begin`] and the two `conclude` functions: at a controller, or
//! against a local account's secret. A bind is a barrier; the driver reads nothing else meanwhile.

use std::sync::Arc;

use crate::ldap::control::{Control, oid};
use crate::ldap::identifier::Guid;
use crate::ldap::request::{Authentication, BindRequest, OperationKind};
use crate::ldap::result::LdapResult;
use crate::ldap::secret::Password;
use crate::policy::application::LocalAccount;
use crate::policy::candidate::{Candidate, Refused, candidate};
use crate::policy::judge::NamedAccount;
use crate::policy::local_account::LocalSecretAccepted;
use crate::policy::name_memo::NameMemo;
use crate::policy::offline::{NotVerified, OfflineVerified};
use crate::policy::{Admission, Application, BindName, Permit, Refusal, World};
use crate::shield::sources::Source;
use crate::shield::{Answer, Turned};
use crate::time::Now;
use crate::upstream::{BindOutcome, Verification};

use super::answer::Reason;
use super::critical;

/// What a session brings to a bind.
pub struct BindContext<'a> {
    /// The application the connection belongs to.
    pub application: &'a Arc<Application>,
    /// The current views.
    pub world: &'a World,
    /// Whom names stood for when they were last resolved.
    pub names: &'a NameMemo,
    /// Whether a password may come as it does: over TLS, or the listener takes it in clear.
    pub may_receive_password: bool,
    /// The time of the request.
    pub now: Now,
}

/// The next thing to do about a bind.
pub enum Begun {
    /// It is decided.
    Decided(Verdict),
    /// A local account's secret has to be checked.
    CheckSecret {
        /// The account.
        account: LocalAccount,
        /// The secret that was given.
        password: Password,
    },
    /// A controller has to be asked.
    AskController {
        /// What the rules said.
        admission: Admission,
        /// The password that was given.
        password: Password,
        /// The request controls that go up with it.
        controls: Vec<Control>,
    },
}

impl Begun {
    /// The directory account that may get a permit, if there is one.
    #[must_use]
    pub fn account(&self) -> Option<Guid> {
        match self {
            Self::AskController { admission, .. } => Some(admission.account().guid),
            Self::Decided(_) | Self::CheckSecret { .. } => None,
        }
    }
}

/// How a bind ended.
pub struct Verdict {
    /// The true reason.
    pub reason: Reason,
    /// The controller's own answer, where it is to be relayed.
    pub relayed: Option<LdapResult>,
    /// The controller's response controls, encoded.
    pub controls: Vec<u8>,
    /// The session's new permit; `None` makes it anonymous.
    pub permit: Option<Permit>,
    /// The directory account the name stands for, if it came to that; for the log.
    pub account: Option<NamedAccount>,
}

impl Verdict {
    /// A verdict without a permit.
    #[must_use]
    pub const fn of(reason: Reason) -> Self {
        Self { reason, relayed: None, controls: Vec::new(), permit: None, account: None }
    }

    fn about(reason: Reason, account: NamedAccount) -> Self {
        Self { account: Some(account), ..Self::of(reason) }
    }
}

/// Decides what can be decided without checking a password.
#[must_use]
pub fn begin(context: &BindContext<'_>, request: BindRequest, controls: Vec<Control>) -> Begun {
    let decided = |reason| Begun::Decided(Verdict::of(reason));
    if !matches!(request.version, 2 | 3) {
        return decided(Reason::UnsupportedVersion);
    }
    if critical::unserved(OperationKind::Bind, &controls).is_some() {
        return decided(Reason::CriticalControl);
    }
    let password = match request.authentication {
        Authentication::Simple(password) => password,
        Authentication::Sasl { .. } | Authentication::Other(_) => {
            return decided(Reason::UnsupportedMechanism);
        }
    };
    match (request.name.is_empty(), password.is_empty()) {
        (true, true) => return anonymous(context),
        (false, true) => return decided(Reason::EmptyPassword),
        (_, false) => {}
    }
    if !context.may_receive_password {
        return decided(Reason::CleartextRefused);
    }
    if password.contains_nul() {
        return decided(Reason::PasswordContainsNul);
    }
    named(context, &request.name, password, controls)
        .unwrap_or_else(|refusal| decided(Reason::Refused(refusal)))
}

fn anonymous(context: &BindContext<'_>) -> Begun {
    let permit = Permit::of_anonymous(context.application, context.world, context.now);
    Begun::Decided(Verdict { permit, ..Verdict::of(Reason::Anonymous) })
}

fn named(
    context: &BindContext<'_>,
    name: &[u8],
    password: Password,
    mut controls: Vec<Control>,
) -> Result<Begun, Refusal> {
    let name = BindName::read(name)?;
    let admission = match candidate(
        context.world,
        context.application,
        &name,
        Some(context.names),
        context.now,
    ) {
        Ok(Candidate::Directory(admission)) => admission,
        Ok(Candidate::Local(account)) => return Ok(Begun::CheckSecret { account, password }),
        Err(Refused { refusal, account }) => {
            let verdict = Verdict { account, ..Verdict::of(Reason::Refused(refusal)) };
            return Ok(Begun::Decided(verdict));
        }
    };
    controls.retain(|control| control.oid == oid::PASSWORD_POLICY);
    Ok(Begun::AskController { admission, password, controls })
}

/// Ends a bind that a controller was asked about. The rules are asked again on the world as it is
/// now: what came in while the controller was thinking counts.
#[must_use]
pub fn conclude_controller(
    admission: Admission,
    verification: Verification,
    world: &World,
    now: Now,
) -> Verdict {
    let account = NamedAccount::from(admission.account());
    match verification.outcome {
        BindOutcome::Accepted { evidence, controls } => match admission.renewed(world, now) {
            Ok(confirmed) => Verdict {
                reason: Reason::Accepted,
                relayed: None,
                controls,
                permit: Some(confirmed.confirm(evidence)),
                account: Some(account),
            },
            Err(refusal) => Verdict::about(Reason::Refused(refusal), account),
        },
        BindOutcome::Rejected { result, controls } => Verdict {
            reason: Reason::Rejected,
            relayed: Some(result),
            controls,
            permit: None,
            account: Some(account),
        },
        BindOutcome::Unavailable(_) => Verdict::about(Reason::Unavailable, account),
        BindOutcome::Busy => Verdict::about(Reason::Busy, account),
    }
}

/// Ends a bind that no controller could be asked about, in a directory that lets some in all the same. The rules
/// are asked again, as after a controller's word.
#[must_use]
pub fn conclude_offline(
    admission: Admission,
    tried: Result<&OfflineVerified, NotVerified>,
    world: &World,
    now: Now,
) -> Verdict {
    let account = NamedAccount::from(admission.account());
    let evidence = match tried {
        Ok(evidence) => evidence,
        Err(NotVerified::WrongPassword) => {
            return Verdict::about(Reason::OfflinePasswordWrong, account);
        }
        Err(NotVerified::Withheld(_)) => return Verdict::about(Reason::Unavailable, account),
    };
    match admission.renewed(world, now).map(|confirmed| confirmed.confirm_offline(evidence)) {
        Ok(Some(permit)) => {
            Verdict { permit: Some(permit), ..Verdict::about(Reason::AcceptedOffline, account) }
        }
        Ok(None) => Verdict::about(Reason::Unavailable, account),
        Err(refusal) => Verdict::about(Reason::Refused(refusal), account),
    }
}

/// Ends a bind that the shield does not let a controller be asked about.
#[must_use]
pub fn conclude_shielded(admission: &Admission, turned: Turned) -> Verdict {
    let account = NamedAccount::from(admission.account());
    let reason = match turned {
        Turned::Repeated(answer) => {
            let Answer { result, controls, .. } = &*answer;
            return Verdict {
                relayed: Some(result.clone()),
                controls: controls.clone(),
                ..Verdict::about(Reason::RepeatedPassword, account)
            };
        }
        Turned::Exhausted => Reason::Shielded,
        Turned::Source(Source::Application) => Reason::ShieldedApplication,
        Turned::Source(Source::Client) => Reason::ShieldedClient,
        Turned::Busy => Reason::Busy,
    };
    Verdict::about(reason, account)
}

/// Ends a bind of a local account. Whether its application has been blocked or configured in another way meanwhile is
/// asked again.
#[must_use]
pub fn conclude_local(
    application: &Arc<Application>,
    evidence: Option<&LocalSecretAccepted>,
    world: &World,
    now: Now,
) -> Verdict {
    let Some(evidence) = evidence else { return Verdict::of(Reason::LocalSecretWrong) };
    match Permit::of_local_account(application, evidence, world, now) {
        Ok(permit) => Verdict { permit: Some(permit), ..Verdict::of(Reason::AcceptedLocally) },
        Err(refusal) => Verdict::of(Reason::Refused(refusal)),
    }
}
