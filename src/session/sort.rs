//! Results in order (RFC 2891): the keys checked against the schema, the entries put in order.

use std::cmp::Ordering;

use crate::directory::{Addition, Audience, EntryRef, Slot};
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::controls::server_side_sort::{SortKey, SortOutcome};
use crate::ldap::matching_rule::prepare;
use crate::ldap::result::ResultCode;
use crate::ldap::schema::{self, Syntax};

use super::limits::{Exceeded, Watch};
use super::matches::{Matches, Part};

/// Keys that can be sorted by.
pub struct Order(Vec<Key>);

struct Key {
    attribute: String,
    /// Where the values come from, if not from the entry.
    addition: Option<Addition>,
    syntax: Syntax,
    reverse: bool,
}

/// An entry's values for the keys. `None`, no value, is larger than any (RFC 2891 §2.2).
type Values = Vec<Option<Vec<u8>>>;

impl Order {
    /// Reads keys against what `parts` and the schema know.
    ///
    /// # Errors
    /// The outcome to be told: noSuchAttribute where nobody knows the attribute or it is not shown,
    /// inappropriateMatching where the rule is not known or not one for such values.
    pub fn new(
        keys: &[SortKey],
        parts: &[Part],
        audience: &dyn Audience,
    ) -> Result<Self, SortOutcome> {
        let read = |key: &SortKey| {
            Key::new(key, parts, audience)
                .map_err(|result| SortOutcome { result, attribute: Some(key.attribute.clone()) })
        };
        keys.iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Puts everything found in order; entries that are equal stay as the views have them.
    ///
    /// # Errors
    /// The time was up.
    pub fn sort(&self, parts: Vec<Part>, watch: &Watch) -> Result<Matches, Exceeded> {
        let mut rows: Vec<(Values, usize, Slot)> = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            for slot in &part.slots {
                watch.check(rows.len())?;
                let values = part.view.entry(*slot).map(|entry| self.values(entry));
                rows.push((values.unwrap_or_default(), number, *slot));
            }
        }
        rows.sort_by(|(one, ..), (other, ..)| self.compare(one, other));
        let order = rows.into_iter().map(|(_, number, slot)| (number, slot)).collect();
        Ok(Matches::sorted(parts, order))
    }

    /// How many entries of a list in this order come before `value` of the first key; `None` if that is
    /// no value of its syntax.
    #[must_use]
    pub fn before(&self, matches: &Matches, value: &[u8]) -> Option<usize> {
        let key = self.0.first()?;
        let wanted = Some(prepare(key.syntax, value)?);
        let (mut low, mut high) = (0, matches.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let found = matches.entry(middle).and_then(|entry| key.value(entry));
            if key.compare(found.as_ref(), wanted.as_ref()) == Ordering::Less {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Some(low)
    }

    fn values(&self, entry: EntryRef<'_>) -> Values {
        self.0.iter().map(|key| key.value(entry)).collect()
    }

    fn compare(&self, one: &Values, other: &Values) -> Ordering {
        let pairs = self.0.iter().zip(one.iter().zip(other));
        pairs
            .map(|(key, (one, other))| key.compare(one.as_ref(), other.as_ref()))
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl Key {
    fn new(key: &SortKey, parts: &[Part], audience: &dyn Audience) -> Result<Self, ResultCode> {
        let description =
            AttributeDescription::parse(&key.attribute).ok_or(ResultCode::NO_SUCH_ATTRIBUTE)?;
        let description = match audience.wording() {
            Some(wording) => wording.renames.inward_description(&description),
            None => Some(description),
        };
        let description = description.ok_or(ResultCode::NO_SUCH_ATTRIBUTE)?;
        let known = schema::attribute_type(&description.name);
        let name = known.map_or(description.name.as_str(), |known| known.name);
        // Sorting by what is hidden would tell it.
        if !audience.shows(name) || !audience.filters_by(name) {
            return Err(ResultCode::NO_SUCH_ATTRIBUTE);
        }
        let here = parts.iter().find_map(|part| part.view.syntax_of(&description));
        let additions = audience.wording().map(|wording| &wording.additions);
        let addition = additions.and_then(|additions| additions.of(name));
        // Of nested groups the direct ones decide: which is the least of all groups is nothing to go by.
        let addition = addition.filter(|addition| **addition != Addition::NestedGroups).cloned();
        let own = here
            .or_else(|| known.filter(|_| parts.is_empty()).map(|known| known.syntax))
            .or_else(|| addition.as_ref().map(|_| Syntax::CaseIgnore))
            .ok_or(ResultCode::NO_SUCH_ATTRIBUTE)?;
        // Where values that name entries are kept back, their order would tell them.
        if own == Syntax::DistinguishedName && audience.keeps_names_back(name) {
            return Err(ResultCode::INAPPROPRIATE_MATCHING);
        }
        let syntax = match &key.rule {
            None => own,
            Some(rule) => ordering_rule(rule)
                .filter(|wanted| is_comparable(own, *wanted))
                .ok_or(ResultCode::INAPPROPRIATE_MATCHING)?,
        };
        Ok(Self { attribute: description.to_string(), addition, syntax, reverse: key.reverse })
    }

    /// The least of an entry's values (RFC 2891 §2.2).
    fn value(&self, entry: EntryRef<'_>) -> Option<Vec<u8>> {
        let own = |value: &[u8]| prepare(self.syntax, value);
        match &self.addition {
            Some(addition) => {
                addition.values(entry).iter().filter_map(|value| own(value.as_bytes())).min()
            }
            None => entry.values(&self.attribute).iter().filter_map(|value| own(value)).min(),
        }
    }

    fn compare(&self, one: Option<&Vec<u8>>, other: Option<&Vec<u8>>) -> Ordering {
        let ordering = match (one, other) {
            (Some(one), Some(other)) => one.cmp(other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        if self.reverse { ordering.reverse() } else { ordering }
    }
}

/// Ordering rules of RFC 4517 §4.2, by name and object identifier. Without a rule the syntax decides, so
/// that names and identifiers can be sorted too, as controllers do it.
const ORDERING_RULES: [(&str, &str, Syntax); 6] = [
    ("2.5.13.3", "caseIgnoreOrderingMatch", Syntax::CaseIgnore),
    ("2.5.13.6", "caseExactOrderingMatch", Syntax::CaseExact),
    ("2.5.13.9", "numericStringOrderingMatch", Syntax::CaseIgnore),
    ("2.5.13.15", "integerOrderingMatch", Syntax::LargeInteger),
    ("2.5.13.18", "octetStringOrderingMatch", Syntax::OctetString),
    ("2.5.13.28", "generalizedTimeOrderingMatch", Syntax::GeneralizedTime),
];

fn ordering_rule(name: &str) -> Option<Syntax> {
    let found = ORDERING_RULES
        .iter()
        .find(|(oid, short, _)| *oid == name || short.eq_ignore_ascii_case(name));
    found.map(|(.., syntax)| *syntax)
}

/// Whether values of one syntax can be compared under the rule of another.
fn is_comparable(own: Syntax, wanted: Syntax) -> bool {
    let text = |syntax| matches!(syntax, Syntax::CaseIgnore | Syntax::CaseExact);
    let number = |syntax| matches!(syntax, Syntax::Integer | Syntax::LargeInteger);
    own == wanted || (text(own) && text(wanted)) || (number(own) && number(wanted))
}
