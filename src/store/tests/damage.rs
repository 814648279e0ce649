//! A file with any octets changed or its end missing: it gives what was committed, or is set aside.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

/// The octets of a store after three commits, closed, and as a killed process leaves it.
fn stores() -> [Vec<u8>; 2] {
    let (_scratch, path) = place("damage-made");
    let store = open(&path);
    for number in 1..=3 {
        store.directory("corp").commit(&numbered(number, 60)).unwrap();
    }
    // What a process has written when it is killed is in the file.
    let killed = fs::read(&path).unwrap();
    drop(store);
    [fs::read(&path).unwrap(), killed]
}

/// Whether it is what one of the last commits left, whole. The database keeps two of them.
fn is_committed(content: &Content) -> bool {
    let expected = |number: u8| {
        let commit = numbered(number, 60);
        let values = commit.values.into_iter().map(|(name, value)| (name, value.unwrap()));
        Some((commit.upserts.into_iter().collect(), values.collect()))
    };
    // Before the first one there was nothing.
    content.is_none() || (1..=3).any(|number| *content == expected(number))
}

#[derive(Clone, Debug)]
enum Damage {
    Cut(prop::sample::Index),
    Flip(Vec<(prop::sample::Index, u8)>),
    Zero(prop::sample::Index, usize),
    /// In the header, where few octets decide.
    Header(usize, u8),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        index().prop_map(Damage::Cut),
        proptest::collection::vec((index(), 1_u8..), 1..5).prop_map(Damage::Flip),
        (index(), 1_usize..9000).prop_map(|(at, length)| Damage::Zero(at, length)),
        (0_usize..320, 1_u8..).prop_map(|(at, octet)| Damage::Header(at, octet)),
    ]
}

fn harm(octets: &mut Vec<u8>, damage: &Damage) {
    match damage {
        Damage::Cut(at) => octets.truncate(at.index(octets.len())),
        Damage::Flip(flips) => {
            for (at, octet) in flips {
                let at = at.index(octets.len());
                octets[at] ^= octet;
            }
        }
        Damage::Zero(at, length) => {
            let at = at.index(octets.len());
            octets.iter_mut().skip(at).take(*length).for_each(|octet| *octet = 0);
        }
        Damage::Header(at, octet) => octets[*at] ^= octet,
    }
}

/// What the damaged file was found to be.
fn reopened(octets: &[u8]) -> Result<(), TestCaseError> {
    let (_scratch, path) = place("damage");
    crate::private_file::write(
        &path,
        octets,
        crate::private_file::Access::Owner,
        crate::private_file::Existing::Replace,
    )
    .unwrap();
    let opened = Store::open(&path);
    prop_assert!(opened.is_ok(), "{:?}", opened.err());
    let opened = opened.unwrap();
    let store = opened.store.directory("corp");
    let found = content(&store);
    match opened.set_aside {
        Some(set_aside) => {
            prop_assert_eq!(&found, &None);
            prop_assert!(!set_aside.reason.is_empty());
            prop_assert!(fs::read(&set_aside.path).unwrap().len() >= octets.len());
        }
        None => prop_assert!(is_committed(&found)),
    }
    store.commit(&numbered(9, 3)).unwrap();
    drop((store, opened.store));
    let (records, _) = content(&open(&path).directory("corp")).unwrap();
    prop_assert!((0..3).all(|slot| records[&slot][0] == 9), "it does not go on");
    Ok(())
}

#[test]
fn a_damaged_file_gives_what_was_committed_or_is_set_aside() {
    // What panics in the database is caught; its words would fill the output.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let stores = Arc::new(stores());
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() };
    let outcome = proptest::test_runner::TestRunner::new(config).run(
        &(any::<bool>(), damage()),
        move |(killed, damage)| {
            let mut octets = stores[usize::from(killed)].clone();
            harm(&mut octets, &damage);
            reopened(&octets)
        },
    );
    std::panic::set_hook(hook);
    outcome.unwrap();
}

/// What a killed process leaves is the last commit.
#[test]
fn what_was_not_closed_has_the_last_commit() {
    for octets in stores() {
        let (_scratch, path) = place("killed");
        fs::write(&path, &octets).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let (records, values) = content(&open(&path).directory("corp")).unwrap();
        assert!(records.len() == 60 && records.values().all(|record| record[0] == 3));
        assert_eq!(values["cookie"], [3; 20]);
    }
}

#[test]
fn what_is_no_store_is_set_aside_and_never_overwritten() {
    let (scratch, path) = place("foreign");
    let mut places = Vec::new();
    for octets in [&b"not a store at all"[..], &[0; 5000], &[0xff; 100_000]] {
        fs::write(&path, octets).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let opened = Store::open(&path).unwrap();
        let set_aside = opened.set_aside.unwrap();
        assert_eq!(fs::read(&set_aside.path).unwrap(), octets, "{}", set_aside.reason);
        let name = set_aside.path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(name.starts_with("view.store.broken-"), "{name}");
        places.push(set_aside.path);
    }
    places.sort();
    places.dedup();
    assert_eq!((places.len(), fs::read_dir(&scratch.0).unwrap().count()), (3, 4));
}

/// A file of another version of this program, and a database of another program.
#[test]
fn other_formats_are_set_aside() {
    const HEADER: redb::TableDefinition<&str, u64> = redb::TableDefinition::new("ldapgate");
    const OTHER: redb::TableDefinition<&str, u64> = redb::TableDefinition::new("something");
    let cases = [
        (HEADER, "format", 0, "it has format 0"),
        (HEADER, "format", 2, "it has format 2"),
        (HEADER, "x", 1, "which format"),
        (OTHER, "format", 1, "another program"),
    ];
    for (table, key, number, reason) in cases {
        let (_scratch, path) = place("formats");
        let database = redb::Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(table).unwrap().insert(key, number).unwrap();
        transaction.commit().unwrap();
        drop(database);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let opened = Store::open(&path).unwrap();
        let found = opened.set_aside.unwrap().reason;
        assert!(found.contains(reason), "{found}");
    }
}
