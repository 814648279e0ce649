//! The root DSE as a search result: free for everybody, before any bind (RFC 4512 §5.1).

use crate::directory::{Selection, write_root_dse};
use crate::ldap::ber::Writer;
use crate::ldap::entry::Entry;
use crate::ldap::filter::Filter;
use crate::ldap::message::MessageId;
use crate::ldap::request::SearchRequest;
use crate::ldap::result::LdapResult;

use super::responder;

/// Appends the root DSE, if the filter holds for it, and the end of the search. `controls` are encoded.
pub fn answer(
    octets: &mut Vec<u8>,
    id: MessageId,
    request: &SearchRequest,
    entry: &Entry,
    controls: &Writer,
) {
    if holds(&request.filter, entry) {
        let selection = Selection::parse(&request.attributes, request.types_only);
        write_root_dse(octets, id, entry, &selection);
    }
    responder::search_done(octets, id, &LdapResult::success(), controls.octets());
}

/// A filter on the root DSE: presence and equality are all that applications use there; what cannot be
/// said of it does not hold.
fn holds(filter: &Filter, entry: &Entry) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|filter| holds(filter, entry)),
        Filter::Or(any) => any.iter().any(|filter| holds(filter, entry)),
        Filter::Not(filter) => !holds(filter, entry),
        Filter::Present(attribute) => {
            attribute.name.eq_ignore_ascii_case("objectClass")
                || !entry.values(&attribute.name).is_empty()
        }
        Filter::Equality { attribute, value } => {
            (attribute.name.eq_ignore_ascii_case("objectClass")
                && value.eq_ignore_ascii_case(b"top"))
                || entry.values(&attribute.name).iter().any(|held| held.eq_ignore_ascii_case(value))
        }
        Filter::Substrings { .. }
        | Filter::GreaterOrEqual { .. }
        | Filter::LessOrEqual { .. }
        | Filter::Approx { .. }
        | Filter::Extensible { .. } => false,
    }
}
