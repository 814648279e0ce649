//! The first view, made of all entries of a pass at once. It is what would come of the same entries one after
//! another (`tests::steps` holds the two together), in a small part of the time: what can be shared out over
//! processors is, and everything that is looked up is made when all is known (`whole`).

use std::sync::Arc;
use std::time::SystemTime;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use imbl::{OrdMap, Vector};

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::matching_rule::prepare;
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::schema::Syntax;

use super::apply::{BuildError, Shared, stopped};
use super::attributes::{AttributeId, Attributes};
use super::contents::{Contents, OutsideNames, Surroundings};
use super::domain::{Domain, EntryKind};
use super::index::{Collector, Found, Index};
use super::intake::{self, Content, Ids, Known};
use super::naming::{Order, heads};
use super::parallel::{in_parallel, run_length, runs_of};
use super::posting::Posting;
use super::spellings::{Spellings, Vocabulary};
use super::stamps::{Stamp, StampWriter};
use super::stored::{References, Stored, values};
use super::view::{Parts, Rejected};
use super::whole::{Inconsistent, Whole};

impl From<Inconsistent> for BuildError {
    fn from(Inconsistent(text): Inconsistent) -> Self {
        Self(text)
    }
}

/// Fills `parts`, which have no entries yet.
pub(super) fn fill(
    mut parts: Parts,
    domain: &Domain,
    entries: Vec<PackedEntry>,
    now: SystemTime,
) -> Result<Parts, BuildError> {
    let heads = heads(domain);
    let Identified { runs, slots, spellings, rejected } = identified(entries, domain, &heads)?;
    let names = names(&runs, &slots)?;
    let mut spelled = HashMap::with_capacity(slots.len());
    let known = runs.iter().flatten().zip(&slots);
    spelled.extend(known.map(|(known, slot)| (known.dn.clone(), *slot)));
    let vocabulary = Vocabulary::learn(&mut parts, domain.kind, &spellings)?;
    let writer = StampWriter::prepare(&mut parts, domain.kind)?;
    let stamps = slots.iter().map(|_| parts.stamps.next(now)).collect();
    let slot = |name: &NormalizedDn| names.get(name).copied();
    let (attributes, outside) = (&parts.attributes.clone(), &OrdMap::new());
    let around = Surroundings { attributes, slot: &slot, spelled: Some(&spelled), outside };
    let making = Making { around, vocabulary, writer, names: &names, heads, stamps };
    let mut stored = making.all(runs, &slots, &mut parts)?;
    add_memberships(&mut parts, &mut stored)?;
    let index = Index::of_attributes(parts.config.indices.clone(), domain, &parts.attributes);
    let found = collected(&index, domain, &parts.attributes, &stored)?;
    parts.entries = stored.iter().map(|(_, stored)| Some(stored.clone())).collect::<Vector<_>>();
    let whole = Whole::of(&index, &stored, &parts.entries, found)?;
    let Whole { by_dn, by_guid, by_sid, tree, kinds, index } = whole;
    Ok(Parts { by_dn, by_guid, by_sid, tree, kinds, index, rejected: rejected.into(), ..parts })
}

/// Entries in the order they came, so that pages of them are given back one after another.
struct Identified {
    runs: Vec<Vec<Known>>,
    /// The slot of each, over all runs.
    slots: Vec<u32>,
    /// The descriptions that the runs have.
    spellings: Vec<Spellings>,
    rejected: Vec<Rejected>,
}

/// Who the entries are, and which slots they get.
fn identified(
    entries: Vec<PackedEntry>,
    domain: &Domain,
    heads: &[NormalizedDn],
) -> Result<Identified, BuildError> {
    let work = |run: Vec<PackedEntry>| {
        let (known, rejected) = intake::identify(run, domain.kind);
        let spellings = Spellings::of(known.iter().map(|known| &known.entry));
        let order = |(place, known): (usize, &Known)| (Order::of(&known.name, heads), place);
        let mut order: Vec<(Order, usize)> = known.iter().enumerate().map(order).collect();
        order.sort_unstable();
        (known, order, spellings, rejected)
    };
    let (mut runs, mut order) = (Vec::new(), Vec::with_capacity(entries.len()));
    let (mut spellings, mut rejected) = (Vec::new(), Vec::new());
    for run in in_parallel(runs_of(entries), work).ok_or_else(stopped)? {
        let before = order.len();
        order.extend(run.1.into_iter().map(|(order, place)| (order, before + place)));
        runs.push(run.0);
        spellings.push(run.2);
        rejected.extend(run.3);
    }
    u32::try_from(order.len())
        .map_err(|_| BuildError("more than 4 294 967 295 entries".to_owned()))?;
    // Merges the runs, which are in order.
    order.sort();
    let mut slots = vec![0; order.len()];
    for (slot, (_, place)) in (0_u32..).zip(order) {
        slots.get_mut(place).into_iter().for_each(|found| *found = slot);
    }
    Ok(Identified { runs, slots, spellings, rejected })
}

