//! Whole conversations at random (invariants 1, 4, 7, 8, 12).

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::request::{
    CompareRequest, ExtendedRequest, OperationFault, OperationKind, RequestError, START_TLS,
    WHO_AM_I,
};
use crate::policy::application::{AnonymousAccess, LocalAccount, LocalSecret, Searchers};
use crate::policy::tests::{
    ALICE, BOB, CORP, application, base, company, corp, entry_of, guid, names, set,
};
use crate::policy::{BindName, Identity, Permit, World, judge};

/// One thing that happens to a session.
#[derive(Clone, Debug)]
enum Step {
    Bind {
        name: &'static str,
        password: &'static str,
        version: i64,
        controller: Controller,
    },
    /// A bind during which the account is disabled.
    BindOvertaken {
        number: u8,
        name: &'static str,
    },
    Search {
        base: &'static str,
        filter: &'static str,
    },
    Page {
        size: u32,
    },
    Compare,
    WhoAmI,
    Extended,
    Write(OperationKind),
    Abandon,
    Malformed(OperationKind),
    /// The accounts of these numbers are disabled from now on.
    World {
        disabled: Vec<u8>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let name =
        select(vec!["alice", "bob", "svc-crm", "eve", "local", "nobody", "", "CORP\\alice", "a\0"]);
    let password = select(vec!["secret", "", "secret\0"]);
    let controllers = [
        Controller::Accepts,
        Controller::Accepts,
        Controller::Rejects,
        Controller::IsDown,
        Controller::IsBusy,
    ];
    let writes =
        [OperationKind::Add, OperationKind::Modify, OperationKind::Delete, OperationKind::ModifyDn];
    let kinds = [
        OperationKind::Bind,
        OperationKind::Search,
        OperationKind::Compare,
        OperationKind::Add,
        OperationKind::Modify,
        OperationKind::Delete,
        OperationKind::ModifyDn,
        OperationKind::Extended,
        OperationKind::Abandon,
    ];
    prop_oneof![
        8 => (name, password, select(vec![3, 3, 3, 2, 4]), select(controllers.to_vec())).prop_map(
            |(name, password, version, controller)| Step::Bind { name, password, version, controller },
        ),
        1 => select(vec![(ALICE, "alice"), (14, "svc-crm")])
            .prop_map(|(number, name)| Step::BindOvertaken { number, name }),
        4 => (select(vec![CORP, "", "dc=nowhere"]), select(vec!["(cn=*)", "(objectClass=user)"]))
            .prop_map(|(base, filter)| Step::Search { base, filter }),
        3 => (0..4_u32).prop_map(|size| Step::Page { size }),
        1 => Just(Step::Compare),
        1 => Just(Step::WhoAmI),
        1 => Just(Step::Extended),
        1 => select(writes.to_vec()).prop_map(Step::Write),
        1 => Just(Step::Abandon),
        1 => select(kinds.to_vec()).prop_map(Step::Malformed),
        2 => proptest::sample::subsequence(vec![ALICE, BOB, 14], 0..=2)
            .prop_map(|disabled| Step::World { disabled }),
    ]
}

fn configured(searchers: Searchers, anonymous: AnonymousAccess) -> Application {
    use sha2::{Digest, Sha256};
    let secret = LocalSecret::Sha256(Sha256::digest(b"secret").into());
    Application {
        bases: vec![base(&format!("OU=People,{CORP}"))],
        service_accounts: names(&["svc-crm"]),
        local_accounts: vec![LocalAccount { name: "local".to_owned(), secret }],
        searchers,
        anonymous,
        ..application()
    }
}

fn world(generation: u64, disabled: &[u8]) -> World {
    let mut entries = company();
    for number in disabled {
        set(entry_of(&mut entries, *number), "userAccountControl", &["514"]);
    }
    corp(generation, entries)
}

/// Whether whoever bound last may search now, told without looking at any permit.
fn may_search(client: &Client, bound: Option<&str>) -> bool {
    let application = &client.session.terms().application;
    match bound {
        None => application.anonymous == AnonymousAccess::Search,
        Some("local") => true,
        Some(name) => {
            let name = BindName::read(name.as_bytes()).unwrap();
            let admission = judge(&client.world, application, &name, client.now);
            admission.is_ok_and(|admission| {
                admission.account().guid == guid(14)
                    || application.searchers == Searchers::PermittedUsers
            })
        }
    }
}

struct Conversation {
    client: Client,
    /// Who the last bind made of the client; `None`: nobody.
    bound: Option<&'static str>,
    cookie: Vec<u8>,
    generation: u64,
    disabled: Vec<u8>,
}

impl Conversation {
    fn take(&mut self, step: &Step, critical: bool) {
        let controls = if critical { vec![Control::new("1.2.3.4", true)] } else { Vec::new() };
        let (operation, controller) = match step {
            Step::World { disabled } => return self.move_world(disabled.clone()),
            Step::Malformed(kind) => return self.malformed(*kind),
            Step::Page { size } => return self.page(*size),
            Step::BindOvertaken { number, name } => return self.overtaken(*number, name),
            Step::Bind { name, password, version, controller } => {
                (with_version(*version, name, password), *controller)
            }
            other => (operation(other), Controller::Accepts),
        };
        let kind = operation.kind();
        let answers = self.client.send_to(operation, controls, controller, |_| ());
        self.terminal(&answers, kind);
        // The version of a bind says how its controls are to be read, so it comes first.
        let version_first = matches!(step, Step::Bind { version: 4, .. });
        if critical && kind.response_tag().is_some() {
            let expected = if version_first { 2 } else { 12 };
            assert_eq!(answers.code(), expected, "{step:?}");
        }
        match step {
            Step::Bind { name, .. } => self.after_bind(&answers, name),
            Step::Search { .. } => self.after_search(&answers),
            Step::WhoAmI if answers.closes => self.bound = None,
            Step::Compare => self.forget_if_lost(),
            _ => assert!(answers.entries().is_empty()),
        }
    }

