//! Reading as the service account.

use futures_util::future::join_all;

use super::script::{Act, Asked, Script, Seen, binds, nobody, sane};
use super::upstream;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::ber::Writer;
use crate::ldap::controls::paged_results::PagedResults;
use crate::ldap::filter::Filter;
use crate::ldap::message::{MessageId, operation_tag};
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::request::{SearchRequest, SearchScope};
use crate::ldap::response::write_notice_of_disconnection;
use crate::ldap::result::ResultCode;
use crate::upstream::{FetchError, FetchSession, Step};

fn everything() -> SearchRequest {
    SearchRequest {
        base: "DC=corp,DC=test".to_owned(),
        scope: SearchScope::WholeSubtree,
        deref_aliases: 0,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter: Filter::Present(AttributeDescription::new("objectClass")),
        attributes: ["cn"].into_iter().collect(),
    }
}

async fn fetch(session: &mut FetchSession) -> (Result<(), FetchError>, Vec<usize>) {
    let mut pages = Vec::new();
    let each = &mut |page: Vec<PackedEntry>| pages.push(page.len());
    let result = session.search_paged(everything(), 2, each).await;
    (result, pages)
}

/// A script whose subtree searches behave so; everything else is sane.
fn searches(
    act: impl Fn(&Seen, &str) -> Vec<Act> + Send + 'static,
) -> impl Fn(&Seen) -> Vec<Act> + Send + 'static {
    move |seen| match &seen.asked {
        Asked::Search(search) if search.scope == SearchScope::WholeSubtree => {
            let cookie = PagedResults::read(&seen.controls[0]).unwrap().cookie;
            act(seen, std::str::from_utf8(&cookie).unwrap())
        }
        Asked::Search(_) | Asked::Bind { .. } | Asked::StartTls | Asked::Other => sane(seen),
    }
}

#[tokio::test]
async fn a_whole_paged_search() {
    let reference = |seen: &Seen| {
        let Act::Answer(mut octets) = seen.searched(0, "") else { panic!() };
        octets[5] = operation_tag::SEARCH_RESULT_REFERENCE;
        Act::Answer(octets)
    };
    let dc = Script::run(searches(move |seen, cookie| {
        let entry = || seen.entry("CN=x,DC=corp,DC=test", &[("cn", vec![b"x".to_vec()])]);
        match cookie {
            "" => vec![entry(), reference(seen), entry(), seen.page_end("one")],
            "one" => vec![seen.page_end("two")],
            "two" => vec![entry(), seen.page_end("")],
            other => panic!("{other}"),
        }
    }))
    .await;
    let upstream = upstream(&[&dc]);
    let mut session = upstream.fetch_session().await.unwrap();
    assert_eq!(&**session.controller(), "dc1.corp.test");
    assert_eq!(session.base_dn(), Some("DC=corp,DC=test"));
    assert_eq!(session.root_dse().text("namingContexts"), Some("DC=corp,DC=test"));
    assert!(session.peer_certificate().is_none());
    let (result, pages) = fetch(&mut session).await;
    result.unwrap();
    assert_eq!(pages, [2, 1], "a page without entries is no page");
    session.set_max_entries(2);
    assert_eq!(fetch(&mut session).await.0.unwrap_err().step, Step::Limit);
    session.close().await;
    assert_eq!(upstream.status()[0].sync.state, "up");
}

/// A good end of a search, under another message id.
fn foreign() -> Act {
    let seen = Seen { id: MessageId::new(999).unwrap(), asked: Asked::Other, controls: Vec::new() };
    seen.page_end("")
}

fn notice() -> Act {
    let mut writer = Writer::new();
    write_notice_of_disconnection(&mut writer, ResultCode::UNAVAILABLE, "shutting down");
    Act::Answer(writer.into_octets())
}

