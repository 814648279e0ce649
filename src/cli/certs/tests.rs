//! The authority and the server certificate, up to clients that accept or refuse them.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use super::*;
use crate::certificate::Validity;
use crate::server::CertificateFiles;
use crate::server::tls::ServerCertificate;
use crate::testing::{self, Scratch};

impl Scratch {
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        testing::mode(&self.0.join(name))
    }

    fn certificate(&self) -> std::sync::Arc<ServerCertificate> {
        let files =
            CertificateFiles { chain: self.0.join("server.pem"), key: self.0.join("server.key") };
        ServerCertificate::load(files).unwrap()
    }
}

/// A directory that is still to be made.
fn absent(name: &str) -> Scratch {
    let scratch = Scratch::new(name);
    fs::remove_dir(&scratch.0).unwrap();
    scratch
}

/// 2026-11-21 12:00 UTC.
fn now() -> Now {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_262_400);
    Now { wall, ..Now::read() }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn four_files_of_which_the_keys_are_private() {
    let scratch = absent("certs-files");
    let names = names(&["ldap.corp.example", "10.0.0.5", "fd00::5"]);
    let report = make(&scratch.0, &names, 397, false, now()).unwrap();
    assert!(report.authority_is_new);
    assert_eq!((scratch.mode("ca.key"), scratch.mode("server.key")), (0o600, 0o600));
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 4);

    let served = scratch.certificate();
    let facts = served.facts();
    assert_eq!(facts.names, names);
    assert_eq!((served.chain_length(), facts.is_authority), (2, false));
    assert_eq!(facts.subject, "CN=ldap.corp.example");
    assert!(facts.issuer.starts_with("CN=ldapgate local authority "), "{}", facts.issuer);
    assert_eq!(facts.validity(now()), Validity::Days(396));
    assert_eq!(report.last_day, "2027-12-23");
    let before = now().wall - Duration::from_secs(48 * 3600);
    assert_eq!(facts.validity(Now { wall: before, ..now() }), Validity::NotYet);
    let after = now().later(Duration::from_secs(400 * 24 * 3600));
    assert_eq!(facts.validity(after), Validity::Expired(3));

    let text = report.to_string();
    for part in ["ca.pem (new)", "import it into every application", "ldaps://ldap.corp.example"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_authority_stays_and_the_server_key_stays_unless_forced() {
    let scratch = absent("certs-again");
    let names = names(&["localhost"]);
    make(&scratch.0, &names, 30, false, now()).unwrap();
    let (authority, key) = (scratch.read("ca.pem"), scratch.read("server.key"));

    let refused = make(&scratch.0, &names, 30, false, now()).unwrap_err();
    assert!(matches!(&refused, CertsError::KeyExists(path) if path.ends_with("server.key")));
    assert!(refused.to_string().contains("--force"));
    assert_eq!(scratch.read("server.key"), key);

    let report = make(&scratch.0, &names, 30, true, now()).unwrap();
    assert!(!report.authority_is_new);
    assert_eq!(scratch.read("ca.pem"), authority);
    assert_ne!(scratch.read("server.key"), key);
    assert_eq!(scratch.mode("server.key"), 0o600);
    assert_eq!(scratch.certificate().chain_length(), 2);
}

/// The whole way: a client that trusts the authority accepts the server, by name and by address.
#[test]
fn a_client_that_trusts_the_authority_accepts_the_server_before_and_after_renewal() {
    let scratch = absent("certs-client");
    let names = names(&["ldap.corp.example", "127.0.0.1"]);
    make(&scratch.0, &names, 30, false, Now::read()).unwrap();
    let certificate = scratch.certificate();
    let first = certificate.facts();
    let client = client(&scratch.read("ca.pem"));
    let server = crate::server::tls::server_config(certificate.clone()).unwrap();
    assert_eq!(handshake(&client, &server, "ldap.corp.example"), Ok(()));
    assert_eq!(handshake(&client, &server, "127.0.0.1"), Ok(()));
    assert!(handshake(&client, &server, "other.corp.example").is_err());

    make(&scratch.0, &self::names(&["other.corp.example"]), 30, true, Now::read()).unwrap();
    assert_eq!(certificate.facts(), first);
    assert_ne!(certificate.reload().unwrap(), first);
    assert_eq!(handshake(&client, &server, "other.corp.example"), Ok(()));

    fs::write(scratch.0.join("server.pem"), "broken").unwrap();
    assert!(certificate.reload().is_err());
    assert_eq!(handshake(&client, &server, "other.corp.example"), Ok(()));
}

#[test]
fn an_authority_that_cannot_sign_is_refused_by_its_fault() {
    type Damage = fn(&Path);
    let names = names(&["localhost"]);
    let cases: [(&str, Damage, &str); 5] = [
        ("half", |at| fs::remove_file(at.join("ca.key")).unwrap(), "ca.key is not"),
        ("open", |at| chmod(&at.join("ca.key"), 0o644), "chmod 600"),
        ("garbage", |at| fs::write(at.join("ca.pem"), "x").unwrap(), "ca.pem:"),
        (
            "leaf",
            |at| drop(fs::copy(at.join("server.pem"), at.join("ca.pem"))),
            "not the certificate of an authority",
        ),
        (
            "other key",
            |at| drop(fs::copy(at.join("server.key"), at.join("ca.key"))),
            "does not belong",
        ),
    ];
    for (name, damage, expected) in cases {
        let scratch = absent(&format!("certs-{}", name.replace(' ', "-")));
        make(&scratch.0, &names, 30, false, now()).unwrap();
        damage(&scratch.0);
        let refused = make(&scratch.0, &names, 30, true, now()).unwrap_err().to_string();
        assert!(refused.contains(expected), "{name}: {refused}");
    }
    let scratch = absent("certs-old");
    make(&scratch.0, &names, 30, false, now()).unwrap();
    let later = now().later(Duration::from_secs(3700 * 24 * 3600));
    let refused = make(&scratch.0, &names, 30, true, later).unwrap_err().to_string();
    assert!(refused.contains("expired"), "{refused}");
}

#[test]
fn an_authority_of_another_tool_is_refused_instead_of_signing_what_no_client_accepts() {
    let scratch = absent("certs-foreign");
    fs::create_dir_all(&scratch.0).unwrap();
    let pair = KeyPair::generate().unwrap();
    let mut params = authority_params("Corp Root");
    params.distinguished_name.push(DnType::OrganizationName, "Corp");
    let signed = params.self_signed(&pair).unwrap();
    fs::write(scratch.0.join("ca.pem"), signed.pem()).unwrap();
    fs::write(scratch.0.join("ca.key"), pair.serialize_pem()).unwrap();
    chmod(&scratch.0.join("ca.key"), 0o600);
    let refused = make(&scratch.0, &names(&["localhost"]), 30, false, now()).unwrap_err();
    assert!(refused.to_string().contains("with the tool that made"), "{refused}");
    assert!(!scratch.0.join("server.key").exists());
}

#[test]
fn names_and_days_that_no_client_accepts_are_refused() {
    let scratch = absent("certs-names");
    for (name, expected) in [
        ("ldaps://ldap.corp.example", "without ldap://"),
        ("ldap.corp.example:636", "without a port"),
        ("bücher.example", "xn--"),
        ("two words", "letters"),
        ("", "letters"),
    ] {
        let refused = make(&scratch.0, &names(&[name]), 30, false, now()).unwrap_err().to_string();
        assert!(refused.contains(expected), "{name}: {refused}");
    }
    assert!(matches!(make(&scratch.0, &[], 30, false, now()), Err(CertsError::NoNames)));
    for days in [0, MAX_DAYS + 1] {
        let refused = make(&scratch.0, &names(&["a"]), days, false, now());
        assert!(matches!(refused, Err(CertsError::Days(_))), "{days}");
    }
    assert!(!scratch.0.exists());
    make(&scratch.0, &names(&["*.corp.example"]), MAX_DAYS, false, now()).unwrap();
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn client(authority: &str) -> std::sync::Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A resumed session would skip the certificate.
    client.resumption = rustls::client::Resumption::disabled();
    std::sync::Arc::new(client)
}

fn handshake(
    client: &std::sync::Arc<rustls::ClientConfig>,
    server: &std::sync::Arc<rustls::ServerConfig>,
    name: &str,
) -> Result<(), rustls::Error> {
    let name = rustls_pki_types::ServerName::try_from(name.to_owned()).unwrap();
    let mut client = rustls::ClientConnection::new(client.clone(), name).unwrap();
    let mut server = rustls::ServerConnection::new(server.clone()).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut octets = Vec::new();
        client.write_tls(&mut octets).unwrap();
        server.read_tls(&mut octets.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut octets = Vec::new();
        server.write_tls(&mut octets).unwrap();
        client.read_tls(&mut octets.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}
