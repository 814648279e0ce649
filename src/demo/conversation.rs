//! One connection's requests and answers: who it is, its page cursors, and what each request gets.
//!
//! Plain data in, answers out; [`controller`](super::controller) moves the octets.

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{
    LdapBindCred, LdapBindRequest, LdapBindResponse, LdapCompareRequest, LdapExtendedRequest,
    LdapExtendedResponse, LdapMsg, LdapOp, LdapResult, LdapResultCode, LdapSearchRequest,
    LdapSearchScope,
};

use super::content_sync;
use super::dir_sync;
use super::directory::{Directory, Kind};
use super::name::DnKey;
use super::paging::Cursors;
use super::quirks::Quirks;
use super::root_dse::{
    CONTENT_SYNC, DIR_SYNC, DOMAIN_SCOPE, NOTIFICATION, SHOW_RECYCLED, START_TLS, WHO_AM_I,
    root_dse,
};
use super::search::NoBase;
use super::standing::{StandingSearches, asks_for_notification};
use super::verify::{Outcome, SeenBind};
use super::view::{Numbering, Replica, View};
use super::wire::{self, Outgoing};

/// What a connection knows about its server.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Short name: `dc1`.
    pub controller: String,
    /// Full name: `dc1.corp.example`.
    pub host_name: String,
    /// Whether the connection is protected by TLS.
    pub tls: bool,
    /// The controller's own sequence numbers.
    pub numbering: Numbering,
}

/// What to do after a request.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Send these and read on.
    Answer(Vec<Outgoing>),
    /// Send these, then close.
    AnswerAndClose(Vec<Outgoing>),
    /// Send these and never anything again.
    AnswerAndStop(Vec<Outgoing>),
    /// Send this in clear, then begin TLS.
    BeginTls(Outgoing),
}

/// The state of one connection.
#[derive(Default)]
pub struct Conversation {
    identity: Option<DnKey>,
    cursors: Cursors,
    standing: StandingSearches,
    /// Entries that searches but base reads were answered with.
    sent: usize,
    /// The last answer was a page that another one follows.
    between_pages: bool,
}

impl Conversation {
    /// Answers one request.
    pub fn handle(&mut self, message: LdapMsg, replica: &mut Replica<'_>) -> Step {
        let LdapMsg { msgid, op, ctrl } = message;
        self.between_pages = false;
        if let Some(oid) = refused_control(&ctrl, &replica.view(false))
            && let Some(response) = response_to(&op, unavailable_extension(oid))
        {
            return reply(msgid, response);
        }
        if let LdapOp::BindRequest(request) = &op {
            return self.bind(msgid, request, replica);
        }
        if let LdapOp::CompareRequest(request) = &op {
            let result = self.compare(request, &replica.view(false));
            return reply(msgid, LdapOp::CompareResult(result));
        }
        if let LdapOp::ExtendedRequest(request) = &op {
            return self.extended(msgid, request, replica);
        }
        if let LdapOp::SearchRequest(request) = op {
            let is_base_read = request.scope == LdapSearchScope::Base;
            let answer = self.search(msgid, request, &ctrl, replica);
            return match is_base_read {
                true => Step::Answer(answer),
                false => self.faulty(msgid, answer, replica.quirks),
            };
        }
        if let LdapOp::AbandonRequest(abandoned) = op {
            self.abandon(abandoned);
            return Step::Answer(Vec::new());
        }
        let read_only = result(LdapResultCode::UnwillingToPerform, "the directory is read-only");
        match response_to(&op, read_only) {
            Some(response) => reply(msgid, response),
            // An unbind, or a response where only requests belong.
            None => Step::AnswerAndClose(Vec::new()),
        }
    }

