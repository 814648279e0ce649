//! What is looked for on behalf of one application: its bases, its groups, its accounts, and who is in
//! its scope.

use std::sync::Arc;
use std::time::SystemTime;

use crate::cli::render::count;
use crate::directory::{EntryRef, View};
use crate::ldap::dn::NormalizedDn;
use crate::policy::account::AccountState;
use crate::policy::application::ScopeBase;
use crate::policy::rules::{self, RULES, Subject};
use crate::policy::{Application, BindName, Refusal, World, judge};
use crate::time::Now;

use super::entries::{listed, short_name};
use super::groups::{self, Purpose};
use super::report::{Area, Finding};

/// Attributes that nearly every application maps.
const MAPPED: [&str; 2] = ["mail", "displayName"];

/// Everything that is looked for. `key` is the application in the configuration. Directories that could
/// not be read are named and left out.
#[must_use]
pub fn findings(
    application: &Arc<Application>,
    world: &World,
    key: &str,
    now: Now,
) -> Vec<Finding> {
    let unread: Vec<&str> = world
        .of(application)
        .filter(|state| state.view.is_none())
        .map(|state| &*state.name)
        .collect();
    if !unread.is_empty() {
        return vec![Finding::warn(
            Area::Scope,
            format!("not checked: {} could not be read", unread.join(", ")),
            "correct what failed above, then check again",
        )];
    }
    let mut findings = Vec::new();
    findings.extend(bases(application, world, key));
    findings.extend(groups(application, world, key));
    findings.extend(scope(application, world, key, now.wall));
    findings.extend(service_accounts(application, world, key, now));
    findings
}

fn bases(application: &Application, world: &World, key: &str) -> Vec<Finding> {
    let wanted = application.bases.iter().enumerate().map(|(at, base)| {
        (base, format!("{key}.bases[{at}]"), "nobody is in scope through it: correct the name")
    });
    let excluded = application.excluded_bases.iter().enumerate().map(|(at, base)| {
        (base, format!("{key}.excluded_bases[{at}]"), "it takes nobody out: correct the name")
    });
    wanted
        .chain(excluded)
        .filter_map(|(base, key, consequence)| {
            let views = || views_of(base, application, world);
            if views().any(|view| view.find_dn(&base.dn).is_some()) {
                return None;
            }
            let nearest = views().find_map(|view| nearest(view, &base.dn));
            let hint = nearest.map(|dn| format!("; what exists of it is {dn}")).unwrap_or_default();
            let message = format!("the base {} does not exist{hint}", base.text);
            Some(Finding::fail(Area::BaseDn, message, consequence).at(key))
        })
        .collect()
}

fn views_of<'a>(
    base: &'a ScopeBase,
    application: &'a Application,
    world: &'a World,
) -> impl Iterator<Item = &'a Arc<View>> {
    world
        .of(application)
        .filter(|state| base.directory.as_ref().is_none_or(|name| *name == state.name))
        .filter_map(|state| state.view.as_ref())
}

/// The lowest entry on the way up that exists.
fn nearest(view: &View, dn: &NormalizedDn) -> Option<String> {
    let mut next = dn.parent();
    while let Some(dn) = next.filter(|dn| !dn.is_root()) {
        if let Some(entry) = view.find_dn(&dn) {
            return Some(entry.dn().to_owned());
        }
        next = dn.parent();
    }
    None
}

fn groups(application: &Application, world: &World, key: &str) -> Vec<Finding> {
    let views: Vec<&View> =
        world.of(application).filter_map(|state| state.view.as_deref()).collect();
    let lists = [
        (Purpose::Required, &application.required_groups, "required_groups"),
        (Purpose::Denied, &application.denied_groups, "denied_groups"),
    ];
    let findings = lists.into_iter().flat_map(|(purpose, names, list)| {
        groups::findings(purpose, names, &format!("{key}.{list}"), &views)
    });
    findings.collect()
}

