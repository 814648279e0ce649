//! Logins.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::script::{Act, Asked, RIGHT, Script, WRONG_TEXT, binds, nobody, sane};
use super::{config, in_order, password, probed, sync_up, until, upstream};
use crate::ldap::ber::Writer;
use crate::ldap::control::{Control, oid};
use crate::ldap::message::{MessageId, operation_tag};
use crate::ldap::response::{Extras, write_notice_of_disconnection, write_result};
use crate::ldap::result::{LdapResult, ResultCode};
use crate::ldap::secret::Password;
use crate::time::Now;
use crate::upstream::{BindOutcome, Charge, PoolConfig, Security, Times, Upstream, Verification};

async fn login(upstream: &Upstream, secret: &str) -> Verification {
    let begin = Instant::now();
    let verification = upstream.verify(b"CORP\\alice", &password(secret), &[]).await;
    let limit = upstream.config().timeouts.total + Duration::from_millis(150);
    assert!(begin.elapsed() < limit, "{:?}: {verification:?}", begin.elapsed());
    verification
}

/// Outcome, controller, attempts, charged.
fn summary(verification: &Verification) -> (&'static str, Option<&str>, u32, u32) {
    let word = match &verification.outcome {
        BindOutcome::Accepted { .. } => "accepted",
        BindOutcome::Rejected { .. } => "rejected",
        BindOutcome::Unavailable(_) => "unavailable",
        BindOutcome::Busy => "busy",
    };
    (word, verification.controller.as_deref(), verification.attempts, verification.charged)
}

const DC1: Option<&str> = Some("dc1.corp.test");
const DC2: Option<&str> = Some("dc2.corp.test");

fn just_now() -> Times {
    let now = Instant::now().into_std();
    Times { arrived: now, begun: now }
}

#[tokio::test]
async fn the_first_controller_s_verdict_is_final() {
    let (dc1, dc2) = (Script::run(sane).await, Script::run(sane).await);
    let upstream = upstream(&[&dc1, &dc2]);
    assert_eq!(summary(&login(&upstream, RIGHT).await), ("accepted", DC1, 1, 0));
    let wrong = login(&upstream, "wrong").await;
    assert_eq!(summary(&wrong), ("rejected", DC1, 1, 1));
    let BindOutcome::Rejected { result, .. } = wrong.outcome else { panic!() };
    assert_eq!(result, LdapResult::new(ResultCode::INVALID_CREDENTIALS, WRONG_TEXT));
    assert_eq!(dc2.bind_count(), 0);
    let alice = |secret: &str| ("CORP\\alice".to_owned(), secret.to_owned());
    assert_eq!(dc1.seen_binds(), [alice(RIGHT), alice("wrong")]);
    assert_eq!(dc1.connections(), 1, "a judged link is used again");
    assert_eq!((upstream.status()[0].binds, upstream.status()[0].failures), (2, 0));
}

/// A controller that is slow is given up for another; where the other is down, the login waits for it.
#[tokio::test]
async fn the_last_controller_gets_all_the_time_there_is() {
    let slow = |time: u64| {
        binds(move |seen| {
            let mut acts = vec![Act::Wait(Duration::from_millis(time))];
            acts.extend(seen.bound(0, ""));
            acts
        })
    };
    let (dc1, dc2) = (Script::run(sane).await, Script::run(sane).await);
    let (upstream, _probes) = probed(config(in_order(&[&dc1, &dc2])));
    until(&upstream, |status| status.iter().all(|one| one.verify.is_usable())).await;
    dc2.change(slow(380));
    drop(dc1);
    until(&upstream, |status| !status[0].verify.is_usable()).await;
    let alone = login(&upstream, RIGHT).await;
    assert_eq!(summary(&alone), ("accepted", DC2, 1, 0), "{alone:?}");
}

