//! Invariant 10: what comes of many small changes is what comes of reading everything again; change
//! numbers only grow; removed entries are remembered.

use proptest::prelude::*;

use super::*;
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::filter::Filter;

pub(super) fn equality(attribute: &str, value: &str) -> Filter {
    let attribute = AttributeDescription::new(attribute);
    Filter::Equality { attribute, value: value.as_bytes().to_vec() }
}

/// A name, and attributes with their values.
type Said = (String, Vec<(String, Vec<Vec<u8>>)>);

/// What the view says of its entries, stamps left out: they depend on the way.
fn said(view: &View) -> Vec<Said> {
    let stamps = ["usnchanged", "usncreated", "whenchanged", "modifytimestamp"];
    let mut said: Vec<Said> = view
        .iter()
        .map(|entry| {
            let answer = answer(view, entry, &["*", "+"], false, &Everyone);
            let mut attributes: Vec<(String, Vec<Vec<u8>>)> = answer
                .attributes
                .into_iter()
                .filter(|found| !stamps.contains(&found.description.to_lowercase().as_str()))
                .map(|mut found| {
                    found.values.sort();
                    (found.description, found.values)
                })
                .collect();
            attributes.sort();
            (entry.dn().to_owned(), attributes)
        })
        .collect();
    said.sort();
    said
}

/// One step of a random history, on a model that is a plain list of entries.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Add {
        number: u8,
        parent: u8,
    },
    Remove(u8),
    /// Also to a name that differs in case only, which is the directory's affair.
    Rename {
        number: u8,
        parent: u8,
        name: u8,
    },
    /// Two entries take each other's names.
    Swap(u8, u8),
    /// Another entry in place of this one, under its name.
    Replace(u8),
    Members {
        group: u8,
        members: Vec<u8>,
    },
    Mail(u8, u8),
    /// An account name in a spelling of its own, which memberUid of groups may name.
    Uid(u8, u8),
    /// A user becomes something else, and back.
    Kind(u8, bool),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let number = || 40_u8..52;
    prop_oneof![
        4 => (number(), 0_u8..6).prop_map(|(number, parent)| Step::Add { number, parent }),
        1 => number().prop_map(Step::Remove),
        2 => (number(), 0_u8..6, 0_u8..4)
            .prop_map(|(number, parent, name)| Step::Rename { number, parent, name }),
        1 => (number(), number()).prop_map(|(one, other)| Step::Swap(one, other)),
        1 => number().prop_map(Step::Replace),
        2 => (number(), proptest::collection::vec(number(), 0..4))
            .prop_map(|(group, members)| Step::Members { group, members }),
        1 => (number(), 0_u8..3).prop_map(|(number, value)| Step::Mail(number, value)),
        2 => (number(), 0_u8..4).prop_map(|(number, value)| Step::Uid(number, value)),
        1 => (number(), any::<bool>()).prop_map(|(number, user)| Step::Kind(number, user)),
    ]
}

/// Account names; the first two are one.
const UIDS: [&str; 4] = ["Uno", "uNO", "dos", "tres"];

/// A world of containers, users and groups with identities 40 to 51.
pub(super) struct Model {
    pub(super) kind: DirectoryKind,
    entries: Vec<Entry>,
    /// Whose identity was given away to others.
    replaced: u8,
}

impl Model {
    pub(super) fn new(kind: DirectoryKind) -> Self {
        let mut model = Self { kind, entries: company(), replaced: 0 };
        for entry in &mut model.entries {
            model_identity(kind, entry);
        }
        // Half of them are there from the start, so that steps find something to change.
        for number in 46..52 {
            model.entries.push(model.added(number, DOMAIN));
        }
        model
    }

    pub(super) fn view(&self) -> View {
        View::build(7, self.domain(), self.entries.clone(), moment()).unwrap()
    }

    fn domain(&self) -> Domain {
        Domain { kind: self.kind, ..domain() }
    }

    fn place(&self, number: u8) -> Option<usize> {
        self.place_of(guid(number))
    }

    fn place_of(&self, wanted: Guid) -> Option<usize> {
        self.entries.iter().position(|entry| identity(entry, self.kind) == Some(wanted))
    }

    fn parent(&self, choice: u8) -> String {
        match choice {
            0 => DOMAIN.to_owned(),
            // A superior that nobody has copied.
            1 => format!("OU=Nowhere,{DOMAIN}"),
            other => self
                .place(40 + other)
                .and_then(|place| self.entries.get(place))
                .map_or_else(|| DOMAIN.to_owned(), |entry| entry.dn.clone()),
        }
    }

