//! The table in the company of the demonstration, whose controllers count what they see.

use std::time::SystemTime;

use ldapgate::demo::{Controller, Directory, SharedDirectory};
use ldapgate::ldap::identifier::{Guid, Sid};

use super::table::{CONTRACTOR, IN_BOTH, Identity, TWIN, TWINNED};
use super::walk::{self, Asked, World};
use crate::world::client::Client;
use crate::world::company::Company;
use crate::world::gate::Gate;

pub(super) const PEOPLE: &str = "OU=People,DC=corp,DC=example";
pub(super) const WRONG_PASSWORD: &str =
    "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v4563\0";
/// Of whoever is not in the demonstration.
const PASSWORD: &str = "Added-Pass-1";
const SYNC: &str = "svc-sync";

/// Everything as it is in the demonstration, and who is missing there for the table.
pub(super) fn company() -> Company {
    Company::with(|directory| {
        for account in ["luke", "nina", "olga", "pia", IN_BOTH, TWIN, TWINNED] {
            add(directory, account);
        }
        for (group, account) in [
            ("crm-nested", "nina"),
            ("crm-users", "olga"),
            ("crm-denied", "olga"),
            ("crm-users", IN_BOTH),
            ("crm-users", TWINNED),
        ] {
            let (group, dn) = (directory.dn_of(group).unwrap(), directory.dn_of(account).unwrap());
            directory.add_member(&group, &dn).unwrap();
        }
        let (nested, pia) =
            (directory.dn_of("crm-nested").unwrap(), directory.dn_of("pia").unwrap());
        directory.set_primary_group(&pia, &nested).unwrap();
        let set = |directory: &mut Directory, account, attribute, value: &str| {
            let dn = directory.dn_of(account).unwrap();
            directory.set(&dn, attribute, &[value]).unwrap();
        };
        set(directory, CONTRACTOR, "title", "Contractor");
        set(directory, TWIN, "userPrincipalName", &format!("{TWINNED}@corp.example"));
        directory.set("DC=corp,DC=example", "lockoutThreshold", &["0"]).unwrap();
    })
}

fn add(directory: &mut Directory, account: &str) {
    let (dn, upn) = (format!("CN={account},{PEOPLE}"), format!("{account}@corp.example"));
    let attributes =
        [("objectClass", "user"), ("sAMAccountName", account), ("userPrincipalName", &upn)];
    directory.add(&dn, &attributes).unwrap();
    directory.set_password(&dn, PASSWORD).unwrap();
}

/// A second directory beside that of the table: OpenLDAP, with one account whose name the first one has too.
pub(super) fn second_directory() -> Company {
    let text = format!(
        "version: 1\n\ndn: dc=example,dc=org\nobjectClass: domain\nobjectClass: dcObject\n\n\
         dn: ou=people,dc=example,dc=org\nobjectClass: organizationalUnit\n\n\
         dn: cn=svc-sync,dc=example,dc=org\nobjectClass: organizationalRole\n\
         objectClass: simpleSecurityObject\ndemoPassword: Sync-Service-1\n\n\
         dn: uid={IN_BOTH},ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\n\
         cn: {IN_BOTH}\nsn: {IN_BOTH}\ndemoPassword: {PASSWORD}\n"
    );
    let directory = Directory::from_ldif(&text, SystemTime::now()).unwrap();
    Company::of(SharedDirectory::new(directory))
}

/// What its controllers have seen since this was last asked.
pub(super) fn asked(company: &Company) -> Vec<Asked> {
    company.directory.with(|directory| {
        let binds = directory.binds().iter().filter(|bind| !bind.name.contains(SYNC));
        let host_name = |short: &str| {
            let mut names = company.controllers.iter().map(Controller::host_name);
            names.find(|name| name.split('.').next() == Some(short)).unwrap().to_owned()
        };
        let asked = binds.map(|bind| Asked {
            controller: host_name(&bind.controller),
            account: bind.account.clone().unwrap_or_else(|| bind.name.clone()),
        });
        let asked = asked.collect();
        directory.forget_binds();
        asked
    })
}

pub(super) fn password(account: &str) -> &'static str {
    let known = ldapgate::demo::accounts().iter().find(|known| known.name == account);
    known.map_or(PASSWORD, |known| known.password)
}

struct InProcess {
    corp: Company,
    org: Company,
}

impl World for InProcess {
    fn domain(&self) -> &'static str {
        "corp.example"
    }

    fn wording(&self) -> &'static str {
        WRONG_PASSWORD
    }

    fn identity(&self, account: &str) -> Identity {
        identity(&self.corp, account)
    }

    fn password(&self, account: &str) -> &'static str {
        password(account)
    }

    fn said(&mut self, account: &str) -> (u32, String) {
        let mut client = Client::connect(self.corp.controllers[0].ldap_address());
        let answer = client.bind(format!("CORP\\{account}"), password(account));
        self.asked();
        (answer.code(), answer.text())
    }

    fn asked(&mut self) -> Vec<Asked> {
        let mut asked = asked(&self.corp);
        asked.extend(self::asked(&self.org));
        asked
    }
}

pub(super) fn identity(company: &Company, account: &str) -> Identity {
    company.directory.with(|directory| {
        let dn = directory.dn_of(account);
        let entry = dn.as_deref().and_then(|dn| directory.entry(dn));
        let octets = |name: &str| entry.and_then(|entry| entry.values(name).first().cloned());
        let guid = octets("objectGUID").and_then(|octets| Guid::from_ad_octets(&octets));
        let sid = octets("objectSid").and_then(|octets| Sid::from_octets(&octets));
        Identity {
            dn: dn.clone().unwrap_or_else(|| format!("CN={account},{PEOPLE}")),
            guid: guid.unwrap_or(Guid([7; 16])).to_string(),
            sid: sid.map_or_else(|| "S-1-5-21-1-2-3-9999".to_owned(), |sid| sid.to_string()),
        }
    })
}

#[test]
fn every_form_every_state_two_applications() {
    let (corp, org) = (company(), second_directory());
    let folder = corp.folder("decisions");
    org.write_files(&folder);
    let text = format!(
        "{}{}{}",
        corp.directory_section(),
        org.directory_section(),
        walk::applications("DC=corp,DC=example")
    );
    let gate = Gate::start_in(folder, &text).synced(2);
    let fields = walk::over_everything(&mut InProcess { corp, org }, gate, &["corp", "org"]);
    assert_eq!(fields, 19 * 17 * 2 * 2);
}
