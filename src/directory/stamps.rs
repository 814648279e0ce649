//! The view's own change numbers and times of change. Those of controllers are each controller's own: an
//! application that asks "what changed since" loses changes when it is answered by another one
//! (MS-ADTS §3.1.1.1.9). Ours only grow, whichever controller a change was read from.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::identifier::Guid;
use crate::ldap::schema::DirectoryKind;

use super::apply::BuildError;
use super::attributes::{AttributeId, Attributes};
use super::domain::Domain;
use super::intake::Content;
use super::view::Parts;

/// Attributes that say when or in which order an entry changed. What a controller says of them is not
/// compared: it differs after a failover although nothing has happened.
pub(super) const STAMPED: [&str; 4] =
    ["modifyTimeStamp", "uSNChanged", "uSNCreated", "whenChanged"];

/// The counters of one line of views.
#[derive(Clone, Debug)]
pub(super) struct Stamps {
    invocation: Guid,
    highest: u64,
    /// The latest time of change given so far, in seconds since 1970-01-01T00:00:00Z.
    latest: i64,
}

/// How long after its changes were stamped a view is published, at most: a large pass takes seconds to
/// compare. Times of change are so much in the future, or an application that asks in between would keep
/// a moment past them, and never hear of them.
const LEAD: Duration = Duration::from_secs(5);

/// What one change is stamped with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) number: u64,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub(super) time: i64,
}

impl Stamps {
    /// Begins a numbering. Its identity follows from the directory and the moment, to the nanosecond. The
    /// numbers begin at the moment in microseconds: applications that keep the highest number and never
    /// look at the identity are told everything once more, rather than nothing until the numbers have
    /// caught up. Numbers stay exact where they are read as floating point (below 2^53).
    pub(super) fn begin(domain: &Domain, now: SystemTime) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"ldapgate invocation\0");
        digest.update(domain.directory.as_bytes());
        digest.update([0]);
        digest.update(domain.naming_context.as_bytes());
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        digest.update(since.as_nanos().to_le_bytes());
        let highest = u64::try_from(since.as_micros()).unwrap_or_default();
        Self { invocation: derived_guid(&digest.finalize()), highest, latest: i64::MIN }
    }

    /// The numbering of an earlier run, which goes on where it was.
    pub(super) const fn continued(invocation: Guid, highest: u64, latest: i64) -> Self {
        Self { invocation, highest, latest }
    }

    /// Goes on from the present moment in microseconds at the latest, as a numbering that begins would.
    pub(super) fn raise(&mut self, now: SystemTime) {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.highest = self.highest.max(u64::try_from(since.as_micros()).unwrap_or_default());
    }

    /// The latest time of change given so far, in seconds since 1970-01-01T00:00:00Z.
    pub(super) const fn latest(&self) -> i64 {
        self.latest
    }

    pub(super) const fn invocation(&self) -> Guid {
        self.invocation
    }

    pub(super) const fn highest_usn(&self) -> u64 {
        self.highest
    }

    /// The next number, and the time that changes at `now` count for: when they can be seen at the latest,
    /// and the end of that second, so that an application that asked within it finds the change when it
    /// asks for that second again.
    pub(super) fn next(&mut self, now: SystemTime) -> Stamp {
        self.highest += 1;
        self.latest = self.latest.max(seconds_rounded_up(now + LEAD));
        Stamp { number: self.highest, time: self.latest }
    }
}

/// Writes stamps into what is kept of entries.
#[derive(Clone, Debug)]
pub(super) struct StampWriter {
    kind: DirectoryKind,
    /// Those of [`STAMPED`] that entries of the directory have, in this order.
    ids: [Option<AttributeId>; 4],
    /// The time last written, in seconds and as text: mostly the next one is the same.
    written: (i64, String),
}

impl StampWriter {
    /// Gives numbers to the attributes.
    ///
    /// # Errors
    /// More descriptions than there are numbers.
    pub(super) fn prepare(parts: &mut Parts, kind: DirectoryKind) -> Result<Self, BuildError> {
        for name in STAMPED.iter().filter(|name| has_stamp(kind, name)) {
            parts.intern(&AttributeDescription::new(name))?;
        }
        Ok(Self::of(&parts.attributes, kind))
    }

    /// With the numbers that the attributes have.
    pub(super) fn of(attributes: &Attributes, kind: DirectoryKind) -> Self {
        let find = |name| attributes.find_name(name).filter(|_| has_stamp(kind, name));
        Self { kind, ids: STAMPED.map(find), written: (i64::MIN, String::new()) }
    }

    /// Adds a stamp; `created` is the number the entry was created with, if not this one.
    pub(super) fn push(
        &mut self,
        content: &mut Content,
        attributes: &Attributes,
        stamp: Stamp,
        created: Option<u64>,
    ) {
        if self.written.0 != stamp.time {
            self.written = (stamp.time, generalized_time(self.kind, stamp.time));
        }
        let (_, time) = &self.written;
        let number = stamp.number.to_string();
        let created = created.unwrap_or(stamp.number).to_string();
        for (id, value) in self.ids.iter().zip([time, &number, &created, time]) {
            if let Some(id) = id.filter(|_| !value.is_empty()) {
                content.push(attributes, id, std::iter::once(value.as_bytes()));
            }
        }
    }
}

/// Whether entries of such a directory have the attribute.
fn has_stamp(kind: DirectoryKind, name: &str) -> bool {
    match kind {
        DirectoryKind::ActiveDirectory => true,
        DirectoryKind::OpenLdap => name == "modifyTimeStamp",
    }
}

/// An identifier made from a digest: version 8 is for ways of one's own (RFC 9562 §5.8).
pub(super) fn derived_guid(digest: &[u8]) -> Guid {
    let mut octets = [0; 16];
    octets.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut octets;
    *version = (*version & 0x0f) | 0x80;
    *variant = (*variant & 0x3f) | 0x80;
    Guid(octets)
}

fn seconds_rounded_up(now: SystemTime) -> i64 {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let whole = if since.subsec_nanos() > 0 { since + Duration::from_secs(1) } else { since };
    i64::try_from(whole.as_secs()).unwrap_or(i64::MAX)
}

/// GeneralizedTime as the directory writes it: Active Directory with a fraction, others without.
pub(super) fn generalized_time(kind: DirectoryKind, seconds: i64) -> String {
    let format = match kind {
        DirectoryKind::ActiveDirectory => "%Y%m%d%H%M%S.0Z",
        DirectoryKind::OpenLdap => "%Y%m%d%H%M%SZ",
    };
    let time = Timestamp::from_second(seconds);
    time.map_or_else(|_| String::new(), |time| time.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_never_run_backwards() {
        let at = |milliseconds| SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds);
        let mut stamps = Stamps { invocation: Guid([0; 16]), highest: 0, latest: i64::MIN };
        assert_eq!(stamps.next(at(10_001)), Stamp { number: 1, time: 16 });
        assert_eq!(stamps.next(at(12_000)), Stamp { number: 2, time: 17 });
        assert_eq!(stamps.next(at(3_000)), Stamp { number: 3, time: 17 }, "the clock was set back");
    }

    #[test]
    fn times_are_written_as_the_directory_writes_them() {
        let written = |kind| generalized_time(kind, 1_700_000_000);
        assert_eq!(written(DirectoryKind::ActiveDirectory), "20231114221320.0Z");
        assert_eq!(written(DirectoryKind::OpenLdap), "20231114221320Z");
    }
}
