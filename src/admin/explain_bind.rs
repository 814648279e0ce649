//! `[io]` What becomes of a login, explained to an operator on the present copies. Asks no controller, takes no
//! password and counts for nobody.

use std::net::IpAddr;
use std::sync::Arc;

use crate::ldap::result::LdapResult;
use crate::policy::application::ServedOperation;
use crate::policy::candidate::{Candidate, Refused};
use crate::policy::explain::{Explanation, GroupLook, Says, Step, explain};
use crate::policy::judge::NamedAccount;
use crate::policy::{Account, Admission, Application, World};
use crate::session::allowed::Barred;
use crate::session::answer::{Reason, told};
use crate::session::bind::Verdict;
use crate::session::gate::Gate;
use crate::session::password_check::dialect_for;
use crate::shield::AccountState;
use crate::time::Now;

use super::document::Failure;
use super::explain_offline;
use super::explained_bind::{
    BindQuestion, ExplainedAccount, ExplainedAnswer, ExplainedBind, ExplainedController,
    ExplainedCopy, ExplainedGroup, ExplainedStep,
};
use super::state::ControlState;

/// Explains what becomes of the name now.
pub(super) fn bind(
    state: &ControlState,
    question: &BindQuestion,
    now: Now,
) -> Result<ExplainedBind, Failure> {
    let listeners: Vec<&str> = state.listeners.iter().map(|listener| &*listener.name).collect();
    let applications = state.gate.applications.current();
    let application = select(applications.all(), &listeners, question)?;
    let gate = &*state.gate;
    let world = gate.world();
    let explanation = explain(&world, application, question.name.as_bytes(), now);
    let mut document = blank(question, application, &explanation);
    document.copies = copies(&world, application, now);
    if !application.operations.contains(&ServedOperation::Bind) {
        let barred = Barred::NotServed;
        document.reason = Some(barred.code().to_owned());
        document.told = vec![of_reason(gate, application, "always", Reason::Barred(barred))];
        return Ok(document);
    }
    if application.require_tls {
        let reason = Reason::Barred(Barred::TlsRequired);
        document.told.push(of_reason(gate, application, "in_clear", reason));
    }
    match &explanation.verdict {
        Ok(Candidate::Directory(admission)) => admitted(gate, admission, &mut document, now),
        Ok(Candidate::Local(account)) => {
            document.sent_as = None;
            "check_local_secret".clone_into(&mut document.next);
            document.may_search = Some(true);
            let wrong = of_reason(gate, application, "wrong_password", Reason::LocalSecretWrong);
            document.told.extend([right(), wrong]);
            document.form = Some(format!("local account {}", account.name));
        }
        Err(refused) => {
            document.reason = Some(refused.refusal.code().to_owned());
            document.told.push(answer(gate, application, "always", &refusal(refused)));
        }
    }
    Ok(document)
}

fn blank(
    question: &BindQuestion,
    application: &Application,
    explanation: &Explanation,
) -> ExplainedBind {
    let deciding = explanation.deciding();
    let steps = explanation.steps.iter().enumerate();
    ExplainedBind {
        name: question.name.clone(),
        application: application.name.to_string(),
        next: "refuse".to_owned(),
        reason: None,
        form: explanation.form.map(str::to_owned),
        accounts: explanation.accounts.iter().map(account).collect(),
        copies: Vec::new(),
        steps: steps.map(|(position, one)| step(one, position, deciding)).collect(),
        sent_as: None,
        may_search: None,
        controllers: Vec::new(),
        told: Vec::new(),
    }
}

fn account(account: &NamedAccount) -> ExplainedAccount {
    ExplainedAccount {
        directory: account.directory.to_string(),
        dn: account.dn.to_string(),
        guid: account.guid.to_string(),
    }
}

fn step(step: &Step, position: usize, deciding: Option<usize>) -> ExplainedStep {
    let behind = deciding.is_some_and(|deciding| deciding < position);
    let verdict = match (step.says, behind) {
        (Says::NotAsked, _) => "not_asked",
        (Says::Yes, false) => "passes",
        (Says::Yes, true) => "would_pass",
        (Says::No(_), _) if deciding == Some(position) => "refuses",
        (Says::No(_), _) => "would_refuse",
    };
    let reason = match step.says {
        Says::No(refusal) => Some(refusal.code().to_owned()),
        Says::Yes | Says::NotAsked => None,
    };
    ExplainedStep {
        step: step.name.to_owned(),
        verdict: verdict.to_owned(),
        reason,
        input: step.input.text.clone(),
        groups: step.input.groups.iter().map(group).collect(),
    }
}

