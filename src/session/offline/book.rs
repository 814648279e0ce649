//! `[io]` The verifiers of one directory with their budgets, and their place in the store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout_at};

use crate::directory::PublishedView;
use crate::ldap::identifier::Guid;
use crate::ldap::secret::Password;
use crate::policy::offline::{
    Attempt, Checked, Conclusion, NotVerified, OfflineConfig, OfflineStep, OfflineVerified,
    PasswordStamp, Verifier, Withheld, explain, may_enter,
};
use crate::store::{IdentityStore, StoreError};
use crate::time::Now;

/// Longest wait of a login for its turn: the controllers have taken their time already, and applications give up
/// after five seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Between two looks whether others on the same account have left room.
const PAUSE: Duration = Duration::from_millis(20);

/// Accepted passwords that wait to be remembered; each is in memory for so long.
const MOST_WAITING: usize = 64;

/// The verifiers of one directory.
pub struct Offline {
    pub(super) directory: Arc<str>,
    pub(super) config: OfflineConfig,
    pub(super) published: Arc<PublishedView>,
    verifiers: Mutex<HashMap<Guid, Verifier>>,
    /// Held while the store is written, so that what it has last is what was last known.
    writing: Mutex<()>,
    store: Option<IdentityStore>,
    /// How many passwords are hashed at a time: each takes a core and some 20 MiB.
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    accepted: AtomicU64,
    wrong: AtomicU64,
    withheld: AtomicU64,
    remembered: AtomicU64,
    not_remembered: AtomicU64,
}

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accounts that a verifier is kept of now.
    pub verifiers: usize,
    /// Logins with a right password.
    pub accepted: u64,
    /// Logins with a wrong one.
    pub wrong: u64,
    /// Logins whose password was not looked at, or whose result was not told.
    pub withheld: u64,
    /// Verifiers made.
    pub remembered: u64,
    /// Accepted passwords that were not remembered because too many waited.
    pub not_remembered: u64,
}

impl Offline {
    /// The verifiers of an earlier run, as far as they are young enough at `wall`; none where they cannot be read.
    /// `places` bounds the hashing of all directories. Blocks on the disk.
    #[must_use]
    pub fn open(
        directory: Arc<str>,
        config: OfflineConfig,
        published: Arc<PublishedView>,
        store: Option<IdentityStore>,
        places: Arc<Semaphore>,
        wall: SystemTime,
    ) -> Arc<Self> {
        let offline = Self {
            directory,
            config,
            published,
            verifiers: Mutex::default(),
            writing: Mutex::default(),
            store,
            places,
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
            counters: Counters::default(),
        };
        offline.restore(wall);
        Arc::new(offline)
    }

