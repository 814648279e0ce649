//! What an application is shown: attributes, groups, containers, disabled accounts.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::controls::server_side_sort::{self, SortKey};
use crate::ldap::entry::Entry;
use crate::ldap::request::CompareRequest;
use crate::policy::application::ScopeBase;
use crate::policy::presentation::{AttributeSet, DisabledAccounts, Presentation, ShownAttributes};
use crate::policy::tests::{ALICE, BOB, EVE, entry_of, guid, in_groups, people, set};

/// A client of an application that is shown a directory so.
pub(super) fn showing(presentation: Presentation, entries: Vec<Entry>) -> Client {
    scoped(presentation, Vec::new(), entries)
}

fn scoped(presentation: Presentation, bases: Vec<ScopeBase>, entries: Vec<Entry>) -> Client {
    let crm = Application {
        bases,
        service_accounts: names(&["svc-crm"]),
        presentation: Some(Arc::new(presentation)),
        ..application()
    };
    let mut client = Client::new(crm, corp(1, entries));
    assert_eq!(client.bind("svc-crm"), 0);
    client
}

fn all_but(hidden: &[&str]) -> Presentation {
    let attributes = ShownAttributes::AllBut(AttributeSet::of(hidden));
    Presentation { attributes, ..Presentation::default() }
}

fn only(shown: &[&str]) -> Presentation {
    let attributes = ShownAttributes::Only(AttributeSet::of(shown));
    Presentation { attributes, ..Presentation::default() }
}

pub(super) fn asking(base: &str, filter: &str, attributes: &[&str]) -> Operation {
    let Operation::Search(request) = search(base, SearchScope::WholeSubtree, filter) else {
        panic!("not a search")
    };
    let attributes = attributes.iter().copied().collect();
    Operation::Search(Arc::new(SearchRequest { attributes, ..(*request).clone() }))
}

pub(super) fn compare(entry: &str, attribute: &str, value: &str) -> Operation {
    Operation::Compare(CompareRequest {
        entry: entry.to_owned(),
        attribute: AttributeDescription::parse(attribute).unwrap(),
        value: value.as_bytes().to_vec(),
    })
}

impl Client {
    /// The one entry found, with the names of its attributes.
    pub(super) fn attributes_of(&mut self, name: &str, attributes: &[&str]) -> Vec<String> {
        let answers = self.send(asking(name, "(objectClass=*)", attributes), Vec::new());
        let Some(ResponseOperation::Entry(entry)) =
            answers.responses.first().map(|response| &response.operation)
        else {
            panic!("{name}: {:?}", answers.responses)
        };
        let mut names: Vec<String> =
            entry.attributes.iter().map(|found| found.description.clone()).collect();
        names.sort_unstable();
        names
    }

    pub(super) fn values_of(&mut self, name: &str, attribute: &str) -> Vec<String> {
        let answers = self.send(asking(name, "(objectClass=*)", &[attribute]), Vec::new());
        let Some(ResponseOperation::Entry(entry)) =
            answers.responses.first().map(|response| &response.operation)
        else {
            panic!("{name}: {:?}", answers.responses)
        };
        let text = |value: &Vec<u8>| String::from_utf8_lossy(value).into_owned();
        entry.attributes.iter().flat_map(|found| found.values.iter().map(text)).collect()
    }

    pub(super) fn found(&mut self, filter: &str) -> Vec<String> {
        let answers = self.search(CORP, filter);
        assert_eq!(answers.code(), 0, "{filter}");
        let own = |dn: &str| dn.split(',').next().unwrap_or_default().to_owned();
        answers.entries().into_iter().map(own).collect()
    }
}

/// RFC 4511 §4.5.1.8: of what is asked for, the list decides. What a name tells anyhow is always there.
#[test]
fn an_allow_list() {
    let mut client = showing(only(&["mail", "samaccountname", "0.9.2342.19200300.100.1.41"]), {
        let mut entries = company();
        let alice = entry_of(&mut entries, ALICE);
        set(alice, "mail", &["alice@corp.example"]);
        set(alice, "mobile", &["1"]);
        set(alice, "title", &["Dr"]);
        entries
    });
    let shown = ["cn", "mail", "mobile", "objectClass", "sAMAccountName"];
    assert_eq!(client.attributes_of(&people("alice"), &[]), shown);
    assert_eq!(client.attributes_of(&people("alice"), &["*", "+", "title"]), shown);
    let named = ["title", "TITLE", "2.5.4.12", "title;lang-de", "objectGUID", "memberOf", "mail"];
    assert_eq!(client.attributes_of(&people("alice"), &named), ["mail"]);
    assert_eq!(client.found("(mobile=1)"), ["CN=alice"]);
    assert!(client.found("(title=*)").is_empty() && client.found("(!(title=Dr))").is_empty());
    assert_eq!(client.found("(&(cn=alice)(distinguishedName=*))").len(), 0, "in no index, as ever");
}

