//! `[io]` The routes about the copying: passes now, decisions on what is held, jobs, progress.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use serde::Deserialize;

use crate::sync::SyncRequest;
use crate::time::{Now, unix_seconds};
use crate::trail::Event;
use crate::trail::event::Value;

use super::blocks::Operator;
use super::document::{
    Decided, Failure, IdlePasses, Jobs, Pass, PassOutcome, PersonInView, Progress, SyncAnswer,
};
use super::person;
use super::routes::Refused;
use super::state::{ControlState, ControlledDirectory};

/// Jobs that are told unless a number is given.
const USUAL_JOBS: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SyncQuery {
    directory: Option<String>,
    #[serde(default)]
    full: bool,
    #[serde(default)]
    dry_run: bool,
    user: Option<String>,
}

/// Runs a pass of one directory or of all, and waits for it.
pub(super) async fn now(
    State(state): State<Arc<ControlState>>,
    query: Result<Query<SyncQuery>, QueryRejection>,
) -> Result<Response, Refused> {
    let SyncQuery { directory, full, dry_run, user } = read(query)?;
    let directories = select(&state, directory.as_deref())?;
    let request = SyncRequest { full, dry_run, user };
    for directory in &directories {
        let (directory, user) = (&*directory.gate.name, request.user.as_deref());
        tracing::info!(directory, full, dry_run, user, "sync asked for by an operator");
    }
    let passes = directories.iter().map(|directory| directory.sync_now(request.clone()));
    let passes = join_all(passes).await;
    let (people, unclear) = match request.user.as_deref() {
        Some(name) => people(&directories, name),
        None => (Vec::new(), None),
    };
    let (code, failure) = match passes.iter().find_map(failed).or(unclear) {
        Some((code, failure)) => (code, Some(failure)),
        None => (StatusCode::OK, None),
    };
    let (error, culprit) =
        failure.map_or((None, None), |failure| (Some(failure.error), Some(failure.culprit)));
    Ok((code, Json(SyncAnswer { passes, people, error, culprit })).into_response())
}

/// What is wrong with a pass, if something is.
fn failed(pass: &Pass) -> Option<(StatusCode, Failure)> {
    let code = match pass.outcome {
        PassOutcome::Succeeded { .. } | PassOutcome::DryRun { .. } => return None,
        PassOutcome::Held { .. } => StatusCode::CONFLICT,
        PassOutcome::Failed { .. } => StatusCode::BAD_GATEWAY,
    };
    let culprit = format!("directory {}", pass.directory);
    Some((code, Failure { error: pass.failure()?, culprit }))
}

