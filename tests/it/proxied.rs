//! Load balancers that say in a PROXY header for whom they connect: the client's own address chooses the
//! application and is in the log, and nobody but a trusted peer may say one.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ldapgate::ldap::ber::Writer;
use ldapgate::ldap::message::MessageId;
use ldapgate::ldap::request::write_simple_bind;
use ldapgate::ldap::secret::Password;
use rustls::version::TLS13;
use serde_json::Value;

use crate::listeners::client_from;
use crate::world::client::Client;
use crate::world::company::{ALICE, Company};
use crate::world::gate::Gate;
use crate::world::stream::tls_client;

/// Load balancers connect from 127.0.5.0/24.
const REST: &str = r#"
[[application]]
name = "near"
networks = ["192.0.2.0/24", "127.0.6.0/24"]
bases = ["OU=People,DC=corp,DC=example"]
[[application]]
name = "far"
networks = ["2001:db8::/32"]
bases = ["OU=Outside,DC=corp,DC=example"]
[[application]]
name = "balancer"
networks = ["127.0.5.0/24"]
bases = ["OU=Outside,DC=corp,DC=example"]
[[listener]]
name = "plain"
url = "ldap://127.0.0.1:0"
proxy_protocol = ["127.0.5.0/24"]
allow_cleartext_bind = true
limits.pre_bind_timeout = "1s"
[[listener]]
name = "encrypted"
url = "ldaps://127.0.0.1:0"
certificate = "server.pem"
key = "server.key"
proxy_protocol = ["127.0.5.9"]
"#;

const NEVER_SAID: &str = "a trusted proxy has not said for whom it connects, closing";

const NO_HEADER: &str = "a trusted peer sends no PROXY header, closing: let it send one, or take it out of \
                         proxy_protocol of this listener";
const UNASKED: &str = "a peer that is not trusted sends a PROXY header, closing: if it is a load balancer, name it \
                       in proxy_protocol of this listener";

fn gate(company: &Company, name: &str) -> Gate {
    let folder = company.folder(name);
    folder.make_certificates();
    Gate::start_in(folder, &format!("{}{REST}", company.directory_section())).synced(1)
}

/// A header of version 2 for a TCP client (family 0x11 or 0x21), or of the balancer itself.
fn binary(command: u8, family: u8, source: &[u8], extensions: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    let block = [source, source, &[0; 4][..], extensions].concat();
    header.extend([command, family]);
    header.extend(u16::try_from(block.len()).unwrap().to_be_bytes());
    header.extend(block);
    header
}

