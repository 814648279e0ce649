//! Pages become a whole set of entries, or nothing.

use foldhash::{HashMap, HashMapExt};
use thiserror::Error;

use crate::directory::{EntryKind, View, identity};
use crate::ldap::description_memo::DescriptionMemo;
use crate::ldap::entry::AttributeValues;
use crate::ldap::identifier::{Guid, Sid};
use crate::ldap::packed_entry::PackedEntry;
use crate::ldap::schema::{DirectoryKind, is_forbidden, is_replicated};

mod memberships;

pub use memberships::Memberships;
use memberships::Read;

/// Relative identifiers of accounts that nobody logs in with: Guest and krbtgt (MS-SAMR 2.2.1.14).
const NEVER_COPIED: [u32; 2] = [501, 502];

/// So many groups are not all removed between two passes; fewer may be.
const MANY_GROUPS: usize = 10;

/// Why what was read does not become a view.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AssembleError {
    /// Nobody is there, although the last view had people.
    #[error(
        "the directory suddenly has no users (there were {before}): a wrong base, or the sync \
         account has lost its rights"
    )]
    NoUsersLeft {
        /// Users in the last view.
        before: usize,
    },
    /// No groups are there, although the last view had many: whoever is denied by a group would pass.
    #[error(
        "the directory suddenly has no groups (there were {before}): a wrong base, or the sync \
         account has lost its rights"
    )]
    NoGroupsLeft {
        /// Groups in the last view.
        before: usize,
    },
    /// Nobody is there at all.
    #[error("no users were found below {base:?}: check the base and the sync account's rights")]
    Empty {
        /// Where was looked.
        base: String,
    },
    /// Most users have no identity, and could not be kept.
    #[error(
        "objectGUID or entryUUID cannot be read on {unreadable} of {users} users: grant the sync \
         account read access to it"
    )]
    IdentityUnreadable {
        /// Users without it.
        unreadable: usize,
        /// All users.
        users: usize,
    },
    /// Most accounts hide whether they are enabled.
    #[error(
        "userAccountControl cannot be read on {unreadable} of {users} users: grant the sync \
         account read access to Account Restrictions"
    )]
    StateUnreadable {
        /// Users without it.
        unreadable: usize,
        /// All users.
        users: usize,
    },
}

/// The entries of one pass as they come in, packed: a pass over a large directory must not need several
/// times the memory of the view that comes of it.
#[derive(Debug)]
pub struct Assembly {
    kind: DirectoryKind,
    entries: Vec<PackedEntry>,
    /// What each of them is, in the same order.
    traits: Vec<Traits>,
    places: HashMap<Guid, usize>,
    /// The descriptions that came so far.
    descriptions: DescriptionMemo<Description>,
    moved: usize,
}

/// What is asked of an entry again and again.
#[derive(Clone, Copy, Debug)]
struct Traits {
    kind: EntryKind,
    guid: Option<Guid>,
    /// An attribute has only a part of its values yet, which may be one that the others are told from.
    partial: bool,
}

#[derive(Clone, Copy, Debug)]
struct Description {
    kept: bool,
    partial: bool,
}

impl Description {
    fn of(text: &str) -> Self {
        // MS-ADTS §3.1.1.3.1.3.3.
        Self { kept: is_kept(text), partial: text.to_ascii_lowercase().contains(";range=") }
    }
}

/// What a pass has found.
#[derive(Debug)]
pub struct Assembled {
    /// The entries, each identity once.
    pub entries: Vec<PackedEntry>,
    /// Users whose state cannot be read; they are refused.
    pub unreadable: usize,
    /// Entries that came twice, because they were moved or renamed between two pages.
    pub moved: usize,
}

impl Assembly {
    /// Nothing yet.
    #[must_use]
    pub fn new(kind: DirectoryKind) -> Self {
        let (entries, traits) = (Vec::new(), Vec::new());
        let (places, descriptions) = (HashMap::new(), DescriptionMemo::default());
        Self { kind, entries, traits, places, descriptions, moved: 0 }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing has come yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes a page. An object that comes twice was moved or changed between two pages; the later reading
    /// counts, because the controller answers each page from its present state. An entry without an
    /// identity is kept, for `View::build` to list.
    pub fn add(&mut self, mut page: Vec<PackedEntry>) {
        page.retain(|entry| is_copied(self.kind, entry));
        let descriptions = &mut self.descriptions;
        let mut partial = false;
        let is_kept = |text: &str| {
            let known = descriptions.known(text, || Description::of(text));
            partial |= known.partial;
            known.kept
        };
        for entry in PackedEntry::together(&page, is_kept) {
            let traits = self.traits_of(&entry, partial);
            let guid = traits.guid;
            let place = guid.and_then(|guid| self.places.get(&guid).copied());
            if let Some(place) = place
                && let Some(known) = self.entries.get_mut(place)
            {
                self.moved += usize::from(known.dn() != entry.dn());
                *known = entry;
                self.traits.get_mut(place).into_iter().for_each(|known| *known = traits);
                continue;
            }
            if let Some(guid) = guid {
                self.places.insert(guid, self.entries.len());
            }
            self.entries.push(entry);
            self.traits.push(traits);
        }
    }

    /// `may_be_partial`: not to be looked for where no entry of a page has ranges.
    fn traits_of(&mut self, entry: &PackedEntry, may_be_partial: bool) -> Traits {
        let mut is_partial =
            |text: &str| self.descriptions.known(text, || Description::of(text)).partial;
        let mut attributes = entry.attributes();
        let partial =
            may_be_partial && attributes.any(|attribute| is_partial(attribute.description()));
        let (kind, guid) = (EntryKind::of(entry, self.kind), identity(entry, self.kind));
        Traits { kind, guid, partial }
    }

    /// Takes an entry out that is gone by now.
    pub fn remove(&mut self, guid: Guid) {
        let Some(place) = self.places.remove(&guid) else { return };
        self.entries.swap_remove(place);
        self.traits.swap_remove(place);
        if let Some(swapped) = self.traits.get(place).and_then(|swapped| swapped.guid) {
            self.places.insert(swapped, place);
        }
    }

    /// The names of the entries so far.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.entries.iter().map(PackedEntry::dn)
    }

