//! The codec against another one: `ldap3_proto` encodes and this library decodes, and the other way
//! round. Left out is what `ldap3_proto` 0.9 cannot hold: filter values, names and passwords that are not
//! UTF-8, unknown result codes, referrals, and the criticality of controls it has types for.

use bytes::BytesMut;
use ldap3_proto::LdapCodec;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::*;
use ldapgate::ldap::ber::Writer;
use ldapgate::ldap::control::Control;
use ldapgate::ldap::filter::Filter;
use ldapgate::ldap::message::MessageId;
use ldapgate::ldap::request::{
    self, Authentication, Operation, OperationKind, Request, SearchScope,
};
use ldapgate::ldap::response::{self, Extras, Response, ResponseOperation};
use ldapgate::ldap::secret::Password;
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

fn theirs(message: LdapMsg) -> Vec<u8> {
    let mut octets = BytesMut::new();
    LdapCodec::default().encode(message, &mut octets).unwrap();
    octets.to_vec()
}

fn read_by_them(octets: &[u8]) -> LdapMsg {
    let mut codec = LdapCodec::new(Some(1 << 20), None);
    codec.decode(&mut BytesMut::from(octets)).unwrap().unwrap()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", any::<String>()]
}

fn piece() -> impl Strategy<Value = String> {
    text().prop_filter("a piece is not empty", |piece| !piece.is_empty())
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9-]{0,8}(;[a-z]{1,4})?"
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..12)
}

fn filter() -> impl Strategy<Value = LdapFilter> {
    let item = prop_oneof![
        (name(), text()).prop_map(|(name, value)| LdapFilter::Equality(name, value)),
        (name(), text()).prop_map(|(name, value)| LdapFilter::GreaterOrEqual(name, value)),
        (name(), text()).prop_map(|(name, value)| LdapFilter::LessOrEqual(name, value)),
        (name(), text()).prop_map(|(name, value)| LdapFilter::Approx(name, value)),
        name().prop_map(LdapFilter::Present),
        (
            name(),
            prop::option::of(piece()),
            prop::collection::vec(piece(), 0..3),
            prop::option::of(piece())
        )
            .prop_filter("there is a piece", |(_, initial, any, last)| {
                initial.is_some() || last.is_some() || !any.is_empty()
            })
            .prop_map(|(name, initial, any, final_)| {
                LdapFilter::Substring(name, LdapSubstringFilter { initial, any, final_ })
            }),
        (prop::option::of("[a-z0-9.]{1,8}"), name(), text(), any::<bool>()).prop_map(
            |(matching_rule, type_, match_value, dn_attributes)| {
                LdapFilter::Extensible(LdapMatchingRuleAssertion {
                    matching_rule,
                    type_: Some(type_),
                    match_value,
                    dn_attributes,
                })
            }
        ),
    ];
    item.prop_recursive(5, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(LdapFilter::And),
            prop::collection::vec(inner.clone(), 0..4).prop_map(LdapFilter::Or),
            inner.prop_map(|filter| LdapFilter::Not(Box::new(filter))),
        ]
    })
}

/// Their filter in the words of this library.
fn ours(filter: &LdapFilter) -> Filter {
    use ldapgate::ldap::attribute::AttributeDescription;
    let named = |name: &String| AttributeDescription::of_filter(name.as_bytes());
    let value = |value: &String| value.as_bytes().to_vec();
    match filter {
        LdapFilter::And(filters) => Filter::And(filters.iter().map(ours).collect()),
        LdapFilter::Or(filters) => Filter::Or(filters.iter().map(ours).collect()),
        LdapFilter::Not(filter) => Filter::Not(Box::new(ours(filter))),
        LdapFilter::Equality(name, v) => {
            Filter::Equality { attribute: named(name), value: value(v) }
        }
        LdapFilter::GreaterOrEqual(name, v) => {
            Filter::GreaterOrEqual { attribute: named(name), value: value(v) }
        }
        LdapFilter::LessOrEqual(name, v) => {
            Filter::LessOrEqual { attribute: named(name), value: value(v) }
        }
        LdapFilter::Approx(name, v) => Filter::Approx { attribute: named(name), value: value(v) },
        LdapFilter::Present(name) => Filter::Present(named(name)),
        LdapFilter::Substring(name, pieces) => Filter::Substrings {
            attribute: named(name),
            initial: pieces.initial.as_ref().map(value),
            any: pieces.any.iter().map(value).collect(),
            last: pieces.final_.as_ref().map(value),
        },
        LdapFilter::Extensible(assertion) => Filter::Extensible {
            rule: assertion.matching_rule.clone(),
            attribute: assertion.type_.as_ref().map(named),
            value: value(&assertion.match_value),
            dn_attributes: assertion.dn_attributes,
        },
    }
}

