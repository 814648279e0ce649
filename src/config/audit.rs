//! `[audit]`: the audit trail.

use std::path::PathBuf;
use std::time::Duration;

use super::error::Findings;
use super::raw::RawAudit;
use super::resolve::Surroundings;
use super::value;
use crate::trail::{TrailConfig, WhenFull};

const ROTATE_SIZE: usize = 64 * 1024 * 1024;
const SIZES: (usize, usize) = (64 * 1024, 16 * 1024 * 1024 * 1024);
const ROTATE_AGE: Duration = Duration::from_secs(30 * 24 * 3600);
const AGES: (Duration, Duration) =
    (Duration::from_secs(3600), Duration::from_secs(3660 * 24 * 3600));
const KEEP: u32 = 12;
const MOST_KEPT: u32 = 10_000;

/// The trail; `None` where no file is named.
pub(super) fn resolve(
    raw: &RawAudit,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Option<TrailConfig> {
    let words = [("drop", WhenFull::Drop), ("wait", WhenFull::Wait)];
    let size = raw.rotate_size.as_deref();
    let rotate_size = value::bounded_size(findings, "audit.rotate_size", size, ROTATE_SIZE, SIZES);
    let age = raw.rotate_age.as_deref();
    let rotate_age = value::bounded_duration(findings, "audit.rotate_age", age, ROTATE_AGE, AGES);
    let keep = value::bounded_count(findings, "audit.keep", raw.keep, KEEP, (0, MOST_KEPT));
    let when_full = raw.when_full.as_deref();
    let when_full =
        value::word(findings, "audit.when_full", when_full, &words, WhenFull::default());
    let (file, key_file) = files(raw, surroundings, findings)?;
    Some(TrailConfig {
        file,
        key_file,
        rotate_size: u64::try_from(rotate_size).unwrap_or(u64::MAX),
        rotate_age,
        keep: usize::try_from(keep).unwrap_or(usize::MAX),
        when_full,
        hash_names: raw.hash_names.unwrap_or_default(),
    })
}

/// The file and that of the key, of a configuration whose other parts need not be right.
pub(super) fn files(
    raw: &RawAudit,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Option<(PathBuf, PathBuf)> {
    let key_file = raw.key_file.as_deref();
    let key_file = key_file.map(|text| findings.take("audit.key_file", surroundings.path(text)));
    let Some(text) = raw.file.as_deref() else {
        if key_file.is_some() {
            let instead = "name the file of the trail as well, or leave the key out";
            findings.problem("audit.key_file", "is there without file", instead);
        }
        return None;
    };
    let file = findings.take("audit.file", surroundings.path(text))?;
    let beside = || {
        let mut name = file.as_os_str().to_owned();
        name.push(".key");
        PathBuf::from(name)
    };
    let key_file = key_file.unwrap_or_else(|| Some(beside()))?;
    Some((file, key_file))
}
