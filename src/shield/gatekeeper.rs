//! `[io]` The shield of one directory: lets logins through within their accounts' budgets, makes them wait, or
//! turns them away. Reads clocks and the current view; what follows from them is decided in `account`.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::time::{sleep, timeout_at};

use crate::directory::PublishedView;
use crate::ldap::identifier::Guid;
use crate::ldap::result::LdapResult;
use crate::ldap::secret::Password;
use crate::time::Now;
use crate::upstream::{BindOutcome, Charge, Upstream, Verification, may_count};

use super::account::{Answer, Attempt, Conclusion, Known, PasswordStamp};
use super::accounts::{Accounts, MOST_ACCOUNTS};
use super::fingerprint::Fingerprints;
use super::limit::{Limit, LockoutPolicy, ShieldConfig};
use super::policy::{self, FineGrained};
use super::queue::{Queue, Wake};
use super::reading::{self, Found};
use super::sources::{Source, Sources};

/// Between two rounds of tidying up.
const SWEEP: Duration = Duration::from_secs(5);
/// Between two readings of the fine-grained policies, and after one that failed.
const READ_POLICIES: Duration = Duration::from_secs(300);
const READ_AGAIN: Duration = Duration::from_secs(5);

/// The shield of one directory.
pub struct Shield {
    directory: Arc<str>,
    config: ShieldConfig,
    published: Arc<PublishedView>,
    accounts: Accounts,
    fingerprints: Fingerprints,
    queue: Arc<Queue>,
    sources: Arc<Sources>,
    policies: ArcSwap<Policies>,
    counters: Counters,
}

/// What the directory says about lockout, as far as it has been read.
#[derive(Clone, Default)]
struct Policies {
    /// The epoch of the view that `domain` is from.
    epoch: Option<u64>,
    domain: Option<LockoutPolicy>,
    /// `None` until they have been read.
    fine_grained: Option<Arc<[FineGrained]>>,
    /// How many there are beside those that may not be read.
    hidden: usize,
}

#[derive(Default)]
struct Counters {
    exhausted: AtomicU64,
    repeated: AtomicU64,
    waited: AtomicU64,
    timed_out: AtomicU64,
}

/// Where a login comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The application.
    pub application: Arc<str>,
    /// The client's address.
    pub client: IpAddr,
}

/// Why a login is not sent to a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turned {
    /// The same password was refused for the same account a moment ago: this was the answer.
    Repeated(Arc<Answer>),
    /// The account's budget is used up.
    Exhausted,
    /// Too many wrong passwords have come from the same place.
    Source(Source),
    /// It was not known in time what other attempts on the account have cost.
    Busy,
}

/// What the shield knows of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// Its budget; `None` for no bound.
    pub limit: Option<Limit>,
    /// Failures charged.
    pub charged: u32,
    /// How long until they are forgotten, if no more come; `None` if there are none.
    pub forgotten_in: Option<Duration>,
    /// Wrong passwords remembered.
    pub remembered: usize,
}

impl AccountState {
    /// Whether the next login is turned away without asking a controller.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.limit.is_some_and(|limit| self.charged >= limit.failures.get())
    }
}

/// What the shield has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accounts with failures that still count.
    pub accounts: usize,
    /// Logins that wait now.
    pub waiting: usize,
    /// Logins turned away because the account's budget was used up.
    pub exhausted: u64,
    /// Logins answered from memory.
    pub repeated: u64,
    /// Logins that had to wait.
    pub waited: u64,
    /// Of those, how many were answered "busy".
    pub timed_out: u64,
}

impl Shield {
    /// The shield of the directory called `directory`, which knows its accounts from `published`. `key` must be
    /// random and be used for nothing else.
    #[must_use]
    pub fn new(
        directory: Arc<str>,
        config: ShieldConfig,
        published: Arc<PublishedView>,
        sources: Arc<Sources>,
        key: &[u8; 32],
    ) -> Arc<Self> {
        let remember = config.remember.min(ShieldConfig::LONGEST_MEMORY);
        Arc::new(Self {
            directory,
            accounts: Accounts::new(MOST_ACCOUNTS, remember),
            config,
            published,
            fingerprints: Fingerprints::new(key),
            queue: Arc::default(),
            sources,
            policies: ArcSwap::default(),
            counters: Counters::default(),
        })
    }

