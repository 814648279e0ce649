//! Requests in the directory's own terms.

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::attribute_list::AttributeList;
use crate::ldap::entry::Entry;
use crate::ldap::filter::Filter;
use crate::ldap::request::{CompareRequest, SearchRequest};

use super::{Wording, split};

impl Wording {
    /// A search as the directory would be asked.
    #[must_use]
    pub fn search(&self, request: &SearchRequest) -> SearchRequest {
        SearchRequest {
            base: self.bases.inward_identity(&request.base).into_owned(),
            filter: self.filter(&request.filter),
            attributes: self.selection(&request.attributes),
            ..request.clone()
        }
    }

    /// A comparison as the directory would be asked.
    #[must_use]
    pub fn compare(&self, request: &CompareRequest) -> CompareRequest {
        let attribute = self.renames.inward_description(&request.attribute);
        let attribute = attribute.unwrap_or_else(unknown);
        CompareRequest {
            entry: self.bases.inward_identity(&request.entry).into_owned(),
            value: self.asserted(&attribute, &request.value),
            attribute,
        }
    }

    /// The name of whoever binds as the directory would be told it; forms that are no distinguished name stay.
    #[must_use]
    pub fn bind_name(&self, name: Vec<u8>) -> Vec<u8> {
        match std::str::from_utf8(&name) {
            Ok(text) if !self.bases.is_empty() => self.bases.inward(text).into_owned().into_bytes(),
            Ok(_) | Err(_) => name,
        }
    }

    /// The root DSE as it is shown.
    #[must_use]
    pub fn root_dse(&self, mut entry: Entry) -> Entry {
        let named = |description: &str| {
            NAMES_IN_ROOT_DSE.iter().any(|name| name.eq_ignore_ascii_case(description))
        };
        for attribute in entry.attributes.iter_mut().filter(|found| named(&found.description)) {
            let values = std::mem::take(&mut attribute.values).into_iter();
            let shown = |value: Vec<u8>| {
                let name = String::from_utf8(value).ok()?;
                self.bases.outward(&name).map(|name| name.into_owned().into_bytes())
            };
            attribute.values = values.filter_map(shown).collect();
        }
        entry.attributes.retain(|attribute| !attribute.values.is_empty());
        entry
    }

    /// A filter as the directory would be asked.
    #[must_use]
    pub fn filter(&self, filter: &Filter) -> Filter {
        let all = |filters: &[Filter]| filters.iter().map(|filter| self.filter(filter)).collect();
        match filter {
            Filter::And(filters) => Filter::And(all(filters)),
            Filter::Or(filters) => Filter::Or(all(filters)),
            Filter::Not(inner) => Filter::Not(Box::new(self.filter(inner))),
            Filter::Equality { .. }
            | Filter::Substrings { .. }
            | Filter::GreaterOrEqual { .. }
            | Filter::LessOrEqual { .. }
            | Filter::Present(_)
            | Filter::Approx { .. }
            | Filter::Extensible { .. } => self.assertion(filter).unwrap_or_else(undefined),
        }
    }

    /// `None`: no attribute is called so.
    fn assertion(&self, filter: &Filter) -> Option<Filter> {
        let named = |attribute: &AttributeDescription| self.renames.inward_description(attribute);
        let mut own = filter.clone();
        match &mut own {
            Filter::Equality { attribute, value } | Filter::Approx { attribute, value } => {
                *attribute = named(attribute)?;
                *value = self.asserted(attribute, value);
            }
            Filter::Extensible { attribute: Some(attribute), value, .. } => {
                *attribute = named(attribute)?;
                *value = self.asserted(attribute, value);
            }
            Filter::Substrings { attribute, .. }
            | Filter::GreaterOrEqual { attribute, .. }
            | Filter::LessOrEqual { attribute, .. }
            | Filter::Present(attribute) => *attribute = named(attribute)?,
            Filter::Extensible { attribute: None, .. }
            | Filter::And(_)
            | Filter::Or(_)
            | Filter::Not(_) => {}
        }
        Some(own)
    }

    /// An asserted value of an attribute in the directory's terms.
    fn asserted(&self, attribute: &AttributeDescription, value: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(value) {
            Ok(text) if self.rewrites(&attribute.name) => {
                let (before, name) = split(&attribute.name, text);
                format!("{before}{}", self.bases.inward_identity(name)).into_bytes()
            }
            Ok(_) | Err(_) => value.to_vec(),
        }
    }

    /// What is asked to be returned. An empty list would mean everything, so what asks for nothing that there is
    /// becomes "no attributes" (RFC 4511 §4.5.1.8).
    fn selection(&self, asked: &AttributeList) -> AttributeList {
        if self.renames.is_empty() {
            return asked.clone();
        }
        let own: Vec<String> = asked.iter().filter_map(|text| self.selected(text)).collect();
        if own.is_empty() && asked.iter().next().is_some() {
            return ["1.1"].into_iter().collect();
        }
        own.iter().map(String::as_str).collect()
    }

    fn selected(&self, text: &str) -> Option<String> {
        let (name, options) = text.split_at_checked(text.find(';').unwrap_or(text.len()))?;
        Some(format!("{}{options}", self.renames.inward(name)?))
    }
}

/// Attributes of the root DSE whose values are names (RFC 4512 §5.1, MS-ADTS §3.1.1.3.2).
const NAMES_IN_ROOT_DSE: [&str; 8] = [
    "namingContexts",
    "defaultNamingContext",
    "configurationNamingContext",
    "schemaNamingContext",
    "rootDomainNamingContext",
    "subschemaSubentry",
    "serverName",
    "dsServiceName",
];

/// An assertion on an attribute that nobody knows.
fn undefined() -> Filter {
    Filter::Present(unknown())
}

/// No attribute is called so.
fn unknown() -> AttributeDescription {
    AttributeDescription::new("")
}
