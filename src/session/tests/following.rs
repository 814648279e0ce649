//! Sessions and the views they follow: what is published counts at once, for the busy and the idle.

use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

use super::driving::{Around, around, terms};
use super::*;
use crate::directory::{PublishedView, View};
use crate::ldap::ber::Writer;
use crate::ldap::entry::Entry;
use crate::ldap::request::write_search;
use crate::policy::tests::{corp_view, entry_of, filetime, set};
use crate::policy::{BindName, judge};
use crate::session::answer::Reason;
use crate::session::driver::{Ended, serve};
use crate::session::gate::{DirectoryGate, Gate};
use crate::session::learned::LearnedDialect;
use crate::shield::{Shield, ShieldConfig, SourceLimits, Sources};
use crate::upstream::{
    ControllerConfig, HealthConfig, PoolConfig, Security, Timeouts, Trust, Upstream, UpstreamConfig,
};

/// The number of `svc-crm` in the company.
const SERVICE: u8 = 14;

/// The port of a controller that nobody ever asks.
pub(super) const NOBODY: u16 = 9;
const MAX_AGE: Duration = Duration::from_secs(3600);

/// A directory whose only controller is expected at this port of the loopback address.
pub(super) fn directory(published: Arc<PublishedView>, port: u16) -> DirectoryGate {
    let controller = ControllerConfig {
        name: Arc::from("dc1.corp.example"),
        address: Some("127.0.0.1".to_owned()),
        port,
        security: Security::Plain,
        trust: Trust::System,
        tier: 0,
    };
    let config = UpstreamConfig {
        directory: Arc::from("corp"),
        kind: DirectoryKind::ActiveDirectory,
        controllers: vec![controller],
        service_name: "CORP\\svc".to_owned(),
        service_password: Password::copy_from(b"x"),
        base_dn: None,
        timeouts: Timeouts::default(),
        pool: PoolConfig::default(),
        max_message: 64 * 1024,
        health: HealthConfig::default(),
    };
    let sources = Arc::new(Sources::new(SourceLimits::default()));
    let name = Arc::from("corp");
    let shield = Shield::new(name, ShieldConfig::default(), published.clone(), sources, &[7; 32]);
    DirectoryGate {
        name: Arc::from("corp"),
        shield,
        offline: None,
        published,
        max_age: MAX_AGE,
        upstream: Upstream::new(config, Now::read()).unwrap(),
        dialect: Arc::new(LearnedDialect::new(DirectoryKind::ActiveDirectory)),
        refresh: Box::new(|| ()),
    }
}

/// The company behind a gate, and a session that has bound as its service account.
pub(super) struct Following {
    pub(super) around: Around,
    pub(super) published: Arc<PublishedView>,
    session: Session,
}

pub(super) fn following(change: impl FnOnce(&mut Entry)) -> Following {
    let published = PublishedView::empty();
    published.publish(view(1, change));
    let mut around = around();
    let gate = Arc::get_mut(&mut around.surroundings.gate).unwrap();
    gate.directories = vec![Arc::new(directory(published.clone(), NOBODY))];
    let session = bound(gate);
    Following { around, published, session }
}

pub(super) fn view(generation: u64, change: impl FnOnce(&mut Entry)) -> Arc<View> {
    let mut entries = company();
    change(entry_of(&mut entries, SERVICE));
    corp_view(generation, entries)
}

pub(super) fn disable(account: &mut Entry) {
    set(account, "userAccountControl", &["514"]);
}

fn bound(gate: &Gate) -> Session {
    let crm = Application { service_accounts: names(&["svc-crm"]), ..application() };
    let mut session = Session::new(terms(crm));
    let name = BindName::read(b"svc-crm").unwrap();
    let application = session.terms().application.clone();
    let admission = judge(&gate.world(), &application, &name, Now::read()).unwrap();
    let permit = Some(admission.confirm(accepted_for_tests()));
    let verdict = Verdict { permit, ..Verdict::of(Reason::Accepted) };
    session.conclude_bind(
        MessageId::new(1).unwrap(),
        verdict,
        &LdapResult::success(),
        &mut Vec::new(),
    );
    session
}

pub(super) fn alice() -> Vec<u8> {
    let Operation::Search(search) = search(CORP, SearchScope::WholeSubtree, "(cn=alice)") else {
        panic!("not a search")
    };
    let mut writer = Writer::new();
    write_search(&mut writer, MessageId::new(2).unwrap(), &search, &[]);
    writer.into_octets()
}

