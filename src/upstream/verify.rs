//! `[io]` One login, by the failover rule (`failover.rs`): at most one verdict, within the total time.
//!
//! The work runs in its own task. A client that goes away does not stop it: a bind in flight is read
//! to its end, so that it is known whether it counted as a wrong password.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::controllers::{Member, Others, Shared, Upstream};
use super::error::Unavailable;
use super::failover::{BindOutcome, Course, Failover, Report};
use super::health::{Capability, Source};
use super::link::Unanswered;
use super::outcome::{Verdict, describe};
use super::pool::CheckoutError;
use super::relay::request_controls;
use crate::ldap::control::Control;
use crate::ldap::result::{LdapResult, ResultCode};
use crate::ldap::secret::Password;

/// The result of one login.
#[derive(Debug)]
pub struct Verification {
    /// What was decided.
    pub outcome: BindOutcome,
    /// The controller whose verdict it is, if there is one.
    pub controller: Option<Arc<str>>,
    /// Binds put on the wire, wholly or in part.
    pub attempts: u32,
    /// How many of those may count as a wrong password at the directory: refused, or sent and not
    /// judged.
    pub charged: u32,
}

impl Upstream {
    /// One client attempt: at most one verdict, by the failover rule of DESIGN §4, within the total
    /// timeout.
    ///
    /// An empty password or name, and a NUL in either, are refused without asking anybody: some
    /// controllers answer success to them (RFC 4513 §5.1.2). Of `controls` only password policy
    /// goes up.
    pub async fn verify(
        &self,
        name: &[u8],
        password: &Password,
        controls: &[Control],
    ) -> Verification {
        self.verify_then(name, password, controls, |_| ()).await
    }

    /// [`Upstream::verify`], which calls `concluded` once with the result, also when the returned
    /// future was dropped after its first poll: what was sent has to be charged even if the client
    /// is gone. A login that was not sent yet when the client left is not sent any more.
    pub async fn verify_then(
        &self,
        name: &[u8],
        password: &Password,
        controls: &[Control],
        concluded: impl FnOnce(&Verification) + Send + 'static,
    ) -> Verification {
        if let Some(refused) = unsendable(name, password) {
            concluded(&refused);
            return refused;
        }
        let login = Login {
            shared: Arc::clone(&self.shared),
            name: name.to_vec(),
            password: Password::copy_from(password.expose()),
            controls: request_controls(controls),
            deadline: Instant::now() + self.config().timeouts.total,
        };
        let (tell, told) = oneshot::channel();
        tokio::spawn(async move {
            let verification = login.run(|| tell.is_closed()).await;
            concluded(&verification);
            // Nobody may be left to hear it.
            let _ = tell.send(verification);
        });
        told.await.unwrap_or_else(|_| Verification {
            outcome: BindOutcome::Unavailable(Unavailable("the login's task ended".to_owned())),
            controller: None,
            attempts: 1,
            charged: 1,
        })
    }
}

/// The answer to what must never be sent.
fn unsendable(name: &[u8], password: &Password) -> Option<Verification> {
    let result = if password.is_empty() {
        LdapResult::new(ResultCode::UNWILLING_TO_PERFORM, "a name needs a password")
    } else if name.is_empty() {
        LdapResult::new(ResultCode::INVALID_CREDENTIALS, "a password needs a name")
    } else if password.contains_nul() || name.contains(&0) {
        LdapResult::new(ResultCode::INVALID_CREDENTIALS, "NUL is not allowed here")
    } else {
        return None;
    };
    let outcome = BindOutcome::Rejected { result, controls: Vec::new() };
    Some(Verification { outcome, controller: None, attempts: 0, charged: 0 })
}

struct Login {
    shared: Arc<Shared>,
    name: Vec<u8>,
    password: Password,
    controls: Vec<Control>,
    deadline: Instant,
}

