//! Entries of ldapgate itself in the tree that it serves: who answers here. Their names and identities are the
//! same after every start, whichever controller was read.

use sha2::{Digest, Sha256};

use crate::ldap::entry::{Entry, EntryAttribute};
use crate::ldap::identifier::Guid;
use crate::ldap::schema::DirectoryKind;

use super::domain::{Domain, OWN_CONTEXT};

/// The name of the site and of the server: fixed, because clients keep what `dsServiceName` says and start
/// anew when it changes.
const OWN_NAME: &str = "ldapgate";

/// The entries that ldapgate adds to a copy.
///
/// Active Directory: below the configuration context the chain that leads to the entry `dsServiceName` names,
/// whose `invocationId` clients compare before they trust change numbers (MS-ADTS §3.1.1.1.9, §6.1.1.2.2.1);
/// nothing without a configuration context. No pass copies entries under these names. `host` is the DNS name
/// under which clients reach ldapgate. OpenLDAP: the head of the context of ldapgate's own.
#[must_use]
pub fn own_entries(domain: &Domain, host: Option<&str>, invocation: Guid) -> Vec<Entry> {
    match domain.kind {
        DirectoryKind::ActiveDirectory => active_directory(domain, host, invocation),
        DirectoryKind::OpenLdap => vec![own_context_head()],
    }
}

/// The name of the server object and of the object of its directory service (MS-ADTS §3.1.1.3.2.9 and .30:
/// `serverName`, `dsServiceName`). `None` where there is no configuration context.
#[must_use]
pub fn own_names(domain: &Domain) -> Option<OwnNames> {
    let configuration = match domain.kind {
        DirectoryKind::ActiveDirectory => domain.configuration_context.as_deref()?,
        DirectoryKind::OpenLdap => return None,
    };
    let server = format!("CN={OWN_NAME},CN=Servers,CN={OWN_NAME},CN=Sites,{configuration}");
    Some(OwnNames { service: format!("CN=NTDS Settings,{server}"), server })
}

/// The names that ldapgate answers under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnNames {
    /// The server object.
    pub server: String,
    /// The object of the directory service on it, which carries the invocationId.
    pub service: String,
}

fn active_directory(domain: &Domain, host: Option<&str>, invocation: Guid) -> Vec<Entry> {
    let (Some(names), Some(configuration)) = (own_names(domain), &domain.configuration_context)
    else {
        return Vec::new();
    };
    let schema = domain.schema_context.clone();
    let schema = schema.unwrap_or_else(|| format!("CN=Schema,{configuration}"));
    let object =
        |dn: &str, classes: &[&str], category: &str| object(dn, classes, category, &schema);
    let sites = format!("CN=Sites,{configuration}");
    let site = format!("CN={OWN_NAME},{sites}");
    let mut server = object(&names.server, &["top", "server"], "Server");
    server.attributes.extend(host.map(|host| attribute("dNSHostName", &[host])));
    let classes = ["top", "applicationSettings", "nTDSDSA"];
    let mut service = object(&names.service, &classes, "NTDS-DSA");
    service.attributes.push(octets("invocationId", invocation.ad_octets().to_vec()));
    let masters = [Some(&domain.naming_context), Some(configuration), Some(&schema)];
    let masters: Vec<&str> = masters.into_iter().flatten().map(String::as_str).collect();
    service.attributes.push(attribute("hasMasterNCs", &masters));
    service.attributes.push(attribute("dMDLocation", &[&schema]));
    // No flag of MS-ADTS §6.1.1.2.2.1.2.1.1 is set: it is no global catalogue.
    service.attributes.push(attribute("options", &["0"]));
    vec![
        object(&sites, &["top", "sitesContainer"], "Sites-Container"),
        object(&site, &["top", "site"], "Site"),
        object(&format!("CN=Servers,{site}"), &["top", "serversContainer"], "Servers-Container"),
        server,
        service,
    ]
}

