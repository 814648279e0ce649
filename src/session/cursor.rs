//! Paged searches of one session (RFC 2696). A cursor pins the views it started on, so a page is the
//! same whatever is published in between, and the same cookie may come twice.

use std::time::{Duration, Instant};

use crate::ldap::request::SearchRequest;

use super::search::Matches;

/// Most cursors a session keeps; the oldest gives way.
pub const MAX_CURSORS: usize = 16;
/// How long an untouched cursor is kept.
pub const MAX_CURSOR_AGE: Duration = Duration::from_secs(15 * 60);

/// One paged search under way.
struct Cursor {
    number: u64,
    request: SearchRequest,
    matches: Matches,
    touched: Instant,
}

/// The cursors of a session.
#[derive(Default)]
pub struct Cursors {
    cursors: Vec<Cursor>,
    last_number: u64,
}

/// Why a cookie leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieFault {
    /// Not a cookie of this session, or one that is too old.
    Unknown,
    /// The cookie belongs to another search.
    OtherSearch,
}

impl Cursors {
    /// Keeps a search for its later pages and gives the cursor's number.
    pub fn open(&mut self, request: &SearchRequest, matches: Matches, now: Instant) -> u64 {
        self.expire(now);
        if self.cursors.len() >= MAX_CURSORS {
            self.cursors.remove(0);
        }
        self.last_number += 1;
        self.cursors.push(Cursor {
            number: self.last_number,
            request: request.clone(),
            matches,
            touched: now,
        });
        self.last_number
    }

    /// The matches a cookie stands for, and the position to go on at.
    ///
    /// # Errors
    /// See [`CookieFault`].
    pub fn resume(
        &mut self,
        cookie: &[u8],
        request: &SearchRequest,
        now: Instant,
    ) -> Result<(u64, Matches, usize), CookieFault> {
        self.expire(now);
        let (number, position) = read_cookie(cookie).ok_or(CookieFault::Unknown)?;
        let cursor = self
            .cursors
            .iter_mut()
            .find(|cursor| cursor.number == number)
            .ok_or(CookieFault::Unknown)?;
        if !same_search(&cursor.request, request) {
            return Err(CookieFault::OtherSearch);
        }
        if position > cursor.matches.len() {
            return Err(CookieFault::Unknown);
        }
        cursor.touched = now;
        Ok((number, cursor.matches.clone(), position))
    }

    /// Forgets a search that the client gives up (a page size of 0).
    pub fn abandon(&mut self, cookie: &[u8]) {
        if let Some((number, _)) = read_cookie(cookie) {
            self.cursors.retain(|cursor| cursor.number != number);
        }
    }

    /// Lets go of what nobody has continued for [`MAX_CURSOR_AGE`].
    pub fn expire(&mut self, now: Instant) {
        self.cursors
            .retain(|cursor| now.saturating_duration_since(cursor.touched) < MAX_CURSOR_AGE);
    }
}

/// A cookie: short and printable, because some clients treat it as text.
#[must_use]
pub fn cookie(number: u64, position: usize) -> Vec<u8> {
    format!("{number}-{position}").into_bytes()
}

fn read_cookie(cookie: &[u8]) -> Option<(u64, usize)> {
    let (number, position) = std::str::from_utf8(cookie).ok()?.split_once('-')?;
    Some((number.parse().ok()?, position.parse().ok()?))
}

/// Base, scope, filter and attributes must stay the same; limits may change (RFC 2696 §3).
fn same_search(one: &SearchRequest, other: &SearchRequest) -> bool {
    one.base == other.base
        && one.scope == other.scope
        && one.filter == other.filter
        && one.attributes == other.attributes
        && one.types_only == other.types_only
}
