//! The controllers driven by the independent client `ldap3`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::controls::{MakeCritical as _, PagedResults as Page, RawControl};
use ldap3::exop::WhoAmI;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Scope, SearchEntry, SearchOptions};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::company::{SERVICE_ACCOUNT, SYNC_ACCOUNT};
use super::*;
use crate::time::Now;

const BASE: &str = "DC=corp,DC=example";
const CRM_USERS: &str = "CN=crm-users,OU=Groups,DC=corp,DC=example";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SYNC: (&str, &str) = ("CORP\\svc-sync", SYNC_ACCOUNT.password);

struct World {
    authority: Arc<Authority>,
    directory: SharedDirectory,
    dc1: Controller,
}

impl World {
    fn new(directory: Directory) -> Self {
        let authority = Arc::new(Authority::new().unwrap());
        let directory = SharedDirectory::new(directory);
        let dc1 = start("dc1", &directory, &authority);
        Self { authority, directory, dc1 }
    }

    fn company() -> Self {
        Self::new(company(Now::read().wall).unwrap())
    }

    fn openldap() -> Self {
        Self::new(openldap_company(Now::read().wall).unwrap())
    }

    fn trust(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }

    /// A connection bound as the sync account.
    async fn client(&self) -> Ldap {
        let mut client = plain(&self.dc1).await.unwrap();
        let (name, password) = SYNC;
        client.simple_bind(name, password).await.unwrap().success().unwrap();
        client
    }

    fn add_users(&self, count: usize) {
        self.directory.with(|directory| {
            for n in 0..count {
                let dn = format!("CN=u{n:04},OU=Sales,OU=People,{BASE}");
                let name = format!("u{n:04}");
                directory.add(&dn, &[("objectClass", "user"), ("sAMAccountName", &name)]).unwrap();
            }
        });
    }
}

fn start(name: &str, directory: &SharedDirectory, authority: &Arc<Authority>) -> Controller {
    let options = Options::new(name, directory, authority, LOOPBACK);
    Controller::start(SocketAddr::new(LOOPBACK, 0), directory, options).unwrap()
}

async fn plain(controller: &Controller) -> ldap3::result::Result<Ldap> {
    let settings = LdapConnSettings::new().set_conn_timeout(Duration::from_secs(5));
    connect(settings, &format!("ldap://{}", controller.ldap_address())).await
}

async fn connect(settings: LdapConnSettings, url: &str) -> ldap3::result::Result<Ldap> {
    let (connection, client) = LdapConnAsync::with_settings(settings, url).await?;
    ldap3::drive!(connection);
    Ok(client)
}

async fn bind(client: &mut Ldap, name: &str, password: &str) -> (u32, String) {
    let result = client.simple_bind(name, password).await.unwrap();
    (result.rc, result.text)
}

async fn search(
    client: &mut Ldap,
    base: &str,
    scope: Scope,
    filter: &str,
    attributes: &[&str],
) -> (Vec<SearchEntry>, usize, u32) {
    let ldap3::SearchResult(found, result) =
        client.search(base, scope, filter, attributes).await.unwrap();
    let entries = found.into_iter().map(SearchEntry::construct).collect();
    (entries, result.refs.len(), result.rc)
}

async fn accounts_found(client: &mut Ldap, filter: &str) -> Vec<String> {
    let (entries, _, rc) = search(client, BASE, Scope::Subtree, filter, &["sAMAccountName"]).await;
    assert_eq!(rc, 0, "{filter}");
    let mut names: Vec<String> =
        entries.into_iter().filter_map(|mut e| e.attrs.remove("sAMAccountName")?.pop()).collect();
    names.sort();
    names
}

fn data(reason: &str) -> String {
    format!(
        "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {reason}, \
         v4563\0"
    )
}

#[test]
fn the_company_loads() {
    let directory = company(Now::read().wall).unwrap();
    assert_eq!(directory.domain().netbios, "CORP");
    assert_eq!(directory.domain().dns, "corp.example");
    let alice = directory.dn_of("alice").unwrap();
    assert!(directory.entry(&alice).unwrap().get("demoPassword").is_none());
    assert_eq!(openldap_company(Now::read().wall).unwrap().kind(), Kind::OpenLdap);
}

/// The table that the demonstration prints, held against the directory.
#[test]
fn accounts_are_as_the_table_says() {
    let mut directory = company(Now::read().wall).unwrap();
    for account in accounts() {
        let quirks = Quirks::default();
        let name = format!("CORP\\{}", account.name);
        let answer = directory.bind("dc1", &name, account.password, &quirks);
        let outcome = directory.binds().last().unwrap().outcome;
        match account.expectation {
            Expectation::RefusedByController(reason) => {
                assert_eq!(outcome, Outcome::Refused(reason), "{account:?}");
            }
            Expectation::Accepted => {
                assert_eq!(answer.code, 0, "{account:?}");
            }
            Expectation::RefusedByGate => assert!(
                answer.code == 0
                    || matches!(
                        outcome,
                        Outcome::Refused(Reason::Disabled | Reason::AccountExpired)
                    ),
                "{account:?}"
            ),
        }
    }
}

