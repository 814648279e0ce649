//! A view made again of the octets that an earlier one was written as: the same entries in the same slots,
//! numbers and times of change, tombstones. Nothing of it is believed that can be looked at: names, what hangs
//! where, what refers to what. So a store that does not agree with itself is an error, and everything is
//! read from a controller again.

use std::sync::Arc;
use std::time::SystemTime;

use imbl::{OrdMap, Vector};

use crate::ldap::dn::NormalizedDn;

use super::contents::OutsideNames;
use super::head::Head;
use super::index::{Collector, Found, Index};
use super::parallel::{in_parallel, workers};
use super::record;
use super::stored::{Stored, values};
use super::tombstones::Graves;
use super::view::{Parts, View, ViewConfig};
use super::whole::{Inconsistent, Whole};

/// Why no view can be made of what was stored. Text for a person, of the store: "its head is …".
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RestoreError(pub String);

impl RestoreError {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<Inconsistent> for RestoreError {
    fn from(Inconsistent(text): Inconsistent) -> Self {
        Self(text)
    }
}

/// Records with the slots they are of.
type Records = Vec<(u32, Vec<u8>)>;

/// A run of records is worth a thread from this many octets on.
const WORTH_A_THREAD: usize = 256 * 1024;

impl View {
    /// The view again whose [`View::head`], [`View::subschema_octets`] and [`View::record`]s these are: same
    /// generation, entries, slots, change numbers, times and tombstones. What was touched in earlier
    /// generations is not known any more. Indices are made anew, as `config` wants them now.
    ///
    /// The records are dropped as they are read, so that there are never two copies of everything. It takes
    /// all processors for a moment.
    ///
    /// # Errors
    /// Octets of another version, cut short or broken; records that do not agree with the head or with each
    /// other. All must be read from a controller then.
    pub fn restore(
        config: Arc<ViewConfig>,
        head: &[u8],
        subschema: Option<&[u8]>,
        records: Vec<(u32, Vec<u8>)>,
    ) -> Result<Self, RestoreError> {
        let head = Head::read(head, subschema)?;
        if records.len() != head.entries {
            let text = format!("it has {} entries of {}", records.len(), head.entries);
            return Err(RestoreError(text));
        }
        let index = Index::of_attributes(config.indices.clone(), &head.domain, &head.attributes);
        let runs = in_parallel(runs(records), |run| Run::read(&head, &index, run));
        let runs = runs.ok_or_else(stopped)?.into_iter().collect::<Result<Vec<Run>, _>>()?;
        let parts = assemble(config, &head, &index, runs)?;
        let Head { generation, domain, built_at, confirmed_at, .. } = head;
        let view = Self::assemble(generation, Arc::new(domain), built_at, parts);
        view.confirm(confirmed_at);
        Ok(view)
    }
}

impl View {
    /// The restored view as the start of what follows it: change numbers go on from the present moment at the
    /// latest. What was published shortly before the end and could not be written any more has numbers that
    /// must not be given again.
    #[must_use]
    pub fn going_on(mut self, now: SystemTime) -> Self {
        self.raise_numbers(now);
        self
    }
}

fn stopped() -> RestoreError {
    RestoreError::new("reading it has stopped halfway")
}

/// The records in runs of about as many octets, in their order.
fn runs(mut records: Records) -> Vec<Records> {
    let octets: usize = records.iter().map(|(_, octets)| octets.len()).sum();
    let most = octets / workers() + WORTH_A_THREAD;
    let mut runs = Vec::new();
    let mut held = 0;
    // From the end, because what is behind a place can be split off.
    for place in (0..records.len()).rev() {
        held += records.get(place).map_or(0, |(_, octets)| octets.len());
        if held > most {
            runs.push(records.split_off(place));
            held = 0;
        }
    }
    runs.push(records);
    runs.reverse();
    runs
}

/// Entries of ascending slots, and what they are found under.
struct Run {
    entries: Vec<(u32, Arc<Stored>)>,
    graves: Vec<(SystemTime, u32)>,
    names: OutsideNames,
    found: Vec<Found>,
}

impl Run {
    fn read(head: &Head, empty: &Index, records: Records) -> Result<Self, RestoreError> {
        let mut collector =
            Collector::new(empty, head.domain.kind, &head.attributes, records.len());
        let mut entries = Vec::with_capacity(records.len());
        let (mut graves, mut names) = (Vec::new(), OutsideNames::default());
        for (slot, octets) in records {
            let error = |what: &str| RestoreError(format!("its record of slot {slot} {what}"));
            let record = record::read(&octets, &head.attributes, &mut names).map_err(error)?;
            if highest_number(head, &record.stored) > head.stamps.highest_usn() {
                return Err(error("has a change number that was not given yet"));
            }
            graves.extend(record.buried.map(|since| (since, slot)));
            collector.add(slot, &record.stored);
            entries.push((slot, Arc::new(record.stored)));
        }
        Ok(Self { entries, graves, names, found: collector.into_found() })
    }
}

/// The change number of an entry.
fn highest_number(head: &Head, stored: &Stored) -> u64 {
    let id = head.attributes.find_name("uSNChanged");
    let element = id.and_then(|id| stored.fields.element(id));
    let number = element.and_then(|element| values(element).next());
    let number = number.and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
    number.unwrap_or_default()
}

fn assemble(
    config: Arc<ViewConfig>,
    head: &Head,
    index: &Index,
    runs: Vec<Run>,
) -> Result<Parts, RestoreError> {
    let (mut graves, mut outside) = (Vec::new(), OrdMap::new());
    let mut found: Vec<Vec<Found>> = head.attributes.iter().map(|_| Vec::new()).collect();
    let mut entries: Vec<(u32, Arc<Stored>)> = Vec::with_capacity(head.entries);
    for run in runs {
        entries.extend(run.entries);
        graves.extend(run.graves);
        outside.extend(run.names);
        found.iter_mut().zip(run.found).for_each(|(parts, part)| parts.push(part));
    }
    let slots = in_slots(head, &entries)?;
    let built = Whole::of(index, &entries, &slots, found)?;
    let parts = Parts {
        config,
        attributes: Arc::new(head.attributes.clone()),
        entries: slots,
        by_dn: built.by_dn,
        by_guid: built.by_guid,
        by_sid: built.by_sid,
        tree: built.tree,
        kinds: built.kinds,
        index: built.index,
        outside,
        rejected: head.rejected.as_slice().into(),
        stamps: head.stamps.clone(),
        graves: Graves::of(graves),
        touched: Vector::new(),
    };
    check_gaps(&parts, head)?;
    Ok(parts)
}

/// The entries in their slots.
fn in_slots(
    head: &Head,
    entries: &[(u32, Arc<Stored>)],
) -> Result<Vector<Option<Arc<Stored>>>, RestoreError> {
    let mut slots: Vec<Option<Arc<Stored>>> = Vec::new();
    slots.try_reserve_exact(head.slots).map_err(|_| RestoreError::new("it has too many slots"))?;
    for (slot, stored) in entries {
        let place = usize::try_from(*slot).unwrap_or(usize::MAX);
        if place < slots.len() || place >= head.slots {
            return Err(RestoreError(format!("its record of slot {slot} is out of place")));
        }
        slots.resize(place, None);
        slots.push(Some(stored.clone()));
    }
    slots.resize(head.slots, None);
    Ok(slots.into())
}

/// Entries whose direct superior is missing hang on the nearest one above that is there, and heads of trees
/// on nothing.
fn check_gaps(parts: &Parts, head: &Head) -> Result<(), RestoreError> {
    let heads: Vec<NormalizedDn> =
        head.domain.heads().filter_map(|head| NormalizedDn::parse(head).ok()).collect();
    for slot in parts.tree.gaps().iter() {
        let Some(stored) = parts.stored(slot) else { continue };
        let nearest = if heads.contains(&stored.name) { None } else { parts.nearest(&stored.name) };
        if nearest.map(|(above, _)| above) != stored.above {
            let text = format!("its record of slot {slot} hangs in the wrong place");
            return Err(RestoreError(text));
        }
    }
    Ok(())
}
