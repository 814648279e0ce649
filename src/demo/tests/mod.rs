//! The controllers driven by the independent client `ldap3`.

mod binds;
mod changes;
mod content_sync;
mod deletion;
mod dir_sync;
mod faults;
mod follow;
mod following;
mod notification;
mod openldap;
mod replication;
mod searches;
mod servers;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::controls::{MakeCritical as _, PagedResults as Page, RawControl};
use ldap3::exop::WhoAmI;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Scope, SearchEntry, SearchOptions};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::company::{SERVICE_ACCOUNT, SYNC_ACCOUNT};
use super::*;
use crate::time::Now;

const BASE: &str = "DC=corp,DC=example";
const CRM_USERS: &str = "CN=crm-users,OU=Groups,DC=corp,DC=example";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SYNC: (&str, &str) = ("CORP\\svc-sync", SYNC_ACCOUNT.password);

struct World {
    authority: Arc<Authority>,
    directory: SharedDirectory,
    dc1: Controller,
}

impl World {
    fn new(directory: Directory) -> Self {
        let authority = Arc::new(Authority::new().unwrap());
        let directory = SharedDirectory::new(directory);
        let dc1 = start("dc1", &directory, &authority);
        Self { authority, directory, dc1 }
    }

    fn company() -> Self {
        Self::new(company(Now::read().wall).unwrap())
    }

    fn openldap() -> Self {
        Self::new(openldap_company(Now::read().wall).unwrap())
    }

    fn trust(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }

    /// A connection bound as the sync account.
    async fn client(&self) -> Ldap {
        let mut client = plain(&self.dc1).await.unwrap();
        let (name, password) = SYNC;
        client.simple_bind(name, password).await.unwrap().success().unwrap();
        client
    }

    fn add_users(&self, count: usize) {
        self.directory.with(|directory| {
            for n in 0..count {
                let dn = format!("CN=u{n:04},OU=Sales,OU=People,{BASE}");
                let name = format!("u{n:04}");
                directory.add(&dn, &[("objectClass", "user"), ("sAMAccountName", &name)]).unwrap();
            }
        });
    }
}

fn start(name: &str, directory: &SharedDirectory, authority: &Arc<Authority>) -> Controller {
    let options = Options::new(name, directory, authority, LOOPBACK);
    Controller::start(SocketAddr::new(LOOPBACK, 0), directory, options).unwrap()
}

async fn plain(controller: &Controller) -> ldap3::result::Result<Ldap> {
    let settings = LdapConnSettings::new().set_conn_timeout(Duration::from_secs(5));
    connect(settings, &format!("ldap://{}", controller.ldap_address())).await
}

async fn connect(settings: LdapConnSettings, url: &str) -> ldap3::result::Result<Ldap> {
    let (connection, client) = LdapConnAsync::with_settings(settings, url).await?;
    ldap3::drive!(connection);
    Ok(client)
}

async fn bind(client: &mut Ldap, name: &str, password: &str) -> (u32, String) {
    let result = client.simple_bind(name, password).await.unwrap();
    (result.rc, result.text)
}

async fn search(
    client: &mut Ldap,
    base: &str,
    scope: Scope,
    filter: &str,
    attributes: &[&str],
) -> (Vec<SearchEntry>, usize, u32) {
    let ldap3::SearchResult(found, result) =
        client.search(base, scope, filter, attributes).await.unwrap();
    let entries = found.into_iter().map(SearchEntry::construct).collect();
    (entries, result.refs.len(), result.rc)
}

async fn accounts_found(client: &mut Ldap, filter: &str) -> Vec<String> {
    let (entries, _, rc) = search(client, BASE, Scope::Subtree, filter, &["sAMAccountName"]).await;
    assert_eq!(rc, 0, "{filter}");
    let mut names: Vec<String> =
        entries.into_iter().filter_map(|mut e| e.attrs.remove("sAMAccountName")?.pop()).collect();
    names.sort();
    names
}

fn data(reason: &str) -> String {
    format!(
        "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {reason}, \
         v4563\0"
    )
}

fn dn_in(directory: &Directory, account: &str) -> String {
    directory.dn_of(account).unwrap()
}

fn now() -> Instant {
    Now::read().monotonic
}
