//! What a client has sent and nobody has read yet: one buffer, from which requests are decoded where they
//! lie. Whatever has been in it is overwritten as soon as it is no longer needed, whatever it is: binds
//! hold a password, and so may password changes, writes, and what does not decode.

use zeroize::Zeroize;

use crate::ldap::frame::{self, FrameError};

/// Room that a connection begins with, in octets.
const FIRST: usize = 4 * 1024;
/// An empty buffer larger than this is given back, in octets.
const LARGEST_IDLE: usize = 64 * 1024;

/// Octets in the order in which they came. Those outside `start..end` are zero.
pub struct Inbox {
    octets: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { octets: zeroed(FIRST), start: 0, end: 0 }
    }
}

impl Inbox {
    /// Whether nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The octets of the first message, if all of it is there.
    ///
    /// # Errors
    /// The stream is not LDAP, or the message is over `limit` octets.
    pub fn message_length(&self, limit: usize) -> Result<Option<usize>, FrameError> {
        frame::complete_length(self.waiting(), limit)
    }

    /// Lets `decode` read the first `length` octets, then overwrites them and takes them out.
    pub fn take<T>(&mut self, length: usize, decode: impl FnOnce(&[u8]) -> T) -> T {
        let end = self.start.saturating_add(length).min(self.end);
        let message = self.octets.get_mut(self.start..end).unwrap_or_default();
        let decoded = decode(message);
        message.fill(0);
        self.start = end;
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
        decoded
    }

    /// Room to read into, never empty as long as less than a message of `limit` octets waits: what waits
    /// moves to the front where little is left behind it, and the buffer grows with what has come (not with
    /// what a header claims) up to the limit.
    pub fn room(&mut self, limit: usize) -> &mut [u8] {
        let size = self.octets.len();
        if self.is_empty() && size > LARGEST_IDLE {
            self.octets = zeroed(FIRST);
        } else if size - self.end < size / 2 {
            self.move_to_front();
        }
        if self.end == self.octets.len() {
            self.grow(limit);
        }
        self.octets.get_mut(self.end..).unwrap_or_default()
    }

    /// Notes that the first `count` octets of the room have been filled.
    pub fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.octets.len());
    }

    /// Everything the buffer holds, used or not.
    #[cfg(test)]
    pub(super) fn held(&self) -> &[u8] {
        &self.octets
    }

    fn waiting(&self) -> &[u8] {
        self.octets.get(self.start..self.end).unwrap_or_default()
    }

    fn move_to_front(&mut self) {
        if self.start == 0 {
            return;
        }
        let held = self.end - self.start;
        self.octets.copy_within(self.start..self.end, 0);
        if let Some(left_behind) = self.octets.get_mut(held..self.end) {
            left_behind.fill(0);
        }
        (self.start, self.end) = (0, held);
    }

    fn grow(&mut self, limit: usize) {
        let size = self.octets.len();
        let mut larger = zeroed(size.saturating_mul(2).min(limit.max(size.saturating_add(FIRST))));
        let held = self.waiting();
        let length = held.len();
        if let Some(front) = larger.get_mut(..length) {
            front.copy_from_slice(held);
        }
        self.octets.zeroize();
        self.octets = larger;
        (self.start, self.end) = (0, length);
    }
}

impl Drop for Inbox {
    /// What is left over may be half a bind.
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

fn zeroed(size: usize) -> Box<[u8]> {
    vec![0; size].into_boxed_slice()
}
