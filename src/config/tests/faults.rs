//! Each fault that a configuration can have, its key and its reason: how a row is checked, the top of the file,
//! listeners, and what concerns several sections.

use super::*;

mod application;
mod directory;

/// Exchanged passage, its replacement, expected key, and a part of the message.
pub(super) type Row = (&'static str, &'static str, &'static str, &'static str);

const CONTROLLERS: &str = r#"["ldaps://dc1.corp.example", "ldaps://dc2.corp.example"]"#;
const CA: &str = "ca_file = \"../certs/corp-ca.pem\"";
const FILE: &str = "bind_password_file = \"../secrets/corp.password\"";
const APPLICATION: &str = "[[application]]\n";
const PEOPLE: &str = "bases = [\"OU=People,DC=corp,DC=example\"]";
const SERVICE: &str = r"service_accounts = ['CORP\svc-crm']";
const URL: &str = "url = \"ldap://127.0.0.1:3389\"";
const PIN: &str = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

pub(super) fn check(rows: &[Row]) {
    for (old, new, key, part) in rows {
        let new = new.replace("{PIN}", PIN);
        let text = minimal_with(old, &new);
        let Err(errors) = read(&Case { text: &text, environment: &[], private: false }) else {
            panic!("accepted: {new}");
        };
        let found = errors.problems.iter().find(|problem| problem.key == *key);
        let Some(found) = found else { panic!("expected {key}\n{errors}") };
        assert!(found.to_string().contains(part), "expected {part:?}\n{errors}");
        assert_eq!(errors.problems.len(), 1, "for {new}: {errors}");
    }
}

#[test]
fn each_fault_is_named() {
    check(TOP);
}

const TOP: &[Row] = &[
    ("[[directory]]", "control = \"\"\n[[directory]]", "control", "is empty"),
    ("[[directory]]", "shutdown_grace = \"soon\"\n[[directory]]", "shutdown_grace", "no duration"),
    ("[[directory]]", "shutdown_grace = 10\n[[directory]]", "shutdown_grace", "has no unit"),
    ("[[directory]]", "shutdown_grace = \"-1s\"\n[[directory]]", "shutdown_grace", "negative"),
    (
        "[[directory]]",
        "shutdown_grace = \"2h\"\n[[directory]]",
        "shutdown_grace",
        "between 0ms and 10m",
    ),
    ("[[directory]]", "[log]\nlevel = \"trace\"\n[[directory]]", "log.level", "\"error\" or"),
    (
        "[[directory]]",
        "[log]\nformat = \"xml\"\n[[directory]]",
        "log.format",
        "\"human\" or \"json\"",
    ),
    (
        "[[directory]]",
        "[log]\nhash_unknown_names = \"maybe\"\n[[directory]]",
        "log.hash_unknown_names",
        "true or false",
    ),
    ("[[directory]]", "[audit]\nfile = \"\"\n[[directory]]", "audit.file", "is empty"),
    (
        "[[directory]]",
        "[audit]\nkey_file = \"a.key\"\n[[directory]]",
        "audit.key_file",
        "without file",
    ),
    (
        "[[directory]]",
        "[audit]\nrotate_size = \"1KiB\"\n[[directory]]",
        "audit.rotate_size",
        "out of bounds",
    ),
    (
        "[[directory]]",
        "[audit]\nrotate_age = \"1m\"\n[[directory]]",
        "audit.rotate_age",
        "out of bounds",
    ),
    ("[[directory]]", "[audit]\nkeep = 10001\n[[directory]]", "audit.keep", "out of bounds"),
    (
        "[[directory]]",
        "[audit]\nwhen_full = \"block\"\n[[directory]]",
        "audit.when_full",
        "\"drop\" or \"wait\"",
    ),
    (
        "[[directory]]",
        "[audit]\nhash_names = \"maybe\"\n[[directory]]",
        "audit.hash_names",
        "true or false",
    ),
    ("[[directory]]", "nonsense = 1\n[[directory]]", "nonsense", "no such key"),
    ("[[directory]]", "[logging]\n[[directory]]", "logging", "no such key"),
    ("[[directory]]", "[log]\nlevle = \"info\"\n[[directory]]", "log.levle", "did you mean level?"),
];

