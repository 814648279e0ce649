//! From the entries a controller sent to a view. A pass that cannot be trusted is an error here; an
//! entry that cannot be kept alone is left out and listed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::{Entry, EntryAttribute};
use crate::ldap::identifier::{Guid, Sid};
use crate::ldap::matching_rule::prepare;
use crate::ldap::response::encode_attribute;
use crate::ldap::schema::{self, DirectoryKind, Syntax};

use super::attributes::{AttributeId, Attributes, TooManyAttributes};
use super::domain::{Domain, EntryKind, OWN_CONTEXT};
use super::evaluate;
use super::index::Index;
use super::stored::{Fields, OutsideName, Reference, References, Stored, values};
use super::tree::{Tree, index};
use super::view::{Counts, Rejected, View};

/// Why entries do not make a view. The text says which entry and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);

impl From<TooManyAttributes> for BuildError {
    fn from(_: TooManyAttributes) -> Self {
        Self("the entries have more than 65536 different attribute descriptions".to_owned())
    }
}

/// Attributes that would tell something untrue about this copy: the subschema is not served, and whether
/// there are entries below is answered from the view.
const NOT_KEPT: [&str; 2] = ["hasSubordinates", "subschemaSubentry"];

/// Builds a view; see [`View::build`].
pub(super) fn build(
    generation: u64,
    domain: Domain,
    mut entries: Vec<Entry>,
    built_at: SystemTime,
) -> Result<View, BuildError> {
    if domain.kind == DirectoryKind::OpenLdap {
        entries.push(own_context_head());
    }
    let (entries, rejected) = identify(entries, domain.kind);
    let heads: Vec<NormalizedDn> =
        domain.heads().filter_map(|head| NormalizedDn::parse(head).ok()).collect();
    let names: Vec<NormalizedDn> = entries.iter().map(|known| known.name.clone()).collect();
    let (order, tree) = Tree::arrange(&names, &heads);
    drop(names);
    let entries = reorder(entries, &order);
    let maps = Maps::new(&entries)?;

    let mut intake = Intake::new(domain.kind, &maps, &entries);
    let mut contents = Vec::with_capacity(entries.len());
    for known in &entries {
        contents.push(intake.content(&known.entry)?);
    }
    let attributes = intake.finish(&mut contents)?;

    let mut counts = Counts::default();
    let mut stored = Vec::with_capacity(entries.len());
    for (known, content) in entries.into_iter().zip(contents) {
        counts.add(known.kind);
        stored.push(Stored {
            guid: known.guid,
            sid: known.sid,
            kind: known.kind,
            dn: known.entry.dn.into(),
            name: known.name,
            fields: content.fields,
            references: content.references.into(),
        });
    }
    let index = build_index(domain.kind, &attributes, &stored);
    Ok(View::assemble(
        generation,
        domain,
        built_at,
        super::view::Parts {
            attributes,
            entries: stored,
            by_dn: maps.by_dn,
            by_guid: maps.by_guid,
            by_sid: maps.by_sid,
            tree,
            index,
            counts,
            rejected,
        },
    ))
}

/// An entry whose name and identity are known.
struct Known {
    entry: Entry,
    name: NormalizedDn,
    guid: Guid,
    sid: Option<Sid>,
    kind: EntryKind,
}

fn identify(entries: Vec<Entry>, kind: DirectoryKind) -> (Vec<Known>, Vec<Rejected>) {
    let mut known = Vec::with_capacity(entries.len());
    let mut rejected = Vec::new();
    for entry in entries {
        let name = match NormalizedDn::parse(&entry.dn) {
            Ok(name) => name,
            Err(error) => {
                let reason = format!("its name is not a distinguished name: {error}");
                rejected.push(Rejected { dn: entry.dn, reason });
                continue;
            }
        };
        let Some(guid) = identity(&entry, kind) else {
            let missing = match kind {
                DirectoryKind::ActiveDirectory => "it has no readable objectGUID",
                DirectoryKind::OpenLdap => "it has no readable entryUUID",
            };
            rejected.push(Rejected { dn: entry.dn, reason: missing.to_owned() });
            continue;
        };
        let sid = entry.first("objectSid").and_then(Sid::from_octets);
        let kind = EntryKind::of(&entry, kind);
        known.push(Known { entry, name, guid, sid, kind });
    }
    (known, rejected)
}

