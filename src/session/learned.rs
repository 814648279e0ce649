//! `[io]` The wording of a directory as it is known now. It outlives a restart: refusals made here would be told from a
//! controller's own by their shape otherwise, until somebody mistypes a password.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::task::spawn_blocking;

use crate::ldap::result::{LdapResult, ResultCode};
use crate::ldap::schema::DirectoryKind;
use crate::store::{Store, StoreError};

use super::dialect::Dialect;

/// Longest answer that is kept, in octets. Controllers' own have about a hundred.
const LONGEST: usize = 1024;

/// How a directory words a wrong password.
pub struct LearnedDialect {
    kind: DirectoryKind,
    current: ArcSwap<Dialect>,
    kept: Option<Kept>,
}

/// Where the answer is kept that it was learned from.
struct Kept {
    store: Store,
    name: String,
}

impl LearnedDialect {
    /// Nothing learned yet, and nothing will be kept.
    #[must_use]
    pub fn new(kind: DirectoryKind) -> Self {
        let current = ArcSwap::from_pointee(Dialect::default_for(kind));
        Self { kind, current, kept: None }
    }

    /// What was learned of the directory with this name before.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn kept(kind: DirectoryKind, store: &Store, directory: &str) -> Result<Self, StoreError> {
        let name = format!("wording of {directory}");
        let answer = store.value(&name)?;
        let known = answer.and_then(|text| Dialect::learn(kind, &refusal(text)));
        let current = known.unwrap_or_else(|| Dialect::default_for(kind));
        let kept = Some(Kept { store: store.clone(), name });
        Ok(Self { kind, current: ArcSwap::from_pointee(current), kept })
    }

    /// The wording.
    #[must_use]
    pub fn current(&self) -> Arc<Dialect> {
        self.current.load_full()
    }

    /// Learns from a controller's refusal, and keeps it if it is news.
    pub fn learn(&self, result: &LdapResult) {
        let Some(dialect) = Dialect::learn(self.kind, result) else { return };
        if **self.current.load() == dialect {
            return;
        }
        self.current.store(Arc::new(dialect));
        if let Some(kept) = &self.kept
            && result.diagnostic_message.len() <= LONGEST
        {
            kept.keep(result.diagnostic_message.clone());
        }
    }
}

impl Kept {
    /// Beside the session, which has somebody waiting.
    fn keep(&self, text: Vec<u8>) {
        let Self { store, name } = self;
        let (store, name) = (store.clone(), name.clone());
        spawn_blocking(move || {
            if let Err(error) = store.set_value(&name, Some(&text)) {
                tracing::warn!(%error, "how a directory words a wrong password is not kept");
            }
        });
    }
}

fn refusal(text: Vec<u8>) -> LdapResult {
    LdapResult::new(ResultCode::INVALID_CREDENTIALS, text)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::session::dialect::SubCode;
    use crate::testing::Scratch;

    const WINDOWS: &[u8] =
        b"80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data 52e, v4563\0";

    fn store(scratch: &Scratch) -> Store {
        Store::open(&scratch.0.join("store.redb")).unwrap().store
    }

    #[tokio::test]
    async fn what_was_learned_outlives_a_restart() {
        let folder = Scratch::new("learned");
        let kind = DirectoryKind::ActiveDirectory;
        let answer = refusal(WINDOWS.to_vec());
        {
            let store = store(&folder);
            let learned = LearnedDialect::kept(kind, &store, "corp").unwrap();
            assert_eq!(*learned.current(), Dialect::default_for(kind));
            learned.learn(&answer);
            assert_eq!(learned.current().refusal(SubCode::LogonFailure), answer);
            let is_kept = async {
                while store.value("wording of corp").unwrap().is_none() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(10), is_kept).await.unwrap();
        }
        let store = store(&folder);
        let learned = LearnedDialect::kept(kind, &store, "corp").unwrap();
        assert_eq!(learned.current().refusal(SubCode::LogonFailure), answer);
        let other = LearnedDialect::kept(kind, &store, "lab").unwrap();
        assert_eq!(*other.current(), Dialect::default_for(kind));
    }

    /// What is in the store is no reason to believe it.
    #[test]
    fn what_is_no_refusal_is_not_taken_from_the_store() {
        let folder = Scratch::new("learned-unread");
        let (store, kind) = (store(&folder), DirectoryKind::ActiveDirectory);
        store.set_value("wording of corp", Some(b"\xff data zzz")).unwrap();
        let learned = LearnedDialect::kept(kind, &store, "corp").unwrap();
        assert_eq!(*learned.current(), Dialect::default_for(kind));
    }
}
