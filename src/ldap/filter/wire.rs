//! Filters in BER (RFC 4511 §4.5.1).

use super::tree::{Budget, Filter, FilterError, MAX_DEPTH};
use crate::ldap::attribute::AttributeDescription;
use crate::ldap::ber::{self, BerError, Element, Reader, Writer, tag};

/// Context tags of the Filter choice and of what is inside.
mod choice {
    pub(super) const AND: u8 = 0xa0;
    pub(super) const OR: u8 = 0xa1;
    pub(super) const NOT: u8 = 0xa2;
    pub(super) const EQUALITY: u8 = 0xa3;
    pub(super) const SUBSTRINGS: u8 = 0xa4;
    pub(super) const GREATER_OR_EQUAL: u8 = 0xa5;
    pub(super) const LESS_OR_EQUAL: u8 = 0xa6;
    pub(super) const PRESENT: u8 = 0x87;
    pub(super) const APPROX: u8 = 0xa8;
    pub(super) const EXTENSIBLE: u8 = 0xa9;

    pub(super) const INITIAL: u8 = 0x80;
    pub(super) const ANY: u8 = 0x81;
    pub(super) const FINAL: u8 = 0x82;

    pub(super) const MATCHING_RULE: u8 = 0x81;
    pub(super) const TYPE: u8 = 0x82;
    pub(super) const MATCH_VALUE: u8 = 0x83;
    pub(super) const DN_ATTRIBUTES: u8 = 0x84;
}

impl Filter {
    /// Reads one filter element, in time and memory proportional to its octets.
    ///
    /// # Errors
    /// Broken BER, a structure that RFC 4511 does not allow, or a limit of this module.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, FilterError> {
        read_element(reader.element()?, MAX_DEPTH, &mut Budget::new())
    }

    /// Appends the filter as one element.
    pub fn write(&self, writer: &mut Writer) {
        match self {
            Self::And(filters) => write_set(writer, choice::AND, filters),
            Self::Or(filters) => write_set(writer, choice::OR, filters),
            Self::Not(filter) => writer.constructed(choice::NOT, |w| filter.write(w)),
            Self::Equality { attribute, value } => {
                write_assertion(writer, choice::EQUALITY, attribute, value);
            }
            Self::Substrings { attribute, initial, any, last } => {
                writer.constructed(choice::SUBSTRINGS, |w| {
                    w.octet_string(attribute.to_string().as_bytes());
                    w.constructed(tag::SEQUENCE, |w| {
                        write_pieces(w, choice::INITIAL, initial);
                        write_pieces(w, choice::ANY, any);
                        write_pieces(w, choice::FINAL, last);
                    });
                });
            }
            Self::GreaterOrEqual { attribute, value } => {
                write_assertion(writer, choice::GREATER_OR_EQUAL, attribute, value);
            }
            Self::LessOrEqual { attribute, value } => {
                write_assertion(writer, choice::LESS_OR_EQUAL, attribute, value);
            }
            Self::Present(attribute) => {
                writer.element(choice::PRESENT, attribute.to_string().as_bytes());
            }
            Self::Approx { attribute, value } => {
                write_assertion(writer, choice::APPROX, attribute, value);
            }
            Self::Extensible { rule, attribute, value, dn_attributes } => {
                writer.constructed(choice::EXTENSIBLE, |w| {
                    if let Some(rule) = rule {
                        w.element(choice::MATCHING_RULE, rule.as_bytes());
                    }
                    if let Some(attribute) = attribute {
                        w.element(choice::TYPE, attribute.to_string().as_bytes());
                    }
                    w.element(choice::MATCH_VALUE, value);
                    if *dn_attributes {
                        w.element(choice::DN_ATTRIBUTES, &[0xff]);
                    }
                });
            }
        }
    }
}

