//! The filter as a tree, and how large it may grow.

use thiserror::Error;

use crate::ldap::attribute::AttributeDescription;
use crate::ldap::ber::BerError;

/// Deepest nesting of And, Or and Not that is read, on the wire and as text.
pub const MAX_DEPTH: usize = 100;
/// Most parts of one filter: operators, items, and the pieces of substring items.
pub const MAX_COMPONENTS: usize = 16_384;

/// A filter.
///
/// Attributes are kept as sent: one that is no attribute description makes its item Undefined
/// ([`AttributeDescription::is_well_formed`]), it does not make the filter unreadable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All must hold; empty is True (RFC 4526).
    And(Vec<Filter>),
    /// One must hold; empty is False (RFC 4526).
    Or(Vec<Filter>),
    /// Must not hold.
    Not(Box<Filter>),
    /// A value equals the assertion value.
    Equality {
        /// The attribute.
        attribute: AttributeDescription,
        /// The assertion value.
        value: Vec<u8>,
    },
    /// A value contains the pieces in this order. There is at least one piece and none is empty.
    Substrings {
        /// The attribute.
        attribute: AttributeDescription,
        /// What the value starts with.
        initial: Option<Vec<u8>>,
        /// What comes in between, without overlap.
        any: Vec<Vec<u8>>,
        /// What the value ends with.
        last: Option<Vec<u8>>,
    },
    /// A value is the assertion value or comes after it.
    GreaterOrEqual {
        /// The attribute.
        attribute: AttributeDescription,
        /// The assertion value.
        value: Vec<u8>,
    },
    /// A value is the assertion value or comes before it.
    LessOrEqual {
        /// The attribute.
        attribute: AttributeDescription,
        /// The assertion value.
        value: Vec<u8>,
    },
    /// The attribute has a value.
    Present(AttributeDescription),
    /// A value is about the assertion value.
    Approx {
        /// The attribute.
        attribute: AttributeDescription,
        /// The assertion value.
        value: Vec<u8>,
    },
    /// A named matching rule holds (RFC 4511 §4.5.1.7.7). Rule or attribute is there, or both.
    Extensible {
        /// The matching rule's name or object identifier, as sent; without one, the attribute's
        /// equality rule.
        rule: Option<String>,
        /// The attribute; without one, every attribute the rule applies to.
        attribute: Option<AttributeDescription>,
        /// The assertion value.
        value: Vec<u8>,
        /// Whether the attributes of the entry's name count too.
        dn_attributes: bool,
    },
}

impl Filter {
    /// The attribute that an assertion is about; `None`: it is none, or about no certain one.
    #[must_use]
    pub const fn attribute(&self) -> Option<&AttributeDescription> {
        match self {
            Self::Equality { attribute, .. }
            | Self::Substrings { attribute, .. }
            | Self::GreaterOrEqual { attribute, .. }
            | Self::LessOrEqual { attribute, .. }
            | Self::Present(attribute)
            | Self::Approx { attribute, .. } => Some(attribute),
            Self::Extensible { attribute, .. } => attribute.as_ref(),
            Self::And(_) | Self::Or(_) | Self::Not(_) => None,
        }
    }
}

/// Why octets are not a filter.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FilterError {
    /// Broken BER.
    #[error("{0}")]
    Ber(#[from] BerError),
    /// An extensible match with neither rule nor attribute.
    #[error("an extensible match names neither a rule nor an attribute")]
    ExtensibleWithoutTarget,
    /// A substring item without pieces, with an empty piece, or with pieces out of order.
    #[error("a substring item has no pieces, an empty piece or pieces out of order")]
    Substrings,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// More parts than [`MAX_COMPONENTS`].
    #[error("more than {MAX_COMPONENTS} parts")]
    TooManyComponents,
    /// A choice RFC 4511 does not define.
    #[error("0x{0:02x} is not a kind of filter")]
    UnknownChoice(u8),
}

/// How many parts may still be read.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(MAX_COMPONENTS)
    }

    /// Takes one part; `false` when none is left.
    pub(super) const fn take(&mut self) -> bool {
        let left = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        left
    }
}
