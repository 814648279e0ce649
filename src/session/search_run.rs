//! A search that is being answered: its entries in bounded batches, then its end.

use std::sync::Arc;
use std::time::SystemTime;

use crate::directory::{Audience, SelectionPlan, View};
use crate::ldap::message::MessageId;
use crate::ldap::request::SearchRequest;
use crate::ldap::result::{LdapResult, ResultCode};
use crate::policy::visibility::Viewer;
use crate::time::Now;

use super::cursor::{Cursor, Cursors};
use super::finding::Answer;
use super::matches::Matches;
use super::plans::Plans;
use super::responder;
use super::search::SearchContext;

/// Octets after which a batch of entries is handed to the writer.
pub const BATCH_OCTETS: usize = 64 * 1024;

/// A view that an answer shows entries of.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) view: Arc<View>,
    pub(super) viewer: Viewer,
    plan: Arc<SelectionPlan>,
}

impl Seen {
    pub(super) fn new(
        context: &SearchContext<'_>,
        plans: &mut Plans,
        request: &SearchRequest,
        view: &Arc<View>,
        viewer: Viewer,
    ) -> Self {
        let primary_groups = context.permit.application().primary_group_in_member_of;
        let plan = plans.plan(request, view, &viewer, primary_groups);
        Self { view: view.clone(), viewer, plan }
    }
}

/// A search that is being answered.
pub struct SearchRun {
    pub(super) id: MessageId,
    /// One for each part of the matches.
    pub(super) seen: Vec<Seen>,
    pub(super) matches: Matches,
    pub(super) position: usize,
    pub(super) end: usize,
    pub(super) code: ResultCode,
    /// Response controls, encoded.
    pub(super) controls: Vec<u8>,
    /// Whether each entry is looked at again before it is shown: a list that was found earlier may have
    /// been found for another identity.
    pub(super) look_again: bool,
    pub(super) now: SystemTime,
    pub(super) cursor: Option<Cursor>,
}

impl SearchRun {
    pub(super) fn given_up(id: MessageId, now: Now) -> Self {
        let mut answer = Answer::default();
        answer.paged(0, Vec::new());
        Self {
            id,
            seen: Vec::new(),
            matches: Matches::default(),
            position: 0,
            end: 0,
            code: ResultCode::SUCCESS,
            controls: answer.controls.into_octets(),
            look_again: false,
            now: now.wall,
            cursor: None,
        }
    }

    /// The request that is being answered.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        self.id
    }

    /// Hands the session what it needs for the next page.
    pub fn keep(&mut self, cursors: &mut Cursors) {
        if let Some(cursor) = self.cursor.take() {
            cursors.keep(cursor);
        }
    }

    /// Appends the next batch of entries, and after the last one the final answer. Gives whether the
    /// search is done.
    ///
    /// No clock ends it: what was found goes out whole, and a client that does not read is the writer's
    /// to give up on. A list that is cut would be a whole one to some clients, whatever its code.
    pub fn fill(&mut self, octets: &mut Vec<u8>) -> bool {
        let full = octets.len() + BATCH_OCTETS;
        while self.position < self.end {
            if octets.len() >= full {
                return false;
            }
            self.write_one(octets);
            self.position += 1;
        }
        let result = LdapResult::new(self.code, "");
        responder::search_done(octets, self.id, &result, &self.controls);
        true
    }

    fn write_one(&self, octets: &mut Vec<u8>) {
        let Some((part, slot)) = self.matches.at(self.position) else { return };
        let Some(Seen { view, viewer, plan }) = self.seen.get(part) else { return };
        if !self.look_again || view.entry(slot).is_some_and(|entry| viewer.sees(entry)) {
            view.write_planned(octets, self.id, slot, plan, viewer, self.now);
        }
    }
}
