//! Changes of the directory, as an administrator makes them, and the log of what changed.

use std::collections::HashMap;

use super::complete::{file_time, generalized_time};
use super::directory::{Directory, DirectoryError, Kind, LINKS, link};
use super::entry::Entry;
use super::name::{DnKey, parent_text, rdn_text};

/// Changes that OpenLDAP's log keeps at most.
const LOG: usize = 65_536;
/// The name of an entry that is not there any more follows renames like a link, but is none.
const LAST_KNOWN_PARENT: &str = "lastKnownParent";

/// A change of OpenLDAP's, a removal too: which entry it was about.
#[derive(Clone)]
pub(super) struct Logged {
    pub(super) at: i64,
    pub(super) identity: [u8; 16],
    /// The name then.
    pub(super) dn: String,
}

impl Directory {
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

    /// Adds the entries that stand for a controller, where the directory has a place for them
    /// (MS-ADTS 6.1.1.2.2.1.2.1).
    pub(super) fn enroll(&mut self, controller: &str) {
        let server = self.server_name(controller);
        let above = parent_text(&server).unwrap_or_default();
        if self.entry(&above).is_none() || self.entry(&server).is_some() {
            return;
        }
        // Neither can fail: the name is one, it is free, and there is an entry above it.
        let _ = self.add(&server, &[("objectClass", "server")]);
        let service = format!("CN=NTDS Settings,{server}");
        let _ = self.add(&service, &[("objectClass", "nTDSDSA")]);
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

    /// Adds a member to a group; one that it has already is left alone.
    ///
    /// # Errors
    /// No such group.
    pub fn add_member(&mut self, group: &str, member: &str) -> Result<(), DirectoryError> {
        let new = DnKey::parse(member);
        self.change(group, |entry| {
            if !entry.values("member").iter().any(|value| link(value) == new) {
                entry.push("member", member.as_bytes().to_vec());
            }
        })
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

    /// Makes a group an account's primary group: its primaryGroupID becomes the last part of the
    /// group's objectSid (MS-ADTS 3.1.1.4.5.1). The lists of members stay as they are.
    ///
    /// # Errors
    /// No such entry, or a group without an objectSid.
    pub fn set_primary_group(&mut self, dn: &str, group: &str) -> Result<(), DirectoryError> {
        let sid = self.entry(group).and_then(|entry| entry.values("objectSid").first());
        let rid = sid
            .and_then(|sid| sid.last_chunk())
            .map(|octets| u32::from_le_bytes(*octets))
            .ok_or_else(|| DirectoryError::NoSuchEntry(group.to_owned()))?;
        self.set(dn, "primaryGroupID", &[&rid.to_string()])
    }

    /// Sets the moment at which an account expires; `None`: never (MS-ADTS 2.2, accountExpires).
    ///
    /// # Errors
    /// No such entry.
    pub fn set_account_expires(
        &mut self,
        dn: &str,
        at: Option<std::time::SystemTime>,
    ) -> Result<(), DirectoryError> {
        let moment = at.map_or(super::complete::NEVER, file_time);
        self.set(dn, "accountExpires", &[&moment.to_string()])
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
        let (kind, now) = (self.kind, file_time(self.now));
        self.change(dn, |entry| {
            entry.password = Some(password.to_owned());
            if kind == Kind::ActiveDirectory {
                entry.set_text("pwdLastSet", &now.to_string());
                entry.set_text("badPwdCount", "0");
                entry.set_text("lockoutTime", "0");
            }
        })
    }

    /// Gives an entry another RDN at the same place: `CN=Alice Other`.
    ///
    /// # Errors
    /// As [`Directory::rename`].
    pub fn set_rdn(&mut self, dn: &str, rdn: &str) -> Result<(), DirectoryError> {
        let above = parent_text(dn).ok_or_else(|| DirectoryError::NotAName(dn.to_owned()))?;
        self.rename(dn, &format!("{rdn},{above}"))
    }

    /// Moves an entry, with everything below it, to below `superior`.
    ///
    /// # Errors
    /// As [`Directory::rename`].
    pub fn move_to(&mut self, dn: &str, superior: &str) -> Result<(), DirectoryError> {
        self.rename(dn, &format!("{},{superior}", rdn_text(dn)))
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
            let Some((before, new)) = self.entries.remove(old).zip(DnKey::parse(name)) else {
                continue;
            };
            let mut entry = before.clone();
            entry.dn.clone_from(name);
            self.renamed(&before, &mut entry, *old == key);
            self.entries.insert(new, entry);
        }
        self.relink(|target| moved.get(target).map(|name| Some(name.as_bytes().to_vec())));
        self.follow_parents(&moved);
        Ok(())
    }

    /// The keys of an entry and all below it, each with its name after the rename.
    fn moved_names(&self, key: &DnKey, new_dn: &str) -> HashMap<DnKey, String> {
        let mut moved: HashMap<DnKey, String> = HashMap::new();
        for (old, entry) in self.entries.range(key.clone()..).take_while(|(k, _)| k.is_within(key))
        {
            // The order has parents first, so the new name of the parent is known.
            let name = match old.parent().and_then(|parent| moved.get(&parent)) {
                Some(above) => format!("{},{above}", rdn_text(&entry.dn)),
                None => new_dn.to_owned(),
            };
            moved.insert(old.clone(), name);
        }
        moved
    }

    /// Changes an entry. Active Directory takes no note of a write that changes nothing; OpenLDAP
    /// does.
    fn change(&mut self, dn: &str, change: impl FnOnce(&mut Entry)) -> Result<(), DirectoryError> {
        let key = self.key_of(dn)?;
        let Some(before) = self.entries.remove(&key) else { return Ok(()) };
        let mut entry = before.clone();
        change(&mut entry);
        if self.kind == Kind::OpenLdap || !entry.says_the_same(&before) {
            self.touch(&before, &mut entry);
        }
        self.entries.insert(key, entry);
        self.forget_indices();
        Ok(())
    }

    /// Changes the values that name other entries, without a change of the entries they are in.
    pub(super) fn relink(&mut self, change: impl Fn(&DnKey) -> Option<Option<Vec<u8>>>) {
        self.forget_indices();
        let change = |value: &[u8]| link(value).as_ref().and_then(&change);
        for entry in self.entries.values_mut() {
            for name in LINKS {
                entry.map_values(name, change);
            }
            entry.metadata.relink(change);
        }
    }

    /// Tombstones keep naming the entry that was above them, by its name of today.
    pub(super) fn follow_parents(&mut self, moved: &HashMap<DnKey, String>) {
        for entry in self.entries.values_mut() {
            entry.map_values(LAST_KNOWN_PARENT, |value| {
                let name = moved.get(&link(value)?)?;
                Some(Some(name.as_bytes().to_vec()))
            });
        }
    }

    /// Takes a change of OpenLDAP into the log and makes its change sequence number.
    pub(super) fn log_change(&mut self, entry: &Entry) -> String {
        let time = generalized_time(self.now, self.kind);
        // The number must grow even when the clock goes back.
        let last = self.context_csn.split('.').next().unwrap_or_default();
        let time = time.trim_end_matches('Z').max(last);
        let csn = format!("{time}.{:06}Z#000000#000#000000", self.sequence);
        self.context_csn.clone_from(&csn);
        if let Some(identity) = entry.identity() {
            self.log.push_back(Logged { at: self.sequence, identity, dn: entry.dn.clone() });
        }
        if self.log.len() > LOG {
            self.log.pop_front();
        }
        csn
    }
}
