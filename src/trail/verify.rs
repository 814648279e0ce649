//! `[io]` Checking a trail on the disk: all of its files, oldest line first.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use super::chain::{Checker, Fault, Head};
use super::files::{TrailError, old_files};
use super::key::Key;

/// Faults that are told; a trail checked with a wrong key has as many as it has lines.
const MOST_FAULTS: usize = 100;

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line in it, from 1 on; 0 where it is not about one line.
    pub line: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The files, oldest first.
    pub files: Vec<PathBuf>,
    /// How many lines there are.
    pub lines: u64,
    /// Where the chain stands.
    pub head: Head,
    /// What is wrong, the first hundred of it; nothing in a trail that nobody has touched.
    pub faults: Vec<Place>,
    /// Octets of a line that is not whole at the very end: it is being written, or the program was killed while it
    /// wrote. The next start takes it off and says so.
    pub unfinished: u64,
}

/// Checks the trail whose present file this is, with the old files beside it. `given` is a head of earlier, which the
/// trail must still have. While it is written, lines that come after the check has begun may be in it or not.
///
/// # Errors
/// A file cannot be read.
pub fn verify(file: &Path, key: &Key, given: Option<Head>) -> Result<Report, TrailError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| TrailError::Io { path, source }
    };
    let mut files: Vec<PathBuf> =
        old_files(file).map_err(io(file))?.into_iter().map(|(_, path)| path).collect();
    files.push(file.to_owned());
    let mut checker = Checker::new(key, given);
    let mut report = Report {
        files: Vec::new(),
        lines: 0,
        head: Head::START,
        faults: Vec::new(),
        unfinished: 0,
    };
    for path in files {
        match File::open(&path) {
            // Just after a change of files there is no new one yet.
            Err(error) if error.kind() == ErrorKind::NotFound && !report.files.is_empty() => {}
            Err(error) => return Err(io(&path)(error)),
            Ok(opened) => {
                report.finish_unfinished();
                report.read(&path, opened, &mut checker).map_err(io(&path))?;
                report.files.push(path);
            }
        }
    }
    let end = checker.end().into_iter();
    report.faults.extend(end.map(|fault| Place { file: file.to_owned(), line: 0, fault }));
    (report.lines, report.head) = (checker.lines(), checker.head());
    Ok(report)
}

impl Report {
    fn read(
        &mut self,
        path: &Path,
        file: File,
        checker: &mut Checker<'_>,
    ) -> Result<(), std::io::Error> {
        let mut reader = BufReader::with_capacity(256 * 1024, file);
        let (mut line, mut number) = (Vec::new(), 0);
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            number += 1;
            let Some(whole) = line.strip_suffix(b"\n") else {
                self.unfinished = u64::try_from(line.len()).unwrap_or(u64::MAX);
                return Ok(());
            };
            if let Some(fault) = checker.line(whole) {
                self.fault(path, number, fault);
            }
        }
    }

    /// What is not whole is at the end of an old file: nobody writes there any more.
    fn finish_unfinished(&mut self) {
        if self.unfinished > 0 {
            self.unfinished = 0;
            let path = self.files.last().cloned().unwrap_or_default();
            self.fault(&path, 0, Fault::Changed);
        }
    }

    fn fault(&mut self, path: &Path, line: u64, fault: Fault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Place { file: path.to_owned(), line, fault });
        }
    }
}