    fn has_below(&self, dn: &str) -> bool {
        self.entries.iter().any(|entry| entry.dn.ends_with(&format!(",{dn}")))
    }

    /// Renames entries and everything below them at once. Values that name them follow in Active
    /// Directory; elsewhere they stay.
    fn rename(&mut self, names: &[(String, String)]) {
        let moved = |text: &str| {
            names.iter().find_map(|(from, to)| {
                (text == from || text.ends_with(&format!(",{from}")))
                    .then(|| format!("{}{to}", &text[..text.len() - from.len()]))
            })
        };
        let follows = self.kind == DirectoryKind::ActiveDirectory;
        for entry in &mut self.entries {
            if let Some(dn) = moved(&entry.dn) {
                entry.dn = dn;
            }
            for attribute in &mut entry.attributes {
                let own = attribute.description == "entryDN";
                for value in attribute.values.iter_mut().filter(|_| follows || own) {
                    if let Some(new) = std::str::from_utf8(value).ok().and_then(&moved) {
                        *value = new.into_bytes();
                    }
                }
            }
        }
    }

    /// What the directory does to values that name an entry when it is deleted.
    fn forget(&mut self, dn: &str) {
        if self.kind == DirectoryKind::OpenLdap {
            return;
        }
        for entry in &mut self.entries {
            for attribute in &mut entry.attributes {
                attribute.values.retain(|value| value != dn.as_bytes());
            }
            entry.attributes.retain(|attribute| !attribute.values.is_empty());
        }
    }

    fn added(&self, number: u8, parent: &str) -> Entry {
        let mut entry = match number % 3 {
            0 => {
                let mut group = group(number, &format!("g{number}"), &[]);
                group.dn = format!("CN=g{number},{parent}");
                group
            }
            1 => object(
                number,
                &format!("OU=o{number},{parent}"),
                &["top", "organizationalUnit"],
                "ou",
            ),
            _ => user(number, &format!("u{number}"), parent),
        };
        model_identity(self.kind, &mut entry);
        entry
    }

    fn told(&self, places: &[usize]) -> Changes {
        let upserts = places.iter().map(|place| self.entries[*place].clone()).collect();
        Changes { upserts: packed(upserts), removed: Vec::new() }
    }

    /// Takes the step, if it makes sense, and gives what a server would tell of it.
    pub(super) fn take(&mut self, step: &Step) -> Option<Changes> {
        match step {
            Step::Add { number, parent } => {
                let entry = self.added(*number, &self.parent(*parent));
                if self.place(*number).is_some()
                    || self.entries.iter().any(|other| dn(&other.dn) == dn(&entry.dn))
                {
                    return None;
                }
                self.entries.push(entry);
                Some(self.told(&[self.entries.len() - 1]))
            }
            Step::Remove(number) => {
                let place = self.place(*number)?;
                let dn = self.entries[place].dn.clone();
                if self.has_below(&dn) {
                    return None;
                }
                self.entries.remove(place);
                self.forget(&dn);
                Some(Changes { upserts: Vec::new(), removed: vec![guid(*number)] })
            }
            Step::Rename { number, parent, name } => self.take_name(*number, *parent, *name),
            Step::Swap(one, other) => self.swap(*one, *other),
            Step::Replace(number) => self.replace(*number),
            Step::Members { group, members } => {
                let place = self.place(*group).filter(|_| group % 3 == 0)?;
                let members: Vec<String> = members
                    .iter()
                    .filter_map(|number| Some(self.entries[self.place(*number)?].dn.clone()))
                    .collect();
                let mut unique: Vec<&str> = members.iter().map(String::as_str).collect();
                unique.sort_unstable();
                unique.dedup();
                let attribute = if self.kind == DirectoryKind::OpenLdap && unique.len() % 2 == 1 {
                    "uniqueMember"
                } else {
                    "member"
                };
                set(&mut self.entries[place], attribute, &unique);
                Some(self.told(&[place]))
            }
            Step::Mail(number, value) => {
                let place = self.place(*number)?;
                set(&mut self.entries[place], "mail", &[&format!("m{value}@corp.example")]);
                Some(self.told(&[place]))
            }
            Step::Uid(number, value) => {
                let place = self.place(*number)?;
                let attribute = if number % 3 == 0 { "memberUid" } else { "uid" };
                set(&mut self.entries[place], attribute, &[UIDS[usize::from(*value)]]);
                Some(self.told(&[place]))
            }
            Step::Kind(number, is_user) => {
                let place = self.place(*number).filter(|_| number % 3 == 2)?;
                let classes: &[&str] =
                    if *is_user { &["top", "person", "user"] } else { &["top", "contact"] };
                set(&mut self.entries[place], "objectClass", classes);
                Some(self.told(&[place]))
            }
        }
    }

