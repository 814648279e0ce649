//! The bounds on finding: how long, and how many entries a search may have to look at (RFC 4511 §4.5.1.5).
//!
//! Finding is complete before the first entry goes out, so a bound that is reached gives an answer without
//! entries, and never a list that is cut. Which code, after what clients make of it: 3 only where the client
//! itself set the limit, because some take 3 for success; 53 for the bounds of the application, because 11,
//! which would say it best, is success to PHP and Java. Sending is bounded by the write timeout alone:
//! however slowly a client reads, what it reads in the end is whole.

use std::time::{Duration, Instant};

use crate::directory::{Audience, Budget, NoSuchObject, SearchError, Slot, View};
use crate::ldap::dn::NormalizedDn;
use crate::ldap::request::{SearchRequest, SearchScope};
use crate::ldap::result::{LdapResult, ResultCode};
use crate::policy::application::SearchLimits;
use crate::time::Now;

use super::matches::Part;

/// How often the clock is read, in entries.
const ENTRIES_PER_LOOK: usize = 1024;

/// Looks at entries that a search may need without being done beside the sessions: a few milliseconds.
const LIGHT: u64 = 20_000;
/// How long these looks may take at the very most: some values are much longer than others.
const LIGHT_TIME: Duration = Duration::from_millis(10);
/// Sorting more entries than this is not light.
const LONG: usize = 2_000;

/// Reads the clock; handed in, because only the driver may.
pub type Clock = fn() -> Now;

/// A bound that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// The client's own time limit.
    ClientTime,
    /// The application's time limit.
    Time,
    /// The application's bound on candidates.
    Candidates(u64),
    /// The work that a search may be without being done beside the sessions ([`Watch::lightly`]).
    Light,
}

impl Exceeded {
    /// What the client is told.
    #[must_use]
    pub fn answer(self) -> LdapResult {
        match self {
            Self::ClientTime => LdapResult::new(
                ResultCode::TIME_LIMIT_EXCEEDED,
                "the time limit of the request is over",
            ),
            Self::Time | Self::Light => LdapResult::new(
                ResultCode::UNWILLING_TO_PERFORM,
                "the search takes longer than the application's time limit allows",
            ),
            Self::Candidates(most) => LdapResult::new(
                ResultCode::UNWILLING_TO_PERFORM,
                format!(
                    "the search has to look at more than {most} entries: make its filter narrower"
                ),
            ),
        }
    }
}

/// The bounds of one search.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    deadline: Instant,
    by_client: bool,
    candidates: u64,
    light_until: Option<Instant>,
    clock: Clock,
}

impl Watch {
    /// The bounds of an application and of a request that came at `now`.
    #[must_use]
    pub fn new(limits: SearchLimits, request: &SearchRequest, now: Now, clock: Clock) -> Self {
        let asked = Duration::from_secs(u64::from(request.time_limit));
        let by_client = request.time_limit != 0 && asked <= limits.time;
        let most = if by_client { asked } else { limits.time };
        let candidates = if limits.candidates == 0 { u64::MAX } else { limits.candidates.into() };
        Self { deadline: now.monotonic + most, by_client, candidates, light_until: None, clock }
    }

    /// The bounds of a first try on the session's own thread.
    #[must_use]
    pub fn lightly(self) -> Self {
        Self { light_until: Some((self.clock)().monotonic + LIGHT_TIME), ..self }
    }

    /// Looks at the clock once in a while.
    ///
    /// # Errors
    /// The time is up.
    pub fn check(&self, done: usize) -> Result<(), Exceeded> {
        if done.is_multiple_of(ENTRIES_PER_LOOK) && self.is_over() {
            return Err(self.overtime());
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        (self.clock)().monotonic >= self.deadline
    }

    /// Whether it is time to stop: for good, or because this is no light search.
    fn is_enough(&self) -> bool {
        (self.clock)().monotonic >= self.light_until.unwrap_or(self.deadline).min(self.deadline)
    }

    const fn overtime(&self) -> Exceeded {
        if self.by_client { Exceeded::ClientTime } else { Exceeded::Time }
    }
}

/// Why a view gives no entries.
pub enum Fault {
    /// The base is not there.
    NoSuchObject(NoSuchObject),
    /// A bound was reached.
    Exceeded(Exceeded),
}

/// Whether sorting so many entries takes a while.
pub(super) fn is_long(parts: &[Part]) -> bool {
    parts.iter().map(|part| part.slots.len()).sum::<usize>() > LONG
}

/// The one place where a session searches a view.
///
/// # Errors
/// See [`Fault`].
pub fn look(
    view: &View,
    (base, scope): (&NormalizedDn, SearchScope),
    request: &SearchRequest,
    audience: &dyn Audience,
    watch: &Watch,
) -> Result<Vec<Slot>, Fault> {
    let light = watch.light_until.is_some();
    let fewer = light && LIGHT < watch.candidates;
    let candidates = if fewer { LIGHT } else { watch.candidates };
    let budget = Budget { candidates, expired: &|| watch.is_enough() };
    let found = view.search_within(base, scope, &request.filter, audience, &budget);
    let found = found.map_err(|error| match error {
        SearchError::NoSuchObject(missing) => Fault::NoSuchObject(missing),
        SearchError::TooManyCandidates if fewer => Fault::Exceeded(Exceeded::Light),
        SearchError::TooManyCandidates => Fault::Exceeded(Exceeded::Candidates(watch.candidates)),
        SearchError::TimedOut if light && !watch.is_over() => Fault::Exceeded(Exceeded::Light),
        SearchError::TimedOut => Fault::Exceeded(watch.overtime()),
    })?;
    // What an index answers by itself is not looked at there, but it is here.
    if found.len() as u64 > watch.candidates {
        return Err(Fault::Exceeded(Exceeded::Candidates(watch.candidates)));
    }
    if watch.is_over() {
        return Err(Fault::Exceeded(watch.overtime()));
    }
    Ok(found)
}