#[test]
fn each_fault_of_a_listener_is_named() {
    check(LISTENER);
}

const LISTENER: &[Row] = &[
    (URL, "", "listener[0].url", "is missing"),
    (URL, "url = \"127.0.0.1:389\"", "listener[0].url", "before the host"),
    (URL, "url = \"ldap://ldap.corp.example\"", "listener[0].url", "write an IP address"),
    (URL, "url = \"ldap://*:389\"", "listener[0].url", "no host"),
    (URL, "url = \"ldaps://127.0.0.1\"", "listener[0].certificate", "ldapgate certs"),
    (URL, "url = \"ldaps://127.0.0.1\"\ncertificate = \"a\"", "listener[0].key", "is missing"),
    (URL, "url = \"ldaps://127.0.0.1\"\nkey = \"a\"", "listener[0].certificate", "is missing"),
    (
        URL,
        "url = \"ldaps://127.0.0.1\"\ncertificate = \"a\"\nkey = \"b\"\nallow_cleartext_bind = true",
        "listener[0].allow_cleartext_bind",
        "means nothing",
    ),
    (URL, "url = \"ldap://127.0.0.1\"\nname = \"a b\"", "listener[0].name", "is no name"),
    (
        URL,
        "url = \"ldap://127.0.0.1\"\nproxy_protocol = []",
        "listener[0].proxy_protocol",
        "empty list",
    ),
    (
        URL,
        "url = \"ldap://127.0.0.1\"\nproxy_protocol = [\"10.0.0.5\", \"10.0.0.1/8\"]",
        "listener[0].proxy_protocol[1]",
        "10.0.0.0/8 for the network",
    ),
    (
        URL,
        "url = \"ldap://127.0.0.1\"\nmax_connections = 0",
        "listener[0].max_connections",
        "between 1",
    ),
    (
        URL,
        "url = \"ldap://127.0.0.1\"\nlimits.idle_timeout = \"1 fortnight\"",
        "listener[0].limits.idle_timeout",
        "no duration",
    ),
    (
        URL,
        "url = \"ldap://127.0.0.1\"\nlimits.message_before_bind = \"1KiB\"",
        "listener[0].limits.message_before_bind",
        "between 4KiB",
    ),
    (
        URL,
        "url = \"ldap://127.0.0.1\"\nlimits.message_after_bind = \"32KiB\"",
        "listener[0].limits.message_after_bind",
        "less than",
    ),
    (
        URL,
        "url = \"ldap://127.0.0.1\"\n[[listener]]\nurl = \"ldap://0.0.0.0:389\"\ncertificate = \"a\"\nkey = \"b\"",
        "listener[1].url",
        "taken by listener[0]",
    ),
    (
        URL,
        "url = \"ldap://127.0.0.1\"\nname = \"a\"\n[[listener]]\nname = \"a\"\nurl = \"ldap://127.0.0.1:1\"",
        "listener[1].name",
        "already",
    ),
];

#[test]
fn applications_that_one_client_could_be_meant_for_are_named_both() {
    let second = "[[application]]\nname = \"wiki\"\nbases = [\"DC=corp\"]\n";
    for (networks, more, expected) in [
        (
            "",
            "",
            "\"wiki\" and \"crm\" (application[0]) are both meant for all clients on listener",
        ),
        ("networks = [\"10.0.0.0/8\"]", "", "clients in 10.0.0.0/8"),
        ("networks = [\"10.0.0.0/8\"]", "networks = [\"10.2.0.0/16\"]", "clients in 10.2.0.0/16"),
        (
            "networks = [\"10.2.0.0/16\"]",
            "networks = [\"fd00::/8\", \"10.0.0.0/8\"]",
            "clients in 10.2.0.0/16",
        ),
        ("networks = [\"::/0\"]", "networks = [\"fd00::1\"]", "clients in fd00::1/128"),
        ("listeners = [\"ldap://127.0.0.1:3389\"]", "", "both meant for all clients"),
    ] {
        let text = minimal_plus("application", networks) + second + more;
        let errors = read(&Case { text: &text, environment: &[], private: false }).err().unwrap();
        let [problem] = errors.problems.as_slice() else { panic!("{errors}") };
        assert_eq!(problem.key, "application[1].networks");
        assert!(problem.reason.contains(expected), "{problem}");
    }
    let text = format!("{MINIMAL}[[application]]\nname = \"CRM\"\nnetworks = [\"10.0.0.0/8\"]\n");
    let errors = read(&Case { text: &text, environment: &[], private: false }).err().unwrap();
    assert!(errors.problems.iter().any(|problem| problem.key == "application[1].name"), "{errors}");
}

