//! Bases and scopes: RFC 4511 §4.5.1.1 and §4.5.1.2, MS-ADTS §3.1.1.3.1.2.4.

use super::*;

const ALL: &str = "(objectClass=*)";

/// RFC 4511 §4.5.1.2, with parents before children.
#[test]
fn scopes() {
    let view = company_view();
    let people = format!("OU=People,{DOMAIN}");
    let jm = "jm";
    let cases: [(&str, SearchScope, &[&str]); 8] = [
        (&people, SearchScope::BaseObject, &["People"]),
        (&people, SearchScope::SingleLevel, &["alice", jm, "Sales"]),
        (&people, SearchScope::WholeSubtree, &["People", "alice", jm, "Sales", "bob"]),
        (&people, SearchScope::SubordinateSubtree, &["alice", jm, "Sales", "bob"]),
        (ALICE, SearchScope::WholeSubtree, &["alice"]),
        (ALICE, SearchScope::SingleLevel, &[]),
        ("", SearchScope::SingleLevel, &["corp", "Configuration"]),
        ("", SearchScope::BaseObject, &[]),
    ];
    for (base, scope, expected) in cases {
        assert_eq!(found_in(&view, base, scope, ALL), expected, "{base} {scope:?}");
    }
    assert_eq!(
        found_in(&view, "", SearchScope::WholeSubtree, ALL).len(),
        company().len() + OWN.len()
    );
}

/// MS-ADTS §3.1.1.1.5: a naming context ends where another begins, although their names nest.
#[test]
fn naming_contexts_do_not_reach_into_each_other() {
    let view = company_view();
    let in_domain = found_in(&view, DOMAIN, SearchScope::WholeSubtree, ALL);
    assert!(!in_domain.contains(&"Configuration".to_owned()));
    assert_eq!(in_domain.len(), company().len() - 2);
    let one_level = found_in(&view, DOMAIN, SearchScope::SingleLevel, ALL);
    assert_eq!(one_level, ["Groups", "People"]);
    let configuration = format!("CN=Configuration,{DOMAIN}");
    let below = found_in(&view, &configuration, SearchScope::WholeSubtree, ALL);
    let (read, own) = below.split_at(2);
    assert_eq!(
        (read, own),
        (&["Configuration", "Partitions"].map(str::to_owned)[..], &OWN.map(str::to_owned)[..])
    );
    let cross = found_in(&view, &configuration, SearchScope::WholeSubtree, "(cn=alice)");
    assert!(cross.is_empty());
}

/// RFC 4511 §4.1.9: matchedDN is the lowest ancestor that exists, as the directory spells it.
#[test]
fn a_base_that_is_not_there() {
    let view = company_view();
    let missing = |base: &str, audience: &dyn Audience| {
        let filter = Filter::parse(ALL).unwrap();
        view.search(&dn(base), SearchScope::WholeSubtree, &filter, audience).unwrap_err().matched
    };
    assert_eq!(
        missing("cn=x,cn=y,ou=people,dc=corp,dc=example", &Everyone),
        "OU=People,DC=corp,DC=example"
    );
    assert_eq!(missing("dc=other", &Everyone), "");

    struct NotAlice;
    impl Audience for NotAlice {
        fn sees(&self, entry: EntryRef<'_>) -> bool {
            entry.dn() != ALICE
        }
        fn shows(&self, _: &str) -> bool {
            true
        }
    }
    struct NoContainers;
    impl Audience for NoContainers {
        fn sees(&self, entry: EntryRef<'_>) -> bool {
            entry.kind() != EntryKind::Container
        }
        fn shows(&self, _: &str) -> bool {
            true
        }
    }
    // Whatever is hidden is as good as absent.
    assert_eq!(missing(ALICE, &NotAlice), "OU=People,DC=corp,DC=example");
    assert_eq!(missing("OU=People,DC=corp,DC=example", &NoContainers), "");
}

