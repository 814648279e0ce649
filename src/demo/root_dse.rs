//! The root DSE (MS-ADTS 3.1.1.3.2, RFC 4512 §5.1).

use std::time::Duration;

use ldap3_proto::proto::{LdapPartialAttribute, LdapSearchResultEntry};

use super::complete::generalized_time;
use super::directory::Kind;
use super::quirks::Quirks;
use super::view::View;

/// Simple paged results (RFC 2696).
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
/// ManageDsaIT (RFC 3296).
const MANAGE_DSA_IT: &str = "2.16.840.1.113730.3.4.2";
/// Content synchronisation (RFC 4533).
pub(super) const CONTENT_SYNC: &str = "1.3.6.1.4.1.4203.1.9.1.1";
/// Search within the domain only (MS-ADTS 3.1.1.3.4.1.4).
pub(super) const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
/// Tombstones are shown (MS-ADTS 3.1.1.3.4.1.14).
pub(super) const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
/// Tombstones are shown, recycled ones with them (MS-ADTS 3.1.1.3.4.1.25).
pub(super) const SHOW_RECYCLED: &str = "1.2.840.113556.1.4.2064";
/// What changed since a cookie (MS-ADTS 3.1.1.3.4.1.3).
pub(super) const DIR_SYNC: &str = "1.2.840.113556.1.4.841";
/// Changes as they come (MS-ADTS 3.1.1.3.4.1.9).
pub(super) const NOTIFICATION: &str = "1.2.840.113556.1.4.528";
/// StartTLS (RFC 4511 §4.14).
pub(super) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// Who Am I (RFC 4532).
pub(super) const WHO_AM_I: &str = "1.3.6.1.4.1.4203.1.11.3";

/// The root DSE with the attributes that were asked for.
pub(super) fn root_dse(view: &View<'_>, wanted: &[String]) -> LdapSearchResultEntry {
    let kind = view.directory.kind;
    let mut attributes = match kind {
        Kind::ActiveDirectory => active_directory(view),
        Kind::OpenLdap => openldap(view),
    };
    let mut extensions = vec![START_TLS];
    if view.quirks.whoami {
        extensions.push(WHO_AM_I);
    }
    attributes.push(attribute("supportedExtension", &extensions));
    // slapd holds everything but objectClass as operational.
    let all = wanted.iter().any(|name| name == "+")
        || kind == Kind::ActiveDirectory
            && (wanted.is_empty() || wanted.iter().any(|name| name == "*"));
    attributes.retain(|attribute| {
        let named = wanted.iter().any(|name| name.eq_ignore_ascii_case(&attribute.atype));
        let class = attribute.atype == "objectClass"
            && (wanted.is_empty() || wanted.iter().any(|name| name == "*"));
        all || named || class
    });
    LdapSearchResultEntry { dn: String::new(), attributes }
}

fn openldap(view: &View<'_>) -> Vec<LdapPartialAttribute> {
    let mut controls = vec![PAGED_RESULTS, MANAGE_DSA_IT];
    if view.quirks.syncprov {
        controls.push(CONTENT_SYNC);
    }
    vec![
        attribute("objectClass", &["top", "OpenLDAProotDSE"]),
        attribute("structuralObjectClass", &["OpenLDAProotDSE"]),
        attribute("namingContexts", &[&view.directory.domain.dn]),
        attribute("configContext", &["cn=config"]),
        attribute("subschemaSubentry", &["cn=Subschema"]),
        attribute("supportedLDAPVersion", &["3"]),
        attribute("supportedControl", &controls),
        attribute("supportedFeatures", &["1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3"]),
        attribute("vendorName", &["The OpenLDAP Project <http://www.openldap.org/>"]),
    ]
}

fn active_directory(view: &View<'_>) -> Vec<LdapPartialAttribute> {
    let View { directory, facts, quirks, .. } = *view;
    let domain = &directory.domain;
    let configuration = format!("CN=Configuration,{}", domain.dn);
    let schema = format!("CN=Schema,{configuration}");
    let contexts: Vec<&str> = directory.contexts.iter().map(|(_, dn)| dn.as_str()).collect();
    let shift = Duration::from_secs(quirks.clock_offset.unsigned_abs());
    let now = if quirks.clock_offset < 0 {
        directory.now.checked_sub(shift)
    } else {
        directory.now.checked_add(shift)
    };
    let now = generalized_time(now.unwrap_or(directory.now), directory.kind);
    let short = facts.host_name.split('.').next().unwrap_or_default();
    vec![
        attribute("namingContexts", &contexts),
        attribute("defaultNamingContext", &[&domain.dn]),
        attribute("rootDomainNamingContext", &[&domain.dn]),
        attribute("configurationNamingContext", &[&configuration]),
        attribute("schemaNamingContext", &[&schema]),
        attribute("subschemaSubentry", &[&format!("CN=Aggregate,{schema}")]),
        attribute("dsServiceName", &[&view.service_name()]),
        attribute("serverName", &[&view.server_name()]),
        attribute("dnsHostName", &[&facts.host_name]),
        attribute(
            "ldapServiceName",
            &[&format!("{}:{short}$@{}", domain.dns, domain.dns.to_uppercase())],
        ),
        attribute("currentTime", &[&now]),
        attribute("highestCommittedUSN", &[&view.highest_committed().to_string()]),
        attribute("supportedLDAPVersion", &["3", "2"]),
        attribute("supportedControl", &controls(quirks)),
        attribute(
            "supportedCapabilities",
            &[
                "1.2.840.113556.1.4.800",
                "1.2.840.113556.1.4.1670",
                "1.2.840.113556.1.4.1791",
                "1.2.840.113556.1.4.1935",
                "1.2.840.113556.1.4.2080",
                "1.2.840.113556.1.4.2237",
            ],
        ),
        attribute("supportedSASLMechanisms", &["GSSAPI", "GSS-SPNEGO", "EXTERNAL", "DIGEST-MD5"]),
        attribute("isSynchronized", &["TRUE"]),
        attribute("isGlobalCatalogReady", &["TRUE"]),
        attribute("domainFunctionality", &["7"]),
        attribute("forestFunctionality", &["7"]),
        attribute("domainControllerFunctionality", &["7"]),
    ]
}

/// The controls of Active Directory that work here.
fn controls(quirks: &Quirks) -> Vec<&'static str> {
    let mut controls = vec![
        PAGED_RESULTS,
        "1.2.840.113556.1.4.801",
        "1.2.840.113556.1.4.473",
        DOMAIN_SCOPE,
        SHOW_DELETED,
        SHOW_RECYCLED,
    ];
    controls.extend(quirks.dir_sync.then_some(DIR_SYNC));
    controls.extend(quirks.notification.then_some(NOTIFICATION));
    controls
}

fn attribute(name: &str, values: &[&str]) -> LdapPartialAttribute {
    let vals = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    LdapPartialAttribute { atype: name.to_owned(), vals }
}
