//! `[[application]]`: who may pass, who may search, and for which clients it is chosen.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::error::{Fault, Findings};
use super::raw::{RawApplication, RawBase, Short};
use super::resolve::DirectorySettings;
use super::{filter, local_account, presentation, served, value};
use crate::policy::application::{
    AnonymousAccess, Application, Freshness, RefusalStyle, ScopeBase, SearchLimits, Searchers,
};
use crate::policy::pace::Pace;
use crate::policy::service_account::ServiceAccountMemo;
use crate::server::ListenerConfig;

/// No negative bind answer leaves earlier: a verdict of a controller takes some 10 to 100 ms, and a
/// refusal that is decided here must not be told from it by its speed.
const NEGATIVE_LATENCY: Duration = Duration::from_millis(150);

/// What an application may name.
pub(super) struct Known<'a> {
    pub(super) directories: &'a [DirectorySettings],
    pub(super) listeners: &'a [ListenerConfig],
}

pub(super) fn resolve(
    raw: &[RawApplication],
    known: &Known<'_>,
    findings: &mut Findings,
) -> Vec<Arc<Application>> {
    let mut applications: Vec<(usize, Application)> = Vec::new();
    for (index, raw) in raw.iter().enumerate() {
        let at = format!("application[{index}]");
        let Some(application) = one(raw, &at, known, findings) else { continue };
        for (other, earlier) in &applications {
            clash(&at, &application, *other, earlier, known, findings);
        }
        applications.push((index, application));
    }
    unused(&applications, known, findings);
    applications.into_iter().map(|(_, application)| Arc::new(application)).collect()
}

/// Two applications of one name, or two that one client could be meant for.
fn clash(
    at: &str,
    application: &Application,
    other: usize,
    earlier: &Application,
    known: &Known<'_>,
    findings: &mut Findings,
) {
    let (name, earlier_name) = (&application.name, &earlier.name);
    if name.eq_ignore_ascii_case(earlier_name) {
        findings.problem(
            format!("{at}.name"),
            format!("{name:?} is the name of application[{other}] already"),
            "give each application a name of its own",
        );
    }
    let on = |application: &Application, name: &Arc<str>| {
        application.listeners.is_empty() || application.listeners.contains(name)
    };
    let names = known.listeners.iter().map(|listener| &listener.name);
    let Some(shared) = names.into_iter().find(|name| on(application, name) && on(earlier, name))
    else {
        return;
    };
    if let Some(clients) = common_clients(&application.networks, &earlier.networks) {
        findings.problem(
            format!("{at}.networks"),
            format!(
                "{name:?} and {earlier_name:?} (application[{other}]) are both meant for {clients} on \
                 listener {shared:?}"
            ),
            "give them listeners of their own, or client networks that do not overlap",
        );
    }
}

/// Clients that both lists stand for; an empty list stands for all.
fn common_clients(left: &[IpNet], right: &[IpNet]) -> Option<String> {
    match (left, right) {
        ([], []) => Some("all clients".to_owned()),
        ([], some) | (some, []) => some.first().map(|network| format!("clients in {network}")),
        (left, right) => left.iter().find_map(|a| {
            let overlap = right.iter().find(|b| a.contains(*b) || b.contains(a))?;
            let inner = if a.contains(overlap) { overlap } else { a };
            Some(format!("clients in {inner}"))
        }),
    }
}

/// What is configured and reached by nobody.
fn unused(applications: &[(usize, Application)], known: &Known<'_>, findings: &mut Findings) {
    for (index, listener) in known.listeners.iter().enumerate() {
        let serves = |application: &Application| {
            application.listeners.is_empty() || application.listeners.contains(&listener.name)
        };
        if !applications.is_empty() && !applications.iter().any(|(_, other)| serves(other)) {
            findings.warn(format!("listener[{index}]"), "no application is chosen for it");
        }
    }
    for (index, directory) in known.directories.iter().enumerate() {
        let uses = |application: &Application| application.directories.contains(&directory.name);
        if !applications.is_empty() && !applications.iter().any(|(_, other)| uses(other)) {
            findings.warn(format!("directory[{index}]"), "no application uses it");
        }
    }
}

