//! Requests and responses as whole messages (RFC 4511 §4).

use proptest::prelude::*;

use super::attribute::AttributeDescription;
use super::ber::{BerError, Writer, tag};
use super::control::Control;
use super::entry::{Entry, EntryAttribute};
use super::filter::Filter;
use super::message::{MessageId, operation_tag, write_message};
use super::packed_entry::PackedEntry;
use super::request::*;
use super::response::*;
use super::result::{LdapResult, ResultCode};
use super::secret::Password;

fn id(number: u32) -> MessageId {
    MessageId::new(number).unwrap()
}

/// A message with this operation, content as given.
fn message(operation: u8, content: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    write_message(&mut writer, id(7), |w| w.element(operation, content), &[]);
    writer.into_octets()
}

fn decode(octets: &[u8]) -> Request {
    Request::decode(octets).unwrap_or_else(|error| panic!("{error}"))
}

fn octets(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::new();
    write(&mut writer);
    writer.into_octets()
}

fn search() -> SearchRequest {
    SearchRequest {
        base: "DC=corp,DC=example".to_owned(),
        scope: SearchScope::WholeSubtree,
        deref_aliases: 3,
        size_limit: 0x7fff_ffff,
        time_limit: 0,
        types_only: true,
        filter: Filter::parse("(&(objectClass=user)(cn=a*))").unwrap(),
        attributes: ["*", "+", "member;range=0-*"].into_iter().collect(),
    }
}

/// A well-formed message of each kind, as octets that end with the operation's content.
fn one_of_each() -> Vec<(OperationKind, Vec<u8>)> {
    let string = |w: &mut Writer, text: &str| w.octet_string(text.as_bytes());
    let content = |kind| match kind {
        OperationKind::Bind => octets(|w| {
            w.integer(3);
            string(w, "cn=a");
            w.element(0x80, b"secret");
        }),
        OperationKind::Unbind => Vec::new(),
        OperationKind::Search => {
            let whole = octets(|w| write_search(w, id(7), &search(), &[]));
            super::message::Envelope::open(&whole).unwrap().operation.content.to_vec()
        }
        OperationKind::Modify | OperationKind::Add => octets(|w| {
            string(w, "cn=a");
            w.constructed(tag::SEQUENCE, |_| {});
        }),
        OperationKind::Delete => b"cn=a".to_vec(),
        OperationKind::ModifyDn => octets(|w| {
            string(w, "cn=a");
            string(w, "cn=b");
            w.boolean(true);
        }),
        OperationKind::Compare => octets(|w| {
            string(w, "cn=a");
            w.constructed(tag::SEQUENCE, |w| {
                string(w, "member");
                w.octet_string(&[0, 0xff]);
            });
        }),
        OperationKind::Abandon => vec![5],
        OperationKind::Extended => octets(|w| w.element(0x80, WHO_AM_I.as_bytes())),
    };
    TAGS.iter().map(|&(kind, tag)| (kind, message(tag, &content(kind)))).collect()
}

const TAGS: [(OperationKind, u8); 10] = [
    (OperationKind::Bind, operation_tag::BIND_REQUEST),
    (OperationKind::Unbind, operation_tag::UNBIND_REQUEST),
    (OperationKind::Search, operation_tag::SEARCH_REQUEST),
    (OperationKind::Modify, operation_tag::MODIFY_REQUEST),
    (OperationKind::Add, operation_tag::ADD_REQUEST),
    (OperationKind::Delete, operation_tag::DELETE_REQUEST),
    (OperationKind::ModifyDn, operation_tag::MODIFY_DN_REQUEST),
    (OperationKind::Compare, operation_tag::COMPARE_REQUEST),
    (OperationKind::Abandon, operation_tag::ABANDON_REQUEST),
    (OperationKind::Extended, operation_tag::EXTENDED_REQUEST),
];

