//! `[io]` Reads a PROXY header off a connection, and nothing behind it.

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::proxy_protocol::{Progress, parse};

/// The client that the peer connects for; `None`: the peer itself, or a client without a network address.
///
/// # Errors
/// The connection ends before the header does, or begins with something else.
pub(super) async fn read_header(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<IpAddr>> {
    let mut octets = Vec::new();
    loop {
        let missing = match parse(&octets) {
            Ok(Progress::Complete(header)) => return Ok(header.source),
            Ok(Progress::Missing(missing)) => missing,
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        };
        let limit = u64::try_from(missing).unwrap_or(u64::MAX);
        if (&mut *stream).take(limit).read_buf(&mut octets).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
