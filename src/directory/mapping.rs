//! Which attribute says what about a person, in one directory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ldap::dn::DistinguishedName;
use crate::ldap::schema::DirectoryKind;

use super::entry_ref::EntryRef;

/// Most users that are named of those who lack something.
const NAMED: usize = 20;

/// Something that is told of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonField {
    /// What they log in with, where they use neither a distinguished name nor one with a domain.
    Login,
    /// What they are called.
    DisplayName,
    /// Their mail address.
    Mail,
    /// Their telephone number.
    Phone,
    /// Their department.
    Department,
    /// Their position.
    Title,
    /// Their company.
    Company,
    /// Their superior, by distinguished name.
    Manager,
    /// The identity that survives moves and renames.
    UniqueId,
    /// When their entry was changed last, by the view's own stamps.
    ModificationTime,
}

impl PersonField {
    /// All of them, in the order they are shown in.
    pub const ALL: [Self; 10] = [
        Self::Login,
        Self::DisplayName,
        Self::Mail,
        Self::Phone,
        Self::Department,
        Self::Title,
        Self::Company,
        Self::Manager,
        Self::UniqueId,
        Self::ModificationTime,
    ];

    /// The key in the configuration.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::DisplayName => "display_name",
            Self::Mail => "mail",
            Self::Phone => "phone",
            Self::Department => "department",
            Self::Title => "title",
            Self::Company => "company",
            Self::Manager => "manager",
            Self::UniqueId => "unique_id",
            Self::ModificationTime => "modification_time",
        }
    }

    /// The attribute that says it where nothing else is configured.
    #[must_use]
    pub const fn default_attribute(self, kind: DirectoryKind) -> &'static str {
        match (kind, self) {
            (_, Self::Mail) => "mail",
            (_, Self::Phone) => "telephoneNumber",
            (_, Self::Title) => "title",
            (_, Self::Manager) => "manager",
            (DirectoryKind::ActiveDirectory, Self::Login) => "sAMAccountName",
            (DirectoryKind::ActiveDirectory, Self::DisplayName) => "displayName",
            (DirectoryKind::ActiveDirectory, Self::Department) => "department",
            (DirectoryKind::ActiveDirectory, Self::Company) => "company",
            (DirectoryKind::ActiveDirectory, Self::UniqueId) => "objectGUID",
            (DirectoryKind::ActiveDirectory, Self::ModificationTime) => "whenChanged",
            (DirectoryKind::OpenLdap, Self::Login) => "uid",
            (DirectoryKind::OpenLdap, Self::DisplayName) => "cn",
            (DirectoryKind::OpenLdap, Self::Department) => "departmentNumber",
            (DirectoryKind::OpenLdap, Self::Company) => "o",
            (DirectoryKind::OpenLdap, Self::UniqueId) => "entryUUID",
            (DirectoryKind::OpenLdap, Self::ModificationTime) => "modifyTimestamp",
        }
    }
}

/// What becomes of a pass that reads a user without a required attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMissing {
    /// It is told, and the user is copied as they are.
    #[default]
    Report,
    /// The pass fails, and the view stays as it was.
    Fail,
}

/// Which attribute says what about a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeMapping {
    kind: DirectoryKind,
    changed: BTreeMap<PersonField, String>,
    /// The department is the value of this organizational unit of the name, counted from 1 at the top
    /// below the naming context; none where an attribute says it.
    pub department_from_path: Option<usize>,
    /// What every user must have.
    pub required: Vec<PersonField>,
    /// What becomes of a pass that reads a user who has not.
    pub on_missing: OnMissing,
}

impl AttributeMapping {
    /// The attributes that directories of this kind use for it. A login is required.
    #[must_use]
    pub fn default_for(kind: DirectoryKind) -> Self {
        Self {
            kind,
            changed: BTreeMap::new(),
            department_from_path: None,
            required: vec![PersonField::Login],
            on_missing: OnMissing::default(),
        }
    }

    /// Has another attribute say it.
    pub fn set(&mut self, field: PersonField, attribute: &str) {
        if field.default_attribute(self.kind).eq_ignore_ascii_case(attribute) {
            self.changed.remove(&field);
        } else {
            self.changed.insert(field, attribute.to_owned());
        }
    }

    /// The attribute that says it.
    #[must_use]
    pub fn attribute(&self, field: PersonField) -> &str {
        self.changed.get(&field).map_or_else(|| field.default_attribute(self.kind), String::as_str)
    }

    /// What the entry tells of a person. Of several values the first counts.
    #[must_use]
    pub fn person(&self, entry: EntryRef<'_>) -> Person {
        let value = |field| self.value(entry, field);
        Person {
            dn: entry.dn().to_owned(),
            login: value(PersonField::Login),
            display_name: value(PersonField::DisplayName),
            mail: value(PersonField::Mail),
            phone: value(PersonField::Phone),
            department: value(PersonField::Department),
            title: value(PersonField::Title),
            company: value(PersonField::Company),
            manager: value(PersonField::Manager),
            unique_id: value(PersonField::UniqueId),
            modification_time: value(PersonField::ModificationTime),
        }
    }

