//! What no client should send, against the running program: each fault gets its answer, and afterwards the
//! process lives, has not grown, and serves others.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use ldapgate::ldap::ber::{Writer, tag};
use ldapgate::ldap::control::{Control, oid};
use ldapgate::ldap::filter::Filter;
use ldapgate::ldap::message::{MessageId, operation_tag, write_message};
use ldapgate::ldap::request::SearchScope::{BaseObject, WholeSubtree};
use ldapgate::ldap::request::{write_extended, write_search, write_simple_bind};
use ldapgate::ldap::secret::Password;

use crate::world::client::{Client, search};
use crate::world::company::{ALICE, APPLICATION, Company, LOCAL_SECRET, PLAIN_LISTENER};
use crate::world::gate::Gate;

const BASE: &str = "DC=corp,DC=example";
const LIMIT_BEFORE_BIND: usize = 64 * 1024;
const LIMIT_AFTER_BIND: usize = 4 * 1024 * 1024;

/// One gate for everything that must not leave a trace in it.
fn gate() -> &'static Gate {
    static WORLD: OnceLock<(Company, Gate)> = OnceLock::new();
    let (_, gate) = WORLD.get_or_init(|| {
        let company = Company::new();
        let gate = company.gate("bad-input", "");
        (company, gate)
    });
    gate
}

fn client() -> Client {
    Client::connect(gate().address("plain"))
}

fn service() -> Client {
    let mut client = client();
    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    client
}

/// The gate answers others, and nothing in it has panicked.
fn assert_well(gate: &Gate) {
    let mut other = Client::connect(gate.address("plain"));
    assert_eq!(other.bind("crm", LOCAL_SECRET).code(), 0);
    let (entries, answer) = other.search(BASE, WholeSubtree, "(sAMAccountName=alice)", &["cn"]);
    assert_eq!((entries.len(), answer.code()), (1, 0));
    assert!(!gate.log_text().contains("panicked"), "{}", gate.log_text());
}

fn still_serves(client: &mut Client) {
    let (entries, answer) = client.search("", BaseObject, "(objectClass=*)", &["namingContexts"]);
    assert_eq!((entries.len(), answer.code()), (1, 0));
}

/// Runs something and sees that memory grew by at most so many MiB, at its peak.
fn bounded<R>(gate: &Gate, mebibytes: u64, work: impl FnOnce() -> R) -> R {
    let (before, _) = gate.memory().unwrap();
    let done = work();
    let (after, _) = gate.memory().expect("the process has ended");
    assert!(after - before <= mebibytes * 1024, "grew from {before} to {after} KiB");
    done
}

fn encoded(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    write(&mut writer);
    writer.into_octets()
}

fn bind_octets(id: u32) -> Vec<u8> {
    let (id, secret) = (MessageId::new(id).unwrap(), Password::copy_from(LOCAL_SECRET.as_bytes()));
    encoded(|w| write_simple_bind(w, id, b"crm", &secret, &[]))
}

/// RFC 4511 §5.2: a message that ends early is not acted on, wherever it ends.
#[test]
fn truncated_at_every_length() {
    let bind = bind_octets(1);
    let find = search(BASE, WholeSubtree, "(&(cn=a*b)(!(sn=x)))", &["cn"]);
    let paged = [Control::new(oid::PAGED_RESULTS, true)];
    let find = encoded(|w| write_search(w, MessageId::new(1).unwrap(), &find, &paged));
    for message in [&bind, &find] {
        for end in 0..message.len() {
            let mut client = client();
            client.send_octets(&message[..end]);
            client.stream().tcp().shutdown(Shutdown::Write).unwrap();
            assert!(client.is_closed(), "{end} octets were answered");
        }
        let mut client = client();
        client.send_octets(message);
        assert!(client.receive().is_some(), "the whole message is answered");
    }
    assert_well(gate());
}

/// An extended request of exactly so many octets.
fn message_of(length: usize) -> Vec<u8> {
    let id = MessageId::new(7).unwrap();
    let of = |value: usize| encoded(|w| write_extended(w, id, "1.2.3.4", Some(&vec![b'x'; value])));
    (length.saturating_sub(40)..length).map(of).find(|message| message.len() == length).unwrap()
}