#[test]
fn sections_that_are_missing_or_twice_are_named() {
    let errors = read(&Case { text: "", environment: &[], private: false }).err().unwrap();
    let keys: Vec<_> = errors.problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["directory", "application", "listener"]);
    let directory = MINIMAL.split("[[application]]").next().unwrap();
    let text = format!("{MINIMAL}{}", directory.replace("\"corp\"", "\"Corp\""));
    let errors = read(&Case { text: &text, environment: &[], private: false }).err().unwrap();
    let [problem] = errors.problems.as_slice() else { panic!("{errors}") };
    assert_eq!(problem.key, "directory[1].name");
}

#[test]
fn all_faults_come_at_once() {
    let text =
        minimal_with(CONTROLLERS, r#"["dc1", { url = "ldaps://dc2.corp.example", teir = 1 }]"#)
            .replace("corp.password", "open.password")
            .replace("OU=People,", "People,")
            .replace("127.0.0.1:3389", "ldap.corp.example")
            + "color = \"red\"\n[log]\nlevel = \"loud\"\nhash_unknown_names = \"maybe\"\n";
    let errors = read(&Case { text: &text, environment: &[], private: false }).err().unwrap();
    let keys: Vec<_> = errors.problems.iter().map(|problem| problem.key.as_str()).collect();
    let expected = [
        "log.level",
        "log.hash_unknown_names",
        "directory[0].controllers[0]",
        "directory[0].controllers[1].teir",
        "directory[0].bind_password_file",
        "application[0].bases[0]",
        "listener[0].color",
        "listener[0].url",
    ];
    for key in expected {
        assert!(keys.contains(&key), "{key} is missing in {keys:?}");
    }
    assert_eq!(keys.len(), expected.len(), "{errors}");
    assert!(errors.to_string().starts_with("configuration: 8 problems\n  "), "{errors}");
}

#[test]
fn the_environment_says_its_own_faults() {
    for (name, value, key, part) in [
        ("LDAPGATE__LOG__LEVEL", "loud", "log.level", "\"loud\" is not known"),
        ("LDAPGATE__LOG__LEVLE", "info", "log.levle", "from the environment"),
        ("LDAPGATE__SHUTDOWN_GRACE", "10", "shutdown_grace", "no unit"),
        (
            "LDAPGATE__DIRECTORY__0__NAME",
            "x",
            "directory",
            "LDAPGATE__DIRECTORY__0__NAME reaches into a list",
        ),
        ("LDAPGATE__LISTENER", "x", "listener", "cannot be overridden"),
    ] {
        let case = Case { text: MINIMAL, environment: &[(name, value)], private: false };
        let errors = read(&case).err().unwrap();
        let [problem] = errors.problems.as_slice() else { panic!("{errors}") };
        assert_eq!(problem.key, key);
        assert!(problem.to_string().contains(part), "{problem}");
    }
}

#[test]
fn what_is_no_toml_names_the_line() {
    let errors = read(&Case { text: "[[directory]\nname = 1", environment: &[], private: false })
        .err()
        .unwrap();
    let [problem] = errors.problems.as_slice() else { panic!("{errors}") };
    assert!(problem.reason.contains("line 1, column"), "{problem}");
}
