//! `[io]` What the strategies of sync ask of a controller: what has changed since a cookie, entries by their
//! identity, and how far the controller's own numbering is.

use super::content::{Content, of_identities};
use super::content_sync::{Refresh, SyncEnd, SyncEvent, named};
use super::dir_sync::{DirSyncPage, page_end};
use super::error::{FetchError, LinkError, Step};
use super::fetch::FetchSession;
use super::link::SearchPart;
use super::up_to_dateness::heard_of;
use crate::ldap::controls::dir_sync::DirSyncRequest;
use crate::ldap::controls::sync_request::{SyncMode, SyncRequest};
use crate::ldap::entry::AttributeValues;
use crate::ldap::filter::Filter;
use crate::ldap::identifier::Guid;
use crate::ldap::packed_entry::PackedEntry;

/// Identities asked for in one search.
const IDENTITIES_AT_ONCE: usize = 64;
/// Room for all of them on one page.
const IDENTITIES_PAGE: u32 = 100;

/// The numbering of changes at one controller (MS-ADTS 3.1.1.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// The identity of its database; under another one, its numbers mean something else.
    pub invocation: Guid,
    /// The highest number given to a change that was committed (`highestCommittedUSN`).
    pub highest: u64,
}

impl FetchSession {
    /// Asks once for what has changed in a naming context since the cookie (DirSync, MS-ADTS 3.1.1.3.4.1.3),
    /// and gives it to `each` once it has all come. The base must be that of the naming context. Entries
    /// carry what has changed of them, so ranges (`member;range=1-1`) are not to be completed.
    ///
    /// The caller bounds how many pages it asks for.
    ///
    /// # Errors
    /// [`Step::Position`] if the cookie is of no use any more, [`Step::Control`] if DirSync is not offered,
    /// [`Step::Rights`] if the account may not use it; any other result but success, an answer without the
    /// control or without a cookie, a cookie that does not move on, more entries than allowed, or no further
    /// entry within the search timeout.
    pub async fn dir_sync(
        &mut self,
        content: Content<'_>,
        request: &DirSyncRequest,
        each: &mut (dyn FnMut(Vec<PackedEntry>) + Send),
    ) -> Result<DirSyncPage, FetchError> {
        let mut page = Vec::new();
        let most = self.max_entries;
        let controls = [request.to_control()];
        let done = self
            .search_parts(&content.search(), &controls, |part| {
                if let SearchPart::Entry { entry, .. } = part {
                    bounded(page.len(), most)?;
                    page.push(entry);
                }
                Ok(())
            })
            .await?;
        let end = page_end(request, &done).map_err(|error| self.failed(error))?;
        each(page);
        Ok(end)
    }

    /// Asks for what has changed of a content since the cookie, all of it without one (RFC 4533, refreshOnly).
    /// OpenLDAP tells of a renamed container alone, not of the entries below it. What `each` got before an error is worth nothing.
    ///
    /// # Errors
    /// [`Step::Position`] if the cookie is of no use any more or seems not to have been understood,
    /// [`Step::Control`] if this is not offered; any other result but success, an entry or an end without its control, no cookie, more entries than
    /// allowed, or nothing further within the search timeout.
    pub async fn sync_content(
        &mut self,
        content: Content<'_>,
        cookie: Option<&[u8]>,
        each: &mut (dyn FnMut(SyncEvent) + Send),
    ) -> Result<SyncEnd, FetchError> {
        let mode = SyncMode::RefreshOnly;
        // A cookie of no use is to be told of: what is known then has to be compared, not added to.
        let cookie = cookie.filter(|cookie| !cookie.is_empty()).map(<[u8]>::to_vec);
        let sent = SyncRequest { mode, cookie: cookie.clone(), reload_hint: false };
        let mut refresh = Refresh::new(cookie);
        let mut count = 0;
        let most = self.max_entries;
        let done = self
            .search_parts(&content.search(), &[sent.to_control()], |part| {
                let event = match part {
                    SearchPart::Entry { entry, controls } => Some(refresh.entry(entry, &controls)?),
                    SearchPart::Intermediate(response) => refresh.intermediate(&response)?,
                    SearchPart::Done(_) => None,
                };
                if let Some(event) = event {
                    bounded(count, most.saturating_sub(named(&event).saturating_sub(1)))?;
                    count += named(&event);
                    each(event);
                }
                Ok(())
            })
            .await?;
        refresh.end(&done).map_err(|error| self.failed(error))
    }

