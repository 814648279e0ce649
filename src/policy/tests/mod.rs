//! Tests of the room on real views: a company in Active Directory (`corp`), a lab in OpenLDAP (`lab`),
//! and what applications on them decide. The session's tests use the same world.

mod accounts;
mod blocks;
mod configured;
mod departures;
mod explain;
mod impact;
mod local;
mod names;
mod offline;
mod permits;
mod remembered;
mod rules;
mod visible;
mod withdrawal;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::application::{
    AnonymousAccess, Application, Freshness, LocalAccount, RefusalStyle, ScopeBase, SearchLimits,
    Searchers, ServedOperation,
};
use super::pace::Pace;
use super::service_account::ServiceAccountMemo;
use super::traffic::Traffic;
use super::{BindName, DirectoryState, Refusal, World, judge};
use crate::directory::{Domain, View};
use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::{Entry, EntryAttribute};
use crate::ldap::filter::Filter;
use crate::ldap::identifier::{Guid, Sid};
use crate::ldap::schema::DirectoryKind;
use crate::time::Now;

pub(crate) const CORP: &str = "DC=corp,DC=example";
pub(crate) const LAB: &str = "dc=lab,dc=example";
const DOMAIN_SID: &str = "S-1-5-21-1-2-3";

pub(crate) const ALICE: u8 = 11;
pub(crate) const BOB: u8 = 12;
pub(crate) const JUERGEN: u8 = 13;
pub(crate) const SERVICE: u8 = 14;
pub(crate) const EVE: u8 = 15;
pub(crate) const ANNA: u8 = 31;

/// Mid-November 2023, to the second.
pub(crate) fn noon() -> Now {
    Now { wall: UNIX_EPOCH + Duration::from_secs(1_700_000_000), ..Now::read() }
}

pub(crate) fn guid(number: u8) -> Guid {
    Guid([number; 16])
}

pub(crate) fn sid(relative_id: u32) -> Sid {
    Sid::parse(&format!("{DOMAIN_SID}-{relative_id}")).unwrap()
}

pub(crate) fn filetime(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap().as_secs();
    ((since + 11_644_473_600) * 10_000_000).to_string()
}

/// Replaces all values; none takes the attribute away.
pub(crate) fn set(entry: &mut Entry, name: &str, values: &[&str]) {
    entry.attributes.retain(|found| !found.description.eq_ignore_ascii_case(name));
    if !values.is_empty() {
        let values = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        entry.attributes.push(EntryAttribute { description: name.to_owned(), values });
    }
}

fn octets(entry: &mut Entry, name: &str, value: &[u8]) {
    let attribute = EntryAttribute { description: name.to_owned(), values: vec![value.to_vec()] };
    entry.attributes.push(attribute);
}

fn object(number: u8, dn: &str, classes: &[&str]) -> Entry {
    let mut entry = Entry { dn: dn.to_owned(), attributes: Vec::new() };
    set(&mut entry, "objectClass", classes);
    octets(&mut entry, "objectGUID", &guid(number).ad_octets());
    entry
}

pub(crate) fn user(number: u8, sam: &str, parent: &str) -> Entry {
    let classes = ["top", "person", "organizationalPerson", "user"];
    let mut entry = object(number, &format!("CN={sam},{parent}"), &classes);
    set(&mut entry, "cn", &[sam]);
    set(&mut entry, "sAMAccountName", &[sam]);
    set(&mut entry, "userPrincipalName", &[&format!("{sam}@corp.example")]);
    set(&mut entry, "userAccountControl", &["512"]);
    set(&mut entry, "accountExpires", &["9223372036854775807"]);
    set(&mut entry, "sAMAccountType", &["805306368"]);
    set(&mut entry, "primaryGroupID", &["513"]);
    octets(&mut entry, "objectSid", sid(1000 + u32::from(number)).octets());
    entry
}

pub(crate) fn group(number: u8, sam: &str, members: &[&str]) -> Entry {
    let mut entry = object(number, &format!("CN={sam},OU=Groups,{CORP}"), &["top", "group"]);
    set(&mut entry, "cn", &[sam]);
    set(&mut entry, "sAMAccountName", &[sam]);
    set(&mut entry, "groupType", &["-2147483646"]);
    set(&mut entry, "member", members);
    let relative_id = if sam == "Domain Users" { 513 } else { 1000 + u32::from(number) };
    octets(&mut entry, "objectSid", sid(relative_id).octets());
    entry
}

pub(crate) fn in_groups(sam: &str) -> String {
    format!("CN={sam},OU=Groups,{CORP}")
}

pub(crate) fn people(sam: &str) -> String {
    format!("CN={sam},OU=People,{CORP}")
}

/// The entries of `corp`. Eve lives outside OU=People, the service account in OU=Service.
pub(crate) fn company() -> Vec<Entry> {
    let people_unit = format!("OU=People,{CORP}");
    let mut juergen = user(JUERGEN, "jm", &people_unit);
    juergen.dn = format!("CN=J\u{fc}rgen A/B,OU=Sales,{people_unit}");
    set(&mut juergen, "cn", &["J\u{fc}rgen A/B"]);
    set(&mut juergen, "sAMAccountName", &["j\u{fc}rgen"]);
    set(&mut juergen, "userPrincipalName", &["j\u{fc}rgen@corp.example"]);
    let unit = |number, dn: &str| object(number, dn, &["top", "organizationalUnit"]);
    vec![
        object(1, CORP, &["top", "domain", "domainDNS"]),
        unit(2, &people_unit),
        unit(3, &format!("OU=Sales,{people_unit}")),
        unit(4, &format!("OU=Groups,{CORP}")),
        unit(5, &format!("OU=Service,{CORP}")),
        user(ALICE, "alice", &people_unit),
        user(BOB, "bob", &people_unit),
        juergen,
        user(SERVICE, "svc-crm", &format!("OU=Service,{CORP}")),
        user(EVE, "eve", &format!("OU=Service,{CORP}")),
        group(20, "Domain Users", &[]),
        group(21, "crm", &[&people("alice"), &in_groups("crm-nested")]),
        group(22, "crm-nested", &[&people("bob"), &in_groups("crm-loop")]),
        group(23, "crm-loop", &[&in_groups("crm-nested")]),
        group(24, "empty", &[]),
    ]
}

