//! What an application may see and who may pass through it: configuration after its validation.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::directory::Wording;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::filter::Filter;

use super::pace::Pace;
use super::presentation::Presentation;
use super::service_account::ServiceAccountMemo;
use super::traffic::Traffic;

/// One downstream application, chosen by listener and client network, never by what the client says.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its name in the configuration, the logs and the metrics.
    pub name: Arc<str>,
    /// Which reading of the configuration it comes from; 0 is the one at the start. What is known of the scope of one
    /// revision says nothing of another.
    pub revision: u64,
    /// The directories whose accounts it knows, in the order of the configuration.
    pub directories: Vec<Arc<str>>,
    /// Where its users live; empty for everywhere.
    pub bases: Vec<ScopeBase>,
    /// Sub-trees taken out of the bases.
    pub excluded_bases: Vec<ScopeBase>,
    /// What else must hold for its users.
    pub user_filter: Option<Filter>,
    /// Its users are in at least one of these groups (nested, primary group included); empty for any.
    pub required_groups: Vec<String>,
    /// Its users are in none of these groups.
    pub denied_groups: Vec<String>,
    /// Accounts of the directory that may bind and search although they are out of scope, in any
    /// bind-name form.
    pub service_accounts: Vec<String>,
    /// Whom those names stood for when somebody last asked.
    pub service_account_memo: ServiceAccountMemo,
    /// Service accounts that only this program knows.
    pub local_accounts: Vec<LocalAccount>,
    /// Who may search.
    pub searchers: Searchers,
    /// What a client without identity may read.
    pub anonymous: AnonymousAccess,
    /// What a refused client is told.
    pub refusals: RefusalStyle,
    /// Whether it is served from a copy that is too old.
    pub freshness: Freshness,
    /// No negative bind answer leaves earlier than this after its request.
    pub negative_latency: Duration,
    /// What wrong passwords took lately; a refusal waits as long.
    pub pace: Pace,
    /// Bounds of one search.
    pub limits: SearchLimits,
    /// How much of its traffic is served, and how much there is.
    pub traffic: Traffic,
    /// The operations that it is served.
    pub operations: Vec<ServedOperation>,
    /// Whether nothing is done for it in clear.
    pub require_tls: bool,
    /// An account's primary group is among its memberOf values, where directories leave it out.
    pub primary_group_in_member_of: bool,
    /// How it is shown what it is shown; `None`: as the directories have it.
    pub presentation: Option<Arc<Presentation>>,
    /// The client networks it is chosen for; empty for any.
    pub networks: Vec<IpNet>,
    /// The listeners it is chosen for; empty for all.
    pub listeners: Vec<Arc<str>>,
}

impl Application {
    /// Whether a client at `address` belongs to it that connects to the listener called `listener`.
    #[must_use]
    pub fn serves(&self, listener: &str, address: IpAddr) -> bool {
        // An IPv4 client on a dual-stack socket is an IPv4 client.
        let address = address.to_canonical();
        self.listens_on(listener)
            && (self.networks.is_empty()
                || self.networks.iter().any(|network| network.contains(&address)))
    }

    /// Whether it is reached through the listener called `listener`, from wherever.
    #[must_use]
    pub fn listens_on(&self, listener: &str) -> bool {
        self.listeners.is_empty() || self.listeners.iter().any(|name| **name == *listener)
    }

    /// Whether a directory account that may pass may search too.
    #[must_use]
    pub fn lets_search(&self, service_account: bool) -> bool {
        service_account || self.searchers == Searchers::PermittedUsers
    }

    /// What it calls attributes and entries; `None`: what the directories call them.
    #[must_use]
    pub fn wording(&self) -> Option<&Wording> {
        self.presentation.as_ref()?.wording.as_ref()
    }
}

/// An operation that an application may be served. The root DSE, StartTLS, unbind and abandon always are, and
/// writes never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServedOperation {
    /// Bind (RFC 4511 §4.2).
    Bind,
    /// Search (RFC 4511 §4.5).
    Search,
    /// Compare (RFC 4511 §4.10).
    Compare,
    /// Who Am I (RFC 4532).
    WhoAmI,
}

impl ServedOperation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Bind, Self::Search, Self::Compare, Self::WhoAmI];
}

/// One base of an application's scope.
#[derive(Clone, Debug)]
pub struct ScopeBase {
    /// The directory it belongs to; `None` for whichever holds the name.
    pub directory: Option<Arc<str>>,
    /// The name, for comparing.
    pub dn: NormalizedDn,
    /// The name as configured, for messages.
    pub text: String,
}

/// A service account known to this program alone.
#[derive(Clone, Debug)]
pub struct LocalAccount {
    /// The name it binds with, as is or as `cn=<name>,cn=ldapgate`.
    pub name: String,
    /// What its password is checked against.
    pub secret: LocalSecret,
}

/// The stored form of a local account's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalSecret {
    /// SHA-256 of a random secret that this program made; slow hashing adds nothing to 256 bits.
    Sha256([u8; 32]),
    /// An Argon2id string in PHC form, for secrets that a person chose.
    Argon2id(String),
}

/// Who may search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Searchers {
    /// Service accounts only.
    #[default]
    ServiceAccounts,
    /// Every user who may pass.
    PermittedUsers,
}

/// What a client without identity may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnonymousAccess {
    /// The root DSE.
    #[default]
    RootDseOnly,
    /// Whatever the application shows.
    Search,
}

/// What a client is told when this program refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefusalStyle {
    /// The same as for a wrong password, so that account states stay private.
    #[default]
    Uniform,
    /// The directory's sub-code for the state (533, 701, 525 …).
    Subcodes,
}

/// Whether an application is served from a copy of a directory that is older than the directory's `max_age`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// It is served; the log warns.
    #[default]
    Lenient,
    /// Its binds and searches are refused until the copy has been confirmed again.
    Strict,
}

/// Bounds of one search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchLimits {
    /// Most entries of a search without paging; 0 for no bound.
    pub size: u32,
    /// Longest time one search may take to find its entries; sending them is not counted.
    pub time: Duration,
    /// Most entries that a search may have to look at; 0 for no bound.
    pub candidates: u32,
    /// Most entries of one page; 0 for no bound.
    pub page: u32,
}

impl Default for SearchLimits {
    fn default() -> Self {
        Self { size: 0, time: Duration::from_secs(120), candidates: 0, page: 0 }
    }
}
