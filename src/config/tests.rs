//! Whole configurations: what they come to mean, what they warn about, and what they never show.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::error::Findings;
use super::parse::parse;
use super::raw::RawConfig;
use super::resolve::{Files, Surroundings, resolve};
use super::*;
use crate::ldap::schema::DirectoryKind;
use crate::policy::application::{LocalSecret, RefusalStyle, Searchers};
use crate::server::ListenerSecurity;
use crate::telemetry::LogLevel;
use crate::upstream::{Security, Trust};

mod faults;
mod offline;
mod shield;
mod shipped;
mod sync;

/// Files by the end of their path; those called `…open…` are readable by others.
struct Fake(HashMap<&'static str, Vec<u8>>);

impl Fake {
    fn usual() -> Self {
        let pem = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
        let der = pem.cert.der().to_vec();
        Self(HashMap::from([
            ("certs/corp-ca.pem", pem.cert.pem().into_bytes()),
            ("certs/binary.pem", der),
            ("certs/empty.pem", Vec::new()),
            ("secrets/corp.password", b"hunter2\n".to_vec()),
            ("secrets/windows.password", b"hunter2\r\n".to_vec()),
            ("secrets/exact.password", b" hunter2\n\n".to_vec()),
            ("secrets/empty.password", b"\n".to_vec()),
            ("secrets/notepad.password", b"\xEF\xBB\xBFhunter2\r\n".to_vec()),
            ("secrets/utf16.password", b"h\0u\0n\0".to_vec()),
            ("secrets/open.password", b"hunter2\n".to_vec()),
        ]))
    }

    fn find(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        let found = self.0.iter().find(|(name, _)| path.ends_with(name));
        found
            .map(|(_, content)| Zeroizing::new(content.clone()))
            .ok_or_else(|| format!("{} cannot be read: No such file or directory", path.display()))
    }
}

impl Files for Fake {
    fn private(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        if path.ends_with("open.password") {
            return Err(format!(
                "{0} is open to others (mode 0644); run: chmod 600 {0}",
                path.display()
            ));
        }
        self.find(path)
    }

    fn public(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
        self.find(path)
    }
}

/// One configuration under test.
struct Case<'a> {
    text: &'a str,
    environment: &'a [(&'a str, &'a str)],
    private: bool,
}

fn read(case: &Case<'_>) -> Result<Config, ConfigErrors> {
    let environment: BTreeMap<String, String> =
        case.environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let surroundings = Surroundings {
        directory: Path::new("/etc/ldapgate"),
        private: case.private,
        control: PathBuf::from("/run/ldapgate/control.sock"),
        store: PathBuf::from("/var/lib/ldapgate/ldapgate.redb"),
        files: &Fake::usual(),
    };
    let mut findings = Findings::default();
    let raw = parse(case.text, &environment, &mut findings);
    resolve(raw, &surroundings, findings)
}

fn good(text: &str) -> Config {
    match read(&Case { text, environment: &[], private: false }) {
        Ok(config) => config,
        Err(errors) => panic!("{errors}\n{text}"),
    }
}

const MINIMAL: &str = include_str!("../../config/minimal.toml");

/// The minimal configuration with one passage exchanged.
fn minimal_with(old: &str, new: &str) -> String {
    assert!(MINIMAL.contains(old), "{old}");
    MINIMAL.replacen(old, new, 1)
}

/// The minimal configuration with lines added to one of its sections.
fn minimal_plus(section: &str, lines: &str) -> String {
    let header = format!("[[{section}]]\n");
    minimal_with(&header, &format!("{header}{lines}\n"))
}

/// What a line that `ldapgate service-account` prints stands for.
pub(crate) fn local_account(line: &str) -> (String, LocalSecret) {
    let config = good(&minimal_plus("application", line));
    let account = config.applications[0].local_accounts[0].clone();
    (account.name, account.secret)
}

