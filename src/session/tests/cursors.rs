//! Paged searches (RFC 2696).

use super::*;
use crate::policy::application::Searchers;
use crate::policy::tests::{CORP, application, base, company, corp, entry_of, names, set};
use crate::session::cursor::{MAX_CURSOR_AGE, MAX_CURSORS};

fn everybody() -> Operation {
    search(CORP, SearchScope::WholeSubtree, "(sAMAccountName=*)")
}

fn all_pages(client: &mut Client, size: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut cookie = Vec::new();
    loop {
        let page = client.page(&everybody(), size, &cookie);
        assert_eq!(page.code(), 0);
        found.extend(page.entries().into_iter().map(str::to_owned));
        cookie = page.cookie();
        if cookie.is_empty() {
            return found;
        }
    }
}

#[test]
fn pages_are_the_whole_in_order() {
    let mut client = searching();
    let whole = client.send(everybody(), Vec::new());
    let whole: Vec<String> = whole.entries().into_iter().map(str::to_owned).collect();
    assert!(whole.len() > 7 && whole.iter().all(|dn| !dn.contains("eve")));
    for size in [1, 2, 7, 1000] {
        assert_eq!(all_pages(&mut client, size), whole, "{size}");
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

#[test]
fn cookies_that_lead_nowhere() {
    let mut client = searching();
    let cookie = client.page(&everybody(), 3, &[]).cookie();
    assert!(cookie.is_ascii() && cookie.len() < 32, "{cookie:?}");
    for strange in [&b"1"[..], b"-", b"99-0", b"1-99999", b"\xff\xfe", b"1--1", b"1-1-1"] {
        assert_eq!(client.page(&everybody(), 3, strange).code(), 53, "{strange:?}");
    }
    let other = search(CORP, SearchScope::WholeSubtree, "(cn=*)");
    assert_eq!(client.page(&other, 3, &cookie).code(), 53, "another filter");
    let narrower = search(CORP, SearchScope::SingleLevel, "(sAMAccountName=*)");
    assert_eq!(client.page(&narrower, 3, &cookie).code(), 53, "another scope");
    let mut stranger = searching();
    assert_eq!(stranger.page(&everybody(), 3, &cookie).code(), 53, "another session");
    assert_eq!(client.page(&everybody(), 3, &cookie).code(), 0, "still good");
    assert_eq!(client.page(&everybody(), 0, &cookie).code(), 0, "given up");
    assert_eq!(client.page(&everybody(), 3, &cookie).code(), 53);
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
    assert_eq!(client.page(&everybody(), 1, &first).code(), 53, "the oldest gave way");

    let mut client = searching();
    let cookie = client.page(&everybody(), 1, &[]).cookie();
    client.now = client.now.later(MAX_CURSOR_AGE / 2);
    assert_eq!(client.page(&everybody(), 1, &cookie).code(), 0, "touched");
    client.now = client.now.later(MAX_CURSOR_AGE / 2);
    assert_eq!(client.page(&everybody(), 1, &cookie).code(), 0);
    client.now = client.now.later(MAX_CURSOR_AGE);
    assert_eq!(client.page(&everybody(), 1, &cookie).code(), 53, "too old");
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
    let mut client = searching();
    let cookie = client.page(&everybody(), 1, &[]).cookie();
    assert_eq!(client.bind("alice"), 0);
    let refused = client.page(&everybody(), 1000, &cookie);
    assert_eq!((refused.code(), refused.entries().len()), (50, 0), "may log in, not search");
    assert_eq!(client.send(simple("alice", ""), Vec::new()).code(), 53);
    assert_eq!(client.page(&everybody(), 1000, &cookie).code(), 1, "anonymous");
    assert_eq!(client.bind("svc-crm"), 0);
    assert_eq!(client.page(&everybody(), 1000, &cookie).code(), 0);
    let mut entries = company();
    set(entry_of(&mut entries, 14), "userAccountControl", &["514"]);
    client.world = corp(2, entries);
    let lost = client.page(&everybody(), 1000, &cookie);
    assert_eq!((lost.code(), lost.entries().len()), (1, 0), "disabled meanwhile");
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
