//! `[io]` Reading the directory as the service account: one link, one search at a time.
//!
//! What was cut short is an error, never a smaller answer. References are dropped.

use std::mem;
use std::sync::Arc;

use tokio::time::Instant;

use super::controller::UpstreamConfig;
use super::controllers::{Member, Shared, Upstream};
use super::error::{FetchError, LinkError, Step};
use super::fitness;
use super::health::{Capability, Observation, Source, State};
use super::link::{Link, SearchDone, SearchPart};
use super::outcome::describe;
use super::paging::{Paging, check};
use super::range::{Collector, partial_attributes, with_whole};
use super::service::ServiceFailure;
use crate::certificate::CertificateFacts;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::control::{Control, oid};
use crate::ldap::entry::Entry;
use crate::ldap::filter::Filter;
use crate::ldap::identifier::Guid;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::request::{SearchRequest, SearchScope};
use crate::ldap::result::ResultCode;

/// Times the service password may be sent without being judged before a session is given up.
const MAX_UNJUDGED: u32 = 2;
/// Entries taken from one search unless set otherwise.
const DEFAULT_MAX_ENTRIES: usize = 10_000_000;

/// An authenticated link for searches: one search at a time.
pub struct FetchSession {
    pub(super) shared: Arc<Shared>,
    pub(super) member: Arc<Member>,
    pub(super) link: Link,
    pub(super) root_dse: Entry,
    pub(super) max_entries: usize,
    /// Whose numbers the controller counts, once it is known.
    pub(super) invocation: Option<Guid>,
    /// When the last answer came.
    pub(super) last_used: Instant,
    /// Whether an error has left the link lost or in the middle of an answer.
    pub(super) spent: bool,
}

impl Upstream {
    /// Opens a link to the best controller for sync and binds it as the service account.
    ///
    /// # Errors
    /// That of the last controller tried. A refused account is not tried elsewhere, nor again until
    /// the configuration changes.
    pub async fn fetch_session(&self) -> Result<FetchSession, FetchError> {
        self.fetch_session_preferring(None).await
    }

    /// The same, at the controller called `controller` before all others, unless it is down for sync or there
    /// is none of that name.
    ///
    /// # Errors
    /// As [`Upstream::fetch_session`].
    pub async fn fetch_session_preferring(
        &self,
        controller: Option<&str>,
    ) -> Result<FetchSession, FetchError> {
        self.shared.check_refusal()?;
        let mut tried = Vec::new();
        let mut unjudged = 0;
        let mut last = None;
        let usable =
            |member: &Arc<Member>| self.shared.state(member, Capability::Sync) != State::Down;
        let mut preferred = controller.and_then(|name| self.shared.member(name)).filter(usable);
        while let Some(member) =
            preferred.take().or_else(|| self.shared.choose(Capability::Sync, &tried))
        {
            tried.push(member.position);
            let failure = match open(&self.shared, &member).await {
                Ok(session) => return Ok(session),
                Err(failure) => failure,
            };
            unjudged += u32::from(failure.unjudged);
            if failure.error.step == Step::Credentials || unjudged >= MAX_UNJUDGED {
                return Err(failure.error);
            }
            last = Some(failure.error);
        }
        Err(last.unwrap_or_else(|| no_controller("", "no controller is configured")))
    }

    /// The same, at the controller called `controller`.
    ///
    /// # Errors
    /// Unknown name, or what failed there.
    pub async fn fetch_session_at(&self, controller: &str) -> Result<FetchSession, FetchError> {
        let member = self.shared.member(controller);
        let member = member.ok_or_else(|| no_controller(controller, "no such controller"))?;
        self.shared.check_refusal()?;
        open(&self.shared, &member).await.map_err(|failure| failure.error)
    }

