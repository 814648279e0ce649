//! How lines are chained: each has a number, the code of the line before it, and a code of its own over all of that
//! (HMAC-SHA256, RFC 2104), which nobody can make without the key.
//!
//! The code is over the octets of the line as they stand, from the brace to before `,"mac"`; so a line is checked
//! without being understood, and nothing in it can be written in two ways.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::hexadecimal;

use super::event::{Event, Names};
use super::key::Key;

/// Octets of a code.
const CODE: usize = 32;
/// Digits of a code.
const DIGITS: usize = 2 * CODE;

const SEQ: &[u8] = b"{\"seq\":";
const PREV: &[u8] = b",\"prev\":\"";
const MAC: &[u8] = b"\",\"mac\":\"";
const END: &[u8] = b"\"}";

/// The kind of the line that begins a chain anew behind one that cannot be continued.
pub(super) const RESTARTED: &str = "chain_restarted";
/// The kind of the line that tells that old files were removed, and its field with the last number in them.
pub(super) const REMOVED: &str = "old_file_removed";
pub(super) const THROUGH: &str = "through";

/// Where a chain stands: the number and the code of its last line. Whoever knows it can tell that later the end was
/// cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number; 0 before the first line.
    pub seq: u64,
    /// The code; zeros before the first line.
    pub mac: [u8; CODE],
}

impl Head {
    /// Before the first line.
    pub const START: Self = Self { seq: 0, mac: [0; CODE] };

    /// `SEQ:MAC`, as it is logged.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}:{}", self.seq, hexadecimal::digits(&self.mac))
    }

    /// Reads what [`Head::text`] writes.
    ///
    /// # Errors
    /// What it looks like instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fault = || {
            format!(
                "{text:?} is no head; it looks like 1234:9f86d081… (64 digits), as the log has it"
            )
        };
        let (seq, mac) = text.trim().split_once(':').ok_or_else(fault)?;
        let mac = hexadecimal::octets(mac).and_then(|mac| mac.try_into().ok());
        Ok(Self { seq: seq.parse().map_err(|_| fault())?, mac: mac.ok_or_else(fault)? })
    }
}

/// Writes the line of an event behind `head`, with its line feed, and gives where the chain stands then.
pub fn seal(key: &Key, head: Head, event: &Event, names: &Names, line: &mut Vec<u8>) -> Head {
    let begin = line.len();
    let seq = head.seq + 1;
    line.extend_from_slice(SEQ);
    line.extend_from_slice(seq.to_string().as_bytes());
    line.push(b',');
    event.write(line, names);
    line.extend_from_slice(PREV);
    line.extend_from_slice(hexadecimal::digits(&head.mac).as_bytes());
    let mac = code(key, line.get(begin..).unwrap_or_default());
    line.extend_from_slice(MAC);
    line.extend_from_slice(hexadecimal::digits(&mac).as_bytes());
    line.extend_from_slice(END);
    line.push(b'\n');
    Head { seq, mac }
}

fn code(key: &Key, octets: &[u8]) -> [u8; CODE] {
    // A key of any length is taken.
    Hmac::<Sha256>::new_from_slice(key.octets()).map_or([0; CODE], |mut mac| {
        mac.update(octets);
        mac.finalize().into_bytes().into()
    })
}

/// A line taken apart, not yet believed.
#[derive(Clone, Copy, Debug)]
struct Parts<'l> {
    seq: u64,
    prev: [u8; CODE],
    mac: [u8; CODE],
    covered: &'l [u8],
}

fn parts(line: &[u8]) -> Option<Parts<'_>> {
    let body = line.strip_suffix(END)?;
    let (rest, mac) = body.split_at_checked(body.len().checked_sub(DIGITS)?)?;
    let covered = rest.strip_suffix(MAC)?;
    let (rest, prev) = covered.split_at_checked(covered.len().checked_sub(DIGITS)?)?;
    let inner = rest.strip_suffix(PREV)?.strip_prefix(SEQ)?;
    let digits = inner.split(|octet| *octet == b',').next()?;
    let seq = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Parts { seq, prev: octets(prev)?, mac: octets(mac)?, covered })
}

fn octets(digits: &[u8]) -> Option<[u8; CODE]> {
    // One way of writing only: digits in upper case would be a change that is not seen.
    if digits.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    hexadecimal::octets(std::str::from_utf8(digits).ok()?)?.try_into().ok()
}

/// The head that a line leaves, if it was made with this key. `Err`: the number that it has, if it has one.
pub(super) fn head_of(key: &Key, line: &[u8]) -> Result<Head, Option<u64>> {
    let parts = parts(line).ok_or(None)?;
    if bool::from(code(key, parts.covered).ct_eq(&parts.mac)) {
        Ok(Head { seq: parts.seq, mac: parts.mac })
    } else {
        Err(Some(parts.seq))
    }
}

