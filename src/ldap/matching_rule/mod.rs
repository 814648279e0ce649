//! Matching rules (RFC 4517 §4): values turned into octets that say by themselves whether they are equal
//! and which comes first.
//!
//! What lives here: preparing values and assertion values by syntax ([`prepare`], [`prepare_piece`]), string
//! preparation (RFC 4518), and the rules an extensible match can name ([`MatchingRule`]). What does not:
//! which syntax an attribute has (`schema`), and True, False, Undefined (`directory::evaluate`).
//!
//! Approximate matching is equality, as in Active Directory; there is no rule of its own.
//!
//! Invariants: preparing what is prepared changes nothing (text: `preparation::tests`); for ordered
//! syntaxes the octets sort as the values do (`values::tests::prepared_integers_sort_as_numbers`,
//! `generalized_time::tests::later_times_sort_later`).

mod generalized_time;
mod preparation;
mod rule;
mod values;

pub use generalized_time::generalized_time;
pub use preparation::{prepare_case_exact, prepare_case_ignore};
pub use rule::MatchingRule;
pub use values::{Piece, is_ordered, prepare, prepare_piece};
