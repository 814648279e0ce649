//! The matching rules that an extensible match may name (RFC 4511 §4.5.1.7.7).

use crate::ldap::schema::Syntax;

/// A matching rule that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchingRule {
    /// All bits of the assertion are set in the value (MS-ADTS §3.1.1.3.4.4.1).
    BitAnd,
    /// A bit of the assertion is set in the value (MS-ADTS §3.1.1.3.4.4.2).
    BitOr,
    /// The asserted entry is reached by following the attribute from entry to entry
    /// (MS-ADTS §3.1.1.3.4.4.3).
    InChain,
    /// The equality rule of a syntax.
    Equality(Syntax),
}

impl MatchingRule {
    /// The rule with this name, in any case, or this object identifier.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        RULES
            .iter()
            .find(|(oid, short, _)| *oid == name || short.eq_ignore_ascii_case(name))
            .map(|(.., rule)| *rule)
    }
}

const RULES: &[(&str, &str, MatchingRule)] = &[
    ("1.2.840.113556.1.4.803", "integerBitAndMatch", MatchingRule::BitAnd),
    ("1.2.840.113556.1.4.804", "integerBitOrMatch", MatchingRule::BitOr),
    ("1.2.840.113556.1.4.1941", "LDAP_MATCHING_RULE_TRANSITIVE_EVAL", MatchingRule::InChain),
    ("2.5.13.0", "objectIdentifierMatch", MatchingRule::Equality(Syntax::ObjectIdentifier)),
    ("2.5.13.1", "distinguishedNameMatch", MatchingRule::Equality(Syntax::DistinguishedName)),
    ("2.5.13.2", "caseIgnoreMatch", MatchingRule::Equality(Syntax::CaseIgnore)),
    ("2.5.13.5", "caseExactMatch", MatchingRule::Equality(Syntax::CaseExact)),
    ("2.5.13.13", "booleanMatch", MatchingRule::Equality(Syntax::Boolean)),
    ("2.5.13.14", "integerMatch", MatchingRule::Equality(Syntax::LargeInteger)),
    ("2.5.13.17", "octetStringMatch", MatchingRule::Equality(Syntax::OctetString)),
    ("2.5.13.20", "telephoneNumberMatch", MatchingRule::Equality(Syntax::TelephoneNumber)),
    ("2.5.13.27", "generalizedTimeMatch", MatchingRule::Equality(Syntax::GeneralizedTime)),
    ("1.3.6.1.4.1.1466.109.114.1", "caseExactIA5Match", MatchingRule::Equality(Syntax::CaseExact)),
    (
        "1.3.6.1.4.1.1466.109.114.2",
        "caseIgnoreIA5Match",
        MatchingRule::Equality(Syntax::CaseIgnore),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_found_by_name_and_number() {
        for (name, rule) in [
            ("1.2.840.113556.1.4.803", Some(MatchingRule::BitAnd)),
            ("1.2.840.113556.1.4.804", Some(MatchingRule::BitOr)),
            ("1.2.840.113556.1.4.1941", Some(MatchingRule::InChain)),
            ("CASEIGNOREMATCH", Some(MatchingRule::Equality(Syntax::CaseIgnore))),
            ("2.5.13.5", Some(MatchingRule::Equality(Syntax::CaseExact))),
            ("1.2.840.113556.1.4.2253", None),
            ("", None),
        ] {
            assert_eq!(MatchingRule::find(name), rule, "{name}");
        }
    }
}
