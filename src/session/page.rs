//! Which part of what was found one answer shows, and how it ends.

use crate::ldap::controls::paged_results::PagedResults;
use crate::ldap::result::ResultCode;
use crate::policy::application::SearchLimits;

/// Which positions one answer covers, and how it ends.
pub(super) struct Page {
    /// The position after the last one.
    pub(super) end: usize,
    /// Whether there is a next page.
    pub(super) more: bool,
    /// How the answer ends.
    pub(super) code: ResultCode,
}

impl Page {
    /// The part of `total` entries that begins at `position`. A page of size 0 without a cookie is no
    /// page: everything comes, as without the control, with the number of entries in the response.
    pub(super) fn plan(
        total: usize,
        position: usize,
        paged: Option<&PagedResults>,
        size_limit: u32,
        limits: SearchLimits,
    ) -> Self {
        let bound = |limit: u32| if limit == 0 { usize::MAX } else { limit as usize };
        // A page that is not smaller than the size limit asks for one page only (RFC 2696 §3).
        let paged = paged
            .filter(|paged| paged.size > 0)
            .filter(|paged| size_limit == 0 || paged.size < size_limit || position > 0);
        let most = match paged {
            Some(_) => bound(size_limit),
            None => bound(size_limit).min(bound(limits.size)),
        };
        let reachable = total.min(most);
        let end = match paged {
            Some(paged) => {
                let size = (paged.size as usize).min(bound(limits.page));
                reachable.min(position.saturating_add(size))
            }
            None => reachable,
        };
        let more = paged.is_some() && end < reachable;
        let cut = !more && reachable < total;
        let code = if cut { ResultCode::SIZE_LIMIT_EXCEEDED } else { ResultCode::SUCCESS };
        Self { end, more, code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(total: usize, position: usize, page: Option<u32>, size: u32) -> (usize, bool, u32) {
        let paged = page.map(|size| PagedResults { size, cookie: Vec::new() });
        let limits = SearchLimits { size: 50, page: 20, ..SearchLimits::default() };
        let page = Page::plan(total, position, paged.as_ref(), size, limits);
        (page.end, page.more, page.code.0)
    }

    /// RFC 4511 §4.5.1.4 (sizeLimit) and RFC 2696 §3 (pages).
    #[test]
    fn how_far_one_answer_goes() {
        assert_eq!(plan(10, 0, None, 0), (10, false, 0), "all of it");
        assert_eq!(plan(10, 0, None, 4), (4, false, 4), "the client's limit");
        assert_eq!(plan(10, 0, None, 10), (10, false, 0), "the limit just reached is no excess");
        assert_eq!(plan(100, 0, None, 0), (50, false, 4), "the application's limit");
        assert_eq!(plan(100, 0, Some(7), 0), (7, true, 0), "a page");
        assert_eq!(plan(100, 98, Some(7), 0), (100, false, 0), "the last page");
        assert_eq!(plan(100, 0, Some(1000), 0), (20, true, 0), "pages have a bound of their own");
        assert_eq!(plan(100, 0, Some(0x7fff_ffff), 0), (20, true, 0), "the largest page there is");
        assert_eq!(plan(100, 0, Some(10), 15), (10, true, 0), "pages below the size limit");
        assert_eq!(plan(100, 10, Some(10), 15), (15, false, 4), "the size limit ends the pages");
        assert_eq!(plan(5, 0, Some(126), 5), (5, false, 0), "a page as large as the limit");
        assert_eq!(plan(0, 0, Some(10), 0), (0, false, 0), "nothing");
        assert_eq!(plan(30, 0, Some(0), 0), (30, false, 0), "a page of size 0 is no page");
    }
}
