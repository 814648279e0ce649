//! What the program knows of attribute types and object classes, whatever directory it talks to.
//!
//! What lives here: attribute types by name, alias or object identifier ([`attribute_type()`]), the attributes
//! that are never touched ([`is_forbidden`]) or that each controller keeps for itself ([`is_replicated`]),
//! object classes with the category that stands for them ([`object_class()`]), and the attributes by which
//! people are called ([`anr_attributes`]). What does not: how values compare (`matching_rule`), and the
//! schema that a directory publishes, which nothing here reads.
//!
//! The tables know more attributes than any copy holds, because a filter on a known attribute without a
//! value is False while one on an unknown attribute is Undefined (`(!(isDeleted=TRUE))` must hold for
//! live entries).
//!
//! Invariants: no name, alias or identifier stands for two types (`tests::names_are_unique`); no type in
//! the tables is forbidden (`tests::tables_hold_nothing_forbidden`).

mod active_directory;
mod ambiguous_name;
mod attribute_type;
mod forbidden;
mod kind;
mod microsoft;
mod object_class;
mod replicated;
mod standard;
#[cfg(test)]
mod tests;

pub use ambiguous_name::{AMBIGUOUS_NAME, ANR_WHOLE_ONLY, AmbiguousName, anr_attributes};
pub use attribute_type::{AttributeType, Syntax, attribute_type};
pub use forbidden::is_forbidden;
pub use kind::DirectoryKind;
pub use object_class::{ObjectClass, object_class};
pub use replicated::{NOT_REPLICATED, is_replicated};
