//! `[io]` What would become of a login if no controller could be asked, explained to an operator. Looks at what is
//! kept, takes no password and counts for nobody.

use crate::policy::offline::{OfflineStep, Withheld};
use crate::policy::{Account, Application};
use crate::session::answer::Reason;
use crate::session::bind::Verdict;
use crate::session::gate::Gate;
use crate::time::Now;

use super::explain_bind::{answer, group, right};
use super::explained_bind::{ExplainedAnswer, ExplainedStep};

/// The conditions as rows, and what the client would be told. Rows are there only where the account's directory lets
/// some in without a controller.
pub(super) fn explain(
    gate: &Gate,
    application: &Application,
    account: &Account,
    now: Now,
) -> (Vec<ExplainedStep>, Vec<ExplainedAnswer>) {
    let directory = gate.directory(&account.directory);
    let offline = directory.and_then(|directory| directory.offline.as_ref());
    let steps = offline.map(|offline| offline.explain(account.guid, now.wall)).unwrap_or_default();
    let lets_in = !steps.is_empty() && steps.iter().all(|step| step.says.is_ok());
    let told = |when, reason| {
        let verdict = Verdict { account: Some(account.into()), ..Verdict::of(reason) };
        answer(gate, application, when, &verdict)
    };
    let told = if lets_in {
        vec![
            ExplainedAnswer { when: "no_controller_right_password".to_owned(), ..right() },
            told("no_controller_wrong_password", Reason::OfflinePasswordWrong),
        ]
    } else {
        vec![told("no_controller", Reason::Unavailable)]
    };
    (steps.iter().map(row).collect(), told)
}

fn row(step: &OfflineStep) -> ExplainedStep {
    let verdict = if step.says.is_ok() { "would_pass" } else { "would_refuse" };
    ExplainedStep {
        step: step.name.to_owned(),
        verdict: verdict.to_owned(),
        reason: step.says.err().map(Withheld::code).map(str::to_owned),
        input: step.input.text.clone(),
        groups: step.input.groups.iter().map(group).collect(),
    }
}
