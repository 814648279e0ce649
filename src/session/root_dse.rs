//! Entries that are in no view as search results: the root DSE, free for everybody before any bind (RFC 4512
//! §5.1), and the subschema, for those who may search.

use std::borrow::Cow;
use std::sync::Arc;

use crate::directory::{
    Selection, Subschema, View, Wording, filter_holds, subschema_at as subschema_of, write_root_dse,
};
use crate::ldap::ber::Writer;
use crate::ldap::control::Control;
use crate::ldap::controls::paged_results::PagedResults;
use crate::ldap::controls::server_side_sort::SortOutcome;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::Entry;
use crate::ldap::message::MessageId;
use crate::ldap::request::{SearchRequest, SearchScope};
use crate::ldap::result::{LdapResult, ResultCode};
use crate::ldap::schema::DirectoryKind;

use super::extensions::Extensions;
use super::responder;

/// Appends the root DSE, if the filter holds for it, and the end of the search with the encoded `controls`.
pub fn answer(
    octets: &mut Vec<u8>,
    id: MessageId,
    request: &SearchRequest,
    controls: &Writer,
    entry: &Entry,
) {
    if filter_holds(&request.filter, entry) {
        let selection = Selection::parse(request.attributes.iter(), request.types_only);
        write_root_dse(octets, id, entry, &selection);
    }
    responder::search_done(octets, id, &LdapResult::success(), controls.octets());
}

/// The response controls, encoded: one entry is one page, and in any order.
///
/// # Errors
/// protocolError for a control that is broken.
pub fn controls(requested: &[Control]) -> Result<Writer, LdapResult> {
    let extensions = Extensions::read(requested)?;
    let mut encoded = Writer::new();
    if extensions.paged.is_some() {
        PagedResults { size: 1, cookie: Vec::new() }.to_control(false).write(&mut encoded);
    }
    if extensions.sort.is_some() {
        let sorted = SortOutcome { result: ResultCode::SUCCESS, attribute: None };
        sorted.to_control().write(&mut encoded);
    }
    Ok(encoded)
}

/// The subschema that a search is for. OpenLDAP's is found by base searches only; Active Directory's is an
/// object with nothing below it.
///
/// Comes with the name that the client has for it; what it calls things is `wording`.
pub fn subschema_at(
    views: &[Arc<View>],
    request: &SearchRequest,
    wording: Option<&Wording>,
) -> Option<(Arc<Subschema>, String)> {
    let own = match wording {
        Some(wording) => wording.bases.inward(&request.base),
        None => Cow::Borrowed(&*request.base),
    };
    let name = NormalizedDn::parse(&own).ok()?;
    let found = subschema_of(views, &name)?;
    let of_openldap = |view: &Arc<View>| {
        let domain = view.domain();
        domain.kind == DirectoryKind::OpenLdap
            && domain.subschema.as_ref().is_some_and(|relayed| Arc::ptr_eq(relayed, found))
    };
    let is_base = request.scope == SearchScope::BaseObject;
    if !is_base && views.iter().any(of_openldap) {
        return None;
    }
    let name = match wording {
        Some(wording) => wording.bases.outward(found.dn())?.into_owned(),
        None => found.dn().to_owned(),
    };
    Some((Arc::clone(found), name))
}

/// Appends the subschema under its name, if scope and filter take it in, and the end of the search; without one,
/// `absent`.
pub fn answer_subschema(
    octets: &mut Vec<u8>,
    id: MessageId,
    request: &SearchRequest,
    controls: &Writer,
    subschema: Option<(Arc<Subschema>, String)>,
    absent: &LdapResult,
) {
    let Some((subschema, name)) = subschema else {
        responder::search_done(octets, id, absent, &[]);
        return;
    };
    let in_scope = match request.scope {
        SearchScope::BaseObject | SearchScope::WholeSubtree => true,
        SearchScope::SingleLevel | SearchScope::SubordinateSubtree => false,
    };
    if in_scope && subschema.holds(&request.filter) {
        let selection = Selection::parse(request.attributes.iter(), request.types_only);
        subschema.write(octets, id, &name, &selection);
    }
    responder::search_done(octets, id, &LdapResult::success(), controls.octets());
}
