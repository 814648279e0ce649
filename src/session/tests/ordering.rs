//! Sorted results (RFC 2891) and windows of them (draft-ietf-ldapext-ldapv3-vlv-09).

use super::cursors::everybody;
use super::*;
use crate::ldap::controls::search_options::SearchOptions;
use crate::ldap::controls::server_side_sort::{self, SortKey, SortOutcome};
use crate::ldap::controls::virtual_list_view::{ListViewOutcome, Target, VirtualListView};
use crate::policy::tests::{ALICE, BOB, CORP, application, company, corp, entry_of, names, set};

fn key(attribute: &str) -> SortKey {
    SortKey { attribute: attribute.to_owned(), rule: None, reverse: false }
}

fn sorted(keys: &[SortKey], critical: bool) -> Vec<Control> {
    vec![server_side_sort::request(keys, critical)]
}

/// Everybody with numbers and names: alice, bob and jürgen have an employeeNumber, the service accounts
/// have none.
fn staff() -> Client {
    let mut entries = company();
    set(entry_of(&mut entries, ALICE), "uidNumber", &["10"]);
    set(entry_of(&mut entries, BOB), "uidNumber", &["9", "1000"]);
    set(entry_of(&mut entries, ALICE), "sn", &["\u{e4}b"]);
    set(entry_of(&mut entries, BOB), "sn", &["AB"]);
    let crm = Application { service_accounts: names(&["svc-crm"]), ..application() };
    let mut client = Client::new(crm, corp(1, entries));
    assert_eq!(client.bind("svc-crm"), 0);
    client
}

fn users() -> Operation {
    search(CORP, SearchScope::WholeSubtree, "(userAccountControl=512)")
}

fn short(answers: &Answers) -> Vec<String> {
    let first = |dn: &&str| dn.split([',', '=']).nth(1).unwrap().to_owned();
    answers.entries().iter().map(first).collect()
}

fn outcome(answers: &Answers) -> SortOutcome {
    let control = answers.control(oid::SERVER_SIDE_SORT_RESPONSE).unwrap();
    SortOutcome::read(&control).unwrap()
}

/// RFC 2891 §2: by the attribute's own ordering, the least value counts, what has none comes last.
#[test]
fn sorted_results() {
    let mut client = staff();
    let jm = "J\u{fc}rgen A/B";
    let reverse = |attribute| SortKey { reverse: true, ..key(attribute) };
    let by = |attribute, rule: &str| SortKey { rule: Some(rule.to_owned()), ..key(attribute) };
    let cases: [(Vec<SortKey>, [&str; 5]); 9] = [
        (vec![key("sAMAccountName")], ["alice", "bob", "eve", jm, "svc-crm"]),
        (vec![key("2.5.4.3")], ["alice", "bob", "eve", jm, "svc-crm"]),
        (vec![reverse("samaccountname")], ["svc-crm", jm, "eve", "bob", "alice"]),
        (vec![key("uidNumber"), key("cn")], ["bob", "alice", "eve", jm, "svc-crm"]),
        (vec![key("uidNumber"), reverse("cn")], ["bob", "alice", "svc-crm", jm, "eve"]),
        (vec![reverse("uidNumber"), key("cn")], ["eve", jm, "svc-crm", "alice", "bob"]),
        (vec![key("sn"), key("cn")], ["bob", "alice", "eve", jm, "svc-crm"]),
        (vec![by("cn", "2.5.13.3")], ["alice", "bob", "eve", jm, "svc-crm"]),
        (vec![by("cn", "caseExactOrderingMatch")], [jm, "alice", "bob", "eve", "svc-crm"]),
    ];
    for (keys, expected) in cases {
        let answers = client.send(users(), sorted(&keys, true));
        assert_eq!(short(&answers), expected, "{keys:?}");
        assert_eq!(outcome(&answers), SortOutcome { result: ResultCode::SUCCESS, attribute: None });
    }
}

/// Entries that are equal stay as they come without sorting.
#[test]
fn sorting_is_stable() {
    let mut client = staff();
    let unsorted = client.send(everybody(), Vec::new());
    let keys = [key("description")];
    let answers = client.send(everybody(), sorted(&keys, true));
    assert_eq!(answers.entries(), unsorted.entries());
}

