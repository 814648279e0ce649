//! Windows of a sorted list (draft-ietf-ldapext-ldapv3-vlv-09 §4).

use std::ops::Range;

use crate::ldap::controls::virtual_list_view::{Target, VirtualListView};
use crate::ldap::result::ResultCode;

use super::matches::Matches;
use super::sort::Order;

/// What one window shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The positions of its entries, counted from 0.
    pub(super) positions: Range<usize>,
    /// The target, counted from 1; one more than there are entries if none fits.
    pub(super) target: usize,
}

/// The window of `matches`, sorted by `order`.
///
/// # Errors
/// The code that says why there is none: offsetRangeError, or inappropriateMatching for a value that the
/// sort key cannot have.
pub(super) fn window(
    asked: &VirtualListView,
    matches: &Matches,
    order: &Order,
) -> Result<Window, ResultCode> {
    let count = matches.len();
    let target = match &asked.target {
        Target::Offset { offset, count: believed } => {
            position(*offset as usize, *believed as usize, count)
                .ok_or(ResultCode::OFFSET_RANGE_ERROR)?
        }
        Target::GreaterOrEqual(value) => {
            1 + order.before(matches, value).ok_or(ResultCode::INAPPROPRIATE_MATCHING)?
        }
    };
    Ok(around(target, asked.before as usize, asked.after as usize, count))
}

/// A position that the client means out of `believed` entries, in a list that has `count`.
fn position(offset: usize, believed: usize, count: usize) -> Option<usize> {
    if offset == 0 {
        return None;
    }
    let scaled = if believed == 0 || believed == count || offset == 1 {
        offset
    } else if offset >= believed {
        count
    } else {
        // In 128 bits nothing overflows.
        usize::try_from(offset as u128 * count as u128 / believed as u128).unwrap_or(count).max(1)
    };
    Some(scaled.min(count.max(1)))
}

fn around(target: usize, before: usize, after: usize, count: usize) -> Window {
    let start = target.saturating_sub(1).saturating_sub(before).min(count);
    let end = target.saturating_add(after).min(count);
    Window { positions: start..end.max(start), target: target.min(count + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// draft-ietf-ldapext-ldapv3-vlv-09 §4: Si = Sc × (Ci / Cc), the ends meant exactly.
    #[test]
    fn positions() {
        for (offset, believed, count, expected) in [
            (1, 0, 10, Some(1)),
            (7, 0, 10, Some(7)),
            (7, 10, 10, Some(7)),
            (99, 0, 10, Some(10)),
            (10, 10, 100, Some(100)),
            (5, 10, 100, Some(50)),
            (50, 100, 10, Some(5)),
            (2, 1000, 10, Some(1)),
            (1, 1000, 10, Some(1)),
            (0x7fff_ffff, 0x7fff_ffff, 10, Some(10)),
            (0, 0, 10, None),
            (0, 10, 10, None),
            (1, 0, 0, Some(1)),
        ] {
            assert_eq!(
                position(offset, believed, count),
                expected,
                "{offset}/{believed} of {count}"
            );
        }
    }

    #[test]
    fn windows() {
        let of = |target, before, after| {
            let window = around(target, before, after, 10);
            (window.positions, window.target)
        };
        assert_eq!(of(1, 0, 3), (0..4, 1));
        assert_eq!(of(5, 2, 2), (2..7, 5));
        assert_eq!(of(10, 2, 5), (7..10, 10));
        assert_eq!(of(11, 2, 5), (8..10, 11), "behind the last");
        assert_eq!(of(1, 0x7fff_ffff, 0x7fff_ffff), (0..10, 1));
    }
}
