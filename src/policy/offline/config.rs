//! What the configuration says of logins without a controller.

use std::time::Duration;

/// `[directory.offline]`: who may log in while no controller can be asked, and how often. There is none where
/// the feature is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineConfig {
    /// Names of groups; who is in one of them, nested or by primary group, may. Never empty.
    pub groups: Vec<String>,
    /// Names of groups; who is in one of them may not.
    pub denied_groups: Vec<String>,
    /// How long ago a controller may have accepted the password.
    pub max_age: Duration,
    /// Wrong passwords that an account may have between two words of a controller.
    pub failures: u32,
    /// Logins that an account may have between two words of a controller.
    pub uses: u32,
}

impl OfflineConfig {
    /// What holds unless something else is configured; it lets nobody in, as it has no groups.
    #[must_use]
    pub const fn without_groups() -> Self {
        Self {
            groups: Vec::new(),
            denied_groups: Vec::new(),
            max_age: Duration::from_secs(12 * 3600),
            failures: 3,
            uses: 50,
        }
    }
}
