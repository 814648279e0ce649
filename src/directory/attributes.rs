//! The attribute descriptions that occur in a view: each spelled once, known by a small number. A view
//! and those made from it number them alike; numbers are only ever added.

use std::collections::HashMap;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::schema::{self, DirectoryKind, Syntax};

/// The number of an attribute description within a view and all that are made from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct AttributeId(u16);

impl AttributeId {
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }

    pub(super) const fn number(self) -> u16 {
        self.0
    }

    pub(super) const fn of_number(number: u16) -> Self {
        Self(number)
    }
}

/// What the view knows of one attribute description.
#[derive(Clone, Debug)]
pub(super) struct AttributeInfo {
    /// As it is written in answers, options included.
    pub(super) spelling: String,
    /// The type alone, as it is written in answers.
    pub(super) type_name: String,
    pub(super) syntax: Syntax,
    /// Returned only when named or by `+`.
    pub(super) operational: bool,
    /// The description without options (itself, if it has none): `cn` for `cn;lang-ru`. A filter or
    /// a selection that names the type means all descriptions of it (RFC 4512 §2.5.2.1).
    pub(super) family: AttributeId,
}

/// All attribute descriptions of a view.
#[derive(Clone, Debug)]
pub(super) struct Attributes {
    kind: DirectoryKind,
    by_key: HashMap<Box<str>, AttributeId>,
    infos: Vec<AttributeInfo>,
    has_options: bool,
}

/// More attribute descriptions than a view can number.
#[derive(Debug)]
pub(super) struct TooManyAttributes;

impl Attributes {
    pub(super) fn new(kind: DirectoryKind) -> Self {
        Self { kind, by_key: HashMap::new(), infos: Vec::new(), has_options: false }
    }

    pub(super) fn len(&self) -> usize {
        self.infos.len()
    }

    /// Whether any description has options.
    pub(super) fn has_options(&self) -> bool {
        self.has_options
    }

    pub(super) fn info(&self, id: AttributeId) -> Option<&AttributeInfo> {
        self.infos.get(id.index())
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (AttributeId, &AttributeInfo)> {
        (0_u16..).map(AttributeId).zip(&self.infos)
    }

    /// The number of a description, given one if it has none yet.
    pub(super) fn intern(
        &mut self,
        description: &AttributeDescription,
    ) -> Result<AttributeId, TooManyAttributes> {
        let key = key(description);
        if let Some(id) = self.by_key.get(key.as_str()) {
            return Ok(*id);
        }
        let options = stored_options(description);
        let family = if options.is_empty() {
            None
        } else {
            Some(self.intern(&AttributeDescription::new(&description.name))?)
        };
        self.has_options |= family.is_some();
        let id = AttributeId(u16::try_from(self.infos.len()).map_err(|_| TooManyAttributes)?);
        let info = self.describe(description, &options, family.unwrap_or(id));
        self.infos.push(info);
        self.by_key.insert(key.into(), id);
        Ok(id)
    }

    fn describe(
        &self,
        description: &AttributeDescription,
        options: &[String],
        family: AttributeId,
    ) -> AttributeInfo {
        let known = schema::attribute_type(&description.name);
        // Active Directory has one spelling of each name; other servers have their own, which
        // applications on them expect.
        let type_name = match (self.kind, known) {
            (DirectoryKind::ActiveDirectory, Some(known)) => known.name.to_owned(),
            (DirectoryKind::ActiveDirectory | DirectoryKind::OpenLdap, _) => {
                description.name.clone()
            }
        };
        let mut spelling = type_name.clone();
        for option in options {
            spelling.push(';');
            spelling.push_str(option);
        }
        AttributeInfo {
            spelling,
            syntax: known.map_or(Syntax::CaseIgnore, |known| known.syntax_in(self.kind)),
            // Applications expect memberOf without asking for it, also where a server derives it.
            operational: known.is_some_and(|known| known.operational)
                && !type_name.eq_ignore_ascii_case("memberOf"),
            type_name,
            family,
        }
    }

    /// Values that are not text make an attribute that no schema describes one of octets.
    pub(super) fn mark_binary(&mut self, id: AttributeId) {
        if let Some(info) = self.infos.get_mut(id.index())
            && schema::attribute_type(&info.type_name).is_none()
        {
            info.syntax = Syntax::OctetString;
        }
    }

    /// The number of a description that some entry has.
    pub(super) fn find(&self, description: &AttributeDescription) -> Option<AttributeId> {
        if description.options.is_empty() {
            self.find_type(&description.name)
        } else {
            self.find_key(&key(description))
        }
    }

    /// The number of a type without options, by any of its names.
    fn find_type(&self, name: &str) -> Option<AttributeId> {
        self.find_folded(name).or_else(|| {
            let known = schema::attribute_type(name)?.name;
            if known.eq_ignore_ascii_case(name) { None } else { self.find_folded(known) }
        })
    }

    /// The number of the description whose [`key`] this is in lower case, without putting a key together.
    fn find_folded(&self, name: &str) -> Option<AttributeId> {
        let mut buffer = [0; 64];
        let Some(folded) = buffer.get_mut(..name.len()) else {
            return self.find_key(&name.to_ascii_lowercase());
        };
        folded.copy_from_slice(name.as_bytes());
        folded.make_ascii_lowercase();
        self.find_key(std::str::from_utf8(folded).ok()?)
    }

    /// The number of the description that has this [`key`].
    pub(super) fn find_key(&self, key: &str) -> Option<AttributeId> {
        self.by_key.get(key).copied()
    }

    /// The number of a type that some entry has, by name or object identifier.
    pub(super) fn find_name(&self, name: &str) -> Option<AttributeId> {
        if name.contains(';') {
            self.find(&AttributeDescription::parse(name)?)
        } else {
            self.find_type(name)
        }
    }

    /// Whether `id` is `family` or one of its descriptions with options.
    pub(super) fn belongs(&self, id: AttributeId, family: AttributeId) -> bool {
        id == family || self.info(id).is_some_and(|info| info.family == family)
    }
}

/// The options that tell stored values apart. `binary` only says how values travel (RFC 4522 §2),
/// `range` only which of them (MS-ADTS §3.1.1.3.1.3.3).
fn stored_options(description: &AttributeDescription) -> Vec<String> {
    let transfer = |option: &String| {
        option.eq_ignore_ascii_case("binary") || option.to_ascii_lowercase().starts_with("range=")
    };
    description.options.iter().filter(|option| !transfer(option)).cloned().collect()
}

/// What two spellings of one description have in common.
pub(super) fn key(description: &AttributeDescription) -> String {
    let name =
        schema::attribute_type(&description.name).map_or(description.name.as_str(), |t| t.name);
    let mut key = name.to_ascii_lowercase();
    if !description.options.is_empty() {
        let mut options: Vec<String> =
            stored_options(description).iter().map(|option| option.to_ascii_lowercase()).collect();
        options.sort_unstable();
        for option in options {
            key.push(';');
            key.push_str(&option);
        }
    }
    key
}
