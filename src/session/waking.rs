//! `[io]` Carries what moves in a directory to the sessions: at once to those it may take a permit from, and in a
//! round now and then to all, so that the idle let go of old views.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::sleep;

use crate::directory::Move;
use crate::time::Now;

use super::registry::Registry;

/// How long sessions that a move does not concern may keep the views from before it, unless they ask for
/// something. Changes come every second and sessions are many: waking all for each would cost more than it saves.
pub const ROUND: Duration = Duration::from_secs(30);

/// Follows the moves of one directory until there can be no more. `epoch` wakes all sessions.
pub async fn follow(
    mut moves: broadcast::Receiver<Move>,
    registry: Arc<Registry>,
    epoch: watch::Sender<u64>,
    round: Duration,
) {
    let mut due = None;
    loop {
        let now = Now::read().monotonic;
        let left = due.map_or(round, |due: std::time::Instant| due.saturating_duration_since(now));
        tokio::select! {
            moved = moves.recv() => {
                match moved {
                    Ok(moved) => _ = registry.call(&moved),
                    // Nobody knows whom the missed ones concern.
                    Err(RecvError::Lagged(_)) => _ = registry.call(&Move::of_everybody()),
                    Err(RecvError::Closed) => return,
                }
                due.get_or_insert(now + round);
            }
            () = sleep(left), if due.is_some() => {
                due = None;
                epoch.send_modify(|epoch| *epoch = epoch.wrapping_add(1));
            }
        }
    }
}