/// adlab.md §5; texts as Active Directory writes them, with the NUL.
#[tokio::test]
async fn states_are_told_with_the_right_password() {
    let world = World::company();
    let mut client = plain(&world.dc1).await.unwrap();
    for (name, password, reason) in [
        ("bob", "Bob-Pass-1", "533"),
        ("carol", "Carol-Pass-1", "701"),
        ("dave", "Dave-Pass-1", "532"),
        ("erin", "Erin-Pass-1", "773"),
        ("grace", "Grace-Pass-1", "530"),
        ("heidi", "Heidi-Pass-1", "531"),
        ("frank", "Frank-Pass-1", "775"),
        ("frank", "wrong", "775"),
        ("nobody", "wrong", "525"),
    ] {
        let answer = bind(&mut client, &format!("CORP\\{name}"), password).await;
        assert_eq!(answer, (49, data(reason)), "{name}");
    }
    assert_eq!(bind(&mut client, "CORP\\alice", "Alice-Pass-1").await, (0, String::new()));
}

#[tokio::test]
async fn a_wrong_password_hides_the_state() {
    let world = World::company();
    let mut client = plain(&world.dc1).await.unwrap();
    for name in ["alice", "bob", "carol", "dave", "erin", "grace", "heidi"] {
        let answer = bind(&mut client, &format!("CORP\\{name}"), "wrong").await;
        assert_eq!(answer, (49, data("52e")), "{name}");
    }
}

/// MS-ADTS 5.1.1.1.1.
#[tokio::test]
async fn name_forms() {
    let world = World::company();
    let (sid, guid) = world.directory.with(|directory| {
        let entry = directory.entry(&directory.dn_of("alice").unwrap()).unwrap();
        let octets = |name| entry.values(name).first().unwrap().clone();
        (
            name::sid_text(&octets("objectSid")).unwrap(),
            name::guid_text(&octets("objectGUID")).unwrap(),
        )
    });
    let mut client = plain(&world.dc1).await.unwrap();
    for name in [
        "CN=Alice Example,OU=Sales,OU=People,DC=corp,DC=example".to_owned(),
        "cn = alice example , ou=sales,OU=people,dc=CORP,dc=example".to_owned(),
        "alice@corp.example".to_owned(),
        " Alice@CORP.EXAMPLE".to_owned(),
        "alice@CORP".to_owned(),
        "CORP\\ALICE".to_owned(),
        "corp.example/People/Sales/Alice Example".to_owned(),
        "Alice Example".to_owned(),
        sid.clone(),
        format!("<SID={sid}>"),
        format!("{{{guid}}}"),
    ] {
        assert_eq!(bind(&mut client, &name, "Alice-Pass-1").await.0, 0, "{name}");
    }
    for name in ["alice", "OTHER\\alice", "alice@other.example", "CN=Alice Example,DC=corp"] {
        assert_eq!(bind(&mut client, name, "Alice-Pass-1").await, (49, data("525")), "{name}");
    }
    // An explicit userPrincipalName with a foreign suffix, and the implicit one beside it.
    for name in ["ivan@partner.example", "ivan@corp.example"] {
        assert_eq!(bind(&mut client, name, "Ivan-Pass-1").await.0, 0, "{name}");
    }
    for name in ["CORP\\MÜLLER", "müller@corp.example", "mu\u{308}ller@corp.example"] {
        assert_eq!(bind(&mut client, name, "Müller-Pass-1").await.0, 0, "{name}");
    }
}

#[tokio::test]
async fn every_bind_is_counted() {
    let world = World::company();
    let dc2 = start("dc2", &world.directory, &world.authority);
    let mut client = plain(&world.dc1).await.unwrap();
    bind(&mut client, "CORP\\alice", "wrong").await;
    bind(&mut plain(&dc2).await.unwrap(), "alice@corp.example", "Alice-Pass-1").await;
    bind(&mut client, "who?", "x").await;
    bind(&mut client, "CORP\\alice", "").await;
    let seen = |controller: &str, name: &str, account: Option<&str>, outcome| SeenBind {
        controller: controller.to_owned(),
        name: name.to_owned(),
        account: account.map(str::to_owned),
        outcome,
    };
    world.directory.with(|directory| {
        assert_eq!(
            directory.binds(),
            [
                seen("dc1", "CORP\\alice", Some("alice"), Outcome::Refused(Reason::WrongPassword)),
                seen("dc2", "alice@corp.example", Some("alice"), Outcome::Accepted),
                seen("dc1", "who?", None, Outcome::Refused(Reason::Unknown)),
                seen("dc1", "CORP\\alice", Some("alice"), Outcome::Anonymous),
            ]
        );
        assert_eq!(directory.binds_of("alice"), 3);
    });
}

