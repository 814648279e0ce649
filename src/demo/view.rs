//! What one request sees of the directory: the state its controller has, with that controller's own
//! sequence numbers, and deleted entries only where they were asked for.

use sha2::{Digest as _, Sha256};

use super::complete::derived;
use super::conversation::Facts;
use super::directory::{Directory, Kind};
use super::entry::Entry;
use super::name::DnKey;
use super::quirks::Quirks;

/// A controller's own update sequence numbers (MS-ADTS 3.1.1.1.8), made from the directory's: they
/// begin elsewhere and grow in other steps, but in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbering {
    first: i64,
    step: i64,
}

impl Numbering {
    /// The numbers of the controller of this name, always the same ones.
    #[must_use]
    pub fn of(controller: &str) -> Self {
        let [a, b, c, ..] = <[u8; 32]>::from(Sha256::digest(controller.as_bytes()));
        Self { first: i64::from(a) * 256 + i64::from(b), step: 1 + i64::from(c % 3) }
    }

    /// This controller's number of a change.
    #[must_use]
    pub fn number(self, sequence: i64) -> i64 {
        self.first.saturating_add(sequence.saturating_mul(self.step))
    }
}

/// A controller at the moment of a request.
pub struct Replica<'a> {
    /// The directory as it is: what binds are judged on.
    pub directory: &'a mut Directory,
    /// The state that the controller is held back at: what searches are answered from.
    pub held_back: Option<&'a Directory>,
    /// What the connection knows of its server.
    pub facts: &'a Facts,
    /// Habits and faults.
    pub quirks: &'a Quirks,
}

impl Replica<'_> {
    /// The state that the controller has.
    #[must_use]
    pub fn state(&self) -> &Directory {
        self.held_back.unwrap_or(self.directory)
    }

    /// What a search sees; deleted entries only if it `asks_for_deleted`, and if the account may see
    /// them.
    #[must_use]
    pub fn view(&self, asks_for_deleted: bool) -> View<'_> {
        View {
            directory: self.state(),
            facts: self.facts,
            quirks: self.quirks,
            shows_deleted: asks_for_deleted && !self.quirks.hide_deleted,
        }
    }
}

/// What a search sees.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub(super) directory: &'a Directory,
    pub(super) facts: &'a Facts,
    pub(super) quirks: &'a Quirks,
    pub(super) shows_deleted: bool,
}

impl<'a> View<'a> {
    /// The entry, if it is there and to be seen.
    pub(super) fn get(&self, key: &DnKey) -> Option<&'a Entry> {
        self.directory.entries.get(key).filter(|entry| self.sees(entry))
    }

    /// The entries that are to be seen at and below `base`, parents first.
    pub(super) fn below(
        &self,
        base: &DnKey,
    ) -> impl Iterator<Item = (&'a DnKey, &'a Entry)> + use<'a> {
        let (view, base) = (*self, base.clone());
        let from = view.directory.entries.range(base.clone()..);
        from.take_while(move |(key, _)| key.is_within(&base))
            .filter(move |(_, entry)| view.sees(entry))
    }

    fn sees(&self, entry: &Entry) -> bool {
        self.shows_deleted || !entry.is_deleted()
    }

    /// This controller's highest sequence number.
    pub(super) fn highest_committed(&self) -> i64 {
        self.facts.numbering.number(self.directory.sequence)
    }

    /// The name of the entry that stands for this controller's service (MS-ADTS 3.1.1.3.2.7).
    pub(super) fn service_name(&self) -> String {
        format!("CN=NTDS Settings,{}", self.server_name())
    }

    pub(super) fn server_name(&self) -> String {
        self.directory.server_name(&self.facts.controller)
    }

    /// The identity of this controller's numbering, from its service entry (MS-ADTS 3.1.1.1.9).
    pub(super) fn invocation_id(&self) -> [u8; 16] {
        let entry = self.directory.entry(&self.service_name());
        let octets = entry.and_then(|entry| entry.values("invocationId").first());
        octets
            .and_then(|octets| octets.as_slice().try_into().ok())
            .unwrap_or_else(|| derived(&self.facts.controller))
    }

    /// What a diagnostic text of Active Directory ends with.
    pub(super) fn diagnostic(&self, text: &str) -> String {
        match self.directory.kind {
            Kind::ActiveDirectory => self.quirks.diagnostic(text),
            Kind::OpenLdap => text.to_owned(),
        }
    }
}
