//! The drivers against a scripted controller on loopback (`script`): single links (`linking`), logins
//! (`verifying`), reading (`fetching`), what has changed (`changing`), sessions kept (`keeping`), watches
//! (`watching`), probes (`probing`), and TLS (`trust`).

mod changing;
mod fetching;
mod keeping;
mod linking;
mod probing;
mod script;
mod trust;
mod verifying;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use script::Script;
use tokio::task::JoinHandle;

use super::{
    ControllerConfig, ControllerStatus, HealthConfig, PoolConfig, Security, Timeouts, Trust,
    Upstream, UpstreamConfig,
};
use crate::ldap::schema::DirectoryKind;
use crate::ldap::secret::Password;
use crate::time::Now;

fn password(text: &str) -> Password {
    Password::copy_from(text.as_bytes())
}

/// A configuration with waits short enough for tests.
pub(super) fn config(controllers: Vec<ControllerConfig>) -> UpstreamConfig {
    UpstreamConfig {
        directory: Arc::from("corp"),
        kind: DirectoryKind::ActiveDirectory,
        controllers,
        service_name: "CORP\\svc".to_owned(),
        service_password: password(script::RIGHT),
        base_dn: Some("DC=corp,DC=test".to_owned()),
        timeouts: Timeouts {
            connect: Duration::from_millis(300),
            attempt: Duration::from_millis(250),
            total: Duration::from_millis(800),
            search: Duration::from_millis(500),
        },
        pool: PoolConfig::default(),
        max_message: 64 * 1024,
        health: HealthConfig {
            probe_interval: Duration::from_millis(80),
            ..HealthConfig::default()
        },
    }
}

/// A controller that nobody is asked to reach.
pub(super) fn unreachable() -> ControllerConfig {
    ControllerConfig {
        name: Arc::from("dc0.corp.test"),
        address: Some("127.0.0.1".to_owned()),
        port: 1,
        security: Security::Plain,
        trust: Trust::System,
        tier: 0,
    }
}

/// Plain controllers of descending preference: the order of asking is the order given.
fn in_order(scripts: &[&Script]) -> Vec<ControllerConfig> {
    let controllers = scripts.iter().zip(0_u8..).map(|(script, tier)| ControllerConfig {
        name: Arc::from(format!("dc{}.corp.test", tier + 1)),
        address: Some(script.address.ip().to_string()),
        port: script.address.port(),
        security: Security::Plain,
        trust: Trust::System,
        tier,
    });
    controllers.collect()
}

/// Runs the probes until the upstream is dropped by the test's end.
fn probed(config: UpstreamConfig) -> (Arc<Upstream>, AbortOnDrop) {
    let upstream = Upstream::new(config, Now::read()).unwrap();
    let probes = tokio::spawn(Arc::clone(&upstream).maintain());
    (upstream, AbortOnDrop(probes))
}

/// Ends a task with the test.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits until the status is as wanted.
async fn until(upstream: &Upstream, wanted: impl Fn(&[ControllerStatus]) -> bool) {
    for _ in 0..300 {
        if wanted(&upstream.status()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not reached: {:#?}", upstream.status());
}

fn all_up(status: &[ControllerStatus]) -> bool {
    status.iter().all(|controller| controller.verify.state == "up")
}

/// Up, and the service account has been tried everywhere.
fn sync_up(status: &[ControllerStatus]) -> bool {
    all_up(status) && status.iter().all(|controller| controller.sync.state == "up")
}

fn upstream(scripts: &[&Script]) -> Arc<Upstream> {
    Upstream::new(config(in_order(scripts)), Now::read()).unwrap()
}
