//! What is looked for in the copy of a directory: entries that are missing what logins or decisions
//! need, and login names that more than one account answers to.

use std::collections::BTreeMap;

use crate::cli::render::count;
use crate::directory::{AttributeMapping, EntryRef, OnMissing, PersonField, View};
use crate::ldap::matching_rule::prepare_case_ignore;
use crate::ldap::schema::DirectoryKind;

use super::report::{Area, Finding};

/// Names listed in a finding; more are only counted.
const LISTED: usize = 5;

/// Everything that is looked for in one directory's copy. `mapping` says what its users must have; `key` is the
/// directory in the configuration.
#[must_use]
pub fn findings(view: &View, mapping: &AttributeMapping, key: &str) -> Vec<Finding> {
    let mut findings = vec![counts(view, key)];
    findings.extend(rejected(view));
    findings.extend(account_states(view, key));
    findings.extend(required(view, mapping, key));
    if !requires_login(view, mapping) {
        findings.extend(login_attribute(view));
    }
    findings.extend(ambiguous(view));
    findings.push(subschema(view));
    findings
}

/// Most applications never read it, so its absence is nothing to act on.
fn subschema(view: &View) -> Finding {
    let text = match &view.domain().subschema {
        Some(relayed) => format!(
            "the schema {} is relayed: {}",
            relayed.dn(),
            count(relayed.attribute_types(), "attribute type", "attribute types")
        ),
        None => "no schema is relayed: the controller names none, or it cannot be read whole; \
                 applications do without it"
            .to_owned(),
    };
    Finding::ok(Area::Server, text)
}

/// The attribute whose value is the short login name.
#[must_use]
pub const fn login_attribute_of(kind: DirectoryKind) -> &'static str {
    match kind {
        DirectoryKind::ActiveDirectory => "sAMAccountName",
        DirectoryKind::OpenLdap => "uid",
    }
}

/// Names for a message: the first few and how many more.
#[must_use]
pub fn listed(names: &[String]) -> String {
    first_of(names.len(), names)
}

