//! The floors of the house (ARCHITECTURE.md): a module imports floors below its own, never beside or above,
//! and only files marked `[io]` wait, spawn, or read a clock.

use std::path::{Path, PathBuf};

use crate::world::checkout;

/// Rooms and their floors. `time` is below everything; `main` and `app` are above everything.
const FLOORS: &[(&str, u32)] = &[
    ("time", 0),
    ("hexadecimal", 0),
    ("testing", 0),
    ("certificate", 1),
    ("private_file", 1),
    ("telemetry", 1),
    ("trail", 2),
    ("ldap", 1),
    ("directory", 2),
    ("upstream", 2),
    ("demo", 2),
    ("store", 2),
    ("policy", 3),
    ("shield", 3),
    ("sync", 3),
    ("session", 4),
    ("server", 5),
    ("admin", 5),
    ("config", 6),
    ("app", 7),
    ("cli", 8),
];

const IO_MARK: &str = "//! `[io]`";
const WAITING: &[&str] = &[
    "async fn",
    "async move",
    ".await",
    "tokio::",
    "Instant::now",
    "SystemTime::now",
    "Now::read",
];

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = checkout::files("src");
    found.retain(|(path, _)| path.extension().is_some_and(|extension| extension == "rs"));
    found
}

fn floor(room: &str) -> Option<u32> {
    FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor)
}

fn room_of(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The part of a file that is compiled into the program: tests may use anything.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap()
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part == "tests.rs" || part == "tests" || part.ends_with("_tests.rs")
    })
}

#[test]
fn a_module_imports_only_floors_below_its_own() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let room = room_of(&path);
        if matches!(room.as_str(), "main" | "lib") || is_test_file(&path) {
            continue;
        }
        let own = floor(&room).unwrap_or_else(|| panic!("{}: on which floor?", path.display()));
        for (number, line) in without_tests(&text).lines().enumerate() {
            for part in line.split("crate::").skip(1) {
                let name: String =
                    part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let Some(other) = floor(&name) else { continue };
                if name != room && other >= own && !line.trim_start().starts_with("//") {
                    wrong.push(format!("{}:{}: {room} imports {name}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "upward imports:\n{}", wrong.join("\n"));
}

#[test]
fn only_io_files_wait_or_read_a_clock() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if text.starts_with(IO_MARK) || is_test_file(&path) || path == Path::new("time.rs") {
            continue;
        }
        for (number, line) in without_tests(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap();
            if let Some(word) = WAITING.iter().find(|word| code.contains(**word)) {
                wrong.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "not marked {IO_MARK}:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<_> = sources()
        .into_iter()
        .filter(|(path, text)| !text.starts_with("//!") && !is_test_file(path))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "no module documentation: {silent:?}");
}

#[test]
fn a_folder_file_holds_no_code() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if path.file_name().is_some_and(|name| name == "mod.rs")
            && !is_test_file(&path)
            && without_tests(&text).lines().any(|line| line.trim_start().starts_with("impl "))
        {
            wrong.push(path);
        }
    }
    assert!(wrong.is_empty(), "code in mod.rs: {wrong:?}");
}

/// Invariant 15: no address that reaches beyond this machine is written into the program; only a
/// configuration can name one.
#[test]
fn nothing_listens_to_the_world_by_itself() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if is_test_file(&path) {
            continue;
        }
        for (number, line) in without_tests(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap();
            if ["UNSPECIFIED", "\"0.0.0.0", "\"[::]", "\"::\""].iter().any(|any| code.contains(any))
            {
                wrong.push(format!("{}:{}: {code}", path.display(), number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
