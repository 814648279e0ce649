//! Two controllers of which one lags behind: what it does not know yet is not lost for long.

use tokio::time::sleep;

use super::random::{copier, difference, fresh, pass};
use super::*;
use crate::directory::PublishedView;
use crate::ldap::identifier::Guid;
use crate::store::{Commit, Store};
use crate::sync::copier::Copier;
use crate::sync::{Keeping, PassKind, Strategy};
use crate::testing::Scratch;

/// The only controller that can be reached.
async fn only(company: &Company, number: usize) {
    company.controllers[number].revive().unwrap();
    company.controllers[1 - number].kill().await.unwrap();
}

/// A pass of some kind at the one that lags, in the middle of changes; then the other one is back. What either has
/// told is in the view in the end.
async fn there_and_back(strategy: Strategy, elsewhere: PassKind) {
    let company = Company::new();
    let published = PublishedView::empty();
    let mut copier = copier(&company, published.clone(), strategy, 50);
    let set = |account: &str, value: &str| {
        let dn = company.dn(account);
        company.directory.with(|directory| directory.set(&dn, "title", &[value]).unwrap());
    };
    only(&company, 1).await;
    pass(&mut copier, PassKind::Full).await.unwrap();
    set("alice", "before");
    company.controllers[1].hold_back();

    only(&company, 0).await;
    pass(&mut copier, PassKind::Full).await.unwrap();
    set("alice", "after");
    set("bob", "after");
    let kate = company.dn("kate");
    company.directory.with(|directory| {
        directory.remove(&kate).unwrap();
        let new = format!("CN=New,OU=People,{}", company.suffix());
        directory.add(&new, &[("objectClass", "user"), ("sAMAccountName", "new")]).unwrap();
    });
    pass(&mut copier, PassKind::Changes).await.unwrap();
    let right = published.load().unwrap();
    assert_eq!(difference(&right, &fresh(&company).await), Vec::<String>::new());

    only(&company, 1).await;
    pass(&mut copier, elsewhere).await.unwrap();
    only(&company, 0).await;
    pass(&mut copier, PassKind::Changes).await.unwrap();
    let own = published.load().unwrap();
    let differs = difference(&own, &fresh(&company).await);
    assert!(differs.is_empty(), "{strategy}, {elsewhere:?}: {}", differs.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_by_a_controller_that_lags() {
    for strategy in [Strategy::DirSync, Strategy::Usn] {
        for elsewhere in [PassKind::Changes, PassKind::Full, PassKind::Reconcile] {
            there_and_back(strategy, elsewhere).await;
        }
    }
}

/// Alice is disabled, which the first controller tells and the second does not know yet; then the first is gone. Both
/// say of the second how far it has heard.
async fn disabled_at_the_first(
    company: &Company,
    strategy: Strategy,
) -> (Copier, Arc<PublishedView>) {
    disabled_and_kept(company, strategy, Keeping::default()).await
}

/// The same with something that keeps it.
async fn disabled_and_kept(
    company: &Company,
    strategy: Strategy,
    keeping: Keeping,
) -> (Copier, Arc<PublishedView>) {
    let published = PublishedView::empty();
    let mut copier = copier(company, published.clone(), strategy, 50);
    copier.keeping = keeping;
    only(company, 0).await;
    pass(&mut copier, PassKind::Full).await.unwrap();
    let heard = |number: u64| {
        let vector = vector(invocation_of_the_first(company), number);
        let head = company.suffix();
        company.directory.with(|directory| {
            directory.set_octets(head, "replUpToDateVector", vec![vector]).unwrap();
        });
    };
    heard(1);
    company.controllers[1].hold_back();
    heard(u64::MAX);
    let alice = company.dn("alice");
    company.directory.with(|directory| directory.disable(&alice).unwrap());
    pass(&mut copier, PassKind::Changes).await.unwrap();
    assert!(is_disabled(&published));
    only(company, 1).await;
    (copier, published)
}

fn invocation_of_the_first(company: &Company) -> Guid {
    let service =
        "CN=NTDS Settings,CN=DC1,CN=Servers,CN=Default-First-Site-Name,CN=Sites,CN=Configuration";
    let name = format!("{service},{}", company.suffix());
    company.directory.with(|directory| {
        let entry = directory.entry(&name).unwrap();
        Guid::from_ad_octets(&entry.values("invocationId")[0]).unwrap()
    })
}

/// An up-to-dateness vector of one cursor.
fn vector(invocation: Guid, number: u64) -> Vec<u8> {
    let header = [2, 0, 1, 0_u32].map(u32::to_le_bytes).concat();
    [&header[..], &invocation.ad_octets(), &number.to_le_bytes(), &[0; 8]].concat()
}

fn is_disabled(published: &PublishedView) -> bool {
    let view = published.load().unwrap();
    let users = view.users_with("sAMAccountName", "alice");
    users[0].text("userAccountControl").as_deref() == Some("514")
}

/// Whoever was disabled is not enabled again because another controller is read that has not heard of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_lags_is_waited_for() {
    let (full, changes) = (PassKind::Full, PassKind::Changes);
    for (strategy, kind) in
        [(Strategy::Usn, changes), (Strategy::Usn, full), (Strategy::DirSync, full)]
    {
        let company = Company::new();
        let (mut copier, published) = disabled_at_the_first(&company, strategy).await;
        copier.patience = Duration::from_secs(20);
        let later = async {
            sleep(Duration::from_millis(400)).await;
            company.controllers[1].catch_up();
            Now::read().monotonic
        };
        let (passed, caught_up) = tokio::join!(pass(&mut copier, kind), later);
        passed.unwrap();
        assert!(is_disabled(&published), "{strategy} {kind:?}");
        let waited = caught_up.elapsed();
        assert!(waited < Duration::from_secs(5), "{strategy} {kind:?}: not longer than it takes");
    }
}

/// What a dead controller told last may never arrive.
#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_lags_is_not_waited_for_for_ever() {
    let company = Company::new();
    let (mut copier, published) = disabled_at_the_first(&company, Strategy::Usn).await;
    copier.patience = Duration::from_millis(600);
    let begun = Now::read().monotonic;
    pass(&mut copier, PassKind::Changes).await.unwrap();
    let waited = begun.elapsed();
    assert!(waited >= copier.patience && waited < 5 * copier.patience, "{waited:?}");
    assert!(!is_disabled(&published), "it is read as it is");
}

