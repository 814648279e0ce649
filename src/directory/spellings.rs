//! The attribute descriptions that a batch of entries has, as they are spelled there. They are made out before
//! anything is kept, so that entries can be read beside each other without a table that grows.

use std::sync::Arc;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::description_memo::DescriptionMemo;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::schema::{self, DirectoryKind};

use super::apply::BuildError;
use super::attributes::AttributeId;
use super::stamps::STAMPED;
use super::view::Parts;

/// Attributes that would tell something untrue about this copy: whether there are entries below is
/// answered from the view, and so is where the subschema is.
const NOT_KEPT: [&str; 2] = ["hasSubordinates", "subschemaSubentry"];

/// The descriptions of a run of entries.
#[derive(Debug, Default)]
pub(super) struct Spellings(DescriptionMemo<Spelling>);

#[derive(Clone, Debug)]
struct Spelling {
    /// The schema does not say what its values are.
    unknown: bool,
    /// A value of it is no text.
    binary: bool,
    /// The entry it was first met in, if it came as a range: the rest of its values is missing.
    partial: Option<String>,
}

impl Spellings {
    /// Those of the entries.
    pub(super) fn of<'e>(entries: impl Iterator<Item = &'e PackedEntry>) -> Self {
        let mut spellings = DescriptionMemo::default();
        for entry in entries {
            for attribute in entry.attributes() {
                let text = attribute.description();
                let look = |spelling: &mut Spelling| {
                    if spelling.unknown && !spelling.binary {
                        let is_text = |value| std::str::from_utf8(value).is_ok();
                        spelling.binary = !attribute.values().all(is_text);
                    }
                };
                spellings.update(text, || Spelling::new(text, entry.dn()), look);
            }
        }
        Self(spellings)
    }

    /// Takes over what another run of entries has.
    fn join(&mut self, other: &Self) {
        for (text, spelling) in other.0.iter() {
            let join = |known: &mut Spelling| known.binary |= spelling.binary;
            self.0.update(text, || spelling.clone(), join);
        }
    }
}

impl Spelling {
    fn new(text: &str, dn: &str) -> Self {
        let description = AttributeDescription::parse(text);
        let is_range = |option: &String| option.to_lowercase().starts_with("range=");
        let partial = description.as_ref().is_some_and(|found| found.options.iter().any(is_range));
        let type_name = description.map_or_else(|| text.to_owned(), |found| found.name);
        Self {
            unknown: schema::attribute_type(&type_name).is_none(),
            binary: false,
            partial: partial.then(|| dn.to_owned()),
        }
    }
}

/// Descriptions as they are spelled, each with the number of its attribute; `None` for what is not kept.
#[derive(Clone, Debug)]
pub(super) struct Vocabulary {
    ids: DescriptionMemo<Option<AttributeId>>,
    /// createTimeStamp, where it has to be made of whenCreated.
    pub(super) created: Option<AttributeId>,
}

impl Vocabulary {
    /// Gives numbers to the attributes that are kept of runs of entries.
    ///
    /// # Errors
    /// An attribute that came as a range; more descriptions than there are numbers.
    pub(super) fn learn(
        parts: &mut Parts,
        kind: DirectoryKind,
        runs: &[Spellings],
    ) -> Result<Self, BuildError> {
        let mut spellings = Spellings::default();
        runs.iter().for_each(|run| spellings.join(run));
        let mut ids = DescriptionMemo::default();
        for (text, spelling) in spellings.0.iter() {
            let id = learn(parts, text, spelling)?;
            ids.known(text, || id);
        }
        // createTimeStamp is constructed from whenCreated (MS-ADTS §3.1.1.4.5.15); applications filter
        // by it.
        let has_created = kind == DirectoryKind::ActiveDirectory
            && spellings.0.iter().any(|(text, _)| text.eq_ignore_ascii_case("whenCreated"));
        let created = has_created.then(|| AttributeDescription::new("createTimeStamp"));
        let created = created.map(|created| parts.intern(&created)).transpose()?;
        Ok(Self { ids, created })
    }

    /// The number of an attribute, if it is kept.
    pub(super) fn find(&mut self, text: &str) -> Option<AttributeId> {
        *self.ids.get(text)?
    }
}

fn learn(
    parts: &mut Parts,
    text: &str,
    spelling: &Spelling,
) -> Result<Option<AttributeId>, BuildError> {
    let description = AttributeDescription::parse(text);
    if let (Some(dn), Some(description)) = (&spelling.partial, &description) {
        return Err(BuildError(format!("{dn} has only a part of its {description}")));
    }
    let Some(description) = description.filter(|found| is_kept(&found.name)) else {
        return Ok(None);
    };
    let id = parts.intern(&description)?;
    if spelling.binary {
        Arc::make_mut(&mut parts.attributes).mark_binary(id);
        parts.index.forget_values(id);
    }
    Ok(Some(id))
}

/// Whether entries of a view have such an attribute at all.
pub(super) fn is_stored(name: &str) -> bool {
    is_kept(name) || STAMPED.iter().any(|stamp| is_type(name, stamp))
}

fn is_kept(name: &str) -> bool {
    // What each controller counts for itself would change with every pass, and never be the truth.
    !schema::is_forbidden(name)
        && schema::is_replicated(name)
        && !NOT_KEPT.iter().chain(&STAMPED).any(|not| is_type(name, not))
}

fn is_type(name: &str, wanted: &str) -> bool {
    schema::attribute_type(name).map_or(name, |known| known.name).eq_ignore_ascii_case(wanted)
}