#[tokio::test]
async fn password_policy_goes_up_and_its_answer_comes_back() {
    let mut response = Writer::new();
    Control { value: Some(vec![0x30, 0]), ..Control::new(oid::PASSWORD_POLICY, false) }
        .write(&mut response);
    let response = response.into_octets();
    let expected = response.clone();
    let tag = operation_tag::BIND_RESPONSE;
    let dc = Script::binds(move |seen| vec![seen.done(tag, 49, "", &response)]).await;
    let upstream = upstream(&[&dc]);
    let sent = [Control::new(oid::PASSWORD_POLICY, true), Control::new(oid::SHOW_DELETED, true)];
    let verification = upstream.verify(b"alice", &password("x"), &sent).await;
    let BindOutcome::Rejected { controls, .. } = verification.outcome else { panic!() };
    assert_eq!(controls, expected);
    assert_eq!(dc.bind_controls(), [Control::new(oid::PASSWORD_POLICY, false)]);
}

#[tokio::test]
async fn an_unreachable_controller_costs_nothing_and_is_not_asked_again() {
    let (dc1, dc2) = (nobody().await, Script::run(sane).await);
    let upstream = upstream(&[&dc1, &dc2]);
    assert_eq!(summary(&login(&upstream, "wrong").await), ("rejected", DC2, 1, 1));
    assert_eq!(upstream.status()[0].verify.state, "down");
    assert_eq!(upstream.history().len(), 2, "{:?}", upstream.history());
}

#[tokio::test]
async fn nobody_reachable_is_unavailable_never_a_refusal() {
    let (dc1, dc2) = (nobody().await, nobody().await);
    let upstream = upstream(&[&dc1, &dc2]);
    assert_eq!(summary(&login(&upstream, "wrong").await), ("unavailable", None, 0, 0));
    assert_eq!(summary(&login(&upstream, RIGHT).await), ("unavailable", None, 0, 0));
}

/// A stopped process: its kernel accepts connections and takes octets, nobody answers.
#[tokio::test]
async fn a_hung_controller_costs_one_login_its_time_and_then_none() {
    let hung = Script::run(|_| vec![Act::Hang]).await;
    let dc2 = Script::run(sane).await;
    let upstream = upstream(&[&hung, &dc2]);
    assert_eq!(summary(&login(&upstream, RIGHT).await), ("accepted", DC2, 2, 1));
    let begin = Instant::now();
    assert_eq!(summary(&login(&upstream, "wrong").await), ("rejected", DC2, 1, 1));
    assert!(begin.elapsed() < Duration::from_millis(100), "{:?}", begin.elapsed());
    assert_eq!(hung.bind_count(), 1);
}

#[tokio::test]
async fn an_unjudged_password_is_sent_at_most_once_more() {
    let hung = || Script::run(|_| vec![Act::Hang]);
    let (dc1, dc2, dc3) = (hung().await, hung().await, Script::run(sane).await);
    let upstream = upstream(&[&dc1, &dc2, &dc3]);
    assert_eq!(summary(&login(&upstream, "wrong").await), ("unavailable", None, 2, 2));
    assert_eq!(dc3.bind_count(), 0);
}

