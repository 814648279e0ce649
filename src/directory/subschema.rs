//! The subschema of a directory (RFC 4512 §4.2, MS-ADTS §3.1.1.3.1.1.1): relayed whole as a controller gave it,
//! or not there at all. Clients that read it refuse every attribute that it does not name, so half of it would
//! do more harm than none.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::AttributeValues;
use crate::ldap::filter::Filter;
use crate::ldap::message::MessageId;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::response;
use crate::ldap::schema;
use crate::time::unix_seconds;

use super::lone::filter_holds;
use super::selection::Selection;
use super::view::View;

/// What to ask a controller for: servers return the schema itself only by name (RFC 4512 §4.2), the rest
/// of the entry by `*`. The extended forms are Active Directory's (MS-ADTS §3.1.1.3.1.1.1).
pub const SUBSCHEMA_ATTRIBUTES: [&str; 14] = [
    "*",
    "attributeTypes",
    "objectClasses",
    "dITContentRules",
    "dITStructureRules",
    "nameForms",
    "matchingRules",
    "matchingRuleUse",
    "ldapSyntaxes",
    "extendedAttributeInfo",
    "extendedClassInfo",
    "createTimeStamp",
    "modifyTimeStamp",
    "subschemaSubentry",
];

/// What a controller counts for itself, and no copy can say truthfully.
const NOT_RELAYED: [&str; 2] = ["uSNChanged", "uSNCreated"];

/// The subschema as a controller gave it, in the octets of its answer: about a megabyte at Active Directory.
#[derive(Debug)]
pub struct Subschema {
    entry: PackedEntry,
    name: NormalizedDn,
    /// Seconds since 1970-01-01T00:00:00Z.
    confirmed_at: AtomicI64,
}

impl Subschema {
    /// Takes the entry that a controller gave at `read_at`. `None` if it is not a whole schema: it has no
    /// attribute types or no object classes, or parts of them are missing.
    #[must_use]
    pub fn read(entry: PackedEntry, read_at: SystemTime) -> Option<Self> {
        let is_part = |description: &str| description.to_ascii_lowercase().contains(";range=");
        if entry.attributes().any(|attribute| is_part(attribute.description())) {
            return None;
        }
        entry.first_of("attributeTypes")?;
        entry.first_of("objectClasses")?;
        let entry = PackedEntry::together(&[entry], is_relayed).pop()?;
        let name = NormalizedDn::parse(entry.dn()).ok()?;
        Some(Self { entry, name, confirmed_at: AtomicI64::new(unix_seconds(read_at)) })
    }

    /// The entry as it is relayed.
    pub(super) const fn entry(&self) -> &PackedEntry {
        &self.entry
    }

    /// When a controller last gave it, to the second.
    pub(super) fn confirmed_at(&self) -> SystemTime {
        let seconds = u64::try_from(self.confirmed_at.load(Ordering::Relaxed)).unwrap_or_default();
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH)
    }

    /// Its distinguished name as the controller spells it.
    #[must_use]
    pub fn dn(&self) -> &str {
        self.entry.dn()
    }

    /// Its name for comparing.
    #[must_use]
    pub const fn name(&self) -> &NormalizedDn {
        &self.name
    }

    /// How many attribute types it defines.
    #[must_use]
    pub fn attribute_types(&self) -> usize {
        self.entry.values_of("attributeTypes").count()
    }

    /// `modifyTimeStamp` as the controller gave it.
    #[must_use]
    pub fn modified(&self) -> Option<&[u8]> {
        self.entry.first_of("modifyTimeStamp")
    }

    /// Whether the other one says the same.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.entry == other.entry
    }

    /// Notes that a controller gave the same at `at`.
    pub fn confirm(&self, at: SystemTime) {
        self.confirmed_at.store(unix_seconds(at), Ordering::Relaxed);
    }

    /// How long ago it was last read whole, in full seconds; zero if the clock was set back since.
    #[must_use]
    pub fn age(&self, now: SystemTime) -> Duration {
        let seconds = unix_seconds(now).saturating_sub(self.confirmed_at.load(Ordering::Relaxed));
        Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
    }

    /// Whether the filter holds for it.
    #[must_use]
    pub fn holds(&self, filter: &Filter) -> bool {
        filter_holds(filter, &self.entry)
    }

    /// Appends it as one SearchResultEntry under the name that whoever asks calls it. The schema itself is operational: it is returned when it is named
    /// or by `+` (RFC 4512 §4.2), and not by `*`.
    pub fn write(&self, out: &mut Vec<u8>, id: MessageId, name: &str, selection: &Selection) {
        let wanted = self.entry.attributes().filter(|attribute| {
            let known = schema::attribute_type(attribute.description());
            selection.takes(attribute.description(), known.is_some_and(|known| known.operational))
        });
        if !selection.is_types_only() {
            let elements = wanted.map(|attribute| attribute.element());
            response::write_entry(out, id, name.as_bytes(), elements);
            return;
        }
        let mut types = Vec::new();
        for attribute in wanted {
            response::encode_attribute(&mut types, attribute.description(), std::iter::empty());
        }
        let pieces = (!types.is_empty()).then_some(types.as_slice()).into_iter();
        response::write_entry(out, id, name.as_bytes(), pieces);
    }
}

