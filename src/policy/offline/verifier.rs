//! What is kept of a password that a controller has accepted, and the bounds of its use.
//!
//! An attempt takes its place in the budgets before the password is looked at, and gets back only what it turned
//! out not to cost. So however many run beside each other, a budget is never passed, and one that never ends has
//! cost a failure.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use argon2::Argon2;
use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use serde::{Deserialize, Serialize};

use crate::ldap::identifier::Guid;
use crate::ldap::secret::Password;
use crate::policy::local_account::is_hash_of;

use super::{OfflineConfig, PasswordStamp, Withheld};

/// A verifier that is this old is made anew by the next login that a controller accepts, if not sooner.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Proof that the password is the one that a controller has accepted, lately and for this account, and that its
/// budgets had room. [`Verifier::conclude`] is its only constructor.
#[derive(Debug)]
#[must_use]
pub struct OfflineVerified {
    directory: Arc<str>,
    account: Guid,
    verified_at: SystemTime,
}

impl OfflineVerified {
    /// Whose password it is: the directory's name in the configuration, and the identity there.
    #[must_use]
    pub fn is_of(&self, directory: &str, account: Guid) -> bool {
        &*self.directory == directory && self.account == account
    }

    /// When a controller has accepted it.
    #[must_use]
    pub const fn verified_at(&self) -> SystemTime {
        self.verified_at
    }
}

/// What is known of one account's password. Not `Debug`: its hash is for no log.
#[derive(Clone)]
pub struct Verifier {
    /// Argon2id, as a PHC string. Its salt is random, so it tells one verifier from the next.
    hash: Arc<str>,
    verified_at: SystemTime,
    stamp: PasswordStamp,
    uses: u32,
    failures: u32,
    /// Attempts that have taken their places and are not concluded.
    under_way: u32,
}

/// A verifier as it is stored.
#[derive(Serialize, Deserialize)]
pub struct VerifierRecord {
    hash: String,
    verified_at: SystemTime,
    stamp: Option<String>,
    uses: u32,
    failures: u32,
}

/// A place in the budgets of an account, for one password.
#[must_use]
pub struct Attempt {
    directory: Arc<str>,
    account: Guid,
    hash: Arc<str>,
}

/// An attempt whose password has been looked at; only [`Attempt::check`] makes one.
#[must_use]
pub struct Checked {
    attempt: Attempt,
    right: bool,
}

/// How a verifier stands, without anything about the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How long ago a controller accepted the password; `None`: in the future of this clock.
    pub age: Option<Duration>,
    /// Logins since.
    pub uses: u32,
    /// Wrong passwords since.
    pub failures: u32,
    /// Whether a password would be looked at, or why not.
    pub says: Result<(), Withheld>,
}

/// What became of an attempt.
#[derive(Debug)]
#[must_use]
pub enum Conclusion {
    /// The password is right.
    Verified(OfflineVerified),
    /// It is wrong.
    Wrong,
    /// The verifier is not the one any more that it was compared with.
    Superseded,
}

impl Attempt {
    /// Looks at the password. Slow on purpose, some 20 MiB for some 20 ms: for a thread that may take its time.
    pub fn check(self, password: &Password) -> Checked {
        let right = is_hash_of(&self.hash, password);
        Checked { attempt: self, right }
    }
}

impl Verifier {
    /// The verifier of a password that a controller accepted at `verified_at`. Slow on purpose, as
    /// [`Attempt::check`]. `salt` must be random. `None` where the password cannot be hashed.
    #[must_use]
    pub fn of(
        password: &Password,
        salt: &[u8; 16],
        stamp: PasswordStamp,
        verified_at: SystemTime,
    ) -> Option<Self> {
        let hash: PasswordHash =
            Argon2::default().hash_password_with_salt(password.expose(), salt).ok()?;
        let hash = hash.to_string().into();
        Some(Self { hash, verified_at, stamp, uses: 0, failures: 0, under_way: 0 })
    }

    /// A verifier of an earlier run.
    #[must_use]
    pub fn restored(record: VerifierRecord) -> Self {
        let VerifierRecord { hash, verified_at, stamp, uses, failures } = record;
        let stamp = PasswordStamp(stamp);
        Self { hash: hash.into(), verified_at, stamp, uses, failures, under_way: 0 }
    }

