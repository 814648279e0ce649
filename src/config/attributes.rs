//! `[directory.attributes]`: which attribute says what about a person.

use super::application::not_empty;
use super::error::{Fault, Findings};
use super::raw::RawAttributes;
use super::value;
use crate::directory::{AttributeMapping, OnMissing, PersonField};
use crate::ldap::schema::DirectoryKind;

/// The deepest organizational unit that a department is read from.
pub(super) const DEEPEST: u32 = 20;

pub(super) fn resolve(
    raw: &RawAttributes,
    kind: DirectoryKind,
    at: &str,
    findings: &mut Findings,
) -> AttributeMapping {
    let mut mapping = AttributeMapping::default_for(kind);
    for field in PersonField::ALL {
        let Some(text) = written(raw, field) else { continue };
        let key = format!("{at}.{}", field.key());
        let attribute = value::attribute_type(text).and_then(|name| fixed(field, kind, name));
        if let Some(attribute) = findings.take(&key, attribute) {
            mapping.set(field, &attribute);
        }
    }
    if let Some(place) = raw.department_from_path {
        let key = format!("{at}.department_from_path");
        if raw.department.is_some() {
            let instead = "choose one: the department is in an attribute or in the name";
            findings.problem(&key, "stands beside department", instead);
        }
        let place = value::bounded_count(findings, &key, Some(place), 1, (1, DEEPEST));
        mapping.department_from_path = usize::try_from(place).ok();
    }
    if let Some(keys) = raw.required.as_deref() {
        mapping.required = required(keys, &format!("{at}.required"), findings);
    }
    let words = [("report", OnMissing::Report), ("fail", OnMissing::Fail)];
    let key = format!("{at}.on_missing");
    let text = raw.on_missing.as_deref();
    mapping.on_missing = value::word(findings, &key, text, &words, OnMissing::default());
    mapping
}

fn written(raw: &RawAttributes, field: PersonField) -> Option<&str> {
    let text = match field {
        PersonField::Login => &raw.login,
        PersonField::DisplayName => &raw.display_name,
        PersonField::Mail => &raw.mail,
        PersonField::Phone => &raw.phone,
        PersonField::Department => &raw.department,
        PersonField::Title => &raw.title,
        PersonField::Company => &raw.company,
        PersonField::Manager => &raw.manager,
        PersonField::UniqueId => &raw.unique_id,
        PersonField::ModificationTime => &raw.modification_time,
    };
    text.as_deref()
}

/// Two of them are more than words in a report: another attribute there would promise what logins and the copy do
/// not do.
fn fixed(field: PersonField, kind: DirectoryKind, name: String) -> Result<String, Fault> {
    let default = field.default_attribute(kind);
    if name.eq_ignore_ascii_case(default) {
        return Ok(name);
    }
    match field {
        PersonField::Login => Err(Fault::new(
            format!(
                "{name} cannot be the login: plain names are looked up in {default}, as the directory \
                 itself does"
            ),
            "leave it out; an application that knows its users by another attribute searches for them by \
             it and logs in with the name that it finds, which needs no setting here",
        )),
        PersonField::UniqueId => Err(Fault::new(
            format!(
                "{name} cannot be the identity: entries are followed over moves and renames by {default}"
            ),
            "leave it out",
        )),
        PersonField::DisplayName
        | PersonField::Mail
        | PersonField::Phone
        | PersonField::Department
        | PersonField::Title
        | PersonField::Company
        | PersonField::Manager
        | PersonField::ModificationTime => Ok(name),
    }
}

fn required(keys: &[String], key: &str, findings: &mut Findings) -> Vec<PersonField> {
    not_empty(keys, key, findings);
    findings.duplicates(|index| format!("{key}[{index}]"), keys.iter().cloned(), "attribute");
    findings.take_each(key, keys, |text| {
        let found = PersonField::ALL.into_iter().find(|field| field.key() == text);
        found.ok_or_else(|| {
            let known = PersonField::ALL.map(PersonField::key);
            Fault::new(
                format!("{text:?} is no key of this table"),
                format!("known: {}", known.join(", ")),
            )
        })
    })
}