    /// The places of entries that have only a part of an attribute's values.
    #[must_use]
    pub fn partial(&self) -> Vec<usize> {
        let partial = self.traits.iter().enumerate().filter(|(_, traits)| traits.partial);
        partial.map(|(place, _)| place).collect()
    }

    /// The entry in a place.
    #[must_use]
    pub fn entry(&self, place: usize) -> Option<&PackedEntry> {
        self.entries.get(place)
    }

    /// Puts the whole of an entry in its place.
    pub fn complete(&mut self, place: usize, entry: PackedEntry) {
        let traits = self.traits_of(&entry, true);
        if let (Some(known), Some(old)) = (self.entries.get_mut(place), self.traits.get_mut(place))
        {
            *known = entry;
            *old = traits;
        }
    }

    /// The entries, where nothing is to be said of them as a whole.
    #[must_use]
    pub fn into_entries(self) -> Vec<PackedEntry> {
        self.entries
    }

    /// Holds what members say of their groups (memberOf) against what the groups say of their members.
    /// A difference is a change between two pages, or a right that the sync account lacks.
    #[must_use]
    pub fn memberships(&self) -> Memberships {
        let all = self.entries.iter().zip(&self.traits);
        memberships::compare(all.map(|(entry, traits)| Read {
            entry,
            guid: traits.guid,
            group: traits.guid.filter(|_| traits.kind == EntryKind::Group),
        }))
    }

    /// Checks the whole. To be called only when every search of the pass has ended without an error.
    ///
    /// # Errors
    /// It cannot be right; the view stays as it is.
    pub fn finish(self, base: &str, last: Option<&View>) -> Result<Assembled, AssembleError> {
        let all = || self.users();
        let users = all().count();
        let before = last.map(View::counts).unwrap_or_default();
        if users == 0 {
            return Err(match before.users {
                0 => AssembleError::Empty { base: base.to_owned() },
                before => AssembleError::NoUsersLeft { before },
            });
        }
        if before.groups >= MANY_GROUPS && !self.has_groups() {
            return Err(AssembleError::NoGroupsLeft { before: before.groups });
        }
        let nameless = all().filter(|(_, traits)| traits.guid.is_none()).count();
        if nameless * 2 > users {
            return Err(AssembleError::IdentityUnreadable { unreadable: nameless, users });
        }
        let hides_state = |(user, _): &(&PackedEntry, &Traits)| {
            self.kind == DirectoryKind::ActiveDirectory
                && user.first_of("userAccountControl").is_none()
        };
        let unreadable = all().filter(hides_state).count();
        if unreadable * 2 > users {
            return Err(AssembleError::StateUnreadable { unreadable, users });
        }
        Ok(Assembled { entries: self.entries, unreadable, moved: self.moved })
    }

    fn users(&self) -> impl Iterator<Item = (&PackedEntry, &Traits)> {
        let all = self.entries.iter().zip(&self.traits);
        all.filter(|(_, traits)| traits.kind == EntryKind::User)
    }

    fn has_groups(&self) -> bool {
        self.traits.iter().any(|traits| traits.kind == EntryKind::Group)
    }
}

fn is_kept(description: &str) -> bool {
    let name = description.split(';').next().unwrap_or_default();
    // No application reads the security descriptor.
    let descriptor = name.eq_ignore_ascii_case("nTSecurityDescriptor");
    is_replicated(name) && !is_forbidden(name) && !descriptor
}

/// Of the accounts only people's are copied.
fn is_copied(kind: DirectoryKind, entry: &impl AttributeValues) -> bool {
    if kind == DirectoryKind::OpenLdap {
        return true;
    }
    let mut classes = entry.values_of("objectClass");
    if !classes.any(|value| value.eq_ignore_ascii_case(b"user")) {
        return true;
    }
    let sid = entry.first_of("objectSid").and_then(Sid::from_octets);
    let relative = sid.and_then(|sid| sid.relative_id());
    EntryKind::of(entry, kind) == EntryKind::User
        && relative.is_none_or(|relative| !NEVER_COPIED.contains(&relative))
        // The krbtgt account of a read-only controller (MS-ADTS §6.1.1.3.2).
        && entry.first_of("msDS-SecondaryKrbTgtNumber").is_none()
}

#[cfg(test)]
mod tests;
