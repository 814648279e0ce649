//! `[io]` The loop that moves octets: reads frames, lets the [`Session`] decide, asks controllers, writes
//! answers. One for each connection; requests of a connection are handled one after another.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until, timeout};
use zeroize::Zeroize;

use crate::ldap::frame::{self, FrameError};
use crate::ldap::request::{Request, RequestError};
use crate::ldap::result::ResultCode;
use crate::policy::Refusal;
use crate::time::Now;

use super::answer::{Reason, told};
use super::audit::BindRecord;
use super::gate::Gate;
use super::machine::{Moment, Next, PERMIT_LOST, PendingBind, Session};
use super::password_check;
use super::responder;
use super::search::SearchRun;

/// How large and how slow a client may be.
#[derive(Clone, Debug)]
pub struct SessionLimits {
    /// From accepting to the first successful bind.
    pub pre_bind_timeout: Duration,
    /// Between two requests after that.
    pub idle_timeout: Duration,
    /// Largest message before a successful bind, in octets.
    pub message_before_bind: usize,
    /// Largest message after one, in octets.
    pub message_after_bind: usize,
    /// Longest wait for a client to take an answer.
    pub write_timeout: Duration,
    /// Longest TLS handshake.
    pub tls_handshake_timeout: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            pre_bind_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(4 * 3600),
            message_before_bind: frame::DEFAULT_LIMIT_BEFORE_BIND,
            message_after_bind: frame::DEFAULT_LIMIT_AFTER_BIND,
            write_timeout: Duration::from_secs(30),
            tls_handshake_timeout: Duration::from_secs(10),
        }
    }
}

/// What a connection's loop needs besides its stream.
pub struct Surroundings {
    /// What all sessions share.
    pub gate: Arc<Gate>,
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
    surroundings: &mut Surroundings,
) -> io::Result<Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection =
        Connection { stream, buffer: BytesMut::with_capacity(FIRST_BUFFER), answers: Vec::new() };
    loop {
        match connection.step(session, surroundings).await? {
            None => {}
            Some(Ended::StartTls) if !connection.buffer.is_empty() => {
                // Octets behind StartTLS came in clear from who knows whom (RFC 4511 §4.14.1).
                tracing::warn!(client = %surroundings.client, "data behind a StartTLS request, closing");
                return Ok(Ended::Closed);
            }
            Some(ended) => return Ok(ended),
        }
    }
}

/// Room for requests that a connection begins with, in octets.
const FIRST_BUFFER: usize = 4 * 1024;
/// An empty buffer larger than this is given back, in octets.
const LARGEST_IDLE_BUFFER: usize = 64 * 1024;

struct Connection<'s, S> {
    stream: &'s mut S,
    buffer: BytesMut,
    answers: Vec<u8>,
}

impl<S> Drop for Connection<'_, S> {
    /// What is left over may be half a bind.
    fn drop(&mut self) {
        self.buffer.as_mut().zeroize();
    }
}

/// What ended a wait for input.
enum Woken {
    Read(usize),
    WorldMoved,
    Draining,
    TimedOut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// Handles one buffered request, or waits for more octets.
    async fn step(
        &mut self,
        session: &mut Session,
        surroundings: &mut Surroundings,
    ) -> io::Result<Option<Ended>> {
        let limit = if session.has_authenticated() {
            surroundings.limits.message_after_bind
        } else {
            surroundings.limits.message_before_bind
        };
        match frame::complete_length(&self.buffer, limit) {
            Ok(Some(length)) => self.handle_frame(length, session, surroundings).await,
            Ok(None) => {
                self.flush(surroundings).await?;
                self.wait(session, surroundings).await
            }
            Err(error) => {
                self.refuse_stream(&error, surroundings).await?;
                Ok(Some(Ended::Closed))
            }
        }
    }

