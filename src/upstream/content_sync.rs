//! What the messages of a content synchronization search mean (RFC 4533 §3.3, §3.4).

use super::dir_sync::check_with_position;
use super::error::{LinkError, Step};
use super::link::{SearchDone, SearchPart};
use super::paging::response_control;
use crate::ldap::control::oid;
use crate::ldap::controls::sync_done;
use crate::ldap::controls::sync_state::{SyncState, SyncStateValue};
use crate::ldap::identifier::Guid;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::response::IntermediateResponse;
use crate::ldap::sync_info::{SYNC_INFO, SyncInfo};

/// One thing that a refresh tells. Cookies are not among them: only the one at the end counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncEvent {
    /// What became of one entry.
    Entry {
        /// What became of it.
        state: SyncState,
        /// Its identity.
        uuid: Guid,
        /// The entry; after `Present` and `Delete` only its name is of use.
        entry: PackedEntry,
    },
    /// What became of many entries.
    Ids {
        /// Whether they have left the content; otherwise they are as they were.
        deleted: bool,
        /// The entries.
        uuids: Vec<Guid>,
    },
    /// A delete phase follows. Of the entries known from before, those that were not named until here have
    /// left the content.
    PresentPhaseEnded,
}

/// The end of a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncEnd {
    /// What the next request carries, never empty.
    pub cookie: Vec<u8>,
    /// Whether entries known from before that were not named are still there. If not, they have left the
    /// content. Never so without a cookie in the request, whatever the server says: all there is was named.
    pub refresh_deletes: bool,
}

/// A refresh under way.
#[derive(Debug)]
pub(super) struct Refresh {
    /// The cookie that was sent.
    sent: Option<Vec<u8>>,
    /// The last one that came.
    cookie: Option<Vec<u8>>,
    /// Whether anything was told of any entry.
    any: bool,
}

impl Refresh {
    pub(super) const fn new(sent: Option<Vec<u8>>) -> Self {
        Self { sent, cookie: None, any: false }
    }

    /// Takes an entry.
    pub(super) fn entry(
        &mut self,
        entry: PackedEntry,
        controls: &[u8],
    ) -> Result<SyncEvent, LinkError> {
        let Some(control) = response_control(controls, oid::SYNC_STATE)? else {
            return Err(broken(format!("{:?} came without its Sync State", entry.dn())));
        };
        let value = SyncStateValue::read(&control)
            .map_err(|fault| broken(format!("Sync State of {:?}: {fault}", entry.dn())))?;
        self.note(value.cookie);
        self.any = true;
        Ok(SyncEvent::Entry { state: value.state, uuid: value.entry_uuid, entry })
    }

    /// Takes an intermediate response; one of another kind tells nothing.
    pub(super) fn intermediate(
        &mut self,
        response: &IntermediateResponse,
    ) -> Result<Option<SyncEvent>, LinkError> {
        let Some(info) = sync_info(response)? else { return Ok(None) };
        self.note(info.cookie().map(<[u8]>::to_vec));
        self.any |= matches!(info, SyncInfo::SyncIdSet { .. } | SyncInfo::RefreshPresent { .. });
        Ok(match info {
            SyncInfo::NewCookie(_) | SyncInfo::RefreshDelete { .. } => None,
            SyncInfo::RefreshPresent { .. } => Some(SyncEvent::PresentPhaseEnded),
            SyncInfo::SyncIdSet { refresh_deletes, sync_uuids, .. } => {
                Some(SyncEvent::Ids { deleted: refresh_deletes, uuids: sync_uuids })
            }
        })
    }

    /// Takes the end.
    ///
    /// All was told up to here, so any cookie of the answer is no newer than what was told. OpenLDAP leaves it
    /// out when nothing has changed, and also when it could not read ours and told everything as if we had
    /// sent none: what has left the content is not named then.
    pub(super) fn end(mut self, done: &SearchDone) -> Result<SyncEnd, LinkError> {
        check_with_position(&done.result, self.sent.is_some())?;
        let Some(control) = response_control(&done.controls, oid::SYNC_DONE)? else {
            let reason = "no Sync Done control in the answer; it may be an ordinary search's";
            return Err(broken(reason.to_owned()));
        };
        let value = sync_done::SyncDone::read(&control)
            .map_err(|error| broken(format!("malformed Sync Done control: {error}")))?;
        self.note(value.cookie);
        let refresh_deletes = value.refresh_deletes && self.sent.is_some();
        match (self.cookie, self.sent) {
            (Some(cookie), _) => Ok(SyncEnd { cookie, refresh_deletes }),
            (None, Some(cookie)) if !self.any && refresh_deletes => {
                Ok(SyncEnd { cookie, refresh_deletes })
            }
            (None, Some(_)) => {
                let reason = "changes without a new cookie: ours may not have been understood";
                Err(LinkError::new(Step::Position, reason))
            }
            (None, None) => Err(broken("a refresh without a cookie".to_owned())),
        }
    }

    fn note(&mut self, cookie: Option<Vec<u8>>) {
        if let Some(cookie) = cookie.filter(|cookie| !cookie.is_empty()) {
            self.cookie = Some(cookie);
        }
    }
}

/// How many entries a part names.
pub(super) fn named(event: &SyncEvent) -> usize {
    match event {
        SyncEvent::Entry { .. } => 1,
        SyncEvent::Ids { uuids, .. } => uuids.len(),
        SyncEvent::PresentPhaseEnded => 0,
    }
}

/// What a search that never ends tells of the phase it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Something has become otherwise, or the server thinks so.
    Change,
    /// The refresh is over.
    RefreshDone,
    /// Nothing of interest.
    Nothing,
}

/// Reads one part of a search in mode refreshAndPersist, which `end`s with an error only.
pub(super) fn told(part: &SearchPart) -> Result<Told, LinkError> {
    match part {
        SearchPart::Entry { .. } => Ok(Told::Change),
        SearchPart::Intermediate(response) => Ok(match sync_info(response)? {
            Some(
                SyncInfo::RefreshDelete { refresh_done: true, .. }
                | SyncInfo::RefreshPresent { refresh_done: true, .. },
            ) => Told::RefreshDone,
            Some(
                SyncInfo::NewCookie(_)
                | SyncInfo::SyncIdSet { .. }
                | SyncInfo::RefreshDelete { .. }
                | SyncInfo::RefreshPresent { .. },
            ) => Told::Change,
            None => Told::Nothing,
        }),
        SearchPart::Done(_) => Ok(Told::Nothing),
    }
}

fn sync_info(response: &IntermediateResponse) -> Result<Option<SyncInfo>, LinkError> {
    if response.name.as_deref() != Some(SYNC_INFO) {
        return Ok(None);
    }
    let info = SyncInfo::read(response.value.as_deref().unwrap_or_default());
    info.map(Some).map_err(|fault| broken(format!("malformed Sync Info: {fault}")))
}

fn broken(reason: String) -> LinkError {
    LinkError::new(Step::Protocol, reason)
}
