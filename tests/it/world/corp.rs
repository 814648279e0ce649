//! The gate in front of the two Samba controllers of CORP.TEST, with two applications that differ only in
//! what a refused client is told.

use super::gate::{Folder, Gate, ON_DEMAND};
use super::lab::{Ad, PASSWORD};
use super::sections;

/// Secret of the local service account `crm`.
pub(crate) const LOCAL_SECRET: &str = "machine-made-secret";

/// The configuration for `ad`; `security` is `ldaps` or `ldap` (StartTLS).
pub(crate) fn configuration(ad: &Ad, scheme: &str) -> String {
    let directory = sections::active_directory(ad, scheme, &[1, 2], "svc-proxy", ON_DEMAND);
    let digest = sha256(LOCAL_SECRET);
    format!(
        r#"{directory}
[[application]]
name = "crm"
listeners = ["plain", "encrypted"]
bases = ["OU=People,DC=corp,DC=test"]
required_groups = ["crm-users", "CN=crm-extra,OU=Groups,DC=corp,DC=test"]
denied_groups = ["crm-denied"]
service_accounts = ['CORP\svc-crm']
local_accounts = [{{ name = "crm", secret = "sha256:{digest}" }}]

[[application]]
name = "frank"
listeners = ["frank"]
bases = ["OU=People,DC=corp,DC=test"]
required_groups = ["crm-users"]
denied_groups = ["crm-denied"]
service_accounts = ['CORP\svc-crm']
refusals = "subcodes"
negative_latency = "10ms"
searchers = "permitted-users"

[[listener]]
name = "plain"
url = "ldap://127.0.0.1:0"
certificate = "server.pem"
key = "server.key"

[[listener]]
name = "encrypted"
url = "ldaps://127.0.0.1:0"
certificate = "server.pem"
key = "server.key"

[[listener]]
name = "frank"
url = "ldap://127.0.0.1:0"
"#
    )
}

/// A folder with the service password and certificates made by the program itself.
pub(crate) fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("service.password", &format!("{PASSWORD}\n"));
    folder.make_certificates();
    folder
}

/// A running gate whose first sync is done.
pub(crate) fn gate(name: &str, ad: &Ad) -> Gate {
    Gate::start_in(folder(name), &configuration(ad, "ldaps")).synced(1)
}

/// The same, whose applications are shown everybody.
pub(crate) fn open_gate(name: &str, ad: &Ad) -> Gate {
    let configuration = configuration(ad, "ldaps");
    let scope = ["bases", "required_groups", "denied_groups"];
    let stays = |line: &&str| !scope.iter().any(|key| line.starts_with(key));
    let open: Vec<&str> = configuration.lines().filter(stays).collect();
    Gate::start_in(folder(name), &open.join("\n")).synced(1)
}

pub(crate) fn sha256(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).iter().map(|octet| format!("{octet:02x}")).collect()
}
