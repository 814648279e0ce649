//! An entry in one piece of memory: the octets of its search result entry (RFC 4511 §4.5.2) as they came.
//! A full pass holds a hundred thousand of them, so an entry costs its octets and nothing for each value.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::ber::{self, BerError, Reader, Writer, tag};
use super::entry::{AttributeValues, Entry, EntryAttribute};
use super::response::encode_attribute;

/// A name and its attributes, still encoded. The octets were checked when they were taken in, and the name
/// and the descriptions are UTF-8.
///
/// Equal are entries with the same octets: the same values under lengths of another form make another one.
#[derive(Clone)]
pub struct PackedEntry {
    /// The name as OCTET STRING and the PartialAttributeList, alone or among others.
    block: Arc<Vec<u8>>,
    place: Range<usize>,
}

impl PartialEq for PackedEntry {
    fn eq(&self, other: &Self) -> bool {
        self.octets() == other.octets()
    }
}

impl Eq for PackedEntry {}

impl PackedEntry {
    /// Takes the content of a search result entry. Octets of the name or of a description that are not UTF-8
    /// become U+FFFD.
    ///
    /// # Errors
    /// Broken BER, or not the fields of an entry.
    pub fn read(content: &[u8]) -> Result<Self, BerError> {
        let mut fields = Reader::new(content);
        let mut is_text = is_utf8(fields.octet_string()?);
        let mut list = fields.nested(tag::SEQUENCE)?;
        fields.finish()?;
        while !list.is_empty() {
            let mut attribute = list.nested(tag::SEQUENCE)?;
            is_text &= is_utf8(attribute.octet_string()?);
            let mut set = attribute.nested(tag::SET)?;
            attribute.finish()?;
            while !set.is_empty() {
                set.octet_string()?;
            }
        }
        let entry = Self::alone(content);
        Ok(if is_text { entry } else { Self::pack(&entry.unpack()) })
    }

    /// Packs an entry, with lengths in the shortest form.
    #[must_use]
    pub fn pack(entry: &Entry) -> Self {
        let mut list = Vec::new();
        for attribute in &entry.attributes {
            let values = attribute.values.iter().map(Vec::as_slice);
            encode_attribute(&mut list, &attribute.description, values);
        }
        Self::of(entry.dn.as_bytes(), &list)
    }

    fn of(dn: &[u8], list: &[u8]) -> Self {
        let element = |content: &[u8]| 1 + ber::length_of_length(content.len()) + content.len();
        let mut writer = Writer::append_to(Vec::with_capacity(element(dn) + element(list)));
        writer.octet_string(dn);
        writer.element(tag::SEQUENCE, list);
        Self::alone(writer.octets())
    }

    fn alone(octets: &[u8]) -> Self {
        Self { block: Arc::new(octets.to_vec()), place: 0..octets.len() }
    }

    /// Moves entries into one piece of memory, without the attributes whose description `keep` is false for. It is
    /// given back when the last of them is dropped: large pieces go back whole, where many small ones would
    /// leave holes.
    #[must_use]
    pub fn together(entries: &[Self], mut keep: impl FnMut(&str) -> bool) -> Vec<Self> {
        let octets = entries.iter().map(|entry| entry.octets().len()).sum();
        let mut block = Vec::with_capacity(octets);
        let mut places = Vec::with_capacity(entries.len());
        for entry in entries {
            let start = block.len();
            entry.write_kept(&mut block, &mut keep);
            places.push(start..block.len());
        }
        let block = Arc::new(block);
        places.into_iter().map(|place| Self { block: block.clone(), place }).collect()
    }

    fn write_kept(&self, block: &mut Vec<u8>, keep: &mut impl FnMut(&str) -> bool) {
        let dropped = |attribute: PackedAttribute<'_>| !keep(attribute.description());
        if !self.attributes().any(dropped) {
            block.extend_from_slice(self.octets());
            return;
        }
        let (dn, _) = self.fields();
        let kept = self.attributes().filter(|attribute| keep(attribute.description()));
        let length = kept.map(|attribute| attribute.element().len()).sum();
        block.push(tag::OCTET_STRING);
        ber::write_length(block, dn.len());
        block.extend_from_slice(dn);
        block.push(tag::SEQUENCE);
        ber::write_length(block, length);
        for attribute in self.attributes().filter(|attribute| keep(attribute.description())) {
            block.extend_from_slice(attribute.element());
        }
    }

