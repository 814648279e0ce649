//! How graphical tree browsers ask: the root DSE, the subschema, every naming context, and from there one level
//! after the other, page by page, with the number of what is below each entry.

use std::collections::BTreeMap;

use ldapgate::ldap::control::{Control, oid};
use ldapgate::ldap::controls::paged_results::PagedResults;
use ldapgate::ldap::dn::NormalizedDn;
use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::request::SearchRequest;
use ldapgate::ldap::request::SearchScope::{BaseObject, SingleLevel, WholeSubtree};

use crate::openldap;
use crate::world::client::{Client, search};
use crate::world::company::{Company, LOCAL_SECRET};
use crate::world::corp;
use crate::world::lab::{Ad, PASSWORD, Slapd};

/// What a browser asks of every entry that it draws.
const DRAWN: [&str; 4] = ["objectClass", "hasSubordinates", "numSubordinates", "subordinateCount"];

/// How a browser is set up.
#[derive(Clone, Copy, Debug)]
struct Manner {
    page: Option<u32>,
    size_limit: u32,
    time_limit: u32,
    dereference: u8,
    /// ManageDsaIT (RFC 3296), and whether it is critical.
    manage_dsa_it: Option<bool>,
    /// Subentries (RFC 3672), which directories without subentries may pass over.
    subentries: bool,
}

const PLAIN: Manner = Manner {
    page: None,
    size_limit: 0,
    time_limit: 0,
    dereference: 0,
    manage_dsa_it: None,
    subentries: false,
};

const MANNERS: [Manner; 4] = [
    PLAIN,
    Manner { size_limit: 100_000, time_limit: 30, dereference: 3, ..PLAIN },
    Manner { page: Some(2), manage_dsa_it: Some(true), ..PLAIN },
    Manner {
        page: Some(100),
        time_limit: 0x7fff_ffff,
        dereference: 1,
        manage_dsa_it: Some(false),
        subentries: true,
        ..PLAIN
    },
];

struct Browser {
    client: Client,
    manner: Manner,
}

impl Browser {
    /// One search, in as many pages as it takes, which must end well.
    fn ask(&mut self, request: &SearchRequest) -> Vec<Entry> {
        let request = SearchRequest {
            size_limit: self.manner.size_limit,
            time_limit: self.manner.time_limit,
            deref_aliases: self.manner.dereference,
            ..request.clone()
        };
        let (mut found, mut cookie) = (Vec::new(), Vec::new());
        loop {
            let mut controls = Vec::new();
            if let Some(criticality) = self.manner.manage_dsa_it {
                controls.push(Control::new(oid::MANAGE_DSA_IT, criticality));
            }
            if self.manner.subentries {
                let value = Some(vec![0x01, 0x01, 0xff]);
                let oid = "1.3.6.1.4.1.4203.1.10.1".to_owned();
                controls.push(Control { oid, criticality: false, value });
            }
            if let Some(size) = self.manner.page {
                controls.push(PagedResults { size, cookie: cookie.clone() }.to_control(false));
            }
            let (page, answer) = self.client.search_with(&request, &controls);
            assert_eq!(answer.code(), 0, "{request:?}: {}", answer.text());
            assert!(page.len() <= self.manner.page.unwrap_or(u32::MAX) as usize);
            found.extend(page);
            let controls = Control::read_all(&answer.controls).unwrap();
            let paged = controls.iter().find(|control| control.oid == oid::PAGED_RESULTS);
            assert_eq!(paged.is_some(), self.manner.page.is_some(), "the response control");
            cookie = paged.map_or_else(Vec::new, |paged| PagedResults::read(paged).unwrap().cookie);
            if cookie.is_empty() {
                return found;
            }
        }
    }

    /// The one entry of a base search.
    fn read(&mut self, dn: &str, attributes: &[&str]) -> Entry {
        let mut found = self.ask(&search(dn, BaseObject, "(objectClass=*)", attributes));
        assert_eq!(found.len(), 1, "{dn}");
        found.remove(0)
    }

    fn children(&mut self, dn: &str) -> Vec<Entry> {
        self.ask(&search(dn, SingleLevel, "(objectClass=*)", &DRAWN))
    }

    /// Opens every branch below an entry; `seen` are the names in the spelling they came in, by what they mean.
    fn open(&mut self, entry: &Entry, seen: &mut BTreeMap<NormalizedDn, String>) {
        let name = NormalizedDn::parse(&entry.dn).unwrap();
        assert_eq!(seen.insert(name.clone(), entry.dn.clone()), None, "{} twice", entry.dn);
        assert!(!entry.values("objectClass").is_empty(), "{}", entry.dn);
        let children = self.children(&entry.dn);
        let has = if children.is_empty() { "FALSE" } else { "TRUE" };
        assert_eq!(entry.text("hasSubordinates"), Some(has), "{}", entry.dn);
        let count = children.len().to_string();
        assert_eq!(entry.text("numSubordinates"), Some(count.as_str()), "{}", entry.dn);
        assert_eq!(entry.text("subordinateCount"), None, "{}: no such attribute", entry.dn);
        for child in &children {
            let above = NormalizedDn::parse(&child.dn).unwrap().parent();
            assert_eq!(above.as_ref(), Some(&name), "{} below {}", child.dn, entry.dn);
            self.open(child, seen);
        }
    }
}

