//! What a controller's answer to a bind means: one total match (DESIGN §4).
//!
//! Only here an [`Accepted`] is made. What is not code 0 under our own message id in a BindResponse
//! is never success.

use crate::ldap::message::{MessageId, operation_tag};
use crate::ldap::response::{Response, ResponseOperation};
use crate::ldap::result::{LdapResult, ResultCode};

/// Proof that a controller answered code 0 to a bind with a name and a password. Its one constructor
/// is in this file.
#[derive(Debug)]
pub struct Accepted {
    _private: (),
}

/// What the client is told when a controller refuses with an answer that is not in the table.
pub const REFUSED_TEXT: &str = "the directory refused this login";

/// The meaning of one answer.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The password is right.
    Accepted {
        /// The proof.
        evidence: Accepted,
        /// The response controls, content of the `[0]` element.
        controls: Vec<u8>,
    },
    /// The controller refused. Final: the password must not be sent again.
    Rejected {
        /// What to relay.
        result: LdapResult,
        /// The response controls, content of the `[0]` element.
        controls: Vec<u8>,
        /// The controller's own result where `result` replaces it.
        unlisted: Option<LdapResult>,
    },
    /// The controller had the password but could not judge it; it may have counted it.
    NotJudged(String),
    /// The controller is busy or unavailable and says so before it judged.
    NextController(String),
    /// The controller does not take simple binds the way we are configured to send them.
    Misconfigured(String),
    /// The controller names another server; referrals are not followed.
    Referral(String),
}

impl Verdict {
    /// Whether the controller judged the password.
    pub(super) const fn is_final(&self) -> bool {
        matches!(self, Self::Accepted { .. } | Self::Rejected { .. })
    }
}

/// Reads the answer to the bind that was sent under `expected`.
pub(super) fn judge(expected: MessageId, message: &[u8]) -> Verdict {
    let response = match Response::decode(message) {
        Ok(response) => response,
        Err(error) => return Verdict::NotJudged(format!("malformed answer: {error}")),
    };
    match response.operation {
        ResponseOperation::Done { tag, result, name, .. } => {
            if response.id == MessageId::UNSOLICITED {
                let name = name.unwrap_or_else(|| "notice of disconnection".to_owned());
                Verdict::NotJudged(format!("unsolicited {name}: {}", describe(&result)))
            } else if response.id != expected {
                Verdict::NotJudged(format!("answer to message {} instead of ours", response.id))
            } else if tag != operation_tag::BIND_RESPONSE {
                Verdict::NotJudged(format!("an answer of type 0x{tag:02x} to a bind"))
            } else {
                judge_result(result, response.controls)
            }
        }
        ResponseOperation::Entry(_)
        | ResponseOperation::Reference
        | ResponseOperation::Intermediate => {
            Verdict::NotJudged("search or intermediate data instead of a bind response".to_owned())
        }
    }
}

/// The table of DESIGN §4.
fn judge_result(result: LdapResult, controls: Vec<u8>) -> Verdict {
    match result.code {
        ResultCode::SUCCESS => Verdict::Accepted { evidence: Accepted { _private: () }, controls },
        ResultCode::INVALID_CREDENTIALS => match SubCode::of(&result.diagnostic_message) {
            SubCode::None | SubCode::Final => {
                Verdict::Rejected { result, controls, unlisted: None }
            }
            SubCode::Infrastructure => Verdict::NotJudged(describe(&result)),
            SubCode::Other => refuse(result, controls),
        },
        ResultCode::OPERATIONS_ERROR
        | ResultCode::TIME_LIMIT_EXCEEDED
        | ResultCode::ADMIN_LIMIT_EXCEEDED
        | ResultCode::OTHER => Verdict::NotJudged(describe(&result)),
        ResultCode::BUSY | ResultCode::UNAVAILABLE => Verdict::NextController(describe(&result)),
        ResultCode::STRONGER_AUTH_REQUIRED | ResultCode::CONFIDENTIALITY_REQUIRED => {
            Verdict::Misconfigured(describe(&result))
        }
        ResultCode::REFERRAL => Verdict::Referral(describe(&result)),
        ResultCode(_) => refuse(result, controls),
    }
}

