//! Deletion and undeletion (MS-ADTS 3.1.1.5.5, 3.1.1.5.3.7): Active Directory keeps a tombstone of
//! what was deleted, OpenLDAP keeps nothing.

use std::collections::HashMap;

use super::complete::leading_ava;
use super::directory::{Directory, DirectoryError, Kind};
use super::entry::Entry;
use super::name::{DnKey, guid_text, parent_text, rdn_text};
use super::resolve::has_guid;

/// What a tombstone keeps of the entry's attributes (MS-ADTS 3.1.1.5.5.1.1), as far as they occur here.
const KEPT: [&str; 9] = [
    "objectClass",
    "objectGUID",
    "objectSid",
    "sAMAccountName",
    "userAccountControl",
    "groupType",
    "instanceType",
    "whenCreated",
    "uSNCreated",
];

impl Directory {
    /// Removes an entry and everything below it, the lowest first; links to them vanish. In Active
    /// Directory each leaves a tombstone; removing a tombstone leaves nothing, as garbage collection
    /// does.
    ///
    /// # Errors
    /// No such entry.
    pub fn remove(&mut self, dn: &str) -> Result<(), DirectoryError> {
        let key = self.key_of(dn)?;
        let below =
            self.entries.range(key.clone()..).take_while(|(other, _)| other.is_within(&key));
        let gone: Vec<DnKey> = below.map(|(other, _)| other.clone()).collect();
        let mut tombstones = HashMap::new();
        for old in gone.iter().rev() {
            let Some(entry) = self.entries.remove(old) else { continue };
            match self.kind {
                Kind::ActiveDirectory if !entry.is_deleted() => {
                    let name = self.bury(old, &entry)?;
                    tombstones.insert(old.clone(), name);
                }
                Kind::ActiveDirectory => self.sequence += 1,
                Kind::OpenLdap => {
                    self.sequence += 1;
                    self.log_change(&entry);
                }
            }
        }
        self.relink(|target| target.is_within(&key).then_some(None));
        self.follow_parents(&tombstones);
        Ok(())
    }

    /// Brings back what was deleted, by the text of its objectGUID: below its last known parent, under
    /// its old RDN, with what the tombstone kept and an account's defaults. Without the recycle bin all
    /// else is lost: password, memberships, attributes. Returns the name.
    ///
    /// # Errors
    /// No such tombstone, its parent is gone, or somebody else has the name.
    pub fn undelete(&mut self, guid: &str) -> Result<String, DirectoryError> {
        let no_such = || DirectoryError::NoSuchEntry(guid.to_owned());
        let mut tombstones = self.entries.iter().filter(|(_, entry)| entry.is_deleted());
        let (old, before) =
            tombstones.find(|(_, entry)| has_guid(entry, guid)).ok_or_else(no_such)?;
        let (old, before) = (old.clone(), before.clone());
        let rdn = rdn_text(&before.dn);
        let rdn = rdn.rsplit_once("\\0ADEL:").map(|(rdn, _)| rdn).ok_or_else(no_such)?;
        let above = before.text("lastKnownParent").unwrap_or_default();
        let dn = format!("{rdn},{above}");
        let key = DnKey::parse(&dn).ok_or_else(|| DirectoryError::NotAName(dn.clone()))?;
        if self.entries.contains_key(&key) {
            return Err(DirectoryError::Exists(dn));
        }
        if self.entry(above).is_none_or(Entry::is_deleted) {
            return Err(DirectoryError::NoParent(dn));
        }
        self.entries.remove(&old);
        let mut entry = kept(&before, &dn);
        self.complete_classes(&mut entry);
        self.complete_account(&mut entry);
        self.name_attributes(&mut entry);
        self.touch(&before, &mut entry);
        self.entries.insert(key, entry);
        self.forget_indices();
        Ok(dn)
    }

    /// Puts the tombstone of an entry below `CN=Deleted Objects` and returns its name.
    fn bury(&mut self, key: &DnKey, before: &Entry) -> Result<String, DirectoryError> {
        let container = self.deleted_objects(key)?;
        let guid = before.values("objectGUID").first().and_then(|octets| guid_text(octets));
        let guid = guid.unwrap_or_default();
        let dn = format!("{}\\0ADEL:{guid},{container}", rdn_text(&before.dn));
        let key = DnKey::parse(&dn).ok_or_else(|| DirectoryError::NotAName(dn.clone()))?;
        let mut entry = kept(before, &dn);
        entry.set_text("isDeleted", "TRUE");
        entry.set_text("lastKnownParent", &parent_text(&before.dn).unwrap_or_default());
        self.name_attributes(&mut entry);
        self.touch(before, &mut entry);
        self.entries.insert(key, entry);
        Ok(dn)
    }

    /// The container of a naming context's tombstones, made when it is needed first.
    fn deleted_objects(&mut self, key: &DnKey) -> Result<String, DirectoryError> {
        let context = self.context_of(key).map_or(self.domain.dn.as_str(), |(_, dn)| dn);
        let dn = format!("CN=Deleted Objects,{context}");
        match self.add(&dn, &[("objectClass", "container"), ("isDeleted", "TRUE")]) {
            Ok(()) | Err(DirectoryError::Exists(_)) => Ok(dn),
            Err(error) => Err(error),
        }
    }
}

/// An entry of another name with what survives deletion.
fn kept(before: &Entry, dn: &str) -> Entry {
    let mut entry = Entry::new(dn);
    entry.metadata = before.metadata.clone();
    for name in KEPT {
        entry.set(name, before.values(name).to_vec());
    }
    if let Some((attribute, _)) = leading_ava(dn) {
        entry.set(&attribute, Vec::new());
    }
    entry
}
