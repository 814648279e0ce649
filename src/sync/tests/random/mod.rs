//! Invariant 10 by chance: whatever changes, fails, lags or is repeated in whatever order, a pass that fails leaves
//! the view, and in the end following changes has come to what reading everything anew comes to.
//!
//! Each run follows from its number, but for what falls into the middle of a pass. A failure names the number
//! and all that was done.

mod names;

use std::collections::BTreeMap;
use std::sync::Mutex;

use tokio::time::sleep;

use self::names::Names;
use super::*;
use crate::demo::{Ending, SearchFault};
use crate::directory::{Audience, EntryRef, PublishedView, Selection, View};
use crate::ldap::identifier::Guid;
use crate::ldap::message::MessageId;
use crate::ldap::response::{Response, ResponseOperation};
use crate::sync::copier::{Copier, Order};
use crate::sync::position::Position;
use crate::sync::{
    Consequences, Effect, Follow, GuardConfig, Keeping, PassKind, Strategy, Wanted, whole_copy,
};
use crate::upstream::FetchError;

/// Runs of each strategy; there are five.
const RUNS: u64 = 22;
/// Passes with something before and during each of them.
const ROUNDS: usize = 8;

/// Xorshift (Marsaglia 2003).
pub(super) struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 20).unwrap() % bound
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.below(list.len())]
    }
}

struct Everyone;

impl Audience for Everyone {
    fn sees(&self, _: EntryRef<'_>) -> bool {
        true
    }

    fn shows(&self, _: &str) -> bool {
        true
    }
}

/// All that a view says, by name and attribute, but for the stamps that tell how it came about.
fn rendered(view: &View) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    const STAMPS: [&str; 5] =
        ["usnchanged", "usncreated", "whenchanged", "modifytimestamp", "invocationid"];
    let everything = Selection::parse(["*", "+"], false);
    let of = |entry: EntryRef<'_>| {
        let (mut octets, id) = (Vec::new(), MessageId::new(1).unwrap());
        view.write_entry(&mut octets, id, entry.slot(), &everything, &Everyone);
        let ResponseOperation::Entry(told) = Response::decode(&octets).unwrap().operation else {
            panic!("not an entry");
        };
        let mut attributes: BTreeMap<String, Vec<String>> = told
            .attributes
            .into_iter()
            .map(|one| {
                let text = |value: &Vec<u8>| value.escape_ascii().to_string();
                let mut values: Vec<String> = one.values.iter().map(text).collect();
                values.sort();
                (one.description, values)
            })
            .filter(|(name, _)| !STAMPS.contains(&name.to_lowercase().as_str()))
            .collect();
        attributes.insert("(identity)".to_owned(), vec![entry.guid().to_string()]);
        attributes.insert("(kind)".to_owned(), vec![format!("{:?}", entry.kind())]);
        (entry.dn().to_owned(), attributes)
    };
    view.iter().map(of).collect()
}

/// What differs, in lines.
pub(super) fn difference(own: &View, fresh: &View) -> Vec<String> {
    let (own, fresh) = (rendered(own), rendered(fresh));
    let mut lines = Vec::new();
    for (dn, attributes) in &fresh {
        match own.get(dn) {
            None => lines.push(format!("missing: {dn}")),
            Some(known) => {
                for name in attributes.keys().chain(known.keys()) {
                    let (own, fresh) = (known.get(name), attributes.get(name));
                    if own != fresh {
                        lines.push(format!("{dn}: {name}: {own:?} instead of {fresh:?}"));
                    }
                }
            }
        }
    }
    let gone = own.keys().filter(|dn| !fresh.contains_key(*dn));
    lines.extend(gone.map(|dn| format!("still there: {dn}")));
    lines
}

struct Run {
    random: Random,
    company: Company,
    names: Arc<Mutex<Names>>,
    published: Arc<PublishedView>,
    copier: Copier,
    strategy: Strategy,
    /// Whether the directory tells of what is not there any more. If not, comparing identities finds it.
    tells_of_absence: bool,
    /// What was done, for whoever has to understand a failure.
    story: Arc<Mutex<Vec<String>>>,
}