    /// The entry with an allocation for each value.
    #[must_use]
    pub fn unpack(&self) -> Entry {
        let attributes = self.attributes().map(|attribute| EntryAttribute {
            description: String::from_utf8_lossy(attribute.description).into_owned(),
            values: attribute.values().map(<[u8]>::to_vec).collect(),
        });
        let dn = String::from_utf8_lossy(self.fields().0).into_owned();
        Entry { dn, attributes: attributes.collect() }
    }

    /// The distinguished name as sent.
    #[must_use]
    pub fn dn(&self) -> &str {
        std::str::from_utf8(self.fields().0).unwrap_or_default()
    }

    /// The attributes in the order they came.
    #[must_use]
    pub fn attributes(&self) -> PackedAttributes<'_> {
        PackedAttributes(Reader::new(self.fields().1))
    }

    /// The octets it is held in: name and PartialAttributeList. [`PackedEntry::read`] takes them back.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.block.get(self.place.clone()).unwrap_or_default()
    }

    /// The name and the content of the list.
    fn fields(&self) -> (&[u8], &[u8]) {
        let mut fields = Reader::new(self.octets());
        let dn = fields.octet_string().unwrap_or_default();
        (dn, fields.expect(tag::SEQUENCE).unwrap_or_default())
    }
}

fn is_utf8(octets: &[u8]) -> bool {
    std::str::from_utf8(octets).is_ok()
}

impl AttributeValues for PackedEntry {
    fn dn(&self) -> &str {
        Self::dn(self)
    }

    fn values_of(&self, name: &str) -> impl Iterator<Item = &[u8]> + Clone {
        let is_named =
            |found: &PackedAttribute<'_>| found.description.eq_ignore_ascii_case(name.as_bytes());
        let found = self.attributes().find(is_named);
        found.map_or(PackedValues(Reader::new(&[])), |attribute| attribute.values())
    }
}

impl fmt::Debug for PackedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.unpack(), f)
    }
}

/// One attribute of a packed entry.
#[derive(Clone, Copy, Debug)]
pub struct PackedAttribute<'a> {
    description: &'a [u8],
    set: &'a [u8],
    element: &'a [u8],
}

impl<'a> PackedAttribute<'a> {
    /// The attribute description as sent, options included.
    #[must_use]
    pub fn description(&self) -> &'a str {
        std::str::from_utf8(self.description).unwrap_or_default()
    }

    /// The values, octets as sent.
    #[must_use]
    pub const fn values(&self) -> PackedValues<'a> {
        PackedValues(Reader::new(self.set))
    }

    /// The PartialAttribute as it is encoded, ready to be written into an answer.
    #[must_use]
    pub const fn element(&self) -> &'a [u8] {
        self.element
    }
}

/// The attributes of a packed entry, one after another.
#[derive(Clone, Debug)]
pub struct PackedAttributes<'a>(Reader<'a>);

impl<'a> Iterator for PackedAttributes<'a> {
    type Item = PackedAttribute<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let element = self.0.element().ok()?;
        let mut fields = Reader::new(element.content);
        let description = fields.octet_string().ok()?;
        let set = fields.expect(tag::SET).ok()?;
        Some(PackedAttribute { description, set, element: element.whole })
    }
}

/// The values of one attribute, one after another.
#[derive(Clone, Debug)]
pub struct PackedValues<'a>(Reader<'a>);