#[test]
fn the_client_behind_a_trusted_peer_chooses_the_application() {
    let company = Company::new();
    let gate = gate(&company, "proxied");
    let address = gate.address("plain");
    let six = "2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets();
    let unused = [0x04, 0, 3, b'x', b'y', b'z'];
    for (known, (peer, header, application, client)) in [
        ("127.0.5.1", b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 389\r\n".to_vec(), "near", "192.0.2.7"),
        ("127.0.5.2", b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n".to_vec(), "far", "2001:db8::7"),
        ("127.0.5.1", b"PROXY UNKNOWN\r\n".to_vec(), "balancer", "127.0.5.1"),
        ("127.0.5.1", binary(0x21, 0x11, &[192, 0, 2, 7], &[]), "near", "192.0.2.7"),
        ("127.0.5.1", binary(0x21, 0x21, &six, &unused), "far", "2001:db8::7"),
        ("127.0.5.1", binary(0x20, 0, &[], &[]), "balancer", "127.0.5.1"),
        ("127.0.5.1", binary(0x21, 0x31, &[0; 106], &[]), "balancer", "127.0.5.1"),
        // Nobody has to say who it is but the trusted.
        ("127.0.6.3", Vec::new(), "near", "127.0.6.3"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut connection = client_from(peer, address);
        connection.send_octets(&header);
        let code = connection.bind(ALICE.0, ALICE.1).code();
        assert_eq!(code, if application == "near" { 0 } else { 49 }, "{header:02x?}");
        let bind = gate.bind_after(known);
        assert_eq!((&bind["application"], &bind["client"]), (&application.into(), &client.into()));
    }
}

#[test]
fn a_header_is_needed_from_the_trusted_and_closes_for_others() {
    let company = Company::new();
    let gate = gate(&company, "proxied-closed");
    let address = gate.address("plain");
    let good = b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 389\r\n".to_vec();
    let malformed = b"PROXY TCP4 192.0.2.777 10.0.0.1 5000 389\r\n".to_vec();
    let cut = binary(0x21, 0x11, &[192, 0, 2, 7], &[])[..20].to_vec();
    let mut login = Writer::new();
    let (id, secret) = (MessageId::new(1).unwrap(), Password::copy_from(ALICE.1.as_bytes()));
    write_simple_bind(&mut login, id, ALICE.0.as_bytes(), &secret, &[]);
    let login = login.into_octets();
    // An anonymous bind, whole; and a client for whom there is no application.
    let ldap = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00".to_vec();
    let stranger = b"PROXY TCP4 203.0.113.1 10.0.0.1 5000 389\r\n".to_vec();
    for (peer, octets) in [
        ("127.0.5.1", malformed),
        ("127.0.5.1", ldap),
        ("127.0.5.1", Vec::new()),
        ("127.0.5.1", cut),
        ("127.0.5.1", stranger),
        ("127.0.5.1", [good.clone(), good.clone()].concat()),
        ("127.0.6.3", [good, login.clone()].concat()),
        ("127.0.6.3", [binary(0x21, 0x11, &[192, 0, 2, 7], &[]), login].concat()),
    ] {
        let begun = Instant::now();
        let mut client = client_from(peer, address);
        client.send_octets(&octets);
        // A notice of disconnection may come first.
        let _ = client.stream().read_to_end(&mut Vec::new());
        assert!(begun.elapsed() < Duration::from_secs(3), "{peer} {octets:02x?}");
    }
    assert_eq!(gate.logged(NEVER_SAID, 3), 3, "{}", gate.log_text());
    assert_eq!(gate.logged(UNASKED, 1), 1, "{}", gate.log_text());
    let told = |message: &str| -> Vec<[String; 3]> {
        let field = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
        let events = gate.events(message).into_iter();
        events.map(|event| ["listener", "peer", "key"].map(|name| field(&event, name))).collect()
    };
    let line = |peer: &str| ["plain", peer, "proxy_protocol"].map(str::to_owned);
    assert_eq!(told(NO_HEADER), [line("127.0.5.1")]);
    // Of two within a second only the first is told of.
    assert_eq!(told(UNASKED), [line("127.0.6.3")]);
    assert_eq!(gate.binds().len(), 0);
}

/// The header stands in clear before the handshake.
#[test]
fn a_header_comes_before_tls() {
    let company = Company::new();
    let gate = gate(&company, "proxied-tls");
    let tls = tls_client(&gate.folder.path().join("ca.pem"), &[&TLS13]);
    let connect = |peer: &str, header: &[u8]| {
        let mut client = client_from(peer, gate.address("encrypted"));
        client.send_octets(header);
        client.with_tls(&tls, "localhost")
    };
    let header = b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 636\r\n";
    let mut client = connect("127.0.5.9", header).unwrap();
    assert_eq!(client.bind(ALICE.0, ALICE.1).code(), 0);
    assert_eq!(gate.bind_after(0)["client"], "192.0.2.7");
    assert!(connect("127.0.5.9", b"").is_err());
    assert!(connect("127.0.6.1", header).is_err());
    assert_eq!(gate.logged(UNASKED, 1), 1, "{}", gate.log_text());
    assert!(connect("127.0.6.1", b"").is_ok());
}

/// HAProxy in the foreground, ended with the test.
struct Haproxy(Child);

impl Haproxy {
    fn start(gate: &Gate, backend: SocketAddr, ports: [u16; 2]) -> Self {
        let [one, two] = ports;
        let check = "check check-send-proxy inter 100ms";
        let text = format!(
            "defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 10s\n  timeout server 10s\n\
             listen one\n  bind 127.0.0.1:{one}\n  \
               server gate {backend} source 127.0.5.1 send-proxy {check}\n\
             listen two\n  bind 127.0.0.1:{two}\n  \
               server gate {backend} source 127.0.5.2 send-proxy-v2 proxy-v2-options crc32c {check}\n"
        );
        let file = gate.folder.write("haproxy.cfg", &text);
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Both versions as a real load balancer writes them, its health checks included.
#[test]
#[ignore = "needs haproxy"]
fn through_haproxy() {
    let company = Company::new();
    let gate = gate(&company, "haproxy");
    let ports = [free_port(), free_port()];
    let _haproxy = Haproxy::start(&gate, gate.address("plain"), ports);
    for (number, port) in ports.into_iter().enumerate() {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let begun = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "haproxy does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut client: Client = client_from("127.0.6.7", address);
        assert_eq!(client.bind(ALICE.0, ALICE.1).code(), 0);
        let bind = gate.bind_after(number);
        assert_eq!((&bind["application"], &bind["client"]), (&"near".into(), &"127.0.6.7".into()));
    }
    // Time for some health checks.
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(gate.logged(NEVER_SAID, 0), 0, "{}", gate.log_text());
}
