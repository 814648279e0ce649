//! Real client programs end to end, each over ldap, StartTLS and ldaps.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use ldap3::{LdapConnAsync, LdapConnSettings, Scope, SearchEntry};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::openldap;
use crate::world::corp;
use crate::world::gate::Gate;
use crate::world::lab::{Ad, PASSWORD, Slapd};

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

/// Name, password and Who Am I of accounts: one of the directory, one that only the gate knows.
const ACCOUNTS: [(&str, &str, &str); 2] = [
    ("CORP\\svc-crm", PASSWORD, "u:CORP\\svc-crm"),
    ("crm", corp::LOCAL_SECRET, "dn:cn=crm,cn=ldapgate"),
];

fn run(program: &str, script: &str) {
    run_as(&ACCOUNTS, program, script);
}

fn run_as(accounts: &[(&str, &str, &str)], program: &str, script: &str) {
    let gate = gate();
    for (listener, scheme, start_tls) in WAYS {
        for (name, password, who) in accounts {
            let mut command = of(program, script);
            command
                .env("LDAP_URL", url(gate, listener, scheme))
                .env("LDAP_STARTTLS", if start_tls { "1" } else { "0" })
                .env("LDAP_CA", gate.folder.path().join("ca.pem"))
                .env("LDAP_OTHER_CA", Ad::shared().other_ca())
                .env("BASE", "DC=corp,DC=test")
                .env("SVC_NAME", name)
                .env("SVC_PASSWORD", password)
                .env("SVC_WHO", who)
                .env("USER", "alice")
                .env("SCHEMA", "1")
                .env("PRIMARY_USER", "pia")
                .env("MANAGED_USER", "quinn")
                .env("BAD_USER", "bob");
            passes(&mut command, &format!("{scheme} (StartTLS {start_tls}) as {name}"));
        }
    }
}

/// The same in front of OpenLDAP, in clear.
fn run_before_slapd(program: &str, script: &str, number: u8) {
    let name = format!("clients-{script}");
    let slapd = Slapd::own(&name, number);
    let gate = openldap::gate(&name, &slapd, "ldap", &slapd.plain());
    let service = "cn=svc-crm,ou=service,dc=example,dc=org";
    let mut command = of(program, script);
    command
        .env("KIND", "openldap")
        .env("LDAP_URL", url(&gate, "plain", "ldap"))
        .env("BASE", "dc=example,dc=org")
        .env("SVC_NAME", service)
        .env("SVC_PASSWORD", PASSWORD)
        .env("SVC_WHO", format!("dn:{service}"))
        .env("USER", "anna")
        .env("SCHEMA", "1")
        .env("BAD_USER", "locked");
    passes(&mut command, "OpenLDAP");
}

fn of(program: &str, script: &str) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let mut command = Command::new(program);
    command
        .arg(&script)
        .env("TARGET", "gate")
        .env("USER_PASSWORD", PASSWORD)
        .env("BAD_USER_PASSWORD", PASSWORD);
    command
}

/// Runs a script, none of whose assertions may fail.
fn passes(command: &mut Command, way: &str) {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let broken: Vec<&str> = text.lines().filter(|line| line.starts_with("not ok")).collect();
    assert!(
        output.status.success() && broken.is_empty(),
        "{command:?} over {way}: {}\n{}\n{}",
        output.status,
        broken.join("\n"),
        String::from_utf8_lossy(&output.stderr)
    );
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

/// The library of applications on Node.js; `tests/lab/deps` installs it.
#[test]
#[ignore = "lab"]
fn node_ldapts() {
    run("node", "ldapts.js");
}

#[test]
#[ignore = "lab"]
fn node_ldapts_before_slapd() {
    run_before_slapd("node", "ldapts.js", 62);
}

#[test]
#[ignore = "lab"]
fn python_ldap3_before_slapd() {
    run_before_slapd("/usr/bin/python3", "crm_ldap3.py", 64);
}

#[test]
#[ignore = "lab"]
fn every_option_of_ldapsearch() {
    run_as(&ACCOUNTS[..1], "bash", "ldapsearch.sh");
}

#[test]
#[ignore = "lab"]
fn every_option_of_ldapsearch_before_slapd() {
    run_before_slapd("bash", "ldapsearch.sh", 63);
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