    /// Reads entries by their identity, whole, below [`FetchSession::base_dn`]. One that is not there, may not
    /// be seen, or does not match `extra` is not among the result.
    ///
    /// # Errors
    /// As [`FetchSession::search_paged`] and [`FetchSession::complete_ranges`]; also if an entry is moved or
    /// removed while its values are read, since it could not be told from one that is not there.
    pub async fn read_by_identity(
        &mut self,
        guids: &[Guid],
        extra: Option<&Filter>,
        attributes: &[&str],
    ) -> Result<Vec<PackedEntry>, FetchError> {
        let Some(base) = self.base_dn().map(str::to_owned) else {
            let reason = "the root DSE shows no naming context";
            return Err(self.failed(LinkError::new(Step::Base, reason)));
        };
        let kind = self.config().kind;
        let mut found = Vec::with_capacity(guids.len());
        for batch in guids.chunks(IDENTITIES_AT_ONCE) {
            let filter = of_identities(kind, batch, extra);
            let search = Content { base: &base, filter: &filter, attributes }.search();
            let before = found.len();
            self.search_paged(search, IDENTITIES_PAGE, &mut |page| found.extend(page)).await?;
            if found.len() - before > batch.len() {
                let reason = "more entries than identities that were asked for";
                return Err(self.failed(LinkError::new(Step::Protocol, reason)));
            }
        }
        for entry in &mut found {
            self.complete_ranges(entry).await?;
        }
        Ok(found)
    }

    /// The controller's numbering of changes as it is now; the identity of its database as it was when it was
    /// first asked for in this session.
    ///
    /// # Errors
    /// What failed, or [`Step::RootDse`] if the controller does not show its numbers, and [`Step::Rights`] if
    /// the account may not see whose they are.
    pub async fn numbering(&mut self) -> Result<Numbering, FetchError> {
        let wanted = ["highestCommittedUSN", "dsServiceName"];
        let root_dse = self.read("", &wanted).await?;
        let Some(highest) = root_dse.as_ref().and_then(highest_number) else {
            let reason = "the root DSE shows no highestCommittedUSN";
            return Err(self.failed(LinkError::new(Step::RootDse, reason)));
        };
        let invocation = match self.invocation {
            Some(invocation) => invocation,
            None => {
                let service = root_dse.as_ref().and_then(|found| found.text_of("dsServiceName"));
                let service = service.unwrap_or_default().to_owned();
                self.read_invocation(&service).await?
            }
        };
        self.invocation = Some(invocation);
        Ok(Numbering { invocation, highest })
    }

    /// Up to which number of the database `invocation` the controller has heard of all that was written there in the
    /// naming context; 0: of nothing. `None`: it does not show that.
    ///
    /// # Errors
    /// What failed; [`Step::Rights`] if the account may not see the head of the naming context.
    pub async fn heard_of(
        &mut self,
        naming: &str,
        invocation: &Guid,
    ) -> Result<Option<u64>, FetchError> {
        let head = self.read(naming, &["replUpToDateVector"]).await?;
        let vector = head.as_ref().and_then(|head| head.first_of("replUpToDateVector"));
        Ok(vector.and_then(|vector| heard_of(vector, invocation)))
    }

    async fn read_invocation(&mut self, service: &str) -> Result<Guid, FetchError> {
        if service.is_empty() {
            let reason = "the root DSE shows no dsServiceName";
            return Err(self.failed(LinkError::new(Step::RootDse, reason)));
        }
        let settings = self.read(service, &["invocationId"]).await?;
        let octets = settings.as_ref().and_then(|settings| settings.first_of("invocationId"));
        octets.and_then(Guid::from_ad_octets).ok_or_else(|| {
            let reason = format!("the invocationId of {service:?} cannot be read");
            self.failed(LinkError::new(Step::Rights, reason))
        })
    }
}

/// The highest number given to a change that was committed, if the root DSE shows it.
pub(super) fn highest_number(root_dse: &impl AttributeValues) -> Option<u64> {
    root_dse.text_of("highestCommittedUSN").and_then(|text| text.parse().ok())
}

/// Whether there is room for one more.
fn bounded(count: usize, most: usize) -> Result<(), LinkError> {
    if count < most {
        return Ok(());
    }
    Err(LinkError::new(Step::Limit, "more entries than allowed"))
}
