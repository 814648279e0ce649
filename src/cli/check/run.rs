//! `[io]` `ldapgate check`: the order in which everything is tried.

use std::path::Path;
use std::sync::Arc;

use crate::cli::arguments::CheckArguments;
use crate::cli::exit::{CommandError, Done};
use crate::cli::output::{self, Progress};
use crate::cli::render;
use crate::config::{self, Config, ConfigErrors, DirectorySettings};
use crate::directory::View;
use crate::policy::{DirectoryState, World};
use crate::time::Now;
use crate::upstream::{ControllerConfig, Security, Upstream};

use super::controller::Candidate;
use super::report::{Area, Finding, Level, Report, Section};
use super::{application, entries, listener, offline, page};

/// Runs the command on the configuration at `path`.
///
/// # Errors
/// The results cannot be written. What is wrong with the configuration or the controllers is a
/// finding, not an error.
pub async fn run(path: &Path, arguments: &CheckArguments) -> Result<Done, CommandError> {
    let mut check = Check::new(arguments);
    match config::load(path) {
        Ok(config) => check.everything(path, config).await?,
        Err(errors) => check.add(configuration_errors(path, &errors))?,
    }
    check.finish()
}

fn configuration_errors(path: &Path, errors: &ConfigErrors) -> Section {
    let findings = errors.problems.iter().map(|problem| {
        let advice = if problem.instead.is_empty() { "correct the file" } else { &problem.instead };
        let finding = Finding::fail(Area::Configuration, problem.reason.clone(), advice);
        if problem.key.is_empty() { finding } else { finding.at(problem.key.clone()) }
    });
    Section { subject: configuration_subject(path), findings: findings.collect() }
}

fn configuration_subject(path: &Path) -> String {
    format!("configuration {}", path.display())
}

pub(in crate::cli) struct Check {
    pub(in crate::cli) report: Report,
    json: bool,
    quiet: bool,
    colours: bool,
    progress: Progress,
}

impl Check {
    pub(in crate::cli) fn new(arguments: &CheckArguments) -> Self {
        Self {
            report: Report::default(),
            json: arguments.json,
            quiet: arguments.quiet,
            colours: output::colours(),
            progress: Progress::new(),
        }
    }

    /// Keeps a section and prints it at once, so that a slow check shows what it has.
    fn add(&mut self, section: Section) -> Result<(), CommandError> {
        self.progress.clear();
        if !self.json {
            output::print(&page::section_text(&section, self.quiet, self.colours))?;
        }
        self.report.sections.push(section);
        Ok(())
    }

    fn finish(self) -> Result<Done, CommandError> {
        if self.json {
            output::print(&render::json(&self.report.document())?)?;
        } else {
            output::print(&page::summary(&self.report))?;
        }
        let failed = self.report.sum().failures > 0;
        Ok(if failed { Done::WithProblems } else { Done::Well })
    }

    pub(in crate::cli) async fn everything(
        &mut self,
        path: &Path,
        config: Config,
    ) -> Result<(), CommandError> {
        self.add(configuration(path, &config))?;
        let Config { directories, applications, listeners, .. } = config;
        let mut states = Vec::new();
        for (at, settings) in directories.into_iter().enumerate() {
            let name = settings.name.clone();
            let view = self.directory(settings, &format!("directory[{at}]")).await?;
            states.push(DirectoryState::new(name, view));
        }
        let world = World {
            epoch: 0,
            blocks: Arc::default(),
            applications: Arc::default(),
            directories: states,
        };
        for (at, application) in applications.iter().enumerate() {
            self.progress.say(&format!("checking application {}", application.name));
            let key = format!("application[{at}]");
            let findings = application::findings(application, &world, &key, Now::read());
            let subject = format!("application {}", application.name);
            self.add(Section { subject, findings })?;
        }
        for (at, listener) in listeners.iter().enumerate() {
            let findings =
                listener::findings(listener, &format!("listener[{at}]"), Now::read()).await;
            let subject = format!("listener {}", listener.name);
            self.add(Section { subject, findings })?;
        }
        Ok(())
    }

