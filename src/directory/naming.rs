//! Which slots entries go to, what they are called, and where they hang in the tree.

use foldhash::{HashMap, HashMapExt};
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::ldap::dn::{DistinguishedName, NormalizedDn, rebase};

use super::apply::{BuildError, Shared, Work};
use super::domain::{Domain, EntryKind};
use super::intake::Known;
use super::view::Parts;

/// An entry with its slot, whatever has to be written there.
pub(super) struct Placed {
    pub(super) slot: u32,
    pub(super) known: Known,
    pub(super) above: Option<u32>,
}

/// An entry that was renamed because something above it was.
pub(super) struct Moved {
    pub(super) slot: u32,
    pub(super) dn: Arc<str>,
    pub(super) name: NormalizedDn,
    pub(super) above: Option<u32>,
}

/// What the names of a batch come to.
pub(super) struct Naming {
    pub(super) placed: Vec<Placed>,
    pub(super) moved: Vec<Moved>,
    /// Entries that hang on another entry now, and are otherwise as they were.
    pub(super) relinked: Vec<(u32, Option<u32>)>,
    /// Names that were not in the view before, and their slots.
    pub(super) named: Vec<(NormalizedDn, u32)>,
    /// Entries that had another name before.
    pub(super) renamed: RoaringBitmap,
    /// Entries of the batch.
    pub(super) given: RoaringBitmap,
}

/// What goes where: entries of the batch, renamed ones, and others that hang elsewhere now.
type Links = (Vec<Placed>, Vec<Moved>, Vec<(u32, Option<u32>)>);

/// The heads of the trees of a directory.
pub(super) fn heads(domain: &Domain) -> Vec<NormalizedDn> {
    domain.heads().filter_map(|head| NormalizedDn::parse(head).ok()).collect()
}

/// Where entries stand among each other: tree by tree, from the top down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    tree: usize,
    /// The name from its end; no name has a NUL, so superiors sort before what is below them.
    parts: String,
}

impl Order {
    /// The place of a name; `heads` are those of the trees.
    pub(super) fn of(name: &NormalizedDn, heads: &[NormalizedDn]) -> Self {
        let holding = heads.iter().enumerate().filter(|(_, head)| name.is_within(head));
        let tree = holding.max_by_key(|(_, head)| head.depth());
        let tree = tree.map_or(heads.len(), |(place, _)| place);
        let mut parts = String::with_capacity(name.as_str().len());
        for part in name.as_str().rsplit(',') {
            if !parts.is_empty() {
                parts.push('\0');
            }
            parts.push_str(part);
        }
        Self { tree, parts }
    }
}

