//! One person as a view has them: found by the names that an operator has at hand, and written down.

use std::time::SystemTime;

use crate::directory::{AttributeMapping, EntryKind, EntryRef, Lacking, PersonField, Slot, View};
use crate::ldap::dn::NormalizedDn;
use crate::ldap::identifier::Guid;
use crate::policy::Refusal;
use crate::policy::account::AccountState;
use crate::time::unix_seconds;

use super::document::{Failure, PersonFieldValue, PersonInView};

/// The user that `name` stands for: a distinguished name, an identity, a login (alone or after `DOMAIN\`), a user
/// principal name or a mail address. `None`: there is none.
///
/// # Errors
/// Several users answer to it; they are named.
pub(super) fn find<'v>(
    view: &'v View,
    attributes: &AttributeMapping,
    name: &str,
) -> Result<Option<EntryRef<'v>>, String> {
    let is_user = |entry: &EntryRef<'v>| entry.kind() == EntryKind::User;
    if name.contains('=') {
        let dn = NormalizedDn::parse(name).ok();
        return Ok(dn.and_then(|dn| view.find_dn(&dn)).filter(is_user));
    }
    if let Some(guid) = Guid::parse(name) {
        return Ok(view.find_guid(&guid).filter(is_user));
    }
    let account = name.rsplit('\\').next().unwrap_or(name);
    let ways = [
        (attributes.attribute(PersonField::Login), account),
        ("userPrincipalName", name),
        (attributes.attribute(PersonField::Mail), name),
    ];
    let found = ways.into_iter().map(|(attribute, value)| view.users_with(attribute, value));
    match found.into_iter().find(|found| !found.is_empty()).as_deref() {
        None => Ok(None),
        Some([one]) => Ok(Some(*one)),
        Some(several) => {
            let names: Vec<&str> = several.iter().take(5).map(EntryRef::dn).collect();
            Err(format!("{} users answer to it: {}", several.len(), names.join("; ")))
        }
    }
}

/// What is wrong with the name of a user, for whoever gave it.
pub(super) fn failure(name: &str, error: String) -> Failure {
    Failure { error, culprit: format!("user {name:?}") }
}

/// No directory has such a user.
pub(super) fn nobody(name: &str) -> Failure {
    let error = "there is no such user; name them as they log in, by mail address, or by \
                 distinguished name";
    failure(name, error.to_owned())
}

/// What is shown of a person at `wall`.
pub(super) fn shown(
    directory: &str,
    attributes: &AttributeMapping,
    entry: EntryRef<'_>,
    wall: SystemTime,
) -> PersonInView {
    let person = attributes.person(entry);
    let state = AccountState::read(entry, entry.view().domain().kind);
    let verdict = state.and_then(|state| state.check(wall));
    let lacking = Some(attributes.lacking(entry)).filter(|one: &Lacking| !one.fields.is_empty());
    PersonInView {
        directory: directory.to_owned(),
        dn: person.dn.clone(),
        fields: PersonField::ALL
            .into_iter()
            .map(|field| PersonFieldValue {
                key: field.key().to_owned(),
                source: attributes.source(field),
                value: person.field(field).map(str::to_owned),
            })
            .collect(),
        state: word(verdict).to_owned(),
        expires_unix: state.ok().and_then(|state| state.expires).map(unix_seconds),
        groups: groups(entry),
        lacking,
    }
}

const fn word(verdict: Result<(), Refusal>) -> &'static str {
    match verdict {
        Ok(()) => "enabled",
        Err(Refusal::Disabled) => "disabled",
        Err(Refusal::Expired) => "expired",
        Err(_) => "unreadable",
    }
}

fn groups(entry: EntryRef<'_>) -> Vec<String> {
    let view = entry.view();
    let groups = view.groups_of(entry).into_iter().filter_map(|slot| view.entry(Slot(slot)));
    let mut names: Vec<String> = groups.map(|group| group.dn().to_owned()).collect();
    names.sort_unstable_by_key(|name| name.to_lowercase());
    names
}
