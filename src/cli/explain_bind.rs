//! `[io]` `ldapgate explain bind`: why a login would pass or not.

use std::fmt::Write;

use crate::admin::explained_bind::{
    ExplainedAnswer, ExplainedBind, ExplainedController, ExplainedGroup, ExplainedStep,
};

use super::arguments::ExplainBindArguments;
use super::client::{ControlClient, query_value};
use super::exit::{CommandError, Done};
use super::{output, render};

/// Runs `explain bind`.
///
/// # Errors
/// Nothing runs, or the question cannot be answered.
pub async fn bind(
    client: &ControlClient,
    arguments: &ExplainBindArguments,
) -> Result<Done, CommandError> {
    let explained: ExplainedBind = client.get(&question(arguments)).await?.document()?;
    let text = if arguments.json { render::json(&explained)? } else { page(&explained) };
    output::print(&text)?;
    Ok(Done::Well)
}

fn question(arguments: &ExplainBindArguments) -> String {
    let mut path = format!("/v1/explain/bind?name={}", query_value(&arguments.name));
    let from = arguments.from.map(|address| address.to_string());
    let parts = [
        ("application", &arguments.application),
        ("from", &from),
        ("listener", &arguments.listener),
    ];
    for (name, value) in parts {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", query_value(value)));
        }
    }
    path
}

/// The page for people.
#[must_use]
pub fn page(explained: &ExplainedBind) -> String {
    let mut out = String::new();
    let name = render::printable(&explained.name);
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{name} on application {}: {}\n", explained.application, next(explained));
    out.push_str(&facts(explained).render(2));
    out.push_str("\nsteps\n");
    out.push_str(&steps(&explained.steps));
    if !explained.controllers.is_empty() {
        out.push_str("\ncontrollers\n");
        out.push_str(&controllers(&explained.controllers).render(2));
    }
    out.push_str("\nthe client is told\n");
    out.push_str(&answers(&explained.told).render(2));
    out
}

fn next(explained: &ExplainedBind) -> String {
    match (explained.next.as_str(), &explained.reason) {
        ("ask_controller", _) => {
            "the rules let it pass, a controller judges the password".to_owned()
        }
        ("no_controller", _) => {
            "the rules let it pass, no controller can be asked, and none is tried: \
                                 the failure budget is used up"
                .to_owned()
        }
        ("check_local_secret", _) => "a local account, its secret is checked here".to_owned(),
        (_, Some(reason)) => format!("refused here, {reason}; no controller is asked"),
        (other, None) => other.to_owned(),
    }
}

fn facts(explained: &ExplainedBind) -> render::Table {
    let mut table = render::Table::default();
    for account in &explained.accounts {
        table.row(["account".to_owned(), render::printable(&account.dn)]);
        table.row([String::new(), format!("in directory {}, {}", account.directory, account.guid)]);
    }
    if let Some(form) = &explained.form {
        table.row(["found by", form]);
    }
    for copy in &explained.copies {
        let text = match (copy.generation, copy.age_seconds) {
            (Some(generation), Some(age)) => format!(
                "{}, generation {generation}, confirmed {} ago",
                copy.directory,
                render::duration(age)
            ),
            _ => format!("{}: none yet", copy.directory),
        };
        table.row(["copy", &text]);
    }
    if let Some(sent_as) = &explained.sent_as {
        table.row(["sent as".to_owned(), render::printable(sent_as)]);
    }
    if let Some(may_search) = explained.may_search {
        table.row(["may search", if may_search { "yes" } else { "no, service accounts only" }]);
    }
    table
}

/// Each step in a line, its groups below.
fn steps(steps: &[ExplainedStep]) -> String {
    let mut table = render::Table::default();
    for step in steps {
        let verdict = match &step.reason {
            Some(reason) => format!("{}: {reason}", words(&step.verdict)),
            None => words(&step.verdict).to_owned(),
        };
        let mut inputs = vec![step.input.clone()];
        inputs.extend(step.groups.iter().map(group));
        inputs.retain(|input| !input.is_empty());
        let mut inputs = inputs.into_iter().map(|input| render::printable(&input));
        table.row([step.step.clone(), verdict, inputs.next().unwrap_or_default()]);
        for input in inputs {
            table.row([String::new(), String::new(), input]);
        }
    }
    table.render(2)
}

