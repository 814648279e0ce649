//! The table of DESIGN §4 and what must never count as success.

use proptest::prelude::*;

use super::*;
use crate::ldap::ber::Writer;
use crate::ldap::message::write_message;
use crate::ldap::response::{Extras, write_notice_of_disconnection, write_result};

const AD: &str = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data ";

fn id(number: u32) -> MessageId {
    MessageId::new(number).unwrap()
}

fn encoded(number: u32, tag: u8, code: u32, text: &[u8], controls: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    let result = LdapResult::new(ResultCode(code), text);
    let extras = Extras { controls, ..Extras::default() };
    write_result(&mut writer, id(number), tag, &result, extras);
    writer.into_octets()
}

fn verdict(code: u32, text: &[u8]) -> Verdict {
    judge(id(7), &encoded(7, operation_tag::BIND_RESPONSE, code, text, &[]))
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted { .. } => "accepted",
        Verdict::Rejected { unlisted: None, .. } => "rejected",
        Verdict::Rejected { unlisted: Some(_), .. } => "refused",
        Verdict::NotJudged(_) => "not judged",
        Verdict::NextController(_) => "next",
        Verdict::Misconfigured(_) => "misconfigured",
        Verdict::Referral(_) => "referral",
    }
}

#[test]
fn the_table() {
    for (code, expected) in [
        (0, "accepted"),
        (1, "not judged"),
        (2, "refused"),
        (3, "not judged"),
        (7, "refused"),
        (8, "misconfigured"),
        (10, "referral"),
        (11, "not judged"),
        (12, "refused"),
        (13, "misconfigured"),
        (14, "refused"),
        (19, "refused"),
        (32, "refused"),
        (34, "refused"),
        (48, "refused"),
        (49, "rejected"),
        (50, "refused"),
        (51, "next"),
        (52, "next"),
        (53, "refused"),
        (80, "not judged"),
        (94, "refused"),
        (4711, "refused"),
    ] {
        assert_eq!(word(&verdict(code, b"")), expected, "{code}");
    }
}

/// MS-ADTS 5.1.1.1: the sub-code is the Windows error, in hexadecimal.
#[test]
fn sub_codes_of_invalid_credentials() {
    let is = |sub: &str, expected| {
        for (tail, what) in [(", v1db1", "Samba"), (", v4563\0", "Windows"), ("", "end")] {
            let text = format!("{AD}{sub}{tail}");
            assert_eq!(word(&verdict(49, text.as_bytes())), expected, "{sub} {what}");
        }
    };
    for sub in ["52e", "52E", "525", "530", "531", "532", "533", "57", "701", "773", "775"] {
        is(sub, "rejected");
    }
    for sub in ["51f", "51F", "54b", "54e", "5b4", "6ba", "80090346", "80090311"] {
        is(sub, "not judged");
    }
    for sub in ["569", "0", "ffffffff"] {
        is(sub, "refused");
    }
}

#[test]
fn texts_without_a_sub_code_are_plain_refusals() {
    for text in [
        b"".as_slice(),
        b"data ",
        b"data xyz",
        b"metadata 51f",
        b"invalid data base",
        b"data 123456789",
        b"Ung\xfcltige Anmeldedaten",
        b"\0",
    ] {
        assert_eq!(word(&verdict(49, text)), "rejected", "{text:?}");
    }
    let latin = b"Erreur d'authentification \xe9: DATA 51F\0";
    assert_eq!(word(&verdict(49, latin)), "not judged");
}

#[test]
fn a_rejection_is_relayed_as_it_came() {
    let text = format!("{AD}775, v4563\0").into_bytes();
    let control = b"\x30\x05\x04\x03\x31\x2e\x32";
    let message = encoded(7, operation_tag::BIND_RESPONSE, 49, &text, control);
    let Verdict::Rejected { result, controls, .. } = judge(id(7), &message) else { panic!() };
    assert_eq!(result, LdapResult::new(ResultCode::INVALID_CREDENTIALS, text));
    assert_eq!(controls, control);
}

#[test]
fn a_refusal_outside_the_table_gets_our_own_text() {
    let Verdict::Rejected { result, unlisted, .. } = verdict(53, b"not today") else { panic!() };
    let ours = LdapResult::new(ResultCode::INVALID_CREDENTIALS, REFUSED_TEXT);
    assert_eq!(result, ours);
    assert_eq!(unlisted, Some(LdapResult::new(ResultCode(53), "not today")));
}

#[test]
fn the_referral_is_stripped() {
    let mut writer = Writer::new();
    let body = |w: &mut Writer| {
        w.constructed(operation_tag::BIND_RESPONSE, |w| {
            w.enumerated(49);
            w.octet_string(b"");
            w.octet_string(b"text");
            w.constructed(0xa3, |w| w.octet_string(b"ldap://elsewhere/"));
        });
    };
    write_message(&mut writer, id(7), body, &[]);
    let verdict = judge(id(7), &writer.into_octets());
    assert!(!format!("{verdict:?}").contains("elsewhere"), "{verdict:?}");
    assert_eq!(word(&verdict), "rejected");
}

#[test]
fn only_code_zero_under_our_id_is_success() {
    assert_eq!(word(&verdict(0, b"")), "accepted");
    let right = operation_tag::BIND_RESPONSE;
    for (number, tag) in [
        (8, right),
        (0, right),
        (7, operation_tag::SEARCH_RESULT_DONE),
        (7, operation_tag::EXTENDED_RESPONSE),
        (7, operation_tag::COMPARE_RESPONSE),
    ] {
        assert_eq!(word(&judge(id(7), &encoded(number, tag, 0, b"", &[]))), "not judged");
    }
    let mut notice = Writer::new();
    write_notice_of_disconnection(&mut notice, ResultCode::UNAVAILABLE, "going down");
    let verdict = judge(id(7), notice.octets());
    assert!(matches!(verdict, Verdict::NotJudged(cause) if cause.contains("unsolicited")));
    for garbage in [b"".as_slice(), b"\x30\x00", b"\x30\x03\x02\x01\x07", b"hello"] {
        assert_eq!(word(&judge(id(7), garbage)), "not judged");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_answer_but_success_is_success(code in 1..u32::MAX, text in any::<Vec<u8>>()) {
        prop_assert_ne!(word(&verdict(code, &text)), "accepted");
    }

    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = judge(id(7), &octets);
    }
}
