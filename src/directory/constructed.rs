//! Attributes that no entry stores and that are worked out when they are asked for.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use crate::ldap::dn::DistinguishedName;
use crate::ldap::identifier::Sid;
use crate::ldap::schema::DirectoryKind;

use super::account_control;
use super::domain::EntryKind;
use super::entry_ref::EntryRef;
use super::search::{Audience, is_shown};
use super::view::Slot;

/// The flag of groupType that makes a group one for access control (MS-ADTS §2.2.12,
/// GROUP_TYPE_SECURITY_ENABLED).
const SECURITY_ENABLED: i64 = 0x8000_0000;
/// GROUP_TYPE_ACCOUNT_GROUP: a global group.
const ACCOUNT_GROUP: i64 = 0x2;
/// GROUP_TYPE_UNIVERSAL_GROUP.
const UNIVERSAL_GROUP: i64 = 0x8;

/// A constructed attribute.
pub(super) struct Constructed {
    /// As it is written in answers.
    pub(super) spelling: &'static str,
    /// The directories that have it; `None`: both.
    kind: Option<DirectoryKind>,
    /// Whether `+` returns it; if not, it must be named.
    by_plus: bool,
    /// Its values for an entry; empty if it has none.
    pub(super) values: fn(EntryRef<'_>, Asked<'_>) -> Vec<Vec<u8>>,
}

impl fmt::Debug for Constructed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.spelling)
    }
}

/// Who asks, and when. Without an audience every entry counts; without a time, attributes that speak of
/// the present have no value.
#[derive(Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    pub(super) audience: Option<&'a dyn Audience>,
    pub(super) now: Option<SystemTime>,
}

impl<'a> Asked<'a> {
    /// What whoever asks calls the entry.
    fn name_of<'n>(self, entry: EntryRef<'n>) -> Option<Cow<'n, str>> {
        match self.audience.and_then(|audience| audience.wording()) {
            Some(wording) => wording.bases.outward(entry.dn()),
            None => Some(Cow::Borrowed(entry.dn())),
        }
    }
}

const CONSTRUCTED: [Constructed; 17] = [
    Constructed {
        spelling: "canonicalName",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: true,
        values: |entry, asked| {
            let name = asked.name_of(entry);
            name.and_then(|name| canonical_name(&name)).into_iter().collect()
        },
    },
    Constructed {
        spelling: "distinguishedName",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: false,
        values: |entry, _| vec![entry.dn().as_bytes().to_vec()],
    },
    Constructed {
        spelling: "entryDN",
        kind: Some(DirectoryKind::OpenLdap),
        by_plus: true,
        values: |entry, _| vec![entry.dn().as_bytes().to_vec()],
    },
    Constructed {
        spelling: "hasSubordinates",
        kind: Some(DirectoryKind::OpenLdap),
        by_plus: true,
        values: has_subordinates,
    },
    Constructed {
        // Active Directory has no such attribute, and tree browsers that name it expect an answer.
        spelling: "hasSubordinates",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: false,
        values: has_subordinates,
    },
    Constructed {
        spelling: "msDS-Approx-Immed-Subordinates",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: false,
        values: count_subordinates,
    },
    Constructed {
        spelling: "msDS-PrincipalName",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: true,
        values: |entry, _| principal_name(entry).into_iter().collect(),
    },
    Constructed {
        spelling: "msDS-User-Account-Control-Computed",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: true,
        values: |entry, asked| {
            let flags = asked.now.and_then(|now| account_control::computed(entry, now));
            flags.map(|flags| flags.to_string().into_bytes()).into_iter().collect()
        },
    },
    Constructed {
        // It costs a walk through the entries below, so it must be named.
        spelling: "numSubordinates",
        kind: None,
        by_plus: false,
        values: count_subordinates,
    },
    Constructed {
        spelling: "parentGUID",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: true,
        values: |entry, asked| parent_guid(entry, asked).into_iter().collect(),
    },
    Constructed {
        spelling: "primaryGroupToken",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: true,
        values: |entry, _| primary_group_token(entry).into_iter().collect(),
    },
    Constructed {
        spelling: "structuralObjectClass",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: true,
        values: |entry, _| structural_classes(entry),
    },
    Constructed {
        // RFC 4512 §4.2: the subschema that holds for the entry.
        spelling: "subschemaSubentry",
        kind: Some(DirectoryKind::OpenLdap),
        by_plus: true,
        values: |entry, _| subschema_subentry(entry),
    },
    Constructed {
        // MS-ADTS §3.1.1.4.5.1.
        spelling: "subSchemaSubEntry",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: true,
        values: |entry, _| subschema_subentry(entry),
    },
    Constructed {
        // MS-ADTS §3.1.1.4.5.19 has it in base searches only; here it must be named, because it
        // costs a walk through the groups.
        spelling: "tokenGroups",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: false,
        values: |entry, asked| token_groups(entry, asked, is_security_group),
    },
    Constructed {
        // MS-ADTS §3.1.1.4.5.20.
        spelling: "tokenGroupsGlobalAndUniversal",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: false,
        values: |entry, asked| token_groups(entry, asked, is_account_group),
    },
    Constructed {
        // MS-ADTS §3.1.1.4.5.19: as tokenGroups, where no global catalogue can be asked.
        spelling: "tokenGroupsNoGCAcceptable",
        kind: Some(DirectoryKind::ActiveDirectory),
        by_plus: false,
        values: |entry, asked| token_groups(entry, asked, is_security_group),
    },
];