fn search() -> impl Strategy<Value = LdapSearchRequest> {
    let scope = prop::sample::select(vec![
        LdapSearchScope::Base,
        LdapSearchScope::OneLevel,
        LdapSearchScope::Subtree,
        LdapSearchScope::Children,
    ]);
    let aliases = prop::sample::select(vec![
        LdapDerefAliases::Never,
        LdapDerefAliases::InSearching,
        LdapDerefAliases::FindingBaseObj,
        LdapDerefAliases::Always,
    ]);
    let limits = (0..=i32::MAX, 0..=i32::MAX, any::<bool>());
    (text(), scope, aliases, limits, filter(), prop::collection::vec(text(), 0..4)).prop_map(
        |(base, scope, aliases, (sizelimit, timelimit, typesonly), filter, attrs)| {
            LdapSearchRequest {
                base,
                scope,
                aliases,
                sizelimit,
                timelimit,
                typesonly,
                filter,
                attrs,
            }
        },
    )
}

fn control() -> impl Strategy<Value = Control> {
    ("9\\.[0-9]{1,4}", any::<bool>(), prop::option::of(octets()))
        .prop_map(|(oid, criticality, value)| Control { oid, criticality, value })
}

fn their_control(control: &Control) -> LdapControl {
    LdapControl::Unknown {
        oid: control.oid.clone(),
        criticality: control.criticality,
        value: control.value.clone(),
    }
}

fn decode(octets: &[u8]) -> Request {
    Request::decode(octets).unwrap_or_else(|error| panic!("{error}"))
}

fn same_search(a: &request::SearchRequest, b: &LdapSearchRequest) {
    let scope = match b.scope {
        LdapSearchScope::Base => SearchScope::BaseObject,
        LdapSearchScope::OneLevel => SearchScope::SingleLevel,
        LdapSearchScope::Subtree => SearchScope::WholeSubtree,
        LdapSearchScope::Children => SearchScope::SubordinateSubtree,
    };
    assert_eq!((&a.base, a.scope, a.types_only), (&b.base, scope, b.typesonly));
    assert_eq!(i64::from(a.deref_aliases), b.aliases.clone() as i64);
    assert_eq!(i64::from(a.size_limit), i64::from(b.sizelimit));
    assert_eq!(i64::from(a.time_limit), i64::from(b.timelimit));
    assert_eq!((&a.filter, &a.attributes), (&ours(&b.filter), &b.attrs.iter().collect()));
}

fn result() -> impl Strategy<Value = LdapResult> {
    let code = prop::sample::select(vec![
        LdapResultCode::Success,
        LdapResultCode::ProtocolError,
        LdapResultCode::SizeLimitExceeded,
        LdapResultCode::NoSuchObject,
        LdapResultCode::InvalidCredentials,
        LdapResultCode::Unavailable,
        LdapResultCode::TooLate,
        LdapResultCode::EsyncRefreshRequired,
    ]);
    (code, text(), text()).prop_map(|(code, matcheddn, message)| LdapResult {
        code,
        matcheddn,
        message,
        referral: Vec::new(),
    })
}

