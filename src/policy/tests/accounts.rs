//! What an entry says about its account.

use super::*;
use crate::policy::account::AccountState;

fn state(attribute: &str, values: &[&str]) -> Result<AccountState, Refusal> {
    let mut entries = company();
    set(entry_of(&mut entries, ALICE), attribute, values);
    let view = corp_view(1, entries);
    AccountState::read(view.find_guid(&guid(ALICE)).unwrap(), DirectoryKind::ActiveDirectory)
}

/// MS-ADTS 2.2.16: only ADS_UF_ACCOUNTDISABLE (0x2) disables; what cannot be read is not enabled.
#[test]
fn user_account_control() {
    for (value, disabled) in [("512", false), ("514", true), ("66050", true), ("66048", false)] {
        let read = state("userAccountControl", &[value]).map(|state| state.disabled);
        assert_eq!(read, Ok(disabled), "{value}");
    }
    for values in [&[][..], &["enabled"], &[""], &["99999999999999999999"], &["512", "514"]] {
        let read = state("userAccountControl", values);
        assert_eq!(read, Err(Refusal::AccountStateUnreadable), "{values:?}");
    }
}

/// MS-ADA1 accountExpires: 0 and 0x7FFFFFFFFFFFFFFF mean never, and nothing is before 1601.
#[test]
fn account_expires() {
    let noon = noon().wall;
    let expires = |value: &str| state("accountExpires", &[value]).map(|state| state.expires);
    assert_eq!(expires("0"), Ok(None));
    assert_eq!(expires("9223372036854775807"), Ok(None));
    assert_eq!(expires(&filetime(noon)), Ok(Some(noon)));
    assert_eq!(expires("-1"), Err(Refusal::AccountStateUnreadable));
    assert_eq!(expires("never"), Err(Refusal::AccountStateUnreadable));
}

/// draft-behera-ldap-password-policy §5.3.3 and shadow(5).
#[test]
fn openldap_accounts() {
    let state = |attribute: &str, values: &[&str]| {
        let mut anna = person(ANNA, "anna");
        set(&mut anna, attribute, values);
        let view = lab_view(1, vec![anna]);
        AccountState::read(view.find_guid(&guid(ANNA)).unwrap(), DirectoryKind::OpenLdap)
    };
    let plain = AccountState { disabled: false, expires: None };
    assert_eq!(state("uid", &["anna"]), Ok(plain));
    let locked = AccountState { disabled: true, ..plain };
    assert_eq!(state("pwdAccountLockedTime", &["000001010000Z"]), Ok(locked));
    // Locked for a while by wrong passwords: the directory's to judge.
    assert_eq!(state("pwdAccountLockedTime", &["20231114221320Z"]), Ok(plain));
    assert_eq!(state("shadowExpire", &["-1"]), Ok(plain));
    let day = Some(UNIX_EPOCH + Duration::from_secs(86_400));
    assert_eq!(state("shadowExpire", &["1"]), Ok(AccountState { expires: day, ..plain }));
    assert_eq!(state("shadowExpire", &["soon"]), Err(Refusal::AccountStateUnreadable));
}
