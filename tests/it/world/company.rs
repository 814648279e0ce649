//! The gate in front of two in-process controllers: for what real servers cannot be made to do, and for tests
//! that need nothing but Rust.

use std::time::SystemTime;

use ldapgate::demo::{
    Authority, Controller, Directory, DirectoryError, Kind, Options, Quirks, SharedDirectory,
    company, openldap_company,
};
use tokio::runtime::Runtime;

use super::gate::{Folder, Gate, ON_DEMAND};

/// The company of the demonstration, served by two controllers.
pub(crate) struct Company {
    pub(crate) runtime: Runtime,
    pub(crate) directory: SharedDirectory,
    pub(crate) controllers: Vec<Controller>,
    pub(crate) authority: std::sync::Arc<Authority>,
}

/// Secret of the local service account `crm`.
pub(crate) const LOCAL_SECRET: &str = "machine-made-secret";
/// The application's own account in the directory.
pub(crate) const SERVICE: (&str, &str) = ("CORP\\svc-crm", "Crm-Service-1");
/// Somebody who may log in.
pub(crate) const ALICE: (&str, &str) = ("CORP\\alice", "Alice-Pass-1");

impl Company {
    /// Active Directory with all its habits.
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    /// Active Directory, changed before anybody reads it.
    pub(crate) fn with(change: impl FnOnce(&mut Directory)) -> Self {
        let directory = SharedDirectory::new(company(SystemTime::now()).unwrap());
        directory.with(change);
        Self::of(directory)
    }

    /// OpenLDAP.
    pub(crate) fn openldap() -> Self {
        Self::of(SharedDirectory::new(openldap_company(SystemTime::now()).unwrap()))
    }

    /// Any directory.
    pub(crate) fn of(directory: SharedDirectory) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let authority = std::sync::Arc::new(Authority::new().unwrap());
        let ip = "127.0.0.1".parse().unwrap();
        let _inside = runtime.enter();
        let controllers = ["dc1", "dc2"]
            .map(|name| {
                let options = Options::new(name, &directory, &authority, ip);
                Controller::start("127.0.0.1:0".parse().unwrap(), &directory, options).unwrap()
            })
            .into();
        drop(_inside);
        Self { runtime, directory, controllers, authority }
    }

    /// The `[[directory]]` for these controllers.
    pub(crate) fn directory_section(&self) -> String {
        let (name, kind, account) = if self.is_openldap() {
            ("org", "openldap", "cn=svc-sync,dc=example,dc=org")
        } else {
            ("corp", "active-directory", "CORP\\svc-sync")
        };
        let controllers: Vec<String> = self
            .controllers
            .iter()
            .map(|controller| {
                format!(
                    "{{ url = \"ldaps://{}:{}\", address = \"127.0.0.1\" }}",
                    controller.host_name(),
                    controller.ldaps_address().port()
                )
            })
            .collect();
        format!(
            "[[directory]]\nname = \"{name}\"\nkind = \"{kind}\"\ncontrollers = [{}]\n\
             ca_file = \"{name}.pem\"\nbind_name = '{account}'\n\
             bind_password_file = \"service.password\"\n{ON_DEMAND}\n",
            controllers.join(", ")
        )
    }

    fn is_openldap(&self) -> bool {
        self.directory.with(|directory| directory.kind() == Kind::OpenLdap)
    }

    /// Changes habits and faults of both controllers.
    pub(crate) fn quirks(&self, change: impl Fn(&mut Quirks)) {
        for controller in &self.controllers {
            controller.quirks(&change);
        }
    }

    /// The name of an account's entry.
    pub(crate) fn dn_of(&self, account: &str) -> String {
        self.directory.with(|directory| directory.dn_of(account).unwrap())
    }

    /// Changes an entry, which is found by its account name.
    pub(crate) fn change(
        &self,
        account: &str,
        change: impl FnOnce(&mut Directory, &str) -> Result<(), DirectoryError>,
    ) {
        self.directory
            .with(|directory| {
                let dn = directory.dn_of(account).unwrap();
                change(directory, &dn)
            })
            .unwrap();
    }

    /// The binds that the controllers have seen for an account.
    pub(crate) fn binds_of(&self, account: &str) -> usize {
        self.directory.with(|directory| directory.binds_of(account))
    }

    /// Kills both controllers.
    pub(crate) fn kill(&self) {
        for controller in &self.controllers {
            self.runtime.block_on(controller.kill()).unwrap();
        }
    }

    /// Brings both back.
    pub(crate) fn revive(&self) {
        let _inside = self.runtime.enter();
        for controller in &self.controllers {
            controller.revive().unwrap();
        }
    }

    /// Writes what [`Company::directory_section`] names into a folder.
    pub(crate) fn write_files(&self, folder: &Folder) {
        let name = if self.is_openldap() { "org.pem" } else { "corp.pem" };
        folder.write(name, self.authority.pem());
        folder.write("service.password", "Sync-Service-1\n");
    }

    /// A folder with the files that the configuration names.
    pub(crate) fn folder(&self, name: &str) -> Folder {
        let folder = Folder::new(name);
        self.write_files(&folder);
        folder
    }

    /// A gate with one application, whose searches are open to every permitted user.
    pub(crate) fn gate(&self, name: &str, more: &str) -> Gate {
        self.gate_of(name, &format!("{APPLICATION}{PLAIN_LISTENER}{more}"))
    }

    /// A gate with everything behind the directory given.
    pub(crate) fn gate_of(&self, name: &str, rest: &str) -> Gate {
        let configuration = format!("{}{rest}", self.directory_section());
        Gate::start_in(self.folder(name), &configuration).synced(1)
    }
}

impl Default for Company {
    fn default() -> Self {
        Self::new()
    }
}

/// One application; the digest is that of [`LOCAL_SECRET`].
pub(crate) const APPLICATION: &str = r#"
[[application]]
name = "crm"
bases = ["OU=People,DC=corp,DC=example"]
required_groups = ["crm-users"]
denied_groups = ["crm-denied"]
service_accounts = ['CORP\svc-crm']
local_accounts = [{ name = "crm", secret = "sha256:5f8a33ea940e1caa81c181e5d9c447521b79127bb85bf2cea10ad1558e7821e3" }]
negative_latency = "10ms"
"#;

/// A listener in clear; keys and limits of it can be appended.
pub(crate) const PLAIN_LISTENER: &str = r#"
[[listener]]
name = "plain"
url = "ldap://127.0.0.1:0"
"#;
