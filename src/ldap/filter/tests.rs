use proptest::prelude::*;

use super::*;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::ber::{Reader, Writer};

fn encoded(filter: &Filter) -> Vec<u8> {
    let mut writer = Writer::new();
    filter.write(&mut writer);
    writer.into_octets()
}

fn decoded(octets: &[u8]) -> Result<Filter, FilterError> {
    let mut reader = Reader::new(octets);
    let filter = Filter::read(&mut reader)?;
    assert!(reader.is_empty());
    Ok(filter)
}

fn named(name: &str) -> AttributeDescription {
    AttributeDescription::of_filter(name.as_bytes())
}

fn equality(name: &str, value: &[u8]) -> Filter {
    Filter::Equality { attribute: named(name), value: value.to_vec() }
}

fn extensible(rule: Option<&str>, attribute: Option<&str>, value: &str, dn: bool) -> Filter {
    Filter::Extensible {
        rule: rule.map(str::to_owned),
        attribute: attribute.map(named),
        value: value.as_bytes().to_vec(),
        dn_attributes: dn,
    }
}

fn substrings(name: &str, initial: &str, any: &[&str], last: &str) -> Filter {
    let given = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
    Filter::Substrings {
        attribute: named(name),
        initial: given(initial),
        any: any.iter().map(|piece| piece.as_bytes().to_vec()).collect(),
        last: given(last),
    }
}

/// RFC 4515 §4, the examples (the one with raw UTF-8 included).
#[test]
fn examples_of_rfc_4515() {
    for (text, filter) in [
        ("(cn=Babs Jensen)", equality("cn", b"Babs Jensen")),
        ("(!(cn=Tim Howes))", Filter::Not(Box::new(equality("cn", b"Tim Howes")))),
        (
            "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))",
            Filter::And(vec![
                equality("objectClass", b"Person"),
                Filter::Or(vec![equality("sn", b"Jensen"), substrings("cn", "Babs J", &[], "")]),
            ]),
        ),
        ("(o=univ*of*mich*)", substrings("o", "univ", &["of", "mich"], "")),
        ("(seeAlso=)", equality("seeAlso", b"")),
        (
            "(cn:caseExactMatch:=Fred)",
            extensible(Some("caseExactMatch"), Some("cn"), "Fred", false),
        ),
        ("(cn:=Betty Rubble)", extensible(None, Some("cn"), "Betty Rubble", false)),
        ("(sn:dn:2.4.6.8.10:=Barney)", extensible(Some("2.4.6.8.10"), Some("sn"), "Barney", true)),
        ("(o:dn:=Ace)", extensible(None, Some("o"), "Ace", true)),
        ("(:1.2.3:=Wilma)", extensible(Some("1.2.3"), None, "Wilma", false)),
        ("(:dn:2.4.6.8.10:=Dino)", extensible(Some("2.4.6.8.10"), None, "Dino", true)),
        ("(o=Parens R Us \\28for all\\29)", equality("o", b"Parens R Us (for all)")),
        ("(cn=*\\2a*)", substrings("cn", "", &["*"], "")),
        ("(filename=C:\\5cMyFile)", equality("filename", b"C:\\MyFile")),
        ("(bin=\\00\\00\\00\\04)", equality("bin", &[0, 0, 0, 4])),
        ("(sn=Lu\\c4\\8di\\c4\\87)", equality("sn", "Lu\u{10d}i\u{107}".as_bytes())),
        ("(1.3.6.1.4.1.1466.0=\\04\\02\\48\\69)", equality("1.3.6.1.4.1.1466.0", b"\x04\x02Hi")),
    ] {
        assert_eq!(Filter::parse(text), Ok(filter.clone()), "{text}");
        assert_eq!(Filter::parse(&filter.to_string()), Ok(filter), "{text}");
    }
}

