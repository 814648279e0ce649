//! Tests of the room.

mod budget;
mod entering;
mod examples;
mod limits;
mod sources;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::account::{Known, PasswordStamp};
use super::limit::Limit;
use crate::directory::View;
use crate::ldap::entry::Entry;
use crate::ldap::identifier::Guid;
use crate::policy::tests::{company, corp_view};
use crate::time::Now;

const WINDOW: Duration = Duration::from_secs(100);
const REMEMBER: Duration = Duration::from_secs(30);
const ALICE: Guid = Guid([1; 16]);
const BOB: Guid = Guid([2; 16]);

/// A view of the company after a change of its entries.
fn view(generation: u64, change: impl Fn(&mut Entry)) -> Arc<View> {
    let mut entries = company();
    entries.iter_mut().for_each(change);
    corp_view(generation, entries)
}

/// A moment, and moments after it by milliseconds.
fn clock() -> impl Fn(u64) -> Instant {
    let start = Now::read().monotonic;
    move |milliseconds| start + Duration::from_millis(milliseconds)
}

fn limit(failures: u32) -> Option<Limit> {
    NonZeroU32::new(failures).map(|failures| Limit { failures, window: WINDOW })
}

/// What a view of this generation says of an account with so many failures allowed.
fn known(failures: u32, generation: u64, set: &str) -> Known {
    let set = Some(set.as_bytes().into());
    let stamp = Some(PasswordStamp { generation, set });
    Known { limit: limit(failures), stamp, has_changed: false }
}
