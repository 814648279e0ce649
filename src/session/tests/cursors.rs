//! Paged searches (RFC 2696).

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::policy::application::Searchers;
use crate::policy::tests::{
    ALICE, BOB, CORP, SERVICE, application, base, company, corp, corp_view, entry_of, names, set,
    user,
};
use crate::session::cursor::{MAX_CURSOR_AGE, MAX_CURSORS};
use crate::session::pins::PinLimits;

pub(super) fn everybody() -> Operation {
    search(CORP, SearchScope::WholeSubtree, "(sAMAccountName=*)")
}

fn owned(answers: &Answers) -> Vec<String> {
    answers.entries().into_iter().map(str::to_owned).collect()
}

/// All pages of the size; `meanwhile` happens before each but the first.
fn all_pages(
    client: &mut Client,
    size: u32,
    mut meanwhile: impl FnMut(&mut Client),
) -> Vec<String> {
    let mut found = Vec::new();
    let mut cookie = Vec::new();
    loop {
        let page = client.page(&everybody(), size, &cookie);
        assert_eq!(page.code(), 0);
        found.extend(owned(&page));
        cookie = page.cookie();
        if cookie.is_empty() {
            return found;
        }
        meanwhile(client);
    }
}

/// The page's cookie led nowhere: nothing comes that could be the end of a list, and the session ends.
fn ends_the_session(answers: &Answers) -> bool {
    let [notice] = answers.responses.as_slice() else { return false };
    notice.id == MessageId::UNSOLICITED && answers.closes
}

#[test]
fn pages_are_the_whole_in_order() {
    let mut client = searching();
    let whole = owned(&client.send(everybody(), Vec::new()));
    assert!(whole.len() > 7 && whole.iter().all(|dn| !dn.contains("eve")));
    for size in [1, 2, 7, 1000, 0x7fff_ffff] {
        assert_eq!(all_pages(&mut client, size, |_| ()), whole, "{size}");
    }
}

