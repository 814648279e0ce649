//! `[io]` What the audit trail has of an open session that is ended because its permit is lost: who held it, in which
//! application, why, and how long after the change was seen.

use std::time::Instant;

use crate::policy::judge::Identity;
use crate::policy::{Application, Refusal};
use crate::time::Now;
use crate::trail::Event;
use crate::trail::event::Value;

use super::driver::Surroundings;

/// Most fields of such a line.
const FIELDS: usize = 7;

/// Leaves the line, where there is a trail. `seen` is when the change was seen, where that is known.
pub(super) fn record(
    surroundings: &Surroundings,
    application: &Application,
    holder: Option<&Identity>,
    refusal: Refusal,
    seen: Option<Instant>,
) {
    let Some(trail) = &surroundings.gate.trail else { return };
    let now = Now::read();
    let mut event = Event::with_room("session_ended", now.wall, FIELDS);
    event.add("application", Value::Shared(application.name.clone()));
    event.add("client", Value::Address(surroundings.client));
    add_holder(&mut event, holder);
    event.add("reason", Value::Word(refusal.code()));
    if let Some(seen) = seen {
        let took = now.monotonic.saturating_duration_since(seen).as_millis();
        event.add("took_ms", Value::Number(u64::try_from(took).unwrap_or(u64::MAX)));
    }
    trail.leave(event);
}

/// A client without identity has no name: its session ends where the whole application is blocked.
fn add_holder(event: &mut Event, holder: Option<&Identity>) {
    match holder {
        Some(Identity::Directory(account)) => {
            event.add("guid", Value::Guid(account.guid.0));
            event.add("dn", Value::Person(account.dn.clone()));
            event.add("directory", Value::Shared(account.directory.clone()));
        }
        Some(Identity::Local { name }) => event.add("name", Value::name(name.as_str())),
        Some(Identity::Anonymous) | None => {}
    }
}