/// The fifth wrong password still gets 52e; the lock shows from the sixth bind, at every controller.
#[tokio::test]
async fn wrong_passwords_lock() {
    let world = World::company();
    let dc2 = start("dc2", &world.directory, &world.authority);
    let mut client = plain(&world.dc1).await.unwrap();
    for _ in 0..5 {
        assert_eq!(bind(&mut client, "CORP\\alice", "wrong").await.1, data("52e"));
    }
    let mut other = plain(&dc2).await.unwrap();
    assert_eq!(bind(&mut other, "CORP\\alice", "Alice-Pass-1").await.1, data("775"));
    let alice = world.directory.with(|directory| directory.dn_of("alice").unwrap());
    world.directory.with(|directory| directory.set(&alice, "lockoutTime", &["0"])).unwrap();
    assert_eq!(bind(&mut other, "CORP\\alice", "Alice-Pass-1").await.0, 0);
}

#[tokio::test]
async fn empty_passwords_and_nul() {
    let world = World::company();
    let mut client = plain(&world.dc1).await.unwrap();
    assert_eq!(bind(&mut client, "CORP\\alice", "").await.0, 0);
    assert_eq!(bind(&mut client, "CORP\\alice", "\0x").await.0, 0);
    assert_eq!(bind(&mut client, "CORP\\alice\0x", "Alice-Pass-1\0y").await.0, 0);
    world.dc1.quirks(|quirks| {
        *quirks = Quirks { trailing_nul: true, ..Quirks::samba() };
        quirks.cut_at_nul = false;
    });
    assert_eq!(bind(&mut client, "CORP\\alice", "").await, (49, data("52e")));
    assert_eq!(bind(&mut client, "CORP\\alice", "\0x").await, (49, data("52e")));
    assert_eq!(bind(&mut client, "CORP\\nobody", "x").await, (49, data("52e")));
    world.dc1.quirks(|quirks| quirks.trailing_nul = false);
    let (_, text) = bind(&mut client, "CORP\\nobody", "x").await;
    assert!(text.ends_with("v4563"), "{text:?}");
}

/// RFC 4511 §4.2.1: a failed bind leaves nobody.
#[tokio::test]
async fn a_failed_bind_leaves_the_connection_anonymous() {
    let world = World::company();
    let mut client = world.client().await;
    let (entries, _, rc) = search(&mut client, BASE, Scope::Base, "(objectClass=*)", &[]).await;
    assert_eq!((entries.len(), rc), (1, 0));
    world.dc1.quirks(|quirks| quirks.strong_auth_required = true);
    assert_eq!(bind(&mut client, SYNC.0, SYNC.1).await.0, 8);
    let (entries, _, rc) = search(&mut client, BASE, Scope::Base, "(objectClass=*)", &[]).await;
    assert_eq!((entries.len(), rc), (0, 1));
    world.dc1.quirks(|quirks| quirks.strong_auth_required = false);
    bind(&mut client, SYNC.0, SYNC.1).await;
    bind(&mut client, "CORP\\alice", "wrong").await;
    let (entries, _, rc) = search(&mut client, BASE, Scope::Base, "(objectClass=*)", &[]).await;
    assert_eq!((entries.len(), rc), (0, 1));
    let (entries, _, rc) = search(&mut client, "", Scope::Base, "(objectClass=*)", &[]).await;
    assert_eq!((entries.len(), rc), (1, 0));
}

#[tokio::test]
async fn who_am_i() {
    let world = World::company();
    let mut client = world.client().await;
    let who = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap()).unwrap();
    assert_eq!(who(client.extended(WhoAmI).await.unwrap().0.val), "u:CORP\\svc-sync");
    world.dc1.quirks(|quirks| quirks.whoami = false);
    assert_eq!(client.extended(WhoAmI).await.unwrap().1.rc, 2);
}

