//! `[io]` Takes verifiers away from those who lose what they rest on: by the directory, by an operator, by the clock.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::broadcast::error::RecvError;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::directory::Affected;
use crate::ldap::identifier::Guid;
use crate::policy::judge::judge_resolved;
use crate::policy::name::Resolved;
use crate::policy::offline::Withheld;
use crate::policy::{Application, Refusal, World};
use crate::session::gate::Gate;
use crate::time::Now;

use super::book::Offline;

/// Between two looks whether an operator has blocked somebody or changed the configuration, or time has passed.
const TICK: Duration = Duration::from_secs(1);

/// What calls for a look.
enum Cause {
    Moved(Affected),
    Tick,
    End,
}

/// Follows what happens to the accounts of a directory, for as long as its view can change.
pub async fn follow(gate: Arc<Gate>, offline: Arc<Offline>) {
    let mut moves = offline.published.moves();
    let mut seen = versions(&gate);
    let mut cause = Cause::Moved(Affected::Everybody);
    loop {
        // Only versions are looked at: this is asked every second.
        let latest = versions(&gate);
        let affected = match cause {
            Cause::End => return,
            Cause::Moved(affected) => Some(affected),
            Cause::Tick => (latest != seen).then_some(Affected::Everybody),
        };
        seen = latest;
        let (gate, book) = (gate.clone(), offline.clone());
        let looking = spawn_blocking(move || {
            let now = Now::read();
            let mut lost = book.too_old(now.wall);
            if let Some(affected) = affected {
                let applications = gate.applications.current();
                lost.extend(book.lost(&affected, applications.all(), &gate.world(), now));
            }
            book.drop_all(&lost);
        });
        if let Err(error) = looking.await {
            tracing::error!(%error, "what is kept for logins without a controller was not looked at");
        }
        cause = tokio::select! {
            moved = moves.recv() => match moved {
                Ok(moved) => Cause::Moved(moved.affected),
                // Nobody knows whom the missed ones concern.
                Err(RecvError::Lagged(_)) => Cause::Moved(Affected::Everybody),
                Err(RecvError::Closed) => Cause::End,
            },
            () = sleep(TICK) => Cause::Tick,
        };
    }
}

/// Move when an operator blocks somebody, or changes the configuration.
fn versions(gate: &Gate) -> (u64, u64) {
    (gate.kill_switch.version(), gate.applications.version())
}

impl Offline {
    fn too_old(&self, wall: SystemTime) -> Vec<Guid> {
        let verifiers = self.verifiers();
        let old = verifiers.iter().filter(|(_, one)| !one.is_young(&self.config, wall));
        old.map(|(account, _)| *account).collect()
    }

    /// Who of the affected has a verifier and nothing any more that it rests on.
    fn lost(
        &self,
        affected: &Affected,
        applications: &[Arc<Application>],
        world: &World,
        now: Now,
    ) -> Vec<Guid> {
        let concerned = match affected {
            Affected::Everybody => None,
            Affected::These(accounts) => Some(accounts.iter().copied().collect::<HashSet<_>>()),
        };
        let known: Vec<Guid> = self.verifiers().keys().copied().collect();
        let is_lost = |account: &Guid| {
            concerned.as_ref().is_none_or(|concerned| concerned.contains(account))
                && self.is_lost(*account, applications, world, now)
        };
        known.into_iter().filter(is_lost).collect()
    }

    /// Without a view nobody can tell. A lockout passes, and its account has its password still.
    fn is_lost(
        &self,
        account: Guid,
        applications: &[Arc<Application>],
        world: &World,
        now: Now,
    ) -> bool {
        if self.published.load().is_none() {
            return false;
        }
        match self.may_enter(account, now.wall) {
            Ok(stamp) => {
                let verifiers = self.verifiers();
                let verifier = verifiers.get(&account);
                if verifier.is_some_and(|one| one.holds(&self.config, &stamp, now.wall).is_err()) {
                    return true;
                }
            }
            Err(Withheld::Locked) => {}
            Err(_) => return true,
        }
        let resolved = Resolved::new(self.directory.clone(), account);
        applications.iter().all(|application| {
            judge_resolved(world, application, &resolved, now).is_err_and(is_for_good)
        })
    }
}

/// Whether the refusal says something against the account, and not only that nobody can tell.
const fn is_for_good(refusal: Refusal) -> bool {
    !matches!(refusal, Refusal::ViewNotReady | Refusal::ViewStale)
}
