//! What takes a permit away reaches the sessions it concerns, those only, and the time it takes is counted.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::driving::{Around, around, terms};
use super::following::{alice, answer, directory, disable, following, view};
use super::*;
use crate::directory::{Affected, Move, PublishedView, Withdrawn};
use crate::ldap::ber::Writer;
use crate::ldap::identifier::Guid;
use crate::ldap::request::{OperationKind, write_simple_bind};
use crate::policy::tests::{ALICE, BOB, SERVICE, guid};
use crate::session::driver::serve;
use crate::session::registry::Registry;
use crate::session::responder;
use crate::session::signals::Signals;
use crate::session::waking::{ROUND, follow};

fn of(numbers: &[u8], seen: Option<Instant>) -> Move {
    let guids: Vec<Guid> = numbers.iter().map(|number| guid(*number)).collect();
    Move { affected: Affected::These(guids.into()), seen }
}

/// Carries moves to the sessions for as long as the test runs.
fn carrying(around: &Around, published: &PublishedView, round: Duration) {
    let registry = around.surroundings.gate.registry.clone();
    tokio::spawn(follow(published.moves(), registry, around.epoch.clone(), round));
}

async fn is_silent(far: &mut DuplexStream) -> bool {
    timeout(Duration::from_millis(100), far.read(&mut [0])).await.is_err()
}

/// The idle session of an affected account ends with a notice, and the time since the change was seen counts.
#[tokio::test]
async fn an_affected_session_is_ended() {
    following(|_| ())
        .serve(async |far, around, published| {
            carrying(around, published, ROUND);
            assert!(is_silent(far).await);
            let seen = Now::read().monotonic;
            published.publish_change(view(2, |_| ()), of(&[SERVICE], Some(seen)));
            assert!(is_silent(far).await, "it is affected and may go on");
            let seen = Now::read().monotonic;
            published.publish_change(view(3, disable), of(&[ALICE, SERVICE], Some(seen)));
            assert_eq!(answer(far).await, (52, 0));
            assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
            let took = (Now::read().monotonic - seen).as_secs_f64();
            let counted = around.surroundings.gate.revocations.read();
            assert_eq!(counted.count, 1);
            assert!(counted.max > 0.0 && counted.max <= took, "{counted:?}, {took}");
            assert_eq!(around.surroundings.gate.registry.accounts(), 0, "it is gone");
        })
        .await;
}

/// Others are left alone, and find out with their next request.
#[tokio::test]
async fn other_sessions_sleep_on() {
    following(|_| ())
        .serve(async |far, around, published| {
            carrying(around, published, ROUND);
            sleep(Duration::from_millis(20)).await;
            published.publish_change(view(2, disable), of(&[ALICE, BOB], None));
            assert!(is_silent(far).await);
            far.write_all(&alice()).await.unwrap();
            assert_eq!(answer(far).await, (1, 0));
            far.shutdown().await.unwrap();
        })
        .await;
}

/// A pass that is held takes accounts away all the same, and whoever has no permit sees the old view on.
#[tokio::test]
async fn a_withdrawn_account_is_out_at_once() {
    for everybody in [false, true] {
        following(|_| ())
            .serve(async |far, around, published| {
                carrying(around, published, ROUND);
                sleep(Duration::from_millis(20)).await;
                if everybody {
                    published.publish(view(2, disable));
                } else {
                    let deleted = [guid(SERVICE)].into();
                    let withdrawn = Withdrawn { deleted, ..Withdrawn::default() };
                    published.withdraw(Arc::new(withdrawn), None);
                }
                assert_eq!(answer(far).await, (52, 0));
                assert_eq!(around.surroundings.gate.revocations.read().count, 0, "no known time");
            })
            .await;
    }
}

/// Those whom a move does not concern hear of it in the next round.
#[tokio::test]
async fn everybody_hears_in_the_end() {
    following(|_| ())
        .serve(async |far, around, published| {
            carrying(around, published, Duration::from_millis(200));
            sleep(Duration::from_millis(20)).await;
            let first = Arc::downgrade(&published.load().unwrap());
            published.publish_change(view(2, |_| ()), of(&[], None));
            assert!(is_silent(far).await);
            assert_eq!(first.strong_count(), 1, "the idle session");
            sleep(Duration::from_millis(300)).await;
            assert_eq!(first.strong_count(), 0);
            far.shutdown().await.unwrap();
        })
        .await;
}

/// Whoever has missed moves takes everybody for affected.
#[tokio::test]
async fn missed_moves_concern_everybody() {
    following(|_| ())
        .serve(async |far, around, published| {
            let registry = around.surroundings.gate.registry.clone();
            let moves = published.moves();
            published.publish_change(view(2, disable), of(&[SERVICE], None));
            let same = view(3, disable);
            for _ in 0..1000 {
                published.publish_change(same.clone(), of(&[], None));
            }
            tokio::spawn(follow(moves, registry, watch::Sender::new(0), ROUND));
            assert_eq!(answer(far).await, (52, 0));
        })
        .await;
}

/// A controller that accepts every password, when it is let.
async fn controller(listener: TcpListener, may_answer: Arc<Notify>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let may_answer = may_answer.clone();
        tokio::spawn(async move {
            let mut octets = Vec::new();
            while stream.read_buf(&mut octets).await.unwrap() > 0 {
                while let Some(length) = frame::complete_length(&octets, usize::MAX).unwrap() {
                    let message: Vec<u8> = octets.drain(..length).collect();
                    let Request { id, operation, .. } = Request::decode(&message).unwrap();
                    let Operation::Bind(_) = operation else { continue };
                    may_answer.notified().await;
                    let mut answer = Vec::new();
                    let success = LdapResult::success();
                    responder::answer(&mut answer, id, OperationKind::Bind, &success);
                    stream.write_all(&answer).await.unwrap();
                }
            }
        });
    }
}

