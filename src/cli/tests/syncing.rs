//! Passes on demand, dry runs, persons, jobs and decisions, over the control socket.

use std::time::UNIX_EPOCH;

use super::control::{Running, start, start_with};
use crate::admin::document::{
    Changes, Decided, Failure, Jobs, PassOutcome, Progress, Status, SyncAnswer,
};
use crate::cli::exit;
use crate::directory::{ChangeSummary, Counts, MissingRequired};
use crate::sync::{
    Command, Effect, Held, JobOutcome, Pass, PassKind, PassReport, SharedJobs, Strategy, SyncPort,
    Trigger, handle,
};

async fn ask(running: &Running, path: &str) -> SyncAnswer {
    running.client.post_and_wait(path).await.unwrap().any_document().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_and_changes_nothing() {
    let running = start();
    ask(&running, "/v1/sync").await;
    let before = running.published.load().unwrap();
    let alice = running.world.directory.with(|directory| {
        let alice = directory.dn_of("alice").unwrap();
        let frank = directory.dn_of("frank").unwrap();
        directory.disable(&alice).unwrap();
        directory.remove(&frank).unwrap();
        alice
    });
    let answer = ask(&running, "/v1/sync?dry_run=true").await;
    let PassOutcome::DryRun { preview, changes, users, .. } = &answer.passes[0].outcome else {
        panic!("{answer:?}")
    };
    assert_eq!(preview.deactivated.names, [alice]);
    assert_eq!((preview.removed.total, preview.created.total), (1, 0));
    assert_eq!((changes.users_deactivated, changes.users_removed), (1, 1));
    assert_eq!(*users, before.counts().users - 1);
    assert_eq!(answer.passes[0].kind.as_deref(), Some("dry run"));
    let after = running.published.load().unwrap();
    assert!(std::sync::Arc::ptr_eq(&before, &after), "the view is the one before");
    let answer = ask(&running, "/v1/sync").await;
    let PassOutcome::Succeeded { changes, .. } = &answer.passes[0].outcome else { panic!() };
    assert_eq!((changes.users_deactivated, changes.users_removed), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_shown_as_the_copy_has_them() {
    let running = start();
    for name in ["alice", "CORP%5Calice", "alice%40corp.example"] {
        let answer = ask(&running, &format!("/v1/sync?user={name}")).await;
        let [alice] = answer.people.as_slice() else { panic!("{name}: {answer:?}") };
        assert_eq!((alice.state.as_str(), alice.directory.as_str()), ("enabled", "corp"));
        assert!(alice.groups.iter().any(|group| group.contains("crm-users")), "{alice:?}");
        let login = alice.fields.iter().find(|field| field.key == "login").unwrap();
        assert_eq!(
            (login.source.as_str(), login.value.as_deref()),
            ("sAMAccountName", Some("alice"))
        );
    }
    let state = async |name: &str| {
        ask(&running, &format!("/v1/sync?user={name}")).await.people[0].state.clone()
    };
    assert_eq!((state("bob").await, state("carol").await), ("disabled".into(), "expired".into()));
    let answer = running.client.post_and_wait("/v1/sync?user=nobody").await.unwrap();
    assert!(!answer.succeeded());
    let failure: Failure = answer.any_document().unwrap();
    assert_eq!(failure.culprit, "user \"nobody\"");
    assert_eq!(answer.any_document::<SyncAnswer>().unwrap().passes.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_newest_first() {
    let running = start();
    ask(&running, "/v1/sync").await;
    ask(&running, "/v1/sync?dry_run=true").await;
    ask(&running, "/v1/sync").await;
    let jobs: Jobs = running.client.get("/v1/sync/jobs").await.unwrap().document().unwrap();
    let told: Vec<_> = jobs.jobs.iter().map(|job| (job.trigger, job.outcome)).collect();
    let demanded = [JobOutcome::Nothing, JobOutcome::DryRun];
    for (told, outcome) in told.iter().zip(demanded) {
        assert_eq!(*told, (Trigger::Demand, outcome), "{told:?}");
    }
    // The first pass is the program's own or the one that was asked for, whichever came first.
    assert_eq!(told.last().unwrap().1, JobOutcome::Applied);
    let one = running.client.get("/v1/sync/jobs?newest=1&directory=corp").await.unwrap();
    assert_eq!(one.document::<Jobs>().unwrap().jobs, jobs.jobs[..1]);
    let progress = running.client.get("/v1/sync/progress").await.unwrap();
    let idle = Progress { directory: "corp".to_owned(), running: false, entries: None };
    assert_eq!(progress.document::<Vec<Progress>>().unwrap(), [idle]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_something_held_there_is_nothing_to_decide() {
    let running = start();
    for (path, culprit) in [
        ("/v1/sync/accept", "sync"),
        ("/v1/sync/reject", "sync"),
        ("/v1/sync/accept?directory=corp", "directory corp"),
    ] {
        let answer = running.client.post_and_wait(path).await.unwrap();
        let failure: Failure = answer.any_document().unwrap();
        assert_eq!(
            (failure.error.as_str(), failure.culprit.as_str()),
            ("nothing is held", culprit)
        );
        assert_eq!(answer.document::<Decided>().unwrap_err().code(), exit::FAILED);
    }
}

/// A loop that holds every pass until somebody decides.
async fn holding(mut port: SyncPort) {
    while let Some(command) = port.command().await {
        match command {
            Command::Pass { reply, .. } => {
                let held = Held {
                    since: UNIX_EPOCH,
                    reasons: vec!["would remove or deactivate 45 of 300 users".to_owned()],
                    job: 1,
                    accounts: ["CN=a", "CN=b"].iter().collect(),
                };
                port.note(|status| status.held = Some(held.clone()));
                let changes = ChangeSummary { users_removed: 45, ..ChangeSummary::default() };
                let pass = Pass {
                    effect: Effect::Held(held),
                    generation: 3,
                    counts: Counts { users: 255, ..Counts::default() },
                    changes,
                    unreadable: 0,
                    left_out: 0,
                    moved: 0,
                    missing_required: MissingRequired::default(),
                };
                let report = PassReport {
                    directory: "corp".into(),
                    trigger: Trigger::Demand,
                    strategy: Strategy::Usn,
                    kind: PassKind::Changes,
                    job: Some(1),
                    controller: None,
                    started: UNIX_EPOCH,
                    duration: std::time::Duration::ZERO,
                    outcome: Ok(pass),
                };
                reply.send(report).unwrap();
            }
            Command::Accept { reply } => {
                port.note(|status| status.held = None);
                reply.send(Ok("45 users removed".to_owned())).unwrap();
            }
            Command::Reject { reply } => reply.send(Err("too late".to_owned())).unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_a_conflict_until_it_is_decided() {
    let (sync, port) = handle::channel("corp".into(), SharedJobs::default());
    let holding = tokio::spawn(holding(port));
    let running = start_with(|_| sync);
    let client = &running.client;
    let answer = client.post_and_wait("/v1/sync").await.unwrap();
    assert!(!answer.succeeded());
    let failure: Failure = answer.any_document().unwrap();
    assert!(failure.error.contains("held: would remove or deactivate 45"), "{failure:?}");
    let document: SyncAnswer = answer.any_document().unwrap();
    let PassOutcome::Held { held, changes, users, .. } = &document.passes[0].outcome else {
        panic!("{document:?}")
    };
    assert_eq!((held.accounts.total, *users), (2, 255));
    assert_eq!(*changes, Changes { users_removed: 45, ..Changes::default() });

    let status: Status = client.get("/v1/status").await.unwrap().document().unwrap();
    assert_eq!(status.directories[0].sync.held.as_ref(), Some(held));
    let rejected = client.post_and_wait("/v1/sync/reject").await.unwrap();
    assert!(rejected.any_document::<Failure>().unwrap().error.contains("too late"));
    let accepted = client.post_and_wait("/v1/sync/accept").await.unwrap();
    let accepted: Decided = accepted.document().unwrap();
    assert_eq!((accepted.directory.as_str(), accepted.done.as_str()), ("corp", "45 users removed"));
    let status: Status = client.get("/v1/status").await.unwrap().document().unwrap();
    assert_eq!(status.directories[0].sync.held, None);
    holding.abort();
}