    async fn handle_frame(
        &mut self,
        length: usize,
        session: &mut Session,
        surroundings: &mut Surroundings,
    ) -> io::Result<Option<Ended>> {
        let arrived = Now::read();
        let decoded = self.take_request(length);
        let next = match decoded {
            Ok(request) => {
                let world = surroundings.gate.world();
                let moment = Moment {
                    world: &world,
                    visibility: &surroundings.gate.visibility,
                    host: &surroundings.gate.host,
                    now: arrived,
                };
                session.handle(request, moment, &mut self.answers)
            }
            Err(error) => {
                tracing::info!(client = %surroundings.client, %error, "malformed request");
                session.handle_malformed(&error, &mut self.answers)
            }
        };
        match next {
            Next::Continue => Ok(None),
            Next::Bind(pending) => {
                self.flush(surroundings).await?;
                self.bind(*pending, session, surroundings, arrived).await?;
                Ok(None)
            }
            Next::Search(run) => self.search(*run, session, surroundings).await,
            Next::StartTls => {
                self.flush(surroundings).await?;
                Ok(Some(Ended::StartTls))
            }
            Next::Close => {
                self.flush(surroundings).await?;
                Ok(Some(Ended::Closed))
            }
        }
    }

    /// Decodes the first message and takes it out of the buffer. Its octets are overwritten whatever it
    /// is: binds hold a password, and so may password changes, writes, and what does not decode.
    fn take_request(&mut self, length: usize) -> Result<Request, RequestError> {
        let mut message = self.buffer.split_to(length);
        let decoded = Request::decode(&message);
        message.as_mut().zeroize();
        decoded
    }

    /// Makes room to read into, so that reading never has to: a buffer that grows by itself leaves a
    /// copy of half a bind behind.
    fn make_room(&mut self) {
        let (held, room) = (self.buffer.len(), self.buffer.capacity());
        let oversized = held == 0 && room > LARGEST_IDLE_BUFFER;
        if held < room && !oversized {
            return;
        }
        let mut larger = BytesMut::with_capacity(FIRST_BUFFER.max(2 * held));
        larger.extend_from_slice(&self.buffer);
        self.buffer.as_mut().zeroize();
        self.buffer = larger;
    }

    async fn wait(
        &mut self,
        session: &mut Session,
        surroundings: &mut Surroundings,
    ) -> io::Result<Option<Ended>> {
        let deadline = if session.may_idle() {
            Now::read().monotonic + surroundings.limits.idle_timeout
        } else {
            surroundings.accepted + surroundings.limits.pre_bind_timeout
        };
        let expiry = session.permit().and_then(crate::policy::Permit::expires);
        match self.woken(deadline, expiry, surroundings).await? {
            Woken::Read(0) => Ok(Some(Ended::Closed)),
            Woken::Read(_) => Ok(None),
            Woken::WorldMoved => self.renew(session, surroundings).await,
            Woken::Draining => {
                self.notice(ResultCode::UNAVAILABLE, "the server is shutting down", surroundings)
                    .await?;
                Ok(Some(Ended::Closed))
            }
            Woken::TimedOut => {
                let text = if session.may_idle() {
                    "no request within the idle timeout"
                } else {
                    "no successful bind in time"
                };
                tracing::debug!(client = %surroundings.client, text, "closing");
                self.notice(ResultCode::UNAVAILABLE, text, surroundings).await?;
                Ok(Some(Ended::Closed))
            }
        }
    }

    async fn woken(
        &mut self,
        deadline: Instant,
        expiry: Option<SystemTime>,
        surroundings: &mut Surroundings,
    ) -> io::Result<Woken> {
        self.make_room();
        let Surroundings { epoch, draining, .. } = surroundings;
        // A client that never stops sending must not outlive the deadline, and where there is always
        // something to read no timer gets its turn.
        if Now::read().monotonic >= deadline {
            return Ok(Woken::TimedOut);
        }
        tokio::select! {
            biased;
            _ = draining.wait_for(|stop| *stop) => Ok(Woken::Draining),
            Ok(()) = epoch.changed() => Ok(Woken::WorldMoved),
            () = sleep_until(deadline.into()) => Ok(Woken::TimedOut),
            () = wall_clock_reaches(expiry) => Ok(Woken::WorldMoved),
            read = self.stream.read_buf(&mut self.buffer) => Ok(Woken::Read(read?)),
        }
    }

