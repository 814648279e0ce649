//! Attributes that no entry stores and that are worked out when they are asked for.

use std::borrow::Cow;

use crate::ldap::dn::DistinguishedName;
use crate::ldap::identifier::Sid;
use crate::ldap::schema::DirectoryKind;

use super::domain::EntryKind;
use super::entry_ref::EntryRef;
use super::view::Slot;

/// The flag of groupType that makes a group one for access control (MS-ADTS §2.2.12,
/// GROUP_TYPE_SECURITY_ENABLED).
const SECURITY_ENABLED: i64 = 0x8000_0000;

/// A constructed attribute.
struct Constructed {
    spelling: &'static str,
    kind: DirectoryKind,
    /// Whether `+` returns it; if not, it must be named.
    by_plus: bool,
    values: fn(EntryRef<'_>) -> Vec<Vec<u8>>,
}

const CONSTRUCTED: [Constructed; 7] = [
    Constructed {
        spelling: "canonicalName",
        kind: DirectoryKind::ActiveDirectory,
        by_plus: true,
        values: |entry| canonical_name(entry).into_iter().collect(),
    },
    Constructed {
        spelling: "distinguishedName",
        kind: DirectoryKind::ActiveDirectory,
        by_plus: false,
        values: |entry| vec![entry.dn().as_bytes().to_vec()],
    },
    Constructed {
        spelling: "entryDN",
        kind: DirectoryKind::OpenLdap,
        by_plus: true,
        values: |entry| vec![entry.dn().as_bytes().to_vec()],
    },
    Constructed {
        spelling: "hasSubordinates",
        kind: DirectoryKind::OpenLdap,
        by_plus: true,
        values: has_subordinates,
    },
    Constructed {
        spelling: "msDS-PrincipalName",
        kind: DirectoryKind::ActiveDirectory,
        by_plus: true,
        values: |entry| principal_name(entry).into_iter().collect(),
    },
    Constructed {
        spelling: "primaryGroupToken",
        kind: DirectoryKind::ActiveDirectory,
        by_plus: true,
        values: |entry| primary_group_token(entry).into_iter().collect(),
    },
    Constructed {
        // MS-ADTS §3.1.1.4.5.19 has it in base searches only; here it must be named, because it
        // costs a walk through the groups.
        spelling: "tokenGroups",
        kind: DirectoryKind::ActiveDirectory,
        by_plus: false,
        values: token_groups,
    },
];

/// The values of a constructed attribute; empty if it is none, or none of this entry's.
pub(super) fn values<'a>(entry: EntryRef<'a>, attribute: &str) -> Vec<Cow<'a, [u8]>> {
    match find(entry, attribute) {
        Some(found) => (found.values)(entry).into_iter().map(Cow::Owned).collect(),
        None => Vec::new(),
    }
}

/// How a constructed attribute is spelled in answers.
pub(super) fn spelling(entry: EntryRef<'_>, attribute: &str) -> Option<&'static str> {
    find(entry, attribute).map(|found| found.spelling)
}

/// The constructed attributes that `+` returns.
pub(super) fn operational(entry: EntryRef<'_>) -> impl Iterator<Item = &'static str> {
    let kind = entry.view().domain().kind;
    CONSTRUCTED
        .iter()
        .filter(move |constructed| constructed.by_plus && constructed.kind == kind)
        .map(|constructed| constructed.spelling)
}

fn find(entry: EntryRef<'_>, attribute: &str) -> Option<&'static Constructed> {
    let kind = entry.view().domain().kind;
    CONSTRUCTED
        .iter()
        .find(|known| known.kind == kind && known.spelling.eq_ignore_ascii_case(attribute))
}

/// MS-ADTS §3.1.1.4.5.7: `corp.example/People/Alice`, and `corp.example/` for the domain.
fn canonical_name(entry: EntryRef<'_>) -> Option<Vec<u8>> {
    let name = DistinguishedName::parse(entry.dn()).ok()?;
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

/// RFC 3045 has no such thing; X.501 §14.4.4: whether there are entries below.
fn has_subordinates(entry: EntryRef<'_>) -> Vec<Vec<u8>> {
    let any = entry.view().tree().children(entry.slot().0).next().is_some();
    vec![if any { b"TRUE".to_vec() } else { b"FALSE".to_vec() }]
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

/// MS-ADTS §3.1.1.4.5.11: the relative id by which accounts name the group as their primary group.
fn primary_group_token(entry: EntryRef<'_>) -> Option<Vec<u8>> {
    let relative_id = entry.sid().and_then(Sid::relative_id)?;
    (entry.kind() == EntryKind::Group).then(|| relative_id.to_string().into_bytes())
}

/// MS-ADTS §3.1.1.4.5.19: the SIDs of the security groups the account is in, nested.
fn token_groups(entry: EntryRef<'_>) -> Vec<Vec<u8>> {
    let view = entry.view();
    let groups = view.climb(entry, is_security_group);
    groups
        .into_iter()
        .filter_map(|slot| view.entry(Slot(slot))?.sid().map(|sid| sid.octets().to_vec()))
        .collect()
}

fn is_security_group(group: EntryRef<'_>) -> bool {
    group
        .text("groupType")
        .and_then(|flags| flags.parse::<i64>().ok())
        .is_none_or(|flags| flags & SECURITY_ENABLED != 0)
}
