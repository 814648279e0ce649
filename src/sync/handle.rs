//! `[io]` Between those who want something of the copying and the loop that does it: commands one way,
//! status and history the other.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc, oneshot};

use super::job::{Idle, Job, JobHistory, Recorded};
use super::report::{PassReport, SyncStatus};

/// Commands that wait for the loop; more wait to be heard.
const COMMANDS: usize = 64;

/// The history that the directories of one program share, so that numbers are given once.
pub type SharedJobs = Arc<Mutex<JobHistory>>;

/// What somebody wants a pass for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncRequest {
    /// Everything is to be read, not only what has changed.
    pub full: bool,
    /// What would change is to be told, and nothing to be changed.
    pub dry_run: bool,
    /// The user whom it is about, as they log in or by distinguished name.
    pub user: Option<String>,
}

/// Something that the loop is to do.
#[derive(Debug)]
pub enum Command {
    /// Run a pass now.
    Pass {
        /// What for.
        request: SyncRequest,
        /// Where the report goes.
        reply: oneshot::Sender<PassReport>,
    },
    /// Publish what is held.
    Accept {
        /// Where it is said what was done, or why nothing.
        reply: oneshot::Sender<Result<String, String>>,
    },
    /// Throw away what is held and keep the view. Found again, it is held again.
    Reject {
        /// Where it is said what was done, or why nothing.
        reply: oneshot::Sender<Result<String, String>>,
    },
}

/// Asks the loop of one directory and knows how it goes.
#[derive(Clone)]
pub struct SyncHandle {
    directory: Arc<str>,
    refused: Arc<Notify>,
    commands: mpsc::Sender<Command>,
    status: Arc<Mutex<SyncStatus>>,
    jobs: SharedJobs,
}

/// The other end of a [`SyncHandle`]: what the loop hears and tells.
pub struct SyncPort {
    directory: Arc<str>,
    refused: Arc<Notify>,
    commands: mpsc::Receiver<Command>,
    status: Arc<Mutex<SyncStatus>>,
    jobs: SharedJobs,
}

/// The two ends for one directory.
#[must_use]
pub fn channel(directory: Arc<str>, jobs: SharedJobs) -> (SyncHandle, SyncPort) {
    let (refused, status) = (Arc::new(Notify::new()), Arc::new(Mutex::default()));
    let (sender, commands) = mpsc::channel(COMMANDS);
    let handle = SyncHandle {
        directory: directory.clone(),
        refused: refused.clone(),
        commands: sender,
        status: status.clone(),
        jobs: jobs.clone(),
    };
    (handle, SyncPort { directory, refused, commands, status, jobs })
}

impl SyncHandle {
    /// A login was refused for what the view says: a pass soon, one for any number of calls.
    pub fn refused(&self) {
        self.refused.notify_one();
    }

    /// Runs a pass now and waits for it; `None` if the program is ending.
    pub async fn request(&self, request: SyncRequest) -> Option<PassReport> {
        let (reply, report) = oneshot::channel();
        self.commands.send(Command::Pass { request, reply }).await.ok()?;
        report.await.ok()
    }

    /// Runs a pass as the schedule would and waits for it; `None` if the program is ending.
    pub async fn request_and_wait(&self) -> Option<PassReport> {
        self.request(SyncRequest::default()).await
    }

    /// Publishes what is held; says what that was.
    ///
    /// # Errors
    /// Why nothing was done, for a person.
    pub async fn accept(&self) -> Result<String, String> {
        self.decide(|reply| Command::Accept { reply }).await
    }

    /// Throws away what is held; says what that was.
    ///
    /// # Errors
    /// Why nothing was done, for a person.
    pub async fn reject(&self) -> Result<String, String> {
        self.decide(|reply| Command::Reject { reply }).await
    }

    async fn decide(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<String, String>>) -> Command,
    ) -> Result<String, String> {
        let ending = || "the program is on its way out".to_owned();
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| ending())?;
        answer.await.unwrap_or_else(|_| Err(ending()))
    }

    /// The newest jobs of this directory, newest first.
    #[must_use]
    pub fn jobs(&self, newest: usize) -> Vec<Job> {
        locked(&self.jobs).newest(Some(&self.directory), newest)
    }

    /// The passes of this directory that found nothing and that nobody had asked for.
    #[must_use]
    pub fn idle(&self) -> Option<Idle> {
        locked(&self.jobs).idle(&self.directory)
    }

    /// How the copying goes.
    #[must_use]
    pub fn status(&self) -> SyncStatus {
        locked(&self.status).clone()
    }
}

