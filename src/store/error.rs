//! What can go wrong with the store, in words for the log.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::private_file::PrivateFileError;

/// Why the store cannot be opened, read or written. The file is as it was before.
#[derive(Debug, Error)]
pub enum StoreError {
    /// What is in the file contradicts itself, although it was whole when it was opened. It is set aside at the
    /// next start.
    #[error("the store {path} is damaged: {reason}", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Others than the owner may read or write the file, or it is no file.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// Others than the owner may put files into the folder, and so replace the store.
    #[error(
        "the folder {path} is open to changes by others (mode {mode:04o}); run: chmod go-w on it, or \
         choose another",
        path = .path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another process holds the file.
    #[error("the store {path} is in use: another process of ldapgate runs with it", path = .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The system does not let us: permissions, a full disk, a broken one.
    #[error("the store {path} cannot be used: {source}", path = .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl StoreError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// What an operation of the database came to, where that is no success.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The octets of the file are not those that were written.
    Damage(String),
    /// Another process has it.
    InUse,
    /// What the system says.
    Io(io::Error),
}

impl From<redb::Error> for Trouble {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the database may have more ways to say that a file is not what it wrote"
    )]
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse,
            // The database has errors of its own for a file that is too short or begins otherwise; what
            // the system says has a number.
            redb::Error::Io(error) if error.raw_os_error().is_some() => Self::Io(error),
            redb::Error::Io(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                Self::Io(error)
            }
            redb::Error::PreviousIo
            | redb::Error::DatabaseClosed
            | redb::Error::Unsupported
            | redb::Error::ValueTooLarge(_) => Self::Io(io::Error::other(error)),
            other => Self::Damage(other.to_string()),
        }
    }
}

/// Lets `?` take any of the database's errors.
macro_rules! trouble_from {
    ($($error:ty),*) => {
        $(impl From<$error> for Trouble {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        })*
    };
}

trouble_from!(
    redb::CommitError,
    redb::DatabaseError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError
);

impl Trouble {
    /// The error as callers see it.
    pub(super) fn at(self, path: &Path) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Damage(reason) => StoreError::Damaged { path, reason },
            Self::InUse => StoreError::InUse { path },
            Self::Io(source) => StoreError::Io { path, source },
        }
    }
}
