//! What the end of a DirSync search means (MS-ADTS 3.1.1.3.4.1.3).

use super::error::{LinkError, Step};
use super::link::SearchDone;
use super::outcome::describe;
use super::paging::{check, response_control};
use crate::ldap::control::oid;
use crate::ldap::controls::dir_sync::{DirSyncRequest, DirSyncResponse};
use crate::ldap::result::{LdapResult, ResultCode};

/// How far a page of DirSync came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirSyncPage {
    /// Whether another request with the new cookie brings more.
    pub more: bool,
    /// What the next request carries, never empty.
    pub cookie: Vec<u8>,
}

pub(super) fn page_end(
    request: &DirSyncRequest,
    done: &SearchDone,
) -> Result<DirSyncPage, LinkError> {
    check_with_position(&done.result, !request.cookie.is_empty())?;
    let broken = |reason: &str| Err(LinkError::new(Step::Protocol, reason));
    let Some(control) = response_control(&done.controls, oid::DIR_SYNC)? else {
        return broken("no DirSync control in the answer; it may be an ordinary search's");
    };
    let DirSyncResponse { more, cookie } = match DirSyncResponse::read(&control) {
        Ok(response) => response,
        Err(error) => return broken(&format!("malformed DirSync control: {error}")),
    };
    if cookie.is_empty() {
        return broken("a DirSync control without a cookie");
    }
    if more && cookie == request.cookie {
        return broken("DirSync makes no progress");
    }
    Ok(DirSyncPage { more, cookie })
}

/// As [`check`], for a request that may carry a cookie of an earlier one.
///
/// A cookie that is not understood is refused with the code of a control that is not offered (Samba: 12 with
/// `0000202C`), as a malformed one, or as something the controller does not want to do; the text differs
/// from version to version. So a refusal of that kind is taken for the cookie's as long as there is one. The
/// same request without a cookie then shows what it really was.
pub(super) fn check_with_position(result: &LdapResult, has_cookie: bool) -> Result<(), LinkError> {
    let of_the_cookie = [
        ResultCode::PROTOCOL_ERROR,
        ResultCode::UNAVAILABLE_CRITICAL_EXTENSION,
        ResultCode::UNWILLING_TO_PERFORM,
    ];
    if has_cookie && of_the_cookie.contains(&result.code) {
        return Err(LinkError::new(Step::Position, describe(result)));
    }
    check(result)
}