fn refuse(original: LdapResult, controls: Vec<u8>) -> Verdict {
    let result = LdapResult::new(ResultCode::INVALID_CREDENTIALS, REFUSED_TEXT);
    Verdict::Rejected { result, controls, unlisted: Some(original) }
}

/// What Active Directory's sub-code of `invalidCredentials` says (`data XXX` in the text; Windows
/// error codes, MS-ERREF 2.1 and 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SubCode {
    /// The text has none: not Active Directory, or a plain refusal.
    None,
    /// About the account or the password: judged.
    Final,
    /// About the controller or its domain: not judged.
    Infrastructure,
    /// Not in the table.
    Other,
}

impl SubCode {
    fn of(text: &[u8]) -> Self {
        match sub_code(text) {
            None => Self::None,
            Some(code) => Self::class(code),
        }
    }

    const fn class(code: u32) -> Self {
        match code {
            // Wrong password, unknown user, hours, workstation, password expired, disabled, invalid
            // parameter, account expired, must change the password, locked out.
            0x52e | 0x525 | 0x530..=0x533 | 0x57 | 0x701 | 0x773 | 0x775 => Self::Final,
            // No memory, no logon servers, no such domain, damaged database, internal error, clock skew, no resources,
            // timeout, RPC unavailable, too busy or failed, trust failures, Netlogon not started.
            0x8
            | 0x51f
            | 0x54b
            | 0x54e
            | 0x54f
            | 0x576
            | 0x5aa
            | 0x5b4
            | 0x6ba
            | 0x6bb
            | 0x6be
            | 0x6fb..=0x6fd
            | 0x700 => Self::Infrastructure,
            // SEC_E: insufficient memory, internal error, no authenticating authority, time skew,
            // bad channel bindings.
            0x8009_0300 | 0x8009_0304 | 0x8009_0311 | 0x8009_0324 | 0x8009_0346 => {
                Self::Infrastructure
            }
            _ => Self::Other,
        }
    }
}

/// The hexadecimal number after the word `data`, wherever it stands. The text may have any octets.
fn sub_code(text: &[u8]) -> Option<u32> {
    const WORD: &[u8] = b"data ";
    text.windows(WORD.len()).enumerate().find_map(|(position, window)| {
        let inside_word = position > 0
            && text.get(position - 1).is_some_and(|octet| octet.is_ascii_alphanumeric());
        if inside_word || !window.eq_ignore_ascii_case(WORD) {
            return None;
        }
        let rest = text.get(position + WORD.len()..)?;
        let end = rest.iter().position(|octet| !octet.is_ascii_alphanumeric());
        let digits = std::str::from_utf8(rest.get(..end.unwrap_or(rest.len()))?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    })
}

/// Whether the directory may have counted what it refused with this answer as a wrong password. Not with those
/// sub-codes that tell another state of the account: logon hours, workstation, password expired, disabled, account
/// expired, password to be changed, locked out.
#[must_use]
pub fn may_count(result: &LdapResult) -> bool {
    !matches!(sub_code(&result.diagnostic_message), Some(0x530..=0x533 | 0x701 | 0x773 | 0x775))
}

/// Code and text for a log line: escaped, cut at 256 characters.
pub(super) fn describe(result: &LdapResult) -> String {
    let text = String::from_utf8_lossy(&result.diagnostic_message);
    let text = text.trim_end_matches('\0');
    if text.is_empty() {
        return result.code.to_string();
    }
    let escaped: String = text.chars().take(256).flat_map(char::escape_debug).collect();
    format!("{} \"{escaped}\"", result.code)
}

/// An `Accepted` for the tests of other rooms, made as a real one is.
#[cfg(test)]
#[must_use]
pub fn accepted_for_tests() -> Accepted {
    let verdict = judge_result(LdapResult::success(), Vec::new());
    let Verdict::Accepted { evidence, .. } = verdict else { panic!("{verdict:?}") };
    evidence
}

#[cfg(test)]
mod tests;
