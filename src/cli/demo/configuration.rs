//! The demonstration's configuration, as an operator would write it.

use std::net::SocketAddr;
use std::path::Path;

use crate::demo::company;

/// Where the controllers and the files of one demonstration are.
#[derive(Clone, Debug)]
pub struct Places<'a> {
    /// Where applications connect.
    pub listen: SocketAddr,
    /// The controllers' host names and their ldaps addresses.
    pub controllers: &'a [(String, SocketAddr)],
    /// The authority that signed their certificates.
    pub authority: &'a Path,
    /// The control socket.
    pub control: &'a Path,
}

/// The file's text. Paths and names of a demonstration hold no quotes.
#[must_use]
pub fn text(places: &Places<'_>) -> String {
    let controllers: String = places
        .controllers
        .iter()
        .map(|(name, address)| {
            format!(
                "  {{ url = 'ldaps://{name}:{}', address = '{}' }},\n",
                address.port(),
                address.ip()
            )
        })
        .collect();
    format!(
        "control = '{control}'\n\
         store = 'off'\n\
         shutdown_grace = '2s'\n\
         \n\
         [[directory]]\n\
         name = 'corp'\n\
         kind = 'active-directory'\n\
         controllers = [\n{controllers}]\n\
         ca_file = '{authority}'\n\
         bind_name = 'CORP\\{sync_name}'\n\
         bind_password = '{sync_password}'\n\
         health.probe_interval = '2s'\n\
         \n\
         [[application]]\n\
         name = 'crm'\n\
         bases = ['{scope}']\n\
         required_groups = ['{required}']\n\
         denied_groups = ['{denied}']\n\
         service_accounts = ['{service}']\n\
         \n\
         [[listener]]\n\
         name = 'applications'\n\
         url = 'ldap://{listen}'\n",
        control = places.control.display(),
        authority = places.authority.display(),
        sync_name = company::SYNC_ACCOUNT.name,
        sync_password = company::SYNC_ACCOUNT.password,
        scope = company::SCOPE,
        required = company::REQUIRED_GROUP,
        denied = company::DENIED_GROUP,
        service = company::SERVICE_ACCOUNT.name,
        listen = places.listen,
    )
}
