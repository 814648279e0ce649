//! `[io]` How a session follows the configuration of its application.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::ldap::result::ResultCode;
use crate::session::answer::NOT_CONFIGURED;

use super::{Connection, Ended, Surroundings};

/// Why a session ends whose application has changed while a search was under way.
const RECONFIGURED: &str = "the configuration of this application has changed, search again";

/// What the configuration says of a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its application serves its client.
    Served,
    /// Its application is gone, or is not the one for its client any more.
    Gone,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    /// Takes in what has moved, the configuration of the session's application too.
    pub(super) fn follow(&mut self) -> Standing {
        let Surroundings { gate, listener, client, .. } = self.surroundings;
        gate.refresh(&mut self.snapshot);
        if self.snapshot.world().applications.version() == self.configured {
            return Standing::Served;
        }
        let applications = self.snapshot.world().applications.clone();
        let own = &self.session.terms().application;
        // By where it comes from, as when it came: its client may belong to another application now.
        match applications.select(listener, *client).filter(|one| one.name == own.name) {
            None => Standing::Gone,
            Some(application) => {
                self.configured = applications.version();
                if !Arc::ptr_eq(application, own) {
                    self.session.reconfigured(application.clone());
                    self.changes += 1;
                }
                Standing::Served
            }
        }
    }

    /// Ends a session that nobody is configured for.
    pub(super) async fn turn_out(&mut self) -> io::Result<Option<Ended>> {
        tracing::info!(
            client = %self.surroundings.client,
            application = &*self.session.terms().application.name,
            "the application of an open session is not configured for it any more, closing"
        );
        self.notice(ResultCode::UNAVAILABLE, NOT_CONFIGURED).await?;
        Ok(Some(Ended::Closed))
    }

    /// Judges the permit again in the middle of a search, which began after so many changes of the application. What
    /// was found under its earlier configuration is not handed out, and no code at the end of a list is a failure to
    /// every client.
    pub(super) async fn keep_searching(&mut self, changes: u64) -> io::Result<Option<Ended>> {
        let ended = self.keep_current().await?;
        if ended.is_some() || self.changes == changes {
            return Ok(ended);
        }
        self.notice(ResultCode::UNAVAILABLE, RECONFIGURED).await?;
        Ok(Some(Ended::Closed))
    }
}