    /// Connects to the controller called `controller`, up to and with TLS, and sends no name and no
    /// password. Gives what its certificate says; `None` without TLS.
    ///
    /// # Errors
    /// Unknown name, or what failed: name resolution, connection, StartTLS, TLS.
    pub async fn reach_at(&self, controller: &str) -> Result<Option<CertificateFacts>, FetchError> {
        let member = self.shared.member(controller);
        let member = member.ok_or_else(|| no_controller(controller, "no such controller"))?;
        let link = dial(&self.shared, &member).await.map_err(|error| error.at(member.name()))?;
        let facts = link.peer_certificate();
        link.close(Instant::now() + self.shared.config.timeouts.connect).await;
        Ok(facts)
    }
}

fn no_controller(name: &str, reason: &str) -> FetchError {
    FetchError { controller: name.into(), step: Step::NoController, reason: reason.to_owned() }
}

/// Connects, binds, and reads the root DSE.
pub(super) async fn open(
    shared: &Arc<Shared>,
    member: &Arc<Member>,
) -> Result<FetchSession, ServiceFailure> {
    let mut link = dial(shared, member).await.map_err(|e| ServiceFailure::unsent(member, e))?;
    shared.bind_service(member, &mut link).await?;
    let deadline = Instant::now() + shared.config.timeouts.attempt;
    let root_dse = read_root_dse(&mut link, &["*", "+"], deadline).await;
    let root_dse =
        root_dse.and_then(|root_dse| match fitness::foreign(&root_dse, shared.base.as_ref()) {
            None => Ok(root_dse),
            Some(reason) => Err(LinkError::new(Step::RootDse, reason)),
        });
    let root_dse = root_dse.map_err(|error| {
        let fault = Observation::Fault(error.to_string());
        shared.observe(member, Capability::Sync, Source::Traffic, fault);
        ServiceFailure::unsent(member, error)
    })?;
    let (shared, member) = (Arc::clone(shared), Arc::clone(member));
    Ok(FetchSession {
        shared,
        member,
        link,
        root_dse,
        max_entries: DEFAULT_MAX_ENTRIES,
        invocation: None,
        last_used: Instant::now(),
        spent: false,
    })
}

async fn dial(shared: &Shared, member: &Member) -> Result<Link, LinkError> {
    let deadline = Instant::now() + shared.config.timeouts.connect;
    member.dialer.dial(deadline).await.inspect_err(|error| {
        let lost = Observation::Lost(error.to_string());
        shared.observe(member, Capability::Sync, Source::Traffic, lost);
    })
}

/// Reads the root DSE (RFC 4512 §5.1). An empty entry stands for one that may not be read.
pub(super) async fn read_root_dse(
    link: &mut Link,
    attributes: &[&str],
    deadline: Instant,
) -> Result<Entry, LinkError> {
    let search = base_search("", attributes);
    let mut found = None;
    let done = link.search(&search, &[], deadline, |entry| found = Some(entry)).await?;
    let unable =
        [ResultCode::BUSY, ResultCode::UNAVAILABLE, ResultCode::OTHER].contains(&done.result.code);
    if unable {
        let reason = format!("the root DSE cannot be read: {}", describe(&done.result));
        return Err(LinkError::new(Step::RootDse, reason));
    }
    let found = found.as_ref().map(PackedEntry::unpack);
    Ok(found.unwrap_or_else(|| Entry { dn: String::new(), attributes: Vec::new() }))
}

fn base_search(dn: &str, attributes: &[&str]) -> SearchRequest {
    SearchRequest {
        base: dn.to_owned(),
        scope: SearchScope::BaseObject,
        deref_aliases: 0,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter: Filter::Present(AttributeDescription::new("objectClass")),
        attributes: attributes.iter().collect(),
    }
}

impl FetchSession {
    /// The controller it talks to.
    #[must_use]
    pub fn controller(&self) -> &Arc<str> {
        self.member.name()
    }

    /// The directory that it reads.
    #[must_use]
    pub fn config(&self) -> &UpstreamConfig {
        &self.shared.config
    }

    /// The root DSE read at the start of the session; without attributes if it may not be read.
    #[must_use]
    pub const fn root_dse(&self) -> &Entry {
        &self.root_dse
    }

