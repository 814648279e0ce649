//! `[directory.shield]` and `[shield]`.

use super::faults::{Row, check};
use super::*;
use crate::shield::{ShieldConfig, SourceLimits};

const APPLICATION: &str = "[[application]]\n";
const DIRECTORY: &str = "[[directory]]";

fn shield(lines: &str) -> ShieldConfig {
    let section = format!("[directory.shield]\n{lines}\n{APPLICATION}");
    good(&minimal_with(APPLICATION, &section)).directories.remove(0).shield
}

#[test]
fn budgets_follow_the_directory_unless_numbers_are_given() {
    let default = ShieldConfig::default();
    assert_eq!(good(MINIMAL).directories[0].shield, default);
    assert_eq!(shield("failures = \"auto\"\nwindow = \"auto\""), default);
    let given = shield(
        "failures = 2\nwindow = \"90s\"\nfallback_failures = 0\nfallback_window = \"1h\"\nremember = \"0s\"",
    );
    let seconds = Duration::from_secs;
    assert_eq!((given.failures, given.window), (Some(2), Some(seconds(90))));
    assert_eq!((given.fallback_failures, given.fallback_window), (0, seconds(3600)));
    assert_eq!((given.enabled, given.remember), (true, Duration::ZERO));
}

#[test]
fn places_have_bounds_of_their_own() {
    assert_eq!(good(MINIMAL).sources, SourceLimits::default());
    let section = "[shield]\napplication_failures = 0\nwindow = \"1h\"\n[[directory]]";
    let expected = SourceLimits {
        application: 0,
        window: Duration::from_secs(3600),
        ..SourceLimits::default()
    };
    assert_eq!(good(&minimal_with(DIRECTORY, section)).sources, expected);
    let environment = [("LDAPGATE__SHIELD__CLIENT_FAILURES", "7")];
    let case = Case { text: MINIMAL, environment: &environment, private: false };
    assert_eq!(read(&case).unwrap().sources.client, 7);
}

#[test]
fn each_fault_of_a_shield_is_named() {
    check(FAULTS);
}

const FAULTS: &[Row] = &[
    (
        APPLICATION,
        "[directory.shield]\nfailures = \"few\"\n[[application]]\n",
        "directory[0].shield.failures",
        "write \"auto\", or a number",
    ),
    (
        APPLICATION,
        "[directory.shield]\nfailures = -1\n[[application]]\n",
        "directory[0].shield.failures",
        "\"-1\" is no number",
    ),
    (
        APPLICATION,
        "[directory.shield]\nfailures = 101\n[[application]]\n",
        "directory[0].shield.failures",
        "between 0 and 100",
    ),
    (
        APPLICATION,
        "[directory.shield]\nfailures = true\n[[application]]\n",
        "directory[0].shield.failures",
        "a number or \"auto\"",
    ),
    (
        APPLICATION,
        "[directory.shield]\nwindow = \"0s\"\n[[application]]\n",
        "directory[0].shield.window",
        "between 1s",
    ),
    (
        APPLICATION,
        "[directory.shield]\nremember = \"61s\"\n[[application]]\n",
        "directory[0].shield.remember",
        "between 0ms and 1m",
    ),
    (
        DIRECTORY,
        "[shield]\nclient_failures = -2\n[[directory]]",
        "shield.client_failures",
        "positive",
    ),
    (DIRECTORY, "[shield]\nper_user = 2\n[[directory]]", "shield.per_user", "no such key"),
];