/// What is worked out from a hidden attribute alone goes with it.
#[test]
fn hidden_attributes_and_what_tells_them() {
    let mut client = showing(all_but(&["objectSid", "userAccountControl"]), company());
    let asked = [
        "objectSid",
        "tokenGroups",
        "msDS-PrincipalName",
        "userAccountControl",
        "msDS-User-Account-Control-Computed",
        "canonicalName",
    ];
    assert_eq!(client.attributes_of(&people("alice"), &asked), ["canonicalName"]);
    let sid = format!("<SID={}>", crate::policy::tests::sid(1000 + u32::from(ALICE)));
    assert_eq!(client.search(&sid, "(objectClass=*)").code(), 32);
    assert!(client.found(&format!("(member={sid})")).is_empty());
    let mut open = showing(all_but(&["mail"]), company());
    assert_eq!(open.search(&sid, "(objectClass=*)").code(), 0);
    assert_eq!(open.found(&format!("(member={sid})")), ["CN=crm"]);
}

const HIDDEN: [&str; 4] = ["mail", "badge", "employeeNumber", "whenChanged"];

/// The company where the hidden attributes have these values, by user.
fn with_hidden(values: &[Vec<&'static str>]) -> Vec<Entry> {
    let mut entries = company();
    for (number, values) in [ALICE, BOB, EVE].into_iter().zip(values) {
        for attribute in HIDDEN {
            set(entry_of(&mut entries, number), attribute, values);
        }
    }
    entries
}

fn any_assertion() -> impl Strategy<Value = String> {
    let attributes = ["mail", "MAIL", "badge", "mail;lang-de", "whenChanged", "cn", "anr"];
    let values = ["a", "20230101000000.0Z", "2", "alice", "zz"];
    let shapes = [
        "({}={v})",
        "({}=*)",
        "({}={v}*)",
        "({}>={v})",
        "({}<={v})",
        "({}~={v})",
        "({}:caseExactMatch:={v})",
        "({}:dn:={v})",
    ];
    (select(attributes.to_vec()), select(values.to_vec()), select(shapes.to_vec()))
        .prop_map(|(attribute, value, shape)| shape.replace("{}", attribute).replace("{v}", value))
}

fn any_filter() -> impl Strategy<Value = String> {
    any_assertion().prop_recursive(3, 12, 3, |inner| {
        let several = || proptest::collection::vec(inner.clone(), 1..=3);
        prop_oneof![
            inner.clone().prop_map(|filter| format!("(!{filter})")),
            several().prop_map(|filters| format!("(&{})", filters.concat())),
            several().prop_map(|filters| format!("(|{})", filters.concat())),
        ]
    })
}

fn any_values() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    let values = subsequence(vec!["a", "20230101000000.0Z", "alice", "2"], 0..=2);
    proptest::collection::vec(values, 3)
}

proptest! {
    /// No search, order or comparison tells what is in an attribute that is hidden, nor that anybody has it.
    #[test]
    fn a_hidden_attribute_tells_nothing(
        values in any_values(),
        filter in any_filter(),
        asked in subsequence(vec!["*", "+", "mail", "badge", "cn", "1.1", "whenChanged"], 0..=3),
        key in select(vec!["mail", "badge", "cn", "whenChanged", "nothing"]),
        compared in select(vec!["mail", "badge", "cn", "whenChanged", "employeeNumber"]),
        value in select(vec!["a", "alice", "20230101000000.0Z"]),
    ) {
        let mut one = showing(all_but(&HIDDEN), with_hidden(&values));
        let mut other = showing(all_but(&HIDDEN), with_hidden(&[]));
        let keys = vec![SortKey { attribute: key.to_owned(), rule: None, reverse: false }];
        let sorted = server_side_sort::request(&keys, false);
        let operation = || asking(CORP, &filter, &asked);
        let (found, expected) = (
            one.send(operation(), vec![sorted.clone()]).octets,
            other.send(operation(), vec![sorted]).octets,
        );
        prop_assert_eq!(found, expected, "{} {:?} by {}", filter, asked, key);
        let operation = || compare(&people("alice"), compared, value);
        let (found, expected) =
            (one.send(operation(), Vec::new()), other.send(operation(), Vec::new()));
        prop_assert_eq!(found.octets, expected.octets);
    }

    /// One that no schema knows and that is hidden is like one that nobody has.
    #[test]
    fn a_hidden_attribute_is_like_an_unknown_one(
        values in any_values(),
        filter in any_filter(),
        asked in subsequence(vec!["*", "badge", "cn"], 0..=2),
    ) {
        let filter = filter.replace("whenChanged", "badge").replace("mail", "badge");
        let mut hidden = company();
        for (number, values) in [ALICE, BOB, EVE].into_iter().zip(&values) {
            set(entry_of(&mut hidden, number), "badge", values);
        }
        let mut one = showing(all_but(&["badge"]), hidden);
        let mut other = showing(Presentation::default(), company());
        let keys = [SortKey { attribute: "badge".to_owned(), rule: None, reverse: false }];
        let operation = || asking(CORP, &filter, &asked);
        let sorted = || vec![server_side_sort::request(&keys, false)];
        let (found, expected) = (one.send(operation(), sorted()), other.send(operation(), sorted()));
        prop_assert_eq!(found.octets, expected.octets, "{}", filter);
        let operation = || compare(&people("alice"), "badge", "a");
        let (found, expected) =
            (one.send(operation(), Vec::new()), other.send(operation(), Vec::new()));
        prop_assert_eq!(found.octets, expected.octets);
    }
}

