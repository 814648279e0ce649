//! The loop on a stream in memory.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Semaphore, watch};

use super::*;
use crate::ldap::ber::Writer;
use crate::ldap::request::write_search;
use crate::policy::local_account::VerifiedSecrets;
use crate::policy::tests::application;
use crate::session::audit::NameHash;
use crate::session::driver::{Ended, SessionLimits, Surroundings, serve};
use crate::session::gate::Gate;

/// A client that asks for the root DSE without a pause until `until`, and takes every answer.
struct Endless {
    request: Vec<u8>,
    sent: usize,
    until: std::time::Instant,
}

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if Now::read().monotonic < self.until {
            let rest = &self.request[self.sent..];
            let part = &rest[..rest.len().min(buffer.remaining())];
            buffer.put_slice(part);
            self.sent = (self.sent + part.len()) % self.request.len();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn gate() -> Arc<Gate> {
    Arc::new(Gate {
        directories: Vec::new(),
        visibility: VisibilityCache::default(),
        secrets: VerifiedSecrets::new([1; 32]),
        slow_checks: Arc::new(Semaphore::new(1)),
        unknown_names: NameHash::off(),
        host: "gate.example".to_owned(),
    })
}

/// The time until the first bind is up for a client that never stops sending, too.
#[tokio::test]
async fn the_deadline_holds_under_traffic() {
    let Operation::Search(search) = search("", SearchScope::BaseObject, "(objectClass=*)") else {
        panic!("not a search")
    };
    let mut writer = Writer::new();
    write_search(&mut writer, MessageId::new(1).unwrap(), &search, &[]);
    let begun = Now::read().monotonic;
    let until = begun + Duration::from_secs(3);
    let mut stream = Endless { request: writer.into_octets(), sent: 0, until };
    let terms = Terms {
        application: Arc::new(application()),
        tls_active: false,
        tls_available: false,
        allow_cleartext_bind: true,
    };
    let (_epoch, epoch) = watch::channel(0);
    let (_draining, draining) = watch::channel(false);
    let limits =
        SessionLimits { pre_bind_timeout: Duration::from_millis(200), ..SessionLimits::default() };
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut surroundings =
        Surroundings { gate: gate(), client, limits, epoch, draining, accepted: begun };
    let ended = serve(&mut Session::new(terms), &mut stream, &mut surroundings).await;
    assert_eq!(ended.unwrap(), Ended::Closed);
    let lasted = Now::read().monotonic - begun;
    assert!((200..2000).contains(&lasted.as_millis()), "{lasted:?}");
}