    /// Checks every controller of one directory; gives the first copy that could be read.
    async fn directory(
        &mut self,
        settings: DirectorySettings,
        key: &str,
    ) -> Result<Option<Arc<View>>, CommandError> {
        let DirectorySettings { name, upstream, sync, attributes, offline, .. } = settings;
        let upstream = match Upstream::new(upstream, Now::read()) {
            Ok(upstream) => upstream,
            Err(error) => {
                let advice = "correct the directory's controllers and their trust";
                let finding = Finding::fail(Area::Tls, error.to_string(), advice).at(key);
                self.add(Section {
                    subject: format!("directory {name}"),
                    findings: vec![finding],
                })?;
                return Ok(None);
            }
        };
        let mut refused_by: Option<String> = None;
        let mut first: Option<(String, Arc<View>)> = None;
        for (at, controller) in upstream.config().controllers.iter().enumerate() {
            let subject = subject(&name, controller);
            self.progress.say(&format!("checking {subject}"));
            let candidate = Candidate {
                upstream: &upstream,
                controller,
                sync: &sync,
                directory_key: key,
                controller_key: &format!("{key}.controllers[{at}]"),
                progress: &self.progress,
            };
            let mut checked = candidate.check(refused_by.as_deref()).await;
            if checked.findings.iter().any(is_refusal) {
                refused_by = Some(controller.name.to_string());
            }
            match (&first, checked.view) {
                (None, Some(view)) => first = Some((controller.name.to_string(), view)),
                (Some((other, reference)), Some(view)) => {
                    checked.findings.extend(difference(other, reference, &view));
                }
                (_, None) => {}
            }
            self.add(Section { subject, findings: checked.findings })?;
        }
        let Some((_, view)) = first else { return Ok(None) };
        let mut findings = entries::findings(&view, &attributes, key);
        findings.extend(offline.iter().flat_map(|config| offline::findings(config, &view, key)));
        self.add(Section { subject: format!("directory {name}"), findings })?;
        Ok(Some(view))
    }
}

/// A refused service password: the one failure after which the password is not sent again.
fn is_refusal(finding: &Finding) -> bool {
    finding.level == Level::Fail && finding.area == Area::Credentials
}

fn configuration(path: &Path, config: &Config) -> Section {
    let controllers: usize =
        config.directories.iter().map(|one| one.upstream.controllers.len()).sum();
    let loaded = format!(
        "{}, {}, {}, {}",
        render::count(config.directories.len(), "directory", "directories"),
        render::count(controllers, "controller", "controllers"),
        render::count(config.applications.len(), "application", "applications"),
        render::count(config.listeners.len(), "listener", "listeners"),
    );
    let warnings = config.warnings().iter().map(|warning| {
        let advice = "leave it if that is what you want";
        Finding::warn(Area::Configuration, warning.text.clone(), advice).at(warning.key.clone())
    });
    let findings = std::iter::once(Finding::ok(Area::Configuration, loaded)).chain(warnings);
    Section { subject: configuration_subject(path), findings: findings.collect() }
}

fn subject(directory: &str, controller: &ControllerConfig) -> String {
    let scheme = match controller.security {
        Security::Ldaps => "ldaps",
        Security::StartTls | Security::Plain => "ldap",
    };
    let name = &controller.name;
    format!(
        "controller {name} of {directory} ({scheme}://{}:{})",
        controller.host(),
        controller.port
    )
}

/// Two controllers of one directory should show the same service account the same things.
fn difference(other: &str, reference: &View, view: &View) -> Option<Finding> {
    let (theirs, ours) = (reference.counts(), view.counts());
    (theirs.users != ours.users || theirs.groups != ours.groups).then(|| {
        Finding::warn(
            Area::Rights,
            format!(
                "{other} shows {}, {}",
                render::count(theirs.users, "user", "users"),
                render::count(theirs.groups, "group", "groups")
            ),
            "replication between them is behind, or rights differ: see repadmin /showrepl",
        )
    })
}
