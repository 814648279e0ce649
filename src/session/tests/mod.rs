//! Tests of the room without sockets: a [`Session`] on a small world, binds concluded by hand.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks for one kind and fails on the rest"
)]

mod adding;
mod allowed;
mod answers;
mod conversation;
mod cursors;
pub(super) mod driving;
mod following;
mod listening;
mod ordering;
mod reading;
mod revoking;
mod schema;
mod showing;
mod signalling;
mod spanning;
mod staleness;
mod trailing;
mod wording;

use std::sync::Arc;

use super::answer::told;
use super::bind::{Begun, Verdict, conclude_controller, conclude_local};
use super::dialect::Dialect;
use super::limits::Clock;
use super::machine::{Moment, Next, PendingBind, Session, Terms};
use super::pins::Pins;
use crate::ldap::control::{Control, oid};
use crate::ldap::controls::paged_results::PagedResults;
use crate::ldap::filter::Filter;
use crate::ldap::frame;
use crate::ldap::message::MessageId;
use crate::ldap::request::{
    Authentication, BindRequest, Operation, Request, SearchRequest, SearchScope,
};
use crate::ldap::response::{Response, ResponseOperation};
use crate::ldap::result::{LdapResult, ResultCode};
use crate::ldap::schema::DirectoryKind;
use crate::ldap::secret::Password;
use crate::policy::local_account;
use crate::policy::name_memo::NameMemo;
use crate::policy::tests::{CORP, application, base, company, corp, names};
use crate::policy::visibility::VisibilityCache;
use crate::policy::{Application, World};
use crate::time::Now;
use crate::upstream::{BindOutcome, Unavailable, Verification, accepted_for_tests};

/// What a controller says to a bind, if it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Controller {
    Accepts,
    Rejects,
    /// Code 49 without a text, as OpenLDAP says it.
    RejectsWithoutText,
    IsDown,
    IsBusy,
}

/// The text of a wrong password at the controllers of these tests: the dialect before any is learned.
pub(super) fn wrong_password() -> LdapResult {
    let dialect = Dialect::default_for(DirectoryKind::ActiveDirectory);
    dialect.refusal(super::dialect::SubCode::LogonFailure)
}

impl Controller {
    pub(super) fn verification(self) -> Verification {
        let outcome = match self {
            Self::Accepts => {
                BindOutcome::Accepted { evidence: accepted_for_tests(), controls: Vec::new() }
            }
            Self::Rejects => {
                BindOutcome::Rejected { result: wrong_password(), controls: Vec::new() }
            }
            Self::RejectsWithoutText => {
                let result = LdapResult::new(ResultCode::INVALID_CREDENTIALS, "");
                BindOutcome::Rejected { result, controls: Vec::new() }
            }
            Self::IsDown => BindOutcome::Unavailable(Unavailable("down".to_owned())),
            Self::IsBusy => BindOutcome::Busy,
        };
        Verification { outcome, controller: None, attempts: 1, charged: 0, unjudged: Vec::new() }
    }
}

/// A session, its world, and the clock.
pub(super) struct Client {
    pub(super) session: Session,
    pub(super) world: World,
    pub(super) now: Now,
    pub(super) pins: Arc<Pins>,
    names: NameMemo,
    pub(super) clock: Clock,
    visibility: VisibilityCache,
    last_id: u32,
}

/// The answers to one request.
pub(super) struct Answers {
    pub(super) id: MessageId,
    pub(super) responses: Vec<Response>,
    pub(super) octets: Vec<u8>,
    pub(super) closes: bool,
}

impl Client {
    pub(super) fn new(application: Application, world: World) -> Self {
        let terms = Terms {
            application: Arc::new(application),
            tls_active: false,
            tls_available: true,
            allow_cleartext_bind: true,
        };
        Self {
            session: Session::new(terms),
            world,
            now: crate::policy::tests::noon(),
            pins: Arc::default(),
            names: NameMemo::default(),
            clock: Now::read,
            visibility: VisibilityCache::default(),
            last_id: 0,
        }
    }

    pub(super) fn next_id(&mut self) -> MessageId {
        self.last_id += 1;
        MessageId::new(self.last_id).unwrap()
    }

    pub(super) fn send(&mut self, operation: Operation, controls: Vec<Control>) -> Answers {
        self.send_to(operation, controls, Controller::Accepts, |_| ())
    }

    /// Sends a request; `meanwhile` happens while a bind is with the controller.
    pub(super) fn send_to(
        &mut self,
        operation: Operation,
        controls: Vec<Control>,
        controller: Controller,
        meanwhile: impl FnOnce(&mut World),
    ) -> Answers {
        let id = self.next_id();
        let mut octets = Vec::new();
        let moment = Moment {
            world: &self.world,
            names: &self.names,
            visibility: &self.visibility,
            pins: &self.pins,
            clock: self.clock,
            host: "gate.example",
            now: self.now,
        };
        let next = self.session.handle(Request { id, operation, controls }, moment, &mut octets);
        let closes = match next {
            Next::Continue => false,
            Next::StartTls | Next::Close => true,
            Next::Bind(pending) => {
                meanwhile(&mut self.world);
                self.conclude(*pending, controller, &mut octets);
                false
            }
            Next::Match(heavy) => {
                let mut cursors = self.session.lend_cursors();
                let mut run = (heavy.run)(&mut cursors).map_err(|result| result.code).unwrap();
                self.session.return_cursors(cursors);
                while !run.fill(&mut octets) {}
                false
            }
            Next::Search(mut run) => {
                while !run.fill(&mut octets) {}
                false
            }
        };
        Answers { id, responses: decoded(&octets), octets, closes }
    }