#[tokio::test]
async fn root_dse() {
    let world = World::company();
    let mut client = plain(&world.dc1).await.unwrap();
    let (entries, _, _) = search(&mut client, "", Scope::Base, "(objectClass=*)", &["*"]).await;
    let dse = entries.first().unwrap();
    let first = |name: &str| dse.attrs.get(name).unwrap().first().unwrap().clone();
    assert_eq!(first("defaultNamingContext"), BASE);
    assert_eq!(first("dnsHostName"), "dc1.corp.example");
    assert_eq!(dse.attrs.get("namingContexts").unwrap().len(), 3);
    let service = first("dsServiceName");
    let time = first("currentTime");
    world.dc1.quirks(|quirks| quirks.clock_offset = -86_400);
    let (entries, _, _) =
        search(&mut client, "", Scope::Base, "(objectClass=*)", &["currentTime"]).await;
    assert!(entries.first().unwrap().attrs.get("currentTime").unwrap().first().unwrap() < &time);
    let mut client = world.client().await;
    let (entries, _, _) =
        search(&mut client, &service, Scope::Base, "(objectClass=*)", &["invocationId"]).await;
    let entry = entries.first().unwrap();
    assert_eq!(entry.attrs.len() + entry.bin_attrs.len(), 1);
    let (entries, _, _) =
        search(&mut client, "", Scope::Base, "(objectClass=*)", &["namingcontexts"]).await;
    assert_eq!(entries.first().unwrap().attrs.keys().collect::<Vec<_>>(), ["namingContexts"]);
}

#[tokio::test]
async fn filters() {
    let world = World::company();
    let mut client = world.client().await;
    for (filter, expected) in [
        ("(sAMAccountName=ALICE)", &["alice"][..]),
        ("(&(objectCategory=person)(objectClass=user)(sn=Müller))", &["müller"]),
        (
            "(&(objectCategory=user)(userAccountControl:1.2.840.113556.1.4.803:=2)(mail=*))",
            &["bob"],
        ),
        ("(&(objectClass=computer)(!(objectCategory=person)))", &["WS01$"]),
        ("(|(cn=Ali*)(cn=*lice*ple)(cn=张伟))", &["alice", "zhang"]),
        ("(memberOf=cn=crm-nested, ou=groups,dc=corp,dc=example)", &["crm-asia", "müller"]),
        ("(member=CN=crm-nested,OU=Groups,DC=corp,DC=example)", &["crm-users"]),
        ("(&(accountExpires>=1)(accountExpires<=132223104000000000))", &["carol"]),
        ("(&(sAMAccountType=805306368)(pwdLastSet=0))", &["erin"]),
        ("(&(objectClass=group)(!(member=*))(sAMAccountName=Domain U*))", &["Domain Users"]),
    ] {
        assert_eq!(accounts_found(&mut client, filter).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn scopes_bases_and_faults() {
    let world = World::company();
    let mut client = world.client().await;
    let all = "(objectClass=*)";
    let people = format!("OU=People,{BASE}");
    let (entries, references, _) =
        search(&mut client, &people, Scope::OneLevel, all, &["1.1"]).await;
    assert_eq!((entries.len(), references), (2, 0));
    assert!(entries.iter().all(|entry| entry.attrs.is_empty()));
    // The configuration is a naming context of its own.
    let (entries, references, _) = search(&mut client, BASE, Scope::Subtree, all, &["1.1"]).await;
    assert_eq!(references, 3);
    assert!(!entries.iter().any(|entry| entry.dn.contains("CN=Configuration")));
    let partitions = format!("CN=Partitions,CN=Configuration,{BASE}");
    let (entries, _, _) =
        search(&mut client, &partitions, Scope::Subtree, "(nCName=*)", &["nETBIOSName"]).await;
    assert_eq!(entries.first().unwrap().attrs.get("nETBIOSName").unwrap(), &["CORP"]);

    let result =
        client.search("OU=No,OU=People,DC=corp,DC=example", Scope::Base, all, ["cn"]).await;
    let ldap3::SearchResult(_, result) = result.unwrap();
    assert_eq!((result.rc, result.matched.as_str()), (32, people.as_str()));
    assert!(result.text.starts_with("0000208D: NameErr:") && result.text.ends_with('\0'));
    let (_, _, rc) = search(&mut client, "nonsense", Scope::Base, all, &[]).await;
    assert_eq!(rc, 34);
    let ldap3::SearchResult(_, result) = client
        .with_controls(RawControl { ctype: "1.2.3".to_owned(), crit: true, val: None })
        .search(BASE, Scope::Base, all, ["cn"])
        .await
        .unwrap();
    assert_eq!(result.rc, 12);
}

/// MS-ADTS 3.1.1.3.4.6: MaxPageSize bounds a page whatever was asked for, and a search without pages.
#[tokio::test]
async fn pages_and_limits() {
    let world = World::company();
    world.add_users(30);
    world.dc1.quirks(|quirks| (quirks.max_page, quirks.unpaged_limit) = (10, Some(10)));
    let mut client = world.client().await;
    let filter = "(cn=u00*)";
    let (entries, _, rc) = search(&mut client, BASE, Scope::Subtree, filter, &["cn"]).await;
    assert_eq!((entries.len(), rc), (10, 4));
    client.with_search_options(SearchOptions::new().sizelimit(3));
    let (entries, _, rc) = search(&mut client, BASE, Scope::Subtree, filter, &["cn"]).await;
    assert_eq!((entries.len(), rc), (3, 4));

    let adapters: Vec<Box<dyn Adapter<_, _>>> =
        vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(500))];
    let mut pages =
        client.streaming_search_with(adapters, BASE, Scope::Subtree, filter, ["cn"]).await.unwrap();
    let mut names = Vec::new();
    while let Some(entry) = pages.next().await.unwrap() {
        names.push(SearchEntry::construct(entry).dn);
    }
    assert_eq!(pages.finish().await.rc, 0);
    names.dedup();
    assert_eq!(names.len(), 30);
}

/// A cookie is good once and only for its own search.
#[tokio::test]
async fn cookies() {
    let world = World::company();
    world.add_users(3);
    let mut client = world.client().await;
    let page = |client: &mut Ldap, filter: &'static str, cookie: Vec<u8>| {
        let mut client = client.clone();
        async move {
            let ldap3::SearchResult(entries, result) = client
                .with_controls(Page { size: 2, cookie }.critical())
                .search(BASE, Scope::Subtree, filter, ["cn"])
                .await
                .unwrap();
            let cookie = result.ctrls.first().map(|c| c.1.parse::<Page>().cookie);
            (entries.len(), result.rc, cookie)
        }
    };
    world.dc1.quirks(|quirks| quirks.max_page = 1);
    assert_eq!(page(&mut client, "(cn=u000*)", Vec::new()).await.0, 1);
    world.dc1.quirks(|quirks| quirks.max_page = 1000);
    let (count, rc, cookie) = page(&mut client, "(cn=u000*)", Vec::new()).await;
    let cookie = cookie.unwrap();
    assert_eq!((count, rc, cookie.is_empty()), (2, 0, false));
    let (count, rc, end) = page(&mut client, "(cn=u000*)", cookie.clone()).await;
    assert_eq!((count, rc, end), (1, 0, Some(Vec::new())));
    assert_eq!(page(&mut client, "(cn=u000*)", cookie).await.1, 12);
    let (_, _, cookie) = page(&mut client, "(cn=u000*)", Vec::new()).await;
    assert_eq!(page(&mut client, "(cn=u00*)", cookie.unwrap()).await.1, 12);
}

