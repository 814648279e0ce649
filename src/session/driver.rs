//! `[io]` The loop that moves octets: reads frames, lets the [`Session`] decide, asks controllers, writes
//! answers. One for each connection; requests of a connection are handled one after another.

use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{sleep_until, timeout};

use crate::ldap::identifier::Guid;
use crate::ldap::request::Request;
use crate::ldap::result::{LdapResult, ResultCode};
use crate::policy::judge::Identity;
use crate::policy::{Permit, Refusal, World};
use crate::time::Now;

use super::answer::{Reason, told};
use super::audit::BindRecord;
use super::bind::{Begun, Verdict};
use super::ended;
use super::gate::{Gate, Snapshot};
use super::heavy::Heavy;
use super::inbox::Inbox;
use super::machine::{Moment, Next, PERMIT_LOST, PendingBind, Session};
use super::outbox;
use super::password_check::{self, Login};
use super::registry::Registration;
use super::responder;
use super::search::{BATCH_OCTETS, SearchRun};
use super::signals::{Signal, Signals};

pub use super::client_limits::SessionLimits;

mod standing;

use standing::Standing;

/// What a connection's loop needs besides its stream.
pub struct Surroundings {
    /// What all sessions share.
    pub gate: Arc<Gate>,
    /// The listener that it came through.
    pub listener: Arc<str>,
    /// The version of the applications of which the session's was chosen.
    pub configured: u64,
    /// The client's address.
    pub client: IpAddr,
    /// Limits of the listener.
    pub limits: SessionLimits,
    /// Moves when views do.
    pub epoch: watch::Receiver<u64>,
    /// Becomes true when the program is to stop.
    pub draining: watch::Receiver<bool>,
    /// When the connection was accepted.
    pub accepted: Instant,
}

/// Why the loop ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// The connection is to be closed.
    Closed,
    /// The client waits for a TLS handshake on the same connection.
    StartTls,
}

/// Serves one stream until it ends or asks for TLS.
///
/// # Errors
/// The connection broke.
pub async fn serve<S>(
    session: &mut Session,
    stream: &mut S,
    surroundings: &Surroundings,
) -> io::Result<Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection::new(stream, session, surroundings);
    loop {
        match connection.step().await? {
            None => {}
            Some(Ended::StartTls) if !connection.inbox.is_empty() => {
                // Octets behind StartTLS came in clear from who knows whom (RFC 4511 §4.14.1).
                tracing::warn!(client = %surroundings.client, "data behind a StartTLS request, closing");
                return Ok(Ended::Closed);
            }
            Some(ended) => return Ok(ended),
        }
    }
}

/// The wall clock may be set while a permit's end is awaited: the wait is cut into pieces.
const CLOCK_CHECK: Duration = Duration::from_secs(60);

struct Connection<'s, S> {
    stream: &'s mut S,
    session: &'s mut Session,
    surroundings: &'s Surroundings,
    inbox: Inbox,
    answers: Vec<u8>,
    signals: Signals,
    /// Has the session called when the account it acts for is affected by a change.
    registration: Option<Registration>,
    snapshot: Snapshot,
    /// The version of the applications that the session goes by.
    configured: u64,
    /// How often its own application has changed.
    changes: u64,
    /// When something last came, or was finished that took its time.
    now: Now,
    /// Whether a request has been dated with `now`.
    dated: bool,
    /// When the last request was done.
    active: Instant,
}

/// What ended a wait for input.
enum Heard {
    Octets(usize),
    Signal(Signal),
}

/// What the end of the program means for work that is awaited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtTheEnd {
    /// It has not begun and never will.
    GiveUp,
    /// It is under way and finished first.
    Finish,
}

impl<'s, S: AsyncRead + AsyncWrite + Unpin> Connection<'s, S> {
    fn new(stream: &'s mut S, session: &'s mut Session, surroundings: &'s Surroundings) -> Self {
        let Surroundings { epoch, draining, .. } = surroundings;
        let now = Now::read();
        let first_alarm = surroundings.accepted + surroundings.limits.pre_bind_timeout;
        // Before the snapshot: what moves in between is heard.
        let signals = Signals::new(epoch, draining, first_alarm);
        let registration = session.permit().and_then(Permit::account).map(|account| {
            // It was judged before anybody could call.
            signals.caller().call(None);
            surroundings.gate.registry.register(account.guid, signals.caller())
        });
        Self {
            stream,
            session,
            surroundings,
            inbox: Inbox::default(),
            answers: Vec::new(),
            registration,
            signals,
            snapshot: surroundings.gate.snapshot(),
            configured: surroundings.configured,
            changes: 0,
            now,
            dated: false,
            active: now.monotonic,
        }
    }

