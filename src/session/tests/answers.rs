//! What a client can tell from an answer to a bind.

use super::*;
use crate::policy::Refusal;
use crate::policy::application::{LocalAccount, LocalSecret, RefusalStyle};
use crate::policy::name_memo::NameMemo;
use crate::policy::tests::{
    ALICE, ANNA, CORP, EVE, JUERGEN, application, base, both, company, corp_view, entry_of,
    filetime, lab_view, names, noon, on_both, person, set,
};
use crate::session::answer::{Reason, bind_result};

fn accounts() -> Vec<crate::ldap::entry::Entry> {
    let mut entries = company();
    set(entry_of(&mut entries, ALICE), "userAccountControl", &["514"]);
    set(entry_of(&mut entries, JUERGEN), "accountExpires", &[&filetime(noon().wall)]);
    set(entry_of(&mut entries, EVE), "userAccountControl", &[]);
    let twin = entry_of(&mut entries, 14);
    set(twin, "userPrincipalName", &["twin@corp.example"]);
    let other = entry_of(&mut entries, EVE);
    set(other, "userPrincipalName", &["twin@corp.example"]);
    entries
}

fn octets_of(application: &Application, name: &str, password: &str) -> Vec<u8> {
    let world = both(Some(corp_view(1, accounts())), Some(lab_view(2, vec![person(ANNA, "anna")])));
    let mut client = Client::new(application.clone(), world);
    let operation = simple(name, password);
    let controller =
        if name.contains("anna") { Controller::RejectsWithoutText } else { Controller::Rejects };
    let answers = client.send_to(operation, Vec::new(), controller, |_| ());
    assert!(client.session.permit().is_none());
    answers.octets
}

/// DESIGN §5 `uniform`: every refusal made here and a controller's wrong password are one answer, to the
/// octet, in an application of one directory and in one of two.
#[test]
fn uniform_answers_are_one() {
    let restricted = |application: Application| Application {
        bases: vec![base(&format!("OU=People,{CORP}")), base("ou=people,dc=lab,dc=example")],
        denied_groups: names(&["crm-loop"]),
        excluded_bases: vec![base("uid=nobody,ou=people,dc=lab,dc=example")],
        local_accounts: vec![LocalAccount {
            name: "local".to_owned(),
            secret: LocalSecret::Sha256([0; 32]),
        }],
        ..application
    };
    for application in [restricted(application()), restricted(on_both())] {
        let expected = octets_of(&application, "CORP\\bob", "wrong");
        assert_eq!(decoded(&expected).len(), 1);
        for (name, password) in [
            ("nobody", "x"),
            ("nobody@corp.example", "x"),
            ("CORP\\nobody", "x"),
            ("uid=nobody,ou=people,dc=lab,dc=example", "x"),
            ("twin@corp.example", "x"),
            ("alice", "x"),
            ("j\u{fc}rgen", "x"),
            ("eve", "x"),
            ("svc-crm", "x"),
            ("al\u{200b}ice", "x"),
            ("", "password without a name"),
            ("bob", "with\0nul"),
            ("local", "wrong"),
            ("anna", "x"),
            ("uid=anna,ou=people,dc=lab,dc=example", "x"),
        ] {
            assert_eq!(octets_of(&application, name, password), expected, "{name:?}");
        }
    }
}

/// `subcodes` tells the state, in the same shape.
#[test]
fn sub_codes_tell_the_state() {
    let application = Application { refusals: RefusalStyle::Subcodes, ..application() };
    for (name, sub_code) in
        [("nobody", "525"), ("alice", "533"), ("j\u{fc}rgen", "701"), ("eve", "533")]
    {
        let answers = decoded(&octets_of(&application, name, "x"));
        let ResponseOperation::Done { result, .. } = &answers[0].operation else { panic!() };
        assert_eq!(result.code.0, 49);
        let text = String::from_utf8_lossy(&result.diagnostic_message);
        assert!(text.contains(&format!("data {sub_code},")), "{name}: {text}");
    }
}

