//! The names of a domain as the entries of its copy tell them: where those change, so does what the domain is called.

use crate::directory::{DomainNames, EntryRef, Slot, View};
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::filter::Filter;
use crate::ldap::schema::DirectoryKind;

use super::full::{equality, partitions};

/// The names of the domain, if its entries tell others than the view (Active Directory): the crossRef of the naming
/// context (MS-ADTS §6.1.1.2.1.1.1), and `uPNSuffixes` of CN=Partitions and of organizational units. What is not in the
/// copy, because it is not there or may not be read, is no news.
#[must_use]
pub(super) fn other_names(view: &View) -> Option<DomainNames> {
    let domain = view.domain();
    if domain.kind != DirectoryKind::ActiveDirectory {
        return None;
    }
    let known = domain.names();
    let mut names = known.clone();
    let crosses = Filter::And(vec![
        equality("objectClass", "crossRef"),
        equality("nCName", &domain.naming_context),
    ]);
    if let Some(cross) = all(view, &crosses).next() {
        let text = |name| cross.text(name).map(|text| text.into_owned());
        names.netbios_name = text("nETBIOSName");
        names.dns_name = text("dnsRoot").or(names.dns_name);
    }
    let container = partitions(domain.configuration_context.as_deref()?);
    if NormalizedDn::parse(&container).is_ok_and(|name| view.find_dn(&name).is_some()) {
        names.upn_suffixes = upn_suffixes(view);
    }
    (names != known).then_some(names)
}

fn upn_suffixes(view: &View) -> Vec<String> {
    let with = Filter::Present(AttributeDescription::new("uPNSuffixes"));
    let values = all(view, &with).flat_map(|entry| entry.values("uPNSuffixes"));
    let texts = values.filter_map(|value| String::from_utf8(value.into_owned()).ok());
    let mut suffixes: Vec<String> = texts.collect();
    suffixes.sort_unstable();
    suffixes.dedup();
    suffixes
}

fn all<'v>(view: &'v View, filter: &Filter) -> impl Iterator<Item = EntryRef<'v>> {
    view.matching(filter).into_iter().filter_map(|slot| view.entry(Slot(slot)))
}