/// The identity that survives moves and renames.
pub fn identity(entry: &Entry, kind: DirectoryKind) -> Option<Guid> {
    match kind {
        DirectoryKind::ActiveDirectory => entry.first("objectGUID").and_then(Guid::from_ad_octets),
        DirectoryKind::OpenLdap => entry.text("entryUUID").and_then(Guid::parse),
    }
}

fn reorder(entries: Vec<Known>, order: &[usize]) -> Vec<Known> {
    let mut places: Vec<Option<Known>> = entries.into_iter().map(Some).collect();
    order.iter().filter_map(|place| places.get_mut(*place).and_then(Option::take)).collect()
}

/// The head of [`OWN_CONTEXT`]. Its identity is derived from its name, so it is the same everywhere.
fn own_context_head() -> Entry {
    let mut octets = [0; 16];
    octets.iter_mut().zip(Sha256::digest(OWN_CONTEXT.as_bytes())).for_each(|(to, from)| *to = from);
    // Version 8 is for identifiers made in a way of one's own (RFC 9562 §5.8).
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut octets;
    *version = (*version & 0x0f) | 0x80;
    *variant = (*variant & 0x3f) | 0x80;
    let uuid = Guid(octets).to_string();
    let attribute = |name: &str, values: &[&str]| EntryAttribute {
        description: name.to_owned(),
        values: values.iter().map(|value| value.as_bytes().to_vec()).collect(),
    };
    Entry {
        dn: OWN_CONTEXT.to_owned(),
        attributes: vec![
            attribute("objectClass", &["top", "applicationProcess"]),
            attribute("cn", &["ldapgate"]),
            attribute("description", &["The proxy that answers for this directory"]),
            attribute("entryUUID", &[&uuid]),
        ],
    }
}

/// Ways to find a slot.
struct Maps {
    by_dn: HashMap<NormalizedDn, u32>,
    by_guid: HashMap<Guid, u32>,
    by_sid: HashMap<Sid, u32>,
}

impl Maps {
    fn new(entries: &[Known]) -> Result<Self, BuildError> {
        let mut maps = Self {
            by_dn: HashMap::with_capacity(entries.len()),
            by_guid: HashMap::with_capacity(entries.len()),
            by_sid: HashMap::with_capacity(entries.len()),
        };
        for (slot, known) in (0_u32..).zip(entries) {
            let dn = &known.entry.dn;
            if maps.by_dn.insert(known.name.clone(), slot).is_some() {
                return Err(BuildError(format!("two entries are called {dn}")));
            }
            if maps.by_guid.insert(known.guid, slot).is_some() {
                return Err(BuildError(format!("two entries have the identity of {dn}")));
            }
            if let Some(sid) = &known.sid
                && maps.by_sid.insert(sid.clone(), slot).is_some()
            {
                return Err(BuildError(format!("two entries have the SID of {dn}")));
            }
        }
        Ok(maps)
    }
}

/// What is stored of one entry beside its names.
struct Content {
    fields: Fields,
    references: Vec<References>,
    /// memberOf values that name groups outside the view.
    outside_groups: Vec<Reference>,
}

/// Attributes of one entry, each description once.
type Merged<'e> = Vec<(AttributeId, Vec<&'e [u8]>)>;

/// Turns the attributes of all entries into fields and references.
struct Intake<'m> {
    kind: DirectoryKind,
    by_dn: &'m HashMap<NormalizedDn, u32>,
    /// Controllers spell a name the same wherever it occurs, so most need no parsing.
    by_spelling: HashMap<&'m str, u32>,
    outside: HashMap<Box<[u8]>, Reference>,
    attributes: Attributes,
}

impl<'m> Intake<'m> {
    fn new(kind: DirectoryKind, maps: &'m Maps, entries: &'m [Known]) -> Self {
        Self {
            kind,
            by_dn: &maps.by_dn,
            by_spelling: entries.iter().map(|known| known.entry.dn.as_str()).zip(0_u32..).collect(),
            outside: HashMap::new(),
            attributes: Attributes::new(kind),
        }
    }