/// Issue: 64 KiB before a bind, 4 MiB after one, decided at the header.
#[test]
fn oversized_messages() {
    for (bound, limit) in [(false, LIMIT_BEFORE_BIND), (true, LIMIT_AFTER_BIND)] {
        let connect = || if bound { service() } else { client() };
        let mut fits = connect();
        fits.send_octets(&message_of(limit));
        let answer = fits.answer(MessageId::new(7).unwrap());
        assert_eq!((answer.tag, answer.code()), (0x78, 2));
        still_serves(&mut fits);

        let mut header_alone = connect();
        header_alone.send_octets(&message_of(limit + 1)[..8]);
        let notice = header_alone.disconnection();
        assert_eq!(notice.code(), 2);
        assert!(notice.text().contains(&limit.to_string()), "{}", notice.text());
    }
    // Far more than it takes: the notice comes through all the same.
    let mut flood = client();
    let _ = flood.stream().write_all(&message_of(200 * 1024));
    assert_eq!(flood.disconnection().code(), 2);
    assert_well(gate());
}

/// What a claimed length promises is not set aside, and what was large is given back.
#[test]
fn large_messages_do_not_stay_in_memory() {
    let company = Company::new();
    let gate = company.gate("bad-memory", "");
    let connect = || {
        let mut client = Client::connect(gate.address("plain"));
        assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
        client
    };
    let mut clients: Vec<Client> = (0..40).map(|_| connect()).collect();
    bounded(&gate, 8, || {
        for client in &mut clients {
            client.send_octets(&[0x30, 0x84, 0x00, 0x3f, 0xff, 0xf0]);
        }
        still_serves(&mut connect());
    });
    clients = (0..40).map(|_| connect()).collect();
    let (_, before) = gate.memory().unwrap();
    let large = message_of(LIMIT_AFTER_BIND);
    for client in &mut clients {
        client.send_octets(&large);
        assert_eq!(client.answer(MessageId::new(7).unwrap()).code(), 2);
        still_serves(client);
    }
    let (_, after) = gate.memory().unwrap();
    assert!(
        after.saturating_sub(before) < 64 * 1024,
        "{} idle connections hold {} KiB",
        clients.len(),
        after - before
    );
    assert_well(&gate);
}

/// RFC 4511 §4.1.1: what cannot be taken apart ends the session with a notice of disconnection that says
/// protocolError. §5.1: only definite lengths. §4.1.1.1: message ids.
#[test]
fn broken_envelopes() {
    let operation = [0x42, 0x00];
    let with_id = |id: &[u8]| [&[0x30, (id.len() + 2) as u8][..], id, &operation].concat();
    let with_operation = |operation: &[u8]| {
        [&[0x30, (operation.len() + 3) as u8, 0x02, 0x01, 0x01][..], operation].concat()
    };
    for (what, octets) in [
        ("indefinite length", vec![0x30, 0x80, 0x02, 0x01, 0x01, 0x42, 0x00, 0x00, 0x00]),
        ("five length octets", vec![0x30, 0x85, 0x00, 0x00, 0x00, 0x00, 0x05]),
        ("largest length", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
        ("reserved length", vec![0x30, 0xff]),
        ("empty message", vec![0x30, 0x00]),
        ("no operation", vec![0x30, 0x03, 0x02, 0x01, 0x01]),
        ("id 0", with_id(&[0x02, 0x01, 0x00])),
        ("negative id", with_id(&[0x02, 0x01, 0xff])),
        ("id 2^31", with_id(&[0x02, 0x05, 0x00, 0x80, 0x00, 0x00, 0x00])),
        ("id of nine octets", with_id(&[0x02, 0x09, 0, 0, 0, 0, 0, 0, 0, 0, 1])),
        ("empty id", with_id(&[0x02, 0x00])),
        ("id of another type", with_id(&[0x04, 0x01, 0x01])),
        ("a response", with_operation(&[0x61, 0x00])),
        ("an intermediate response", with_operation(&[0x79, 0x00])),
        ("an unassigned operation", with_operation(&[0x7e, 0x00])),
        ("a universal type", with_operation(&[0x04, 0x00])),
        ("a multi-octet tag", with_operation(&[0x7f, 0x20, 0x00])),
        ("an operation longer than its message", with_operation(&[0x63, 0x20, 0x00])),
        ("octets behind the controls", with_operation(&[0x42, 0x00, 0xa0, 0x00, 0x04, 0x00])),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: ldap\r\n\r\n".to_vec()),
        ("a TLS handshake", vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03]),
        ("the PROXY protocol", b"PROXY TCP4 192.0.2.1 192.0.2.2 5 389\r\n".to_vec()),
        ("noise", vec![0xde, 0xad, 0xbe, 0xef]),
        ("zeroes", vec![0; 512]),
    ] {
        for bound in [false, true] {
            let mut client = if bound { service() } else { client() };
            client.send_octets(&octets);
            let notice = client.disconnection();
            assert_eq!(notice.code(), 2, "{what}");
            assert!(!notice.text().is_empty(), "{what}");
        }
    }
    let log = gate().log_text();
    assert!(log.contains("is the client using ldaps on an ldap port?"));
    assert!(log.contains("is an HTTP or PROXY-protocol client connecting here?"));
    assert_well(gate());
}

