//! The state of one session and what each request means for it. Octets go into a buffer, everything that
//! has to wait goes back to the driver as a [`Next`].

use std::sync::Arc;

use crate::directory::{RootDseFacts, View, root_dse as root_dse_entry};
use crate::ldap::control::Control;
use crate::ldap::message::MessageId;
use crate::ldap::request::{
    BindRequest, CompareRequest, ExtendedRequest, Operation, OperationKind, Request, RequestError,
    START_TLS, SearchRequest, WHO_AM_I,
};
use crate::ldap::response::Extras;
use crate::ldap::result::{LdapResult, ResultCode};
use crate::policy::application::AnonymousAccess;
use crate::policy::name_memo::NameMemo;
use crate::policy::visibility::{Kept, Shown, VisibilityCache};
use crate::policy::{Application, Identity, Permit, Refusal, World};
use crate::time::Now;

use super::allowed::{self, Barred};
use super::answer::Reason;
use super::bind::{self, Begun, BindContext, Verdict};
use super::compare::compare;
use super::critical;
use super::cursor::Cursors;
use super::extended::{self, Extended, TlsState};
use super::extensions::continues_a_list;
use super::heavy::{Heavy, Started};
use super::limits::Clock;
use super::pins::Pins;
use super::reading_permit::{reading_permit, renew};
use super::responder;
use super::root_dse;
use super::search::{self, Memory, SearchContext, SearchRun};

/// What a connection is like, fixed when it is accepted (and again after StartTLS).
#[derive(Clone, Debug)]
pub struct Terms {
    /// The application it belongs to.
    pub application: Arc<Application>,
    /// Whether TLS is in place.
    pub tls_active: bool,
    /// Whether StartTLS can be served.
    pub tls_available: bool,
    /// Whether a password may come in clear.
    pub allow_cleartext_bind: bool,
}

/// What a request is decided on.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// The current views.
    pub world: &'a World,
    /// Whom names stood for when they were last resolved.
    pub names: &'a NameMemo,
    /// Which users each application is shown.
    pub visibility: &'a VisibilityCache,
    /// The lists that paged searches of all sessions go on in.
    pub pins: &'a Arc<Pins>,
    /// Tells how late it has become since.
    pub clock: Clock,
    /// The host name this program goes by.
    pub host: &'a str,
    /// The time.
    pub now: Now,
}

/// What the driver has to do next.
pub enum Next {
    /// Nothing but to send what is in the buffer and read on.
    Continue,
    /// Check a password, then call [`Session::conclude_bind`].
    Bind(Box<PendingBind>),
    /// Hand out the batches of a search.
    Search(Box<SearchRun>),
    /// Find the entries of a search beside the sessions, then hand it out.
    Match(Heavy),
    /// Send what is in the buffer, then begin the TLS handshake.
    StartTls,
    /// Send what is in the buffer, then close.
    Close,
}

/// A bind that waits for its verdict.
pub struct PendingBind {
    /// The request's message id.
    pub id: MessageId,
    /// The name as typed.
    pub name: Vec<u8>,
    /// What has to be done.
    pub begun: Begun,
}

/// One client's session.
pub struct Session {
    terms: Terms,
    permit: Option<Permit>,
    bound: bool,
    authenticated: bool,
    searches: Memory,
    /// Which users its application is shown.
    shown: Kept,
}