    /// The keys of what is required and not there. An empty or blank value is none.
    #[must_use]
    pub fn missing(&self, entry: EntryRef<'_>) -> Vec<&'static str> {
        let absent = |field: &&PersonField| self.value(entry, **field).is_none();
        self.required.iter().filter(absent).map(|field| field.key()).collect()
    }

    /// Who of these users lacks something that is required.
    #[must_use]
    pub fn survey<'v>(&self, users: impl Iterator<Item = EntryRef<'v>>) -> MissingRequired {
        let mut found = MissingRequired::default();
        if self.required.is_empty() {
            return found;
        }
        for user in users {
            if self.required.iter().all(|field| self.value(user, *field).is_some()) {
                continue;
            }
            found.users += 1;
            if found.first.len() < NAMED {
                found.first.push(self.lacking(user));
            }
        }
        found
    }

    /// The entry with what is required and not there; nothing, if all is there.
    #[must_use]
    pub fn lacking(&self, entry: EntryRef<'_>) -> Lacking {
        let absent = |field: &&PersonField| self.value(entry, **field).is_none();
        let fields = self.required.iter().filter(absent);
        let named = fields.map(|field| format!("{} ({})", field.key(), self.source(*field)));
        Lacking { dn: entry.dn().to_owned(), fields: named.collect() }
    }

    /// What says it, in words: the attribute, or the place in the name.
    #[must_use]
    pub fn source(&self, field: PersonField) -> String {
        match (field, self.department_from_path) {
            (PersonField::Department, Some(place)) => format!("OU {place} of the name"),
            _ => self.attribute(field).to_owned(),
        }
    }

    fn value(&self, entry: EntryRef<'_>, field: PersonField) -> Option<String> {
        match (field, self.department_from_path) {
            (PersonField::UniqueId, _) => Some(entry.guid().to_string()),
            (PersonField::Department, Some(place)) => organizational_unit(entry, place),
            (field, _) => {
                let text = entry.text(self.attribute(field))?;
                Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
            }
        }
    }
}

/// The value of the `place`th organizational unit above the entry, counted from 1 at the top below the
/// naming context; other containers do not count.
pub(super) fn organizational_unit(entry: EntryRef<'_>, place: usize) -> Option<String> {
    let name = DistinguishedName::parse(entry.dn()).ok()?;
    let context = DistinguishedName::parse(&entry.view().domain().naming_context).ok()?;
    let above = name.rdns().get(1..)?;
    let inside = above.get(..above.len().checked_sub(context.rdns().len())?)?;
    let units = inside.iter().rev().filter_map(|rdn| {
        let is_unit =
            |attribute: &str| attribute.eq_ignore_ascii_case("ou") || attribute == "2.5.4.11";
        rdn.0.iter().find(|ava| is_unit(ava.attribute()))
    });
    let unit = units.into_iter().nth(place.checked_sub(1)?)?;
    std::str::from_utf8(unit.value()).ok().map(str::to_owned)
}

/// What one entry tells of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The distinguished name.
    pub dn: String,
    /// What they log in with.
    pub login: Option<String>,
    /// What they are called.
    pub display_name: Option<String>,
    /// Their mail address.
    pub mail: Option<String>,
    /// Their telephone number.
    pub phone: Option<String>,
    /// Their department.
    pub department: Option<String>,
    /// Their position.
    pub title: Option<String>,
    /// Their company.
    pub company: Option<String>,
    /// Their superior, by distinguished name.
    pub manager: Option<String>,
    /// The identity that survives moves and renames.
    pub unique_id: Option<String>,
    /// When the entry was changed last.
    pub modification_time: Option<String>,
}

impl Person {
    /// The value under a key.
    #[must_use]
    pub fn field(&self, field: PersonField) -> Option<&str> {
        let value = match field {
            PersonField::Login => &self.login,
            PersonField::DisplayName => &self.display_name,
            PersonField::Mail => &self.mail,
            PersonField::Phone => &self.phone,
            PersonField::Department => &self.department,
            PersonField::Title => &self.title,
            PersonField::Company => &self.company,
            PersonField::Manager => &self.manager,
            PersonField::UniqueId => &self.unique_id,
            PersonField::ModificationTime => &self.modification_time,
        };
        value.as_deref()
    }
}

/// The users of a pass who lack something that is required.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingRequired {
    /// How many.
    pub users: usize,
    /// The first of them, 20 at most.
    pub first: Vec<Lacking>,
}

/// A user and what they lack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    /// The distinguished name.
    pub dn: String,
    /// The keys, each with the attribute that should say it: `mail (mail)`.
    pub fields: Vec<String>,
}

