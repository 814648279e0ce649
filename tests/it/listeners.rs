//! Where applications connect: StartTLS, ldaps, passwords in clear, and which application a client gets.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use ldapgate::ldap::ber::Writer;
use ldapgate::ldap::message::MessageId;
use ldapgate::ldap::request::SearchScope::{BaseObject, WholeSubtree};
use ldapgate::ldap::request::{START_TLS, write_extended, write_simple_bind};
use ldapgate::ldap::secret::Password;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion};

use crate::world::client::Client;
use crate::world::company::{ALICE, APPLICATION, Company, LOCAL_SECRET, PLAIN_LISTENER};
use crate::world::gate::Gate;
use crate::world::stream::tls_client;

/// Every kind of listener at once, all for one application.
const LISTENERS: &str = r#"
[[listener]]
name = "starttls"
url = "ldap://127.0.0.1:0"
certificate = "server.pem"
key = "server.key"

[[listener]]
name = "protected"
url = "ldap://127.0.0.1:0"
certificate = "server.pem"
key = "server.key"
allow_cleartext_bind = false

[[listener]]
name = "encrypted"
url = "ldaps://127.0.0.1:0"
certificate = "server.pem"
key = "server.key"

[[listener]]
name = "six"
url = "ldap://[::1]:0"
"#;

fn start(company: &Company, name: &str, rest: &str) -> Gate {
    let folder = company.folder(name);
    folder.make_certificates();
    Gate::start_in(folder, &format!("{}{rest}", company.directory_section())).synced(1)
}

fn world() -> &'static (Company, Gate) {
    static WORLD: OnceLock<(Company, Gate)> = OnceLock::new();
    WORLD.get_or_init(|| {
        let company = Company::new();
        let rest = format!("{APPLICATION}{PLAIN_LISTENER}{LISTENERS}");
        let gate = start(&company, "listeners", &rest);
        (company, gate)
    })
}

fn connect(listener: &str) -> Client {
    Client::connect(world().1.address(listener))
}

fn trusting() -> std::sync::Arc<ClientConfig> {
    tls_client(&world().1.folder.path().join("ca.pem"), &[&TLS12, &TLS13])
}

/// The binds with this name that came as far as the audit log.
fn audited(name: &str) -> usize {
    world().1.binds().iter().filter(|bind| bind["name"] == name).count()
}

#[test]
fn every_listener_serves() {
    for listener in ["plain", "starttls", "six"] {
        assert_eq!(connect(listener).bind(ALICE.0, ALICE.1).code(), 0, "{listener}");
    }
    for (listener, advertised) in [("plain", false), ("starttls", true), ("protected", true)] {
        let mut client = connect(listener);
        let (root, _) = client.search("", BaseObject, "(objectClass=*)", &["supportedExtension"]);
        let extensions = root[0].values("supportedExtension");
        assert_eq!(extensions.contains(&START_TLS.into()), advertised, "{listener}");
    }
}

/// RFC 4511 §4.14: after StartTLS everything goes on under TLS, and it is not offered again.
#[test]
fn start_tls_then_bind() {
    for listener in ["starttls", "protected"] {
        let mut client = connect(listener).start_tls(&trusting(), "localhost");
        assert!(client.stream().tls_version().is_some());
        assert_eq!(client.bind(ALICE.0, ALICE.1).code(), 0);
        assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
        let (found, answer) =
            client.search("DC=corp,DC=example", WholeSubtree, "(sAMAccountName=alice)", &["cn"]);
        assert_eq!((found.len(), answer.code()), (1, 0));
        let again = client.extended(START_TLS, None);
        assert_eq!((again.tag, again.code()), (0x78, 1), "a second StartTLS");
        let (root, _) = client.search("", BaseObject, "(objectClass=*)", &["supportedExtension"]);
        assert!(root[0].values("supportedExtension").contains(&START_TLS.into()), "listed still");
    }
}

/// RFC 4511 §4.14.1: operationsError after a bind, a failed one included; §4.14.2: protocolError where it is
/// not served. The session goes on each time.
#[test]
fn start_tls_at_the_wrong_time() {
    for (name, password) in [("crm", LOCAL_SECRET), ("crm", "wrong"), ("", "")] {
        let mut client = connect("starttls");
        client.bind(name, password);
        let answer = client.extended(START_TLS, None);
        assert_eq!((answer.tag, answer.code()), (0x78, 1), "{name:?} {password:?}");
        assert_eq!(answer.name.as_deref(), Some(START_TLS));
        assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    }
    let mut client = connect("plain");
    assert_eq!(client.extended(START_TLS, None).code(), 2, "no certificate");
    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    let address = world().1.address("encrypted");
    let mut client = Client::connect_tls(address, &trusting(), "localhost").unwrap();
    assert_eq!(client.extended(START_TLS, None).code(), 1, "TLS from the beginning");
}

