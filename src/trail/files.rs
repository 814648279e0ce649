//! `[io]` The files of a trail: the one that is written, and the old ones beside it, named by the number of their last
//! line. Lines are only ever added; what a crash or a full disk has left of a line is taken off again.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use thiserror::Error;

use crate::private_file::PrivateFileError;
use crate::time::unix_seconds;

use super::chain::{self, Head};
use super::event::{Event, Value};
use super::key::Key;

/// Octets at the end of a file in which its last line is looked for. Lines are far shorter.
const TAIL: u64 = 1024 * 1024;
/// Permission bits of group and others.
const FOREIGN: u32 = 0o077;
/// Digits of the number in the name of an old file: so many that names sort like numbers.
const NUMBER: usize = 20;

/// Why there is no trail.
#[derive(Debug, Error)]
pub enum TrailError {
    /// The system said no.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The key cannot be read.
    #[error(transparent)]
    Key(#[from] PrivateFileError),
    /// The key file holds something else.
    #[error("{path} holds no key: 64 hexadecimal digits", path = .path.display())]
    NoKey {
        /// The key file.
        path: PathBuf,
    },
    /// Another process writes the trail.
    #[error("{path} is in use: another process of ldapgate writes it", path = .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may read or write it.
    #[error("{path} is open to others (mode {mode:04o}); run: chmod 600 on it", path = .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

impl TrailError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// The file that is written.
pub(super) struct Files {
    path: PathBuf,
    file: File,
    /// Octets of whole lines in it.
    length: u64,
    /// When its first line was written; `None` while it has none.
    begun: Option<SystemTime>,
}

/// A trail as it was found.
pub(super) struct Found {
    pub(super) files: Files,
    /// Where the chain stands.
    pub(super) head: Head,
    /// What was wrong with it, to be told in its next lines.
    pub(super) notes: Vec<Event>,
}

impl Files {
    /// Opens the file for writing; makes it if it is not there.
    pub(super) fn open(path: &Path, key: &Key, now: SystemTime) -> Result<Found, TrailError> {
        let mut file = writable(path)?;
        let io = |source| TrailError::io(path, source);
        let mut notes = Vec::new();
        let mut tail = tail(&mut file).map_err(io)?;
        let torn = cut_torn(path, &mut file, &mut tail, now).map_err(io)?;
        notes.extend(torn);
        let mut lines = last_lines(&tail);
        if tail.is_empty()
            && let Some((_, old)) = old_files(path).map_err(io)?.pop()
        {
            let octets = File::open(&old).and_then(|mut old| self::tail(&mut old));
            tail = octets.map_err(|source| TrailError::io(&old, source))?;
            lines = last_lines(&tail);
        }
        let head = match lines.first().map(|line| chain::head_of(key, line)) {
            None => Head::START,
            Some(Ok(head)) => head,
            Some(Err(_)) => {
                tracing::error!(
                    file = %path.display(),
                    "the audit trail does not end with a line of this key: somebody has changed it, or the key; \
                     run ldapgate audit verify"
                );
                notes.push(restarted(now));
                let number = lines.iter().find_map(|line| match chain::head_of(key, line) {
                    Ok(head) => Some(head.seq),
                    Err(seq) => seq,
                });
                Head { seq: number.unwrap_or(0), ..Head::START }
            }
        };
        let length = file.metadata().map_err(io)?.len();
        let begun = first_time(path).filter(|_| length > 0);
        let files = Self { path: path.to_owned(), file, length, begun };
        Ok(Found { files, head, notes })
    }

    /// Adds whole lines, the first of them of this time, or none of them.
    pub(super) fn append(&mut self, lines: &[u8], at: SystemTime) -> io::Result<()> {
        // What an earlier failure could not take off is taken off now.
        let length = self.file.metadata()?.len();
        if length > self.length {
            self.file.set_len(self.length)?;
        }
        // Who has cut it off is not helped by zeros in the place of what was there.
        self.length = self.length.min(length);
        if let Err(error) = self.file.write_all(lines) {
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += u64::try_from(lines.len()).unwrap_or_default();
        self.begun.get_or_insert(at);
        Ok(())
    }

    /// Has the disk take what was written.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Whether a new file is to be begun after `gathered` octets more, so that `with_next` do not go in as well.
    pub(super) fn is_full(
        &self,
        gathered: usize,
        with_next: usize,
        size: u64,
        age: Duration,
        now: SystemTime,
    ) -> bool {
        let with = |more| self.length.saturating_add(u64::try_from(more).unwrap_or(u64::MAX));
        let old = |begun: SystemTime| now.duration_since(begun).is_ok_and(|passed| passed >= age);
        (with(gathered) > 0 && with(with_next) > size) || self.begun.is_some_and(old)
    }

    /// Begins a new file; this one, whose last line has the number `last`, is kept beside it. After an error this one
    /// is still the one that is written.
    pub(super) fn rotate(&mut self, last: u64) -> io::Result<()> {
        self.file.sync_data()?;
        let old = numbered(&self.path, last);
        fs::rename(&self.path, &old)?;
        match writable(&self.path) {
            Ok(file) => self.file = file,
            Err(error) => {
                fs::rename(&old, &self.path)?;
                return Err(io::Error::other(error));
            }
        }
        (self.length, self.begun) = (0, None);
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// The oldest files where more than `keep` old ones are there, with the number of their last line.
    pub(super) fn surplus(&self, keep: usize) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut old = old_files(&self.path)?;
        old.truncate(old.len().saturating_sub(keep));
        Ok(old)
    }
}

fn writable(path: &Path) -> Result<File, TrailError> {
    let io = |source| TrailError::io(path, source);
    let mut options = OpenOptions::new();
    let file = options.read(true).append(true).create(true).mode(0o600).open(path).map_err(io)?;
    let mode = file.metadata().map_err(io)?.permissions().mode();
    if mode & FOREIGN != 0 {
        return Err(TrailError::Open { path: path.to_owned(), mode: mode & 0o7777 });
    }
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(TrailError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// The last octets of a file.
fn tail(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut octets = Vec::new();
    file.take(TAIL).read_to_end(&mut octets)?;
    Ok(octets)
}

/// Whole lines, the last one first.
fn last_lines(tail: &[u8]) -> Vec<&[u8]> {
    tail.split(|octet| *octet == b'\n').rev().filter(|line| !line.is_empty()).collect()
}

/// Takes what is left of a line off the end of the file, and keeps it in a file of its own.
fn cut_torn(
    path: &Path,
    file: &mut File,
    tail: &mut Vec<u8>,
    now: SystemTime,
) -> io::Result<Option<Event>> {
    let whole = tail.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
    let torn = tail.split_off(whole);
    if torn.is_empty() {
        return Ok(None);
    }
    let aside = suffixed(path, &format!("torn.{}", unix_seconds(now)));
    let mut kept =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    kept.write_all(&torn)?;
    kept.sync_data()?;
    let octets = u64::try_from(torn.len()).unwrap_or(u64::MAX);
    file.set_len(file.metadata()?.len().saturating_sub(octets))?;
    tracing::warn!(
        file = %path.display(),
        octets,
        kept = %aside.display(),
        "the audit trail ended in the middle of a line, which was taken off"
    );
    let name = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let event = Event::new("torn_line", now)
        .field("octets", Value::Number(octets))
        .field("kept_in", Value::text(name));
    Ok(Some(event))
}

fn restarted(now: SystemTime) -> Event {
    let reason = "the line before is not one of this key";
    Event::new(chain::RESTARTED, now).field("reason", Value::Word(reason))
}

/// When the first line of a file was written.
fn first_time(path: &Path) -> Option<SystemTime> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(TAIL).read_to_end(&mut head).ok()?;
    let line = head.split(|octet| *octet == b'\n').next()?;
    let document = serde_json::from_slice::<serde_json::Value>(line).ok()?;
    let time: Timestamp = document.get("time")?.as_str()?.parse().ok()?;
    Some(time.into())
}

/// The old files beside the one that is written, oldest first, with the number of their last line.
pub(super) fn old_files(path: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned() + ".";
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let own = entry.file_name();
        let number = own.to_str().and_then(|own| own.strip_prefix(&name));
        let number = number.filter(|digits| digits.len() == NUMBER);
        if let Some(number) = number.and_then(|digits| digits.parse().ok()) {
            found.push((number, entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn numbered(path: &Path, last: u64) -> PathBuf {
    suffixed(path, &format!("{last:0NUMBER$}"))
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}
