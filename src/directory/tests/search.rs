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
    assert_eq!(found_in(&view, "", SearchScope::WholeSubtree, ALL).len(), company().len());
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
    assert_eq!(below, ["Configuration", "Partitions"]);
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
            entry.dn() != ALICE && entry.kind() != EntryKind::Container
        }
        fn shows(&self, _: &str) -> bool {
            true
        }
    }
    // A hidden account is as good as absent; a container can be a base even if it is not shown.
    assert_eq!(missing(ALICE, &NotAlice), "OU=People,DC=corp,DC=example");
    let filter = Filter::parse("(objectClass=*)").unwrap();
    let base = dn("OU=People,DC=corp,DC=example");
    let slots = view.search(&base, SearchScope::SingleLevel, &filter, &NotAlice).unwrap();
    let shown: Vec<String> = slots.iter().map(|slot| short(view.entry(*slot).unwrap())).collect();
    assert_eq!(shown, ["jm"]);
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
    for base in ["<GUID=11>", "<SID=S-1-5-21-1-2-3-1>", "<WKGUID=a,b>", "<x>"] {
        assert_eq!(view.resolve_base(base), Err(BaseError::Unknown), "{base}");
    }
    assert!(matches!(view.resolve_base("people"), Err(BaseError::Syntax(_))));
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
