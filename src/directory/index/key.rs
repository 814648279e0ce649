//! Keys of the value indices: a prepared value in a few octets that sort as the values do.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};

/// Prepared values of up to so many octets are their own keys.
const EXACT: usize = PREFIX + HASH - 1;
/// So much of a longer value is in its key as it is.
pub(super) const PREFIX: usize = 39;
/// What follows is hashed to this many octets.
const HASH: usize = 8;

/// The key of a value prepared by [`prepare`](crate::ldap::matching_rule::prepare).
///
/// Up to 46 octets it is the value itself. A longer value is known by its first 39 octets and a hash of the
/// whole: equal values have equal keys, but equal keys may be those of different values, so what is found
/// under such a key has to be looked at.
#[derive(Clone, Copy)]
pub(in crate::directory) struct Key {
    octets: [u8; PREFIX + HASH],
    length: u8,
}

impl Key {
    /// Comes before all others.
    pub(super) const EMPTY: Self = Self { octets: [0; PREFIX + HASH], length: 0 };

    /// The key of a prepared value.
    pub(in crate::directory) fn of(prepared: &[u8]) -> Self {
        if prepared.len() <= EXACT {
            return Self::holding(prepared);
        }
        let mut key = Self::holding(prepared.get(..PREFIX).unwrap_or_default());
        // No secret in it: whoever makes hashes collide wins a second look at the values.
        let mut hasher = DefaultHasher::new();
        hasher.write(prepared);
        let hash = hasher.finish().to_be_bytes();
        key.octets.iter_mut().skip(PREFIX).zip(hash).for_each(|(to, from)| *to = from);
        key.length = (PREFIX + HASH) as u8;
        key
    }

    /// The key that consists of these octets; more than there is room for are cut off.
    pub(super) fn holding(octets: &[u8]) -> Self {
        let mut key = Self::EMPTY;
        let length = octets.len().min(PREFIX + HASH);
        if let (Some(room), Some(octets)) = (key.octets.get_mut(..length), octets.get(..length)) {
            room.copy_from_slice(octets);
        }
        key.length = length as u8;
        key
    }

    /// Text of letters without blanks as caseIgnoreMatch prepares it, straight into a key. `None`: it is
    /// not as simple as that.
    pub(in crate::directory) fn of_plain_text(value: &[u8]) -> Option<Self> {
        if value.len() > EXACT || !value.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let mut key = Self::holding(value);
        key.octets.make_ascii_lowercase();
        Some(key)
    }

    pub(in crate::directory) fn as_slice(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Whether the key is the prepared value itself.
    pub(in crate::directory) const fn is_exact(&self) -> bool {
        (self.length as usize) <= EXACT
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.as_slice().escape_ascii())
    }
}

/// A run of keys.
#[derive(Clone, Copy, Debug)]
pub(in crate::directory) struct KeyRange {
    from: Key,
    to: Upper,
    exact: bool,
}

/// Where a run of keys ends.
#[derive(Clone, Copy, Debug)]
enum Upper {
    Open,
    /// This key is the last one.
    Through(Key),
    /// Keys that begin with these octets are the last ones.
    Beginning(Key),
}

impl KeyRange {
    /// The keys of values that are `prepared` or come after it.
    pub(in crate::directory) fn at_least(prepared: &[u8]) -> Self {
        let (from, exact) = bound(prepared);
        Self { from, to: Upper::Open, exact }
    }

    /// The keys of values that are `prepared` or come before it.
    pub(in crate::directory) fn at_most(prepared: &[u8]) -> Self {
        let (to, exact) = bound(prepared);
        let to = if exact { Upper::Through(to) } else { Upper::Beginning(to) };
        Self { from: Key::EMPTY, to, exact }
    }

    /// The keys of values that begin with `prepared`.
    pub(in crate::directory) fn beginning(prepared: &[u8]) -> Self {
        let (from, exact) = bound(prepared);
        Self { from, to: Upper::Beginning(from), exact }
    }

    /// Whether the keys of all other values are outside; if not, what is found has to be looked at.
    pub(in crate::directory) const fn is_exact(&self) -> bool {
        self.exact
    }

    pub(super) const fn from(&self) -> &Key {
        &self.from
    }

    pub(super) fn is_past(&self, key: &[u8]) -> bool {
        match &self.to {
            Upper::Open => false,
            Upper::Through(last) => key > last.as_slice(),
            Upper::Beginning(prefix) => {
                let prefix = prefix.as_slice();
                key.get(..prefix.len()).unwrap_or(key) > prefix
            }
        }
    }
}

/// What of a prepared value is the same in keys, and whether that is all of it.
fn bound(prepared: &[u8]) -> (Key, bool) {
    (Key::holding(prepared.get(..PREFIX).unwrap_or(prepared)), prepared.len() <= PREFIX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ldap::matching_rule::prepare;
    use crate::ldap::schema::Syntax;

    fn value() -> impl Strategy<Value = Vec<u8>> {
        // Long values that begin alike, and any others.
        prop_oneof![
            (0_usize..60, "[ab]{0,4}").prop_map(|(length, end)| {
                let mut value = vec![b'a'; length];
                value.extend(end.bytes());
                value
            }),
            proptest::collection::vec(any::<u8>(), 0..60),
        ]
    }

    fn within(range: &KeyRange, value: &[u8]) -> bool {
        let key = Key::of(value);
        key >= *range.from() && !range.is_past(key.as_slice())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn keys_are_equal_when_values_are(a in value(), b in value()) {
            let (left, right) = (Key::of(&a), Key::of(&b));
            prop_assert_eq!(left == right, a == b);
            prop_assert_eq!(left.is_exact(), a.len() <= 46);
            if left.is_exact() {
                prop_assert_eq!(left.as_slice(), a.as_slice());
            }
        }

        #[test]
        fn ranges_of_keys_hold_the_values(bound in value(), value in value()) {
            let cases = [
                (KeyRange::at_least(&bound), value >= bound),
                (KeyRange::at_most(&bound), value <= bound),
                (KeyRange::beginning(&bound), value.starts_with(&bound)),
            ];
            for (range, holds) in cases {
                if range.is_exact() {
                    prop_assert_eq!(within(&range, &value), holds, "{:?}", range);
                } else {
                    prop_assert!(!holds || within(&range, &value), "{:?}", range);
                }
            }
        }

        #[test]
        fn plain_text_is_prepared_text(text in "[ -~]{0,50}") {
            if let Some(key) = Key::of_plain_text(text.as_bytes()) {
                let prepared = prepare(Syntax::CaseIgnore, text.as_bytes()).unwrap();
                prop_assert_eq!(key, Key::of(&prepared));
            }
        }
    }

    #[test]
    fn plain_text_is_taken() {
        assert!(Key::of_plain_text(b"Alice.Smith@corp.example").is_some());
        for other in ["a b", "\u{e9}", "a\tb", &"x".repeat(47)] {
            assert!(Key::of_plain_text(other.as_bytes()).is_none(), "{other}");
        }
    }
}
