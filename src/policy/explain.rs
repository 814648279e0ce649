//! Why a name may pass or not: every step of the decision in its order, with what it looked at, whether or not
//! an earlier step says no. The verdict itself comes from [`candidate`], the one that binds use, and
//! the steps from the same parts; a property test holds that both agree. For operators, never for clients.

use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;

use crate::directory::{EntryRef, View};
use crate::time::Now;

use super::application::{Application, Freshness, ScopeBase};
use super::candidate::{Candidate, Refused, candidate};
use super::judge::{self, NamedAccount};
use super::local_account;
use super::name::{self, BindName, Found, Resolved};
use super::refusal::Refusal;
use super::rules::{RULES, Rule, Subject};
use super::world::{DirectoryState, World};

mod inputs;

pub(super) use inputs::groups;

/// How a name fares, step by step.
#[derive(Debug)]
pub struct Explanation {
    /// The form of the name that found an account, in words; `None`: none did.
    pub form: Option<&'static str>,
    /// The accounts it found: several if the name is ambiguous.
    pub accounts: Vec<NamedAccount>,
    /// The steps in their order. Those behind the first refusal say what they would say.
    pub steps: Vec<Step>,
    /// The decision.
    pub verdict: Result<Candidate, Refused>,
}

/// One step of the decision.
#[derive(Debug)]
pub struct Step {
    /// Its name; for a rule that of [`Rule`].
    pub name: &'static str,
    /// What it looks at.
    pub input: Input,
    /// What it says.
    pub says: Says,
}

/// What a step looks at.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// In words.
    pub text: String,
    /// The groups of a rule about groups.
    pub groups: Vec<GroupLook>,
}

/// One configured group, looked at for one account.
#[derive(Debug, PartialEq, Eq)]
pub struct GroupLook {
    /// The group as configured.
    pub configured: String,
    /// The groups of the account's directory that it names, by distinguished name.
    pub found: Vec<String>,
    /// A shortest way from the account to the first of them that it is in, both ends included, by
    /// distinguished name; `None`: it is in none.
    pub path: Option<Vec<String>>,
}

/// What a step says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// It lets the account pass.
    Yes,
    /// It refuses.
    No(Refusal),
    /// It is not asked about this account.
    NotAsked,
}

impl From<Result<(), Refusal>> for Says {
    fn from(verdict: Result<(), Refusal>) -> Self {
        verdict.map_or_else(Self::No, |()| Self::Yes)
    }
}

impl Input {
    pub(super) fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), groups: Vec::new() }
    }
}

impl Explanation {
    /// The position of the step that decides; `None`: the name passes.
    #[must_use]
    pub fn deciding(&self) -> Option<usize> {
        let refusal = self.verdict.as_ref().err()?.refusal;
        self.steps.iter().position(|step| step.says == Says::No(refusal))
    }
}

/// Explains what becomes of `name` in the application. No password is looked at.
#[must_use]
pub fn explain(
    world: &World,
    application: &Arc<Application>,
    name: &[u8],
    now: Now,
) -> Explanation {
    let name = match BindName::read(name) {
        Ok(name) => name,
        Err(refusal) => return unreadable(refusal),
    };
    let verdict = candidate(world, application, &name, None, now);
    let asked = Asked { world, application, name: &name, now };
    let mut explanation = match &verdict {
        Ok(Candidate::Local(_)) => asked.local(),
        _ if local_account::find(application, &name).is_some() => asked.local(),
        _ => asked.directory(),
    };
    explanation.verdict = verdict;
    explanation.complete();
    explanation
}

fn unreadable(refusal: Refusal) -> Explanation {
    let input = Input::words("control or invisible characters, too long, or not UTF-8");
    Explanation {
        form: None,
        accounts: Vec::new(),
        steps: vec![Step { name: "name", input, says: Says::No(refusal) }],
        verdict: Err(refusal.into()),
    }
}

impl Explanation {
    /// A decision that no step explains is shown all the same.
    fn complete(&mut self) {
        if let Err(refused) = &self.verdict
            && self.deciding().is_none()
        {
            let says = Says::No(refused.refusal);
            self.steps.push(Step { name: "decision", input: Input::default(), says });
        }
    }
}

/// One question.
struct Asked<'a> {
    world: &'a World,
    application: &'a Arc<Application>,
    name: &'a BindName,
    now: Now,
}

