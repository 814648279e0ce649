//! Where a session's last searches began and what they asked to be returned, ready for the views they were
//! made for: applications name the same bases and attributes over and over.

use std::sync::{Arc, Weak};

use crate::directory::{Audience, Selection, SelectionPlan, View};
use crate::ldap::attribute_list::AttributeList;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::request::SearchRequest;

/// How many are remembered.
const REMEMBERED: usize = 4;
/// Longest base that is remembered, in octets.
const LONGEST_BASE: usize = 512;

/// The last plans of one session, for one identity.
#[derive(Default)]
pub struct Plans {
    known: Vec<Known>,
    oldest: usize,
    bases: Vec<(Box<str>, NormalizedDn)>,
    oldest_base: usize,
}

struct Known {
    attributes: AttributeList,
    types_only: bool,
    /// Not kept alive by this.
    view: Weak<View>,
    plan: Arc<SelectionPlan>,
}

impl Plans {
    /// How entries of `view` are written for this request; see [`View::plan`] for `primary_groups`.
    pub fn plan(
        &mut self,
        request: &SearchRequest,
        view: &Arc<View>,
        audience: &dyn Audience,
        primary_groups: bool,
    ) -> Arc<SelectionPlan> {
        let known = self.known.iter().find(|known| {
            std::ptr::eq(known.view.as_ptr(), Arc::as_ptr(view))
                && known.types_only == request.types_only
                && known.attributes == request.attributes
        });
        if let Some(known) = known {
            return known.plan.clone();
        }
        let selection = Selection::parse(request.attributes.iter(), request.types_only);
        let plan = Arc::new(view.plan(&selection, audience, primary_groups));
        let known = Known {
            attributes: request.attributes.clone(),
            types_only: request.types_only,
            view: Arc::downgrade(view),
            plan: plan.clone(),
        };
        remember(&mut self.known, &mut self.oldest, known);
        plan
    }

    /// The base of a search as a name, which it is whatever the view. `None`: it is none, or another form
    /// of identity (`<GUID=…>`).
    pub fn base(&mut self, text: &str) -> Option<NormalizedDn> {
        if let Some((_, name)) = self.bases.iter().find(|(known, _)| &**known == text) {
            return Some(name.clone());
        }
        let is_name = text.len() <= LONGEST_BASE && !text.trim_start().starts_with('<');
        let name = NormalizedDn::parse(text).ok().filter(|_| is_name)?;
        remember(&mut self.bases, &mut self.oldest_base, (text.into(), name.clone()));
        Some(name)
    }

    /// Another identity may be shown other attributes.
    pub fn forget(&mut self) {
        self.known.clear();
    }
}

fn remember<T>(known: &mut Vec<T>, oldest: &mut usize, new: T) {
    if known.len() < REMEMBERED {
        known.push(new);
    } else if let Some(place) = known.get_mut(*oldest % REMEMBERED) {
        *place = new;
        *oldest = oldest.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only names are taken for names, and no more than a few are kept.
    #[test]
    fn bases() {
        let mut plans = Plans::default();
        for _ in 0..2 {
            for text in ["", "DC=corp", "dc=CORP", "ou=a,dc=corp", "ou=b,dc=corp", "ou=c,dc=corp"] {
                assert_eq!(plans.base(text), NormalizedDn::parse(text).ok(), "{text}");
                assert!(plans.bases.len() <= REMEMBERED);
            }
            for text in ["<GUID=00000000-0000-0000-0000-000000000000>", "corp", "=x"] {
                assert_eq!(plans.base(text), None, "{text}");
            }
        }
        let long = format!("cn={}", "x".repeat(LONGEST_BASE));
        assert_eq!(plans.base(&long), None);
        assert!(plans.bases.iter().all(|(text, _)| text.len() <= LONGEST_BASE));
    }
}