    /// Whether searches stand that changes are told to.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        !self.standing.is_empty()
    }

    /// What is to be told of the changes since it was last called.
    pub fn changes(&mut self, replica: &Replica<'_>) -> Vec<Outgoing> {
        self.standing.changes(replica)
    }

    /// Whether the last answer was a page that another one follows.
    #[must_use]
    pub fn is_between_pages(&self) -> bool {
        self.between_pages
    }

    /// Ends a search that stands, without a word.
    pub fn abandon(&mut self, message_id: i32) {
        self.standing.abandon(message_id);
    }

    /// A failed bind leaves the connection open and anonymous (RFC 4511 §4.2.1).
    fn bind(
        &mut self,
        message_id: i32,
        request: &LdapBindRequest,
        replica: &mut Replica<'_>,
    ) -> Step {
        let Replica { directory, facts, quirks, .. } = replica;
        self.identity = None;
        self.standing.clear();
        let mut refuse = |code: LdapResultCode, text: &str| {
            directory.binds.push(SeenBind {
                controller: facts.controller.clone(),
                name: request.dn.clone(),
                account: None,
                outcome: Outcome::Code(code.clone() as u32),
            });
            let res = result(code, &quirks.diagnostic(text));
            reply(message_id, LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None }))
        };
        let LdapBindCred::Simple(password) = &request.cred else {
            let text = "00002027: LdapErr: DSID-0C090607, comment: Invalid Authentication method, \
                        data 0, v4563";
            return refuse(LdapResultCode::AuthMethodNotSupported, text);
        };
        if !matches!(request.version, 2 | 3) {
            return refuse(LdapResultCode::ProtocolError, "only versions 2 and 3 are known");
        }
        if quirks.strong_auth_required && !facts.tls && !password.is_empty() {
            let text = "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to \
                        turn on integrity checking if SSL\\TLS are not already active on the \
                        connection, data 0, v4563";
            return refuse(LdapResultCode::StrongerAuthRequired, text);
        }
        let answer = directory.bind(&facts.controller, &request.dn, password, quirks);
        self.identity = answer.identity;
        let octets = wire::bind_response(message_id, answer.code, &answer.text);
        Step::Answer(vec![Outgoing::Octets(octets)])
    }

    fn search(
        &mut self,
        message_id: i32,
        request: LdapSearchRequest,
        controls: &[LdapControl],
        replica: &Replica<'_>,
    ) -> Vec<Outgoing> {
        let view = replica.view(asks_for_deleted(controls));
        if request.base.is_empty() && request.scope == LdapSearchScope::Base {
            let entry = root_dse(&view, &request.attrs);
            return vec![
                outgoing(message_id, LdapOp::SearchResultEntry(entry), Vec::new()),
                done(message_id, result(LdapResultCode::Success, ""), Vec::new()),
            ];
        }
        let answer = match self.not_allowed(&view) {
            Some(refusal) => Err(refusal),
            None => self.found(message_id, request, controls, replica),
        };
        answer.unwrap_or_else(|refusal| vec![done(message_id, refusal, Vec::new())])
    }

    fn found(
        &mut self,
        message_id: i32,
        request: LdapSearchRequest,
        controls: &[LdapControl],
        replica: &Replica<'_>,
    ) -> Result<Vec<Outgoing>, LdapResult> {
        let view = replica.view(asks_for_deleted(controls));
        if let Some(asked) = dir_sync::Asked::find(controls) {
            // DirSync tells of deleted entries without being asked for them.
            let answer = dir_sync::answer(&replica.view(true), message_id, &request, &asked)?;
            self.between_pages = answer.has_more;
            return Ok(answer.messages);
        }
        if let Some(asked) = content_sync::Asked::find(&view, controls) {
            let refresh = content_sync::refresh(&view, message_id, &request, &asked)?;
            if let Some(persisting) = refresh.persisting {
                self.standing.persist(&view, message_id, request, persisting);
            }
            return Ok(refresh.messages);
        }
        if is_notified(&view) && asks_for_notification(controls) {
            self.standing.notify(&view, message_id, request)?;
            return Ok(Vec::new());
        }
        let found = self.cursors.find(request, controls, &view)?;
        self.between_pages = found.has_more();
        Ok(found.answer(message_id, &view))
    }

    /// The answer to a search with the faults that last: a scripted end, and a connection that ends
    /// where the entries of all its searches together reach a number.
    fn faulty(&mut self, message_id: i32, mut answer: Vec<Outgoing>, quirks: &Quirks) -> Step {
        let left = quirks.cut_search_after.map(|limit| limit.saturating_sub(self.sent));
        self.sent += answer.iter().filter(|outgoing| is_entry(outgoing)).count();
        if let Some(left) = left.filter(|left| answer.len() > *left) {
            answer.pop();
            answer.truncate(left);
            return Step::AnswerAndClose(answer);
        }
        if let Some((code, text)) = &quirks.search_answer
            && answer.pop().is_some()
        {
            self.standing.abandon(message_id);
            answer.push(Outgoing::Octets(wire::search_done(message_id, *code, text)));
        }
        Step::Answer(answer)
    }

    fn not_allowed(&self, view: &View<'_>) -> Option<LdapResult> {
        let refused = self.identity.is_none() && view.directory.kind == Kind::ActiveDirectory;
        refused.then(|| {
            let text = "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this \
                        operation a successful bind must be completed on the connection., data 0, \
                        v4563";
            result(LdapResultCode::OperationsError, &view.diagnostic(text))
        })
    }

    fn compare(&self, request: &LdapCompareRequest, view: &View<'_>) -> LdapResult {
        if let Some(refusal) = self.not_allowed(view) {
            return refusal;
        }
        let key = match view.locate(&request.dn) {
            Ok(key) => key,
            Err(cause) => return no_base(cause),
        };
        let value = String::from_utf8_lossy(&request.val);
        let entry = view.get(&key);
        let equal = entry.is_some_and(|entry| view.equals(&key, entry, &request.atype, &value));
        let code = if equal { LdapResultCode::CompareTrue } else { LdapResultCode::CompareFalse };
        result(code, "")
    }

    fn extended(
        &self,
        message_id: i32,
        request: &LdapExtendedRequest,
        replica: &Replica<'_>,
    ) -> Step {
        let Replica { directory, facts, quirks, .. } = replica;
        let respond = |res: LdapResult, name: Option<&str>, value: Option<Vec<u8>>| {
            let name = name.map(str::to_owned);
            outgoing(
                message_id,
                LdapOp::ExtendedResponse(LdapExtendedResponse { res, name, value }),
                Vec::new(),
            )
        };
        let success = || result(LdapResultCode::Success, "");
        let answer = match request.name.as_str() {
            START_TLS if facts.tls => {
                let text = "TLS is in place already";
                respond(result(LdapResultCode::OperationsError, text), Some(START_TLS), None)
            }
            START_TLS if quirks.start_tls => {
                return Step::BeginTls(respond(success(), Some(START_TLS), None));
            }
            START_TLS => {
                let text = "00000000: LdapErr: DSID-0C09112D, comment: Error initializing SSL/TLS, \
                            data 0, v4563";
                let res = result(LdapResultCode::Unavailable, &quirks.diagnostic(text));
                respond(res, Some(START_TLS), None)
            }
            WHO_AM_I if quirks.whoami => respond(success(), None, Some(self.whoami(directory))),
            name => {
                let text = format!("Extended Operation({name}) not supported");
                respond(result(LdapResultCode::ProtocolError, &text), Some(name), None)
            }
        };
        Step::Answer(vec![answer])
    }

    /// RFC 4532: `u:CORP\alice` (MS-ADTS 3.1.1.3.4.2.5), `dn:uid=alice,…` for OpenLDAP.
    fn whoami(&self, directory: &Directory) -> Vec<u8> {
        let Some(entry) = self.identity.as_ref().and_then(|key| directory.entries.get(key)) else {
            return Vec::new();
        };
        let name = match directory.kind {
            Kind::ActiveDirectory => {
                let account = entry.text("sAMAccountName").unwrap_or_default();
                format!("u:{}\\{account}", directory.domain.netbios)
            }
            Kind::OpenLdap => format!("dn:{}", entry.dn),
        };
        name.into_bytes()
    }
}