/// RFC 2696 §3: the server tells how many there are; asked for pages of size 0, it gives all at once.
#[test]
fn a_page_of_size_zero_is_the_whole() {
    let mut client = searching();
    let whole = client.send(everybody(), Vec::new());
    let page = client.page(&everybody(), 0, &[]);
    assert_eq!((page.code(), page.entries()), (0, whole.entries()));
    let control = page.control(oid::PAGED_RESULTS).unwrap();
    let size = u32::try_from(whole.entries().len()).unwrap();
    assert_eq!(PagedResults::read(&control), Ok(PagedResults { size, cookie: Vec::new() }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Paging in any page size is one search, whatever is published, bound and searched in between.
    #[test]
    fn pages_are_one_search(
        size in 1_u32..20,
        changes in proptest::collection::vec((0_u8..4, 0_u8..40), 0..24),
    ) {
        let mut client = searching();
        let whole = owned(&client.send(everybody(), Vec::new()));
        let mut changes = changes.into_iter();
        let mut entries = company();
        let mut generation = 1;
        let paged = all_pages(&mut client, size, |client| {
            let Some((what, number)) = changes.next() else { return };
            match what {
                0 => entries.push(user(60 + number, &format!("new{number}-{generation}"), CORP)),
                1 => entries.retain(|entry| !entry.dn.starts_with("CN=alice")),
                2 => set(entry_of(&mut entries, BOB), "sn", &["changed"]),
                _ => {
                    client.bind("svc-crm");
                    client.page(&everybody(), u32::from(number) + 1, &[]);
                }
            }
            entries.dedup_by(|one, other| one.dn == other.dn);
            let mut seen = std::collections::HashSet::new();
            entries.retain(|entry| seen.insert(entry.values("objectGUID").to_vec()));
            generation += 1;
            client.world = corp(generation, entries.clone());
            let (world, now) = (client.world.clone(), client.now);
            client.session.renew(&world, now).unwrap();
        });
        prop_assert_eq!(paged, whole);
    }
}

/// A cursor stays on the view it began on, and the same cookie may come twice.
#[test]
fn a_cursor_outlives_a_new_view() {
    let mut client = searching();
    let first = client.page(&everybody(), 3, &[]);
    let before = client.page(&everybody(), 3, &first.cookie());
    let mut entries = company();
    entries.retain(|entry| !entry.dn.starts_with("CN=bob"));
    client.world = corp(2, entries);
    let after = client.page(&everybody(), 3, &first.cookie());
    assert_eq!(before.entries(), after.entries());
    assert_eq!(before.cookie(), after.cookie());
}

/// A client that sends a cookie holds a part of a list. Whatever code the answer had, some client would
/// take its part for the whole, and another would ask for ever: so the session ends.
#[test]
fn cookies_that_lead_nowhere_end_the_session() {
    let open = || {
        let mut client = searching();
        let cookie = client.page(&everybody(), 3, &[]).cookie();
        (client, cookie)
    };
    let (_, cookie) = open();
    assert!(cookie.is_ascii() && cookie.len() < 32, "{cookie:?}");
    for strange in [&b"1"[..], b"-", b"99-0", b"\xff\xfe", b"1--1", b"1-1-1"] {
        let (mut client, _) = open();
        assert!(ends_the_session(&client.page(&everybody(), 3, strange)), "{strange:?}");
    }
    let (mut client, cookie) = open();
    let number = std::str::from_utf8(&cookie).unwrap().split_once('-').unwrap().0.to_owned();
    let beyond = format!("{number}-99999");
    assert!(ends_the_session(&client.page(&everybody(), 3, beyond.as_bytes())));

    for other in [
        search(CORP, SearchScope::WholeSubtree, "(cn=*)"),
        search(CORP, SearchScope::SingleLevel, "(sAMAccountName=*)"),
        search(&format!("OU=People,{CORP}"), SearchScope::WholeSubtree, "(sAMAccountName=*)"),
    ] {
        let (mut client, cookie) = open();
        assert!(ends_the_session(&client.page(&other, 3, &cookie)));
    }
    // Another session, with a cursor of its own for the same search.
    let (mut one, mut other) = (searching(), searching());
    other.pins = one.pins.clone();
    let foreign = one.page(&everybody(), 3, &[]).cookie();
    assert_eq!(other.page(&everybody(), 3, &[]).code(), 0);
    assert!(ends_the_session(&other.page(&everybody(), 3, &foreign)));

    let (mut client, cookie) = open();
    assert_eq!(client.page(&everybody(), 3, &cookie).code(), 0);
    assert_eq!(client.page(&everybody(), 0, b"99-0").code(), 0, "nothing to give up");
    assert_eq!(client.page(&everybody(), 0, &cookie).code(), 0, "given up");
    assert!(ends_the_session(&client.page(&everybody(), 3, &cookie)));
}

/// RFC 2696 §2: size INTEGER (0..maxInt). A broken value is no page, critical or not.
#[test]
fn absurd_page_sizes() {
    let mut client = searching();
    for size in [[0xff].as_slice(), &[0, 0x80, 0, 0, 0], &[0x7f; 8], &[0x7f; 9], &[]] {
        for critical in [true, false] {
            let mut value = vec![0x30, u8::try_from(size.len() + 4).unwrap(), 0x02];
            value.push(u8::try_from(size.len()).unwrap());
            value.extend_from_slice(size);
            value.extend_from_slice(&[0x04, 0x00]);
            let control =
                Control { value: Some(value), ..Control::new(oid::PAGED_RESULTS, critical) };
            let answers = client.send(everybody(), vec![control]);
            assert_eq!((answers.code(), answers.entries().len()), (2, 0), "{size:?}");
        }
    }
}

#[test]
fn cursors_are_bounded_in_number_and_age() {
    let mut client = searching();
    let first = client.page(&everybody(), 1, &[]).cookie();
    for _ in 1..MAX_CURSORS {
        client.page(&everybody(), 1, &[]);
    }
    assert_eq!(client.page(&everybody(), 1, &first).code(), 0);
    client.page(&everybody(), 1, &[]);
    assert!(ends_the_session(&client.page(&everybody(), 1, &first)), "the oldest gave way");

    let mut client = searching();
    let cookie = client.page(&everybody(), 1, &[]).cookie();
    client.now = client.now.later(MAX_CURSOR_AGE / 2);
    assert_eq!(client.page(&everybody(), 1, &cookie).code(), 0, "touched");
    client.now = client.now.later(MAX_CURSOR_AGE / 2);
    assert_eq!(client.page(&everybody(), 1, &cookie).code(), 0);
    client.now = client.now.later(MAX_CURSOR_AGE);
    assert!(ends_the_session(&client.page(&everybody(), 1, &cookie)), "too old");
}

/// All sessions together pin a bounded number of old views, for a bounded time, and a bounded number of
/// positions; what is oldest gives way, and what is on the present view never does.
#[test]
fn old_views_are_bounded_over_all_sessions() {
    let limits =
        PinLimits { old_views: 2, old_age: Duration::from_secs(600), ..PinLimits::default() };
    let pins = Arc::new(Pins::new(limits));
    let mut views = Vec::new();
    let mut clients: Vec<(Client, Vec<u8>)> = Vec::new();
    let now = searching().now;
    for generation in 1..=4 {
        let view = corp_view(generation, company());
        views.push(Arc::downgrade(&view));
        let mut client = searching();
        client.pins = pins.clone();
        client.now = now;
        client.world.directories[0].view = Some(view);
        client.world.epoch = generation;
        let cookie = client.page(&everybody(), 1, &[]).cookie();
        clients.push((client, cookie));
    }
    let world = clients[3].0.world.clone();
    for (client, _) in &mut clients {
        client.world = world.clone();
    }
    // Three are old, of which the oldest goes.
    let (last, cookie) = &mut clients[3];
    assert_eq!(last.page(&everybody(), 1, cookie).code(), 0);
    assert_eq!(pins.old_views(), 2);
    assert_eq!(views[0].strong_count(), 0, "not kept by a session that does nothing");
    let (first, cookie) = &mut clients[0];
    assert!(ends_the_session(&first.page(&everybody(), 1, cookie)));
    let (second, cookie) = &mut clients[1];
    assert_eq!(second.page(&everybody(), 1, cookie).code(), 0);

    for (client, _) in &mut clients {
        client.now = now.later(Duration::from_secs(600));
    }
    let (last, cookie) = &mut clients[3];
    assert_eq!(last.page(&everybody(), 1, cookie).code(), 0, "the present view");
    assert_eq!(pins.old_views(), 0);
    let (second, cookie) = &mut clients[1];
    assert!(ends_the_session(&second.page(&everybody(), 1, cookie)));
}

#[test]
fn positions_are_bounded_over_all_sessions() {
    let mut client = searching();
    let whole = client.send(everybody(), Vec::new()).entries().len();
    let limits = PinLimits { positions: 2 * whole, ..PinLimits::default() };
    client.pins = Arc::new(Pins::new(limits));
    let cookies: Vec<_> = (0..3).map(|_| client.page(&everybody(), 1, &[]).cookie()).collect();
    assert_eq!(client.page(&everybody(), 1, &cookies[1]).code(), 0);
    assert_eq!(client.page(&everybody(), 1, &cookies[2]).code(), 0);
    assert!(ends_the_session(&client.page(&everybody(), 1, &cookies[0])));
}

/// An idle session does not pin an old view longer than a cursor lives.
#[test]
fn a_moving_world_lets_go_of_old_cursors() {
    let mut client = searching();
    let first = Arc::downgrade(client.world.view("corp").unwrap());
    client.page(&everybody(), 1, &[]);
    client.world = corp(2, company());
    client.session.renew(&client.world, client.now).unwrap();
    assert_eq!(first.strong_count(), 1, "the cursor's");
    let later = client.now.later(MAX_CURSOR_AGE);
    client.session.renew(&client.world, later).unwrap();
    assert_eq!(first.strong_count(), 0);
}

/// A cursor belongs to session, filter and application; who may see its pages is asked anew.
#[test]
fn pages_are_shown_through_the_present_permit() {
    let open = || {
        let mut client = searching();
        let cookie = client.page(&everybody(), 1, &[]).cookie();
        (client, cookie)
    };
    let (mut client, cookie) = open();
    assert_eq!(client.bind("alice"), 0);
    assert!(ends_the_session(&client.page(&everybody(), 1000, &cookie)), "may log in, not search");

    let (mut client, cookie) = open();
    assert_eq!(client.send(simple("alice", ""), Vec::new()).code(), 53);
    assert!(ends_the_session(&client.page(&everybody(), 1000, &cookie)), "anonymous");

    let (mut client, cookie) = open();
    assert_eq!(client.bind("alice"), 0);
    assert_eq!(client.bind("svc-crm"), 0);
    assert_eq!(client.page(&everybody(), 1000, &cookie).code(), 0, "survives binds");
    let mut entries = company();
    set(entry_of(&mut entries, SERVICE), "userAccountControl", &["514"]);
    client.world = corp(2, entries);
    assert!(ends_the_session(&client.page(&everybody(), 1000, &cookie)), "disabled meanwhile");
}

/// An entry that only its owner is shown does not go to the next identity with the pages.
#[test]
fn the_own_entry_stays_with_its_owner() {
    let crm = Application {
        bases: vec![base(&format!("OU=People,{CORP}"))],
        service_accounts: names(&["svc-crm"]),
        searchers: Searchers::PermittedUsers,
        ..application()
    };
    let mut client = Client::new(crm, corp(1, company()));
    assert_eq!(client.bind("svc-crm"), 0);
    let own = |answers: &Answers| answers.entries().iter().any(|dn| dn.starts_with("CN=svc-crm"));
    let whole = client.send(everybody(), Vec::new());
    assert!(own(&whole));
    let first = client.page(&everybody(), 1, &[]);
    assert!(!own(&first));
    assert!(own(&client.page(&everybody(), 1000, &first.cookie())));
    assert_eq!(client.bind("alice"), 0);
    let rest = client.page(&everybody(), 1000, &first.cookie());
    assert_eq!(rest.code(), 0);
    assert!(!own(&rest));
    assert_eq!(rest.entries().len() + 2, whole.entries().len());
}

/// Finding is bounded in time and candidates, and a bound that is reached gives no entry: 3 only where
/// the client set it.
#[test]
fn bounds_answer_before_the_first_entry() {
    fn an_hour_later() -> Now {
        Now::read().later(Duration::from_secs(3600))
    }
    let ask = |client: &mut Client, seconds| {
        let Operation::Search(mut request) = everybody() else { panic!() };
        Arc::make_mut(&mut request).time_limit = seconds;
        let answers = client.send(Operation::Search(request), Vec::new());
        (answers.code(), answers.entries().len())
    };
    let mut client = searching();
    client.clock = an_hour_later;
    assert_eq!(ask(&mut client, 0), (53, 0), "the application's time");
    assert_eq!(ask(&mut client, 1000), (53, 0), "the application's is shorter");
    assert_eq!(ask(&mut client, 1), (3, 0), "the client's time");
    assert_eq!(client.page(&everybody(), 3, &[]).code(), 53);

    let mut crm = Application { service_accounts: names(&["svc-crm"]), ..application() };
    crm.limits.candidates = 3;
    let mut client = Client::new(crm, corp(1, company()));
    assert_eq!(client.bind("svc-crm"), 0);
    assert_eq!(ask(&mut client, 0), (53, 0), "too many candidates");
    assert_eq!(client.search(CORP, &format!("(objectGUID=\\{ALICE:02x})")).code(), 0);
    assert_eq!(client.search(CORP, "(sAMAccountName=alice)").entries().len(), 1);
}
