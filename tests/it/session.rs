//! One conversation, by the rules of RFC 4511, RFC 4513 and RFC 2696, each test under its section.

use std::time::{Duration, Instant};

use ldapgate::ldap::ber::{Writer, tag};
use ldapgate::ldap::control::{Control, oid};
use ldapgate::ldap::controls::paged_results::PagedResults;
use ldapgate::ldap::message::{operation_tag, write_message};
use ldapgate::ldap::request::SearchScope::{BaseObject, SingleLevel, WholeSubtree};
use ldapgate::ldap::request::{SearchRequest, write_search};

use crate::world::client::{Answer, Client, search};
use crate::world::company::{ALICE, Company, LOCAL_SECRET, SERVICE};
use crate::world::gate::Gate;

/// One company and one gate for all tests that change nothing.
fn gate() -> &'static Gate {
    use std::sync::OnceLock;
    static WORLD: OnceLock<(Company, Gate)> = OnceLock::new();
    let (_, gate) = WORLD.get_or_init(|| {
        let company = Company::new();
        let gate = company.gate("session", "");
        (company, gate)
    });
    gate
}

fn client() -> Client {
    Client::connect(gate().address("plain"))
}

fn service() -> Client {
    let mut client = client();
    assert_eq!(client.bind(SERVICE.0, SERVICE.1).code(), 0);
    client
}

const BASE: &str = "DC=corp,DC=example";

fn can_search(client: &mut Client) -> bool {
    let (entries, answer) = client.search(BASE, WholeSubtree, "(sAMAccountName=alice)", &["cn"]);
    assert!(matches!((entries.len(), answer.code()), (1, 0) | (0, 1)), "{answer:?}");
    answer.code() == 0
}

/// RFC 4511 §4.2.1: a failed bind leaves the session anonymous, and open.
#[test]
fn a_failed_bind_leaves_the_session_anonymous_and_open() {
    let mut client = service();
    for (name, password, code) in [
        (ALICE.0, "wrong", 49),
        ("nobody", "x", 49),
        ("", "x", 49),
        (ALICE.0, "", 53),
        ("alice\0", "x", 49),
        (ALICE.0, "x\0", 49),
        ("crm", "wrong", 49),
    ] {
        assert_eq!(client.bind(SERVICE.0, SERVICE.1).code(), 0);
        assert!(can_search(&mut client));
        assert_eq!(client.bind(name, password).code(), code, "{name:?}");
        assert!(!can_search(&mut client), "the former identity survived {name:?}");
    }
    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    assert!(can_search(&mut client));
}

/// RFC 4513 §5.1.1: neither name nor password is an anonymous bind; it takes the former identity away.
#[test]
fn an_anonymous_bind() {
    let mut client = service();
    assert_eq!(client.bind("", "").code(), 0);
    assert!(!can_search(&mut client));
    let (entries, answer) = client.search("", BaseObject, "(objectClass=*)", &[]);
    assert_eq!((entries.len(), answer.code()), (1, 0), "the root DSE is everybody's");
}

/// RFC 4511 §4.2: protocolError for a version that is not served. 2 is.
#[test]
fn bind_versions() {
    for (version, code) in [(2, 0), (3, 0), (1, 2), (4, 2), (0, 2), (127, 2)] {
        let mut client = client();
        let id = client.next_id();
        let mut writer = Writer::new();
        let bind = |w: &mut Writer| {
            w.constructed(operation_tag::BIND_REQUEST, |w| {
                w.integer(version);
                w.octet_string(SERVICE.0.as_bytes());
                w.element(0x80, SERVICE.1.as_bytes());
            });
        };
        write_message(&mut writer, id, bind, &[]);
        client.send_octets(writer.octets());
        let answer = client.answer(id);
        assert_eq!((answer.tag, answer.code()), (0x61, code), "version {version}");
        assert_eq!(can_search(&mut client), code == 0);
    }
}

