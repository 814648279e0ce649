//! Searches whose matching takes so long that it must not hold up other sessions. [`search`](super::search)
//! decides which these are and makes the job, the [`driver`](super::driver) runs it beside the sessions.

use crate::ldap::message::MessageId;
use crate::ldap::result::LdapResult;

use super::cursor::Cursors;
use super::search::SearchRun;

/// What a search comes to before anything of it is handed out.
pub enum Started {
    /// It is ready to be handed out.
    Run(Box<SearchRun>),
    /// Finding its entries takes a while.
    Heavy(Heavy),
}

impl From<SearchRun> for Started {
    fn from(run: SearchRun) -> Self {
        Self::Run(Box::new(run))
    }
}

impl From<Heavy> for Started {
    fn from(heavy: Heavy) -> Self {
        Self::Heavy(heavy)
    }
}

/// A search that has been accepted and whose entries are still to be found, with all that takes.
pub struct Heavy {
    /// The request's message id.
    pub id: MessageId,
    /// Finds the entries. The session's cursors come along, in case pages are to follow.
    pub run: Job,
}

/// Finds the entries of a search; an error is the search's final answer.
pub type Job = Box<dyn FnOnce(&mut Cursors) -> Result<SearchRun, LdapResult> + Send>;