/// What is wrong with a line, or with what should be before or behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not a line of a trail, or its code is not that of what it says: somebody has changed it, or it was made
    /// with another key.
    Changed,
    /// Lines are missing before it.
    Missing {
        /// The number that should be here.
        expected: u64,
        /// The number that is.
        found: u64,
    },
    /// It belongs further up: lines have changed places, or one is there twice.
    OutOfOrder {
        /// The number that should be here.
        expected: u64,
        /// The number that is.
        found: u64,
    },
    /// It has the right number, but does not continue the line before it.
    NotContinued,
    /// The program could not go on from the line before it, and began anew.
    Restarted,
    /// The trail begins later than it should, and no line tells that old files were removed up to there.
    BeginningMissing {
        /// The first number that there is.
        first: u64,
    },
    /// The trail ends before the head that was given: its end was cut off.
    CutOff {
        /// The last number that there is.
        last: u64,
        /// The number of the head.
        head: u64,
    },
    /// The line with the number of the head has another code than the head.
    OtherHead,
}

/// Checks the lines of a trail, one after the other, in constant memory.
pub struct Checker<'k> {
    key: &'k Key,
    head: Option<Head>,
    given: Option<Head>,
    first: Option<u64>,
    /// Old files were removed up to this number.
    removed: Option<u64>,
    lines: u64,
}

impl<'k> Checker<'k> {
    /// Before the first line. `given` is a head of earlier, which the trail must still have.
    #[must_use]
    pub const fn new(key: &'k Key, given: Option<Head>) -> Self {
        Self { key, head: None, given, first: None, removed: None, lines: 0 }
    }

    /// Takes the next line, without its line feed.
    pub fn line(&mut self, line: &[u8]) -> Option<Fault> {
        self.lines += 1;
        let Ok(head) = head_of(self.key, line) else {
            // What follows continues this one: it is taken for what it should be, so that one change is one fault.
            self.head =
                parts(line).map(|parts| Head { seq: parts.seq, mac: parts.mac }).or(self.head);
            return Some(Fault::Changed);
        };
        let prev = parts(line).map_or([0; CODE], |parts| parts.prev);
        let before = self.head.replace(head);
        self.note(line);
        let fault = match before {
            _ if is_kind(line, RESTARTED) => Some(Fault::Restarted),
            None => {
                self.first = Some(head.seq);
                None
            }
            Some(before) => follows(before, head, prev),
        };
        let other = self.given.is_some_and(|given| given.seq == head.seq && given.mac != head.mac);
        fault.or(other.then_some(Fault::OtherHead))
    }

    /// What an old file is that is gone is told by a line of a later one.
    fn note(&mut self, line: &[u8]) {
        if !is_kind(line, REMOVED) {
            return;
        }
        let document = serde_json::from_slice::<serde_json::Value>(line).ok();
        let through = document.and_then(|document| document.get(THROUGH)?.as_u64());
        self.removed = self.removed.max(through);
    }

    /// What is wrong with the beginning and the end, once all lines were taken.
    #[must_use]
    pub fn end(&self) -> Vec<Fault> {
        let first = self.first.unwrap_or(1);
        let removed = self.removed.unwrap_or(0);
        let last = self.head.map_or(0, |head| head.seq);
        let beginning =
            (first > 1 && removed + 1 < first).then_some(Fault::BeginningMissing { first });
        let end = self.given.filter(|given| given.seq > last);
        let end = end.map(|given| Fault::CutOff { last, head: given.seq });
        beginning.into_iter().chain(end).collect()
    }

    /// Where the chain stands.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head.unwrap_or(Head::START)
    }

    /// How many lines were taken.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }
}

fn follows(before: Head, head: Head, prev: [u8; CODE]) -> Option<Fault> {
    let (expected, found) = (before.seq + 1, head.seq);
    match found.cmp(&expected) {
        std::cmp::Ordering::Greater => Some(Fault::Missing { expected, found }),
        std::cmp::Ordering::Less => Some(Fault::OutOfOrder { expected, found }),
        std::cmp::Ordering::Equal => (prev != before.mac).then_some(Fault::NotContinued),
    }
}

/// Whether a line, which was made with the key, is of this kind.
fn is_kind(line: &[u8], kind: &str) -> bool {
    let mark = format!(",\"event\":\"{kind}\"");
    // The kind stands behind number and time, before anything that others have said.
    let head = line.get(..line.len().min(96)).unwrap_or_default();
    head.windows(mark.len()).any(|window| window == mark.as_bytes())
}
