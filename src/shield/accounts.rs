//! The budgets of all accounts of one directory. Accounts without failures are here only while they are asked
//! about.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use foldhash::fast::RandomState;

use crate::ldap::identifier::Guid;

use super::account::{Account, Attempt, Conclusion, Known};
use super::fingerprint::Fingerprint;

/// Accounts with failures that are kept at most; some 300 octets each.
pub(super) const MOST_ACCOUNTS: usize = 200_000;

/// The accounts of one directory.
pub(super) struct Accounts {
    accounts: DashMap<Guid, Account, RandomState>,
    /// How many of them have failures.
    failing: AtomicUsize,
    most: usize,
    remember: Duration,
}

impl Accounts {
    /// Nobody yet; `most` with failures are kept, and wrong passwords for so long.
    pub(super) fn new(most: usize, remember: Duration) -> Self {
        Self { accounts: DashMap::default(), failing: AtomicUsize::new(0), most, remember }
    }

    /// Lets an attempt through or not. `known` is asked only about an account that is here already, with the
    /// generation that changes of its entry are looked for from.
    pub(super) fn reserve(
        &self,
        guid: Guid,
        known: impl FnOnce(Option<u64>) -> Known,
        fingerprint: impl FnOnce() -> Option<Fingerprint>,
        now: Instant,
    ) -> Attempt {
        match self.accounts.entry(guid) {
            Entry::Vacant(free) => {
                free.insert(Account::asked());
                Attempt::Granted
            }
            Entry::Occupied(mut taken) => {
                let account = taken.get_mut();
                let had_failed = account.has_failed();
                let known = known(account.generation());
                let attempt = account.reserve(&known, self.remember, fingerprint, now);
                self.count(had_failed, account.has_failed());
                if account.is_idle() {
                    taken.remove();
                }
                attempt
            }
        }
    }

    /// Lets the password of an attempt be sent once more or not.
    pub(super) fn extend(&self, guid: Guid, known: impl FnOnce(Option<u64>) -> Known) -> bool {
        self.accounts.get_mut(&guid).is_some_and(|mut account| account.extend(&known(None)))
    }

    /// Ends an attempt that holds so many failures. Says whether the budget is used up by it.
    pub(super) fn conclude(
        &self,
        guid: Guid,
        held: u32,
        conclusion: Conclusion,
        known: impl FnOnce(Option<u64>) -> Known,
        now: Instant,
    ) -> bool {
        match self.accounts.entry(guid) {
            Entry::Occupied(mut taken) => {
                let account = taken.get_mut();
                let had_failed = account.has_failed();
                let used_up = account.conclude(held, conclusion, known, self.remember, now);
                self.count(had_failed, account.has_failed());
                if account.is_idle() {
                    taken.remove();
                }
                used_up
            }
            // Every attempt keeps its account here until it is concluded.
            Entry::Vacant(_) => false,
        }
    }

    /// Forgets the failures of an account; how many were charged.
    pub(super) fn clear(&self, guid: Guid) -> u32 {
        let Entry::Occupied(mut taken) = self.accounts.entry(guid) else { return 0 };
        let account = taken.get_mut();
        let (had_failed, charged) = (account.has_failed(), account.charged());
        account.clear();
        self.count(had_failed, false);
        if account.is_idle() {
            taken.remove();
        }
        charged
    }

    /// Failures charged, the last of them, and wrong passwords remembered of an account.
    pub(super) fn look(&self, guid: Guid, now: Instant) -> (u32, Option<Instant>, usize) {
        self.accounts.get_mut(&guid).map_or((0, None, 0), |mut account| {
            let had_failed = account.has_failed();
            account.tidy(self.remember, now);
            self.count(had_failed, account.has_failed());
            (account.charged(), account.last_charge(), account.remembered())
        })
    }

    /// How many accounts have failures.
    pub(super) fn failing(&self) -> usize {
        self.failing.load(Ordering::Relaxed)
    }

    /// Forgets what time has taken care of by `now`, and the passwords that will be too old `ahead` of it.
    pub(super) fn sweep(&self, now: Instant, ahead: Duration) {
        let remember = self.remember.saturating_sub(ahead);
        self.accounts.retain(|_, account| {
            let had_failed = account.has_failed();
            account.tidy(remember, now);
            self.count(had_failed, account.has_failed());
            !account.is_idle()
        });
    }

    /// If there are too many accounts with failures, takes out those whose last failure lies furthest back, and
    /// says how many.
    pub(super) fn make_room(&self, now: Instant) -> usize {
        if self.failing() <= self.most {
            return 0;
        }
        self.sweep(now, Duration::ZERO);
        let excess = self.failing().saturating_sub(self.most);
        if excess == 0 {
            return 0;
        }
        let idle = self.accounts.iter().filter(|one| !one.is_asked());
        let mut oldest: Vec<(Option<Instant>, Guid)> =
            idle.map(|one| (one.last_charge(), *one.key())).collect();
        // Some more at once: the next ones come soon.
        let count = (excess + self.most / 100).min(oldest.len());
        oldest.sort_unstable();
        oldest.into_iter().take(count).for_each(|(_, guid)| _ = self.clear(guid));
        count
    }

    fn count(&self, before: bool, after: bool) {
        match (before, after) {
            (false, true) => _ = self.failing.fetch_add(1, Ordering::Relaxed),
            (true, false) => _ = self.failing.fetch_sub(1, Ordering::Relaxed),
            (true, true) | (false, false) => {}
        }
    }
}