#[test]
fn every_kind_is_decoded() {
    for (kind, message) in one_of_each() {
        let request = decode(&message);
        assert_eq!((request.operation.kind(), request.id), (kind, id(7)));
        assert!(request.controls.is_empty());
        match request.operation {
            Operation::Write { entry, .. } => assert_eq!(entry, "cn=a"),
            Operation::Compare(compare) => {
                assert_eq!(compare.attribute, AttributeDescription::new("member"));
                assert_eq!((compare.entry.as_str(), compare.value), ("cn=a", vec![0, 0xff]));
            }
            Operation::Abandon(other) => assert_eq!(other, id(5)),
            Operation::Extended(extended) => assert_eq!(extended.name, WHO_AM_I),
            Operation::Search(found) => assert_eq!(*found, search()),
            Operation::Bind(bind) => assert_eq!((bind.version, bind.name), (3, b"cn=a".to_vec())),
            Operation::Unbind => {}
        }
    }
}

/// RFC 4511 §4.1.1: a request that cannot be parsed gets protocolError under its own id. Unbind is not
/// among them: it is obeyed whatever it carries, since nothing can be answered.
#[test]
fn a_broken_operation_is_reported_with_its_id_and_kind() {
    for (kind, tag) in TAGS {
        let broken: &[&[u8]] = match kind {
            OperationKind::Unbind => &[],
            OperationKind::Delete => &[b"\xff", b"cn=\xc3"],
            OperationKind::Abandon => &[b"", b"\xff", b"\x01\x00\x00\x00\x00", &[1; 9]],
            OperationKind::Bind
            | OperationKind::Search
            | OperationKind::Modify
            | OperationKind::Add
            | OperationKind::ModifyDn
            | OperationKind::Compare
            | OperationKind::Extended => &[
                b"",
                b"\x04",
                b"\x04\x05ab",
                b"\x04\x80\x00\x00",
                b"\x1f\x01\x00",
                b"\x04\x01\xff",
            ],
        };
        for content in broken {
            match Request::decode(&message(tag, content)) {
                Err(RequestError::Operation { id: found, kind: of, .. }) => {
                    assert_eq!((found, of), (id(7), kind));
                }
                Err(error) => panic!("{kind:?} {content:02x?}: {error}"),
                Ok(_) => panic!("{kind:?} {content:02x?} was accepted"),
            }
        }
    }
}

/// Cutting off the end of the content while the lengths outside agree.
#[test]
fn a_truncated_operation_is_reported_with_its_id_and_kind() {
    for (kind, whole) in one_of_each() {
        let envelope = super::message::Envelope::open(&whole).unwrap();
        let content = envelope.operation.content;
        for end in 0..content.len() {
            match Request::decode(&message(envelope.operation.tag, &content[..end])) {
                Err(RequestError::Operation { id: found, kind: of, .. }) => {
                    assert_eq!((found, of), (id(7), kind));
                }
                Err(error) => panic!("{kind:?} {end}: {error}"),
                // Of an update only the entry is looked at, and any start of a name is a name.
                Ok(request) => assert!(
                    matches!(request.operation, Operation::Write { .. }),
                    "{kind:?} {end} was accepted"
                ),
            }
        }
    }
}

/// RFC 4511 §4.1.1: what is so broken that there is no id or no known operation ends the session.
#[test]
fn a_broken_envelope_ends_the_session() {
    let unbind = message(operation_tag::UNBIND_REQUEST, b"");
    let trailing = [unbind.as_slice(), &[0]].concat();
    for octets in [
        b"".as_slice(),
        b"\x30\x00",
        b"\x31\x05\x02\x01\x01\x42\x00",
        b"\x30\x05\x04\x01\x01\x42\x00",
        b"\x30\x04\x02\x00\x42\x00",
        b"\x30\x05\x02\x01\xff\x42\x00",
        b"\x30\x05\x02\x01\x00\x42\x00",
        b"\x30\x09\x02\x05\x00\x80\x00\x00\x00\x42\x00",
        b"\x30\x03\x02\x01\x01",
        b"\x30\x05\x02\x01\x01\x42\x01",
        b"\x30\x05\x02\x01\x01\x42\x80",
        b"\x30\x07\x02\x01\x01\x42\x00\x04\x00",
        b"\x30\x80\x02\x01\x01\x42\x00",
        &trailing,
    ] {
        assert!(matches!(Request::decode(octets), Err(RequestError::Session(_))), "{octets:02x?}");
    }
    for tag in 0..=0xff {
        let known = OperationKind::of_request_tag(tag).is_some();
        let outcome = Request::decode(&message(tag, b""));
        assert_eq!(!known, matches!(outcome, Err(RequestError::Session(_))), "0x{tag:02x}");
    }
}

