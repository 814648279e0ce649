//! How much of an application's traffic is served: connections at one time, binds and searches a second. One
//! account for all sessions of the application, kept in atomics; nothing here waits or reads a clock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::application::Application;

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// Bounds of one application's traffic; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrafficLimits {
    /// Most connections at one time.
    pub connections: u32,
    /// Most binds a second, and at once.
    pub binds_per_second: u32,
    /// Most searches and compares a second, and at once.
    pub searches_per_second: u32,
}

/// The traffic of one application against its bounds.
#[derive(Debug, Default)]
pub struct Traffic {
    limits: TrafficLimits,
    /// Shared with the application that takes this one's place when the configuration changes.
    connections: Arc<AtomicU32>,
    binds: Bucket,
    searches: Bucket,
    warnings: Bucket,
}

impl Traffic {
    /// No traffic yet.
    #[must_use]
    pub fn new(limits: TrafficLimits) -> Self {
        Self {
            limits,
            connections: Arc::default(),
            binds: Bucket::new(limits.binds_per_second),
            searches: Bucket::new(limits.searches_per_second),
            warnings: Bucket::new(1),
        }
    }

    /// Other bounds for what goes on: the open connections count, the rates begin anew.
    #[must_use]
    pub fn after(earlier: &Self, limits: TrafficLimits) -> Self {
        Self { connections: earlier.connections.clone(), ..Self::new(limits) }
    }

    /// Its bounds.
    #[must_use]
    pub const fn limits(&self) -> TrafficLimits {
        self.limits
    }

    /// Whether one more bind is within the bound; it counts if it is.
    #[must_use]
    pub fn takes_bind(&self, now: Instant) -> bool {
        self.binds.take(now)
    }

    /// Whether one more search or compare is within the bound; it counts if it is.
    #[must_use]
    pub fn takes_search(&self, now: Instant) -> bool {
        self.searches.take(now)
    }

    /// Whether the log is to be told that a bound was reached: at most once a second.
    #[must_use]
    pub fn warns(&self, now: Instant) -> bool {
        self.warnings.take(now)
    }
}

impl Clone for Traffic {
    /// The same bounds and no traffic: a copy is another application.
    fn clone(&self) -> Self {
        Self::new(self.limits)
    }
}

/// One of an application's connections, as long as it lives.
#[derive(Debug)]
#[must_use]
pub struct ConnectionPlace(Arc<Application>);

impl ConnectionPlace {
    /// A place for one more connection; `None` if the application has as many as it may.
    pub fn take(application: &Arc<Application>) -> Option<Self> {
        let Traffic { limits, connections, .. } = &application.traffic;
        let most = if limits.connections == 0 { u32::MAX } else { limits.connections };
        let one_more = |open| (open < most).then(|| open + 1);
        connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self(application.clone()))
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.0.traffic.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A bucket of tokens that fills by so many a second and holds as many: one number, the moment at which it will be
/// full again (the generic cell rate algorithm of ITU-T I.371).
#[derive(Debug, Default)]
pub struct Bucket {
    /// Nanoseconds for one token; 0 for no bound.
    interval: u64,
    /// Where the bucket's clock begins.
    origin: OnceLock<Instant>,
    /// When it will be full, in nanoseconds of its clock.
    full_at: AtomicU64,
}

impl Bucket {
    /// A full bucket for so many a second; 0 for no bound.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let interval = SECOND.checked_div(u64::from(per_second)).unwrap_or(0);
        Self { interval, ..Self::default() }
    }

    /// Whether there is a token at `now`; it is taken if there is.
    #[must_use]
    pub fn take(&self, now: Instant) -> bool {
        if self.interval == 0 {
            return true;
        }
        let origin = *self.origin.get_or_init(|| now);
        let now = nanoseconds(now.saturating_duration_since(origin));
        let one_less = |full_at: u64| {
            let then = full_at.max(now) + self.interval;
            (then - now <= SECOND).then_some(then)
        };
        self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }
}

/// Enough for five centuries.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::tests::application;
    use crate::time::Now;

    #[test]
    fn a_bucket_has_a_burst_and_a_rate() {
        let bucket = Bucket::new(4);
        let start = Now::read().monotonic;
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let taken = |milliseconds| (0..10).filter(|_| bucket.take(at(milliseconds))).count();
        assert_eq!(taken(0), 4, "full");
        assert_eq!(taken(249), 0);
        assert_eq!(taken(250), 1);
        assert_eq!(taken(1000), 3);
        assert_eq!(taken(90_000), 4, "no more than full");
        assert_eq!(taken(80_000), 0, "a clock that runs backwards gives nothing away");
        let unbounded = Bucket::new(0);
        assert!((0..1000).all(|_| unbounded.take(start)));
    }

    #[test]
    fn places_are_given_back() {
        let limits = TrafficLimits { connections: 2, ..TrafficLimits::default() };
        let application = Arc::new(Application { traffic: Traffic::new(limits), ..application() });
        let first = ConnectionPlace::take(&application);
        let second = ConnectionPlace::take(&application);
        assert!(first.is_some() && second.is_some());
        assert!(ConnectionPlace::take(&application).is_none());
        drop(first);
        assert!(ConnectionPlace::take(&application).is_some());
        let other = Arc::new(Application { traffic: Traffic::default(), ..(*application).clone() });
        assert!((0..100).map(|_| ConnectionPlace::take(&other)).all(|place| place.is_some()));
    }

    proptest! {
        /// In no second pass more than twice the bound (what was saved, and what came meanwhile), and over a
        /// longer time what passes comes close to it.
        #[test]
        fn no_second_lets_more_pass(rate in 1_u32..50, gaps in prop::collection::vec(0_u64..40, 400)) {
            let bucket = Bucket::new(rate);
            let start = Now::read().monotonic;
            let mut time = 0;
            let mut passed = Vec::new();
            for gap in gaps {
                time += gap;
                if bucket.take(start + Duration::from_millis(time)) {
                    passed.push(time);
                }
            }
            for (position, begin) in passed.iter().enumerate() {
                let within = passed[position..].iter().take_while(|time| **time < begin + 1000).count();
                prop_assert!(within <= 2 * rate as usize, "{within} of {rate}");
            }
            let most = u64::from(rate) + time * u64::from(rate) / 1000 + 1;
            prop_assert!(passed.len() as u64 <= most, "{} of {most}", passed.len());
        }
    }
}
