//! `[io]` One login, by the failover rule (`failover.rs`): at most one verdict, within the total time.
//!
//! The work runs where it is waited for, without a task of its own. A client that goes away does not stop
//! it: what is left of it goes on in a task then, and a bind in flight is read to its end, so that it is
//! known whether it counted as a wrong password.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::controllers::{Member, Others, Shared, Upstream};
use super::failover::{BindOutcome, Course, Failover, Report};
use super::health::{Capability, Source};
use super::link::Unanswered;
use super::outcome::{Verdict, describe};
use super::pool::CheckoutError;
use super::relay::request_controls;
use crate::ldap::control::Control;
use crate::ldap::result::{LdapResult, ResultCode};
use crate::ldap::secret::Password;
use crate::time::Now;

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
    /// The controllers that were sent the password and did not judge it.
    pub unjudged: Vec<Arc<str>>,
}

/// When a login came, and when its turn came to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The total time counts from then.
    pub arrived: std::time::Instant,
    /// The present, or a moment ago.
    pub begun: std::time::Instant,
}

/// Who keeps count of what a login may cost its account at the directory.
pub trait Charge: Send + 'static {
    /// Whether the password may be sent once more after an attempt that nobody judged: each of the two may
    /// count as a wrong password.
    fn allows_retry(&mut self) -> bool;

    /// Takes the result, once, also where nobody waits for it any more. What is dropped without it may have been
    /// sent.
    fn conclude(self, verification: &Verification, password: &Password);
}

/// Nobody keeps count.
impl Charge for () {
    fn allows_retry(&mut self) -> bool {
        true
    }

    fn conclude(self, _: &Verification, _: &Password) {}
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
        let begun = Now::read().monotonic;
        self.verify_charged(name, password, controls, Times { arrived: begun, begun }, ()).await
    }

    /// [`Upstream::verify`] of a login that came some time ago, which tells `charge` what it costs, also when the
    /// returned future was dropped after its first poll: what was sent has to be charged even if the client
    /// is gone. A login that was not sent yet when the client left is not sent any more.
    pub async fn verify_charged(
        &self,
        name: &[u8],
        password: &Password,
        controls: &[Control],
        times: Times,
        charge: impl Charge,
    ) -> Verification {
        if let Some(refused) = unsendable(name, password) {
            charge.conclude(&refused, password);
            return refused;
        }
        let login = Arc::new(Login {
            shared: Arc::clone(&self.shared),
            name: name.to_vec(),
            password: Password::copy_from(password.expose()),
            controls: request_controls(controls),
            begun: times.begun.into(),
            deadline: Instant::from_std(times.arrived) + self.config().timeouts.total,
            client_left: AtomicBool::new(false),
        });
        let work = Box::pin(charged(Arc::clone(&login), charge));
        ToTheEnd { work: Some(work), login }.await
    }
}

/// A login, and the word about what it has cost.
#[expect(clippy::manual_async_fn, reason = "an async function keeps what it is given twice")]
fn charged(
    login: Arc<Login>,
    mut charge: impl Charge,
) -> impl Future<Output = Verification> + Send + 'static {
    async move {
        let verification = login.run(&mut charge).await;
        charge.conclude(&verification, &login.password);
        verification
    }
}

/// A login that goes on when nobody waits for it any more.
struct ToTheEnd<W: Future<Output: Send> + Send + 'static> {
    /// `None` once it is done.
    work: Option<Pin<Box<W>>>,
    login: Arc<Login>,
}

impl<W: Future<Output: Send> + Send + 'static> Future for ToTheEnd<W> {
    type Output = W::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<W::Output> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<W: Future<Output: Send> + Send + 'static> Drop for ToTheEnd<W> {
    fn drop(&mut self) {
        let Some(work) = self.work.take().filter(|_| !std::thread::panicking()) else { return };
        self.login.client_left.store(true, Ordering::Relaxed);
        // Without a runtime the program is at its end, and so are its links.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(work);
        }
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
    Some(Verification { outcome, controller: None, attempts: 0, charged: 0, unjudged: Vec::new() })
}

struct Login {
    shared: Arc<Shared>,
    name: Vec<u8>,
    password: Password,
    controls: Vec<Control>,
    begun: Instant,
    deadline: Instant,
    client_left: AtomicBool,
}

