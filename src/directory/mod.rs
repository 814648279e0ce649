//! The synced copy of one directory, and what it answers. No policy, no network.
//!
//! What lives here: an immutable [`View`] of all copied entries with its tree (`tree`) and indices
//! (`index`), filters over it (`compile`, `evaluate`), searches (`search`, `plan`, `explain`), entries written out
//! (`selection`, `selection_plan`, `constructed`), comparisons (`compare`), memberships (`membership`), how one
//! view becomes the next (`apply`) and what that changes (`changeset`), the root DSE (`root_dse`) and the
//! subschema (`subschema`), which are in no view and have filters of their own (`lone`), the entries of
//! ldapgate itself (`own`), and the place where the current view is published (`published`).
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

mod account_control;
mod apply;
mod attributes;
mod back_links;
mod budget;
mod changeset;
mod compare;
mod compile;
mod constructed;
mod domain;
mod entry_ref;
mod evaluate;
mod explain;
mod index;
mod intake;
mod kinds;
mod lone;
mod membership;
mod naming;
mod own;
mod plan;
mod posting;
mod published;
mod references;
mod root_dse;
mod search;
mod selection;
mod selection_plan;
mod stamps;
mod stored;
mod subschema;
#[cfg(test)]
mod tests;
mod tombstones;
mod tree;
mod view;

pub use apply::{BuildError, Changes, Times};
pub use budget::Budget;
pub use changeset::ChangeSummary;
pub use domain::{
    Domain, EntryKind, OPENLDAP_CONTAINERS, OPENLDAP_GROUPS, OPENLDAP_USERS, OWN_CONTEXT,
};
pub use entry_ref::EntryRef;
pub use explain::{ExplainedLeg, Explanation, IndexUsed};
pub use index::IndexPlan;
pub use intake::identity;
pub use lone::filter_holds;
pub use own::{OwnNames, own_entries, own_names};
pub use published::PublishedView;
pub use root_dse::{RootDseFacts, root_dse};
pub use search::{Audience, BaseError, NoSuchObject, SearchError};
pub use selection::{Selection, write_root_dse};
pub use selection_plan::SelectionPlan;
pub use subschema::{SUBSCHEMA_ATTRIBUTES, Subschema, subschema_at};
pub use tombstones::Retention;
pub use view::{Counts, Rejected, Slot, View, ViewConfig};
