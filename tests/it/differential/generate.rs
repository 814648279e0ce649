//! Searches made from the values that the directory holds: every attribute, in every kind of filter that RFC 4511
//! §4.5.1.7 has, over changing scopes and selections. The same values give the same searches.

use std::collections::BTreeMap;

use ldapgate::ldap::attribute::AttributeDescription;
use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::filter::Filter;
use ldapgate::ldap::request::SearchScope;
use ldapgate::ldap::schema::{Syntax, attribute_type};

use super::row::Row;

/// A value, and an entry that has it.
struct Sample<'e> {
    attribute: &'e str,
    value: &'e [u8],
    entry: &'e str,
}

/// How many searches are made.
pub(super) struct Extent {
    /// Values of each attribute.
    pub(super) values: usize,
    /// One search in so many on plain text, which most attributes are.
    pub(super) text: u16,
}

/// Searches on every attribute of `entries` but `skipped`.
pub(super) fn rows(base: &str, entries: &[Entry], skipped: &[&str], extent: &Extent) -> Vec<Row> {
    let mut rows = Vec::new();
    for sample in samples(entries, skipped, extent.values) {
        let text = syntax(&sample) == Syntax::CaseIgnore;
        for (kind, filter) in filters(&sample) {
            let id = format!("generated-{}-{kind}-{:04x}", sample.attribute, hash(sample.value));
            if !text || hash(id.as_bytes()).is_multiple_of(extent.text) {
                rows.push(placed(Row::of(id, base, filter), &sample));
            }
        }
    }
    rows
}

fn samples<'e>(entries: &'e [Entry], skipped: &[&str], most: usize) -> Vec<Sample<'e>> {
    let mut values: BTreeMap<&str, BTreeMap<u16, Sample<'e>>> = BTreeMap::new();
    for entry in entries {
        for attribute in &entry.attributes {
            let name = attribute.description.as_str();
            if skipped.iter().any(|skipped| skipped.eq_ignore_ascii_case(name)) {
                continue;
            }
            for value in &attribute.values {
                let sample = Sample { attribute: name, value, entry: &entry.dn };
                values.entry(name).or_default().insert(hash(value), sample);
            }
        }
    }
    values.into_values().flat_map(|of_one| of_one.into_values().take(most)).collect()
}

/// Picks evenly and always the same, whatever the compiler: FNV-1a, folded to 16 bits.
fn hash(octets: &[u8]) -> u16 {
    let step = |hash: u32, octet: &u8| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193);
    let hash = octets.iter().fold(0x811c_9dc5, step);
    u16::try_from((hash >> 16) ^ (hash & 0xffff)).unwrap()
}

/// Base, scope and selection by turns.
fn placed(row: Row, sample: &Sample<'_>) -> Row {
    let turn = hash(row.id.as_bytes());
    let name = sample.attribute;
    let above = sample.entry.split_once(",OU=").map(|(_, above)| format!("OU={above}"));
    let row = match (turn % 4, above) {
        (0, Some(above)) => {
            Row { search: with_base(&row, &above), ..row }.scope(SearchScope::SingleLevel)
        }
        (1, _) => {
            Row { search: with_base(&row, sample.entry), ..row }.scope(SearchScope::BaseObject)
        }
        _ => row,
    };
    match turn / 4 % 6 {
        0 => row.ask("*"),
        1 => row.ask(&name.to_uppercase()),
        2 => row.ask(&format!("cn {name} noSuchAttribute")).types_only(),
        3 => row.ask(&format!("{name} objectGUID memberOf")),
        _ => row,
    }
}

fn with_base(row: &Row, base: &str) -> ldapgate::ldap::request::SearchRequest {
    let mut search = row.search.clone();
    base.clone_into(&mut search.base);
    search
}