impl MissingRequired {
    /// Whether nobody lacks anything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.users == 0
    }

    /// Why a pass fails for it ([`OnMissing::Fail`]), naming an entry and its attributes; `None` if nobody
    /// lacks anything.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let first = self.first.first()?;
        let more = match self.users.saturating_sub(1) {
            0 => String::new(),
            1 => ", and 1 more user lacks something".to_owned(),
            more => format!(", and {more} more users lack something"),
        };
        let fields = first.fields.join(", ");
        Some(format!("{} has no {fields}{more}; required by directory.attributes", first.dn))
    }
}

#[cfg(test)]
mod tests {
    use super::super::View;
    use super::super::tests::{DOMAIN, push, set, user, view_of};
    use super::*;
    use crate::ldap::entry::Entry;

    fn people(change: impl Fn(&mut Vec<Entry>)) -> View {
        let backend = format!("OU=Backend,OU=R\\26D,CN=Office,OU=People,{DOMAIN}");
        let mut entries =
            vec![user(1, "alice", &backend), user(2, "bob", &format!("CN=Users,{DOMAIN}"))];
        push(&mut entries[0], "displayName", "Alice Meier".as_bytes());
        push(&mut entries[0], "department", b"Engineering");
        let bob = entries[1].dn.clone();
        push(&mut entries[0], "manager", bob.as_bytes());
        push(&mut entries[1], "mail", b" ");
        change(&mut entries);
        view_of(entries)
    }

    fn find<'v>(view: &'v View, login: &str) -> EntryRef<'v> {
        view.users_with("sAMAccountName", login)[0]
    }

    fn mapping() -> AttributeMapping {
        AttributeMapping::default_for(DirectoryKind::ActiveDirectory)
    }

    #[test]
    fn a_person_is_told_by_the_attributes_of_the_directory() {
        let view = people(|_| {});
        let mut mapping = mapping();
        mapping.set(PersonField::DisplayName, "cn");
        let alice = mapping.person(find(&view, "alice"));
        assert_eq!(alice.login.as_deref(), Some("alice"));
        assert_eq!(alice.display_name.as_deref(), Some("alice"), "cn is configured");
        assert_eq!(alice.department.as_deref(), Some("Engineering"));
        assert_eq!(alice.manager.as_deref(), Some(find(&view, "bob").dn()), "as it is called now");
        assert_eq!(alice.unique_id, Some(find(&view, "alice").guid().to_string()));
        assert_eq!((alice.phone, alice.company), (None, None));
        assert!(alice.modification_time.is_some());
    }

    #[test]
    fn the_department_may_be_in_the_name() {
        let view = people(|_| {});
        let department = |login: &str, place| {
            let mut mapping = mapping();
            mapping.department_from_path = Some(place);
            mapping.person(find(&view, login)).department
        };
        // OU=People, then a container that is no OU, then R&D, then Backend.
        assert_eq!(department("alice", 1).as_deref(), Some("People"));
        assert_eq!(department("alice", 2).as_deref(), Some("R&D"));
        assert_eq!(department("alice", 3).as_deref(), Some("Backend"));
        assert_eq!(department("alice", 4), None);
        assert_eq!(department("bob", 1), None, "CN=Users is no OU");
        assert_eq!(department("alice", 0), None);
    }

    #[test]
    fn who_lacks_what_is_told() {
        let view = people(|_| {});
        assert!(mapping().survey(view.users()).is_empty());
        let mut mapping = mapping();
        mapping.required = vec![PersonField::Login, PersonField::Mail, PersonField::DisplayName];
        assert_eq!(mapping.missing(find(&view, "alice")), ["mail"]);
        assert_eq!(
            mapping.missing(find(&view, "bob")),
            ["mail", "display_name"],
            "a blank is none"
        );
        let found = mapping.survey(view.users());
        assert_eq!((found.users, found.first.len()), (2, 2));
        let bob = found.first.iter().find(|one| one.dn.starts_with("CN=bob")).unwrap();
        assert_eq!(bob.fields, ["mail (mail)", "display_name (displayName)"]);
        let failure = found.failure().unwrap();
        assert!(failure.contains("has no mail (mail)"), "{failure}");
        assert!(failure.contains("and 1 more user lacks something"), "{failure}");
        assert_eq!(MissingRequired::default().failure(), None);
    }

    #[test]
    fn many_are_counted_and_few_are_named() {
        let view = people(|entries| {
            let mut more: Vec<Entry> =
                (10..60).map(|n| user(n, &format!("user{n}"), &format!("OU=X,{DOMAIN}"))).collect();
            more.iter_mut().for_each(|entry| set(entry, "mail", &[]));
            entries.extend(more);
        });
        let mut mapping = mapping();
        mapping.required = vec![PersonField::Mail];
        let found = mapping.survey(view.users());
        assert_eq!((found.users, found.first.len()), (52, NAMED));
    }
}
