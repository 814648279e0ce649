//! Two applications on one gate, each with a directory of its own.

use ldapgate::ldap::request::SearchScope::{BaseObject, WholeSubtree};

use crate::world::client::Client;
use crate::world::company::{ALICE, Company, LOCAL_SECRET};

const CORP: &str = "DC=corp,DC=example";
const LEGACY: &str = "dc=legacy,dc=test";

const BOTH: &str = r#"
[[application]]
name = "crm"
listeners = ["one"]
bases = ["OU=People,DC=corp,DC=example"]
local_accounts = [{ name = "crm", secret = "sha256:5f8a33ea940e1caa81c181e5d9c447521b79127bb85bf2cea10ad1558e7821e3" }]
group_filter = "(cn=crm-*)"
visible_bases = ["OU=Groups,DC=corp,DC=example"]
hidden_attributes = ["objectSid", "mail"]
add_attributes = [{ attribute = "memberOf", nested = true }, { attribute = "company", values = ["Example"] }]

[[application]]
name = "legacy"
listeners = ["other"]
bases = ["OU=Service,DC=corp,DC=example"]
visible_bases = ["OU=Service,DC=corp,DC=example"]
local_accounts = [{ name = "crm", secret = "sha256:5f8a33ea940e1caa81c181e5d9c447521b79127bb85bf2cea10ad1558e7821e3" }]
attributes = ["sAMAccountName"]
disabled_accounts = "hidden"
rename_attributes = [{ attribute = "sAMAccountName", to = "uid" }]
rewrite_bases = [{ from = "DC=corp,DC=example", to = "dc=legacy,dc=test" }]

[[listener]]
name = "one"
url = "ldap://127.0.0.1:0"
allow_cleartext_bind = true

[[listener]]
name = "other"
url = "ldap://127.0.0.1:0"
allow_cleartext_bind = true
"#;

fn names(client: &mut Client, base: &str, filter: &str) -> Vec<String> {
    let (entries, answer) = client.search(base, WholeSubtree, filter, &["1.1"]);
    assert_eq!(answer.code(), 0, "{base} {filter}");
    entries.into_iter().map(|entry| entry.dn).collect()
}

#[test]
fn two_applications_see_two_directories() {
    let company = Company::new();
    let gate = company.gate_of("applications", BOTH);
    let [mut one, mut other] = ["one", "other"].map(|listener| {
        let mut client = Client::connect(gate.address(listener));
        assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
        client
    });
    let mine = names(&mut one, CORP, "(objectClass=*)");
    let theirs = names(&mut other, LEGACY, "(objectClass=*)");
    assert!(mine.len() > 10 && theirs.len() > 2, "{mine:?} {theirs:?}");
    assert!(mine.iter().all(|name| name.ends_with(CORP)), "{mine:?}");
    assert!(theirs.iter().all(|name| name.ends_with(LEGACY)), "{theirs:?}");
    let shared = mine.iter().filter(|name| {
        theirs.iter().any(|other| other.eq_ignore_ascii_case(&name.replace(CORP, LEGACY)))
    });
    let shared: Vec<&str> = shared.map(String::as_str).collect();
    let above = |name: &&str| name.starts_with("DC=") || name.contains("Deleted Objects");
    assert!(shared.iter().all(above), "{shared:?}");
    // Nothing that one is shown is there for the other, whichever way it is asked for.
    for name in mine.iter().filter(|name| !above(&name.as_str())) {
        for name in [name.clone(), name.replace(CORP, LEGACY)] {
            let (entries, answer) = other.search(&name, BaseObject, "(objectClass=*)", &["*", "+"]);
            assert_eq!((entries.len(), answer.code()), (0, 32), "{name}");
        }
    }
    let root = |client: &mut Client| {
        let (entries, _) = client.search("", BaseObject, "(objectClass=*)", &[]);
        entries[0].text("defaultNamingContext").unwrap_or_default().to_owned()
    };
    assert_eq!((root(&mut one).as_str(), root(&mut other).as_str()), (CORP, LEGACY));
}

#[test]
fn each_in_its_own_terms() {
    let company = Company::new();
    let gate = company.gate_of("terms", BOTH);
    let mut one = Client::connect(gate.address("one"));
    assert_eq!(one.bind("crm", LOCAL_SECRET).code(), 0);
    let (entries, _) = one.search(CORP, WholeSubtree, "(sAMAccountName=alice)", &[]);
    let alice = &entries[0];
    assert_eq!(alice.text("company"), Some("Example"));
    assert!(alice.values("mail").is_empty() && alice.values("objectSid").is_empty());
    let groups = alice.values("memberOf");
    assert!(!groups.is_empty());
    for group in groups {
        let group = std::str::from_utf8(group).unwrap();
        assert!(group.starts_with("CN=crm-"), "{group}");
        assert!(names(&mut one, CORP, &format!("(memberOf={group})")).contains(&alice.dn));
    }
    let (entries, _) = one.search(CORP, WholeSubtree, "(sAMAccountName=zhang)", &["memberOf"]);
    let mut groups: Vec<String> = entries[0]
        .values("memberOf")
        .iter()
        .map(|name| String::from_utf8_lossy(name).split(',').next().unwrap().to_owned())
        .collect();
    groups.sort_unstable();
    assert_eq!(groups, ["CN=crm-asia", "CN=crm-nested", "CN=crm-users"], "one below the other");
    let mut other = Client::connect(gate.address("other"));
    let service = company.dn_of("svc-crm").replace(CORP, LEGACY);
    assert_eq!(other.bind(&service, "Crm-Service-1").code(), 0, "{service}");
    assert_eq!(other.bind(company.dn_of("svc-crm"), "Crm-Service-1").code(), 49);
    assert_eq!(other.bind(ALICE.0, ALICE.1).code(), 49, "not one of its users");
    assert_eq!(other.bind("crm", LOCAL_SECRET).code(), 0);
    let (entries, _) = other.search(LEGACY, WholeSubtree, "(uid=svc-crm)", &["*"]);
    assert_eq!(entries[0].dn, service);
    let mut shown: Vec<&str> =
        entries[0].attributes.iter().map(|found| found.description.as_str()).collect();
    shown.sort_unstable();
    assert_eq!(shown, ["cn", "distinguishedName", "objectClass", "uid"]);
    assert!(names(&mut other, LEGACY, "(sAMAccountName=*)").is_empty());
}
