//! `[io]` `ldapgate audit verify`: checks an audit trail. Needs no running program.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::trail::Key;
use crate::trail::chain::{Fault, Head};
use crate::trail::verify::{Place, Report, verify};

use super::arguments::AuditVerifyArguments;
use super::exit::{CommandError, Done};
use super::{output, render};

/// The document of `--json`.
#[derive(Serialize)]
struct Document {
    good: bool,
    files: Vec<String>,
    lines: u64,
    head: String,
    unfinished_octets: u64,
    faults: Vec<FaultDocument>,
}

#[derive(Serialize)]
struct FaultDocument {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    fault: String,
}

/// Checks the trail at `file` with the key at `key_file`.
///
/// # Errors
/// Trail or key cannot be read.
pub fn run(
    file: &Path,
    key_file: &Path,
    arguments: &AuditVerifyArguments,
) -> Result<Done, CommandError> {
    let failed = |error: crate::trail::TrailError| CommandError::Failed(error.to_string());
    let key = Key::read(key_file).map_err(failed)?;
    let report = verify(file, &key, arguments.head).map_err(failed)?;
    let text = if arguments.json { render::json(&document(&report))? } else { page(&report) };
    output::print(&text)?;
    Ok(if report.faults.is_empty() { Done::Well } else { Done::WithProblems })
}

/// The page for people.
#[must_use]
pub fn page(report: &Report) -> String {
    let mut out: String = report.faults.iter().map(|place| place_text(place) + "\n").collect();
    let lines = usize::try_from(report.lines).unwrap_or(usize::MAX);
    let lines = render::count(lines, "line", "lines");
    let files = render::count(report.files.len(), "file", "files");
    let verdict = if report.faults.is_empty() { "good" } else { "NOT GOOD" };
    out.push_str(&format!("{verdict}: {lines} in {files}\nhead {}\n", report.head.text()));
    if report.unfinished > 0 {
        out.push_str(&format!(
            "the last line is not whole ({} octets): it is being written, or the program was killed; the next start \
             takes it off\n",
            report.unfinished
        ));
    }
    out
}

fn place_text(place: &Place) -> String {
    let file = render::printable(&place.file.display().to_string());
    let fault = words(&place.fault);
    match place.line {
        0 => format!("{file}: {fault}"),
        line => format!("{file}:{line}: {fault}"),
    }
}

fn document(report: &Report) -> Document {
    let text = |path: &PathBuf| path.display().to_string();
    let faults = report.faults.iter().map(|place| FaultDocument {
        file: text(&place.file),
        line: (place.line > 0).then_some(place.line),
        fault: words(&place.fault),
    });
    Document {
        good: report.faults.is_empty(),
        files: report.files.iter().map(text).collect(),
        lines: report.lines,
        head: report.head.text(),
        unfinished_octets: report.unfinished,
        faults: faults.collect(),
    }
}

fn words(fault: &Fault) -> String {
    match fault {
        Fault::Changed => "this line was changed, or made with another key".to_owned(),
        Fault::Missing { expected, found } if found - expected == 1 => {
            format!("number {expected} is missing before this line ({found})")
        }
        Fault::Missing { expected, found } => {
            format!("numbers {expected} to {} are missing before this line ({found})", found - 1)
        }
        Fault::OutOfOrder { expected, found } => {
            format!("this line ({found}) belongs further up; {expected} should be here")
        }
        Fault::NotContinued => "this line does not continue the one before it".to_owned(),
        Fault::Restarted => {
            "the program could not continue the line before this one and began anew".to_owned()
        }
        Fault::BeginningMissing { first } => format!(
            "the trail begins with number {first}, and nothing tells that the lines before were removed by ldapgate"
        ),
        Fault::CutOff { last, head } => {
            format!("the end was cut off: the last line is {last}, the head that was given {head}")
        }
        Fault::OtherHead => "this line is another one than the head that was given".to_owned(),
    }
}

/// What `--head` takes.
///
/// # Errors
/// What it looks like instead.
pub fn head(text: &str) -> Result<Head, String> {
    Head::parse(text)
}
