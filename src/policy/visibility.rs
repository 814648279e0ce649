//! What an application is shown: its own users, all groups and containers, and never a secret.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::SystemTime;

use roaring::RoaringBitmap;

use crate::directory::{Audience, EntryKind, EntryRef, View};
use crate::ldap::identifier::Guid;
use crate::ldap::schema;

use super::application::Application;
use super::rules::{self, Subject};

/// The users of one view that one application is shown, worked out once per view.
#[derive(Clone)]
pub struct VisibleUsers(Arc<RoaringBitmap>);

/// Keeps the last answer for each application and directory.
#[derive(Default)]
pub struct VisibilityCache {
    entries: Mutex<HashMap<Place, Known>>,
}

/// An application and a directory, by name.
type Place = (Arc<str>, Arc<str>);

/// An answer and the view it is about, which it does not keep alive: an application that nobody uses
/// must not pin an old copy of the directory.
struct Known {
    view: Weak<View>,
    users: Arc<OnceLock<VisibleUsers>>,
}

impl VisibilityCache {
    /// The users of `view` that `application` is shown. Scope does not depend on the time, so an answer
    /// holds as long as the view does.
    #[must_use]
    pub fn users(
        &self,
        application: &Application,
        directory: &Arc<str>,
        view: &Arc<View>,
        wall: SystemTime,
    ) -> VisibleUsers {
        // Worked out without the lock: applications do not wait for each other, and of the sessions of
        // one application, all searching after a new view, one does the work.
        let place = self.place(application, directory, view);
        let work = || VisibleUsers(Arc::new(in_scope(application, directory, view, wall)));
        place.get_or_init(work).clone()
    }

    fn place(
        &self,
        application: &Application,
        directory: &Arc<str>,
        view: &Arc<View>,
    ) -> Arc<OnceLock<VisibleUsers>> {
        let key = (application.name.clone(), directory.clone());
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.get(&key) {
            Some(known) if std::ptr::eq(known.view.as_ptr(), Arc::as_ptr(view)) => {
                known.users.clone()
            }
            _ => {
                let users = Arc::new(OnceLock::new());
                let known = Known { view: Arc::downgrade(view), users: users.clone() };
                entries.insert(key, known);
                users
            }
        }
    }
}

fn in_scope(
    application: &Application,
    directory: &str,
    view: &View,
    wall: SystemTime,
) -> RoaringBitmap {
    view.users()
        .filter(|entry| {
            rules::in_scope(Subject { application, directory, view, entry: *entry, wall })
        })
        .map(|entry| entry.slot().0)
        .collect()
}

/// An application looking at one view, through one identity.
pub struct Viewer {
    users: VisibleUsers,
    own: Option<Guid>,
}

impl Viewer {
    /// Shows `users`, and to an account its own entry.
    #[must_use]
    pub const fn new(users: VisibleUsers, own: Option<Guid>) -> Self {
        Self { users, own }
    }
}

impl Audience for Viewer {
    fn sees(&self, entry: EntryRef<'_>) -> bool {
        match entry.kind() {
            EntryKind::User => {
                self.users.0.contains(entry.slot().0) || self.own == Some(entry.guid())
            }
            EntryKind::Group | EntryKind::Container | EntryKind::Other => true,
        }
    }

    fn shows(&self, attribute: &str) -> bool {
        !schema::is_forbidden(attribute)
    }
}
