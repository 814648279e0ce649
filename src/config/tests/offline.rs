//! `[directory.offline]`.

use super::faults::{Row, check};
use super::*;
use crate::policy::offline::OfflineConfig;

const APPLICATION: &str = "[[application]]\n";

#[test]
fn nobody_may_unless_groups_are_named() {
    assert_eq!(good(MINIMAL).directories[0].offline, None);
    let offline = |lines: &str| {
        let section = format!("[directory.offline]\n{lines}\n{APPLICATION}");
        good(&minimal_with(APPLICATION, &section)).directories.remove(0).offline
    };
    assert_eq!(offline(""), None);
    let groups = vec!["Night Shift".to_owned()];
    let default = OfflineConfig { groups: groups.clone(), ..OfflineConfig::without_groups() };
    assert_eq!(offline("groups = [\"Night Shift\"]"), Some(default));
    let given = offline(
        "groups = [\"Night Shift\"]\ndenied_groups = [\"Domain Admins\"]\nmax_age = \"30d\"\nfailures = 1\nuses = 7",
    );
    let denied_groups = vec!["Domain Admins".to_owned()];
    let max_age = Duration::from_secs(30 * 24 * 3600);
    assert_eq!(given, Some(OfflineConfig { groups, denied_groups, max_age, failures: 1, uses: 7 }));
}

#[test]
fn each_fault_is_named() {
    check(FAULTS);
}

const FAULTS: &[Row] = &[
    (
        APPLICATION,
        "[directory.offline]\ngroups = []\n[[application]]\n",
        "directory[0].offline.groups",
        "is an empty list",
    ),
    (
        APPLICATION,
        "[directory.offline]\nmax_age = \"2h\"\n[[application]]\n",
        "directory[0].offline.groups",
        "is missing",
    ),
    (
        APPLICATION,
        "[directory.offline]\ngroups = [\"a\"]\ndenied_groups = [\"\"]\n[[application]]\n",
        "directory[0].offline.denied_groups[0]",
        "",
    ),
    (
        APPLICATION,
        "[directory.offline]\ngroups = [\"a\"]\nmax_age = \"59m\"\n[[application]]\n",
        "directory[0].offline.max_age",
        "between 1h and 30d",
    ),
    (
        APPLICATION,
        "[directory.offline]\ngroups = [\"a\"]\nfailures = 0\n[[application]]\n",
        "directory[0].offline.failures",
        "between 1 and 20",
    ),
    (
        APPLICATION,
        "[directory.offline]\ngroups = [\"a\"]\nuses = 0\n[[application]]\n",
        "directory[0].offline.uses",
        "between 1 and 100000",
    ),
    (
        APPLICATION,
        "[directory.offline]\nenabled = true\n[[application]]\n",
        "directory[0].offline.enabled",
        "no such key",
    ),
];
