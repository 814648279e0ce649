//! Search filters (RFC 4511 §4.5.1.7) with octet values: read from and written to BER and the text of
//! RFC 4515.
//!
//! What lives here: the tree ([`Filter`]) and its two notations. What does not: what a filter means for
//! an entry (`directory::evaluate`).
//!
//! Invariants: a filter that was read is at most [`MAX_DEPTH`] operators deep and has at most
//! [`MAX_COMPONENTS`] parts, so walking, printing, comparing and dropping it may recurse
//! (`tests::a_hundred_thousand_operators_are_refused`); printing and parsing, writing and reading
//! give the same filter back (`tests::text_round_trip`, `tests::wire_round_trip`).

mod ambiguous_name;
mod print;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod wire;

pub use text::FilterTextError;
pub use tree::{Filter, FilterError, MAX_COMPONENTS, MAX_DEPTH};