fn words(verdict: &str) -> &str {
    match verdict {
        "would_pass" => "would pass",
        "would_refuse" => "would refuse",
        "not_asked" => "not asked: a service account",
        other => other,
    }
}

fn group(group: &ExplainedGroup) -> String {
    let configured = &group.configured;
    match (&group.path, group.found.as_slice()) {
        (Some(path), _) => format!("{configured}: {}", path.join(" -> ")),
        (None, []) => format!("{configured}: there is no such group in the account's directory"),
        (None, [_]) => format!("{configured}: not in it"),
        (None, several) => format!("{configured}: {} groups, in none of them", several.len()),
    }
}

fn controllers(controllers: &[ExplainedController]) -> render::Table {
    let mut table = render::Table::default();
    for controller in controllers {
        let state = match &controller.cause {
            Some(cause) => format!("{}: {}", controller.state, render::printable(cause)),
            None => controller.state.clone(),
        };
        let first = if controller.first { "asked first" } else { "" };
        table.row([controller.name.as_str(), first, &state]);
    }
    table
}

fn answers(answers: &[ExplainedAnswer]) -> render::Table {
    let mut table = render::Table::default();
    for answer in answers {
        let when = match answer.when.as_str() {
            "right_password" => "if the password is right",
            "wrong_password" => "if it is wrong",
            "no_controller" => "if no controller answers",
            "no_controller_right_password" => "if none answers, and it is the one accepted last",
            "no_controller_wrong_password" => "if none answers, and it is not",
            "in_clear" => "in clear, without TLS",
            "always" => "whatever the password",
            other => other,
        };
        let text = render::printable(&answer.text);
        table.row([when.to_owned(), format!("code {}", answer.code), text]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::explained_bind::{ExplainedAccount, ExplainedCopy};

    fn step(name: &str, verdict: &str, reason: Option<&str>, input: &str) -> ExplainedStep {
        ExplainedStep {
            step: name.to_owned(),
            verdict: verdict.to_owned(),
            reason: reason.map(str::to_owned),
            input: input.to_owned(),
            groups: Vec::new(),
        }
    }

    #[test]
    fn a_refusal_on_a_page() {
        let mut required = step("required groups", "would_pass", None, "");
        required.groups = vec![
            ExplainedGroup {
                configured: "crm".to_owned(),
                found: vec!["CN=crm".to_owned()],
                path: Some(vec!["CN=eve".to_owned(), "CN=crm".to_owned()]),
            },
            ExplainedGroup { configured: "gone".to_owned(), found: Vec::new(), path: None },
        ];
        let explained = ExplainedBind {
            name: "eve\u{1b}".to_owned(),
            application: "crm".to_owned(),
            next: "refuse".to_owned(),
            reason: Some("account_disabled".to_owned()),
            form: Some("account name".to_owned()),
            accounts: vec![ExplainedAccount {
                directory: "corp".to_owned(),
                dn: "CN=eve,DC=corp".to_owned(),
                guid: "0f".to_owned(),
            }],
            copies: vec![ExplainedCopy {
                directory: "corp".to_owned(),
                generation: Some(7),
                age_seconds: Some(3),
            }],
            steps: vec![
                step("name", "passes", None, "account name: one account, in corp"),
                step("account state", "refuses", Some("account_disabled"), "disabled"),
                required,
            ],
            sent_as: None,
            may_search: None,
            controllers: Vec::new(),
            told: vec![ExplainedAnswer {
                when: "always".to_owned(),
                code: 49,
                text: "data 52e\0".to_owned(),
            }],
        };
        let expected = "\
eve\\u{1b} on application crm: refused here, account_disabled; no controller is asked

  account   CN=eve,DC=corp
            in directory corp, 0f
  found by  account name
  copy      corp, generation 7, confirmed 3 s ago

steps
  name             passes                     account name: one account, in corp
  account state    refuses: account_disabled  disabled
  required groups  would pass                 crm: CN=eve -> CN=crm
                                              gone: there is no such group in the account's directory

the client is told
  whatever the password  code 49  data 52e\\u{0}
";
        assert_eq!(page(&explained), expected);
    }
}
