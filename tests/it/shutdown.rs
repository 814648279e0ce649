//! The end: nobody is cut off in the middle, everybody is told, and it does not take for ever.

use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ldapgate::ldap::ber::Writer;
use ldapgate::ldap::message::MessageId;
use ldapgate::ldap::request::SearchScope::WholeSubtree;
use ldapgate::ldap::request::{write_search, write_simple_bind};
use ldapgate::ldap::secret::Password;
use rustls::version::{TLS12, TLS13};

use crate::world::client::{Client, search};
use crate::world::company::{ALICE, APPLICATION, Company, LOCAL_SECRET, PLAIN_LISTENER};
use crate::world::gate::Gate;
use crate::world::stream::tls_client;

const ENCRYPTED: &str = r#"
[[listener]]
name = "encrypted"
url = "ldaps://127.0.0.1:0"
certificate = "server.pem"
key = "server.key"
"#;

fn start(company: &Company, name: &str, before: &str, rest: &str) -> Gate {
    let folder = company.folder(name);
    folder.make_certificates();
    let directory = company.directory_section();
    let text = format!("{before}{directory}{rest}{APPLICATION}{PLAIN_LISTENER}{ENCRYPTED}");
    Gate::start_in(folder, &text).synced(1)
}

/// A bind of somebody's for a controller to judge, not yet answered.
fn begin_bind(gate: &Gate) -> (Client, MessageId) {
    let mut client = Client::connect(gate.address("plain"));
    let id = client.next_id();
    let password = Password::copy_from(ALICE.1.as_bytes());
    let mut writer = Writer::new();
    write_simple_bind(&mut writer, id, ALICE.0.as_bytes(), &password, &[]);
    client.send_octets(writer.octets());
    (client, id)
}

/// Issue 2, part 14: no new connections, what is in flight is finished, a notice of disconnection (RFC 4511
/// §4.4.1) for everybody, exit code 0; the control socket tells the whole story and is gone afterwards.
#[test]
fn an_orderly_end() {
    let company = Company::new();
    let timeouts = "[directory.timeouts]\nattempt = \"3s\"\ntotal = \"4s\"\n";
    let mut gate = start(&company, "end", "", timeouts);
    let ca = gate.folder.path().join("ca.pem");
    let mut idle = Client::connect(gate.address("plain"));
    assert_eq!(idle.bind("crm", LOCAL_SECRET).code(), 0);
    let mut anonymous = Client::connect(gate.address("plain"));
    assert_eq!(anonymous.bind("", "").code(), 0);
    let config = tls_client(&ca, &[&TLS12, &TLS13]);
    let mut encrypted =
        Client::connect_tls(gate.address("encrypted"), &config, "localhost").unwrap();
    assert_eq!(encrypted.bind("crm", LOCAL_SECRET).code(), 0);
    assert_eq!(gate.status()["draining"], false);

    company.quirks(|quirks| quirks.answer_delay = Duration::from_secs(2));
    let (mut binding, id) = begin_bind(&gate);
    let begun = Instant::now();
    while company.binds_of("alice") == 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "the bind does not arrive");
        thread::sleep(Duration::from_millis(5));
    }
    let begun = Instant::now();
    gate.signal("-TERM");
    for client in [&mut idle, &mut anonymous, &mut encrypted] {
        let notice = client.disconnection();
        assert_eq!(notice.code(), 52);
        assert!(notice.text().contains("shutting down"), "{}", notice.text());
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "told at once: {:?}", begun.elapsed());
    for listener in ["plain", "encrypted"] {
        while TcpStream::connect(gate.address(listener)).is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(1), "{listener} still listens");
            thread::sleep(Duration::from_millis(5));
        }
    }
    // Who is being waited for: the bind alone, once the others have read their notices.
    gate.wait_for("one session", |gate| gate.status()["sessions_open"] == 1);
    let status = gate.status();
    assert_eq!((&status["draining"], &status["ready"]), (&true.into(), &false.into()));
    let (well, _) = gate.sync();
    assert!(!well, "no new pass begins");

    let answer = binding.answer(id);
    assert_eq!((answer.tag, answer.code()), (0x61, 0), "the bind in flight got its verdict");
    assert_eq!(binding.disconnection().code(), 52);
    assert_eq!(gate.end().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(!gate.socket().exists(), "the control socket is left behind");
    let output = gate.command(&["status"]);
    assert_eq!(output.status.code(), Some(3), "nothing runs");
    assert_eq!(gate.bind_after(3)["outcome"], "accepted");
    assert!(gate.log_text().contains("\"stopped\"") && !gate.log_text().contains("panicked"));
}

