//! Whom each application was shown once and is not shown any more. Of removed users an application is told those, also
//! after a restart: what is known is written in octets that go with the view.
//!
//! It is noted when a view is published, not when somebody asks: an application that asks seldom was free to
//! look at every view in between. The cost goes with the users whom a change affects; only slots are kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::directory::{EntryKind, View};
use crate::hexadecimal;
use crate::ldap::identifier::Guid;

use super::application::{Application, ScopeBase};
use super::impact::departing;
use super::visibility::hides_disabled;

/// The users of one directory whom applications were shown once and are not shown any more.
pub struct Departures {
    directory: Arc<str>,
    known: Mutex<Known>,
}

/// What is known in one line of views. Slots mean the same entries in all of it.
#[derive(Default)]
struct Known {
    line: Option<Guid>,
    applications: BTreeMap<Arc<str>, Departed>,
}

/// The departed of one application.
struct Departed {
    /// Under which scope they were shown, see [`scope`]: one that was configured since says nothing of them.
    scope: String,
    slots: Arc<RoaringBitmap>,
}

/// [`Known`] as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredLine {
    line: String,
    applications: Vec<StoredApplication>,
}

#[derive(Serialize, Deserialize)]
struct StoredApplication {
    name: Arc<str>,
    scope: String,
    /// The portable form of the bitmap, as hexadecimal digits.
    slots: String,
}

impl Departures {
    /// Of the directory called so; nobody has departed yet.
    #[must_use]
    pub fn new(directory: Arc<str>) -> Self {
        Self { directory, known: Mutex::default() }
    }

    /// The name of the directory.
    #[must_use]
    pub const fn directory(&self) -> &Arc<str> {
        &self.directory
    }

    /// Notes who departs when `new` is published in the place of `old`, at `wall`; to be called before. `affected` is as
    /// for [`impact`](super::impact::impact). Gives all that is known, in octets for [`Departures::resume`].
    pub fn note(
        &self,
        applications: &[Arc<Application>],
        old: Option<&View>,
        new: &View,
        affected: &[Guid],
        wall: SystemTime,
    ) -> Vec<u8> {
        let leaving = old.map_or_else(Vec::new, |old| {
            departing(applications, &self.directory, old, new, affected, wall)
        });
        let mut known = self.known();
        if known.line != Some(new.invocation()) {
            *known = Known { line: Some(new.invocation()), ..Known::default() };
        }
        for (application, slots) in leaving {
            known.add(application, &slots);
        }
        let is_configured =
            |name: &Arc<str>| applications.iter().any(|application| application.name == *name);
        known.applications.retain(|name, _| is_configured(name));
        known.forget_gone(new);
        known.write()
    }

    /// Takes up what an earlier run has written of `view`; octets that say nothing of it count for nothing. What is
    /// known of an application counts only as long as its scope is the one of then.
    pub fn resume(&self, octets: &[u8], view: &View) {
        let line = view.invocation();
        let stored = serde_json::from_slice::<StoredLine>(octets).ok();
        let Some(stored) = stored.filter(|stored| stored.line == line.to_string()) else { return };
        let known = stored.applications.into_iter().filter_map(|stored| {
            let slots = Arc::new(read(&stored.slots)?);
            Some((stored.name, Departed { scope: stored.scope, slots }))
        });
        *self.known() = Known { line: Some(line), applications: known.collect() };
    }

    /// The slots of the departed of `application` in the line of `view`.
    pub(super) fn of(&self, application: &Application, view: &View) -> Arc<RoaringBitmap> {
        let known = self.known();
        let of_line = known.applications.get(&application.name);
        let departed = of_line.filter(|_| known.line == Some(view.invocation()));
        let slots = departed.filter(|departed| departed.scope == scope(application));
        slots.map(|departed| departed.slots.clone()).unwrap_or_default()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn add(&mut self, application: &Application, slots: &RoaringBitmap) {
        let scope = scope(application);
        let before = self.applications.get(&application.name);
        let slots = match before.filter(|before| before.scope == scope) {
            Some(before) => before.slots.as_ref() | slots,
            None => slots.clone(),
        };
        let departed = Departed { scope, slots: Arc::new(slots) };
        self.applications.insert(application.name.clone(), departed);
    }

    /// Of those whose tombstones are gone nobody can be told any more.
    fn forget_gone(&mut self, view: &View) {
        if self.applications.is_empty() {
            return;
        }
        let of = |kind| view.slots_of_kind(kind).as_ref();
        let there = of(EntryKind::User) | of(EntryKind::Deleted);
        for departed in self.applications.values_mut() {
            if !departed.slots.is_subset(&there) {
                departed.slots = Arc::new(departed.slots.as_ref() & &there);
            }
        }
    }

    fn write(&self) -> Vec<u8> {
        let Some(line) = self.line else { return Vec::new() };
        let applications = self.applications.iter().map(|(name, departed)| StoredApplication {
            name: name.clone(),
            scope: departed.scope.clone(),
            slots: written(&departed.slots),
        });
        let stored = StoredLine { line: line.to_string(), applications: applications.collect() };
        // No map in it has keys that are no texts, so there is nothing that could fail.
        serde_json::to_vec(&stored).unwrap_or_default()
    }
}

/// What decides who is in scope, in short: the same text means the same users on the same view.
fn scope(application: &Application) -> String {
    let bases = |bases: &[ScopeBase]| -> Vec<(Option<Arc<str>>, String)> {
        bases.iter().map(|base| (base.directory.clone(), base.dn.to_string())).collect()
    };
    let parts = (
        &application.directories,
        bases(&application.bases),
        bases(&application.excluded_bases),
        application.user_filter.as_ref().map(ToString::to_string),
        &application.required_groups,
        &application.denied_groups,
        hides_disabled(application),
    );
    let text = serde_json::to_vec(&parts).unwrap_or_default();
    hexadecimal::digits(&Sha256::digest(text))
}

fn written(slots: &RoaringBitmap) -> String {
    let mut octets = Vec::with_capacity(slots.serialized_size());
    // Memory takes everything.
    match slots.serialize_into(&mut octets) {
        Ok(()) => hexadecimal::digits(&octets),
        Err(_) => String::new(),
    }
}

fn read(text: &str) -> Option<RoaringBitmap> {
    let octets = hexadecimal::octets(text)?;
    RoaringBitmap::deserialize_from(octets.as_slice()).ok()
}
