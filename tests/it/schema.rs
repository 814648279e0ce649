//! The tree without gaps, the root DSE and the schema, as real directories have them.

use std::collections::HashSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use ldapgate::ldap::dn::NormalizedDn;
use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::request::SearchScope::{BaseObject, WholeSubtree};

use crate::openldap;
use crate::world::client::Client;
use crate::world::corp;
use crate::world::lab::{Ad, PASSWORD, Slapd};

fn dn(text: &str) -> NormalizedDn {
    NormalizedDn::parse(text).unwrap()
}

/// The entries of a search that ends well.
fn all(client: &mut Client, base: &str, attributes: &[&str]) -> Vec<Entry> {
    let (entries, answer) = client.search(base, WholeSubtree, "(objectClass=*)", attributes);
    assert_eq!(answer.code(), 0, "{base}: {answer:?}");
    entries
}

fn one(client: &mut Client, base: &str, filter: &str, attributes: &[&str]) -> Entry {
    let (mut entries, answer) = client.search(base, BaseObject, filter, attributes);
    assert_eq!((entries.len(), answer.code()), (1, 0), "{base} {filter}: {answer:?}");
    entries.remove(0)
}

/// Every step from every entry up to the head.
fn has_no_gaps(entries: &[Entry], head: &str) {
    let names: HashSet<NormalizedDn> = entries.iter().map(|entry| dn(&entry.dn)).collect();
    for name in names.iter().filter(|name| **name != dn(head)) {
        assert!(names.contains(&name.parent().unwrap()), "nothing above {name}");
    }
}

fn values(entry: &Entry, name: &str) -> HashSet<Vec<u8>> {
    entry.values(name).iter().cloned().collect()
}

fn text(entry: &Entry, name: &str) -> String {
    entry.text(name).unwrap_or_else(|| panic!("no {name}: {entry:?}")).to_owned()
}

#[test]
#[ignore = "lab"]
fn active_directory() {
    let ad = Ad::own("schema", 40);
    let gate = corp::gate("schema", &ad);
    let mut samba = Client::connect((ad.address(1), 389));
    assert_eq!(samba.bind("CORP\\svc-crm", PASSWORD).code(), 0);
    let mut client = Client::connect(gate.address("plain"));
    let root = one(&mut client, "", "(objectClass=*)", &[]);
    let aggregate = text(&root, "subschemaSubentry");
    let anonymous = client.search(&aggregate, BaseObject, "(objectClass=*)", &["cn"]);
    assert_eq!((anonymous.0.len(), anonymous.1.code()), (0, 1), "as Samba answers");
    assert_eq!(client.bind("CORP\\svc-crm", PASSWORD).code(), 0);

    let theirs = one(&mut samba, "", "(objectClass=*)", &[]);
    for name in [
        "defaultNamingContext",
        "rootDomainNamingContext",
        "configurationNamingContext",
        "schemaNamingContext",
        "subschemaSubentry",
        "domainFunctionality",
        "forestFunctionality",
        "domainControllerFunctionality",
        "isSynchronized",
        "supportedLDAPVersion",
    ] {
        assert_eq!(values(&root, name), values(&theirs, name), "{name}");
    }
    for context in root.values("namingContexts") {
        one(&mut client, std::str::from_utf8(context).unwrap(), "(objectClass=*)", &["1.1"]);
    }

    // Samba keeps policies in containers that no filter of a pass asks for.
    let head = "DC=corp,DC=test";
    let entries = all(&mut client, head, &["1.1"]);
    assert!(entries.iter().any(|entry| entry.dn.contains("CN=Policies,CN=System")));
    has_no_gaps(&entries, head);

    let schema = ["attributeTypes", "objectClasses", "dITContentRules", "extendedClassInfo"];
    let relayed = one(&mut client, &aggregate, "(objectClass=subSchema)", &schema);
    let original = one(&mut samba, &aggregate, "(objectClass=subSchema)", &schema);
    for name in schema {
        assert!(!original.values(name).is_empty(), "{name}");
        assert_eq!(values(&relayed, name), values(&original, name), "{name}");
    }
    for attributes in [&[][..], &["*"]] {
        let shown = one(&mut client, &aggregate, "(objectClass=*)", attributes);
        assert!(shown.values("attributeTypes").is_empty(), "only by name, as Samba answers");
        assert_eq!(text(&shown, "cn"), "Aggregate");
    }
    let named = one(&mut client, head, "(objectClass=*)", &["subSchemaSubEntry"]);
    assert_eq!(text(&named, "subSchemaSubEntry"), aggregate);
    let view = gate.status()["directories"][0]["view"].clone();
    assert_eq!(view["subschema"], aggregate.as_str());
}

