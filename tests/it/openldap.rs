//! The same flow in front of OpenLDAP: `uid`, `groupOfNames`, `entryUUID`.

use ldapgate::ldap::request::SearchScope::{BaseObject, WholeSubtree};

use crate::world::client::Client;
use crate::world::gate::{Folder, Gate, ON_DEMAND};
use crate::world::lab::{PASSWORD, Slapd};
use crate::world::sections;

fn configuration(slapd: &Slapd, scheme: &str, address: &str) -> String {
    let directory = sections::openldap(slapd, &format!("{scheme}://{address}"), ON_DEMAND);
    format!(
        r#"{directory}
[[application]]
name = "crm"
bases = ["ou=people,dc=example,dc=org"]
required_groups = ["crm-users", "crm-extra"]
denied_groups = ["crm-denied"]
service_accounts = ["cn=svc-crm,ou=service,dc=example,dc=org"]

[[listener]]
name = "plain"
url = "ldap://127.0.0.1:0"
"#
    )
}

pub(crate) fn gate(name: &str, slapd: &Slapd, scheme: &str, address: &str) -> Gate {
    let folder = Folder::new(name);
    folder.write("service.password", PASSWORD);
    Gate::start_in(folder, &configuration(slapd, scheme, address)).synced(1)
}

#[test]
#[ignore = "lab"]
fn logins_and_searches() {
    let slapd = Slapd::own("slapd", 101);
    let gate = gate("openldap", &slapd, "ldap", &slapd.plain());
    let bind = |name: &str, password: &str| {
        let answer = Client::connect(gate.address("plain")).bind(name, password);
        (answer.code(), answer.text())
    };
    for (name, password, code) in [
        ("anna", PASSWORD, 0),
        ("ANNA", PASSWORD, 0),
        ("uid=anna,ou=people,dc=example,dc=org", PASSWORD, 0),
        ("UID=Anna, OU=People, DC=example, DC=org", PASSWORD, 0),
        ("nina", PASSWORD, 0),
        ("jörg", PASSWORD, 0),
        ("jo\u{308}rg", PASSWORD, 0),
        ("anna", "wrong", 49),
        ("nobody", PASSWORD, 49),
        ("twin", PASSWORD, 49),
        ("locked", PASSWORD, 49),
        ("expired", PASSWORD, 49),
        ("ivan", PASSWORD, 49),
        ("olga", PASSWORD, 49),
        ("luke", PASSWORD, 49),
        ("anna", "", 53),
        ("cn=svc-crm,ou=service,dc=example,dc=org", PASSWORD, 0),
        ("cn=svc-proxy,ou=service,dc=example,dc=org", PASSWORD, 49),
    ] {
        assert_eq!(bind(name, password).0, code, "{name} {password}");
    }
    // OpenLDAP gives no texts, so neither does a refusal made here.
    assert_eq!(bind("luke", PASSWORD), bind("anna", "wrong"));
    let audit = gate.binds();
    let reason = |name: &str| {
        let line = audit.iter().rev().find(|line| line["name"] == name).unwrap();
        line["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason("twin"), "ambiguous_name");
    assert_eq!(reason("locked"), "account_disabled");
    assert_eq!(reason("expired"), "account_expired");
    assert_eq!(reason("ivan"), "out_of_scope");
    assert_eq!(reason("olga"), "in_denied_group");

    let mut client = Client::connect(gate.address("plain"));
    client.bind("cn=svc-crm,ou=service,dc=example,dc=org", PASSWORD);
    let (entries, answer) = client.search(
        "dc=example,dc=org",
        WholeSubtree,
        "(&(objectClass=inetOrgPerson)(uid=anna))",
        &["*", "+"],
    );
    assert_eq!((entries.len(), answer.code()), (1, 0));
    let anna = &entries[0];
    assert!(anna.first("entryUUID").is_some());
    assert!(anna.first("userPassword").is_none(), "never served");
    assert!(anna.values("memberOf").iter().any(|dn| dn.starts_with(b"cn=crm-users,")), "{anna:?}");
    let (groups, _) = client.search(
        "dc=example,dc=org",
        WholeSubtree,
        "(&(objectClass=groupOfNames)(member=uid=anna,ou=people,dc=example,dc=org))",
        &["cn"],
    );
    assert!(groups.iter().any(|group| group.text("cn") == Some("crm-users")));
    let (root, _) = client.search("", BaseObject, "(objectClass=*)", &["namingContexts"]);
    let contexts = root[0].values("namingContexts");
    assert!(contexts.len() >= 2, "{contexts:?}");
    for context in contexts {
        let (found, answer) = client.search(
            std::str::from_utf8(context).unwrap(),
            BaseObject,
            "(objectClass=*)",
            &[],
        );
        assert_eq!((found.len(), answer.code()), (1, 0), "a naming context is real");
    }
}

/// StartTLS, ldaps, and the right words when trust fails.
#[test]
#[ignore = "lab"]
fn encrypted_links() {
    let slapd = Slapd::own("slapdtls", 102);
    let gate = gate("openldap-tls", &slapd, "ldaps", &slapd.encrypted());
    let answer = Client::connect(gate.address("plain")).bind("anna", PASSWORD);
    assert_eq!(answer.code(), 0);
}
