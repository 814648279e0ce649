//! What a check finds: findings by section, and their sum.

use std::fmt;

use serde::Serialize;

/// How a finding is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works; somebody should know.
    Warn,
    /// It will not work.
    Fail,
}

/// Which part a finding is about: where an operator has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// The configuration file.
    Configuration,
    /// Names, addresses, ports, firewalls.
    Network,
    /// Certificates, names in them, protocol versions.
    Tls,
    /// The service account's name and password.
    Credentials,
    /// The naming context.
    BaseDn,
    /// What is searched for.
    Filter,
    /// What the service account may read.
    Rights,
    /// What the controller itself does.
    Server,
    /// How changes are followed.
    Following,
    /// Users and groups that were read.
    Entries,
    /// Who an application knows.
    Scope,
    /// The groups an application names.
    Groups,
    /// The accounts an application searches with.
    ServiceAccount,
    /// Where applications connect.
    Listener,
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configuration => "configuration",
            Self::Network => "network",
            Self::Tls => "TLS",
            Self::Credentials => "credentials",
            Self::BaseDn => "base DN",
            Self::Filter => "filter",
            Self::Rights => "rights",
            Self::Following => "following",
            Self::Server => "server",
            Self::Entries => "entries",
            Self::Scope => "scope",
            Self::Groups => "groups",
            Self::ServiceAccount => "service account",
            Self::Listener => "listener",
        })
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it is to be taken.
    pub level: Level,
    /// Which part it is about.
    pub area: Area,
    /// What was found.
    pub message: String,
    /// What to do; always there for a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The key in the configuration that it hangs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(area: Area, message: impl Into<String>) -> Self {
        Self { level: Level::Ok, area, message: message.into(), advice: None, key: None }
    }

    /// Works, but somebody should know, and do this.
    pub fn warn(area: Area, message: impl Into<String>, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { level: Level::Warn, area, message: message.into(), advice, key: None }
    }

    /// Will not work until somebody does this.
    pub fn fail(area: Area, message: impl Into<String>, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { level: Level::Fail, area, message: message.into(), advice, key: None }
    }

    /// The same, with the key it hangs on.
    #[must_use]
    pub fn at(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// The findings about one thing: the configuration, a controller, an application, a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// What they are about.
    pub subject: String,
    /// In the order they were found.
    pub findings: Vec<Finding>,
}

/// How many findings of each level there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// As they should be.
    pub ok: usize,
    /// To be looked at.
    pub warnings: usize,
    /// Not working.
    pub failures: usize,
}

/// Everything a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order they were checked.
    pub sections: Vec<Section>,
}

impl Report {
    /// Counts the findings.
    #[must_use]
    pub fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        for finding in self.sections.iter().flat_map(|section| &section.findings) {
            match finding.level {
                Level::Ok => sum.ok += 1,
                Level::Warn => sum.warnings += 1,
                Level::Fail => sum.failures += 1,
            }
        }
        sum
    }

    /// The document of `check --json`.
    #[must_use]
    pub fn document(&self) -> Document<'_> {
        let sum = self.sum();
        let findings = self.sections.iter().flat_map(|section| {
            section.findings.iter().map(|finding| Located { subject: &section.subject, finding })
        });
        Document { passed: sum.failures == 0, summary: sum, findings: findings.collect() }
    }
}

/// `check --json`.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    /// No failure was found.
    pub passed: bool,
    /// How many findings of each level there are.
    pub summary: Sum,
    /// All findings in the order they were made.
    pub findings: Vec<Located<'a>>,
}

/// A finding and what it is about.
#[derive(Debug, Serialize)]
pub struct Located<'a> {
    /// What it is about.
    pub subject: &'a str,
    /// The finding.
    #[serde(flatten)]
    pub finding: &'a Finding,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_without_advice() {
        let failure = Finding::fail(Area::Tls, "expired", "renew it").at("directory[0]");
        assert_eq!(failure.advice.as_deref(), Some("renew it"));
        assert_eq!(failure.key.as_deref(), Some("directory[0]"));
    }

    #[test]
    fn the_document_counts_and_locates() {
        let findings = vec![
            Finding::ok(Area::Network, "connected"),
            Finding::warn(Area::Tls, "soon over", "renew it"),
            Finding::fail(Area::Credentials, "refused", "correct it"),
        ];
        let report =
            Report { sections: vec![Section { subject: "controller dc1".to_owned(), findings }] };
        let json = serde_json::to_value(report.document()).unwrap();
        assert_eq!(json["passed"], false);
        assert_eq!(json["summary"]["failures"], 1);
        assert_eq!(json["findings"][1]["subject"], "controller dc1");
        assert_eq!(json["findings"][1]["level"], "warn");
        assert_eq!(json["findings"][2]["area"], "credentials");
    }
}