/// Clients that say nothing where something is due hold nothing up.
#[test]
fn half_open_clients_do_not_delay_the_end() {
    let company = Company::new();
    let mut gate = start(&company, "end-half", "", "");
    let silent: Vec<Client> =
        ["plain", "encrypted"].map(|name| Client::connect(gate.address(name))).into();
    let mut half = Client::connect(gate.address("plain"));
    half.send_octets(&[0x30, 0x20, 0x02]);
    gate.wait_for("all of them", |gate| gate.status()["sessions_open"] == 3);
    let begun = Instant::now();
    assert_eq!(gate.terminate().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(!gate.socket().exists());
    drop(silent);
}

/// A client that does not take its answers is waited for as long as configured, and no longer.
#[test]
fn the_end_is_bounded() {
    let company = Company::new();
    let mut gate = start(&company, "end-bounded", "shutdown_grace = \"1s\"\n", "");
    let mut client = Client::connect(gate.address("plain"));
    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    let everything = search("DC=corp,DC=example", WholeSubtree, "(objectClass=*)", &[]);
    let mut writer = Writer::new();
    write_search(&mut writer, MessageId::new(2).unwrap(), &everything, &[]);
    let many = writer.octets().repeat(100);
    client.stream().tcp().set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    while std::io::Write::write_all(client.stream(), &many).is_ok() {}
    let begun = Instant::now();
    assert_eq!(gate.terminate().code(), Some(0));
    let took = begun.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_secs(3)).contains(&took), "{took:?}");
    assert!(gate.log_text().contains("sessions did not end in time"));
    assert!(!gate.socket().exists());
}

/// SIGINT is the same; a second signal ends it at once, with exit code 1.
#[test]
fn other_signals() {
    let company = Company::new();
    let mut gate = start(&company, "end-int", "", "");
    gate.signal("-INT");
    assert_eq!(gate.end().code(), Some(0));

    let mut gate = start(&company, "end-twice", "", "");
    company.quirks(|quirks| quirks.answer_delay = Duration::from_secs(1));
    let (_client, _) = begin_bind(&gate);
    thread::sleep(Duration::from_millis(200));
    gate.signal("-TERM");
    gate.wait_for("the first signal", |gate| !gate.events("shutting down").is_empty());
    let begun = Instant::now();
    gate.signal("-TERM");
    assert_eq!(gate.end().code(), Some(1));
    assert!(begun.elapsed() < Duration::from_millis(600), "{:?}", begun.elapsed());
}

/// A second instance is told who is there and leaves the first one alone.
#[test]
fn a_second_instance() {
    let company = Company::new();
    let gate = start(&company, "end-second", "", "");
    let second = |change: &dyn Fn(String) -> String| {
        let text = std::fs::read_to_string(gate.folder.path().join("ldapgate.toml")).unwrap();
        let file = gate.folder.write("second.toml", &change(text));
        let mut command = Command::new(env!("CARGO_BIN_EXE_ldapgate"));
        let output = command.arg("run").arg("--config").arg(file).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, error) = second(&|text| text);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("another ldapgate is listening on"), "{error}");
    assert!(error.contains("control.sock"), "{error}");
    // A socket of its own, and an address that is taken.
    let taken = gate.address("plain").to_string();
    let (code, error) = second(&|text| {
        text.replace("control.sock", "second.sock").replacen("127.0.0.1:0", &taken, 1)
    });
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains(&taken) && error.contains("plain"), "{error}");
    assert!(!gate.folder.path().join("second.sock").exists());
    assert_eq!(gate.status()["draining"], false, "the first one is as it was");
    assert_eq!(Client::connect(gate.address("plain")).bind("crm", LOCAL_SECRET).code(), 0);
}

/// A restart takes the same addresses at once, although connections were open on them, and also after an end
/// that left the control socket behind.
#[test]
fn a_restart() {
    let company = Company::new();
    let first = company.gate("end-restart", "");
    let address = first.address("plain").to_string();
    let fixed = PLAIN_LISTENER.replace("127.0.0.1:0", &address);
    drop(first);
    let text = format!("{}{APPLICATION}{fixed}", company.directory_section());
    let mut open = Vec::new();
    for round in 0..3 {
        let folder = company.folder("end-restart");
        if round == 2 {
            drop(std::os::unix::net::UnixListener::bind(folder.path().join("control.sock")));
        }
        let mut gate = Gate::start_in(folder, &text).synced(1);
        for _ in 0..5 {
            let mut client = Client::connect(gate.address("plain"));
            assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
            open.push(client);
        }
        assert_eq!(gate.terminate().code(), Some(0));
    }
}