fn one(
    raw: &RawApplication,
    at: &str,
    known: &Known<'_>,
    findings: &mut Findings,
) -> Option<Application> {
    let name = name(raw, at, findings);
    let directories = directories(raw, at, known, findings);
    let key = |key: &str| format!("{at}.{key}");
    let bases = scope(raw.bases.as_deref(), &key("bases"), &directories, findings);
    let excluded =
        scope(raw.excluded_bases.as_deref(), &key("excluded_bases"), &directories, findings);
    nesting(&bases, &excluded, at, findings);
    let user_filter = raw.user_filter.as_deref();
    let user_filter =
        user_filter.and_then(|text| findings.take(&key("user_filter"), filter::filter(text)));
    let required_groups = groups(raw.required_groups.as_deref(), &key("required_groups"), findings);
    let denied_groups = groups(raw.denied_groups.as_deref(), &key("denied_groups"), findings);
    let service_accounts = service_accounts(raw, at, known, findings);
    let local_accounts = local_account::resolve(raw, at, findings);
    let networks = networks(raw, at, findings);
    let listeners = listeners(raw, at, known, findings);
    let negative_latency = value::bounded_duration(
        findings,
        &key("negative_latency"),
        raw.negative_latency.as_deref(),
        NEGATIVE_LATENCY,
        (Duration::ZERO, Duration::from_secs(4)),
    );
    let (searchers, anonymous, refusals) = manners(raw, at, findings);
    let freshness = freshness(raw, &key("freshness"), findings);
    let limits = limits(raw, &key("limits"), findings);
    let traffic = served::traffic(raw, &key("limits"), findings);
    let operations = served::operations(raw, &key("operations"), findings);
    let presentation = presentation::resolve(raw, at, (&directories, known), findings);
    let application = Application {
        revision: 0,
        name: Arc::from(name?),
        directories,
        bases,
        excluded_bases: excluded,
        user_filter,
        required_groups,
        denied_groups,
        service_accounts,
        service_account_memo: ServiceAccountMemo::default(),
        local_accounts,
        searchers,
        anonymous,
        refusals,
        negative_latency,
        pace: Pace::default(),
        freshness,
        limits,
        traffic,
        operations,
        require_tls: raw.require_tls.unwrap_or(false),
        primary_group_in_member_of: raw.primary_group_in_member_of.unwrap_or(false),
        presentation,
        networks,
        listeners,
    };
    second_looks(&application, at, findings);
    served::ways_in(&application, known, at, findings);
    Some(application)
}

fn name(raw: &RawApplication, at: &str, findings: &mut Findings) -> Option<String> {
    let key = format!("{at}.name");
    let Some(name) = raw.name.as_deref() else {
        findings.problem(key, "is missing", "give the application a name, for example \"crm\"");
        return None;
    };
    findings.take(&key, value::name(name))
}

/// Without a list: all, in the order of the file.
fn directories(
    raw: &RawApplication,
    at: &str,
    known: &Known<'_>,
    findings: &mut Findings,
) -> Vec<Arc<str>> {
    let key = format!("{at}.directories");
    let names: Vec<_> =
        known.directories.iter().map(|directory| Arc::clone(&directory.name)).collect();
    chosen(raw.directories.as_deref(), &key, &names, "directory", findings).unwrap_or(names)
}

fn listeners(
    raw: &RawApplication,
    at: &str,
    known: &Known<'_>,
    findings: &mut Findings,
) -> Vec<Arc<str>> {
    let key = format!("{at}.listeners");
    let names: Vec<_> = known.listeners.iter().map(|listener| Arc::clone(&listener.name)).collect();
    chosen(raw.listeners.as_deref(), &key, &names, "listener", findings).unwrap_or_default()
}

/// The named ones; `None` without a list.
fn chosen(
    texts: Option<&[String]>,
    key: &str,
    known: &[Arc<str>],
    section: &str,
    findings: &mut Findings,
) -> Option<Vec<Arc<str>>> {
    let texts = texts?;
    not_empty(texts, key, findings);
    findings.duplicates(|index| format!("{key}[{index}]"), texts.iter().cloned(), section);
    // With a fault in the section itself, its name is unknown for that reason alone.
    let complete = !findings.problems.iter().any(|problem| problem.key.starts_with(section));
    let parsed = findings.take_each(key, texts, |text| {
        let found = known.iter().find(|name| ***name == **text);
        match found {
            Some(name) => Ok(Some(Arc::clone(name))),
            None if complete => {
                let known: Vec<_> = known.iter().map(|name| format!("{:?}", &**name)).collect();
                Err(Fault::new(
                    format!("there is no {section} {text:?}"),
                    format!("known: {}", known.join(", ")),
                ))
            }
            None => Ok(None),
        }
    });
    Some(parsed.into_iter().flatten().collect())
}