/// MS-ADTS 3.1.1.3.1.3.3.
#[tokio::test]
async fn large_groups_come_in_slices() {
    let world = World::company();
    world.add_users(25);
    let members: Vec<String> =
        (0..25).map(|n| format!("CN=u{n:04},OU=Sales,OU=People,{BASE}")).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    world.directory.with(|directory| directory.set(CRM_USERS, "member", &members)).unwrap();
    world.dc1.quirks(|quirks| quirks.value_range = Some(10));
    let mut client = world.client().await;
    let mut sizes = Vec::new();
    for asked in ["member", "member;range=10-*", "member;range=20-*"] {
        let (entries, _, _) =
            search(&mut client, CRM_USERS, Scope::Base, "(objectClass=*)", &[asked]).await;
        let mut slices: Vec<(String, usize)> =
            entries.into_iter().flat_map(|e| e.attrs).map(|(name, v)| (name, v.len())).collect();
        slices.sort();
        sizes.extend(slices);
    }
    let expected = [
        ("member", 0),
        ("member;range=0-9", 10),
        ("member;range=10-19", 10),
        ("member;range=20-*", 5),
    ];
    let sizes: Vec<(&str, usize)> =
        sizes.iter().map(|(name, size)| (name.as_str(), *size)).collect();
    assert_eq!(sizes, expected);
}

#[tokio::test]
async fn start_tls_and_ldaps() {
    let world = World::company();
    let settings = || LdapConnSettings::new().set_config(world.trust());
    let ldap = format!("ldap://localhost:{}", world.dc1.ldap_address().port());
    let ldaps = format!("ldaps://localhost:{}", world.dc1.ldaps_address().port());
    world.dc1.quirks(|quirks| quirks.strong_auth_required = true);
    for (settings, url) in [(settings().set_starttls(true), &ldap), (settings(), &ldaps)] {
        let mut client = connect(settings, url).await.unwrap();
        assert_eq!(bind(&mut client, "CORP\\alice", "Alice-Pass-1").await.0, 0, "{url}");
        let who = client.extended(WhoAmI).await.unwrap().0.val.unwrap();
        assert_eq!(who, b"u:CORP\\alice");
    }
    assert_eq!(bind(&mut plain(&world.dc1).await.unwrap(), "CORP\\alice", "x").await.0, 8);
    let other = World::company();
    let mistrusting = LdapConnSettings::new().set_config(other.trust());
    assert!(connect(mistrusting, &ldaps).await.is_err());
    world.dc1.quirks(|quirks| quirks.start_tls = false);
    assert!(connect(settings().set_starttls(true), &ldap).await.is_err());
}