    fn take_name(&mut self, number: u8, parent: u8, name: u8) -> Option<Changes> {
        let place = self.place(number)?;
        let (from, parent) = (self.entries[place].dn.clone(), self.parent(parent));
        if parent == from || parent.ends_with(&format!(",{from}")) {
            return None;
        }
        let (own, _) = from.split_once(',').unwrap();
        let to = match name {
            0 => format!("{},{parent}", own.to_uppercase()),
            1 => format!("{},{parent}", own.to_lowercase()),
            2 => format!("CN=n{number},{parent}"),
            _ => format!("{own},{parent}"),
        };
        let taken = |other: &Entry| dn(&other.dn) == dn(&to) && other.dn != from;
        if self.entries.iter().any(taken) {
            return None;
        }
        self.rename(&[(from, to)]);
        Some(self.told(&[place]))
    }

    fn swap(&mut self, one: u8, other: u8) -> Option<Changes> {
        let places = [self.place(one)?, self.place(other)?];
        let [from, to] = places.map(|place| self.entries[place].dn.clone());
        let nested = |above: &str, below: &str| below.ends_with(&format!(",{above}"));
        if from == to || nested(&from, &to) || nested(&to, &from) {
            return None;
        }
        self.rename(&[(from.clone(), to.clone()), (to, from)]);
        Some(self.told(&places))
    }

    /// The entry is deleted, and one with another identity takes its name.
    fn replace(&mut self, number: u8) -> Option<Changes> {
        let place = self.place(number)?;
        let dn = self.entries[place].dn.clone();
        self.replaced += 1;
        let mut entry = self.entries.remove(place);
        self.forget(&dn);
        entry.attributes.retain(|attribute| attribute.description != "member");
        set(&mut entry, "objectGUID", &[]);
        push(&mut entry, "objectGUID", &guid(100 + self.replaced).ad_octets());
        set(&mut entry, "objectSid", &[]);
        set(&mut entry, "distinguishedName", &[&dn]);
        model_identity(self.kind, &mut entry);
        self.entries.push(entry);
        let told = self.told(&[self.entries.len() - 1]);
        Some(Changes { removed: vec![guid(number)], ..told })
    }
}

/// What an entry is known by in this kind of directory.
fn model_identity(kind: DirectoryKind, entry: &mut Entry) {
    let dn = entry.dn.clone();
    match kind {
        DirectoryKind::ActiveDirectory => set(entry, "distinguishedName", &[&dn]),
        DirectoryKind::OpenLdap => {
            let guid = identity(entry, DirectoryKind::ActiveDirectory).unwrap();
            set(entry, "entryUUID", &[&guid.to_string()]);
            set(entry, "distinguishedName", &[]);
            set(entry, "entryDN", &[&dn]);
        }
    }
}

/// Several changes told at once: the last word on each entry.
fn together(one: Changes, other: Changes, kind: DirectoryKind) -> Changes {
    let named = |entry: &PackedEntry| identity(entry, kind).unwrap();
    let again: Vec<Guid> = other.upserts.iter().map(named).collect();
    let mut upserts = one.upserts;
    upserts.retain(|entry| !again.contains(&named(entry)));
    upserts.retain(|entry| !other.removed.contains(&named(entry)));
    upserts.extend(other.upserts);
    let mut removed = one.removed;
    removed.retain(|guid| !again.contains(guid));
    removed.extend(other.removed);
    Changes { upserts, removed }
}

/// What is given was read when the batch was told, so it is as it is by then.
pub(super) fn as_it_is(model: &Model, changes: Changes) -> Changes {
    let whole = |entry: &PackedEntry| {
        let place = model.place_of(identity(entry, model.kind)?)?;
        Some(PackedEntry::pack(&model.entries[place]))
    };
    Changes { upserts: changes.upserts.iter().filter_map(whole).collect(), ..changes }
}