/// RFC 2891 §2: where it cannot be sorted, a critical control gives 12 and no entry, another all entries
/// unsorted; the response control says why and which key.
#[test]
fn what_cannot_be_sorted() {
    let mut client = staff();
    let rule = |attribute, rule: &str| SortKey { rule: Some(rule.to_owned()), ..key(attribute) };
    for (bad, code) in [
        (key("noSuchThing"), 16),
        (key("not a name"), 16),
        (key("unicodePwd"), 16),
        (rule("cn", "1.2.3.4"), 18),
        (rule("cn", "integerOrderingMatch"), 18),
        (rule("uidNumber", "2.5.13.3"), 18),
    ] {
        let keys = [key("cn"), bad.clone()];
        let expected =
            SortOutcome { result: ResultCode(code), attribute: Some(bad.attribute.clone()) };
        let refused = client.send(users(), sorted(&keys, true));
        assert_eq!((refused.code(), refused.entries().len()), (12, 0), "{bad:?}");
        assert_eq!(outcome(&refused), expected);
        let unsorted = client.send(users(), sorted(&keys, false));
        assert_eq!((unsorted.code(), unsorted.entries().len()), (0, 5), "{bad:?}");
        assert_eq!(outcome(&unsorted), expected);
    }
    let broken = Control { value: Some(vec![1]), ..Control::new(oid::SERVER_SIDE_SORT, false) };
    assert_eq!(client.send(users(), vec![broken]).code(), 2);
}

/// Sorted once, when the cursor is opened; each page says so.
#[test]
fn sorted_pages() {
    let mut client = staff();
    let keys = [SortKey { reverse: true, ..key("cn") }];
    let whole = short(&client.send(users(), sorted(&keys, true)));
    let mut found = Vec::new();
    let mut cookie = Vec::new();
    loop {
        let mut controls = sorted(&keys, true);
        controls.push(PagedResults { size: 2, cookie }.to_control(true));
        let page = client.send(users(), controls);
        assert_eq!(outcome(&page).result, ResultCode::SUCCESS);
        found.extend(short(&page));
        cookie = page.cookie();
        client.world = corp(client.world.epoch + 1, company());
        if cookie.is_empty() {
            break;
        }
    }
    assert_eq!(found, whole);
}

fn window(
    client: &mut Client,
    target: Target,
    context: Option<Vec<u8>>,
) -> (Answers, ListViewOutcome) {
    let mut controls = sorted(&[key("cn")], true);
    let view = VirtualListView { before: 1, after: 1, target, context };
    controls.push(view.to_control(true));
    let answers = client.send(users(), controls);
    let control = answers.control(oid::VIRTUAL_LIST_VIEW_RESPONSE).unwrap();
    let outcome = ListViewOutcome::read(&control).unwrap();
    (answers, outcome)
}

/// draft-ietf-ldapext-ldapv3-vlv-09 §4, by position and by value.
#[test]
fn windows_of_a_sorted_list() {
    let mut client = staff();
    let jm = "J\u{fc}rgen A/B";
    for (target, shown, position) in [
        (Target::Offset { offset: 1, count: 0 }, vec!["alice", "bob"], 1),
        (Target::Offset { offset: 3, count: 5 }, vec!["bob", "eve", jm], 3),
        (Target::Offset { offset: 100, count: 100 }, vec![jm, "svc-crm"], 5),
        (Target::GreaterOrEqual(b"C".to_vec()), vec!["bob", "eve", jm], 3),
        (Target::GreaterOrEqual(b"zz".to_vec()), vec!["svc-crm"], 6),
    ] {
        let (answers, outcome) = window(&mut client, target.clone(), None);
        assert_eq!((answers.code(), short(&answers)), (0, names(&shown)), "{target:?}");
        assert_eq!(
            (outcome.position, outcome.count, outcome.result.0),
            (position, 5, 0),
            "{target:?}"
        );
    }
    let (answers, outcome) = window(&mut client, Target::Offset { offset: 0, count: 5 }, None);
    assert_eq!((answers.code(), answers.entries().len()), (76, 0));
    assert_eq!(outcome.result, ResultCode::OFFSET_RANGE_ERROR);
}

