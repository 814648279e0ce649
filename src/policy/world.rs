//! What a decision looks at: the views of all directories as they stood at one moment.

use std::sync::Arc;

use crate::directory::View;

use super::application::Application;

/// A snapshot that one decision is taken on.
#[derive(Clone)]
pub struct World {
    /// Grows whenever something that decisions rest on changes; a permit of an older epoch is judged
    /// again before it is used.
    pub epoch: u64,
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
}

impl World {
    /// The directories an application knows, in the application's order.
    pub fn of<'a>(
        &'a self,
        application: &'a Application,
    ) -> impl Iterator<Item = &'a DirectoryState> + Clone {
        application
            .directories
            .iter()
            .filter_map(|name| self.directories.iter().find(|state| state.name == *name))
    }

    /// The view of the directory called `name`.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<&Arc<View>> {
        self.directories.iter().find(|state| &*state.name == name)?.view.as_ref()
    }
}
