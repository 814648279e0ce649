//! A filter made ready for one view: attributes looked up, assertion values prepared, indices found.

use roaring::RoaringBitmap;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::dn::NormalizedDn;
use crate::ldap::filter::Filter;
use crate::ldap::identifier::Guid;
use crate::ldap::matching_rule::{MatchingRule, Piece, is_ordered, prepare, prepare_piece};
use crate::ldap::schema::{self, Syntax};

use super::attributes::{AttributeId, key};
use super::evaluate::{Node, Pieces, Test, Truth, name_key, number};
use super::index::AttributeIndex;
use super::view::View;

/// Makes filters ready.
pub(super) struct Compiler<'v, 's> {
    pub(super) view: &'v View,
    /// Whether the filter may look at an attribute; where not, an assertion is Undefined.
    pub(super) searchable: &'s dyn Fn(&str) -> bool,
}

/// An attribute that a filter names.
enum Named<'v> {
    /// Some entry has it.
    Here {
        id: AttributeId,
        name: &'v str,
        syntax: Syntax,
        index: &'v AttributeIndex,
        indexed: bool,
    },
    /// The schema knows it; no entry has it.
    Absent { name: &'static str, syntax: Syntax },
    /// Unknown, or not to be looked at.
    Undefined,
}

impl<'v> Compiler<'v, '_> {
    pub(super) fn node(&self, filter: &Filter) -> Node<'v> {
        match filter {
            Filter::And(filters) => Node::And(self.nodes(filters)),
            Filter::Or(filters) => Node::Or(self.nodes(filters)),
            Filter::Not(filter) => Node::Not(Box::new(self.node(filter))),
            Filter::Equality { attribute, value } | Filter::Approx { attribute, value } => {
                self.equality(attribute, value)
            }
            Filter::Substrings { attribute, initial, any, last } => {
                let pieces = |syntax| {
                    let edge = |piece: &Option<Vec<u8>>, place| match piece {
                        Some(piece) => prepare_piece(syntax, piece, place),
                        None => prepare_piece(syntax, b"", place),
                    };
                    let any = any.iter().map(|piece| prepare_piece(syntax, piece, Piece::Any));
                    Some(Test::Substrings(
                        syntax,
                        Pieces {
                            initial: edge(initial, Piece::Initial)?,
                            any: any.collect::<Option<_>>()?,
                            last: edge(last, Piece::Final)?,
                        },
                    ))
                };
                self.tested(attribute, pieces)
            }
            Filter::GreaterOrEqual { attribute, value } => self
                .tested(attribute, |syntax| Some(Test::AtLeast(syntax, ordered(syntax, value)?))),
            Filter::LessOrEqual { attribute, value } => {
                self.tested(attribute, |syntax| Some(Test::AtMost(syntax, ordered(syntax, value)?)))
            }
            Filter::Present(attribute) => match self.named(attribute) {
                Named::Here { index, .. } => Node::Present(&index.present),
                Named::Absent { .. } => Node::Constant(Truth::False),
                Named::Undefined => Node::Constant(Truth::Undefined),
            },
            Filter::Extensible { rule, attribute, value, dn_attributes } => {
                self.extensible(rule.as_deref(), attribute.as_ref(), value, *dn_attributes)
            }
        }
    }

    /// The legs of an And or Or, those that cost least first.
    fn nodes(&self, filters: &[Filter]) -> Vec<Node<'v>> {
        let mut nodes: Vec<Node<'v>> = filters.iter().map(|filter| self.node(filter)).collect();
        nodes.sort_by_key(cost);
        nodes
    }

    fn named(&self, description: &AttributeDescription) -> Named<'v> {
        if schema::is_forbidden(&description.name) {
            return Named::Undefined;
        }
        let known = schema::attribute_type(&description.name);
        let attributes = self.view.attributes();
        let found = attributes.find(description).and_then(|id| {
            let info = attributes.info(id)?;
            let index = self.view.index().attribute(id)?;
            let (name, syntax, indexed) = (info.type_name.as_str(), info.syntax, info.indexed);
            Some(Named::Here { id, name, syntax, index, indexed })
        });
        let absent = known.map(|known| Named::Absent { name: known.name, syntax: known.syntax });
        let named = found.or(absent).unwrap_or(Named::Undefined);
        let name = match &named {
            Named::Here { name, .. } | Named::Absent { name, .. } => *name,
            Named::Undefined => return named,
        };
        // Every search names objectClass, be it only to ask for all entries.
        let free = name.eq_ignore_ascii_case("objectClass");
        if free || (self.searchable)(name) { named } else { Named::Undefined }
    }

    fn equality(&self, description: &AttributeDescription, value: &[u8]) -> Node<'v> {
        let (name, syntax) = match self.named(description) {
            Named::Here { name, syntax, .. } => (name, syntax),
            Named::Absent { name, syntax } => (name, syntax),
            Named::Undefined => return Node::Constant(Truth::Undefined),
        };
        if syntax == Syntax::DistinguishedName {
            return match self.name_assertion(name, value) {
                Some(wanted) => self.refers(description, &wanted),
                None => Node::Constant(Truth::Undefined),
            };
        }
        let Some(key) = value_key(name, syntax, value) else {
            return Node::Constant(Truth::Undefined);
        };
        match self.named(description) {
            Named::Here { index, indexed: true, .. } => match index.value(&key) {
                Some(posting) => Node::Posting(posting),
                None => Node::Constant(Truth::False),
            },
            Named::Here { id, index, indexed: false, .. } => {
                let test = Test::Equal(syntax, key);
                Node::Values { attribute: id, present: &index.present, test }
            }
            Named::Absent { .. } => Node::Constant(Truth::False),
            Named::Undefined => Node::Constant(Truth::Undefined),
        }
    }

    /// Entries whose attribute names `wanted`. References always have an index.
    fn refers(&self, description: &AttributeDescription, wanted: &NormalizedDn) -> Node<'v> {
        let Named::Here { index, .. } = self.named(description) else {
            return Node::Constant(Truth::False);
        };
        let posting = match self.view.slot_of(wanted) {
            Some(target) => index.target(target),
            None => index.value(name_key(wanted)),
        };
        posting.map_or(Node::Constant(Truth::False), Node::Posting)
    }

    /// The name that an assertion on an attribute of DN syntax means.
    fn name_assertion(&self, attribute: &str, value: &[u8]) -> Option<NormalizedDn> {
        let text = std::str::from_utf8(value).ok()?;
        if attribute.eq_ignore_ascii_case("objectCategory") && !text.contains('=') {
            return self.object_category(text);
        }
        if text.starts_with('<') {
            return self.view.resolve_base(text).ok();
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
        let class = class.trim();
        let known = schema::object_class(class).and_then(|known| known.category);
        let category = known.unwrap_or(class);
        NormalizedDn::parse(&format!("CN={category},{schema}")).ok()
    }

    fn tested(
        &self,
        description: &AttributeDescription,
        test: impl FnOnce(Syntax) -> Option<Test>,
    ) -> Node<'v> {
        match self.named(description) {
            Named::Here { id, syntax, index, .. } => match test(syntax) {
                Some(test) => Node::Values { attribute: id, present: &index.present, test },
                None => Node::Constant(Truth::Undefined),
            },
            Named::Absent { syntax, .. } => match test(syntax) {
                Some(_) => Node::Constant(Truth::False),
                None => Node::Constant(Truth::Undefined),
            },
            Named::Undefined => Node::Constant(Truth::Undefined),
        }
    }

    /// Extensible match. A rule without an attribute, and a rule that is not known here, are
    /// Undefined (RFC 4511 §4.5.1.7.7).
    fn extensible(
        &self,
        rule: Option<&str>,
        attribute: Option<&AttributeDescription>,
        value: &[u8],
        dn_attributes: bool,
    ) -> Node<'v> {
        let Some(attribute) = attribute else { return Node::Constant(Truth::Undefined) };
        let rule = match rule.map(MatchingRule::find) {
            Some(Some(rule)) => Some(rule),
            Some(None) => return Node::Constant(Truth::Undefined),
            None => None,
        };
        let bits = |syntax, test: fn(i64) -> Test| {
            let numeric = matches!(syntax, Syntax::Integer | Syntax::LargeInteger);
            if numeric { number(value).map(test) } else { None }
        };
        let matched = match rule {
            None => self.equality(attribute, value),
            Some(MatchingRule::Equality(wanted)) => self.matched_as(attribute, wanted, value),
            Some(MatchingRule::BitAnd) => {
                return self.tested(attribute, |syntax| bits(syntax, Test::AllBits));
            }
            Some(MatchingRule::BitOr) => {
                return self.tested(attribute, |syntax| bits(syntax, Test::AnyBits));
            }
            Some(MatchingRule::InChain) => return self.in_chain(attribute, value),
        };
        if !dn_attributes {
            return matched;
        }
        let syntax = match (rule, self.named(attribute)) {
            (_, Named::Undefined) => return matched,
            (Some(MatchingRule::Equality(wanted)), _) => wanted,
            (_, Named::Here { syntax, .. } | Named::Absent { syntax, .. }) => syntax,
        };
        match prepare(syntax, value) {
            Some(wanted) => {
                let type_key = key(&AttributeDescription::new(&attribute.name));
                Node::Or(vec![matched, Node::NamePart { type_key, syntax, key: wanted }])
            }
            None => matched,
        }
    }

    /// Equality under a rule that the filter names.
    fn matched_as(
        &self,
        description: &AttributeDescription,
        wanted: Syntax,
        value: &[u8],
    ) -> Node<'v> {
        let own = match self.named(description) {
            Named::Here { syntax, .. } | Named::Absent { syntax, .. } => syntax,
            Named::Undefined => return Node::Constant(Truth::Undefined),
        };
        let reference = Syntax::DistinguishedName;
        if own == wanted {
            return self.equality(description, value);
        }
        if own == reference || wanted == reference {
            return Node::Constant(Truth::Undefined);
        }
        self.tested(description, |_| Some(Test::Equal(wanted, prepare(wanted, value)?)))
    }

    /// Entries from which a chain of references of this attribute leads to the named one.
    fn in_chain(&self, description: &AttributeDescription, value: &[u8]) -> Node<'v> {
        let (name, syntax) = match self.named(description) {
            Named::Here { name, syntax, .. } => (name, syntax),
            Named::Absent { name, syntax } => (name, syntax),
            Named::Undefined => return Node::Constant(Truth::Undefined),
        };
        if syntax != Syntax::DistinguishedName {
            return Node::Constant(Truth::Undefined);
        }
        let Some(wanted) = self.name_assertion(name, value) else {
            return Node::Constant(Truth::Undefined);
        };
        let Named::Here { index, .. } = self.named(description) else {
            return Node::Constant(Truth::False);
        };
        let first = match self.view.slot_of(&wanted) {
            Some(target) => index.target(target),
            None => index.value(name_key(&wanted)),
        };
        let mut found = RoaringBitmap::new();
        let mut open: Vec<u32> = first.into_iter().flat_map(|posting| posting.iter()).collect();
        while let Some(slot) = open.pop() {
            if found.insert(slot) {
                open.extend(index.target(slot).into_iter().flat_map(|posting| posting.iter()));
            }
        }
        Node::Set(found)
    }
}

