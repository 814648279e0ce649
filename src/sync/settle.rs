//! `[io]` What becomes of what a pass has read: published, held, or only told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use crate::directory::{Affected, ChangeSummary, Impact, Move, View, Withdrawn};
use crate::ldap::identifier::Guid;
use crate::time::Now;

use super::consequences::{Consequences, Step};
use super::copier::{Candidate, Copier, Order};
use super::hold::Waiting;
use super::keeping::ReadTo;
use super::report::{Effect, Held, Pass, PassKind, Preview};

/// Who is affected by replacing the published view, with all that was held before.
struct Extent {
    affected: BTreeSet<Guid>,
    deleted: BTreeSet<Guid>,
    everybody: bool,
}

/// What replacing the published view means.
#[derive(Default)]
struct Meaning {
    impact: Impact,
    withdrawn: Withdrawn,
    preview: Preview,
}

impl Copier {
    /// Publishes the candidate, or holds it, or, where the pass was a dry run, tells what it would change.
    pub(super) async fn settle(&mut self, candidate: Candidate, order: Order<'_>) -> Pass {
        let mut pass = Pass {
            effect: Effect::Nothing,
            generation: self.published.load().map_or(0, |view| view.generation()),
            counts: candidate.view.counts(),
            changes: candidate.changes.clone(),
            unreadable: candidate.unreadable,
            left_out: candidate.view.rejected().len(),
            moved: candidate.moved,
            missing_required: candidate.missing_required.clone(),
        };
        self.tell_of_left_out(&candidate.view);
        if order.dry {
            let (_, meaning) = self.meaning(&candidate, true).await;
            pass.effect = Effect::DryRun(meaning.preview);
            return pass;
        }
        if candidate.kind == PassKind::Full {
            self.unreadable = candidate.unreadable;
        }
        if !self.is_news(&candidate) {
            self.confirm(candidate).await;
            pass.effect = self.hold.told().map_or(Effect::Nothing, Effect::Held);
            return pass;
        }
        pass.effect = self.replace(candidate, order.seen).await;
        pass.generation = self.published.load().map_or(0, |view| view.generation());
        pass
    }

    /// Publishes what waits, because somebody who knows better says so.
    ///
    /// # Errors
    /// Nothing waits.
    pub(super) async fn accept(&mut self) -> Result<Held, String> {
        let waiting = self.hold.release().ok_or("nothing is held")?;
        let Waiting { view, affected, everybody, impact, told, .. } = waiting;
        let extent = Extent { affected, deleted: BTreeSet::new(), everybody };
        self.publish(view, &extent, &impact, None).await;
        Ok(told)
    }

    /// Throws away what waits. The next pass reads everything.
    ///
    /// # Errors
    /// Nothing waits.
    pub(super) fn reject(&mut self) -> Result<Held, String> {
        let waiting = self.hold.release().ok_or("nothing is held")?;
        self.position = None;
        self.published.withdraw(Arc::default(), None);
        Ok(waiting.told)
    }

    fn is_news(&self, candidate: &Candidate) -> bool {
        let Some(tip) = self.tip() else { return true };
        let is_same = Arc::ptr_eq(&tip, &candidate.view)
            || (candidate.changes.is_empty() && candidate.view.is_as_before());
        !is_same || tip.rejected() != candidate.view.rejected()
    }

    /// The view says what the directory says: it is as young as the pass, and no session has to be judged
    /// again for nothing.
    async fn confirm(&mut self, candidate: Candidate) {
        self.published.confirm(candidate.read_at);
        self.position = candidate.position;
        if self.hold.waiting().is_none()
            && let Some(view) = self.published.load()
        {
            let read_to = ReadTo { position: self.position.as_ref(), told: &self.told };
            self.keeping.save_position(&view, read_to).await;
        }
    }

    async fn replace(&mut self, candidate: Candidate, seen: Instant) -> Effect {
        let (extent, meaning) = self.meaning(&candidate, false).await;
        let (old, now) = (self.published.load(), Now::read());
        let objections = self.hold.objections(&meaning.impact, now);
        self.position = candidate.position;
        if objections.is_empty() {
            self.publish(candidate.view, &extent, &meaning.impact, Some(seen)).await;
            return Effect::Applied;
        }
        // What is published is right as far as it goes: it is kept on purpose, not for want of knowing better.
        self.published.confirm(candidate.read_at);
        self.published.withdraw(Arc::new(meaning.withdrawn), Some(seen));
        let accounts = Waiting::names(old.as_deref(), &candidate.view, &extent.affected);
        let told = Held { since: now.wall, reasons: objections, job: 0, accounts };
        let is_news = self.hold.keep_back(Waiting {
            view: candidate.view,
            affected: extent.affected,
            deleted: extent.deleted,
            everybody: extent.everybody,
            impact: meaning.impact,
            told: told.clone(),
        });
        if is_news {
            self.alarm(&told);
        }
        Effect::Held(self.hold.told().unwrap_or(told))
    }

