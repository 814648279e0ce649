//! `[io]` Getting answers to a client that may be slow to take them.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::timeout;

/// Writes all of `octets` and sees them off.
///
/// # Errors
/// The connection broke, or the client has not taken them within `limit`.
pub(super) async fn send<S>(stream: &mut S, octets: &[u8], limit: Duration) -> io::Result<()>
where
    S: AsyncWrite + Unpin,
{
    let mut left = octets;
    // Nearly always everything goes at once, and then no timer is needed.
    let at_once = poll_fn(|cx| Poll::Ready(poll_send(stream, &mut left, cx))).await;
    match at_once {
        Poll::Ready(sent) => sent,
        Poll::Pending => timeout(limit, poll_fn(|cx| poll_send(stream, &mut left, cx)))
            .await
            .unwrap_or_else(|_| {
                let text = "the client does not take its answers";
                Err(io::Error::new(io::ErrorKind::TimedOut, text))
            }),
    }
}

fn poll_send<S>(stream: &mut S, left: &mut &[u8], cx: &mut Context<'_>) -> Poll<io::Result<()>>
where
    S: AsyncWrite + Unpin,
{
    while !left.is_empty() {
        let written = ready!(Pin::new(&mut *stream).poll_write(cx, left))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        *left = left.get(written..).unwrap_or_default();
    }
    Pin::new(stream).poll_flush(cx)
}
