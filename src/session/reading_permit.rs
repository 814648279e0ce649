//! The permit that a search or compare needs, judged on the world as it is.

use crate::ldap::result::{LdapResult, ResultCode};
use crate::policy::{Permit, Refusal, World};
use crate::time::Now;

use super::answer::view_stale;
use super::machine::{Moment, Terms};

/// What Active Directory says to a search before a bind; administrators' tools look for this text.
const NOT_BOUND: &str = "000004DC: LdapErr: DSID-0C0909B2, comment: In order to perform this operation \
a successful bind must be completed on the connection., data 0, v1db1";

/// Judges a permit again, and takes it away if it is lost.
pub(super) fn renew(slot: &mut Option<Permit>, world: &World, now: Now) -> Result<(), Refusal> {
    let Some(permit) = slot else { return Ok(()) };
    match permit.renew(world, now) {
        // It says nothing against the holder.
        Ok(()) | Err(Refusal::ViewStale) => Ok(()),
        Err(refusal) => {
            *slot = None;
            Err(refusal)
        }
    }
}

/// The permit for reading, judged on the current world.
pub(super) fn reading_permit<'p>(
    slot: &'p mut Option<Permit>,
    terms: &Terms,
    moment: Moment<'_>,
) -> Result<&'p Permit, LdapResult> {
    let not_bound = || LdapResult::new(ResultCode::OPERATIONS_ERROR, NOT_BOUND);
    match slot {
        Some(permit) if permit.is_current(moment.world, moment.now) => {}
        Some(_) => renew(slot, moment.world, moment.now).map_err(|refusal| {
            tracing::info!(reason = refusal.code(), "permit lost, the search is refused");
            not_bound()
        })?,
        None => *slot = Permit::of_anonymous(&terms.application, moment.world, moment.now),
    }
    let permit = slot.as_ref().ok_or_else(not_bound)?;
    if moment.world.is_stale_for(&terms.application, moment.now.wall) {
        return Err(view_stale());
    }
    if permit.may_search() {
        Ok(permit)
    } else {
        Err(LdapResult::new(
            ResultCode::INSUFFICIENT_ACCESS_RIGHTS,
            "this account may log in but not search: only the application's service accounts may",
        ))
    }
}