    /// The verifier as it is to be stored.
    #[must_use]
    pub fn record(&self) -> VerifierRecord {
        VerifierRecord {
            hash: self.hash.to_string(),
            verified_at: self.verified_at,
            stamp: self.stamp.0.clone(),
            uses: self.uses,
            failures: self.failures,
        }
    }

    /// Whether another word of a controller would change so little that it is not worth the work: the same
    /// password, of today, younger than half of what is allowed, and unused.
    #[must_use]
    pub fn is_as_good_as_new(
        &self,
        config: &OfflineConfig,
        stamp: &PasswordStamp,
        wall: SystemTime,
    ) -> bool {
        let young = |age| age < DAY.min(config.max_age / 2);
        let unused = self.uses == 0 && self.failures == 0 && self.under_way == 0;
        self.stamp == *stamp && unused && self.age(wall).is_some_and(young)
    }

    /// Whether it is about the password of `stamp` and young enough at `wall`.
    ///
    /// # Errors
    /// It is not, and never will be again.
    pub fn holds(
        &self,
        config: &OfflineConfig,
        stamp: &PasswordStamp,
        wall: SystemTime,
    ) -> Result<(), Withheld> {
        if self.stamp != *stamp {
            return Err(Withheld::PasswordChanged);
        }
        self.is_young(config, wall).then_some(()).ok_or(Withheld::TooOld)
    }

    /// Whether a controller's word is recent enough. A clock that was set back makes it too old.
    #[must_use]
    pub fn is_young(&self, config: &OfflineConfig, wall: SystemTime) -> bool {
        self.age(wall).is_some_and(|age| age <= config.max_age)
    }

    /// Takes a place in the budgets for one attempt on `account` of `directory`, whose password is that of `stamp`.
    ///
    /// # Errors
    /// Why no password may be looked at.
    pub fn begin(
        &mut self,
        config: &OfflineConfig,
        (directory, account): (&Arc<str>, Guid),
        stamp: &PasswordStamp,
        wall: SystemTime,
    ) -> Result<Attempt, Withheld> {
        let room = self.room(config, stamp, wall)?;
        if self.under_way >= room {
            return Err(Withheld::UnderWay);
        }
        self.under_way += 1;
        Ok(Attempt { directory: directory.clone(), account, hash: self.hash.clone() })
    }

    /// How many attempts its budgets have room for, those under way included; at least one.
    fn room(
        &self,
        config: &OfflineConfig,
        stamp: &PasswordStamp,
        wall: SystemTime,
    ) -> Result<u32, Withheld> {
        self.holds(config, stamp, wall)?;
        if self.failures >= config.failures {
            return Err(Withheld::FailuresUsedUp);
        }
        if self.uses >= config.uses {
            return Err(Withheld::UsesUsedUp);
        }
        Ok((config.failures - self.failures).min(config.uses - self.uses))
    }

    /// How it stands at `wall`, for an operator. Takes no place. `stamp` is what the view says; `None` where that
    /// cannot be read.
    #[must_use]
    pub fn standing(
        &self,
        config: &OfflineConfig,
        stamp: Option<&PasswordStamp>,
        wall: SystemTime,
    ) -> Standing {
        let says = match stamp {
            Some(stamp) => self.room(config, stamp, wall).map(|_| ()),
            None => Err(Withheld::StateUnreadable),
        };
        let Self { uses, failures, .. } = *self;
        Standing { age: self.age(wall), uses, failures, says }
    }

    /// Ends an attempt. A right password is a use and does not take back what wrong ones have cost.
    pub fn conclude(&mut self, checked: Checked) -> Conclusion {
        let Checked { attempt: Attempt { directory, account, hash }, right } = checked;
        if hash != self.hash {
            return Conclusion::Superseded;
        }
        self.under_way = self.under_way.saturating_sub(1);
        if right {
            self.uses = self.uses.saturating_add(1);
            let verified_at = self.verified_at;
            Conclusion::Verified(OfflineVerified { directory, account, verified_at })
        } else {
            self.failures = self.failures.saturating_add(1);
            Conclusion::Wrong
        }
    }

    fn age(&self, wall: SystemTime) -> Option<Duration> {
        wall.duration_since(self.verified_at).ok()
    }
}
