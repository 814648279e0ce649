//! Which entries a strategy of sync asks for, as a search.

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::filter::Filter;
use crate::ldap::identifier::Guid;
use crate::ldap::request::{SearchRequest, SearchScope};
use crate::ldap::schema::DirectoryKind;

/// A part of a directory: what the filter matches at the base and below.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The distinguished name of the base.
    pub base: &'a str,
    /// Which entries.
    pub filter: &'a Filter,
    /// What of them; empty for all user attributes.
    pub attributes: &'a [&'a str],
}

impl Content<'_> {
    pub(super) fn search(&self) -> SearchRequest {
        SearchRequest {
            base: self.base.to_owned(),
            scope: SearchScope::WholeSubtree,
            deref_aliases: 0,
            size_limit: 0,
            time_limit: 0,
            types_only: false,
            filter: self.filter.clone(),
            attributes: self.attributes.iter().collect(),
        }
    }
}

/// The entries of these identities, of those that match `extra`.
pub(super) fn of_identities(kind: DirectoryKind, guids: &[Guid], extra: Option<&Filter>) -> Filter {
    let identity = |guid: &Guid| match kind {
        DirectoryKind::ActiveDirectory => Filter::Equality {
            attribute: AttributeDescription::new("objectGUID"),
            value: guid.ad_octets().to_vec(),
        },
        DirectoryKind::OpenLdap => Filter::Equality {
            attribute: AttributeDescription::new("entryUUID"),
            value: guid.to_string().into_bytes(),
        },
    };
    let any = Filter::Or(guids.iter().map(identity).collect());
    match extra {
        Some(extra) => Filter::And(vec![any, extra.clone()]),
        None => any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_are_asked_for_as_the_directory_keeps_them() {
        let guid = Guid::parse("6f9619ff-8b86-d011-b42d-00c04fc964ff").unwrap();
        let extra = Filter::parse("(objectClass=user)").unwrap();
        let ad = of_identities(DirectoryKind::ActiveDirectory, &[guid], Some(&extra));
        let text = r"(&(|(objectGUID=\ff\19\96\6f\86\8b\11\d0\b4\2d\00\c0\4f\c9\64\ff))(objectClass=user))";
        assert_eq!(ad, Filter::parse(text).unwrap());
        let other = of_identities(DirectoryKind::OpenLdap, &[guid, guid], None);
        let text = format!("(|(entryUUID={guid})(entryUUID={guid}))");
        assert_eq!(other, Filter::parse(&text).unwrap());
    }
}
