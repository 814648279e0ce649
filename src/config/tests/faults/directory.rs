//! Faults of a directory: its names and secrets, its controllers, and its ways.

use super::*;

#[test]
fn each_fault_of_a_directory_is_named() {
    check(DIRECTORY);
}

const DIRECTORY: &[Row] = &[
    ("name = \"corp\"\n", "", "directory[0].name", "is missing"),
    ("name = \"corp\"", "name = \"the corp\"", "directory[0].name", "is no name"),
    (
        "name = \"corp\"",
        "name = \"corp\"\nkind = \"novell\"",
        "directory[0].kind",
        "\"active-directory\" or \"openldap\"",
    ),
    (
        "name = \"corp\"",
        "nmae = \"corp\"\nname = \"corp\"",
        "directory[0].nmae",
        "did you mean name?",
    ),
    (CONTROLLERS, "[]", "directory[0].controllers", "names no controller"),
    (CONTROLLERS, "\"ldaps://dc1.corp.example\"", "directory[0].controllers", "write a list"),
    (CA, "ca_file = \"../certs/none.pem\"", "directory[0].ca_file", "cannot be read"),
    (CA, "ca_file = \"../certs/binary.pem\"", "directory[0].ca_file", "openssl x509 -inform der"),
    (CA, "ca_file = \"../certs/empty.pem\"", "directory[0].ca_file", "holds no certificate"),
    (
        CA,
        "ca_file = \"../certs/corp-ca.pem\"\nspki_pins = [\"{PIN}\"]",
        "directory[0].spki_pins",
        "choose one",
    ),
    (CA, "spki_pins = []", "directory[0].spki_pins", "empty list"),
    (CA, "spki_pins = [\"{PIN}\", \"sha256/abc\"]", "directory[0].spki_pins[1]", "is no pin"),
    (CA, "spki_pins = [\"sha1/abc\"]", "directory[0].spki_pins[0]", "sha256/"),
    ("bind_name = \"svc-ldapgate@corp.example\"\n", "", "directory[0].bind_name", "is missing"),
    ("svc-ldapgate@corp.example", "svc-ldapgate", "directory[0].bind_name", "controllers refuse"),
    (
        "svc-ldapgate@corp.example",
        "CN=svc,,DC=corp",
        "directory[0].bind_name",
        "no distinguished name",
    ),
    ("svc-ldapgate@corp.example", r"CORP\tsvc", "directory[0].bind_name", "single quotes"),
    ("svc-ldapgate@corp.example", "", "directory[0].bind_name", "is empty"),
    (
        "bind_name = ",
        "kind = \"openldap\"\nbind_name = ",
        "directory[0].bind_name",
        "no distinguished name",
    ),
    (FILE, "", "directory[0].bind_password_file", "is missing"),
    (FILE, "bind_password_file = \"\"", "directory[0].bind_password_file", "is empty"),
    (FILE, "bind_password_file = \"none\"", "directory[0].bind_password_file", "cannot be read"),
    (
        FILE,
        "bind_password_file = \"../secrets/open.password\"",
        "directory[0].bind_password_file",
        "chmod 600 /etc/ldapgate/../secrets/open.password",
    ),
    (
        FILE,
        "bind_password_file = \"../secrets/empty.password\"",
        "directory[0].bind_password_file",
        "is empty",
    ),
    (
        FILE,
        "bind_password_file = \"../secrets/notepad.password\"",
        "directory[0].bind_password_file",
        "byte order mark",
    ),
    (
        FILE,
        "bind_password_file = \"../secrets/utf16.password\"",
        "directory[0].bind_password_file",
        "UTF-8",
    ),
    (FILE, "bind_password = \"x\"", "directory[0].bind_password", "chmod 600"),
    (
        FILE,
        "bind_password = \"x\"\nbind_password_file = \"x\"",
        "directory[0].bind_password",
        "keep one",
    ),
    (
        FILE,
        "bind_password_file = \"../secrets/corp.password\"\nbase_dn = \"corp.example\"",
        "directory[0].base_dn",
        "no distinguished name",
    ),
    (
        FILE,
        "bind_password_file = \"../secrets/corp.password\"\nmax_message = \"16MB\"",
        "directory[0].max_message",
        "4MiB",
    ),
    (
        FILE,
        "bind_password_file = \"../secrets/corp.password\"\nmax_message = 100",
        "directory[0].max_message",
        "between 64KiB and 1024MiB",
    ),
];

#[test]
fn each_fault_of_a_controller_is_named() {
    check(CONTROLLER);
}

