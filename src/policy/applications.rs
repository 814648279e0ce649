//! All applications as they are configured at one moment, and which of them a connection belongs to: by listener, then
//! by client network. Nothing the client says about itself is looked at.

use std::net::IpAddr;
use std::sync::Arc;

use super::application::Application;
use super::pace::Pace;
use super::traffic::Traffic;

/// All applications of one configuration.
#[derive(Clone, Debug, Default)]
pub struct Applications {
    version: u64,
    all: Vec<Arc<Application>>,
}

impl Applications {
    /// The applications that the program starts with, in the order of the configuration, which has no overlaps.
    #[must_use]
    pub const fn new(all: Vec<Arc<Application>>) -> Self {
        Self { version: 0, all }
    }

    /// The ones that take the place of these. An application stays what it is where `is_same` says that it has not
    /// changed; what has changed keeps its open connections and what its wrong passwords took, and nothing else.
    #[must_use]
    pub fn succeeded_by(
        &self,
        new: Vec<Arc<Application>>,
        is_same: impl Fn(&Application) -> bool,
    ) -> Self {
        let version = self.version + 1;
        let one = |new: Arc<Application>| match self.named(&new.name) {
            Some(old) if is_same(&new) => old.clone(),
            old => Arc::new(revised(&new, old, version)),
        };
        Self { version, all: new.into_iter().map(one).collect() }
    }

    /// Grows with every change.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The application for a client at `address` on the listener called `listener`.
    #[must_use]
    pub fn select(&self, listener: &str, address: IpAddr) -> Option<&Arc<Application>> {
        self.all.iter().find(|application| application.serves(listener, address))
    }

    /// The application of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Arc<Application>> {
        self.all.iter().find(|application| *application.name == *name)
    }

    /// Every application, in the order of the configuration.
    #[must_use]
    pub fn all(&self) -> &[Arc<Application>] {
        &self.all
    }
}

fn revised(new: &Application, old: Option<&Arc<Application>>, revision: u64) -> Application {
    let traffic = old.map_or_else(
        || Traffic::new(new.traffic.limits()),
        |old| Traffic::after(&old.traffic, new.traffic.limits()),
    );
    let pace = old.map_or_else(Pace::default, |old| old.pace.copied());
    Application { revision, traffic, pace, ..new.clone() }
}
