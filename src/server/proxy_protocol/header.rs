//! The header of either version: where it ends, and whom it names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use super::crc32c;

/// What begins a header of version 2 (§2.2).
pub(super) const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// What begins a header of version 1 (§2.1).
const LINE_START: &[u8; 6] = b"PROXY ";
/// Longest line of version 1, its end included (§2.1).
const MAX_LINE: usize = 107;
/// Shortest line of version 1: `PROXY UNKNOWN` and the line's end.
const MIN_LINE: usize = 15;
/// What of version 2 tells the length of the rest.
pub(super) const FIXED: usize = 16;
/// Longest rest of version 2 that is taken. Real ones have less than a kilobyte, even with a certificate's name.
const MAX_REST: usize = 4096;
/// The type of the extension that holds a checksum of the whole header (§2.2.3).
const CHECKSUM: u8 = 0x03;

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The client that the peer connects for; `None`: the peer itself (`LOCAL`, `UNKNOWN`), or a client that has
    /// no network address.
    pub source: Option<IpAddr>,
    /// How many octets the header has.
    pub length: usize,
}

/// How far a header has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// At least so many octets are missing; none of them lies behind the header. Never 0.
    Missing(usize),
    /// It is all there.
    Complete(Header),
}

/// Why octets are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Neither version begins like this.
    #[error("no PROXY header")]
    NotAHeader,
    /// A line that does not end, or too many octets announced.
    #[error("a PROXY header that is too long")]
    TooLong,
    /// Another version than 2 behind the signature.
    #[error("a PROXY header of an unknown version")]
    UnknownVersion,
    /// Another command than LOCAL and PROXY.
    #[error("a PROXY header with an unknown command")]
    UnknownCommand,
    /// An address family or a transport that does not exist or cannot carry LDAP.
    #[error("a PROXY header with an unknown address family or transport")]
    UnknownFamily,
    /// Addresses or ports that are none.
    #[error("a PROXY header with addresses that cannot be read")]
    BadAddress,
    /// Its checksum is that of other octets.
    #[error("a PROXY header with a wrong checksum")]
    WrongChecksum,
}

/// Reads the header at the start of `octets`; what lies behind it is not looked at.
///
/// # Errors
/// The octets are no header and more of them would not make one.
pub fn parse(octets: &[u8]) -> Result<Progress, HeaderError> {
    if begins_like(octets, LINE_START) {
        parse_line(octets)
    } else if begins_like(octets, SIGNATURE) {
        parse_binary(octets)
    } else {
        Err(HeaderError::NotAHeader)
    }
}

/// Whether the first octets of a connection are the start of a header, as far as only a header begins so.
#[must_use]
pub fn begins_a_header(octets: &[u8]) -> bool {
    octets.starts_with(LINE_START) || octets.starts_with(SIGNATURE)
}

/// Whether `octets` begin with `start`, or are the beginning of it.
fn begins_like(octets: &[u8], start: &[u8]) -> bool {
    octets.iter().zip(start).all(|(octet, expected)| octet == expected)
}

fn parse_line(octets: &[u8]) -> Result<Progress, HeaderError> {
    let within = octets.get(..MAX_LINE).unwrap_or(octets);
    let Some(end) = within.windows(2).position(|pair| pair == b"\r\n") else {
        if within.len() == MAX_LINE {
            return Err(HeaderError::TooLong);
        }
        // A carriage return at the end may be the first half of the line's end.
        let half = usize::from(within.last() == Some(&b'\r'));
        let least = MIN_LINE.saturating_sub(within.len());
        return Ok(Progress::Missing(least.max(2 - half).min(MAX_LINE - within.len())));
    };
    let line = within.get(LINE_START.len()..end).ok_or(HeaderError::NotAHeader)?;
    Ok(Progress::Complete(Header { source: line_source(line)?, length: end + 2 }))
}

/// `TCP4 192.0.2.1 192.0.2.2 56324 389`, or `UNKNOWN` with whatever behind it.
fn line_source(line: &[u8]) -> Result<Option<IpAddr>, HeaderError> {
    let line = std::str::from_utf8(line).map_err(|_| HeaderError::BadAddress)?;
    let mut words = line.split(' ');
    let source = match words.next() {
        Some("UNKNOWN") => return Ok(None),
        Some("TCP4") => two::<Ipv4Addr>(&mut words).map(IpAddr::V4),
        Some("TCP6") => two::<Ipv6Addr>(&mut words).map(IpAddr::V6),
        _ => return Err(HeaderError::UnknownFamily),
    };
    let ports = [words.next(), words.next()];
    let is_port = |word: Option<&str>| word.is_some_and(is_port);
    let well_formed = ports.into_iter().all(is_port) && words.next().is_none();
    source.filter(|_| well_formed).map(Some).ok_or(HeaderError::BadAddress)
}

