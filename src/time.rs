//! Time as an argument. Decisions take a [`Now`]; only `[io]` files read a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One reading of both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For durations and timeouts: never runs backwards.
    pub monotonic: Instant,
    /// For what people and directories write down: may be set.
    pub wall: SystemTime,
}

impl Now {
    /// Reads both clocks. Only `[io]` files may call it (`tests/layering.rs` checks).
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clocks")]
    pub fn read() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// The same moment, `by` later on both clocks.
    #[must_use]
    pub fn later(self, by: Duration) -> Self {
        Self { monotonic: self.monotonic + by, wall: self.wall + by }
    }

    /// Whole seconds since 1970-01-01T00:00:00Z; negative before.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        unix_seconds(self.wall)
    }
}

/// Whole seconds since 1970-01-01T00:00:00Z; negative before.
#[must_use]
pub fn unix_seconds(wall: SystemTime) -> i64 {
    match wall.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
    }
}
