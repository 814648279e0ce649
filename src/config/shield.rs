//! `[directory.shield]` and `[shield]`: how many wrong passwords accounts, applications and clients may send.

use std::time::Duration;

use super::error::Findings;
use super::raw::{AutoCount, RawShield, RawSourceLimits};
use super::value;
use crate::shield::limit::LONGEST_WINDOW;
use crate::shield::{ShieldConfig, SourceLimits};

/// The word for what the directory says.
const AUTO: &str = "auto";

/// Most failures that a budget may have; no account is protected by more.
const MOST_FAILURES: u32 = 100;

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn resolve(raw: &RawShield, at: &str, findings: &mut Findings) -> ShieldConfig {
    let default = ShieldConfig::default();
    let key = |name: &str| format!("{at}.{name}");
    let window = raw.window.as_deref().filter(|text| *text != AUTO);
    let bounds = (SECOND, LONGEST_WINDOW);
    let window = window
        .map(|text| value::bounded_duration(findings, &key("window"), Some(text), SECOND, bounds));
    let fallback_window = value::bounded_duration(
        findings,
        &key("fallback_window"),
        raw.fallback_window.as_deref(),
        default.fallback_window,
        bounds,
    );
    let fallback_failures = value::bounded_count(
        findings,
        &key("fallback_failures"),
        raw.fallback_failures,
        default.fallback_failures,
        (0, MOST_FAILURES),
    );
    let remember = value::bounded_duration(
        findings,
        &key("remember"),
        raw.remember.as_deref(),
        default.remember,
        (Duration::ZERO, ShieldConfig::LONGEST_MEMORY),
    );
    let failures = failures(raw.failures.as_ref(), &key("failures"), findings);
    let enabled = raw.enabled.unwrap_or(default.enabled);
    if !enabled {
        let text = "every wrong password goes to the directory and counts there: whoever can reach an \
                    application can lock accounts";
        findings.warn(key("enabled"), text);
    }
    ShieldConfig { enabled, failures, window, fallback_failures, fallback_window, remember }
}

fn failures(raw: Option<&AutoCount>, key: &str, findings: &mut Findings) -> Option<u32> {
    match raw {
        None => None,
        Some(AutoCount::Text(text)) if text == AUTO => None,
        Some(AutoCount::Text(text)) => {
            let instead = format!("write {AUTO:?}, or a number without quotes");
            findings.problem(key, format!("{text:?} is no number"), instead);
            None
        }
        Some(AutoCount::Number(count)) => {
            Some(value::bounded_count(findings, key, Some(*count), 0, (0, MOST_FAILURES)))
        }
    }
}

pub(super) fn sources(raw: &RawSourceLimits, findings: &mut Findings) -> SourceLimits {
    let default = SourceLimits::default();
    let mut count = |name: &str, given, default| {
        value::bounded_count(findings, &format!("shield.{name}"), given, default, (0, 10_000_000))
    };
    let application = count("application_failures", raw.application_failures, default.application);
    let client = count("client_failures", raw.client_failures, default.client);
    let window = value::bounded_duration(
        findings,
        "shield.window",
        raw.window.as_deref(),
        default.window,
        (SECOND, Duration::from_secs(24 * 3600)),
    );
    SourceLimits { application, client, window }
}