/// The slots by name.
fn names(runs: &[Vec<Known>], slots: &[u32]) -> Result<HashMap<NormalizedDn, u32>, BuildError> {
    let mut names = HashMap::with_capacity(slots.len());
    let (mut identities, mut sids) = (HashSet::with_capacity(slots.len()), HashSet::new());
    for (known, slot) in runs.iter().flatten().zip(slots) {
        let twice = |shared| Err(BuildError::twice(shared, &known.dn));
        if !identities.insert(known.guid) {
            return twice(Shared::Identity);
        }
        if names.insert(known.name.clone(), *slot).is_some() {
            return twice(Shared::Name);
        }
        if known.sid.as_ref().is_some_and(|sid| !sids.insert(sid)) {
            return twice(Shared::Sid);
        }
    }
    Ok(names)
}

/// An entry and its slot.
type Numbered = (u32, Arc<Stored>);

/// What entries are made with.
struct Making<'m> {
    around: Surroundings<'m>,
    vocabulary: Vocabulary,
    writer: StampWriter,
    names: &'m HashMap<NormalizedDn, u32>,
    heads: Vec<NormalizedDn>,
    /// By slot.
    stamps: Vec<Stamp>,
}

impl Making<'_> {
    /// The entries as they are kept, in the order of their slots, still without memberships.
    fn all(
        &self,
        runs: Vec<Vec<Known>>,
        slots: &[u32],
        parts: &mut Parts,
    ) -> Result<Vec<Numbered>, BuildError> {
        let mut all: Vec<Option<Arc<Stored>>> = vec![None; slots.len()];
        let mut rest = slots;
        let with_slots = |run: Vec<Known>| {
            let (own, others) = rest.split_at_checked(run.len()).unwrap_or((rest, &[]));
            rest = others;
            (run, own)
        };
        let jobs = runs.into_iter().map(with_slots).collect();
        let made = in_parallel(jobs, |(run, slots)| self.run(run, slots));
        for (run, outside) in made.ok_or_else(stopped)? {
            for (slot, stored) in run {
                let place = usize::try_from(slot).ok().and_then(|slot| all.get_mut(slot));
                if let Some(place) = place {
                    *place = Some(stored);
                }
            }
            for (octets, name) in outside {
                parts.outside.entry(octets).or_insert(name);
            }
        }
        let all = (0..).zip(all);
        Ok(all.filter_map(|(slot, stored)| Some((slot, stored?))).collect())
    }

    fn run(&self, run: Vec<Known>, slots: &[u32]) -> (Vec<Numbered>, OutsideNames) {
        let mut contents = Contents::new(self.around, &self.vocabulary);
        let mut writer = self.writer.clone();
        let (mut content, mut block) = (Content::default(), Vec::new());
        let mut made = Vec::with_capacity(run.len());
        for (known, &slot) in run.into_iter().zip(slots) {
            content.clear();
            contents.read(&known.entry, &mut content);
            let stamp = usize::try_from(slot).ok().and_then(|slot| self.stamps.get(slot));
            if let Some(stamp) = stamp {
                writer.push(&mut content, self.around.attributes, *stamp, None);
            }
            let Known { dn, name, guid, sid, kind, .. } = known;
            let above = self.above(&name);
            let fields = content.fields_in(&mut block);
            let references = content.references.drain(..).collect();
            let stored = Stored { guid, sid, kind, dn, above, name, fields, references };
            made.push((slot, Arc::new(stored)));
        }
        (made, contents.outside)
    }

    /// The nearest entry above a name; heads hang nowhere.
    fn above(&self, name: &NormalizedDn) -> Option<u32> {
        if self.heads.contains(name) {
            return None;
        }
        let mut above = name.ancestors().skip(1).filter(|name| !name.is_empty());
        above.find_map(|name| self.names.get(name).copied())
    }
}