fn lead_where_reading_again_leads(
    kind: DirectoryKind,
    steps: &[Step],
    every: usize,
    batch: usize,
) -> Result<(), TestCaseError> {
    let mut model = Model::new(kind);
    let mut view = model.view();
    let mut read_again = model.view();
    for (number, steps) in steps.chunks(batch).enumerate() {
        let mut changes = Changes::default();
        let mut gone = Vec::new();
        for step in steps {
            // Nobody comes back under the same identity within one pass.
            if matches!(step, Step::Add { number, .. } if gone.contains(number)) {
                continue;
            }
            if let Step::Remove(number) = step {
                gone.push(*number);
            }
            if let Some(next) = model.take(step) {
                changes = together(changes, next, kind);
            }
        }
        let changes = as_it_is(&model, changes);
        let before = said(&view);
        let next = view.changed(changes.clone(), times());
        prop_assert!(next.is_ok(), "{:?}: {:?}", steps, next.err());
        let (next, summary) = next.unwrap();
        prop_assert_eq!(said(&view), before, "an old view has changed");
        stamped(&view, &next, &summary)?;
        // The same again changes nothing.
        let replay = next.changed(changes, times()).unwrap();
        prop_assert!(replay.1.is_empty(), "{:?} again: {:?}", steps, replay.1);
        prop_assert!(replay.0.is_as_before(), "{:?} again", steps);
        prop_assert_eq!(replay.0.highest_usn(), next.highest_usn());
        view = next;
        let fresh = model.view();
        prop_assert_eq!(said(&view), said(&fresh), "{:?}", steps);
        if number % every == 0 {
            let entries = packed(model.entries.clone());
            read_again = read_again.refreshed(model.domain(), entries, times()).unwrap().0;
            prop_assert_eq!(said(&read_again), said(&view), "{:?}", steps);
        }
        let (base, all) = (dn(DOMAIN), equality("objectClass", "top"));
        for scope in [SearchScope::SingleLevel, SearchScope::WholeSubtree] {
            let found = view.search(&base, scope, &all, &Everyone).unwrap();
            let afresh = fresh.search(&base, scope, &all, &Everyone).unwrap();
            prop_assert_eq!(found.len(), afresh.len(), "{:?}", scope);
        }
    }
    Ok(())
}

/// Numbers and times only grow; every entry that says something else now has a new number, and so has
/// every user whose groups changed.
fn stamped(view: &View, next: &View, summary: &ChangeSummary) -> Result<(), TestCaseError> {
    prop_assert!(next.highest_usn() >= view.highest_usn());
    let ad = view.domain().kind == DirectoryKind::ActiveDirectory;
    let number =
        |entry: EntryRef<'_>| -> u64 { entry.text("uSNChanged").unwrap().parse().unwrap() };
    let touched = next.touched_since(view.generation()).unwrap_or_default();
    let affected = summary.affected_users.iter().filter_map(|guid| next.find_guid(guid));
    for entry in affected {
        prop_assert!(touched.contains(entry.slot().0));
        prop_assert!(!ad || number(entry) > view.highest_usn(), "{} counts as changed", entry.dn());
    }
    for entry in next.iter().filter(|_| ad) {
        let Some(before) = view.find_guid(&entry.guid()) else {
            prop_assert!(number(entry) > view.highest_usn(), "{} is new", entry.dn());
            continue;
        };
        prop_assert!(number(entry) >= number(before), "{}", entry.dn());
        prop_assert!(entry.text("whenChanged") >= before.text("whenChanged"), "{}", entry.dn());
        let same = ["mail", "uid", "objectClass", "member"]
            .iter()
            .all(|name| entry.values(name) == before.values(name));
        if entry.dn() != before.dn() {
            prop_assert!(number(entry) > number(before), "{} has another name", entry.dn());
        } else if !touched.contains(entry.slot().0) {
            prop_assert_eq!(number(entry), number(before), "{} is as it was", entry.dn());
            prop_assert!(same || entry.kind() == EntryKind::Group, "{}", entry.dn());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn small_steps_lead_where_reading_again_leads(
        steps in proptest::collection::vec(step(), 1..40),
        every in 1_usize..6,
        batch in 1_usize..4,
        openldap in any::<bool>(),
    ) {
        let kind =
            if openldap { DirectoryKind::OpenLdap } else { DirectoryKind::ActiveDirectory };
        lead_where_reading_again_leads(kind, &steps, every, batch)?;
    }
}

/// OpenLDAP keeps the name that a value has, whoever is called so by then; spellings of a uid are one.
#[test]
fn values_keep_the_name_in_openldap() {
    let steps = [
        Step::Members { group: 48, members: vec![47, 50] },
        Step::Rename { number: 47, parent: 0, name: 2 },
        Step::Replace(50),
        Step::Uid(48, 0),
        Step::Uid(47, 1),
        Step::Swap(47, 50),
        Step::Remove(47),
    ];
    for kind in [DirectoryKind::OpenLdap, DirectoryKind::ActiveDirectory] {
        for batch in 1..4 {
            lead_where_reading_again_leads(kind, &steps, 2, batch).unwrap();
        }
    }
}