/// A change of Alice at the second controller.
fn titled_at_the_second(company: &Company, title: &str) {
    let alice = company.dn("alice");
    company.controllers[1]
        .change_here(|directory| directory.set(&alice, "title", &[title]).unwrap());
}

fn title(published: &PublishedView) -> Option<String> {
    let view = published.load().unwrap();
    view.users_with("sAMAccountName", "alice")[0].text("title").map(|title| title.to_string())
}

/// Who told something that may not have arrived everywhere, as it is kept.
fn tellers(copier: &Copier) -> Vec<String> {
    let kept = serde_json::to_value(&copier.told).unwrap();
    let tellers = kept["tellers"].as_array().unwrap().iter();
    tellers.map(|teller| teller["controller"].as_str().unwrap().to_owned()).collect()
}

/// A pass over changes at the second controller, which hears of the disable a little later.
async fn pass_until_heard(company: &Company, copier: &mut Copier) {
    copier.patience = Duration::from_secs(20);
    let later = async {
        sleep(Duration::from_millis(400)).await;
        company.controllers[1].catch_up();
    };
    tokio::join!(pass(copier, PassKind::Changes), later).0.unwrap();
}

/// DirSync tells nothing of what a controller has not heard of, but what it names is read whole.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_named_by_a_controller_that_lags_is_not_set_back() {
    let company = Company::new();
    let (mut copier, published) = disabled_at_the_first(&company, Strategy::DirSync).await;
    titled_at_the_second(&company, "later");
    pass_until_heard(&company, &mut copier).await;
    assert_eq!(title(&published).as_deref(), Some("later"));
    assert!(is_disabled(&published));
    assert_eq!(tellers(&copier), ["dc2.corp.example"], "it knows what the other one told");
}

