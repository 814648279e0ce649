//! Certificates: what is believed, and the words when it is not.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

use super::script::{RIGHT, Script, sane};
use super::{config, in_order, password};
use crate::time::Now;
use crate::upstream::{BindOutcome, FetchError, Security, Step, Trust, Upstream};

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

struct Server {
    acceptor: TlsAcceptor,
    pin: [u8; 32],
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self { issuer: CertifiedIssuer::self_signed(params, key).unwrap() }
    }

    fn trust(&self) -> Trust {
        Trust::CaPem(Arc::from(self.issuer.pem().into_bytes()))
    }

    fn server(&self, names: &[&str], years: (i32, i32)) -> Server {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let pin = Sha256::digest(rcgen::PublicKeyData::subject_public_key_info(&key)).into();
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .unwrap();
        Server { acceptor: TlsAcceptor::from(Arc::new(config)), pin }
    }
}

const NAME: &str = "dc1.corp.test";
const NOW: (i32, i32) = (2020, 2090);

fn upstream(script: &Script, name: &str, security: Security, trust: Trust) -> Arc<Upstream> {
    let mut config = config(in_order(&[script]));
    config.controllers[0].name = Arc::from(name);
    config.controllers[0].security = security;
    config.controllers[0].trust = trust;
    Upstream::new(config, Now::read()).unwrap()
}

async fn refusal(script: &Script, name: &str, trust: Trust) -> FetchError {
    let upstream = upstream(script, name, Security::Ldaps, trust);
    let verification = upstream.verify(b"alice", &password(RIGHT), &[]).await;
    assert!(matches!(verification.outcome, BindOutcome::Unavailable(_)), "{verification:?}");
    assert_eq!(verification.attempts, 0);
    assert_eq!(script.bind_count(), 0);
    let Err(error) = upstream.fetch_session().await else { panic!("trusted") };
    assert_eq!(error.step, Step::Tls, "{error}");
    error
}

#[tokio::test]
async fn a_trusted_certificate_over_tls_and_start_tls() {
    let authority = Authority::new("Corp CA");
    for (security, start_tls) in [(Security::Ldaps, false), (Security::StartTls, true)] {
        let server = authority.server(&[NAME, "127.0.0.1"], NOW);
        let script = Script::tls(server.acceptor, start_tls).await;
        // An SRV target ends in a dot; an address is a name too.
        for name in [NAME, "dc1.corp.test.", "127.0.0.1"] {
            let upstream = upstream(&script, name, security, authority.trust());
            for _ in 0..3 {
                let verification = upstream.verify(b"alice", &password(RIGHT), &[]).await;
                let accepted = matches!(verification.outcome, BindOutcome::Accepted { .. });
                assert!(accepted, "{name}: {verification:?}");
            }
            let session = upstream.fetch_session().await.unwrap();
            let facts = session.peer_certificate().unwrap();
            assert_eq!(facts.names, [NAME, "127.0.0.1"]);
            assert!(facts.issuer.contains("Corp CA") && facts.not_after_unix > 3_000_000_000);
            assert_eq!(facts.spki_sha256, crate::hexadecimal::digits(&server.pin));
        }
    }
}

#[tokio::test]
async fn an_idle_tls_link_is_used_again() {
    let authority = Authority::new("Corp CA");
    let script = Script::tls(authority.server(&[NAME], NOW).acceptor, false).await;
    let upstream = upstream(&script, NAME, Security::Ldaps, authority.trust());
    for _ in 0..5 {
        upstream.verify(b"alice", &password(RIGHT), &[]).await;
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!((script.connections(), script.bind_count()), (1, 5));
}

#[tokio::test]
async fn an_unknown_authority_is_named() {
    let server = Authority::new("Foreign CA").server(&[NAME], NOW);
    let script = Script::tls(server.acceptor, false).await;
    let error = refusal(&script, NAME, Authority::new("Corp CA").trust()).await;
    assert_eq!(&*error.controller, NAME);
    for words in ["no trusted authority", "Foreign CA", NAME, "valid until 2090-01-01"] {
        assert!(error.reason.contains(words), "{words}: {error}");
    }
}

#[tokio::test]
async fn an_expired_certificate_says_since_when() {
    let authority = Authority::new("Corp CA");
    let script = Script::tls(authority.server(&[NAME], (2020, 2021)).acceptor, false).await;
    let error = refusal(&script, NAME, authority.trust()).await;
    assert!(error.reason.contains("expired on 2021-01-01"), "{error}");
    let script = Script::tls(authority.server(&[NAME], (2089, 2090)).acceptor, false).await;
    let error = refusal(&script, NAME, authority.trust()).await;
    assert!(error.reason.contains("valid only from 2089-01-01"), "{error}");
}

#[tokio::test]
async fn a_certificate_for_other_names_lists_them() {
    let authority = Authority::new("Corp CA");
    let server = authority.server(&["dc2.corp.test", "192.0.2.7"], NOW);
    let script = Script::tls(server.acceptor, false).await;
    let error = refusal(&script, NAME, authority.trust()).await;
    let words = "not for the expected name dc1.corp.test, it is for dc2.corp.test, 192.0.2.7";
    assert!(error.reason.contains(words), "{error}");
}

#[tokio::test]
async fn a_pin_is_enough_and_nothing_else_is() {
    let server = Authority::new("Foreign CA").server(&["elsewhere.test"], (2020, 2021));
    let pin = server.pin;
    let script = Script::tls(server.acceptor, false).await;
    let error = refusal(&script, NAME, Trust::SpkiPins(vec![[7; 32]])).await;
    assert!(error.reason.contains("not among the 1 pinned"), "{error}");
    let trust = Trust::SpkiPins(vec![[7; 32], pin]);
    let upstream = upstream(&script, NAME, Security::Ldaps, trust);
    let verification = upstream.verify(b"alice", &password(RIGHT), &[]).await;
    assert!(matches!(verification.outcome, BindOutcome::Accepted { .. }), "{verification:?}");
}

#[tokio::test]
async fn a_port_without_tls_is_told_from_a_bad_certificate() {
    let silent = Script::run(sane).await;
    let greeting = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = greeting.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = greeting.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 smtp ready\r\n").await;
        }
    });
    let trust = || Authority::new("Corp CA").trust();
    let error = refusal(&silent, NAME, trust()).await;
    assert!(error.reason.contains("does not speak TLS"), "{error}");
    let mut config = config(in_order(&[&silent]));
    config.controllers[0].port = address.port();
    config.controllers[0].security = Security::Ldaps;
    config.controllers[0].trust = trust();
    let Err(error) = Upstream::new(config, Now::read()).unwrap().fetch_session().await else {
        panic!()
    };
    assert!(error.reason.contains("does not speak TLS"), "{error}");
}

#[tokio::test]
async fn useless_trust_is_refused_at_the_start() {
    let script = Script::run(sane).await;
    for (trust, words) in [
        (Trust::CaPem(Arc::from(&b"no certificate here"[..])), "no certificate"),
        (Trust::SpkiPins(vec![]), "no pin"),
    ] {
        let mut config = config(in_order(&[&script]));
        config.controllers[0].security = Security::Ldaps;
        config.controllers[0].trust = trust;
        let Err(error) = Upstream::new(config, Now::read()) else { panic!() };
        assert!(error.to_string().contains(words) && error.to_string().contains(NAME), "{error}");
    }
}