impl Session {
    /// A fresh, anonymous session.
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            permit: None,
            bound: false,
            authenticated: false,
            searches: Memory::default(),
            shown: Kept::default(),
        }
    }

    /// The terms it runs on.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The permit in force.
    #[must_use]
    pub const fn permit(&self) -> Option<&Permit> {
        self.permit.as_ref()
    }

    /// Whether somebody has ever been identified by a bind on this connection: until then small limits
    /// apply. An anonymous bind costs nothing and proves nothing, so it does not count.
    #[must_use]
    pub const fn has_authenticated(&self) -> bool {
        self.authenticated
    }

    /// Whether the connection may stay open without requests for as long as a bound one: it has bound,
    /// or its application serves clients that never do.
    #[must_use]
    pub fn may_idle(&self) -> bool {
        self.authenticated || self.terms.application.anonymous == AnonymousAccess::Search
    }

    /// The handshake after StartTLS is done. Nothing that came in clear before counts any more.
    pub fn tls_started(&mut self) {
        *self = Self::new(Terms { tls_active: true, ..self.terms.clone() });
    }

    /// Judges the permit again after the world has moved on, and lets go of searches that nobody
    /// continues: they pin old views. A permit that only waits for a fresh copy is kept: nothing is served
    /// with it until there is one.
    ///
    /// # Errors
    /// The reason it is lost; the session is anonymous from then on and is to be closed.
    pub fn renew(&mut self, world: &World, now: Now) -> Result<(), Refusal> {
        self.searches.cursors.expire(now.monotonic);
        renew(&mut self.permit, world, now)
    }

    /// As [`Session::renew`], if anything has moved since the permit was judged.
    ///
    /// # Errors
    /// See there.
    pub fn keep_current(&mut self, world: &World, now: Now) -> Result<(), Refusal> {
        match &self.permit {
            Some(permit) if !permit.is_current(world, now) => self.renew(world, now),
            _ => Ok(()),
        }
    }

    /// Goes on under another configuration of its application. What was remembered of searches is forgotten: a list
    /// that was found under the earlier one is not handed out.
    pub fn reconfigured(&mut self, application: Arc<Application>) {
        self.terms.application = application;
        self.searches = Memory::default();
        self.shown = Kept::default();
    }

    /// The cursors, for a search that runs beside the session; they have to be given back.
    pub fn lend_cursors(&mut self) -> Cursors {
        std::mem::take(&mut self.searches.cursors)
    }

    /// Takes the cursors back.
    pub fn return_cursors(&mut self, cursors: Cursors) {
        self.searches.cursors = cursors;
    }

    /// Takes a request that could not be decoded.
    pub fn handle_malformed(&mut self, error: &RequestError, octets: &mut Vec<u8>) -> Next {
        match error {
            RequestError::Session(fault) => {
                responder::notice_of_disconnection(
                    octets,
                    ResultCode::PROTOCOL_ERROR,
                    &fault.to_string(),
                );
                Next::Close
            }
            // Whatever it carries, an unbind ends the session (§4.3).
            RequestError::Operation { kind: OperationKind::Unbind, .. } => Next::Close,
            RequestError::Operation { id, kind, .. } => {
                if *kind == OperationKind::Bind {
                    // A bind that fails leaves the session anonymous, however it fails (§4.2.1).
                    self.permit = None;
                    self.bound = true;
                }
                let result = LdapResult::new(ResultCode::PROTOCOL_ERROR, error.to_string());
                responder::answer(octets, *id, *kind, &result);
                Next::Continue
            }
        }
    }

    /// Takes one request. Answers go to `octets`.
    pub fn handle(&mut self, request: Request, moment: Moment<'_>, octets: &mut Vec<u8>) -> Next {
        let Request { id, operation, controls } = request;
        let kind = operation.kind();
        // Criticality means nothing on an unbind (§4.1.11); binds have an audit line of their own.
        if !matches!(kind, OperationKind::Bind | OperationKind::Unbind)
            && let Some(control) = critical::unserved(kind, &controls)
        {
            let text = format!("critical control {} is not supported here", control.oid);
            let result = LdapResult::new(ResultCode::UNAVAILABLE_CRITICAL_EXTENSION, text);
            responder::answer(octets, id, kind, &result);
            return Next::Continue;
        }
        if let Err(reason) = allowed::check(&self.terms, &operation, &controls, moment.now) {
            return self.bar(id, &operation, reason, moment.now, octets);
        }
        match operation {
            Operation::Bind(request) => self.bind(id, request, controls, moment),
            Operation::Unbind => Next::Close,
            Operation::Search(request) => self.search(id, &request, &controls, moment, octets),
            Operation::Compare(request) => {
                let result = self.compare(&request, moment);
                responder::answer(octets, id, kind, &result);
                Next::Continue
            }
            // Searches are answered before the next request is read: there is nothing to abandon.
            Operation::Abandon(_) => Next::Continue,
            Operation::Extended(request) => self.extended(id, &request, moment, octets),
            Operation::Write { kind, entry } => {
                self.refuse_write(id, kind, &entry, octets);
                Next::Continue
            }
        }
    }

    /// Refuses what the application is not served. A bind goes on to its audit line.
    fn bar(
        &mut self,
        id: MessageId,
        operation: &Operation,
        reason: Barred,
        now: Now,
        octets: &mut Vec<u8>,
    ) -> Next {
        let result = allowed::refuse(&self.terms, operation, reason, now);
        if let Operation::Bind(request) = operation {
            self.permit = None;
            // Whoever is told to use StartTLS may use it.
            self.bound |= reason != Barred::TlsRequired;
            let begun = Begun::Decided(Verdict::of(Reason::Barred(reason)));
            return Next::Bind(Box::new(PendingBind { id, name: request.name.clone(), begun }));
        }
        responder::answer(octets, id, operation.kind(), &result);
        Next::Continue
    }

    fn bind(
        &mut self,
        id: MessageId,
        request: BindRequest,
        controls: Vec<Control>,
        moment: Moment<'_>,
    ) -> Next {
        self.permit = None;
        self.bound = true;
        let context = BindContext {
            application: &self.terms.application,
            world: moment.world,
            names: moment.names,
            may_receive_password: self.terms.tls_active || self.terms.allow_cleartext_bind,
            now: moment.now,
        };
        let name = request.name.clone();
        let request = match self.terms.application.wording() {
            Some(wording) => BindRequest { name: wording.bind_name(request.name), ..request },
            None => request,
        };
        Next::Bind(Box::new(PendingBind {
            id,
            name,
            begun: bind::begin(&context, request, controls),
        }))
    }

    /// Takes the verdict on a bind; the driver has written or will write `result` for it.
    pub fn conclude_bind(
        &mut self,
        id: MessageId,
        verdict: Verdict,
        result: &LdapResult,
        octets: &mut Vec<u8>,
    ) {
        let identified = |permit: &Permit| !matches!(permit.identity(), Identity::Anonymous);
        self.authenticated |=
            result.code == ResultCode::SUCCESS && verdict.permit.as_ref().is_some_and(identified);
        self.permit = verdict.permit;
        self.searches.plans.forget();
        let extras = Extras { controls: &verdict.controls, ..Extras::default() };
        responder::answer_with(octets, id, OperationKind::Bind, result, extras);
    }

    fn search(
        &mut self,
        id: MessageId,
        request: &Arc<SearchRequest>,
        controls: &[Control],
        moment: Moment<'_>,
        octets: &mut Vec<u8>,
    ) -> Next {
        if allowed::is_for_root_dse(request) {
            self.root_dse(id, request, controls, moment, octets);
            return Next::Continue;
        }
        let started = match self.terms.application.wording() {
            None => self.start_search(id, request, controls, moment),
            Some(wording) => {
                let own = Arc::new(wording.search(request));
                self.start_search(id, &own, controls, moment)
            }
        };
        let wording = self.terms.application.wording();
        match started.map_err(|result| search::told(wording, result, &request.base)) {
            Ok(Started::Run(run)) => Next::Search(run),
            Ok(Started::Heavy(heavy)) => Next::Match(heavy),
            Err(result) if continues_a_list(controls) => {
                // The client holds a part of a list. There is no code that every client takes for the
                // failure it is: some would go on with the part, some ask for the page for ever.
                tracing::info!(code = result.code.0, %request.base, "a paged search cannot go on, closing");
                let text = String::from_utf8_lossy(&result.diagnostic_message);
                responder::notice_of_disconnection(octets, ResultCode::UNAVAILABLE, &text);
                Next::Close
            }
            // The subschema is in no view. It is looked for last: other searches are many.
            Err(result) if result.code == ResultCode::NO_SUCH_OBJECT => {
                let subschema = root_dse::subschema_at(&self.views(moment), request, wording);
                match root_dse::controls(controls) {
                    Ok(encoded) => root_dse::answer_subschema(
                        octets, id, request, &encoded, subschema, &result,
                    ),
                    Err(broken) => responder::search_done(octets, id, &broken, &[]),
                }
                Next::Continue
            }
            Err(result) => {
                responder::search_done(octets, id, &result, &[]);
                Next::Continue
            }
        }
    }

    fn start_search(
        &mut self,
        id: MessageId,
        request: &Arc<SearchRequest>,
        controls: &[Control],
        moment: Moment<'_>,
    ) -> Result<Started, LdapResult> {
        let permit = reading_permit(&mut self.permit, &self.terms, moment)?;
        let context = search_context(&mut self.shown, permit, moment);
        search::start(&context, &mut self.searches, id, request, controls)
    }

    fn compare(&mut self, request: &CompareRequest, moment: Moment<'_>) -> LdapResult {
        let permit = match reading_permit(&mut self.permit, &self.terms, moment) {
            Ok(permit) => permit,
            Err(result) => return result,
        };
        let context = search_context(&mut self.shown, permit, moment);
        match self.terms.application.wording() {
            None => compare(&context, request),
            Some(wording) => {
                let result = compare(&context, &wording.compare(request));
                search::told(Some(wording), result, &request.entry)
            }
        }
    }

    fn root_dse(
        &self,
        id: MessageId,
        request: &SearchRequest,
        controls: &[Control],
        moment: Moment<'_>,
        octets: &mut Vec<u8>,
    ) {
        let views = self.views(moment);
        let mut supported_extensions = vec![WHO_AM_I];
        // Listed under TLS too, as other servers do: clients read the root DSE after StartTLS as well.
        if self.terms.tls_available {
            supported_extensions.push(START_TLS);
        }
        let facts = RootDseFacts {
            supported_controls: critical::SUPPORTED.to_vec(),
            supported_extensions,
            now: moment.now.wall,
            host: moment.host.to_owned(),
            highest_usn: views.first().map_or(0, |view| view.highest_usn()),
            configured_contexts: Vec::new(),
        };
        let encoded = match root_dse::controls(controls) {
            Ok(encoded) => encoded,
            Err(result) => return responder::search_done(octets, id, &result, &[]),
        };
        let entry = root_dse_entry(&views, &facts);
        let entry = match self.terms.application.wording() {
            Some(wording) => wording.root_dse(entry),
            None => entry,
        };
        root_dse::answer(octets, id, request, &encoded, &entry);
    }

    /// The views of the application that there are.
    fn views(&self, moment: Moment<'_>) -> Vec<Arc<View>> {
        let states = moment.world.of(&self.terms.application);
        states.filter_map(|state| state.view.clone()).collect()
    }

    fn extended(
        &mut self,
        id: MessageId,
        request: &ExtendedRequest,
        moment: Moment<'_>,
        octets: &mut Vec<u8>,
    ) -> Next {
        let tls = TlsState {
            active: self.terms.tls_active,
            available: self.terms.tls_available,
            bound: self.bound,
        };
        let answer = |octets: &mut Vec<u8>, result: &LdapResult, extras: Extras<'_>| {
            responder::answer_with(octets, id, OperationKind::Extended, result, extras);
        };
        match extended::read(request, tls) {
            Extended::StartTls => {
                let extras = Extras { name: Some(START_TLS), ..Extras::default() };
                answer(octets, &LdapResult::success(), extras);
                return Next::StartTls;
            }
            Extended::WhoAmI => {
                if self.renew(moment.world, moment.now).is_err() {
                    responder::notice_of_disconnection(
                        octets,
                        ResultCode::UNAVAILABLE,
                        PERMIT_LOST,
                    );
                    return Next::Close;
                }
                let identity = extended::authorization_identity(
                    self.permit.as_ref().map(Permit::identity),
                    self.terms.application.wording(),
                );
                let extras = Extras { value: Some(identity.as_bytes()), ..Extras::default() };
                answer(octets, &LdapResult::success(), extras);
            }
            Extended::Refuse(result) => {
                // A name that is not recognised must not come back as responseName (§4.12).
                let name = (request.name == START_TLS).then_some(START_TLS);
                answer(octets, &result, Extras { name, ..Extras::default() });
            }
        }
        Next::Continue
    }

    fn refuse_write(&self, id: MessageId, kind: OperationKind, entry: &str, octets: &mut Vec<u8>) {
        let entry: String = entry.chars().take(256).collect();
        tracing::warn!(
            application = &*self.terms.application.name,
            operation = kind.name(),
            ?entry,
            "write refused: ldapgate serves a read-only view"
        );
        let result = LdapResult::new(
            ResultCode::UNWILLING_TO_PERFORM,
            format!("{} is not possible here: this is a read-only view", kind.name()),
        );
        responder::answer(octets, id, kind, &result);
    }
}

/// Why an open session ends when its account may no longer pass.
pub const PERMIT_LOST: &str = "the account of this session may no longer be used";

/// What a search or compare is decided on.
fn search_context<'a>(
    shown: &'a mut Kept,
    permit: &'a Permit,
    moment: Moment<'a>,
) -> SearchContext<'a> {
    shown.follow(moment.visibility, permit.application(), moment.world);
    SearchContext {
        world: moment.world,
        visibility: Shown { cache: moment.visibility, kept: shown },
        permit,
        pins: moment.pins,
        now: moment.now,
        clock: moment.clock,
    }
}