/// RFC 4511 §4.1.1: a message id that can be read and an operation that is known get protocolError in the
/// operation's own response, and the session goes on.
#[test]
fn garbage_in_every_request() {
    let mut client = service();
    let noise: Vec<u8> = (0..200_u8).map(|n| n.wrapping_mul(151).wrapping_add(91)).collect();
    for (request, response) in [
        (0x60, 0x61),
        (0x63, 0x65),
        (0x66, 0x67),
        (0x68, 0x69),
        (0x4a, 0x6b),
        (0x6c, 0x6d),
        (0x6e, 0x6f),
        (0x77, 0x78),
    ] {
        for content in [
            &b""[..],
            b"\xff\xff\xff\xff",
            b"\x04\x05a",
            b"\x04\x80",
            b"\x04\x85\0\0\0\0\x01",
            b"\x02\x01\x03\xff",
            b"\x04\x02\xc3\x28",
            &noise,
        ] {
            // The content of a deletion is the name itself, and these are names.
            if request == 0x4a && std::str::from_utf8(content).is_ok() {
                continue;
            }
            let id = client.send_operation(request, content, &[]);
            let answer = client.answer(id);
            assert_eq!((answer.tag, answer.code()), (response, 2), "{request:02x} {content:?}");
        }
        // A failed bind leaves the session anonymous and open, a malformed one too (§4.2.1).
        let (_, answer) = client.search(BASE, WholeSubtree, "(cn=*)", &["1.1"]);
        assert_eq!(answer.code(), u32::from(request == 0x60), "{request:02x}");
        assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    }
    // These have no answer. An abandon is passed over, an unbind ends the session whatever it holds.
    for content in [&b""[..], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x80", &noise] {
        client.send_operation(0x50, content, &[]);
    }
    still_serves(&mut client);
    client.send_operation(0x42, &noise, &[]);
    assert!(client.is_closed());
    assert_well(gate());
}

/// A filter of `depth` NOTs around a presence test.
fn nested_filter(depth: usize) -> Vec<u8> {
    let innermost = encoded(|w| w.element(0x87, b"cn"));
    let mut length = innermost.len();
    let headers: Vec<Vec<u8>> = (0..depth)
        .map(|_| {
            let header = match length {
                0..=0x7f => vec![0xa2, length as u8],
                0x80..=0xff => vec![0xa2, 0x81, length as u8],
                0x100..=0xffff => [&[0xa2, 0x82][..], &(length as u16).to_be_bytes()].concat(),
                _ => [&[0xa2, 0x84][..], &(length as u32).to_be_bytes()].concat(),
            };
            length += header.len();
            header
        })
        .collect();
    let mut octets: Vec<u8> = headers.into_iter().rev().flatten().collect();
    octets.extend(innermost);
    octets
}

fn search_content(filter: &[u8], attributes: &[u8]) -> Vec<u8> {
    encoded(|w| {
        w.octet_string(BASE.as_bytes());
        w.enumerated(2);
        w.enumerated(0);
        w.integer(0);
        w.integer(0);
        w.boolean(false);
        w.raw(filter);
        w.element(tag::SEQUENCE, attributes);
    })
}

/// The stack must not depend on what a client sends.
#[test]
fn a_filter_100_000_deep() {
    let mut client = service();
    for (depth, code) in [(50, 0), (101, 2), (10_000, 2), (100_000, 2)] {
        let content = search_content(&nested_filter(depth), &[]);
        let begun = Instant::now();
        let id = client.send_operation(operation_tag::SEARCH_REQUEST, &content, &[]);
        let answer = loop {
            let response = client.receive().unwrap();
            assert_eq!(response.id, id);
            if let ldapgate::ldap::response::ResponseOperation::Done { tag, result, .. } =
                response.operation
            {
                break (tag, result.code.0);
            }
        };
        assert_eq!(answer, (0x65, code), "{depth}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{depth}: {:?}", begun.elapsed());
    }
    assert_well(gate());
}

