//! What the directory says about lockout: the domain's own policy, from the head of its naming context, and
//! fine-grained ones (MS-ADTS §6.1.1.4.11.1, `msDS-PasswordSettings`).

use std::time::Duration;

use crate::directory::{EntryRef, Slot, View};
use crate::ldap::dn::NormalizedDn;
use crate::ldap::entry::AttributeValues;
use crate::ldap::identifier::Guid;

use super::limit::{LONGEST_WINDOW, LockoutPolicy};

/// Where fine-grained policies are, below the naming context.
pub const PASSWORD_SETTINGS: &str = "CN=Password Settings Container,CN=System";

/// The attributes of a fine-grained policy that matter here.
pub const PASSWORD_SETTINGS_ATTRIBUTES: [&str; 5] = [
    "objectGUID",
    "msDS-PasswordSettingsPrecedence",
    "msDS-PSOAppliesTo",
    "msDS-LockoutThreshold",
    "msDS-LockoutObservationWindow",
];

/// `GROUP_TYPE_ACCOUNT_GROUP` and `GROUP_TYPE_SECURITY_ENABLED` (MS-ADTS §2.2.12): only global security groups
/// hand a fine-grained policy on.
const GLOBAL_GROUP: i64 = 0x2;
const SECURITY_ENABLED: i64 = 0x8000_0000;

/// A fine-grained policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FineGrained {
    /// The lowest wins, then the smallest identity.
    precedence: (i64, Guid),
    policy: LockoutPolicy,
    applies_to: Vec<NormalizedDn>,
}

impl FineGrained {
    /// From an entry of class `msDS-PasswordSettings`; `None` where something is missing that it must have.
    #[must_use]
    pub fn read(entry: &impl AttributeValues) -> Option<Self> {
        let guid = entry.values_of("objectGUID").next().and_then(Guid::from_ad_octets)?;
        let names = entry.values_of("msDS-PSOAppliesTo");
        let names = names.filter_map(|value| std::str::from_utf8(value).ok());
        let number = |name| entry.text_of(name).and_then(|text| text.trim().parse().ok());
        Some(Self {
            precedence: (number("msDS-PasswordSettingsPrecedence")?, guid),
            policy: policy(
                number("msDS-LockoutThreshold")?,
                number("msDS-LockoutObservationWindow")?,
            ),
            applies_to: names.filter_map(|name| NormalizedDn::parse(name).ok()).collect(),
        })
    }
}

/// The policy of the domain; `None` where it was not copied.
#[must_use]
pub fn of_domain(view: &View) -> Option<LockoutPolicy> {
    let head = NormalizedDn::parse(&view.domain().naming_context).ok()?;
    let head = view.find_dn(&head)?;
    Some(policy(number(head, "lockoutThreshold")?, number(head, "lockOutObservationWindow")?))
}

/// The fine-grained policy of an account (MS-ADTS §3.1.1.4.5.36, `msDS-ResultantPSO`): of those that name the account
/// itself, or else of those that name one of its groups, the one with the lowest precedence.
#[must_use]
pub fn of_account(entry: EntryRef<'_>, policies: &[FineGrained]) -> Option<LockoutPolicy> {
    if policies.is_empty() {
        return None;
    }
    let first = |found: &mut dyn Iterator<Item = &FineGrained>| {
        found.min_by_key(|one| one.precedence).map(|one| one.policy)
    };
    let own = entry.normalized_dn();
    let direct = first(&mut policies.iter().filter(|one| one.applies_to.contains(own)));
    direct.or_else(|| {
        let view = entry.view();
        let groups = view.groups_of(entry).into_iter().filter_map(|slot| view.entry(Slot(slot)));
        let groups: Vec<&NormalizedDn> =
            groups.filter(|group| hands_on(*group)).map(|group| group.normalized_dn()).collect();
        let names_one = |one: &&FineGrained| one.applies_to.iter().any(|dn| groups.contains(&dn));
        first(&mut policies.iter().filter(names_one))
    })
}

fn hands_on(group: EntryRef<'_>) -> bool {
    number(group, "groupType")
        .is_some_and(|kind| kind & GLOBAL_GROUP != 0 && kind & SECURITY_ENABLED != 0)
}

/// `window` is a negative duration in steps of 100 nanoseconds; the least number stands for "for ever".
fn policy(threshold: i64, window: i64) -> LockoutPolicy {
    let microseconds = window.saturating_neg().max(0).unsigned_abs() / 10;
    LockoutPolicy {
        threshold: u32::try_from(threshold).unwrap_or(0),
        window: Duration::from_micros(microseconds).min(LONGEST_WINDOW),
    }
}

fn number(entry: EntryRef<'_>, attribute: &str) -> Option<i64> {
    entry.text(attribute)?.trim().parse().ok()
}
