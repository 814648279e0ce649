//! Range retrieval of attributes with many values (MS-ADTS 3.1.1.3.1.3.3): Active Directory returns
//! at most 1500 values as `member;range=0-1499` and wants to be asked for the rest.

use crate::ldap::entry::{AttributeValues, EntryAttribute};
use crate::ldap::packed_entry::{PackedAttribute, PackedEntry};

/// Slices read of one attribute; a hostile controller must not hold us for ever.
const MAX_SLICES: usize = 100_000;

/// The range in an attribute description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RangeSlice {
    /// The description without its range.
    pub(super) description: String,
    /// Position of the first value.
    pub(super) first: usize,
    /// Position of the last value; `None` for `*`, the end of the attribute.
    pub(super) last: Option<usize>,
}

impl RangeSlice {
    /// Reads `member;range=0-1499`; `None` if the description has no range.
    pub(super) fn parse(description: &str) -> Option<Self> {
        let mut range = None;
        let mut rest = Vec::new();
        for part in description.split(';') {
            match part.get(..6) {
                Some(word) if word.eq_ignore_ascii_case("range=") => range = part.get(6..),
                Some(_) | None => rest.push(part),
            }
        }
        let (first, last) = range?.split_once('-')?;
        let last = match last {
            "*" => None,
            number => Some(number.parse().ok()?),
        };
        Some(Self { description: rest.join(";"), first: first.parse().ok()?, last })
    }
}

/// What to ask for to get the values from position `first` on.
pub(super) fn request(description: &str, first: usize) -> String {
    format!("{description};range={first}-*")
}

/// Puts the slices of one attribute together.
#[derive(Debug)]
pub(super) struct Collector {
    description: String,
    values: Vec<Vec<u8>>,
    next: usize,
    slices: usize,
}

impl Collector {
    pub(super) fn new(description: &str) -> Self {
        Self { description: description.to_owned(), values: Vec::new(), next: 0, slices: 0 }
    }

    /// What to ask for next.
    pub(super) fn request(&self) -> String {
        request(&self.description, self.next)
    }

    pub(super) fn into_values(self) -> Vec<Vec<u8>> {
        self.values
    }

    /// Takes what an entry has of the attribute; true when all values are there.
    ///
    /// # Errors
    /// The slice is not the one that follows, or is missing: the values would be incomplete.
    pub(super) fn take(&mut self, entry: &PackedEntry) -> Result<bool, String> {
        let slice = entry.attributes().find_map(|attribute| {
            let slice = RangeSlice::parse(attribute.description())?;
            slice.description.eq_ignore_ascii_case(&self.description).then_some((slice, attribute))
        });
        match slice {
            Some((slice, attribute)) => self.take_slice(&slice, &attribute),
            None if self.next == 0 => {
                self.values = entry.values_of(&self.description).map(<[u8]>::to_vec).collect();
                Ok(true)
            }
            None => Err(format!("{}: no values from {} on", self.description, self.next)),
        }
    }

    fn take_slice(
        &mut self,
        slice: &RangeSlice,
        attribute: &PackedAttribute<'_>,
    ) -> Result<bool, String> {
        let name = attribute.description();
        if slice.first != self.next {
            return Err(format!("{name} instead of the values from {} on", self.next));
        }
        self.slices += 1;
        if self.slices > MAX_SLICES {
            return Err(format!("{name}: more than {MAX_SLICES} slices"));
        }
        let before = self.values.len();
        self.values.extend(attribute.values().map(<[u8]>::to_vec));
        let Some(last) = slice.last else { return Ok(true) };
        if last < slice.first || last == usize::MAX || self.values.len() == before {
            return Err(format!("{name} makes no progress"));
        }
        self.next = last + 1;
        Ok(false)
    }
}

/// The attributes of an entry that came in part, without their range.
pub(super) fn partial_attributes(entry: &PackedEntry) -> Vec<String> {
    let slices = entry.attributes().filter_map(|found| RangeSlice::parse(found.description()));
    slices.map(|slice| slice.description).collect()
}

