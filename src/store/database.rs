//! `[io]` The database in the file: opened with all its checksums checked, and opened again after an error of
//! the disk, because it takes no more orders after one.
//!
//! The database checks the checksums of its pages only when it is told to, and reading a page that is damaged
//! may panic. So it is told to at every opening, and what panics all the same counts as damage.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, TableDefinition, TableHandle};

use super::error::{StoreError, Trouble};

/// The form of what is in the tables; counted up when it changes.
pub(super) const FORMAT: u64 = 1;

/// Memory for pages that were read or are about to be written, octets. Everything is read once, at the start.
const CACHE: usize = 16 * 1024 * 1024;

const HEADER: TableDefinition<&str, u64> = TableDefinition::new("ldapgate");
const FORMAT_KEY: &str = "format";

/// The file and the database in it; `None` after an error of the disk, until it is opened again.
#[derive(Debug)]
pub(super) struct Shared {
    path: PathBuf,
    database: Mutex<Option<Database>>,
}

impl Shared {
    /// Opens the file, which is made if it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, Trouble> {
        let database = guarded(|| open(path))?;
        Ok(Self { path: path.to_owned(), database: Mutex::new(Some(database)) })
    }

    /// Does something with the database. Only one at a time does.
    pub(super) fn with<R>(
        &self,
        work: impl FnOnce(&Database) -> Result<R, Trouble>,
    ) -> Result<R, StoreError> {
        let mut place = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        let done = guarded(|| {
            let database = match place.take() {
                Some(database) => database,
                None => open(&self.path)?,
            };
            let done = work(place.insert(database))?;
            Ok(done)
        });
        if done.is_err() {
            // Whatever the error has left behind in memory goes, and must not fail once more.
            let database = place.take();
            let _ = guarded(|| {
                drop(database);
                Ok(())
            });
        }
        done.map_err(|trouble| trouble.at(&self.path))
    }
}

fn guarded<R>(work: impl FnOnce() -> Result<R, Trouble>) -> Result<R, Trouble> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Trouble::Damage(text.unwrap_or_else(|| "reading it has failed".to_owned())))
    })
}

fn open(path: &Path) -> Result<Database, Trouble> {
    let database = Database::builder()
        .set_cache_size(CACHE)
        .set_check_integrity_on_open(true)
        .create_with_backend(FileBackend::new(open_file(path).map_err(Trouble::Io)?)?)?;
    match format(&database)? {
        Some(FORMAT) => {}
        Some(other) => {
            let text = format!("it has format {other}, and this version of ldapgate has {FORMAT}");
            return Err(Trouble::Damage(text));
        }
        None => write_format(&database)?,
    }
    Ok(database)
}

fn open_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The format that the file says it has; `None` if nothing was ever written.
fn format(database: &Database) -> Result<Option<u64>, Trouble> {
    let transaction = database.begin_read()?;
    let mut tables = transaction.list_tables()?.peekable();
    if tables.peek().is_none() {
        return Ok(None);
    }
    if !tables.any(|table| table.name() == HEADER.name()) {
        return Err(Trouble::Damage("it is a database of another program".to_owned()));
    }
    let format = transaction.open_table(HEADER)?.get(FORMAT_KEY)?.map(|format| format.value());
    format
        .map(Some)
        .ok_or_else(|| Trouble::Damage("it does not say which format it has".to_owned()))
}

fn write_format(database: &Database) -> Result<(), Trouble> {
    let transaction = database.begin_write()?;
    transaction.open_table(HEADER)?.insert(FORMAT_KEY, FORMAT)?;
    Ok(transaction.commit()?)
}
