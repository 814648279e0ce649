//! Compare from the view (RFC 4511 §4.10).

use std::sync::Arc;

use crate::directory::{Audience, NoSuchObject, View};
use crate::ldap::dn::NormalizedDn;
use crate::ldap::request::CompareRequest;
use crate::ldap::result::{LdapResult, ResultCode};

use super::search::{SearchContext, base_in, keep_longer, no_such_object, not_ready, viewer};

/// The answer: 5 or 6, 16 without such an attribute, 32 without such an entry, 34 for a broken name, 52
/// where a view that could hold the entry is not there yet.
///
/// An attribute that no schema knows gets 16 too and not 17: so does Active Directory, and applications
/// that ask for `uniqueMember` there take 16 as a plain no and other codes as errors.
#[must_use]
pub fn compare(context: &SearchContext<'_>, request: &CompareRequest) -> LdapResult {
    let mut unready = false;
    let mut nearest = None;
    for state in context.world.of(context.permit.application()) {
        let Some(view) = &state.view else {
            unready = true;
            continue;
        };
        match compare_in(context, request, &state.name, view) {
            Ok(Ok(code)) => return LdapResult::new(code, ""),
            Ok(Err(missing)) => keep_longer(&mut nearest, missing),
            Err(result) => return result,
        }
    }
    if unready { not_ready() } else { no_such_object(&request.entry, nearest) }
}

/// The outer error ends the operation, the inner one only this view.
fn compare_in(
    context: &SearchContext<'_>,
    request: &CompareRequest,
    directory: &Arc<str>,
    view: &Arc<View>,
) -> Result<Result<ResultCode, NoSuchObject>, LdapResult> {
    let primary_groups = context.permit.application().primary_group_in_member_of;
    let viewer = viewer(context, directory, view).counting_primary_groups(primary_groups);
    let dn = match base_in(view, &request.entry, &viewer)? {
        Ok(dn) => dn,
        Err(missing) => return Ok(Err(missing)),
    };
    let Some(entry) = view.find_dn(&dn).filter(|entry| viewer.sees(*entry)) else {
        return Ok(Err(missing(view, &dn, &viewer)));
    };
    let (attribute, value, now) = (&request.attribute, &request.value, context.now.wall);
    Ok(Ok(match entry.compare_as(attribute, value, &viewer, now, primary_groups) {
        Some(true) => ResultCode::COMPARE_TRUE,
        Some(false) => ResultCode::COMPARE_FALSE,
        None => ResultCode::NO_SUCH_ATTRIBUTE,
    }))
}

/// The lowest entry above that is there.
fn missing(view: &View, dn: &NormalizedDn, viewer: &impl Audience) -> NoSuchObject {
    let mut above = dn.parent();
    while let Some(name) = above {
        if let Some(entry) = view.find_dn(&name).filter(|entry| viewer.sees(*entry)) {
            return NoSuchObject { matched: entry.dn().to_owned() };
        }
        above = name.parent();
    }
    NoSuchObject { matched: String::new() }
}
