//! `[io]` Opening the store, and setting aside a file that cannot be used.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::private_file::{self, PrivateFileError};
use crate::time::Now;

use super::database::Shared;
use super::error::{StoreError, Trouble};
use super::global::Store;

/// Permission bits that let others than the owner put files into a folder.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// So many damaged files of one second find a name.
const MOST_OF_A_SECOND: u32 = 100;

/// A store, and what had to make room for it.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// The file that could not be used. The store is empty then.
    pub set_aside: Option<SetAside>,
}

/// A file that could not be used as a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    /// What is wrong with it, for a person.
    pub reason: String,
}

impl Store {
    /// Opens the store in a file, which is made if it is not there, with mode 0600. All of it is read and
    /// checked. A file that is damaged, of another format or none of ours is renamed to
    /// `<name>.broken-<seconds since 1970-01-01T00:00:00Z>`, and a new one is made.
    ///
    /// It blocks: for a hundred thousand entries some hundred milliseconds.
    ///
    /// # Errors
    /// Another process has it; others may change the file or its folder; or the system does not let us. The
    /// file is left alone then.
    pub fn open(path: &Path) -> Result<Opened, StoreError> {
        let folder = match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => folder,
            None => Path::new("."),
        };
        // Held until all is done: of two processes that start at once, the second one must not take the new
        // file of the first for the damaged one.
        let guard = check_folder(folder)?;
        guard.lock().map_err(|error| StoreError::io(folder, error))?;
        check_file(path)?;
        let (shared, set_aside) = match Shared::open(path) {
            Ok(shared) => (shared, None),
            Err(Trouble::Damage(reason)) => {
                let set_aside = set_aside(path, reason)?;
                let shared = Shared::open(path).map_err(|trouble| trouble.at(path))?;
                (shared, Some(set_aside))
            }
            Err(trouble) => return Err(trouble.at(path)),
        };
        guard.sync_all().map_err(|error| StoreError::io(folder, error))?;
        Ok(Opened { store: Store::new(Arc::new(shared)), set_aside })
    }
}

/// The folder, if nobody else may put files into it.
fn check_folder(path: &Path) -> Result<File, StoreError> {
    let io = |error| StoreError::io(path, error);
    let folder = File::open(path).map_err(io)?;
    let mode = folder.metadata().map_err(io)?.permissions().mode();
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Err(StoreError::Folder { path: path.to_owned(), mode: mode & 0o7777 });
    }
    Ok(folder)
}

/// A file that is there already must be one, and nobody else's to read.
fn check_file(path: &Path) -> Result<(), StoreError> {
    match private_file::is_private(path) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let metadata = fs::metadata(path).map_err(|error| StoreError::io(path, error))?;
            let mode = metadata.permissions().mode() & 0o7777;
            Err(PrivateFileError::Open { path: path.to_owned(), mode }.into())
        }
        Err(PrivateFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

fn set_aside(path: &Path, reason: String) -> Result<SetAside, StoreError> {
    let seconds = Now::read().unix_seconds();
    for number in 0..MOST_OF_A_SECOND {
        let mut name = OsString::from(path);
        name.push(format!(".broken-{seconds}"));
        if number > 0 {
            name.push(format!("-{number}"));
        }
        let target = PathBuf::from(name);
        // A link fails on an existing target, a rename would replace it.
        match fs::hard_link(path, &target) {
            Ok(()) => {
                fs::remove_file(path).map_err(|error| StoreError::io(path, error))?;
                return Ok(SetAside { path: target, reason });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(StoreError::io(&target, error)),
        }
    }
    Err(StoreError::io(path, io::Error::from(io::ErrorKind::AlreadyExists)))
}
