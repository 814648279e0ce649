//! Each fault that a configuration can have, its key and its reason.

use super::*;

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

#[test]
fn each_fault_of_an_application_is_named() {
    check(APPLICATIONS);
}

const APPLICATIONS: &[Row] = &[
    ("name = \"crm\"\n", "", "application[0].name", "is missing"),
    ("name = \"crm\"", "name = \"c r m\"", "application[0].name", "is no name"),
    (
        APPLICATION,
        "[[application]]\ndirectories = []\n",
        "application[0].directories",
        "empty list",
    ),
    (
        APPLICATION,
        "[[application]]\ndirectories = [\"corp\", \"lab\"]\n",
        "application[0].directories[1]",
        "known: \"corp\"",
    ),
    (
        APPLICATION,
        "[[application]]\ndirectories = [\"corp\", \"corp\"]\n",
        "application[0].directories[1]",
        "already",
    ),
    (
        APPLICATION,
        "[[application]]\noperations = [\"bind\", \"modify\"]\n",
        "application[0].operations[1]",
        "no operation that is served",
    ),
    (
        "[[application]]\n",
        "[[application]]\noperations = []\n",
        "application[0].operations",
        "empty list",
    ),
    (
        "[[application]]\n",
        "[[application]]\nlimits.binds_per_second = 2000000\n",
        "application[0].limits.binds_per_second",
        "between 0",
    ),
    (
        "[[application]]\n",
        "[[application]]\nlisteners = [\"inside\"]\n",
        "application[0].listeners[0]",
        "known: \"ldap://127.0.0.1:3389\"",
    ),
    (PEOPLE, "bases = []", "application[0].bases", "empty list"),
    (PEOPLE, "bases = [\"\"]", "application[0].bases[0]", "is empty"),
    (PEOPLE, "bases = [\"People\"]", "application[0].bases[0]", "at position"),
    (PEOPLE, "bases = [{ dn = \"People\" }]", "application[0].bases[0].dn", "at position"),
    (PEOPLE, "bases = [{ directory = \"corp\" }]", "application[0].bases[0].dn", "is missing"),
    (
        PEOPLE,
        "bases = [{ directory = \"lab\", dn = \"DC=corp\" }]",
        "application[0].bases[0].directory",
        "no directory of this application",
    ),
    (
        PEOPLE,
        "bases = [\"DC=corp,DC=example\", \"dc=Corp, dc=example\"]",
        "application[0].bases[1]",
        "already",
    ),
    (
        PEOPLE,
        "bases = [\"OU=A,DC=corp\"]\nexcluded_bases = [\"DC=corp\"]",
        "application[0].excluded_bases",
        "a whole base",
    ),
    (
        APPLICATION,
        "[[application]]\nuser_filter = \"(mail=*\"\n",
        "application[0].user_filter",
        "at position",
    ),
    (
        APPLICATION,
        "[[application]]\nrequired_groups = [\"\"]\n",
        "application[0].required_groups[0]",
        "is empty",
    ),
    (
        APPLICATION,
        "[[application]]\nrequired_groups = []\n",
        "application[0].required_groups",
        "empty list",
    ),
    (
        APPLICATION,
        "[[application]]\ndenied_groups = [\"CN=A,,DC=corp\"]\n",
        "application[0].denied_groups[0]",
        "no distinguished name",
    ),
    (
        APPLICATION,
        "[[application]]\ndenied_groups = [\"a\", \"A\"]\n",
        "application[0].denied_groups[1]",
        "already",
    ),
    (APPLICATION, "[[application]]\nattributes = []\n", "application[0].attributes", "empty list"),
    (
        APPLICATION,
        "[[application]]\nattributes = [\"mail\", \"*\"]\n",
        "application[0].attributes[1]",
        "hidden_attributes",
    ),
    (
        APPLICATION,
        "[[application]]\nattributes = [\"unicodePwd\"]\n",
        "application[0].attributes[0]",
        "never copied",
    ),
    (
        APPLICATION,
        "[[application]]\nattributes = [\"mail\", \"MAIL\"]\n",
        "application[0].attributes[1]",
        "already",
    ),
    (
        APPLICATION,
        "[[application]]\nhidden_attributes = [\"mail\", \"CN\"]\n",
        "application[0].hidden_attributes",
        "cannot be hidden",
    ),
    (
        APPLICATION,
        "[[application]]\nattributes = [\"mail\"]\nhidden_attributes = [\"title\"]\n",
        "application[0].hidden_attributes",
        "beside attributes",
    ),
    (
        APPLICATION,
        "[[application]]\nvisible_bases = [\"Groups\"]\n",
        "application[0].visible_bases[0]",
        "at position",
    ),
    (APPLICATION, "[[application]]\ngroup_filter = \"cn=\"\n", "application[0].group_filter", ""),
    (
        APPLICATION,
        "[[application]]\ndisabled_accounts = \"gone\"\n",
        "application[0].disabled_accounts",
        "\"shown\" or",
    ),
    (
        APPLICATION,
        "[[application]]\nrename_attributes = [{ to = \"uid\" }]\n",
        "application[0].rename_attributes[0].attribute",
        "is missing",
    ),
    (
        APPLICATION,
        "[[application]]\nrename_attributes = [{ attribute = \"mail\", to = \"cn\" }]\n",
        "application[0].rename_attributes[0].to",
        "keeps its own",
    ),
    (
        APPLICATION,
        "[[application]]\nrename_attributes = [{ attribute = \"unicodePwd\", to = \"x\" }]\n",
        "application[0].rename_attributes[0].attribute",
        "never copied",
    ),
    (
        APPLICATION,
        "[[application]]\nrename_attributes = [{ attribute = \"mail\", to = \"uid\" }, { attribute = \"sn\", to = \"UID\" }]\n",
        "application[0].rename_attributes[1].to",
        "another attribute",
    ),
    (
        APPLICATION,
        "[[application]]\nrename_attributes = [{ attribute = \"mail\", to = \"x\" }, { attribute = \"MAIL\", to = \"y\" }]\n",
        "application[0].rename_attributes[1].attribute",
        "another name already",
    ),
    (
        APPLICATION,
        "[[application]]\nrewrite_bases = [{ from = \"DC=corp\" }]\n",
        "application[0].rewrite_bases[0].to",
        "is missing",
    ),
    (
        APPLICATION,
        "[[application]]\nrewrite_bases = [{ from = \"DC=corp\", to = \"legacy\" }]\n",
        "application[0].rewrite_bases[0].to",
        "at position",
    ),
    (
        APPLICATION,
        "[[application]]\nrewrite_bases = [{ from = \"DC=corp\", to = \"OU=x,dc=Corp\" }]\n",
        "application[0].rewrite_bases[0].to",
        "overlap",
    ),
    (
        APPLICATION,
        "[[application]]\nrewrite_bases = [{ from = \"DC=corp\", to = \"cn=LDAPgate\" }]\n",
        "application[0].rewrite_bases[0].to",
        "cn=ldapgate",
    ),
    (
        APPLICATION,
        "[[application]]\nrewrite_bases = [{ from = \"DC=a\", to = \"DC=b\" }, { from = \"DC=c\", to = \"DC=b\" }]\n",
        "application[0].rewrite_bases[1].to",
        "overlaps with number 0",
    ),
    (
        APPLICATION,
        "[[application]]\nadd_attributes = [{ attribute = \"company\" }]\n",
        "application[0].add_attributes[0]",
        "in one way",
    ),
    (
        APPLICATION,
        "[[application]]\nadd_attributes = [{ attribute = \"company\", values = [\" \"] }]\n",
        "application[0].add_attributes[0].values[0]",
        "is empty",
    ),
    (
        APPLICATION,
        "[[application]]\nadd_attributes = [{ attribute = \"company\", nested = true }]\n",
        "application[0].add_attributes[0].attribute",
        "no other attribute",
    ),
    (
        APPLICATION,
        "[[application]]\nadd_attributes = [{ attribute = \"manager\", values = [\"cn=x\"] }]\n",
        "application[0].add_attributes[0].attribute",
        "names of entries",
    ),
    (
        APPLICATION,
        "[[application]]\nadd_attributes = [{ attribute = \"department\", from_path = 0 }]\n",
        "application[0].add_attributes[0].from_path",
        "between 1 and 20",
    ),
    (
        APPLICATION,
        "[[application]]\nadd_attributes = [{ attribute = \"o\", from_path = 1 }, { attribute = \"organizationName\", from_path = 2 }]\n",
        "application[0].add_attributes[1].attribute",
        "in the list already",
    ),
    (SERVICE, "service_accounts = []", "application[0].service_accounts", "empty list"),
    (
        SERVICE,
        r#"service_accounts = ["CORP\tom"]"#,
        "application[0].service_accounts[0]",
        "single quotes",
    ),
    (
        SERVICE,
        r#"service_accounts = ["a@b", "A@B"]"#,
        "application[0].service_accounts[1]",
        "already",
    ),
    (
        SERVICE,
        "service_accounts = [\"CN=a,,DC=b\"]",
        "application[0].service_accounts[0]",
        "no distinguished name",
    ),
    (
        APPLICATION,
        "[[application]]\nsearchers = \"everybody\"\n",
        "application[0].searchers",
        "\"service-accounts\" or",
    ),
    (
        APPLICATION,
        "[[application]]\nanonymous = \"yes\"\n",
        "application[0].anonymous",
        "\"root-dse-only\" or",
    ),
    (
        APPLICATION,
        "[[application]]\nrefusals = \"533\"\n",
        "application[0].refusals",
        "\"uniform\" or",
    ),
    (
        APPLICATION,
        "[[application]]\nnegative_latency = \"9s\"\n",
        "application[0].negative_latency",
        "between 0ms and 4s",
    ),
    (
        APPLICATION,
        "[[application]]\nnetworks = [\"10.0.0.0/8\", \"lan\"]\n",
        "application[0].networks[1]",
        "is no network",
    ),
    (
        APPLICATION,
        "[[application]]\nnetworks = [\"10.1.2.3/8\"]\n",
        "application[0].networks[0]",
        "10.0.0.0/8 for the network",
    ),
    (
        APPLICATION,
        "[[application]]\nlimits.time = \"0s\"\n",
        "application[0].limits.time",
        "out of bounds",
    ),
    (APPLICATION, "[[application]]\nlimits.size = -1\n", "application[0].limits.size", "write"),
];

