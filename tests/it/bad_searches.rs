//! Searches that no client should ask for: absurd pages, cookies that are not the session's, filters that
//! touch everything. A list is whole, or the client is told in a way that no client takes for its end.

use std::thread;
use std::time::{Duration, Instant};

use ldapgate::ldap::ber::Writer;
use ldapgate::ldap::control::{Control, oid};
use ldapgate::ldap::controls::paged_results::PagedResults;
use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::filter::Filter;
use ldapgate::ldap::request::SearchRequest;
use ldapgate::ldap::request::SearchScope::{BaseObject, SingleLevel, WholeSubtree};
use ldapgate::ldap::request::write_search;

use crate::world::client::{Answer, Client, search};
use crate::world::company::{ALICE, APPLICATION, Company, LOCAL_SECRET, PLAIN_LISTENER, SERVICE};
use crate::world::gate::Gate;

const BASE: &str = "DC=corp,DC=example";
const PEOPLE: &str = "OU=People,DC=corp,DC=example";

fn bound(gate: &Gate) -> Client {
    let mut client = Client::connect(gate.address("plain"));
    assert_eq!(client.bind("crm", LOCAL_SECRET).code(), 0);
    client
}

/// A gate whose application has these limits.
fn limited(company: &Company, name: &str, limits: &str) -> Gate {
    company.gate_of(name, &format!("{APPLICATION}[application.limits]\n{limits}\n{PLAIN_LISTENER}"))
}

fn everything() -> SearchRequest {
    search(BASE, WholeSubtree, "(objectClass=*)", &["cn"])
}

fn page(size: u32, cookie: &[u8]) -> Control {
    PagedResults { size, cookie: cookie.to_vec() }.to_control(true)
}

/// A paged results control with a size that the type of its value does not hold.
fn page_of(size: i64, cookie: &[u8], criticality: bool) -> Control {
    let mut writer = Writer::new();
    writer.constructed(0x30, |w| {
        w.integer(size);
        w.octet_string(cookie);
    });
    let value = Some(writer.into_octets());
    Control { oid: oid::PAGED_RESULTS.to_owned(), criticality, value }
}

fn cookie_of(answer: &Answer) -> Vec<u8> {
    let controls = Control::read_all(&answer.controls).unwrap();
    let control = controls.iter().find(|control| control.oid == oid::PAGED_RESULTS);
    PagedResults::read(control.expect("the response control")).unwrap().cookie
}

/// All pages from the one after `cookie` to the last.
fn rest(
    client: &mut Client,
    wanted: &SearchRequest,
    size: u32,
    mut cookie: Vec<u8>,
) -> (Vec<Entry>, usize) {
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let (entries, answer) = client.search_with(wanted, &[page(size, &cookie)]);
        assert_eq!(answer.code(), 0, "{}", answer.text());
        found.extend(entries);
        pages += 1;
        cookie = cookie_of(&answer);
        if cookie.is_empty() {
            return (found, pages);
        }
    }
}

/// A request for a page that must end the session: no entry, no code, a notice of disconnection.
fn ends(mut client: Client, wanted: &SearchRequest, control: Control, what: &str) {
    let id = client.next_id();
    let mut writer = Writer::new();
    write_search(&mut writer, id, wanted, &[control]);
    client.send_octets(writer.octets());
    assert_eq!(client.disconnection().code(), 52, "{what}");
}

/// RFC 2696 §2 and §3: sizes from 0 to 2^31-1; what lies outside is no page at all.
#[test]
fn absurd_page_sizes() {
    let company = Company::new();
    let gate = company.gate("bad-pages", "");
    let bounded = limited(&company, "bad-pages-bounded", "page = 3");
    let wanted = everything();
    let (whole, answer) = bound(&gate).search_with(&wanted, &[]);
    assert!(answer.code() == 0 && whole.len() > 20, "{}", whole.len());

    let mut client = bound(&gate);
    for (size, pages) in [(0, 1), (1, whole.len()), (i32::MAX as u32, 1), (i32::MAX as u32 - 1, 1)]
    {
        let found = rest(&mut client, &wanted, size, Vec::new());
        assert_eq!(found, (whole.clone(), pages), "pages of {size}");
    }
    // The application's bound on pages makes more of them, and cuts nothing.
    let mut bounded = bound(&bounded);
    for size in [4, 1000, i32::MAX as u32] {
        let found = rest(&mut bounded, &wanted, size, Vec::new());
        assert_eq!(found, (whole.clone(), whole.len().div_ceil(3)), "pages of {size}, bounded");
    }

    // A list that was begun is not hurt by requests for it that cannot be read.
    let (first, answer) = client.search_with(&wanted, &[page(2, b"")]);
    let cookie = cookie_of(&answer);
    for size in [-1, i64::from(i32::MIN), i64::from(i32::MAX) + 1, i64::MIN, i64::MAX] {
        for (cookie, criticality) in [(&b""[..], true), (b"", false), (&cookie, true)] {
            let control = page_of(size, cookie, criticality);
            let (entries, answer) = client.search_with(&wanted, &[control]);
            assert_eq!((entries.len(), answer.code()), (0, 2), "pages of {size}");
        }
    }
    let (others, _) = rest(&mut client, &wanted, 1, cookie);
    assert_eq!([first, others].concat(), whole);
}

