//! Values prepared by syntax.

use super::generalized_time;
use super::preparation::{
    prepare_case_exact, prepare_case_ignore, prepare_substring, prepare_telephone_number,
};
use crate::ldap::dn::NormalizedDn;
use crate::ldap::identifier::Sid;
use crate::ldap::schema::{Syntax, attribute_type, object_class};

/// The octets of a value or assertion value prepared under `syntax`: equal values give equal octets, and
/// where the syntax [is ordered](is_ordered), the octets sort as the values do. `None` when it is not a
/// value of that syntax; an assertion with it is Undefined (RFC 4511 §4.5.1.7).
#[must_use]
pub fn prepare(syntax: Syntax, value: &[u8]) -> Option<Vec<u8>> {
    Some(match syntax {
        Syntax::CaseIgnore => prepare_case_ignore(text(value)?).into_bytes(),
        Syntax::CaseExact => prepare_case_exact(text(value)?).into_bytes(),
        Syntax::TelephoneNumber => prepare_telephone_number(text(value)?).into_bytes(),
        Syntax::Boolean => vec![u8::from(boolean(value)?)],
        Syntax::Integer => sortable(i64::from(integer_32(value)?)),
        Syntax::LargeInteger => sortable(integer(value)?),
        Syntax::GeneralizedTime => generalized_time::prepare(value)?.to_vec(),
        Syntax::DistinguishedName => NormalizedDn::parse(text(value)?).ok()?.as_str().into(),
        Syntax::OctetString => value.to_vec(),
        Syntax::ObjectIdentifier => object_identifier(text(value)?),
        Syntax::Sid => {
            Sid::from_octets(value).or_else(|| Sid::parse(text(value)?))?.octets().to_vec()
        }
    })
}

/// Whether `>=` and `<=` are defined for values of this syntax (RFC 4517 §4.2: there are no ordering
/// rules for the others).
#[must_use]
pub const fn is_ordered(syntax: Syntax) -> bool {
    match syntax {
        Syntax::CaseIgnore
        | Syntax::CaseExact
        | Syntax::Integer
        | Syntax::LargeInteger
        | Syntax::GeneralizedTime
        | Syntax::OctetString => true,
        Syntax::TelephoneNumber
        | Syntax::Boolean
        | Syntax::DistinguishedName
        | Syntax::ObjectIdentifier
        | Syntax::Sid => false,
    }
}

/// Where in a substring assertion a piece stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// The value starts with it.
    Initial,
    /// Somewhere in between.
    Any,
    /// The value ends with it.
    Final,
}

/// A piece of a substring assertion, to be looked for in values prepared by [`prepare`]. `None` for
/// syntaxes without substring matching.
///
/// A blank at an inner edge of a piece stays, as one space (RFC 4518 §2.6.1): `J *` finds `J Smith` and not
/// `John`. Prepared values have no blanks at their ends, so `John *` does not find `John` itself.
#[must_use]
pub fn prepare_piece(syntax: Syntax, piece: &[u8], position: Piece) -> Option<Vec<u8>> {
    let before = position != Piece::Initial;
    let after = position != Piece::Final;
    match syntax {
        Syntax::CaseIgnore => {
            Some(prepare_substring(text(piece)?, true, before, after).into_bytes())
        }
        Syntax::CaseExact => {
            Some(prepare_substring(text(piece)?, false, before, after).into_bytes())
        }
        Syntax::TelephoneNumber => Some(prepare_telephone_number(text(piece)?).into_bytes()),
        Syntax::OctetString => Some(piece.to_vec()),
        Syntax::Boolean
        | Syntax::Integer
        | Syntax::LargeInteger
        | Syntax::GeneralizedTime
        | Syntax::DistinguishedName
        | Syntax::ObjectIdentifier
        | Syntax::Sid => None,
    }
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

/// RFC 4517 §3.3.3 has TRUE and FALSE; other spellings come from applications.
fn boolean(value: &[u8]) -> Option<bool> {
    if value.eq_ignore_ascii_case(b"TRUE") {
        Some(true)
    } else if value.eq_ignore_ascii_case(b"FALSE") {
        Some(false)
    } else {
        None
    }
}

/// RFC 4517 §3.3.16, within 64 bits.
fn integer(value: &[u8]) -> Option<i64> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    text(value)?.parse().ok()
}

/// A number above 2^31-1 means the same bits: applications ask for `groupType:…803:=2147483648`.
fn integer_32(value: &[u8]) -> Option<i32> {
    let value = integer(value)?;
    i32::try_from(value).ok().or_else(|| Some(u32::try_from(value).ok()?.cast_signed()))
}

/// Eight octets that sort as the numbers do.
fn sortable(number: i64) -> Vec<u8> {
    (number ^ i64::MIN).to_be_bytes().to_vec()
}

