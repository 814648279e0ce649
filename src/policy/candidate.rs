//! From the name of a bind to whom its password is checked for: all that is decided before the password is
//! looked at. Binds and their explanations both ask here.

use std::sync::Arc;

use crate::time::Now;

use super::application::{Application, LocalAccount};
use super::judge::{Admission, NamedAccount, judge_resolved};
use super::local_account;
use super::name::{self, BindName};
use super::name_memo::NameMemo;
use super::refusal::Refusal;
use super::world::World;

/// Whom a password is checked for.
#[derive(Debug)]
#[must_use]
pub enum Candidate {
    /// A service account that only this program knows.
    Local(LocalAccount),
    /// An account that the rules let pass, if a controller accepts the password.
    Directory(Admission),
}

/// A refusal, and whom it is about if it came to that.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason.
    pub refusal: Refusal,
    /// The account that the name stands for.
    pub account: Option<NamedAccount>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, account: None }
    }
}

/// Finds and judges whom `name` stands for. Where it has been found before is looked up in `names`, if that is given.
///
/// # Errors
/// The first reason that says no.
pub fn candidate(
    world: &World,
    application: &Arc<Application>,
    name: &BindName,
    names: Option<&NameMemo>,
    now: Now,
) -> Result<Candidate, Refused> {
    let stale = world.is_stale_for(application, now.wall);
    if let Some(account) = local_account::find(application, name) {
        world.blocks.check_application(&application.name, now.wall)?;
        // A local account says yes to searches, so it must not outrun the first sync.
        if world.of(application).any(|state| state.view.is_none()) {
            return Err(Refusal::ViewNotReady.into());
        }
        if stale {
            return Err(Refusal::ViewStale.into());
        }
        return Ok(Candidate::Local(account.clone()));
    }
    let found = match names {
        Some(names) => names.resolve(world, application, name),
        None => name::resolve(world, application, name),
    };
    let resolved = match found {
        // Whoever is not in an old copy may have come since.
        Err(Refusal::Unknown | Refusal::Ambiguous) if stale => Err(Refusal::ViewStale),
        resolved => resolved,
    }?;
    judge_resolved(world, application, &resolved, now)
        .map(Candidate::Directory)
        .map_err(|refusal| Refused { refusal, account: Some(NamedAccount::of(world, &resolved)) })
}
