//! Extended operations: StartTLS (RFC 4511 §4.14) and Who Am I (RFC 4532).

use std::borrow::Cow;

use crate::directory::Wording;
use crate::ldap::request::{ExtendedRequest, START_TLS, WHO_AM_I};
use crate::ldap::result::{LdapResult, ResultCode};
use crate::policy::Identity;
use crate::policy::local_account;

/// What is to be done about an extended request.
pub enum Extended {
    /// Answer success and begin the handshake.
    StartTls,
    /// Answer with this authorization identity.
    WhoAmI,
    /// Answer with this result.
    Refuse(LdapResult),
}

/// What StartTLS depends on.
#[derive(Clone, Copy)]
pub struct TlsState {
    /// TLS is in place already.
    pub active: bool,
    /// The listener has a certificate.
    pub available: bool,
    /// A bind has been made on this connection.
    pub bound: bool,
}

/// Recognises the request.
#[must_use]
pub fn read(request: &ExtendedRequest, tls: TlsState) -> Extended {
    match request.name.as_str() {
        START_TLS => start_tls(tls),
        WHO_AM_I => Extended::WhoAmI,
        other => Extended::Refuse(LdapResult::new(
            ResultCode::PROTOCOL_ERROR,
            format!("extended operation {other} is not supported"),
        )),
    }
}

fn start_tls(tls: TlsState) -> Extended {
    let refuse = |code, text: &str| Extended::Refuse(LdapResult::new(code, text));
    if tls.active {
        return refuse(ResultCode::OPERATIONS_ERROR, "TLS is in place already");
    }
    if !tls.available {
        return refuse(ResultCode::PROTOCOL_ERROR, "this listener has no certificate for StartTLS");
    }
    if tls.bound {
        return refuse(ResultCode::OPERATIONS_ERROR, "StartTLS must come before the first bind");
    }
    Extended::StartTls
}

/// The authorization identity (RFC 4513 §5.2.1.8); Active Directory writes `u:CORP\sam`.
#[must_use]
pub fn authorization_identity(identity: Option<&Identity>, wording: Option<&Wording>) -> String {
    match identity {
        Some(Identity::Directory(account)) if account.authorization_name.contains('\\') => {
            format!("u:{}", account.authorization_name)
        }
        Some(Identity::Directory(account)) => {
            let shown = match wording {
                Some(wording) => wording.bases.outward(&account.dn),
                None => Some(Cow::Borrowed(&*account.dn)),
            };
            format!("dn:{}", shown.unwrap_or_default())
        }
        Some(Identity::Local { name }) => {
            format!("dn:{}", local_account::distinguished_name(name))
        }
        Some(Identity::Anonymous) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(tls: TlsState) -> u32 {
        let request = ExtendedRequest { name: START_TLS.to_owned(), value: None };
        match read(&request, tls) {
            Extended::StartTls => 0,
            Extended::WhoAmI => 99,
            Extended::Refuse(result) => result.code.0,
        }
    }

    /// RFC 4511 §4.14.1 and §4.14.2.
    #[test]
    fn start_tls_only_once_before_a_bind_and_with_a_certificate() {
        let fresh = TlsState { active: false, available: true, bound: false };
        assert_eq!(code(fresh), 0);
        assert_eq!(code(TlsState { active: true, ..fresh }), 1);
        assert_eq!(code(TlsState { bound: true, ..fresh }), 1);
        assert_eq!(code(TlsState { available: false, ..fresh }), 2);
    }

    /// RFC 4511 §4.12: protocolError for an unknown name, which the text repeats.
    #[test]
    fn unknown_operations_are_named() {
        let request = ExtendedRequest { name: "1.2.3.4".to_owned(), value: None };
        let tls = TlsState { active: false, available: true, bound: false };
        let Extended::Refuse(result) = read(&request, tls) else { panic!("served") };
        assert_eq!(result.code, ResultCode::PROTOCOL_ERROR);
        assert!(String::from_utf8_lossy(&result.diagnostic_message).contains("1.2.3.4"));
    }

    /// RFC 4532 §2 and RFC 4513 §5.2.1.8: as Active Directory writes it where there is a domain, by name
    /// otherwise, and empty for nobody.
    #[test]
    fn who_somebody_is() {
        use crate::ldap::identifier::Guid;
        use crate::policy::Account;
        let account = |authorization_name: &str| Account {
            directory: "corp".into(),
            guid: Guid([1; 16]),
            dn: "CN=Alice,DC=corp,DC=example".into(),
            authorization_name: authorization_name.into(),
            upstream_name: "".into(),
            service_account: false,
            expires: None,
        };
        for (identity, expected) in [
            (Some(Identity::Directory(account("CORP\\alice"))), "u:CORP\\alice"),
            (Some(Identity::Directory(account("alice"))), "dn:CN=Alice,DC=corp,DC=example"),
            (Some(Identity::Local { name: "crm".into() }), "dn:cn=crm,cn=ldapgate"),
            (Some(Identity::Anonymous), ""),
            (None, ""),
        ] {
            assert_eq!(authorization_identity(identity.as_ref(), None), expected);
        }
    }
}
