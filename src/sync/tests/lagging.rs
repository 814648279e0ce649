//! Two controllers of which one lags behind: what it does not know yet is not lost for long.

use super::random::{copier, difference, fresh, pass};
use super::*;
use crate::directory::PublishedView;
use crate::sync::{PassKind, Strategy};

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