/// Bitrix24 and others ask for hundreds of names at once.
#[test]
fn hundreds_of_alternatives() {
    let mut client = service();
    let names: String = (0..800).map(|n| format!("(sAMAccountName=user{n:04})")).collect();
    let filter = format!("(&(objectClass=user)(|{names}(sAMAccountName=ALICE)))");
    let (entries, answer) = client.search(BASE, WholeSubtree, &filter, &["sAMAccountName"]);
    assert_eq!((entries.len(), answer.code()), (1, 0));
    assert_eq!(entries[0].text("sAMAccountName"), Some("alice"));
}

/// Names, passwords and filter values are octets; texts are UTF-8 (RFC 4511 §4.1.2).
#[test]
fn octets_that_are_not_utf_8() {
    let mut client = service();
    let latin1 = b"M\xfcller";
    for (name, password) in [
        (&latin1[..], &b"x"[..]),
        (b"\xff\xfe\xfd", b"x"),
        (b"CORP\\\xc3\x28", b"x"),
        (b"CN=\xff,DC=corp,DC=example", b"x"),
        (b"crm", b"\xff\xfe"),
        (b"nobody", b"\x80"),
    ] {
        let answer = client.bind(name, password);
        assert_eq!((answer.tag, answer.code()), (0x61, 49), "{name:?}");
    }
    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    for filter in ["(cn=\\ff\\fe)", "(cn=*\\c3\\28*)", "(cn>=\\80)", "(objectGUID=\\ff)"] {
        let (entries, answer) = client.search(BASE, WholeSubtree, filter, &["cn"]);
        assert_eq!((entries.len(), answer.code()), (0, 0), "{filter}");
    }
    let present = Filter::parse("(cn=*)").unwrap();
    let content = encoded(|w| {
        w.octet_string(b"DC=\xff");
        w.enumerated(2);
        w.enumerated(0);
        w.integer(0);
        w.integer(0);
        w.boolean(false);
        present.write(w);
        w.element(tag::SEQUENCE, &[]);
    });
    let bad_attribute = encoded(|w| w.octet_string(b"c\xffn"));
    let bad_attribute = search_content(&encoded(|w| present.write(w)), &bad_attribute);
    for content in [content, bad_attribute] {
        let id = client.send_operation(operation_tag::SEARCH_REQUEST, &content, &[]);
        let answer = client.answer(id);
        assert_eq!((answer.tag, answer.code()), (0x65, 2));
    }
    let log = gate().log_text();
    assert!(!log.contains(LOCAL_SECRET));
    assert_well(gate());
}

/// RFC 4511 §4.1.11 and RFC 2696: a control that cannot be read is a protocolError of its operation.
#[test]
fn malformed_controls() {
    let mut client = service();
    let content = search_content(&encoded(|w| w.element(0x87, b"cn")), &[]);
    let paged = |value: Option<&[u8]>| {
        encoded(|w| {
            let value = value.map(<[u8]>::to_vec);
            Control { oid: oid::PAGED_RESULTS.to_owned(), criticality: true, value }.write(w);
        })
    };
    let many = encoded(|w| {
        (0..33).for_each(|_| Control::new("1.2.3", false).write(w));
    });
    for (what, controls) in [
        ("no value", paged(None)),
        ("an empty value", paged(Some(b""))),
        ("no sequence", paged(Some(b"\x04\x00"))),
        ("no cookie", paged(Some(b"\x30\x03\x02\x01\x05"))),
        ("a negative size", paged(Some(b"\x30\x05\x02\x01\xff\x04\x00"))),
        ("a huge size", paged(Some(b"\x30\x09\x02\x05\x7f\xff\xff\xff\xff\x04\x00"))),
        ("cut short", paged(Some(b"\x30\x7f\x02\x01\x05\x04\x00"))),
        ("more behind it", paged(Some(b"\x30\x07\x02\x01\x05\x04\x00\x04\x00"))),
        ("a control that is no sequence", vec![0x04, 0x03, b'1', b'.', b'2']),
        ("an empty control", vec![0x30, 0x00]),
        ("an identifier that is no text", vec![0x30, 0x04, 0x04, 0x02, 0xff, 0xfe]),
        ("a criticality of two octets", vec![0x30, 0x07, 4, 1, b'1', 1, 2, 0xff, 0xff]),
        ("too many", many),
    ] {
        let id = client.send_operation(operation_tag::SEARCH_REQUEST, &content, &controls);
        let answer = client.answer(id);
        assert_eq!((answer.tag, answer.code()), (0x65, 2), "{what}");
    }
    let id = client.send_operation(operation_tag::SEARCH_REQUEST, &content, &paged(Some(b"")));
    assert!(client.answer(id).text().contains("paged results"));
    still_serves(&mut client);
    assert_well(gate());
}

