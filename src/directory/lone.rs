//! Filters over an entry that is in no view: the root DSE and the subschema. True, False and Undefined as for
//! the entries of a view (RFC 4511 §4.5.1.7), without indices.

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::entry::AttributeValues;
use crate::ldap::filter::Filter;
use crate::ldap::matching_rule::{MatchingRule, Piece, is_ordered, prepare, prepare_piece};
use crate::ldap::schema::{self, Syntax};

use super::evaluate::number;

/// The value of a filter, in the order in which And takes the least and Or the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Truth {
    False,
    Undefined,
    True,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Undefined => Self::Undefined,
            Self::True => Self::False,
        }
    }
}

/// Whether the filter holds for the entry: it is neither False nor Undefined.
#[must_use]
pub fn filter_holds(filter: &Filter, entry: &impl AttributeValues) -> bool {
    truth(filter, entry) == Truth::True
}

/// The same; `None`: it is Undefined.
pub(super) fn holds_or_not(filter: &Filter, entry: &impl AttributeValues) -> Option<bool> {
    match truth(filter, entry) {
        Truth::True => Some(true),
        Truth::False => Some(false),
        Truth::Undefined => None,
    }
}

fn truth(filter: &Filter, entry: &impl AttributeValues) -> Truth {
    match filter {
        Filter::And(all) => {
            all.iter().map(|filter| truth(filter, entry)).min().unwrap_or(Truth::True)
        }
        Filter::Or(any) => {
            any.iter().map(|filter| truth(filter, entry)).max().unwrap_or(Truth::False)
        }
        Filter::Not(filter) => !truth(filter, entry),
        Filter::Present(attribute) => match syntax_of(attribute, entry) {
            Some(_) => values(attribute, entry).next().is_some().into(),
            None => Truth::Undefined,
        },
        Filter::Equality { attribute, value } | Filter::Approx { attribute, value } => {
            any_value(attribute, entry, |syntax| equals(syntax, value))
        }
        Filter::Substrings { attribute, initial, any, last } => {
            any_value(attribute, entry, |syntax| pieces(syntax, initial, any, last))
        }
        Filter::GreaterOrEqual { attribute, value } => any_value(attribute, entry, |syntax| {
            ordered(syntax, value, |found, asserted| found >= asserted)
        }),
        Filter::LessOrEqual { attribute, value } => any_value(attribute, entry, |syntax| {
            ordered(syntax, value, |found, asserted| found <= asserted)
        }),
        // The parts of such an entry's name are attributes of it, so `:dn:` adds nothing.
        Filter::Extensible { rule, attribute: Some(attribute), value, .. } => {
            extensible(rule.as_deref(), attribute, value, entry)
        }
        Filter::Extensible { attribute: None, .. } => Truth::Undefined,
    }
}

/// What a value is tested with.
type Test = Box<dyn Fn(&[u8]) -> bool>;

/// Whether some value passes. No test is an assertion that the syntax does not allow.
fn any_value(
    attribute: &AttributeDescription,
    entry: &impl AttributeValues,
    test: impl FnOnce(Syntax) -> Option<Test>,
) -> Truth {
    match syntax_of(attribute, entry).and_then(test) {
        Some(test) => values(attribute, entry).any(test).into(),
        None => Truth::Undefined,
    }
}

/// How values of the attribute compare; `None` if neither the schema nor the entry knows it.
fn syntax_of(attribute: &AttributeDescription, entry: &impl AttributeValues) -> Option<Syntax> {
    if !attribute.is_well_formed() || schema::is_forbidden(&attribute.name) {
        return None;
    }
    let known = schema::attribute_type(&attribute.name).map(|known| known.syntax);
    let has = || entry.first_of(&attribute.name).map(|_| Syntax::CaseIgnore);
    known.or_else(has)
}

/// Such entries have no descriptions with options.
fn values<'e>(
    attribute: &AttributeDescription,
    entry: &'e impl AttributeValues,
) -> impl Iterator<Item = &'e [u8]> {
    let name = schema::attribute_type(&attribute.name).map_or(&*attribute.name, |known| known.name);
    let plain = attribute.options.is_empty();
    plain.then(|| entry.values_of(name)).into_iter().flatten()
}

fn equals(syntax: Syntax, value: &[u8]) -> Option<Test> {
    let wanted = prepare(syntax, value)?;
    Some(Box::new(move |found| prepare(syntax, found).is_some_and(|found| found == wanted)))
}

fn ordered(syntax: Syntax, value: &[u8], holds: fn(&[u8], &[u8]) -> bool) -> Option<Test> {
    let asserted = if is_ordered(syntax) { prepare(syntax, value)? } else { return None };
    Some(Box::new(move |found| prepare(syntax, found).is_some_and(|f| holds(&f, &asserted))))
}

