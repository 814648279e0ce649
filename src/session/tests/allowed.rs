//! What an application is served at all, whoever asks.

use super::*;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::request::{CompareRequest, ExtendedRequest, OperationKind, START_TLS, WHO_AM_I};
use crate::policy::application::{AnonymousAccess, ServedOperation};
use crate::policy::traffic::{Traffic, TrafficLimits};

fn open() -> Application {
    Application { anonymous: AnonymousAccess::Search, ..application() }
}

fn client(application: Application) -> Client {
    Client::new(application, corp(1, company()))
}

fn root_dse() -> Operation {
    search("", SearchScope::BaseObject, "(objectClass=*)")
}

fn people() -> Operation {
    search(CORP, SearchScope::WholeSubtree, "(sAMAccountName=alice)")
}

fn comparing() -> Operation {
    let entry = crate::policy::tests::people("alice");
    let attribute = AttributeDescription::new("cn");
    Operation::Compare(CompareRequest { entry, attribute, value: b"alice".to_vec() })
}

fn extended(name: &str) -> Operation {
    Operation::Extended(ExtendedRequest { name: name.to_owned(), value: None })
}

fn writing() -> Operation {
    Operation::Write { kind: OperationKind::Modify, entry: "CN=x".to_owned() }
}

/// RFC 4511 appendix A.1: confidentialityRequired. What is needed to get to TLS is served.
#[test]
fn in_clear_nothing_is_served_where_tls_is_required() {
    let application = || Application { require_tls: true, ..open() };
    let mut client = client(application());
    for operation in [people(), comparing(), extended(WHO_AM_I), writing(), simple("alice", "x")] {
        let kind = operation.kind();
        assert_eq!(client.send(operation, Vec::new()).code(), 13, "{kind:?}");
    }
    assert!(client.session.permit().is_none(), "not even for nobody");
    assert_eq!(client.send(root_dse(), Vec::new()).code(), 0);
    assert_eq!(client.send(extended(START_TLS), Vec::new()).code(), 0, "as they were told");
    client.session.tls_started();
    assert_eq!(client.send(people(), Vec::new()).code(), 0);
    assert_eq!(client.send(comparing(), Vec::new()).code(), 6);
    assert_eq!(client.send(simple("alice", "x"), Vec::new()).code(), 0);
}

#[test]
fn operations_that_are_not_meant_are_refused() {
    for (served, codes) in [
        (vec![ServedOperation::Bind], [0, 53, 53, 53]),
        (vec![ServedOperation::Search], [53, 0, 53, 53]),
        (vec![ServedOperation::Compare, ServedOperation::WhoAmI], [53, 53, 6, 0]),
        (ServedOperation::ALL.into(), [0, 0, 6, 0]),
    ] {
        let operations = [simple("", ""), people(), comparing(), extended(WHO_AM_I)];
        let mut client = client(Application { operations: served.clone(), ..open() });
        for (operation, code) in operations.into_iter().zip(codes) {
            let kind = operation.kind();
            assert_eq!(client.send(operation, Vec::new()).code(), code, "{served:?} {kind:?}");
        }
        assert_eq!(client.send(root_dse(), Vec::new()).code(), 0);
    }
}

fn limited(binds: u32, searches: u32) -> Application {
    let limits = TrafficLimits {
        binds_per_second: binds,
        searches_per_second: searches,
        ..TrafficLimits::default()
    };
    Application { traffic: Traffic::new(limits), ..open() }
}

/// One budget for all sessions of an application; a refused bind leaves the session anonymous.
#[test]
fn too_many_requests_a_second_are_told_so() {
    let mut first = client(limited(2, 3));
    let mut second = client(application());
    second.session = Session::new(first.session.terms().clone());
    second.now = first.now;
    assert_eq!(first.send(simple("alice", "x"), Vec::new()).code(), 0);
    assert_eq!(second.send(simple("alice", "x"), Vec::new()).code(), 0);
    assert!(first.session.permit().is_some());
    assert_eq!(first.send(simple("alice", "x"), Vec::new()).code(), 51);
    assert!(first.session.permit().is_none());
    let searches = [people(), comparing(), people(), people(), comparing(), root_dse()];
    let codes = searches.map(|operation| second.send(operation, Vec::new()).code());
    // Alice may not search; what counts is that it was looked at.
    assert_eq!(codes, [50, 50, 50, 51, 51, 0]);
    for client in [&mut first, &mut second] {
        client.now = client.now.later(std::time::Duration::from_millis(500));
    }
    assert_eq!(first.send(simple("alice", "x"), Vec::new()).code(), 0);
    assert_eq!(second.send(simple("alice", "x"), Vec::new()).code(), 51);
}

/// Pages of a list that has begun are not counted: cut off, the list would be a whole one to many clients.
#[test]
fn a_list_that_has_begun_goes_on() {
    let mut client = client(limited(0, 1));
    let all = || search(CORP, SearchScope::WholeSubtree, "(objectClass=user)");
    let mut cookie = Vec::new();
    for page in 0..3 {
        let answers = client.page(&all(), 2, &cookie);
        assert_eq!(answers.code(), 0, "page {page}");
        cookie = answers.cookie();
        assert!(!cookie.is_empty() || page == 2);
    }
    assert_eq!(client.page(&all(), 2, &[]).code(), 51);
}
