//! How changes are looked for, what is held, what is told of people: `[directory.sync]`, `[directory.guard]`,
//! `[directory.attributes]`, `store` and `freshness`.

use super::faults::{Row, check};
use super::*;
use crate::directory::{AttributeMapping, OnMissing, PersonField};
use crate::policy::application::Freshness;
use crate::sync::{GuardConfig, Strategy};

const APPLICATION: &str = "[[application]]\n";

/// The minimal configuration with a section of its directory.
fn with_section(section: &str) -> String {
    minimal_with(APPLICATION, &format!("[directory.{section}\n{APPLICATION}"))
}

fn settings(section: &str) -> DirectorySettings {
    good(&with_section(section)).directories.remove(0)
}

#[test]
fn without_a_word_changes_are_followed_in_the_best_way() {
    let directory = good(MINIMAL).directories.remove(0);
    let sync = &directory.sync;
    assert_eq!((sync.strategy, sync.follow, sync.notify), (None, true, true));
    let minutes = |count: u64| Duration::from_secs(60 * count);
    assert_eq!((sync.poll, sync.reconcile), (Duration::from_secs(2), minutes(15)));
    assert_eq!(sync.max_age, minutes(15));
    let guard = GuardConfig { share_percent: 10, least: 20, window: minutes(60) };
    assert_eq!(directory.guard, guard);
    assert_eq!(directory.attributes, AttributeMapping::default_for(DirectoryKind::ActiveDirectory));
}

/// When everything is read depends on whether anything else shows changes.
#[test]
fn everything_is_read_as_often_as_it_must() {
    // Noon: the next run within five minutes, or after half past two.
    let noon = std::time::UNIX_EPOCH + Duration::from_secs(12 * 3600 + 1);
    let wait = |section: &str, strategy| {
        let schedule = settings(section).sync.schedule(strategy).unwrap();
        schedule.next(noon).unwrap().duration_since(noon).unwrap().as_secs() / 60
    };
    let (often, nightly) = (4, 14 * 60 + 29);
    assert_eq!(wait("sync]", Strategy::Usn), nightly);
    assert_eq!(wait("sync]", Strategy::Full), often, "nothing better works");
    assert_eq!(wait("sync]\nfollow = false", Strategy::Usn), often);
    assert_eq!(wait("sync]\ncron = \"0 13 * * *\"", Strategy::Full), 59, "as configured");
    assert_eq!(wait("sync]\ncron = \"0 13 * * *\"", Strategy::DirSync), 59);
}

#[test]
fn a_strategy_fits_its_kind_of_directory() {
    for (word, strategy) in [
        ("auto", None),
        ("dirsync", Some(Strategy::DirSync)),
        ("usn", Some(Strategy::Usn)),
        ("full", Some(Strategy::Full)),
    ] {
        assert_eq!(settings(&format!("sync]\nstrategy = \"{word}\"")).sync.strategy, strategy);
    }
    let openldap = |section: &str| {
        with_section(section)
            .replace("bind_name = ", "kind = \"openldap\"\nbind_name = ")
            .replace("svc-ldapgate@corp.example", "cn=sync,dc=corp")
    };
    for (word, strategy) in [("syncrepl", Strategy::SyncRepl), ("timestamps", Strategy::Timestamps)]
    {
        let config = good(&openldap(&format!("sync]\nstrategy = \"{word}\"")));
        assert_eq!(config.directories[0].sync.strategy, Some(strategy));
    }
    let text = openldap("sync]\nstrategy = \"dirsync\"");
    let errors = read(&Case { text: &text, environment: &[], private: false }).err().unwrap();
    assert!(errors.to_string().contains("\"syncrepl\" or \"timestamps\" or \"full\""), "{errors}");
}