/// RFC 4511 §4.2.1: authMethodNotSupported for SASL mechanisms and choices that are not served; the connection
/// stays.
#[test]
fn other_authentication_is_refused_and_the_connection_stays() {
    let mut client = service();
    for mechanism in ["GSSAPI", "GSS-SPNEGO", "DIGEST-MD5", "EXTERNAL", "NTLM", "X-NONE"] {
        let answer = bind_choice(&mut client, |w| {
            w.constructed(0xa3, |w| w.octet_string(mechanism.as_bytes()));
        });
        assert_eq!((answer.tag, answer.code()), (0x61, 7), "{mechanism}");
    }
    // Windows' Sicily: package discovery, negotiate, response.
    for choice in [0x89, 0x8a, 0x8b] {
        let answer = bind_choice(&mut client, |w| w.element(choice, b"NTLM"));
        assert_eq!((answer.tag, answer.code()), (0x61, 7), "{choice:02x}");
    }
    assert!(!can_search(&mut client));
    assert_eq!(client.bind(SERVICE.0, SERVICE.1).code(), 0);
}

fn bind_choice(client: &mut Client, choice: impl FnOnce(&mut Writer)) -> Answer {
    let id = client.next_id();
    let mut writer = Writer::new();
    let bind = |w: &mut Writer| {
        w.constructed(operation_tag::BIND_REQUEST, |w| {
            w.integer(3);
            w.octet_string(b"");
            choice(w);
        });
    };
    write_message(&mut writer, id, bind, &[]);
    client.send_octets(writer.octets());
    client.answer(id)
}