    /// Handles one request that has come, or waits for more octets.
    async fn step(&mut self) -> io::Result<Option<Ended>> {
        match self.inbox.message_length(self.message_limit()) {
            Ok(Some(length)) => self.handle(length).await,
            Ok(None) => {
                self.flush().await?;
                self.wait().await
            }
            Err(error) => {
                tracing::info!(client = %self.surroundings.client, %error, "closing");
                self.notice(ResultCode::PROTOCOL_ERROR, &error.to_string()).await?;
                Ok(Some(Ended::Closed))
            }
        }
    }

    fn message_limit(&self) -> usize {
        let limits = &self.surroundings.limits;
        if self.session.has_authenticated() {
            limits.message_after_bind
        } else {
            limits.message_before_bind
        }
    }

    async fn handle(&mut self, length: usize) -> io::Result<Option<Ended>> {
        // What came with one read has one date, unless an earlier request took its time.
        if self.dated {
            self.now = Now::read();
        }
        self.dated = true;
        if self.follow() == Standing::Gone {
            return self.turn_out().await;
        }
        let ended = match self.decide(length) {
            Next::Continue => None,
            Next::Bind(pending) => {
                self.flush().await?;
                self.bind(*pending).await?;
                None
            }
            Next::Search(run) => self.search(*run).await?,
            Next::Match(heavy) => self.find(heavy).await?,
            Next::StartTls => {
                self.flush().await?;
                Some(Ended::StartTls)
            }
            Next::Close => {
                self.flush().await?;
                Some(Ended::Closed)
            }
        };
        self.active = self.now.monotonic;
        // Small answers to pipelined requests leave together, but not without bound.
        if self.answers.len() >= BATCH_OCTETS {
            self.flush().await?;
        }
        Ok(ended)
    }

    /// Takes the first message out of the inbox and has the session decide on it.
    fn decide(&mut self, length: usize) -> Next {
        match self.inbox.take(length, Request::decode) {
            Ok(request) => {
                let gate = &self.surroundings.gate;
                let moment = Moment {
                    world: self.snapshot.world(),
                    names: &gate.names,
                    visibility: &gate.visibility,
                    pins: &gate.pins,
                    clock: Now::read,
                    host: &gate.host,
                    now: self.now,
                };
                self.session.handle(request, moment, &mut self.answers)
            }
            Err(error) => {
                tracing::info!(client = %self.surroundings.client, %error, "malformed request");
                self.session.handle_malformed(&error, &mut self.answers)
            }
        }
    }

    async fn wait(&mut self) -> io::Result<Option<Ended>> {
        if self.signals.draining() {
            return self.stop().await;
        }
        // A client that never stops sending must not outlive the deadline, and where there is always
        // something to read no timer gets its turn.
        if self.now.monotonic >= self.deadline() {
            return self.time_out().await;
        }
        // The deadline moves with every request, the alarm only when it has gone off too early.
        let alarm = self.next_alarm();
        if alarm < self.signals.alarm() {
            self.signals.set_alarm(alarm);
        }
        let limit = self.message_limit();
        let heard = poll_fn(|cx| self.poll_heard(cx, limit)).await?;
        self.now = Now::read();
        match heard {
            Heard::Octets(0) => Ok(Some(Ended::Closed)),
            Heard::Octets(_) => {
                self.dated = false;
                Ok(None)
            }
            Heard::Signal(signal) => self.obey(signal).await,
        }
    }

    /// Signals come before what the client sends: one that never stops sending must not drown them.
    fn poll_heard(&mut self, cx: &mut Context<'_>, limit: usize) -> Poll<io::Result<Heard>> {
        if let Poll::Ready(signal) = self.signals.poll(cx) {
            return Poll::Ready(Ok(Heard::Signal(signal)));
        }
        let mut room = ReadBuf::new(self.inbox.room(limit));
        ready!(Pin::new(&mut *self.stream).poll_read(cx, &mut room))?;
        let count = room.filled().len();
        self.inbox.filled(count);
        Poll::Ready(Ok(Heard::Octets(count)))
    }

    /// When the session ends if nothing is asked until then.
    fn deadline(&self) -> Instant {
        let Surroundings { limits, accepted, .. } = self.surroundings;
        if self.session.may_idle() {
            self.active + limits.idle_timeout
        } else {
            *accepted + limits.pre_bind_timeout
        }
    }

