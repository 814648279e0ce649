//! The directory that all controllers of a domain share: entries, changes, and what was asked.
//!
//! Replication is instant because there is only one copy. Time is a value that the owner advances
//! ([`Directory::advance`]); nothing here reads a clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;
use std::time::SystemTime;

use thiserror::Error;

use super::entry::Entry;
use super::ldif::{self, LdifError};
use super::name::{DnKey, parent_text};
use super::resolve::AccountIndex;
use super::verify::SeenBind;

/// Attributes whose values are names of entries: they follow a rename and lose a removed entry
/// without a change of their own entry (MS-ADTS 3.1.1.1.6).
const LINKS: [&str; 5] = ["member", "uniqueMember", "manager", "managedBy", "secretary"];

/// Which server is imitated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Active Directory.
    ActiveDirectory,
    /// OpenLDAP.
    OpenLdap,
}

/// The names of a domain.
#[derive(Clone, Debug, Default)]
pub struct Domain {
    /// Distinguished name of the naming context.
    pub dn: String,
    /// `corp.example`.
    pub dns: String,
    /// `CORP`; empty for OpenLDAP.
    pub netbios: String,
    pub(super) key: DnKey,
}

/// A directory in memory.
pub struct Directory {
    pub(super) kind: Kind,
    pub(super) domain: Domain,
    pub(super) contexts: Vec<(DnKey, String)>,
    pub(super) entries: BTreeMap<DnKey, Entry>,
    pub(super) usn: i64,
    pub(super) next_rid: u32,
    pub(super) now: SystemTime,
    pub(super) binds: Vec<SeenBind>,
    /// Entry to the groups that name it; made when first asked for, dropped by every change.
    backlinks: OnceLock<HashMap<DnKey, Vec<DnKey>>>,
    pub(super) account_index: OnceLock<AccountIndex>,
}

/// Why a change cannot be made.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DirectoryError {
    /// The text is not LDIF.
    #[error(transparent)]
    Ldif(#[from] LdifError),
    /// A record of the LDIF cannot be added.
    #[error("line {line}: {cause}")]
    Record {
        /// Line of the record's `dn:`.
        line: usize,
        /// Why.
        cause: Box<DirectoryError>,
    },
    /// The text holds no record.
    #[error("no entries")]
    Empty,
    /// Not a distinguished name.
    #[error("{0:?} is not a distinguished name")]
    NotAName(String),
    /// The entry does not exist.
    #[error("{0:?} does not exist")]
    NoSuchEntry(String),
    /// The entry exists.
    #[error("{0:?} exists already")]
    Exists(String),
    /// The entry above does not exist.
    #[error("{0:?} has no entry above it")]
    NoParent(String),
}

impl Directory {
    /// Loads content records. The first is the naming context: class `domainDNS` makes it Active
    /// Directory, anything else OpenLDAP. Attributes that a server would have set are added where
    /// the text leaves them out.
    ///
    /// Two attributes are for the text only and never stored: `demoPassword`, and `demoRid`, the
    /// last part of the objectSid.
    ///
    /// # Errors
    /// Not LDIF, or a record that cannot be added, with its line.
    pub fn from_ldif(text: &str, now: SystemTime) -> Result<Self, DirectoryError> {
        let records = ldif::parse(text)?;
        let first = records.first().ok_or(DirectoryError::Empty)?;
        let is_domain = |(name, value): &(String, Vec<u8>)| {
            name.eq_ignore_ascii_case("objectClass") && value.eq_ignore_ascii_case(b"domainDNS")
        };
        let kind = match first.attributes.iter().any(is_domain) {
            true => Kind::ActiveDirectory,
            false => Kind::OpenLdap,
        };
        let mut directory = Self::empty(kind, &first.dn, now)?;
        for record in &records {
            let mut entry = Entry::new(&record.dn);
            for (name, value) in &record.attributes {
                entry.push(name, value.clone());
            }
            directory.insert(entry).map_err(|cause| DirectoryError::Record {
                line: record.line,
                cause: Box::new(cause),
            })?;
        }
        Ok(directory)
    }

    fn empty(kind: Kind, dn: &str, now: SystemTime) -> Result<Self, DirectoryError> {
        let key = DnKey::parse(dn).ok_or_else(|| DirectoryError::NotAName(dn.to_owned()))?;
        let dns = super::name::canonical_name(dn).unwrap_or_default();
        let domain = Domain {
            dn: dn.to_owned(),
            dns: dns.trim_end_matches('/').to_owned(),
            netbios: String::new(),
            key,
        };
        Ok(Self {
            kind,
            domain,
            contexts: Vec::new(),
            entries: BTreeMap::new(),
            usn: 4096,
            next_rid: 1104,
            now,
            binds: Vec::new(),
            backlinks: OnceLock::new(),
            account_index: OnceLock::new(),
        })
    }

    /// Which server is imitated.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The names of the domain.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Sets the directory's clock. Going back is allowed, as it is for servers.
    pub fn advance(&mut self, now: SystemTime) {
        self.now = now;
    }