    /// Exactly one terminal answer of the request's own type with its id, entries before it, or a notice
    /// of disconnection and the end.
    fn terminal(&self, answers: &Answers, kind: OperationKind) {
        let Some((last, entries)) = answers.responses.split_last() else {
            assert_eq!(kind.response_tag(), None, "no answer to {}", kind.name());
            return;
        };
        let ResponseOperation::Done { tag, has_referral, .. } = &last.operation else {
            panic!("{last:?} at the end")
        };
        assert!(!has_referral);
        if answers.closes {
            assert_eq!(last.id, MessageId::UNSOLICITED);
            return;
        }
        assert_eq!((Some(*tag), last.id), (kind.response_tag(), answers.id));
        for entry in entries {
            assert!(
                matches!(entry.operation, ResponseOperation::Entry(_)) && entry.id == answers.id
            );
            assert_eq!(kind, OperationKind::Search);
        }
    }

    fn after_bind(&mut self, answers: &Answers, name: &'static str) {
        let accepted = answers.code() == 0;
        self.bound = (accepted && !name.is_empty()).then_some(name);
        let identity = self.client.session.permit().map(Permit::identity);
        match (self.bound, identity) {
            (None, None | Some(Identity::Anonymous))
            | (Some("local"), Some(Identity::Local { .. }))
            | (Some(_), Some(Identity::Directory(_))) => {}
            (bound, found) => panic!("bound as {bound:?}, permit of {found:?}"),
        }
        if let Some(name) = self.bound.filter(|name| *name != "local") {
            let name = BindName::read(name.as_bytes()).unwrap();
            let application = &self.client.session.terms().application;
            assert!(judge(&self.client.world, application, &name, self.client.now).is_ok());
        }
    }

    fn after_search(&mut self, answers: &Answers) {
        let allowed = may_search(&self.client, self.bound);
        assert!(allowed || answers.entries().is_empty(), "entries without a current permit");
        assert_eq!(matches!(answers.code(), 1 | 50 | 12), !allowed || answers.code() == 12);
        self.forget_if_lost();
    }

    /// A lost permit makes the session anonymous for good, not until the account is enabled again.
    fn forget_if_lost(&mut self) {
        if self
            .client
            .session
            .permit()
            .is_none_or(|one| matches!(one.identity(), Identity::Anonymous))
        {
            self.bound = None;
        }
    }

    fn page(&mut self, size: u32) {
        let operation = search(CORP, SearchScope::WholeSubtree, "(cn=*)");
        let cookie = std::mem::take(&mut self.cookie);
        let answers = self.client.page(&operation, size, &cookie);
        self.terminal(&answers, OperationKind::Search);
        if answers.closes {
            // Only a list that cannot go on ends the session, and only for want of a permit here.
            assert!(!cookie.is_empty() && answers.entries().is_empty());
            assert!(!may_search(&self.client, self.bound));
            return self.forget_if_lost();
        }
        self.after_search(&answers);
        if answers.code() == 0 {
            self.cookie = answers.cookie();
        }
    }

    fn overtaken(&mut self, number: u8, name: &'static str) {
        self.generation += 1;
        self.disabled = vec![number];
        let later = world(self.generation, &self.disabled);
        let operation = simple(name, "secret");
        let overtake = move |world: &mut World| *world = later;
        let answers = self.client.send_to(operation, Vec::new(), Controller::Accepts, overtake);
        self.terminal(&answers, OperationKind::Bind);
        assert_eq!(answers.code(), 49, "the rules are asked again after the controller");
        self.after_bind(&answers, name);
    }