/// Gives each entry the groups it is in.
fn add_memberships(parts: &mut Parts, stored: &mut [Numbered]) -> Result<(), BuildError> {
    let ids = Ids::of(&parts.attributes);
    if !stored.iter().any(|(_, stored)| ids.lists_members(stored)) {
        return Ok(());
    }
    let member_of = parts.intern(&AttributeDescription::new("memberOf"))?;
    let mut pairs = pairs(&ids, stored);
    pairs.sort_unstable();
    pairs.dedup();
    let (length, mut rest) = (run_length(stored.len()), pairs.as_slice());
    let mut jobs = Vec::new();
    for run in stored.chunks_mut(length) {
        let end = rest.partition_point(|(member, _)| is_at_most(*member, run));
        let (own, others) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        rest = others;
        jobs.push((run, own));
    }
    in_parallel(jobs, |(run, pairs)| join(run, pairs, member_of)).ok_or_else(stopped)?;
    Ok(())
}

fn is_at_most(slot: u32, run: &[Numbered]) -> bool {
    run.last().is_some_and(|(last, _)| slot <= *last)
}

/// Gives the entries of a run their groups. Both are in the order of slots.
fn join(run: &mut [Numbered], pairs: &[(u32, u32)], member_of: AttributeId) {
    let (mut entries, mut groups) = (run.iter_mut(), Vec::new());
    for pairs in pairs.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((member, _)) = pairs.first() else { continue };
        let entry = entries.find(|(slot, _)| slot == member);
        // Nobody else has it yet.
        let Some(stored) = entry.and_then(|(_, stored)| Arc::get_mut(stored)) else { continue };
        if stored.kind == EntryKind::Deleted {
            continue;
        }
        groups.clear();
        groups.extend(pairs.iter().map(|(_, group)| *group));
        let outside = stored.list(member_of).map(|list| list.outside.to_vec()).unwrap_or_default();
        let others = stored.references.iter().filter(|list| list.attribute != member_of).cloned();
        let list = References::new(member_of, Posting::of_sorted(&groups), outside);
        stored.references = others.chain(list).collect();
    }
}

/// Members with their groups.
fn pairs(ids: &Ids, stored: &[Numbered]) -> Vec<(u32, u32)> {
    let uids = ids.member_uid.map_or_else(HashMap::new, |_| uids(ids, stored));
    let mut pairs = Vec::new();
    for (group, stored) in stored {
        if stored.kind == EntryKind::Deleted {
            continue;
        }
        for list in stored.references.iter().filter(|list| ids.names_members(list.attribute)) {
            pairs.extend(list.inside.iter().map(|member| (member, *group)));
        }
        let element = ids.member_uid.and_then(|id| stored.fields.element(id));
        for uid in element.into_iter().flat_map(values) {
            let uid = prepare(Syntax::CaseIgnore, uid);
            let member = uid.and_then(|uid| *uids.get(&uid)?);
            pairs.extend(member.map(|member| (member, *group)));
        }
    }
    pairs
}

/// Who has which uid; `None` for several.
fn uids(ids: &Ids, stored: &[Numbered]) -> HashMap<Vec<u8>, Option<u32>> {
    let mut holders: HashMap<Vec<u8>, Option<u32>> = HashMap::new();
    for (slot, stored) in stored {
        let element = ids.uid.and_then(|id| stored.fields.element(id));
        for uid in element.into_iter().flat_map(values) {
            let Some(uid) = prepare(Syntax::CaseIgnore, uid) else { continue };
            let holder = holders.entry(uid).or_insert(Some(*slot));
            if *holder != Some(*slot) {
                *holder = None;
            }
        }
    }
    holders
}

/// What the entries are found under, by attribute, each a part for each run of slots.
fn collected(
    index: &Index,
    domain: &Domain,
    attributes: &Attributes,
    stored: &[Numbered],
) -> Result<Vec<Vec<Found>>, BuildError> {
    let work = |run: &[Numbered]| {
        let mut collector = Collector::new(index, domain.kind, attributes, run.len());
        run.iter().for_each(|(slot, stored)| collector.add(*slot, stored));
        collector.into_found()
    };
    let runs = stored.chunks(run_length(stored.len())).collect();
    let mut found: Vec<Vec<Found>> = attributes.iter().map(|_| Vec::new()).collect();
    for run in in_parallel(runs, work).ok_or_else(stopped)? {
        found.iter_mut().zip(run).for_each(|(parts, part)| parts.push(part));
    }
    Ok(found)
}
