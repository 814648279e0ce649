//! Which way of following changes is used, out of those that a controller offers and the account may use.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ldap::control::oid;
use crate::ldap::entry::Entry;
use crate::ldap::schema::DirectoryKind;
use crate::upstream::{FetchError, Step};

/// A way to learn what has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Active Directory's DirSync control (MS-ADTS §3.1.1.3.4.1.3).
    DirSync,
    /// Active Directory's uSNChanged, and tombstones.
    Usn,
    /// Content synchronization (RFC 4533).
    SyncRepl,
    /// modifyTimestamp, and comparing identities.
    Timestamps,
    /// Reading everything each time.
    Full,
}

impl Strategy {
    /// The word in the configuration, logs and status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DirSync => "dirsync",
            Self::Usn => "usn",
            Self::SyncRepl => "syncrepl",
            Self::Timestamps => "timestamps",
            Self::Full => "full",
        }
    }

    /// The strategies of a kind of directory, the best first.
    #[must_use]
    pub const fn of(kind: DirectoryKind) -> &'static [Self] {
        match kind {
            DirectoryKind::ActiveDirectory => &[Self::DirSync, Self::Usn, Self::Full],
            DirectoryKind::OpenLdap => &[Self::SyncRepl, Self::Timestamps, Self::Full],
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a controller offers, by its root DSE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Control 1.2.840.113556.1.4.841.
    pub dir_sync: bool,
    /// Control 1.2.840.113556.1.4.528.
    pub notification: bool,
    /// Control 1.3.6.1.4.1.4203.1.9.1.1.
    pub content: bool,
    /// highestCommittedUSN is told.
    pub numbering: bool,
    /// It is Samba, which looks for what it has to notify every five seconds only.
    pub is_samba: bool,
}

impl Offer {
    /// From the root DSE (RFC 4512 §5.1).
    #[must_use]
    pub fn read(root_dse: &Entry) -> Self {
        let offers = |control: &str| {
            root_dse.values("supportedControl").iter().any(|value| value == control.as_bytes())
        };
        Self {
            dir_sync: offers(oid::DIR_SYNC),
            notification: offers(oid::NOTIFICATION),
            content: offers(oid::SYNC_REQUEST),
            numbering: root_dse.text("highestCommittedUSN").is_some(),
            is_samba: root_dse.text("vendorName").is_some_and(|name| name.starts_with("Samba")),
        }
    }
}

/// What was found out by trying.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Experience {
    /// What the controller said when DirSync was tried.
    pub dir_sync_refused: Option<String>,
    /// The same of content synchronization.
    pub content_refused: Option<String>,
    /// The same of reading uSNChanged.
    pub numbering_refused: Option<String>,
}

impl Experience {
    /// Notes an error that says that a strategy is not to be had; true if it does, so that another one is to
    /// be chosen.
    pub fn note(&mut self, strategy: Strategy, error: &FetchError) -> bool {
        let refused = match strategy {
            Strategy::DirSync => &mut self.dir_sync_refused,
            Strategy::SyncRepl => &mut self.content_refused,
            Strategy::Usn => &mut self.numbering_refused,
            Strategy::Timestamps | Strategy::Full => return false,
        };
        let is_refusal = matches!(error.step, Step::Control | Step::Rights)
            || (error.step == Step::RootDse && strategy == Strategy::Usn);
        if is_refusal && refused.is_none() {
            *refused = Some(error.reason.clone());
            return true;
        }
        false
    }
}

/// The strategy that is used, and why none of the better ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is used.
    pub strategy: Strategy,
    /// One sentence for each better strategy, with what would have to be done.
    pub why_not: Vec<String>,
}

/// Chooses the best of what is offered and was not refused; `wanted` is the configured one, if one is.
#[must_use]
pub fn choose(
    kind: DirectoryKind,
    wanted: Option<Strategy>,
    offer: Offer,
    experience: &Experience,
) -> Choice {
    let mut why_not = Vec::new();
    for &strategy in Strategy::of(kind) {
        if wanted.is_some_and(|wanted| wanted != strategy && strategy != Strategy::Full) {
            continue;
        }
        match obstacle(strategy, offer, experience) {
            None => return Choice { strategy, why_not },
            Some(obstacle) => why_not.push(format!("{strategy}: {obstacle}")),
        }
    }
    Choice { strategy: Strategy::Full, why_not }
}