#[test]
fn the_store_is_beside_the_file_where_it_says_so() {
    let store = |line: &str| good(&format!("{line}\n{MINIMAL}")).store;
    assert_eq!(store(""), Some(PathBuf::from("/var/lib/ldapgate/ldapgate.redb")));
    assert_eq!(store("store = \"copy.redb\""), Some(PathBuf::from("/etc/ldapgate/copy.redb")));
    assert_eq!(store("store = \"/srv/copy.redb\""), Some(PathBuf::from("/srv/copy.redb")));
    assert_eq!(store("store = \"off\""), None);
    let case = Case { text: MINIMAL, environment: &[("LDAPGATE__STORE", "off")], private: false };
    assert_eq!(read(&case).unwrap().store, None);
}

#[test]
fn an_application_is_lenient_unless_it_says_otherwise() {
    assert_eq!(good(MINIMAL).applications[0].freshness, Freshness::Lenient);
    let strict = good(&minimal_plus("application", "freshness = \"strict\""));
    assert_eq!(strict.applications[0].freshness, Freshness::Strict);
}

#[test]
fn attributes_are_mapped_where_the_directory_differs() {
    let mapping = settings(
        "attributes]\ndisplay_name = \"cn\"\nmail = \"otherMailbox\"\nlogin = \"SAMACCOUNTNAME\"\n\
         department_from_path = 2\nrequired = [\"login\", \"mail\"]\non_missing = \"fail\"",
    )
    .attributes;
    assert_eq!(mapping.attribute(PersonField::DisplayName), "cn");
    assert_eq!(mapping.attribute(PersonField::Mail), "otherMailbox");
    assert_eq!(mapping.attribute(PersonField::Login), "sAMAccountName");
    assert_eq!(mapping.attribute(PersonField::Phone), "telephoneNumber");
    assert_eq!(mapping.department_from_path, Some(2));
    assert_eq!(mapping.required, [PersonField::Login, PersonField::Mail]);
    assert_eq!(mapping.on_missing, OnMissing::Fail);
}

#[test]
fn each_fault_is_named() {
    check(FAULTS);
}

const FAULTS: &[Row] = &[
    ("[[directory]]", "store = \"\"\n[[directory]]", "store", "is empty"),
    (
        APPLICATION,
        "[directory.sync]\nstrategy = \"syncrepl\"\n[[application]]\n",
        "directory[0].sync.strategy",
        "for this kind of directory; write \"auto\" or \"dirsync\" or \"usn\" or \"full\"",
    ),
    (
        APPLICATION,
        "[directory.sync]\nstrategy = \"fast\"\n[[application]]\n",
        "directory[0].sync.strategy",
        "is not known here; write \"auto\"",
    ),
    (
        APPLICATION,
        "[directory.sync]\nfollow = \"always\"\n[[application]]\n",
        "directory[0].sync.follow",
        "true or false",
    ),
    (
        APPLICATION,
        "[directory.sync]\npoll = \"100ms\"\n[[application]]\n",
        "directory[0].sync.poll",
        "between 500ms and 1h",
    ),
    (
        APPLICATION,
        "[directory.sync]\nreconcile = \"0s\"\n[[application]]\n",
        "directory[0].sync.reconcile",
        "between 10s and 24h",
    ),
    (
        APPLICATION,
        "[directory.sync]\nmax_age = \"off\"\n[[application]]\n",
        "directory[0].sync.max_age",
        "no duration",
    ),
    (
        APPLICATION,
        "[directory.sync]\nmax_age = \"0s\"\n[[application]]\n",
        "directory[0].sync.max_age",
        "between 1m and 30d",
    ),
    (
        APPLICATION,
        "[directory.guard]\nshare = 0\n[[application]]\n",
        "directory[0].guard.share",
        "between 1 and 100",
    ),
    (
        APPLICATION,
        "[directory.guard]\nleast = 0\n[[application]]\n",
        "directory[0].guard.least",
        "between 1",
    ),
    (
        APPLICATION,
        "[directory.guard]\nwindow = \"1s\"\n[[application]]\n",
        "directory[0].guard.window",
        "between 1m and 24h",
    ),
    (
        APPLICATION,
        "[directory.guard]\nenabled = false\n[[application]]\n",
        "directory[0].guard.enabled",
        "no such key",
    ),
    (
        APPLICATION,
        "[directory.attributes]\nlogin = \"mail\"\n[[application]]\n",
        "directory[0].attributes.login",
        "looked up in sAMAccountName",
    ),
    (
        APPLICATION,
        "[directory.attributes]\nunique_id = \"employeeID\"\n[[application]]\n",
        "directory[0].attributes.unique_id",
        "by objectGUID",
    ),
    (
        APPLICATION,
        "[directory.attributes]\nphone = \"telephone number\"\n[[application]]\n",
        "directory[0].attributes.phone",
        "no attribute type",
    ),
    (
        APPLICATION,
        "[directory.attributes]\ntitle = \"unicodePwd\"\n[[application]]\n",
        "directory[0].attributes.title",
        "never copied",
    ),
    (
        APPLICATION,
        "[directory.attributes]\ndepartment = \"ou\"\ndepartment_from_path = 1\n[[application]]\n",
        "directory[0].attributes.department_from_path",
        "choose one",
    ),
    (
        APPLICATION,
        "[directory.attributes]\ndepartment_from_path = 0\n[[application]]\n",
        "directory[0].attributes.department_from_path",
        "between 1 and 20",
    ),
    (
        APPLICATION,
        "[directory.attributes]\nrequired = []\n[[application]]\n",
        "directory[0].attributes.required",
        "empty list",
    ),
    (
        APPLICATION,
        "[directory.attributes]\nrequired = [\"login\", \"e-mail\"]\n[[application]]\n",
        "directory[0].attributes.required[1]",
        "known: login, display_name, mail",
    ),
    (
        APPLICATION,
        "[directory.attributes]\nrequired = [\"mail\", \"mail\"]\n[[application]]\n",
        "directory[0].attributes.required[1]",
        "already",
    ),
    (
        APPLICATION,
        "[directory.attributes]\non_missing = \"ignore\"\n[[application]]\n",
        "directory[0].attributes.on_missing",
        "\"report\" or \"fail\"",
    ),
    (
        APPLICATION,
        "[[application]]\nfreshness = \"fresh\"\n",
        "application[0].freshness",
        "\"lenient\" or \"strict\"",
    ),
    (
        APPLICATION,
        "[[application]]\nuser_filter = \"(!objectClass=computer)\"\n",
        "application[0].user_filter",
        "write (!(objectClass=computer))",
    ),
];

