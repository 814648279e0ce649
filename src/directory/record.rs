//! One entry of a view in octets that outlive the program, and back. Everything is in its final form, so that
//! reading it is little more than copying; the name is compared anew, and indices are made anew.

use std::sync::Arc;
use std::time::SystemTime;

use roaring::RoaringBitmap;

use crate::ldap::dn::NormalizedDn;
use crate::ldap::identifier::{Guid, Sid};

use super::attributes::{AttributeId, Attributes};
use super::contents::OutsideNames;
use super::domain::EntryKind;
use super::octets::{Packer, Unpacker};
use super::posting::Posting;
use super::stored::{Fields, OutsideName, References, Stored, is_attribute};
use super::view::View;

/// An entry, read.
pub(super) struct Record {
    pub(super) stored: Stored,
    /// Since when it is a tombstone that has its time.
    pub(super) buried: Option<SystemTime>,
}

impl View {
    /// The entry in a slot in octets for [`View::restore`], tombstones and ldapgate's own entries included;
    /// `None` if the slot is empty. They mean something only beside the [`View::head`] of this view or of a
    /// later one of the same line.
    #[must_use]
    pub fn record(&self, slot: u32) -> Option<Vec<u8>> {
        let stored = self.stored(slot)?;
        let mut packer = Packer::with_capacity(512);
        packer.octet(code(stored.kind));
        packer.bare(&stored.guid.0);
        packer.optional(stored.sid.as_ref().map(Sid::octets));
        packer.number(stored.above.map_or(0, |above| u64::from(above) + 1));
        let buried = self.parts().graves.since(slot);
        packer.flag(buried.is_some());
        buried.into_iter().for_each(|since| packer.moment(since));
        packer.text(&stored.dn);
        packer.octets(stored.fields.octets());
        packer.length(stored.references.len());
        stored.references.iter().for_each(|list| write_references(&mut packer, list));
        Some(packer.into_octets())
    }

    /// The slots to write so that what was written of `generation` becomes what is to be written of this
    /// view: those with an entry, whose records are other ones, and those without. `None`: not known any
    /// more, or not a generation of this line of views; then all of [`View::slots_in_use`] are to be written,
    /// and whatever else was written is to go.
    #[must_use]
    pub fn records_since(&self, generation: u64) -> Option<(Vec<u32>, Vec<u32>)> {
        let touched = self.touched_since(generation)?;
        Some(touched.into_iter().partition(|slot| self.stored(*slot).is_some()))
    }

    /// All slots that have a [`View::record`].
    #[must_use]
    pub fn slots_in_use(&self) -> RoaringBitmap {
        self.kinds().all()
    }
}

fn write_references(packer: &mut Packer, list: &References) {
    packer.number(u64::from(list.attribute.number()));
    packer.number(list.inside.len());
    let mut last = 0;
    for slot in list.inside.iter() {
        packer.number(u64::from(slot - last));
        last = slot;
    }
    packer.length(list.outside.len());
    list.outside.iter().for_each(|outside| packer.octets(&outside.octets));
}

/// Reads what [`View::record`] has written; or what is wrong with it.
pub(super) fn read(
    octets: &[u8],
    attributes: &Attributes,
    names: &mut OutsideNames,
) -> Result<Record, &'static str> {
    let mut octets = Unpacker::new(octets);
    let cut = "is cut short or broken";
    let kind = octets.octet().and_then(kind_of).ok_or(cut)?;
    let guid = Guid(octets.array().ok_or(cut)?);
    let sid = match octets.optional().ok_or(cut)? {
        Some(sid) => Some(Sid::from_octets(sid).ok_or("has no readable SID")?),
        None => None,
    };
    let above = octets.small::<u32>().ok_or(cut)?.checked_sub(1);
    let is_buried = octets.flag().ok_or(cut)?;
    let buried = if is_buried { Some(octets.moment().ok_or(cut)?) } else { None };
    if buried.is_some() && kind != EntryKind::Deleted {
        return Err("has a grave and lives");
    }
    let dn = octets.text().ok_or(cut)?;
    let name = NormalizedDn::parse(dn).map_err(|_| "has a name that is none")?;
    let fields = Fields::of_octets(octets.octets().ok_or(cut)?).ok_or("has broken attributes")?;
    let known = |(id, element)| {
        attributes.info(id).is_some_and(|info| is_attribute(element, &info.spelling))
    };
    if !fields.iter().all(known) {
        return Err("has broken attributes");
    }
    let lists = octets.count().ok_or(cut)?;
    let lists = (0..lists).map(|_| read_references(&mut octets, attributes, names));
    let references = lists.collect::<Option<_>>().ok_or("has broken references")?;
    if !octets.is_empty() {
        return Err("goes on after its end");
    }
    let stored = Stored { guid, sid, kind, dn: dn.into(), name, above, fields, references };
    Ok(Record { stored, buried })
}

fn read_references(
    octets: &mut Unpacker<'_>,
    attributes: &Attributes,
    names: &mut OutsideNames,
) -> Option<References> {
    let attribute = AttributeId::of_number(octets.small()?);
    attributes.info(attribute)?;
    let inside = read_slots(octets)?;
    let count = octets.count()?;
    let outside = (0..count).map(|_| Some(outside_name(names, octets.octets()?)));
    References::new(attribute, inside, outside.collect::<Option<_>>()?)
}

/// Slots in ascending order, each once.
fn read_slots(octets: &mut Unpacker<'_>) -> Option<Posting> {
    let count = octets.count()?;
    let mut slots: Vec<u32> = Vec::with_capacity(count);
    for _ in 0..count {
        let distance: u32 = octets.small()?;
        let slot = match slots.last() {
            Some(last) if distance > 0 => last.checked_add(distance)?,
            Some(_) => return None,
            None => distance,
        };
        slots.push(slot);
    }
    Some(Posting::of_sorted(&slots))
}

fn outside_name(names: &mut OutsideNames, octets: &[u8]) -> Arc<OutsideName> {
    if let Some(known) = names.get(octets) {
        return known.clone();
    }
    let name = std::str::from_utf8(octets).ok().and_then(|text| NormalizedDn::parse(text).ok());
    let outside = Arc::new(OutsideName { octets: octets.into(), name });
    names.insert(octets.into(), outside.clone());
    outside
}

const fn code(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::User => 0,
        EntryKind::Group => 1,
        EntryKind::Container => 2,
        EntryKind::Other => 3,
        EntryKind::Deleted => 4,
    }
}

const fn kind_of(code: u8) -> Option<EntryKind> {
    Some(match code {
        0 => EntryKind::User,
        1 => EntryKind::Group,
        2 => EntryKind::Container,
        3 => EntryKind::Other,
        4 => EntryKind::Deleted,
        _ => return None,
    })
}