    /// The views have moved: the permit of an idle session is judged again at once.
    async fn renew(
        &mut self,
        session: &mut Session,
        surroundings: &Surroundings,
    ) -> io::Result<Option<Ended>> {
        let world = surroundings.gate.world();
        let renewed = session.renew(&world, Now::read());
        self.close_if_lost(renewed, surroundings).await
    }

    async fn close_if_lost(
        &mut self,
        renewed: Result<(), Refusal>,
        surroundings: &Surroundings,
    ) -> io::Result<Option<Ended>> {
        match renewed {
            Ok(()) => Ok(None),
            Err(refusal) => {
                tracing::info!(
                    client = %surroundings.client,
                    reason = refusal.code(),
                    "the account of an open session may no longer pass, closing"
                );
                self.notice(ResultCode::UNAVAILABLE, PERMIT_LOST, surroundings).await?;
                Ok(Some(Ended::Closed))
            }
        }
    }

    async fn bind(
        &mut self,
        pending: PendingBind,
        session: &mut Session,
        surroundings: &Surroundings,
        arrived: Now,
    ) -> io::Result<()> {
        let application = session.terms().application.clone();
        let gate = &surroundings.gate;
        let checked = password_check::check(gate, &application, pending.begun).await;
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
        BindRecord {
            application: &application.name,
            client: surroundings.client,
            name: &pending.name,
            verdict: &verdict,
            code: result.code,
            controller: checked.controller.as_deref(),
            attempts: checked.attempts,
            latency: Now::read().monotonic.saturating_duration_since(arrived.monotonic),
        }
        .log(&gate.unknown_names);
        if verdict.reason.waits_for_floor() {
            sleep_until((arrived.monotonic + application.negative_latency).into()).await;
        }
        session.conclude_bind(pending.id, verdict, &result, &mut self.answers);
        self.flush(surroundings).await
    }

    /// Hands out a search. A client may take its time over a batch, so the permit is looked at again
    /// before the next one.
    async fn search(
        &mut self,
        mut run: SearchRun,
        session: &mut Session,
        surroundings: &Surroundings,
    ) -> io::Result<Option<Ended>> {
        while !run.fill(&mut self.answers, Now::read().monotonic) {
            self.flush(surroundings).await?;
            let kept = session.keep_current(&surroundings.gate.world(), Now::read());
            if let Some(ended) = self.close_if_lost(kept, surroundings).await? {
                return Ok(Some(ended));
            }
        }
        // Small answers to pipelined requests leave together.
        if self.answers.len() >= super::search::BATCH_OCTETS {
            self.flush(surroundings).await?;
        }
        Ok(None)
    }

    async fn refuse_stream(
        &mut self,
        error: &FrameError,
        surroundings: &Surroundings,
    ) -> io::Result<()> {
        tracing::info!(client = %surroundings.client, %error, "closing");
        self.notice(ResultCode::PROTOCOL_ERROR, &error.to_string(), surroundings).await
    }

    async fn notice(
        &mut self,
        code: ResultCode,
        text: &str,
        surroundings: &Surroundings,
    ) -> io::Result<()> {
        responder::notice_of_disconnection(&mut self.answers, code, text);
        self.flush(surroundings).await
    }

    async fn flush(&mut self, surroundings: &Surroundings) -> io::Result<()> {
        if self.answers.is_empty() {
            return Ok(());
        }
        let limit = surroundings.limits.write_timeout;
        within(limit, self.stream.write_all(&self.answers)).await?;
        within(limit, self.stream.flush()).await?;
        self.answers.clear();
        // One large answer must not keep its memory for the hours a pooled connection lives.
        self.answers.shrink_to(2 * super::search::BATCH_OCTETS);
        Ok(())
    }
}

/// Waits for a moment of the wall clock, which may be set meanwhile: the wait is cut into pieces.
async fn wall_clock_reaches(moment: Option<SystemTime>) {
    const PIECE: Duration = Duration::from_secs(60);
    let Some(moment) = moment else { return std::future::pending().await };
    while let Ok(left) = moment.duration_since(Now::read().wall) {
        if left.is_zero() {
            return;
        }
        sleep(left.min(PIECE)).await;
    }
}

async fn within(limit: Duration, write: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    timeout(limit, write).await.unwrap_or_else(|_| {
        Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not take its answers"))
    })
}
