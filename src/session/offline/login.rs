//! `[io]` The end of a login in a directory that lets some in without a controller: what a controller accepts is
//! remembered, and where none could be asked, what is remembered is asked.

use std::sync::Arc;

use crate::ldap::secret::Password;
use crate::policy::offline::{NotVerified, OfflineVerified, PasswordStamp};
use crate::policy::{Account, Admission};
use crate::session::answer::Reason;
use crate::session::bind::{self, Verdict};
use crate::session::gate::Gate;
use crate::time::Now;
use crate::upstream::{BindOutcome, Verification};

use super::book::Offline;

/// A login that is being checked in such a directory.
pub(in crate::session) struct OfflineLogin {
    offline: Arc<Offline>,
    offered: Option<PasswordStamp>,
}

impl OfflineLogin {
    /// Notes what has to be known before a controller is asked.
    pub(in crate::session) fn begin(offline: &Arc<Offline>, admission: &Admission) -> Self {
        let offered = offline.offered(admission.account().guid);
        Self { offline: offline.clone(), offered }
    }

    /// Ends it, whatever the controllers said. Gives the time of the verdict too.
    pub(in crate::session) async fn conclude(
        self,
        gate: &Gate,
        admission: Admission,
        password: Password,
        verification: Verification,
    ) -> (Verdict, Now) {
        match &verification.outcome {
            BindOutcome::Unavailable(_) => self.without_controller(gate, admission, password).await,
            BindOutcome::Accepted { .. } | BindOutcome::Rejected { .. } | BindOutcome::Busy => {
                let account = admission.account().guid;
                let (world, now) = (gate.world(), Now::read());
                let verdict = bind::conclude_controller(admission, verification, &world, now);
                if let (Reason::Accepted, Some(offered)) = (verdict.reason, self.offered) {
                    self.offline.remember(account, offered, password, now.wall);
                }
                (verdict, now)
            }
        }
    }

    /// Ends it where no controller can be asked.
    pub(in crate::session) async fn without_controller(
        self,
        gate: &Gate,
        admission: Admission,
        password: Password,
    ) -> (Verdict, Now) {
        let (account, application) = (admission.account().clone(), admission.application().clone());
        let tried = self.offline.attempt(account.guid, password).await;
        let (world, now) = (gate.world(), Now::read());
        let verdict =
            bind::conclude_offline(admission, tried.as_ref().map_err(|why| *why), &world, now);
        log(&application.name, &account, &tried, &verdict, now);
        (verdict, now)
    }
}

fn log(
    application: &str,
    account: &Account,
    tried: &Result<OfflineVerified, NotVerified>,
    verdict: &Verdict,
    now: Now,
) {
    let Account { directory, guid, dn, .. } = account;
    match tried {
        Ok(evidence) if verdict.permit.is_some() => {
            let age = now.wall.duration_since(evidence.verified_at()).unwrap_or_default();
            tracing::warn!(
                application,
                directory = &**directory,
                %guid,
                dn = &**dn,
                verified_s = age.as_secs(),
                "a login without a controller: the password is the one that was accepted before"
            );
        }
        Ok(_) | Err(NotVerified::WrongPassword) => {}
        Err(NotVerified::Withheld(why)) => tracing::info!(
            application,
            directory = &**directory,
            %guid,
            dn = &**dn,
            why = why.code(),
            "no login without a controller"
        ),
    }
}
