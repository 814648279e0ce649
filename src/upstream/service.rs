//! `[io]` The service account's bind. A refusal is remembered for the whole directory, so that a wrong
//! password is sent once and never locks the account; outages are not refusals.

use tokio::time::Instant;

use super::controllers::{Member, Shared};
use super::error::{FetchError, LinkError, Step};
use super::health::{Capability, Observation, Source};
use super::link::Link;
use super::outcome::{Verdict, describe};

/// A service bind that did not succeed.
#[derive(Debug)]
pub(super) struct ServiceFailure {
    pub(super) error: FetchError,
    /// Whether the password was sent and not judged, so that it may have been counted.
    pub(super) unjudged: bool,
}

impl ServiceFailure {
    pub(super) fn unsent(member: &Member, error: LinkError) -> Self {
        Self { error: error.at(member.name()), unjudged: false }
    }
}

impl Shared {
    /// Says so if the service account has been refused and must not be tried again.
    pub(super) fn check_refusal(&self) -> Result<(), FetchError> {
        let Some(refusal) = self.refusal() else { return Ok(()) };
        let reason = format!(
            "the service account was refused earlier: {}; it is not tried again with this password",
            refusal.reason
        );
        Err(FetchError { controller: refusal.controller, step: Step::Credentials, reason })
    }

    /// Binds the link as the service account.
    pub(super) async fn bind_service(
        &self,
        member: &Member,
        link: &mut Link,
    ) -> Result<(), ServiceFailure> {
        let _one_at_a_time = self.service_gate.lock().await;
        self.check_refusal().map_err(|error| ServiceFailure { error, unjudged: false })?;
        let deadline = Instant::now() + self.config.timeouts.attempt;
        let name = self.config.service_name.as_bytes();
        let answer = link.bind(name, &self.config.service_password, &[], deadline).await;
        let fail = |step: Step, reason: String, unjudged: bool| {
            let observation = if step == Step::Timeout {
                Observation::Lost(reason.clone())
            } else {
                Observation::Fault(reason.clone())
            };
            self.observe(member, Capability::Sync, Source::Traffic, observation);
            let error = LinkError::new(step, reason).at(member.name());
            Err(ServiceFailure { error, unjudged })
        };
        match answer {
            Ok(Verdict::Accepted { .. }) => {
                self.observe(member, Capability::Sync, Source::Traffic, Observation::Good);
                Ok(())
            }
            Ok(Verdict::Rejected { result, unlisted, .. }) => {
                let reason = describe(unlisted.as_ref().unwrap_or(&result));
                self.refuse_service(member, &reason);
                let reason = format!("the service account is refused: {reason}");
                let error = LinkError::new(Step::Credentials, reason).at(member.name());
                Err(ServiceFailure { error, unjudged: false })
            }
            Ok(Verdict::NotJudged(cause)) => fail(Step::Server, cause, true),
            Ok(Verdict::NextController(cause)) => fail(Step::Server, cause, false),
            Ok(Verdict::Misconfigured(cause)) => {
                tracing::error!(
                    directory = &*self.config.directory,
                    controller = &**member.name(),
                    answer = cause,
                    "the controller does not take simple binds over this link: use ldaps or StartTLS"
                );
                let reason = format!("it takes binds only over a protected link: {cause}");
                fail(Step::Tls, reason, false)
            }
            Ok(Verdict::Referral(cause)) => {
                fail(Step::Server, format!("the account is held elsewhere: {cause}"), false)
            }
            Err(unanswered) => {
                fail(unanswered.error.step, unanswered.error.reason, unanswered.sent)
            }
        }
    }
}
