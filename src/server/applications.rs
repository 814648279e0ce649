//! Which application a connection belongs to: by listener, then by client network. Nothing the client
//! says about itself is looked at.

use std::net::IpAddr;
use std::sync::Arc;

use crate::policy::Application;

/// All applications of the configuration.
#[derive(Clone)]
pub struct Applications(Arc<[Arc<Application>]>);

impl Applications {
    /// The applications in the order of the configuration, which has no overlaps.
    #[must_use]
    pub fn new(applications: Vec<Arc<Application>>) -> Self {
        Self(applications.into())
    }

    /// The application for a client at `address` on the listener called `listener`.
    #[must_use]
    pub fn select(&self, listener: &str, address: IpAddr) -> Option<&Arc<Application>> {
        self.0.iter().find(|application| application.serves(listener, address))
    }

    /// Every application.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Application>> {
        self.0.iter()
    }
}
