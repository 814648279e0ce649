//! What is looked for on behalf of logins without a controller: the groups that say who may.

use crate::directory::View;
use crate::policy::offline::OfflineConfig;

use super::groups::{self, Purpose};
use super::report::Finding;

/// Everything that is looked for in the directory's copy. `key` is the directory in the configuration.
#[must_use]
pub fn findings(config: &OfflineConfig, view: &View, key: &str) -> Vec<Finding> {
    let lists = [
        (Purpose::Offline, &config.groups, "groups"),
        (Purpose::OfflineDenied, &config.denied_groups, "denied_groups"),
    ];
    let findings = lists.into_iter().flat_map(|(purpose, names, list)| {
        groups::findings(purpose, names, &format!("{key}.offline.{list}"), &[view])
    });
    findings.collect()
}