/// What stands behind StartTLS came in clear and may be anybody's (CVE-2011-0411): the session ends, and
/// nothing of it is acted on.
#[test]
fn octets_behind_start_tls() {
    let (_, gate) = world();
    let id = |number| MessageId::new(number).unwrap();
    let secret = Password::copy_from(b"x");
    let (mut start, mut bind) = (Writer::new(), Writer::new());
    write_extended(&mut start, id(1), START_TLS, None);
    write_simple_bind(&mut bind, id(2), b"smuggled", &secret, &[]);
    let (start, bind) = (start.into_octets(), bind.into_octets());

    for tail in [&bind[..], &bind[..1]] {
        let mut client = connect("starttls");
        client.send_octets(&[&start, tail].concat());
        assert_eq!(client.answer(id(1)).code(), 0);
        assert!(client.is_closed());
    }
    assert_eq!(gate.logged("data behind a StartTLS request", 2), 2);

    // The same a moment later, where the handshake is due.
    let mut client = connect("starttls");
    client.send_octets(&start);
    assert_eq!(client.answer(id(1)).code(), 0);
    client.send_octets(&bind);
    let mut rest = Vec::new();
    let _ = client.stream().read_to_end(&mut rest);
    assert_ne!(rest.first(), Some(&0x30), "an answer in clear: {rest:02x?}");

    // A bind that is processed is in the log: this one is, those before it are not.
    assert_eq!(connect("starttls").bind("not smuggled", "x").code(), 49);
    assert_eq!(gate.logged("not smuggled", 1), 1);
    assert_eq!(audited("smuggled"), 0);
}

/// TLS 1.2 and 1.3, and nothing older.
#[test]
fn tls_versions() {
    let (_, gate) = world();
    let ca = gate.folder.path().join("ca.pem");
    for (offered, agreed) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let config = tls_client(&ca, &[offered]);
        for name in ["localhost", "127.0.0.1"] {
            let mut client = Client::connect_tls(gate.address("encrypted"), &config, name).unwrap();
            assert_eq!(client.stream().tls_version(), Some(agreed));
            assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
        }
        let mut client = connect("starttls").start_tls(&config, "localhost");
        assert_eq!(client.stream().tls_version(), Some(agreed));
        assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    }
    // A ClientHello of TLS 1.1 (RFC 4346 §7.4.1.2): version 3.2, no session, one suite, no compression;
    // with signature_algorithms (RFC 5246 §7.4.1.4.1), so that only the version is to blame.
    let signatures = [0, 8, 0, 0x0d, 0, 4, 0, 2, 4, 3];
    let body = [&[0x03, 0x02][..], &[7; 32], &[0, 0, 2, 0, 0x2f, 1, 0], &signatures].concat();
    let handshake = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    let hello = [&[0x16, 0x03, 0x01, 0, handshake.len() as u8][..], &handshake].concat();
    let failed = "TLS handshake with a client failed";
    let before = gate.logged(failed, 0);
    let mut stream = TcpStream::connect(gate.address("encrypted")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(&hello).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    // A fatal alert, protocol_version (RFC 5246 §7.2).
    assert_eq!((answer.first(), answer.last()), (Some(&0x15), Some(&70)), "{answer:02x?}");
    assert!(gate.logged(failed, before + 1) > before);
}

/// RFC 4513 §6.3.1, RFC 4511 §4.1.9: confidentialityRequired for every password in clear, whoever's it is.
#[test]
fn passwords_in_clear_are_refused_where_they_are_not_allowed() {
    let (company, _) = world();
    let mut client = connect("protected");
    let before = company.binds_of("zhang");
    for (name, password) in
        [("CORP\\zhang", "张伟-Pass-1"), ("CORP\\zhang", "wrong"), ("crm", LOCAL_SECRET)]
    {
        let answer = client.bind(name, password);
        assert_eq!((answer.tag, answer.code()), (0x61, 13), "{name}");
        let (_, answer) = client.search("DC=corp,DC=example", WholeSubtree, "(cn=*)", &["1.1"]);
        assert_eq!(answer.code(), 1);
    }
    assert_eq!(company.binds_of("zhang"), before, "no controller was asked");
    assert_eq!(client.bind("", "").code(), 0, "there is no password in an anonymous bind");
    let (root, answer) = client.search("", BaseObject, "(objectClass=*)", &["namingContexts"]);
    assert_eq!((root.len(), answer.code()), (1, 0));

    let mut client = connect("protected").start_tls(&trusting(), "localhost");
    assert_eq!(client.bind("CORP\\zhang", "张伟-Pass-1").code(), 0);
    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
}