fn obstacle(strategy: Strategy, offer: Offer, experience: &Experience) -> Option<String> {
    let not_offered = |what: &str| format!("the controller does not offer {what}");
    match strategy {
        Strategy::DirSync if !offer.dir_sync => Some(not_offered("control 1.2.840.113556.1.4.841")),
        Strategy::DirSync => experience.dir_sync_refused.as_ref().map(|said| {
            format!(
                "refused ({said}); grant the sync account \"Replicating Directory Changes\" \
                 (DS-Replication-Get-Changes) on the domain"
            )
        }),
        Strategy::Usn if !offer.numbering => {
            Some("the root DSE has no highestCommittedUSN".to_owned())
        }
        Strategy::Usn => experience.numbering_refused.clone(),
        Strategy::SyncRepl if !offer.content => {
            Some(not_offered("content synchronization: load the overlay syncprov"))
        }
        Strategy::SyncRepl => {
            experience.content_refused.as_ref().map(|said| format!("refused ({said})"))
        }
        Strategy::Timestamps | Strategy::Full => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Offer = Offer {
        dir_sync: true,
        notification: true,
        content: true,
        numbering: true,
        is_samba: false,
    };

    fn chosen(kind: DirectoryKind, offer: Offer, experience: &Experience) -> (Strategy, usize) {
        let choice = choose(kind, None, offer, experience);
        (choice.strategy, choice.why_not.len())
    }

    #[test]
    fn the_best_that_works_is_taken() {
        use DirectoryKind::{ActiveDirectory, OpenLdap};
        let fresh = Experience::default();
        let refused = Experience {
            dir_sync_refused: Some("insufficientAccessRights (50)".to_owned()),
            content_refused: Some("unavailableCriticalExtension (12)".to_owned()),
            numbering_refused: None,
        };
        assert_eq!(chosen(ActiveDirectory, ALL, &fresh), (Strategy::DirSync, 0));
        assert_eq!(chosen(ActiveDirectory, ALL, &refused), (Strategy::Usn, 1));
        let nothing = Offer::default();
        assert_eq!(chosen(ActiveDirectory, nothing, &fresh), (Strategy::Full, 2));
        assert_eq!(chosen(OpenLdap, ALL, &fresh), (Strategy::SyncRepl, 0));
        assert_eq!(chosen(OpenLdap, ALL, &refused), (Strategy::Timestamps, 1));
        assert_eq!(chosen(OpenLdap, nothing, &fresh), (Strategy::Timestamps, 1));
    }

    #[test]
    fn a_configured_one_is_taken_or_everything_is_read() {
        let kind = DirectoryKind::ActiveDirectory;
        let fresh = Experience::default();
        let usn = choose(kind, Some(Strategy::Usn), ALL, &fresh);
        assert_eq!((usn.strategy, usn.why_not.len()), (Strategy::Usn, 0));
        let without = Offer { numbering: false, ..ALL };
        let usn = choose(kind, Some(Strategy::Usn), without, &fresh);
        assert_eq!((usn.strategy, usn.why_not.len()), (Strategy::Full, 1));
        let full = choose(kind, Some(Strategy::Full), ALL, &fresh);
        assert_eq!((full.strategy, full.why_not.len()), (Strategy::Full, 0));
    }

    #[test]
    fn what_would_help_is_said() {
        let refused = Experience {
            dir_sync_refused: Some("insufficientAccessRights (50)".to_owned()),
            ..Experience::default()
        };
        let choice = choose(DirectoryKind::ActiveDirectory, None, ALL, &refused);
        assert!(choice.why_not[0].contains("DS-Replication-Get-Changes"), "{choice:?}");
    }
}