/// Reads answers up to the end of a search; gives its code and how many entries came.
pub(super) async fn answer(far: &mut DuplexStream) -> (u32, usize) {
    let (mut octets, mut entries) = (Vec::new(), 0);
    loop {
        while let Some(length) = frame::complete_length(&octets, usize::MAX).unwrap() {
            let message: Vec<u8> = octets.drain(..length).collect();
            match Response::decode(&message).unwrap().operation {
                ResponseOperation::Entry(_) => entries += 1,
                ResponseOperation::Done { result, .. } => return (result.code.0, entries),
                other => panic!("{other:?}"),
            }
        }
        assert!(far.read_buf(&mut octets).await.unwrap() > 0, "closed");
    }
}

impl Following {
    /// Serves the session while `client` goes on; gives how long that lasted.
    pub(super) async fn serve(
        self,
        client: impl AsyncFnOnce(&mut DuplexStream, &Around, &PublishedView),
    ) -> Duration {
        let (mut near, mut far) = duplex(1 << 16);
        let Self { around, published, mut session } = self;
        let begun = Now::read().monotonic;
        let served = async {
            let ended = serve(&mut session, &mut near, &around.surroundings).await;
            drop(near);
            ended
        };
        let client = async { client(&mut far, &around, &published).await };
        let both = async { tokio::join!(served, client) };
        let (ended, ()) = timeout(Duration::from_secs(10), both).await.unwrap();
        assert_eq!(ended.unwrap(), Ended::Closed);
        Now::read().monotonic - begun
    }
}

/// A search that begins after a view was published sees it, though nobody was woken.
#[tokio::test]
async fn what_is_published_counts_at_once() {
    following(|_| ())
        .serve(async |far, _, published| {
            for generation in 2..20 {
                far.write_all(&alice()).await.unwrap();
                assert_eq!(answer(far).await, (0, usize::from(generation % 2 == 0)));
                let mut entries = company();
                if generation % 2 == 0 {
                    entries.retain(|entry| !entry.dn.starts_with("CN=alice,"));
                }
                published.publish(corp_view(generation, entries));
            }
            published.publish(view(30, disable));
            far.write_all(&alice()).await.unwrap();
            assert_eq!(
                answer(far).await,
                (1, 0),
                "a permit that is lost is lost for this very search"
            );
            far.shutdown().await.unwrap();
        })
        .await;
}

/// An idle session whose account is disabled ends when it is told, with a notice.
#[tokio::test]
async fn a_lost_permit_ends_an_idle_session() {
    let lasted = following(|_| ())
        .serve(async |far, around, published| {
            far.write_all(&alice()).await.unwrap();
            assert_eq!(answer(far).await, (0, 1));
            published.publish(view(2, |_| ()));
            around.epoch.send_modify(|epoch| *epoch += 1);
            tokio::time::sleep(Duration::from_millis(20)).await;
            published.publish(view(3, disable));
            around.epoch.send_modify(|epoch| *epoch += 1);
            assert_eq!(answer(far).await, (52, 0));
            assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
        })
        .await;
    assert!(lasted < Duration::from_secs(2), "{lasted:?}");
}

/// An account that expires ends its idle session by the clock alone.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the session reads the clock itself")]
async fn an_account_expires_in_silence() {
    let soon = SystemTime::now() + Duration::from_secs(2);
    let lasted = following(|account| set(account, "accountExpires", &[&filetime(soon)]))
        .serve(async |far, _, _| {
            far.write_all(&alice()).await.unwrap();
            assert_eq!(answer(far).await, (0, 1));
            assert_eq!(answer(far).await, (52, 0));
        })
        .await;
    assert!(SystemTime::now() >= soon - Duration::from_secs(1));
    assert!(lasted < Duration::from_secs(5), "{lasted:?}");
}

/// An idle session lets go of the views it searched.
#[tokio::test]
async fn an_idle_session_keeps_no_old_view() {
    following(|_| ())
        .serve(async |far, around, published| {
            let first = Arc::downgrade(&published.load().unwrap());
            far.write_all(&alice()).await.unwrap();
            assert_eq!(answer(far).await, (0, 1));
            published.publish(view(2, |_| ()));
            around.epoch.send_modify(|epoch| *epoch += 1);
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(first.strong_count(), 0);
            far.shutdown().await.unwrap();
        })
        .await;
}