/// Groups and containers of others are not there: not found, not as a base, not as a value.
#[test]
fn groups_and_containers_of_ones_own() {
    let presentation = Presentation {
        visible_bases: vec![base(&format!("OU=Groups,{CORP}"))],
        group_filter: Some(Filter::parse("(cn=crm*)").unwrap()),
        ..Presentation::default()
    };
    let people_unit = format!("OU=People,{CORP}");
    let mut client = scoped(presentation, vec![base(&people_unit)], company());
    let all = client.found("(objectClass=*)");
    let shown = "DC=corp OU=Groups CN=crm CN=crm-loop CN=crm-nested OU=People CN=alice CN=bob OU=Sales \
                 CN=J\u{fc}rgen_A/B CN=svc-crm";
    let shown: Vec<String> = shown.split_whitespace().map(|name| name.replace('_', " ")).collect();
    assert_eq!(all, shown, "its own entry too; neither OU=Service nor eve nor the other groups");
    let hidden = client.search(&format!("OU=Service,{CORP}"), "(objectClass=*)");
    assert_eq!((hidden.code(), &hidden.result().matched_dn[..]), (32, CORP.as_bytes()));
    assert_eq!(client.search(&in_groups("empty"), "(objectClass=*)").code(), 32);
}

/// MS-ADTS §3.1.1.3.4.1.14: what was removed is asked for below a place that every application has.
#[test]
fn the_place_of_what_was_removed_is_always_there() {
    let presentation = Presentation {
        visible_bases: vec![base(&format!("OU=Groups,{CORP}"))],
        ..Presentation::default()
    };
    let mut client = showing(presentation, company());
    let place = format!("CN=Deleted Objects,{CORP}");
    let deleted = Control::new(oid::SHOW_DELETED, true);
    let answers = client.send(asking(&place, "(objectClass=*)", &["1.1"]), vec![deleted]);
    assert_eq!((answers.code(), answers.entries()), (0, vec![&*place]));
}

/// A value that names whom an application is not shown is none: in answers, filters and comparisons.
#[test]
fn values_name_only_what_is_shown() {
    let mut entries = company();
    let eve = format!("CN=eve,OU=Service,{CORP}");
    set(entry_of(&mut entries, 21), "member", &[&people("alice"), &eve]);
    set(entry_of(&mut entries, 24), "member", &[&eve, &people("alice")]);
    set(entry_of(&mut entries, 23), "member", &[&eve]);
    set(entry_of(&mut entries, ALICE), "manager", &[&eve]);
    let presentation = Presentation {
        group_filter: Some(Filter::parse("(!(cn=empty))").unwrap()),
        ..Presentation::default()
    };
    let bases = vec![base(&format!("OU=People,{CORP}"))];
    let mut client = scoped(presentation, bases, entries.clone());
    assert_eq!(client.values_of(&in_groups("crm"), "member"), [people("alice")]);
    assert_eq!(client.values_of(&people("alice"), "memberOf"), [in_groups("crm")]);
    assert!(client.values_of(&in_groups("crm-loop"), "member").is_empty());
    assert!(client.values_of(&people("alice"), "manager").is_empty());
    let crm = ["CN=crm", "CN=crm-nested"];
    assert_eq!(client.found("(member=*)"), crm);
    assert_eq!(client.found(&format!("(&(cn=c*)(!(member={eve})))")).len(), 3, "as nobody's name");
    for filter in [
        format!("(member={eve})"),
        format!("(manager={eve})"),
        "(manager=*)".to_owned(),
        format!("(member:1.2.840.113556.1.4.1941:={eve})"),
        format!("(memberOf={})", in_groups("empty")),
        format!("(member=<GUID={}>)", guid(EVE)),
        format!("(&(cn=crm)(!(member=<GUID={}>)))", guid(EVE)),
    ] {
        assert!(client.found(&filter).is_empty(), "{filter}");
    }
    let code = |client: &mut Client, entry: &str, attribute: &str, value: &str| {
        client.send(compare(entry, attribute, value), Vec::new()).code()
    };
    assert_eq!(code(&mut client, &in_groups("crm"), "member", &eve), 5);
    assert_eq!(code(&mut client, &in_groups("crm"), "member", &people("alice")), 6);
    assert_eq!(code(&mut client, &in_groups("crm-loop"), "member", &eve), 16);
    assert_eq!(code(&mut client, &people("alice"), "memberOf", &in_groups("empty")), 5);
    // Who is shown everybody is told everything.
    let mut open = scoped(Presentation::default(), Vec::new(), entries);
    assert_eq!(open.values_of(&in_groups("crm"), "member").len(), 2);
    assert_eq!(open.found(&format!("(manager={eve})")), ["CN=alice"]);
}