#[test]
fn ids_reach_from_1_to_2_31_less_one() {
    for (content, expected) in [
        (b"\x02\x01\x01".as_slice(), Some(1)),
        (b"\x02\x04\x7f\xff\xff\xff", Some(0x7fff_ffff)),
        (b"\x02\x04\x80\x00\x00\x00", None),
        (b"\x02\x05\x00\x00\x00\x00\x05", Some(5)),
        (b"\x02\x84\x00\x00\x00\x01\x05", Some(5)),
    ] {
        let octets = octets(|w| {
            w.constructed(tag::SEQUENCE, |w| {
                w.raw(content);
                w.element(operation_tag::UNBIND_REQUEST, b"");
            });
        });
        assert_eq!(Request::decode(&octets).ok().map(|request| request.id.get()), expected);
    }
}

#[test]
fn integers_have_at_most_eight_octets() {
    assert_eq!(super::ber::integer(&[0, 0, 0, 0, 0, 0, 0, 5]), Ok(5));
    assert_eq!(super::ber::integer(&[0, 0, 0, 0, 0, 0, 0, 0, 5]), Err(BerError::IntegerRange));
}

#[test]
fn fields_out_of_range_are_named() {
    type Fields = Vec<(u8, Vec<u8>)>;
    let with = |change: &dyn Fn(&mut Fields)| {
        let mut fields = vec![
            (tag::OCTET_STRING, b"dc=x".to_vec()),
            (tag::ENUMERATED, vec![2]),
            (tag::ENUMERATED, vec![0]),
            (tag::INTEGER, vec![0]),
            (tag::INTEGER, vec![0]),
            (tag::BOOLEAN, vec![0]),
            (0x87, b"objectClass".to_vec()),
            (tag::SEQUENCE, Vec::new()),
        ];
        change(&mut fields);
        let content = octets(|w| fields.iter().for_each(|(tag, value)| w.element(*tag, value)));
        match Request::decode(&message(operation_tag::SEARCH_REQUEST, &content)) {
            Ok(_) => None,
            Err(RequestError::Operation { fault, .. }) => Some(fault),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(with(&|_| {}), None);
    assert_eq!(with(&|fields| fields[1].1 = vec![4]), Some(OperationFault::Range("scope")));
    assert_eq!(with(&|fields| fields[2].1 = vec![4]), Some(OperationFault::Range("derefAliases")));
    assert_eq!(
        with(&|fields| fields[2].1 = vec![0xff]),
        Some(OperationFault::Range("derefAliases"))
    );
    assert_eq!(with(&|fields| fields[3].1 = vec![0xff]), Some(OperationFault::Range("sizeLimit")));
    let beyond = vec![0, 0x80, 0, 0, 0];
    assert_eq!(
        with(&|fields| fields[4].1.clone_from(&beyond)),
        Some(OperationFault::Range("timeLimit"))
    );
    assert_eq!(with(&|fields| fields[5].1 = vec![]), Some(BerError::Boolean.into()));
    assert_eq!(
        with(&|fields| fields[0].1 = vec![0xff]),
        Some(OperationFault::NotUtf8("base object"))
    );
    assert_eq!(with(&|fields| fields.push((4, vec![]))), Some(BerError::TrailingData.into()));
    let many = |count| octets(|w| (0..count).for_each(|_| w.octet_string(b"cn")));
    assert_eq!(with(&|fields| fields[7].1 = many(MAX_REQUESTED_ATTRIBUTES)), None);
    assert_eq!(
        with(&|fields| fields[7].1 = many(MAX_REQUESTED_ATTRIBUTES + 1)),
        Some(OperationFault::Range("number of attributes"))
    );
}

/// RFC 4511 §4.2: choices and versions are for the server to judge, so they are decoded.
#[test]
fn binds_of_every_sort_are_decoded() {
    let bind = |version, tag, credentials: &[u8]| {
        let content = octets(|w| {
            w.integer(version);
            w.octet_string(b"\xff name");
            w.element(tag, credentials);
        });
        let request = decode(&message(operation_tag::BIND_REQUEST, &content));
        let Operation::Bind(bind) = request.operation else { panic!() };
        bind
    };
    assert_eq!(bind(2, 0x80, b"").version, 2);
    assert_eq!(bind(127, 0x80, b"").version, 127);
    assert_eq!(bind(3, 0x80, b"").name, b"\xff name");
    let Authentication::Simple(password) = bind(3, 0x80, b"p\0\xff").authentication else {
        panic!()
    };
    assert!(password.expose() == b"p\0\xff" && password.contains_nul());
    for credentials in [b"\x04\x06GSSAPI".as_slice(), b"\x04\x06GSSAPI\x04\x01\0"] {
        let Authentication::Sasl { mechanism } = bind(3, 0xa3, credentials).authentication else {
            panic!()
        };
        assert_eq!(mechanism, "GSSAPI");
    }
    assert!(matches!(bind(3, 0x8a, b"NTLMSSP").authentication, Authentication::Other(0x8a)));
}

#[test]
fn controls_keep_criticality_and_value() {
    let controls = vec![
        Control::new("1.2.3", true),
        Control { value: Some(Vec::new()), ..Control::new("1.2.4", false) },
        Control { value: Some(vec![0xff]), ..Control::new("1.2.5", true) },
    ];
    let octets = octets(|w| write_search(w, id(9), &search(), &controls));
    assert_eq!(decode(&octets).controls, controls);
    let broken = self::octets(|w| {
        write_message(w, id(9), |w| w.element(operation_tag::UNBIND_REQUEST, b""), b"\x30\x00");
    });
    assert!(matches!(
        Request::decode(&broken),
        Err(RequestError::Operation { kind: OperationKind::Unbind, .. })
    ));
}

/// RFC 4511 §4.1.9, §4.2.2, §4.12 and MS-ADTS texts with their trailing NUL.
#[test]
fn answers_come_back_as_they_were_written() {
    let text = b"80090308: LdapErr: DSID-0C090439, data 52e, v4563\0";
    let result = LdapResult::new(ResultCode::INVALID_CREDENTIALS, text.as_slice())
        .with_matched_dn(b"DC=\xff".as_slice());
    for (_, request_tag) in TAGS {
        let kind = OperationKind::of_request_tag(request_tag).unwrap();
        let Some(tag) = kind.response_tag() else { continue };
        let octets = octets(|w| {
            let controls = b"\x30\x05\x04\x031.2";
            write_result(w, id(3), tag, &result, Extras { controls, ..Extras::default() });
        });
        let response = Response::decode(&octets).unwrap();
        assert_eq!((response.id, response.controls.len()), (id(3), 7));
        assert_eq!(
            response.operation,
            ResponseOperation::Done {
                tag,
                result: result.clone(),
                has_referral: false,
                name: None
            }
        );
    }
}

/// RFC 4511 §4.4.1, and the same as Active Directory writes it: the name outside the operation.
#[test]
fn notices_of_disconnection_are_read() {
    let octets = octets(|w| write_notice_of_disconnection(w, ResultCode::UNAVAILABLE, "going"));
    let response = Response::decode(&octets).unwrap();
    assert_eq!(response.id, MessageId::UNSOLICITED);
    let ResponseOperation::Done { name, result, .. } = response.operation else { panic!() };
    assert_eq!(name.as_deref(), Some(NOTICE_OF_DISCONNECTION));
    assert_eq!(result.code, ResultCode::UNAVAILABLE);

    let malformed = self::octets(|w| {
        w.constructed(tag::SEQUENCE, |w| {
            w.integer(0);
            w.element(operation_tag::EXTENDED_RESPONSE, b"\x0a\x01\x34\x04\x00\x04\x00");
            w.element(0x8a, NOTICE_OF_DISCONNECTION.as_bytes());
        });
    });
    let response = Response::decode(&malformed).unwrap();
    assert!(matches!(response.operation, ResponseOperation::Done { result, .. }
        if result.code == ResultCode::UNAVAILABLE));
}

#[test]
fn referrals_are_noticed_and_not_kept() {
    let octets = message(
        operation_tag::SEARCH_RESULT_DONE,
        b"\x0a\x01\x0a\x04\x00\x04\x00\xa3\x0b\x04\x09ldap://a/",
    );
    let ResponseOperation::Done { has_referral, result, .. } =
        Response::decode(&octets).unwrap().operation
    else {
        panic!()
    };
    assert!(has_referral && result.code == ResultCode::REFERRAL);
    let reference = message(operation_tag::SEARCH_RESULT_REFERENCE, b"\x04\x09ldap://a/");
    assert_eq!(Response::decode(&reference).unwrap().operation, ResponseOperation::Reference);
}

#[test]
fn requests_are_no_responses() {
    for (_, octets) in one_of_each() {
        assert!(matches!(Response::decode(&octets), Err(BerError::UnexpectedTag { .. })));
    }
}

fn written_entry(entry: &Entry) -> Vec<u8> {
    let attributes: Vec<Vec<u8>> = entry
        .attributes
        .iter()
        .map(|attribute| {
            let mut octets = Vec::new();
            let values = attribute.values.iter().map(Vec::as_slice);
            encode_attribute(&mut octets, &attribute.description, values);
            octets
        })
        .collect();
    let mut octets = Vec::new();
    write_entry(&mut octets, id(1), entry.dn.as_bytes(), attributes.iter().map(Vec::as_slice));
    octets
}

/// Lengths around the borders of the short and long forms.
#[test]
fn entries_of_every_length_come_back() {
    for length in [0, 1, 100, 127, 128, 255, 256, 65_535, 65_536] {
        let entry = Entry {
            dn: "cn=a".to_owned(),
            attributes: vec![
                EntryAttribute { description: "a".to_owned(), values: vec![vec![7; length]] },
                EntryAttribute { description: "none".to_owned(), values: Vec::new() },
            ],
        };
        let octets = written_entry(&entry);
        assert_eq!(super::frame::complete_length(&octets, octets.len()), Ok(Some(octets.len())));
        let response = Response::decode(&octets).unwrap();
        assert_eq!(response.operation, ResponseOperation::Entry(entry));
    }
}

#[test]
fn a_message_of_just_the_limit_passes() {
    let octets = message(operation_tag::UNBIND_REQUEST, b"");
    let limit = octets.len();
    assert_eq!(super::frame::complete_length(&octets, limit), Ok(Some(limit)));
    assert!(super::frame::complete_length(&octets, limit - 1).is_err());
}

fn entry() -> impl Strategy<Value = Entry> {
    let values = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..8), 0..4);
    let attribute = ("[a-zA-Z;-]{1,12}", values)
        .prop_map(|(description, values)| EntryAttribute { description, values });
    ("[ -~]{0,16}", prop::collection::vec(attribute, 0..4))
        .prop_map(|(dn, attributes)| Entry { dn, attributes })
}

