//! `[io]` The store: values that belong to no directory, and the history of jobs.

use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, TableHandle};

use super::by_identity::IdentityStore;
use super::database::Shared;
use super::directory::{self, DirectoryStore};
use super::error::{StoreError, Trouble};

/// So many of the newest jobs are kept.
pub const MOST_JOBS: usize = 1000;

const VALUES: TableDefinition<&str, &[u8]> = TableDefinition::new("values");
/// By number, in the order of their coming.
const JOBS: TableDefinition<u64, &[u8]> = TableDefinition::new("jobs");

/// What outlives a restart, in one file. Copies are of the same store. All functions block until the disk
/// has it: they are for threads that may wait.
///
/// After an error the store goes on: what was committed is there, and the next call opens the file again
/// where that is needed.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

impl Store {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// What is kept of the directory with this name.
    #[must_use]
    pub fn directory(&self, name: &str) -> DirectoryStore {
        DirectoryStore::new(self.shared.clone(), name)
    }

    /// What is kept of accounts of the directory with this name.
    #[must_use]
    pub fn by_identity(&self, name: &str) -> IdentityStore {
        IdentityStore::new(self.shared.clone(), name)
    }

    /// Drops what is kept of all directories but these.
    ///
    /// # Errors
    /// Nothing was dropped.
    pub fn forget_others(&self, names: &[&str]) -> Result<(), StoreError> {
        self.shared.with(|database| {
            let transaction = database.begin_write()?;
            let tables: Vec<_> = transaction.list_tables()?.collect();
            let mut forgotten = false;
            for table in tables {
                let of_other =
                    directory::of_table(table.name()).is_some_and(|name| !names.contains(&name));
                if of_other {
                    forgotten |= transaction.delete_table(table)?;
                }
            }
            if forgotten { Ok(transaction.commit()?) } else { Ok(transaction.abort()?) }
        })
    }

    /// A value by name.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.with(|database| {
            let Some(table) = opened(database.begin_read()?.open_table(VALUES))? else {
                return Ok(None);
            };
            Ok(table.get(name)?.map(|value| value.value().to_vec()))
        })
    }

    /// Sets a value, or takes it away.
    ///
    /// # Errors
    /// The value is as it was.
    pub fn set_value(&self, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
        self.shared.with(|database| {
            let transaction = database.begin_write()?;
            {
                let mut table = transaction.open_table(VALUES)?;
                match value {
                    Some(value) => _ = table.insert(name, value)?,
                    None => _ = table.remove(name)?,
                }
            }
            Ok(transaction.commit()?)
        })
    }

    /// Adds a job to the history; the oldest ones beyond [`MOST_JOBS`] go.
    ///
    /// # Errors
    /// The history is as it was.
    pub fn append_job(&self, job: &[u8]) -> Result<(), StoreError> {
        self.shared.with(|database| append_job(database, job))
    }

    /// The newest jobs, the newest one first.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn jobs(&self, newest: usize) -> Result<Vec<Vec<u8>>, StoreError> {
        self.shared.with(|database| {
            let Some(table) = opened(database.begin_read()?.open_table(JOBS))? else {
                return Ok(Vec::new());
            };
            let mut jobs = Vec::new();
            for item in table.iter()?.rev().take(newest) {
                jobs.push(item?.1.value().to_vec());
            }
            Ok(jobs)
        })
    }
}

fn append_job(database: &Database, job: &[u8]) -> Result<(), Trouble> {
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(JOBS)?;
        let last = table.last()?.map_or(0, |(number, _)| number.value());
        let number = last.saturating_add(1);
        table.insert(number, job)?;
        let oldest = number.saturating_sub(MOST_JOBS as u64);
        table.retain_in(..=oldest, |_, _| false)?;
    }
    Ok(transaction.commit()?)
}

/// A table that may not be there yet.
pub(super) fn opened<T>(table: Result<T, TableError>) -> Result<Option<T>, Trouble> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
