//! The decision: who this is and whether the rules let it pass, before any password is sent anywhere;
//! and the permit that a search needs, which takes an admission *and* a proof of the password.

use std::sync::Arc;
use std::time::SystemTime;

use crate::directory::EntryRef;
use crate::ldap::identifier::Guid;
use crate::ldap::schema::DirectoryKind;
use crate::time::Now;
use crate::upstream::Accepted;

use super::account::AccountState;
use super::application::{AnonymousAccess, Application, Freshness, LocalSecret};
use super::local_account::LocalSecretAccepted;
use super::name::{self, BindName, Resolved};
use super::offline::OfflineVerified;
use super::refusal::Refusal;
use super::rules::{self, Subject};
use super::world::{DirectoryState, World};

/// An account that the rules let pass, if its password is right.
#[derive(Debug)]
#[must_use]
pub struct Admission {
    application: Arc<Application>,
    account: Account,
    epoch: u64,
}

/// A directory account that was admitted.
#[derive(Clone, Debug)]
pub struct Account {
    /// The directory's name in the configuration.
    pub directory: Arc<str>,
    /// Its identity there.
    pub guid: Guid,
    /// Its distinguished name at the time of the decision.
    pub dn: Arc<str>,
    /// How the directory's own tools write it: `CORP\sam`, or the distinguished name.
    pub authorization_name: Arc<str>,
    /// The name that is sent to the controller.
    pub upstream_name: Arc<str>,
    /// Whether it is one of the application's named service accounts.
    pub service_account: bool,
    /// When the account stops being valid by the clock alone.
    pub expires: Option<SystemTime>,
}

/// Which account a name stood for, admitted or refused: for the log, never for the client, and no
/// step towards a permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAccount {
    /// The directory's name in the configuration.
    pub directory: Arc<str>,
    /// Its identity there.
    pub guid: Guid,
    /// Its distinguished name; empty if the account is gone.
    pub dn: Arc<str>,
}

impl NamedAccount {
    /// The account as the world has it.
    #[must_use]
    pub fn of(world: &World, resolved: &Resolved) -> Self {
        let entry = world.view(&resolved.directory).and_then(|view| resolved.entry(view));
        Self {
            directory: resolved.directory.clone(),
            guid: resolved.guid,
            dn: entry.map(|entry| entry.dn()).unwrap_or_default().into(),
        }
    }
}

impl From<&Account> for NamedAccount {
    fn from(account: &Account) -> Self {
        Self { directory: account.directory.clone(), guid: account.guid, dn: account.dn.clone() }
    }
}

/// Judges a name on one snapshot of the world. No password is looked at.
///
/// # Errors
/// The first reason that says no.
pub fn judge(
    world: &World,
    application: &Arc<Application>,
    name: &BindName,
    now: Now,
) -> Result<Admission, Refusal> {
    let resolved = name::resolve(world, application, name)?;
    judge_resolved(world, application, &resolved, now)
}

/// Judges an account that is already known by its identity.
///
/// # Errors
/// The first reason that says no; [`Refusal::Unknown`] if the account is gone.
pub fn judge_resolved(
    world: &World,
    application: &Arc<Application>,
    resolved: &Resolved,
    now: Now,
) -> Result<Admission, Refusal> {
    let application = world.configured(application)?;
    if !application.directories.contains(&resolved.directory) {
        return Err(Refusal::Unknown);
    }
    let state = world.directory(&resolved.directory).ok_or(Refusal::ViewNotReady)?;
    not_withdrawn(state, &resolved.guid)?;
    let view = state.view.as_ref().ok_or(Refusal::ViewNotReady)?;
    let entry = resolved.entry(view);
    if application.freshness == Freshness::Strict && state.is_stale(now.wall) {
        // An old copy says nothing against anybody, an operator does: open sessions of the blocked end at once.
        let (blocks, name) = (&world.blocks, &*application.name);
        let blocked = entry.map(|entry| blocks.check(name, &state.name, view, entry, now.wall));
        return Err(blocked.and_then(Result::err).unwrap_or(Refusal::ViewStale));
    }
    let entry = entry.ok_or(Refusal::Unknown)?;
    let service_account = is_service_account(world, application, resolved);
    let kind = view.domain().kind;
    // The first rule of all, for everybody, so an account that cannot be judged is refused for that.
    let state = AccountState::read(entry, kind)?;
    let (directory, blocks, wall) = (&*resolved.directory, Some(&*world.blocks), now.wall);
    let subject = Subject { application, directory, view, entry, state: Some(state), blocks, wall };
    rules::check_all(subject, service_account)?;
    if !service_account {
        denied_groups_are_known(world, application)?;
    }
    let netbios_name = view.domain().netbios_name.as_deref();
    let dn: Arc<str> = entry.dn().into();
    let authorization_name =
        account_name(kind, netbios_name, entry).map_or_else(|| Arc::clone(&dn), Arc::from);
    Ok(Admission {
        application: application.clone(),
        account: Account {
            directory: resolved.directory.clone(),
            guid: resolved.guid,
            dn,
            upstream_name: authorization_name.clone(),
            authorization_name,
            service_account,
            expires: state.expires,
        },
        epoch: world.epoch,
    })
}

