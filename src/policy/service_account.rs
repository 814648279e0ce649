//! The accounts of the directories that an application names as its own.

use std::fmt;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;

use crate::directory::View;

use super::application::Application;
use super::name::{self, BindName, Resolved};
use super::world::World;

/// Remembers whom the names of an application's service accounts stand for, for as long as the views do not
/// change: every decision asks, and resolving names costs more than all rules together.
#[derive(Default)]
pub struct ServiceAccountMemo(ArcSwapOption<Known>);

/// An answer and the views it is about, which it does not keep alive.
struct Known {
    views: Vec<Option<Weak<View>>>,
    accounts: Arc<[Resolved]>,
}

impl ServiceAccountMemo {
    /// The accounts in `world` that `application`, whose memo this is, names as its own. Names are compared by
    /// identity: an account named by its GUID keeps the role through every rename and move. A name that a second
    /// account answers to in any form gives the role to neither: who may write a userPrincipalName must not
    /// become the service account that is configured by its account name.
    pub(super) fn accounts(&self, application: &Application, world: &World) -> Arc<[Resolved]> {
        if let Some(known) = &*self.0.load()
            && known.is_about(application, world)
        {
            return Arc::clone(&known.accounts);
        }
        let names = application.service_accounts.iter();
        let named = names.filter_map(|configured| {
            let name = BindName::read(configured.as_bytes()).ok()?;
            name::resolve_in_every_form(world, application, &name).ok()
        });
        let accounts: Arc<[Resolved]> = named.collect();
        let views = world.of(application).map(|state| state.view.as_ref().map(Arc::downgrade));
        let known = Known { views: views.collect(), accounts: Arc::clone(&accounts) };
        self.0.store(Some(Arc::new(known)));
        accounts
    }
}

impl Known {
    /// A view that is gone may have left its place in memory to another one, but not while a weak reference
    /// to it exists.
    fn is_about(&self, application: &Application, world: &World) -> bool {
        let mut states = world.of(application);
        let same = self.views.iter().all(|known| {
            let current = states.next().and_then(|state| state.view.as_ref());
            match (known, current) {
                (Some(known), Some(current)) => std::ptr::eq(known.as_ptr(), Arc::as_ptr(current)),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            }
        });
        same && states.next().is_none()
    }
}

impl Clone for ServiceAccountMemo {
    /// An empty one: a copy of an application may be given other names.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for ServiceAccountMemo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceAccountMemo")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::{CORP, application, both, corp, user};

    /// What was found in one world is not taken for another, be it of the same generation.
    #[test]
    fn each_world_is_asked_for_itself() {
        let application =
            Application { service_accounts: vec!["CORP\\svc".to_owned()], ..application() };
        let memo = &application.service_account_memo;
        let with = corp(1, vec![user(1, "svc", CORP)]);
        let without = corp(1, vec![user(2, "alice", CORP)]);
        for _ in 0..2 {
            assert_eq!(memo.accounts(&application, &with).len(), 1);
            assert!(memo.accounts(&application, &without).is_empty());
        }
        let unready = both(None, None);
        assert!(memo.accounts(&application, &unready).is_empty());
        assert_eq!(memo.accounts(&application, &with).len(), 1);
    }

    /// A copy of an application may get other names.
    #[test]
    fn a_copy_begins_anew() {
        let named = |name: &str| vec![format!("CORP\\{name}")];
        let world = corp(1, vec![user(1, "svc", CORP), user(2, "alice", CORP)]);
        let first = Application { service_accounts: named("svc"), ..application() };
        let found = first.service_account_memo.accounts(&first, &world);
        let second = Application { service_accounts: named("alice"), ..first.clone() };
        assert_ne!(second.service_account_memo.accounts(&second, &world), found);
    }
}
