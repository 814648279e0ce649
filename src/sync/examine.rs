//! `[io]` Finds out how changes can be followed through a session, without following them.

use crate::ldap::schema::DirectoryKind;
use crate::upstream::{FetchError, FetchSession};

use super::changes::Following;
use super::read::plan;
use super::strategy::{Choice, Experience, Offer, Strategy, choose};

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examination {
    /// The strategy that works, and why none of the better ones does.
    pub choice: Choice,
    /// Whether the controller announces changes.
    pub announces: bool,
    /// The container of deleted objects that the account may not look into, so that deletions are found only by
    /// comparing identities; `None`: it may, or there is none.
    pub hidden: Option<String>,
}

/// Tries the strategies, the best first, until one is not refused. `base` narrows the copy, `wanted` is the
/// configured strategy.
///
/// # Errors
/// What failed that is no refusal.
pub async fn examine(
    session: &mut FetchSession,
    base: Option<&str>,
    wanted: Option<Strategy>,
) -> Result<Examination, FetchError> {
    let kind = session.config().kind;
    let plan = plan(session, base)?;
    let offer = Offer::read(session.root_dse());
    let mut experience = Experience::default();
    let mut following = Following { session, plan: &plan, page_size: 1 };
    let choice = loop {
        let choice = choose(kind, wanted, offer, &experience);
        match following.begin(choice.strategy).await {
            Err(error) if experience.note(choice.strategy, &error) => {}
            Err(error) => return Err(error),
            Ok(_) => break choice,
        }
    };
    let hidden = match choice.strategy {
        Strategy::DirSync | Strategy::Usn => following.hidden_container().await?,
        Strategy::SyncRepl | Strategy::Timestamps | Strategy::Full => None,
    };
    let announces = match choice.strategy {
        Strategy::DirSync | Strategy::Usn => offer.notification,
        Strategy::SyncRepl => kind == DirectoryKind::OpenLdap,
        Strategy::Timestamps | Strategy::Full => false,
    };
    Ok(Examination { choice, announces, hidden })
}
