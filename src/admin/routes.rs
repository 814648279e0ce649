//! `[io]` The routes of the control socket and the loop that serves them.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::future::join_all;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::telemetry::LogLevel;
use crate::time::Now;

use super::document::{
    ExplainedSearch, Failure, Health, Level, SearchQuestion, Status, SyncAnswer,
};
use super::explain;
use super::socket::ControlSocket;
use super::state::ControlState;

/// How long an answer that is under way may take once the end has come.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves the socket until `shutdown` comes; what is being answered then has a second to end.
pub async fn serve(
    socket: ControlSocket,
    state: Arc<ControlState>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (listener, name) = socket.into_parts();
    let ending = CancellationToken::new();
    let serving = axum::serve(listener, routes(state))
        .with_graceful_shutdown(ending.clone().cancelled_owned())
        .into_future();
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => log_end(ended),
        () = shutdown => {
            ending.cancel();
            if let Ok(ended) = tokio::time::timeout(LAST_WORDS, serving).await {
                log_end(ended);
            }
        }
    }
    drop(name);
}

fn log_end(ended: io::Result<()>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the control socket is gone");
    }
}

fn routes(state: Arc<ControlState>) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/health", get(health))
        .route("/v1/sync", post(sync))
        .route("/v1/explain/search", get(explain_search))
        .route("/v1/log-level", get(log_level).put(set_log_level))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(state)
}

async fn status(State(state): State<Arc<ControlState>>) -> Json<Status> {
    Json(state.status(Now::read()))
}

async fn health(State(state): State<Arc<ControlState>>) -> (StatusCode, Json<Health>) {
    let health = state.health();
    let code = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(health))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SyncQuery {
    directory: Option<String>,
}

async fn sync(
    State(state): State<Arc<ControlState>>,
    query: Result<Query<SyncQuery>, QueryRejection>,
) -> Result<Response, Refused> {
    let Query(query) = query.map_err(|error| Refused::bad_request("query", error.body_text()))?;
    let directories = state
        .select(query.directory.as_deref())
        .map_err(|failure| Refused { code: StatusCode::NOT_FOUND, failure })?;
    let passes = join_all(directories.iter().map(|directory| directory.sync_now())).await;
    let failed = passes
        .iter()
        .find_map(|pass| Some((format!("directory {}", pass.directory), pass.failure()?)));
    Ok(match failed {
        None => Json(SyncAnswer { passes, error: None, culprit: None }).into_response(),
        Some((culprit, error)) => {
            let answer = SyncAnswer { passes, error: Some(error), culprit: Some(culprit) };
            (StatusCode::BAD_GATEWAY, Json(answer)).into_response()
        }
    })
}

async fn explain_search(
    State(state): State<Arc<ControlState>>,
    query: Result<Query<SearchQuestion>, QueryRejection>,
) -> Result<Json<ExplainedSearch>, Refused> {
    let Query(question) =
        query.map_err(|error| Refused::bad_request("query", error.body_text()))?;
    // Looking at every entry takes a while: not on a thread that serves logins.
    let explained = tokio::task::spawn_blocking(move || explain::search(&state, &question)).await;
    match explained {
        Ok(Ok(explained)) => Ok(Json(explained)),
        Ok(Err(failure)) => Err(Refused { code: StatusCode::BAD_REQUEST, failure }),
        Err(error) => Err(Refused {
            code: StatusCode::INTERNAL_SERVER_ERROR,
            failure: Failure { error: error.to_string(), culprit: "search".to_owned() },
        }),
    }
}

async fn log_level(State(state): State<Arc<ControlState>>) -> Json<Level> {
    Json(Level { level: state.log_level() })
}

async fn set_log_level(
    State(state): State<Arc<ControlState>>,
    body: Result<Json<Level>, JsonRejection>,
) -> Result<Json<Level>, Refused> {
    let Json(Level { level }) =
        body.map_err(|error| Refused::bad_request("body", error.body_text()))?;
    let before = state.log_level();
    let level: LogLevel =
        level.parse().map_err(|error| Refused::bad_request("level", format!("{error}")))?;
    state.log.set_level(level).map_err(|error| Refused {
        code: StatusCode::INTERNAL_SERVER_ERROR,
        failure: Failure { error: error.to_string(), culprit: "log".to_owned() },
    })?;
    tracing::warn!(%before, now = %level, "log level changed by an operator");
    Ok(Json(Level { level: level.to_string() }))
}

async fn no_route(uri: Uri) -> Refused {
    Refused {
        code: StatusCode::NOT_FOUND,
        failure: Failure {
            error: "there is no such route; there is: /v1/status, /v1/health, /v1/sync, \
                    /v1/explain/search, /v1/log-level"
                .to_owned(),
            culprit: uri.path().to_owned(),
        },
    }
}

async fn no_method(method: Method, uri: Uri) -> Refused {
    Refused {
        code: StatusCode::METHOD_NOT_ALLOWED,
        failure: Failure {
            error: format!("{method} is not served here"),
            culprit: uri.path().to_owned(),
        },
    }
}

/// An answer that is no success.
struct Refused {
    code: StatusCode,
    failure: Failure,
}

impl Refused {
    fn bad_request(culprit: &str, error: String) -> Self {
        let failure = Failure { error, culprit: culprit.to_owned() };
        Self { code: StatusCode::BAD_REQUEST, failure }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.code, Json(self.failure)).into_response()
    }
}
