//! What the system does not let us do, and others who want the file.

use std::process::Command;

use super::*;
use crate::private_file::PrivateFileError;
use crate::testing::mode;

#[test]
fn only_one_has_it() {
    let (_scratch, path) = place("second");
    let store = open(&path);
    store.directory("corp").commit(&numbered(1, 5)).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("view.store is in use"), "{error}");
    store.directory("corp").commit(&numbered(2, 5)).unwrap();
    drop(store);
    assert!(content(&open(&path).directory("corp")).is_some());
}

#[test]
fn nobody_else_may_read_or_replace_it() {
    let (scratch, path) = place("modes");
    drop(open(&path));
    assert_eq!(mode(&path), 0o600);
    for bits in [0o640, 0o604, 0o660] {
        fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(
            matches!(error, StoreError::File(PrivateFileError::Open { mode, .. }) if mode == bits),
            "{error}"
        );
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    for (bits, good) in [(0o770, false), (0o702, false), (0o1777, false), (0o755, true)] {
        fs::set_permissions(&scratch.0, fs::Permissions::from_mode(bits)).unwrap();
        let opened = Store::open(&path);
        assert_eq!(opened.is_ok(), good, "{bits:o}");
        if let Err(error) = opened {
            assert!(matches!(error, StoreError::Folder { .. }), "{error}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_left_alone() {
    let (scratch, path) = place("unreadable");
    let error = Store::open(&scratch.0.join("none").join("store")).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(error.to_string().contains("none"), "{error}");
    fs::create_dir(&path).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::File(PrivateFileError::NotAFile { .. })), "{error}");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1);
}

/// The variable that tells the process of its own which file to fill.
const FILE: &str = "LDAPGATE_TEST_FULL_DISK";

/// What [`a_full_disk_loses_nothing_that_was_there`] runs in a process of its own, whose files may grow
/// only so far. In any other process it does nothing.
#[test]
fn in_a_process_with_small_files() {
    let Ok(path) = std::env::var(FILE) else { return };
    let store = open(Path::new(&path));
    let corp = store.directory("corp");
    corp.commit(&numbered(1, 50)).unwrap();
    let error = corp.commit(&numbered(2, 8000)).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert!(error.to_string().contains(&path), "{error}");
    // Usable, in the same process.
    let (records, values) = content(&corp).unwrap();
    assert!(records.len() == 50 && values["cookie"] == [1; 20]);
    corp.commit(&numbered(3, 20)).unwrap();
    println!("it goes on");
}

#[test]
fn a_full_disk_loses_nothing_that_was_there() {
    let (_scratch, path) = place("full");
    // In blocks of 1024 octets. The signal for files that grow too large would end the process.
    let script = "trap '' XFSZ; ulimit -f 3000; exec \"$0\" --exact --nocapture \
                  store::tests::trouble::in_a_process_with_small_files";
    let output = Command::new("bash")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(FILE, &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("it goes on"), "{said}{errors}");
    let (records, values) = content(&open(&path).directory("corp")).unwrap();
    assert!(records.len() == 50 && records[&0][0] == 3 && records[&30][0] == 1);
    assert_eq!(values["cookie"], [3; 20]);
}
