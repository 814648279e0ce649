//! Tests of the room: a small company in the manner of Active Directory and of OpenLDAP, and what is
//! asked of it.

mod changes;
mod constructed;
mod entries;
mod filters;
mod membership;
mod model;
mod one_change;
mod plans;
mod published;
mod restore;
mod root_dse;
mod search;
mod steps;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::{Entry, EntryAttribute};
use crate::ldap::filter::Filter;
use crate::ldap::identifier::{Guid, Sid};
use crate::ldap::message::MessageId;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::request::SearchScope;
use crate::ldap::response::{Response, ResponseOperation};
use crate::ldap::schema::DirectoryKind;

pub(super) const DOMAIN: &str = "DC=corp,DC=example";
const DOMAIN_SID: &str = "S-1-5-21-1-2-3";

/// The entries of ldapgate itself below the configuration context.
pub(super) const OWN: [&str; 5] = ["Sites", "ldapgate", "Servers", "ldapgate", "NTDS Settings"];

/// An audience that everything is shown to.
pub(super) struct Everyone;

impl Audience for Everyone {
    fn sees(&self, _: EntryRef<'_>) -> bool {
        true
    }

    fn shows(&self, _: &str) -> bool {
        true
    }
}

pub(super) fn moment() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

pub(super) fn entry(dn: &str, attributes: &[(&str, &[&str])]) -> Entry {
    let attributes = attributes.iter().map(|(name, values)| EntryAttribute {
        description: (*name).to_owned(),
        values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
    });
    Entry { dn: dn.to_owned(), attributes: attributes.collect() }
}

pub(super) fn guid(number: u8) -> Guid {
    Guid([number; 16])
}

pub(super) fn sid(relative_id: u32) -> Sid {
    Sid::parse(&format!("{DOMAIN_SID}-{relative_id}")).unwrap()
}

pub(super) fn push(entry: &mut Entry, name: &str, value: &[u8]) {
    match entry.attributes.iter_mut().find(|found| found.description == name) {
        Some(found) => found.values.push(value.to_vec()),
        None => entry
            .attributes
            .push(EntryAttribute { description: name.to_owned(), values: vec![value.to_vec()] }),
    }
}

/// Replaces all values.
pub(super) fn set(entry: &mut Entry, name: &str, values: &[&str]) {
    entry.attributes.retain(|found| !found.description.eq_ignore_ascii_case(name));
    for value in values {
        push(entry, name, value.as_bytes());
    }
}

fn category(name: &str) -> String {
    format!("CN={name},CN=Schema,CN=Configuration,{DOMAIN}")
}

/// An entry of Active Directory with what each of them has.
pub(super) fn object(number: u8, dn: &str, classes: &[&str], object_category: &str) -> Entry {
    let category = category(object_category);
    let mut entry = entry(
        dn,
        &[("objectClass", classes), ("distinguishedName", &[dn]), ("objectCategory", &[&category])],
    );
    push(&mut entry, "objectGUID", &guid(number).ad_octets());
    push(&mut entry, "whenCreated", b"20240101000000.0Z");
    push(&mut entry, "whenChanged", b"20240201000000.0Z");
    entry
}

/// A user `CN=<sam>,<parent>`.
pub(super) fn user(number: u8, sam: &str, parent: &str) -> Entry {
    let classes = ["top", "person", "organizationalPerson", "user"];
    let mut entry = object(number, &format!("CN={sam},{parent}"), &classes, "Person");
    push(&mut entry, "cn", sam.as_bytes());
    push(&mut entry, "sAMAccountName", sam.as_bytes());
    push(&mut entry, "userPrincipalName", format!("{sam}@corp.example").as_bytes());
    push(&mut entry, "userAccountControl", b"512");
    push(&mut entry, "sAMAccountType", b"805306368");
    push(&mut entry, "primaryGroupID", b"513");
    push(&mut entry, "objectSid", sid(1000 + u32::from(number)).octets());
    entry
}

/// A group `CN=<sam>,OU=Groups,<domain>`.
pub(super) fn group(number: u8, sam: &str, members: &[&str]) -> Entry {
    let dn = format!("CN={sam},OU=Groups,{DOMAIN}");
    let mut entry = object(number, &dn, &["top", "group"], "Group");
    push(&mut entry, "cn", sam.as_bytes());
    push(&mut entry, "sAMAccountName", sam.as_bytes());
    push(&mut entry, "groupType", b"-2147483646");
    push(&mut entry, "objectSid", sid(1000 + u32::from(number)).octets());
    for member in members {
        push(&mut entry, "member", member.as_bytes());
    }
    entry
}

