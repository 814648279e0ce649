//! `[io]` The configuration while the program runs: read again on demand, compared with what is in force, judged by the
//! guard, and taken over as a whole or not at all.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::admin::Reload;
use crate::admin::reload_document::{
    HeldConfiguration, LoadedConfiguration, ReloadAnswer, ReloadCounts, ReloadImpact,
    ReloadOutcome, ReloadQuestion,
};
use crate::config::{self, Config, Fingerprint};
use crate::directory::Impact;
use crate::policy::impact::impact_of_configuration;
use crate::policy::{Application, Applications};
use crate::server::tls::ServerCertificate;
use crate::session::gate::Gate;
use crate::sync::{Guard, GuardConfig, Verdict};
use crate::time::{Now, unix_seconds};
use crate::trail::Event;
use crate::trail::event::Value;

/// Most people that are named of those who leave an application, or come to it.
const NAMED: usize = 10;

/// Reads the configuration again.
pub(super) struct Reloader {
    gate: Arc<Gate>,
    file: Option<PathBuf>,
    certificates: Certificates,
    /// Held while the configuration is read and judged; `state` never is for long.
    busy: Mutex<()>,
    state: Mutex<State>,
}

/// The certificates of listeners, by the listener's name.
pub(super) type Certificates = Vec<(Arc<str>, Arc<ServerCertificate>)>;

/// What is in force, and what waits.
struct State {
    loaded: Loaded,
    at: SystemTime,
    /// Of each directory: what came to pass by reloads adds up, so that nothing comes in slices.
    guards: BTreeMap<Arc<str>, Guard>,
    held: Option<Held>,
    counts: ReloadCounts,
}

/// What a reading said.
struct Loaded {
    fingerprint: Fingerprint,
    /// The digests of the applications' sections, by name.
    sections: BTreeMap<Arc<str>, [u8; 32]>,
    sha256: String,
}

struct Held {
    loaded: Loaded,
    since: SystemTime,
    reasons: Vec<String>,
}

/// What taking a configuration over would do.
#[derive(Default)]
struct Plan {
    /// `None`: as they are.
    next: Option<Applications>,
    /// Each with what its files have now.
    certificates: Vec<(Arc<ServerCertificate>, Arc<ServerCertificate>)>,
    impacts: Vec<(Arc<str>, Impact)>,
    reasons: Vec<String>,
}

impl Loaded {
    fn of(config: &Config) -> Self {
        let sections = config.applications.iter().enumerate().map(|(index, application)| {
            (application.name.clone(), config.fingerprint.application(index))
        });
        Self {
            sections: sections.collect(),
            fingerprint: config.fingerprint.clone(),
            sha256: config.digest.clone(),
        }
    }

    fn says_the_same_of(&self, other: &Self, application: &Application) -> bool {
        let section = self.sections.get(&application.name);
        section.is_some() && section == other.sections.get(&application.name)
    }
}

/// What [`Reloader::new`] needs of the configuration that the program starts with.
pub(super) struct Beginning {
    file: Option<PathBuf>,
    loaded: Loaded,
    guards: Vec<(Arc<str>, GuardConfig)>,
}

impl Beginning {
    pub(super) fn of(config: &Config) -> Self {
        let guards = config.directories.iter().map(|one| (one.name.clone(), one.guard));
        let (file, loaded) = (config.file.clone(), Loaded::of(config));
        Self { file, loaded, guards: guards.collect() }
    }
}

