//! `[io]` Noticing changes by asking a controller for its highest number again and again. It costs the
//! controller one read of the root DSE each time, and shows that it answers.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::change_source::highest_number;
use super::error::{FetchError, LinkError, Step};
use super::fetch::{FetchSession, read_root_dse};
use super::watch::Noticed;

/// Less would ask more often than anybody needs to know.
const SHORTEST: Duration = Duration::from_millis(10);

/// A session that asks in a task of its own, so that whoever waits for news may give up waiting at any time.
pub(super) struct Asking {
    news: mpsc::Receiver<Result<Noticed, FetchError>>,
    task: JoinHandle<()>,
}

impl Asking {
    /// Asks once to know where the numbering stands, then every so often.
    pub(super) async fn begin(
        mut session: FetchSession,
        every: Duration,
    ) -> Result<Self, FetchError> {
        let last = ask(&mut session).await?;
        // One piece of news that is waiting stands for all that come after it.
        let (tell, news) = mpsc::channel(1);
        let task = tokio::spawn(keep_asking(session, last, every.max(SHORTEST), tell));
        Ok(Self { news, task })
    }

    /// Waits for a change. Nothing is lost when the returned future is dropped before; `None` is the end.
    pub(super) async fn next(&mut self) -> Option<Result<Noticed, FetchError>> {
        self.news.recv().await
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep_asking(
    mut session: FetchSession,
    mut last: u64,
    every: Duration,
    tell: mpsc::Sender<Result<Noticed, FetchError>>,
) {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match ask(&mut session).await {
            // A lower one is a change too: the database was put back.
            Ok(highest) if highest != last => {
                last = highest;
                let _ = tell.try_send(Ok(Noticed::Change));
            }
            Ok(_) => {}
            Err(error) => {
                let _ = tell.send(Err(error)).await;
                return;
            }
        }
    }
}

async fn ask(session: &mut FetchSession) -> Result<u64, FetchError> {
    let deadline = Instant::now() + session.shared.config.timeouts.attempt;
    let root_dse = read_root_dse(&mut session.link, &["highestCommittedUSN"], deadline).await;
    let highest = root_dse.and_then(|root_dse| {
        highest_number(&root_dse).ok_or_else(|| {
            LinkError::new(Step::RootDse, "the root DSE shows no highestCommittedUSN")
        })
    });
    highest.map_err(|error| session.failed(error))
}
