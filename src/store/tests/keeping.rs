//! What is committed is there, also after the file was closed.

use proptest::prelude::*;

use super::*;

fn commit() -> impl Strategy<Value = Commit> {
    let octets = || proptest::collection::vec(any::<u8>(), 0..2000);
    let slots = proptest::collection::vec(0_u32..12, 0..4);
    let values = proptest::collection::vec(("[ab]", proptest::option::of(octets())), 0..3);
    let upserts = proptest::collection::vec((0_u32..12, octets()), 0..5);
    (prop::bool::weighted(0.2), upserts, slots, values).prop_map(
        |(replace_all, upserts, removed, values)| Commit { replace_all, upserts, removed, values },
    )
}

fn apply(content: &mut Content, commit: &Commit) {
    let (records, values) = content.get_or_insert_default();
    if commit.replace_all {
        records.clear();
    }
    commit.removed.iter().for_each(|slot| _ = records.remove(slot));
    records.extend(commit.upserts.iter().cloned());
    for (name, value) in &commit.values {
        match value {
            Some(value) => _ = values.insert(name.clone(), value.clone()),
            None => _ = values.remove(name),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_store_is_what_was_committed(
        commits in proptest::collection::vec((any::<bool>(), any::<bool>(), commit()), 1..8),
    ) {
        let (_scratch, path) = place("model");
        let mut store = open(&path);
        let mut model: [Content; 2] = [None, None];
        for (other, reopen, commit) in commits {
            let name = if other { "b" } else { "a" };
            store.directory(name).commit(&commit).unwrap();
            apply(&mut model[usize::from(other)], &commit);
            if reopen {
                drop(store);
                store = open(&path);
            }
            prop_assert_eq!(&content(&store.directory("a")), &model[0]);
            prop_assert_eq!(&content(&store.directory("b")), &model[1]);
        }
        store.forget_others(&["b", "c"]).unwrap();
        prop_assert_eq!(content(&store.directory("a")), None);
        prop_assert_eq!(&content(&store.directory("b")), &model[1]);
    }
}

#[test]
fn values_that_belong_to_no_directory() {
    let (_scratch, path) = place("values");
    let store = open(&path);
    assert_eq!(store.value("blocks").unwrap(), None);
    store.set_value("blocks", Some(b"one")).unwrap();
    store.set_value("guard", Some(b"")).unwrap();
    store.set_value("blocks", Some(b"two")).unwrap();
    drop(store);
    let store = open(&path);
    assert_eq!(store.value("blocks").unwrap().as_deref(), Some(&b"two"[..]));
    assert_eq!(store.value("guard").unwrap().as_deref(), Some(&b""[..]));
    store.set_value("blocks", None).unwrap();
    store.forget_others(&[]).unwrap();
    assert_eq!(store.value("blocks").unwrap(), None);
    assert!(store.value("guard").unwrap().is_some());
}

#[test]
fn the_newest_jobs_are_kept() {
    let (_scratch, path) = place("jobs");
    let store = open(&path);
    assert!(store.jobs(5).unwrap().is_empty());
    for number in 0..MOST_JOBS as u32 + 3 {
        store.append_job(&number.to_be_bytes()).unwrap();
    }
    let jobs = store.jobs(usize::MAX).unwrap();
    let number = |job: &Vec<u8>| u32::from_be_bytes(job.as_slice().try_into().unwrap());
    assert!(jobs.iter().map(number).eq((3..MOST_JOBS as u32 + 3).rev()));
    assert_eq!(store.jobs(2).unwrap(), jobs[..2]);
    store.append_job(b"last").unwrap();
    drop(store);
    assert_eq!(open(&path).jobs(1).unwrap(), [b"last"]);
}

#[test]
fn values_by_identity() {
    let (_scratch, path) = place("identities");
    let store = open(&path);
    let (a, b) = (store.by_identity("a"), store.by_identity("b"));
    assert!(a.load().unwrap().is_empty());
    a.set(&[([1; 16], Some(b"one".to_vec())), ([2; 16], Some(b"two".to_vec()))]).unwrap();
    b.set(&[([1; 16], Some(b"other".to_vec()))]).unwrap();
    a.set(&[([1; 16], None), ([2; 16], Some(b"two again".to_vec())), ([3; 16], None)]).unwrap();
    drop((store, a, b));
    let store = open(&path);
    let values = |name| store.by_identity(name).load().unwrap();
    assert_eq!(values("a"), [([2; 16], b"two again".to_vec())]);
    assert_eq!(values("b"), [([1; 16], b"other".to_vec())]);
    store.forget_others(&["a"]).unwrap();
    assert_eq!((values("a").len(), values("b").len()), (1, 0));
    store.by_identity("a").clear().unwrap();
    store.by_identity("a").clear().unwrap();
    assert!(values("a").is_empty());
}
