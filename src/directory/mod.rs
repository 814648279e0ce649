//! The synced copy of one directory, and what it answers. No policy, no network.
//!
//! What lives here: an immutable [`View`] of all copied entries with its tree (`tree`) and indices
//! (`index`), filters over it (`evaluate`, `compile`), searches (`search`), entries written out
//! (`selection`, `constructed`), memberships (`membership`), the difference between two views
//! (`changeset`), the root DSE (`root_dse`), and the place where the current view is published
//! (`published`).
//!
//! What does not: how entries get here (`sync`), who may see which of them (`policy::visibility`, by way
//! of [`Audience`]), and what a message looks like (`ldap`).
//!
//! Invariants:
//! - an indexed search is a full scan (`tests::model::indexed_search_is_a_full_scan`);
//! - filters are three-valued, and a known attribute without a value is False
//!   (`tests::filters::a_known_attribute_without_a_value_is_false`);
//! - both ends of a membership agree (`tests::entries::both_ends_of_a_membership_agree`);
//! - memberships with cycles end (`tests::membership::cycles_end`);
//! - a forbidden attribute is neither stored nor served nor searchable
//!   (`tests::entries::forbidden_attributes_are_not_there`);
//! - a value that names an entry follows the entry's name (`tests::entries::names_follow_a_rename`).

mod attributes;
mod build;
mod changeset;
mod compile;
mod constructed;
mod domain;
mod entry_ref;
mod evaluate;
mod index;
mod membership;
mod published;
mod root_dse;
mod search;
mod selection;
mod stored;
#[cfg(test)]
mod tests;
mod tree;
mod view;

pub use build::{BuildError, identity};
pub use changeset::ChangeSummary;
pub use domain::{
    Domain, EntryKind, OPENLDAP_CONTAINERS, OPENLDAP_GROUPS, OPENLDAP_USERS, OWN_CONTEXT,
};
pub use entry_ref::EntryRef;
pub use published::PublishedView;
pub use root_dse::{RootDseFacts, root_dse};
pub use search::{Audience, BaseError, NoSuchObject};
pub use selection::{Selection, write_root_dse};
pub use view::{Counts, Rejected, Slot, View};