#[test]
fn the_minimal_configuration_means_what_its_reader_expects() {
    let config = good(MINIMAL);
    let [directory] = config.directories.as_slice() else { panic!() };
    assert_eq!(&*directory.name, "corp");
    let upstream = &directory.upstream;
    assert_eq!((&*upstream.directory, upstream.kind), ("corp", DirectoryKind::ActiveDirectory));
    let names: Vec<_> = upstream.controllers.iter().map(|one| (&*one.name, one.port)).collect();
    assert_eq!(names, [("dc1.corp.example", 636), ("dc2.corp.example", 636)]);
    for controller in &upstream.controllers {
        assert_eq!((controller.security, controller.tier), (Security::Ldaps, 0));
        assert!(matches!(&controller.trust, Trust::CaPem(pem) if pem.starts_with(b"-----BEGIN")));
    }
    assert_eq!(upstream.service_name, "svc-ldapgate@corp.example");
    assert_eq!(upstream.service_password.expose(), b"hunter2");

    let [application] = config.applications.as_slice() else { panic!() };
    assert_eq!(&*application.name, "crm");
    assert_eq!(&*application.directories[0], "corp");
    assert_eq!(application.bases[0].text, "OU=People,DC=corp,DC=example");
    assert_eq!(application.service_accounts, [r"CORP\svc-crm"]);
    assert_eq!(application.searchers, Searchers::ServiceAccounts);
    assert_eq!(application.refusals, RefusalStyle::Uniform);
    assert_eq!(application.negative_latency, Duration::from_millis(150));

    let [listener] = config.listeners.as_slice() else { panic!() };
    assert_eq!(
        (&*listener.name, listener.security),
        ("ldap://127.0.0.1:3389", ListenerSecurity::Plain)
    );
    assert!(listener.allow_cleartext_bind && listener.certificate.is_none());
    assert_eq!(config.log.level, LogLevel::Info);
    assert_eq!(config.control.as_deref(), Some(Path::new("/run/ldapgate/control.sock")));
    assert_eq!(config.warnings(), []);
}

#[test]
fn the_environment_lies_over_the_file() {
    let text = format!("[log]\nlevel = \"warn\"\n{MINIMAL}");
    let environment = [
        ("LDAPGATE__LOG__LEVEL", "debug"),
        ("LDAPGATE__LOG__HASH_UNKNOWN_NAMES", "true"),
        ("LDAPGATE__SHUTDOWN_GRACE", "3s"),
        ("LDAPGATE__CONTROL", "off"),
        ("LDAPGATE_LOG_LEVEL", "nonsense"),
        ("PATH", "/bin"),
    ];
    let config = read(&Case { text: &text, environment: &environment, private: false }).unwrap();
    assert_eq!(config.log.level, LogLevel::Debug);
    assert!(config.audit.hash_unknown_names);
    assert_eq!((config.shutdown_grace, config.control), (Duration::from_secs(3), None));
}

#[test]
fn a_controller_has_a_name_and_where_wanted_an_address() {
    let controllers = r#"controllers = [
        { url = "ldap://DC1.corp.example.", address = "10.9.0.1", tier = 2, starttls = true },
        { url = "ldap://[fd00::1]:1389/", plaintext = true },
        { url = "ldaps://dc3.corp.example:3636", spki_pins = ["sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="] },
    ]"#;
    let old = r#"controllers = ["ldaps://dc1.corp.example", "ldaps://dc2.corp.example"]"#;
    let config = good(&minimal_with(old, controllers));
    let [first, second, third] = config.directories[0].upstream.controllers.as_slice() else {
        panic!()
    };
    assert_eq!((&*first.name, first.address.as_deref()), ("dc1.corp.example", Some("10.9.0.1")));
    assert_eq!((first.port, first.security, first.tier), (389, Security::StartTls, 2));
    assert_eq!((&*second.name, second.port), ("fd00::1", 1389));
    assert_eq!(second.security, Security::Plain);
    assert!(matches!(&third.trust, Trust::SpkiPins(pins) if pins[0][0] == 0xe3));
    let warnings: Vec<_> = config.warnings().iter().map(|one| one.key.as_str()).collect();
    assert_eq!(warnings, ["directory[0].controllers[1].plaintext"]);
}