const CONTROLLER: &[Row] = &[
    (
        CONTROLLERS,
        r#"["dc1.corp.example", "ldaps://b"]"#,
        "directory[0].controllers[0]",
        "ldaps://",
    ),
    (
        CONTROLLERS,
        r#"["ldaps://a", "http://b"]"#,
        "directory[0].controllers[1]",
        "neither ldap:// nor",
    ),
    (CONTROLLERS, r#"["ldaps://a", "ldaps://"]"#, "directory[0].controllers[1]", "no host"),
    (CONTROLLERS, r#"["ldaps://a", "ldaps://b:99999"]"#, "directory[0].controllers[1]", "no port"),
    (CONTROLLERS, r#"["ldaps://a", "ldaps://b:0"]"#, "directory[0].controllers[1]", "port 0"),
    (
        CONTROLLERS,
        r#"["ldaps://a", "ldaps://b/DC=corp"]"#,
        "directory[0].controllers[1]",
        "more than a host",
    ),
    (CONTROLLERS, r#"["ldaps://a", "ldaps://b c"]"#, "directory[0].controllers[1]", "no host"),
    (CONTROLLERS, r#"["ldaps://a", "ldaps://fd00::1"]"#, "directory[0].controllers[1]", "no port"),
    (CONTROLLERS, r#"["ldaps://a", "ldaps://A:636"]"#, "directory[0].controllers[1]", "already"),
    (CONTROLLERS, r#"["ldaps://a", 7]"#, "directory[0].controllers[1]", "a string or a table"),
    (
        CONTROLLERS,
        r#"["ldaps://a", { uri = "ldaps://b", url = "ldaps://b" }]"#,
        "directory[0].controllers[1].uri",
        "did you mean url?",
    ),
    (
        CONTROLLERS,
        r#"["ldaps://a", { tier = 1 }]"#,
        "directory[0].controllers[1].url",
        "is missing",
    ),
    (
        CONTROLLERS,
        r#"["ldaps://a", { url = "ldaps//b" }]"#,
        "directory[0].controllers[1].url",
        "before the host",
    ),
    (
        CONTROLLERS,
        r#"["ldaps://a", { url = "ldaps://b", tier = 300 }]"#,
        "directory[0].controllers[1].tier",
        "8 bit",
    ),
    (
        CONTROLLERS,
        r#"["ldaps://a", { url = "ldaps://b", address = "10.0.0.1:636" }]"#,
        "directory[0].controllers[1].address",
        "without a port",
    ),
    (
        CONTROLLERS,
        r#"["ldaps://a", { url = "ldaps://b", starttls = true }]"#,
        "directory[0].controllers[1].starttls",
        "means nothing",
    ),
    (
        CONTROLLERS,
        r#"["ldaps://a", { url = "ldaps://b", plaintext = true }]"#,
        "directory[0].controllers[1].plaintext",
        "contradicts",
    ),
    (
        CONTROLLERS,
        r#"["ldaps://a", { url = "ldap://b", plaintext = true, starttls = true }]"#,
        "directory[0].controllers[1].plaintext",
        "contradicts",
    ),
    (
        CONTROLLERS,
        r#"["ldaps://a", { url = "ldap://b", starttls = false }]"#,
        "directory[0].controllers[1].starttls",
        "no protection",
    ),
    (
        CONTROLLERS,
        r#"["ldaps://a", { url = "ldaps://b", ca_file = "none" }]"#,
        "directory[0].controllers[1].ca_file",
        "cannot be read",
    ),
    (
        CONTROLLERS,
        r#"["ldaps://a", { url = "ldaps://b", ca_file = "../certs/corp-ca.pem", spki_pins = ["{PIN}"] }]"#,
        "directory[0].controllers[1].spki_pins",
        "choose one",
    ),
];

#[test]
fn each_fault_of_the_ways_of_a_directory_is_named() {
    check(WAYS);
}

const WAYS: &[Row] = &[
    (
        APPLICATION,
        "[directory.timeouts]\nconnect = \"0s\"\n[[application]]\n",
        "directory[0].timeouts.connect",
        "out of bounds",
    ),
    (
        APPLICATION,
        "[directory.timeouts]\ntotal = \"1s\"\n[[application]]\n",
        "directory[0].timeouts.total",
        "less than",
    ),
    (
        APPLICATION,
        "[directory.pool]\nmax_links = 0\n[[application]]\n",
        "directory[0].pool.max_links",
        "between 1",
    ),
    (
        APPLICATION,
        "[directory.pool]\nwarm = 50\n[[application]]\n",
        "directory[0].pool.warm",
        "more than max_links",
    ),
    (
        APPLICATION,
        "[directory.pool]\nqueue = -1\n[[application]]\n",
        "directory[0].pool.queue",
        "write",
    ),
    (
        APPLICATION,
        "[directory.pool]\nidle = \"10ms\"\n[[application]]\n",
        "directory[0].pool.idle",
        "between 1s and 24h",
    ),
    (
        APPLICATION,
        "[directory.health]\nprobe_interval = \"0s\"\n[[application]]\n",
        "directory[0].health.probe_interval",
        "out of bounds",
    ),
    (
        APPLICATION,
        "[directory.sync]\ncron = \"0 */5 * * * *\"\n[[application]]\n",
        "directory[0].sync.cron",
        "five fields",
    ),
    (
        APPLICATION,
        "[directory.sync]\ncron = \"61 * * * *\"\n[[application]]\n",
        "directory[0].sync.cron",
        "no schedule",
    ),
    (
        APPLICATION,
        "[directory.sync]\ncron = \"@hourly\"\n[[application]]\n",
        "directory[0].sync.cron",
        "five fields",
    ),
    (
        APPLICATION,
        "[directory.sync]\ntime_zone = \"Mars/Olympus\"\n[[application]]\n",
        "directory[0].sync.time_zone",
        "Europe/Berlin",
    ),
    (
        APPLICATION,
        "[directory.sync]\npage_size = 1\n[[application]]\n",
        "directory[0].sync.page_size",
        "between 10",
    ),
    (
        APPLICATION,
        "[directory.sync]\nbase = \"people\"\n[[application]]\n",
        "directory[0].sync.base",
        "no distinguished name",
    ),
    (
        FILE,
        "bind_password_file = \"../secrets/corp.password\"\nbase_dn = \"DC=corp,DC=example\"\nsync.base = \"OU=A,DC=other\"",
        "directory[0].sync.base",
        "outside base_dn",
    ),
];