/// The user in every directory that has them, or why nobody can be shown.
fn people(
    directories: &[&ControlledDirectory],
    name: &str,
) -> (Vec<PersonInView>, Option<(StatusCode, Failure)>) {
    let wall = Now::read().wall;
    let mut found = Vec::new();
    for directory in directories {
        let Some(view) = directory.gate.published.load() else { continue };
        match person::find(&view, &directory.attributes, name) {
            Ok(Some(entry)) => {
                found.push(person::shown(&directory.gate.name, &directory.attributes, entry, wall))
            }
            Ok(None) => {}
            Err(error) => {
                return (found, Some((StatusCode::CONFLICT, person::failure(name, error))));
            }
        }
    }
    let nobody = found.is_empty().then(|| (StatusCode::NOT_FOUND, person::nobody(name)));
    (found, nobody)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DirectoryQuery {
    directory: Option<String>,
}

/// Publishes what is held.
pub(super) async fn accept(
    State(state): State<Arc<ControlState>>,
    ConnectInfo(operator): ConnectInfo<Operator>,
    query: Result<Query<DirectoryQuery>, QueryRejection>,
) -> Result<Json<Decided>, Refused> {
    let query = read(query)?;
    let directory = held(&state, query.directory.as_deref())?;
    let done = directory.sync.accept().await;
    tracing::warn!(directory = &*directory.gate.name, ?done, "held change accepted by an operator");
    note(&state, "guard_accepted", directory, &operator, done.is_ok());
    decided(directory, done)
}

/// Throws away what is held.
pub(super) async fn reject(
    State(state): State<Arc<ControlState>>,
    ConnectInfo(operator): ConnectInfo<Operator>,
    query: Result<Query<DirectoryQuery>, QueryRejection>,
) -> Result<Json<Decided>, Refused> {
    let query = read(query)?;
    let directory = held(&state, query.directory.as_deref())?;
    let done = directory.sync.reject().await;
    tracing::warn!(directory = &*directory.gate.name, ?done, "held change rejected by an operator");
    note(&state, "guard_rejected", directory, &operator, done.is_ok());
    decided(directory, done)
}

/// What a decision leaves in the audit trail, if there was something to decide.
fn note(
    state: &ControlState,
    kind: &'static str,
    directory: &ControlledDirectory,
    operator: &Operator,
    done: bool,
) {
    if done {
        state.note(|| {
            Event::new(kind, Now::read().wall)
                .field("directory", Value::Shared(directory.gate.name.clone()))
                .field("by", Value::text(operator.words()))
        });
    }
}

/// The directory that a decision is about: the one that is named, or the only one that holds something.
fn held<'s>(
    state: &'s ControlState,
    name: Option<&str>,
) -> Result<&'s ControlledDirectory, Refused> {
    let mut candidates = select(state, name)?;
    if name.is_none() {
        candidates.retain(|directory| directory.sync.status().held.is_some());
    }
    match candidates.as_slice() {
        [one] => Ok(one),
        [] => Err(Refused {
            code: StatusCode::CONFLICT,
            failure: Failure { error: "nothing is held".to_owned(), culprit: "sync".to_owned() },
        }),
        several => {
            let names: Vec<&str> = several.iter().map(|directory| &*directory.gate.name).collect();
            let error = format!("several hold something, say which: {}", names.join(", "));
            Err(Refused::bad_request("directory", error))
        }
    }
}

fn decided(
    directory: &ControlledDirectory,
    done: Result<String, String>,
) -> Result<Json<Decided>, Refused> {
    let name = directory.gate.name.to_string();
    match done {
        Ok(done) => Ok(Json(Decided { directory: name, done })),
        Err(error) => Err(Refused {
            code: StatusCode::CONFLICT,
            failure: Failure { error, culprit: format!("directory {name}") },
        }),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobsQuery {
    directory: Option<String>,
    newest: Option<usize>,
}

/// The newest jobs.
pub(super) async fn jobs(
    State(state): State<Arc<ControlState>>,
    query: Result<Query<JobsQuery>, QueryRejection>,
) -> Result<Json<Jobs>, Refused> {
    let JobsQuery { directory, newest } = read(query)?;
    let newest = newest.unwrap_or(USUAL_JOBS);
    let directories = select(&state, directory.as_deref())?;
    let mut jobs: Vec<_> = directories.iter().flat_map(|one| one.sync.jobs(newest)).collect();
    jobs.sort_by_key(|job| std::cmp::Reverse((job.finished, job.id)));
    jobs.truncate(newest);
    let idle = directories.iter().filter_map(|directory| {
        let idle = directory.sync.idle()?;
        Some(IdlePasses {
            directory: directory.gate.name.to_string(),
            passes: idle.passes,
            last_unix: unix_seconds(idle.last),
        })
    });
    Ok(Json(Jobs { jobs, idle: idle.collect() }))
}

/// How far the passes under way are.
pub(super) async fn progress(State(state): State<Arc<ControlState>>) -> Json<Vec<Progress>> {
    let progress = state.directories.iter().map(|directory| {
        let status = directory.sync.status();
        Progress {
            directory: directory.gate.name.to_string(),
            running: status.running,
            entries: status.progress,
        }
    });
    Json(progress.collect())
}

fn read<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Refused> {
    query
        .map(|Query(query)| query)
        .map_err(|error| Refused::bad_request("query", error.body_text()))
}

fn select<'s>(
    state: &'s ControlState,
    name: Option<&str>,
) -> Result<Vec<&'s ControlledDirectory>, Refused> {
    state.select(name).map_err(|failure| Refused { code: StatusCode::NOT_FOUND, failure })
}