/// A class or attribute type by its name in lower case, also when given by number (RFC 4517 §4.2.26).
fn object_identifier(text: &str) -> Vec<u8> {
    let text = text.trim();
    let by_number = text.starts_with(|first: char| first.is_ascii_digit());
    let name = if by_number {
        let class = object_class(text).map(|class| class.name);
        class.or_else(|| attribute_type(text).map(|known| known.name)).unwrap_or(text)
    } else {
        text
    };
    name.to_ascii_lowercase().into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn equal(syntax: Syntax, a: &str, b: &str) -> bool {
        let (a, b) = (prepare(syntax, a.as_bytes()), prepare(syntax, b.as_bytes()));
        assert!(a.is_some() && b.is_some());
        a == b
    }

    /// RFC 4517 §4.2.
    #[test]
    fn equal_values() {
        for (syntax, a, b) in [
            (Syntax::CaseIgnore, "  M\u{fc}ller  X", "MU\u{308}LLER x "),
            (Syntax::CaseExact, " A  b", "A b"),
            (Syntax::TelephoneNumber, "+44 20 7946-0000", "+442079460000"),
            (Syntax::Boolean, "TRUE", "true"),
            (Syntax::Integer, "512", "0512"),
            (Syntax::Integer, "-2147483646", "2147483650"),
            (Syntax::Integer, "-1", "4294967295"),
            (Syntax::LargeInteger, "-0", "0"),
            (Syntax::GeneralizedTime, "20240101000000.0Z", "20240101000000Z"),
            (Syntax::DistinguishedName, "CN=A\\2CB, DC=x", "cn=a\\,b,dc=X"),
            (Syntax::ObjectIdentifier, "Person", "2.5.6.6"),
            (Syntax::ObjectIdentifier, "organizationalPerson", "ORGANIZATIONALPERSON"),
        ] {
            assert!(equal(syntax, a, b), "{syntax:?} {a} {b}");
        }
        let sid = prepare(Syntax::Sid, b"S-1-5-32-544");
        assert_eq!(sid, prepare(Syntax::Sid, &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0]));
    }

    #[test]
    fn different_values() {
        for (syntax, a, b) in [
            (Syntax::CaseIgnore, "ab", "a b"),
            (Syntax::CaseIgnore, "stra\u{df}e", "strasse"),
            (Syntax::CaseExact, "a", "A"),
            (Syntax::Boolean, "TRUE", "FALSE"),
            (Syntax::Integer, "1", "-1"),
            (Syntax::LargeInteger, "9223372036854775807", "-9223372036854775808"),
            (Syntax::GeneralizedTime, "20240101000000Z", "20240101000000.1Z"),
            (Syntax::DistinguishedName, "CN=A,DC=x", "CN=A\\,DC\\=x"),
            (Syntax::OctetString, "a", "A"),
            (Syntax::ObjectIdentifier, "person", "top"),
        ] {
            assert!(!equal(syntax, a, b), "{syntax:?} {a} {b}");
        }
    }

    #[test]
    fn what_is_no_value_of_the_syntax() {
        for (syntax, value) in [
            (Syntax::CaseIgnore, b"\xff".as_slice()),
            (Syntax::Boolean, b"1"),
            (Syntax::Integer, b""),
            (Syntax::Integer, b"-"),
            (Syntax::Integer, b"+1"),
            (Syntax::Integer, b" 1"),
            (Syntax::Integer, b"0x1"),
            (Syntax::Integer, b"4294967296"),
            (Syntax::Integer, b"-2147483649"),
            (Syntax::LargeInteger, b"9223372036854775808"),
            (Syntax::GeneralizedTime, b"yesterday"),
            (Syntax::DistinguishedName, b"CORP\\anna"),
            (Syntax::Sid, b"S-1-"),
        ] {
            assert_eq!(prepare(syntax, value), None, "{syntax:?} {value:?}");
        }
    }

    /// RFC 4518 §2.6.1, last part.
    #[test]
    fn pieces_keep_a_blank_at_inner_edges() {
        for (piece, position, prepared) in [
            (" J ", Piece::Initial, "j "),
            ("  J  x ", Piece::Any, " j x "),
            (" Smith ", Piece::Final, " smith"),
            ("   ", Piece::Any, " "),
            ("M\u{fc}", Piece::Initial, "m\u{fc}"),
            ("Mu\u{308} ", Piece::Any, "m\u{fc} "),
        ] {
            let found = prepare_piece(Syntax::CaseIgnore, piece.as_bytes(), position);
            assert_eq!(found.as_deref(), Some(prepared.as_bytes()), "{piece:?} {position:?}");
        }
        assert_eq!(
            prepare_piece(Syntax::CaseExact, b" Ab ", Piece::Any).as_deref(),
            Some(b" Ab ".as_slice())
        );
        assert_eq!(
            prepare_piece(Syntax::TelephoneNumber, b"+44 20", Piece::Initial).as_deref(),
            Some(b"+4420".as_slice())
        );
        assert_eq!(prepare_piece(Syntax::DistinguishedName, b"CN=a", Piece::Initial), None);
        assert_eq!(prepare_piece(Syntax::LargeInteger, b"1", Piece::Initial), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn prepared_integers_sort_as_numbers(a: i64, b: i64, c: i32, d: i32) {
            let large = |number: i64| {
                prepare(Syntax::LargeInteger, number.to_string().as_bytes()).unwrap()
            };
            prop_assert_eq!(large(a).cmp(&large(b)), a.cmp(&b));
            let small =
                |number: i32| prepare(Syntax::Integer, number.to_string().as_bytes()).unwrap();
            prop_assert_eq!(small(c).cmp(&small(d)), c.cmp(&d));
        }

        /// What `*` stands between is found in the value it was cut from.
        #[test]
        fn pieces_of_a_value_are_found_in_it(
            initial in "[a-c][a-cA-C\u{e9} ]{0,3}",
            last in "[a-cA-C\u{e9} ]{0,3}[a-c]",
        ) {
            let value = format!("{initial}{last}");
            let value = prepare(Syntax::CaseIgnore, value.as_bytes()).unwrap();
            let initial =
                prepare_piece(Syntax::CaseIgnore, initial.as_bytes(), Piece::Initial).unwrap();
            let last = prepare_piece(Syntax::CaseIgnore, last.as_bytes(), Piece::Final).unwrap();
            prop_assert!(value.starts_with(&initial));
            prop_assert!(value.ends_with(&last));
        }
    }
}
