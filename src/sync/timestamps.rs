//! modifyTimestamp as a position: the poorest way to follow changes, where a server offers no better one.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::ldap::entry::AttributeValues;
use crate::ldap::packed_entry::PackedEntry;

/// What was written in the seconds before the latest moment that was seen may have become visible after
/// it: servers stamp an operation when it begins, and each counts by its own clock.
const OVERLAP: Duration = Duration::from_secs(10);

/// The latest modifyTimestamp of the entries, as the server writes it.
#[must_use]
pub fn latest(entries: &[PackedEntry]) -> Option<String> {
    entries.iter().filter_map(|entry| entry.text_of("modifyTimestamp")).max().map(str::to_owned)
}

/// The moment from which changes are asked for: some seconds before `latest`. `None`: it cannot be read.
#[must_use]
pub fn with_overlap(latest: &str) -> Option<String> {
    earlier(latest, OVERLAP)
}

/// GeneralizedTime (RFC 4517 §3.3.13) in whole seconds of universal time, `by` earlier.
#[must_use]
pub fn earlier(moment: &str, by: Duration) -> Option<String> {
    let digits: String = moment.chars().take_while(char::is_ascii_digit).collect();
    let is_universal = moment.ends_with('Z') && digits.len() == 14;
    let civil = is_universal.then(|| DateTime::strptime("%Y%m%d%H%M%S", &digits).ok())??;
    let stamp = civil.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let earlier: Timestamp = stamp.checked_sub(by).ok()?;
    Some(earlier.strftime("%Y%m%d%H%M%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_set_back() {
        assert_eq!(with_overlap("20260101000005Z").as_deref(), Some("20251231235955Z"));
        assert_eq!(with_overlap("20260101000005.123Z").as_deref(), Some("20251231235955Z"));
        for broken in ["", "Z", "2026", "20261399000000Z", "20260101000005", "20260101000005+0100"]
        {
            assert_eq!(with_overlap(broken), None, "{broken:?}");
        }
    }
}
