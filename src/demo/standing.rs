//! Searches that do not end: change notification (MS-ADTS 3.1.1.3.4.1.9) and the persist stage of
//! content synchronisation (RFC 4533 §3.4).

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{LdapFilter, LdapOp, LdapResult, LdapResultCode, LdapSearchRequest};

use super::content_sync::Persisting;
use super::conversation::{no_base, outgoing, result};
use super::root_dse::NOTIFICATION;
use super::search::in_scope;
use super::view::{Replica, View};
use super::wire::Outgoing;

/// Notifications on one connection (`MaxNotificationPerConn`, MS-ADTS 3.1.1.3.4.6).
const MOST_NOTIFICATIONS: usize = 5;

/// The searches of one connection that do not end.
#[derive(Default)]
pub(super) struct StandingSearches(Vec<Standing>);

/// A search that does not end.
struct Standing {
    message_id: i32,
    request: LdapSearchRequest,
    shows_deleted: bool,
    /// Number of the last change that was told or needed no telling.
    told: i64,
    kind: StandingKind,
}

enum StandingKind {
    Notification,
    ContentSync(Persisting),
}

impl StandingSearches {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends all of them without a word, as a bind does (RFC 4511 §4.2.1).
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Ends one without a word (RFC 4511 §4.11).
    pub(super) fn abandon(&mut self, message_id: i32) {
        self.0.retain(|standing| standing.message_id != message_id);
    }

    /// Begins a change notification. It is answered when something changes.
    ///
    /// # Errors
    /// The result that ends the search instead.
    pub(super) fn notify(
        &mut self,
        view: &View<'_>,
        message_id: i32,
        request: LdapSearchRequest,
    ) -> Result<(), LdapResult> {
        view.locate(&request.base).map_err(no_base)?;
        let any = |name: &str| name.eq_ignore_ascii_case("objectClass");
        if !matches!(&request.filter, LdapFilter::Present(name) if any(name)) {
            let text = view.diagnostic("000020B9: Search filter too complex");
            return Err(result(LdapResultCode::UnwillingToPerform, &text));
        }
        let is_notification =
            |standing: &&Standing| matches!(standing.kind, StandingKind::Notification);
        if self.0.iter().filter(is_notification).count() >= MOST_NOTIFICATIONS {
            let text = view.diagnostic("00002024: MaxNotificationPerConn reached");
            return Err(result(LdapResultCode::AdminLimitExceeded, &text));
        }
        self.begin(view, message_id, request, StandingKind::Notification);
        Ok(())
    }

    /// Begins the persist stage of a content synchronisation.
    pub(super) fn persist(
        &mut self,
        view: &View<'_>,
        message_id: i32,
        request: LdapSearchRequest,
        persisting: Persisting,
    ) {
        self.begin(view, message_id, request, StandingKind::ContentSync(persisting));
    }

    fn begin(
        &mut self,
        view: &View<'_>,
        message_id: i32,
        request: LdapSearchRequest,
        kind: StandingKind,
    ) {
        let (shows_deleted, told) = (view.shows_deleted, view.directory.sequence);
        self.0.push(Standing { message_id, request, shows_deleted, told, kind });
    }

    /// What is to be told of the changes since it was last called.
    pub(super) fn changes(&mut self, replica: &Replica<'_>) -> Vec<Outgoing> {
        self.0.iter_mut().flat_map(|standing| standing.changes(replica)).collect()
    }
}

impl Standing {
    fn changes(&mut self, replica: &Replica<'_>) -> Vec<Outgoing> {
        let view = replica.view(self.shows_deleted);
        let since = self.told;
        self.told = since.max(view.directory.sequence);
        if self.told == since {
            return Vec::new();
        }
        match &mut self.kind {
            StandingKind::Notification => {
                notifications(&view, self.message_id, &self.request, since)
            }
            StandingKind::ContentSync(persisting) => {
                persisting.changes(&view, self.message_id, &self.request, since)
            }
        }
    }
}

/// An entry for each that changed and is in scope now: who moved out of it is told to nobody.
fn notifications(
    view: &View<'_>,
    message_id: i32,
    request: &LdapSearchRequest,
    since: i64,
) -> Vec<Outgoing> {
    let Ok(base) = view.locate(&request.base) else { return Vec::new() };
    let context = view.directory.context_of(&base);
    let mut changed: Vec<_> = view
        .below(&base)
        .filter(|(key, entry)| {
            entry.metadata.changed > since
                && in_scope(&base, &request.scope, key)
                && view.directory.context_of(key) == context
        })
        .collect();
    changed.sort_by_key(|(_, entry)| entry.metadata.changed);
    let shown = |key| view.shown(key, &request.attrs, request.typesonly);
    let entries = changed.into_iter().filter_map(|(key, _)| shown(key));
    entries
        .map(|entry| outgoing(message_id, LdapOp::SearchResultEntry(entry), Vec::new()))
        .collect()
}

/// Whether a change notification is asked for.
pub(super) fn asks_for_notification(controls: &[LdapControl]) -> bool {
    controls
        .iter()
        .any(|control| matches!(control, LdapControl::Unknown { oid, .. } if oid == NOTIFICATION))
}