fn bind(id: u32, name: &str, password: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    let password = Password::copy_from(password.as_bytes());
    write_simple_bind(&mut writer, MessageId::new(id).unwrap(), name.as_bytes(), &password, &[]);
    writer.into_octets()
}

/// A session is registered while its controller is still thinking, for the account that it is about to get; a
/// bind that fails leaves nothing behind.
#[tokio::test]
async fn a_bind_registers_before_its_last_judgement() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let may_answer = Arc::new(Notify::new());
    tokio::spawn(controller(listener, may_answer.clone()));
    let published = PublishedView::empty();
    published.publish(view(1, |_| ()));
    let mut around = around();
    Arc::get_mut(&mut around.surroundings.gate).unwrap().directories =
        vec![Arc::new(directory(published.clone(), port))];
    carrying(&around, &published, ROUND);
    let registry = around.surroundings.gate.registry.clone();
    let (mut near, mut far) = duplex(1 << 16);
    let client = async {
        far.write_all(&bind(1, "alice", "secret")).await.unwrap();
        while registry.accounts() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        assert!(is_silent(&mut far).await, "nobody has answered");
        may_answer.notify_one();
        assert_eq!(answer(&mut far).await, (0, 0));
        assert_eq!(registry.accounts(), 1);
        far.write_all(&bind(2, "nobody", "secret")).await.unwrap();
        assert_eq!(answer(&mut far).await, (49, 0));
        assert_eq!(registry.accounts(), 0);
        far.write_all(&bind(3, "alice", "secret")).await.unwrap();
        while registry.accounts() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        let disabled = [guid(ALICE)].into();
        published.withdraw(Arc::new(Withdrawn { disabled, ..Withdrawn::default() }), None);
        may_answer.notify_one();
        assert_eq!(answer(&mut far).await, (49, 0), "what came in meanwhile counts");
        assert_eq!(registry.accounts(), 0);
        far.write_all(&bind(4, "svc-crm", "secret")).await.unwrap();
        may_answer.notify_one();
        assert_eq!(answer(&mut far).await, (0, 0));
        published.publish_change(view(2, |_| ()), of(&[ALICE], None));
        assert!(is_silent(&mut far).await);
        published.publish_change(view(3, disable), of(&[SERVICE], None));
        assert_eq!(answer(&mut far).await, (52, 0));
    };
    let served = async {
        let mut session = Session::new(terms(application()));
        serve(&mut session, &mut near, &around.surroundings).await.unwrap();
        drop(near);
    };
    let both = async { tokio::join!(client, served) };
    timeout(Duration::from_secs(10), both).await.unwrap();
    assert_eq!(registry.accounts(), 0);
}

/// Several sessions of one account are called, each until it leaves.
#[tokio::test]
async fn sessions_of_one_account() {
    use std::future::poll_fn;
    use std::task::Poll;
    let registry = Arc::new(Registry::default());
    let (epoch, draining) = (watch::Sender::new(0), watch::Sender::new(false));
    let far_away = Now::read().monotonic + Duration::from_secs(3600);
    let armed = || Signals::new(&epoch.subscribe(), &draining.subscribe(), far_away);
    let mut sessions = [armed(), armed(), armed()];
    let register = |number, signals: &Signals| registry.register(guid(number), signals.caller());
    let first = register(ALICE, &sessions[0]);
    let second = register(ALICE, &sessions[1]);
    let third = register(BOB, &sessions[2]);
    let mut rang = async || {
        let mut rang = Vec::new();
        for signals in &mut sessions {
            rang.push(poll_fn(|cx| Poll::Ready(signals.poll(cx).is_ready())).await);
        }
        rang
    };
    assert_eq!(rang().await, [false; 3]);
    registry.call(&of(&[ALICE], None));
    assert_eq!(rang().await, [true, true, false]);
    assert_eq!(rang().await, [false; 3]);
    drop(first);
    registry.call(&of(&[ALICE], None));
    assert_eq!(rang().await, [false, true, false]);
    registry.call(&Move::of_everybody());
    assert_eq!(rang().await, [false, true, true]);
    drop((second, third));
    assert_eq!(registry.accounts(), 0);
}

/// The time that counts is that of the earliest change that waits to be heard, and only until it has been.
#[tokio::test]
async fn the_earliest_change_is_timed() {
    let (epoch, draining) = (watch::Sender::new(0), watch::Sender::new(false));
    let early = Now::read().monotonic;
    let late = early + Duration::from_secs(1);
    let mut signals = Signals::new(&epoch.subscribe(), &draining.subscribe(), late);
    let caller = signals.caller();
    assert_eq!(signals.take_seen(), None);
    for seen in [None, Some(late), Some(early), Some(late), None] {
        caller.call(seen);
    }
    std::future::poll_fn(|cx| signals.poll(cx)).await;
    caller.call(Some(late));
    assert_eq!(signals.take_seen(), Some(early));
    assert_eq!(signals.take_seen(), None);
    caller.call(Some(early));
    std::future::poll_fn(|cx| signals.poll(cx)).await;
    caller.call(Some(late));
    signals.forget_seen();
    assert_eq!(signals.take_seen(), Some(late), "what came since is still heard");
}