    /// The configured base DN, else the controller's `defaultNamingContext`, else its first naming
    /// context.
    #[must_use]
    pub fn base_dn(&self) -> Option<&str> {
        let configured = self.shared.config.base_dn.as_deref();
        configured
            .or_else(|| self.root_dse.text("defaultNamingContext"))
            .or_else(|| self.root_dse.text("namingContexts"))
    }

    /// What the controller's certificate says; `None` without TLS.
    #[must_use]
    pub fn peer_certificate(&self) -> Option<CertificateFacts> {
        self.link.peer_certificate()
    }

    /// Bounds the entries of one search; more is an error of [`Step::Limit`].
    pub const fn set_max_entries(&mut self, max_entries: usize) {
        self.max_entries = max_entries;
    }

    /// Reads one entry by its name; `Ok(None)` for noSuchObject.
    ///
    /// # Errors
    /// Anything else than success and noSuchObject, an unreadable entry included.
    pub async fn read(
        &mut self,
        dn: &str,
        attributes: &[&str],
    ) -> Result<Option<PackedEntry>, FetchError> {
        let search = base_search(dn, attributes);
        let mut found = None;
        let done = self.search(&search, &[], |entry| found = Some(entry)).await?;
        if done.result.code == ResultCode::NO_SUCH_OBJECT {
            return Ok(None);
        }
        check(&done.result).map_err(|error| self.failed(error))?;
        match found {
            Some(entry) => Ok(Some(entry)),
            None => Err(self.failed(LinkError::new(
                Step::Rights,
                format!("{dn:?} exists but the service account may not see it"),
            ))),
        }
    }

    /// Runs a whole paged search (RFC 2696) and gives each page to `each`. Pages that `each` got
    /// before an error are worth nothing.
    ///
    /// # Errors
    /// Any result but success, an answer without the paged results control, no progress, more
    /// entries than allowed, or no answer within the search timeout (per page).
    pub async fn search_paged(
        &mut self,
        search: SearchRequest,
        page_size: u32,
        each: &mut (dyn FnMut(Vec<PackedEntry>) + Send),
    ) -> Result<(), FetchError> {
        self.search_paged_with(search, &[], page_size, each).await
    }

    /// The same over what was deleted as well (MS-ADTS 3.1.1.3.4.1.14).
    ///
    /// # Errors
    /// As [`FetchSession::search_paged`].
    pub async fn search_deleted(
        &mut self,
        search: SearchRequest,
        page_size: u32,
        each: &mut (dyn FnMut(Vec<PackedEntry>) + Send),
    ) -> Result<(), FetchError> {
        let controls = [Control::new(oid::SHOW_DELETED, true)];
        self.search_paged_with(search, &controls, page_size, each).await
    }

    async fn search_paged_with(
        &mut self,
        search: SearchRequest,
        controls: &[Control],
        page_size: u32,
        each: &mut (dyn FnMut(Vec<PackedEntry>) + Send),
    ) -> Result<(), FetchError> {
        let mut paging = Paging::new(page_size);
        let mut total = 0_usize;
        let mut last = Vec::new();
        loop {
            let mut page = Vec::new();
            let mut count = 0_usize;
            let room = self.max_entries - total;
            let mut sent = controls.to_vec();
            sent.push(paging.control());
            let next = self.search(&search, &sent, |entry| {
                count += 1;
                if count <= room {
                    page.push(entry);
                }
            });
            // The last page is taken while the controller works on the next one, which it has been asked for
            // by then: the search is polled first.
            let taken = async {
                if !last.is_empty() {
                    each(mem::take(&mut last));
                }
            };
            let (done, ()) = tokio::join!(biased; next, taken);
            let done = done?;
            let more = paging.advance(count, &done.result, &done.controls);
            let more = more.map_err(|error| self.failed(error))?;
            if count > room {
                let reason = format!("more than {} entries", self.max_entries);
                return Err(self.failed(LinkError::new(Step::Limit, reason)));
            }
            total += count;
            last = page;
            if !more {
                each(last);
                return Ok(());
            }
        }
    }

