//! The rules of a whole paged search (RFC 2696): what a page's end means and when there is more.
//! Nothing cut short is ever taken for complete.

use super::error::{LinkError, Step};
use super::outcome::describe;
use crate::ldap::control::{Control, oid};
use crate::ldap::controls::paged_results::PagedResults;
use crate::ldap::result::{LdapResult, ResultCode};

/// Empty pages in a row that are put up with. Active Directory sends some while it walks a large
/// index; a cookie that never moves on must not hold us for ever.
const MAX_EMPTY_PAGES: u32 = 1000;
/// The same with one and the same cookie.
const MAX_STALLED_PAGES: u32 = 3;

/// Where a paged search stands.
#[derive(Debug)]
pub(super) struct Paging {
    page: PagedResults,
    empty: u32,
    stalled: u32,
}

impl Paging {
    pub(super) const fn new(size: u32) -> Self {
        Self { page: PagedResults { size, cookie: Vec::new() }, empty: 0, stalled: 0 }
    }

    /// The control of the next request.
    pub(super) fn control(&self) -> Control {
        self.page.to_control(true)
    }

    /// Takes the end of a page of `entries` entries; true if there is another page.
    pub(super) fn advance(
        &mut self,
        entries: usize,
        result: &LdapResult,
        controls: &[u8],
    ) -> Result<bool, LinkError> {
        check(result)?;
        let Some(control) = response_control(controls, oid::PAGED_RESULTS)? else {
            let reason = "no paged results control in the answer; it may be incomplete";
            return Err(broken(reason.to_owned()));
        };
        let cookie = PagedResults::read(&control)
            .map_err(|error| broken(format!("malformed paged results control: {error}")))?
            .cookie;
        if cookie.is_empty() {
            return Ok(false);
        }
        let same = cookie == self.page.cookie;
        self.empty = if entries == 0 { self.empty + 1 } else { 0 };
        self.stalled = if entries == 0 && same { self.stalled + 1 } else { 0 };
        if self.empty > MAX_EMPTY_PAGES || self.stalled >= MAX_STALLED_PAGES {
            return Err(broken("the paged search makes no progress".to_owned()));
        }
        self.page.cookie = cookie;
        Ok(true)
    }
}

/// The control called `oid` among the encoded response controls.
pub(super) fn response_control(controls: &[u8], oid: &str) -> Result<Option<Control>, LinkError> {
    let controls = Control::read_all(controls)
        .map_err(|error| broken(format!("malformed response controls: {error}")))?;
    Ok(controls.into_iter().find(|control| control.oid == oid))
}

fn broken(reason: String) -> LinkError {
    LinkError::new(Step::Protocol, reason)
}

/// Whether a search ended well; else at which step it failed and why.
pub(super) fn check(result: &LdapResult) -> Result<(), LinkError> {
    let step = match result.code {
        ResultCode::SUCCESS => return Ok(()),
        ResultCode::SIZE_LIMIT_EXCEEDED
        | ResultCode::TIME_LIMIT_EXCEEDED
        | ResultCode::ADMIN_LIMIT_EXCEEDED => Step::Limit,
        ResultCode::NO_SUCH_OBJECT | ResultCode::INVALID_DN_SYNTAX | ResultCode::REFERRAL => {
            Step::Base
        }
        ResultCode::UNDEFINED_ATTRIBUTE_TYPE
        | ResultCode::INAPPROPRIATE_MATCHING
        | ResultCode::INVALID_ATTRIBUTE_SYNTAX => Step::Filter,
        ResultCode::UNAVAILABLE_CRITICAL_EXTENSION => Step::Control,
        ResultCode::SYNC_REFRESH_REQUIRED => Step::Position,
        ResultCode::INSUFFICIENT_ACCESS_RIGHTS
        | ResultCode::INAPPROPRIATE_AUTHENTICATION
        | ResultCode::STRONGER_AUTH_REQUIRED
        | ResultCode::CONFIDENTIALITY_REQUIRED => Step::Rights,
        // Active Directory refuses an unbound search this way (MS-ADTS 3.1.1.3.1.3).
        ResultCode::OPERATIONS_ERROR if asks_for_bind(&result.diagnostic_message) => Step::Rights,
        ResultCode::OPERATIONS_ERROR
        | ResultCode::BUSY
        | ResultCode::UNAVAILABLE
        | ResultCode::OTHER => Step::Server,
        ResultCode(_) => Step::Protocol,
    };
    Err(LinkError::new(step, describe(result)))
}

fn asks_for_bind(text: &[u8]) -> bool {
    [b"000004DC".as_slice(), b"00002020"].iter().any(|code| text.starts_with(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::ber::Writer;

    fn encoded(control: &Control) -> Vec<u8> {
        let mut writer = Writer::new();
        control.write(&mut writer);
        writer.into_octets()
    }

    fn page_end(cookie: &[u8]) -> Vec<u8> {
        encoded(&PagedResults { size: 0, cookie: cookie.to_vec() }.to_control(false))
    }

    #[test]
    fn cookies_are_followed_to_the_empty_one() {
        let mut paging = Paging::new(500);
        let ok = LdapResult::success();
        assert!(paging.advance(500, &ok, &page_end(b"a")).unwrap());
        assert_eq!(PagedResults::read(&paging.control()).unwrap().cookie, b"a");
        assert!(paging.control().criticality);
        // Samba names the whole search by one cookie.
        assert!(paging.advance(500, &ok, &page_end(b"a")).unwrap());
        assert!(paging.advance(0, &ok, &page_end(b"b")).unwrap());
        assert!(!paging.advance(1, &ok, &page_end(b"")).unwrap());
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        let end = page_end(b"");
        for (code, step) in [
            (3, Step::Limit),
            (4, Step::Limit),
            (11, Step::Limit),
            (10, Step::Base),
            (32, Step::Base),
            (34, Step::Base),
            (18, Step::Filter),
            (50, Step::Rights),
            (1, Step::Server),
            (52, Step::Server),
            (12, Step::Control),
            (53, Step::Protocol),
            (4096, Step::Position),
            (4711, Step::Protocol),
        ] {
            let result = LdapResult::new(ResultCode(code), "text");
            let error = Paging::new(10).advance(10, &result, &end).unwrap_err();
            assert_eq!(error.step, step, "{code}");
        }
        let unbound = LdapResult::new(ResultCode(1), "000004DC: LdapErr: DSID-0C090A5C, comment…");
        assert_eq!(check(&unbound).unwrap_err().step, Step::Rights);
        let ok = LdapResult::success();
        let other = encoded(&Control::new(oid::PASSWORD_POLICY, false));
        for controls in [vec![], other, vec![0x30, 0x05, 0x04]] {
            let error = Paging::new(10).advance(10, &ok, &controls).unwrap_err();
            assert_eq!(error.step, Step::Protocol);
        }
    }

    #[test]
    fn a_search_that_makes_no_progress_ends() {
        let ok = LdapResult::success();
        let mut paging = Paging::new(10);
        let rounds = (0..10).take_while(|_| paging.advance(0, &ok, &page_end(b"x")).is_ok());
        assert_eq!(rounds.count(), 3);
        let mut paging = Paging::new(10);
        let rounds = (0..2000_u32)
            .take_while(|round| paging.advance(0, &ok, &page_end(&round.to_be_bytes())).is_ok());
        assert_eq!(rounds.count(), 1000);
    }
}
