//! The loop on a stream in memory.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::*;
use crate::ldap::ber::Writer;
use crate::ldap::request::write_search;
use crate::policy::Applications;
use crate::policy::local_account::VerifiedSecrets;
use crate::policy::name_memo::NameMemo;
use crate::policy::tests::application;
use crate::session::audit::NameHash;
use crate::session::configured::Configured;
use crate::session::driver::{Ended, SessionLimits, Surroundings, serve};
use crate::session::gate::Gate;
use crate::session::kill_switch::KillSwitch;
use crate::telemetry::LineLog;

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

/// What surrounds a connection, and the other ends of it.
pub(in crate::session) struct Around {
    pub(in crate::session) surroundings: Surroundings,
    pub(in crate::session) epoch: watch::Sender<u64>,
    pub(in crate::session) draining: watch::Sender<bool>,
}

pub(in crate::session) fn around() -> Around {
    limited(SessionLimits::default())
}

fn limited(limits: SessionLimits) -> Around {
    let gate = Gate {
        directories: Vec::new(),
        names: NameMemo::default(),
        applications: Arc::new(Configured::idle(Applications::default())),
        visibility: VisibilityCache::default(),
        registry: Arc::default(),
        kill_switch: Arc::new(KillSwitch::idle()),
        revocations: Arc::default(),
        pins: Arc::default(),
        secrets: VerifiedSecrets::new([1; 32]),
        slow_checks: Arc::new(Semaphore::new(1)),
        heavy_searches: Arc::new(Semaphore::new(1)),
        log: LineLog::nowhere(),
        trail: None,
        unknown_names: NameHash::off(),
        host: "gate.example".to_owned(),
    };
    let (epoch, draining) = (watch::Sender::new(0), watch::Sender::new(false));
    let surroundings = Surroundings {
        gate: Arc::new(gate),
        listener: Arc::from("plain"),
        configured: 0,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        limits,
        epoch: epoch.subscribe(),
        draining: draining.subscribe(),
        accepted: Now::read().monotonic,
    };
    Around { surroundings, epoch, draining }
}

pub(in crate::session) fn terms(application: Application) -> Terms {
    Terms {
        application: Arc::new(application),
        tls_active: false,
        tls_available: false,
        allow_cleartext_bind: true,
    }
}

fn root_dse_request() -> Vec<u8> {
    let Operation::Search(search) = search("", SearchScope::BaseObject, "(objectClass=*)") else {
        panic!("not a search")
    };
    let mut writer = Writer::new();
    write_search(&mut writer, MessageId::new(1).unwrap(), &search, &[]);
    writer.into_octets()
}

fn endless(for_: Duration) -> Endless {
    let until = Now::read().monotonic + for_;
    Endless { request: root_dse_request(), sent: 0, until }
}

/// The time until the first bind is up for a client that never stops sending, too.
#[tokio::test]
async fn the_deadline_holds_under_traffic() {
    let mut stream = endless(Duration::from_secs(3));
    let limits =
        SessionLimits { pre_bind_timeout: Duration::from_millis(200), ..SessionLimits::default() };
    let around = limited(limits);
    let session = &mut Session::new(terms(application()));
    let ended = serve(session, &mut stream, &around.surroundings).await;
    assert_eq!(ended.unwrap(), Ended::Closed);
    let lasted = Now::read().monotonic - around.surroundings.accepted;
    assert!((200..2000).contains(&lasted.as_millis()), "{lasted:?}");
}

/// A client that never stops sending does not drown the end of the program.
#[tokio::test]
async fn the_end_is_heard_under_traffic() {
    let mut stream = endless(Duration::from_secs(3));
    let Around { surroundings, draining, epoch } = around();
    let begun = Now::read().monotonic;
    let teller = std::thread::spawn(move || {
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(10));
            epoch.send_modify(|epoch| *epoch += 1);
        }
        draining.send_replace(true);
    });
    let session = &mut Session::new(terms(application()));
    assert_eq!(serve(session, &mut stream, &surroundings).await.unwrap(), Ended::Closed);
    let lasted = Now::read().monotonic - begun;
    assert!((100..2000).contains(&lasted.as_millis()), "{lasted:?}");
    teller.join().unwrap();
}

/// A client beside the session: asks for the root DSE at these moments, then is silent; gives how long the
/// session lasted and the last answer.
async fn asking(around: &Around, application: Application, pauses: &[u64]) -> (Duration, Response) {
    let (mut near, mut far) = duplex(1 << 20);
    let begun = Now::read().monotonic;
    let client = async {
        let mut octets = Vec::new();
        for pause in pauses {
            sleep(Duration::from_millis(*pause)).await;
            far.write_all(&root_dse_request()).await.unwrap();
        }
        far.read_to_end(&mut octets).await.unwrap();
        octets
    };
    let session = async {
        let session = &mut Session::new(terms(application));
        let ended = serve(session, &mut near, &around.surroundings).await;
        drop(near);
        ended
    };
    let both = async { tokio::join!(client, session) };
    let (octets, ended) = timeout(Duration::from_secs(10), both).await.unwrap();
    assert_eq!(ended.unwrap(), Ended::Closed);
    let answers = decoded(&octets);
    assert_eq!(answers.len(), 2 * pauses.len() + 1);
    (Now::read().monotonic - begun, answers.into_iter().last().unwrap())
}

/// The idle time begins anew with every request, though nothing is set anew; and it may be over before the
/// time for the first bind would be.
#[tokio::test]
async fn the_idle_time_follows_the_last_request() {
    use crate::policy::application::AnonymousAccess;
    let limits =
        SessionLimits { idle_timeout: Duration::from_millis(300), ..SessionLimits::default() };
    let open = || Application { anonymous: AnonymousAccess::Search, ..application() };
    for (pauses, least) in [(vec![], 300), (vec![200, 200, 200], 900)] {
        let (lasted, notice) = asking(&limited(limits.clone()), open(), &pauses).await;
        assert!((least..least + 1500).contains(&lasted.as_millis()), "{pauses:?}: {lasted:?}");
        assert_eq!(notice.id, MessageId::UNSOLICITED);
    }
}

/// The time for the first bind does not.
#[tokio::test]
async fn the_time_for_a_bind_follows_nothing() {
    let limits =
        SessionLimits { pre_bind_timeout: Duration::from_millis(300), ..SessionLimits::default() };
    let (lasted, _) = asking(&limited(limits), application(), &[100, 100]).await;
    assert!((300..1500).contains(&lasted.as_millis()), "{lasted:?}");
}

/// The end of the program reaches an idle session at once.
#[tokio::test]
async fn the_end_is_heard_in_silence() {
    let around = around();
    let end = async {
        sleep(Duration::from_millis(50)).await;
        around.draining.send_replace(true);
    };
    let ((lasted, notice), ()) = tokio::join!(asking(&around, application(), &[10]), end);
    assert!((50..1500).contains(&lasted.as_millis()), "{lasted:?}");
    assert_eq!(notice.id, MessageId::UNSOLICITED);
}
