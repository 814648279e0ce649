//! msDS-User-Account-Control-Computed (MS-ADTS §3.1.1.4.5.17): the flags of userAccountControl that follow
//! from times and the domain's policy.
//!
//! Fine-grained policies (msDS-ResultantPSO) are not copied; the domain's policy speaks for everybody.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::ldap::dn::NormalizedDn;

use super::domain::EntryKind;
use super::entry_ref::EntryRef;

/// ADS_UF_LOCKOUT (MS-ADTS §2.2.16).
const LOCKOUT: i64 = 0x10;
/// ADS_UF_PASSWORD_EXPIRED.
const PASSWORD_EXPIRED: i64 = 0x80_0000;
/// ADS_UF_DONT_EXPIRE_PASSWD, ADS_UF_SMARTCARD_REQUIRED and the three sorts of trust accounts: passwords
/// that do not expire.
const NEVER_EXPIRES: i64 = 0x1_0000 | 0x4_0000 | 0x800 | 0x1000 | 0x2000;

/// From 1601 to 1970 in 100-nanosecond steps.
const EPOCH_DISTANCE: i64 = 116_444_736_000_000_000;

/// The flags for a user at `now`; `None` for other entries, and where the domain's policy was not copied.
pub(super) fn computed(entry: EntryRef<'_>, now: SystemTime) -> Option<i64> {
    if entry.kind() != EntryKind::User {
        return None;
    }
    let policy = Policy::of(entry)?;
    let now = file_time(now);
    let mut flags = 0;
    if policy.locks(number(entry, "lockoutTime").unwrap_or(0), now) {
        flags |= LOCKOUT;
    }
    let control = number(entry, "userAccountControl").unwrap_or(0);
    let set = number(entry, "pwdLastSet").unwrap_or(0);
    if control & NEVER_EXPIRES == 0 && policy.has_expired(set, now) {
        flags |= PASSWORD_EXPIRED;
    }
    Some(flags)
}

/// Whether a user's password has expired at `now`, or is to be changed; `None` where the domain's policy was not
/// copied. Fine-grained policies are not looked at.
#[must_use]
pub fn password_has_expired(entry: EntryRef<'_>, now: SystemTime) -> Option<bool> {
    computed(entry, now).map(|flags| flags & PASSWORD_EXPIRED != 0)
}

/// What the head of the domain says; both are negative durations in 100-nanosecond steps.
struct Policy {
    max_password_age: i64,
    lockout_duration: i64,
}

impl Policy {
    fn of(entry: EntryRef<'_>) -> Option<Self> {
        let view = entry.view();
        let head = NormalizedDn::parse(&view.domain().naming_context).ok()?;
        let head = view.find_dn(&head)?;
        Some(Self {
            max_password_age: number(head, "maxPwdAge")?,
            lockout_duration: number(head, "lockoutDuration")?,
        })
    }

    /// Locked since `lockout` (0: not). A duration of 0 or the least number lasts until somebody unlocks.
    fn locks(&self, lockout: i64, now: i64) -> bool {
        let forever = matches!(self.lockout_duration, 0 | i64::MIN);
        lockout != 0 && (forever || lockout.saturating_sub(self.lockout_duration) > now)
    }

    /// A password that was set at `set`; 0: to be changed at the next login. An age of 0 or the least
    /// number is no bound.
    fn has_expired(&self, set: i64, now: i64) -> bool {
        let bound = !matches!(self.max_password_age, 0 | i64::MIN);
        set == 0 || (bound && set.saturating_sub(self.max_password_age) < now)
    }
}

fn number(entry: EntryRef<'_>, attribute: &str) -> Option<i64> {
    entry.text(attribute)?.parse().ok()
}

/// 100-nanosecond steps since 1601 (MS-DTYP §2.3.3).
fn file_time(moment: SystemTime) -> i64 {
    let steps = |nanoseconds: u128| i64::try_from(nanoseconds / 100).unwrap_or(i64::MAX);
    let since = match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => steps(after.as_nanos()),
        Err(before) => steps(before.duration().as_nanos()).saturating_neg(),
    };
    since.saturating_add(EPOCH_DISTANCE)
}
