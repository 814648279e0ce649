//! How many accounts a new view takes something from, or gives something to. Numbers only: `policy` counts them,
//! and the guard in `sync` judges them.

use std::sync::Arc;

/// What putting one view in the place of another does to the accounts of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Impact {
    /// Users in the old view; 0 without one.
    pub users_before: usize,
    /// Users in the new view.
    pub users_after: usize,
    /// Users in both, of whom only the old one says that they may be used.
    pub deactivated: usize,
    /// Users of the old view that are not in the new one.
    pub removed: usize,
    /// Groups in the old view.
    pub groups_before: usize,
    /// Groups in the new view.
    pub groups_after: usize,
    /// Groups of the old view that are not in the new one.
    pub groups_removed: usize,
    /// Every application that somebody leaves or comes to.
    pub applications: Vec<ApplicationImpact>,
}

/// What it does to the scope of one application. Accounts that are gone have left every scope.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ApplicationImpact {
    /// The application's name in the configuration.
    pub name: Arc<str>,
    /// Users in its scope before.
    pub before: usize,
    /// Users who leave it.
    pub lost: usize,
    /// Users who come to it.
    pub gained: usize,
}
