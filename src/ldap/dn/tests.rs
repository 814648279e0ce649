use proptest::prelude::*;

use super::*;

fn normalized(text: &str) -> String {
    NormalizedDn::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).as_str().to_owned()
}

/// RFC 4514 §4, the examples.
#[test]
fn examples_of_rfc_4514() {
    for (text, values) in [
        ("UID=jsmith,DC=example,DC=net", vec!["jsmith", "example", "net"]),
        ("OU=Sales+CN=J.  Smith,DC=example,DC=net", vec!["Sales", "J.  Smith", "example", "net"]),
        (
            "CN=James \\\"Jim\\\" Smith\\, III,DC=example,DC=net",
            vec!["James \"Jim\" Smith, III", "example", "net"],
        ),
        ("CN=Before\\0dAfter,DC=example,DC=net", vec!["Before\rAfter", "example", "net"]),
        ("1.3.6.1.4.1.1466.0=#04024869", vec!["Hi"]),
        ("CN=Lu\\C4\\8Di\\C4\\87", vec!["Lu\u{10d}i\u{107}"]),
    ] {
        let dn = DistinguishedName::parse(text).unwrap();
        let found: Vec<&[u8]> =
            dn.rdns().iter().flat_map(|Rdn(avas)| avas).map(Ava::value).collect();
        assert_eq!(
            found,
            values.iter().map(|value| value.as_bytes()).collect::<Vec<_>>(),
            "{text}"
        );
        assert_eq!(dn.to_string(), text);
    }
}

/// RFC 2253 §4: what implementations should still read.
#[test]
fn older_forms_are_read() {
    for (old, new) in [
        ("CN=\"Smith, John\" ; O=Acme", "cn=smith\\2c john,o=acme"),
        ("OID.2.5.4.3 = x , oid.2.5.4.11 = y", "cn=x,ou=y"),
        ("CN=\"a\\\"b\"", "cn=a\\22b"),
        ("CN=\"\"", "cn="),
    ] {
        assert_eq!(normalized(old), new);
    }
    let dn = DistinguishedName::parse("CN=\" a,b#=\" + OU=\"#x\"").unwrap();
    assert_eq!(dn.to_string(), "CN=\\ a\\,b#\\=+OU=\\#x");
}

/// RFC 4514 §2.4: BER that is no string keeps its own form and equals no text.
#[test]
fn encoded_values_are_no_text() {
    assert_eq!(normalized("1.2.3=#020101"), "1.2.3=#020101");
    assert_ne!(normalized("1.2.3=#020101"), normalized("1.2.3=\\02\\01\\01"));
    assert_ne!(normalized("1.2.3=#020101"), normalized("1.2.3=\\#020101"));
    assert_eq!(normalized("1.2.3=#0C024869"), normalized("1.2.3=hI"));
}

/// RFC 4514 §2.3 and §2.4, RFC 4518: spellings of one name.
#[test]
fn spellings_of_one_name() {
    let name = "CN=M\u{fc}ller\\, Anna+UID=am,OU=R\\26D  Team,DC=corp,DC=example";
    for spelling in [
        "cn=m\u{fc}ller\\2c anna+uid=AM,ou=r&d team,dc=CORP,dc=example",
        "UID=am + CN=MU\u{308}LLER\\, ANNA , OU=R&D Team , DC=corp , DC=example",
        "0.9.2342.19200300.100.1.1=#0C02616D+2.5.4.3=M\\C3\\BCller\\, Anna;OU=R&D Team;DC=corp;DC=example",
        "userid=am+commonName=\"M\u{fc}ller, Anna\",organizationalUnitName=R&D Team,DC=corp,domainComponent=example",
        "CN=M\u{fc}ller\u{ff0c} Anna+UID=am,OU=R\\&D\\ \\ Team,DC=corp,DC=example",
    ] {
        assert_eq!(normalized(spelling), normalized(name), "{spelling}");
    }
    for other in [
        "CN=M\u{fc}ller,OU=R&D Team,DC=corp,DC=example",
        "CN=Muller\\, Anna+UID=am,OU=R&D Team,DC=corp,DC=example",
        "CN=M\u{fc}ller\\, Anna,UID=am,OU=R&D Team,DC=corp,DC=example",
        "CN=M\u{fc}ller\\, Anna\\+UID=am,OU=R&D Team,DC=corp,DC=example",
    ] {
        assert_ne!(normalized(other), normalized(name), "{other}");
    }
}

#[test]
fn spelling_is_kept() {
    for text in [
        "",
        // As Windows writes it, then as Samba does.
        "CN=a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\=i,DC=x",
        "CN=a\\3Bb\\3Dc\\#d\\?e,DC=x",
        "CN=\\#x\\ ,OU=\\ y,DC=x",
        "CN=jane\\0ADEL:6f9619ff-8b86-d011-b42d-00c04fc964ff,CN=Deleted Objects,DC=corp,DC=example",
        "CN=tab\tand \u{1f512},OU=\u{411}\u{443}\u{445},DC=x",
        "CN=,DC=x",
        "1.2.3=#020101",
        "cn=a=b&c*(d)",
    ] {
        let dn = DistinguishedName::parse(text).unwrap();
        assert_eq!(dn.to_string(), text);
        assert_eq!(DistinguishedName::parse(&dn.to_string()), Ok(dn));
    }
}