#[tokio::test]
async fn an_expired_certificate() {
    let world = World::company();
    let mut options = Options::new("dc3", &world.directory, &world.authority, LOOPBACK);
    options.certificate_expired = true;
    let dc3 = Controller::start(SocketAddr::new(LOOPBACK, 0), &world.directory, options).unwrap();
    let settings = LdapConnSettings::new().set_config(world.trust());
    let url = format!("ldaps://localhost:{}", dc3.ldaps_address().port());
    let error = connect(settings, &url).await.err().unwrap().to_string();
    assert!(error.to_lowercase().contains("expired"), "{error}");
}

#[tokio::test]
async fn killed_and_revived() {
    let world = World::company();
    let mut client = world.client().await;
    let address = world.dc1.ldap_address();
    world.dc1.kill().await.unwrap();
    assert!(world.dc1.is_killed());
    assert!(client.extended(WhoAmI).await.is_err());
    for port in [address, world.dc1.ldaps_address()] {
        let refused = tokio::net::TcpStream::connect(port).await.err().unwrap();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
    for _ in 0..3 {
        world.dc1.revive().unwrap();
        assert_eq!(world.dc1.ldap_address(), address);
        assert_eq!(bind(&mut world.client().await, "CORP\\alice", "Alice-Pass-1").await.0, 0);
        world.dc1.kill().await.unwrap();
    }
    world.dc1.kill().await.unwrap();
    world.dc1.revive().unwrap();
    world.dc1.revive().unwrap();
    world.client().await;
}

#[tokio::test]
async fn hangs_and_resumes() {
    let world = World::company();
    let mut client = world.client().await;
    world.dc1.hang();
    let before = world.directory.with(|directory| directory.binds().len());
    let mut late = plain(&world.dc1).await.unwrap();
    let wait = Duration::from_millis(100);
    assert!(client.with_timeout(wait).extended(WhoAmI).await.is_err());
    let waiting =
        tokio::spawn(async move { bind(&mut late, "CORP\\alice", "Alice-Pass-1").await.0 });
    tokio::time::sleep(wait).await;
    assert!(!waiting.is_finished());
    assert_eq!(world.directory.with(|directory| directory.binds().len()), before);
    world.dc1.resume();
    assert_eq!(waiting.await.unwrap(), 0);
}

#[tokio::test]
async fn scripted_answers_and_faults() {
    let world = World::company();
    let mut client = plain(&world.dc1).await.unwrap();
    for code in [1, 8, 51, 52, 94, 4096] {
        world.dc1.quirks(|quirks| quirks.bind_answer = Some((code, "scripted".to_owned())));
        let answer = bind(&mut client, "CORP\\alice", "Alice-Pass-1").await;
        assert_eq!(answer, (code, "scripted".to_owned()));
    }
    let last = world.directory.with(|directory| directory.binds().last().unwrap().clone());
    assert_eq!((last.account.as_deref(), last.outcome), (Some("alice"), Outcome::Code(4096)));

    world.dc1.quirks(|quirks| {
        quirks.bind_answer = None;
        quirks.answer_delay = Duration::from_millis(120);
        quirks.four_byte_lengths = true;
    });
    let begun = now();
    assert_eq!(bind(&mut client, "CORP\\alice", "Alice-Pass-1").await.0, 0);
    assert!(now() - begun >= Duration::from_millis(120));
    world.dc1.quirks(|quirks| quirks.answer_delay = Duration::ZERO);
    let (entries, _, rc) =
        search(&mut client, CRM_USERS, Scope::Base, "(objectClass=*)", &["member"]).await;
    assert_eq!((entries.first().unwrap().attrs.get("member").unwrap().len(), rc), (11, 0));

    world.dc1.quirks(|quirks| quirks.search_answer = Some((51, "busy".to_owned())));
    let (entries, _, rc) = search(&mut client, BASE, Scope::Subtree, "(mail=*)", &["cn"]).await;
    assert_eq!((entries.len(), rc), (13, 51));
}

#[tokio::test]
async fn faults_that_end_the_connection() {
    let world = World::company();
    for fault in [(|quirks| quirks.close_after_request = true) as fn(&mut Quirks), |quirks| {
        quirks.notice_of_disconnection = true
    }] {
        world.dc1.quirks(|quirks| *quirks = Quirks::default());
        let mut client = plain(&world.dc1).await.unwrap();
        world.dc1.quirks(fault);
        assert!(client.simple_bind("CORP\\alice", "Alice-Pass-1").await.is_err());
    }
    assert_eq!(world.directory.with(|directory| directory.binds().len()), 0);
    world.dc1.quirks(|quirks| *quirks = Quirks::default());
    let mut client = world.client().await;
    world.dc1.quirks(|quirks| quirks.cut_search_after = Some(2));
    let mut stream =
        client.streaming_search(BASE, Scope::Subtree, "(mail=*)", ["cn"]).await.unwrap();
    assert!(stream.next().await.unwrap().is_some());
    assert!(stream.next().await.unwrap().is_some());
    assert!(stream.next().await.is_err());
}

/// Octets that are no LDAP, read by hand since clients may not survive them.
#[tokio::test]
async fn garbage() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let world = World::company();
    world.dc1.quirks(|quirks| quirks.garbage_answer = true);
    let mut stream = tokio::net::TcpStream::connect(world.dc1.ldap_address()).await.unwrap();
    stream.write_all(&[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]).await.unwrap();
    let mut octets = [0; 16];
    stream.read_exact(&mut octets).await.unwrap();
    assert_eq!(octets, wire::GARBAGE);
    world.dc1.quirks(|quirks| *quirks = Quirks { four_byte_lengths: true, ..Quirks::default() });
    let read = [0x30, 27, 2, 1, 2, 0x63, 22, 4, 0, 10, 1, 0, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1];
    stream.write_all(&read).await.unwrap();
    stream.write_all(&[1, 0, 0x87, 1, b'x', 0x30, 0]).await.unwrap();
    stream.read_exact(&mut octets).await.unwrap();
    let [sequence, form, ..] = octets;
    assert_eq!((sequence, form), (0x30, 0x84));
}

