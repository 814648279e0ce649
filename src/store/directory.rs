//! `[io]` What is kept of one directory: records by slot and values by name, changed together or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::by_identity;
use super::database::Shared;
use super::error::{StoreError, Trouble};
use super::global::opened;

/// What the names of the tables of a directory begin with; its own name follows.
const RECORDS: &str = "records of ";
const VALUES: &str = "values of ";

/// What is kept of one directory. Copies are of the same. Calls block until the disk has it.
#[derive(Clone, Debug)]
pub struct DirectoryStore {
    shared: Arc<Shared>,
    records: Arc<str>,
    values: Arc<str>,
}

/// Values by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(pub BTreeMap<String, Vec<u8>>);

impl Values {
    /// The value with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }
}

/// A change, made whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Whether all records that are there go before. Values stay.
    pub replace_all: bool,
    /// Records by slot, new or instead of those that are there.
    pub upserts: Vec<(u32, Vec<u8>)>,
    /// Slots whose records go.
    pub removed: Vec<u32>,
    /// Values by name; `None` takes one away. The others stay.
    pub values: Vec<(String, Option<Vec<u8>>)>,
}

impl DirectoryStore {
    pub(super) fn new(shared: Arc<Shared>, name: &str) -> Self {
        let records = format!("{RECORDS}{name}").into();
        let values = format!("{VALUES}{name}").into();
        Self { shared, records, values }
    }

    /// Everything: `each` is given the records in the order of their slots, and then the values come back.
    /// `None` if nothing was ever committed.
    ///
    /// # Errors
    /// It cannot be read; what `each` was given counts for nothing then.
    pub fn load(&self, each: &mut dyn FnMut(u32, &[u8])) -> Result<Option<Values>, StoreError> {
        self.shared.with(|database| {
            let transaction = database.begin_read()?;
            let Some(table) = opened(transaction.open_table(self.values()))? else {
                return Ok(None);
            };
            let mut values = Values::default();
            for item in table.iter()? {
                let (name, value) = item?;
                values.0.insert(name.value().to_owned(), value.value().to_vec());
            }
            if let Some(records) = opened(transaction.open_table(self.records()))? {
                for item in records.iter()? {
                    let (slot, record) = item?;
                    each(slot.value(), record.value());
                }
            }
            Ok(Some(values))
        })
    }

    /// Makes a change; when this returns, it outlives whatever happens to the process and the machine.
    ///
    /// # Errors
    /// Nothing has changed: no room on the disk, or another trouble with it.
    pub fn commit(&self, commit: &Commit) -> Result<(), StoreError> {
        self.commit_with(commit, &mut std::iter::empty())
    }

    /// The same with further records, each made when it is written: all of a large directory at once would take
    /// as much memory again.
    ///
    /// # Errors
    /// As [`DirectoryStore::commit`].
    pub fn commit_with(
        &self,
        commit: &Commit,
        records: &mut dyn Iterator<Item = (u32, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        self.shared.with(|database| self.write(database, commit, records))
    }

    fn write(
        &self,
        database: &Database,
        commit: &Commit,
        records: &mut dyn Iterator<Item = (u32, Vec<u8>)>,
    ) -> Result<(), Trouble> {
        let transaction = database.begin_write()?;
        if commit.replace_all {
            transaction.delete_table(self.records())?;
        }
        self.write_records(&transaction, commit, records)?;
        self.write_values(&transaction, commit)?;
        Ok(transaction.commit()?)
    }

    fn write_records(
        &self,
        transaction: &WriteTransaction,
        commit: &Commit,
        records: &mut dyn Iterator<Item = (u32, Vec<u8>)>,
    ) -> Result<(), Trouble> {
        let mut table = transaction.open_table(self.records())?;
        for slot in &commit.removed {
            table.remove(slot)?;
        }
        for (slot, record) in &commit.upserts {
            table.insert(slot, record.as_slice())?;
        }
        for (slot, record) in records {
            table.insert(slot, record.as_slice())?;
        }
        Ok(())
    }

    fn write_values(&self, transaction: &WriteTransaction, commit: &Commit) -> Result<(), Trouble> {
        let mut table = transaction.open_table(self.values())?;
        for (name, value) in &commit.values {
            match value {
                Some(value) => _ = table.insert(name.as_str(), value.as_slice())?,
                None => _ = table.remove(name.as_str())?,
            }
        }
        Ok(())
    }

    fn records(&self) -> TableDefinition<'_, u32, &'static [u8]> {
        TableDefinition::new(&self.records)
    }

    fn values(&self) -> TableDefinition<'_, &'static str, &'static [u8]> {
        TableDefinition::new(&self.values)
    }
}

/// The directory whose table this is.
pub(super) fn of_table(name: &str) -> Option<&str> {
    [RECORDS, VALUES, by_identity::PREFIX].iter().find_map(|prefix| name.strip_prefix(prefix))
}