impl Asked<'_> {
    fn local(&self) -> Explanation {
        let states = || self.world.of(self.application);
        let unready = states().any(|state| state.view.is_none());
        let stale = self.world.is_stale_for(self.application, self.now.wall);
        let input = Input::words("a service account of this application alone; no rule binds it");
        let copies: Vec<String> = states().map(|state| self.copy_text(state)).collect();
        let says = match (unready, stale) {
            (true, _) => Says::No(Refusal::ViewNotReady),
            (false, true) => Says::No(Refusal::ViewStale),
            (false, false) => Says::Yes,
        };
        Explanation {
            form: Some("local account"),
            accounts: Vec::new(),
            steps: vec![
                Step { name: "name", input, says: Says::Yes },
                self.application_block(),
                Step { name: "copy", input: Input::words(copies.join("; ")), says },
            ],
            verdict: Err(Refusal::Unknown.into()),
        }
    }

    fn application_block(&self) -> Step {
        let blocked = self.world.blocks.check_application(&self.application.name, self.now.wall);
        let text = match blocked {
            Ok(()) => "the application is not blocked",
            Err(_) => "an operator has blocked the application",
        };
        Step { name: "blocks", input: Input::words(text), says: blocked.into() }
    }

    fn directory(&self) -> Explanation {
        let found = name::first_match(self.world, self.application, self.name);
        let resolved = self.resolve();
        let mut steps = vec![self.name_step(found.as_ref(), resolved.as_ref().err().copied())];
        if let Ok(resolved) = &resolved {
            self.account_steps(resolved, &mut steps);
        }
        let accounts = found.as_ref().map_or(&[][..], |found| found.accounts.as_slice());
        Explanation {
            form: found.as_ref().map(|found| found.form),
            accounts: accounts.iter().map(|one| NamedAccount::of(self.world, one)).collect(),
            steps,
            verdict: Err(Refusal::Unknown.into()),
        }
    }

    fn resolve(&self) -> Result<Resolved, Refusal> {
        name::resolve(self.world, self.application, self.name)
    }

    fn name_step(&self, found: Option<&Found>, refusal: Option<Refusal>) -> Step {
        let stale = self.world.is_stale_for(self.application, self.now.wall);
        let says = match refusal {
            None => Says::Yes,
            Some(Refusal::Unknown | Refusal::Ambiguous) if stale => Says::No(Refusal::ViewStale),
            Some(refusal) => Says::No(refusal),
        };
        let text = match found {
            None => "no form of the name finds an account".to_owned(),
            Some(found) => match found.accounts.as_slice() {
                [one] => format!("{}: one account, in {}", found.form, one.directory),
                several => format!("{}: {} accounts", found.form, several.len()),
            },
        };
        Step { name: "name", input: Input::words(text), says }
    }

    /// The steps of `judge::judge_resolved`, as far as there is something to look at.
    fn account_steps(&self, resolved: &Resolved, steps: &mut Vec<Step>) {
        let Some(state) = self.world.directory(&resolved.directory) else { return };
        let held = judge::not_withdrawn(state, &resolved.guid);
        let text = match held {
            Ok(()) => "no change that the guard holds takes the account away",
            Err(_) => "a change that the guard holds disables or deletes the account",
        };
        steps.push(Step { name: "held changes", input: Input::words(text), says: held.into() });
        let strict = self.application.freshness == Freshness::Strict;
        let says = match strict && state.is_stale(self.now.wall) {
            true => Says::No(Refusal::ViewStale),
            false => Says::Yes,
        };
        steps.push(Step { name: "copy", input: Input::words(self.copy_text(state)), says });
        let Some(view) = &state.view else { return };
        let Some(entry) = resolved.entry(view) else { return };
        self.rule_steps(resolved, view, entry, steps);
    }

    fn rule_steps(
        &self,
        resolved: &Resolved,
        view: &View,
        entry: EntryRef<'_>,
        steps: &mut Vec<Step>,
    ) {
        let (application, directory) = (&**self.application, &*resolved.directory);
        let service = judge::is_service_account(self.world, application, resolved);
        let wall = self.now.wall;
        let blocks = Some(&*self.world.blocks);
        let subject = Subject { application, directory, view, entry, state: None, blocks, wall };
        let says = |rule: &Rule| match service && !rule.binds_service_accounts {
            true => Says::NotAsked,
            false => (rule.check)(subject).into(),
        };
        steps.extend(RULES.iter().map(|rule| Step {
            name: rule.name,
            input: inputs::of(rule.name, subject),
            says: says(rule),
        }));
        if application.denied_groups.is_empty() {
            return;
        }
        steps.push(Step {
            name: "denied groups exist",
            input: Input::words(application.denied_groups.join("; ")),
            says: match service {
                true => Says::NotAsked,
                false => judge::denied_groups_are_known(self.world, application).into(),
            },
        });
    }

    fn copy_text(&self, state: &DirectoryState) -> String {
        let Some(view) = &state.view else {
            return format!("there is no copy of {} yet", state.name);
        };
        let age = view.age(self.now.wall).as_secs();
        let rule = match self.application.freshness {
            Freshness::Lenient => "of any age".to_owned(),
            Freshness::Strict => format!("of at most {} s", state.max_age.as_secs()),
        };
        let generation = view.generation();
        format!(
            "{}, generation {generation}, confirmed {age} s ago; one {rule} is taken",
            state.name
        )
    }
}

/// A moment as RFC 3339 has it.
fn moment(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(|_| "beyond all calendars".to_owned(), |at| at.to_string())
}

/// The configured bases among `bases` that hold the account.
fn covering<'b>(bases: &'b [ScopeBase], subject: Subject<'_>) -> Vec<&'b str> {
    let dn = subject.entry.normalized_dn();
    let covers = |base: &&ScopeBase| {
        base.directory.as_deref().is_none_or(|name| name == subject.directory)
            && dn.is_within(&base.dn)
    };
    bases.iter().filter(covers).map(|base| base.text.as_str()).collect()
}

#[cfg(test)]
pub(crate) use inputs::knows as explains;