pub(crate) fn entry_of(entries: &mut [Entry], number: u8) -> &mut Entry {
    let id = guid(number).ad_octets();
    entries
        .iter_mut()
        .find(|entry| entry.values("objectGUID").first().is_some_and(|found| **found == id))
        .unwrap()
}

fn domain(directory: &str, kind: DirectoryKind, context: &str) -> Domain {
    Domain {
        directory: Arc::from(directory),
        kind,
        naming_context: context.to_owned(),
        configuration_context: None,
        schema_context: None,
        dns_name: Some("corp.example".to_owned()),
        netbios_name: Some("CORP".to_owned()),
        sid: Sid::parse(DOMAIN_SID),
        upn_suffixes: vec!["mail.example".to_owned()],
        root_dse: Entry { dn: String::new(), attributes: Vec::new() },
        subschema: None,
    }
}

pub(crate) fn corp_view(generation: u64, entries: Vec<Entry>) -> Arc<View> {
    let domain = domain("corp", DirectoryKind::ActiveDirectory, CORP);
    Arc::new(View::build(generation, domain, entries, noon().wall).unwrap())
}

pub(crate) fn person(number: u8, uid: &str) -> Entry {
    let dn = format!("uid={uid},ou=people,{LAB}");
    let mut entry = Entry { dn, attributes: Vec::new() };
    set(&mut entry, "objectClass", &["inetOrgPerson"]);
    set(&mut entry, "uid", &[uid]);
    set(&mut entry, "cn", &[uid]);
    set(&mut entry, "entryUUID", &[&guid(number).to_string()]);
    entry
}

pub(crate) fn lab_view(generation: u64, people: Vec<Entry>) -> Arc<View> {
    let mut entries = people;
    for (number, dn, class) in [
        (41, LAB.to_owned(), "organization"),
        (42, format!("ou=people,{LAB}"), "organizationalUnit"),
    ] {
        let mut entry = Entry { dn, attributes: Vec::new() };
        set(&mut entry, "objectClass", &[class]);
        set(&mut entry, "entryUUID", &[&guid(number).to_string()]);
        entries.push(entry);
    }
    let domain = Domain {
        dns_name: None,
        netbios_name: None,
        sid: None,
        ..domain("lab", DirectoryKind::OpenLdap, LAB)
    };
    Arc::new(View::build(generation, domain, entries, noon().wall).unwrap())
}

/// A world of `corp` alone; its epoch is the generation, as `session::gate` makes it.
pub(crate) fn corp(generation: u64, entries: Vec<Entry>) -> World {
    world(Some(corp_view(generation, entries)), None)
}

/// A world of both directories; `None`: not synced yet. Without `lab` it is not configured at all.
pub(crate) fn both(corp: Option<Arc<View>>, lab: Option<Arc<View>>) -> World {
    world(corp, Some(lab))
}

fn world(corp: Option<Arc<View>>, lab: Option<Option<Arc<View>>>) -> World {
    let mut directories = vec![DirectoryState::new(Arc::from("corp"), corp)];
    if let Some(view) = lab {
        directories.push(DirectoryState::new(Arc::from("lab"), view));
    }
    let generations = directories.iter().filter_map(|state| state.view.as_ref());
    let epoch = generations.map(|view| view.generation()).sum();
    World { epoch, blocks: Arc::default(), applications: Arc::default(), directories }
}

/// An application on `corp` without any restriction.
pub(crate) fn application() -> Application {
    Application {
        name: Arc::from("crm"),
        revision: 0,
        directories: vec![Arc::from("corp")],
        bases: Vec::new(),
        excluded_bases: Vec::new(),
        user_filter: None,
        required_groups: Vec::new(),
        denied_groups: Vec::new(),
        service_accounts: Vec::new(),
        service_account_memo: ServiceAccountMemo::default(),
        local_accounts: Vec::<LocalAccount>::new(),
        searchers: Searchers::ServiceAccounts,
        anonymous: AnonymousAccess::RootDseOnly,
        refusals: RefusalStyle::Uniform,
        freshness: Freshness::Lenient,
        negative_latency: Duration::ZERO,
        pace: Pace::default(),
        limits: SearchLimits::default(),
        traffic: Traffic::default(),
        operations: ServedOperation::ALL.into(),
        require_tls: false,
        primary_group_in_member_of: false,
        presentation: None,
        networks: Vec::new(),
        listeners: Vec::new(),
    }
}

pub(crate) fn on_both() -> Application {
    Application { directories: vec![Arc::from("corp"), Arc::from("lab")], ..application() }
}

pub(crate) fn base(dn: &str) -> ScopeBase {
    ScopeBase { directory: None, dn: NormalizedDn::parse(dn).unwrap(), text: dn.to_owned() }
}

pub(crate) fn filter(text: &str) -> Option<Filter> {
    Some(Filter::parse(text).unwrap())
}

pub(crate) fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// What becomes of a name: the number of the account that is admitted, or the refusal.
pub(crate) fn judged(world: &World, application: &Application, name: &str) -> Result<u8, Refusal> {
    let application = Arc::new(application.clone());
    let name = BindName::read(name.as_bytes())?;
    judge(world, &application, &name, noon()).map(|admission| admission.account().guid.0[0])
}
