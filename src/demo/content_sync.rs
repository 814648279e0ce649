//! Content synchronisation as slapd's syncprov does it (RFC 4533).
//!
//! A cookie is `rid=000,csn=` and a change sequence number. What changed comes as entries to add. What
//! went comes as a set of identities while the session log reaches back to the cookie, else in a
//! present phase, in which the identities of all that did not change are told.

use std::collections::HashSet;

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapIntermediateResponse, LdapOp, LdapResult, LdapResultCode, LdapSearchRequest,
    LdapSearchResultEntry, SyncRequestMode,
};

use super::changes::Logged;
use super::conversation::{done, no_base, outgoing, result};
use super::directory::{Directory, Kind};
use super::entry::Entry;
use super::name::DnKey;
use super::search::in_scope;
use super::view::View;
use super::wire::{Outgoing, SyncInfo, SyncState, sync_done_value, sync_state_value};

const SYNC_STATE: &str = "1.3.6.1.4.1.4203.1.9.1.2";
const SYNC_DONE: &str = "1.3.6.1.4.1.4203.1.9.1.3";
const SYNC_INFO: &str = "1.3.6.1.4.1.4203.1.9.1.4";
/// Identities in one syncIdSet, as slapd sends them.
const SET: usize = 256;

/// The value of a request's control.
pub(super) struct Asked<'a> {
    cookie: Option<&'a [u8]>,
    persists: bool,
}

/// The refresh stage, and what the persist stage begins with where one was asked for.
pub(super) struct Refresh {
    pub(super) messages: Vec<Outgoing>,
    pub(super) persisting: Option<Persisting>,
}

/// What the client holds in the persist stage.
pub(super) struct Persisting {
    held: HashSet<[u8; 16]>,
}

impl<'a> Asked<'a> {
    /// The control, where there is one and it is served.
    pub(super) fn find(view: &View<'_>, controls: &'a [LdapControl]) -> Option<Self> {
        if !is_served(view) {
            return None;
        }
        controls.iter().find_map(|control| {
            let LdapControl::SyncRequest { mode, cookie, .. } = control else { return None };
            let cookie = cookie.as_deref().filter(|cookie| !cookie.is_empty());
            Some(Self { cookie, persists: *mode == SyncRequestMode::RefreshAndPersist })
        })
    }
}

/// Whether content synchronisation is there.
pub(super) fn is_served(view: &View<'_>) -> bool {
    view.directory.kind == Kind::OpenLdap && view.quirks.syncprov
}

/// Answers the refresh stage.
///
/// # Errors
/// The result that ends the search instead.
pub(super) fn refresh(
    view: &View<'_>,
    message_id: i32,
    request: &LdapSearchRequest,
    asked: &Asked<'_>,
) -> Result<Refresh, LdapResult> {
    let base = view.locate(&request.base).map_err(no_base)?;
    let stage = Stage { view, message_id, request };
    let keys = view.matching(&base, &request.scope, &request.filter);
    let content: Vec<(&DnKey, &Entry)> =
        keys.iter().filter_map(|key| Some((key, view.get(key)?))).collect();
    let since = since(view, asked.cookie)?;
    let covered = since == 0 || is_covered(view, since);
    let mut messages =
        if covered { stage.deletions(&content, since) } else { stage.presence(&content, since) };
    let changed = content.iter().filter(|(_, entry)| entry.metadata.changed > since);
    messages.extend(changed.filter_map(|(key, _)| stage.entry(key, SyncState::Add, None)));
    let cookie = cookie(view.directory);
    let held = || content.iter().filter_map(|(_, entry)| entry.identity()).collect();
    let persisting = asked.persists.then(|| Persisting { held: held() });
    messages.push(match (asked.persists, covered) {
        (true, true) => stage.info(SyncInfo::RefreshDelete(&cookie)),
        (true, false) => stage.info(SyncInfo::RefreshPresent(&cookie)),
        (false, _) => stage.end(&cookie, covered),
    });
    Ok(Refresh { messages, persisting })
}

impl Persisting {
    /// What is told of the changes after `since`: an entry for each that came, changed or went, or only
    /// a new cookie when none of them is the client's business.
    pub(super) fn changes(
        &mut self,
        view: &View<'_>,
        message_id: i32,
        request: &LdapSearchRequest,
        since: i64,
    ) -> Vec<Outgoing> {
        let stage = Stage { view, message_id, request };
        let cookie = cookie(view.directory);
        let base = view.locate(&request.base).ok();
        let mut messages = Vec::new();
        for logged in changed_since(view.directory, since) {
            let identity = logged.identity;
            let now = base.as_ref().and_then(|base| stage.content(base, &identity));
            messages.extend(match now {
                Some(key) if self.held.insert(identity) => {
                    stage.entry(key, SyncState::Add, Some(&cookie))
                }
                Some(key) => stage.entry(key, SyncState::Modify, Some(&cookie)),
                None if self.held.remove(&identity) => Some(stage.gone(logged, &cookie)),
                None => None,
            });
        }
        if messages.is_empty() {
            messages.push(stage.info(SyncInfo::NewCookie(&cookie)));
        }
        messages
    }
}

/// One search, for its messages.
struct Stage<'a> {
    view: &'a View<'a>,
    message_id: i32,
    request: &'a LdapSearchRequest,
}

