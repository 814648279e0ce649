//! The differential test: the same searches asked of a directory itself and of the gate in front of it, as the
//! same account. What comes back must be the same: result code, matched name, entries, names of attributes,
//! values.
//!
//! `corpus` has the searches that people wrote, by matter, each under the section that it is about; `generate`
//! makes more from the values that the directory holds; `compare` says what differs. A difference that is meant
//! has an identifier, which `docs/differences.md` explains: the row then says what the gate answers instead.

mod active_directory;
mod compare;
mod generate;
mod openldap;
mod row;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ldapgate::ldap::entry::Entry;
use ldapgate::ldap::request::SearchScope::WholeSubtree;

use crate::world::client::{Client, search};

use compare::Pair;
use row::Row;

fn read(client: &mut Client, base: &str, filter: &str, attributes: &[&str]) -> Vec<Entry> {
    let search = search(base, WholeSubtree, filter, attributes);
    let (entries, _, answer) = client.search_past_references(&search, &[]);
    assert_eq!(answer.code(), 0, "{base} {filter}");
    entries
}

/// Runs every row and fails with all that differ.
fn judge(pair: &mut Pair, rows: &[Row]) {
    assert!(rows.len() >= 300, "a corpus of {} searches", rows.len());
    let mut seen = BTreeSet::new();
    for row in rows {
        assert!(seen.insert(&row.id), "two rows are called {}", row.id);
    }
    let mut report = String::new();
    let mut failed = 0;
    for row in rows {
        let lines = pair.difference(row);
        if !lines.is_empty() {
            failed += 1;
            write!(report, "\n{row}\n").unwrap();
            for line in lines {
                writeln!(report, "    {line}").unwrap();
            }
        }
    }
    assert!(failed == 0, "{failed} of {} searches differ\n{report}", rows.len());
}

/// The identifiers of differences are those in the table of `docs/differences.md`, each once.
#[test]
fn differences_are_explained() {
    let used: BTreeSet<&str> =
        active_directory::reasons().into_iter().chain(openldap::reasons()).collect();
    let text = include_str!("../../../docs/differences.md");
    let (_, text) = text.split_once("\n## What the comparison").unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let explained: Vec<&str> = rows.map(|(id, _)| id).collect();
    let known: BTreeSet<&str> = explained.iter().copied().collect();
    assert_eq!(known.len(), explained.len(), "an identifier twice");
    assert_eq!(used, known);
}
