//! Which entries have an attribute, a value of it, a part of a value, or a reference to another entry.
//!
//! What lives here: the indices of all attributes ([`Index`], in `indices`), kept in step with what entries hold
//! (`change`) or made of all entries at once (`bulk`); of each attribute ([`AttributeIndex`]) the entries that have it, its values (`key`, `postings`)
//! and parts of values (`grams`); and which attributes get which of them ([`IndexPlan`]). What does not: what an
//! assertion means (`compile`) and which index answers it best (`plan`).
//!
//! Invariants:
//! - a slot is found under a key, a gram or a target if and only if its entry has it now
//!   (`directory::tests::model::indexed_search_is_a_full_scan`, also after many changes);
//! - copies do not change with the original (`postings::tests::postings_are_a_map`);
//! - an attribute type holds what all its descriptions with options hold (RFC 4512 §2.5.2.1), each value as
//!   long as one of them has it (`change::tests::a_value_stays_while_one_description_has_it`).

mod attribute;
mod bulk;
mod change;
mod grams;
mod indices;
mod key;
mod plan;
mod postings;

pub(super) use attribute::AttributeIndex;
pub(super) use bulk::{Collector, Found};
pub(super) use grams::{Gram, GramHits, of_pieces};
pub(super) use indices::Index;
pub(super) use key::{Key, KeyRange};
pub use plan::IndexPlan;
pub(super) use postings::Hits;
