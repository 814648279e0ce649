//! Object identities: GUIDs (MS-DTYP §2.3.4, entryUUID of RFC 4530) and SIDs (MS-DTYP §2.4.2).

use std::fmt;

use crate::hexadecimal;

/// The identity of an entry, kept in the order in which its text is read.
///
/// The same sixteen octets stand for an entryUUID as they are. Active Directory stores objectGUID with
/// the first three fields little-endian; [`Guid::from_ad_octets`] and [`Guid::ad_octets`] convert.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// From objectGUID octets; `None` unless there are exactly sixteen.
    #[must_use]
    pub fn from_ad_octets(octets: &[u8]) -> Option<Self> {
        Some(Self(swap_fields(octets.try_into().ok()?)))
    }

    /// From `6f9619ff-8b86-d011-b42d-00c04fc964ff` in either case, with or without braces around it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = match text.strip_prefix('{') {
            Some(rest) => rest.strip_suffix('}')?,
            None => text,
        };
        let mut octets = [0; 16];
        let mut slots = octets.iter_mut();
        let mut groups = digits.split('-');
        for length in [8, 4, 4, 4, 12] {
            let group = groups.next().filter(|group| group.len() == length)?;
            for pair in group.as_bytes().as_chunks().0 {
                *slots.next()? = hexadecimal::octet(*pair)?;
            }
        }
        groups.next().is_none().then_some(Self(octets))
    }

    /// The octets as Active Directory stores objectGUID.
    #[must_use]
    pub fn ad_octets(&self) -> [u8; 16] {
        swap_fields(self.0)
    }
}

/// Turns the first three fields round: text order to objectGUID order and back.
const fn swap_fields(octets: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = octets;
    let [i, j, k, l, m, n, o, p] = rest;
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hexadecimal::digits(&self.0);
        let mut rest = digits.as_str();
        for length in [8, 4, 4, 4] {
            let (group, later) = rest.split_at_checked(length).unwrap_or_default();
            f.write_str(group)?;
            f.write_str("-")?;
            rest = later;
        }
        f.write_str(rest)
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Most sub-authorities of a SID (MS-DTYP §2.4.2.2).
pub const MAX_SUB_AUTHORITIES: usize = 15;

/// A security identifier of revision 1 with one to fifteen sub-authorities, as objectSid holds it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sid(Vec<u8>);

impl Sid {
    /// From objectSid octets; `None` if revision, count and length do not agree.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let [1, count, rest @ ..] = octets else { return None };
        let count = usize::from(*count);
        let fits = (1..=MAX_SUB_AUTHORITIES).contains(&count) && rest.len() == 6 + 4 * count;
        fits.then(|| Self(octets.to_vec()))
    }

    /// From `S-1-5-21-…`: the authority decimal, or `0x` and twelve digits (MS-DTYP §2.4.2.1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        if !parts.next()?.eq_ignore_ascii_case("s") || parts.next()? != "1" {
            return None;
        }
        let authority = authority(parts.next()?)?.to_be_bytes();
        let mut octets = vec![1, 0];
        octets.extend_from_slice(authority.get(2..)?);
        let mut count = 0;
        for part in parts {
            if usize::from(count) == MAX_SUB_AUTHORITIES {
                return None;
            }
            octets.extend_from_slice(&decimal::<u32>(part)?.to_le_bytes());
            count += 1;
        }
        *octets.get_mut(1)? = count;
        Self::from_octets(&octets)
    }

    /// The octets as objectSid holds them.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The SID of another account of the same domain: the last sub-authority replaced by `rid`. Asked
    /// of a user's SID with its primaryGroupID, it names the primary group. (A domain's own SID has
    /// no relative id to replace; do not ask it.)
    #[must_use]
    pub fn with_relative_id(&self, rid: u32) -> Self {
        let mut octets = self.0.clone();
        octets.truncate(octets.len().saturating_sub(4));
        octets.extend_from_slice(&rid.to_le_bytes());
        Self(octets)
    }

    /// The last sub-authority.
    #[must_use]
    pub fn relative_id(&self) -> Option<u32> {
        self.0.last_chunk().copied().map(u32::from_le_bytes)
    }
}

/// An identifier authority, which has 48 bits.
fn authority(text: &str) -> Option<u64> {
    let value = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.len() == 12 && digits.bytes().all(|o| o.is_ascii_hexdigit()) => {
            u64::from_str_radix(digits, 16).ok()?
        }
        Some(_) => return None,
        None => decimal(text)?,
    };
    (value < 1 << 48).then_some(value)
}