fn entry() -> impl Strategy<Value = LdapSearchResultEntry> {
    let attribute = (name(), prop::collection::vec(octets(), 0..4))
        .prop_map(|(atype, vals)| LdapPartialAttribute { atype, vals });
    (text(), prop::collection::vec(attribute, 0..4))
        .prop_map(|(dn, attributes)| LdapSearchResultEntry { dn, attributes })
}

fn terminal_answers(result: &LdapResult, name: Option<String>) -> Vec<LdapOp> {
    vec![
        LdapOp::BindResponse(LdapBindResponse { res: result.clone(), saslcreds: None }),
        LdapOp::SearchResultDone(result.clone()),
        LdapOp::ModifyResponse(result.clone()),
        LdapOp::AddResponse(result.clone()),
        LdapOp::DelResponse(result.clone()),
        LdapOp::ModifyDNResponse(result.clone()),
        LdapOp::CompareResult(result.clone()),
        LdapOp::ExtendedResponse(LdapExtendedResponse { res: result.clone(), name, value: None }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn searches(
        number in 1..=i32::MAX,
        search in search(),
        controls in prop::collection::vec(control(), 0..3),
    ) {
        let message = LdapMsg {
            msgid: number,
            op: LdapOp::SearchRequest(search.clone()),
            ctrl: controls.iter().map(their_control).collect(),
        };
        let request = decode(&theirs(message.clone()));
        prop_assert_eq!(i64::from(request.id.get()), i64::from(number));
        prop_assert_eq!(&request.controls, &controls);
        let Operation::Search(found) = request.operation else { panic!() };
        same_search(&found, &search);

        let mut writer = Writer::new();
        request::write_search(&mut writer, request.id, &found, &controls);
        prop_assert_eq!(read_by_them(writer.octets()), message);
    }

    #[test]
    fn binds(version in 0..=127_i64, dn in text(), password in text(), sasl in octets()) {
        let message = |version, cred| {
            let bind = LdapBindRequest { version, dn: dn.clone(), cred };
            LdapMsg { msgid: 1, op: LdapOp::BindRequest(bind), ctrl: Vec::new() }
        };
        let simple = LdapBindCred::Simple(password.clone());
        let request = decode(&theirs(message(version, simple.clone())));
        let Operation::Bind(bind) = request.operation else { panic!() };
        prop_assert_eq!((bind.version, bind.name.as_slice()), (version, dn.as_bytes()));
        let Authentication::Simple(found) = bind.authentication else { panic!() };
        prop_assert_eq!(found.expose(), password.as_bytes());

        let mut writer = Writer::new();
        let password = Password::copy_from(password.as_bytes());
        request::write_simple_bind(&mut writer, request.id, dn.as_bytes(), &password, &[]);
        prop_assert_eq!(read_by_them(writer.octets()), message(3, simple));

        let cred = LdapBindCred::SASL(SaslCredentials {
            mechanism: "GSS-SPNEGO".to_owned(),
            credentials: sasl,
        });
        let Operation::Bind(bind) = decode(&theirs(message(version, cred))).operation else {
            panic!()
        };
        let Authentication::Sasl { mechanism } = bind.authentication else { panic!() };
        prop_assert_eq!(mechanism, "GSS-SPNEGO");
    }

    #[test]
    fn other_requests(dn in text(), name in name(), value in octets(), id in 0..=i32::MAX) {
        let attribute = LdapPartialAttribute { atype: name.clone(), vals: vec![value.clone()] };
        let extended = LdapExtendedRequest { name: "1.2.3".to_owned(), value: Some(value.clone()) };
        let operations = [
            (OperationKind::Unbind, LdapOp::UnbindRequest),
            (OperationKind::Delete, LdapOp::DelRequest(dn.clone())),
            (OperationKind::Abandon, LdapOp::AbandonRequest(id)),
            (OperationKind::Extended, LdapOp::ExtendedRequest(extended)),
            (OperationKind::Compare, LdapOp::CompareRequest(LdapCompareRequest {
                dn: dn.clone(),
                atype: name.clone(),
                val: value.clone(),
            })),
            (OperationKind::Add, LdapOp::AddRequest(LdapAddRequest {
                dn: dn.clone(),
                attributes: vec![attribute.clone()],
            })),
            (OperationKind::Modify, LdapOp::ModifyRequest(LdapModifyRequest {
                dn: dn.clone(),
                changes: vec![LdapModify {
                    operation: LdapModifyType::Replace,
                    modification: attribute,
                }],
            })),
            (OperationKind::ModifyDn, LdapOp::ModifyDNRequest(LdapModifyDNRequest {
                dn: dn.clone(),
                newrdn: "cn=x".to_owned(),
                deleteoldrdn: true,
                new_superior: Some("dc=x".to_owned()),
            })),
        ];
        for (kind, op) in operations {
            let request = decode(&theirs(LdapMsg { msgid: 1, op, ctrl: Vec::new() }));
            prop_assert_eq!(request.operation.kind(), kind);
            match request.operation {
                Operation::Write { entry, .. } => prop_assert_eq!(&entry, &dn),
                Operation::Abandon(found) => {
                    prop_assert_eq!(i64::from(found.get()), i64::from(id));
                }
                Operation::Compare(found) => {
                    prop_assert_eq!((&found.entry, &found.value), (&dn, &value));
                    prop_assert_eq!(found.attribute.to_string(), name.clone());
                }
                Operation::Extended(found) => {
                    prop_assert_eq!((found.name.as_str(), found.value), ("1.2.3", Some(value.clone())));
                }
                Operation::Unbind | Operation::Bind(_) | Operation::Search(_) => {}
            }
        }
    }

    #[test]
    fn answers(number in 0..=i32::MAX, result in result(), name in prop::option::of("[0-9.]{1,9}")) {
        for op in terminal_answers(&result, name.clone()) {
            let message = LdapMsg { msgid: number, op, ctrl: Vec::new() };
            let response = Response::decode(&theirs(message.clone())).unwrap();
            prop_assert_eq!(i64::from(response.id.get()), i64::from(number));
            let ResponseOperation::Done { tag, result: found, name: found_name, .. } =
                response.operation
            else {
                panic!()
            };
            prop_assert_eq!(i64::from(found.code.0), result.code.clone() as i64);
            prop_assert_eq!(found.matched_dn.as_slice(), result.matcheddn.as_bytes());
            prop_assert_eq!(found.diagnostic_message.as_slice(), result.message.as_bytes());

            let mut writer = Writer::new();
            let extras = Extras { name: found_name.as_deref(), ..Extras::default() };
            response::write_result(&mut writer, response.id, tag, &found, extras);
            prop_assert_eq!(read_by_them(writer.octets()), message);
        }
    }

    #[test]
    fn entries(entry in entry()) {
        let message = LdapMsg {
            msgid: 1,
            op: LdapOp::SearchResultEntry(entry.clone()),
            ctrl: Vec::new(),
        };
        let response = Response::decode(&theirs(message.clone())).unwrap();
        let ResponseOperation::Entry(found) = response.operation else { panic!() };
        prop_assert_eq!(&found.dn, &entry.dn);
        prop_assert_eq!(found.attributes.len(), entry.attributes.len());
        for (a, b) in found.attributes.iter().zip(&entry.attributes) {
            prop_assert_eq!((&a.description, &a.values), (&b.atype, &b.vals));
        }

        let encoded: Vec<Vec<u8>> = found.attributes.iter().map(|attribute| {
            let mut octets = Vec::new();
            let values = attribute.values.iter().map(Vec::as_slice);
            response::encode_attribute(&mut octets, &attribute.description, values);
            octets
        }).collect();
        let mut octets = Vec::new();
        let attributes = encoded.iter().map(Vec::as_slice);
        let id = MessageId::new(1).unwrap();
        response::write_entry(&mut octets, id, found.dn.as_bytes(), attributes);
        prop_assert_eq!(read_by_them(&octets), message);
    }
}
