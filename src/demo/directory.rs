//! The directory that all controllers of a domain share: entries, and what was asked. How it changes
//! is in `changes` and `tombstones`.
//!
//! Replication is instant because there is only one copy; a controller that lags behind serves a clone.
//! Time is a value that the owner advances ([`Directory::advance`]); nothing here reads a clock.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::OnceLock;
use std::time::SystemTime;

use thiserror::Error;

use super::changes::Logged;
use super::entry::Entry;
use super::ldif::{self, LdifError};
use super::name::DnKey;
use super::resolve::AccountIndex;
use super::verify::SeenBind;

/// Attributes whose values are names of entries: they follow a rename and lose a removed entry
/// without a change of their own entry (MS-ADTS 3.1.1.1.6).
pub(super) const LINKS: [&str; 5] = ["member", "uniqueMember", "manager", "managedBy", "secretary"];

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
#[derive(Clone)]
pub struct Directory {
    pub(super) kind: Kind,
    pub(super) domain: Domain,
    pub(super) contexts: Vec<(DnKey, String)>,
    pub(super) entries: BTreeMap<DnKey, Entry>,
    /// Number of the last change. Each change has the next one, and controllers make their own
    /// update sequence numbers of it.
    pub(super) sequence: i64,
    /// Where changes before the last one are missing: the number up to which none is.
    lacking_since: Option<i64>,
    /// Number of the last change of loading: what was before it is known to nobody.
    pub(super) loaded: i64,
    /// What changed last, oldest first; for OpenLDAP only.
    pub(super) log: VecDeque<Logged>,
    /// The latest change sequence number of OpenLDAP (contextCSN).
    pub(super) context_csn: String,
    pub(super) next_rid: u32,
    /// Identities that were ever given out.
    pub(super) used_identities: HashSet<[u8; 16]>,
    pub(super) now: SystemTime,
    pub(super) binds: Vec<SeenBind>,
    /// Entry to the groups that name it; made when first asked for, dropped by every change.
    backlinks: OnceLock<HashMap<DnKey, Vec<DnKey>>>,
    pub(super) account_index: OnceLock<AccountIndex>,
    identities: OnceLock<HashMap<[u8; 16], DnKey>>,
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
        directory.loaded = directory.sequence;
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
            sequence: 4096,
            lacking_since: None,
            loaded: 4096,
            log: VecDeque::new(),
            context_csn: String::new(),
            next_rid: 1104,
            used_identities: HashSet::new(),
            now,
            binds: Vec::new(),
            backlinks: OnceLock::new(),
            account_index: OnceLock::new(),
            identities: OnceLock::new(),
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
        let mut living = self.entries.values().filter(|entry| !entry.is_deleted());
        living.find(|entry| entry.has(attribute, account)).map(|entry| entry.dn.clone())
    }

    /// The number of the last change: moved by every change and by nothing else.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        self.sequence
    }

    /// The number up to which no change is missing.
    pub(super) fn whole_to(&self) -> i64 {
        self.lacking_since.unwrap_or(self.sequence)
    }

    /// The next change has a number above `sequence`; those between are missing.
    pub(super) fn lacks_what_is_before(&mut self, sequence: i64) {
        self.lacking_since.get_or_insert(self.sequence);
        self.sequence = self.sequence.max(sequence);
    }

    /// The name of the entry that stands for a controller (MS-ADTS 6.1.1.2.2.1.2.1.1).
    pub(super) fn server_name(&self, controller: &str) -> String {
        format!(
            "CN={},CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration,{}",
            controller.to_ascii_uppercase(),
            self.domain.dn
        )
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

    pub(super) fn key_of(&self, dn: &str) -> Result<DnKey, DirectoryError> {
        DnKey::parse(dn)
            .filter(|key| self.entries.contains_key(key))
            .ok_or_else(|| DirectoryError::NoSuchEntry(dn.to_owned()))
    }

    pub(super) fn forget_indices(&mut self) {
        self.backlinks.take();
        self.account_index.take();
        self.identities.take();
    }

    /// The entry with this objectGUID or entryUUID, wherever it is now.
    pub(super) fn by_identity(&self, identity: &[u8; 16]) -> Option<&DnKey> {
        let identities = self.identities.get_or_init(|| {
            let known = self.entries.iter().map(|(key, entry)| (entry.identity(), key));
            known.filter_map(|(identity, key)| Some((identity?, key.clone()))).collect()
        });
        identities.get(identity)
    }

    /// The naming context that a name is in.
    pub(super) fn context_of(&self, key: &DnKey) -> Option<&(DnKey, String)> {
        let contexts = self.contexts.iter().filter(|(context, _)| key.is_within(context));
        contexts.max_by_key(|(context, _)| context.depth())
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

/// The entry that a value names.
pub(super) fn link(value: &[u8]) -> Option<DnKey> {
    DnKey::parse(std::str::from_utf8(value).ok()?)
}
