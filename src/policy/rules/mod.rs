//! The rules an account has to pass, in a fixed order. Each says no with one reason or says nothing;
//! none can say yes, so adding a rule never permits more (invariant 11, tested in `policy::tests`).
//!
//! What does not live here: who the account is (`policy::name`), and what a client is told
//! (`session::answer`).

use crate::directory::{EntryRef, View};

use super::account::AccountState;
use super::application::Application;
use super::blocks::Blocks;
use super::refusal::Refusal;

mod blocks;
pub(super) mod groups;
mod scope;
mod state;

/// What a rule looks at.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The application that is logged in to.
    pub application: &'a Application,
    /// The directory's name in the configuration.
    pub directory: &'a str,
    /// The view the account is in.
    pub view: &'a View,
    /// The account.
    pub entry: EntryRef<'a>,
    /// Its state, where that has been read already.
    pub state: Option<AccountState>,
    /// Whom an operator has blocked; `None` where only scope is asked about, which blocks leave as it is.
    pub blocks: Option<&'a Blocks>,
    /// The time of the decision.
    pub wall: std::time::SystemTime,
}

impl<'a> Subject<'a> {
    /// For whoever asks about scope alone, which neither the account's state nor blocks have a part in.
    #[must_use]
    pub const fn of_scope(
        application: &'a Application,
        directory: &'a str,
        view: &'a View,
        entry: EntryRef<'a>,
        wall: std::time::SystemTime,
    ) -> Self {
        Self { application, directory, view, entry, state: None, blocks: None, wall }
    }
}

/// One rule.
pub struct Rule {
    /// Its name in explanations.
    pub name: &'static str,
    /// Whether it holds for the application's named service accounts too. They live outside the user
    /// scope, but a disabled one is refused like anybody.
    pub binds_service_accounts: bool,
    /// Says no with a reason.
    pub check: fn(Subject<'_>) -> Result<(), Refusal>,
}

/// All rules in the order they are asked. The first refusal decides. A block comes first: it is an operator's own
/// word, and the log has to tell it from a state that the directory gave the account.
pub const RULES: &[Rule] = &[
    Rule { name: "blocks", binds_service_accounts: true, check: blocks::check },
    Rule { name: "account state", binds_service_accounts: true, check: state::check },
    Rule { name: "bases", binds_service_accounts: false, check: scope::within_bases },
    Rule { name: "user filter", binds_service_accounts: false, check: scope::matches_filter },
    Rule { name: "denied groups", binds_service_accounts: false, check: groups::not_denied },
    Rule { name: "required groups", binds_service_accounts: false, check: groups::required },
];

/// Asks every rule that applies.
///
/// # Errors
/// The first refusal.
pub fn check_all(subject: Subject<'_>, service_account: bool) -> Result<(), Refusal> {
    RULES
        .iter()
        .filter(|rule| rule.binds_service_accounts || !service_account)
        .try_for_each(|rule| (rule.check)(subject))
}

/// Whether the account belongs to what the application is shown: every rule but its state, because a
/// disabled account is shown with its flag.
#[must_use]
pub fn in_scope(subject: Subject<'_>) -> bool {
    RULES
        .iter()
        .filter(|rule| !rule.binds_service_accounts)
        .all(|rule| (rule.check)(subject).is_ok())
}