/// The primary group is named only where it is shown.
#[test]
fn a_primary_group_may_be_hidden_too() {
    let told = |filter: Option<&str>| {
        let crm = Application {
            service_accounts: names(&["svc-crm"]),
            primary_group_in_member_of: true,
            presentation: Some(Arc::new(Presentation {
                group_filter: filter.map(|text| Filter::parse(text).unwrap()),
                ..Presentation::default()
            })),
            ..application()
        };
        let mut client = Client::new(crm, corp(1, company()));
        assert_eq!(client.bind("svc-crm"), 0);
        let values = client.values_of(&people("bob"), "memberOf");
        let domain_users = in_groups("Domain Users");
        let tokens = client.values_of(&people("bob"), "tokenGroups").len();
        let code =
            client.send(compare(&people("bob"), "memberOf", &domain_users), Vec::new()).code();
        (values.contains(&domain_users), code, tokens)
    };
    assert_eq!(told(None), (true, 6, 4));
    assert_eq!(told(Some("(cn=crm-nested)")), (false, 5, 1));
}

/// A disabled account is hidden from an application that wants it so, and comes back; it may still not log in.
#[test]
fn disabled_accounts_can_be_hidden() {
    let presentation =
        || Presentation { disabled_accounts: DisabledAccounts::Hidden, ..Presentation::default() };
    let disabled = || {
        let mut entries = company();
        set(entry_of(&mut entries, ALICE), "userAccountControl", &["514"]);
        entries
    };
    let mut client = showing(presentation(), disabled());
    assert!(client.found("(cn=alice)").is_empty());
    assert_eq!(client.found("(cn=bob)"), ["CN=bob"]);
    assert!(
        client.values_of(&in_groups("crm"), "member").iter().all(|name| !name.contains("alice"))
    );
    assert_eq!(showing(Presentation::default(), disabled()).found("(cn=alice)"), ["CN=alice"]);
    client.world = corp(2, company());
    assert_eq!(client.found("(cn=alice)"), ["CN=alice"]);
}

/// Two applications of disjoint scopes on one directory have nothing in common but what is above both.
#[test]
fn two_applications_see_two_directories() {
    let of = |unit: &str, filter: &str| {
        let place = base(&format!("{unit},{CORP}"));
        let presentation = Presentation {
            visible_bases: vec![place.clone()],
            group_filter: Some(Filter::parse(filter).unwrap()),
            ..Presentation::default()
        };
        let mut client = scoped(presentation, vec![place], company());
        let found = client.send(asking(CORP, "(objectClass=*)", &["*", "+"]), Vec::new());
        (client, found)
    };
    let (mut first, one) = of("OU=People", "(cn=none)");
    let (_, other) = of("OU=Groups", "(cn=crm*)");
    let (one, other) = (one.entries(), other.entries());
    let common: Vec<_> = one.iter().filter(|dn| other.contains(dn)).collect();
    let service = format!("CN=svc-crm,OU=Service,{CORP}");
    assert_eq!(common, [&CORP, &service.as_str()], "the domain, and the account that asks");
    for dn in other.iter().filter(|dn| !common.contains(dn)) {
        assert_eq!(first.search(dn, "(objectClass=*)").code(), 32, "{dn}");
        assert!(first.found(&format!("(|(member={dn})(memberOf={dn}))")).is_empty(), "{dn}");
    }
}