    /// What has happened since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let Counters { accepted, wrong, withheld, remembered, not_remembered } = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            verifiers: self.verifiers().len(),
            accepted: read(accepted),
            wrong: read(wrong),
            withheld: read(withheld),
            remembered: read(remembered),
            not_remembered: read(not_remembered),
        }
    }

    /// Whether the present view lets the account in without a controller; which password it has there.
    pub(super) fn may_enter(
        &self,
        account: Guid,
        wall: SystemTime,
    ) -> Result<PasswordStamp, Withheld> {
        let view = self.published.load().ok_or(Withheld::Unknown)?;
        let entry = view.find_guid(&account).ok_or(Withheld::Unknown)?;
        may_enter(&self.config, entry, wall)
    }

    /// Why the account could log in without a controller at `wall`, or not; nothing where the view does not have it.
    /// Counts for nobody.
    #[must_use]
    pub fn explain(&self, account: Guid, wall: SystemTime) -> Vec<OfflineStep> {
        let view = self.published.load();
        let Some(entry) = view.as_deref().and_then(|view| view.find_guid(&account)) else {
            return Vec::new();
        };
        let verifier = self.verifiers().get(&account).cloned();
        explain(&self.config, entry, verifier.as_ref(), wall).into()
    }

    /// What a login has to ask before it goes to a controller, for [`Offline::remember`]: which password the account
    /// had then. `None`: it is not to be remembered.
    pub(super) fn offered(&self, account: Guid) -> Option<PasswordStamp> {
        self.may_enter(account, Now::read().wall).ok()
    }

    /// Remembers a password that a controller accepted at `verified_at`, soon and elsewhere: the login does not wait.
    /// If the view tells of another password than before the login, it is not known which of the two this was.
    pub(super) fn remember(
        self: &Arc<Self>,
        account: Guid,
        offered: PasswordStamp,
        password: Password,
        verified_at: SystemTime,
    ) {
        if !self.is_wanted(account, &offered, verified_at) {
            return;
        }
        let Ok(waiting) = self.waiting.clone().try_acquire_owned() else {
            self.counters.not_remembered.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(
                directory = &*self.directory,
                guid = %account,
                "too many passwords wait to be remembered: this one is not"
            );
            return;
        };
        let offline = self.clone();
        tokio::spawn(async move {
            let _waiting = waiting;
            let Ok(place) = offline.places.clone().acquire_owned().await else { return };
            // Of several logins of one account the first has done it.
            if !offline.is_wanted(account, &offered, verified_at) {
                return;
            }
            let hashing = spawn_blocking(move || {
                let _place = place;
                offline.note(account, offered, &password, verified_at);
            });
            // Nobody is told of it; a thread that fails leaves the account without a verifier.
            _ = hashing.await;
        });
    }

    fn is_wanted(&self, account: Guid, offered: &PasswordStamp, wall: SystemTime) -> bool {
        let known = |verifier: &Verifier| verifier.is_as_good_as_new(&self.config, offered, wall);
        self.may_enter(account, wall).is_ok_and(|stamp| stamp == *offered)
            && !self.verifiers().get(&account).is_some_and(known)
    }

    /// Hashes and keeps a password. Slow.
    fn note(
        &self,
        account: Guid,
        stamp: PasswordStamp,
        password: &Password,
        verified_at: SystemTime,
    ) {
        let mut salt = [0; 16];
        if let Err(error) = getrandom::fill(&mut salt) {
            tracing::error!(%error, "no random numbers: a password is not remembered");
            return;
        }
        let Some(verifier) = Verifier::of(password, &salt, stamp, verified_at) else { return };
        self.verifiers().insert(account, verifier);
        self.write(&[account]);
        self.counters.remembered.fetch_add(1, Ordering::Relaxed);
    }

    /// Tries a password on what is kept of the account.
    pub(super) async fn attempt(
        self: &Arc<Self>,
        account: Guid,
        password: Password,
    ) -> Result<OfflineVerified, NotVerified> {
        let tried = self.try_password(account, password).await;
        let counter = match &tried {
            Ok(_) => &self.counters.accepted,
            Err(NotVerified::WrongPassword) => &self.counters.wrong,
            Err(NotVerified::Withheld(_)) => &self.counters.withheld,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        tried
    }

    async fn try_password(
        self: &Arc<Self>,
        account: Guid,
        password: Password,
    ) -> Result<OfflineVerified, NotVerified> {
        let begun = Now::read();
        let deadline = begun.monotonic + LONGEST_WAIT;
        // Before waiting for a place that could not be used.
        self.may_enter(account, begun.wall)?;
        let place = timeout_at(deadline.into(), self.places.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(Withheld::Busy.into()) };
        let attempt = loop {
            let now = Now::read();
            match self.begin(account, now.wall) {
                Err(Withheld::UnderWay) if now.monotonic < deadline => sleep(PAUSE).await,
                Err(why) => return Err(why.into()),
                Ok(attempt) => break attempt,
            }
        };
        let offline = self.clone();
        let checking = spawn_blocking(move || {
            // Held until the work is done, also where nobody waits for it any more.
            let _place = place;
            offline.settle(account, attempt.check(&password))
        });
        checking.await.unwrap_or(Err(NotVerified::Withheld(Withheld::Busy)))
    }

    fn begin(&self, account: Guid, wall: SystemTime) -> Result<Attempt, Withheld> {
        let stamp = self.may_enter(account, wall)?;
        let mut verifiers = self.verifiers();
        let verifier = verifiers.get_mut(&account).ok_or(Withheld::NoVerifier)?;
        verifier.begin(&self.config, (&self.directory, account), &stamp, wall)
    }

    /// Ends an attempt: what it cost is written down, and only then its result is given. What the view says counts
    /// as it is now.
    fn settle(&self, account: Guid, checked: Checked) -> Result<OfflineVerified, NotVerified> {
        let concluded = self.verifiers().get_mut(&account).map(|one| one.conclude(checked));
        if !self.write(&[account]) {
            return Err(Withheld::NotWritten.into());
        }
        match concluded {
            Some(Conclusion::Verified(evidence)) => {
                let stamp = self.may_enter(account, Now::read().wall)?;
                let verifiers = self.verifiers();
                let verifier = verifiers.get(&account).ok_or(Withheld::NoVerifier)?;
                verifier.holds(&self.config, &stamp, Now::read().wall)?;
                Ok(evidence)
            }
            Some(Conclusion::Wrong) => Err(NotVerified::WrongPassword),
            Some(Conclusion::Superseded) | None => Err(Withheld::NoVerifier.into()),
        }
    }

    /// Takes away the verifiers of these accounts. Blocks on the disk.
    pub(super) fn drop_all(&self, accounts: &[Guid]) {
        if accounts.is_empty() {
            return;
        }
        {
            let mut verifiers = self.verifiers();
            for account in accounts {
                verifiers.remove(account);
            }
        }
        self.write(accounts);
        tracing::debug!(
            directory = &*self.directory,
            accounts = accounts.len(),
            "verifiers of passwords have been dropped"
        );
    }

    /// Brings what the store has of these accounts to what is known of them. Whether that is done.
    fn write(&self, accounts: &[Guid]) -> bool {
        let Some(store) = &self.store else { return true };
        let _writing = lock(&self.writing);
        let changes: Vec<_> = {
            let verifiers = self.verifiers();
            let octets = |account: &Guid| {
                let verifier = verifiers.get(account)?;
                serde_json::to_vec(&verifier.record()).ok()
            };
            accounts.iter().map(|account| (account.0, octets(account))).collect()
        };
        match store.set(&changes) {
            Ok(()) => true,
            Err(error) => {
                self.complain(
                    &error,
                    "what is kept for logins without a controller is not written",
                );
                false
            }
        }
    }

    fn restore(&self, wall: SystemTime) {
        let Some(store) = &self.store else { return };
        let stored = store.load().unwrap_or_else(|error| {
            self.complain(&error, "what was kept for logins without a controller cannot be read");
            Vec::new()
        });
        let mut useless = Vec::new();
        let mut verifiers = self.verifiers();
        for (identity, octets) in stored {
            let account = Guid(identity);
            let verifier = serde_json::from_slice(&octets).ok().map(Verifier::restored);
            match verifier.filter(|verifier| verifier.is_young(&self.config, wall)) {
                Some(verifier) => _ = verifiers.insert(account, verifier),
                None => useless.push(account),
            }
        }
        drop(verifiers);
        self.drop_all(&useless);
    }

    fn complain(&self, error: &StoreError, what: &str) {
        tracing::error!(directory = &*self.directory, %error, "{what}");
    }

    /// Never held while anything is waited for.
    pub(super) fn verifiers(&self) -> MutexGuard<'_, HashMap<Guid, Verifier>> {
        lock(&self.verifiers)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