#[test]
fn a_password_is_the_file_without_one_line_end() {
    for (file, expected) in [("corp", "hunter2"), ("windows", "hunter2"), ("exact", " hunter2\n")] {
        let config = good(&minimal_with("corp.password", &format!("{file}.password")));
        let password = &config.directories[0].upstream.service_password;
        assert_eq!(password.expose(), expected.as_bytes(), "{file}");
    }
    let inline = minimal_with(
        "bind_password_file = \"../secrets/corp.password\"",
        "bind_password = \"00123\"",
    );
    let config = read(&Case { text: &inline, environment: &[], private: true }).unwrap();
    assert_eq!(config.directories[0].upstream.service_password.expose(), b"00123");
}

#[test]
fn applications_with_networks_or_listeners_of_their_own_stand_side_by_side() {
    let text = minimal_plus("application", "networks = [\"10.0.0.0/9\", \"fd00::/8\"]")
        + "name = \"one\"\n[[listener]]\nname = \"two\"\nurl = \"ldap://127.0.0.1:3390\"\n"
        + "[[application]]\nname = \"wiki\"\nnetworks = [\"10.128.0.0/9\"]\n"
        + "bases = [\"DC=corp,DC=example\"]\nservice_accounts = [\"svc-wiki@corp.example\"]\n"
        + "[[application]]\nname = \"phone\"\nnetworks = [\"192.0.2.7\"]\nlisteners = [\"two\"]\n"
        + "bases = [\"DC=corp,DC=example\"]\nservice_accounts = [\"svc-phone@corp.example\"]\n";
    let config = good(&text);
    assert_eq!(config.applications.len(), 3);
    assert_eq!(config.warnings(), []);
}

#[test]
fn names_and_listeners_that_mean_the_same_are_told_apart_from_those_that_do_not() {
    let other = "[[listener]]\nurl = ";
    for (url, clash) in [
        ("ldap://127.0.0.1:3390", false),
        ("ldap://127.0.0.2:3389", false),
        ("ldap://[::1]:3389", false),
        ("ldap://0.0.0.0:3389", true),
        ("ldap://localhost:3389", true),
    ] {
        let text = format!("{MINIMAL}{other}\"{url}\"\n");
        let errors = read(&Case { text: &text, environment: &[], private: false }).err();
        assert_eq!(errors.is_some(), clash, "{url}: {errors:?}");
    }
    let ephemeral = MINIMAL.replace(":3389", ":0");
    assert_eq!(
        good(&format!("{ephemeral}name = \"a\"\n{other}\"ldap://127.0.0.1:0\"\n")).listeners.len(),
        2
    );
}

