//! A filter made ready for one view: attributes looked up, assertion values prepared, indices found,
//! negations moved down to the assertions.

use roaring::RoaringBitmap;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::filter::Filter;
use crate::ldap::matching_rule::{MatchingRule, Piece, prepare, prepare_piece};
use crate::ldap::schema::{self, AMBIGUOUS_NAME, Syntax};

use super::assertion::{Assertion, Here, Named, by_pieces, category_name, ordered, value_of};
use super::attributes::key;
use super::evaluate::{Chain, Leaf, Lookup, NamePart, Node, Pieces, ShownNames, Test, number};
use super::index::{AttributeIndex, Hits, Key, KeyRange};
use super::search::Audience;
use super::view::View;

/// Makes filters ready.
#[derive(Clone, Copy)]
pub(super) struct Compiler<'v> {
    pub(super) view: &'v View,
    /// Who asks; `None`: whoever it is.
    pub(super) audience: Option<&'v dyn Audience>,
}

impl<'v> Compiler<'v> {
    pub(super) fn node(&self, filter: &Filter) -> Node<'v> {
        self.signed(filter, true)
    }

    /// True where the filter is True (`sign`) or where it is False.
    fn signed(&self, filter: &Filter, sign: bool) -> Node<'v> {
        match filter {
            Filter::And(filters) => self.all_or_any(filters, sign, sign),
            Filter::Or(filters) => self.all_or_any(filters, !sign, sign),
            Filter::Not(filter) => self.signed(filter, !sign),
            Filter::Equality { attribute, value } | Filter::Approx { attribute, value }
                if attribute.name.eq_ignore_ascii_case(AMBIGUOUS_NAME) =>
            {
                self.ambiguous(value, sign)
            }
            // `(anr=ali*)`: the name is looked for at the start anyway.
            Filter::Substrings { attribute, initial: Some(value), any, last: None }
                if any.is_empty() && attribute.name.eq_ignore_ascii_case(AMBIGUOUS_NAME) =>
            {
                self.ambiguous(value, sign)
            }
            Filter::Extensible { rule, attribute: Some(attribute), value, dn_attributes: true }
                if self.added(filter).is_none() =>
            {
                self.with_name_parts(rule.as_deref(), attribute, value, sign)
            }
            Filter::Equality { .. }
            | Filter::Approx { .. }
            | Filter::Substrings { .. }
            | Filter::GreaterOrEqual { .. }
            | Filter::LessOrEqual { .. }
            | Filter::Present(_)
            | Filter::Extensible { .. } => self.assertion(filter).signed(sign),
        }
    }

    fn ambiguous(&self, value: &[u8], sign: bool) -> Node<'v> {
        self.signed(&Filter::ambiguous_name(self.view.domain().kind, value), sign)
    }

    /// All legs together, or any of them: those that cost least first.
    fn all_or_any(&self, filters: &[Filter], all: bool, sign: bool) -> Node<'v> {
        let mut nodes = Vec::with_capacity(filters.len());
        for filter in filters {
            match self.signed(filter, sign) {
                // True changes nothing in an And, False nothing in an Or.
                Node::Constant(value) if value == all => {}
                Node::Constant(value) => return Node::Constant(value),
                Node::And(legs) if all => nodes.extend(legs),
                Node::Or(legs) if !all => nodes.extend(legs),
                node @ (Node::And(_) | Node::Or(_) | Node::Leaf(_) | Node::Not(_)) => {
                    nodes.push(node)
                }
            }
        }
        match nodes.pop() {
            None => Node::Constant(all),
            Some(only) if nodes.is_empty() => only,
            Some(last) => {
                nodes.push(last);
                nodes.sort_by_key(Node::cost);
                if all { Node::And(nodes) } else { Node::Or(nodes) }
            }
        }
    }

    fn assertion(&self, filter: &Filter) -> Assertion<'v> {
        if let Some(added) = self.added(filter) {
            return added;
        }
        match filter {
            Filter::Equality { attribute, value } | Filter::Approx { attribute, value } => {
                self.equality(self.named(attribute), value)
            }
            Filter::Substrings { attribute, initial, any, last } => {
                self.substrings(self.named(attribute), initial.as_deref(), any, last.as_deref())
            }
            Filter::GreaterOrEqual { attribute, value } => {
                self.tested(self.named(attribute), |syntax, _| {
                    let bound = ordered(syntax, value)?;
                    let lookup = Lookup::Range(KeyRange::at_least(&bound));
                    Some((Test::AtLeast(syntax, bound), lookup))
                })
            }
            Filter::LessOrEqual { attribute, value } => {
                self.tested(self.named(attribute), |syntax, _| {
                    let bound = ordered(syntax, value)?;
                    let lookup = Lookup::Range(KeyRange::at_most(&bound));
                    Some((Test::AtMost(syntax, bound), lookup))
                })
            }
            Filter::Present(attribute) => match self.named(attribute) {
                Named::Here(here) => match self.guard(here.name, here.syntax) {
                    None => Assertion::hits(Some(Hits::Set(here.index.present()))),
                    Some(audience) if self.nests(here.name) => self.in_any_group(audience),
                    Some(audience) => Assertion::Leaf(Leaf::Names(Box::new(ShownNames {
                        attribute: here.id,
                        present: here.index.present(),
                        audience,
                    }))),
                },
                Named::Absent { .. } => Assertion::False,
                Named::Undefined => Assertion::Undefined,
            },
            Filter::Extensible { rule, attribute: Some(attribute), value, .. } => {
                self.extensible(rule.as_deref(), attribute, value)
            }
            // A rule without an attribute (RFC 4511 §4.5.1.7.7).
            Filter::Extensible { attribute: None, .. }
            | Filter::And(_)
            | Filter::Or(_)
            | Filter::Not(_) => Assertion::Undefined,
        }
    }

    fn named(&self, description: &AttributeDescription) -> Named<'v> {
        let attributes = self.view.attributes();
        let found = attributes.find(description).and_then(|id| {
            let info = attributes.info(id)?;
            let index = self.view.index().attribute(id)?;
            Some(Here { id, name: info.type_name.as_str(), syntax: info.syntax, index })
        });
        let kind = self.view.domain().kind;
        let named = match found {
            Some(here) => Named::Here(here),
            // No entry has a forbidden attribute.
            None if schema::is_forbidden(&description.name) => Named::Undefined,
            None => schema::attribute_type(&description.name).map_or(Named::Undefined, |known| {
                Named::Absent { name: known.name, syntax: known.syntax_in(kind) }
            }),
        };
        match named.name() {
            // Every search names objectClass, be it only to ask for all entries.
            Some(name) if name == "objectClass" || self.filters_by(name) => named,
            Some(name) if name.eq_ignore_ascii_case("objectClass") => named,
            Some(_) | None => Named::Undefined,
        }
    }

    fn equality(&self, named: Named<'v>, value: &[u8]) -> Assertion<'v> {
        let (name, syntax) = match named {
            Named::Here(here) => (here.name, here.syntax),
            Named::Absent { name, syntax } => (name, syntax),
            Named::Undefined => return Assertion::Undefined,
        };
        if syntax == Syntax::DistinguishedName {
            return self.refers(named, name, value);
        }
        if syntax == Syntax::CaseIgnore
            && let Named::Here(here) = named
            && here.index.has_values()
            && let Some(key) = Key::of_plain_text(value)
        {
            return Assertion::hits(here.index.equal(&key));
        }
        match value_of(name, syntax, value) {
            Some(prepared) => self.equal_to(named, syntax, prepared),
            None => Assertion::Undefined,
        }
    }

    fn equal_to(&self, named: Named<'v>, syntax: Syntax, prepared: Vec<u8>) -> Assertion<'v> {
        let Named::Here(here) = named else { return Assertion::False };
        let lookup = if here.index.has_values() {
            let key = Key::of(&prepared);
            if key.is_exact() {
                return Assertion::hits(here.index.equal(&key));
            }
            Lookup::Key(key)
        } else {
            Lookup::Presence
        };
        Assertion::values(here, Test::Equal(syntax, prepared), lookup)
    }

    /// Entries whose attribute of DN syntax names what `value` names. References always have an index.
    fn refers(&self, named: Named<'v>, name: &str, value: &[u8]) -> Assertion<'v> {
        if self.nests(name) {
            return self.in_chain(named, value);
        }
        if let Named::Here(here) = named
            && let Some(hits) = self.short_category(here, value)
        {
            return Assertion::hits(Some(hits));
        }
        let Some(wanted) = self.name_assertion(name, value) else { return Assertion::Undefined };
        let Named::Here(here) = named else { return Assertion::False };
        if !self.may_name(name, &wanted) {
            return Assertion::False;
        }
        let hits = self.referring(here.index, &wanted);
        if !self.counts_primary_groups(name) {
            return Assertion::hits(hits);
        }
        let mut members = self.primary_members(&wanted);
        hits.into_iter().for_each(|hits| hits.add_to(&mut members));
        Assertion::Leaf(Leaf::Set(members))
    }

    /// Entries that refer to a name, in the view or outside.
    fn referring(&self, index: &'v AttributeIndex, name: &NormalizedDn) -> Option<Hits<'v>> {
        if let Some(outside) = index.outside(name.as_str()) {
            return Some(Hits::Set(outside));
        }
        self.view.slot_of(name).and_then(|target| index.target(target))
    }

    fn primary_members(&self, group: &NormalizedDn) -> RoaringBitmap {
        self.view
            .slot_of(group)
            .map_or_else(RoaringBitmap::new, |group| self.view.primary_members(group))
    }

    /// The name that an assertion on an attribute of DN syntax means.
    fn name_assertion(&self, attribute: &str, value: &[u8]) -> Option<NormalizedDn> {
        let text = std::str::from_utf8(value).ok()?;
        if attribute.eq_ignore_ascii_case("objectCategory") && !text.contains('=') {
            return self.object_category(text);
        }
        if text.starts_with('<') {
            return self.identified(attribute, text);
        }
        NormalizedDn::parse(text).ok()
    }

    /// The category of a class given by its short name (MS-ADTS §3.1.1.3.1.3.5).
    fn object_category(&self, class: &str) -> Option<NormalizedDn> {
        let domain = self.view.domain();
        let schema = match (&domain.schema_context, &domain.configuration_context) {
            (Some(schema), _) => schema.clone(),
            (None, Some(configuration)) => format!("CN=Schema,{configuration}"),
            (None, None) => return None,
        };
        NormalizedDn::parse(&format!("CN={},{schema}", category_name(class)?)).ok()
    }

    /// Entries of a category given by its short name, if there are any: almost every search asks for
    /// them, and so the name is put together as it is compared.
    fn short_category(&self, here: Here<'v>, value: &[u8]) -> Option<Hits<'v>> {
        if here.name != "objectCategory" {
            return None;
        }
        let name = category_name(std::str::from_utf8(value).ok()?)?;
        let plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        if name.is_empty() || !name.bytes().all(plain) {
            return None;
        }
        let known = self.view.domain().schema_context.as_deref();
        let schema = self.view.index().schema_context(known)?.as_str();
        let mut category = String::with_capacity(name.len() + schema.len() + 4);
        category.push_str("cn=");
        category.push_str(name);
        category.make_ascii_lowercase();
        category.push(',');
        category.push_str(schema);
        here.index.outside(&category).map(Hits::Set)
    }

    fn substrings(
        &self,
        named: Named<'v>,
        initial: Option<&[u8]>,
        any: &[Vec<u8>],
        last: Option<&[u8]>,
    ) -> Assertion<'v> {
        self.tested(named, |syntax, index| {
            let any = any.iter().map(|piece| prepare_piece(syntax, piece, Piece::Any));
            let pieces = Pieces {
                initial: prepare_piece(syntax, initial.unwrap_or_default(), Piece::Initial)?,
                any: any.collect::<Option<_>>()?,
                last: prepare_piece(syntax, last.unwrap_or_default(), Piece::Final)?,
            };
            let lookup = index.map_or(Lookup::Presence, |index| by_pieces(&pieces, index));
            Some((Test::Substrings(syntax, pieces), lookup))
        })
    }

    fn tested(
        &self,
        named: Named<'v>,
        test: impl FnOnce(Syntax, Option<&AttributeIndex>) -> Option<(Test, Lookup)>,
    ) -> Assertion<'v> {
        match named {
            Named::Here(here) => match test(here.syntax, Some(here.index)) {
                Some((test, lookup)) => Assertion::values(here, test, lookup),
                None => Assertion::Undefined,
            },
            Named::Absent { syntax, .. } if test(syntax, None).is_some() => Assertion::False,
            Named::Absent { .. } | Named::Undefined => Assertion::Undefined,
        }
    }

    /// Extensible match. A rule that is not known here is Undefined (RFC 4511 §4.5.1.7.7).
    fn extensible(
        &self,
        rule: Option<&str>,
        attribute: &AttributeDescription,
        value: &[u8],
    ) -> Assertion<'v> {
        let named = self.named(attribute);
        match rule.map(MatchingRule::find) {
            None => self.equality(named, value),
            Some(None) => Assertion::Undefined,
            Some(Some(MatchingRule::Equality(wanted))) => self.matched_as(named, wanted, value),
            Some(Some(MatchingRule::BitAnd)) => self.tested(named, |syntax, _| {
                let bits = number(syntax, value.trim_ascii())?;
                Some((Test::AllBits(syntax, bits), Lookup::Keys))
            }),
            Some(Some(MatchingRule::BitOr)) => self.tested(named, |syntax, _| {
                let bits = number(syntax, value.trim_ascii())?;
                Some((Test::AnyBits(syntax, bits), Lookup::Keys))
            }),
            Some(Some(MatchingRule::InChain)) => self.in_chain(named, value),
        }
    }

    /// Equality under a rule that the filter names.
    fn matched_as(&self, named: Named<'v>, wanted: Syntax, value: &[u8]) -> Assertion<'v> {
        let own = match named {
            Named::Here(Here { syntax, .. }) | Named::Absent { syntax, .. } => syntax,
            Named::Undefined => return Assertion::Undefined,
        };
        if own == wanted {
            return self.equality(named, value);
        }
        if own == Syntax::DistinguishedName || wanted == Syntax::DistinguishedName {
            return Assertion::Undefined;
        }
        self.tested(named, |_, _| {
            // What is equal with case is equal without.
            let lookup = match (own, wanted) {
                (Syntax::CaseIgnore, Syntax::CaseExact) => {
                    Lookup::Key(Key::of(&prepare(own, value)?))
                }
                _ => Lookup::Presence,
            };
            Some((Test::Equal(wanted, prepare(wanted, value)?), lookup))
        })
    }

    /// An assertion that also holds for entries whose own name has such a part (RFC 4511 §4.5.1.7.7,
    /// dnAttributes).
    fn with_name_parts(
        &self,
        rule: Option<&str>,
        attribute: &AttributeDescription,
        value: &[u8],
        sign: bool,
    ) -> Node<'v> {
        let matched = self.extensible(rule, attribute, value).signed(sign);
        let syntax = match (rule.map(MatchingRule::find), self.named(attribute)) {
            (_, Named::Undefined) => return matched,
            (Some(Some(MatchingRule::Equality(wanted))), _) => wanted,
            (None, Named::Here(Here { syntax, .. }) | Named::Absent { syntax, .. }) => syntax,
            (Some(_), _) => return matched,
        };
        let Some(prepared) = prepare(syntax, value) else { return matched };
        let type_key = key(&AttributeDescription::new(&attribute.name));
        let wording = self.audience.and_then(|audience| audience.wording());
        let part =
            Leaf::NamePart(Box::new(NamePart { type_key, syntax, value: prepared, wording }));
        let nodes = vec![matched, Assertion::Leaf(part).signed(sign)];
        if sign { Node::Or(nodes) } else { Node::And(nodes) }
    }

    /// Entries from which a chain of references of this attribute leads to the named one.
    fn in_chain(&self, named: Named<'v>, value: &[u8]) -> Assertion<'v> {
        let (name, syntax) = match named {
            Named::Here(Here { name, syntax, .. }) => (name, syntax),
            Named::Absent { name, syntax } => (name, syntax),
            Named::Undefined => return Assertion::Undefined,
        };
        let wanted = (syntax == Syntax::DistinguishedName)
            .then(|| self.name_assertion(name, value))
            .flatten();
        let Some(wanted) = wanted else { return Assertion::Undefined };
        let Named::Here(here) = named else { return Assertion::False };
        if !self.may_name(name, &wanted) {
            return Assertion::False;
        }
        let primary = self.counts_primary_groups(name);
        let mut first = if primary { self.primary_members(&wanted) } else { RoaringBitmap::new() };
        if let Some(hits) = self.referring(here.index, &wanted) {
            hits.add_to(&mut first);
        }
        if first.is_empty() {
            return Assertion::False;
        }
        Assertion::Leaf(Leaf::Chain(Box::new(Chain::new(here.id, here.index, first, primary))))
    }
}
