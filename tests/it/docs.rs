//! What the documentation promises to name, it names.

use std::fs;
use std::path::Path;

use ldapgate::ldap::schema::DirectoryKind;
use ldapgate::policy::Refusal;
use ldapgate::policy::application::RefusalStyle;
use ldapgate::session::allowed::Barred;
use ldapgate::session::answer::{Reason, bind_result};
use ldapgate::session::dialect::Dialect;

use crate::world::checkout;

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn all_text(folder: &str) -> String {
    checkout::files(folder).into_iter().map(|(_, text)| text).collect()
}

fn every_reason() -> Vec<Reason> {
    let refused = Refusal::ALL.into_iter().map(Reason::Refused);
    let barred = Barred::ALL.into_iter().map(Reason::Barred);
    refused.chain(Reason::ALL_OTHERS).chain(barred).collect()
}

#[test]
fn every_reason_is_documented() {
    let page = page("docs/reason-codes.md");
    for reason in every_reason() {
        assert!(page.contains(&format!("| `{}` |", reason.code())), "{reason}");
    }
}

/// The table of refusals in the documentation is the table in the program.
#[test]
fn the_documented_answers_are_the_programs_own() {
    let page = page("docs/reason-codes.md");
    let dialect = Dialect::default_for(DirectoryKind::ActiveDirectory);
    let shown = |reason, style| {
        let result = bind_result(reason, style, &dialect);
        let text = String::from_utf8_lossy(&result.diagnostic_message).into_owned();
        match text.split("data ").nth(1).and_then(|rest| rest.split(',').next()) {
            Some(sub_code) if result.code.0 == 49 => format!("49, data {sub_code}"),
            _ => result.code.0.to_string(),
        }
    };
    let mut checked = 0;
    for reason in every_reason() {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", reason.code())));
        let cells: Vec<&str> = row.unwrap().split('|').map(str::trim).collect();
        if let [_, _, _, uniform, subcodes, _] = cells.as_slice() {
            assert_eq!(shown(reason, RefusalStyle::Uniform), *uniform, "{reason}");
            assert_eq!(shown(reason, RefusalStyle::Subcodes), *subcodes, "{reason}");
            checked += 1;
        }
    }
    assert_eq!(checked, 28, "rows with two columns of answers");
}

/// Every log message that the documentation names is one that the program writes.
#[test]
fn documented_messages_exist() {
    let program = all_text("src");
    let page = page("docs/operations.md");
    let rows = page.lines().skip_while(|line| !line.starts_with("| message |")).skip(2);
    let mut checked = 0;
    for row in rows.take_while(|line| line.starts_with("| `")) {
        let message = row.split('`').nth(1).unwrap().trim_end_matches(" …");
        assert!(program.contains(&format!("\"{message}")), "{message}");
        checked += 1;
    }
    assert_eq!(checked, 39);
}

/// Every test that the page of invariants names is there.
#[test]
fn the_tests_of_the_invariants_exist() {
    let sources = all_text("src") + &all_text("tests/it");
    let page = page("docs/invariants.md");
    let mut checked = 0;
    for name in page.split('`').skip(1).step_by(2).filter(|name| name.contains("::tests::")) {
        let last = name.rsplit("::").next().unwrap();
        let found = [format!("fn {last}("), format!("mod {last};"), format!("mod {last} {{")]
            .iter()
            .any(|definition| sources.contains(definition));
        assert!(found, "{name}");
        checked += 1;
    }
    assert!(checked > 30, "{checked}");
}