/// Changes show at every controller at once, and move what a directory moves.
#[tokio::test]
async fn changes() {
    let world = World::company();
    let dc2 = start("dc2", &world.directory, &world.authority);
    let mut client = plain(&dc2).await.unwrap();
    bind(&mut client, SYNC.0, SYNC.1).await;
    let dn = |name: &str| world.directory.with(|directory| directory.dn_of(name).unwrap());
    let usn = |dn: &str| {
        let number = |d: &mut Directory| d.entry(dn).unwrap().number("uSNChanged").unwrap();
        world.directory.with(number)
    };
    let (alice, group) = (dn("alice"), usn(CRM_USERS));
    let before = usn(&alice);
    world.directory.with(|directory| directory.disable(&alice)).unwrap();
    assert!(usn(&alice) > before);
    assert_eq!(bind(&mut plain(&dc2).await.unwrap(), &alice, "Alice-Pass-1").await.1, data("533"));
    world.directory.with(|directory| directory.enable(&alice)).unwrap();
    world.directory.with(|directory| directory.set_password(&alice, "New-Pass-1")).unwrap();
    assert_eq!(bind(&mut plain(&dc2).await.unwrap(), &alice, "New-Pass-1").await.0, 0);

    // A renamed OU takes its people and their links with it; the group itself does not change.
    let (old, new) = (format!("OU=Sales,OU=People,{BASE}"), format!("OU=Verkauf,{BASE}"));
    world.directory.with(|directory| directory.rename(&old, &new)).unwrap();
    assert_eq!(dn("alice"), format!("CN=Alice Example,{new}"));
    let filter = format!("(member=CN=Alice Example,{new})");
    assert_eq!(accounts_found(&mut client, &filter).await, ["crm-users"]);
    assert_eq!(accounts_found(&mut client, &format!("(memberOf={CRM_USERS})")).await.len(), 11);
    assert_eq!(usn(CRM_USERS), group);
    let (entries, _, _) = search(&mut client, &new, Scope::Base, "(objectClass=*)", &["ou"]).await;
    assert_eq!(entries.first().unwrap().attrs.get("ou").unwrap(), &["Verkauf"]);

    world.directory.with(|directory| directory.remove(&dn_in(directory, "alice"))).unwrap();
    assert_eq!(accounts_found(&mut client, &filter).await, Vec::<String>::new());
    let bob = dn("bob");
    world.directory.with(|directory| directory.remove_member(CRM_USERS, &bob)).unwrap();
    assert_eq!(accounts_found(&mut client, &format!("(memberOf={CRM_USERS})")).await.len(), 9);
    world.directory.with(|directory| directory.add_member(CRM_USERS, &bob)).unwrap();
    assert_eq!(accounts_found(&mut client, &format!("(memberOf={CRM_USERS})")).await.len(), 10);
}

fn dn_in(directory: &Directory, account: &str) -> String {
    directory.dn_of(account).unwrap()
}

#[test]
fn changes_that_cannot_be() {
    let mut directory = company(Now::read().wall).unwrap();
    let people = format!("OU=People,{BASE}");
    assert_eq!(
        directory.remove("CN=no,DC=corp"),
        Err(DirectoryError::NoSuchEntry("CN=no,DC=corp".to_owned()))
    );
    assert_eq!(directory.add(&people, &[]), Err(DirectoryError::Exists(people.clone())));
    let orphan = format!("CN=a,OU=No,{BASE}");
    assert_eq!(directory.add(&orphan, &[]), Err(DirectoryError::NoParent(orphan.clone())));
    assert_eq!(directory.add("a", &[]), Err(DirectoryError::NotAName("a".to_owned())));
    let below = format!("OU=Deep,OU=Sales,{people}");
    assert_eq!(directory.rename(&people, &below), Err(DirectoryError::NoParent(below.clone())));
    let text = "dn: DC=a\nobjectClass: domainDNS\n\ndn: CN=b,OU=c,DC=a\nobjectClass: user\n";
    let error = Directory::from_ldif(text, Now::read().wall).err().unwrap();
    assert_eq!(error.to_string(), "line 4: \"CN=b,OU=c,DC=a\" has no entry above it");
}

