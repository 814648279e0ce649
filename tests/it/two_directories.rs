//! An application on an Active Directory and an OpenLDAP at once: names go to the directory they are of, and
//! searches span both.

use std::collections::BTreeSet;

use ldapgate::ldap::request::SearchScope::{BaseObject, WholeSubtree};

use crate::world::client::Client;
use crate::world::company::{Company, LOCAL_SECRET};
use crate::world::gate::Gate;

const REST: &str = r#"
[[application]]
name = "both"
local_accounts = [{ name = "crm", secret = "sha256:5f8a33ea940e1caa81c181e5d9c447521b79127bb85bf2cea10ad1558e7821e3" }]
negative_latency = "0ms"
[[listener]]
name = "plain"
url = "ldap://127.0.0.1:0"
"#;

/// Both have alice with the same password, so that only the audit tells who was asked.
#[test]
fn names_and_searches_over_both() {
    let (corp, org) = (Company::new(), Company::openldap());
    let folder = corp.folder("two-directories");
    org.write_files(&folder);
    let text = format!("{}{}{REST}", corp.directory_section(), org.directory_section());
    let gate = Gate::start_in(folder, &text).synced(2);
    let mut client = Client::connect(gate.address("plain"));
    for (known, (name, directory)) in [
        ("alice@corp.example", "corp"),
        ("CORP\\alice", "corp"),
        ("corp.example\\alice", "corp"),
        (&*corp.dn_of("alice"), "corp"),
        ("alice@example.org", "org"),
        ("example.org\\alice", "org"),
        ("uid=Alice,ou=People,dc=example,dc=org", "org"),
    ]
    .into_iter()
    .enumerate()
    {
        let before = (corp.binds_of("alice"), org.binds_of("alice"));
        assert_eq!(client.bind(name, "Alice-Pass-1").code(), 0, "{name}");
        let asked = (corp.binds_of("alice") - before.0, org.binds_of("alice") - before.1);
        assert_eq!(asked, if directory == "corp" { (1, 0) } else { (0, 1) }, "{name}");
        assert_eq!(gate.bind_after(known)["directory"], directory, "{name}");
    }
    let before = (corp.binds_of("alice"), org.binds_of("alice"));
    assert_eq!(client.bind("alice", "Alice-Pass-1").code(), 49);
    assert_eq!(gate.bind_after(7)["reason"], "ambiguous_name");
    assert_eq!((corp.binds_of("alice"), org.binds_of("alice")), before, "nobody was asked");
    let explained = gate.command(&["explain", "bind", "alice", "--app", "both"]);
    let page = String::from_utf8(explained.stdout).unwrap();
    assert!(page.contains("account name: 2 accounts"), "{page}");

    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    let filter = "(|(sAMAccountName=alice)(uid=alice))";
    let (entries, _) = client.search("", WholeSubtree, filter, &["1.1"]);
    let found: BTreeSet<String> = entries.into_iter().map(|entry| entry.dn).collect();
    assert_eq!(found, BTreeSet::from([corp.dn_of("alice"), org.dn_of("alice")]));
    let (root, _) = client.search("", BaseObject, "(objectClass=*)", &["namingContexts"]);
    let contexts: Vec<String> = root[0]
        .values("namingContexts")
        .iter()
        .map(|value| String::from_utf8(value.to_vec()).unwrap())
        .collect();
    for context in ["DC=corp,DC=example", "dc=example,dc=org"] {
        assert!(contexts.iter().any(|known| known == context), "{contexts:?}");
    }
}