fn scope(application: &Application, world: &World, key: &str, wall: SystemTime) -> Vec<Finding> {
    let users = users_in_scope(application, world, wall);
    if users.is_empty() {
        let advice = "nobody can log in: compare the rule that leaves nobody with the directory";
        let text = format!("no user is in scope: {}", narrowing(application, world, wall));
        return vec![Finding::fail(Area::Scope, text, advice).at(key)];
    }
    let refused = users
        .iter()
        .filter(|user| {
            let state = AccountState::read(**user, user.view().domain().kind);
            state.and_then(|state| state.check(wall)).is_err()
        })
        .count();
    let mut text = format!("{} in scope", count(users.len(), "user", "users"));
    if refused > 0 {
        text.push_str(&format!(", {refused} of them disabled, expired or unreadable"));
    }
    let without = MAPPED.iter().filter_map(|attribute| {
        let names: Vec<String> = users
            .iter()
            .filter(|user| user.first(attribute).is_none())
            .map(|user| short_name(*user))
            .collect();
        (!names.is_empty()).then(|| {
            let users = count(names.len(), "user", "users");
            let message = format!("{users} in scope without {attribute}: {}", listed(&names));
            let advice = "applications that map this attribute may refuse to create them";
            Finding::warn(Area::Entries, message, advice)
        })
    });
    std::iter::once(Finding::ok(Area::Scope, text)).chain(without).collect()
}

/// How many users each rule leaves, in the order they are asked.
fn narrowing(application: &Application, world: &World, wall: SystemTime) -> String {
    let mut left: Vec<Subject<'_>> = subjects(application, world, wall).collect();
    let mut steps = vec![count(left.len(), "user", "users")];
    for rule in RULES.iter().filter(|rule| !rule.binds_service_accounts) {
        left.retain(|subject| (rule.check)(*subject).is_ok());
        steps.push(format!("{} after {}", left.len(), rule.name));
    }
    steps.join(", ")
}

fn users_in_scope<'a>(
    application: &'a Application,
    world: &'a World,
    wall: SystemTime,
) -> Vec<EntryRef<'a>> {
    let subjects = subjects(application, world, wall);
    subjects.filter(|subject| rules::in_scope(*subject)).map(|subject| subject.entry).collect()
}

/// Every user of the application's directories, as the rules about scope look at them.
fn subjects<'a>(
    application: &'a Application,
    world: &'a World,
    wall: SystemTime,
) -> impl Iterator<Item = Subject<'a>> {
    let views = world.of(application);
    let views = views.filter_map(|state| Some((&*state.name, state.view.as_deref()?)));
    views.flat_map(move |(directory, view)| {
        let subject = move |entry| Subject::of_scope(application, directory, view, entry, wall);
        view.users().map(subject)
    })
}

fn service_accounts(
    application: &Arc<Application>,
    world: &World,
    key: &str,
    now: Now,
) -> Vec<Finding> {
    let named = application.service_accounts.iter().enumerate().map(|(at, name)| {
        let judged =
            BindName::read(name.as_bytes()).and_then(|name| judge(world, application, &name, now));
        let finding = match judged {
            Ok(admission) => {
                let dn = &admission.account().dn;
                Finding::ok(Area::ServiceAccount, format!("service account {name} is {dn}"))
            }
            Err(refusal) => Finding::fail(
                Area::ServiceAccount,
                format!("the service account {name} cannot log in: {refusal}"),
                service_account_advice(refusal),
            ),
        };
        finding.at(format!("{key}.service_accounts[{at}]"))
    });
    let local = application.local_accounts.iter().map(|account| {
        let text = format!("service account {} is known to this program alone", account.name);
        Finding::ok(Area::ServiceAccount, text)
    });
    named.chain(local).collect()
}

const fn service_account_advice(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Unknown | Refusal::NameMalformed => {
            "no user of the application's directories has this name: correct it"
        }
        Refusal::Ambiguous => "several accounts have this name: write its distinguished name",
        Refusal::Disabled => "enable the account, or name another one",
        Refusal::Expired => "extend the account, or name another one",
        Refusal::AccountStateUnreadable => {
            "let the service account of the directory read its userAccountControl"
        }
        Refusal::Blocked
        | Refusal::FilteredOut
        | Refusal::GroupUnresolved
        | Refusal::InDeniedGroup
        | Refusal::NotConfigured
        | Refusal::NotInRequiredGroup
        | Refusal::OutOfScope
        | Refusal::ViewNotReady
        | Refusal::ViewStale => "correct what failed above",
    }
}
