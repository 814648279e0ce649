//! The synced copy of one directory, and what it answers. No policy, no network.
//!
//! What lives here: an immutable [`View`] of all copied entries with its tree (`tree`) and indices
//! (`index`), filters over it (`compile`, `assertion`, for whoever asks `asking`, `evaluate`), searches (`search`, `plan`,
//! `explain`), entries written out (`selection`, `selection_plan`, `constructed`), comparisons (`compare`),
//! memberships (`membership`), how the first view is made (`first`, `whole`), how one view becomes the next
//! (`apply`) and what that changes (`changeset`), a view as octets and back (`head`, `record`,
//! `restore`), who names whom (`referrers`), the root DSE (`root_dse`) and the subschema (`subschema`), which are in
//! no view and have filters of their own (`lone`), the entries of ldapgate itself (`own`), what an entry tells of a person (`mapping`), the place where
//! the current view is published (`published`) with those who are out although it has them (`withdrawn`),
//! what an application calls attributes and entries (`wording`), and the
//! numbers of what a change does to people (`impact`).
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
//! - a view that was written and made again is the same, and goes on as it would have
//!   (`tests::restore::a_view_made_again_goes_on`);
//! - a value that names an entry follows the entry's name (`tests::entries::names_follow_a_rename`).

mod account_control;
mod apply;
mod asking;
mod assertion;
mod attributes;
mod back_links;
mod budget;
mod changeset;
mod compare;
mod compile;
mod constructed;
mod contents;
mod domain;
mod entry_ref;
mod evaluate;
mod explain;
mod first;
mod head;
mod impact;
mod index;
mod intake;
mod kinds;
mod lone;
mod mapping;
mod membership;
mod naming;
mod octets;
mod own;
mod parallel;
mod plan;
mod posting;
mod published;
mod record;
mod references;
mod referrers;
mod restore;
mod root_dse;
mod search;
mod selection;
mod selection_plan;
mod spellings;
mod stamps;
mod stored;
mod subschema;
#[cfg(test)]
mod tests;
mod tombstones;
mod tree;
mod view;
mod whole;
mod withdrawn;
mod wording;

pub use account_control::password_has_expired;
pub use apply::{BuildError, Changes, Times};
pub use budget::Budget;
pub use changeset::ChangeSummary;
pub use domain::{
    Domain, DomainNames, EntryKind, OPENLDAP_CONTAINERS, OPENLDAP_GROUPS, OPENLDAP_USERS,
    OWN_CONTEXT, dns_name,
};
pub use entry_ref::EntryRef;
pub use explain::{ExplainedLeg, Explanation, IndexUsed};
pub use impact::{ApplicationImpact, Impact};
pub use index::IndexPlan;
pub use intake::identity;
pub use lone::filter_holds;
pub use mapping::{AttributeMapping, Lacking, MissingRequired, OnMissing, Person, PersonField};
pub use own::{OwnNames, own_entries, own_names};
pub use published::{Affected, Move, PublishedState, PublishedView};
pub use restore::RestoreError;
pub use root_dse::{RootDseFacts, root_dse};
pub use search::{Audience, BaseError, NoSuchObject, SearchError, identity_attribute};
pub use selection::{Selection, write_root_dse};
pub use selection_plan::SelectionPlan;
pub use subschema::{SUBSCHEMA_ATTRIBUTES, Subschema, subschema_at};
pub use tombstones::Retention;
pub use view::{Counts, Rejected, Slot, View, ViewConfig};
pub use withdrawn::Withdrawn;
pub use wording::{Addition, Additions, BaseFault, Bases, RenameFault, Renames, Wording};