/// The same where not all of the names are known, only the first of so many.
fn first_of(total: usize, names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
    let more = total.saturating_sub(shown.len());
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// How an account is called in a message.
#[must_use]
pub fn short_name(entry: EntryRef<'_>) -> String {
    let attribute = login_attribute_of(entry.view().domain().kind);
    entry.text(attribute).map_or_else(|| entry.dn().to_owned(), |name| name.into_owned())
}

fn counts(view: &View, key: &str) -> Finding {
    let counts = view.counts();
    let text = format!(
        "{}, {}, {} in {}",
        count(counts.users, "user", "users"),
        count(counts.groups, "group", "groups"),
        count(counts.containers, "container", "containers"),
        view.domain().naming_context
    );
    if counts.users == 0 {
        let advice = "nobody can log in: correct base_dn and the sync base, or let the service \
                      account read the users";
        return Finding::fail(Area::Rights, text, advice).at(key);
    }
    if counts.groups == 0 {
        let advice = "applications that require or deny groups will refuse everybody: let the \
                      service account read the groups";
        return Finding::warn(Area::Rights, text, advice).at(key);
    }
    Finding::ok(Area::Rights, text)
}

fn rejected(view: &View) -> Option<Finding> {
    let rejected = view.rejected();
    let names: Vec<String> =
        rejected.iter().map(|one| format!("{} ({})", one.dn, one.reason)).collect();
    (!names.is_empty()).then(|| {
        Finding::warn(
            Area::Entries,
            format!(
                "{} cannot be used: {}",
                count(names.len(), "entry", "entries"),
                listed(&names)
            ),
            "these accounts cannot log in and these groups have no members: repair them in the \
             directory, or let the service account read their identity (objectGUID, entryUUID)",
        )
    })
}

/// Without `userAccountControl` an account cannot be judged, and is refused.
fn account_states(view: &View, key: &str) -> Option<Finding> {
    if view.domain().kind != DirectoryKind::ActiveDirectory {
        return None;
    }
    let unreadable: Vec<String> = view
        .users()
        .filter(|user| user.first("userAccountControl").is_none())
        .map(short_name)
        .collect();
    let users = view.counts().users;
    let advice = "these logins are refused (account_state_unreadable): let the service account \
                  read userAccountControl";
    let key = format!("{key}.bind_name");
    if users == 0 {
        None
    } else if unreadable.is_empty() {
        Some(Finding::ok(Area::Rights, "the account state of every user can be read"))
    } else if unreadable.len() == users {
        let message = "userAccountControl cannot be read of any user";
        Some(Finding::fail(Area::Rights, message, advice).at(key))
    } else {
        let message = format!(
            "userAccountControl cannot be read of {}: {}",
            count(unreadable.len(), "user", "users"),
            listed(&unreadable)
        );
        Some(Finding::warn(Area::Rights, message, advice).at(key))
    }
}

/// Users without what `[directory.attributes]` requires. Every first pass fails on them if it says so.
fn required(view: &View, mapping: &AttributeMapping, key: &str) -> Option<Finding> {
    let missing = mapping.survey(view.users());
    if missing.is_empty() {
        return None;
    }
    let names: Vec<String> = missing
        .first
        .iter()
        .map(|user| format!("{} has no {}", user.dn, user.fields.join(", no ")))
        .collect();
    let message = format!(
        "{} a required attribute: {}",
        count(missing.users, "user lacks", "users lack"),
        first_of(missing.users, &names)
    );
    let key = format!("{key}.attributes");
    Some(match mapping.on_missing {
        OnMissing::Report => {
            let advice = "applications see them as they are: give them what they lack, or do not \
                          require it";
            Finding::warn(Area::Entries, message, advice).at(format!("{key}.required"))
        }
        OnMissing::Fail => {
            let advice = "no copy is taken over as long as there is such a user: give them what \
                          they lack, do not require it, or set on_missing = \"report\"";
            Finding::fail(Area::Entries, message, advice).at(format!("{key}.on_missing"))
        }
    })
}

/// Whether who lacks the short login name is among those who lack something that is required.
fn requires_login(view: &View, mapping: &AttributeMapping) -> bool {
    let attribute = mapping.attribute(PersonField::Login);
    mapping.required.contains(&PersonField::Login)
        && attribute.eq_ignore_ascii_case(login_attribute_of(view.domain().kind))
}

fn login_attribute(view: &View) -> Option<Finding> {
    let attribute = login_attribute_of(view.domain().kind);
    let without: Vec<String> = view
        .users()
        .filter(|user| user.first(attribute).is_none())
        .map(|user| user.dn().to_owned())
        .collect();
    (!without.is_empty()).then(|| {
        Finding::warn(
            Area::Entries,
            format!(
                "{} without {attribute}: {}",
                count(without.len(), "user", "users"),
                listed(&without)
            ),
            format!("they can log in by their distinguished name only: give them {attribute}"),
        )
    })
}

/// Login names that stand for more than one account: two explicit ones, or an explicit one that is
/// another account's implicit one (MS-ADTS 5.1.1.1.1: the explicit one wins).
fn ambiguous(view: &View) -> Vec<Finding> {
    match view.domain().kind {
        DirectoryKind::OpenLdap => repeated(view, "uid").into_iter().collect(),
        DirectoryKind::ActiveDirectory => {
            let twice = repeated(view, "userPrincipalName");
            twice.into_iter().chain(shadowed(view)).collect()
        }
    }
}

fn repeated(view: &View, attribute: &str) -> Option<Finding> {
    let mut holders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for user in view.users() {
        for value in user.values(attribute) {
            if let Ok(text) = std::str::from_utf8(&value) {
                holders.entry(prepare_case_ignore(text)).or_default().push(short_name(user));
            }
        }
    }
    let twice: Vec<String> = holders
        .into_iter()
        .filter(|(_, names)| names.len() > 1)
        .map(|(value, mut names)| {
            names.sort();
            format!("{value} ({})", names.join(", "))
        })
        .collect();
    (!twice.is_empty()).then(|| {
        Finding::warn(
            Area::Entries,
            format!(
                "{} by more than one account: {}",
                count(
                    twice.len(),
                    &format!("{attribute} is held"),
                    &format!("{attribute} are held")
                ),
                listed(&twice)
            ),
            "logins by these names are refused (ambiguous_name): change all but one",
        )
    })
}

fn shadowed(view: &View) -> Option<Finding> {
    let domain = view.domain().dns_name.as_deref()?;
    let shadowed: Vec<String> = view
        .users()
        .filter_map(|user| {
            let explicit = user.text("userPrincipalName")?;
            let (account, suffix) = explicit.rsplit_once('@')?;
            if prepare_case_ignore(suffix) != prepare_case_ignore(domain) {
                return None;
            }
            let implicit = view.users_with("sAMAccountName", account);
            let other = implicit.into_iter().find(|other| other.slot() != user.slot())?;
            Some(format!("{explicit} means {} and not {}", short_name(user), short_name(other)))
        })
        .collect();
    (!shadowed.is_empty()).then(|| {
        Finding::warn(
            Area::Entries,
            format!(
                "{} another account's: {}",
                count(shadowed.len(), "userPrincipalName is", "userPrincipalNames are"),
                listed(&shadowed)
            ),
            "the first account logs in by this name, as at the controllers; the second one \
             cannot: give the first another userPrincipalName",
        )
    })
}