    /// When the clock has to be looked at next.
    fn next_alarm(&self) -> Instant {
        let deadline = self.deadline();
        match self.session.permit().and_then(Permit::expires) {
            None => deadline,
            Some(expires) => {
                let left = expires.duration_since(self.now.wall).unwrap_or_default();
                deadline.min(self.now.monotonic + left.min(CLOCK_CHECK))
            }
        }
    }

    async fn obey(&mut self, signal: Signal) -> io::Result<Option<Ended>> {
        match signal {
            Signal::Draining => self.stop().await,
            Signal::WorldMoved => {
                // The permit of an idle session is judged again at once.
                self.judged(Session::renew).await
            }
            Signal::Alarm if self.now.monotonic >= self.deadline() => self.time_out().await,
            Signal::Alarm => {
                let ended = self.keep_current().await?;
                self.signals.set_alarm(self.next_alarm());
                Ok(ended)
            }
        }
    }

    async fn stop(&mut self) -> io::Result<Option<Ended>> {
        self.notice(ResultCode::UNAVAILABLE, "the server is shutting down").await?;
        Ok(Some(Ended::Closed))
    }

    async fn time_out(&mut self) -> io::Result<Option<Ended>> {
        let text = if self.session.may_idle() {
            "no request within the idle timeout"
        } else {
            "no successful bind in time"
        };
        tracing::debug!(client = %self.surroundings.client, text, "closing");
        self.notice(ResultCode::UNAVAILABLE, text).await?;
        Ok(Some(Ended::Closed))
    }

    /// Judges the permit again if anything has moved.
    async fn keep_current(&mut self) -> io::Result<Option<Ended>> {
        self.judged(Session::keep_current).await
    }

    /// Has the session judge its permit on what is the case now, and ends it if that is lost.
    async fn judged(
        &mut self,
        judge: fn(&mut Session, &World, Now) -> Result<(), Refusal>,
    ) -> io::Result<Option<Ended>> {
        if self.follow() == Standing::Gone {
            return self.turn_out().await;
        }
        let holder = self.session.permit().map(Permit::identity).cloned();
        let judged = judge(self.session, self.snapshot.world(), self.now);
        self.close_if_lost(judged, holder).await
    }

    async fn close_if_lost(
        &mut self,
        renewed: Result<(), Refusal>,
        holder: Option<Identity>,
    ) -> io::Result<Option<Ended>> {
        match renewed {
            Ok(()) => {
                self.signals.forget_seen();
                Ok(None)
            }
            Err(refusal) => {
                let seen = self.signals.take_seen();
                tracing::info!(
                    client = %self.surroundings.client,
                    reason = refusal.code(),
                    "the account of an open session may no longer pass, closing"
                );
                let application = &self.session.terms().application;
                ended::record(self.surroundings, application, holder.as_ref(), refusal, seen);
                self.notice(ResultCode::UNAVAILABLE, PERMIT_LOST).await?;
                if let Some(seen) = seen {
                    let took = Now::read().monotonic.saturating_duration_since(seen);
                    self.surroundings.gate.revocations.observe(took);
                }
                Ok(Some(Ended::Closed))
            }
        }
    }

    async fn bind(&mut self, pending: PendingBind) -> io::Result<()> {
        let application = self.session.terms().application.clone();
        let arrived = self.now.monotonic;
        let Surroundings { gate, client, .. } = self.surroundings;
        // Before the account is judged for the last time: whatever moves after that is heard.
        let registration = pending.begun.account().map(|account| self.register(account));
        let begun = match &gate.trail {
            // No login without its line, where that is wished.
            Some(trail) if !trail.has_room().await => Begun::Decided(Verdict::of(Reason::Busy)),
            Some(_) | None => pending.begun,
        };
        let login = Login { gate, application: &application, client: *client, arrived };
        let mut checked = password_check::check(&login, &mut self.snapshot, begun).await;
        if self.follow() == Standing::Gone && checked.verdict.permit.is_some() {
            checked.verdict = Verdict::of(Reason::Refused(Refusal::NotConfigured));
        }
        // It may have been configured in another way meanwhile.
        let application = self.session.terms().application.clone();
        self.registration = registration.filter(|_| checked.verdict.permit.is_some());
        let dialect = password_check::dialect_for(gate, &application, &checked.verdict);
        let verdict = checked.verdict;
        let result = told(&application, &verdict, &dialect);
        if let Reason::Refused(refusal) = verdict.reason
            && refusal.rests_on_view()
        {
            for name in &application.directories {
                if let Some(directory) = gate.directory(name) {
                    (directory.refresh)();
                }
            }
        }
        let now = checked.now;
        let record = BindRecord {
            application: &application.name,
            client: *client,
            name: &pending.name,
            verdict: &verdict,
            code: result.code,
            controller: checked.controller.as_deref(),
            attempts: checked.attempts,
            latency: now.monotonic.saturating_duration_since(arrived),
            now,
        };
        record.log(&gate.log, &gate.unknown_names);
        if let Some(trail) = &gate.trail {
            trail.leave(record.event(&gate.unknown_names));
        }
        self.now = now;
        if verdict.reason.waits_for_floor() {
            let pause = password_check::pause(&application, &verdict, now.monotonic - arrived);
            sleep_until((arrived + pause).into()).await;
            self.now = Now::read();
        }
        self.session.conclude_bind(pending.id, verdict, &result, &mut self.answers);
        self.flush().await
    }

