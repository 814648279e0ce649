//! `[io]` Entries that name others are read again when those are renamed, moved or gone: OpenLDAP corrects
//! their values by itself (memberof-refint, refint), or not, and says nothing of it either way; their
//! modifyTimestamp and entryCSN stay as they were. Active Directory's values follow as the view's own do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::directory::{View, identity};
use crate::ldap::dn::NormalizedDn;
use crate::ldap::identifier::Guid;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::schema::DirectoryKind;
use crate::time::Now;
use crate::upstream::FetchError;

use super::changes::Following;
use super::delta::{Delta, identities};

/// The server corrects values after it has told of what they name, one entry after another: every pass within
/// this time looks again.
const CORRECTING: Duration = Duration::from_secs(10);

/// Who named what was renamed or removed a short while ago, and since when.
#[derive(Debug, Default)]
pub(super) struct Referrers(BTreeMap<Guid, Instant>);

impl Referrers {
    /// Who is to be read again at `now`, with those that this delta calls for.
    fn due(&mut self, delta: &Delta, view: &View, now: Instant) -> BTreeSet<Guid> {
        self.0.retain(|_, since| now.saturating_duration_since(*since) < CORRECTING);
        let referrers = view.referrers(&renamed_or_gone(delta, view));
        self.0.extend(referrers.into_iter().map(|referrer| (referrer, now)));
        let gone = |guid: &&Guid| delta.deleted.contains(*guid) || delta.vanished.contains(*guid);
        self.0.keys().filter(|guid| !gone(guid)).copied().collect()
    }
}

impl Following<'_> {
    /// With those read again that name what was renamed or is gone.
    pub(super) async fn with_referrers(
        &mut self,
        mut delta: Delta,
        view: &View,
        referrers: &mut Referrers,
    ) -> Result<Delta, FetchError> {
        let kind = self.plan.kind();
        if kind == DirectoryKind::ActiveDirectory {
            return Ok(delta);
        }
        let due = referrers.due(&delta, view, Now::read().monotonic);
        if due.is_empty() {
            return Ok(delta);
        }
        let found = self.whole(&due).await?;
        let known: BTreeSet<Guid> = identities(&found, kind).collect();
        // What was read later counts.
        let is_known =
            |entry: &PackedEntry| identity(entry, kind).is_some_and(|guid| known.contains(&guid));
        delta.entries.retain(|entry| !is_known(entry));
        delta.entries.extend(found);
        Ok(delta)
    }
}

/// What has another name than in the view, and what is there no more.
fn renamed_or_gone(delta: &Delta, view: &View) -> BTreeSet<Guid> {
    let renamed = delta.entries.iter().filter_map(|entry| {
        let guid = identity(entry, DirectoryKind::OpenLdap)?;
        let before = view.find_guid(&guid)?;
        let name = NormalizedDn::parse(entry.dn()).ok()?;
        (*before.normalized_dn() != name).then_some(guid)
    });
    renamed.chain(delta.deleted.iter().copied()).chain(delta.vanished.iter().copied()).collect()
}
