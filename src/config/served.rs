//! What an application is served at all: how much, which operations, and over what.

use super::application::{Known, not_empty};
use super::error::{Fault, Findings};
use super::raw::RawApplication;
use super::value;
use crate::policy::Application;
use crate::policy::application::ServedOperation;
use crate::policy::traffic::{Traffic, TrafficLimits};
use crate::server::ListenerConfig;

/// `[application.limits]`, as far as it is about all clients together.
pub(super) fn traffic(raw: &RawApplication, at: &str, findings: &mut Findings) -> Traffic {
    let mut count = |key: &str, value| {
        value::bounded_count(findings, &format!("{at}.{key}"), value, 0, (0, 1_000_000))
    };
    Traffic::new(TrafficLimits {
        connections: count("connections", raw.limits.connections),
        binds_per_second: count("binds_per_second", raw.limits.binds_per_second),
        searches_per_second: count("searches_per_second", raw.limits.searches_per_second),
    })
}

/// Without a list: all.
pub(super) fn operations(
    raw: &RawApplication,
    key: &str,
    findings: &mut Findings,
) -> Vec<ServedOperation> {
    let Some(texts) = raw.operations.as_deref() else { return ServedOperation::ALL.into() };
    not_empty(texts, key, findings);
    let known = |text: &String| match text.as_str() {
        "bind" => Ok(ServedOperation::Bind),
        "search" => Ok(ServedOperation::Search),
        "compare" => Ok(ServedOperation::Compare),
        "who-am-i" => Ok(ServedOperation::WhoAmI),
        _ => Err(Fault::new(
            format!("{text:?} is no operation that is served"),
            "write bind, search, compare or who-am-i",
        )),
    };
    let operations = findings.take_each(key, texts, known);
    if !texts.is_empty() && !operations.contains(&ServedOperation::Bind) {
        findings.warn(key, "nobody can log in: bind is not among the operations");
    }
    operations
}

/// An application that insists on TLS needs a listener that speaks it.
pub(super) fn ways_in(
    application: &Application,
    known: &Known<'_>,
    at: &str,
    findings: &mut Findings,
) {
    let speaks_tls = |listener: &&ListenerConfig| listener.certificate.is_some();
    let mut own = known.listeners.iter().filter(|one| application.listens_on(&one.name));
    if application.require_tls && own.clone().next().is_some() && !own.any(|one| speaks_tls(&one)) {
        findings.warn(
            format!("{at}.require_tls"),
            "none of its listeners has a certificate, so nothing can be served",
        );
    }
}