/// Reads an element in which `depth` operators may still be nested.
fn read_element(
    element: Element<'_>,
    depth: usize,
    budget: &mut Budget,
) -> Result<Filter, FilterError> {
    take(budget)?;
    let content = element.content;
    Ok(match element.tag {
        choice::AND => Filter::And(read_set(content, depth, budget)?),
        choice::OR => Filter::Or(read_set(content, depth, budget)?),
        choice::NOT => {
            let depth = depth.checked_sub(1).ok_or(FilterError::TooDeep)?;
            let mut inner = Reader::new(content);
            let filter = inner.element()?;
            inner.finish()?;
            Filter::Not(Box::new(read_element(filter, depth, budget)?))
        }
        choice::EQUALITY => {
            let (attribute, value) = read_assertion(content)?;
            Filter::Equality { attribute, value }
        }
        choice::SUBSTRINGS => read_substrings(content, budget)?,
        choice::GREATER_OR_EQUAL => {
            let (attribute, value) = read_assertion(content)?;
            Filter::GreaterOrEqual { attribute, value }
        }
        choice::LESS_OR_EQUAL => {
            let (attribute, value) = read_assertion(content)?;
            Filter::LessOrEqual { attribute, value }
        }
        choice::PRESENT => Filter::Present(AttributeDescription::of_filter(content)),
        choice::APPROX => {
            let (attribute, value) = read_assertion(content)?;
            Filter::Approx { attribute, value }
        }
        choice::EXTENSIBLE => read_extensible(content)?,
        other => return Err(FilterError::UnknownChoice(other)),
    })
}

fn read_set(content: &[u8], depth: usize, budget: &mut Budget) -> Result<Vec<Filter>, FilterError> {
    let depth = depth.checked_sub(1).ok_or(FilterError::TooDeep)?;
    let mut reader = Reader::new(content);
    let mut filters = Vec::new();
    while !reader.is_empty() {
        filters.push(read_element(reader.element()?, depth, budget)?);
    }
    Ok(filters)
}

fn read_assertion(content: &[u8]) -> Result<(AttributeDescription, Vec<u8>), BerError> {
    let mut fields = Reader::new(content);
    let attribute = AttributeDescription::of_filter(fields.octet_string()?);
    let value = fields.octet_string()?.to_vec();
    fields.finish()?;
    Ok((attribute, value))
}

fn read_substrings(content: &[u8], budget: &mut Budget) -> Result<Filter, FilterError> {
    let mut fields = Reader::new(content);
    let attribute = AttributeDescription::of_filter(fields.octet_string()?);
    let mut pieces = fields.nested(tag::SEQUENCE)?;
    fields.finish()?;
    let (mut initial, mut any, mut last) = (None, Vec::new(), None);
    while !pieces.is_empty() {
        take(budget)?;
        let piece = pieces.element()?;
        // "initial" comes first and "final" last (RFC 4511 §4.5.1.7.2).
        let in_order = match piece.tag {
            choice::INITIAL => initial.is_none() && any.is_empty() && last.is_none(),
            choice::ANY | choice::FINAL => last.is_none(),
            _ => false,
        };
        if !in_order || piece.content.is_empty() {
            return Err(FilterError::Substrings);
        }
        let content = piece.content.to_vec();
        match piece.tag {
            choice::INITIAL => initial = Some(content),
            choice::FINAL => last = Some(content),
            _ => any.push(content),
        }
    }
    if initial.is_none() && any.is_empty() && last.is_none() {
        return Err(FilterError::Substrings);
    }
    Ok(Filter::Substrings { attribute, initial, any, last })
}

fn read_extensible(content: &[u8]) -> Result<Filter, FilterError> {
    let mut fields = Reader::new(content);
    let rule = fields.optional(choice::MATCHING_RULE)?;
    let rule = rule.map(|rule| String::from_utf8_lossy(rule).into_owned());
    let attribute = fields.optional(choice::TYPE)?.map(AttributeDescription::of_filter);
    let value = fields.expect(choice::MATCH_VALUE)?.to_vec();
    let dn_attributes = match fields.optional(choice::DN_ATTRIBUTES)? {
        Some(content) => ber::boolean(content)?,
        None => false,
    };
    fields.finish()?;
    if rule.is_none() && attribute.is_none() {
        return Err(FilterError::ExtensibleWithoutTarget);
    }
    Ok(Filter::Extensible { rule, attribute, value, dn_attributes })
}

const fn take(budget: &mut Budget) -> Result<(), FilterError> {
    if budget.take() { Ok(()) } else { Err(FilterError::TooManyComponents) }
}

fn write_set(writer: &mut Writer, tag: u8, filters: &[Filter]) {
    writer.constructed(tag, |w| filters.iter().for_each(|filter| filter.write(w)));
}

fn write_assertion(writer: &mut Writer, tag: u8, attribute: &AttributeDescription, value: &[u8]) {
    writer.constructed(tag, |w| {
        w.octet_string(attribute.to_string().as_bytes());
        w.octet_string(value);
    });
}

fn write_pieces<'a>(writer: &mut Writer, tag: u8, pieces: impl IntoIterator<Item = &'a Vec<u8>>) {
    pieces.into_iter().for_each(|piece| writer.element(tag, piece));
}