    /// The entry of this name in any spelling.
    #[must_use]
    pub fn entry(&self, dn: &str) -> Option<&Entry> {
        self.entries.get(&DnKey::parse(dn)?)
    }

    /// The name of the entry with this sAMAccountName, or uid for OpenLDAP.
    #[must_use]
    pub fn dn_of(&self, account: &str) -> Option<String> {
        let attribute = self.account_attribute();
        self.entries.values().find(|entry| entry.has(attribute, account)).map(|e| e.dn.clone())
    }

    pub(super) fn account_attribute(&self) -> &'static str {
        match self.kind {
            Kind::ActiveDirectory => "sAMAccountName",
            Kind::OpenLdap => "uid",
        }
    }

    /// Every bind that a controller of this directory has read, in order.
    #[must_use]
    pub fn binds(&self) -> &[SeenBind] {
        &self.binds
    }

    /// How many binds were read for this account (sAMAccountName, or uid), whatever the name form and
    /// the outcome.
    #[must_use]
    pub fn binds_of(&self, account: &str) -> usize {
        self.binds.iter().filter(|bind| bind.account.as_deref() == Some(account)).count()
    }

    /// Forgets the binds seen so far.
    pub fn forget_binds(&mut self) {
        self.binds.clear();
    }

    /// Adds an entry. What a server would set itself is added where it is left out.
    ///
    /// # Errors
    /// Not a name, exists, or nothing above it.
    pub fn add(&mut self, dn: &str, attributes: &[(&str, &str)]) -> Result<(), DirectoryError> {
        let mut entry = Entry::new(dn);
        for (name, value) in attributes {
            entry.push(name, value.as_bytes().to_vec());
        }
        self.insert(entry)
    }

    /// Adds a prepared entry, for values that are not text.
    ///
    /// # Errors
    /// As [`Directory::add`].
    pub fn insert(&mut self, mut entry: Entry) -> Result<(), DirectoryError> {
        let dn = entry.dn.clone();
        let key = DnKey::parse(&dn).ok_or_else(|| DirectoryError::NotAName(dn.clone()))?;
        if self.entries.contains_key(&key) {
            return Err(DirectoryError::Exists(dn));
        }
        let parent_exists = key.parent().is_some_and(|parent| self.entries.contains_key(&parent));
        if !parent_exists && !self.heads_context(&key, &entry) {
            return Err(DirectoryError::NoParent(dn));
        }
        self.complete(&key, &mut entry);
        self.forget_indices();
        self.entries.insert(key, entry);
        Ok(())
    }

    /// Replaces the values of an attribute; none removes it.
    ///
    /// # Errors
    /// No such entry.
    pub fn set(&mut self, dn: &str, name: &str, values: &[&str]) -> Result<(), DirectoryError> {
        self.set_octets(dn, name, values.iter().map(|value| value.as_bytes().to_vec()).collect())
    }

    /// Replaces the values of an attribute by octets; none removes it.
    ///
    /// # Errors
    /// No such entry.
    pub fn set_octets(
        &mut self,
        dn: &str,
        name: &str,
        values: Vec<Vec<u8>>,
    ) -> Result<(), DirectoryError> {
        self.change(dn, |entry| entry.set(name, values))
    }

    /// Adds a member to a group.
    ///
    /// # Errors
    /// No such group.
    pub fn add_member(&mut self, group: &str, member: &str) -> Result<(), DirectoryError> {
        self.change(group, |entry| entry.push("member", member.as_bytes().to_vec()))
    }

    /// Takes a member out of a group.
    ///
    /// # Errors
    /// No such group.
    pub fn remove_member(&mut self, group: &str, member: &str) -> Result<(), DirectoryError> {
        let gone = DnKey::parse(member);
        self.change(group, |entry| {
            entry.map_values("member", |value| (link(value) == gone).then_some(None));
        })
    }

    /// Sets the disabled flag of an account (`userAccountControl` bit 2, or `pwdAccountLockedTime`
    /// for OpenLDAP).
    ///
    /// # Errors
    /// No such entry.
    pub fn disable(&mut self, dn: &str) -> Result<(), DirectoryError> {
        self.set_disabled(dn, true)
    }

    /// Takes the disabled flag away.
    ///
    /// # Errors
    /// No such entry.
    pub fn enable(&mut self, dn: &str) -> Result<(), DirectoryError> {
        self.set_disabled(dn, false)
    }

    fn set_disabled(&mut self, dn: &str, disabled: bool) -> Result<(), DirectoryError> {
        let kind = self.kind;
        self.change(dn, |entry| match kind {
            Kind::ActiveDirectory => {
                let flags = entry.number("userAccountControl").unwrap_or(512);
                let flags = if disabled { flags | 2 } else { flags & !2 };
                entry.set_text("userAccountControl", &flags.to_string());
            }
            Kind::OpenLdap if disabled => entry.set_text("pwdAccountLockedTime", "000001010000Z"),
            Kind::OpenLdap => entry.set("pwdAccountLockedTime", Vec::new()),
        })
    }

    /// Gives an account another password, as an administrator does: unlocked, age zero.
    ///
    /// # Errors
    /// No such entry.
    pub fn set_password(&mut self, dn: &str, password: &str) -> Result<(), DirectoryError> {
        let (kind, now) = (self.kind, super::complete::file_time(self.now));
        self.change(dn, |entry| {
            entry.password = Some(password.to_owned());
            if kind == Kind::ActiveDirectory {
                entry.set_text("pwdLastSet", &now.to_string());
                entry.set_text("badPwdCount", "0");
                entry.set_text("lockoutTime", "0");
            }
        })
    }

    /// Removes an entry and everything below it; links to them vanish.
    ///
    /// # Errors
    /// No such entry.
    pub fn remove(&mut self, dn: &str) -> Result<(), DirectoryError> {
        let key = self.key_of(dn)?;
        self.usn += 1;
        self.entries.retain(|other, _| !other.is_within(&key));
        self.relink(|target| target.is_within(&key).then_some(None));
        Ok(())
    }

    /// Gives an entry another name, and with it everything below; links to them follow.
    ///
    /// # Errors
    /// No such entry, not a name, exists, or nothing above the new name.
    pub fn rename(&mut self, dn: &str, new_dn: &str) -> Result<(), DirectoryError> {
        let key = self.key_of(dn)?;
        let new_key =
            DnKey::parse(new_dn).ok_or_else(|| DirectoryError::NotAName(new_dn.to_owned()))?;
        if new_key != key && self.entries.contains_key(&new_key) {
            return Err(DirectoryError::Exists(new_dn.to_owned()));
        }
        let above = new_key.parent().filter(|parent| self.entries.contains_key(parent));
        if above.is_none_or(|parent| parent.is_within(&key)) {
            return Err(DirectoryError::NoParent(new_dn.to_owned()));
        }
        let moved: HashMap<DnKey, String> = self.moved_names(&key, new_dn);
        for (old, name) in &moved {
            let Some((mut entry, new)) = self.entries.remove(old).zip(DnKey::parse(name)) else {
                continue;
            };
            entry.dn.clone_from(name);
            self.renamed(&mut entry, *old == key);
            self.entries.insert(new, entry);
        }
        self.relink(|target| moved.get(target).map(|name| Some(name.as_bytes().to_vec())));
        Ok(())
    }

    /// The keys of an entry and all below it, each with its name after the rename.
    fn moved_names(&self, key: &DnKey, new_dn: &str) -> HashMap<DnKey, String> {
        let mut moved: HashMap<DnKey, String> = HashMap::new();
        for (old, entry) in self.entries.range(key.clone()..).take_while(|(k, _)| k.is_within(key))
        {
            // The order has parents first, so the new name of the parent is known.
            let name = match old.parent().and_then(|parent| moved.get(&parent)) {
                Some(above) => {
                    let kept = parent_text(&entry.dn).map_or(0, |parent| parent.len() + 1);
                    let rdn = entry.dn.len().checked_sub(kept).and_then(|end| entry.dn.get(..end));
                    format!("{},{above}", rdn.unwrap_or_default())
                }
                None => new_dn.to_owned(),
            };
            moved.insert(old.clone(), name);
        }
        moved
    }

    fn change(&mut self, dn: &str, change: impl FnOnce(&mut Entry)) -> Result<(), DirectoryError> {
        let key = self.key_of(dn)?;
        if let Some(mut entry) = self.entries.remove(&key) {
            change(&mut entry);
            self.touch(&mut entry);
            self.entries.insert(key, entry);
            self.forget_indices();
        }
        Ok(())
    }

    fn key_of(&self, dn: &str) -> Result<DnKey, DirectoryError> {
        DnKey::parse(dn)
            .filter(|key| self.entries.contains_key(key))
            .ok_or_else(|| DirectoryError::NoSuchEntry(dn.to_owned()))
    }

    fn relink(&mut self, change: impl Fn(&DnKey) -> Option<Option<Vec<u8>>>) {
        self.forget_indices();
        for entry in self.entries.values_mut() {
            for name in LINKS {
                entry.map_values(name, |value| link(value).as_ref().and_then(&change));
            }
        }
    }

    fn forget_indices(&mut self) {
        self.backlinks.take();
        self.account_index.take();
    }

    /// The groups that name the entry in `member` or `uniqueMember`.
    pub(super) fn groups_of(&self, key: &DnKey) -> &[DnKey] {
        let backlinks = self.backlinks.get_or_init(|| {
            let mut backlinks: HashMap<DnKey, Vec<DnKey>> = HashMap::new();
            for (group, entry) in &self.entries {
                let members = entry.values("member").iter().chain(entry.values("uniqueMember"));
                for member in members.filter_map(|value| link(value)) {
                    backlinks.entry(member).or_default().push(group.clone());
                }
            }
            backlinks
        });
        backlinks.get(key).map_or(&[], Vec::as_slice)
    }
}

fn link(value: &[u8]) -> Option<DnKey> {
    DnKey::parse(std::str::from_utf8(value).ok()?)
}