/// What applications and their manuals write.
#[test]
fn filters_from_the_field_are_printed_as_written() {
    for text in [
        "(objectClass=*)",
        "(&)",
        "(|)",
        "(&(x=1))",
        "(cn=a&b)",
        "(cn= John  Smith )",
        "(member=CN=Smith\\5c, John,OU=a=b,DC=x)",
        "(memberOf:1.2.840.113556.1.4.1941:=CN=G,OU=My Groups,DC=corp)",
        "(userAccountControl:1.2.840.113556.1.4.803:=2)",
        "(userCertificate;binary=*)",
        "(displayName~=\u{418}\u{432}\u{430}\u{43d})",
        "(&(whenChanged>=20240101000000.0Z)(uSNChanged<=12))",
        "(objectGUID=\\ff\\19\\96o\\86\\8b\\11\\d0-\\00\\c0O\\c9d\\ff)",
        "(description=a\\0d\\0ab\\7f)",
        "(cn=*a*)",
        "(cn=*a)",
        "(cn=a*b*c)",
        "(cn:dn:dn:=x)",
        "(&(objectClass=user)(objectClass=person)(!(objectClass=computer))(!(isDeleted=TRUE)))",
    ] {
        assert_eq!(Filter::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn blanks_between_filters_mean_nothing() {
    let filter = Filter::parse(" (&\n\t(a=b)\r\n  (! (c=d) )\n (| ) )\n").unwrap();
    assert_eq!(filter.to_string(), "(&(a=b)(!(c=d))(|))");
}

#[test]
fn errors_say_where_and_what_to_write() {
    for (text, offset, hint) in [
        ("", 0, "(objectClass=*)"),
        ("cn=a", 0, "write `(cn=a)`"),
        ("&(a=b)(c=d)", 0, "write `(&(a=b)(c=d))`"),
        ("(&(objectClass=user)(!objectClass=computer))", 22, "write `(!(objectClass=computer))`"),
        ("(&objectClass=user)", 2, "write `(&(objectClass=user))`"),
        ("(|a=b)", 2, "write `(|(a=b))`"),
        ("(!)", 2, "needs a filter"),
        ("(!(a=b)(c=d))", 7, "takes one filter"),
        ("(&(a=b)c=d)", 7, "`(` or `)`"),
        ("(&(a=b)", 7, "`)` is missing"),
        ("(cn=a", 5, "`)` is missing"),
        ("(", 1, "item"),
        ("()", 1, "item"),
        ("((a=b))", 1, "missing before"),
        ("(cn)", 3, "(cn=*)"),
        ("(cn<5)", 4, "write `cn<=…`"),
        ("(cn>5)", 4, "write `cn>=…`"),
        ("(cn~5)", 4, "write `cn~=…`"),
        ("(cn!=a)", 1, "write `(!(cn=a))`"),
        ("(=a)", 1, "name is missing"),
        ("( cn=a)", 1, "write `cn`"),
        ("(cn =a)", 1, "write `cn`"),
        ("(c n=a)", 1, "`c n` is not"),
        ("(cn;=a)", 1, "`cn;` is not"),
        ("(member;range-*=a)", 1, "`member;range-*` is not"),
        ("(?cn=a)", 1, "`?cn` is not"),
        ("(cn=a(b)", 5, "\\28"),
        ("(cn=a\0)", 5, "\\00"),
        ("(cn=a\\*)", 5, "`\\*` is written `\\2a`"),
        ("(cn=a\\,b)", 5, "\\5c"),
        ("(cn=a\\4)", 5, "two hexadecimal digits"),
        ("(cn=a\\", 5, "two hexadecimal digits"),
        ("(cn=a\\+1)", 5, "two hexadecimal digits"),
        ("(cn=a**b)", 6, "two `*`"),
        ("(cn=**)", 5, "two `*`"),
        ("(cn>=a*)", 6, "no meaning after `>=`"),
        ("(cn:=a*)", 6, "no meaning after `:=`"),
        ("(:=a)", 1, "needs an attribute"),
        ("(:dn:=a)", 1, "needs an attribute"),
        ("(cn:x:y:=a)", 6, "not a matching rule"),
        ("(cn::=a)", 4, "not a matching rule"),
        ("(cn:a b:=a)", 4, "not a matching rule"),
        ("(cn:dn=a)", 6, "`:=` is missing"),
        ("(cn:rule)", 8, "`:=` is missing"),
        ("(a=b))", 5, "too many"),
        ("(a=b)(c=d)", 5, "second filter"),
        ("(a=b)x", 5, "after the end"),
        ("(\u{440}=b)", 1, "not an attribute name"),
    ] {
        let error = Filter::parse(text).unwrap_err();
        assert_eq!(error.offset, offset, "{text}: {error}");
        assert!(error.reason.contains(hint), "{text}: {error}");
    }
}

/// RFC 4511 §4.5.1.7: an unknown attribute makes an item Undefined, not the request malformed.
#[test]
fn what_is_no_attribute_description_is_kept() {
    for name in ["", "c n", "cn;", "*", "cn=x", "a)(b", "cn:dn:", ";"] {
        let filter = Filter::And(vec![
            equality(name, b"x"),
            Filter::Present(named(name)),
            extensible(Some("a b"), Some(name), "x", false),
        ]);
        assert_eq!(decoded(&encoded(&filter)), Ok(filter.clone()), "{name}");
        let Filter::And(items) = &filter else { panic!() };
        for item in items {
            Filter::parse(&item.to_string()).unwrap_err();
        }
    }
    let filter = decoded(b"\x87\x03c\xffn").unwrap();
    assert_eq!(filter, Filter::Present(named("c\u{fffd}n")));
    assert_eq!(filter.to_string(), "(?c\\ef\\bf\\bdn=*)");
}

/// RFC 4511 §4.5.1.7.2 and §4.5.1.7.7.
#[test]
fn structures_that_are_not_filters() {
    let sub = |pieces: &[u8]| {
        let mut writer = Writer::new();
        writer.constructed(0xa4, |w| {
            w.octet_string(b"cn");
            w.element(0x30, pieces);
        });
        writer.into_octets()
    };
    for pieces in [
        b"".as_slice(),
        b"\x80\x00",
        b"\x81\x01a\x80\x01b",
        b"\x80\x01a\x80\x01b",
        b"\x82\x01a\x82\x01b",
        b"\x82\x01a\x81\x01b",
        b"\x83\x01a",
        b"\x04\x01a",
    ] {
        assert_eq!(decoded(&sub(pieces)), Err(FilterError::Substrings), "{pieces:02x?}");
    }
    assert_eq!(
        decoded(&sub(b"\x80\x01a\x81\x01b\x81\x01c\x82\x01d")),
        Ok(substrings("cn", "a", &["b", "c"], "d"))
    );
    assert_eq!(decoded(b"\xa9\x03\x83\x01x"), Err(FilterError::ExtensibleWithoutTarget));
    assert_eq!(decoded(b"\xaa\x00"), Err(FilterError::UnknownChoice(0xaa)));
    for broken in [
        b"".as_slice(),
        b"\xa2\x00",
        b"\xa2\x08\x87\x02cn\x87\x02cn",
        b"\xa3\x04\x04\x02cn",
        b"\xa3\x0a\x04\x02cn\x04\x01x\x04\x01y",
        b"\xa0\x80\x00\x00",
        b"\xa0\x02\x87\x02",
    ] {
        let error = decoded(broken).unwrap_err();
        assert!(matches!(error, FilterError::Ber(_)), "{broken:02x?}: {error}");
    }
}

/// The lengths of AD clients: always four octets.
#[test]
fn long_form_lengths_are_read() {
    let octets = b"\xa0\x84\x00\x00\x00\x0a\x87\x84\x00\x00\x00\x02cn\x87\x00";
    let filter = decoded(octets).unwrap();
    assert_eq!(filter, Filter::And(vec![Filter::Present(named("cn")), Filter::Present(named(""))]));
}

fn nested(depth: usize) -> Vec<u8> {
    let mut lengths = Vec::new();
    let mut length = 4;
    for _ in 0..depth {
        lengths.push(length);
        length += 6;
    }
    let mut octets = Vec::with_capacity(length);
    for length in lengths.into_iter().rev() {
        octets.extend_from_slice(&[0xa2, 0x84]);
        octets.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
    }
    octets.extend_from_slice(b"\x87\x02cn");
    octets
}

#[test]
fn depth_is_bounded_alike_in_both_notations() {
    let text = |depth| format!("{}(cn=*){}", "(!".repeat(depth), ")".repeat(depth));
    let deepest = decoded(&nested(MAX_DEPTH)).unwrap();
    assert_eq!(deepest.to_string(), text(MAX_DEPTH));
    assert_eq!(Filter::parse(&text(MAX_DEPTH)), Ok(deepest.clone()));
    assert_eq!(decoded(&encoded(&deepest)), Ok(deepest));
    assert_eq!(decoded(&nested(MAX_DEPTH + 1)), Err(FilterError::TooDeep));
    assert!(Filter::parse(&text(MAX_DEPTH + 1)).unwrap_err().reason.contains("deeper"));
}

#[test]
fn a_hundred_thousand_operators_are_refused() {
    let octets = nested(100_000);
    let text = "(&".repeat(100_000);
    let not_text = format!("{}(cn=*){}", "(!".repeat(100_000), ")".repeat(100_000));
    assert_eq!(decoded(&octets), Err(FilterError::TooDeep));
    Filter::parse(&text).unwrap_err();
    Filter::parse(&not_text).unwrap_err();
}

#[test]
fn parts_are_bounded_alike_in_both_notations() {
    let wide = |count| Filter::Or(vec![Filter::Present(named("cn")); count]);
    let whole = wide(MAX_COMPONENTS - 1);
    assert_eq!(decoded(&encoded(&whole)), Ok(whole.clone()));
    assert_eq!(decoded(&encoded(&wide(MAX_COMPONENTS))), Err(FilterError::TooManyComponents));
    let text = |count| format!("(cn=a{}b)", "*".repeat(count)).replace("**", "*x*");
    let pieces = Filter::Substrings {
        attribute: named("cn"),
        initial: None,
        any: vec![b"x".to_vec(); MAX_COMPONENTS],
        last: None,
    };
    assert_eq!(decoded(&encoded(&pieces)), Err(FilterError::TooManyComponents));
    assert!(Filter::parse(&pieces.to_string()).unwrap_err().reason.contains("parts"));
    assert!(Filter::parse(&text(2)).is_ok());
    assert!(Filter::parse(&wide(MAX_COMPONENTS).to_string()).is_err());
}

fn attribute() -> impl Strategy<Value = AttributeDescription> {
    prop::sample::select(vec!["cn", "memberOf", "2.5.4.3", "userCertificate;binary", "x-y;a;b-1"])
        .prop_map(named)
}

fn any_attribute() -> impl Strategy<Value = AttributeDescription> {
    prop_oneof![attribute(), "[a-c;:=*() \\\\\u{e9}]{0,5}".prop_map(|name| named(&name))]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ a-c()*\\\\\\x00=&|!:\u{e9}]{0,6}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..6),
    ]
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    value().prop_filter("a piece is not empty", |piece| !piece.is_empty())
}