#[test]
#[ignore = "lab"]
fn openldap() {
    let slapd = Slapd::own("slapdschema", 41);
    add(
        &slapd,
        "dn: cn=printers,ou=people,dc=example,dc=org\nobjectClass: device\ncn: printers\n\n\
         dn: cn=second floor,cn=printers,ou=people,dc=example,dc=org\nobjectClass: device\n\
         cn: second floor\n\n\
         dn: uid=odd,cn=second floor,cn=printers,ou=people,dc=example,dc=org\n\
         objectClass: inetOrgPerson\nuid: odd\ncn: odd\nsn: odd\n",
    );
    let gate = openldap::gate("openldap-schema", &slapd, "ldap", &slapd.plain());
    let mut direct = Client::connect(slapd.plain());
    let mut client = Client::connect(gate.address("plain"));
    let service = "cn=svc-crm,ou=service,dc=example,dc=org";
    assert_eq!(
        (client.bind(service, PASSWORD).code(), direct.bind(service, PASSWORD).code()),
        (0, 0)
    );
    let head = "dc=example,dc=org";
    let entries = all(&mut client, head, &["1.1"]);
    let floor = dn("cn=second floor,cn=printers,ou=people,dc=example,dc=org");
    assert!(entries.iter().any(|entry| dn(&entry.dn) == floor));
    has_no_gaps(&entries, head);

    let root = one(&mut client, "", "(objectClass=OpenLDAProotDSE)", &["+"]);
    let name = text(&root, "subschemaSubentry");
    let (relayed, original) = (
        one(&mut client, &name, "(objectClass=subschema)", &["*", "+"]),
        one(&mut direct, &name, "(objectClass=subschema)", &["*", "+"]),
    );
    for name in ["objectClass", "attributeTypes", "objectClasses", "ldapSyntaxes", "matchingRules"]
    {
        assert!(!original.values(name).is_empty(), "{name}");
        assert_eq!(values(&relayed, name), values(&original, name), "{name}");
    }
    let plain = one(&mut client, &name, "(objectClass=*)", &[]);
    let theirs = one(&mut direct, &name, "(objectClass=*)", &[]);
    let described = |entry: &Entry| -> HashSet<String> {
        entry.attributes.iter().map(|found| found.description.clone()).collect()
    };
    assert_eq!(described(&plain), described(&theirs));
    let (entries, answer) = client.search(&name, WholeSubtree, "(objectClass=*)", &[]);
    assert_eq!((entries.len(), answer.code()), (0, 32), "as slapd answers");
    assert_eq!(direct.search(&name, WholeSubtree, "(objectClass=*)", &[]).1.code(), 32);
    let anna = one(&mut client, "uid=anna,ou=people,dc=example,dc=org", "(objectClass=*)", &["+"]);
    assert_eq!(text(&anna, "subschemaSubentry"), name);
}

/// Adds entries with the administrator's rights.
fn add(slapd: &Slapd, ldif: &str) {
    let mut ldapadd = Command::new("ldapadd")
        .args(["-x", "-H", &format!("ldap://{}", slapd.plain())])
        .args(["-D", "cn=admin,dc=example,dc=org", "-w", "Passw0rd!adm"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    ldapadd.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
    assert!(ldapadd.wait().unwrap().success());
}