fn control() -> impl Strategy<Value = Control> {
    ("[0-9.]{1,12}", any::<bool>(), prop::option::of(prop::collection::vec(any::<u8>(), 0..8)))
        .prop_map(|(oid, criticality, value)| Control { oid, criticality, value })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn searches_round_trip(
        number in 1..=0x7fff_ffff_u32,
        base in any::<String>(),
        deref_aliases in 0..=3_u8,
        size_limit in 0..=0x7fff_ffff_u32,
        time_limit in 0..=0x7fff_ffff_u32,
        types_only: bool,
        attributes in prop::collection::vec(any::<String>(), 0..4),
        controls in prop::collection::vec(control(), 0..3),
    ) {
        let search = SearchRequest {
            base,
            deref_aliases,
            size_limit,
            time_limit,
            types_only,
            attributes: attributes.iter().collect(),
            ..search()
        };
        let octets = octets(|w| write_search(w, id(number), &search, &controls));
        let request = decode(&octets);
        prop_assert_eq!(request.id, id(number));
        prop_assert_eq!(request.controls, controls);
        let Operation::Search(found) = request.operation else { panic!() };
        prop_assert_eq!(found.as_ref(), &search);
    }

    #[test]
    fn binds_round_trip(
        name in prop::collection::vec(any::<u8>(), 0..40),
        password in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let octets = octets(|w| {
            write_simple_bind(w, id(1), &name, &Password::copy_from(&password), &[]);
        });
        let Operation::Bind(bind) = decode(&octets).operation else { panic!() };
        let Authentication::Simple(found) = bind.authentication else { panic!() };
        prop_assert_eq!((bind.version, bind.name), (3, name));
        prop_assert_eq!(found.expose(), password);
    }

    #[test]
    fn entries_round_trip(entry in entry()) {
        let response = Response::decode(&written_entry(&entry)).unwrap();
        prop_assert_eq!(response.operation, ResponseOperation::Entry(entry));
    }

    #[test]
    fn octets_of_any_kind_hold_the_properties(octets in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert_eq!(super::fuzzing::frame(&octets), Ok(()));
        prop_assert_eq!(super::fuzzing::message(&octets), Ok(()));
        prop_assert_eq!(super::fuzzing::filter(&octets), Ok(()));
        prop_assert_eq!(super::fuzzing::dn(&octets), Ok(()));
    }

    /// A message with one octet changed.
    #[test]
    fn damaged_messages_hold_the_properties(at: prop::sample::Index, value: u8) {
        for (_, mut octets) in one_of_each() {
            let at = at.index(octets.len());
            octets[at] = value;
            prop_assert_eq!(super::fuzzing::message(&octets), Ok(()));
        }
    }
}