/// An object with what Active Directory gives every object (MS-ADTS §3.1.1.1.4).
fn object(dn: &str, classes: &[&str], category: &str, schema: &str) -> Entry {
    let name = dn.split([',', '=']).nth(1).unwrap_or_default();
    Entry {
        dn: dn.to_owned(),
        attributes: vec![
            attribute("objectClass", classes),
            attribute("cn", &[name]),
            attribute("name", &[name]),
            attribute("distinguishedName", &[dn]),
            octets("objectGUID", identity(dn).ad_octets().to_vec()),
            attribute("objectCategory", &[&format!("CN={category},{schema}")]),
            // As every object at a controller has it that is no head (MS-ADTS §2.2.9).
            attribute("instanceType", &["4"]),
            attribute("showInAdvancedViewOnly", &["TRUE"]),
        ],
    }
}

/// The head of [`OWN_CONTEXT`].
pub(super) fn own_context_head() -> Entry {
    Entry {
        dn: OWN_CONTEXT.to_owned(),
        attributes: vec![
            attribute("objectClass", &["top", "applicationProcess"]),
            attribute("cn", &[OWN_NAME]),
            attribute("description", &["The proxy that answers for this directory"]),
            attribute("entryUUID", &[&identity(OWN_CONTEXT).to_string()]),
        ],
    }
}

/// An identity derived from the name, so that it is the same everywhere and after every start.
fn identity(dn: &str) -> Guid {
    let mut octets = [0; 16];
    octets.iter_mut().zip(Sha256::digest(dn.as_bytes())).for_each(|(to, from)| *to = from);
    // Version 8 is for identifiers made in a way of one's own (RFC 9562 §5.8).
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut octets;
    *version = (*version & 0x0f) | 0x80;
    *variant = (*variant & 0x3f) | 0x80;
    Guid(octets)
}

fn attribute(description: &str, values: &[&str]) -> EntryAttribute {
    let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    EntryAttribute { description: description.to_owned(), values }
}

fn octets(description: &str, value: Vec<u8>) -> EntryAttribute {
    EntryAttribute { description: description.to_owned(), values: vec![value] }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::directory::identity as identity_of;
    use crate::directory::tests::{domain, texts};
    use crate::ldap::dn::NormalizedDn;

    const AD: DirectoryKind = DirectoryKind::ActiveDirectory;

    fn guid(number: u8) -> Guid {
        Guid([number; 16])
    }

    /// MS-ADTS §6.1.1.2.2.1: what a client walks through from the configuration context.
    #[test]
    fn the_chain_to_the_service() {
        let domain = domain();
        let entries = own_entries(&domain, Some("gate.corp.example"), guid(7));
        let mut above =
            NormalizedDn::parse(domain.configuration_context.as_ref().unwrap()).unwrap();
        for entry in &entries {
            let name = NormalizedDn::parse(&entry.dn).unwrap();
            assert_eq!(name.parent(), Some(above), "{}", entry.dn);
            above = name;
        }
        let names = own_names(&domain).unwrap();
        let [.., server, service] = entries.as_slice() else { panic!("{entries:?}") };
        assert_eq!((&server.dn, &service.dn), (&names.server, &names.service));
        assert_eq!(texts(server, "dNSHostName"), ["gate.corp.example"]);
        assert_eq!(texts(service, "objectClass"), ["top", "applicationSettings", "nTDSDSA"]);
        assert_eq!(service.first("invocationId"), Some(guid(7).ad_octets().as_slice()));
        assert_eq!(texts(service, "cn"), ["NTDS Settings"]);
    }

    /// Clients keep the name and the identity; only the numbering may begin anew.
    #[test]
    fn the_same_after_every_start() {
        let ids = |host, invocation| -> Vec<Guid> {
            let entries = own_entries(&domain(), host, invocation);
            entries.iter().map(|entry| identity_of(entry, AD).unwrap()).collect()
        };
        let first = ids(None, guid(1));
        assert_eq!(first, ids(Some("other"), guid(2)));
        assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len());
    }

    #[test]
    fn without_a_configuration_context_there_is_nothing() {
        let mut blind = domain();
        blind.configuration_context = None;
        assert!(own_entries(&blind, None, guid(1)).is_empty() && own_names(&blind).is_none());
        let mut openldap = domain();
        openldap.kind = DirectoryKind::OpenLdap;
        let entries = own_entries(&openldap, None, guid(1));
        assert_eq!((entries.len(), entries[0].dn.as_str()), (1, OWN_CONTEXT));
        assert!(identity_of(&entries[0], DirectoryKind::OpenLdap).is_some());
        assert!(own_names(&openldap).is_none());
    }
}