#[test]
fn what_is_rarely_meant_is_a_warning() {
    for (section, key, text) in [
        ("sync]\nstrategy = \"full\"\nfollow = true", "sync.follow", "means nothing"),
        ("sync]\nfollow = false\npoll = \"5s\"", "sync.poll", "not followed"),
        ("sync]\nfollow = false\nnotify = true", "sync.notify", "not followed"),
        ("sync]\nfollow = false\nmax_age = \"1m\"", "sync.max_age", "pause of cron, 5m"),
        ("sync]\nstrategy = \"full\"\ncron = \"0 2 * * *\"", "sync.max_age", "24h"),
        // Every five minutes, but not at night and not at the weekend.
        (
            "sync]\nfollow = false\ncron = \"*/5 8-17 * * 1-5\"\nmax_age = \"15h\"",
            "sync.max_age",
            "pause of cron, 3725m",
        ),
        ("sync]\npoll = \"1h\"", "sync.max_age", "two looks"),
        ("guard]\nshare = 100", "guard.share", "ever held"),
        ("shield]\nenabled = false", "shield.enabled", "can lock accounts"),
    ] {
        let config = good(&with_section(section));
        let key = format!("directory[0].{key}");
        let found = config.warnings().iter().any(|one| one.key == key && one.text.contains(text));
        assert!(found, "{key} {text}: {:?}", config.warnings());
        assert_eq!(config.warnings().len(), 1, "{section}: {:?}", config.warnings());
    }
    for section in [
        "sync]\nfollow = false",
        "sync]\nstrategy = \"full\"",
        "sync]\ncron = \"0 2 * * 0\"",
        "sync]\nfollow = false\ncron = \"0 2 * * *\"\nmax_age = \"25h\"",
        "sync]\nfollow = false\ncron = \"* * * * *\"",
    ] {
        assert_eq!(good(&with_section(section)).warnings(), [], "{section}");
    }
}
