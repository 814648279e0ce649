//! Replays the corpora of the fuzz targets (`fuzz/`): what once reached a new path, or broke a property,
//! is checked in every test run. A file that a fuzzer writes is added under its target's name.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ldapgate::ldap::fuzzing::{self, Outcome};
use ldapgate::time::Now;

/// Each file holds the target's property, and quickly: a corpus file is a few kilobytes at most.
fn replay(target: &str, property: fn(&[u8]) -> Outcome) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/corpus").join(target);
    let mut files = 0;
    for file in fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let octets = fs::read(&path).unwrap();
        let start = Now::read();
        property(&octets).unwrap_or_else(|broken| panic!("{}: {broken}", path.display()));
        let took = Now::read().monotonic - start.monotonic;
        assert!(took < Duration::from_secs(1), "{} is slow", path.display());
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}

#[test]
fn frame() {
    replay("frame", fuzzing::frame);
}

#[test]
fn message() {
    replay("message", fuzzing::message);
}

#[test]
fn filter() {
    replay("filter", fuzzing::filter);
}

#[test]
fn dn() {
    replay("dn", fuzzing::dn);
}

#[test]
fn proxy_protocol() {
    replay("proxy_protocol", ldapgate::server::proxy_protocol::holds_when_cut);
}

/// The fuzz package compiles the language on its own; what the language uses, the package has to name.
#[test]
fn the_fuzz_package_has_all_that_the_language_uses() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = std::fs::read_to_string(root.join("fuzz/lib.rs")).unwrap();
    for (path, text) in crate::world::checkout::files("src/ldap") {
        for room in text.split("use crate::").skip(1) {
            let room: String =
                room.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            assert!(package.contains(&format!("mod {room};")), "{}: {room}", path.display());
        }
    }
}