/// The entry with the whole attribute in the place of its slice. Active Directory sends an empty attribute
/// of the plain name beside the slice; it goes too.
pub(super) fn with_whole(
    entry: &PackedEntry,
    description: &str,
    values: Vec<Vec<u8>>,
) -> PackedEntry {
    let mut entry = entry.unpack();
    let is_ours = |attribute: &EntryAttribute| {
        attribute.description.eq_ignore_ascii_case(description)
            || RangeSlice::parse(&attribute.description)
                .is_some_and(|slice| slice.description.eq_ignore_ascii_case(description))
    };
    let place = entry.attributes.iter().position(is_ours).unwrap_or(entry.attributes.len());
    entry.attributes.retain(|attribute| !is_ours(attribute));
    let place = place.min(entry.attributes.len());
    let whole = EntryAttribute { description: description.to_owned(), values };
    entry.attributes.insert(place, whole);
    PackedEntry::pack(&entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::entry::Entry;

    fn values(range: std::ops::Range<usize>) -> Vec<Vec<u8>> {
        range.map(|number| format!("CN={number}").into_bytes()).collect()
    }

    fn entry(attributes: Vec<(&str, Vec<Vec<u8>>)>) -> PackedEntry {
        let attributes = attributes
            .into_iter()
            .map(|(name, values)| EntryAttribute { description: name.to_owned(), values });
        let dn = "CN=all,DC=corp,DC=test".to_owned();
        PackedEntry::pack(&Entry { dn, attributes: attributes.collect() })
    }

    #[test]
    fn ranges_are_read_from_descriptions() {
        let slice = |first, last| RangeSlice { description: "member".to_owned(), first, last };
        assert_eq!(RangeSlice::parse("member;range=0-1499"), Some(slice(0, Some(1499))));
        assert_eq!(RangeSlice::parse("member;Range=1500-*"), Some(slice(1500, None)));
        let binary = RangeSlice::parse("cert;binary;range=0-9").unwrap();
        assert_eq!(binary.description, "cert;binary");
        for other in ["member", "member;binary", "member;range=", "member;range=a-*", "range=", "é"]
        {
            assert_eq!(RangeSlice::parse(other), None, "{other}");
        }
    }

    /// MS-ADTS 3.1.1.3.1.3.3.
    #[test]
    fn slices_are_put_together_in_order() {
        let mut collector = Collector::new("member");
        assert_eq!(collector.request(), "member;range=0-*");
        let first = entry(vec![("member", vec![]), ("member;range=0-1499", values(0..1500))]);
        assert_eq!(collector.take(&first), Ok(false));
        assert_eq!(collector.request(), "member;range=1500-*");
        let last = entry(vec![("member;range=1500-*", values(1500..1800))]);
        assert_eq!(collector.take(&last), Ok(true));
        assert_eq!(collector.into_values(), values(0..1800));
    }

    #[test]
    fn a_plain_or_missing_attribute_is_complete_at_the_start_only() {
        for (attributes, expected) in [
            (vec![("member", values(0..3))], values(0..3)),
            (vec![("Member;range=0-*", values(0..3))], values(0..3)),
            (vec![("cn", values(0..1))], vec![]),
        ] {
            let mut collector = Collector::new("member");
            assert_eq!(collector.take(&entry(attributes)), Ok(true));
            assert_eq!(collector.into_values(), expected);
        }
    }

    #[test]
    fn gaps_and_standstill_are_errors() {
        let begun = || {
            let mut collector = Collector::new("member");
            let first = entry(vec![("member;range=0-1", values(0..2))]);
            assert_eq!(collector.take(&first), Ok(false));
            collector
        };
        for next in [
            entry(vec![]),
            entry(vec![("member", vec![])]),
            entry(vec![("member;range=0-1", values(0..2))]),
            entry(vec![("member;range=3-*", values(3..4))]),
            entry(vec![("member;range=2-1", values(2..3))]),
            entry(vec![("member;range=2-3", vec![])]),
        ] {
            assert!(begun().take(&next).is_err(), "{next:?}");
        }
    }

    #[test]
    fn the_whole_attribute_takes_the_place_of_its_slice() {
        let part = entry(vec![
            ("cn", values(0..1)),
            ("member", vec![]),
            ("member;range=0-1", values(0..2)),
            ("name", values(0..1)),
        ]);
        assert_eq!(partial_attributes(&part), ["member"]);
        let whole = with_whole(&part, "member", values(0..5));
        let expected =
            entry(vec![("cn", values(0..1)), ("member", values(0..5)), ("name", values(0..1))]);
        assert_eq!(whole, expected);
    }
}