/// The constructed attribute called so in directories of this kind.
pub(super) fn find(kind: DirectoryKind, attribute: &str) -> Option<&'static Constructed> {
    CONSTRUCTED.iter().find(|known| {
        known.kind.is_none_or(|only| only == kind) && known.spelling.eq_ignore_ascii_case(attribute)
    })
}

/// The constructed attributes that `+` returns.
pub(super) fn operational(kind: DirectoryKind) -> impl Iterator<Item = &'static Constructed> {
    CONSTRUCTED
        .iter()
        .filter(move |known| known.by_plus && known.kind.is_none_or(|only| only == kind))
}

/// The values of a constructed attribute, whoever asks; empty if it is none, or none of this entry's.
pub(super) fn values<'a>(entry: EntryRef<'a>, attribute: &str) -> Vec<Cow<'a, [u8]>> {
    match find(entry.view().domain().kind, attribute) {
        Some(found) => {
            (found.values)(entry, Asked::default()).into_iter().map(Cow::Owned).collect()
        }
        None => Vec::new(),
    }
}

/// MS-ADTS §3.1.1.4.5.7: `corp.example/People/Alice`, and `corp.example/` for the domain.
fn canonical_name(name: &str) -> Option<Vec<u8>> {
    let name = DistinguishedName::parse(name).ok()?;
    let mut domain: Vec<&[u8]> = Vec::new();
    let mut path: Vec<&[u8]> = Vec::new();
    for rdn in name.rdns() {
        let part = rdn.0.first()?;
        if part.attribute().eq_ignore_ascii_case("dc") { &mut domain } else { &mut path }
            .push(part.value());
    }
    let mut canonical = domain.join(&b'.');
    canonical.push(b'/');
    for (position, part) in path.iter().rev().enumerate() {
        if position > 0 {
            canonical.push(b'/');
        }
        for octet in *part {
            if matches!(octet, b'/' | b'\\') {
                canonical.push(b'\\');
            }
            canonical.push(*octet);
        }
    }
    Some(canonical)
}

/// X.501 §14.4.4: whether there are entries below, as far as the audience is shown them.
fn has_subordinates(entry: EntryRef<'_>, asked: Asked<'_>) -> Vec<Vec<u8>> {
    let any = subordinates(entry, asked).next().is_some();
    vec![if any { b"TRUE".to_vec() } else { b"FALSE".to_vec() }]
}