/// Digits alone: `str::parse` would let a sign through.
fn decimal<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (authority, subs) =
            self.0.get(2..).unwrap_or_default().split_at_checked(6).unwrap_or_default();
        let authority = authority.iter().fold(0_u64, |sum, &octet| sum << 8 | u64::from(octet));
        if authority >> 32 == 0 {
            write!(f, "S-1-{authority}")?;
        } else {
            write!(f, "S-1-0x{authority:012X}")?;
        }
        let (subs, _) = subs.as_chunks();
        subs.iter().try_for_each(|&sub| write!(f, "-{}", u32::from_le_bytes(sub)))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// MS-DTYP §2.3.4.2: Data1, Data2 and Data3 are little-endian in the packet.
    #[test]
    fn object_guid_octets_are_mixed_endian() {
        let octets = [
            0xff, 0x19, 0x96, 0x6f, 0x86, 0x8b, 0x11, 0xd0, 0xb4, 0x2d, 0x00, 0xc0, 0x4f, 0xc9,
            0x64, 0xff,
        ];
        let guid = Guid::from_ad_octets(&octets).unwrap();
        assert_eq!(guid.to_string(), "6f9619ff-8b86-d011-b42d-00c04fc964ff");
        assert_eq!(guid.ad_octets(), octets);
        assert_eq!(Guid::parse("{6F9619FF-8B86-D011-B42D-00C04FC964FF}"), Some(guid));
    }

    #[test]
    fn what_is_not_a_guid() {
        for text in [
            "",
            "{}",
            "6f9619ff8b86d011b42d00c04fc964ff",
            "{6f9619ff-8b86-d011-b42d-00c04fc964ff",
            "6f9619ff-8b86-d011-b42d-00c04fc964ff}",
            "6f9619ff-8b86-d011-b42d-00c04fc964f",
            "6f9619ff-8b86-d011-b42d-00c04fc964ff-",
            "6f9619ff-8b86-d011-b42d-00c04fc964fg",
            "+f9619ff-8b86-d011-b42d-00c04fc964ff",
            "é9619ff-8b86-d011-b42d-00c04fc964ff",
        ] {
            assert_eq!(Guid::parse(text), None, "{text}");
        }
        assert_eq!(Guid::from_ad_octets(&[0; 15]), None);
        assert_eq!(Guid::from_ad_octets(&[0; 17]), None);
    }

    /// MS-DTYP §2.4.2.1 and §2.4.2.2.
    #[test]
    fn sids() {
        let administrators = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
        let sid = Sid::from_octets(&administrators).unwrap();
        assert_eq!(sid.to_string(), "S-1-5-32-544");
        assert_eq!(sid.relative_id(), Some(544));
        assert_eq!(Sid::parse("s-1-5-32-544").unwrap().octets(), administrators);
        let user = Sid::parse("S-1-5-21-1-4294967295-3-1104").unwrap();
        assert_eq!(user.with_relative_id(513).to_string(), "S-1-5-21-1-4294967295-3-513");
        let long = "S-1-0x123456789ABC-1";
        assert_eq!(Sid::parse(long).unwrap().to_string(), long);
    }

    #[test]
    fn what_is_not_a_sid() {
        let fifteen = format!("S-1-5{}", "-1".repeat(15));
        assert!(Sid::parse(&fifteen).is_some());
        for text in [
            "",
            "S",
            "S-1",
            "S-1-5",
            "S-2-5-32",
            "S-1-5-",
            "S-1-5--1",
            "S-1-5-+1",
            "S-1-5-4294967296",
            "S-1-281474976710656-1",
            "S-1-0x12-1",
            "S-1-0x+23456789ABC-1",
            "S-1-5-32-544 ",
            &format!("{fifteen}-1"),
        ] {
            assert_eq!(Sid::parse(text), None, "{text}");
        }
        let octets: [&[u8]; 5] = [
            &[],
            &[1, 0, 0, 0, 0, 0, 0, 5],
            &[1, 1, 0, 0, 0, 0, 0, 5, 1, 0, 0],
            &[2, 1, 0, 0, 0, 0, 0, 5, 1, 0, 0, 0],
            &[1, 1, 0, 0, 0, 0, 0, 5, 1, 0, 0, 0, 0],
        ];
        for octets in octets {
            assert_eq!(Sid::from_octets(octets), None, "{octets:?}");
        }
        let sixteen = [[1, 16, 0, 0, 0, 0, 0, 5].as_slice(), &[0; 64]].concat();
        assert_eq!(Sid::from_octets(&sixteen), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn guid_text_and_octets_round_trip(octets: [u8; 16]) {
            let guid = Guid::from_ad_octets(&octets).unwrap();
            prop_assert_eq!(Guid::parse(&guid.to_string()), Some(guid));
            prop_assert_eq!(guid.ad_octets(), octets);
        }

        #[test]
        fn sid_text_and_octets_round_trip(
            authority in 0_u64..1 << 48,
            subs in prop::collection::vec(any::<u32>(), 1..=MAX_SUB_AUTHORITIES),
        ) {
            let mut octets = vec![1, u8::try_from(subs.len()).unwrap()];
            octets.extend_from_slice(&authority.to_be_bytes()[2..]);
            octets.extend(subs.iter().flat_map(|sub| sub.to_le_bytes()));
            let sid = Sid::from_octets(&octets).unwrap();
            prop_assert_eq!(sid.octets(), &octets);
            prop_assert_eq!(sid.relative_id(), subs.last().copied());
            prop_assert_eq!(Sid::parse(&sid.to_string()), Some(sid));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = (Guid::parse(&text), Sid::parse(&text));
        }
    }
}