#[test]
fn each_fault_of_a_local_account_is_named() {
    check(LOCAL_ACCOUNT);
}

const LOCAL_ACCOUNT: &[Row] = &[
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = []\n",
        "application[0].local_accounts",
        "empty list",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ secret = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }]\n",
        "application[0].local_accounts[0].name",
        "is missing",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ name = \"crm\" }]\n",
        "application[0].local_accounts[0].secret",
        "service-account new",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ name = \"crm\", secret = \"hunter2\" }]\n",
        "application[0].local_accounts[0].secret",
        "neither",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ name = \"crm\", secret = \"sha256:abc\" }]\n",
        "application[0].local_accounts[0].secret",
        "64 hexadecimal",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ name = \"crm\", secret = \"$argon2id$v=19$m=19456\" }]\n",
        "application[0].local_accounts[0].secret",
        "no salt or no hash",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ name = \"crm\", secret = \"$argon2id$v=19$m=4000000,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$U29tZUhhc2hTb21lSGFzaFNvbWVIYXNoU29tZUhhc2g\" }]\n",
        "application[0].local_accounts[0].secret",
        "more than 256 MiB",
    ),
    (
        APPLICATION,
        "[[application]]\nlocal_accounts = [{ name = 'CORP\\crm', secret = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }]\n",
        "application[0].local_accounts[0].name",
        "belong to other forms",
    ),
    (
        SERVICE,
        "service_accounts = [\"CRM\"]\nlocal_accounts = [{ name = 'crm', secret = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }]",
        "application[0].local_accounts[0].name",
        "service_accounts too",
    ),
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
