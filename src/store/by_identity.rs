//! `[io]` Values of one directory by the identity of an account, in a table of their own.

use std::sync::Arc;

use redb::{ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::database::Shared;
use super::error::{StoreError, Trouble};
use super::global::opened;

/// What the name of the table begins with; that of the directory follows.
pub(super) const PREFIX: &str = "by identity of ";

/// An identity, as its sixteen octets.
pub type Identity = [u8; 16];

/// A value for each of some accounts of a directory. Copies are of the same. Calls block until the disk has it.
#[derive(Clone, Debug)]
pub struct IdentityStore {
    shared: Arc<Shared>,
    table: Arc<str>,
}

impl IdentityStore {
    pub(super) fn new(shared: Arc<Shared>, directory: &str) -> Self {
        Self { shared, table: format!("{PREFIX}{directory}").into() }
    }

    /// All values.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn load(&self) -> Result<Vec<(Identity, Vec<u8>)>, StoreError> {
        self.shared.with(|database| {
            let Some(table) = opened(database.begin_read()?.open_table(self.definition()))? else {
                return Ok(Vec::new());
            };
            let mut values = Vec::new();
            for item in table.iter()? {
                let (identity, value) = item?;
                values.push((identity.value(), value.value().to_vec()));
            }
            Ok(values)
        })
    }

    /// Sets values, or takes them away, together or not at all.
    ///
    /// # Errors
    /// All values are as they were.
    pub fn set(&self, changes: &[(Identity, Option<Vec<u8>>)]) -> Result<(), StoreError> {
        self.shared.with(|database| {
            let transaction = database.begin_write()?;
            self.change(&transaction, changes)?;
            Ok(transaction.commit()?)
        })
    }

    /// Takes all of them away, if there are any.
    ///
    /// # Errors
    /// They are there still.
    pub fn clear(&self) -> Result<(), StoreError> {
        self.shared.with(|database| {
            let transaction = database.begin_write()?;
            if transaction.delete_table(self.definition())? {
                Ok(transaction.commit()?)
            } else {
                Ok(transaction.abort()?)
            }
        })
    }

    fn change(
        &self,
        transaction: &WriteTransaction,
        changes: &[(Identity, Option<Vec<u8>>)],
    ) -> Result<(), Trouble> {
        let mut table = transaction.open_table(self.definition())?;
        for (identity, value) in changes {
            match value {
                Some(value) => _ = table.insert(identity, value.as_slice())?,
                None => _ = table.remove(identity)?,
            }
        }
        Ok(())
    }

    fn definition(&self) -> TableDefinition<'_, Identity, &'static [u8]> {
        TableDefinition::new(&self.table)
    }
}
