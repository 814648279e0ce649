//! The root DSE: RFC 4512 §5.1, MS-ADTS §3.1.1.3.2.

use super::*;
use crate::ldap::packed_entry::PackedEntry;

fn facts() -> RootDseFacts {
    RootDseFacts {
        supported_controls: vec!["1.2.840.113556.1.4.319"],
        supported_extensions: vec!["1.3.6.1.4.1.1466.20037"],
        now: moment() + Duration::from_secs(75),
        host: "gate.corp.example".to_owned(),
        highest_usn: 4711,
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
    for absent in ["supportedSASLMechanisms", "subschemaSubentry"] {
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

/// MS-ADTS §3.1.1.3.2: the service is an entry that can be read, with the identity of the numbering.
#[test]
fn the_service_is_named_if_its_entry_is_there() {
    let mut entries = company();
    let schema = format!("CN=Schema,CN=Configuration,{DOMAIN}");
    entries.push(object(77, &schema, &["top", "dMD"], "DMD"));
    let view = Arc::new(view_of(entries));
    let root = root_dse(&[Arc::clone(&view)], &facts());
    assert_eq!(texts(&root, "schemaNamingContext"), [schema.as_str()]);
    assert_eq!(
        texts(&root, "namingContexts"),
        [DOMAIN, &format!("CN=Configuration,{DOMAIN}"), &schema]
    );
    let service = &texts(&root, "dsServiceName")[0];
    let found = found_in(&view, service, SearchScope::BaseObject, "(objectClass=nTDSDSA)");
    assert_eq!(found.len(), 1, "{service}");
    let entry = view.find_dn(&NormalizedDn::parse(service).unwrap()).unwrap();
    assert_eq!(entry.first("invocationId").as_deref(), Some(&view.invocation().ad_octets()[..]));
    assert_eq!(service.strip_prefix("CN=NTDS Settings,"), Some(&*texts(&root, "serverName")[0]));
    assert_eq!(texts(&root, "highestCommittedUSN"), ["4711"]);
    assert_eq!(texts(&root, "isSynchronized"), ["TRUE"]);
    // MS-ADTS §3.1.1.1.5: a search does not go on into another context.
    let below = format!("CN=Configuration,{DOMAIN}");
    let found = found_in(&view, &below, SearchScope::WholeSubtree, "(objectClass=dMD)");
    assert!(found.is_empty(), "{found:?}");
}

/// RFC 4512 §4.2: named in the root DSE and in entries that ask for it, if it is there.
#[test]
fn the_subschema_is_named_if_it_is_relayed() {
    let schema = entry(
        "CN=Aggregate",
        &[("attributeTypes", &["( 2.5.4.3 NAME 'cn' )"]), ("objectClasses", &["( 2.5.6.0 )"])],
    );
    let schema = Subschema::read(PackedEntry::pack(&schema), moment()).map(Arc::new);
    let view = View::build(1, Domain { subschema: schema, ..domain() }, company(), moment());
    let views = [Arc::new(company_view()), Arc::new(view.unwrap())];
    let [without, with] = &views;
    let of_head = |view: &Arc<View>, requested: &str| {
        let head = view.find_dn(&NormalizedDn::parse(DOMAIN).unwrap()).unwrap();
        texts(&answer(view, head, &[requested], false, &Everyone), "subSchemaSubEntry")
    };
    let named = root_dse(&[Arc::clone(with)], &facts());
    assert_eq!(texts(&named, "subschemaSubentry"), ["CN=Aggregate"]);
    assert_eq!(of_head(with, "subschemaSubentry"), ["CN=Aggregate"]);
    assert_eq!((of_head(with, "+").len(), of_head(with, "*").len()), (1, 0));
    let silent = root_dse(&[Arc::clone(without)], &facts());
    assert!(silent.values("subschemaSubentry").is_empty());
    assert!(of_head(without, "subschemaSubentry").is_empty());
    let at = |name: &str| subschema_at(&views, &NormalizedDn::parse(name).unwrap()).is_some();
    assert!(at("cn=aggregate") && !at("cn=other"));
}

/// What clients tell OpenLDAP by (RFC 3673, RFC 4526).
#[test]
fn openldap_lists_its_features() {
    let root = root_dse(&[Arc::new(openldap_view())], &facts());
    assert_eq!(texts(&root, "objectClass"), ["top", "OpenLDAProotDSE"]);
    let features = ["1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3"];
    assert_eq!(texts(&root, "supportedFeatures"), features);
    assert!(root.values("highestCommittedUSN").is_empty());
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
