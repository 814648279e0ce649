//! `[io]` What outlives a restart: the view with the position it was read to, the guard's memory, what applications were
//! shown before, and the jobs.
//! View and position, with who told the last changes, are written in one transaction, so that a position is never newer than the data.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::directory::{View, ViewConfig};
use crate::store::{Commit, DirectoryStore, Store, StoreError};
use crate::time::Now;

use super::guard::{Guard, GuardConfig};
use super::job::Job;
use super::lagging::Told;
use super::position::Position;

const HEAD: &str = "head";
const SUBSCHEMA: &str = "subschema";
const POSITION: &str = "position";
const GUARD: &str = "guard";
const TOLD: &str = "told";
const BASE: &str = "base";
const DEPARTED: &str = "departed";

/// A position that has moved without anything having changed is written this seldom.
const POSITION_PAUSE: Duration = Duration::from_secs(60);

/// What is kept of one directory; nothing where there is no store.
#[derive(Default)]
pub struct Keeping {
    kept: Option<Kept>,
}

struct Kept {
    store: Store,
    directory: DirectoryStore,
    name: Arc<str>,
    /// What is copied, where that is less than the naming context. No position says anything about what lies outside
    /// of it.
    base: Option<String>,
    /// The view whose records are in the store.
    written: Option<Arc<View>>,
    /// What stands there as position, and since when.
    position: Option<Position>,
    position_at: Option<Instant>,
    /// What stands there of whom applications are not shown any more.
    departed: Option<Vec<u8>>,
    /// Whether the last attempt to write failed: told once.
    failing: bool,
}

/// Where a view was read to.
#[derive(Clone, Copy)]
pub(super) struct ReadTo<'r> {
    pub(super) position: Option<&'r Position>,
    /// Who told the last changes of it.
    pub(super) told: &'r Told,
}

/// What was kept before.
pub(super) struct Resumed {
    pub(super) view: Arc<View>,
    pub(super) position: Option<Position>,
    /// Nobody, where that was not kept.
    pub(super) told: Told,
    pub(super) guard: Option<Guard>,
    /// What [`Consequences::noted`](super::Consequences::noted) gave last.
    pub(super) departed: Option<Vec<u8>>,
}

impl Keeping {
    /// Keeps the directory called `name` in `store`.
    #[must_use]
    pub fn new(store: Store, name: Arc<str>) -> Self {
        let directory = store.directory(&name);
        let kept = Kept {
            store,
            directory,
            name,
            base: None,
            written: None,
            position: None,
            position_at: None,
            departed: None,
            failing: false,
        };
        Self { kept: Some(kept) }
    }

    /// What was kept; `None`: nothing, or nothing that can be used, which the log tells. `base` is what is copied now,
    /// where that is less than the naming context; of another one the view is kept, and not the position. Blocks.
    pub(super) fn load(
        &mut self,
        base: Option<&str>,
        config: Arc<ViewConfig>,
        guard: GuardConfig,
        now: Now,
    ) -> Option<Resumed> {
        let kept = self.kept.as_mut()?;
        kept.base = base.map(str::to_owned);
        match kept.load(config, guard, now) {
            Ok(resumed) => resumed,
            Err(reason) => {
                let directory = &*kept.name;
                tracing::error!(
                    directory,
                    reason,
                    "what was kept of the directory cannot be used: everything is read anew"
                );
                None
            }
        }
    }

    /// Writes a view that is about to be published, with all that goes with it. A store that fails is told of
    /// and changes nothing else: what is out must be out, and the store says what it said before.
    pub(super) async fn save(
        &mut self,
        view: &Arc<View>,
        read_to: ReadTo<'_>,
        guard: &Guard,
        departed: Vec<u8>,
        now: Now,
    ) {
        let Some(kept) = &mut self.kept else { return };
        let last = kept.written.clone();
        let mut values = kept.position_values(read_to).to_vec();
        // It may be large, and hardly ever changes.
        if kept.departed.as_ref() != Some(&departed) {
            values.push((DEPARTED.to_owned(), Some(departed.clone())));
        }
        if let Ok(window) = guard.write(now) {
            values.push((GUARD.to_owned(), Some(window)));
        }
        let (directory, new) = (kept.directory.clone(), view.clone());
        let writing =
            tokio::task::spawn_blocking(move || write(&directory, last.as_deref(), &new, values));
        if kept.is_written(writing.await) {
            kept.written = Some(view.clone());
            kept.position = read_to.position.cloned();
            kept.position_at = Some(now.monotonic);
            kept.departed = Some(departed);
        }
    }