#[tokio::test]
async fn a_search_cut_short_is_an_error() {
    let tag = operation_tag::SEARCH_RESULT_DONE;
    type Acts = Box<dyn Fn(&Seen, &str) -> Vec<Act> + Send>;
    let cases: Vec<(Step, Acts)> = vec![
        (Step::Limit, Box::new(|seen, _| vec![seen.searched(4, "")])),
        (Step::Limit, Box::new(|seen, _| vec![seen.searched(11, "")])),
        (Step::Base, Box::new(|seen, _| vec![seen.searched(10, "")])),
        (Step::Base, Box::new(|seen, _| vec![seen.searched(32, "")])),
        (Step::Rights, Box::new(|seen, _| vec![seen.searched(50, "")])),
        (Step::Server, Box::new(|seen, _| vec![seen.searched(52, "")])),
        // The paged results control is missing, or never ends.
        (Step::Protocol, Box::new(|seen, _| vec![seen.searched(0, "")])),
        (Step::Protocol, Box::new(|seen, _| vec![seen.page_end("same")])),
        // Samba refuses critical controls in an answer of the wrong type.
        (
            Step::Control,
            Box::new(|s, _| vec![s.done(operation_tag::EXTENDED_RESPONSE, 12, "", &[])]),
        ),
        (
            Step::Protocol,
            Box::new(|s, _| vec![s.done(operation_tag::EXTENDED_RESPONSE, 0, "", &[])]),
        ),
        (Step::Protocol, Box::new(|_, _| vec![Act::Answer(vec![0x30, 0x84, 0x7f, 0, 0, 0])])),
        (Step::Protocol, Box::new(|_, _| vec![foreign()])),
        (Step::Connect, Box::new(|seen, _| vec![seen.entry("CN=x", &[]), Act::Close])),
        (Step::Connect, Box::new(|_, _| vec![notice()])),
        (Step::Timeout, Box::new(|seen, _| vec![seen.entry("CN=x", &[]), Act::Hang])),
        (
            Step::Limit,
            Box::new(move |seen, cookie| match cookie {
                "" => vec![seen.entry("CN=x", &[]), seen.page_end("more")],
                _ => vec![seen.done(tag, 3, "", &[])],
            }),
        ),
    ];
    for (step, acts) in cases {
        let dc = Script::run(searches(acts)).await;
        let mut session = upstream(&[&dc]).fetch_session().await.unwrap();
        let error = fetch(&mut session).await.0.unwrap_err();
        assert_eq!(error.step, step, "{error}");
        assert_eq!(&*error.controller, "dc1.corp.test");
    }
}

#[tokio::test]
async fn one_entry_is_read_by_name() {
    let dc = Script::run(|seen| match &seen.asked {
        Asked::Search(search) if search.base == "CN=none" => vec![seen.searched(32, "")],
        Asked::Search(search) if search.base == "CN=hidden" => vec![seen.searched(0, "")],
        Asked::Search(search) if search.base == "CN=bad" => {
            vec![seen.entry("CN=bad", &[]), seen.searched(34, "")]
        }
        Asked::Search(_) | Asked::Bind { .. } | Asked::StartTls | Asked::Other => sane(seen),
    })
    .await;
    let mut session = upstream(&[&dc]).fetch_session().await.unwrap();
    assert_eq!(session.read("CN=x", &["cn"]).await.unwrap().unwrap().dn(), "CN=x");
    assert!(session.read("CN=none", &["cn"]).await.unwrap().is_none());
    assert_eq!(session.read("CN=hidden", &["cn"]).await.unwrap_err().step, Step::Rights);
    assert_eq!(session.read("CN=bad", &["cn"]).await.unwrap_err().step, Step::Base);
}

/// MS-ADTS 3.1.1.3.1.3.3: at most `SLICE` values at a time, as Active Directory does it.
fn ranges(total: usize) -> impl Fn(&Seen) -> Vec<Act> + Send + 'static {
    const SLICE: usize = 3;
    move |seen| {
        let Asked::Search(search) = &seen.asked else { return sane(seen) };
        let Some(wanted) =
            search.attributes.iter().next().filter(|name| name.starts_with("member"))
        else {
            return sane(seen);
        };
        let first = wanted.split(['=', '-']).nth(1).map_or(0, |first| first.parse().unwrap());
        let end = total.min(first + SLICE);
        let last = if end == total { "*".to_owned() } else { (end - 1).to_string() };
        let values = (first..end).map(|number| number.to_string().into_bytes()).collect();
        let slice = format!("member;range={first}-{last}");
        let attributes: [(&str, Vec<Vec<u8>>); 2] = [("member", vec![]), (&slice, values)];
        vec![seen.entry(&search.base, &attributes), seen.searched(0, "")]
    }
}

