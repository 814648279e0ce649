//! The state of an account as its entry tells it. Only what this program judges itself is read here;
//! lockout, logon hours, workstations and password age are the controller's to judge.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::directory::EntryRef;
use crate::ldap::schema::DirectoryKind;

use super::refusal::Refusal;

/// `ADS_UF_ACCOUNTDISABLE` (MS-ADTS 2.2.16).
const ACCOUNT_DISABLED: i64 = 0x2;
/// Seconds between 1601-01-01 and 1970-01-01, the two epochs of `accountExpires`.
const FILETIME_TO_UNIX_SECONDS: i64 = 11_644_473_600;
/// Ticks of 100 ns in a second.
const TICKS_PER_SECOND: i64 = 10_000_000;
/// `pwdAccountLockedTime` of an account an administrator locked for good
/// (draft-behera-ldap-password-policy §5.3.3).
const LOCKED_FOR_GOOD: &str = "000001010000Z";

/// What an entry says about its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// Disabled by an administrator.
    pub disabled: bool,
    /// When the account stops being valid; `None` for never.
    pub expires: Option<SystemTime>,
}

impl AccountState {
    /// Reads the state.
    ///
    /// # Errors
    /// [`Refusal::AccountStateUnreadable`] when the attributes that say so are absent or make no
    /// sense: an account that cannot be judged must not be taken for enabled.
    pub fn read(entry: EntryRef<'_>, kind: DirectoryKind) -> Result<Self, Refusal> {
        match kind {
            DirectoryKind::ActiveDirectory => read_active_directory(entry),
            DirectoryKind::OpenLdap => read_openldap(entry),
        }
    }

    /// Whether the account may be used at `wall`.
    ///
    /// # Errors
    /// [`Refusal::Disabled`] or [`Refusal::Expired`].
    pub fn check(self, wall: SystemTime) -> Result<(), Refusal> {
        if self.disabled {
            return Err(Refusal::Disabled);
        }
        match self.expires {
            Some(expires) if wall >= expires => Err(Refusal::Expired),
            _ => Ok(()),
        }
    }
}

fn read_active_directory(entry: EntryRef<'_>) -> Result<AccountState, Refusal> {
    let control = integer(entry, "userAccountControl")?.ok_or(Refusal::AccountStateUnreadable)?;
    let expires = match integer(entry, "accountExpires")? {
        Some(ticks) if ticks < 0 => return Err(Refusal::AccountStateUnreadable),
        ticks => ticks.and_then(filetime),
    };
    Ok(AccountState { disabled: control & ACCOUNT_DISABLED != 0, expires })
}

fn read_openldap(entry: EntryRef<'_>) -> Result<AccountState, Refusal> {
    let disabled = entry.text("pwdAccountLockedTime").is_some_and(|time| time == LOCKED_FOR_GOOD);
    let expires = integer(entry, "shadowExpire")?.and_then(|days| {
        // shadow(5): the account expires on that day since 1970; negative or absent means never.
        let days = u64::try_from(days).ok()?;
        UNIX_EPOCH.checked_add(Duration::from_secs(days.checked_mul(86_400)?))
    });
    Ok(AccountState { disabled, expires })
}

fn integer(entry: EntryRef<'_>, attribute: &str) -> Result<Option<i64>, Refusal> {
    let values = entry.values(attribute);
    let [value] = values.as_slice() else {
        return if values.is_empty() { Ok(None) } else { Err(Refusal::AccountStateUnreadable) };
    };
    std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .map(Some)
        .ok_or(Refusal::AccountStateUnreadable)
}

/// A point in time from 100 ns ticks since 1601; 0 and the largest number mean never (MS-ADTS 2.2.18
/// and the `accountExpires` attribute in MS-ADA1).
fn filetime(ticks: i64) -> Option<SystemTime> {
    if ticks <= 0 || ticks == i64::MAX {
        return None;
    }
    let unix = ticks / TICKS_PER_SECOND - FILETIME_TO_UNIX_SECONDS;
    match u64::try_from(unix) {
        Ok(after) => UNIX_EPOCH.checked_add(Duration::from_secs(after)),
        Err(_) => Some(UNIX_EPOCH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MS-ADA1 accountExpires: 0 and 0x7FFFFFFFFFFFFFFF mean that the account never expires.
    #[test]
    fn expiry_times() {
        assert_eq!(filetime(0), None);
        assert_eq!(filetime(i64::MAX), None);
        let unix = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(filetime(116_444_736_000_000_000), Some(unix(0)));
        assert_eq!(filetime(133_485_408_000_000_000), Some(unix(1_704_067_200)));
        assert_eq!(filetime(1), Some(unix(0)), "long before 1970 is past too");
    }

    #[test]
    fn a_state_is_checked_against_the_clock() {
        let noon = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let second = Duration::from_secs(1);
        let until_noon = AccountState { disabled: false, expires: Some(noon) };
        assert_eq!(until_noon.check(noon - second), Ok(()));
        assert_eq!(until_noon.check(noon), Err(Refusal::Expired));
        let both = AccountState { disabled: true, expires: Some(noon) };
        assert_eq!(both.check(noon), Err(Refusal::Disabled));
        assert_eq!(AccountState { disabled: false, expires: None }.check(noon), Ok(()));
    }
}