#[test]
fn blanks_around_separators_are_no_part_of_a_value() {
    let dn = DistinguishedName::parse("CN = a b , OU=\\ c\\  +UID= d ; DC=e  ").unwrap();
    assert_eq!(dn.to_string(), "CN=a b,OU=\\ c\\ +UID=d,DC=e");
    assert_eq!(dn, DistinguishedName::parse(&dn.to_string()).unwrap());
}

#[test]
fn values_are_escaped_as_active_directory_escapes() {
    for (value, text) in [
        (b" a b ".as_slice(), "cn=\\ a b\\ "),
        (b" ", "cn=\\ "),
        (b"#a#", "cn=\\#a#"),
        (b",+\"\\<>;=", "cn=\\,\\+\\\"\\\\\\<\\>\\;\\="),
        (b"x\nDEL:\0\x7f", "cn=x\\0ADEL:\\00\\7F"),
        (b"\xff\xc3\xa9\xc3", "cn=\\FF\u{e9}\\C3"),
    ] {
        let dn = DistinguishedName(vec![Rdn(vec![Ava::new("cn", value)])]);
        assert_eq!(dn.to_string(), text);
        assert_eq!(DistinguishedName::parse(text), Ok(dn));
    }
}

#[test]
fn what_is_not_a_name() {
    for (text, offset) in [
        (" ", 1),
        (",", 0),
        ("cn", 2),
        ("cn=a,", 5),
        ("cn=a,,dc=x", 5),
        ("cn=a+", 5),
        ("=a", 0),
        ("c n=a", 2),
        ("1..2=a", 0),
        ("oid.=a", 0),
        ("-cn=a", 0),
        ("cn=\\", 3),
        ("cn=a\\4", 4),
        ("cn=a\\zz", 4),
        ("cn=a\\\u{e9}", 4),
        ("cn=a\"b\"", 4),
        ("cn=<GUID>", 3),
        ("cn=a\0", 4),
        ("cn=\"a", 3),
        ("cn=\"a\"b", 6),
        ("cn=#", 3),
        ("cn=#0402", 3),
        ("cn=#040248690", 12),
        ("cn=#xy", 3),
        ("<GUID=6f9619ff>", 0),
        ("CORP\\anna", 4),
        ("anna@corp.example", 4),
    ] {
        let error = DistinguishedName::parse(text).unwrap_err();
        assert_eq!(error.offset, offset, "{text}: {error}");
        assert_eq!(NormalizedDn::parse(text), Err(error));
    }
}

#[test]
fn limits() {
    let parts = |count: usize| vec!["cn=a"; count].join(",");
    assert!(DistinguishedName::parse(&parts(MAX_AVAS)).is_ok());
    assert!(DistinguishedName::parse(&parts(MAX_AVAS + 1)).is_err());
    assert!(DistinguishedName::parse(&parts(MAX_AVAS + 1).replace(',', "+")).is_err());
    let long = format!("cn={}", "a".repeat(MAX_LENGTH - 3));
    assert!(DistinguishedName::parse(&long).is_ok());
    assert!(DistinguishedName::parse(&format!("{long}a")).is_err());
}

#[test]
fn ancestry() {
    let root = NormalizedDn::root();
    let base = NormalizedDn::parse("DC=corp,DC=example").unwrap();
    let name = NormalizedDn::parse("CN=a\\,b,OU=x,DC=Corp,DC=Example").unwrap();
    assert!(name.is_within(&base) && base.is_within(&base) && base.is_within(&root));
    assert!(!base.is_within(&name) && !root.is_within(&base));
    assert_eq!((name.depth(), base.depth(), root.depth()), (4, 2, 0));
    assert_eq!(name.parent().unwrap().as_str(), "ou=x,dc=corp,dc=example");
    assert_eq!(root.parent(), None);
    let ancestors: Vec<&str> = name.ancestors().collect();
    assert_eq!(ancestors.len(), 5);
    assert_eq!(ancestors[3..], ["dc=example", ""]);
    let dn = DistinguishedName::parse("CN=a\\,b,OU=x").unwrap();
    assert_eq!(dn.rdn().unwrap().to_string(), "CN=a\\,b");
    assert_eq!(dn.parent().unwrap().to_string(), "OU=x");
    assert_eq!(dn.parent().unwrap().parent(), Some(DistinguishedName::default()));
    assert_eq!(DistinguishedName::default().parent(), None);
}