#[tokio::test]
async fn what_is_no_answer_is_retried_once_and_charged() {
    let foreign = || {
        let tag = operation_tag::BIND_RESPONSE;
        let mut writer = Writer::new();
        let id = MessageId::new(999).unwrap();
        write_result(&mut writer, id, tag, &LdapResult::success(), Extras::default());
        writer.into_octets()
    };
    let notice = || {
        let mut writer = Writer::new();
        write_notice_of_disconnection(&mut writer, ResultCode::UNAVAILABLE, "shutting down");
        writer.into_octets()
    };
    let no_logon_servers = "80090308: LdapErr: DSID-0C090439, comment: …, data 51f, v4563\0";
    type Acts = Box<dyn Fn(&super::script::Seen) -> Vec<Act> + Send>;
    let cases: Vec<(&str, Acts)> = vec![
        ("close", Box::new(|_| vec![Act::Close])),
        ("reset", Box::new(|_| vec![Act::Reset])),
        ("garbage", Box::new(|_| vec![Act::Answer(b"HTTP/1.1 400 Bad Request\r\n".to_vec())])),
        ("half an answer", Box::new(|_| vec![Act::Answer(vec![0x30, 0x0c, 0x02]), Act::Close])),
        ("huge", Box::new(|_| vec![Act::Answer(vec![0x30, 0x84, 0x7f, 0xff, 0xff, 0xff])])),
        ("indefinite", Box::new(|_| vec![Act::Answer(vec![0x30, 0x80, 0x02])])),
        ("foreign id", Box::new(move |_| vec![Act::Answer(foreign())])),
        ("notice", Box::new(move |_| vec![Act::Answer(notice())])),
        ("search done", Box::new(|seen| vec![seen.searched(0, "")])),
        ("compare", Box::new(|s| vec![s.done(operation_tag::COMPARE_RESPONSE, 0, "", &[])])),
        ("51f", Box::new(move |seen| seen.bound(49, no_logon_servers))),
        ("other", Box::new(|seen| seen.bound(80, ""))),
    ];
    for (what, acts) in cases {
        let (dc1, dc2) = (Script::binds(acts).await, Script::run(sane).await);
        let upstream = upstream(&[&dc1, &dc2]);
        let verification = login(&upstream, RIGHT).await;
        assert_eq!(summary(&verification), ("accepted", DC2, 2, 1), "{what}");
        assert_eq!(upstream.status()[0].links_idle, 0, "{what}: the link is not kept");
        assert_eq!(upstream.status()[0].failures, 1, "{what}");
    }
}

#[tokio::test]
async fn busy_and_misconfigured_controllers_are_passed_over_free_of_charge() {
    for code in [51, 52, 8, 13] {
        let dc1 = Script::binds(move |seen| seen.bound(code, "text")).await;
        let dc2 = Script::run(sane).await;
        let upstream = upstream(&[&dc1, &dc2]);
        assert_eq!(summary(&login(&upstream, RIGHT).await), ("accepted", DC2, 2, 0), "{code}");
        assert_eq!(upstream.status()[0].verify.state, "degraded", "{code}");
        assert_eq!(summary(&login(&upstream, "wrong").await), ("rejected", DC2, 1, 1), "{code}");
    }
}

#[tokio::test]
async fn referrals_and_unlisted_codes_end_the_login() {
    let dc1 = Script::binds(|seen| seen.bound(10, "")).await;
    let dc2 = Script::run(sane).await;
    let both = upstream(&[&dc1, &dc2]);
    assert_eq!(summary(&login(&both, RIGHT).await), ("unavailable", None, 1, 0));
    for code in [14, 53, 12, 4711] {
        dc1.change(binds(move |seen| seen.bound(code, "some text")));
        let verification = login(&both, RIGHT).await;
        assert_eq!(summary(&verification), ("rejected", DC1, 1, 1), "{code}");
        let BindOutcome::Rejected { result, .. } = verification.outcome else { panic!() };
        assert_eq!(result.code, ResultCode::INVALID_CREDENTIALS);
        assert!(!format!("{result:?}").contains("some text"));
    }
    assert_eq!(dc2.bind_count(), 0);
}

/// RFC 4513 §5.1.2: a name with an empty password would succeed as anonymous. Samba reads name and
/// password only up to a NUL.
#[tokio::test]
async fn what_a_controller_might_take_for_anonymous_is_never_sent() {
    let dc = Script::binds(|seen| seen.bound(0, "")).await;
    let upstream = upstream(&[&dc]);
    let right = || password(RIGHT);
    for (name, password) in [
        (b"CORP\\alice".as_slice(), Password::copy_from(b"")),
        (b"", right()),
        (b"CORP\\alice", Password::copy_from(b"\0right")),
        (b"\0", right()),
    ] {
        let verification = upstream.verify(name, &password, &[]).await;
        assert_eq!(summary(&verification), ("rejected", None, 0, 0), "{name:?}");
    }
    assert_eq!(dc.connections(), 0);
}