fn is_entry(outgoing: &Outgoing) -> bool {
    let Outgoing::Message(message) = outgoing else { return false };
    matches!(message.op, LdapOp::SearchResultEntry(_))
}

/// The first critical control that is not served. The codec keeps no criticality of DirSync's, which
/// is always critical.
fn refused_control<'a>(controls: &'a [LdapControl], view: &View<'_>) -> Option<&'a str> {
    let is_known = |oid: &str| {
        matches!(oid, DOMAIN_SCOPE | SHOW_RECYCLED) || oid == NOTIFICATION && is_notified(view)
    };
    let is_ad = view.directory.kind == Kind::ActiveDirectory;
    let has_dir_sync = is_ad && view.quirks.dir_sync;
    let has_content_sync = content_sync::is_served(view);
    controls.iter().find_map(|control| {
        if let LdapControl::Unknown { oid, criticality: true, .. } = control {
            return (!is_known(oid)).then_some(oid.as_str());
        }
        let unserved = [
            (matches!(control, LdapControl::AdDirsync { .. }) && !has_dir_sync, DIR_SYNC),
            (
                matches!(control, LdapControl::SyncRequest { criticality: true, .. })
                    && !has_content_sync,
                CONTENT_SYNC,
            ),
            (
                matches!(control, LdapControl::ExtendedDn { criticality: true, .. }),
                "1.2.840.113556.1.4.529",
            ),
            (
                matches!(control, LdapControl::PasswordPolicyRequest { criticality: true }),
                "1.3.6.1.4.1.42.2.27.8.5.1",
            ),
        ];
        unserved.into_iter().find_map(|(is_it, oid)| is_it.then_some(oid))
    })
}