fn filter(
    attribute: impl Strategy<Value = AttributeDescription> + 'static,
    rule: &'static str,
) -> impl Strategy<Value = Filter> {
    let attribute = attribute.boxed();
    let item = prop_oneof![
        (attribute.clone(), value())
            .prop_map(|(attribute, value)| Filter::Equality { attribute, value }),
        (attribute.clone(), value())
            .prop_map(|(attribute, value)| Filter::GreaterOrEqual { attribute, value }),
        (attribute.clone(), value())
            .prop_map(|(attribute, value)| Filter::LessOrEqual { attribute, value }),
        (attribute.clone(), value())
            .prop_map(|(attribute, value)| Filter::Approx { attribute, value }),
        attribute.clone().prop_map(Filter::Present),
        (
            attribute.clone(),
            prop::option::of(piece()),
            prop::collection::vec(piece(), 0..3),
            prop::option::of(piece())
        )
            .prop_filter("there is a piece", |(_, initial, any, last)| {
                initial.is_some() || last.is_some() || !any.is_empty()
            })
            .prop_map(|(attribute, initial, any, last)| Filter::Substrings {
                attribute,
                initial,
                any,
                last
            }),
        (prop::option::of(rule), prop::option::of(attribute), value(), any::<bool>())
            .prop_filter("there is a target", |(rule, attribute, ..)| {
                rule.is_some() || attribute.is_some()
            })
            .prop_map(|(rule, attribute, value, dn_attributes)| Filter::Extensible {
                rule,
                attribute,
                value,
                dn_attributes
            }),
    ];
    item.prop_recursive(6, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn text_round_trip(filter in filter(attribute(), "(caseIgnoreMatch|1\\.2\\.840|x-[a-z]{3})")) {
        prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
    }

    #[test]
    fn wire_round_trip(filter in filter(any_attribute(), "[a-z.: 0-9]{0,6}")) {
        prop_assert_eq!(decoded(&encoded(&filter)), Ok(filter));
    }

    /// What cannot be written as text must not be read back as something else.
    #[test]
    fn printed_text_is_never_another_filter(
        filter in filter(any_attribute(), "(dn|DN|[a-z.: 0-9]{0,3})"),
    ) {
        if let Ok(read) = Filter::parse(&filter.to_string()) {
            prop_assert_eq!(read, filter);
        }
    }

    #[test]
    fn what_is_read_from_text_prints_and_reads_back(text in "[(&|!)a=*:dn<>~\\\\0-9 ]{0,24}") {
        if let Ok(filter) = Filter::parse(&text) {
            prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter.clone()));
            prop_assert_eq!(decoded(&encoded(&filter)), Ok(filter));
        }
    }

    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(filter) = Filter::read(&mut Reader::new(&octets)) {
            prop_assert_eq!(decoded(&encoded(&filter)), Ok(filter));
        }
    }
}