/// Octets that are no cookie, always the same ones.
fn noise() -> Vec<Vec<u8>> {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    (1..40).map(|length| (0..length).map(|_| next().to_le_bytes()[3]).collect()).collect()
}

/// A cookie is good in its session, for its search, and while the session may read.
#[test]
fn foreign_and_forged_cookies() {
    let company = Company::new();
    let gate = company.gate("bad-cookies", "");
    let wanted = everything();
    let begin = || {
        let mut client = bound(&gate);
        let (first, answer) = client.search_with(&wanted, &[page(2, b"")]);
        (client, first, cookie_of(&answer))
    };
    let (mut owner, first, cookie) = begin();
    let (whole, _) = owner.search_with(&wanted, &[]);

    // Another session, with the same search by the same application, and with a list of its own.
    ends(bound(&gate), &wanted, page(2, &cookie), "another session");
    ends(begin().0, &wanted, page(2, &cookie), "another session with a list");

    // Another search of the same session.
    let others = [
        search(PEOPLE, WholeSubtree, "(objectClass=*)", &["cn"]),
        search(BASE, SingleLevel, "(objectClass=*)", &["cn"]),
        search(BASE, BaseObject, "(objectClass=*)", &["cn"]),
        search(BASE, WholeSubtree, "(cn=*)", &["cn"]),
        search(BASE, WholeSubtree, "(objectClass=*)", &["cn", "mail"]),
        search(BASE, WholeSubtree, "(objectClass=*)", &[]),
        SearchRequest { types_only: true, ..wanted.clone() },
    ];
    for other in others {
        let (client, _, cookie) = begin();
        ends(client, &other, page(2, &cookie), "another search");
    }

    // Made up, from nothing and from a good one.
    let text = String::from_utf8(cookie.clone()).unwrap();
    let made_up = ["0", "-", "0-0", "1-", "-1", "1-1-1", "18446744073709551616-0", "99999999-2"];
    let changed = [
        format!("{text}0000000"),
        format!("{text} "),
        format!("{text}\0"),
        format!(" {text}"),
        format!("9{text}"),
        text[..text.len() - 1].to_owned(),
        "9".repeat(100_000),
    ];
    let texts = made_up.iter().map(|text| (*text).to_owned()).chain(changed);
    for forged in texts.map(String::into_bytes).chain(noise()) {
        ends(begin().0, &wanted, page(2, &forged), &format!("{:?}", forged.get(..40)));
    }

    // Through all that the owner's list goes on, after binds as well.
    assert_eq!(owner.bind("crm", LOCAL_SECRET).code(), 0);
    assert_eq!(owner.bind(SERVICE.0, SERVICE.1).code(), 0);
    assert_eq!([first, rest(&mut owner, &wanted, 5, cookie).0].concat(), whole);

    // Who may no longer read is not told that the list is at its end.
    let (mut client, _, cookie) = begin();
    assert_eq!(client.bind(ALICE.0, ALICE.1).code(), 0);
    ends(client, &wanted, page(2, &cookie), "as somebody who may not search");
    let (mut client, _, cookie) = begin();
    assert_eq!(client.bind("crm", "wrong").code(), 49);
    ends(client, &wanted, page(2, &cookie), "after a refused bind");
    let (mut client, _, cookie) = begin();
    assert_eq!(client.search_with(&wanted, &[page(0, &cookie)]).1.code(), 0);
    ends(client, &wanted, page(2, &cookie), "given up");
    assert!(!gate.log_text().contains("panicked"));
}

