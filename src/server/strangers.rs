//! `[io]` Connections of peers that are not trusted to say for whom they connect: notices a PROXY header that comes
//! all the same. Such a connection ends by itself, since a header is no LDAP and no TLS, but with an error that tells
//! nobody what to do about it.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::policy::traffic::Bucket;
use crate::time::Now;

use super::proxy_protocol::{HeaderError, begins_a_header};

/// How often the log is told of one kind of trouble with PROXY headers, at each listener: once a second at most.
#[derive(Debug)]
pub(super) struct Warnings {
    /// A peer that is not trusted sends a header.
    pub(super) unasked: Bucket,
    /// A trusted peer begins with something else.
    pub(super) missing: Bucket,
    /// A trusted peer sends one that cannot be used, or not all of it.
    pub(super) unusable: Bucket,
}

impl Default for Warnings {
    fn default() -> Self {
        let [unasked, missing, unusable] = [1; 3].map(Bucket::new);
        Self { unasked, missing, unusable }
    }
}

impl Warnings {
    /// Tells why the connection of a trusted peer ends before it has begun.
    pub(super) fn tell(&self, listener: &str, peer: IpAddr, error: &io::Error) {
        let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<HeaderError>());
        let now = Now::read().monotonic;
        if cause == Some(&HeaderError::NotAHeader) {
            if self.missing.take(now) {
                tracing::warn!(
                    listener, %peer, key = "proxy_protocol",
                    "a trusted peer sends no PROXY header, closing: let it send one, or take it out of \
                     proxy_protocol of this listener"
                );
            }
        } else if self.unusable.take(now) {
            tracing::warn!(
                listener, %peer, %error, key = "proxy_protocol",
                "a trusted proxy has not said for whom it connects, closing"
            );
        }
    }
}

/// Whom the log is told of.
pub(super) struct Stranger {
    pub(super) listener: Arc<str>,
    pub(super) peer: IpAddr,
    pub(super) warnings: Arc<Warnings>,
}

/// A stream whose first octets are looked at as they are read.
pub(super) struct Watched<S> {
    stream: S,
    /// Until something has been read; from the start `None` where nothing has to be noticed.
    stranger: Option<Stranger>,
}

impl<S> Watched<S> {
    pub(super) const fn new(stream: S, stranger: Option<Stranger>) -> Self {
        Self { stream, stranger }
    }
}

impl Stranger {
    fn has_sent(self, first: &[u8]) {
        let Self { listener, peer, warnings } = self;
        if begins_a_header(first) && warnings.unasked.take(Now::read().monotonic) {
            tracing::warn!(
                listener = &*listener, %peer, key = "proxy_protocol",
                "a peer that is not trusted sends a PROXY header, closing: if it is a load balancer, name it in \
                 proxy_protocol of this listener"
            );
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, stranger } = self.get_mut();
        let before = room.filled().len();
        ready!(Pin::new(stream).poll_read(context, room))?;
        if let Some(first) = room.filled().get(before..)
            && !first.is_empty()
            && let Some(stranger) = stranger.take()
        {
            stranger.has_sent(first);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