/// RFC 4511 §4.13, and §4.1.11 for controls on an entry.
#[test]
fn the_messages_of_a_search() {
    let value = Some(vec![0xa1, 0]);
    for response in [
        IntermediateResponse { name: Some("1.2.3".to_owned()), value: value.clone() },
        IntermediateResponse { name: None, value },
        IntermediateResponse::default(),
    ] {
        let octets = octets(|w| write_intermediate(w, id(7), &response));
        let expected = (id(7), SearchMessage::Intermediate(response));
        assert_eq!(SearchMessage::decode(&octets), Ok(expected));
        let decoded = Response::decode(&octets).unwrap();
        assert_eq!(decoded.operation, ResponseOperation::Intermediate);
    }
    let attribute = EntryAttribute { description: "cn".to_owned(), values: vec![vec![0xff]] };
    let entry = Entry { dn: "cn=x".to_owned(), attributes: vec![attribute] };
    let entry = PackedEntry::pack(&entry);
    for own in [vec![], vec![Control::new("1.2", false), Control::new("1.3", true)]] {
        let octets = octets(|w| write_controlled_entry(w, id(7), &entry, &own));
        let (found, message) = SearchMessage::decode(&octets).unwrap();
        let SearchMessage::Entry { entry: decoded, controls } = message else { panic!() };
        assert_eq!((found, decoded), (id(7), entry.clone()));
        assert_eq!(Control::read_all(&controls), Ok(own));
    }
    let done = octets(|w| {
        let tag = operation_tag::SEARCH_RESULT_DONE;
        write_result(w, id(7), tag, &LdapResult::success(), Extras::default());
    });
    let Response { operation, controls, .. } = Response::decode(&done).unwrap();
    let expected = (id(7), SearchMessage::Other(operation, controls));
    assert_eq!(SearchMessage::decode(&done), Ok(expected));
    for broken in [
        message(operation_tag::INTERMEDIATE_RESPONSE, &[0x81, 0, 0x80, 0]),
        message(operation_tag::INTERMEDIATE_RESPONSE, &[0x80, 2, b'1']),
        message(operation_tag::SEARCH_RESULT_ENTRY, &[0x04, 0]),
        message(operation_tag::SEARCH_REQUEST, &[]),
    ] {
        assert!(SearchMessage::decode(&broken).is_err(), "{broken:02x?}");
    }
}
