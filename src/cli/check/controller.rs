//! `[io]` What is tried at one controller: name, connection, TLS, the service account, the whole copy.

use std::sync::Arc;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::certificate::{CertificateFacts, Validity};
use crate::cli::output::Progress;
use crate::cli::render::{count, day};
use crate::config::SyncSettings;
use crate::directory::View;
use crate::sync::examine::examine;
use crate::sync::{Wanted, whole_copy};
use crate::time::Now;
use crate::upstream::{ControllerConfig, FetchError, FetchSession, Security, Step, Upstream};

use super::explain::{self, Place};
use super::listener::SOON;
use super::report::{Area, Finding};

/// What was found at one controller.
#[derive(Default)]
pub struct Checked {
    /// The findings in the order they were made.
    pub findings: Vec<Finding>,
    /// The copy that was read.
    pub view: Option<Arc<View>>,
}

/// One controller of one directory.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// The way to the directory's controllers.
    pub upstream: &'a Arc<Upstream>,
    /// The controller.
    pub controller: &'a ControllerConfig,
    /// How the directory is copied.
    pub sync: &'a SyncSettings,
    /// The directory in the configuration: `directory[0]`.
    pub directory_key: &'a str,
    /// The controller in the configuration: `directory[0].controllers[1]`.
    pub controller_key: &'a str,
    /// Where to say how far the reading is.
    pub progress: &'a Progress,
}

impl Candidate<'_> {
    /// Tries everything, in the order in which each step needs the one before. `refused_by` is the
    /// controller that has refused the service account: then its password is not sent again.
    pub async fn check(&self, refused_by: Option<&str>) -> Checked {
        let mut checked = Checked::default();
        if !self.network(&mut checked.findings).await {
            return checked;
        }
        if self.controller.security == Security::Plain {
            let advice = "use ldaps:// or starttls; Active Directory may refuse logins in clear";
            let text = "no TLS: passwords travel in clear";
            checked.findings.push(Finding::warn(Area::Tls, text, advice).at(self.controller_key));
        }
        if let Some(other) = refused_by {
            self.without_password(&mut checked.findings, other).await;
            return checked;
        }
        match self.upstream.fetch_session_at(&self.controller.name).await {
            Ok(session) => self.with_session(session, &mut checked).await,
            Err(error) => {
                if error.step == Step::Credentials {
                    self.reach(&mut checked.findings).await;
                }
                checked.findings.push(self.failure(&error));
            }
        }
        checked
    }

    fn place(&self) -> Place<'_> {
        Place {
            host: self.controller.host(),
            port: self.controller.port,
            directory_key: self.directory_key,
            controller_key: self.controller_key,
        }
    }

    fn failure(&self, error: &FetchError) -> Finding {
        explain::finding(error, self.place())
    }

    fn failed(&self, step: Step, reason: String) -> Finding {
        let controller = self.controller.name.clone();
        self.failure(&FetchError { controller, step, reason })
    }

    /// Name resolution and TCP; `false` if nothing can come after it.
    async fn network(&self, findings: &mut Vec<Finding>) -> bool {
        let (host, port) = (self.controller.host(), self.controller.port);
        let patience = self.upstream.config().timeouts.connect;
        let addresses: Vec<_> = match timeout(patience, lookup_host((host, port))).await {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(error)) => {
                findings.push(self.failed(Step::Resolve, format!("{host}: {error}")));
                return false;
            }
            Err(_) => {
                let reason = format!("{host}: no answer from the name service in time");
                findings.push(self.failed(Step::Resolve, reason));
                return false;
            }
        };
        let mut reached = None;
        let mut unreached = Vec::new();
        for address in addresses {
            let begin = Now::read().monotonic;
            match timeout(patience, TcpStream::connect(address)).await {
                Ok(Ok(_)) => {
                    let took = begin.elapsed().as_millis();
                    reached.get_or_insert_with(|| format!("{address} answers in {took} ms"));
                }
                Ok(Err(error)) => unreached.push(format!("{address}: {error}")),
                Err(_) => unreached
                    .push(format!("{address}: no answer within {} ms", patience.as_millis())),
            }
        }
        let Some(reached) = reached else {
            findings.push(self.failed(Step::Connect, unreached.join("; ")));
            return false;
        };
        let name = &self.controller.name;
        findings.push(Finding::ok(Area::Network, format!("{name}: {reached}")));
        if !unreached.is_empty() {
            let text = format!("not every address of {host} answers: {}", unreached.join("; "));
            let advice = "logins wait for these addresses in vain: take them out of the name \
                          service, or give the controller one address";
            findings.push(Finding::warn(Area::Network, text, advice).at(self.controller_key));
        }
        true
    }

    /// What can be tried without the password.
    async fn without_password(&self, findings: &mut Vec<Finding>, refused_by: &str) {
        self.reach(findings).await;
        let text = format!("not tried: {refused_by} has refused the service account");
        let advice = "correct it there first: one more wrong password might lock the account";
        findings.push(Finding::warn(Area::Credentials, text, advice));
    }

    async fn with_session(&self, mut session: FetchSession, checked: &mut Checked) {
        let now = Now::read();
        let findings = &mut checked.findings;
        if let Some(facts) = session.peer_certificate() {
            findings.push(self.certificate(&facts, now));
        }
        let name = &self.upstream.config().service_name;
        findings.push(Finding::ok(Area::Credentials, format!("bound as {name}")));
        if let Some(base) = session.base_dn() {
            findings.push(Finding::ok(Area::BaseDn, base.to_owned()));
        }
        let SyncSettings { base, page_size, .. } = self.sync;
        let wanted =
            Wanted { base: base.as_deref(), page_size: *page_size, config: None, last: None };
        let subject = &self.controller.name;
        let mut told = |entries| {
            self.progress
                .say(&format!("reading {subject}: {}", count(entries, "entry", "entries")));
        };
        match whole_copy(&mut session, wanted, &mut told).await {
            Ok(copy) => {
                let took = now.monotonic.elapsed();
                let counts = copy.view.counts();
                let text = format!(
                    "read {}, {}, {} in {} ms",
                    count(counts.users, "user", "users"),
                    count(counts.groups, "group", "groups"),
                    count(counts.containers, "container", "containers"),
                    took.as_millis()
                );
                findings.push(Finding::ok(Area::Rights, text));
                checked.view = Some(Arc::new(copy.view));
            }
            Err(error) => findings.push(self.failure(&error)),
        }
        if checked.view.is_some() && self.sync.follow {
            self.following(&mut session, findings).await;
        }
        session.close().await;
    }

    /// How changes can be followed there.
    async fn following(&self, session: &mut FetchSession, findings: &mut Vec<Finding>) {
        let SyncSettings { base, strategy, notify, .. } = self.sync;
        let examined = match examine(session, base.as_deref(), *strategy).await {
            Ok(examined) => examined,
            Err(error) => {
                findings.push(self.failure(&error));
                return;
            }
        };
        let announced = match (*notify, examined.announces) {
            (true, true) => "announced by the controller",
            (true, false) => "not announced by the controller",
            (false, _) => "notify is off",
        };
        let text = format!("changes are followed by {}, {announced}", examined.choice.strategy);
        findings.push(Finding::ok(Area::Following, text));
        for obstacle in examined.choice.why_not {
            let text = format!("not by {obstacle}");
            findings.push(Finding::ok(Area::Following, text));
        }
        if let Some(container) = examined.hidden {
            let text = format!("deleted objects cannot be seen in {container}");
            let advice = format!(
                "deletions are found minutes later; grant the sync account List Contents and Read Property, \
                 for example: dsacls \"{container}\" /G \"{}:LCRP\"",
                self.upstream.config().service_name
            );
            findings.push(Finding::warn(Area::Following, text, &advice));
        }
    }

    /// Connection and TLS alone.
    async fn reach(&self, findings: &mut Vec<Finding>) {
        match self.upstream.reach_at(&self.controller.name).await {
            Ok(facts) => findings.extend(facts.map(|facts| self.certificate(&facts, Now::read()))),
            Err(error) => findings.push(self.failure(&error)),
        }
    }

    fn certificate(&self, facts: &CertificateFacts, now: Now) -> Finding {
        certificate(facts, self.controller.security, self.controller_key, now)
    }
}

