//! Two controllers, their files, and the configuration of a gate in front of them.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::cli::demo::configuration::{self, Places};
use crate::config::{self, Config};
use crate::demo::{Authority, Controller, Options, SharedDirectory, company};
use crate::time::Now;

static NUMBER: AtomicU32 = AtomicU32::new(0);

pub(super) struct World {
    pub(super) controllers: Vec<Controller>,
    pub(super) directory: SharedDirectory,
    pub(super) scratch: PathBuf,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A world whose controllers' options are changed first.
    pub(super) fn with(change: impl Fn(&mut Options)) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ldapgate-cli-{}-{number}", std::process::id());
        let scratch = std::env::temp_dir().join(name);
        fs::create_dir(&scratch).unwrap();
        let authority = Arc::new(Authority::new().unwrap());
        fs::write(scratch.join("ca.pem"), authority.pem()).unwrap();
        let directory = SharedDirectory::new(company(Now::read().wall).unwrap());
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let controllers = ["dc1", "dc2"].map(|name| {
            let mut options = Options::new(name, &directory, &authority, address);
            change(&mut options);
            Controller::start(SocketAddr::new(address, 0), &directory, options).unwrap()
        });
        Self { controllers: controllers.into(), directory, scratch }
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.scratch.join("control.sock")
    }

    /// The configuration's text, for changing it.
    pub(super) fn text(&self) -> String {
        let named: Vec<(String, SocketAddr)> = self
            .controllers
            .iter()
            .map(|controller| (controller.host_name().to_owned(), controller.ldaps_address()))
            .collect();
        configuration::text(&Places {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            controllers: &named,
            authority: &self.scratch.join("ca.pem"),
            control: &self.socket(),
        })
    }

    pub(super) fn config(&self, text: &str) -> Config {
        config::load_text(text, &self.scratch).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}
