//! When a copy has become too old, and when it is fresh again: each is told once.

use std::time::Duration;

/// Watches the age of one directory's copy.
#[derive(Clone, Debug)]
pub struct FreshnessWatch {
    max_age: Duration,
    stale: bool,
}

/// What has come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The copy has just passed the age up to which it counts as fresh.
    WentStale {
        /// How old it is.
        age: Duration,
    },
    /// A copy that was too old has been confirmed, or has been replaced.
    FreshAgain,
}

impl FreshnessWatch {
    /// Nothing is too old yet. `max_age` is the age up to which a copy counts as fresh.
    #[must_use]
    pub const fn new(max_age: Duration) -> Self {
        Self { max_age, stale: false }
    }

    /// Takes the copy's present age (`None`: there is no copy, which is another matter than an old one) and says
    /// what has come about since the last time.
    pub fn observe(&mut self, age: Option<Duration>) -> Option<Transition> {
        let stale = age.filter(|age| *age > self.max_age);
        let was = std::mem::replace(&mut self.stale, stale.is_some());
        match (was, stale) {
            (false, Some(age)) => Some(Transition::WentStale { age }),
            (true, None) => Some(Transition::FreshAgain),
            (true, Some(_)) | (false, None) => None,
        }
    }

    /// How long a copy of this age stays fresh; `None`: it is not. Whoever waits that long and a moment sees it
    /// become too old.
    #[must_use]
    pub fn left(&self, age: Duration) -> Option<Duration> {
        self.max_age.checked_sub(age)
    }

    /// Whether the copy was too old at the last look.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        self.stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn each_transition_is_told_once() {
        let mut watch = FreshnessWatch::new(seconds(60));
        let stale = |age| Some(Transition::WentStale { age: seconds(age) });
        for (age, expected) in [
            (None, None),
            (Some(0), None),
            (Some(60), None),
            (Some(61), stale(61)),
            (Some(600), None),
            (Some(3), Some(Transition::FreshAgain)),
            (Some(4), None),
            (Some(70), stale(70)),
            (None, Some(Transition::FreshAgain)),
        ] {
            assert_eq!(watch.observe(age.map(seconds)), expected, "{age:?}");
            assert_eq!(watch.is_stale(), age.is_some_and(|age| age > 60), "{age:?}");
        }
    }

    #[test]
    fn the_time_that_is_left() {
        let watch = FreshnessWatch::new(seconds(60));
        assert_eq!(watch.left(seconds(15)), Some(seconds(45)));
        assert_eq!(watch.left(seconds(60)), Some(Duration::ZERO));
        assert_eq!(watch.left(seconds(61)), None);
    }
}