impl<'a> Stage<'a> {
    /// Sets of what was there at the cookie and is not any more.
    fn deletions(&self, content: &[(&DnKey, &Entry)], since: i64) -> Vec<Outgoing> {
        let here: HashSet<[u8; 16]> =
            content.iter().filter_map(|(_, entry)| entry.identity()).collect();
        let changed =
            if since == 0 { Vec::new() } else { changed_since(self.view.directory, since) };
        let identities = changed.into_iter().map(|logged| logged.identity);
        let gone: Vec<[u8; 16]> = identities.filter(|identity| !here.contains(identity)).collect();
        self.sets(&gone, true)
    }

    /// Sets of what is there and did not change since the cookie.
    fn presence(&self, content: &[(&DnKey, &Entry)], since: i64) -> Vec<Outgoing> {
        let unchanged = content.iter().filter(|(_, entry)| entry.metadata.changed <= since);
        let here: Vec<[u8; 16]> = unchanged.filter_map(|(_, entry)| entry.identity()).collect();
        self.sets(&here, false)
    }

    fn sets(&self, identities: &[[u8; 16]], refresh_deletes: bool) -> Vec<Outgoing> {
        let sets = identities.chunks(SET);
        sets.map(|identities| self.info(SyncInfo::IdSet { refresh_deletes, identities })).collect()
    }

    /// The entry of this identity, if it is part of the content now.
    fn content(&self, base: &DnKey, identity: &[u8; 16]) -> Option<&'a DnKey> {
        let key = self.view.directory.by_identity(identity)?;
        let entry = self.view.get(key)?;
        let is_content = key.is_within(base)
            && in_scope(base, &self.request.scope, key)
            && self.view.holds(key, entry, &self.request.filter) == Some(true);
        is_content.then_some(key)
    }

    fn entry(&self, key: &DnKey, state: SyncState, cookie: Option<&[u8]>) -> Option<Outgoing> {
        let identity = self.view.get(key)?.identity()?;
        let shown = self.view.shown(key, &self.request.attrs, self.request.typesonly)?;
        Some(self.stated(shown, state, &identity, cookie))
    }

    /// An entry that went: its last name and no attributes.
    fn gone(&self, logged: &Logged, cookie: &[u8]) -> Outgoing {
        let shown = LdapSearchResultEntry { dn: logged.dn.clone(), attributes: Vec::new() };
        self.stated(shown, SyncState::Delete, &logged.identity, Some(cookie))
    }

    fn stated(
        &self,
        shown: LdapSearchResultEntry,
        state: SyncState,
        identity: &[u8; 16],
        cookie: Option<&[u8]>,
    ) -> Outgoing {
        let control = control(SYNC_STATE, sync_state_value(state, identity, cookie));
        outgoing(self.message_id, LdapOp::SearchResultEntry(shown), vec![control])
    }

    fn info(&self, info: SyncInfo<'_>) -> Outgoing {
        let raw = LdapIntermediateResponse::Raw {
            name: Some(SYNC_INFO.to_owned()),
            value: Some(info.value()),
        };
        outgoing(self.message_id, LdapOp::IntermediateResponse(raw), Vec::new())
    }

    fn end(&self, cookie: &[u8], refresh_deletes: bool) -> Outgoing {
        let control = control(SYNC_DONE, sync_done_value(cookie, refresh_deletes));
        done(self.message_id, result(LdapResultCode::Success, ""), vec![control])
    }
}

fn control(oid: &str, value: Vec<u8>) -> LdapControl {
    LdapControl::Unknown { oid: oid.to_owned(), criticality: false, value: Some(value) }
}

fn cookie(directory: &Directory) -> Vec<u8> {
    format!("rid=000,csn={}", directory.context_csn).into_bytes()
}

/// The number of the change up to which the client knows everything; 0: it knows nothing, or its
/// cookie says nothing here.
fn since(view: &View<'_>, cookie: Option<&[u8]>) -> Result<i64, LdapResult> {
    let Some(cookie) = cookie else { return Ok(0) };
    match sequence(cookie) {
        Some(newer) if newer > view.directory.sequence => {
            let text = "consumer state is newer than provider!";
            Err(result(LdapResultCode::UnwillingToPerform, text))
        }
        Some(known) if known >= view.directory.loaded => Ok(known),
        _ if view.quirks.refresh_required => {
            Err(result(LdapResultCode::EsyncRefreshRequired, "sync cookie is stale"))
        }
        _ => Ok(0),
    }
}

/// The directory's number in a cookie, which stands at the microseconds of its CSN.
fn sequence(cookie: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(cookie).ok()?;
    let csn = text.split(',').find_map(|part| part.strip_prefix("csn="))?;
    let (time, rest) = csn.split_once('.')?;
    let (number, rest) = rest.split_once('Z')?;
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    let is_csn = time.len() == 14 && digits(time) && digits(number) && rest.starts_with('#');
    is_csn.then(|| number.parse().ok()).flatten()
}

/// Whether the session log has all changes after this one.
fn is_covered(view: &View<'_>, since: i64) -> bool {
    let log = &view.directory.log;
    let before = log.len().checked_sub(view.quirks.session_log + 1);
    // The last change that the session log has lost.
    let lost = match before {
        Some(index) => log.get(index).map_or(0, |logged| logged.at),
        None => 0,
    };
    since >= lost
}

/// The entries that changed, came or went after this change, each once, in the order of their last
/// change.
fn changed_since(directory: &Directory, since: i64) -> Vec<&Logged> {
    let newest_first = directory.log.iter().rev().take_while(|logged| logged.at > since);
    let mut seen = HashSet::new();
    let mut changed: Vec<&Logged> =
        newest_first.filter(|logged| seen.insert(logged.identity)).collect();
    changed.reverse();
    changed
}