/// Everything that a browser does in the time until the whole tree is drawn; gives the number of entries.
fn browse(mut browser: Browser, has_schema: bool) -> usize {
    let root = browser.read("", &["*", "+"]);
    let contexts: Vec<String> = root
        .values("namingContexts")
        .iter()
        .map(|context| String::from_utf8(context.clone()).unwrap())
        .collect();
    assert!(contexts.len() >= 2, "{contexts:?}");
    let subschema = root.text("subschemaSubentry").map(str::to_owned);
    assert_eq!(subschema.is_some(), has_schema, "{root:?}");
    if let Some(subschema) = subschema {
        let asked = ["objectClasses", "attributeTypes", "ldapSyntaxes", "matchingRules"];
        let request = search(&subschema, BaseObject, "(objectClass=subschema)", &asked);
        let found = browser.ask(&request);
        assert_eq!(found.len(), 1, "{subschema}");
        assert!(found[0].values("objectClasses").len() > 20);
        assert!(found[0].values("attributeTypes").len() > 100);
    }

    let mut whole = BTreeMap::new();
    for context in &contexts {
        let head = browser.read(context, &DRAWN);
        let mut seen = BTreeMap::new();
        browser.open(&head, &mut seen);
        // No gaps: what a search of the whole subtree finds is what was drawn.
        let found = browser.ask(&search(context, WholeSubtree, "(objectClass=*)", &["1.1"]));
        let mut found: Vec<String> = found.into_iter().map(|entry| entry.dn).collect();
        let mut drawn: Vec<String> = seen.values().cloned().collect();
        found.sort();
        drawn.sort();
        assert_eq!(drawn, found, "below {context}");
        for (name, dn) in seen {
            assert_eq!(whole.insert(name, dn.clone()), None, "{dn} in two naming contexts");
        }
    }
    // What was drawn can be clicked on: its name leads to it, with all its attributes.
    for dn in whole.values() {
        assert_eq!(browser.read(dn, &["*", "+"]).dn, *dn);
    }
    whole.len()
}

/// A browser that wants to know whether there is anything below, or shows the first entries alone: the first
/// ones come with sizeLimitExceeded if there are more (RFC 4511 §4.5.1.4).
fn limited(mut client: Client) {
    let root = client.search("", BaseObject, "(objectClass=*)", &["namingContexts"]).0.remove(0);
    let mut open: Vec<String> = root
        .values("namingContexts")
        .iter()
        .map(|context| String::from_utf8(context.clone()).unwrap())
        .collect();
    let mut cut = 0;
    while let Some(dn) = open.pop() {
        let request = search(&dn, SingleLevel, "(objectClass=*)", &["objectClass"]);
        let (children, _) = client.search_with(&request, &[]);
        for size_limit in [1, 3] {
            let request = SearchRequest { size_limit, ..request.clone() };
            let (first, answer) = client.search_with(&request, &[]);
            let most = children.len().min(size_limit as usize);
            assert_eq!(first, children[..most], "{dn}");
            let code = if children.len() > most { 4 } else { 0 };
            assert_eq!(answer.code(), code, "{dn}");
            cut += usize::from(code == 4);
        }
        open.extend(children.into_iter().take(50).map(|child| child.dn));
    }
    assert!(cut > 2, "{cut}");
}

/// The same tree in every manner, at least so large.
fn browse_in_every_manner(connect: impl Fn() -> Client, has_schema: bool, least: usize) {
    let sizes = MANNERS.map(|manner| browse(Browser { client: connect(), manner }, has_schema));
    assert!(sizes.iter().all(|size| *size == sizes[0] && *size >= least), "{sizes:?}");
    limited(connect());
}

#[test]
fn the_tree_of_the_company() {
    let company = Company::new();
    let gate = company.gate("browser", "");
    let connect = || {
        let mut client = Client::connect(gate.address("plain"));
        assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
        client
    };
    browse_in_every_manner(connect, false, 20);
}

#[test]
#[ignore = "lab"]
fn the_tree_before_samba() {
    let ad = Ad::own("browser", 60);
    let gate = corp::gate("browser-samba", &ad);
    let connect = || {
        let mut client = Client::connect(gate.address("plain"));
        assert_eq!(client.bind("CORP\\svc-crm", PASSWORD).code(), 0);
        client
    };
    browse_in_every_manner(connect, true, 50);
}

#[test]
#[ignore = "lab"]
fn the_tree_before_slapd() {
    let slapd = Slapd::own("browser-slapd", 61);
    let gate = openldap::gate("browser-slapd", &slapd, "ldap", &slapd.plain());
    let connect = || {
        let mut client = Client::connect(gate.address("plain"));
        let name = "cn=svc-crm,ou=service,dc=example,dc=org";
        assert_eq!(client.bind(name, PASSWORD).code(), 0);
        client
    };
    browse_in_every_manner(connect, true, 30);
}