fn filters(sample: &Sample<'_>) -> Vec<(&'static str, Filter)> {
    let attribute = || AttributeDescription::new(sample.attribute);
    let value = sample.value.to_vec();
    let equality = |value: Vec<u8>| Filter::Equality { attribute: attribute(), value };
    let extensible = |rule: Option<&str>, value: Vec<u8>, dn_attributes| Filter::Extensible {
        rule: rule.map(str::to_owned),
        attribute: Some(attribute()),
        value,
        dn_attributes,
    };
    let not = |filter| Filter::Not(Box::new(filter));
    let mut filters = vec![
        ("present", Filter::Present(attribute())),
        ("absent", not(Filter::Present(attribute()))),
        ("equal", equality(value.clone())),
        ("unequal", not(equality(value.clone()))),
        ("other-case", equality(other_case(sample.value))),
        ("approx", Filter::Approx { attribute: attribute(), value: value.clone() }),
        ("rule-less", extensible(None, value.clone(), false)),
    ];
    match syntax(sample) {
        Syntax::CaseIgnore | Syntax::CaseExact | Syntax::TelephoneNumber => {
            filters.extend(substrings(sample));
            filters.push(("dn-attributes", extensible(None, value, true)));
        }
        Syntax::Integer | Syntax::LargeInteger => {
            for (kind, rule) in [("all-bits", BIT_AND), ("any-bits", BIT_OR)] {
                filters.push((kind, extensible(Some(rule), value.clone(), false)));
            }
            filters.push(at_least(sample));
            filters.push(at_most(sample));
        }
        Syntax::GeneralizedTime => {
            filters.push(at_least(sample));
            filters.push(at_most(sample));
        }
        Syntax::DistinguishedName => {
            filters.push(("chain", extensible(Some(IN_CHAIN), value, false)));
        }
        Syntax::OctetString => filters.extend(substrings(sample)),
        Syntax::Boolean | Syntax::ObjectIdentifier | Syntax::Sid => {}
    }
    filters
}

fn syntax(sample: &Sample<'_>) -> Syntax {
    attribute_type(sample.attribute).map_or(Syntax::CaseIgnore, |known| known.syntax)
}

const BIT_AND: &str = "1.2.840.113556.1.4.803";
const BIT_OR: &str = "1.2.840.113556.1.4.804";
const IN_CHAIN: &str = "1.2.840.113556.1.4.1941";

fn at_least(sample: &Sample<'_>) -> (&'static str, Filter) {
    let attribute = AttributeDescription::new(sample.attribute);
    ("at-least", Filter::GreaterOrEqual { attribute, value: sample.value.to_vec() })
}

fn at_most(sample: &Sample<'_>) -> (&'static str, Filter) {
    let attribute = AttributeDescription::new(sample.attribute);
    ("at-most", Filter::LessOrEqual { attribute, value: sample.value.to_vec() })
}

/// The value cut into pieces, by characters if it is text.
fn substrings(sample: &Sample<'_>) -> Vec<(&'static str, Filter)> {
    let units: Vec<Vec<u8>> = match std::str::from_utf8(sample.value) {
        Ok(text) => text.chars().map(|unit| unit.to_string().into_bytes()).collect(),
        Err(_) => sample.value.iter().map(|octet| vec![*octet]).collect(),
    };
    let piece = |from: usize, to: usize| Some(units[from..to].concat());
    let make = |initial: Option<Vec<u8>>, any: Vec<Vec<u8>>, last: Option<Vec<u8>>| {
        let attribute = AttributeDescription::new(sample.attribute);
        Filter::Substrings { attribute, initial, any, last }
    };
    let count = units.len();
    if count < 4 {
        return vec![("initial", make(piece(0, 1), Vec::new(), None))];
    }
    // Blanks at the edges of pieces are matters of their own.
    let whole = |at: &usize| units[*at - 1] != b" " && units[*at] != b" ";
    let middle = (count / 2..count).find(whole).unwrap_or(count / 2);
    vec![
        ("initial", make(piece(0, 2), Vec::new(), None)),
        ("any", make(None, vec![units[middle - 1..=middle].concat()], None)),
        ("final", make(None, Vec::new(), piece(count - 2, count))),
        (
            "pieces",
            make(piece(0, 1), vec![units[middle - 1..middle].concat()], piece(count - 1, count)),
        ),
    ]
}

fn other_case(value: &[u8]) -> Vec<u8> {
    value
        .iter()
        .map(|octet| {
            if octet.is_ascii_lowercase() {
                octet.to_ascii_uppercase()
            } else {
                octet.to_ascii_lowercase()
            }
        })
        .collect()
}
