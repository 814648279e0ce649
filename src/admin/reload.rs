//! `[io]` The route about the configuration. `app` carries it out, for it alone knows what is configured.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::StatusCode;

use super::blocks::Operator;
use super::document::Failure;
use super::reload_document::{LoadedConfiguration, ReloadAnswer, ReloadOutcome, ReloadQuestion};
use super::routes::Refused;
use super::state::ControlState;

/// Reads the configuration again.
pub trait Reload: Send + Sync {
    /// Does what is asked, for whom, in words. Blocks on the disk, and for as long as another call takes.
    fn reload(&self, question: ReloadQuestion, by: &str) -> ReloadAnswer;

    /// What is in force and what is held.
    fn loaded(&self) -> LoadedConfiguration;
}

/// Reads the configuration again and takes it over, or says why not.
pub(super) async fn reload(
    State(state): State<Arc<ControlState>>,
    ConnectInfo(operator): ConnectInfo<Operator>,
    query: Result<Query<ReloadQuestion>, QueryRejection>,
) -> Result<(StatusCode, Json<ReloadAnswer>), Refused> {
    let Query(question) =
        query.map_err(|error| Refused::bad_request("query", error.body_text()))?;
    // Files are read, and large directories looked through: not on a thread that serves logins.
    let reloading =
        tokio::task::spawn_blocking(move || state.reload.reload(question, &operator.words()));
    let answer = reloading.await.map_err(|error| Refused {
        code: StatusCode::INTERNAL_SERVER_ERROR,
        failure: Failure { error: error.to_string(), culprit: "reload".to_owned() },
    })?;
    Ok((code(answer.outcome), Json(answer)))
}

const fn code(outcome: ReloadOutcome) -> StatusCode {
    match outcome {
        ReloadOutcome::Applied
        | ReloadOutcome::Unchanged
        | ReloadOutcome::WouldApply
        | ReloadOutcome::WouldHold => StatusCode::OK,
        ReloadOutcome::Held | ReloadOutcome::NeedsRestart => StatusCode::CONFLICT,
        ReloadOutcome::Faulty => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
