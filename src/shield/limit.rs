//! How many failures an account may have within which time.
//!
//! **Why half of the directory's threshold.** A directory counts wrong passwords from everywhere: from here, from
//! workstations, from mail clients. Whoever hammers an account through this program must leave so many attempts
//! to its owner that a slip elsewhere does not lock the account. With the usual threshold of 5, three are spent
//! here and one elsewhere does no harm; with 10 it is five here and four elsewhere. A budget of threshold − 1 would
//! hold the promise to the letter and let the next slip break it; a smaller one would refuse people who mistype
//! twice. At a threshold of 3 the budget is 2 and nothing is left for elsewhere, at 2 it is 1; a threshold of 1
//! locks with the first wrong password, and nobody can do anything about that but not ask at all.
//!
//! **Why the window begins anew with each failure.** So it does at the directory: `badPwdCount` begins anew only
//! where `badPasswordTime`, the time of the last one, lies further back than `lockOutObservationWindow`. Failures at
//! intervals just below the window add up there for ever, and a sliding window here would forget the first of them. It
//! is a tenth longer here, so that the directory has forgotten by the time this program has.

use std::num::NonZeroU32;
use std::time::Duration;

/// The longest window: the longest that Active Directory's tools let anybody set (99 999 minutes).
pub const LONGEST_WINDOW: Duration = Duration::from_secs(99_999 * 60);

/// What a directory says about lockout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutPolicy {
    /// Wrong passwords after which an account is locked; 0 for never (`lockoutThreshold`).
    pub threshold: u32,
    /// How long a wrong password counts (`lockOutObservationWindow`).
    pub window: Duration,
}

/// The budget of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// So many failures may be counted.
    pub failures: NonZeroU32,
    /// All are forgotten when the last of them is older than this.
    pub window: Duration,
}

/// `[directory.shield]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShieldConfig {
    /// Whether there is a shield at all.
    pub enabled: bool,
    /// Failures of one account; `None` follows the directory's policy, 0 is without a bound.
    pub failures: Option<u32>,
    /// How long a failure counts; `None` follows the directory's policy.
    pub window: Option<Duration>,
    /// Failures of one account where no policy can be read; 0 is without a bound.
    pub fallback_failures: u32,
    /// How long a failure counts where no policy can be read.
    pub fallback_window: Duration,
    /// How long a wrong password is remembered, at most [`ShieldConfig::LONGEST_MEMORY`].
    pub remember: Duration,
}

impl ShieldConfig {
    /// Longest time that a wrong password may be remembered.
    pub const LONGEST_MEMORY: Duration = Duration::from_secs(60);

    /// The budget of an account to which `policy` applies; `None` for no bound.
    #[must_use]
    pub fn limit(&self, policy: Option<LockoutPolicy>) -> Option<Limit> {
        let failures = match (self.failures, policy) {
            (Some(failures), _) => failures,
            (None, Some(policy)) => policy.threshold.div_ceil(2),
            (None, None) => self.fallback_failures,
        };
        let window = match (self.window, policy) {
            (Some(window), _) => window,
            // None at all says nothing: some forget at once then, some never.
            (None, Some(policy)) if policy.window > Duration::ZERO => longer(policy.window),
            (None, _) => self.fallback_window,
        };
        NonZeroU32::new(failures).map(|failures| Limit { failures, window })
    }
}

impl Default for ShieldConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            failures: None,
            window: None,
            fallback_failures: 5,
            fallback_window: Duration::from_secs(30 * 60),
            remember: Duration::from_secs(30),
        }
    }
}

/// A tenth and a second more: the controller counted before its answer came here, and clocks differ.
fn longer(window: Duration) -> Duration {
    window.saturating_add(window / 10).saturating_add(Duration::from_secs(1)).min(LONGEST_WINDOW)
}