    /// All values of one attribute of one entry, slice by slice where the controller sends ranges
    /// (MS-ADTS 3.1.1.3.1.3.3). An entry without the attribute has none.
    ///
    /// # Errors
    /// No such entry ([`Step::Base`]), or slices that do not fit together.
    pub async fn all_values(
        &mut self,
        dn: &str,
        attribute: &str,
    ) -> Result<Vec<Vec<u8>>, FetchError> {
        let collector = Collector::new(attribute);
        self.collect(dn, collector).await
    }

    /// Puts the whole attribute in the place of every `attribute;range=0-n` of the entry.
    ///
    /// # Errors
    /// As [`FetchSession::all_values`]; the entry is then to be thrown away.
    pub async fn complete_ranges(&mut self, entry: &mut PackedEntry) -> Result<(), FetchError> {
        for attribute in partial_attributes(entry) {
            let mut collector = Collector::new(&attribute);
            let complete = collector.take(entry).map_err(|reason| self.broken(reason))?;
            let values = if complete {
                collector.into_values()
            } else {
                self.collect(entry.dn(), collector).await?
            };
            *entry = with_whole(entry, &attribute, values);
        }
        Ok(())
    }

    /// Says goodbye and closes the link.
    pub async fn close(self) {
        let deadline = Instant::now() + self.shared.config.timeouts.connect;
        self.link.close(deadline).await;
    }

    async fn collect(
        &mut self,
        dn: &str,
        mut collector: Collector,
    ) -> Result<Vec<Vec<u8>>, FetchError> {
        loop {
            let wanted = collector.request();
            let Some(entry) = self.read(dn, &[&wanted]).await? else {
                let reason = format!("{dn:?} is gone");
                return Err(self.failed(LinkError::new(Step::Base, reason)));
            };
            if collector.take(&entry).map_err(|reason| self.broken(reason))? {
                return Ok(collector.into_values());
            }
        }
    }

    async fn search(
        &mut self,
        search: &SearchRequest,
        controls: &[Control],
        each: impl FnMut(PackedEntry) + Send,
    ) -> Result<SearchDone, FetchError> {
        let deadline = Instant::now() + self.shared.config.timeouts.search;
        let done = self.link.search(search, controls, deadline, each).await;
        self.last_used = Instant::now();
        done.map_err(|error| self.lost(error))
    }

    /// Runs one search whose entries carry controls or that has intermediate responses. `each` gets all but
    /// the end. It may last as long as something comes within each search timeout.
    pub(super) async fn search_parts(
        &mut self,
        search: &SearchRequest,
        controls: &[Control],
        mut each: impl FnMut(SearchPart) -> Result<(), LinkError> + Send,
    ) -> Result<SearchDone, FetchError> {
        let patience = self.shared.config.timeouts.search;
        let mut deadline = Instant::now() + patience;
        let begun = self.link.begin_search(search, controls, deadline).await;
        let id = begun.map_err(|error| self.lost(error))?;
        loop {
            let part = self.link.next_part(id, deadline).await.map_err(|error| self.lost(error))?;
            self.last_used = Instant::now();
            deadline = self.last_used + patience;
            let part = match part {
                SearchPart::Done(done) => return Ok(done),
                part @ (SearchPart::Entry { .. } | SearchPart::Intermediate(_)) => part,
            };
            if let Err(error) = each(part) {
                self.spent = true;
                return Err(self.failed(error));
            }
        }
    }

    /// The link is of no use any more, and its controller did not do well.
    fn lost(&mut self, error: LinkError) -> FetchError {
        self.spent = true;
        let fault = Observation::Fault(error.to_string());
        self.shared.observe(&self.member, Capability::Sync, Source::Traffic, fault);
        self.failed(error)
    }

    fn broken(&self, reason: String) -> FetchError {
        self.failed(LinkError::new(Step::Protocol, reason))
    }

    pub(super) fn failed(&self, error: LinkError) -> FetchError {
        error.at(self.member.name())
    }
}
