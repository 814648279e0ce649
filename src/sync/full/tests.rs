//! What is asked, and what the answers say of the domain.

use super::*;
use crate::ldap::entry::EntryAttribute;

const AD: DirectoryKind = DirectoryKind::ActiveDirectory;
const CONFIGURATION: &str = "CN=Configuration,DC=corp,DC=example";
const SCHEMA: &str = "CN=Schema,CN=Configuration,DC=corp,DC=example";

fn entry(dn: &str, attributes: &[(&str, &[&str])]) -> Entry {
    let attributes = attributes.iter().map(|(name, values)| EntryAttribute {
        description: (*name).to_owned(),
        values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
    });
    Entry { dn: dn.to_owned(), attributes: attributes.collect() }
}

fn root_dse() -> Entry {
    let zones = "DC=DomainDnsZones,DC=corp,DC=example";
    let contexts = ["DC=corp,DC=example", CONFIGURATION, SCHEMA, zones];
    entry(
        "",
        &[
            ("namingContexts", &contexts),
            ("defaultNamingContext", &["DC=corp,DC=example"]),
            ("configurationNamingContext", &[CONFIGURATION]),
            ("schemaNamingContext", &[SCHEMA]),
        ],
    )
}

fn contexts(base: Option<&str>, narrowed: Option<&str>) -> Result<Contexts, ContextsError> {
    Contexts::read(AD, &root_dse(), base, narrowed)
}

#[test]
fn what_is_copied_lies_in_a_naming_context() {
    let whole = "DC=corp,DC=example";
    let part = "OU=A,DC=corp,DC=example";
    for (base, narrowed, copied) in [
        (None, None, whole),
        // The controller's spelling counts.
        (Some("dc=CORP, dc=example"), None, whole),
        (Some(part), None, part),
        (None, Some(part), part),
        (Some(whole), Some(part), part),
    ] {
        let contexts = contexts(base, narrowed).unwrap();
        assert_eq!((contexts.naming.as_str(), contexts.copied.as_str()), (whole, copied));
        assert_eq!(contexts.configuration.as_deref(), Some(CONFIGURATION));
    }
    assert!(matches!(contexts(Some("DC=other"), None), Err(ContextsError::NotHeld { .. })));
    assert!(matches!(contexts(None, Some("DC=other")), Err(ContextsError::NotHeld { .. })));
    let inside_out = contexts(Some(part), Some(whole));
    assert!(matches!(inside_out, Err(ContextsError::NotHeld { .. })));
    assert_eq!(contexts(Some("corp"), None), Err(ContextsError::NotAName("corp".to_owned())));
}

/// An account may bind and read without being shown the root DSE.
#[test]
fn without_a_root_dse_the_base_has_to_be_configured() {
    let unreadable = entry("", &[]);
    let read = |base, narrowed| Contexts::read(AD, &unreadable, base, narrowed);
    assert_eq!(read(None, None), Err(ContextsError::NoContext));
    assert_eq!(read(Some("DC=corp"), None).unwrap().naming, "DC=corp");
    assert_eq!(read(None, Some("DC=corp")).unwrap().copied, "DC=corp");
}

#[test]
fn the_copied_part_covers_what_is_below_it() {
    let contexts = contexts(None, Some("OU=A,DC=corp,DC=example")).unwrap();
    assert!(contexts.covers("CN=x, ou=a, DC=CORP,DC=example"));
    assert!(!contexts.covers("CN=x,OU=B,DC=corp,DC=example"));
    assert!(!contexts.covers("x"));
}

#[test]
fn what_active_directory_is_asked() {
    let pass = FullPass::plan(AD, contexts(None, None).unwrap());
    assert_eq!(pass.copy.base, "DC=corp,DC=example");
    assert_eq!(
        pass.copy.filter.to_string(),
        "(|(sAMAccountType=805306368)(objectCategory=group)(objectCategory=organizationalUnit)\
         (objectCategory=container)(objectClass=domainDNS)(objectClass=builtinDomain))"
    );
    let partitions = pass.partitions.unwrap();
    assert_eq!(partitions.base, "CN=Partitions,CN=Configuration,DC=corp,DC=example");
    assert_eq!(pass.heads, [CONFIGURATION, SCHEMA]);
    assert_eq!(pass.copy.attributes, ["*"].iter().collect());
}

/// The entries above a narrowed copy are read one by one, so that searches from the top work.
#[test]
fn a_narrowed_copy_has_its_ancestors() {
    let contexts = contexts(Some("OU=A,OU=B,DC=corp,DC=example"), None).unwrap();
    let pass = FullPass::plan(AD, contexts);
    assert_eq!(
        pass.heads,
        ["OU=B,DC=corp,DC=example", "DC=corp,DC=example", CONFIGURATION, SCHEMA]
    );
}

#[test]
fn what_openldap_is_asked() {
    let kind = DirectoryKind::OpenLdap;
    let root_dse = entry("", &[("namingContexts", &["dc=example,dc=org"])]);
    let plan = |base| FullPass::plan(kind, Contexts::read(kind, &root_dse, base, None).unwrap());
    let pass = plan(None);
    assert_eq!(pass.heads, ["dc=example,dc=org"]);
    assert_eq!(pass.copy.attributes, ["*", "+"].iter().collect());
    assert_eq!(pass.partitions, None);
    let filter = pass.copy.filter.to_string();
    for class in ["inetOrgPerson", "posixGroup", "organizationalUnit"] {
        assert!(filter.contains(&format!("(objectClass={class})")), "{filter}");
    }
    assert_eq!(plan(Some("ou=p,dc=example,dc=org")).heads, ["dc=example,dc=org"]);
}

#[test]
fn the_domain_is_named_by_its_own_cross_ref() {
    let contexts = contexts(None, None).unwrap();
    let mut head = entry("DC=corp,DC=example", &[("objectClass", &["domainDNS"])]);
    let sid = Sid::parse("S-1-5-21-1-2-3").unwrap();
    let values = vec![sid.octets().to_vec()];
    head.attributes.push(EntryAttribute { description: "objectSid".to_owned(), values });
    let entries = [
        entry(
            "CN=OTHER,CN=Partitions",
            &[("nCName", &["DC=child,DC=corp,DC=example"]), ("nETBIOSName", &["CHILD"])],
        ),
        entry(
            "CN=CORP,CN=Partitions",
            &[
                ("nCName", &["dc=CORP,dc=example"]),
                ("nETBIOSName", &["OLDNAME"]),
                ("dnsRoot", &["corp.example"]),
            ],
        ),
        entry("CN=Partitions", &[("uPNSuffixes", &["alt.example", "b.example"])]),
        entry("cn=configuration,dc=corp,dc=example", &[]),
        head,
    ];
    let directory = Arc::from("corp");
    let entries = entries.map(|entry| PackedEntry::pack(&entry));
    let found = domain(&directory, AD, contexts.clone(), root_dse(), &entries);
    assert_eq!(found.netbios_name.as_deref(), Some("OLDNAME"));
    assert_eq!(found.dns_name.as_deref(), Some("corp.example"));
    assert_eq!(found.sid, Some(sid));
    assert_eq!(found.upn_suffixes, ["alt.example", "b.example"]);
    assert_eq!(found.configuration_context.as_deref(), Some(CONFIGURATION));
    // Without a readable crossRef the NetBIOS name is unknown, not made up.
    let blind = domain(&directory, AD, contexts, root_dse(), &[]);
    assert_eq!((blind.netbios_name, blind.dns_name.as_deref()), (None, Some("corp.example")));
    assert_eq!(blind.configuration_context, None);
}
