//! Applications that insist on a fresh copy, and those that do not.

use std::time::Duration;

use super::*;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::request::{CompareRequest, ExtendedRequest, WHO_AM_I};
use crate::policy::application::{AnonymousAccess, Freshness, LocalAccount, LocalSecret};
use crate::policy::tests::people;

const HOUR: Duration = Duration::from_secs(3600);

fn crm(freshness: Freshness) -> Application {
    let secret = LocalSecret::Sha256([0; 32]);
    Application {
        service_accounts: names(&["svc-crm"]),
        local_accounts: vec![LocalAccount { name: "local".to_owned(), secret }],
        anonymous: AnonymousAccess::Search,
        freshness,
        ..application()
    }
}

fn client(freshness: Freshness) -> Client {
    let mut world = corp(1, company());
    world.directories[0].max_age = HOUR;
    Client::new(crm(freshness), world)
}

fn confirm(client: &Client) {
    client.world.view("corp").unwrap().confirm(client.now.wall);
}

fn found(client: &mut Client) -> (u32, usize) {
    let answers = client.search(CORP, "(sAMAccountName=alice)");
    (answers.code(), answers.entries().len())
}

fn compared(client: &mut Client) -> u32 {
    let request = CompareRequest {
        entry: people("alice"),
        attribute: AttributeDescription::new("cn"),
        value: b"alice".to_vec(),
    };
    client.send(Operation::Compare(request), Vec::new()).code()
}

/// Nothing is served from an old copy; the session outlives it.
#[test]
fn a_strict_application_waits_for_a_fresh_copy() {
    let mut client = client(Freshness::Strict);
    assert_eq!(client.bind("svc-crm"), 0);
    client.now = client.now.later(HOUR);
    assert_eq!(found(&mut client), (0, 1));
    client.now = client.now.later(Duration::from_secs(1));
    assert_eq!(found(&mut client), (52, 0));
    assert_eq!(compared(&mut client), 52);
    let (world, now) = (client.world.clone(), client.now);
    assert_eq!(client.session.renew(&world, now), Ok(()), "no reason to end it");
    let request = ExtendedRequest { name: WHO_AM_I.to_owned(), value: None };
    let answers = client.send(Operation::Extended(request), Vec::new());
    assert!(!answers.closes);
    confirm(&client);
    assert_eq!(found(&mut client), (0, 1), "without another bind");
    assert_eq!(compared(&mut client), 6);
}

/// Known or not, a name gets the same answer, and nobody is let in.
#[test]
fn a_strict_application_refuses_binds() {
    let mut client = client(Freshness::Strict);
    client.now = client.now.later(2 * HOUR);
    for name in ["alice", "svc-crm", "nobody", "CORP\\nobody", "local"] {
        assert_eq!(client.bind(name), 52, "{name}");
        assert!(client.session.permit().is_none(), "{name}");
    }
    assert_eq!(found(&mut client), (52, 0), "anonymous searches neither");
    confirm(&client);
    assert_eq!(client.bind("alice"), 0);
    assert_eq!(client.bind("nobody"), 49);
}

#[test]
fn a_lenient_application_is_served() {
    let mut client = client(Freshness::Lenient);
    client.now = client.now.later(2 * HOUR);
    assert_eq!(client.bind("svc-crm"), 0);
    assert_eq!(found(&mut client), (0, 1));
    assert_eq!(compared(&mut client), 6);
}

/// A copy that is too old does not hide that an account is gone.
#[test]
fn a_withdrawn_account_is_lost_on_an_old_copy_too() {
    use crate::directory::Withdrawn;
    use crate::policy::Refusal;
    let mut client = client(Freshness::Strict);
    assert_eq!(client.bind("svc-crm"), 0);
    client.now = client.now.later(2 * HOUR);
    let service = crate::policy::tests::guid(14);
    client.world.directories[0].withdrawn =
        Arc::new(Withdrawn { deleted: [service].into(), ..Withdrawn::default() });
    client.world.epoch += 1;
    let (world, now) = (client.world.clone(), client.now);
    assert_eq!(client.session.renew(&world, now), Err(Refusal::Unknown));
    assert!(client.session.permit().is_none());
}

/// Every form of a name, of somebody active, disabled or unknown: an application that insists on a fresh copy hears
/// nothing else, and no password is handed on.
#[test]
fn no_form_of_a_name_gets_past_an_old_copy() {
    let forms = |sam: &str, relative_id: u32, number: u8| {
        let id = crate::policy::tests::guid(number);
        let dn = crate::policy::tests::people(sam);
        vec![
            dn.clone(),
            dn.to_uppercase(),
            format!("{sam}@corp.example"),
            format!("{sam}@mail.example"),
            format!("CORP\\{sam}"),
            format!("corp.example\\{sam}"),
            sam.to_owned(),
            format!("corp.example/People/{sam}"),
            id.to_string(),
            format!("<GUID={id}>"),
            format!("S-1-5-21-1-2-3-{relative_id}"),
        ]
    };
    for (sam, number) in [("alice", 11), ("bob", 12), ("nobody", 99)] {
        for name in forms(sam, 1000 + u32::from(number), number) {
            let mut client = client(Freshness::Strict);
            client.now = client.now.later(2 * HOUR);
            let answers = client.send(simple(&name, "right"), Vec::new());
            assert_eq!(answers.code(), 52, "{name}");
            assert!(client.session.permit().is_none());
        }
    }
}
