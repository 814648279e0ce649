//! Files: rotation, restarts, a line cut short, a key that is gone.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use super::super::TrailError;
use super::super::files::old_files;
use super::*;
use crate::testing::mode;

fn numbers(config: &TrailConfig) -> Vec<u64> {
    old_files(&config.file).unwrap().into_iter().map(|(number, _)| number).collect()
}

#[test]
fn a_chain_goes_on_over_a_restart() {
    let scratch = Scratch::new("trail-restart");
    let config = config(&scratch);
    run(&config, 3);
    let before = checked(&config, None);
    run(&config, 2);
    let after = checked(&config, Some(before.head));
    assert_eq!((before.lines, after.lines, after.head.seq), (3, 5, 5));
    assert!(after.faults.is_empty(), "{after:?}");
    assert_eq!((mode(&config.file), mode(&config.key_file)), (0o600, 0o600));
}

/// By size; the oldest files go, and that is told in the chain.
#[test]
fn files_rotate_by_size_and_the_oldest_go() {
    let scratch = Scratch::new("trail-rotate");
    let config = TrailConfig { rotate_size: 1500, keep: 3, ..config(&scratch) };
    run(&config, 20);
    run(&config, 20);
    let old = numbers(&config);
    assert_eq!(old.len(), 3, "{old:?}");
    for path in old_files(&config.file).unwrap() {
        assert!(fs::metadata(&path.1).unwrap().len() <= 1500);
    }
    let report = checked(&config, None);
    assert!(report.faults.is_empty(), "{report:?}");
    assert_eq!(report.files.len(), 4);
    assert!(report.head.seq > 40 && report.lines < 40, "{report:?}");
    // What is gone beyond what the program has removed is told.
    fs::remove_file(&report.files[0]).unwrap();
    let first = old[0] + 1;
    assert_eq!(
        faults(&checked(&config, None)),
        [(PathBuf::from("audit.jsonl"), 0, Fault::BeginningMissing { first })]
    );
    // One from the middle.
    fs::remove_file(&report.files[2]).unwrap();
    let found = faults(&checked(&config, None));
    assert!(
        found.iter().any(|(_, line, fault)| *line == 1 && matches!(fault, Fault::Missing { .. }))
    );
}

#[test]
fn files_rotate_by_age() {
    let scratch = Scratch::new("trail-age");
    let config = TrailConfig { rotate_age: Duration::from_millis(300), ..config(&scratch) };
    run(&config, 2);
    std::thread::sleep(Duration::from_millis(350));
    run(&config, 2);
    assert_eq!(numbers(&config), [2], "the age is that of the first line, over a restart too");
    assert!(checked(&config, None).faults.is_empty());
}

/// Killed just after the old file got its name.
#[test]
fn a_chain_goes_on_where_there_is_no_new_file_yet() {
    let scratch = Scratch::new("trail-between");
    let config = config(&scratch);
    run(&config, 4);
    fs::rename(&config.file, scratch.0.join("audit.jsonl.00000000000000000004")).unwrap();
    assert!(checked(&config, None).faults.is_empty());
    run(&config, 1);
    let report = checked(&config, None);
    assert_eq!((report.head.seq, report.faults.len()), (5, 0), "{report:?}");
}

/// SIGKILL in the middle of a line: it is kept aside, the chain goes on and says so.
#[test]
fn a_line_cut_short_is_kept_aside() {
    let scratch = Scratch::new("trail-torn");
    let config = config(&scratch);
    run(&config, 3);
    let mut file = OpenOptions::new().append(true).open(&config.file).unwrap();
    file.write_all(b"{\"seq\":4,\"time\":\"20").unwrap();
    let before = checked(&config, None);
    assert_eq!((before.unfinished, before.faults.len()), (19, 0), "{before:?}");
    run(&config, 1);
    assert_eq!(kinds(&config.file), ["bind", "bind", "bind", "torn_line", "bind"]);
    let report = checked(&config, Some(before.head));
    assert_eq!((report.unfinished, report.faults.len()), (0, 0), "{report:?}");
    let aside = fs::read_dir(&scratch.0).unwrap().map(|entry| entry.unwrap().path());
    let aside: Vec<PathBuf> =
        aside.filter(|path| path.to_string_lossy().contains(".torn.")).collect();
    assert_eq!(fs::read(&aside[0]).unwrap(), b"{\"seq\":4,\"time\":\"20");
    assert_eq!(mode(&aside[0]), 0o600);
}

/// Whoever changes the last line, or the key, does not get a chain that looks whole.
#[test]
fn a_chain_that_cannot_go_on_says_so() {
    let scratch = Scratch::new("trail-broken");
    let config = config(&scratch);
    run(&config, 3);
    let text = fs::read_to_string(&config.file).unwrap();
    let changed = text.replacen("\"attempt\":2", "\"attempt\":7", 1);
    assert_ne!(changed, text);
    fs::write(&config.file, changed).unwrap();
    run(&config, 1);
    let name = || PathBuf::from("audit.jsonl");
    assert_eq!(
        faults(&checked(&config, None)),
        [(name(), 3, Fault::Changed), (name(), 4, Fault::Restarted)]
    );
    fs::remove_file(&config.key_file).unwrap();
    run(&config, 1);
    let found = faults(&checked(&config, None));
    assert_eq!(found.len(), 6, "{found:?}");
    assert_eq!(found.last(), Some(&(name(), 6, Fault::Restarted)));
}

#[test]
fn what_cannot_be_used_is_said_so() {
    let scratch = Scratch::new("trail-refused");
    let config = config(&scratch);
    let first = Trail::open(config.clone(), Now::read()).unwrap();
    let second = Trail::open(config.clone(), Now::read()).err();
    assert!(matches!(second, Some(TrailError::InUse { .. })), "{second:?}");
    first.stop();
    drop(first);
    fs::set_permissions(&config.file, fs::Permissions::from_mode(0o640)).unwrap();
    let open = Trail::open(config.clone(), Now::read()).err();
    assert!(matches!(open, Some(TrailError::Open { mode: 0o640, .. })), "{open:?}");
    fs::set_permissions(&config.file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&config.key_file, "no key").unwrap();
    let no_key = Trail::open(config, Now::read()).err();
    assert!(matches!(no_key, Some(TrailError::NoKey { .. })), "{no_key:?}");
}
