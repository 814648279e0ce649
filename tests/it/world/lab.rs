//! Real servers: two replicating Samba controllers and OpenLDAP, started by the scripts in `tests/lab`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock};

use ldapgate::ldap::request::SearchScope::BaseObject;

use super::client::Client;

/// The password of every seeded account that has one.
pub(crate) const PASSWORD: &str = "Sekret-123!";

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab").join(name)
}

/// The folder for instances of this run; `scripts/test` makes it and takes everything in it down again.
fn run_folder() -> PathBuf {
    std::env::var_os("LDAPGATE_LAB")
        .map(PathBuf::from)
        .expect("LDAPGATE_LAB is not set: run scripts/test, which prepares the lab")
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// `127.x.number`, where x is this process's own: two test runs on one machine do not meet.
fn network(number: u8) -> String {
    format!("127.{}.{number}", 100 + std::process::id() % 100)
}

/// Two controllers of CORP.TEST on a network of their own.
pub(crate) struct Ad {
    folder: PathBuf,
    network: String,
    temporary: bool,
}

impl Ad {
    /// An instance for this test alone; `number` is of a network that no other test uses.
    pub(crate) fn own(name: &str, number: u8) -> Self {
        Self::up(name, number, true)
    }

    /// The instance that tests share which change nothing.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Ad> = OnceLock::new();
        static STARTING: Mutex<()> = Mutex::new(());
        let _one = STARTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        SHARED.get_or_init(|| Self::up("shared", 1, false))
    }

    fn up(name: &str, number: u8, temporary: bool) -> Self {
        let snapshot = std::env::var("LDAPGATE_LAB_SNAPSHOT").expect("LDAPGATE_LAB_SNAPSHOT");
        let (folder, network) = (run_folder().join(name), network(number));
        run(Command::new(script("adlab")).arg("up").arg(snapshot).arg(&folder).arg(&network));
        Self { folder, network, temporary }
    }

    /// The address of controller 1 or 2.
    pub(crate) fn address(&self, number: u32) -> String {
        format!("{}.1{number}", self.network)
    }

    /// The authority that signed the controllers' certificates.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.join("ca/ca.pem")
    }

    /// An authority that signed nothing.
    pub(crate) fn other_ca(&self) -> PathBuf {
        self.folder.join("ca/other-ca.pem")
    }

    /// Runs a subcommand of the lab script on this instance: `kill`, `startdc`, `pause`, `resume` …
    pub(crate) fn control(&self, command: &str, arguments: &[&str]) {
        run(Command::new(script("adlab")).arg(command).arg(&self.folder).args(arguments));
    }

    /// The binds that a controller has really seen for an account, oldest first.
    pub(crate) fn binds(&self, number: u32, account: &str) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.audit_file(number)).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|event| event["type"] == "Authentication")
            .filter(|event| {
                let event = &event["Authentication"];
                ["becameAccount", "mappedAccount", "clientAccount"].iter().any(|key| {
                    let name = event[key].as_str().unwrap_or_default().to_lowercase();
                    let name = name.rsplit('\\').next().unwrap_or_default();
                    name == account.to_lowercase()
                })
            })
            .collect()
    }

    /// How many binds both controllers have seen for an account.
    pub(crate) fn bind_count(&self, account: &str) -> usize {
        self.binds(1, account).len() + self.binds(2, account).len()
    }

    /// The lines that a controller has added to its audit file since the `read`th octet, which moves on.
    pub(crate) fn audit_lines(&self, number: u32, read: &mut u64) -> Vec<serde_json::Value> {
        let mut file = File::open(self.audit_file(number)).unwrap();
        file.seek(SeekFrom::Start(*read)).unwrap();
        let mut octets = Vec::new();
        file.read_to_end(&mut octets).unwrap();
        // The last line may be half there.
        let whole = octets.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
        *read += whole as u64;
        let lines = String::from_utf8_lossy(&octets[..whole]);
        lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn audit_file(&self, number: u32) -> PathBuf {
        self.folder.join(format!("dc{number}/log/auth.json"))
    }

    /// Writes a value at both controllers below all that they check, for what older directories have and Samba
    /// refuses.
    pub(crate) fn write_unchecked(&self, dn: &str, attribute: &str, value: &str) {
        for number in 1..=2 {
            let database = self.folder.join(format!("dc{number}/private/sam.ldb"));
            let mut command = Command::new(script("adraw.py"));
            run(command.arg(database).args([dn, attribute, value]));
        }
    }

    /// Changes the directory through controller 1 with the administrator's rights.
    pub(crate) fn modify(&self, ldif: &str) {
        self.modify_at(1, ldif);
    }

    /// Changes the directory through one controller.
    pub(crate) fn modify_at(&self, number: u32, ldif: &str) {
        let file = self.folder.join(format!("change-{number}.ldif"));
        std::fs::write(&file, ldif).unwrap();
        run(Command::new("ldapmodify")
            .args(["-x", "-H", &format!("ldap://{}", self.address(number))])
            .args(["-D", "CN=Administrator,CN=Users,DC=corp,DC=test", "-w", "Passw0rd!adm"])
            .arg("-f")
            .arg(file));
    }

    /// A connection to a controller with the administrator's rights.
    pub(crate) fn administrator(&self, number: u32) -> Client {
        let mut client = Client::connect((self.address(number), 389));
        let answer = client.bind("CN=Administrator,CN=Users,DC=corp,DC=test", "Passw0rd!adm");
        assert_eq!(answer.code(), 0);
        client
    }

    /// The last part of the SID of an entry.
    pub(crate) fn relative_id(&self, number: u32, dn: &str) -> u32 {
        let mut client = self.administrator(number);
        let (found, _) = client.search(dn, BaseObject, "(objectClass=*)", &["objectSid"]);
        let sid = found[0].first("objectSid").unwrap();
        u32::from_le_bytes(sid[sid.len() - 4..].try_into().unwrap())
    }
}