/// With the context of the last answer the list stays as it was; one that is gone is made anew.
#[test]
fn windows_go_on_in_their_list() {
    let mut client = staff();
    let first = Target::Offset { offset: 1, count: 0 };
    let (_, outcome) = window(&mut client, first.clone(), None);
    let mut entries = company();
    entries.retain(|entry| !entry.dn.starts_with("CN=alice"));
    client.world = corp(2, entries);
    let (answers, again) = window(&mut client, first.clone(), outcome.context.clone());
    assert_eq!(short(&answers), ["alice", "bob"]);
    assert_eq!(again.context, outcome.context);
    for context in [None, Some(b"1-0".to_vec()), Some(vec![0xff])] {
        let (answers, anew) = window(&mut client, first.clone(), context);
        assert_eq!(short(&answers), ["bob", "eve"]);
        assert_eq!(anew.count, 4);
    }
}

/// A list found for one identity is shown to the next one as far as that may see it.
#[test]
fn windows_are_shown_through_the_present_permit() {
    use crate::policy::application::Searchers;
    use crate::policy::tests::base;
    let crm = Application {
        bases: vec![base(&format!("OU=People,{CORP}"))],
        service_accounts: names(&["svc-crm"]),
        searchers: Searchers::PermittedUsers,
        ..application()
    };
    let mut client = Client::new(crm, corp(1, company()));
    assert_eq!(client.bind("svc-crm"), 0);
    let last = Target::GreaterOrEqual(b"svc".to_vec());
    let (answers, outcome) = window(&mut client, last.clone(), None);
    assert!(short(&answers).contains(&"svc-crm".to_owned()));
    assert_eq!(client.bind("alice"), 0);
    let (answers, _) = window(&mut client, last, outcome.context);
    assert_eq!(answers.code(), 0);
    assert!(!short(&answers).contains(&"svc-crm".to_owned()));
}

/// §3: no window without a sort control, and none in pages.
#[test]
fn windows_need_a_sorted_list() {
    let mut client = staff();
    let view = |critical| {
        let target = Target::Offset { offset: 1, count: 0 };
        VirtualListView { before: 0, after: 0, target, context: None }.to_control(critical)
    };
    let result = |answers: &Answers| {
        let control = answers.control(oid::VIRTUAL_LIST_VIEW_RESPONSE).unwrap();
        ListViewOutcome::read(&control).unwrap().result.0
    };
    let refused = client.send(users(), vec![view(true)]);
    assert_eq!((refused.code(), refused.entries().len(), result(&refused)), (76, 0, 60));
    let ignored = client.send(users(), vec![view(false)]);
    assert_eq!((ignored.code(), ignored.entries().len(), result(&ignored)), (0, 5, 60));
    let mut controls = sorted(&[key("nothing")], false);
    controls.push(view(true));
    let unsorted = client.send(users(), controls);
    assert_eq!((unsorted.code(), unsorted.entries().len(), result(&unsorted)), (76, 0, 16));
    let mut controls = sorted(&[key("cn")], false);
    controls.push(view(true));
    controls.push(PagedResults { size: 2, cookie: Vec::new() }.to_control(false));
    let paged = client.send(users(), controls);
    assert_eq!((paged.code(), paged.entries().len(), result(&paged)), (76, 0, 53));
}

/// MS-ADTS §3.1.1.3.4.1.12: without referrals, and on into the naming contexts below.
#[test]
fn search_options() {
    let options = |flags: u8| Control {
        value: Some(vec![0x30, 3, 0x02, 1, flags]),
        ..Control::new(oid::SEARCH_OPTIONS, true)
    };
    assert!(SearchOptions::read(&options(2)).unwrap().phantom_root);
    let mut client = staff();
    for flags in [0, 1, 2, 3] {
        let answers = client.send(users(), vec![options(flags)]);
        assert_eq!((answers.code(), answers.entries().len()), (0, 5), "{flags}");
    }
    let broken = Control { value: None, ..options(1) };
    assert_eq!(client.send(users(), vec![broken]).code(), 2);
}

/// What finds the entries may run on any thread.
#[test]
fn finding_may_run_elsewhere() {
    fn owned<T: Send + 'static>() {}
    owned::<crate::session::search::Finding>();
    owned::<crate::session::search::SearchRun>();
}
