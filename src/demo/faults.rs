//! What goes wrong with the answer to one search.

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{LdapMsg, LdapOp};

use super::conversation::Step;
use super::quirks::Quirks;
use super::wire::{Outgoing, search_done};

/// A fault in the answer to one search, which happens once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchFault {
    /// Searches that are answered well before it, on all connections of the controller together. Each
    /// page counts as one; base reads do not count.
    pub skip: usize,
    /// Messages of the answer that are sent before it, the last one never among them.
    pub after: usize,
    /// What happens then.
    pub ending: Ending,
}

/// How a faulty answer ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The connection closes.
    Cut,
    /// Nothing more is ever answered on the connection; it stays open.
    Stop,
    /// The search ends with this code and text, without any control.
    Code(u32, String),
    /// The search ends with code 0 and without an entry, whatever there is; a paged one has no further
    /// page.
    Empty,
}

impl Quirks {
    /// The fault of the search that is about to be answered, and one search less to go for the others.
    pub(super) fn next_fault(&mut self) -> Option<SearchFault> {
        let due = self.search_faults.iter().position(|fault| fault.skip == 0);
        let fault = due.map(|index| self.search_faults.remove(index));
        for waiting in &mut self.search_faults {
            waiting.skip = waiting.skip.saturating_sub(1);
        }
        fault
    }
}

impl SearchFault {
    /// What becomes of an answer. One without messages, as of a notification, is as it was.
    pub(super) fn spoil(self, message_id: i32, step: Step) -> Step {
        let Step::Answer(mut answer) = step else { return step };
        let Some(last) = answer.pop() else { return Step::Answer(answer) };
        answer.truncate(self.after);
        match self.ending {
            Ending::Cut => Step::AnswerAndClose(answer),
            Ending::Stop => Step::AnswerAndStop(answer),
            Ending::Code(code, text) => {
                answer.push(Outgoing::Octets(search_done(message_id, code, &text)));
                Step::Answer(answer)
            }
            Ending::Empty => Step::Answer(vec![without_page(last)]),
        }
    }
}

/// Whether faults of searches concern the request.
pub(super) fn concerns(message: &LdapMsg) -> bool {
    let LdapOp::SearchRequest(request) = &message.op else { return false };
    request.scope != ldap3_proto::proto::LdapSearchScope::Base
}

fn without_page(last: Outgoing) -> Outgoing {
    let Outgoing::Message(mut message) = last else { return last };
    for control in &mut message.ctrl {
        if let LdapControl::SimplePagedResults { cookie, .. } = control {
            cookie.clear();
        }
    }
    Outgoing::Message(message)
}