    fn register(&self, account: Guid) -> Registration {
        self.surroundings.gate.registry.register(account, self.signals.caller())
    }

    /// Hands out a search. A client may take its time over a batch, so the permit is looked at again
    /// before the next one.
    async fn search(&mut self, mut run: SearchRun) -> io::Result<Option<Ended>> {
        let changes = self.changes;
        while !run.fill(&mut self.answers) {
            self.flush().await?;
            self.now = Now::read();
            if let Some(ended) = self.keep_searching(changes).await? {
                return Ok(Some(ended));
            }
        }
        Ok(None)
    }

    /// Has the entries of a search found beside the sessions, then hands it out. Searches that wait for
    /// their turn are answered like those that take too long.
    async fn find(&mut self, heavy: Heavy) -> io::Result<Option<Ended>> {
        self.flush().await?;
        let changes = self.changes;
        let Heavy { id, run } = heavy;
        let patience = self.session.terms().application.limits.time;
        let places = self.surroundings.gate.heavy_searches.clone();
        let turn = timeout(patience, places.acquire_owned());
        let place = match self.attend(turn, AtTheEnd::GiveUp).await? {
            Err(ended) => return Ok(Some(ended)),
            Ok(Ok(Ok(place))) => place,
            Ok(_) => {
                let result = LdapResult::new(ResultCode::TIME_LIMIT_EXCEEDED, "too many searches");
                responder::search_done(&mut self.answers, id, &result, &[]);
                return Ok(None);
            }
        };
        let mut cursors = self.session.lend_cursors();
        let job = spawn_blocking(move || {
            // Held until the work is done, also where nobody waits for it any more.
            let _place = place;
            let found = run(&mut cursors);
            (cursors, found)
        });
        let found = match self.attend(job, AtTheEnd::Finish).await? {
            Err(ended) => return Ok(Some(ended)),
            Ok(Ok((cursors, found))) => {
                self.session.return_cursors(cursors);
                found
            }
            Ok(Err(error)) => {
                tracing::error!(client = %self.surroundings.client, %error, "a search has failed");
                Err(LdapResult::new(ResultCode::OTHER, "the search has failed"))
            }
        };
        self.now = Now::read();
        if let Some(ended) = self.keep_searching(changes).await? {
            return Ok(Some(ended));
        }
        match found {
            Ok(run) => self.search(run).await,
            Err(result) => {
                responder::search_done(&mut self.answers, id, &result, &[]);
                Ok(None)
            }
        }
    }

    /// Waits for `work` as long as the session may go on.
    async fn attend<F: Future>(
        &mut self,
        work: F,
        at_the_end: AtTheEnd,
    ) -> io::Result<Result<F::Output, Ended>> {
        let mut work = pin!(work);
        loop {
            let signals = &mut self.signals;
            let heard = poll_fn(|cx| match signals.poll(cx) {
                Poll::Ready(signal) => Poll::Ready(Err(signal)),
                Poll::Pending => work.as_mut().poll(cx).map(Ok),
            });
            let signal = match heard.await {
                Ok(output) => return Ok(Ok(output)),
                Err(Signal::Draining) if at_the_end == AtTheEnd::Finish => continue,
                Err(signal) => signal,
            };
            self.now = Now::read();
            // Whoever waits for an answer is not idle.
            self.active = self.now.monotonic;
            if let Some(ended) = self.obey(signal).await? {
                return Ok(Err(ended));
            }
        }
    }

    async fn notice(&mut self, code: ResultCode, text: &str) -> io::Result<()> {
        responder::notice_of_disconnection(&mut self.answers, code, text);
        self.flush().await
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.answers.is_empty() {
            return Ok(());
        }
        outbox::send(self.stream, &self.answers, self.surroundings.limits.write_timeout).await?;
        self.answers.clear();
        // One large answer must not keep its memory for the hours a pooled connection lives.
        self.answers.shrink_to(2 * BATCH_OCTETS);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