/// MS-ADTS §3.1.1.3.1.2.4: alternative forms of a base.
#[test]
fn alternative_bases() {
    let view = company_view();
    let hex = |octets: &[u8]| -> String { octets.iter().map(|o| format!("{o:02x}")).collect() };
    for base in [
        ALICE.to_lowercase(),
        format!("<GUID={}>", guid(11)),
        format!("<guid={}>", hex(&guid(11).ad_octets())),
        "<SID=S-1-5-21-1-2-3-1011>".to_owned(),
        format!("<SID={}>", hex(sid(1011).octets())),
    ] {
        assert_eq!(view.resolve_base(&base), Ok(dn(ALICE)), "{base}");
    }
    for base in ["<GUID=00000000-0000-0000-0000-0000000000ff>", "<SID=S-1-5-21-1-2-3-1>"] {
        assert_eq!(view.resolve_base(base), Err(BaseError::Unknown), "{base}");
    }
    for base in ["<GUID=11>", "<SID=S-2>", "<WKGUID=a>", "<NAME=alice>", "<x>"] {
        assert_eq!(view.resolve_base(base), Err(BaseError::Identity), "{base}");
    }
    for base in ["people", "<WKGUID=a,b>"] {
        assert!(matches!(view.resolve_base(base), Err(BaseError::Syntax(_))), "{base}");
    }
    assert_eq!(view.resolve_base(""), Ok(NormalizedDn::root()));
}

/// Entries whose parents were not copied are still below their ancestors.
#[test]
fn orphans_are_below_their_nearest_ancestor() {
    let mut entries = company();
    entries.retain(|entry| !entry.dn.starts_with("OU=Sales"));
    let view = view_of(entries);
    let people = format!("OU=People,{DOMAIN}");
    assert_eq!(found_in(&view, &people, SearchScope::WholeSubtree, "(cn=bob)"), ["bob"]);
    assert!(found_in(&view, &people, SearchScope::SingleLevel, "(cn=bob)").is_empty());
    assert!(at(&view, BOB).parent().is_none());
    assert_eq!(at(&view, ALICE).parent().map(short).as_deref(), Some("People"));
}

/// The entry that makes the second naming context of an OpenLDAP view real.
#[test]
fn own_context_is_served() {
    let view = openldap_view();
    assert_eq!(found_in(&view, OWN_CONTEXT, SearchScope::BaseObject, ALL), ["ldapgate"]);
    assert_eq!(found(&view, "(description=*proxy*)"), ["ldapgate"]);
    assert_eq!(found_in(&view, "", SearchScope::SingleLevel, ALL), ["example", "ldapgate"]);
    let head = at(&view, "dc=example,dc=org");
    let requested = ["hasSubordinates", "entryDN"];
    let answer = answer(&view, head, &requested, false, &Everyone);
    assert_eq!(texts(&answer, "hasSubordinates"), ["TRUE"]);
    assert_eq!(texts(&answer, "entryDN"), ["dc=example,dc=org"]);
}

/// MS-ADTS §3.1.1.3.1.2.4: `<WKGUID=…>`; §6.1.1.4: what the head of a domain knows.
#[test]
fn well_known_bases() {
    const USERS: &str = "A9D1CA15768811D1ADED00C04FD8D5CD";
    const PROGRAM_DATA: &str = "09460C08AE1E4A4EA0F64AEE7DAA1E5A";
    let mut entries = company();
    let people = format!("OU=People,{DOMAIN}");
    let head = entries.iter_mut().find(|entry| entry.dn == DOMAIN).unwrap();
    push(head, "wellKnownObjects", format!("B:32:{USERS}:{people}").as_bytes());
    push(head, "otherWellKnownObjects", format!("B:32:{PROGRAM_DATA}:CN=gone,{DOMAIN}").as_bytes());
    let view = view_of(entries);
    for base in [
        format!("<WKGUID={USERS},{DOMAIN}>"),
        format!("<wkguid={}, dc=corp, dc=EXAMPLE>", USERS.to_lowercase()),
    ] {
        assert_eq!(view.resolve_base(&base), Ok(dn(&people)), "{base}");
    }
    for base in [format!("<WKGUID={PROGRAM_DATA},{DOMAIN}>"), format!("<WKGUID={USERS},{people}>")]
    {
        assert_eq!(view.resolve_base(&base), Err(BaseError::Unknown), "{base}");
    }
}

fn within(candidates: u64, expired: bool, filter: &str) -> Result<usize, SearchError> {
    let view = company_view();
    let budget = Budget { candidates, expired: &|| expired };
    let filter = Filter::parse(filter).unwrap();
    let found =
        view.search_within(&dn(DOMAIN), SearchScope::WholeSubtree, &filter, &Everyone, &budget);
    found.map(|slots| slots.len())
}

