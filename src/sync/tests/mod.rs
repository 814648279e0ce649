//! The reading and the loop against a company of two controllers in this process.

mod announced;
mod copies;
mod held;
mod lagging;
mod passes;
mod random;
mod renaming;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::{CronSchedule, SyncConfig, Timing};
use crate::demo::{Authority, Controller, Directory, Options, SharedDirectory, company};
use crate::ldap::schema::DirectoryKind;
use crate::ldap::secret::Password;
use crate::time::Now;
use crate::upstream::{
    ControllerConfig, HealthConfig, PoolConfig, Security, Timeouts, Trust, Upstream, UpstreamConfig,
};

/// Two controllers that serve one directory.
struct Company {
    directory: SharedDirectory,
    controllers: Vec<Controller>,
    authority: Arc<Authority>,
    kind: DirectoryKind,
}

impl Company {
    fn new() -> Self {
        let directory = company::company(Now::read().wall).unwrap();
        Self::of(directory, DirectoryKind::ActiveDirectory)
    }

    fn openldap() -> Self {
        let directory = company::openldap_company(Now::read().wall).unwrap();
        Self::of(directory, DirectoryKind::OpenLdap)
    }

    fn of(directory: Directory, kind: DirectoryKind) -> Self {
        let directory = SharedDirectory::new(directory);
        let authority = Arc::new(Authority::new().unwrap());
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let controllers = ["dc1", "dc2"].map(|name| {
            let options = Options::new(name, &directory, &authority, address);
            Controller::start(SocketAddr::new(address, 0), &directory, options).unwrap()
        });
        Self { directory, controllers: controllers.into(), authority, kind }
    }

    /// The way to them; dc1 is asked first.
    fn upstream(&self) -> Arc<Upstream> {
        self.upstream_with(|_| {})
    }

    fn upstream_with(&self, change: impl FnOnce(&mut UpstreamConfig)) -> Arc<Upstream> {
        let authority: Arc<[u8]> = self.authority.pem().as_bytes().into();
        let controllers = self.controllers.iter().zip(0_u8..).map(|(controller, tier)| {
            let address = controller.ldaps_address();
            ControllerConfig {
                name: controller.host_name().into(),
                address: Some(address.ip().to_string()),
                port: address.port(),
                security: Security::Ldaps,
                trust: Trust::CaPem(authority.clone()),
                tier,
            }
        });
        let account = company::SYNC_ACCOUNT;
        let mut config = UpstreamConfig {
            directory: Arc::from("corp"),
            kind: self.kind,
            controllers: controllers.collect(),
            service_name: match self.kind {
                DirectoryKind::ActiveDirectory => self.dn(account.name),
                DirectoryKind::OpenLdap => format!("cn={},{}", account.name, self.suffix()),
            },
            service_password: Password::copy_from(account.password.as_bytes()),
            base_dn: None,
            timeouts: Timeouts::default(),
            pool: PoolConfig::default(),
            max_message: 1024 * 1024,
            health: HealthConfig::default(),
        };
        change(&mut config);
        Upstream::new(config, Now::read()).unwrap()
    }

    /// The naming context.
    const fn suffix(&self) -> &'static str {
        match self.kind {
            DirectoryKind::ActiveDirectory => "DC=corp,DC=example",
            DirectoryKind::OpenLdap => "dc=example,dc=org",
        }
    }

    /// The name of an account's entry.
    fn dn(&self, account: &str) -> String {
        self.directory.with(|directory| directory.dn_of(account).unwrap())
    }
}

/// Passes run at the start and when they are asked for.
fn on_demand() -> SyncConfig {
    let cron = CronSchedule::parse("0 0 29 2 *", "UTC").unwrap();
    let timing = Timing::of(cron, Duration::from_millis(80));
    SyncConfig { page_size: 100, ..SyncConfig::with(timing, DirectoryKind::ActiveDirectory) }
}