    fn conclude(&mut self, pending: PendingBind, controller: Controller, octets: &mut Vec<u8>) {
        let application = self.session.terms().application.clone();
        let verdict = match pending.begun {
            Begun::Decided(verdict) => verdict,
            Begun::CheckSecret { account, password } => {
                let evidence = local_account::verify(&account, &password);
                conclude_local(&application, evidence.as_ref(), &self.world, self.now)
            }
            Begun::AskController { admission, .. } => {
                conclude_controller(admission, controller.verification(), &self.world, self.now)
            }
        };
        let result = self.told(&verdict);
        self.session.conclude_bind(pending.id, verdict, &result, octets);
    }

    fn told(&self, verdict: &Verdict) -> LdapResult {
        let dialect = Dialect::default_for(DirectoryKind::ActiveDirectory);
        told(&self.session.terms().application, verdict, &dialect)
    }

    /// Binds at a controller that accepts every password; gives the code.
    pub(super) fn bind(&mut self, name: &str) -> u32 {
        self.send(simple(name, "secret"), Vec::new()).code()
    }

    pub(super) fn search(&mut self, base: &str, filter: &str) -> Answers {
        self.send(search(base, SearchScope::WholeSubtree, filter), Vec::new())
    }

    pub(super) fn page(&mut self, search: &Operation, size: u32, cookie: &[u8]) -> Answers {
        let control = PagedResults { size, cookie: cookie.to_vec() }.to_control(true);
        let Operation::Search(request) = search else { panic!("not a search") };
        self.send(Operation::Search(request.clone()), vec![control])
    }
}

impl Answers {
    /// The code of the one terminal answer.
    pub(super) fn code(&self) -> u32 {
        self.result().code.0
    }

    pub(super) fn result(&self) -> &LdapResult {
        match self.responses.last().map(|response| &response.operation) {
            Some(ResponseOperation::Done { result, .. }) => result,
            other => panic!("no terminal answer but {other:?}"),
        }
    }

    /// The names of the entries.
    pub(super) fn entries(&self) -> Vec<&str> {
        let dn = |response: &'_ Response| match &response.operation {
            ResponseOperation::Entry(_) => true,
            ResponseOperation::Reference
            | ResponseOperation::Intermediate
            | ResponseOperation::Done { .. } => false,
        };
        self.responses
            .iter()
            .filter(|response| dn(response))
            .map(|response| match &response.operation {
                ResponseOperation::Entry(entry) => entry.dn.as_str(),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// The response control with this identifier.
    pub(super) fn control(&self, oid: &str) -> Option<Control> {
        let controls = Control::read_all(&self.responses.last().unwrap().controls).unwrap();
        controls.into_iter().find(|control| control.oid == oid)
    }

    /// The cookie for the next page.
    pub(super) fn cookie(&self) -> Vec<u8> {
        let control = self.control(oid::PAGED_RESULTS).unwrap();
        PagedResults::read(&control).unwrap().cookie
    }
}

pub(super) fn decoded(mut octets: &[u8]) -> Vec<Response> {
    let mut responses = Vec::new();
    while !octets.is_empty() {
        let length = frame::complete_length(octets, usize::MAX).unwrap().unwrap();
        let (message, rest) = octets.split_at(length);
        responses.push(Response::decode(message).unwrap());
        octets = rest;
    }
    responses
}

pub(super) fn simple(name: &str, password: &str) -> Operation {
    with_version(3, name, password)
}

pub(super) fn with_version(version: i64, name: &str, password: &str) -> Operation {
    Operation::Bind(BindRequest {
        version,
        name: name.as_bytes().to_vec(),
        authentication: Authentication::Simple(Password::copy_from(password.as_bytes())),
    })
}

pub(super) fn search(base: &str, scope: SearchScope, filter: &str) -> Operation {
    Operation::Search(Arc::new(SearchRequest {
        base: base.to_owned(),
        scope,
        deref_aliases: 0,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter: Filter::parse(filter).unwrap(),
        attributes: ["sAMAccountName"].into_iter().collect(),
    }))
}

/// A client that has bound as the application's service account, everybody in one directory.
fn searching() -> Client {
    let crm = Application {
        bases: vec![base(&format!("OU=People,{CORP}"))],
        service_accounts: names(&["svc-crm"]),
        ..application()
    };
    let mut client = Client::new(crm, corp(1, company()));
    assert_eq!(client.bind("svc-crm"), 0);
    client
}
