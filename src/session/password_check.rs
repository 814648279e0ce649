//! `[io]` Checking a password: at a controller, or against a local account's secret.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::ldap::schema::DirectoryKind;
use crate::ldap::secret::Password;
use crate::policy::application::{LocalAccount, RefusalStyle};
use crate::policy::local_account::{self, LocalSecretAccepted};
use crate::policy::{Admission, Application};
use crate::shield::{Origin, Turned};
use crate::time::Now;
use crate::upstream::{BindOutcome, Timeouts, Times, Verification};

use super::answer::Reason;
use super::bind::{self, Begun, Verdict};
use super::dialect::Dialect;
use super::gate::{DirectoryGate, Gate, Snapshot};
use super::offline::login::OfflineLogin;

/// Longest wait for a place to check a slow secret: an answer has to come before applications give up.
const SLOW_CHECK_WAIT: Duration = Duration::from_secs(2);

/// A bind with its verdict.
pub(super) struct Checked {
    /// How it ended.
    pub(super) verdict: Verdict,
    /// The controller whose answer counts.
    pub(super) controller: Option<Arc<str>>,
    /// Binds put on the wire.
    pub(super) attempts: u32,
    /// When that was known.
    pub(super) now: Now,
}

impl Checked {
    /// A verdict that no controller was asked for.
    fn here(verdict: Verdict) -> Self {
        Self { verdict, controller: None, attempts: 0, now: Now::read() }
    }
}

/// Where a login comes from.
pub(super) struct Login<'a> {
    pub(super) gate: &'a Arc<Gate>,
    pub(super) application: &'a Arc<Application>,
    /// The client's address.
    pub(super) client: IpAddr,
    /// When the request came.
    pub(super) arrived: Instant,
}

/// Asks whoever can tell whether the password is right: a controller, or the secret of a local account. `snapshot` is
/// of the time of the verdict afterwards.
pub(super) async fn check(login: &Login<'_>, snapshot: &mut Snapshot, begun: Begun) -> Checked {
    let Login { gate, application, client, arrived } = *login;
    match begun {
        Begun::Decided(verdict) => Checked::here(verdict),
        Begun::CheckSecret { account, password } => {
            let verdict = match check_secret(gate, account, password).await {
                Ok(evidence) => {
                    gate.refresh(snapshot);
                    let (world, now) = (snapshot.world(), Now::read());
                    bind::conclude_local(application, evidence.as_ref(), world, now)
                }
                Err(reason) => Verdict::of(reason),
            };
            Checked::here(verdict)
        }
        Begun::AskController { admission, password, controls } => {
            let Some(directory) = gate.directory(&admission.account().directory) else {
                return Checked::here(Verdict::of(Reason::Unavailable));
            };
            let offline = directory.offline.as_ref();
            let offline = offline.map(|offline| OfflineLogin::begin(offline, &admission));
            let origin = Origin { application: application.name.clone(), client };
            let guid = admission.account().guid;
            let waits_until = arrived + longest_wait(directory);
            let admitted =
                directory.shield.admit(guid, &password, origin, arrived, waits_until).await;
            let reservation = match admitted {
                Ok(reservation) => reservation,
                Err(turned) => {
                    return turned_away(gate, admission, password, turned, offline).await;
                }
            };
            let name = admission.account().upstream_name.as_bytes();
            let times = Times { arrived, begun: reservation.begun() };
            let verifying =
                directory.upstream.verify_charged(name, &password, &controls, times, reservation);
            let verification = verifying.await;
            learn(directory, &verification);
            let Verification { controller, attempts, .. } = &verification;
            let (controller, attempts) = (controller.clone(), *attempts);
            let (verdict, now) = if let Some(offline) = offline {
                offline.conclude(gate, admission, password, verification).await
            } else {
                gate.refresh(snapshot);
                let (world, now) = (snapshot.world(), Now::read());
                (bind::conclude_controller(admission, verification, world, now), now)
            };
            Checked { verdict, controller, attempts, now }
        }
    }
}

/// A login that the shield keeps from the controllers. Where none of them can be asked anyway, the outage is what it is
/// told of: attempts that nobody answered may have been counted, so they have used up the budget, and to a user that
/// must not look like a lockout.
async fn turned_away(
    gate: &Gate,
    admission: Admission,
    password: Password,
    turned: Turned,
    offline: Option<OfflineLogin>,
) -> Checked {
    let directory = gate.directory(&admission.account().directory);
    let is_cut_off = matches!(turned, Turned::Exhausted | Turned::Busy)
        && directory.is_some_and(DirectoryGate::is_cut_off);
    match offline {
        _ if !is_cut_off => Checked::here(bind::conclude_shielded(&admission, turned)),
        Some(offline) => {
            let (verdict, now) = offline.without_controller(gate, admission, password).await;
            Checked { verdict, controller: None, attempts: 0, now }
        }
        None => {
            let account = Some(admission.account().into());
            Checked::here(Verdict { account, ..Verdict::of(Reason::Unavailable) })
        }
    }
}

/// How long a login may wait for others on the same account: afterwards there has to be time for an attempt.
fn longest_wait(directory: &DirectoryGate) -> Duration {
    let Timeouts { total, attempt, .. } = directory.upstream.config().timeouts;
    total.saturating_sub(attempt)
}

/// Checks a local secret; slow ones on a thread of their own, few at a time.
async fn check_secret(
    gate: &Arc<Gate>,
    account: LocalAccount,
    password: Password,
) -> Result<Option<LocalSecretAccepted>, Reason> {
    if !local_account::is_slow(&account) {
        return Ok(local_account::verify(&account, &password));
    }
    if let Some(evidence) = gate.secrets.recall(&account, &password) {
        return Ok(Some(evidence));
    }
    let place = timeout(SLOW_CHECK_WAIT, gate.slow_checks.clone().acquire_owned()).await;
    let Ok(Ok(place)) = place else { return Err(Reason::Busy) };
    let gate = gate.clone();
    let checked = tokio::task::spawn_blocking(move || {
        // Held until the work is done, also where nobody waits for it any more.
        let _place = place;
        let evidence = local_account::verify(&account, &password);
        if evidence.is_some() {
            gate.secrets.remember(&account, &password);
        }
        evidence
    });
    checked.await.map_err(|_| Reason::Unavailable)
}

/// Keeps the directory's wording for refusals made here.
fn learn(directory: &DirectoryGate, verification: &Verification) {
    if let BindOutcome::Rejected { result, .. } = &verification.outcome {
        directory.dialect.learn(result);
    }
}

/// How long after its request a negative answer leaves: never before the application's floor, and one that no
/// controller was asked for as late as those that one was.
pub(super) fn pause(application: &Application, verdict: &Verdict, took: Duration) -> Duration {
    let like_others = if verdict.reason == Reason::Rejected {
        application.pace.note(took);
        took
    } else {
        application.pace.draw()
    };
    application.negative_latency.max(like_others)
}

/// The wording of the account's directory, or of the application's first. Where states stay private it is
/// always the first: which directory an account is in must not be told by the words.
pub(crate) fn dialect_for(
    gate: &Gate,
    application: &Application,
    verdict: &Verdict,
) -> Arc<Dialect> {
    let name = match application.refusals {
        RefusalStyle::Uniform => None,
        RefusalStyle::Subcodes => verdict.account.as_ref().map(|account| &account.directory),
    };
    name.or(application.directories.first()).and_then(|name| gate.directory(name)).map_or_else(
        || Arc::new(Dialect::default_for(DirectoryKind::ActiveDirectory)),
        |directory| directory.dialect.current(),
    )
}