impl Work<'_> {
    /// Gives slots and names to the entries of a batch and takes them from those that go. All old names
    /// are let go of before a new one is taken, so entries may swap their names.
    pub(super) fn name(
        &mut self,
        known: Vec<Known>,
        removed: &RoaringBitmap,
    ) -> Result<Naming, BuildError> {
        let heads = heads(self.domain);
        let placed = self.slots(known, &heads)?;
        let given: RoaringBitmap = placed.iter().map(|(slot, _)| *slot).collect();
        let implied = self.implied(&placed, &(&given | removed));
        let renamed = self.let_go(&placed, &implied, removed);
        let named = self.take_names(&placed, &implied)?;
        self.take_sids(&placed)?;
        let (placed, moved, relinked) = self.link(placed, implied, &named, &given, removed, &heads);
        Ok(Naming { placed, moved, relinked, named, renamed, given })
    }

    /// Slots by identity; new entries get new ones, parents before children.
    fn slots(
        &mut self,
        mut known: Vec<Known>,
        heads: &[NormalizedDn],
    ) -> Result<Vec<(u32, Known)>, BuildError> {
        known.sort_by_cached_key(|known| Order::of(&known.name, heads));
        let mut seen = RoaringBitmap::new();
        let mut placed = Vec::with_capacity(known.len());
        for known in known {
            let slot = match self.parts.by_guid.get(&known.guid) {
                Some(slot) => *slot,
                None => self.parts.new_slot(&known)?,
            };
            if !seen.insert(slot) {
                return Err(BuildError::twice(Shared::Identity, &known.dn));
            }
            placed.push((slot, known));
        }
        Ok(placed)
    }

    /// What is called differently because something above it is: entries below renamed ones that are
    /// not themselves in the batch.
    fn implied(
        &self,
        placed: &[(u32, Known)],
        decided: &RoaringBitmap,
    ) -> HashMap<u32, (Arc<str>, NormalizedDn)> {
        let mut renamed: Vec<(&NormalizedDn, &Known, u32)> = placed
            .iter()
            .filter_map(|(slot, known)| {
                let old = self.parts.stored(*slot)?;
                let live = old.kind != EntryKind::Deleted && old.dn != known.dn;
                live.then_some((&old.name, known, *slot))
            })
            .collect();
        // The nearest renamed superior decides.
        renamed.sort_by_key(|(name, ..)| std::cmp::Reverse(name.depth()));
        let mut implied = HashMap::new();
        for (old_name, known, slot) in renamed {
            for below in self.parts.tree.below(slot) - decided {
                let Some(stored) = self.parts.stored(below) else { continue };
                if let Some(dn) = moved_name(&stored.dn, old_name, &known.dn)
                    && let Ok(name) = NormalizedDn::parse(&dn)
                {
                    implied.entry(below).or_insert((dn.into(), name));
                }
            }
        }
        implied
    }

    /// Forgets the names and SIDs of what goes or is called differently, and tells who is.
    fn let_go(
        &mut self,
        placed: &[(u32, Known)],
        implied: &HashMap<u32, (Arc<str>, NormalizedDn)>,
        removed: &RoaringBitmap,
    ) -> RoaringBitmap {
        let mut renamed = RoaringBitmap::new();
        for (slot, known) in placed {
            let Some(old) = self.parts.stored(*slot).cloned() else { continue };
            if old.name != known.name {
                self.parts.by_dn.remove(&old.name);
                renamed.insert(*slot);
            }
            if let Some(sid) = old.sid.as_ref().filter(|_| old.sid != known.sid) {
                self.parts.by_sid.remove(sid);
            }
        }
        let moved = implied.iter().map(|(slot, (_, name))| (*slot, Some(name)));
        for (slot, name) in moved.chain(removed.iter().map(|slot| (slot, None))) {
            let Some(old) = self.parts.stored(slot).cloned() else { continue };
            self.parts.by_dn.remove(&old.name);
            if name.is_some_and(|name| *name != old.name) {
                renamed.insert(slot);
            }
            if let Some(sid) = old.sid.as_ref().filter(|_| removed.contains(slot)) {
                self.parts.by_sid.remove(sid);
            }
        }
        renamed
    }

    fn take_names(
        &mut self,
        placed: &[(u32, Known)],
        implied: &HashMap<u32, (Arc<str>, NormalizedDn)>,
    ) -> Result<Vec<(NormalizedDn, u32)>, BuildError> {
        let mut named = Vec::new();
        let given = placed.iter().map(|(slot, known)| (*slot, &known.name, &*known.dn));
        let moved = implied.iter().map(|(slot, (dn, name))| (*slot, name, &**dn));
        for (slot, name, dn) in given.chain(moved) {
            match self.parts.by_dn.get(name) {
                Some(holder) if *holder == slot => {}
                Some(_) => return Err(BuildError::twice(Shared::Name, dn)),
                None => {
                    self.parts.by_dn.insert(name.clone(), slot);
                    named.push((name.clone(), slot));
                }
            }
        }
        Ok(named)
    }

    fn take_sids(&mut self, placed: &[(u32, Known)]) -> Result<(), BuildError> {
        for (slot, known) in placed {
            let Some(sid) = &known.sid else { continue };
            match self.parts.by_sid.get(sid) {
                Some(holder) if holder == slot => {}
                Some(_) => return Err(BuildError::twice(Shared::Sid, &known.dn)),
                None => _ = self.parts.by_sid.insert(sid.clone(), *slot),
            }
        }
        Ok(())
    }

    /// Hangs everything where it belongs now.
    fn link(
        &mut self,
        placed: Vec<(u32, Known)>,
        implied: HashMap<u32, (Arc<str>, NormalizedDn)>,
        named: &[(NormalizedDn, u32)],
        given: &RoaringBitmap,
        removed: &RoaringBitmap,
        heads: &[NormalizedDn],
    ) -> Links {
        let mut loose = RoaringBitmap::new();
        for slot in removed {
            let stored = self.parts.stored(slot).cloned();
            self.parts.tree.unlink(slot, stored.and_then(|stored| stored.above));
            loose.extend(self.parts.tree.linked(slot));
        }
        if !named.is_empty() {
            // A new entry may be the superior that another one lacked.
            self.parts.tree.gaps().add_to(&mut loose);
            // What hung on a renamed entry and is not below it any more.
            for (_, slot) in named {
                loose.extend(self.parts.tree.linked(*slot));
            }
        }
        let loose = loose - given - removed;
        let placed = placed
            .into_iter()
            .map(|(slot, known)| {
                let above = self.parts.relink(slot, &known.name, heads);
                Placed { slot, known, above }
            })
            .collect();
        let relinked = loose
            .into_iter()
            .filter(|slot| !implied.contains_key(slot))
            .filter_map(|slot| {
                let old = self.parts.stored(slot)?.clone();
                let above = self.parts.relink(slot, &old.name, heads);
                (above != old.above).then_some((slot, above))
            })
            .collect();
        let moved = implied
            .into_iter()
            .map(|(slot, (dn, name))| {
                let above = self.parts.relink(slot, &name, heads);
                Moved { slot, dn, name, above }
            })
            .collect();
        (placed, moved, relinked)
    }
}

