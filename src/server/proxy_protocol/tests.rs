//! The examples of the specification, what is no header, and headers cut anywhere.

use std::net::{IpAddr, Ipv6Addr};

use proptest::prelude::*;

use super::header::{FIXED, SIGNATURE};
use super::*;

fn binary(command: u8, family: u8, addresses: &[u8], extensions: &[u8]) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend([command, family]);
    let rest = u16::try_from(addresses.len() + extensions.len()).unwrap();
    header.extend(rest.to_be_bytes());
    header.extend(addresses);
    header.extend(extensions);
    header
}

fn four() -> Vec<u8> {
    [192, 0, 2, 1, 10, 0, 0, 5, 0xdc, 0x04, 0x01, 0x85].to_vec()
}

fn six() -> Vec<u8> {
    let mut block = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets().to_vec();
    block.extend([0; 20]);
    block
}

fn source(octets: &[u8]) -> Result<Option<String>, HeaderError> {
    match parse(octets)? {
        Progress::Complete(header) => {
            assert_eq!(header.length, octets.len());
            Ok(header.source.map(|source| source.to_string()))
        }
        Progress::Missing(missing) => panic!("{missing} octets are missing of {octets:02x?}"),
    }
}

#[test]
fn headers_name_the_client() {
    let full = ["ffff"; 8].join(":");
    let unix = [0x2f; 216];
    for (header, client) in [
        (b"PROXY TCP4 192.0.2.1 10.0.0.5 56324 389\r\n".to_vec(), Some("192.0.2.1")),
        (b"PROXY TCP6 2001:db8::7 ::1 0 65535\r\n".to_vec(), Some("2001:db8::7")),
        (format!("PROXY TCP6 {full} {full} 65535 65535\r\n").into_bytes(), Some(&*full)),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff:f::1 whatever \x7f 1 2\r\n".to_vec(), None),
        (binary(0x21, 0x11, &four(), &[]), Some("192.0.2.1")),
        (binary(0x21, 0x11, &four(), &[0x04, 0, 4, 1, 2, 3, 4]), Some("192.0.2.1")),
        (binary(0x21, 0x21, &six(), &[0xff; 300]), Some("2001:db8::7")),
        (binary(0x21, 0x31, &unix, &[]), None),
        (binary(0x20, 0x00, &[], &[]), None),
        (binary(0x20, 0x11, &four(), &[]), None),
        (binary(0x20, 0xff, &[1, 2, 3], &[]), None),
        (binary(0x21, 0x00, &four(), &[]), None),
        (binary(0x21, 0x10, &four(), &[]), None),
    ] {
        assert_eq!(source(&header), Ok(client.map(str::to_owned)), "{header:02x?}");
    }
}

#[test]
fn what_is_no_header() {
    use HeaderError::{
        BadAddress, NotAHeader, TooLong, UnknownCommand, UnknownFamily, UnknownVersion,
    };
    let endless = [&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat();
    let mut too_long = binary(0x21, 0x11, &four(), &[]);
    too_long.splice(14..16, 4097_u16.to_be_bytes());
    for (octets, error) in [
        // An LDAP bind and a TLS handshake.
        (b"\x30\x0c\x02\x01\x01\x60\x07".to_vec(), NotAHeader),
        (b"\x16\x03\x01\x02\x00".to_vec(), NotAHeader),
        (b"PROXX".to_vec(), NotAHeader),
        (b"proxy TCP4".to_vec(), NotAHeader),
        (b"\r\n\r\n\0\r\nQUIP".to_vec(), NotAHeader),
        (b"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n".to_vec(), UnknownFamily),
        (b"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n".to_vec(), UnknownFamily),
        (b"PROXY \r\n".to_vec(), UnknownFamily),
        (b"PROXY TCP4\r\n".to_vec(), BadAddress),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n".to_vec(), BadAddress),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n".to_vec(), BadAddress),
        (b"PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n".to_vec(), BadAddress),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n".to_vec(), BadAddress),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n".to_vec(), BadAddress),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n".to_vec(), BadAddress),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n".to_vec(), BadAddress),
        (b"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n".to_vec(), BadAddress),
        (b"PROXY TCP4 ::1 ::1 1 2\r\n".to_vec(), BadAddress),
        (b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n".to_vec(), BadAddress),
        (b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n".to_vec(), BadAddress),
        (b"PROXY TCP4 \xff 1.2.3.4 1 2\r\n".to_vec(), BadAddress),
        (endless, TooLong),
        (too_long, TooLong),
        (binary(0x11, 0x11, &four(), &[]), UnknownVersion),
        (binary(0x22, 0x11, &four(), &[]), UnknownCommand),
        (binary(0x21, 0x12, &four(), &[]), UnknownFamily),
        (binary(0x21, 0x41, &four(), &[]), UnknownFamily),
        (binary(0x21, 0x13, &four(), &[]), UnknownFamily),
        (binary(0x21, 0x11, &four()[..11], &[]), BadAddress),
        (binary(0x21, 0x21, &four(), &[]), BadAddress),
        (binary(0x21, 0x31, &[0; 215], &[]), BadAddress),
    ] {
        assert_eq!(parse(&octets), Err(error), "{octets:02x?}");
    }
}