    /// Writes the position where it alone has moved, every now and then.
    pub(super) async fn save_position(&mut self, view: &Arc<View>, read_to: ReadTo<'_>) {
        let Some(kept) = &mut self.kept else { return };
        let now = Now::read().monotonic;
        let is_early =
            kept.position_at.is_some_and(|at| now.saturating_duration_since(at) < POSITION_PAUSE);
        let is_written = kept.written.as_ref().is_some_and(|written| Arc::ptr_eq(written, view));
        if is_early || !is_written || kept.position.as_ref() == read_to.position {
            return;
        }
        // With the head, which has the time up to which the view is known to be right.
        let mut values = kept.position_values(read_to).to_vec();
        values.push((HEAD.to_owned(), Some(view.head())));
        let directory = kept.directory.clone();
        let writing = tokio::task::spawn_blocking(move || {
            directory.commit(&Commit { values, ..Commit::default() })
        });
        if kept.is_written(writing.await) {
            kept.position = read_to.position.cloned();
            kept.position_at = Some(now);
        }
    }

    /// Writes a job into the history.
    pub(super) async fn save_job(&mut self, job: &Job) {
        let Some(kept) = &mut self.kept else { return };
        let Ok(octets) = serde_json::to_vec(job) else { return };
        let store = kept.store.clone();
        let writing = tokio::task::spawn_blocking(move || store.append_job(&octets));
        kept.is_written(writing.await);
    }
}

impl Kept {
    fn load(
        &mut self,
        config: Arc<ViewConfig>,
        guard: GuardConfig,
        now: Now,
    ) -> Result<Option<Resumed>, String> {
        let mut records = Vec::new();
        let mut each = |slot, octets: &[u8]| records.push((slot, octets.to_vec()));
        let values = self.directory.load(&mut each).map_err(|error| error.to_string())?;
        let Some(values) = values else { return Ok(None) };
        let head = values.get(HEAD).ok_or("it has no head")?;
        let view = View::restore(config, head, values.get(SUBSCHEMA), records)
            .map_err(|error| error.to_string())?;
        let view = Arc::new(view.going_on(now.wall));
        let is_of_base = values.get(BASE) == self.base.as_deref().map(str::as_bytes);
        let position = values.get(POSITION).filter(|_| is_of_base);
        let position = position.and_then(|text| serde_json::from_slice(text).ok());
        // It is of the view, whatever the position is worth.
        let told = values.get(TOLD).and_then(|text| serde_json::from_slice(text).ok());
        let window = values.get(GUARD).and_then(|octets| Guard::read(guard, octets, now).ok());
        self.written = Some(view.clone());
        self.position.clone_from(&position);
        self.departed = values.get(DEPARTED).map(<[u8]>::to_vec);
        let departed = self.departed.clone();
        let told = told.unwrap_or_default();
        Ok(Some(Resumed { view, position, told, guard: window, departed }))
    }

    /// A position, what it is a position in, and who told what is before it.
    fn position_values(&self, read_to: ReadTo<'_>) -> [(String, Option<Vec<u8>>); 3] {
        let base = self.base.as_ref().map(|base| base.as_bytes().to_vec());
        let position = read_to.position.and_then(|position| serde_json::to_vec(position).ok());
        let told = serde_json::to_vec(read_to.told).ok();
        [(POSITION.to_owned(), position), (BASE.to_owned(), base), (TOLD.to_owned(), told)]
    }

    fn is_written(
        &mut self,
        written: Result<Result<(), StoreError>, tokio::task::JoinError>,
    ) -> bool {
        let failure = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(panic.to_string()),
        };
        let directory = &*self.name;
        match &failure {
            Some(reason) if !self.failing => tracing::error!(
                directory,
                reason,
                "the store cannot be written: a restart will go on from what it has"
            ),
            None if self.failing => tracing::info!(directory, "the store can be written again"),
            Some(_) | None => {}
        }
        self.failing = failure.is_some();
        failure.is_none()
    }
}

/// Writes how `new` differs from what was written last, or all of it.
fn write(
    directory: &DirectoryStore,
    last: Option<&View>,
    new: &View,
    mut values: Vec<(String, Option<Vec<u8>>)>,
) -> Result<(), StoreError> {
    let since = last.and_then(|last| new.records_since(last.generation()));
    let replace_all = since.is_none();
    let (slots, removed) =
        since.unwrap_or_else(|| (new.slots_in_use().iter().collect(), Vec::new()));
    values.push((HEAD.to_owned(), Some(new.head())));
    if replace_all || !last.is_some_and(|last| new.has_subschema_of(last)) {
        values.push((SUBSCHEMA.to_owned(), new.subschema_octets()));
    }
    let record = |slot| Some((slot, new.record(slot)?));
    let commit = Commit { replace_all, removed, values, ..Commit::default() };
    directory.commit_with(&commit, &mut slots.into_iter().filter_map(record))
}