/// The pieces occur in this order without overlap (RFC 4517 §4.2.6).
fn pieces(
    syntax: Syntax,
    initial: &Option<Vec<u8>>,
    any: &[Vec<u8>],
    last: &Option<Vec<u8>>,
) -> Option<Test> {
    let piece = |piece: &[u8], place| prepare_piece(syntax, piece, place);
    let initial = piece(initial.as_deref().unwrap_or_default(), Piece::Initial)?;
    let last = piece(last.as_deref().unwrap_or_default(), Piece::Final)?;
    let any: Vec<Vec<u8>> =
        any.iter().map(|middle| piece(middle, Piece::Any)).collect::<Option<_>>()?;
    Some(Box::new(move |found| {
        let Some(found) = prepare(syntax, found) else { return false };
        let rest = found.strip_prefix(initial.as_slice());
        let Some(rest) = rest.and_then(|rest| rest.strip_suffix(last.as_slice())) else {
            return false;
        };
        any.iter().try_fold(rest, |rest, piece| after(rest, piece)).is_some()
    }))
}

/// What follows the first occurrence of `piece`.
fn after<'a>(octets: &'a [u8], piece: &[u8]) -> Option<&'a [u8]> {
    let position = match piece.len() {
        0 => 0,
        length => octets.windows(length).position(|window| window == piece)?,
    };
    octets.get(position + piece.len()..)
}

/// A rule that is not known here is Undefined (RFC 4511 §4.5.1.7.7).
fn extensible(
    rule: Option<&str>,
    attribute: &AttributeDescription,
    value: &[u8],
    entry: &impl AttributeValues,
) -> Truth {
    let bits = |holds: fn(i64, i64) -> bool| {
        any_value(attribute, entry, |syntax| {
            let numeric = matches!(syntax, Syntax::Integer | Syntax::LargeInteger);
            let mask = numeric.then(|| number(syntax, value)).flatten()?;
            Some(Box::new(move |found| {
                number(syntax, found).is_some_and(|found| holds(found, mask))
            }))
        })
    };
    match rule.map(MatchingRule::find) {
        None => any_value(attribute, entry, |syntax| equals(syntax, value)),
        Some(Some(MatchingRule::Equality(wanted))) => {
            any_value(attribute, entry, |_| equals(wanted, value))
        }
        Some(Some(MatchingRule::BitAnd)) => bits(|found, mask| found & mask == mask),
        Some(Some(MatchingRule::BitOr)) => bits(|found, mask| found & mask != 0),
        // No chain of references leads through an entry that is in no view.
        Some(Some(MatchingRule::InChain)) => match syntax_of(attribute, entry) {
            Some(Syntax::DistinguishedName) => Truth::False,
            Some(_) | None => Truth::Undefined,
        },
        Some(None) => Truth::Undefined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::entry::{Entry, EntryAttribute};

    fn holds(filter: &str) -> bool {
        let attribute = |name: &str, values: &[&str]| EntryAttribute {
            description: name.to_owned(),
            values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
        };
        let entry = Entry {
            dn: String::new(),
            attributes: vec![
                attribute("objectClass", &["top"]),
                attribute("supportedLDAPVersion", &["3", "2"]),
                attribute("dnsHostName", &["gate.corp.example"]),
                attribute("defaultNamingContext", &["DC=corp,DC=example"]),
                attribute("systemFlags", &["6"]),
                attribute("vendorVersion", &["1.2"]),
            ],
        };
        filter_holds(&Filter::parse(filter).unwrap(), &entry)
    }

    /// RFC 4511 §4.5.1.7: only what is True selects the entry.
    #[test]
    fn three_values() {
        for (filter, expected) in [
            ("(objectClass=*)", true),
            ("(OBJECTCLASS=Top)", true),
            ("(2.5.4.0=top)", true),
            ("(objectClass=user)", false),
            ("(&)", true),
            ("(|)", false),
            ("(supportedLDAPVersion=3)", true),
            ("(dNSHostName=GATE.corp.example)", true),
            ("(dnsHostName=gate*corp*)", true),
            ("(dnsHostName=*example)", true),
            ("(dnsHostName=*corp*gate*)", false),
            ("(dnsHostName>=gate)", true),
            ("(dnsHostName<=gate)", false),
            ("(dnsHostName~=gate.corp.example)", true),
            ("(systemFlags:1.2.840.113556.1.4.803:=6)", true),
            ("(systemFlags:1.2.840.113556.1.4.803:=9)", false),
            ("(systemFlags:1.2.840.113556.1.4.804:=3)", true),
            ("(vendorVersion:caseExactMatch:=1.2)", true),
            // A known attribute without a value is False.
            ("(isDeleted=TRUE)", false),
            ("(!(isDeleted=TRUE))", true),
            ("(!(supportedSASLMechanisms=GSSAPI))", true),
            ("(!(cn;lang-ru=x))", true),
            // An unknown attribute, a forbidden one, a rule or a value that is none: Undefined.
            ("(noSuchThing=x)", false),
            ("(!(noSuchThing=x))", false),
            ("(!(unicodePwd=x))", false),
            ("(!(isDeleted=maybe))", false),
            ("(!(isDeleted>=TRUE))", false),
            ("(!(systemFlags=*6*))", false),
            ("(!(vendorVersion:1.2.3.4:=x))", false),
            ("(!(member:1.2.840.113556.1.4.1941:=cn=x))", true),
            ("(|(noSuchThing=x)(objectClass=top))", true),
            ("(&(noSuchThing=x)(objectClass=top))", false),
            ("(!(&(noSuchThing=x)(objectClass=user)))", true),
        ] {
            assert_eq!(holds(filter), expected, "{filter}");
        }
    }
}