    /// Lets one attempt on an account through that came `now`, when its turn comes: at the latest at `deadline`. What is let through
    /// is to be handed to [`Upstream::verify_charged`], and to nobody else.
    ///
    /// # Errors
    /// Why it must not be sent.
    pub async fn admit(
        self: &Arc<Self>,
        guid: Guid,
        password: &Password,
        origin: Origin,
        now: Instant,
        deadline: Instant,
    ) -> Result<Reservation, Turned> {
        self.sources.admit(&origin.application, origin.client, now).map_err(Turned::Source)?;
        let granted = |begun| Reservation::new(self, guid, origin, begun);
        if !self.config.enabled {
            return Ok(granted(now));
        }
        // Read before the budget: a view that comes later shows as a difference.
        let epoch = self.published.epoch();
        let (mut attempt, mut begun) = (self.reserve(guid, password, now), now);
        if matches!(attempt, Attempt::Wait) {
            attempt = self.wait(guid, password, deadline).await;
            begun = Now::read().monotonic;
        }
        match attempt {
            Attempt::Granted => Ok(granted(begun).holding(epoch)),
            Attempt::Repeated(answer) => {
                self.counters.repeated.fetch_add(1, Ordering::Relaxed);
                Err(Turned::Repeated(answer))
            }
            Attempt::Exhausted => {
                self.counters.exhausted.fetch_add(1, Ordering::Relaxed);
                Err(Turned::Exhausted)
            }
            Attempt::Wait => {
                self.counters.timed_out.fetch_add(1, Ordering::Relaxed);
                Err(Turned::Busy)
            }
        }
    }

    /// Forgets the failures of an account and what was remembered of it; how many were charged.
    pub fn clear(&self, guid: Guid) -> u32 {
        let charged = self.accounts.clear(guid);
        self.queue.wake(guid, Wake::One);
        charged
    }

    /// What is known of an account at `now`.
    #[must_use]
    pub fn state_of(&self, guid: Guid, now: Instant) -> AccountState {
        let limit = self.known(guid, None).limit.filter(|_| self.config.enabled);
        let (charged, last, remembered) = self.accounts.look(guid, now);
        let left = |last: Instant, limit: Limit| {
            limit.window.saturating_sub(now.saturating_duration_since(last))
        };
        let forgotten_in = last.zip(limit).map(|(last, limit)| left(last, limit));
        AccountState { limit, charged, forgotten_in, remembered }
    }