/// An empty list would mean "all", which nobody who writes it has in mind for sure.
pub(super) fn not_empty<T>(list: &[T], key: &str, findings: &mut Findings) {
    if list.is_empty() {
        findings.problem(
            key,
            "is an empty list",
            "remove the key for its default, or name at least one",
        );
    }
}

pub(super) fn scope(
    raw: Option<&[Short<RawBase>]>,
    key: &str,
    directories: &[Arc<str>],
    findings: &mut Findings,
) -> Vec<ScopeBase> {
    let Some(raw) = raw else { return Vec::new() };
    not_empty(raw, key, findings);
    let mut bases: Vec<ScopeBase> = Vec::new();
    for (index, raw) in raw.iter().enumerate() {
        let at = format!("{key}[{index}]");
        let Some(base) = base(raw, &at, directories, findings) else { continue };
        let twin = bases.iter().any(|other| {
            other.dn == base.dn && (other.directory == base.directory || other.directory.is_none())
        });
        if twin {
            let reason = format!("{:?} is in the list already", base.text);
            findings.problem(at, reason, "remove one of them");
        }
        bases.push(base);
    }
    bases
}

fn base(
    raw: &Short<RawBase>,
    at: &str,
    directories: &[Arc<str>],
    findings: &mut Findings,
) -> Option<ScopeBase> {
    let (key, text, directory) = match raw {
        Short::Text(text) => (at.to_owned(), Some(text), None),
        Short::Table(raw) => (format!("{at}.dn"), raw.dn.as_ref(), raw.directory.as_deref()),
    };
    let directory = directory.map(|name| {
        let found = directories.iter().find(|known| ***known == *name).map(Arc::clone);
        found.ok_or_else(|| {
            let instead = "name one of its directories, or leave it out";
            Fault::new(format!("{name:?} is no directory of this application"), instead)
        })
    });
    let directory = match directory {
        None => None,
        Some(found) => Some(findings.take(&format!("{at}.directory"), found)?),
    };
    let Some(text) = text else {
        findings.problem(key, "is missing", "write the distinguished name of a sub-tree");
        return None;
    };
    let dn = findings.take(&key, value::dn(text))?;
    Some(ScopeBase { directory, dn, text: text.clone() })
}

/// Bases within others change nothing; what is taken out must have been in.
fn nesting(bases: &[ScopeBase], excluded: &[ScopeBase], at: &str, findings: &mut Findings) {
    let comparable = |a: &ScopeBase, b: &ScopeBase| {
        a.directory == b.directory || a.directory.is_none() || b.directory.is_none()
    };
    for base in bases {
        let outer = bases.iter().find(|other| {
            other.dn != base.dn && comparable(base, other) && base.dn.is_within(&other.dn)
        });
        if let Some(outer) = outer {
            let text = format!("{:?} is within {:?} and changes nothing", base.text, outer.text);
            findings.warn(format!("{at}.bases"), text);
        }
    }
    for out in excluded {
        let within = |base: &ScopeBase| comparable(base, out) && out.dn.is_within(&base.dn);
        if !bases.is_empty() && !bases.iter().any(within) {
            let text = format!("{:?} is in none of the bases and takes nothing out", out.text);
            findings.warn(format!("{at}.excluded_bases"), text);
        }
        if bases.iter().any(|base| comparable(base, out) && base.dn.is_within(&out.dn)) {
            findings.problem(
                format!("{at}.excluded_bases"),
                format!("{:?} takes out a whole base", out.text),
                "remove one of the two",
            );
        }
    }
}

/// Names of groups, none of them twice.
pub(super) fn groups(texts: Option<&[String]>, key: &str, findings: &mut Findings) -> Vec<String> {
    let Some(texts) = texts else { return Vec::new() };
    not_empty(texts, key, findings);
    findings.duplicates(
        |index| format!("{key}[{index}]"),
        texts.iter().map(|text| text.to_lowercase()),
        "group",
    );
    findings.take_each(key, texts, |text| value::group(text))
}