/// The smallest elements, as many as fit: what is built from them must stay in proportion.
#[test]
fn floods_of_empty_elements() {
    let company = Company::new();
    let gate = company.gate("bad-flood", "");
    let mut client = Client::connect(gate.address("plain"));
    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    let flood = |element: &[u8]| element.repeat((LIMIT_AFTER_BIND - 1024) / element.len());
    let set = |tag: u8, content: &[u8]| encoded(|w| w.element(tag, content));
    let present = set(0x87, b"cn");
    bounded(&gate, 48, || {
        for _ in 0..5 {
            for (what, content, controls) in [
                ("attributes", search_content(&present, &flood(&[0x04, 0x00])), vec![]),
                ("AND of ANDs", search_content(&set(0xa0, &flood(&[0xa0, 0])), &[]), vec![]),
                ("OR of names", search_content(&set(0xa1, &flood(&[0x87, 0])), &[]), vec![]),
                ("noise for a filter", search_content(&flood(&[0x05, 0x00]), &[]), vec![]),
                ("controls", search_content(&present, &[]), flood(&[0x30, 0x02, 0x04, 0x00])),
            ] {
                let begun = Instant::now();
                let id = client.send_operation(operation_tag::SEARCH_REQUEST, &content, &controls);
                let answer = client.answer(id);
                assert_eq!((answer.tag, answer.code()), (0x65, 2), "{what}");
                assert!(begun.elapsed() < Duration::from_secs(2), "{what}: {:?}", begun.elapsed());
            }
        }
    });
    assert_well(&gate);
}

/// Messages with octets changed at random, thousands of them, always the same ones.
#[test]
fn mutations() {
    let gate = gate();
    let find = search(BASE, WholeSubtree, "(&(cn=a*b)(!(sn=x))(ou:dn:2.5.13.2:=x))", &["cn"]);
    let paged = [Control::new(oid::PAGED_RESULTS, true)];
    let find = encoded(|w| write_search(w, MessageId::new(3).unwrap(), &find, &paged));
    let compare = encoded(|w| {
        let id = MessageId::new(4).unwrap();
        let operation = |w: &mut Writer| {
            w.constructed(operation_tag::COMPARE_REQUEST, |w| {
                w.octet_string(b"CN=Alice Example,OU=Sales,OU=People,DC=corp,DC=example");
                w.constructed(tag::SEQUENCE, |w| {
                    w.octet_string(b"cn");
                    w.octet_string(b"Alice");
                });
            });
        };
        write_message(w, id, operation, &[]);
    });
    let session = [bind_octets(2), find, compare, message_of(60)].concat();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    for _ in 0..1500 {
        let mut octets = session.clone();
        for _ in 0..=next(4) {
            let place = next(octets.len());
            match next(3) {
                0 => octets[place] = next(256) as u8,
                1 => octets.truncate(place),
                _ => octets.insert(place, next(256) as u8),
            }
            if octets.is_empty() {
                break;
            }
        }
        let mut client = client();
        client.send_octets(&octets);
        client.stream().tcp().shutdown(Shutdown::Write).unwrap();
        while client.receive_octets().is_some() {}
    }
    assert_well(gate);
}

/// What a client does with its connection.
type Talk = fn(&mut Client);

