//! DirSync: what changed in a naming context since a cookie (MS-ADTS 3.1.1.3.4.1.3).
//!
//! A cookie is good at every controller. It holds the number up to which its holder knows every change
//! (`since`), and within a reading of several answers the number of the last object given (`at`), which
//! only the controller that gave it can go on from.

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapOp, LdapPartialAttribute, LdapResult, LdapResultCode, LdapSearchRequest,
    LdapSearchResultEntry, LdapSearchScope,
};
use sha2::{Digest as _, Sha256};

use super::conversation::{done, outgoing, result};
use super::entry::Entry;
use super::metadata::LinkStamp;
use super::name::DnKey;
use super::root_dse::DIR_SYNC;
use super::view::View;
use super::wire::{Outgoing, dir_sync_value};

/// LDAP_DIRSYNC_OBJECT_SECURITY: no replication right is needed.
const OBJECT_SECURITY: i64 = 0x1;
/// LDAP_DIRSYNC_ANCESTORS_FIRST_ORDER.
const ANCESTORS_FIRST: i64 = 0x800;
/// LDAP_DIRSYNC_INCREMENTAL_VALUES. The codec reads the four octets as a positive number.
const INCREMENTAL_VALUES: i64 = 0x8000_0000;

/// What every object has in an answer, whatever was asked for.
const ALWAYS: [&str; 2] = ["objectGUID", "instanceType"];

/// The value of a request's control.
pub(super) struct Asked<'a> {
    flags: i64,
    max_bytes: i64,
    cookie: &'a [u8],
}

/// An answer, and whether more follows.
pub(super) struct Answer {
    pub(super) messages: Vec<Outgoing>,
    pub(super) has_more: bool,
}

impl<'a> Asked<'a> {
    /// The DirSync control, where there is one.
    pub(super) fn find(controls: &'a [LdapControl]) -> Option<Self> {
        controls.iter().find_map(|control| {
            let LdapControl::AdDirsync { flags, max_bytes, cookie } = control else { return None };
            let cookie = cookie.as_deref().unwrap_or_default();
            Some(Self { flags: *flags, max_bytes: *max_bytes, cookie })
        })
    }

    fn has(&self, flag: i64) -> bool {
        self.flags & flag != 0
    }
}

/// Answers a DirSync search. The view shows deleted entries wherever the account may see them.
///
/// # Errors
/// The result that ends the search instead.
pub(super) fn answer(
    view: &View<'_>,
    message_id: i32,
    request: &LdapSearchRequest,
    asked: &Asked<'_>,
) -> Result<Answer, LdapResult> {
    let base = context(view, request)?;
    if !asked.has(OBJECT_SECURITY) && !view.quirks.replication_right {
        return Err(no_rights(view));
    }
    let cookie = Cookie::read(view, asked.cookie)?;
    let (objects, has_more) = objects(view, request, asked, &base, &cookie);
    let next = match objects.last() {
        Some(last) if has_more => Cookie { at: last.changed, ..cookie },
        _ => Cookie { since: view.directory.whole_to(), at: view.directory.whole_to() },
    };
    let mut entries: Vec<Object> = objects;
    if asked.has(ANCESTORS_FIRST) {
        entries.sort_by_key(|object| object.depth);
    }
    let entries = entries.into_iter().map(|object| LdapOp::SearchResultEntry(object.shown));
    let mut messages: Vec<Outgoing> =
        entries.map(|entry| outgoing(message_id, entry, Vec::new())).collect();
    let control = LdapControl::Unknown {
        oid: DIR_SYNC.to_owned(),
        criticality: false,
        value: Some(dir_sync_value(has_more, &next.write(view))),
    };
    messages.push(done(message_id, result(LdapResultCode::Success, ""), vec![control]));
    Ok(Answer { messages, has_more })
}

/// Only a whole naming context can be asked about.
fn context(view: &View<'_>, request: &LdapSearchRequest) -> Result<DnKey, LdapResult> {
    let base = DnKey::parse(&request.base);
    let mut known = view.directory.contexts.iter().map(|(key, _)| key);
    let key = known.find(|key| Some(*key) == base.as_ref()).ok_or_else(|| {
        let text = "00002105: the base is not one of the naming contexts";
        result(LdapResultCode::InsufficentAccessRights, &view.diagnostic(text))
    })?;
    if request.scope != LdapSearchScope::Subtree {
        let text = "00002093: DirSync is for a whole subtree";
        return Err(result(LdapResultCode::UnwillingToPerform, &view.diagnostic(text)));
    }
    Ok(key.clone())
}

