//! The table on two real Active Directory controllers (Samba). The witness of what they were asked are their own
//! audit files.

use std::collections::HashMap;

use ldapgate::ldap::identifier::{Guid, Sid};
use ldapgate::ldap::request::SearchScope::WholeSubtree;
use serde_json::Value;

use super::in_process::{self, second_directory};
use super::table::{CONTRACTOR, IN_BOTH, Identity, ROWS, TWIN, TWINNED};
use super::walk::{self, Asked, World};
use crate::world::client::{Client, search};
use crate::world::company::Company;
use crate::world::gate::{Gate, ON_DEMAND};
use crate::world::lab::{Ad, PASSWORD};

const DOMAIN: &str = "DC=corp,DC=test";
const PEOPLE: &str = "OU=People,DC=corp,DC=test";

struct Samba {
    ad: Ad,
    org: Company,
    identities: HashMap<String, Identity>,
    /// How far each controller's audit file has been read.
    read: [u64; 2],
}

impl World for Samba {
    fn domain(&self) -> &'static str {
        "corp.test"
    }

    fn wording(&self) -> &'static str {
        "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1"
    }

    fn identity(&self, account: &str) -> Identity {
        let known = self.identities.get(account);
        let known = known.map(|Identity { dn, guid, sid }| Identity {
            dn: dn.clone(),
            guid: guid.clone(),
            sid: sid.clone(),
        });
        known.unwrap_or_else(|| Identity {
            dn: format!("CN={account},{PEOPLE}"),
            guid: Guid([7; 16]).to_string(),
            sid: "S-1-5-21-1111111111-2222222222-3333333333-99999".to_owned(),
        })
    }

    fn password(&self, _: &str) -> &'static str {
        PASSWORD
    }

    fn said(&mut self, account: &str) -> (u32, String) {
        let mut client = Client::connect((self.ad.address(1), 389));
        let answer = client.bind(format!("CORP\\{account}"), PASSWORD);
        self.asked();
        (answer.code(), answer.text())
    }

    fn asked(&mut self) -> Vec<Asked> {
        let mut asked = in_process::asked(&self.org);
        for (number, read) in (1..).zip(&mut self.read) {
            let lines = self.ad.audit_lines(number, read);
            let binds = lines.iter().filter(|line| line["type"] == "Authentication");
            let accounts = binds.map(|line| account_of(&line["Authentication"]));
            asked.extend(
                accounts
                    .filter(|account| account != "svc-proxy")
                    .map(|account| Asked { controller: format!("dc{number}.corp.test"), account }),
            );
        }
        asked
    }
}

/// Whom a line of the audit is about: as the controller found it, or else as the client wrote it.
fn account_of(line: &Value) -> String {
    let name = ["becameAccount", "mappedAccount", "clientAccount"]
        .iter()
        .find_map(|key| line[key].as_str())
        .unwrap_or_default();
    name.rsplit('\\').next().unwrap_or_default().to_lowercase()
}

impl Samba {
    /// The seeded domain with what the table wants beyond it.
    fn up() -> Self {
        let ad = Ad::own("decisions", 7);
        let org = second_directory();
        let mut identities = identities(&ad);
        let dn = |account: &str| identities[account].dn.clone();
        let changed = ad.administrator(1).replace(&dn(CONTRACTOR), "title", "Contractor");
        assert_eq!(changed.code(), 0, "{changed:?}");
        ad.modify(&format!(
            "dn: CN=crm-users,OU=Groups,{DOMAIN}\nchangetype: modify\nadd: member\n\
             member: {}\nmember: {}\n",
            dn(IN_BOTH),
            dn(TWINNED),
        ));
        ad.control("sync", &[]);
        // A controller refuses to give a name twice, but older directories have such pairs.
        ad.write_unchecked(&dn(TWIN), "userPrincipalName", &format!("{TWINNED}@corp.test"));
        identities.retain(|account, _| ROWS.iter().any(|row| row.account == account));
        Self { ad, org, identities, read: [0; 2] }
    }

    fn directory_section(&self) -> String {
        let (dc1, dc2, ca) = (self.ad.address(1), self.ad.address(2), self.ad.ca());
        format!(
            "[[directory]]\nname = \"corp\"\ncontrollers = [\n\
             {{ url = \"ldaps://dc1.corp.test\", address = \"{dc1}\" }},\n\
             {{ url = \"ldaps://dc2.corp.test\", address = \"{dc2}\" }},\n]\n\
             ca_file = \"{}\"\nbind_name = 'CORP\\svc-proxy'\n\
             bind_password_file = \"samba.password\"\n{ON_DEMAND}\n",
            ca.display()
        )
    }
}

/// All people of the domain by their account names.
fn identities(ad: &Ad) -> HashMap<String, Identity> {
    let request = search(
        DOMAIN,
        WholeSubtree,
        "(&(objectCategory=person)(sAMAccountName=*))",
        &["sAMAccountName", "objectGUID", "objectSid"],
    );
    let (entries, _, answer) = ad.administrator(1).search_past_references(&request, &[]);
    assert_eq!(answer.code(), 0);
    let of = |entry: &ldapgate::ldap::entry::Entry| {
        let guid = Guid::from_ad_octets(entry.first("objectGUID").unwrap()).unwrap();
        let sid = Sid::from_octets(entry.first("objectSid").unwrap()).unwrap();
        let account = entry.text("sAMAccountName").unwrap().to_owned();
        let dn = entry.dn.clone();
        (account, Identity { dn, guid: guid.to_string(), sid: sid.to_string() })
    };
    entries.iter().map(of).collect()
}

#[test]
#[ignore = "lab"]
fn every_form_every_state_two_applications_on_samba() {
    let mut samba = Samba::up();
    let folder = samba.org.folder("decisions-samba");
    folder.write("samba.password", PASSWORD);
    let text = format!(
        "{}{}{}",
        samba.directory_section(),
        samba.org.directory_section(),
        walk::applications(DOMAIN)
    );
    let gate = Gate::start_in(folder, &text).synced(2);
    let fields = walk::over_everything(&mut samba, gate, &["corp", "org"]);
    assert_eq!(fields, 19 * 17 * 2 * 2);
}
