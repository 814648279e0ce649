//! Tests of the room.

mod chain;
mod files;
mod writing;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::testing::Scratch;
use crate::time::Now;

use super::chain::{Fault, Head, seal};
use super::event::{Event, Names, Value};
use super::verify::{Report, verify};
use super::{Key, Trail, TrailConfig, WhenFull};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn key() -> Key {
    Key::new([7; 32])
}

fn login(number: u64) -> Event {
    Event::new("bind", at(number))
        .field("name", Value::name("alice"))
        .field("attempt", Value::Number(number))
}

fn config(scratch: &Scratch) -> TrailConfig {
    TrailConfig {
        file: scratch.0.join("audit.jsonl"),
        key_file: scratch.0.join("audit.key"),
        rotate_size: u64::MAX,
        rotate_age: Duration::MAX,
        keep: 100,
        when_full: WhenFull::Drop,
        hash_names: false,
    }
}

/// A trail is opened, gets so many lines, and is closed.
fn run(config: &TrailConfig, lines: u64) {
    let trail = Trail::open(config.clone(), Now::read()).unwrap();
    (0..lines).for_each(|number| trail.leave(login(number)));
    trail.stop();
}

fn checked(config: &TrailConfig, head: Option<Head>) -> Report {
    verify(&config.file, &Key::read(&config.key_file).unwrap(), head).unwrap()
}

fn kinds(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let kind = |line: &str| {
        let document: serde_json::Value = serde_json::from_str(line).unwrap();
        document["event"].as_str().unwrap().to_owned()
    };
    text.lines().map(kind).collect()
}

fn faults(report: &Report) -> Vec<(PathBuf, u64, Fault)> {
    let place = |place: &super::verify::Place| {
        (PathBuf::from(place.file.file_name().unwrap()), place.line, place.fault.clone())
    };
    report.faults.iter().map(place).collect()
}