/// Whoever lags and has nothing to tell can set nothing back.
#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_names_nothing_is_not_waited_for() {
    let company = Company::new();
    let (mut copier, published) = disabled_at_the_first(&company, Strategy::DirSync).await;
    copier.patience = Duration::from_secs(20);
    let begun = Now::read().monotonic;
    pass(&mut copier, PassKind::Changes).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!(is_disabled(&published));
}

/// Then it is read as it is, waited for no more, and what it had not heard of is told when it arrives. Until then
/// both have told something that a third one may not know.
#[tokio::test(flavor = "multi_thread")]
async fn who_names_something_is_not_waited_for_for_ever() {
    let company = Company::new();
    let (mut copier, published) = disabled_at_the_first(&company, Strategy::DirSync).await;
    titled_at_the_second(&company, "later");
    copier.patience = Duration::from_millis(600);
    let begun = Now::read().monotonic;
    pass(&mut copier, PassKind::Changes).await.unwrap();
    assert!(begun.elapsed() >= copier.patience);
    assert_eq!((title(&published).as_deref(), is_disabled(&published)), (Some("later"), false));
    assert_eq!(tellers(&copier), ["dc1.corp.example", "dc2.corp.example"]);

    titled_at_the_second(&company, "later still");
    copier.patience = Duration::from_secs(20);
    let begun = Now::read().monotonic;
    pass(&mut copier, PassKind::Changes).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "waited for once more");
    assert_eq!(title(&published).as_deref(), Some("later still"));

    company.controllers[1].catch_up();
    pass(&mut copier, PassKind::Changes).await.unwrap();
    assert!(is_disabled(&published));
    let differs = difference(&published.load().unwrap(), &fresh(&company).await);
    assert!(differs.is_empty(), "{}", differs.join("\n"));
    pass(&mut copier, PassKind::Full).await.unwrap();
    assert_eq!(tellers(&copier), ["dc2.corp.example"], "all is as this one says");
}

/// The copy of an earlier run, by a program that has just been started.
fn resumed(company: &Company, scratch: &Scratch) -> (Copier, Arc<PublishedView>) {
    let published = PublishedView::empty();
    let mut copier = copier(company, published.clone(), Strategy::DirSync, 50);
    copier.keeping = keeping(scratch);
    copier.resume(Now::read());
    (copier, published)
}

fn store(scratch: &Scratch) -> Store {
    Store::open(&scratch.0.join("view.store")).unwrap().store
}

fn keeping(scratch: &Scratch) -> Keeping {
    Keeping::new(store(scratch), Arc::from("corp"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_lags_is_waited_for_after_a_restart() {
    let (company, scratch) = (Company::new(), Scratch::new("lagging"));
    let kept = disabled_and_kept(&company, Strategy::DirSync, keeping(&scratch)).await;
    let (position, told) = (kept.0.position.clone(), kept.0.told.clone());
    drop(kept);
    titled_at_the_second(&company, "later");
    let (mut copier, published) = resumed(&company, &scratch);
    assert!(is_disabled(&published));
    assert_eq!((&copier.position, &copier.told), (&position, &told));
    pass_until_heard(&company, &mut copier).await;
    assert_eq!((title(&published).as_deref(), is_disabled(&published)), (Some("later"), true));
}

/// Versions before have not kept who told the last changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_it_is_read() {
    let (company, scratch) = (Company::new(), Scratch::new("lagging-before"));
    drop(disabled_and_kept(&company, Strategy::DirSync, keeping(&scratch)).await);
    for told in [None, Some(b"{}".to_vec())] {
        let values = vec![("told".to_owned(), told)];
        let commit = Commit { values, ..Commit::default() };
        store(&scratch).directory("corp").commit(&commit).unwrap();
        let (copier, published) = resumed(&company, &scratch);
        assert!(is_disabled(&published) && copier.position.is_some());
        assert_eq!(tellers(&copier), Vec::<String>::new());
    }
}
