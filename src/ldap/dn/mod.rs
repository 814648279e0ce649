//! Distinguished names (RFC 4514).
//!
//! What lives here: reading and writing names ([`DistinguishedName`]), the one form in which they are
//! compared ([`NormalizedDn`]), and the one function that moves a name under another base ([`rebase()`]).
//!
//! What does not: whether an entry of that name exists (`directory::view`), and the other forms under
//! which a client may name an account (`policy::name`).
//!
//! Invariants: what a directory wrote is printed as it wrote it (`tests::spelling_is_kept`); a separator
//! inside a value is never taken for one between values (`tests::an_escaped_separator_is_no_separator`);
//! normalising is stable (`tests::normalising_twice_is_normalising_once`).

mod name;
mod normalized;
mod rebase;
mod scan;
#[cfg(test)]
mod tests;

pub use name::{Ava, DistinguishedName, Rdn};
pub use normalized::NormalizedDn;
pub use rebase::rebase;
pub use scan::{DnError, MAX_AVAS, MAX_LENGTH};