/// What `ldapgate certs` makes is what clients can check and nobody else can read.
#[test]
fn certificates_made_by_the_program() {
    let (_, gate) = world();
    let folder = gate.folder.path();
    let mode = |name| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("ca.key"), mode("server.key")), (0o600, 0o600));
    let address = gate.address("encrypted");
    for (name, fits) in [("localhost", true), ("127.0.0.1", true), ("elsewhere.example", false)] {
        let connected = Client::connect_tls(address, &trusting(), name);
        assert_eq!(connected.is_ok(), fits, "{name}: {:?}", connected.err());
    }
    let other = Company::new();
    let ca = other.folder("listeners-other");
    let stranger = tls_client(&ca.path().join("corp.pem"), &[&TLS13]);
    assert!(Client::connect_tls(address, &stranger, "localhost").is_err(), "another authority");
}

/// What cannot work is said before anything is opened: exit code 2, with the key.
#[test]
fn an_encrypted_listener_needs_a_certificate() {
    let company = Company::new();
    let folder = company.folder("listeners-bare");
    let listener = "[[listener]]\nurl = \"ldaps://127.0.0.1:0\"\n";
    let text = format!("{}{APPLICATION}{listener}", company.directory_section());
    let file = folder.write("ldapgate.toml", &text);
    let run = |file| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ldapgate"));
        let output = command.arg("run").arg("--config").arg(file).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, text_of_error) = run(file);
    assert_eq!(code, Some(2), "{text_of_error}");
    assert!(text_of_error.contains("listener[0].certificate"), "{text_of_error}");
    // A certificate that is named and not there is found at the start too.
    let text = text + "certificate = \"none.pem\"\nkey = \"none.key\"\n";
    let (code, text_of_error) = run(folder.write("ldapgate.toml", &text));
    assert!(matches!(code, Some(1 | 2)), "{code:?} {text_of_error}");
    assert!(text_of_error.contains("none.pem"), "{text_of_error}");
}

/// A client from this address of the loopback network.
pub(crate) fn client_from(source: &str, address: SocketAddr) -> Client {
    use socket2::{Domain, Socket, Type};
    let source: IpAddr = source.parse().unwrap();
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    Client::over(socket.into())
}

/// DESIGN §2: an application is chosen by listener, then by client network, and by nothing that the client says.
#[test]
fn applications_by_listener_and_network() {
    let rest = r#"
[[application]]
name = "inside"
listeners = ["one"]
bases = ["OU=People,DC=corp,DC=example"]
[[application]]
name = "outside"
listeners = ["two"]
bases = ["OU=Outside,DC=corp,DC=example"]
[[application]]
name = "near"
listeners = ["three"]
networks = ["127.0.3.0/24"]
bases = ["OU=People,DC=corp,DC=example"]
[[application]]
name = "far"
listeners = ["three"]
networks = ["127.0.4.7"]
bases = ["OU=Outside,DC=corp,DC=example"]
[[listener]]
name = "one"
url = "ldap://127.0.0.1:0"
[[listener]]
name = "two"
url = "ldap://127.0.0.1:0"
[[listener]]
name = "three"
url = "ldap://0.0.0.0:0"
allow_cleartext_bind = true
"#;
    let company = Company::new();
    let gate = company.gate_of("listeners-networks", rest);
    let local = |name: &str| SocketAddr::new([127, 0, 0, 1].into(), gate.address(name).port());
    let mut known = 0;
    for (source, listener, application, alice, ivan) in [
        ("127.0.0.1", "one", "inside", 0, 49),
        ("127.0.4.7", "one", "inside", 0, 49),
        ("127.0.0.1", "two", "outside", 49, 0),
        ("127.0.3.1", "three", "near", 0, 49),
        ("127.0.3.200", "three", "near", 0, 49),
        ("127.0.4.7", "three", "far", 49, 0),
    ] {
        let mut client = client_from(source, local(listener));
        assert_eq!(client.bind(ALICE.0, ALICE.1).code(), alice, "{source} {listener}");
        assert_eq!(client.bind("CORP\\ivan", "Ivan-Pass-1").code(), ivan, "{source} {listener}");
        for _ in 0..2 {
            let bind = gate.bind_after(known);
            known += 1;
            assert_eq!(bind["application"], application);
            assert_eq!(bind["client"], source);
        }
    }
    for source in ["127.0.0.1", "127.0.4.8"] {
        assert!(client_from(source, local("three")).is_closed(), "{source}");
    }
    let line = "no application is configured for this client, closing";
    gate.logged(line, 2);
    let turned_away = gate.events(line);
    let clients: Vec<_> = turned_away.iter().map(|event| event["client"].as_str()).collect();
    assert_eq!(clients, [Some("127.0.0.1"), Some("127.0.4.8")]);
}
