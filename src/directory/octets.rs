//! Octets that outlive the program: numbers, texts and moments one after another, written and read back.
//! Reading gives `None` for octets that nobody here has written, and takes no more memory than they have.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes values one after another.
#[derive(Debug, Default)]
pub(super) struct Packer(Vec<u8>);

/// Reads what a [`Packer`] has written.
#[derive(Clone, Debug)]
pub(super) struct Unpacker<'o>(&'o [u8]);

/// What one octet holds of a number; its highest bit says that more follow.
const SEVEN_BITS: u64 = 0x7f;
const MORE: u8 = 0x80;

impl Packer {
    pub(super) fn with_capacity(octets: usize) -> Self {
        Self(Vec::with_capacity(octets))
    }

    pub(super) fn into_octets(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn octet(&mut self, octet: u8) {
        self.0.push(octet);
    }

    /// A number, in as few octets as it needs.
    pub(super) fn number(&mut self, mut number: u64) {
        while number > SEVEN_BITS {
            self.0.push((number & SEVEN_BITS) as u8 | MORE);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(super) fn length(&mut self, length: usize) {
        self.number(length as u64);
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.octet(u8::from(flag));
    }

    /// Octets whose number the reader knows.
    pub(super) fn bare(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }

    pub(super) fn octets(&mut self, octets: &[u8]) {
        self.length(octets.len());
        self.bare(octets);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.octets(text.as_bytes());
    }

    pub(super) fn optional(&mut self, octets: Option<&[u8]>) {
        self.flag(octets.is_some());
        octets.into_iter().for_each(|octets| self.octets(octets));
    }

    /// A moment, to the nanosecond.
    pub(super) fn moment(&mut self, moment: SystemTime) {
        let (is_before, distance) = match moment.duration_since(UNIX_EPOCH) {
            Ok(after) => (false, after),
            Err(before) => (true, before.duration()),
        };
        self.flag(is_before);
        self.number(distance.as_secs());
        self.number(u64::from(distance.subsec_nanos()));
    }
}

impl<'o> Unpacker<'o> {
    pub(super) const fn new(octets: &'o [u8]) -> Self {
        Self(octets)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many octets are left: no list has more items.
    pub(super) const fn left(&self) -> usize {
        self.0.len()
    }

    pub(super) fn octet(&mut self) -> Option<u8> {
        let (octet, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*octet)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let octet = self.octet()?;
            let bits = u64::from(octet) & SEVEN_BITS;
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if octet & MORE == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A number that fits the type.
    pub(super) fn small<N: TryFrom<u64>>(&mut self) -> Option<N> {
        N::try_from(self.number()?).ok()
    }

    /// How many items follow, each of one octet at least.
    pub(super) fn count(&mut self) -> Option<usize> {
        self.small().filter(|count| *count <= self.left())
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.octet()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn bare(&mut self, length: usize) -> Option<&'o [u8]> {
        let (octets, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(octets)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bare(N)?.try_into().ok()
    }

    pub(super) fn octets(&mut self) -> Option<&'o [u8]> {
        let length = self.small()?;
        self.bare(length)
    }

    pub(super) fn text(&mut self) -> Option<&'o str> {
        std::str::from_utf8(self.octets()?).ok()
    }

    pub(super) fn optional(&mut self) -> Option<Option<&'o [u8]>> {
        if self.flag()? { self.octets().map(Some) } else { Some(None) }
    }

    pub(super) fn moment(&mut self) -> Option<SystemTime> {
        let is_before = self.flag()?;
        let seconds = self.number()?;
        let nanoseconds = self.small().filter(|nanoseconds| *nanoseconds < 1_000_000_000)?;
        let distance = Duration::new(seconds, nanoseconds);
        if is_before { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn what_is_written_is_read(
            numbers in proptest::collection::vec(any::<u64>(), 0..4),
            small in 0_u64..300,
            text: String,
            octets in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9)),
            (before, seconds, nanoseconds) in (any::<bool>(), 0_u64..1 << 40, 0_u32..1_000_000_000),
        ) {
            let distance = Duration::new(seconds, nanoseconds);
            let moment = if before { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance };
            let mut packer = Packer::default();
            numbers.iter().for_each(|number| packer.number(*number));
            packer.number(small);
            packer.text(&text);
            packer.optional(octets.as_deref());
            packer.moment(moment);
            let written = packer.into_octets();
            let mut unpacker = Unpacker::new(&written);
            for number in &numbers {
                prop_assert_eq!(unpacker.number(), Some(*number));
            }
            prop_assert_eq!(unpacker.small::<u8>().map(u64::from), (small < 256).then_some(small));
            prop_assert_eq!(unpacker.text(), Some(text.as_str()));
            prop_assert_eq!(unpacker.optional(), Some(octets.as_deref()));
            prop_assert_eq!(unpacker.moment(), Some(moment));
            prop_assert!(unpacker.is_empty());
        }

        #[test]
        fn anything_is_read_without_panic(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let unpacker = Unpacker::new(&octets);
            let _ = (unpacker.clone().number(), unpacker.clone().text(), unpacker.clone().moment());
            let count = unpacker.clone().count();
            prop_assert!(count.is_none_or(|count| count <= octets.len()));
        }
    }
}