impl Run {
    fn new(strategy: Strategy, seed: u64) -> Self {
        let mut random = Random((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let company = match strategy {
            Strategy::SyncRepl | Strategy::Timestamps => Company::openldap(),
            Strategy::Full if seed % 2 == 1 => Company::openldap(),
            Strategy::Full | Strategy::DirSync | Strategy::Usn => Company::new(),
        };
        let hides_deleted = random.one_in(4);
        let (replication_right, page) = (random.one_in(2), random.one_in(2).then_some(3));
        let session_log = *random.of(&[0, 3, usize::MAX - 1]);
        let refresh_required = random.one_in(2);
        for controller in &company.controllers {
            controller.quirks(|quirks| {
                quirks.hide_deleted = hides_deleted;
                quirks.replication_right = replication_right;
                quirks.dir_sync_page = page;
                quirks.session_log = session_log;
                quirks.refresh_required = refresh_required;
            });
        }
        let hides_people = random.one_in(2);
        let tells_of_absence = match strategy {
            Strategy::DirSync => !hides_deleted,
            Strategy::Usn => !hides_deleted && !hides_people,
            Strategy::SyncRepl | Strategy::Full => true,
            Strategy::Timestamps => false,
        };
        let mut names = company.directory.with(|directory| Names::new(directory));
        names.hides &= hides_people;
        // What stands above people comes and goes with what tells of it.
        names.deletes_units =
            tells_of_absence && (strategy != Strategy::SyncRepl || session_log > 3);
        let published = PublishedView::empty();
        let copier = copier(&company, published.clone(), strategy, random.below(12) + 4);
        Self {
            random,
            company,
            names: Arc::new(Mutex::new(names)),
            published,
            copier,
            strategy,
            tells_of_absence,
            story: Arc::default(),
        }
    }

    fn tell(&self, what: impl Into<String>) {
        self.story.lock().unwrap().push(what.into());
    }

    async fn whole(mut self) {
        self.pass(PassKind::Full).await.expect("nothing is wrong yet");
        for _ in 0..ROUNDS {
            for _ in 0..self.random.below(4) {
                self.change();
            }
            for _ in 0..=self.random.below(3) {
                self.arrange().await;
            }
            let kind = match self.random.below(8) {
                0 => PassKind::Full,
                1 | 2 => PassKind::Reconcile,
                _ => PassKind::Changes,
            };
            self.disturbed_pass(kind).await;
            for controller in &self.company.controllers {
                controller.quiet_between_pages();
                controller.quirks(|quirks| quirks.search_faults.clear());
                controller.resume();
            }
        }
        self.end().await;
    }

    fn change(&mut self) {
        let (names, random) = (&self.names, &mut self.random);
        let done = self
            .company
            .directory
            .with(|directory| names.lock().unwrap().change(directory, random, true));
        self.tell(done);
    }

    /// What is wrong during the next pass.
    async fn arrange(&mut self) {
        let number = self.random.below(2);
        let controller = &self.company.controllers[number];
        match self.random.below(14) {
            0 | 1 => self.fault(number, Ending::Cut),
            2 => self.fault(number, Ending::Stop),
            3 | 4 => {
                let code = *self.random.of(&[3, 4, 11, 51, 52, 80]);
                self.fault(number, Ending::Code(code, "fault".to_owned()));
            }
            5 => {
                controller.hang();
                self.tell(format!("{number} hangs"));
            }
            6 | 7 => {
                controller.kill().await.unwrap();
                self.company.controllers[1 - number].revive().unwrap();
                self.tell(format!("{number} is killed, the other one lives"));
            }
            8 => {
                controller.revive().unwrap();
                self.tell(format!("{number} lives"));
            }
            9 | 10 => {
                controller.hold_back();
                self.tell(format!("{number} is held back"));
            }
            11 => {
                controller.catch_up();
                self.tell(format!("{number} catches up"));
            }
            12 => self.forget(),
            _ => self.change_between_pages(),
        }
    }

    fn fault(&mut self, number: usize, ending: Ending) {
        let (skip, after) = (self.random.below(3), self.random.below(5));
        let fault = SearchFault { skip, after, ending };
        self.tell(format!("{number}: {fault:?}"));
        self.company.controllers[number].quirks(|quirks| quirks.search_faults.push(fault));
    }

    fn forget(&mut self) {
        let garbage = match self.strategy {
            Strategy::DirSync => Position::DirSync { cookie: vec![7; 40], object_security: true },
            Strategy::Usn => Position::Usn { invocation: Guid([7; 16]), highest: 7 },
            Strategy::SyncRepl => Position::Content { cookie: b"rid=000,csn=rubbish".to_vec() },
            Strategy::Timestamps | Strategy::Full => {
                Position::Timestamps { latest: "rubbish".to_owned() }
            }
        };
        self.copier.position = self.random.one_in(2).then_some(garbage);
        self.tell(format!("the position is {:?}", self.copier.position));
    }

    fn change_between_pages(&mut self) {
        let mut random = Random(self.random.0 ^ 0x5555);
        let (names, story) = (self.names.clone(), self.story.clone());
        let mut left = 3;
        let happening = move |directory: &mut Directory| {
            if left > 0 && random.one_in(2) {
                left -= 1;
                // Whole trees do not move: these controllers go on by name, and lose what moves past the page.
                let done = names.lock().unwrap().change(directory, &mut random, false);
                story.lock().unwrap().push(format!("between two pages: {done}"));
            }
        };
        let number = self.random.below(2);
        self.company.controllers[number].between_pages(happening);
    }

    async fn disturbed_pass(&mut self, kind: PassKind) {
        let (view, position) = (self.published.load().unwrap(), self.copier.position.clone());
        let (confirmed, said) = (view.confirmed_at(), rendered(&view));
        match self.pass(kind).await {
            Ok(effect) => {
                self.tell(format!("{kind:?} at {:?}: {effect:?}", self.copier.controller()));
            }
            Err(error) => {
                self.tell(format!("{kind:?} failed: {error}"));
                let now = self.published.load().unwrap();
                assert_eq!((now.generation(), now.confirmed_at()), (view.generation(), confirmed));
                assert!(rendered(&now) == said, "a failed pass has changed what the view says");
                assert_eq!(self.copier.position, position, "a position beyond the view");
            }
        }
    }

    async fn pass(&mut self, kind: PassKind) -> Result<Effect, FetchError> {
        let pause = Duration::from_millis(self.random.below(30) as u64);
        let (copier, controllers) = (&mut self.copier, &self.company.controllers);
        let waking = async {
            sleep(pause).await;
            controllers.iter().for_each(Controller::resume);
        };
        tokio::join!(pass(copier, kind), waking).0
    }

    /// All is well again: the next pass ends in the right view.
    async fn end(mut self) {
        self.change();
        for controller in &self.company.controllers {
            controller.catch_up();
            controller.revive().unwrap();
        }
        self.tell("all is well");
        let mut tries = 0;
        while let Err(error) = self.pass(PassKind::Changes).await {
            self.tell(format!("in the end: {error}"));
            tries += 1;
            assert!(tries < 5, "{error}");
        }
        if !self.tells_of_absence {
            self.pass(PassKind::Reconcile).await.unwrap();
        }
        let fresh = fresh(&self.company).await;
        let own = self.published.load().unwrap();
        let differs = difference(&own, &fresh);
        assert!(differs.is_empty(), "{}", differs.join("\n"));
        assert_eq!(own.domain().netbios_name, fresh.domain().netbios_name);
    }
}

/// A pass and what comes of it.
pub(super) async fn pass(copier: &mut Copier, kind: PassKind) -> Result<Effect, FetchError> {
    let order = Order { kind, dry: false, seen: Now::read().monotonic, progress: &|_| () };
    let candidate = copier.read(order).await?;
    Ok(copier.settle(candidate, order).await.effect)
}

/// What reading everything anew comes to, by somebody who has never read anything.
pub(super) async fn fresh(company: &Company) -> View {
    let mut session = company.upstream().fetch_session().await.unwrap();
    let wanted = Wanted { base: None, page_size: 100, config: None, last: None };
    let fresh = whole_copy(&mut session, wanted, &mut |_| ()).await.unwrap().view;
    session.close().await;
    fresh
}

/// What keeps a copy of the company by one strategy, and holds nothing back.
pub(super) fn copier(
    company: &Company,
    published: Arc<PublishedView>,
    strategy: Strategy,
    page_size: usize,
) -> Copier {
    let upstream = company.upstream_with(|config| {
        config.timeouts.search = Duration::from_millis(500);
    });
    let mut config = on_demand();
    config.timing.follow = Some(Follow::default());
    config.strategy = Some(strategy);
    config.page_size = u32::try_from(page_size).unwrap();
    // Not what is looked at here.
    config.guard = GuardConfig { share_percent: 100, least: usize::MAX, ..config.guard };
    let consequences = Consequences::without_applications();
    Copier::new(upstream, published, config, consequences, Keeping::default())
}

async fn runs(strategy: Strategy) {
    for seed in 0..RUNS {
        let run = Run::new(strategy, seed);
        let story = run.story.clone();
        if let Err(failure) = tokio::spawn(run.whole()).await {
            let story = story.lock().unwrap().join("\n  ");
            panic!("run {seed} by {strategy}: {failure}\n  {story}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_dir_sync() {
    runs(Strategy::DirSync).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_numbers() {
    runs(Strategy::Usn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_content_synchronization() {
    runs(Strategy::SyncRepl).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_timestamps() {
    runs(Strategy::Timestamps).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_reading_everything() {
    runs(Strategy::Full).await;
}