impl Parts {
    fn new_slot(&mut self, known: &Known) -> Result<u32, BuildError> {
        let slot = u32::try_from(self.entries.len())
            .map_err(|_| BuildError("more than 4 294 967 295 entries".to_owned()))?;
        self.entries.push_back(None);
        self.by_guid.insert(known.guid, slot);
        Ok(slot)
    }

    /// Hangs an entry on the nearest one above its name, and gives that one.
    fn relink(&mut self, slot: u32, name: &NormalizedDn, heads: &[NormalizedDn]) -> Option<u32> {
        let found = if heads.contains(name) { None } else { self.nearest(name) };
        let (above, direct) = found.map_or((None, false), |(above, direct)| (Some(above), direct));
        let old = self.stored(slot).map(|old| old.above);
        // Nothing to do for most entries of a pass.
        if old == Some(above) && self.tree.is_direct(slot) == direct {
            return above;
        }
        self.tree.unlink(slot, old.flatten());
        self.tree.link(slot, above, direct);
        above
    }

    /// Hangs what hung nowhere on the nearest entry above its name, and gives that one.
    pub(super) fn hang_new(&mut self, slot: u32, name: &NormalizedDn) -> Option<u32> {
        let found = self.nearest(name);
        let (above, direct) = found.map_or((None, false), |(above, direct)| (Some(above), direct));
        self.tree.link(slot, above, direct);
        above
    }

    /// The nearest entry above a name, and whether it is the entry directly above.
    pub(super) fn nearest(&self, name: &NormalizedDn) -> Option<(u32, bool)> {
        let above = name.ancestors().skip(1).filter(|name| !name.is_empty()).enumerate();
        let mut found = above
            .filter_map(|(distance, name)| self.by_dn.get(name).map(|slot| (*slot, distance == 0)));
        found.next()
    }
}

/// `dn` with its end, called `from`, replaced by `to`; what comes before keeps its spelling.
fn moved_name(dn: &str, from: &NormalizedDn, to: &str) -> Option<String> {
    let below = rebase(dn, from, &DistinguishedName::parse("").ok()?).ok()??;
    Some(format!("{below},{to}"))
}