    /// What it has done since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Counters { exhausted, repeated, waited, timed_out } = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            accounts: self.accounts.failing(),
            waiting: self.queue.length(),
            exhausted: read(exhausted),
            repeated: read(repeated),
            waited: read(waited),
            timed_out: read(timed_out),
        }
    }

    /// Whether it is switched on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.config.enabled
    }

    /// The budget of accounts without a policy of their own; `None` for no bound.
    #[must_use]
    pub fn usual_limit(&self) -> Option<Limit> {
        self.config.limit(self.policies().domain).filter(|_| self.config.enabled)
    }

    /// How many fine-grained policies are followed, and how many there are that cannot be read; `None` until
    /// somebody has looked.
    #[must_use]
    pub fn fine_grained_policies(&self) -> Option<(usize, usize)> {
        let policies = self.policies.load();
        policies.fine_grained.as_ref().map(|followed| (followed.len(), policies.hidden))
    }

    /// Forgets what is over and keeps up with the fine-grained policies, for as long as it is polled.
    pub async fn maintain(&self, upstream: &Upstream) {
        let mut next_reading = Now::read().monotonic;
        loop {
            let now = Now::read().monotonic;
            // Passwords that would be too old before the next round go now: a minute is a minute.
            self.accounts.sweep(now, SWEEP.min(self.config.remember / 2));
            self.sources.sweep(now);
            if now >= next_reading && self.follows_policies() {
                next_reading = now + self.read_policies(upstream).await;
            }
            sleep(SWEEP).await;
        }
    }

    fn follows_policies(&self) -> bool {
        self.config.enabled && self.config.failures.is_none()
    }

    /// Reads the fine-grained policies; how long until the next time.
    async fn read_policies(&self, upstream: &Upstream) -> Duration {
        let Some(view) = self.published.load() else { return READ_AGAIN };
        match reading::fine_grained(upstream, &view.domain().naming_context).await {
            Ok(found) => {
                self.learn(found);
                READ_POLICIES
            }
            Err(error) => {
                tracing::debug!(directory = &*self.directory, %error, "fine-grained policies not read");
                READ_AGAIN
            }
        }
    }

    pub(super) fn learn(&self, found: Found) {
        let Found { policies, hidden } = found;
        let before = self.policies.load_full();
        let directory = &*self.directory;
        if before.fine_grained.as_deref() != Some(policies.as_slice()) {
            let count = policies.len();
            tracing::info!(directory, count, "fine-grained password policies have been read");
        }
        if hidden > before.hidden {
            tracing::warn!(
                directory,
                hidden,
                "fine-grained password policies cannot be read: accounts that they lock sooner than the domain \
                 does are not protected; grant the sync account read access, or set failures and window"
            );
        }
        let fine_grained = Some(policies.into());
        self.policies.store(Arc::new(Policies { fine_grained, hidden, ..Policies::default() }));
    }

    fn reserve(&self, guid: Guid, password: &Password, now: Instant) -> Attempt {
        let fingerprint = || self.fingerprints.of(guid, password);
        self.accounts.reserve(guid, |since| self.known(guid, since), fingerprint, now)
    }

    async fn wait(&self, guid: Guid, password: &Password, deadline: Instant) -> Attempt {
        self.counters.waited.fetch_add(1, Ordering::Relaxed);
        let place = self.queue.join(guid);
        loop {
            let mut woken = std::pin::pin!(place.notify().notified());
            // Whatever moves after this is heard, so the budget is looked at after it.
            woken.as_mut().enable();
            let attempt = self.reserve(guid, password, Now::read().monotonic);
            if !matches!(attempt, Attempt::Wait)
                || timeout_at(deadline.into(), woken).await.is_err()
            {
                return attempt;
            }
        }
    }

    /// What the directory says of an account now, and whether it has changed `since` a generation of the view.
    fn known(&self, guid: Guid, since: Option<u64>) -> Known {
        let policies = self.policies();
        let Some(view) = self.published.load() else { return Known::default() };
        let Some(entry) = view.find_guid(&guid) else {
            let limit = self.config.limit(policies.domain);
            return Known { limit, ..Known::default() };
        };
        let own = policy::of_account(entry, policies.fine_grained.as_deref().unwrap_or_default());
        let attribute = view.domain().kind.password_set_attribute();
        let set = entry.first(attribute).map(|value| Box::from(&*value));
        Known {
            limit: self.config.limit(own.or(policies.domain)),
            stamp: Some(PasswordStamp { generation: view.generation(), set }),
            has_changed: since.is_some_and(|since| {
                let touched = view.touched_since(since);
                touched.is_none_or(|touched| touched.contains(entry.slot().0))
            }),
        }
    }

    /// The policies, the domain's as the current view says it.
    fn policies(&self) -> Arc<Policies> {
        let known = self.policies.load_full();
        let epoch = self.published.epoch();
        if known.epoch == Some(epoch) {
            return known;
        }
        let domain = self.published.load().as_deref().and_then(policy::of_domain);
        let current = Arc::new(Policies { epoch: Some(epoch), domain, ..(*known).clone() });
        // Whoever has learned something meanwhile wins; this is worked out again then.
        self.policies.compare_and_swap(&known, current.clone());
        current
    }

    fn conclude(&self, guid: Guid, held: u32, conclusion: Conclusion, now: Instant) {
        let wake = if conclusion.costs() { Wake::All } else { Wake::One };
        let known = |since| self.known(guid, since);
        let used_up = self.accounts.conclude(guid, held, conclusion, known, now);
        if used_up {
            tracing::warn!(
                directory = &*self.directory,
                %guid,
                "an account's failure budget is used up: its logins are refused until the window is over"
            );
        }
        if wake == Wake::All {
            let forgotten = self.accounts.make_room(now);
            if forgotten > 0 {
                tracing::warn!(
                    directory = &*self.directory,
                    forgotten,
                    "too many accounts with failures: the oldest are forgotten before their time"
                );
            }
        }
        self.queue.wake(guid, wake);
    }
}

