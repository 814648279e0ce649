//! How many refused passwords may come from one application and from one client address: a bound on trying one
//! password on many accounts, which no account's own budget notices.
//!
//! They are counted in windows that follow one another, without reservations: a bound for floods, exact to the
//! attempts that are under way.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;

/// Sources that are counted at a time. When there are more, those that failed least are forgotten.
const MOST_SOURCES: usize = 100_000;

/// `[shield]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceLimits {
    /// Refused passwords of one application within a window; 0 is without a bound.
    pub application: u32,
    /// Refused passwords from one client address (IPv6: one network of 64 bits); 0 is without a bound.
    pub client: u32,
    /// The window.
    pub window: Duration,
}

impl Default for SourceLimits {
    /// Two a second in an application and one a second from an address, for ten minutes: far above what people
    /// mistype behind one address, and a spray over 10 000 accounts takes hours.
    fn default() -> Self {
        Self { application: 1200, client: 600, window: Duration::from_secs(600) }
    }
}

/// Who has sent too many wrong passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// An application.
    Application,
    /// A client address.
    Client,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Application(Arc<str>),
    Client(IpAddr),
}

struct Window {
    begun: Instant,
    failures: u32,
    told: bool,
}

/// The counts of all sources.
pub struct Sources {
    limits: SourceLimits,
    windows: DashMap<Key, Window>,
    /// How many windows there are.
    count: AtomicUsize,
    refused: [AtomicU64; 2],
}

impl Sources {
    /// No failures yet.
    #[must_use]
    pub fn new(limits: SourceLimits) -> Self {
        Self {
            limits,
            windows: DashMap::new(),
            count: AtomicUsize::new(0),
            refused: [const { AtomicU64::new(0) }; 2],
        }
    }

    /// Whether a login may come from there.
    ///
    /// # Errors
    /// Who has sent too many wrong passwords.
    pub fn admit(
        &self,
        application: &Arc<str>,
        client: IpAddr,
        now: Instant,
    ) -> Result<(), Source> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        self.check(&Key::Client(network(client)), self.limits.client, Source::Client, now)?;
        let key = Key::Application(application.clone());
        self.check(&key, self.limits.application, Source::Application, now)
    }

    /// Counts a wrong password.
    pub fn charge(&self, application: &Arc<str>, client: IpAddr, now: Instant) {
        let client = Key::Client(network(client));
        let counted = [
            (client, self.limits.client),
            (Key::Application(application.clone()), self.limits.application),
        ];
        for (key, limit) in counted {
            if limit > 0 {
                self.add(key, limit, now);
            }
        }
    }

    /// Logins turned away so far for an application's and for a client's failures.
    #[must_use]
    pub fn refused(&self) -> (u64, u64) {
        let [applications, clients] = &self.refused;
        (applications.load(Ordering::Relaxed), clients.load(Ordering::Relaxed))
    }

    /// Forgets windows that are over.
    pub fn sweep(&self, now: Instant) {
        self.windows.retain(|_, window| !self.is_over(window, now));
        self.count.store(self.windows.len(), Ordering::Relaxed);
    }

    fn check(&self, key: &Key, limit: u32, source: Source, now: Instant) -> Result<(), Source> {
        let full = limit > 0
            && self
                .windows
                .get(key)
                .is_some_and(|window| window.failures >= limit && !self.is_over(&window, now));
        if !full {
            return Ok(());
        }
        let [applications, clients] = &self.refused;
        let counter = match source {
            Source::Application => applications,
            Source::Client => clients,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Err(source)
    }

    fn add(&self, key: Key, limit: u32, now: Instant) {
        self.make_room(&key, now);
        let is_new = !self.windows.contains_key(&key);
        let mut window =
            self.windows.entry(key).or_insert(Window { begun: now, failures: 0, told: false });
        if self.is_over(&window, now) {
            *window = Window { begun: now, failures: 0, told: false };
        }
        window.failures = window.failures.saturating_add(1);
        if window.failures >= limit && !window.told {
            window.told = true;
            let from = match window.key() {
                Key::Application(name) => format!("application {name}"),
                Key::Client(address) => format!("client {address}"),
            };
            let seconds = self.limits.window.as_secs();
            tracing::warn!(
                from,
                failures = limit,
                seconds,
                "too many wrong passwords from one source"
            );
        }
        drop(window);
        self.count.fetch_add(usize::from(is_new), Ordering::Relaxed);
    }

    fn make_room(&self, key: &Key, now: Instant) {
        if self.count.load(Ordering::Relaxed) < MOST_SOURCES || self.windows.contains_key(key) {
            return;
        }
        self.sweep(now);
        // Many addresses with few failures each are what their accounts' budgets are for.
        for least in [2, 8, 32, u32::MAX] {
            if self.windows.len() < MOST_SOURCES {
                break;
            }
            tracing::warn!(
                below = least,
                "too many sources of wrong passwords: some are forgotten"
            );
            self.windows.retain(|_, window| window.failures >= least);
        }
        self.count.store(self.windows.len(), Ordering::Relaxed);
    }

    fn is_over(&self, window: &Window, now: Instant) -> bool {
        now.saturating_duration_since(window.begun) >= self.limits.window
    }
}

/// Whoever has one address of an IPv6 network has all of them.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let mask = u128::MAX << 64;
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}