/// RFC 4511 §4.2.1: a bind is a barrier. What is pipelined behind it runs under the new identity, what stands
/// before it under the old one.
#[test]
fn a_bind_is_a_barrier() {
    use ldapgate::ldap::request::{write_search, write_simple_bind};
    use ldapgate::ldap::secret::Password;
    let mut client = client();
    let wanted = search(BASE, WholeSubtree, "(sAMAccountName=alice)", &["cn"]);
    let mut writer = Writer::new();
    let mut expected = Vec::new();
    for (name, password, code) in
        [(SERVICE.0, SERVICE.1, 0), (ALICE.0, "wrong", 49), ("crm", LOCAL_SECRET, 0)]
    {
        let id = client.next_id();
        let password = Password::copy_from(password.as_bytes());
        write_simple_bind(&mut writer, id, name.as_bytes(), &password, &[]);
        expected.push((id, 0x61, code));
        let id = client.next_id();
        write_search(&mut writer, id, &wanted, &[]);
        expected.push((id, 0x65, if code == 0 { 0 } else { 1 }));
    }
    client.send_octets(writer.octets());
    for (id, tag, code) in expected {
        let mut entries = 0;
        let answer = loop {
            let response = client.receive().unwrap();
            assert_eq!(response.id, id);
            match response.operation {
                ldapgate::ldap::response::ResponseOperation::Entry(_) => entries += 1,
                ldapgate::ldap::response::ResponseOperation::Done { tag, result, .. } => {
                    break (tag, result.code.0);
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(answer, (tag, code));
        assert_eq!(entries, usize::from(tag == 0x65 && code == 0));
    }
}

/// RFC 4511 §4.1.11: a critical control that is not served fails the operation with code 12 in an answer of
/// its own type; a non-critical one is ignored.
#[test]
fn critical_controls() {
    let mut client = service();
    let unknown = |criticality| [Control::new("1.2.3.4.5", criticality)];
    let wanted = search(BASE, WholeSubtree, "(sAMAccountName=alice)", &["cn"]);
    let (entries, answer) = client.search_with(&wanted, &unknown(true));
    assert_eq!((entries.len(), answer.tag, answer.code()), (0, 0x65, 12));
    let (entries, answer) = client.search_with(&wanted, &unknown(false));
    assert_eq!((entries.len(), answer.code()), (1, 0));
    let answer = client.bind_with(ALICE.0, ALICE.1, &unknown(true));
    assert_eq!((answer.tag, answer.code()), (0x61, 12));
    assert_eq!(client.bind_with(SERVICE.0, SERVICE.1, &unknown(false)).code(), 0);
    for (tag, body, response) in requests() {
        let answer = raw(&mut client, tag, &body, &unknown(true));
        assert_eq!((answer.tag, answer.code()), (response, 12), "{tag:02x}");
    }
}

/// Requests other than bind and search, with the tag of their answers.
fn requests() -> Vec<(u8, Vec<u8>, u8)> {
    let body = |write: &dyn Fn(&mut Writer)| {
        let mut writer = Writer::new();
        write(&mut writer);
        writer.into_octets()
    };
    let dn = b"CN=Alice Example,OU=Sales,OU=People,DC=corp,DC=example";
    vec![
        (
            0x66,
            body(&|w| {
                w.octet_string(dn);
                w.element(tag::SEQUENCE, &[]);
            }),
            0x67,
        ),
        (
            0x68,
            body(&|w| {
                w.octet_string(dn);
                w.element(tag::SEQUENCE, &[]);
            }),
            0x69,
        ),
        (0x4a, dn.to_vec(), 0x6b),
        (
            0x6c,
            body(&|w| {
                w.octet_string(dn);
                w.octet_string(b"CN=x");
                w.boolean(true);
            }),
            0x6d,
        ),
        (
            0x6e,
            body(&|w| {
                w.octet_string(dn);
                w.constructed(tag::SEQUENCE, |w| {
                    w.octet_string(b"cn");
                    w.octet_string(b"x");
                });
            }),
            0x6f,
        ),
        (0x77, body(&|w| w.element(0x80, b"1.3.6.1.4.1.4203.1.11.3")), 0x78),
    ]
}

fn raw(client: &mut Client, operation: u8, body: &[u8], controls: &[Control]) -> Answer {
    let id = client.next_id();
    let mut encoded = Writer::new();
    for control in controls {
        control.write(&mut encoded);
    }
    let mut writer = Writer::new();
    write_message(&mut writer, id, |w| w.element(operation, body), encoded.octets());
    client.send_octets(writer.octets());
    client.answer(id)
}

/// Writes are refused with unwillingToPerform, each in its own response type.
#[test]
fn writes_are_refused_in_their_own_type() {
    let mut client = service();
    for (operation, body, response) in requests().into_iter().take(4) {
        let answer = raw(&mut client, operation, &body, &[]);
        assert_eq!((answer.tag, answer.code()), (response, 53), "{operation:02x}");
    }
    assert!(can_search(&mut client));
}

/// RFC 4511 §4.12: an unknown extended operation is a protocolError without responseName.
#[test]
fn unknown_extended_operations() {
    let mut client = client();
    let answer = client.extended("1.2.3.4", None);
    assert_eq!((answer.tag, answer.code()), (0x78, 2));
    assert_eq!(answer.name, None, "no responseName for what is not recognised");
    // StartTLS on a listener without a certificate (RFC 4511 §4.14.2).
    assert_eq!(client.extended("1.3.6.1.4.1.1466.20037", None).code(), 2);
}

/// RFC 4511 §4.10 and §4.1.9: compareTrue and compareFalse, noSuchAttribute, noSuchObject, invalidDNSyntax.
#[test]
fn compare() {
    let mut client = service();
    let dn = "CN=Alice Example,OU=Sales,OU=People,DC=corp,DC=example";
    for (entry, attribute, value, code) in [
        (dn, "sAMAccountName", "alice", 6),
        (dn, "samaccountname", "ALICE", 6),
        ("cn=alice  example, ou=sales, ou=people, dc=CORP, dc=example", "cn", "Alice Example", 6),
        (dn, "sAMAccountName", "bob", 5),
        (dn, "carLicense", "x", 16),
        (dn, "userPassword", "Alice-Pass-1", 16),
        ("CN=Nobody,DC=corp,DC=example", "cn", "x", 32),
        ("CN=Ivan Example,OU=Outside,DC=corp,DC=example", "cn", "x", 32),
        ("no name at all", "cn", "x", 34),
    ] {
        let mut writer = Writer::new();
        writer.octet_string(entry.as_bytes());
        writer.constructed(tag::SEQUENCE, |w| {
            w.octet_string(attribute.as_bytes());
            w.octet_string(value.as_bytes());
        });
        let answer = raw(&mut client, 0x6e, writer.octets(), &[]);
        assert_eq!((answer.tag, answer.code()), (0x6f, code), "{entry} {attribute}={value}");
    }
}

/// RFC 2696: any page size gives the same entries in the same order, the same cookie may come twice, a size of
/// 0 gives the search up, and the response control is always there.
#[test]
fn paged_results() {
    let mut client = service();
    let wanted = search(BASE, WholeSubtree, "(objectClass=*)", &["cn"]);
    let (whole, _) = client.search_with(&wanted, &[]);
    assert!(whole.len() > 20, "{}", whole.len());
    for (size, criticality) in [(1, true), (3, false), (7, true), (1000, true), (0x7fff_ffff, true)]
    {
        let mut paged = Vec::new();
        let mut cookie = Vec::new();
        loop {
            let control = PagedResults { size, cookie: cookie.clone() }.to_control(criticality);
            let (page, answer) = client.search_with(&wanted, std::slice::from_ref(&control));
            assert_eq!(answer.code(), 0);
            let (again, _) = client.search_with(&wanted, &[control]);
            if !cookie.is_empty() {
                assert_eq!(again, page, "the same cookie twice");
            }
            assert!(page.len() <= size as usize);
            paged.extend(page);
            cookie = response_cookie(&answer);
            assert!(cookie.is_ascii() && cookie.len() < 64);
            if cookie.is_empty() {
                break;
            }
        }
        assert_eq!(paged, whole, "{size}");
    }
    let first = PagedResults { size: 2, cookie: Vec::new() }.to_control(true);
    let (_, answer) = client.search_with(&wanted, &[first]);
    let cookie = response_cookie(&answer);
    let give_up = PagedResults { size: 0, cookie: cookie.clone() }.to_control(true);
    let (entries, answer) = client.search_with(&wanted, &[give_up]);
    assert_eq!((entries.len(), answer.code()), (0, 0));
    let gone = PagedResults { size: 2, cookie: cookie.clone() }.to_control(true);
    ends_the_session(client, &wanted, gone);
    // A cursor belongs to its search and its session.
    let mut client = service();
    let first = PagedResults { size: 2, cookie: Vec::new() }.to_control(true);
    let cookie = response_cookie(&client.search_with(&wanted, &[first]).1);
    let follow = PagedResults { size: 2, cookie }.to_control(true);
    ends_the_session(service(), &wanted, follow.clone());
    let other = search(BASE, WholeSubtree, "(cn=*)", &["cn"]);
    ends_the_session(client, &other, follow);
}

/// A page that cannot be answered: whoever asks holds a part of a list, which no code may make a whole.
fn ends_the_session(mut client: Client, wanted: &SearchRequest, control: Control) {
    let id = client.next_id();
    let mut writer = Writer::new();
    write_search(&mut writer, id, wanted, &[control]);
    client.send_octets(writer.octets());
    assert_eq!(client.disconnection().code(), 52);
}

fn response_cookie(answer: &Answer) -> Vec<u8> {
    let controls = Control::read_all(&answer.controls).unwrap();
    let control = controls.iter().find(|control| control.oid == oid::PAGED_RESULTS);
    PagedResults::read(control.expect("the paged results control")).unwrap().cookie
}

/// RFC 4511 §4.5.1.4: sizeLimitExceeded comes with the first entries.
#[test]
fn size_limit() {
    let mut client = service();
    let mut wanted = search(BASE, WholeSubtree, "(objectClass=*)", &["cn"]);
    wanted.size_limit = 3;
    let (entries, answer) = client.search_with(&wanted, &[]);
    assert_eq!((entries.len(), answer.code()), (3, 4));
    wanted.size_limit = 10_000;
    assert_eq!(client.search_with(&wanted, &[]).1.code(), 0);
}

/// RFC 4511 §4.5.1: scopes, a base that is not there (with matchedDN), a base without a match.
#[test]
fn scopes_and_bases() {
    let mut client = service();
    let mut count = |base: &str, scope, filter: &str| {
        let (entries, answer) = client.search(base, scope, filter, &["cn"]);
        (entries.len(), answer.code(), String::from_utf8(answer.result.matched_dn).unwrap())
    };
    let none = String::new;
    let sales = "ou=Sales, OU=people,dc=corp,dc=example";
    assert_eq!(count(sales, BaseObject, "(objectClass=*)"), (1, 0, none()));
    assert_eq!(
        count("OU=People,DC=corp,DC=example", SingleLevel, "(objectClass=*)"),
        (2, 0, none())
    );
    assert_eq!(count(BASE, WholeSubtree, "(sAMAccountName=nobody)"), (0, 0, none()));
    let missing = count("CN=x,OU=Nowhere,OU=People,DC=corp,DC=example", BaseObject, "(cn=*)");
    assert_eq!(missing, (0, 32, "OU=People,DC=corp,DC=example".to_owned()));
    assert_eq!(count("not a name", BaseObject, "(cn=*)").1, 34);
    let leaf = "CN=Alice Example,OU=Sales,OU=People,DC=corp,DC=example";
    assert_eq!(count(leaf, WholeSubtree, "(cn=*)"), (1, 0, none()), "a subtree search from a leaf");
}

/// Attribute selection: spelling of the schema whatever was asked, memberOf without being asked, `1.1`, unknown
/// names ignored, and never a secret.
#[test]
fn attributes() {
    let mut client = service();
    let mut names = |requested: &[&str]| {
        let (entries, answer) =
            client.search(BASE, WholeSubtree, "(sAMAccountName=alice)", requested);
        assert_eq!(answer.code(), 0);
        let mut names: Vec<String> =
            entries[0].attributes.iter().map(|a| a.description.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&["SAMACCOUNTNAME", "MEMBEROF", "nosuch"]), ["memberOf", "sAMAccountName"]);
    assert_eq!(names(&["1.1"]), Vec::<String>::new());
    let all = names(&[]);
    for name in ["memberOf", "objectGUID", "objectSid", "userAccountControl", "primaryGroupID"] {
        assert!(all.iter().any(|found| found == name), "{name} in {all:?}");
    }
    assert_eq!(names(&["*"]), all);
    for secret in ["userPassword", "unicodePwd", "demoPassword", "supplementalCredentials"] {
        assert!(names(&["*", "+", secret]).iter().all(|name| name != secret), "{secret}");
    }
}

/// DESIGN §3: references are never returned, although the controllers send them.
#[test]
fn no_references() {
    let mut client = service();
    let (entries, answer) = client.search(BASE, WholeSubtree, "(objectClass=domainDNS)", &[]);
    assert_eq!((entries.len(), answer.code()), (1, 0));
}

/// Applications that were configured with more than they may see get nothing of it.
#[test]
fn out_of_scope_is_not_there() {
    let mut client = service();
    for filter in [
        "(sAMAccountName=ivan)",
        "(sAMAccountName=svc-sync)",
        "(sAMAccountName=krbtgt)",
        "(sAMAccountName=Guest)",
        "(objectClass=computer)",
    ] {
        let (entries, answer) = client.search(BASE, WholeSubtree, filter, &[]);
        assert_eq!((entries.len(), answer.code()), (0, 0), "{filter}");
    }
}

/// RFC 4511 §4.5.1.7 and what Creatio and Bitrix24 send: NOT over absent attributes, matching rules, unknown
/// attributes.
#[test]
fn filters_from_the_field() {
    let mut client = service();
    let mut found = |filter: &str| {
        let (entries, answer) = client.search(BASE, WholeSubtree, filter, &["sAMAccountName"]);
        assert_eq!(answer.code(), 0, "{filter}");
        entries.iter().any(|entry| entry.text("sAMAccountName") == Some("alice"))
    };
    for filter in [
        "(&(objectClass=user)(objectClass=person)(!(objectClass=computer))(!(isDeleted=TRUE)))",
        "(&(objectClass=user)(objectCategory=PERSON))",
        "(&(objectCategory=person)(sAMAccountName=ALICE))",
        "(&(objectCategory=person)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
        "(memberOf:1.2.840.113556.1.4.1941:=CN=crm-users,OU=Groups,DC=corp,DC=example)",
        "(sAMAccountName=al*e)",
        "(&(objectClass=user)(whenChanged>=20000101000000.0Z))",
        "(displayName=*)",
        "(&)",
    ] {
        assert!(found(filter), "{filter}");
    }
    for filter in [
        "(noSuchAttribute=x)",
        "(!(noSuchAttribute=x))",
        "(userAccountControl:1.2.840.113556.1.4.803:=2)",
        "(|)",
        "(userPassword=*)",
        "(!(userPassword=x))",
    ] {
        assert!(!found(filter), "{filter}");
    }
    let mut groups = |filter: &str| {
        let (entries, _) = client.search(BASE, WholeSubtree, filter, &["cn"]);
        entries.len()
    };
    assert!(groups("(&(objectClass=group)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))") > 2);
}

/// The root DSE: two naming contexts that are really there, and only what works is advertised.
#[test]
fn root_dse() {
    let mut client = service();
    let (root, answer) = client.search("", BaseObject, "(objectClass=*)", &[]);
    assert_eq!(answer.code(), 0);
    let root = &root[0];
    let contexts = root.values("namingContexts").to_vec();
    assert!(contexts.len() >= 2);
    for context in &contexts {
        let context = std::str::from_utf8(context).unwrap();
        let (found, answer) = client.search(context, BaseObject, "(objectClass=*)", &[]);
        assert_eq!((found.len(), answer.code()), (1, 0), "{context}");
    }
    let partitions = "CN=Partitions,CN=Configuration,DC=corp,DC=example";
    let (found, _) = client.search(partitions, BaseObject, "(objectClass=*)", &[]);
    assert_eq!(found.len(), 1);
    assert!(root.values("supportedSASLMechanisms").is_empty());
    assert_eq!(root.values("supportedLDAPVersion"), [b"3".to_vec(), b"2".to_vec()]);
    let extensions = root.values("supportedExtension");
    assert_eq!(
        extensions,
        [b"1.3.6.1.4.1.4203.1.11.3".to_vec()],
        "no StartTLS without certificate"
    );
    for control in root.values("supportedControl") {
        let control = std::str::from_utf8(control).unwrap();
        // These need a value; `session::tests` gives it to them.
        let with_value = [
            oid::PAGED_RESULTS,
            oid::SERVER_SIDE_SORT,
            oid::VIRTUAL_LIST_VIEW,
            oid::SEARCH_OPTIONS,
        ];
        if with_value.contains(&control) {
            continue;
        }
        let wanted = search(BASE, WholeSubtree, "(sAMAccountName=alice)", &["cn"]);
        let (entries, answer) = client.search_with(&wanted, &[Control::new(control, true)]);
        assert_eq!((entries.len(), answer.code()), (1, 0), "{control}");
    }
}

/// A disabled account is judged from the view at once, and the view follows the directory: a refusal asks for
/// a pass by itself.
#[test]
fn a_refusal_makes_the_view_follow() {
    let company = Company::new();
    let gate = company.gate("follow", "");
    let bind = || Client::connect(gate.address("plain")).bind("kate", "Kate-Pass-1").code();
    let first = bind();
    let bob = || Client::connect(gate.address("plain")).bind("bob", "Bob-Pass-1").code();
    assert_eq!(bob(), 49, "disabled");
    company
        .directory
        .with(|directory| directory.dn_of("bob").map(|dn| directory.enable(&dn)).unwrap())
        .unwrap();
    let begun = Instant::now();
    while bob() != 0 {
        assert!(begun.elapsed() < Duration::from_secs(15), "the view does not follow");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(bind(), first);
}
