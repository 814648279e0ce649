//! `[io]` Before everything is read at another controller than the one that told the last changes: has it heard of them?
//! One that has not would set the copy back to what was before.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::time::Now;
use crate::upstream::{FetchError, FetchSession, Numbering, Step};

/// So long a controller is waited for. The other one may be dead, and what it told last never arrive.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at how far it is.
const PAUSE: Duration = Duration::from_millis(250);

/// Who told the last changes, and how far its numbering was then.
#[derive(Clone, Debug)]
pub(super) struct Told {
    controller: Arc<str>,
    numbering: Numbering,
}

impl Told {
    /// That of the session, which has just told something. `None`: its numbers are not to be seen.
    pub(super) async fn by(session: &mut FetchSession) -> Option<Self> {
        let controller = session.controller().clone();
        let numbering = session.numbering().await.ok()?;
        Some(Self { controller, numbering })
    }

    /// Whether it was the session's controller.
    pub(super) fn is_by(&self, session: &FetchSession) -> bool {
        self.controller == *session.controller()
    }

    /// Waits until the session's controller has heard of it as well, `patience` at most. One that does not show how far
    /// it has heard is not waited for.
    ///
    /// # Errors
    /// The link is lost.
    pub(super) async fn wait_at(
        &self,
        session: &mut FetchSession,
        naming: &str,
        patience: Duration,
    ) -> Result<(), FetchError> {
        if self.is_by(session) {
            return Ok(());
        }
        let begun = Now::read().monotonic;
        let Numbering { invocation, highest } = self.numbering;
        loop {
            let heard = match session.heard_of(naming, &invocation).await {
                Err(error) if matches!(error.step, Step::Rights | Step::Base) => None,
                other => other?,
            };
            let waited = Now::read().monotonic.saturating_duration_since(begun);
            match heard {
                Some(heard) if heard < highest && waited < patience => sleep(PAUSE).await,
                Some(heard) if heard < highest => {
                    self.tell(session, heard);
                    return Ok(());
                }
                Some(_) | None => return Ok(()),
            }
        }
    }

    fn tell(&self, session: &FetchSession, heard: u64) {
        tracing::warn!(
            directory = &*session.config().directory,
            controller = &**session.controller(),
            heard,
            told_by = &*self.controller,
            told = self.numbering.highest,
            "everything is read at a controller that may not have heard of the last changes: until it has, the \
             copy may say what was before them"
        );
    }
}