pub(super) const ALICE: &str = "CN=alice,OU=People,DC=corp,DC=example";
pub(super) const BOB: &str = "CN=bob,OU=Sales,OU=People,DC=corp,DC=example";
pub(super) const JM: &str =
    "CN=J\u{fc}rgen M\u{fc}ller\\, Dr. \\\"JM\\\",OU=People,DC=corp,DC=example";
pub(super) const STAFF: &str = "CN=staff,OU=Groups,DC=corp,DC=example";
pub(super) const OUTSIDER: &str = "CN=S-1-5-9,CN=ForeignSecurityPrincipals,DC=corp,DC=example";

/// The company of `DOMAIN`: two naming contexts, three users, nested and looping groups.
pub(super) fn company() -> Vec<Entry> {
    let people = format!("OU=People,{DOMAIN}");
    let sales = format!("OU=Sales,{people}");
    let groups = format!("OU=Groups,{DOMAIN}");
    let configuration = format!("CN=Configuration,{DOMAIN}");
    let unit = |number, dn: &str| {
        let mut unit = object(number, dn, &["top", "organizationalUnit"], "Organizational-Unit");
        let name = dn.split([',', '=']).nth(1).unwrap();
        push(&mut unit, "ou", name.as_bytes());
        unit
    };
    let mut alice = user(11, "alice", &people);
    push(&mut alice, "displayName", "Alice \u{c5}ngstr\u{f6}m".as_bytes());
    push(&mut alice, "mail", b"alice@corp.example");
    push(&mut alice, "manager", BOB.as_bytes());
    push(&mut alice, "employeeID", b"0042");
    push(&mut alice, "thumbnailPhoto", &[0xff, 0xd8, 0x00, 0x01]);
    let mut bob = user(12, "bob", &sales);
    set(&mut bob, "userAccountControl", &["514"]);
    push(&mut bob, "mail", b"bob@corp.example");
    let mut jm = user(13, "jm", &people);
    JM.clone_into(&mut jm.dn);
    set(&mut jm, "distinguishedName", &[JM]);
    set(&mut jm, "cn", &["J\u{fc}rgen M\u{fc}ller, Dr. \"JM\""]);
    push(&mut jm, "manager", OUTSIDER.as_bytes());
    let mut domain_users = group(20, "Domain Users", &[]);
    set(&mut domain_users, "objectSid", &[]);
    push(&mut domain_users, "objectSid", sid(513).octets());
    let dn = |name: &str| format!("CN={name},{groups}");
    let mut distribution = group(27, "news", &[ALICE]);
    set(&mut distribution, "groupType", &["2"]);
    vec![
        group(21, "staff", &[ALICE, BOB, JM, OUTSIDER]),
        group(22, "vpn", &["cn=Alice, ou=people, dc=CORP, dc=example"]),
        group(23, "nested-a", &[&dn("vpn")]),
        group(24, "nested-b", &[&dn("nested-a")]),
        group(25, "loop-x", &[&dn("loop-y"), BOB]),
        group(26, "loop-y", &[&dn("loop-x")]),
        distribution,
        domain_users,
        alice,
        bob,
        jm,
        unit(2, &people),
        unit(3, &sales),
        unit(4, &groups),
        object(1, DOMAIN, &["top", "domain", "domainDNS"], "Domain-DNS"),
        object(5, &configuration, &["top", "configuration"], "Configuration"),
        object(
            6,
            &format!("CN=Partitions,{configuration}"),
            &["top", "crossRefContainer"],
            "Cross-Ref-Container",
        ),
    ]
}

pub(super) fn domain() -> Domain {
    Domain {
        directory: Arc::from("corp"),
        kind: DirectoryKind::ActiveDirectory,
        naming_context: DOMAIN.to_owned(),
        configuration_context: Some(format!("CN=Configuration,{DOMAIN}")),
        schema_context: Some(format!("CN=Schema,CN=Configuration,{DOMAIN}")),
        dns_name: Some("corp.example".to_owned()),
        netbios_name: Some("CORP".to_owned()),
        sid: Sid::parse(DOMAIN_SID),
        upn_suffixes: Vec::new(),
        root_dse: entry("", &[("supportedCapabilities", &["1.2.840.113556.1.4.800", "1.2.3"])]),
        subschema: None,
    }
}

pub(super) fn view_of(entries: Vec<Entry>) -> View {
    View::build(7, domain(), entries, moment()).unwrap()
}

pub(super) fn times() -> Times {
    Times { read_at: moment(), now: moment() }
}

pub(super) fn packed(entries: Vec<Entry>) -> Vec<PackedEntry> {
    entries.into_iter().map(|entry| PackedEntry::pack(&entry)).collect()
}

/// What the first view of these entries says of itself.
pub(super) fn first(entries: Vec<Entry>) -> ChangeSummary {
    View::first(Arc::default(), 1, domain(), packed(entries), times()).unwrap().1
}