#[tokio::test]
async fn a_link_that_died_while_idle_is_replaced_unnoticed() {
    let dc = Script::binds(|seen| {
        vec![seen.done(operation_tag::BIND_RESPONSE, 0, "", &[]), Act::Wait(ms(20)), Act::Close]
    })
    .await;
    let upstream = upstream(&[&dc]);
    for round in 1..=3 {
        assert_eq!(summary(&login(&upstream, RIGHT).await), ("accepted", DC1, 1, 0));
        assert_eq!(dc.connections(), round);
        tokio::time::sleep(ms(60)).await;
    }
}

#[tokio::test]
async fn octets_behind_the_answer_cost_the_link() {
    let dc = Script::binds(|seen| {
        let Act::Answer(mut octets) = seen.done(operation_tag::BIND_RESPONSE, 0, "", &[]) else {
            panic!()
        };
        octets.extend_from_slice(&octets.clone());
        vec![Act::Answer(octets)]
    })
    .await;
    let upstream = upstream(&[&dc]);
    for round in 1..=2 {
        assert_eq!(summary(&login(&upstream, RIGHT).await), ("accepted", DC1, 1, 0));
        assert_eq!(dc.connections(), round);
        tokio::time::sleep(ms(20)).await;
    }
}

#[tokio::test]
async fn a_slow_answer_within_the_limit_counts() {
    let dc = Script::binds(|seen| {
        let mut acts = vec![Act::Wait(ms(150))];
        acts.extend(seen.bound(0, ""));
        acts
    })
    .await;
    assert_eq!(summary(&login(&upstream(&[&dc]), RIGHT).await), ("accepted", DC1, 1, 0));
}

/// Notes attempts and charges.
struct Noting {
    concluded: Arc<Mutex<Option<(u32, u32)>>>,
    retries: bool,
}

impl Charge for Noting {
    fn allows_retry(&mut self) -> bool {
        self.retries
    }

    fn conclude(self, verification: &Verification, _: &Password) {
        *self.concluded.lock().unwrap() = Some((verification.attempts, verification.charged));
    }
}

/// A retry may count as another wrong password: whoever keeps count has a say in it.
#[tokio::test]
async fn an_unjudged_password_is_sent_again_only_if_that_may_be_charged() {
    for (retries, expected) in [(true, ("accepted", 2)), (false, ("unavailable", 1))] {
        let hung = Script::run(|_| vec![Act::Hang]).await;
        let dc2 = Script::run(sane).await;
        let upstream = upstream(&[&hung, &dc2]);
        let charge = Noting { concluded: Arc::default(), retries };
        let secret = password(RIGHT);
        let verified = upstream.verify_charged(b"alice", &secret, &[], just_now(), charge).await;
        let (outcome, _, attempts, _) = summary(&verified);
        assert_eq!((outcome, attempts), expected);
    }
}

#[tokio::test]
async fn a_bind_in_flight_is_charged_even_if_the_client_leaves() {
    let dc1 = Script::binds(|seen| {
        let mut acts = vec![Act::Wait(ms(100))];
        acts.extend(seen.bound(49, WRONG_TEXT));
        acts
    })
    .await;
    let upstream = upstream(&[&dc1]);
    let concluded = Arc::new(Mutex::new(None));
    let note = Arc::clone(&concluded);
    let secret = password("wrong");
    let charge = Noting { concluded: note, retries: true };
    let leaving = upstream.verify_charged(b"alice", &secret, &[], just_now(), charge);
    assert!(tokio::time::timeout(ms(30), leaving).await.is_err());
    tokio::time::sleep(ms(200)).await;
    assert_eq!(*concluded.lock().unwrap(), Some((1, 1)));
}

#[tokio::test]
async fn nothing_more_is_sent_for_a_client_that_left() {
    let hung = Script::run(|_| vec![Act::Hang]).await;
    let dc2 = Script::run(sane).await;
    let upstream = upstream(&[&hung, &dc2]);
    let secret = password(RIGHT);
    let leaving = upstream.verify(b"alice", &secret, &[]);
    assert!(tokio::time::timeout(ms(30), leaving).await.is_err());
    tokio::time::sleep(ms(400)).await;
    assert_eq!((hung.bind_count(), dc2.bind_count()), (1, 0));
}

