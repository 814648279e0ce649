//! Compare from the view (RFC 4511 §4.10).

use crate::directory::Audience;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::request::CompareRequest;
use crate::ldap::result::{LdapResult, ResultCode};

use super::search::{SearchContext, not_ready, viewer};

/// The answer: 5 or 6, 16 without such an attribute, 32 without such an entry, 34 for a broken name, 52
/// where a view that could hold the entry is not there yet.
#[must_use]
pub fn compare(context: &SearchContext<'_>, request: &CompareRequest) -> LdapResult {
    let dn = match NormalizedDn::parse(&request.entry) {
        Ok(dn) => dn,
        Err(error) => {
            return LdapResult::new(
                ResultCode::INVALID_DN_SYNTAX,
                format!("entry {:?}: {error}", request.entry),
            );
        }
    };
    let mut unready = false;
    for state in context.world.of(context.permit.application()) {
        let Some(view) = &state.view else {
            unready = true;
            continue;
        };
        let Some(entry) = view.find_dn(&dn) else { continue };
        let viewer = viewer(context, &state.name, view);
        if !viewer.sees(entry) {
            continue;
        }
        let name = &request.attribute.name;
        if !viewer.shows(name) {
            return LdapResult::new(ResultCode::NO_SUCH_ATTRIBUTE, "");
        }
        return LdapResult::new(
            match entry.compare(name, &request.value) {
                Some(true) => ResultCode::COMPARE_TRUE,
                Some(false) => ResultCode::COMPARE_FALSE,
                None => ResultCode::NO_SUCH_ATTRIBUTE,
            },
            "",
        );
    }
    if unready {
        return not_ready();
    }
    LdapResult::new(ResultCode::NO_SUCH_OBJECT, format!("no such object: {}", request.entry))
}
