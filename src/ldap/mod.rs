//! The language of LDAP: octets to types and back (RFC 4511 to 4518). No I/O, no policy, no state.
//!
//! What lives here: framing ([`frame`], [`ber`]), messages ([`message`], [`request`], [`response`],
//! [`control`], [`controls`], [`sync_info`]), and the values they carry ([`filter`], [`dn`], [`attribute`],
//! [`entry`], [`entry_writer`], [`packed_entry`], [`matching_rule`], [`schema`], [`identifier`], [`result`],
//! [`secret`]).
//!
//! What does not: what a filter means for a directory (`directory::evaluate`), and which control is
//! served (`session::critical`).
//!
//! Invariant: no input panics, recurses without bound, or allocates past its own size (fuzz targets
//! `frame`, `message`, `filter`, `dn`; their corpus is replayed by `tests/it/corpus.rs`).

pub mod attribute;
pub mod attribute_list;
pub mod ber;
pub mod control;
pub mod controls;
pub mod description_memo;
pub mod dn;
pub mod entry;
pub mod entry_writer;
pub mod filter;
pub mod frame;
#[doc(hidden)]
pub mod fuzzing;
pub mod identifier;
pub mod matching_rule;
pub mod message;
pub mod packed_entry;
pub mod request;
pub mod response;
pub mod result;
pub mod schema;
pub mod secret;
pub mod sync_info;

#[cfg(test)]
mod tests;
