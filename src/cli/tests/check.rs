//! `check` against good and bad controllers, accounts and applications.

use std::path::Path;

use crate::cli::arguments::CheckArguments;
use crate::cli::check::report::{Area, Finding, Level, Report};
use crate::cli::check::run::Check;
use crate::demo::company;

use super::world::World;

async fn check(world: &World, text: &str) -> Report {
    let mut check = Check::new(&CheckArguments { json: true, quiet: false });
    check.everything(Path::new("test.toml"), world.config(text)).await.unwrap();
    check.report
}

fn findings(report: &Report) -> Vec<(&str, &Finding)> {
    let sections = report.sections.iter();
    sections
        .flat_map(|section| section.findings.iter().map(|one| (section.subject.as_str(), one)))
        .collect()
}

fn failures(report: &Report) -> Vec<(&str, &Finding)> {
    let mut failures = findings(report);
    failures.retain(|(_, finding)| finding.level == Level::Fail);
    failures
}

/// The only failure there is.
fn only_failure(report: &Report) -> &Finding {
    match failures(report).as_slice() {
        [(_, failure)] => failure,
        others => panic!("{others:#?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_configuration_passes_at_every_controller() {
    let world = World::new();
    let report = check(&world, &world.text()).await;
    assert!(failures(&report).is_empty(), "{:#?}", failures(&report));
    for controller in ["controller dc1.corp.example", "controller dc2.corp.example"] {
        for area in [Area::Network, Area::Tls, Area::Credentials, Area::BaseDn, Area::Rights] {
            let mut all = findings(&report).into_iter();
            let found = all
                .any(|(subject, finding)| subject.starts_with(controller) && finding.area == area);
            assert!(found, "{controller}: {area}");
        }
    }
    let scope = findings(&report).into_iter().find(|(_, finding)| finding.area == Area::Scope);
    let (subject, scope) = scope.unwrap();
    assert_eq!(subject, "application crm");
    assert!(scope.message.contains("users in scope"), "{}", scope.message);
}

/// The password of an account that locks after five wrong ones must not be sent to each controller.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_tried_once() {
    let world = World::new();
    let wrong = world.text().replace(company::SYNC_ACCOUNT.password, "not the password");
    let report = check(&world, &wrong).await;
    let failure = only_failure(&report);
    assert_eq!(failure.area, Area::Credentials);
    assert_eq!(failure.key.as_deref(), Some("directory[0].bind_name"));
    assert!(failure.advice.as_deref().unwrap().contains("name or password is wrong"));
    assert_eq!(world.directory.with(|directory| directory.binds().len()), 1);
    for (controller, level) in [("controller dc1", Level::Fail), ("controller dc2", Level::Warn)] {
        let found: Vec<_> = findings(&report)
            .into_iter()
            .filter(|(subject, _)| subject.starts_with(controller))
            .map(|(_, finding)| (finding.level, finding.area))
            .collect();
        let expected =
            [(Level::Ok, Area::Network), (Level::Ok, Area::Tls), (level, Area::Credentials)];
        assert_eq!(found, expected, "{controller}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_is_told_apart() {
    let world = World::with(|options| options.certificate_expired = options.name == "dc2");
    world.controllers[0].kill().await.unwrap();
    let report = check(&world, &world.text()).await;
    let told: Vec<_> = failures(&report)
        .into_iter()
        .map(|(_, finding)| (finding.area, finding.key.as_deref().unwrap()))
        .collect();
    let expected = [
        (Area::Network, "directory[0].controllers[0]"),
        (Area::Tls, "directory[0].controllers[1]"),
    ];
    assert_eq!(told, expected, "{report:#?}");

    let world = World::new();
    for (from, to, area, key) in [
        (
            "name = 'corp'",
            "name = 'corp'\nbase_dn = 'DC=other,DC=example'",
            Area::BaseDn,
            "base_dn",
        ),
        ("dc1.corp.example:", "other.corp.example:", Area::Tls, "controllers[0]"),
        ("address = '127.0.0.1'", "address = 'no.such.host.invalid'", Area::Network, "controllers"),
    ] {
        let report = check(&world, &world.text().replace(from, to)).await;
        let (_, failure) = failures(&report)[0];
        assert_eq!(failure.area, area, "{failure:?}");
        assert!(failure.key.as_deref().unwrap().contains(key), "{failure:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_application_names_has_to_exist() {
    let world = World::new();
    for (from, to, area, key) in [
        (company::SCOPE, "OU=Peple,DC=corp,DC=example", Area::BaseDn, "application[0].bases[0]"),
        ("CN=crm-users", "CN=crm-user", Area::Groups, "application[0].required_groups[0]"),
        ("CN=crm-denied", "CN=crm-deny", Area::Groups, "application[0].denied_groups[0]"),
        (
            "service_accounts = ['svc-crm']",
            "service_accounts = ['svc-krm']",
            Area::ServiceAccount,
            "application[0].service_accounts[0]",
        ),
        (
            "service_accounts = ['svc-crm']",
            "service_accounts = ['bob']",
            Area::ServiceAccount,
            "application[0].service_accounts[0]",
        ),
    ] {
        let report = check(&world, &world.text().replace(from, to)).await;
        let (_, failure) = failures(&report)[0];
        assert_eq!((failure.area, failure.key.as_deref()), (area, Some(key)), "{failure:?}");
    }
}

/// They are looked at only during an outage, when nobody can read them any more.
#[tokio::test(flavor = "multi_thread")]
async fn groups_of_logins_without_a_controller_have_to_exist() {
    let world = World::new();
    let with = |groups: &str| {
        let section = format!("[directory.offline]\n{groups}\n\n[[application]]");
        world.text().replacen("[[application]]", &section, 1)
    };
    for (groups, key) in [
        ("groups = ['crm-users', 'crm-user']", "directory[0].offline.groups[1]"),
        (
            "groups = ['crm-users']\ndenied_groups = ['crm-deny']",
            "directory[0].offline.denied_groups[0]",
        ),
    ] {
        let report = check(&world, &with(groups)).await;
        let failure = only_failure(&report);
        assert_eq!(
            (failure.area, failure.key.as_deref()),
            (Area::Groups, Some(key)),
            "{failure:?}"
        );
        assert!(failure.advice.as_deref().unwrap().contains("no controller"), "{failure:?}");
    }
    let report = check(&world, &with("groups = ['crm-users']")).await;
    assert!(failures(&report).is_empty(), "{:#?}", failures(&report));
    let is_told =
        |finding: &Finding| finding.message.starts_with("offline group crm-users: CN=crm-users,");
    assert!(findings(&report).iter().any(|(_, finding)| is_told(finding)), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_scope_names_the_rule_that_leaves_nobody() {
    let world = World::new();
    let text = world.text().replace("name = 'crm'", "name = 'crm'\nuser_filter = '(mail=nobody)'");
    let report = check(&world, &text).await;
    let failure = only_failure(&report);
    assert_eq!(failure.area, Area::Scope);
    assert!(failure.message.contains("after bases, 0 after user filter"), "{}", failure.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_cannot_log_in_as_expected_are_named() {
    let world = World::new();
    world.directory.with(|directory| {
        let [alice, zhang, judy] =
            ["alice", "zhang", "judy"].map(|name| directory.dn_of(name).unwrap());
        directory.set(&alice, "userPrincipalName", &["judy@corp.example"]).unwrap();
        directory.set(&judy, "userPrincipalName", &["twice@partner.example"]).unwrap();
        directory.set(&zhang, "userPrincipalName", &["Twice@partner.example"]).unwrap();
        directory.set(&zhang, "mail", &[]).unwrap();
    });
    let report = check(&world, &world.text()).await;
    let warned: Vec<_> = findings(&report)
        .into_iter()
        .filter(|(_, finding)| finding.level == Level::Warn && finding.area == Area::Entries)
        .map(|(_, finding)| finding.message.as_str())
        .collect();
    for expected in [
        "twice@partner.example (judy, zhang)",
        "judy@corp.example means alice and not judy",
        "without mail: zhang",
    ] {
        assert!(warned.iter().any(|message| message.contains(expected)), "{expected}: {warned:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_without_a_required_attribute_are_named() {
    let world = World::new();
    let lacking = world.directory.with(|directory| {
        let [alice, zhang] = ["alice", "zhang"].map(|name| directory.dn_of(name).unwrap());
        directory.set(&alice, "mail", &[]).unwrap();
        directory.set(&zhang, "mail", &[]).unwrap();
        directory.set(&zhang, "displayName", &["  "]).unwrap();
        directory.set(&zhang, "sAMAccountName", &[]).unwrap();
        [alice, zhang]
    });
    let with = |lines: &str| world.text().replace("health.", &format!("{lines}\nhealth."));
    let found = |report: &Report| {
        let of = |(subject, finding): (&str, &Finding)| {
            (subject.starts_with("directory") && finding.message.contains(" lack"))
                .then(|| finding.clone())
        };
        let all: Vec<Finding> = findings(report).into_iter().filter_map(of).collect();
        all
    };
    let required = "attributes.required = ['login', 'mail', 'display_name']";
    let report = check(&world, &with(required)).await;
    let [finding] = &found(&report)[..] else { panic!("{report:#?}") };
    assert_eq!(
        (finding.level, finding.key.as_deref()),
        (Level::Warn, Some("directory[0].attributes.required"))
    );
    let [alice, zhang] = &lacking;
    for shown in [
        "4 users lack a required attribute: ",
        &format!("{alice} has no mail (mail)"),
        &format!(
            "{zhang} has no login (sAMAccountName), no mail (mail), no display_name (displayName)"
        ),
    ] {
        assert!(finding.message.contains(shown), "{shown}: {}", finding.message);
    }
    let twice =
        findings(&report).iter().any(|(_, one)| one.message.contains("without sAMAccountName"));
    assert!(!twice, "said once: {report:#?}");

    let failing = with(&format!("{required}\nattributes.on_missing = 'fail'"));
    let report = check(&world, &failing).await;
    let failure = only_failure(&report);
    assert_eq!(failure.key.as_deref(), Some("directory[0].attributes.on_missing"));

    // What is not required is not missed; without a required login its absence is still told.
    let report = check(&world, &with("attributes.required = ['company']")).await;
    assert!(
        findings(&report).iter().any(|(_, one)| one.message.contains("without sAMAccountName"))
    );
    let report = check(&world, &with("attributes.required = ['phone']")).await;
    let [finding] = &found(&report)[..] else { panic!("{report:#?}") };
    assert_eq!(finding.message.matches("has no phone").count(), 5, "{}", finding.message);
    assert!(finding.message.contains(" more"), "{}", finding.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_says_what_to_do() {
    let world = World::new();
    let bad = world.text().replace(company::SYNC_ACCOUNT.name, "nobody").replace(
        "url = 'ldap://127.0.0.1:0'",
        "url = 'ldaps://127.0.0.1:0'\ncertificate = 'no.pem'\nkey = 'no.key'",
    );
    let report = check(&world, &bad).await;
    assert!(failures(&report).len() >= 2, "{report:#?}");
    for (subject, failure) in failures(&report) {
        assert!(failure.advice.as_deref().is_some_and(|text| !text.is_empty()), "{subject}");
    }
}