fn no_rights(view: &View<'_>) -> LdapResult {
    let text = "00002105: SecErr: DSID-03151E8B, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0\n";
    result(LdapResultCode::InsufficentAccessRights, &view.diagnostic(text))
}

/// A changed object as it is given.
struct Object {
    changed: i64,
    depth: usize,
    shown: LdapSearchResultEntry,
}

/// The changed objects of one answer in the order of their last change, and whether more follow.
fn objects(
    view: &View<'_>,
    request: &LdapSearchRequest,
    asked: &Asked<'_>,
    base: &DnKey,
    cookie: &Cookie,
) -> (Vec<Object>, bool) {
    let context = view.directory.context_of(base);
    let mut changed: Vec<(&DnKey, &Entry)> = view
        .below(base)
        .filter(|(key, entry)| {
            entry.metadata.changed > cookie.at
                && view.directory.context_of(key) == context
                && view.holds(key, entry, &request.filter) == Some(true)
        })
        .collect();
    changed.sort_by_key(|(_, entry)| entry.metadata.changed);
    let most = view.quirks.dir_sync_page.unwrap_or(usize::MAX);
    let bytes = usize::try_from(asked.max_bytes).ok().filter(|bytes| *bytes > 0);
    let mut left = bytes.unwrap_or(usize::MAX);
    let mut objects: Vec<Object> = Vec::new();
    for (key, entry) in changed {
        let Some(shown) = shown(view, request, asked, cookie, (key, entry)) else { continue };
        let size = size(&shown);
        if objects.len() == most || size > left && !objects.is_empty() {
            return (objects, true);
        }
        left = left.saturating_sub(size);
        objects.push(Object { changed: entry.metadata.changed, depth: key.depth(), shown });
    }
    (objects, false)
}

/// The object with what changed of it; `None` when nothing of that was asked for.
fn shown(
    view: &View<'_>,
    request: &LdapSearchRequest,
    asked: &Asked<'_>,
    cookie: &Cookie,
    (key, entry): (&DnKey, &Entry),
) -> Option<LdapSearchResultEntry> {
    // What an earlier answer of the same reading has told may be gone by now.
    let is_first = asked.cookie.is_empty();
    let mut attributes = changed_attributes(view, key, entry, cookie.since);
    if asked.has(INCREMENTAL_VALUES) {
        attributes.extend(changed_values(entry, cookie.since, is_first));
    } else {
        attributes.extend(changed_lists(entry, cookie.since));
    }
    attributes.retain(|attribute| {
        is_wanted(request, &attribute.atype) && !(is_first && attribute.vals.is_empty())
    });
    if attributes.is_empty() {
        return None;
    }
    attributes.retain(|attribute| !ALWAYS.iter().any(|name| attribute.atype == *name));
    let always = ALWAYS.into_iter().filter_map(|name| entry.get(name));
    attributes.extend(always.map(|a| partial(&a.name, a.values.clone())));
    Some(LdapSearchResultEntry { dn: entry.dn.clone(), attributes })
}

/// Attributes that are no links, cleared ones without a value. A new name or place shows as `name` and
/// `parentGUID`.
fn changed_attributes(
    view: &View<'_>,
    key: &DnKey,
    entry: &Entry,
    since: i64,
) -> Vec<LdapPartialAttribute> {
    let stamps = entry.metadata.attributes().filter(|stamp| stamp.at > since);
    let mut attributes: Vec<LdapPartialAttribute> =
        stamps.map(|stamp| partial(&stamp.name, entry.values(&stamp.name).to_vec())).collect();
    let above = key.parent().and_then(|parent| view.directory.entries.get(&parent));
    let parent = above.and_then(|parent| parent.get("objectGUID"));
    if attributes.iter().any(|attribute| attribute.atype == "name")
        && let Some(parent) = parent
    {
        attributes.push(partial("parentGUID", parent.values.clone()));
    }
    attributes
}

