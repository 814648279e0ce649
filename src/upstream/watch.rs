//! `[io]` Being told that something has changed, on a link of its own. What has changed is asked elsewhere.
//!
//! Nothing rests on a watch alone: one that is lost is an error, and one that is silent may have been
//! forgotten by the controller, so passes are made beside it. A controller that vanished without a word is
//! noticed by the kernel, which asks it again and again ([`SILENCE`]); one whose kernel answers for a hung
//! program is noticed only where it is asked for its numbers.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::asking::Asking;
use super::content::Content;
use super::content_sync::{Told, told};
use super::controllers::{Member, Upstream};
use super::dir_sync::check_with_position;
use super::error::{FetchError, LinkError, Step};
use super::fetch::FetchSession;
use super::link::{Link, SearchDone, SearchPart};
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::control::{Control, oid};
use crate::ldap::controls::sync_request::{SyncMode, SyncRequest};
use crate::ldap::entry::Entry;
use crate::ldap::filter::Filter;
use crate::ldap::message::MessageId;
use crate::ldap::result::ResultCode;

/// A notification search has no answer until something changes; a refusal comes at once. So it counts as
/// registered when nothing was said against it for this long. What changes meanwhile is not lost.
const SETTLE: Duration = Duration::from_millis(300);
/// Silence after which the kernel asks whether the controller is there; it gives up 15 s later.
const SILENCE: Duration = Duration::from_secs(20);
/// A watch that has told nothing for so long is given up and made anew.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// How a controller is asked to tell of changes.
#[derive(Clone, Debug)]
pub enum WatchKind {
    /// Change notification of Active Directory (MS-ADTS 3.1.1.3.4.1.9) for everything from the base down,
    /// deletions included where the controller lets us. At most five per link. A move out of the base is not
    /// told. Windows tells at once; Samba looks every five seconds, so that asking for its numbers is
    /// quicker.
    Notification {
        /// The distinguished name of the base.
        base: String,
    },
    /// RFC 4533 in mode refreshAndPersist. The more recent the cookie, the less is sent for nothing before
    /// the watch is ready.
    Persist {
        /// The distinguished name of the base.
        base: String,
        /// Which entries.
        filter: Filter,
        /// How far the copy is.
        cookie: Option<Vec<u8>>,
    },
    /// Asking for the controller's highest number (`highestCommittedUSN`) every so often. Any account may, and
    /// every change in the controller's database moves it, those that are of no interest too.
    Numbering {
        /// How often; 10 ms at least.
        every: Duration,
    },
}

/// What a watch has noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// From now on changes are told. Comes once, first. What changed before may not be told, so it is for
    /// the caller to look once.
    Ready,
    /// Something has changed, or may have.
    Change,
}

/// A link over which changes are noticed.
pub struct Watch {
    member: Arc<Member>,
    source: NewsSource,
    /// Noticed and not told to the caller yet.
    ready: bool,
    change: bool,
}

enum NewsSource {
    Searching(Box<Searching>),
    Asking(Asking),
}

/// A search that tells of changes for as long as it lives.
struct Searching {
    link: Link,
    search: MessageId,
    /// Whether a cookie was sent with it.
    has_cookie: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Notified,
    /// The content comes, which nobody wants.
    Refreshing {
        patience: Duration,
        until: Instant,
    },
    Persisting,
}

impl Upstream {
    /// Opens a link to the controller called `controller`, binds it as the service account, and asks to be
    /// told of changes.
    ///
    /// # Errors
    /// Unknown name, or what failed there: [`Step::Control`] if the controller does not offer it,
    /// [`Step::Limit`] if it serves no more of them.
    pub async fn watch(&self, controller: &str, kind: WatchKind) -> Result<Watch, FetchError> {
        let session = self.fetch_session_at(controller).await?;
        // Where the kernel does not let us, the link still has what every link has.
        let _ = session.link.watch_silence(SILENCE);
        match kind {
            WatchKind::Notification { base } => notification(session, &base).await,
            WatchKind::Persist { base, filter, cookie } => {
                persist(session, &base, &filter, cookie).await
            }
            WatchKind::Numbering { every } => {
                let member = Arc::clone(&session.member);
                let source = NewsSource::Asking(Asking::begin(session, every).await?);
                Ok(Watch { member, source, ready: true, change: false })
            }
        }
    }
}

async fn notification(mut session: FetchSession, base: &str) -> Result<Watch, FetchError> {
    // The only filter that Active Directory takes here.
    let filter = Filter::Present(AttributeDescription::new("objectClass"));
    let search = Content { base, filter: &filter, attributes: &["objectGUID"] }.search();
    let mut deletions = may_offer(&session.root_dse, oid::SHOW_DELETED);
    loop {
        let mut controls = vec![Control::new(oid::NOTIFICATION, true)];
        if deletions {
            controls.push(Control::new(oid::SHOW_DELETED, true));
        }
        let sent_by = Instant::now() + session.shared.config.timeouts.attempt;
        let sent = session.link.begin_search(&search, &controls, sent_by).await;
        let id = sent.map_err(|error| session.failed(error))?;
        let change = match session.link.next_part(id, Instant::now() + SETTLE).await {
            Ok(SearchPart::Done(done)) if deletions && is_refused(&done) => {
                deletions = false;
                continue;
            }
            Ok(SearchPart::Done(done)) => return Err(session.failed(ended(&done, false))),
            Ok(SearchPart::Entry { .. }) => true,
            Ok(SearchPart::Intermediate(_)) => false,
            Err(error) if error.step == Step::Timeout => false,
            Err(error) => return Err(session.failed(error)),
        };
        let watch = Watch::searching(session, id, false, State::Notified);
        return Ok(Watch { ready: true, change, ..watch });
    }
}

