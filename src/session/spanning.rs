//! Searches at a name above the naming contexts of several directories of an application, `DC=example` for
//! `DC=a,DC=example` and `DC=b,DC=example`: no directory has such an entry, and together they are what is below it.

use crate::directory::View;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::request::SearchScope;

/// Whether a search at `base` is about more than one of the views: it is above the naming context of one at
/// least, and in or above another. In one directory alone it is what that directory says it is.
pub(super) fn spans<'v>(views: impl Iterator<Item = &'v View>, base: &NormalizedDn) -> bool {
    let (mut above, mut met) = (0, 0);
    for view in views {
        let is_above = is_above(base, view);
        above += usize::from(is_above);
        met += usize::from(is_above || view.find_dn(base).is_some());
    }
    above > 0 && met > 1
}

/// Where the search goes on in a view whose naming context is below `base`: at the heads of its contexts, each with
/// the scope that is left there. From the root a search reaches everything as it is.
pub(super) fn heads_below(
    view: &View,
    base: &NormalizedDn,
    scope: SearchScope,
) -> Vec<(NormalizedDn, SearchScope)> {
    if !is_above(base, view) {
        return Vec::new();
    }
    let heads = view.domain().heads().filter_map(|head| NormalizedDn::parse(head).ok());
    let below = heads.filter(|head| head != base && head.is_within(base));
    match scope {
        SearchScope::BaseObject => Vec::new(),
        SearchScope::SingleLevel => below
            .filter(|head| head.parent().as_ref() == Some(base))
            .map(|head| (head, SearchScope::BaseObject))
            .collect(),
        SearchScope::WholeSubtree | SearchScope::SubordinateSubtree => {
            below.map(|head| (head, SearchScope::WholeSubtree)).collect()
        }
    }
}

fn is_above(base: &NormalizedDn, view: &View) -> bool {
    let context = NormalizedDn::parse(&view.domain().naming_context);
    !base.is_root() && context.is_ok_and(|context| context != *base && context.is_within(base))
}