    fn content(&mut self, entry: &Entry) -> Result<Content, BuildError> {
        let mut user = Encoded::default();
        let mut operational = Encoded::default();
        let mut references = Vec::new();
        let mut outside_groups = Vec::new();
        for (id, values) in self.merged(entry)? {
            let Some(info) = self.attributes.info(id) else { continue };
            if info.syntax == Syntax::DistinguishedName {
                let back_link = info.type_name.eq_ignore_ascii_case("memberOf");
                let values = values.iter().map(|value| self.reference(value));
                if back_link {
                    // Derived from the groups below, so that both ends always agree.
                    outside_groups =
                        values.filter(|value| matches!(value, Reference::Outside(_))).collect();
                } else {
                    references.push(References { attribute: id, values: values.collect() });
                }
                continue;
            }
            let target = if info.operational { &mut operational } else { &mut user };
            target.push(id, &info.spelling, &values);
            if values.iter().any(|value| std::str::from_utf8(value).is_err()) {
                self.attributes.mark_binary(id);
            }
        }
        Ok(Content { fields: user.then(&operational), references, outside_groups })
    }

    /// The attributes that are kept, those with the same description put together.
    fn merged<'e>(&mut self, entry: &'e Entry) -> Result<Merged<'e>, BuildError> {
        let mut merged: Merged<'_> = Vec::with_capacity(entry.attributes.len());
        for attribute in &entry.attributes {
            let Some(description) = AttributeDescription::parse(&attribute.description) else {
                continue;
            };
            if description.options.iter().any(|option| option.to_lowercase().starts_with("range="))
            {
                let text = format!("{} has only a part of its {description}", entry.dn);
                return Err(BuildError(text));
            }
            if attribute.values.is_empty() || !is_kept(&description.name) {
                continue;
            }
            let values = attribute.values.iter().map(Vec::as_slice);
            let id = self.attributes.intern(&description)?;
            match merged.iter_mut().find(|(found, _)| *found == id) {
                Some((_, list)) => list.extend(values),
                None => merged.push((id, values.collect())),
            }
        }
        if self.kind == DirectoryKind::ActiveDirectory {
            self.add_timestamps(entry, &mut merged)?;
        }
        Ok(merged)
    }

    /// `createTimeStamp` and `modifyTimeStamp` are constructed from `whenCreated` and `whenChanged`
    /// (MS-ADTS §3.1.1.4.5.15 and .16); applications filter by them.
    fn add_timestamps<'e>(
        &mut self,
        entry: &'e Entry,
        merged: &mut Merged<'e>,
    ) -> Result<(), BuildError> {
        for (from, to) in [("whenCreated", "createTimeStamp"), ("whenChanged", "modifyTimeStamp")] {
            let Some(value) = entry.first(from) else { continue };
            let id = self.attributes.intern(&AttributeDescription::new(to))?;
            if merged.iter().all(|(found, _)| *found != id) {
                merged.push((id, vec![value]));
            }
        }
        Ok(())
    }

    fn reference(&mut self, value: &[u8]) -> Reference {
        let text = std::str::from_utf8(value).ok();
        if let Some(found) = text.and_then(|text| self.by_spelling.get(text)) {
            return Reference::Entry(*found);
        }
        if let Some(known) = self.outside.get(value) {
            return known.clone();
        }
        let name = text.and_then(|text| NormalizedDn::parse(text).ok());
        if let Some(found) = name.as_ref().and_then(|name| self.by_dn.get(name)) {
            return Reference::Entry(*found);
        }
        let outside = Reference::Outside(Arc::new(OutsideName { octets: value.into(), name }));
        self.outside.insert(value.into(), outside.clone());
        outside
    }

    /// Adds memberOf to every member, and gives back the attributes.
    fn finish(mut self, contents: &mut [Content]) -> Result<Attributes, BuildError> {
        let mut groups_of: Vec<Vec<Reference>> = contents
            .iter_mut()
            .map(|content| std::mem::take(&mut content.outside_groups))
            .collect();
        for (group, member) in direct_memberships(&self.attributes, contents) {
            if let Some(groups) = groups_of.get_mut(index(member)) {
                let group = Reference::Entry(group);
                if groups.last() != Some(&group) {
                    groups.push(group);
                }
            }
        }
        if groups_of.iter().all(Vec::is_empty) {
            return Ok(self.attributes);
        }
        let member_of = self.attributes.intern(&AttributeDescription::new("memberOf"))?;
        for (content, groups) in contents.iter_mut().zip(groups_of) {
            if !groups.is_empty() {
                let values = groups.into();
                content.references.push(References { attribute: member_of, values });
            }
        }
        Ok(self.attributes)
    }
}

