//! Real client programs end to end, each over ldap, StartTLS and ldaps.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use ldap3::{LdapConnAsync, LdapConnSettings, Scope, SearchEntry};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::world::corp;
use crate::world::gate::Gate;
use crate::world::lab::{Ad, PASSWORD};

fn gate() -> &'static Gate {
    static GATE: OnceLock<Gate> = OnceLock::new();
    GATE.get_or_init(|| corp::gate("clients", Ad::shared()))
}

/// Listener, URL scheme and whether StartTLS comes first.
const WAYS: [(&str, &str, bool); 3] =
    [("plain", "ldap", false), ("plain", "ldap", true), ("encrypted", "ldaps", false)];

fn url(gate: &Gate, listener: &str, scheme: &str) -> String {
    format!("{scheme}://127.0.0.1:{}", gate.address(listener).port())
}

fn run(program: &str, script: &str) {
    let gate = gate();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    for (listener, scheme, start_tls) in WAYS {
        for (name, password, who) in [
            ("CORP\\svc-crm", PASSWORD, "u:CORP\\svc-crm"),
            ("crm", corp::LOCAL_SECRET, "dn:cn=crm,cn=ldapgate"),
        ] {
            let mut command = Command::new(program);
            command
                .arg(&script)
                .env("TARGET", "gate")
                .env("LDAP_URL", url(gate, listener, scheme))
                .env("LDAP_STARTTLS", if start_tls { "1" } else { "0" })
                .env("LDAP_CA", gate.folder.path().join("ca.pem"))
                .env("LDAP_OTHER_CA", Ad::shared().other_ca())
                .env("BASE", "DC=corp,DC=test")
                .env("SVC_NAME", name)
                .env("SVC_PASSWORD", password)
                .env("SVC_WHO", who)
                .env("USER", "alice")
                .env("USER_PASSWORD", PASSWORD)
                .env("BAD_USER", "bob")
                .env("BAD_USER_PASSWORD", PASSWORD);
            let output = command.output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            let broken: Vec<&str> =
                text.lines().filter(|line| line.starts_with("not ok")).collect();
            assert!(
                output.status.success() && broken.is_empty(),
                "{} over {scheme} (StartTLS {start_tls}) as {name}: {}\n{}\n{}",
                script.display(),
                output.status,
                broken.join("\n"),
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[test]
#[ignore = "lab"]
fn php_in_the_order_of_bitrix24() {
    run("php", "bitrix.php");
}

#[test]
#[ignore = "lab"]
fn python_ldap3() {
    run("/usr/bin/python3", "crm_ldap3.py");
}

#[test]
#[ignore = "lab"]
fn ldap_utils() {
    run("bash", "ldaputils.sh");
}

/// The client library of Rust applications, with a codec that is not ours.
#[test]
#[ignore = "lab"]
fn rust_ldap3() {
    let gate = gate();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (listener, scheme, start_tls) in WAYS {
        let settings = LdapConnSettings::new()
            .set_starttls(start_tls)
            .set_config(client_tls(&gate.folder.path().join("ca.pem")));
        runtime.block_on(conversation(settings, &url(gate, listener, scheme)));
    }
}

fn client_tls(ca: &Path) -> std::sync::Arc<rustls::ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.into()
}

async fn conversation(settings: LdapConnSettings, url: &str) {
    let (connection, mut ldap) = LdapConnAsync::with_settings(settings, url).await.unwrap();
    let driver = tokio::spawn(async move { connection.drive().await });
    let bound = ldap.simple_bind("CORP\\svc-crm", PASSWORD).await.unwrap();
    assert_eq!(bound.rc, 0, "{bound:?}");
    let found = ldap
        .search(
            "DC=corp,DC=test",
            Scope::Subtree,
            "(sAMAccountName=alice)",
            vec!["mail", "memberOf"],
        )
        .await
        .unwrap();
    let (entries, result) = found.success().unwrap();
    assert_eq!((entries.len(), result.rc), (1, 0), "{url}");
    let alice = SearchEntry::construct(entries.into_iter().next().unwrap());
    assert_eq!(alice.attrs["mail"], ["alice@corp.test"]);
    assert!(alice.attrs["memberOf"].iter().any(|dn| dn.starts_with("CN=crm-users,")));
    // The application logs its user in on the same connection, fails once, and goes on as itself.
    assert_eq!(ldap.simple_bind(&alice.dn, "wrong").await.unwrap().rc, 49);
    assert_eq!(ldap.simple_bind(&alice.dn, PASSWORD).await.unwrap().rc, 0);
    assert_eq!(ldap.simple_bind("CORP\\svc-crm", PASSWORD).await.unwrap().rc, 0);
    let compared = ldap.compare(&alice.dn, "sAMAccountName", "ALICE").await.unwrap();
    assert!(compared.equal().unwrap());
    let missing = ldap
        .search("OU=Nowhere,DC=corp,DC=test", Scope::Subtree, "(cn=*)", vec!["cn"])
        .await
        .unwrap();
    let (_, code) = (missing.0, missing.1.rc);
    assert_eq!(code, 32);
    ldap.unbind().await.unwrap();
    driver.await.unwrap().unwrap();
}