/// `NETBIOS\sAMAccountName` survives moves and renames between our reading and the controller's; the
/// distinguished name serves where there is no such name.
fn account_name(
    kind: DirectoryKind,
    netbios_name: Option<&str>,
    entry: EntryRef<'_>,
) -> Option<String> {
    match (kind, netbios_name) {
        (DirectoryKind::ActiveDirectory, Some(domain)) => {
            entry.text("sAMAccountName").map(|account| format!("{domain}\\{account}"))
        }
        (DirectoryKind::ActiveDirectory, None) | (DirectoryKind::OpenLdap, _) => None,
    }
}

/// What a held pass says of the account counts before all that the view says.
pub(super) fn not_withdrawn(state: &DirectoryState, guid: &Guid) -> Result<(), Refusal> {
    let withdrawn = &state.withdrawn;
    if withdrawn.is_empty() {
        Ok(())
    } else if withdrawn.deleted.contains(guid) {
        Err(Refusal::Unknown)
    } else if withdrawn.disabled.contains(guid) {
        Err(Refusal::Disabled)
    } else {
        Ok(())
    }
}

/// Whether the account is one the application names as its own.
pub(super) fn is_service_account(
    world: &World,
    application: &Application,
    account: &Resolved,
) -> bool {
    application.service_account_memo.accounts(application, world).contains(account)
}

/// A denied group that no directory of the application has is a name misspelt or a group renamed:
/// nobody can be cleared of it. (With one directory the rule itself says so.)
pub(super) fn denied_groups_are_known(
    world: &World,
    application: &Application,
) -> Result<(), Refusal> {
    for name in &application.denied_groups {
        let mut views = world.of(application).filter_map(|state| state.view.as_ref());
        if !views.any(|view| !view.groups_named(name).is_empty()) {
            let unready = world.of(application).any(|state| state.view.is_none());
            return Err(if unready { Refusal::ViewNotReady } else { Refusal::GroupUnresolved });
        }
    }
    Ok(())
}

impl Admission {
    /// The application it is for.
    #[must_use]
    pub const fn application(&self) -> &Arc<Application> {
        &self.application
    }

    /// The admitted account.
    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// What the admission is worth on the world as it is now: the rules are asked again if anything they
    /// rest on has moved.
    ///
    /// # Errors
    /// The reason it is worth nothing any more.
    pub fn renewed(self, world: &World, now: Now) -> Result<Self, Refusal> {
        if is_current(&self.application, self.epoch, self.account.expires, world, now) {
            return Ok(self);
        }
        let Account { directory, guid, .. } = self.account;
        judge_resolved(world, &self.application, &Resolved::new(directory, guid), now)
    }

    /// Turns the admission into a permit: a controller has accepted the password.
    #[must_use]
    pub fn confirm(self, _evidence: Accepted) -> Permit {
        Permit {
            application: self.application,
            identity: Identity::Directory(self.account),
            epoch: self.epoch,
        }
    }

    /// Turns the admission into a permit without a controller: the password is the one that a controller has
    /// accepted before. `None` if that was another account's.
    #[must_use]
    pub fn confirm_offline(self, evidence: &OfflineVerified) -> Option<Permit> {
        let Account { directory, guid, .. } = &self.account;
        evidence.is_of(directory, *guid).then(|| Permit {
            application: self.application,
            identity: Identity::Directory(self.account),
            epoch: self.epoch,
        })
    }
}

/// Whether what was judged in `epoch` would be judged the same now: nothing has moved but the clock, and
/// that neither beyond `expires` nor beyond the age up to which the application takes a copy.
fn is_current(
    application: &Application,
    epoch: u64,
    expires: Option<SystemTime>,
    world: &World,
    now: Now,
) -> bool {
    epoch == world.epoch
        && expires.is_none_or(|expires| now.wall < expires)
        && !world.is_stale_for(application, now.wall)
}

/// Who holds a permit.
#[derive(Clone, Debug)]
pub enum Identity {
    /// A directory account.
    Directory(Account),
    /// A service account that only this program knows.
    Local {
        /// Its name.
        name: String,
    },
    /// Nobody, where the application lets nobody search.
    Anonymous,
}