#[tokio::test]
async fn large_attributes_are_read_slice_by_slice() {
    for total in [1, 3, 4, 10] {
        let dc = Script::run(ranges(total)).await;
        let mut session = upstream(&[&dc]).fetch_session().await.unwrap();
        let expected: Vec<_> = (0..total).map(|number| number.to_string().into_bytes()).collect();
        assert_eq!(session.all_values("CN=g", "member").await.unwrap(), expected);
        let mut entry = session.read("CN=g", &["member"]).await.unwrap().unwrap();
        session.complete_ranges(&mut entry).await.unwrap();
        let entry = entry.unpack();
        assert_eq!((entry.values("member"), entry.attributes.len()), (expected.as_slice(), 1));
    }
}

#[tokio::test]
async fn a_refused_service_account_is_sent_once() {
    let refuse = || binds(|seen| seen.bound(49, "data 52e, v1db1"));
    let (dc1, dc2) = (Script::run(refuse()).await, Script::run(refuse()).await);
    let upstream = upstream(&[&dc1, &dc2]);
    let sessions = join_all((0..8).map(|_| upstream.fetch_session())).await;
    let at_dc2 = upstream.fetch_session_at("dc2.corp.test").await;
    for result in sessions.into_iter().chain([at_dc2]) {
        let Err(error) = result else { panic!() };
        assert_eq!(error.step, Step::Credentials);
        assert!(error.reason.contains("52e"), "{error}");
    }
    assert_eq!((dc1.bind_count(), dc2.bind_count()), (1, 0));
}

#[tokio::test]
async fn outages_lead_to_the_next_controller_but_not_for_ever() {
    let busy = Script::binds(|seen| seen.bound(51, "")).await;
    let (gone, good) = (nobody().await, Script::run(sane).await);
    let session = upstream(&[&gone, &busy, &good]).fetch_session().await.unwrap();
    assert_eq!(&**session.controller(), "dc3.corp.test");
    let no_servers = || Script::binds(|seen| seen.bound(49, "data 51f, v1db1"));
    let (dc1, dc2) = (no_servers().await, no_servers().await);
    let Err(error) = upstream(&[&dc1, &dc2, &good]).fetch_session().await else { panic!() };
    assert_eq!(error.step, Step::Server);
    assert_eq!(good.bind_count(), 1);
}

#[tokio::test]
async fn each_failure_names_its_step() {
    let (gone, good) = (nobody().await, Script::run(sane).await);
    let foreign = Script::run(|seen| match &seen.asked {
        Asked::Search(search) if search.base.is_empty() => {
            let context = ("namingContexts", vec![b"DC=other".to_vec()]);
            vec![seen.entry("", &[context]), seen.searched(0, "")]
        }
        Asked::Search(_) | Asked::Bind { .. } | Asked::StartTls | Asked::Other => sane(seen),
    })
    .await;
    let strict =
        Script::binds(|seen| seen.bound(8, "BindSimple: Transport encryption required.")).await;
    let hung = Script::run(|_| vec![Act::Hang]).await;
    let upstream = upstream(&[&gone, &good, &foreign, &strict, &hung]);
    for (name, step) in [
        ("dc1.corp.test", Some(Step::Connect)),
        ("dc2.corp.test", None),
        ("dc3.corp.test", Some(Step::RootDse)),
        ("dc4.corp.test", Some(Step::Tls)),
        ("dc5.corp.test", Some(Step::Timeout)),
        ("dc6.corp.test", Some(Step::NoController)),
    ] {
        let found = upstream.fetch_session_at(name).await.err().map(|error| error.step);
        assert_eq!(found, step, "{name}");
    }
    let mut nowhere = super::config(super::in_order(&[&good]));
    nowhere.controllers[0].address = Some("no-such-host.invalid".to_owned());
    nowhere.timeouts.connect = std::time::Duration::from_secs(5);
    let nowhere = super::Upstream::new(nowhere, super::Now::read()).unwrap();
    let Err(error) = nowhere.fetch_session().await else { panic!() };
    assert_eq!(error.step, Step::Resolve, "{error}");
}