/// All or an error: a list that was cut would be taken for the whole (RFC 4511 §4.5.1.5).
#[test]
fn a_budget_gives_all_or_an_error() {
    // Three entries have it, and no index knows its case.
    let tested = "(sAMAccountType:caseExactMatch:=1)";
    let deep = format!("(&{})", "(|(ou:dn:=People)(ou:dn:=x))".repeat(50));
    assert_eq!(within(0, true, "(objectSid=*)"), Ok(11), "the index answers it");
    assert_eq!(within(0, true, "(employeeNumber=*x*)"), Ok(0), "nobody has it");
    assert_eq!(within(3, false, tested), Ok(0));
    assert_eq!(within(2, false, tested), Err(SearchError::TooManyCandidates));
    assert!(within(10_000, false, &deep).is_ok());
    assert_eq!(within(100, false, &deep), Err(SearchError::TooManyCandidates));
    assert_eq!(within(10_000, true, &deep), Err(SearchError::TimedOut));
    assert!(matches!(
        company_view().search_within(
            &dn("cn=x"),
            SearchScope::BaseObject,
            &Filter::parse(ALL).unwrap(),
            &Everyone,
            &Budget { candidates: 1, expired: &|| false },
        ),
        Err(SearchError::NoSuchObject(_))
    ));
}

#[test]
fn estimates_are_small_where_an_index_leads() {
    let view = company_view();
    let estimate = |base: &str, scope, filter: &str| {
        view.estimate(&dn(base), scope, &Filter::parse(filter).unwrap(), &Everyone)
    };
    let sub = SearchScope::WholeSubtree;
    assert_eq!(estimate(DOMAIN, sub, "(&(objectClass=*)(sAMAccountName=alice))"), 1);
    assert_eq!(estimate(DOMAIN, sub, "(sAMAccountName=nobody)"), 0);
    assert_eq!(estimate(DOMAIN, sub, "(sAMAccountName=al*)"), 1);
    assert_eq!(estimate(DOMAIN, SearchScope::BaseObject, ALL), 1);
    assert_eq!(estimate("cn=x", sub, ALL), 0);
    assert!(estimate(DOMAIN, sub, "(!(cn=alice))") >= company().len() as u64);
}

#[test]
fn an_explanation_names_the_index_of_each_part() {
    let view = company_view();
    let explain = |filter: &str| {
        let filter = Filter::parse(filter).unwrap();
        let budget = Budget { candidates: 1000, expired: &|| false };
        let scope = SearchScope::WholeSubtree;
        let clock = || Duration::ZERO;
        view.explain(&dn(DOMAIN), scope, &filter, &Everyone, &budget, &clock).unwrap()
    };
    let cases = [
        ("(sAMAccountName=alice)", IndexUsed::Equality, Some(1)),
        ("(sAMAccountName=al*)", IndexUsed::Equality, Some(1)),
        ("(mail=*lice@*)", IndexUsed::Substring, Some(1)),
        ("(mail=*@*)", IndexUsed::Presence, Some(2)),
        ("(employeeID>=0)", IndexUsed::Ordering, Some(1)),
        ("(manager=*)", IndexUsed::Presence, Some(2)),
        (&format!("(manager={BOB})"), IndexUsed::Reference, Some(1)),
        (&format!("(member:1.2.840.113556.1.4.1941:={ALICE})"), IndexUsed::Chain, Some(7)),
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", IndexUsed::AllValues, Some(3)),
        ("(!(cn=alice))", IndexUsed::Equality, None),
        ("(fooBar=x)", IndexUsed::Decided, Some(0)),
        ("(|(cn=alice)(cn=bob))", IndexUsed::Several, Some(2)),
    ];
    for (filter, index, candidates) in cases {
        let legs = explain(filter).legs;
        assert_eq!(legs.len(), 1, "{filter}");
        assert_eq!((legs[0].index, legs[0].candidates), (index, candidates), "{filter}");
    }
    let explained = explain("(&(objectClass=user)(&(mail=*lice@*)(cn=*)))");
    let chosen: Vec<bool> = explained.legs.iter().map(|leg| leg.chosen).collect();
    assert_eq!(chosen, [false, true, false]);
    assert_eq!((explained.entries, explained.looks), (1, 2));
}