/// Whether change notification is there.
fn is_notified(view: &View<'_>) -> bool {
    view.directory.kind == Kind::ActiveDirectory && view.quirks.notification
}

/// Whether deleted entries are asked for.
fn asks_for_deleted(controls: &[LdapControl]) -> bool {
    controls.iter().any(|control| {
        matches!(control, LdapControl::ShowDeleted { .. })
            || matches!(control, LdapControl::Unknown { oid, .. } if oid == SHOW_RECYCLED)
    })
}

fn unavailable_extension(oid: &str) -> LdapResult {
    let text = format!("the control {oid} is not served");
    result(LdapResultCode::UnavailableCriticalExtension, &text)
}

/// The result in the response that belongs to the request; `None` for what has no response.
fn response_to(request: &LdapOp, res: LdapResult) -> Option<LdapOp> {
    match request {
        LdapOp::BindRequest(_) => {
            Some(LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None }))
        }
        LdapOp::SearchRequest(_) => Some(LdapOp::SearchResultDone(res)),
        LdapOp::CompareRequest(_) => Some(LdapOp::CompareResult(res)),
        LdapOp::ModifyRequest(_) => Some(LdapOp::ModifyResponse(res)),
        LdapOp::AddRequest(_) => Some(LdapOp::AddResponse(res)),
        LdapOp::DelRequest(_) => Some(LdapOp::DelResponse(res)),
        LdapOp::ModifyDNRequest(_) => Some(LdapOp::ModifyDNResponse(res)),
        LdapOp::ExtendedRequest(_) => {
            let name = None;
            Some(LdapOp::ExtendedResponse(LdapExtendedResponse { res, name, value: None }))
        }
        LdapOp::UnbindRequest
        | LdapOp::AbandonRequest(_)
        | LdapOp::BindResponse(_)
        | LdapOp::SearchResultEntry(_)
        | LdapOp::SearchResultDone(_)
        | LdapOp::SearchResultReference(_)
        | LdapOp::ModifyResponse(_)
        | LdapOp::AddResponse(_)
        | LdapOp::DelResponse(_)
        | LdapOp::ModifyDNResponse(_)
        | LdapOp::CompareResult(_)
        | LdapOp::ExtendedResponse(_)
        | LdapOp::IntermediateResponse(_) => None,
    }
}

pub(super) fn no_base(cause: NoBase) -> LdapResult {
    match cause {
        NoBase::NotAName { text } => result(LdapResultCode::InvalidDNSyntax, &text),
        NoBase::NoSuchObject { matched, text } => {
            LdapResult { matcheddn: matched, ..result(LdapResultCode::NoSuchObject, &text) }
        }
    }
}

pub(super) fn result(code: LdapResultCode, text: &str) -> LdapResult {
    LdapResult { code, matcheddn: String::new(), message: text.to_owned(), referral: Vec::new() }
}

fn reply(message_id: i32, op: LdapOp) -> Step {
    Step::Answer(vec![outgoing(message_id, op, Vec::new())])
}

pub(super) fn done(message_id: i32, result: LdapResult, controls: Vec<LdapControl>) -> Outgoing {
    outgoing(message_id, LdapOp::SearchResultDone(result), controls)
}

pub(super) fn outgoing(msgid: i32, op: LdapOp, ctrl: Vec<LdapControl>) -> Outgoing {
    Outgoing::Message(LdapMsg { msgid, op, ctrl })
}
