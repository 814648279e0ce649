//! How long a refusal waits, so that its speed does not tell whether a controller was asked: as long as one of the
//! application's last wrong passwords took, chosen at random. A fixed floor hides the difference only where
//! controllers answer faster than it; this hides it at any speed of theirs, without being told it.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many wrong passwords are remembered.
const REMEMBERED: usize = 64;

/// What the last wrong passwords of an application took, from the request to the controller's verdict.
#[derive(Debug)]
pub struct Pace {
    /// Microseconds plus one; 0 for none yet.
    taken: [AtomicU64; REMEMBERED],
    noted: AtomicU64,
    drawn: AtomicU64,
    /// Chances that nobody outside can foresee.
    chance: RandomState,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            taken: std::array::from_fn(|_| AtomicU64::new(0)),
            noted: AtomicU64::new(0),
            drawn: AtomicU64::new(0),
            chance: RandomState::new(),
        }
    }
}

impl Clone for Pace {
    /// Nothing is remembered yet: a copy is another application.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Pace {
    /// Notes what a controller took to reject a password.
    pub fn note(&self, took: Duration) {
        let place = self.noted.fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX - 1);
        if let Some(taken) = self.taken.get(index(place, REMEMBERED)) {
            taken.store(microseconds.saturating_add(1), Ordering::Relaxed);
        }
    }

    /// A copy that remembers the same: for the application that takes this one's place when the configuration changes.
    #[must_use]
    pub fn copied(&self) -> Self {
        let of = |count: &AtomicU64| AtomicU64::new(count.load(Ordering::Relaxed));
        Self {
            taken: self.taken.each_ref().map(of),
            noted: of(&self.noted),
            drawn: of(&self.drawn),
            chance: RandomState::new(),
        }
    }

    /// What one of the remembered rejections took; nothing while there is none.
    #[must_use]
    pub fn draw(&self) -> Duration {
        let known = self.noted.load(Ordering::Relaxed).min(REMEMBERED as u64);
        let Ok(known) = usize::try_from(known) else { return Duration::ZERO };
        let chance = self.chance.hash_one(self.drawn.fetch_add(1, Ordering::Relaxed));
        let drawn = if known == 0 { None } else { self.taken.get(index(chance, known)) };
        let microseconds = drawn.map_or(0, |taken| taken.load(Ordering::Relaxed));
        Duration::from_micros(microseconds.saturating_sub(1))
    }
}

/// A place below `count`, which is not 0.
fn index(number: u64, count: usize) -> usize {
    let count = u64::try_from(count).unwrap_or(1).max(1);
    usize::try_from(number % count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn what_is_drawn_was_noted_and_all_of_it_is_drawn() {
        let pace = Pace::default();
        assert_eq!(pace.draw(), Duration::ZERO, "nothing is known");
        pace.note(milliseconds(7));
        assert!((0..100).all(|_| pace.draw() == milliseconds(7)));
        for _ in 0..3 {
            pace.note(milliseconds(300));
        }
        let mut drawn: BTreeMap<Duration, u32> = BTreeMap::new();
        for _ in 0..4000 {
            *drawn.entry(pace.draw()).or_default() += 1;
        }
        let [(first, seldom), (second, often)] = drawn.into_iter().collect::<Vec<_>>()[..] else {
            panic!("other values than two")
        };
        assert_eq!((first, second), (milliseconds(7), milliseconds(300)));
        assert!((800..1200).contains(&seldom), "one of four: {seldom} {often}");
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let pace = Pace::default();
        pace.note(milliseconds(900));
        for _ in 0..REMEMBERED {
            pace.note(milliseconds(20));
        }
        assert!((0..1000).all(|_| pace.draw() == milliseconds(20)));
        assert_eq!(pace.clone().draw(), Duration::ZERO, "a copy is another application");
    }

    /// Nobody who sees some draws knows the next.
    #[test]
    fn two_paces_draw_differently() {
        let draws = || {
            let pace = Pace::default();
            (0..REMEMBERED as u64).for_each(|one| pace.note(milliseconds(one)));
            (0..20).map(|_| pace.draw()).collect::<Vec<_>>()
        };
        assert_ne!(draws(), draws());
    }
}