fn is_relayed(description: &str) -> bool {
    !schema::is_forbidden(description)
        && schema::is_replicated(description)
        && !NOT_RELAYED.iter().any(|not| not.eq_ignore_ascii_case(description))
}

/// The subschema that is called `base`; of several directories, the first one's.
#[must_use]
pub fn subschema_at<'v>(views: &'v [Arc<View>], base: &NormalizedDn) -> Option<&'v Arc<Subschema>> {
    let relayed = views.iter().filter_map(|view| view.domain().subschema.as_ref());
    relayed.into_iter().find(|subschema| subschema.name() == base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::tests::{decode, entry, names, texts};
    use crate::ldap::entry::Entry;

    const NAME: &str = "CN=Aggregate,CN=Schema,CN=Configuration,DC=corp,DC=example";

    fn aggregate() -> Entry {
        entry(
            NAME,
            &[
                ("objectClass", &["top", "subSchema"]),
                ("cn", &["Aggregate"]),
                ("uSNChanged", &["4711"]),
                ("attributeTypes", &["( 2.5.4.3 NAME 'cn' )", "( 2.5.4.4 NAME 'sn' )"]),
                ("objectClasses", &["( 2.5.6.0 NAME 'top' )"]),
                ("dITContentRules", &["( 2.5.6.14 NAME 'device' )"]),
                ("matchingRuleUse", &["( 2.5.13.0 )"]),
                ("modifyTimeStamp", &["20231114221320.0Z"]),
            ],
        )
    }

    fn subschema() -> Subschema {
        Subschema::read(PackedEntry::pack(&aggregate()), UNIX_EPOCH).unwrap()
    }

    fn shown(requested: &[&str], types_only: bool) -> Entry {
        let requested: Vec<String> = requested.iter().map(|name| (*name).to_owned()).collect();
        let mut octets = Vec::new();
        let selection = Selection::parse(&requested, types_only);
        subschema().write(&mut octets, MessageId::new(3).unwrap(), NAME, &selection);
        decode(&octets)
    }

    /// A schema without its types would make clients refuse every attribute.
    #[test]
    fn a_part_of_a_schema_is_none() {
        let without = |name: &str| {
            let mut entry = aggregate();
            entry.attributes.retain(|attribute| attribute.description != name);
            entry
        };
        let mut empty = aggregate();
        empty.attributes[3].values.clear();
        let mut cut = aggregate();
        cut.attributes[3].description = "attributeTypes;range=0-1499".to_owned();
        let mut nameless = aggregate();
        nameless.dn = "Aggregate".to_owned();
        for part in [without("attributeTypes"), without("objectClasses"), empty, cut, nameless] {
            assert!(Subschema::read(PackedEntry::pack(&part), UNIX_EPOCH).is_none(), "{part:?}");
        }
        let whole = subschema();
        assert_eq!((whole.dn(), whole.attribute_types()), (NAME, 2));
        assert_eq!(whole.modified(), Some(&b"20231114221320.0Z"[..]));
    }

    /// RFC 4512 §4.2: operational attributes of the subschema come when they are named or by `+`.
    #[test]
    fn the_schema_has_to_be_asked_for() {
        for all in [&[][..], &["*"]] {
            assert_eq!(names(&shown(all, false)), ["objectClass", "cn"], "{all:?}");
        }
        let schema = ["attributeTypes", "objectClasses", "dITContentRules", "matchingRuleUse"];
        let operational = names(&shown(&["+"], false)).join(" ");
        assert_eq!(operational, [&schema[..], &["modifyTimeStamp"]].concat().join(" "));
        let named = shown(&["ATTRIBUTETYPES", "2.5.21.6", "noSuchThing"], false);
        assert_eq!(names(&named), ["attributeTypes", "objectClasses"]);
        assert_eq!(texts(&named, "attributeTypes").len(), 2);
        assert_eq!(names(&shown(&["1.1"], false)), [""; 0]);
        let types = shown(&["attributeTypes"], true);
        assert_eq!((names(&types).len(), types.values("attributeTypes").len()), (1, 0));
    }

    #[test]
    fn filters_hold_for_it() {
        let holds = |filter: &str| subschema().holds(&Filter::parse(filter).unwrap());
        assert!(holds("(objectClass=*)") && holds("(objectClass=subschema)"));
        assert!(holds("(attributeTypes=*)") && !holds("(nameForms=*)"));
        assert!(!holds("(objectClass=user)") && !holds("(uSNChanged=4711)"));
    }

    #[test]
    fn it_grows_older_until_it_is_confirmed() {
        let subschema = subschema();
        let later = UNIX_EPOCH + Duration::from_secs(90);
        assert_eq!(subschema.age(later), Duration::from_secs(90));
        subschema.confirm(later);
        assert_eq!(subschema.age(later + Duration::from_secs(5)), Duration::from_secs(5));
        assert_eq!(subschema.age(UNIX_EPOCH), Duration::ZERO);
    }
}