fn is_kept(name: &str) -> bool {
    // What each controller counts for itself would change with every pass, and never be the truth.
    !schema::is_forbidden(name)
        && schema::is_replicated(name)
        && !NOT_KEPT.iter().any(|not| not.eq_ignore_ascii_case(name))
}

/// Attributes of one sort, encoded one after another.
#[derive(Default)]
struct Encoded {
    places: Vec<(AttributeId, u32)>,
    octets: Vec<u8>,
}

impl Encoded {
    fn push(&mut self, id: AttributeId, spelling: &str, values: &[&[u8]]) {
        self.places.push((id, u32::try_from(self.octets.len()).unwrap_or(u32::MAX)));
        encode_attribute(&mut self.octets, spelling, values.iter().copied());
    }

    fn then(mut self, other: &Self) -> Fields {
        let start = u32::try_from(self.octets.len()).unwrap_or(u32::MAX);
        self.places
            .extend(other.places.iter().map(|(id, place)| (*id, place.saturating_add(start))));
        self.octets.extend_from_slice(&other.octets);
        Fields::new(self.places, self.octets)
    }
}

/// Every (group, member) pair: member and uniqueMember by name, memberUid by a user's only uid.
/// Ordered by group, so the pairs of one group stand together.
fn direct_memberships(attributes: &Attributes, contents: &[Content]) -> Vec<(u32, u32)> {
    let lists = [attributes.find_name("member"), attributes.find_name("uniqueMember")];
    let member_uid = attributes.find_name("memberUid");
    let uids = match member_uid.and(attributes.find_name("uid")) {
        Some(uid) => by_uid(uid, contents),
        None => HashMap::new(),
    };
    let mut pairs = Vec::new();
    for (group, content) in (0_u32..).zip(contents) {
        for list in &content.references {
            if lists.contains(&Some(list.attribute)) {
                pairs.extend(list.values.iter().filter_map(|value| match value {
                    Reference::Entry(member) => Some((group, *member)),
                    Reference::Outside(_) => None,
                }));
            }
        }
        if let Some(element) = member_uid.and_then(|id| content.fields.element(id)) {
            let members = values(element)
                .filter_map(|value| prepare(Syntax::CaseIgnore, value))
                .filter_map(|key| uids.get(&key).copied().flatten());
            pairs.extend(members.map(|member| (group, member)));
        }
    }
    pairs
}

/// Which entry has a uid; `None` where several have it.
fn by_uid(uid: AttributeId, contents: &[Content]) -> HashMap<Vec<u8>, Option<u32>> {
    let mut found: HashMap<Vec<u8>, Option<u32>> = HashMap::new();
    for (slot, content) in (0_u32..).zip(contents) {
        for value in content.fields.element(uid).into_iter().flat_map(values) {
            if let Some(key) = prepare(Syntax::CaseIgnore, value) {
                found.entry(key).and_modify(|one| *one = None).or_insert(Some(slot));
            }
        }
    }
    found
}

fn build_index(kind: DirectoryKind, attributes: &Attributes, entries: &[Stored]) -> Index {
    let mut index = Index::with_attributes(attributes.len());
    for (slot, stored) in (0_u32..).zip(entries) {
        for (id, element) in stored.fields.iter() {
            let Some(info) = attributes.info(id) else { continue };
            index.add_presence(id, slot);
            index.add_presence(info.family, slot);
            if info.indexed {
                for value in values(element) {
                    evaluate::for_each_key(kind, info, value, |key| {
                        index.add_value(id, key, slot);
                        index.add_value(info.family, key, slot);
                    });
                }
            }
        }
        for list in &stored.references {
            let Some(info) = attributes.info(list.attribute) else { continue };
            for id in [list.attribute, info.family] {
                index.add_presence(id, slot);
                for value in &list.values {
                    match value {
                        Reference::Entry(target) => index.add_target(id, *target, slot),
                        Reference::Outside(outside) => {
                            if let Some(name) = &outside.name {
                                index.add_value(id, evaluate::name_key(name), slot);
                            }
                        }
                    }
                }
            }
        }
    }
    index.shrink();
    index
}