/// An assertion value prepared for ordering; `None` if the syntax has no ordering rule.
fn ordered(syntax: Syntax, value: &[u8]) -> Option<Vec<u8>> {
    if is_ordered(syntax) { prepare(syntax, value) } else { None }
}

/// The octets under which a value is indexed; `None` if the syntax does not allow the value.
fn value_key(attribute: &str, syntax: Syntax, value: &[u8]) -> Option<Vec<u8>> {
    if attribute.eq_ignore_ascii_case("objectGUID")
        && let Some(guid) = std::str::from_utf8(value).ok().and_then(Guid::parse)
    {
        return Some(guid.ad_octets().to_vec());
    }
    prepare(syntax, value)
}

fn cost(node: &Node<'_>) -> u8 {
    match node {
        Node::Constant(_) => 0,
        Node::Posting(_) | Node::Present(_) | Node::Set(_) => 1,
        Node::Values { test: Test::AllBits(_) | Test::AnyBits(_), .. } => 2,
        Node::Values { test: Test::AtLeast(..) | Test::AtMost(..) | Test::Equal(..), .. } => 3,
        Node::Values { test: Test::Substrings(..), .. } => 4,
        Node::NamePart { .. } => 5,
        Node::Not(inner) => cost(inner),
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().map(cost).max().unwrap_or(0),
    }
}
