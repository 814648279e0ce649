//! Attributes under another name.

use std::collections::HashMap;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::schema;

/// Attribute types that are called otherwise than in the directory.
#[derive(Clone, Debug, Default)]
pub struct Renames {
    /// From the directory's type to what it is shown as, as written.
    outward: HashMap<Box<str>, Box<str>>,
    /// From the shown type to the directory's, as written.
    inward: HashMap<Box<str>, Box<str>>,
}

/// Why an attribute cannot be called so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenameFault {
    /// The attribute has another name already.
    #[error("the attribute is renamed already")]
    Again,
    /// Another attribute is called so.
    #[error("another attribute has that name")]
    Taken,
    /// Both are names of one type.
    #[error("both are names of one attribute")]
    Same,
}

impl Renames {
    /// Whether every attribute is called as in the directory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outward.is_empty()
    }

    /// Shows the attribute `own` as `shown`. If the directory has an attribute of that name too, that one is not
    /// shown, unless it is renamed itself.
    ///
    /// # Errors
    /// Two attributes would have one name, or one two.
    pub fn add(&mut self, own: &str, shown: &str) -> Result<(), RenameFault> {
        let (from, to) = (key(own), key(shown));
        if from == to {
            return Err(RenameFault::Same);
        }
        if self.outward.contains_key(from.as_str()) {
            return Err(RenameFault::Again);
        }
        if self.inward.contains_key(to.as_str()) {
            return Err(RenameFault::Taken);
        }
        self.outward.insert(from.into(), shown.into());
        self.inward.insert(to.into(), own.into());
        Ok(())
    }

    /// What an attribute of the directory is shown as, its type as the directory spells it; `None`: it is not
    /// shown, because another one has its name.
    #[must_use]
    pub fn outward<'n>(&'n self, own: &'n str) -> Option<&'n str> {
        if self.is_empty() {
            return Some(own);
        }
        let key = key(own);
        match self.outward.get(key.as_str()) {
            Some(shown) => Some(shown),
            None => (!self.inward.contains_key(key.as_str())).then_some(own),
        }
    }

    /// Which attribute of the directory is shown as this; `None`: none, because it is shown as something else.
    #[must_use]
    pub fn inward<'n>(&'n self, shown: &'n str) -> Option<&'n str> {
        if self.is_empty() {
            return Some(shown);
        }
        let key = key(shown);
        match self.inward.get(key.as_str()) {
            Some(own) => Some(own),
            None => (!self.outward.contains_key(key.as_str())).then_some(shown),
        }
    }

    /// The same with options, which stay.
    #[must_use]
    pub fn inward_description(&self, shown: &AttributeDescription) -> Option<AttributeDescription> {
        let name = self.inward(&shown.name)?.to_owned();
        Some(AttributeDescription { name, options: shown.options.clone() })
    }
}

/// What the spellings of a type have in common.
pub(super) fn key(attribute: &str) -> String {
    let name = schema::attribute_type(attribute).map_or(attribute, |known| known.name);
    name.to_ascii_lowercase()
}