/// The pre-bind deadline counts from accepting, whatever is said until then.
#[test]
fn half_open_and_drip_feeding_clients() {
    let company = Company::new();
    let gate = company.gate("bad-slow", "[listener.limits]\npre_bind_timeout = \"1s\"\n");
    let address = gate.address("plain");
    let lasted = |talk: Talk| {
        let mut client = Client::connect(address);
        let begun = Instant::now();
        talk(&mut client);
        let notice = client.disconnection();
        assert_eq!(notice.code(), 52);
        begun.elapsed()
    };
    let talks: [(&str, Talk); 4] = [
        ("silence", |_| ()),
        ("half a message", |client| client.send_octets(&bind_octets(1)[..20])),
        ("one octet after another", |client| drip(client, &message_of(60_000))),
        ("requests without a bind", |client| {
            for _ in 0..3 {
                still_serves(client);
                assert_eq!(client.bind("crm", "wrong").code(), 49);
                thread::sleep(Duration::from_millis(200));
            }
        }),
    ];
    thread::scope(|scope| {
        for (what, talk) in talks {
            let lasted = &lasted;
            scope.spawn(move || {
                let lasted = lasted(talk);
                assert!(
                    (Duration::from_millis(900)..Duration::from_secs(4)).contains(&lasted),
                    "{what}: {lasted:?}"
                );
            });
        }
        scope.spawn(|| never_silent(address));
    });
    // After a successful bind it no longer counts.
    let mut bound = Client::connect(address);
    assert_eq!(bound.bind("crm", LOCAL_SECRET).code(), 0);
    thread::sleep(Duration::from_millis(1500));
    still_serves(&mut bound);
    assert_well(&gate);
}

/// Always has the next request on the way, so that there is always something to read.
fn never_silent(address: SocketAddr) {
    let root = search("", BaseObject, "(objectClass=*)", &["1.1"]);
    let request = encoded(|w| write_search(w, MessageId::new(1).unwrap(), &root, &[]));
    let many = request.repeat(50);
    let mut reader = TcpStream::connect(address).unwrap();
    let mut writer = reader.try_clone().unwrap();
    let begun = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut octets = [0; 65536];
            while matches!(reader.read(&mut octets), Ok(1..)) {}
        });
        while writer.write_all(&many).is_ok() {
            if begun.elapsed() > Duration::from_secs(5) {
                let _ = writer.shutdown(Shutdown::Both);
                panic!("it may go on for ever");
            }
        }
    });
}

fn drip(client: &mut Client, octets: &[u8]) {
    client.stream().tcp().set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    for octet in octets {
        if client.stream().write_all(&[*octet]).is_err() {
            break;
        }
        match client.stream().tcp().peek(&mut [0]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            _ => break,
        }
    }
    client.stream().tcp().set_read_timeout(Some(Duration::from_secs(5))).unwrap();
}