    fn move_world(&mut self, disabled: Vec<u8>) {
        self.generation += 1;
        self.client.world = world(self.generation, &disabled);
        self.disabled = disabled;
    }

    fn malformed(&mut self, kind: OperationKind) {
        let id = self.client.next_id();
        let error = RequestError::Operation { id, kind, fault: OperationFault::Range("x") };
        let mut octets = Vec::new();
        let next = self.client.session.handle_malformed(&error, &mut octets);
        assert!(matches!(next, Next::Continue));
        let answers = Answers { id, responses: decoded(&octets), octets, closes: false };
        self.terminal(&answers, kind);
        if kind == OperationKind::Bind {
            assert!(self.client.session.permit().is_none());
            self.bound = None;
        }
    }
}

fn operation(step: &Step) -> Operation {
    let extended =
        |name: &str| Operation::Extended(ExtendedRequest { name: name.to_owned(), value: None });
    match step {
        Step::Search { base, filter } => search(base, SearchScope::WholeSubtree, filter),
        Step::Compare => Operation::Compare(CompareRequest {
            entry: CORP.to_owned(),
            attribute: AttributeDescription::new("cn"),
            value: b"x".to_vec(),
        }),
        Step::WhoAmI => extended(WHO_AM_I),
        Step::Extended => extended("1.2.3.4"),
        Step::Write(kind) => Operation::Write { kind: *kind, entry: CORP.to_owned() },
        Step::Abandon => Operation::Abandon(MessageId::new(1).unwrap()),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every answerable request gets exactly one terminal answer of its own type with its id; a failed bind
    /// always leaves the session anonymous; no entry is written without a current permit; a critical
    /// control that is not served is code 12.
    #[test]
    fn conversations(
        steps in proptest::collection::vec((step(), prop::bool::weighted(0.1)), 1..25),
        searchers in select(vec![Searchers::ServiceAccounts, Searchers::PermittedUsers]),
        anonymous in select(vec![AnonymousAccess::RootDseOnly, AnonymousAccess::RootDseOnly, AnonymousAccess::Search]),
    ) {
        let client = Client::new(configured(searchers, anonymous), world(1, &[]));
        let mut conversation = Conversation {
            client, bound: None, cookie: Vec::new(), generation: 1, disabled: Vec::new(),
        };
        for (step, critical) in &steps {
            conversation.take(step, *critical);
        }
    }
}

/// RFC 4511 §4.3 and §4.1.11: an unbind ends the session whatever it carries, and is never answered.
#[test]
fn an_unbind_ends_the_session() {
    for controls in [Vec::new(), vec![Control::new("1.2.3.4", true)]] {
        let mut client = Client::new(application(), world(1, &[]));
        let answers = client.send(Operation::Unbind, controls);
        assert!(answers.closes && answers.responses.is_empty());
    }
    let mut client = Client::new(application(), world(1, &[]));
    let kind = OperationKind::Unbind;
    let fault = OperationFault::Range("x");
    let error = RequestError::Operation { id: client.next_id(), kind, fault };
    let mut octets = Vec::new();
    assert!(matches!(client.session.handle_malformed(&error, &mut octets), Next::Close));
    assert!(octets.is_empty());
}

/// RFC 4511 §4.14: StartTLS comes before the first bind, and nothing that was before counts after it.
#[test]
fn start_tls_begins_anew() {
    let open = configured(Searchers::ServiceAccounts, AnonymousAccess::Search);
    let mut client = Client::new(open, world(1, &[]));
    let operation = search(CORP, SearchScope::WholeSubtree, "(cn=*)");
    let cookie = client.page(&operation, 1, &[]).cookie();
    assert!(!cookie.is_empty());
    let start = || Operation::Extended(ExtendedRequest { name: START_TLS.to_owned(), value: None });
    let answers = client.send(start(), Vec::new());
    assert_eq!((answers.code(), answers.closes), (0, true));
    client.session.tls_started();
    assert!(client.session.permit().is_none() && client.session.terms().tls_active);
    assert!(client.page(&operation, 1, &cookie).closes, "no cursor is left");
    assert_eq!(client.send(start(), Vec::new()).code(), 1, "only once");
    assert_eq!(client.bind("alice"), 0);
    let mut bound = Client::new(application(), world(1, &[]));
    assert_eq!(bound.bind("nobody"), 49);
    assert_eq!(bound.send(start(), Vec::new()).code(), 1, "after a bind, be it a failed one");
}