#[tokio::test]
async fn a_full_queue_is_busy_and_a_short_wait_is_not() {
    let slow = |time: u64| {
        binds(move |seen| {
            let mut acts = vec![Act::Wait(ms(time))];
            acts.extend(seen.bound(0, ""));
            acts
        })
    };
    let dc = Script::run(slow(60)).await;
    let mut limited = config(in_order(&[&dc]));
    limited.pool = PoolConfig { warm: 0, max_links: 1, queue: 2, idle: Duration::from_secs(60) };
    let upstream = Upstream::new(limited, Now::read()).unwrap();
    let logins = join_all((0..5).map(|_| login(&upstream, RIGHT))).await;
    let mut words: Vec<_> = logins.iter().map(|login| summary(login).0).collect();
    words.sort_unstable();
    assert_eq!(words, ["accepted", "accepted", "accepted", "busy", "busy"]);
    assert_eq!(dc.connections(), 1);
    assert_eq!(upstream.status()[0].links_busy, 0);
}

#[tokio::test]
async fn equals_share_the_load() {
    let (dc1, dc2) = (Script::run(sane).await, Script::run(sane).await);
    let mut equal = config(in_order(&[&dc1, &dc2]));
    equal.controllers.iter_mut().for_each(|controller| controller.tier = 0);
    let (upstream, _probes) = probed(equal);
    until(&upstream, sync_up).await;
    let before = dc1.bind_count();
    for _ in 0..10 {
        login(&upstream, RIGHT).await;
    }
    assert_eq!((dc1.bind_count() - before, dc2.bind_count() - before), (5, 5));
}

#[tokio::test]
async fn many_logins_while_a_controller_dies_lose_nobody() {
    let died = Arc::new(AtomicUsize::new(0));
    let (dc1, dc2) = (Script::run(sane).await, Script::run(sane).await);
    let mut equal = config(in_order(&[&dc1, &dc2]));
    equal.controllers.iter_mut().for_each(|controller| controller.tier = 0);
    let (upstream, _probes) = probed(equal);
    until(&upstream, sync_up).await;
    let client = async |number: usize| {
        for round in 0..20 {
            let right = (number + round).is_multiple_of(2);
            let verification = login(&upstream, if right { RIGHT } else { "wrong" }).await;
            let expected = if right { "accepted" } else { "rejected" };
            assert_eq!(summary(&verification).0, expected);
            if died.fetch_add(1, Ordering::SeqCst) == 60 {
                dc1.change(|_| vec![Act::Hang]);
            }
        }
    };
    join_all((0..8).map(client)).await;
    assert!(dc2.bind_count() > dc1.bind_count());
}

#[tokio::test]
async fn octets_in_clear_before_the_handshake_are_refused() {
    let injecting = Script::run(|seen| match seen.asked {
        Asked::StartTls => {
            let tag = operation_tag::EXTENDED_RESPONSE;
            let Act::Answer(mut octets) = seen.done(tag, 0, "", &[]) else { panic!() };
            octets.extend_from_slice(b"injected");
            vec![Act::Answer(octets)]
        }
        Asked::Search(_) | Asked::Bind { .. } | Asked::Other => sane(seen),
    })
    .await;
    let refusing = Script::run(|seen| vec![seen.done(0x78, 52, "no certificate", &[])]).await;
    for (script, words) in [(&injecting, "in clear before"), (&refusing, "no certificate")] {
        let mut start_tls = config(in_order(&[script]));
        start_tls.controllers[0].security = Security::StartTls;
        start_tls.controllers[0].trust = crate::upstream::Trust::SpkiPins(vec![[0; 32]]);
        let upstream = Upstream::new(start_tls, Now::read()).unwrap();
        assert_eq!(summary(&login(&upstream, RIGHT).await), ("unavailable", None, 0, 0));
        let cause = upstream.status()[0].verify.cause.clone().unwrap();
        assert!(cause.contains(words), "{cause}");
        assert_eq!(script.bind_count(), 0);
    }
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
