//! The indices of all attributes, each made as the plan wants it.

use std::sync::Arc;

use crate::ldap::dn::NormalizedDn;
use crate::ldap::schema::Syntax;

use super::super::attributes::{AttributeId, AttributeInfo, Attributes};
use super::super::domain::Domain;
use super::attribute::AttributeIndex;
use super::plan::IndexPlan;

/// The indices of all attributes of a view. Copies share what has not changed.
#[derive(Clone, Debug, Default)]
pub(in crate::directory) struct Index {
    plan: Arc<IndexPlan>,
    schema: Option<Arc<SchemaContext>>,
    /// By the number of the attribute.
    pub(super) attributes: Vec<Arc<AttributeIndex>>,
}

#[derive(Debug)]
struct SchemaContext {
    /// As the directory spells it.
    text: String,
    name: NormalizedDn,
}

impl Index {
    /// No entries yet.
    pub(in crate::directory) fn new(plan: Arc<IndexPlan>, domain: &Domain) -> Self {
        let schema = domain.schema_context.clone().and_then(|text| {
            let name = NormalizedDn::parse(&text).ok()?;
            Some(Arc::new(SchemaContext { text, name }))
        });
        Self { plan, schema, attributes: Vec::new() }
    }

    /// Indices of these attributes, with no entries yet.
    pub(in crate::directory) fn of_attributes(
        plan: Arc<IndexPlan>,
        domain: &Domain,
        attributes: &Attributes,
    ) -> Self {
        let mut index = Self::new(plan, domain);
        index.grow(attributes);
        index
    }

    /// The same with other indices, by the number of the attribute.
    pub(in crate::directory) fn filled(self, attributes: Vec<AttributeIndex>) -> Self {
        Self { attributes: attributes.into_iter().map(Arc::new).collect(), ..self }
    }

    /// The name of the schema context for comparing, if the directory still calls it `text`: the names of
    /// categories are made from it for almost every search.
    pub(in crate::directory) fn schema_context(&self, text: Option<&str>) -> Option<&NormalizedDn> {
        let schema = self.schema.as_ref()?;
        (text == Some(&schema.text)).then_some(&schema.name)
    }

    /// The indices of an attribute.
    pub(in crate::directory) fn attribute(&self, id: AttributeId) -> Option<&AttributeIndex> {
        self.attributes.get(id.index()).map(Arc::as_ref)
    }

    /// The indices of the attribute with this number.
    pub(in crate::directory) fn at(&self, number: usize) -> Option<&AttributeIndex> {
        self.attributes.get(number).map(Arc::as_ref)
    }

    /// Forgets the values of an attribute whose syntax has changed; they are looked up in the entries
    /// from now on.
    pub(in crate::directory) fn forget_values(&mut self, id: AttributeId) {
        if let Some(index) = self.attributes.get_mut(id.index()) {
            Arc::make_mut(index).forget_values();
        }
    }

    /// Makes room for attributes that are new.
    pub(super) fn grow(&mut self, attributes: &Attributes) {
        for (_, info) in attributes.iter().skip(self.attributes.len()) {
            self.attributes.push(Arc::new(self.empty(info)));
        }
    }

    fn empty(&self, info: &AttributeInfo) -> AttributeIndex {
        let text = matches!(info.syntax, Syntax::CaseIgnore | Syntax::CaseExact);
        let values = info.syntax != Syntax::DistinguishedName;
        AttributeIndex::new(
            values && self.plan.has_equality(&info.type_name),
            text && self.plan.has_substring(&info.type_name),
        )
    }
}
