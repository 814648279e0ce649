//! A view that was written and made again is the view that it was, and goes on as it would have.

use proptest::prelude::*;

use super::model;
use super::steps::{Model, Step, as_it_is, step};
use super::*;

type Records = Vec<(u32, Vec<u8>)>;

fn records(view: &View) -> Records {
    view.slots_in_use().iter().map(|slot| (slot, view.record(slot).unwrap())).collect()
}

fn restored_with(view: &View, config: Arc<ViewConfig>) -> Result<View, RestoreError> {
    View::restore(config, &view.head(), view.subschema_octets().as_deref(), records(view))
}

fn restored(view: &View) -> View {
    restored_with(view, view.parts().config.clone()).unwrap()
}

/// Everything that a view says and keeps, but which slots were touched when.
fn content(view: &View) -> Vec<String> {
    let parts = view.parts();
    let mut content = vec![
        format!("{} {:?} {:?}", view.generation(), view.built_at(), view.confirmed_at()),
        format!("{:?}", view.domain()),
        format!("{:?} {:?}", parts.stamps, parts.rejected),
        format!("{:?} {:?} {:?}", parts.by_dn, parts.by_guid, parts.by_sid),
        format!("{:?}", parts.kinds),
        format!("{:?}", parts.attributes.iter().collect::<Vec<_>>()),
        format!("{} {:?}", parts.entries.len(), view.counts()),
    ];
    for slot in view.slots_in_use() {
        let stored = view.stored(slot).unwrap();
        content.push(format!(
            "{stored:?} {:?} {:?} {}",
            parts.graves.since(slot),
            parts.tree.linked(slot).collect::<Vec<_>>(),
            parts.tree.is_direct(slot)
        ));
    }
    content.extend(parts.attributes.iter().map(|(id, info)| {
        let index = parts.index.attribute(id).map(|index| index.content());
        format!("{} {}", info.spelling, index.unwrap_or_default())
    }));
    content
}

fn same(one: &View, other: &View) -> Result<(), TestCaseError> {
    let (one, other) = (content(one), content(other));
    prop_assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(&other) {
        prop_assert_eq!(one, other);
    }
    Ok(())
}

