//! How far a controller has heard of what others have written: its up-to-dateness vector (MS-DRSR,
//! UPTODATE_VECTOR_V1_EXT and _V2_EXT), one number for each database whose changes it knows.

use crate::ldap::identifier::Guid;

/// Version, count and two reserved fields, four octets each.
const HEADER: usize = 16;

/// Up to which of its numbers all is known that was written in the database `invocation`; 0: nothing. `None`: the octets
/// are no such vector.
pub(super) fn heard_of(vector: &[u8], invocation: &Guid) -> Option<u64> {
    let (header, cursors) = vector.split_at_checked(HEADER)?;
    let number = |place: usize| -> Option<u32> {
        Some(u32::from_le_bytes(*header.get(place..)?.first_chunk()?))
    };
    // Identity and number; in the second version also the time of the last contact.
    let length = match number(0)? {
        1 => 24,
        2 => 32,
        _ => return None,
    };
    let count = usize::try_from(number(8)?).ok()?;
    if cursors.len() != count.checked_mul(length)? {
        return None;
    }
    let of = |cursor: &[u8]| {
        let (identity, rest) = cursor.split_at_checked(16)?;
        let is_it = Guid::from_ad_octets(identity).as_ref() == Some(invocation);
        is_it.then(|| rest.first_chunk().map(|octets| u64::from_le_bytes(*octets)))?
    };
    Some(cursors.chunks_exact(length).find_map(of).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// As Samba 4.17 wrote it.
    const SAMBA: &str = "AgAAAAAAAAABAAAAAAAAAOC9Sry6PglEgSqbS4jCdPQzHwAAAAAAAACAPtXesZ0B";

    #[test]
    fn a_vector_is_read_whole_or_not_at_all() {
        let vector = STANDARD.decode(SAMBA).unwrap();
        let known = Guid::parse("bc4abde0-3eba-4409-812a-9b4b88c274f4").unwrap();
        let other = Guid([7; 16]);
        assert_eq!(heard_of(&vector, &known), Some(7987));
        assert_eq!(heard_of(&vector, &other), Some(0));
        for length in 0..vector.len() {
            assert_eq!(heard_of(&vector[..length], &known), None, "{length}");
        }
        let changed = |place: usize, octet: u8| {
            let mut vector = vector.clone();
            vector[place] = octet;
            heard_of(&vector, &known)
        };
        assert_eq!(changed(0, 3), None, "a version to come");
        assert_eq!(changed(8, 2), None, "more than there is");
        assert_eq!(changed(11, 0xff), None);
        let mut first = vector[..HEADER + 24].to_vec();
        first[0] = 1;
        assert_eq!(heard_of(&first, &known), Some(7987));
        let two = [&vector[..8], &[2, 0, 0, 0, 0, 0, 0, 0], &[7; 32], &vector[HEADER..]].concat();
        assert_eq!(heard_of(&two, &known), Some(7987));
    }
}
