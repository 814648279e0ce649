//! What a decision looks at: the views of all directories as they stood at one moment.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::directory::{PublishedState, View, Withdrawn};

use super::application::{Application, Freshness};
use super::applications::Applications;
use super::blocks::Blocks;
use super::refusal::Refusal;

/// How old a copy may be where nothing else is configured.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(3600);

/// A snapshot that one decision is taken on.
#[derive(Clone)]
pub struct World {
    /// Grows whenever something that decisions rest on changes; a permit of an older epoch is judged
    /// again before it is used.
    pub epoch: u64,
    /// Whom an operator has blocked.
    pub blocks: Arc<Blocks>,
    /// What is configured now.
    pub applications: Arc<Applications>,
    /// One for each configured directory.
    pub directories: Vec<DirectoryState>,
}

/// One directory in a [`World`].
#[derive(Clone)]
pub struct DirectoryState {
    /// The directory's name in the configuration.
    pub name: Arc<str>,
    /// Its synced copy; `None` until the first whole sync.
    pub view: Option<Arc<View>>,
    /// Who is out although the copy has them.
    pub withdrawn: Arc<Withdrawn>,
    /// The age from which on the copy is too old for applications that insist on a fresh one.
    pub max_age: Duration,
}

impl DirectoryState {
    /// A directory of which nobody is withdrawn, whose copy is good for ever.
    #[must_use]
    pub fn new(name: Arc<str>, view: Option<Arc<View>>) -> Self {
        Self { name, view, withdrawn: Arc::default(), max_age: Duration::MAX }
    }

    /// A directory as it has been published.
    #[must_use]
    pub fn published(name: Arc<str>, published: &PublishedState, max_age: Duration) -> Self {
        let PublishedState { view, withdrawn, .. } = published;
        Self { name, view: view.clone(), withdrawn: withdrawn.clone(), max_age }
    }

    /// Whether there is a copy and it was last confirmed too long before `wall`.
    #[must_use]
    pub fn is_stale(&self, wall: SystemTime) -> bool {
        self.view.as_ref().is_some_and(|view| view.age(wall) > self.max_age)
    }
}

impl World {
    /// The application as it is configured now: `application` itself, as long as the configuration is that of the start.
    ///
    /// # Errors
    /// [`Refusal::NotConfigured`]: there is none of its name any more.
    pub fn configured<'a>(
        &'a self,
        application: &'a Arc<Application>,
    ) -> Result<&'a Arc<Application>, Refusal> {
        if self.applications.version() == 0 {
            return Ok(application);
        }
        self.applications.named(&application.name).ok_or(Refusal::NotConfigured)
    }

    /// The directories an application knows, in the application's order.
    pub fn of<'a>(
        &'a self,
        application: &'a Application,
    ) -> impl Iterator<Item = &'a DirectoryState> + Clone {
        application.directories.iter().filter_map(|name| self.directory(name))
    }

    /// The directory called `name`.
    #[must_use]
    pub fn directory(&self, name: &str) -> Option<&DirectoryState> {
        self.directories.iter().find(|state| &*state.name == name)
    }

    /// The view of the directory called `name`.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<&Arc<View>> {
        self.directory(name)?.view.as_ref()
    }

    /// Whether the application insists on fresh copies and at `wall` one of its directories has an old one. What is
    /// found in all of them together would be partly old then.
    #[must_use]
    pub fn is_stale_for(&self, application: &Application, wall: SystemTime) -> bool {
        application.freshness == Freshness::Strict
            && self.of(application).any(|state| state.is_stale(wall))
    }
}
