//! The root DSE of ldapgate (RFC 4512 §5.1, MS-ADTS §3.1.1.3.2). Values come from the views; what the
//! program does not serve is not there: no SASL mechanisms, no Kerberos name, no names of a controller.

use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;

use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::{Entry, EntryAttribute};
use crate::ldap::schema::DirectoryKind;

use super::domain::OWN_CONTEXT;
use super::own::own_names;
use super::subschema::Subschema;
use super::view::View;

/// Capabilities that say what the data is and not what the connection can do (MS-ADTS
/// §3.1.1.3.4.3). LDAP_CAP_ACTIVE_DIRECTORY_LDAP_INTEG (…1791) is not among them: it promises signing
/// and sealing.
const RELAYED_CAPABILITIES: [&str; 5] = [
    "1.2.840.113556.1.4.800",
    "1.2.840.113556.1.4.1670",
    "1.2.840.113556.1.4.1935",
    "1.2.840.113556.1.4.2080",
    "1.2.840.113556.1.4.2237",
];

/// Facts about the domain that every controller of it states alike.
const RELAYED: [&str; 4] = [
    "domainControllerFunctionality",
    "domainFunctionality",
    "forestFunctionality",
    "rootDomainNamingContext",
];

/// What works here of the features that OpenLDAP lists (RFC 4512 §5.1 supportedFeatures): all operational
/// attributes by `+` (RFC 3673), and the filters `(&)` and `(|)` (RFC 4526).
const FEATURES: [&str; 2] = ["1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3"];

/// What the root DSE says beside what the views know.
#[derive(Clone, Debug)]
pub struct RootDseFacts {
    /// Object identifiers of the controls that are served.
    pub supported_controls: Vec<&'static str>,
    /// Object identifiers of the extended operations that are served.
    pub supported_extensions: Vec<&'static str>,
    /// The present.
    pub now: SystemTime,
    /// The name under which clients reach this program.
    pub host: String,
    /// The highest change number that an entry of the first view may have (MS-ADTS §3.1.1.3.2.13,
    /// highestCommittedUSN). It counts in the numbering that the invocationId of the entry named by
    /// dsServiceName stands for.
    pub highest_usn: u64,
    /// Naming contexts to name while no view is ready.
    pub configured_contexts: Vec<String>,
}

/// The root DSE: attributes to answer a base read of the empty name with. The first view gives the
/// default naming context.
#[must_use]
pub fn root_dse(views: &[Arc<View>], facts: &RootDseFacts) -> Entry {
    let mut list = Attributes(Vec::new());
    let first = views.first();
    let is_openldap = first.is_some_and(|view| view.domain().kind == DirectoryKind::OpenLdap);
    // Clients tell OpenLDAP by this class.
    let class = is_openldap.then_some("OpenLDAProotDSE");
    list.add("objectClass", ["top"].into_iter().chain(class));
    list.add("structuralObjectClass", class);
    list.add("supportedLDAPVersion", ["3", "2"]);
    list.add("supportedControl", facts.supported_controls.iter().copied());
    list.add("supportedExtension", facts.supported_extensions.iter().copied());
    list.add("namingContexts", naming_contexts(views, facts).iter().map(String::as_str));
    list.add("dnsHostName", [facts.host.as_str()]);
    list.add("currentTime", generalized_time(facts.now).as_deref());
    list.add("vendorName", ["ldapgate"]);
    list.add("vendorVersion", [env!("CARGO_PKG_VERSION")]);
    if let Some(first) = first {
        add_domain(&mut list, first);
        match first.domain().kind {
            DirectoryKind::ActiveDirectory => add_active_directory(&mut list, first, facts),
            DirectoryKind::OpenLdap => list.add("supportedFeatures", FEATURES),
        }
    }
    let ages: Vec<String> = views
        .iter()
        .map(|view| format!("{} {}", view.domain().directory, view.age(facts.now).as_secs()))
        .collect();
    list.add("ldapgateViewAge", ages.iter().map(String::as_str));
    Entry { dn: String::new(), attributes: list.0 }
}

struct Attributes(Vec<EntryAttribute>);

impl Attributes {
    /// Adds an attribute, unless there are no values.
    fn add<'a>(&mut self, description: &str, values: impl IntoIterator<Item = &'a str>) {
        let values: Vec<Vec<u8>> =
            values.into_iter().map(|value| value.as_bytes().to_vec()).collect();
        if !values.is_empty() {
            self.0.push(EntryAttribute { description: description.to_owned(), values });
        }
    }
}

fn naming_contexts(views: &[Arc<View>], facts: &RootDseFacts) -> Vec<String> {
    if views.is_empty() {
        return facts.configured_contexts.clone();
    }
    let mut contexts: Vec<String> = Vec::new();
    for view in views {
        let domain = view.domain();
        let served = [
            Some(domain.naming_context.as_str()),
            held(view, domain.configuration_context.as_deref()),
            held(view, domain.schema_context.as_deref()),
            (domain.kind == DirectoryKind::OpenLdap).then_some(OWN_CONTEXT),
        ];
        for context in served.into_iter().flatten() {
            if !contexts.iter().any(|known| known == context) {
                contexts.push(context.to_owned());
            }
        }
    }
    contexts
}

/// The name, if its entry was copied: a name that leads nowhere misleads clients.
fn held<'n>(view: &View, name: Option<&'n str>) -> Option<&'n str> {
    name.filter(|name| NormalizedDn::parse(name).is_ok_and(|dn| view.find_dn(&dn).is_some()))
}

fn add_domain(list: &mut Attributes, view: &View) {
    let domain = view.domain();
    list.add("defaultNamingContext", [domain.naming_context.as_str()]);
    list.add("subschemaSubentry", domain.subschema.as_deref().map(Subschema::dn));
    list.add("configurationNamingContext", held(view, domain.configuration_context.as_deref()));
    list.add("schemaNamingContext", held(view, domain.schema_context.as_deref()));
    let texts = |name: &str| {
        let values = domain.root_dse.values(name).iter();
        values.filter_map(|value| std::str::from_utf8(value).ok()).collect::<Vec<_>>()
    };
    for name in RELAYED {
        list.add(name, texts(name));
    }
    let capabilities = texts("supportedCapabilities");
    let relayed = RELAYED_CAPABILITIES.iter().copied();
    list.add("supportedCapabilities", relayed.filter(|known| capabilities.contains(known)));
}

/// What a controller says of itself (MS-ADTS §3.1.1.3.2), as far as it is true of ldapgate.
fn add_active_directory(list: &mut Attributes, view: &View, facts: &RootDseFacts) {
    let names = own_names(view.domain());
    let names = names.filter(|names| held(view, Some(&names.service)).is_some());
    list.add("serverName", names.as_ref().map(|names| names.server.as_str()));
    list.add("dsServiceName", names.as_ref().map(|names| names.service.as_str()));
    list.add("highestCommittedUSN", [facts.highest_usn.to_string().as_str()]);
    // There is no view before a whole pass.
    list.add("isSynchronized", ["TRUE"]);
    // Other domains of the forest are not served.
    list.add("isGlobalCatalogReady", ["FALSE"]);
}

/// GeneralizedTime as Active Directory writes it, `20240131235959.0Z`.
fn generalized_time(moment: SystemTime) -> Option<String> {
    Some(Timestamp::try_from(moment).ok()?.strftime("%Y%m%d%H%M%S.0Z").to_string())
}
