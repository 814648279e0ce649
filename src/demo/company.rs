//! The shipped company: `config/demo.ldif` and who of it can log in.
//!
//! The table describes the demonstration's gate: people under `OU=People`, in the group `crm-users`
//! at any depth, and not in `crm-denied`.

use std::time::SystemTime;

use super::directory::{Directory, DirectoryError};
use super::verify::Reason;

/// Users of the demonstration are below it.
pub const SCOPE: &str = "OU=People,DC=corp,DC=example";
/// Users of the demonstration are in it.
pub const REQUIRED_GROUP: &str = "CN=crm-users,OU=Groups,DC=corp,DC=example";
/// Users of the demonstration are not in it.
pub const DENIED_GROUP: &str = "CN=crm-denied,OU=Groups,DC=corp,DC=example";
/// The application's account, allowed to search.
pub const SERVICE_ACCOUNT: Account =
    account("svc-crm", "Crm-Service-1", Expectation::Accepted, "the CRM's own account");
/// The account that the gate copies the directory with.
pub const SYNC_ACCOUNT: Account = account(
    "svc-sync",
    "Sync-Service-1",
    Expectation::RefusedByGate,
    "the gate's own account, outside OU=People",
);

/// Someone of the company and what the demonstration's gate answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// sAMAccountName; `CORP\name` and `name@corp.example` work too.
    pub name: &'static str,
    /// The right password.
    pub password: &'static str,
    /// What happens with the right password.
    pub expectation: Expectation,
    /// Why, for a person.
    pub why: &'static str,
}

/// What happens to a login with the right password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// A controller accepts it.
    Accepted,
    /// A controller refuses it for this reason, and the gate relays that.
    RefusedByController(Reason),
    /// The gate refuses it without asking a controller.
    RefusedByGate,
}

/// The company as it is shipped. Passwords without a date were set `now`.
///
/// # Errors
/// Never for the shipped file (`tests::the_company_loads`).
pub fn company(now: SystemTime) -> Result<Directory, DirectoryError> {
    Directory::from_ldif(include_str!("../../config/demo.ldif"), now)
}

/// A similar company as an OpenLDAP directory, `dc=example,dc=org`.
///
/// # Errors
/// Never for the shipped file (`tests::the_company_loads`).
pub fn openldap_company(now: SystemTime) -> Result<Directory, DirectoryError> {
    Directory::from_ldif(include_str!("../../config/demo-openldap.ldif"), now)
}

/// Everyone of [`company`] who has a password, people first.
#[must_use]
pub fn accounts() -> &'static [Account] {
    ACCOUNTS
}

const ACCOUNTS: &[Account] = {
    use Expectation::{Accepted, RefusedByController, RefusedByGate};
    &[
        account("alice", "Alice-Pass-1", Accepted, "active, in crm-users"),
        account("müller", "Müller-Pass-1", Accepted, "active, in crm-users through crm-nested"),
        account("zhang", "张伟-Pass-1", Accepted, "active, two groups below crm-users"),
        account("bob", "Bob-Pass-1", RefusedByGate, "disabled"),
        account("carol", "Carol-Pass-1", RefusedByGate, "the account has expired"),
        account("ivan", "Ivan-Pass-1", RefusedByGate, "outside OU=People"),
        account("judy", "Judy-Pass-1", RefusedByGate, "in crm-denied"),
        account("kate", "Kate-Pass-1", RefusedByGate, "not in crm-users"),
        account(
            "dave",
            "Dave-Pass-1",
            RefusedByController(Reason::PasswordExpired),
            "the password is too old",
        ),
        account(
            "erin",
            "Erin-Pass-1",
            RefusedByController(Reason::MustChangePassword),
            "must change the password first",
        ),
        account(
            "frank",
            "Frank-Pass-1",
            RefusedByController(Reason::LockedOut),
            "locked after wrong passwords",
        ),
        account(
            "grace",
            "Grace-Pass-1",
            RefusedByController(Reason::LogonHours),
            "not at this hour",
        ),
        account(
            "heidi",
            "Heidi-Pass-1",
            RefusedByController(Reason::Workstation),
            "only from workstation WS01",
        ),
        SERVICE_ACCOUNT,
        SYNC_ACCOUNT,
    ]
};

const fn account(
    name: &'static str,
    password: &'static str,
    expectation: Expectation,
    why: &'static str,
) -> Account {
    Account { name, password, expectation, why }
}
