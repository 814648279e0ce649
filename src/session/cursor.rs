//! Paged searches of one session (RFC 2696), and its virtual lists. A cursor pins the views it started
//! on, so a page is the same whatever is published in between, and the same cookie may come twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ldap::controls::server_side_sort::SortKey;
use crate::ldap::request::SearchRequest;

use super::matches::Matches;
use super::pins::Pin;

/// Most cursors a session keeps; the oldest gives way.
pub const MAX_CURSORS: usize = 16;
/// How long an untouched cursor is kept.
pub const MAX_CURSOR_AGE: Duration = Duration::from_secs(15 * 60);

/// One search that may go on.
pub struct Cursor {
    /// What was searched.
    pub request: Arc<SearchRequest>,
    /// How it was sorted.
    pub sort: Vec<SortKey>,
    /// What was found.
    pub pin: Arc<Pin>,
    /// When it was last used.
    pub touched: Instant,
}

/// The cursors of a session.
#[derive(Default)]
pub struct Cursors(Vec<Cursor>);

/// Why a cookie leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CookieFault {
    /// Not a cookie of this session, or one that is too old.
    #[error("the paging cookie is not of this session or is too old")]
    Unknown,
    /// The cookie belongs to another search.
    #[error("the paging cookie belongs to another search")]
    OtherSearch,
    /// All sessions together pinned too much, and this was the oldest.
    #[error("the paged search was given up for newer ones")]
    GaveWay,
}

impl Cursors {
    /// Keeps a search for what comes later.
    pub fn keep(&mut self, cursor: Cursor) {
        self.expire(cursor.touched);
        if self.0.len() >= MAX_CURSORS {
            self.0.remove(0);
        }
        self.0.push(cursor);
    }

    /// The list a cookie stands for, and the position to go on at.
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
        let cursor = self.find(number).ok_or(CookieFault::Unknown)?;
        if !same_search(&cursor.request, request) {
            return Err(CookieFault::OtherSearch);
        }
        let matches = cursor.pin.matches().ok_or(CookieFault::GaveWay)?;
        if position > matches.len() {
            return Err(CookieFault::Unknown);
        }
        cursor.touched = now;
        Ok((number, matches, position))
    }

    /// The list that a virtual list view was told to go on in, if it is still there and in that order.
    pub fn list(
        &mut self,
        context: &[u8],
        request: &SearchRequest,
        sort: &[SortKey],
        now: Instant,
    ) -> Option<(u64, Matches)> {
        let (number, matches, _) = self.resume(context, request, now).ok()?;
        self.find(number).filter(|cursor| cursor.sort == sort).map(|_| (number, matches))
    }

    fn find(&mut self, number: u64) -> Option<&mut Cursor> {
        self.0.iter_mut().find(|cursor| cursor.pin.number() == number)
    }

    /// Forgets a search that the client gives up (a page size of 0).
    pub fn abandon(&mut self, cookie: &[u8]) {
        if let Some((number, _)) = read_cookie(cookie) {
            self.0.retain(|cursor| cursor.pin.number() != number);
        }
    }

    /// Lets go of what nobody has continued for [`MAX_CURSOR_AGE`].
    pub fn expire(&mut self, now: Instant) {
        self.0.retain(|cursor| now.saturating_duration_since(cursor.touched) < MAX_CURSOR_AGE);
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
