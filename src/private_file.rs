//! `[io]` Files that belong to one owner: keys, passwords, secrets. Reading refuses what others can
//! read; writing never leaves half a file and never shows a secret, not even for a moment.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

/// Largest private file that is read, octets. Keys and passwords are far smaller.
pub const MAX_LENGTH: usize = 1024 * 1024;

/// Permission bits of group and others.
const FOREIGN: u32 = 0o077;

/// Why a private file cannot be used.
#[derive(Debug, Error)]
pub enum PrivateFileError {
    /// It cannot be opened or read.
    #[error("{path} cannot be read: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others than its owner may read or write it.
    #[error(
        "{path} is open to others (mode {mode:04o}); run: chmod 600 {quoted}",
        path = .path.display(),
        quoted = shell_quoted(.path)
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not an ordinary file.
    #[error("{path} is not a file", path = .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It is larger than [`MAX_LENGTH`].
    #[error("{path} is larger than {MAX_LENGTH} octets", path = .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a file that only its owner may read or write. Links are followed, as secret mounts need it.
///
/// # Errors
/// It cannot be read, it is open to others (the message has the command that mends it), or it is
/// larger than [`MAX_LENGTH`].
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    let (file, mode) = open(path)?;
    if mode & FOREIGN != 0 {
        return Err(PrivateFileError::Open { path: path.to_owned(), mode: mode & 0o7777 });
    }
    read_bounded(file, path)
}

/// Reads a file that anybody may read, with the same bounds.
///
/// # Errors
/// It cannot be read, or it is larger than [`MAX_LENGTH`].
pub fn read_public(path: &Path) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    let (file, _) = open(path)?;
    read_bounded(file, path)
}

/// Whether only its owner may read or write the file.
///
/// # Errors
/// It cannot be opened.
pub fn is_private(path: &Path) -> Result<bool, PrivateFileError> {
    Ok(open(path)?.1 & FOREIGN == 0)
}

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The owner alone: 0600.
    Owner,
    /// Everybody: 0644.
    Everybody,
}

/// What happens to a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and writing fails with [`io::ErrorKind::AlreadyExists`].
    Keep,
    /// It is replaced at once.
    Replace,
}

/// Writes a whole file or nothing: into a new file beside it, with its final permissions from the
/// start, synced, and then moved into place.
///
/// # Errors
/// What the system says; the target is then as it was.
pub fn write(path: &Path, content: &[u8], access: Access, existing: Existing) -> io::Result<()> {
    let temporary = temporary_beside(path)?;
    let written = write_new(&temporary, content, access).and_then(|()| match existing {
        Existing::Replace => fs::rename(&temporary, path),
        // A link fails on an existing target, a rename would replace it.
        Existing::Keep => fs::hard_link(&temporary, path),
    });
    if written.is_err() || existing == Existing::Keep {
        // After a rename there is nothing left to remove; a left-over is no reason to fail.
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_parent(path))
}

fn open(path: &Path) -> Result<(File, u32), PrivateFileError> {
    let io = |source| PrivateFileError::Io { path: path.to_owned(), source };
    // Asked first: opening a pipe that nobody writes to would wait for ever.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(PrivateFileError::NotAFile { path: path.to_owned() });
    }
    let file = File::open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.permissions().mode();
    Ok((file, mode))
}

fn read_bounded(file: File, path: &Path) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    let limit = u64::try_from(MAX_LENGTH).unwrap_or(u64::MAX);
    let mut content = Zeroizing::new(Vec::new());
    file.take(limit + 1)
        .read_to_end(&mut content)
        .map_err(|source| PrivateFileError::Io { path: path.to_owned(), source })?;
    if content.len() > MAX_LENGTH {
        return Err(PrivateFileError::TooLarge { path: path.to_owned() });
    }
    Ok(content)
}

fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    // Random, so that what a crash has left behind is in nobody's way.
    let mark = getrandom::u32().map_err(io::Error::other)?;
    hidden.push(format!(".{mark:08x}.new"));
    Ok(path.with_file_name(hidden))
}

fn write_new(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let mode = match access {
        Access::Owner => 0o600,
        Access::Everybody => 0o644,
    };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

/// The path as one word for a shell.
fn shell_quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, mode};

    #[test]
    fn any_foreign_permission_bit_is_refused_with_the_command_that_mends_it() {
        let scratch = Scratch::new("modes");
        let path = scratch.0.join("a secret");
        fs::write(&path, b"x").unwrap();
        for (mode, good) in
            [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = read(&path);
            assert_eq!(read.is_ok(), good, "{mode:o}");
            assert_eq!(is_private(&path).unwrap(), good, "{mode:o}");
            if let Err(error) = read {
                let text = error.to_string();
                assert!(text.contains(&format!("mode {mode:04o}")), "{text}");
                assert!(text.ends_with(&format!("chmod 600 '{}'", path.display())), "{text}");
            }
        }
    }

    #[test]
    fn what_is_written_has_its_mode_and_leaves_nothing_beside() {
        let scratch = Scratch::new("write");
        let path = scratch.0.join("server.key");
        write(&path, b"one", Access::Owner, Existing::Keep).unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (b"one".to_vec(), 0o600));
        let refused = write(&path, b"two", Access::Owner, Existing::Keep).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write(&path, b"three", Access::Everybody, Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(mode(&path) & 0o600, 0o600);
        assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_file_or_too_large_is_refused() {
        let scratch = Scratch::new("odd");
        assert!(matches!(read(&scratch.0), Err(PrivateFileError::NotAFile { .. })));
        assert!(matches!(read(&scratch.0.join("none")), Err(PrivateFileError::Io { .. })));
        let path = scratch.0.join("large");
        write(&path, &vec![0; MAX_LENGTH + 1], Access::Owner, Existing::Keep).unwrap();
        assert!(matches!(read(&path), Err(PrivateFileError::TooLarge { .. })));
    }
}