fn service_accounts(
    raw: &RawApplication,
    at: &str,
    known: &Known<'_>,
    findings: &mut Findings,
) -> Vec<String> {
    let key = format!("{at}.service_accounts");
    let Some(texts) = raw.service_accounts.as_deref() else { return Vec::new() };
    not_empty(texts, &key, findings);
    let lower = texts.iter().map(|text| text.to_lowercase());
    findings.duplicates(|index| format!("{key}[{index}]"), lower, "service account");
    for (index, text) in texts.iter().enumerate() {
        let same = |directory: &&DirectorySettings| {
            directory.upstream.service_name.to_lowercase() == text.to_lowercase()
        };
        if let Some(directory) = known.directories.iter().find(same) {
            findings.warn(
                format!("{key}[{index}]"),
                format!(
                    "{text:?} is the sync account of directory {:?} too: who knows the application's \
                     settings can read what sync reads, and a locked account stops both",
                    &*directory.name
                ),
            );
        }
    }
    findings.take_each(&key, texts, |text| {
        let name = value::bind_name(text)?;
        if name.contains('=') {
            value::dn(&name)?;
        }
        Ok(name)
    })
}

fn networks(raw: &RawApplication, at: &str, findings: &mut Findings) -> Vec<IpNet> {
    let key = format!("{at}.networks");
    let Some(texts) = raw.networks.as_deref() else { return Vec::new() };
    not_empty(texts, &key, findings);
    findings.take_each(&key, texts, |text| value::network(text))
}

/// Who may search, what everybody may, and what the refused are told.
fn manners(
    raw: &RawApplication,
    at: &str,
    findings: &mut Findings,
) -> (Searchers, AnonymousAccess, RefusalStyle) {
    let searchers = [
        ("service-accounts", Searchers::ServiceAccounts),
        ("permitted-users", Searchers::PermittedUsers),
    ];
    let anonymous =
        [("root-dse-only", AnonymousAccess::RootDseOnly), ("search", AnonymousAccess::Search)];
    let refusals = [("uniform", RefusalStyle::Uniform), ("subcodes", RefusalStyle::Subcodes)];
    (
        value::word(
            findings,
            &format!("{at}.searchers"),
            raw.searchers.as_deref(),
            &searchers,
            Searchers::default(),
        ),
        value::word(
            findings,
            &format!("{at}.anonymous"),
            raw.anonymous.as_deref(),
            &anonymous,
            AnonymousAccess::default(),
        ),
        value::word(
            findings,
            &format!("{at}.refusals"),
            raw.refusals.as_deref(),
            &refusals,
            RefusalStyle::default(),
        ),
    )
}

fn freshness(raw: &RawApplication, key: &str, findings: &mut Findings) -> Freshness {
    let words = [("lenient", Freshness::Lenient), ("strict", Freshness::Strict)];
    value::word(findings, key, raw.freshness.as_deref(), &words, Freshness::default())
}

fn limits(raw: &RawApplication, at: &str, findings: &mut Findings) -> SearchLimits {
    let default = SearchLimits::default();
    let count = |findings: &mut Findings, key: &str, value, default| {
        value::bounded_count(findings, &format!("{at}.{key}"), value, default, (0, 10_000_000))
    };
    let bounds = (Duration::from_secs(1), Duration::from_secs(3600));
    let key = format!("{at}.time");
    let time = raw.limits.time.as_deref();
    SearchLimits {
        size: count(findings, "size", raw.limits.size, default.size),
        time: value::bounded_duration(findings, &key, time, default.time, bounds),
        candidates: count(findings, "candidates", raw.limits.candidates, default.candidates),
        page: count(findings, "page", raw.limits.page, default.page),
    }
}

/// What is allowed and often not meant.
fn second_looks(application: &Application, at: &str, findings: &mut Findings) {
    let open = application.bases.is_empty()
        && application.user_filter.is_none()
        && application.required_groups.is_empty();
    if open {
        findings.warn(
            at,
            "without bases, user_filter or required_groups every user of its directories may log in",
        );
    }
    let no_service =
        application.service_accounts.is_empty() && application.local_accounts.is_empty();
    if no_service && application.searchers == Searchers::ServiceAccounts {
        findings.warn(
            format!("{at}.service_accounts"),
            "nobody may search: there is no service account, and users may not",
        );
    }
    if application.anonymous == AnonymousAccess::Search {
        findings.warn(
            format!("{at}.anonymous"),
            "whoever reaches the listener can read what the application shows, without a password",
        );
    }
    if application.refusals == RefusalStyle::Subcodes {
        findings.warn(
            format!("{at}.refusals"),
            "a refusal tells whoever asks that an account is unknown, disabled or expired",
        );
    }
}