/// A controller's certificate that the handshake has believed.
fn certificate(facts: &CertificateFacts, security: Security, key: &str, now: Now) -> Finding {
    let until = day(facts.not_after_unix);
    let how = match security {
        Security::StartTls => "StartTLS, certificate",
        Security::Ldaps | Security::Plain => "certificate",
    };
    let issuer = if facts.issuer.is_empty() { "an unnamed issuer" } else { &facts.issuer };
    let text = format!("{how} for {} from {issuer}", facts.names_text());
    // Outside of its days it is believed only if its key is pinned.
    let pinned = "believed because its key is pinned";
    let (text, soon) = match facts.validity(now) {
        Validity::NotYet => {
            (format!("{text}: valid only from {}, {pinned}", day(facts.not_before_unix)), true)
        }
        Validity::Expired(_) => (format!("{text}: expired on {until}, {pinned}"), true),
        Validity::Days(days) => {
            (format!("{text}, expires in {days} days, on {until}"), days < SOON)
        }
    };
    if soon {
        Finding::warn(Area::Tls, text, "renew the controller's certificate").at(key)
    } else {
        Finding::ok(Area::Tls, text)
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Level;
    use super::*;

    #[test]
    fn a_certificate_near_its_end_is_a_warning() {
        let now = Now::read();
        for (days, level) in
            [(31, Level::Ok), (30, Level::Ok), (29, Level::Warn), (-1, Level::Warn)]
        {
            let facts = CertificateFacts {
                subject: String::new(),
                issuer: "CN=authority".to_owned(),
                names: vec!["dc1".to_owned()],
                not_before_unix: 0,
                not_after_unix: now.unix_seconds() + days * 24 * 3600,
                is_authority: false,
                spki_sha256: String::new(),
            };
            let finding = certificate(&facts, Security::Ldaps, "directory[0]", now);
            assert_eq!(finding.level, level, "{days}: {finding:?}");
        }
    }
}