/// The right to act as somebody in one application. It exists only where the rules *and* a proof said
/// yes, and is judged again whenever the world has moved on. Not `Clone`: a session has one or none.
#[derive(Debug)]
pub struct Permit {
    application: Arc<Application>,
    identity: Identity,
    epoch: u64,
}

impl Permit {
    /// For a local service account whose secret was given, which is the one that `application` has for it.
    ///
    /// # Errors
    /// What has come in between: a block of the application, or another configuration.
    pub fn of_local_account(
        application: &Arc<Application>,
        evidence: &LocalSecretAccepted,
        world: &World,
        now: Now,
    ) -> Result<Self, Refusal> {
        world.blocks.check_application(&application.name, now.wall)?;
        let identity = Identity::Local { name: evidence.name().to_owned() };
        let permit = Self { application: application.clone(), identity, epoch: world.epoch };
        Ok(Self { application: permit.still_configured(world)?, ..permit })
    }

    /// For a client without identity; `None` unless the application lets such clients search and is not blocked.
    #[must_use]
    pub fn of_anonymous(application: &Arc<Application>, world: &World, now: Now) -> Option<Self> {
        let open = application.anonymous == AnonymousAccess::Search
            && world.blocks.check_application(&application.name, now.wall).is_ok();
        open.then(|| Self {
            application: application.clone(),
            identity: Identity::Anonymous,
            epoch: world.epoch,
        })
    }

    /// Who holds it.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The directory account that holds it, if it is one.
    #[must_use]
    pub const fn account(&self) -> Option<&Account> {
        match &self.identity {
            Identity::Directory(account) => Some(account),
            Identity::Local { .. } | Identity::Anonymous => None,
        }
    }

    /// The application it is for.
    #[must_use]
    pub const fn application(&self) -> &Arc<Application> {
        &self.application
    }

    /// Whether its holder may search.
    #[must_use]
    pub fn may_search(&self) -> bool {
        match &self.identity {
            Identity::Directory(account) => self.application.lets_search(account.service_account),
            Identity::Local { .. } => true,
            Identity::Anonymous => self.application.anonymous == AnonymousAccess::Search,
        }
    }

    /// Judges the permit again on this world.
    ///
    /// # Errors
    /// The reason it is worth nothing now; it is left as it was, and is not current. Nearly always that is for
    /// good; only [`Refusal::ViewStale`] says nothing against its holder.
    pub fn renew(&mut self, world: &World, now: Now) -> Result<(), Refusal> {
        if let Identity::Directory(account) = &self.identity {
            let resolved = Resolved::new(account.directory.clone(), account.guid);
            let admission = judge_resolved(world, &self.application, &resolved, now)?;
            self.identity = Identity::Directory(admission.account);
            self.application = admission.application;
        } else {
            self.application = self.still_configured(world)?;
            world.blocks.check_application(&self.application.name, now.wall)?;
            if world.is_stale_for(&self.application, now.wall) {
                return Err(Refusal::ViewStale);
            }
        }
        self.epoch = world.epoch;
        Ok(())
    }

    /// The application, where it still has what the permit of somebody who is in no directory rests on: the local
    /// account with the same secret, or that anybody may search.
    fn still_configured(&self, world: &World) -> Result<Arc<Application>, Refusal> {
        let application = world.configured(&self.application)?;
        let holds = Arc::ptr_eq(application, &self.application)
            || match &self.identity {
                Identity::Local { name } => {
                    let before = local_secret(&self.application, name);
                    before.is_some() && before == local_secret(application, name)
                }
                Identity::Anonymous => application.anonymous == AnonymousAccess::Search,
                Identity::Directory(_) => true,
            };
        if holds { Ok(application.clone()) } else { Err(Refusal::NotConfigured) }
    }

    /// The permit as [`Permit::renew`] leaves it.
    ///
    /// # Errors
    /// See there.
    pub fn renewed(mut self, world: &World, now: Now) -> Result<Self, Refusal> {
        self.renew(world, now).map(|()| self)
    }

    /// Whether it was judged on this very world and the account's time is not up since.
    #[must_use]
    pub fn is_current(&self, world: &World, now: Now) -> bool {
        is_current(&self.application, self.epoch, self.expires(), world, now)
    }

    /// When the permit ends by the clock alone.
    #[must_use]
    pub const fn expires(&self) -> Option<SystemTime> {
        match self.account() {
            Some(account) => account.expires,
            None => None,
        }
    }
}

fn local_secret<'a>(application: &'a Application, name: &str) -> Option<&'a LocalSecret> {
    let account = application.local_accounts.iter().find(|account| account.name == name)?;
    Some(&account.secret)
}
