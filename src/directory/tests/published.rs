//! Publishing: whole, in order, and everybody who follows hears whom it concerns.

use super::*;
use crate::directory::{Affected, Move, PublishedView, Withdrawn};
use crate::time::Now;

fn view() -> Arc<View> {
    Arc::new(company_view())
}

fn out(disabled: &[u8], deleted: &[u8]) -> Arc<Withdrawn> {
    let set = |numbers: &[u8]| numbers.iter().map(|number| guid(*number)).collect();
    Arc::new(Withdrawn { disabled: set(disabled), deleted: set(deleted) })
}

/// Whatever decisions rest on moves the epoch, and nothing else does.
#[test]
fn the_epoch_moves_with_every_state() {
    let published = PublishedView::empty();
    assert_eq!((published.epoch(), published.load().is_none()), (0, true));
    published.publish(view());
    assert_eq!(published.epoch(), 1);
    published.publish(view());
    assert_eq!(published.epoch(), 2, "of the same generation");
    published.confirm(moment());
    published.withdraw(Arc::default(), None);
    assert_eq!(published.epoch(), 2, "nobody was out, and nobody is");
    published.withdraw(out(&[11], &[]), None);
    published.withdraw(out(&[11], &[]), None);
    assert_eq!((published.epoch(), published.state().epoch), (3, 3));
    published.withdraw(out(&[], &[]), None);
    assert_eq!(published.epoch(), 4);
}

#[test]
fn a_new_view_says_itself_who_is_out() {
    let published = PublishedView::empty();
    let first = view();
    published.publish(first.clone());
    published.withdraw(out(&[11], &[12]), None);
    let state = published.state();
    assert!(Arc::ptr_eq(state.view.as_ref().unwrap(), &first), "the view stays");
    assert_eq!(state.withdrawn, out(&[11], &[12]));
    published.publish(view());
    assert!(published.withdrawn().is_empty());
}

#[test]
fn whom_a_change_concerns() {
    let these = |numbers: &[u8]| Affected::These(numbers.iter().map(|n| guid(*n)).collect());
    let by = |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut entries = company();
        change(&mut entries);
        Affected::by(&next(&company_view(), entries).1)
    };
    assert_eq!(Affected::by(&first(company())), Affected::Everybody);
    assert_eq!(by(&|entries| set(&mut entries[8], "mail", &["a@corp.example"])), these(&[11]));
    assert_eq!(by(&|entries| set(&mut entries[0], "member", &[ALICE, BOB])), these(&[13]));
    assert_eq!(by(&|entries| entries.push(group(60, "new", &[]))), Affected::Everybody);
    assert_eq!(by(&|entries| drop(entries.remove(1))), Affected::Everybody);
}

#[test]
fn moves_are_told_in_order() {
    let published = PublishedView::empty();
    let mut moves = published.moves();
    let seen = Some(Now::read().monotonic);
    let these = |numbers: &[u8]| Affected::These(numbers.iter().map(|n| guid(*n)).collect());
    published.publish(view());
    published.publish_change(view(), Move { affected: these(&[13]), seen });
    published.withdraw(out(&[11], &[12]), seen);
    published.withdraw(out(&[], &[12, 11]), None);
    published.withdraw(out(&[], &[]), None);
    let expected = [
        (Affected::Everybody, None),
        (these(&[13]), seen),
        (these(&[11, 12]), seen),
        (these(&[11]), None),
        (these(&[]), None),
    ];
    for (affected, seen) in expected {
        assert_eq!(moves.try_recv().unwrap(), Move { affected, seen });
    }
    assert!(moves.try_recv().is_err());
}