/// Invariant 2: what is not about the password or the account is never invalidCredentials, in any style.
#[test]
fn unavailable_is_never_a_wrong_password() {
    let dialect = Dialect::default_for(DirectoryKind::ActiveDirectory);
    for style in [RefusalStyle::Uniform, RefusalStyle::Subcodes] {
        let code = |reason| bind_result(reason, style, &dialect).code.0;
        assert_eq!(code(Reason::Unavailable), 52);
        assert_eq!(code(Reason::Refused(Refusal::ViewNotReady)), 52);
        assert_eq!(code(Reason::Busy), 51);
        assert_eq!(code(Reason::CleartextRefused), 13);
        assert_eq!(code(Reason::EmptyPassword), 53);
        assert_eq!(code(Reason::Refused(Refusal::ViewStale)), 52);
        let of_the_view = [Refusal::ViewNotReady, Refusal::ViewStale];
        for refusal in Refusal::ALL.into_iter().filter(|one| !of_the_view.contains(one)) {
            let expected = if refusal == Refusal::NotConfigured { 52 } else { 49 };
            assert_eq!(code(Reason::Refused(refusal)), expected, "{refusal}");
            assert!(Reason::Refused(refusal).waits_for_floor(), "{refusal}");
        }
    }
    let mut client = Client::new(application(), both(None, None));
    assert_eq!(client.bind("alice"), 52);
    assert_eq!(client.bind("nobody"), 52);
    let mut client = Client::new(on_both(), both(Some(corp_view(1, company())), None));
    assert_eq!(client.bind("nobody"), 52);
    assert_eq!(client.bind("CORP\\alice"), 0);
    for (controller, code) in [(Controller::IsDown, 52), (Controller::IsBusy, 51)] {
        let bind = simple("CORP\\alice", "x");
        assert_eq!(client.send_to(bind, Vec::new(), controller, |_| ()).code(), code);
        assert!(client.session.permit().is_none());
    }
}

/// Which account a refused name stands for is in the audit and nowhere else.
#[test]
fn a_refusal_names_its_account_for_the_audit() {
    use crate::session::bind::{BindContext, begin};
    let world = both(Some(corp_view(1, accounts())), None);
    let application = Arc::new(application());
    let context = BindContext {
        application: &application,
        world: &world,
        names: &NameMemo::default(),
        may_receive_password: true,
        now: noon(),
    };
    let Operation::Bind(request) = simple("CORP\\alice", "x") else { panic!() };
    let Begun::Decided(verdict) = begin(&context, request, Vec::new()) else { panic!("asked") };
    assert_eq!(verdict.reason, Reason::Refused(Refusal::Disabled));
    let account = verdict.account.unwrap();
    assert_eq!((account.guid.0[0], &*account.directory), (ALICE, "corp"));
    assert!(account.dn.starts_with("CN=alice,"));
    assert!(verdict.permit.is_none() && verdict.relayed.is_none() && verdict.controls.is_empty());
}

/// RFC 4513 §5.1.2 and the order of the checks: nothing is resolved before the request itself is in order.
#[test]
fn what_is_wrong_with_the_request_comes_first() {
    let mut client = Client::new(application(), both(None, None));
    let mut code = |operation| client.send(operation, Vec::new()).code();
    assert_eq!(code(with_version(1, "alice", "x")), 2);
    assert_eq!(code(with_version(4, "", "")), 2);
    assert_eq!(code(simple("alice", "")), 53);
    assert_eq!(code(simple("", "")), 0);
    assert_eq!(code(with_version(2, "", "")), 0);
    let sasl = Authentication::Sasl { mechanism: "GSSAPI".to_owned() };
    let bind = |authentication| {
        Operation::Bind(BindRequest { version: 3, name: Vec::new(), authentication })
    };
    assert_eq!(code(bind(sasl)), 7);
    assert_eq!(code(bind(Authentication::Other(0x8a))), 7);
    let critical = vec![Control::new("1.2.3.4", true)];
    assert_eq!(client.send(simple("alice", "x"), critical).code(), 12);
    let terms = Terms { allow_cleartext_bind: false, ..client.session.terms().clone() };
    client.session = Session::new(terms);
    assert_eq!(client.bind("alice"), 13);
    client.session.tls_started();
    assert_eq!(client.bind("alice"), 52);
}

/// A session that only ever was anonymous keeps the limits of one that never bound.
#[test]
fn an_anonymous_bind_lifts_no_limit() {
    use crate::policy::application::AnonymousAccess;
    let world = || both(Some(corp_view(1, company())), None);
    let mut closed = Client::new(application(), world());
    assert_eq!(closed.send(simple("", ""), Vec::new()).code(), 0);
    assert!(!closed.session.has_authenticated() && !closed.session.may_idle());
    assert_eq!(closed.bind("alice"), 0);
    assert!(closed.session.has_authenticated() && closed.session.may_idle());
    let open = Application { anonymous: AnonymousAccess::Search, ..application() };
    let mut open = Client::new(open, world());
    assert_eq!(open.send(simple("", ""), Vec::new()).code(), 0);
    assert!(!open.session.has_authenticated() && open.session.may_idle());
}