/// MS-ADTS §3.1.1.4.5.15 and draft-boreham-numsubordinates: how many entries are directly below. Active
/// Directory may guess, here they are counted.
fn count_subordinates(entry: EntryRef<'_>, asked: Asked<'_>) -> Vec<Vec<u8>> {
    vec![subordinates(entry, asked).count().to_string().into_bytes()]
}

/// The entries directly below that the audience is shown: that there are others is not told.
fn subordinates<'a>(
    entry: EntryRef<'a>,
    asked: Asked<'a>,
) -> impl Iterator<Item = EntryRef<'a>> + 'a {
    let view = entry.view();
    view.tree().children(entry.slot().0).filter_map(|slot| view.entry(Slot(slot))).filter(
        move |below| match asked.audience {
            Some(audience) => is_shown(*below, audience),
            None => below.kind() != EntryKind::Deleted,
        },
    )
}

/// MS-ADTS §3.1.1.4.5.37: `CORP\alice`; the SID as text where there is no account name.
fn principal_name(entry: EntryRef<'_>) -> Option<Vec<u8>> {
    let sid = entry.sid()?;
    let domain = entry.view().domain();
    let authority = if sid.to_string().starts_with("S-1-5-32-") {
        Some("BUILTIN")
    } else {
        domain.netbios_name.as_deref()
    };
    match (authority, entry.text("sAMAccountName")) {
        (Some(authority), Some(account)) => Some(format!("{authority}\\{account}").into_bytes()),
        _ => Some(sid.to_string().into_bytes()),
    }
}

/// The identity of the entry above, within its naming context and as far as the audience is shown it.
fn parent_guid(entry: EntryRef<'_>, asked: Asked<'_>) -> Option<Vec<u8>> {
    let above = entry.parent()?;
    let shown = asked.audience.is_none_or(|audience| is_shown(above, audience));
    shown.then(|| above.guid().ad_octets().to_vec())
}

/// The classes of the entry, as a controller stores them: its class and those above it.
fn structural_classes(entry: EntryRef<'_>) -> Vec<Vec<u8>> {
    entry.values("objectClass").into_iter().map(Cow::into_owned).collect()
}

fn subschema_subentry(entry: EntryRef<'_>) -> Vec<Vec<u8>> {
    let subschema = entry.view().domain().subschema.as_ref();
    subschema.map(|relayed| relayed.dn().as_bytes().to_vec()).into_iter().collect()
}

/// MS-ADTS §3.1.1.4.5.11: the relative id by which accounts name the group as their primary group.
fn primary_group_token(entry: EntryRef<'_>) -> Option<Vec<u8>> {
    let relative_id = entry.sid().and_then(Sid::relative_id)?;
    (entry.kind() == EntryKind::Group).then(|| relative_id.to_string().into_bytes())
}

/// MS-ADTS §3.1.1.4.5.19: the SIDs of the groups that count and that the account is in, nested; of groups
/// only that may be named.
fn token_groups(
    entry: EntryRef<'_>,
    asked: Asked<'_>,
    counts: fn(EntryRef<'_>) -> bool,
) -> Vec<Vec<u8>> {
    let told =
        |group: &EntryRef<'_>| asked.audience.is_none_or(|audience| audience.may_name(*group));
    let view = entry.view();
    let groups = view.climb(entry, counts);
    groups
        .into_iter()
        .filter_map(|slot| view.entry(Slot(slot)).filter(told)?.sid())
        .map(|sid| sid.octets().to_vec())
        .collect()
}

fn is_security_group(group: EntryRef<'_>) -> bool {
    group_type(group).is_none_or(|flags| flags & SECURITY_ENABLED != 0)
}

/// A security group that holds beyond its domain.
fn is_account_group(group: EntryRef<'_>) -> bool {
    let wide = |flags| flags & (ACCOUNT_GROUP | UNIVERSAL_GROUP) != 0;
    is_security_group(group) && group_type(group).is_none_or(wide)
}

fn group_type(group: EntryRef<'_>) -> Option<i64> {
    group.text("groupType")?.parse().ok()
}
