//! The examples of the specification, what is no header, and headers cut anywhere.

use proptest::prelude::*;

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
        (binary(0x21, 0x11, &four(), &[0x03, 0, 4, 1, 2, 3, 4]), Some("192.0.2.1")),
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

fn any_header() -> impl Strategy<Value = (Vec<u8>, Option<IpAddr>)> {
    let line = (any::<IpAddr>(), any::<u16>()).prop_map(|(source, port)| {
        let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
        let line = format!("PROXY {family} {source} {source} {port} 389\r\n");
        (line.into_bytes(), Some(source))
    });
    let extensions = proptest::collection::vec(any::<u8>(), 0..300);
    let block = (any::<IpAddr>(), extensions).prop_map(|(source, extensions)| {
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
        (header, Some(source))
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
