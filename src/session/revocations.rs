//! How long it takes from the moment a change is seen to the notice that ends a session over it: counted in
//! buckets, for status and metrics (`revocation_seconds`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in milliseconds. What takes longer is in none of them.
const BOUNDS: [u64; 10] = [10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/// Counts for as long as the program runs. Counting never waits.
#[derive(Debug, Default)]
pub struct Revocations {
    /// Each of its own: not counted in the wider ones.
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    sum: AtomicU64,
    max: AtomicU64,
}

/// What has been counted.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct RevocationSeconds {
    /// How many sessions were ended by a change whose time is known.
    pub count: u64,
    /// All their times together, in seconds.
    pub sum: f64,
    /// The longest time, in seconds.
    pub max: f64,
    /// How many took at most so many seconds, narrowest first; each holds all that the ones before it hold.
    pub buckets: Vec<(f64, u64)>,
}

impl Revocations {
    /// Counts one session that was ended `took` after the change was seen.
    pub fn observe(&self, took: Duration) {
        let bucket = BOUNDS.iter().position(|bound| took <= Duration::from_millis(*bound));
        if let Some(bucket) = bucket.and_then(|at| self.buckets.get(at)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(micros, Ordering::Relaxed);
        self.max.fetch_max(micros, Ordering::Relaxed);
    }

    /// What has been counted so far. Read while somebody counts, its numbers may be one apart.
    #[must_use]
    pub fn read(&self) -> RevocationSeconds {
        let seconds = |micros: &AtomicU64| {
            Duration::from_micros(micros.load(Ordering::Relaxed)).as_secs_f64()
        };
        let mut within = 0;
        let buckets = BOUNDS.iter().zip(&self.buckets).map(|(bound, bucket)| {
            within += bucket.load(Ordering::Relaxed);
            (Duration::from_millis(*bound).as_secs_f64(), within)
        });
        RevocationSeconds {
            buckets: buckets.collect(),
            count: self.count.load(Ordering::Relaxed),
            sum: seconds(&self.sum),
            max: seconds(&self.max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_its_bucket_and_the_wider_ones() {
        let revocations = Revocations::default();
        for millis in [3, 10, 11, 600, 10_000, 10_001] {
            revocations.observe(Duration::from_millis(millis));
        }
        let read = revocations.read();
        let counts: Vec<u64> = read.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [2, 3, 3, 3, 3, 3, 4, 4, 4, 5]);
        assert_eq!((read.buckets[0].0, read.buckets[9].0), (0.01, 10.0));
        assert_eq!((read.count, read.max), (6, 10.001));
        assert!((read.sum - 20.625).abs() < 1e-9, "{}", read.sum);
    }
}