    async fn publish(
        &mut self,
        view: Arc<View>,
        extent: &Extent,
        impact: &Impact,
        seen: Option<Instant>,
    ) {
        let is_first = self.published.load().is_none();
        let affected = if is_first || extent.everybody {
            Affected::Everybody
        } else {
            Affected::These(extent.affected.iter().copied().collect())
        };
        let now = Now::read();
        self.hold.published(impact, now);
        let noted = self.note(&view, extent).await;
        let change = Move { affected, seen: seen.filter(|_| !is_first) };
        let read_to = ReadTo { position: self.position.as_ref(), told: &self.told };
        if is_first {
            // Applications wait for it, and a restart before it is kept begins with another numbering.
            self.published.publish_change(view.clone(), change);
            self.tell_of_first(&view, seen);
            self.keeping.save(&view, read_to, self.hold.guard(), noted, now).await;
            return;
        }
        // Kept first: what applications are told of its numbers must hold after a restart.
        self.keeping.save(&view, read_to, self.hold.guard(), noted, now).await;
        self.published.publish_change(view, change);
    }

    /// Has those who use the published view note what replaces it; what they want to be kept with it. Counting may
    /// take long.
    async fn note(&self, view: &Arc<View>, extent: &Extent) -> Vec<u8> {
        let (old, new) = (self.published.load(), view.clone());
        let affected: Vec<Guid> = extent.affected.iter().copied().collect();
        let noted = self.consequences.noted.clone();
        let noting = tokio::task::spawn_blocking(move || {
            let wall = Now::read().wall;
            noted(Step { old: old.as_deref(), new: &new, affected: &affected, deleted: &[], wall })
        });
        noting.await.unwrap_or_else(|panic| {
            tracing::error!(%panic, "whom applications are not shown any more could not be noted");
            Vec::new()
        })
    }

    /// What the candidate means for those who use the published view. Counting may take long.
    async fn meaning(&self, candidate: &Candidate, named: bool) -> (Extent, Meaning) {
        let mut extent = Extent {
            affected: candidate.changes.affected_users.iter().copied().collect(),
            deleted: candidate.deleted.clone(),
            everybody: Affected::by(&candidate.changes) == Affected::Everybody,
        };
        if let Some(waiting) = self.hold.waiting() {
            extent.affected.extend(&waiting.affected);
            extent.deleted.extend(&waiting.deleted);
            extent.everybody |= waiting.everybody;
        }
        // One that has come back is not gone.
        extent.deleted.retain(|guid| candidate.view.find_guid(guid).is_none());
        let (old, new) = (self.published.load(), candidate.view.clone());
        let affected: Vec<Guid> = extent.affected.iter().copied().collect();
        let deleted: Vec<Guid> = extent.deleted.iter().copied().collect();
        let consequences = self.consequences.clone();
        let counted = tokio::task::spawn_blocking(move || {
            meaning(&consequences, old.as_deref(), &new, &affected, &deleted, named)
        });
        let mut meaning = counted.await.unwrap_or_else(|panic| {
            tracing::error!(%panic, "what a change means could not be counted: it is held");
            let users_before = candidate.view.counts().users.max(1);
            Meaning { impact: Impact { users_before, ..Impact::default() }, ..Meaning::default() }
        });
        if named {
            meaning.preview.would_be_held = self.hold.objections(&meaning.impact, Now::read());
        }
        (extent, meaning)
    }

    fn tell_of_first(&self, view: &View, begun: Option<Instant>) {
        let took = begun.map(|begun| begun.elapsed().as_millis());
        tracing::info!(
            directory = &*self.upstream.config().directory,
            users = view.counts().users,
            groups = view.counts().groups,
            took_ms = took.and_then(|took| u64::try_from(took).ok()),
            "the first copy is in use"
        );
    }

    fn tell_of_left_out(&self, view: &View) {
        if self.tip().is_some_and(|tip| tip.rejected() == view.rejected()) {
            return;
        }
        let directory = &*self.upstream.config().directory;
        for rejected in view.rejected() {
            let (dn, reason) = (&rejected.dn, &rejected.reason);
            tracing::warn!(directory, ?dn, reason, "entry left out of the view");
        }
    }

    fn alarm(&self, held: &Held) {
        let directory = &*self.upstream.config().directory;
        (self.consequences.held)(held);
        let accounts = held.accounts.names.join("; ");
        for reason in &held.reasons {
            tracing::error!(
                directory,
                reason,
                accounts,
                "a mass change is held: look at it, then run ldapgate sync accept, or reject"
            );
        }
    }
}

fn meaning(
    consequences: &Consequences,
    old: Option<&View>,
    new: &View,
    affected: &[Guid],
    deleted: &[Guid],
    named: bool,
) -> Meaning {
    let step = Step { old, new, affected, deleted, wall: Now::read().wall };
    let mut preview = Preview::default();
    if named {
        let changes =
            ChangeSummary { affected_users: affected.to_vec(), ..ChangeSummary::default() };
        preview = Preview::between(old, new, &changes);
        preview.leaving = (consequences.leaving)(step);
    }
    Meaning {
        impact: (consequences.impact)(step),
        withdrawn: (consequences.withdrawn)(step),
        preview,
    }
}