impl<'a> Iterator for PackedValues<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        self.0.octet_string().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn entries() -> impl Strategy<Value = Entry> {
        let values = vec(vec(any::<u8>(), 0..200), 0..4);
        let attribute = ("[a-zA-Zé;=0-9-]{0,12}", values)
            .prop_map(|(description, values)| EntryAttribute { description, values });
        (".{0,40}", vec(attribute, 0..6)).prop_map(|(dn, attributes)| Entry { dn, attributes })
    }

    /// The same entry with lengths of four octets, as Active Directory writes them.
    fn long_form(entry: &Entry) -> Vec<u8> {
        fn element(tag: u8, content: &[u8]) -> Vec<u8> {
            let length = u32::try_from(content.len()).unwrap().to_be_bytes();
            [&[tag, 0x84], length.as_slice(), content].concat()
        }
        let attributes = entry.attributes.iter().flat_map(|attribute| {
            let values = attribute.values.iter().flat_map(|value| element(0x04, value));
            let set = element(0x31, &values.collect::<Vec<_>>());
            element(0x30, &[element(0x04, attribute.description.as_bytes()), set].concat())
        });
        let list = element(0x30, &attributes.collect::<Vec<_>>());
        [element(0x04, entry.dn.as_bytes()), list].concat()
    }

    #[test]
    fn what_is_not_text_is_replaced() {
        let content = [
            &[0x04, 2, b'x', 0xff][..],
            &[0x30, 10, 0x30, 8, 0x04, 2, 0xc3, b'y', 0x31, 2, 0x04, 0],
        ]
        .concat();
        let packed = PackedEntry::read(&content).unwrap();
        assert_eq!(packed.dn(), "x\u{fffd}");
        let described: Vec<_> = packed
            .attributes()
            .map(|found| (found.description(), found.values().count()))
            .collect();
        assert_eq!(described, [("\u{fffd}y", 1)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn packing_loses_nothing(entry in entries()) {
            let packed = PackedEntry::pack(&entry);
            prop_assert_eq!(&packed.unpack(), &entry);
            prop_assert_eq!(packed.dn(), &entry.dn);
            prop_assert_eq!(&PackedEntry::read(packed.octets()).unwrap(), &packed);
            let long = PackedEntry::read(&long_form(&entry)).unwrap();
            prop_assert_eq!(long.unpack(), entry);
        }

        /// However an entry is held, the same is read of it.
        #[test]
        fn both_forms_say_the_same(entry in entries()) {
            let packed = PackedEntry::read(&long_form(&entry)).unwrap();
            for name in entry.attributes.iter().map(|attribute| attribute.description.as_str()) {
                for name in [name, &name.to_ascii_uppercase()] {
                    prop_assert!(packed.values_of(name).eq(entry.values_of(name)));
                    prop_assert_eq!(packed.text_of(name), entry.text(name));
                }
            }
            prop_assert_eq!(packed.values_of("none of these").next(), None);
        }

        #[test]
        fn what_is_dropped_is_gone(entries in vec(entries(), 0..4), kept: bool) {
            let is_kept = |description: &str| description.len().is_multiple_of(2) == kept;
            let packed: Vec<PackedEntry> =
                entries.iter().map(|entry| PackedEntry::read(&long_form(entry)).unwrap()).collect();
            let packed = PackedEntry::together(&packed, is_kept);
            let mut expected = entries;
            for entry in &mut expected {
                entry.attributes.retain(|attribute| is_kept(&attribute.description));
            }
            let unpacked: Vec<Entry> = packed.iter().map(PackedEntry::unpack).collect();
            prop_assert_eq!(unpacked, expected);
        }

        /// Wherever it lies, it is the same entry.
        #[test]
        fn entries_in_one_piece_are_the_same(entries in vec(entries(), 0..4)) {
            let apart: Vec<PackedEntry> = entries.iter().map(PackedEntry::pack).collect();
            let together = PackedEntry::together(&apart, |_| true);
            prop_assert_eq!(&together, &apart);
            let unpacked: Vec<Entry> = together.iter().map(PackedEntry::unpack).collect();
            prop_assert_eq!(unpacked, entries);
        }

        /// Whatever comes: an error or an entry that can be read, and never more than the octets.
        #[test]
        fn no_octets_panic(
            octets in vec(any::<u8>(), 0..64),
            entry in entries(),
            at in any::<prop::sample::Index>(),
            octet: u8,
        ) {
            let mut changed = long_form(&entry);
            let place = at.index(changed.len());
            changed[place] = octet;
            for octets in [octets, changed] {
                if let Ok(packed) = PackedEntry::read(&octets) {
                    let entry = packed.unpack();
                    prop_assert_eq!(entry.attributes.len(), packed.attributes().count());
                    let _ = PackedEntry::together(&[packed], |description| description.len() % 2 == 0);
                    prop_assert_eq!(PackedEntry::pack(&entry).unpack(), entry);
                }
            }
        }
    }
}
