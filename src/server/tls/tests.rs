//! Faults of certificate files, and handshakes with what is served.

use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::testing::Scratch;

fn issue(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn load(chain: PathBuf, key: PathBuf) -> Result<CertificateFacts, String> {
    ServerCertificate::load(CertificateFiles { chain, key })
        .map(|certificate| certificate.facts())
        .map_err(|error| error.to_string())
}

#[test]
fn each_fault_of_the_files_is_named() {
    let scratch = Scratch::new("tls-faults");
    let (certificate, key) = issue("a.example");
    let (other, other_key) = issue("b.example");
    let der = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cases: [(&str, &[u8], &str, u32, &str); 9] = [
        ("good", certificate.as_bytes(), &key, 0o600, ""),
        ("open key", certificate.as_bytes(), &key, 0o640, "chmod 600"),
        ("other key", certificate.as_bytes(), &other_key, 0o600, "does not belong"),
        ("locked key", certificate.as_bytes(), locked, 0o600, "passphrase"),
        ("no key", certificate.as_bytes(), &certificate, 0o600, "no usable private key"),
        ("empty chain", b"", &key, 0o600, "holds no PEM certificate"),
        ("binary chain", &der, &key, 0o600, "openssl x509 -inform der"),
        ("broken chain", broken.as_bytes(), &key, 0o600, "certificate 1 in"),
        (
            "key in a public chain",
            &[certificate.as_bytes(), key.as_bytes()].concat(),
            &key,
            0o600,
            "chmod 600",
        ),
    ];
    for (name, chain, key, mode, expected) in cases {
        let chain = scratch.write("chain.pem", chain, 0o644);
        let key = scratch.write("server.key", key, mode);
        match load(chain, key) {
            Ok(facts) => {
                assert_eq!((facts.names[0].as_str(), expected), ("a.example", ""), "{name}")
            }
            Err(error) => {
                assert!(!expected.is_empty() && error.contains(expected), "{name}: {error}")
            }
        }
    }
    let wrong_order = scratch.write("chain.pem", format!("{other}{certificate}"), 0o644);
    let error = load(wrong_order, scratch.write("server.key", &key, 0o600)).unwrap_err();
    assert!(error.contains("but to certificate 2: put that one first"), "{error}");
    let missing = load(scratch.0.join("none.pem"), scratch.0.join("server.key")).unwrap_err();
    assert!(missing.contains("none.pem cannot be read"), "{missing}");
}

#[test]
fn one_private_file_may_hold_both() {
    let scratch = Scratch::new("tls-one-file");
    let (certificate, key) = issue("a.example");
    let path = scratch.write("both.pem", format!("{certificate}{key}"), 0o600);
    let facts = load(path.clone(), path).unwrap();
    assert_eq!(facts.names, ["a.example"]);
}

#[test]
fn tls_1_2_and_1_3_are_spoken() {
    let scratch = Scratch::new("tls-versions");
    let (certificate, key) = issue("a.example");
    let chain = scratch.write("server.pem", &certificate, 0o644);
    let key = scratch.write("server.key", key, 0o600);
    let served = ServerCertificate::load(CertificateFiles { chain, key }).unwrap();
    let server = server_config(served).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = rustls_pki_types::ServerName::try_from("a.example").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = rustls::ServerConnection::new(server.clone()).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut octets = Vec::new();
            client.write_tls(&mut octets).unwrap();
            server.read_tls(&mut octets.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            octets.clear();
            server.write_tls(&mut octets).unwrap();
            client.read_tls(&mut octets.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        assert_eq!(client.protocol_version(), Some(version.version));
    }
}