/// Source and destination; the source counts.
fn two<'w, A: std::str::FromStr>(words: &mut impl Iterator<Item = &'w str>) -> Option<A> {
    let source = words.next()?.parse().ok()?;
    words.next()?.parse::<A>().ok()?;
    Some(source)
}

/// 0 to 65535 in digits without leading zeros (§2.1).
fn is_port(word: &str) -> bool {
    let plain = word.bytes().all(|octet| octet.is_ascii_digit());
    plain && (word == "0" || !word.starts_with('0')) && word.parse::<u16>().is_ok()
}

fn parse_binary(octets: &[u8]) -> Result<Progress, HeaderError> {
    let Some(fixed) = octets.first_chunk::<FIXED>() else {
        return Ok(Progress::Missing(FIXED - octets.len()));
    };
    let [.., version_and_command, family, high, low] = *fixed;
    if version_and_command >> 4 != 2 {
        return Err(HeaderError::UnknownVersion);
    }
    let rest = usize::from(u16::from_be_bytes([high, low]));
    if rest > MAX_REST {
        return Err(HeaderError::TooLong);
    }
    let length = FIXED + rest;
    // Judged before the rest is waited for.
    let wanted = match version_and_command & 0x0f {
        // LOCAL: whatever the addresses say, they are not looked at.
        0 => 0,
        1 => address_length(family)?,
        _ => return Err(HeaderError::UnknownCommand),
    };
    if rest < wanted {
        return Err(HeaderError::BadAddress);
    }
    let Some(block) = octets.get(FIXED..length) else {
        return Ok(Progress::Missing(length - octets.len()));
    };
    // Without addresses nothing of the block is looked at (§2.2), so nobody knows where extensions begin.
    if wanted == 0 {
        return Ok(Progress::Complete(Header { source: None, length }));
    }
    if let Some(header) = octets.get(..length)
        && !checksum_holds(header, FIXED + wanted)
    {
        return Err(HeaderError::WrongChecksum);
    }
    Ok(Progress::Complete(Header { source: binary_source(family, block), length }))
}

/// Whether the checksum among the extensions from `start` on, if there is one, is that of the header (§2.2.3). What
/// does not have the form of an extension is padding.
fn checksum_holds(header: &[u8], start: usize) -> bool {
    let mut at = start;
    while let Some([kind, high, low]) = header.get(at..).and_then(<[u8]>::first_chunk) {
        let value = at + 3;
        let end = value + usize::from(u16::from_be_bytes([*high, *low]));
        if *kind == CHECKSUM {
            return is_checksum(header, value, end);
        }
        at = end;
    }
    true
}

/// The number stands highest octet first, as load balancers write it, and counts as zeros.
fn is_checksum(header: &[u8], value: usize, end: usize) -> bool {
    let (Some(before), Some(given), Some(after)) =
        (header.get(..value), header.get(value..end), header.get(end..))
    else {
        return false;
    };
    crc32c::checksum([before, &[0; 4], after]).to_be_bytes() == *given
}

/// How many octets the addresses of a family take (§2.2); extensions (TLVs) may follow them. Only what carries a
/// stream can carry LDAP.
const fn address_length(family: u8) -> Result<usize, HeaderError> {
    match family {
        // An unspecified family or transport: the addresses are to be ignored.
        0x00 | 0x10 | 0x20 | 0x30 => Ok(0),
        0x11 => Ok(12),
        0x21 => Ok(36),
        0x31 => Ok(216),
        _ => Err(HeaderError::UnknownFamily),
    }
}

/// The source address, which comes first. Sockets of the Unix family have none.
fn binary_source(family: u8, block: &[u8]) -> Option<IpAddr> {
    match family {
        0x11 => block.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
        0x21 => block.first_chunk::<16>().map(|octets| IpAddr::from(*octets)),
        _ => None,
    }
}

/// A property that holds for any octets, for the fuzz target and its corpus: a header is found wherever the octets
/// are cut, nothing behind it is ever asked for, and what is no header stays none. Not part of the library's
/// interface.
///
/// # Errors
/// The property that does not hold.
pub fn holds_when_cut(octets: &[u8]) -> Result<(), String> {
    let whole = parse(octets);
    let mut have = 0;
    loop {
        let part = octets.get(..have).unwrap_or(octets);
        match parse(part) {
            Ok(Progress::Missing(missing)) if missing > 0 && have + missing <= FIXED + MAX_REST => {
                if have + missing > octets.len() {
                    let open = matches!(whole, Ok(Progress::Missing(_)) | Err(_));
                    return open.then_some(()).ok_or(format!("asks beyond {have} octets"));
                }
                have += missing;
            }
            Ok(Progress::Missing(missing)) => return Err(format!("{missing} missing at {have}")),
            Ok(Progress::Complete(header)) if header.length != have => {
                return Err(format!("{} octets read for {}", have, header.length));
            }
            found if found == whole => return Ok(()),
            found => return Err(format!("{found:?} at {have}, {whole:?} in all")),
        }
    }
}
