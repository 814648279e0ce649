//! `[io]` Sessions kept between passes, so that the next one need not connect and bind. A link that died
//! meanwhile says nothing against the controller, which may have cut it for being unused (Active Directory
//! does after 15 minutes).

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::error::{FetchError, LinkError, Step};
use super::fetch::{FetchSession, read_root_dse};
use super::fitness;

/// A session between two passes. Nothing can be asked through it before it is resumed.
pub struct KeptSession {
    session: FetchSession,
}

impl FetchSession {
    /// Keeps the session for later; `None` if an error has left it in the middle of an answer or without its
    /// link, so that it is of no use.
    #[must_use]
    pub fn keep(self) -> Option<KeptSession> {
        if self.spent { None } else { Some(KeptSession { session: self }) }
    }

    /// How long ago the last answer came.
    #[must_use]
    pub fn unused_for(&self) -> Duration {
        self.last_used.elapsed()
    }
}

impl KeptSession {
    /// The controller it talks to.
    #[must_use]
    pub fn controller(&self) -> &Arc<str> {
        self.session.controller()
    }

    /// How long ago the last answer came.
    #[must_use]
    pub fn unused_for(&self) -> Duration {
        self.session.unused_for()
    }

    /// Whether the link is open as far as is known here, and nothing came that was not asked for. A
    /// controller that has vanished without a word is not noticed this way.
    pub fn is_open(&mut self) -> bool {
        self.session.link.is_quiet()
    }

    /// The session again, with a root DSE that was read anew, which shows that the controller answers.
    ///
    /// # Errors
    /// [`Step::Stale`] if the link is of no use any more, or there is no answer within the attempt timeout:
    /// the same is to be tried through a new session, and nothing was held against the controller.
    /// [`Step::RootDse`] if it shows another directory now, [`Step::Credentials`] if the service account was
    /// refused meanwhile.
    pub async fn resume(self) -> Result<FetchSession, FetchError> {
        let mut session = self.session;
        session.shared.check_refusal()?;
        let stale = |session: &FetchSession, error: &LinkError| {
            let reason = format!("the link kept from an earlier pass is gone: {error}");
            session.failed(LinkError::new(Step::Stale, reason))
        };
        if !session.link.is_quiet() {
            let error = LinkError::new(Step::Connect, "closed while it was not used");
            return Err(stale(&session, &error));
        }
        let deadline = Instant::now() + session.shared.config.timeouts.attempt;
        match read_root_dse(&mut session.link, &["*", "+"], deadline).await {
            Ok(root_dse) => session.root_dse = root_dse,
            Err(error) => return Err(stale(&session, &error)),
        }
        if let Some(reason) = fitness::foreign(&session.root_dse, session.shared.base.as_ref()) {
            return Err(session.failed(LinkError::new(Step::RootDse, reason)));
        }
        session.last_used = Instant::now();
        Ok(session)
    }

    /// Says goodbye and closes the link.
    pub async fn close(self) {
        self.session.close().await;
    }
}