/// Link attributes of which a value changed, with all values.
fn changed_lists(entry: &Entry, since: i64) -> Vec<LdapPartialAttribute> {
    let mut attributes: Vec<LdapPartialAttribute> = Vec::new();
    for stamp in changed_links(entry, since) {
        if !attributes.iter().any(|attribute| attribute.atype == stamp.name) {
            attributes.push(partial(&stamp.name, entry.values(&stamp.name).to_vec()));
        }
    }
    attributes
}

/// The values of link attributes that were added (`;range=1-1`) and removed (`;range=0-0`). Who knows
/// nothing yet is not told of removed ones.
fn changed_values(entry: &Entry, since: i64, is_first: bool) -> Vec<LdapPartialAttribute> {
    let mut attributes: Vec<LdapPartialAttribute> = Vec::new();
    for stamp in changed_links(entry, since).filter(|stamp| stamp.is_present || !is_first) {
        let range = if stamp.is_present { "1-1" } else { "0-0" };
        let name = format!("{};range={range}", stamp.name);
        match attributes.iter_mut().find(|attribute| attribute.atype == name) {
            Some(attribute) => attribute.vals.push(stamp.value.clone()),
            None => attributes.push(partial(&name, vec![stamp.value.clone()])),
        }
    }
    attributes
}

fn changed_links(entry: &Entry, since: i64) -> impl Iterator<Item = &LinkStamp> {
    entry.metadata.links().iter().filter(move |stamp| stamp.at > since)
}

fn is_wanted(request: &LdapSearchRequest, description: &str) -> bool {
    let name = description.split(';').next().unwrap_or(description);
    request.attrs.is_empty()
        || request.attrs.iter().any(|wanted| wanted == "*" || wanted.eq_ignore_ascii_case(name))
}

fn partial(name: &str, vals: Vec<Vec<u8>>) -> LdapPartialAttribute {
    LdapPartialAttribute { atype: name.to_owned(), vals }
}

fn size(entry: &LdapSearchResultEntry) -> usize {
    let attribute = |attribute: &LdapPartialAttribute| {
        attribute.atype.len() + attribute.vals.iter().map(Vec::len).sum::<usize>()
    };
    entry.dn.len() + entry.attributes.iter().map(attribute).sum::<usize>()
}

/// What a cookie says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cookie {
    since: i64,
    at: i64,
}

/// Cookies of Active Directory begin like this.
const MAGIC: &[u8; 8] = b"MSDS\x03\0\0\0";

impl Cookie {
    /// An empty cookie is the beginning.
    fn read(view: &View<'_>, octets: &[u8]) -> Result<Self, LdapResult> {
        if octets.is_empty() {
            return Ok(Self { since: 0, at: 0 });
        }
        let parsed = Self::parse(view, octets);
        parsed.ok_or_else(|| {
            let text = "0000202C: Unable to unmarshall cookie";
            let code = LdapResultCode::UnavailableCriticalExtension;
            result(code, &view.diagnostic(text))
        })
    }

    fn parse(view: &View<'_>, octets: &[u8]) -> Option<Self> {
        let rest = octets.strip_prefix(MAGIC)?;
        let (since, rest) = rest.split_first_chunk::<8>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let (giver, _) = rest.split_first_chunk::<16>()?;
        let since = i64::from_le_bytes(*since);
        // Objects of another controller are in another order: all since the last whole reading again.
        let is_own = *giver == view.invocation_id();
        let at = if is_own { i64::from_le_bytes(*at) } else { since };
        let cookie = Self { since, at };
        let written = Self { since, at: i64::from_le_bytes(octets.get(16..24)?.try_into().ok()?) };
        (written.octets(view, *giver) == octets).then_some(cookie)
    }

    fn write(self, view: &View<'_>) -> Vec<u8> {
        self.octets(view, view.invocation_id())
    }

    /// With a checksum, so that what is not a cookie of this directory is seen.
    fn octets(self, view: &View<'_>, giver: [u8; 16]) -> Vec<u8> {
        let mut octets = MAGIC.to_vec();
        octets.extend(self.since.to_le_bytes());
        octets.extend(self.at.to_le_bytes());
        octets.extend(giver);
        let sum = Sha256::new().chain_update(&octets).chain_update(&view.directory.domain.dn);
        octets.extend(sum.finalize());
        octets
    }
}
