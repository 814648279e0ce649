//! What is held is kept back on purpose: the copy in use is as young as the pass that found it.

use super::random::{copier, pass};
use super::*;
use crate::directory::PublishedView;
use crate::sync::hold::Hold;
use crate::sync::{Effect, GuardConfig, PassKind, Strategy};

#[tokio::test(flavor = "multi_thread")]
async fn a_held_change_confirms_the_copy_in_use() {
    let company = Company::new();
    let published = PublishedView::empty();
    let mut copier = copier(&company, published.clone(), Strategy::DirSync, 50);
    pass(&mut copier, PassKind::Full).await.unwrap();
    copier.hold = Hold::new(GuardConfig { share_percent: 1, least: 1, ..GuardConfig::default() });
    let view = published.load().unwrap();
    let (alice, kate) = (company.dn("alice"), company.dn("kate"));
    for dn in [&alice, &kate] {
        let confirmed = view.confirmed_at();
        tokio::time::sleep(Duration::from_millis(20)).await;
        company.directory.with(|directory| directory.disable(dn).unwrap());
        let effect = pass(&mut copier, PassKind::Changes).await.unwrap();
        assert!(matches!(effect, Effect::Held(_)), "{effect:?}");
        assert!(Arc::ptr_eq(&view, &published.load().unwrap()));
        assert!(view.confirmed_at() > confirmed, "its age does not count while something is held");
    }
}
