//! The pure parts on their own: what a request costs before and after the network, and what a change costs.
//!
//!     cargo bench --bench pure                 everything, in a view of 100 000 people
//!     cargo bench --bench pure -- search       what has "search" in its name
//!     cargo bench --bench pure -- --people 10000
//!
//! The whole program beside other servers is measured by scripts/bench; both use the same company.

#[path = "../load/src/dataset.rs"]
#[expect(dead_code, reason = "the load tool uses the rest")]
mod dataset;
mod directory;
mod timer;

use std::cell::RefCell;
use std::hint::black_box;
use std::os::unix::fs::PermissionsExt;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ldapgate::directory::{
    Audience, Changes, EntryRef, PublishedView, Selection, Slot, Times, View, ViewConfig,
};
use ldapgate::ldap::ber::Writer;
use ldapgate::ldap::dn::NormalizedDn;
use ldapgate::ldap::filter::Filter;
use ldapgate::ldap::message::MessageId;
use ldapgate::ldap::request::{Request, SearchRequest, SearchScope, write_search};
use ldapgate::policy::{BindName, DirectoryState, World, name};
use ldapgate::store::{Commit, Store};

use dataset::{Company, EIGHT, SUFFIX};
use timer::Timer;

/// Different people that are asked for in turn.
const PEOPLE_ASKED: u32 = 1000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench pure: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn run() -> Result<(), Failure> {
    let mut people = 100_000;
    let mut wanted = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // cargo bench passes it on.
            "--bench" => {}
            "--people" => people = arguments.next().unwrap_or_default().parse()?,
            _ => wanted.push(argument),
        }
    }
    let company = Company { people };
    let timer = Timer::new(wanted);
    timer.head();
    language(&timer)?;

    let before = timer::resident_kib();
    let view = Arc::new(directory::view(company)?);
    let taken = timer::resident_kib().saturating_sub(before);
    searches(&timer, company, &view)?;
    names(&timer, company, &view)?;
    changes(&timer, company)?;
    restoring(&timer, &view);
    keeping(&timer, company)?;
    println!(
        "\nA view of {people} people and their groups: {} MiB resident, {} octets per person.",
        taken / 1024,
        taken * 1024 / u64::from(people.max(1)),
    );
    Ok(())
}

/// Octets to types.
fn language(timer: &Timer) -> Result<(), Failure> {
    let text = directory::login_filter(1);
    timer.fast("parse a login filter from text", |_| {
        black_box(Filter::parse(black_box(&text)).is_ok());
    });
    let mut writer = Writer::new();
    let id = MessageId::new(7).ok_or("7 is a message id")?;
    write_search(&mut writer, id, &request(Filter::parse(&text)?), &[]);
    let octets = writer.into_octets();
    timer.fast("decode a login search, 8 attributes", |_| {
        black_box(Request::decode(black_box(&octets)).is_ok());
    });
    Ok(())
}

fn request(filter: Filter) -> SearchRequest {
    SearchRequest {
        base: SUFFIX.to_owned(),
        scope: SearchScope::WholeSubtree,
        deref_aliases: 0,
        size_limit: 0,
        time_limit: 0,
        types_only: false,
        filter,
        attributes: EIGHT.iter().collect(),
    }
}

/// Searches in the view, and entries written out.
fn searches(timer: &Timer, company: Company, view: &View) -> Result<(), Failure> {
    let absent = |_| "(sAMAccountName=nobody)".to_owned();
    search(timer, "search: prepare a filter, nobody found", company, view, &absent)?;
    let equality = |person| format!("(sAMAccountName={})", Company::account(person));
    search(timer, "search: equality, 1 found", company, view, &equality)?;
    search(timer, "search: login filter, 1 found", company, view, &directory::login_filter)?;
    let member_of = |person| format!("(memberOf={})", Company::team(person));
    search(timer, "search: memberOf, 10 found", company, view, &member_of)?;
    let substring = |person| format!("(displayName=*{}*)", Company::name_part(person));
    search(timer, "search: substring, about 10 found", company, view, &substring)?;

    let id = MessageId::new(7).ok_or("7 is a message id")?;
    let slots: Vec<Slot> = view.users().map(|entry| entry.slot()).collect();
    let mut out = Vec::new();
    let selections =
        [("8 attributes", EIGHT.map(str::to_owned).to_vec()), ("all attributes", Vec::new())];
    for (what, requested) in selections {
        let selection = Selection::parse(&requested, false);
        timer.fast(&format!("write an entry, {what}"), |turn| {
            let Some(slot) = slots.get(turn % slots.len()) else { return };
            out.clear();
            view.write_entry(&mut out, id, *slot, &selection, &Everyone);
            black_box(&out);
        });
    }
    Ok(())
}

fn search(
    timer: &Timer,
    what: &str,
    company: Company,
    view: &View,
    filter: &dyn Fn(u32) -> String,
) -> Result<(), Failure> {
    let base = NormalizedDn::parse(SUFFIX)?;
    let filters = asked(company).map(|person| Filter::parse(&filter(person)));
    let filters: Vec<Filter> = filters.collect::<Result<_, _>>()?;
    timer.fast(what, |turn| {
        let Some(filter) = filters.get(turn % filters.len()) else { return };
        let found = view.search(&base, SearchScope::WholeSubtree, black_box(filter), &Everyone);
        black_box(found.is_ok());
    });
    Ok(())
}

