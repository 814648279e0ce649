//! Filters of the codec evaluated on entries: three-valued, with the few syntaxes that matter.
//!
//! The codec holds assertion values as text, so binary assertions never arrive here; those on objectGUID come as
//! digits (`wire`), objectSid is asked for as text or read as a search base (`<SID=…>`).

use ldap3_proto::proto::{LdapFilter, LdapMatchingRuleAssertion, LdapSubstringFilter};

use super::entry::Entry;
use super::name::{DnKey, fold};
use super::resolve::{has_guid, has_sid};
use super::view::View;

/// Bitwise and, bitwise or (MS-ADTS 3.1.1.3.4.4).
const BIT_AND: &str = "1.2.840.113556.1.4.803";
const BIT_OR: &str = "1.2.840.113556.1.4.804";

/// Attributes whose values are distinguished names.
const NAMES: [&str; 10] = [
    "member",
    "memberof",
    "uniquemember",
    "manager",
    "managedby",
    "secretary",
    "distinguishedname",
    "entrydn",
    "objectcategory",
    "ncname",
];

impl View<'_> {
    /// Whether the filter holds for the entry: `None` is Undefined (RFC 4511 §4.5.1.7).
    #[must_use]
    pub fn holds(&self, key: &DnKey, entry: &Entry, filter: &LdapFilter) -> Option<bool> {
        match filter {
            LdapFilter::And(parts) => {
                all(parts.iter().map(|part| self.holds(key, entry, part)), false)
            }
            LdapFilter::Or(parts) => {
                all(parts.iter().map(|part| self.holds(key, entry, part)), true)
            }
            LdapFilter::Not(part) => self.holds(key, entry, part).map(|holds| !holds),
            LdapFilter::Present(name) => Some(!self.shown_values(key, entry, name).is_empty()),
            LdapFilter::Equality(name, value) | LdapFilter::Approx(name, value) => {
                Some(self.equals(key, entry, name, value))
            }
            LdapFilter::Substring(name, parts) => {
                Some(self.any_text(key, entry, name, |text| contains(text, parts)))
            }
            LdapFilter::GreaterOrEqual(name, value) => {
                Some(self.any_text(key, entry, name, |text| compare(text, value).is_ge()))
            }
            LdapFilter::LessOrEqual(name, value) => {
                Some(self.any_text(key, entry, name, |text| compare(text, value).is_le()))
            }
            LdapFilter::Extensible(assertion) => self.matching_rule(key, entry, assertion),
        }
    }

    /// Equality in the attribute's syntax.
    #[must_use]
    pub fn equals(&self, key: &DnKey, entry: &Entry, name: &str, value: &str) -> bool {
        match name.to_ascii_lowercase().as_str() {
            "objectguid" => has_guid(entry, value),
            "objectsid" => has_sid(entry, value),
            "objectcategory" if !value.contains('=') => self.has_category(entry, value),
            lower if NAMES.contains(&lower) => {
                let wanted = DnKey::parse(value);
                wanted.is_some()
                    && self.any_text(key, entry, name, |text| DnKey::parse(text) == wanted)
            }
            _ => self.any_text(key, entry, name, |text| compare(text, value).is_eq()),
        }
    }

    /// Short names of classes (MS-ADTS 3.1.1.3.1.3.5): `user` and `person` are both Person.
    fn has_category(&self, entry: &Entry, short: &str) -> bool {
        let short = match short.to_ascii_lowercase().as_str() {
            "user" | "contact" => "person".to_owned(),
            "organizationalunit" => "organizational-unit".to_owned(),
            "crossref" => "cross-ref".to_owned(),
            other => other.to_owned(),
        };
        let category =
            format!("CN={short},CN=Schema,CN=Configuration,{}", self.directory.domain.dn);
        entry.text("objectCategory").and_then(DnKey::parse) == DnKey::parse(&category)
    }

    fn matching_rule(
        &self,
        key: &DnKey,
        entry: &Entry,
        assertion: &LdapMatchingRuleAssertion,
    ) -> Option<bool> {
        let name = assertion.type_.as_deref()?;
        let bits: i64 = assertion.match_value.parse().ok()?;
        let rule = assertion.matching_rule.as_deref()?;
        if rule != BIT_AND && rule != BIT_OR {
            return None;
        }
        Some(self.any_text(key, entry, name, |text| {
            text.parse::<i64>().is_ok_and(|number| {
                if rule == BIT_AND { number & bits == bits } else { number & bits != 0 }
            })
        }))
    }

    fn any_text(
        &self,
        key: &DnKey,
        entry: &Entry,
        name: &str,
        holds: impl Fn(&str) -> bool,
    ) -> bool {
        let values = self.shown_values(key, entry, name);
        values.iter().any(|value| std::str::from_utf8(value).is_ok_and(&holds))
    }
}

/// And (`decisive` false) and Or (`decisive` true) over three values.
fn all(mut parts: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let undecided = parts.try_fold(Some(!decisive), |sum, part| match part {
        Some(value) if value == decisive => Err(()),
        Some(_) => Ok(sum),
        None => Ok(None),
    });
    undecided.unwrap_or(Some(decisive))
}

fn compare(left: &str, right: &str) -> std::cmp::Ordering {
    match (left.parse::<i128>(), right.parse::<i128>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        _ => fold(left).cmp(&fold(right)),
    }
}

fn contains(text: &str, parts: &LdapSubstringFilter) -> bool {
    let text = fold(text);
    let mut rest = text.as_str();
    if let Some(initial) = &parts.initial {
        match rest.strip_prefix(&fold(initial)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    for any in &parts.any {
        match rest.split_once(&fold(any)) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    parts.final_.as_ref().is_none_or(|last| rest.ends_with(&fold(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4511 §4.5.1.7: Undefined is not False.
    #[test]
    fn three_values() {
        let values = |list: &[Option<bool>], decisive| all(list.iter().copied(), decisive);
        assert_eq!(values(&[], false), Some(true));
        assert_eq!(values(&[], true), Some(false));
        assert_eq!(values(&[Some(true), None], false), None);
        assert_eq!(values(&[None, Some(false)], false), Some(false));
        assert_eq!(values(&[None, Some(true)], true), Some(true));
        assert_eq!(values(&[None, Some(false)], true), None);
    }

    #[test]
    fn substrings_do_not_overlap() {
        let parts = |initial: Option<&str>, any: &[&str], last: Option<&str>| LdapSubstringFilter {
            initial: initial.map(str::to_owned),
            any: any.iter().map(|&part| part.to_owned()).collect(),
            final_: last.map(str::to_owned),
        };
        assert!(contains("Alice Ångström", &parts(Some("al"), &["ång"], Some("STRÖM"))));
        assert!(!contains("aba", &parts(Some("ab"), &[], Some("ba"))));
        assert!(!contains("aba", &parts(None, &["ab", "ba"], None)));
        assert!(contains("abab", &parts(None, &["ab", "ab"], None)));
    }

    #[test]
    fn numbers_are_ordered_as_numbers() {
        assert!(compare("1000", "999").is_gt());
        assert!(compare("20261121070000.0Z", "20261121060000.0Z").is_gt());
        assert!(compare("ALICE", "alice").is_eq());
    }
}
