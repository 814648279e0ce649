//! Why an account may log in without a controller or not: what [`may_enter`](super::may_enter) and a verifier look
//! at, step by step, each asked whatever the others say. For operators, never for clients.

use std::time::SystemTime;

use crate::directory::EntryRef;
use crate::policy::explain::{Input, groups};

use super::account::{PasswordStamp, is_allowed, is_not_denied, state};
use super::{OfflineConfig, Standing, Verifier, Withheld};

/// One condition of a login without a controller.
#[derive(Debug, PartialEq, Eq)]
pub struct OfflineStep {
    /// Its name.
    pub name: &'static str,
    /// What it looks at.
    pub input: Input,
    /// Whether it is met, or why not.
    pub says: Result<(), Withheld>,
}

/// All conditions at `wall`, in the order in which a login asks them. `verifier` is what is kept of the account's
/// password, if anything is.
#[must_use]
pub fn explain(
    config: &OfflineConfig,
    entry: EntryRef<'_>,
    verifier: Option<&Verifier>,
    wall: SystemTime,
) -> [OfflineStep; 4] {
    let state = state(entry, wall);
    let stamp = state.as_ref().ok();
    let standing = verifier.map(|verifier| verifier.standing(config, stamp, wall));
    [
        OfflineStep {
            name: "offline denied groups",
            input: groups(entry, &config.denied_groups),
            says: is_not_denied(config, entry),
        },
        OfflineStep {
            name: "offline groups",
            input: groups(entry, &config.groups),
            says: is_allowed(config, entry),
        },
        OfflineStep {
            name: "offline state",
            input: Input::words(state_text(state.as_ref())),
            says: state.map(|_| ()),
        },
        OfflineStep {
            name: "offline password",
            input: Input::words(standing_text(config, standing)),
            says: standing.map_or(Err(Withheld::NoVerifier), |standing| standing.says),
        },
    ]
}

const fn state_text(state: Result<&PasswordStamp, &Withheld>) -> &'static str {
    match state {
        Ok(_) => "not locked, its password neither expired nor to be changed",
        Err(Withheld::Locked) => "the view shows a lockout",
        Err(Withheld::MustChange) => "its password has to be changed first",
        Err(Withheld::PasswordExpired) => "its password has expired",
        Err(_) => "what tells a lockout or the age of its password cannot be read",
    }
}

fn standing_text(config: &OfflineConfig, standing: Option<Standing>) -> String {
    let Some(Standing { age, uses, failures, .. }) = standing else {
        return "no password is kept that a controller has accepted".to_owned();
    };
    let age = age.map_or_else(
        || "in the future of this clock".to_owned(),
        |age| format!("{} s ago", age.as_secs()),
    );
    let most = config.max_age.as_secs();
    format!(
        "accepted by a controller {age}, at most {most} s are allowed; {uses} of {} logins and {failures} of {} \
         wrong passwords since",
        config.uses, config.failures
    )
}