/// A history of changes; after some of them the view is written and made again, and one that was goes on
/// beside one that never was. What is written after each change makes the same store as writing everything.
fn goes_on(kind: DirectoryKind, steps: &[Step], every: usize) -> Result<(), TestCaseError> {
    let mut model = Model::new(kind);
    let mut view = model.view();
    let mut again = restored(&view);
    let mut store: std::collections::BTreeMap<u32, Vec<u8>> = records(&view).into_iter().collect();
    same(&again, &view)?;
    for (number, step) in steps.iter().enumerate() {
        let Some(changes) = model.take(step) else { continue };
        let changes = as_it_is(&model, changes);
        let later = moment() + Duration::from_secs(number as u64);
        let times = Times { read_at: later, now: later };
        let (next, summary) = view.changed(changes.clone(), times).unwrap();
        let (next_again, summary_again) = again.changed(changes, times).unwrap();
        prop_assert_eq!(summary, summary_again, "{:?}", step);
        same(&next_again, &next)?;
        match next_again.records_since(again.generation()) {
            Some((present, gone)) => {
                let new = |slot: &u32| (*slot, next_again.record(*slot).unwrap());
                store.extend(present.iter().map(new));
                gone.iter().for_each(|slot| _ = store.remove(slot));
            }
            // Only where nothing was touched since the view was made again.
            None => prop_assert!(next.is_as_before(), "{:?}", step),
        }
        let written: Records = store.clone().into_iter().collect();
        prop_assert!(written == records(&next), "{:?} is not written", step);
        (view, again) = (next, next_again);
        if number % every == 0 {
            again = restored(&again);
            same(&again, &view)?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_view_made_again_goes_on(
        steps in proptest::collection::vec(step(), 1..30),
        every in 1_usize..4,
        openldap in any::<bool>(),
    ) {
        let kind = if openldap { DirectoryKind::OpenLdap } else { DirectoryKind::ActiveDirectory };
        goes_on(kind, &steps, every)?;
    }

    /// Entries with options, values of all syntaxes, and names outside.
    #[test]
    fn a_view_made_again_answers_as_before(
        entries in model::entries(),
        filters in proptest::collection::vec(model::filter(), 4),
    ) {
        let view = view_of(entries);
        let again = restored(&view);
        same(&again, &view)?;
        for filter in &filters {
            prop_assert_eq!(again.matching(filter), view.matching(filter), "{:?}", filter);
        }
    }

    /// Whatever octets are changed: an error or a view, and no panic; a view keeps its invariants.
    #[test]
    fn damaged_octets_are_an_error(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..4),
        in_head: bool,
    ) {
        let view = company_view();
        let (mut head, mut records) = (view.head(), records(&view));
        for (which, place, octet) in damage {
            let octets = if in_head {
                &mut head
            } else {
                let at = which.index(records.len());
                &mut records[at].1
            };
            let at = place.index(octets.len());
            octets[at] ^= octet;
        }
        if let Ok(view) = View::restore(Arc::default(), &head, None, records) {
            for entry in view.iter() {
                let _ = answer(&view, entry, &["*", "+", "tokenGroups"], false, &Everyone);
            }
            let _ = view.changed(Changes { upserts: packed(company()), removed: Vec::new() }, times());
        }
    }
}

fn refused(head: &[u8], subschema: Option<&[u8]>, records: Records) -> String {
    View::restore(Arc::default(), head, subschema, records).unwrap_err().to_string()
}

#[test]
fn what_does_not_agree_is_refused() {
    let view = company_view();
    let head = view.head();
    let all = records(&view);
    let without = |slot: usize| {
        let mut records = all.clone();
        records.remove(slot);
        records
    };
    assert_eq!(
        refused(&head, None, without(3)),
        format!("it has {} entries of {}", all.len() - 1, all.len())
    );
    let mut doubled = without(3);
    doubled.push(all[0].clone());
    assert!(refused(&head, None, doubled).ends_with("is out of place"));
    let mut twice = all.clone();
    twice[3].1 = all[4].1.clone();
    assert!(refused(&head, None, twice).starts_with("two of its entries have one "));
    let mut cut = all.clone();
    cut[2].1.pop();
    assert!(refused(&head, None, cut).contains("its record of slot 2 "));
    let mut longer = all.clone();
    longer[2].1.push(0);
    assert!(refused(&head, None, longer).ends_with("goes on after its end"));
    assert!(refused(&head[..head.len() - 1], None, all.clone()).contains("head"));
    assert!(refused(&[], None, all.clone()).contains("head"));
    let mut newer = head.clone();
    newer[0] += 1;
    assert!(refused(&newer, None, all.clone()).contains("form"));
    // A later head with records of an earlier generation.
    let mut alice = company().into_iter().find(|entry| entry.dn == ALICE).unwrap();
    set(&mut alice, "mail", &["new@corp.example"]);
    let (next, _) =
        view.changed(Changes { upserts: packed(vec![alice]), removed: vec![] }, times()).unwrap();
    assert!(
        refused(&head, None, records(&next))
            .ends_with("has a change number that was not given yet")
    );
}

/// What an entry refers to has to be there.
#[test]
fn no_reference_dangles() {
    let view = company_view();
    let alice = at(&view, ALICE).slot().0;
    let mut entries = company();
    entries.retain(|entry| entry.dn != ALICE);
    let without = view_of(entries);
    // The slots of the view, without alice.
    let mut records = records(&view);
    records.retain(|(slot, _)| *slot != alice);
    let (gone, _) =
        view.changed(Changes { upserts: vec![], removed: vec![guid(11)] }, times()).unwrap();
    assert_eq!(gone.slots_in_use().len(), view.slots_in_use().len(), "a tombstone");
    // The head counts one entry less; all else is the same.
    let mut head = view.head();
    let last = head.len() - 1;
    head[last] -= 1;
    let error = refused(&head, None, records);
    assert_eq!(error, format!("it refers to slot {alice}, which is empty"));
    assert!(without.find_dn(&dn(ALICE)).is_none());
}

/// Indices are those that are configured now, and the subschema comes back whole or there is no view.
#[test]
fn what_is_configured_and_what_is_relayed() {
    let mut domain = domain();
    let schema = entry(
        "CN=Aggregate,CN=Schema,CN=Configuration,DC=corp,DC=example",
        &[
            ("objectClass", &["top", "subSchema"]),
            ("attributeTypes", &["( 2.5.4.3 NAME 'cn' )"]),
            ("objectClasses", &["( 2.5.6.0 NAME 'top' )"]),
        ],
    );
    domain.subschema = Subschema::read(PackedEntry::pack(&schema), moment()).map(Arc::new);
    let view = View::build(7, domain, company(), moment()).unwrap();
    let config = ViewConfig {
        indices: Arc::new(IndexPlan::new(&["employeeID"], &["department"])),
        ..ViewConfig::default()
    };
    let again = restored_with(&view, Arc::new(config.clone())).unwrap();
    let id = again.attributes().find_name("employeeID").unwrap();
    assert!(again.index().attribute(id).unwrap().has_values());
    let id = again.attributes().find_name("mail").unwrap();
    assert!(!again.index().attribute(id).unwrap().has_values());
    assert_eq!(found(&again, "(mail=alice*)"), ["alice"]);
    assert!(again.has_subschema_of(&view) && !company_view().has_subschema_of(&view));
    let relayed = again.domain().subschema.as_ref().unwrap();
    assert_eq!(relayed.age(moment()), Duration::ZERO);
    let other = view.subschema_octets().unwrap();
    assert!(refused(&view.head(), None, records(&view)).contains("subschema"));
    assert!(
        refused(&view.head(), Some(&other[..other.len() - 1]), records(&view))
            .contains("subschema")
    );
}

#[test]
fn another_version_of_the_tables_reads_everything_anew() {
    let view = company_view();
    let mut head = view.head();
    let name = b"telephoneNumber";
    assert!(!head.windows(name.len()).any(|window| window == name));
    // An attribute that is kept under a name of the same length, but that compares otherwise.
    let place = head.windows(10).position(|window| window == b"employeeID").unwrap();
    head[place..place + 10].copy_from_slice(b"objectGUIX");
    let error = refused(&head, None, records(&view));
    assert!(error.contains("attribute"), "{error}");
    let place = head.windows(10).position(|window| window == b"objectGUIX").unwrap();
    head[place..place + 10].copy_from_slice(b"unicodePwd");
    assert_eq!(
        refused(&head, None, records(&view)),
        "it has unicodePwd, which is not kept any more"
    );
}

/// More octets than one thread takes, so that what threads have found is put together.
#[test]
fn many_entries_are_read_in_parallel() {
    let mut entries = company();
    let people = format!("OU=People,{DOMAIN}");
    for number in 0..3000_u32 {
        let sam = format!("person{:04}", number * 7919 % 3000);
        let mut user = user(14, &sam, &people);
        set(&mut user, "objectGUID", &[]);
        set(&mut user, "objectSid", &[]);
        let mut octets = [7; 16];
        octets[..4].copy_from_slice(&number.to_be_bytes());
        push(&mut user, "objectGUID", &octets);
        push(&mut user, "objectSid", sid(5000 + number).octets());
        push(&mut user, "description", &[b'x'; 200]);
        push(
            &mut user,
            "displayName",
            format!("Person {} of {}", number % 50, number % 7).as_bytes(),
        );
        entries.push(user);
    }
    let view = view_of(entries);
    same(&restored(&view), &view).unwrap();
}