impl Reloader {
    /// The configuration of the start is in force since `at`.
    pub(super) fn new(
        beginning: Beginning,
        certificates: Certificates,
        gate: Arc<Gate>,
        at: SystemTime,
    ) -> Self {
        let Beginning { file, loaded, guards } = beginning;
        let guards = guards.into_iter().map(|(name, config)| (name, Guard::new(config)));
        let state = State {
            loaded,
            at,
            guards: guards.collect(),
            held: None,
            counts: ReloadCounts::default(),
        };
        Self { gate, file, certificates, busy: Mutex::default(), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file as it is now, or what is wrong with it.
    fn read(&self) -> Result<Config, Vec<String>> {
        let Some(file) = &self.file else {
            let fault = "this ldapgate was started without a file that could be read again";
            return Err(vec![fault.to_owned()]);
        };
        config::load(file)
            .map_err(|errors| errors.problems.iter().map(ToString::to_string).collect())
    }

    /// What becomes of the configuration, and what there is to do for it.
    fn judge(&self, config: Config, loaded: &Loaded) -> (ReloadAnswer, Option<Plan>) {
        let now = Now::read();
        let current = self.gate.applications.current();
        let mut answer = ReloadAnswer {
            needs_restart: self.state().loaded.fingerprint.needs_restart(&loaded.fingerprint),
            warnings: config.warnings().iter().map(ToString::to_string).collect(),
            ..ReloadAnswer::default()
        };
        if !answer.needs_restart.is_empty() {
            answer.outcome = ReloadOutcome::NeedsRestart;
            return (answer, None);
        }
        let mut plan = Plan::default();
        answer.faults = self.read_certificates(&mut plan, &mut answer.certificates);
        if !answer.faults.is_empty() {
            answer.outcome = ReloadOutcome::Faulty;
            return (answer, None);
        }
        let state = self.state();
        if state.loaded.fingerprint == loaded.fingerprint {
            if plan.certificates.is_empty() {
                return (answer, None);
            }
            answer.outcome = ReloadOutcome::WouldApply;
            return (answer, Some(plan));
        }
        let is_same = |one: &Application| loaded.says_the_same_of(&state.loaded, one);
        let next = current.succeeded_by(config.applications, is_same);
        let guards = state.guards.clone();
        drop(state);
        tell_applications(&current, &next, &mut answer);
        self.weigh(&current, &next, (&guards, now), &mut plan, &mut answer);
        plan.next = Some(next);
        answer.outcome = if plan.reasons.is_empty() {
            ReloadOutcome::WouldApply
        } else {
            ReloadOutcome::WouldHold
        };
        answer.reasons.clone_from(&plan.reasons);
        (answer, Some(plan))
    }

    /// The certificates that are not what their files have now, and what is wrong with those that cannot be used.
    fn read_certificates(&self, plan: &mut Plan, listeners: &mut Vec<String>) -> Vec<String> {
        let mut faults = Vec::new();
        for (listener, served) in &self.certificates {
            match ServerCertificate::load(served.files().clone()) {
                Ok(new) if new.facts() == served.facts() => {}
                Ok(new) => {
                    plan.certificates.push((served.clone(), new));
                    listeners.push(listener.to_string());
                }
                Err(error) => faults.push(format!("listener {listener:?}: {error}")),
            }
        }
        faults
    }

    /// Asks the guard of every directory. Of one that has not been read yet nobody has anything to lose.
    fn weigh(
        &self,
        current: &Applications,
        next: &Applications,
        (guards, now): (&BTreeMap<Arc<str>, Guard>, Now),
        plan: &mut Plan,
        answer: &mut ReloadAnswer,
    ) {
        for directory in &self.gate.directories {
            let Some(view) = directory.published.load() else { continue };
            let name = &directory.name;
            let (old, new) = (current.all(), next.all());
            let (impact, people) = impact_of_configuration(name, &view, old, new, NAMED);
            let verdict = guards.get(name).map(|guard| guard.judge(&impact, now));
            if let Some(Verdict::Hold(reasons)) = verdict {
                plan.reasons
                    .extend(reasons.iter().map(|reason| format!("directory {name}: {reason}")));
            }
            let told = impact.applications.iter().zip(people).map(|(one, moved)| ReloadImpact {
                application: one.name.to_string(),
                directory: name.to_string(),
                before: one.before,
                lost: one.lost,
                gained: one.gained,
                leaving: moved.leaving,
                coming: moved.coming,
            });
            answer.impacts.extend(told);
            plan.impacts.push((name.clone(), impact));
        }
    }

    fn act(&self, plan: Plan, loaded: Loaded, accepted: bool, now: Now) -> ReloadOutcome {
        if plan.reasons.is_empty() || accepted {
            self.take_over(plan, loaded, now);
            ReloadOutcome::Applied
        } else {
            self.hold(plan.reasons, loaded, now.wall);
            ReloadOutcome::Held
        }
    }

    fn take_over(&self, plan: Plan, loaded: Loaded, now: Now) {
        plan.certificates.iter().for_each(|(served, new)| served.take_over(new));
        if let Some(next) = plan.next {
            self.gate.applications.publish(next, now.monotonic);
        }
        let mut state = self.state();
        for (directory, impact) in &plan.impacts {
            if let Some(guard) = state.guards.get_mut(directory) {
                guard.passed(impact, now);
            }
        }
        state.loaded = loaded;
        state.at = now.wall;
    }

    fn hold(&self, reasons: Vec<String>, loaded: Loaded, wall: SystemTime) {
        let mut state = self.state();
        let since = match &state.held {
            Some(held) if held.loaded.fingerprint == loaded.fingerprint => held.since,
            _ => wall,
        };
        state.held = Some(Held { loaded, since, reasons });
    }

    /// Whether it is this very configuration that is held.
    fn is_held(&self, loaded: &Loaded) -> bool {
        let state = self.state();
        state.held.as_ref().is_some_and(|held| held.loaded.fingerprint == loaded.fingerprint)
    }

    fn count(&self, outcome: ReloadOutcome) {
        let mut state = self.state();
        if outcome != ReloadOutcome::Held {
            // The file is not what it was when it was held.
            state.held = None;
        }
        let counts = &mut state.counts;
        match outcome {
            ReloadOutcome::Applied => counts.applied += 1,
            ReloadOutcome::Unchanged => counts.unchanged += 1,
            ReloadOutcome::Held => counts.held += 1,
            ReloadOutcome::NeedsRestart => counts.needs_restart += 1,
            ReloadOutcome::Faulty => counts.faulty += 1,
            ReloadOutcome::WouldApply | ReloadOutcome::WouldHold => {}
        }
    }

    fn note(&self, event: Event) {
        if let Some(trail) = &self.gate.trail {
            trail.leave(event);
        }
    }

    /// Says in the log and the trail what became of it.
    fn tell(
        &self,
        answer: &ReloadAnswer,
        sha256: &str,
        accepted: bool,
        by: &str,
        wall: SystemTime,
    ) {
        let event = |kind| Event::new(kind, wall).field("by", Value::text(by));
        match answer.outcome {
            ReloadOutcome::Applied => {
                for warning in &answer.warnings {
                    tracing::warn!("{warning}");
                }
                let ReloadAnswer { added, removed, changed, certificates, .. } = answer;
                tracing::info!(
                    by,
                    accepted,
                    added = added.join(", "),
                    removed = removed.join(", "),
                    changed = changed.join(", "),
                    certificates = certificates.join(", "),
                    "the configuration is loaded anew"
                );
                let event = event("configuration_loaded").field("sha256", Value::text(sha256));
                let accepted = Value::Word(if accepted { "yes" } else { "no" });
                self.note(event.field("accepted", accepted));
            }
            ReloadOutcome::Held => {
                let reasons = answer.reasons.join("; ");
                tracing::warn!(
                    by,
                    reasons,
                    "the configuration is held, what was in force still is: see ldapgate reload \
                     --dry-run, then accept with ldapgate reload --accept"
                );
                let event = event("configuration_held").field("sha256", Value::text(sha256));
                self.note(event.field("reasons", Value::text(reasons)));
            }
            ReloadOutcome::NeedsRestart => {
                let keys = answer.needs_restart.join(", ");
                tracing::error!(by, keys, "the configuration is not loaded: it needs a restart");
                self.note(event("configuration_refused").field("keys", Value::text(keys)));
            }
            ReloadOutcome::Faulty => {
                let faults = answer.faults.join("; ");
                tracing::error!(by, faults, "the configuration is not loaded: it is faulty");
                self.note(event("configuration_refused").field("faults", Value::text(faults)));
            }
            ReloadOutcome::Unchanged => {
                tracing::info!(by, "the configuration has not changed");
            }
            ReloadOutcome::WouldApply | ReloadOutcome::WouldHold => {}
        }
    }
}

impl Reload for Reloader {
    fn reload(&self, question: ReloadQuestion, by: &str) -> ReloadAnswer {
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Now::read();
        let (answer, sha256, accepted) = match self.read() {
            Err(faults) => {
                let outcome = ReloadOutcome::Faulty;
                let answer = ReloadAnswer { outcome, faults, ..ReloadAnswer::default() };
                (answer, String::new(), false)
            }
            Ok(config) => {
                let loaded = Loaded::of(&config);
                let sha256 = loaded.sha256.clone();
                let accepted = question.accept && self.is_held(&loaded);
                let (mut answer, plan) = self.judge(config, &loaded);
                if let Some(plan) = plan.filter(|_| !question.dry_run) {
                    answer.outcome = self.act(plan, loaded, accepted, now);
                }
                (answer, sha256, accepted)
            }
        };
        if !question.dry_run {
            self.count(answer.outcome);
            self.tell(&answer, &sha256, accepted, by, now.wall);
        }
        answer
    }

    fn loaded(&self) -> LoadedConfiguration {
        let state = self.state();
        LoadedConfiguration {
            file: self.file.as_ref().map(|file| file.display().to_string()),
            loaded_unix: unix_seconds(state.at),
            sha256: state.loaded.sha256.clone(),
            held: state.held.as_ref().map(|held| HeldConfiguration {
                since_unix: unix_seconds(held.since),
                sha256: held.loaded.sha256.clone(),
                reasons: held.reasons.clone(),
            }),
            reloads: state.counts,
        }
    }
}

/// Which applications come, go, and stay in another way.
fn tell_applications(current: &Applications, next: &Applications, answer: &mut ReloadAnswer) {
    for one in next.all() {
        match current.named(&one.name) {
            None => answer.added.push(one.name.to_string()),
            Some(old) if !Arc::ptr_eq(old, one) => answer.changed.push(one.name.to_string()),
            Some(_) => {}
        }
    }
    let gone = current.all().iter().filter(|one| next.named(&one.name).is_none());
    answer.removed.extend(gone.map(|one| one.name.to_string()));
}