/// The view that another pass with these entries makes.
pub(super) fn next(view: &View, entries: Vec<Entry>) -> (View, ChangeSummary) {
    view.refreshed(view.domain().clone(), packed(entries), times()).unwrap()
}

pub(super) fn company_view() -> View {
    view_of(company())
}

/// An OpenLDAP tree with every sort of group.
pub(super) fn openldap_view() -> View {
    let base = "dc=example,dc=org";
    let with_uuid = |number: u8, mut entry: Entry| {
        push(&mut entry, "entryUUID", guid(number).to_string().as_bytes());
        entry
    };
    let person = |number: u8, uid: &str| {
        let dn = format!("uid={uid},ou=people,{base}");
        let classes: &[&str] = &["inetOrgPerson"];
        with_uuid(number, entry(&dn, &[("objectClass", classes), ("uid", &[uid]), ("cn", &[uid])]))
    };
    let entries = vec![
        with_uuid(1, entry(base, &[("objectClass", &["top", "dcObject", "organization"])])),
        with_uuid(
            2,
            entry("ou=people,dc=example,dc=org", &[("objectClass", &["organizationalUnit"])]),
        ),
        person(3, "anna"),
        person(4, "boris"),
        with_uuid(
            5,
            entry(
                "cn=staff,dc=example,dc=org",
                &[
                    ("objectClass", &["groupOfNames"]),
                    ("cn", &["staff"]),
                    ("member", &["uid=anna,ou=people,dc=example,dc=org"]),
                ],
            ),
        ),
        with_uuid(
            6,
            entry(
                "cn=unix,dc=example,dc=org",
                &[
                    ("objectClass", &["posixGroup"]),
                    ("cn", &["unix"]),
                    ("memberUid", &["boris", "nobody"]),
                ],
            ),
        ),
        with_uuid(
            7,
            entry(
                "cn=both,dc=example,dc=org",
                &[
                    ("objectClass", &["groupOfUniqueNames"]),
                    ("cn", &["both"]),
                    ("uniqueMember", &["cn=staff,dc=example,dc=org", "cn=unix,dc=example,dc=org"]),
                ],
            ),
        ),
    ];
    let mut domain = domain();
    domain.kind = DirectoryKind::OpenLdap;
    domain.naming_context = base.to_owned();
    domain.configuration_context = None;
    domain.schema_context = None;
    View::build(1, domain, entries, moment()).unwrap()
}

pub(super) fn dn(text: &str) -> NormalizedDn {
    NormalizedDn::parse(text).unwrap()
}

pub(super) fn at<'v>(view: &'v View, text: &str) -> EntryRef<'v> {
    view.find_dn(&dn(text)).unwrap_or_else(|| panic!("{text} is not in the view"))
}

/// The RDN values of what a subtree search of the whole view finds, in the order found.
pub(super) fn found(view: &View, filter: &str) -> Vec<String> {
    found_in(view, "", SearchScope::WholeSubtree, filter)
}

pub(super) fn found_in(view: &View, base: &str, scope: SearchScope, filter: &str) -> Vec<String> {
    let filter = Filter::parse(filter).unwrap();
    let slots = view.search(&dn(base), scope, &filter, &Everyone).unwrap();
    slots.into_iter().map(|slot| short(view.entry(slot).unwrap())).collect()
}

/// The last sAMAccountName, ou or RDN of an entry: enough to tell entries of the company apart.
pub(super) fn short(entry: EntryRef<'_>) -> String {
    let name = entry.text("sAMAccountName").or_else(|| entry.text("ou"));
    name.map_or_else(
        || entry.dn().split([',', '=']).nth(1).unwrap_or_default().to_owned(),
        std::borrow::Cow::into_owned,
    )
}

/// An entry as a client decodes it.
pub(super) fn answer(
    view: &View,
    at: EntryRef<'_>,
    requested: &[&str],
    types_only: bool,
    audience: &dyn Audience,
) -> Entry {
    let requested: Vec<String> = requested.iter().map(|name| (*name).to_owned()).collect();
    let mut octets = Vec::new();
    let selection = Selection::parse(&requested, types_only);
    view.write_entry(&mut octets, MessageId::new(5).unwrap(), at.slot(), &selection, audience);
    decode(&octets)
}

pub(super) fn decode(octets: &[u8]) -> Entry {
    let ResponseOperation::Entry(entry) = Response::decode(octets).unwrap().operation else {
        panic!("not an entry");
    };
    entry
}

/// What `answer` gives, as `name` of each attribute.
pub(super) fn names(entry: &Entry) -> Vec<&str> {
    entry.attributes.iter().map(|attribute| attribute.description.as_str()).collect()
}

pub(super) fn texts(entry: &Entry, name: &str) -> Vec<String> {
    entry.values(name).iter().map(|value| String::from_utf8(value.clone()).unwrap()).collect()
}