impl Login {
    async fn run(&self, client_left: impl Fn() -> bool) -> Verification {
        let mut failover = Failover::default();
        let mut tried = Vec::new();
        let mut controller = None;
        let outcome = loop {
            if client_left() {
                break failover.exhausted("the client left");
            }
            if Instant::now() >= self.deadline {
                break failover.exhausted("no controller gave a verdict in time");
            }
            let Some(member) = self.shared.choose(Capability::Verify, &tried) else {
                break failover.exhausted("no controller gave a verdict");
            };
            tried.push(member.position);
            let report = self.attempt(&member, self.shared.others(&tried)).await;
            self.note(&member, &report);
            if let Course::Stop(outcome) = failover.after(report) {
                let judged = !matches!(outcome, BindOutcome::Unavailable(_) | BindOutcome::Busy);
                controller = judged.then(|| Arc::clone(member.name()));
                break outcome;
            }
        };
        let Failover { attempts, charged, .. } = failover;
        Verification { outcome, controller, attempts, charged }
    }

    async fn attempt(&self, member: &Member, others: Others) -> Report {
        let _in_flight = InFlight::enter(&member.in_flight);
        loop {
            let connected_by = self.connected_by(others);
            let mut checkout = match member.pool.checkout(connected_by).await {
                Ok(checkout) => checkout,
                Err(CheckoutError::Full) => return Report::QueueFull,
                Err(CheckoutError::Dial(error)) => return Report::NotSent(error),
            };
            let answered_by = self.answered_by(others);
            let link = &mut checkout.link;
            match link.bind(&self.name, &self.password, &self.controls, answered_by).await {
                Ok(verdict) => {
                    if verdict.is_final() {
                        member.pool.put_back(checkout);
                    }
                    return Report::Answered(verdict);
                }
                Err(Unanswered { sent: true, error }) => return Report::Unanswered(error),
                Err(Unanswered { sent: false, error }) if checkout.fresh => {
                    return Report::NotSent(error);
                }
                // A link from the pool that had died unnoticed: the kernel took no octet of the
                // request, so the next link of the same controller is as good as the first.
                Err(Unanswered { sent: false, .. }) => {}
            }
        }
    }

    /// A controller that is slow is given up for one that is not. Where there is none, the login waits
    /// for the slow one: what is left of the total time is of no other use.
    fn answered_by(&self, others: Others) -> Instant {
        let (now, timeouts) = (Instant::now(), &self.shared.config.timeouts);
        let attempt = now + timeouts.attempt;
        match others {
            Others::Usable => attempt.min(self.deadline),
            // Long enough before the end that one that has just come back can still be asked.
            Others::Down => {
                let end = self.deadline.checked_sub(timeouts.connect).unwrap_or(now);
                attempt.max(end).min(self.deadline)
            }
            Others::None => self.deadline,
        }
    }

    fn connected_by(&self, others: Others) -> Instant {
        let connect = self.shared.config.timeouts.connect;
        let patience = match others {
            Others::Usable => connect,
            Others::Down | Others::None => connect * 2,
        };
        self.deadline.min(Instant::now() + patience)
    }

    fn note(&self, member: &Member, report: &Report) {
        let sent = matches!(report, Report::Unanswered(_) | Report::Answered(_));
        member.binds.fetch_add(u64::from(sent), Ordering::Relaxed);
        let directory = &*self.shared.config.directory;
        let controller = &**member.name();
        if let Report::Answered(Verdict::Rejected { unlisted: Some(raw), .. }) = report {
            let answer = describe(raw);
            tracing::warn!(
                directory,
                controller,
                answer,
                "a bind got an answer that is not in the table; refused"
            );
        }
        if let Report::Answered(Verdict::Misconfigured(answer)) = report {
            tracing::error!(
                directory,
                controller,
                answer,
                "the controller does not take simple binds over this link: use ldaps or StartTLS"
            );
        }
        let failed = !matches!(report, Report::Answered(verdict) if verdict.is_final());
        member.failures.fetch_add(u64::from(failed), Ordering::Relaxed);
        if let Some(observation) = report.observation() {
            self.shared.observe(member, Capability::Verify, Source::Traffic, observation);
        }
    }
}

/// Counts a request in hand until it is dropped.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