/// A client that asks and asks and reads nothing holds up itself alone.
#[test]
fn a_client_that_never_reads() {
    let company = Company::new();
    let gate = company.gate("bad-reader", "[listener.limits]\nwrite_timeout = \"1s\"\n");
    let address = gate.address("plain");
    let mut silent = Client::connect(address);
    assert_eq!(silent.bind("crm", LOCAL_SECRET).code(), 0);
    let everything = search(BASE, WholeSubtree, "(objectClass=*)", &[]);
    let request = encoded(|w| write_search(w, MessageId::new(9).unwrap(), &everything, &[]));
    bounded(&gate, 32, || {
        silent.stream().tcp().set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        let many = request.repeat(100);
        let begun = Instant::now();
        let mut sent = 0;
        while begun.elapsed() < Duration::from_secs(20) && silent.stream().write_all(&many).is_ok()
        {
            sent += 100;
        }
        assert!(sent >= 100, "{sent}");
        let begun = Instant::now();
        assert_well(&gate);
        assert!(begun.elapsed() < Duration::from_millis(900), "others wait: {:?}", begun.elapsed());
        let begun = Instant::now();
        while !gate.log_text().contains("the client does not take its answers") {
            assert!(begun.elapsed() < Duration::from_secs(10), "the session does not end");
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(gate.status()["sessions_open"], 0);
    assert_well(&gate);
}

/// DESIGN §4: a bind in flight is read to its end and accounted for even if the client leaves.
#[test]
fn clients_that_leave_in_the_middle_of_a_bind() {
    const CLIENTS: usize = 8;
    let company = Company::new();
    let mut gate = company.gate("bad-leaver", "");
    company.quirks(|quirks| quirks.answer_delay = Duration::from_millis(300));
    let (id, password) = (MessageId::new(1).unwrap(), Password::copy_from(ALICE.1.as_bytes()));
    let bind = encoded(|w| write_simple_bind(w, id, ALICE.0.as_bytes(), &password, &[]));
    for number in 0..CLIENTS {
        let mut client = Client::connect(gate.address("plain"));
        client.send_octets(&bind);
        if number % 2 == 0 {
            // A hard end, as of a process that was killed.
            let linger = Some(Duration::ZERO);
            socket2::SockRef::from(client.stream().tcp()).set_linger(linger).unwrap();
        }
    }
    gate.wait_for("the ends of the binds", |gate| gate.binds().len() == CLIENTS);
    for bind in gate.binds() {
        assert_eq!(bind["outcome"], "accepted", "{bind}");
    }
    assert_eq!(company.binds_of("alice"), CLIENTS);
    company.quirks(|quirks| quirks.answer_delay = Duration::ZERO);
    assert_eq!(Client::connect(gate.address("plain")).bind(ALICE.0, ALICE.1).code(), 0);
    assert_well(&gate);
}

/// More clients than places: the extra ones are told that the server is busy, and places come back.
#[test]
fn too_many_connections() {
    const PLACES: usize = 50;
    let company = Company::new();
    let mut gate = company.gate("bad-many", &format!("max_connections = {PLACES}\n"));
    let address = gate.address("plain");
    let clients: Vec<Client> = (0..200).map(|_| Client::connect(address)).collect();
    let turned_away = |gate: &Gate| gate.events("too many connections, closing").len();
    gate.wait_for("150 to be turned away", |gate| turned_away(gate) >= 150);
    let mut served = Vec::new();
    for (number, mut client) in clients.into_iter().enumerate() {
        if number < PLACES {
            still_serves(&mut client);
            served.push(client);
        } else {
            assert_eq!(client.disconnection().code(), 51);
        }
    }
    assert_eq!(turned_away(&gate), 150);
    drop(served);
    gate.wait_for("free places", |gate| gate.status()["sessions_open"] == 0);
    assert_well(&gate);
}

/// A client that says nothing, or nonsense, where a TLS handshake belongs.
#[test]
fn handshakes_that_never_come() {
    let company = Company::new();
    let folder = company.folder("bad-tls");
    folder.make_certificates();
    let listeners = r#"
[[listener]]
name = "encrypted"
url = "ldaps://127.0.0.1:0"
certificate = "server.pem"
key = "server.key"
[listener.limits]
tls_handshake_timeout = "1s"
"#;
    let rest = format!("{APPLICATION}{PLAIN_LISTENER}{listeners}");
    let configuration = format!("{}{rest}", company.directory_section());
    let mut gate = Gate::start_in(folder, &configuration).synced(1);
    let address = gate.address("encrypted");
    let mut silent = Client::connect(address);
    let begun = Instant::now();
    assert!(silent.is_closed());
    let lasted = begun.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_secs(4)).contains(&lasted), "{lasted:?}");
    for octets in [&bind_octets(1)[..], b"GET / HTTP/1.1\r\n\r\n", &[0x16, 0x03, 0x01, 0xff, 0xff]]
    {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(octets).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(!rest.windows(4).any(|window| window == b"1466"), "no LDAP before TLS");
    }
    let failed = "TLS handshake with a client failed (does it trust our authority, and is it using \
                  the right port?)";
    gate.wait_for("a line for each", |gate| gate.events(failed).len() == 4);
    assert!(gate.binds().is_empty());
    assert_well(&gate);
}

/// Out of file descriptors: nothing is accepted for a while, and nothing ends.
#[test]
fn accepting_goes_on_after_an_error() {
    let company = Company::new();
    let mut gate = company.gate("descriptors", "");
    let open = std::fs::read_dir(format!("/proc/{}/fd", gate.pid())).unwrap().count();
    let limit = format!("--nofile={0}:{0}", open + 20);
    let pid = gate.pid().to_string();
    let limited = std::process::Command::new("prlimit").args(["--pid", &pid, &limit]).status();
    assert!(limited.unwrap().success());
    let address = gate.address("plain");
    let clients: Vec<_> = (0..60).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
    gate.wait_for("an accept error", |gate| !gate.events("accept failed").is_empty());
    drop(clients);
    let begun = Instant::now();
    while Client::connect(address).bind(ALICE.0, ALICE.1).code() != 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "{}", gate.log_text());
        std::thread::sleep(Duration::from_millis(100));
    }
}