pub(super) fn group(look: &GroupLook) -> ExplainedGroup {
    let GroupLook { configured, found, path } = look;
    ExplainedGroup { configured: configured.clone(), found: found.clone(), path: path.clone() }
}

fn copies(world: &World, application: &Application, now: Now) -> Vec<ExplainedCopy> {
    let states = world.of(application);
    let copy = states.map(|state| ExplainedCopy {
        directory: state.name.to_string(),
        generation: state.view.as_ref().map(|view| view.generation()),
        age_seconds: state.view.as_ref().map(|view| view.age(now.wall).as_secs()),
    });
    copy.collect()
}

/// The rules let it pass: a controller would be asked, if the shield has a place left.
fn admitted(gate: &Gate, admission: &Admission, document: &mut ExplainedBind, now: Now) {
    let (application, account) = (admission.application(), admission.account());
    if let Some(directory) = gate.directory(&account.directory) {
        let state = directory.shield.state_of(account.guid, now.monotonic);
        let is_cut_off = state.is_exhausted() && directory.is_cut_off();
        document.steps.push(shield(&state, is_cut_off));
        if is_cut_off {
            "no_controller".clone_into(&mut document.next);
            document.controllers = controllers(gate, account, now);
            let (steps, told) = explain_offline::explain(gate, application, account, now);
            document.steps.extend(steps);
            document.told.extend(told);
            return;
        }
        if state.is_exhausted() {
            let reason = Reason::Shielded;
            document.reason = Some(reason.code().to_owned());
            let verdict = Verdict { account: Some(account.into()), ..Verdict::of(reason) };
            document.told.push(answer(gate, application, "always", &verdict));
            return;
        }
    }
    document.next = "ask_controller".to_owned();
    document.sent_as = Some(account.upstream_name.to_string());
    document.may_search = Some(application.lets_search(account.service_account));
    document.controllers = controllers(gate, account, now);
    let wrong = Verdict { account: Some(account.into()), ..Verdict::of(Reason::Rejected) };
    document.told.extend([right(), answer(gate, application, "wrong_password", &wrong)]);
    let (steps, told) = explain_offline::explain(gate, application, account, now);
    document.steps.extend(steps);
    document.told.extend(told);
}

/// What the shield would say to the next password; it decides nothing where no controller can be asked anyway.
fn shield(state: &AccountState, is_cut_off: bool) -> ExplainedStep {
    let shielded = || Some(Reason::Shielded.code().to_owned());
    let (verdict, reason) = match (state.is_exhausted(), is_cut_off) {
        (true, false) => ("refuses", shielded()),
        (true, true) => ("would_refuse", shielded()),
        (false, _) => ("passes", None),
    };
    let budget = match &state.limit {
        None => "no bound on wrong passwords".to_owned(),
        Some(limit) => format!("{} of {} wrong passwords", state.charged, limit.failures),
    };
    let forgotten = state.forgotten_in.filter(|_| state.charged > 0);
    let forgotten = forgotten.map(|left| format!(", forgotten in {} s", left.as_secs()));
    ExplainedStep {
        step: "shield".to_owned(),
        verdict: verdict.to_owned(),
        reason,
        input: format!("{budget}{}", forgotten.unwrap_or_default()),
        groups: Vec::new(),
    }
}

fn controllers(gate: &Gate, account: &Account, now: Now) -> Vec<ExplainedController> {
    let Some(directory) = gate.directory(&account.directory) else { return Vec::new() };
    let first = directory.upstream.first_to_verify(now);
    let status = directory.upstream.status().into_iter();
    let controller = |status: crate::upstream::ControllerStatus| ExplainedController {
        first: first.as_ref() == Some(&status.name),
        name: status.name.to_string(),
        state: status.verify.state.to_owned(),
        cause: status.verify.cause,
    };
    status.map(controller).collect()
}

fn refusal(refused: &Refused) -> Verdict {
    let reason = Reason::Refused(refused.refusal);
    Verdict { account: refused.account.clone(), ..Verdict::of(reason) }
}

fn of_reason(
    gate: &Gate,
    application: &Application,
    when: &str,
    reason: Reason,
) -> ExplainedAnswer {
    answer(gate, application, when, &Verdict::of(reason))
}

pub(super) fn right() -> ExplainedAnswer {
    written("right_password", &LdapResult::success())
}

/// What the application's client is told about a verdict, from the table that sessions use.
pub(super) fn answer(
    gate: &Gate,
    application: &Application,
    when: &str,
    verdict: &Verdict,
) -> ExplainedAnswer {
    let dialect = dialect_for(gate, application, verdict);
    written(when, &told(application, verdict, &dialect))
}