/// Whether the control may be had, as far as the root DSE says it.
fn may_offer(root_dse: &Entry, control: &str) -> bool {
    let offered = root_dse.values("supportedControl");
    offered.is_empty() || offered.iter().any(|found| found == control.as_bytes())
}

fn is_refused(done: &SearchDone) -> bool {
    done.result.code == ResultCode::UNAVAILABLE_CRITICAL_EXTENSION
}

async fn persist(
    mut session: FetchSession,
    base: &str,
    filter: &Filter,
    cookie: Option<Vec<u8>>,
) -> Result<Watch, FetchError> {
    let search = Content { base, filter, attributes: &["1.1"] }.search();
    let cookie = cookie.filter(|cookie| !cookie.is_empty());
    let has_cookie = cookie.is_some();
    let mode = SyncMode::RefreshAndPersist;
    let control = SyncRequest { mode, cookie, reload_hint: false }.to_control();
    let patience = session.shared.config.timeouts.search;
    let until = Instant::now() + patience;
    let sent = session.link.begin_search(&search, &[control], until).await;
    let id = sent.map_err(|error| session.failed(error))?;
    Ok(Watch::searching(session, id, has_cookie, State::Refreshing { patience, until }))
}

impl Watch {
    fn searching(session: FetchSession, search: MessageId, has_cookie: bool, state: State) -> Self {
        let FetchSession { member, link, .. } = session;
        let searching = Searching { link, search, has_cookie, state };
        let source = NewsSource::Searching(Box::new(searching));
        Self { member, source, ready: false, change: false }
    }

    /// The controller that is watched.
    #[must_use]
    pub fn controller(&self) -> &Arc<str> {
        self.member.name()
    }

    /// Waits until there is something to tell. Nothing is lost when the returned future is dropped before.
    ///
    /// # Errors
    /// The watch is over and worth nothing any more: the link was lost, or the controller ended it
    /// ([`Step::Limit`]: too many of them; [`Step::Position`]: the cookie is of no use).
    pub async fn next(&mut self) -> Result<Noticed, FetchError> {
        loop {
            if std::mem::take(&mut self.ready) {
                return Ok(Noticed::Ready);
            }
            if std::mem::take(&mut self.change) {
                return Ok(Noticed::Change);
            }
            // Nothing is awaited between taking the news and keeping what it says.
            let news = match &mut self.source {
                NewsSource::Searching(searching) => searching.next().await,
                NewsSource::Asking(asking) => match asking.next().await {
                    Some(Ok(noticed)) => Ok(Some(noticed)),
                    Some(Err(error)) => return Err(error),
                    None => Err(LinkError::new(Step::Connect, "the watch has ended")),
                },
            };
            match news.map_err(|error| error.at(self.member.name()))? {
                Some(Noticed::Ready) => self.ready = true,
                Some(Noticed::Change) => self.change = true,
                None => {}
            }
        }
    }

    /// Says goodbye and closes the link.
    pub async fn close(self) {
        if let NewsSource::Searching(searching) = self.source {
            searching.link.close(Instant::now() + Duration::from_secs(1)).await;
        }
    }

    /// The socket of a search, for tests of what is set on it.
    #[cfg(test)]
    pub(super) fn socket(&self) -> &tokio::net::TcpStream {
        let NewsSource::Searching(searching) = &self.source else { panic!("no search") };
        searching.link.socket()
    }
}

impl Searching {
    async fn next(&mut self) -> Result<Option<Noticed>, LinkError> {
        let deadline = match self.state {
            State::Refreshing { until, .. } => until,
            State::Notified | State::Persisting => Instant::now() + LONGEST,
        };
        let part = self.link.next_part(self.search, deadline).await?;
        self.take(&part)
    }

    fn take(&mut self, part: &SearchPart) -> Result<Option<Noticed>, LinkError> {
        if let SearchPart::Done(done) = part {
            return Err(ended(done, self.has_cookie && self.state != State::Persisting));
        }
        let is_change = match &mut self.state {
            State::Notified => matches!(part, SearchPart::Entry { .. }),
            State::Persisting => told(part)? != Told::Nothing,
            State::Refreshing { patience, until } => {
                *until = Instant::now() + *patience;
                if told(part)? == Told::RefreshDone {
                    self.state = State::Persisting;
                    return Ok(Some(Noticed::Ready));
                }
                false
            }
        };
        Ok(is_change.then_some(Noticed::Change))
    }
}

/// Why a search that should never end has ended.
fn ended(done: &SearchDone, has_cookie: bool) -> LinkError {
    match check_with_position(&done.result, has_cookie) {
        Err(error) => error,
        Ok(()) => LinkError::new(Step::Server, "the controller ended the watch"),
    }
}