/// An empty list means all attributes, memberOf with them, but nothing computed.
#[tokio::test]
async fn all_attributes() {
    let world = World::company();
    let mut client = world.client().await;
    let alice = world.directory.with(|directory| dn_in(directory, "alice"));
    for attributes in [&[][..], &["*"], &["mail", "*"]] {
        let (entries, _, _) =
            search(&mut client, &alice, Scope::Base, "(objectClass=*)", attributes).await;
        let entry = entries.first().unwrap();
        assert_eq!(entry.attrs.get("memberOf").unwrap(), &[CRM_USERS]);
        assert_eq!(entry.attrs.get("userAccountControl").unwrap(), &["512"]);
        assert!(!entry.attrs.contains_key("canonicalName"));
        assert!(!entry.attrs.contains_key("demoPassword"));
    }
    let (entries, _, _) = search(
        &mut client,
        &alice,
        Scope::Base,
        "(objectClass=*)",
        &["SAMACCOUNTNAME", "canonicalname", "nothing"],
    )
    .await;
    let mut names: Vec<&String> = entries.first().unwrap().attrs.keys().collect();
    names.sort();
    assert_eq!(names, ["canonicalName", "sAMAccountName"]);
}

/// slapd's answers: no texts for wrong passwords, DN names only, operational attributes on request.
#[tokio::test]
async fn openldap() {
    let world = World::openldap();
    let mut client = plain(&world.dc1).await.unwrap();
    let alice = "uid=alice,ou=people,dc=example,dc=org";
    for (name, password, answer) in [
        (alice, "Alice-Pass-1", (0, "")),
        ("UID=Alice, ou=people,dc=example,dc=org", "Alice-Pass-1", (0, "")),
        (alice, "wrong", (49, "")),
        ("uid=no,dc=example,dc=org", "wrong", (49, "")),
        ("uid=bob,ou=people,dc=example,dc=org", "Bob-Pass-1", (49, "")),
        ("alice", "Alice-Pass-1", (34, "invalid DN")),
        (alice, "", (53, "unauthenticated bind (DN with no password) disallowed")),
        ("", "", (0, "")),
        ("cn=svc-sync,dc=example,dc=org", SYNC_ACCOUNT.password, (0, "")),
    ] {
        let (code, text) = answer;
        assert_eq!(bind(&mut client, name, password).await, (code, text.to_owned()), "{name}");
    }
    assert_eq!(world.directory.with(|directory| directory.binds_of("alice")), 4);
    let base = "dc=example,dc=org";
    let (entries, references, _) = search(
        &mut client,
        base,
        Scope::Subtree,
        "(&(objectClass=inetOrgPerson)(memberOf=cn=crm-nested,ou=groups,dc=example,dc=org))",
        &["*", "entryUUID"],
    )
    .await;
    let entry = entries.first().unwrap();
    assert_eq!(
        (entries.len(), references, entry.dn.as_str()),
        (1, 0, "uid=müller,ou=people,dc=example,dc=org")
    );
    assert_eq!(entry.attrs.get("entryUUID").unwrap().first().unwrap().len(), 36);
    assert!(!entry.attrs.contains_key("memberOf") && !entry.attrs.contains_key("modifyTimestamp"));
    let (entries, _, _) = search(&mut client, "", Scope::Base, "(objectClass=*)", &["+"]).await;
    assert_eq!(entries.first().unwrap().attrs.get("namingContexts").unwrap(), &[base]);
}

/// The same text makes the same identifiers, and no two accounts share one.
#[test]
fn identifiers_are_stable_and_unique() {
    let now = Now::read().wall;
    let (one, two) = (company(now).unwrap(), company(now + Duration::from_secs(9)).unwrap());
    let mut seen = std::collections::HashSet::new();
    for account in accounts() {
        let [one, two] = [&one, &two].map(|d| d.entry(&dn_in(d, account.name)).unwrap());
        for name in ["objectGUID", "objectSid"] {
            assert_eq!(one.values(name), two.values(name), "{account:?}");
            assert!(seen.insert(one.values(name).to_vec()), "{account:?}");
        }
    }
    assert_eq!(SERVICE_ACCOUNT.expectation, Expectation::Accepted);
}

fn now() -> Instant {
    Now::read().monotonic
}
