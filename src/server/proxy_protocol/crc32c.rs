//! CRC32c, the checksum of iSCSI and SCTP (RFC 3720 §12.1, RFC 4960 appendix B; the Castagnoli polynomial).

/// The polynomial 0x1EDC6F41, lowest bit first.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// The checksum of the parts one after the other. Bit by bit: headers have some dozen octets, and most have none.
pub(super) fn checksum<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> u32 {
    let octets = parts.into_iter().flatten();
    !octets
        .fold(u32::MAX, |rest, octet| (0..8).fold(rest ^ u32::from(*octet), |rest, _| step(rest)))
}

const fn step(rest: u32) -> u32 {
    let shifted = rest >> 1;
    if rest & 1 == 0 { shifted } else { shifted ^ POLYNOMIAL }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720 appendix B.4, where the octets stand lowest first; and the usual check value.
    #[test]
    fn the_examples_of_iscsi() {
        let counted: Vec<u8> = (0..32).collect();
        let falling: Vec<u8> = (0..32).rev().collect();
        let read: [u8; 48] = [
            0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0,
            0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
        ];
        for (octets, expected) in [
            (&[0; 32][..], [0xaa, 0x36, 0x91, 0x8a]),
            (&[0xff; 32], [0x43, 0xab, 0xa8, 0x62]),
            (&counted, [0x4e, 0x79, 0xdd, 0x46]),
            (&falling, [0x5c, 0xdb, 0x3f, 0x11]),
            (&read, [0x56, 0x3a, 0x96, 0xd9]),
        ] {
            assert_eq!(checksum([octets]).to_le_bytes(), expected, "{octets:02x?}");
        }
        assert_eq!(checksum([&b"1234"[..], b"", b"56789"]), 0xe306_9283);
    }
}
