//! What a filter means for whoever asks: which attributes and names it may look at, and what is worked out for them.

use crate::ldap::dn::NormalizedDn;
use crate::ldap::filter::Filter;
use crate::ldap::schema::{self, Syntax};

use super::assertion::Assertion;
use super::compile::Compiler;
use super::domain::EntryKind;
use super::evaluate::Leaf;
use super::search::{Audience, identity_attribute};
use super::view::Slot;
use super::wording::Asserted;

impl<'v> Compiler<'v> {
    /// An assertion on an attribute that is worked out for whoever asks; `None`: it is on another one.
    pub(super) fn added(&self, filter: &Filter) -> Option<Assertion<'v>> {
        let additions = &self.audience?.wording()?.additions;
        let attribute = filter.attribute()?;
        let mut known = additions.of_users();
        let (name, addition) = known.find(|(name, _)| same_type(name, &attribute.name))?;
        let asserted = self.filters_by(name).then(|| Asserted::new(name, addition, filter));
        Some(match asserted.flatten() {
            Some(asserted) => Assertion::Leaf(Leaf::Added(Box::new(asserted))),
            None => Assertion::Undefined,
        })
    }

    /// Whether memberOf has nested groups too.
    pub(super) fn nests(&self, name: &str) -> bool {
        let wording = self.audience.and_then(|audience| audience.wording());
        wording.is_some_and(|wording| wording.additions.nest_groups())
            && name.eq_ignore_ascii_case("memberOf")
    }

    /// Entries that are in some group that may be named, at any depth.
    pub(super) fn in_any_group(&self, audience: &dyn Audience) -> Assertion<'v> {
        let groups = self.view.slots_of_kind(EntryKind::Group).iter();
        let named = groups.filter(|slot| {
            self.view.entry(Slot(*slot)).is_some_and(|group| audience.may_name(group))
        });
        Assertion::Leaf(Leaf::Set(self.view.members_below(&named.collect())))
    }

    /// Whether the filter may look at the attribute; where not, an assertion is Undefined.
    pub(super) fn filters_by(&self, name: &str) -> bool {
        self.audience.is_none_or(|audience| audience.filters_by(name))
    }

    /// Whoever is to be asked which entries values of the attribute may name.
    pub(super) fn guard(&self, name: &str, syntax: Syntax) -> Option<&'v dyn Audience> {
        let names = syntax == Syntax::DistinguishedName;
        self.audience.filter(|audience| names && audience.keeps_names_back(name))
    }

    /// Whether a value of the attribute that is this name counts.
    pub(super) fn may_name(&self, attribute: &str, name: &NormalizedDn) -> bool {
        let Some(audience) = self.guard(attribute, Syntax::DistinguishedName) else { return true };
        self.view.find_dn(name).is_none_or(|entry| audience.may_name(entry))
    }

    pub(super) fn counts_primary_groups(&self, name: &str) -> bool {
        self.audience.is_some_and(|audience| audience.counts_primary_groups())
            && name.eq_ignore_ascii_case("memberOf")
    }

    /// The name of an entry that a value gives by its identity; none where that would tell an identity
    /// that is not shown.
    pub(super) fn identified(&self, attribute: &str, identity: &str) -> Option<NormalizedDn> {
        let name = self.view.resolve_base(identity).ok()?;
        let shown = identity_attribute(identity).is_some_and(|told| self.filters_by(told));
        (shown && self.may_name(attribute, &name)).then_some(name)
    }
}

fn same_type(one: &str, other: &str) -> bool {
    let name = |name| schema::attribute_type(name).map_or(name, |known| known.name);
    name(one).eq_ignore_ascii_case(name(other))
}
