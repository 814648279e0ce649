//! What each rule looks at, in words. A rule that is not known here is shown without; a test names it.

use crate::directory::EntryRef;
use crate::ldap::schema::DirectoryKind;
use crate::policy::account::AccountState;
use crate::policy::application::ScopeBase;
use crate::policy::rules::Subject;

use super::{GroupLook, Input, covering, moment};

/// Tells what a rule looks at.
type Tell = fn(Subject<'_>) -> Input;

/// By the name of the rule.
const INPUTS: &[(&str, Tell)] = &[
    ("blocks", blocks),
    ("account state", state),
    ("bases", bases),
    ("user filter", user_filter),
    ("denied groups", |subject| groups(subject.entry, &subject.application.denied_groups)),
    ("required groups", |subject| groups(subject.entry, &subject.application.required_groups)),
];

/// What the rule called `rule` looks at.
pub(super) fn of(rule: &str, subject: Subject<'_>) -> Input {
    let known = INPUTS.iter().find(|(name, _)| *name == rule);
    known.map_or_else(Input::default, |(_, input)| input(subject))
}

/// Whether there is something to say about the rule called `rule`.
#[cfg(test)]
pub(crate) fn knows(rule: &str) -> bool {
    INPUTS.iter().any(|(name, _)| *name == rule)
}

fn blocks(subject: Subject<'_>) -> Input {
    let Subject { application, directory, view, entry, wall, .. } = subject;
    let all = subject.blocks.into_iter().flat_map(|blocks| blocks.in_force(wall));
    let concerning: Vec<String> = all
        .filter(|block| block.concerns(&application.name, directory, view, entry))
        .map(|block| format!("{}, by {}", block.name, block.set_by))
        .collect();
    Input::words(match concerning.as_slice() {
        [] => "no operator has blocked the account, a group of it or the application".to_owned(),
        some => format!("blocked: {}", some.join("; ")),
    })
}

fn state(subject: Subject<'_>) -> Input {
    let kind = subject.view.domain().kind;
    let attributes = match kind {
        DirectoryKind::ActiveDirectory => ["userAccountControl", "accountExpires"],
        DirectoryKind::OpenLdap => ["pwdAccountLockedTime", "shadowExpire"],
    };
    let [first, second] = attributes.map(|name| written(subject.entry, name));
    let meaning = match AccountState::read(subject.entry, kind) {
        Err(_) => "which makes no sense".to_owned(),
        Ok(AccountState { disabled, expires }) => {
            let state = if disabled { "disabled" } else { "enabled" };
            let until = expires.map_or_else(|| "never".to_owned(), moment);
            format!("{state}, expires {until}")
        }
    };
    Input::words(format!("{first}, {second}: {meaning}"))
}

/// `userAccountControl 512`.
fn written(entry: EntryRef<'_>, name: &str) -> String {
    let values = entry.values(name);
    let values: Vec<_> = values.iter().map(|value| String::from_utf8_lossy(value)).collect();
    if values.is_empty() { format!("no {name}") } else { format!("{name} {}", values.join(", ")) }
}

fn bases(subject: Subject<'_>) -> Input {
    let application = subject.application;
    let excluded = covering(&application.excluded_bases, subject);
    let inside = covering(&application.bases, subject);
    Input::words(if let Some(base) = excluded.first() {
        format!("below {base}, which is excluded")
    } else if application.bases.is_empty() {
        "no base is configured".to_owned()
    } else if let Some(base) = inside.first() {
        format!("below {base}")
    } else {
        let all: Vec<&str> =
            application.bases.iter().map(|base: &ScopeBase| base.text.as_str()).collect();
        format!("below none of: {}", all.join("; "))
    })
}

fn user_filter(subject: Subject<'_>) -> Input {
    let filter = subject.application.user_filter.as_ref();
    Input::words(filter.map_or_else(|| "none is configured".to_owned(), ToString::to_string))
}

/// The configured groups, looked at for one account.
pub(in crate::policy) fn groups(entry: EntryRef<'_>, configured: &[String]) -> Input {
    let groups: Vec<GroupLook> = configured.iter().map(|name| group(entry, name)).collect();
    let text = if groups.is_empty() { "none is configured" } else { "" };
    Input { text: text.to_owned(), groups }
}

fn group(entry: EntryRef<'_>, configured: &str) -> GroupLook {
    let view = entry.view();
    let found = view.groups_named(configured);
    let path = found.iter().find_map(|group| view.membership_path(entry, *group));
    let name = |slot| view.entry(slot).map(|entry| entry.dn().to_owned());
    GroupLook {
        configured: configured.to_owned(),
        found: found.iter().map(|group| group.dn().to_owned()).collect(),
        path: path.map(|slots| slots.into_iter().filter_map(name).collect()),
    }
}