/// Filters for which every entry is a candidate are refused before the first entry, in whatever way they
/// are asked; what is narrow, and a base read, is not.
#[test]
fn filters_that_touch_everything() {
    const CANDIDATES: u32 = 12;
    let company = Company::new();
    let gate = limited(&company, "bad-filters", &format!("candidates = {CANDIDATES}"));
    let free = company.gate("bad-filters-free", "");
    let (mut client, mut free) = (bound(&gate), bound(&free));
    let sort = Control {
        oid: "1.2.840.113556.1.4.473".to_owned(),
        criticality: true,
        value: Some(b"\x30\x06\x30\x04\x04\x02cn".to_vec()),
    };
    let ways = [vec![], vec![page(1, b"")], vec![page(1000, b"")], vec![sort.clone()]];
    for filter in [
        "(objectClass=*)",
        "(&)",
        "(|(cn=x)(&))",
        "(!(cn=nobody))",
        "(!(|))",
        "(&(!(cn=x))(!(cn=y)))",
        "(|(objectClass=*)(cn=alice))",
        "(objectGUID=*)",
        "(whenChanged>=19700101000000.0Z)",
        "(!(userAccountControl:1.2.840.113556.1.4.803:=2))",
        "(!(memberOf:1.2.840.113556.1.4.1941:=CN=nobody,DC=corp,DC=example))",
        "(|(description=*zzz*)(!(info=*zzz*)))",
    ] {
        let wanted = search(BASE, WholeSubtree, filter, &["cn"]);
        let (all, _) = free.search_with(&wanted, &[]);
        assert!(all.len() > CANDIDATES as usize, "{filter}: {}", all.len());
        for controls in &ways {
            for size_limit in [0, 1] {
                let wanted = SearchRequest { size_limit, ..wanted.clone() };
                let (entries, answer) = client.search_with(&wanted, controls);
                let shown = (entries.len(), answer.code());
                assert_eq!(shown, (0, 53), "{filter} {controls:?} {size_limit}");
            }
        }
    }
    for (base, scope, filter, count) in [
        (BASE, WholeSubtree, "(sAMAccountName=alice)", 1),
        (BASE, WholeSubtree, "(&(objectClass=*)(sAMAccountName=alice))", 1),
        (BASE, WholeSubtree, "(&(!(cn=nobody))(sAMAccountName=alice))", 1),
        (BASE, BaseObject, "(objectClass=*)", 1),
        (BASE, WholeSubtree, "(|)", 0),
    ] {
        let (entries, answer) = client.search(base, scope, filter, &["cn"]);
        assert_eq!((entries.len(), answer.code()), (count, 0), "{filter}");
    }
    assert!(!gate.log_text().contains("panicked"));
}

/// A search that takes longer than it may, while others are served as ever: no entries, 53 for the
/// application's bound, 3 for the client's own.
#[test]
fn searches_without_end() {
    let text = "0123456789abcdef".repeat(1000);
    let company = Company::with(|directory| {
        for number in 0..500 {
            let attributes = [
                ("objectClass", "user"),
                ("sAMAccountName", &*format!("bulk{number}")),
                ("description", &*text),
            ];
            directory.add(&format!("CN=Bulk {number},{PEOPLE}"), &attributes).unwrap();
        }
        let crm_users = directory.dn_of("crm-users").unwrap();
        for number in 0..500 {
            directory.add_member(&crm_users, &format!("CN=Bulk {number},{PEOPLE}")).unwrap();
        }
    });
    let gate = limited(&company, "bad-time", "time = \"1s\"");
    let parts = "(description=*fedc*ba98*)".repeat(2000);
    let mut wanted = search(BASE, WholeSubtree, "(objectClass=*)", &["cn"]);
    assert!(bound(&gate).search_with(&wanted, &[]).0.len() > 500);
    wanted.filter = Filter::parse(&format!("(!(|{parts}))")).unwrap();
    for (time_limit, controls, code) in [
        (0, vec![], 53),
        (0, vec![page(100, b"")], 53),
        (0, vec![page(i32::MAX as u32, b"")], 53),
        (3600, vec![], 53),
        (1, vec![], 3),
        (1, vec![page(100, b"")], 3),
    ] {
        let wanted = SearchRequest { time_limit, ..wanted.clone() };
        let begun = Instant::now();
        thread::scope(|scope| {
            let slow = scope.spawn(|| bound(&gate).search_with(&wanted, &controls));
            while !slow.is_finished() {
                let begun = Instant::now();
                let (found, _) = bound(&gate).search(PEOPLE, BaseObject, "(cn=*)", &["ou"]);
                assert!(found.len() <= 1);
                assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
                thread::sleep(Duration::from_millis(50));
            }
            let (entries, answer) = slow.join().unwrap();
            assert_eq!((entries.len(), answer.code()), (0, code), "{time_limit} {controls:?}");
        });
        let lasted = begun.elapsed();
        assert!(
            (Duration::from_millis(900)..Duration::from_secs(4)).contains(&lasted),
            "{lasted:?}"
        );
    }
    assert!(!gate.log_text().contains("panicked"));
}