/// From the name in a bind to one account.
fn names(timer: &Timer, company: Company, view: &Arc<View>) -> Result<(), Failure> {
    let application = directory::application();
    let directory = view.domain().directory.clone();
    let world = World {
        epoch: 1,
        blocks: Arc::default(),
        applications: Arc::default(),
        directories: vec![DirectoryState::new(directory, Some(view.clone()))],
    };
    type Form = fn(u32) -> String;
    let forms: [(&str, Form); 3] = [
        ("distinguished name", Company::dn),
        ("DOMAIN\\account", |person| format!("BENCH\\{}", Company::account(person))),
        ("user@domain", |person| format!("{}@corp.bench.example", Company::account(person))),
    ];
    for (what, form) in forms {
        let names = asked(company).map(|person| BindName::read(form(person).as_bytes()));
        let names: Vec<BindName> =
            names.collect::<Result<_, _>>().map_err(|refusal| format!("{what}: {refusal:?}"))?;
        let resolve = |name: &BindName| name::resolve(&world, &application, name);
        if let Some(Err(refusal)) = names.first().map(resolve) {
            return Err(format!("{what}: {refusal:?}").into());
        }
        timer.fast(&format!("resolve a name: {what}"), |turn| {
            let Some(name) = names.get(turn % names.len()) else { return };
            black_box(resolve(black_box(name)).is_ok());
        });
    }
    Ok(())
}

/// What a pass brings in, from entries in memory to a view that searches see.
fn changes(timer: &Timer, company: Company) -> Result<(), Failure> {
    let entries = directory::entries(company);
    timer.slow(
        "build a view",
        || entries.clone(),
        |entries| {
            black_box(directory::view_of(entries).is_ok());
        },
    );
    let published = PublishedView::empty();
    published.publish(Arc::new(directory::view_of(entries)?));
    let people: Vec<u32> = asked(company).collect();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_100);
    let prepare = |turn: usize| {
        let view = published.load()?;
        let person = *people.get(turn % people.len())?;
        let upserts = vec![directory::with_number(&view, person, turn)?];
        Some((view, Changes { upserts, removed: Vec::new() }))
    };
    // From the change in memory to the view that searches see.
    timer.each("publish one change", prepare, |(view, changes)| {
        let Ok((next, summary)) = view.changed(changes, Times { read_at: now, now }) else {
            return;
        };
        published.publish(Arc::new(next));
        black_box(summary);
    });
    Ok(())
}

/// One change from memory to the disk, as a pass keeps it: the next view, its records, one durable transaction.
fn keeping(timer: &Timer, company: Company) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("ldapgate-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
    let store = Store::open(&folder.join("store.redb"))?.store.directory("bench");
    let current = RefCell::new(Arc::new(directory::view(company)?));
    let first = current.borrow().clone();
    let slots = first.slots_in_use();
    let upserts = slots.iter().filter_map(|slot| Some((slot, first.record(slot)?)));
    let values = vec![("head".to_owned(), Some(first.head()))];
    store.commit(&Commit {
        replace_all: true,
        upserts: upserts.collect(),
        removed: Vec::new(),
        values,
    })?;
    drop(first);
    let people: Vec<u32> = asked(company).collect();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_100);
    let prepare = |turn: usize| {
        let view = current.borrow().clone();
        let person = *people.get(turn % people.len())?;
        let upserts = vec![directory::with_number(&view, person, turn)?];
        Some((view, Changes { upserts, removed: Vec::new() }))
    };
    timer.each("apply and keep one change, durably", prepare, |(view, changes)| {
        let Ok((next, _)) = view.changed(changes, Times { read_at: now, now }) else { return };
        let (slots, removed) = next.records_since(view.generation()).unwrap_or_default();
        let upserts = slots.iter().filter_map(|slot| Some((*slot, next.record(*slot)?))).collect();
        let values = vec![("head".to_owned(), Some(next.head()))];
        let kept = store.commit(&Commit { replace_all: false, upserts, removed, values });
        black_box(kept.is_ok());
        *current.borrow_mut() = Arc::new(next);
    });
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// A start without a controller: from octets in memory to a view, and the view to octets.
fn restoring(timer: &Timer, view: &View) {
    let slots = view.slots_in_use();
    let records = || -> Vec<(u32, Vec<u8>)> {
        slots.iter().filter_map(|slot| Some((slot, view.record(slot)?))).collect()
    };
    timer.slow("restore: all records of a view", || (), |()| drop(black_box(records())));
    let head = view.head();
    timer.fast("restore: the head of a view", |_| {
        black_box(view.head());
    });
    timer.slow("restore: a view of its records", records, |records| {
        let config = Arc::new(ViewConfig::default());
        black_box(View::restore(config, &head, None, records).is_ok());
    });
}

/// People spread over the whole company.
fn asked(company: Company) -> impl Iterator<Item = u32> {
    let count = PEOPLE_ASKED.min(company.people);
    let spread = move |turn: u32| u64::from(turn) * u64::from(company.people) / u64::from(count);
    (0..count).map(move |turn| u32::try_from(spread(turn)).unwrap_or_default())
}

/// An audience that everything is shown to.
struct Everyone;

impl Audience for Everyone {
    fn sees(&self, _: EntryRef<'_>) -> bool {
        true
    }

    fn shows(&self, _: &str) -> bool {
        true
    }
}
