//! Who may log in without a controller, as far as the view tells: groups, and the states that otherwise only a
//! controller judges. Disabled, blocked and out of scope are for the rules, which are asked as for every login.

use std::time::SystemTime;

use crate::directory::{EntryRef, password_has_expired};
use crate::ldap::schema::DirectoryKind;

use crate::policy::rules::groups::{Denied, is_in_none, is_in_one};

use super::{OfflineConfig, Withheld};

/// Which password an account has, as the view tells: `pwdLastSet`, or `pwdChangedTime` where OpenLDAP keeps it.
/// Another stamp is another password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordStamp(pub(super) Option<String>);

/// Whether the account may log in without a controller at `wall`; which password it has.
///
/// # Errors
/// What the view says against it.
pub fn may_enter(
    config: &OfflineConfig,
    entry: EntryRef<'_>,
    wall: SystemTime,
) -> Result<PasswordStamp, Withheld> {
    is_not_denied(config, entry)?;
    is_allowed(config, entry)?;
    state(entry, wall)
}

/// Groups as the rules of applications take them.
pub(super) fn is_not_denied(config: &OfflineConfig, entry: EntryRef<'_>) -> Result<(), Withheld> {
    is_in_none(entry, &config.denied_groups, true).map_err(|why| match why {
        Denied::Unresolved => Withheld::GroupUnresolved,
        Denied::Member => Withheld::InDeniedGroup,
    })
}

pub(super) fn is_allowed(config: &OfflineConfig, entry: EntryRef<'_>) -> Result<(), Withheld> {
    if is_in_one(entry, &config.groups) { Ok(()) } else { Err(Withheld::NotInGroup) }
}

/// What otherwise only a controller judges.
pub(super) fn state(entry: EntryRef<'_>, wall: SystemTime) -> Result<PasswordStamp, Withheld> {
    match entry.view().domain().kind {
        DirectoryKind::ActiveDirectory => active_directory(entry, wall),
        DirectoryKind::OpenLdap => openldap(entry),
    }
}

/// A `lockoutTime` does not say whether the lockout is over (MS-ADA1), so any counts. `pwdLastSet` is 0 where the
/// password is to be changed; without it nobody could tell a changed password.
fn active_directory(entry: EntryRef<'_>, wall: SystemTime) -> Result<PasswordStamp, Withheld> {
    if number(entry, "lockoutTime")?.is_some_and(|locked| locked != 0) {
        return Err(Withheld::Locked);
    }
    const PASSWORD_SET: &str = DirectoryKind::ActiveDirectory.password_set_attribute();
    let set = number(entry, PASSWORD_SET)?.ok_or(Withheld::StateUnreadable)?;
    if set <= 0 {
        return Err(Withheld::MustChange);
    }
    // Where the domain's policy was not copied, nobody can tell; the age of the verification bounds it then.
    if password_has_expired(entry, wall) == Some(true) {
        return Err(Withheld::PasswordExpired);
    }
    Ok(PasswordStamp(Some(set.to_string())))
}

/// draft-behera-ldap-password-policy §5.3.
fn openldap(entry: EntryRef<'_>) -> Result<PasswordStamp, Withheld> {
    if entry.first("pwdAccountLockedTime").is_some() {
        return Err(Withheld::Locked);
    }
    if entry.text("pwdReset").is_some_and(|reset| reset.eq_ignore_ascii_case("TRUE")) {
        return Err(Withheld::MustChange);
    }
    let changed = entry.text(DirectoryKind::OpenLdap.password_set_attribute());
    Ok(PasswordStamp(changed.map(|changed| changed.into_owned())))
}

fn number(entry: EntryRef<'_>, attribute: &str) -> Result<Option<i64>, Withheld> {
    if entry.first(attribute).is_none() {
        return Ok(None);
    }
    let value = entry.text(attribute).and_then(|text| text.trim().parse().ok());
    value.map(Some).ok_or(Withheld::StateUnreadable)
}