/// The right to send one attempt to a controller, and once more if that stays unjudged and the budget has
/// room. Dropped without a result, what it holds counts as failed: it may have been sent.
#[must_use]
pub struct Reservation {
    shield: Arc<Shield>,
    guid: Guid,
    origin: Origin,
    begun: Instant,
    /// The epoch of the view that it was let through on.
    epoch: u64,
    /// Failures taken from the budget.
    held: u32,
}

impl Reservation {
    fn new(shield: &Arc<Shield>, guid: Guid, origin: Origin, begun: Instant) -> Self {
        Self { shield: shield.clone(), guid, origin, begun, epoch: 0, held: 0 }
    }

    /// When it was given.
    #[must_use]
    pub const fn begun(&self) -> Instant {
        self.begun
    }

    const fn holding(mut self, epoch: u64) -> Self {
        self.epoch = epoch;
        self.held = 1;
        self
    }

    fn rejected(
        &self,
        verification: &Verification,
        result: &LdapResult,
        controls: &[u8],
        password: &Password,
    ) -> Conclusion {
        let controller = verification.controller.clone();
        // What was refused on an older view may have been right in the meantime.
        let is_of_now = self.shield.published.epoch() == self.epoch;
        let fingerprint = || self.shield.fingerprints.of(self.guid, password);
        let answer = || Answer {
            result: result.clone(),
            controls: controls.to_vec(),
            controller: controller.clone(),
        };
        let remembered = is_of_now.then(fingerprint).flatten();
        let remembered = remembered.map(|fingerprint| (fingerprint, Arc::new(answer())));
        let unjudged = verification.unjudged.clone();
        Conclusion::Rejected { controller, unjudged, remembered }
    }
}

impl Charge for Reservation {
    fn allows_retry(&mut self) -> bool {
        if self.held == 0 {
            return true;
        }
        let shield = &self.shield;
        let allowed = shield.accounts.extend(self.guid, |since| shield.known(self.guid, since));
        self.held += u32::from(allowed);
        allowed
    }

    fn conclude(mut self, verification: &Verification, password: &Password) {
        // A success has nothing to date, and is what most logins are.
        let is_accepted = matches!(verification.outcome, BindOutcome::Accepted { .. });
        let now = if is_accepted { self.begun } else { Now::read().monotonic };
        let conclusion = match &verification.outcome {
            BindOutcome::Accepted { .. } => {
                let controller = verification.controller.clone();
                Conclusion::Accepted { controller, begun: self.begun }
            }
            BindOutcome::Rejected { result, controls }
                if verification.charged > 0 && may_count(result) =>
            {
                let Origin { application, client } = &self.origin;
                self.shield.sources.charge(application, *client, now);
                self.rejected(verification, result, controls, password)
            }
            BindOutcome::Rejected { .. } | BindOutcome::Unavailable(_) | BindOutcome::Busy => {
                Conclusion::Unjudged(verification.unjudged.clone())
            }
        };
        let held = std::mem::take(&mut self.held);
        if held > 0 {
            self.shield.conclude(self.guid, held, conclusion, now);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let held = std::mem::take(&mut self.held);
        if held > 0 {
            let now = Now::read().monotonic;
            self.shield.conclude(self.guid, held, Conclusion::Unknown(held), now);
        }
    }
}
