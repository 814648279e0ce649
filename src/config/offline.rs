//! `[directory.offline]`: who may log in while no controller can be asked. The groups switch it on.

use std::time::Duration;

use super::application;
use super::error::Findings;
use super::raw::RawOffline;
use super::value;
use crate::policy::offline::OfflineConfig;

const HOUR: Duration = Duration::from_secs(3600);

/// Beyond a month, nobody remembers who may.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// Whoever needs more guesses than that does not know the password.
const MOST_FAILURES: u32 = 20;

const MOST_USES: u32 = 100_000;

pub(super) fn resolve(
    raw: &RawOffline,
    at: &str,
    findings: &mut Findings,
) -> Option<OfflineConfig> {
    let default = OfflineConfig::without_groups();
    let key = |name: &str| format!("{at}.{name}");
    let (text, bounds) = (raw.max_age.as_deref(), (HOUR, LONGEST));
    let max_age = value::bounded_duration(findings, &key("max_age"), text, default.max_age, bounds);
    let mut count = |name: &str, given, default, most| {
        value::bounded_count(findings, &key(name), given, default, (1, most))
    };
    let failures = count("failures", raw.failures, default.failures, MOST_FAILURES);
    let uses = count("uses", raw.uses, default.uses, MOST_USES);
    let denied = raw.denied_groups.as_deref();
    let denied_groups = application::groups(denied, &key("denied_groups"), findings);
    let Some(groups) = raw.groups.as_deref() else {
        if is_begun(raw) {
            let instead = "name the groups whose members may log in while no controller can be asked, or \
                           remove the section";
            findings.problem(key("groups"), "is missing", instead);
        }
        return None;
    };
    let groups = application::groups(Some(groups), &key("groups"), findings);
    Some(OfflineConfig { groups, denied_groups, max_age, failures, uses })
}

/// Whether anything else is said: then somebody takes it for switched on.
const fn is_begun(raw: &RawOffline) -> bool {
    raw.denied_groups.is_some()
        || raw.max_age.is_some()
        || raw.failures.is_some()
        || raw.uses.is_some()
}
