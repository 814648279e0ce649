//! Tests of the room: what is committed comes back, and nothing else does, whatever happens to the file.

mod damage;
mod keeping;
mod trouble;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::*;
use crate::testing::Scratch;

/// Records and values of one directory.
pub(super) type Content = Option<(BTreeMap<u32, Vec<u8>>, BTreeMap<String, Vec<u8>>)>;

/// A folder that only its owner may write to, and the path of a store in it.
pub(super) fn place(name: &str) -> (Scratch, PathBuf) {
    let scratch = Scratch::new(&format!("store-{name}"));
    fs::set_permissions(&scratch.0, fs::Permissions::from_mode(0o700)).unwrap();
    let path = scratch.0.join("view.store");
    (scratch, path)
}

pub(super) fn open(path: &Path) -> Store {
    let opened = Store::open(path).unwrap();
    assert_eq!(opened.set_aside, None);
    opened.store
}

pub(super) fn content(store: &DirectoryStore) -> Content {
    let mut records = BTreeMap::new();
    let values = store.load(&mut |slot, octets| {
        assert!(records.insert(slot, octets.to_vec()).is_none());
    });
    values.unwrap().map(|values| (records, values.0))
}

/// A change that tells its number in everything that it writes.
pub(super) fn numbered(number: u8, slots: u32) -> Commit {
    let record = |slot: u32| (slot, vec![number; 100 + slot as usize % 900]);
    Commit {
        upserts: (0..slots).map(record).collect(),
        values: vec![("cookie".to_owned(), Some(vec![number; 20]))],
        ..Commit::default()
    }
}