impl SyncPort {
    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Arc<str> {
        &self.directory
    }

    /// Waits until a login is refused for what the view says; any number of them count once. To be kept over
    /// passes, so that it can be waited for beside commands.
    #[must_use]
    pub fn refusals(&self) -> Arc<Notify> {
        self.refused.clone()
    }

    /// The next command; `None` when there is nobody left to give one.
    pub async fn command(&mut self) -> Option<Command> {
        self.commands.recv().await
    }

    /// A command that waits already.
    pub fn waiting(&mut self) -> Option<Command> {
        self.commands.try_recv().ok()
    }

    /// Changes what is told of the copying.
    pub fn note(&self, change: impl FnOnce(&mut SyncStatus)) {
        change(&mut locked(&self.status));
    }

    /// Counts a pass that has ended and puts it into the history. One that is kept is to be stored with the
    /// number it gets.
    pub fn record(&self, job: Job) -> Recorded {
        self.note(|status| status.count(&job));
        locked(&self.jobs).record(job)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::super::job::{JobChanges, JobOutcome};
    use super::super::report::{PassCounts, PassKind, Trigger};
    use super::super::strategy::Strategy;
    use super::*;

    #[tokio::test]
    async fn a_decision_comes_back_to_who_took_it() {
        let (handle, mut port) = channel("corp".into(), SharedJobs::default());
        let loop_ = tokio::spawn(async move {
            let Some(Command::Accept { reply }) = port.command().await else { panic!() };
            reply.send(Ok("job 7".to_owned())).unwrap();
            let Some(Command::Reject { reply }) = port.command().await else { panic!() };
            reply.send(Err("nothing is held".to_owned())).unwrap();
        });
        assert_eq!(handle.accept().await, Ok("job 7".to_owned()));
        assert_eq!(handle.reject().await, Err("nothing is held".to_owned()));
        loop_.await.unwrap();
        let ending = Err("the program is on its way out".to_owned());
        assert_eq!(handle.accept().await, ending, "the loop is gone");
        assert!(handle.request(SyncRequest::default()).await.is_none());
    }

    /// The history is bounded and restored, and passes that find nothing are not in it: neither can be a counter.
    #[test]
    fn every_pass_is_counted_whatever_the_history_keeps() {
        let second = |at| UNIX_EPOCH + Duration::from_secs(at);
        let (handle, port) = channel("corp".into(), SharedJobs::default());
        assert_eq!((handle.status().passes, handle.status().last_success), Default::default());
        let record = |outcome, at| {
            port.record(Job {
                id: 0,
                directory: "corp".into(),
                trigger: Trigger::Poll,
                strategy: Strategy::Usn,
                kind: PassKind::Changes,
                controller: None,
                started: second(at),
                finished: second(at + 1),
                changes: JobChanges::default(),
                outcome,
                error: None,
                repetitions: 0,
            })
        };
        record(JobOutcome::Applied, 10);
        for at in 11..1500 {
            assert_eq!(record(JobOutcome::Nothing, at), Recorded::Counted);
        }
        assert_eq!(handle.status().last_success, Some(second(1500)));
        for at in [2000, 2001] {
            record(JobOutcome::Failed, at);
            record(JobOutcome::Held, at);
        }
        record(JobOutcome::DryRun, 2002);
        let status = handle.status();
        let counted = PassCounts { applied: 1, nothing: 1489, held: 2, failed: 2, dry_run: 1 };
        assert_eq!(status.passes, counted);
        assert_eq!(status.last_success, Some(second(1500)), "none of these was one");
    }

    #[tokio::test]
    async fn what_is_wanted_arrives_as_it_was_said() {
        let (handle, mut port) = channel("corp".into(), SharedJobs::default());
        let request = SyncRequest { full: true, dry_run: true, user: Some("alice".to_owned()) };
        let asked = request.clone();
        let asking = tokio::spawn(async move { handle.request(asked).await.is_none() });
        let Some(Command::Pass { request: heard, reply }) = port.command().await else { panic!() };
        assert_eq!(heard, request);
        drop(reply);
        assert!(asking.await.unwrap(), "a pass that is given up ends the wait");
        assert!(port.waiting().is_none());
    }
}