#[test]
fn what_is_allowed_but_rarely_meant_is_a_warning() {
    let people = "bases = [\"OU=People,DC=corp,DC=example\"]";
    let listener = "url = \"ldap://127.0.0.1:3389\"";
    for (old, new, key, text) in [
        (r#", "ldaps://dc2.corp.example""#, "", "directory[0].controllers", "no failover"),
        (people, "", "application[0]", "every user"),
        (
            people,
            "bases = [\"OU=People,DC=corp,DC=example\", \"OU=A,OU=People,DC=corp,DC=example\"]",
            "application[0].bases",
            "changes nothing",
        ),
        (
            "[[application]]\n",
            "[[application]]\nexcluded_bases = [\"OU=X,DC=corp,DC=example\"]\n",
            "application[0].excluded_bases",
            "takes nothing out",
        ),
        (
            "[[application]]\n",
            "[[application]]\nanonymous = \"search\"\n",
            "application[0].anonymous",
            "without a password",
        ),
        (
            "[[application]]\n",
            "[[application]]\nrefusals = \"subcodes\"\n",
            "application[0].refusals",
            "whoever asks",
        ),
        (
            "[[application]]\n",
            "[[application]]\nrequire_tls = true\n",
            "application[0].require_tls",
            "nothing can be served",
        ),
        (
            "[[application]]\n",
            "[[application]]\noperations = [\"search\"]\n",
            "application[0].operations",
            "nobody can log in",
        ),
        (
            r"service_accounts = ['CORP\svc-crm']",
            "",
            "application[0].service_accounts",
            "nobody may search",
        ),
        (
            r"'CORP\svc-crm'",
            "'SVC-ldapgate@corp.example'",
            "application[0].service_accounts[0]",
            "sync account",
        ),
        (listener, "url = \"ldap://0.0.0.0:389\"", "listener[0].url", "nobody can log in"),
        (
            listener,
            "url = \"ldap://0.0.0.0:389\"\nallow_cleartext_bind = true",
            "listener[0].allow_cleartext_bind",
            "clear text",
        ),
        (
            listener,
            "url = \"ldap://127.0.0.1:3389\"\nproxy_protocol = [\"0.0.0.0/0\"]\nallow_cleartext_bind = true",
            "listener[0].proxy_protocol",
            "claim any address",
        ),
        (
            "[[application]]\n",
            "[directory.sync]\nbase = \"OU=People,DC=corp,DC=example\"\n[[application]]\n",
            "directory[0].sync.base",
            "unknown",
        ),
        (
            "[[application]]\n",
            "[directory.sync]\npage_size = 5000\n[[application]]\n",
            "directory[0].sync.page_size",
            "1000",
        ),
        (
            "[[application]]\n",
            "[directory.timeouts]\ntotal = \"10s\"\n[[application]]\n",
            "directory[0].timeouts.total",
            "5 seconds",
        ),
        (
            "[[application]]\n",
            "[directory.timeouts]\ntotal = \"1500ms\"\n[[application]]\n",
            "directory[0].timeouts.total",
            "second controller",
        ),
    ] {
        let config = good(&minimal_with(old, new));
        let found = config.warnings().iter().any(|one| one.key == key && one.text.contains(text));
        assert!(found, "{key} {text}: {:?}", config.warnings());
    }
}

#[test]
fn a_listener_and_a_directory_that_nobody_uses_are_warnings() {
    let second = MINIMAL.replace("\"corp\"", "\"second\"");
    let second = second.split("[[application]]").next().unwrap();
    let text = minimal_plus(
        "application",
        "directories = [\"corp\"]\nlisteners = [\"ldap://127.0.0.1:3389\"]",
    ) + "[[listener]]\nname = \"b\"\nurl = \"ldap://127.0.0.1:1\"\n"
        + second;
    let config = good(&text);
    let keys: Vec<_> = config.warnings().iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["listener[1]", "directory[1]"]);
}

#[test]
fn no_message_shows_a_secret() {
    let syntax = minimal_with(
        "bind_password_file = \"../secrets/corp.password\"",
        "bind_password = \"s3cret\" x",
    );
    let wrong_type = minimal_with(
        "bind_password_file = \"../secrets/corp.password\"",
        "bind_password = [\"s3cret\"]",
    );
    let public = minimal_with(
        "bind_password_file = \"../secrets/corp.password\"",
        "bind_password = \"s3cret\"",
    );
    let local =
        minimal_plus("application", "local_accounts = [{ name = \"a\", secret = \"s3cret\" }]");
    for text in [syntax, wrong_type, public, local] {
        let errors = read(&Case { text: &text, environment: &[], private: false }).err().unwrap();
        assert!(!errors.to_string().contains("s3cret"), "{errors}");
    }
    let mut findings = Findings::default();
    let text = "[[directory]]\nbind_password = \"s3cret\"";
    let raw: RawConfig = parse(text, &BTreeMap::new(), &mut findings).unwrap();
    assert!(!format!("{raw:?}").contains("s3cret"));
}

/// Issue: passwords in clear are taken on a loopback address only, unless the file says otherwise.
#[test]
fn passwords_in_clear_are_taken_on_loopback_only() {
    let listener = "url = \"ldap://127.0.0.1:3389\"";
    for (url, written, allowed) in [
        ("ldap://127.0.0.1:3389", "", true),
        ("ldap://127.255.255.254:389", "", true),
        ("ldap://localhost", "", true),
        ("ldap://[::1]", "", true),
        ("ldap://0.0.0.0", "", false),
        ("ldap://[::]", "", false),
        ("ldap://192.0.2.7", "", false),
        ("ldap://10.0.0.1", "", false),
        ("ldap://[2001:db8::1]", "", false),
        ("ldap://192.0.2.7", "allow_cleartext_bind = true", true),
        ("ldap://127.0.0.1", "allow_cleartext_bind = false", false),
    ] {
        let config = good(&minimal_with(listener, &format!("url = \"{url}\"\n{written}")));
        assert_eq!(config.listeners[0].allow_cleartext_bind, allowed, "{url} {written}");
    }
}
