//! How a directory words a wrong password, learned from its own answers, so that a refusal made here
//! cannot be told from one made there by its shape.

use crate::ldap::result::{LdapResult, ResultCode};
use crate::ldap::schema::DirectoryKind;
use crate::upstream::REFUSED_TEXT;

const MARKER: &[u8] = b"data ";

/// The text around the sub-code (MS-ERREF system error) of a refused bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    before: Vec<u8>,
    after: Vec<u8>,
    has_sub_code: bool,
}

/// What Active Directory calls the state of an account in a refused bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubCode {
    /// 52e: wrong password.
    LogonFailure,
    /// 525: no such user.
    NoSuchUser,
    /// 533: disabled.
    Disabled,
    /// 701: expired.
    Expired,
    /// 775: locked out.
    LockedOut,
}

impl SubCode {
    const fn text(self) -> &'static str {
        match self {
            Self::LogonFailure => "52e",
            Self::NoSuchUser => "525",
            Self::Disabled => "533",
            Self::Expired => "701",
            Self::LockedOut => "775",
        }
    }
}

impl Dialect {
    /// What is said before anything has been learned: Active Directory's usual wording, or no text.
    #[must_use]
    pub fn default_for(kind: DirectoryKind) -> Self {
        match kind {
            DirectoryKind::ActiveDirectory => Self {
                before:
                    b"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data "
                        .to_vec(),
                after: b", v1db1".to_vec(),
                has_sub_code: true,
            },
            DirectoryKind::OpenLdap => {
                Self { before: Vec::new(), after: Vec::new(), has_sub_code: false }
            }
        }
    }

    /// Learns from a controller's answer to a wrong password; `None` if it is not one. Active Directory
    /// always says the sub-code, so an answer without it is about something else, and our own text for
    /// answers outside the table is nobody's dialect.
    #[must_use]
    pub fn learn(kind: DirectoryKind, result: &LdapResult) -> Option<Self> {
        let text = &result.diagnostic_message;
        if result.code != ResultCode::INVALID_CREDENTIALS || text == REFUSED_TEXT.as_bytes() {
            return None;
        }
        let Some(at) = find(text, MARKER) else {
            let plain = Self { before: text.clone(), after: Vec::new(), has_sub_code: false };
            return (kind == DirectoryKind::OpenLdap).then_some(plain);
        };
        let (before, rest) = text.split_at_checked(at + MARKER.len())?;
        let digits = rest.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
        let (sub_code, after) = rest.split_at_checked(digits)?;
        sub_code.eq_ignore_ascii_case(SubCode::LogonFailure.text().as_bytes()).then(|| Self {
            before: before.to_vec(),
            after: after.to_vec(),
            has_sub_code: true,
        })
    }

    /// The refusal with this sub-code, in this directory's words.
    #[must_use]
    pub fn refusal(&self, sub_code: SubCode) -> LdapResult {
        let mut text = self.before.clone();
        if self.has_sub_code {
            text.extend_from_slice(sub_code.text().as_bytes());
            text.extend_from_slice(&self.after);
        }
        LdapResult::new(ResultCode::INVALID_CREDENTIALS, text)
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learned_refusal_has_the_shape_of_the_controllers_own() {
        let windows = b"80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 52e, v4563\0";
        let answer = LdapResult::new(ResultCode::INVALID_CREDENTIALS, windows.to_vec());
        let dialect = Dialect::learn(DirectoryKind::ActiveDirectory, &answer).unwrap();
        assert_eq!(dialect.refusal(SubCode::LogonFailure), answer);
        let disabled = dialect.refusal(SubCode::Disabled).diagnostic_message;
        assert_eq!(disabled.len(), windows.len());
        assert!(disabled.ends_with(b"data 533, v4563\0"));
    }

    #[test]
    fn only_a_wrong_password_teaches() {
        for text in ["... data 775, v1db1", "... data 533, v1", REFUSED_TEXT] {
            let answer = LdapResult::new(ResultCode::INVALID_CREDENTIALS, text);
            for kind in [DirectoryKind::ActiveDirectory, DirectoryKind::OpenLdap] {
                assert_eq!(Dialect::learn(kind, &answer), None, "{text}");
            }
        }
        let busy = LdapResult::new(ResultCode::BUSY, "data 52e");
        assert_eq!(Dialect::learn(DirectoryKind::ActiveDirectory, &busy), None);
        let bare = LdapResult::new(ResultCode::INVALID_CREDENTIALS, "no such logon");
        assert_eq!(Dialect::learn(DirectoryKind::ActiveDirectory, &bare), None);
    }

    #[test]
    fn a_directory_without_texts_gets_none() {
        let answer = LdapResult::new(ResultCode::INVALID_CREDENTIALS, "");
        let dialect = Dialect::learn(DirectoryKind::OpenLdap, &answer).unwrap();
        assert_eq!(dialect.refusal(SubCode::Disabled), answer);
        assert_eq!(Dialect::default_for(DirectoryKind::OpenLdap).refusal(SubCode::Expired), answer);
    }
}