fn written(when: &str, result: &LdapResult) -> ExplainedAnswer {
    let text = String::from_utf8_lossy(&result.diagnostic_message).into_owned();
    ExplainedAnswer { when: when.to_owned(), code: result.code.0, text }
}

/// The application that is named, or that a client at the address would belong to, or the only one.
fn select<'s>(
    applications: &'s [Arc<Application>],
    listeners: &[&str],
    question: &BindQuestion,
) -> Result<&'s Arc<Application>, Failure> {
    if let Some(name) = question.application.as_deref() {
        let found = applications.iter().find(|application| &*application.name == name);
        return found.ok_or_else(|| Failure {
            error: format!("there is none of that name; there is: {}", names(applications)),
            culprit: format!("application {name:?}"),
        });
    }
    let listeners = narrowed(listeners, question.listener.as_deref())?;
    let address = question.from.as_deref().map(address).transpose()?;
    let belongs = |application: &&Arc<Application>| {
        listeners.iter().any(|listener| match address {
            Some(address) => application.serves(listener, address),
            None => application.listens_on(listener),
        })
    };
    let candidates: Vec<&Arc<Application>> = applications.iter().filter(belongs).collect();
    match candidates.as_slice() {
        [only] => Ok(only),
        [] => Err(Failure {
            error: "such a client belongs to no application: its connection is closed".to_owned(),
            culprit: question.from.clone().unwrap_or_else(|| "listener".to_owned()),
        }),
        several => {
            let names = names(several.iter().copied());
            let error = format!("say which, or the client's address and listener: {names}");
            Err(Failure { error, culprit: "application".to_owned() })
        }
    }
}

fn names<'a>(applications: impl IntoIterator<Item = &'a Arc<Application>>) -> String {
    let names: Vec<&str> = applications.into_iter().map(|application| &*application.name).collect();
    names.join(", ")
}

fn narrowed<'s>(listeners: &[&'s str], name: Option<&str>) -> Result<Vec<&'s str>, Failure> {
    let Some(name) = name else { return Ok(listeners.to_vec()) };
    match listeners.iter().find(|known| **known == name) {
        Some(known) => Ok(vec![known]),
        None => Err(Failure {
            error: format!("there is none of that name; there is: {}", listeners.join(", ")),
            culprit: format!("listener {name:?}"),
        }),
    }
}

fn address(text: &str) -> Result<IpAddr, Failure> {
    text.parse().map_err(|_| Failure {
        error: "write an IP address: 10.1.2.3".to_owned(),
        culprit: format!("address {text:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::application;

    fn question(application: &str, from: &str, listener: &str) -> BindQuestion {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        BindQuestion {
            name: "alice".to_owned(),
            application: given(application),
            from: given(from),
            listener: given(listener),
        }
    }

    /// By name, by listener and address as a connection would be, or because there is only one.
    #[test]
    fn the_application_is_chosen_as_for_a_connection() {
        let on = |name: &str, listeners: &[&str], networks: &[&str]| {
            Arc::new(Application {
                name: Arc::from(name),
                listeners: listeners.iter().copied().map(Arc::from).collect(),
                networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
                ..application()
            })
        };
        let applications = [
            on("crm", &["office"], &["10.1.0.0/16"]),
            on("wiki", &["office"], &["10.2.0.0/16"]),
            on("build", &["lab"], &[]),
        ];
        let listeners = ["office", "lab"];
        for (asked, expected) in [
            (question("wiki", "", ""), Ok("wiki")),
            (question("", "10.1.2.3", "office"), Ok("crm")),
            (question("", "::ffff:10.2.2.3", "office"), Ok("wiki")),
            (question("", "", "lab"), Ok("build")),
            (question("", "10.9.9.9", ""), Ok("build")),
            (question("", "10.9.9.9", "office"), Err("10.9.9.9")),
            (question("", "10.1.2.3", ""), Err("application")),
            (question("", "", ""), Err("application")),
            (question("mail", "", ""), Err("application \"mail\"")),
            (question("", "10.1.2", ""), Err("address \"10.1.2\"")),
            (question("", "10.1.2.3", "attic"), Err("listener \"attic\"")),
        ] {
            let chosen = select(&applications, &listeners, &asked);
            let chosen = chosen.map(|application| &*application.name);
            assert_eq!(chosen.map_err(|failure| failure.culprit), expected.map_err(str::to_owned));
        }
        let alone = &applications[..1];
        assert_eq!(&*select(alone, &listeners, &question("", "", "")).unwrap().name, "crm");
    }
}
