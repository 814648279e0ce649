//! The root DSE: RFC 4512 §5.1, MS-ADTS §3.1.1.3.2.

use super::*;

fn facts() -> RootDseFacts {
    RootDseFacts {
        supported_controls: vec!["1.2.840.113556.1.4.319"],
        supported_extensions: vec!["1.3.6.1.4.1.1466.20037"],
        now: moment() + Duration::from_secs(75),
        host: "gate.corp.example".to_owned(),
        configured_contexts: vec!["DC=corp,DC=example".to_owned()],
    }
}

#[test]
fn active_directory() {
    let view = Arc::new(company_view());
    let root = root_dse(&[Arc::clone(&view)], &facts());
    assert_eq!(root.dn, "");
    assert_eq!(texts(&root, "namingContexts"), [DOMAIN, "CN=Configuration,DC=corp,DC=example"]);
    assert_eq!(texts(&root, "defaultNamingContext"), [DOMAIN]);
    assert_eq!(texts(&root, "supportedLDAPVersion"), ["3", "2"]);
    assert_eq!(texts(&root, "supportedControl"), ["1.2.840.113556.1.4.319"]);
    assert_eq!(texts(&root, "supportedCapabilities"), ["1.2.840.113556.1.4.800"]);
    assert_eq!(texts(&root, "currentTime"), ["20231114221435.0Z"]);
    assert_eq!(texts(&root, "ldapgateViewAge"), ["corp 75"]);
    for absent in ["supportedSASLMechanisms", "subschemaSubentry", "serverName", "dsServiceName"] {
        assert!(root.values(absent).is_empty(), "{absent}");
    }
    // Every context that is named is an entry that can be read.
    for context in texts(&root, "namingContexts") {
        let found = found_in(&view, &context, SearchScope::BaseObject, "(objectClass=*)");
        assert_eq!(found.len(), 1, "{context}");
    }
}

/// A context whose head could not be read is not named.
#[test]
fn contexts_that_are_not_there() {
    let mut entries = company();
    entries.retain(|entry| !entry.dn.starts_with("CN=Configuration"));
    let root = root_dse(&[Arc::new(view_of(entries))], &facts());
    assert_eq!(texts(&root, "namingContexts"), [DOMAIN]);
    assert!(root.values("configurationNamingContext").is_empty());
}

#[test]
fn openldap_has_two_real_contexts() {
    let view = Arc::new(openldap_view());
    let root = root_dse(&[Arc::clone(&view)], &facts());
    assert_eq!(texts(&root, "namingContexts"), ["dc=example,dc=org", OWN_CONTEXT]);
    for context in texts(&root, "namingContexts") {
        let found = found_in(&view, &context, SearchScope::BaseObject, "(objectClass=*)");
        assert_eq!(found.len(), 1, "{context}");
    }
}

#[test]
fn without_a_view() {
    let root = root_dse(&[], &facts());
    assert_eq!(texts(&root, "namingContexts"), [DOMAIN]);
    assert!(root.values("defaultNamingContext").is_empty());
    assert!(root.values("ldapgateViewAge").is_empty());
}

/// Clients read it with no list, `*`, `+`, names in any case, and types only.
#[test]
fn written_out() {
    let root = root_dse(&[Arc::new(company_view())], &facts());
    let write = |requested: &[&str], types_only| {
        let requested: Vec<String> = requested.iter().map(|name| (*name).to_owned()).collect();
        let mut octets = Vec::new();
        let selection = Selection::parse(&requested, types_only);
        write_root_dse(&mut octets, MessageId::new(1).unwrap(), &root, &selection);
        decode(&octets)
    };
    for all in [&[][..], &["*"], &["+"], &["*", "+"]] {
        assert_eq!(write(all, false), root, "{all:?}");
    }
    assert_eq!(names(&write(&["NAMINGCONTEXTS", "x"], false)), ["namingContexts"]);
    assert_eq!(names(&write(&["1.1"], false)), Vec::<&str>::new());
    assert!(write(&[], true).attributes.iter().all(|found| found.values.is_empty()));
}