impl Login {
    async fn run(&self, charge: &mut impl Charge) -> Verification {
        let mut failover = Failover::default();
        let (mut tried, mut unjudged) = (Vec::new(), Vec::new());
        let mut controller = None;
        let mut now = self.begun;
        let outcome = loop {
            if self.client_left.load(Ordering::Relaxed) {
                break failover.exhausted("the client left");
            }
            if now >= self.deadline {
                break failover.exhausted("no controller gave a verdict in time");
            }
            let chosen = self.shared.choose_to_verify(&tried, now.into_std());
            let Some((member, others)) = chosen else {
                break failover.exhausted("no controller gave a verdict");
            };
            tried.push(member.position);
            let report = self.attempt(member, others, now).await;
            self.note(member, &report);
            if report.is_unjudged() {
                unjudged.push(Arc::clone(member.name()));
            }
            match failover.after(report) {
                Course::Next => {}
                Course::Retry if charge.allows_retry() => {}
                Course::Retry => break failover.exhausted("too many failures for a retry"),
                Course::Stop(outcome) => {
                    let judged =
                        !matches!(outcome, BindOutcome::Unavailable(_) | BindOutcome::Busy);
                    controller = judged.then(|| Arc::clone(member.name()));
                    break outcome;
                }
            }
            now = Instant::now();
        };
        let Failover { attempts, charged, .. } = failover;
        Verification { outcome, controller, attempts, charged, unjudged }
    }

    async fn attempt(&self, member: &Member, others: Others, begun: Instant) -> Report {
        let _in_flight = InFlight::enter(&member.in_flight);
        let mut now = begun;
        loop {
            let connected_by = self.connected_by(others, now);
            let mut checkout = match member.pool.checkout(now, connected_by).await {
                Ok(checkout) => checkout,
                Err(CheckoutError::Full) => return Report::QueueFull,
                Err(CheckoutError::Dial(error)) => return Report::NotSent(error),
            };
            let answered_by = self.answered_by(others, checkout.at);
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
                Err(Unanswered { sent: false, .. }) => now = Instant::now(),
            }
        }
    }

    /// A controller that is slow is given up for one that is not. Where there is none, the login waits
    /// for the slow one: what is left of the total time is of no other use.
    fn answered_by(&self, others: Others, now: Instant) -> Instant {
        let timeouts = &self.shared.config.timeouts;
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

    fn connected_by(&self, others: Others, now: Instant) -> Instant {
        let connect = self.shared.config.timeouts.connect;
        let patience = match others {
            Others::Usable => connect,
            Others::Down | Others::None => connect * 2,
        };
        self.deadline.min(now + patience)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn login() -> Arc<Login> {
        let (name, password) = (b"CORP\\alice".to_vec(), Password::copy_from(b"x"));
        let now = crate::time::Now::read();
        let config = crate::upstream::tests::config(vec![crate::upstream::tests::unreachable()]);
        let shared = Arc::clone(&Upstream::new(config, now).unwrap().shared);
        let begun = Instant::now();
        let client_left = AtomicBool::new(false);
        let deadline = begun + Duration::from_secs(1);
        let controls = Vec::new();
        Arc::new(Login { shared, name, password, controls, begun, deadline, client_left })
    }

    /// As large as one that keeps count in earnest.
    struct Large(#[expect(dead_code, reason = "only its size matters")] [u64; 12]);

    impl Charge for Large {
        fn allows_retry(&mut self) -> bool {
            true
        }

        fn conclude(self, _: &Verification, _: &Password) {}
    }

    /// The allocator tidies up its small pieces whenever it is asked for a large one (1 KiB with the usual
    /// ones), so a large future would cost every login more than the rest of its memory together.
    #[tokio::test]
    async fn what_a_login_puts_on_the_heap_is_small() {
        let size = size_of_val(&charged(login(), Large([0; 12])));
        assert!(size <= 1000, "{size} octets");
    }

    /// What nobody waits for any more goes on; what is done is not done again.
    #[tokio::test]
    async fn work_goes_on_when_its_waiter_is_dropped() {
        let login = login();
        let (tell, told) = tokio::sync::oneshot::channel();
        let work = async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            tell.send(())
        };
        let to_the_end = ToTheEnd { work: Some(Box::pin(work)), login: Arc::clone(&login) };
        let waiting = tokio::time::timeout(Duration::from_millis(2), to_the_end).await;
        assert!(waiting.is_err() && login.client_left.load(Ordering::Relaxed));
        told.await.unwrap();
        let done = ToTheEnd { work: Some(Box::pin(std::future::ready(7))), login: self::login() };
        let login = Arc::clone(&done.login);
        assert_eq!(done.await, 7);
        assert!(!login.client_left.load(Ordering::Relaxed));
    }
}
