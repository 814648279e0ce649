//! The company as Active Directory has it: with identities, SIDs and a domain.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ldapgate::directory::{BuildError, Domain, Selection, View};
use ldapgate::ldap::dn::NormalizedDn;
use ldapgate::ldap::entry::{Entry, EntryAttribute};
use ldapgate::ldap::identifier::{Guid, Sid};
use ldapgate::ldap::message::MessageId;
use ldapgate::ldap::packed_entry::PackedEntry;
use ldapgate::ldap::response::{Response, ResponseOperation};
use ldapgate::ldap::schema::DirectoryKind;
use ldapgate::policy::Application;
use ldapgate::policy::application::{
    AnonymousAccess, Freshness, RefusalStyle, SearchLimits, Searchers, ServedOperation,
};
use ldapgate::policy::pace::Pace;
use ldapgate::policy::service_account::ServiceAccountMemo;
use ldapgate::policy::traffic::Traffic;

use crate::dataset::{Company, GROUPS, PEOPLE, SUFFIX};

const DIRECTORY: &str = "bench";
const DOMAIN_SID: &str = "S-1-5-21-1-2-3";

/// The filter with which applications look for a login, as they send it.
pub(crate) fn login_filter(person: u32) -> String {
    format!("(&(objectCategory=person)(sAMAccountName={}))", Company::account(person))
}

/// A view of the company.
pub(crate) fn view(company: Company) -> Result<View, BuildError> {
    view_of(entries(company))
}

/// A view of entries.
pub(crate) fn view_of(entries: Vec<Entry>) -> Result<View, BuildError> {
    View::build(1, domain(), entries, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
}

/// A person as the view has them, with another telephone number.
pub(crate) fn with_number(view: &View, person: u32, number: usize) -> Option<PackedEntry> {
    let entry = view.find_dn(&NormalizedDn::parse(&Company::dn(person)).ok()?)?;
    let mut octets = Vec::new();
    let everything = Selection::parse(&["*".to_owned()], false);
    view.write_entry(&mut octets, MessageId::new(1)?, entry.slot(), &everything, &crate::Everyone);
    let ResponseOperation::Entry(mut entry) = Response::decode(&octets).ok()?.operation else {
        return None;
    };
    entry.attributes.retain(|found| found.description != "telephoneNumber");
    let values = vec![format!("+49 30 {number}").into_bytes()];
    entry.attributes.push(EntryAttribute { description: "telephoneNumber".to_owned(), values });
    Some(PackedEntry::pack(&entry))
}

/// Everything that a pass brings in.
pub(crate) fn entries(company: Company) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut identity = 0;
    let mut add = |dn: &str, values: Vec<(&'static str, String)>| {
        identity += 1;
        entries.push(entry(dn, values, identity));
    };
    add(SUFFIX, vec![("objectClass", "domainDNS".to_owned())]);
    for unit in [PEOPLE, GROUPS] {
        add(unit, vec![("objectClass", "organizationalUnit".to_owned())]);
    }
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for person in 0..company.people {
        let dn = Company::dn(person);
        for group in company.groups_of(person) {
            groups.entry(group).or_default().push(dn.clone());
        }
        let mut values = company.attributes(person);
        values.push(("sAMAccountType", "805306368".to_owned()));
        add(&dn, values);
    }
    for (dn, members) in groups {
        let class = ("objectClass", "group".to_owned());
        add(
            &dn,
            std::iter::once(class).chain(members.into_iter().map(|dn| ("member", dn))).collect(),
        );
    }
    entries
}

fn entry(dn: &str, values: Vec<(&'static str, String)>, identity: u32) -> Entry {
    let mut attributes: Vec<EntryAttribute> = Vec::new();
    let mut push = |name: &str, value: Vec<u8>| match attributes.last_mut() {
        Some(last) if last.description == name => last.values.push(value),
        _ => attributes.push(EntryAttribute { description: name.to_owned(), values: vec![value] }),
    };
    for (name, value) in values {
        push(name, value.into_bytes());
    }
    let mut guid = [0x5a; 16];
    guid.iter_mut().zip(identity.to_be_bytes()).for_each(|(to, from)| *to = from);
    push("objectGUID", Guid(guid).ad_octets().to_vec());
    if let Some(sid) = Sid::parse(DOMAIN_SID) {
        push("objectSid", sid.with_relative_id(1000 + identity).octets().to_vec());
    }
    Entry { dn: dn.to_owned(), attributes }
}

fn domain() -> Domain {
    Domain {
        directory: DIRECTORY.into(),
        kind: DirectoryKind::ActiveDirectory,
        naming_context: SUFFIX.to_owned(),
        configuration_context: None,
        schema_context: Some(format!("cn=Schema,cn=Configuration,{SUFFIX}")),
        dns_name: Some("bench.example".to_owned()),
        netbios_name: Some("BENCH".to_owned()),
        sid: Sid::parse(DOMAIN_SID),
        upn_suffixes: vec!["corp.bench.example".to_owned()],
        root_dse: Entry { dn: String::new(), attributes: Vec::new() },
        subschema: None,
    }
}

/// An application with the defaults of the configuration.
pub(crate) fn application() -> Application {
    Application {
        name: "bench".into(),
        directories: vec![Arc::from(DIRECTORY)],
        bases: Vec::new(),
        excluded_bases: Vec::new(),
        user_filter: None,
        required_groups: Vec::new(),
        denied_groups: Vec::new(),
        service_accounts: Vec::new(),
        local_accounts: Vec::new(),
        searchers: Searchers::default(),
        anonymous: AnonymousAccess::default(),
        refusals: RefusalStyle::default(),
        freshness: Freshness::default(),
        negative_latency: Duration::from_millis(150),
        limits: SearchLimits::default(),
        networks: Vec::new(),
        listeners: Vec::new(),
        primary_group_in_member_of: false,
        presentation: None,
        revision: 0,
        service_account_memo: ServiceAccountMemo::default(),
        traffic: Traffic::default(),
        operations: ServedOperation::ALL.into(),
        require_tls: false,
        pace: Pace::default(),
    }
}