/// The header with its checksum behind the other extensions.
fn with_checksum(mut header: Vec<u8>) -> Vec<u8> {
    header.extend([0x03, 0, 4]);
    let rest = u16::try_from(header.len() + 4 - FIXED).unwrap();
    header.splice(14..16, rest.to_be_bytes());
    let checksum = crc32c::checksum([&header[..], &[0; 4]]);
    header.extend(checksum.to_be_bytes());
    header
}

/// As HAProxy 2.6 writes it with `proxy-v2-options crc32c`, for a client at 127.0.0.1.
const OF_HAPROXY: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13\x7f\0\0\x01\x7f\0\0\x01\xc7\x4e\xc3\x57\
    \x03\0\x04\x0f\x78\x68\x2a";

#[test]
fn a_checksum_has_to_be_right_where_there_is_one() {
    assert_eq!(source(OF_HAPROXY), Ok(Some("127.0.0.1".to_owned())));
    let padded = binary(0x21, 0x21, &six(), &[0x04, 0, 2, 7, 7]);
    assert_eq!(source(&with_checksum(padded)), Ok(Some("2001:db8::7".to_owned())));
    // Any bit of the header: the family and the lengths aside, which change what is a header and what an extension.
    for at in (0..OF_HAPROXY.len()).filter(|at| (16..28).contains(at) || *at > 30) {
        for bit in 0..8 {
            let mut changed = OF_HAPROXY.to_vec();
            changed[at] ^= 1 << bit;
            assert_eq!(parse(&changed), Err(HeaderError::WrongChecksum), "{at} {bit}");
        }
    }
    for extension in [
        &[0x03, 0, 4, 1, 2, 3, 4][..],
        &[0x03, 0, 0],
        &[0x03, 0, 9, 1],
        &[0x04, 0, 0, 0x03, 0, 1, 0],
    ] {
        let header = binary(0x21, 0x11, &four(), extension);
        assert_eq!(parse(&header), Err(HeaderError::WrongChecksum), "{extension:02x?}");
    }
    // Where the block is not looked at there is none.
    assert_eq!(source(&binary(0x20, 0x11, &four(), &[0x03, 0, 4, 1, 2, 3, 4])), Ok(None));
}

/// Extensions in their form, a checksum or none, and what is too short to be one.
fn any_extensions() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let value = proptest::collection::vec(any::<u8>(), 0..30);
    let extension = (any::<u8>(), value).prop_map(|(kind, value)| {
        let kind = if kind == 0x03 { 0x04 } else { kind };
        [&[kind, 0, u8::try_from(value.len()).unwrap()][..], &value].concat()
    });
    let extensions = proptest::collection::vec(extension, 0..8).prop_map(|all| all.concat());
    (extensions, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..3)).prop_map(
        |(extensions, checked, padding)| match checked {
            true => (extensions, true),
            false => ([extensions, padding].concat(), false),
        },
    )
}

fn any_header() -> impl Strategy<Value = (Vec<u8>, Option<IpAddr>)> {
    let line = (any::<IpAddr>(), any::<u16>()).prop_map(|(source, port)| {
        let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
        let line = format!("PROXY {family} {source} {source} {port} 389\r\n");
        (line.into_bytes(), Some(source))
    });
    let block = (any::<IpAddr>(), any_extensions()).prop_map(|(source, (extensions, checked))| {
        let header = match source {
            IpAddr::V4(source) => {
                let addresses = [&source.octets()[..], &[0; 8]].concat();
                binary(0x21, 0x11, &addresses, &extensions)
            }
            IpAddr::V6(source) => {
                let addresses = [&source.octets()[..], &[0; 20]].concat();
                binary(0x21, 0x21, &addresses, &extensions)
            }
        };
        (if checked { with_checksum(header) } else { header }, Some(source))
    });
    let nobody = "[ -~]{0,80}".prop_map(|rest| (format!("PROXY UNKNOWN {rest}\r\n"), None));
    prop_oneof![line, block, nobody.prop_map(|(line, source)| (line.into_bytes(), source))]
}

proptest! {
    /// Read as the gate reads it, never more than is missing, a header is found whole, with its length and its
    /// address, and all that follows it is left.
    #[test]
    fn headers_are_read_and_nothing_behind_them(
        (header, source) in any_header(),
        behind in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let stream = [&header[..], &behind].concat();
        let mut have = 0;
        let found = loop {
            match parse(&stream[..have]).unwrap() {
                Progress::Missing(missing) => {
                    prop_assert!(missing > 0 && have + missing <= header.len());
                    have += missing;
                }
                Progress::Complete(header) => break header,
            }
        };
        prop_assert_eq!(found, Header { source, length: header.len() });
        prop_assert_eq!(have, header.len());
    }

    /// Any octets, and headers with octets changed.
    #[test]
    fn any_octets_hold(
        (header, _) in any_header(),
        noise in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        octets in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut changed = header;
        for (index, octet) in noise {
            let at = index.index(changed.len());
            changed[at] = octet;
        }
        for octets in [&changed, &octets] {
            prop_assert_eq!(holds_when_cut(octets), Ok(()));
        }
    }
}