#[test]
fn an_escaped_separator_is_no_separator() {
    let base = NormalizedDn::parse("OU=staff,DC=x").unwrap();
    for outside in [
        "CN=eve\\,OU=staff,DC=x",
        "CN=eve\\2cOU=staff,DC=x",
        "CN=\"eve,OU=staff\",DC=x",
        "CN=eve\u{ff0c}OU=staff,DC=x",
        "CN=eve\\5c,DC=x",
        "CN=eve+OU=staff,DC=x",
        "xOU=staff,DC=x",
        "CN=eve\\,OU\\=staff\\,DC\\=x",
    ] {
        let name = NormalizedDn::parse(outside).unwrap();
        assert!(!name.is_within(&base), "{name}");
        let parent = DistinguishedName::parse(outside).unwrap().parent().unwrap().normalized();
        assert_eq!(name.parent(), Some(parent), "{outside}");
    }
}

#[test]
fn rebasing_keeps_what_is_below() {
    let from = NormalizedDn::parse("OU=Staff,DC=corp,DC=example").unwrap();
    let to = DistinguishedName::parse("ou=People,o=CRM").unwrap();
    for (name, expected) in [
        ("CN=a\\3Bb  c,ou=staff, dc=corp,dc=EXAMPLE", Some("CN=a\\3Bb  c,ou=People,o=CRM")),
        (" CN=x , OU=\"y\" , OU=Staff,DC=corp,DC=example", Some("CN=x , OU=\"y\",ou=People,o=CRM")),
        ("OU=Staff,DC=corp,DC=example", Some("ou=People,o=CRM")),
        ("CN=a,DC=corp,DC=example", None),
        ("", None),
    ] {
        assert_eq!(rebase(name, &from, &to).unwrap().as_deref(), expected, "{name}");
    }
    let root = DistinguishedName::default();
    let name = "CN=a,OU=Staff,DC=corp,DC=example";
    assert_eq!(rebase(name, &from, &root).unwrap().unwrap(), "CN=a");
    assert_eq!(
        rebase("CN=a", &NormalizedDn::root(), &to).unwrap().unwrap(),
        "CN=a,ou=People,o=CRM"
    );
    assert!(rebase("CN=a,", &from, &to).is_err());
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ a-cA-C,+\"\\\\<>;=#\\x00\\n\u{e9}\u{ff0c}\u{301}]{0,8}".prop_map(String::into_bytes),
        any::<String>().prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..6),
    ]
}

fn name() -> impl Strategy<Value = DistinguishedName> {
    let types = prop::sample::select(vec!["cn", "CN", "2.5.4.3", "ou", "DC", "x-y", "uid"]);
    let ava = (types, value()).prop_map(|(attribute, value)| Ava::new(attribute, &value));
    let rdn = prop::collection::vec(ava, 1..3).prop_map(Rdn);
    prop::collection::vec(rdn, 0..5).prop_map(DistinguishedName)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn printing_and_parsing_give_the_name_back(dn in name()) {
        prop_assert_eq!(DistinguishedName::parse(&dn.to_string()), Ok(dn));
    }

    #[test]
    fn both_ways_to_normalise_agree(dn in name()) {
        prop_assert_eq!(NormalizedDn::parse(&dn.to_string()), Ok(dn.normalized()));
    }

    #[test]
    fn normalising_twice_is_normalising_once(dn in name()) {
        let once = dn.normalized();
        prop_assert_eq!(NormalizedDn::parse(once.as_str()), Ok(once));
    }

    #[test]
    fn ancestry_of_the_text_is_ancestry_of_the_name(dn in name()) {
        let normalized = dn.normalized();
        prop_assert_eq!(normalized.depth(), dn.rdns().len());
        let above = dn.parent().map(|parent| parent.normalized());
        prop_assert_eq!(normalized.parent(), above.clone());
        if let Some(above) = above {
            prop_assert!(normalized.is_within(&above));
            prop_assert!(!above.is_within(&normalized));
        }
    }

    #[test]
    fn within_means_the_last_parts_are_equal(a in name(), b in name()) {
        let (a_parts, b_parts): (Vec<_>, Vec<_>) = (parts(&a), parts(&b));
        prop_assert_eq!(a.normalized().is_within(&b.normalized()), a_parts.ends_with(&b_parts));
    }

    #[test]
    fn rebasing_there_and_back(below in name(), base in name(), other in name()) {
        let whole = DistinguishedName([below.0, base.0.clone()].concat());
        let there = rebase(&whole.to_string(), &base.normalized(), &other).unwrap().unwrap();
        let back = rebase(&there, &other.normalized(), &base).unwrap().unwrap();
        prop_assert_eq!(back, whole.to_string());
    }

    #[test]
    fn no_text_panics(text in "[cnou=,+;\"#\\\\0-9a-f \u{e9}]{0,24}") {
        if let Ok(dn) = DistinguishedName::parse(&text) {
            prop_assert_eq!(&DistinguishedName::parse(&dn.to_string()).unwrap(), &dn);
            prop_assert_eq!(NormalizedDn::parse(&text).unwrap(), dn.normalized());
        } else {
            prop_assert!(NormalizedDn::parse(&text).is_err());
        }
    }
}

fn parts(dn: &DistinguishedName) -> Vec<String> {
    dn.rdns()
        .iter()
        .map(|rdn| DistinguishedName(vec![rdn.clone()]).normalized().as_str().to_owned())
        .collect()
}