impl Drop for Ad {
    fn drop(&mut self) {
        if self.temporary {
            let _ = Command::new(script("adlab")).arg("down").arg(&self.folder).output();
        }
    }
}

/// A throw-away OpenLDAP server of dc=example,dc=org.
pub(crate) struct Slapd {
    folder: PathBuf,
    address: String,
    port: u16,
}

impl Slapd {
    /// An instance for this test alone; `number` is of a network that no other test uses.
    pub(crate) fn own(name: &str, number: u8) -> Self {
        Self::up(name, number, &[])
    }

    /// The same with the overlay syncprov as `syncprov` says: see `tests/lab/slapdlab`.
    pub(crate) fn with_syncprov(name: &str, number: u8, syncprov: &str) -> Self {
        Self::up(name, number, &[("SYNCPROV", syncprov)])
    }

    fn up(name: &str, number: u8, environment: &[(&str, &str)]) -> Self {
        let (folder, port, address) =
            (run_folder().join(name), 3389, format!("{}.1", network(number)));
        run(Command::new(script("slapdlab"))
            .envs(environment.iter().copied())
            .arg("up")
            .arg(&folder)
            .arg(port.to_string())
            .arg(&address));
        Self { folder, address, port }
    }

    /// `address:port` for ldap and StartTLS.
    pub(crate) fn plain(&self) -> String {
        format!("{}:{}", self.address, self.port)
    }

    /// `address:port` for ldaps.
    pub(crate) fn encrypted(&self) -> String {
        format!("{}:{}", self.address, self.port + 1)
    }

    /// Changes the directory with the administrator's rights.
    pub(crate) fn modify(&self, ldif: &str) {
        let file = run_folder().join(format!("change-{}.ldif", self.address));
        std::fs::write(&file, ldif).unwrap();
        run(Command::new("ldapmodify")
            .args(["-x", "-H", &format!("ldap://{}", self.plain())])
            .args(["-D", "cn=admin,dc=example,dc=org", "-w", "Passw0rd!adm", "-f"])
            .arg(&file));
        std::fs::remove_file(file).unwrap();
    }

    /// The authority that signed the server's certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.join("ca/ca.pem")
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = Command::new(script("slapdlab")).arg("down").arg(&self.folder).output();
    }
}
