//! `[io]` Another controller than those that told the last changes is read: has it heard of them? One that has not would
//! set back what is read there to what it was before.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::ldap::identifier::Guid;
use crate::time::Now;
use crate::upstream::{FetchError, FetchSession, Numbering, Step};

use super::position::guid;

/// So long a controller is waited for. The other one may be dead, and what it told last never arrive.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at how far it is.
const PAUSE: Duration = Duration::from_millis(250);

/// Who told the last changes, and how far the numbering of each was then (Active Directory). More than one where changes
/// were taken from a controller that had not heard of all that others had told. Kept with the position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    tellers: Vec<Teller>,
    /// What is known of the controller that was asked last.
    #[serde(skip)]
    asked: Option<(String, Hearing)>,
}

/// A controller that told something that others may not have heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Teller {
    controller: String,
    /// invocationId: the numbering.
    #[serde(with = "guid")]
    invocation: Guid,
    /// highestCommittedUSN when it had been told.
    highest: u64,
}

/// How much of what others told has arrived at a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    /// All of it.
    All,
    /// Not all, and that was waited for long enough.
    InVain,
}

/// What a controller has not heard of.
struct Unheard<'t> {
    of: &'t Teller,
    heard: u64,
}

impl Told {
    /// Keeps in mind that the session's controller has just told something; that it was read `whole` means that all is
    /// as it says. Where its numbers are not to be seen, all stays as it is.
    pub(super) async fn note(&mut self, session: &mut FetchSession, whole: bool) {
        let Ok(Numbering { invocation, highest }) = session.numbering().await else { return };
        let controller = session.controller().to_string();
        // Who has heard of what it told, has heard of what had arrived there before.
        if whole || self.hearing_of(&controller) == Some(Hearing::All) {
            self.tellers.clear();
        }
        self.asked.take_if(|(asked, _)| *asked != controller);
        self.tellers.retain(|teller| teller.controller != controller);
        self.tellers.push(Teller { controller, invocation, highest });
    }

    /// Whether any of it was told by another controller than the session's.
    pub(super) fn is_of_another(&self, session: &FetchSession) -> bool {
        self.of_others(session.controller()).next().is_some()
    }

    /// Whether the session's controller has not heard of all of it, and was not waited for yet. Of one that does not
    /// show how far it has heard, that is not known.
    ///
    /// # Errors
    /// The link is lost.
    pub(super) async fn lags_at(
        &mut self,
        session: &mut FetchSession,
        naming: &str,
    ) -> Result<bool, FetchError> {
        if !self.is_of_another(session) || self.hearing_of(session.controller()).is_some() {
            return Ok(false);
        }
        let lags = self.unheard_at(session, naming).await?.is_some();
        if !lags {
            self.asked = Some((session.controller().to_string(), Hearing::All));
        }
        Ok(lags)
    }

    /// Waits until the session's controller has heard of all of it, `patience` at most. One that does not show how far
    /// it has heard is not waited for.
    ///
    /// # Errors
    /// The link is lost.
    pub(super) async fn wait_at(
        &mut self,
        session: &mut FetchSession,
        naming: &str,
        patience: Duration,
    ) -> Result<(), FetchError> {
        let begun = Now::read().monotonic;
        let hearing = loop {
            let Some(unheard) = self.unheard_at(session, naming).await? else {
                break Hearing::All;
            };
            if Now::read().monotonic.saturating_duration_since(begun) >= patience {
                unheard.tell(session);
                break Hearing::InVain;
            }
            sleep(PAUSE).await;
        };
        self.asked = Some((session.controller().to_string(), hearing));
        Ok(())
    }

    async fn unheard_at(
        &self,
        session: &mut FetchSession,
        naming: &str,
    ) -> Result<Option<Unheard<'_>>, FetchError> {
        let controller = session.controller().clone();
        for of in self.of_others(&controller) {
            let heard = match session.heard_of(naming, &of.invocation).await {
                Err(error) if matches!(error.step, Step::Rights | Step::Base) => None,
                other => other?,
            };
            if let Some(heard) = heard.filter(|heard| *heard < of.highest) {
                return Ok(Some(Unheard { of, heard }));
            }
        }
        Ok(None)
    }

    fn of_others(&self, controller: &str) -> impl Iterator<Item = &Teller> {
        self.tellers.iter().filter(move |teller| teller.controller != controller)
    }

    fn hearing_of(&self, controller: &str) -> Option<Hearing> {
        self.asked.as_ref().filter(|(asked, _)| asked == controller).map(|(_, hearing)| *hearing)
    }
}

impl Unheard<'_> {
    fn tell(&self, session: &FetchSession) {
        tracing::warn!(
            directory = &*session.config().directory,
            controller = &**session.controller(),
            heard = self.heard,
            told_by = self.of.controller,
            told = self.of.highest,
            "a controller is read that may not have heard of the last changes: until it has, the copy may say what was \
             before them"
        );
    }
}
